"""The hybrid of exponential smoothing and a dilated LSTM, one window at a time and step by step.

    ℓ[t]   = ℓ[t−1] + α·(x[t] − s[t] − ℓ[t−1])                        nothing moves where x[t] is missing
    s[t+m] = s[t] + γ·(x[t] − s[t] − ℓ[t])
    d[t]   = x[t−k] − s[t−k] − ℓ[t]   for the last values, oldest first; 0, and flagged, where there are none
    x̂[t+h] = ℓ[t] + s[t+h] + C·tanh(B·h[t] + b) + c,   h = dilated LSTM of d

The level before the first value is the mean of the first m values less their season.

Source: Smyl 2020, A hybrid method of exponential smoothing and recurrent neural networks for time series forecasting, §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inorder.textbook.recurrent import LSTMWeights, lstm_step

Array = NDArray[np.float64]


class ESRNNWeights(NamedTuple):
    """alpha, gamma: of the series.   season: (m,) of the first m steps of the window.   seen: how many last values the network sees.
    layers: of the LSTM, with their dilations, in groups: a group after the first adds its input to its output.   mix, head: (weights, bias)."""

    alpha: float
    gamma: float
    season: Array
    seen: int
    layers: Sequence[Sequence[tuple[int, LSTMWeights]]]
    mix: tuple[Array, Array]
    head: tuple[Array, Array]


def smooth(x: Array, alpha: float, gamma: float, season: Array) -> tuple[Array, Array]:
    """(time,) levels and (time + m,) seasons.   x: (time,) NaN = missing.   season: (m,).

    >>> level, season = smooth(np.array([1.0, 5.0]), 0.5, 0.5, np.array([-1.0, 1.0]))
    >>> level.tolist(), season.tolist()
    ([2.5, 3.25], [-1.0, 1.0, -1.25, 1.375])
    """
    m, seasons, levels = len(season), list(season), []
    first = [value - s for value, s in zip(x[:m], season, strict=False) if not np.isnan(value)]
    level = float(np.mean(first)) if first else 0.0
    for t, value in enumerate(x):
        known = not np.isnan(value)
        level = level + alpha * (value - seasons[t] - level) if known else level
        levels.append(level)
        seasons.append(seasons[t] + gamma * (value - seasons[t] - level) if known else seasons[t])
    return np.array(levels), np.array(seasons)[: len(x) + m]


def dilated_lstm(inputs: Sequence[Array], weights: LSTMWeights, dilation: int) -> list[Array]:
    """Outputs of a layer that takes its state from `dilation` steps before."""
    states = [weights.init() for _ in range(dilation)]
    outputs = []
    for t, x in enumerate(inputs):
        output, states[t % dilation] = lstm_step(x, states[t % dilation], weights)
        outputs.append(output)
    return outputs


def es_rnn(x: Array, weights: ESRNNWeights, horizon: int) -> Array:
    """(time, horizon) the forecasts after every step.   x: (time,) NaN = missing."""
    level, season = smooth(x, weights.alpha, weights.gamma, weights.season)
    m, inputs = len(weights.season), []
    for t in range(len(x)):
        last = [t - k for k in reversed(range(weights.seen))]
        known = [place >= 0 and not np.isnan(x[place]) for place in last]
        rest = [x[place] - season[place] - level[t] if there else 0.0 for place, there in zip(last, known, strict=True)]
        inputs.append(np.array(rest + [0.0 if there else 1.0 for there in known]))
    hidden: list[Array] = inputs
    for number, group in enumerate(weights.layers):
        before = hidden
        for dilation, layer in group:
            hidden = dilated_lstm(hidden, layer, dilation)
        hidden = [h + b for h, b in zip(hidden, before, strict=True)] if number else hidden
    forecasts = np.empty((len(x), horizon))
    for t, h in enumerate(hidden):
        said = weights.head[0] @ np.tanh(weights.mix[0] @ h + weights.mix[1]) + weights.head[1]
        for step in range(horizon):
            forecasts[t, step] = level[t] + season[t + 1 + step % m] + said[step]
    return forecasts
