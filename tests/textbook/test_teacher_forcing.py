"""The three ways to choose the previous token, on a model that can be followed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.textbook.teacher_forcing import free_running, scheduled_sampling, teacher_forced


def counting(x: float, state: int) -> tuple[float, int]:
    """Says its input plus the number of steps so far."""
    return x + state, state + 1


def test_teacher_forced_gives_the_truth_shifted_by_one() -> None:
    rolled = teacher_forced(counting, 1, 100.0, [10.0, 20.0, 30.0])
    assert rolled.inputs == [100.0, 10.0, 20.0]
    assert rolled.outputs == [101.0, 12.0, 23.0]
    assert rolled.state == 4
    assert teacher_forced(counting, 1, 100.0, []).outputs == []


def test_free_running_feeds_itself() -> None:
    rolled = free_running(counting, 1, 100.0, 3, feedback=lambda y: -y)
    assert rolled.inputs == [100.0, -101.0, 99.0]
    assert rolled.outputs == [101.0, -99.0, 102.0]


def test_scheduled_sampling_lies_between_the_two() -> None:
    truth = [10.0, 20.0, 30.0, 40.0]

    def rolled(probability: float, seed: int = 0) -> list[float]:
        return scheduled_sampling(counting, 0, 5.0, truth, lambda y: y, probability, np.random.default_rng(seed)).inputs

    assert rolled(0.0) == teacher_forced(counting, 0, 5.0, truth).inputs
    assert rolled(1.0) == free_running(counting, 0, 5.0, 4).inputs
    forced = sum(x == true for seed in range(500) for x, true in zip(rolled(0.25, seed)[1:], truth, strict=False))
    assert forced / 1500 == pytest.approx(0.75, abs=0.05)
    assert rolled(0.5, 3) == rolled(0.5, 3)


def test_a_probability_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="1.5"):
        scheduled_sampling(counting, 0, 1.0, [1.0], lambda y: y, 1.5, np.random.default_rng(0))
