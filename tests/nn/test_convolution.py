"""Convolutions and the TCN follow the textbook in value and gradient; what is special to them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.nn import TCN, Conv1d
from inorder.textbook import convolution as textbook
from inorder.textbook.gradient import numerical_gradient

CASES = [
    (time, inputs, outputs, width, dilation, padding)
    for time, inputs, outputs in [(1, 1, 1), (7, 3, 5), (31, 2, 4)]
    for width, dilation in [(1, 1), (2, 3), (3, 1), (4, 2)]
    for padding in ("causal", "same")
]


def random_weights(layer: torch.nn.Module, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=parameter.dtype, generator=generator) * 0.6)


@pytest.mark.parametrize(("time", "inputs", "outputs", "width", "dilation", "padding"), CASES)
def test_the_layer_follows_the_textbook_in_value_and_gradient(time, inputs, outputs, width, dilation, padding):
    layer = Conv1d(inputs, outputs, width, dilation=dilation, padding=padding).double()
    random_weights(layer)
    x = torch.randn(2, time, inputs, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    wanted = torch.randn(2, time, outputs, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    output, _ = layer(x)
    (output * wanted).sum().backward()
    kernel, bias, sequence = layer.weight.detach().numpy(), layer.bias.detach().numpy(), x.detach().numpy()
    truth = textbook.conv1d(sequence, kernel, bias, padding=padding, dilation=dilation)
    np.testing.assert_allclose(output.detach().numpy(), truth, rtol=1e-11, atol=1e-12)
    gradients = textbook.conv1d_backward(sequence, kernel, wanted.numpy(), padding=padding, dilation=dilation)
    for name, ours, theirs in zip(gradients._fields, (x.grad, layer.weight.grad, layer.bias.grad), gradients, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-10, atol=1e-11, err_msg=f"grad of {name}")


def block_of(layer: TCN, level: int) -> textbook.TCNBlock:
    """The numbers of a level, as the textbook takes them."""
    block = layer.blocks[level]
    parts = []
    for convolution, norm in ((block.first, block.first_norm), (block.second, block.second_norm)):
        gain, shift = (None, None) if isinstance(norm, torch.nn.Identity) else (norm.weight, norm.bias)
        numbers = (convolution.weight, convolution.bias, convolution.scale, gain, shift)
        parts.append(textbook.TCNConvolution(*(None if part is None else part.detach().numpy() for part in numbers)))
    straight = isinstance(block.shortcut, torch.nn.Identity)
    shortcut = () if straight else [part.detach().numpy() for part in block.shortcut.parameters()]
    return textbook.TCNBlock(*parts, block.first.dilation, *shortcut)


@pytest.mark.parametrize(("inputs", "options"), [(3, {}), (5, {"growth": 3, "padding": "same"}), (2, {"weight_norm": True, "layer_norm": True})])
def test_the_tcn_follows_the_textbook_in_value_and_gradient(inputs, options):
    layer = TCN(inputs, 5, levels=2, width=3, **options).double()
    random_weights(layer)
    x = torch.randn(1, 9, inputs, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    wanted = torch.randn(9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    output, _ = layer(x)
    (output[0] * wanted).sum().backward()
    blocks = [block_of(layer, level) for level in range(2)]

    def truth(sequence: np.ndarray) -> np.ndarray:
        return textbook.tcn(sequence, blocks, padding=options.get("padding", "causal"))

    np.testing.assert_allclose(output[0].detach().numpy(), truth(x.detach().numpy()[0]), rtol=1e-10, atol=1e-12)
    differences = numerical_gradient(lambda sequence: float((truth(sequence) * wanted.numpy()).sum()), x.detach().numpy()[0])
    np.testing.assert_allclose(x.grad[0].numpy(), differences, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("options", [{}, {"padding": "same"}, {"growth": 3}, {"growth": 1}])
@pytest.mark.parametrize("width", [2, 3])
def test_the_receptive_field_is_what_a_gradient_reaches(width, options):
    layer = TCN(2, 3, levels=3, width=width, **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.abs_()  # every path adds up, none is cut off by a ReLU
    field = layer.receptive_field
    x = torch.ones(1, 4 * field, 2, dtype=torch.float64, requires_grad=True)
    layer(x)[0][0, 2 * field].sum().backward()
    reached = x.grad[0].abs().sum(1).nonzero().ravel()
    assert int(reached[-1] - reached[0]) + 1 == field == textbook.receptive_field([(width, options.get("growth", 2) ** (k // 2), 1) for k in range(6)])
    if options.get("padding") != "same":
        assert int(reached[-1]) == 2 * field
        assert sum(seen.shape[1] for seen in layer.init(1)) == field - 1


def test_state_dicts_are_those_of_torch():
    ours, theirs = Conv1d(3, 4, 5, padding="same"), torch.nn.Conv1d(3, 4, 5, padding="same")
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x)[0], theirs(x.transpose(1, 2)).transpose(1, 2))
    theirs.load_state_dict(ours.state_dict())


def test_weight_norm_changes_nothing_at_the_start_and_keeps_the_length_apart():
    torch.manual_seed(0)
    plain = Conv1d(3, 4, 2)
    torch.manual_seed(0)
    layer = Conv1d(3, 4, 2, weight_norm=True)
    torch.testing.assert_close(layer.kernel(), plain.kernel())
    with torch.no_grad():
        layer.weight.mul_(7)  # the direction alone counts
    torch.testing.assert_close(layer.kernel(), plain.kernel())
    with torch.no_grad():
        layer.scale.fill_(2)
    torch.testing.assert_close(layer.kernel().flatten(1).norm(dim=1), torch.full((4,), 2.0))


def test_dropout_sets_a_channel_to_zero_for_a_whole_sequence():
    torch.manual_seed(0)
    layer = TCN(6, 6, levels=1, dropout=0.5)
    with torch.no_grad():  # what is left is the second mask times 1, over a shortcut of zeros
        for parameter in layer.parameters():
            parameter.zero_()
        layer.blocks[0].second.bias.fill_(1)
    output, _ = layer(torch.zeros(40, 5, 6))
    assert torch.equal(output, output[:, :1].expand_as(output)), "one mask for all times"
    assert set(output.unique().tolist()) == {0.0, 2.0}, "what stays is scaled by 1 / (1 − dropout)"
    assert not torch.equal(output[0], output[1])


def test_initial_weights():
    torch.manual_seed(0)
    layer = TCN(20, 64, levels=1, width=3)
    bound = (6 / (20 * 3)) ** 0.5  # He uniform: √(6 / inputs that reach an output)
    assert 0.95 * bound < layer.blocks[0].first.weight.abs().max() <= bound
    bound = (6 / (20 + 64)) ** 0.5  # Xavier uniform
    assert 0.95 * bound < layer.blocks[0].shortcut.weight.abs().max() <= bound
    assert not any(parameter.any() for name, parameter in layer.named_parameters() if name.endswith("bias"))
    bound = (6 / (20 * 3 + 64 * 3)) ** 0.5
    assert 0.95 * bound < Conv1d(20, 64, 3).weight.abs().max() <= bound


@pytest.mark.parametrize("make", [lambda **options: TCN(3, 4, 2, **options), lambda **options: Conv1d(3, 4, 2, **options)])
def test_unknown_padding_is_named(make):
    with pytest.raises(ConfigError, match='Padding "casual" is unknown. Did you mean "causal"?'):
        make(padding="casual")


def test_wrong_settings_and_states_are_named():
    with pytest.raises(ConfigError, match="`width` of a convolution is a whole number, 1 or more, not 0"):
        Conv1d(3, 4, 0)
    with pytest.raises(ConfigError, match="`levels` of a TCN.*not 2.5"):
        TCN(3, 4, 2.5)
    with pytest.raises(ConfigError, match="`dropout` is a share from 0 up to 1, not 1"):
        TCN(3, 4, 2, dropout=1)
    layer = Conv1d(3, 4, 3)
    with pytest.raises(ShapeError, match=r"\(batch, span, inputs\) = \(2, 2, 3\); this one has the shape \(2, 1, 3\)"):
        layer.step(torch.zeros(2, 3), torch.zeros(2, 1, 3))
    with pytest.raises(ShapeError, match=r"\(batch, span, inputs\) = \(2, 2, 3\); this one has the shape \(1, 2, 3\)"):
        layer(torch.zeros(2, 5, 3), state=layer.init(1))
    with pytest.raises(ShapeError, match="4 parts, two a level; this one has 2"):
        TCN(3, 4, 2).step(torch.zeros(2, 3), TCN(3, 4, 1).init(2))


def test_another_kind_of_numbers_is_named():
    with pytest.raises(ShapeError, match=r"holds torch\.float64, but the layer torch\.float32"):
        Conv1d(3, 4, 2)(torch.zeros(1, 5, 3, dtype=torch.float64))
