"""Prediction intervals: from a formula where one is known, else from errors that were really made.

Split conformal: fit to the first part of the series, forecast from every origin in the rest, and take, for each step
ahead, the k-th smallest absolute error as the radius,

    k = ⌈(n + 1) · level⌉   of n errors

which covers a new observation with probability `level` or more as long as errors are exchangeable.
Where n is too small for that level (k > n), the radius is the larger of the largest absolute error and z · √(mean error²),
with z of the normal distribution: "normal".

Adaptive conformal: where errors grow or shrink, the level itself learns from hits and misses. Going through the same origins in turn,

    a ← a + γ·(level − hit)        hit = 1 where the error was within the radius of the level a, from errors known at that origin, else 0

and the radius of the last a is the one that is used.

Source: Vovk, Gammerman & Shafer 2005; Lei et al. 2018, Distribution-free predictive inference for regression, §2.2; Gibbs & Candès 2021,
Adaptive conformal inference under distribution shift, eq. 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from inorder.errors import ConfigError, ForecastError
from inorder.typing import Floats, Offsets

_NORMAL = NormalDist()
FEWEST = 8  # errors from which a radius is read
GRID = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0])  # levels that adapt; those between follow their neighbours
RATE = 0.02  # γ


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """The levels in rising order.

    >>> check_levels([0.95, 0.8])
    (0.8, 0.95)
    """
    try:
        values = sorted({float(level) for level in levels})
    except (TypeError, ValueError):
        raise ConfigError(f"`levels` are probabilities such as (0.8, 0.95), not {levels!r}.") from None
    for level in values:
        if not 0 < level < 1:
            hint = f" Did you mean {level / 100:g}?" if 1 < level < 100 else ""
            raise ConfigError(f"A level is a probability between 0 and 1, not {level:g}.{hint}")
    return tuple(values)


def tail_probabilities(levels: Sequence[float]) -> Floats:
    """(2 · levels,) lower and upper tail of each level in turn.

    >>> tail_probabilities([0.8]).round(3).tolist()
    [0.1, 0.9]
    """
    largest = 1 - 2.0**-53  # (1 + level) / 2 rounds to 1 for the last levels below 1, and that quantile is infinite
    return np.array([tail for level in levels for tail in ((1 - level) / 2, min((1 + level) / 2, largest))])


def deviation(errors: Floats, degrees: float) -> float:
    """√(Σ error² / degrees): the standard deviation of errors with that many degrees of freedom; NaN where there are none.

    NaN errors are left out. Errors are divided by the largest first, so that the squares of 1e300 and 1e-300 do not leave the range of floats.

    >>> deviation(np.array([3.0, -4.0]), 2)
    3.5355339059327378
    """
    known = np.abs(errors[~np.isnan(errors)])
    largest = float(known.max(initial=0.0))
    if degrees <= 0:
        return math.nan
    return largest * math.sqrt(float(np.sum((known / largest) ** 2)) / degrees) if largest > 0 else 0.0


def power_of_two(values: Floats) -> float:
    """The largest power of two that is not above the largest size among the values; 1 where all are zero or missing.

    Dividing by it costs no digit, and keeps squares and sums of what is left in the range of floats.

    >>> power_of_two(np.array([3.0, np.nan, -5.0])), power_of_two(np.array([0.0]))
    (4.0, 1.0)
    """
    largest = float(np.abs(values[~np.isnan(values)]).max(initial=0.0))
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest > 0 else 1.0


def normal_quantiles(mean: Floats, deviation: Floats, probabilities: Floats) -> Floats:
    """(probabilities, horizon) quantiles of independent normal distributions with the given means and standard deviations."""
    z = np.array([_NORMAL.inv_cdf(p) for p in probabilities])
    return np.asarray(mean + z[:, None] * deviation)


def student_quantiles(mean: Floats, deviation: Floats, degrees: float, probabilities: Floats) -> Floats:
    """The same for Student's t with `degrees` of freedom: a mean estimated with an unknown variance."""
    from scipy.special import stdtrit

    return np.asarray(mean + stdtrit(degrees, probabilities)[:, None] * deviation)


