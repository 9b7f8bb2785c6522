"""A recurrent network that gives, at every step, the distribution of the next value.

    h, state = LSTM(x, state)
    location = v·h + a + w·x            the recurrent part, and a straight line past it
    scale    = softplus(u·h + b)

The straight line w·x is an autoregression on the inputs (the last values are among them): what is linear in a series is
learnt by it at once, and the memory is left with the rest. The weights v and u begin at zero, so that before training the
network is that line with a constant scale.

Sources: a distribution from a recurrent state: Salinas, Flunkert, Gasthaus & Januschowski 2020, DeepAR, §3; the line beside
the network: Lai, Chang, Yang & Liu 2018, LSTNet, §3.6.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.nn.recurrent import LSTM, LSTMState

SMALLEST_SCALE = 1e-3  # in units of the scaled series: keeps the likelihood of a constant series finite


class Distribution(NamedTuple):
    """location, scale: (batch, time) over a sequence, (batch,) for one step."""

    location: Tensor
    scale: Tensor


class RecurrentForecaster(nn.Module):
    """LSTM layers with a head that gives location and scale of the next value.

    inputs: features per step.   hidden, layers, dropout: of the LSTM; `dropout` also before the head.

    >>> network = RecurrentForecaster(inputs=4, hidden=8)
    >>> ahead, state = network(torch.ones(2, 10, 4))
    >>> tuple(ahead.location.shape), tuple(state.hidden.shape)
    ((2, 10), (1, 2, 8))
    """

    def __init__(self, inputs: int, hidden: int, layers: int = 1, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.lstm = LSTM(inputs, hidden, layers, dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, 2)
        self.line = nn.Linear(inputs, 1, bias=False)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.line.weight)
        self.set_start(torch.zeros(inputs), 0.0, 1.0)

    def set_start(self, line: Tensor, location: float, scale: float) -> None:
        """Begin with the forecast line·x + location and a constant scale.   line: (inputs,)."""
        with torch.no_grad():
            self.line.weight.copy_(line[None])
            self.head.bias.copy_(torch.tensor([location, math.log(math.expm1(max(scale, 2 * SMALLEST_SCALE) - SMALLEST_SCALE))]))

    def init(self, batch: int) -> LSTMState:
        """The state before the first step."""
        state: LSTMState = self.lstm.init(batch)
        return state

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: LSTMState | None = None) -> tuple[Distribution, LSTMState]:
        """The distribution after each step of whole sequences.   x: (batch, time, inputs).   lengths: (batch,), None = all real."""
        hidden, state = self.lstm(x, lengths, state)
        return self._distribution(hidden, x), state

    def step(self, x: Tensor, state: LSTMState) -> tuple[Distribution, LSTMState]:
        """One step.   x: (batch, inputs)."""
        hidden, state = self.lstm.step(x, state)
        return self._distribution(hidden, x), state

    def _distribution(self, hidden: Tensor, x: Tensor) -> Distribution:
        location, scale = self.head(self.dropout(hidden)).unbind(-1)
        return Distribution(location + self.line(x).squeeze(-1), functional.softplus(scale) + SMALLEST_SCALE)
