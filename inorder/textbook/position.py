"""Positions: how a layer that looks at all steps at once learns which comes when.

    sinusoidal   x[t] + P[t]            P[t, 2i] = sin(t·ω_i),  P[t, 2i+1] = cos(t·ω_i),  ω_i = base^(−2i/features)
    rotary       R(t)·x[t]              the pair (x[2i], x[2i+1]) is turned by the angle t·ω_i, so that ⟨R(s)·q, R(t)·k⟩ depends on t − s alone

Sources: Vaswani et al. 2017, §3.5 (sinusoidal); Su et al. 2021, RoFormer, eq. 15 and 34 (rotary; neighbours make a pair, as there).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
BASE = 10_000.0  # wavelengths run from 2π to 2π·base


def sinusoidal(positions: Array, features: int, base: float = BASE) -> Array:
    """Sines and cosines of each position.   positions: (...,), the first step is 0.   features: an even number.   Returns (..., features).

    >>> sinusoidal(np.array([0.0, 1.0]), 4).round(4).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.01, 1.0]]
    """
    table = np.empty((*np.shape(positions), features))
    for i in range(features // 2):
        angle = positions * base ** (-2 * i / features)
        table[..., 2 * i], table[..., 2 * i + 1] = np.sin(angle), np.cos(angle)
    return table


def rotate(x: Array, positions: Array, base: float = BASE) -> Array:
    """Every pair of neighbouring features turned by the angle of its position.   x: (..., time, features).   positions: (time,).

    >>> rotate(np.array([[1.0, 0.0]]), np.array([np.pi / 2])).round(4).tolist()             # a quarter turn
    [[0.0, 1.0]]
    """
    features = x.shape[-1]
    turned = np.empty(x.shape)
    for t, position in enumerate(positions):
        for i in range(features // 2):
            angle = position * base ** (-2 * i / features)
            a, b = x[..., t, 2 * i], x[..., t, 2 * i + 1]
            turned[..., t, 2 * i] = a * np.cos(angle) - b * np.sin(angle)
            turned[..., t, 2 * i + 1] = a * np.sin(angle) + b * np.cos(angle)
    return turned
