"""Additive and multiplicative attention follow the textbook in value and gradient, over memories of every length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from inorder.errors import ConfigError, ShapeError
from inorder.nn import AdditiveAttention, MultiplicativeAttention
from inorder.nn.attention import masked_softmax
from inorder.textbook import attention as textbook
from inorder.textbook.gradient import numerical_gradient

LENGTHS = [7, 3, 0, 1]
Truth = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def numbers(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def additive(query: int, memory: int) -> tuple[AdditiveAttention, Truth]:
    layer = AdditiveAttention(query, memory, hidden=4).double()
    weights = textbook.AdditiveWeights(layer.query_weight.detach().numpy(), layer.memory_weight.detach().numpy(), layer.score_weight[0].detach().numpy())
    return layer, lambda q, m: textbook.additive_attention(q, m, weights)


def general(query: int, memory: int, scaled: bool = False) -> tuple[MultiplicativeAttention, Truth]:
    layer = MultiplicativeAttention(query, memory, scaled=scaled).double()
    weights = layer.weight.detach().numpy()
    return layer, lambda q, m: textbook.general_attention(q, m, weights, scaled=scaled)


def dot(query: int, memory: int, scaled: bool = False) -> tuple[MultiplicativeAttention, Truth]:
    return MultiplicativeAttention(memory, memory, score="dot", scaled=scaled).double(), lambda q, m: textbook.dot_attention(q, m, scaled=scaled)


KINDS = {
    "additive": additive,
    "general": general,
    "general, scaled": lambda query, memory: general(query, memory, True),
    "dot": dot,
    "dot, scaled": lambda query, memory: dot(query, memory, True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_follows_the_textbook_in_value_and_gradient(kind):
    torch.manual_seed(0)
    layer, truth = KINDS[kind](3, 5)
    memory, query = numbers(4, 7, 5, seed=1).requires_grad_(), numbers(4, 2, layer.query, seed=2).requires_grad_()
    poisoned = torch.where(torch.arange(7)[:, None] < torch.tensor(LENGTHS)[:, None, None], memory, torch.nan)
    context, attention = layer(query, layer.init(poisoned, torch.tensor(LENGTHS)))
    wanted = numbers(4, 2, 5, seed=3)
    (context * wanted).sum().backward()
    assert not query.grad.isnan().any() and not memory.grad.isnan().any()
    assert all(not parameter.grad.isnan().any() for parameter in layer.parameters())
    for i, n in enumerate(LENGTHS):
        assert not attention[i, :, n:].any()
        assert not memory.grad[i, n:].any()
        if n == 0:
            assert not context[i].any()
            continue
        np.testing.assert_allclose(attention[i].sum(-1).detach().numpy(), 1.0, rtol=1e-12)
        for t in range(2):
            expected = truth(query[i, t].detach().numpy(), memory[i, :n].detach().numpy())
            np.testing.assert_allclose(context[i, t].detach().numpy(), expected[0], rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(attention[i, t, :n].detach().numpy(), expected[1], rtol=1e-10, atol=1e-12)
            loss = numerical_gradient(
                lambda q, i=i, n=n, t=t: float(truth(q, memory[i, :n].detach().numpy())[0] @ wanted[i, t].numpy()), query[i, t].detach().numpy()
            )
            np.testing.assert_allclose(query.grad[i, t].numpy(), loss, rtol=1e-6, atol=1e-8)
        loss = numerical_gradient(
            lambda m, i=i: sum(float(truth(query[i, t].detach().numpy(), m)[0] @ wanted[i, t].numpy()) for t in range(2)), memory[i, :n].detach().numpy()
        )
        np.testing.assert_allclose(memory.grad[i, :n].numpy(), loss, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_one_query_is_many_of_one_and_gradients_reach_the_weights(kind):
    torch.manual_seed(0)
    layer, _ = KINDS[kind](3, 3)
    memory, query = numbers(2, 5, 3, seed=1), numbers(2, 3, seed=2)
    read = layer.init(memory)
    for one, many in zip(layer(query, read), layer(query[:, None], read), strict=True):
        torch.testing.assert_close(one, many[:, 0], rtol=0, atol=1e-14)
    names = [name for name, _ in layer.named_parameters()]

    def run(memory: Tensor, *weights: Tensor) -> Tensor:
        values = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(_Whole(layer), {f"layer.{name}": value for name, value in values.items()}, (query, memory))

    leaves = [parameter.detach().clone().requires_grad_() for parameter in (memory, *layer.parameters())]
    assert torch.autograd.gradcheck(run, leaves)


class _Whole(torch.nn.Module):
    """Memory taken in and read in one call."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, query: Tensor, memory: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.layer(query, self.layer.init(memory, lengths))[0]


