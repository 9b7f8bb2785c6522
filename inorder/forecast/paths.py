"""Sample paths of what may come: a model run forward on innovations that are drawn.

    simulated   innovations from N(0, s²), s² the mean square of those in the history
    bootstrap   innovations of the history itself, about their mean, drawn with replacement

Errors of the first third, made while the model knew little of the series, are left out where enough remain.

Quantiles of many paths are prediction intervals where no formula is known, or where the errors are not normal.
The draws of the first steps do not depend on how many steps are drawn.

Source: Hyndman, Koehler, Ord & Snyder 2008, Forecasting with Exponential Smoothing, §6.1; Efron & Tibshirani 1993, ch. 8.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from inorder.errors import ForecastError
from inorder.forecast.intervals import power_of_two
from inorder.typing import Floats

DRAWS = ("simulated", "bootstrap")
PATHS = 2000  # from which a quantile is read
FEWEST = 8  # innovations that may be drawn from


def draw(innovations: Floats, kind: str, paths: int, horizon: int, seed: int) -> Floats:
    """(paths, horizon) innovations to come.   innovations: (time,) those of the history, NaN = not known.

    Raises ForecastError where fewer than 8 are known.

    >>> draw(np.array([1.0, -1.0] * 5), "bootstrap", 2, 3, seed=0).tolist()
    [[1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]
    """
    known = innovations[np.isfinite(innovations)]
    known = known[len(known) // 3 :] if len(known) >= 3 * FEWEST else known
    if len(known) < FEWEST:
        raise ForecastError(f'Paths are drawn from {FEWEST} errors of the history or more; this series has {len(known)}. Use intervals="auto".')
    rng = np.random.default_rng(seed)
    if kind == "bootstrap":
        return np.asarray((known - known.mean())[rng.integers(len(known), size=(horizon, paths))].T)
    unit = power_of_two(known)
    spread = unit * float(np.sqrt(np.mean((known / unit) ** 2)))
    return np.asarray(spread * rng.standard_normal((horizon, paths)).T)


def seed_of(seed: int, name: str) -> int:
    """The seed of the draws for the series of that name: its own, whichever series stand beside it."""
    return zlib.crc32(f"{seed} {name}".encode())


def quantiles(paths: Floats, probabilities: Floats) -> Floats:
    """(probabilities, horizon) of (paths, horizon), a straight line between neighbours in rank.

    >>> quantiles(np.array([[0.0], [1.0], [2.0]]), np.array([0.25, 0.5])).tolist()
    [[0.5], [1.0]]
    """
    with np.errstate(over="ignore", invalid="ignore"):  # paths at both ends of the range of floats
        unit = power_of_two(paths)
        result: Any = np.quantile(paths / unit, probabilities, axis=0)
        return np.asarray(result * unit)
