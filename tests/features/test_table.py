"""The table of features: names, columns, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError
from inorder.features.calendar import calendar_features, holiday_features
from inorder.features.fourier import fourier_terms
from inorder.features.lags import lags
from inorder.features.rolling import exponential_mean, rolling
from inorder.features.table import feature_table


def test_columns_are_those_of_the_single_functions(panel: Callable[..., Series]) -> None:
    series = panel(0)
    options = {"lags": (1, 7), "rolling": {"mean": (3, 7), "std": 7}, "exponential": (0.3,), "fourier": {7: 2}}
    table = feature_table(series, **options, minimum=2, calendar=True, holidays="DE", subdivision="BY")
    expected = {
        "lag_1": lags(series, 1)[:, 0],
        "lag_7": lags(series, 7)[:, 0],
        "mean_3": rolling(series, 3, minimum=2, lag=1),
        "mean_7": rolling(series, 7, minimum=2, lag=1),
        "std_7": rolling(series, 7, "std", minimum=2, lag=1),
        "exponential_0.3": exponential_mean(series, alpha=0.3, lag=1),
        "sin_7_1": fourier_terms(series, 7, 2)[:, 0],
        "cos_7_1": fourier_terms(series, 7, 2)[:, 1],
        "sin_7_2": fourier_terms(series, 7, 2)[:, 2],
        "cos_7_2": fourier_terms(series, 7, 2)[:, 3],
        **calendar_features(series),
        **holiday_features(series, "DE", subdivision="BY"),
    }
    assert list(table) == list(expected)
    for name, column in table.items():
        assert column.shape == series.values.shape and column.dtype == np.float64
        np.testing.assert_array_equal(column, expected[name], err_msg=name)


def test_an_array_is_a_series_and_one_lag_a_number() -> None:
    assert list(feature_table(Series.of([1, 2, 3]), lags=2)) == ["lag_2"]


def test_a_regression_on_the_table_finds_the_rule() -> None:
    generator = np.random.default_rng(0)
    y = np.zeros(400)
    for t in range(2, 400):
        y[t] = 0.5 * y[t - 1] + 0.3 * y[t - 2] + generator.normal()
    table = feature_table(Series.of(y), lags=(1, 2))
    columns = np.stack(list(table.values()), axis=1)
    known = np.isfinite(columns).all(axis=1)
    assert np.linalg.lstsq(columns[known], y[known])[0] == pytest.approx([0.5, 0.3], abs=0.1)


@pytest.mark.parametrize(
    ("options", "error", "shown"),
    [
        ({}, ConfigError, "No feature is asked for"),
        ({"rolling": {"maen": 3}}, ConfigError, 'Did you mean "mean"'),
        ({"rolling": {"quantile": 3}}, ConfigError, '"quantile" is unknown'),
        ({"lags": (1,), "minimum": 2}, ConfigError, "`minimum` belongs to rolling"),
        ({"lags": (1,), "subdivision": "BY"}, ConfigError, '"BY" needs a country'),
        ({"lags": (0,)}, ConfigError, "not 0"),
        ({"calendar": True}, SeriesError, "need dates"),
        ({"holidays": "DE"}, SeriesError, "need dates"),
    ],
)
def test_wrong_options_are_told(options: dict, error: type[Exception], shown: str) -> None:
    with pytest.raises(error, match=shown):
        feature_table(Series.of([1, 2, 3]), **options)
