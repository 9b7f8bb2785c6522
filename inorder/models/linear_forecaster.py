"""Linear forecasters: each step ahead is a weighted sum of the window.

    trend  = moving average of the window, its ends repeated
    rest   = window − trend
    ŷ      = W·trend + V·rest + answer to what stands beside it            DLinear
    ŷ      = V·window + answer to what stands beside it                    NLinear, where the window is taken relative to its last value

A straight line through the past needs few data, is trained in seconds and is hard to beat over long horizons.

Source: Zeng, Chen, Zhang & Xu 2023, Are Transformers effective for time series forecasting?, §4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.models.window import Beside, Sizes, Window


class LinearForecaster(nn.Module):
    """DLinear, or NLinear's map where `kernel` is None.

    kernel: steps of the moving average, odd; None = the window as it is.

    >>> network = LinearForecaster(Sizes(window=8, horizon=3), kernel=5)
    >>> sum(parameter.numel() for name, parameter in network.named_parameters() if name.startswith(("trend", "rest")))
    54
    """

    def __init__(self, sizes: Sizes, kernel: int | None = 25) -> None:
        super().__init__()
        self.sizes, self.kernel = sizes, kernel
        self.rest = nn.Linear(sizes.window, sizes.horizon * sizes.outputs)
        self.trend = None if kernel is None else nn.Linear(sizes.window, sizes.horizon * sizes.outputs)
        for line in (self.rest, self.trend):
            if line is not None:
                nn.init.zeros_(line.weight)
                nn.init.zeros_(line.bias)
        self.beside = Beside(sizes)

    def forward(self, window: Window) -> Tensor:
        """(batch, horizon, outputs)."""
        if self.trend is None or self.kernel is None:
            answer = self.rest(window.values)
        else:
            trend = moving_average(window.values, self.kernel)
            answer = self.trend(trend) + self.rest(window.values - trend)
        return torch.as_tensor(answer.unflatten(1, (self.sizes.horizon, self.sizes.outputs)) + self.beside(window))


def moving_average(x: Tensor, kernel: int) -> Tensor:
    """(batch, time) mean of the `kernel` values around each, the first and the last repeated where there are none.

    >>> moving_average(torch.tensor([[3.0, 0.0, 3.0, 6.0]]), 3).tolist()
    [[2.0, 2.0, 3.0, 5.0]]
    """
    around = functional.pad(x[:, None], ((kernel - 1) // 2, kernel // 2), mode="replicate")
    return functional.avg_pool1d(around, kernel, stride=1)[:, 0]
