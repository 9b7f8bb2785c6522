"""What a network that looks at a window of the past is shown, and what it answers.

    outputs = network(window)            (batch, horizon, outputs)

The network sees the last `window` values of some series on one scale, what is known beside them, and what is known of the steps
ahead; it says all steps ahead at once. One network serves all series, so it may be wide; a series that it has learnt by name
(`Window.series`) is the exception.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Window(NamedTuple):
    """Windows of several series, side by side.

    values: (batch, time) oldest first, normalised; 0 where missing.   known: (batch, time) 1 where observed, 0 where missing.
    covariates: (batch, time, covariates) past ones and future ones at these steps.   ahead: (batch, horizon, covariates) future ones.
    static: (batch, covariates).   series: (batch,) which series.   phase: (batch,) place in the season of the last step.
    """

    values: Tensor
    known: Tensor
    covariates: Tensor
    ahead: Tensor
    static: Tensor
    series: Tensor
    phase: Tensor


class Sizes(NamedTuple):
    """How large everything is.   window, horizon: steps.   outputs: numbers per step ahead.   covariates, ahead, static: how many of each kind.
    series: how many were trained on.   season: its length, 1 = none."""

    window: int
    horizon: int
    outputs: int = 1
    covariates: int = 0
    ahead: int = 0
    static: int = 0
    series: int = 1
    season: int = 1

    @property
    def flat(self) -> int:
        """Features of a window as one row: values, flags, covariates, what is known ahead, static."""
        return self.window * (2 + self.covariates) + self.horizon * self.ahead + self.static


def flat(window: Window) -> Tensor:
    """(batch, features) everything beside the values as one row: what is missing, covariates, what is known ahead, static."""
    parts = (1 - window.known, window.covariates.flatten(1), window.ahead.flatten(1), window.static)
    return torch.cat(parts, dim=1)


def steps(window: Window) -> Tensor:
    """(batch, time, features) the window as a sequence: value, flag, covariates and static ones at every step."""
    static = window.static[:, None].expand(-1, window.values.shape[1], -1)
    return torch.cat([window.values[:, :, None], 1 - window.known[:, :, None], window.covariates, static], dim=2)


class Ahead(nn.Module):
    """A linear answer to what is known of each step ahead, the same weights at every step, zero at first; zero where nothing is known ahead.

    answer[h] = B·ahead[h]                   (batch, horizon, outputs)
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(sizes.ahead, sizes.outputs))

    def forward(self, window: Window) -> Tensor:
        return window.ahead @ self.weight


class Beside(nn.Module):
    """A linear answer to what stands beside the values of the window, all weights zero at first.

    answer[h] = A[h]·(missing, covariates of the window, static) + B·ahead[h]                   (batch, horizon, outputs)
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.window = nn.Linear(sizes.window * (1 + sizes.covariates) + sizes.static, sizes.horizon * sizes.outputs, bias=False)
        self.ahead = Ahead(sizes)
        nn.init.zeros_(self.window.weight)

    def forward(self, window: Window) -> Tensor:
        row = torch.cat([1 - window.known, window.covariates.flatten(1), window.static], dim=1)
        return torch.as_tensor(self.window(row).unflatten(1, (self.sizes.horizon, self.sizes.outputs)) + self.ahead(window))
