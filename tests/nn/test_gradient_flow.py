"""Measured gradient norms are those of the textbook, of the lecture and of autograd; the model is left as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import inorder
from inorder.errors import ConfigError, ShapeError
from inorder.lecture import neural
from inorder.nn.gradient_flow import GradientFlow, gradient_flow
from inorder.textbook.backpropagation import gru_step_backward, lstm_step_backward, rnn_step_backward
from inorder.textbook.gradient import jacobians_by_lag
from inorder.textbook.recurrent import default_weights, gru_step, lstm_step, rnn_step

CELLS = {"rnn": (rnn_step, rnn_step_backward), "lstm": (lstm_step, lstm_step_backward), "gru": (gru_step, gru_step_backward)}
KINDS = {"rnn": (nn.RNN, inorder.nn.RNN), "lstm": (nn.LSTM, inorder.nn.LSTM), "gru": (nn.GRU, inorder.nn.GRU)}


def filled(layer: nn.Module, weights) -> nn.Module:
    """A layer of torch's names with the weights of the textbook."""
    layer = layer.double()
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor(weights.input_weights))
        layer.weight_hh_l0.copy_(torch.tensor(weights.hidden_weights))
        layer.bias_ih_l0.copy_(torch.tensor(weights.bias))
        layer.bias_hh_l0.copy_(torch.tensor(getattr(weights, "hidden_bias", np.zeros(len(weights.bias)))))
    return layer


@pytest.mark.parametrize("cell", CELLS)
def test_norms_are_the_textbooks(cell):
    rng = np.random.default_rng(0)
    weights = default_weights(cell, 3, 5, rng)
    x = rng.normal(size=(9, 3))
    jacobians = jacobians_by_lag(*CELLS[cell], x, weights)
    by_input = np.linalg.norm(jacobians.input, ord=2, axis=(1, 2))
    parts = [jacobians.hidden] if jacobians.cell is None else [jacobians.hidden, jacobians.cell]
    by_state = np.linalg.norm(np.concatenate(parts, axis=2), ord=2, axis=(1, 2))[1:]
    theirs, ours = KINDS[cell]
    for layer in (theirs(3, 5), theirs(3, 5, batch_first=True), ours(3, 5)):
        flow = gradient_flow(filled(layer, weights), torch.tensor(x[None]))
        np.testing.assert_allclose(flow.norms[0], by_input, rtol=1e-9)
        assert flow.lags.tolist() == list(range(9))
        flow = gradient_flow(layer, torch.tensor(x[None]), of="state")
        np.testing.assert_allclose(flow.norms[0], by_state, rtol=1e-9)
        assert flow.lags.tolist() == list(range(1, 10))


def test_row_23_of_the_lecture():
    """The medians that the lecture computes with the textbook, from layers of torch with the same weights: 60 steps, 32 units, 8 inputs, 7 seeds."""
    wanted = {quantity.name.split(" ‖")[0]: quantity.recomputed[0] for quantity in neural.vanishing_gradient().quantities[2:]}
    kinds = {"RNN": ("rnn", None), "GRU": ("gru", None), "LSTM": ("lstm", None), "b_f = 1": ("lstm", 1.0), "b_f = 3": ("lstm", 3.0)}
    assert wanted.keys() == kinds.keys()
    for name, (cell, forget_bias) in kinds.items():
        last = []
        for seed in range(7):
            generator = np.random.default_rng(seed)
            layer = filled(KINDS[cell][0](8, 32, batch_first=True), default_weights(cell, 8, 32, generator, forget_bias=forget_bias))
            last.append(gradient_flow(layer, torch.tensor(generator.normal(size=(1, 60, 8)))).norms[0, -1])
        assert float(np.median(last)) == pytest.approx(wanted[name], rel=1e-6), name


