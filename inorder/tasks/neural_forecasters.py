"""The kinds of forecasters over windows: each a network and its own settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from inorder.errors import ConfigError, unknown
from inorder.forecast.base import check_whole
from inorder.models.attention_forecaster import PatchForecaster
from inorder.models.es_rnn import ESRNN
from inorder.models.linear_forecaster import LinearForecaster
from inorder.models.nhits import NHiTS
from inorder.models.recurrent_forecaster import CELLS, EncoderForecaster, convolutional, inputs_of, recurrent
from inorder.models.window import Sizes
from inorder.nn.checking import check_share
from inorder.tasks.window_forecaster import WindowForecaster
from inorder.tasks.window_inputs import WindowBatch
from inorder.tasks.window_outputs import answer

LINEAR = ("dlinear", "nlinear")


@dataclass(frozen=True, kw_only=True)
class DLinearForecaster(WindowForecaster):
    """Each step ahead is a weighted sum of the window, the same for all series.

        trend = moving average of the window;   ŷ[t+1 … t+H] = W·trend + V·(window − trend)

    kind: "dlinear", or "nlinear" without the decomposition.   kernel: steps of the moving average.
    The other settings are those of all forecasters over windows (`WindowForecaster`).

    Source: Zeng, Chen, Zhang & Xu 2023, Are Transformers effective for time series forecasting?

    >>> import numpy as np
    >>> y = np.tile([1.0, 3.0, 2.0, 6.0], 12)
    >>> DLinearForecaster(season_length=4, max_epochs=60, learning_rate=0.02).fit(y).predict(4).mean.round().tolist()
    [1.0, 3.0, 2.0, 6.0]
    """

    name = "dlinear"
    kind: str = "dlinear"
    kernel: int = 25
    batch_size: int = 32
    learning_rate: float = 3e-3
    normalisation: str = "mean"

    def __post_init__(self) -> None:
        if self.kind not in LINEAR:
            raise unknown("kind", str(self.kind), LINEAR)
        check_whole("kernel", self.kernel, 1)
        super().__post_init__()

    def build(self, sizes: Sizes) -> nn.Module:
        return LinearForecaster(sizes, self.kernel if self.kind == "dlinear" else None)


@dataclass(frozen=True, kw_only=True)
class NHiTSForecaster(WindowForecaster):
    """Blocks of perceptrons that explain the window one after the other, slow movements first, quick ones last.

        residual ← residual − backcast(pool(residual));   ŷ ← ŷ + interpolate(θ)

    pools: values in one maximum, of each stack.   stretches: steps ahead per knot, of each stack.   blocks: per stack.
    hidden_size, layers, dropout: of the perceptron of each block.   With pools and stretches of 1 they are the generic blocks of N-BEATS.
    The other settings are those of all forecasters over windows (`WindowForecaster`).

    Source: Challu, Olivares, Oreshkin, Ramírez, Canseco & Dubrawski 2023, N-HiTS; Oreshkin, Carpov, Chapados & Bengio 2020, N-BEATS.
    """

    name = "nhits"
    pools: tuple[int, ...] = (4, 2, 1)
    stretches: tuple[int, ...] = (8, 4, 1)
    blocks: int = 1
    hidden_size: int = 128
    layers: int = 2
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for key in ("pools", "stretches"):
            object.__setattr__(self, key, _whole_numbers(key, getattr(self, key)))
        if len(self.pools) != len(self.stretches) or not self.pools:
            raise ConfigError(f"`pools` and `stretches` have one number for each stack; these have {len(self.pools)} and {len(self.stretches)}.")
        for key in ("blocks", "hidden_size", "layers"):
            check_whole(key, getattr(self, key), 1)
        check_share(dropout=self.dropout)
        super().__post_init__()

    def build(self, sizes: Sizes) -> nn.Module:
        return NHiTS(sizes, self.pools, self.stretches, blocks=self.blocks, hidden=self.hidden_size, layers=self.layers, dropout=self.dropout)


@dataclass(frozen=True, kw_only=True)
class RNNForecaster(WindowForecaster):
    """A recurrent network reads the window, and says all steps ahead from what it holds at the end; with `recursive` one step at a time.

        h[t] = cell(x[t], h[t−1]);   ŷ[t+1 … t+H] = W·h[t]

    cell: "lstm", "gru" or "rnn".   hidden_size: units per layer.   layers: of them.   dropout: between layers and before the output, in training.
    The other settings are those of all forecasters over windows (`WindowForecaster`).

    Source: Wen, Torkkola, Narayanaswamy & Madeka 2017; Cho et al. 2014; Hochreiter & Schmidhuber 1997.
    """

    name = "recurrent"
    cell: str = "gru"
    hidden_size: int = 64
    layers: int = 1
    dropout: float = 0.0
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise unknown("cell", str(self.cell), CELLS)
        for key in ("hidden_size", "layers"):
            check_whole(key, getattr(self, key), 1)
        check_share(dropout=self.dropout)
        super().__post_init__()

    def build(self, sizes: Sizes) -> nn.Module:
        encoder = recurrent(self.cell, inputs_of(sizes), self.hidden_size, self.layers, self.dropout)
        return EncoderForecaster(sizes, encoder, self.hidden_size, dropout=self.dropout)


@dataclass(frozen=True, kw_only=True)
class TCNForecaster(WindowForecaster):
    """A dilated stack of causal convolutions reads the window, with as many levels as it takes to see all of it.

        h = relu(conv(x));   x ← relu(x + h);   ŷ[t+1 … t+H] = W·x[t]

    hidden_size: channels.   width: taps of each kernel.   dropout: of channels, in training.
    The other settings are those of all forecasters over windows (`WindowForecaster`).

    Source: Bai, Kolter & Koltun 2018, An empirical evaluation of generic convolutional and recurrent networks for sequence modeling.
    """

    name = "tcn"
    hidden_size: int = 32
    width: int = 3
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_whole("hidden_size", self.hidden_size, 1)
        check_whole("width", self.width, 2)
        check_share(dropout=self.dropout)
        super().__post_init__()

    def build(self, sizes: Sizes) -> nn.Module:
        encoder = convolutional(inputs_of(sizes), self.hidden_size, self.width, sizes.window, self.dropout)
        return EncoderForecaster(sizes, encoder, self.hidden_size)


@dataclass(frozen=True, kw_only=True)
class TransformerForecaster(WindowForecaster):
    """A Transformer encoder over patches of the window.

        h = encoder(A·patch + position);   ŷ[t+1 … t+H] = W·h

    patch, stride: steps of a patch, and from one to the next.   hidden_size, heads, layers, dropout: of the encoder.
    The other settings are those of all forecasters over windows (`WindowForecaster`).

    Source: Nie, Nguyen, Sinthong & Kalagnanam 2023, A time series is worth 64 words.
    """

    name = "transformer"
    patch: int = 16
    stride: int = 8
    hidden_size: int = 32
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for key in ("patch", "stride", "hidden_size", "heads", "layers"):
            check_whole(key, getattr(self, key), 1)
        if self.hidden_size % self.heads:
            raise ConfigError(f"`hidden_size` is a multiple of `heads`; {self.hidden_size} is none of {self.heads}.")
        check_share(dropout=self.dropout)
        super().__post_init__()

    def build(self, sizes: Sizes) -> nn.Module:
        return PatchForecaster(sizes, self.patch, self.stride, self.hidden_size, self.heads, self.layers, self.dropout)


@dataclass(frozen=True, kw_only=True)
class ESRNNForecaster(WindowForecaster):
    """Exponential smoothing with coefficients of each series, and a dilated LSTM shared by all for what it leaves; the winner of M4.

        ℓ[t] = ℓ[t−1] + α·(x[t] − s[t] − ℓ[t−1]);   s[t+m] = s[t] + γ·(x[t] − s[t] − ℓ[t]);   x̂[t+h] = ℓ[t] + s[t+h] + LSTM(…)[h]

    hidden_size: units per layer.   dilations: of each layer, in groups that are bridged; None = (1, m/4), (m/2, m) for a season of m.
    The season of each series is taken out first (`deseasonalise`), so that what is learnt begins there. The other settings are those of all
    forecasters over windows (`WindowForecaster`).

    Source: Smyl 2020, A hybrid method of exponential smoothing and recurrent neural networks for time series forecasting.
    """

    name = "es-rnn"
    hidden_size: int = 40
    dilations: tuple[tuple[int, ...], ...] | None = None
    normalisation: str = "mean"
    deseasonalise: bool = True
    batch_size: int = 32
    learning_rate: float = 3e-3
    max_epochs: int = 30

    def __post_init__(self) -> None:
        check_whole("hidden_size", self.hidden_size, 1)
        if self.dilations is not None:
            given = self.dilations
            if not isinstance(given, Sequence) or not given or not all(isinstance(group, Sequence) and group and not isinstance(group, str) for group in given):
                raise ConfigError(f"`dilations` are groups of whole numbers, one for each layer, such as [[1, 3], [6, 12]]; not {given!r}.")
            groups = tuple(_whole_numbers("dilations", group) for group in given)
            object.__setattr__(self, "dilations", groups)
        super().__post_init__()

    def build(self, sizes: Sizes) -> nn.Module:
        m = sizes.season
        return ESRNN(sizes, self.hidden_size, self.dilations or ((1, max(2, m // 4)), (max(2, m // 2), max(4, m))))

    def answers(self, network: nn.Module, batch: WindowBatch) -> tuple[Tensor, Tensor]:
        """In training, what is said after every step of the window from its second season on, not after the last alone."""
        if not network.training:
            return super().answers(network, batch)
        assert isinstance(network, ESRNN)
        window, middle, spread, targets = batch
        raw = network.along(window)
        first, horizon = min(network.sizes.season, raw.shape[1] - 1), raw.shape[2]
        v = torch.where(window.known > 0, window.values * spread[:, None] + middle[:, None], torch.nan)
        ahead = torch.cat([v, targets], dim=1)[:, 1:].unfold(1, horizon, 1)[:, first:]
        middle, spread = middle.repeat_interleave(ahead.shape[1]), spread.repeat_interleave(ahead.shape[1])
        return answer(raw[:, first:].flatten(0, 1), middle, spread, self.loss), ahead.flatten(0, 1)


def _whole_numbers(name: str, given: Any) -> tuple[int, ...]:
    """A setting that is several whole numbers, 1 or more.   Raises ConfigError, naming it."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigError(f"`{name}` are several whole numbers, such as [4, 2, 1], not {given!r}.")
    return tuple(check_whole(name, value, 1) for value in given)
