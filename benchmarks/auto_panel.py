"""`auto` on a panel of many series, in a new process, whose peak memory is its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import cache
from typing import Any

from benchmarks.case import Case, Target, last_line, require
from benchmarks.machine import ROOT

LENGTH, HORIZON, SEASON = 120, 18, 12
HARNESS = """
import json, sys, time
import numpy as np
from benchmarks.data import monthly
from benchmarks.naive2 import panel_of
from inorder import Auto
panel = panel_of(list(monthly({series}, {length})), {season})
began = time.perf_counter()
made = Auto().fit(panel, workers=2).predict({horizon})
seconds = time.perf_counter() - began
try:
    peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
finite = all(np.isfinite(values).all() for values in (made.mean, *made.lower.values(), *made.upper.values()))
print(json.dumps([seconds, peak, len(made.mean), finite]))
"""


def auto_panel(quick: bool) -> list[Case]:
    """Fit and forecast of 10,000 monthly series with `auto`, intervals included, on two threads."""
    series = 40 if quick else 10_000

    @cache
    def first() -> list[Any]:
        """The run whose answer is checked; its time is the one that counts, too: it takes minutes."""
        code = HARNESS.format(series=series, length=LENGTH, season=SEASON, horizon=HORIZON)
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            raise RuntimeError(last_line(done.stderr))
        return [*json.loads(done.stdout), time.perf_counter() - began]

    def program() -> dict[str, float]:
        seconds, peak, _, _, process = first()
        return {"process": process, "time": seconds, "peak memory": float(peak)}

    def check() -> dict[str, object]:
        _, _, count, finite, _ = first()
        require(count == series and finite, f"{count} of {series} series were forecast, {'all' if finite else 'not all'} of them with finite numbers.")
        return {"series forecast": count}

    targets = [Target("time", 600.0), Target("peak memory", 2e9)]
    notes = ("one run, not several in turns: it takes minutes",)
    return [Case("10,000 monthly series", {"series": series, "rows": series * LENGTH}, {"inorder.Auto": program}, check, targets, 1, notes=notes)]
