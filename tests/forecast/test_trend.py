"""Trends against the textbook, the lecture, statsmodels, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.intervals import student_quantiles
from inorder.forecast.trend import MovingAverageTrend, Trend
from inorder.textbook import trend as textbook

NAN = math.nan
RNG = np.random.default_rng(6)
T = np.arange(1, 41)
RISING = 30 + 0.7 * T - 0.01 * T**2 + RNG.normal(size=40)
GAPPY = RISING.copy()
GAPPY[[1, 2, 10, 24, 25, 26, 39]] = NAN
SERIES = {"whole": RISING, "gappy": GAPPY, "high": RISING + 1e7, "short": np.array([1.0, 5.0, 2.0, 9.0, 4.0])}


def test_the_lecture_line():
    """Eighth example: slope 4.714, intercept 96.0 (the slides print 5.14 and 94.86)."""
    fitted = Trend("linear").fit(Series.of([100.0, 110, 105, 115, 120, 125]))
    assert round(fitted.describe()["slope"], 3) == 4.714
    assert round(fitted.describe()["intercept"], 3) == 96.0
    assert fitted.predict(4, ()).mean.round(2).tolist() == [129.0, 133.71, 138.43, 143.14]


def test_the_lecture_ols():
    """Ninth example."""
    fitted = Trend().fit(Series.of([10.0, 12, 15, 17, 20]))
    assert (round(fitted.describe()["slope"], 9), round(fitted.describe()["intercept"], 9)) == (2.5, 7.3)
    assert fitted.predict(3, ()).mean.round(9).tolist() == [22.3, 24.8, 27.3]


def test_the_lecture_centred_average():
    """Seventh example: averages 105 110 113.3 120, mean change 5."""
    fitted = MovingAverageTrend(window=3).fit(Series.of([100.0, 110, 105, 115, 120, 125]))
    assert fitted.describe() == {"window": 3, "average": 120.0, "change": 5.0}
    assert fitted.predict(2, ()).mean.tolist() == [130.0, 135.0]


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_polynomials_as_the_textbook(name, degree):
    y = SERIES[name]
    fitted = Trend("polynomial", degree).fit(Series.of(y))
    mean, error = textbook.polynomial_trend(y, degree, 12)
    forecast = fitted.predict(12, [0.8])
    np.testing.assert_allclose(forecast.mean, mean, rtol=1e-9)
    degrees = int((~np.isnan(y)).sum()) - degree - 1
    expected = student_quantiles(mean, error, degrees, np.array([0.1, 0.9]))
    np.testing.assert_allclose([forecast.lower[0.8], forecast.upper[0.8]], expected, rtol=1e-8)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("degree", [1, 2])
def test_fitted_values_know_only_what_came_before(name, degree):
    y = SERIES[name]
    fitted = Trend("polynomial", degree).fit(Series.of(y)).fitted_values
    for t in range(len(y)):
        if np.isfinite(y[:t]).sum() <= degree:
            assert math.isnan(fitted[t])
        else:
            assert fitted[t] == pytest.approx(textbook.polynomial_trend(y[:t], degree, 1)[0][0], rel=1e-7)


@pytest.mark.parametrize("name", ["whole", "short"])
def test_exponential_as_the_textbook(name):
    y = np.exp(SERIES[name] / 10)
    fitted = Trend("exponential").fit(Series.of(y))
    np.testing.assert_allclose(fitted.predict(9, ()).mean, textbook.exponential_trend(y, 9), rtol=1e-10)
    for t in range(2, len(y)):
        assert fitted.fitted_values[t] == pytest.approx(textbook.exponential_trend(y[:t], 1)[0], rel=1e-9)
    line = Trend().fit(Series.of(np.log(y))).predict(9, [0.8])
    made = fitted.predict(9, [0.8])
    np.testing.assert_allclose(np.log([made.mean, made.lower[0.8], made.upper[0.8]]), [line.mean, line.lower[0.8], line.upper[0.8]], rtol=1e-10)
    assert fitted.describe()["growth"] == pytest.approx(math.exp(fitted.describe()["slope"]) - 1)


def test_exponential_from_a_known_answer():
    fitted = Trend("exponential").fit(Series.of(3.0 * 1.25 ** np.arange(1, 11)))
    assert fitted.describe()["growth"] == pytest.approx(0.25)
    assert math.exp(fitted.describe()["intercept"]) == pytest.approx(3.0)
    np.testing.assert_allclose(fitted.predict(2, ()).mean, 3.0 * 1.25 ** np.array([11, 12]))


@pytest.mark.parametrize("name", ["whole", "gappy", "short"])
@pytest.mark.parametrize("degree", [1, 2])
def test_coefficients_and_intervals_as_statsmodels(name, degree):
    y = SERIES[name]
    known = ~np.isnan(y)
    x = np.vander(np.arange(1.0, len(y) + 8), degree + 1, increasing=True)
    theirs = sm.OLS(y[known], x[: len(y)][known]).fit()
    fitted = Trend("polynomial", degree).fit(Series.of(y))
    ours = fitted.describe()
    coefficients = ours["coefficients"] if degree > 1 else [ours["intercept"], ours["slope"]]
    np.testing.assert_allclose(coefficients, theirs.params, rtol=1e-8)
    assert ours["sigma"] == pytest.approx(math.sqrt(theirs.scale), rel=1e-8)
    frame = theirs.get_prediction(x[len(y) :]).summary_frame(alpha=0.05)
    forecast = fitted.predict(7, [0.95])
    np.testing.assert_allclose(forecast.mean, frame["mean"], rtol=1e-8)
    np.testing.assert_allclose(forecast.lower[0.95], frame["obs_ci_lower"], rtol=1e-8)
    np.testing.assert_allclose(forecast.upper[0.95], frame["obs_ci_upper"], rtol=1e-8)


def test_new_observations_move_the_curve():
    fitted = Trend().fit(Series.of(RISING[:30]))
    np.testing.assert_allclose(fitted.update(RISING[30:]).predict(5, ()).mean, Trend().fit(Series.of(RISING)).predict(5, ()).mean, rtol=1e-10)
    assert fitted.update(RISING[30:]).describe()["slope"] == pytest.approx(textbook.linear_trend(RISING)[1])


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_a_long_stream_stays_accurate(degree):
    """A hundred times the length that was fitted."""
    rng = np.random.default_rng(8)
    y = 5 + 0.01 * np.arange(4000) + rng.normal(size=4000)
    model = Trend("polynomial", degree).fit(Series.of(y[:40])).models[0]
    _, state = model.run(y)
    np.testing.assert_allclose(model.forecast(state, 3), np.polynomial.Polynomial.fit(np.arange(4000), y, degree)(np.arange(4000, 4003)), rtol=1e-7)


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("level", [0.0, 1e9])
def test_the_fast_run_is_the_steps_over_a_long_series(degree, level):
    rng = np.random.default_rng(14)
    y = level + 0.03 * np.arange(3000) + rng.normal(size=3000)
    model = Trend("polynomial", degree).fit(Series.of(y)).models[0]
    state, stepped = model.init(), []
    for value in y.tolist():
        expected, state = model.step(value, state)
        stepped.append(expected)
    fitted, last = model.run(y)
    wild = 50  # extrapolating a cubic through a few of three thousand values amplifies rounding
    np.testing.assert_allclose(fitted[wild:], stepped[wild:], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(np.array(last.system), np.array(state.system), rtol=1e-8, atol=1e-8 * (1 + level))
    for t in (10, 100, 2999):
        exact = np.polynomial.Polynomial.fit(np.arange(t), y[:t] - level, degree)(t) + level
        assert fitted[t] == pytest.approx(exact, rel=1e-10, abs=1e-7)


def test_intervals_are_exact_for_normal_errors():
    rng = np.random.default_rng(12)
    draws = 3 - 2 * np.arange(1, 12) + rng.normal(0, 4, (3000, 11))
    forecast = Trend().fit(Series.of(draws[:, :8].T)).predict(3, [0.8])
    inside = (draws[:, 8:] >= forecast.lower[0.8]) & (draws[:, 8:] <= forecast.upper[0.8])
    np.testing.assert_allclose(inside.mean(axis=0), 0.8, atol=0.03)


@pytest.mark.parametrize("window", [1, 2, 3, 6])
@pytest.mark.parametrize("name", SERIES)
def test_moving_average_trend_as_the_textbook(name, window):
    y = SERIES[name]
    if name == "short" and window == 6:
        return
    fitted = MovingAverageTrend(window).fit(Series.of(y))
    np.testing.assert_allclose(fitted.predict(6, ()).mean, textbook.moving_average_trend(y, window, 6), rtol=1e-10)
    known = np.flatnonzero(~np.isnan(fitted.fitted_values))
    assert known[0] >= window + 1
    for t in known:
        assert fitted.fitted_values[t] == pytest.approx(textbook.moving_average_trend(y[:t], window, 1)[0], rel=1e-9)


def test_moving_average_trend_takes_a_season():
    y = Series.of(np.arange(48.0) + np.tile([5.0, -5.0, 3.0, -3.0], 12), season_length=4)
    fitted = MovingAverageTrend().fit(y)
    assert fitted.describe()["window"] == 4
    assert fitted.predict(2, ()).mean.round(9).tolist() == [48.0, 49.0]
    assert MovingAverageTrend().fit(Series.of(np.arange(10.0))).describe()["window"] == 3


def test_two_points_make_a_line_without_an_interval():
    forecast = Trend().fit(Series.of([1.0, 3.0])).predict(2)
    assert forecast.mean.round(9).tolist() == [5.0, 7.0]
    assert "no interval is known" in forecast.errors["y"]


def test_what_cannot_be_fitted():
    with pytest.raises(ForecastError, match="with 2 coefficients needs 2 observations; this series has 1"):
        Trend().fit(Series.of([3.0, NAN]))
    with pytest.raises(ForecastError, match="with 4 coefficients needs 4 observations; this series has 3"):
        Trend("polynomial", 3).fit(Series.of([3.0, 2.0, 4.0]))
    with pytest.raises(ForecastError, match="must be positive; this series holds -2"):
        Trend("exponential").fit(Series.of([3.0, -2.0, 4.0]))
    with pytest.raises(ForecastError, match="needs 4 observations in a row; this series has 0 averages"):
        MovingAverageTrend(3).fit(Series.of([1.0, 2.0, NAN, 3.0, 4.0]))
    with pytest.raises(ForecastError, match="this series has 1 average without"):
        MovingAverageTrend(3).fit(Series.of([1.0, 2.0, 5.0, NAN, 3.0, 4.0]))


def test_a_value_without_a_logarithm_after_the_fit():
    fitted = Trend("exponential").fit(Series.of(np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 4.0, 6.0, 7.0]]).T))
    with pytest.raises(ForecastError, match="holds -1"):
        fitted.stream(0).step(-1.0)
    mixed = fitted.update([-1.0, 9.0])
    forecast = mixed.predict(2, ())
    assert forecast.mean[0].tolist() == [-1.0, -1.0]
    assert np.isfinite(forecast.mean[1]).all()
    assert "holds -1" in forecast.errors["y1"]
    assert list(mixed.errors) == ["y1"]
    with pytest.raises(ForecastError, match="holds 0"):
        fitted.update([0.0, -3.0]).predict(2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "quadratic"}, 'Kind of trend "quadratic" is unknown'),
        ({"kind": "linaer"}, 'Did you mean "linear"'),
        ({"degree": 2}, "The linear trend has no `degree`; 2 was given"),
        ({"kind": "exponential", "degree": 1}, "The exponential trend has no `degree`"),
        ({"kind": "polynomial", "degree": 0}, "`degree` is a whole number, 1 or more, not 0"),
        ({"kind": "polynomial", "degree": 11}, "`degree` is at most 10, not 11"),
    ],
)
def test_settings_that_are_none(settings, said):
    with pytest.raises(ConfigError, match=said):
        Trend(**settings)


@pytest.mark.parametrize("window", [0, 1.5])
def test_a_window_is_a_whole_number(window):
    with pytest.raises(ConfigError, match=f"`window` is a whole number, 1 or more, not {window}"):
        MovingAverageTrend(window)
