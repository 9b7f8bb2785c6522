"""Differencing, written out: subtract what stood `lag` rows earlier; to undo it, add it back, row after row."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def difference(y: ArrayLike, lag: int = 1, order: int = 1) -> Floats:
    """(time,) d[t] = y[t] − y[t − lag], `order` times; NaN in the first lag · order rows.

    >>> difference([100, 130, 145, 170]).tolist()
    [nan, 30.0, 15.0, 25.0]
    """
    y = np.asarray(y, dtype=np.float64)
    for _ in range(order):
        changes = np.full(len(y), np.nan)
        for t in range(lag, len(y)):
            changes[t] = y[t] - y[t - lag]
        y = changes
    return y


def undifference(changes: ArrayLike, initial: ArrayLike, lag: int = 1, order: int = 1) -> Floats:
    """(time,) the values whose differences are `changes`; `initial` are the first lag · order of them.

    Order 2 and above: the changes are themselves differences of changes, whose first values come from `initial`.

    >>> undifference([np.nan, 30, 15, 25], [100]).tolist()
    [100.0, 130.0, 145.0, 170.0]
    """
    changes, initial = np.asarray(changes, dtype=np.float64), np.asarray(initial, dtype=np.float64)
    if order == 0:
        return changes
    steps = undifference(changes[lag:], difference(initial, lag)[lag:], lag, order - 1)  # the differences of order 1, from row `lag` on
    lower = np.concatenate([np.full(lag, np.nan), steps])
    y = np.empty(len(lower))
    for t in range(len(y)):
        y[t] = initial[t] if t < lag else lower[t] + y[t - lag]
    return y
