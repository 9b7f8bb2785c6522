"""Written dates -> stamps: the ways in which people and programs write them.

A column of texts is one way of writing throughout, and the whole column decides which. Where it leaves a choice (is
03/04/2020 in March or in April?), the choice is stated in a note, never made silently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.months import ANY, ENGLISH, month_numbers
from inorder.data.numerals import BadCell
from inorder.data.options import DATE_ORDERS
from inorder.data.spacing import completeness
from inorder.typing import Index

if TYPE_CHECKING:
    import polars as pl

Note = tuple[str, int | None]  # a sentence, and the row that goes into its "{row}"

MONTH = rf"(?P<name>{ANY})\.?"
WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
ZONE = r"(?P<zone>z|utc|gmt|[+-]\d{2}(?::?\d{2})?)"
CLOCK_TIME = r"(?P<hour>\d{1,2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?\s*(?P<half>[ap]\.?m\.?)?"
TIME = rf"(?:(?:t|,?\s+){CLOCK_TIME}\s*{ZONE}?)?"
YEAR = r"(?P<year>\d{4}|\d{2})"
# way of writing -> pattern; the first that fits every cell of a column is taken
PATTERNS = {
    name: f"(?i)^{pattern}$"
    for name, pattern in {
        "year-month-day": rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){TIME}",
        "yearmonthday": rf"(?P<year>\d{{4}})(?P<month>\d{{2}})(?P<day>\d{{2}}){TIME}",
        "year-month": r"(?P<year>\d{4})\s?[-/.:m]\s?(?P<month>\d{1,2})",
        "month-year": r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})",
        "two numbers and a year": rf"(?P<one>\d{{1,2}})[-/. ](?P<two>\d{{1,2}})[-/. ]{YEAR}{TIME}",
        "day month year": rf"{WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|º)?[-/. ]*(?:de )?{MONTH}[-/., ]*(?:de )?{YEAR}{TIME}",
        "month day year": rf"{WEEKDAY}{MONTH}[-/. ]*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[-/, ]+{YEAR}{TIME}",
        "month year": rf"(?P<name>{ENGLISH})\.?[-/., ']*{YEAR}",
        "month and year": rf"{MONTH}[-/., ']+(?:de )?{YEAR}",  # in any language, set apart: out10 is more often a tenth column
        "year month day": rf"(?P<year>\d{{4}})[-/. ]*{MONTH}(?:[-/. ]*(?P<day>\d{{1,2}}))?{TIME}",
        "year quarter": r"(?P<year>\d{4})[-/.: ]*q(?P<quarter>[1-4])",
        "quarter year": r"(?:q(?P<quarter>[1-4])|(?P<quarter_>[1-4])q)[-/.: ']*(?P<year>\d{4})",
        "year week": r"(?P<year>\d{4})[- ]?w(?P<week>\d{1,2})(?:-?(?P<weekday>[1-7]))?",
        "year half": r"(?P<year>\d{4})[- ]?[hs](?P<semester>[12])",
    }.items()
}
CLOCK = r"^\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?$"
DATED = "(?i)" + "|".join(re.sub(r"\?P<\w+>", "?:", pattern.removeprefix("(?i)")) for pattern in PATTERNS.values())  # any of them


@dataclass(frozen=True)
class Stamps:
    """(rows,) stamps as they were written.

    values: datetime64[us], int64 counts or float64 times.   zone: None = local, without a zone; else the values are UTC, and this is the clock they came with.
    years: they were whole-numbered years.   unit: "year", "quarter", "month" or "week" where the way of writing names such a period.
    way: what `Options.dates` would have to say for a few of these stamps to be read as all of them were; None where they speak for themselves.
    """

    values: Index
    zone: str | None = None
    years: bool = False
    unit: str | None = None
    notes: tuple[Note, ...] = ()
    way: str | None = None


def written_stamps(column: pl.Series, texts: pl.Series, dates: str | None) -> Stamps:
    """The distinct texts of a column by the way of writing that fits them all."""
    way, fits = _way_of_writing(texts)
    if not fits.all():
        place, like = int((~fits).arg_max() or 0), int(fits.arg_max() or 0)
        expected = f'a date like "{texts[like]}"' if fits.any() and place else "a date, a time or a count"
        raise BadCell(_row(column, texts, place), texts[place], expected)
    parts = {field.name: field for field in texts.str.extract_groups(PATTERNS[way]).struct.unnest().iter_columns()}
    notes: list[Note] = []
    order = None
    if "one" in parts:
        order, more = _two_numbers(column, texts, parts, dates)
        notes += more
    days, wrong = _days(parts, notes)
    micros, zone, mixed = _times(column, texts, parts, wrong)
    if mixed:
        notes.append(("stamps with different offsets are kept in UTC (--timezone names the clock to show them on)", None))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise BadCell(_row(column, texts, place), texts[place], "a date that exists")
    unit: str | None = next((unit for unit in ("quarter", "week") if unit in parts), None)
    if unit is None and "day" not in parts:
        unit = "month"
    return Stamps(days.astype("datetime64[us]") + micros.astype("timedelta64[us]"), zone, unit=unit, notes=tuple(notes), way=order)


def _way_of_writing(texts: pl.Series) -> tuple[str, pl.Series]:
    """The way of writing that fits most of the texts, and which it fits; of equals the first in PATTERNS."""
    head = texts.head(100)
    ways = sorted(PATTERNS, key=lambda way: -int(head.str.contains(PATTERNS[way]).sum()))
    best, fits = ways[0], texts.str.contains(PATTERNS[ways[0]])
    for way in ways[1:]:
        if fits.all():
            break
        others = texts.str.contains(PATTERNS[way])
        if others.sum() > fits.sum():
            best, fits = way, others
    return best, fits


def _row(column: pl.Series, texts: pl.Series, place: int) -> int:
    return int((column.str.strip_chars() == texts[place]).arg_max() or 0)


def _whole(part: pl.Series | None, default: int, rows: int) -> NDArray[np.int64]:
    import polars as pl

    return np.full(rows, default) if part is None else part.cast(pl.Int64).fill_null(default).to_numpy().copy()


def _days(parts: dict[str, Any], notes: list[Note]) -> tuple[Any, NDArray[np.bool_]]:
    """(texts,) days, and which of them do not exist."""
    rows = len(parts["year"])
    year = _whole(parts["year"], 0, rows)
    if (short := (parts["year"].str.len_bytes() == 2).to_numpy()).any():
        year[short] += np.where(year[short] < 69, 2000, 1900)
        notes.append(("years of two digits are taken from 1969 to 2068", None))
    month, day = _whole(parts.get("month"), 1, rows), _whole(parts.get("day"), 1, rows)
    if "name" in parts:
        month = month_numbers(parts["name"]).to_numpy().copy()
    if "quarter" in parts:
        quarter = parts["quarter"].fill_null(parts["quarter_"]) if "quarter_" in parts else parts["quarter"]
        month = 3 * _whole(quarter, 1, rows) - 2
    if "semester" in parts:
        month = 6 * _whole(parts["semester"], 1, rows) - 5
    wrong = (month < 1) | (month > 12) | (day < 1) | (year < 1)
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + np.where(wrong, 0, month - 1)
    days = first.astype("datetime64[D]") + np.where(wrong, 0, day - 1)
    wrong |= days.astype("datetime64[M]") != first
    if "week" in parts:
        week = _whole(parts["week"], 1, rows)
        fourth = first.astype("datetime64[D]") + 3  # 4 January lies in week 1
        monday = fourth - (fourth.astype(np.int64) + 3) % 7
        days = monday + 7 * (week - 1) + _whole(parts["weekday"], 1, rows) - 1
        thursday = monday + 7 * (week - 1) + 3  # a week belongs to the year of its Thursday
        wrong |= (week < 1) | (thursday.astype("datetime64[Y]") != first.astype("datetime64[Y]"))
    return days, wrong


def _times(column: pl.Series, texts: pl.Series, parts: dict[str, Any], wrong: NDArray[np.bool_]) -> tuple[NDArray[np.int64], str | None, bool]:
    """(texts,) microseconds after midnight, in UTC where a zone is written; that zone; and whether several were."""
    rows = len(texts)
    if "hour" not in parts or parts["hour"].null_count() == rows:
        return np.zeros(rows, np.int64), None, False
    hour, minute, second = (_whole(parts[name], 0, rows) for name in ("hour", "minute", "second"))
    half = parts["half"].str.slice(0, 1).str.to_lowercase()
    wrong |= (half.is_not_null().to_numpy()) & ((hour < 1) | (hour > 12))
    hour = np.where((half == "p").fill_null(False).to_numpy(), hour % 12 + 12, np.where((half == "a").fill_null(False).to_numpy(), hour % 12, hour))
    wrong |= (minute > 59) | (second > 60) | (hour > 24) | ((hour == 24) & (minute + second > 0))
    fraction = parts["fraction"].str.pad_end(6, "0").str.slice(0, 6)
    micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + _whole(fraction, 0, rows)
    zones = parts["zone"].str.to_uppercase().replace(["Z", "GMT"], "UTC")
    if zones.null_count() == rows:
        return micros, None, False
    if zones.null_count():
        place = int(zones.is_null().arg_max() or 0)
        raise BadCell(_row(column, texts, place), texts[place], f'a time with a zone as in "{texts[int(zones.is_not_null().arg_max() or 0)]}"')
    sign = np.where((zones.str.slice(0, 1) == "-").to_numpy(), -1, 1)
    digits = zones.str.replace_all("UTC|[-+:]", "").str.pad_end(4, "0")
    offset = sign * (_whole(digits.str.slice(0, 2), 0, rows) * 60 + _whole(digits.str.slice(2, 2), 0, rows))
    wrong |= np.abs(offset) > 18 * 60
    return micros - offset * 60_000_000, _zone_name(offset), bool((offset != offset[0]).any())


def _zone_name(offset: NDArray[np.int64]) -> str:
    """The clock of stamps that all have the same offset in whole hours; else UTC."""
    if (offset != offset[0]).any() or offset[0] % 60 or abs(offset[0]) > 12 * 60:
        return "UTC"
    return f"Etc/GMT{-offset[0] // 60:+d}" if offset[0] else "UTC"  # POSIX counts hours west of Greenwich


def _two_numbers(column: pl.Series, texts: pl.Series, parts: dict[str, Any], dates: str | None) -> tuple[str, list[Note]]:
    """Which of 03/04/2020 is the day: put "day" and "month" among the parts. The order, and notes."""
    import polars as pl

    first, second = parts.pop("one").cast(pl.Int64), parts.pop("two").cast(pl.Int64)
    notes: list[Note] = []
    if dates in DATE_ORDERS:
        order = dates
    elif (first > 31).any():
        order = "year-first"
        place = int((first > 31).arg_max() or 0)
        notes.append((f'dates read as year, month, day, because {{row}} has "{texts[place]}"', _row(column, texts, place)))
    elif (first > 12).any() and (second > 12).any():
        a, b = int((first > 12).arg_max() or 0), int((second > 12).arg_max() or 0)
        raise BadCell(_row(column, texts, b), texts[b], f'a date with the day first, as in "{texts[a]}"')
    elif (first > 12).any() or (second > 12).any():
        larger = first if (first > 12).any() else second
        order = "day-first" if larger is first else "month-first"
        place = int((larger > 12).arg_max() or 0)
        words = "day, month, year" if larger is first else "month, day, year"
        notes.append((f'dates read as {words}, because {{row}} has "{texts[place]}"', _row(column, texts, place)))
    else:
        order, why = _likelier_order(texts, parts["year"], first, second)
        other = "month-first" if order == "day-first" else "day-first"
        notes.append((f'dates such as "{texts[0]}" read {order}, {why} (--dates {other} to change)', None))
    if order == "year-first":
        parts["year"], second, first = first.cast(pl.String).str.zfill(2), second, parts["year"].cast(pl.Int64)
    day, month = (second, first) if order == "month-first" else (first, second)
    parts["day"], parts["month"] = day, month
    return order, notes


def _likelier_order(texts: pl.Series, year: pl.Series, first: pl.Series, second: pl.Series) -> tuple[str, str]:
    """No number is above 12. Dots are European; else the order that leaves fewer gaps; else the month."""
    if "." in texts[0]:
        return "day-first", "as usual with dots"
    full = {}
    for order, day, month in (("month-first", second, first), ("day-first", first, second)):
        days, wrong = _days({"year": year, "month": month, "day": day}, [])
        full[order] = 0.0 if wrong.any() else completeness(np.unique(days.astype("datetime64[us]")))
    if full["day-first"] > 1.2 * full["month-first"]:
        return "day-first", "because that leaves fewer gaps"
    if full["month-first"] > 1.2 * full["day-first"]:
        return "month-first", "because that leaves fewer gaps"
    return "month-first", "though the day could come first as well"
