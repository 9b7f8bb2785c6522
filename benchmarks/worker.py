"""One benchmark in a process of its own, so that threads, imports and memory of one do not touch another.

    python -m benchmarks.worker NAME FILE [--quick]

The runner starts it with the thread variables set; the record is written to FILE as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import THREAD_VARIABLES, commit, hold_to_cores, machine, versions
from benchmarks.measure import broken, measure
from benchmarks.registry import THREADS, about, benchmark


def run(name: str, quick: bool = False) -> dict[str, Any]:
    """The record of one benchmark: what ran where, and its cases."""
    threads = THREADS.get(name, 1)
    began = {"benchmark": name, "about": about(name), "quick": quick, "date": datetime.now(UTC).isoformat(timespec="seconds"), **commit()}
    place = {"machine": machine(), "threads": {"cores": threads, **{variable: os.environ.get(variable) for variable in THREAD_VARIABLES}}}
    cases = []
    try:
        made = benchmark(name)(quick)
    except Exception as error:
        made, cases = [], [broken("everything", error)]
    for case in made:
        print(f"  {name}: {case.name}", file=sys.stderr, flush=True)
        cases.append(measure(case, quick))
    return {**began, **place, "versions": versions(), "cases": cases}


def main(arguments: list[str]) -> None:
    name, file, *options = arguments
    hold_to_cores(THREADS.get(name, 1))
    record = run(name, "--quick" in options)
    Path(file).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
