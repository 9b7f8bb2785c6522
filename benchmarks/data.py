"""Inputs: made from a seed, or the real files beside the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import ROOT

Floats = NDArray[np.float64]
FORECASTING = ROOT.parent / "shared" / "data" / "forecasting"


def monthly(series: int, time: int, seed: int = 0) -> Floats:
    """(series, time) positive values with a trend, a season of 12 and noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(time)
    level, slope = rng.uniform(50, 500, (series, 1)), rng.normal(0.2, 0.4, (series, 1))
    season = rng.normal(0, 0.08, (series, 12))
    drift = np.cumsum(rng.normal(0, 0.01, (series, time)), axis=1)
    y = (level + slope * t) * np.exp(season[:, t % 12] + drift + rng.normal(0, 0.04, (series, time)))
    return np.asarray(np.maximum(y, 1.0).round(3))


def long_frame(values: Floats, every: str = "1mo", start: str = "2010-01-01") -> Any:
    """A polars frame in long form, unique_id, ds, y, as the Nixtla packages and inorder both read it.   values: (series, time)."""
    import polars as pl

    series, time = values.shape
    begin = pl.lit(start).str.to_datetime()
    stamps = pl.select(pl.datetime_range(begin, begin.dt.offset_by(f"{time - 1}{every.lstrip('1')}"), every)).to_series()
    ids = np.repeat([f"s{i:05d}" for i in range(series)], time)
    return pl.DataFrame({"unique_id": ids, "ds": pl.concat([stamps] * series), "y": values.reshape(-1)})


def write_long_csv(path: Path, series: int, time: int) -> Path:
    """A CSV of daily values in long form: `store,date,sales`, sorted, dates as ISO."""
    import polars as pl

    rng = np.random.default_rng(0)
    frame = long_frame(rng.gamma(5, 40, (series, time)).round(2), "1d")
    frame.select(store="unique_id", date=pl.col("ds").dt.strftime("%Y-%m-%d"), sales="y").write_csv(path)
    return path


def m4(frequency: str) -> tuple[list[Floats], Floats]:
    """Training parts, and (series, horizon) test parts, of M4 "hourly" or "weekly".   Raises FileNotFoundError where the file is not beside the checkout."""
    import polars as pl

    path = FORECASTING / f"m4_{frequency}.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"../shared/data/forecasting/{path.name} is not beside this checkout")
    frame = pl.read_parquet(path).with_columns(pl.col("unique_id", "split").cast(str)).sort("unique_id", "ds", maintain_order=True)
    parts = {key: group["y"].to_numpy() for key, group in frame.group_by(["unique_id", "split"], maintain_order=True)}
    names = frame["unique_id"].unique(maintain_order=True).to_list()
    return [parts[name, "train"] for name in names], np.stack([parts[name, "test"] for name in names])


def m4_published(method: str, frequency: str) -> tuple[float, float]:
    """sMAPE and MASE of a method, from the competition's own workbook."""
    import polars as pl

    row = pl.read_csv(FORECASTING / "m4_published_methods.csv").filter(pl.col("method") == method).row(0, named=True)
    return float(row[f"smape_{frequency}"]), float(row[f"mase_{frequency}"])


def etth1() -> Floats:
    """(17,420, 7) hours and channels of ETTh1.   Raises FileNotFoundError where the file is not beside the checkout."""
    import polars as pl

    path = ROOT.parent / "shared" / "data" / "covariates" / "etth1.csv.gz"
    if not path.is_file():
        raise FileNotFoundError(f"../shared/data/covariates/{path.name} is not beside this checkout")
    return np.asarray(pl.read_csv(path).drop("date").to_numpy(), dtype=np.float64)
