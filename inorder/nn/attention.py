"""Attention of a decoder: which parts of a memory to read.

    scoreₛ = how well memory s answers the query
    α = softmax(score)            over the valid positions of the source
    context = Σₛ αₛ · memoryₛ

    additive (Bahdanau)          scoreₛ = v · tanh(Wq·query + Wm·memoryₛ)          the "concat" of Luong
    multiplicative (Luong)       scoreₛ = query · W·memoryₛ                        "general"; with W = 1 it is "dot"

What depends on the memory alone is computed once, by `init`, so that a step of the decoder costs little. Where no position is valid, as in a memory of
no length, the context is zero.

Sources: Bahdanau, Cho & Bengio 2015, §3.1 and A.1.2; Luong, Pham & Manning 2015, eq. 7-8; Vaswani et al. 2017, eq. 1 (scaled).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from inorder.errors import ConfigError, ShapeError, unknown
from inorder.nn.checking import check_axes, check_whole, valid_steps, zero_padding


class Memory(NamedTuple):
    """What attention reads.

    values: (batch, source, memory) the memory itself, zero beyond its lengths.   keys: (batch, source, scores) what a query is compared with.
    valid: (batch, source) True where a position is real; None = all.
    """

    values: Tensor
    keys: Tensor
    valid: Tensor | None


class AdditiveAttention(nn.Module):
    """Additive attention (Bahdanau): a small network gives the score,  v · tanh(Wq·query + Wm·memoryₛ).

    query, memory: features of each.   hidden: units of the small network. No bias, as in the paper; weights start as Xavier uniform.

    >>> attention = AdditiveAttention(query=4, memory=6, hidden=5)
    >>> memory = attention.init(torch.ones(2, 7, 6), torch.tensor([7, 3]))
    >>> context, weights = attention(torch.ones(2, 4), memory)
    >>> tuple(context.shape), tuple(weights.shape), bool(weights[1, 3:].any())
    ((2, 6), (2, 7), False)
    """

    def __init__(self, query: int, memory: int, hidden: int) -> None:
        super().__init__()
        check_whole("an attention", query=query, memory=memory, hidden=hidden)
        self.query, self.memory, self.hidden = query, memory, hidden
        self.query_weight = nn.Parameter(torch.empty(hidden, query))
        self.memory_weight = nn.Parameter(torch.empty(hidden, memory))
        self.score_weight = nn.Parameter(torch.empty(1, hidden))
        for parameter in self.parameters():
            nn.init.xavier_uniform_(parameter)

    def init(self, memory: Tensor, lengths: Tensor | None = None) -> Memory:
        """Take a memory in: (batch, source, memory), with lengths (batch,), 0 allowed; None = all."""
        return _take_in(memory, lengths, self.memory, self.memory_weight)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Read.   query: (batch, query), or (batch, target, query) for many at once.

        Returns context (batch, memory) or (batch, target, memory), and attention (batch, source) or (batch, target, source), which sums to 1.
        """
        queries = _many(query, self.query, memory)
        hidden = torch.tanh((queries @ self.query_weight.T)[:, :, None] + memory.keys[:, None])  # (batch, target, source, hidden)
        return _read((hidden @ self.score_weight.T)[..., 0], memory, one=query.ndim == 2)


class MultiplicativeAttention(nn.Module):
    """Multiplicative attention (Luong): a product is the score,  query · W·memoryₛ.

    query, memory: features of each.   score: "general", or "dot" without W, for which both have as many features.
    scaled: divide the score by √query, which keeps the softmax soft in wide layers.   W starts as Xavier uniform.

    >>> attention = MultiplicativeAttention(query=2, memory=2, score="dot")
    >>> context, weights = attention(torch.tensor([[0.0, 999.0]]), attention.init(torch.eye(2)[None]))
    >>> weights.tolist(), context.tolist()
    ([[0.0, 1.0]], [[0.0, 1.0]])
    """

    weight: nn.Parameter | None

    def __init__(self, query: int, memory: int, *, score: str = "general", scaled: bool = False) -> None:
        super().__init__()
        check_whole("an attention", query=query, memory=memory)
        if score not in ("general", "dot"):
            raise unknown("score", score, ("general", "dot"))
        if score == "dot" and query != memory:
            raise ConfigError(f'The score "dot" takes as many features of the query ({query}) as of the memory ({memory}); use score="general".')
        self.query, self.memory, self.score, self.scaled = query, memory, score, scaled
        self.register_parameter("weight", nn.Parameter(torch.empty(query, memory)) if score == "general" else None)
        for parameter in self.parameters():
            nn.init.xavier_uniform_(parameter)

    def init(self, memory: Tensor, lengths: Tensor | None = None) -> Memory:
        """Take a memory in: (batch, source, memory), with lengths (batch,), 0 allowed; None = all."""
        return _take_in(memory, lengths, self.memory, self.weight)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Read; queries, context and attention have the shapes that they have in `AdditiveAttention`."""
        queries = _many(query, self.query, memory)
        score = queries @ memory.keys.transpose(1, 2)
        return _read(score * self.query**-0.5 if self.scaled else score, memory, one=query.ndim == 2)


def masked_softmax(score: Tensor, valid: Tensor | None) -> Tensor:
    """Softmax along the last axis over the valid positions; the others get 0, and all do where none is valid.   valid: broadcast to `score`; None = all.

    >>> masked_softmax(torch.zeros(2, 2), torch.tensor([[True, False], [False, False]])).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    if valid is None:
        return score.softmax(dim=-1)
    return score.masked_fill(~valid, torch.finfo(score.dtype).min).softmax(dim=-1).masked_fill(~valid, 0.0)


def _take_in(memory: Tensor, lengths: Tensor | None, features: int, weight: Tensor | None) -> Memory:
    check_axes(memory, "batch source memory", features, name="memory")
    valid = valid_steps(lengths, memory.shape[0], memory.shape[1])
    memory = zero_padding(memory, valid)
    return Memory(memory, memory if weight is None else memory @ weight.T, None if valid is None else valid[:, :, 0].to(memory.device))


def _many(query: Tensor, features: int, memory: Memory) -> Tensor:
    """(batch, target, query), also of one query for each sequence; a memory of another batch is refused."""
    if query.ndim not in (2, 3):
        raise ShapeError(f"`query` has the axes (batch, query) or (batch, target, query); this one has the shape {tuple(query.shape)}.")
    queries = query[:, None] if query.ndim == 2 else query
    check_axes(queries, "batch target query", features, name="query")
    if memory.keys.shape[0] != queries.shape[0]:
        raise ShapeError(f"`memory` is of {memory.keys.shape[0]} sequences, `query` of {queries.shape[0]}; each sequence has its own.")
    return queries


def _read(score: Tensor, memory: Memory, one: bool) -> tuple[Tensor, Tensor]:
    """score: (batch, target, source)."""
    attention = masked_softmax(score, None if memory.valid is None else memory.valid[:, None])
    context = attention @ memory.values
    return (context[:, 0], attention[:, 0]) if one else (context, attention)
