"""N-HiTS, one window at a time: what each block sees, takes away and adds.

    pooled[k] = max of the k-th `pool` values of the residual
    a         = relu(A₂·relu(A₁·(pooled, beside) + b₁) + b₂)
    back      = B·a + c            residual ← residual − back
    θ         = C·a + d            ŷ ← ŷ + straight lines through θ

Source: Challu, Olivares, Oreshkin, Ramírez, Canseco & Dubrawski 2023, N-HiTS, §3; Oreshkin, Carpov, Chapados & Bengio 2020, N-BEATS, §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class BlockWeights(NamedTuple):
    """layers: (weights, bias) of each layer of the perceptron.   backcast, ahead: (weights, bias).   pool: values in one maximum."""

    layers: Sequence[tuple[Array, Array]]
    backcast: tuple[Array, Array]
    ahead: tuple[Array, Array]
    pool: int


def max_pool(x: Array, pool: int) -> Array:
    """The maximum of each `pool` values in turn; the last stretch may be shorter.

    >>> max_pool(np.array([1.0, 4.0, 2.0, 0.0, 3.0]), 2).tolist()
    [4.0, 2.0, 3.0]
    """
    return np.array([x[k : k + pool].max() for k in range(0, len(x), pool)])


def interpolate(knots: Array, horizon: int) -> Array:
    """(horizon,) straight lines through knots that lie at the middles of equal stretches of the horizon; level before the first and after the last.

    >>> interpolate(np.array([0.0, 4.0]), 4).tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    width = horizon / len(knots)
    places = [(k + 0.5) * width - 0.5 for k in range(len(knots))]
    values = np.empty(horizon)
    for h in range(horizon):
        right = next((k for k, place in enumerate(places) if place >= h), len(knots))
        if right in (0, len(knots)):
            values[h] = knots[min(right, len(knots) - 1)]
        else:
            share = (h - places[right - 1]) / (places[right] - places[right - 1])
            values[h] = (1 - share) * knots[right - 1] + share * knots[right]
    return values


def block(residual: Array, beside: Array, weights: BlockWeights, horizon: int) -> tuple[Array, Array]:
    """What one block explains of the window, (window,), and adds to the forecast, (horizon,)."""
    a = np.concatenate([max_pool(residual, weights.pool), beside])
    for matrix, bias in weights.layers:
        a = np.maximum(matrix @ a + bias, 0.0)
    back = weights.backcast[0] @ a + weights.backcast[1]
    knots = weights.ahead[0] @ a + weights.ahead[1]
    return back, interpolate(knots, horizon)


def nhits(x: Array, beside: Array, blocks: Sequence[BlockWeights], horizon: int) -> Array:
    """(horizon,) the forecast of a window without missing values.   x: (window,).   beside: (features,) what stands beside it."""
    residual, forecast = x.copy(), np.zeros(horizon)
    for weights in blocks:
        back, ahead = block(residual, beside, weights, horizon)
        residual = residual - back
        forecast = forecast + ahead
    return forecast
