"""Structural models: published estimates, an independent program, and what people use them for: components and interventions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import inorder
from inorder.data.frequency import Frequency
from inorder.data.samples import sample_path
from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.structural import Structural, StructuralModel
from inorder.kernels.kalman import kalman_filter
from inorder.kernels.structural import Kind, matrices

SHARED = Path(__file__).parents[3] / "shared" / "data" / "series"
NAN = float("nan")
nile = pytest.mark.skipif(not SHARED.is_dir(), reason="the data are not beside the checkout")


def column(name: str, place: int = -1) -> np.ndarray:
    rows = [line.split(",") for line in (SHARED / name).read_text().splitlines()[1:]]
    return np.array([float(row[place]) for row in rows])


def monthly(values) -> Series:
    index = (np.datetime64("1969-01", "M") + np.arange(len(values))).astype("datetime64[us]")
    return Series.of(values, index=index, frequency=Frequency("month"), season_length=12)


def sales(rows: int = 96, seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    return 50 + 0.3 * t + rng.normal(0, 1, rows).cumsum() + 8 * np.sin(2 * np.pi * t / 12) + rng.normal(0, 2, rows)


def model_of(fitted) -> StructuralModel:
    return fitted.models[0]


@nile
def test_the_nile():
    """Durbin & Koopman 2012, §2.10: σ²ε = 15099, σ²η = 1469.1; the shift of 1899 takes all movement out of the level."""
    y = column("nile.csv")
    fitted = Structural(trend=None, seasonal=None).fit(Series.of(y))
    assert fitted.coefficients["variance_irregular"] == pytest.approx(15_099, rel=1e-4)
    assert fitted.coefficients["variance_level"] == pytest.approx(1_469.1, rel=1e-3)
    assert fitted.standard_errors["variance_level"] == pytest.approx(1_280, rel=0.02)  # as statsmodels 0.15.0 has it
    assert fitted.loglik == pytest.approx(-633.4646, abs=1e-3)  # log 2π of the diffuse observation counted, as in eq. 7.3
    shifted = Structural(trend=None, seasonal=None, interventions=(("level", 28),)).fit(Series.of(y))
    assert shifted.coefficients["variance_level"] == 0
    before, after = y[:28].mean(), y[28:].mean()
    assert shifted.coefficients["level_at_28"] == pytest.approx(after - before, rel=1e-6)
    assert shifted.predict(3).mean == pytest.approx(after, rel=1e-6)


@nile
def test_the_seatbelt_law():
    """Harvey & Durbin 1986; Durbin & Koopman 2012, §8.2: the law of February 1983 lowered the logarithm of drivers killed or injured by about 0.24."""
    y = np.log(column("seatbelts_ksi.csv", 1))
    fitted = Structural(trend=None, seasonal="dummy", interventions=(("level", "1983-02"),)).fit(monthly(y))
    assert fitted.forecaster.interventions == (("level", 169),)
    effect, error = fitted.coefficients["level_at_169"], fitted.standard_errors["level_at_169"]
    assert effect == pytest.approx(-0.24, abs=0.03)
    assert 0.03 < error < 0.07


@pytest.mark.parametrize("trend, theirs", [(None, "local level"), ("local linear", "local linear trend"), ("smooth", "smooth trend")])
def test_forecasts_and_components_are_those_of_statsmodels(trend, theirs):
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y = sales()
    y[[7, 30, 31]] = NAN
    fitted = Structural(trend=trend, seasonal="dummy").fit(monthly(y))
    found = fitted.coefficients
    model = UnobservedComponents(y, level=theirs, seasonal=12, use_exact_diffuse=True)
    names = {
        "sigma2.irregular": "variance_irregular",
        "sigma2.level": "variance_level",
        "sigma2.trend": "variance_slope",
        "sigma2.seasonal": "variance_seasonal",
    }
    other = model.smooth([found[names[name]] for name in model.param_names])
    assert fitted.loglik == pytest.approx(other.llf, abs=1e-6)
    forecast, expected = fitted.predict(24, (0.9,)), other.get_forecast(24)
    np.testing.assert_allclose(forecast.mean, expected.predicted_mean, rtol=1e-8)
    np.testing.assert_allclose(np.stack([forecast.lower[0.9], forecast.upper[0.9]], axis=1), expected.conf_int(alpha=0.1), rtol=1e-7)
    np.testing.assert_allclose(fitted.fitted_values[20:], other.fittedvalues[20:], rtol=1e-8)
    parts = fitted.components(levels=(0.8, 0.95))
    np.testing.assert_allclose(parts.mean["level"], other.level["smoothed"], rtol=1e-7)
    np.testing.assert_allclose(parts.deviation["level"], np.sqrt(other.level["smoothed_cov"]), rtol=1e-5)
    np.testing.assert_allclose(parts.mean["seasonal"], other.seasonal["smoothed"], rtol=1e-6, atol=1e-6)


def everything(rows: int = 96) -> tuple[Structural, Series]:
    y = sales(rows)
    x = np.random.default_rng(1).normal(size=rows)
    y = y + 3 * x
    y[[12, 50]] = NAN
    series = dataclasses.replace(monthly(y), future={"price": x}, ahead={"price": np.zeros((1, 6))})
    return Structural(trend="damped", cycle=True, cycle_period=(15, 60), autoregressive=1, interventions=(("pulse", 40), ("slope", "1973-05"))), series


def test_components_add_up_to_the_series():
    forecaster, series = everything()
    fitted = forecaster.fit(series)
    parts = fitted.components()
    assert set(parts.names) == {"level", "slope", "seasonal", "cycle", "autoregression", "regression", "interventions", "irregular"}
    total = sum(values for name, values in parts.mean.items() if name != "slope")
    there = ~np.isnan(parts.y)
    np.testing.assert_allclose(total[there], parts.y[there], rtol=1e-8)
    lower, upper = parts.band("level", 0.95)
    assert (lower <= parts.mean["level"]).all() and (parts.mean["level"] <= upper).all()
    frame = parts.to_frame()
    assert len(frame) == 96 and {"time", "y", "level", "level_lower_95", "cycle_upper_95"} <= set(frame.columns)
    assert {"regression_lower_95", "interventions_upper_95"} <= set(frame.columns)
    assert parts.plot().axes[0].get_ylabel() == "level"
    assert "level" in str(parts)


def test_covariates_events_and_all_parts_together_come_back_from_a_bundle(tmp_path):
    forecaster, series = everything()
    fitted = forecaster.fit(series)
    assert fitted.coefficients["beta_1"] == pytest.approx(3, abs=0.5)
    loaded = inorder.load(fitted.save(tmp_path / "bundle"))
    np.testing.assert_array_equal(loaded.predict(6).mean, fitted.predict(6).mean)
    np.testing.assert_array_equal(loaded.components().mean["cycle"], fitted.components().mean["cycle"])
    assert loaded.forecaster == fitted.forecaster
    assert json.dumps(fitted.forecaster.settings)
    assert model_of(fitted).estimated == 11 + 1 + 2 - 1 + 13  # 6 variances, φ, ρ, λ, φ₁; one covariate, two events; 13 diffuse states
    assert "damping" in fitted.coefficients and "phi" in fitted.summary()


@pytest.mark.parametrize("settings", [{}, {"trend": None, "seasonal": None}, {"trend": "smooth", "seasonal": None, "interventions": (("slope", 20),)}])
def test_paths_are_those_of_forecast_and_step(settings):
    """`simulate` beside the default of every model: the forecast, the innovation, the next step."""
    from inorder.forecast.base import Model

    fitted = Structural(**settings).fit(monthly(sales(60)))
    model = model_of(fitted)
    _, state = model.run(sales(60))
    errors = np.random.default_rng(2).normal(size=(4, 9))
    np.testing.assert_allclose(model.simulate(state, 9, errors), Model.simulate(model, state, 9, errors), rtol=1e-9)


def test_auto_takes_a_season_where_the_series_holds_it():
    assert model_of(Structural().fit(monthly(sales()))).form.harmonics == 6
    assert model_of(Structural().fit(monthly(sales(20)))).form.harmonics == 0
    long = Series.of(np.random.default_rng(0).normal(size=200).cumsum(), season_length=48)
    assert model_of(Structural().fit(long)).form.harmonics == 6
    assert model_of(Structural(harmonics=2).fit(monthly(sales()))).form.season_states == 4


def test_a_long_season_has_few_harmonics_or_is_refused():
    y = Series.of(np.random.default_rng(0).normal(size=700), season_length=336)
    with pytest.raises(ForecastError, match="337 numbers.*harmonics"):
        Structural(seasonal="dummy").fit(y)
    assert np.isfinite(Structural(seasonal="trigonometric", harmonics=3).fit(y).predict(5).mean).all()


def test_a_panel_with_events_at_a_stamp_begins_at_one_stamp():
    values = np.column_stack([sales(), sales(seed=6)])
    forecaster = Structural(seasonal=None, interventions=(("level", "1972-01"),))
    fitted = forecaster.fit(monthly(values))
    assert fitted.forecaster.interventions == (("level", 36),)
    values[:3, 1] = NAN
    with pytest.raises(ConfigError, match=r"1969-01.*1969-04"):
        forecaster.fit(monthly(values))


def test_workers_change_nothing():
    values = monthly(np.column_stack([sales(seed=seed) for seed in range(6)]))
    one, two = (Structural().fit(values, workers=workers).predict(5) for workers in (1, 2))
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.lower[0.8], two.lower[0.8])


def test_what_is_not_known_or_has_no_effect_is_refused():
    with pytest.raises(ConfigError, match="trend.*'linear'"):
        Structural(trend="linear")
    with pytest.raises(ConfigError, match="seasonal.*'additive'"):
        Structural(seasonal="additive")
    with pytest.raises(ConfigError, match="harmonics.*no effect"):
        Structural(seasonal="dummy", harmonics=2)
    with pytest.raises(ConfigError, match="cycle_period.*no effect"):
        Structural(cycle_period=(3, 9))
    with pytest.raises(ConfigError, match=r"cycle_period.*\(9, 3\)"):
        Structural(cycle=True, cycle_period=(9, 3))
    with pytest.raises(ConfigError, match="Nothing here moves"):
        Structural(level=False, trend=None, seasonal=None, irregular=False)
    with pytest.raises(ConfigError, match='"step" is unknown'):
        Structural(interventions=(("step", 3),))
    with pytest.raises(ConfigError, match="pair such as"):
        Structural(interventions=("level",))
    with pytest.raises(ConfigError, match="row.*-3"):
        Structural(interventions=(("level", -3),))
    with pytest.raises(ConfigError, match='"1950-01".*1969-01'):
        Structural(interventions=(("level", "1950-01"),)).fit(monthly(sales()))
    with pytest.raises(ConfigError, match="cannot be read"):
        Structural(interventions=(("level", "soon"),)).fit(monthly(sales()))
    with pytest.raises(ConfigError, match="level"):
        Structural(level=1)


def test_series_that_are_too_short_are_said_so():
    with pytest.raises(ForecastError, match=r"needs 6 observations.*has 5"):
        Structural().fit(Series.of([1.0, 3.0, 2.0, 5.0, 4.0]))
    with pytest.raises(ForecastError, match="needs two seasons"):
        Structural(seasonal="dummy").fit(monthly(sales(20)))
    with pytest.raises(ForecastError, match="season of 2 observations"):
        Structural(seasonal="dummy", season_length=1).fit(monthly(sales(20)))
    y = sales()
    y[5::12] = NAN
    with pytest.raises(ForecastError, match="never seen"):
        Structural(seasonal="dummy").fit(monthly(y))
    with pytest.raises(ForecastError, match="could not be fitted"):
        values = np.column_stack([sales(), np.full(96, NAN)])
        Structural().fit(monthly(values)).components(1)


def conditioned(model: StructuralModel, y: np.ndarray, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance, inside, of the `ahead` observations after y by dense conditioning: what is diffuse by generalised least squares."""
    system = model.system
    design, turn, moved = system.design[0, 0], system.transition[0], system.state_covariance[0]
    rows, covariance, n = [design], np.zeros((len(y) + ahead,) * 2), len(y) + ahead
    for _ in range(n - 1):
        rows.append(rows[-1] @ turn)
    weights, state = np.array(rows), system.covariance
    for t in range(n):
        covariance[t, t:] = covariance[t:, t] = weights[: n - t] @ (state @ design)
        state = turn @ state @ turn.T + moved
    covariance += system.observation_covariance[0, 0, 0] * np.eye(n)
    known, after, x = np.flatnonzero(~np.isnan(y)), np.arange(len(y), n), weights @ system.directions.T
    root = np.linalg.cholesky(covariance[np.ix_(known, known)])
    seen, values, shared = (np.linalg.solve(root, part) for part in (x[known], y[known], covariance[np.ix_(known, after)]))
    q, r = np.linalg.qr(seen)
    start, rest = np.linalg.solve(r, q.T @ values), np.linalg.solve(r.T, (x[after] - shared.T @ seen).T)
    mean = x[after] @ start + shared.T @ (values - seen @ start)
    return mean, np.diag(covariance[np.ix_(after, after)] - shared.T @ shared) + np.sum(rest**2, axis=0)


