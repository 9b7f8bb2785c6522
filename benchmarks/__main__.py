"""The runner: `python -m benchmarks [NAME ...] [--quick] [--out DIR] [--list] [--write-readme]`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, thread_environment
from benchmarks.registry import BENCHMARKS, THREADS, about, benchmark
from benchmarks.table import markdown, show
from inorder.errors import ConfigError

FOLDER = Path(__file__).resolve().parent
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks; 0 = all ran, 1 = an answer was wrong or a program failed, 2 = the options are wrong. A missed target is told, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast inorder is, and beside whom.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run; all if none is named")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: does it run?")
    parser.add_argument("--out", type=Path, default=FOLDER / "results", metavar="DIR", help="folder of the JSON files (benchmarks/results)")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--write-readme", action="store_true", help="put the last full results in DIR into benchmarks/README.md; runs nothing")
    options = parser.parse_args(arguments)
    if options.list:
        for name in BENCHMARKS:
            print(f"{name:<18} {about(name)}")
        return 0
    if options.write_readme:
        return write_readme(options.out, FOLDER / "README.md")
    try:
        for name in options.names:
            benchmark(name)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in options.names or BENCHMARKS:
        record = run_apart(name, options.quick, options.out)
        if record is None:
            print(f"{name}: its process ended without a result.", file=sys.stderr)
            failed = True
            continue
        show(record)
        failed |= any("programs" not in case for case in record["cases"])
    return int(failed)


def run_apart(name: str, quick: bool, out: Path) -> dict[str, Any] | None:
    """Run one benchmark in a new process with its threads; its record, which is saved as NAME.json or NAME.quick.json, or None where it died."""
    target = out / f"{name}{'.quick' * quick}.json"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "record.json"
        command = [sys.executable, "-m", "benchmarks.worker", name, str(file), *(["--quick"] if quick else [])]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **thread_environment(THREADS.get(name, 1))}, check=False)
        if not file.is_file():
            return None
        text = file.read_text(encoding="utf-8")
    target.write_text(text, encoding="utf-8")
    record: dict[str, Any] = json.loads(text)
    return record


def write_readme(results: Path, readme: Path) -> int:
    """Replace what stands between the two marks of `readme` by the table of the last full results."""
    records = [json.loads((results / f"{name}.json").read_text(encoding="utf-8")) for name in BENCHMARKS if (results / f"{name}.json").is_file()]
    if not records:
        print(f"{results} holds no full result yet; run `python -m benchmarks` first.", file=sys.stderr)
        return 1
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n{markdown(records)}\n{END}{after}", encoding="utf-8")
    print(f"{readme.name} holds the results of {len(records)} of {len(BENCHMARKS)} benchmarks.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
