"""The theta models, compiled: the recursion, forecasts from every state, the spread of what is to come, and the search for parameters.

    μ[t] = l + κ·(w·A + v·B),   w = (1 − α)^(t−1),   v = (1 − (1 − α)^t) / α,   κ = 1 − 1/θ
    l ← l + α·(y − l)

A + B·t is the straight line through the whole series, or in a dynamic model through what came before t. Where the extension is absent
the textbook twin runs.

Source and conventions: `inorder.textbook.theta`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ShapeError
from inorder.kernels import extension, warn_uncompiled
from inorder.typing import Floats, Values

NAN = float("nan")
ALPHA_BOUNDS = (0.001, 0.999)


class ThetaConstants(NamedTuple):
    """alpha: α.   kappa: κ = 1 − 1/θ, in [0, 1].   intercept, slope: A and B of a model that is not dynamic, else 0."""

    alpha: float
    kappa: float
    intercept: float
    slope: float
    dynamic: bool


class ThetaState(NamedTuple):
    """time: observations so far, missing ones among them.   level: l.   mean, slope: ȳ and B of the line through what came so far."""

    time: int
    level: float
    mean: float
    slope: float


class ThetaEstimate(NamedTuple):
    """constants, and level: l before the first observation.   squared_error: their sum over the rows that count."""

    constants: ThetaConstants
    level: float
    squared_error: float


def run(y: Values, constants: ThetaConstants, state: ThetaState) -> tuple[Floats, ThetaState]:
    """(time,) forecast of each observation made one step before it, and the state after all.   y: (time,), NaN = missing.

    >>> fitted, state = run(np.array([10.0, 14.0, 12.0]), ThetaConstants(0.5, 0.0, 0.0, 0.0, False), ThetaState(0, 10.0, 0.0, 0.0))
    >>> fitted.tolist(), state.level
    ([10.0, 10.0, 12.0], 12.0)
    """
    y = _line("y", y)
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import theta as textbook

        fitted, now = textbook.run(y, *constants, *state)
        return fitted, ThetaState(*now)
    fitted, memory = np.empty(len(y)), np.array(state[1:], dtype=np.float64)
    extension.theta_run(y, np.array(constants[:4]), constants.dynamic, state.time, memory, fitted)
    return fitted, ThetaState(state.time + len(y), *memory.tolist())


def forecasts(y: Values, constants: ThetaConstants, state: ThetaState, horizon: int) -> Floats:
    """(time + 1, horizon) means along a stretch: row t is made just before y[t], the last one after all.

    >>> forecasts(np.array([14.0]), ThetaConstants(0.5, 0.0, 0.0, 0.0, False), ThetaState(0, 10.0, 0.0, 0.0), 2).tolist()
    [[10.0, 10.0], [12.0, 12.0]]
    """
    y = _line("y", y)
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import theta as textbook

        return textbook.forecasts(y, *constants, *state, horizon)
    means = np.empty((len(y) + 1, horizon))
    extension.theta_ahead(y, np.array(constants[:4]), constants.dynamic, state.time, np.array(state[1:], dtype=np.float64), means)
    return means


def paths(innovations: Floats, constants: ThetaConstants, state: ThetaState) -> Floats:
    """(paths, horizon) observations to come, from (paths, horizon) errors to come.

    >>> paths(np.array([[1.0, 0.0, -2.0]]), ThetaConstants(0.5, 0.0, 0.0, 0.0, False), ThetaState(4, 10.0, 0.0, 0.0)).tolist()
    [[11.0, 10.5, 8.5]]
    """
    innovations = np.asarray(innovations, dtype=np.float64, order="C")
    if innovations.ndim != 2:
        raise ShapeError(f"`innovations` has the shape {innovations.shape}; (paths, horizon) was expected.")
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import theta as textbook

        return textbook.paths(innovations, *constants, *state)
    values = np.empty(innovations.shape)
    extension.theta_paths(innovations, np.array(constants[:4]), constants.dynamic, state.time, np.array(state[1:], dtype=np.float64), values)
    return values


def variances(constants: ThetaConstants, time: int, horizon: int) -> Floats:
    """(horizon,) variance of the next observations given `time` of them, where the errors have the variance 1.

    >>> variances(ThetaConstants(0.5, 0.5, 0.0, 0.0, False), 20, 3).tolist()
    [1.0, 1.25, 1.5]
    """
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import theta as textbook

        return textbook.variances(constants.alpha, constants.kappa, constants.dynamic, time, horizon)
    variance = np.empty(horizon)
    extension.theta_spread(np.array(constants[:4]), constants.dynamic, time, variance)
    return variance


def fit(
    y: Values, dynamic: bool = False, kappa: float = NAN, alpha: float = NAN, alpha_bounds: tuple[float, float] = ALPHA_BOUNDS, skip: int = 0
) -> ThetaEstimate:
    """The α, κ and first level with the smallest sum of squared one-step errors.

    y: (time,), NaN = missing.   kappa, alpha: fixed where given, NaN where they are sought.   skip: first rows, whose errors do not count.
    Raises ShapeError where there is no observation, ConfigError for settings out of range.

    >>> found = fit(np.arange(10.0, 20.0), kappa=0.5)
    >>> round(found.constants.slope, 6), round(found.constants.intercept, 6), round(found.squared_error, 3)
    (1.0, 9.0, 2.254)
    """
    y = _line("y", y)
    if np.isnan(y).all():
        raise ShapeError("`y` has no observation, so nothing can be fitted to it.")
    if not 0 <= alpha_bounds[0] <= alpha_bounds[1] <= 1:
        raise ConfigError(f"`alpha_bounds` are two numbers in [0, 1] in rising order, not {alpha_bounds}.")
    for name, value in (("kappa", kappa), ("alpha", alpha)):
        if not (math.isnan(value) or 0 <= value <= 1):
            raise ConfigError(f"`{name}` is a number from 0 to 1, or NaN where it is sought, not {value!r}.")
    if skip < 0:
        raise ConfigError(f"`skip` is a count of rows, 0 or more, not {skip}.")
    found = np.empty(6)
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import theta as textbook

        found[:] = textbook.fit(y, dynamic, kappa, alpha, alpha_bounds, skip)
    else:
        extension.theta_fit(y, dynamic, kappa, alpha, *alpha_bounds, skip, found)
    best_alpha, best_kappa, level, intercept, slope, squared_error = found.tolist()
    return ThetaEstimate(ThetaConstants(best_alpha, best_kappa, intercept, slope, dynamic), level, squared_error)


def _line(name: str, values: Any) -> Floats:
    array: Floats = np.asarray(values, dtype=np.float64, order="C")
    if array.ndim != 1:
        raise ShapeError(f"`{name}` has the shape {array.shape}; 1 axis was expected.")
    return array
