"""Irregular or finer stamps -> one row for each cell of a grid.

cell k  =  [first stamp of the cell, first stamp of the next)          value  =  mean, sum, last, … of what lies in it
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from inorder.data.clock import to_local
from inorder.data.frequency import MONTHS, Frequency
from inorder.data.grid import Rows, Speaker, complete, summarise
from inorder.data.options import SUMMARIES
from inorder.data.series import Series
from inorder.data.tables import Table
from inorder.errors import SeriesError, unknown
from inorder.typing import Index, Values


def regularised(series: Series, every: Any, how: str) -> Series:
    """The work behind `inorder.data.series.regularise`, which says what it does."""
    import polars as pl

    if how not in SUMMARIES:
        raise unknown("summary", how, SUMMARIES)
    width = cell_size(every, series.index, series.source)
    utc = series.timezone is not None and series.index.dtype.kind == "M" and (series.frequency is None or series.frequency.within_day)
    index = to_local(series.index, series.timezone) if utc and series.timezone is not None and not width.within_day else series.index
    columns: dict[Any, Values] = {"value": series.values, **{("past", name): values for name, values in series.past.items()}}
    columns |= {("future", name): values for name, values in series.future.items()}
    codes = np.repeat(np.arange(len(series)), series.lengths)
    table = Table(pl.DataFrame(), series.source)
    speak = Speaker(series.source, table.row, table.rows, series.label, series.ids, series.timezone is not None)
    rows = into_cells(Rows(codes, index, columns, np.arange(len(index))), width, how, "value")
    rows, notes = complete(rows, width, speak)
    return replace(
        series,
        values=rows.columns["value"],
        index=rows.index,
        offsets=rows.offsets,
        frequency=width,
        season_length=width.season_length,
        past={name: rows.columns["past", name] for name in series.past},
        future={name: rows.columns["future", name] for name in series.future},
        ahead={},
        years=False,
        reading={**series.reading, "every": str(width) if width.dated else float(width.step), "how": how},
        notes=(
            *series.notes,
            f"put on a grid of one row per {width} by {how}",
            *notes,
            *(["future covariates after the last row left out"] if series.ahead else []),
        ),
    )


def into_cells(rows: Rows, every: Frequency, how: str, main: Any) -> Rows:
    """One row for each cell of a grid that holds any.   main: the key of the values that `how` summarises; covariates take their mean.   rows: in order.

    A cell is named by its first stamp: midnight, Monday, the first of the month; times that are numbers by whole multiples of the step;
    counts from the first count of their series.
    """
    offsets, index = rows.offsets, rows.index
    if index.dtype.kind == "i":
        start = np.repeat(index[offsets[:-1]], np.diff(offsets))
        index = start + cell_of(index - start, every)
    else:
        index = cell_of(index, every)
    first = np.concatenate([[True], (index[1:] != index[:-1]) | (rows.codes[1:] != rows.codes[:-1])])
    cells = np.cumsum(first) - 1
    columns = {key: summarise(values, cells, int(cells[-1]) + 1, how if key == main else "mean") for key, values in rows.columns.items()}
    return Rows(rows.codes[first], index[first], columns, rows.origin[first])


def cell_of(index: Any, every: Frequency) -> Any:
    """The first stamp of the cell that each stamp lies in.

    >>> cell_of(np.array(["2024-02-29T13:47"], "datetime64[us]"), Frequency("hour")).astype(str).tolist()
    ['2024-02-29T13:00:00.000000']
    """
    if index.dtype.kind != "M":
        if index.dtype.kind == "i" and every.step == int(every.step):
            return index // int(every.step) * int(every.step)
        return np.floor(index / every.step + 1e-9) * every.step
    if every.unit in MONTHS:
        length = int(MONTHS[every.unit] * every.step)
        return (index.astype("datetime64[M]").astype(np.int64) // length * length).astype("datetime64[M]").astype("datetime64[us]")
    days = index.astype("datetime64[D]").astype(np.int64)
    if every.unit == "week":  # from Monday; day 0 was a Thursday
        length = 7 * int(every.step)
        return ((days + 3) // length * length - 3).astype("datetime64[D]").astype("datetime64[us]")
    if every.unit == "business day":
        return np.asarray(np.busday_offset(days.astype("datetime64[D]"), 0, roll="backward")).astype("datetime64[us]")
    if every.unit == "day":
        return (days // int(every.step) * int(every.step)).astype("datetime64[D]").astype("datetime64[us]")
    length = round(every.seconds * 1e6)
    return (index.astype("datetime64[us]").astype(np.int64) // length * length).view("datetime64[us]")


def cell_size(every: Any, index: Index, source: str) -> Frequency:
    """`every` as a frequency: a unit of time where the index is dates, a number where it is numbers."""
    if isinstance(every, str):
        try:
            every = float(every)
        except ValueError:
            pass
    if isinstance(every, int | float) and not isinstance(every, bool):
        every = Frequency("step", int(every) if every == int(every) else every)
    width = Frequency.parse(every)
    if width.dated != (index.dtype.kind == "M"):
        wanted = 'a unit of time such as "1d"' if index.dtype.kind == "M" else "a number, as the times are"
        raise SeriesError(f"{source}: `every` ({width}) should be {wanted}.")
    return width
