"""Windows against the textbook, across panels, and at the edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inorder import errors
from inorder.data.series import Series
from inorder.features.windows import window_starts, windows
from inorder.textbook import windows as textbook


@pytest.mark.parametrize(("length", "horizon"), [(1, 1), (3, 1), (5, 4), (1, 0), (12, 1), (13, 1)])
def test_windows_follow_the_textbook(length: int, horizon: int, panel: Callable[..., Series]) -> None:
    series = panel(0)
    expected = [textbook.windows(y, length, horizon) for y in series]
    inputs, targets = windows(series, length, horizon)
    np.testing.assert_array_equal(inputs, np.concatenate([one for one, _ in expected]))
    np.testing.assert_array_equal(targets, np.concatenate([one for _, one in expected]))
    assert inputs.shape[1:] == (length,) and targets.shape[1:] == (horizon,)


def test_a_step_takes_every_nth_window(panel: Callable[..., Series]) -> None:
    series = panel(1)
    starts = window_starts(series, 4, 2, step=3)
    expected = [offset + start for offset, length in zip(series.offsets, series.lengths, strict=False) for start in range(0, length - 5, 3)]
    assert starts.tolist() == expected
    np.testing.assert_array_equal(windows(series, 4, 2, step=3)[1], np.stack([series.values[start + 4 : start + 6] for start in expected]))


def test_a_series_too_short_gives_none() -> None:
    inputs, targets = windows([1, 2, 3], 3)
    assert inputs.shape == (0, 3) and targets.shape == (0, 1)


def test_windows_may_be_written_to() -> None:
    y = np.arange(5.0)
    inputs, targets = windows(y, 2)
    inputs[:], targets[:] = -1, -1
    assert y.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("options", "shown"), [((0,), "`length`.*not 0"), ((2, -1), "`horizon`.*not -1"), ((2.5,), "`length`.*not 2.5")])
def test_windows_refuse(options: tuple, shown: str) -> None:
    with pytest.raises(errors.ConfigError, match=shown):
        windows([1, 2, 3], *options)


def test_step_is_positive() -> None:
    with pytest.raises(errors.ConfigError, match=r"`step`.*not 0"):
        windows([1, 2, 3], 1, step=0)
