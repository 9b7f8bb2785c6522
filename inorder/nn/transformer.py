"""The Transformer, pre-norm: an encoder, also a causal one that goes step by step, and a decoder that reads a memory.

    x ← x + drop(attention(norm(x)))                    to itself; in a causal stack never to a later step
    x ← x + drop(attention(norm(x), memory))            in a decoder
    x ← x + drop(feed_forward(norm(x)))                 down(drop(activation(up(norm(x)))))
    output = norm(x)                                    after the last block

Normalising inside each branch leaves a straight path from the last block to the first, so that deep stacks learn without a long warm-up.
Weights start as Xavier uniform, biases as zero; the last matrix of each branch is divided by the root of how many branches there are, so that
the sum of all of them starts no larger than the input.

Sources: Vaswani et al. 2017, §3; pre-norm: Xiong et al. 2020; scaled start: Radford et al. 2019, §2.3; GELU: Hendrycks & Gimpel 2016; SwiGLU: Shazeer 2020.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError, ShapeError, unknown
from inorder.nn.checking import check_axes, check_share, check_whole, valid_steps, zero_padding
from inorder.nn.multi_head import Cache, MultiHeadAttention
from inorder.nn.position import Position, Turn

ACTIVATIONS = ("gelu", "relu", "swiglu")


class TransformerState(NamedTuple):
    """caches: of each block, its own keys and values so far.   memories: of each block of a decoder, keys and values of the memory; () in an encoder."""

    caches: tuple[Cache, ...]
    memories: tuple[Cache, ...] = ()


class TransformerTrace(NamedTuple):
    """What each block looked at.   attention: (batch, heads, time, source) of each.   memory_attention: the same over a decoder's memory; () in an encoder."""

    output: Tensor
    attention: tuple[Tensor, ...]
    memory_attention: tuple[Tensor, ...]


