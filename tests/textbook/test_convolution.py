"""Convolution against torch.nn.functional.conv1d in float64, values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inorder.textbook.convolution import conv1d, conv1d_backward, paddings, receptive_field

CASES = [
    (time, width, padding, stride, dilation)
    for time in (1, 7, 16)
    for width in (1, 2, 3, 4)
    for padding in ("valid", "same", "causal")
    for stride in (1, 2, 3)
    for dilation in (1, 2)
    if padding != "valid" or time > (width - 1) * dilation
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")  # torch, about a copy that it makes
@pytest.mark.parametrize("time, width, padding, stride, dilation", CASES)
def test_values_and_gradients_are_those_of_torch(time: int, width: int, padding: str, stride: int, dilation: int) -> None:
    generator = np.random.default_rng(time + width)
    x, kernel, bias = generator.normal(size=(2, time, 3)), generator.normal(size=(4, 3, width)), generator.normal(size=4)
    leaves = [torch.tensor(array, requires_grad=True) for array in (x, kernel, bias)]
    by_channel = leaves[0].transpose(1, 2)
    if padding == "same":  # torch refuses "same" with a stride: its output of stride 1, thinned, is what we mean
        expected = F.conv1d(by_channel, leaves[1], leaves[2], padding="same", dilation=dilation)[..., ::stride]
    else:
        left = (width - 1) * dilation if padding == "causal" else 0
        expected = F.conv1d(F.pad(by_channel, (left, 0)), leaves[1], leaves[2], stride=stride, dilation=dilation)
    ours = conv1d(x, kernel, bias, padding=padding, stride=stride, dilation=dilation)
    np.testing.assert_allclose(ours, expected.detach().numpy().transpose(0, 2, 1), rtol=1e-10, atol=1e-12)

    d_y = generator.normal(size=ours.shape)
    expected.backward(torch.tensor(d_y.transpose(0, 2, 1).copy()))
    gradients = conv1d_backward(x, kernel, d_y, padding=padding, stride=stride, dilation=dilation)
    for name, leaf in zip(gradients._fields, leaves, strict=True):
        np.testing.assert_allclose(getattr(gradients, name), leaf.grad.numpy(), rtol=1e-10, atol=1e-12, err_msg=f"gradient of {name}")


def test_one_sequence_is_a_batch_of_one() -> None:
    x, kernel = np.random.default_rng(0).normal(size=(9, 2)), np.random.default_rng(1).normal(size=(3, 2, 3))
    np.testing.assert_array_equal(conv1d(x, kernel), conv1d(x[None], kernel)[0])
    assert conv1d_backward(x, kernel, np.ones((7, 3))).input.shape == (9, 2)


def test_causal_outputs_see_no_later_input() -> None:
    x, kernel = np.random.default_rng(0).normal(size=(12, 1)), np.random.default_rng(1).normal(size=(1, 1, 3))
    changed = x.copy()
    changed[7] += 1.0
    difference = (conv1d(changed, kernel, padding="causal", dilation=2) - conv1d(x, kernel, padding="causal", dilation=2)).ravel()
    assert np.flatnonzero(difference).tolist() == [7, 9, 11]


@pytest.mark.parametrize("layers", [[(3, 1, 1)], [(2, 1, 1), (2, 2, 1), (2, 4, 1)], [(3, 1, 2), (3, 1, 2), (5, 2, 1)], [(4, 3, 1), (2, 1, 3)]])
def test_receptive_field_is_what_a_gradient_reaches(layers: list[tuple[int, int, int]]) -> None:
    field = receptive_field(layers)
    xs, gradient = [np.zeros((4 * field, 1))], np.zeros(1)
    for width, dilation, stride in layers:
        xs.append(conv1d(xs[-1], np.ones((1, 1, width)), stride=stride, dilation=dilation))
    gradient = np.zeros_like(xs[-1])
    gradient[1] = 1.0
    for x, (width, dilation, stride) in reversed(list(zip(xs[:-1], layers, strict=True))):
        gradient = conv1d_backward(x, np.ones((1, 1, width)), gradient, stride=stride, dilation=dilation).input
    reached = np.flatnonzero(gradient)
    assert reached[-1] - reached[0] + 1 == field


def test_refusals_name_what_came() -> None:
    x, kernel = np.zeros((4, 3)), np.zeros((1, 2, 3))
    with pytest.raises(ValueError, match="3 features.*takes 2"):
        conv1d(x, kernel)
    with pytest.raises(ValueError, match="spans 5 time steps, but `x` has 4"):
        conv1d(x, np.zeros((1, 3, 3)), dilation=2)
    with pytest.raises(ValueError, match="'full'"):
        paddings(3, padding="full")
