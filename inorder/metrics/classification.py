"""Scores of classes and of numbers, one for each sequence.

    accuracy            share of the examples whose most probable class is the true one
    balanced accuracy   mean over the classes of the share of their examples that were found (recall)
    macro-F1            mean over the classes of F1 = 2·right / (2·right + wrongly named + missed)
    log loss            mean of −ln p[true class], nats; a probability below 1e-15 counts as that
    calibration error   Σ over ten bins of the highest probability: share of the examples · |share right − mean probability|
    MAE, RMSE, R²       of numbers; R² = 1 − Σ(y − ŷ)² / Σ(y − mean y)²

A class that occurs in neither truth nor prediction has no recall and no F1, and is left out of their means. No examples: NaN.

Sources: Brodersen et al. 2010 (balanced accuracy); Guo et al. 2017, §2, eq. 3 (calibration error).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.errors import ShapeError
from inorder.metrics.averaging import floats
from inorder.metrics.score import Score, signature
from inorder.typing import Floats

BINS = 10
SMALLEST = 1e-15
CLASS_SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "calibration_error")
NUMBER_SCORES = ("mae", "rmse", "r2")
HIGHER_IS_BETTER = ("accuracy", "balanced_accuracy", "macro_f1", "r2")


def classification_scores(labels: NDArray[np.int64], probabilities: Any) -> dict[str, Score]:
    """Every score of class probabilities.   labels: (examples,) places of the true classes.   probabilities: (examples, classes).

    Raises ShapeError where the two do not fit together.

    >>> scores = classification_scores(np.array([0, 1, 1]), [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> [round(float(scores[name]), 3) for name in ("accuracy", "balanced_accuracy", "log_loss")]
    [0.667, 0.75, 0.415]
    """
    p = floats("probabilities", probabilities)
    if p.ndim != 2 or labels.shape != (len(p),):
        raise ShapeError(f"`probabilities` has the shape {p.shape} and `labels` {labels.shape}; (examples, classes) and (examples,) were expected.")
    table = confusion(labels, p.argmax(axis=1), p.shape[1])
    right, true, named = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / true
        f1 = 2 * right / (true + named)
    common = {"examples": len(p), "classes": p.shape[1]}
    own = p[np.arange(len(p)), labels]
    curve = calibration(labels, p)
    expected = float((curve.count * np.abs(curve.right - curve.confidence))[curve.count > 0].sum() / max(len(p), 1)) if len(p) else np.nan
    return {
        "accuracy": Score("accuracy", _mean(p.argmax(axis=1) == labels), signature(**common)),
        "balanced_accuracy": Score("balanced accuracy", _mean(recall[true > 0]), signature(average="macro", **common)),
        "macro_f1": Score("macro-F1", _mean(f1[true + named > 0]), signature(average="macro", **common)),
        "log_loss": Score("log loss", _mean(-np.log(np.maximum(own, SMALLEST))), signature(unit="nats", smallest=SMALLEST, **common)),
        "calibration_error": Score("calibration error", expected, signature(bins=BINS, of="highest probability", **common)),
    }


def regression_scores(y: Any, forecast: Any) -> dict[str, Score]:
    """Every score of predicted numbers.   y, forecast: (examples,).   Raises ShapeError where the two do not fit together.

    >>> [round(float(score), 3) for score in regression_scores([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).values()]
    [0.333, 0.577, 0.5]
    """
    truth, guess = floats("y", y), floats("forecast", forecast)
    if truth.shape != guess.shape or truth.ndim != 1:
        raise ShapeError(f"`forecast` has the shape {guess.shape} and `y` {truth.shape}; (examples,) was expected of both.")
    error = truth - guess
    spread = float(((truth - truth.mean()) ** 2).sum()) if len(truth) else 0.0
    common = {"examples": len(truth)}
    return {
        "mae": Score("MAE", _mean(np.abs(error)), signature(**common)),
        "rmse": Score("RMSE", float(np.sqrt(_mean(error**2))), signature(**common)),
        "r2": Score("R²", 1 - float((error**2).sum()) / spread if spread > 0 else np.nan, signature(mean="of these examples", **common)),
    }


def confusion(labels: NDArray[np.int64], named: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(classes, classes): how often the true class of the row was called the class of the column.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (labels, named), 1)
    return table


@dataclass(frozen=True, eq=False)
class Calibration:
    """(bins,) of the highest probability.   confidence: its mean.   right: share of the examples that were right.   count: examples."""

    confidence: Floats
    right: Floats
    count: NDArray[np.int64]


def calibration(labels: NDArray[np.int64], probabilities: Floats) -> Calibration:
    """Whether what is said to be 90 % sure is right nine times of ten. NaN in a bin without examples.

    >>> curve = calibration(np.array([0, 1]), np.array([[0.95, 0.05], [0.95, 0.05]]))
    >>> curve.count.tolist()[-1], float(curve.right[-1]), round(float(curve.confidence[-1]), 2)
    (2, 0.5, 0.95)
    """
    sure, right = probabilities.max(axis=1, initial=0.0), probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    count = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Calibration(np.bincount(place, sure, BINS) / count, np.bincount(place, right, BINS) / count, count.astype(np.int64))


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")
