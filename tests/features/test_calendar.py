"""Calendar features against Python's own calendar, which of them a frequency has, time zones, holidays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inorder.data.frequency import Frequency
from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError
from inorder.features.calendar import calendar_features, holiday_features
from inorder.textbook import calendar as textbook

DAILY = ["weekday", "day_of_month", "day_of_year", "week", "month", "quarter", "is_weekend", "is_month_start", "is_month_end"]


def stamps(*text: str) -> np.ndarray:
    return np.array(text, "datetime64[us]")


def random_stamps(count: int) -> np.ndarray:
    begin, end = stamps("1900-01-01", "2100-01-01").astype(np.int64)
    return np.random.default_rng(0).integers(begin, end, size=count).astype("datetime64[us]")


@pytest.mark.parametrize(
    "index", [random_stamps(3000), stamps("2024-12-30", "2024-12-31", "2025-01-01", "2021-01-03", "2020-12-31T23:59:59.999999", "2000-02-29")]
)
def test_calendar_follows_the_textbook(index: np.ndarray) -> None:
    expected = textbook.calendar_features(index)
    ours = calendar_features(index, "7s")
    assert set(ours) == set(expected)
    for name, values in ours.items():
        np.testing.assert_allclose(values, expected[name], atol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    ("frequency", "names"),
    [
        ("yearly", []),
        ("4 quarters", []),
        ("quarterly", ["quarter"]),
        ("3 months", ["quarter"]),
        ("monthly", ["month", "quarter"]),
        ("weekly", ["week", "month", "quarter"]),
        ("14 days", ["week", "month", "quarter"]),
        ("daily", DAILY),
        ("24 hours", DAILY),
        ("1440min", DAILY),
        ("business-day", [name for name in DAILY if name != "is_weekend"]),
        ("5 business-days", [name for name in DAILY if name not in ("is_weekend", "weekday")]),
        ("hourly", ["hour", *DAILY]),
        ("60min", ["hour", *DAILY]),
        ("90min", ["minute", "hour", *DAILY]),
        ("30min", ["minute", "hour", *DAILY]),
        ("15s", ["second", "minute", "hour", *DAILY]),
        ("1 millisecond", ["second", "minute", "hour", *DAILY]),
        (None, ["hour", *DAILY]),
    ],
)
def test_a_frequency_has_what_varies_at_it(frequency: str | None, names: list[str]) -> None:
    assert list(calendar_features(stamps("2024-03-01"), frequency, encoding="number")) == names


@pytest.mark.parametrize("frequency", ["quarterly", "monthly", "weekly", "3 days", "daily", "hourly", "90min", "45s"])
def test_what_a_frequency_has_does_vary(frequency: str) -> None:
    every = Frequency.parse(frequency)
    in_years = int(6 * 365.25 * 86_400 / every.seconds)
    index = every.advance(np.datetime64("2023-01-01", "us"), np.unique(np.linspace(0, in_years, 5_000).astype(np.int64)))
    features = calendar_features(index, frequency)
    assert features
    for name, values in features.items():
        assert len(np.unique(values)) > 1, name


def test_encodings() -> None:
    index = stamps("2024-03-01")
    assert list(calendar_features(index, "monthly", encoding="number")) == ["month", "quarter"]
    assert list(calendar_features(index, "monthly", encoding="cycle")) == ["month_sin", "month_cos", "quarter_sin", "quarter_cos"]
    assert len(calendar_features(index, "monthly")) == 6


def test_cycles_have_no_jump() -> None:
    minutes = np.arange(np.datetime64("2023-12-29", "us"), np.datetime64("2024-01-04", "us"), np.timedelta64(30, "m"))
    features = calendar_features(minutes, "30min")
    step = np.hypot(np.diff(features["hour_sin"]), np.diff(features["hour_cos"]))
    np.testing.assert_allclose(step, 2 * np.sin(np.pi / 48), rtol=1e-9)
    days = calendar_features(np.arange("2019-01-01", "2025-01-01", dtype="datetime64[D]"), "daily")
    for name in ("day_of_year", "week", "weekday"):
        step = np.hypot(np.diff(days[f"{name}_sin"]), np.diff(days[f"{name}_cos"]))
        assert step.max() < 1.05 * 2 * np.sin(np.pi * {"weekday": 1 / 7, "week": 7 / 365, "day_of_year": 1 / 365}[name])


def test_business_days_know_the_first_and_last_of_a_month() -> None:
    index = stamps("2024-05-31", "2024-06-03", "2024-06-28", "2024-07-01", "2024-06-12")  # 1 June is a Saturday, 30 June a Sunday
    features = calendar_features(index, "business-day")
    assert features["is_month_start"].tolist() == [0, 1, 0, 1, 0]
    assert features["is_month_end"].tolist() == [1, 0, 1, 0, 0]


def test_hours_are_read_on_the_local_clock() -> None:
    index = stamps("2024-03-31T00:30", "2024-03-31T01:30", "2024-10-27T00:30", "2024-10-27T01:30")  # UTC, around both clock changes
    assert calendar_features(index, "hourly", timezone="Europe/Berlin")["hour"].tolist() == [1, 3, 2, 2]
    assert calendar_features(index, "hourly")["hour"].tolist() == [0, 1, 0, 1]
    assert calendar_features(stamps("2024-12-31T15:30"), "hourly", timezone="Asia/Seoul", encoding="number")["day_of_year"].tolist() == [1]


def test_days_are_local_already() -> None:
    assert calendar_features(stamps("2024-01-01"), "daily", timezone="America/New_York")["day_of_year"].tolist() == [1]


def test_a_series_brings_frequency_and_time_zone() -> None:
    hourly = Frequency("hour")
    series = replace(
        Series.of(np.zeros(3), index=hourly.advance(np.datetime64("2024-06-30T22:00", "us"), np.arange(3)), frequency=hourly), timezone="Europe/Berlin"
    )
    features = calendar_features(series)
    assert features["hour"].tolist() == [0, 1, 2] and features["month"].tolist() == [7, 7, 7]
    future = calendar_features(series.future_index(2).reshape(-1), series.frequency, timezone=series.timezone)
    assert future["hour"].tolist() == [3, 4] and list(future) == list(features)


@pytest.mark.parametrize(
    ("call", "error", "shown"),
    [
        (lambda: calendar_features(Series.of([1, 2, 3])), SeriesError, "int64 numbers, such as 1"),
        (lambda: calendar_features(stamps("2024-01-01"), "step"), SeriesError, '"step" only counts'),
        (lambda: calendar_features(stamps("2024-01-01", "NaT"), "daily"), SeriesError, "Row 2 has no date"),
        (lambda: calendar_features(stamps("2024-01-01").reshape(1, 1), "daily"), SeriesError, r"\(1, 1\)"),
        (
            lambda: calendar_features(stamps("2024-01-01"), "hourly", timezone="Europe/Berln"),
            ConfigError,
            '"Europe/Berln" is unknown. Did you mean Europe/Berlin',
        ),
        (lambda: calendar_features(stamps("2024-01-01"), "hourly", encoding="cyclic"), ConfigError, '"cyclic" is unknown. Did you mean "cycle"'),
        (lambda: holiday_features(stamps("2024-01-01"), "Germny"), ConfigError, '"Germny" is unknown. Did you mean DE'),
        (lambda: holiday_features(stamps("2024-01-01"), "QQ"), ConfigError, '"QQ" is unknown'),
        (lambda: holiday_features(stamps("2024-01-01"), "DE", subdivision="BX"), ConfigError, 'Subdivision "BX" is unknown. Known:.*BY'),
        (lambda: holiday_features(stamps("2024-01-01"), "DE", subdivision="Bayrn"), ConfigError, 'Did you mean "Bayern"'),
        (lambda: holiday_features(stamps("2024-01-01"), "FR", subdivision="XX", before=-1), ConfigError, "`before`.*not -1"),
        (lambda: holiday_features(stamps("2024-01-01"), "SE", subdivision="XX"), ConfigError, "XX"),
        (lambda: holiday_features(stamps("2024-01-01"), "DE", before=1, frequency="monthly"), ConfigError, "one step of this series is a month"),
        (lambda: holiday_features(Series.of([1, 2]), "DE"), SeriesError, "int64 numbers"),
    ],
)
def test_wrong_input_is_told(call: Callable[[], object], error: type[Exception], shown: str) -> None:
    with pytest.raises(error, match=shown):
        call()


def test_holidays_of_a_country_and_its_states() -> None:
    index = np.arange("2024-01-01", "2025-01-01", dtype="datetime64[D]")
    federal = index[holiday_features(index, "DE")["is_holiday"] == 1]
    assert federal.astype(str).tolist() == [
        *("2024-01-01", "2024-03-29", "2024-04-01", "2024-05-01", "2024-05-09", "2024-05-20", "2024-10-03", "2024-12-25", "2024-12-26"),
    ]  # the nine of all states; Good Friday, Easter Monday, Ascension Day and Whit Monday move with Easter, 31 March in 2024
    bavarian = index[holiday_features(index, "DE", subdivision="BY")["is_holiday"] == 1]
    assert (
        {"2024-01-06", "2024-05-30", "2024-08-15", "2024-11-01"}
        >= set(bavarian.astype(str)) - set(federal.astype(str))
        >= {"2024-01-06", "2024-05-30", "2024-11-01"}
    )


def test_names_of_countries_and_states() -> None:
    index = np.arange("2024-01-01", "2024-02-01", dtype="datetime64[D]")
    expected = holiday_features(index, "DE", subdivision="BY")["is_holiday"].tolist()
    for country, state in (("Germany", "Bayern"), ("DEU", "by"), ("de", "BY"), ("germany", "bayern")):
        assert holiday_features(index, country, subdivision=state)["is_holiday"].tolist() == expected
    assert holiday_features(index, "United States")["is_holiday"].sum() == 2  # New Year, Martin Luther King Day
    assert holiday_features(index, "south korea")["is_holiday"].sum() >= 1


def test_days_before_and_after() -> None:
    index = np.arange("2024-09-28", "2024-10-08", dtype="datetime64[D]")  # 3 October is a Thursday
    features = holiday_features(index, "DE", before=2, after=1)
    assert list(features) == ["is_holiday", "before_holiday_1", "before_holiday_2", "after_holiday_1"]
    assert [int(np.flatnonzero(values)[0]) for values in features.values()] == [5, 4, 3, 6]
    assert [values.sum() for values in features.values()] == [1, 1, 1, 1]


def test_a_holiday_just_outside_the_index_counts() -> None:
    assert holiday_features(stamps("2023-12-31"), "DE", before=1)["before_holiday_1"].tolist() == [1]
    assert holiday_features(stamps("2024-12-27"), "DE", after=1)["after_holiday_1"].tolist() == [1]


def test_longer_steps_count_their_holidays() -> None:
    months = np.arange("2024-01", "2025-01", dtype="datetime64[M]").astype("datetime64[us]")
    expected = [1, 0, 1, 1, 3, 0, 0, 0, 0, 1, 0, 2]
    assert holiday_features(months, "DE", frequency="monthly")["holidays"].tolist() == expected
    ends = (months.astype("datetime64[M]") + 1).astype("datetime64[D]").astype("datetime64[us]") - np.timedelta64(1, "D")
    assert holiday_features(ends, "DE", frequency=Frequency("month", month_end=True))["holidays"].tolist() == expected
    assert holiday_features(stamps("2024-01-01"), "DE", frequency="yearly")["holidays"].tolist() == [9]
    assert holiday_features(stamps("2024-12-23", "2024-12-30"), "DE", frequency="weekly")["holidays"].tolist() == [2, 1]


def test_no_rows_have_no_holidays() -> None:
    assert holiday_features(np.zeros(0, "datetime64[us]"), "DE")["is_holiday"].shape == (0,)
    assert holiday_features(np.zeros(0, "datetime64[us]"), "DE", frequency="monthly")["holidays"].shape == (0,)


def test_holidays_of_real_half_hours(shared_data: Path) -> None:
    """The holiday flag of the Victorian electricity data, whose stamps are UTC: equal but for Easter Saturday, which it leaves out."""
    import polars as pl

    frame = pl.read_csv(shared_data / "covariates" / "vic_electricity_30min.csv.gz")
    index = frame["Time"].str.strip_suffix("Z").str.to_datetime().to_numpy()
    flag = (frame["Holiday"].cast(pl.String).str.to_lowercase() == "true").to_numpy()
    ours = holiday_features(index, "Australia", subdivision="VIC", frequency="30min", timezone="Australia/Melbourne")["is_holiday"]
    assert flag.sum() > 1000
    assert set(frame["Date"].to_numpy()[ours != flag].tolist()) == {"2012-04-07", "2013-03-30", "2014-04-19"}


def test_calendar_of_real_hours(shared_data: Path) -> None:
    """Month, hour and weekday as the bike-sharing data give them (weekday 0 there is a Sunday or a Monday; only its grouping is compared)."""
    import polars as pl

    frame = pl.read_csv(shared_data / "covariates" / "bike_sharing_hourly.csv.gz")
    features = calendar_features(frame["date_time"].str.to_datetime().to_numpy(), "hourly")
    for name in ("month", "hour", "weekday"):
        np.testing.assert_array_equal(features[name], frame[name].to_numpy(), err_msg=name)
