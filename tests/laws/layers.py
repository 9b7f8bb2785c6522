"""Layers that the laws of `test_layers` are tried on: a new one joins by a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from inorder.nn import TCN, Conv1d, LearntPosition, RotaryPosition, SinusoidalPosition


@dataclass(frozen=True)
class Member:
    """make: builds the layer; it is given random weights in float64.   inputs: features of its input.
    causal: no output sees a later input, so it goes step by step.   dropout: it draws random numbers in training.
    """

    make: Callable[[], nn.Module]
    inputs: int = 3
    causal: bool = True
    dropout: bool = False


LAYERS = {
    "convolution": Member(lambda: Conv1d(3, 4, 3, dilation=2)),
    "convolution of one tap": Member(lambda: Conv1d(3, 2, 1, bias=False)),
    "convolution with weight norm": Member(lambda: Conv1d(3, 4, 2, weight_norm=True)),
    "centred convolution": Member(lambda: Conv1d(3, 4, 4, padding="same"), causal=False),
    "TCN": Member(lambda: TCN(3, 4, levels=3, width=2)),
    "TCN with every option": Member(lambda: TCN(3, 4, 2, growth=3, dropout=0.4, weight_norm=True, layer_norm=True), dropout=True),
    "centred TCN": Member(lambda: TCN(3, 4, 2, padding="same", layer_norm=True, dropout=0.2), causal=False, dropout=True),
    "sinusoidal position": Member(lambda: SinusoidalPosition(4), inputs=4),
    "learnt position": Member(lambda: LearntPosition(30, 3)),
    "rotary position": Member(lambda: RotaryPosition(4), inputs=4),
}
