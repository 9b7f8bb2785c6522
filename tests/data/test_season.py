"""The season of numbers without dates: found where it is, and not where chance makes it look so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from inorder.data.season import autocorrelation, infer_season_length, season_of

Maker = Callable[[np.random.Generator, int], np.ndarray]


def ar(phi: float) -> Maker:
    def make(rng: np.random.Generator, n: int) -> np.ndarray:
        x = np.zeros(n + 50)
        for t, e in enumerate(rng.normal(size=n + 50)):
            x[t] = phi * x[t - 1] + e
        return x[50:]

    return make


SEASONLESS: dict[str, Maker] = {
    "noise": lambda rng, n: rng.normal(size=n),
    "heavy tails": lambda rng, n: rng.standard_t(3, size=n),
    "random walk": lambda rng, n: rng.normal(size=n).cumsum(),
    "walk with drift": lambda rng, n: (rng.normal(size=n) + 0.5).cumsum(),
    "trend and noise": lambda rng, n: 0.3 * np.arange(n) + rng.normal(size=n),
    "parabola and noise": lambda rng, n: np.arange(n) ** 2 / n + rng.normal(size=n),
    "AR(1) 0.5": ar(0.5),
    "AR(1) 0.9": ar(0.9),
    "AR(1) -0.7": ar(-0.7),
}


@pytest.mark.parametrize("n", [20, 60, 300])
def test_a_season_in_white_noise_is_rarer_than_2_in_100(n: int) -> None:
    rng = np.random.default_rng(0)
    found = sum(season_of(rng.normal(size=n)) > 1 for _ in range(1500))
    assert found / 1500 < 0.02


@pytest.mark.parametrize("name", SEASONLESS)
def test_memory_and_trends_are_no_seasons(name: str) -> None:
    rng = np.random.default_rng(1)
    found = sum(season_of(SEASONLESS[name](rng, n)) > 1 for n in (40, 150) for _ in range(150))
    assert found / 300 < 0.04


@pytest.mark.parametrize(
    "values", [np.arange(50.0), np.zeros(30), np.full(30, np.nan), np.array([1.0]), np.array([]), np.array([1.0, 2, 1, 2]), 1e9 + np.arange(40.0) ** 2]
)
def test_nothing_to_see(values: np.ndarray) -> None:
    assert infer_season_length(values) == 1


@pytest.mark.parametrize("season", [3, 4, 7, 12, 24, 52])
def test_a_season_under_noise_trend_and_gaps(season: int) -> None:
    rng = np.random.default_rng(season)
    pattern = rng.normal(size=season) * 2
    y = np.tile(pattern, 8 + 48 // season) + rng.normal(size=season * (8 + 48 // season)) * 0.5
    y += 0.05 * np.arange(len(y))
    y[rng.random(len(y)) < 0.15] = np.nan
    assert infer_season_length(y) == season


def test_a_smooth_season_under_noise() -> None:
    t = np.arange(600)
    y = np.sin(2 * np.pi * t / 50) + np.random.default_rng(2).normal(size=600) * 0.5
    assert abs(infer_season_length(y) - 50) <= 1


@pytest.mark.parametrize(
    "name, column, season",
    [
        ("wineind", "y", 12),
        ("woolyrnq", "y", 4),
        ("taylor", "y", 48),
        ("air_passengers", "passengers", 12),
        ("us_retail_sales", "y", 12),
        ("pedestrians_covid", "y", 7),
        ("elec_equip", "STS.M.I7.W.TOVT.NS0016.4.000", 12),
        ("nile", "volume", 1),
        ("heartrate", "y", 1),
    ],
)
def test_real_series_as_bare_numbers(name: str, column: str, season: int, shared_data: Path) -> None:
    assert infer_season_length(pl.read_csv(shared_data / f"series/{name}.csv")[column].to_numpy().astype(float)) == season


def test_the_shortest_strong_season_is_taken(shared_data: Path) -> None:
    """Half-hourly demand repeats each week (336) even more exactly than each day (48)."""
    y = pl.read_csv(shared_data / "series/taylor.csv")["y"].to_numpy().astype(float)
    r = autocorrelation(np.diff(y), 336)
    assert r[336] > r[48] > 0.6 * r[336] and infer_season_length(y) == 48


def test_gaps_do_not_hide_it(shared_data: Path) -> None:
    assert infer_season_length(pl.read_csv(shared_data / "missing/air_passengers_gaps.csv")["y"].to_numpy().astype(float)) == 12


def test_panels_vote(shared_data: Path) -> None:
    frame = pl.read_parquet(shared_data / "forecasting/m4_hourly.parquet")
    series = [group["y"].to_numpy() for _, group in frame.group_by("unique_id", maintain_order=True)]
    assert infer_season_length(series) == 24
    assert sum(season_of(y) == 24 for y in series) > 0.85 * len(series)
    assert infer_season_length([np.tile([1.0, 5, 2, 0], 12), np.tile([1.0, 5, 2, 0], 12), np.arange(40.0)]) == 4


def test_monthly_and_quarterly_competition_series(shared_data: Path) -> None:
    """M1: of the seasons found, nearly all are 12 for monthly and 4 for quarterly series, and none is found for yearly ones."""
    frame = pl.read_parquet(shared_data / "forecasting/m1.parquet")
    kinds = dict(pl.read_csv(shared_data / "forecasting/m1_series.csv", infer_schema=False).select("unique_id", "frequency").iter_rows())
    found: dict[str, list[int]] = {"yearly": [], "quarterly": [], "monthly": []}
    for (name,), group in frame.group_by("unique_id", maintain_order=True):
        found[kinds[str(name)]].append(season_of(group["y"].to_numpy()))
    assert np.mean(np.array(found["yearly"]) == 1) > 0.98
    for kind, season in (("monthly", 12), ("quarterly", 4)):
        seasonal = np.array([m for m in found[kind] if m > 1])
        assert np.mean(seasonal == season) > 0.8


@pytest.mark.parametrize("gaps", [False, True])
def test_autocorrelation_by_its_definition(gaps: bool) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=40)
    if gaps:
        x[rng.random(40) < 0.3] = np.nan
    centred = x - np.nanmean(x)
    products = [np.array([centred[t] * centred[t + k] for t in range(40 - k)]) for k in range(11)]
    expected = [np.nanmean(p) / np.nanmean(products[0]) for p in products]
    np.testing.assert_allclose(autocorrelation(x, 10), expected, atol=1e-12)


@pytest.mark.parametrize("season", [24, 60, 144])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_a_long_smooth_season_is_found_among_gaps(season: int, missing: float) -> None:
    rng = np.random.default_rng(season)
    t = np.arange(10 * season)
    y = 3 * np.sin(2 * np.pi * t / season) + np.cos(4 * np.pi * t / season) + ar(0.9)(rng, len(t)) * 0.5 + 0.01 * t
    y[rng.uniform(size=len(y)) < missing] = np.nan
    assert abs(season_of(y) - season) <= 1
