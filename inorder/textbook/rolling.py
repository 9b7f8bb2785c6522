"""Rolling statistics, written out: for every row, gather the last values and summarise them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def rolling(y: ArrayLike, window: int, statistic: str = "mean", *, quantile: float | None = None, minimum: int | None = None) -> Floats:
    """(time,) the statistic of y[t − window + 1] … y[t]; NaN where fewer than `minimum` (by default all) of them are observed.

    >>> rolling([22, 24, 23, 25, 26], 3).round(2).tolist()
    [nan, nan, 23.0, 24.0, 24.67]
    """
    y = np.asarray(y, dtype=np.float64)
    minimum = window if minimum is None else minimum
    result = np.full(len(y), np.nan)
    for t in range(len(y)):
        seen = [float(value) for value in y[max(0, t - window + 1) : t + 1] if not math.isnan(value)]
        if len(seen) >= minimum:
            result[t] = summary(seen, statistic, quantile)
    return result


def summary(values: list[float], statistic: str, quantile: float | None = None) -> float:
    """One number for many.

        mean = Σ y / n          std = √(Σ (y − mean)² / (n − 1))
        quantile q: the place q·(n − 1) in the sorted values, counted from 0, with a straight line between neighbours

    >>> summary([1.0, 2.0, 4.0], "quantile", 0.75)
    3.0
    """
    n, ranked = len(values), sorted(values)
    if statistic == "sum":
        return math.fsum(values)
    if statistic == "mean":
        return math.fsum(values) / n
    if statistic == "std":
        mean = math.fsum(values) / n
        return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else math.nan
    if statistic == "min":
        return ranked[0]
    if statistic == "max":
        return ranked[-1]
    place = (0.5 if statistic == "median" or quantile is None else quantile) * (n - 1)
    below = math.floor(place)
    above = min(below + 1, n - 1)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])


def exponential_mean(y: ArrayLike, *, alpha: float) -> Floats:
    """(time,) mean ← α·y[t] + (1 − α)·mean, begun with the first observation; a missing value changes nothing.

    >>> exponential_mean([10, 12, 15], alpha=0.5).tolist()
    [10.0, 11.0, 13.0]
    """
    y = np.asarray(y, dtype=np.float64)
    result, mean = np.full(len(y), np.nan), math.nan
    for t in range(len(y)):
        if not math.isnan(y[t]):
            mean = y[t] if math.isnan(mean) else alpha * y[t] + (1 - alpha) * mean
        result[t] = mean
    return result


def centred_mean(values: ArrayLike, window: int) -> Floats:
    """(time,) mean of `window` values around each row; for an even window the values at both ends count half (2×m).

    >>> centred_mean([100, 110, 105, 115, 120, 125], 3).round(1).tolist()
    [nan, 105.0, 110.0, 113.3, 120.0, nan]
    """
    y = np.asarray(values, dtype=np.float64)
    half = window // 2
    weights = [1.0] * window if window % 2 else [0.5] + [1.0] * (window - 1) + [0.5]
    result = np.full(len(y), np.nan)
    for t in range(half, len(y) - half):
        result[t] = sum(weight * y[t - half + i] for i, weight in enumerate(weights)) / window
    return result
