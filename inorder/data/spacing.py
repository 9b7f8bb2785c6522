"""How far apart stamps are: the frequency that explains them, or none.

A frequency explains stamps when each step between neighbours is a whole number of its steps, and a fair share of them is
exactly one: the step is the greatest common divisor, counted in months where the stamps stand on the same day of their
months, else in time. Gaps are allowed; jitter is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from inorder.data.frequency import SECONDS, Frequency
from inorder.typing import Index, Offsets

MICRO = {unit: round(seconds * 1e6) for unit, seconds in SECONDS.items()}
DAY = MICRO["day"]
FAIR_SHARE = 0.2  # of the steps that must be exactly one step of the grid
ROUNDING = 0.01  # of a step, by which times that are numbers may be off
FEWEST_SPARSE = 3  # new rows, no two of them one step apart, from which they may have a frequency of their own
FILLED = 0.8  # share of the rows of a wider grid that must be there for it to be theirs; else they are rows with gaps
LONG_ENOUGH = 8  # rows from which a series shows a frequency of its own


def infer_frequency(index: Index, offsets: Offsets, unit: str | None = None) -> Frequency | None:
    """The frequency of sorted stamps without duplicates, of all series together; None where nothing explains them.

    unit: the period that their way of writing names, "year", "quarter", "month" or "week"; it decides for single stamps.

    >>> days = np.array(["2024-01-31", "2024-02-29", "2024-03-31"], "datetime64[us]")
    >>> infer_frequency(days, np.array([0, 3]))
    Frequency(unit='month', step=1, month_end=True)
    """
    if len(index) == len(offsets) - 1:  # single stamps
        return Frequency(unit) if unit else (Frequency("step") if index.dtype.kind == "i" else None)
    if index.dtype.kind == "f":
        return _number_frequency(index, offsets)
    if index.dtype.kind == "i":
        step = _common(_steps(index, offsets))
        return Frequency("step", step) if step else None
    return _month_frequency(index, offsets) or _time_frequency(index, offsets)


def completeness(index: Index) -> float:
    """The share of the cells of its grid that a sorted index of dates fills; 0 where no frequency explains it."""
    frequency = infer_frequency(index, np.array([0, len(index)]))
    if frequency is None:
        return 0.0
    return len(index) / float(frequency.count(index[0], index[-1:])[0] + 1)


def months_of_business_days(index: Index) -> tuple[Index, str] | None:
    """Stamps that are all the first, or all the last, weekday of their month: moved to the first or last day, and what was done."""
    if len(index) < 3:
        return None
    for words in ("first", "last"):
        if _weekday_of_edge(index[:50], words) and _weekday_of_edge(index, words):  # mostly decided by a few rows
            edge = _month_edge(index, words)
            if (edge != index).any():
                return edge.astype("datetime64[us]"), f"stamps on the {words} weekday of each month moved to its {words} day"
    return None


def _month_edge(index: Index, words: str) -> Any:
    months = index.astype("datetime64[M]")
    return months.astype("datetime64[D]") if words == "first" else (months + 1).astype("datetime64[D]") - 1


def _weekday_of_edge(index: Index, words: str) -> bool:
    edge = np.busday_offset(_month_edge(index, words), 0, roll="forward" if words == "first" else "backward")
    return bool((edge == index).all())


def coarser_series(index: Index, offsets: Offsets, frequency: Frequency) -> int | None:
    """A series whose own steps are all alike and larger than those of the panel: another frequency in the same file. None where there is none."""
    lengths = np.diff(offsets)
    long = lengths >= LONG_ENOUGH
    if len(lengths) < 2 or not long.any():
        return None
    steps = np.append(np.diff(frequency.count(np.repeat(index[offsets[:-1]], lengths), index)), 0)
    inside = np.ones(len(index), bool)
    inside[offsets[1:] - 1] = False  # the step from one series to the next
    low = np.minimum.reduceat(np.where(inside, steps, np.iinfo(np.int64).max), offsets[:-1])
    high = np.maximum.reduceat(np.where(inside, steps, 0), offsets[:-1])
    coarse = long & (low == high) & (low > 1)
    return int(np.argmax(coarse)) if coarse.any() else None


def _steps(numbers: Any, offsets: Offsets) -> Any:
    """Differences between neighbours of the same series."""
    steps = np.diff(numbers)
    return np.delete(steps, offsets[1:-1] - 1) if len(offsets) > 2 else steps


def _common(steps: Offsets) -> int:
    """The greatest common divisor of the steps if a fair share of them equals it, else 0."""
    distinct, counts = np.unique(steps, return_counts=True)
    step = int(np.gcd.reduce(distinct))
    return step if distinct[0] == step > 0 and counts[0] >= FAIR_SHARE * len(steps) else 0


def _month_frequency(index: Index, offsets: Offsets) -> Frequency | None:
    """Months, quarters and years: one day of the month and time of the day throughout, or the last day of each month."""
    if not (_one_day(index[:100]) and _one_day(index)):  # mostly decided by a few rows
        return None
    months = index.astype("datetime64[M]")
    step = _common(_steps(months.astype(np.int64), offsets))
    if step == 0:
        return None
    month_end = bool((_month_edge(index, "last") == index.astype("datetime64[D]")).all())
    unit, length = next((unit, length) for unit, length in (("year", 12), ("quarter", 3), ("month", 1)) if step % length == 0)
    return Frequency(unit, step // length, month_end)


def _one_day(index: Index) -> bool:
    """Whether the stamps have one time of the day and one day of the month; the 30th of each month is 28 February in its month."""
    days = index.astype("datetime64[D]")
    if (index - days != index[0] - days[0]).any():
        return False
    day = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
    last = _month_edge(index, "last") == days
    return bool(last.all() or not (day != day.max())[~(last & (day >= 27))].any())


def _time_frequency(index: Index, offsets: Offsets) -> Frequency | None:
    """Weeks, days, business days, and whole numbers of smaller units."""
    steps = _steps(index.astype(np.int64), offsets)
    step = _common(steps)
    if step == 0:
        return None
    if step == DAY and _only_weekdays(index, steps):
        return Frequency("business day")
    unit = next(unit for unit in ("week", "day", "hour", "minute", "second", "millisecond", "microsecond") if step % MICRO[unit] == 0)
    return Frequency(unit, step // MICRO[unit])


def _only_weekdays(index: Index, steps: Offsets) -> bool:
    """No stamp on a Saturday or Sunday, although weekends lie between."""
    weekday = (index.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return bool((weekday < 5).all() and (steps >= 3 * DAY).any() and len(index) > 5)


def _number_frequency(index: Any, offsets: Offsets) -> Frequency | None:
    """Times that are numbers, evenly spaced up to rounding, with gaps: none is further from its place than a hundredth of a step."""
    steps = _steps(index, offsets)
    rough = float(np.median(steps[steps < 1.5 * steps.min()]))
    apart = np.round(np.diff(index) / rough)
    apart[offsets[1:-1] - 1] = 0.0  # from one series to the next
    place = np.concatenate([[0.0], np.cumsum(apart)])
    lengths = np.diff(offsets)
    place -= np.repeat(place[offsets[:-1]], lengths)
    i = int(np.argmax(place[offsets[1:] - 1]))  # the longest stretch tells the step
    begin, end = offsets[i], offsets[i + 1] - 1
    exact = float(index[end] - index[begin]) / float(place[end])
    away = np.abs(index - np.repeat(index[offsets[:-1]], lengths) - place * exact)
    if away.max() > ROUNDING * exact or (np.round(steps / exact) == 1).mean() < FAIR_SHARE:
        return None
    short = (float(f"{exact:.{digits}g}") for digits in range(1, 16))
    unsure = 8 * np.finfo(np.float64).eps * (exact + float(np.abs(index).max()) / float(place[end]))
    return Frequency("step", next((step for step in short if abs(step - exact) <= unsure), exact))
