"""Exponential smoothing: level, trend and season, each corrected by a share of the last error.

    base  = l + φ·b                             what the level would be without news
    ŷ     = base + s          or  base · s      the forecast, with an additive or a multiplicative season
    e     = y − ŷ
    l ← base + α·e            or  base + α·e/s
    b ← φ·b + α·β·e           or  φ·b + α·β·e/s
    s ← s + γ·e               or  s + γ·e/base  the same place of the season, one season later

Without a trend b = β = 0 and φ = 1; without a season there is one place with s = γ = 0; φ < 1 damps the trend.
β is Holt's: b moves by the share β of the level's surprise, b ← β·(lₜ − lₜ₋₁) + (1 − β)·φ·b. The usual ranges are
0 ≤ α ≤ 1, 0 ≤ β ≤ 1 and 0 ≤ γ ≤ 1 − α.

A missing observation (NaN) moves the state on without a correction. So does a forecast of exactly 0 with a multiplicative
season, where the ratio y / ŷ does not exist.

Source: Hyndman, Koehler, Ord & Snyder 2008, Forecasting with Exponential Smoothing, ch. 2 (error correction form);
Hyndman & Athanasopoulos 2021, Forecasting: Principles and Practice, ch. 8. The search: Levenberg 1944, Marquardt 1963.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NAN = float("nan")


class Smoothed(NamedTuple):
    """fitted: (time,) forecast of each observation, made one step before it.   level, trend, season: the last state; season[0] is for the next observation."""

    fitted: Floats
    level: float
    trend: float
    season: Floats
    squared_error: float


class Estimate(NamedTuple):
    """parameters: (α, β, γ, φ).   level, trend, season: the state before the first observation.   squared_error: their sum over the series."""

    parameters: Floats
    level: float
    trend: float
    season: Floats
    squared_error: float


def step(
    y: float, level: float, trend: float, season: float, parameters: Sequence[float] | Floats, multiplicative: bool = False
) -> tuple[float, float, float, float]:
    """One observation: (forecast that had been made for it, level, trend, season).

    >>> step(14.0, 10.0, 0.0, 0.0, (0.5, 0.0, 0.0, 1.0))
    (10.0, 12.0, 0.0, 0.0)
    """
    alpha, beta, gamma, phi = parameters
    base = level + phi * trend
    forecast = base * season if multiplicative else base + season
    if math.isnan(y) or (multiplicative and forecast == 0):
        return forecast, base, phi * trend, season
    error = y - forecast
    if multiplicative:
        return forecast, base + alpha * error / season, phi * trend + alpha * beta * error / season, season + gamma * error / base
    return forecast, base + alpha * error, phi * trend + alpha * beta * error, season + gamma * error


def smooth(
    y: Floats, parameters: Sequence[float] | Floats, level: float, trend: float, season: Sequence[float] | Floats, multiplicative: bool = False
) -> Smoothed:
    """The recursion over a stretch of a series.

    y: (time,), NaN = missing.   season: (season_length,), its first element for the first observation; [0.0] is no season.

    >>> smooth(np.array([10.0, 14.0, 12.0]), (0.5, 0.0, 0.0, 1.0), 10.0, 0.0, [0.0])
    Smoothed(fitted=array([10., 10., 12.]), level=12.0, trend=0.0, season=array([0.]), squared_error=16.0)
    """
    season, fitted, squared_error = np.array(season, dtype=np.float64), np.empty(len(y)), 0.0
    for t in range(len(y)):
        place = t % len(season)
        fitted[t], level, trend, season[place] = step(y[t], level, trend, season[place], parameters, multiplicative)
        if not np.isnan(y[t]) and not (multiplicative and fitted[t] == 0):
            squared_error += (y[t] - fitted[t]) ** 2
    return Smoothed(fitted, float(level), float(trend), np.roll(season, -(len(y) % len(season))), float(squared_error))


def initial_states(y: Floats, trend: bool = False, season_length: int = 1, multiplicative: bool = False) -> tuple[float, float, Floats]:
    """(level, trend, season) before the first observation: a straight line through the first rows, with an offset for each place of the season.

        b = Σ (t − mean t)·(y − mean y) / Σ (t − mean t)²,     offset = mean y − b·mean t,     means over one place

    by least squares over the rows until three seasons, and at least ten observations, are seen. A multiplicative season is
    1 + offset / mean of the line. A place that has no observation there has no effect.

    >>> initial_states(np.array([1.0, 2.0, 3.0, 4.0]), trend=True)
    (0.0, 1.0, array([0.]))
    """
    y = np.asarray(y, dtype=np.float64)
    seen = np.cumsum(~np.isnan(y))
    rows = int(np.searchsorted(seen, min(max(10, 3 * season_length if season_length > 1 else 0), seen[-1]))) + 1
    t, y, floor = np.arange(1.0, rows + 1), y[:rows], np.nanmin(y) / 2
    places = [np.flatnonzero((np.arange(rows) % season_length == j) & ~np.isnan(y)) for j in range(season_length)]
    known = [j for j in range(season_length) if len(places[j])]
    above = sum(((t[at] - t[at].mean()) * (y[at] - y[at].mean())).sum() for at in places if len(at))
    below = sum(((t[at] - t[at].mean()) ** 2).sum() for at in places if len(at))
    slope = above / below if below > 0 else 0.0
    level = float(np.mean([y[places[j]].mean() - slope * t[places[j]].mean() for j in known]))
    if multiplicative and not (level > floor and level + slope * rows > floor):  # a flat line instead
        slope, level = 0.0, float(np.mean([y[places[j]].mean() for j in known]))
    middle = level + slope * (rows + 1) / 2
    season = np.full(season_length, 1.0 if multiplicative else 0.0)
    if season_length > 1:
        for j in known:
            offset = y[places[j]].mean() - slope * t[places[j]].mean() - level
            season[j] = max(1 + offset / middle, 2 * SMALLEST_FACTOR) if multiplicative else offset
        if multiplicative:
            season *= season_length / season.sum()
    return level, float(slope) if trend else 0.0, season


# The search, with the constants of its compiled twin.
SMALLEST_FACTOR = 0.01  # of a multiplicative season
GRID = {"alpha": (0.05, 0.2, 0.5, 0.9), "beta": (0.01, 0.1, 0.5), "share": (0.05, 0.3, 0.7), "phi": (0.9, 0.98)}
FIRST_STEPS, FINALISTS, STEPS = 8, 2, 200
ENOUGH = 1e-11  # a smaller relative gain counts as none


def fit(
    y: Floats,
    trend: bool = False,
    damped: bool = False,
    season_length: int = 1,
    multiplicative: bool = False,
    fixed: Sequence[float] | Floats = (NAN, NAN, NAN, NAN),
    phi_bounds: tuple[float, float] = (0.8, 0.98),
    estimate_initial: bool = True,
) -> Estimate:
    """The parameters, and with `estimate_initial` the initial states, with the smallest sum of squared one-step errors.

    fixed: (α, β, γ, φ); a NaN is sought.   Seasons sum to 0, multiplicative ones to `season_length`.
    In place of γ its share of 1 − α is sought, so that all ranges are intervals. The search starts from a grid of parameters:
    the best grid point for each pair of values of the first two parameters, a few steps from each, then the two best to the end.
    With a multiplicative season no base may fall below half of the smallest observation, and no factor below 0.01;
    squared_error is infinite where no start keeps to that.
    """
    level, slope, season = initial_states(y, trend, season_length, multiplicative)
    floor = np.nanmin(y) / 2
    seasonal = season_length > 1
    given = dict(zip(("alpha", "beta", "gamma", "phi"), fixed, strict=True))
    gamma_given = given["gamma"] if seasonal and not np.isnan(given["gamma"]) else 0.0
    sought: list[tuple[str, float, float]] = []
    if np.isnan(given["alpha"]):
        sought.append(("alpha", 0.0, 1.0 - gamma_given))
    if trend and np.isnan(given["beta"]):
        sought.append(("beta", 0.0, 1.0))
    if seasonal and np.isnan(given["gamma"]):
        sought.append(("share", 0.0, 1.0))
    if damped and np.isnan(given["phi"]):
        sought.append(("phi", *phi_bounds))
    names = [name for name, _, _ in sought]
    weights = len(names)
    if estimate_initial:
        sought += [("level", -np.inf, np.inf)] + [("trend", -np.inf, np.inf)] * trend + [("season", -np.inf, np.inf)] * (season_length - 1)
    lower, upper = np.array([low for _, low, _ in sought]), np.array([high for _, _, high in sought])

    def point(z: Floats) -> tuple[tuple[float, float, float, float], float, float, Floats]:
        """The parameters and initial states that the coordinates z stand for."""
        value = {**given, **dict(zip(names, z[:weights].tolist(), strict=True))}
        alpha = value["alpha"]
        gamma = value["share"] * (1 - alpha) if "share" in value else value["gamma"]
        parameters = (alpha, value["beta"] if trend else 0.0, gamma if seasonal else 0.0, value["phi"] if damped else 1.0)
        if not estimate_initial:
            return parameters, level, slope, season
        states = z[weights:]
        rest = states[1 + trend :]
        last = (season_length if multiplicative else 0.0) - sum(rest.tolist())
        return parameters, float(states[0]), float(states[1]) if trend else 0.0, np.append(rest, last) if seasonal else season

    def errors(z: Floats, bounded: bool = True) -> Floats | None:
        """(time,) errors, 0 where an observation is missing; None where they are no numbers or the model comes close to a division by zero."""
        parameters, level, slope, season = point(z)
        places, errors = season.tolist(), np.zeros(len(y))
        for t, value in enumerate(y.tolist()):
            place, base = t % season_length, level + parameters[3] * slope
            if bounded and multiplicative and not math.isnan(value) and not (base > floor and places[place] > SMALLEST_FACTOR):
                return None
            forecast, level, slope, places[place] = step(value, level, slope, places[place], parameters, multiplicative)
            errors[t] = 0.0 if math.isnan(value) else value - forecast
        return errors if np.isfinite(errors).all() else None

    spread = float(np.nanmax(np.abs(y))) or 1.0
    sizes = np.array([{"level": spread, "trend": spread, "season": 1.0 if multiplicative else spread}.get(name, 1.0) for name, _, _ in sought])
    states = [level] + [slope] * trend + season[:-1].tolist() if estimate_initial else []
    starts = []
    for choice in itertools.product(*(GRID[name] for name in names)):
        z = np.clip(np.array([*choice, *states]), lower, upper)
        starts.append((square_sum(errors(z)), z))
    starts.sort(key=lambda start: start[0])
    different = {tuple(z[: min(weights, 2)]): (value, z) for value, z in reversed(starts)}  # the best of each pair of first values
    rest = sorted(different.values(), key=lambda start: start[0])
    rest = sorted((descend(errors, z, lower, upper, sizes, FIRST_STEPS) for _, z in rest), key=lambda start: start[0])
    ends = [descend(errors, z, lower, upper, sizes, STEPS) for _, z in rest[:FINALISTS]]
    value, z = min(ends, key=lambda end: end[0])
    parameters, level, slope, season = point(z)
    return Estimate(np.array(parameters), level, slope, season, value)


def square_sum(errors: Floats | None) -> float:
    return float("inf") if errors is None else float(np.sum(errors**2))


def descend(errors: Callable[..., Floats | None], z: Floats, lower: Floats, upper: Floats, sizes: Floats, steps: int) -> tuple[float, Floats]:
    """Least squares in a box by Levenberg and Marquardt's damped Gauss-Newton steps: (sum of squares, z).

        (J'J + λ·diag J'J)·d = −J'e,        z ← z + d, cut to the box,        where that lowers e'e; else a larger λ

    J = ∂e/∂z by central differences.   A coordinate at its bound that would leave the box stays.   sizes: the scale of each coordinate.
    """
    e = errors(z)
    value, damping, idle = square_sum(e), 1e-3, 0
    for _ in range(steps):
        if e is None or len(z) == 0 or value == 0 or idle == 3:
            break
        columns = []
        for i in range(len(z)):
            h = np.zeros(len(z))
            h[i] = 1e-6 * sizes[i]
            ahead, behind = errors(z + h, bounded=False), errors(z - h, bounded=False)
            columns.append(np.zeros(len(e)) if ahead is None or behind is None else (ahead - behind) / (2 * h[i]))
        jacobian = np.column_stack(columns)
        slope, product = -jacobian.T @ e, jacobian.T @ jacobian
        moving = np.flatnonzero(~((z <= lower) & (slope <= 0)) & ~((z >= upper) & (slope >= 0)) & (np.diag(product) > 0))
        if len(moving) == 0:
            break
        block = product[np.ix_(moving, moving)]
        while damping < 1e12:
            trial = z.copy()
            trial[moving] += np.linalg.lstsq(block + damping * np.diag(np.diag(block)), slope[moving], rcond=None)[0]
            trial = np.clip(trial, lower, upper)
            e_trial = errors(trial)
            if square_sum(e_trial) < value:
                break
            damping *= 8
        else:
            break
        idle = 0 if square_sum(e_trial) < value * (1 - ENOUGH) else idle + 1
        z, e, value = trial, e_trial, square_sum(e_trial)
        damping = max(damping / 16, 1e-9)
    return value, z
