"""What leaves the program: forecasts and alarms to a file (CSV, Parquet or JSON, whole or not at all), data and messages to standard output.

A reader that goes away (`| head -1`) ends the output, never the work.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inorder.bundle import umask
from inorder.errors import ConfigError

if TYPE_CHECKING:
    from inorder.forecast.base import Forecast
    from inorder.forecast.detect import Detections

KINDS = (".csv", ".parquet", ".json")


def write_forecast(forecast: Forecast, path: Path | None, as_json: bool) -> None:
    """Write the long frame of `forecast` to `path` by its ending, or as CSV (or JSON) to standard output."""
    frame = as_polars(forecast.to_frame())
    write_frame(frame, lambda: to_json(forecast, frame), path, as_json)


def write_detections(found: Detections, model: str, path: Path | None, as_json: bool) -> None:
    """Write one row an observation to `path` by its ending, or as CSV (or JSON) to standard output."""
    frame = as_polars(found.to_frame())

    def text() -> str:
        rows = [{key: _plain(value) for key, value in row.items()} for row in frame.iter_rows(named=True)]
        return json.dumps({"model": model, "alarms": int(found.is_anomaly.sum()), "rows": rows}, ensure_ascii=False, allow_nan=False)

    write_frame(frame, text, path, as_json)


def as_polars(frame: Any) -> Any:
    import polars

    return frame if isinstance(frame, polars.DataFrame) else polars.from_pandas(frame)


def check_kind(path: Path | None) -> None:
    """Refuse a file whose ending says no kind that we write."""
    if path is not None and path.suffix not in KINDS:
        raise ConfigError(f'--out takes a file that ends in {", ".join(KINDS)}, not "{path.name}".')


def write_frame(frame: Any, json_text: Callable[[], str], path: Path | None, as_json: bool) -> None:
    """A frame to a file by its ending, whole or not at all, or to standard output."""
    if path is None:
        print_data(json_text() + "\n" if as_json else frame.write_csv())
        return
    check_kind(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        if path.suffix == ".csv":
            frame.write_csv(fresh)
        elif path.suffix == ".parquet":
            frame.write_parquet(fresh)
        else:
            Path(fresh).write_text(json_text() + "\n", encoding="utf-8")
        os.chmod(fresh, 0o666 & ~umask())
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise


def print_data(text: str) -> None:
    """Data to standard output: UTF-8, whatever the terminal speaks, so that no name is damaged on the way to a file."""
    _write(text.encode("utf-8"))


def say(text: str = "") -> None:
    """A line for people to standard output; what the terminal cannot show becomes a question mark."""
    _write(f"{text}\n".encode(sys.stdout.encoding or "utf-8", errors="replace"))


def _write(data: bytes) -> None:
    try:
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:  # a stand-in without bytes, in a notebook
            sys.stdout.write(data.decode(sys.stdout.encoding or "utf-8"))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def to_json(forecast: Forecast, frame: Any) -> str:
    """One object: the model, its kind of intervals, and one row a step under `forecast`."""
    rows = [{key: _plain(value) for key, value in row.items()} for row in frame.iter_rows(named=True)]
    return json.dumps(
        {"model": forecast.model, "intervals": forecast.intervals, "errors": dict(forecast.errors), "forecast": rows}, ensure_ascii=False, allow_nan=False
    )


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.isoformat() if hasattr(value, "isoformat") else value
