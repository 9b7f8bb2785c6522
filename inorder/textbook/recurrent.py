"""Recurrent layers: RNN, LSTM and GRU, one step at a time and over a whole sequence. Their gradients: `backpropagation`.

    outputₜ, stateₜ = step(xₜ, stateₜ₋₁, weights)            the same weights at every step: "unfolding"

Weights are stacked as PyTorch stores them: `input_weights` (gates·hidden, input), `hidden_weights` (gates·hidden, hidden).
PyTorch keeps two biases per gate; where only their sum matters, there is one here.

Sources: Elman 1990 (RNN); Hochreiter & Schmidhuber 1997 and, for the forget gate, Gers, Schmidhuber & Cummins 2000 (LSTM);
Cho et al. 2014, eq. 5-8 (GRU).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Input: TypeAlias = Array  # (..., input)
Hidden: TypeAlias = Array  # (..., hidden)


class RNNWeights(NamedTuple):
    """input_weights: (hidden, input).   hidden_weights: (hidden, hidden).   bias: (hidden,)."""

    input_weights: Array
    hidden_weights: Array
    bias: Array

    def init(self, batch: tuple[int, ...] = ()) -> Hidden:
        """The state before the first input: zeros, (*batch, hidden)."""
        return np.zeros((*batch, self.hidden_weights.shape[1]))


class LSTMState(NamedTuple):
    """hidden h, cell c: (..., hidden) both."""

    hidden: Hidden
    cell: Hidden


class LSTMWeights(NamedTuple):
    """input_weights: (4·hidden, input).   hidden_weights: (4·hidden, hidden).   bias: (4·hidden,).   Gates in the order i, f, g, o."""

    input_weights: Array
    hidden_weights: Array
    bias: Array

    def init(self, batch: tuple[int, ...] = ()) -> LSTMState:
        """The state before the first input: zeros."""
        zeros = np.zeros((*batch, self.hidden_weights.shape[1]))
        return LSTMState(zeros, zeros.copy())


class LSTMGates(NamedTuple):
    """The four gates of one step, (..., hidden) each, in the order in which their weights are stacked."""

    input_gate: Hidden
    forget_gate: Hidden
    candidate: Hidden
    output_gate: Hidden


class GRUWeights(NamedTuple):
    """input_weights: (3·hidden, input).   hidden_weights: (3·hidden, hidden).   bias, hidden_bias: (3·hidden,).   Gates in the order r, z, n."""

    input_weights: Array
    hidden_weights: Array
    bias: Array
    hidden_bias: Array

    def init(self, batch: tuple[int, ...] = ()) -> Hidden:
        """The state before the first input: zeros, (*batch, hidden)."""
        return np.zeros((*batch, self.hidden_weights.shape[1]))


class GRUGates(NamedTuple):
    """The gates of one step, (..., hidden) each, in the order in which their weights are stacked."""

    reset_gate: Hidden
    update_gate: Hidden
    candidate: Hidden


Step: TypeAlias = Callable[[Input, Any, Any], tuple[Hidden, Any]]  # (x, state, weights) -> (output, state)


def sigmoid(a: Array) -> Array:
    """σ(a) = 1 / (1 + e⁻ᵃ), as ½ + ½·tanh(a/2), which cannot overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * a))


def rnn_step(x: Input, state: Hidden, weights: RNNWeights, activation: str = "tanh") -> tuple[Hidden, Hidden]:
    """One step of a plain recurrent cell.

        h ← tanh(W·x + U·h + b)            or relu

    x: (..., input).   state h: (..., hidden).   activation: "tanh" or "relu".   Returns (h, h): output and state are the same.
    Raises ValueError for another activation.

    >>> half = RNNWeights(np.array([[1.0]]), np.array([[0.5]]), np.array([0.0]))
    >>> h, _ = rnn_step(np.array([2.0]), np.array([4.0]), half, activation="relu")
    >>> h.tolist()
    [4.0]
    """
    a = x @ weights.input_weights.T + state @ weights.hidden_weights.T + weights.bias
    h = _activate(a, activation)
    return h, h


def _activate(a: Array, activation: str) -> Array:
    if activation == "tanh":
        return np.asarray(np.tanh(a))
    if activation == "relu":
        return np.maximum(a, 0.0)
    raise ValueError(f'`activation` is "tanh" or "relu", not {activation!r}.')


