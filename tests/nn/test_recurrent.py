"""The LSTM layer follows the textbook in value and gradient, and its padding changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.nn.recurrent import GRU, LSTM
from inorder.textbook import recurrent as textbook
from inorder.textbook.backpropagation import lstm_step_backward, unroll_backward


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def layer_and_weights(inputs: int, hidden: int, seed: int = 0) -> tuple[LSTM, textbook.LSTMWeights]:
    """The same numbers in both layouts."""
    torch.manual_seed(seed)
    layer = LSTM(inputs, hidden).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    numbers = {name: parameter.detach().numpy() for name, parameter in layer.named_parameters()}
    return layer, textbook.LSTMWeights(numbers["weight_ih_l0"], numbers["weight_hh_l0"], numbers["bias_ih_l0"] + numbers["bias_hh_l0"])


@pytest.mark.parametrize(("time", "inputs", "hidden"), [(1, 1, 1), (7, 3, 5), (63, 4, 8)])
def test_the_layer_follows_the_textbook_in_value_and_gradient(time, inputs, hidden):
    layer, weights = layer_and_weights(inputs, hidden)
    x = torch.randn(1, time, inputs, dtype=torch.float64, requires_grad=True)
    wanted = torch.randn(1, time, hidden, dtype=torch.float64)
    output, state = layer(x)
    (output * wanted).sum().backward()
    sequence = x.detach().numpy()[0]
    truth, last = textbook.unroll(textbook.lstm_step, sequence, weights)
    assert np.abs(output.detach().numpy()[0] - truth).max() < 1e-12, "output"
    assert np.abs(state.cell.detach().numpy()[0, 0] - last.cell).max() < 1e-12, "cell"
    gradients = unroll_backward(textbook.lstm_step, lstm_step_backward, sequence, weights, wanted.numpy()[0])
    assert np.abs(x.grad.numpy()[0] - gradients.input).max() < 1e-10, "grad of the input"
    for name, truth in zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"), gradients.weights, strict=True):
        assert np.abs(getattr(layer, name).grad.numpy() - truth).max() < 1e-10, f"grad of {name}"


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_state_dicts_are_those_of_torch(layers):
    ours, theirs = LSTM(3, 4, layers=layers), torch.nn.LSTM(3, 4, layers, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 9, 3)
    output, state = ours(x)
    truth, (hidden, cell) = theirs(x)
    assert torch.allclose(output, truth, atol=1e-6)
    assert torch.allclose(state.hidden, hidden, atol=1e-6)
    assert torch.allclose(state.cell, cell, atol=1e-6)
    ours.load_state_dict(theirs.state_dict())


@pytest.mark.parametrize("layers", [1, 2])
def test_padding_changes_nothing_and_is_never_read(layers):
    torch.manual_seed(1)
    layer = LSTM(3, 5, layers=layers).double()
    lengths = torch.tensor([6, 0, 3, 1])
    x = torch.randn(4, 6, 3, dtype=torch.float64)
    poisoned = x.clone()
    for i, n in enumerate(lengths.tolist()):
        poisoned[i, n:] = float("nan")
    poisoned.requires_grad_()
    output, state = layer(poisoned, lengths)
    for i, n in enumerate(lengths.tolist()):
        alone, alone_state = layer(x[i : i + 1, :n])
        assert torch.allclose(output[i, :n], alone[0], atol=1e-12)
        assert not output[i, n:].any(), "outputs beyond the length are zero"
        assert torch.allclose(state.hidden[:, i], alone_state.hidden[:, 0], atol=1e-12)
        assert torch.allclose(state.cell[:, i], alone_state.cell[:, 0], atol=1e-12)
    output.sum().backward()
    assert not torch.isnan(poisoned.grad).any()
    assert all(not poisoned.grad[i, n:].any() for i, n in enumerate(lengths.tolist()))
    assert all(not torch.isnan(parameter.grad).any() for parameter in layer.parameters())


def test_a_zero_length_keeps_the_given_state():
    layer = LSTM(2, 3)
    start = layer.init(2)
    start = start._replace(hidden=start.hidden + 0.3, cell=start.cell - 0.2)
    _, state = layer(torch.randn(2, 4, 2), torch.tensor([0, 4]), start)
    assert torch.equal(state.hidden[:, 0], start.hidden[:, 0])
    assert torch.allclose(state.cell[:, 0], start.cell[:, 0])
    assert not torch.allclose(state.cell[:, 1], start.cell[:, 1])


@pytest.mark.parametrize("layers", [1, 2])
def test_step_by_step_is_the_whole_sequence(layers):
    layer = LSTM(3, 4, layers=layers).double()
    x = torch.randn(2, 11, 3, dtype=torch.float64)
    whole, last = layer(x)
    state, outputs = layer.init(2), []
    for row in x.unbind(1):
        output, state = layer.step(row, state)
        outputs.append(output)
    assert torch.allclose(torch.stack(outputs, 1), whole, atol=1e-12)
    assert torch.allclose(state.cell, last.cell, atol=1e-12)
    first, state = layer(x[:, :5])
    second, _ = layer(x[:, 5:], state=state)
    assert torch.allclose(torch.cat([first, second], 1), whole, atol=1e-12)


def test_the_order_of_the_batch_and_the_future_change_nothing():
    layer = LSTM(3, 4).double()
    x, lengths = torch.randn(5, 8, 3, dtype=torch.float64), torch.tensor([8, 2, 5, 8, 3])
    order = torch.tensor([3, 1, 4, 0, 2])
    assert torch.allclose(layer(x[order], lengths[order])[0], layer(x, lengths)[0][order], atol=1e-12)
    changed = x.clone()
    changed[:, 5] += 1
    assert torch.equal(layer(changed)[0][:, :5], layer(x)[0][:, :5])
    assert not torch.allclose(layer(changed)[0][:, 5:], layer(x)[0][:, 5:])


def test_gradients_agree_with_differences():
    layer = LSTM(2, 3, layers=2).double()
    x = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x, torch.tensor([4, 2]))[0], (x,))


def test_initial_weights():
    layer = LSTM(7, 6, layers=2, forget_bias=2.0)
    for k in range(2):
        recurrent = getattr(layer, f"weight_hh_l{k}").detach()
        for gate in recurrent.split(6):
            assert torch.allclose(gate @ gate.T, torch.eye(6), atol=1e-5), "orthogonal, gate by gate"
        bias = (getattr(layer, f"bias_ih_l{k}") + getattr(layer, f"bias_hh_l{k}")).detach()
        assert bias.tolist() == [0.0] * 6 + [2.0] * 6 + [0.0] * 12
        inputs = getattr(layer, f"weight_ih_l{k}").detach()
        bound = (6 / (inputs.shape[1] + 6)) ** 0.5
        assert inputs.abs().max() <= bound
        assert inputs.abs().max() > 0.8 * bound


def test_dropout_is_between_layers_in_training_only():
    torch.manual_seed(0)
    layer, x = LSTM(3, 16, layers=2, dropout=0.5), torch.randn(1, 5, 3)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])
    with pytest.warns(UserWarning, match="`dropout` acts between layers, and there is one"):
        single = LSTM(3, 16, dropout=0.5)
    assert torch.equal(single(x)[0], single(x)[0]), "nothing lies between the layers of one"


@pytest.mark.parametrize(
    ("lengths", "match"),
    [([9, 1], r"lengths\[0\]` is 9, longer than the batch \(time = 4\)"), ([-1, 1], r"is -1, negative"), ([1], "2 sequences"), ([1.0, 2.0], "whole numbers")],
)
def test_wrong_lengths_are_named(lengths, match):
    with pytest.raises(ShapeError, match=match):
        LSTM(3, 4)(torch.zeros(2, 4, 3), torch.tensor(lengths))


def test_wrong_sizes_are_named():
    with pytest.raises(ShapeError, match="has 12 features on axis 2, but the layer takes 9"):
        LSTM(9, 4)(torch.zeros(2, 4, 12))
    with pytest.raises(ShapeError, match=r"\(4, 9\)"):
        LSTM(9, 4)(torch.zeros(4, 9))
    with pytest.raises(ConfigError, match="`hidden`.*0"):
        LSTM(9, 0)
    with pytest.raises(ConfigError, match="dropout.*1.5"):
        LSTM(9, 4, dropout=1.5)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LSTM(3, 4, peepholes="no"), "`peepholes` is True or False, not 'no'"),
        (lambda: GRU(3, 4, layer_norm=1), "`layer_norm` is True or False, not 1"),
        (lambda: LSTM(3, 4, forget_bias="a"), "`forget_bias` is a number, not 'a'"),
        (lambda: LSTM(3, 4, bias=False, forget_bias=2.0), "forget_bias=2 would have no effect"),
    ],
)
def test_settings_that_cannot_be(make, match):
    with pytest.raises(ConfigError, match=match):
        make()


@pytest.mark.parametrize("take", [lambda layer, x: layer(x), lambda layer, x: layer.step(x[:, 0], layer.init(1)), lambda layer, x: layer.trace(x)])
def test_another_kind_of_numbers_is_named(take):
    with pytest.raises(ShapeError, match=r"holds torch\.float64, but the layer torch\.float32: convert one of them"):
        take(GRU(3, 4), torch.zeros(1, 2, 3, dtype=torch.float64))
    with pytest.raises(ShapeError, match="is a ndarray; a tensor"):
        GRU(3, 4)(np.zeros((1, 2, 3)))
