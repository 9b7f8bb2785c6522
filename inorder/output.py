"""Forecasts to a file or to standard output: CSV, Parquet or JSON, whole or not at all."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inorder.errors import ConfigError

if TYPE_CHECKING:
    from inorder.forecast.base import Forecast

KINDS = (".csv", ".parquet", ".json")


def write_forecast(forecast: Forecast, path: Path | None, as_json: bool) -> None:
    """Write the long frame of `forecast` to `path` by its ending, or as CSV (or JSON) to standard output."""
    import polars

    frame = forecast.to_frame()
    frame = frame if isinstance(frame, polars.DataFrame) else polars.from_pandas(frame)
    if path is None:
        sys.stdout.write(to_json(forecast, frame) + "\n" if as_json else frame.write_csv())
        return
    if path.suffix not in KINDS:
        raise ConfigError(f'--out takes a file that ends in {", ".join(KINDS)}, not "{path.name}".')
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        if path.suffix == ".csv":
            frame.write_csv(fresh)
        elif path.suffix == ".parquet":
            frame.write_parquet(fresh)
        else:
            Path(fresh).write_text(to_json(forecast, frame) + "\n", encoding="utf-8")
        os.chmod(fresh, 0o644)
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise


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