def conformal_radii(errors: Floats, levels: Sequence[float], adaptive: bool = False) -> tuple[Floats, str]:
    """(2 · levels, horizon) what to add to the mean for each lower and upper bound, and the kind: "conformal", "normal" or "conformal and normal".

    errors: (origins, horizon), the earliest origin first, NaN = not known.   adaptive: levels learn from hits and misses; the kind is "adaptive".
    A step with fewer than 8 errors borrows the radius of the last step that has as many (the first step, where none has), grown by
    √steps as in a random walk: "normal".   Raises ForecastError where no error is known for the first step, or a single one of zero.
    """
    sizes = np.sort(np.abs(errors), axis=0)  # NaN last
    counts = np.sum(~np.isnan(sizes), axis=0)
    if counts[0] == 0:
        raise ForecastError("The series is too short to judge errors by its last part, so no interval is known.")
    steps = np.arange(errors.shape[1])
    lender = np.maximum.accumulate(np.where(counts >= FEWEST, steps, 0))  # the step whose radius each step takes
    own = lender == steps
    sizes, counts = sizes[:, own], counts[own]
    largest = sizes[counts - 1, np.arange(len(counts))]
    if counts[0] == 1 and largest[0] == 0:
        raise ForecastError("One error, of zero, says nothing of the size of errors to come, so no interval is known.")
    root_mean_square = largest * np.sqrt(np.nansum((sizes / np.where(largest > 0, largest, 1.0)) ** 2, axis=0) / counts)
    wanted = adapted_levels(np.abs(errors)[:, own], levels, steps[own]) if adaptive else np.array(levels)[:, None]  # (levels, steps)
    ranks = np.maximum(np.ceil((counts + 1) * wanted - 1e-9), 1).astype(np.int64)  # 20 · 0.55 is 11, not a little more
    known = ranks <= counts
    z = np.array([[-_NORMAL.inv_cdf((1 - level) / 2)] for level in levels])
    beyond = np.maximum(largest, z * root_mean_square)  # never narrower than the interval of a lower level, whichever others are asked for
    radii = np.where(known, np.take_along_axis(sizes, np.clip(ranks, 1, counts) - 1, axis=0), beyond)
    radii = radii[:, np.cumsum(own) - 1] * np.sqrt((steps + 1) / (lender + 1))
    kinds = ["adaptive" if adaptive else "conformal"] * bool(known.any()) + ["normal"] * bool(not known.all() or not own.all())
    return np.stack([-radii, radii], axis=1).reshape(2 * len(levels), len(steps)), " and ".join(kinds)


def adapted_levels(sizes: Floats, levels: Sequence[float], ahead: Offsets) -> Floats:
    """(levels, steps) the levels a that adaptive conformal inference arrives at, rising with the levels asked for.

    sizes: (origins, steps) absolute errors, NaN = not known.   ahead: (steps,) how many steps after the first each column is; the error of a
    forecast made h steps ahead is known only h steps later.

    >>> errors = np.concatenate([np.linspace(0.1, 1, 40), np.linspace(0.2, 2, 40)])[:, None]  # twice as large in the second half
    >>> bool(adapted_levels(errors, [0.8], np.array([0]))[0, 0] > 0.8)
    True
    """
    a = np.repeat(GRID[:, None], sizes.shape[1], axis=1)
    for column, steps in enumerate(ahead.tolist()):
        for t in range(FEWEST + steps, len(sizes)):
            size = sizes[t, column]
            past = sizes[: t - steps, column]
            past = np.sort(past[~np.isnan(past)])
            if np.isnan(size) or len(past) < FEWEST:
                continue
            rank = np.ceil((len(past) + 1) * a[:, column] - 1e-9).astype(np.int64)
            radius = np.where(rank > len(past), np.inf, np.where(rank < 1, -np.inf, past[np.clip(rank, 1, len(past)) - 1]))
            a[1:-1, column] += (RATE * (GRID - (size <= radius)))[1:-1]
    a = np.maximum.accumulate(a, axis=0)
    return np.stack([np.interp(levels, GRID, a[:, column]) for column in range(sizes.shape[1])], axis=1)
