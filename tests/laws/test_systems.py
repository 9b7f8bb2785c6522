"""Laws of the models that take all series of a panel as one system: what test_forecasters.py asks of the others, over vectors."""

from __future__ import annotations

import dataclasses
import functools
import json
import warnings
from typing import Any

import numpy as np
import pytest
from candidates import HORIZON, LEVELS, SYSTEMS, Case, frozen, monthly
from hypothesis import given, settings
from hypothesis import strategies as st
from test_forecasters import assert_same_fit, assert_same_forecast

import inorder
from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError, SeriesError, ShapeError
from inorder.tasks.forecast import CANDIDATES, default_models

MORE: list[tuple[str, dict[str, Any]]] = [
    ("var", {"order": 2}),
    ("var", {"order": 0}),
    ("var", {"order": 3, "trend": "linear", "coefficient_errors": False}),
    ("var", {"criterion": "bic", "max_order": 4, "trend": "none"}),
]
CASES = [*map(Case, SYSTEMS), *(Case(name, settings) for name, settings in MORE)]
NAN = float("nan")
each = pytest.mark.parametrize("case", CASES, ids=str)


@functools.cache
def whole() -> Series:
    """Three monthly series that lean on each other."""
    rng = np.random.default_rng(20150101)
    y = np.zeros((76, 3))
    for t in range(1, 76):
        y[t] = [4, 10, 2] + y[t - 1] @ np.array([[0.5, 0.3, 0.0], [0.0, 0.6, -0.2], [0.2, 0.0, 0.4]]) + rng.normal(0, 2, 3)
    return frozen(monthly(y[10:]))


@functools.cache
def gappy() -> Series:
    """The same with values missing at the start, singly, in all, in a row, and at the end."""
    values = whole().values.reshape(3, -1).copy()
    values[0, [0, 20]] = values[1, [0, 1, 20, 30, 31, 32, 65]] = values[2, [45, 59]] = NAN
    return frozen(dataclasses.replace(whole(), values=values.reshape(-1)))


SERIES = {"whole": whole, "gappy": gappy}
each_series = pytest.mark.parametrize("name", SERIES)


@functools.cache
def fit(case: Case, name: str) -> Any:
    """Fitted to all but the last 6 rows; made once."""
    return case.make().fit(SERIES[name]().head(6))


def vectors(series: Series) -> np.ndarray:
    return series.values.reshape(len(series), -1).T


@each
@each_series
def test_horizon_rows_and_the_index_continues(case, name):
    forecast = fit(case, name).predict(HORIZON, LEVELS)
    assert forecast.mean.shape == forecast.index.shape == (3, HORIZON)
    assert forecast.levels == LEVELS
    assert (forecast.index[:, 0] == np.datetime64("2020-01-01", "us")).all()
    assert (np.diff(forecast.index.astype("datetime64[M]"), axis=1).astype(int) == 1).all()
    assert forecast.model == case.make().name
    assert np.isfinite(forecast.mean).all()
    for level in LEVELS:
        assert (forecast.lower[level] <= forecast.upper[level]).all()
    frame = forecast.to_frame()
    assert list(frame.columns)[:3] == ["series", "time", "mean"] and len(frame) == 3 * HORIZON


