"""Intervals of single models, scaled by held-out errors: what is scaled, by what, and what stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError
from inorder.forecast.calibration import held_out, interval_scale, scale_of, tails
from inorder.forecast.ces import CES
from inorder.forecast.combination import Combination
from inorder.forecast.ets import ETS, AutoETS
from inorder.forecast.theta import AutoTheta, Theta

FORECASTERS = [
    ETS(components="MAN", calibrate=True),
    ETS(components="MMN", calibrate=True),
    AutoETS(),
    Theta(),
    Theta(kind="dynamic-optimised"),
    AutoTheta(),
    CES(),
    CES(seasonal="partial", centre="mean"),
]
each = pytest.mark.parametrize("forecaster", FORECASTERS, ids=lambda one: f"{one.name}-{list(one.settings.values())[1]}")


def walk(time: int = 80, seed: int = 0, jumps: float = 1.0) -> np.ndarray:
    """A positive walk whose steps are `jumps` times as large in its last third."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 1, time) * np.where(np.arange(time) < 2 * time / 3, 1, jumps)
    return 300 + np.cumsum(steps)


def bare(forecaster):
    return type(forecaster)(**{**forecaster.settings, "calibrate": False})


@each
def test_the_bounds_are_those_of_the_formula_times_the_scale(forecaster):
    y = Series.of(walk(), season_length=4)
    levels = (0.5, 0.8, 0.95)
    plain, scaled = (one.fit(y) for one in (bare(forecaster), forecaster))
    scale = scaled.models[0].scale
    assert scale > 0 and plain.models[0].scale == 0
    assert scaled.describe()["interval scale"] == scale and "interval scale" not in plain.describe()
    own, wide = plain.predict(9, levels), scaled.predict(9, levels)
    np.testing.assert_array_equal(own.mean, wide.mean)
    for level in levels:
        factor = scale * tails(np.array([(1 + level) / 2]))[0]
        np.testing.assert_allclose(wide.upper[level] - wide.lower[level], factor * (own.upper[level] - own.lower[level]), rtol=1e-9)


@each
def test_errors_that_came_larger_than_promised_widen(forecaster):
    calm, wild = (forecaster.fit(Series.of(walk(90, jumps=jumps), season_length=4)).models[0].scale for jumps in (1.0, 8.0))
    assert wild > 1.5 * calm


def test_the_scale_is_that_of_held_out_errors():
    y = walk(60)
    plain = ETS(components="ANN")
    held = held_out([plain], y, 1, 6, 6)
    cut = 60 - 20
    model = plain.fit_one(y[:cut], 1)
    ratios = []
    for origin in range(cut, 60 - 3, 3):  # a third of the rows, six origins and what is left
        steps = min(6, 60 - origin)
        _, state = model.run(y[:origin])
        low, high = model.quantiles(state, steps, np.array([0.1, 0.9]))
        ratios.extend(np.abs(y[origin : origin + steps] - model.forecast(state, steps)) / ((high - low) / 2))
    np.testing.assert_allclose(held.ratios(held.made[0]), ratios, rtol=1e-12)
    expected = interval_scale(np.array(ratios), 20 / 6, 60)
    assert scale_of(plain, y, 1) == pytest.approx(expected, rel=1e-12)
    assert ETS(components="ANN", calibrate=True).fit_one(y, 1).scale == pytest.approx(expected, rel=1e-12)


def test_a_series_too_short_to_hold_anything_out_is_widened_by_the_prior():
    y = np.array([3.0, 5.0, 4.0, 6.0, 5.5])
    assert Theta().fit_one(y, 1).scale == pytest.approx(1 + 2 / np.sqrt(5))


def test_a_combination_scales_once():
    y = Series.of(walk(), season_length=4)
    one, other = (Combination(models=(Theta(calibrate=calibrate), AutoETS(calibrate=calibrate))).fit(y).models[0] for calibrate in (True, False))
    assert one.scale == other.scale > 0 and all(member.scale == 0 for member in one.members)
    kept = Combination(models=(Theta(), AutoETS()), calibrate=False).fit(y).models[0]
    assert kept.scale == 0 and all(member.scale > 0 for member in kept.members)


@each
def test_a_scale_is_asked_for_by_true_or_false(forecaster):
    with pytest.raises(ConfigError, match="`calibrate` is True or False, not 1"):
        type(forecaster)(**{**forecaster.settings, "calibrate": 1})
