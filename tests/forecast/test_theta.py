"""Theta and AutoTheta as forecasters: seasons, gaps, intervals, likelihood, choice, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.baselines import indices_over_gaps, seasonal_indices
from inorder.forecast.theta import KINDS, AutoTheta, Theta, ThetaModel
from inorder.kernels.theta import fit as fit_kernel

NAN = float("nan")


def monthly(rows: int = 84, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    return (100 + 0.6 * t + np.cumsum(rng.normal(0, 1, rows))) * (1 + 0.2 * np.sin(2 * np.pi * t / 12)) * rng.lognormal(0, 0.02, rows)


def fitted_model(y: np.ndarray, season: int = 12, **settings: object) -> ThetaModel:
    model = Theta(**settings).fit(Series.of(y, season_length=season)).models[0]  # type: ignore[arg-type]
    assert isinstance(model, ThetaModel)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_the_season_is_taken_out_and_put_back(kind):
    y = monthly()
    season = seasonal_indices(y, 12, multiplicative=True)
    model = fitted_model(y, kind=kind)
    np.testing.assert_allclose(model.season, season, rtol=1e-12)
    found = fit_kernel(y / np.resize(season, 84), model.dynamic == 1, NAN if model.optimised else 0.5, alpha_bounds=(0.1, 0.99), skip=model.burn_in)
    assert (model.alpha, model.kappa, model.level) == pytest.approx((found.constants.alpha, found.constants.kappa, found.level), rel=1e-6)
    bare = Theta(kind=kind, seasonal=None, calibrate=False).fit(Series.of(y / np.resize(season, 84), season_length=12)).predict(14)
    whole = Theta(kind=kind, calibrate=False).fit(Series.of(y, season_length=12)).predict(14)
    np.testing.assert_allclose(whole.mean, bare.mean * np.resize(season, 14), rtol=1e-6)
    np.testing.assert_allclose(whole.upper[0.8], bare.upper[0.8] * np.resize(season, 14), rtol=1e-6)


def test_the_kind_of_season():
    y = monthly()
    assert fitted_model(y).multiplicative == 1
    assert fitted_model(y - 150).multiplicative == 0 and len(fitted_model(y - 150).season) == 12
    assert len(fitted_model(np.random.default_rng(0).normal(5, 1, 60)).season) == 1
    assert len(fitted_model(y, seasonal=None).season) == 1
    assert fitted_model(y[:24], seasonal="additive").season.sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("multiplicative", [True, False])
def test_gaps_hardly_change_the_season(multiplicative):
    y = monthly(120)
    gaps = y.copy()
    gaps[np.random.default_rng(1).choice(120, 30, replace=False)] = NAN
    whole, seen = (indices_over_gaps(values, 12, multiplicative) for values in (y, gaps))
    np.testing.assert_allclose(seen, whole, atol=0.03 if multiplicative else 4)
    assert Theta().fit(Series.of(gaps, season_length=12)).predict(12).mean == pytest.approx(
        Theta().fit(Series.of(y, season_length=12)).predict(12).mean, rel=0.05
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_is_the_density_of_the_errors(kind):
    y = monthly()
    fitted = Theta(kind=kind).fit(Series.of(y, season_length=12))
    model = fitted.models[0]
    errors = (y - fitted.fitted_values) / np.resize(model.season, 84)
    known = ~np.isnan(errors)
    density = stats.norm.logpdf(errors[known], scale=np.sqrt(np.mean(errors[known] ** 2))) - np.log(np.resize(model.season, 84)[known])
    assert fitted.loglik == pytest.approx(density.sum(), rel=1e-9)
    assert known.sum() == model.observations == 84 - model.burn_in
    estimated = 3 + (not model.dynamic) * 2 + model.optimised + 11
    assert fitted.aic == pytest.approx(2 * estimated - 2 * fitted.loglik)


@pytest.mark.parametrize("kind", KINDS)
def test_paths_spread_as_the_intervals_say(kind):
    fitted = Theta(kind=kind, calibrate=False).fit(Series.of(monthly(), season_length=12))
    exact, model = fitted.predict(18, (0.8,)), fitted.models[0]
    assert exact.intervals == "analytic"
    errors = model.sigma * np.random.default_rng(0).standard_normal((100_000, 18))
    low, high = np.quantile(model.simulate(model.run(monthly())[1], 18, errors), (0.1, 0.9), axis=0)
    np.testing.assert_allclose(high - low, exact.upper[0.8] - exact.lower[0.8], rtol=0.015)  # five times the error of 100,000 paths


def test_the_first_rows_of_a_dynamic_model_have_no_forecast():
    y = monthly()
    assert np.isnan(Theta(kind="dynamic").fit(Series.of(y, season_length=12)).fitted_values[:3]).all()
    assert not np.isnan(Theta(kind="optimised").fit(Series.of(y, season_length=12)).fitted_values).any()


def test_a_wider_range_of_alpha_fits_better_and_is_obeyed():
    y = np.random.default_rng(0).normal(50, 1, 80)  # no news at all: α as small as it may be
    narrow, wide = (fitted_model(y, alpha_bounds=bounds) for bounds in ((0.3, 0.5), (0.001, 0.999)))
    assert narrow.alpha == 0.3
    assert wide.alpha < 0.1 and wide.loglik > narrow.loglik


@pytest.mark.parametrize(("criterion", "aicc"), [("squared-error", False), ("aicc", True)])
def test_the_choice_by_a_criterion_is_the_best_of_the_four(criterion, aicc):
    for seed in range(3):
        y = monthly(60, seed)
        models = [fitted_model(y, kind=kind) for kind in KINDS]

        def judge(model: ThetaModel, y: np.ndarray = y) -> float:
            errors = ((y - model.run(y)[0]) / np.resize(model.season, 60))[3:]
            k = model.estimated
            return float(57 * np.log(np.mean(errors**2)) + aicc * (2 * k + 2 * k * (k + 1) / (57 - k - 1)))

        chosen = AutoTheta(criterion=criterion).fit(Series.of(y, season_length=12)).describe()["kind"]
        assert chosen == min(models, key=judge).kind


def test_the_choice_by_what_is_held_out_is_the_best_there():
    y = monthly(100, 5)
    errors = {}
    for kind in KINDS:
        mean = Theta(kind=kind).fit(Series.of(y[:82], season_length=12)).predict(18).mean
        errors[kind] = np.abs(y[82:] - mean).mean()
    auto = AutoTheta().fit(Series.of(y, season_length=12))
    best = min(errors, key=errors.__getitem__)
    assert auto.describe()["kind"] == best
    np.testing.assert_array_equal(auto.predict(5).mean, Theta(kind=best).fit(Series.of(y, season_length=12)).predict(5).mean)


@pytest.mark.parametrize("season", [52, 168])
def test_long_seasons(season):
    rng = np.random.default_rng(0)
    t = np.arange(4 * season)
    y = 100 + 30 * np.sin(2 * np.pi * t / season) + rng.normal(0, 2, len(t))
    ahead = AutoTheta().fit(Series.of(y, season_length=season)).predict(season).mean
    truth = 100 + 30 * np.sin(2 * np.pi * (t[-1] + 1 + np.arange(season)) / season)
    assert np.abs(ahead - truth).mean() < 3


def test_refusals_say_what_to_do():
    with pytest.raises(ConfigError, match='"optimized".*Did you mean "optimised"'):
        Theta(kind="optimized")
    with pytest.raises(ConfigError, match="`seasonal` is one of 'auto', 'multiplicative', 'additive', None; not 'yes'"):
        Theta(seasonal="yes")
    with pytest.raises(ConfigError, match=r"`alpha_bounds` .* not \(0, 2\)"):
        AutoTheta(alpha_bounds=(0, 2))
    with pytest.raises(ConfigError, match="`alpha_bounds` .* not 0.5"):
        AutoTheta(alpha_bounds=0.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match='"held_out".*Did you mean "held-out"'):
        AutoTheta(criterion="held_out")
    with pytest.raises(ForecastError, match="estimates 4 numbers and needs 5 observations, has 3"):
        Theta().fit(Series.of([1.0, 2.0, 3.0]))
    with pytest.raises(ForecastError, match="needs 6 observations.*, has 4"):
        Theta(kind="optimised").fit(Series.of([1.0, 2.0, 3.0, 2.0]))
    with pytest.raises(ForecastError, match="needs 24 rows to be seen, this series has 20"):
        Theta(seasonal="additive").fit(Series.of(monthly(20), season_length=12))
    with pytest.raises(ForecastError, match="none is known here"):
        Theta(seasonal="additive").fit(Series.of(monthly(20), season_length=1))
    with pytest.raises(ForecastError, match="values above zero"):
        Theta(seasonal="multiplicative").fit(Series.of(monthly() - 150, season_length=12))
