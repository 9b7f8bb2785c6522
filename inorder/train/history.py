"""What happened in training, step by step and epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


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

    @property
    def best_loss(self) -> float:
        """The validation loss of the best epoch; the training loss where there was no validation."""
        best = next(epoch for epoch in self.epochs if epoch.epoch == self.best_epoch)
        return best.train_loss if math.isnan(best.validation_loss) else best.validation_loss
