"""Linear stochastic differential equations, and the exact step that they make over any gap.

    dα = A·α·dt + B·dW,   y = Z·α + ε
    α(t + Δ) = exp(A·Δ)·α(t) + u,    Var u = ∫₀^Δ exp(A·s)·B·B'·exp(A'·s) ds

The level wanders (A = 0), the trend integrates a slope that wanders (A² = 0), and a continuous autoregression has for A the companion
matrix of a polynomial that is kept stable as a product of factors s² + exp(u)·s + exp(v), and s + exp(u) for an odd order.

Source: Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter, ch. 9; Jones 1981, Fitting a continuous time
autoregression to discrete data; Van Loan 1978, Computing integrals involving the matrix exponential.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from inorder.typing import Floats

MOST_UNEVEN = 1e6  # condition of the eigenvectors from which on they are not used


class Diffusion(NamedTuple):
    """dα = A·α·dt + B·dW,   y = Z·α + ε.

    drift: (states, states) A.   diffusion: (states, states) B·B'.   design: (states,) Z.   noise: variance of ε.
    stationary: (states, states) covariance of the start.   diffuse: (states,) True where nothing is known of the start.
    """

    drift: Floats
    diffusion: Floats
    design: Floats
    noise: float
    stationary: Floats
    diffuse: Floats


def level_or_trend(variances: Sequence[float]) -> Diffusion:
    """(noise, level) or (noise, level, slope) variances, the latter two per unit of time."""
    noise, *moving = variances
    states = len(moving)
    drift = np.eye(states, k=1)
    return Diffusion(drift, np.diag(moving), np.eye(states)[0], noise, np.zeros((states, states)), np.ones(states, dtype=bool))


def autoregression(coefficients: Sequence[float] | Floats, variance: float, noise: float) -> Diffusion:
    """CAR(p) about a constant, which is the last state.   coefficients: (p,) a₁ … aₚ.   variance: that of x itself, in its stationary distribution."""
    p = len(coefficients)
    drift = np.zeros((p + 1, p + 1))
    drift[: p - 1, 1:p] = np.eye(p - 1)
    drift[p - 1, :p] = -np.asarray(coefficients)[::-1]
    shock = np.zeros((p, p))
    shock[-1, -1] = 1.0
    covariance = lyapunov(drift[:p, :p], shock)
    scale = variance / covariance[0, 0]
    diffusion, stationary = np.zeros_like(drift), np.zeros_like(drift)
    diffusion[p - 1, p - 1] = scale
    stationary[:p, :p] = scale * covariance
    design = np.zeros(p + 1)
    design[[0, p]] = 1.0
    return Diffusion(drift, diffusion, design, noise, stationary, np.arange(p + 1) == p)


def lyapunov(drift: Floats, diffusion: Floats) -> Floats:
    """The stationary covariance P of dα = A·α·dt + B·dW:   A·P + P·A' + B·B' = 0.

    >>> lyapunov(np.array([[-0.5]]), np.array([[3.0]])).tolist()
    [[3.0]]
    """
    p = len(drift)
    one = np.eye(p)
    both = drift[:, None, :, None] * one[None, :, None, :] + one[:, None, :, None] * drift[None, :, None, :]  # Kronecker products
    covariance = np.linalg.solve(both.reshape(p * p, p * p), -diffusion.reshape(-1)).reshape(p, p)
    return np.asarray((covariance + covariance.T) / 2)


def steps(model: Diffusion, gaps: Floats) -> tuple[Floats, Floats]:
    """(gaps, states, states) transition exp(A·Δ) and covariance V of what is added, for every gap Δ.

    With A = E·diag(λ)·E⁻¹ both are sums of exponentials, V = E·W·E' with W[i, j] = G[i, j]·(exp((λᵢ + λⱼ)·Δ) − 1)/(λᵢ + λⱼ) and
    G = E⁻¹·B·B'·E⁻ᵀ; where A² = 0 (level, trend) they are polynomials in Δ; where A has (nearly) equal eigenvalues see `by_exponential`.

    >>> transition, covariance = steps(level_or_trend([1.0, 0.0, 3.0]), np.array([2.0]))
    >>> transition[0].tolist(), covariance[0].round(9).tolist()
    ([[1.0, 2.0], [0.0, 1.0]], [[8.0, 6.0], [6.0, 6.0]])
    """
    A, spread, delta = model.drift, model.diffusion, gaps[:, None, None]
    if not (A @ A).any():
        cross = A @ spread
        covariance = delta * spread + delta**2 / 2 * (cross + cross.T) + delta**3 / 3 * (cross @ A.T)
        return np.eye(len(A)) + delta * A, covariance
    values, vectors = np.linalg.eig(A)
    try:
        inverse = np.linalg.inv(vectors)
    except np.linalg.LinAlgError:
        return by_exponential(model, gaps)
    if not np.linalg.norm(vectors) * np.linalg.norm(inverse) < MOST_UNEVEN:  # no less than the condition number
        return by_exponential(model, gaps)
    transition = (vectors * np.exp(gaps[:, None] * values)[:, None, :]) @ inverse
    sums = values[:, None] + values[None, :]
    growth = np.where(sums == 0, delta, np.expm1(sums * delta) / np.where(sums == 0, 1.0, sums))
    covariance = vectors @ ((inverse @ spread @ inverse.T) * growth) @ vectors.T
    covariance = covariance.real
    return np.ascontiguousarray(transition.real), np.ascontiguousarray((covariance + np.swapaxes(covariance, 1, 2)) / 2)


def by_exponential(model: Diffusion, gaps: Floats) -> tuple[Floats, Floats]:
    """As `steps` for a model with a stationary start, whatever its eigenvalues: slower.

    Short gaps by the exponential of a block matrix (Van Loan 1978), which overflows over long ones; those by V = P − exp(A·Δ)·P·exp(A'·Δ).
    """
    from scipy.linalg import expm

    n = len(model.drift)
    transition: Floats = np.asarray(expm(gaps[:, None, None] * model.drift))
    covariance = model.stationary - transition @ model.stationary @ np.swapaxes(transition, 1, 2)
    short = np.abs(model.drift).max() * gaps < 1
    block = np.zeros((2 * n, 2 * n))
    block[:n, :n], block[:n, n:], block[n:, n:] = -model.drift, model.diffusion, model.drift.T
    exponential = np.asarray(expm(gaps[short][:, None, None] * block))
    covariance[short] = transition[short] @ exponential[:, :n, n:]
    return np.ascontiguousarray(transition), np.ascontiguousarray((covariance + np.swapaxes(covariance, 1, 2)) / 2)


def stable_polynomial(free: Sequence[float] | Floats) -> Floats:
    """(p,) a₁ … aₚ of the product of s² + exp(u)·s + exp(v), and of s + exp(u) for an odd p: all roots have negative real parts.

    >>> stable_polynomial([0.0, 0.0, 0.0]).tolist()  # (s² + s + 1)·(s + 1)
    [2.0, 2.0, 1.0]
    """
    polynomial = np.ones(1)
    values = np.exp(np.asarray(free, dtype=np.float64))
    for k in range(0, len(values) - 1, 2):
        polynomial = np.convolve(polynomial, [1.0, values[k], values[k + 1]])
    if len(values) % 2:
        polynomial = np.convolve(polynomial, [1.0, values[-1]])
    return polynomial[1:]


def diffusion_of(kind: str, variances: Floats, polynomial: Floats) -> Diffusion:
    """The model of that kind.   variances: noise first."""
    if kind == "car":
        return autoregression(polynomial, float(variances[1]), float(variances[0]))
    return level_or_trend(variances.tolist())


def system_of(model: Diffusion, gaps: Floats, errors: Floats) -> Any:
    """The state space system whose row t is gaps[t] after the row before; `gaps[0]` is not used."""
    from inorder.kernels.kalman import state_space

    transition, covariance = steps(model, np.append(gaps[1:], 0.0))  # that of row t leads to row t + 1
    noise = (model.noise + errors**2)[:, None, None]
    return state_space(
        model.design[None],
        transition,
        covariance,
        noise,
        start="known",
        covariance=model.stationary,
        directions=np.eye(len(model.design))[model.diffuse],
    )
