"""STL, compiled: a series taken apart into trend, season and remainder by local regressions.

    cycle     = loess of each cycle-subseries of y − trend
    seasonal  = cycle − loess of its moving averages
    trend     = loess of y − seasonal

repeated `inner` times, and `outer` times more with weights that leave outliers out. Where the extension is absent the textbook twin runs.

Source and conventions: `inorder.textbook.stl`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from inorder.errors import ConfigError, ShapeError
from inorder.kernels import extension, warn_uncompiled
from inorder.typing import Floats, Values


class Parts(NamedTuple):
    """(time,) each.   weights: 1 for what fits, 0 for an outlier or a missing value."""

    trend: Floats
    seasonal: Floats
    weights: Floats


def default_windows(season_length: int, seasonal: int) -> tuple[int, int, int]:
    """(seasonal, trend, low-pass) windows as Cleveland et al. advise: the trend's is the next odd number from 1.5·m / (1 − 1.5/seasonal) on,
    the low-pass filter's the next from m + 1 on.   seasonal: 0 for a season that repeats.

    >>> default_windows(12, 7), default_windows(12, 0)
    ((7, 23, 13), (0, 19, 13))
    """
    trend = math.ceil(1.5 * season_length / (1 - 1.5 / seasonal)) if seasonal else 3 * season_length // 2 + 1
    return seasonal, trend + 1 - trend % 2, season_length + 1 + season_length % 2


def stl(
    y: Values,
    season_length: int,
    windows: Sequence[int],
    degrees: Sequence[int] = (1, 1, 1),
    jumps: Sequence[int] = (1, 1, 1),
    inner: int = 2,
    outer: int = 0,
) -> Parts:
    """Trend, seasonal part and weights of one series.

    y: (time,), NaN = missing; a local regression then takes the nearest observations. Every place of the season needs one. Squares of the values
        have to be numbers: scale those beyond 1e150.
    windows: points of the seasonal, the trend and the low-pass curve, odd, 3 or more; a first 0 is a season that repeats.
    degrees: 0 or 1 each.   jumps: rows from one point of a curve to the next, straight lines between.   inner, outer: rounds.
    Raises ShapeError for fewer than two seasons or a place without an observation, ConfigError for settings out of range.

    >>> parts = stl(np.array([0.0, 3, 1, 4, 2, 5, 3, 6]), 2, (7, 7, 3))
    >>> parts.trend.round(6).tolist()
    [1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.25, 4.75]
    """
    y = np.asarray(y, dtype=np.float64, order="C")
    if y.ndim != 1:
        raise ShapeError(f"`y` has the shape {y.shape}; 1 axis was expected.")
    if season_length < 2:
        raise ConfigError(f"`season_length` is a whole number of observations, 2 or more, not {season_length}.")
    if len(y) < 2 * season_length:
        raise ShapeError(f"`y` has {len(y)} rows; two seasons of {season_length} are needed.")
    missing = np.isnan(y)
    if missing.any():
        seen = np.bincount(np.flatnonzero(~missing) % season_length, minlength=season_length)
        if seen.min() == 0:
            raise ShapeError(f"Place {int(np.argmin(seen)) + 1} of the season of {season_length} has no observation.")
    for name, values, least in (("windows", windows, 3), ("degrees", degrees, 0), ("jumps", jumps, 1)):
        if len(values) != 3 or any(value < least for value in values[name == "windows" and values[0] == 0 :]):
            raise ConfigError(f"`{name}` are three whole numbers, for season, trend and low-pass filter, {least} or more; not {tuple(values)}.")
    if any(window % 2 == 0 for window in windows[windows[0] == 0 :]) or max(degrees) > 1:
        raise ConfigError(f"`windows` are odd and `degrees` 0 or 1; they are {tuple(windows)} and {tuple(degrees)}.")
    if inner < 1 or outer < 0:
        raise ConfigError(f"`inner` is 1 or more and `outer` 0 or more; they are {inner} and {outer}.")
    if extension is not None:
        result = Parts(np.empty(len(y)), np.empty(len(y)), np.empty(len(y)))
        extension.stl(y, season_length, *(np.array(values, dtype=np.int64) for values in (windows, degrees, jumps)), inner, outer, *result)
        return result
    warn_uncompiled()
    from inorder.textbook.stl import stl as textbook

    return Parts(*textbook(y, season_length, windows, degrees, jumps, inner, outer))
