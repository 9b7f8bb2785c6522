"""A layer over sequences reads the window step by step, and a head says all steps ahead from what it holds at the end.

    h[1], …, h[window] = encoder(value, missing, covariates, static ones at each step)
    ŷ[t+1 … t+H]       = W·(h[window], what is known ahead) + the same weights at every step · what is known of that step

The encoder is any layer with the contract `layer(x) -> (output, state)`: recurrent, or a dilated stack of causal convolutions.

Sources: direct forecasts from an encoder: Wen, Torkkola, Narayanaswamy & Madeka 2017, A multi-horizon quantile recurrent forecaster, §3; the
encoders: Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014; temporal convolutions: Bai, Kolter & Koltun 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inorder.errors import unknown
from inorder.models.window import Ahead, Sizes, Window, steps
from inorder.nn.convolution import TCN
from inorder.nn.recurrent import GRU, LSTM, RNN

CELLS: dict[str, type[RNN] | type[GRU] | type[LSTM]] = {"lstm": LSTM, "gru": GRU, "rnn": RNN}


class EncoderForecaster(nn.Module):
    """encoder: layer(x) -> (output, state) with outputs of `hidden` features, which takes `inputs_of(sizes)`.   dropout: before the head.

    >>> sizes = Sizes(window=8, horizon=3)
    >>> network = EncoderForecaster(sizes, recurrent("gru", inputs_of(sizes), 16), 16)
    >>> network.head.weight.shape
    torch.Size([3, 16])
    """

    def __init__(self, sizes: Sizes, encoder: nn.Module, hidden: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes, self.encoder, self.dropout = sizes, encoder, nn.Dropout(dropout)
        self.head = nn.Linear(hidden + sizes.horizon * sizes.ahead, sizes.horizon * sizes.outputs)
        self.ahead = Ahead(sizes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, window: Window) -> Tensor:
        """(batch, horizon, outputs)."""
        output, _ = self.encoder(steps(window))
        last = torch.cat([self.dropout(output[:, -1]), window.ahead.flatten(1)], dim=1)
        return torch.as_tensor(self.head(last).reshape(-1, self.sizes.horizon, self.sizes.outputs) + self.ahead(window))


def inputs_of(sizes: Sizes) -> int:
    """Features of one step of the window."""
    return 2 + sizes.covariates + sizes.static


def recurrent(cell: str, inputs: int, hidden: int, layers: int = 1, dropout: float = 0.0) -> nn.Module:
    """A stack of LSTM, GRU or plain recurrent layers.   dropout: between layers."""
    if cell not in CELLS:
        raise unknown("cell", cell, CELLS)
    return CELLS[cell](inputs, hidden, layers, dropout=dropout if layers > 1 else 0.0)


def convolutional(inputs: int, hidden: int, width: int, window: int, dropout: float = 0.0) -> TCN:
    """A dilated stack of causal convolutions with as many levels as it takes to see the whole window.

    >>> convolutional(1, 4, width=3, window=24).receptive_field
    29
    """
    levels = 1
    while TCN(1, 1, levels, width).receptive_field < window:
        levels += 1
    return TCN(inputs, hidden, levels, width, dropout=dropout)
