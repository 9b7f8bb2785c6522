"""Calendar and holiday features: what the date of a row says about it, known for every past and future row.

    feature        number               place in its cycle, for sin and cos of 2π·place     at frequencies
    second         0 … 59               second / 60                                        below a minute
    minute         0 … 59               (minute, second) / 60 minutes                      below an hour
    hour           0 … 23               time of the day / 24 hours                         below a day
    weekday        0 = Monday … 6       weekday / 7                                        below a week
    day_of_month   1 … 31               (day − 1) / days in this month                     below a week
    day_of_year    1 … 366              (day − 1) / days in this year                      below a week
    week           1 … 53, ISO 8601     day of the year of its Thursday, as above          weeks and below
    month          1 … 12               (month − 1) / 12                                   months and below
    quarter        1 … 4                (quarter − 1) / 4                                  quarters and below
    is_weekend     1 on Saturday, Sunday                                                   below a week, not business days
    is_month_start, is_month_end   1 on the first or last (business) day of a month        below a week

A feature that would be the same at every row of a frequency is left out: hourly steps have no minute, steps of 24 hours
no hour. A place runs from 0 to 1 and begins again, so that its sine and cosine have no jump at midnight or new year.
"""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.frequency import MONTHS, SECONDS, Frequency
from inorder.data.series import Series
from inorder.errors import ConfigError, MissingExtra, SeriesError, unknown
from inorder.features.panel import check_count
from inorder.typing import Index, Values

ENCODINGS = ("both", "number", "cycle")
Stamps = NDArray[np.datetime64]
_DAY, _MONTH, _YEAR = "datetime64[D]", "datetime64[M]", "datetime64[Y]"


def calendar_features(
    index: Series | Index, frequency: Frequency | str | None = None, *, timezone: str | None = None, encoding: str = "both"
) -> dict[str, Values]:
    """Name -> (rows,) of each calendar feature that varies at this frequency, in the order of the table above.

    index: a dated Series, with its own frequency and time zone unless others are given; or its stamps, datetime64 (rows,).
    Stamps to come: calendar_features(series.future_index(12).reshape(-1), series.frequency, timezone=series.timezone).
    frequency: None for a bare index means irregular: everything down to the hour.
    timezone: stamps within a day are UTC and are read on the clock of this zone.
    encoding: "number", "cycle" (name_sin and name_cos) or "both"; the yes-or-no features are always 0 and 1.
    Raises SeriesError for stamps that are no dates, ConfigError for an unknown encoding or time zone.

    >>> january = calendar_features(np.array(["2024-01-31", "2024-02-01"], "datetime64[us]"), "monthly")
    >>> {name: values.round(2).tolist() for name, values in january.items()}    # doctest: +NORMALIZE_WHITESPACE
    {'month': [1.0, 2.0], 'month_sin': [0.0, 0.5], 'month_cos': [1.0, 0.87],
     'quarter': [1.0, 1.0], 'quarter_sin': [0.0, 0.0], 'quarter_cos': [1.0, 1.0]}
    >>> list(calendar_features(np.array(["2024-12-25T18:30"], "datetime64[us]"), "30min", encoding="number"))
    ['minute', 'hour', 'weekday', 'day_of_month', 'day_of_year', 'week', 'month', 'quarter', 'is_weekend', 'is_month_start', 'is_month_end']
    """
    if encoding not in ENCODINGS:
        raise unknown("encoding", str(encoding), ENCODINGS)
    stamps, frequency = _read(index, frequency, timezone)
    varying = _varying(frequency)
    features: dict[str, Values] = {}
    for name, (number, place) in _numbers_and_places(stamps).items():
        if name in varying:
            if encoding != "cycle":
                features[name] = number
            if encoding != "number":
                features[f"{name}_sin"], features[f"{name}_cos"] = np.sin(2 * np.pi * place), np.cos(2 * np.pi * place)
    for name, flag in _flags(stamps, frequency).items():
        if name in varying:
            features[name] = flag.astype(np.float64)
    return features


