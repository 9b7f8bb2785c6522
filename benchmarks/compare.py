"""`compare` on AirPassengers, the first thing that a user runs: when the first row is there, when all are."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.case import Case, Program, Target, last_line, require
from benchmarks.start import inorder_command

SAMPLE, HORIZON, SEASON = "air-passengers", 12, 12
FEW = ["naive", "mean", "seasonal-naive"]  # for quick runs


def classical(quick: bool) -> list[Case]:
    """All classical models on AirPassengers, horizon 12, three selection folds and a test part."""
    models = FEW if quick else [name for name in suited() if name != "lstm"]
    return cases(models, (1.0, 3.0), 7)


def with_lstm(quick: bool) -> list[Case]:
    """The same with the global LSTM among the models, on two cores."""
    return cases([*FEW, "lstm"] if quick else suited(), (None, 30.0), 3)


def suited() -> list[str]:
    """The candidates that `compare` takes for this series by itself."""
    import inorder
    from inorder.tasks.forecast import default_models

    return default_models(inorder.read_series(SAMPLE))[0]


def cases(models: list[str], limits: tuple[float | None, float], repeats: int) -> list[Case]:
    first, every = limits
    targets = ([Target("first row", first)] if first else []) + [Target("all rows", every)]
    sizes = {"models": len(models), "rows": 144, "horizon": HORIZON}
    inside = Case(
        "in Python, warm",
        sizes,
        {"inorder.compare": in_process(models)},
        lambda: check(models),
        targets,
        repeats,
        notes=("result: the winner fitted to everything as well",),
    )
    outside = Case(
        "whole command",
        sizes,
        {"inorder compare": from_the_shell(models)},
        lambda: check_command(models),
        targets,
        repeats,
        notes=("times are counted from the start of the process; process: until it ends, with bundle and report written",),
    )
    return [inside, outside]


def in_process(models: list[str]) -> Program:
    def program() -> dict[str, float]:
        import inorder

        rows: list[float] = []
        began = time.perf_counter()
        inorder.compare("forecast", SAMPLE, horizon=HORIZON, models=models, on_row=lambda table: rows.append(time.perf_counter()))
        ended = time.perf_counter()
        return {"first row": rows[0] - began, "all rows": rows[-1] - began, "result": ended - began}

    return program


def from_the_shell(models: list[str]) -> Program:
    def program() -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            rows: list[float] = []
            began = time.perf_counter()
            with subprocess.Popen(command(models, Path(folder) / "out"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
                assert process.stdout is not None
                rows += [time.perf_counter() for line in process.stdout if line.partition(":")[0] in models and line.rstrip().endswith("s)")]
            ended = time.perf_counter()
        if process.returncode or len(rows) != len(models):
            raise RuntimeError(f"`inorder compare` ended with {process.returncode} after {len(rows)} of {len(models)} rows.")
        return {"first row": rows[0] - began, "all rows": rows[-1] - began, "process": ended - began}

    return program


def command(models: list[str], out: Path) -> list[str]:
    return [*inorder_command(), "compare", "forecast", SAMPLE, "--horizon", str(HORIZON), "--models", ",".join(models), "--out", str(out)]


def check(models: list[str]) -> dict[str, object]:
    """Every model has its row and no error, and the row of the seasonal naive forecast is what two lines of NumPy say."""
    import inorder

    return check_table(inorder.compare("forecast", SAMPLE, horizon=HORIZON, models=models).table, models)


def check_command(models: list[str]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command(models, Path(folder) / "out"), "--json"], capture_output=True, text=True, check=False)
        require(done.returncode == 0, f"`inorder compare` ended with {done.returncode}: {last_line(done.stderr)}")
        require((Path(folder) / "out" / "report.html").is_file(), "no report.html was written.")
    return check_table(json.loads(done.stdout)["table"], models)


def check_table(table: list[dict[str, object]], models: list[str]) -> dict[str, object]:
    import inorder

    rows = {str(row["model"]): row for row in table}
    require(set(rows) == set(models), f"the rows are {sorted(rows)}, not {sorted(models)}.")
    failed = {name: row["error"] for name, row in rows.items() if row["error"]}
    require(not failed, f"these models failed: {failed}.")
    y = inorder.read_series(SAMPLE).values
    train, test = y[:-HORIZON], y[-HORIZON:]
    expected = np.mean(np.abs(test - train[-SEASON:])) / np.mean(np.abs(train[SEASON:] - train[:-SEASON]))
    found = float(str(rows["seasonal-naive"]["mase"]))
    require(bool(abs(found - expected) < 1e-9), f"the seasonal naive forecast has MASE {found}, but {expected} was expected.")
    best = table[0]
    return {"best by selection": best["model"], "its test MASE": best["mase"]} | ({"LSTM test MASE": rows["lstm"]["mase"]} if "lstm" in rows else {})
