"""STL, written out: a series taken apart by local regressions.

A loess curve at one place is a straight line (degree 1) or a mean (degree 0) fitted to the `window` nearest observations with weights

    w = (1 − (distance / h)³)³          h: distance of the farthest of them

where weights within 0.1 % of the centre count as 1 and those within 0.1 % of the edge as 0. A window of q that finds only n < q points
reaches (q − n) // 2 further. No slope is fitted where the weighted spread of the places is under 0.1 % of the whole range.

Source: Cleveland, Cleveland, McRae & Terpenning 1990, STL: a seasonal-trend decomposition procedure based on loess, Journal of Official
Statistics 6; the small print is that of the authors' Fortran program.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def stl(
    y: ArrayLike,
    season_length: int,
    windows: Sequence[int],
    degrees: Sequence[int] = (1, 1, 1),
    jumps: Sequence[int] = (1, 1, 1),
    inner: int = 2,
    outer: int = 0,
) -> tuple[Floats, Floats, Floats]:
    """Trend, seasonal and weights, (time,) each.

    windows, degrees, jumps: of the curves through the cycle-subseries, the trend and the low-pass filter; a first window of 0 is a
    season that repeats.   inner, outer: rounds.   y: NaN = missing, with an observation at every place of the season.

    >>> trend, seasonal, weights = stl([0, 3, 1, 4, 2, 5, 3, 6], 2, (7, 7, 3))
    >>> trend.round(6).tolist(), seasonal.round(6).tolist()[:2]
    ([1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.25, 4.75], [-1.25, 1.25])
    """
    y = np.asarray(y, dtype=np.float64)
    n, m = len(y), season_length
    trend, seasonal, weights = np.zeros(n), np.zeros(n), np.where(np.isnan(y), 0.0, 1.0)
    for round_ in range(outer + 1):
        for _ in range(inner):
            cycle = np.zeros(n + 2 * m)
            for place in range(m):
                cycle[place::m] = continued(y[place::m] - trend[place::m], weights[place::m], windows[0], degrees[0], jumps[0])
            low = moving_average(moving_average(moving_average(cycle, m), m), 3)
            seasonal = cycle[m : m + n] - loess(low, np.ones(n), windows[2], degrees[2], jumps[2])
            trend = loess(y - seasonal, weights, windows[1], degrees[1], jumps[1])
        if round_ < outer:
            weights = bisquare(y - trend - seasonal)
    if windows[0] == 0:
        seasonal = np.array([np.mean(seasonal[t % m :: m]) for t in range(n)])
    return trend, seasonal, weights


def continued(y: Floats, weights: Floats, window: int, degree: int, jump: int) -> Floats:
    """(rows + 2,) the curve of one cycle-subseries from one place before the first to one behind the last.

    >>> continued(np.array([1.0, 2.0, 3.0]), np.ones(3), 3, 1, 1).round(12).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    if window == 0:
        known = ~np.isnan(y)
        each = weights[known] if weights[known].sum() > 0 else np.ones(int(known.sum()))
        return np.full(len(y) + 2, float(np.sum(each * y[known]) / np.sum(each)))
    curve = loess(y, weights, window, degree, jump)
    before, behind = (loess_at(y, weights, place, window, degree) for place in (-1, len(y)))
    return np.array([curve[0] if before is None else before, *curve, curve[-1] if behind is None else behind])


def loess(y: Floats, weights: Floats, window: int, degree: int, jump: int) -> Floats:
    """(rows,) the curve at every jump-th row and the last, straight lines between.

    Where all neighbours have the weight 0, the value itself; where it is missing, the curve without weights.
    """
    rows = sorted({*range(0, len(y), max(1, min(jump, len(y) - 1))), len(y) - 1})
    values = []
    for row in rows:
        value = loess_at(y, weights, row, window, degree)
        if value is None:
            value = loess_at(y, np.ones(len(y)), row, window, degree) if math.isnan(y[row]) else float(y[row])
        values.append(value)
    return np.interp(np.arange(len(y)), rows, np.array(values, dtype=np.float64))


def loess_at(y: Floats, weights: Floats, place: int, window: int, degree: int) -> float | None:
    """The curve at one place; None where no neighbour has a weight.

    >>> loess_at(np.array([1.0, 2.0, 9.0, 4.0]), np.array([1.0, 1.0, 0.0, 1.0]), 2, 4, 1).__round__(12)
    3.0
    """
    known = np.flatnonzero(~np.isnan(y))
    nearest = np.sort(sorted(known.tolist(), key=lambda t: (abs(t - place), t))[:window])
    distance = np.abs(nearest - place)
    h = distance.max() + max(window - len(known), 0) // 2
    w = np.where(distance <= 0.001 * h, 1.0, np.where(distance <= 0.999 * h, (1 - (distance / h) ** 3) ** 3, 0.0)) * weights[nearest]
    if not w.sum() > 0:
        return None
    w = w / w.sum()
    centre = float(np.sum(w * nearest))
    variance = float(np.sum(w * (nearest - centre) ** 2))
    slope = 0.0
    if degree == 1 and math.sqrt(variance) > 0.001 * (len(y) - 1):
        slope = float(np.sum(w * (nearest - centre) * y[nearest])) / variance
    return float(np.sum(w * y[nearest])) + slope * (place - centre)


def moving_average(x: Floats, width: int) -> Floats:
    """(rows − width + 1,) means of `width` neighbours.

    >>> moving_average(np.array([1.0, 2.0, 3.0, 7.0]), 2).tolist()
    [1.5, 2.5, 5.0]
    """
    return np.array([np.mean(x[i : i + width]) for i in range(len(x) - width + 1)])


def bisquare(remainder: Floats) -> Floats:
    """(1 − (|r| / 6·median|r|)²)², 0 for outliers and what is missing; all 1 where the median is 0.

    >>> bisquare(np.array([1.0, -1.0, 3.0, 9.0, np.nan])).round(4).tolist()
    [0.9862, 0.9862, 0.8789, 0.1914, 0.0]
    """
    size = np.abs(remainder)
    limit = 6 * float(np.median(size[~np.isnan(size)]))
    if limit == 0:
        return np.where(np.isnan(size), 0.0, 1.0)
    share = size / limit
    w = np.where(share <= 0.001, 1.0, np.where(share <= 0.999, (1 - share**2) ** 2, 0.0))
    return np.where(np.isnan(size), 0.0, w)
