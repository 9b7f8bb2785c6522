"""The season that nobody named, beside sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.features.season import find_season, pairwise_autocorrelation

NAN = float("nan")


def test_the_autocorrelation_is_the_mean_over_the_pairs_that_are_there():
    rng = np.random.default_rng(0)
    y = rng.normal(size=40) + 0.1 * np.arange(40)
    y[rng.uniform(size=40) < 0.3] = NAN
    t, there = np.arange(40.0), ~np.isnan(y)
    z = y - np.polyval(np.polyfit(t[there], y[there], 1), t)
    expected = [np.nanmean(z[: 40 - k] * z[k:]) for k in range(20)]
    np.testing.assert_allclose(pairwise_autocorrelation(y)[:20], np.array(expected) / expected[0], atol=1e-12)


@pytest.mark.parametrize("season", [4, 7, 12, 24, 144])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_a_season_is_found_under_noise_and_a_trend(season, missing):
    rng = np.random.default_rng(season)
    shape = np.tile(rng.normal(size=season).cumsum() if season > 12 else rng.normal(size=season), 8)
    y = 3 * (shape - shape.mean()) / shape.std() + rng.normal(size=len(shape)) + 0.01 * np.arange(len(shape))
    y[rng.uniform(size=len(y)) < missing] = NAN
    assert find_season(y) == season


def test_noise_walks_lines_and_little_have_none():
    rng = np.random.default_rng(3)
    for time in (60, 400):
        for _ in range(20):
            assert find_season(rng.normal(size=time)) == find_season(rng.normal(size=time).cumsum()) == 1
    assert find_season(np.arange(50.0)) == find_season(np.ones(50)) == find_season(np.full(50, NAN)) == find_season(np.array([1.0, 2.0])) == 1
    assert find_season(1e300 * np.sin(np.arange(120) * 2 * np.pi / 12)) == find_season(1e-300 * np.sin(np.arange(120) * 2 * np.pi / 12)) == 12
