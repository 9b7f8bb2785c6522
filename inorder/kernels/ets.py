"""State space models of exponential smoothing, compiled: the recursion, sample paths, and the search over many models in one call.

    B = 0, φ·b or b^φ      q = l, l + B or l·B      f = q, q + s or q·s          trend none, additive, multiplicative; season likewise
    e = y − f              u = e, or e/s with a multiplicative season
    l ← q + α·u            b ← B + β·u, or B + β·u/l                             s ← s + γ·e, or s + γ·e/q

    log L = −n/2·(log(2π·S/n) + 1) − Σ log|f|,   S = Σ r²,   r = e, or e/f with a multiplicative error      (its last sum: only then)

A search runs in the calling thread and lets go of Python's lock. Where the extension is absent the textbook twin runs.

Source and conventions: `inorder.textbook.ets`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ShapeError, unknown
from inorder.kernels import extension, warn_uncompiled
from inorder.kernels.smoothing import PHI_BOUNDS
from inorder.typing import Floats, Values

NAN = float("nan")
BOUNDS = ("usual", "admissible", "both")
SMALLEST_PRIOR = 0.001  # which leaves β at nothing


class Kind(NamedTuple):
    """error: "A" or "M".   trend, season: "N", "A" or "M".   damped: whether the trend levels off."""

    error: str
    trend: str = "N"
    damped: bool = False
    season: str = "N"

    @property
    def positive(self) -> bool:
        """Whether it needs values above zero."""
        return "M" in (self.error, self.trend, self.season)

    def __str__(self) -> str:
        return f"ETS({self.error},{self.trend}{'d' * self.damped},{self.season})"


class States(NamedTuple):
    """What the recursion starts from, or has reached.   season: (season_length,), the first for the next observation; [0.0] is no season."""

    level: float
    trend: float
    season: Floats


class Filtered(NamedTuple):
    """fitted: (time,) forecast of each observation, one step before it.   level, trend: (time,) before each observation.
    season: (time,) the place of each observation, after it.   last: the states after the last one.
    squared_error: Σ r².   log_size: Σ log|f| with a multiplicative error, else 0.   loglik: the Gaussian log-likelihood, in nats.
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


def run(y: Values, kind: Kind, parameters: Sequence[float] | Floats, initial: States) -> Filtered:
    """The recursion over a stretch of one series.

    y: (time,), NaN = missing.   parameters: (α, β, γ, φ), β being α times Holt's.

    >>> run(np.array([10.0, 14.0, 12.0]), Kind("A"), (0.5, 0.0, 0.0, 1.0), States(10.0, 0.0, np.zeros(1))).fitted.tolist()
    [10.0, 10.0, 12.0]
    """
    y, parameters, initial = _floats("y", y), _parameters(parameters), _states(initial)
    if extension is None:
        warn_uncompiled()
        from inorder.textbook.ets import run as twin

        done = twin(y, kind, parameters, initial)
        return Filtered(done.fitted, done.level, done.trend, done.season, States(*done.last), done.squared_error, done.log_size, done.loglik)
    path, states, season, sums = np.empty((4, len(y))), np.empty(2), np.empty(len(initial.season)), np.empty(3)
    extension.ets_run(y, _codes([kind]), parameters, *initial, path, states, season, sums)
    squared_error, log_size, loglik = sums.tolist()
    return Filtered(path[0], path[1], path[2], path[3], States(float(states[0]), float(states[1]), season), squared_error, log_size, loglik)


def search(
    y: Values,
    kinds: Sequence[Kind],
    season_length: int = 1,
    fixed: Sequence[float] | Floats = (NAN, NAN, NAN, NAN),
    bounds: str = "usual",
    phi_bounds: tuple[float, float] = PHI_BOUNDS,
    estimate_season: bool = True,
    prior: float = math.inf,
) -> list[Estimate]:
    """The likeliest parameters and initial states of each of some models, all in one call.

    fixed: (α, β, γ, φ), a NaN is sought.   phi_bounds: range in which φ is sought.
    bounds: "usual" (0 ≤ α ≤ 1, 0 ≤ β ≤ α, 0 ≤ γ ≤ 1 − α), "admissible" (what an observation did to the states dies out) or "both".
    estimate_season: seek the initial season too; else it is that of a line with offsets through the first three seasons.
    prior: τ, standard deviation of a half-normal prior on β/α (on β itself where bounds="admissible"): (β/α)²/τ² is added to −2·log L, which is
        then made small. The log-likelihood that comes back is without it.
    The order of `kinds` matters a little: the solution of a smaller model of the same season is a start for a later one.
    Values should be of a size near 1. The search is deterministic and local.
    Raises ShapeError where nothing is observed, ConfigError for values that are not positive with a model that needs them so.

    >>> found = search(np.array([3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.1]), [Kind("A", "A")])[0]
    >>> round(found.initial.trend, 1)
    2.0
    """
    y, given = _floats("y", y), _parameters(fixed)
    if bounds not in BOUNDS:
        raise unknown("kind of bounds", bounds, BOUNDS)
    if not 0 < phi_bounds[0] <= phi_bounds[1] <= 1:
        raise ConfigError(f"`phi_bounds` are two numbers in (0, 1] in rising order, not {phi_bounds}.")
    if not prior >= SMALLEST_PRIOR:
        raise ConfigError(f"`prior` is a standard deviation of {SMALLEST_PRIOR} or more, not {prior!r}.")
    if season_length < 1 or (season_length == 1 and any(kind.season != "N" for kind in kinds)):
        raise ConfigError(f"`season_length` is {season_length}; a seasonal model needs 2 observations or more.")
    if np.isnan(y).all():
        raise ShapeError("The series has no observation, so nothing can be fitted to it.")
    if any(kind.positive for kind in kinds) and not np.nanmin(y) > 0:
        raise ConfigError(f"A multiplicative model needs positive values; the smallest is {np.nanmin(y):g}.")
    if extension is None:
        warn_uncompiled()
        from inorder.textbook.ets import search as twin

        slow = twin(y, kinds, season_length, given, bounds, phi_bounds, estimate_season, prior)
        return [Estimate(found.parameters, States(*found.initial), found.loglik, found.squared_error) for found in slow]
    count = len(kinds)
    weights, level, trend, season = np.empty((count, 4)), np.empty(count), np.empty(count), np.empty((count, season_length))
    loglik, squares = np.empty(count), np.empty(count)
    code = BOUNDS.index(bounds)
    extension.ets_search(
        y, _codes(kinds), season_length, given, *phi_bounds, code, estimate_season, 1 / prior**2, weights, level, trend, season, loglik, squares
    )
    return [
        Estimate(weights[i], States(float(level[i]), float(trend[i]), season[i] if kind.season != "N" else np.zeros(1)), float(loglik[i]), float(squares[i]))
        for i, kind in enumerate(kinds)
    ]


