"""What every forecaster of the registry obeys, whatever it is."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from candidates import CASES, HORIZON, LEVELS, LOCAL, SERIES, fit, frozen, local, monthly, sales

import inorder
from inorder.forecast.base import Fitted, Forecast

each = pytest.mark.parametrize("case", CASES, ids=str)
each_local = pytest.mark.parametrize("case", LOCAL, ids=str)
each_series = pytest.mark.parametrize("name", SERIES)


def assert_same_forecast(one: Forecast, other: Forecast, tolerance: float = 0.0) -> None:
    scale = np.nanmax(np.abs(one.mean))
    np.testing.assert_array_equal(one.index, other.index)
    assert one.levels == other.levels
    assert one.intervals == other.intervals
    columns, others = one.columns(), other.columns()
    for name in list(columns)[list(columns).index("mean") :]:  # what stands before are ids and stamps
        np.testing.assert_allclose(columns[name], others[name], rtol=tolerance, atol=tolerance * scale, err_msg=name)


def assert_same_fit(one: Fitted, other: Fitted, *, summary: bool = True) -> None:
    assert_same_forecast(one.predict(HORIZON, LEVELS), other.predict(HORIZON, LEVELS))
    np.testing.assert_array_equal(one.fitted_values, other.fitted_values)
    if summary:
        assert one.summary() == other.summary()
    assert one.errors == other.errors


@each
@each_series
def test_horizon_rows_and_the_index_continues(case, name):
    fitted = fit(case, name)
    forecast = fitted.predict(HORIZON, LEVELS)
    assert forecast.mean.shape == forecast.index.shape == (HORIZON,)
    assert forecast.levels == LEVELS
    assert forecast.index[0] == np.datetime64("2020-01-01", "us")  # the last of 60 months is 2019-12
    assert (np.diff(forecast.index.astype("datetime64[M]")).astype(int) == 1).all()
    assert forecast.model == case.make().name
    assert forecast.intervals
    assert np.isfinite(forecast.mean).all()
    for level in LEVELS:
        assert np.isfinite(forecast.lower[level]).all()
        assert (forecast.lower[level] <= forecast.upper[level]).all()


@each
@each_series
def test_wider_levels_contain_narrower_ones(case, name):
    levels = (0.01, 0.3, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
    forecast = fit(case, name).predict(HORIZON, levels)
    for narrow, wide in zip(levels[:-1], levels[1:], strict=True):
        assert (forecast.lower[wide] <= forecast.lower[narrow]).all(), (narrow, wide)
        assert (forecast.upper[wide] >= forecast.upper[narrow]).all(), (narrow, wide)


@each
@each_series
def test_an_interval_does_not_depend_on_the_other_levels_nor_on_the_horizon(case, name):
    fitted = fit(case, name)
    together = fitted.predict(HORIZON, LEVELS)
    for level in LEVELS:
        alone = fitted.predict(3, [level])
        np.testing.assert_allclose(alone.mean, together.mean[:3], rtol=1e-12)
        np.testing.assert_allclose(alone.lower[level], together.lower[level][:3], rtol=1e-9)
        np.testing.assert_allclose(alone.upper[level], together.upper[level][:3], rtol=1e-9)
    bare = fitted.predict(HORIZON, levels=())
    assert bare.levels == ()
    np.testing.assert_array_equal(bare.mean, together.mean)


@each
def test_intervals_at_extreme_levels_are_finite(case):
    forecast = fit(case, "sales").predict(HORIZON, [1e-300, 1e-12, 1 - 1e-12, float(np.nextafter(1, 0))])
    for level in forecast.levels:
        assert np.isfinite(forecast.lower[level]).all(), level
        assert np.isfinite(forecast.upper[level]).all(), level


@each
@pytest.mark.parametrize("intervals", ["conformal", "analytic"])
def test_the_kind_of_interval_can_be_chosen(case, intervals):
    fitted = fit(case, "sales")
    usual = fitted.predict(HORIZON)
    if intervals == "analytic" and usual.intervals != "analytic":
        with pytest.raises(inorder.errors.ConfigError, match=case.make().name):
            fitted.predict(HORIZON, intervals=intervals)
        return
    chosen = fitted.predict(3, intervals=intervals)  # 24 errors are enough for conformal ones
    assert chosen.intervals.startswith(intervals)
    np.testing.assert_array_equal(chosen.mean, usual.mean[:3])


@each_local
@pytest.mark.parametrize("intervals", ["simulated", "bootstrap", "adaptive"])
def test_drawn_and_adaptive_intervals_are_finite_and_nested(case, intervals):
    fitted = fit(case, "sales")
    made = fitted.predict(HORIZON, LEVELS, intervals=intervals)
    usual = fitted.predict(HORIZON, LEVELS)
    assert np.isfinite(made.lower[0.95]).all() and np.isfinite(made.upper[0.95]).all()
    assert (made.lower[0.95] <= made.lower[0.8]).all() and (made.upper[0.8] <= made.upper[0.95]).all()
    if usual.intervals == "analytic" and intervals != "adaptive":  # the same model, its errors drawn
        assert 0.4 < np.median((made.upper[0.8] - made.lower[0.8]) / (usual.upper[0.8] - usual.lower[0.8])) < 2.5


@each_local
def test_draws_depend_on_the_seed_and_on_the_series_alone(case):
    panel = sales(60, 3)
    options = {"intervals": "bootstrap", "samples": 50}
    together = case.make().fit(panel).predict(HORIZON, LEVELS, seed=1, **options)
    alone = case.make().fit(panel[1]).predict(HORIZON, LEVELS, seed=1, **options)
    np.testing.assert_allclose(together.samples[1], alone.samples, rtol=1e-9)
    np.testing.assert_allclose(together.lower[0.8][1], alone.lower[0.8], rtol=1e-9)
    other = case.make().fit(panel[1]).predict(HORIZON, LEVELS, seed=2, **options)
    assert (other.samples != alone.samples).mean() > 0.5


@each
@each_series
def test_input_is_unchanged(case, name):
    series = SERIES[name]()
    before = series.values.tobytes(), series.index.tobytes(), series.offsets.tobytes()
    fitted = case.make().fit(frozen(series.head(6)))
    fitted.predict(HORIZON)
    fitted.update(frozen(series.tail(6))).predict(HORIZON)
    session = fitted.stream()
    session.step(100.0)
    assert (series.values.tobytes(), series.index.tobytes(), series.offsets.tobytes()) == before


@each
@each_series
def test_fitted_twice_equal_numbers(case, name):
    assert_same_fit(case.make().fit(SERIES[name]().head(6)), fit(case, name), summary=not case.neural)  # which tells the seconds of each epoch


@each
def test_predicted_twice_equal_numbers(case):
    fitted = fit(case, "gappy")
    first = fitted.predict(HORIZON, LEVELS)
    fitted.stream().step(1e6)
    fitted.update([3.0, float("nan")])
    assert_same_forecast(fitted.predict(HORIZON, LEVELS), first)


@each
@each_series
def test_residuals_have_the_length_of_the_data(case, name):
    fitted = fit(case, name)
    y = SERIES[name]().head(6).values
    assert fitted.residuals.shape == fitted.fitted_values.shape == y.shape
    np.testing.assert_array_equal(fitted.residuals, y - fitted.fitted_values)
    assert np.isnan(fitted.residuals[np.isnan(y)]).all()
    assert np.isfinite(fitted.residuals).sum() >= 15


@each
@each_series
def test_later_data_never_alters_an_earlier_forecast(case, name):
    fitted, series = fit(case, name), SERIES[name]()
    newer = fitted.update(series.tail(6))
    np.testing.assert_allclose(newer.fitted_values[:60], fitted.fitted_values, rtol=case.exact)
    other = fitted.update(np.full(6, 1e5))
    np.testing.assert_allclose(other.fitted_values[:61], newer.fitted_values[:61], rtol=case.exact)
    # a forecaster that is given the earlier part alone knows nothing of what comes after it
    twisted = series.values.copy()
    twisted[60:] *= -7
    assert_same_fit(case.make().fit(monthly(twisted).head(6)), fitted, summary=not case.neural)


@each
@each_series
def test_update_is_the_fit_time_parameters_and_a_stream_over_the_new(case, name):
    fitted, new = fit(case, name), SERIES[name]().tail(6)
    session, expected = fitted.stream(), [fitted.predict(1).mean[0]]
    for value in new.values:
        expected.append(session.step(value))
    updated = fitted.update(new)
    np.testing.assert_allclose(updated.fitted_values[60:], expected[:-1], rtol=case.exact)
    np.testing.assert_allclose(updated.predict(HORIZON, ()).mean, session.predict(HORIZON), rtol=case.exact)
    np.testing.assert_allclose(updated.predict(1, ()).mean[0], expected[-1], rtol=case.exact)
    one_by_one = fitted
    for k in range(6):
        one_by_one = one_by_one.update(new.head(5 - k).tail(1))
    assert_same_forecast(one_by_one.predict(HORIZON, LEVELS), updated.predict(HORIZON, LEVELS), case.exact)
    assert updated.forecaster == fitted.forecaster


@each
def test_sessions_do_not_disturb_each_other(case):
    fitted = fit(case, "sales")
    first, second = fitted.stream(), fitted.stream()
    for value in (90.0, 120.0, float("nan"), 80.0):
        first.step(value)
    np.testing.assert_allclose(second.predict(HORIZON), fitted.predict(HORIZON, ()).mean, rtol=case.exact)
    assert first.step(95.0) == pytest.approx(first.predict(1)[0], rel=case.exact)


@each
def test_an_infinite_observation_is_refused(case):
    session = fit(case, "sales").stream()
    before = session.predict(HORIZON)
    with pytest.raises(inorder.errors.SeriesError, match="inf"):
        session.step(float("inf"))
    np.testing.assert_array_equal(session.predict(HORIZON), before)


@each_local
@each_series
def test_step_by_step_is_the_whole_run(case, name):
    """Also in two stretches, and over a stretch of nothing."""
    fitted = local(fit(case, name))
    model, y = fitted.models[0], fitted.history.y()
    y = y[int(np.argmax(~np.isnan(y))) :]
    state, stepped = model.init(), []
    for value in y:
        expected, state = model.step(float(value), state)
        stepped.append(expected)
    whole, last = model.run(y)
    assert whole.dtype == np.float64
    first, middle = model.run(y[:23])
    nothing, same = model.run(y[:0], middle)
    second, end = model.run(y[23:], same)
    assert len(nothing) == 0
    scale = np.nanmax(np.abs(y))
    for name_, fitted_values, state_ in [("steps", np.array(stepped), state), ("pieces", np.concatenate([first, second]), end)]:
        np.testing.assert_allclose(fitted_values, whole, rtol=1e-9, atol=1e-9 * scale, err_msg=name_)
        np.testing.assert_allclose(model.forecast(state_, 30), model.forecast(last, 30), rtol=1e-9, atol=1e-9 * scale, err_msg=name_)
        probabilities = np.array([0.1, 0.5, 0.9])
        if (exact := model.quantiles(last, 30, probabilities)) is not None:
            np.testing.assert_allclose(model.quantiles(state_, 30, probabilities), exact, rtol=1e-8, atol=1e-8 * scale, err_msg=name_)
            assert exact.shape == (3, 30)


@each_local
@each_series
def test_forecasts_along_a_stretch_are_those_of_each_state(case, name):
    """Row t is the forecast from the state after t rows; over a gap, over more than two seasons, and over a stretch of nothing."""
    fitted = local(fit(case, name))
    model, y = fitted.models[0], fitted.history.y()
    y = y[int(np.argmax(~np.isnan(y))) :]
    _, state = model.run(y[:26])
    made = model.forecasts(y[26:], state, 30)
    assert made.shape == (len(y) - 26, 30) and made.dtype == np.float64
    assert model.forecasts(y[:0], state, 30).shape == (0, 30)
    scale = np.nanmax(np.abs(y))
    for t in range(len(made)):
        _, after = model.run(y[26 : 26 + t], state)
        np.testing.assert_allclose(made[t], model.forecast(after, 30), rtol=1e-9, atol=1e-9 * scale, err_msg=f"after {t} rows")
    np.testing.assert_allclose(made[:, 0], model.run(y[26:], state)[0], rtol=1e-9, atol=1e-9 * scale)


@each_local
def test_a_panel_is_each_series_by_itself_in_any_order(case):
    panel = sales(60, 3)
    fitted = case.make().fit(panel)
    together = fitted.predict(HORIZON, LEVELS)
    assert together.mean.shape == (3, HORIZON)
    for i in range(3):
        alone = case.make().fit(panel[i])
        forecast = alone.predict(HORIZON, LEVELS)
        np.testing.assert_array_equal(together.mean[i], forecast.mean)
        for level in LEVELS:
            np.testing.assert_array_equal(together.lower[level][i], forecast.lower[level])
            np.testing.assert_array_equal(together.upper[level][i], forecast.upper[level])
        np.testing.assert_array_equal(fitted.residuals[60 * i : 60 * (i + 1)], alone.residuals)
        np.testing.assert_array_equal(fitted.stream(panel.ids[i]).predict(HORIZON), together.mean[i])
    order = [2, 0, 1]
    turned = case.make().fit(panel.take(order)).predict(HORIZON, LEVELS)
    np.testing.assert_array_equal(turned.mean, together.mean[order])
    np.testing.assert_array_equal(turned.lower[0.8], together.lower[0.8][order])


@each
@each_series
def test_a_loaded_bundle_is_the_saved_model(case, name, tmp_path):
    fitted = fit(case, name)
    loaded = inorder.load(fitted.save(tmp_path / "bundle"))
    assert loaded.forecaster == fitted.forecaster
    assert_same_fit(loaded, fitted)
    new = SERIES[name]().tail(6)
    assert_same_forecast(loaded.update(new).predict(HORIZON, LEVELS), fitted.update(new).predict(HORIZON, LEVELS))
    np.testing.assert_array_equal(loaded.stream().predict(HORIZON), fitted.stream().predict(HORIZON))


@each_local
def test_a_loaded_panel_is_the_saved_panel(case, tmp_path):
    panel = sales(60, 3)
    values = panel.values.copy()
    values[60:120] = np.nan  # the second series cannot be fitted
    panel = dataclasses.replace(panel, values=values)
    fitted = case.make().fit(panel)
    assert list(fitted.errors) == ["y2"]
    loaded = inorder.load(fitted.save(tmp_path / "bundle"))
    assert_same_fit(loaded, fitted)


@each
def test_settings_make_an_equal_forecaster(case):
    forecaster = case.make()
    again = type(forecaster)(**json.loads(json.dumps(forecaster.settings)))
    assert again == forecaster
    assert hash(again) == hash(forecaster)
    assert forecaster.with_settings({}) == forecaster
    with pytest.raises(inorder.errors.ConfigError, match="seson_length.*Did you mean"):
        forecaster.with_settings({"seson_length": 3})


@each
def test_a_season_length_that_is_none_is_refused(case):
    with pytest.raises(inorder.errors.ConfigError, match="season_length.*-3"):
        case.make().with_settings({"season_length": -3}).fit(sales())


@each
def test_gaps_are_carried_not_dropped(case):
    """The index goes on from the last row, observed or not, and one more missing row moves it by one."""
    fitted = fit(case, "gappy")
    updated = fitted.update([float("nan")])
    assert updated.predict(1, ()).index[0] == np.datetime64("2020-02-01", "us")
    assert len(updated.residuals) == 61
    if not case.neural:  # a network feels that a value is missing
        np.testing.assert_allclose(updated.predict(3, ()).mean, fitted.predict(4, ()).mean[1:], rtol=1e-9)


@each
def test_frames_and_summary(case):
    fitted = fit(case, "sales")
    frame = fitted.predict(HORIZON, [0.8]).to_frame()
    assert list(frame.columns) == ["time", "mean", "lower_80", "upper_80"]
    assert len(frame) == HORIZON
    summary = fitted.summary()
    assert summary.startswith(f"{fitted.forecaster.name}: ")
    assert "residuals" in summary


# --- units: where a change of units is no change of the model ---

# a season or a growth by factors has its zero where the units have it
NOT_SHIFTED = {"naive2", "exponential-trend", "holt-winters-multiplicative", "auto-ets", "theta", "auto-theta", "ces", "auto", "combination"}


def shifts(case) -> bool:
    factors = (
        case.settings.get("seasonal") == "multiplicative"
        or "M" in case.settings.get("components", "")
        or case.settings.get("log")
        or case.settings.get("logarithm")
    )
    return case.name not in NOT_SHIFTED and case.settings.get("constant", True) and not factors


@each_local
@each_series
@pytest.mark.parametrize("factor", [1 / 1024, 0.3, 7.0])
def test_other_units_give_the_same_forecast_in_those_units(case, name, factor):
    series = SERIES[name]().head(6)
    forecast = fit(case, name).predict(HORIZON, LEVELS)
    scaled = case.make().fit(dataclasses.replace(series, values=series.values * factor)).predict(HORIZON, LEVELS)
    np.testing.assert_allclose(scaled.mean, factor * forecast.mean, rtol=1e-7)
    for level in LEVELS:
        np.testing.assert_allclose(scaled.upper[level], factor * forecast.upper[level], rtol=1e-7)


@pytest.mark.parametrize("case", [case for case in LOCAL if shifts(case)], ids=str)
@each_series
def test_a_constant_added_to_the_series_is_added_to_the_forecast(case, name):
    series = SERIES[name]().head(6)
    forecast = fit(case, name).predict(HORIZON, LEVELS)
    shifted = case.make().fit(dataclasses.replace(series, values=series.values + 1000)).predict(HORIZON, LEVELS)
    np.testing.assert_allclose(shifted.mean, forecast.mean + 1000, rtol=1e-9)
    for level in LEVELS:
        np.testing.assert_allclose(shifted.lower[level], forecast.lower[level] + 1000, rtol=1e-8)
