"""What the network sees: there and back, without looking ahead, the same row by row and at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inorder.data.covariates import future_ahead
from inorder.data.frequency import Frequency
from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.tasks.lstm_inputs import encode, fit_scaling, phases, too_short, trained, usable_season


def growing(time: int = 60, count: int = 1, season: int = 12) -> Series:
    """Growth by a factor, with a season and noise that grow with the level."""
    random = np.random.default_rng(0)
    t = np.arange(time)[:, None]
    y = np.exp(0.02 * t + 0.3 * np.sin(2 * np.pi * t / season) + 0.05 * random.normal(size=(time, count))) * 100 * np.arange(1, count + 1)
    return Series.of(y, season_length=season) if count > 1 else Series.of(y[:, 0], season_length=season)


@pytest.mark.parametrize("transform", ["auto", "log", "none"])
def test_forward_and_back(transform):
    series = growing(count=3)
    scaling = fit_scaling(series, 12, transform)
    rows = encode(series, scaling)
    back = scaling.inverse(rows.u, rows.series, rows.phase)
    np.testing.assert_allclose(back, series.values, rtol=1e-12)
    assert (scaling.logarithm == (transform != "none")).all()


def test_auto_takes_no_logarithm_where_the_spread_is_even_or_values_are_negative():
    random = np.random.default_rng(0)
    even = 100 + np.arange(80) + random.normal(size=80)
    scaling = fit_scaling(Series.of(np.column_stack([even, even - 150])), 1, "auto")
    assert scaling.logarithm.tolist() == [0, 0]
    with pytest.raises(ConfigError, match=r'series "y2" has -49\.87'):
        fit_scaling(Series.of(np.column_stack([even, even - 150])), 1, "log")


def test_the_equations_row_by_row():
    y = growing(40, season=4).values
    y[17] = np.nan
    series = Series.of(y, season_length=4)
    scaling = fit_scaling(series, 4, "log")
    rows = encode(series, scaling)
    level = filled = None
    history: list[float] = []
    for t in range(40):
        u = np.log(y[t]) - scaling.season[0, (t + 1) % 4]
        level = u if level is None else level if np.isnan(u) else level + scaling.alpha * (u - level)
        filled = level if np.isnan(u) else u
        history.append(filled)
        lagged = [(history[max(t - lag, 0)] - level) / scaling.scale[0] for lag in (0, 1, 2, 3, 4)]
        angle = 2 * np.pi * ((t + 2) % 4) / 4
        np.testing.assert_allclose(rows.inputs[t], [*lagged, float(t != 17), np.sin(angle), np.cos(angle)], rtol=1e-5, atol=1e-5)
    assert scaling.lags == [0, 1, 2, 3, 4]
    targets = (rows.u[1:] - rows.level[:-1]) / scaling.scale[0]
    np.testing.assert_allclose(rows.targets[:-1], targets, rtol=1e-12)
    assert np.isnan(rows.targets[[16, 39]]).all()
    learnt = trained(rows, scaling.burn, rows.end)
    assert learnt.tolist() == [False] * 3 + [True] * 36 + [False]
    assert np.nanmean(np.abs(rows.targets[learnt])) == pytest.approx(1.0)
    assert np.nanmax(np.abs(rows.targets[learnt])) == pytest.approx(scaling.limit[0])


def test_no_row_sees_what_comes_after_it():
    series = growing(50, season=4)
    scaling = fit_scaling(series, 4, "log")
    before = encode(series, scaling)
    values = series.values.copy()
    values[30:] *= 7
    after = encode(replace(series, values=values), scaling)
    np.testing.assert_array_equal(before.inputs[:30], after.inputs[:30])
    np.testing.assert_array_equal(before.targets[:29], after.targets[:29])
    assert (before.inputs[30] != after.inputs[30]).any()


def test_other_units_give_the_same_inputs():
    series = growing(50, season=4)
    for transform in ("log", "none"):
        a = encode(series, fit_scaling(series, 4, transform))
        other = replace(series, values=series.values * 1e6)
        b = encode(other, fit_scaling(other, 4, transform))
        np.testing.assert_allclose(a.inputs, b.inputs, atol=1e-4)


def test_series_with_dates_share_their_season_whatever_their_start():
    months = np.arange("2000-01", "2006-01", dtype="datetime64[M]").astype("datetime64[us]")
    whole = Series.of(np.arange(72.0), index=months, frequency=Frequency("month"), season_length=12)
    assert (phases(whole, 12)[5:] == phases(replace(whole, values=whole.values[5:], index=months[5:], offsets=np.array([0, 67])), 12)).all()


def test_covariates_stand_at_the_step_that_they_belong_to():
    series = replace(
        growing(30, 2, season=4), future={"heat": np.arange(60.0)}, ahead={"heat": np.array([[30.0, 1.0], [60.0, 1.0]])}, static={"size": np.array([1.0, 3.0])}
    )
    scaling = fit_scaling(series, 4, "log")
    rows = encode(series, scaling)
    heat = rows.inputs[:, -3:-1] * scaling.future_spread[0] + scaling.future_centre[0]
    np.testing.assert_allclose(heat, np.column_stack([np.arange(60.0), np.arange(1.0, 61.0)]), rtol=1e-5, atol=1e-5)
    assert rows.inputs[:, -1].tolist() == [-1.0] * 30 + [1.0] * 30
    assert future_ahead(series, 2).shape == (2, 2, 1)
    with pytest.raises(ForecastError, match='3 values of the future covariate "heat" after the last observation; there are 2'):
        future_ahead(series, 3)


def test_lengths_that_do_not_suffice():
    with pytest.raises(ForecastError, match='"y" spans 12 observations; a network needs at least 16'):
        usable_season(Series.of(np.r_[np.full(8, np.nan), np.arange(12.0)]), 1)
    assert usable_season(Series.of(np.arange(31.0)), 12) == 1
    assert usable_season(Series.of(np.arange(32.0)), 12) == 12
    assert too_short(Series.of(np.column_stack([np.arange(20.0), np.r_[1.0, np.full(19, np.nan)]]))) == {
        "y2": 'Series "y2" has 1 observation; 4 are needed to find its scale.'
    }