@pytest.mark.parametrize("kind", KINDS)
def test_it_compiles_and_is_exported_with_any_batch_and_source(kind):
    layer, _ = KINDS[kind](3, 3)
    whole = _Whole(layer)
    batch, source = torch.export.Dim("batch", min=2, max=64), torch.export.Dim("source", min=2, max=64)
    dims = {"query": {0: batch}, "memory": {0: batch, 1: source}, "lengths": {0: batch}}
    example = (numbers(3, 3, seed=1), numbers(3, 5, 3, seed=2), torch.tensor([5, 0, 2]))
    program = torch.export.export(whole, example, dynamic_shapes=dims).module()
    query, memory, lengths = numbers(2, 3, seed=3), numbers(2, 9, 3, seed=4), torch.tensor([9, 1])
    torch.testing.assert_close(program(query, memory, lengths), whole(query, memory, lengths), rtol=0, atol=1e-14)
    torch._dynamo.reset()
    compiled = torch.compile(whole, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(query, memory, lengths), whole(query, memory, lengths), rtol=0, atol=1e-14)


def test_what_depends_on_the_memory_alone_is_computed_once():
    layer, _ = additive(3, 5)
    read = layer.init(numbers(1, 4, 5, seed=0))
    with torch.no_grad():
        layer.memory_weight.zero_()
    assert layer(numbers(1, 3, seed=1), read)[1].std() > 0, "the projection made before is what is read"
    read = layer.init(numbers(1, 4, 5, seed=0))
    assert layer(numbers(1, 3, seed=1), read)[1].std() == 0


def test_masked_softmax_is_safe_with_huge_scores():
    score = torch.tensor([[1e30, -1e30, 0.0], [-1e30, -1e30, 5.0]])
    valid = torch.tensor([[True, True, False], [True, True, False]])
    assert masked_softmax(score, valid).tolist() == [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
    half = masked_softmax(torch.tensor([[2.0, 1.0]], dtype=torch.bfloat16), torch.tensor([[True, False]]))
    assert half.tolist() == [[1.0, 0.0]]


def test_wrong_sizes_are_named():
    with pytest.raises(ConfigError, match=r'"dot" takes as many features of the query \(3\) as of the memory \(4\)'):
        MultiplicativeAttention(3, 4, score="dot")
    with pytest.raises(ConfigError, match='Score "generel" is unknown. Did you mean "general"'):
        MultiplicativeAttention(3, 4, score="generel")
    layer = AdditiveAttention(3, 4, 5)
    with pytest.raises(ShapeError, match="`memory` has 3 features on axis 2, but the layer takes 4"):
        layer.init(torch.zeros(2, 5, 3))
    with pytest.raises(ShapeError, match=r"`lengths\[0\]` is 6"):
        layer.init(torch.zeros(2, 5, 4), torch.tensor([6, 1]))
    with pytest.raises(ShapeError, match="`query` has 4 features"):
        layer(torch.zeros(2, 4), layer.init(torch.zeros(2, 5, 4)))
    with pytest.raises(ShapeError, match=r"this one has the shape \(3,\)"):
        layer(torch.zeros(3), layer.init(torch.zeros(2, 5, 4)))
    for attention in (layer, MultiplicativeAttention(3, 4)):
        with pytest.raises(ShapeError, match="`memory` is of 1 sequences, `query` of 2"):
            attention(torch.zeros(2, 3), attention.init(torch.zeros(1, 5, 4)))
    with pytest.raises(ConfigError, match="`hidden` of an attention"):
        AdditiveAttention(3, 4, 0)
