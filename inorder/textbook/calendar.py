"""Calendar features, written out: one stamp at a time, asked of Python's own calendar."""

from __future__ import annotations

import calendar
import math
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def calendar_features(index: ArrayLike) -> dict[str, Floats]:
    """Name -> (rows,): every feature, whether or not it varies. Each number comes with the sine and cosine of its place in its cycle.

    >>> features = calendar_features(np.array(["2024-12-30T18:00"], "datetime64[us]"))
    >>> [features[name].item() for name in ("hour", "weekday", "week", "is_month_end")]
    [18.0, 0.0, 1.0, 0.0]
    """
    rows = [of_stamp(stamp) for stamp in np.asarray(index, dtype="datetime64[us]").tolist()]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def of_stamp(stamp: datetime) -> dict[str, float]:
    """The features of one stamp.

    >>> of_stamp(datetime(2024, 2, 29))["day_of_month"]
    29.0
    """
    second = stamp.second + stamp.microsecond / 1e6
    minute = stamp.minute + second / 60
    hour = stamp.hour + minute / 60
    thursday = stamp + timedelta(days=3 - stamp.weekday())
    quarter = (stamp.month - 1) // 3
    cycles = {  # name: (number, place in its cycle from 0 to 1)
        "second": (stamp.second, second / 60),
        "minute": (stamp.minute, minute / 60),
        "hour": (stamp.hour, hour / 24),
        "weekday": (stamp.weekday(), stamp.weekday() / 7),
        "day_of_month": (stamp.day, (stamp.day - 1) / calendar.monthrange(stamp.year, stamp.month)[1]),
        "day_of_year": (day_of_year(stamp), (day_of_year(stamp) - 1) / days_in_year(stamp)),
        "week": (stamp.isocalendar().week, (day_of_year(thursday) - 1) / days_in_year(thursday)),
        "month": (stamp.month, (stamp.month - 1) / 12),
        "quarter": (quarter + 1, quarter / 4),
    }
    features: dict[str, float] = {}
    for name, (number, place) in cycles.items():
        features[name] = float(number)
        features[f"{name}_sin"], features[f"{name}_cos"] = math.sin(2 * math.pi * place), math.cos(2 * math.pi * place)
    features["is_weekend"] = float(stamp.weekday() >= 5)
    features["is_month_start"] = float(stamp.day == 1)
    features["is_month_end"] = float((stamp + timedelta(days=1)).month != stamp.month)
    return features


def day_of_year(stamp: datetime) -> int:
    """1 on the first of January."""
    return stamp.timetuple().tm_yday


def days_in_year(stamp: datetime) -> int:
    """365 or 366."""
    return 366 if calendar.isleap(stamp.year) else 365
