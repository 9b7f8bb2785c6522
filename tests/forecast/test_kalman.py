"""State space models with parameters: estimates beside published and independent ones, forecasts beside the filter's own prediction."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError, ShapeError
from inorder.forecast.kalman import StateSpace, kalman_filter, state_space

NAN = float("nan")
NILE = Path(__file__).parents[3] / "shared" / "data" / "series" / "nile.csv"


def level(noise: float, change: float):
    return state_space(design=[[1.0]], transition=[[1.0]], state_covariance=[[change]], observation_covariance=noise)


def by_logarithms(p):
    return level(math.exp(p[0]), math.exp(p[1]))


def walk(rows: int = 200, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.6 * rng.normal(size=rows).cumsum() + rng.normal(size=rows)


@pytest.mark.parametrize("bounded", [False, True])
def test_estimates_are_those_of_statsmodels(bounded):
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y = walk()
    if bounded:
        fitted = StateSpace(lambda p: level(*p), start=[0.5, 0.5], bounds=[(1e-9, None), (1e-9, None)]).fit(y)
        estimates = fitted.parameters
    else:
        fitted = StateSpace(by_logarithms, start=[0.0, 0.0], names=["noise", "level"]).fit(y)
        estimates = np.exp(fitted.parameters)
    model = UnobservedComponents(y, level="local level", use_exact_diffuse=True)
    theirs = model.fit(disp=0, cov_type="approx")
    assert fitted.loglik >= theirs.llf - 1e-6
    assert fitted.loglik == pytest.approx(model.loglike(estimates), abs=1e-8)
    np.testing.assert_allclose(estimates, theirs.params, rtol=2e-3)
    errors = fitted.errors if bounded else fitted.errors * estimates  # the delta method
    np.testing.assert_allclose(errors, theirs.bse, rtol=0.02)
    assert (fitted.aic, fitted.bic) == pytest.approx((6 - 2 * fitted.loglik, 3 * np.log(200) - 2 * fitted.loglik))  # two variances, one diffuse state
    assert fitted.observations == 200


def test_a_regression_is_a_state_that_does_not_move():
    """Z of each step holds the regressors: the last filtered state is ordinary least squares."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 3))
    y = x @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=60)
    system = state_space(x[:, None], np.eye(3), np.zeros((3, 3)), 0.01)
    done = kalman_filter(y, system)
    np.testing.assert_allclose(done.filtered[-1], np.linalg.lstsq(x, y)[0], rtol=1e-9)
    np.testing.assert_allclose(done.filtered_covariance[-1], 0.01 * np.linalg.inv(x.T @ x), rtol=1e-9)
    fitted = StateSpace(system).fit(y)
    with pytest.raises(ConfigError, match="ahead"):
        fitted.predict(2)
    with pytest.raises(ConfigError, match="change with time"):
        fitted.stream()
    ahead = state_space(x[:2, None], np.eye(3), np.zeros((3, 3)), 0.01)
    forecast = fitted.predict(2, (0.9,), ahead=ahead)
    np.testing.assert_allclose(forecast.mean, x[:2] @ done.filtered[-1], rtol=1e-9)
    deviation = np.sqrt(0.01 + np.einsum("ti,ij,tj->t", x[:2], done.filtered_covariance[-1], x[:2]))
    np.testing.assert_allclose(forecast.upper[0.9] - forecast.mean, 1.6448536269514722 * deviation, rtol=1e-9)


