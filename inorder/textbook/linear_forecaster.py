"""Linear forecasters, one window at a time.

    trend[t] = mean of x[t−a … t+b],  a = ⌊(kernel−1)/2⌋, b = ⌊kernel/2⌋, the first and the last value repeated beyond the ends
    ŷ[h]     = Σ W[h,t]·trend[t] + Σ V[h,t]·(x[t] − trend[t]) + b[h] + c[h]

Source: Zeng, Chen, Zhang & Xu 2023, Are Transformers effective for time series forecasting?, §4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def moving_average(x: Array, kernel: int) -> Array:
    """(time,) the trend.

    >>> moving_average(np.array([3.0, 0.0, 3.0, 6.0]), 3).tolist()
    [2.0, 2.0, 3.0, 5.0]
    """
    last = len(x) - 1
    return np.array([np.mean([x[min(max(t + k, 0), last)] for k in range(-((kernel - 1) // 2), kernel // 2 + 1)]) for t in range(len(x))])


def dlinear(x: Array, trend_weights: Array, trend_bias: Array, rest_weights: Array, rest_bias: Array, kernel: int) -> Array:
    """(horizon,) the forecast.   x: (window,).   trend_weights, rest_weights: (horizon, window).   biases: (horizon,).

    >>> eye = np.eye(2)
    >>> dlinear(np.array([1.0, 3.0]), eye, np.zeros(2), eye, np.ones(2), kernel=3).tolist()
    [2.0, 4.0]
    """
    trend = moving_average(x, kernel)
    rest = x - trend
    forecast = np.zeros(len(trend_weights))
    for h in range(len(forecast)):
        for t in range(len(x)):
            forecast[h] += trend_weights[h, t] * trend[t] + rest_weights[h, t] * rest[t]
        forecast[h] += trend_bias[h] + rest_bias[h]
    return forecast
