"""Newer observations at the end of a series.

    index    t₁ … tₙ | tₙ₊₁ … tₘ₋₁ (missing) | tₘ …

What comes must be later than what is there, series by series; what lies between, on the grid of the frequency, is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.continuing import check_steps, positions, read_like
from inorder.data.series import Series
from inorder.errors import SeriesError, ShapeError, unknown
from inorder.typing import Index, Values


def extended(series: Series, new: Any) -> Series:
    """The work behind `inorder.data.series.extend`, which says what it does."""
    if not isinstance(new, Series):
        array = _plain_array(new)
        new = _next_rows(series, array) if array is not None else read_like(series, new, {}, following=True)
    if (series.index.dtype.kind, new.index.dtype.kind) == ("f", "i"):
        new = replace(new, index=new.index.astype(np.float64))
    if series.index.dtype.kind != new.index.dtype.kind:
        words = {"M": "dates", "i": "counted steps", "f": "times as numbers"}
        raise SeriesError(
            f"{series.source} has {words[series.index.dtype.kind]}, the new rows have {words[new.index.dtype.kind]}. Give both the same kind of time column."
        )
    if new.timezone is not None and series.timezone is None and new.frequency is not None and new.frequency.within_day:
        raise SeriesError(
            f"{new.source} has stamps with a time zone ({new.timezone}), {series.source} has none. Read both in one zone: --timezone, or `timezone=` in Python."
        )
    places = _places(series, new)
    pieces = [_joined(series, new, i, places.get(i)) for i in range(len(series))]
    lengths = np.array([len(piece["index"]) for piece in pieces], dtype=np.int64)
    ahead = _ahead(series, new, places, lengths - series.lengths)
    return replace(
        series,
        values=np.concatenate([piece["values"] for piece in pieces]),
        index=np.concatenate([piece["index"] for piece in pieces]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        past={name: np.concatenate([piece["past", name] for piece in pieces]) for name in series.past},
        future={name: np.concatenate([piece["future", name] for piece in pieces]) for name in series.future},
        ahead=ahead,
    )


def _plain_array(new: Any) -> Values | None:
    """Numbers without stamps: a scalar, a list, an array."""
    if isinstance(new, str) or hasattr(new, "columns") or hasattr(new, "to_frame") or hasattr(new, "__fspath__"):
        return None
    try:
        return np.asarray(new, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _next_rows(series: Series, array: Values) -> Series:
    """The numbers of `array` on the stamps that come next."""
    array = array.reshape(1) if array.ndim == 0 else array
    if array.ndim == 1 and len(series) > 1:
        if len(array) != len(series):
            raise ShapeError(f"The panel has {len(series)} series, the new array {len(array)} numbers. Give one number a series, or an array (time, series).")
        array = array[None, :]
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[1] != len(series) or array.shape[0] == 0:
        raise ShapeError(f"New values are an array (time,) or (time, series) with {len(series)} series; this one has the shape {array.shape}.")
    if np.isinf(array).any():
        raise SeriesError(f"The new value at {np.argwhere(np.isinf(array))[0].tolist()} is infinite. Replace it, or write NaN for a missing value.")
    if series.frequency is None:
        raise SeriesError(
            f"{series.source} is irregular, so new values need their times. Give a frame with the columns {series.names.time} and {series.names.value}."
        )
    steps = len(array)
    return replace(
        series,
        values=np.ascontiguousarray(array.T).reshape(-1),
        index=series.future_index(steps).reshape(-1),
        offsets=np.arange(len(series) + 1, dtype=np.int64) * steps,
        past={},
        future={},
        ahead={},
    )


def _places(series: Series, new: Series) -> dict[int, int]:
    """Position in `series` -> position in `new`."""
    places = positions(series, new)
    for name, i in zip(new.ids, places, strict=True):
        if i is None:
            raise unknown("series", name, series.ids[:20])
    return {i: j for j, i in enumerate(places) if i is not None}


def _joined(series: Series, new: Series, i: int, j: int | None) -> dict[Any, NDArray[Any]]:
    """Index, values and covariates of one series with its new rows and what is missing between."""
    old = slice(series.offsets[i], series.offsets[i + 1])
    if j is None or not new.lengths[j]:
        rows: dict[Any, Any] = {"index": series.index[old], "values": series.values[old]}
        return {**rows, **{(role, name): getattr(series, role)[name][old] for role in ("past", "future") for name in getattr(series, role)}}
    fresh = slice(new.offsets[j], new.offsets[j + 1])
    steps = check_steps(series, i, new.source, new.index[fresh])
    count, place = int(steps[-1]), steps - 1

    def spread(values: Values) -> Values:
        rows = np.full(count, np.nan)
        rows[place] = values
        return rows

    rows = {
        "index": np.concatenate([series.index[old], _next_stamps(series, i, count, new.index[fresh])]),
        "values": np.concatenate([series.values[old], spread(new.values[fresh])]),
    }
    for name, values in series.past.items():
        rows["past", name] = np.concatenate([values[old], spread(_covariate(new, "past", name)[fresh])])
    for name, values in series.future.items():
        known = series.ahead.get(name, np.empty((len(series), 0)))[i]
        ahead = np.concatenate([known[:count], np.full(max(0, count - len(known)), np.nan)])
        if name in new.future:
            ahead[place] = new.future[name][fresh]
        elif np.isnan(ahead).any():
            raise SeriesError(f'The new rows lack the future covariate "{name}". Give a frame that has this column.')
        rows["future", name] = np.concatenate([values[old], ahead])
    return rows


def _covariate(new: Series, role: str, name: str) -> Values:
    values: Mapping[str, Values] = getattr(new, role)
    if name not in values:
        raise SeriesError(f'The new rows lack the {role} covariate "{name}". Give a frame that has this column.')
    return values[name]


def _next_stamps(series: Series, i: int, count: int, fresh: Index) -> Index:
    """The next `count` stamps of series `i`; the new ones themselves where it has no grid."""
    last = series.index[series.offsets[i + 1] - 1]
    return fresh if series.frequency is None else np.asarray(series.frequency.advance(last, np.arange(1, count + 1)))


def _ahead(series: Series, new: Series, places: dict[int, int], grown: Any) -> dict[str, Values]:
    """Future covariates after the new end: what `new` brings, else what is left of the old."""
    if set(new.ahead) == set(series.future) and len(places) == len(series):
        order = np.array([places[i] for i in range(len(series))])
        return {name: new.ahead[name][order] for name in series.future}
    left = min((values.shape[1] for values in series.ahead.values()), default=0) - int(grown.max())
    if left <= 0:
        return {}
    return {name: np.stack([values[i, grown[i] : grown[i] + left] for i in range(len(series))]) for name, values in series.ahead.items()}
