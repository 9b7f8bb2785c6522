"""Complex exponential smoothing: the series as the real part of a complex number, its information potential as the other.

Simple smoothing of y + i·p with a complex parameter α = α₀ + i·α₁, and p the last error, is in two real components l and c

    f = l,    e = y − f
    l ← l − (1 − α₁)·c + (α₀ − α₁)·e
    c ← l + (1 − α₀)·c + (α₀ + α₁)·e        with the l from before

With α₁ = 1 this is simple exponential smoothing with the parameter α₀ − 1; elsewhere it slides between stationary and not.
A season comes in three ways; f = l + s, or s alone in the second:

    "N"  none
    "S"  simple: the pair (l, c) of each place of the season is its own, one season old; here it is called (s, z), with β for α
    "P"  partial: s ← s + β₀·e at each place
    "F"  full: a pair (s, z) at each place, moved as (l, c) with β₀ + i·β₁

A missing observation (NaN) counts as its forecast: e = 0.

Source: Svetunkov, Kourentzes & Ord 2022, Complex exponential smoothing, Naval Research Logistics 69; Svetunkov & Kourentzes 2018, Complex
exponential smoothing for seasonal time series.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pair(first: float, second: float, weight: float, turn: float, e: float) -> tuple[float, float]:
    """Both components after the error e, with the complex parameter weight + i·turn.

    >>> pair(10.0, 0.0, 1.5, 1.0, 4.0)
    (12.0, 20.0)
    """
    return first - (1 - turn) * second + (weight - turn) * e, first + (1 - weight) * second + (weight + turn) * e


def run(y: Floats, kind: str, parameters: Floats, level: Floats, season: Floats, backward: bool = False) -> tuple[Floats, Floats, Floats]:
    """(time,) one-step forecasts, and the last level and season.

    level: (2,) l and c.   season: (2, season_length) s and z, the first place for y[0].
    backward: from the last row to the first; seasons stay with their places, so that the first is for y[0] before and after.
    """
    a0, a1, b0, b1 = (float(parameter) for parameter in parameters)
    l, c = (float(value) for value in level)  # noqa: E741
    s, z = season[0].tolist(), season[1].tolist()
    fitted = np.empty(len(y))
    for t in reversed(range(len(y))) if backward else range(len(y)):
        j = t % len(s)
        fitted[t] = {"N": l, "S": s[j]}.get(kind, l + s[j])
        e = 0.0 if math.isnan(y[t]) else float(y[t] - fitted[t])
        if kind != "S":
            l, c = pair(l, c, a0, a1, e)  # noqa: E741
        if kind in "SF":
            s[j], z[j] = pair(s[j], z[j], b0, b1, e)
        if kind == "P":
            s[j] += b0 * e
    turned = 0 if backward else -(len(y) % len(s))
    return fitted, np.array([l, c]), np.roll(np.array([s, z]), turned, axis=1)


def forecasts(y: Floats, kind: str, parameters: Floats, level: Floats, season: Floats, horizon: int) -> Floats:
    """(time + 1, horizon) means: row t is made just before y[t], the last after all; each is the recursion over missing values."""
    made = np.empty((len(y) + 1, horizon))
    for t in range(len(y) + 1):
        made[t], _, _ = run(np.full(horizon, np.nan), kind, parameters, level, season)
        if t < len(y):
            _, level, season = run(y[t : t + 1], kind, parameters, level, season)
    return made


def first_state(y: Floats, kind: str, parameters: Floats, level: Floats, season: Floats) -> tuple[Floats, Floats]:
    """The state before the first row by backcasting: a rough one goes forward through all rows, and back through them."""
    _, level, season = run(y, kind, parameters, level, season)
    _, level, season = run(y, kind, parameters, level, np.roll(season, len(y) % season.shape[1], axis=1), backward=True)
    return level, season


def transition(kind: str, season_length: int, parameters: Floats) -> Floats:
    """D = F − g·w': how one observation later an error in the states is left of them. Columns: l, c, then s and z by place, as far as they are used.

    Each column is what one step of the recursion makes of that component alone when the observation is zero.

    >>> transition("N", 1, np.array([1.5, 1.0, 0.0, 0.0])).tolist()
    [[0.5, 0.0], [-1.5, -0.5]]
    """
    used = [0, 1] if kind == "N" else list(range({"S": 2, "P": 0, "F": 0}[kind], 2 + season_length * (1 + (kind != "P"))))
    columns = []
    for i in used:
        state = np.zeros(2 + 2 * season_length)
        state[i] = 1.0
        _, level, season = run(np.zeros(1), kind, parameters, state[:2], state[2:].reshape(2, season_length))
        columns.append(np.concatenate([level, season.reshape(-1)])[used])
    return np.column_stack(columns)


def stable(kind: str, season_length: int, parameters: Floats, radius: float = 1.0) -> bool:
    """Whether every eigenvalue of D is smaller than the radius. For the kind "N" and radius 1 this is the condition of the paper,

    (α₀ − 2.5)² + α₁² > 1.25,    (α₀ − 0.5)² + (α₁ − 1)² > 0.25,    (α₀ − 1.5)² + (α₁ − 0.5)² < 1.5

    >>> stable("N", 1, np.array([1.3, 1.0, 0.0, 0.0])), stable("N", 1, np.array([0.5, 1.0, 0.0, 0.0]))
    (True, False)
    """
    return bool(np.abs(np.linalg.eigvals(transition(kind, season_length, parameters))).max() < radius)


# The search, with the constants of its compiled twin.
STARTS = {
    "N": ((1.05, 1.2, 1.45, 1.8), (0.94, 1.0, 1.06), (), ()),
    "S": ((), (), (1.05, 1.2, 1.45, 1.8), (0.94, 1.0, 1.06)),
    "P": ((1.05, 1.2, 1.45, 1.8), (0.94, 1.0, 1.06), (0.02, 0.15, 0.5), ()),
    "F": ((1.05, 1.2, 1.45, 1.8), (0.94, 1.0, 1.06), (1.02, 1.3), (0.97, 1.0)),
}
FOLLOWED, STEPS, ENOUGH, MOST = 4, 100, 1e-8, 2.0


def fit(y: Floats, kind: str, level: Floats, season: Floats, fixed: Floats, radius: float = 1.0) -> tuple[Floats, Floats, Floats, float]:
    """(parameters, first level, first season, sum of squared errors), where the last is least.

    level, season: the rough state that backcasting begins with.   fixed: α₀, α₁, β₀, β₁, a NaN is sought.
    The search begins at the best points of a grid and goes down by damped Gauss-Newton steps, as long as the parameters are `stable`;
    α₀ is at most 2, and β₀ of the kind "P" at least 0. Parameters that a kind does not have are 0, or as they are fixed.
    """
    free = [i for i in range(4) if STARTS[kind][i] and np.isnan(fixed[i])]
    base = np.where(np.isnan(fixed), [1.3, 1.0, 1.3, 1.0], fixed)
    ceiling = np.array([MOST if i == 0 or (i == 2 and kind == "S") else np.inf for i in free])
    floor = np.array([0.0 if i == 2 and kind == "P" else -np.inf for i in free])

    def weights(z: Floats) -> Floats:
        full = base.copy()
        full[free] = z
        return full

    def errors(z: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            fitted, _, _ = run(y, kind, weights(z), *first_state(y, kind, weights(z), level, season))
            return np.where(np.isnan(y), 0.0, y - fitted)

    starts = []
    for choice in itertools.product(*(STARTS[kind][i] for i in free)):
        z = np.array(choice)
        if not free or stable(kind, season.shape[1], weights(z), radius):
            starts.append((square_sum(errors(z)), z))
    starts.sort(key=lambda start: start[0])
    ends = [
        descend(errors, z, floor, ceiling, lambda z: stable(kind, season.shape[1], weights(z), radius)) for value, z in starts[:FOLLOWED] if np.isfinite(value)
    ]
    if not ends:
        return base, level, season, math.inf
    value, z = min(ends, key=lambda end: end[0])
    return weights(z), *first_state(y, kind, weights(z), level, season), value


def square_sum(errors: Floats) -> float:
    value = float(np.sum(errors**2))
    return value if math.isfinite(value) else math.inf


def descend(errors: Callable[[Floats], Floats], z: Floats, floor: Floats, ceiling: Floats, allowed: Callable[[Floats], bool]) -> tuple[float, Floats]:
    """Least squares by Levenberg and Marquardt's damped Gauss-Newton steps where `allowed`: (sum of squares, z)."""
    e = errors(z)
    value, damping, idle = square_sum(e), 1e-3, 0
    for _ in range(STEPS):
        if len(z) == 0 or value == 0 or idle == 2:
            break
        jacobian = np.column_stack([(errors(z + h) - errors(z - h)) / 2e-6 for h in 1e-6 * np.eye(len(z))])
        product, slope = jacobian.T @ jacobian, -jacobian.T @ e
        moving = np.flatnonzero(~((z <= floor) & (slope <= 0)) & ~((z >= ceiling) & (slope >= 0)))
        block = product[np.ix_(moving, moving)]
        while damping < 1e12:
            trial = z.copy()
            trial[moving] += np.linalg.lstsq(block + damping * np.diag(np.diag(block)), slope[moving], rcond=None)[0]
            trial = np.clip(trial, floor, ceiling)
            e_trial = errors(trial)
            if square_sum(e_trial) < value and allowed(trial):
                break
            damping *= 6
        else:
            break
        idle = 0 if square_sum(e_trial) < value * (1 - ENOUGH) else idle + 1
        z, e, value = trial, e_trial, square_sum(e_trial)
        damping = max(damping / 10, 1e-12)
    return value, z
