"""What people see while models run: a leaderboard that fills, and progress bars.

On a terminal both are redrawn in place on standard error, and the finished leaderboard is printed on standard output.
Where standard output is a file or a pipe, each model's line is printed once, when it has run.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from inorder.output import say

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from inorder.leaderboard import Table


LABELS = {"mase": "MASE", "smape": "sMAPE %", "crps": "CRPS", "owa": "OWA", "mae": "MAE", "rmse": "RMSE", "pinball": "pinball", "selection": "selection"}


DETECTION = {"nab": "NAB", "own": "NAB, own alarms", "precision": "precision", "recall": "recall", "f1": "F1", "alarm_rate": "alarms in 1,000 rows"}

CLASSES = {"selection": "selection", "accuracy": "accuracy", "balanced_accuracy": "balanced", "macro_f1": "macro-F1", "log_loss": "log loss"}
NUMBERS = {"selection": "selection", "rmse": "RMSE", "mae": "MAE", "r2": "R²"}

interrupted = False  # set by the command line's handler of Ctrl-C


class Board:
    """The leaderboard of a comparison while it runs.   quiet: show nothing.   task: which columns there are."""

    def __init__(self, by: str, quiet: bool, task: str = "forecast") -> None:
        self.by, self.quiet, self.task = by, quiet, task
        self.live: Any = None
        self.table: Table | None = None
        self.running: tuple[str, float] | None = None
        self.printed: set[str] = set()

    def __enter__(self) -> Self:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self.live = Live(console=Console(stderr=True), get_renderable=self.draw, refresh_per_second=8, transient=True)
            self.live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.live.__exit__(kind, error, trace)

    def show(self, table: Table) -> None:
        """A model has run."""
        if interrupted:
            raise KeyboardInterrupt
        self.table, self.running = table, None
        if self.live or self.quiet or sys.stdout.isatty():
            return
        for row in table:  # a pipe gets a line at once
            if row["model"] not in self.printed:
                self.printed.add(row["model"])
                say(f"{row['model']}: {row['error'] or outcome(row, self.by, self.task)} ({row['seconds']:.2f} s)")

    def progress(self, model: str, share: float) -> None:
        """A model has done this share of its work."""
        self.running = (model, share)

    def draw(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table as RichTable

        parts: list[Any] = [leaderboard(self.table, self.by, None, self.task)] if self.table else []
        if self.running:
            line = RichTable.grid(padding=(0, 1))
            line.add_row(self.running[0], ProgressBar(total=1.0, completed=self.running[1], width=40), f"{100 * self.running[1]:.0f} %")
            parts.append(line)
        return Group(*parts)

    def finish(self, table: Table, winner: str) -> None:
        """Print the finished leaderboard on standard output."""
        from rich.console import Console

        console = Console() if sys.stdout.isatty() else Console(width=120, file=io.StringIO(), color_system=None)
        with console.capture() as captured:
            console.print(leaderboard(table, self.by, winner, self.task))
        say("\n".join(line.rstrip() for line in captured.get().splitlines()))
        if self.task == "forecast":
            say(f"selection: {LABELS.get(self.by, self.by)} on earlier folds, by which the rows are ranked; the rest: on the last part, held out.")
        elif self.task == "classify":
            by = {**CLASSES, **NUMBERS}[self.by]
            say(f"selection: {by} on folds of the training part, by which the rows are ranked; the rest: on the test part.")
        elif table[0].get("nab") is not None:
            say("NAB: at the best threshold for all files, chosen with the labels; the rest: at the alarms that each detector raises by itself.")


def outcome(row: Mapping[str, Any], by: str, task: str) -> str:
    """A model's result in a line."""
    if task == "forecast":
        return f"{by} {_number(row['selection'])} on the selection folds, {_number(row[by])} on the test part"
    if task == "classify":
        note = f"; {row['note']}" if row.get("note") else ""
        return f"{by} {_number(row['selection'])} on folds of the training part, {_number(row[by])} on the test part{note}"
    rate = f"{1000 * row['alarm_rate']:.2f} alarms in 1,000 rows"
    return rate if row[by] is None else f"{DETECTION[by]} {_number(row[by])}, {rate}"


def columns_of(table: Table, by: str, task: str) -> Sequence[tuple[str, Callable[[Mapping[str, Any]], str]]]:
    """Heading and cell of each column between the model and the seconds."""
    if task == "detect":
        names = [name for name in DETECTION if name == "alarm_rate" or any(row[name] is not None for row in table)]
        return [(DETECTION[name], partial(_scaled, name=name, factor=1000.0 if name == "alarm_rate" else 1.0)) for name in names]
    if task == "classify":
        known = CLASSES if "accuracy" in table[0] else NUMBERS
        return [(label, partial(_scaled, name=name, factor=1.0)) for name, label in known.items()]
    shown = ["selection", by, *(name for name in ("mase", "smape", "crps", "owa") if name != by)]
    inside = [name for name in table[0] if name.startswith("coverage_")]
    return [(LABELS[name], partial(_scaled, name=name, factor=1.0)) for name in shown] + [
        (f"in {name.removeprefix('coverage_')} %", partial(_share, name=name)) for name in inside
    ]


def _scaled(row: Mapping[str, Any], name: str, factor: float) -> str:
    return _number(None if row[name] is None else factor * row[name])


def _share(row: Mapping[str, Any], name: str) -> str:
    return "–" if row[name] is None else f"{100 * row[name]:.0f} %"


def leaderboard(table: Table, by: str, winner: str | None, task: str = "forecast") -> RichTable:
    """The table for people: the scores of the task, the seconds, or the reason why there are none."""
    from rich.table import Table as RichTable

    columns = columns_of(table, by, task)
    drawn = RichTable(box=None, pad_edge=False, header_style="bold")
    drawn.add_column("model", no_wrap=True)
    for label, _ in columns:
        drawn.add_column(label, justify="right", no_wrap=True)
    drawn.add_column("seconds", justify="right", no_wrap=True)
    drawn.add_column("", overflow="fold")
    for row in table:
        style = "bold green" if row["model"] == winner else "dim" if row["error"] else None
        note = row["error"] or row.get("note") or (f"last value stands in for {row['fell_back']} series" if row.get("fell_back") else "")
        drawn.add_row(row["model"], *(cell(row) for _, cell in columns), f"{row['seconds']:.2f}", note, style=style)
    return drawn


class Bar:
    """A progress bar on standard error for one fit, shown where it takes longer than a moment."""

    def __init__(self, title: str, quiet: bool) -> None:
        self.title, self.quiet = title, quiet
        self.progress: Any = None
        self.task: Any = None

    def __enter__(self) -> Self:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self.progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[count]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self.progress.__enter__()
            self.task = self.progress.add_task(self.title, total=None, count="")  # how much there is to do is not known yet
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.progress:
            self.progress.__exit__(kind, error, trace)

    def update(self, done: int, of: int) -> None:
        """So much of it is done."""
        if self.progress:
            self.progress.update(self.task, completed=done, total=of, count=f"{done}/{of}")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