def season_of(length: int, seasons: int, seed: int = 1) -> np.ndarray:
    t = np.arange(length * seasons)
    return 100 + 10 * np.sin(2 * np.pi * t / length) + np.random.default_rng(seed).normal(0, 1, len(t))


@pytest.mark.parametrize("length", [40, 52, 144])
@pytest.mark.parametrize("settings", [{}, {"harmonics": 10}, {"seasonal": "dummy"}], ids=str)
def test_long_seasons_are_forecast_as_dense_conditioning_says(length, settings):
    """Harmonics of a long season are all but alike over its first rows: the covariance of the diffuse start grows to 1e17, and the digits must not be lost."""
    if settings == {"seasonal": "dummy"} and length == 144:
        y, parameters = season_of(length, 3), np.array([0.01, 1e-5, 1e-8, 1e-6, 0, 0, 1, 0, 0])  # the search would take a minute
        kind = np.array(Kind(trend=1, seasonal=1, season_length=144), dtype=np.float64)
        short = model_of(Structural(seasonal=None).fit(Series.of(y)))
        model = dataclasses.replace(short, kind=kind, parameters=parameters)
    else:
        y = season_of(length, 3)
        model = model_of(Structural(**settings).fit(Series.of(y, season_length=length)))
    y[[3, length + 7]] = NAN
    inside = (y / model.unit - model.centre) / model.spread
    mean, variance = conditioned(model, inside, 12)
    fitted, state = model.run(y)
    np.testing.assert_allclose(model.forecast(state, 12), (mean * model.spread + model.centre) * model.unit, rtol=0, atol=1e-8)
    quartile = model.quantiles(state, 12, np.array([0.25, 0.75]))
    np.testing.assert_allclose(quartile[1] - quartile[0], 2 * 0.6744897501960817 * np.sqrt(variance) * model.spread * model.unit, rtol=1e-8)
    late = slice(2 * length, None)
    assert np.nanstd((y - fitted)[late]) < 3
    assert np.nanmax(np.abs(fitted - 100)) < 100  # a forecast that says nothing is none
    _, before = model.run(y[: 2 * length])
    np.testing.assert_allclose(model.forecasts(y[late], before, 3)[:, 0], fitted[late], rtol=0, atol=1e-8)


