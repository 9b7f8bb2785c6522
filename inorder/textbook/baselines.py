"""Baselines, one loop at a time. Missing values are NaN; the first value is not missing.

    mean            ŷ[t+h] = (y[1] + … + y[t]) / t
    naive           ŷ[t+h] = y[t]
    seasonal naive  ŷ[t+h] = y[t+h−m·⌈h/m⌉]
    drift           ŷ[t+h] = y[t] + h·(y[t] − y[1]) / (t − 1)

Each returns the forecast and the standard deviation of its error, both (horizon,).

Source: Hyndman & Athanasopoulos 2021, Forecasting: Principles and Practice, 3rd ed., §5.2, table 5.2; Naive2: Makridakis, Spiliotis &
Assimakopoulos 2020, The M4 Competition.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def one_step(method: Callable[[Floats], Floats], y: Floats) -> Floats:
    """(time,) the forecast of each value from those before it: the method is started anew at every step. NaN for the first.

    >>> one_step(lambda past: mean(past, 1)[0], np.array([1.0, 3.0, 5.0])).tolist()
    [nan, 1.0, 2.0]
    """
    fitted = np.full(len(y), np.nan)
    for t in range(1, len(y)):
        fitted[t] = method(y[:t])[0]
    return fitted


def mean(y: Floats, horizon: int) -> tuple[Floats, Floats]:
    """The mean of all values; its error has the standard deviation σ·√(1 + 1/n).

    >>> mean(np.array([1.0, 3.0]), 2)[0].tolist()
    [2.0, 2.0]
    """
    known = [value for value in y if not math.isnan(value)]
    n = len(known)
    average = sum(known) / n
    variance = sum((value - average) ** 2 for value in known) / (n - 1) if n > 1 else math.nan
    return np.full(horizon, average), np.full(horizon, math.sqrt(variance * (1 + 1 / n)))


def naive(y: Floats, horizon: int) -> tuple[Floats, Floats]:
    """The last value. An error over a gap of g steps has g times the variance of one step.

    >>> naive(np.array([1.0, 3.0]), 2)[0].tolist()
    [3.0, 3.0]
    """
    times = [t for t, value in enumerate(y) if not math.isnan(value)]
    squares = [(y[b] - y[a]) ** 2 / (b - a) for a, b in zip(times[:-1], times[1:], strict=True)]
    variance = sum(squares) / len(squares) if squares else math.nan
    last = times[-1]
    steps = [len(y) - 1 + h - last for h in range(1, horizon + 1)]
    return np.full(horizon, y[last]), np.array([math.sqrt(variance * k) for k in steps])


def seasonal_naive(y: Floats, season_length: int, horizon: int) -> tuple[Floats, Floats]:
    """The last known value at the same position of the season; after k seasons its error has the standard deviation σ·√k.

    >>> seasonal_naive(np.array([1.0, 3.0, 2.0, 4.0]), 2, 3)[0].tolist()
    [2.0, 4.0, 2.0]
    """
    squares = []
    for t in range(len(y)):
        before = _same_position(y, t, season_length)
        if before >= 0 and not math.isnan(y[t]):
            squares.append((y[t] - y[before]) ** 2 / ((t - before) // season_length))
    variance = sum(squares) / len(squares) if squares else math.nan
    forecast, error = np.empty(horizon), np.empty(horizon)
    for h in range(horizon):
        t = len(y) + h
        before = _same_position(y, t, season_length)
        forecast[h] = y[before] if before >= 0 else math.nan
        error[h] = math.sqrt(variance * ((t - before) // season_length))
    return forecast, error


def _same_position(y: Floats, t: int, season_length: int) -> int:
    """The time of the last known value one, two, … seasons before t; negative where there is none."""
    before = t - season_length
    while before >= 0 and (before >= len(y) or math.isnan(y[before])):
        before -= season_length
    return before


def drift(y: Floats, horizon: int) -> tuple[Floats, Floats]:
    """The line from the first value through the last; its error has the standard deviation σ·√(h·(1 + h/T)), T steps from the first to the last.

    >>> drift(np.array([1.0, 2.0, 5.0]), 2)[0].tolist()
    [7.0, 9.0]
    """
    times = [t for t, value in enumerate(y) if not math.isnan(value)]
    first, last = times[0], times[-1]
    slope = (y[last] - y[first]) / (last - first) if last > first else math.nan
    squares = [(y[b] - y[a] - slope * (b - a)) ** 2 / (b - a) for a, b in zip(times[:-1], times[1:], strict=True)]
    variance = sum(squares) / (len(squares) - 1) if len(squares) > 1 else math.nan
    ahead = [len(y) - 1 + h - last for h in range(1, horizon + 1)]
    forecast = np.array([y[last] + slope * h for h in ahead])
    return forecast, np.array([math.sqrt(variance * h * (1 + h / (last - first))) if last > first else math.nan for h in ahead])


def naive2(y: Floats, season_length: int, horizon: int) -> Floats:
    """(horizon,) the last value without its season, and each step with its own season put back; the plain last value where there is no season.

    >>> naive2(np.array([1.0, 3.0, 8.0] * 4), 3, 4).round(9).tolist()
    [1.0, 3.0, 8.0, 1.0]
    """
    times = [t for t, value in enumerate(y) if not math.isnan(value)]
    last = times[-1]
    if not is_seasonal(y, season_length):
        return np.full(horizon, y[last])
    multiplicative = all(y[t] > 0 for t in times)
    season = seasonal_indices(y, season_length, multiplicative)
    forecast = np.empty(horizon)
    for h in range(horizon):
        index, own = season[(len(y) + h) % season_length], season[last % season_length]
        forecast[h] = y[last] / own * index if multiplicative else y[last] - own + index
    return forecast


def is_seasonal(y: Floats, season_length: int) -> bool:
    """Whether the autocorrelation at one season exceeds its 90 % limit, given those at shorter lags; never for less than three seasons."""
    if season_length == 1 or len(y) < 3 * season_length:
        return False
    known = [value for value in y if not math.isnan(value)]
    average = sum(known) / len(known)
    total = sum((value - average) ** 2 for value in known)
    if total == 0:
        return False
    correlation: list[Any] = []
    for lag in range(1, season_length + 1):
        products = [(y[t] - average) * (y[t - lag] - average) for t in range(lag, len(y))]
        correlation.append(sum(product for product in products if not math.isnan(product)) / total)
    limit = 1.645 * math.sqrt((1 + 2 * sum(r**2 for r in correlation[:-1])) / len(known))
    return bool(abs(correlation[-1]) > limit)


def seasonal_indices(y: Floats, season_length: int, multiplicative: bool) -> Floats:
    """(season,) mean of y / trend (y − trend) at each position, scaled to a mean of 1 (0); the trend is the centred moving average over one season."""
    half = season_length // 2
    found: list[list[float]] = [[] for _ in range(season_length)]
    for t in range(half, len(y) - half):
        if season_length % 2:
            trend = sum(y[t - half : t + half + 1]) / season_length
        else:
            trend = (y[t - half] / 2 + sum(y[t - half + 1 : t + half]) + y[t + half] / 2) / season_length
        ratio = y[t] / trend if multiplicative else y[t] - trend
        if not math.isnan(ratio):
            found[t % season_length].append(ratio)
    means = np.array([sum(values) / len(values) for values in found])
    return np.asarray(means / means.mean() if multiplicative else means - means.mean())
