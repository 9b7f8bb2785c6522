"""Candidates side by side: a rolling-origin backtest, a leaderboard, and the winner.

    history  ├──────────── training ────────────┤ fold 1 ┤
             ├──────────── training ──────────────────────┤ fold 2 ┤
             ├──────────── training ───────────────────────────────┤ test ┤

Every model is fitted to what comes before each fold and forecasts the fold. The winner is the model with the best mean
score over the selection folds; the test part, the last `horizon` rows, plays no part in that choice, so its scores are an
honest estimate. The winner is then fitted to everything.

Source: Tashman 2000, Out-of-sample tests of forecasting accuracy; Hyndman & Athanasopoulos 2021, §5.10.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inorder.backtest import Fold, OnProgress, naive2_means, plan_folds, run_folds, score
from inorder.budget import Clock, seconds_of
from inorder.data.series import Series, read_series
from inorder.errors import ConfigError, ForecastError, unknown
from inorder.forecast.base import DEFAULT_LEVELS, INTERVALS, Fitted, Forecast, Forecaster, check_horizon, check_regular, check_spaced, check_whole
from inorder.forecast.intervals import check_levels
from inorder.leaderboard import OnRow, Table, plain, reason, told
from inorder.metrics.score import level_name
from inorder.tasks.forecast import candidate, default_models
from inorder.tasks.registry import verb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCORES = ("mae", "rmse", "smape", "mase", "owa", "pinball", "crps")


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`.

    table: one row a model, the best first (by `by` over the selection folds).   best: the winner, fitted to everything.
    forecasts: model -> its forecast of every fold, in the order of `folds`; the last fold is the test part.
    signatures: score -> how it was computed.   kept: the other models, fitted to everything (`keep="all"`).
    """

    table: Table
    best: Fitted
    winner: str
    series: Series
    horizon: int
    by: str
    levels: tuple[float, ...]
    folds: tuple[Fold, ...]
    forecasts: Mapping[str, tuple[Forecast, ...]]
    signatures: Mapping[str, str]
    notes: tuple[str, ...] = ()
    kept: Mapping[str, Fitted] = field(default_factory=dict)
    call: str = ""

    def __str__(self) -> str:
        return f"{self.table}\nbest: {self.winner}"

    def plot(self) -> Figure:
        """A matplotlib figure of the test scores, best selection score first."""
        from inorder.plots import plot_leaderboard

        return plot_leaderboard(self.table, self.by)

    def to_json(self) -> dict[str, Any]:
        """The leaderboard and how it came about, as plain values."""
        return {
            "task": "forecast",
            "data": self.series.describe(),
            "horizon": self.horizon,
            "folds": [{"name": fold.name, "rows_left_out": fold.leave} for fold in self.folds],
            "by": self.by,
            "best": self.winner,
            "table": list(self.table),
            "signatures": dict(self.signatures),
            "notes": [*self.series.notes, *self.notes],
        }

    def report(self) -> str:
        """The report: one HTML page that needs nothing else."""
        from inorder.report import render_report

        return render_report(self.best, self, made_by=self.call)

    def save(self, path: str | Path) -> Path:
        """Save the winner as a bundle with leaderboard and report; the models that were kept lie under `candidates/`."""
        from inorder.bundle import Bundle, write_bundle

        own = self.best.bundle(candidate=self.winner, horizon=self.horizon, comparison=self.to_json())
        parts = {f"candidates/{name}": fitted.bundle(candidate=name, horizon=self.horizon) for name, fitted in self.kept.items()}
        try:
            texts = {"report.html": self.report()}
        except Exception:  # the models are saved all the same: they may have taken hours
            write_bundle(path, Bundle(own.model, own.weights, {}, parts))
            raise
        return write_bundle(path, Bundle(own.model, own.weights, texts, parts))


def compare(task: str, data: Any, **options: Any) -> Any:
    """Fit every candidate of a task to `data`, rank them, and fit the winner to everything.

    task: "forecast", "detect" or "classify".   data: a file, a frame, an array, the name of a sample; what the task reads.
    options: those of the task's own function, which says what comes back: `inorder.comparison.compare_forecast` gives a `Comparison`
        (horizon=, models=, folds=, by=, levels=, budget=, …), `inorder.detection.compare_detect` a `DetectionComparison`
        (labels=, alarm_rate=, models=, budget=, …), `inorder.classification.compare_classify` a `ClassificationComparison` (test=, models=, by=, …).

    >>> result = compare("forecast", "air-passengers", horizon=12, models=["naive", "seasonal-naive"])
    >>> result.winner, len(result.table)
    ('seasonal-naive', 2)
    """
    return verb(task, "compare", options)(data, **options)


