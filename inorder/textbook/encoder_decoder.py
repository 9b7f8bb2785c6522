"""Encoder and decoder: one sequence is read into a memory, another is written from it.

    encoder     memory hₛ, state = unroll(source)
    decoder     state₀ = init(batch)          y, stateₜ = step(xₜ, stateₜ₋₁)

With a fixed context the decoder sees the encoder's last state and nothing else of the source: a bottleneck, the same size for five words
and for fifty. With attention it reads the whole memory anew at every step.

Sources: Sutskever, Vinyals & Le 2014 (last state as first state); Cho et al. 2014 (context fed at every step);
Bahdanau, Cho & Bengio 2015, eq. 4-6 and A.1 (attention with the previous state as the query).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inorder.textbook.attention import Attend, Valid
from inorder.textbook.recurrent import LSTMState, Step, unroll

Array: TypeAlias = NDArray[np.float64]


class Decoder(NamedTuple):
    """`init(batch) -> state` and `step(x, state) -> (y, state)`: what greedy search, beam search and teacher forcing run."""

    init: Callable[[tuple[int, ...]], Any]
    step: Callable[[Any, Any], tuple[Array, Any]]


class AttentionState(NamedTuple):
    """cell: the state of the decoder's cell.   context: (..., memory) what was read last.   attention: (..., source) from where."""

    cell: Any
    context: Array
    attention: Array


def encode(step: Step, source: Array, weights: Any, state: Any = None) -> tuple[Array, Any]:
    """The memory, (..., source, hidden), and the last state, which sums the whole source up: the fixed context.

    source: (..., source, input).

    >>> from inorder.textbook.recurrent import RNNWeights, rnn_step
    >>> memory, context = encode(rnn_step, np.array([[0.0], [1.0]]), RNNWeights(np.array([[1.0]]), np.array([[1.0]]), np.zeros(1)))
    >>> memory.round(3).tolist(), context.round(3).tolist()
    ([[0.0], [0.762]], [0.762])
    """
    return unroll(step, source, weights, state)


def fixed_context_decoder(step: Step, weights: Any, context: Any, feed: bool = False) -> Decoder:
    """A decoder that knows the source by the encoder's last state alone.

        state₀ = context                    and where `feed`, x ← [x; h of context] at every step

    context: a state of the cell, (..., hidden).   step: the cell, e.g. `gru_step`; with `feed` its weights take input + hidden features.

    >>> from inorder.textbook.recurrent import RNNWeights, rnn_step
    >>> decoder = fixed_context_decoder(rnn_step, RNNWeights(np.array([[1.0]]), np.array([[1.0]]), np.zeros(1)), context=np.array([0.5]))
    >>> y, state = decoder.step(np.array([0.25]), decoder.init(()))
    >>> y.round(4).tolist()                                             # tanh(0.25 + 0.5)
    [0.6351]
    """
    fixed = hidden_of(context)

    def decoder_step(x: Array, state: Any) -> tuple[Array, Any]:
        return step(_join(x, fixed) if feed else x, state, weights)

    return Decoder(lambda batch: _repeat(context, batch), decoder_step)


def attention_decoder(step: Step, weights: Any, memory: Array, attend: Attend, first: Any, valid: Valid | None = None) -> Decoder:
    """A decoder that reads the memory before every step.

        contextₜ, αₜ = attend(hₜ₋₁, memory)            the previous state asks
        hₜ = step([xₜ; contextₜ], hₜ₋₁)

    memory: (..., source, memory).   attend: `dot_attention`, or `additive_attention` with its weights bound.   first: the first state of the cell.
    valid: (..., source), True = real.   y is hₜ; the state keeps `attention` for the plot.

    >>> from inorder.textbook.attention import dot_attention
    >>> from inorder.textbook.recurrent import RNNWeights, rnn_step
    >>> memory = np.array([[9.0], [0.0]])
    >>> decoder = attention_decoder(rnn_step, RNNWeights(np.array([[1.0, 0.1]]), np.array([[0.0]]), np.zeros(1)), memory, dot_attention, np.array([1.0]))
    >>> y, state = decoder.step(np.array([0.0]), decoder.init(()))
    >>> state.attention.round(3).tolist(), y.round(3).tolist()          # all on the first word; tanh(0.1 · 9)
    ([1.0, 0.0], [0.716])
    """

    def init(batch: tuple[int, ...]) -> AttentionState:
        cell = _repeat(first, batch)
        source, features = memory.shape[-2:]
        return AttentionState(cell, np.zeros((*batch, features)), np.zeros((*batch, source)))

    def decoder_step(x: Array, state: AttentionState) -> tuple[Array, AttentionState]:
        context, attention = attend(hidden_of(state.cell), memory, valid)
        y, cell = step(_join(x, context), state.cell, weights)
        return y, AttentionState(cell, context, attention)

    return Decoder(init, decoder_step)


def over_tokens(decoder: Decoder, embedding: Array, output_weights: Array, output_bias: Array) -> Decoder:
    """The same decoder between tokens: `step(token, state) -> (log_probabilities, state)`, ready for `greedy` and `beam_search`.

        x = embedding[token]        log p = log_softmax(V·y + b)

    embedding: (vocab, input).   output_weights V: (vocab, hidden).   output_bias b: (vocab,).   token: a whole number, or (...) of them.

    >>> from inorder.textbook.greedy import greedy
    >>> echo = Decoder(lambda batch: None, lambda x, state: (x, state))
    >>> tokens = over_tokens(echo, np.eye(3), np.roll(np.eye(3), 1, axis=0), np.zeros(3))             # each token calls for the next one
    >>> greedy(tokens.step, tokens.init(()), begin=0, end=0, max_length=9).tokens
    (1, 2, 0)
    """

    def step(token: Any, state: Any) -> tuple[Array, Any]:
        y, state = decoder.step(embedding[token], state)
        logits = y @ output_weights.T + output_bias
        highest = logits.max(axis=-1, keepdims=True)
        return np.asarray(logits - highest - np.log(np.exp(logits - highest).sum(axis=-1, keepdims=True))), state

    return Decoder(decoder.init, step)


def hidden_of(state: Any) -> Array:
    """h, of a state that is h or (h, c).

    >>> hidden_of(LSTMState(np.array([1.0]), np.array([2.0]))).tolist()
    [1.0]
    """
    return np.asarray(state.hidden if isinstance(state, LSTMState) else state)


def _join(x: Array, y: Array) -> Array:
    """[x; y] along the last axis; batch axes of y broadcast to those of x and the other way round."""
    batch = np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    return np.concatenate([np.broadcast_to(x, (*batch, x.shape[-1])), np.broadcast_to(y, (*batch, y.shape[-1]))], axis=-1)


def _repeat(state: Any, batch: tuple[int, ...]) -> Any:
    """A state for a whole batch; one that has its batch axes already stays as it is."""
    if isinstance(state, LSTMState):
        return LSTMState(_repeat(state.hidden, batch), _repeat(state.cell, batch))
    return np.broadcast_to(state, (*batch, state.shape[-1]))
