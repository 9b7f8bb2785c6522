"""Unit-root and seasonal tests beside statsmodels and statsforecast, their textbook twins, and series whose nature is known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import inorder.textbook.unit_root as textbook
from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError
from inorder.forecast.unit_root import adf, bridge_tail, canova_hansen, kpss, mackinnon_p, ndiffs, nsdiffs, ocsb, phillips_perron, seasonal_strength

NAN = float("nan")


def walk(n: int = 150, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n).cumsum() + 100


def autoregression(n: int = 150, seed: int = 0, phi: float = 0.6) -> np.ndarray:
    e = np.random.default_rng(seed).normal(size=n)
    y = np.zeros(n)
    for t in range(1, n):
        y[t] = phi * y[t - 1] + e[t]
    return y + 10


def seasonal(n: int, m: int, seed: int = 0, noise: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 50 + 0.2 * np.arange(n) + np.resize(rng.normal(0, 5, m), n) + noise * rng.normal(size=n)


SERIES = {"walk": walk(), "short walk": walk(25, 1), "autoregression": autoregression(), "line": seasonal(120, 12)}
each = pytest.mark.parametrize("y", SERIES.values(), ids=SERIES.keys())


@each
@pytest.mark.parametrize("trend", ["c", "ct"])
@pytest.mark.parametrize("lags", [0, 2, 7])
def test_kpss_is_that_of_statsmodels_and_of_the_textbook(y, trend, lags):
    from statsmodels.tsa.stattools import kpss as other

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns at the ends of its table
        statistic, p_value = other(y, regression=trend, nlags=lags)[:2]
    found = kpss(y, trend, lags)
    assert found.statistic == pytest.approx(statistic, rel=1e-9)
    assert found.p_value == pytest.approx(p_value, abs=1e-12)
    assert found.statistic == pytest.approx(textbook.kpss(y, trend, lags), rel=1e-9)


@each
@pytest.mark.parametrize("trend", ["n", "c", "ct"])
@pytest.mark.parametrize("criterion", ["aic", "bic", None])
def test_adf_is_that_of_statsmodels_and_of_the_textbook(y, trend, criterion):
    from statsmodels.tsa.stattools import adfuller

    lags = 3 if criterion is None else None
    statistic, p_value, used = adfuller(y, maxlag=lags, regression=trend, autolag=criterion and criterion.upper(), result_object=False)[:3]
    found = adf(y, trend, lags, criterion)
    assert found.lags == used
    assert found.statistic == pytest.approx(statistic, rel=1e-8)
    assert found.p_value == pytest.approx(p_value, rel=1e-6)
    assert found.statistic == pytest.approx(textbook.adf(y, trend, used), rel=1e-7)


@each
@pytest.mark.parametrize("trend", ["n", "c", "ct"])
@pytest.mark.parametrize("lags", [0, 4])
def test_phillips_perron_is_that_of_the_textbook(y, trend, lags):
    assert phillips_perron(y, trend, lags).statistic == pytest.approx(textbook.phillips_perron(y, trend, lags), rel=1e-7)


def test_phillips_perron_without_lags_is_dickey_fuller():
    assert phillips_perron(walk(), "ct", 0).statistic == pytest.approx(adf(walk(), "ct", 0, None).statistic, rel=1e-9)


@pytest.mark.parametrize("y", [seasonal(80, 4), walk(100), np.random.default_rng(2).normal(size=(40, 4)).cumsum(axis=0).ravel()])
def test_ocsb_and_canova_hansen_are_those_of_the_textbook(y):
    found = ocsb(y, 4)
    assert found.statistic == pytest.approx(textbook.ocsb(y, 4, found.lags, 3), rel=1e-7)
    assert canova_hansen(y, 4, 5).statistic == pytest.approx(textbook.canova_hansen(y, 4, 5), rel=1e-7)


def test_five_in_a_hundred_seasonal_random_walks_fall_below_the_critical_value():
    """200 of them: 5 % ± 4 %, in which a right test stays 99 times of 100."""
    rng = np.random.default_rng(5)
    below = [test.statistic < test.critical for test in (ocsb(rng.normal(size=240).cumsum().reshape(-1, 12).cumsum(axis=0).ravel(), 12) for _ in range(200))]
    assert 0.01 <= np.mean(below) <= 0.09


@pytest.mark.parametrize(
    "degrees, five_percent",
    [(1, 0.470), (2, 0.749), (3, 1.01), (4, 1.24), (6, 1.68), (11, 2.75), (12, 2.96)],
)
def test_the_limit_law_has_the_published_five_percent_points(degrees, five_percent):
    """Canova & Hansen 1995, table 1, which was simulated."""
    assert bridge_tail(five_percent, degrees) == pytest.approx(0.05, abs=0.003)


def test_the_limit_law_is_that_of_simulated_bridges():
    rng = np.random.default_rng(0)
    draws = np.sum(rng.chisquare(3, size=(40_000, 200)) / (np.pi * np.arange(1, 201)) ** 2, axis=1)
    for x in (0.2, 0.5, 1.0):
        assert bridge_tail(x, 3) == pytest.approx(np.mean(draws > x), abs=0.01)


def test_mackinnon_p_values_are_those_of_statsmodels():
    from statsmodels.tsa.adfvalues import mackinnonp

    for trend in ("n", "c", "ct"):
        for statistic in (-25.0, -6.0, -3.0, -1.7, -1.0, 0.5, 3.0):
            assert mackinnon_p(statistic, trend) == pytest.approx(mackinnonp(statistic, trend), abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("order", [0, 1, 2])
def test_ndiffs_is_that_of_statsforecast(seed, order):
    from statsforecast.arima import ndiffs as other

    y = autoregression(40 + 20 * seed, seed)
    for _ in range(order):
        y = y.cumsum()
    assert ndiffs(y) == other(y)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("m", [4, 12])
def test_seasonal_strength_and_nsdiffs_are_those_of_statsforecast(seed, m):
    from statsforecast.arima import nsdiffs as other
    from statsforecast.arima import seas_heuristic

    y = seasonal(10 * m + seed, m, seed, noise=1 + 2 * seed)
    assert seasonal_strength(y, m) == pytest.approx(seas_heuristic(y, m), abs=1e-10)
    assert nsdiffs(y, m) == other(y, period=m)


@pytest.mark.parametrize("test", ["kpss", "adf", "pp"])
def test_each_unit_root_test_finds_the_order_of_clear_cases(test):
    assert [ndiffs(y, test) for y in (autoregression(300, 3, 0.3), walk(300, 4), walk(300, 4).cumsum())] == [0, 1, 2]


def test_each_seasonal_test_tells_a_wandering_season_from_noise():
    rng = np.random.default_rng(4)
    wandering, noise = rng.normal(size=(40, 12)).cumsum(axis=0).ravel(), rng.normal(size=480)
    for test in ("strength", "ocsb", "canova-hansen"):
        assert [nsdiffs(y, 12, test) for y in (wandering, noise)] == [1, 0], test


def test_gaps_are_left_out_of_unit_root_tests_and_allowed_in_seasonal_ones():
    y = walk()
    gappy = np.insert(y, [0, 20, 20, 90], NAN)
    assert kpss(gappy) == kpss(y)
    assert ndiffs(gappy) == 1
    season = seasonal(96, 12, noise=0.3)
    season[[0, 13, 14, 50]] = NAN
    assert seasonal_strength(season, 12) > 0.9
    assert [nsdiffs(season, 12, test) for test in ("strength", "canova-hansen")] == [1, 0]


@pytest.mark.parametrize("test", ["kpss", "adf", "pp"])
@pytest.mark.parametrize("seasonal_test", ["strength", "ocsb", "canova-hansen"])
@pytest.mark.parametrize(
    "y",
    [[5.0], [5.0, 7.0], [3.0] * 40, [NAN] * 9, [NAN, 4.0, NAN], [1.0, 2.0] * 3, list(range(60)), (2.0 ** np.arange(300)).tolist(), [1e300, -1e300] * 30]
    + [[1.0] * 20 + [1e300] * 20, [1e300, 1e-300] * 20, (1e12 + np.resize([1.0, 3.0, 2.0], 40)).tolist(), [3.0] * 39 + [4.0]],
)
def test_awkward_series_have_an_order(y, test, seasonal_test):
    assert 0 <= ndiffs(y, test) <= 2
    for m in (1, 2, 4, 24):
        assert 0 <= nsdiffs(y, m, seasonal_test) <= 1
        assert 0 <= seasonal_strength(y, m) <= 1


def test_constants_and_short_series_need_no_difference():
    assert ndiffs([3.0] * 40) == ndiffs([NAN] * 4) == ndiffs([1.0, 2.0]) == 0
    assert nsdiffs([3.0] * 40, 4) == nsdiffs([1.0, 2.0] * 4, 4) == nsdiffs(walk(), 1) == 0
    assert ndiffs(walk(), max_d=0) == nsdiffs(seasonal(120, 12), 12, max_D=0) == 0
    assert nsdiffs(seasonal(120, 12), 12, max_D=2) == 1


@pytest.mark.parametrize("scale", [1e-250, 1e-3, 1e250])
def test_the_unit_does_not_matter(scale):
    y = seasonal(120, 12)
    for work in (kpss, adf, phillips_perron):
        assert work(y * scale).statistic == pytest.approx(work(y).statistic, rel=1e-8)
    assert seasonal_strength(y * scale, 12) == pytest.approx(seasonal_strength(y, 12), rel=1e-10)
    assert ocsb(y * scale, 12).statistic == pytest.approx(ocsb(y, 12).statistic, rel=1e-7)


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda: kpss([3.0] * 9), SeriesError, "All 9 observations are equal"),
        (lambda: kpss([1.0, 2.0]), SeriesError, "needs 3 observations; 2 are there"),
        (lambda: adf([1.0, 2.0, 1.0, 3.0, 2.0]), SeriesError, "needs 7 observations; 5"),
        (lambda: kpss(walk(), "n"), ConfigError, 'Trend of a KPSS test "n"'),
        (lambda: kpss(walk(), lags="medium"), ConfigError, 'Number of lags "medium"'),
        (lambda: kpss(walk(20), lags=20), ConfigError, "`lags` is 20; 20 observations"),
        (lambda: adf(walk(), lags=100), ConfigError, "`lags` is 100; 150 observations allow 73"),
        (lambda: adf(walk(), criterion="aicc"), ConfigError, 'Criterion "aicc" is unknown. Did you mean "aic"'),
        (lambda: ndiffs(walk(), "kps"), ConfigError, 'Did you mean "kpss"'),
        (lambda: ndiffs(walk(), alpha=5), ConfigError, "`alpha` is a probability between 0 and 1, not 5"),
        (lambda: nsdiffs(walk(), 12, "hegy"), ConfigError, 'Seasonal test "hegy" is unknown'),
        (lambda: ocsb(walk(), 1), ConfigError, "season of 2 observations or more"),
        (lambda: ocsb(walk(20), 12), SeriesError, "season of 12 and 3 lags needs 25 observations; 20"),
        (lambda: canova_hansen(walk(30), 12), SeriesError, "three seasons of 12; 30"),
        (lambda: kpss(Series.of(np.ones((9, 2)))), SeriesError, "one series, not at 2"),
        (lambda: kpss([1.0, np.inf, 2.0]), SeriesError, "Row 2 is infinite"),
    ],
)
def test_what_cannot_be_tested_is_said_so(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