def compare_forecast(
    data: Any,
    *,
    horizon: int | None = None,
    models: Sequence[str] | Mapping[str, Forecaster] | None = None,
    folds: int = 3,
    step: int | None = None,
    refit: bool = True,
    by: str = "mase",
    levels: Sequence[float] = DEFAULT_LEVELS,
    intervals: str = "auto",
    budget: float | str | None = None,
    seed: int = 0,
    keep: str = "best",
    on_row: OnRow | None = None,
    on_progress: OnProgress | None = None,
    **reading: Any,
) -> Comparison:
    """Fit every forecaster to the same folds of `data`, rank them, and fit the winner to everything.

    data: whatever `read_series` reads; further keywords (`value=`, `season_length=`, …) go to it.
    horizon: steps ahead; None = one season, or a tenth of the data where there is none.
    models: names of candidates, or name -> forecaster; None = all that suit the data.
    folds, step: how many selection folds, and how many rows their origins lie apart (None = horizon). Short data get fewer folds.
    refit: fit anew at every origin; False fits once, at the first, and takes in later rows by `update`.
    by: the score that ranks ("mase", "smape", "mae", "rmse", "owa", "pinball" or "crps").
    budget: seconds for everything, or a time such as "10m"; what is not reached is reported as such. Networks get equal shares of what is left.
    seed: for models that draw random numbers.
    keep: "best" or "all" candidates fitted to everything.

    Raises ConfigError for an option that is out of range and SeriesError where the data are too short to judge.

    >>> compare_forecast("air-passengers", horizon=12, models=["naive", "seasonal-naive"]).winner
    'seasonal-naive'
    """
    given = {name: value for name, value in locals().items() if name != "reading"} | reading
    levels = check_options(horizon=horizon, models=models, folds=folds, step=step, by=by, levels=levels, intervals=intervals, budget=budget, keep=keep)
    clock = Clock(budget)
    series = read_series(data, **reading)
    check_spaced(series)
    names, notes = chosen(series, models)
    horizon = default_horizon(series) if horizon is None else horizon
    plan, more = plan_folds(series, horizon, folds, horizon if step is None else step)
    notes = [*notes, *more]
    forecasters: dict[str, Forecaster] = {}
    yardstick = naive2_means(plan)

    table, forecasts, signatures, absolute = Table(), {}, {}, {}
    gradual = {name: models[name].gradual if isinstance(models, Mapping) else candidate(name).gradual for name in names}
    for m, name in enumerate(names):
        later = sum(gradual[after] for after in names[m + 1 :])  # which use whatever time they get, so that they get equal shares
        began, row = (
            time.perf_counter(),
            {"model": name, "selection": None, **dict.fromkeys(score_names(levels)), "fell_back": 0, "seconds": 0.0, "error": None},
        )
        try:
            forecasters[name] = forecaster = models[name] if isinstance(models, Mapping) else seeded(name, seed)
            made, fell_back = run_folds(
                name, forecaster, plan, levels, intervals=intervals, refit=refit, clock=clock, later=later * len(plan), on_progress=on_progress
            )
            scores = [score(fold, one, levels, reference) for fold, one, reference in zip(plan, made, yardstick, strict=True)]
        except Exception as error:  # whatever a model does, the others go on; Ctrl-C is not among them
            row["error"] = reason(error)
        else:
            forecasts[name] = made
            row |= {key: plain(scores[-1][key].value) for key in score_names(levels)}
            row["selection"], absolute[name] = (mean_of([one[key].value for one in scores[:-1]]) for key in (by, "mae"))
            row["fell_back"] = fell_back
            signatures = {key: scores[-1][key].signature for key in score_names(levels)}
        seconds = time.perf_counter() - began
        row["seconds"] = round(seconds, 4)
        if row["error"] is None:
            clock.reserve = max(clock.reserve, 1.5 * seconds / len(plan))  # one more fit of the slowest so far
        table.append(row)
        table.sort(key=lambda row: rank(row, absolute))
        if on_row:
            on_row(table)
    if table[0]["error"] is not None:
        raise ForecastError("No model could be fitted. " + told(table))

    if all(row["selection"] is None for row in table):
        notes.append(unranked(by, absolute))
    if without := [name for name, one in forecasters.items() if not getattr(one, "covariates", True)] if series.future else []:
        notes.append(f"These models take no covariates, so {', '.join(sorted(series.future))} plays no part in them: {', '.join(without)}.")
    fitted = fit_winners(table, forecasters, series, keep, clock, notes)
    winner = next(iter(fitted))
    return Comparison(
        table=table,
        best=fitted.pop(winner),
        winner=winner,
        series=series,
        horizon=horizon,
        by=by,
        levels=levels,
        folds=tuple(plan),
        forecasts=forecasts,
        signatures=signatures,
        notes=tuple(notes),
        kept=fitted,
        call=describe_call(given),
    )


