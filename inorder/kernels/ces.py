"""Complex exponential smoothing, compiled: the recursion, forecasts from every state, and the search for its parameters.

    f = l + s,    e = y − f
    (l, c) ← (l − (1 − α₁)·c + (α₀ − α₁)·e,   l + (1 − α₀)·c + (α₀ + α₁)·e)
    s and its partner z likewise with β₀, β₁, or  s ← s + β₀·e  alone

Kinds: "N" a level, "S" seasonal pairs, "P" a level and seasonal offsets, "F" a level and seasonal pairs. Where the extension is absent
the textbook twin runs.

Source and conventions: `inorder.textbook.ces`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ShapeError, unknown
from inorder.kernels import extension, warn_uncompiled
from inorder.typing import Floats, Values

KINDS = ("N", "S", "P", "F")
NAN = float("nan")


class CESState(NamedTuple):
    """level: (2,) l and c.   season: (2, season_length) s and z, the first place for the next observation; zeros where a kind has none."""

    level: Floats
    season: Floats


class CESEstimate(NamedTuple):
    """parameters: (4,) α₀, α₁, β₀, β₁; a kind "S" has β alone, "P" β₀ of it.   first: the state before the first observation."""

    parameters: Floats
    first: CESState
    squared_error: float


def run(y: Values, kind: str, parameters: Sequence[float] | Floats, state: CESState) -> tuple[Floats, CESState]:
    """(time,) forecast of each observation made one step before it, and the state after all.   y: (time,), NaN = missing.

    >>> state = CESState(np.array([10.0, 0.0]), np.zeros((2, 1)))
    >>> fitted, after = run(np.array([10.0, 14.0]), "N", (1.5, 1.0, 0.0, 0.0), state)
    >>> fitted.tolist(), after.level.tolist()
    ([10.0, 10.0], [12.0, 15.0])
    """
    y, weights, state = _checked(y, kind, parameters, state)
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import ces as textbook

        fitted, level, season = textbook.run(y, kind, weights, *state)
        return fitted, CESState(level, season)
    fitted, after = np.empty(len(y)), CESState(state.level.copy(), state.season.copy())
    extension.ces_run(y, KINDS.index(kind), weights, after.level, after.season, fitted)
    return fitted, after


def forecasts(y: Values, kind: str, parameters: Sequence[float] | Floats, state: CESState, horizon: int) -> Floats:
    """(time + 1, horizon) means along a stretch: row t is made just before y[t], the last one after all.

    >>> state = CESState(np.array([10.0, 0.0]), np.zeros((2, 1)))
    >>> forecasts(np.array([14.0]), "N", (1.5, 1.0, 0.0, 0.0), state, 2).tolist()
    [[10.0, 10.0], [12.0, 12.0]]
    """
    y, weights, state = _checked(y, kind, parameters, state)
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import ces as textbook

        return textbook.forecasts(y, kind, weights, *state, horizon)
    means = np.empty((len(y) + 1, horizon))
    extension.ces_ahead(y, KINDS.index(kind), weights, *state, means)
    return means


def stable(kind: str, season_length: int, parameters: Sequence[float] | Floats, radius: float = 1.0) -> bool:
    """Whether what is long past is forgotten: the roots of the characteristic polynomial lie within the radius.

    >>> stable("N", 1, (1.3, 1.0, 0.0, 0.0)), stable("N", 1, (0.5, 1.0, 0.0, 0.0))
    (True, False)
    """
    weights, _ = _weights(kind, parameters)
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import ces as textbook

        return textbook.stable(kind, season_length, weights, radius)
    return bool(extension.ces_stable(KINDS.index(kind), season_length, weights, radius))


def fit(y: Values, kind: str, rough: CESState, fixed: Sequence[float] | Floats = (NAN, NAN, NAN, NAN), radius: float = 1.0) -> CESEstimate:
    """The parameters with the smallest sum of squared one-step errors.

    rough: a state to begin with; it goes through all rows forward, back, and is then the first one.   fixed: (α₀, α₁, β₀, β₁), a NaN is sought.
    radius: in which the roots of `stable` stay. squared_error is infinite where no start of the search is stable.
    Raises ShapeError where the axes do not fit or nothing is observed.

    >>> rough = CESState(np.array([5.0, 5.0]), np.zeros((2, 1)))
    >>> found = fit(np.full(20, 5.0), "N", rough, fixed=(1.3, 1.0, NAN, NAN))
    >>> found.first.level.round(6).tolist(), round(found.squared_error, 9)
    ([5.0, 3.846154], 0.0)
    """
    weights, kind_number = _weights(kind, fixed)
    y, _, rough = _checked(y, kind, fixed, rough)
    if np.isnan(y).all():
        raise ShapeError("`y` has no observation, so nothing can be fitted to it.")
    if not radius > 0:
        raise ConfigError(f"`radius` is a number above 0, not {radius!r}.")
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import ces as textbook

        parameters, level, season, squared_error = textbook.fit(y, kind, *rough, weights, radius)
        return CESEstimate(parameters, CESState(level, season), squared_error)
    first, found = CESState(rough.level.copy(), rough.season.copy()), np.empty(5)
    extension.ces_fit(y, kind_number, weights, radius, first.level, first.season, found)
    return CESEstimate(found[:4], first, float(found[4]))


def _weights(kind: str, parameters: Any) -> tuple[Floats, int]:
    if kind not in KINDS:
        raise unknown("kind of complex exponential smoothing", str(kind), KINDS)
    weights: Floats = np.asarray(parameters, dtype=np.float64, order="C")
    if weights.shape != (4,):
        raise ShapeError(f"The parameters are α₀, α₁, β₀ and β₁; they have the shape {weights.shape}.")
    return weights, KINDS.index(kind)


def _checked(y: Any, kind: str, parameters: Any, state: CESState) -> tuple[Floats, Floats, CESState]:
    weights, _ = _weights(kind, parameters)
    values: Floats = np.asarray(y, dtype=np.float64, order="C")
    level: Floats = np.asarray(state.level, dtype=np.float64, order="C")
    season: Floats = np.asarray(state.season, dtype=np.float64, order="C")
    for name, array, axes in (("y", values, 1), ("level", level, 1), ("season", season, 2)):
        if array.ndim != axes:
            raise ShapeError(f"`{name}` has the shape {array.shape}; {axes} {'axis was' if axes == 1 else 'axes were'} expected.")
    if level.shape != (2,) or season.shape[0] != 2 or season.shape[1] < 1:
        raise ShapeError(f"A state has a level of (2,) and a season of (2, season_length); these are {level.shape} and {season.shape}.")
    if kind == "N" and season.shape[1] != 1:
        raise ShapeError(f'The kind "N" has no season, so a season_length of 1; it is {season.shape[1]}.')
    return values, weights, CESState(level, season)
