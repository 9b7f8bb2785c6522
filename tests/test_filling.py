"""Gaps filled from the smoother: beside the truth, beside dense conditioning, and what stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import inorder
from inorder.data.samples import sample_path
from inorder.data.series import Series, read_series
from inorder.errors import ConfigError, SeriesError
from inorder.filling import fill
from inorder.forecast.structural import Structural

DATA = Path(__file__).parents[2] / "shared" / "data" / "missing"
NAN = float("nan")


def test_observed_values_stay_and_bands_enclose_what_was_filled():
    y = 10 + np.cumsum(np.random.default_rng(0).normal(size=80))
    holes = y.copy()
    holes[[0, 20, 21, 22, 50, 79]] = NAN
    found = fill(Series.of(holes), levels=(0.5, 0.9))
    kept = ~np.isnan(holes)
    np.testing.assert_array_equal(found.series.values[kept], holes[kept])
    assert found.filled.sum() == 5 and not found.filled[0] and np.isnan(found.series.values[0])  # nothing came before the first observation
    assert (found.lower[0.9][found.filled] < found.lower[0.5][found.filled]).all()
    assert (found.lower[0.5][found.filled] < found.series.values[found.filled]).all()
    np.testing.assert_array_equal(found.upper[0.9][kept], holes[kept])
    assert found.to_frame().columns == ["time", "y", "lower_50", "upper_50", "lower_90", "upper_90", "filled"]
    assert found.plot() is not None


def test_a_random_walk_under_noise_is_filled_as_dense_conditioning_says():
    model = Structural(trend=None, seasonal=None)
    y = 50 + np.cumsum(np.random.default_rng(1).normal(size=40)) + np.random.default_rng(2).normal(size=40)
    y[[9, 10, 11, 30]] = NAN
    found = fill(Series.of(y), transform="none", model=model, levels=(0.8,))
    described = model.fit(Series.of(y)).coefficients
    noise, level = (next(value for name, value in described.items() if word in name) for word in ("irregular", "level"))
    t, known = np.arange(40.0), ~np.isnan(y)
    walk = level * np.minimum(t[:, None], t[None]) + 1e9  # a start of which nearly nothing is known
    covariance = walk[np.ix_(known, known)] + noise * np.eye(int(known.sum()))
    weights = np.linalg.solve(covariance, walk[np.ix_(known, ~known)])
    np.testing.assert_allclose(found.series.values[~known], weights.T @ y[known], rtol=1e-4)
    variance = np.diag(walk[np.ix_(~known, ~known)] - weights.T @ walk[np.ix_(known, ~known)]) + noise
    np.testing.assert_allclose((found.upper[0.8] - found.lower[0.8])[~known], 2 * 1.2815515655 * np.sqrt(variance), rtol=1e-3)


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not beside the checkout")
def test_air_passengers_with_gaps_are_filled_far_better_than_by_straight_lines():
    frame = pl.read_csv(DATA / "air_passengers_gaps.csv")
    truth, y = frame["y_complete"].to_numpy(), frame["y"].cast(pl.Float64, strict=False).to_numpy()
    found = fill(Series.of(y, season_length=12))
    gaps = np.isnan(y)
    lines = np.interp(np.arange(144), np.flatnonzero(~gaps), y[~gaps])

    def error(values: np.ndarray) -> float:
        return float(np.sqrt(np.mean((values[gaps] - truth[gaps]) ** 2)))

    assert error(found.series.values) < 0.5 * error(lines)
    assert np.mean((truth >= found.lower[0.95])[gaps] & (truth <= found.upper[0.95])[gaps]) > 0.8


def test_a_long_season_is_filled_within_the_range_of_the_values():
    """Slow harmonics look alike over the first rows: the diffuse start must not cost all digits on the way back."""
    t = np.arange(1000)
    y = 10 + 3 * np.sin(2 * np.pi * t / 144) + np.random.default_rng(0).normal(0, 0.3, 1000)
    truth, y = y.copy(), np.where((t % 97 < 12) & (t > 20), NAN, y)
    found = fill(Series.of(y, season_length=144), transform="none")
    assert np.sqrt(np.mean((found.series.values - truth)[np.isnan(y)] ** 2)) < 0.6


def test_a_panel_goes_on_where_one_series_has_nothing():
    values = np.stack([np.where(np.arange(30) % 7 == 3, NAN, np.arange(30.0)), np.full(30, NAN)], axis=1)
    found = fill(Series.of(values))
    np.testing.assert_allclose(found.series.y(0), np.arange(30.0), atol=0.5)
    assert list(found.errors) == ["y2"] and "no observation" in found.errors["y2"]
    assert np.isnan(found.series.y(1)).all()


def test_without_gaps_nothing_changes():
    y = Series.of(np.arange(10.0))
    found = fill(y)
    assert found.series.values.tolist() == y.values.tolist() and not found.filled.any()


def test_what_is_refused():
    with pytest.raises(ConfigError, match='Did you mean "log"'):
        fill([1.0, NAN, 3.0], transform="lg")
    with pytest.raises(SeriesError, match='transform="log" needs values above 0; the smallest of array is -1'):
        fill([-1.0, NAN, 3.0], transform="log")
    with pytest.raises(SeriesError, match="irregular"):
        fill(read_series(pl.DataFrame({"t": [0.0, 1.0, 2.7], "y": [1.0, 2.0, 3.0]})))


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not beside the checkout")
def test_a_season_that_nobody_named_is_found_and_used():
    frame = pl.read_csv(DATA / "waste_water_nh4.csv")
    truth, y = frame["y_complete"].to_numpy()[:1500], frame["y"].cast(pl.Float64, strict=False).to_numpy()[:1500]
    gaps = np.isnan(y)
    lines = np.interp(np.arange(1500), np.flatnonzero(~gaps), y[~gaps])

    def error(values: np.ndarray) -> float:
        return float(np.sqrt(np.mean((values[gaps] - truth[gaps]) ** 2)))

    found = fill(y, transform="none")
    assert abs(found.series.season_length - 144) <= 1 and error(found.series.values) < 0.9 * error(lines)
    assert fill(y, transform="none", season_length=1).series.season_length == 1


def passengers() -> tuple[np.ndarray, np.ndarray]:
    """AirPassengers, whole and with 30 gaps."""
    truth = read_series(sample_path("air-passengers")).values
    y = truth.copy()
    y[np.random.default_rng(0).choice(np.arange(1, 143), 30, replace=False)] = NAN
    return truth, y


def test_the_choice_of_a_transform_does_not_depend_on_units():
    truth, y = passengers()
    gaps = np.isnan(y)
    once = fill(Series.of(y, season_length=12), levels=(0.9,))
    logs, plain = (fill(Series.of(y, season_length=12), transform=transform).series.values[gaps] for transform in ("log", "none"))
    assert np.sqrt(np.mean((logs - truth[gaps]) ** 2)) < np.sqrt(np.mean((plain - truth[gaps]) ** 2))
    np.testing.assert_allclose(once.series.values[gaps], logs, rtol=1e-6)  # the season grows with the level
    for unit in (1e-6, 0.01, 1000.0):
        other = fill(Series.of(y * unit, season_length=12), levels=(0.9,))
        np.testing.assert_allclose(other.series.values / unit, once.series.values, rtol=1e-5, err_msg=str(unit))
        np.testing.assert_allclose(other.lower[0.9] / unit, once.lower[0.9], rtol=1e-4, err_msg=str(unit))
        np.testing.assert_allclose(other.upper[0.9] / unit, once.upper[0.9], rtol=1e-4, err_msg=str(unit))


def test_the_settings_of_the_model_hold():
    t = np.arange(60)
    y = 10.0 + 3 * np.sin(2 * np.pi * t / 6) + np.random.default_rng(0).normal(0, 0.1, 60)
    truth, holes = y, np.where(t % 11 == 5, NAN, y)
    named = fill(Series.of(holes), model=Structural(season_length=6))
    assert np.abs(named.series.values - truth)[np.isnan(holes)].max() < 0.5
    np.testing.assert_array_equal(named.series.values, fill(holes, season_length=6).series.values)
    assert np.isfinite(fill(Series.of(holes[:9]), model=Structural(season_length=6, harmonics=2)).series.values).all()  # too short for its season


def test_progress_counts_the_models():
    values = np.stack([np.arange(1.0, 31.0), np.where(np.arange(30) == 7, NAN, np.arange(1.0, 31.0)), np.where(np.arange(30) == 7, NAN, -np.ones(30))], axis=1)
    seen: list[tuple[int, int]] = []
    fill(Series.of(values), progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]  # no gaps; values above zero, which have logarithms; values below


def test_messages_say_what_whoever_fills_can_do():
    assert fill([NAN, NAN, NAN], transform="log").errors == {"y": "The series has no observation, so nothing is known of its gaps."}
    short = fill([1.0, NAN, 3.0])
    assert short.errors["y"].startswith("The series has 2 observations, too few") and "trend=None" not in short.errors["y"]
    with pytest.raises(ConfigError, match="`model` holds the settings of a structural model.*Theta"):
        fill([1.0, NAN, 3.0], model=inorder.Theta())
