"""Whoever looks on while a model is trained is handed each step and each epoch: a progress bar, a log, TensorBoard, or a function of yours.

Where several processes train together, only the first is looked at. A watcher that has a method `resume(step, epoch)` is told where a run goes on
from a checkpoint: it makes all later steps and epochs again, so what was noted of them is dropped.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inorder.errors import MissingExtra
from inorder.train import distributed
from inorder.train.history import Epoch, Step

if TYPE_CHECKING:
    from torch import Tensor, nn

    from inorder.nn.gradient_flow import GradientFlow

Watcher = Callable[[Step | Epoch], None]
Progress = Callable[[int, int], None]  # epochs done, epochs at most
LOG = "log.jsonl"
LOGGED = 10  # every so many steps are written to the log of a run with a directory


@contextmanager
def watching(watch: Sequence[Watcher], folder: Path | None, place: tuple[int, int] | None, last: int, progress: Progress | bool | None) -> Iterator[Watcher]:
    """One function for all that look on.   folder: of the run, for its log.   place: steps and epochs done where it is resumed.   last: epochs at most."""
    if distributed.rank() > 0:
        yield lambda seen: None
        return
    with ExitStack() as stack:
        watchers = list(watch)
        for watcher in watchers:
            if place is not None and hasattr(watcher, "resume"):
                watcher.resume(*place)
        if folder is not None:
            log = stack.enter_context(JsonLines(folder / LOG, every=LOGGED))
            log.resume(*(place or (0, -1)))  # a run that begins anew has no use for the log of another
            watchers.append(log)
        if progress is True and sys.stderr.isatty():
            watchers.append(stack.enter_context(TrainingBar(last)))
        elif callable(progress):
            watchers.append(lambda seen: progress(seen.epoch, last) if isinstance(seen, Epoch) and seen.epoch else None)

        def report(seen: Step | Epoch) -> None:
            for watcher in watchers:
                watcher(seen)

        yield report


class JsonLines:
    """A log with one JSON object a line, {"kind": "step", …} or {"kind": "epoch", …}, for programs to read.

    path: of the file; lines that are there stay, but where a run goes on from a checkpoint, those of later steps and epochs are taken out.
    every: so many steps one is written; epochs all.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with JsonLines(Path(folder) / "log.jsonl") as log:
    ...         log(Epoch(1, 0.5, math.nan, 2.0, 0.001, 3.25))
    ...     print((Path(folder) / "log.jsonl").read_text(), end="")
    {"kind": "epoch", "epoch": 1, "train_loss": 0.5, "validation_loss": null, "gradient_norm": 2.0, "learning_rate": 0.001, "seconds": 3.25, "step": 0}
    """

    def __init__(self, path: str | Path, *, every: int = 1) -> None:
        self.path, self.every, self.step = Path(path), every, 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.open("a", encoding="utf-8")

    def resume(self, step: int, epoch: int) -> None:
        """Take out what comes after."""
        self.file.close()
        _cut(self.path, step, epoch)
        self.step, self.file = step, self.path.open("a", encoding="utf-8")

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __call__(self, seen: Step | Epoch) -> None:
        """Write a line."""
        if isinstance(seen, Step):
            self.step = seen.step
            if seen.step % self.every:
                return
        kind = "step" if isinstance(seen, Step) else "epoch"
        record = {"kind": kind, **asdict(seen), "step": self.step}
        self.file.write(json.dumps({name: _plain(value) for name, value in record.items()}, allow_nan=False) + "\n")
        self.file.flush()


class TensorBoard:
    """Curves for TensorBoard: loss, learning rate, gradient norms and targets a second by step, losses by epoch.   folder: where it looks.

    Raises MissingExtra where the package `tensorboard` is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            if error.name != "tensorboard":
                raise
            raise MissingExtra('Curves for TensorBoard need the "track" extra: pip install "inorder[track]".') from None
        self.folder, self.make, self.speed = str(folder), SummaryWriter, Speed()
        self.writer = SummaryWriter(self.folder)

    def resume(self, step: int, epoch: int) -> None:
        """Have TensorBoard leave out later steps; an epoch that comes again has the same values at the same place."""
        self.writer.close()
        self.writer = self.make(self.folder, purge_step=step + 1)

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()

    def __call__(self, seen: Step | Epoch) -> None:
        """Take a step or an epoch into the curves."""
        if isinstance(seen, Epoch):
            values = {"epoch/train_loss": seen.train_loss, "epoch/validation_loss": seen.validation_loss}
            at = seen.epoch
        else:
            values = {"step/loss": seen.loss, "step/learning_rate": seen.learning_rate, "step/gradient_norm": seen.gradient_norm}
            values |= {"step/targets_per_second": self.speed.of(seen), **{f"gradient_norm/{name}": norm for name, norm in seen.layer_norms.items()}}
            at = seen.step
        for name, value in values.items():
            if not math.isnan(value):
                self.writer.add_scalar(name, value, at)
        if isinstance(seen, Epoch):
            self.writer.flush()


