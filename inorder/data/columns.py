"""Which column is what: series, time, values, covariates.

What is named by an option is taken; the rest is inferred from names that are customary and, more than that, from what
the columns hold. Everything left out is noted, with the option that takes it in.

    long     one value column; an id column tells the series of a panel apart
    wide     several columns of numbers without an id column: each is a series
    months   a column of years beside JAN … DEC or Q1 … Q4: one series, read row by row
    rows     a column of texts beside columns that are stamps: each row is a series
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence, Set
from itertools import combinations, takewhile
from typing import TYPE_CHECKING

import numpy as np

from inorder.data.dates import DATED
from inorder.data.kinds import WORDS, kind_of
from inorder.data.layouts import month_table, row_table
from inorder.data.months import dotted_months, month_by_month, month_numbers
from inorder.data.numerals import BadCell
from inorder.data.options import NONE, Options
from inorder.data.roles import Roles, left_out, listed
from inorder.data.spacing import infer_frequency
from inorder.data.stamps import DATED_YEARS, EPOCH_RANGE, YEAR_NAMES, to_stamps
from inorder.data.tables import Table
from inorder.data.totals import is_total
from inorder.errors import SeriesError

if TYPE_CHECKING:
    import polars as pl

VALUE_NAMES = ("y", "value", "values", "target")
STRONG_TIME_NAMES = tuple("ds date datetime date_time timestamp time t ts stamp period mjd jd hjd bjd datum fecha zeit".split())
TIME_NAMES = (*STRONG_TIME_NAMES, *YEAR_NAMES, "quarter", "month", "week", "day", "hour", "step", "index", "idx")
MORE_TIME_NAMES = tuple("periode période periodo período zeitraum months monate yearmonth year_month jahrmonat".split())
STRONG_ID_NAMES = ("unique_id", "series_id", "series", "id", "item_id", "ts_id", "uid")
THINGS = (
    "item store shop product sku sensor station meter device machine name symbol ticker region country state city location site customer group entity "
    "channel key variable"
).split()
ID_NAMES = (*STRONG_ID_NAMES, *THINGS, *(f"{thing}_id" for thing in THINGS))
PART_NAMES = {
    "year": YEAR_NAMES,
    "quarter": ("quarter", "qtr", "q"),
    "month": ("month", "mon", "mo", "mm", "monat", "mois", "mes", "mês", "mese", "maand"),
    "week": ("week", "isoweek", "iso_week", "wk"),
    "day": ("day", "dd", "mday", "day_of_month", "dayofmonth", "tag", "jour", "dia"),
    "hour": ("hour", "hr", "hh", "stunde", "heure", "hora"),
    "minute": ("minute", "mins"),
}
PART_RANGES = {"year": (1000, 2999), "quarter": (1, 4), "month": (1, 12), "week": (1, 53), "day": (1, 31), "hour": (0, 24), "minute": (0, 59)}
CALENDAR_NAMES = (
    *YEAR_NAMES,
    *"quarter month week day hour minute weekday dayofweek day_of_week dow dayofyear day_of_year doy weekofyear week_of_year".split(),
)
COMPANIONS = "err error se std stdev stderr sd sigma unc uncertainty var lower upper complete truth true flag quality imputed filled".split()
ERROR_NAMES = ("err", "error", "merr", "se", "std", "sd", "sigma", "stderr", "stdev", "unc", "uncertainty", "e")
ROW_NAMES = ("column_1", "unnamed: 0", "index", "idx", "row", "rownames", "no", "nr", "obs", "#")
MUCH = 1.5  # rows per distinct stamp from which several series are suspected
NEARLY = 0.9  # share of rows that an id column must tell apart


def find_roles(table: Table, options: Options) -> Roles:
    """The role of every column that is used.   Raises SeriesError where a named column is not there, or no value column is clear."""
    columns = table.columns
    covariates = [name for given in options.covariates for name in existing(table, given)]
    kinds = {name: kind_of(_without_total(columns[name]), options.missing) for name in columns.columns}
    kinds |= {name: "date" for name, kind in kinds.items() if kind == "number" and _are_months(columns[name])}
    id = _named(table, options.id)
    time = _named(table, options.time)
    values = _named(table, options.value) if options.value is not None else ()
    _check_apart(table, id or (), time or (), values or (), covariates)
    free = [name for name in columns.columns if name not in (*(id or ()), *(time or ()), *(values or ()), *covariates)]
    first = (columns.columns[0],)
    if not (id or values or covariates) and options.layout == "auto" and time in (None, first) and (months := month_table(columns, kinds)):
        return months
    sure = options.layout == "rows"
    if not (time or values or covariates) and (sure or (options.layout == "auto" and time is None)) and (across := row_table(columns, kinds, id or (), sure)):
        return across
    if sure:
        raise SeriesError(f"{table.source} has no series in its rows: a column of texts that names each row, and columns of numbers, were expected.")
    parts: tuple[str, ...] = ()
    if time is None:
        left = [name for name in free if name not in (id or ())]
        time, parts = _find_time(columns, kinds, left, bool(id))
        if not time and options.dates is not None:
            time = _time_by_dates(table, kinds, left, options)
        free = [name for name in free if name not in time]
    elif len(time) > 1:
        known = {name: part for part, names in PART_NAMES.items() for name in time if name.lower() in names}
        parts = tuple(known[name] for name in time) if len(known) == len(time) and "year" in known.values() else ()
    if id is None:
        id = _find_id(columns, kinds, free, time, len(values or ())) if options.layout != "wide" else ()
        free = [name for name in free if name not in id]
    notes: list[str] = []
    if not values:
        values, notes = _find_values(table, kinds, free, bool(id), options)
    left = [name for name in free if name not in values]
    if len(id) > 1:
        notes.insert(0, f"the columns {' and '.join(id)} together name a series")
    if len(time) > 1:
        notes.insert(0, f"the columns {', '.join(time)} together are the time")
    return Roles(id, time, values, parts, notes=(*notes, *left_out(left, kinds)))


def existing(table: Table, name: str) -> tuple[str, ...]:
    """The column with this name; several, where the name is theirs joined by "/" or by commas."""
    columns = table.columns.columns
    if name in columns:
        return (name,)
    for mark in ("/", ","):
        parts = tuple(part.strip() for part in name.split(mark))
        if len(parts) > 1 and all(part in columns for part in parts):
            return parts
    near = difflib.get_close_matches(name, columns, n=1) or [column for column in columns if column.lower() == name.lower()]
    hint = f' Did you mean "{near[0]}"?' if near else ""
    raise SeriesError(f'{table.source} has no column "{name}".{hint} It has: {listed(columns)}.')


def _named(table: Table, given: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """The columns that an option names; () for "none", None where nothing is given."""
    if given is None:
        return None
    if given == NONE and NONE not in table.columns.columns:
        return ()
    names = (given,) if isinstance(given, str) else given
    return tuple(column for name in names for column in existing(table, name))


def _check_apart(table: Table, *roles: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for role, names in zip(("id", "time", "value", "a covariate"), roles, strict=True):
        for name in names:
            if name in seen:
                raise SeriesError(f'{table.source}: the column "{name}" cannot be both {seen[name]} and {role}.')
            seen[name] = role


def _find_time(columns: pl.DataFrame, kinds: dict[str, str], free: Sequence[str], has_id: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The time column, or the columns that together are the time and what each is; () where the order of the rows has to do."""
    parts = _date_parts(columns, kinds, free)
    dated = [name for name in free if kinds[name] == "date" or (kinds[name] == "text" and name.lower() in STRONG_TIME_NAMES and _partly_dates(columns[name]))]
    if dated:
        distinct = {name: columns[name].n_unique() for name in dated} if len(dated) > 1 else {dated[0]: 0}
        best = max(dated, key=lambda name: (distinct[name], name.lower() in TIME_NAMES))
        clock = next((name for name in free if kinds[name] == "clock"), None) or ("hour" in parts and parts["hour"]) or None
        joined = columns[best].dtype != _datetime() and clock is not None and not _has_time_of_day(columns[best])
        if joined and clock is not None and columns.select(best, clock).n_unique() > 1.5 * columns[best].n_unique():
            return (best, clock), ()
        return (best,), ()
    if "year" in parts and ("quarter" in parts or "month" in parts or "week" in parts):
        wanted = ["year", "month", "day", "hour", "minute"] if "month" in parts else ["year", "quarter" if "quarter" in parts else "week"]
        used = list(takewhile(lambda part: part in parts, wanted))
        return tuple(parts[part] for part in used), tuple(used)
    counted = [name for name in free if kinds[name] in ("whole", "number", "flag") and name.lower() in TIME_NAMES and name.lower() not in VALUE_NAMES]
    others = sum(kinds[name] in ("whole", "number", "flag") for name in free)
    if others > 1 or len(free) == 0:
        for name in sorted(counted, key=lambda name: TIME_NAMES.index(name.lower())):
            if name.lower() in STRONG_TIME_NAMES or has_id or columns[name].n_unique() == len(columns):
                return (name,), ()
        if (
            free
            and kinds[free[0]] in ("whole", "flag")
            and free[0].lower() not in (*VALUE_NAMES, *ID_NAMES)
            and _counts_up(columns[free[0]], free[0] != "column_1")
        ):
            return (free[0],), ()
    return (), ()