@each
@each_series
@pytest.mark.parametrize("intervals", ["auto", "analytic", "simulated", "bootstrap", "conformal", "adaptive"])
def test_intervals_are_nested_and_independent_of_levels_and_horizon(case, name, intervals):
    levels = (0.01, 0.3, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
    fitted = fit(case, name)
    forecast = fitted.predict(HORIZON, levels, intervals=intervals)
    assert intervals == "auto" or intervals in forecast.intervals
    for narrow, wide in zip(levels[:-1], levels[1:], strict=True):
        assert (forecast.lower[wide] <= forecast.lower[narrow]).all() and (forecast.upper[wide] >= forecast.upper[narrow]).all()
    alone = fitted.predict(3, [0.8], intervals=intervals)
    np.testing.assert_allclose(alone.mean, forecast.mean[:, :3], rtol=1e-12)
    np.testing.assert_allclose(alone.upper[0.8], forecast.upper[0.8][:, :3], rtol=1e-9)
    np.testing.assert_array_equal(fitted.predict(HORIZON, (), intervals=intervals).mean, forecast.mean)
    assert_same_forecast(fitted.predict(HORIZON, levels, intervals=intervals), forecast)


@each
def test_intervals_at_extreme_levels_are_finite(case):
    forecast = fit(case, "whole").predict(HORIZON, [1e-300, 1e-12, 1 - 1e-12, float(np.nextafter(1, 0))])
    for level in forecast.levels:
        assert np.isfinite(forecast.lower[level]).all() and np.isfinite(forecast.upper[level]).all()


@each
@each_series
def test_input_is_unchanged_and_equal_fits_are_equal(case, name):
    series = SERIES[name]()
    before = series.values.tobytes(), series.index.tobytes(), series.offsets.tobytes()
    fitted = case.make().fit(frozen(series.head(6)))
    assert_same_fit(fitted, fit(case, name))
    first = fitted.predict(HORIZON, LEVELS)
    fitted.update(frozen(series.tail(6))).predict(HORIZON)
    fitted.stream().step(np.array([1e6, 2.0, NAN]))
    assert_same_forecast(fitted.predict(HORIZON, LEVELS), first)
    assert (series.values.tobytes(), series.index.tobytes(), series.offsets.tobytes()) == before


@each
@each_series
def test_residuals_have_the_length_of_the_data(case, name):
    fitted = fit(case, name)
    y = fitted.history.values
    assert fitted.residuals.shape == fitted.fitted_values.shape == y.shape
    np.testing.assert_array_equal(fitted.residuals, y - fitted.fitted_values)
    assert np.isnan(fitted.residuals[np.isnan(y)]).all()
    assert np.isfinite(fitted.residuals).sum() >= 3 * 45


@each
@each_series
def test_later_data_never_alters_an_earlier_forecast(case, name):
    fitted, series = fit(case, name), SERIES[name]()
    newer, other = fitted.update(series.tail(6)), fitted.update(np.full((6, 3), 1e5))
    rows = np.concatenate([np.arange(i * 66, i * 66 + 60) for i in range(3)])
    np.testing.assert_allclose(newer.fitted_values[rows], fitted.fitted_values, rtol=1e-9)
    first = np.arange(3) * 66 + 60
    np.testing.assert_allclose(other.fitted_values[first], newer.fitted_values[first], rtol=1e-9)
    twisted = vectors(series).copy()
    twisted[60:] *= -7
    assert_same_fit(case.make().fit(monthly(twisted).head(6)), fitted)


@each
@each_series
def test_update_is_a_stream_over_the_new_and_one_by_one(case, name):
    fitted, new = fit(case, name), SERIES[name]().tail(6)
    session, expected = fitted.stream(), [fitted.predict(1).mean[:, 0]]
    other = fitted.stream()
    for row in vectors(new):
        expected.append(session.step(row))
    updated = fitted.update(new)
    np.testing.assert_allclose(vectors(dataclasses.replace(updated.history, values=updated.fitted_values))[60:], expected[:-1], rtol=1e-9)
    np.testing.assert_allclose(updated.predict(HORIZON, ()).mean, session.predict(HORIZON), rtol=1e-9)
    np.testing.assert_allclose(other.predict(HORIZON), fitted.predict(HORIZON, ()).mean, rtol=1e-9)
    one_by_one = fitted
    for k in range(6):
        one_by_one = one_by_one.update(new.head(5 - k).tail(1))
    assert_same_forecast(one_by_one.predict(HORIZON, LEVELS), updated.predict(HORIZON, LEVELS), 1e-9)


@each
@each_series
def test_step_by_step_is_the_whole_run(case, name):
    """Also in two stretches, over a stretch of nothing, and for the forecasts made along the way."""
    fitted = fit(case, name)
    model, z = fitted.model, fitted.model.scaled(vectors(fitted.history))
    x = np.empty((len(z) + 30, 0))
    state, stepped = model.init(), []
    for row in z:
        expected, state = model.step(row, x[0], state)
        stepped.append(expected)
    run, last = model.run(z, x[: len(z)])
    first, middle = model.run(z[:23], x[:23])
    nothing, same = model.run(z[:0], x[:0], middle)
    second, end = model.run(z[23:], x[23 : len(z)], same)
    assert len(nothing) == 0
    for values, after in [(np.array(stepped), state), (np.concatenate([first, second]), end)]:
        np.testing.assert_allclose(values, run, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(model.ahead(after, x[:30])[0], model.ahead(last, x[:30])[0], rtol=1e-9, atol=1e-9)
    made = model.forecasts(z[23:], x[23:], middle, 30)
    now = middle
    for t in range(len(made)):
        np.testing.assert_allclose(made[t], model.ahead(now, x[:30])[0], rtol=1e-9, atol=1e-9)
        _, now = model.step(z[23 + t], x[0], now)


@each
def test_an_infinite_or_single_observation_is_refused(case):
    session = fit(case, "whole").stream()
    before = session.predict(HORIZON)
    with pytest.raises(SeriesError, match="inf"):
        session.step([1.0, float("inf"), 2.0])
    with pytest.raises(ShapeError, match="a single number came"):
        session.step(1.0)
    np.testing.assert_array_equal(session.predict(HORIZON), before)
    with pytest.raises(ConfigError, match="go on together"):
        fit(case, "whole").stream(0)


@each
@each_series
def test_a_loaded_bundle_is_the_saved_model(case, name, tmp_path):
    fitted = fit(case, name)
    loaded = inorder.load(fitted.save(tmp_path / "bundle"))
    assert loaded.forecaster == fitted.forecaster
    assert_same_fit(loaded, fitted)
    assert_same_forecast(loaded.update(SERIES[name]().tail(6)).predict(HORIZON), fitted.update(SERIES[name]().tail(6)).predict(HORIZON))
    np.testing.assert_array_equal(loaded.impulse_responses(4).upper[0.95], fitted.impulse_responses(4).upper[0.95])


@each
def test_settings_make_an_equal_forecaster(case):
    forecaster = case.make()
    again = type(forecaster)(**json.loads(json.dumps(forecaster.settings)))
    assert again == forecaster and hash(again) == hash(forecaster)
    with pytest.raises(ConfigError, match="tredn.*Did you mean"):
        forecaster.with_settings({"tredn": "none"})
    with pytest.raises(ConfigError, match="season_length.*-3"):
        forecaster.with_settings({"season_length": -3}).fit(whole())


@each
@each_series
def test_the_order_of_the_series_does_not_matter(case, name):
    series, turned = SERIES[name]().head(6), [2, 0, 1]
    forecast, other = fit(case, name).predict(HORIZON, LEVELS), case.make().fit(series.take(turned)).predict(HORIZON, LEVELS)
    np.testing.assert_allclose(other.mean, forecast.mean[turned], rtol=1e-8)
    np.testing.assert_allclose(other.upper[0.95], forecast.upper[0.95][turned], rtol=1e-8)


@each
@each_series
@pytest.mark.parametrize("factors", [(1 / 1024, 1.0, 7.0), (0.3, 1e12, 1e-12)])
def test_other_units_give_the_same_forecast_in_those_units(case, name, factors):
    series = SERIES[name]().head(6)
    forecast = fit(case, name).predict(HORIZON, LEVELS)
    scaled = dataclasses.replace(series, values=(series.values.reshape(3, -1) * np.array(factors)[:, None]).reshape(-1))
    other = case.make().fit(scaled).predict(HORIZON, LEVELS)
    np.testing.assert_allclose(other.mean / np.array(factors)[:, None], forecast.mean, rtol=1e-7)
    np.testing.assert_allclose(other.upper[0.95] / np.array(factors)[:, None], forecast.upper[0.95], rtol=1e-7)


@pytest.mark.parametrize("case", [case for case in CASES if case.settings.get("trend") != "none"], ids=str)
@each_series
def test_a_constant_added_to_a_series_is_added_to_its_forecast(case, name):
    series, shift = SERIES[name]().head(6), np.array([1000.0, 0.0, -50.0])
    forecast = fit(case, name).predict(HORIZON, LEVELS)
    other = case.make().fit(dataclasses.replace(series, values=(series.values.reshape(3, -1) + shift[:, None]).reshape(-1))).predict(HORIZON, LEVELS)
    np.testing.assert_allclose(other.mean, forecast.mean + shift[:, None], rtol=1e-8)
    np.testing.assert_allclose(other.lower[0.95], forecast.lower[0.95] + shift[:, None], rtol=1e-7)


# --- awkward panels: a finite forecast or one plain sentence ---

T = np.arange(40.0)
NOISE = np.random.default_rng(4).normal(size=(40, 3))
AWKWARD = {
    "one row": NOISE[:1],
    "two rows": NOISE[:2],
    "eight rows": NOISE[:8],
    "constant": np.full((40, 3), 3.0),
    "zeros": np.zeros((40, 3)),
    "one constant among two": np.where([False, True, False], 3.0, NOISE),
    "all alike": NOISE[:, [0, 0, 0]],
    "sums of each other": np.column_stack([NOISE[:, 0], NOISE[:, 1], NOISE[:, 0] + NOISE[:, 1]]),
    "constant but for the last": np.concatenate([np.full((39, 3), 3.0), np.full((1, 3), 4.0)]),
    "lines": np.column_stack([T, 2 * T + 1, -T]),
    "a line and noise": np.column_stack([T, NOISE[:, 0]]),
    "missing at the start": np.where(T[:, None] < [9, 0, 4], NAN, NOISE),
    "missing at the end": np.where(T[:, None] > [30, 39, 35], NAN, NOISE),
    "never together": np.where((T[:, None] % 3) == [0, 1, 2], NOISE, NAN),
    "every other missing": np.where((T[:, None] % 2) == [0, 1, 5], NAN, NOISE),
    "one seen once": np.where([False, True, False], np.where(T[:, None] == 20, NOISE, NAN), NOISE),
    "nothing seen": np.full((40, 3), NAN),
    "one never seen": np.where([False, True, False], NAN, NOISE),
    "huge": 1e300 * (1 + 0.1 * NOISE),
    "huge of both signs": 8e307 * np.sign(NOISE),
    "tiny": 1e-300 * NOISE,
    "smallest": 5e-324 * np.sign(NOISE),
    "huge and tiny": NOISE * np.array([1e300, 1e-300, 1.0]),
    "a step of 1e300": np.where(T[:, None] < 20, NOISE, NOISE + 1e300),
    "growth without end": np.column_stack([2.0 ** (25 * T), 3.0**T, NOISE[:, 0]]),
    "explosive": np.column_stack([(-1.5) ** T, 1.4**T + NOISE[:, 0]]),
    "a great level": 1e12 + NOISE,
    "twelve series of twenty rows": np.random.default_rng(1).normal(size=(20, 12)),
}


def check(case: Case, values: np.ndarray, horizon: int) -> None:
    series = frozen(Series.of(values))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fitted: Any = case.make().fit(series)
        except ForecastError as error:
            assert str(error).endswith(".") and len(str(error)) > 30, error
            return
        forecast = fitted.predict(horizon)
        seen = np.where(np.isnan(values), 0.0, values)
        newer = fitted.update(np.stack([np.full(values.shape[1], NAN), seen.max(axis=0)])).predict(horizon)
        session = fitted.stream()
        session.step(seen.min(axis=0))
        for one in (forecast, newer, *(fitted.predict(5, intervals=kind, samples=7) for kind in ("simulated", "bootstrap"))):
            assert np.isfinite(one.mean).all(), one.mean
            for level in one.levels:
                assert np.isfinite(one.lower[level]).all() and np.isfinite(one.upper[level]).all()
                assert (one.lower[level] <= one.upper[level]).all()
            assert one.samples is None or np.isfinite(one.samples).all()
        assert np.isfinite(session.predict(horizon)).all()
        assert not np.isinf(fitted.residuals).any()
        assert fitted.summary() and fitted.describe(0)
        responses = fitted.impulse_responses(6)
        assert np.isfinite(responses.values).all() and np.isfinite(responses.standard_errors).all()
        np.testing.assert_allclose(fitted.variance_decomposition(5).sum(axis=2), 1, rtol=1e-9)
        if fitted.order:
            assert 0 <= fitted.granger("y1", "y2").f.p_value <= 1


@each
@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_panels(case, kind):
    check(case, AWKWARD[kind], 30)


@each
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_panel(case, data):
    numbers = st.one_of(st.floats(-1e3, 1e3), st.integers(-5, 5).map(float), st.just(NAN), st.floats(-1e300, 1e300), st.floats(1e-300, 1e-290))
    channels = data.draw(st.sampled_from([2, 3, 5]))
    rows = data.draw(st.lists(st.lists(numbers, min_size=channels, max_size=channels), min_size=1, max_size=30))
    check(case, np.array(rows), data.draw(st.sampled_from([1, 5, 40])))


# --- the registry ---


def test_systems_are_tried_on_panels_that_share_their_stamps():
    panel = whole()
    names, notes = default_models(panel)
    assert set(SYSTEMS) <= set(names)
    names, notes = default_models(panel[0])
    assert not set(SYSTEMS) & set(names)
    many = Series.of(np.random.default_rng(0).normal(size=(60, 21)))
    names, notes = default_models(many)
    assert not set(SYSTEMS) & set(names)
    assert any(note.startswith("There are 21 series, more than 20, so what models them together is left out: var.") for note in notes)
    uneven = dataclasses.replace(panel, values=panel.values[:-1], index=panel.index[:-1], offsets=np.array([0, 66, 132, 197]))
    names, notes = default_models(uneven)
    assert not set(SYSTEMS) & set(names)
    assert any(note.startswith("The series do not share their stamps, so") for note in notes)
    assert all(CANDIDATES[name].home for name in SYSTEMS)


def test_compare_ranks_a_system_beside_the_others():
    result = inorder.compare("forecast", whole(), horizon=4, models=["naive", "ar", "var"])
    row = next(row for row in result.table if row["model"] == "var")
    assert row["error"] is None and row["mase"] > 0
    assert "var" in result.report()
