"""The baselines against the textbook, worked examples, an independent program, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ForecastError
from inorder.forecast.baselines import Drift, Mean, Naive, Naive2, SeasonalNaive, is_seasonal, seasonal_indices
from inorder.forecast.intervals import student_quantiles
from inorder.textbook import baselines as textbook

NAN = math.nan
RNG = np.random.default_rng(1)
WALK = 50 + np.cumsum(RNG.normal(0.3, 1, 40))
GAPPY = WALK.copy()
GAPPY[[3, 9, 10, 11, 25, 38, 39]] = NAN
SEASONAL = (20 + np.arange(48)) * np.tile([0.8, 1.3, 1.1, 0.8], 12) * RNG.lognormal(0, 0.03, 48)
SEASONAL_GAPPY = SEASONAL.copy()
SEASONAL_GAPPY[[2, 6, 13, 21, 22, 23, 24, 30, 47]] = NAN
SERIES = {"walk": WALK, "gappy": GAPPY, "seasonal": SEASONAL, "seasonal, gappy": SEASONAL_GAPPY, "short": np.array([3.0, 5.0, 4.0])}

METHODS = {
    "mean": (Mean(), textbook.mean, lambda count: count - 1),
    "naive": (Naive(), textbook.naive, lambda count: count - 1),
    "drift": (Drift(), textbook.drift, lambda count: count - 2),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SERIES)
def test_as_the_textbook(method, name):
    forecaster, by_hand, degrees = METHODS[method]
    y = SERIES[name]
    fitted = forecaster.fit(Series.of(y))
    forecast = fitted.predict(9, [0.8])
    mean, error = by_hand(y, 9)
    np.testing.assert_allclose(forecast.mean, mean, rtol=1e-12)
    expected = student_quantiles(mean, error, degrees(int((~np.isnan(y)).sum())), np.array([0.1, 0.9]))
    np.testing.assert_allclose([forecast.lower[0.8], forecast.upper[0.8]], expected, rtol=1e-10)
    np.testing.assert_allclose(fitted.fitted_values, textbook.one_step(lambda past: by_hand(past, 1)[0], y), rtol=1e-12)


@pytest.mark.parametrize("name", ["walk", "seasonal", "seasonal, gappy"])
@pytest.mark.parametrize("season", [1, 4, 5])
def test_seasonal_naive_as_the_textbook(name, season):
    y = SERIES[name]
    fitted = SeasonalNaive(season_length=season).fit(Series.of(y))
    forecast = fitted.predict(11, [0.8])
    mean, error = textbook.seasonal_naive(y, season, 11)
    np.testing.assert_allclose(forecast.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(forecast.upper[0.8], student_quantiles(mean, error, fitted.describe()["degrees"], np.array([0.9]))[0], rtol=1e-10)
    np.testing.assert_allclose(fitted.fitted_values, textbook.one_step(lambda past: textbook.seasonal_naive(past, season, 1)[0], y), rtol=1e-12)


@pytest.mark.parametrize("name", ["walk", "gappy", "seasonal", "seasonal, gappy"])
@pytest.mark.parametrize("season", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("offset", [0.0, -60.0])
def test_naive2_as_the_textbook(name, season, offset):
    y = SERIES[name] + offset
    fitted = Naive2(season_length=season).fit(Series.of(y))
    np.testing.assert_allclose(fitted.predict(30, ()).mean, textbook.naive2(y, season, 30), rtol=1e-10)


def test_a_season_is_found_where_there_is_one():
    assert is_seasonal(SEASONAL, 4) and is_seasonal(SEASONAL_GAPPY, 4)
    assert Naive2(season_length=4).fit(Series.of(SEASONAL)).describe()["season"] == "multiplicative"
    assert Naive2(season_length=4).fit(Series.of(SEASONAL - 30)).describe()["season"] == "additive"
    assert Naive2(season_length=7).fit(Series.of(SEASONAL)).describe() == {"season": "none"}
    spike = np.tile(np.r_[9.0, np.zeros(11)], 3)
    assert is_seasonal(spike, 12)
    assert not is_seasonal(spike[:35], 12)  # one value less than three seasons
    assert not is_seasonal(np.full(40, 3.0), 4)


def test_the_season_test_is_at_90_per_cent():
    """White noise is called seasonal about one time in ten."""
    rng = np.random.default_rng(3)
    share = np.mean([is_seasonal(rng.normal(size=120), 4) for _ in range(2000)])
    assert share == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("season", [2, 3, 4, 7])
@pytest.mark.parametrize("multiplicative", [True, False])
def test_indices_from_a_known_answer(season, multiplicative):
    """A straight line times (plus) a pattern that averages 1 (0)."""
    pattern = np.linspace(0.5, 1.5, season) if multiplicative else np.linspace(-2, 2, season)
    level = np.full(6 * season, 10.0) if multiplicative else 10 + 0.5 * np.arange(6 * season)
    y = level * np.tile(pattern, 6) if multiplicative else level + np.tile(pattern, 6)
    np.testing.assert_allclose(seasonal_indices(y, season, multiplicative), pattern, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["seasonal", "seasonal, gappy"])
@pytest.mark.parametrize("season", [2, 3, 4])
@pytest.mark.parametrize("multiplicative", [True, False])
def test_indices_as_the_textbook(name, season, multiplicative):
    y = SERIES[name]
    np.testing.assert_allclose(seasonal_indices(y, season, multiplicative), textbook.seasonal_indices(y, season, multiplicative), rtol=1e-10)


@pytest.mark.parametrize(
    "forecaster", [Naive(), SeasonalNaive(season_length=4), Naive2(season_length=4), Drift(), Mean()], ids=lambda forecaster: forecaster.name
)
@pytest.mark.parametrize("cut", [2, 5, 21, 24, 25, 40])
def test_a_gap_across_two_stretches_is_one_gap(forecaster, cut):
    """Ages and positions go on where the first stretch ended."""
    y = SEASONAL_GAPPY.copy()
    y[[37, 41, 45]] = NAN  # three seasons without a value at one position
    model = forecaster.fit(Series.of(y)).models[0]
    fitted, last = model.run(y)
    first, state = model.run(y[:cut])
    second, end = model.run(y[cut:], state)
    np.testing.assert_array_equal(np.concatenate([first, second]), fitted)
    np.testing.assert_array_equal(model.forecast(end, 9), model.forecast(last, 9))
    exact = model.quantiles(last, 9, np.array([0.1, 0.9]))
    if exact is not None:
        np.testing.assert_array_equal(model.quantiles(end, 9, np.array([0.1, 0.9])), exact)


# statsforecast 2.1.1 on series/shampoo_sales.csv (36 months): models Naive(), SeasonalNaive(12), HistoricAverage(); mean of
# `forecast(y=y, h=3, level=[80])`, and (hi-80 − mean) / 1.2815515655446004. RandomWalkWithDrift divides its sum of squares by T − 1
# where the book (and R's rwf) divides by T − 2, which is turned into the other here.
SHAMPOO = {
    "naive": (Naive(), [646.9] * 3, [108.23764726616281, 153.07114872316262, 187.47310435671255]),
    "seasonal naive": (SeasonalNaive(season_length=12), [339.7, 440.4, 315.9], [190.64335703961282] * 3),
    "mean": (Mean(), [312.6] * 3, [150.99156688319133] * 3),
    "drift": (
        Drift(),
        [657.78285714, 668.66571429, 679.54857143],
        [x * math.sqrt(35 / 34) for x in (109.21672574949422, 156.5862999164232, 194.35258787633214)],
    ),
}


@pytest.mark.parametrize("method", SHAMPOO)
def test_as_an_independent_program(shared_data, method):
    y = np.loadtxt(shared_data / "series" / "shampoo_sales.csv", delimiter=",", skiprows=1, usecols=1)
    forecaster, mean, error = SHAMPOO[method]
    fitted = forecaster.fit(Series.of(y))
    forecast = fitted.predict(3, [0.8])
    np.testing.assert_allclose(forecast.mean, mean, rtol=1e-9)
    t = student_quantiles(np.zeros(1), np.ones(1), fitted.describe()["degrees"], np.array([0.9]))[0, 0]
    np.testing.assert_allclose((forecast.upper[0.8] - forecast.mean) / t, error, rtol=1e-9)


SIMULATIONS = {
    "mean": (Mean(), lambda rng, n: rng.normal(5, 2, n)),
    "naive": (Naive(), lambda rng, n: np.cumsum(rng.normal(0, 2, n))),
    "drift": (Drift(), lambda rng, n: np.cumsum(rng.normal(3, 2, n))),
    "seasonal naive": (SeasonalNaive(season_length=3), lambda rng, n: np.cumsum(rng.normal(0, 2, (n // 3 + 1, 3)), axis=0).reshape(-1)[:n]),
}


@pytest.mark.parametrize("method", SIMULATIONS)
@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
def test_intervals_are_exact_for_the_process_that_the_method_fits(method, gaps):
    """Ten observations and steps one, two and four ahead: so few that the normal quantile would cover 5 to 10 points too little."""
    forecaster, process = SIMULATIONS[method]
    rng = np.random.default_rng(11)
    draws = np.stack([process(rng, 14) for _ in range(3000)])
    past = draws[:, :10].copy()
    if gaps:
        past[:, [2, 5, 9]] = NAN
    forecast = forecaster.fit(Series.of(past.T)).predict(4, [0.8])
    inside = (draws[:, 10:] >= forecast.lower[0.8]) & (draws[:, 10:] <= forecast.upper[0.8])
    np.testing.assert_allclose(inside.mean(axis=0)[[0, 1, 3]], 0.8, atol=0.03)


def test_a_gap_at_the_end_ages_the_forecast():
    """Two missing values at the end, then one step: the interval of three steps."""
    whole, aged = Naive().fit(Series.of(WALK)), Naive().fit(Series.of(WALK)).update([NAN, NAN])
    assert aged.predict(1, [0.8]).upper[0.8][0] == whole.predict(3, [0.8]).upper[0.8][2]


def test_seasonal_naive_needs_a_season():
    with pytest.raises(ForecastError, match="needs 12 observations, this series has 7"):
        SeasonalNaive(season_length=12).fit(Series.of(np.arange(7.0)))
    with pytest.raises(ForecastError, match="2 of its 4 positions were never observed"):
        SeasonalNaive(season_length=4).fit(Series.of([1.0, NAN, 3.0, NAN, 5.0]))


def test_drift_needs_two():
    with pytest.raises(ForecastError, match="needs 2 observations.*has 1"):
        Drift().fit(Series.of([NAN, 4.0, NAN]))


def test_one_observation_has_a_forecast_but_no_interval():
    for forecaster in (Mean(), Naive(), Naive2()):
        forecast = forecaster.fit(Series.of([5.0])).predict(2)
        assert forecast.mean.tolist() == [5.0, 5.0]
        assert np.isnan(forecast.upper[0.8]).all()
        assert forecast.intervals == "none"
        assert "no interval is known" in forecast.errors["y"]


def test_describe():
    assert Mean().fit(Series.of([1.0, 3.0])).describe() == {"sigma": math.sqrt(2), "degrees": 1, "mean": 2.0}
    assert Drift().fit(Series.of([1.0, 3.0, 5.0])).describe() == {"sigma": 0.0, "degrees": 1, "slope": 2.0}
    assert Mean().fit(Series.of([1.0, 3.0])).update([5.0]).describe()["mean"] == 3.0
