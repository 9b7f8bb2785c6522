"""What local forecasters make of a recurrence beyond its mean: paths, covariates, likelihood criteria."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

import inorder
from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.autoregressive import AR
from inorder.forecast.base import LikelihoodModel
from inorder.forecast.baselines import Drift, Naive
from inorder.forecast.intervals import deviation
from inorder.forecast.local import LocalForecaster
from inorder.forecast.paths import draw
from inorder.forecast.smoothing import ExponentialSmoothing

RNG = np.random.default_rng(4)
WALK = 50 + np.cumsum(RNG.normal(size=200))


# --- paths ---


def test_paths_without_innovations_are_the_forecast():
    for forecaster in (AR(order=2), ExponentialSmoothing(trend="additive"), Naive()):
        fitted = forecaster.fit(Series.of(WALK))
        model, state = fitted.models[0], fitted._runs[0].state
        np.testing.assert_allclose(model.simulate(state, 6, np.zeros((2, 6))), np.tile(model.forecast(state, 6), (2, 1)), rtol=1e-12)


def test_one_innovation_moves_all_that_comes_after_it():
    fitted = Naive().fit(Series.of(WALK))
    errors = np.zeros((1, 5))
    errors[0, 2] = 3.0
    np.testing.assert_allclose(fitted.models[0].simulate(fitted._runs[0].state, 5, errors)[0] - WALK[-1], [0, 0, 3, 3, 3], atol=1e-12)


@pytest.mark.parametrize("kind", ["simulated", "bootstrap"])
def test_drawn_intervals_agree_with_the_formula_where_it_holds(kind):
    fitted = Naive().fit(Series.of(WALK))
    formula, drawn = fitted.predict(8, (0.8,)), fitted.predict(8, (0.8,), intervals=kind)
    assert drawn.intervals == kind
    np.testing.assert_array_equal(drawn.mean, formula.mean)
    widths = [one.upper[0.8] - one.lower[0.8] for one in (drawn, formula)]
    np.testing.assert_allclose(widths[0], widths[1], rtol=0.12)  # 2,000 paths, 199 residuals
    assert fitted.predict(8, (0.8,), intervals=kind).upper[0.8].tolist() == drawn.upper[0.8].tolist()
    assert fitted.predict(8, (0.8,), intervals=kind, seed=1).upper[0.8].tolist() != drawn.upper[0.8].tolist()
    np.testing.assert_allclose(fitted.predict(3, (0.8,), intervals=kind).upper[0.8], drawn.upper[0.8][:3], rtol=1e-12)


def test_a_bootstrap_knows_skew():
    y = np.cumsum(np.random.default_rng(0).exponential(size=300) - 1)
    forecast = Naive().fit(Series.of(y)).predict(1, (0.9,), intervals="bootstrap")
    above, below = forecast.upper[0.9] - forecast.mean, forecast.mean - forecast.lower[0.9]
    assert above[0] > 1.5 * below[0]


def test_samples():
    panel = Series.of(np.stack([WALK, 2 * WALK], axis=1))
    forecast = Naive().fit(panel).predict(4, samples=300, seed=3)
    assert forecast.samples.shape == (2, 300, 4)
    spread = forecast.samples.std(axis=1)
    np.testing.assert_allclose(spread / spread[:, :1], np.sqrt([[1, 2, 3, 4]] * 2), rtol=0.25)
    alone = Naive().fit(panel[0]).predict(4, samples=300, seed=3)
    np.testing.assert_array_equal(alone.samples, forecast.samples[0])
    assert Naive().fit(panel).predict(4).samples is None
    with pytest.raises(ConfigError, match="`samples` is a whole number, 0 or more, not -1"):
        Naive().fit(panel).predict(4, samples=-1)


def test_too_few_errors_to_draw_from_is_told_and_the_mean_stays():
    forecast = Naive().fit(Series.of(WALK[:5])).predict(2, intervals="bootstrap")
    assert forecast.mean.tolist() == [WALK[4]] * 2
    assert "Paths are drawn from 8 errors of the history or more; this series has 4" in forecast.errors["y"]


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_draws_of_any_size(size):
    errors = size * np.random.default_rng(0).normal(size=100)
    drawn = draw(errors, "simulated", 4000, 1, seed=0)
    assert np.isfinite(drawn).all()
    assert deviation(drawn[:, 0], 4000) == pytest.approx(deviation(errors[33:], 67), rel=0.05)  # not of the first third


def test_the_network_draws_whole_errors():
    from inorder.tasks.lstm_forecaster import LSTMForecaster

    fitted = LSTMForecaster(hidden_size=3, context=16, batch_size=8, max_epochs=1).fit(Series.of(WALK[:80]))
    forecast = fitted.predict(3, samples=50)
    assert forecast.samples.shape == (50, 3) and np.isfinite(forecast.samples).all()
    with pytest.raises(ConfigError, match='There are no bootstrap intervals of lstm. Use intervals="conformal"'):
        fitted.predict(3, intervals="bootstrap")


# --- covariates by regression, and what was estimated ---


@dataclass(frozen=True, eq=False)
class Level(LikelihoodModel):
    """A constant with covariates."""

    level: float
    beta: np.ndarray

    def init(self):
        return None

    def step(self, y, state):
        return self.level, None

    def forecast(self, state, horizon):
        return np.full(horizon, self.level)

    def regression(self):
        return self.beta

    def coefficients(self):
        return {"level": self.level}


@dataclass(frozen=True)
class Regression(LocalForecaster):
    name = "regression"
    model = Level
    covariates = True

    def fit_one(self, y, season_length, x=None):
        known = ~np.isnan(y)
        beta = np.linalg.lstsq(np.column_stack([np.ones(known.sum()), x[known]]), y[known])[0]
        errors = y[known] - beta[0] - x[known] @ beta[1:]
        variance = float(np.mean(errors**2))
        loglik = -0.5 * len(errors) * (math.log(2 * math.pi * variance) + 1)
        return Level(loglik, len(beta) + 1, len(errors), float(beta[0]), beta[1:])


def priced(rows: int = 40, ahead: int = 6, missing: tuple[int, ...] = ()) -> Series:
    rng = np.random.default_rng(9)
    price, holiday = rng.normal(size=rows + ahead), (rng.random(rows + ahead) < 0.2).astype(float)
    y = 10 - 3 * price + 2 * holiday + rng.normal(0, 0.1, rows + ahead)
    y[list(missing)] = np.nan
    series = Series.of(y)
    return replace(series, future={"price": price, "holiday": holiday}).head(ahead)


@pytest.mark.parametrize("missing", [(), (0, 1, 17)])
def test_covariates_enter_by_regression(missing):
    series = priced(missing=missing)
    fitted = Regression().fit(series)
    described = fitted.describe()
    assert described["price"] == pytest.approx(-3, abs=0.1) and described["holiday"] == pytest.approx(2, abs=0.15)
    forecast = fitted.predict(6, (0.8,), intervals="conformal")
    np.testing.assert_allclose(forecast.mean, 10 - 3 * series.ahead["price"][0] + 2 * series.ahead["holiday"][0], atol=0.2)
    assert (forecast.upper[0.8] - forecast.lower[0.8] < 1).all()  # the errors are those of the recurrence, not of the price
    assert np.nanmax(np.abs(fitted.residuals)) < 0.5
    assert fitted.innovations.shape == series.values.shape
    with pytest.raises(ForecastError, match='A forecast of 7 steps needs 7 values of the future covariate "holiday"'):
        fitted.predict(7)


def test_a_session_needs_the_covariates_to_come():
    series = priced(ahead=3)
    fitted = Regression().fit(series)
    session = fitted.stream()
    expected = fitted.predict(3, ()).mean
    assert session.step(9.0) == pytest.approx(expected[1])
    with pytest.raises(ForecastError, match=r"2 future covariates, and those of the next 3 steps are needed; 2 are known"):
        session.predict(3)
    assert session.step(9.0, ahead=[1.0, 0.0]) == pytest.approx(expected[2])
    assert session.step(9.0) == pytest.approx(fitted.models[0].level + fitted.models[0].beta[0])
    with pytest.raises(ForecastError, match="Give one more row of them"):
        session.step(9.0)


def test_an_update_takes_newer_covariates_in(tmp_path):
    whole = priced(rows=40, ahead=6)
    fitted = Regression().fit(whole.head(4))
    newer = fitted.update(whole.tail(4))
    np.testing.assert_allclose(newer.predict(6, ()).mean, 10 - 3 * whole.ahead["price"][0] + 2 * whole.ahead["holiday"][0], atol=0.3)


def test_a_missing_covariate_is_told():
    series = priced()
    price = series.future["price"].copy()
    price[5] = np.nan
    with pytest.raises(ForecastError, match="covariate 2 .* is missing 6 rows after the first observation"):
        Regression().fit(replace(series, future={**series.future, "price": price}))


def test_criteria_by_hand():
    fitted = Regression().fit(priced())
    n, k = 40, 4
    loglik = fitted.loglik
    assert fitted.aic == pytest.approx(2 * k - 2 * loglik)
    assert fitted.aicc == pytest.approx(fitted.aic + 2 * k * (k + 1) / (n - k - 1))
    assert fitted.bic == pytest.approx(k * math.log(n) - 2 * loglik)
    assert fitted.coefficients == {"level": fitted.models[0].level} and fitted.standard_errors == {}
    assert Level(0.0, 3, 4, 0.0, np.zeros(0)).criterion("aicc") == math.inf


def test_what_a_model_does_not_have_is_told():
    fitted = Drift().fit(Series.of(WALK))
    with pytest.raises(ForecastError, match="drift is not fitted by maximum likelihood"):
        _ = fitted.aicc
    with pytest.raises(ForecastError, match="drift has no order"):
        _ = fitted.order
    assert AR(order=2).fit(Series.of(WALK)).order == 2
    assert AR(order=2).fit(Series.of(np.stack([WALK, WALK], axis=1))).order == (2, 2)


def test_estimates_of_a_panel_stand_side_by_side():
    one = priced()
    values = np.stack([one.values, np.full(40, np.nan)], axis=1)
    panel = replace(Series.of(values), future={name: np.tile(column, 2) for name, column in one.future.items()})
    fitted = Regression().fit(panel)
    assert fitted.loglik.shape == (2,) and math.isnan(fitted.loglik[1])
    assert fitted.coefficients[1] == {}
    assert isinstance(inorder.Fitted, type)
