"""CES as a forecaster: kinds, likelihood, choice, intervals, long seasons, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.ces import CES, SEASONS, CESModel

NAN = float("nan")
each = pytest.mark.parametrize("seasonal", SEASONS)


def monthly(rows: int = 84, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    return np.asarray(100 + np.cumsum(rng.normal(0, 1, rows)) + 15 * np.sin(2 * np.pi * t / 12) + rng.normal(0, 2, rows))


@each
@pytest.mark.parametrize("centre", ["zero", "mean"])
def test_the_likelihood_is_the_density_of_the_errors(seasonal, centre):
    y = monthly()
    y[[20, 21]] = NAN
    fitted = CES(seasonal=seasonal, centre=centre).fit(Series.of(y, season_length=12))
    model = fitted.models[0]
    errors = fitted.residuals[~np.isnan(y)]
    assert fitted.loglik == pytest.approx(stats.norm.logpdf(errors, scale=np.sqrt(np.mean(errors**2))).sum(), rel=1e-9)
    assert model.estimated == len(fitted.coefficients) + 1 + (centre == "mean")
    assert model.observations == 82
    assert model.centre == (pytest.approx(np.nanmean(y)) if centre == "mean" else 0)


@pytest.mark.parametrize("criterion", ["aicc", "aic", "bic"])
def test_the_choice_is_the_least_criterion(criterion):
    series = Series.of(monthly(), season_length=12)
    every = [CES(seasonal=seasonal, centre=centre).fit(series) for seasonal in SEASONS for centre in ("zero", "mean")]
    chosen = CES(criterion=criterion).fit(series)
    assert getattr(chosen, criterion) == min(getattr(one, criterion) for one in every)
    assert chosen.describe()["seasonal"] in ("partial", "full", "simple")


def test_a_season_that_is_none_is_not_chosen():
    assert CES().fit(Series.of(monthly(), season_length=1)).describe()["seasonal"] == "none"
    assert CES().fit(Series.of(monthly(20), season_length=12)).describe()["seasonal"] == "none"


@each
def test_responses_are_what_an_error_does_to_later_forecasts(seasonal):
    y = monthly()
    fitted = CES(seasonal=seasonal).fit(Series.of(y, season_length=12))
    model = fitted.models[0]
    assert isinstance(model, CESModel)
    _, state = model.run(y)
    expected = model.forecast(state, 30)
    _, after = model.step(float(expected[0]) + 1, state)
    np.testing.assert_allclose(model.forecast(after, 29) - expected[1:], model.responses(30)[1:], atol=1e-9)


@each
def test_paths_spread_as_the_intervals_say(seasonal):
    fitted = CES(seasonal=seasonal, calibrate=False).fit(Series.of(monthly(), season_length=12))
    exact, model = fitted.predict(18, (0.8,)), fitted.models[0]
    assert exact.intervals == "analytic"
    errors = model.sigma * np.random.default_rng(0).standard_normal((100_000, 18))
    low, high = np.quantile(model.simulate(model.run(monthly())[1], 18, errors), (0.1, 0.9), axis=0)
    np.testing.assert_allclose(high - low, exact.upper[0.8] - exact.lower[0.8], rtol=0.015)  # five times the error of 100,000 paths


@each
def test_paths_are_those_of_the_recursion(seasonal):
    y = monthly()
    model = CES(seasonal=seasonal).fit(Series.of(y, season_length=12)).models[0]
    assert isinstance(model, CESModel)
    _, state = model.run(y)
    errors = np.random.default_rng(0).normal(0, 2, (4, 15))
    np.testing.assert_allclose(model.simulate(state, 15, errors), super(CESModel, model).simulate(state, 15, errors), rtol=1e-9)


@pytest.mark.parametrize("season", [52, 168])
def test_long_seasons(season):
    rng = np.random.default_rng(0)
    t = np.arange(4 * season)
    y = 100 + 30 * np.sin(2 * np.pi * t / season) + rng.normal(0, 2, len(t))
    ahead = CES().fit(Series.of(y, season_length=season)).predict(season).mean
    truth = 100 + 30 * np.sin(2 * np.pi * (t[-1] + 1 + np.arange(season)) / season)
    assert np.abs(ahead - truth).mean() < 4


def test_refusals_say_what_to_do():
    with pytest.raises(ConfigError, match="`seasonal` is 'auto' or one of None, 'simple', 'partial', 'full'; not 'Z'"):
        CES(seasonal="Z")
    with pytest.raises(ConfigError, match='"middle"'):
        CES(centre="middle")
    with pytest.raises(ConfigError, match='"aicx".*Did you mean "aic'):
        CES(criterion="aicx")
    with pytest.raises(ForecastError, match="estimates 2 parameters here and needs 4 observations, has 3"):
        CES().fit(Series.of([1.0, 2.0, 3.0]))
    with pytest.raises(ForecastError, match="needs 24 rows, two seasons; this series has 20"):
        CES(seasonal="full").fit(Series.of(monthly(20), season_length=12))
    with pytest.raises(ForecastError, match="none is known here"):
        CES(seasonal="full").fit(Series.of(monthly(20), season_length=1))
