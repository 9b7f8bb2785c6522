"""The summary says what is there, and every number in it is right."""

from __future__ import annotations

import numpy as np

from inorder.data.series import Series
from inorder.forecast.arima import ARIMA
from inorder.forecast.autoregressive import AR
from inorder.forecast.baselines import Drift, Naive
from inorder.forecast.moving_average import MovingAverage
from inorder.forecast.summary import changed_settings, in_words, summarise
from inorder.forecast.trend import Trend

RNG = np.random.default_rng(31)
Y = 20 + np.cumsum(RNG.normal(size=60))


def row(text: str, name: str) -> str:
    return next(line[20:] for line in text.splitlines() if line.startswith(f"{name:<20}"))


def test_one_series():
    fitted = Trend().fit(Series.of(Y))
    text = summarise(fitted)
    assert text.splitlines()[0] == "trend: A line, a polynomial or an exponential curve through all values, by least squares."
    assert "    linear        y[t] = a + b·t" in text.splitlines()
    slope, intercept = np.polyfit(np.arange(1, 61), Y, 1)
    assert row(text, "slope") == f"{slope:.4g}"
    assert row(text, "intercept") == f"{intercept:.4g}"
    residuals = fitted.residuals[2:]
    assert row(text, "residuals") == f"standard deviation {np.std(residuals, ddof=1):.4g} over 58 one-step errors"
    assert row(text, "data") == fitted.history.describe()
    assert "note" not in text and "not fitted" not in text


def test_settings_are_shown_where_they_were_changed():
    assert row(summarise(Trend("polynomial", 3).fit(Series.of(Y))), "degree") == "3"
    assert changed_settings(MovingAverage()) == {}
    assert changed_settings(AR(criterion="bic", season_length=4)) == {"criterion": "bic", "season_length": 4}


def test_the_table_of_criteria():
    fitted = AR(max_order=3).fit(Series.of(RNG.normal(size=60)))
    lines = summarise(fitted).splitlines()
    head = lines.index("criteria")
    assert lines[head + 1].split() == ["order", "aic", "aicc", "bic"]
    table = fitted.describe()["criteria"]
    for k in range(4):
        assert lines[head + 2 + k].split() == [str(k), *(f"{table[name][k]:.4g}" for name in ("aic", "aicc", "bic"))]
    assert row("\n".join(lines), "stationary") == "yes"


def test_a_fit_that_is_not_stationary_is_said_to_be():
    text = summarise(AR(order=1).fit(Series.of(1.3 ** np.arange(20))))
    assert row(text, "note").startswith("The autoregression is not stationary: a root of its equation has the modulus 1.300")
    assert row(text, "stationary") == "no"


def test_a_panel_shows_the_spread():
    slopes = np.arange(1.0, 6.0)
    values = np.arange(30.0)[:, None] * slopes
    values[:, 2] = np.nan
    text = summarise(Drift().fit(Series.of(values)))
    assert row(text, "fitted") == "4 of 5 series"
    assert row(text, "slope").split() == ["1", "1.75", "3", "4.25", "5"]
    assert row(text, "not fitted").startswith('y3: Series "y3" has no observation')
    assert row(text, "residuals").startswith("root mean square 0 in the median series, 112 one-step errors")


def test_a_panel_counts_words():
    noise = RNG.normal(size=(30, 2))
    text = summarise(AR(order=1).fit(Series.of(np.column_stack([noise, 1.3 ** np.arange(30)]))))
    assert row(text, "stationary") == "yes in 2 series, no in 1 series"
    assert row(text, "note").startswith("y3: The autoregression is not stationary")


def test_many_failures_are_counted():
    values = np.full((3, 10), np.nan)
    values[:, 0] = [1.0, 2.0, 4.0]
    text = summarise(Naive().fit(Series.of(values)))
    assert text.count("not fitted") == 6
    assert text.endswith("… and 4 more")


def test_words_of_the_docstring():
    assert in_words(MovingAverage()) == ("The mean of the last k values.", ["ŷ[t+h] = (y[t−k+1] + … + y[t]) / k"])
    assert len(in_words(Trend())[1]) == 3


def test_one_observation():
    assert row(summarise(Naive().fit(Series.of([5.0]))), "residuals") == "too few one-step errors to judge by"
    assert row(summarise(Naive().fit(Series.of([5.0]))), "sigma") == "unknown"


def test_a_given_setting_is_said_once():
    y = 50 + 5 * np.sin(np.arange(60) / 2) + np.random.default_rng(0).normal(size=60).cumsum()
    lines = ARIMA(order=(1, 1, 0), seasonal_order=(0, 1, 1), season_length=12).fit(y).summary().splitlines()
    assert [sum(line.startswith(f"{name} ") for line in lines) for name in ("order", "seasonal_order", "season_length")] == [1, 1, 1]
    panel = MovingAverage(window=3).fit(Series.of(np.column_stack([y, y]))).summary().splitlines()
    assert sum(line.startswith("window") for line in panel) == 1


def test_standard_errors_stand_beside_estimates():
    y = np.random.default_rng(0).normal(size=60).cumsum()
    fitted = ARIMA(order=(1, 0, 0)).fit(y)
    value, error = fitted.coefficients["ar1"], fitted.standard_errors["ar1"]
    line = next(line for line in fitted.summary().splitlines() if line.startswith("ar1"))
    assert line.split() == ["ar1", f"{value:.4g}", "standard", "error", f"{error:.4g},", "z", f"{value / error:.2f}"]
