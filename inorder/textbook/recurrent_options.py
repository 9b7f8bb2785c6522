"""What is added to recurrent cells so that they train better: normalisation, dropout in the recurrence, zoneout, peepholes and the like.

    layer norm          a ← (a − mean a) / √(var a + ε) · scale + shift            each gate's summed input by itself
    recurrent dropout   the product sees drop ⊙ h instead of h                     one mask for all steps of a sequence
    zoneout             h ← hold ⊙ h_before + (1 − hold) ⊙ h                       a new mask at every step; its mean in use
    peepholes           i and f see p ⊙ c_before, o sees p ⊙ c
    coupled gates       i = 1 − f
    projection          h ← P·h

The plain steps stand in `recurrent`; these are the same cells with everything that `inorder.nn` offers.

Sources: Ba, Kiros & Hinton 2016, eq. 3, on each gate; Gal & Ghahramani 2016; Krueger et al. 2017, eq. 4; Gers & Schmidhuber 2000;
Greff et al. 2017; Sak, Senior & Beaufays 2014; Cho et al. 2014.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from inorder.textbook.recurrent import Array, GRUWeights, Hidden, Input, LSTMState, LSTMWeights, RNNWeights, sigmoid

EPSILON = 1e-5


class Norm(NamedTuple):
    """scale, shift: (gates·hidden,).   cell_scale, cell_shift: (hidden,), of an LSTM's cell."""

    scale: Array
    shift: Array
    cell_scale: Array | None = None
    cell_shift: Array | None = None


class Options(NamedTuple):
    """drop: (..., hidden) factors.   hold, hold_cell: (..., hidden) shares that stay.   peepholes: (3, hidden) of i, f, o, or (2, hidden) of f, o.
    projection: (output, hidden).   None, or False: without."""

    norm: Norm | None = None
    drop: Array | None = None
    hold: Array | float = 0.0
    hold_cell: Array | float = 0.0
    peepholes: Array | None = None
    coupled: bool = False
    projection: Array | None = None


NONE = Options()  # the plain cell


def layer_norm(a: Array, scale: Array, shift: Array) -> Array:
    """The numbers of the last axis with mean 0 and variance 1, then scaled and shifted.

    >>> layer_norm(np.array([1.0, 3.0]), np.array([1.0, 1.0]), np.array([0.0, 10.0])).round(3).tolist()
    [-1.0, 11.0]
    """
    centred = a - a.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    return np.asarray(centred / deviation * scale + shift)


def zoneout(fresh: Hidden, before: Hidden, hold: Array | float) -> Hidden:
    """hold ⊙ before + (1 − hold) ⊙ fresh.

    >>> zoneout(np.array([1.0, 1.0]), np.array([5.0, 5.0]), np.array([1.0, 0.0])).tolist()
    [5.0, 1.0]
    """
    return np.asarray(hold * before + (1 - hold) * fresh)


def _entering(h: Hidden, drop: Array | None) -> Hidden:
    return h if drop is None else h * drop


def _gate(a: Array, k: int, gates: int, norm: Norm | None) -> Array:
    """One gate's summed input, normalised where there is a norm."""
    if norm is None:
        return a
    return layer_norm(a, np.split(norm.scale, gates)[k], np.split(norm.shift, gates)[k])


def rnn_step(x: Input, h: Hidden, weights: RNNWeights, options: Options = NONE, activation: str = "tanh") -> Hidden:
    """h ← tanh(W·x + U·h̃ + b), or relu, with options.

    >>> rnn_step(np.array([2.0]), np.array([4.0]), RNNWeights(np.array([[1.0]]), np.array([[0.5]]), np.array([0.0])), Options(hold=0.5), "relu").tolist()
    [4.0]
    """
    a = x @ weights.input_weights.T + _entering(h, options.drop) @ weights.hidden_weights.T + weights.bias
    a = _gate(a, 0, 1, options.norm)
    return zoneout(np.tanh(a) if activation == "tanh" else np.maximum(a, 0.0), h, options.hold)


def lstm_step(x: Input, state: LSTMState, weights: LSTMWeights, options: Options = NONE) -> LSTMState:
    """The step of `recurrent.lstm_step` with options; coupled gates are stacked f, g, o.

    >>> idle = LSTMWeights(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3))            # f, g, o: both gates at one half, nothing new
    >>> lstm_step(np.array([1.0]), LSTMState(np.array([0.0]), np.array([2.0])), idle, Options(coupled=True)).cell.tolist()
    [1.0]
    """
    gates = 3 if options.coupled else 4
    a = np.split(x @ weights.input_weights.T + _entering(state.hidden, options.drop) @ weights.hidden_weights.T + weights.bias, gates, axis=-1)
    a = [_gate(part, k, gates, options.norm) for k, part in enumerate(a)]
    peepholes = np.zeros((3, state.cell.shape[-1])) if options.peepholes is None else np.asarray(options.peepholes)
    f = sigmoid(a[-3] + peepholes[-2] * state.cell)
    i = 1 - f if options.coupled else sigmoid(a[0] + peepholes[0] * state.cell)
    cell = zoneout(f * state.cell + i * np.tanh(a[-2]), state.cell, options.hold_cell)
    o = sigmoid(a[-1] + peepholes[-1] * cell)
    shown = cell
    if options.norm is not None and options.norm.cell_scale is not None and options.norm.cell_shift is not None:
        shown = layer_norm(cell, options.norm.cell_scale, options.norm.cell_shift)
    hidden = o * np.tanh(shown)
    if options.projection is not None:
        hidden = hidden @ options.projection.T
    return LSTMState(zoneout(hidden, state.hidden, options.hold), cell)


def gru_step(x: Input, h: Hidden, weights: GRUWeights, options: Options = NONE, reset_after: bool = True) -> Hidden:
    """The step of `recurrent.gru_step` with options.

    >>> idle = GRUWeights(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3), np.zeros(3))     # both gates at one half, nothing new
    >>> gru_step(np.array([1.0]), np.array([2.0]), idle, Options(hold=0.5)).tolist()
    [1.5]
    """
    entering = _entering(h, options.drop)
    xr, xz, xn = np.split(x @ weights.input_weights.T + weights.bias, 3, axis=-1)
    ur, uz, un = np.split(weights.hidden_weights, 3)
    cr, cz, cn = np.split(weights.hidden_bias, 3)
    r = sigmoid(_gate(xr + entering @ ur.T + cr, 0, 3, options.norm))
    z = sigmoid(_gate(xz + entering @ uz.T + cz, 1, 3, options.norm))
    past = r * (entering @ un.T + cn) if reset_after else (r * entering) @ un.T + cn
    n = np.tanh(_gate(xn + past, 2, 3, options.norm))
    return zoneout((1 - z) * n + z * h, h, options.hold)
