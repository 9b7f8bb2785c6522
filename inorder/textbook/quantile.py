"""The pinball loss, one number at a time, and quantiles that cannot cross.

    pinball(q, y; p) = p·(y − q) where y ≥ q, else (1 − p)·(q − y)

Source: Koenker & Bassett 1978, Regression quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def pinball(quantile: float, y: float, p: float) -> float:
    """What it costs to say that y lies below `quantile` with probability p.

    >>> pinball(1.0, 3.0, 0.9), pinball(1.0, 0.0, 0.75)
    (1.8, 0.25)
    """
    return p * (y - quantile) if y >= quantile else (1 - p) * (quantile - y)


def ordered(raw: Sequence[float]) -> list[float]:
    """Rising quantiles: the middle number as it is, the others by steps log(1 + eᵃ) away from it.

    >>> [round(q, 3) for q in ordered([0.0, 5.0, 0.0])]
    [4.307, 5.0, 5.693]
    """
    middle = len(raw) // 2
    quantiles = list(raw)
    for k in range(middle + 1, len(raw)):
        quantiles[k] = quantiles[k - 1] + math.log1p(math.exp(raw[k]))
    for k in range(middle - 1, -1, -1):
        quantiles[k] = quantiles[k + 1] - math.log1p(math.exp(raw[k]))
    return quantiles
