"""What was read, in one line for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from inorder.data.series import Series


def described(series: Series) -> str:
    """The line behind `Series.describe`: how many rows of what, from when to when, which column, season, missing values.

    >>> from inorder.data.series import Series
    >>> described(Series.of([1.0, float("nan"), 3.0]))
    '3 steps, 1 to 3, column "y", 1 missing'
    """
    first, last = series.index[series.offsets[:-1]].min(), series.index[series.offsets[1:] - 1].max()
    parts = [_size(series), series.label(first) if first == last else f"{series.label(first)} to {series.label(last)}"]
    if series.frequency is None and series.lengths.max() > 1:
        parts.append(f"spacing {_spacing(series)}")
    parts.append(_columns(series))
    if series.season_length > 1:
        parts.append(f"season {series.season_length:,}")
    missing = int(np.isnan(series.values).sum())
    if missing:
        parts.append(f"{missing:,} missing")
    parts += [f"{role} {', '.join(names)}" for role in ("past", "future", "static") if (names := list(getattr(series, role)))]
    if series.timezone is not None:
        parts.append(series.timezone)
    return ", ".join(parts)


def _size(series: Series) -> str:
    shortest, longest = int(series.lengths.min()), int(series.lengths.max())
    if not series.panel:
        return _rows(series, f"{longest:,}", longest)
    several = f"{len(series):,} series"
    if shortest == longest:
        return f"{several} of {_rows(series, f'{longest:,}', longest)}"
    return f"{several}, {_rows(series, f'{shortest:,} to {longest:,}', longest)} each"


def _rows(series: Series, count: str, rows: int) -> str:
    """ "144 months", "4,032 × 30 minutes", "236 irregular times"."""
    many = "s" * (rows != 1)
    if series.frequency is None:
        return f"{count}{' irregular' * (rows > 1)} time{many}"
    if series.frequency.step == 1 or not series.frequency.dated:
        step = "" if series.frequency.step == 1 else f" of {series.frequency.step:g}"
        return f"{count} {series.frequency.unit}{many}{step}"
    return f"{count} × {series.frequency}"


def _spacing(series: Series) -> str:
    """The smallest, the usual and the largest step of an irregular series."""
    steps = np.diff(series.index)
    inside = np.ones(len(steps), bool)
    inside[series.offsets[1:-1] - 1] = False
    steps = steps[inside]
    if len(steps) == 0:
        return "unknown"
    low, middle, high = np.min(steps), np.sort(steps)[len(steps) // 2], np.max(steps)
    if steps.dtype.kind != "m":
        return f"{low:.4g} to {high:.4g}, mostly about {middle:.4g}"
    return f"{_duration(low)} to {_duration(high)}, mostly about {_duration(middle)}"


def _duration(step: np.timedelta64) -> str:
    """A stretch of time in its largest fitting unit.

    >>> _duration(np.timedelta64(90, "m"))
    '1.5 hours'
    """
    seconds = step / np.timedelta64(1, "s")
    for unit, length in (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}{'s' * bool(seconds != length)}"
    return f"{seconds:.3g} second{'s' * bool(seconds != 1)}"


def _columns(series: Series) -> str:
    if series.panel and series.names.id == "series" and series.source != "array":
        names = list(series.ids)
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4:,} more" if len(names) > 4 else "")
        return f"column{'s' * (len(names) > 1)} {shown}"
    return f'column "{series.names.value}"'
