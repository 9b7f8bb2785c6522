"""Rows in any order -> series on a complete grid.

    sort  ->  one row a stamp  ->  frequency  ->  a row for every stamp of the grid, NaN where the file has none

Everything is done on flat arrays for all series at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.clock import looks_like_clock_change
from inorder.data.frequency import MONTHS, Frequency
from inorder.data.spacing import ROUNDING, coarser_series, infer_frequency, months_of_business_days
from inorder.errors import SeriesError
from inorder.typing import Offsets, Values

SPARSEST = 20  # cells of the grid for each row that is there


class OffGrid(SeriesError):
    """Stamps that do not stand on the grid of the frequency that was given."""


@dataclass(frozen=True)
class Rows:
    """Rows of all series.

    codes: (rows,) which series.   index: (rows,) stamps.   columns: (rows,) values and covariates by role and name.
    origin: (rows,) the row of the table that each came from.
    """

    codes: Offsets
    index: Any  # an Index; its three kinds share the operators used here
    columns: Mapping[Any, Values]
    origin: Offsets

    def take(self, rows: NDArray[Any]) -> Rows:
        return Rows(self.codes[rows], self.index[rows], {key: values[rows] for key, values in self.columns.items()}, self.origin[rows])

    @property
    def offsets(self) -> Offsets:
        """Where each series begins, once the rows are sorted."""
        edges = np.flatnonzero(np.diff(self.codes)) + 1
        return np.concatenate([[0], edges, [len(self.codes)]]).astype(np.int64)


@dataclass(frozen=True)
class Speaker:
    """How errors and notes speak of rows, series and stamps."""

    source: str
    row: Callable[[int], str]
    rows: Callable[[int, int], str]
    label: Callable[[Any], str]
    ids: tuple[str, ...]
    zoned: bool

    def of(self, code: int) -> str:
        return f' of "{self.ids[code]}"' if len(self.ids) > 1 else ""


def in_order(rows: Rows) -> tuple[Rows, list[str]]:
    """Sorted by series and stamp; rows of one stamp keep their order."""
    codes, index = rows.codes, rows.index
    same = codes[1:] == codes[:-1]
    later = index[1:] >= index[:-1]
    if (later | ~same).all() and (codes[1:] >= codes[:-1]).all():
        return rows, []
    mixed = bool((~later & same).any()) or not (codes[1:] >= codes[:-1]).all()
    order = np.lexsort((index, codes))
    ordered = rows.take(order)
    moved = bool((np.diff(ordered.origin)[np.diff(ordered.codes) == 0] < 0).any())
    if not moved or not mixed:
        return ordered, []
    steps = np.diff(rows.index.astype(np.int64) if rows.index.dtype.kind == "M" else rows.index)[same]
    return ordered, ["the rows, newest first, were turned round" if len(steps) and (steps <= 0).all() else "the rows were not in order of time and were sorted"]


def one_row_a_stamp(rows: Rows, how: str, main: Any, speak: Speaker) -> tuple[Rows, list[str]]:
    """Without repeated stamps: equal rows are dropped, others refused, or summarised as `how` says.   rows: in order.

    main: the key of the values; covariates take the first, the last or the mean.
    """
    repeated = (rows.index[1:] == rows.index[:-1]) & (rows.codes[1:] == rows.codes[:-1])
    if not repeated.any():
        return rows, []
    places = np.flatnonzero(repeated)
    equal = np.ones(len(places), bool)
    for values in rows.columns.values():
        a, b = values[places], values[places + 1]
        equal &= (a == b) | (np.isnan(a) & np.isnan(b))
    notes = []
    if equal.any():
        again = places[equal] + 1
        notes.append(f"{_times(len(np.unique(rows.origin[again])), 'repeated row')} dropped")
        rows = rows.take(np.delete(np.arange(len(rows.codes)), again))
        repeated = (rows.index[1:] == rows.index[:-1]) & (rows.codes[1:] == rows.codes[:-1])
    if not repeated.any():
        return rows, notes
    place = int(np.argmax(repeated))
    if how == "error":
        raise _repeated(rows, place, int(repeated.sum()), speak)
    first = np.concatenate([[True], ~repeated])
    cells = np.cumsum(first) - 1
    others = how if how in ("first", "last") else "mean"
    columns = {key: summarise(values, cells, int(cells[-1]) + 1, how if key == main else others) for key, values in rows.columns.items()}
    notes.append(f"{_times(int((~first).sum()), 'row')} at a stamp that was there already: taken together as {how}")
    return replace(rows.take(first), columns=columns), notes


def _repeated(rows: Rows, place: int, count: int, speak: Speaker) -> SeriesError:
    stamp, origin = rows.index[place], sorted(rows.origin[place : place + 2].tolist())
    where = speak.rows(*origin) if origin[0] != origin[1] else speak.row(origin[0])
    said = f"{speak.source}: {speak.label(stamp)}{speak.of(int(rows.codes[place]))} appears twice with different values ({where})"
    more = f", as do {count - 1:,} more stamps" if count > 1 else ""
    if rows.index.dtype.kind == "M" and not speak.zoned and looks_like_clock_change(stamp):
        return SeriesError(f"{said}{more}. Did the clocks change? Name the time zone, such as --timezone Europe/Paris; else choose with --duplicates mean.")
    series = "" if len(speak.ids) > 1 else " If the file holds several series, name the column that tells them apart with --id."
    return SeriesError(f"{said}{more}. Choose with --duplicates mean, first, last or sum.{series}")


def summarise(values: Values, cells: Offsets, count: int, how: str) -> Values:
    """(count,) what stands for the values of each cell; missing values do not count, and a cell without any is NaN.   cells: (rows,) rising."""
    import polars as pl

    column = pl.col("value")
    summary = {
        "mean": column.mean(),
        "sum": column.sum(),
        "median": column.median(),
        "min": column.min(),
        "max": column.max(),
        "first": column.first(),
        "last": column.last(),
    }[how]
    present = ~np.isnan(values)
    table = pl.DataFrame({"cell": cells[present], "value": values[present]}).group_by("cell", maintain_order=True).agg(summary)
    result = np.full(count, np.nan)
    result[table["cell"].to_numpy()] = table["value"].to_numpy()
    return result


def find_frequency(rows: Rows, given: Frequency | str | None, unit: str | None, speak: Speaker) -> tuple[Frequency | None, Rows, list[str]]:
    """The frequency, given or inferred, and the rows with stamps that stand exactly on it.   rows: in order, one a stamp."""
    offsets, notes = rows.offsets, []
    if isinstance(given, Frequency):
        return _on_given(rows, given, offsets, speak)
    if given is not None:  # "none"
        return None, rows, []
    if rows.index.dtype.kind == "M" and (moved := months_of_business_days(rows.index)) is not None:
        rows = replace(rows, index=moved[0])
        notes.append(moved[1])
    frequency = infer_frequency(rows.index, offsets, unit)
    if frequency is None and len(offsets) > 2:  # each for itself: monthly on the 1st and on the 15th, or monthly and weekly
        own = [infer_frequency(rows.index[a:b], np.array([0, b - a]), unit) for a, b in zip(offsets[:-1][:50], offsets[1:][:50], strict=True)]
        if None not in own and len(set(own)) > 1:
            other = next(i for i, f in enumerate(own) if f != own[0])
            raise _mixed(speak, rows, offsets, 0, str(own[0]), other, str(own[other]))
        if own[0] is not None and len(set(own)) == 1 and _explains(own[0], rows.index, offsets):
            frequency = own[0]
    if frequency is not None and (i := coarser_series(rows.index, offsets, frequency)) is not None:
        own_frequency = infer_frequency(rows.index[offsets[i] : offsets[i + 1]], np.array([0, offsets[i + 1] - offsets[i]]), unit)
        raise _mixed(speak, rows, offsets, None, str(frequency), i, str(own_frequency))
    return frequency, rows, notes


def _explains(frequency: Frequency, index: Any, offsets: Offsets) -> bool:
    start = np.repeat(index[offsets[:-1]], np.diff(offsets))
    expected = frequency.advance(start, frequency.count(start, index))
    return bool(np.abs(expected - index).max() <= ROUNDING * frequency.step) if index.dtype.kind == "f" else bool((expected == index).all())


def _mixed(speak: Speaker, rows: Rows, offsets: Offsets, i: int | None, frequency: str, j: int, other: str) -> SeriesError:
    name = "other series" if i is None else f'"{speak.ids[int(rows.codes[offsets[i]])]}"'
    return SeriesError(
        f'{speak.source} holds series of different frequencies: "{speak.ids[int(rows.codes[offsets[j]])]}" has one row per {other}, {name} one per '
        f"{frequency}. Read them from separate files, or set the finer one with --frequency."
    )


def _on_given(rows: Rows, frequency: Frequency, offsets: Offsets, speak: Speaker) -> tuple[Frequency, Rows, list[str]]:
    index = rows.index
    if frequency.dated != (index.dtype.kind == "M"):
        needed, found = ("dates", "numbers") if frequency.dated else ("counted steps", "dates")
        raise SeriesError(f'{speak.source}: the frequency "{frequency}" needs {needed}, but the times are {found}.')
    if frequency.unit in MONTHS:
        return _on_months(rows, frequency, offsets, speak)
    start = np.repeat(index[offsets[:-1]], np.diff(offsets))
    expected = frequency.advance(start, frequency.count(start, index))
    off = np.abs(expected - index) > (ROUNDING * frequency.step if index.dtype.kind == "f" else 0 * (index[0] - index[0]))
    if off.any():
        place = int(np.argmax(off))
        raise OffGrid(
            f"{speak.source}, {speak.row(int(rows.origin[place]))}: {speak.label(index[place])}{speak.of(int(rows.codes[place]))} is not a whole number "
            f"of steps ({frequency}) after {speak.label(start[place])}. Put the series on a grid with --every, or leave the frequency to be found."
        )
    return frequency, replace(rows, index=np.asarray(expected)), []


def _on_months(rows: Rows, frequency: Frequency, offsets: Offsets, speak: Speaker) -> tuple[Frequency, Rows, list[str]]:
    """One stamp in each month, quarter or year that there is; its day is taken from the first day or the last."""
    months = rows.index.astype("datetime64[M]")
    days = rows.index.astype("datetime64[D]")
    last = bool(((days + 1).astype("datetime64[M]") != months).all())
    length = int(MONTHS[frequency.unit] * frequency.step)
    start = np.repeat(months[offsets[:-1]], np.diff(offsets))
    apart = (months - start).astype(np.int64)
    period = apart // length
    again = (np.diff(period) == 0) & (np.diff(rows.codes) == 0)
    if again.any():
        place = int(np.argmax(again))
        raise OffGrid(
            f"{speak.source}: {speak.label(rows.index[place])} and {speak.label(rows.index[place + 1])}{speak.of(int(rows.codes[place]))} "
            f"({speak.rows(int(rows.origin[place]), int(rows.origin[place + 1]))}) lie in the same {frequency}. "
            f"Put the series on a grid with --every {frequency.unit}."
        )
    same_day = bool((rows.index - months.astype("datetime64[us]") == rows.index[0] - months[0].astype("datetime64[us]")).all()) and bool(
        (apart % length == 0).all()
    )
    if same_day and not last:
        return frequency, rows, []
    day = start + period * length
    first = day.astype("datetime64[us]")
    index = (day + 1).astype("datetime64[D]").astype("datetime64[us]") - np.timedelta64(86_400_000_000, "us") if last else first
    moved = not bool((index == rows.index).all())
    notes = [f"stamps moved to the {'last' if last else 'first'} day of their {frequency}"] if moved else []
    return replace(frequency, month_end=last), replace(rows, index=index), notes


def complete(rows: Rows, frequency: Frequency, speak: Speaker) -> tuple[Rows, list[str]]:
    """A row for every stamp of the grid between the first and the last of each series.

    Raises SeriesError where the grid would be far larger than the rows.
    """
    offsets = rows.offsets
    lengths = np.diff(offsets)
    start = np.repeat(rows.index[offsets[:-1]], lengths)
    places = np.asarray(frequency.count(start, rows.index)).astype(np.int64)
    full = places[offsets[1:] - 1] + 1
    if (full == lengths).all():
        return rows, []
    total, there = int(full.astype(np.float64).sum()), len(rows.index)  # a sum of whole numbers could overflow
    if total > SPARSEST * there + 1000:
        gaps = np.diff(places) * (np.diff(rows.codes) == 0)
        widest = int(np.argmax(gaps))
        raise SeriesError(
            f"{speak.source}: the grid of one row per {frequency} would have {total:,} rows for {there:,} that are there; the widest gap lies between "
            f"{speak.label(rows.index[widest])} and {speak.label(rows.index[widest + 1])} ({speak.rows(*rows.origin[widest : widest + 2].tolist())}). "
            f"Mend that stamp, leave the times irregular with --frequency none, or take wider cells with --every."
        )
    begin = np.concatenate([[0], np.cumsum(full)]).astype(np.int64)
    target = begin[np.repeat(np.arange(len(full)), lengths)] + places
    codes = np.repeat(rows.codes[offsets[:-1]], full)
    cell = np.arange(total) - np.repeat(begin[:-1], full)
    index = np.asarray(frequency.advance(np.repeat(rows.index[offsets[:-1]], full), cell))
    index[target] = rows.index
    origin = np.full(total, -1)
    origin[target] = rows.origin
    columns = {}
    for key, values in rows.columns.items():
        columns[key] = np.full(total, np.nan)
        columns[key][target] = values
    gaps = int(((np.diff(places) > 1) & (np.diff(rows.codes) == 0)).sum())
    first = int(np.argmax(origin < 0))
    which = f" in {int((full > lengths).sum()):,} series" if len(full) > 1 else ""
    where = f"{_times(gaps, 'gap')}, the first at {speak.label(index[first])}{speak.of(int(codes[first]))}"
    added = f"{_times(total - there, 'stamp')} without a row{which} ({where}) counted as missing"
    hint = ""
    if not speak.zoned and rows.index.dtype.kind == "M" and frequency.within_day and looks_like_clock_change(index[first]):
        hint = "; if the clocks went forward there, --timezone makes it no gap"
    return Rows(codes, index, columns, origin), [added + hint]


def _times(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
