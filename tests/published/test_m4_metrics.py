"""The metrics on the files of the M4 and M1 competitions give the figures that were published.

M4: `m4_published_methods.csv` holds sMAPE, MASE and OWA of 59 methods, from "Evaluation and Ranks.xlsx" of the
repository Mcompetitions/M4-methods at commit 6c1067e. The two methods whose forecasts need no model are made here.
M1: `m1_simple_references.csv`, computed by an independent short script on the same file.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from inorder.metrics.forecast import mase, owa, smape

SEASON = {"hourly": 24, "weekly": 1, "yearly": 1, "quarterly": 4, "monthly": 12}


def read(path: Path) -> tuple[list[str], list[np.ndarray], list[np.ndarray]]:
    """Names, training parts and test parts of a competition file."""
    frame = pl.read_parquet(path).with_columns(pl.col("unique_id").cast(str), pl.col("split").cast(str))
    parts = {key: group["y"].to_numpy() for key, group in frame.sort("ds").group_by(["unique_id", "split"])}
    names = frame["unique_id"].unique(maintain_order=True).to_list()
    return names, [parts[name, "train"] for name in names], [parts[name, "test"] for name in names]


def naive(train: np.ndarray, m: int, horizon: int) -> np.ndarray:
    return np.full(horizon, train[-1])


def seasonal_naive(train: np.ndarray, m: int, horizon: int) -> np.ndarray:
    return np.resize(train[-m:], horizon)


@pytest.mark.parametrize("frequency", ["hourly", "weekly"])
@pytest.mark.parametrize(("method", "forecast"), [("Naive", naive), ("sNaive", seasonal_naive)])
def test_m4(shared_data, frequency, method, forecast):
    published = {row["method"]: row for row in rows(shared_data / "forecasting" / "m4_published_methods.csv")}
    _, train, test = read(shared_data / "forecasting" / f"m4_{frequency}.parquet")
    m, y = SEASON[frequency], np.stack(test)
    said = np.stack([forecast(part, m, y.shape[1]) for part in train])
    assert round(smape(y, said).value, 3) == float(published[method][f"smape_{frequency}"])
    assert round(mase(y, said, train, m).value, 3) == float(published[method][f"mase_{frequency}"])


@pytest.mark.parametrize("frequency", ["yearly", "quarterly", "monthly", "weekly", "daily", "hourly"])
def test_m4_owa_of_every_method(shared_data, frequency):
    published = rows(shared_data / "forecasting" / "m4_published_methods.csv")
    naive2 = next(row for row in published if row["method"] == "Naive2")
    assert len(published) == 59
    for row in published:
        ours = owa(*(float(source[f"{score}_{frequency}"]) for source in (row, naive2) for score in ("smape", "mase")))
        assert ours.value == pytest.approx(float(row[f"owa_{frequency}"]), rel=1e-9), row["method"]


@pytest.mark.parametrize(("method", "forecast"), [("naive", naive), ("snaive", seasonal_naive)])
def test_m1(shared_data, method, forecast):
    folder = shared_data / "forecasting"
    references = {(row["method"], row["frequency"]): row for row in rows(folder / "m1_simple_references.csv")}
    frequency_of = {row["unique_id"]: row["frequency"] for row in rows(folder / "m1_series.csv")}
    names, train, test = read(folder / "m1.parquet")
    for frequency in ("yearly", "quarterly", "monthly"):
        which = [i for i, name in enumerate(names) if frequency_of[name] == frequency]
        m, y = SEASON[frequency], np.stack([test[i] for i in which])
        said = np.stack([forecast(train[i], m, y.shape[1]) for i in which])
        reference = references[method, frequency]
        assert round(smape(y, said).value, 3) == float(reference["smape"]), frequency
        assert round(mase(y, said, [train[i] for i in which], m).value, 3) == float(reference["mase"]), frequency


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
