"""Networks for whole sequences: an encoder that gives every step a vector, pooling over the real steps, one matrix.

    h       = encoder(x)                                    (batch, time, width)
    pooled  = [mean over t < length of h[t],  max over t < length of h[t]]
    scores  = W · dropout(pooled) + b                       one a class, or a single number

    cnn         residual blocks of three centred convolutions (8, 5 and 3 taps), each with batch normalisation
    tcn         causal convolutions whose dilation doubles until the longest sequence is seen
    bilstm      an LSTM forwards and one backwards
    cnn-lstm    two centred convolutions, the greatest of every four steps, an LSTM over what is left

Padding changes nothing: every layer and every pooling knows the lengths.

Sources: Wang, Yan & Oates 2017 (FCN, ResNet); Bai, Kolter & Koltun 2018 (TCN); Graves & Schmidhuber 2005 (bidirectional LSTM); Ordóñez & Roggen 2016
(convolutions before an LSTM).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.data.batch import valid_mask
from inorder.errors import unknown
from inorder.nn.checking import check_axes, check_share, check_whole, zero_padding
from inorder.nn.convolution import TCN, Conv1d
from inorder.nn.normalization import BatchNorm
from inorder.nn.recurrent import LSTM

POOL = 4  # steps that cnn-lstm takes the greatest of
TCN_TAPS = 3


class SequenceClassifier(nn.Module):
    """Scores of whole sequences.

    inputs: channels.   outputs: classes, or 1 for a number.   encoder: "cnn", "tcn", "bilstm" or "cnn-lstm".   hidden: channels or units per layer.
    layers: residual blocks, LSTM layers; a TCN has as many as `longest` asks for, and at least these.   longest: steps of the longest sequence.
    dropout: share of the pooled values, and of what lies between layers, set to zero in training.

    >>> network = SequenceClassifier(3, 4, encoder="bilstm", hidden=8)
    >>> tuple(network(torch.ones(2, 10, 3), torch.tensor([10, 4])).shape)
    (2, 4)
    """

    def __init__(self, inputs: int, outputs: int, *, encoder: str = "cnn", hidden: int = 32, layers: int = 1, longest: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        check_whole("a sequence classifier", inputs=inputs, outputs=outputs, hidden=hidden, layers=layers)
        check_share(dropout=dropout)
        if encoder not in ENCODERS:
            raise unknown("encoder", encoder, ENCODERS)
        self.inputs = inputs
        self.encoder, width = ENCODERS[encoder](inputs, hidden, layers, longest, dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width, outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(batch, outputs).   x: (batch, time, inputs).   lengths: (batch,) real steps of each sequence, 0 allowed."""
        check_axes(x, "batch time inputs", self.inputs)
        h, lengths = self.encoder(x, lengths)
        scores: Tensor = self.head(self.dropout(pooled(h, lengths)))
        return scores


def pooled(h: Tensor, lengths: Tensor) -> Tensor:
    """(batch, 2 · width) the mean and the maximum over the real steps; zeros for a sequence without any.

    h: (batch, time, width).   lengths: (batch,).

    >>> pooled(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([2])).tolist()
    [[2.0, 3.0]]
    """
    valid = valid_mask(lengths, h.shape[1])[:, :, None]
    mean = zero_padding(h, valid).sum(dim=1) / lengths.clamp(min=1)[:, None]
    if h.shape[1] == 0:
        return torch.cat([mean, mean], dim=1)
    greatest = h.masked_fill(~valid, -math.inf).amax(dim=1)
    return torch.cat([mean, torch.where(lengths[:, None] > 0, greatest, 0.0)], dim=1)


class Convolutions(nn.Module):
    """Residual blocks of three centred convolutions:  x ← relu(shortcut(x) + norm(conv₃(relu(norm(conv₂(relu(norm(conv₁(x)))))))))."""

    def __init__(self, inputs: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Residual(inputs if k == 0 else hidden, hidden) for k in range(blocks))

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        for block in self.blocks:
            x = block(x, lengths)
        return x, lengths


class _Normed(nn.Module):
    """norm(conv(x)); the convolution needs no bias, since the normalisation has a shift."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.convolution = Conv1d(inputs, outputs, width, padding="same", bias=False)
        self.convolution.reset_parameters(for_relu=True)
        self.norm = BatchNorm(outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.convolution(x, lengths)[0], lengths)
        return normed


class _Residual(nn.Module):
    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.first, self.second, self.third = _Normed(inputs, hidden, 8), _Normed(hidden, hidden, 5), _Normed(hidden, hidden, 3)
        self.shortcut = _Normed(inputs, hidden, 1) if inputs != hidden else None

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        h = functional.relu(self.first(x, lengths))
        h = functional.relu(self.second(h, lengths))
        return functional.relu(self.third(h, lengths) + (x if self.shortcut is None else self.shortcut(x, lengths)))


class Dilated(nn.Module):
    """A TCN that sees the longest sequence whole."""

    def __init__(self, inputs: int, hidden: int, levels: int, longest: int, dropout: float) -> None:
        super().__init__()
        needed = math.ceil(math.log2(max((longest - 1) / (2 * (TCN_TAPS - 1)) + 1, 2)))
        self.tcn = TCN(inputs, hidden, max(levels, needed), TCN_TAPS, dropout=dropout, layer_norm=True)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.tcn(x, lengths)[0], lengths


class Recurrent(nn.Module):
    """An LSTM over the sequence and one over its reverse, side by side."""

    def __init__(self, inputs: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.lstm = LSTM(inputs, hidden, layers, dropout=dropout if layers > 1 else 0.0, bidirectional=True)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.lstm(x, lengths)[0], lengths


class Hybrid(nn.Module):
    """Two convolutions, the greatest of every POOL steps, an LSTM over what is left."""

    def __init__(self, inputs: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.first, self.second = _Normed(inputs, hidden, 8), _Normed(hidden, hidden, 5)
        self.lstm = LSTM(hidden, hidden, layers, dropout=dropout if layers > 1 else 0.0)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        h = functional.relu(self.first(x, lengths))
        h = zero_padding(functional.relu(self.second(h, lengths)), valid_mask(lengths, x.shape[1])[:, :, None])
        beyond = -h.shape[1] % POOL
        h = (
            functional.pad(h, (0, 0, 0, beyond)).reshape(h.shape[0], -1, POOL, h.shape[2]).amax(dim=2)
        )  # zeros of the padding are no greater than what a ReLU gives
        fewer = (lengths + POOL - 1) // POOL
        return self.lstm(h, fewer)[0], fewer


# name -> what makes it of (inputs, hidden, layers, longest, dropout), with the width of its output
ENCODERS: dict[str, Callable[[int, int, int, int, float], tuple[nn.Module, int]]] = {
    "cnn": lambda inputs, hidden, layers, longest, dropout: (Convolutions(inputs, hidden, layers), hidden),
    "tcn": lambda inputs, hidden, layers, longest, dropout: (Dilated(inputs, hidden, layers, longest, dropout), hidden),
    "bilstm": lambda inputs, hidden, layers, longest, dropout: (Recurrent(inputs, hidden, layers, dropout), 2 * hidden),
    "cnn-lstm": lambda inputs, hidden, layers, longest, dropout: (Hybrid(inputs, hidden, layers, dropout), hidden),
}
