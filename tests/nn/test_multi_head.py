"""Multi-head attention follows the textbook and torch, with and without weights, over every kind of mask and cache."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from inorder.errors import ConfigError, ShapeError
from inorder.nn import MultiHeadAttention
from inorder.textbook import transformer as textbook
from inorder.textbook.gradient import numerical_gradient

EXACT = {"rtol": 0.0, "atol": 1e-12}


def numbers(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def linear(layer: torch.nn.Linear) -> textbook.Linear:
    return textbook.Linear(layer.weight.detach().numpy(), layer.bias.detach().numpy())


def weights_of(layer: MultiHeadAttention) -> textbook.AttentionWeights:
    return textbook.AttentionWeights(linear(layer.query), linear(layer.key), linear(layer.value), linear(layer.output))


def drawn(**options) -> MultiHeadAttention:
    layer = MultiHeadAttention(**options).double().eval()
    with torch.no_grad():
        for k, parameter in enumerate(layer.parameters()):
            parameter.copy_(numbers(*parameter.shape, seed=k) * 0.5)
    return layer


@pytest.mark.parametrize(
    "options",
    [
        {"features": 6, "heads": 1},
        {"features": 6, "heads": 3, "causal": True},
        {"features": 12, "heads": 6, "key_value_heads": 2, "causal": True, "rotary": True},
        {"features": 8, "heads": 4, "key_value_heads": 1, "rotary": True},
    ],
)
@pytest.mark.parametrize("time", [1, 7])
def test_attending_to_itself_follows_the_textbook_in_value_and_gradient(options, time):
    layer = drawn(**options)
    x = numbers(1, time, options["features"], seed=20).requires_grad_()
    wanted = numbers(time, options["features"], seed=21)
    output, attention = layer.trace(x)
    fused, _ = layer(x)
    torch.testing.assert_close(fused, output, **EXACT)
    (fused[0] * wanted).sum().backward()

    def truth(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        allowed = np.tri(time, dtype=bool) if layer.causal else None
        return textbook.multi_head_attention(x, x, weights_of(layer), layer.heads, allowed=allowed, key_value_heads=layer.key_value_heads, rotary=layer.rotary)

    sequence = x.detach().numpy()[0]
    np.testing.assert_allclose(fused[0].detach().numpy(), truth(sequence)[0], **EXACT)
    np.testing.assert_allclose(attention[0].detach().numpy(), truth(sequence)[1], **EXACT)
    np.testing.assert_allclose(x.grad[0].numpy(), numerical_gradient(lambda x: float((truth(x)[0] * wanted.numpy()).sum()), sequence), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("shape", ["target source", "batch target source", "batch heads target source"])
def test_reading_a_memory_follows_the_textbook_under_every_mask(shape):
    layer = drawn(features=6, heads=2, memory=5)
    query, memory, lengths = numbers(3, 4, 6, seed=20), numbers(3, 7, 5, seed=21), [7, 0, 3]
    sizes = {"batch": 3, "heads": 2, "target": 4, "source": 7}
    mask = torch.rand([sizes[axis] for axis in shape.split()], generator=torch.Generator().manual_seed(1)) < 0.5
    mask[..., 2, :] = False  # a query that may see nothing
    cache = layer.remember(memory, torch.tensor(lengths))
    fused, nothing = layer.attend(query, cache, mask=mask)
    output, attention = layer.attend(query, cache, mask=mask, weights=True)
    assert nothing is None
    torch.testing.assert_close(fused, output, **EXACT)
    whole = mask.expand(3, 2, 4, 7) if shape != "batch target source" else mask[:, None].expand(3, 2, 4, 7)
    for i, n in enumerate(lengths):
        heads = []  # the textbook has one mask for all heads, so each head is looked at by itself
        for head in range(2):
            allowed = (whole[i, head] & (torch.arange(7) < n)).numpy()
            expected = textbook.multi_head_attention(query[i].numpy(), memory[i].numpy(), weights_of(layer), 2, allowed=allowed)[1][head]
            np.testing.assert_allclose(attention[i, head].detach().numpy(), expected, **EXACT)
            heads.append(expected @ linear(layer.value)(memory[i].numpy())[:, 3 * head : 3 * head + 3])
        np.testing.assert_allclose(fused[i].detach().numpy(), linear(layer.output)(np.concatenate(heads, axis=1)), **EXACT)
    torch.testing.assert_close(fused[1], layer.output.bias.expand(4, 6), **EXACT)  # nothing was seen
    torch.testing.assert_close(fused[:, 2], layer.output.bias.expand(3, 6), **EXACT)


@pytest.mark.parametrize("weights", [False, True])
def test_a_memory_without_positions_gives_zeros_and_finite_gradients(weights):
    layer = drawn(features=6, heads=2)
    query = numbers(2, 3, 6, seed=0).requires_grad_()
    for cache in (layer.remember(numbers(2, 0, 6, seed=1)), layer.remember(torch.full((2, 4, 6), torch.nan).double(), torch.tensor([0, 0])), layer.init(2)):
        output, _ = layer.attend(query, cache, weights=weights)
        torch.testing.assert_close(output, layer.output.bias.expand(2, 3, 6), **EXACT)
        output.sum().backward()
        assert not query.grad.isnan().any()


def test_it_is_the_attention_of_torch():
    theirs = torch.nn.MultiheadAttention(12, 4, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.in_proj_bias.copy_(numbers(36, seed=3))
    ours = MultiHeadAttention(12, 4).double()
    with torch.no_grad():
        for k, layer in enumerate((ours.query, ours.key, ours.value)):
            layer.weight.copy_(theirs.in_proj_weight[12 * k : 12 * k + 12])
            layer.bias.copy_(theirs.in_proj_bias[12 * k : 12 * k + 12])
    ours.output.load_state_dict(theirs.out_proj.state_dict())
    query, memory, lengths = numbers(2, 5, 12, seed=0), numbers(2, 7, 12, seed=1), torch.tensor([7, 4])
    padded = torch.arange(7) >= lengths[:, None]  # torch: True = ignore
    expected, weights = theirs(query, memory, memory, key_padding_mask=padded, average_attn_weights=False)
    output, attention = ours.attend(query, ours.remember(memory, lengths), weights=True)
    torch.testing.assert_close(output, expected, **EXACT)
    torch.testing.assert_close(attention, weights, **EXACT)
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    ours.causal = True
    torch.testing.assert_close(ours(query)[0], theirs(query, query, query, attn_mask=later)[0], **EXACT)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_a_mask_joins_the_causal_one_and_covers_what_came_before():
    layer = drawn(features=6, heads=2, causal=True)
    x = numbers(2, 5, 6, seed=0)
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(1)) < 0.6
    output, attention = layer.trace(x, mask=mask)
    assert not attention[..., ~(mask & torch.ones(5, 5).tril().bool())].any()
    _, state = layer(x[:, :3], mask=mask[:3, :3])
    torch.testing.assert_close(layer(x[:, 3:], state=state, mask=mask[3:])[0], output[:, 3:], **EXACT)


def test_weights_do_not_change_the_output_of_a_padded_batch_with_a_cache():
    layer = drawn(features=8, heads=4, key_value_heads=2, causal=True, rotary=True)
    _, state = layer(numbers(3, 4, 8, seed=0), torch.tensor([4, 0, 2]))
    x, lengths = numbers(3, 3, 8, seed=1), torch.tensor([1, 3, 0])
    output, attention = layer.trace(x, lengths, state)
    fused, after = layer(x, lengths, state)
    torch.testing.assert_close(fused, output, **EXACT)
    assert after.seen().tolist() == [5, 3, 2]
    assert tuple(attention.shape) == (3, 4, 3, 7)
    sums = attention.sum(-1)
    for i, n in enumerate(lengths.tolist()):
        torch.testing.assert_close(sums[i, :, :n], torch.ones(4, n).double(), **EXACT)
        assert not sums[i, :, n:].any()


def test_dropout_acts_on_the_weights_in_training_only():
    layer = drawn(features=6, heads=2, dropout=0.5)
    x = numbers(2, 9, 6, seed=0)
    calm = layer(x)[0]
    layer.train()
    outputs = []
    for _ in range(400):  # the mean over masks is the output without them
        outputs.append(layer.trace(x)[0].detach())
    stacked = torch.stack(outputs)
    assert not torch.equal(outputs[0], outputs[1])
    error = (stacked.mean(0) - calm).abs() / (stacked.std(0) / 20)
    assert error.max() < 5
    fused = torch.stack([layer(x)[0].detach() for _ in range(400)])
    assert ((fused.mean(0) - calm).abs() / (fused.std(0) / 20)).max() < 5


def test_initial_weights():
    layer = MultiHeadAttention(32, 4, key_value_heads=2)
    for part in (layer.query, layer.key, layer.value, layer.output):
        bound = (6 / sum(part.weight.shape)) ** 0.5
        assert 0.9 * bound < part.weight.abs().max() <= bound
        assert not part.bias.any()


def test_wrong_settings_and_masks_are_named():
    with pytest.raises(ConfigError, match=r"`features` \(6\) is a multiple of `heads` \(4\)"):
        MultiHeadAttention(6, 4)
    with pytest.raises(ConfigError, match=r"`heads` one of `key_value_heads` \(3\)"):
        MultiHeadAttention(8, 4, key_value_heads=3)
    with pytest.raises(ConfigError, match="each of the 2 heads has 3 of the 6"):
        MultiHeadAttention(6, 2, rotary=True)
    with pytest.raises(ConfigError, match="`dropout` is a share"):
        MultiHeadAttention(6, 2, dropout=1.0)
    layer = MultiHeadAttention(6, 2)
    with pytest.raises(ShapeError, match=r"= \(2, 2, 3, 3\); this one has the shape \(3, 2\) and holds torch.bool"):
        layer(torch.zeros(2, 3, 6), mask=torch.ones(3, 2, dtype=torch.bool))
    with pytest.raises(ShapeError, match=r"holds torch.float32"):
        layer(torch.zeros(2, 3, 6), mask=torch.zeros(3, 3))
    with pytest.raises(ShapeError, match="`memory` has 5 features"):
        layer.remember(torch.zeros(2, 3, 5))
    with pytest.raises(ShapeError, match="`query` has 5 features"):
        layer.attend(torch.zeros(2, 3, 5), layer.init(2))
    for memory in (
        layer.remember(torch.zeros(1, 4, 6)),
        MultiHeadAttention(6, 3).remember(torch.zeros(2, 4, 6)),
        layer.init(2)._replace(valid=torch.ones(1, 0)),
    ):
        with pytest.raises(ShapeError, match=r"`memory` holds keys and values \(batch, heads, source, width\) = \(2, 2, [40], 3\)"):
            layer.attend(torch.zeros(2, 3, 6), memory)
