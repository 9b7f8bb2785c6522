"""The kinds of forecasters over windows: each a network and its own settings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from inorder.errors import ConfigError, unknown
from inorder.forecast.base import check_whole
from inorder.models.linear_forecaster import LinearForecaster
from inorder.models.nhits import NHiTS
from inorder.models.window import Sizes
from inorder.tasks.window_forecaster import WindowForecaster

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
            object.__setattr__(self, key, tuple(check_whole(key, value, 1) for value in getattr(self, key)))
        if len(self.pools) != len(self.stretches) or not self.pools:
            raise ConfigError(f"`pools` and `stretches` have one number for each stack; these have {len(self.pools)} and {len(self.stretches)}.")
        for key in ("blocks", "hidden_size", "layers"):
            check_whole(key, getattr(self, key), 1)
        check_share("dropout", self.dropout)
        super().__post_init__()

    def build(self, sizes: Sizes) -> nn.Module:
        return NHiTS(sizes, self.pools, self.stretches, blocks=self.blocks, hidden=self.hidden_size, layers=self.layers, dropout=self.dropout)


def check_share(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigError(f"`{name}` is a share from 0 up to 1, not {value!r}.")
