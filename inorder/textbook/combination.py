"""Combining forecasts: the arithmetic, written out.

    mean       Σ f[i] / k                    median     the middle one
    trimmed    the mean without the smallest and the largest          weights    Σ w[i]·f[i] / Σ w[i]

    w[i] ∝ (least error / error[i])^(2·windows)

Weights are those of a likelihood: if the errors of member i are about as large as error[i], and each of the windows forecast counts as two
independent errors, its density at what came is proportional to error[i]^(−2·windows).

    log c = (log(1 + 2/√n) + windows·log r) / (1 + windows),    r = (80 % quantile of |error| / half the 80 % interval)

c widens the intervals as far as the held-out errors ask for, drawn towards 1 + 2/√n, n the rows, as far as one more window would.
Tails are those of Student's t with 5 degrees of freedom: the bound at probability p moves from the median by c·τ(p) of its distance,
τ(p) = (t₅(p)/t₅(0.9)) / (z(p)/z(0.9)).

Source: Bates & Granger 1969, The combination of forecasts; Clemen 1989; Petropoulos & Svetunkov 2020, A simple combination of univariate models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

PRIOR = 2.0
BOUNDS = (0.2, 5.0)


def combine(values: Sequence[float], how: str, weights: Sequence[float]) -> float:
    """One number of several; NaN among them is left out.

    >>> combine([1.0, 2.0, 9.0], "median", [1, 1, 1]), combine([1.0, 2.0, 9.0, 4.0], "trimmed", [1, 1, 1, 1])
    (2.0, 3.0)
    """
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if not math.isnan(value)]
    if not known:
        return math.nan
    ordered = sorted(value for value, _ in known)
    count = len(ordered)
    if how == "median":
        return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    if how == "trimmed":
        ordered = ordered[1:-1] if count > 2 else ordered
        return sum(ordered) / len(ordered)
    if how == "mean":
        return sum(ordered) / count
    total = sum(weight for _, weight in known)
    if total == 0:
        return sum(ordered) / count
    return sum(value * weight for value, weight in known) / total


def weights_of_errors(errors: Sequence[float], windows: float) -> list[float]:
    """Weights that sum to 1, from the mean absolute error of each member over that many windows.

    >>> weights_of_errors([1.0, 2.0], 0.5)
    [0.6666666666666666, 0.3333333333333333]
    """
    least = min(errors)
    shares = [1.0 if error == least else (least / error) ** (2 * windows) for error in errors]
    return [share / sum(shares) for share in shares]


def interval_scale(ratios: Sequence[float], windows: float, rows: int) -> float:
    """c, from the sizes of held-out errors as multiples of half the 80 % interval.

    >>> interval_scale([0.5, 1.0, 1.5, 2.0, 4.0], 0.0, 16), round(interval_scale([1.0] * 9, 1.0, 16), 4)
    (1.5, 1.2247)
    """
    ordered = sorted(ratio for ratio in ratios if math.isfinite(ratio))
    prior = 1 + PRIOR / math.sqrt(rows)
    if not ordered:
        return prior
    place = 0.8 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    ratio = ordered[below] + (place - below) * (ordered[above] - ordered[below])
    ratio = min(max(ratio, BOUNDS[0]), BOUNDS[1])
    return math.exp((math.log(prior) + windows * math.log(ratio)) / (1 + windows))
