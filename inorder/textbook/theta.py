"""The theta models: half a straight line, half a smoothed level, and what is between.

The theta line of a series bends its curvature by a factor θ around its straight line of least squares, A + B·t:

    Z[t] = θ·y[t] + (1 − θ)·(A + B·t)          θ = 0: the straight line itself;   θ = 2: the curvature doubled

The forecast weighs the straight line, continued, and the theta line, continued by simple exponential smoothing: ω = 1/θ of the second.
Written for y itself, with κ = 1 − 1/θ,

    μ[t] = l + κ·(w·A + v·B),    w = (1 − α)^(t−1),    v = (1 − (1 − α)^t) / α        t = 1, 2, …
    l ← l + α·(y[t] − l)

Standard and optimised models take the line through the whole series; in the dynamic ones it is the line through what came before t,
carried on with the mean ȳ:

    A = ȳ − B·t/2,     ȳ ← ȳ + (y[t] − ȳ)/t,     B ← ((t − 2)·B + 6·(y[t] − ȳ)/t) / (t + 1)  with the old ȳ;   after one row B = 0

(A and B there belong to the t − 1 rows before t.) A missing observation (NaN), like one that is still to come, counts as its forecast.

Source: Assimakopoulos & Nikolopoulos 2000, The theta model; Hyndman & Billah 2003, Unmasking the Theta method; Fiorucci, Pellegrini,
Louzada, Petropoulos & Koehler 2016, Models for optimising the theta method and their relationship to state space models.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
State = tuple[int, float, float, float]  # rows so far, l, ȳ, B


def step(y: float, alpha: float, kappa: float, intercept: float, slope: float, dynamic: bool, state: State) -> tuple[float, State]:
    """One observation: (forecast that had been made for it, next state).

    >>> step(14.0, 0.5, 0.0, 0.0, 0.0, False, (0, 10.0, 0.0, 0.0))
    (10.0, (1, 12.0, 14.0, 0.0))
    """
    rows, level, mean, b = state
    t = rows + 1
    w = (1 - alpha) ** (t - 1)
    v = (1 - (1 - alpha) ** t) / alpha if alpha > 0 else float(t)
    line = (mean - b * t / 2, b) if dynamic else (intercept, slope)
    mu = level + kappa * (w * line[0] + v * line[1])
    if math.isnan(y):
        y = mu
    b = ((t - 2) * b + 6 * (y - mean) / t) / (t + 1) if t > 1 else 0.0
    return mu, (t, level + alpha * (y - level), mean + (y - mean) / t, b)


def run(
    y: Floats, alpha: float, kappa: float, intercept: float, slope: float, dynamic: bool, rows: int, level: float, mean: float, b: float
) -> tuple[Floats, State]:
    """(time,) one-step forecasts, and the last state.

    >>> run(np.array([10.0, 14.0]), 0.5, 0.0, 0.0, 0.0, False, 0, 10.0, 0.0, 0.0)
    (array([10., 10.]), (2, 12.0, 12.0, 4.0))
    """
    fitted, state = np.empty(len(y)), (rows, level, mean, b)
    for i, value in enumerate(y.tolist()):
        fitted[i], state = step(value, alpha, kappa, intercept, slope, dynamic, state)
    return fitted, state


def forecasts(
    y: Floats, alpha: float, kappa: float, intercept: float, slope: float, dynamic: bool, rows: int, level: float, mean: float, b: float, horizon: int
) -> Floats:
    """(time + 1, horizon) means: row t is made just before y[t], the last after all; each is the recursion over missing values."""
    nothing = np.full(horizon, np.nan)
    state, made = (rows, level, mean, b), np.empty((len(y) + 1, horizon))
    for i in range(len(y) + 1):
        made[i], _ = run(nothing, alpha, kappa, intercept, slope, dynamic, *state)
        if i < len(y):
            _, state = step(float(y[i]), alpha, kappa, intercept, slope, dynamic, state)
    return made


def paths(
    innovations: Floats, alpha: float, kappa: float, intercept: float, slope: float, dynamic: bool, rows: int, level: float, mean: float, b: float
) -> Floats:
    """(paths, horizon) observations to come: each is its forecast plus its error, and moves the state on."""
    values = np.empty(innovations.shape)
    for i, errors in enumerate(innovations.tolist()):
        state = (rows, level, mean, b)
        for h, error in enumerate(errors):
            mu, _ = step(math.nan, alpha, kappa, intercept, slope, dynamic, state)
            values[i, h] = mu + error
            _, state = step(mu + error, alpha, kappa, intercept, slope, dynamic, state)
    return values


def variances(alpha: float, kappa: float, dynamic: bool, rows: int, horizon: int) -> Floats:
    """(horizon,) variance of the observations after `rows` of them, where the errors have the variance 1.

    The recursion is linear, so an observation to come is its mean plus a sum of errors. The weight of error j in observation h is
    what one unit of error at j alone, from a state of nothing but zeros, makes of observation h:

        variance[h] = Σ weight[h, j]²        over j ≤ h

    Where the line does not learn this is 1 + (h − 1)·α² (Fiorucci et al. 2016, equation for the standard and optimised models).

    >>> variances(0.5, 0.5, False, 20, 3)
    array([1.  , 1.25, 1.5 ])
    """
    variance = np.zeros(horizon)
    for j in range(horizon):
        path = np.full(horizon - j, np.nan)
        path[0] = 1.0  # the mean is 0 here, so the observation is the error
        fitted, _ = run(path, alpha, kappa, 0.0, 0.0, dynamic, rows + j, 0.0, 0.0, 0.0)
        variance[j] += 1.0
        variance[j + 1 :] += fitted[1:] ** 2
    return variance


def straight_line(y: Floats) -> tuple[float, float]:
    """(A, B) of least squares over t = 1, 2, …; a level where there is one observation.

    >>> straight_line(np.array([3.0, np.nan, 7.0]))
    (1.0, 2.0)
    """
    t = np.flatnonzero(~np.isnan(y)) + 1.0
    known = y[~np.isnan(y)]
    if len(known) < 2:
        return float(known[0]), 0.0
    slope = float((t - t.mean()) @ (known - known.mean()) / ((t - t.mean()) @ (t - t.mean())))
    return float(known.mean() - slope * t.mean()), slope


def fit(
    y: Floats, dynamic: bool, kappa: float, alpha: float, alpha_bounds: tuple[float, float] = (0.001, 0.999), skip: int = 0
) -> tuple[float, float, float, float, float, float]:
    """(α, κ, first level, A, B, sum of squared errors) where the last is least, κ in [0, 1].   kappa, alpha: NaN where they are sought.

    skip: first rows, whose errors do not count.   A and B are 0 for a dynamic model, which needs none.
    The errors are linear in the first level for given α and κ, which therefore comes from a regression. The best κ for an α, and
    then the best α, are each found by a grid and a golden section around its best point.
    """
    centre = float(y[~np.isnan(y)][0])  # differences from it keep their digits
    y = y - centre
    intercept, slope = (0.0, 0.0) if dynamic else straight_line(y)
    counts = ~np.isnan(y) & (np.arange(len(y)) >= skip)

    def errors(a: float, k: float, level: float) -> Floats:
        fitted, _ = run(y, a, k, intercept, slope, dynamic, 0, level, -centre if dynamic else 0.0, 0.0)
        return np.asarray((y - fitted)[counts])

    def best_level(a: float, k: float) -> tuple[float, float]:
        """(sum of squares, level) of the best first level."""
        without = errors(a, k, 0.0)
        share = without - errors(a, k, 1.0)  # of the first level in every forecast
        size = float(share @ share)
        level = float(share @ without) / size if size > 1e-300 else 0.0
        return float(np.sum((without - level * share) ** 2)), level

    def best_kappa(a: float) -> tuple[float, float]:
        """(sum of squares, κ)."""
        if not math.isnan(kappa):
            return best_level(a, kappa)[0], kappa
        return lowest(lambda k: best_level(a, k)[0], np.linspace(0, 1, 9))

    if math.isnan(alpha):
        low, high = alpha_bounds
        _, alpha = lowest(lambda a: best_kappa(a)[0], (np.sqrt(low) + (np.sqrt(high) - np.sqrt(low)) * np.linspace(0, 1, 40)) ** 2)
    _, kappa = best_kappa(alpha)
    squared_error, level = best_level(alpha, kappa)
    level += (1 - kappa) * centre
    return alpha, kappa, level, 0.0 if dynamic else intercept + centre, slope, squared_error


GOLDEN = (math.sqrt(5) - 1) / 2


def lowest(value: Callable[[float], float], grid: Floats) -> tuple[float, float]:
    """(value, x) at the lowest point of a function of one number: the best of a rising grid, then golden sections of its neighbourhood.

    >>> value, x = lowest(lambda x: (x - 0.3) ** 2, np.linspace(0, 1, 5))
    >>> round(x, 6)
    0.3
    """
    values = [value(float(x)) for x in grid]
    best = int(np.argmin(values))
    left, right = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
    candidates = [(values[best], float(grid[best]))]
    while right - left > 1e-9 * max(abs(right), 1e-3):
        one, other = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
        first, second = value(one), value(other)
        candidates += [(first, one), (second, other)]
        left, right = (left, other) if first <= second else (one, right)
    return min(candidates)
