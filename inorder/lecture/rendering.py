"""Worked examples on a terminal: a table of all, or the steps of one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from inorder.lecture.example import DIFFERS, ILLUSTRATION, NOT_OBTAINABLE, SAME, Example, Quantity

STYLES = {SAME: "green", DIFFERS: "bold red", NOT_OBTAINABLE: "yellow", ILLUSTRATION: "dim"}
RECOMPUTED = "  recomputed"  # the numbers below it stand behind a mark
UNBOUNDED = 10_000  # columns: no terminal has so many


def print_table(worked: list[Example], console: Console) -> None:
    """The examples with their printed and recomputed numbers; "≠" marks a number that differs."""
    wide = _wide(worked)
    console.print(wide if console.measure(wide, options=console.options.update(width=UNBOUNDED)).maximum <= console.width else _narrow(worked))
    counts = Counter(example.verdict for example in worked)
    summary = ", ".join(f"{verdict} {counts[verdict]}" for verdict in STYLES if counts[verdict])
    console.print(Text(f"\n{len(worked)} example{'' if len(worked) == 1 else 's'}: {summary}. ≠ marks what differs."))
    console.print(Text("The steps of one, by number or name: inorder lecture ctc"))


def _narrow(worked: list[Example]) -> Table:
    """Quantities under the name of their example; an example with one stands on one line."""
    table = _table(gap=0)
    table.add_column("#", justify="right")
    for heading in ("example", "printed", RECOMPUTED, "verdict"):
        table.add_column(heading)
    for example in worked:
        verdict = Text(example.verdict, STYLES[example.verdict])
        if len(example.quantities) == 1:
            table.add_row(str(example.number), Text(example.topic, "bold"), *_numbers(example.quantities[0]), verdict)
            continue
        table.add_row(str(example.number), Text(example.topic, "bold"), "", "", verdict)
        for quantity in example.quantities:
            table.add_row("", Text(f"  {quantity.name}"), *_numbers(quantity), "")
    return table


def _wide(worked: list[Example]) -> Table:
    """One line a quantity, beside the title of its example."""
    table = _table()
    table.add_column("#", justify="right")
    for heading in ("example", "", "quantity", "printed", RECOMPUTED, "verdict"):
        table.add_column(heading)
    for example in worked:
        head: tuple[Any, ...] = (str(example.number), Text(example.topic, "bold"), Text(example.title))
        for quantity in example.quantities:
            first = quantity is example.quantities[0]
            verdict = Text(example.verdict, STYLES[example.verdict]) if first else ""
            table.add_row(*(head if first else ("", "", "")), Text(quantity.name), *_numbers(quantity), verdict)
    return table


def print_steps(example: Example, related: list[str], console: Console) -> None:
    """Data, steps, numbers, verdict and reason."""
    console.print(Text.assemble((f"{example.number}  {example.title}", "bold"), f"   ({example.topic})"))
    for heading, lines in (("data", [f"{name} = {_plain(value)}" for name, value in example.data.items()]), ("steps", list(example.steps))):
        console.print(Text(f"\n{heading}", "underline"))
        for line in lines:
            console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))
    console.print()
    table = _table()
    for heading in ("", "printed", RECOMPUTED, "verdict"):
        table.add_column(heading)
    for quantity in example.quantities:
        verdict = quantity.verdict if quantity.printed is not None else ""
        table.add_row(Text(quantity.name), *_numbers(quantity), Text(verdict, STYLES.get(verdict, "")))
    console.print(table)
    console.print()
    console.print(Text.assemble((example.verdict, STYLES[example.verdict]), f": {example.explanation}"))
    if related:
        console.print(Text(f"see also: {', '.join(related)}", "dim"))


def _table(gap: int = 1) -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)


def _numbers(quantity: Quantity) -> tuple[Text, Text]:
    """The printed and the recomputed column; a number that differs is marked, in colour and without."""
    differs = quantity.verdict == DIFFERS
    recomputed = Text.assemble(("≠ " if differs else "  ") + quantity.recomputed_text, style=STYLES[DIFFERS] if differs else "")
    return Text(quantity.printed_text), recomputed


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
