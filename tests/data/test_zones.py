"""Time zones and the nights on which clocks change, against the standard library's zoneinfo."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inorder.data.clock import looks_like_clock_change, to_local, to_utc
from inorder.data.frequency import Frequency
from inorder.data.numerals import BadCell
from inorder.data.series import Series, extend, regularise
from inorder.errors import SeriesError

Reader = Callable[..., Series]
PARIS = "Europe/Paris"
AUTUMN = ["2021-10-31 00:00", "2021-10-31 01:00", "2021-10-31 02:00", "2021-10-31 02:00", "2021-10-31 03:00"]
SPRING = ["2021-03-28 00:00", "2021-03-28 01:00", "2021-03-28 03:00", "2021-03-28 04:00"]


def rows(stamps: list[str]) -> str:
    return "ds,y\n" + "".join(f"{stamp},{i}\n" for i, stamp in enumerate(stamps))


def utc(*stamps: str) -> list[str]:
    return [f"{stamp}:00.000000" for stamp in stamps]


def test_the_repeated_hour_is_two_hours_in_the_order_of_rows(read: Reader) -> None:
    y = read(rows(AUTUMN), timezone=PARIS)
    assert y.index.astype(str).tolist() == utc("2021-10-30T22:00", "2021-10-30T23:00", "2021-10-31T00:00", "2021-10-31T01:00", "2021-10-31T02:00")
    assert y.values.tolist() == [0, 1, 2, 3, 4] and y.frequency == Frequency("hour") and y.timezone == PARIS
    assert any("clocks went back" in note and PARIS in note for note in y.notes)
    assert y.describe().endswith(PARIS) and "2021-10-31 00:00 to 2021-10-31 03:00" in y.describe()


def test_newest_first_turns_the_two_hours_round(read: Reader) -> None:
    y = read(rows(AUTUMN[::-1]), timezone=PARIS)
    assert y.values.tolist() == [4, 3, 2, 1, 0] and len(np.unique(y.index)) == 5


def test_each_half_hour_is_repeated_by_itself(read: Reader) -> None:
    local = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    y = read(rows([f"2021-10-31 {time}" for time in local]), timezone=PARIS)
    assert y.values.tolist() == [0, 1, 2, 3, 4, 5] and y.frequency == Frequency("minute", 30)


def test_each_series_of_a_panel_has_its_own_repeated_hour(read: Reader) -> None:
    content = "id,ds,y\n" + "".join(f"{id},{stamp},{i}\n" for id in "AB" for i, stamp in enumerate(AUTUMN))
    assert read(content, timezone=PARIS).lengths.tolist() == [5, 5]
    wide = "ds,a,b\n" + "".join(f"{stamp},{i},{i + 5}.5\n" for i, stamp in enumerate(AUTUMN))
    assert read(wide, timezone=PARIS).lengths.tolist() == [5, 5]


def test_a_repeated_hour_that_the_file_names_once_leaves_a_gap(read: Reader) -> None:
    y = read(rows(AUTUMN[:3] + AUTUMN[4:]), timezone=PARIS)
    np.testing.assert_array_equal(y.values, [0, 1, 2, np.nan, 3])


def test_the_skipped_hour_is_no_gap(read: Reader) -> None:
    y = read(rows(SPRING), timezone=PARIS)
    assert y.values.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(np.diff(y.index), np.full(3, np.timedelta64(3600, "s")))


def test_a_row_in_the_skipped_hour_is_refused_unless_it_is_empty(read: Reader) -> None:
    stamps = ["2021-03-28 01:00", "2021-03-28 02:00", "2021-03-28 03:00", "2021-03-28 04:00"]
    with pytest.raises(SeriesError, match=r'row 3, column "ds": "2021-03-28 02:00.*Europe/Paris.*clocks went forward'):
        read(rows(stamps), timezone=PARIS)
    y = read("ds,y\n2021-03-28 01:00,1\n2021-03-28 02:00,\n2021-03-28 03:00,3\n2021-03-28 04:00,4\n", timezone=PARIS)
    assert y.values.tolist() == [1, 3, 4] and any("skipped" in note for note in y.notes)


def test_without_a_zone_the_clock_change_is_suspected(read: Reader) -> None:
    with pytest.raises(SeriesError, match=r"2021-10-31 02:00 appears twice.*rows 4 and 5.*clocks change.*--timezone"):
        read(rows(AUTUMN))
    y = read(rows(SPRING))
    np.testing.assert_array_equal(y.values, [0, 1, np.nan, 2, 3])
    assert any("clocks went forward" in note and "--timezone" in note for note in y.notes)


def test_offsets_are_moments_and_the_zone_is_for_show(read: Reader) -> None:
    stamps = ["2021-03-28T00:00:00+01:00", "2021-03-28T01:00:00+01:00", "2021-03-28T03:00:00+02:00"]
    y = read(rows(stamps))
    assert y.timezone == "UTC" and y.frequency == Frequency("hour") and any("--timezone" in note for note in y.notes)
    z = read(rows(stamps), timezone=PARIS)
    np.testing.assert_array_equal(y.index, z.index)
    assert z.label(z.index[-1]) == "2021-03-28 03:00"
    assert read(rows([stamp[:19] + "+02:00" for stamp in stamps[:2]] + ["2021-03-28T02:00:00+02:00"])).timezone == "Etc/GMT-2"


def test_days_stay_on_the_local_calendar(read: Reader) -> None:
    plain = read(rows(["2021-03-27", "2021-03-28", "2021-03-29"]), timezone=PARIS)
    stamps = ["2021-03-27T00:00:00+01:00", "2021-03-28T00:00:00+01:00", "2021-03-29T00:00:00+02:00"]
    moments = read(rows(stamps), timezone=PARIS)
    for y in (plain, moments):
        assert y.frequency == Frequency("day") and y.index.astype("datetime64[D]").astype(str).tolist() == ["2021-03-27", "2021-03-28", "2021-03-29"]
    assert [str(day) for day in moments.to_frame()["ds"]] == ["2021-03-27", "2021-03-28", "2021-03-29"]
    morning = read(rows(["2021-03-27T09:00:00+01:00", "2021-03-28T09:00:00+02:00", "2021-03-29T09:00:00+02:00"]), timezone=PARIS)
    assert morning.frequency == Frequency("day") and morning.to_frame()["ds"].dt.hour().to_list() == [9, 9, 9]


def test_irregular_days_with_a_zone(read: Reader) -> None:
    y = read(rows(["2021-03-01", "2021-03-04", "2021-03-29", "2021-03-31", "2021-05-30", "2021-07-30"]), timezone=PARIS, frequency="none")
    assert y.frequency is None and y.label(y.index[2]) == "2021-03-29"
    assert y.index[2] == np.datetime64("2021-03-28T22:00")


def test_the_future_is_on_the_local_clock(read: Reader) -> None:
    stamps = [f"2021-03-27 {hour:02d}:00" for hour in range(24)]
    y = read(rows(stamps), timezone=PARIS)
    ahead = [y.label(stamp) for stamp in y.future_index(3)[0]]
    assert ahead == ["2021-03-28 00:00", "2021-03-28 01:00", "2021-03-28 03:00"]
    z = extend(y, [1.0, 2.0, 3.0])
    assert z.to_frame()["ds"].dt.hour().to_list()[-3:] == [0, 1, 3]
    assert extend(y, {"ds": ["2021-03-28 00:00", "2021-03-28 01:00", "2021-03-28 03:00"], "y": [1, 2, 3]}).index.tolist() == z.index.tolist()


def test_days_of_23_and_25_hours(read: Reader) -> None:
    start = np.datetime64("2021-03-26T23:00", "us")
    y = read("ds,y\n" + "".join(f"{start + np.timedelta64(i, 'h')}Z,1\n" for i in range(71)), timezone=PARIS)
    assert regularise(y, "1d", "sum").values.tolist() == [24, 23, 24]
    assert read("ds,y\n" + "".join(f"{start + np.timedelta64(i, 'h')}Z,1\n" for i in range(71)), timezone=PARIS, every="1d", how="sum").values.tolist() == [
        24,
        23,
        24,
    ]


@given(
    st.datetimes(dt.datetime(1975, 1, 1), dt.datetime(2035, 1, 1)),
    st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
)
def test_local_times_are_those_of_the_standard_library(moment: dt.datetime, zone: str) -> None:
    moment = moment.replace(microsecond=0)
    local = to_local(np.array([moment], "datetime64[us]"), zone)
    assert local.tolist() == [moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)]
    back, exists = to_utc(local, zone)
    expected = local.tolist()[0].replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC).replace(tzinfo=None)  # fold=0: the first
    assert back.tolist() == [expected] and exists.all()


def test_a_time_that_never_was() -> None:
    with pytest.raises(BadCell) as error:
        to_utc(np.array(["2021-03-28T01:30", "2021-03-28T02:30"], "datetime64[us]"), PARIS)
    assert error.value.row == 1
    _, exists = to_utc(np.array(["2021-03-28T02:30"], "datetime64[us]"), PARIS, skip=np.array([True]))
    assert not exists.any()


@pytest.mark.parametrize(
    "stamp, night",
    [
        ("2021-10-31T02:00", True),
        ("2021-03-28T02:30", True),
        ("2021-03-14T02:00", True),
        ("2021-10-31T12:00", False),
        ("2021-10-30T02:00", False),
        ("2021-07-04T02:00", False),
    ],
)
def test_nights_on_which_clocks_may_change(stamp: str, night: bool) -> None:
    assert looks_like_clock_change(np.datetime64(stamp, "us")) == night
