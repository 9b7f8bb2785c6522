"""Fourier terms, spectra and the periods found in them, against the textbook, SciPy and known answers."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inorder.data.frequency import Frequency
from inorder.data.series import Series
from inorder.errors import ConfigError
from inorder.features.fourier import clock, dominant_periods, fisher_g, fourier_terms, periodogram
from inorder.textbook import fourier as textbook


@pytest.mark.parametrize(("period", "order"), [(12, 6), (7, 3), (365.25 / 7, 5), (24, 1), (2, 1)])
def test_fourier_terms_follow_the_textbook(period: float, order: int) -> None:
    position = np.arange(-5, 60)
    np.testing.assert_allclose(fourier_terms(position, period, order), textbook.fourier_terms(position, period, order), atol=1e-12)


def test_fourier_terms_stay_exact_far_from_zero() -> None:
    np.testing.assert_array_equal(fourier_terms(np.arange(12) + 12 * 10**12, 12, 3), fourier_terms(np.arange(12), 12, 3))


def test_broken_positions_have_room_for_more_terms() -> None:
    assert fourier_terms([0.1, 0.35, 0.5], 1.0, 4).shape == (3, 8)


def test_series_of_a_panel_share_one_clock(panel: Callable[..., Series]) -> None:
    series = panel(0)
    terms = fourier_terms(series, 7, 2)
    for stamp in np.unique(series.index)[::20]:
        rows = terms[series.index == stamp]
        np.testing.assert_array_equal(rows, np.broadcast_to(rows[0], rows.shape))


def test_the_clock_runs_on_into_the_future() -> None:
    for frequency in (Frequency("month"), Frequency("month", month_end=True), Frequency("minute", 30), Frequency("business day"), Frequency("quarter")):
        stamps = frequency.advance(np.datetime64("2020-01-31", "us"), np.arange(10))
        whole = clock(Series.of(np.zeros(10), index=stamps, frequency=frequency))
        assert np.diff(whole).tolist() == [1.0] * 9


def test_irregular_clocks() -> None:
    days = np.array(["1970-01-02", "1970-01-02T12:00", "1970-01-09"], "datetime64[us]")
    assert clock(replace(Series.of([1, 2, 3]), index=days, frequency=None)).tolist() == [1.0, 1.5, 8.0]
    assert clock(replace(Series.of([1, 2, 3]), index=np.array([0.5, 0.7, 2.0]), frequency=None)).tolist() == [0.5, 0.7, 2.0]
    assert clock(replace(Series.of([1, 2, 3]), index=np.array([10, 15, 20]), frequency=Frequency("step", 5))).tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (lambda: fourier_terms([0, 1], 12, 7), "`order` is 7.*12 rows has room for 6"),
        (lambda: fourier_terms([0, 1], 0, 1), "`period`.*not 0"),
        (lambda: fourier_terms([0, 1], 12, 0), "`order`.*not 0"),
        (lambda: periodogram([1, 2, 3], rate=0), "`rate`.*not 0"),
        (lambda: periodogram([1, 2, 3], detrend="liner"), 'Did you mean "linear"'),
        (lambda: dominant_periods([1, 2, 3], 0), "`count`.*not 0"),
        (lambda: dominant_periods([1, 2, 3], rate=-1), "`rate`.*not -1"),
    ],
)
def test_wrong_options_are_told(call: Callable[[], object], shown: str) -> None:
    with pytest.raises(ConfigError, match=shown):
        call()


@pytest.mark.parametrize("n", [2, 3, 16, 25])
def test_periodogram_follows_the_textbook(n: int) -> None:
    y = np.random.default_rng(n).normal(size=n) + np.arange(n)
    for ours, theirs in zip(periodogram(y, 12), textbook.periodogram(y, 12), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [64, 101])
@pytest.mark.parametrize(("detrend", "scipy_detrend"), [("linear", "linear"), ("mean", "constant"), ("none", False)])
def test_periodogram_agrees_with_scipy(n: int, detrend: str, scipy_detrend: str | bool) -> None:
    from scipy.signal import periodogram as oracle

    y = np.random.default_rng(n).normal(size=n) + 0.3 * np.arange(n)
    frequency, power = periodogram(y, 360.0, detrend=detrend)
    their_frequency, their_power = oracle(y, 360.0, detrend=scipy_detrend, scaling="spectrum")
    np.testing.assert_allclose(frequency, their_frequency[1:], rtol=1e-12)
    np.testing.assert_allclose(power, their_power[1:], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("n", [50, 51])
def test_powers_add_up_to_the_variance(n: int) -> None:
    y = 1e6 + np.random.default_rng(0).normal(size=n)
    assert periodogram(y, detrend="mean")[1].sum() == pytest.approx(y.var(), rel=1e-9)


def test_periodogram_of_a_panel(panel: Callable[..., Series]) -> None:
    series = panel(0)
    frequency, power = periodogram(series, detrend="mean")
    seen = [y[~np.isnan(y)] for y in series]
    assert power.shape == (6, len(frequency)) and frequency[-1] <= 0.5
    longest = int(np.argmax([len(y) for y in seen]))
    np.testing.assert_allclose(power[longest], periodogram(series.y(longest), detrend="mean")[1], rtol=1e-12)
    assert power[3].tolist() == [0.0] * len(frequency), "a series without observations"


def test_shorter_series_keep_their_variance() -> None:
    series = Series.of(np.random.default_rng(0).normal(size=(60, 2)))
    values = series.values.copy()
    values[100:] = np.nan  # the second series has 40 rows
    _, power = periodogram(replace(series, values=values), detrend="mean")
    zero = values[60:100] - values[60:100].mean()
    at_zero = abs(zero.sum()) ** 2
    assert power[1].sum() + at_zero == pytest.approx(zero.var(), rel=1e-12)


def test_gaps_are_joined_and_ends_cut() -> None:
    t = np.arange(120.0)
    y = np.sin(2 * np.pi * t / 24)
    y[[0, 1, 50, 51, 119]] = np.nan
    frequency, power = periodogram(y)
    assert len(frequency) == 58 and 1 / frequency[power.argmax()] == pytest.approx(24, rel=0.1)


@pytest.mark.parametrize("period", [7.3, 12.0, 24.6, 3.1, 2.0, 40.0])
def test_a_hidden_rhythm_is_found(period: float) -> None:
    generator = np.random.default_rng(3)
    t = np.arange(200)
    y = 100 + 0.5 * t + 4 * np.cos(2 * np.pi * t / period + 0.4) + generator.normal(size=200)
    (found, *others) = dominant_periods(y)
    assert found.length == pytest.approx(period, rel=0.01)
    if period > 2:  # at 2 the sine is 0 throughout, and the normal equations have no answer
        assert found.share == pytest.approx(textbook.share_explained(y, found.length), abs=1e-9)
    assert found.p_value < 1e-10
    assert all(other.share < 0.1 for other in others)


def test_several_rhythms_are_ranked_by_share() -> None:
    t = np.arange(500)
    y = 3 * np.sin(2 * np.pi * t / 50) + 5 * np.sin(2 * np.pi * t / 7) + 1 * np.cos(2 * np.pi * t / 20.5)
    found = dominant_periods(y, 3)
    assert [period.length for period in found] == pytest.approx([7, 50, 20.5], rel=0.01)
    assert [period.share for period in found] == pytest.approx([25 / 35, 9 / 35, 1 / 35], abs=0.02)
    assert sum(period.share for period in found) == pytest.approx(1, abs=5e-3)


def test_the_highest_frequency_is_not_counted_twice() -> None:
    t = np.arange(120)
    y = np.cos(np.pi * t) + 1.6 * np.sin(2 * np.pi * t / 10)  # variances 1 and 1.28
    (strongest,) = dominant_periods(y, 1)
    assert strongest.length == pytest.approx(10)


def test_rate_gives_the_unit() -> None:
    t = np.arange(144)
    assert dominant_periods(np.sin(2 * np.pi * t / 12), 1, rate=12)[0].length == pytest.approx(1.0)


def test_pure_noise_is_rarely_significant() -> None:
    generator = np.random.default_rng(0)
    for n in (60, 61):
        p_values = np.array([dominant_periods(generator.normal(size=n), 1)[0].p_value for _ in range(400)])
        assert abs((p_values < 0.1).mean() - 0.1) < 0.05 and abs(np.median(p_values) - 0.5) < 0.08


def test_rhythms_seen_less_than_twice_are_left_to_the_trend() -> None:
    t = np.arange(100)
    assert all(period.length <= 50 for period in dominant_periods(np.sin(2 * np.pi * t / 100) + 0.01 * np.sin(t), 3))


@pytest.mark.parametrize("y", [[], [1.0], [np.nan] * 20, np.full(50, 3.3), 1e9 + 0.1 * np.arange(80)])
def test_nothing_to_find(y: list[float]) -> None:
    assert dominant_periods(y) == ()


def test_a_panel_gives_one_tuple_each(panel: Callable[..., Series]) -> None:
    series = panel(1)
    found = dominant_periods(series, 2)
    assert len(found) == 6 and found[3] == () and found[1] == ()
    assert found[0] == dominant_periods(series.y(0), 2)


@pytest.mark.parametrize("count", [3, 10, 50])
@pytest.mark.parametrize("g", [0.05, 0.1, 0.2, 0.35, 0.5, 0.9])
def test_fisher_g_is_the_exact_sum(count: int, g: float) -> None:
    assert fisher_g(g, count) == pytest.approx(textbook.fisher_g(g, count), abs=1e-6)


def test_fisher_g_is_the_share_of_simulated_noise() -> None:
    powers = np.random.default_rng(0).exponential(size=(20_000, 12))
    g = powers.max(axis=1) / powers.sum(axis=1)
    for quantile in (0.5, 0.9, 0.95, 0.99):
        assert fisher_g(float(np.quantile(g, quantile)), 12) == pytest.approx(1 - quantile, abs=0.01)


def test_fisher_g_of_many_powers_loses_no_digits() -> None:
    assert fisher_g(0.0005, 10_000) == 1.0
    tails = [fisher_g(g, 10_000) for g in np.linspace(0.0006, 0.004, 40)]
    assert all(0 <= later <= earlier <= 1 for earlier, later in itertools.pairwise(tails))
    assert tails[-1] == pytest.approx(10_000 * (1 - 0.004) ** 9_999, rel=1e-9)


@pytest.mark.parametrize(("name", "column", "period"), [("air_passengers", 1, 12), ("taylor", 1, 48), ("sunspots", 1, 11), ("co2", 1, 52.18)])
def test_known_series_have_their_known_periods(name: str, column: int, period: float, shared_data: Path) -> None:
    with open(shared_data / "series" / f"{name}.csv", newline="") as file:
        y = [float(row[column] or "nan") for row in list(csv.reader(file))[1:]]
    strongest = dominant_periods(y, 1)[0]
    assert strongest.length == pytest.approx(period, rel=0.01)
    assert strongest.p_value < 1e-12
