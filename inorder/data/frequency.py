"""How far apart the observations of a regular series are, and how many of them make a season.

A frequency is a unit and a step: (minute, 30) is half-hourly, (month, 3) quarterly. Calendar units (month, quarter,
year, business day) have no fixed length in seconds, so stamps are advanced by the calendar, never by a difference.
The unit "step" is plain counting, for a series without dates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from inorder.errors import ConfigError
from inorder.typing import Index

SECONDS = {"day": 86_400.0, "week": 604_800.0, "hour": 3_600.0, "minute": 60.0, "second": 1.0, "millisecond": 1e-3, "microsecond": 1e-6}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
UNITS = (*MONTHS, "week", "business day", "day", "hour", "minute", "second", "millisecond", "microsecond", "step")

# what people write for a unit, in pandas, polars and plain words; "M" is a month and "min", "T" a minute, as in pandas
ALIASES = {
    "year": "year years yearly annual y a ys ye as yr",
    "quarter": "quarter quarters quarterly q qs qe",
    "month": "month months monthly m ms me mo",
    "week": "week weeks weekly w",
    "business day": "business-day business-days businessday b bd",
    "day": "day days daily d",
    "hour": "hour hours hourly h",
    "minute": "minute minutes minutely min t",
    "second": "second seconds s sec",
    "millisecond": "millisecond milliseconds millis l",
    "microsecond": "microsecond microseconds us u",
    "step": "step steps",
}
FORTNIGHTS = ("fortnight", "fortnights", "fortnightly")  # two weeks
UNIT_OF = {word: unit for unit, words in ALIASES.items() for word in words.split()}


@dataclass(frozen=True)
class Frequency:
    """One observation every `step` `unit`s.

    unit: one of UNITS.  step: a positive whole number (any positive number for "step").
    month_end: monthly stamps stand on the last day of their month.

    >>> monthly = Frequency("month")
    >>> monthly.advance(np.datetime64("2024-01-31", "us"), np.array([1, 2])).astype("datetime64[D]").tolist()
    [datetime.date(2024, 2, 29), datetime.date(2024, 3, 31)]
    >>> Frequency.parse("30min")
    Frequency(unit='minute', step=30, month_end=False)
    """

    unit: str
    step: int | float = 1
    month_end: bool = False

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ConfigError(f'Frequency unit "{self.unit}" is unknown. Known: {", ".join(UNITS)}.')
        if not self.step > 0 or (self.unit != "step" and self.step != int(self.step)):
            raise ConfigError(f"A frequency's step is a positive whole number, not {self.step!r}.")

    @classmethod
    def parse(cls, text: str | Frequency) -> Frequency:
        """From "monthly", "30min", "2 weeks", "fortnightly", "QS", "business-day", …"""
        if isinstance(text, Frequency):
            return text
        match = re.fullmatch(r"\s*(\d+)?\s*([a-z -]+?)(-(?!day)[a-z]{3})?\s*", text.lower())
        word = match.group(2).replace(" ", "-") if match else ""
        if match is not None and word in FORTNIGHTS:
            return cls("week", 2 * int(match.group(1) or 1))
        if match is None or word not in UNIT_OF:
            raise ConfigError(f'Frequency "{text}" is not understood. Write for example "monthly", "30min", "2 weeks", "business-day".')
        return cls(UNIT_OF[word], int(match.group(1) or 1))

    def __str__(self) -> str:
        return self.unit if self.step == 1 else f"{self.step} {self.unit}s"

    @property
    def dated(self) -> bool:
        """Whether the stamps are dates rather than counted steps."""
        return self.unit != "step"

    @property
    def within_day(self) -> bool:
        """Whether several observations fall on one day, so that a time zone matters between them."""
        return self.unit in ("hour", "minute", "second", "millisecond", "microsecond")

    @property
    def seconds(self) -> float:
        """Length of one step in seconds; for months and years, the average length."""
        if self.unit in MONTHS:
            return MONTHS[self.unit] * 30.436875 * 86_400 * self.step
        return (86_400.0 * 7 / 5 if self.unit == "business day" else SECONDS.get(self.unit, 1.0)) * self.step

    @property
    def season_length(self) -> int:
        """Observations in the natural season of this frequency; 1 where the calendar suggests none.

        The shortest season of the calendar that holds at least two observations: 12 for months, 4 for quarters,
        52 for weeks, 7 for days, 5 for business days; within a day, the observations of a day; below one minute, of a minute.
        """
        if self.unit == "step":
            return 1
        if self.unit == "business day":
            return 5 if self.step == 1 else 1
        seasons = {"month": 12.0, "quarter": 4.0, "week": 52.0, "day": 7.0, "hour": 24.0, "minute": 1_440.0, "second": 60.0}
        in_season = seasons.get(self.unit, 1.0) / self.step
        return int(in_season) if in_season >= 2 and in_season == int(in_season) else 1

    def advance(self, start: Any, steps: Any) -> Any:
        """The stamps that lie `steps` steps after `start` (negative: before).   start: one stamp or an array; steps: integers."""
        steps = np.asarray(steps)
        if self.unit == "step":
            return start + steps * self.step
        if self.unit in MONTHS:
            return _advance_months(start, steps * int(MONTHS[self.unit] * self.step), self.month_end)
        if self.unit == "business day":
            day = start.astype("datetime64[D]")
            return np.busday_offset(day, steps * int(self.step), roll="backward").astype("datetime64[us]") + (start - day)
        return start + (steps * round(SECONDS[self.unit] * self.step * 1e6)).astype("timedelta64[us]")

    def count(self, start: Any, stamps: Index) -> Any:
        """How many whole steps lie between `start` and each of `stamps` (the inverse of `advance`); a stamp between two steps counts for the earlier."""
        if self.unit == "step":
            return np.clip(np.round((stamps - start) / self.step), -(2.0**62), 2.0**62).astype(np.int64)
        if self.unit in MONTHS:
            months = stamps.astype("datetime64[M]").astype(np.int64) - start.astype("datetime64[M]").astype(np.int64)
            return months // int(MONTHS[self.unit] * self.step)
        if self.unit == "business day":
            return np.busday_count(start.astype("datetime64[D]"), stamps.astype("datetime64[D]")) // int(self.step)
        return (stamps - start).astype(np.int64) // round(SECONDS[self.unit] * self.step * 1e6)

    def label(self, stamp: Any) -> str:
        """A stamp as short as this frequency allows: "1949-01", "1974Q1", "2012-01-01 13:30", "17"."""
        if self.unit == "step":
            return f"{stamp:g}" if isinstance(stamp, float | np.floating) else str(stamp)
        if self.unit == "quarter":
            month = int(stamp.astype("datetime64[M]").astype(np.int64))
            return f"{1970 + month // 12}Q{month % 12 // 3 + 1}"
        unit = {"year": "Y", "month": "M", "week": "D", "business day": "D", "day": "D", "hour": "m", "minute": "m", "second": "s", "millisecond": "ms"}
        return str(stamp.astype(f"datetime64[{unit.get(self.unit, 'us')}]")).replace("T", " ")


def _advance_months(start: Any, months: Any, month_end: bool) -> Any:
    month = start.astype("datetime64[M]")
    day = start.astype("datetime64[D]")
    target = month + months.astype("timedelta64[M]")
    last = (target + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    wanted = last if month_end else np.minimum(target.astype("datetime64[D]") + (day - month.astype("datetime64[D]")), last)
    return wanted.astype("datetime64[us]") + (start - day)
