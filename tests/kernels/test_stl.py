"""The compiled STL beside its textbook twin and statsmodels, and the twin beside a polynomial fit."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import inorder.kernels
import inorder.textbook.stl as textbook
from inorder.errors import ConfigError, ShapeError
from inorder.kernels.stl import default_windows, stl

NAN = float("nan")


def series(rows: int, season_length: int, *, seed: int = 0, missing: float = 0.0) -> np.ndarray:
    """A line, a season, noise, and one outlier in twenty."""
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    y = 50 + 0.1 * t + 10 * np.sin(2 * np.pi * t / season_length) + rng.normal(0, 3, rows) + 40 * (rng.random(rows) < 0.05)
    y[rng.random(rows) < missing] = NAN
    y[:season_length] = np.where(np.isnan(y[:season_length]), 50.0, y[:season_length])
    return y


# (season_length, rows): whole seasons and broken ones, windows shorter and longer than the series
SIZES = [(2, 9), (4, 25), (7, 63), (12, 61)]
FORMS = [((1, 1, 1), (1, 1, 1)), ((0, 1, 1), (1, 1, 1)), ((0, 0, 0), (1, 1, 1)), ((1, 1, 1), (2, 3, 2))]


@pytest.mark.parametrize("season_length, rows", SIZES)
@pytest.mark.parametrize("degrees, jumps", FORMS)
@pytest.mark.parametrize("missing", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("seasonal", [0, 7, 35])
def test_the_compiled_parts_are_those_of_the_textbook(season_length, rows, degrees, jumps, missing, seasonal):
    y, windows = series(rows, season_length, missing=missing), default_windows(season_length, seasonal)
    for outer in (0, 2):
        expected = textbook.stl(y, season_length, windows, degrees, jumps, 2, outer)
        for found, truth, name in zip(stl(y, season_length, windows, degrees, jumps, 2, outer), expected, ("trend", "seasonal", "weights"), strict=True):
            np.testing.assert_allclose(found, truth, rtol=0, atol=1e-7 if name == "weights" else 1e-10, err_msg=name)


@pytest.mark.parametrize("season_length, rows", [(2, 30), (4, 50), (12, 144), (12, 151), (7, 400)])
@pytest.mark.parametrize("degrees, jumps", FORMS)
@pytest.mark.parametrize("seasonal", [7, 13, 35])
@pytest.mark.parametrize("robust", [False, True])
def test_the_parts_are_those_of_statsmodels(season_length, rows, degrees, jumps, seasonal, robust):
    from statsmodels.tsa.seasonal import STL

    y = series(rows, season_length, seed=rows)
    named = {
        f"{part}_{what}": value
        for what, values in (("deg", degrees), ("jump", jumps))
        for part, value in zip(("seasonal", "trend", "low_pass"), values, strict=True)
    }
    expected = STL(y, period=season_length, seasonal=seasonal, robust=robust, **named).fit()
    found = stl(y, season_length, default_windows(season_length, seasonal), degrees, jumps, *((2, 15) if robust else (5, 0)))
    np.testing.assert_allclose(found.trend, expected.trend, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.seasonal, expected.seasonal, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=0, atol=1e-10)


def test_a_season_that_repeats_is_the_limit_of_wide_windows():
    from statsmodels.tsa.seasonal import STL

    y = series(144, 12)
    found = stl(y, 12, default_windows(12, 0), (0, 1, 1), inner=2)
    expected = STL(y, period=12, seasonal=100_001, seasonal_deg=0, trend=19).fit(inner_iter=2, outer_iter=0)
    np.testing.assert_allclose(found.trend, expected.trend, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found.seasonal[12:], found.seasonal[:-12])
    np.testing.assert_allclose(found.seasonal[:12], [expected.seasonal[place::12].mean() for place in range(12)], atol=1e-6)


@pytest.mark.parametrize("place", [-1, 0, 4, 9, 10])
def test_a_curve_is_a_weighted_straight_line_through_the_nearest_observations(place):
    y = np.array([3.0, NAN, 4.0, 1.0, NAN, 5.0, 9.0, 2.0, 6.0, 5.0])
    given = np.random.default_rng(1).uniform(0.2, 1, 10)
    known = np.flatnonzero(~np.isnan(y))
    nearest = known[np.argsort(np.abs(known - place), kind="stable")[:5]]
    distance = np.abs(nearest - place) / np.abs(nearest - place).max()
    weights = (1 - distance**3) ** 3 * given[nearest]
    line = np.polyfit(nearest - place, y[nearest], 1, w=np.sqrt(weights))
    assert textbook.loess_at(y, given, place, 5, 1) == pytest.approx(line[1], abs=1e-10)


def test_a_straight_line_with_a_season_is_taken_apart_exactly_and_gaps_change_nothing():
    season = np.array([3.0, -1.0, -2.0, 0.0])
    y = 5 + 0.5 * np.arange(48) + np.tile(season, 12)
    whole = stl(y, 4, default_windows(4, 7), outer=1)
    np.testing.assert_allclose(whole.trend, 5 + 0.5 * np.arange(48), atol=1e-10)
    np.testing.assert_allclose(whole.seasonal, np.tile(season, 12), atol=1e-10)
    y[[0, 5, 6, 7, 20, 47]] = NAN
    gappy = stl(y, 4, default_windows(4, 7), outer=1)
    np.testing.assert_allclose(gappy.trend, whole.trend, atol=1e-9)
    np.testing.assert_allclose(gappy.seasonal, whole.seasonal, atol=1e-9)
    assert gappy.weights[[0, 5, 6, 7, 20, 47]].tolist() == [0] * 6


def test_an_outlier_loses_its_weight():
    y = 5 + 0.5 * np.arange(48) + np.tile([3.0, -1.0, -2.0, 0.0], 12) + np.random.default_rng(0).normal(0, 0.1, 48)
    y[20] += 30
    assert stl(y, 4, default_windows(4, 7), outer=5).weights[20] == 0


@pytest.mark.parametrize(
    "y", [np.resize([1e308, -1e308, 0.0, 1e308], 40), np.resize([np.inf, 1.0, 2.0, NAN], 40), np.resize([np.inf, -np.inf, NAN, 1.0, 2.0], 40)]
)
@pytest.mark.parametrize("seasonal", [0, 7])
def test_values_beyond_the_range_of_numbers_end_in_numbers_that_are_none(y, seasonal):
    for outer in (0, 3):
        for jump in (1, 3):
            if np.isnan(y[2::4]).all() or np.isnan(y[3::4]).all():
                y = np.where(np.isnan(y), 0.0, y)
            parts = stl(y, 4, default_windows(4, seasonal), jumps=(jump, jump, jump), outer=outer)
            assert parts.trend.shape == (40,)


def test_threads_share_nothing():
    panel = [series(300, 12, seed=i) for i in range(8)]
    alone = [stl(y, 12, default_windows(12, 7), outer=3) for y in panel]
    found: dict[int, object] = {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: stl(panel[i], 12, default_windows(12, 7), outer=3)})) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, parts in enumerate(alone):
        np.testing.assert_array_equal(found[i], parts)


def test_without_the_extension_the_textbook_runs(monkeypatch):
    y = series(30, 4)
    compiled = stl(y, 4, default_windows(4, 7))
    monkeypatch.setattr("inorder.kernels.stl.extension", None)
    monkeypatch.setattr(inorder.kernels, "_warned", False)
    with pytest.warns(RuntimeWarning, match="without its compiled kernels"):
        plain = stl(y, 4, default_windows(4, 7))
    np.testing.assert_allclose(plain, compiled, atol=1e-10)


@pytest.mark.parametrize(
    "change, error, sentence",
    [
        ({"y": np.zeros((2, 8))}, ShapeError, "the shape .2, 8.; 1 axis"),
        ({"y": np.zeros(7)}, ShapeError, "7 rows; two seasons of 4"),
        ({"y": np.tile([1.0, 2.0, NAN, 3.0], 3)}, ShapeError, "Place 3 of the season of 4"),
        ({"season_length": 1}, ConfigError, "2 or more, not 1"),
        ({"windows": (6, 7, 5)}, ConfigError, "`windows` are odd"),
        ({"windows": (1, 7, 5)}, ConfigError, "`windows` are three whole numbers.*3 or more"),
        ({"windows": (0, 0, 5)}, ConfigError, "`windows` are three whole numbers"),
        ({"degrees": (2, 1, 1)}, ConfigError, "`degrees` 0 or 1"),
        ({"jumps": (1, 0, 1)}, ConfigError, "`jumps` are three whole numbers.*1 or more"),
        ({"inner": 0}, ConfigError, "`inner` is 1 or more"),
    ],
)
def test_settings_out_of_range_are_refused(change, error, sentence):
    with pytest.raises(error, match=sentence):
        stl(**{"y": np.arange(16.0), "season_length": 4, "windows": (7, 7, 5), **change})
