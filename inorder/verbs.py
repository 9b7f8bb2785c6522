"""The verbs that are not `compare`: fit one model, load a bundle, evaluate it on newer data.

model = inorder.fit("forecast", "sales.csv", model="holt-winters")
model.save("runs/sales");  inorder.load("runs/sales").predict(12)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inorder.backtest import DECILES, Fold, fold_of, forecast_fold, naive2_means, score
from inorder.budget import Clock
from inorder.bundle import read_bundle
from inorder.comparison import compare_forecast, seeded
from inorder.data.continuing import rows_after
from inorder.data.series import Series, extend, read_series
from inorder.errors import BundleError, ConfigError, SeriesError
from inorder.forecast.base import DEFAULT_LEVELS, Fitted, Forecast, Forecaster, Progress, check_whole
from inorder.forecast.intervals import check_levels
from inorder.metrics.score import Score, signature
from inorder.tasks.registry import TASKS, verb


def fit(task: str, data: Any, model: Any = "auto", **options: Any) -> Any:
    """Fit one model to `data`; "best" takes the winner of `compare`.

    task: "forecast", "detect" or "classify".   model: a name of `inorder models TASK`, or a forecaster, detector or model of sequences.
    options: those of the task's own function: `inorder.verbs.fit_forecast` gives a `Fitted` (settings=, budget=, seed=, horizon=, …),
        `inorder.detection.fit_detect` a `FittedDetector` (alarm_rate=, settings=, budget=, …),
        `inorder.classification.fit_classify` a `FittedSequenceModel` (settings=, budget=, seed=, …).

    >>> fit("forecast", "air-passengers", model="drift").predict(2).mean.round(1).tolist()
    [434.2, 436.5]
    """
    return verb(task, "fit", options)(data, model, **options)


def fit_forecast(
    data: Any,
    model: str | Forecaster = "auto",
    *,
    settings: Mapping[str, Any] | None = None,
    budget: float | str | None = None,
    seed: int = 0,
    horizon: int | None = None,
    on_progress: Progress | None = None,
    **reading: Any,
) -> Fitted:
    """Fit one forecaster to `data`; "best" takes the winner of `compare`.

    model: a name of `inorder models forecast`, or a forecaster.   settings: changes to the model's own.
    budget: seconds, or a time such as "40s".   seed: for models that draw random numbers.   horizon: what "best" compares at.
    Further keywords go to `read_series`.

    >>> fit_forecast("air-passengers", model="naive").predict(1).mean.tolist()
    [432.0]
    """
    if model == "best":
        if settings:
            raise ConfigError("Settings belong to one model: name it instead of best.")
        return compare_forecast(data, horizon=horizon, budget=budget, seed=seed, **reading).best
    series = read_series(data, **reading)
    forecaster = seeded(model, seed) if isinstance(model, str) else model
    return forecaster.with_settings(settings or {}).fit(series, seconds=Clock(budget).share(1), progress=on_progress)


def load(path: str | Path) -> Any:
    """The fitted model that a bundle holds: a `Fitted`, a `FittedDetector` or a `FittedSequenceModel`.

    Raises BundleError, naming the file, where it is damaged or not a bundle.
    """
    bundle = read_bundle(path)
    if bundle.model["task"] not in TASKS:
        raise BundleError(f'{path} holds a model for the task "{bundle.model["task"]}", which this version of inorder does not know.')
    return TASKS[bundle.model["task"]].part("restore")(bundle)


def newer(model: Fitted, data: Any, **reading: Any) -> Series | None:
    """The rows of `data` that come after the model's history, of each series that it knows after its own last row; None where there is none.

    A file or frame is read as the history was; `reading` says what is different. Raises SeriesError where `data` lack a series of
    the model, or have another kind of stamps, another frequency or another column of values.
    """
    return rows_after(model.history, data, reading)


def evaluate(model: Any, data: Any, **options: Any) -> dict[str, Score]:
    """Scores of a fitted model, or of the bundle at a path, on rows that it has not seen.

    options: those of the task's own function: `inorder.verbs.evaluate_forecast` (horizon=, step=, levels=, …),
        `inorder.detection.evaluate_detect` (labels=, …), `inorder.classification.evaluate_classify`.
    """
    fitted = load(model) if isinstance(model, str | Path) else model
    name = "forecast" if isinstance(fitted, Fitted) else fitted.task
    found: dict[str, Score] = verb(name, "evaluate", options)(fitted, data, **options)
    return found


def evaluate_forecast(
    fitted: Fitted, data: Any, *, horizon: int | None = None, step: int | None = None, levels: Sequence[float] = DEFAULT_LEVELS, **reading: Any
) -> dict[str, Score]:
    """Scores of a fitted forecaster on rows that it has not seen: those of `data` that come after its history.

    horizon: steps ahead; None = all newer rows in one forecast.   step: rows between origins, None = horizon; at each later
    origin the rows before it are taken in by `update`, without fitting again. The scores are those of the leaderboard, over the steps of
    all origins together, so that roots and ratios are taken once. Where a series of a panel has fewer newer rows than another, what it lacks counts as missing.
    Raises SeriesError where nothing is newer.
    """
    new = newer(fitted, data, **reading)
    if new is None:
        raise SeriesError(f"Nothing to evaluate on: no row of the data comes after {fitted.history.describe()}, which the model was fitted to.")
    whole = extend(fitted.history, new)
    newest = whole.lengths - fitted.history.lengths  # (series,) rows that the model has not seen
    rows = int(newest.max())
    horizon = rows if horizon is None else check_whole("horizon", horizon, 1)
    if horizon > rows:
        raise ConfigError(f"`horizon` is {horizon}, but there are {rows} newer rows.")
    origins = range(0, rows - horizon + 1, horizon if step is None else check_whole("step", step, 1))
    levels = check_levels(levels)
    plan, forecasts = [], []
    for origin in origins:
        seen = np.minimum(newest, origin)
        training = whole.head(newest - seen)
        if origin:
            at = fitted.update(training.tail(seen))
        else:
            at = replace(fitted, history=training) if training.ahead else fitted  # future covariates are known at the origin
        plan.append(fold_of(f"origin {origin}", whole, training, horizon))
        forecasts.append(forecast_fold(at, plan[-1], sorted({*DECILES, *levels})))
    scores = score(joined_folds(plan), joined_forecasts(forecasts), levels, np.concatenate(naive2_means(plan), axis=1))
    if len(plan) == 1:
        return scores
    return {key: Score(one.name, one.value, signature(origins=len(plan), **{**one.parts, "inorder": None})) for key, one in scores.items()}


def joined_folds(plan: Sequence[Fold]) -> Fold:
    """All origins as one fold, the steps of each after those of the one before; the training part is that of the first."""
    truth, index = (np.concatenate([getattr(fold, name) for fold in plan], axis=1) for name in ("truth", "index"))
    return replace(plan[0], truth=truth, index=index)


def joined_forecasts(made: Sequence[Forecast]) -> Forecast:
    """The forecasts from all origins side by side, as those of one fold."""
    lower = {level: np.concatenate([one.lower[level] for one in made], axis=-1) for level in made[0].lower}
    upper = {level: np.concatenate([one.upper[level] for one in made], axis=-1) for level in made[0].upper}
    return replace(made[0], mean=np.concatenate([one.mean for one in made], axis=-1), lower=lower, upper=upper)
