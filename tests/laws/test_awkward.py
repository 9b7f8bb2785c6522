"""Awkward series: whatever comes in, what goes out is a finite forecast or one plain sentence. No traceback, no NaN, no warning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from candidates import LOCAL, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from inorder.data.series import Series
from inorder.errors import ForecastError

each = pytest.mark.parametrize("case", LOCAL, ids=str)
NAN = float("nan")

AWKWARD = {
    "one point": [5.0],
    "two points": [5.0, 7.0],
    "three points": [5.0, 7.0, 6.0],
    "one zero": [0.0],
    "constant": [3.0] * 40,
    "zeros": [0.0] * 40,
    "constant but for the last": [3.0] * 39 + [4.0],
    "whole numbers": list(range(1, 41)),
    "negative": [-5.0, -7.0, -6.0, -9.0] * 10,
    "around zero": [1.0, -1.0] * 20,
    "missing at the start": [NAN] * 9 + [4.0, 5.0, 7.0, 6.0, 8.0] * 7,
    "missing in the middle": [4.0, 5.0, 7.0, 6.0] * 5 + [NAN] * 15 + [4.0, 5.0, 7.0, 6.0] * 5,
    "missing at the end": [4.0, 5.0, 7.0, 6.0, 8.0] * 7 + [NAN] * 9,
    "every other missing": [4.0, NAN, 5.0, NAN, 7.0, NAN] * 8,
    "one among missing": [NAN] * 20 + [5.0] + [NAN] * 20,
    "two far apart": [5.0] + [NAN] * 38 + [7.0],
    "huge": (1e300 * np.array([1.0, 1.3, 0.7, 1.1, 0.9] * 8)).tolist(),
    "huge of both signs": (1e300 * np.array([1.0, -1.3, 0.7, -1.1, 0.9] * 8)).tolist(),
    "tiny": (1e-300 * np.array([1.0, 1.3, 0.7, 1.1, 0.9] * 8)).tolist(),
    "huge and tiny": [1e300, 1e-300] * 20,
    "a step of 1e300": [1.0] * 20 + [1e300] * 20,
    "growth without end": (2.0 ** np.arange(300)).tolist(),
    "a great level": (1e12 + np.array([1.0, 1.3, 0.7, 1.1, 0.9] * 8)).tolist(),
}


def check(case, values, season_length: int, horizon: int) -> None:
    series = Series.of(np.array(values, dtype=np.float64), season_length=season_length)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fitted = case.make().fit(series)
            forecast = fitted.predict(horizon)
            newer = fitted.update([NAN, float(np.nanmax(series.values))]).predict(horizon)
            session = fitted.stream()
            session.step(float(np.nanmin(series.values)))
        except ForecastError as error:
            sentence = str(error)
            assert sentence.endswith(".") and len(sentence) > 30, sentence
            return
        assert np.isfinite(forecast.mean).all(), forecast.mean
        assert np.isfinite(newer.mean).all(), newer.mean
        assert np.isfinite(session.predict(horizon)).all()
        for level in forecast.levels:
            lower, upper = forecast.lower[level], forecast.upper[level]
            if forecast.errors:
                assert np.isnan(lower).all() and np.isnan(upper).all()
                assert "no interval" in forecast.errors["y"]
            else:
                assert np.isfinite(lower).all() and np.isfinite(upper).all(), (lower, upper)
                assert (lower <= upper).all()
        assert fitted.residuals.shape == series.values.shape
        assert not np.isinf(fitted.residuals).any()
        assert fitted.summary()
        assert forecast.to_frame() is not None


@each
@pytest.mark.parametrize("kind", AWKWARD)
@pytest.mark.parametrize("season_length", [1, 4, 24])
def test_awkward_series(case, kind, season_length):
    check(case, AWKWARD[kind], season_length, 30)


# networks count in single precision
SINGLE = [kind for kind, values in AWKWARD.items() if 1e-30 < np.nanmax(np.abs(values)) < 1e30 or not np.any(values)]


@pytest.mark.parametrize("name", ["lstm", "dlinear", "nhits", "es-rnn"])
@pytest.mark.parametrize("kind", SINGLE)
def test_awkward_series_for_networks(name, kind):
    check(Case(name), AWKWARD[kind], 4, 12)


@each
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_series(case, data):
    values = st.one_of(st.floats(-1e3, 1e3), st.integers(-5, 5).map(float), st.just(NAN), st.floats(-1e300, 1e300), st.floats(1e-300, 1e-290))
    positive = st.one_of(st.floats(0.5, 1e3), st.integers(1, 5).map(float), st.just(NAN), st.floats(1e-290, 1e290))
    series = data.draw(st.one_of(st.lists(values, min_size=1, max_size=30), st.lists(positive, min_size=1, max_size=30)))
    if all(np.isnan(series)):
        series[0] = 2.0
    check(case, series, data.draw(st.sampled_from([1, 2, 3, 7])), data.draw(st.sampled_from([1, 5, 40])))


@each
def test_nothing_observed_is_said_so(case):
    with pytest.raises(ForecastError, match='Series "y" has no observation: all 5 values are missing'):
        case.make().fit(Series.of([NAN] * 5))


@each
def test_a_panel_goes_on_where_one_series_cannot_be_fitted(case):
    values = np.tile([4.0, 5.0, 7.0, 6.0, 8.0], 16)[:, None] * np.array([1.0, NAN, 2.0])
    values[70:, 1] = NAN
    values[60, 1] = NAN
    fitted = case.make().fit(Series.of(values, season_length=4))
    assert list(fitted.errors) == ["y2"]
    forecast = fitted.predict(3)
    assert np.isfinite(forecast.mean[[0, 2]]).all()
    assert np.isnan(forecast.mean[1]).all()
    assert dict(forecast.errors) == {"y2": 'Series "y2" has no observation: all 80 values are missing. It has no forecast.'}
    with pytest.raises(ForecastError, match="y2.*no observation"):
        fitted.stream("y2")
    assert "y2" in fitted.summary()
