"""Combinations against the textbook, against their members, and against what they may not see."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from inorder.data.series import Series, read_series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast import combination as fast
from inorder.forecast.autoregressive import AR
from inorder.forecast.baselines import Drift, Mean, Naive
from inorder.forecast.calibration import held_out, interval_scale, tails
from inorder.forecast.combination import HOWS, Auto, Combination
from inorder.textbook import combination as textbook

NAN = math.nan


def noisy(n: int = 90, season: int = 12, seed: int = 0) -> np.ndarray:
    t = np.arange(n)
    return 100 + 0.3 * t + 20 * np.sin(2 * np.pi * t / season) + np.random.default_rng(seed).normal(0, 5, n)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("members", [1, 2, 3, 4, 7])
def test_arithmetic_as_the_textbook(how, members):
    rng = np.random.default_rng(members)
    values = rng.normal(size=(members, 60))
    values[rng.random(values.shape) < 0.3] = NAN
    weights = rng.uniform(0, 1, members)
    weights[-1] = 0.0 if members > 1 else 1.0
    expected = [textbook.combine(values[:, i].tolist(), how, weights.tolist()) for i in range(60)]
    np.testing.assert_allclose(fast.combine(values, how, weights), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("windows", [0.0, 0.7, 4.0])
def test_weights_and_scale_as_the_textbook(windows):
    rng = np.random.default_rng(0)
    for count in (1, 2, 5):
        errors, ratios = rng.uniform(0.5, 2, count), rng.gamma(2, 0.5, 3 * count)
        np.testing.assert_allclose(fast.weights_of_errors(errors, windows), textbook.weights_of_errors(errors.tolist(), windows), rtol=1e-12)
        assert interval_scale(ratios, windows, 50) == pytest.approx(textbook.interval_scale(ratios.tolist(), windows, 50), rel=1e-12)
    assert interval_scale(np.array([NAN, math.inf]), windows, 36) == textbook.interval_scale([NAN, math.inf], windows, 36) == pytest.approx(4 / 3)


def test_tails_are_those_of_student():
    p = np.array([0.001, 0.025, 0.1, 0.3, 0.9, 0.99])
    expected = student(5).ppf(p) / student(5).ppf(0.9) / (norm.ppf(p) / norm.ppf(0.9))
    np.testing.assert_allclose(tails(p), expected, rtol=1e-9)
    assert tails(np.array([0.5]))[0] == pytest.approx(tails(np.array([0.501]))[0], rel=1e-4)


def test_a_member_without_error_takes_all_and_unknown_errors_are_the_largest():
    assert fast.weights_of_errors(np.array([0.0, 1.0]), 2.0).tolist() == [1.0, 0.0]
    assert fast.weights_of_errors(np.array([0.0, 0.0]), 2.0).tolist() == [0.5, 0.5]
    assert fast.weights_of_errors(np.array([1.0, 2.0, NAN]), 0.5).tolist() == [0.5, 0.25, 0.25]
    assert fast.weights_of_errors(np.array([NAN, NAN]), 3.0).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("how", HOWS)
def test_a_forecast_is_its_members_forecasts_combined(how):
    y = Series.of(noisy(), season_length=12)
    weights = (1.0, 2.0, 3.0) if how == "weights" else None
    found = Combination(models=(Naive(), "mean", Drift()), how=how, weights=weights, calibrate=False).fit(y)
    alone = [one.fit(y) for one in (Naive(), Mean(), Drift())]
    for pick in (lambda fitted: fitted.predict(9).mean, lambda fitted: fitted.predict(9).upper[0.8], lambda fitted: fitted.fitted_values):
        members = np.stack([pick(one) for one in alone])
        present = ~np.isnan(members).all(axis=0)
        expected = fast.combine(members, how, np.array(weights or (1.0, 1.0, 1.0)))
        np.testing.assert_allclose(pick(found)[present], expected[present], rtol=1e-12)


def test_weights_go_to_the_member_that_forecasts_the_held_out_part():
    t = np.arange(120.0)
    described = Combination(models=("mean", "trend"), how="weights").fit(Series.of(10 + 3 * t + np.random.default_rng(0).normal(0, 1, 120))).describe()
    mean, trend = described["members"]["weight"]
    assert trend > 0.999 and mean + trend == pytest.approx(1)
    assert described["members"]["held-out error"][0] > 20 * described["members"]["held-out error"][1]


def test_held_out_forecasts_see_nothing_of_what_they_forecast():
    """Made anew from each origin's past alone, by a member fitted to the first part."""
    y = noisy(60)
    held = held_out([AR(order=2)], y, 12, 6)
    cut = 60 - 20  # a third, less than eight horizons
    model, done = AR(order=2).fit_one(y[:cut], 12), 0
    for origin in range(cut, 60 - 3, 1):
        steps = min(6, 60 - origin)
        _, state = model.run(y[:origin])
        np.testing.assert_allclose(held.made[0, 0, done : done + steps], model.forecast(state, steps), rtol=1e-12)
        np.testing.assert_array_equal(held.came[done : done + steps], y[origin : origin + steps])
        done += steps
    assert done == len(held.came) and held.windows == 20 / 6
    assert held.errors()[0] == pytest.approx(np.abs(held.made[0, 0] - held.came).mean())


