"""Lags, written out: for every row, look `lag` rows back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def lags(y: ArrayLike, lags: Sequence[int]) -> Floats:
    """(time, k): column j of row t is y[t − lags[j]], NaN before the series begins.

    >>> lags([150, 180, 220, 200], [1]).tolist()
    [[nan], [150.0], [180.0], [220.0]]
    """
    y = np.asarray(y, dtype=np.float64)
    table = np.full((len(y), len(lags)), np.nan)
    for t in range(len(y)):
        for j, lag in enumerate(lags):
            if t - lag >= 0:
                table[t, j] = y[t - lag]
    return table
