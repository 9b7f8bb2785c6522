"""Backpropagation through time: the walk of `recurrent.unroll`, backwards.

    ∂L/∂stateₜ₋₁ = (∂stateₜ/∂stateₜ₋₁)ᵀ · ∂L/∂stateₜ  +  what outputₜ₋₁ adds         for t = time … 1
    ∂L/∂weights  = Σₜ of what each step adds, since all steps share them

Each cell's step has a function that turns the gradients of its output and of its new state into those of its input, its weights and its old state.
∂x stands for ∂L/∂x in the equations, δ for the gradient of what goes into a gate's σ or tanh.

Sources: Werbos 1990, Backpropagation through time: what it does and how to do it; LSTM: Graves 2012, Supervised sequence labelling, §4.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np

from inorder.textbook.recurrent import (
    Array,
    GRUWeights,
    Hidden,
    Input,
    LSTMState,
    LSTMWeights,
    RNNWeights,
    Step,
    gru_gates,
    lstm_cell,
    lstm_gates,
    rnn_step,
    unroll_states,
)

W = TypeVar("W", RNNWeights, LSTMWeights, GRUWeights)


class Gradients(NamedTuple, Generic[W]):
    """The gradient of a loss: `input` is shaped like x, `weights` and `state` are records like those that they belong to."""

    input: Array
    weights: W
    state: Any


StepBackward: TypeAlias = Callable[[Input, Any, W, Hidden, Any], Gradients[W]]


def unroll_backward(
    step: Step, step_backward: StepBackward[W], x: Array, weights: W, output_gradient: Array, state: Any = None, state_gradient: Any = None
) -> Gradients[W]:
    """Backpropagation through time: the gradient of `unroll` with respect to inputs, weights and first state.

        for t = time … 1:   ∂L/∂xₜ, ∂L/∂weights (summed over t), ∂L/∂stateₜ₋₁ = step_backward(xₜ, stateₜ₋₁, …)

    output_gradient: ∂L/∂output, (..., time, hidden).   state_gradient: ∂L/∂(last state), zeros where it is not given.

    >>> from functools import partial
    >>> half = RNNWeights(np.array([[1.0]]), np.array([[0.5]]), np.array([0.0]))
    >>> relu, relu_backward = partial(rnn_step, activation="relu"), partial(rnn_step_backward, activation="relu")
    >>> gradients = unroll_backward(relu, relu_backward, np.ones((3, 1)), half, output_gradient=np.array([[0.0], [0.0], [1.0]]))
    >>> gradients.input.ravel().tolist()                                                     # 0.5² 0.5 1: older inputs count less
    [0.25, 0.5, 1.0]
    """
    states = unroll_states(step, x, weights, state)
    d_state = weights.init(x.shape[:-2]) if state_gradient is None else state_gradient
    d_input, d_weights = np.empty_like(x, dtype=np.float64), type(weights)(*(np.zeros_like(array, dtype=np.float64) for array in weights))
    for t in reversed(range(x.shape[-2])):
        at = step_backward(x[..., t, :], states[t], weights, output_gradient[..., t, :], d_state)
        d_input[..., t, :], d_state = at.input, at.state
        d_weights = type(weights)(*(total + part for total, part in zip(d_weights, at.weights, strict=True)))
    return Gradients(d_input, d_weights, d_state)


def rnn_step_backward(
    x: Input, state: Hidden, weights: RNNWeights, output_gradient: Hidden, state_gradient: Hidden, activation: str = "tanh"
) -> Gradients[RNNWeights]:
    """The gradient of `rnn_step`, from that of its output and that of its new state.

        δ = (∂L/∂output + ∂L/∂h) ⊙ (1 − h²)      for tanh;   ⊙ [h > 0] for relu
        ∂L/∂W = δ·xᵀ    ∂L/∂U = δ·hₜ₋₁ᵀ    ∂L/∂b = δ    ∂L/∂x = Wᵀ·δ    ∂L/∂hₜ₋₁ = Uᵀ·δ

    Weight gradients are summed over batch axes.

    >>> half = RNNWeights(np.array([[3.0]]), np.array([[0.5]]), np.array([0.0]))
    >>> at = rnn_step_backward(np.array([2.0]), np.array([4.0]), half, np.array([1.0]), np.array([0.0]), activation="relu")
    >>> at.input.tolist(), at.state.tolist(), at.weights.input_weights.tolist()
    ([3.0], [0.5], [[2.0]])
    """
    h, _ = rnn_step(x, state, weights, activation)
    slope = 1 - h**2 if activation == "tanh" else (h > 0).astype(np.float64)
    d_a = (output_gradient + state_gradient) * slope
    d_weights = RNNWeights(_outer(d_a, x), _outer(d_a, state), _total(d_a))
    return Gradients(d_a @ weights.input_weights, d_weights, d_a @ weights.hidden_weights)


def lstm_step_backward(x: Input, state: LSTMState, weights: LSTMWeights, output_gradient: Hidden, state_gradient: LSTMState) -> Gradients[LSTMWeights]:
    """The gradient of `lstm_step`, from that of its output and that of its new state.

        ∂h = ∂L/∂output + ∂L/∂h            ∂c = ∂L/∂c + ∂h ⊙ o ⊙ (1 − tanh²c)
        δi = ∂c ⊙ g ⊙ i(1 − i)             δf = ∂c ⊙ cₜ₋₁ ⊙ f(1 − f)
        δg = ∂c ⊙ i ⊙ (1 − g²)             δo = ∂h ⊙ tanh(c) ⊙ o(1 − o)
        ∂L/∂cₜ₋₁ = ∂c ⊙ f                  ∂L/∂hₜ₋₁ = Uᵀ·δ    ∂L/∂x = Wᵀ·δ    with δ = (δi, δf, δg, δo)

    The line for cₜ₋₁ is why an LSTM can remember: along it the gradient is multiplied by f alone.

    >>> idle = LSTMWeights(np.zeros((4, 1)), np.zeros((4, 1)), np.zeros(4))                           # all gates at one half
    >>> nothing, one = np.zeros(1), np.ones(1)
    >>> lstm_step_backward(one, LSTMState(nothing, nothing), idle, nothing, LSTMState(nothing, one)).state.cell.tolist()
    [0.5]
    """
    gates = lstm_gates(x, state, weights)
    i, f, g, o = gates
    squashed = np.tanh(lstm_cell(gates, state.cell))
    d_h = output_gradient + state_gradient.hidden
    d_c = state_gradient.cell + d_h * o * (1 - squashed**2)
    d_a = np.concatenate([d_c * g * i * (1 - i), d_c * state.cell * f * (1 - f), d_c * i * (1 - g**2), d_h * squashed * o * (1 - o)], axis=-1)
    d_weights = LSTMWeights(_outer(d_a, x), _outer(d_a, state.hidden), _total(d_a))
    return Gradients(d_a @ weights.input_weights, d_weights, LSTMState(d_a @ weights.hidden_weights, d_c * f))


def gru_step_backward(
    x: Input, state: Hidden, weights: GRUWeights, output_gradient: Hidden, state_gradient: Hidden, reset_after: bool = True
) -> Gradients[GRUWeights]:
    """The gradient of `gru_step`, from that of its output and that of its new state.

        ∂h = ∂L/∂output + ∂L/∂h
        δz = ∂h ⊙ (hₜ₋₁ − n) ⊙ z(1 − z)         δn = ∂h ⊙ (1 − z) ⊙ (1 − n²)
        reset after:    δr = δn ⊙ (Un·hₜ₋₁ + cn) ⊙ r(1 − r)      what reaches Un, cn and hₜ₋₁ is δn ⊙ r
        reset before:   δr = (Unᵀ·δn) ⊙ hₜ₋₁ ⊙ r(1 − r)          what reaches hₜ₋₁ is (Unᵀ·δn) ⊙ r
        ∂L/∂hₜ₋₁ = ∂h ⊙ z + Urᵀ·δr + Uzᵀ·δz + (the part through n)

    z carries the old state over untouched, as the forget gate does in an LSTM.

    >>> idle = GRUWeights(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3), np.zeros(3))               # both gates at one half
    >>> gru_step_backward(np.ones(1), np.zeros(1), idle, np.zeros(1), np.ones(1)).state.tolist()
    [0.5]
    """
    r, z, n = gru_gates(x, state, weights, reset_after)
    ur, uz, un = np.split(weights.hidden_weights, 3)
    d_h = output_gradient + state_gradient
    d_z = d_h * (state - n) * z * (1 - z)
    d_n = d_h * (1 - z) * (1 - n**2)
    if reset_after:
        product = state @ un.T + np.split(weights.hidden_bias, 3)[2]
        d_r = d_n * product * r * (1 - r)
        d_product = d_n * r
        through_n, d_un = d_product @ un, _outer(d_product, state)
    else:
        d_r = (d_n @ un) * state * r * (1 - r)
        d_product = d_n
        through_n, d_un = (d_n @ un) * r, _outer(d_n, r * state)
    d_a = np.concatenate([d_r, d_z, d_n], axis=-1)
    d_hidden_weights = np.concatenate([_outer(d_r, state), _outer(d_z, state), d_un])
    d_weights = GRUWeights(_outer(d_a, x), d_hidden_weights, _total(d_a), _total(np.concatenate([d_r, d_z, d_product], axis=-1)))
    return Gradients(d_a @ weights.input_weights, d_weights, d_h * z + d_r @ ur + d_z @ uz + through_n)


def _outer(left: Array, right: Array) -> Array:
    """Σ over batch axes of left · rightᵀ."""
    return np.asarray(left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1]))


def _total(a: Array) -> Array:
    """Σ over batch axes."""
    return np.asarray(a.reshape(-1, a.shape[-1]).sum(axis=0))