def holiday_features(
    index: Series | Index,
    country: str,
    *,
    subdivision: str | None = None,
    before: int = 0,
    after: int = 0,
    frequency: Frequency | str | None = None,
    timezone: str | None = None,
) -> dict[str, Values]:
    """Public holidays of a country: `is_holiday` 0 or 1 for steps of a day or less, the count `holidays` for longer steps.

    index, frequency, timezone: as for `calendar_features`; a longer step begins at its stamp (with month_end: ends there).
    country: ISO code of two or three letters, or its English name.   subdivision: a state or province, by its code or name.
    before, after: also `before_holiday_1` … for days that lie so many days before a holiday, and `after_holiday_1` ….
    Raises ConfigError for an unknown country or subdivision, SeriesError for stamps that are no dates, MissingExtra without the package holidays.
    Source of the dates: the package holidays (vacanza).

    >>> days = np.array(["2024-12-23", "2024-12-24", "2024-12-25"], "datetime64[us]")       # the 26th is a holiday too
    >>> {name: values.tolist() for name, values in holiday_features(days, "DE", before=1).items()}
    {'is_holiday': [0.0, 0.0, 1.0], 'before_holiday_1': [0.0, 1.0, 1.0]}
    >>> holiday_features(np.array(["2024-04-01", "2024-05-01"], "datetime64[us]"), "DE", frequency="monthly")
    {'holidays': array([1., 3.])}
    """
    before, after = check_count("before", before, 0), check_count("after", after, 0)
    stamps, frequency = _read(index, frequency, timezone)
    days = stamps.astype(_DAY)
    if frequency is not None and _longer_than_a_day(frequency):
        if before or after:
            raise ConfigError(f"`before` and `after` count days, but one step of this series is a {frequency}.")
        begin, end = _span(stamps, frequency)
        dates = _holidays(country, subdivision, begin, end)
        return {"holidays": (np.searchsorted(dates, end) - np.searchsorted(dates, begin)).astype(np.float64)}
    dates = _holidays(country, subdivision, days - after, days + before)
    features = {"is_holiday": np.isin(days, dates)}
    features |= {f"before_holiday_{n}": np.isin(days + n, dates) for n in range(1, before + 1)}
    features |= {f"after_holiday_{n}": np.isin(days - n, dates) for n in range(1, after + 1)}
    return {name: values.astype(np.float64) for name, values in features.items()}


def _read(index: Series | Index, frequency: Frequency | str | None, timezone: str | None) -> tuple[Stamps, Frequency | None]:
    """Stamps on the local clock, and the frequency."""
    if isinstance(index, Series):
        frequency, timezone, index = frequency or index.frequency, timezone or index.timezone, index.index
    stamps: NDArray[Any] = np.asarray(index)
    if stamps.dtype.kind != "M":
        shown = f", such as {stamps.reshape(-1)[0]!s}" if stamps.size else ""
        raise SeriesError(f"Calendar features need dates; these stamps are {stamps.dtype} numbers{shown}. Read the series with its date column (--time NAME).")
    if stamps.ndim != 1:
        raise SeriesError(f"Stamps have the axis (rows,), not the shape {stamps.shape}. For the stamps to come: series.future_index(horizon).reshape(-1).")
    if np.isnat(stamps).any():
        raise SeriesError(f"Row {int(np.argmax(np.isnat(stamps))) + 1} has no date. Drop it or fill it in.")
    frequency = None if frequency is None else Frequency.parse(frequency)
    if timezone is not None and (frequency is None or frequency.within_day):
        stamps = _clock(stamps, timezone)
    return stamps.astype("datetime64[us]"), frequency


def _clock(stamps: Stamps, timezone: str) -> Stamps:
    import zoneinfo

    import polars as pl

    if timezone not in zoneinfo.available_timezones():
        near = difflib.get_close_matches(timezone, zoneinfo.available_timezones(), n=1)
        raise ConfigError(f'Time zone "{timezone}" is unknown.{f" Did you mean {near[0]}?" if near else ""} Write a name such as Europe/Berlin or UTC.')
    column = pl.Series(stamps.astype("datetime64[us]")).dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)
    return np.asarray(column.dt.replace_time_zone(None).to_numpy())


def _varying(frequency: Frequency | None) -> set[str]:
    """The features that are not the same at every step."""
    coarse = {"month", "quarter"}
    fine = coarse | {"weekday", "day_of_month", "day_of_year", "week", "is_weekend", "is_month_start", "is_month_end"}
    if frequency is None:
        return fine | {"hour"}
    if not frequency.dated:
        raise SeriesError('Calendar features need dates; the frequency "step" only counts. Read the series with its date column (--time NAME).')
    if frequency.unit in MONTHS:
        months = int(MONTHS[frequency.unit] * frequency.step)
        return set() if months % 12 == 0 else {"quarter"} if months % 3 == 0 else coarse
    if frequency.unit == "business day":
        return fine - {"is_weekend"} - ({"weekday"} if frequency.step % 5 == 0 else set())
    seconds = round(SECONDS[frequency.unit] * frequency.step, 6)
    if seconds % 604_800 == 0:
        return coarse | {"week"}
    return fine | {name for name, length in (("second", 60), ("minute", 3_600), ("hour", 86_400)) if seconds % length}