@pytest.mark.parametrize("length, harmonics", [(52, 6), (144, 6), (40, 10)])
def test_a_long_season_step_by_step_is_the_whole_run(length, harmonics):
    y = season_of(length, 4)
    y[[0, 5, 6, 2 * length]] = NAN
    y = y[1:]
    model = model_of(Structural(harmonics=harmonics).fit(Series.of(y, season_length=length)))
    whole, last = model.run(y)
    state, stepped = model.init(), []
    for value in y.tolist():
        expected, state = model.step(value, state)
        stepped.append(expected)
    first, middle = model.run(y[: length // 2])
    assert len(middle.early) == length // 2 and len(last.early) == len(state.early) == 0
    second, end = model.run(y[length // 2 :], middle)
    for fitted, after in ((np.array(stepped), state), (np.concatenate([first, second]), end)):
        np.testing.assert_array_equal(np.isnan(fitted), np.isnan(whole))
        np.testing.assert_allclose(fitted, whole, rtol=0, atol=1e-3)  # the first forecasts are ill-conditioned by nature,
        np.testing.assert_allclose(fitted[length + 40 :], whole[length + 40 :], rtol=1e-9)  # later ones and the state are not
        np.testing.assert_allclose(model.forecast(after, 20), model.forecast(last, 20), rtol=1e-9)
        np.testing.assert_allclose(model.quantiles(after, 20, np.array([0.1])), model.quantiles(last, 20, np.array([0.1])), rtol=1e-8)


def test_weekly_data_are_forecast_within_their_range():
    fitted = Structural().fit(Series.of(season_of(52, 4), season_length=52))
    assert fitted.predict(1).mean[0] == pytest.approx(100, abs=5)
    co2 = Structural().fit(inorder.read_series(sample_path("co2")))
    assert np.nanstd(co2.residuals) < 0.6 and np.isfinite(co2.residuals).sum() > 2150
    assert co2.predict(4).mean == pytest.approx(371.8, abs=1)


@pytest.mark.parametrize("length", [40, 52, 144])
def test_the_likelihood_of_a_long_season_is_that_of_roots(length):
    """A gain of 40 nats and more came from digits that were lost; without any, the fit is at least as likely as the truth."""
    y = season_of(length, 4)
    fitted = Structural().fit(Series.of(y, season_length=length))
    model = model_of(fitted)
    inside = (y / model.unit - model.centre) / model.spread
    system = model.system
    done = kalman_filter(inside, system, form="square-root")
    assert fitted.loglik == pytest.approx(done.loglik - done.known * np.log(model.unit * model.spread), abs=1e-4)
    truth = kalman_filter(inside, matrices(model.form, np.array([1 / (model.unit * model.spread) ** 2, 0, 0, 0, 0, 0, 1, 0, 0])), form="square-root")
    assert done.loglik > truth.loglik


@nile
def test_criteria_count_the_diffuse_states():
    """statsmodels 0.15.0, UnobservedComponents(nile, "local level", use_exact_diffuse=True).fit(method="nm", maxiter=5000): aic, aicc, bic; and the same
    model as a state space of one's own, and in continuous time."""
    from inorder.forecast.irregular import ContinuousTime
    from inorder.forecast.kalman import StateSpace, state_space

    y = column("nile.csv")
    theirs = (1272.929127272495, 1273.179127272495, 1280.7446378304555)
    level = Structural(trend=None, seasonal=None).fit(Series.of(y))
    own = StateSpace(lambda p: state_space([[1.0]], [[1.0]], [[np.exp(p[1])]], np.exp(p[0])), start=[9.5, 7.5]).fit(y)
    continuous = ContinuousTime(kind="level").fit(Series.of(y)).models[0]
    for found in (level, own):
        assert (found.aic, found.aicc, found.bic) == pytest.approx(theirs, abs=1e-5)
    assert [continuous.criterion(name) for name in ("aic", "aicc", "bic")] == pytest.approx(theirs, abs=1e-3)


def test_criteria_of_the_basic_structural_model():
    """statsmodels 0.15.0, UnobservedComponents(log of AirPassengers, "local linear trend", seasonal=12, use_exact_diffuse=True).fit(method="powell"), then
    L-BFGS from there: 4 variances and 13 diffuse states."""
    y = np.log(inorder.read_series(sample_path("air-passengers")).values)
    fitted = Structural(seasonal="dummy").fit(Series.of(y, season_length=12))
    assert model_of(fitted).estimated == 17 and model_of(fitted).observations == 144
    assert (fitted.aic, fitted.aicc, fitted.bic) == pytest.approx((-400.84080371, -395.98365686, -350.35397762), abs=1e-5)


def test_bands_of_regression_and_interventions_hold_what_is_in_doubt_of_the_coefficients():
    """Without anything that moves but noise it is ordinary least squares, σ² by maximum likelihood less the diffuse mean: X·(X'X)⁻¹·X'·σ²."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(80, 2))
    x[:, 1] = 0.9 * x[:, 0] + 0.1 * x[:, 1]
    t = np.arange(80)
    y = 30 + x @ [2.0, -1.0] + 4 * (t >= 50) + 2 * (t == 20) + rng.normal(size=80)
    series = dataclasses.replace(Series.of(y), future={"a": x[:, 0], "b": x[:, 1]}, ahead={"a": np.zeros((1, 2)), "b": np.zeros((1, 2))})
    fitted = Structural(level=False, trend=None, seasonal=None, interventions=(("level", 50), ("pulse", 20))).fit(series)
    X = np.column_stack([np.ones(80), x, t >= 50, t == 20]).astype(float)
    beta, squares = np.linalg.lstsq(X, y, rcond=None)[:2]
    covariance = np.linalg.inv(X.T @ X) * float(squares[0]) / 79
    parts = fitted.components()
    for name, place in (("regression", slice(1, 3)), ("interventions", slice(3, 5))):
        np.testing.assert_allclose(parts.mean[name], X[:, place] @ beta[place], rtol=1e-6, atol=1e-9)
        expected = np.sqrt(np.einsum("ti,ij,tj->t", X[:, place], covariance[place, place], X[:, place]))
        np.testing.assert_allclose(parts.deviation[name], expected, rtol=1e-6, atol=1e-12, err_msg=name)
    loaded = fitted.forecaster.restore(fitted.history, fitted.weights(), {})
    np.testing.assert_array_equal(loaded.components().deviation["regression"], parts.deviation["regression"])


def test_what_says_the_same_as_another_is_left_out_and_said():
    x = np.random.default_rng(1).normal(size=96)
    series = dataclasses.replace(monthly(sales()), future={"a": x, "b": 2 * x}, ahead={"a": np.zeros((1, 6)), "b": np.zeros((1, 6))})
    fitted = Structural(seasonal=None, interventions=(("level", 0), ("level", 40))).fit(series)
    assert fitted.coefficients["beta_2"] == 0 and fitted.coefficients["level_at_0"] == 0
    assert len(fitted.notes) == 1 and "covariate 2, level_at_0" in fitted.notes[0]
    assert np.isfinite(fitted.components().deviation["regression"]).all()
    assert Structural(seasonal=None, interventions=(("level", 40),)).fit(monthly(sales())).notes == ()


def test_interventions_twice_after_the_end_or_at_a_stamp_inside_of_another_model_are_refused():
    with pytest.raises(ConfigError, match=r"\('level', 28\) is given twice"):
        Structural(interventions=(("level", 28), ("pulse", 28), ("level", 28)))
    with pytest.raises(ConfigError, match=r"\('level', 36\) is given twice"):
        Structural(interventions=(("level", 36), ("level", "1972-01"))).fit(monthly(sales()))
    with pytest.raises(ForecastError, match=r'\("level", 96\) comes after the end.*last row is 95'):
        Structural(interventions=(("level", 96),)).fit(monthly(sales()))
    inner = Structural(interventions=(("level", "1972-01"),))
    with pytest.raises(ConfigError, match=r'\("level", "1972-01"\), is given by its row'):
        inorder.Combination(models=(inner, "naive")).fit(monthly(sales()))
    with pytest.raises(ConfigError, match=r'\("level", "1972-01"\), is given by its row'):
        inorder.Decomposed(inner=inner).fit(monthly(sales()))
