"""Random convolution kernels, written out: one filter, one sequence, one step at a time.

Source: Dempster, Petitjean & Webb 2020, ROCKET; Dempster, Schmidt & Webb 2021, MiniRocket.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def convolve(x: Array, weights: Array, dilation: int, padded: bool) -> list[float]:
    """What a filter gives at each step where it looks.

    x: (time, channels).   weights: (taps, channels).
    padded: it looks at every step, and finds zeros outside the sequence; otherwise only where all of it lies on the sequence, or, where that is nowhere, as if
    padded.

    >>> convolve(np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [0.0], [-1.0]]), 1, padded=False)
    [-3.0]
    """
    time, taps = len(x), len(weights)
    reach = (taps - 1) * dilation // 2
    inside = [t for t in range(time) if t - reach >= 0 and t + reach < time]
    found = []
    for t in range(time) if padded or not inside else inside:
        total = 0.0
        for j in range(taps):
            at = t + j * dilation - reach
            if 0 <= at < time:
                total += float(weights[j] @ x[at])
        found.append(total)
    return found


def positive_share(outputs: list[float], bias: float) -> float:
    """The share of outputs above the bias; 0 where there are none."""
    return sum(z > bias for z in outputs) / len(outputs) if outputs else 0.0


def greatest(outputs: list[float], bias: float) -> float:
    """The greatest output less the bias; 0 where there are none."""
    return max(z - bias for z in outputs) if outputs else 0.0


def minirocket_filters() -> Iterator[list[int]]:
    """The 84 filters: nine taps, three of them 2, the others −1, so that each sums to 0."""
    for first in range(9):
        for second in range(first + 1, 9):
            for third in range(second + 1, 9):
                yield [2 if tap in (first, second, third) else -1 for tap in range(9)]


def dilations(length: int, biases: int, most: int = 32) -> dict[int, int]:
    """dilation -> biases of each filter: at most `most` exponents from 0 to log₂((length − 1)/8), those of equal dilation together.

    >>> dilations(150, 4)
    {1: 1, 2: 1, 7: 1, 18: 1}
    """
    count = min(biases, most)
    top = max(np.log2(max(length - 1, 1) / 8), 0.0)
    times: dict[int, int] = {}
    for k in range(count):
        dilation = int(2 ** (top * k / max(count - 1, 1)))
        times[dilation] = times.get(dilation, 0) + 1
    shares = {dilation: int(own * biases / count) for dilation, own in times.items()}
    left, order, k = biases - sum(shares.values()), list(shares), 0
    while left > 0:
        shares[order[k % len(order)]] += 1
        left, k = left - 1, k + 1
    return shares
