"""Training: what the loop costs beside the same steps by hand, and what batches of like length save."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.case import Case, Target, require, timed
from inorder.data.batch import Batch, Listed
from inorder.data.bucketing import Bucketed
from inorder.losses.sums import Sum
from inorder.nn import LSTM
from inorder.train import Training, fit


class Ahead(nn.Module):
    """A recurrent layer that says the next value: our LSTM, which leaves padding out, or torch's GRU, which computes on it."""

    def __init__(self, hidden: int, padded: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.output = nn.GRU(1, hidden, batch_first=True) if padded else LSTM(1, hidden), nn.Linear(hidden, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        hidden, _ = self.layer(x) if isinstance(self.layer, nn.GRU) else self.layer(x, lengths)
        ahead: Tensor = self.output(hidden)[..., 0]
        return ahead


def squares(model: nn.Module, batch: Batch) -> Sum:
    return Sum(torch.where(batch.valid, (model(batch.inputs, batch.lengths) - batch.targets) ** 2, 0.0).sum(), batch.lengths.sum())


def training(quick: bool) -> list[Case]:
    """The loop beside the same steps by hand, and an epoch of bucketed beside one of shuffled batches."""
    count = 64 if quick else 640
    return [beside_by_hand(steps=5 if quick else 40), bucketed(count, padded=False), bucketed(count, padded=True)]


def beside_by_hand(steps: int) -> Case:
    """AdamW, clipping and a warm-up, on batches of 32 sequences of 50 steps."""
    generator = torch.Generator().manual_seed(1)
    batches = [Batch(torch.randn(32, 50, 1, generator=generator), torch.full((32,), 50), torch.randn(32, 50, generator=generator)) for _ in range(steps)]
    settings = Training(max_epochs=1, warmup_steps=10, schedule="constant")

    def ours() -> Tensor:
        model = Ahead(64)
        fit(model, Listed(batches), squares, settings)
        return nn.utils.parameters_to_vector(model.parameters()).detach()

    def by_hand() -> Tensor:
        model = Ahead(64)
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
        for step, batch in enumerate(batches):
            optimiser.param_groups[0]["lr"] = 1e-3 * min(1.0, (step + 1) / 10)
            optimiser.zero_grad()
            squares(model, batch).mean.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        return nn.utils.parameters_to_vector(model.parameters()).detach()

    def check() -> dict[str, Any]:
        worst = float((ours() - by_hand()).abs().max())
        require(worst < 1e-6, f"the weights differ by up to {worst:g}.")
        return {"largest difference of the weights": worst}

    sizes = {"steps": steps, "batch": 32, "time": 50, "hidden": 64}
    return Case("the loop", sizes, {"fit": timed(ours), "by hand": timed(by_hand)}, check, [Target("time", 1.1, "by hand")])


def bucketed(count: int, padded: bool) -> Case:
    """Forward and backward over all sequences once, of 5 to 200 steps, most of them short."""
    lengths = np.minimum(5 + np.random.default_rng(2).exponential(45, size=count).astype(int), 200)
    generator = torch.Generator().manual_seed(3)
    rows = [torch.randn(int(n) + 1, generator=generator) for n in lengths]
    batches = Bucketed.of([row[:-1, None] for row in rows], [row[1:] for row in rows], batch_size=32)
    model = Ahead(64, padded)

    def shuffled() -> Iterator[Batch]:
        order = np.random.default_rng(4).permutation(count)
        return (batches.make(order[begin : begin + 32]) for begin in range(0, count, 32))

    def epoch(of: Iterator[Batch]) -> float:
        total = 0.0
        for batch in of:
            loss = squares(model, batch)
            loss.total.backward()
            total += float(loss.total.detach())
        return total

    def check() -> dict[str, Any]:
        one, other = epoch(batches.epoch(0)), epoch(shuffled())
        require(abs(one - other) < 1e-4 * other, f"the losses of an epoch are {one:g} and {other:g}.")
        padded = sum(batch.inputs.shape[0] * batch.inputs.shape[1] for batch in shuffled())
        return {"padding, bucketed": batches.padding, "padding, shuffled": 1 - int(lengths.sum()) / padded}

    programs = {"bucketed": timed(lambda: epoch(batches.epoch(0))), "shuffled": timed(lambda: epoch(shuffled()))}
    name = "torch's GRU, padded" if padded else "our LSTM, which leaves padding out"
    return Case(f"batches of like length, {name}", {"sequences": count, "batch": 32, "hidden": 64}, programs, check)
