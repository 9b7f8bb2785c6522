"""A panel that is as awkward as real ones: uneven lengths, gaps, a series of one row, one without observations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inorder.data.frequency import Frequency
from inorder.data.series import Series

LENGTHS = (40, 1, 23, 12, 57, 2)


def make_panel(seed: int = 0, lengths: tuple[int, ...] = LENGTHS, missing: float = 0.1) -> Series:
    generator = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = generator.normal(50, 20, size=offsets[-1])
    values[generator.random(offsets[-1]) < missing] = np.nan
    if len(lengths) > 3:
        values[offsets[3] : offsets[4]] = np.nan
    starts = np.datetime64("2023-12-01", "us") + generator.integers(0, 400, size=len(lengths)).astype("timedelta64[D]")
    index = np.concatenate([start + np.arange(length).astype("timedelta64[D]") for start, length in zip(starts, lengths, strict=True)])
    ids = tuple(f"s{i}" for i in range(len(lengths)))
    return Series(values=values, index=index, offsets=offsets, ids=ids, frequency=Frequency("day"), season_length=7, panel=True)


@pytest.fixture
def panel() -> Callable[..., Series]:
    return make_panel
