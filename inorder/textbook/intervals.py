"""Quantiles and conformal radii from their definitions.

    normal      Φ(x) = (1 + erf(x/√2)) / 2
    Student     F(x) by its finite series for whole degrees of freedom
    conformal   the k-th smallest absolute error, k = ⌈(n + 1)·level⌉

A quantile is found by halving an interval that holds it.

Source: Abramowitz & Stegun 1964, Handbook of Mathematical Functions, 26.7.3, 26.7.4; Lei et al. 2018, Distribution-free predictive
inference for regression, §2.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def halve(cumulative: Callable[[float], float], p: float) -> float:
    """The x at which a rising function passes p."""
    low, high = -1.0, 1.0
    while cumulative(low) > p:
        low *= 2
    while cumulative(high) < p:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if cumulative(middle) < p else (low, middle)
    return (low + high) / 2


def normal_quantile(p: float) -> float:
    """
    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    return halve(lambda x: math.erfc(-x / math.sqrt(2)) / 2, p)


def student_quantile(p: float, degrees: int) -> float:
    """
    >>> round(student_quantile(0.975, 4), 6)
    2.776445
    """
    return halve(lambda x: student_cumulative(x, degrees), p)


def student_cumulative(x: float, degrees: int) -> float:
    """Student's distribution function for a whole number of degrees of freedom.

    With θ = arctan(x/√ν), the probability of lying within ±x is

        odd ν     2/π · (θ + sin θ·(cos θ + 2/3·cos³θ + … + 2·4…(ν−3)/(3·5…(ν−2))·cos^(ν−2) θ))
        even ν    sin θ · (1 + 1/2·cos²θ + 1·3/(2·4)·cos⁴θ + … + 1·3…(ν−3)/(2·4…(ν−2))·cos^(ν−2) θ)

    >>> student_cumulative(0.0, 3), round(student_cumulative(1.0, 1), 6)
    (0.5, 0.75)
    """
    theta = math.atan(x / math.sqrt(degrees))
    cosine, sine = math.cos(theta), math.sin(theta)
    term, total = (cosine, 0.0) if degrees % 2 else (1.0, 0.0)
    k = 1 if degrees % 2 else 0  # the power of cos θ in `term`
    while k <= degrees - 2:
        total += term
        term *= cosine**2 * (k + 1) / (k + 2)
        k += 2
    within = 2 / math.pi * (theta + sine * total) if degrees % 2 else sine * total
    return (1 + within) / 2


def conformal_radius(errors: Sequence[float], level: float) -> float:
    """The radius that holds a new error with probability `level`, where the order of the errors means nothing.

    With too few errors for the level: the larger of the largest error and z·√(mean error²).

    >>> conformal_radius([0.5, -2.0, 1.0, -1.5], 0.6)
    1.5
    """
    sizes = sorted(abs(error) for error in errors)
    rank = math.ceil((len(sizes) + 1) * level - 1e-9)  # a product that rounding left a little above a whole number is that number
    if rank <= len(sizes):
        return sizes[rank - 1]
    return max(sizes[-1], normal_quantile((1 + level) / 2) * math.sqrt(sum(size**2 for size in sizes) / len(sizes)))


def adaptive_level(errors: Sequence[float], level: float, rate: float, fewest: int) -> float:
    """The level at which adaptive conformal inference arrives, over errors one step ahead in the order of their origins.

        a ← a + rate·(level − hit)

    From the `fewest`-th error on: a hit is an error not larger than the radius of the level a, taken from the errors before it.

    >>> adaptive_level([1.0, 2.0, 3.0, 2.5], 0.5, rate=0.1, fewest=3)
    0.55
    """
    a = level
    for t in range(fewest, len(errors)):
        sizes = sorted(abs(error) for error in errors[:t])
        rank = math.ceil((len(sizes) + 1) * a - 1e-9)
        radius = math.inf if rank > len(sizes) else -math.inf if rank < 1 else sizes[rank - 1]
        a += rate * (level - (abs(errors[t]) <= radius))
    return a
