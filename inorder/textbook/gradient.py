"""How far back a gradient reaches, and gradients by differences.

    ∂h_T/∂h_t = ∏ₛ ∂hₛ/∂hₛ₋₁   over s = t+1 … T        a product of many factors: it vanishes below one, explodes above

For an LSTM the factor along the cell is the forget gate, ∂cₜ/∂cₜ₋₁ ≈ f, so that how long it remembers is decided by f, hence by its bias.

Sources: Hochreiter 1991; Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013, On the difficulty of training RNNs, §2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inorder.textbook.backpropagation import StepBackward
from inorder.textbook.recurrent import LSTMState, Step, unroll_states

Array: TypeAlias = NDArray[np.float64]


class JacobiansByLag(NamedTuple):
    """∂h_T/∂(what), lag by lag; row j of each matrix belongs to unit j of h_T.

    hidden: (time + 1, hidden, hidden), ∂h_T/∂h_{T−lag} for lag 0 … time, the cell held fixed; the last is the first state.
    cell: the same for c_{T−lag} of an LSTM, the hidden state held fixed; None for other cells.
    input: (time, hidden, input), ∂h_T/∂x_{T−lag} for lag 0 … time − 1.
    """

    hidden: Array
    cell: Array | None
    input: Array


class GradientByLag(NamedTuple):
    """Spectral norms ‖∂h_T/∂(what)‖₂: the most by which a small change, `lag` steps ago, is scaled.   hidden, cell: (time + 1,).   input: (time,)."""

    hidden: Array
    cell: Array | None
    input: Array


def jacobians_by_lag(step: Step, step_backward: StepBackward[Any], x: Array, weights: Any, state: Any = None) -> JacobiansByLag:
    """∂h_T/∂h_t, ∂h_T/∂c_t and ∂h_T/∂x_t for every t, by walking back from T with all units at once.

        row j starts as the gradient of h_T[j] itself (row j of the identity); one step back multiplies it by ∂stateₜ/∂stateₜ₋₁

    x: (time, input), one sequence.

    >>> from inorder.textbook.backpropagation import rnn_step_backward
    >>> from inorder.textbook.recurrent import RNNWeights, rnn_step
    >>> turn = RNNWeights(np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]]), np.zeros(2))       # a quarter turn a step: two of them are −1
    >>> jacobians_by_lag(rnn_step, rnn_step_backward, np.zeros((2, 2)), turn).hidden[2].tolist()
    [[-1.0, 0.0], [0.0, -1.0]]
    """
    states = unroll_states(step, x, weights, state)
    size, time = weights.hidden_weights.shape[1], len(x)
    rows = np.eye(size)  # the units of h_T stand on the batch axis
    nothing = np.zeros((size, size))
    is_lstm = isinstance(states[0], LSTMState)
    d_state: Any = LSTMState(rows, nothing) if is_lstm else rows
    hidden, cell, inputs = [rows], [nothing], []
    for t in reversed(range(time)):
        repeated = LSTMState(*(np.broadcast_to(part, (size, size)) for part in states[t])) if is_lstm else np.broadcast_to(states[t], (size, size))
        at = step_backward(np.broadcast_to(x[t], (size, x.shape[1])), repeated, weights, nothing, d_state)
        d_state = at.state
        hidden.append(d_state.hidden if is_lstm else d_state)
        cell.append(d_state.cell if is_lstm else nothing)
        inputs.append(at.input)
    return JacobiansByLag(np.stack(hidden), np.stack(cell) if is_lstm else None, np.stack(inputs) if inputs else np.zeros((0, size, x.shape[1])))


def gradient_by_lag(step: Step, step_backward: StepBackward[Any], x: Array, weights: Any, state: Any = None) -> GradientByLag:
    """How much of a change `lag` steps ago reaches the last hidden state: ‖∂h_T/∂h_t‖, ‖∂h_T/∂c_t‖ and ‖∂h_T/∂x_t‖ with lag = T − t.

    x: (time, input), one sequence.

    >>> from inorder.textbook.backpropagation import rnn_step_backward
    >>> from inorder.textbook.recurrent import RNNWeights, rnn_step
    >>> half = RNNWeights(np.array([[1.0]]), np.array([[0.5]]), np.array([0.0]))
    >>> still = np.zeros((4, 1))                              # around h = 0 the slope of tanh is 1: each step back halves
    >>> gradient_by_lag(rnn_step, rnn_step_backward, still, half).hidden.tolist()
    [1.0, 0.5, 0.25, 0.125, 0.0625]
    """
    jacobians = jacobians_by_lag(step, step_backward, x, weights, state)
    hidden, cell, inputs = (None if part is None else np.asarray(np.linalg.norm(part, ord=2, axis=(-2, -1))) for part in jacobians)
    assert hidden is not None and inputs is not None
    return GradientByLag(hidden, cell, inputs)


def numerical_gradient(f: Callable[[Array], float], x: Array, step: float = 1e-6) -> Array:
    """Central differences, the definition itself:  ∂f/∂xᵢ ≈ (f(x + step·eᵢ) − f(x − step·eᵢ)) / (2·step).   Error about step²; x is left as it was.

    >>> numerical_gradient(lambda x: float((x**2).sum()), np.array([1.0, -3.0])).round(6).tolist()
    [2.0, -6.0]
    """
    gradient = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        higher, lower = x.astype(np.float64), x.astype(np.float64)
        higher[place] += step
        lower[place] -= step
        gradient[place] = (f(higher) - f(lower)) / (2 * step)
    return gradient
