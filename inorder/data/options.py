"""What can be told to the reader of series; everything that is not told is inferred.

The fields are the keyword arguments of `inorder.read_series`, and the flags of the command line have the same names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from inorder.data.frequency import Frequency
from inorder.data.series import check_season_length
from inorder.errors import ConfigError, unknown

NONE = "none"  # id="none", time="none": there is no such column
LAYOUTS = ("auto", "long", "wide", "rows")
DUPLICATES = ("error", "mean", "first", "last", "sum")
SUMMARIES = ("mean", "sum", "median", "min", "max", "first", "last")
DATE_ORDERS = ("day-first", "month-first", "year-first")
EPOCHS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1, "nanoseconds": 0}  # microseconds in one; nanoseconds are divided
# what newer rows are read by as well; frequency, season, time zone and covariates are parts of the Series
REMEMBERED = ("id", "time", "value", "start", "dates", "decimal", "missing", "duplicates", "layout", "every", "how", "header", "separator", "encoding")
DATE_WORDS = (*DATE_ORDERS, "years", "counts", *EPOCHS)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to read a series. None, "auto" and an empty tuple mean: find out."""

    id: str | Sequence[str] | None = None
    """Column that tells the series of a panel apart; several are joined by "/"; "none" where there is one series only."""
    time: str | Sequence[str] | None = None
    """Column of the stamps; several (year and month, date and hour) are joined; "none" where the order of the rows counts."""
    value: str | Sequence[str] | None = None
    """Column to forecast; several make a panel, one series each."""
    frequency: str | Frequency | None = None
    """How far apart the observations are: "monthly", "30min", "2 weeks", "business-day"; "none" leaves the stamps as they are, irregular."""
    season_length: int | None = None
    """Observations in one season, 1 for none."""
    timezone: str | None = None
    """Time zone of stamps without one, and the clock on which stamps are shown: "Europe/Paris"."""
    start: str | None = None
    """The first stamp of a series without dates, together with `frequency`: "1980-01"."""
    past: str | Sequence[str] = ()
    """Columns known up to now only."""
    future: str | Sequence[str] = ()
    """Columns known ahead of time; rows after the last value give their future."""
    static: str | Sequence[str] = ()
    """Columns that hold one number for each series."""
    dates: str | None = None
    """How dates are written: "day-first", "month-first", "year-first", "years", "counts", "seconds", "milliseconds", "microseconds" or "nanoseconds" since
    1970, or a format such as "%d.%m.%Y"."""
    decimal: str | None = None
    """Decimal mark, "." or ","."""
    missing: str | Sequence[str] = ()
    """More words that stand for a missing value, beside an empty cell, NA, NaN, null, none, -, ? and a single dot."""
    duplicates: str = "error"
    """What to do with different values at one stamp: "error", "mean", "first", "last", "sum"."""
    layout: str = "auto"
    """"long": one value column, an id column tells series apart; "wide": each column of numbers is a series; "rows": each row is a series."""
    every: str | float | Frequency | None = None
    """Put the stamps on a grid of this spacing: "1d", or a number where times are numbers."""
    how: str = "mean"
    """With `every`: what stands for the values of one cell of the grid: mean, sum, median, min, max, first, last."""
    header: bool | None = None
    """Whether the first row of a text file names the columns."""
    separator: str | None = None
    """What separates the fields of a text file: ",", ";", a tab, "|" or a blank."""
    encoding: str | None = None
    """Encoding of a text file: "utf-8", "latin-1", "utf-16", …"""

    def __post_init__(self) -> None:
        for name in ("id", "time", "value"):
            object.__setattr__(self, name, _one_or_more(name, getattr(self, name)))
        for name in ("past", "future", "static", "missing"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        for name, known in (("layout", LAYOUTS), ("duplicates", DUPLICATES), ("how", SUMMARIES)):
            if getattr(self, name) not in known:
                raise unknown(name, str(getattr(self, name)), known)
        if self.decimal not in (None, ".", ","):
            raise ConfigError(f'`decimal` is "." or ",", not {self.decimal!r}.')
        if self.dates is not None and self.dates not in DATE_WORDS and "%" not in self.dates:
            raise unknown("order of dates", self.dates, [*DATE_WORDS, "a format such as %d.%m.%Y"])
        if self.separator is not None and (len(self.separator) != 1 or not self.separator.isascii()):
            raise ConfigError(f"`separator` is one plain character, not {self.separator!r}.")
        if self.season_length is not None:
            check_season_length(self.season_length)
        if self.timezone is not None:
            check_timezone(self.timezone)
        if self.frequency is not None and self.frequency != NONE:
            object.__setattr__(self, "frequency", Frequency.parse(self.frequency))
        if self.start is not None and not (isinstance(self.frequency, Frequency) and self.frequency.dated):
            raise ConfigError(f'`start` ("{self.start}") needs a `frequency` that says how to go on from there, such as "monthly".')
        used = [*self.past, *self.future, *self.static]
        if len(set(used)) < len(used):
            twice = next(name for name in used if used.count(name) > 1)
            raise ConfigError(f'The column "{twice}" is named twice among `past`, `future` and `static`. A covariate has one role.')

    @property
    def covariates(self) -> tuple[str, ...]:
        return (*self.past, *self.future, *self.static)

    @property
    def given(self) -> list[str]:
        """The names of the options that differ from their defaults."""
        return [f.name for f in fields(self) if getattr(self, f.name) != f.default]


KEYWORDS = tuple(f.name for f in fields(Options))


def check_timezone(name: str) -> str:
    """The name of a time zone, as given.   Raises ConfigError with the nearest known one.

    >>> check_timezone("Europe/Paris")
    'Europe/Paris'
    """
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        import difflib

        near = difflib.get_close_matches(str(name), available_timezones(), n=1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise ConfigError(f'Time zone "{name}" is unknown.{hint} Write a name such as "Europe/Paris" or "UTC".') from None
    return name


def _names(option: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    if given is None:
        return ()
    names = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(f"`{option}` is a name or a list of names, not {given!r}.")
    return names


def _one_or_more(option: str, given: Any) -> str | tuple[str, ...] | None:
    if given is None or isinstance(given, str):
        return given
    names = _names(option, given)
    return names[0] if len(names) == 1 else names or None
