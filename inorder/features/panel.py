"""What all features share: the rows of many series in one flat array, and steps back that never leave a series.

A sum over the last `span` rows is built by doubling,

    S₁[t] = y[t]          S₂ₖ[t] = Sₖ[t] + Sₖ[t − k]

and the binary digits of `span` say which Sₖ are joined: log₂(span) passes over all rows of all series at once. Unlike a
difference of two running totals it never subtracts large numbers, so neither a level of 1e9 nor one wild value spoils
what comes after.

Source: Hillis & Steele 1986, Data parallel algorithms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError, ShapeError
from inorder.typing import Floats, Offsets, Values

Rows: TypeAlias = Series | ArrayLike


def flat(y: Rows) -> tuple[Values, Offsets]:
    """The rows of all series, and where each begins. An array (time,) is one series.

    Raises ShapeError for arrays with other axes and SeriesError for values that are no numbers.

    >>> flat([3, 1, 2])
    (array([3., 1., 2.]), array([0, 3]))
    """
    if isinstance(y, Series):
        return y.values, y.offsets
    try:
        values = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SeriesError(f"A series holds numbers: {error}.") from None
    if values.ndim != 1:
        raise ShapeError(f"One series is an array (time,); this one has the shape {values.shape}. Many of equal length: Series.of(array), axes (time, series).")
    return values, np.array([0, len(values)], dtype=np.int64)


def position_in_series(offsets: Offsets) -> Offsets:
    """(rows,) how many rows of the same series come before each row.

    >>> position_in_series(np.array([0, 3, 5])).tolist()
    [0, 1, 2, 0, 1]
    """
    lengths = np.diff(offsets)
    return np.asarray(np.arange(offsets[-1], dtype=np.int64) - np.repeat(offsets[:-1], lengths))


def back(values: Floats, position: Offsets, steps: int, missing: float = np.nan) -> Floats:
    """The values `steps` rows earlier in the same series; `missing` where the series had not begun.   values: (…, rows)."""
    earlier = np.full_like(values, missing)
    earlier[..., steps:] = values[..., : max(values.shape[-1] - steps, 0)]
    earlier[..., position < steps] = missing
    return earlier


def ahead(values: Floats, offsets: Offsets, steps: int) -> Floats:
    """The values `steps` rows later in the same series; NaN where it has ended."""
    left = np.repeat(offsets[1:], np.diff(offsets)) - np.arange(len(values))  # rows from here to the end, this one included
    later = np.full_like(values, np.nan)
    later[: max(len(values) - steps, 0)] = values[steps:]
    later[left <= steps] = np.nan
    return later


def over_last(
    values: Floats,
    position: Offsets,
    span: int | None,
    *,
    combine: Callable[[Floats, Floats], Floats] = np.add,
    neutral: float = 0.0,
    stride: int = 1,
    decay: float = 1.0,
) -> Floats:
    """values[t] ∘ decay · values[t − stride] ∘ … over the last `span` of every `stride`-th row of the same series.

    span: None means all rows since the series began. A row's result depends on no other row, not even in its last digit.
    combine: joins what is newer with what is older, here or in place of a sum a minimum, say; associative.
    neutral: joined with x gives x.   values: (…, rows).

    >>> over_last(np.array([1.0, 2.0, 3.0, 4.0]), np.arange(4), 3).tolist()
    [1.0, 3.0, 6.0, 9.0]
    """
    if span is None:
        span = 1 << (int(position.max(initial=0)) // stride).bit_length()  # a power of two, so that longer series are summed in the same order
    joined, covered = None, 0
    block, size = values, 1
    while True:
        if span & size:
            joined = block if joined is None else combine(joined, _aged(back(block, position, covered * stride, neutral), decay, covered))
            covered += size
        if 2 * size > span:
            break
        block = combine(block, _aged(back(block, position, size * stride, neutral), decay, size))
        size *= 2
    assert joined is not None
    return joined


def _aged(values: Floats, decay: float, steps: int) -> Floats:
    return values if decay == 1.0 else np.asarray(decay**steps * values)


def between_gaps(values: Values, offsets: Offsets) -> tuple[Values, Offsets]:
    """Each series from its first observation to its last, the gaps between joined by straight lines; a series without observations has no rows left."""
    rows = np.arange(len(values))
    present = ~np.isnan(values)
    start, end = np.repeat(offsets[:-1], np.diff(offsets)), np.repeat(offsets[1:], np.diff(offsets))
    before = np.maximum.accumulate(np.where(present, rows, -1))
    after = np.minimum.accumulate(np.where(present, rows, len(values))[::-1])[::-1]
    inside = (before >= start) & (after < end)
    before, after, rows = before[inside], after[inside], rows[inside]
    weight = (rows - before) / np.maximum(after - before, 1)
    kept = np.concatenate([[0], np.cumsum(inside)])[offsets]
    return values[before] * (1 - weight) + values[after] * weight, kept


def per_series(ufunc: np.ufunc, values: NDArray[Any], offsets: Offsets, empty: float) -> Floats:
    """(series,) `ufunc` over all rows of each series; `empty` for a series without rows.

    >>> per_series(np.maximum, np.array([1.0, 4.0, 2.0]), np.array([0, 2, 2, 3]), 0.0).tolist()
    [4.0, 0.0, 2.0]
    """
    result = np.full(len(offsets) - 1, empty, dtype=np.float64)
    filled = offsets[1:] > offsets[:-1]
    if filled.any():
        result[filled] = ufunc.reduceat(values, offsets[:-1][filled])
    return result


def quantiles_per_series(values: Values, offsets: Offsets, probabilities: tuple[float, ...]) -> Floats:
    """(probabilities, series) of the observed values, with straight lines between neighbours in rank; NaN for a series without observations."""
    lengths = np.diff(offsets)
    order = np.lexsort((values, np.repeat(np.arange(len(lengths)), lengths)))  # within each series, missing values last
    counts = per_series(np.add, ~np.isnan(values), offsets, 0).astype(np.int64)
    result = np.full((len(probabilities), len(lengths)), np.nan)
    known = counts > 0
    first, top, ranked = offsets[:-1][known], counts[known] - 1, values[order]
    for i, probability in enumerate(probabilities):
        place = probability * top
        low = np.floor(place).astype(np.int64)
        a, b = ranked[first + low], ranked[first + np.minimum(low + 1, top)]
        result[i, known] = a + (b - a) * (place - low)
    return result


def check_count(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`, else ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConfigError(f"`{name}` is a whole number, {least} or more, not {value!r}.")
    return int(value)
