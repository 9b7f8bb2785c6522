"""Files, frames and arrays -> Series, step by step.

    table  ->  which column is what  ->  texts to numbers and stamps  ->  time zone  ->  order, duplicates, grid  ->  season

Each step says in a note what it assumed or mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.cells import VALUE, codes_of, numbers_of, stacked, stamps_of, without_empty_rows, without_ends
from inorder.data.clock import to_local, to_utc
from inorder.data.columns import find_roles
from inorder.data.dates import Stamps
from inorder.data.frequency import Frequency
from inorder.data.grid import Rows, Speaker, complete, find_frequency, in_order, one_row_a_stamp
from inorder.data.numerals import BadCell
from inorder.data.options import NONE, REMEMBERED, Options
from inorder.data.regularising import cell_size, into_cells
from inorder.data.roles import Roles
from inorder.data.season import infer_season_length
from inorder.data.series import Names, Series
from inorder.data.stamps import to_stamps
from inorder.data.tables import Table, read_table
from inorder.errors import SeriesError
from inorder.typing import Index, Offsets, Values


def read(data: Any, options: Options) -> Series:
    """The work behind `inorder.read_series`, which says what it does."""
    if isinstance(data, Series):
        if options.given:
            raise SeriesError(f"A Series is read already; {options.given[0]} cannot change it. Give the file, or make a changed copy.")
        return data
    if isinstance(data, np.ndarray | list | tuple | range) or (np.isscalar(data) and not isinstance(data, str)):
        return _from_array(data, options)
    series = read_columns(read_table(data, options), options)
    if np.isnan(series.values).all():
        raise _no_values(series.source, series.names.value)
    return series


def _no_values(source: str, column: str) -> SeriesError:
    return SeriesError(f'{source}: the column "{column}" has no values, only missing ones.')


def read_columns(table: Table, options: Options) -> Series:
    """The series in a table."""
    table, emptied = without_empty_rows(table)
    roles = find_roles(table, options)
    notes = [*table.notes, *emptied]
    stamps = stamps_of(table, roles, options)
    codes, ids = codes_of(table, roles)
    columns, cell_notes, mark = numbers_of(table, roles, options)
    rows = stacked(table, roles, stamps, codes, columns)
    ids = ids if roles.id or not roles.panel else roles.values
    if roles.id and len(roles.values) > 1 and not roles.across:
        ids = tuple(f"{id}/{name}" for id in ids for name in roles.values)
    notes += [*roles.notes, *(text.format(row=table.row(row)) if row is not None else text for text, row in (stamps.notes if stamps else ())), *cell_notes]
    if roles.across:
        rows = without_ends(rows)
        if empty := len(ids) - len(np.unique(rows.codes)):
            notes.append(f"{empty:,} series without values left out")
    if len(rows.codes) == 0:
        raise _no_values(table.source, roles.values[0])
    rows, zone, utc, clock_notes = _in_zone(rows, stamps, roles, options, table)
    if len(rows.codes) == 0:  # all at times that never were
        raise _no_values(table.source, roles.values[0])
    speak = Speaker(table.source, table.row, table.rows, _label(zone if utc else None), ids, zone is not None)
    if options.start is not None:
        rows = _from_start(rows, options, table)
    rows, order_notes = in_order(rows)
    frequency, rows, utc, grid_notes = _on_grid(rows, options, stamps.unit if stamps else None, zone, utc, speak)
    notes += [*clock_notes, *order_notes, *grid_notes]
    if frequency is None and zone is not None and not utc:
        rows = replace(rows, index=to_utc(rows.index, zone)[0])
    series = _series(rows, frequency, ids, roles, options, table, zone, stamps, notes)
    return replace(series, reading=_remembered(frequency, roles, options, table, stamps, mark))


def read_in_order(data: Any, options: Options) -> Series:
    """One series whose rows stay in the order of the file, at whatever stamps: none is sorted, joined, dropped or added, so the series is irregular."""
    table, _ = without_empty_rows(read_table(data, options))
    roles = find_roles(table, options)
    stamps = stamps_of(table, roles, options)
    codes, ids = codes_of(table, roles)
    columns, _, _ = numbers_of(table, roles, options)
    rows = stacked(table, roles, stamps, codes, columns)
    if len(ids) > 1 or len(roles.values) > 1:
        raise SeriesError(f"{table.source} holds several series, and their stamps are irregular; name one of the columns with --value, or give a file each.")
    if stamps is None:
        raise SeriesError(f"{table.source} has no column of stamps.")
    return _series(rows, None, ids if roles.id else roles.values, roles, options, table, None, stamps, [])


def _from_array(data: Any, options: Options) -> Series:
    """Numbers without columns: (time,) or (time, series)."""
    allowed = {"season_length", "frequency", "start"}
    for name in options.given:
        if name not in allowed:
            raise SeriesError(f"`{name}` is about columns or texts, and an array has neither. Give a frame, or Series.of(values, index=…, frequency=…).")
    try:
        array = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError):
        first = next((item for item in data if not isinstance(item, int | float | type(None))), data)
        raise SeriesError(f"An array of numbers was expected, (time,) or (time, series); it holds {first!r:.60}.") from None
    series = Series.of(array)
    notes: tuple[str, ...] = ()
    if isinstance(options.frequency, Frequency) and options.frequency.dated:
        if options.start is None:
            notes = (_only_season(options.frequency),)
        else:
            index = options.frequency.advance(_first_stamp(options), np.arange(array.shape[0]))
            series = replace(series, index=np.tile(index, len(series)), frequency=options.frequency)
    season, season_notes = _season(series, options)
    return replace(series, season_length=season, notes=(*notes, *season_notes))


def _only_season(frequency: Frequency) -> str:
    return f"no dates: the frequency ({frequency}) only sets the season (--start, such as 1980-01, gives dates)"


def _first_stamp(options: Options) -> Index:
    """The first stamp that was given for a series without dates, (1,)."""
    import polars as pl

    assert options.start is not None
    try:
        first = to_stamps(pl.Series([options.start.strip()]), options.dates, name="year").values  # four digits are a year
    except BadCell:
        first = np.zeros(1)
    if first.dtype.kind != "M":
        raise SeriesError(f'`start` is a date such as "1980-01", not "{options.start}".')
    return first


def _in_zone(rows: Rows, stamps: Stamps | None, roles: Roles, options: Options, table: Table) -> tuple[Rows, str | None, bool, list[str]]:
    """The rows with stamps as `Series.index` keeps them, their time zone, whether they are UTC, and notes."""
    index, wish = rows.index, options.timezone
    written = stamps.zone if stamps is not None else None
    if index.dtype.kind != "M":
        if wish is not None:
            raise SeriesError(f"{table.source} has times without dates, so the time zone {wish} has no use.")
        return rows, None, False, []
    zone = wish or written
    if zone is None:
        return rows, None, False, []
    local = to_local(index, zone) if written else index
    if _days_or_longer(local, options):
        return replace(rows, index=local), zone, False, []
    if written:
        return rows, zone, True, []
    empty = np.logical_and.reduce([np.isnan(values) for values in rows.columns.values()])
    try:
        utc, exists = to_utc(index, zone, rows.codes, skip=empty)
    except BadCell as bad:
        remedy = "Name another zone with --timezone, or mend the row."
        raise table.refuse(int(rows.origin[bad.row]), "/".join(roles.time), bad.text, bad.expected, remedy) from None
    notes = []
    if (doubled := _doubled(index, rows.codes)) is not None:
        notes.append(f"{_label(None)(doubled)} appears twice where clocks went back in {zone}: two different hours")
    if not exists.all():
        notes.append(f"{int((~exists).sum()):,} rows without values left out, at times that clocks skipped in {zone}")
    return replace(rows, index=utc).take(exists), zone, True, notes


def _doubled(local: Index, codes: Offsets) -> Any:
    """The first local stamp that a series has twice; None where there is none."""
    order = np.lexsort((local, codes))
    same = (local[order][1:] == local[order][:-1]) & (codes[order][1:] == codes[order][:-1])
    return local[order][int(np.argmax(same))] if same.any() else None


def _days_or_longer(local: Index, options: Options) -> bool:
    """Whether stamps name days, so that they stay on the local calendar: all have the same time of day."""
    if isinstance(options.frequency, Frequency):
        return not options.frequency.within_day
    time = local - local.astype("datetime64[D]")
    if (time != time[0]).any():
        return False
    return bool(time[0] == np.timedelta64(0, "us") or (local.astype("datetime64[D]") != local[0].astype("datetime64[D]")).any())


def _label(zone: str | None) -> Any:
    """A function that writes a stamp for people, before the frequency is known."""

    def label(stamp: Any) -> str:
        if isinstance(stamp, np.datetime64):
            local = to_local(np.array([stamp]), zone)[0] if zone else stamp
            text = str(local.astype("datetime64[us]")).replace("T", " ")
            return text.removesuffix(".000000").removesuffix(":00").removesuffix(" 00:00")
        return f"{stamp:.15g}"

    return label


def _from_start(rows: Rows, options: Options, table: Table) -> Rows:
    """Counted steps as dates, from the first stamp that was given."""
    if rows.index.dtype.kind != "i":
        raise SeriesError(f"{table.source} has its own times, so `start` ({options.start}) has no use. Leave it out, or pass --time none.")
    assert isinstance(options.frequency, Frequency)
    return replace(rows, index=np.asarray(options.frequency.advance(_first_stamp(options), rows.index - rows.index.min())))


def _on_grid(rows: Rows, options: Options, unit: str | None, zone: str | None, utc: bool, speak: Speaker) -> tuple[Frequency | None, Rows, bool, list[str]]:
    """One row a stamp, on the complete grid of the frequency, where there is one."""
    if options.every is not None:
        every = cell_size(options.every, rows.index, speak.source)
        if utc and zone is not None and not every.within_day:
            rows, utc = replace(rows, index=to_local(rows.index, zone)), False
        rows = into_cells(rows, every, options.how, VALUE)
        rows, notes = complete(rows, every, speak)
        return every, rows, utc, [f"put on a grid of one row per {every} by {options.how}", *notes]
    rows, notes = one_row_a_stamp(rows, options.duplicates, VALUE, speak)
    given = options.frequency
    if isinstance(given, Frequency) and given.dated and rows.index.dtype.kind != "M":
        notes.append(_only_season(given))
        given = None
    frequency, rows, more = find_frequency(rows, given, unit, speak)
    notes += more
    if frequency is None and given is None and len(rows.offsets) == len(rows.index) + 1:
        notes.append("one row does not show how far apart the next ones are (--frequency, such as monthly)")
    if frequency is not None:
        rows, more = complete(rows, frequency, speak)
        notes += more
    return frequency, rows, utc, notes


def _series(
    rows: Rows,
    frequency: Frequency | None,
    ids: tuple[str, ...],
    roles: Roles,
    options: Options,
    table: Table,
    zone: str | None,
    stamps: Stamps | None,
    notes: list[str],
) -> Series:
    offsets = rows.offsets
    present = rows.codes[offsets[:-1]]
    covariates = {role: {key[1]: values for key, values in rows.columns.items() if key[0] == role} for role in ("past", "future", "static")}
    series = Series(
        values=rows.columns[VALUE],
        index=rows.index,
        offsets=offsets,
        ids=tuple(ids[int(code)] for code in present),
        frequency=frequency,
        panel=roles.panel,
        past=covariates["past"],
        future=covariates["future"],
        static={name: _constant(values, offsets, name, table, rows, ids) for name, values in covariates["static"].items()},
        names=Names(
            id="/".join(roles.id) if roles.id else "series",
            time="/".join(roles.time) if roles.time else "step" if "time" in (*roles.values, *options.covariates) else "time",
            value=roles.values[0] if len(roles.values) == 1 else "y",
        ),
        timezone=zone,
        years=bool(stamps is not None and stamps.years and frequency is not None and frequency.unit == "year" and not roles.across == "months"),
        frame=table.frame,
        source=table.source,
    )
    if series.future:
        series, ahead_notes = _ahead(series)
        notes += ahead_notes
    season, season_notes = _season(series, options)
    return replace(series, season_length=season, notes=(*notes, *season_notes))


def _remembered(frequency: Frequency | None, roles: Roles, options: Options, table: Table, stamps: Stamps | None, mark: str | None) -> dict[str, Any]:
    """How the table was read, as JSON values under the names of the options: what was told, and what was found and a shorter file might not show."""
    kept = {name: getattr(options, name) for name in options.given if name in REMEMBERED}
    if roles.across == "rows":
        kept |= {"id": roles.id, "layout": "rows"} | ({"header": table.named} if table.text is not None else {})  # one year alone looks like data
    elif not roles.across and (table.named or table.text is not None):
        kept |= {"id": roles.id or NONE, "time": roles.time or NONE, "value": roles.values}
    if stamps is not None and stamps.way is not None:
        kept.setdefault("dates", stamps.way)
    if mark is not None:
        kept.setdefault("decimal", mark)
    if options.every is not None and frequency is not None:
        kept["every"] = str(frequency) if frequency.dated else float(frequency.step)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


def _constant(values: Values, offsets: Offsets, name: str, table: Table, rows: Rows, ids: Sequence[str]) -> Values:
    """(series,) the one number that a static covariate has in each series."""
    low = np.fmin.reduceat(values, offsets[:-1])
    high = np.fmax.reduceat(values, offsets[:-1])
    varying = (low != high) & ~np.isnan(low)
    if varying.any():
        i = int(np.argmax(varying))
        begin, end = int(offsets[i]), int(offsets[i + 1])
        other = begin + int(np.argmax((values[begin:end] != low[i]) & ~np.isnan(values[begin:end])))
        raise SeriesError(
            f'{table.source}, {table.row(int(rows.origin[other]))}: the static column "{name}" changes within the series "{ids[int(rows.codes[begin])]}" '
            f"({low[i]:g} and {high[i]:g}). A static covariate is one number a series; name it with --past or --future."
        )
    return np.asarray(low)


def _ahead(series: Series) -> tuple[Series, list[str]]:
    """Rows after the last value of each series, whose future covariates are known ahead, leave the history."""
    present = ~np.isnan(series.values)
    last = np.maximum.reduceat(np.where(present, np.arange(len(present)), -1), series.offsets[:-1])
    after = series.offsets[1:] - 1 - last
    if (last < 0).any() or not after.any():
        return series, []
    steps = int(after.max())
    ahead = {}
    for name, values in series.future.items():
        ahead[name] = np.full((len(series), steps), np.nan)
        for i in np.flatnonzero(after):
            ahead[name][i, : after[i]] = values[last[i] + 1 : series.offsets[i + 1]]
    kept: NDArray[np.int64] = np.concatenate([np.arange(a, b) for a, b in zip(series.offsets[:-1], last + 1, strict=True)])
    history = series._rows(kept, series.lengths - after, np.arange(len(series)), ahead)
    return history, [f"{steps:,} row{'s' * (steps > 1)} after the last value: their future covariates are known ahead"]


def _season(series: Series, options: Options) -> tuple[int, tuple[str, ...]]:
    """The season length, and a note where it was inferred from the values."""
    if options.season_length is not None:
        return options.season_length, ()
    if isinstance(options.frequency, Frequency) and options.frequency.dated:
        return options.frequency.season_length, ()
    if series.frequency is None:
        return 1, ()
    if series.frequency.dated:
        return series.frequency.season_length, ()
    season = infer_season_length([series.y(int(i)) for i in np.unique(np.linspace(0, len(series) - 1, min(len(series), 50)).astype(int))])
    return season, (f"season length {season} found in the autocorrelation (--season-length to change)",) if season > 1 else ()
