"""Reading a long CSV into a panel, each reader in a new process, whose peak memory is its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from benchmarks.case import Case, Program, Target, last_line, peer, require
from benchmarks.data import write_long_csv
from benchmarks.machine import ROOT

# `library` is imported before the clock of "time" starts; "process" is everything, from the start of the interpreter to its end
OURS = "panel = inorder.read_series(path)"
PANDAS = 'frame = pandas.read_csv(path); frame["date"] = pandas.to_datetime(frame["date"])'
POLARS = 'frame = polars.read_csv(path).with_columns(polars.col("date").str.to_datetime("%Y-%m-%d"))'
HARNESS = """
import json, sys, time
import {libraries}
path = sys.argv[1]
began = time.perf_counter()
{read}
seconds = time.perf_counter() - began
try:
    peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([seconds, peak]))
"""


def read_panel(quick: bool) -> list[Case]:
    """A long CSV of daily sales, 1,000,000 rows in 1,000 series: columns, dates and frequency found, rows put in order."""
    series, length = (20, 1_000) if quick else (1_000, 1_000)
    path = str(csv(series, length))
    ours = reader("inorder, polars", OURS, path)
    programs = {
        "inorder.read_series": ours,
        "pandas.read_csv + to_datetime": peer("pandas", lambda: reader("pandas", PANDAS, path)),
        "polars.read_csv + to_datetime": reader("polars", POLARS, path),
    }

    def check() -> dict[str, object]:
        import numpy as np
        import polars as pl

        import inorder

        panel, frame = inorder.read_series(path), pl.read_csv(path)
        require(
            (len(panel), len(panel.values)) == (series, series * length),
            f"read {len(panel)} series of {len(panel.values)} rows; the file holds {series} of {series * length}.",
        )
        require(str(panel.frequency) == "day", f"the frequency was taken for {panel.frequency}, not day.")
        require(panel.ids == tuple(frame["store"].unique(maintain_order=True)), "the series are not those of the file, or not in its order.")
        require(np.array_equal(panel.values, frame["sales"].to_numpy()), "the values differ from those that polars reads.")
        stamps = frame["date"].str.to_datetime("%Y-%m-%d").dt.cast_time_unit("us").to_numpy()
        require(np.array_equal(panel.index.astype("datetime64[us]"), stamps), "the stamps differ from those that polars reads.")
        return {"read as": panel.describe()}

    targets = [Target("process", 3.0), Target("peak memory", 1e9)]
    notes = (
        "time: the call, libraries imported before; process: from the start of the interpreter to its end",
        "The two peers only parse: they neither find the columns and the frequency nor check the grid",
    )
    return [Case("long CSV", {"rows": series * length, "series": series}, programs, check, targets, 7, notes=notes)]


@cache
def csv(series: int, length: int) -> Path:
    """The file, written once for a run."""
    folder = tempfile.TemporaryDirectory()
    _KEPT.append(folder)
    return write_long_csv(Path(folder.name) / "sales.csv", series, length)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


def reader(libraries: str, read: str, path: str) -> Program:
    """A program that reads the file in a new process."""
    code = HARNESS.format(libraries=libraries, read=read)

    def program() -> dict[str, float]:
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False, cwd=ROOT)
        process = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(last_line(done.stderr))
        seconds, peak = json.loads(done.stdout)
        return {"process": process, "time": seconds, "peak memory": float(peak)}

    return program
