"""What the commands of all tasks share: texts of flags to values, folders for results, JSON.

A task's own module beside this one holds its `compare`, `fit`, `predict` and `evaluate`; their parameters are the flags that have a
meaning for the task, under the names of `inorder.cli`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import typer

from inorder.errors import ConfigError
from inorder.output import print_data


def stem(data: str) -> str:
    """A folder name for the results on `data`: the file's name without the endings that we read."""
    name = "standard-input" if data == "-" else Path(data).name
    name = re.sub(r"(\.(csv|tsv|tab|txt|dat|parquet|pq|ts|arff|npz|zip|gz))+$", "", name, flags=re.IGNORECASE) or "series"
    return re.sub(r"[^\w.-]+", "-", name).lstrip(".") or "series"


def usual_horizon(bundle: Path, season_length: int) -> int:
    """The horizon that the bundle was compared or fitted for; else one season, or ten steps."""
    from inorder.bundle import read_header

    horizon = read_header(bundle).get("horizon")
    return horizon if isinstance(horizon, int) and horizon > 0 else season_length if season_length > 1 else 10


def check_target(path: Path) -> Path:
    """Refuse, before any work is done, a folder that must not be overwritten or cannot be made."""
    from inorder.bundle import check_replaceable

    check_replaceable(path)
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ConfigError(f"{path} cannot be made: {above} cannot be written. Choose another folder with --out.")
    return path


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def parse_levels(text: str) -> list[float]:
    try:
        return [float(part) for part in names(text)]
    except ValueError:
        raise ConfigError(f'--levels takes probabilities such as 0.8,0.95, not "{text}".') from None


def command_line() -> str:
    """What the user typed."""
    return "inorder " + shlex.join(sys.argv[1:])


def finite(value: float) -> float | None:
    import math

    return value if math.isfinite(value) else None


def plain(value: Any) -> Any:
    """Arrays, records and NumPy numbers as JSON values."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return finite(value) if isinstance(value, float) else value


def print_json(value: Any) -> None:
    print_data(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def complain(text: str) -> None:
    """A line to standard error."""
    typer.echo(text, err=True)
