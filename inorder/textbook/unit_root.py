"""Unit-root and seasonal tests, written out: regressions by the normal equations, sums by loops.

    kpss               Σ S[t]² / (n²·λ²)
    adf                t-value of ρ in Δy[t] = μ + δ·t + ρ·y[t−1] + Σ γⱼ·Δy[t−j]
    phillips_perron    √(γ[0]/λ²)·τ − (λ² − γ[0])/(2λ) · n·se/s
    ocsb               t-value of β₂ in ΔΔₘy[t] = β₁·z₄[t−1] + β₂·z₅[t−m] + Σ φⱼ·ΔΔₘy[t−j]
    canova_hansen      tr(Ω⁻¹ · Σ F[t]·F[t]') / n²

Source: Kwiatkowski, Phillips, Schmidt & Shin 1992; Said & Dickey 1984; Phillips & Perron 1988; Osborn, Chui, Smith & Birchenhall 1988;
Canova & Hansen 1995.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def regression(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Coefficients, their standard errors, and the errors of y = x·β + e.

    >>> beta, error, left = regression(np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([1.0, 2.0, 4.0]))
    >>> beta.round(3).tolist(), error.round(3).tolist()
    ([0.833, 1.5], [0.373, 0.289])
    """
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ (x.T @ y)
    left = y - x @ beta
    variance = float(left @ left) / (len(y) - len(beta))
    return beta, np.sqrt(variance * np.diag(inverse)), left


def trend_terms(trend: str, t: int) -> list[float]:
    """What stands before the lags at time t: nothing, 1, or 1 and t."""
    return {"n": [], "c": [1.0], "ct": [1.0, float(t)]}[trend]


def long_run_variance(e: Floats, lags: int) -> float:
    """γ[0] + 2·Σ (1 − j/(lags + 1))·γ[j],  γ[j] = Σ e[t]·e[t−j] / n.

    >>> long_run_variance(np.array([1.0, -1.0, 1.0, -1.0]), 1)
    0.25
    """
    n = len(e)
    gamma = [sum(e[t] * e[t - j] for t in range(j, n)) / n for j in range(lags + 1)]
    return float(gamma[0] + 2 * sum((1 - j / (lags + 1)) * gamma[j] for j in range(1, lags + 1)))


def kpss(y: ArrayLike, trend: str, lags: int) -> float:
    """trend: "c" or "ct".

    >>> round(kpss([1.0, 2.0, 3.0, 4.0, 5.0], "c", 0), 3)
    0.52
    """
    y = np.asarray(y, dtype=np.float64)
    n = len(y)
    e = regression(np.array([trend_terms(trend, t) for t in range(n)]), y)[2]
    total, squares = 0.0, 0.0
    for error in e:
        total += float(error)
        squares += total**2
    return squares / (n**2 * long_run_variance(e, lags))


def adf(y: ArrayLike, trend: str, lags: int) -> float:
    """The t-value of ρ.   trend: "n", "c" or "ct".

    >>> round(adf([1.0, 3.0, 2.0, 4.0, 2.0, 3.0, 1.0], "c", 0), 3)
    -4.243
    """
    y = np.asarray(y, dtype=np.float64)
    rows, target = [], []
    for t in range(lags + 1, len(y)):
        rows.append([*trend_terms(trend, t), y[t - 1], *(y[t - j] - y[t - j - 1] for j in range(1, lags + 1))])
        target.append(y[t] - y[t - 1])
    beta, error, _ = regression(np.array(rows), np.array(target))
    place = len(trend_terms(trend, 0))
    return float(beta[place] / error[place])


def phillips_perron(y: ArrayLike, trend: str, lags: int) -> float:
    """Z_τ.

    >>> round(phillips_perron([1.0, 3.0, 2.0, 4.0, 2.0, 3.0, 1.0], "c", 0), 3)
    -4.243
    """
    y = np.asarray(y, dtype=np.float64)
    n, place = len(y) - 1, len(trend_terms(trend, 0))
    beta, error, e = regression(np.array([[*trend_terms(trend, t), y[t - 1]] for t in range(1, n + 1)]), y[1:])
    gamma, long_run = float(e @ e) / n, long_run_variance(e, lags)
    s = math.sqrt(float(e @ e) / (n - place - 1))
    tau = (beta[place] - 1) / error[place]
    return float(math.sqrt(gamma / long_run) * tau - (long_run - gamma) / (2 * math.sqrt(long_run)) * n * error[place] / s)


def ocsb(y: ArrayLike, season_length: int, lags: int, skipped: int) -> float:
    """The t-value of β₂ with `lags` lags.   skipped: rows left out at the start beside those that differencing takes, at least `lags`."""
    y, m = np.asarray(y, dtype=np.float64), season_length
    n = len(y)

    def seasonal(t: int) -> float:
        return float(y[t] - y[t - m])

    def plain(t: int) -> float:
        return float(y[t] - y[t - 1])

    def twice(t: int) -> float:
        return seasonal(t) - seasonal(t - 1)

    phi = np.zeros(0)
    if lags:
        rows = range(m + 1 + lags, n)
        phi = regression(np.array([[twice(t - j) for j in range(1, lags + 1)] for t in rows]), np.array([twice(t) for t in rows]))[0]
    x, target = [], []
    for t in range(m + 1 + skipped, n):
        z4 = seasonal(t - 1) - sum(phi[j - 1] * seasonal(t - 1 - j) for j in range(1, lags + 1))
        z5 = plain(t - m) - sum(phi[j - 1] * plain(t - m - j) for j in range(1, lags + 1))
        x.append([*(twice(t - j) for j in range(1, lags + 1)), z4, z5])
        target.append(twice(t))
    beta, error, _ = regression(np.array(x), np.array(target))
    return float(beta[-1] / error[-1])


def canova_hansen(y: ArrayLike, season_length: int, lags: int) -> float:
    """tr(Ω⁻¹ · Σ F[t]·F[t]') / n², of all m − 1 seasonal waves together."""
    y, m = np.asarray(y, dtype=np.float64), season_length
    n = len(y)
    waves = []
    for t in range(n):
        row = []
        for k in range(1, m // 2 + 1):
            row.append(math.cos(2 * math.pi * k * t / m))
            if 2 * k < m:
                row.append(math.sin(2 * math.pi * k * t / m))
        waves.append(row)
    f = np.array(waves)
    e = regression(np.array([[1.0, float(t), *f[t]] for t in range(n)]), y)[2]
    moved = f * e[:, None]
    omega = np.zeros((m - 1, m - 1))
    for t in range(n):
        for s in range(n):
            if abs(t - s) <= lags:
                omega += (1 - abs(t - s) / (lags + 1)) * np.outer(moved[t], moved[s]) / n
    total, outer = np.zeros(m - 1), np.zeros((m - 1, m - 1))
    for t in range(n):
        total = total + moved[t]
        outer += np.outer(total, total)
    return float(np.trace(np.linalg.inv(omega) @ outer)) / n**2
