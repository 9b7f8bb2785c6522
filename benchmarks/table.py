"""Records as tables: in the terminal, and in README.md."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measure import BYTES, in_words

Record = Mapping[str, Any]
COLUMNS = ("benchmark", "case", "quantity", "ours", "beside", "its", "ours is", "target", "verdict")


def rows(record: Record) -> list[tuple[str, ...]]:
    """One row for each quantity and each program beside ours; a target stands in the row that it speaks of."""
    found: list[tuple[str, ...]] = []
    for case in record["cases"]:
        head = (record["benchmark"], titled(case))
        if "programs" not in case:
            found.append((*head, "", "", "", "", "", case.get("gate", ""), "refused to time" if "refused" in case else "failed"))
            continue
        targets = list(case["targets"])
        if case["gate"]:
            found.append((*head, "answer", "", "", "", "", case["gate"], "reached"))
        for quantity, taken in case["programs"][case["ours"]].items():
            others = [name for name, quantities in case["programs"].items() if name != case["ours"] and quantity in quantities]
            for i, other in enumerate(others or [None]):
                mine = [t for t in targets if t["quantity"] == quantity and t["against"] in ({other, None} if i == 0 else {other})]
                beside = (
                    ("", "", "")
                    if other is None
                    else (other, spread(case["programs"][other][quantity], quantity), faster(case["ratios"][other][quantity], quantity))
                )
                verdict = "; ".join(f"{reached(t)}" for t in mine)
                found.append((*head, quantity, spread(taken, quantity), *beside, "; ".join(t["target"] for t in mine), verdict))
                targets = [t for t in targets if t not in mine]
        found += [(*head, t["quantity"], "", "", "", "", t["target"], t["verdict"]) for t in targets]
        found += [(*head, "", "", name, "", "", "", sentence) for name, sentence in case["missing"].items()]
    return found


def titled(case: Record) -> str:
    sizes = ", ".join(f"{name} {plain(value)}" for name, value in case.get("sizes", {}).items())
    return f"{case['name']} ({sizes})" if sizes else str(case["name"])


def spread(taken: Record, quantity: str) -> str:
    """The median, and the quartiles around it."""
    return f"{in_words(taken['median'], quantity)} ({in_words(taken['low'], quantity)}–{in_words(taken['high'], quantity)})"


def faster(ratio: Record, quantity: str) -> str:
    """How ours stands beside another program, losses too.

    >>> faster({"median": 2.0}, "time"), faster({"median": 0.5}, "time"), faster({"median": 1.002}, "peak memory")
    ('2× faster', '2× slower', 'as much')
    """
    more, less, same = ("larger", "smaller", "as much") if quantity == "peak memory" else ("slower", "faster", "as fast")
    value = ratio["median"]
    if 0.995 < value < 1.005:
        return same
    return f"{value:.3g}× {less}" if value > 1 else f"{1 / value:.3g}× {more}"


def reached(target: Record) -> str:
    """The verdict, with the value that it rests on."""
    if target["value"] is None:
        return str(target["verdict"])
    value = f"{target['value']:.3g}×" if target["against"] else in_words(target["value"], target["quantity"])
    return f"{target['verdict']}: {value}"


def checks(record: Record) -> list[str]:
    """What the correctness gate of each case found, and its notes."""
    lines = []
    for case in record["cases"]:
        facts = "; ".join(f"{name}: {plain(value)}" for name, value in case.get("checked", {}).items())
        text = ". ".join(part for part in (facts, *case.get("notes", ()), *first_calls(case)) if part)
        if "programs" not in case:
            text = f"refused to time: {case['refused']}" if "refused" in case else f"failed: {case['failed']}"
        if text:
            lines.append(f"{record['benchmark']}, {case['name']}: {text}")
    return lines


def first_calls(case: Record) -> list[str]:
    """Where a first call takes far longer than the others: it compiles, or imports."""
    found = []
    for name, quantities in case.get("programs", {}).items():
        slow = [taken["first"] for quantity, taken in quantities.items() if quantity not in BYTES and taken["first"] > max(5 * taken["median"], 0.05)]
        found += [f"The first call of {name} took {in_words(max(slow))}"] if slow else []
    return found


def plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def place(record: Record) -> str:
    """Machine, threads, versions and commit in one paragraph."""
    machine, threads = record["machine"], record["threads"]["cores"]
    parts = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory'] / 2**30:.0f} GiB, {machine['system']}"
        if machine["memory"]
        else f"{machine['cpu']}, {machine['system']}",
        f"{threads} thread{'s' * (threads > 1)}",
        f"load {machine['load'][0]} before" if machine["load"] else "load unknown",
        f"{record['date']}, commit {record['commit']}{' with changes' * bool(record['changed'])}",
        ", ".join(f"{name} {number}" for name, number in record["versions"].items()),
    ]
    return "; ".join(parts)


def show(record: Record) -> None:
    """Print one record."""
    from rich.console import Console
    from rich.table import Table

    console = Console() if sys.stdout.isatty() else Console(width=180)
    table = Table(title=f"{record['benchmark']}: {record['about']}", caption=place(record), title_justify="left", caption_justify="left")
    for column in COLUMNS[1:]:
        table.add_column(column, overflow="fold")
    before = ""
    for row in rows(record):
        table.add_row("" if row[1] == before else row[1], *row[2:])
        before = row[1]
    console.print(table)
    for line in checks(record):
        console.print(line, markup=False, highlight=False)


def markdown(records: Sequence[Record]) -> str:
    """The results section of README.md."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for record in records:
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows(record)]
    lines += ["", "What the correctness gate found before anything was timed:", ""]
    lines += [f"- {line}" for record in records for line in checks(record)]
    lines += ["", "Where and when:", ""]
    lines += [f"- {record['benchmark']}: {place(record)}" for record in records]
    return "\n".join(lines)
