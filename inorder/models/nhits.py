"""N-HiTS and N-BEATS: blocks that explain the window one after the other, each passing on what it could not.

    for each block
        θ_back, θ_ahead = MLP(pool(residual), what stands beside it)
        residual ← residual − backcast(θ_back)
        ŷ        ← ŷ + interpolate(θ_ahead)

A block of N-HiTS sees the window through max pooling of its own width and answers at `horizon / stretch` knots with straight lines
between them: slow blocks first, quick ones last. With pooling 1 and stretch 1 the blocks are the generic ones of N-BEATS.

Sources: Challu, Olivares, Oreshkin, Ramírez, Canseco & Dubrawski 2023, N-HiTS, §3; Oreshkin, Carpov, Chapados & Bengio 2020, N-BEATS, §3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.models.window import Sizes, Window, flat


class Block(nn.Module):
    """One block.   pool: values that one maximum is taken of.   stretch: steps ahead per knot.   hidden, layers: of the MLP.

    forward: residual (batch, window), beside (batch, features) -> backcast (batch, window), forecast (batch, horizon, outputs).
    """

    def __init__(self, sizes: Sizes, pool: int, stretch: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.sizes, self.pool = sizes, pool
        self.knots = max(1, math.ceil(sizes.horizon / stretch))
        before = math.ceil(sizes.window / pool) + sizes.flat - sizes.window
        parts: list[nn.Module] = []
        for k in range(layers):
            parts += [nn.Linear(before if k == 0 else hidden, hidden), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
        self.mlp = nn.Sequential(*parts)
        self.backcast = nn.Linear(hidden, sizes.window)
        self.ahead = nn.Linear(hidden, self.knots * sizes.outputs)
        nn.init.zeros_(self.ahead.weight)
        nn.init.zeros_(self.ahead.bias)

    def forward(self, residual: Tensor, beside: Tensor) -> tuple[Tensor, Tensor]:
        pooled = functional.max_pool1d(residual[:, None], self.pool, ceil_mode=True)[:, 0]
        hidden = self.mlp(torch.cat([pooled, beside], dim=1))
        knots = self.ahead(hidden).unflatten(1, (self.sizes.outputs, self.knots))
        return self.backcast(hidden), interpolate(knots, self.sizes.horizon).transpose(1, 2)


class NHiTS(nn.Module):
    """Stacks of blocks, each with its own pooling and stretch.

    pools, stretches: of each stack.   blocks: per stack.   hidden, layers, dropout: of the MLP of each block.

    >>> from inorder.models.window import Sizes
    >>> network = NHiTS(Sizes(window=12, horizon=6), pools=(4, 2, 1), stretches=(6, 3, 1), hidden=8)
    >>> [block.knots for block in network.blocks]
    [1, 2, 6]
    """

    def __init__(
        self, sizes: Sizes, pools: Sequence[int], stretches: Sequence[int], *, blocks: int = 1, hidden: int = 128, layers: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(sizes, pool, stretch, hidden, layers, dropout) for pool, stretch in zip(pools, stretches, strict=True) for _ in range(blocks)
        )

    def forward(self, window: Window) -> Tensor:
        """(batch, horizon, outputs)."""
        return torch.stack(self.parts(window)).sum(dim=0)

    def parts(self, window: Window) -> list[Tensor]:
        """What each block adds to the forecast, (batch, horizon, outputs) each."""
        residual, beside, parts = window.values, flat(window), []
        for block in self.blocks:
            backcast, ahead = block(residual, beside)
            residual = (residual - backcast) * window.known
            parts.append(ahead)
        return parts


def interpolate(knots: Tensor, horizon: int) -> Tensor:
    """(batch, outputs, horizon) straight lines through knots, (batch, outputs, knots), that lie at the middles of equal stretches; level outside them.

    >>> interpolate(torch.tensor([[[0.0, 4.0]]]), 4).tolist()
    [[[0.0, 1.0, 3.0, 4.0]]]
    """
    if knots.shape[2] == horizon:
        return knots
    return functional.interpolate(knots, size=horizon, mode="linear", align_corners=False)
