"""The verbs that are not `compare`: fit one model, load a bundle, evaluate it on newer data.

model = inorder.fit("forecast", "sales.csv", model="holt-winters")
model.save("runs/sales");  inorder.load("runs/sales").predict(12)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inorder.backtest import Clock
from inorder.bundle import read_bundle
from inorder.comparison import compare, seeded
from inorder.data.series import Series, read_series
from inorder.errors import BundleError, ConfigError, SeriesError, unknown
from inorder.forecast.base import DEFAULT_LEVELS, Fitted, Forecaster, Progress
from inorder.metrics.forecast import score_forecast
from inorder.metrics.score import Score
from inorder.tasks.forecast import restore
from inorder.typing import Floats

TASKS = {"forecast": restore}  # task -> what makes a fitted model of its bundle


def fit(
    task: str,
    data: Any,
    model: str | Forecaster = "auto",
    *,
    settings: Mapping[str, Any] | None = None,
    budget: float | None = None,
    seed: int = 0,
    horizon: int | None = None,
    on_progress: Progress | None = None,
    **reading: Any,
) -> Fitted:
    """Fit one model to `data`; "auto" takes the winner of `compare`.

    task: "forecast".   model: a name of `inorder models forecast`, or a forecaster.   settings: changes to the model's own.
    budget: seconds.   seed: for models that draw random numbers.   horizon: what "auto" compares at.
    Further keywords go to `read_series`.

    >>> fit("forecast", "air-passengers", model="drift").predict(2).mean.round(1).tolist()
    [434.2, 436.4]
    """
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    if model == "auto":
        if settings:
            raise ConfigError("Settings belong to one model: name it instead of auto.")
        return compare(task, data, horizon=horizon, budget=budget, seed=seed, **reading).best
    series = read_series(data, **reading)
    forecaster = seeded(model, seed) if isinstance(model, str) else model
    return forecaster.with_settings(settings or {}).fit(series, seconds=Clock(budget).share(1), progress=on_progress)


def load(path: str | Path) -> Fitted:
    """The model that a bundle holds.   Raises BundleError, naming the file, where it is damaged or not a bundle."""
    bundle = read_bundle(path)
    if bundle.model["task"] not in TASKS:
        raise BundleError(f'{path} holds a model for the task "{bundle.model["task"]}", which this version of inorder does not know.')
    return TASKS[bundle.model["task"]](bundle)


def newer(model: Fitted, data: Any, **reading: Any) -> Series | None:
    """The rows of `data` that come after the model's history, for the series that it knows; None where there is none.

    Raises SeriesError where `data` hold none of its series, or lack one of them.
    """
    series = read_series(data, **reading)
    history = model.history
    if history.frequency is None or series.index.dtype.kind != history.index.dtype.kind:
        raise SeriesError(f"{series.source} has other stamps than {history.source}, which the model was fitted to.")
    if len(history) == len(series) == 1:
        order = [0]
    else:
        missing = [name for name in history.ids if name not in series.ids]
        if missing:
            raise SeriesError(f'{series.source} has no series "{missing[0]}"; the model was fitted to {len(history)} series and needs them all.')
        place = {name: i for i, name in enumerate(series.ids)}
        order = [place[name] for name in history.ids]
    series = series.take(order)
    last = history.index[history.offsets[1:] - 1]
    counts = np.array([(series.stamps(i) > last[i]).sum() for i in range(len(series))])
    if not counts.any():
        return None
    if (counts != counts[0]).any():
        i = int(np.argmin(counts))
        most = int(np.argmax(counts))
        rows = f'{counts[i]} newer rows of "{series.ids[i]}" and {counts[most]} of "{series.ids[most]}"'
        raise SeriesError(f"{series.source} has {rows}; they must end together.")
    return series.tail(int(counts[0]))


def evaluate(
    model: Fitted | str | Path, data: Any, *, horizon: int | None = None, step: int | None = None, levels: Sequence[float] = DEFAULT_LEVELS, **reading: Any
) -> dict[str, Score]:
    """Scores of a fitted model on rows that it has not seen: those of `data` that come after its history.

    horizon: steps ahead; None = all newer rows in one forecast.   step: rows between origins, None = horizon; at each later
    origin the rows before it are taken in by `update`, without fitting again.   Raises SeriesError where nothing is newer.
    """
    from inorder.forecast.baselines import Naive2

    fitted = model if isinstance(model, Fitted) else load(model)
    new = newer(fitted, data, **reading)
    if new is None:
        raise SeriesError(f"Nothing to evaluate on: no row of the data comes after {fitted.history.describe()}, which the model was fitted to.")
    rows = int(new.lengths[0])
    horizon = rows if horizon is None else horizon
    if not 1 <= horizon <= rows:
        raise ConfigError(f"`horizon` is {horizon}, but there are {rows} newer rows.")
    truths, means, rivals, training = [], [], [], fitted.history
    bounds: dict[float, tuple[list[Floats], list[Floats]]] = {level: ([], []) for level in levels}
    for origin in range(0, rows - horizon + 1, step or horizon):
        at = fitted if origin == 0 else fitted.update(new.head(rows - origin))
        made, rival = at.predict(horizon, levels), Naive2().fit(at.history).predict(horizon)
        truths.append(np.stack([y[origin : origin + horizon] for y in new]))
        means.append(np.atleast_2d(made.mean))
        rivals.append(np.atleast_2d(rival.mean))
        for level in levels:
            bounds[level][0].append(np.atleast_2d(made.lower[level]))
            bounds[level][1].append(np.atleast_2d(made.upper[level]))
    return score_forecast(
        np.hstack(truths),
        np.hstack(means),
        train=training,
        season_length=training.season_length,
        naive2=np.hstack(rivals),
        lower={level: np.hstack(lower) for level, (lower, _) in bounds.items()},
        upper={level: np.hstack(upper) for level, (_, upper) in bounds.items()},
    )
