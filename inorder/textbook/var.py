"""Vector autoregression by the normal equations, and what its coefficients say. Missing values are NaN.

    y[t] = c + d·t + B·x[t] + A₁·y[t−1] + … + Aₚ·y[t−p] + e[t],   e ~ N(0, Σ),   t = 1, 2, …

Standard errors are written with the matrices of the book: vec stacks columns, vech the lower triangle, ⊗ is the Kronecker product.

Source: Lütkepohl 2005, New Introduction to Multiple Time Series Analysis, §2.1–2.3, §3.2, §3.5–3.7, §4.3–4.5, Appendix A.12.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class System(NamedTuple):
    """beta: (regressors, channels), in the order constant, trend, x, lag 1, lag 2, ….   sigma: Σ, with n − m degrees of freedom.
    inverse: (Z'Z)⁻¹.   rows: n.   order: p.   fixed: regressors that are no lags.
    """

    beta: Floats
    sigma: Floats
    inverse: Floats
    rows: int
    order: int
    fixed: int

    @property
    def lags(self) -> list[Floats]:
        """A₁ … Aₚ."""
        channels = self.beta.shape[1]
        return [self.beta[self.fixed + lag * channels : self.fixed + (lag + 1) * channels].T for lag in range(self.order)]


def regressors(y: Floats, x: Floats, t: int, order: int, trend: str) -> Floats:
    """(regressors,) of row t, counted from 0: the constant, t + 1, x[t], and the `order` vectors before it."""
    known = {"none": [], "constant": [1.0], "linear": [1.0, t + 1.0]}[trend]
    return np.concatenate([known, x[t], *(y[t - lag] for lag in range(1, order + 1))])


def rows_of(y: Floats, x: Floats, order: int, trend: str, begin: int) -> list[int]:
    """The rows from `begin` on that are known together with what stands before them."""
    return [t for t in range(begin, len(y)) if not np.isnan([*y[t], *regressors(y, x, t, order, trend)]).any()]


def no_covariates(y: Floats) -> Floats:
    return np.empty((len(y), 0))


def fit_var(y: Floats, order: int, trend: str = "constant", x: Floats | None = None) -> System:
    """β = (Z'Z)⁻¹·Z'Y and Σ = (Y − Z·β)'·(Y − Z·β)/(n − m).   y: (time, channels).   x: (time, covariates).

    >>> y = np.array([[4.0, 1.0], [3.0, 2.0], [2.5, 0.0], [2.25, 1.0], [2.125, 5.0]])
    >>> fit_var(y, 1).beta[:, 0].round(6).tolist()
    [1.0, 0.5, 0.0]
    """
    x = no_covariates(y) if x is None else x
    rows = rows_of(y, x, order, trend, order)
    z, target = np.array([regressors(y, x, t, order, trend) for t in rows]), y[rows]
    inverse = np.linalg.inv(z.T @ z)
    beta = inverse @ z.T @ target
    errors = target - z @ beta
    return System(beta, errors.T @ errors / (len(rows) - z.shape[1]), inverse, len(rows), order, z.shape[1] - order * y.shape[1])


def errors_of(y: Floats, system: System, trend: str = "constant", x: Floats | None = None) -> Floats:
    """(n, channels) errors of the rows that the fit used."""
    x = no_covariates(y) if x is None else x
    return np.array([y[t] - regressors(y, x, t, system.order, trend) @ system.beta for t in rows_of(y, x, system.order, trend, system.order)])


def criteria(y: Floats, orders: Sequence[int], trend: str = "constant", x: Floats | None = None) -> Floats:
    """(orders, 6) order, AIC, AICc, BIC, HQ and FPE, all on the rows that the longest order can use; each order is fitted anew.

    log L is that of the normal distribution at the maximum; k counts coefficients and the elements of Σ.
    """
    x = no_covariates(y) if x is None else x
    table = []
    for order in orders:
        rows = rows_of(y, x, max(orders), trend, max(orders))
        z, target = np.array([regressors(y, x, t, order, trend) for t in rows]).reshape(len(rows), -1), y[rows]
        errors = target - z @ np.linalg.solve(z.T @ z, z.T @ target)
        (n, channels), m = errors.shape, z.shape[1]
        sigma = errors.T @ errors / n
        loglik = sum(-0.5 * (channels * math.log(2 * math.pi) + math.log(np.linalg.det(sigma)) + e @ np.linalg.solve(sigma, e)) for e in errors)
        k = channels * m + channels * (channels + 1) / 2
        fpe = ((n + m) / (n - m)) ** channels * np.linalg.det(sigma)
        aicc = -2 * loglik + 2 * k * n / (n - m - channels - 1)
        table.append((order, -2 * loglik + 2 * k, aicc, -2 * loglik + k * math.log(n), -2 * loglik + 2 * k * math.log(math.log(n)), fpe))
    return np.array(table)


def forecast(y: Floats, system: System, horizon: int, trend: str = "constant", x: Floats | None = None) -> Floats:
    """(horizon, channels): the equation with forecasts in the place of what is to come.   x: (time + horizon, covariates)."""
    x = np.empty((len(y) + horizon, 0)) if x is None else x
    values = np.concatenate([y, np.empty((horizon, y.shape[1]))])
    for t in range(len(y), len(y) + horizon):
        values[t] = regressors(values, x, t, system.order, trend) @ system.beta
    return values[len(y) :]


def responses(system: System, steps: int) -> list[Floats]:
    """Φ₀ = I, Φᵢ = Σ Aₗ·Φᵢ₋ₗ, for i up to `steps`."""
    phi = [np.eye(len(system.sigma))]
    for i in range(1, steps + 1):
        phi.append(sum((a @ phi[i - lag] for lag, a in enumerate(system.lags, start=1) if lag <= i), np.zeros_like(phi[0])))
    return phi


def orthogonal(system: System, steps: int) -> list[Floats]:
    """Θᵢ = Φᵢ·P, P·P' = Σ."""
    return [phi @ np.linalg.cholesky(system.sigma) for phi in responses(system, steps)]


def error_covariance(system: System, horizon: int) -> list[Floats]:
    """Σ(h) = Σ_{i<h} Φᵢ·Σ·Φᵢ' for h = 1 … horizon, the coefficients taken for known."""
    phi = responses(system, horizon)
    return [sum((phi[i] @ system.sigma @ phi[i].T for i in range(h)), np.zeros_like(system.sigma)) for h in range(1, horizon + 1)]


def coefficient_covariance(y: Floats, system: System, horizon: int, trend: str = "constant", x: Floats | None = None) -> list[Floats]:
    """What the uncertainty of the coefficients adds to Σ(h): D·((Z'Z)⁻¹ ⊗ Σ)·D', D the derivative of the forecast with respect to vec(β').

    D[h] = z[h]' ⊗ I + Σ Aₗ·D[h−l]
    """
    x = np.empty((len(y) + horizon, 0)) if x is None else x
    values = np.concatenate([y, forecast(y, system, horizon, trend, x)])
    covariance = np.kron(system.inverse, system.sigma)
    derivatives: list[Floats] = []
    for t in range(len(y), len(y) + horizon):
        derivative = np.asarray(np.kron(regressors(values, x, t, system.order, trend), np.eye(y.shape[1])), dtype=np.float64)
        for lag, a in enumerate(system.lags, start=1):
            if lag <= len(derivatives):
                derivative = derivative + a @ derivatives[-lag]
        derivatives.append(np.asarray(derivative, dtype=np.float64))
    return [d @ covariance @ d.T for d in derivatives]


def response_errors(system: System, steps: int) -> tuple[list[Floats], list[Floats]]:
    """Standard errors of Φᵢ and of Θᵢ (Proposition 3.6 of the book, in units of estimates).

    cov vec Φᵢ = Gᵢ·Σ_α·Gᵢ'                         Gᵢ = Σ_{m<i} J·(A')^{i−1−m} ⊗ Φₘ,   A the companion, J = (I 0 … 0)
    cov vec Θᵢ = Cᵢ·Σ_α·Cᵢ' + C̄ᵢ·Σ_σ·C̄ᵢ'           Cᵢ = (P' ⊗ I)·Gᵢ,   C̄ᵢ = (I ⊗ Φᵢ)·H
    H = L'·(L·(I + K)·(P ⊗ I)·L')⁻¹                  Σ_σ = 2·D⁺·(Σ ⊗ Σ)·D⁺'/n
    """
    channels, order = len(system.sigma), system.order
    identity, p = np.eye(channels), np.linalg.cholesky(system.sigma)
    size = channels * order
    companion = np.zeros((size, size))
    if order:
        companion[:channels] = np.concatenate(system.lags, axis=1)
        companion[channels:, : size - channels] = np.eye(size - channels)
    j = np.eye(channels, size)
    alpha = np.kron(system.inverse[system.fixed :, system.fixed :], system.sigma)
    duplication, elimination, commutation = duplication_matrix(channels), elimination_matrix(channels), commutation_matrix(channels)
    inverse = np.linalg.pinv(duplication)
    sigma = 2 * inverse @ np.kron(system.sigma, system.sigma) @ inverse.T / system.rows
    h = elimination.T @ np.linalg.inv(elimination @ (np.eye(channels**2) + commutation) @ np.kron(p, identity) @ elimination.T)
    phi, plain, turned = responses(system, steps), [], []
    for i in range(steps + 1):
        g = np.zeros((channels**2, channels**2 * order))
        for m in range(i):
            g += np.kron(j @ np.linalg.matrix_power(companion.T, i - 1 - m), phi[m])
        c, other = np.kron(p.T, identity) @ g, np.kron(identity, phi[i]) @ h
        plain.append(unvec(np.sqrt(np.diag(g @ alpha @ g.T)), channels))
        turned.append(unvec(np.sqrt(np.diag(c @ alpha @ c.T + other @ sigma @ other.T)), channels))
    return plain, turned


def unvec(column: Floats, channels: int) -> Floats:
    return column.reshape(channels, channels).T


def duplication_matrix(size: int) -> Floats:
    """D with D·vech(S) = vec(S) for symmetric S.

    >>> (duplication_matrix(2) @ [1, 2, 3]).tolist()
    [1.0, 2.0, 2.0, 3.0]
    """
    below = [(row, column) for column in range(size) for row in range(column, size)]
    d = np.zeros((size**2, len(below)))
    for k, (row, column) in enumerate(below):
        d[column * size + row, k] = d[row * size + column, k] = 1
    return d


def elimination_matrix(size: int) -> Floats:
    """L with L·vec(S) = vech(S).

    >>> (elimination_matrix(2) @ [1, 2, 7, 3]).tolist()
    [1.0, 2.0, 3.0]
    """
    return np.array([np.eye(size**2)[column * size + row] for column in range(size) for row in range(column, size)])


def commutation_matrix(size: int) -> Floats:
    """K with K·vec(S) = vec(S').

    >>> (commutation_matrix(2) @ [1, 2, 3, 4]).tolist()
    [1.0, 3.0, 2.0, 4.0]
    """
    return np.array([np.eye(size**2)[row * size + column] for column in range(size) for row in range(size)])


def variance_decomposition(system: System, steps: int) -> Floats:
    """(steps, channels, channels): Σ_{i<h} Θᵢ[j, k]² as a share of the error variance of channel j, h steps ahead."""
    theta, mse = orthogonal(system, steps), error_covariance(system, steps)
    channels = len(system.sigma)
    shares = np.empty((steps, channels, channels))
    for h in range(steps):
        for j in range(channels):
            for k in range(channels):
                shares[h, j, k] = sum(theta[i][j, k] ** 2 for i in range(h + 1)) / mse[h][j, j]
    return shares


def granger(system: System, causes: Sequence[int], effects: Sequence[int]) -> float:
    """The Wald statistic (C·b)'·(C·((Z'Z)⁻¹ ⊗ Σ)·C')⁻¹·C·b, C choosing the coefficients that are 0 where the causes do not help.   b = vec(β')."""
    channels = len(system.sigma)
    chosen = [(system.fixed + lag * channels + cause) * channels + effect for lag in range(system.order) for cause in causes for effect in effects]
    c = np.eye(system.beta.size)[chosen]
    restricted = c @ system.beta.reshape(-1)
    return float(restricted @ np.linalg.solve(c @ np.kron(system.inverse, system.sigma) @ c.T, restricted))


def portmanteau(errors: Floats, lags: int) -> float:
    """n²·Σᵢ tr(Cᵢ'·C₀⁻¹·Cᵢ·C₀⁻¹)/(n − i), Cᵢ = Σ e[t]·e[t−i]'/n of errors about their mean."""
    n = len(errors)
    e = errors - errors.mean(axis=0)
    c = [np.sum([np.outer(e[t], e[t - i]) for t in range(i, n)], axis=0) / n for i in range(lags + 1)]
    inverse = np.linalg.inv(c[0])
    return float(sum(n**2 / (n - i) * np.trace(c[i].T @ inverse @ c[i] @ inverse) for i in range(1, lags + 1)))


def expectations(y: Floats, system: System, begin: int, trend: str = "constant") -> tuple[Floats, Floats]:
    """(time + 1, channels) expectations of each vector given the rows `begin` … before it, and their (time + 1, channels, channels) covariances.

    The rows begin − order … begin − 1 are known; in the others any value may be missing. By the joint normal distribution of all values:
    y = μ + Ψ·e, where column block s of Ψ holds the responses to the errors of step s.
    """
    known, channels = y[:begin], y.shape[1]
    steps = len(y) - begin + 1
    mean = forecast(known, system, steps, trend).reshape(-1)
    phi = responses(system, steps)
    psi = np.zeros((steps * channels, steps * channels))
    for t in range(steps):
        for s in range(t + 1):
            psi[t * channels : (t + 1) * channels, s * channels : (s + 1) * channels] = phi[t - s]
    covariance = psi @ np.kron(np.eye(steps), system.sigma) @ psi.T
    values = y[begin:].reshape(-1)
    expected, spread = np.full((len(y) + 1, channels), np.nan), np.full((len(y) + 1, channels, channels), np.nan)
    for t in range(steps):
        now = slice(t * channels, (t + 1) * channels)
        seen = np.flatnonzero(~np.isnan(values[: t * channels]))
        gain = covariance[now, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
        expected[begin + t] = mean[now] + gain @ (values[seen] - mean[seen])
        spread[begin + t] = covariance[now, now] - gain @ covariance[seen, now]
    return expected, spread
