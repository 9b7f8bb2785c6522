"""One optimiser step: forward, backward, the gradient divided by the count of targets, clipped, and the weights moved.

gradient = Σ ∂total / Σ count          over all pieces (accumulated batches) and all processes
gradient ← gradient · min(1, clip_norm / ‖gradient‖)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn

from inorder.data.nested import map_tensors
from inorder.errors import ConfigError, TrainingError
from inorder.losses.sums import Sum
from inorder.train import distributed
from inorder.train.precision import autocast
from inorder.train.run import Run, device_of


class Objective(nn.Module):
    """The loss with the model inside, as one module: so the loss may call any method of the model, also where processes train together.

    run: whose model it is, and whose step `current_step` says inside the loss."""

    def __init__(self, run: Run, loss: Any) -> None:
        super().__init__()
        self.run, self.model, self.loss = run, run.model, loss

    def forward(self, batch: Any, *state: Any) -> Any:
        before = _STEP.set(self.run.step)
        try:
            value = self.loss(self.model, batch, *state)
        finally:
            _STEP.reset(before)
        found = value[0] if state and isinstance(value, tuple) and value else value
        if not isinstance(found, Sum):
            form = "(Sum(total, count), state), since state is carried" if state else "Sum(total, count): the summed loss and the count of its targets"
            raise ConfigError(f"`loss` returns {form}; this one returned {type(value).__name__}. Sum is in inorder.losses.sums.")
        return value


_STEP = ContextVar("step", default=0)


def current_step() -> int:
    """The optimiser steps that the run which calls the loss has made: 0 at first, and outside of a run.   For losses that change as training goes on.

    A run that is resumed goes on with its own number, where a counter in the loss would begin anew. The batches of one step (`accumulate`)
    and the rows of it in all processes have the same number; `valid` is judged with the number of the steps made.

    >>> current_step()
    0
    """
    return _STEP.get()


def placed(batch: Any, model: nn.Module, *, divided: bool) -> tuple[Any, bool]:
    """The rows of a batch that this process takes, on the device of the model; and whether they count.   divided: they are its own already."""
    rows, counts = (batch, True) if divided else distributed.own_rows(batch)
    device = device_of(model)
    if device.type == "cpu":  # where batches are made
        return rows, counts
    return map_tensors(lambda one: one.to(device), rows), counts


def update(run: Run, objective: nn.Module, pieces: Sequence[Any], carried: bool, *, divided: bool = False) -> tuple[float, float, dict[str, float]]:
    """One optimiser step on `pieces` together, at the rate that `run` has. Returns loss, count of targets, gradient norm of each parameter if asked.

    carried: the loss takes and gives the state, which goes on without its gradient.   Where no piece has a target, no step is made.
    Raises TrainingError, before the weights are touched, when the loss or the gradient is not finite.
    """
    for group in run.optimiser.param_groups:
        group["lr"] = run.rate
    run.optimiser.zero_grad()
    total, count = _add_gradients(run, objective, pieces, carried, divided)
    norms = {name: float(weights.grad.norm()) for name, weights in run.model.named_parameters() if weights.grad is not None} if run.training.layer_norms else {}
    norm = float(nn.utils.clip_grad_norm_(run.model.parameters(), run.training.clip_norm or math.inf))
    _check_finite(run, total, norm)
    if not count:  # the gradient is zero, but decay and momentum would move the weights all the same
        run.scaler.update()
        return 0.0, 0.0, norms
    run.scaler.step(run.optimiser)
    run.scaler.update()
    if run.average is not None:
        run.average.update(run.model)
    run.step, run.norm = run.step + 1, norm
    run.total, run.count, run.largest = run.total + total, run.count + count, max(run.largest, norm)
    return total / max(count, 1.0), count, norms


def _add_gradients(run: Run, objective: nn.Module, pieces: Sequence[Any], carried: bool, divided: bool) -> tuple[float, float]:
    """The gradient of Σ total / Σ count over all pieces and processes, into the parameters. Returns both sums."""
    precision, device = run.training.precision, device_of(run.model)
    total = count = scale = 0.0
    for k, piece in enumerate(pieces):
        rows, counts = placed(piece, run.model, divided=divided)
        with distributed.exchanging(objective, now=k == len(pieces) - 1):
            with autocast(precision, device):
                value = objective(rows, run.state) if carried else objective(rows)
            if carried:
                value, state = value
                run.state = map_tensors(Tensor.detach, state)
            piece_total, piece_count = distributed.summed(value.total.detach() * counts, value.count * counts)
            total, count = total + piece_total, count + piece_count
            scale = scale or max(piece_count, 1.0)  # the count of all pieces is not known yet: that of the first stands in
            shared = value.total * counts / (scale / distributed.world())  # processes are averaged, and their sum is wanted
            run.scaler.scale(shared).backward()
    run.scaler.unscale_(run.optimiser)
    if scale != max(count, 1.0):
        for weights in run.model.parameters():
            if weights.grad is not None:
                weights.grad.mul_(scale / max(count, 1.0))
    return total, count


def _check_finite(run: Run, loss: float, norm: float) -> None:
    """A loss or gradient that is not a number poisons the weights at the next step: stop before it. (Scaled gradients may overflow: that step is left out.)"""
    scaled = run.scaler.is_enabled() and run.scaler.get_scale() >= 1
    if math.isfinite(loss) and (math.isfinite(norm) or scaled):
        return
    training = run.training
    what = f"The loss became {loss:g}" if not math.isfinite(loss) else f"The gradient norm became {norm:g}"
    before = "" if math.isnan(run.norm) else f", gradient norm {run.norm:.3g} one step before"
    if not run.step:  # no weight has been touched yet, so no rate is to blame
        raise TrainingError(f"{what} at step 1, before any weight was changed. Look for NaN in the inputs and targets, in the weights, or in the loss.")
    clip = "" if training.clip_norm is not None and training.clip_norm <= 1 else " and clip_norm=1.0"
    lower = min(run.rate or math.inf, training.learning_rate) / 10
    raise TrainingError(f"{what} at step {run.step + 1:,} (epoch {run.epoch}, learning rate {run.rate:.3g}{before}). Try learning_rate={lower:.2g}{clip}.")
