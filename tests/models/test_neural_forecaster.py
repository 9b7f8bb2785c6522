"""The recurrent forecaster: a line plus a memory, the same step by step and at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.models.neural_forecaster import SMALLEST_SCALE, RecurrentForecaster


def network(layers: int = 1, dropout: float = 0.0) -> RecurrentForecaster:
    torch.manual_seed(0)
    net = RecurrentForecaster(4, 6, layers, dropout=dropout).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    return net


def test_before_training_it_is_the_line_with_a_constant_scale():
    net = RecurrentForecaster(3, 5)
    net.set_start(torch.tensor([1.0, -2.0, 0.5]), 0.25, 0.7)
    x = torch.randn(2, 9, 3)
    ahead, _ = net(x)
    assert torch.allclose(ahead.location, x @ torch.tensor([1.0, -2.0, 0.5]) + 0.25, atol=1e-6)
    assert torch.allclose(ahead.scale, torch.tensor(0.7), atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e-2, 3.0, 200.0])
def test_a_start_of_any_scale_is_finite_and_above_zero(scale):
    net = RecurrentForecaster(1, 2).double()
    net.set_start(torch.zeros(1), 0.0, scale)
    ahead, _ = net(torch.zeros(1, 1, 1, dtype=torch.float64))
    assert float(ahead.scale.detach()) == pytest.approx(max(scale, 2 * SMALLEST_SCALE), rel=1e-6)


def test_the_distribution_is_that_of_its_equation():
    net, x = network(), torch.randn(1, 5, 4, dtype=torch.float64)
    ahead, _ = net(x)
    hidden = net.lstm(x)[0].detach().numpy()[0]
    (v, u), (a, b) = net.head.weight.detach().numpy(), net.head.bias.detach().numpy()
    w = net.line.weight.detach().numpy()[0]
    np.testing.assert_allclose(ahead.location.detach().numpy()[0], hidden @ v + a + x.numpy()[0] @ w, rtol=1e-12)
    np.testing.assert_allclose(ahead.scale.detach().numpy()[0], np.log1p(np.exp(hidden @ u + b)) + SMALLEST_SCALE, rtol=1e-12)


@pytest.mark.parametrize("layers", [1, 3])
def test_step_by_step_is_the_whole_sequence(layers):
    net, x = network(layers).eval(), torch.randn(3, 8, 4, dtype=torch.float64)
    whole, last = net(x)
    state = net.init(3)
    for t, row in enumerate(x.unbind(1)):
        ahead, state = net.step(row, state)
        assert torch.allclose(ahead.location, whole.location[:, t], atol=1e-12)
        assert torch.allclose(ahead.scale, whole.scale[:, t], atol=1e-12)
    assert torch.allclose(state.hidden, last.hidden, atol=1e-12)
    assert torch.allclose(state.cell, last.cell, atol=1e-12)


def test_dropout_acts_in_training_only():
    net, x = network(dropout=0.5), torch.randn(1, 5, 4, dtype=torch.float64)
    assert not torch.equal(net(x)[0].location, net(x)[0].location)
    net.eval()
    assert torch.equal(net(x)[0].location, net(x)[0].location)
