"""Frequencies: parsed from words, advanced by the calendar, and inferred from stamps as pandas makes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inorder.data.frequency import UNITS, Frequency
from inorder.data.spacing import coarser_series, completeness, infer_frequency, months_of_business_days
from inorder.errors import ConfigError


def one(index: np.ndarray) -> Frequency | None:
    return infer_frequency(index, np.array([0, len(index)]))


def dates(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[us]")


PANDAS = {
    "D": Frequency("day"),
    "2D": Frequency("day", 2),
    "B": Frequency("business day"),
    "W": Frequency("week"),
    "W-WED": Frequency("week"),
    "2W": Frequency("week", 2),
    "MS": Frequency("month"),
    "ME": Frequency("month", 1, True),
    "QS": Frequency("quarter"),
    "QS-FEB": Frequency("quarter"),
    "QE": Frequency("quarter", 1, True),
    "YS": Frequency("year"),
    "YE": Frequency("year", 1, True),
    "2YS": Frequency("year", 2),
    "h": Frequency("hour"),
    "6h": Frequency("hour", 6),
    "30min": Frequency("minute", 30),
    "s": Frequency("second"),
    "10ms": Frequency("millisecond", 10),
    "7us": Frequency("microsecond", 7),
    "SMS": None,
}


@pytest.mark.parametrize("code", PANDAS)
def test_what_pandas_makes_is_recognised(code: str) -> None:
    index = pd.date_range("2019-01-01", periods=60, freq=code).to_numpy().astype("datetime64[us]")
    assert one(index) == PANDAS[code]


@pytest.mark.parametrize("code", [code for code, frequency in PANDAS.items() if frequency is not None])
@pytest.mark.parametrize("seed", range(3))
def test_gaps_change_nothing_and_the_calendar_goes_on_as_pandas_does(code: str, seed: int) -> None:
    index = pd.date_range("2019-01-01", periods=80, freq=code).to_numpy().astype("datetime64[us]")
    frequency = PANDAS[code]
    assert frequency is not None
    kept = np.sort(np.random.default_rng(seed).choice(np.arange(60), 45, replace=False))
    assert one(index[kept]) == frequency
    places = np.asarray(frequency.count(index[kept[0]], index[kept]))
    np.testing.assert_array_equal(places, kept - kept[0])
    np.testing.assert_array_equal(frequency.advance(index[kept[0]], places), index[kept])
    np.testing.assert_array_equal(frequency.advance(index[59], np.arange(1, 21)), index[60:])


@given(
    st.sampled_from(UNITS),
    st.integers(1, 5),
    st.dates(min_value=pd.Timestamp("1900-01-01").date(), max_value=pd.Timestamp("2099-12-28").date()),
    st.integers(0, 500),
)
def test_count_undoes_advance(unit: str, step: int, start: object, steps: int) -> None:
    frequency = Frequency(unit, step)
    begin = np.datetime64(start, "us") if frequency.dated else np.int64(7)
    if unit == "business day":
        begin = np.busday_offset(begin.astype("datetime64[D]"), 0, roll="forward").astype("datetime64[us]")
    there = frequency.advance(begin, np.array([steps]))
    assert int(frequency.count(begin, there)[0]) == steps


def test_other_days_of_the_month() -> None:
    assert one(dates("2019-01-30", "2019-02-28", "2019-03-30", "2019-04-30")) == Frequency("month")
    assert one(dates("2020-02-29", "2021-02-28", "2022-02-28", "2023-02-28")) == Frequency("year", 1, True)
    assert one(dates("2020-01-15 06:00", "2020-02-15 06:00", "2020-03-15 06:00")) == Frequency("month")
    assert one(dates("2020-01-15", "2020-02-16", "2020-03-15")) is None


def test_counts_and_times() -> None:
    assert one(np.array([1, 2, 4, 5])) == Frequency("step")
    assert one(np.array([10, 20, 30])) == Frequency("step", 10)
    assert one(np.array([1, 7, 31, 56, 90, 131])) is None
    assert one(np.array([0.0, 0.5, 1.0, 2.0])) == Frequency("step", 0.5)
    assert one(np.array([0.1 * i for i in range(50)])) == Frequency("step", 0.1)
    thirds = one(np.array([i / 3 for i in range(50)]))
    assert thirds is not None and thirds.step == pytest.approx(1 / 3, rel=1e-14)
    rounded = np.round(np.arange(200) / 3, 3)
    assert one(rounded) is not None and one(rounded).step == pytest.approx(1 / 3, rel=1e-5)  # type: ignore[union-attr]
    assert one(np.delete(rounded, [5, 6, 90])) is not None
    assert one(np.array([0.0, 0.51, 1.02, 1.49])) is None
    assert one(2_450_622.8 + np.array([0.0, 2.1, 3.05, 4.4])) is None


def test_jitter_is_no_frequency() -> None:
    rng = np.random.default_rng(0)
    index = np.datetime64("2020-01-01", "us") + (np.arange(100) * 300_000_000 + rng.integers(-3, 4, 100) * 1_000_000).astype("timedelta64[us]")
    assert one(index) is None


def test_single_stamps() -> None:
    assert one(dates("2020-01-01")) is None
    assert infer_frequency(dates("2020-01-01"), np.array([0, 1]), "quarter") == Frequency("quarter")
    assert one(np.array([5])) == Frequency("step")


def test_five_weekdays_are_days_as_well() -> None:
    week = dates("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05")
    assert one(week) == Frequency("day")
    assert one(np.concatenate([week, week + np.timedelta64(7, "D")])) == Frequency("business day")


def test_completeness() -> None:
    assert completeness(dates("2020-01-01", "2020-01-02", "2020-01-04")) == 0.75
    assert completeness(dates("2020-01-01", "2020-01-20", "2020-03-04", "2020-03-09", "2020-05-30")) == 0.0


def test_business_months() -> None:
    index = pd.date_range("2019-01-01", periods=24, freq="BME").to_numpy().astype("datetime64[us]")
    moved = months_of_business_days(index)
    assert moved is not None and one(moved[0]) == Frequency("month", 1, True)
    assert months_of_business_days(pd.date_range("2019-01-01", periods=24, freq="ME").to_numpy().astype("datetime64[us]")) is None
    assert months_of_business_days(pd.date_range("2019-01-01", periods=400).to_numpy().astype("datetime64[us]")) is None


def test_a_coarser_series_in_a_panel() -> None:
    index = np.concatenate([np.arange(1, 31), np.arange(1, 31, 3)])
    assert coarser_series(index, np.array([0, 30, 40]), Frequency("step")) == 1
    assert coarser_series(index[:35], np.array([0, 30, 35]), Frequency("step")) is None


@pytest.mark.parametrize(
    "text, frequency",
    [
        ("monthly", Frequency("month")),
        ("30min", Frequency("minute", 30)),
        ("2 weeks", Frequency("week", 2)),
        ("business-day", Frequency("business day")),
        ("QS", Frequency("quarter")),
        ("W-SUN", Frequency("week")),
        ("H", Frequency("hour")),
        ("T", Frequency("minute")),
    ],
)
def test_words(text: str, frequency: Frequency) -> None:
    assert Frequency.parse(text) == frequency and Frequency.parse(frequency) is frequency


@pytest.mark.parametrize("text", ["moon", "", "0 days", "1.5h", "-1d"])
def test_words_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError):
        Frequency.parse(text)
    with pytest.raises(ConfigError):
        Frequency("day", 0.5)
