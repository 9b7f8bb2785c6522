"""Newer rows of a series: a file is read as the first one was, and what comes after the history is taken from it.

    reading, names, frequency, time zone of the history  |  what is told now  =  how the new file is read

What is told now wins over what is remembered. Rows of another frequency, and values of another column, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from inorder.data.columns import existing, find_roles
from inorder.data.frequency import MONTHS, Frequency
from inorder.data.grid import SPARSEST, OffGrid
from inorder.data.options import NONE, Options
from inorder.data.reading import read_columns
from inorder.data.series import Series, read_series
from inorder.data.spacing import FEWEST_SPARSE, FILLED, infer_frequency
from inorder.data.tables import Table, read_table
from inorder.errors import SeriesError, unknown
from inorder.typing import Index, Offsets

TEXT_OPTIONS = ("header", "separator", "encoding")  # of text files only
ADVERBS = {
    "year": "yearly",
    "quarter": "quarterly",
    "month": "monthly",
    "week": "weekly",
    "business day": "on business days",
    "day": "daily",
    "hour": "hourly",
}
SHORT = {"year": "y", "quarter": "q", "month": "mo", "week": "w", "business day": "b", "day": "d", "hour": "h", "minute": "min", "second": "s"}


def read_like(history: Series, data: Any, given: Mapping[str, Any], *, following: bool = False) -> Series:
    """`data`, a file, a frame or a dictionary of columns, read as `history` was, where `given` does not say otherwise.

    following: rows without a time column are the next steps, not steps counted from 1.
    Raises SeriesError where the rows have another frequency, or the values stand in a column of another name.
    """
    given = {name: value for name, value in given.items() if value is not None}
    is_text = isinstance(data, str) or hasattr(data, "read") or hasattr(data, "__fspath__")
    kept = {name: value for name, value in history.reading.items() if (is_text or name not in TEXT_OPTIONS) and name not in ("id", "time", "value")}
    mark = kept.pop("decimal", None)  # a proof of the other mark in the new file is stronger
    table = read_table(data, Options(**{name: value for name, value in {**kept, **given}.items() if name in TEXT_OPTIONS}))
    if mark is not None:
        table = replace(table, mark=mark)
    known = {**kept, **_names(history, table, given, following), **_times(history)}
    for role in ("past", "future"):
        known[role] = [name for name in getattr(history, role) if _there(table, name)]
    if known.get("time") == NONE and "time" not in given:
        for name in ("timezone", *(("start", "frequency") if following or "start" not in kept else ())):
            known.pop(name, None)
    if "frequency" in given or "every" in given:
        known = {name: value for name, value in known.items() if name not in ("frequency", "every", "how", "start")}
    options = Options(**{**known, **given})
    try:
        read = read_columns(table, options)
    except OffGrid:
        if "frequency" in given:
            raise
        raise other_frequency(history, table.source, read_columns(table, replace(options, frequency=None, start=None)).frequency) from None
    if following and options.time == NONE:
        return _following(history, read)
    if read.frequency is not None and "frequency" not in given and _sparse(read):
        again = read_columns(table, replace(options, frequency=None, start=None))
        if _coarser(again.frequency, history) and np.isnan(again.values).mean() < 1 - FILLED:
            raise other_frequency(history, table.source, again.frequency)
    return read


def newer_rows(history: Series, new: Series) -> Series | None:
    """The rows of each series of `history` that come after its own last stamp in `history`; None where there is none."""
    places = [(i, j) for j, i in enumerate(positions(history, new)) if i is not None]
    counts = np.zeros(len(new), dtype=np.int64)
    for i, j in places:
        counts[j] = after_last(history, i, new.stamps(j)).sum()
    return new.tail(counts) if counts.any() else None


def positions(history: Series, new: Series) -> list[int | None]:
    """For each series of `new` its position in `history`; None where `history` has none of that name. Two single series without names are the same."""
    if len(history) == 1 and len(new) == 1 and not new.panel:
        return [0]
    place = {name: i for i, name in enumerate(history.ids)}
    return [place.get(name) for name in new.ids]


def in_step(history: Series, i: int, stamps: Index) -> Index:
    """Stamps on the grid of series `i`: a month is a month, whichever day of it is written."""
    if history.frequency is None or history.frequency.unit not in MONTHS:
        return stamps
    last = history.index[history.offsets[i + 1] - 1]
    return np.asarray(history.frequency.advance(last, history.frequency.count(last, stamps)))


def after_last(history: Series, i: int, stamps: Index) -> Any:
    """Which of the stamps come after the last row of series `i`."""
    return in_step(history, i, stamps) > history.index[history.offsets[i + 1] - 1]


def check_steps(history: Series, i: int, source: str, new: Index) -> Offsets:
    """(rows,) how many steps of the grid each new stamp, on the grid already, lies after the last row of series `i`.

    Raises SeriesError unless they rise strictly, stand on the grid, and do not keep to a wider one.
    """
    fresh: Any = in_step(history, i, new)
    last: Any = history.index[history.offsets[i + 1] - 1]
    label, written = history.label, new.astype(fresh.dtype)
    rising = fresh[1:] > fresh[:-1]
    found = infer_frequency(written, np.array([0, len(new)])) if len(new) > 1 and (written[1:] > written[:-1]).all() else None
    if not rising.all():
        if found is not None and history.frequency is not None and found != history.frequency:
            raise other_frequency(history, source, found)
        k = int(np.argmin(rising))
        raise SeriesError(
            f'The new rows of "{history.ids[i]}" should rise from stamp to stamp, but {label(fresh[k + 1])} follows {label(fresh[k])} '
            f"(rows {k} and {k + 1} of them, counted from 0). Sort them, and give one row a stamp."
        )
    if fresh[0] <= last:
        raise SeriesError(f'The new rows of "{history.ids[i]}" begin at {label(fresh[0])}, but it already ends at {label(last)}. Give only rows after that.')
    if history.frequency is None:
        return np.arange(1, len(fresh) + 1)
    steps = np.asarray(history.frequency.count(last, fresh)).astype(np.int64)
    off = history.frequency.advance(last, steps) != fresh
    if fresh.dtype.kind == "f":
        off = np.abs(history.frequency.advance(last, steps) - fresh) > 0.01 * history.frequency.step
    if off.any() and found is not None and found.dated == history.frequency.dated and found.seconds < history.frequency.seconds:
        raise other_frequency(history, source, found)
    if off.any():
        k = int(np.argmax(off))
        raise SeriesError(
            f'{label(fresh[k])}, a new stamp of "{history.ids[i]}", is not a whole number of steps ({history.frequency}) after {label(last)}, the last.'
        )
    if steps[-1] > SPARSEST * (history.lengths[i] + len(steps)) + 1000:
        raise SeriesError(
            f'The new rows of "{history.ids[i]}" go to {label(fresh[-1])}, {int(steps[-1]):,} steps ({history.frequency}) after {label(last)}, the last. '
            "Mend that stamp."
        )
    apart = np.diff(steps)
    if len(new) >= FEWEST_SPARSE and apart.min() > 1 and found is not None and _coarser(found, history):
        if len(new) > FILLED * (found.count(written[0], written[-1:])[0] + 1):
            raise other_frequency(history, source, found)
    return steps


def other_frequency(history: Series, source: str, found: Frequency | None) -> SeriesError:
    """The refusal of rows that are `found` (None: irregular) apart."""
    own = history.frequency
    assert own is not None
    said = f"{source}: the new rows are {_spoken(found)}, the history is {_spoken(own)}"
    if found is not None and found.seconds > own.seconds:
        return SeriesError(f"{said}; give {_spoken(own)} rows, with empty values where an observation is missing.")
    return SeriesError(f"{said}; aggregate them with --every {own.step:g}{SHORT.get(own.unit, own.unit)} --how sum, or another summary such as mean.")


def _spoken(frequency: Frequency | None) -> str:
    """ "monthly", "30 minutes apart", "irregular"."""
    if frequency is None:
        return "irregular"
    if frequency.step == 1 and frequency.unit in ADVERBS:
        return ADVERBS[frequency.unit]
    return f"{frequency.step:g} {frequency.unit}{'s' * (frequency.step != 1)} apart"


def _coarser(found: Frequency | None, history: Series) -> bool:
    own = history.frequency
    return found is not None and own is not None and found.dated == own.dated and found.seconds > 1.01 * own.seconds


def _sparse(read: Series) -> bool:
    """Whether a series has no two values next to each other, and FEWEST_SPARSE of them or more."""
    for y in read:
        apart = np.diff(np.flatnonzero(~np.isnan(y)))
        if len(apart) >= FEWEST_SPARSE - 1 and apart.min() > 1:
            return True
    return False


def _there(table: Table, name: str) -> bool:
    try:
        return bool(existing(table, name))
    except SeriesError:
        return False


def _following(history: Series, read: Series) -> Series:
    """Rows without a time column on the steps that come next."""
    if history.frequency is None:
        raise SeriesError(f'{history.source} is irregular, so new rows need the time column "{history.names.time}".')
    index: list[Any] = list(np.split(read.index, read.offsets[1:-1]))
    for j, i in enumerate(positions(history, read)):
        if i is not None:
            index[j] = history.frequency.advance(history.index[history.offsets[i + 1] - 1], np.arange(1, read.lengths[j] + 1))
        elif history.index.dtype.kind != read.index.dtype.kind:
            raise unknown("series", read.ids[j], history.ids[:20])
    return replace(read, index=np.concatenate(index))


def _times(history: Series) -> dict[str, Any]:
    """What the history itself knows of its stamps."""
    numbers = "years" if history.years else "counts" if history.index.dtype.kind != "M" else None
    known = {"season_length": history.season_length, "timezone": history.timezone, "dates": history.reading.get("dates", numbers)}
    return known if "every" in history.reading else {**known, "frequency": history.frequency or NONE}


def _names(history: Series, table: Table, given: Mapping[str, Any], following: bool) -> dict[str, Any]:
    """The columns of `table` that the history knows by their names; a column that it does not know is found as in any file."""
    kept = history.reading
    long_form = history.panel and "id" not in given and _there(table, history.names.id) and _there(table, history.names.value)
    found: dict[str, Any] = {}
    for role in ("id", "time"):
        names = kept.get(role, getattr(history.names, role) if role == "time" else None)
        if names is not None and (names == NONE or all(_there(table, name) for name in ([names] if isinstance(names, str) else names))):
            found[role] = names
    if following and "time" not in found and history.index.dtype.kind != "M":
        found["time"] = NONE
    if long_form:
        return {**found, "id": history.names.id, "value": history.names.value}
    values = kept.get("value", history.ids if history.panel else history.names.value)
    values = [values] if isinstance(values, str) else list(values)
    by_column = len(values) > 1 and found.get("id", NONE) == NONE  # each column was a series
    values = [name for name in history.ids if name in values] or values if by_column else values
    there = [name for name in values if _there(table, name)]
    if there and (len(there) == len(values) or by_column):
        return {**found, "value": there}
    if "value" in kept and "value" not in given and table.named and not all(re.fullmatch(r"column_\d+", name) for name in values):
        missing = next(name for name in values if name not in there)
        roles = find_roles(table, Options(**{role: given.get(role, found.get(role)) for role in ("id", "time")}))
        raise SeriesError(
            f'{table.source} has no column "{missing}", of which the history is made; it has "{roles.values[0]}". '
            f"Pass --value {roles.values[0]} if that is meant, or rename the column. Rows to come need it too, empty, beside what is known of them."
        )
    return found


def rows_after(history: Series, data: Any, reading: Mapping[str, Any]) -> Series | None:
    """The rows of `data` that come after `history`, of each series that it knows after its own last row; None where there is none.

    A file or frame is read as the history was; `reading` says what is different. Raises SeriesError where `data` lack a series of
    the history, or have another kind of stamps, another frequency or another column of values.
    """
    array = isinstance(data, Series | np.ndarray | list | tuple | range)
    new = read_series(data, **reading) if array else read_like(history, data, reading)
    kinds = (history.index.dtype.kind, new.index.dtype.kind)
    if kinds[0] != kinds[1] and kinds != ("f", "i"):
        raise SeriesError(f"{new.source} has other stamps than {history.source}, which the model was fitted to.")
    known = positions(history, new)
    missing = [name for i, name in enumerate(history.ids) if i not in known]
    if missing:
        raise SeriesError(f'{new.source} has no series "{missing[0]}"; the model was fitted to {len(history)} series and needs them all.')
    strange = [name for name, i in zip(new.ids, known, strict=True) if i is None]
    if strange:
        told = f'The series "{strange[0]}"' + (f" and {len(strange) - 1} more" if len(strange) > 1 else "")
        new = replace(new, notes=(*new.notes, f"Left out, since the model does not know it: {told[0].lower()}{told[1:]} of {new.source}."))
    found = newer_rows(history, new)
    return rows_to_come(history, found) if found is not None and history.future and np.isnan(found.values).all() else found


def rows_to_come(history: Series, new: Series) -> Series:
    """Rows without any value, as what is known of the future covariates after the history: no rows, and their columns as `ahead`.

    Left as they are where they do not follow the history step by step, all series alike.
    """
    steps = int(new.lengths[0])
    places = [i for i in positions(history, new) if i is not None]
    if set(places) != set(range(len(history))) or set(new.future) != set(history.future) or (new.lengths != steps).any():
        return new
    if any((check_steps(history, i, new.source, new.stamps(j)) != np.arange(1, steps + 1)).any() for j, i in enumerate(places)):
        return new
    return new._rows(np.zeros(0, dtype=np.int64), 0 * new.lengths, np.arange(len(new)), {name: x.reshape(-1, steps) for name, x in new.future.items()})
