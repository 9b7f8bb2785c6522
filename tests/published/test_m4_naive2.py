"""Naive2 gives the figures that were published for it.

M4: sMAPE and MASE of Naive2 in "Evaluation and Ranks.xlsx" of the repository Mcompetitions/M4-methods at commit 6c1067e: Hourly
18.383 and 2.395, Weekly 9.161 and 2.777.
M1: `m1_simple_references.csv`, computed by an independent short script on the same file.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from inorder.data.frequency import Frequency
from inorder.data.series import Series
from inorder.forecast.baselines import Naive, Naive2, SeasonalNaive
from inorder.metrics.forecast import mase, smape


def read(path: Path, season_length: int, kind: str | None = None) -> tuple[Series, np.ndarray]:
    """The training parts as a panel, and (series, horizon) the test parts."""
    frame = pl.read_parquet(path).with_columns(pl.col("unique_id").cast(str), pl.col("split").cast(str))
    if kind:
        with (path.parent / f"{path.stem}_series.csv").open(newline="") as file:
            wanted = [row["unique_id"] for row in csv.DictReader(file) if row["frequency"] == kind]
        frame = frame.filter(pl.col("unique_id").is_in(wanted))
    frame = frame.sort("unique_id", "ds", maintain_order=True)
    train = frame.filter(pl.col("split") == "train")
    count = train.group_by("unique_id", maintain_order=True).len()
    test = frame.filter(pl.col("split") == "test")
    series = Series(
        values=train["y"].to_numpy().astype(np.float64),
        index=train["ds"].to_numpy().astype(np.int64),
        offsets=np.concatenate([[0], np.cumsum(count["len"].to_numpy())]).astype(np.int64),
        ids=tuple(count["unique_id"]),
        frequency=Frequency("step"),
        season_length=season_length,
        panel=True,
    )
    return series, test["y"].to_numpy().astype(np.float64).reshape(len(series), -1)


@pytest.mark.parametrize(("name", "season", "horizon", "published"), [("hourly", 24, 48, (18.383, 2.395)), ("weekly", 1, 13, (9.161, 2.777))])
def test_m4(shared_data, name, season, horizon, published):
    series, y = read(shared_data / "forecasting" / f"m4_{name}.parquet", season)
    assert y.shape == (len(series), horizon)
    mean = Naive2().fit(series).predict(horizon, levels=()).mean
    assert (round(smape(y, mean).value, 3), round(mase(y, mean, series, season).value, 3)) == published


@pytest.mark.parametrize("method", [Naive, SeasonalNaive, Naive2])
@pytest.mark.parametrize(("frequency", "season"), [("yearly", 1), ("quarterly", 4), ("monthly", 12)])
def test_m1(shared_data, method, frequency, season):
    with (shared_data / "forecasting" / "m1_simple_references.csv").open(newline="") as file:
        wanted = {(row["method"], row["frequency"]): (float(row["smape"]), float(row["mase"])) for row in csv.DictReader(file)}
    series, y = read(shared_data / "forecasting" / "m1.parquet", season, frequency)
    mean = method().fit(series).predict(y.shape[1], levels=()).mean
    name = {Naive: "naive", SeasonalNaive: "snaive", Naive2: "naive2"}[method]
    assert (round(smape(y, mean).value, 3), round(mase(y, mean, series, season).value, 3)) == wanted[name, frequency]
