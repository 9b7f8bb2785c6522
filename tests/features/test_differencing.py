"""Differences and the way back, for every lag and order, over panels and into the future."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError, ShapeError
from inorder.features.differencing import difference, undifference, undifference_ahead
from inorder.textbook import differencing as textbook

CASES = [(1, 1), (1, 2), (1, 3), (7, 1), (7, 2), (12, 1), (3, 4), (5, 0)]


@pytest.mark.parametrize(("lag", "order"), CASES)
def test_difference_follows_the_textbook(lag: int, order: int, panel: Callable[..., Series]) -> None:
    series = panel(0)
    np.testing.assert_allclose(difference(series, lag, order), np.concatenate([textbook.difference(y, lag, order) for y in series]), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize(("lag", "order"), CASES)
def test_undifference_is_the_inverse(lag: int, order: int, panel: Callable[..., Series]) -> None:
    series = panel(1, (40, 14, 23), 0.0)
    changes, initial = difference(series, lag, order, keep_initial=True)
    assert initial.shape == (3, lag * order)
    np.testing.assert_allclose(undifference(replace(series, values=changes), initial, lag, order), series.values, rtol=1e-9)
    for y in series:
        changes, initial = difference(y, lag, order, keep_initial=True)
        assert initial.tolist() == y[: lag * order].tolist()
        np.testing.assert_allclose(undifference(changes, initial, lag, order), y, rtol=1e-9)
        np.testing.assert_allclose(undifference(changes, initial, lag, order), textbook.undifference(changes, initial, lag, order), rtol=1e-9)


def test_whole_numbers_come_back_exactly() -> None:
    y = np.random.default_rng(0).integers(0, 10**9, size=500).astype(float)
    for lag, order in ((1, 1), (1, 2), (12, 1)):
        assert undifference(*difference(y, lag, order, keep_initial=True), lag, order).tolist() == y.tolist()


@pytest.mark.parametrize(("lag", "order"), [(1, 1), (1, 2), (7, 1), (7, 2), (4, 0)])
def test_forecasts_of_changes_become_forecasts_of_values(lag: int, order: int, panel: Callable[..., Series]) -> None:
    series = panel(2, (40, 40, 40), 0.0)
    values = series.values.reshape(3, 40)
    known, horizon = 30, 10
    changes = difference(series, lag, order).reshape(3, 40)[:, known:]
    last = values[:, known - lag * order : known]
    np.testing.assert_allclose(undifference_ahead(changes, last, lag, order), values[:, known:], rtol=1e-9)
    one = undifference_ahead(changes[1], last[1], lag, order)
    assert one.shape == (horizon,)
    np.testing.assert_allclose(one, values[1, known:], rtol=1e-9)


def test_seasonal_and_ordinary_after_one_another(panel: Callable[..., Series]) -> None:
    y = panel(3, (60,), 0.0).values
    both = difference(difference(y, 12))
    assert np.isnan(both[:13]).all() and np.isfinite(both[13:]).all()
    back = undifference(both[12:], difference(y, 12)[12:13])
    np.testing.assert_allclose(undifference(np.concatenate([np.full(12, np.nan), back]), y[:12], 12), y, rtol=1e-9)


def test_a_missing_change_is_not_made_up() -> None:
    changes, initial = difference([1.0, 2, 3, 4, 5, 6], 2, keep_initial=True)
    changes[3] = np.nan
    np.testing.assert_array_equal(undifference(changes, initial, 2), [1, 2, 3, np.nan, 5, np.nan])


def test_a_short_series_has_no_differences() -> None:
    assert np.isnan(difference([1, 2, 3], 5)).all()


@pytest.mark.parametrize(
    ("call", "error", "shown"),
    [
        (lambda: difference([1, 2], 0), ConfigError, "`lag`.*not 0"),
        (lambda: difference([1, 2], 1, -1), ConfigError, "`order`.*not -1"),
        (lambda: difference([1, 2], 3, keep_initial=True), SeriesError, "has 2 rows; 3 initial values"),
        (lambda: undifference([np.nan, 1], [1, 2]), ShapeError, r"shape \(2,\).*need \(1,\)"),
        (lambda: undifference([np.nan, 1], [1], 7), ShapeError, "2 rows.*lag 7"),
        (lambda: undifference_ahead(np.zeros((2, 3)), [1.0]), ShapeError, r"`last` has the shape \(1,\).*need \(2, 1\)"),
        (lambda: undifference_ahead(np.zeros((1, 2, 3)), [1.0]), ShapeError, r"\(1, 2, 3\)"),
    ],
)
def test_wrong_options_are_told(call: Callable[[], object], error: type[Exception], shown: str) -> None:
    with pytest.raises(error, match=shown):
        call()
