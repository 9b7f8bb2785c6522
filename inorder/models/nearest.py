"""The nearest neighbour: a sequence is what the training sequence nearest to it is.

    Euclidean    d(a, b)² = Σ_t ‖a[t] − b[t]‖²                              the shorter one continued with zeros
    DTW          d(a, b)² = least Σ over a path of ‖a[i] − b[j]‖²           from both beginnings to both ends, i and j never falling,
                                                                            |i − j| at most `window` of the longer one
                 D[i, j]  = ‖a[i] − b[j]‖² + min(D[i−1, j], D[i, j−1], D[i−1, j−1])

The window is chosen by leaving one out, of a hundred training examples at most. The probability of the neighbour's class is the share of these whose own
neighbour is right, by Laplace's rule (right + 1)/(n + classes); the others share the rest.

Sources: Sakoe & Chiba 1978, §II; as the usual baseline of this field: Bagnall et al. 2017, §3.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.labelled import Scaler, Sequences, padded
from inorder.errors import ConfigError
from inorder.kernels.stopping import check
from inorder.models.sequence_model import About, FittedSequenceModel, Progress, SequenceModel, check_choice, expect
from inorder.typing import Floats

DISTANCES = ("euclidean", "dtw")
WINDOWS = (0.0, 0.02, 0.05, 0.1, 0.2)  # shares of the longer length
LEFT_OUT = 100  # training examples that look for a neighbour among the others, at most
BLOCK = 1 << 21  # cells that are held at a time
Padded = tuple[Floats, NDArray[np.int64]]  # (examples, time, channels), (examples,) lengths


@dataclass(frozen=True, kw_only=True)
class NearestNeighbour(SequenceModel):
    """The class, or the number, of the nearest training sequence.

    distance: "euclidean" or "dtw".   window: how far DTW may shift, a share of the longer length; None = chosen by leaving one out; without effect on
    the Euclidean distance.   standardise: channels to mean 0 and deviation 1 first, so that they weigh the same.

    Source: Sakoe & Chiba 1978; Bagnall et al. 2017, §3.1.

    >>> data = Sequences.of([[0, 0, 1, 0], [0, 1, 0, 0], [1, 1, 0, 1]], ["peak", "peak", "dip"])
    >>> NearestNeighbour(distance="dtw", window=0.5).fit(data).predict(([[1, 0, 0, 0]], None)).labels
    ['peak']
    """

    name = "nearest-neighbour"
    distance: str = "euclidean"
    window: float | None = None
    standardise: bool = True

    def __post_init__(self) -> None:
        check_choice("distance", self.distance, DISTANCES)
        if not isinstance(self.standardise, bool):
            raise ConfigError(f"`standardise` is true or false, not {self.standardise!r}.")
        if self.window is not None and (isinstance(self.window, bool) or not isinstance(self.window, int | float) or not 0 <= self.window <= 1):
            raise ConfigError(f"`window` is a share of the length from 0 to 1, not {self.window!r}.")
        if self.window is not None and self.distance == "euclidean":
            raise ConfigError('`window` belongs to the distance "dtw".')

    def fit_training(self, training: Sequences, seconds: float | None, progress: Progress | None) -> FittedNearest:
        assert training.labels is not None, "checked by `fit`"
        width = len(training.channels)
        scaler = Scaler.of(training.values) if self.standardise else Scaler(np.zeros(width), np.ones(width))
        stored = padded([scaler.apply(one) for one in training.values])
        rows = np.unique(np.linspace(0, len(training) - 1, min(LEFT_OUT, len(training))).astype(np.int64))
        best: tuple[float, float] | None = None
        tried = (0.0,) if self.distance == "euclidean" else WINDOWS if self.window is None else (float(self.window),)
        for k, window in enumerate(tried):
            errors = _left_out_errors(_distances(self.distance, (stored[0][rows], stored[1][rows]), stored, window), rows, training)
            if best is None or errors < best[0]:
                best = (errors, window)
            if progress:
                progress(k + 1, len(tried))
        assert best is not None, "one window at least"
        right = math.nan
        if classes := len(training.classes):  # never so low that another class would be more probable
            right = max((len(rows) - best[0] + 1) / (len(rows) + classes), 1.01 / classes)
        return FittedNearest(model=self, about=About.of(training), scaler=scaler, stored=stored, labels=training.labels, window=best[1], right=right)

    def restore(self, about: About, arrays: Mapping[str, NDArray[Any]]) -> FittedNearest:
        x, lengths, labels = arrays["x"], arrays["lengths"], arrays["labels"]
        expect(x.ndim == 3 and x.shape[2] == len(about.channels) and lengths.shape == labels.shape == (len(x),), "x, lengths and labels")
        expect(len(x) > 0 and 0 <= int(lengths.min()) and int(lengths.max()) <= x.shape[1], "lengths")
        expect(not about.classes or (0 <= int(labels.min()) and int(labels.max()) < len(about.classes)), "labels")
        scaler = Scaler(arrays["mean"], arrays["deviation"])
        window, right = (float(one) for one in arrays["chosen"])
        return FittedNearest(model=self, about=about, scaler=scaler, stored=(x, lengths), labels=labels, window=window, right=right)


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedNearest(FittedSequenceModel):
    """stored: the training sequences.   labels: theirs.   window: of DTW.   right: probability that a neighbour's class is the right one."""

    scaler: Scaler
    stored: Padded
    labels: NDArray[Any]
    window: float
    right: float

    def outputs(self, values: Sequence[Floats]) -> Floats:
        assert isinstance(self.model, NearestNeighbour)
        asked = padded([self.scaler.apply(one) for one in values])
        found = self.labels[_distances(self.model.distance, asked, self.stored, self.window).argmin(axis=1)]
        classes = len(self.about.classes)
        if not classes:
            return np.asarray(found, dtype=np.float64)
        same = found[:, None] == np.arange(classes)
        return np.where(same, self.right if classes > 1 else 1.0, (1 - self.right) / max(classes - 1, 1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        x, lengths = self.stored
        chosen = np.array([self.window, self.right])
        return {"x": x, "lengths": lengths, "labels": self.labels, "mean": self.scaler.mean, "deviation": self.scaler.deviation, "chosen": chosen}

    def details(self) -> list[str]:
        window = [] if self.model.settings["distance"] == "euclidean" else [f"window: {self.window:.0%} of the longer sequence"]
        return [*window, *([f"neighbours of the training examples that are right: {self.right:.1%}"] if self.about.classes else [])]


def _left_out_errors(distances: Floats, rows: NDArray[np.int64], training: Sequences) -> float:
    """How many classes of these examples are wrong, or the sum of squared errors, when none may be its own neighbour."""
    if len(training) < 2:
        return 0.0
    assert training.labels is not None
    distances[np.arange(len(rows)), rows] = np.inf
    found, true = training.labels[distances.argmin(axis=1)], training.labels[rows]
    return float((found != true).sum()) if training.classes else float(((found - true) ** 2).sum())


def _distances(distance: str, asked: Padded, stored: Padded, window: float) -> Floats:
    return euclidean(asked[0], stored[0]) if distance == "euclidean" else dtw(asked, stored, window)


def euclidean(asked: Floats, stored: Floats) -> Floats:
    """(asked, stored) squared distances.   asked, stored: (examples, time, channels), zero beyond the lengths; the times need not be equal.

    >>> euclidean(np.array([[[1.0], [2.0]]]), np.array([[[1.0]], [[4.0]]])).tolist()
    [[4.0, 13.0]]
    """
    time = max(asked.shape[1], stored.shape[1])
    a, b = (np.pad(x, ((0, 0), (0, time - x.shape[1]), (0, 0))).reshape(len(x), -1) for x in (asked, stored))
    block = max(1, BLOCK // max(b.size, 1))
    parts = []
    for k in range(0, len(a), block):
        check()
        parts.append(((a[k : k + block, None] - b) ** 2).sum(axis=2))
    return np.concatenate(parts)


def dtw(asked: Padded, stored: Padded, window: float) -> Floats:
    """(asked, stored) squared distances under dynamic time warping; infinite between a sequence and one without steps.

    window: the most that i and j may lie apart, a share of the longer length; never less than the difference of the two lengths.

    >>> one, other = padded([np.array([[0.0], [1.0], [0.0]])]), padded([np.array([[0.0], [0.0], [1.0], [0.0]])])
    >>> dtw(one, other, 0.25).tolist()
    [[0.0]]
    """
    block = max(1, BLOCK // max(stored[0].shape[0] * asked[0].shape[1], 1))
    parts = [_dtw_block(asked[0][k : k + block], asked[1][k : k + block], *stored, window) for k in range(0, len(asked[0]), block)]
    return np.concatenate(parts)


def _dtw_block(a: Floats, a_lengths: NDArray[np.int64], b: Floats, b_lengths: NDArray[np.int64], window: float) -> Floats:
    """All pairs at once, one anti-diagonal i + j = k after the other; `now[…, i]` is D[i, k − i]."""
    longer = np.maximum(a_lengths[:, None], b_lengths)
    reach = np.maximum(np.ceil(window * longer - 1e-9), np.abs(a_lengths[:, None] - b_lengths)).astype(np.int64)  # (a, b)
    widest, even = int(reach.max(initial=0)), bool((reach == reach.flat[0]).all())
    n, m = a.shape[1], b.shape[1]
    squares_a, squares_b = (a**2).sum(axis=2), (b**2).sum(axis=2)
    result = np.where((a_lengths[:, None] == 0) & (b_lengths == 0), 0.0, np.inf)
    ends = a_lengths[:, None] + b_lengths - 2
    before, last = (np.full((len(a), len(b), n + 1), np.inf) for _ in range(2))  # place 0 stands for i = −1
    for k in range(n + m - 1):
        check()
        low, high = max(0, k - m + 1, -((widest - k) // 2)), min(n - 1, k, (k + widest) // 2)
        now = np.full_like(last, np.inf)
        if low <= high:
            i = np.arange(low, high + 1)
            cost = _costs(a[:, i], b[:, k - i], squares_a[:, i], squares_b[:, k - i])
            if k == 0:
                now[..., 1] = cost[..., 0]
            else:
                least = np.minimum(np.minimum(last[..., low : high + 1], last[..., low + 1 : high + 2]), before[..., low : high + 1])
                now[..., low + 1 : high + 2] = cost + least
            if not even:
                now[..., low + 1 : high + 2][np.abs(2 * i - k) > reach[..., None]] = np.inf
        done = (ends == k) & (a_lengths[:, None] > 0) & (b_lengths > 0)
        if done.any():
            rows, columns = np.nonzero(done)
            result[rows, columns] = now[rows, columns, a_lengths[rows]]
        before, last = last, now
    return result


def _costs(a: Floats, b: Floats, squares_a: Floats, squares_b: Floats) -> Floats:
    """(asked, stored, steps) ‖a − b‖² of steps that lie opposite.   a: (asked, steps, channels).   squares_a: (asked, steps) ‖a‖²; b alike."""
    if a.shape[2] <= 2:
        return np.asarray(sum((a[:, None, :, c] - b[None, :, :, c]) ** 2 for c in range(a.shape[2])))
    products = np.matmul(a.transpose(1, 0, 2), b.transpose(1, 2, 0)).transpose(1, 2, 0)  # of many channels far quicker than their differences
    return np.asarray(np.maximum(squares_a[:, None] + squares_b[None] - 2 * products, 0.0))
