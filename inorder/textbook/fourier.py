"""Fourier terms and the spectrum, written out: turn once per period, and compare the series with each turning wave."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def fourier_terms(position: ArrayLike, period: float, order: int) -> Floats:
    """(time, 2 · order) sin(2π·k·position/period), cos(2π·k·position/period) for k = 1 … order.

    >>> fourier_terms([0, 3], 12, 1).round(12).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    position = np.asarray(position, dtype=np.float64)
    table = np.empty((len(position), 2 * order))
    for row, t in enumerate(position):
        for k in range(1, order + 1):
            table[row, 2 * k - 2] = math.sin(2 * math.pi * k * t / period)
            table[row, 2 * k - 1] = math.cos(2 * math.pi * k * t / period)
    return table


def without_line(y: ArrayLike) -> Floats:
    """What is left of y after the straight line a + b·t that fits it best.

    >>> without_line([1, 2, 3]).round(12).tolist()
    [0.0, 0.0, 0.0]
    """
    y = np.asarray(y, dtype=np.float64)
    n = len(y)
    middle, mean = (n - 1) / 2, sum(y) / n
    steepness = sum((t - middle) * (y[t] - mean) for t in range(n)) / max(sum((t - middle) ** 2 for t in range(n)), 1e-300)
    return np.array([y[t] - mean - steepness * (t - middle) for t in range(n)])


def periodogram(y: ArrayLike, rate: float = 1.0) -> tuple[Floats, Floats]:
    """Frequencies k·rate/n in cycles per unit, and the power at each: the part of the variance around a straight line that it carries.

        power = (c² + s²)·2/n²,  c = Σ y[t]·cos(2π·k·t/n),  s = Σ y[t]·sin(2π·k·t/n)        half of it at the highest frequency of an even n

    >>> periodogram([0.1, 0.8, 0.2], rate=100)[0].round(1).tolist()
    [33.3]
    """
    rest = without_line(y)
    n = len(rest)
    frequency, power = [], []
    for k in range(1, n // 2 + 1):
        c = sum(rest[t] * math.cos(2 * math.pi * k * t / n) for t in range(n))
        s = sum(rest[t] * math.sin(2 * math.pi * k * t / n) for t in range(n))
        frequency.append(k * rate / n)
        power.append((c * c + s * s) / n**2 * (1 if 2 * k == n else 2))
    return np.array(frequency), np.array(power)


def share_explained(y: ArrayLike, period: float) -> float:
    """The part of the variance around a straight line that the best a·cos(2π·t/period) + b·sin(2π·t/period) explains, by the normal equations.

    >>> round(share_explained(np.cos(np.arange(121) * 2 * np.pi / 12), 12), 3)
    1.0
    """
    rest = without_line(y)
    c = np.array([math.cos(2 * math.pi * t / period) for t in range(len(rest))])
    s = np.array([math.sin(2 * math.pi * t / period) for t in range(len(rest))])
    a, b = np.linalg.solve([[c @ c, c @ s], [c @ s, s @ s]], [c @ rest, s @ rest])
    wave = a * c + b * s
    return float(1 - np.sum((rest - wave) ** 2) / np.sum(rest**2))


def fisher_g(g: float, count: int) -> float:
    """P(largest of `count` powers of white noise > g of their sum) = Σⱼ (−1)^(j−1)·C(count, j)·(1 − j·g)^(count − 1), exactly, in fractions.

    >>> fisher_g(0.5, 5)
    0.3125
    """
    share, total = Fraction(g), Fraction(0)
    for j in range(1, count + 1):
        if j * share < 1:
            total += (-1) ** (j - 1) * math.comb(count, j) * (1 - j * share) ** (count - 1)
    return float(total)
