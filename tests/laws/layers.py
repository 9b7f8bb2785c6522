"""Layers that the laws of `test_layers` are tried on: a new one joins by a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inorder.nn import (
    GRU,
    LSTM,
    RNN,
    TCN,
    Conv1d,
    LearntPosition,
    MinGRU,
    MinLSTM,
    MultiHeadAttention,
    RotaryPosition,
    Sequential,
    SinusoidalPosition,
    TransformerDecoder,
    TransformerEncoder,
)


@dataclass(frozen=True)
class Member:
    """make: builds the layer; it is given random weights in float64.   inputs: features of its input.
    causal: no output sees a later input, so it goes step by step.   dropout: it draws random numbers in training.
    begins: it takes a state to begin with, also where it is not causal.
    """

    make: Callable[[], nn.Module]
    inputs: int = 3
    causal: bool = True
    dropout: bool = False
    begins: bool = False


class OverOneMemory(nn.Module):
    """A decoder that reads the same memory for every sequence, so that it is made by `init(batch)` as other layers are."""

    def __init__(self, decoder: TransformerDecoder, features: int) -> None:
        super().__init__()
        self.decoder = decoder
        self.register_buffer("memory", torch.linspace(-1, 1, 5 * features).reshape(1, 5, features))

    def init(self, batch: int) -> tuple:
        return self.decoder.init(self.memory.expand(batch, -1, -1))

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: tuple | None = None) -> tuple[Tensor, tuple]:
        return self.decoder(x, lengths, self.init(x.shape[0]) if state is None else state)

    def step(self, x: Tensor, state: tuple) -> tuple[Tensor, tuple]:
        return self.decoder.step(x, state)


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
    "attention to itself": Member(lambda: MultiHeadAttention(6, 2), inputs=6, causal=False),
    "causal attention": Member(lambda: MultiHeadAttention(6, 3, causal=True), inputs=6),
    "causal attention with every option": Member(
        lambda: MultiHeadAttention(8, 4, key_value_heads=2, causal=True, rotary=True, dropout=0.3), inputs=8, dropout=True
    ),
    "encoder": Member(lambda: TransformerEncoder(4, 2, 2, feed_forward=5, dropout=0.2), inputs=4, causal=False, dropout=True),
    "causal encoder": Member(lambda: TransformerEncoder(4, 2, 2, feed_forward=5, causal=True, position=SinusoidalPosition(4)), inputs=4),
    "causal encoder with every option": Member(
        lambda: TransformerEncoder(8, 4, 1, activation="swiglu", dropout=0.2, causal=True, position=LearntPosition(30, 8), rotary=True, key_value_heads=2),
        inputs=8,
        dropout=True,
    ),
    "decoder": Member(lambda: OverOneMemory(TransformerDecoder(4, 2, 2, memory=3, feed_forward=5, position=SinusoidalPosition(4)), 3), inputs=4),
    "decoder with every option": Member(
        lambda: OverOneMemory(TransformerDecoder(4, 2, 1, activation="relu", dropout=0.2, rotary=True, key_value_heads=1), 4), inputs=4, dropout=True
    ),
    "hybrid": Member(lambda: Sequential(Conv1d(3, 4, 3), nn.ReLU(), nn.LayerNorm(4), TCN(4, 3, 1), nn.Dropout(0.3), nn.Linear(3, 2)), dropout=True),
    "centred hybrid": Member(lambda: Sequential(Conv1d(3, 4, 3, padding="same"), nn.Tanh(), TCN(4, 3, 1)), causal=False),
    "RNN": Member(lambda: RNN(3, 4, 2)),
    "RNN with every option": Member(
        lambda: RNN(3, 3, 2, activation="relu", layer_norm=True, residual=True, learn_initial_state=True, dropout=0.2, recurrent_dropout=0.2, zoneout=0.2),
        dropout=True,
    ),
    "GRU": Member(lambda: GRU(3, 4, 2)),
    "GRU with the reset before the product": Member(lambda: GRU(3, 4, 2, reset_after=False, layer_norm=True, zoneout=0.1), dropout=True),
    "GRU in both directions": Member(lambda: GRU(3, 4, 2, bidirectional="sum", residual=True), causal=False, begins=True),
    "LSTM": Member(lambda: LSTM(3, 4, 2)),
    "LSTM without biases": Member(lambda: LSTM(3, 4, bias=False)),
    "LSTM with every option": Member(
        lambda: LSTM(3, 5, 2, layer_norm=True, peepholes=True, projection=3, recurrent_dropout=0.2, zoneout=0.1, cell_zoneout=0.3, dropout=0.2, residual=True),
        dropout=True,
    ),
    "LSTM with coupled gates": Member(lambda: LSTM(3, 4, 2, coupled_gates=True, peepholes=True, learn_initial_state=True)),
    "LSTM in both directions": Member(lambda: LSTM(3, 4, 2, bidirectional=True), causal=False, begins=True),
    "MinGRU": Member(lambda: MinGRU(3, 4, 2)),
    "MinGRU in both directions": Member(lambda: MinGRU(3, 4, 2, bidirectional=True), causal=False, begins=True),
    "MinLSTM": Member(lambda: MinLSTM(3, 4)),
    "MinLSTM with every option": Member(lambda: MinLSTM(3, 3, 2, dropout=0.3, residual=True, positive=False), dropout=True),
}