def lstm_gates(x: Input, state: LSTMState, weights: LSTMWeights) -> LSTMGates:
    """The gates of one step, before they act on the cell; the equations stand in `lstm_step`.

    >>> gates = lstm_gates(np.array([1.0]), LSTMState(np.array([0.0]), np.array([0.0])), LSTMWeights(np.zeros((4, 1)), np.zeros((4, 1)), np.zeros(4)))
    >>> gates.forget_gate.tolist(), gates.candidate.tolist()
    ([0.5], [0.0])
    """
    a = x @ weights.input_weights.T + state.hidden @ weights.hidden_weights.T + weights.bias
    i, f, g, o = np.split(a, 4, axis=-1)
    return LSTMGates(sigmoid(i), sigmoid(f), np.asarray(np.tanh(g)), sigmoid(o))


def lstm_cell(gates: LSTMGates, cell: Hidden) -> Hidden:
    """c ← f ⊙ c + i ⊙ g: the only path in an LSTM on which nothing is squashed.

    >>> gates = LSTMGates(input_gate=np.array([0.5]), forget_gate=np.array([0.25]), candidate=np.array([1.0]), output_gate=np.array([1.0]))
    >>> lstm_cell(gates, np.array([2.0])).tolist()
    [1.0]
    """
    return gates.forget_gate * cell + gates.input_gate * gates.candidate


def lstm_step(x: Input, state: LSTMState, weights: LSTMWeights) -> tuple[Hidden, LSTMState]:
    """One step of a long short-term memory cell.

        i = σ(Wi·x + Ui·h + bi)        what to admit
        f = σ(Wf·x + Uf·h + bf)        what to keep of the old cell
        g = tanh(Wg·x + Ug·h + bg)     what is new
        o = σ(Wo·x + Uo·h + bo)        what to show
        c ← f ⊙ c + i ⊙ g
        h ← o ⊙ tanh(c)

    x: (..., input).   h, c: (..., hidden).   Returns (h, LSTMState(h, c)).
    Gates are stacked in the order i, f, g, o, as PyTorch stores them; no peepholes.

    >>> idle = LSTMWeights(np.zeros((4, 1)), np.zeros((4, 1)), np.zeros(4))         # all gates at one half, nothing new
    >>> h, state = lstm_step(np.array([1.0]), LSTMState(np.array([0.0]), np.array([2.0])), idle)
    >>> state.cell.tolist(), h.round(4).tolist()
    ([1.0], [0.3808])
    """
    gates = lstm_gates(x, state, weights)
    cell = lstm_cell(gates, state.cell)
    hidden = gates.output_gate * np.tanh(cell)
    return hidden, LSTMState(hidden, cell)


