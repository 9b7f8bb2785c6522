"""Many series: fit and forecast them chunk by chunk, side by side or on a cluster, into one table or into shards on disk that resume.

    fit_chunk(chunk, plan) -> table

is a pure function: the same rows, whoever computes them and however often. A series that cannot be fitted has its last value for a
forecast and its reason in the column `error`; nothing that one series does stops the others.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.data.series import Series, read_series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.base import DEFAULT_LEVELS, INTERVALS, Fitted, Forecast, Forecaster, check_horizon, check_regular, check_whole
from inorder.forecast.fitting import check_workers, run_each
from inorder.forecast.intervals import check_levels
from inorder.forecast.irregular import ContinuousTime, next_stamps
from inorder.forecast.local import LocalFitted, LocalForecaster
from inorder.tasks.forecast import CANDIDATES, candidate

if TYPE_CHECKING:
    import polars

PLAN = "plan.json"
OnProgress = Callable[[int, int], None]  # series done, series in all


@dataclass(frozen=True)
class Plan:
    """What is done to every chunk; with the series it determines every number.

    model: a name of `inorder models forecast`.   settings: changes to the model's own.   chunk: series in each.
    """

    model: str
    horizon: int
    levels: tuple[float, ...] = DEFAULT_LEVELS
    settings: Mapping[str, Any] = field(default_factory=dict)
    intervals: str = "auto"
    seed: int = 0
    chunk: int = 100

    def check(self) -> Plan:
        """Raises ConfigError for what is out of range, unknown, or not fitted series by series."""
        check_horizon(self.horizon)
        check_levels(self.levels)
        check_whole("chunk", self.chunk, 1)
        if self.intervals not in INTERVALS:
            raise ConfigError(f'`intervals` is one of {", ".join(INTERVALS)}, not "{self.intervals}".')
        if not isinstance(self.forecaster(), LocalForecaster | ContinuousTime):
            raise ConfigError(
                f'"{self.model}" learns from all series together, so it cannot be fitted in chunks. Use `fit`, or a model that is fitted series by series.'
            )
        return self

    def forecaster(self) -> Any:
        return candidate(self.model).make(**self.settings)


class Chunks(Sequence[Series]):
    """The series in groups of `size` neighbours; a group is copied when its turn comes."""

    def __init__(self, series: Series, size: int, which: Sequence[int] | None = None) -> None:
        self.series, self.size = series, size
        self.which = range(math.ceil(len(series) / size)) if which is None else which

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, i: Any) -> Any:
        begin = self.which[i] * self.size
        return self.series.take(np.arange(begin, begin + self.count(self.which[i])))

    def count(self, group: int) -> int:
        """Series in a group, by its number among all."""
        return min(self.size, len(self.series) - group * self.size)


def fit_chunk(chunk: Series, plan: Plan) -> polars.DataFrame:
    """Fit and forecast every series of `chunk`: columns id, time, mean, lower_80, upper_80, …, error (null where all is well).

    >>> table = fit_chunk(Series.of(np.arange(20.0).reshape(10, 2)), Plan("drift", horizon=1, levels=()))
    >>> table["mean"].to_list(), table.columns
    ([20.0, 21.0], ['series', 'time', 'mean', 'error'])
    """
    import polars

    from inorder.data.frames import make_frame

    try:
        forecast = plan.forecaster().fit(chunk, workers=1).predict(plan.horizon, plan.levels, intervals=plan.intervals, seed=plan.seed)
    except ForecastError as error:  # none of them can be fitted
        forecast = _last_values(chunk, check_levels(plan.levels), plan.horizon, plan.model, _reasons(chunk, plan, error))
    frame = make_frame(forecast.columns(), chunk)
    frame = frame if isinstance(frame, polars.DataFrame) else polars.from_pandas(frame)
    reasons = [forecast.errors.get(name) for name in chunk.ids]
    return frame.with_columns(polars.Series("error", np.repeat(np.array(reasons, dtype=object), plan.horizon).tolist(), dtype=polars.String))


def _reasons(chunk: Series, plan: Plan, error: ForecastError) -> dict[str, str]:
    """Why each series of a chunk of which none can be fitted was not."""
    forecaster, reasons = plan.forecaster(), {}
    for i, name in enumerate(chunk.ids):
        reasons[name] = str(error)
        try:
            forecaster.fit(chunk[i], workers=1)
        except ForecastError as own:
            reasons[name] = str(own)
    return reasons


def _last_values(history: Series, levels: tuple[float, ...], horizon: int, model: str, reasons: Mapping[str, str]) -> Forecast:
    """What stands in where no series has a forecast."""
    known = [y[~np.isnan(y)] for y in history]
    last = np.array([values[-1] if len(values) else np.nan for values in known])
    shape = (len(history), horizon) if history.panel else (horizon,)
    nothing = np.full(shape, np.nan)
    return Forecast(
        mean=np.repeat(last, horizon).reshape(shape),
        lower=dict.fromkeys(levels, nothing),
        upper=dict.fromkeys(levels, nothing),
        index=next_stamps(history, horizon).reshape(shape),
        history=history,
        model=model,
        intervals="none",
        errors={
            name: reasons[name] + (" It has no forecast." if math.isnan(value) else " Its last value stands in.")
            for name, value in zip(history.ids, last.tolist(), strict=True)
        },
    )


def forecast_panel(
    data: Any,
    model: str | Forecaster = "auto",
    *,
    horizon: int,
    levels: Sequence[float] = DEFAULT_LEVELS,
    settings: Mapping[str, Any] | None = None,
    intervals: str = "auto",
    seed: int = 0,
    chunk: int = 100,
    workers: int | None = None,
    engine: str = "threads",
    out: str | Path | None = None,
    on_progress: OnProgress | None = None,
    **reading: Any,
) -> polars.DataFrame | Path:
    """Fit `model` to each of many series and forecast it: a polars frame with one row a step, or a folder of shards.

    data: whatever `read_series` reads; further keywords go to it.
    model, settings: as for `fit`, a name or a forecaster; of those that are fitted series by series.
    workers: how many series at a time, None = one a core.
    engine: "threads", or a backend of joblib: "loky" (processes), "dask", or one that was registered (Ray, Spark).
    chunk: series in a piece of work, and in a shard.
    out: a folder; each chunk is written there as Parquet as soon as it is ready, whole or not at all. Called again with the same data and
        settings it goes on where it was stopped, with others it is refused; shards that are damaged are made again. One process at a time.
        The folder is returned; polars.read_parquet(folder / "*.parquet") reads it.
    The result depends neither on `workers` nor on `engine`. Raises ConfigError and SeriesError before anything is fitted.

    >>> frame = forecast_panel(np.arange(20.0).reshape(10, 2), "drift", horizon=2, levels=())
    >>> frame["mean"].to_list()
    [20.0, 22.0, 21.0, 23.0]
    """
    import polars

    name, changes = named(model, settings or {})
    plan = Plan(name, horizon, check_levels(levels), changes, intervals, seed, chunk).check()
    check_workers(workers)
    series = read_series(data, **reading)
    if not isinstance(plan.forecaster(), ContinuousTime):
        check_regular(series)
    series = replace(series, panel=True)  # also for one series: the table always names it
    chunks = Chunks(series, plan.chunk)
    if out is None:
        parts: list[Any] = [None] * len(chunks)
        for i, table, done in _work(chunks, plan, workers, engine):
            parts[i] = table
            if on_progress:
                on_progress(done, len(series))
        whole: polars.DataFrame = polars.concat(parts)
        return whole
    new, begun = not Path(out).exists(), (Path(out) / PLAN).is_file()
    folder = _open(Path(out), series, plan)
    left = Chunks(series, plan.chunk, [i for i in chunks.which if not _is_whole(_shard(folder, i), plan.horizon * chunks.count(i))])
    before = len(series) - sum(chunks.count(i) for i in left.which)
    try:
        if on_progress:
            on_progress(before, len(series))
        for i, table, done in _work(left, plan, workers, engine):
            _write(table, _shard(folder, left.which[i]))
            if on_progress:
                on_progress(before + done, len(series))
    except BaseException:
        if not begun and not any(folder.glob("*.parquet")):  # nothing to go on from
            (folder / PLAN).unlink()
            if new:
                folder.rmdir()
        raise
    return folder


def named(model: str | Forecaster, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of a forecaster and its settings, from which every worker makes its own.   Raises ConfigError for one that has no name."""
    if not isinstance(model, Forecaster):
        return model, dict(settings)
    changed = model.with_settings(settings)
    if model.name not in CANDIDATES or type(candidate(model.name).make()) is not type(model):
        raise ConfigError(f"{type(model).__name__} is none of the models of `inorder models forecast`, which are fitted in chunks by their names. Use `fit`.")
    return model.name, dict(changed.settings)


