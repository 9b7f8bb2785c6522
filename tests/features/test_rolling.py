"""Rolling statistics against the textbook and pandas, with gaps, at a level of 1e9 and after wild values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inorder.data.series import Series
from inorder.errors import ConfigError
from inorder.features.rolling import STATISTICS, centred_mean, exponential_mean, rolling
from inorder.textbook import rolling as textbook

QUANTILE = {"quantile": 0.3}


@pytest.mark.parametrize("minimum", [None, 1, 3])
@pytest.mark.parametrize("window", [3, 5, 12, 64, 100])
@pytest.mark.parametrize("statistic", STATISTICS)
def test_rolling_follows_the_textbook(statistic: str, window: int, minimum: int | None, panel: Callable[..., Series]) -> None:
    series, quantile = panel(0), QUANTILE.get(statistic)
    expected = np.concatenate([textbook.rolling(y, window, statistic, quantile=quantile, minimum=minimum) for y in series])
    assert np.isfinite(expected).any() or (minimum is None and window > 5)
    np.testing.assert_allclose(rolling(series, window, statistic, quantile=quantile, minimum=minimum), expected, rtol=1e-11, atol=1e-11)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    y=st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=30),
    window=st.integers(1, 35),
    statistic=st.sampled_from(STATISTICS),
    minimum=st.one_of(st.none(), st.integers(1, 3)),
)
def test_rolling_follows_the_textbook_anywhere(y: list[float], window: int, statistic: str, minimum: int | None) -> None:
    minimum = None if minimum is None else min(minimum, window)
    options = {"quantile": QUANTILE.get(statistic), "minimum": minimum}
    np.testing.assert_allclose(rolling(y, window, statistic, **options), textbook.rolling(y, window, statistic, **options), rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_rolling_agrees_with_pandas(statistic: str, panel: Callable[..., Series]) -> None:
    pandas = pytest.importorskip("pandas")
    series = panel(5)
    ids = np.repeat(series.ids, series.lengths)
    windows = pandas.Series(series.values).groupby(ids, sort=False).rolling(7, min_periods=4)
    expected = windows.quantile(0.3) if statistic == "quantile" else getattr(windows, statistic)()
    np.testing.assert_allclose(rolling(series, 7, statistic, minimum=4, quantile=QUANTILE.get(statistic)), expected.to_numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("statistic", ["mean", "std", "median"])
def test_a_high_level_costs_no_digits(statistic: str) -> None:
    noise = np.random.default_rng(0).normal(0, 1e-3, size=5000)
    y = 1e9 + noise
    last = 1.2e-7  # distance between neighbouring floats at 1e9
    expected = textbook.rolling(y, 24, statistic)
    np.testing.assert_allclose(rolling(y, 24, statistic), expected, rtol=0, atol=3 * last)
    assert np.nanmax(np.abs(expected - np.nanmean(expected))) > 100 * last, "the noise is well above what is tolerated"


@pytest.mark.parametrize("statistic", ["mean", "sum", "std"])
def test_a_wild_value_is_forgotten(statistic: str) -> None:
    y = np.random.default_rng(1).normal(size=200)
    wild = y.copy()
    wild[50] = 1e18
    np.testing.assert_array_equal(rolling(wild, 10, statistic)[60:], rolling(y, 10, statistic)[60:])


def test_a_constant_has_no_spread() -> None:
    assert rolling(np.full(50, 0.1), 7, "std")[6:].tolist() == [0.0] * 44


def test_lag_moves_the_window_back(panel: Callable[..., Series]) -> None:
    series = panel(6)
    for i in range(len(series)):
        now, before = rolling(series.y(i), 3, "max", minimum=1), rolling(series.y(i), 3, "max", minimum=1, lag=2)
        np.testing.assert_array_equal(before[2:], now[:-2])
        assert np.isnan(before[:2]).all()


@pytest.mark.parametrize("options", [{"alpha": 0.3}, {"alpha": 1.0}, {"alpha": 0.01}, {"span": 7}, {"half_life": 3}])
def test_exponential_mean_agrees_with_textbook_and_pandas(options: dict[str, float], panel: Callable[..., Series]) -> None:
    pandas = pytest.importorskip("pandas")
    series = panel(7, (200, 3, 1, 90))
    alpha = {"alpha": lambda a: a, "span": lambda s: 2 / (s + 1), "half_life": lambda h: 1 - 0.5 ** (1 / h)}[next(iter(options))](next(iter(options.values())))
    result = exponential_mean(series, **options)
    np.testing.assert_allclose(result, np.concatenate([textbook.exponential_mean(y, alpha=alpha) for y in series]), rtol=1e-12)
    named = {"half_life": "halflife"}
    means = [pandas.Series(y).ewm(**{named.get(name, name): value for name, value in options.items()}, adjust=False, ignore_na=True).mean() for y in series]
    np.testing.assert_allclose(result, np.concatenate(means), rtol=1e-11)


def test_exponential_mean_of_nothing() -> None:
    assert exponential_mean([], alpha=0.5).tolist() == []
    assert np.isnan(exponential_mean([np.nan, np.nan], alpha=0.5)).all()


@pytest.mark.parametrize("window", [1, 2, 3, 4, 7, 12, 24])
def test_centred_mean_follows_the_textbook(window: int, panel: Callable[..., Series]) -> None:
    series = panel(8, (90, 1, 23, 13, 12), 0.01)
    expected = np.concatenate([textbook.centred_mean(y, window) for y in series])
    np.testing.assert_allclose(centred_mean(series, window), expected, rtol=1e-12)
    assert np.isfinite(expected).sum() > 10


def test_centred_mean_takes_out_a_season_of_its_length() -> None:
    for season in (4, 7, 12):
        y = 5 + np.tile(np.random.default_rng(0).normal(size=season), 6)
        inside = slice(season // 2, len(y) - season // 2)
        np.testing.assert_allclose(centred_mean(y, season)[inside], y[:season].mean(), rtol=1e-12)


def test_centred_mean_looks_half_a_window_ahead_and_no_further() -> None:
    y = np.random.default_rng(0).normal(size=40)
    for window in (5, 6):
        changed = y.copy()
        changed[20:] += 100
        moved = np.flatnonzero(centred_mean(changed, window) != centred_mean(y, window))
        moved = moved[~np.isnan(centred_mean(y, window)[moved])]
        assert moved.min() == 20 - window // 2


def test_a_panel_of_many_series_has_the_rows_of_each() -> None:
    values = np.random.default_rng(0).normal(size=(50, 30))
    panel = rolling(Series.of(values), 5, "median").reshape(30, 50)
    np.testing.assert_array_equal(panel[17], rolling(values[:, 17], 5, "median"))


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (lambda: rolling([1, 2], 0), "`window`.*not 0"),
        (lambda: rolling([1, 2], 2, "average"), '"average" is unknown.*mean'),
        (lambda: rolling([1, 2], 2, "medain"), 'Did you mean "median"'),
        (lambda: rolling([1, 2], 2, minimum=3), "3 observed values in a window of 2"),
        (lambda: rolling([1, 2], 2, minimum=0), "`minimum`.*not 0"),
        (lambda: rolling([1, 2], 2, lag=-1), "`lag`.*not -1"),
        (lambda: rolling([1, 2], 2, "quantile"), "quantile None"),
        (lambda: rolling([1, 2], 2, "mean", quantile=0.5), 'statistic is "mean" and quantile 0.5'),
        (lambda: rolling([1, 2], 2, "quantile", quantile=50), "between 0 and 1, not 50"),
        (lambda: exponential_mean([1]), "given: none"),
        (lambda: exponential_mean([1], alpha=0.5, span=3), "given: alpha, span"),
        (lambda: exponential_mean([1], alpha=0), "`alpha`.*not 0"),
        (lambda: exponential_mean([1], alpha=1.5), "`alpha`.*not 1.5"),
        (lambda: exponential_mean([1], span=0.5), "`span`.*not 0.5"),
        (lambda: exponential_mean([1], half_life=0), "`half_life`.*not 0"),
        (lambda: centred_mean([1, 2], 0), "`window`.*not 0"),
    ],
)
def test_wrong_options_are_told(call: Callable[[], object], shown: str) -> None:
    with pytest.raises(ConfigError, match=shown):
        call()
