"""Teacher forcing and scheduled sampling: what a model is shown as its previous output while it is trained.

    teacher forcing     the true previous value                      fast, but the model never meets its own errors
    free running        the model's own                              what happens in prediction
    scheduled sampling  the truth with probability p, drawn afresh for every sequence and step, with p falling over training

    linear           p = max(end, start − (start − end) · step / steps)
    exponential      p = k^step                                      k < 1
    inverse-sigmoid  p = k / (k + exp(step / k))                     k ≥ 1

Source: Bengio, Vinyals, Jaitly & Shazeer 2015, Scheduled sampling for sequence prediction with recurrent neural networks, §2.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from inorder.data.batch import seed_of
from inorder.errors import ConfigError, ShapeError, unknown
from inorder.train import distributed

DECAYS = ("exponential", "inverse-sigmoid", "linear")


@dataclass(frozen=True)
class ScheduledSampling:
    """How the probability of the true previous value falls.

    decay: "linear", "exponential" or "inverse-sigmoid".   k: of the last two.   start, end, steps: of the line: from one to the other in so many steps.
    seed: of the draws.

    In a loss `current_step` says the step, so that a run which was killed goes on with the same draws; held-back batches are judged free running:

    >>> from inorder.data.batch import Batch, Listed
    >>> from inorder.losses.sums import Sum
    >>> from inorder.train.loop import fit
    >>> from inorder.train.settings import Training
    >>> from inorder.train.update import current_step
    >>> sampling = ScheduledSampling("linear", steps=50)
    >>> def loss(model, batch):
    ...     rows, time = batch.targets.shape
    ...     shown = sampling.truths(rows, time, current_step()) if model.training else torch.zeros(rows, time, dtype=torch.bool)
    ...     said, _ = unroll_mixed(lambda x, state: (model(x), state), None, batch.inputs[:, 0], batch.targets[..., None], shown)
    ...     return Sum(((said[..., 0] - batch.targets) ** 2).sum(), batch.lengths.sum())
    >>> row = 0.8 ** torch.arange(6.0)                                      # each value is 0.8 times the one before
    >>> batches, line = Listed([Batch(row[None, :-1, None], torch.tensor([5]), row[None, 1:])]), torch.nn.Linear(1, 1, bias=False)
    >>> record = fit(line, batches, loss, Training(learning_rate=0.1, weight_decay=0, max_epochs=200, patience=None), valid=batches)
    >>> round(line.weight.item(), 2)
    0.8

    >>> falling = ScheduledSampling("linear", start=1.0, end=0.2, steps=10)
    >>> [round(falling.probability(step), 2) for step in (0, 5, 10, 99)]
    [1.0, 0.6, 0.2, 0.2]
    >>> round(ScheduledSampling("inverse-sigmoid", k=10.0).probability(0), 3)
    0.909
    """

    decay: str = "linear"
    k: float = 0.99
    start: float = 1.0
    end: float = 0.0
    steps: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.decay not in DECAYS:
            raise unknown("decay", self.decay, DECAYS)
        if self.decay == "exponential" and not 0 < self.k < 1:
            raise ConfigError(f"`k` of the exponential decay is a number between 0 and 1, not {self.k!r}.")
        if self.decay == "inverse-sigmoid" and not 1 <= self.k < math.inf:
            raise ConfigError(f"`k` of the inverse-sigmoid decay is a number, 1 or more, not {self.k!r}.")
        if not 0 <= self.end <= self.start <= 1:
            raise ConfigError(f"`start` and `end` are probabilities, the first the larger one, not {self.start!r} and {self.end!r}.")
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise ConfigError(f"`steps` is a whole number, 1 or more, not {self.steps!r}.")

    def probability(self, step: int) -> float:
        """Of the true previous value, at training step `step`, counted from 0."""
        if self.decay == "exponential":
            return float(self.k**step)
        if self.decay == "inverse-sigmoid":
            return self.k / (self.k + math.exp(min(step / self.k, 700.0)))
        return max(self.end, self.start - (self.start - self.end) * step / self.steps)

    def truths(self, batch: int, time: int, step: int) -> Tensor:
        """(batch, time) True where the truth is shown at training step `step`: draws that depend on the seed and the step alone.

        Batches of one step (`accumulate`) share their draws; of several processes each has those of its own rows.
        """
        generator = torch.Generator().manual_seed(seed_of(self.seed, step))
        draws = torch.rand(batch * distributed.world(), time, generator=generator)
        return draws[distributed.rank() :: distributed.world()] < self.probability(step)


def unroll_mixed(
    step: Callable[[Tensor, Any], tuple[Tensor, Any]],
    state: Any,
    first: Tensor,
    truth: Tensor,
    shown: Tensor,
    *,
    feed: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Any]:
    """Run a model step by step; its next input is the truth where `shown`, else what it said itself.

        inputₜ = truthₜ₋₁ where shownₜ₋₁,  feed(outputₜ₋₁) elsewhere         input₀ = first

    step: (input, state) -> (output, state), as `layer.step`.   state: at the start.   first: (batch, …) the input of the first step.
    truth: (batch, time, …) the true values; at the last step there is nothing left to show.   shown: (batch, time) or (batch, time − 1), bool.
    feed: output -> what would be the input (a class of the highest score, say); None = as it is. It carries no gradient, as in the paper.
    Returns outputs (batch, time, …) and the state.

    >>> doubling = lambda x, state: (2 * x, state)
    >>> truth = torch.tensor([[1.0, 1.0, 1.0]])
    >>> unroll_mixed(doubling, None, truth[:, 0], truth, torch.tensor([[True, True]]))[0].tolist()      # teacher forcing
    [[2.0, 2.0, 2.0]]
    >>> unroll_mixed(doubling, None, truth[:, 0], truth, torch.tensor([[False, False]]))[0].tolist()    # free running
    [[2.0, 4.0, 8.0]]
    """
    batch, time = truth.shape[:2]
    if shown.shape not in ((batch, time), (batch, time - 1)) or shown.dtype != torch.bool:
        raise ShapeError(f"`shown` is (batch, time) = {(batch, time)}, bool; this one is {tuple(shown.shape)}, {shown.dtype}.")
    outputs: list[Tensor] = []
    value = first
    for t, true in enumerate(truth.unbind(1)):
        output, state = step(value, state)
        outputs.append(output)
        if t + 1 < time:
            said = (output if feed is None else feed(output)).detach()
            rows = shown[:, t].to(true.device).reshape(batch, *[1] * (true.ndim - 1))
            value = torch.where(rows, true, said.to(true.dtype))
    return torch.stack(outputs, dim=1), state