def gradient(y: Values, kind: Kind, parameters: Sequence[float] | Floats, initial: States) -> Floats:
    """(6 + season_length,) derivatives of the log-likelihood with respect to α, β, γ, φ, the level, the trend and each place of the season.

    The derivatives are carried along the recursion: exact, no differences.

    >>> gradient(np.array([10.0, 14.0, 12.0]), Kind("A"), (0.5, 0.0, 0.0, 1.0), States(10.0, 0.0, np.zeros(1))).round(3).tolist()[0]
    0.0
    """
    y, parameters, initial = _floats("y", y), _parameters(parameters), _states(initial)
    if extension is None:
        warn_uncompiled()
        from inorder.textbook.ets import gradient as twin

        return np.asarray(twin(y, kind, parameters, initial))
    found = np.empty(6 + len(initial.season))
    extension.ets_gradient(y, _codes([kind]), parameters, *initial, found)
    return found


def hessian(y: Values, kind: Kind, parameters: Sequence[float] | Floats, initial: States, steps: Floats) -> Floats:
    """(size, size) second derivatives of the log-likelihood: differences of the exact `gradient`, `steps` to either side.

    steps: (6 + season_length,); the row of a step of 0 is 0.
    """
    y, parameters, initial, steps = _floats("y", y), _parameters(parameters), _states(initial), _floats("steps", steps)
    size = 6 + len(initial.season)
    if len(steps) != size:
        raise ShapeError(f"`steps` holds {len(steps)} numbers; {size} were expected.")
    if extension is None:
        warn_uncompiled()
        from inorder.textbook.ets import hessian as twin

        return np.asarray(twin(y, kind, parameters, initial, steps))
    found = np.empty((size, size))
    extension.ets_hessian(y, _codes([kind]), parameters, *initial, steps, found)
    return found


def simulate(kind: Kind, parameters: Sequence[float] | Floats, initial: States, innovations: Floats) -> Floats:
    """(paths, horizon) sample paths that go on from `initial`.

    innovations: (paths, horizon) of r: the error, or with a multiplicative error its share of the forecast.

    >>> simulate(Kind("M"), (0.5, 0.0, 0.0, 1.0), States(10.0, 0.0, np.zeros(1)), np.array([[0.1, 0.0]])).tolist()
    [[11.0, 10.5]]
    """
    parameters, initial = _parameters(parameters), _states(initial)
    innovations = np.ascontiguousarray(innovations, dtype=np.float64)
    if innovations.ndim != 2:
        raise ShapeError(f"`innovations` has the shape {innovations.shape}; (paths, horizon) was expected.")
    if extension is None:
        warn_uncompiled()
        from inorder.textbook.ets import simulate as twin

        return np.asarray(twin(kind, parameters, initial, innovations))
    paths = np.empty(innovations.shape)
    extension.ets_simulate(_codes([kind]), parameters, *initial, innovations, paths)
    return paths


def admissible(parameters: Sequence[float] | Floats, season_length: int = 1) -> bool:
    """Whether what an observation did to the states dies out: the roots of the characteristic polynomial lie within the unit circle.

    >>> admissible((1.9, 0.0, 0.0, 1.0)), admissible((2.1, 0.0, 0.0, 1.0))
    (True, False)
    """
    if extension is None:
        warn_uncompiled()
        from inorder.textbook.ets import admissible as twin

        return twin(_parameters(parameters), season_length)
    return bool(extension.ets_admissible(season_length, _parameters(parameters)))


def _codes(kinds: Sequence[Kind]) -> Any:
    return np.array([["NAM".index(error), "NAM".index(trend), int(damped), "NAM".index(season)] for error, trend, damped, season in kinds], dtype=np.int64)


def _parameters(parameters: Any) -> Floats:
    array = _floats("parameters", parameters)
    if array.shape != (4,):
        raise ShapeError(f"`parameters` are α, β, γ and φ; they have the shape {array.shape}.")
    return array


def _states(states: States) -> States:
    season = _floats("season", states.season)
    if len(season) == 0:
        raise ShapeError("`season` is empty; a model without a season has one place, [0.0].")
    return States(float(states.level), float(states.trend), season)


def _floats(name: str, values: Any) -> Floats:
    array: Floats = np.asarray(values, dtype=np.float64, order="C")
    if array.ndim != 1:
        raise ShapeError(f"`{name}` has the shape {array.shape}; 1 axis was expected.")
    return array
