"""Exponential smoothing, compiled: the recursion over a series or a panel, and the search for its parameters.

    base = l + φ·b,   ŷ = base + s  or  base·s,   e = y − ŷ
    l ← base + α·e,   b ← φ·b + α·β·e,   s ← s + γ·e          (a multiplicative season: e/s, e/s and e/base in place of e)

A panel is the flat values of all series, with the `offsets` at which each begins. Series are shared over `threads`; the results do
not depend on their number. Where the extension is absent the textbook twin runs, one series after the other.

Source and conventions: `inorder.textbook.smoothing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ShapeError
from inorder.kernels import extension, warn_uncompiled
from inorder.typing import Floats, Offsets, Values

NAN = float("nan")
PHI_BOUNDS = (0.8, 0.98)  # outside, a trend is damped at once or hardly at all: Hyndman & Athanasopoulos 2021, §8.2


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


class SmoothedPanel(NamedTuple):
    """fitted: (rows,).   level, trend, squared_error: (series,).   season: (series, season_length)."""

    fitted: Floats
    level: Floats
    trend: Floats
    season: Floats
    squared_error: Floats


class EstimatePanel(NamedTuple):
    """parameters: (series, 4) of α, β, γ, φ.   level, trend, squared_error: (series,).   season: (series, season_length)."""

    parameters: Floats
    level: Floats
    trend: Floats
    season: Floats
    squared_error: Floats


def smooth(
    y: Values, parameters: Sequence[float] | Floats, level: float, trend: float, season: Sequence[float] | Floats, multiplicative: bool = False
) -> Smoothed:
    """The recursion over a stretch of one series.

    y: (time,), NaN = missing.   parameters: (α, β, γ, φ).   season: (season_length,), its first element for the first observation; [0.0] is no season.

    >>> smooth(np.array([10.0, 14.0, 12.0]), (0.5, 0.0, 0.0, 1.0), 10.0, 0.0, [0.0]).fitted.tolist()
    [10.0, 10.0, 12.0]
    """
    y = _floats("y", y, 1)
    seasons = _floats("season", season, 1)[None, :]
    panel = smooth_panel(y, np.array([0, len(y)]), _floats("parameters", parameters, 1)[None, :], np.array([level]), np.array([trend]), seasons, multiplicative)
    return Smoothed(panel.fitted, float(panel.level[0]), float(panel.trend[0]), panel.season[0], float(panel.squared_error[0]))


def smooth_panel(
    values: Values, offsets: Offsets, parameters: Floats, level: Floats, trend: Floats, season: Floats, multiplicative: bool = False, threads: int = 1
) -> SmoothedPanel:
    """The recursion over every series of a panel.

    values: (rows,), NaN = missing.   offsets: (series + 1,).   parameters: (series, 4).   level, trend: (series,).   season: (series, season_length).
    Raises ShapeError where the axes do not fit, ConfigError for a count of threads below 1.

    >>> y = np.array([10.0, 14.0, 1.0, 3.0])
    >>> smooth_panel(y, np.array([0, 2, 4]), np.array([[0.5, 0, 0, 1]] * 2), np.array([10.0, 1.0]), np.zeros(2), np.zeros((2, 1))).level.tolist()
    [12.0, 2.0]
    """
    values, offsets = _panel(values, offsets)
    count = len(offsets) - 1
    parameters, season = _floats("parameters", parameters, 2), _floats("season", season, 2)
    level, trend = _floats("level", level, 1), _floats("trend", trend, 1)
    for name, array, width in (("parameters", parameters, (4,)), ("level", level, ()), ("trend", trend, ()), ("season", season, season.shape[1:])):
        if array.shape != (count, *width):
            raise ShapeError(f"`{name}` has the shape {array.shape}; {(count, *width)} was expected for {count} series.")
    check_threads(threads)
    result = SmoothedPanel(np.empty(len(values)), np.empty(count), np.empty(count), np.empty(season.shape), np.empty(count))
    if extension is not None:
        extension.smooth_panel(values, offsets, parameters, level, trend, season, multiplicative, threads, *result)
        return result
    warn_uncompiled()
    from inorder.textbook.smoothing import smooth as smooth_one

    for i in range(count):
        rows = slice(offsets[i], offsets[i + 1])
        result.fitted[rows], result.level[i], result.trend[i], result.season[i], result.squared_error[i] = smooth_one(
            values[rows], parameters[i], level[i], trend[i], season[i], multiplicative
        )
    return result


def fit(
    y: Values,
    trend: bool = False,
    damped: bool = False,
    season_length: int = 1,
    multiplicative: bool = False,
    fixed: Sequence[float] | Floats = (NAN, NAN, NAN, NAN),
    phi_bounds: tuple[float, float] = PHI_BOUNDS,
    estimate_initial: bool = True,
) -> Estimate:
    """The parameters, and with `estimate_initial` the initial states, with the smallest sum of squared one-step errors; see `fit_panel`.

    >>> fit(np.array([3.0, 5.0, 7.0, 9.0, 11.0, 13.0]), trend=True).trend.__round__(6)
    2.0
    """
    y = _floats("y", y, 1)
    panel = fit_panel(y, np.array([0, len(y)]), trend, damped, season_length, multiplicative, fixed, phi_bounds, estimate_initial)
    return Estimate(panel.parameters[0], float(panel.level[0]), float(panel.trend[0]), panel.season[0], float(panel.squared_error[0]))


def fit_panel(
    values: Values,
    offsets: Offsets,
    trend: bool = False,
    damped: bool = False,
    season_length: int = 1,
    multiplicative: bool = False,
    fixed: Sequence[float] | Floats = (NAN, NAN, NAN, NAN),
    phi_bounds: tuple[float, float] = PHI_BOUNDS,
    estimate_initial: bool = True,
    threads: int = 1,
) -> EstimatePanel:
    """Fit every series of a panel by least squares of its one-step errors.

    fixed: (α, β, γ, φ), a NaN is sought.   phi_bounds: range in which φ is sought.   season_length: 1 = no season.
    estimate_initial: seek the state before the first observation too; else it is that of a line with seasonal offsets through the first rows.
    Every series needs an observation, and positive ones with a multiplicative season; squared_error is infinite where that model
    would have to divide by almost zero. The search is deterministic and local: it starts from a grid of parameters, and may stop
    short of the best point where there are many valleys.
    Raises ShapeError where the axes do not fit, ConfigError for settings out of range.
    """
    values, offsets = _panel(values, offsets)
    fixed = _floats("fixed", fixed, 1)
    if fixed.shape != (4,):
        raise ShapeError(f"`fixed` holds α, β, γ and φ, NaN where it is sought; it has the shape {fixed.shape}.")
    if not 0 < phi_bounds[0] <= phi_bounds[1] <= 1:
        raise ConfigError(f"`phi_bounds` are two numbers in (0, 1] in rising order, not {phi_bounds}.")
    if season_length < 1:
        raise ConfigError(f"`season_length` is a whole number of observations, 1 or more, not {season_length}.")
    check_threads(threads)
    count = len(offsets) - 1
    for i in range(count):
        y = values[offsets[i] : offsets[i + 1]]
        if np.isnan(y).all():
            raise ShapeError(f"Series {i} has no observation, so nothing can be fitted to it.")
        if multiplicative and not np.nanmin(y) > 0:
            raise ConfigError(f"A multiplicative season needs positive values; the smallest of series {i} is {np.nanmin(y):g}.")
    result = EstimatePanel(np.empty((count, 4)), np.empty(count), np.empty(count), np.empty((count, season_length)), np.empty(count))
    if extension is not None:
        extension.fit_panel(values, offsets, trend, damped, season_length, multiplicative, fixed, *phi_bounds, estimate_initial, threads, *result)
        return result
    warn_uncompiled()
    from inorder.textbook.smoothing import fit as fit_one

    for i in range(count):
        result.parameters[i], result.level[i], result.trend[i], result.season[i], result.squared_error[i] = fit_one(
            values[offsets[i] : offsets[i + 1]], trend, damped, season_length, multiplicative, fixed, phi_bounds, estimate_initial
        )
    return result


def check_threads(threads: int) -> None:
    """A count of threads is 1 or more."""
    if threads < 1:
        raise ConfigError(f"`threads` is a whole number, 1 or more, not {threads}.")


def _panel(values: Any, offsets: Any) -> tuple[Floats, Offsets]:
    values, offsets = _floats("values", values, 1), np.ascontiguousarray(offsets, dtype=np.int64)
    if offsets.ndim != 1 or len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 0).any():
        raise ShapeError(f"`offsets` rises from 0 to the number of values, {len(values)}; it is {offsets.tolist() if offsets.size < 10 else offsets}.")
    return values, offsets


def _floats(name: str, values: Any, axes: int) -> Floats:
    array: Floats = np.asarray(values, dtype=np.float64, order="C")
    if array.ndim != axes:
        raise ShapeError(f"`{name}` has the shape {array.shape}; {axes} {'axis was' if axes == 1 else 'axes were'} expected.")
    if axes == 2 and array.shape[1] == 0:
        raise ShapeError(f"`{name}` has the shape {array.shape}: the last axis needs at least one value.")
    return array
