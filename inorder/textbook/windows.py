"""Windows, written out: slide over the series, cut, move on by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def windows(y: ArrayLike, length: int, horizon: int = 1) -> tuple[Floats, Floats]:
    """Inputs (n, length), what the model sees, and targets (n, horizon), what it has to say.

    >>> windows([100, 102, 101, 105, 107], 3)[1].tolist()
    [[105.0], [107.0]]
    """
    y = np.asarray(y, dtype=np.float64)
    inputs, targets = [], []
    for start in range(len(y) - length - horizon + 1):
        inputs.append(y[start : start + length])
        targets.append(y[start + length : start + length + horizon])
    return np.array(inputs).reshape(-1, length), np.array(targets).reshape(len(targets), horizon)
