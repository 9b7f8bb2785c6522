"""Multi-head attention: several small attentions side by side, each on its own share of the features.

    headₕ = softmax(Qₕ·Kₕᵀ / √width) · Vₕ          Qₕ, Kₕ, Vₕ: linear in the queries and the memory; width = features / heads
    output = W·[head₁, …] + b

Attending to itself, a causal layer goes step by step: its state is a cache of the keys and values so far. Where weights are not asked for, torch's own
`scaled_dot_product_attention` computes the same numbers without holding them. Where a query may see nothing, its heads are zero.

Sources: Vaswani et al. 2017, §3.2; rotary positions: Su et al. 2021; fewer heads of keys and values than of queries: Shazeer 2019, Ainslie et al. 2023.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError, ShapeError
from inorder.nn.attention import masked_softmax
from inorder.nn.checking import check_axes, check_share, check_whole, valid_steps, zero_padding
from inorder.nn.position import Turn, rotate, turning


class Cache(NamedTuple):
    """What was seen so far.   keys, values: (batch, heads, source, width).   valid: (batch, source) True where a position is real; None = all."""

    keys: Tensor
    values: Tensor
    valid: Tensor | None

    def seen(self) -> Tensor:
        """(batch,) how many real positions there are: where each sequence goes on."""
        if self.valid is None:
            return torch.full((self.keys.shape[0],), self.keys.shape[2], dtype=torch.int64, device=self.keys.device)
        return self.valid.sum(dim=1)


class MultiHeadAttention(nn.Module):
    """Multi-head attention to itself (`layer(x, lengths, state)`) or to a memory (`layer.attend(query, layer.remember(memory, lengths))`).

    features: of the queries and the output.   heads: attentions side by side; `features` is a multiple.   memory: features of the memory; None = `features`.
    key_value_heads: heads of keys and values, each shared by several heads of queries; None = as many.
    causal: attending to itself, no step sees a later one, so that it goes step by step.   rotary: queries and keys are turned by their positions.
    dropout: share of the attention weights set to zero in training.   Weights start as Xavier uniform, biases as zero.

    >>> layer = MultiHeadAttention(8, heads=2, causal=True)
    >>> output, state = layer(torch.ones(3, 5, 8), torch.tensor([5, 2, 0]))
    >>> tuple(output.shape), tuple(state.keys.shape), state.seen().tolist()
    ((3, 5, 8), (3, 2, 5, 4), [5, 2, 0])
    """

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        memory: int | None = None,
        key_value_heads: int | None = None,
        causal: bool = False,
        rotary: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        memory = features if memory is None else memory
        key_value_heads = heads if key_value_heads is None else key_value_heads
        check_whole("an attention", features=features, heads=heads, memory=memory, key_value_heads=key_value_heads)
        check_share(dropout=dropout)
        if features % heads or heads % key_value_heads:
            raise ConfigError(
                f"`features` ({features}) is a multiple of `heads` ({heads}), and `heads` one of `key_value_heads` ({key_value_heads}); here they are not."
            )
        if rotary and features // heads % 2:
            raise ConfigError(f"Rotary positions take pairs of features, but each of the {heads} heads has {features // heads} of the {features}.")
        self.features, self.heads, self.memory, self.key_value_heads = features, heads, memory, key_value_heads
        self.causal, self.rotary, self.dropout, self.width = causal, rotary, dropout, features // heads
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(memory, key_value_heads * self.width)
        self.value = nn.Linear(memory, key_value_heads * self.width)
        self.output = nn.Linear(features, features)
        for layer in (self.query, self.key, self.value, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def init(self, batch: int) -> Cache:
        """The state before the first step: a cache of nothing."""
        nothing = self.key.weight.new_zeros(batch, self.key_value_heads, 0, self.width)
        return Cache(nothing, nothing, None)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Cache | None = None, *, mask: Tensor | None = None) -> tuple[Tensor, Cache]:
        """Attend to itself.

        x: (batch, time, features).   lengths: (batch,) real steps of each sequence, 0 allowed, on any device; None = all.
        state: what came before; None = nothing.
        mask: as in `attend`; its source has what came before and x.
        Returns output (batch, time, features), zero beyond the lengths, and the cache after x (of a layer that is not causal nothing).
        """
        output, state, _ = self._whole(x, lengths, state, mask, weights=False)
        return output, state

    def trace(self, x: Tensor, lengths: Tensor | None = None, state: Cache | None = None, *, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As `forward`, with what each step looked at: (batch, heads, time, source), zero beyond the lengths, in the place of the state."""
        output, _, attention = self._whole(x, lengths, state, mask, weights=True)
        assert attention is not None
        return output, attention

    def run(
        self, x: Tensor, valid: Tensor | None, state: Cache | None, *, turn: Turn | None, mask: Tensor | None = None, weights: bool = False
    ) -> tuple[Tensor, Cache, Tensor | None]:
        """As `forward` or, with `weights`, as both, for an `x` that was looked at; what lies beyond the lengths is left as it comes.

        valid: (batch, time, 1) True where a step is real; None = all.   turn: that of the steps of x, from `turn`.
        """
        if state is not None and not self.causal:
            raise ConfigError("An attention that is not causal sees later inputs, so it carries no state; use causal=True.")
        cache = self._extended(state, x, valid, turn)
        output, attention = self.attend(x, cache, turn=turn, causal=self.causal, mask=mask, weights=weights)
        return output, cache if self.causal else self.init(x.shape[0]), attention

    def step(self, x: Tensor, state: Cache) -> tuple[Tensor, Cache]:
        """One step.   x: (batch, features).   Returns output (batch, features) and the next state.   Raises ConfigError unless causal."""
        if not self.causal:
            raise ConfigError("An attention that is not causal sees later inputs, so it cannot go step by step; use causal=True.")
        check_axes(x, "batch features", self.features)
        output, state = self(x[:, None], None, state)
        return output[:, 0], state

    def turn(self, x: Tensor, cache: Cache | None = None) -> Turn | None:
        """Of the steps of x, (batch, time, …), after those of `cache`, where the layer is rotary; otherwise None."""
        if not self.rotary:
            return None
        positions = torch.arange(x.shape[1], device=x.device)
        positions = positions if cache is None else (cache.seen()[:, None] + positions)[:, None]  # (batch, 1, time), alike for all heads
        return turning(positions, self.width, like=x)

    def remember(self, memory: Tensor, lengths: Tensor | None = None) -> Cache:
        """Keys and values of a memory, (batch, source, memory) with lengths (batch,)."""
        check_axes(memory, "batch source memory", self.memory, name="memory")
        valid = valid_steps(lengths, memory.shape[0], memory.shape[1])
        return self._extended(None, zero_padding(memory, valid), valid, self.turn(memory))

    def attend(
        self,
        query: Tensor,
        memory: Cache,
        *,
        turn: Turn | None = None,
        causal: bool = False,
        mask: Tensor | None = None,
        weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Read a memory.

        query: (batch, target, features).   memory: as `remember` gives it.   turn: of the queries' positions, where rotary; None = from 0.
        causal: the last query belongs to the last position of the memory, and none sees a later one.
        mask: True where a query may see a position: (target, source), (batch, target, source) or (batch, heads, target, source).
        weights: give the attention too, (batch, heads, target, source).
        Returns output (batch, target, features), and attention or None.   Raises ShapeError for a memory of another batch.
        """
        check_axes(query, "batch target features", self.features, name="query")
        batch, target = query.shape[:2]
        self._check_cache(memory, batch, "memory")
        queries = self._split(self.query(query), self.heads)
        turn = self.turn(query) if turn is None else turn
        queries = queries if turn is None else rotate(queries, turn)
        shared = self.heads // self.key_value_heads
        keys, values = (part if shared == 1 else part.repeat_interleave(shared, dim=1) for part in (memory.keys, memory.values))
        source, dropout = keys.shape[2], self.dropout if self.training else 0.0
        plain = memory.valid is None and mask is None and (not causal or target in (1, source))
        visible = None if plain and not weights else self._visible(batch, target, memory, causal, mask)
        if weights or source == 0:
            attention = masked_softmax(queries @ keys.transpose(2, 3) * self.width**-0.5, visible)
            heads = functional.dropout(attention, dropout) @ values
        elif visible is None:
            heads = functional.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout, is_causal=causal and target > 1)
        else:
            blind = ~visible.any(dim=-1, keepdim=True)  # what sees nothing looks everywhere, so that no kernel divides by zero, and is then set to zero
            heads = functional.scaled_dot_product_attention(queries, keys, values, visible | blind, dropout_p=dropout).masked_fill(blind, 0.0)
        output: Tensor = self.output(heads.transpose(1, 2).reshape(batch, target, self.features))
        return output, attention if weights else None

    def extra_repr(self) -> str:
        return f"{self.features}, heads={self.heads}, key_value_heads={self.key_value_heads}, causal={self.causal}, rotary={self.rotary}"

    def _whole(self, x: Tensor, lengths: Tensor | None, state: Cache | None, mask: Tensor | None, weights: bool) -> tuple[Tensor, Cache, Tensor | None]:
        check_axes(x, "batch time features", self.features)
        valid = valid_steps(lengths, x.shape[0], x.shape[1])
        output, state, attention = self.run(zero_padding(x, valid), valid, state, turn=self.turn(x, state), mask=mask, weights=weights)
        if attention is not None and valid is not None:
            attention = zero_padding(attention, valid[:, None])
        return zero_padding(output, valid), state, attention

    def _extended(self, cache: Cache | None, x: Tensor, valid: Tensor | None, turn: Turn | None) -> Cache:
        """The cache with the keys and values of x behind its own."""
        if cache is not None:
            self._check_cache(cache, x.shape[0], "state")
        keys, values = self._split(self.key(x), self.key_value_heads), self._split(self.value(x), self.key_value_heads)
        new = Cache(keys if turn is None else rotate(keys, turn), values, None if valid is None else valid[:, :, 0].to(x.device))
        return new if cache is None else _joined(cache, new)

    def _check_cache(self, cache: Cache, batch: int, name: str) -> None:
        """Raises ShapeError for a cache of another batch or another layer, which torch would stretch to fit where it can."""
        wanted = (batch, self.key_value_heads, cache.keys.shape[2] if cache.keys.ndim == 4 else 0, self.width)
        if not tuple(cache.keys.shape) == tuple(cache.values.shape) == wanted or (cache.valid is not None and tuple(cache.valid.shape) != (batch, wanted[2])):
            raise ShapeError(
                f"`{name}` holds keys and values (batch, heads, source, width) = {wanted}; these have the shapes {tuple(cache.keys.shape)} "
                f"and {tuple(cache.values.shape)}" + ("." if cache.valid is None else f", and `valid` has {tuple(cache.valid.shape)}.")
            )

    def _split(self, x: Tensor, heads: int) -> Tensor:
        """(batch, time, heads·width) -> (batch, heads, time, width)."""
        return x.view(x.shape[0], x.shape[1], heads, self.width).transpose(1, 2)

    def _visible(self, batch: int, target: int, memory: Cache, causal: bool, mask: Tensor | None) -> Tensor | None:
        """True where a query may see a position, broadcast to (batch, heads, target, source); None where it may see all."""
        source, device = memory.keys.shape[2], memory.keys.device
        parts = [] if memory.valid is None else [memory.valid[:, None, None]]
        if causal and target > 1:
            parts.append(torch.arange(source, device=device) <= torch.arange(source - target, source, device=device)[:, None])
        if mask is not None:
            wanted = (batch, self.heads, target, source)
            if mask.dtype != torch.bool or tuple(mask.shape) not in (wanted[2:], (batch, target, source), wanted):
                raise ShapeError(
                    f"`mask` is boolean, True where a query may see a position, with the axes (target, source), (batch, target, source) or (batch, heads, "
                    f"target, source) = {wanted}; this one has the shape {tuple(mask.shape)} and holds {mask.dtype}."
                )
            parts.append(mask[:, None] if mask.ndim == 3 else mask)
        if not parts:
            return None
        visible = parts[0]
        for part in parts[1:]:
            visible = visible & part
        return visible


def _joined(before: Cache, new: Cache) -> Cache:
    valid = None
    if before.valid is not None or new.valid is not None:
        parts = [torch.ones_like(part.keys[:, 0, :, 0], dtype=torch.bool) if part.valid is None else part.valid for part in (before, new)]
        valid = torch.cat(parts, dim=1)
    return Cache(torch.cat([before.keys, new.keys], dim=2), torch.cat([before.values, new.values], dim=2), valid)