def _work(chunks: Chunks, plan: Plan, workers: int | None, engine: str) -> Iterator[tuple[int, polars.DataFrame, int]]:
    """Position, table, and how many series are done."""
    done = 0
    for i, table in run_each(partial(fit_chunk, plan=plan), chunks, workers=workers, engine=engine):
        done += len(table) // plan.horizon
        yield i, table, done


def predict_to_parquet(
    fitted: Fitted,
    path: str | Path,
    horizon: int,
    levels: Sequence[float] = DEFAULT_LEVELS,
    *,
    intervals: str = "auto",
    samples: int = 0,
    seed: int = 0,
    chunk: int = 1000,
) -> dict[str, str]:
    """Write the forecast of a fitted panel as one Parquet file, in memory that does not grow with the number of series; the errors by series.

    The rows are those of `fitted.predict(…).to_frame()`. The file is written whole or not at all.
    """
    import polars

    path = Path(path)
    check_whole("chunk", chunk, 1)
    errors: dict[str, str] = {}
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = fitted.parts(chunk) if isinstance(fitted, LocalFitted) else [fitted]
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        for i, part in enumerate(parts):
            try:
                forecast = part.predict(horizon, levels, intervals=intervals, samples=samples, seed=seed)
            except ForecastError as error:  # none of this part has a forecast
                if not isinstance(part, LocalFitted) or len(part.errors) < len(part.history):
                    raise
                forecast = _last_values(
                    part.history, check_levels(levels), horizon, part.forecaster.name, {name: part.errors.get(name, str(error)) for name in part.history.ids}
                )
            errors.update(forecast.errors)
            frame = forecast.to_frame()
            frame = frame if isinstance(frame, polars.DataFrame) else polars.from_pandas(frame)
            frame.write_parquet(Path(folder) / f"{i:08d}.parquet")
        whole = Path(folder) / "whole"
        polars.scan_parquet(Path(folder) / "*.parquet").sink_parquet(whole)
        os.replace(whole, path)
    return errors


