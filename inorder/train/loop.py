"""The training loop: what every neural model of this package is trained by.

    repeat for each epoch
        for each batch of the epoch                          (or each group of `accumulate` batches, or each chunk of `tbptt` steps)
            output    = model(inputs)                        forward
            loss      = Σ of how far from the targets / count of the targets
            gradient  = ∂loss / ∂weights                     backward, through time
            gradient  ← gradient · min(1, clip_norm / ‖gradient‖)
            weights   ← optimiser(weights, gradient, rate)
        validation loss, on what comes later in time than all that was trained on
        stop when it has not improved for `patience` epochs, and go back to the best weights

Sources: clipping: Pascanu, Mikolov & Bengio 2013, algorithm 1; truncated backpropagation: Williams & Peng 1990.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from inorder.data.nested import map_tensors, tensors_in
from inorder.errors import ConfigError, TrainingError
from inorder.train import distributed
from inorder.train.checking import check_batches, check_directory, check_given, check_options, fingerprint
from inorder.train.checkpoint import load_checkpoint, save_checkpoint
from inorder.train.history import History, Step
from inorder.train.precision import autocast
from inorder.train.run import Run, device_of
from inorder.train.settings import Training
from inorder.train.update import Objective, placed, update
from inorder.train.watching import Progress, Watcher, watching

Loss = Callable[..., Any]  # (model, batch) -> Sum; with carried state: (model, batch, state) -> (Sum, state)


class Batches(Protocol):
    """What training reads: `epoch(k)` gives the batches of epoch k = 0, 1, …, in an order that depends on k alone, and len() how many these are.

    A batch is a record, tuple or dict of tensors whose first axis is the batch. Three things may be added:
    `epoch_from(k, done)` gives what follows the first `done` batches without reading these;
    `carries = True` says that batch b goes on where batch b − 1 ended, row by row, so that the state of a recurrent model does too;
    `divided = True` says that each process gets its own batches, which are then not divided any further.
    """

    def epoch(self, k: int) -> Iterator[Any]: ...

    def __len__(self) -> int: ...


def fit(
    model: nn.Module,
    batches: Batches,
    loss: Loss,
    training: Training | None = None,
    *,
    valid: Batches | Callable[[], float] | None = None,
    directory: str | Path | None = None,
    follow: History | None = None,
    deadline: float | None = None,
    progress: Progress | bool | None = None,
    watch: Sequence[Watcher] = (),
) -> History:
    """Train `model` in place. With `valid` it ends with the weights of the best epoch, else with those of the last.

    batches: see `Batches`.   loss: (model, batch) -> Sum, the summed loss and the count of its targets; where state is carried, with
    `training.tbptt` or `batches.carries`, (model, batch, state) -> (Sum, state), with None for the state at the start. What changes in it with
    training follows `inorder.train.current_step()`, not a count of its own calls, for a resumed run has not made those before; it makes one more,
    without gradients, where it takes up a carried state.
    training: the settings.   valid: batches held back, judged by the same loss, or a function -> loss; called with the model in evaluation
    mode and without gradients.
    directory: where checkpoints and a log are kept. A run that was stopped, by Ctrl-C or a kill at any moment, goes on from there and ends
    with the same weights as if it had not been; one that has ended gives its weights at once.
    It is refused where the settings, the name of the loss, the number of batches or of those of `valid`, the first batch of `valid`, or one of
    five batches of the first epoch are others than before.
    follow: an earlier run to repeat on more data: as many epochs as were best there, at its learning rates, without validation.
    deadline: time.monotonic() after which no further step is taken; an epoch that is cut short is validated all the same.
    progress: True = a bar on standard error, where that is a terminal; or a function, called after each epoch with the epochs done and at most.
    watch: functions that are handed each `Step` and each `Epoch`; one with a method resume(step, epoch) is told where a resumed run goes on.
    Raises TrainingError when a loss, also that of `valid`, or a gradient is not finite, and when an epoch or `valid` has no targets.

    >>> from inorder.data.batch import Batch, Listed
    >>> from inorder.losses.sums import Sum
    >>> x = torch.linspace(-1, 1, 8)[None, :, None]
    >>> line = nn.Linear(1, 1)
    >>> def squared(model, batch):
    ...     return Sum(((model(batch.inputs)[..., 0] - batch.targets) ** 2).sum(), batch.lengths.sum())
    >>> batches = Listed([Batch(x, torch.tensor([8]), 3 * x[..., 0])])
    >>> record = fit(line, batches, squared, Training(learning_rate=0.1, weight_decay=0, max_epochs=200))
    >>> round(line.weight.item(), 2), record.stopped
    (3.0, 'max_epochs')
    """
    training = Training() if training is None else training
    check_given(model, batches, loss, training)
    check_options(follow, deadline, progress, watch)
    if training.average > 1 and training.average_of == "best" and valid is None and follow is None:
        raise ConfigError('average_of="best" needs `valid`, to tell which epochs are best. Hand it over, or use average_of="last".')
    if valid is not None and not callable(valid):
        check_batches("valid", valid)
    if directory is not None:
        check_directory(directory)
    folder = None if directory is None else Path(directory)
    with distributed.joined():
        run = Run.begin(model, training, len(batches))
        run.data = {} if folder is None else fingerprint(batches, valid, loss)
        resumed = folder is not None and load_checkpoint(run, folder)
        last = training.max_epochs if follow is None else follow.best_epoch
        ended = run.stopped is not None  # an earlier call has trained it to the end
        if not ended:
            plain = Objective(run, loss)
            loop = _Loop(run, plain, distributed.parallel(plain), batches, valid, folder, follow, deadline)
            done = (run.step, run.epochs[-1].epoch if run.epochs else -1) if resumed else None
            if folder is not None and not resumed:
                loop.save()  # before anything is reported, so that what is reported twice can be told
            try:
                with watching(watch, folder, done, last, progress) as loop.report:
                    if valid is not None and not run.epochs:
                        loop.judge(0)
                    while run.stopped is None and run.epoch <= last:
                        loop.epoch()
                        loop.judge(run.epoch)
            except KeyboardInterrupt as stop:
                kept = (
                    "Nothing was kept: with `directory` a run goes on where it was stopped." if folder is None else f"{folder} holds what is needed to go on."
                )
                stop.add_note(f"Stopped at step {run.step} in epoch {run.epoch}. {kept}")
                raise
        history = run.finish(judged=valid is not None)
        if folder is not None and history.stopped != "time" and not ended:
            run.stopped = history.stopped
            save_checkpoint(run, folder)
        return history


@dataclass
class _Loop:
    """The parts of a run that do not change, and the time of the last checkpoint."""

    run: Run
    plain: Objective
    objective: nn.Module
    batches: Batches
    valid: Batches | Callable[[], float] | None
    folder: Path | None
    follow: History | None
    deadline: float | None
    report: Watcher = field(init=False)
    saved: float = field(default_factory=time.monotonic)

    @property
    def carries(self) -> bool:
        """The state goes on from batch to batch."""
        return bool(getattr(self.batches, "carries", False))

    @property
    def carried(self) -> bool:
        """The loss takes and gives a state."""
        return self.carries or self.run.training.tbptt is not None

    def epoch(self) -> None:
        """All batches of one epoch, or what is left of them."""
        run = self.run
        run.model.train()
        for group in _grouped(self._rest(), run.training.accumulate):
            if self.deadline is not None and distributed.first(time.monotonic() > self.deadline):
                run.stopped = "time"
                break
            run.rate = run.training.learning_rate * run.schedule.rate(run.groups)
            run.batch, run.groups = run.batch + len(group), run.groups + 1
            self._learn(group)
            if self.folder is not None and distributed.first(time.monotonic() - self.saved > run.training.checkpoint_seconds):
                self.save()
        if run.stopped == "time" and self.folder is not None and run.batch:
            self.save()  # as it stands, so that it goes on from here when there is more time

    def judge(self, epoch: int) -> None:
        """The validation loss after an epoch, and what follows from it. An epoch in which no step was made is none."""
        run = self.run
        if epoch and not run.count:
            if run.stopped is None:
                what = f"targets: in its {run.batch} batches all are unknown" if run.batch else "batches"
                raise TrainingError(f"Epoch {epoch} has no {what}, so there is nothing to learn from.")
            return
        with run.averaged():
            validation = math.nan if self.valid is None else self._validation_loss(epoch)
            followed = next((one for one in self.follow.epochs if one.epoch == epoch), None) if self.follow else None
            expected = validation if followed is None else followed.validation_loss
            if run.kept is not None and epoch:  # at 0 the weights are those that it began with
                run.kept.observe(expected, epoch, run.model)
            enough = self.valid is not None and run.stopping.observe(validation, epoch, run.model)
        run.finish_epoch(validation, epoch)
        self.report(run.epochs[-1])
        if epoch:  # without validation "plateau" goes by the training loss
            run.schedule.observe((followed or run.epochs[-1]).train_loss if math.isnan(expected) else expected)
        if run.stopped == "time":
            return
        run.stopped = "patience" if enough and epoch else None
        if self.folder is not None and run.stopped is None:
            self.save()

    def _rest(self) -> Iterator[Any]:
        """The batches of this epoch that are still to be learnt from."""
        k, done = self.run.epoch - 1, self.run.batch
        if done and hasattr(self.batches, "epoch_from"):
            rest: Iterator[Any] = self.batches.epoch_from(k, done)
            return rest
        return islice(self.batches.epoch(k), done, None)

    def _learn(self, group: Sequence[Any]) -> None:
        """One step on a group of batches; with truncated backpropagation one after each chunk of time."""
        run, steps = self.run, self.run.training.tbptt
        if self.carries and any(len(tensors_in(batch)[0]) % distributed.world() for batch in group):
            raise ConfigError(f"A batch whose state is carried on has to be shared evenly by {distributed.world()} processes. Choose such a batch size.")
        if not self.carries:
            run.state = None
        elif run.leaves:
            self._take_up(group[0])
        if steps is None:
            self._update(group)
            return
        for batch in group:  # one alone: with `tbptt` nothing is accumulated
            if not hasattr(batch, "chunks"):
                raise ConfigError(f"With `tbptt` a batch has a method chunks(steps), as inorder.data.batch.Batch has; this is a {type(batch).__name__}.")
            for chunk in batch.chunks(steps):
                self._update([chunk])

    def _update(self, pieces: Sequence[Any]) -> None:
        run = self.run
        value, targets, norms = update(run, self.objective, pieces, self.carried, divided=getattr(self.batches, "divided", False))
        if targets:
            self.report(Step(run.step, run.epoch, run.batch, run.batches, value, targets, run.norm, run.rate, run.seconds, norms))

    def _take_up(self, batch: Any) -> None:
        """The carried state of a checkpoint, whose tensors are known, in the form that the loss gives it."""
        run, leaves = self.run, iter(self.run.leaves)
        run.model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            _, form = self.plain(placed(batch, run.model, divided=getattr(self.batches, "divided", False))[0], None)
        run.state, run.leaves = map_tensors(lambda _: next(leaves), form), ()
        run.model.train()

    def _validation_loss(self, epoch: int) -> float:
        """Raises TrainingError where there is nothing to judge by, or the loss is not finite: then no epoch could be told to be the best."""
        with torch.no_grad():
            value = distributed.first(float(self.valid())) if callable(self.valid) else self._loss_over(self.valid)
        if not math.isfinite(value):
            when = f"after epoch {epoch}" if epoch else "before any training"
            raise TrainingError(f"The validation loss is {value:g} {when}. Look for NaN in the inputs and targets of `valid`, or lower the learning rate.")
        return value

    def _loss_over(self, valid: Any) -> float:
        """The mean loss per target."""
        total = count = 0.0
        state = None
        for batch in valid.epoch(0):
            rows, counts = placed(batch, self.run.model, divided=getattr(valid, "divided", False))
            with autocast(self.run.training.precision, device_of(self.run.model)):
                value = self.plain(rows, state) if self.carried else self.plain(rows)
            if self.carried:
                value, state = value
                state = state if getattr(valid, "carries", False) else None
            total, count = total + float(value.total * counts), count + float(value.count * counts)
        total, count = distributed.summed(total, count)
        if not count:
            raise TrainingError("`valid` has no targets to judge by: its batches are empty, or all targets are unknown. Hold more back, or leave it out.")
        return total / count

    def save(self) -> None:
        assert self.folder is not None
        save_checkpoint(self.run, self.folder, carried=self.carries)
        self.saved = time.monotonic()


def _grouped(batches: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """`size` batches at a time; the last group has the rest."""
    while group := list(islice(batches, size)):
        yield group
