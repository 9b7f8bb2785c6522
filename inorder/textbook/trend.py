"""Trends by least squares, from the normal equations. t = 1, 2, …; missing values are NaN.

    β = (X'X)⁻¹·X'y,   σ² = Σ (y − X·β)² / (n − number of β)
    forecast x·β, whose error has the standard deviation σ·√(1 + x'·(X'X)⁻¹·x)

Source: Draper & Smith 1998, Applied Regression Analysis, 3rd ed., ch. 1, 3, 12.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def linear_trend(y: Floats) -> tuple[float, float]:
    """Intercept and slope of the line through all values.

        slope = Σ (t − t̄)·(y − ȳ) / Σ (t − t̄)²,   intercept = ȳ − slope·t̄

    >>> [round(number, 3) for number in linear_trend(np.array([100.0, 110.0, 105.0, 115.0, 120.0, 125.0]))]
    [96.0, 4.714]
    """
    points = [(t, value) for t, value in enumerate(y.tolist(), start=1) if not math.isnan(value)]
    mean_t = sum(t for t, _ in points) / len(points)
    mean_y = sum(value for _, value in points) / len(points)
    slope = sum((t - mean_t) * (value - mean_y) for t, value in points) / sum((t - mean_t) ** 2 for t, _ in points)
    return mean_y - slope * mean_t, slope


def polynomial_trend(y: Floats, degree: int, horizon: int) -> tuple[Floats, Floats]:
    """(horizon,) forecast and (horizon,) standard deviation of its error.

    >>> polynomial_trend(np.array([1.0, 4.0, 9.0, 16.0]), 2, 2)[0].round(6).tolist()
    [25.0, 36.0]
    """
    times = [t for t, value in enumerate(y.tolist(), start=1) if not math.isnan(value)]
    centre, scale = sum(times) / len(times), float(len(y))  # the same curve in smaller numbers
    x = np.array([[((t - centre) / scale) ** k for k in range(degree + 1)] for t in times])
    known = np.array([y[t - 1] for t in times])
    square = x.T @ x
    beta = np.linalg.solve(square, x.T @ known)
    degrees = len(known) - degree - 1
    variance = float(np.sum((known - x @ beta) ** 2)) / degrees if degrees else math.nan
    forecast, error = np.empty(horizon), np.empty(horizon)
    for h in range(horizon):
        u = (len(y) + 1 + h - centre) / scale
        ahead = np.array([u**k for k in range(degree + 1)])
        forecast[h] = ahead @ beta
        error[h] = math.sqrt(variance * (1 + ahead @ np.linalg.solve(square, ahead)))
    return forecast, error


def exponential_trend(y: Floats, horizon: int) -> Floats:
    """(horizon,) the line through log y, continued, and brought back: the median.

    >>> exponential_trend(np.array([1.0, 2.0, 4.0]), 2).round(6).tolist()
    [8.0, 16.0]
    """
    intercept, slope = linear_trend(np.log(y))
    return np.array([math.exp(intercept + slope * (len(y) + h)) for h in range(1, horizon + 1)])


def moving_average_trend(y: Floats, window: int, horizon: int) -> Floats:
    """(horizon,) the last centred moving average, moved on by the mean change from one average to the next.

    >>> moving_average_trend(np.array([100.0, 110.0, 105.0, 115.0, 120.0, 125.0]), 3, 2).tolist()
    [130.0, 135.0]
    """
    centres, averages = [], []
    for begin in range(len(y) - window + 1):
        average = sum(y[begin : begin + window].tolist()) / window
        if not math.isnan(average):
            centres.append(begin + 1 + (window - 1) / 2)
            averages.append(average)
    change = (averages[-1] - averages[0]) / (centres[-1] - centres[0])
    return np.array([averages[-1] + change * (len(y) + h - centres[-1]) for h in range(1, horizon + 1)])