def _shard(folder: Path, i: int) -> Path:
    return folder / f"part-{i:06d}.parquet"


def _is_whole(path: Path, rows: int) -> bool:
    """Whether a shard is there with all of its rows; one that was cut short, by a disk that was full or a copy that broke off, is made again."""
    import polars

    if not path.is_file():
        return False
    try:
        found: int = polars.scan_parquet(path, glob=False).select(polars.len()).collect().item()
    except (polars.exceptions.PolarsError, OSError):
        return False
    return found == rows


def _write(table: polars.DataFrame, path: Path) -> None:
    """Whole or not at all."""
    handle, fresh = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    os.close(handle)
    try:
        table.write_parquet(fresh)
        os.chmod(fresh, 0o644)
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise


def _open(folder: Path, series: Series, plan: Plan) -> Path:
    """The folder for these data and this plan, new or begun earlier.   Raises ConfigError where it holds anything else."""
    wanted = {**json.loads(json.dumps(asdict(plan))), "series": len(series), "rows": len(series.values), "data": digest(series), "format": 1}
    path = folder / PLAN
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise ConfigError(f"{path} is damaged. Remove the folder, or choose another.") from None
        differs = [name for name in wanted if not isinstance(found, dict) or found.get(name) != wanted[name]]
        if differs:
            raise ConfigError(f"{folder} holds forecasts of other data or settings (different: {', '.join(differs)}). Choose another folder, or remove it.")
        for pattern in (".part-*", ".plan-*"):  # what a process that was killed had begun to write
            for left in folder.glob(pattern):
                left.unlink(missing_ok=True)
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} exists and does not hold forecasts. Choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(prefix=".plan-", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(wanted, file, indent=1)
    os.replace(fresh, path)
    return folder


def digest(series: Series) -> str:
    """A fingerprint of everything that a forecast may depend on: values, stamps, names, covariates, frequency and season.

    >>> digest(Series.of([1.0, 2.0])) == digest(Series.of([1.0, 2.0])), digest(Series.of([1.0, 2.0])) == digest(Series.of([1.0, 3.0]))
    (True, False)
    """
    from inorder.data.storing import series_arrays, series_header

    header = {name: value for name, value in series_header(series).items() if name not in ("source", "notes", "reading")}
    found = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, array in sorted(series_arrays(series).items()):
        found.update(name.encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
