"""A forecast with the seasons taken out and put back. The laws are in tests/laws/."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import inorder
from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.baselines import Drift, Naive, SeasonalNaive
from inorder.forecast.decomposed import Decomposed
from inorder.forecast.decomposition import mstl, stl
from inorder.forecast.smoothing import ExponentialSmoothing

NAN = float("nan")


def demand(weeks: int = 5, seed: int = 0) -> np.ndarray:
    """Hours with a day, a week, a line and noise."""
    t = np.arange(168 * weeks)
    return 500 + 0.05 * t + 60 * np.sin(2 * np.pi * t / 24) + 90 * np.sin(2 * np.pi * t / 168) + np.random.default_rng(seed).normal(0, 5, len(t))


def test_it_is_the_inner_forecast_of_the_adjusted_series_and_the_last_cycle():
    y = demand()[:130]
    parts = stl(y, 24)
    inner = ExponentialSmoothing(trend="additive", damped=True).fit(Series.of(parts.adjusted)).predict(50)
    found = Decomposed(season_length=24).fit(Series.of(y)).predict(50)
    season = np.resize(parts.seasonal[-24:], 50)
    np.testing.assert_allclose(found.mean, inner.mean + season, rtol=1e-9)
    for level in found.levels:
        np.testing.assert_allclose(found.upper[level], inner.upper[level] + season, rtol=1e-9)
    assert found.intervals == "analytic"


def test_several_seasons_repeat_their_last_cycles():
    y = demand()
    parts = mstl(y, (24, 168))
    found = Decomposed(season_lengths=(168, 24), inner="naive").fit(Series.of(y)).predict(200)
    expected = parts.adjusted[-1] + np.resize(parts.seasonals[24][-24:], 200) + np.resize(parts.seasonals[168][-168:], 200)
    np.testing.assert_allclose(found.mean, expected, rtol=1e-9)
    truth = demand(7)[168 * 5 : 168 * 5 + 200]
    assert np.abs(found.mean - truth).mean() < 15 < np.abs(SeasonalNaive(season_length=24).fit(Series.of(y)).predict(200).mean - truth).mean()


def test_logarithms_make_the_seasons_factors():
    y = np.exp(demand()[:130] / 200)
    logs = Decomposed(season_length=24, inner="drift").fit(Series.of(np.log(y))).predict(30)
    found = Decomposed(season_length=24, inner="drift", log=True).fit(Series.of(y)).predict(30)
    np.testing.assert_allclose(found.mean, np.exp(logs.mean), rtol=1e-9)
    np.testing.assert_allclose(found.lower[0.8], np.exp(logs.lower[0.8]), rtol=1e-9)
    with pytest.raises(ForecastError, match="above zero; this series holds -1. Use log=False"):
        Decomposed(season_length=24, log=True).fit(Series.of(np.append(y, -1.0)))


def test_a_season_that_is_too_long_is_left_out_with_a_note():
    fitted = Decomposed(season_lengths=(24, 168)).fit(Series.of(demand()[:200]))
    assert fitted.notes == ("The season of 168 is left out: the series is too short, or a place of it was never observed.",)
    np.testing.assert_array_equal(fitted.predict(30).mean, Decomposed(season_lengths=(24,)).fit(Series.of(demand()[:200])).predict(30).mean)


def test_without_a_season_it_says_so():
    with pytest.raises(ForecastError, match="no season is known here"):
        Decomposed().fit(Series.of(np.arange(30.0)))
    with pytest.raises(ForecastError, match="none of 24 was seen more than twice"):
        Decomposed(season_length=24).fit(Series.of(np.arange(30.0)))


def test_outliers_are_left_out_of_the_season_on_request():
    y = np.tile([10.0, 0.0, -10.0, 0.0], 12) + np.random.default_rng(0).normal(0, 0.1, 48)
    y[44] += 60
    plain, robust = (Decomposed(season_length=4, inner="mean", robust=robust).fit(Series.of(y)).predict(4).mean for robust in (False, True))
    assert abs(robust[0] - robust[2] - 20) < 1 < abs(plain[0] - plain[2] - 20)


@pytest.mark.parametrize(
    "inner",
    ["ar", Drift(), ExponentialSmoothing(trend="additive", alpha=0.3), Decomposed(season_length=4, inner="naive")],
    ids=["name", "Drift", "settings", "nested"],
)
def test_what_was_saved_comes_back(tmp_path, inner):
    panel = Series.of(np.column_stack([demand()[:150], demand(seed=1)[:150], np.full(150, NAN)]))
    fitted = Decomposed(season_length=24, inner=inner).fit(panel)
    loaded = inorder.load(fitted.save(tmp_path / "model"))
    one, other = fitted.predict(30), loaded.predict(30)
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.upper[0.8], other.upper[0.8])
    assert loaded.forecaster == fitted.forecaster
    assert loaded.summary() == fitted.summary()


@dataclass(frozen=True)
class Foreign(Naive):
    """Somebody's own forecaster."""


def test_a_forecaster_from_elsewhere_can_be_used_but_not_saved(tmp_path):
    y = Series.of(demand()[:150])
    fitted = Decomposed(season_length=24, inner=Foreign()).fit(y)
    np.testing.assert_array_equal(fitted.predict(30).mean, Decomposed(season_length=24, inner="naive").fit(y).predict(30).mean)
    with pytest.raises(ConfigError, match="A model around Foreign cannot be saved"):
        fitted.save(tmp_path / "model")


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"inner": "arma"}, 'Model "arma" is unknown. Did you mean "ar"'),
        ({"inner": {"home": "os:system"}}, "A model inside another is written"),
        ({"inner": {"home": "local:LocalForecaster"}}, "A model inside another is written"),
        ({"inner": {"home": "smoothing:math"}}, "A model inside another is written"),
        ({"inner": {"home": 3}}, "A model inside another is written"),
        ({"inner": {"home": "baselines:Naive", "settings": {"windw": 3}}}, 'Setting of naive "windw" is unknown'),
        ({"season_lengths": ()}, "`season_lengths` are whole numbers such as"),
        ({"season_lengths": 24}, "`season_lengths` are whole numbers such as"),
        ({"season_lengths": (24, 0)}, "1 or more, not 0"),
        ({"seasonal_window": 8}, "`seasonal_window` is an odd number of seasons"),
        ({"seasonal_window": 1}, "`seasonal_window` is a whole number, 3 or more"),
        ({"log": 1}, "`log` is True or False, not 1"),
    ],
)
def test_wrong_settings_are_told(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Decomposed(**settings)