def test_forecasts_are_the_filter_over_missing_rows_and_paths_have_their_moments():
    y = walk(60)
    fitted = StateSpace(level(1.0, 0.4)).fit(y)
    forecast = fitted.predict(5)
    longer = kalman_filter(np.concatenate([y, [NAN] * 5]), fitted.system)
    np.testing.assert_allclose(forecast.mean, longer.forecast[60:, 0], rtol=1e-12)
    np.testing.assert_array_less(forecast.lower[0.95], forecast.lower[0.8])
    paths = fitted.simulate(5, 20_000, seed=1)
    deviation = np.sqrt(longer.forecast_covariance[60:, 0, 0])
    np.testing.assert_allclose((paths.mean(axis=0) - forecast.mean) / deviation, 0, atol=0.04)
    np.testing.assert_allclose(paths.std(axis=0) / deviation, 1, atol=0.03)
    np.testing.assert_array_equal(paths, fitted.simulate(5, 20_000, seed=1))


def test_a_stream_and_an_update_are_the_filter_over_the_whole():
    y = walk(40)
    whole = StateSpace(level(1.0, 0.4)).fit(y)
    half = StateSpace(level(1.0, 0.4)).fit(y[:20])
    session = half.stream()
    stepped = [session.step(value)[0] for value in y[20:]]
    np.testing.assert_allclose(stepped[:-1], kalman_filter(y, whole.system).forecast[21:, 0], rtol=1e-10)
    assert stepped[-1] == pytest.approx(whole.predict(1).mean[0])
    np.testing.assert_allclose(half.update(y[20:]).predict(3).mean, whole.predict(3).mean, rtol=1e-12)
    assert math.isnan(whole.residuals[0]) and np.isfinite(whole.residuals[1:]).all()


def test_several_columns():
    rng = np.random.default_rng(8)
    y = rng.normal(size=(50, 1)).cumsum(axis=0) + 0.3 * rng.normal(size=(50, 2))
    y[7, 1] = NAN

    def common_level(p):
        return state_space([[1.0], [1.0]], [[1.0]], [[math.exp(p[0])]], math.exp(p[1]) * np.eye(2))

    fitted = StateSpace(common_level, start=[0.0, 0.0]).fit(y)
    assert math.exp(fitted.parameters[1]) == pytest.approx(0.09, rel=0.5)
    assert fitted.predict(4).mean.shape == (4, 2)
    assert fitted.simulate(4, 3).shape == (3, 4, 2)
    assert fitted.residuals.shape == (50, 2) and math.isnan(fitted.residuals[7, 1])
    assert fitted.draw(2).shape == (2, 50, 1)
    assert "p1" in fitted.summary() and "standard error" in fitted.summary()


def test_what_does_not_fit_is_said():
    with pytest.raises(ConfigError, match="start"):
        StateSpace(by_logarithms)
    with pytest.raises(ConfigError, match="start"):
        StateSpace(level(1.0, 1.0), start=[1.0])
    with pytest.raises(ConfigError, match="names.*1 entries; there are 2"):
        StateSpace(by_logarithms, start=[0.0, 0.0], names=["one"])
    with pytest.raises(ForecastError, match="not finite at the start"):
        StateSpace(lambda p: level(math.inf, p[0]), start=[1.0]).fit(walk())
    with pytest.raises(ShapeError, match="panel of 2"):
        StateSpace(level(1.0, 1.0)).fit(Series.of(np.ones((5, 2))))
    with pytest.raises(ForecastError, match="1 directions of the state"):
        StateSpace(level(1.0, 1.0)).fit([NAN, NAN]).predict(2)
    with pytest.raises(ConfigError, match="horizon"):
        StateSpace(level(1.0, 1.0)).fit([1.0]).predict(0)


@pytest.mark.skipif(not NILE.is_file(), reason="the Nile series is not beside the checkout")
def test_the_nile_with_parameters_of_ones_own():
    """Durbin & Koopman 2012, §2.10: σ²ε = 15099, σ²η = 1469.1."""
    y = np.loadtxt(NILE, delimiter=",", skiprows=1)[:, 1]
    fitted = StateSpace(lambda p: level(*p), start=[10_000.0, 1_000.0], bounds=[(1e-3, None), (1e-3, None)]).fit(y)
    np.testing.assert_allclose(fitted.parameters, [15_099, 1_469.1], rtol=1e-3)
