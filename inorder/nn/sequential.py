"""Layers one after the other, such as convolutions below a recurrent layer.

x ← layer₁(x),  x ← layer₂(x),  …          the state is that of each layer
"""

from __future__ import annotations

import inspect
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn

from inorder.errors import ConfigError, ShapeError
from inorder.nn.checking import valid_steps, zero_padding

SequentialState: TypeAlias = tuple[Any, ...]  # of each layer; None of a module that has none


class Sequential(nn.Sequential):
    """As `torch.nn.Sequential`, with lengths and state handed to each layer.

    Layers of this package may be mixed with modules that look at each step by itself, such as torch.nn.Linear, ReLU or Dropout. A module without
    steps gets the lengths where its `forward` has an argument of that name.

    >>> import torch
    >>> from inorder.nn import LSTM, Conv1d
    >>> hybrid = Sequential(Conv1d(3, 8, width=5), nn.ReLU(), LSTM(8, 6), nn.Linear(6, 1))
    >>> output, state = hybrid(torch.ones(2, 9, 3), lengths=torch.tensor([9, 4]))
    >>> after, state = hybrid.step(torch.ones(2, 3), state)
    >>> tuple(output.shape), tuple(after.shape), bool(output[1, 4:].any())
    ((2, 9, 1), (2, 1), False)
    """

    def __init__(self, *layers: nn.Module) -> None:
        if not layers:
            raise ConfigError("Sequential takes one layer or more.")
        super().__init__(*layers)

    def init(self, batch: int) -> SequentialState:
        """The state before the first step, of each layer."""
        return tuple(cast(Any, layer).init(batch) if _carries(layer) else None for layer in self)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: SequentialState | None = None) -> tuple[Tensor, SequentialState]:
        """Run over a whole batch.

        x: (batch, time, inputs).   lengths: (batch,) real steps of each sequence, 0 allowed, on any device; None = all.
        state: what came before; None = nothing.
        Returns output (batch, time, outputs), zero beyond the lengths, and the state after the last real step of each sequence.
        Raises ConfigError for a module whose output is no tensor, such as torch.nn.LSTM.
        """
        before = (None,) * len(self) if state is None else self._whole(state)
        valid = valid_steps(lengths, x.shape[0], x.shape[1])
        x = zero_padding(x, valid)
        after: list[Any] = []
        for layer, given in zip(self, before, strict=True):
            if _carries(layer):
                x, kept = layer(x, lengths, given)
            else:
                x, kept = layer(x, lengths=lengths) if _takes_lengths(type(layer)) else layer(x), None
            if not isinstance(x, Tensor):
                raise ConfigError(f"{type(layer).__name__} returns a {type(x).__name__}, not a tensor; put a layer of inorder.nn in its place.")
            after.append(kept)
        return zero_padding(x, valid), tuple(after)

    def step(self, x: Tensor, state: SequentialState) -> tuple[Tensor, SequentialState]:
        """One step.   x: (batch, inputs).   Returns output (batch, outputs) and the next state.   Raises ConfigError where a layer cannot step."""
        after = []
        for layer, given in zip(self, self._whole(state), strict=True):
            if not _carries(layer) and _takes_lengths(type(layer)):
                raise ConfigError(f"{type(layer).__name__} looks at whole sequences and has no `step`, so these layers do not go step by step.")
            x, kept = cast(Any, layer).step(x, given) if _carries(layer) else (layer(x), None)
            after.append(kept)
        return x, tuple(after)

    def _whole(self, state: SequentialState) -> SequentialState:
        if len(state) != len(self):
            raise ShapeError(f"The state of these {len(self)} layers has one part for each; this one has {len(state)}.")
        return state


def _carries(layer: nn.Module) -> bool:
    """Whether it is a layer of the contract: `layer(x, lengths, state)`, `layer.init`, `layer.step`."""
    return hasattr(layer, "step")


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _takes_lengths(kind: type[nn.Module]) -> bool:
    """Whether `forward` has an argument of that name."""
    return "lengths" in inspect.signature(kind.forward).parameters
