"""The first seven examples of the lecture, as far as features make them: the numbers that it prints, and where they are wrong."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.features import differencing, fourier, rolling, windows
from inorder.features import lags as lagging
from inorder.textbook import differencing as differencing_textbook
from inorder.textbook import fourier as fourier_textbook
from inorder.textbook import lags as lags_textbook
from inorder.textbook import rolling as rolling_textbook
from inorder.textbook import windows as windows_textbook


@pytest.mark.parametrize("module", [windows, windows_textbook])
def test_row_1_windowing(module) -> None:
    inputs, targets = module.windows([100, 102, 101, 105, 107], 3)
    assert inputs.tolist() == [[100, 102, 101], [102, 101, 105]]
    assert targets.tolist() == [[105], [107]]


@pytest.mark.parametrize("module", [lagging, lags_textbook])
def test_row_2_lag(module) -> None:
    visitors = [150, 180, 220, 200]
    pairs = list(zip(visitors, module.lags(visitors, [1])[:, 0].tolist(), strict=True))
    assert pairs[2:] == [(220, 180), (200, 220)]


@pytest.mark.parametrize("module", [rolling, rolling_textbook])
def test_row_3_rolling_mean(module) -> None:
    result = module.rolling([22, 24, 23, 25, 26], 3)
    assert np.isnan(result[:2]).all()
    assert result[2:] == pytest.approx([23, 24, 74 / 3], abs=1e-14)


@pytest.mark.parametrize("module", [differencing, differencing_textbook])
def test_row_4_differencing(module) -> None:
    changes = module.difference([100, 130, 145, 170])
    assert np.isnan(changes[0])
    assert changes[1:].tolist() == [30, 15, 25]
    assert module.undifference(changes, [100]).tolist() == [100, 130, 145, 170]


@pytest.mark.parametrize("module", [fourier, fourier_textbook])
def test_row_5_three_samples_do_not_show_a_heartbeat(module) -> None:
    frequency, _ = module.periodogram([0.1, 0.8, 0.2], rate=100)  # 10 ms apart: 100 a second
    assert frequency == pytest.approx([100 / 3])  # 33 Hz, and nothing below it
    assert 60 / 75 == pytest.approx(0.8)  # one beat at 75 a minute lasts 800 ms, the record 30 ms
    assert fourier.dominant_periods([0.1, 0.8, 0.2], rate=100) == ()


def test_row_5_ten_seconds_do() -> None:
    t = np.arange(1000) / 100
    (beat, *_) = fourier.dominant_periods(np.maximum(np.sin(2 * np.pi * 1.25 * t), 0) ** 8, rate=100)
    assert 60 / beat.length == pytest.approx(75, abs=0.1)


@pytest.mark.parametrize("module", [rolling, rolling_textbook])
def test_row_7_centred_trend(module) -> None:
    trend = module.centred_mean([100, 110, 105, 115, 120, 125], 3)
    assert np.isnan(trend[[0, -1]]).all()
    assert trend[1:-1] == pytest.approx([105, 110, 340 / 3, 120], abs=1e-12)
    change = np.diff(trend[1:-1]).mean()
    assert change == pytest.approx(5.0)
    assert [trend[-2] + change * steps for steps in (2, 3)] == pytest.approx([130, 135])
