"""Scores of classes and numbers: written out from their definitions, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inorder.errors import ShapeError
from inorder.metrics.classification import calibration, classification_scores, confusion, regression_scores


def drawn(n=200, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(classes, size=n), rng.dirichlet(np.full(classes, 0.4), size=n)


def test_scores_are_their_definitions():
    labels, p = drawn()
    scores = {name: float(score) for name, score in classification_scores(labels, p).items()}
    named = [max(range(4), key=lambda k: row[k]) for row in p]
    pairs = list(zip(labels.tolist(), named, strict=True))
    assert scores["accuracy"] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))
    recalls, f1 = [], []
    for k in range(4):
        right = sum(a == b == k for a, b in pairs)
        recalls.append(right / sum(a == k for a, _ in pairs))
        precision = right / sum(b == k for _, b in pairs)
        f1.append(2 * precision * recalls[-1] / (precision + recalls[-1]) if right else 0.0)
    assert scores["balanced_accuracy"] == pytest.approx(sum(recalls) / 4)
    assert scores["macro_f1"] == pytest.approx(sum(f1) / 4)
    assert scores["log_loss"] == pytest.approx(-sum(math.log(p[i, label]) for i, label in enumerate(labels)) / len(labels))
    bins = {}
    for row, (a, b) in zip(p, pairs, strict=True):
        bins.setdefault(min(9, math.ceil(max(row) * 10) - 1), []).append((max(row), a == b))
    error = sum(abs(sum(sure for sure, _ in own) - sum(right for _, right in own)) for own in bins.values()) / len(labels)
    assert scores["calibration_error"] == pytest.approx(error)


def test_perfect_and_constant_answers():
    labels = np.array([0, 0, 0, 1])
    perfect = {name: float(score) for name, score in classification_scores(labels, np.eye(3)[labels]).items()}
    assert perfect == {"accuracy": 1, "balanced_accuracy": 1, "macro_f1": 1, "log_loss": 0, "calibration_error": 0}  # class 2 is nowhere
    constant = classification_scores(labels, np.tile([0.75, 0.25, 0.0], (4, 1)))
    assert float(constant["accuracy"]) == 0.75 and float(constant["balanced_accuracy"]) == 0.5
    assert float(constant["macro_f1"]) == pytest.approx((6 / 7 + 0) / 2)
    assert float(constant["calibration_error"]) == pytest.approx(0)


def test_no_examples_and_impossible_truths_are_defined():
    empty = classification_scores(np.empty(0, dtype=np.int64), np.empty((0, 3)))
    assert all(math.isnan(float(score)) for score in empty.values())
    assert all(math.isnan(float(score)) for score in regression_scores([], []).values())
    certain = classification_scores(np.array([1]), [[1.0, 0.0]])
    assert float(certain["log_loss"]) == pytest.approx(15 * math.log(10))  # not infinite


def test_numbers():
    rng = np.random.default_rng(0)
    y, said = rng.normal(size=50), rng.normal(size=50)
    scores = {name: float(score) for name, score in regression_scores(y, said).items()}
    assert scores["mae"] == pytest.approx(sum(abs(a - b) for a, b in zip(y, said, strict=True)) / 50)
    assert scores["rmse"] == pytest.approx(math.sqrt(sum((a - b) ** 2 for a, b in zip(y, said, strict=True)) / 50))
    assert scores["r2"] == pytest.approx(1 - sum((a - b) ** 2 for a, b in zip(y, said, strict=True)) / (50 * np.var(y)))
    assert float(regression_scores(y, np.full(50, y.mean()))["r2"]) == pytest.approx(0)
    assert math.isnan(float(regression_scores([2.0, 2.0], [2.0, 2.0])["r2"]))  # nothing to explain


def test_confusion_counts_every_pair():
    labels, p = drawn(50)
    table = confusion(labels, p.argmax(axis=1), 4)
    assert table.sum() == 50 and table[2, 3] == ((labels == 2) & (p.argmax(axis=1) == 3)).sum()


def test_calibration_of_probabilities_that_hold():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(3), size=40_000)
    labels = (rng.random((len(p), 1)) > p.cumsum(axis=1)).sum(axis=1)
    curve = calibration(labels, p)
    used = curve.count > 500
    assert used.sum() >= 5
    np.testing.assert_allclose(curve.right[used], curve.confidence[used], atol=0.03)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, 2\) and `labels` \(3,\)"):
        classification_scores(np.array([0, 1, 0]), np.eye(2))
    with pytest.raises(ShapeError, match=r"\(2,\) and `y` \(3,\)"):
        regression_scores([1.0, 2.0, 3.0], [1.0, 2.0])


def test_signatures_say_how():
    scores = classification_scores(*drawn(10))
    assert scores["macro_f1"].parts["average"] == "macro" and scores["log_loss"].parts["unit"] == "nats"
    assert "10" in str(scores["accuracy"])
