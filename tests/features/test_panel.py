"""Steps back, sums by doubling and the small helpers that all features stand on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError, ShapeError
from inorder.features.panel import ahead, back, between_gaps, check_count, flat, over_last, per_series, position_in_series, quantiles_per_series


def test_flat_takes_series_and_arrays() -> None:
    assert flat(Series.of(np.arange(6.0).reshape(3, 2)))[1].tolist() == [0, 3, 6]
    assert flat(np.arange(3))[0].dtype == np.float64
    assert flat([])[1].tolist() == [0, 0]


@pytest.mark.parametrize(("wrong", "error", "shown"), [(np.zeros((3, 2)), ShapeError, r"\(3, 2\)"), (["a"], SeriesError, "'a'"), (3.0, ShapeError, r"\(\)")])
def test_flat_refuses(wrong: object, error: type[Exception], shown: str) -> None:
    with pytest.raises(error, match=shown):
        flat(wrong)  # type: ignore[arg-type]


def test_back_and_ahead_stay_inside() -> None:
    offsets = np.array([0, 3, 3, 5])
    values = np.array([1.0, 2.0, 3.0, 10.0, 20.0])
    position = position_in_series(offsets)
    np.testing.assert_array_equal(back(values, position, 1), [np.nan, 1, 2, np.nan, 10])
    np.testing.assert_array_equal(back(values, position, 9), np.full(5, np.nan))
    np.testing.assert_array_equal(ahead(values, offsets, 2), [3, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(ahead(values, offsets, 0), values)


@pytest.mark.parametrize("span", [1, 2, 3, 5, 7, 8, 100, None])
@pytest.mark.parametrize(("stride", "decay"), [(1, 1.0), (3, 1.0), (1, 0.7), (2, 0.5)])
def test_over_last_is_the_sum_that_it_says(span: int | None, stride: int, decay: float) -> None:
    generator = np.random.default_rng(0)
    lengths = (13, 0, 1, 30)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = generator.normal(size=offsets[-1])
    expected = np.empty(len(values))
    for begin, end in itertools.pairwise(offsets):
        for t in range(begin, end):
            earlier = range(t, begin - 1, -stride) if span is None else list(range(t, begin - 1, -stride))[:span]
            expected[t] = sum(decay ** ((t - s) // stride) * values[s] for s in earlier)
    np.testing.assert_allclose(over_last(values, position_in_series(offsets), span, stride=stride, decay=decay), expected, rtol=1e-12, atol=1e-12)


def test_between_gaps_cuts_the_ends_and_joins_the_middle() -> None:
    nan = np.nan
    values, offsets = between_gaps(np.array([nan, 1, nan, nan, 4, nan, nan, nan, 7, 9]), np.array([0, 6, 8, 10]))
    assert values.tolist() == [1, 2, 3, 4, 7, 9]
    assert offsets.tolist() == [0, 4, 4, 6]


def test_per_series_with_empty_series() -> None:
    assert per_series(np.add, np.array([1.0, 2.0, 4.0]), np.array([0, 0, 2, 2, 3, 3]), -1.0).tolist() == [-1, 3, -1, 4, -1]


def test_quantiles_per_series_are_those_of_numpy() -> None:
    generator = np.random.default_rng(1)
    values, offsets = generator.normal(size=60), np.array([0, 1, 20, 20, 60])
    values[generator.random(60) < 0.3] = np.nan
    values[0] = 5.0
    for probability, row in zip((0.0, 0.25, 0.6, 1.0), quantiles_per_series(values, offsets, (0.0, 0.25, 0.6, 1.0)), strict=True):
        expected = [np.nanquantile(values[a:b], probability) if b > a else np.nan for a, b in itertools.pairwise(offsets)]
        np.testing.assert_allclose(row, expected, rtol=1e-14)


@pytest.mark.parametrize("wrong", [0, -3, 2.0, True, "4", None])
def test_check_count_names_what_came(wrong: object) -> None:
    with pytest.raises(ConfigError, match=f"`window` is a whole number, 1 or more, not {wrong!r}"):
        check_count("window", wrong)
