"""A training run: everything that changes while a model is trained. What a checkpoint holds is this, and nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from inorder.errors import ConfigError
from inorder.train.averaging import Kept, MovingAverage, mean_weights
from inorder.train.early_stopping import EarlyStopping
from inorder.train.history import Epoch, History
from inorder.train.optimisers import build_optimiser
from inorder.train.precision import check_precision, gradient_scaler
from inorder.train.schedules import Schedule
from inorder.train.settings import Training


@dataclass
class Run:
    """batches: in an epoch.   data: what tells them, the loss and the batches held back from others, where checkpoints are kept.
    step: optimiser steps made.   epoch: the present one, from 1.   batch: batches of it done.   groups: steps of the schedule made.
    total, count, largest: loss, targets and largest gradient norm of the epoch so far.   norm: gradient norm of the last step.
    state: what a recurrent model carries from batch to batch.   leaves: its tensors from a checkpoint, before their form is known.
    stopped: why it ended; None = it goes on.   before: seconds spent before the last resumption.
    """

    model: nn.Module
    training: Training
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    schedule: Schedule
    stopping: EarlyStopping
    average: MovingAverage | None
    kept: Kept | None
    batches: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    step: int = 0
    epoch: int = 1
    batch: int = 0
    groups: int = 0
    total: float = 0.0
    count: float = 0.0
    largest: float = -math.inf
    norm: float = math.nan
    rate: float = 0.0
    epochs: list[Epoch] = field(default_factory=list)
    stopped: str | None = None
    before: float = 0.0
    state: Any = None
    leaves: Sequence[Tensor] = ()
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def begin(cls, model: nn.Module, training: Training, batches: int) -> Run:
        """A run before its first step.   batches: in an epoch."""
        check_precision(training.precision, device_of(model))
        patience = max(1, (training.patience or 10) // 2)  # "plateau" has to act before the run ends
        groups = training.max_epochs * -(-batches // training.accumulate)
        return cls(
            model,
            training,
            build_optimiser(model, training),
            gradient_scaler(training.precision),
            Schedule(training.schedule, groups, training.warmup_steps, training.floor, patience),
            EarlyStopping(training.patience, training.least_improvement),
            MovingAverage(training.ema) if training.ema else None,
            Kept(training.average, training.average_of) if training.average > 1 else None,
            batches,
        )

    @property
    def seconds(self) -> float:
        """Since training began, without the time in which it did not run."""
        return self.before + time.monotonic() - self.began

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside the block the model has the moving average of its weights, where there is one, and is in evaluation mode."""
        self.model.eval()
        if self.average is None:
            yield
            return
        with self.average.applied(self.model):
            yield

    def finish_epoch(self, validation: float, epoch: int | None = None) -> None:
        """Record the epoch that has ended and turn to the next.   To be called inside `averaged`."""
        epoch = self.epoch if epoch is None else epoch
        if epoch == 0:
            self.epochs.append(Epoch(0, math.nan, validation, math.nan, 0.0, 0.0))
            return
        self.epochs.append(Epoch(epoch, self.total / max(self.count, 1.0), validation, self.largest, self.rate, self.seconds))
        self.epoch, self.batch, self.total, self.count, self.largest, self.state = epoch + 1, 0, 0.0, 0.0, -math.inf, None

    def finish(self, judged: bool) -> History:
        """Give the model the weights that the settings ask for.   judged: there was validation."""
        if self.kept is not None and self.kept.weights:
            self.model.load_state_dict(mean_weights(self.kept.weights))
        elif judged and self.training.restore_best:
            self.stopping.restore(self.model)
        elif self.average is not None and self.average.steps:
            self.model.load_state_dict(self.average.weights)
        self.model.eval()
        last = self.epochs[-1].epoch if self.epochs else 0
        return History(tuple(self.epochs), self.stopping.best_epoch if judged else last, self.stopped or "max_epochs")


def device_of(model: nn.Module) -> torch.device:
    """Where the first parameter of `model` is.   Raises ConfigError where it has none."""
    first = next(model.parameters(), None)
    if first is None:
        raise ConfigError(f"{type(model).__name__} has no parameters, so there is nothing to train.")
    return first.device
