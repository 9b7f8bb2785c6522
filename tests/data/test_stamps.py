"""Written times: every way of writing against the standard library's own dates."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inorder.data.numerals import BadCell
from inorder.data.stamps import to_stamps


def stamps(*texts: Any, **options: Any) -> list[Any]:
    values = to_stamps(pl.Series(list(texts)), **options).values
    return values.astype("datetime64[us]").tolist() if values.dtype.kind == "M" else values.tolist()


def day(*parts: int) -> dt.datetime:
    return dt.datetime(*parts)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2020-02-29", day(2020, 2, 29)),
        ("2020/2/9", day(2020, 2, 9)),
        ("2020.02.09", day(2020, 2, 9)),
        ("20200229", day(2020, 2, 29)),
        ("2020-02-29 13:30", day(2020, 2, 29, 13, 30)),
        ("2020-02-29T13:30:15", day(2020, 2, 29, 13, 30, 15)),
        ("2020-02-29T13:30:15.25", day(2020, 2, 29, 13, 30, 15, 250_000)),
        ("2020-02-29T13:30:15,123456789", day(2020, 2, 29, 13, 30, 15, 123_456)),
        ("20200229T133015", day(2020, 2, 29, 13, 30, 15)),
        ("2020-02-29 24:00", day(2020, 3, 1)),
        ("2020-02-29 1:30 pm", day(2020, 2, 29, 13, 30)),
        ("2020-02-29 12:30 a.m.", day(2020, 2, 29, 0, 30)),
        ("2020-02-29T13:30Z", day(2020, 2, 29, 13, 30)),
        ("2020-02-29T13:30+02:00", day(2020, 2, 29, 11, 30)),
        ("2020-02-29 13:30:00-0530", day(2020, 2, 29, 19, 0)),
        ("2020-02-29 13:30:00 UTC", day(2020, 2, 29, 13, 30)),
        ("1949-03", day(1949, 3, 1)),
        ("1949M03", day(1949, 3, 1)),
        ("03/1949", day(1949, 3, 1)),
        ("Jan-1-1995", day(1995, 1, 1)),
        ("March 1, 2020", day(2020, 3, 1)),
        ("1 March 2020", day(2020, 3, 1)),
        ("2nd Sept. 2020", day(2020, 9, 2)),
        ("Mon, 02 Mar 2020 10:00:00 GMT", day(2020, 3, 2, 10)),
        ("02-Mar-20", day(2020, 3, 2)),
        ("Mar 2020", day(2020, 3, 1)),
        ("Mar-95", day(1995, 3, 1)),
        ("2020 March", day(2020, 3, 1)),
        ("1974Q1", day(1974, 1, 1)),
        ("1970 Q4", day(1970, 10, 1)),
        ("1974-Q2", day(1974, 4, 1)),
        ("Q3 1970", day(1970, 7, 1)),
        ("4Q1970", day(1970, 10, 1)),
        ("2020H2", day(2020, 7, 1)),
        ("2020-W05", day(2020, 1, 27)),
        ("2020W53-5", day(2021, 1, 1)),
        ("31/01/2020", day(2020, 1, 31)),
        ("01/31/2020", day(2020, 1, 31)),
        ("31.1.20", day(2020, 1, 31)),
        ("95-01-31", day(1995, 1, 31)),
        ("13/2/2020 3:04:05 PM", day(2020, 2, 13, 15, 4, 5)),
    ],
)
def test_ways_of_writing(text: str, expected: dt.datetime) -> None:
    assert stamps(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-30",
        "2020-13-01",
        "1900-02-29",
        "2021-W53",
        "2020-01-01 25:00",
        "2020-01-01 10:75",
        "31/04/2020",
        "2020-01-01 13:00 pm",
        "2020-01-01T00:00+19:00",
    ],
)
def test_dates_that_do_not_exist(text: str) -> None:
    with pytest.raises(BadCell) as error:
        stamps(text)
    assert error.value.text == text and "exists" in error.value.expected


def test_the_cell_that_differs_is_named() -> None:
    with pytest.raises(BadCell) as error:
        stamps("2020-01-01", "2020-01-02", "01/03/2020")
    assert (error.value.row, error.value.text) == (2, "01/03/2020") and "2020-01-01" in error.value.expected
    with pytest.raises(BadCell) as error:
        stamps("31/01/2020", "01/31/2020")
    assert error.value.row == 1 and "31/01/2020" in error.value.expected


def test_repeated_texts_are_read_once_and_spread() -> None:
    assert stamps("1 Mar 2020", "2 Mar 2020", "1 Mar 2020") == [day(2020, 3, 1), day(2020, 3, 2), day(2020, 3, 1)]


class TestDayOrMonthFirst:
    def notes(self, *texts: str, **options: Any) -> str:
        return " ".join(text for text, _ in to_stamps(pl.Series(list(texts)), **options).notes)

    def test_a_number_above_12_decides_and_its_row_is_told(self) -> None:
        read = to_stamps(pl.Series(["01/02/2020", "31/01/2020"]))
        assert read.values[0].astype(dt.datetime) == day(2020, 2, 1)
        assert read.notes[0][1] == 1 and "31/01/2020" in read.notes[0][0]

    def test_fewer_gaps_decide(self) -> None:
        months = [f"01/{month:02d}/{year}" for year in (2019, 2020) for month in range(1, 13)]
        assert stamps(*months)[1] == day(2019, 2, 1) and "day-first" in self.notes(*months)
        days = [f"01/{d:02d}/2020" for d in range(1, 13)] + [f"02/{d:02d}/2020" for d in range(1, 13)]
        assert stamps(*days)[1] == day(2020, 1, 2)

    def test_dots_are_european(self) -> None:
        assert stamps("01.02.2020")[0] == day(2020, 2, 1) and "--dates month-first" in self.notes("01.02.2020")

    def test_else_the_month_and_the_note_says_so(self) -> None:
        assert stamps("03/04/2020") == [day(2020, 3, 4)] and "--dates day-first" in self.notes("03/04/2020")

    def test_it_can_be_told(self) -> None:
        assert stamps("03/04/2020", dates="day-first") == [day(2020, 4, 3)]
        assert stamps("03/04/05", dates="year-first") == [day(2003, 4, 5)]
        assert self.notes("03/04/2020", dates="day-first") == ""
        assert stamps("2020|04|03", dates="%Y|%m|%d") == [day(2020, 4, 3)]
        assert stamps("04:2020", dates="%m:%Y") == [day(2020, 4, 1)]
        assert stamps("3.4.2020 5h", dates="%d.%m.%Y %Hh") == [day(2020, 4, 3, 5)]


class TestNumbers:
    def test_years(self) -> None:
        read = to_stamps(pl.Series(["1821", "1822", "1823"]))
        assert read.years and read.values.astype("datetime64[Y]").astype(str).tolist() == ["1821", "1822", "1823"]
        assert to_stamps(pl.Series([1950, 1960]), name="YEAR").years
        assert not to_stamps(pl.Series([1950, 1960]), name="t").years
        assert stamps(1821, 1822, 1823, dates="counts") == [1821, 1822, 1823]
        assert to_stamps(pl.Series([12, 13]), dates="years").values.astype("datetime64[Y]").astype(int).tolist() == [12 - 1970, 13 - 1970]
        with pytest.raises(BadCell):
            stamps(1821, 20000, dates="years")

    @pytest.mark.parametrize("factor", [1, 1_000, 1_000_000, 1_000_000_000])
    def test_seconds_since_1970_and_their_parts(self, factor: int) -> None:
        read = to_stamps(pl.Series([1_600_000_000 * factor, 1_600_003_600 * factor]))
        assert read.values.tolist() == [day(2020, 9, 13, 12, 26, 40), day(2020, 9, 13, 13, 26, 40)] and read.zone == "UTC"
        assert stamps(1_600_000_000 * factor, dates="counts") == [1_600_000_000 * factor]

    def test_told_units(self) -> None:
        assert stamps(60, dates="seconds") == [day(1970, 1, 1, 0, 1)]
        assert stamps("60", dates="milliseconds") == [day(1970, 1, 1, 0, 0, 0, 60_000)]
        assert stamps(0.5, dates="seconds") == [day(1970, 1, 1, 0, 0, 0, 500_000)]
        for text in ("2020-01-01", "1e30", "99999999999999"):
            with pytest.raises(BadCell) as error:
                stamps("60", text, dates="seconds")
            assert error.value.row == 1

    def test_compact_dates(self) -> None:
        assert stamps(19580329, 19580405) == [day(1958, 3, 29), day(1958, 4, 5)]
        assert stamps(19580399, 19580405) == [19580399, 19580405]
        assert stamps(195803, 195804) == [day(1958, 3, 1), day(1958, 4, 1)]

    def test_counts_and_times(self) -> None:
        assert stamps("1", "2", "3") == [1, 2, 3]
        assert stamps(0.25, 1.75) == [0.25, 1.75]
        assert stamps(1.0, 2.0) == [1, 2]
        assert stamps("58290.23", "58293.34") == [58290.23, 58293.34]

    def test_parts_of_years(self) -> None:
        months = [1949 + i / 12 for i in range(24)]
        assert to_stamps(pl.Series(months), name="time").values.astype("datetime64[M]").astype(str).tolist()[13] == "1950-02"
        assert to_stamps(pl.Series([1949 + i / 4 for i in range(8)]), name="time").unit == "quarter"
        assert stamps(*months, dates="counts") == months
        assert to_stamps(pl.Series(months), name="dose").values.dtype.kind == "f"


def test_typed_columns() -> None:
    assert stamps(dt.date(2020, 1, 1)) == [day(2020, 1, 1)]
    assert stamps(day(2020, 1, 1, 5)) == [day(2020, 1, 1, 5)]
    read = to_stamps(pl.Series([day(2020, 7, 1, 5)]).dt.replace_time_zone("Europe/Paris"))
    assert read.zone == "Europe/Paris" and read.values.tolist() == [day(2020, 7, 1, 3)]


def test_zones() -> None:
    assert to_stamps(pl.Series(["2020-01-01T00:00+02:00", "2020-01-02T00:00+02:00"])).zone == "Etc/GMT-2"
    mixed = to_stamps(pl.Series(["2020-01-01T00:00+01:00", "2020-07-01T00:00+02:00"]))
    assert mixed.zone == "UTC" and "--timezone" in mixed.notes[0][0]
    with pytest.raises(BadCell) as error:
        stamps("2020-01-01T00:00Z", "2020-01-01T00:00")
    assert error.value.row == 1


WRITERS = [
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y%m%d",
    "%d %B %Y",
    "%b-%d-%Y",
    "%B %d, %Y",
    "%Y/%m/%d %H:%M",
    "%a, %d %b %Y %H:%M:%S",
    "%d-%b-%Y %I:%M %p",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
]


@given(st.lists(st.datetimes(day(1970, 1, 1), day(2068, 1, 1)), min_size=1, max_size=8), st.sampled_from(WRITERS))
def test_what_strftime_writes_comes_back(moments: list[dt.datetime], form: str) -> None:
    texts = [moment.strftime(form) for moment in moments]
    options = {"dates": {"%d": "day-first", "%m": "month-first"}[form[:2]]} if form[:5] in ("%d/%m", "%m/%d") else {}
    assert stamps(*texts, **options) == [dt.datetime.strptime(text, form) for text in texts]


@given(st.lists(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), min_size=1, max_size=8))
def test_iso_weeks_come_back(days: list[dt.date]) -> None:
    assert [stamp.date() for stamp in stamps(*[f"{d.isocalendar().year}-W{d.isocalendar().week:02d}-{d.isocalendar().weekday}" for d in days])] == days


@given(st.lists(st.text(alphabet="0123456789-/:.TZ QWJanb", max_size=14), min_size=1, max_size=4))
def test_any_text_is_read_or_named(texts: list[str]) -> None:
    assume(all(texts))
    try:
        assert len(to_stamps(pl.Series(texts)).values) == len(texts)
    except BadCell as error:
        assert error.text.strip() == texts[error.row].strip()


def test_the_fast_way_and_the_careful_way_agree() -> None:
    texts = [str(np.datetime64("2019-12-30") + i) for i in range(800)]
    np.testing.assert_array_equal(to_stamps(pl.Series(texts)).values, to_stamps(pl.Series([" " + text for text in texts])).values)
