"""Scores of anomaly detectors, given windows in which an alarm is right.

NAB gives every row a weight by where it lies. In a window of the rows first … last, and behind it (last′ the end of the window before):

    inside      A_TP · S(−(last − i + 1) / (last − first + 1)) / S(−1)           outside      A_FP · S((i − last′) / (last′ − first′))
    S(x) = 2 / (1 + exp(5·x)) − 1 for x < 3, else −1;   before the first window the weight is −A_FP

    score = Σ over windows: the largest weight of an alarm in it, or −A_FN where there is none  +  Σ of the weights of alarms outside
    NAB   = 100 · (score − null) / (perfect − null),   null = −A_FN · windows (no alarm at all),   perfect = A_TP · windows

so an early alarm is worth more than a late one, and every false one costs. Rows of the probation (the first 15 %, at most 750)
count neither way. The sums run over all files, with one threshold for all. In the files of the benchmark the windows are given; they were
made from labelled points: all windows of a file together take a tenth of its rows, each lies around its point, and overlapping ones are one.

Precision, recall and F1 come in two kinds, neither of which counts a whole window as found because of one row in it (no point adjustment):

    by window     recall = windows with an alarm / windows;      precision = windows with an alarm / (those + false episodes)
    by row        recall = alarms in windows / rows in windows;  precision = alarms in windows / alarms

where an episode is an unbroken run of alarms outside the windows.

Source: Lavin & Ahmad 2015, Evaluating Real-Time Anomaly Detection Algorithms – the Numenta Anomaly Benchmark; the definitions of the
benchmark's version 1.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inorder.errors import ShapeError, unknown
from inorder.metrics.score import Score, signature
from inorder.typing import Floats, Offsets

PROBATION, LONGEST_PROBATION = 0.15, 750  # share of the rows of a file, and rows
WINDOW_SHARE = 0.1  # of the rows of a file, for all of its windows together
FAR = 3.0  # widths of a window behind it, from where a false alarm costs all


class Window(NamedTuple):
    """Rows first … last, both included, in which an alarm is right."""

    first: int
    last: int


class Profile(NamedTuple):
    """What an early detection earns, and what a false alarm and a missed window cost."""

    true_positive: float
    false_positive: float
    false_negative: float


PROFILES = {"standard": Profile(1.0, 0.11, 1.0), "reward low FP": Profile(1.0, 0.22, 1.0), "reward low FN": Profile(1.0, 0.11, 2.0)}


@dataclass(frozen=True, eq=False)
class Judged:
    """One file: the scores that a detector gave its rows, and the windows.

    scores: (rows,), larger is more anomalous; NaN is no alarm at any threshold.   alarms: (rows,) the detector's own decisions.
    skip: the first rows, which are not scored; None = those of the probation.
    """

    scores: Floats
    alarms: NDArray[np.bool_]
    windows: tuple[Window, ...]
    skip: int | None = None

    @property
    def probation(self) -> int:
        return probation_rows(len(self.scores)) if self.skip is None else self.skip


def probation_rows(rows: int) -> int:
    """The first rows of a file, which are not scored: 15 %, at most 750.

    >>> probation_rows(4032), probation_rows(22695)
    (604, 750)
    """
    return min(math.floor(PROBATION * rows), LONGEST_PROBATION)


def windows_around(points: Sequence[int], rows: int) -> tuple[Window, ...]:
    """Windows around labelled rows: together a tenth of the rows, each around its point, overlapping ones joined.

    >>> windows_around([40, 80], 100)
    (Window(first=38, last=42), Window(first=78, last=82))
    """
    half = int(WINDOW_SHARE * rows / len(points) / 2) if points else 0
    found: list[Window] = []
    for point in sorted(points):
        first, last = max(point - half, 0), min(point + half, rows - 1)
        if found and first <= found[-1].last:
            first = found.pop().first
        found.append(Window(first, last))
    return tuple(found)


def windows_of_flags(flags: Any) -> tuple[Window, ...]:
    """Every unbroken run of labelled rows is a window.

    >>> windows_of_flags([0, 1, 1, 0, 1])
    (Window(first=1, last=2), Window(first=4, last=4))
    """
    edges = np.diff(np.concatenate([[0], np.asarray(flags, dtype=bool).astype(np.int8), [0]]))
    return tuple(Window(int(first), int(last) - 1) for first, last in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True))


def row_weights(rows: int, windows: Sequence[Window], profile: Profile) -> tuple[Floats, Offsets]:
    """(rows,) what an alarm at each row is worth, and (rows,) the window that it lies in, −1 for none.

    >>> weights, which = row_weights(6, [Window(2, 3)], PROFILES["standard"])
    >>> weights.round(3).tolist(), which.tolist()
    ([-0.11, -0.11, 1.0, 0.86, -0.109, -0.11], [-1, -1, 0, 0, -1, -1])
    """
    weights, which = np.full(rows, -profile.false_positive), np.full(rows, -1, dtype=np.int64)
    for first, last in windows:
        behind = np.arange(last + 1, rows)
        weights[behind] = profile.false_positive * _sigmoid((behind - last) / max(last - first, 1))
    for k, (first, last) in enumerate(windows):
        inside = np.arange(first, last + 1)
        weights[inside] = profile.true_positive * _sigmoid(-(last - inside + 1) / (last - first + 1)) / _sigmoid(np.array(-1.0))
        which[inside] = k
    return weights, which


def _sigmoid(x: Floats) -> Floats:
    return np.where(x < FAR, 2 / (1 + np.exp(5 * np.minimum(x, FAR))) - 1, -1.0)


def nab(files: Sequence[Judged], profile: str = "standard", threshold: float | None = None) -> Score:
    """The NAB score of a set of files: 0 is no alarm at all, 100 the perfect detector; there is no lower bound.

    threshold: scores at or above it are alarms, in every file; None takes the detector's own alarms.   NaN where there is no window.

    >>> alarms = np.array([False, False, True, True, False, True])
    >>> print(nab([Judged(alarms * 1.0, alarms, (Window(2, 3),))]))
    NAB 94.500 [profile=standard, threshold: the detector's own alarms, files=1, windows=1; inorder 0.1.0]
    """
    raw = windows = 0.0
    for file, (weights, which) in _weighted(files, profile):
        alarms = file.alarms if threshold is None else file.scores >= threshold  # NaN compares as false
        counted = np.arange(len(alarms)) >= file.probation
        outside = counted & alarms & (which < 0)
        raw += float(weights[outside].sum())
        for k in _scored_windows(file, which):
            hits = weights[counted & alarms & (which == k)]
            raw += float(hits.max()) if len(hits) else -PROFILES[profile].false_negative
            windows += 1
    how = "the detector's own alarms" if threshold is None else f"{threshold:.6g}"
    return _normalised(raw, int(windows), len(files), profile, how)


def nab_optimised(files: Sequence[Judged], profile: str = "standard") -> tuple[Score, float]:
    """The best NAB score that one threshold for all files reaches, and that threshold; this is how the benchmark ranks detectors.

    It is chosen with the labels, so it says what the scores are worth, not what a user will see; `nab` without a threshold does.

    >>> score, threshold = nab_optimised([Judged(np.array([0.1, 0.2, 0.9, 0.8, 0.3, 0.4]), np.zeros(6, bool), (Window(2, 3),))])
    >>> score.value, threshold
    (100.0, 0.9)
    """
    costs = PROFILES[_known(profile)]
    values: list[Floats] = []
    gains: list[Floats] = []
    raw, windows = 0.0, 0
    for file, (weights, which) in _weighted(files, profile):
        counted = np.flatnonzero((np.arange(len(file.scores)) >= file.probation) & ~np.isnan(file.scores))
        outside = counted[which[counted] < 0]
        values.append(file.scores[outside])
        gains.append(weights[outside])
        for k in _scored_windows(file, which):
            inside = counted[which[counted] == k]
            order = inside[np.argsort(-file.scores[inside], kind="stable")]
            reached = np.maximum.accumulate(weights[order]) if len(order) else np.empty(0)
            values.append(file.scores[order])
            gains.append(np.diff(reached, prepend=-costs.false_negative))  # what each further alarm adds to the best one so far
            raw, windows = raw - costs.false_negative, windows + 1
    value = np.concatenate([np.empty(0), *values])
    falling = np.argsort(-value, kind="stable")
    value, total = value[falling], np.cumsum(np.concatenate([np.empty(0), *gains])[falling])
    last_of_equals = np.flatnonzero(np.diff(value, append=-math.inf) != 0)  # alarms with one score come together
    best, threshold = 0.0, math.inf
    if len(last_of_equals) and total[last_of_equals].max() > 0:
        at = last_of_equals[int(np.argmax(total[last_of_equals]))]
        best, threshold = float(total[at]), float(value[at])
    return _normalised(raw + best, windows, len(files), profile, f"{threshold:.6g}, the best for all files"), threshold


def _weighted(files: Sequence[Judged], profile: str) -> list[tuple[Judged, tuple[Floats, Offsets]]]:
    costs = PROFILES[_known(profile)]
    for file in files:
        if len(file.scores) != len(file.alarms) or any(not 0 <= first <= last < len(file.scores) for first, last in file.windows):
            raise ShapeError(f"A file has {len(file.scores)} scores, {len(file.alarms)} alarms and the windows {list(map(tuple, file.windows))}.")
    return [(file, row_weights(len(file.scores), file.windows, costs)) for file in files]


def _known(profile: str) -> str:
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    return profile


def _scored_windows(file: Judged, which: Offsets) -> list[int]:
    """The windows that reach beyond the probation."""
    return [int(k) for k in np.unique(which[file.probation :]) if k >= 0]


def _normalised(raw: float, windows: int, files: int, profile: str, threshold: str) -> Score:
    costs = PROFILES[profile]
    null, perfect = -costs.false_negative * windows, costs.true_positive * windows
    value = 100 * (raw - null) / (perfect - null) if windows else math.nan
    return Score("NAB", value, signature(profile=profile, threshold=threshold, files=files, windows=windows))


def detection_rates(files: Sequence[Judged]) -> dict[str, Score]:
    """Precision, recall and F1 of the detector's own alarms, by window and by row, and the alarm rate; see the module's docstring.

    What has nothing to divide by (no alarm, no window) is NaN.

    >>> alarms = np.array([True, False, True, False, True, True])
    >>> rates = detection_rates([Judged(alarms * 1.0, alarms, (Window(2, 3),))])
    >>> {key: round(one.value, 3) for key, one in rates.items()}
    {'alarm_rate': 0.667, 'precision': 0.333, 'recall': 1.0, 'f1': 0.5, 'row_precision': 0.25, 'row_recall': 0.5, 'row_f1': 0.333}
    """
    rows = alarms = found = windows = episodes = hits = inside_rows = 0
    for file, (_, which) in _weighted(files, "standard"):
        raised, where = file.alarms[file.probation :], which[file.probation :]
        rows, alarms = rows + len(raised), alarms + int(raised.sum())
        inside_rows, hits = inside_rows + int((where >= 0).sum()), hits + int((raised & (where >= 0)).sum())
        scored = _scored_windows(file, which)
        windows, found = windows + len(scored), found + sum(bool(raised[where == k].any()) for k in scored)
        episodes += len(windows_of_flags(raised & (where < 0)))
    parts: dict[str, Any] = {"files": len(files), "windows": windows}

    def share(name: str, part: float, whole: float, unit: str) -> Score:
        return Score(name, part / whole if whole else math.nan, signature(unit=unit, **parts))

    def harmonic(name: str, part: int, false: int, all_true: int, unit: str) -> list[Score]:
        precision, recall = share(f"{name}precision", part, part + false, unit), share(f"{name}recall", part, all_true, unit)
        both = precision.value + recall.value
        f1 = 2 * precision.value * recall.value / both if both else 0.0 if not math.isnan(both) else math.nan
        return [precision, recall, Score(f"{name}F1", f1, precision.signature)]

    scores = [share("alarm rate", alarms, rows, "alarms a row"), *harmonic("", found, episodes, windows, "windows and false episodes")]
    scores += harmonic("row ", hits, alarms - hits, inside_rows, "rows")
    return {one.name.replace(" ", "_").lower(): one for one in scores}
