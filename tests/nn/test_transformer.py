"""Encoder and decoder follow the textbook and torch; their sizes, their start and what they show of themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inorder.errors import ConfigError, ShapeError
from inorder.nn import LearntPosition, SinusoidalPosition, TransformerDecoder, TransformerEncoder
from inorder.nn.transformer import FeedForward
from inorder.textbook import position as textbook_position
from inorder.textbook import transformer as textbook
from inorder.textbook.gradient import numerical_gradient

EXACT = {"rtol": 0.0, "atol": 1e-11}


def numbers(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def drawn(layer: nn.Module) -> nn.Module:
    with torch.no_grad():
        for k, parameter in enumerate(layer.double().eval().parameters()):
            parameter.copy_(numbers(*parameter.shape, seed=k) * 0.4)
    return layer


def linear(layer: nn.Module) -> textbook.Linear:
    return textbook.Linear(layer.weight.detach().numpy(), layer.bias.detach().numpy())


def norm(layer: nn.Module) -> textbook.Norm:
    return textbook.Norm(layer.weight.detach().numpy(), layer.bias.detach().numpy())


def blocks_of(layer: nn.Module) -> list[textbook.Block]:
    blocks = []
    for block in layer.blocks:
        own, other = (
            None if part is None else textbook.AttentionWeights(linear(part.query), linear(part.key), linear(part.value), linear(part.output))
            for part in (block.attention, block.memory_attention)
        )
        feed_forward = (norm(block.feed_forward_norm), linear(block.feed_forward.up), linear(block.feed_forward.down))
        blocks.append(textbook.Block(norm(block.attention_norm), own, *feed_forward, None if other is None else norm(block.memory_norm), other))
    return blocks


def same_in_value_and_gradient(output: Tensor, x: Tensor, truth) -> None:
    wanted = numbers(*output.shape[1:], seed=99)
    (output[0] * wanted).sum().backward()
    np.testing.assert_allclose(output[0].detach().numpy(), truth(x.detach().numpy()[0]), **EXACT)
    differences = numerical_gradient(lambda x: float((truth(x) * wanted.numpy()).sum()), x.detach().numpy()[0])
    np.testing.assert_allclose(x.grad[0].numpy(), differences, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("time", [1, 6])
@pytest.mark.parametrize(
    "options",
    [
        {"heads": 1, "activation": "relu"},
        {"heads": 2, "feed_forward": 7, "causal": True},
        {"heads": 4, "activation": "swiglu", "causal": True, "rotary": True, "key_value_heads": 2},
    ],
)
def test_the_encoder_follows_the_textbook_in_value_and_gradient(options, time):
    layer = drawn(TransformerEncoder(8, layers=2, **options))
    x = numbers(1, time, 8, seed=50).requires_grad_()
    rest = {name: value for name, value in options.items() if name != "feed_forward"}
    same_in_value_and_gradient(layer(x)[0], x, lambda x: textbook.transformer(x, blocks_of(layer), norm(layer.norm), **rest))


@pytest.mark.parametrize("options", [{"heads": 2}, {"heads": 2, "activation": "swiglu", "rotary": True, "key_value_heads": 1}])
def test_the_decoder_follows_the_textbook_in_value_and_gradient(options):
    layer = drawn(TransformerDecoder(8, layers=2, memory=5, **options))
    x, memory = numbers(1, 6, 8, seed=50).requires_grad_(), numbers(2, 9, 5, seed=51)
    seen = memory[0, :4].numpy()  # the first memory has four positions
    state = layer.init(memory, torch.tensor([4, 9]))
    output, _ = layer(x.expand(2, -1, -1), state=state)

    def truth(x: np.ndarray) -> np.ndarray:
        return textbook.transformer(x, blocks_of(layer), norm(layer.norm), causal=True, memory=seen, **options)

    same_in_value_and_gradient(output[:1], x, truth)
    full = textbook.transformer(x[0].detach().numpy(), blocks_of(layer), norm(layer.norm), causal=True, memory=memory[1].numpy(), **options)
    np.testing.assert_allclose(output[1].detach().numpy(), full, **EXACT)


def test_a_decoder_reads_nothing_from_a_memory_without_positions():
    layer = drawn(TransformerDecoder(4, 2, 2))
    x = numbers(2, 3, 4, seed=1)
    unread, _ = layer(x, state=layer.init(numbers(2, 5, 4, seed=2), torch.tensor([0, 0])))
    empty, _ = layer(x, state=layer.init(numbers(2, 0, 4, seed=2)))
    torch.testing.assert_close(unread, empty, **EXACT)
    truth = textbook.transformer(x[0].numpy(), blocks_of(layer), norm(layer.norm), 2, causal=True, memory=np.zeros((0, 4)))
    np.testing.assert_allclose(empty[0].detach().numpy(), truth, **EXACT)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_it_is_the_transformer_of_torch(activation):
    one = nn.TransformerEncoderLayer(12, 3, 20, activation=activation, batch_first=True, norm_first=True, dropout=0.1, dtype=torch.float64)
    theirs = nn.TransformerEncoder(one, 2, norm=nn.LayerNorm(12, dtype=torch.float64), enable_nested_tensor=False).eval()
    ours = TransformerEncoder(12, 3, 2, feed_forward=20, activation=activation, dropout=0.1).double().eval()
    with torch.no_grad():
        for k, parameter in enumerate(theirs.parameters()):
            parameter.copy_(numbers(*parameter.shape, seed=k) * 0.4)
        for mine, other in zip(ours.blocks, theirs.layers, strict=True):
            attention, other_attention = mine.attention, other.self_attn
            for k, part in enumerate((attention.query, attention.key, attention.value)):
                part.weight.copy_(other_attention.in_proj_weight[12 * k : 12 * k + 12])
                part.bias.copy_(other_attention.in_proj_bias[12 * k : 12 * k + 12])
            attention.output.load_state_dict(other_attention.out_proj.state_dict())
            pairs = [(mine.attention_norm, other.norm1), (mine.feed_forward_norm, other.norm2)]
            for part, other_part in [*pairs, (mine.feed_forward.up, other.linear1), (mine.feed_forward.down, other.linear2)]:
                part.load_state_dict(other_part.state_dict())
        ours.norm.load_state_dict(theirs.norm.state_dict())
    x, lengths = numbers(3, 7, 12, seed=70), torch.tensor([7, 4, 1])
    padded = torch.arange(7) >= lengths[:, None]
    expected = theirs(x, src_key_padding_mask=padded).masked_fill(padded[:, :, None], 0.0)
    torch.testing.assert_close(ours(x, lengths)[0], expected, **EXACT)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_positions_are_added_and_go_on_with_the_state():
    bare, placed = (TransformerEncoder(8, 2, 2, causal=True, position=position) for position in (None, SinusoidalPosition(8)))
    placed.double().eval().load_state_dict(drawn(bare).state_dict())
    x = numbers(1, 6, 8, seed=0)
    table = torch.tensor(textbook_position.sinusoidal(np.arange(6.0), 8))
    torch.testing.assert_close(placed(x)[0], bare(x + table)[0], **EXACT)
    _, state = placed(x[:, :5].expand(2, -1, -1), torch.tensor([5, 2]))
    after, _ = placed.step(x[:, 5].expand(2, -1), state)
    torch.testing.assert_close(after[0], bare(x + table)[0][0, 5], **EXACT)
    torch.testing.assert_close(after[1], bare(torch.cat([x[:, :2] + table[:2], x[:, 5:] + table[2:3]], 1))[0][0, 2], **EXACT)
    with pytest.raises(ShapeError, match="Position 4 has no learnt vector"):
        TransformerEncoder(8, 2, 1, position=LearntPosition(4, 8))(torch.zeros(1, 5, 8))


def test_a_trace_shows_what_every_block_looked_at_and_changes_nothing():
    layer = drawn(TransformerDecoder(8, 2, 3, memory=5))
    x, lengths = numbers(2, 4, 8, seed=0), torch.tensor([4, 2])
    state = layer.init(numbers(2, 7, 5, seed=1), torch.tensor([7, 3]))
    trace = layer.trace(x, lengths, state)
    torch.testing.assert_close(trace.output, layer(x, lengths, state)[0], **EXACT)
    assert [tuple(part.shape) for part in trace.attention] == [(2, 2, 4, 4)] * 3
    assert [tuple(part.shape) for part in trace.memory_attention] == [(2, 2, 4, 7)] * 3
    for part in trace.attention:
        assert not part.triu(1).any() and not part[1, :, 2:].any()
        torch.testing.assert_close(part[0].sum(-1), torch.ones(2, 4).double(), **EXACT)
    for part in trace.memory_attention:
        assert not part[1, :, :, 3:].any()
        torch.testing.assert_close(part[0].sum(-1), torch.ones(2, 4).double(), **EXACT)
    encoder = drawn(TransformerEncoder(8, 2, 2))
    trace = encoder.trace(x, lengths)
    torch.testing.assert_close(trace.output, encoder(x, lengths)[0], **EXACT)
    assert len(trace.attention) == 2 and trace.memory_attention == ()


@pytest.mark.parametrize("activation", ["relu", "gelu", "swiglu"])
@pytest.mark.parametrize(("features", "hidden", "layers", "heads", "shared", "memory"), [(8, 32, 1, 2, 1, None), (12, 7, 3, 6, 3, None), (12, 20, 2, 4, 2, 5)])
def test_parameter_counts(activation, features, hidden, layers, heads, shared, memory):
    options = {"feed_forward": hidden, "activation": activation, "key_value_heads": heads // shared}
    layer = TransformerEncoder(features, heads, layers, **options) if memory is None else TransformerDecoder(features, heads, layers, memory=memory, **options)
    count = textbook.parameter_count(features, layers, hidden, activation=activation, memory=memory, shared=shared)
    assert sum(parameter.numel() for parameter in layer.parameters()) == count


def test_the_usual_widths():
    assert TransformerEncoder(12, 2, 1).blocks[0].feed_forward.down.weight.shape == (12, 48)
    assert TransformerDecoder(12, 2, 1, activation="swiglu").blocks[0].feed_forward.down.weight.shape == (12, 32)
    usual, gated = (sum(p.numel() for p in FeedForward(12, hidden, activation=kind).parameters()) for hidden, kind in ((48, "gelu"), (32, "swiglu")))
    assert gated == pytest.approx(usual, rel=0.02)


@pytest.mark.parametrize("make", [TransformerEncoder, TransformerDecoder])
def test_the_sum_of_all_branches_starts_no_larger_than_the_input(make):
    torch.manual_seed(0)
    layer = make(64, 4, 12)
    branches = 24 if make is TransformerEncoder else 36
    for block in layer.blocks:
        for matrix in block.last_matrices():
            bound = (6 / sum(matrix.shape) / branches) ** 0.5
            assert 0.95 * bound < matrix.abs().max() <= bound
        bound = (6 / (64 + 256)) ** 0.5
        assert 0.95 * bound < block.feed_forward.up.weight.abs().max() <= bound
    x = torch.randn(2, 30, 64)
    within = {}
    layer.norm.register_forward_hook(lambda module, given, output: within.update(x=given[0]))
    state = None if make is TransformerEncoder else layer.init(torch.randn(2, 9, 64))
    layer(x, state=state)
    assert float((within["x"].detach() - x).norm() / x.norm()) < 1


@pytest.mark.parametrize("place", ["input", "branch", "attention", "memory attention", "hidden"])
def test_dropout_acts_in_each_place_by_itself(place):
    """With a share so large that nothing is left of a few numbers, what it acts on is zero."""
    torch.manual_seed(0)
    layer = TransformerDecoder(8, 2, 1, dropout=0.3)
    block = layer.blocks[0]
    places = {"input": layer, "branch": block, "attention": block.attention, "memory attention": block.memory_attention, "hidden": block.feed_forward}
    assert all(part.dropout == 0.3 for part in places.values())
    for name, part in places.items():
        part.dropout = 0.9999 if name == place else 0.0
    seen = {}
    for name, part in {"attention": block.attention.output, "memory attention": block.memory_attention.output, "hidden": block.feed_forward.down}.items():
        part.register_forward_hook(lambda module, given, output, name=name: seen.update({name: given[0]}))
    block.register_forward_hook(lambda module, given, output: seen.update({"input": given[0], "branch": output[0] - given[0]}))
    x, state = torch.randn(1, 3, 8), layer.init(torch.randn(1, 4, 8))
    layer(x, state=state)
    assert not seen[place].any()
    if place != "input":
        assert all(seen[name].any() for name in places if name != place)
    layer.eval()
    layer(x, state=state)
    assert all(seen[name].any() for name in places)


def test_wrong_settings_and_states_are_named():
    with pytest.raises(ConfigError, match='Activation "gellu" is unknown. Did you mean "gelu"'):
        TransformerEncoder(8, 2, 1, activation="gellu")
    with pytest.raises(ConfigError, match="`layers` of a Transformer.*not 0"):
        TransformerEncoder(8, 2, 0)
    with pytest.raises(ConfigError, match="`hidden` of a feed-forward network.*not 0"):
        TransformerEncoder(8, 2, 1, feed_forward=0)
    with pytest.raises(ConfigError, match="`dropout` is a share"):
        TransformerDecoder(8, 2, 1, dropout=1.0)
    with pytest.raises(ConfigError, match="`position` has 4 features, but the Transformer has 8"):
        TransformerEncoder(8, 2, 1, position=SinusoidalPosition(4))
    x = torch.zeros(2, 3, 8)
    decoder, encoder = TransformerDecoder(8, 2, 2), TransformerEncoder(8, 2, 2, causal=True)
    for state in (None, encoder.init(2)):
        with pytest.raises(ConfigError, match=r"pass state=decoder.init\(memory, lengths\)"):
            decoder(x, state=state)
    with pytest.raises(ShapeError, match="2 caches, one a block; this one has 1"):
        encoder(x, state=TransformerEncoder(8, 2, 1, causal=True).init(2))
    with pytest.raises(ShapeError, match="`memory` has 7 features on axis 2, but the layer takes 8"):
        decoder.init(torch.zeros(2, 3, 7))
