"""Encoders with a head: recurrent ones follow the textbook in value and gradient, patches are the stretches that they should be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from window_cases import assert_gradients_are_those_of, shaken, window_of

from inorder.errors import ConfigError
from inorder.models.attention_forecaster import PatchForecaster
from inorder.models.recurrent_forecaster import EncoderForecaster, convolutional, inputs_of, recurrent
from inorder.models.window import Sizes, steps
from inorder.textbook import recurrent as textbook


def textbook_weights(cell: str, w: dict[str, np.ndarray]):
    own = w["encoder.weight_ih_l0"], w["encoder.weight_hh_l0"]
    if cell == "gru":
        return textbook.gru_step, textbook.GRUWeights(*own, w["encoder.bias_ih_l0"], w["encoder.bias_hh_l0"])
    bias = w["encoder.bias_ih_l0"] + w["encoder.bias_hh_l0"]
    return (textbook.lstm_step, textbook.LSTMWeights(*own, bias)) if cell == "lstm" else (textbook.rnn_step, textbook.RNNWeights(*own, bias))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_recurrent_forecasts_follow_the_textbook_in_value_and_gradient(cell):
    sizes = Sizes(window=7, horizon=3, outputs=2, covariates=2, ahead=1, static=1)
    network = shaken(EncoderForecaster(sizes, recurrent(cell, inputs_of(sizes), 4), 4))
    seen = window_of(sizes, missing=True)
    wanted = np.random.default_rng(2).normal(size=(3, 3, 2))

    def truth() -> np.ndarray:
        w = {name: parameter.detach().numpy() for name, parameter in network.named_parameters()}
        step, weights = textbook_weights(cell, w)
        answers = []
        for values, known, covariates, ahead, static in zip(*(part.numpy() for part in seen[:5]), strict=True):
            x = np.array([[values[t], 1 - known[t], *covariates[t], *static] for t in range(7)])
            last = textbook.unroll(step, x, weights)[0][-1]
            said = w["head.weight"] @ np.concatenate([last, ahead.reshape(-1)]) + w["head.bias"]
            answers.append(said.reshape(3, 2) + ahead @ w["ahead.weight"])
        return np.stack(answers)

    np.testing.assert_allclose(network(seen).detach(), truth(), atol=1e-12)
    assert_gradients_are_those_of(network, lambda: (network(seen) * torch.from_numpy(wanted)).sum(), lambda: float((truth() * wanted).sum()))


@pytest.mark.parametrize(("width", "window"), [(2, 5), (3, 24), (3, 30), (5, 100)])
def test_a_stack_of_convolutions_sees_the_whole_window_with_as_few_levels_as_that_takes(width, window):
    stack = convolutional(1, 3, width, window)
    assert stack.receptive_field >= window
    fewer = len(stack.blocks) - 1
    assert fewer == 0 or type(stack)(1, 3, fewer, width).receptive_field < window


@pytest.mark.parametrize(("window", "length", "stride"), [(12, 4, 4), (12, 5, 3), (3, 8, 2), (10, 4, 7)])
def test_patches_end_at_the_last_step_and_begin_with_missing_ones(window, length, stride):
    sizes = Sizes(window, 2, covariates=1)
    network = PatchForecaster(sizes, length, stride, 8, 2, 1)
    seen = window_of(sizes, missing=True)
    x = steps(seen).numpy()
    patches = network.cut(seen).numpy()
    assert patches.shape == (3, network.patches, network.length * 3)
    for k in range(network.patches):
        end = window - stride * (network.patches - 1 - k)
        rows = [x[:, t] if t >= 0 else np.tile([0.0, 1.0, 0.0], (3, 1)) for t in range(end - network.length, end)]
        expected = np.stack(rows, axis=2).reshape(3, -1)  # feature by feature
        np.testing.assert_array_equal(patches[:, k], expected)
    assert window - stride * (network.patches - 1) - network.length <= 0, "no step of the window is left out"


def test_the_transformer_tells_the_order_of_its_patches():
    sizes = Sizes(window=16, horizon=2)
    network = shaken(PatchForecaster(sizes, 4, 4, 8, 2, 1)).eval()
    seen = window_of(sizes)
    turned = seen._replace(values=seen.values.reshape(3, 4, 4).flip(1).reshape(3, 16))
    assert (network(seen) - network(turned)).abs().max() > 1e-3


@pytest.mark.parametrize("make", [lambda s: EncoderForecaster(s, recurrent("gru", inputs_of(s), 4), 4), lambda s: PatchForecaster(s, 4, 2, 8, 2, 1)])
def test_each_window_is_answered_by_itself(make):
    sizes = Sizes(window=9, horizon=3, covariates=2, ahead=2, static=1)
    network = shaken(make(sizes)).eval()
    seen = window_of(sizes, batch=4, missing=True)
    order = torch.tensor([2, 0, 3, 1])
    turned = type(seen)(*(part[order] for part in seen))
    np.testing.assert_allclose(network(turned).detach(), network(seen)[order].detach(), atol=1e-12)
    alone = type(seen)(*(part[:1] for part in seen))
    np.testing.assert_allclose(network(alone).detach(), network(seen)[:1].detach(), atol=1e-12)


def test_an_unknown_cell_is_refused():
    with pytest.raises(ConfigError, match='Did you mean "lstm"'):
        recurrent("lstn", 1, 2)
