"""What people see while models run: a leaderboard that fills, and progress bars.

On a terminal both are redrawn in place on standard error, and the finished leaderboard is printed on standard output.
Where standard output is a file or a pipe, each model's line is printed once, when it has run.
"""

from __future__ import annotations

import io
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from inorder.output import say

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from inorder.comparison import Table


LABELS = {"mase": "MASE", "smape": "sMAPE %", "crps": "CRPS", "owa": "OWA", "mae": "MAE", "rmse": "RMSE", "pinball": "pinball", "selection": "selection"}


interrupted = False  # set by the command line's handler of Ctrl-C


class Board:
    """The leaderboard of a comparison while it runs.   quiet: show nothing."""

    def __init__(self, by: str, quiet: bool) -> None:
        self.by, self.quiet = by, quiet
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
                result = row["error"] or f"{self.by} {_number(row['selection'])} on the selection folds, {_number(row[self.by])} on the test part"
                say(f"{row['model']}: {result} ({row['seconds']:.2f} s)")

    def progress(self, model: str, share: float) -> None:
        """A model has done this share of its work."""
        self.running = (model, share)

    def draw(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table as RichTable

        parts: list[Any] = [leaderboard(self.table, self.by, None)] if self.table else []
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
            console.print(leaderboard(table, self.by, winner))
        say("\n".join(line.rstrip() for line in captured.get().splitlines()))
        say(f"selection: {LABELS.get(self.by, self.by)} on earlier folds, by which the rows are ranked; the rest: on the last part, held out.")


def leaderboard(table: Table, by: str, winner: str | None) -> RichTable:
    """The table for people: the selection score, the test scores, the seconds, or the reason why there are none."""
    from rich.table import Table as RichTable

    shown = ["selection", by, *(name for name in ("mase", "smape", "crps", "owa") if name != by)]
    coverage = [name for name in table[0] if name.startswith("coverage_")]
    drawn = RichTable(box=None, pad_edge=False, header_style="bold")
    drawn.add_column("model", no_wrap=True)
    for name in shown:
        drawn.add_column(LABELS[name], justify="right", no_wrap=True)
    for name in coverage:
        drawn.add_column(f"in {name.removeprefix('coverage_')} %", justify="right", no_wrap=True)
    drawn.add_column("seconds", justify="right", no_wrap=True)
    drawn.add_column("", overflow="fold")
    for row in table:
        style = "bold green" if row["model"] == winner else "dim" if row["error"] else None
        inside = ["–" if row[name] is None else f"{100 * row[name]:.0f} %" for name in coverage]
        note = row["error"] or (f"last value stands in for {row['fell_back']} series" if row["fell_back"] else "")
        drawn.add_row(row["model"], *(_number(row[name]) for name in shown), *inside, f"{row['seconds']:.2f}", note, style=style)
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
                TextColumn("{task.completed}/{task.total}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self.progress.__enter__()
            self.task = self.progress.add_task(self.title, total=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.progress:
            self.progress.__exit__(kind, error, trace)

    def update(self, done: int, of: int) -> None:
        """So much of it is done."""
        if self.progress:
            self.progress.update(self.task, completed=done, total=of)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