class Flows:
    """Gradient norms by time lag after every epoch: how far back the model has come to learn from.   model, x, lengths: as for `gradient_flow`.

    every: so many epochs.   flows: epoch -> `GradientFlow`.   path: of a JSON-lines file that gets {"epoch": …, "lags": […], "median": […]} too;
    where a run goes on from a checkpoint, the lines of later epochs are taken out.

    >>> import torch
    >>> flows = Flows(torch.nn.RNN(1, 1, batch_first=True), torch.ones(2, 3, 1))
    >>> flows(Epoch(1, 0.5, 0.5, 2.0, 0.001, 3.25))
    >>> flows.flows[1].lags.tolist(), flows.flows[1].norms.shape
    ([0, 1, 2], (2, 3))
    """

    def __init__(self, model: nn.Module, x: Tensor, lengths: Tensor | None = None, *, every: int = 1, path: str | Path | None = None) -> None:
        self.model, self.x, self.lengths, self.every = model, x, lengths, every
        self.path = None if path is None else Path(path)
        self.flows: dict[int, GradientFlow] = {}

    def resume(self, step: int, epoch: int) -> None:
        """Take out what comes after."""
        if self.path is not None and self.path.exists():
            _cut(self.path, step, epoch)

    def __call__(self, seen: Step | Epoch) -> None:
        """Measure, where an epoch has ended."""
        if not isinstance(seen, Epoch) or seen.epoch % self.every:
            return
        from inorder.nn.gradient_flow import gradient_flow

        flow = self.flows[seen.epoch] = gradient_flow(self.model, self.x, self.lengths)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                line = {"epoch": seen.epoch, "lags": flow.lags.tolist(), "median": flow.median.tolist()}
                file.write(json.dumps({name: _plain(value) for name, value in line.items()}, allow_nan=False) + "\n")


class Speed:
    """Targets a second, over about the last twenty steps; NaN before there are two.

    >>> speed = Speed()
    >>> [speed.of(Step(k, 1, k, 9, 0.0, 10.0, 0.0, 0.0, seconds=0.5 * k)) for k in (1, 2)]
    [nan, 20.0]
    """

    def __init__(self) -> None:
        self.targets = self.seconds = 0.0
        self.last: float | None = None

    def of(self, seen: Step) -> float:
        """Take a step in, and say the speed."""
        if self.last is not None:
            self.targets = 0.95 * self.targets + seen.targets
            self.seconds = 0.95 * self.seconds + max(seen.seconds - self.last, 0.0)
        self.last = seen.seconds
        return self.targets / self.seconds if self.seconds else math.nan


class TrainingBar:
    """A progress bar on standard error: epoch, loss, gradient norm, targets a second, time left.   last: epochs at most."""

    def __init__(self, last: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.last, self.speed, self.validation = last, Speed(), ""
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
        self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self.task = self.progress.add_task("training", total=None, said="")

    def __enter__(self) -> TrainingBar:
        self.progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.progress.__exit__(*error)

    def __call__(self, seen: Step | Epoch) -> None:
        """Draw where training stands."""
        if isinstance(seen, Epoch):
            self.validation = "" if math.isnan(seen.validation_loss) else f", validation {seen.validation_loss:.4g}"
            return
        speed = self.speed.of(seen)
        pace = "" if math.isnan(speed) else f", {speed:,.0f} targets/s"
        said = f"loss {seen.loss:.4g}{self.validation}, gradient {seen.gradient_norm:.2g}{pace}"
        done = (seen.epoch - 1) * seen.batches + seen.batch
        self.progress.update(self.task, description=f"epoch {seen.epoch}/{self.last}", completed=done, total=self.last * seen.batches, said=said)


def _cut(path: Path, step: int, epoch: int) -> None:
    """Take out of a file the lines of later steps and epochs, and one that was cut off when the program was killed."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if _before(line, step, epoch)]
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text("".join(lines), encoding="utf-8")
    fresh.replace(path)


def _before(line: str, step: int, epoch: int) -> bool:
    try:
        record = json.loads(line)
        return bool(record["step"] <= step if record.get("kind") == "step" else record["epoch"] <= epoch)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
