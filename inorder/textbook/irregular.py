"""Observations at uneven times, without any recursion: covariances written down pair by pair, and best linear prediction (kriging).

    level    Cov(μ(s), μ(t)) = σ_level²·min(s, t)
    trend    Cov(μ(s), μ(t)) = σ_level²·min(s, t) + σ_slope²·(m³/3 + m²·|t − s|/2),   m = min(s, t)
    car      Cov(x(s), x(t)) = the first element of exp(A·|t − s|)·P,   A·P + P·A' + B·B' = 0

about a part of which nothing is known: X·δ with the columns 1 (level, car) or 1, t (trend). With S the covariance of the observations,
noise included, and k that with a new one,

    δ = (X'S⁻¹X)⁻¹·X'S⁻¹y,    E y₀ = x₀·δ + k'S⁻¹(y − X·δ)
    Var y₀ = c − k'S⁻¹k + (x₀ − X'S⁻¹k)'·(X'S⁻¹X)⁻¹·(x₀ − X'S⁻¹k)
    −2·log L = n·log 2π + log|S| + log|X'S⁻¹X| + (y − X·δ)'S⁻¹(y − X·δ)

which is the diffuse likelihood: the limit of log L + ½·(columns of X)·log κ as the variance κ of δ grows.

Source: Cressie 1993, Statistics for Spatial Data, §3.4 (universal kriging); Wahba 1978 for the trend; Harvey 1989, ch. 9.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def exponential(matrix: Floats) -> Floats:
    """exp(M) by its series, after halving M until it is small, and squaring as often."""
    halvings = max(0, int(np.ceil(np.log2(max(np.abs(matrix).sum(), 1e-12)))) + 4)
    small, term = matrix / 2**halvings, np.eye(len(matrix))
    total = term.copy()
    for k in range(1, 20):
        term = term @ small / k
        total += term
    for _ in range(halvings):
        total = total @ total
    return total


def covariance(kind: str, variances: Floats, polynomial: Floats, s: float, t: float) -> float:
    """Cov(μ(s), μ(t)) as above.   variances: (level,), (level, slope), or that of x.

    >>> covariance("level", np.array([2.0]), np.zeros(0), 1.0, 3.0)
    2.0
    """
    if kind in ("level", "trend"):
        m = min(s, t)
        value = variances[0] * m
        return float(value + variances[1] * (m**3 / 3 + m**2 * abs(t - s) / 2) if kind == "trend" else value)
    p = len(polynomial)
    drift = np.zeros((p, p))
    drift[:-1, 1:] = np.eye(p - 1)
    drift[-1] = -polynomial[::-1]
    shock = np.zeros((p, p))
    shock[-1, -1] = 1.0
    both = np.kron(drift, np.eye(p)) + np.kron(np.eye(p), drift)
    stationary = np.linalg.solve(both, -shock.reshape(-1)).reshape(p, p)
    return float(variances[0] * (exponential(drift * abs(t - s)) @ stationary)[0, 0] / stationary[0, 0])


def known(kind: str, times: Floats) -> Floats:
    """X: (times, 1 or 2)."""
    return np.column_stack([np.ones(len(times)), times]) if kind == "trend" else np.ones((len(times), 1))


def krige(
    kind: str, variances: Floats, polynomial: Floats, noise: Floats, times: Floats, y: Floats, at: Floats, new_noise: float
) -> tuple[Floats, Floats, float]:
    """Mean and variance of a new observation at each time of `at`, and the log-likelihood of y.

    times: (n,) from 0 on.   noise: (n,) variance of each observation's noise; new_noise: of a new one.
    """
    between = np.array([[covariance(kind, variances, polynomial, a, b) for b in times] for a in times])
    S = between + np.diag(noise)
    X = known(kind, times)
    inverse = np.linalg.inv(S)
    information = X.T @ inverse @ X
    delta = np.linalg.solve(information, X.T @ inverse @ y)
    left = y - X @ delta
    means, spreads = [], []
    for t, x in zip(at.tolist(), known(kind, at), strict=True):
        k = np.array([covariance(kind, variances, polynomial, t, b) for b in times])
        gap = x - X.T @ inverse @ k
        means.append(float(x @ delta + k @ inverse @ left))
        own = covariance(kind, variances, polynomial, t, t)
        spreads.append(float(own - k @ inverse @ k + gap @ np.linalg.solve(information, gap)) + new_noise)
    loglik = -0.5 * (len(y) * math.log(2 * math.pi) + np.linalg.slogdet(S)[1] + np.linalg.slogdet(information)[1] + left @ inverse @ left)
    return np.array(means), np.array(spreads), float(loglik)
