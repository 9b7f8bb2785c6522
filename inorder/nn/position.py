"""Positions: how a layer that looks at all steps at once learns which comes when.

    sinusoidal   x[t] + P[t]            P[t, 2i] = sin(t·ω_i),  P[t, 2i+1] = cos(t·ω_i),  ω_i = base^(−2i/features)
    learnt       x[t] + table[t]
    rotary       R(t)·x[t]              the pair (x[2i], x[2i+1]) is turned by the angle t·ω_i

The state is how many steps have gone by in each sequence, (batch,), so that decoding goes on where it stood, each sequence at its own place.

Sources: Vaswani et al. 2017, §3.5 (sinusoidal); Gehring et al. 2017 (learnt); Su et al. 2021, RoFormer, eq. 15 and 34 (rotary; neighbours make
a pair, as there).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError, ShapeError
from inorder.nn.checking import check_axes, check_state, check_whole, valid_steps, zero_padding

BASE = 10_000.0  # wavelengths run from 2π to 2π·base


class Position(nn.Module, ABC):
    """What all three have in common: x[t] ← place(x[t], t)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        check_whole("a position", features=features)
        self.features = features
        self.register_buffer("here", torch.empty(0), persistent=False)  # knows the device

    @abstractmethod
    def place(self, x: Tensor, positions: Tensor) -> Tensor:
        """x: (..., time, features).   positions: (time,) or (..., time), whole numbers from 0."""

    def init(self, batch: int) -> Tensor:
        """The state before the first step: zeros, (batch,)."""
        here: Tensor = self.get_buffer("here")
        return torch.zeros(batch, dtype=torch.int64, device=here.device)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over a whole batch.

        x: (batch, time, features).   lengths: (batch,) real steps of each sequence, 0 allowed, on any device; None = all.
        state: (batch,) steps gone by; None = none.
        Returns output (batch, time, features), zero beyond the lengths, and the steps gone by then.
        """
        check_axes(x, "batch time features", self.features)
        batch, time = x.shape[:2]
        valid = valid_steps(lengths, batch, time)
        positions = torch.arange(time, device=x.device)
        if state is not None:
            check_state(state, (batch,), "batch")
            positions = state[:, None] + positions
        if valid is not None:  # padding stands nowhere in particular; 0 exists in every table
            positions = positions.masked_fill(~valid[:, :, 0].to(x.device), 0)
        output = zero_padding(self.place(zero_padding(x, valid), positions), valid)
        gone = self.init(batch) if state is None else state
        return output, gone + (time if lengths is None else lengths.to(gone.device))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step.   x: (batch, features).   Returns output (batch, features) and the next state."""
        check_axes(x, "batch features", self.features)
        check_state(state, (x.shape[0],), "batch")
        return self.place(x[:, None], state[:, None])[:, 0], state + 1

    def extra_repr(self) -> str:
        return f"{self.features}"


class SinusoidalPosition(Position):
    """Adds sines and cosines of the position: nothing to learn, no longest length.   features: an even number.

    >>> output, state = SinusoidalPosition(4)(torch.zeros(1, 2, 4), state=torch.tensor([7]))
    >>> torch.allclose(output[0, 0], sinusoidal(torch.tensor(7), 4).float()), state.tolist()
    (True, [9])
    """

    def __init__(self, features: int, *, base: float = BASE) -> None:
        super().__init__(features)
        _check_even(features)
        self.base = base

    def place(self, x: Tensor, positions: Tensor) -> Tensor:
        return x + sinusoidal(positions, self.features, self.base).to(x.dtype)


class LearntPosition(Position):
    """Adds a learnt vector for each position.   maximum: positions in the table; a later one raises ShapeError. They start as normal, deviation 0.02.

    >>> layer = LearntPosition(10, 4)
    >>> layer(torch.zeros(1, 3, 4), state=torch.tensor([8]))
    Traceback (most recent call last):
    inorder.errors.ShapeError: Position 10 has no learnt vector: there are 10, for the positions 0 to 9. Use shorter sequences or a larger `maximum`.
    """

    def __init__(self, maximum: int, features: int) -> None:
        super().__init__(features)
        check_whole("a position", maximum=maximum)
        self.maximum = maximum
        self.table = nn.Parameter(torch.empty(maximum, features))
        nn.init.normal_(self.table, std=0.02)

    def place(self, x: Tensor, positions: Tensor) -> Tensor:
        if not torch.compiler.is_compiling() and positions.numel() and int(positions.max()) >= self.maximum:  # compiled, the look-up itself raises
            raise ShapeError(
                f"Position {int(positions.max())} has no learnt vector: there are {self.maximum}, for the positions 0 to {self.maximum - 1}. "
                "Use shorter sequences or a larger `maximum`."
            )
        return x + functional.embedding(positions, self.table)

    def extra_repr(self) -> str:
        return f"{self.maximum}, {self.features}"


class RotaryPosition(Position):
    """Turns pairs of features, so that the product of a query and a key depends on how far apart they are.   features: an even number.

    >>> layer, ones = RotaryPosition(2), torch.ones(1, 9, 2)
    >>> turned, _ = layer(ones)
    >>> torch.allclose(turned[0, 1] @ turned[0, 4], turned[0, 5] @ turned[0, 8])
    True
    """

    def __init__(self, features: int, *, base: float = BASE) -> None:
        super().__init__(features)
        _check_even(features)
        self.base = base

    def place(self, x: Tensor, positions: Tensor) -> Tensor:
        return rotate(x, turning(positions, self.features, self.base, like=x))


def sinusoidal(positions: Tensor, features: int, base: float = BASE) -> Tensor:
    """(..., features) sines and cosines, in turn, of positions (...,).

    >>> [round(value, 4) for value in sinusoidal(torch.tensor(1), 4).tolist()]
    [0.8415, 0.5403, 0.01, 1.0]
    """
    angles = _angles(positions, features, base)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


class Turn(NamedTuple):
    """The angles of positions, ready for use.   cos, sin: (..., time, features / 2)."""

    cos: Tensor
    sin: Tensor


def turning(positions: Tensor, features: int, base: float = BASE, *, like: Tensor) -> Turn:
    """The turn of each position.   positions: (..., time).   like: a tensor of the type that will be turned."""
    angles = _angles(positions, features, base)
    return Turn(angles.cos().to(like.dtype), angles.sin().to(like.dtype))


def rotate(x: Tensor, by: Turn) -> Tensor:
    """Every pair of neighbouring features turned.   x: (..., time, features).

    >>> x = torch.tensor([[1.0, 0.0]])
    >>> rotate(x, turning(torch.tensor([0]), 2, like=x)).tolist()
    [[1.0, 0.0]]
    """
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * by.cos - b * by.sin, a * by.sin + b * by.cos], dim=-1).flatten(-2)


def _angles(positions: Tensor, features: int, base: float) -> Tensor:
    """(..., features / 2), in float64, in which far positions still have exact angles."""
    powers = torch.arange(0, features, 2, dtype=torch.float64, device=positions.device) / features
    return positions[..., None] * base**-powers


def _check_even(features: int) -> None:
    if features % 2:
        raise ConfigError(f"These positions take pairs of features, so `features` is an even number, not {features}.")
