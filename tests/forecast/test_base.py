"""What all forecasters share: fitting, predicting, updating, streaming, saving."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass

import numpy as np
import pytest

from inorder.data.frequency import Frequency
from inorder.data.series import Series
from inorder.errors import BudgetError, BundleError, ConfigError, ForecastError, SeriesError
from inorder.forecast.autoregressive import AR, ARModel
from inorder.forecast.base import Model
from inorder.forecast.baselines import Drift, Mean, Naive, SeasonalNaive
from inorder.forecast.local import LocalForecaster
from inorder.forecast.moving_average import MovingAverage
from inorder.forecast.packing import pack, unpack
from inorder.forecast.trend import Trend

NAN = math.nan
RNG = np.random.default_rng(21)
Y = 20 + np.cumsum(RNG.normal(size=60))
PANEL = Series.of(np.stack([Y, 2 * Y + 1, -Y], axis=1))


# --- fitting ---


def test_anything_that_can_be_read_can_be_fitted():
    import pandas as pd
    import polars as pl

    frame = {"time": np.arange(1, 61), "y": Y}
    wanted = Naive().fit(Series.of(Y)).predict(3).mean
    for data in (Y, Y.tolist(), pl.DataFrame(frame), pd.DataFrame(frame)):
        np.testing.assert_array_equal(Naive().fit(data).predict(3).mean, wanted)


def test_irregular_series_are_refused():
    series = Series.of(Y[:3], index=np.array([0.0, 1.0, 2.5]), frequency=None)
    with pytest.raises(SeriesError, match="array has irregular stamps.*Put it on a grid"):
        Naive().fit(series)


@pytest.mark.parametrize(
    ("index", "values", "said"),
    [
        (np.array(["2020-01-01"], dtype="datetime64[us]"), [5.0], "array has one row, so the spacing is not known.*--frequency monthly"),
        (np.array(["2020-01-01"], dtype="datetime64[us]"), [[5.0, 6.0]], "array has 2 series of one row, so the spacing is not known.*--frequency monthly"),
        (np.array([7.0]), [5.0], "array has one row, so the spacing is not known.*--frequency step"),
    ],
)
def test_one_row_has_no_spacing(index, values, said):
    with pytest.raises(SeriesError, match=said) as caught:
        Naive().fit(Series.of(np.array(values), index=index, frequency=None))
    assert "--every" not in str(caught.value)


def test_every_series_is_reported_as_it_is_done():
    seen = []
    Naive().fit(PANEL, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@dataclass(frozen=True)
class Slow(LocalForecaster):
    name = "slow"
    model = Naive.model

    def fit_one(self, y, season_length):
        time.sleep(0.02)
        return Naive().fit_one(y, season_length)


def test_a_budget_is_kept():
    with pytest.raises(BudgetError, match=r"slow had fitted 1 of 3 series when its 0.0 seconds were used up"):
        Slow().fit(PANEL, seconds=0.01, workers=1)
    with pytest.raises(BudgetError, match=r"slow had fitted [0-3] of 3 series"):
        Slow().fit(PANEL, seconds=0.01, workers=2)
    assert len(Slow().fit(PANEL, seconds=60).models) == 3


def test_where_no_series_can_be_fitted():
    with pytest.raises(ForecastError, match='drift fits none of the 2 series. "y1": The drift method needs 2 observations'):
        Drift().fit(Series.of(np.array([[1.0, 2.0]])))
    with pytest.raises(ForecastError, match="^The drift method needs 2 observations"):
        Drift().fit(Series.of([1.0]))


def test_season_length_is_that_of_the_series_unless_set():
    y = Series.of(np.arange(12.0), season_length=3)
    assert SeasonalNaive().fit(y).predict(1, ()).mean[0] == 9.0
    assert SeasonalNaive(season_length=4).fit(y).predict(1, ()).mean[0] == 8.0
    assert SeasonalNaive(season_length=1).fit(y).predict(1, ()).mean[0] == 11.0
    with pytest.raises(ConfigError, match="`season_length` is a whole number of observations, 1 or more, not 0"):
        SeasonalNaive(season_length=0).fit(y)


def test_settings():
    forecaster = MovingAverage(window=3)
    assert forecaster.settings == {"window": 3, "season_length": None}
    assert forecaster.with_settings({"window": 5}) == MovingAverage(5)
    with pytest.raises(ConfigError, match='"windw" is unknown. Did you mean "window"'):
        forecaster.with_settings({"windw": 5})
    with pytest.raises(dataclasses.FrozenInstanceError):
        forecaster.window = 4


# --- predicting ---


@pytest.mark.parametrize("horizon", [0, -1, 2.0, True, "3", None])
def test_a_horizon_is_a_whole_number(horizon):
    fitted = Naive().fit(Series.of(Y))
    with pytest.raises(ConfigError, match=f"`horizon` is a whole number of steps, 1 or more, not {horizon!r}"):
        fitted.predict(horizon)
    with pytest.raises(ConfigError, match="`horizon`"):
        fitted.stream().predict(horizon)


def test_numpy_numbers_are_numbers():
    assert Naive().fit(Series.of(Y)).predict(np.int64(2), np.array([0.5])).levels == (0.5,)


def test_kinds_of_intervals():
    walk, average = Naive().fit(Series.of(Y)), MovingAverage(3).fit(Series.of(Y))
    assert walk.predict(1).intervals == "analytic"
    assert walk.predict(1, intervals="conformal").intervals == "conformal"
    assert average.predict(1).intervals == "conformal"
    with pytest.raises(ConfigError, match='No formula is known for the intervals of moving-average.*intervals="conformal"'):
        average.predict(1, intervals="analytic")
    with pytest.raises(ConfigError, match='Kind of intervals "conformall" is unknown. Did you mean "conformal"'):
        walk.predict(1, intervals="conformall")


def test_conformal_errors_are_those_of_a_model_that_did_not_see_them():
    """60 observations: fitted to 36, judged on 24, each origin with all that had come before it."""
    fitted = Mean().fit(Series.of(Y))
    errors = fitted._errors_ahead(0, 4)
    assert errors.shape == (24, 4)
    for k in range(24):
        for step in range(4):
            if 36 + k + step < 60:
                assert errors[k, step] == pytest.approx(Y[36 + k + step] - Y[: 36 + k].mean())
            else:
                assert math.isnan(errors[k, step])
    sigma = fitted.models[0].sigma
    assert AR(order=1).fit(Series.of(Y))._errors_ahead(0, 1)[0, 0] == pytest.approx(Y[36] - AR(order=1).fit(Series.of(Y[:36])).predict(1, ()).mean[0])
    assert fitted.models[0].sigma == sigma


@pytest.mark.parametrize(("rows", "origins"), [(1, 0), (2, 1), (3, 1), (10, 5), (47, 23), (48, 24), (90, 30), (1000, 200)])
def test_how_much_is_held_back(rows, origins):
    fitted = Naive().fit(Series.of(np.arange(float(rows))))
    assert len(fitted._errors_ahead(0, 2)) == origins


def test_a_series_that_is_too_short_to_hold_back_is_judged_by_its_residuals():
    """Eight observations of a seasonal model with m = 5: half of them cannot be fitted, so the three residuals speak."""
    fitted = SeasonalNaive(season_length=5).fit(Series.of([1.0, 2, 3, 4, 5, 2, 4, 2]))
    forecast = fitted.predict(2, [0.5], intervals="conformal")
    assert forecast.intervals == "conformal and normal"
    np.testing.assert_allclose(forecast.upper[0.5] - forecast.mean, [1.0, math.sqrt(2)])  # errors 1, 2, −1: the second smallest is 1


def test_a_panel_where_one_series_has_no_interval():
    values = np.full((5, 2), NAN)
    values[:, 0], values[2, 1] = [1.0, 2, 4, 3, 5], 7.0
    forecast = Naive().fit(Series.of(values)).predict(2, [0.8])
    assert forecast.mean.tolist() == [[5.0, 5.0], [7.0, 7.0]]
    assert np.isfinite(forecast.lower[0.8][0]).all() and np.isnan(forecast.lower[0.8][1]).all()
    assert list(forecast.errors) == ["y2"] and "no interval is known" in forecast.errors["y2"]
    assert forecast.intervals == "analytic"


def test_kinds_of_a_panel_are_named_once():
    values = np.full((90, 2), NAN)
    values[:, 0], values[-6:, 1] = np.tile(Y[:45], 2), Y[:6]
    forecast = MovingAverage(2).fit(Series.of(values)).predict(2, [0.5, 0.9])
    assert forecast.intervals == "conformal and normal"
    assert MovingAverage(2).fit(Series.of(values)[0]).predict(2, [0.5, 0.9]).intervals == "conformal"


def test_a_series_that_cannot_be_fitted_repeats_its_last_value():
    values = np.full((5, 2), NAN)
    values[:, 0], values[1, 1] = [1.0, 2, 4, 3, 5], 7.0
    fitted = Drift().fit(Series.of(values))
    forecast = fitted.predict(2)
    assert forecast.mean[1].tolist() == [7.0, 7.0]
    assert forecast.errors["y2"].endswith("this series has 1. Its last value stands in.")
    assert fitted.describe(1) == {}
    assert np.isnan(fitted.residuals[5:]).all() and np.isfinite(fitted.residuals[2:5]).all()
    assert fitted.update(np.array([[6.0, 8.0]])).predict(1, ()).mean.tolist() == [[7.0], [8.0]]
    with pytest.raises(ForecastError, match='"y2" could not be fitted: The drift method needs 2'):
        fitted.stream("y2")


# --- the forecast ---


def test_columns_of_one_series_and_of_a_panel():
    one = Naive().fit(Series.of(Y)).predict(2, [0.8, 0.955])
    assert list(one.columns()) == ["time", "mean", "lower_80", "upper_80", "lower_95.5", "upper_95.5"]
    assert one.columns()["time"].tolist() == [61, 62]
    many = Naive().fit(PANEL).predict(2, [0.8])
    assert list(many.columns()) == ["series", "time", "mean", "lower_80", "upper_80"]
    assert many.columns()["series"].tolist() == ["y1", "y1", "y2", "y2", "y3", "y3"]
    np.testing.assert_array_equal(many.columns()["mean"], np.repeat([Y[-1], 2 * Y[-1] + 1, -Y[-1]], 2))
    np.testing.assert_array_equal(many.columns()["lower_80"], many.lower[0.8].reshape(-1))
    assert many.ids == ("y1", "y2", "y3")


def test_levels_that_look_alike_have_their_own_columns():
    columns = Naive().fit(Series.of(Y)).predict(1, [0.9999999, 0.99999999]).columns()
    assert [name for name in columns if name.startswith("lower")] == ["lower_99.99999", "lower_99.999999"]
    between = [0.8, float(np.nextafter(0.8, 1)), float(np.nextafter(1, 0)), 1e-300]
    assert len(Naive().fit(Series.of(Y)).predict(1, between).columns()) == 2 + 2 * len(between)
    assert "lower_57" in Naive().fit(Series.of(Y)).predict(1, [0.57]).columns()


def test_a_part_of_the_levels():
    forecast = Naive().fit(Series.of(Y)).predict(2, [0.5, 0.8, 0.95])
    part = forecast.at([0.8])
    assert part.levels == (0.8,)
    np.testing.assert_array_equal(part.upper[0.8], forecast.upper[0.8])


def test_a_panel_of_one_keeps_its_axis():
    forecast = Naive().fit(Series.of(Y[:, None])).predict(2)
    assert forecast.mean.shape == forecast.index.shape == forecast.lower[0.8].shape == (1, 2)


def test_a_forecast_prints_as_its_frame():
    text = str(Naive().fit(Series.of([1.0, 2.0, 4.0])).predict(2))
    assert "mean" in text and "lower_80" in text and "4.0" in text


# --- streams and updates ---


def test_streams_by_position_and_name():
    fitted = Naive().fit(PANEL)
    for which in (1, -2, "y2", np.int64(1)):
        assert fitted.stream(which).predict(1)[0] == 2 * Y[-1] + 1
    for which, said in ((3, '"3"'), ("y4", '"y4"'), (-4, '"-4"'), (1.5, '"1.5"')):
        with pytest.raises(ConfigError, match=f"Series {said} is unknown"):
            fitted.stream(which)


def test_updating_leaves_the_old_as_it_is():
    fitted = Mean().fit(Series.of([1.0, 3.0]))
    newer = fitted.update([8.0])
    assert newer.predict(1, ()).mean[0] == 4.0
    assert newer.predict(1, ()).index.tolist() == [4]
    assert fitted.predict(1, ()).mean[0] == 2.0
    assert newer.models is fitted.models
    with pytest.raises(dataclasses.FrozenInstanceError):
        fitted.history = newer.history


def test_missing_values_at_the_start_belong_to_no_model():
    late, early = Mean().fit(Series.of([NAN, NAN, 1.0, 3.0])), Mean().fit(Series.of([1.0, 3.0]))
    np.testing.assert_array_equal(late.fitted_values, [NAN, NAN, NAN, 1.0])
    np.testing.assert_array_equal(late.predict(2).upper[0.8], early.predict(2).upper[0.8])


def test_dates_go_on_by_the_calendar():
    index = np.array(["2023-11-30", "2023-12-31", "2024-01-31"], dtype="datetime64[us]")
    forecast = Naive().fit(Series.of([1.0, 2.0, 3.0], index=index, frequency=Frequency("month", month_end=True))).predict(2)
    assert forecast.index.astype("datetime64[D]").astype(str).tolist() == ["2024-02-29", "2024-03-31"]


def test_notes_name_the_series_of_a_panel():
    growth = 1.3 ** np.arange(20)
    assert AR(order=1).fit(Series.of(growth)).notes[0].startswith("The autoregression is not stationary")
    assert AR(order=1).fit(Series.of(np.stack([growth, np.cos(np.arange(20.0))], axis=1))).notes == ("y1: " + AR(order=1).fit(Series.of(growth)).notes[0],)


# --- packing ---


@dataclass(frozen=True, eq=False)
class Mixed(Model):
    number: float
    whole: int
    table: np.ndarray

    def init(self):
        return 0.0

    def step(self, y, state):
        return state, y

    def forecast(self, state, horizon):
        return np.full(horizon, state)


@dataclass(frozen=True, eq=False)
class Bare(Mixed):
    """A model without parameters."""

    number: float = dataclasses.field(init=False, default=0.0)
    whole: int = dataclasses.field(init=False, default=0)
    table: np.ndarray = dataclasses.field(init=False, default=None)


def test_packing_keeps_numbers_kinds_and_shapes():
    models = [Mixed(0.1, 3, np.arange(6.0).reshape(2, 3)), Mixed(NAN, -(2**60), np.zeros((0, 3))), Mixed(1.0, 0, np.array([[1.5, NAN, math.inf]]))]
    arrays = pack(models)
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    again = unpack(Mixed, arrays, 3)
    for one, other in zip(models, again, strict=True):
        np.testing.assert_equal(other.number, one.number)
        assert (type(other.number), type(other.whole)) == (float, int)
        assert other.whole == one.whole
        np.testing.assert_array_equal(other.table, one.table)
        assert other.table.shape == one.table.shape


def test_one_model_and_whole_numbers_in_a_float_field():
    (again,) = unpack(ARModel, pack([ARModel(-3.0, 2, 9, 1.0, np.array([]), 2.0, np.ones((1, 4)), np.ones(1))]), 1)
    assert again.phi.shape == (0,) and again.table.shape == (1, 4) and isinstance(again.constant, float)


@dataclass(frozen=True, eq=False)
class Nothing(Model):
    def init(self):
        return NAN

    def step(self, y, state):
        return state, y

    def forecast(self, state, horizon):
        return np.full(horizon, state)


def test_models_without_parameters():
    assert pack([Nothing(), Nothing()]) == {}
    assert [type(model) for model in unpack(Nothing, {}, 2)] == [Nothing, Nothing]


def damaged(**changes):
    arrays = pack([Mixed(0.1, 3, np.ones((2, 3))), Mixed(0.2, 4, np.ones((1, 3)))])
    for name, change in changes.items():
        key = "model." + name.replace("_", ".")
        if change is None:
            del arrays[key]
        else:
            arrays[key] = change
    return arrays


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"number": None}, "no array 'model.number'"),
        ({"table_shape": None}, "no array 'model.table.shape'"),
        ({"number": np.ones(3)}, "has 3 numbers; 2 were expected"),
        ({"number": np.ones((2, 1))}, "do not hold 2 series"),
        ({"number": np.array(["a", "b"])}, "do not hold 2 series"),
        ({"table_shape": np.array([[2, 3]])}, "do not hold 2 series"),
        ({"table_shape": np.array([[2, 3], [-1, 3]])}, "do not hold 2 series"),
        ({"table_shape": np.array([[2.0, 3.0], [1.0, 3.0]])}, "do not hold 2 series"),
        ({"table_shape": np.array([2, 3])}, "do not hold 2 series"),
        ({"table_shape": np.array([[2**32, 2**32], [3, 3]])}, "has 9 numbers; 18446744073709551625 were expected"),
    ],
)
def test_damaged_weights_are_refused(changes, said):
    with pytest.raises(BundleError, match=said):
        unpack(Mixed, damaged(**changes), 2)


def test_weights_of_another_number_of_series_are_refused():
    with pytest.raises(BundleError, match="do not hold 3 series"):
        unpack(Mixed, damaged(), 3)


def test_restoring():
    fitted = Drift().fit(PANEL)
    again = Drift().restore(fitted.history, fitted.weights(), {})
    np.testing.assert_array_equal(again.predict(3).upper[0.95], fitted.predict(3).upper[0.95])
    with pytest.raises(BundleError, match='The series "y9" is said to have failed, but is not among those saved: y1, y2, y3'):
        Drift().restore(fitted.history, fitted.weights(), {"y9": "too short"})
    with pytest.raises(BundleError, match="do not hold 2 series"):
        Drift().restore(fitted.history, fitted.weights(), {"y3": "too short"})


def test_a_series_that_failed_after_the_fit_is_saved_as_failed(tmp_path):
    import inorder

    fitted = Trend("exponential").fit(Series.of(np.exp(np.stack([Y, Y[::-1]], axis=1) / 10))).update(np.array([[-1.0, 2.0]]))
    loaded = inorder.load(fitted.save(tmp_path / "bundle"))
    assert dict(loaded.errors) == dict(fitted.errors)
    np.testing.assert_array_equal(loaded.predict(2).mean, fitted.predict(2).mean)
    with pytest.raises(ForecastError, match="holds -1"):
        fitted.update(np.array([[1.0, -2.0]])).save(tmp_path / "none")
    assert not (tmp_path / "none").exists()