def check_options(
    *,
    horizon: int | None,
    models: Sequence[str] | Mapping[str, Forecaster] | None,
    folds: int,
    step: int | None,
    by: str,
    levels: Sequence[float],
    intervals: str,
    budget: float | str | None,
    keep: str,
) -> tuple[float, ...]:
    """Refuse what is out of range, before any data are read; the levels in rising order.   Raises ConfigError."""
    if by not in SCORES:
        raise unknown("score", by, SCORES)
    if keep not in ("best", "all"):
        raise ConfigError(f'`keep` is "best" or "all", not "{keep}".')
    if intervals not in INTERVALS:
        raise unknown("kind of intervals", intervals, INTERVALS)
    seconds_of(budget)
    if horizon is not None:
        check_horizon(horizon)
    check_whole("folds", folds, 1)
    if step is not None:
        check_whole("step", step, 1)
    if models is not None and not isinstance(models, Mapping):
        names = model_names(models)
        if not names:
            raise ConfigError("`models` is empty; name at least one, or leave it out for all that suit the data.")
        for name in names:
            candidate(name)
    levels = check_levels(levels)
    if not levels:
        raise ConfigError("`levels` is empty; name at least one, such as 0.8.")
    return levels


def model_names(models: Sequence[str]) -> list[str]:
    """The names, each once; a text is split at its commas."""
    return list(dict.fromkeys(name.strip() for name in models.split(",") if name.strip()) if isinstance(models, str) else dict.fromkeys(models))


def chosen(series: Series, models: Sequence[str] | Mapping[str, Forecaster] | None) -> tuple[list[str], list[str]]:
    """The names of the candidates, and notes on what was left out."""
    if models is None:
        return default_models(series)
    if isinstance(models, Mapping):
        return list(models), []
    names = model_names(models)
    if not all(candidate(name).uneven for name in names):
        check_regular(series)
    return names, []


def seeded(name: str, seed: int) -> Forecaster:
    """The candidate of that name, made when its turn comes (torch takes seconds to load), with the seed where it takes one."""
    forecaster = candidate(name).make()
    return forecaster.with_settings({"seed": seed}) if "seed" in forecaster.setting_names() else forecaster


def default_horizon(series: Series) -> int:
    """One season, or a tenth of the shortest series where there is none; a fifth of it at most, one step at least."""
    shortest = int(series.lengths.min())
    return max(1, min(series.season_length if series.season_length > 1 else shortest // 10, shortest // 5))


def score_names(levels: Sequence[float]) -> list[str]:
    """The scores of a row, in the order of the table."""
    return [*SCORES, *(f"coverage_{level_name(level)}" for level in levels)]


def rank(row: Mapping[str, Any], absolute: Mapping[str, float | None]) -> tuple[bool, bool, float]:
    """Sorting key of the leaderboard: scored rows by their selection score, those without one by their mean absolute error, then errors."""
    score = absolute.get(row["model"]) if row["selection"] is None else row["selection"]
    return row["error"] is not None, row["selection"] is None, math.inf if score is None else score


def unranked(by: str, absolute: Mapping[str, float | None]) -> str:
    """Why the selection column is empty."""
    if all(value is None for value in absolute.values()):
        return (
            "No observation lies in the selection folds, so the models could not be ranked and stand in the order in which they ran. "
            "More folds or a longer horizon may reach some."
        )
    return f"{by} is not defined on the selection folds (the training parts do not vary), so the models are ranked by their mean absolute error there."


def mean_of(values: Sequence[float]) -> float | None:
    """The mean over folds of what is defined; None where nothing is."""
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else None


def fit_winners(table: Table, forecasters: Mapping[str, Forecaster], series: Series, keep: str, clock: Clock, notes: list[str]) -> dict[str, Fitted]:
    """The best model fitted to everything, and the others behind it if they are kept. Should the first fail there, the next takes its place, with a note."""
    fitted: dict[str, Fitted] = {}
    for row in table:
        if row["error"] is not None or (fitted and keep == "best"):
            continue
        try:
            fitted[row["model"]] = forecasters[row["model"]].fit(series, seconds=clock.last())
        except Exception as error:  # as in the folds: the next in the table takes its place
            notes.append(f"{row['model']} could not be fitted to the whole series: {reason(error)}")
    if not fitted:
        raise ForecastError("No model could be fitted to the whole series. " + " ".join(notes))
    return fitted


def describe_call(arguments: Mapping[str, Any]) -> str:
    """The Python call that makes the comparison again; data that have no short name stand as `data`."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(compare_forecast).parameters.items()}
    data = arguments["data"]
    words = ["'forecast'", repr(str(data)) if isinstance(data, str | PathLike) else "data"]
    words += [f"{name}={value!r}" for name, value in arguments.items() if name not in ("data", "on_row", "on_progress") and value != defaults.get(name)]
    return f"inorder.compare({', '.join(words)})"
