"""State space models of exponential smoothing, one source of error: level, trend and season, and the likelihood of a series.

    B = 0, φ·b or b^φ               trend none, additive or multiplicative (φ < 1 damps it)
    q = l, l + B or l·B             what the level would be without news
    f = q, q + s or q·s             the forecast, by the kind of season
    e = y − f,   u = e, or e/s with a multiplicative season
    l ← q + α·u
    b ← B + β·u, or B + β·u/l       l here the level before
    s ← s + γ·e, or s + γ·e/q       the same place of the season, one season later

An additive error is e itself, a multiplicative one the share r = e/f; r is normal with variance σ². The states move in the same way in
both cases, so the kind of error changes the likelihood alone. With σ² = S/n concentrated out,

    log L = −n/2·(log(2π·S/n) + 1) − Σ log|f|,     S = Σ r²          (the last sum with a multiplicative error only)

over the n observations that are not missing. Hyndman et al. write L* = n·log S + 2·Σ log|f|, so that −2·log L = L* + n·(1 + log(2π/n)):
the constant is the same for all models of a series. statsmodels gives log L, statsforecast and R −L*/2.

β is that of Hyndman et al.: α times Holt's. The usual region is 0 ≤ α ≤ 1, 0 ≤ β ≤ α, 0 ≤ γ ≤ 1 − α.

A missing observation (NaN) moves the states on without a correction. So does one that would bring the level or the growth of a
multiplicative trend to zero or below. A factor of the season stays as it is where q, or the factor, would not be above zero.

Source: Hyndman, Koehler, Ord & Snyder 2008, Forecasting with Exponential Smoothing, Tables 2.2 and 2.3, eq. 5.3, ch. 10;
Hyndman, Akram & Archibald 2008, The admissible parameter space for exponential smoothing models.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from inorder.textbook.smoothing import descend, initial_states, square_sum

Floats = NDArray[np.float64]
NAN = float("nan")


Initial = tuple[float, float, Floats]  # level, trend, season: a `States`


class Kind(Protocol):
    """error: "A" or "M".   trend, season: "N", "A" or "M".   damped: whether the trend levels off."""

    @property
    def error(self) -> str: ...
    @property
    def trend(self) -> str: ...
    @property
    def damped(self) -> bool: ...
    @property
    def season(self) -> str: ...


class States(NamedTuple):
    """What the recursion starts from, or has reached.   season: (season_length,), the first for the next observation; [0.0] is no season."""

    level: float
    trend: float
    season: Floats


class Filtered(NamedTuple):
    """fitted: (time,) forecasts.   level, trend: (time,) before each observation.   season: (time,) its place after it.   last: the states at the end.
    squared_error: Σ r².   log_size: Σ log|f| with a multiplicative error, else 0.   loglik: log L.
    """

    fitted: Floats
    level: Floats
    trend: Floats
    season: Floats
    last: States
    squared_error: float
    log_size: float
    loglik: float


class Estimate(NamedTuple):
    """parameters: (α, β, γ, φ).   initial: the states before the first observation.   loglik: −∞ where the model suits no start."""

    parameters: Floats
    initial: States
    loglik: float
    squared_error: float


def forecast(kind: Kind, level: float, trend: float, season: float, phi: float) -> tuple[float, float, float]:
    """(f, q, B): the forecast of the next observation, its part without the season, and the trend without news."""
    growth = float(trend**phi) if kind.trend == "M" else phi * trend if kind.trend == "A" else 0.0
    base = {"N": level, "A": level + growth, "M": level * growth}[kind.trend]
    return {"N": base, "A": base + season, "M": base * season}[kind.season], base, growth


def step(y: float, kind: Kind, level: float, trend: float, season: float, parameters: Sequence[float] | Floats) -> tuple[float, float, float, float]:
    """One observation: (forecast that had been made for it, level, trend, season).

    >>> from types import SimpleNamespace
    >>> step(14.0, SimpleNamespace(error="M", trend="N", damped=False, season="N"), 10.0, 0.0, 0.0, (0.5, 0.0, 0.0, 1.0))
    (10.0, 12.0, 0.0, 0.0)
    """
    alpha, beta, gamma, phi = parameters
    f, base, growth = forecast(kind, level, trend, season, phi)
    if math.isnan(y):
        return f, base, growth, season
    error = y - f
    news = error / season if kind.season == "M" else error
    new_level = base + alpha * news
    new_trend = growth + beta * news / level if kind.trend == "M" else growth + beta * news if kind.trend == "A" else trend
    if kind.trend == "M" and not (new_level > 0 and new_trend > 0):
        return f, base, growth, season
    if kind.season == "A":
        season = season + gamma * error
    elif kind.season == "M" and base > 0 and season + gamma * error / base > 0:
        season = season + gamma * error / base
    return f, new_level, new_trend, season


def run(y: Floats, kind: Kind, parameters: Sequence[float] | Floats, initial: Initial) -> Filtered:
    """The recursion over a stretch of a series, and its likelihood.   y: (time,), NaN = missing.

    >>> from types import SimpleNamespace
    >>> simple = SimpleNamespace(error="A", trend="N", damped=False, season="N")
    >>> run(np.array([10.0, 14.0, 12.0]), simple, (0.5, 0.0, 0.0, 1.0), States(10.0, 0.0, np.zeros(1))).fitted.tolist()
    [10.0, 10.0, 12.0]
    """
    level, trend, season = initial[0], initial[1], np.array(initial[2], dtype=np.float64)
    fitted, levels, trends, seasons = np.empty((4, len(y)))
    for t in range(len(y)):
        place = t % len(season)
        levels[t], trends[t] = level, trend
        fitted[t], level, trend, season[place] = step(float(y[t]), kind, level, trend, float(season[place]), parameters)
        seasons[t] = season[place]
    known = ~np.isnan(y)
    errors, logarithms = innovations(y, fitted, kind)[known], float(np.log(np.abs(fitted[known])).sum()) if kind.error == "M" else 0.0
    squares = float(np.sum(errors**2))
    last = States(float(level), float(trend), np.roll(season, -(len(y) % len(season))))
    return Filtered(fitted, levels, trends, seasons, last, squares, logarithms, gaussian(squares, len(errors), logarithms))


def innovations(y: Floats, fitted: Floats, kind: Kind) -> Floats:
    """r: the errors as the model counts them."""
    return (y - fitted) / fitted if kind.error == "M" else y - fitted


def gaussian(squares: float, count: int, logarithms: float) -> float:
    """log L = −n/2·(log(2π·S/n) + 1) − Σ log|f|.   A perfect fit is one down to rounding."""
    variance = max(squares / max(count, 1), float(np.finfo(np.float64).eps) ** 2)
    return -count / 2 * (math.log(2 * math.pi * variance) + 1) - logarithms


def gradient(y: Floats, kind: Kind, parameters: Sequence[float] | Floats, initial: Initial) -> Floats:
    """(6 + season_length,) derivatives of log L with respect to α, β, γ, φ, level, trend and season: central differences, extrapolated once."""
    x = np.concatenate([parameters, initial[:2], initial[2]])

    def loglik(x: Floats) -> float:
        return run(y, kind, x[:4], States(x[4], x[5], x[6:])).loglik

    def slope(i: int, h: float) -> float:
        ahead, behind = x.copy(), x.copy()
        ahead[i] += h
        behind[i] -= h
        return (loglik(ahead) - loglik(behind)) / (2 * h)

    used = [True, kind.trend != "N", kind.season != "N", kind.trend != "N", True, kind.trend != "N", *[kind.season != "N"] * len(initial[2])]
    sizes = np.maximum(np.abs(x), 0.1) * 1e-3
    return np.array([(4 * slope(i, h / 2) - slope(i, h)) / 3 if use else 0.0 for i, (h, use) in enumerate(zip(sizes.tolist(), used, strict=True))])


def hessian(y: Floats, kind: Kind, parameters: Sequence[float] | Floats, initial: Initial, steps: Floats) -> Floats:
    """(size, size) second derivatives of log L, `steps` to either side; the row of a step of 0 is 0."""
    x = np.concatenate([parameters, initial[:2], initial[2]])
    found = np.zeros((len(x), len(x)))
    for i in np.flatnonzero(steps):
        ahead, behind = x.copy(), x.copy()
        ahead[i] += steps[i]
        behind[i] -= steps[i]
        found[i] = (
            gradient(y, kind, ahead[:4], States(ahead[4], ahead[5], ahead[6:])) - gradient(y, kind, behind[:4], States(behind[4], behind[5], behind[6:]))
        ) / (2 * steps[i])
    return found


def simulate(kind: Kind, parameters: Sequence[float] | Floats, initial: Initial, innovations: Floats) -> Floats:
    """(paths, horizon) sample paths that go on from `initial`.   innovations: (paths, horizon) of r."""
    paths = np.empty(innovations.shape)
    for path, errors in zip(paths, innovations.tolist(), strict=True):
        level, trend, season = initial[0], initial[1], np.array(initial[2], dtype=np.float64)
        for h, error in enumerate(errors):
            place = h % len(season)
            f = forecast(kind, level, trend, float(season[place]), parameters[3])[0]
            path[h] = f * (1 + error) if kind.error == "M" else f + error
            _, level, trend, season[place] = step(float(path[h]), kind, level, trend, float(season[place]), parameters)
    return paths


def admissible(parameters: Sequence[float] | Floats, season_length: int = 1) -> bool:
    """Whether what an observation did to the states dies out: the roots of the characteristic polynomial lie within the unit circle.

    The polynomials are those of the models with additive parts. A part that learns nothing (γ = 0, β = 0) is as good as not there:
    its roots lie on the circle, and are let pass.

    >>> admissible((1.9, 0.0, 0.0, 1.0)), admissible((2.1, 0.0, 0.0, 1.0))
    (True, False)
    """
    alpha, beta, gamma, phi = parameters
    m = season_length
    if m == 1 or gamma == 0:
        coefficients = [1, alpha - 1] if beta == 0 else [1, alpha + beta - 1 - phi, phi * (1 - alpha)]
    elif beta == 0:
        coefficients = [1, *[alpha] * (m - 1), alpha + gamma - 1]
    else:
        middle = alpha + beta - alpha * phi
        coefficients = [1, alpha + beta - phi, *[middle] * (m - 2), middle + gamma - 1, phi * (1 - alpha - gamma)]
    return bool(np.abs(np.roots(coefficients)).max(initial=0.0) <= 1 + 1e-8)


# The search, with the constants of its compiled twin.
GRID = {"alpha": (0.005, 0.05, 0.2, 0.5, 0.9), "beta": (0.01, 0.1, 0.5), "gamma": (0.01, 0.3, 0.7), "phi": (0.9, 0.98)}
LOWEST_BASE = 0.01  # a multiplicative model seeks no forecast below this share of the smallest observation
SMALLEST_FACTOR = 0.01  # of a multiplicative season
STARTS, FINALISTS, FIRST_STEPS, STEPS = 6, 3, 4, 100


def search(
    y: Floats,
    kinds: Sequence[Kind],
    season_length: int = 1,
    fixed: Sequence[float] | Floats = (NAN, NAN, NAN, NAN),
    bounds: str = "usual",
    phi_bounds: tuple[float, float] = (0.8, 0.98),
    estimate_season: bool = True,
    prior: float = math.inf,
) -> list[Estimate]:
    """The likeliest parameters and initial states of each model.

    With G = (Π f)^(1/n) the likelihood grows as Σ (G·r)² falls (G = 1 with an additive error), so that this is least squares of G·r.
    In the usual region β is sought as a share of α and γ as one of 1 − α, so that all ranges are intervals.
    A half-normal prior on β/α with deviation τ adds (β/α)²/τ² to −2·log L: Σ (G·r)² grows by the factor exp((β/α)²/(n·τ²)).
    The starts are the best points of a grid, and the solution of a smaller model of the same season that came before.
    """
    found: list[tuple[Kind, Estimate]] = []
    for kind in kinds:
        before = [estimate for other, estimate in found if other.season == kind.season and other.trend in ("N", kind.trend) and np.isfinite(estimate.loglik)]
        found.append((kind, _search_one(y, kind, season_length if kind.season != "N" else 1, fixed, bounds, phi_bounds, estimate_season, prior, before)))
    return [estimate for _, estimate in found]


def _search_one(
    y: Floats,
    kind: Kind,
    m: int,
    fixed: Sequence[float] | Floats,
    bounds: str,
    phi_bounds: tuple[float, float],
    estimate_season: bool,
    prior: float,
    before: Sequence[Estimate],
) -> Estimate:
    seasonal, factors, shares = m > 1, kind.season == "M", bounds != "admissible"
    positive = "M" in (kind.error, kind.trend, kind.season)
    floor = LOWEST_BASE * float(np.nanmin(y)) if positive else 0.0
    start = _start(y, kind, m, floor)
    given = {name: 0.0 if np.isnan(value) else float(value) for name, value in zip(GRID, fixed, strict=True)}
    free = {name for name, value in zip(GRID, fixed, strict=True) if np.isnan(value)}
    sought: list[tuple[str, float, float]] = []
    if "alpha" in free:
        sought.append(("alpha", given["beta"], 1 - given["gamma"]) if shares else ("alpha", 0.0, 3.0))
    if "beta" in free and kind.trend != "N":
        sought.append(("beta", 0.0, 1.0) if shares else ("beta", 0.0, 4.0))
    if "gamma" in free and seasonal:
        sought.append(("gamma", 0.0, 1.0) if shares else ("gamma", 0.0, 3.0))
    if "phi" in free and kind.damped:
        sought.append(("phi", *phi_bounds))
    names = [name for name, _, _ in sought]
    sought += [("level", -np.inf, np.inf)] + [("trend", -np.inf, np.inf)] * (kind.trend != "N")
    sought += [("season", -np.inf, np.inf)] * (m - 1 if seasonal and estimate_season else 0)
    lower, upper = np.array([low for _, low, _ in sought]), np.array([high for _, _, high in sought])

    def point(z: Floats) -> tuple[tuple[float, float, float, float], States]:
        """The parameters and initial states that the coordinates z stand for."""
        value = {**given, **dict(zip(names, z.tolist(), strict=False))}
        beta = value["beta"] * value["alpha"] if shares and "beta" in names else value["beta"]
        gamma = value["gamma"] * (1 - value["alpha"]) if shares and "gamma" in names else value["gamma"]
        level, *rest = z[len(names) :].tolist()
        trend = rest.pop(0) if kind.trend != "N" else start.trend
        season = np.array([*rest, (m if factors else 0.0) - sum(rest)]) if seasonal and estimate_season else start.season
        return (value["alpha"], beta, gamma, value["phi"] if kind.damped else 1.0), States(level, trend, season)

    def coordinates(parameters: Sequence[float] | Floats, states: States) -> Floats:
        alpha, beta, gamma, phi = (float(value) for value in parameters)
        if shares:
            beta, gamma = beta / alpha if alpha > 0 else 0.0, gamma / (1 - alpha) if alpha < 1 else 0.0
        value = {"alpha": alpha, "beta": beta, "gamma": gamma, "phi": phi}
        trend = [1.0 if kind.trend == "M" and not states.trend > 0 else states.trend] * (kind.trend != "N")
        season = states.season[:-1].tolist() if seasonal and estimate_season else []
        return np.asarray(np.clip(np.array([*(value[name] for name in names), states.level, *trend, *season]), lower, upper))

    def errors(z: Floats, bounded: bool = True) -> Floats | None:
        """(time,) G·r, 0 where an observation is missing; None where the model leaves the range in which it is sought."""
        parameters, states = point(z)
        if bounded and bounds != "usual" and not admissible(parameters, m):
            return None
        with np.errstate(all="ignore"):
            done = run(y, kind, parameters, states)
        known = ~np.isnan(y)
        if bounded and positive and not _suits(done, kind, parameters[3], floor, known, states):
            return None
        share = float(z[names.index("beta")]) if "beta" in names else 0.0
        scaled = np.where(known, innovations(y, done.fitted, kind), 0.0) * math.exp((done.log_size + (share / prior) ** 2 / 2) / known.sum())
        return scaled if np.isfinite(scaled).all() else None

    def value_at(z: Floats) -> float:
        return square_sum(errors(z))

    first = coordinates((0.0, 0.0, 0.0, 1.0), start)
    starts: list[tuple[float, Floats]] = []
    for choice in itertools.product(*(GRID[name] for name in names)):
        z = np.clip(np.concatenate([choice, first[len(names) :]]), lower, upper)
        if not shares:
            alpha = z[names.index("alpha")] if "alpha" in names else given["alpha"]
            z[: len(names)] *= [{"beta": alpha, "gamma": 1 - alpha}.get(name, 1.0) for name in names]
        starts.append((value_at(z), z))
    apart = [i for i, name in enumerate(names) if name in ("alpha", "gamma")]  # between learning by the level and by the season lie valleys
    still = tuple(starts[0][1][apart])  # what hardly learns looks bad until the initial states are right
    starts.sort(key=lambda one: one[0])
    different = {tuple(z[apart]): (value, z) for value, z in reversed(starts)}
    best = sorted(different.items(), key=lambda item: item[1][0])
    starts = [start for i, (weights_of, start) in enumerate(best) if i < STARTS or weights_of == still]
    warm = [(value_at(z), z) for z in (coordinates(estimate.parameters, estimate.initial) for estimate in before)]
    starts += sorted(warm, key=lambda one: one[0])[:1]
    spread = float(np.nanmax(np.abs(y))) or 1.0
    sizes = np.array(
        [{"level": spread, "trend": 1.0 if kind.trend == "M" else spread, "season": 1.0 if factors else spread}.get(name, 1.0) for name, _, _ in sought]
    )
    weights = np.arange(len(sought)) < len(names)

    def first_steps(z: Floats) -> tuple[float, Floats]:
        """The weights wait for one step, so that a poor initial state does not lead them astray."""
        _, z = descend(errors, z, np.where(weights, z, lower), np.where(weights, z, upper), sizes, 1)
        return descend(errors, z, lower, upper, sizes, FIRST_STEPS - 1)

    starts = sorted((first_steps(z) for _, z in starts), key=lambda one: one[0])
    ends = [descend(errors, z, lower, upper, sizes, STEPS) for _, z in starts[:FINALISTS]]
    value, z = min(ends, key=lambda end: end[0])
    parameters, states = point(z)
    if not math.isfinite(value):
        return Estimate(np.array(parameters), states, -math.inf, math.inf)
    done = run(y, kind, parameters, states)
    return Estimate(np.array(parameters), states, done.loglik, done.squared_error)


def _start(y: Floats, kind: Kind, m: int, floor: float) -> States:
    """A straight line through the first rows with an offset for each place of the season."""
    line_floor = floor if kind.season == "M" else -np.inf
    level, slope, season, middle = _line(y, m, kind.season == "M", line_floor)
    positive = "M" in (kind.error, kind.trend, kind.season)
    trend = {"N": 0.0, "A": slope, "M": min(max(1 + slope / middle, 0.5), 2.0) if middle > 0 else 1.0}[kind.trend]
    start = level
    if positive and not start > floor:
        start = max(middle, 2 * floor)
    if kind.trend == "N":
        start = level + slope
    if positive and not start > floor:
        start = 2 * floor
    return States(start, trend, season)


def _line(y: Floats, m: int, factors: bool, floor: float) -> tuple[float, float, Floats, float]:
    """(level, slope, season, middle) of `textbook.smoothing.initial_states`, with another floor for a multiplicative season."""
    seen = np.cumsum(~np.isnan(y))
    rows = int(np.searchsorted(seen, min(max(10, 3 * m if m > 1 else 0), seen[-1]))) + 1
    level, slope, season = initial_states(y, True, m, False)
    if not factors:
        return level, slope, season, level + slope * (rows + 1) / 2
    if not (level > floor and level + slope * rows > floor):  # a flat line instead
        means = [np.nanmean(y[:rows][j::m]) for j in range(m) if not np.isnan(y[:rows][j::m]).all()]
        offsets = iter(np.array(means) - np.mean(means))
        season = np.array([next(offsets) if not np.isnan(y[:rows][j::m]).all() else 0.0 for j in range(m)])
        level, slope = float(np.mean(means)), 0.0
    middle = level + slope * (rows + 1) / 2
    season = np.maximum(1 + season / middle, 2 * SMALLEST_FACTOR)
    return level, slope, season * m / season.sum(), middle


def _suits(done: Filtered, kind: Kind, phi: float, floor: float, known: NDArray[np.bool_], states: States) -> bool:
    """Whether a multiplicative model keeps to forecasts, levels and factors that are well above zero wherever it meets an observation."""
    level, trend = done.level[known], done.trend[known]
    base = {"N": level, "A": level + phi * trend, "M": level * np.abs(trend) ** phi}[kind.trend]
    suits = bool(np.isfinite(done.fitted).all())
    if kind.error == "M":
        suits = suits and bool((done.fitted[known] > floor).all())
    if kind.season == "M":
        suits = suits and bool((base > floor).all()) and bool((done.season[known] > SMALLEST_FACTOR).all() and (states.season > SMALLEST_FACTOR).all())
    if kind.trend == "M":
        suits = suits and bool((level > 0).all() and (trend > 0).all())
    return suits
