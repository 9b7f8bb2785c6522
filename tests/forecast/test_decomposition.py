"""STL and MSTL of real series beside statsmodels, and parts that are known beforehand. (The classical decomposition: test_diagnostics.py.)"""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError
from inorder.features.scaling import BoxCox
from inorder.forecast.decomposition import Decomposition, mstl, stl
from inorder.forecast.unit_root import seasonal_strength

NAN = float("nan")
PLAIN = (1, 1, 1)  # degrees of statsmodels


def column(folder: Path, name: str, place: int = -1) -> np.ndarray:
    with (folder / "series" / f"{name}.csv").open() as file:
        return np.array([float(row[place]) for row in list(csv.reader(file))[1:]])


def demand(weeks: int = 6, seed: int = 0, gap: bool = False) -> np.ndarray:
    """Hours with a day, a week, a line and noise."""
    t = np.arange(168 * weeks)
    y = 500 + 0.05 * t + 60 * np.sin(2 * np.pi * t / 24) + 90 * np.sin(2 * np.pi * t / 168) + np.random.default_rng(seed).normal(0, 5, len(t))
    if gap:
        y[100:110] = NAN
    return y


def test_air_passengers_fall_into_the_parts_of_statsmodels(shared_data: Path) -> None:
    from statsmodels.tsa.seasonal import STL

    y = column(shared_data, "air_passengers")
    for robust in (False, True):
        expected = STL(y, period=12, seasonal=13, robust=robust).fit()
        parts = stl(y, 12, seasonal_window=13, degrees=PLAIN, robust=robust)
        np.testing.assert_allclose(parts.trend, expected.trend, rtol=1e-10)
        np.testing.assert_allclose(parts.seasonal, expected.seasonal, rtol=0, atol=1e-9)
        np.testing.assert_allclose(parts.remainder, expected.resid, rtol=0, atol=1e-9)
        assert (parts.weights is not None) == robust


@pytest.mark.parametrize("lengths", [(24,), (24, 168), (12, 24, 168)])
@pytest.mark.parametrize("robust", [False, True])
def test_several_seasons_are_those_of_statsmodels(lengths, robust):
    from statsmodels.tsa.seasonal import MSTL

    y = demand()
    expected = MSTL(y, periods=lengths, stl_kwargs={"robust": robust}).fit()
    parts = mstl(y, lengths, degrees=PLAIN, robust=robust)
    np.testing.assert_allclose(parts.trend, expected.trend, rtol=1e-10)
    np.testing.assert_allclose(np.column_stack(list(parts.seasonals.values())), np.asarray(expected.seasonal).reshape(len(y), -1), rtol=0, atol=1e-9)
    np.testing.assert_allclose(parts.remainder, expected.resid, rtol=0, atol=1e-9)


def test_half_hourly_demand_is_taken_apart_as_by_statsmodels(shared_data: Path) -> None:
    from statsmodels.tsa.seasonal import MSTL

    y = column(shared_data, "taylor")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = MSTL(y[: 336 * 4], periods=(48, 336)).fit()
    parts = mstl(y[: 336 * 4], (336, 48), degrees=PLAIN)
    np.testing.assert_allclose(np.column_stack([parts.seasonals[48], parts.seasonals[336]]), expected.seasonal, rtol=0, atol=1e-6)
    assert parts.season_length == 336
    assert min(parts.seasonal_strengths.values()) > 0.9


@pytest.mark.parametrize("gap", [False, True])
def test_the_parts_are_found_and_make_up_the_whole(gap):
    y, t = demand(gap=gap), np.arange(168 * 6)
    parts = mstl(y, (24, 168))
    np.testing.assert_allclose(parts.observed, y, rtol=1e-12)
    np.testing.assert_allclose(parts.seasonal, parts.seasonals[24] + parts.seasonals[168], rtol=0, atol=1e-9)
    assert np.abs(parts.seasonals[24] - 60 * np.sin(2 * np.pi * t / 24)).mean() < 5
    assert np.abs(parts.seasonals[168] - 90 * np.sin(2 * np.pi * t / 168)).mean() < 10
    assert np.isnan(parts.remainder).sum() == 10 * gap
    np.testing.assert_allclose(parts.adjusted, y - parts.seasonal, rtol=1e-12)


def test_windows_follow_the_order_in_which_the_seasons_are_given():
    y = demand()
    one, other = mstl(y, (24, 168), seasonal_windows=(7, "periodic")), mstl(y, (168, 24), seasonal_windows=("periodic", 7))
    np.testing.assert_array_equal(one.seasonals[24], other.seasonals[24])
    weekly = one.seasonals[168]
    np.testing.assert_array_equal(weekly[168:], weekly[:-168])


