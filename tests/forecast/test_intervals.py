"""Quantiles and conformal radii against their textbook definitions, SciPy, and what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from inorder.errors import ConfigError, ForecastError
from inorder.forecast.intervals import (
    FEWEST,
    RATE,
    adapted_levels,
    check_levels,
    conformal_radii,
    deviation,
    normal_quantiles,
    student_quantiles,
    tail_probabilities,
)
from inorder.textbook import intervals as textbook

PROBABILITIES = np.array([1e-12, 0.01, 0.1, 0.5, 0.8, 0.975, 0.9999])


@pytest.mark.parametrize(
    ("level", "said"), [(80, "not 80. Did you mean 0.8"), (0.0, "not 0"), (1.0, "not 1"), (-0.5, "-0.5"), (math.nan, "nan"), (150, "not 150")]
)
def test_a_level_is_a_probability(level, said):
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        check_levels([0.5, level])


@pytest.mark.parametrize("levels", ["high", 0.8, [None], [[0.8]]])
def test_levels_are_a_list_of_numbers(levels):
    with pytest.raises(ConfigError, match="not "):
        check_levels(levels)


def test_levels_are_sorted_and_once():
    assert check_levels(np.array([0.95, 0.5, 0.95])) == (0.5, 0.95)
    assert check_levels(()) == ()


def test_the_last_level_below_one_has_a_finite_quantile():
    tails = tail_probabilities([float(np.nextafter(1, 0))])
    assert 0 < tails[0] < tails[1] < 1
    assert np.isfinite(normal_quantiles(np.zeros(1), np.ones(1), tails)).all()
    assert np.isfinite(student_quantiles(np.zeros(1), np.ones(1), 1, tails)).all()


def test_normal_quantiles():
    mean, spread = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    made = normal_quantiles(mean, spread, PROBABILITIES)
    assert made.shape == (len(PROBABILITIES), 2)
    np.testing.assert_allclose(made, stats.norm.ppf(PROBABILITIES[:, None], mean, spread), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(made[:, 0], [1 + 0.5 * textbook.normal_quantile(p) for p in PROBABILITIES], rtol=1e-10)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 30])
def test_student_quantiles(degrees):
    made = student_quantiles(np.array([1.0]), np.array([2.0]), degrees, PROBABILITIES)[:, 0]
    np.testing.assert_allclose(made, stats.t.ppf(PROBABILITIES, degrees, 1, 2), rtol=1e-9)
    by_hand = [1 + 2 * textbook.student_quantile(p, degrees) for p in PROBABILITIES[1:]]
    np.testing.assert_allclose(made[1:], by_hand, rtol=1e-9)


@pytest.mark.parametrize("size", [1.0, 1e300, 1e-300, 1e-310])
def test_deviation_of_any_size(size):
    errors = np.array([3.0, np.nan, -4.0, 0.0]) * size
    assert deviation(errors, 2) == pytest.approx(size * math.sqrt(12.5), rel=1e-6)


def test_deviation_without_errors_or_degrees():
    assert deviation(np.array([0.0, 0.0]), 2) == 0.0
    assert deviation(np.array([]), 1) == 0.0
    assert math.isnan(deviation(np.array([1.0]), 0))


@pytest.mark.parametrize("count", [1, 4, 9, 19, 99])
@pytest.mark.parametrize("level", [0.1, 0.5, 0.55, 0.8, 0.9, 0.95, 0.999])
def test_radius_is_the_textbook_one(count, level):
    errors = np.random.default_rng(count).standard_t(3, size=count)
    radii, kind = conformal_radii(errors[:, None], [level])
    expected = textbook.conformal_radius(errors.tolist(), level)
    assert radii[:, 0] == pytest.approx([-expected, expected])
    assert kind == ("conformal" if math.ceil(round((count + 1) * level, 9)) <= count else "normal")


def test_radius_from_a_known_answer():
    """Nine errors of the sizes 1 … 9: ⌈10·0.8⌉ = 8 of them lie within 8."""
    errors = np.array([3.0, -1, 2, -9, 8, -7, 5, 6, -4])[:, None]
    assert conformal_radii(errors, [0.5, 0.8])[0][:, 0].tolist() == [-5, 5, -8, 8]


def test_a_level_below_the_least_rank_takes_the_smallest_error():
    assert conformal_radii(np.arange(1.0, 10)[:, None], [1e-12])[0][1, 0] == 1.0


def test_each_step_has_its_own_radius():
    """As if it were alone, whatever the number of errors at the other steps."""
    errors = np.random.default_rng(4).standard_t(3, size=(30, 6))
    errors[25:, 2] = errors[9:, 3] = errors[:12, 5] = np.nan
    levels = [0.3, 0.8, 0.99]
    radii, kind = conformal_radii(errors, levels)
    assert kind == "conformal and normal"
    for step in range(6):
        np.testing.assert_allclose(radii[:, step], conformal_radii(errors[:, [step]], levels)[0][:, 0], rtol=1e-12)


def test_a_step_with_few_errors_borrows_an_earlier_one():
    errors = np.full((10, 3), np.nan)
    errors[:, 0] = np.arange(1, 11)
    errors[:7, 1] = 0.001  # seven are too few to be trusted
    radii, kind = conformal_radii(errors, [0.8])
    assert kind == "conformal and normal"
    np.testing.assert_allclose(radii[1], [9, 9 * math.sqrt(2), 9 * math.sqrt(3)])


def test_a_first_step_with_few_errors_uses_them():
    radii, kind = conformal_radii(np.array([[2.0], [-1.0]]), [0.5, 0.8])
    assert kind == "conformal and normal"
    assert radii[1, 0] == 2.0  # ⌈3·0.5⌉ = 2
    assert radii[3, 0] == pytest.approx(max(2.0, 1.2815515655446004 * math.sqrt(2.5)))


def test_no_error_at_all():
    with pytest.raises(ForecastError, match="too short to judge errors"):
        conformal_radii(np.full((3, 2), np.nan), [0.8])


@pytest.mark.parametrize("count", [10, 40])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_conformal_intervals_cover_what_they_promise(count, level):
    """For exchangeable errors of any distribution the coverage is k/(n + 1), and k/(n + 1) ≥ level."""
    rng = np.random.default_rng(7)
    draws = rng.standard_cauchy(size=(4000, count + 1))
    inside = [abs(new) <= conformal_radii(past[:, None], [level])[0][1, 0] for *past, new in draws for past in [np.array(past)]]
    exact = math.ceil((count + 1) * level - 1e-9) / (count + 1)
    assert exact >= level
    assert np.mean(inside) == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4000))


# --- adaptive conformal ---


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("seed", range(3))
def test_adapted_levels_follow_the_textbook(level, seed):
    errors = np.random.default_rng(seed).normal(size=60) * np.linspace(1, 3, 60)
    made = adapted_levels(np.abs(errors)[:, None], [level], np.array([0]))[0, 0]
    assert made == pytest.approx(textbook.adaptive_level(errors.tolist(), level, RATE, FEWEST), abs=1e-12)


def test_a_step_further_ahead_learns_from_what_was_known_by_then():
    """The error of a forecast made two steps ahead at origin t counts from origin t + 1 on: shifting the origins by one gives the same level."""
    sizes = np.abs(np.random.default_rng(1).normal(size=40))
    one = adapted_levels(sizes[:, None], [0.8], np.array([0]))[0, 0]
    two = adapted_levels(np.column_stack([sizes, sizes]), [0.8], np.array([0, 1]))
    assert two[0, 0] == one
    past_missing = adapted_levels(np.concatenate([sizes[:20], [np.nan], sizes[20:]])[:, None], [0.8], np.array([0]))[0, 0]
    assert past_missing == one  # an error that is not known changes nothing


@pytest.mark.parametrize("growth", [1.0, 3.0, 1 / 3])
def test_adaptive_intervals_cover_where_errors_change(growth):
    """Errors that grow threefold in the calibration part: the adaptive intervals cover what comes next, the plain ones do not."""
    covered = {True: [], False: []}
    for seed in range(150):
        rng = np.random.default_rng(seed)
        size = np.concatenate([np.ones(100), np.full(100, growth)])
        errors = rng.normal(size=200) * size
        coming = rng.normal(size=40) * growth
        for adaptive in (True, False):
            radii, kind = conformal_radii(errors[:, None], [0.8], adaptive=adaptive)
            assert kind == ("adaptive" if adaptive else "conformal")
            covered[adaptive].append(np.mean(np.abs(coming) <= radii[1, 0]))
    share, plain = float(np.mean(covered[True])), float(np.mean(covered[False]))
    assert abs(share - 0.8) < abs(plain - 0.8) or growth == 1.0
    assert abs(share - 0.8) < 0.05


def test_adaptive_levels_are_nested_whichever_are_asked_for():
    errors = np.random.default_rng(3).standard_t(3, size=(80, 3)).cumsum(axis=1)
    levels = [0.11, 0.5, 0.52, 0.8, 0.93, 0.97, 0.999]
    together, _ = conformal_radii(errors, levels, adaptive=True)
    assert (np.diff(together[1::2], axis=0) >= 0).all()
    for k, level in enumerate(levels):
        np.testing.assert_array_equal(conformal_radii(errors, [level], adaptive=True)[0], together[2 * k : 2 * k + 2])
