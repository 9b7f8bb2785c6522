"""The textbook complex exponential smoothing beside complex arithmetic, simple smoothing and a state space form."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.textbook.ces import first_state, pair, run, stable, transition
from inorder.textbook.smoothing import smooth

NAN = float("nan")


def wavy(time: int) -> np.ndarray:
    return 30 + 5 * np.sin(np.arange(time)) + np.random.default_rng(3).normal(0, 1, time)


@pytest.mark.parametrize(("weight", "turn"), [(1.3, 0.9), (1.7, 1.1), (0.9, 1.0)])
def test_the_pair_is_one_complex_number(weight, turn):
    """ŷ + i·p̂ ← α·(y + i·p) + (1 − α + i)·(ŷ + i·p̂), with α complex and p the error: Svetunkov, Kourentzes & Ord 2022."""
    alpha, state, level, potential = complex(weight, turn), complex(20.0, 17.0), 20.0, 17.0
    for y in wavy(15):
        e = y - state.real
        state = alpha * complex(y, e) + (1 - alpha + 1j) * state
        level, potential = pair(level, potential, weight, turn, y - level)
        assert (level, potential) == pytest.approx((state.real, state.imag), rel=1e-9)


def test_with_a_turn_of_one_it_is_simple_smoothing():
    y = wavy(20)
    fitted, _, _ = run(y, "N", np.array([1.4, 1.0, 0, 0]), np.array([25.0, 3.0]), np.zeros((2, 1)))
    np.testing.assert_allclose(fitted, smooth(y, (0.4, 0, 0, 1), 25.0, 0.0, [0.0]).fitted, rtol=1e-12)


def test_simple_seasons_are_separate_series():
    y, parameters, m = wavy(21), np.array([0, 0, 1.3, 0.95]), 3
    season = np.array([[30.0, 31.0, 32.0], [20.0, 21.0, 22.0]])
    fitted, _, after = run(y, "S", parameters, np.zeros(2), season)
    for j in range(m):
        alone, level, _ = run(y[j::m], "N", np.array([1.3, 0.95, 0, 0]), season[:, j], np.zeros((2, 1)))
        np.testing.assert_allclose(fitted[j::m], alone, rtol=1e-12)
        np.testing.assert_allclose(after[:, j], level, rtol=1e-12)


def test_partial_seasons_with_a_turn_of_one_are_additive_smoothing():
    y, season = wavy(22), np.array([1.0, -3.0, 2.0])
    fitted, _, _ = run(y, "P", np.array([1.4, 1.0, 0.2, 0]), np.array([30.0, 3.0]), np.array([season, np.zeros(3)]))
    np.testing.assert_allclose(fitted, smooth(y, (0.4, 0, 0.2, 1), 30.0, 0.0, season).fitted, rtol=1e-12)


def test_full_seasons_with_no_news_of_their_own_are_constant():
    """β = 1 + i leaves the seasons as they are."""
    y, season = wavy(22), np.array([1.0, -3.0, 2.0])
    full, _, after = run(y, "F", np.array([1.4, 0.95, 1.0, 1.0]), np.array([30.0, 25.0]), np.array([season, np.zeros(3)]))
    partial, _, _ = run(y, "P", np.array([1.4, 0.95, 0.0, 0.0]), np.array([30.0, 25.0]), np.array([season, np.zeros(3)]))
    np.testing.assert_allclose(full, partial, rtol=1e-12)
    np.testing.assert_allclose(np.sort(after[0]), np.sort(season))


@pytest.mark.parametrize("kind", ["N", "S", "P", "F"])
def test_what_is_left_of_a_wrong_first_state_is_a_power_of_the_transition(kind):
    """Two runs over the same values from two states: their difference is moved by D alone."""
    m = 1 if kind == "N" else 3
    parameters, rng = np.array([1.3, 0.9, 0.3 if kind == "P" else 1.2, 0.95]), np.random.default_rng(0)
    used = {"N": slice(0, 2), "S": slice(2, 8), "P": slice(0, 5), "F": slice(0, 8)}[kind]
    one, other = (rng.normal(size=2 + 2 * m) for _ in range(2))
    one[5:] *= kind != "P"
    other[5:] *= kind != "P"
    y, ends = wavy(7), []
    for state in (one, other):
        _, level, season = run(y, kind, parameters, state[:2], state[2:].reshape(2, m))
        ends.append(np.concatenate([level, season.reshape(-1)])[used])
    expected = np.linalg.matrix_power(transition(kind, m, parameters), 7) @ (one - other)[used]
    np.testing.assert_allclose(ends[0] - ends[1], expected, rtol=1e-9, atol=1e-9)


def test_a_missing_value_counts_as_its_forecast():
    y = wavy(9)
    y[5] = NAN
    state = (np.array([1.3, 0.95, 0.2, 0]), np.array([30.0, 25.0]), np.array([[1.0, -1.0], [0.0, 0.0]]))
    fitted, level, _ = run(y, "P", *state)
    again, same, _ = run(np.where(np.isnan(y), fitted, y), "P", *state)
    np.testing.assert_array_equal(fitted, again)
    np.testing.assert_array_equal(level, same)


def test_backcasting_forgets_the_rough_state():
    y, parameters = wavy(80), np.array([1.5, 1.0, 0, 0])
    one, _ = first_state(y, "N", parameters, np.array([30.0, 25.0]), np.zeros((2, 1)))
    other, _ = first_state(y, "N", parameters, np.array([500.0, -40.0]), np.zeros((2, 1)))
    np.testing.assert_allclose(one, other, rtol=1e-6)
    assert stable("N", 1, parameters)
