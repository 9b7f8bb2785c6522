"""The training loop: what every neural model of this package is trained by.

    repeat for each epoch
        for each batch of the epoch
            output    = model(inputs)                    forward
            loss      = Σ of how far from the targets / count of the targets
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
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import nn

from inorder.errors import TrainingError
from inorder.losses.sums import Sum
from inorder.train.early_stopping import EarlyStopping
from inorder.train.history import Epoch, History
from inorder.train.schedules import Schedule
from inorder.train.settings import Training

Loss = Callable[[nn.Module, Any], Sum]
Progress = Callable[[int, int], None]  # epochs done, epochs at most


class Batches(Protocol):
    """What training reads: `epoch(k)` gives the batches of epoch k = 0, 1, …, in an order that depends on k alone, and len() how many these are."""

    def epoch(self, k: int) -> Iterator[Any]: ...

    def __len__(self) -> int: ...


def fit(
    model: nn.Module,
    batches: Batches,
    loss: Loss,
    training: Training | None = None,
    *,
    valid: Batches | Callable[[], float] | None = None,
    follow: History | None = None,
    deadline: float | None = None,
    progress: Progress | None = None,
) -> History:
    """Train `model` in place. With `valid` it ends with the weights of the best epoch, else with those of the last.

    batches: see `Batches`.   loss: (model, batch) -> Sum, the summed loss and the count of its targets.   training: the settings.
    valid: batches held back, judged by the same loss, or a function -> loss; called with the model in evaluation mode and without gradients.
    follow: an earlier run to repeat on more data: as many epochs as were best there, at its learning rates, without validation.
    deadline: time.monotonic() after which no further step is taken; an epoch that is cut short is validated all the same.
    progress: called after each epoch with the epochs done and those at most.
    Raises TrainingError when a loss or a gradient is not finite.
    """
    training = Training() if training is None else training
    optimiser = torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    schedule = Schedule(training.schedule, training.max_epochs * len(batches), training.warmup_steps, patience=max(1, training.patience // 2))
    stopping = EarlyStopping(training.patience, training.least_improvement)
    began, step, stopped = time.monotonic(), 0, "max_epochs"
    epochs: list[Epoch] = []
    if valid is not None:
        epochs.append(Epoch(0, math.nan, _validation_loss(model, loss, valid), math.nan, 0.0, 0.0))
        stopping.observe(epochs[0].validation_loss, 0, model)
    last = training.max_epochs if follow is None else follow.best_epoch
    for epoch in range(1, last + 1):
        model.train()
        total = count = rate = 0.0
        norms: list[float] = []
        for batch in batches.epoch(epoch - 1):
            if deadline is not None and time.monotonic() > deadline:
                stopped = "time"
                break
            rate = training.learning_rate * schedule.rate(step)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad()
            value = loss(model, batch)
            value.mean.backward()  # type: ignore[no-untyped-call]
            norm = float(nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm or math.inf))
            _check_finite(float(value.total.detach()), norm, norms, step, epoch, rate, training)
            optimiser.step()
            total, count = total + float(value.total.detach()), count + float(value.count)
            norms.append(norm)
            step += 1
        if not norms:
            break
        validation = math.nan if valid is None else _validation_loss(model, loss, valid)
        epochs.append(Epoch(epoch, total / max(count, 1.0), validation, max(norms), rate, time.monotonic() - began))
        if progress:
            progress(epoch, last)
        if follow is not None:
            schedule.observe(follow.epochs[epoch].validation_loss)
        elif valid is not None:
            schedule.observe(validation)
        if valid is not None and stopping.observe(validation, epoch, model):
            stopped = "patience"
        if stopped != "max_epochs":
            break
    model.eval()
    if valid is None:
        return History(tuple(epochs), epochs[-1].epoch if epochs else 0, stopped)
    stopping.restore(model)
    return History(tuple(epochs), stopping.best_epoch, stopped)


def _validation_loss(model: nn.Module, loss: Loss, valid: Batches | Callable[[], float]) -> float:
    model.eval()
    with torch.no_grad():
        if callable(valid):
            return float(valid())
        sums = [loss(model, batch) for batch in valid.epoch(0)]
        return sum(float(one.total) for one in sums) / max(1.0, sum(float(one.count) for one in sums))


def _check_finite(loss: float, norm: float, norms: Sequence[float], step: int, epoch: int, rate: float, training: Training) -> None:
    """A loss or gradient that is not a number poisons the weights at the next step: stop before it."""
    if math.isfinite(loss) and math.isfinite(norm):
        return
    what = f"The loss became {loss:g}" if not math.isfinite(loss) else f"The gradient norm became {norm:g}"
    before = f", gradient norm {norms[-1]:.3g} one step before" if norms else ""
    clip = "" if training.clip_norm is not None and training.clip_norm <= 1 else " and clip_norm=1.0"
    lower = training.learning_rate / 10
    raise TrainingError(f"{what} at step {step + 1:,} (epoch {epoch}, learning rate {rate:.3g}{before}). Try learning_rate={lower:.2g}{clip}.")