class Classifier(nn.Module):
    """A model with parts that behave otherwise in training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.layer, self.head = nn.BatchNorm1d(3), inorder.nn.MinGRU(3, 4, layers=2, dropout=0.5), nn.Linear(4, 2)

    def forward(self, x, lengths=None):
        output, _ = self.layer(self.norm(x.transpose(1, 2)).transpose(1, 2), lengths)
        return self.head(output[:, -1])


def test_the_model_is_left_as_it_was():
    model = Classifier()
    model.norm.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.head.weight.grad = torch.ones_like(model.head.weight)
    x = torch.randn(2, 6, 3, requires_grad=True)
    with torch.no_grad():
        first = gradient_flow(model, x)
    assert np.array_equal(first.norms, gradient_flow(model, x).norms), "no dropout is drawn"
    assert model.training and model.layer.training and not model.norm.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.head.weight.grad.eq(1).all() and model.head.bias.grad is None and x.grad is None and model.layer.weight_ih_l0.grad is None
    with pytest.raises(ShapeError):
        gradient_flow(model, torch.zeros(2, 6, 3, 1))
    assert model.training


def test_jacobians_are_those_of_autograd_for_every_sequence_and_length():
    model = Classifier().eval().double()
    x, lengths = torch.randn(3, 6, 3, dtype=torch.float64), torch.tensor([6, 2, 1])
    flow = gradient_flow(model, x, lengths)
    for b, n in enumerate(lengths.tolist()):
        jacobian = torch.autograd.functional.jacobian(lambda row: model(row[None])[0], x[b, :n])  # (units, time, inputs)
        truth = np.linalg.norm(jacobian.transpose(0, 1).numpy(), ord=2, axis=(1, 2))[::-1]
        np.testing.assert_allclose(flow.norms[b, :n], truth, rtol=1e-9)
        assert np.isnan(flow.norms[b, n:]).all()
    np.testing.assert_allclose(flow.median, np.nanmedian(flow.norms, axis=0))


def test_more_units_than_rows_of_one_run(monkeypatch):
    layer, x = inorder.nn.MinGRU(2, 7), torch.randn(1, 5, 2)
    whole = gradient_flow(layer, x).norms
    monkeypatch.setattr("inorder.nn.gradient_flow.ROWS", 3)
    np.testing.assert_allclose(gradient_flow(layer, x).norms, whole, rtol=1e-6)


@pytest.mark.parametrize("kind", ["MinGRU", "MinLSTM", "LSTM", "GRU", "RNN", "TCN"])
def test_every_layer_with_steps_shows_its_states(kind):
    layer = getattr(inorder.nn, kind)(3, 4, *[2] * (kind == "TCN"))
    flow = gradient_flow(layer, torch.randn(1, 7, 3), of="state")
    assert flow.norms.shape == (1, 7) and flow.norms[0, 0] > 0


def test_a_scan_forgets_as_its_gate_says():
    layer = inorder.nn.MinGRU(1, 1)
    nn.init.zeros_(layer.weight_ih_l0)
    nn.init.constant_(layer.bias_ih_l0, -2.0)
    keep = 1 / (1 + np.exp(-2.0))
    np.testing.assert_allclose(gradient_flow(layer, torch.zeros(1, 6, 1), of="state").norms[0], keep ** np.arange(1, 7), rtol=1e-6)


def test_it_prints_and_draws():
    flow = GradientFlow("input", np.arange(21), np.stack([0.5 ** np.arange(21.0), 0.25 ** np.arange(21.0), np.r_[np.ones(3), np.full(18, np.nan)]]))
    lines = str(flow).splitlines()
    assert lines[0].split() == "lag ‖∂output/∂input‖, median and range of 3 sequences".split()
    assert [line.split()[0] for line in lines[1:]] == ["0", "1", "2", "5", "10", "20"]
    assert lines[2].split()[1:] == ["5.0e-01", "2.5e-01", "…", "1.0e+00"]
    single = str(GradientFlow("state", np.arange(1, 3), np.array([[0.5, 0.25]])))
    assert single.splitlines()[0].split() == "lag ‖∂output/∂state‖".split() and single.splitlines()[2].split() == ["2", "2.5e-01"]
    (axes,) = flow.plot().axes
    assert axes.get_yscale() == "log"
    np.testing.assert_allclose(axes.lines[0].get_ydata(), flow.median)


@pytest.mark.parametrize("of", ["input", "state"])
def test_a_model_that_is_no_longer_finite_has_no_norms(of):
    layer = inorder.nn.GRU(3, 4)
    nn.init.constant_(layer.weight_ih_l0, torch.nan)
    flow = gradient_flow(layer, torch.randn(2, 5, 3), of=of)
    assert np.isnan(flow.norms).all() and np.isnan(flow.median).all()
    assert "nan" in str(flow) and len(flow.plot().axes) == 1


def test_where_the_gradient_by_one_step_is_not_finite_the_others_are_known():
    layer, x = inorder.nn.TCN(1, 2, 1, width=2), torch.randn(1, 6, 1)
    whole = gradient_flow(layer, x).norms[0]
    broken = gradient_flow(Scaled(layer, 1), x).norms[0]
    assert np.isnan(broken[-2]) and np.array_equal(np.delete(broken, -2), np.delete(whole, -2))


class Scaled(nn.Module):
    """A model whose gradient by one step is NaN: that of √ at 0, times 0."""

    def __init__(self, layer: nn.Module, step: int) -> None:
        super().__init__()
        self.layer, self.step = layer, step

    def forward(self, x):
        hole = torch.zeros_like(x)
        hole[:, self.step] = (0 * x[:, self.step]).abs().sqrt()
        return self.layer(x)[0] + hole.sum(1, keepdim=True)


def test_what_cannot_be_is_refused():
    layer, x = nn.LSTM(3, 4, batch_first=True), torch.zeros(2, 5, 3)
    with pytest.raises(ShapeError, match="torch.int64.*embeddings"):
        gradient_flow(layer, torch.zeros(2, 5, 3, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"lengths\[1\]` is 0"):
        gradient_flow(layer, x, torch.tensor([5, 0]))
    with pytest.raises(ShapeError, match="no step"):
        gradient_flow(layer, torch.zeros(2, 0, 3))
    with pytest.raises(ConfigError, match='"input" or "state", not \'cell\''):
        gradient_flow(layer, x, of="cell")
    with pytest.raises(ConfigError, match="Linear has no `init` and `step`"):
        gradient_flow(nn.Linear(3, 4), x, of="state")
    with pytest.raises(ConfigError, match="bidirectional"):
        gradient_flow(nn.LSTM(3, 4, bidirectional=True), x, of="state")
    with pytest.raises(ConfigError, match="bidirectional"):
        gradient_flow(inorder.nn.LSTM(3, 4, bidirectional=True), x, of="state")
    with pytest.raises(ConfigError, match='state of TransformerEncoder grows from step to step.*use of="input"'):
        gradient_flow(inorder.nn.TransformerEncoder(4, 2, 1, causal=True), torch.zeros(1, 5, 4), of="state")
    with pytest.raises(ShapeError, match="returns dict"):
        gradient_flow(Odd(), x)


class Odd(nn.Module):
    def forward(self, x):
        return {"output": x}
