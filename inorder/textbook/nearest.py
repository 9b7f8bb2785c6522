"""Dynamic time warping, written out cell by cell.

Source: Sakoe & Chiba 1978, Dynamic programming algorithm optimization for spoken word recognition.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def dtw(a: Array, b: Array, window: float = 1.0) -> float:
    """The squared distance of two sequences (time, channels) under the best alignment.

        D[i, j] = ‖a[i] − b[j]‖² + min(D[i−1, j], D[i, j−1], D[i−1, j−1])

    window: the most that i and j may lie apart, a share of the longer length, never less than the difference of the lengths.

    >>> dtw(np.array([[0.0], [1.0]]), np.array([[0.0], [0.0], [1.0]]))
    0.0
    """
    if len(a) == 0 or len(b) == 0:
        return 0.0 if len(a) == len(b) else math.inf
    reach = max(math.ceil(window * max(len(a), len(b)) - 1e-9), abs(len(a) - len(b)))
    table = np.full((len(a), len(b)), math.inf)
    for i in range(len(a)):
        for j in range(len(b)):
            if abs(i - j) > reach:
                continue
            before = 0.0 if i == j == 0 else min(table[k, m] if k >= 0 and m >= 0 else math.inf for k, m in ((i - 1, j), (i, j - 1), (i - 1, j - 1)))
            table[i, j] = float(((a[i] - b[j]) ** 2).sum()) + before
    return float(table[-1, -1])
