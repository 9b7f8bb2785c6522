"""What happened in training, step by step and epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SHOWN = 30  # epochs that are written out


@dataclass(frozen=True)
class Step:
    """One optimiser step.   step: from 1.   epoch: from 1.   batch: batches of the epoch done, of `batches`.   loss: mean per target.
    targets: that it was the mean over.   gradient_norm: before clipping.   seconds: since training began.
    layer_norms: of the gradient of each parameter, where the settings ask for them."""

    step: int
    epoch: int
    batch: int
    batches: int
    loss: float
    targets: float
    gradient_norm: float
    learning_rate: float
    seconds: float
    layer_norms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Epoch:
    """What one pass came to. Losses are means per target; `gradient_norm` is the largest before clipping; `seconds` since training began."""

    epoch: int
    train_loss: float
    validation_loss: float
    gradient_norm: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class History:
    """epochs: one record each; the first, epoch 0, is the validation loss before any training.   best_epoch: the best by validation; the
    last where there was none.
    stopped: "patience", "max_epochs" or "time"."""

    epochs: Sequence[Epoch] = field(default_factory=tuple)
    best_epoch: int = 0
    stopped: str = "max_epochs"

    def __str__(self) -> str:
        """A line an epoch; of a long run every so many.

        >>> print(History((Epoch(1, 0.5, 0.625, 2.0, 0.001, 1.5), Epoch(2, 0.25, math.nan, 1.0, 0.001, 3.0)), 1))
        epoch    training  validation   seconds
            1         0.5       0.625       1.5  best
            2        0.25                     3
        stopped by max_epochs
        """
        every = math.ceil(len(self.epochs) / SHOWN) or 1
        lines = [f"{'epoch':<5}{'training':>12}{'validation':>12}{'seconds':>10}"]
        for k, one in enumerate(self.epochs):
            if k % every == 0 or one.epoch == self.best_epoch or k == len(self.epochs) - 1:
                numbers = "".join(
                    f"{'' if math.isnan(value) else f'{value:.4g}':>{width}}"
                    for value, width in zip((one.train_loss, one.validation_loss), (12, 12), strict=True)
                )
                lines.append(f"{one.epoch:>5}{numbers}{one.seconds:>10.4g}{'  best' if one.epoch == self.best_epoch else ''}")
        return "\n".join([*lines, f"stopped by {self.stopped}"])

    @property
    def best_loss(self) -> float:
        """The validation loss of the best epoch; the training loss where there was no validation."""
        best = next(epoch for epoch in self.epochs if epoch.epoch == self.best_epoch)
        return best.train_loss if math.isnan(best.validation_loss) else best.validation_loss