def _numbers_and_places(stamps: Stamps) -> dict[str, tuple[Values, Values]]:
    day = stamps.astype(_DAY)
    month, year = day.astype(_MONTH), day.astype(_YEAR)
    of_day = (stamps - day).astype("timedelta64[us]").astype(np.int64)
    weekday = (_count(day - np.datetime64(0, "D"), "D") + 3) % 7  # 1970-01-01 was a Thursday
    day_of_month = _count(day - month.astype(_DAY), "D")
    month_number = _count(month - year.astype(_MONTH), "M")
    day_of_year, of_year = _in_year(day)
    thursday = day + (3 - weekday).astype("timedelta64[D]")  # an ISO week belongs to the year of its Thursday
    thursday_of_year, week_of_year = _in_year(thursday)
    return {
        "second": ((of_day // 1_000_000 % 60).astype(np.float64), of_day % 60_000_000 / 60e6),
        "minute": ((of_day // 60_000_000 % 60).astype(np.float64), of_day % 3_600_000_000 / 3_600e6),
        "hour": ((of_day // 3_600_000_000).astype(np.float64), of_day / 86_400e6),
        "weekday": (weekday, weekday / 7),
        "day_of_month": (day_of_month + 1, day_of_month / _count((month + 1).astype(_DAY) - month.astype(_DAY), "D")),
        "day_of_year": (day_of_year + 1, of_year),
        "week": (thursday_of_year // 7 + 1, week_of_year),
        "month": (month_number + 1, month_number / 12),
        "quarter": (month_number // 3 + 1, month_number // 3 / 4),
    }


def _flags(stamps: Stamps, frequency: Frequency | None) -> dict[str, NDArray[np.bool_]]:
    day = stamps.astype(_DAY)
    if frequency is not None and frequency.unit == "business day":
        yesterday, tomorrow = np.busday_offset(day, -1, roll="forward"), np.busday_offset(day, 1, roll="backward")
    else:
        yesterday, tomorrow = day - 1, day + 1
    return {
        "is_weekend": (day.astype(np.int64) + 3) % 7 >= 5,
        "is_month_start": yesterday.astype(_MONTH) != day.astype(_MONTH),
        "is_month_end": tomorrow.astype(_MONTH) != day.astype(_MONTH),
    }


def _in_year(day: Stamps) -> tuple[Values, Values]:
    """The day's number in its year, from 0, and the part of the year that has gone."""
    year = day.astype(_YEAR)
    number = _count(day - year.astype(_DAY), "D")
    return number, number / _count((year + 1).astype(_DAY) - year.astype(_DAY), "D")


def _count(length: Any, unit: str) -> Values:
    return np.asarray(length.astype(f"timedelta64[{unit}]").astype(np.float64))


def _longer_than_a_day(frequency: Frequency) -> bool:
    if not frequency.dated:
        raise SeriesError('Holidays need dates; the frequency "step" only counts. Read the series with its date column (--time NAME).')
    return frequency.unit in MONTHS or (frequency.step > 1 if frequency.unit == "business day" else frequency.seconds > 86_400)


def _span(stamps: Stamps, frequency: Frequency) -> tuple[Stamps, Stamps]:
    """First day of each step, and the first day after it."""
    if frequency.month_end:
        return frequency.advance(stamps, -1).astype(_DAY) + 1, stamps.astype(_DAY) + 1
    return stamps.astype(_DAY), frequency.advance(stamps, 1).astype(_DAY)


def _holidays(country: str, subdivision: str | None, begin: Stamps, end: Stamps) -> Stamps:
    """The holidays between two days, in order."""
    try:
        import holidays
        from holidays.registry import COUNTRIES
    except ModuleNotFoundError as error:
        if error.name != "holidays":
            raise
        raise MissingExtra("Holiday features need the package holidays: pip install holidays") from None
    code = _country_code(country, {names[0]: names[1:3] for names in COUNTRIES.values()})
    home = getattr(holidays, code)
    if subdivision is not None:
        aliases = dict(getattr(home, "subdivisions_aliases", {}))
        known = {name.casefold(): place for name, place in aliases.items()} | {name.casefold(): name for name in home.subdivisions}
        if not known:
            raise ConfigError(f'"{code}" has no subdivisions with holidays of their own, so subdivision="{subdivision}" says nothing. Leave it out.')
        if str(subdivision).casefold() not in known:
            raise unknown("subdivision", str(subdivision), {*home.subdivisions, *aliases})
        subdivision = known[str(subdivision).casefold()]
    if len(begin) == 0:
        return np.zeros(0, _DAY)
    years = range(int(begin.min().astype(_YEAR).astype(int)) + 1970, int(end.max().astype(_YEAR).astype(int)) + 1971)
    dates = holidays.country_holidays(code, subdiv=subdivision, years=years)
    return np.sort(np.array(list(dates.keys()), dtype=_DAY))


def _country_code(country: str, codes: dict[str, tuple[str, ...]]) -> str:
    """The two letters of a country given by two, by three, or by name."""
    names = {known.casefold(): pair[0] for name, pair in codes.items() for known in (name, *pair)}
    wanted = "".join(letter for letter in str(country) if letter.isalnum()).casefold()
    if wanted in names:
        return names[wanted]
    spelled = {name.casefold(): name for name in codes}
    near = difflib.get_close_matches(wanted, spelled if len(wanted) > 3 else names, n=1)
    hint = f" Did you mean {names[near[0]]} ({next(name for name, pair in codes.items() if pair[0] == names[near[0]])})?" if near else ""
    raise ConfigError(
        f'Country "{country}" is unknown.{hint} Write its ISO code, for example DE, KR, US, or its English name; {len(codes)} countries are known.'
    )
