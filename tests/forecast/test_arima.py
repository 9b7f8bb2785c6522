"""ARIMA and AutoARIMA: what they estimate beside statsmodels, what they say, what they refuse."""

from __future__ import annotations

import dataclasses
import math
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError, SeriesError
from inorder.forecast import arima
from inorder.forecast.arima import ARIMA, AutoARIMA, loglik

NAN = float("nan")


def process(time: int, phi: float = 0.6, theta: float = 0.0, seed: int = 0) -> np.ndarray:
    e = np.random.default_rng(seed).normal(size=time + 50)
    y = np.zeros(time + 50)
    for t in range(1, time + 50):
        y[t] = phi * y[t - 1] + e[t] + theta * e[t - 1]
    return y[50:]


def seasonal(time: int = 120, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(time)
    return 50 + 0.3 * t + 8 * np.sin(2 * np.pi * t / 12) + process(time, 0.5, 0.2, seed) + rng.normal(0, 0.3, time).cumsum()


def ours(y, order, seasonal_order=(0, 0, 0), season_length=1, **settings):
    return ARIMA(order=order, seasonal_order=seasonal_order, season_length=season_length, **settings).fit(Series.of(y, season_length=season_length))


@pytest.mark.parametrize("order, seasonal_order", [((1, 0, 1), (0, 0, 0)), ((0, 1, 1), (0, 1, 1)), ((2, 1, 0), (1, 0, 0)), ((0, 0, 2), (1, 0, 0))])
@pytest.mark.parametrize("gaps", [(), (0, 1, 30, 31, 77)])
def test_the_estimate_is_at_least_that_of_statsmodels(order, seasonal_order, gaps):
    """statsmodels 0.15, exact: on the differenced series, or with gaps with exact diffuse initialisation, at our estimates."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    y = seasonal()
    y[list(gaps)] = NAN
    fitted = ours(y, order, seasonal_order, 12, constant=False)
    own = np.array([*fitted.coefficients.values()])
    model = fitted.models[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if gaps:
            theirs = SARIMAX(model_input(y), order=order, seasonal_order=(*seasonal_order, 12), use_exact_diffuse=True)
            value = theirs.loglike(np.append(own, model.sigma**2))
            value += 0.5 * (order[1] + 12 * seasonal_order[1]) * math.log(2 * math.pi)
            assert fitted.loglik == pytest.approx(value, abs=1e-5)
        else:
            theirs = SARIMAX(y, order=order, seasonal_order=(*seasonal_order, 12), simple_differencing=True, concentrate_scale=True)
            theirs.ssm.tolerance = 0
            assert fitted.loglik == pytest.approx(theirs.loglike(own), abs=1e-6)
            found = theirs.fit(disp=False, maxiter=200)
            assert fitted.loglik >= found.llf - 1e-4


def model_input(y):
    """From the first observation on, as a fit sees it."""
    return y[int(np.argmax(~np.isnan(y))) :]


def test_standard_errors_and_forecasts_beside_statsmodels():
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    y = seasonal(200)
    fitted = ours(y, (1, 1, 1), (0, 1, 1), 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SARIMAX(y, order=(1, 1, 1), seasonal_order=(0, 1, 1, 12))
        c = [*fitted.coefficients.values(), fitted.models[0].sigma ** 2]
        result = model.smooth(c)
        forecast = result.get_forecast(24)
        information = -model.hessian(np.array(c), method="approx", approx_centered=True) * model.nobs
    ahead = fitted.predict(24, [0.95])
    np.testing.assert_allclose(ahead.mean, forecast.predicted_mean, rtol=1e-5)
    spread = fitted.models[0].spread / fitted.models[0].sigma
    np.testing.assert_allclose((ahead.upper[0.95] - ahead.mean) / spread, 1.959964 * forecast.se_mean, rtol=1e-5)
    expected = np.sqrt(np.diag(np.linalg.inv(information)))[:3]
    np.testing.assert_allclose([*fitted.standard_errors.values()], expected, rtol=0.1)  # its likelihood is that of an approximately diffuse start


@pytest.mark.parametrize("differences, name", [(0, "mean"), (1, "drift")])
def test_a_constant_is_a_mean_or_a_drift(differences, name):
    y = 1000 + process(400)
    y = y if differences == 0 else 0.7 * np.arange(400) + process(400, 0.3).cumsum() + 5000
    fitted = ours(y, (1, differences, 0), constant=True)
    value, error = fitted.coefficients[name], fitted.standard_errors[name]
    assert abs(value - (1000 if differences == 0 else 0.7)) < 4 * error
    far = fitted.predict(300, ()).mean
    assert far[-1] == pytest.approx(value, abs=0.01) if differences == 0 else far[-1] - far[-2] == pytest.approx(value, rel=1e-6)


def test_a_drift_of_a_seasonal_difference_is_that_of_a_step():
    y = np.tile([5.0, -3.0, 1.0, 9.0], 40) + 0.25 * np.arange(160) + 0.3 * process(160)
    fitted = ours(y, (1, 0, 0), (0, 1, 1), 4, constant=True)
    assert fitted.coefficients["drift"] == pytest.approx(0.25, abs=0.01)


def explained(y, **future):
    return dataclasses.replace(Series.of(y), future=future)


def test_a_regression_with_arima_errors():
    """β, its standard error and the forecast beside statsmodels with the same columns differenced."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    rng = np.random.default_rng(3)
    x = rng.normal(size=(150, 2)).cumsum(axis=0) * [1, 100]
    y = 3 * x[:, 0] - 0.05 * x[:, 1] + process(150, 0.5).cumsum()
    fitted = ARIMA(order=(1, 1, 0)).fit(explained(y, a=x[:, 0], b=x[:, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SARIMAX(y, exog=x, order=(1, 1, 0), simple_differencing=True)
        result = model.fit(disp=False, maxiter=500)
    own = fitted.coefficients
    np.testing.assert_allclose([own["x1"], own["x2"], own["ar1"]], result.params[:3], rtol=1e-3, atol=1e-4)
    assert fitted.loglik == pytest.approx(result.llf, abs=1e-3)
    errors = fitted.standard_errors
    np.testing.assert_allclose([errors["x1"], errors["x2"]], result.bse[:2], rtol=0.1)
    assert not fitted.notes


def test_a_covariate_that_others_say_already_is_left_out():
    x = np.random.default_rng(0).normal(size=80)
    y = 2 * x + process(80)
    fitted = ARIMA(order=(1, 0, 0)).fit(explained(y, a=x, b=3 * x - 1, c=np.ones(80)))
    assert fitted.coefficients["x2"] == fitted.coefficients["x3"] == 0
    assert fitted.coefficients["x1"] == pytest.approx(2, abs=0.4)
    assert "covariate 2, 3, in the order of names" in fitted.notes[0]
    assert "x2" not in fitted.standard_errors


def test_a_gap_is_filtered_and_intervals_widen_there():
    y = process(120, 0.7)
    y[40:50] = NAN
    fitted = ours(y, (1, 0, 0))
    phi, mean = fitted.coefficients["ar1"], fitted.coefficients["mean"]
    np.testing.assert_allclose(fitted.fitted_values[40:51] - mean, phi ** np.arange(1, 12) * (y[39] - mean), rtol=1e-9)
    after = fitted.update([NAN, NAN])
    early, late = fitted.predict(3, [0.8]), after.predict(1, [0.8])
    assert late.mean[0] == pytest.approx(early.mean[2], rel=1e-9)
    assert late.upper[0.8][0] == pytest.approx(early.upper[0.8][2], rel=1e-9)


@pytest.mark.parametrize("share", [0.03, 0.4])
def test_gaps_few_or_many_take_different_ways_to_the_same_likelihood(share):
    y = process(400, 0.5, 0.3).cumsum()
    y[np.random.default_rng(1).random(400) < share] = NAN
    y = model_input(y)
    fitted = ours(y, (1, 1, 1))
    assert fitted.loglik == pytest.approx(loglik(y, (1, 1, 1), coefficients=[*fitted.coefficients.values()]), abs=1e-6)
    for step in ([0.01, 0], [-0.01, 0], [0, 0.01], [0, -0.01]):
        assert loglik(y, (1, 1, 1), coefficients=np.add([*fitted.coefficients.values()], step)) < fitted.loglik
    assert fitted.standard_errors["ar1"] == pytest.approx(0.1, rel=0.8)


def test_paths_from_the_weights_are_paths_from_steps():
    fitted = ours(seasonal(), (1, 1, 1), (0, 1, 1), 12, constant=False)
    model, y = fitted.models[0], fitted.history.y()
    _, state = model.run(y)
    innovations = np.random.default_rng(0).normal(size=(4, 30))
    slow = super(type(model), model).simulate(state, 30, innovations)
    np.testing.assert_allclose(model.simulate(state, 30, innovations), slow, rtol=1e-9)
    np.testing.assert_allclose(model.psi_weights(4)[:2], [1, 1 + model.coefficients_[0] + model.coefficients_[1]])


@pytest.mark.parametrize("end", [NAN, 60.0])
def test_paths_while_the_filter_still_learns_are_paths_from_steps(end, monkeypatch):
    """θ at the border: the covariance never settles. They are made for all paths at once, not step by step."""
    y = np.append(np.tile(np.arange(12.0), 6) + 0.01 * process(72), end)
    fitted = ours(y, (0, 1, 1), (0, 1, 1), 12, constant=False)
    model = dataclasses.replace(fitted.models[0], coefficients_=np.array([-0.999, -0.999]))
    _, state = model.run(y)
    assert len(state.P)
    innovations = np.random.default_rng(0).normal(size=(3, 30))
    slow = super(type(model), model).simulate(state, 30, innovations)
    monkeypatch.setattr(type(model), "step", None)
    np.testing.assert_allclose(model.simulate(state, 30, innovations), slow, rtol=1e-9, atol=1e-9)


# --- the choice ---


@pytest.mark.parametrize("file, column, season", [("wineind.csv", "y", 12), ("woolyrnq.csv", "y", 4), ("lynx.csv", "trappings", 1), ("austres.csv", "y", 4)])
def test_the_choice_is_among_what_was_tried(shared_data: Path, file, column, season):
    y = pl.read_csv(shared_data / "series" / file)[column].cast(pl.Float64).to_numpy()
    fitted = AutoARIMA(season_length=season).fit(y)
    described = fitted.describe()
    (p, d, q), (P, D, Q) = fitted.order, described.get("seasonal_order", (0, 0, 0))
    candidates = described["candidates"]
    assert [candidates[name][0] for name in "pqPQ"] == [p, q, P, Q]
    assert candidates["criterion"][0] == pytest.approx(fitted.aicc, abs=1e-6)
    assert candidates["loglik"][0] == pytest.approx(fitted.loglik, abs=1e-6)
    again = ARIMA(order=(p, d, q), seasonal_order=(P, D, Q), season_length=season, constant=candidates["constant"][0]).fit(Series.of(y, season_length=season))
    assert again.loglik >= fitted.loglik - 1e-6
    assert "candidates" in fitted.summary()


@pytest.mark.parametrize("y", [[230.0, 250.0, 240.0], [230.0, 150.0, 240.0, 300.0], [230.0, NAN, 250.0, 240.0]])
def test_few_values_far_from_zero_are_forecast_near_them(y):
    """The criterion of so few values is infinite, or so strict that a mean of zero costs less than a mean."""
    forecast = AutoARIMA().fit(y).predict(2)
    assert np.nanmin(y) < forecast.mean.min() and forecast.mean.max() < np.nanmax(y)
    assert (np.isfinite(forecast.upper[0.8]) & (forecast.upper[0.8] > forecast.mean)).all()


def test_given_differences_are_kept():
    y = seasonal()
    fitted = AutoARIMA(season_length=12, d=0, D=1, constant=False).fit(Series.of(y, season_length=12))
    assert fitted.order[1] == 0 and fitted.describe()["seasonal_order"][1] == 1
    assert "drift" not in fitted.coefficients
    assert set(fitted.describe()["candidates"]["constant"]) == {False}


def test_a_time_limit_is_said():
    fitted = AutoARIMA(season_length=12, seconds=1e-9).fit(Series.of(seasonal(), season_length=12))
    assert "The time ran out after 1 models" in fitted.notes[0]
    assert np.isfinite(fitted.predict(3).mean).all()


def test_a_root_near_the_unit_circle_is_said():
    fitted = ours(np.random.default_rng(0).normal(size=100), (0, 1, 1))
    assert any("The MA polynomial has a root of modulus 1.0" in note for note in fitted.notes)


def test_a_season_with_a_place_never_observed_is_refused_or_not_differenced():
    y = np.tile([1.0, 2.0, 4.0, 3.0], 20) + process(80)
    y[2::4] = NAN
    with pytest.raises(ForecastError, match="A place of the season has no observation at all"):
        ours(y, (1, 0, 0), (0, 1, 0), 4)
    fitted = AutoARIMA(season_length=4).fit(Series.of(y, season_length=4))
    assert fitted.describe().get("seasonal_order", (0, 0, 0))[1] == 0


def test_an_exact_line_is_one_down_to_rounding():
    fitted = AutoARIMA().fit([2.0 * t + 5 for t in range(30)])
    np.testing.assert_allclose(fitted.predict(3).mean, [65, 67, 69])
    assert math.isfinite(fitted.loglik)


# --- loglik, and what is refused ---


def test_loglik_with_means():
    y = 10 + process(60)
    best = loglik(y, (1, 0, 0), coefficients=[0.6], constant=True)
    grid = [loglik(y, (1, 0, 0), coefficients=[0.6], constant=float(m)) for m in np.linspace(9, 11, 401)]
    assert best >= max(grid) and best == pytest.approx(max(grid), abs=1e-3)
    gappy = np.append(y, [NAN, 10.5])
    assert loglik(gappy, (1, 0, 0), coefficients=[0.6], constant=True) >= loglik(gappy, (1, 0, 0), coefficients=[0.6], constant=10.0)
    assert loglik(y, (1, 0, 0), coefficients=[1.1]) == -math.inf


def test_settings_are_checked():
    with pytest.raises(ConfigError, match=r"`order` is \(p, d, q\), three whole numbers of 0 or more, not \(1, 2\)"):
        ARIMA(order=(1, 2))
    with pytest.raises(ConfigError, match="three whole numbers"):
        ARIMA(order=(1, -1, 0))
    with pytest.raises(ConfigError, match="d \\+ D = 2 differences it would be a parabola"):
        ARIMA(order=(1, 2, 0), constant=True)
    with pytest.raises(ConfigError, match='`constant` is True, False or "auto", not 3'):
        AutoARIMA(constant=3)
    with pytest.raises(ConfigError, match='"acc" is unknown. Did you mean "aicc"'):
        AutoARIMA(criterion="acc")
    with pytest.raises(ConfigError, match="Unit-root test"):
        AutoARIMA(test="dickey")
    with pytest.raises(ConfigError, match="Seasonal test"):
        AutoARIMA(seasonal_test="weak")
    with pytest.raises(ConfigError, match="`seconds` is a time above 0.*not 0"):
        AutoARIMA(seconds=0)
    with pytest.raises(ConfigError, match="`max_p`"):
        AutoARIMA(max_p=-1)
    with pytest.raises(ForecastError, match="needs a season of 2 observations or more"):
        ARIMA(seasonal_order=(0, 1, 1), season_length=1).fit([1.0, 2.0, 4.0, 3.0] * 5)
    with pytest.raises(ForecastError, match="with 2 coefficients and 1 values lost to differencing needs 5 observations, has 4"):
        ARIMA(order=(1, 1, 1)).fit([1.0, 2.0, 4.0, 3.0])
    with pytest.raises(ConfigError, match=r"has 1 numbers; \(1, 0, 1\)\(0, 0, 0\) has 2"):
        loglik([1.0, 2.0, 3.0], (1, 0, 1), coefficients=[0.5])
    with pytest.raises(ConfigError, match="`season_length`, 2 observations or more, not 1"):
        loglik([1.0, 2.0, 3.0], (0, 0, 0), (0, 1, 0))
    with pytest.raises(ConfigError, match="more than 3 values"):
        loglik([1.0, 2.0, 3.0], (0, 3, 0))


@pytest.mark.parametrize("scale", [1e200, 1e-200])
@pytest.mark.parametrize("constant", [False, True, 0.3])
@pytest.mark.parametrize("missing", [(), (0, 3, 4), tuple(range(5, 50, 2))])
def test_loglik_follows_the_units(scale, constant, missing):
    """A density in other units: n·log(scale) less."""
    y = process(60).cumsum()
    y[list(missing)] = NAN
    terms = 59 - len(missing)
    given = constant if isinstance(constant, bool) else constant * scale
    expected = loglik(y, (1, 1, 0), coefficients=[0.5], constant=constant) - terms * math.log(scale)
    assert loglik(y * scale, (1, 1, 0), coefficients=[0.5], constant=given) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("constant", [False, True, 0.3])
@pytest.mark.parametrize("d, D", [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0)])
def test_loglik_by_the_filter_is_that_by_pulses(d, D, constant, monkeypatch):
    y = 5 + process(60).cumsum()
    y[[0, 3, 4, 20, 21]] = NAN
    found = []
    for filtered in (False, True):
        monkeypatch.setattr(arima.Design, "filtered", lambda self, r, count, answer=filtered: answer)
        found.append(loglik(y, (1, d, 1), (0, D, 1), coefficients=[0.5, 0.2, 0.3], season_length=4, constant=constant))
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_loglik_takes_a_series_and_refuses_the_infinite():
    y = process(30)
    assert loglik(Series.of(y), (1, 0, 0), coefficients=[0.5]) == loglik(y, (1, 0, 0), coefficients=[0.5])
    with pytest.raises(ConfigError, match="one series, not a panel of 2"):
        loglik(Series.of(np.column_stack([y, y])), (1, 0, 0), coefficients=[0.5])
    y[4] = math.inf
    with pytest.raises(SeriesError, match="infinite in row 5"):
        loglik(y, (1, 0, 0), coefficients=[0.5])


@pytest.mark.parametrize("call", ["fit", "loglik"])
def test_many_gaps_cost_no_column_each(call):
    """4,000 values, 800 of them missing: a column for each would take 26 MB and more."""
    y = process(4000).cumsum()
    y[np.random.default_rng(0).choice(np.arange(1, 4000), 800, replace=False)] = NAN
    tracemalloc.start()
    try:
        ours(y, (0, 1, 1)) if call == "fit" else loglik(y, (0, 1, 1), coefficients=[0.3])
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_a_constant_that_differencing_leaves_no_room_for_is_refused():
    with pytest.raises(ConfigError, match="with d . D = 2 differences it would be a parabola"):
        AutoARIMA(constant=True, d=2)
    with pytest.raises(ForecastError, match="differenced 2 times by the tests, which leaves no constant"):
        AutoARIMA(constant=True).fit(process(80).cumsum().cumsum())