def gru_gates(x: Input, state: Hidden, weights: GRUWeights, reset_after: bool = True) -> GRUGates:
    """The gates of one step; the equations stand in `gru_step`.

    >>> gates = gru_gates(np.array([1.0]), np.array([0.0]), GRUWeights(np.zeros((3, 1)), np.zeros((3, 1)), np.array([0.0, 100.0, 0.0]), np.zeros(3)))
    >>> gates.reset_gate.tolist(), gates.update_gate.tolist()           # an update gate of 1 keeps everything
    ([0.5], [1.0])
    """
    xr, xz, xn = np.split(x @ weights.input_weights.T + weights.bias, 3, axis=-1)
    hr, hz, hn = np.split(state @ weights.hidden_weights.T + weights.hidden_bias, 3, axis=-1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    if reset_after:
        n = np.tanh(xn + r * hn)
    else:
        (_, _, un), (_, _, cn) = np.split(weights.hidden_weights, 3), np.split(weights.hidden_bias, 3)
        n = np.tanh(xn + (r * state) @ un.T + cn)
    return GRUGates(r, z, np.asarray(n))


def gru_step(x: Input, state: Hidden, weights: GRUWeights, reset_after: bool = True) -> tuple[Hidden, Hidden]:
    """One step of a gated recurrent unit.

        r = σ(Wr·x + br + Ur·h + cr)            how much of the past the candidate may use
        z = σ(Wz·x + bz + Uz·h + cz)            how much of the past stays
        n = tanh(Wn·x + bn + r ⊙ (Un·h + cn))   what is new, reset after the product
        h ← (1 − z) ⊙ n + z ⊙ h

    with `reset_after=False` instead    n = tanh(Wn·x + bn + Un·(r ⊙ h) + cn).
    Reset after the product is what PyTorch and cuDNN compute; reset before it is Cho et al. 2014. z *keeps*, as in both
    (in Chung et al. 2014 it replaces).   b is `bias`, c is `hidden_bias`.

    x: (..., input).   state h: (..., hidden).   Returns (h, h).

    >>> idle = GRUWeights(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3), np.zeros(3))     # both gates at one half, nothing new
    >>> gru_step(np.array([1.0]), np.array([2.0]), idle)[0].tolist()
    [1.0]
    """
    _, z, n = gru_gates(x, state, weights, reset_after)
    h = (1 - z) * n + z * state
    return h, h


def unroll(step: Step, x: Array, weights: Any, state: Any = None) -> tuple[Hidden, Any]:
    """A cell applied to a whole sequence, the same weights at every step.

        hₜ, stateₜ = step(xₜ, stateₜ₋₁, weights)     for t = 1 … time

    x: (..., time, input).   state: zeros where it is not given.   Returns (output, state): output (..., time, hidden), and the last state.
    Options of a cell go through `functools.partial(gru_step, reset_after=False)`.

    >>> from functools import partial
    >>> half = RNNWeights(np.array([[1.0]]), np.array([[0.5]]), np.array([0.0]))
    >>> output, state = unroll(partial(rnn_step, activation="relu"), np.array([[4.0], [0.0], [0.0]]), half)
    >>> output.ravel().tolist(), state.tolist()
    ([4.0, 2.0, 1.0], [1.0])
    """
    state = weights.init(x.shape[:-2]) if state is None else state
    outputs = np.empty((*x.shape[:-1], weights.hidden_weights.shape[1]))
    for t in range(x.shape[-2]):
        outputs[..., t, :], state = step(x[..., t, :], state, weights)
    return outputs, state


def unroll_states(step: Step, x: Array, weights: Any, state: Any = None) -> list[Any]:
    """Every state on the way, the first one included: time + 1 of them.

    >>> from functools import partial
    >>> half = RNNWeights(np.array([[1.0]]), np.array([[0.5]]), np.array([0.0]))
    >>> unroll_states(partial(rnn_step, activation="relu"), np.array([[4.0], [0.0]]), half)
    [array([0.]), array([4.]), array([2.])]
    """
    states = [weights.init(x.shape[:-2]) if state is None else state]
    for t in range(x.shape[-2]):
        states.append(step(x[..., t, :], states[-1], weights)[1])
    return states


GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def parameter_count(cell: str, inputs: int, hidden: int, *, layers: int = 1, bidirectional: bool = False, biases: int = 2) -> int:
    """How many numbers a recurrent layer learns.

        gates · hidden · (inputs + hidden + biases)        gates: RNN 1, GRU 3, LSTM 4

    summed over layers and directions; a higher layer's inputs are the outputs of the one below. biases: 2 in PyTorch, 1 in the equations, 0 for none.
    At equal sizes a GRU has exactly three quarters of the parameters of an LSTM.   Raises ValueError for another cell.

    >>> parameter_count("lstm", 10, 20), parameter_count("gru", 10, 20)
    (2560, 1920)
    """
    if cell not in GATES:
        raise ValueError(f"`cell` is one of {', '.join(GATES)}, not {cell!r}.")
    directions = 2 if bidirectional else 1
    widths = [inputs] + [directions * hidden] * (layers - 1)
    return sum(directions * GATES[cell] * hidden * (width + hidden + biases) for width in widths)


def default_weights(
    cell: str, inputs: int, hidden: int, generator: np.random.Generator, *, forget_bias: float | None = None
) -> RNNWeights | LSTMWeights | GRUWeights:
    """Weights drawn as PyTorch draws them: every number uniform between −1/√hidden and 1/√hidden, both biases too.

    forget_bias: for an LSTM, the (summed) bias of the forget gate instead of a drawn one; 1 is advised by Jozefowicz et al. 2015.
    Raises ValueError for another cell, and for a forget bias where there is no forget gate.

    >>> weights = default_weights("lstm", 3, 4, np.random.default_rng(0), forget_bias=1.0)
    >>> weights.bias[4:8].tolist(), bool(abs(weights.input_weights).max() <= 0.5)
    ([1.0, 1.0, 1.0, 1.0], True)
    """
    if cell not in GATES:
        raise ValueError(f"`cell` is one of {', '.join(GATES)}, not {cell!r}.")
    if forget_bias is not None and cell != "lstm":
        raise ValueError(f"`forget_bias` is {forget_bias:g}, but the cell {cell!r} has no forget gate.")
    bound, rows = hidden**-0.5, GATES[cell] * hidden
    w, u, b, c = (generator.uniform(-bound, bound, size) for size in ((rows, inputs), (rows, hidden), (rows,), (rows,)))
    if cell == "gru":
        return GRUWeights(w, u, b, c)
    bias = b + c
    if cell == "rnn":
        return RNNWeights(w, u, bias)
    if forget_bias is not None:
        bias[hidden : 2 * hidden] = forget_bias
    return LSTMWeights(w, u, bias)
