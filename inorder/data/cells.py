"""The cells of the columns that are used -> stamps, series and numbers, one row of arrays for each row of the table.

A cell that does not fit its column is refused with its file, row, column and value, and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.data.columns import existing
from inorder.data.dates import Stamps
from inorder.data.grid import Rows
from inorder.data.layouts import are_dates
from inorder.data.marks import Signs, bare, decimal_mark, undecided
from inorder.data.months import month_numbers
from inorder.data.numerals import BadCell, absent, to_numbers
from inorder.data.options import Options
from inorder.data.roles import Roles
from inorder.data.stamps import to_stamps
from inorder.data.tables import Table
from inorder.data.totals import ends_in_total, looks_like_total
from inorder.errors import SeriesError
from inorder.typing import Offsets, Values

if TYPE_CHECKING:
    import polars as pl

VALUE = "value"  # the key of the values beside the covariates


def without_empty_rows(table: Table) -> tuple[Table, list[str]]:
    """Rows without any cell are left out, where there is more than one column."""
    import polars as pl

    columns = table.columns
    if len(columns) == 0:
        raise SeriesError(f"{table.source} has no rows.")
    if columns.width == 0:
        raise SeriesError(f"{table.source} has no columns.")
    if table.text is not None and columns.width == 1 and columns[-1, 0] is None:  # blank lines at the end
        there = columns.to_series().is_not_null().arg_true()
        return replace(table, columns=columns.head(int(there[-1]) + 1 if len(there) else 1)), []
    if columns.width == 1 or not all(column.null_count() for column in columns.iter_columns()):
        return table, []
    filled = columns.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    if filled.all():
        return table, []
    if not filled.any():
        raise SeriesError(f"{table.source} has {len(columns):,} rows, all of them empty.")
    kept = filled.arg_true().to_numpy()
    count = len(columns) - len(kept)
    return replace(table, columns=columns.filter(filled), origin=kept), [f"{count:,} empty row{'s' * (count > 1)} left out"]


def stamps_of(table: Table, roles: Roles, options: Options) -> Stamps | None:
    """The time column as stamps, or the names of the columns where each row is a series; None where the order counts."""
    import polars as pl

    if roles.across == "rows" and are_dates(roles.values) and options.dates != "counts":
        try:
            return to_stamps(pl.Series(roles.values), options.dates, "year")
        except BadCell as bad:
            raise SeriesError(f'{table.source}: the name of the column "{bad.text}" is not {bad.expected}.') from None
    if not roles.time:
        if not roles.across and ends_in_total(table.columns.drop(*roles.id)):
            raise _a_total(table, len(table.columns) - 1)
        if options.timezone is not None:
            raise SeriesError(f"{table.source} has no time column, so the time zone {options.timezone} has no use. Name the column with --time.")
        return None
    name = "/".join(roles.time)
    columns = [table.columns[part] for part in roles.time]
    for part, column in zip(roles.time, columns, strict=True):
        if column.null_count():
            row = int(column.is_null().arg_max() or 0)
            if looks_like_total(table.columns, row, roles.values):
                raise _a_total(table, row)
            remedy = "Complete or remove the row" + (", or take the order of the rows with --time none." if row < len(column) - 1 else ".")
            raise SeriesError(f'{table.source}, {table.row(row)}, column "{part}" is empty; every row needs its time. {remedy}')
    try:
        column = columns[0] if len(columns) == 1 else _joined_time(table.columns, roles.time, roles.parts)
        if column.dtype.is_float() and not column.is_finite().all():
            row = int((~column.is_finite()).arg_max() or 0)
            raise BadCell(row, str(column[row]), "a time")
        return to_stamps(column, options.dates, name)
    except BadCell as bad:
        row = len(column) - 1 if ends_in_total(table.columns) else bad.row
        if looks_like_total(table.columns, row, roles.values):
            raise _a_total(table, row) from None
        remedy = "Say how dates are written with --dates, such as day-first or %d.%m.%Y." if "exists in" not in bad.expected else ""
        raise table.refuse(bad.row, name, bad.text, bad.expected, remedy) from None


def _a_total(table: Table, row: int) -> SeriesError:
    return SeriesError(f"{table.source}, {table.row(row)} looks like a total: remove it, so that every row is one time.")


def _joined_time(columns: pl.DataFrame, names: Sequence[str], kinds: Sequence[str]) -> pl.Series:
    """Year and month, year and quarter, date and hour …: one text a row."""
    import polars as pl

    texts = {name: columns[name].cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "") for name in names}
    if kinds:
        part = dict(zip(kinds, texts.values(), strict=True))
        joined = part["year"]
        if "quarter" in part:
            return joined + "-Q" + part["quarter"].str.replace("^[Qq]", "")
        if "week" in part:
            return joined + "-W" + part["week"].str.zfill(2)
        joined = joined + "-" + month_numbers(part["month"]).cast(pl.String).fill_null(part["month"])
        if "day" in part:
            joined = joined + "-" + part["day"]
        if "hour" in part:
            joined = joined + " " + part["hour"].str.zfill(2) + ":" + (part["minute"].str.zfill(2) if "minute" in part else "00")
        return joined
    joined = texts[names[0]]
    for name in names[1:]:
        whole = texts[name].str.contains(r"^\d{1,2}$")
        joined = joined + " " + pl.Series(texts[name]).zip_with(~whole.fill_null(False), texts[name].str.zfill(2) + ":00")
    return joined


def codes_of(table: Table, roles: Roles) -> tuple[Offsets, tuple[str, ...]]:
    """Which series each row belongs to, and their names in order of appearance."""
    import polars as pl

    rows = len(table.columns)
    if not roles.id:
        return np.zeros(rows, np.int64), (roles.values[0],)
    columns = [table.columns[name].fill_nan(None) if table.columns[name].dtype.is_float() else table.columns[name] for name in roles.id]
    for name, column in zip(roles.id, columns, strict=True):
        if column.null_count():
            row = int(column.is_null().arg_max() or 0)
            remedy = "Complete or remove the row."
            raise SeriesError(f'{table.source}, {table.row(row)}, column "{name}" is empty; every row needs the name of its series. {remedy}')
    texts = [_texts(column) for column in columns]
    column = texts[0]
    for more in texts[1:]:
        column = column + "/" + more
    names = column.unique(maintain_order=True)
    codes = column.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    return codes, tuple(names.to_list())


def _texts(column: pl.Series) -> pl.Series:
    import polars as pl

    if column.dtype.is_float() and column.is_finite().all() and (column == column.floor()).all():
        column = column.cast(pl.Int64)
    return column.cast(pl.String).str.strip_chars() if column.dtype == pl.String else column.cast(pl.String)


def numbers_of(table: Table, roles: Roles, options: Options) -> tuple[dict[Any, Values], list[str], str | None]:
    """Every value column and covariate as float64, notes on what was assumed, and the decimal mark, where a comma or a dot was read."""
    named = [((VALUE, name), name) for name in roles.values]
    named += [((role, column), column) for role in ("past", "future", "static") for given in getattr(options, role) for column in existing(table, given)]
    hint, signs = options.decimal or table.mark, _signs(table, roles)
    decimal, notes = options.decimal, list[str]()
    if roles.across and decimal is None:
        decimal, notes = _mark_across([table.columns[name] for name in roles.values], tuple(options.missing), hint, signs)
    found: dict[Any, Values] = {}
    mark: str | None = None
    for key, name in named:
        column = table.columns[name]
        try:
            numbers = to_numbers(column, tuple(options.missing), decimal, hint, signs)
        except BadCell as bad:
            remedy = f'Mend the cell, or pass --missing "{bad.text.strip()}" if it stands for a missing value.'
            if key[0] != VALUE:
                remedy = "Only numbers can be covariates."
            elif column.dtype.is_temporal():
                remedy = "Name a column of numbers with --value."
            raise table.refuse(bad.row, name, bad.text, bad.expected, remedy) from None
        infinite = np.isinf(numbers.values)
        if infinite.any():
            row = int(np.argmax(infinite))
            raise table.refuse(row, name, str(column[row]), "a finite number", "Replace it, or leave the cell empty if it is missing.")
        found[key] = numbers.values
        mark = mark or numbers.mark
        new = numbers.notes if decimal == options.decimal else tuple(note for note in numbers.notes if "thousands" not in note)  # told once, for all columns
        notes += [f"{name}: {note}" if len(named) > 1 else note for note in new]
    return found, notes, mark


def _signs(table: Table, roles: Roles) -> Signs:
    """What the file says about the marks in its numbers."""
    times = [table.columns[name].drop_nulls().head(1) for name in roles.time[:1]]
    dotted = any(len(time) and re.match(r"\s*\d{1,2}\.(?:\d{1,2}\.\d{2}|\d{4})", str(time[0])) is not None for time in times)
    others = [column for column in table.columns.iter_columns() if column.name not in (*roles.time, *roles.id)]
    return Signs(table.separator if table.text is not None and table.columns.width > 1 else None, dotted, tuple(others))


def _mark_across(columns: Sequence[pl.Series], missing: tuple[str, ...], hint: str | None, signs: Signs) -> tuple[str | None, list[str]]:
    """The decimal mark of a series that stands in several columns, where one of them leaves a choice, and a note."""
    import polars as pl

    texts = [column.drop_nulls() for column in columns if column.dtype == pl.String]
    if not any(undecided(column) or column.str.contains(",", literal=True).any() for column in texts):
        return None, []
    together = pl.concat([column.alias("") for column in texts]).unique(maintain_order=True)
    mark, note = decimal_mark(bare(together.filter(~absent(together, missing))), hint, signs)
    return mark, [] if note is None else [note]


def stacked(table: Table, roles: Roles, stamps: Stamps | None, codes: Offsets, columns: Mapping[Any, Values]) -> Rows:
    """The columns of a wide table one below the other; a long table as it is."""
    count, many = len(codes), len(roles.values)
    rows = np.arange(count)
    index: Any
    if roles.across == "rows":
        index = np.arange(1, many + 1) if stamps is None else stamps.values
        values = np.stack([columns[VALUE, name] for name in roles.values], axis=1)
        return Rows(np.repeat(codes, many), np.tile(index, count), {VALUE: values.reshape(-1)}, np.repeat(rows, many))
    if stamps is not None:
        index = stamps.values
    else:  # the order of the rows, within each series
        order = np.argsort(codes, kind="stable")
        begin = np.concatenate([[0], np.flatnonzero(np.diff(codes[order])) + 1]).astype(np.int64)
        index = np.empty(count, np.int64)
        index[order] = np.arange(1, count + 1) - np.repeat(begin, np.diff(np.append(begin, count)))
    if roles.across == "months":
        months = index.astype("datetime64[M]")[:, None] + np.arange(many) * (12 // many)
        values = np.stack([columns[VALUE, name] for name in roles.values], axis=1)
        return Rows(np.zeros(values.size, np.int64), months.astype("datetime64[us]").reshape(-1), {VALUE: values.reshape(-1)}, np.repeat(rows, many))
    values = np.concatenate([columns[VALUE, name] for name in roles.values])
    others = {key: np.tile(column, many) for key, column in columns.items() if key[0] != VALUE}
    spread = (codes * many)[None, :] + np.arange(many)[:, None]
    return Rows(spread.reshape(-1), np.tile(index, many), {VALUE: values, **others}, np.tile(rows, many))


def without_ends(rows: Rows) -> Rows:
    """Without the empty cells before the first and after the last value of each series."""
    rows = rows.take(np.lexsort((rows.index, rows.codes)))
    place, offsets = np.arange(len(rows.codes)), rows.offsets
    there = ~np.isnan(rows.columns[VALUE])
    first = np.minimum.reduceat(np.where(there, place, len(place)), offsets[:-1])
    last = np.maximum.reduceat(np.where(there, place, -1), offsets[:-1])
    lengths = np.diff(offsets)
    return rows.take((place >= np.repeat(first, lengths)) & (place <= np.repeat(last, lengths)))
