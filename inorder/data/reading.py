"""Files, frames and arrays -> Series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from inorder.data.frequency import Frequency
from inorder.data.series import Names, Series
from inorder.errors import SeriesError


def read(data: Any, *, id: Any, time: Any, value: Any, frequency: Any, season_length: int | None, timezone: str | None) -> Series:
    """First, simple reading: ISO dates or counts, one value column; grows in the next commits."""
    import polars as pl

    if isinstance(data, list | tuple | np.ndarray):
        return Series.of(data, season_length=season_length or 1)
    frame = "pandas" if type(data).__module__.startswith("pandas") else "polars"
    if isinstance(data, str | Path):
        from inorder.data.samples import SAMPLES, sample_path

        path = Path(data)
        if not path.exists() and str(data) in SAMPLES:
            path = sample_path(str(data))
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, try_parse_dates=True)
    else:
        table = pl.from_pandas(data) if frame == "pandas" else data
    id = id or next((c for c in table.columns if c in ("unique_id", "id")), None)
    time = time or next((c for c in table.columns if c != id), "time")
    value = value or next((c for c in table.columns if c not in (id, time) and table[c].dtype.is_numeric()), None)
    if value is None:
        raise SeriesError(f"No column of numbers in {data}.")
    ids = table[id].cast(pl.String).unique(maintain_order=True).to_list() if id else ["y"]
    stamps = table[time]
    if stamps.dtype == pl.String:
        stamps = (stamps + "-01").str.to_date("%Y-%m-%d")
    index = stamps.cast(pl.Datetime("us")).to_numpy() if stamps.dtype.is_temporal() else stamps.to_numpy().astype(np.int64)
    order = np.arange(len(table)) if id is None else np.argsort(table[id].cast(pl.String).cast(pl.Enum(ids)).to_physical().to_numpy(), kind="stable")
    counts = [len(table)] if id is None else [int((table[id].cast(pl.String) == name).sum()) for name in ids]
    if frequency is None and index.dtype.kind == "M":
        days = np.median(np.diff(index[:50]).astype("timedelta64[s]").astype(float)) / 86400
        frequency = "month" if 27 < days < 32 else "quarter" if 88 < days < 93 else "day" if days == 1 else "week" if days == 7 else "hour"
    f = Frequency.parse(frequency) if frequency is not None else Frequency("step")
    return Series(
        values=table[value].cast(pl.Float64).fill_null(float("nan")).to_numpy()[order],
        index=index[order],
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        ids=tuple(ids),
        frequency=f,
        season_length=season_length or f.season_length,
        panel=id is not None,
        names=Names(id=id or "series", time=time, value=value),
        timezone=timezone,
        frame=frame,
        source=str(data) if isinstance(data, str | Path) else "frame",
    )