def _without_total(column: pl.Series) -> pl.Series:
    """A column without a last cell that names a total: the row will be refused where it is no row of a series."""
    return column.head(-1) if len(column) > 1 and is_total(column[-1]) else column


def _are_months(column: pl.Series) -> bool:
    """Whether numbers such as 01.2019 or 2019.01 are months: all of them could be, and they rise month by month or the column is called so."""
    if column.dtype != _text():
        return False
    months = dotted_months(_without_total(column).drop_nulls().str.strip_chars())
    named = column.name.lower() in (*TIME_NAMES, *PART_NAMES["month"], *MORE_TIME_NAMES)
    return months is not None and (named or month_by_month(months))


def _time_by_dates(table: Table, kinds: dict[str, str], free: Sequence[str], options: Options) -> tuple[str, ...]:
    """The first column, where it can be read as `dates` says although nothing else shows that it is the time."""
    if not free:
        return ()
    name, beside = free[0], [other for other in free[1:] if kinds[other] != "text"]
    column = table.columns[name]
    try:
        if beside and not column.null_count() and (to_stamps(column, options.dates, name).values.dtype.kind == "M" or options.dates == "counts"):
            return (name,)
        what = f'the first column, "{name}", holds {WORDS[kinds[name]]}'
    except BadCell as bad:
        what = f'in {table.row(bad.row)} of the first column, "{name}", "{bad.text}" is not {bad.expected}'
    raise SeriesError(f'{table.source} has no column of dates that could be read as `dates` says ("{options.dates}"): {what}. Name the column with --time.')


