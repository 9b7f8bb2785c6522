"""Scaling, written out: what each scaler learns from a series, and what it does with it.

z = (y − centre) / size        y = z · size + centre
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def standard(y: ArrayLike) -> tuple[float, float]:
    """Centre and size: mean and standard deviation (with n); a constant has size 1.

    >>> standard([10, 12, 14])
    (12.0, 1.632993161855452)
    """
    values = observed(y)
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values)) or 1.0


def robust(y: ArrayLike) -> tuple[float, float]:
    """Centre and size: median and interquartile range; the standard deviation where that range is 0.

    >>> robust([1, 2, 3, 4, 1000])
    (3.0, 2.0)
    """
    first, median, third = np.quantile(observed(y), [0.25, 0.5, 0.75]).tolist()
    return median, (third - first) or standard(y)[1]


def min_max(y: ArrayLike, low: float = 0.0, high: float = 1.0) -> tuple[float, float]:
    """Centre and size so that the least value becomes `low` and the largest `high`.

    >>> min_max([10, 20, 30])
    (10.0, 20.0)
    """
    values = observed(y)
    size = (max(values) - min(values)) / (high - low) or 1.0
    return min(values) - low * size, size


def box_cox(y: ArrayLike, power: float) -> Floats:
    """z = (yᵖ − 1)/p, or log y for power 0.

    >>> box_cox([1, 4, 9], 0.5).tolist()
    [0.0, 2.0, 4.0]
    """
    y = np.asarray(y, dtype=np.float64)
    return np.array([math.log(value) if power == 0 else (value**power - 1) / power for value in y])


def inverse_box_cox(z: ArrayLike, power: float) -> Floats:
    """y = (power·z + 1)^(1/power), or exp z.

    >>> inverse_box_cox([0, 2, 4], 0.5).tolist()
    [1.0, 4.0, 9.0]
    """
    z = np.asarray(z, dtype=np.float64)
    return np.array([math.exp(value) if power == 0 else (power * value + 1) ** (1 / power) for value in z])


def guerrero(y: ArrayLike, power: float, season_length: int) -> float:
    """How unequal std/mean^(1 − power) of the last whole seasons are: their standard deviation over their mean.

    >>> round(guerrero([1, 2, 10, 20, 100, 200], 0.0, 2), 12)        # spread in proportion to the level: the logarithm
    0.0
    """
    y = np.asarray(y, dtype=np.float64)
    ratios = []
    for start in range(len(y) % season_length, len(y), season_length):
        season = y[start : start + season_length]
        ratios.append(float(np.std(season, ddof=1) / np.mean(season) ** (1 - power)))
    return float(np.std(ratios, ddof=1) / np.mean(ratios))


def log_likelihood(y: ArrayLike, power: float) -> float:
    """(power − 1)·Σ log y − n/2·log(variance of z), but for a constant.

    >>> y = np.exp([0.0, 1.0, 2.0, 3.0])
    >>> log_likelihood(y, 0.0) > log_likelihood(y, 1.0)
    True
    """
    y = np.asarray(y, dtype=np.float64)
    return float((power - 1) * np.sum(np.log(y)) - len(y) / 2 * np.log(np.var(box_cox(y, power))))


def best_power(cost: Callable[[float], float], lower: float = -1.0, upper: float = 2.0, steps: int = 3000) -> float:
    """The power of the smallest cost, by trying them all.

    >>> round(best_power(lambda power: (power - 0.5) ** 2), 3)
    0.5
    """
    tried = [lower + (upper - lower) * i / steps for i in range(steps + 1)]
    return min(tried, key=cost)


def observed(y: ArrayLike) -> list[float]:
    """The values that are not missing."""
    return [float(value) for value in np.asarray(y, dtype=np.float64) if not math.isnan(value)]
