"""A Transformer over patches of the window: it attends to stretches of several steps instead of single ones.

    patch[k] = value, missing, covariates of `length` steps in a row, `stride` steps after those of patch k − 1
    h        = encoder(A·patch[k] + position[k])
    ŷ        = W·(h of all patches, what is known ahead, static) + the same weights at every step · what is known of that step

Patches make the sequence shorter, so attention is cheap, and give each element a shape instead of a single number.
The window is padded at its beginning with steps that are missing, so that the last patch ends at its last step.

Source: Nie, Nguyen, Sinthong & Kalagnanam 2023, A time series is worth 64 words, §3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.models.window import Ahead, Sizes, Window
from inorder.nn.position import LearntPosition
from inorder.nn.transformer import TransformerEncoder


class PatchForecaster(nn.Module):
    """length, stride: steps of a patch, and from one to the next.   hidden, heads, layers, dropout: of the encoder.

    >>> network = PatchForecaster(Sizes(window=24, horizon=6), length=8, stride=4, hidden=16, heads=2, layers=1)
    >>> network.patches
    5
    """

    def __init__(self, sizes: Sizes, length: int, stride: int, hidden: int, heads: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes, self.length, self.stride = sizes, min(length, sizes.window), stride
        self.patches = 1 + -(-(sizes.window - self.length) // stride)
        self.embedding = nn.Linear(self.length * (2 + sizes.covariates), hidden)
        self.encoder = TransformerEncoder(hidden, heads, layers, feed_forward=2 * hidden, dropout=dropout, position=LearntPosition(self.patches, hidden))
        self.head = nn.Linear(self.patches * hidden + sizes.horizon * sizes.ahead + sizes.static, sizes.horizon * sizes.outputs)
        self.ahead = Ahead(sizes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, window: Window) -> Tensor:
        """(batch, horizon, outputs)."""
        encoded, _ = self.encoder(self.embedding(self.cut(window)))
        row = torch.cat([encoded.flatten(1), window.ahead.flatten(1), window.static], dim=1)
        return torch.as_tensor(self.head(row).reshape(-1, self.sizes.horizon, self.sizes.outputs) + self.ahead(window))

    def cut(self, window: Window) -> Tensor:
        """(batch, patches, length · features)."""
        x = torch.cat([window.values[:, :, None], 1 - window.known[:, :, None], window.covariates], dim=2)
        before = self.length + self.stride * (self.patches - 1) - x.shape[1]
        missing = functional.pad(x, (0, 0, before, 0))
        missing[:, :before, 1] = 1
        return missing.unfold(1, self.length, self.stride).flatten(2)