def _partly_dates(column: pl.Series) -> bool:
    """Some cells are dates: the others will be named."""
    return column.dtype == _text() and float(column.head(1000).str.strip_chars().str.contains(DATED).mean() or 0.0) > 0.3  # type: ignore[arg-type]


def _text() -> type:
    import polars as pl

    return pl.String


def _datetime() -> type:
    import polars as pl

    return pl.Datetime


def _has_time_of_day(column: pl.Series) -> bool:
    import polars as pl

    return column.dtype == pl.String and bool(column.head(100).str.contains(r"\d:\d\d").any())


def _date_parts(columns: pl.DataFrame, kinds: dict[str, str], free: Sequence[str]) -> dict[str, str]:
    """The parts of a date in columns of their own: "year" -> name, …"""
    import polars as pl

    found: dict[str, str] = {}
    if list(free[:2]) == ["column_1", "column_2"]:  # no header: years, and months that come again each year
        years, months = (columns[name].cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False) for name in free[:2])
        cycle = years.is_between(1000, 2999).all() and months.is_between(1, 12).all() and years.n_unique() < len(years)
        if kinds["column_1"] == kinds["column_2"] == "whole" and cycle:
            return {"year": "column_1", "month": "column_2"}
    for part, names in PART_NAMES.items():
        name = next((name for name in free if name.lower() in names), None)
        if name is None:
            continue
        if part == "month" and kinds[name] == "text":
            if month_numbers(columns[name].cast(pl.String).drop_nulls()).null_count() == 0:
                found[part] = name
        elif kinds[name] in ("whole", "flag"):
            numbers = columns[name].cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False).drop_nulls()
            low, high = PART_RANGES[part]
            if len(numbers) and low <= numbers.min() and numbers.max() <= high:  # type: ignore[operator]
                found[part] = name
    return found


