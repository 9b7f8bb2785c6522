"""Attention: which parts of a memory to read.

    scoreₛ = how well memory s answers the query
    α = softmax(score)            over the valid positions of the source; the rows of `attention` sum to 1
    context = Σₛ αₛ · memoryₛ

Multi-head attention: `transformer`.

Sources: Bahdanau, Cho & Bengio 2015, §3.1 and A.1.2 (additive); Luong, Pham & Manning 2015, eq. 7-8 (dot, general); Vaswani et al. 2017, eq. 1 (scaled).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Valid: TypeAlias = NDArray[np.bool_]
Attend: TypeAlias = Callable[[Array, Array, Valid | None], tuple[Array, Array]]  # (query, memory, valid) -> (context, attention)


class AdditiveWeights(NamedTuple):
    """query_weights: (scores, query).   memory_weights: (scores, memory).   score_weights: (scores,)."""

    query_weights: Array
    memory_weights: Array
    score_weights: Array


def softmax(score: Array, valid: Valid | None = None) -> Array:
    """exp(score) / Σ exp(score) along the last axis, over the valid positions; the others get 0.   Raises ValueError where no position is valid.

    >>> softmax(np.array([0.0, 0.0, 1000.0]), np.array([True, True, False])).tolist()
    [0.5, 0.5, 0.0]
    """
    if valid is not None:
        if not valid.any(axis=-1).all():
            row = np.argwhere(~np.atleast_2d(valid).any(axis=-1))[0].tolist()
            raise ValueError(f"No source position of row {row} is valid, so there is nothing to attend to.")
        score = np.where(valid, score, -np.inf)
    weights = np.exp(score - score.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def dot_attention(query: Array, memory: Array, valid: Valid | None = None, scaled: bool = False) -> tuple[Array, Array]:
    """Dot-product attention.

        scoreₛ = query · memoryₛ            / √features where `scaled`

    query: (..., features).   memory: (..., source, features).   valid: (..., source), True = real.
    Returns (context (..., features), attention (..., source)).

    >>> memory = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> context, attention = dot_attention(np.array([0.0, 100.0]), memory)
    >>> attention.round(3).tolist(), context.round(3).tolist()
    ([0.0, 1.0], [0.0, 1.0])
    """
    score = np.einsum("...f,...sf->...s", query, memory)
    if scaled:
        score = score / np.sqrt(query.shape[-1])
    return _read(softmax(np.asarray(score), valid), memory)


def general_attention(query: Array, memory: Array, weights: Array, valid: Valid | None = None, scaled: bool = False) -> tuple[Array, Array]:
    """Multiplicative attention (Luong's "general"): a matrix lies between query and memory, which may differ in size.

        scoreₛ = query · W·memoryₛ          / √query where `scaled`

    query: (..., query).   memory: (..., source, memory).   weights W: (query, memory).   valid: (..., source), True = real.
    Returns (context (..., memory), attention (..., source)).

    >>> turn = np.array([[0.0, 100.0], [100.0, 0.0]])                       # the first feature asks for the second
    >>> general_attention(np.array([1.0, 0.0]), np.eye(2), turn)[1].round(3).tolist()
    [0.0, 1.0]
    """
    score = np.einsum("...q,qm,...sm->...s", query, weights, memory)
    if scaled:
        score = score / np.sqrt(query.shape[-1])
    return _read(softmax(np.asarray(score), valid), memory)


def additive_attention(query: Array, memory: Array, weights: AdditiveWeights, valid: Valid | None = None) -> tuple[Array, Array]:
    """Additive attention (Bahdanau): a small network gives the score.

        scoreₛ = v · tanh(Wq·query + Wm·memoryₛ)

    query: (..., query).   memory: (..., source, memory).   valid: (..., source), True = real.   No bias, as in the paper.
    Returns (context (..., memory), attention (..., source)).

    >>> weights = AdditiveWeights(np.zeros((1, 2)), np.array([[5.0]]), np.array([100.0]))      # prefers large memories, whatever the query
    >>> additive_attention(np.zeros(2), np.array([[-1.0], [1.0]]), weights)[1].round(3).tolist()
    [0.0, 1.0]
    """
    hidden = np.tanh((query @ weights.query_weights.T)[..., None, :] + memory @ weights.memory_weights.T)
    return _read(softmax(np.asarray(hidden @ weights.score_weights), valid), memory)


def _read(attention: Array, memory: Array) -> tuple[Array, Array]:
    return np.asarray(np.einsum("...s,...sf->...f", attention, memory)), attention
