"""The textbook theta models beside the form in which the method was published, and a regression."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.textbook.smoothing import smooth
from inorder.textbook.theta import fit, run, step, straight_line, variances

NAN = float("nan")


def wavy(time: int) -> np.ndarray:
    return 30 + np.arange(time) + 5 * np.sin(np.arange(time)) + np.random.default_rng(3).normal(0, 1, time)


@pytest.mark.parametrize("weight", [1.0, 2.0, 3.5])
def test_a_forecast_is_the_straight_line_and_the_smoothed_theta_line_together(weight):
    """ŷ = (1 − 1/θ)·(A + B·t) + 1/θ·Z̃, with Z̃ the simple exponential smoothing of Z = θ·y + (1 − θ)·(A + B·t): Fiorucci et al. 2016, §2."""
    y, alpha, first = wavy(25), 0.35, 28.0
    a, b = straight_line(y)
    line = a + b * np.arange(1.0, 26)
    theta_line = weight * y + (1 - weight) * line
    smoothed = smooth(theta_line, (alpha, 0, 0, 1), weight * first, 0.0, [0.0]).fitted
    expected = (1 - 1 / weight) * line + smoothed / weight
    fitted, _ = run(y, alpha, 1 - 1 / weight, a, b, False, 0, first, 0.0, 0.0)
    np.testing.assert_allclose(fitted, expected, rtol=1e-12)


def test_the_line_of_a_dynamic_model_is_the_regression_of_what_came_before():
    y = wavy(12)
    for t in range(1, 13):
        _, (rows, _, mean, b) = run(y[:t], 0.3, 0.5, 0.0, 0.0, True, 0, 25.0, 0.0, 0.0)
        a, slope = straight_line(y[:t])
        assert rows == t
        assert (mean - b * (t + 1) / 2, b) == pytest.approx((a, slope), rel=1e-10, abs=1e-10)


def test_a_missing_value_counts_as_its_forecast():
    y = wavy(9)
    y[5] = NAN
    fitted, state = run(y, 0.3, 0.5, 0.0, 0.0, True, 0, 25.0, 0.0, 0.0)
    filled = np.where(np.isnan(y), fitted, y)
    again, same = run(filled, 0.3, 0.5, 0.0, 0.0, True, 0, 25.0, 0.0, 0.0)
    np.testing.assert_array_equal(fitted, again)
    assert state == same


def test_without_a_line_it_is_simple_smoothing():
    y = wavy(20)
    fitted, _ = run(y, 0.4, 0.0, 5.0, 7.0, False, 0, 25.0, 0.0, 0.0)
    np.testing.assert_allclose(fitted, smooth(y, (0.4, 0, 0, 1), 25.0, 0.0, [0.0]).fitted, rtol=1e-12)


def test_a_learning_line_spreads_further():
    """The dynamic model's errors also reach the line, so its variance is the larger, and the more so the fewer rows there are."""
    still, late, early = variances(0.3, 0.5, False, 10, 12), variances(0.3, 0.5, True, 200, 12), variances(0.3, 0.5, True, 10, 12)
    assert (still[1:] < late[1:]).all() and (late[1:] < early[1:]).all()


def test_simple_smoothing_of_a_known_level_is_found():
    rng = np.random.default_rng(0)
    level, y = 50.0, []
    for _ in range(400):
        e = rng.normal()
        y.append(level + e)
        level += 0.4 * e
    alpha, kappa, *_ = fit(np.array(y), False, 0.0, NAN, (0.1, 0.9))
    assert kappa == 0.0
    assert alpha == pytest.approx(0.4, abs=0.12)  # three standard errors


def test_a_step_at_the_first_row():
    assert step(3.0, 0.5, 0.5, 0.0, 0.0, True, (0, 1.0, 0.0, 0.0)) == (1.0, (1, 2.0, 3.0, 0.0))