def _numbers_rows(name: str, column: pl.Series) -> bool:
    """Whether a column only numbers or names the rows."""
    import polars as pl

    if name.lower() in STRONG_ID_NAMES:
        return True
    numbers = column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return name.lower() in ROW_NAMES and numbers.null_count() == 0 and bool((numbers.diff().drop_nulls() == 1).all())


def _counts_up(column: pl.Series, named: bool) -> bool:
    """Whether the first column numbers the rows: 1, 2, 3, …, years with few gaps, or seconds since 1970, evenly spaced where the column has a name."""
    import polars as pl

    numbers = column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    if len(numbers) < 3 or numbers.null_count() or numbers.n_unique() < len(numbers):
        return False
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    filled = len(numbers) / (high - low + 1)
    if filled == 1 or (filled > 0.6 and low >= DATED_YEARS[0] and high <= DATED_YEARS[1]):
        return True
    if not any(low >= EPOCH_RANGE[0] * factor and high <= EPOCH_RANGE[1] * factor for factor in (1, 1e3, 1e6, 1e9)):
        return False
    return not named or infer_frequency(numbers.sort().cast(pl.Int64).to_numpy(), np.array([0, len(numbers)])) is not None


def _find_id(columns: pl.DataFrame, kinds: dict[str, str], free: Sequence[str], time: Sequence[str], values: int) -> tuple[str, ...]:
    """The column, or the columns, that tell the series of a panel apart; () for a single series."""
    rows = len(columns)
    able = [name for name in free if kinds[name] in ("text", "whole", "flag", "clock")]
    for name in sorted((name for name in able if name.lower() in STRONG_ID_NAMES), key=lambda name: STRONG_ID_NAMES.index(name.lower())):
        distinct = columns[name].n_unique()
        if distinct < rows or rows == 1:
            return (name,) if time or _in_blocks(columns[name], distinct) else ()
    if not time or rows < 2:
        return ()
    stamps = columns.select(time).n_unique()
    if rows < MUCH * stamps:
        return ()

    def apart(names: Sequence[str]) -> bool:
        return columns.select(*names, *time).n_unique() >= NEARLY * rows

    texts = [name for name in able if kinds[name] == "text"]
    customary = sorted((name for name in able if name.lower() in ID_NAMES), key=lambda name: (kinds[name] != "text", ID_NAMES.index(name.lower())))
    numbers = [name for name in able if name not in texts and name not in customary]
    for name in (*customary, *texts):
        if apart((name,)):
            return (name,)
    for count in (2, 3):
        for names in combinations(dict.fromkeys([*texts, *customary]), count):
            if apart(names):
                return tuple(name for name in columns.columns if name in names)
    telling = [
        name for name in numbers if name.lower() not in (*VALUE_NAMES, *CALENDAR_NAMES) and columns[name].n_unique() <= rows / stamps * 2 and apart((name,))
    ]
    other = [name for name in free if kinds[name] in ("whole", "number", "flag") and name not in telling]
    return (telling[0],) if len(telling) == 1 and (other or values) else ()


