"""Moving averages against the textbook and the lecture's example."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.moving_average import MovingAverage, WeightedMovingAverage, best_window
from inorder.textbook import baselines
from inorder.textbook import moving_average as textbook

NAN = math.nan
RNG = np.random.default_rng(4)
NOISE = 10 + RNG.normal(size=50)
GAPPY = NOISE.copy()
GAPPY[[1, 7, 8, 9, 30, 48, 49]] = NAN


def test_the_lecture():
    """Sixth example: 10 12 15 14 18, window 3; then 20 comes."""
    fitted = MovingAverage(window=3).fit(Series.of([10.0, 12, 15, 14, 18]))
    assert [round(value, 2) for value in fitted.fitted_values[3:].tolist()] == [12.33, 13.67]
    assert np.isnan(fitted.fitted_values[:3]).all()
    session = fitted.stream()
    assert round(session.predict(1)[0], 2) == 15.67
    assert round(session.step(20.0), 2) == 17.33


@pytest.mark.parametrize("y", [NOISE, GAPPY], ids=["whole", "gappy"])
@pytest.mark.parametrize("window", [1, 2, 5, 43])
def test_simple_as_the_textbook(y, window):
    fitted = MovingAverage(window).fit(Series.of(y))
    np.testing.assert_allclose(fitted.predict(3, ()).mean, textbook.moving_average(y, window, 3), rtol=1e-12)
    np.testing.assert_allclose(fitted.fitted_values, baselines.one_step(lambda past: textbook.moving_average(past, window, 1), y), rtol=1e-12)
    assert fitted.describe()["window"] == window


@pytest.mark.parametrize("y", [NOISE, GAPPY], ids=["whole", "gappy"])
@pytest.mark.parametrize("weights", [(1,), (1, 2, 3), (0.0, 5.0, 0.0), [0.2, 0.3, 0.5, 0.0]])
def test_weighted_as_the_textbook(y, weights):
    fitted = WeightedMovingAverage(weights).fit(Series.of(y))
    np.testing.assert_allclose(fitted.predict(3, ()).mean, textbook.weighted_moving_average(y, weights, 3), rtol=1e-12)
    np.testing.assert_allclose(fitted.fitted_values, baselines.one_step(lambda past: textbook.weighted_moving_average(past, weights, 1), y), rtol=1e-12)
    np.testing.assert_allclose(fitted.describe()["weights"], np.array(weights) / sum(weights))


def test_weights_are_oldest_first():
    y = Series.of([1.0, 10.0, 100.0])
    assert WeightedMovingAverage(weights=(1, 0, 0)).fit(y).predict(1, ()).mean[0] == 1.0
    assert WeightedMovingAverage(weights=(0, 0, 1)).fit(y).predict(1, ()).mean[0] == 100.0


def test_great_weights_stay_in_range():
    assert WeightedMovingAverage(weights=(1e308, 1e308, 1e308)).fit(Series.of([1.0, 2.0, 6.0])).predict(1, ()).mean[0] == pytest.approx(3.0)


@pytest.mark.parametrize("y", [NOISE, np.tile([1.0, 5.0, 3.0], 12), np.arange(30.0), np.cumsum(NOISE - 10)], ids=["noise", "cycle", "line", "walk"])
def test_window_by_one_step_error_as_the_textbook(y):
    longest = min(len(y) // 2, 24)
    assert best_window(y, 1) == textbook.best_window(y, longest)
    assert len(MovingAverage().fit(Series.of(y)).describe()["weights"]) == textbook.best_window(y, longest)


def test_window_from_a_known_answer():
    assert MovingAverage().fit(Series.of(np.tile([1.0, 5.0, 3.0], 12))).describe()["window"] % 3 == 0  # one cycle, or more of them
    assert MovingAverage().fit(Series.of(np.arange(30.0))).describe()["window"] == 2  # on a line the shortest mean is the nearest
    assert WeightedMovingAverage().fit(Series.of(np.arange(30.0))).describe()["window"] == 2
    assert MovingAverage().fit(Series.of(np.full(30, 2.0))).describe()["window"] == 2  # of equals the shortest
    season = np.tile(np.r_[np.zeros(35), 36.0], 3)
    assert MovingAverage(season_length=36).fit(Series.of(season)).describe()["window"] == 36  # beyond 24, where the season is longer


def test_intervals_are_conformal_and_flat_noise_is_covered():
    rng = np.random.default_rng(5)
    draws = rng.normal(size=(400, 101))
    forecast = MovingAverage(window=5).fit(Series.of(draws[:, :100].T)).predict(1, [0.8])
    assert forecast.intervals == "conformal"
    inside = (draws[:, 100:] >= forecast.lower[0.8]) & (draws[:, 100:] <= forecast.upper[0.8])
    assert inside.mean() == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("window", [0, -2, 2.5, True, "3"])
def test_a_window_is_a_whole_number(window):
    with pytest.raises(ConfigError, match=f"`window` is a whole number, 1 or more, not {window!r}"):
        MovingAverage(window=window)


@pytest.mark.parametrize("weights", [(), (0, 0), (1, -1), (1, NAN), (1, math.inf), ("a",), 3])
def test_weights_that_are_none(weights):
    with pytest.raises(ConfigError, match="`weights` are numbers of 0 or more"):
        WeightedMovingAverage(weights=weights)


def test_too_short():
    with pytest.raises(ForecastError, match="over 4 values needs 4 observations; this series has 3"):
        MovingAverage(window=4).fit(Series.of([1.0, NAN, 2.0, 3.0]))
    with pytest.raises(ForecastError, match="with 4 weights needs as many observations; this series has 3"):
        WeightedMovingAverage(weights=(1, 1, 1, 1)).fit(Series.of([1.0, NAN, 2.0, 3.0]))


def test_one_error_of_zero_is_no_interval():
    forecast = MovingAverage().fit(Series.of([230.0, 250.0, 240.0])).predict(2)
    assert forecast.mean.tolist() == [245.0, 245.0] and np.isnan(forecast.lower[0.8]).all()
    assert "One error, of zero" in forecast.errors["y"]