def test_logarithms_give_parts_that_multiply(shared_data: Path) -> None:
    y = column(shared_data, "air_passengers")
    parts, logs = stl(y, 12, box_cox=0), stl(np.log(y), 12)
    assert (parts.kind, parts.power) == ("multiplicative", 0)
    np.testing.assert_allclose(parts.trend, np.exp(logs.trend), rtol=1e-10)
    np.testing.assert_allclose(parts.seasonal, np.exp(logs.seasonal), rtol=1e-10)
    np.testing.assert_allclose(parts.observed, y, rtol=1e-10)
    assert parts.seasonal_strength == pytest.approx(logs.seasonal_strength, rel=1e-9)


def test_another_power_gives_parts_of_the_power(shared_data: Path) -> None:
    y = column(shared_data, "air_passengers")
    parts = stl(y, 12, box_cox="auto")
    fitted = BoxCox(season_length=12).fit(y)
    assert parts.kind == "box-cox" and parts.power == fitted.power[0]
    np.testing.assert_allclose(parts.observed, fitted.transform(y), rtol=1e-10)
    assert "Box–Cox" in str(parts)


def test_the_strength_is_that_of_the_seasonal_test():
    y = demand()[:240]
    assert stl(y, 24).seasonal_strength == pytest.approx(seasonal_strength(y, 24), rel=1e-9)


def test_a_series_gives_a_frame_with_its_stamps_and_a_figure():
    index = (np.datetime64("2020-01", "M") + np.arange(48)).astype("datetime64[us]")
    values = np.tile(np.arange(12.0), 4) + np.arange(48)
    values[[3, 20]] = NAN
    parts = stl(Series.of(values, index=index, season_length=12), robust=True)
    frame = parts.to_frame()
    assert frame.columns == ["time", "y", "trend", "seasonal", "remainder", "weight"]
    assert frame.height == 48
    assert parts.plot().axes
    several = mstl(demand(), (24, 168))
    assert several.to_frame().columns == ["time", "y", "trend", "seasonal_24", "seasonal_168", "remainder"]
    assert [ax.get_ylabel() for ax in several.plot().axes] == ["series", "trend", "season 24", "season 168", "remainder"]
    assert str(several).endswith("season of 24 0.99, season of 168 1.00.")


def test_missing_values_at_both_ends_have_no_part():
    y = np.concatenate([[NAN, NAN], np.tile([1.0, 5.0, 2.0], 8) + np.arange(24), [NAN]])
    parts = stl(y, 3)
    assert np.flatnonzero(np.isnan(parts.trend)).tolist() == [0, 1, 26]
    np.testing.assert_allclose(parts.trend[2:-1], stl(y[2:-1], 3).trend)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_the_unit_does_not_matter(scale):
    y = np.random.default_rng(0).uniform(0.2, 1.0, 60)
    found, expected = stl(y * scale, 12, robust=True), stl(y, 12, robust=True)
    np.testing.assert_allclose(found.trend / scale, expected.trend, rtol=1e-9)
    assert found.seasonal_strength == pytest.approx(expected.seasonal_strength, rel=1e-9)


def test_a_constant_has_no_season() -> None:
    parts: Decomposition = stl([3.0] * 30, 4)
    np.testing.assert_allclose(parts.trend, 3.0, rtol=1e-12)
    np.testing.assert_allclose(parts.seasonal, 0.0, atol=1e-12)


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda: stl(np.arange(24.0)), ConfigError, "set `season_length`"),
        (lambda: stl(np.arange(24.0), 12), SeriesError, "more than two seasons of 12, 25 rows; the observations span 24"),
        (lambda: stl(np.arange(24.0), 1), ConfigError, "a season of 2 observations or more"),
        (lambda: stl(np.tile([1.0, NAN, 2.0], 9), 3), SeriesError, "Place 2 of the season of 3 has no observation"),
        (lambda: stl(np.arange(30.0), 4, seasonal_window=8), ConfigError, 'odd number of seasons, 3 or more, or "periodic"; not 8'),
        (lambda: stl(np.arange(30.0), 4, seasonal_window="fixed"), ConfigError, "not 'fixed'"),
        (lambda: stl(np.arange(30.0), 4, trend_window=8), ConfigError, "`windows` are odd"),
        (lambda: stl(np.arange(30.0), 4, box_cox=0), SeriesError, "needs values above 0; row 1 is 0. Leave `box_cox` out"),
        (lambda: stl(np.arange(30.0), 4, box_cox="log"), ConfigError, 'Choice for `box_cox` "log"'),
        (lambda: mstl(np.arange(30.0), ()), ConfigError, "one or more different whole numbers"),
        (lambda: mstl(np.arange(30.0), (4, 4)), ConfigError, "different whole numbers, not .4, 4."),
        (lambda: mstl(demand(), (24, 168), seasonal_windows=(7,)), ConfigError, "1 numbers for 2 seasons"),
        (lambda: stl(Series.of(np.ones((30, 2))), 4), SeriesError, "one series, not at 2"),
        (lambda: stl(np.array([NAN] * 30), 4), SeriesError, "the observations span 0"),
    ],
)
def test_wrong_input_is_told(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
