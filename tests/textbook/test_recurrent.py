"""The recurrent cells of the textbook against torch: an independent program, in float64."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from inorder.textbook.backpropagation import gru_step_backward, lstm_step_backward, rnn_step_backward, unroll_backward
from inorder.textbook.gradient import numerical_gradient
from inorder.textbook.recurrent import (
    GRUWeights,
    LSTMState,
    LSTMWeights,
    RNNWeights,
    default_weights,
    gru_gates,
    gru_step,
    lstm_gates,
    lstm_step,
    parameter_count,
    rnn_step,
    sigmoid,
    unroll,
    unroll_states,
)

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
SIZES = [(1, 1, 1, 1), (2, 7, 3, 5), (3, 23, 4, 8)]  # batch, time, input, hidden


def torch_layer(kind: type[torch.nn.RNNBase], inputs: int, hidden: int, **options: object) -> torch.nn.RNNBase:
    torch.manual_seed(inputs + hidden)
    return kind(inputs, hidden, batch_first=True, dtype=torch.float64, **options)


def numpy_weights(layer: torch.nn.RNNBase) -> RNNWeights | LSTMWeights | GRUWeights:
    w, u, b, c = (parameter.detach().numpy().copy() for parameter in (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0))
    if isinstance(layer, torch.nn.GRU):
        return GRUWeights(w, u, b, c)
    return LSTMWeights(w, u, b + c) if isinstance(layer, torch.nn.LSTM) else RNNWeights(w, u, b + c)


CELLS = {
    "rnn tanh": (torch.nn.RNN, {"nonlinearity": "tanh"}, rnn_step, rnn_step_backward),
    "rnn relu": (torch.nn.RNN, {"nonlinearity": "relu"}, partial(rnn_step, activation="relu"), partial(rnn_step_backward, activation="relu")),
    "lstm": (torch.nn.LSTM, {}, lstm_step, lstm_step_backward),
    "gru": (torch.nn.GRU, {}, gru_step, gru_step_backward),
}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_values_and_gradients_are_those_of_torch(cell: str, size: tuple[int, int, int, int]) -> None:
    kind, options, step, step_backward = CELLS[cell]
    batch, time, inputs, hidden = size
    layer = torch_layer(kind, inputs, hidden, **options)
    weights = numpy_weights(layer)
    generator = np.random.default_rng(time)
    x, h, c, d_output, d_h, d_c = (
        generator.normal(size=shape)
        for shape in ((batch, time, inputs), (batch, hidden), (batch, hidden), (batch, time, hidden), (batch, hidden), (batch, hidden))
    )
    leaves = [torch.tensor(array, requires_grad=True) for array in (x, h, c)]
    is_lstm = cell == "lstm"
    first = (leaves[1][None], leaves[2][None]) if is_lstm else leaves[1][None]
    torch_output, torch_last = layer(leaves[0], first)
    last_parts = torch_last if is_lstm else (torch_last,)
    loss = (torch_output * torch.tensor(d_output)).sum() + sum((part[0] * torch.tensor(d)).sum() for part, d in zip(last_parts, (d_h, d_c), strict=False))
    loss.backward()

    state = LSTMState(h, c) if is_lstm else h
    output, last = unroll(step, x, weights, state)
    np.testing.assert_allclose(output, torch_output.detach().numpy(), **TIGHT)
    for ours, theirs in zip(last if is_lstm else (last,), last_parts, strict=True):
        np.testing.assert_allclose(ours, theirs[0].detach().numpy(), **TIGHT)

    gradients = unroll_backward(step, step_backward, x, weights, d_output, state, LSTMState(d_h, d_c) if is_lstm else d_h)
    expected = {"input_weights": layer.weight_ih_l0, "hidden_weights": layer.weight_hh_l0, "bias": layer.bias_ih_l0, "hidden_bias": layer.bias_hh_l0}
    for name in gradients.weights._fields:
        np.testing.assert_allclose(getattr(gradients.weights, name), expected[name].grad.numpy(), **TIGHT, err_msg=f"gradient of {name}")
    np.testing.assert_allclose(gradients.input, leaves[0].grad.numpy(), **TIGHT)
    for ours, leaf in zip(gradients.state if is_lstm else (gradients.state,), leaves[1:], strict=False):
        np.testing.assert_allclose(ours, leaf.grad.numpy(), **TIGHT)


def test_reset_before_the_product_is_the_equation_of_cho() -> None:
    """PyTorch has no layer for it: the equation written once more, in torch, gives values and gradients."""
    generator = np.random.default_rng(5)
    hidden, inputs, time = 4, 3, 6
    weights = default_weights("gru", inputs, hidden, generator)
    x, h0, d_output = generator.normal(size=(time, inputs)), generator.normal(size=hidden), generator.normal(size=(time, hidden))
    w, u, b, c, xs, h = (torch.tensor(array, requires_grad=True) for array in (*weights, x, h0))
    first, outputs = h, []
    for t in range(time):
        r = torch.sigmoid(w[:hidden] @ xs[t] + b[:hidden] + u[:hidden] @ h + c[:hidden])
        z = torch.sigmoid(w[hidden : 2 * hidden] @ xs[t] + b[hidden : 2 * hidden] + u[hidden : 2 * hidden] @ h + c[hidden : 2 * hidden])
        n = torch.tanh(w[2 * hidden :] @ xs[t] + b[2 * hidden :] + u[2 * hidden :] @ (r * h) + c[2 * hidden :])
        h = (1 - z) * n + z * h
        outputs.append(h)
    (torch.stack(outputs) * torch.tensor(d_output)).sum().backward()

    step, step_backward = partial(gru_step, reset_after=False), partial(gru_step_backward, reset_after=False)
    output, _ = unroll(step, x, weights, h0)
    np.testing.assert_allclose(output, torch.stack(outputs).detach().numpy(), **TIGHT)
    gradients = unroll_backward(step, step_backward, x, weights, d_output, h0)
    for ours, theirs in zip((*gradients.weights, gradients.input, gradients.state), (w, u, b, c, xs, first), strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), **TIGHT)


def test_the_two_reset_conventions_differ() -> None:
    weights = default_weights("gru", 2, 3, np.random.default_rng(0))
    x, h = np.ones(2), np.array([0.5, -0.5, 0.25])
    after, _ = gru_step(x, h, weights)
    before, _ = gru_step(x, h, weights, reset_after=False)
    assert np.abs(after - before).max() > 1e-3


@pytest.mark.parametrize("cell", CELLS)
def test_analytic_gradients_are_numerical_gradients(cell: str) -> None:
    _, _, step, step_backward = CELLS[cell]
    generator = np.random.default_rng(3)
    weights = default_weights(cell.split()[0], 2, 3, generator)
    x, d_output = generator.normal(size=(4, 2)), generator.normal(size=(4, 3))
    gradients = unroll_backward(step, step_backward, x, weights, d_output)
    for name in weights._fields:
        numerical = numerical_gradient(
            lambda array, name=name: float((unroll(step, x, weights._replace(**{name: array}))[0] * d_output).sum()), getattr(weights, name)
        )
        np.testing.assert_allclose(getattr(gradients.weights, name), numerical, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_is_its_sequences_one_by_one(cell: str) -> None:
    _, _, step, step_backward = CELLS[cell]
    generator = np.random.default_rng(1)
    weights = default_weights(cell.split()[0], 3, 4, generator)
    x, d_output = generator.normal(size=(2, 5, 3)), generator.normal(size=(2, 5, 4))
    output, _ = unroll(step, x, weights)
    together = unroll_backward(step, step_backward, x, weights, d_output)
    alone = [unroll_backward(step, step_backward, x[i], weights, d_output[i]) for i in range(2)]
    for i in range(2):
        np.testing.assert_allclose(output[i], unroll(step, x[i], weights)[0], **TIGHT)
        np.testing.assert_allclose(together.input[i], alone[i].input, **TIGHT)
    for ours, first, second in zip(together.weights, alone[0].weights, alone[1].weights, strict=True):
        np.testing.assert_allclose(ours, first + second, **TIGHT)


def test_unroll_in_two_parts_is_unroll_in_one() -> None:
    weights = default_weights("lstm", 3, 4, np.random.default_rng(1))
    x = np.random.default_rng(2).normal(size=(9, 3))
    whole, last = unroll(lstm_step, x, weights)
    first, state = unroll(lstm_step, x[:4], weights)
    second, state = unroll(lstm_step, x[4:], weights, state)
    np.testing.assert_array_equal(whole, np.concatenate([first, second]))
    np.testing.assert_array_equal(np.stack(last), np.stack(state))
    states = unroll_states(lstm_step, x, weights)
    assert len(states) == 10
    np.testing.assert_array_equal(np.stack([s.hidden for s in states[1:]]), whole)


def test_gates_lie_in_the_order_that_torch_stores() -> None:
    """A bias that drives one block of rows to 1 moves the gate of that name and no other."""
    zeros = np.zeros(1)
    for position, gate in enumerate(("input_gate", "forget_gate", "candidate", "output_gate")):
        bias = np.zeros(4)
        bias[position] = 50.0
        gates = lstm_gates(zeros, LSTMState(zeros, zeros), LSTMWeights(np.zeros((4, 1)), np.zeros((4, 1)), bias))
        assert {name for name, value in gates._asdict().items() if value[0] > 0.99} == {gate}
    for position, gate in enumerate(("reset_gate", "update_gate", "candidate")):
        bias = np.zeros(3)
        bias[position] = 50.0
        gates = gru_gates(zeros, zeros, GRUWeights(np.zeros((3, 1)), np.zeros((3, 1)), bias, np.zeros(3)))
        assert {name for name, value in gates._asdict().items() if value[0] > 0.99} == {gate}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell, kind", [("rnn", torch.nn.RNN), ("gru", torch.nn.GRU), ("lstm", torch.nn.LSTM)])
def test_parameter_count_is_that_of_torch(cell: str, kind: type[torch.nn.RNNBase], layers: int, bidirectional: bool) -> None:
    for biases in (0, 2):
        layer = kind(5, 7, num_layers=layers, bidirectional=bidirectional, bias=biases > 0)
        counted = parameter_count(cell, 5, 7, layers=layers, bidirectional=bidirectional, biases=biases)
        assert counted == sum(parameter.numel() for parameter in layer.parameters())


def test_default_weights_are_bounded_as_in_torch() -> None:
    weights = default_weights("rnn", 50, 16, np.random.default_rng(0))
    assert 0.24 < np.abs(weights.input_weights).max() <= 0.25
    assert 0.25 < np.abs(weights.bias).max() <= 0.5  # two biases, added
    assert default_weights("lstm", 2, 3, np.random.default_rng(0)).bias.std() > 0
    np.testing.assert_array_equal(default_weights("lstm", 2, 3, np.random.default_rng(0), forget_bias=3.0).bias[3:6], 3.0)


def test_refusals_name_the_value() -> None:
    with pytest.raises(ValueError, match="'gelu'"):
        rnn_step(np.zeros(1), np.zeros(1), RNNWeights(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1)), activation="gelu")
    with pytest.raises(ValueError, match="'lstmm'"):
        parameter_count("lstmm", 1, 1)
    with pytest.raises(ValueError, match="'gruu'"):
        default_weights("gruu", 1, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no forget gate"):
        default_weights("gru", 1, 1, np.random.default_rng(0), forget_bias=1.0)


def test_sigmoid_is_exact_and_cannot_overflow() -> None:
    a = np.array([-800.0, -5.0, -1e-3, 0.0, 0.3, 40.0, 800.0])
    np.testing.assert_allclose(sigmoid(a), torch.sigmoid(torch.tensor(a)).numpy(), atol=1e-15)
