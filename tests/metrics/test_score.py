"""A score prints what it is and how it was computed."""

from __future__ import annotations

import dataclasses
import math
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest

from inorder.metrics.forecast import mae, mase, score_forecast
from inorder.metrics.score import Score, level_name, plain_number, signature


def installed() -> str:
    try:
        return version("inorder")
    except PackageNotFoundError:
        return "unknown"


def test_a_score_is_frozen():
    score = Score("MAE", 1.0, "series=1|steps=1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        score.value = 2.0


def test_a_score_prints_its_signature_in_words():
    score = mase([5.0, 6.0], [4.0, 4.0], train=list(range(24)), season_length=12)
    assert str(score) == f"MASE 0.125 [scale: in-sample seasonal naive, m=12; mean over 1 series × 2 steps; inorder {installed()}]"


def test_missing_truths_are_told():
    score = mae([[1.0, float("nan")], [2.0, 3.0]], [[1.0, 1.0], [1.0, 1.0]])
    assert "mean over 2 series × 2 steps, 1 missing left out" in str(score)


def test_the_signature_is_stable_text():
    assert mae([1.0], [2.0]).signature == f"mean=over steps, then over series|series=1|steps=1|inorder={installed()}"


def test_parts_left_empty_are_not_in_the_signature():
    assert signature(m=12, missing=None) == f"m=12|inorder={installed()}"


def test_a_signature_can_be_taken_apart_again():
    score = Score("x", 1.0, signature(scale="a = b", m=3))
    assert score.parts == {"scale": "a = b", "m": "3", "inorder": installed()}


def test_a_score_is_a_number():
    assert float(mae([1.0], [3.0])) == 2.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.23456, "1.235"), (12345.678, "12,345.678"), (-0.5, "-0.500"), (0.0001234, "0.000123"), (0.0, "0.000"), (float("inf"), "inf"), (float("nan"), "nan")],
)
def test_numbers_are_short_and_never_rounded_to_nothing(value, text):
    assert plain_number(value) == text


def test_no_two_levels_share_a_name():
    levels = [0.1, 0.8, math.nextafter(0.8, 1), 0.9999999, 0.99999999, math.nextafter(1, 0), 1e-12]
    assert len({level_name(level) for level in levels}) == len(levels)
    assert [level_name(level) for level in (0.57, 0.07, 0.29, np.float64(0.8))] == ["57", "7", "29", "80"]  # 100 · 0.57 is 56.99999999999999
    bounds = {level: [3.0] for level in levels[3:5]}
    scores = score_forecast([1.0], [2.0], train=[1.0, 3.0], lower={level: [0.0] for level in bounds}, upper=bounds)
    assert {"coverage_99.99999", "coverage_99.999999"} < set(scores)
    assert scores["coverage_99.99999"].signature != scores["coverage_99.999999"].signature
