"""The training loop: what every neural model of this package is trained by.

    repeat for each epoch
        for each batch of the shuffled windows
            output    = model(inputs)                    forward
            loss      = how far from the targets
            gradient  = ∂loss / ∂weights                 backward, through time
            gradient  ← gradient · min(1, clip_norm / ‖gradient‖)
            weights   ← AdamW(weights, gradient, rate)
        validation loss, on what comes later in time than all that was trained on
        stop when it has not improved for `patience` epochs, and go back to the best weights

Sources: clipping: Pascanu, Mikolov & Bengio 2013, algorithm 1; AdamW: Loshchilov & Hutter 2019, algorithm 2.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from inorder.data.batch import Batch
from inorder.errors import ConfigError, TrainingError
from inorder.train.early_stopping import EarlyStopping
from inorder.train.schedules import Schedule

Loss = Callable[[nn.Module, Batch], Tensor]
Progress = Callable[[int, int], None]  # epochs done, epochs at most


@dataclass(frozen=True)
class Training:
    """How to train.

    learning_rate: of AdamW, before the schedule.   weight_decay: share of each weight taken off per step, times the rate.
    max_epochs: at most.   patience: epochs without a better validation loss before stopping.   least_improvement: in the loss, to count as better.
    clip_norm: largest L2 norm of the gradient of all weights together; None = no clipping.
    schedule: "constant", "cosine" or "plateau".   warmup_steps: optimiser steps with a rising rate.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    max_epochs: int = 100
    patience: int = 10
    least_improvement: float = 0.0
    clip_norm: float | None = 1.0
    schedule: str = "cosine"
    warmup_steps: int = 20

    def __post_init__(self) -> None:
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            if not (value is None and name == "clip_norm") and not (isinstance(value, int | float) and 0 < value < math.inf):
                raise ConfigError(f"`{name}` is a number above 0, not {value!r}.")
        for name in ("max_epochs", "patience"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"`{name}` is a whole number of epochs, 1 or more, not {value!r}.")
        if not 0 <= self.weight_decay < math.inf:
            raise ConfigError(f"`weight_decay` is a number, 0 or more, not {self.weight_decay!r}.")


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


def train(
    model: nn.Module,
    batches: Iterable[Batch],
    loss: Loss,
    training: Training,
    *,
    validate: Callable[[], float] | None = None,
    follow: History | None = None,
    steps_per_epoch: int,
    deadline: float | None = None,
    progress: Progress | None = None,
) -> History:
    """Train `model` in place. With `validate` it ends with the weights of the best epoch, else with those of the last.

    batches: iterated once an epoch, shuffled anew each time by whoever made it.   loss: (model, batch) -> mean loss of the batch.
    validate: -> the loss on the part held back, called with the model in evaluation mode and without gradients.
    follow: an earlier run to repeat on more data: as many epochs as were best there, at its learning rates, without validation.
    steps_per_epoch: batches in an epoch, for the schedule.   deadline: time.monotonic() after which no further step is taken; an epoch that is
    cut short is validated all the same.   progress: called after each epoch.
    Raises TrainingError when a loss or a gradient is not finite.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    schedule = Schedule(training.schedule, training.max_epochs * steps_per_epoch, training.warmup_steps, patience=max(1, training.patience // 2))
    stopping = EarlyStopping(training.patience, training.least_improvement)
    began, step, stopped = time.monotonic(), 0, "max_epochs"
    epochs: list[Epoch] = []
    if validate is not None:
        epochs.append(Epoch(0, math.nan, _validation_loss(model, validate), math.nan, 0.0, 0.0))
        stopping.observe(epochs[0].validation_loss, 0, model)
    last = training.max_epochs if follow is None else follow.best_epoch
    for epoch in range(1, last + 1):
        model.train()
        rate = 0.0
        losses: list[float] = []
        norms: list[float] = []
        for batch in batches:
            if deadline is not None and time.monotonic() > deadline:
                stopped = "time"
                break
            rate = training.learning_rate * schedule.rate(step)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad()
            value = loss(model, batch)
            value.backward()  # type: ignore[no-untyped-call]
            norm = float(nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm or math.inf))
            value = value.detach()
            _check_finite(float(value), norm, norms, step, epoch, rate, training)
            optimiser.step()
            losses.append(float(value))
            norms.append(norm)
            step += 1
        if not losses:
            break
        validation = math.nan if validate is None else _validation_loss(model, validate)
        epochs.append(Epoch(epoch, sum(losses) / len(losses), validation, max(norms), rate, time.monotonic() - began))
        if progress:
            progress(epoch, last)
        if follow is not None:
            schedule.observe(follow.epochs[epoch].validation_loss)
        elif validate is not None:
            schedule.observe(validation)
        if validate is not None and stopping.observe(validation, epoch, model):
            stopped = "patience"
        if stopped != "max_epochs":
            break
    model.eval()
    if validate is None:
        return History(tuple(epochs), epochs[-1].epoch if epochs else 0, stopped)
    stopping.restore(model)
    return History(tuple(epochs), stopping.best_epoch, stopped)


def _validation_loss(model: nn.Module, validate: Callable[[], float]) -> float:
    model.eval()
    with torch.no_grad():
        return validate()


def _check_finite(loss: float, norm: float, norms: Sequence[float], step: int, epoch: int, rate: float, training: Training) -> None:
    """A loss or gradient that is not a number poisons the weights at the next step: stop before it."""
    if math.isfinite(loss) and math.isfinite(norm):
        return
    what = f"The loss became {loss:g}" if not math.isfinite(loss) else f"The gradient norm became {norm:g}"
    before = f", gradient norm {norms[-1]:.3g} one step before" if norms else ""
    clip = "" if training.clip_norm is not None and training.clip_norm <= 1 else " and clip_norm=1.0"
    lower = training.learning_rate / 10
    raise TrainingError(f"{what} at step {step + 1:,} (epoch {epoch}, learning rate {rate:.3g}{before}). Try learning_rate={lower:.2g}{clip}.")
