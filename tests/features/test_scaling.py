"""Scalers against the textbook and other programs; there and back; constants, gaps, panels."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError, ShapeError
from inorder.features.scaling import BoxCox, FittedBoxCox, MinMaxScaler, RobustScaler, StandardScaler
from inorder.textbook import scaling as textbook

SCALERS = [
    StandardScaler(),
    RobustScaler(),
    MinMaxScaler(),
    MinMaxScaler(-1, 3),
    BoxCox(season_length=4, shift=200),
    BoxCox(method="likelihood", shift=200),
    BoxCox(0.5, shift=200),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_there_and_back(scaler: Any, panel: Callable[..., Series]) -> None:
    series = panel(0)
    fitted = scaler.fit(series)
    z = fitted.transform(series)
    np.testing.assert_allclose(fitted.inverse(replace(series, values=z)), series.values, rtol=1e-10, atol=1e-9)
    np.testing.assert_array_equal(np.isnan(z), np.isnan(series.values))


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_forecasts_go_back_series_by_series(scaler: Any, panel: Callable[..., Series]) -> None:
    series = panel(1)
    fitted = scaler.fit(series)
    z = np.random.default_rng(0).normal(0.3, 0.1, size=(6, 3, 5))  # (series, levels, horizon)
    whole = fitted.inverse(z)
    for i in range(6):
        np.testing.assert_allclose(whole[i], scaler.fit(series[i]).inverse(z[i]), rtol=1e-9)
        np.testing.assert_allclose(whole[i, 1], scaler.fit(series.y(i)).inverse(z[i, 1]), rtol=1e-6 if isinstance(scaler, BoxCox) else 1e-9)


@pytest.mark.parametrize(
    ("scaler", "expected"),
    [
        (StandardScaler(), textbook.standard),
        (RobustScaler(), textbook.robust),
        (MinMaxScaler(), textbook.min_max),
        (MinMaxScaler(-1, 3), lambda y: textbook.min_max(y, -1, 3)),
    ],
)
def test_scalers_follow_the_textbook(scaler: Any, expected: Callable[..., tuple[float, float]], panel: Callable[..., Series]) -> None:
    series = panel(2)
    fitted = scaler.fit(series)
    for i, y in enumerate(series):
        if np.isfinite(y).any():
            np.testing.assert_allclose((fitted.centre[i], fitted.size[i]), expected(y), rtol=1e-12)


def test_what_each_scaler_promises(panel: Callable[..., Series]) -> None:
    y = panel(3, (200,), 0.1).values
    z = StandardScaler().fit(y).transform(y)
    assert np.nanmean(z) == pytest.approx(0, abs=1e-12) and np.nanstd(z) == pytest.approx(1, rel=1e-12)
    z = RobustScaler().fit(y).transform(y)
    assert np.nanmedian(z) == pytest.approx(0, abs=1e-12) and np.diff(np.nanquantile(z, [0.25, 0.75]))[0] == pytest.approx(1, rel=1e-12)
    z = MinMaxScaler(-1, 3).fit(y).transform(y)
    assert np.nanmin(z) == pytest.approx(-1, rel=1e-12) and np.nanmax(z) == pytest.approx(3, rel=1e-12)


@pytest.mark.parametrize("scaler", [StandardScaler(), RobustScaler(), MinMaxScaler(), MinMaxScaler(-1, 1)], ids=str)
@pytest.mark.parametrize("level", [0.1, 0.0, 1e9 + 0.1, -3.0])
def test_a_constant_is_only_shifted(scaler: Any, level: float) -> None:
    y = np.full(1000, level)
    fitted = scaler.fit(y)
    assert fitted.size.tolist() == [1.0]
    assert fitted.inverse(fitted.transform(y)) == pytest.approx(y, rel=1e-15, abs=1e-15)
    assert len(set(fitted.transform(y).tolist())) == 1
    if not isinstance(scaler, MinMaxScaler):
        assert fitted.transform(y)[0] == 0.0
    assert fitted.transform([level + 2.0])[0] - fitted.transform([level])[0] == pytest.approx(2.0)


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_nothing_observed_is_left_alone(scaler: Any) -> None:
    fitted = scaler.fit(np.full(5, np.nan))
    assert np.isnan(fitted.transform([np.nan])).all()
    assert np.isfinite(fitted.inverse(fitted.transform([3.0]))).all()


def test_robust_falls_back_where_most_values_are_equal() -> None:
    y = [0.0] * 30 + [5.0, 7.0]
    fitted = RobustScaler().fit(y)
    assert fitted.centre.tolist() == [0.0] and fitted.size[0] == pytest.approx(np.std(y))


def test_noise_on_a_high_level_keeps_its_digits() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-2, size=100_000)
    y = 1e9 + noise
    fitted = StandardScaler().fit(y)
    centred = y - 1e9  # what float64 kept of the noise
    assert fitted.size[0] == pytest.approx(centred.std(), rel=1e-6)
    assert fitted.centre[0] - 1e9 == pytest.approx(centred.mean(), abs=2e-7)


def test_the_test_part_is_not_seen(panel: Callable[..., Series]) -> None:
    series = panel(4, (40, 30, 50), 0.0)
    train = series.head(10)
    for scaler in SCALERS:
        changed = series.values.copy()
        rows = np.concatenate([np.arange(end - 10, end) for end in series.offsets[1:]])
        changed[rows] *= 3
        fitted, other = scaler.fit(train), scaler.fit(replace(series, values=changed).head(10))
        np.testing.assert_array_equal(fitted.transform(train), other.transform(train))
        if not isinstance(scaler, BoxCox):  # whose power may stand at its bound
            assert not np.allclose(scaler.fit(replace(series, values=changed)).transform(train), fitted.transform(train), rtol=1e-3)


@pytest.mark.parametrize("power", [-0.7, 0.0, 1e-12, 0.3, 1.0, 2.0])
def test_box_cox_follows_the_textbook(power: float) -> None:
    y = np.exp(np.random.default_rng(0).normal(size=20))
    fitted = BoxCox(power).fit(y)
    z = fitted.transform(y)
    np.testing.assert_allclose(z, textbook.box_cox(y, power if abs(power) > 1e-9 else 0.0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.inverse(z), textbook.inverse_box_cox(z, power) if abs(power) > 1e-9 else np.exp(z), rtol=1e-9)


def series_of(path: Path) -> np.ndarray:
    with open(path, newline="") as file:
        return np.array([float(row[1]) for row in list(csv.reader(file))[1:]])


@pytest.mark.parametrize(("name", "season"), [("air_passengers", 12), ("wineind", 12), ("woolyrnq", 4), ("lynx", 2)])
def test_powers_are_the_best_there_are(name: str, season: int, shared_data: Path) -> None:
    y = series_of(shared_data / "series" / f"{name}.csv")
    power = BoxCox(season_length=season).fit(y).power[0]
    assert power == pytest.approx(textbook.best_power(lambda p: textbook.guerrero(y, p, season), steps=600), abs=0.004)
    power = BoxCox(method="likelihood").fit(y).power[0]
    assert power == pytest.approx(textbook.best_power(lambda p: -textbook.log_likelihood(y, p), steps=300), abs=0.008)


@pytest.mark.parametrize(("name", "season"), [("air_passengers", 12), ("wineind", 12), ("lynx", 2)])
def test_powers_agree_with_other_programs(name: str, season: int, shared_data: Path) -> None:
    from scipy.stats import boxcox_normmax

    y = series_of(shared_data / "series" / f"{name}.csv")
    assert BoxCox(method="likelihood").fit(y).power[0] == pytest.approx(boxcox_normmax(y, method="mle"), abs=1e-5)
    scalers = pytest.importorskip("coreforecast.scalers")
    assert BoxCox(season_length=season).fit(y).power[0] == pytest.approx(scalers.boxcox_lambda(y, "guerrero", season, -1.0, 2.0), abs=1e-4)


def test_guerrero_of_statsmodels(shared_data: Path) -> None:
    transform = pytest.importorskip("statsmodels.base.transform")
    y = series_of(shared_data / "series" / "air_passengers.csv")
    _, power = transform.BoxCox().transform_boxcox(y, method="guerrero", window_length=12)
    assert BoxCox(season_length=12).fit(y).power[0] == pytest.approx(power, abs=1e-5)


def test_a_power_that_was_planted_is_found() -> None:
    z = 12 + np.random.default_rng(0).normal(size=5000)
    for planted in (0.5, 0.0, -0.5):
        y = np.exp(z / 4) if planted == 0 else (0.05 * planted * z + 1) ** (1 / planted)
        assert BoxCox(method="likelihood").fit(y).power[0] == pytest.approx(planted, abs=0.25)


def test_box_cox_of_a_panel_is_that_of_each_series(panel: Callable[..., Series]) -> None:
    series = replace(panel(5, (60, 45, 33, 80), 0.05), season_length=6)
    series = replace(series, values=np.exp(series.values / 30))
    for scaler in (BoxCox(), BoxCox(method="likelihood"), BoxCox(season_length=4)):
        together = scaler.fit(series).power
        np.testing.assert_allclose(together, [scaler.fit(series[i]).power[0] for i in range(4)], atol=1e-7)
        assert len(set(together.round(6))) == 4


def test_box_cox_uses_the_season_of_the_series(panel: Callable[..., Series]) -> None:
    series = panel(6, (80,), 0.0)
    series = replace(series, values=np.exp(series.values / 30), season_length=5)
    assert BoxCox().fit(series).power.tolist() == BoxCox(season_length=5).fit(series.values).power.tolist()
    assert BoxCox().fit(series).power.tolist() != BoxCox(season_length=8).fit(series.values).power.tolist()


@pytest.mark.parametrize("y", [np.full(30, 4.0), [1.0, 2.0], [3.0]])
def test_power_one_where_nothing_can_be_told(y: Any) -> None:
    assert BoxCox(season_length=4).fit(y).power.tolist() == [1.0]


def test_bounds_hold() -> None:
    y = np.exp(np.random.default_rng(0).normal(size=200))
    assert BoxCox(method="likelihood", lower=0.4, upper=0.9).fit(y).power[0] == pytest.approx(0.4, abs=1e-6)


def test_inverse_outside_its_range_gives_the_edge() -> None:
    assert FittedBoxCox(np.array([0.5])).inverse([-5.0]).tolist() == [0.0]
    assert FittedBoxCox(np.array([-0.5])).inverse([5.0]).tolist() == [np.inf]


@pytest.mark.parametrize(
    ("call", "error", "shown"),
    [
        (lambda: BoxCox().fit([1, 2, 0, 4]), SeriesError, "value 3 is 0.*shift"),
        (lambda: BoxCox(shift=2).fit([1, -2.5]), SeriesError, "above -2, but value 2 is -2.5"),
        (lambda: BoxCox(0.0).fit(Series.of([[1, 5], [2, -7]])), SeriesError, 'series "y2", row 2 is -7'),
        (lambda: BoxCox(0.0).fit([1, 2]).transform([-1]), SeriesError, "value 1 is -1"),
        (lambda: BoxCox(method="guerero"), ConfigError, 'Did you mean "guerrero"'),
        (lambda: BoxCox(lower=1, upper=0), ConfigError, "they are 1 and 0"),
        (lambda: BoxCox(season_length=0), ConfigError, "`season_length`.*not 0"),
        (lambda: BoxCox(float("nan")), ConfigError, "not nan"),
        (lambda: MinMaxScaler(1, 1), ConfigError, "they are 1 and 1"),
        (lambda: StandardScaler().fit(Series.of(np.ones((3, 2)))).transform(np.ones(6)), ShapeError, r"2 series.*\(6,\)"),
        (lambda: StandardScaler().fit(Series.of(np.ones((3, 2)))).transform(np.ones((3, 2))), ShapeError, r"2 series.*\(3, 2\)"),
        (lambda: StandardScaler().fit(Series.of(np.ones((3, 2)))).transform(Series.of(np.ones((3, 4)))), ShapeError, "2 series; these are 4"),
    ],
)
def test_wrong_input_is_told(call: Callable[[], object], error: type[Exception], shown: str) -> None:
    with pytest.raises(error, match=shown):
        call()
