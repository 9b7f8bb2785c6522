"""Averages of weights: those of several epochs, or a moving average over all steps. They often predict better than any one of them.

    moving     a ← decay · a + (1 − decay) · w        decay after t steps: min(ema, (1 + t) / (10 + t)), so that the start is soon forgotten
    of epochs  (w₁ + … + wₙ) / n

Sources: moving: Polyak & Juditsky 1992; of checkpoints: Vaswani et al. 2017, §6.1; Izmailov et al. 2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Weights = dict[str, Tensor]


def weights_of(model: nn.Module) -> Weights:
    """A copy of all parameters and buffers."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def mean_weights(several: Sequence[Mapping[str, Tensor]]) -> Weights:
    """The mean of each array; of whole numbers, such as counters, the last.

    >>> mean_weights([{"w": torch.tensor([1.0])}, {"w": torch.tensor([3.0])}])
    {'w': tensor([2.])}
    """
    last = several[-1]
    return {name: torch.stack([one[name] for one in several]).mean(0) if last[name].is_floating_point() else last[name].clone() for name in last}


@dataclass
class MovingAverage:
    """decay: share of the average that stays at a step, in the long run.   weights: the average.   steps: taken into it so far."""

    decay: float
    weights: Weights = field(default_factory=dict)
    steps: int = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the weights after an optimiser step into the average."""
        now = {name: value.detach() for name, value in model.state_dict().items()}
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in now.items():
            if self.steps and value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name] = value.clone()
        self.steps += 1

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Inside the block the model has the averaged weights, afterwards its own."""
        if not self.steps:
            yield
            return
        own = weights_of(model)
        model.load_state_dict(self.weights)
        try:
            yield
        finally:
            model.load_state_dict(own)


@dataclass
class Kept:
    """The weights of the `count` last or best epochs.   epochs, losses, weights: one each; the best first, or the oldest first."""

    count: int
    which: str
    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)

    def observe(self, loss: float, epoch: int, model: nn.Module) -> None:
        """Take note of an epoch; its weights are copied where they belong to those that are kept.

        >>> layer, kept = nn.Linear(1, 1), Kept(2, "best")
        >>> for epoch, loss in enumerate([3.0, 1.0, 2.0]):
        ...     kept.observe(loss, epoch, layer)
        >>> kept.epochs, kept.losses
        ([1, 2], [1.0, 2.0])
        """
        loss = math.inf if math.isnan(loss) else loss  # worse than any
        where = sum(known <= loss for known in self.losses) if self.which == "best" else len(self.losses)
        self.epochs.insert(where, epoch)
        self.losses.insert(where, loss)
        self.weights.insert(where, weights_of(model))
        gone = self.count if self.which == "best" else 0
        if len(self.epochs) > self.count:
            for several in (self.epochs, self.losses, self.weights):
                del several[gone]
