"""How far back gradients reach, against torch's autograd and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.textbook.backpropagation import gru_step_backward, lstm_step_backward, rnn_step_backward
from inorder.textbook.encoder_decoder import hidden_of
from inorder.textbook.gradient import gradient_by_lag, jacobians_by_lag, numerical_gradient
from inorder.textbook.recurrent import LSTMState, LSTMWeights, RNNWeights, default_weights, gru_step, lstm_step, rnn_step, unroll

CELLS = {"rnn": (rnn_step, rnn_step_backward), "lstm": (lstm_step, lstm_step_backward), "gru": (gru_step, gru_step_backward)}


@pytest.mark.parametrize("cell, kind", [("rnn", torch.nn.RNN), ("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU)])
def test_input_jacobians_are_those_of_autograd(cell: str, kind: type[torch.nn.RNNBase]) -> None:
    torch.manual_seed(0)
    layer = kind(3, 5, batch_first=True, dtype=torch.float64)
    w, u, b, c = (parameter.detach().numpy() for parameter in layer.parameters())
    weights = default_weights(cell, 3, 5, np.random.default_rng(0))
    weights = type(weights)(w, u, b, c) if cell == "gru" else type(weights)(w, u, b + c)
    x = np.random.default_rng(1).normal(size=(8, 3))
    jacobian = torch.autograd.functional.jacobian(lambda inputs: layer(inputs[None])[0][0, -1], torch.tensor(x)).numpy()  # (hidden, time, input)
    ours = jacobians_by_lag(*CELLS[cell], x, weights)
    np.testing.assert_allclose(ours.input, jacobian.transpose(1, 0, 2)[::-1], rtol=1e-10, atol=1e-14)
    norms = gradient_by_lag(*CELLS[cell], x, weights)
    np.testing.assert_allclose(norms.input, [np.linalg.svd(matrix, compute_uv=False)[0] for matrix in ours.input], rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_state_jacobians_are_differences(cell: str) -> None:
    """Row j of ∂h_T/∂h_t, by changing the state at t and running on from there."""
    step, step_backward = CELLS[cell]
    generator = np.random.default_rng(2)
    weights = default_weights(cell, 2, 3, generator)
    x = generator.normal(size=(5, 2))
    ours = jacobians_by_lag(step, step_backward, x, weights)
    _, middle = unroll(step, x[:2], weights)  # the state 3 steps before the end
    parts = middle._asdict() if cell == "lstm" else {"hidden": middle}
    for name, at in parts.items():
        for j in range(3):

            def last_unit(changed: np.ndarray, name: str = name, j: int = j) -> float:
                state = middle._replace(**{name: changed}) if cell == "lstm" else changed
                return float(hidden_of(unroll(step, x[2:], weights, state)[1])[j])

            np.testing.assert_allclose(getattr(ours, name)[3][j], numerical_gradient(last_unit, at), atol=1e-8, err_msg=f"unit {j} by {name}")
    assert (ours.cell is None) == (cell != "lstm")


def test_a_linear_cell_shrinks_or_grows_by_its_weight() -> None:
    still = np.zeros((6, 1))  # around h = 0 the slope of tanh is 1
    for weight in (0.5, 1.0, 2.0):
        norms = gradient_by_lag(rnn_step, rnn_step_backward, still, RNNWeights(np.array([[3.0]]), np.array([[weight]]), np.zeros(1)))
        np.testing.assert_allclose(norms.hidden, weight ** np.arange(7.0), rtol=1e-14)
        np.testing.assert_allclose(norms.input, 3 * weight ** np.arange(6.0), rtol=1e-14)


def test_along_the_cell_the_factor_is_the_forget_gate() -> None:
    """With all weights 0, h_T = σ(0) · tanh(c_T) and c_T = f^lag · c: the Jacobian is known."""
    forget_bias, cell = 2.0, 0.7
    bias = np.array([0.0, forget_bias, 0.0, 0.0])
    f = 1 / (1 + np.exp(-forget_bias))
    norms = gradient_by_lag(
        lstm_step, lstm_step_backward, np.zeros((5, 1)), LSTMWeights(np.zeros((4, 1)), np.zeros((4, 1)), bias), LSTMState(np.zeros(1), np.array([cell]))
    )
    slope = 0.5 * (1 - np.tanh(f**5 * cell) ** 2)
    assert norms.cell is not None
    np.testing.assert_allclose(norms.cell[1:], slope * f ** np.arange(1.0, 6.0), rtol=1e-12)
    assert norms.cell[0] == 0.0  # h_T does not look at c_T any more once it stands
    np.testing.assert_allclose(norms.hidden[1:], 0.0, atol=0)


def test_numerical_gradient_leaves_its_argument() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(numerical_gradient(lambda a: float((a**3).sum()), x), 3 * x**2, rtol=1e-8)
    np.testing.assert_array_equal(x, [[1.0, 2.0], [3.0, 4.0]])
