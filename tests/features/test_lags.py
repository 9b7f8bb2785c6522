"""Lags against the textbook, and lags that would look ahead refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError
from inorder.features.lags import lags
from inorder.textbook import lags as textbook


@pytest.mark.parametrize("steps", [(1,), (1, 2, 12), (40,), (1000, 1), (7, 7)])
def test_lags_follow_the_textbook(steps: tuple[int, ...], panel: Callable[..., Series]) -> None:
    series = panel(0)
    np.testing.assert_array_equal(lags(series, steps), np.concatenate([textbook.lags(y, steps) for y in series]))


def test_one_number_is_one_column() -> None:
    np.testing.assert_array_equal(lags([1, 2, 3], 2), [[np.nan], [np.nan], [1]])


@pytest.mark.parametrize("wrong", [0, -1, (1, 0), (1.5,)])
def test_a_lag_that_looks_ahead_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match="`lags` is a whole number, 1 or more, not"):
        lags([1, 2, 3], wrong)  # type: ignore[arg-type]


def test_no_lag_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no lag"):
        lags([1, 2, 3], ())
