"""The textbook recursion beside the other forms in which the books write it, and the textbook search on series whose best fit is known."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.textbook.smoothing import Smoothed, fit, initial_states, smooth, step

NAN = float("nan")


def wavy(time: int) -> np.ndarray:
    return 30 + np.arange(time) + 5 * np.sin(np.arange(time)) + np.random.default_rng(3).normal(0, 1, time)


def test_simple_smoothing_is_a_weighted_mean_with_geometric_weights():
    """ŷ[t+1] = α·Σ (1 − α)^j · y[t−j] + (1 − α)^t · l₀: Hyndman & Athanasopoulos 2021, eq. (8.1)."""
    y, alpha, level = wavy(20), 0.3, 25.0
    fitted = smooth(y, (alpha, 0, 0, 1), level, 0.0, [0.0]).fitted
    for t in range(len(y)):
        weights = alpha * (1 - alpha) ** np.arange(t)
        assert fitted[t] == pytest.approx(weights @ y[:t][::-1] + (1 - alpha) ** t * level, rel=1e-12)


@pytest.mark.parametrize("phi", [1.0, 0.9])
def test_holt_in_component_form(phi):
    """l = α·y + (1 − α)·(l + φb),  b = β·(l − l₋₁) + (1 − β)·φb:  Hyndman & Athanasopoulos 2021, §8.2."""
    y, alpha, beta = wavy(25), 0.4, 0.3
    level, trend = 28.0, 1.2
    done = smooth(y, (alpha, beta, 0, phi), level, trend, [0.0])
    for t, value in enumerate(y):
        assert done.fitted[t] == pytest.approx(level + phi * trend, rel=1e-12)
        before = level
        level = alpha * value + (1 - alpha) * (level + phi * trend)
        trend = beta * (level - before) + (1 - beta) * phi * trend
    assert (done.level, done.trend) == pytest.approx((level, trend), rel=1e-12)


@pytest.mark.parametrize("multiplicative", [False, True])
def test_holt_winters_in_component_form(multiplicative):
    """s = γ·(y − l₋₁ − b₋₁) + (1 − γ)·s₋ₘ, or γ·y / (l₋₁ + b₋₁) + (1 − γ)·s₋ₘ:  Hyndman & Athanasopoulos 2021, §8.3."""
    y, (alpha, beta, gamma), m = wavy(23), (0.4, 0.3, 0.2), 4
    level, trend, season = 28.0, 1.2, [1.1, 0.9, 1.2, 0.8] if multiplicative else [2.0, -1.0, 0.5, -1.5]
    done = smooth(y, (alpha, beta, gamma, 1.0), level, trend, season, multiplicative)
    for t, value in enumerate(y):
        base, s = level + trend, season[t % m]
        assert done.fitted[t] == pytest.approx(base * s if multiplicative else base + s, rel=1e-12)
        before = level
        level = alpha * (value / s if multiplicative else value - s) + (1 - alpha) * base
        trend = beta * (level - before) + (1 - beta) * trend
        season[t % m] = gamma * (value / base if multiplicative else value - base) + (1 - gamma) * s
    assert done.season == pytest.approx(season[23 % m :] + season[: 23 % m], rel=1e-12)  # the first is for the next observation
    assert done.squared_error == pytest.approx(np.sum((y - done.fitted) ** 2), rel=1e-12)


def test_a_missing_value_moves_the_state_on_and_counts_for_nothing():
    y = np.array([10.0, NAN, NAN, 16.0])
    done = smooth(y, (0.5, 0.2, 0.1, 0.9), 9.0, 2.0, [0.5, -0.5])
    forecast, level, trend, first = step(10.0, 9.0, 2.0, 0.5, (0.5, 0.2, 0.1, 0.9))
    assert done.fitted[0] == forecast
    assert done.fitted[1:3] == pytest.approx([level + 0.9 * trend - 0.5, level + (0.9 + 0.9**2) * trend + first])
    assert done.squared_error == pytest.approx((10.0 - done.fitted[0]) ** 2 + (16.0 - done.fitted[3]) ** 2)


def test_an_empty_stretch_changes_nothing():
    assert smooth(np.zeros(0), (0.5, 0, 0, 1), 3.0, 1.0, [2.0, -2.0])[1:3] == (3.0, 1.0)
    assert isinstance(smooth(np.zeros(0), (0.5, 0, 0, 1), 3.0, 1.0, [0.0]), Smoothed)


@pytest.mark.parametrize("season", [[3.0, -1.0, -2.0], [1.5, 0.9, 0.6]], ids=["additive", "multiplicative"])
@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_a_line_with_a_season_is_found_without_error(season, slope):
    multiplicative = sum(season) == 3
    t = np.arange(1.0, 31)
    effects = np.resize(season, 30)
    y = (20 + slope * t) * effects if multiplicative else 20 + slope * t + effects
    found = fit(y, slope > 0, False, 3, multiplicative)
    assert found.squared_error < 1e-8
    assert (found.level, found.trend) == pytest.approx((20, slope), abs=1e-3)
    assert found.season == pytest.approx(season, abs=1e-3)


def test_initial_states_of_a_line_with_a_season():
    t = np.arange(1.0, 41)
    y = 5 - 0.25 * t + np.resize([2.0, 0.0, -3.0, 1.0], 40)
    y[[2, 6, 9]] = NAN
    level, trend, season = initial_states(y, True, 4)
    assert (level, trend) == pytest.approx((5, -0.25)) and season == pytest.approx([2, 0, -3, 1])


def test_initial_states_take_the_first_ten_observations_without_a_season():
    y = np.concatenate([[NAN, NAN], np.full(10, 4.0), np.full(30, 900.0)])
    assert initial_states(y, True)[:2] == (4.0, 0.0)


def test_a_random_walk_is_its_last_value():
    y = np.cumsum(np.random.default_rng(0).normal(size=200))
    assert fit(y).parameters[0] > 0.9
    noise = np.random.default_rng(1).normal(size=200)
    assert fit(noise).parameters[0] < 0.1


def test_given_parameters_are_kept():
    found = fit(wavy(40), True, True, fixed=(0.25, NAN, NAN, 0.9))
    assert found.parameters[0] == 0.25 and found.parameters[3] == 0.9 and found.parameters[2] == 0
