"""Differencing: the change since the last step, or since the same place of the last season, and the way back.

    difference of order 1:    d[t] = y[t] − y[t − lag]         order 2: the same of d, and so on
    undifference:             y[t] = d[t] + y[t − lag]         begun with the lag · order values that come first

lag 1 takes out a trend, lag = season_length a season; both after one another is difference(difference(y, 12)).

Source: Box & Jenkins 1970, Time series analysis, ch. 4.
"""

from __future__ import annotations

from typing import Literal, overload

import numpy as np

from inorder.data.series import Series
from inorder.errors import SeriesError, ShapeError
from inorder.features.panel import Rows, back, check_count, flat, over_last, position_in_series
from inorder.typing import Floats, Offsets, Values


@overload
def difference(y: Rows, lag: int = 1, order: int = 1, *, keep_initial: Literal[False] = False) -> Values: ...
@overload
def difference(y: Rows, lag: int = 1, order: int = 1, *, keep_initial: Literal[True]) -> tuple[Values, Floats]: ...
def difference(y: Rows, lag: int = 1, order: int = 1, *, keep_initial: bool = False) -> Values | tuple[Values, Floats]:
    """(time,) the differences, NaN in the first lag · order rows of each series and wherever one of their terms is missing.

    lag: rows back, 1 or more.   order: how many times, 0 or more.
    keep_initial: hand back also the first lag · order values, (lag · order,) or for a panel (series, lag · order), which `undifference` needs.
    Raises ConfigError for a lag below 1 and SeriesError where initial values are asked of a series that is shorter.

    >>> difference([100, 130, 145, 170]).tolist()
    [nan, 30.0, 15.0, 25.0]
    >>> changes, initial = difference([1, 4, 9, 16], order=2, keep_initial=True)
    >>> changes.tolist(), initial.tolist()
    ([nan, nan, 2.0, 2.0], [1.0, 4.0])
    """
    lag, order = check_count("lag", lag), check_count("order", order, 0)
    values, offsets = flat(y)
    position = position_in_series(offsets)
    changes = values.copy()
    for _ in range(order):
        changes = changes - back(changes, position, lag)
    if not keep_initial:
        return changes
    initial = _first(values, offsets, lag * order)
    return changes, initial if isinstance(y, Series) and y.panel else initial[0]


def undifference(changes: Rows, initial: Floats, lag: int = 1, order: int = 1) -> Values:
    """(time,) the values whose differences are `changes`: the inverse of `difference`, row by row.

    changes: as `difference` gives them; what stands in the first lag · order rows of a series is not read.
    initial: the values of those rows, (lag · order,), or (series, lag · order) for a panel.
    A missing change leaves all later values of its place in the season unknown, NaN.
    Raises ShapeError where `initial` does not fit.

    >>> undifference([np.nan, 30, 15, 25], [100]).tolist()
    [100.0, 130.0, 145.0, 170.0]
    """
    lag, order = check_count("lag", lag), check_count("order", order, 0)
    values, offsets = flat(changes)
    lengths = np.diff(offsets)
    if (lengths < lag * order).any():
        raise ShapeError(f"`changes` has a series of {lengths.min()} rows; differences of lag {lag} and order {order} begin with {lag * order} initial values.")
    return _restore(values, offsets, _initial("initial", initial, len(lengths), lag, order), lag, order)


def undifference_ahead(changes: Floats, last: Floats, lag: int = 1, order: int = 1) -> Floats:
    """The values that follow `last` when the next differences are `changes`: from a forecast of changes to a forecast of values.

    changes: (horizon,), or (series, horizon).   last: the lag · order values just before, (lag · order,) or (series, lag · order).
    Returns the same shape as `changes`. Raises ShapeError where the shapes do not fit.

    >>> undifference_ahead([10, 20], [170]).tolist()
    [180.0, 200.0]
    """
    lag, order = check_count("lag", lag), check_count("order", order, 0)
    changes = np.asarray(changes, dtype=np.float64)
    rectangle = np.atleast_2d(changes)
    if rectangle.ndim != 2:
        raise ShapeError(f"`changes` has the axes (horizon,) or (series, horizon), not the shape {changes.shape}.")
    known = _initial("last", last, len(rectangle), lag, order)
    whole = np.concatenate([known, rectangle], axis=1)
    offsets = np.arange(len(whole) + 1, dtype=np.int64) * whole.shape[1]
    restored = _restore(whole.reshape(-1), offsets, known, lag, order).reshape(whole.shape)
    return restored[:, lag * order :].reshape(changes.shape)


def _restore(changes: Values, offsets: Offsets, known: Floats, lag: int, order: int) -> Values:
    restored, position = changes.copy(), position_in_series(offsets)
    rows = offsets[:-1, None] + np.arange(lag * order)  # (series, lag · order), where the initial values stand
    for k in range(order - 1, -1, -1):  # from differences of order k + 1 to those of order k
        begin = known.copy()
        for _ in range(k):
            begin[:, lag:] = begin[:, lag:] - begin[:, :-lag]
        begin[:, : lag * k] = 0.0
        restored[rows[:, : lag * (k + 1)]] = begin[:, : lag * (k + 1)]
        restored = over_last(restored, position, None, stride=lag)
    restored[rows] = known  # to the last digit
    return restored


def _first(values: Values, offsets: Offsets, head: int) -> Floats:
    lengths = np.diff(offsets)
    if (lengths < head).any():
        raise SeriesError(f"Series number {int(np.argmin(lengths)) + 1} has {lengths.min()} rows; {head} initial values are needed to undo these differences.")
    return np.asarray(values[offsets[:-1, None] + np.arange(head)])


def _initial(name: str, given: Floats, series: int, lag: int, order: int) -> Floats:
    array, head = np.asarray(given, dtype=np.float64), lag * order
    if array.shape != (series, head) and not (series == 1 and array.shape == (head,)):
        expected = f"({head},)" if series == 1 else f"({series}, {head})"
        raise ShapeError(
            f"`{name}` has the shape {array.shape}; differences of lag {lag} and order {order} need {expected}: lag · order values of each series."
        )
    return array.reshape(series, head)
