"""Seasonal autoregression against the textbook, statsmodels, known answers and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast import seasonal_autoregressive as fast
from inorder.forecast.seasonal_autoregressive import SeasonalAR
from inorder.textbook import seasonal_autoregressive as textbook


def noisy(n: int = 160, season: int = 12, seed: int = 0) -> np.ndarray:
    t = np.arange(n)
    return 100 + 0.1 * t + 20 * np.sin(2 * np.pi * t / season) + np.random.default_rng(seed).normal(0, 5, n)


@pytest.mark.parametrize("seasons", [(), (7,), (12,), (24, 168)])
@pytest.mark.parametrize("order, neighbours, cycles, longest", [(0, 0, 1, 200), (3, 2, 2, 60), (5, 1, 3, 25), (3, 4, 2, 6), (2, 2, 2, 1), (2, 9, 1, 900)])
def test_the_lags_are_those_of_the_textbook(seasons, order, neighbours, cycles, longest):
    found = fast.seasonal_lags(seasons, order, neighbours, cycles, longest)
    assert found.tolist() == textbook.seasonal_lags(seasons, order, neighbours, cycles, longest)


@pytest.mark.parametrize("logarithm", [False, True])
@pytest.mark.parametrize("differenced", [False, True])
def test_as_the_textbook(logarithm, differenced):
    y = noisy()
    model = SeasonalAR(logarithm=logarithm, differenced=differenced).fit_one(y, 12)
    z = np.log(y) if logarithm else y
    w = np.diff(z) if differenced else z
    lags = textbook.seasonal_lags([12], 3, 2, 2, 160 // 3)
    centre = 0.0 if differenced else float(np.mean(z[-12:]))
    phi, sigma = textbook.fit_seasonal_ar(w, lags, centre)
    assert model.lags.tolist() == lags
    np.testing.assert_allclose(model.describe()["phi"], phi, rtol=1e-7)
    unit = 1.0 if logarithm else model.unit
    assert model.sigma * unit == pytest.approx(sigma, rel=1e-9)
    ahead = np.array(textbook.forecast_seasonal_ar(w, lags, phi, centre, 30))
    expected = z[-1] + np.cumsum(ahead) if differenced else ahead
    _, state = model.run(y)
    np.testing.assert_allclose(model.forecast(state, 30), np.exp(expected) if logarithm else expected, rtol=1e-8)


def test_least_squares_as_statsmodels():
    """AutoReg without a constant on the values about the same centre, with the same lags."""
    y = noisy(seed=3)
    model = SeasonalAR().fit_one(y, 12)
    theirs = AutoReg(y - y[-12:].mean(), model.lags.tolist(), trend="n").fit()
    np.testing.assert_allclose(model.describe()["phi"], theirs.params, rtol=1e-8)


def test_a_season_that_grows_goes_on_growing():
    t = np.arange(96)
    y = np.exp(0.02 * t) * np.tile([10.0, 30.0, 20.0, 40.0], 24)
    found = SeasonalAR(season_length=4, logarithm=True, differenced=True).fit(Series.of(y)).predict(8).mean
    np.testing.assert_allclose(found, np.exp(0.02 * np.arange(96, 104)) * np.tile([10.0, 30.0, 20.0, 40.0], 2), rtol=1e-6)


def test_a_day_brings_its_week():
    t = np.arange(24 * 7 * 4)
    y = 50 + 10 * np.sin(2 * np.pi * t / 24) + 15 * (t // 24 % 7 >= 5) + np.random.default_rng(0).normal(0, 0.5, len(t))
    model = SeasonalAR(season_length=24).fit_one(y, 24)
    assert {166, 167, 168, 169, 170} <= set(model.lags.tolist())
    ahead = model.forecast(model.run(y)[1], 168)
    later = np.arange(len(t), len(t) + 168)
    truth = 50 + 10 * np.sin(2 * np.pi * later / 24) + 15 * (later // 24 % 7 >= 5)
    assert np.abs(ahead - truth).mean() < 1.0  # noise of 0.5 in the lags; without the week it is more than 4
    assert np.abs(SeasonalAR(seasons=(24,)).fit_one(y, 24).forecast(SeasonalAR(seasons=(24,)).fit_one(y, 24).run(y)[1], 168) - truth).mean() > 2.0


@pytest.mark.parametrize("logarithm", [False, True])
def test_simulated_paths_have_the_analytic_quantiles(logarithm):
    y = noisy(seed=1)
    model = SeasonalAR(logarithm=logarithm).fit_one(y, 12)
    _, state = model.run(y)
    errors = np.random.default_rng(0).normal(0, model.sigma, (20_000, 15))
    paths = model.simulate(state, 15, errors)
    exact = model.quantiles(state, 15, np.array([0.1, 0.5, 0.9]))
    spread = (exact[2] - exact[0])[None]
    assert (np.abs(np.quantile(paths, [0.1, 0.5, 0.9], axis=0) - exact) / spread).max() < 0.02  # 3 standard errors of a quantile of 20,000
    np.testing.assert_allclose(model.simulate(state, 15, np.zeros((2, 15))), np.tile(model.forecast(state, 15), (2, 1)), rtol=1e-12)
    _, now = model.run(y)
    slow = []
    for error in errors[0]:  # through forecast and step, the error added where the model counts it
        mean = model.forecast(now, 1)[0]
        slow.append(mean * math.exp(error) if logarithm else mean + error * model.unit)
        _, now = model.step(slow[-1], now)
    np.testing.assert_allclose(paths[0], slow, rtol=1e-9)


def test_forecasts_stay_within_one_range_of_the_history():
    y = 1.3 ** np.arange(40.0)
    model = SeasonalAR().fit_one(y, 1)
    assert model.forecast(model.run(y)[1], 100).max() <= 2 * y.max()


def test_what_it_refuses():
    with pytest.raises(ForecastError, match="above zero; the smallest here is -1"):
        SeasonalAR(logarithm=True).fit_one(np.array([3.0, -1.0, 2.0] * 9), 1)
    with pytest.raises(ForecastError, match="too few. Use naive"):
        SeasonalAR().fit_one(np.array([3.0, 1.0]), 1)
    with pytest.raises(ConfigError, match="`logarithm` is True or False, not 1"):
        SeasonalAR(logarithm=1)
    with pytest.raises(ConfigError, match="`seasons` are season lengths.*not 24"):
        SeasonalAR(seasons=24)
    with pytest.raises(ConfigError, match="`cycles` is a whole number, 1 or more, not 0"):
        SeasonalAR(cycles=0)
