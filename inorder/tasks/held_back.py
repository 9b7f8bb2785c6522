"""What the neural forecasters share in how they are judged: the last part in time is held back, and its errors make the intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inorder.data.series import Series
from inorder.tasks.lstm_inputs import Whole
from inorder.typing import Floats, Values

VALIDATION_ROWS = 1000  # of each series, at most
STOPPED = ("patience", "max_epochs", "time")  # why training ended, as a bundle numbers it


def validation_begin(history: Series, share: float) -> Whole:
    """(series,) the row at which the last part of each series begins: `share` of the rows from its first to its last observation."""
    begin = history.offsets[1:].copy()
    for i, y in enumerate(history):
        known = np.flatnonzero(~np.isnan(y))
        if len(known):
            rows = int(np.clip(round(share * (known[-1] - known[0] + 1)), 1, VALIDATION_ROWS))
            begin[i] = history.offsets[i] + known[-1] + 1 - rows
    return begin


def to_horizon(errors: NDArray[np.float32], horizon: int) -> Floats:
    """(rows, horizon) the errors as far as they are known, then NaN."""
    known = errors[:, :horizon].astype(np.float64)
    return np.concatenate([known, np.full((len(known), horizon - known.shape[1]), np.nan)], axis=1)


def in_units_of(scale: Floats, errors: NDArray[np.float32], whose: Whole, before: Floats) -> NDArray[np.float32]:
    """(rows, steps) errors counted in units of `scale` instead of `before`, both (series,).   whose: (rows,) the series of each row."""
    return np.asarray(errors * (before / scale)[whose, None], dtype=np.float32)


def few_of(last: int, best: int) -> set[int]:
    """The epochs worth a line: about ten, evenly spread, with the first, the best and the last."""
    return {0, best, last, *range(0, last, max(1, last // 8))}


def last_value(y: Values) -> float:
    known = y[~np.isnan(y)]
    return float(known[-1]) if len(known) else math.nan