def test_intervals_are_widened_where_errors_ask_for_it():
    """A walk that begins to jump: members fitted to the calm part promise too narrow intervals."""
    rng = np.random.default_rng(0)
    y = np.cumsum(np.concatenate([rng.normal(0, 1, 100), rng.normal(0, 6, 60)]))
    plain, learnt = (Combination(models=("naive", "drift"), how="mean", calibrate=calibrate).fit_one(y[:160], 1) for calibrate in (False, True))
    assert plain.scale == 0 and learnt.scale > 1.5
    state = learnt.run(y)[1]
    p = np.array([0.1, 0.5, 0.9, 0.975])
    narrow, wide = plain.quantiles(state, 5, p), learnt.quantiles(state, 5, p)
    np.testing.assert_allclose(wide[1], narrow[1], rtol=1e-12)
    factors = (wide - wide[1]) / np.where(np.arange(4)[:, None] == 1, 1, narrow - narrow[1])
    np.testing.assert_allclose(factors[[0, 2]], learnt.scale, rtol=1e-9)
    np.testing.assert_allclose(factors[3], learnt.scale * tails(p)[3], rtol=1e-9)


def test_members_that_fail_drop_out_and_all_failing_is_one_sentence():
    y = Series.of([5.0, -7.0, 6.0, 9.0, 3.0, 4.0, 8.0, 2.0])
    positive = {"home": "seasonal_autoregressive:SeasonalAR", "settings": {"logarithm": True}}
    fitted = Combination(models=(positive, "naive")).fit(y)
    assert fitted.describe()["members"]["member"] == ["Naive"]
    np.testing.assert_array_equal(fitted.predict(3).mean, Naive().fit(y).predict(3).mean)
    with pytest.raises(ForecastError, match="above zero; the smallest here is -7"):
        Combination(models=(positive,)).fit(y)


def test_a_member_that_cannot_take_in_an_observation_drops_out_from_there():
    y = 10 + np.abs(noisy(60))
    fitted = Combination(models=({"home": "seasonal_autoregressive:SeasonalAR", "settings": {"logarithm": True}}, "naive"), how="mean").fit(Series.of(y))
    model = fitted.models[0]
    for later in (model.run(np.append(y, [-1.0, 7.0]))[1], fitted.update([-1.0, 7.0])._runs[0].state):
        assert later.members[0] is None
        assert model.forecast(later, 2).tolist() == [7.0, 7.0]
    assert fitted.update([-1.0, 7.0]).predict(2).mean.tolist() == [7.0, 7.0]
    with pytest.raises(ForecastError, match="above zero"):
        alone = Combination(models=({"home": "seasonal_autoregressive:SeasonalAR", "settings": {"logarithm": True}},)).fit(Series.of(y))
        alone.update([-1.0]).predict(1)


def test_auto_chooses_by_the_season_the_length_and_the_sign():
    def members(y, season):
        return Auto(season_length=season).fit(Series.of(y)).describe()["members"]["member"]

    assert members(noisy(), 12) == ["Theta 1", "Theta 2", "ETS", "ARIMA"]
    assert members(noisy(400, 52), 52) == [f"SeasonalAR {i}" for i in (1, 2, 3, 4)]
    assert members(noisy(400, 52) - 110, 52) == ["SeasonalAR 1", "SeasonalAR 2"]
    assert members(noisy(150, 52), 52) == ["Theta 1", "Theta 2", "ETS", "ARIMA"]  # less than three seasons
    assert members(np.array([3.0]), 1) == ["Naive"]


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"models": "naive"}, "`models` are forecasters or names"),
        ({"models": ()}, "`models` are forecasters or names"),
        ({"models": ("nave",)}, "Did you mean"),
        ({"how": "avarage"}, "avarage"),
        ({"weights": (1.0, 1.0, 1.0)}, "`weights` have no effect with how='median'"),
        ({"how": "weights", "weights": (1.0,)}, "`weights` are 3 numbers"),
        ({"how": "weights", "weights": (0.0, 0.0, 0.0)}, "not all zero"),
        ({"how": "weights", "weights": (1.0, -1.0, 1.0)}, "none below zero"),
        ({"horizon": 0}, "`horizon` is a whole number, 1 or more, not 0"),
        ({"calibrate": "yes"}, "`calibrate` is True or False, not 'yes'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Combination(**settings)


def test_the_names_of_members_mean_what_they_mean_in_compare():
    from inorder.forecast.named import NAMES
    from inorder.tasks.forecast import CANDIDATES

    local = {name: one for name, one in CANDIDATES.items() if one.home.startswith("forecast.") and not one.system and not one.uneven}
    assert {name: (one.home.removeprefix("forecast."), dict(one.settings)) for name, one in local.items()} == NAMES


def test_covariates_enter_by_one_regression():
    rng = np.random.default_rng(0)
    t, x = np.arange(132), rng.normal(size=132)
    y = 50 + 5 * x + 4 * np.sin(np.pi * t / 6) + rng.normal(0, 0.3, 132)
    series = Series.of(y, season_length=12)
    history = replace(series.head(12), future={"x": x[:120]}, ahead={"x": x[None, 120:]})
    for forecaster in (Auto(), Combination(models=("theta", "arima"))):
        fitted = forecaster.fit(history)
        assert fitted.models[0].regression() == pytest.approx([5], abs=0.3)
        assert not any("plays no part" in note for note in fitted.notes)
    assert np.abs(Auto().fit(history).predict(12).mean - y[120:]).mean() < 1
    assert "x plays no part" in Naive().fit(history).notes[0]


def test_samples_are_about_as_wide_as_the_intervals_and_paths_hang_together():
    y = read_series("air-passengers")
    made = Auto().fit(y).predict(12, (0.8,), samples=2000)
    low, high = np.quantile(made.samples, [0.1, 0.9], axis=0)
    ratio = (high - low) / (made.upper[0.8] - made.lower[0.8])
    assert (0.6 < ratio).all() and (ratio < 1.4).all()
    assert np.corrcoef(made.samples[:, 5], made.samples[:, 6])[0, 1] > 0.5
