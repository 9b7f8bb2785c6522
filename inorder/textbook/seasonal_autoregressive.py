"""Seasonal autoregression by least squares, from the normal equations. Values are known throughout.

    z[t] − c = Σ φ[l]·(z[t−l] − c) + e[t],    l ∈ {1, …, p} ∪ {j·s + i : s a season, j = 1 … cycles, |i| ≤ neighbours}

c is the mean of the last season; for changes z[t] − z[t−1] in place of z it is 0. A lag is used where it is at most `longest`, and lags around
a whole season all together or not at all.

Source: Box, Jenkins, Reinsel & Ljung 2015, Time Series Analysis, 5th ed., ch. 9.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def seasonal_lags(seasons: Sequence[int], order: int, neighbours: int, cycles: int, longest: int) -> list[int]:
    """The lags in rising order.

    >>> seasonal_lags([7], 2, 1, 2, 10)
    [1, 2, 6, 7, 8]
    """
    lags = {1} | {lag for lag in range(1, order + 1) if lag <= longest}
    for season in seasons:
        for cycle in range(1, cycles + 1):
            if cycle * season + neighbours <= longest:
                lags |= {cycle * season + i for i in range(-neighbours, neighbours + 1) if cycle * season + i >= 1}
    return sorted(lags)


def fit_seasonal_ar(z: Floats, lags: Sequence[int], centre: float) -> tuple[Floats, float]:
    """(lags,) φ and σ, whose square is the sum of squared errors divided by rows − lags.

    >>> phi, sigma = fit_seasonal_ar(np.array([8.0, 4.0, 2.0, 1.0, 0.5]), [1], 0.0)
    >>> phi.round(6).tolist(), round(sigma, 6)
    ([0.5], 0.0)
    """
    begin = max(lags)
    x = np.array([[z[t - lag] - centre for lag in lags] for t in range(begin, len(z))])
    target = np.array([z[t] - centre for t in range(begin, len(z))])
    phi: Floats = np.linalg.solve(x.T @ x, x.T @ target).astype(np.float64)
    squares = sum((target[i] - x[i] @ phi) ** 2 for i in range(len(target)))
    return phi, float(np.sqrt(squares / (len(target) - len(lags))))


def forecast_seasonal_ar(z: Floats, lags: Sequence[int], phi: Floats, centre: float, horizon: int) -> list[float]:
    """The recursion with forecasts in the place of values to come.

    >>> forecast_seasonal_ar(np.array([1.0, 4.0, 2.0]), [1], np.array([0.5]), 0.0, 2)
    [1.0, 0.5]
    """
    values = [float(value) for value in z]
    for _ in range(horizon):
        values.append(centre + sum(float(phi[i]) * (values[-lag] - centre) for i, lag in enumerate(lags)))
    return values[len(z) :]
