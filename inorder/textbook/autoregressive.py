"""Autoregression: conditional least squares from the normal equations, Yule–Walker, Burg, the exact likelihood. Missing values are NaN.

    y[t] = c + φ₁·y[t−1] + … + φₚ·y[t−p] + e[t]

Source: Box, Jenkins, Reinsel & Ljung 2015, Time Series Analysis, 5th ed., ch. 3, 5, 7; Lütkepohl 2005, New Introduction to Multiple
Time Series Analysis, §4.3; Burg 1975, Maximum entropy spectral analysis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rows_of(y: Floats, order: int, constant: bool, begin: int) -> tuple[Floats, Floats]:
    """Regressors and targets of the steps from `begin` on whose value and `order` values before it are known."""
    regressors, targets = [], []
    for t in range(begin, len(y)):
        row = [1.0] * constant + [float(y[t - lag]) for lag in range(1, order + 1)]
        if not any(math.isnan(value) for value in [*row, y[t]]):
            regressors.append(row)
            targets.append(float(y[t]))
    return np.array(regressors).reshape(len(targets), constant + order), np.array(targets)


def fit_ar(y: Floats, order: int, constant: bool) -> tuple[float, Floats, float]:
    """c, (order,) φ and σ, whose square is the sum of squared errors divided by rows − coefficients.

    >>> c, phi, sigma = fit_ar(np.array([4.0, 3.0, 2.5, 2.25, 2.125]), 1, True)
    >>> round(c, 6), phi.round(6).tolist()
    (1.0, [0.5])
    """
    x, target = rows_of(y, order, constant, order)
    beta: Floats = np.linalg.solve(x.T @ x, x.T @ target).astype(np.float64)
    degrees = len(target) - len(beta)
    sigma = math.sqrt(float(np.sum((target - x @ beta) ** 2)) / degrees) if degrees else math.nan
    return (float(beta[0]), beta[1:], sigma) if constant else (0.0, beta, sigma)


def criteria(y: Floats, orders: Sequence[int], constant: bool) -> Floats:
    """(orders, 4) order, AIC, AICc, BIC, all on the rows that the longest order can use.

        AIC = −2·log L + 2·k      AICc = AIC + 2·k·(k + 1)/(n − k − 1)      BIC = −2·log L + k·log n

    L is the normal likelihood at its maximum; k counts φ, c and σ.
    """
    longest = max(orders)
    table = []
    known = [not any(math.isnan(value) for value in y[max(0, t - longest) : t + 1]) for t in range(len(y))]
    for order in orders:
        y_used = [t for t in range(longest, len(y)) if known[t]]
        x = np.array([[1.0] * constant + [float(y[t - lag]) for lag in range(1, order + 1)] for t in y_used]).reshape(len(y_used), constant + order)
        target = np.array([float(y[t]) for t in y_used])
        beta = np.linalg.solve(x.T @ x, x.T @ target)
        n, k = len(target), len(beta) + 1
        variance = float(np.sum((target - x @ beta) ** 2)) / n
        log_likelihood = sum(-0.5 * math.log(2 * math.pi * variance) - error**2 / (2 * variance) for error in target - x @ beta)
        aic = -2 * log_likelihood + 2 * k
        table.append([order, aic, aic + 2 * k * (k + 1) / (n - k - 1), -2 * log_likelihood + k * math.log(n)])
    return np.array(table)


def yule_walker(y: Floats, order: int) -> Floats:
    """(order,) φ that solves r[k] = Σ φ[j]·r[k−j], k = 1 … order, with the autocovariances r[k] = Σ (y[t] − ȳ)·(y[t−k] − ȳ)/n.

    >>> yule_walker(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 1).tolist()
    [0.4]
    """
    z, n = y - y.mean(), len(y)
    r = [sum(z[t] * z[t - k] for t in range(k, n)) / n for k in range(order + 1)]
    return np.linalg.solve([[r[abs(i - j)] for j in range(order)] for i in range(order)], r[1:])


def burg(z: Floats, order: int) -> Floats:
    """(order,) φ by Burg's recursion.   z: (time,) about its mean; products over steps where a value is missing are left out.

    >>> burg(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), 1).round(3).tolist()
    [0.667]
    """
    phi: list[float] = []
    for k in range(1, order + 1):
        above = below = 0.0
        for t in range(k, len(z)):
            forward = z[t] - sum(phi[j] * z[t - 1 - j] for j in range(k - 1))
            backward = z[t - k] - sum(phi[j] * z[t - k + 1 + j] for j in range(k - 1))
            if not math.isnan(forward) and not math.isnan(backward):
                above += 2 * forward * backward
                below += forward**2 + backward**2
        last = above / below
        phi = [phi[j] - last * phi[k - 2 - j] for j in range(k - 1)] + [last]
    return np.array(phi)


def autocovariances(phi: Floats, sigma: float, count: int) -> Floats:
    """(count,) γ[k] of the stationary process: γ[k] = Σ φ[j]·γ[k−j] for k > 0, and γ[0] = Σ φ[j]·γ[j] + σ².

    >>> autocovariances(np.array([0.5]), 1.0, 3).round(4).tolist()
    [1.3333, 0.6667, 0.3333]
    """
    order = len(phi)
    equations = np.eye(order + 1)
    for k in range(order + 1):
        for j in range(1, order + 1):
            equations[k, abs(k - j)] -= phi[j - 1]
    gamma = np.linalg.solve(equations, np.append(sigma**2, np.zeros(order))).tolist()
    while len(gamma) < count:
        gamma.append(sum(float(phi[j]) * gamma[-1 - j] for j in range(order)))
    return np.array(gamma[:count])


def exact_loglik(y: Floats, mean: float, phi: Floats, sigma: float) -> float:
    """log of the joint normal density of what was observed: covariances γ[|s − t|] between the steps s and t.

    >>> round(exact_loglik(np.array([1.0, math.nan, 0.0]), 0.0, np.array([0.5]), 1.0), 4)
    -2.4933
    """
    gamma = autocovariances(phi, sigma, len(y))
    seen = [t for t in range(len(y)) if not math.isnan(y[t])]
    covariance = np.array([[gamma[abs(s - t)] for t in seen] for s in seen])
    z = y[seen] - mean
    return float(-0.5 * (len(seen) * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1] + z @ np.linalg.solve(covariance, z)))


def forecast_ar(y: Floats, constant: float, phi: Floats, horizon: int) -> Floats:
    """(horizon,) the recursion with forecasts for values to come; a missing value is replaced by its forecast on the way.

    >>> forecast_ar(np.array([4.0]), 1.0, np.array([0.5]), 3).tolist()
    [3.0, 2.5, 2.25]
    """
    past = [float(value) for value in y] + [math.nan] * horizon
    for t in range(len(phi), len(past)):
        if math.isnan(past[t]):
            past[t] = constant + sum(float(phi[lag]) * past[t - 1 - lag] for lag in range(len(phi)))
    return np.array(past[len(y) :])


def error_deviation(phi: Floats, sigma: float, horizon: int) -> Floats:
    """(horizon,) standard deviation of the forecast error, from powers of the companion matrix F: ψ[j] is the upper left entry of Fʲ.

    >>> error_deviation(np.array([0.5]), 2.0, 2).round(4).tolist()
    [2.0, 2.2361]
    """
    order = max(len(phi), 1)
    companion = np.zeros((order, order))
    companion[0, : len(phi)] = phi
    for i in range(1, order):
        companion[i, i - 1] = 1.0
    power, variance, deviations = np.eye(order), 0.0, []
    for _ in range(horizon):
        variance += sigma**2 * power[0, 0] ** 2
        deviations.append(math.sqrt(variance))
        power = power @ companion
    return np.array(deviations)


def largest_root(phi: Floats) -> float:
    """The largest modulus of the companion matrix's eigenvalues: below 1 the process is stationary.

    >>> round(largest_root(np.array([0.0, 0.25])), 9)
    0.5
    """
    if len(phi) == 0:
        return 0.0
    companion = np.zeros((len(phi), len(phi)))
    companion[0] = phi
    for i in range(1, len(phi)):
        companion[i, i - 1] = 1.0
    return float(max(abs(np.linalg.eigvals(companion))))
