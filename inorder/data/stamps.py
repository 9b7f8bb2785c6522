"""A column -> stamps: dates as they are written, years, seconds since 1970, counts, times as numbers.

A stamp that is a date is datetime64[us]; plain counts stay whole numbers, and other times stay numbers.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.dates import Stamps, written_stamps
from inorder.data.months import dotted_months
from inorder.data.numerals import BadCell
from inorder.data.options import EPOCHS
from inorder.typing import Index

if TYPE_CHECKING:
    import polars as pl

# what nearly every program writes, by the length of the text: read in one pass
PLAIN = {
    10: (r"^\d{4}-\d\d-\d\d$", "%Y-%m-%d"),
    16: (r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d$", "%Y-%m-%d{}%H:%M"),
    19: (r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d$", "%Y-%m-%d{}%H:%M:%S"),
    20: (r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", "%Y-%m-%d{}%H:%M:%SZ"),
}

YEAR_NAMES = ("year", "years", "yr", "yyyy", "jahr", "annee", "année", "año", "ano", "anno", "jaar")
DATED_YEARS = (1700, 2100)  # whole numbers without a telling name count as years inside these
FARTHEST = 2.5e17  # microseconds from 1970 to the year 9900
EPOCH_RANGE = (100_000_000, 4_200_000_000)  # seconds: March 1973 to February 2103


def to_stamps(column: pl.Series, dates: str | None = None, name: str = "") -> Stamps:
    """A column without missing cells as stamps.   dates: see `Options.dates`.   Raises BadCell for the first cell that does not fit the others.

    >>> import polars as pl
    >>> to_stamps(pl.Series(["1 March 2020", "2 March 2020"])).values.astype("datetime64[D]").tolist()
    [datetime.date(2020, 3, 1), datetime.date(2020, 3, 2)]
    """
    import polars as pl

    if column.dtype == pl.Date:
        return Stamps(column.cast(pl.Datetime("us")).to_numpy())
    if isinstance(column.dtype, pl.Datetime):
        zone = column.dtype.time_zone
        utc = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else column
        return Stamps(utc.cast(pl.Datetime("us")).to_numpy(), zone)
    if column.dtype.is_numeric():
        return _numbers(column, dates, name)
    if column.dtype != pl.String:
        column = column.cast(pl.String)
    if dates is not None and "%" in dates:
        return _given_format(column, dates)
    plain = None if dates in ("counts", "years", *EPOCHS) else _plain(column)
    if plain is not None:
        return Stamps(plain)
    months = None if dates in ("counts", "years", *EPOCHS) else dotted_months(column.str.strip_chars())
    if months is not None:
        note = (f'times such as "{column[0].strip()}" read as month and year (--dates counts to change)', None)
        return Stamps(months.str.to_date("%Y-%m").cast(pl.Datetime("us")).to_numpy(), unit="month", notes=(note,))
    numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
    if numbers.null_count() == 0 and not numbers.is_infinite().any() and not numbers.is_nan().any():
        whole = column.str.strip_chars().cast(pl.Int64, strict=False)
        return _numbers(whole if whole.null_count() == 0 else numbers, dates, name)
    if dates in ("counts", "years", *EPOCHS):
        row = int(numbers.is_null().arg_max() or 0)
        raise BadCell(row, column[row], f"a number ({dates})")
    texts = column.unique(maintain_order=True)
    stamps = written_stamps(column, texts.str.strip_chars(), dates)
    if len(texts) == len(column):
        return stamps
    codes = column.cast(pl.Enum(texts)).to_physical().to_numpy()
    return replace(stamps, values=stamps.values[codes])


def _plain(column: pl.Series) -> Index | None:
    """Year-month-day with or without time of the day, every cell alike; None where that is not so."""
    import polars as pl

    lengths = column.str.len_bytes()
    shortest: Any = lengths.min()
    if shortest != lengths.max() or shortest not in PLAIN:
        return None
    pattern, form = PLAIN[shortest]
    if not re.match(pattern, column[0]):
        return None
    if shortest == 10:
        days = column.str.to_date(form, strict=False)
        return None if days.null_count() else days.cast(pl.Datetime("us")).to_numpy()
    stamps = column.str.to_datetime(form.format(column[0][10]), strict=False, time_unit="us")
    return None if stamps.null_count() or shortest == 20 else stamps.to_numpy()


def _given_format(column: pl.Series, form: str) -> Stamps:
    """Read by a format in the manner of strptime; what it leaves out of the date is the first."""
    import polars as pl

    texts, complete = column.str.strip_chars(), form
    if not re.search("%[dejDFcxsu]", form):
        texts, complete = texts + " 1", complete + " %d"
    if not re.search("%[mbBjDFcxshWU]", form):
        texts, complete = texts + " 1", complete + " %m"
    if re.search("%[HIkl]", form) and not re.search("%[MTRXcr]", form):
        texts, complete = texts + " 0", complete + " %M"
    try:
        if re.search("%[HIMSTRfpzXcrs]", form):
            stamps = texts.str.to_datetime(complete, strict=False, time_unit="us")
        else:
            stamps = texts.str.to_date(complete, strict=False).cast(pl.Datetime("us"))
    except pl.exceptions.PolarsError as error:
        raise BadCell(0, column[0], f'a date of the form "{form}" ({str(error).splitlines()[0]})') from None
    if stamps.null_count():
        row = int(stamps.is_null().arg_max() or 0)
        raise BadCell(row, column[row], f'a date of the form "{form}"')
    zone = stamps.dtype.time_zone if isinstance(stamps.dtype, pl.Datetime) else None
    return Stamps((stamps.dt.replace_time_zone(None) if zone else stamps).to_numpy(), zone)


def _numbers(column: pl.Series, dates: str | None, name: str) -> Stamps:
    """Whole numbers and other numbers: compact dates, years, seconds since 1970, counts, times."""
    whole = column.dtype.is_integer()
    values: NDArray[Any] = column.to_numpy().astype(np.int64 if whole else np.float64)
    if not whole and (values == np.floor(values)).all() and np.abs(values).max() < 2**53:
        whole, values = True, values.astype(np.int64)
    low, high = values.min(), values.max()
    if dates == "counts":
        return Stamps(values, way="counts")
    if dates in EPOCHS:
        return _epoch(values, dates)
    if dates == "years":
        if not whole or low < 1 or high > 9999:
            row = int(np.argmax((values < 1) | (values > 9999) | (values != np.floor(values))))
            raise BadCell(row, str(values[row]), "a year")
        return _years(values)
    if whole and low >= 15_000_101 and high <= 29_991_231:
        year, rest = np.divmod(values, 10_000)
        stamps = _calendar(year, rest // 100, rest % 100)
        if stamps is not None:
            return Stamps(stamps)
    if whole and low >= 150_001 and high <= 299_912:
        stamps = _calendar(values // 100, values % 100, np.ones_like(values))
        if stamps is not None:
            return Stamps(stamps, unit="month", notes=((f"whole numbers such as {values[0]} read as year and month (--dates counts to change)", None),))
    if whole and _look_like_years(values, name):
        return _years(values)
    for unit, factor in (("seconds", 1), ("milliseconds", 1_000), ("microseconds", 1_000_000), ("nanoseconds", 1_000_000_000)):
        if low >= EPOCH_RANGE[0] * factor and high <= EPOCH_RANGE[1] * factor:
            return _epoch(values, unit)
    return Stamps(values, way="counts") if whole else _parts_of_years(values, name)


def _calendar(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> Index | None:
    """Stamps of days; None where one does not exist."""
    if (month < 1).any() or (month > 12).any() or (day < 1).any():
        return None
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = first.astype("datetime64[D]") + (day - 1)
    return days.astype("datetime64[us]") if (days.astype("datetime64[M]") == first).all() else None


def _look_like_years(values: NDArray[np.int64], name: str) -> bool:
    if name.lower() in YEAR_NAMES:
        return bool(values.min() >= 1000 and values.max() <= 2999)
    distinct = np.unique(values)
    filled = len(distinct) / (distinct[-1] - distinct[0] + 1)
    return bool(len(distinct) > 2 and distinct[0] >= DATED_YEARS[0] and distinct[-1] <= DATED_YEARS[1] and filled > 0.6)


def _years(values: NDArray[np.int64]) -> Stamps:
    return Stamps((values - 1970).astype("datetime64[Y]").astype("datetime64[us]"), years=True, unit="year", way="years")


def _epoch(values: NDArray[Any], unit: str) -> Stamps:
    factor = EPOCHS[unit] or 1e-3
    far = np.abs(values.astype(np.float64) * factor) > FARTHEST
    if far.any():
        row = int(np.argmax(far))
        raise BadCell(row, str(values[row]), f"a time in {unit} since 1970")
    micros = values // 1_000 if unit == "nanoseconds" else np.round(values * EPOCHS[unit])
    return Stamps(micros.astype(np.int64).view("datetime64[us]"), "UTC", notes=((f"times read as {unit} since 1970, UTC (--dates counts to change)", None),))


def _parts_of_years(values: NDArray[np.float64], name: str) -> Stamps:
    """1949.0833 as February 1949, where all times are twelfths or quarters of years, one after the other."""
    if name.lower() not in ("time", "date", "t", "ds", *YEAR_NAMES) or values.min() < DATED_YEARS[0] or values.max() > DATED_YEARS[1]:
        return Stamps(values, way="counts")
    for parts, unit in ((4, "quarter"), (12, "month")):
        counts = np.round(values * parts)
        distinct = np.unique(counts)
        if np.abs(values * parts - counts).max() < 0.02 and len(distinct) > 2 and (np.diff(distinct) == 1).all():
            months = (counts * (12 // parts)).astype(np.int64) - 1970 * 12
            stamps = months.astype("datetime64[M]").astype("datetime64[us]")
            return Stamps(stamps, unit=unit, notes=((f"times such as {values[1]:.6g} read as years and {unit}s (--dates counts to change)", None),))
    return Stamps(values, way="counts")
