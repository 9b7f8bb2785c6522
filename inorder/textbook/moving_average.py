"""Moving averages, one loop at a time. Missing values are NaN and are passed over.

    simple      ŷ[t+h] = (y[t−k+1] + … + y[t]) / k
    weighted    ŷ[t+h] = (w[1]·y[t−k+1] + … + w[k]·y[t]) / (w[1] + … + w[k])

Source: Brown 1963, Smoothing, Forecasting and Prediction of Discrete Time Series, ch. 7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def moving_average(y: Floats, window: int, horizon: int) -> Floats:
    """(horizon,) the mean of the last `window` values; NaN where there are fewer.

    >>> moving_average(np.array([10.0, 12.0, 15.0, 14.0, 18.0]), 3, 1).round(2).tolist()
    [15.67]
    """
    return weighted_moving_average(y, [1.0] * window, horizon)


def weighted_moving_average(y: Floats, weights: Sequence[float], horizon: int) -> Floats:
    """(horizon,) the weighted mean of the last values.   weights: oldest first.

    >>> weighted_moving_average(np.array([10.0, 12.0, 15.0]), [1, 2, 3], 1).round(3).tolist()
    [13.167]
    """
    known = [value for value in y if not math.isnan(value)]
    if len(known) < len(weights):
        return np.full(horizon, np.nan)
    last = known[len(known) - len(weights) :]
    average = sum(weight * value for weight, value in zip(weights, last, strict=True)) / sum(weights)
    return np.full(horizon, average)


def best_window(y: Floats, longest: int) -> int:
    """The window from 2 to `longest` whose mean misses the next value least, in the sum of squares over the steps that all windows can forecast.

    >>> best_window(np.array([1.0, 5.0, 1.0, 5.0, 1.0, 5.0]), 3)
    2
    """
    sums = []
    for window in range(2, longest + 1):
        errors = [y[t] - moving_average(y[:t], window, 1)[0] for t in range(longest, len(y))]
        sums.append(sum(error**2 for error in errors))
    return 2 + sums.index(min(sums))
