"""Time zones and the days on which clocks change.

A stamp within the day is kept in UTC, where every hour happens once. A local time in autumn can mean two moments:

    02:30 (first)  = summer time        02:30 (second) = winter time

The first row that names it is the earlier one, the second the later. A local time that the clocks skip in spring never was.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.numerals import BadCell
from inorder.typing import Index, Offsets

CHANGE_MONTHS = (3, 4, 9, 10, 11)  # when clocks change, north and south


def to_local(utc: Index, zone: str) -> Index:
    """Moments in UTC as the clocks of `zone` show them.

    >>> to_local(np.array(["2024-07-01T12:00"], "datetime64[us]"), "Europe/Paris").astype(str).tolist()
    ['2024-07-01T14:00:00.000000']
    """
    import polars as pl

    column = pl.Series(utc.astype("datetime64[us]")).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    return np.asarray(column.dt.replace_time_zone(None).to_numpy())


def to_utc(local: Index, zone: str, codes: Offsets | None = None, skip: NDArray[np.bool_] | None = None) -> tuple[Index, Any]:
    """The moments of local times, and which rows (False) never were; those are allowed only where `skip` is True.

    local: (rows,) in the order of their rows.   codes: (rows,) the series of each row.
    Raises BadCell for a local time that the clocks of `zone` skip.
    """
    import polars as pl

    column = pl.Series("local", local.astype("datetime64[us]"))
    early = column.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    exists = early.is_not_null().to_numpy()
    missing = ~exists if skip is None else ~exists & ~skip
    if missing.any():
        row = int(np.argmax(missing))
        raise BadCell(row, str(local[row].astype("datetime64[s]")).replace("T", " "), f"a time that exists in {zone} (clocks went forward over this one)")
    late = column.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    twice = (early != late).fill_null(False).to_numpy()
    moments = early.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if twice.any():
        rows = np.flatnonzero(twice)
        rows = rows[::-1] if _descending(local, codes) else rows
        frame = pl.DataFrame({"local": local[rows], "code": np.zeros(len(rows), np.int64) if codes is None else codes[rows]})
        second = np.zeros(len(local), bool)
        second[rows] = (frame.select(pl.int_range(pl.len()).over("local", "code")).to_series() > 0).to_numpy()
        moments = moments.zip_with(~pl.Series(second), late.dt.convert_time_zone("UTC").dt.replace_time_zone(None))
    return moments.fill_null(np.datetime64(0, "us")).to_numpy(), exists


def _descending(local: Index, codes: Offsets | None) -> bool:
    """Whether the rows go back in time."""
    steps = np.diff(local.astype(np.int64))
    if codes is not None:
        steps = steps[np.diff(codes) == 0]
    return bool((steps < 0).sum() > (steps > 0).sum())


def looks_like_clock_change(stamp: Any) -> bool:
    """Whether a local stamp lies in an hour in which clocks change somewhere: the night to a Sunday in spring or autumn."""
    day = stamp.astype("datetime64[D]")
    hour = int((stamp - day) / np.timedelta64(3600, "s"))
    month = int(stamp.astype("datetime64[M]").astype(np.int64)) % 12 + 1
    return hour < 4 and (int(day.astype(np.int64)) + 3) % 7 == 6 and month in CHANGE_MONTHS
