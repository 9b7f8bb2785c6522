"""Autocorrelation, decomposition and the tests of residuals, written out.

The partial autocorrelation is taken from its definition, the last coefficient of a regression on all lags up to k, by
solving the Yule–Walker equations anew for every k.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def acf(y: ArrayLike, lags: int) -> Floats:
    """(lags + 1,) Σ (y[t] − ȳ)(y[t−k] − ȳ) over the pairs that are there, each part divided so that gaps do not weaken it.

        r[k] = [Σ over pairs / (pairs + k)] / [Σ (y − ȳ)² / n]          without gaps pairs + k = n

    >>> acf([1, 2, 3, 4, 5], 2).tolist()
    [1.0, 0.4, -0.1]
    """
    y = np.asarray(y, dtype=np.float64)
    known = [value for value in y if not math.isnan(value)]
    mean = sum(known) / len(known)
    variance = sum((value - mean) ** 2 for value in known) / len(known)
    result = []
    for k in range(lags + 1):
        products = [(y[t] - mean) * (y[t - k] - mean) for t in range(k, len(y)) if not math.isnan(y[t]) and not math.isnan(y[t - k])]
        result.append(sum(products) / (len(products) + k) / variance)
    return np.array(result)


def pacf(y: ArrayLike, lags: int) -> Floats:
    """(lags + 1,) the last solution φ[k] of  Σⱼ r[i − j]·φ[j] = r[i],  i, j = 1 … k.

    >>> pacf([1, 2, 3, 4, 5], 2).round(3).tolist()
    [1.0, 0.4, -0.31]
    """
    r = acf(y, lags)
    result = [1.0]
    for k in range(1, lags + 1):
        toeplitz = np.array([[r[abs(i - j)] for j in range(k)] for i in range(k)])
        result.append(float(np.linalg.solve(toeplitz, r[1 : k + 1])[-1]))
    return np.array(result)


def decompose(y: ArrayLike, season_length: int, kind: str) -> tuple[Floats, Floats, Floats]:
    """Trend, seasonal, remainder of a series without gaps.   kind: "additive" or "multiplicative".

    >>> trend, seasonal, remainder = decompose([1, 3, 2, 4, 3, 5], 2, "additive")
    >>> trend.tolist(), seasonal.tolist()
    ([nan, 2.25, 2.75, 3.25, 3.75, nan], [-0.75, 0.75, -0.75, 0.75, -0.75, 0.75])
    """
    y = np.asarray(y, dtype=np.float64)
    n, half = len(y), season_length // 2
    weights = [1.0] * season_length if season_length % 2 else [0.5] + [1.0] * (season_length - 1) + [0.5]
    trend = np.full(n, np.nan)
    for t in range(half, n - half):
        trend[t] = sum(weight * y[t - half + i] for i, weight in enumerate(weights)) / season_length
    rest = y - trend if kind == "additive" else y / trend
    places = []
    for place in range(season_length):
        seen = [rest[t] for t in range(place, n, season_length) if not math.isnan(rest[t])]
        places.append(sum(seen) / len(seen))
    mean = sum(places) / season_length
    places = [place - mean if kind == "additive" else place / mean for place in places]
    seasonal = np.array([places[t % season_length] for t in range(n)])
    remainder = y - trend - seasonal if kind == "additive" else y / trend / seasonal
    return trend, seasonal, remainder


def ljung_box(residuals: ArrayLike, lags: int) -> float:
    """Q = n(n + 2) Σₖ r[k]²/(n − k), k = 1 … lags.

    With gaps, where m pairs are there that lie k apart and ρ[k] is the mean of their products over the variance: (n + 2)/n Σₖ m·ρ[k]².

    >>> ljung_box([1, -1, 1, -1], 1)
    4.5
    """
    residuals = np.asarray(residuals, dtype=np.float64)
    n = int(np.sum(~np.isnan(residuals)))
    deviation = residuals - np.nanmean(residuals)
    variance = np.nansum(deviation**2) / n
    q = 0.0
    for k in range(1, lags + 1):
        products = [deviation[t] * deviation[t - k] for t in range(k, len(residuals)) if not math.isnan(deviation[t] * deviation[t - k])]
        if products:
            q += len(products) * (sum(products) / len(products) / variance) ** 2
    # without gaps ρ[k] = r[k]·n/(n − k), so that this is the sum above
    return float((n + 2) / n * q)


def jarque_bera(residuals: ArrayLike) -> float:
    """n/6·(skewness² + (kurtosis − 3)²/4).

    >>> jarque_bera([-1, 0, 1])
    0.28125
    """
    values = [float(value) for value in np.asarray(residuals, dtype=np.float64) if not math.isnan(value)]
    n = len(values)
    mean = sum(values) / n
    second, third, fourth = (sum((value - mean) ** power for value in values) / n for power in (2, 3, 4))
    return float(n / 6 * ((third / second**1.5) ** 2 + (fourth / second**2 - 3) ** 2 / 4))


def equal_variance(residuals: ArrayLike) -> float:
    """Σ e² of the last third over Σ e² of the first.

    >>> equal_variance([1, -1, 1, -1, 2, -2, 2, -2, 3, -3, 3, -3])
    9.0
    """
    e = np.asarray(residuals, dtype=np.float64)
    third = round(len(e) / 3)
    return sum(float(value) ** 2 for value in e[len(e) - third :]) / sum(float(value) ** 2 for value in e[:third])


def arch_lm(residuals: ArrayLike, lags: int) -> float:
    """n·R² of the regression  e²[t] = c + Σ αⱼ·e²[t−j].

    >>> round(arch_lm([1, 2, 1, 2, 1, 2, 1, 3], 1), 3)
    4.36
    """
    squares = np.asarray(residuals, dtype=np.float64) ** 2
    x = np.array([[1.0, *(squares[t - j] for j in range(1, lags + 1))] for t in range(lags, len(squares))])
    y = squares[lags:]
    left = y - x @ np.linalg.solve(x.T @ x, x.T @ y)
    return float(len(y) * (1 - np.sum(left**2) / np.sum((y - y.mean()) ** 2)))


def runs_test(residuals: ArrayLike) -> float:
    """z of the number of runs at or above the median and below it.

    >>> round(runs_test([1, 2, 3, 4, 5, 6, 7, 8]), 3)
    -2.291
    """
    values = np.asarray(residuals, dtype=np.float64)
    above = [bool(value >= np.median(values)) for value in values]
    runs, a = 1, sum(above)
    for before, now in zip(above[:-1], above[1:], strict=True):
        runs += before != now
    n, b = len(above), len(above) - a
    mean = 2 * a * b / n + 1
    return (runs - mean) / math.sqrt((mean - 1) * (mean - 2) / (n - 1))


def eacf(y: ArrayLike, max_p: int, max_q: int) -> Floats:
    """(max_p + 1, max_q + 1) extended autocorrelations.

        φ[i; k, j] = φ[i; k+1, j−1] − φ[i−1; k, j−1] · φ[k+1; k+1, j−1] / φ[k; k, j−1]

    with φ[0; k, j] = −1 and, for j = 0, the coefficients of an autoregression of order k by least squares.
    """
    values = np.asarray(y, dtype=np.float64)
    values = values - values.mean()
    phi: dict[tuple[int, int, int], float] = {}
    for k in range(max_p + max_q + 2):
        phi[0, k, 0] = -1.0
        if k:
            x = np.array([[values[t - i] for i in range(1, k + 1)] for t in range(k, len(values))])
            for i, value in enumerate(np.linalg.solve(x.T @ x, x.T @ values[k:])):
                phi[i + 1, k, 0] = float(value)
    table = np.zeros((max_p + 1, max_q + 1))
    for j in range(1, max_q + 2):
        for k in range(max_p + max_q + 2 - j):
            phi[0, k, j] = -1.0
            for i in range(1, k + 1):
                phi[i, k, j] = phi[i, k + 1, j - 1] - phi[i - 1, k, j - 1] * phi[k + 1, k + 1, j - 1] / phi[k, k, j - 1]
        for p in range(max_p + 1):
            left = [values[t] - sum(phi[i, p, j] * values[t - i] for i in range(1, p + 1)) for t in range(p, len(values))]
            table[p, j - 1] = acf(np.array(left), j)[j]
    return table
