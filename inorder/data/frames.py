"""Named columns -> the kind of frame that was read.

Stamps leave as people wrote them: dates for days and longer, times of the day with their time zone below that, whole
numbers for counts and for years that came as whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.typing import Index

if TYPE_CHECKING:
    from inorder.data.series import Series

MIDNIGHT = np.timedelta64(0, "us")


def make_frame(columns: Mapping[str, Any], series: Series) -> Any:
    """A pandas or polars frame, as `series.frame` says, with the stamps of the time column of `series` in their natural type.

    columns: name -> (rows,) array. Columns of stamps other than the time column are handed back as they are.

    >>> from inorder.data.series import Series
    >>> make_frame({"time": np.array([1, 2]), "y": np.array([0.5, 1.5])}, Series.of([0.5, 1.5])).shape
    (2, 2)
    """
    import polars as pl

    made = {name: _stamps(values, series) if name == series.names.time else np.asarray(values) for name, values in columns.items()}
    frame = pl.DataFrame(
        {
            name: values if isinstance(values, pl.Series) else pl.Series(name, values.tolist() if values.dtype == object else values)
            for name, values in made.items()
        }
    )
    if series.frame != "pandas":
        return frame
    import pandas as pd

    return pd.DataFrame({name: _pandas_column(frame[name]) for name in frame.columns})


def is_daily(stamps: Index) -> bool:
    """Whether all stamps are plain dates, with no time of the day."""
    return bool((stamps.astype("datetime64[D]") == stamps).all())


def local(stamps: Index, series: Series) -> Index:
    """Stamps on the clock of the time zone of `series`, without the zone."""
    import polars as pl

    utc = series.timezone is not None and stamps.dtype.kind == "M" and (series.frequency is None or series.frequency.within_day)
    if not utc:
        return stamps
    column = pl.Series(stamps.astype("datetime64[us]")).dt.replace_time_zone("UTC").dt.convert_time_zone(series.timezone or "UTC")
    return np.asarray(column.dt.replace_time_zone(None).to_numpy())


def _stamps(values: Any, series: Series) -> Any:
    import polars as pl

    stamps = np.asarray(values)
    if stamps.dtype.kind != "M":
        return stamps
    if series.years:
        return stamps.astype("datetime64[Y]").astype(np.int64) + 1970
    irregular = series.frequency is None
    within_day = series.frequency is None or series.frequency.within_day
    column = pl.Series(stamps.astype("datetime64[us]"))
    if series.timezone is not None:
        if within_day:
            return column.dt.replace_time_zone("UTC").dt.convert_time_zone(series.timezone)
        if not is_daily(stamps):
            return column.dt.replace_time_zone(series.timezone, ambiguous="earliest")
    return column.cast(pl.Date) if (irregular or not within_day) and is_daily(stamps) else column


def _pandas_column(column: Any) -> Any:
    """Without pyarrow: pandas has no plain date, so dates become midnights, which is how pandas keeps them."""
    import pandas as pd
    import polars as pl

    if column.dtype == pl.Date:
        return column.to_numpy().astype("datetime64[ns]")
    if isinstance(column.dtype, pl.Datetime):
        zone = column.dtype.time_zone
        utc = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else column
        stamps = pd.Series(utc.to_numpy())
        return stamps.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else stamps
    return column.to_list() if column.dtype == pl.String else column.to_numpy()
