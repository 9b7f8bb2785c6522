"""What happened in training, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


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
    """epochs: one record each; the first, epoch 0, is the validation loss before any training.   best_epoch: whose weights were kept.
    stopped: "patience", "max_epochs" or "time"."""

    epochs: Sequence[Epoch] = field(default_factory=tuple)
    best_epoch: int = 0
    stopped: str = "max_epochs"

    @property
    def best_loss(self) -> float:
        """The validation loss of the best epoch; the training loss where there was no validation."""
        best = next(epoch for epoch in self.epochs if epoch.epoch == self.best_epoch)
        return best.train_loss if math.isnan(best.validation_loss) else best.validation_loss