def _in_blocks(column: pl.Series, distinct: int) -> bool:
    """Whether equal cells stand together: without a time column, an id must name stretches of rows."""
    return len(column.rle()) == distinct


def _find_values(table: Table, kinds: dict[str, str], free: Sequence[str], has_id: bool, options: Options) -> tuple[tuple[str, ...], list[str]]:
    """The value columns, and notes."""
    numeric = [name for name in free if kinds[name] in ("whole", "number")]
    customary = [name for wanted in VALUE_NAMES for name in free if name.lower() == wanted and kinds[name] in ("whole", "number", "flag")]
    if customary and options.layout != "wide":
        return (customary[0],), []
    if not numeric:
        numeric = [name for name in free if kinds[name] == "flag"]
    if not numeric:  # half text, half numbers: the cells that are wrong will be named
        numeric = [name for name in free if kinds[name] == "text" and (name.lower() in VALUE_NAMES or len(free) == 1) and _partly_numbers(table.columns[name])]
    if not numeric:
        held = listed([f"{name} ({WORDS[kinds[name]]})" for name in table.columns.columns])
        raise SeriesError(f"{table.source} has no column of numbers to forecast. It has: {held}. Name one with --value.")
    small = {name.lower() for name in numeric}
    numeric = [name for name in numeric if not _is_companion(name, small, next(iter(small - {name.lower()})) if len(small) == 2 else None)]
    calendar = [name for name in numeric if name.lower() in CALENDAR_NAMES]
    numeric = [name for name in numeric if name not in calendar] or numeric
    if len(numeric) > 1:
        numeric = [name for name in numeric if not (kinds[name] == "whole" and _numbers_rows(name, table.columns[name]))] or numeric
    if len(numeric) == 1:
        return tuple(numeric), []
    if not has_id and options.layout != "long":
        flags = [name for name in free if kinds[name] == "flag" and name.lower() not in CALENDAR_NAMES and not _is_companion(name, small, None)]
        silent = [name for name in flags if _is_one_of(name, numeric) or _is_zero(table.columns[name])]
        numeric = [name for name in free if name in numeric or name in silent]
        return tuple(numeric), [f"each of {len(numeric):,} columns of numbers is a series (--value to choose)"]
    raise SeriesError(
        f"{table.source} has {len(numeric)} columns of numbers ({listed(numeric)}). "
        f"Say which to forecast with --value {numeric[0]}; the others can be named with --past or --future."
    )


def _is_one_of(name: str, others: Sequence[str]) -> bool:
    """Whether a column only differs from others by the number in its name: shop_07 beside shop_08."""
    return name.strip("0123456789") != name and any(other.strip("0123456789") == name.strip("0123456789") for other in others)


def _is_zero(column: pl.Series) -> bool:
    """Whether a column of 0 and 1 holds no 1: a series that did not begin, not a flag."""
    import polars as pl

    return bool((column.drop_nulls().cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False) == 0).all(ignore_nulls=False))


def _partly_numbers(column: pl.Series) -> bool:
    import polars as pl

    return column.dtype == pl.String and column.str.strip_chars().cast(pl.Float64, strict=False).null_count() <= 0.7 * len(column)


def _is_companion(name: str, others: Set[str], alone: str | None) -> bool:
    """Whether a column describes another one: its error, its bounds, its complete version.

    others: the other columns of numbers in small letters.   alone: the only other one.
    """
    low = name.lower()
    described = [low.removesuffix(word).rstrip(" _.-") for word in COMPANIONS if low.endswith(word)]
    described += [low.removeprefix(word + mark) for word in (*COMPANIONS, "e") for mark in " _.-" if low.startswith(word + mark)]
    return any(other in others and other != low for other in described) or (alone is not None and low in ERROR_NAMES and alone not in ERROR_NAMES)