class FeedForward(nn.Module):
    """The same small network at every step.

        gelu, relu    down(drop(activation(up(x))))
        swiglu        down(drop(silu(a) ⊙ b)),  where up(x) = [a, b]

    features: of input and output.   hidden: units between.   dropout: share of these set to zero in training.

    >>> tuple(FeedForward(4, 16, activation="swiglu")(torch.ones(2, 3, 4)).shape)
    (2, 3, 4)
    """

    def __init__(self, features: int, hidden: int, *, activation: str = "gelu", dropout: float = 0.0) -> None:
        super().__init__()
        check_whole("a feed-forward network", features=features, hidden=hidden)
        check_share(dropout=dropout)
        if activation not in ACTIVATIONS:
            raise unknown("activation", activation, ACTIVATIONS)
        self.activation, self.dropout = activation, dropout
        self.up = nn.Linear(features, 2 * hidden if activation == "swiglu" else hidden)
        self.down = nn.Linear(hidden, features)
        for layer in (self.up, self.down):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., features).   Returns (..., features)."""
        hidden = self.up(x)
        if self.activation == "swiglu":
            a, b = hidden.chunk(2, dim=-1)
            hidden = functional.silu(a) * b
        else:
            hidden = functional.gelu(hidden) if self.activation == "gelu" else functional.relu(hidden)
        output: Tensor = self.down(functional.dropout(hidden, self.dropout, self.training))
        return output


class _Block(nn.Module):
    """One pre-norm block; with `memory` features, one of a decoder.   hidden: None = the usual width."""

    def __init__(
        self,
        features: int,
        heads: int,
        hidden: int | None,
        activation: str,
        dropout: float,
        *,
        causal: bool,
        rotary: bool,
        key_value_heads: int | None,
        memory: int | None = None,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(features)
        self.attention = MultiHeadAttention(features, heads, key_value_heads=key_value_heads, causal=causal, rotary=rotary, dropout=dropout)
        self.memory_norm, self.memory_attention = None, None
        if memory is not None:
            self.memory_norm = nn.LayerNorm(features)
            self.memory_attention = MultiHeadAttention(features, heads, memory=memory, key_value_heads=key_value_heads, dropout=dropout)
        self.feed_forward_norm = nn.LayerNorm(features)
        if hidden is None:
            hidden = max(1, 8 * features // 3) if activation == "swiglu" else 4 * features
        self.feed_forward = FeedForward(features, hidden, activation=activation, dropout=dropout)

    def forward(
        self, x: Tensor, lengths: Tensor | None, cache: Cache | None, memory: Cache | None, turn: Turn | None, weights: bool
    ) -> tuple[Tensor, Cache, Tensor | None, Tensor | None]:
        branch, cache, attention = self.attention.run(self.attention_norm(x), lengths, cache, turn=turn, weights=weights)
        x = x + self._drop(branch)
        memory_attention = None
        if self.memory_norm is not None and self.memory_attention is not None and memory is not None:
            branch, memory_attention = self.memory_attention.attend(self.memory_norm(x), memory, weights=weights)
            x = x + self._drop(branch)
        return x + self._drop(self.feed_forward(self.feed_forward_norm(x))), cache, attention, memory_attention

    def last_matrices(self) -> list[Tensor]:
        """Of each branch."""
        reading = [] if self.memory_attention is None else [self.memory_attention.output.weight]
        return [self.attention.output.weight, *reading, self.feed_forward.down.weight]

    def _drop(self, branch: Tensor) -> Tensor:
        return functional.dropout(branch, self.dropout, self.training)


class _Stack(nn.Module, ABC):
    """Blocks, and what encoder and decoder do alike with them."""

    def __init__(self, features: int, layers: int, block: Callable[[], _Block], position: Position | None, dropout: float) -> None:
        super().__init__()
        check_whole("a Transformer", features=features, layers=layers)
        check_share(dropout=dropout)
        if position is not None and position.features != features:
            raise ConfigError(f"`position` has {position.features} features, but the Transformer has {features}.")
        self.features, self.dropout, self.position = features, dropout, position
        self.blocks = nn.ModuleList(block() for _ in range(layers))
        self.norm = nn.LayerNorm(features)
        last = [matrix for block in self._layers() for matrix in block.last_matrices()]
        with torch.no_grad():
            for matrix in last:
                matrix.mul_(len(last) ** -0.5)

    @abstractmethod
    def _before(self, state: TransformerState | None) -> TransformerState | None:
        """The state to begin with, after a look at it."""

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: TransformerState | None = None) -> tuple[Tensor, TransformerState]:
        """Run over a whole batch.

        x: (batch, time, features).   lengths: (batch,) real steps of each sequence, 0 allowed, on any device; None = all.
        state: what came before, which a decoder always has from `init`; None = nothing.
        Returns output (batch, time, features), zero beyond the lengths, and the state after x.
        """
        traced, state = self._run(x, lengths, state, weights=False)
        return traced.output, state

    def step(self, x: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        """One step.   x: (batch, features).   Returns output (batch, features) and the next state.   Raises ConfigError unless causal."""
        check_axes(x, "batch features", self.features)
        output, state = self(x[:, None], None, state)
        return output[:, 0], state

    def trace(self, x: Tensor, lengths: Tensor | None = None, state: TransformerState | None = None) -> TransformerTrace:
        """As `forward`, with what each block looked at."""
        return self._run(x, lengths, state, weights=True)[0]

    def _run(self, x: Tensor, lengths: Tensor | None, state: TransformerState | None, weights: bool) -> tuple[TransformerTrace, TransformerState]:
        check_axes(x, "batch time features", self.features)
        state = self._before(state)
        valid = valid_steps(lengths, x.shape[0], x.shape[1])
        x = zero_padding(x, valid)
        if self.position is not None:
            x, _ = self.position(x, lengths, None if state is None else state.caches[0].seen())
        x = functional.dropout(x, self.dropout, self.training)
        turn = self._layers()[0].attention.turn(x, None if state is None else state.caches[0])  # the same in every block
        caches, attentions, memory_attentions = [], [], []
        for k, block in enumerate(self._layers()):
            before = None if state is None else state.caches[k]
            memory = None if state is None or not state.memories else state.memories[k]
            x, cache, attention, memory_attention = block(x, lengths, before, memory, turn, weights)
            caches.append(cache)
            attentions.append(attention)
            memory_attentions.append(memory_attention)
        trace = TransformerTrace(zero_padding(self.norm(x), valid), _present(attentions), _present(memory_attentions))
        return trace, TransformerState(tuple(caches), () if state is None else state.memories)

    def _nothing_seen(self, batch: int) -> tuple[Cache, ...]:
        return tuple(block.attention.init(batch) for block in self._layers())

    def _layers(self) -> list[_Block]:
        return [block for block in self.blocks if isinstance(block, _Block)]


class TransformerEncoder(_Stack):
    """Pre-norm blocks of attention to itself and a feed-forward network.

    features: per step, in and out.   heads: of attention; `features` is a multiple.   layers: blocks.
    feed_forward: hidden units of its networks; None = 4·features, with SwiGLU ⌊8·features / 3⌋, which is about as many weights.
    activation: "gelu", "relu" or "swiglu".   dropout: share set to zero in training: of the input, of each branch, of attention weights and of hidden units.
    causal: no step sees a later one, so that it goes step by step.
    position: added to the input, such as SinusoidalPosition(features), and kept in step by the state; None = nothing.
    rotary: queries and keys are turned by their positions instead.   key_value_heads: as in `MultiHeadAttention`.
    Inputs that are symbols come through `Embedding(…, scale=True)`, numbers through a linear layer.

    >>> layer = TransformerEncoder(8, heads=2, layers=3, causal=True, rotary=True)
    >>> output, state = layer(torch.ones(2, 5, 8), lengths=torch.tensor([5, 3]))
    >>> after, state = layer.step(torch.ones(2, 8), state)
    >>> tuple(output.shape), tuple(after.shape), state.caches[0].seen().tolist()
    ((2, 5, 8), (2, 8), [6, 4])
    """

    def __init__(
        self,
        features: int,
        heads: int,
        layers: int,
        *,
        feed_forward: int | None = None,
        activation: str = "gelu",
        dropout: float = 0.0,
        causal: bool = False,
        position: Position | None = None,
        rotary: bool = False,
        key_value_heads: int | None = None,
    ) -> None:
        def block() -> _Block:
            return _Block(features, heads, feed_forward, activation, dropout, causal=causal, rotary=rotary, key_value_heads=key_value_heads)

        super().__init__(features, layers, block, position, dropout)
        self.causal = causal

    def init(self, batch: int) -> TransformerState:
        """The state before the first step: caches of nothing."""
        return TransformerState(self._nothing_seen(batch))

    def _before(self, state: TransformerState | None) -> TransformerState | None:
        if state is not None and not self.causal:
            raise ConfigError("An encoder that is not causal sees later inputs, so it carries no state and does not go step by step; use causal=True.")
        if state is not None and len(state.caches) != len(self.blocks):
            raise ShapeError(f"The state of this encoder has {len(self.blocks)} caches, one a block; this one has {len(state.caches)}.")
        return state


class TransformerDecoder(_Stack):
    """Pre-norm blocks of causal attention to itself, attention to a memory, and a feed-forward network.

    memory: features of the memory; None = `features`. The other settings are those of `TransformerEncoder`; a decoder is always causal.
    The memory's keys and values are computed once, by `init`, and are part of the state.

    >>> layer = TransformerDecoder(8, heads=2, layers=2, memory=6)
    >>> state = layer.init(torch.ones(3, 7, 6), torch.tensor([7, 2, 0]))
    >>> output, state = layer(torch.ones(3, 4, 8), state=state)
    >>> after, state = layer.step(torch.ones(3, 8), state)
    >>> tuple(output.shape), tuple(after.shape)
    ((3, 4, 8), (3, 8))
    """

    def __init__(
        self,
        features: int,
        heads: int,
        layers: int,
        *,
        memory: int | None = None,
        feed_forward: int | None = None,
        activation: str = "gelu",
        dropout: float = 0.0,
        position: Position | None = None,
        rotary: bool = False,
        key_value_heads: int | None = None,
    ) -> None:
        source = features if memory is None else memory

        def block() -> _Block:
            return _Block(features, heads, feed_forward, activation, dropout, causal=True, rotary=rotary, key_value_heads=key_value_heads, memory=source)

        super().__init__(features, layers, block, position, dropout)

    def init(self, memory: Tensor, lengths: Tensor | None = None) -> TransformerState:
        """The state before the first step: the memory, (batch, source, memory) with lengths (batch,), 0 allowed; None = all."""
        memories = tuple(block.memory_attention.remember(memory, lengths) for block in self._layers() if block.memory_attention is not None)
        return TransformerState(self._nothing_seen(memory.shape[0]), memories)

    def _before(self, state: TransformerState | None) -> TransformerState | None:
        if state is None or not len(state.caches) == len(state.memories) == len(self.blocks):
            raise ConfigError("A decoder reads a memory, which is part of its state: pass state=decoder.init(memory, lengths).")
        return state


def _present(parts: list[Tensor | None]) -> tuple[Tensor, ...]:
    return tuple(part for part in parts if part is not None)
