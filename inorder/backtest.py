"""Rolling origins: fit to what came before, forecast what came next, score it.

    fold k leaves out the last  2·horizon + k·step  rows and is judged on the first `horizon` of them
    the test part leaves out the last  horizon  rows and is judged on them

Scores are means over the steps of a series, then over series, then over folds.

Source: Tashman 2000, Out-of-sample tests of forecasting accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inorder.budget import Clock
from inorder.data.series import Series
from inorder.errors import ForecastError, SeriesError
from inorder.forecast.base import Fitted, Forecast, Forecaster
from inorder.metrics import forecast as metrics
from inorder.metrics.score import Score
from inorder.typing import Floats, Index

DECILES = tuple(k / 10 for k in range(1, 10))  # their bounds, with the mean, are the quantiles .05, .10, …, .95 of the CRPS
FEWEST = 4  # observations before the first origin
OnProgress = Callable[[str, float], None]  # model, share of its work that is done


@dataclass(frozen=True, eq=False)
class Fold:
    """One origin.   leave: rows of each series from the origin on.   truth: (series, horizon) what came.   index: (series, horizon) when."""

    name: str
    leave: int
    training: Series
    truth: Floats
    index: Index

    @property
    def horizon(self) -> int:
        return int(self.truth.shape[1])


def plan_folds(series: Series, horizon: int, folds: int, step: int) -> tuple[list[Fold], list[str]]:
    """The selection folds, earliest first, then the test part, over the series that are long enough; and notes on what was cut.

    Where the data are short there are fewer folds, so that two seasons (ten rows at least) come before the first origin where
    that can be had, and FEWEST rows in any case.   Raises SeriesError where not even one selection fold and a test part fit.
    """
    notes = []
    needed = 2 * horizon + FEWEST
    known = np.array([np.isfinite(y[: max(len(y) - 2 * horizon, 0)]).sum() for y in series])  # observations before the latest selection fold
    enough = known >= FEWEST
    if not enough.any():
        i = int(np.argmax(known))
        raise SeriesError(
            f"Comparing at horizon {horizon} needs {needed} rows: {horizon} to test, {horizon} to choose by and {FEWEST} observations before them. "
            f'"{series.ids[i]}" has {series.lengths[i]} rows with {known[i]} observations before the last {2 * horizon}. '
            "Use a shorter horizon, or fit one model by its name: inorder fit forecast … --model naive."
        )
    if not enough.all():
        left_out = [series.ids[i] for i in np.flatnonzero(~enough)]
        names = ", ".join(left_out[:5]) + (f" and {len(left_out) - 5} more" if len(left_out) > 5 else "")
        notes.append(f"Left out of the comparison for having fewer than {FEWEST} observations before the last {2 * horizon} rows: {names}.")
        series = series.take(np.flatnonzero(enough))
    begins = np.array([int(np.argmax(np.isfinite(y))) for y in series])  # rows before the first observation
    shortest, wanted = int((series.lengths - begins).min()), max(2 * series.season_length, 10)
    room = max(1, min(folds, 1 + (shortest - 2 * horizon - wanted) // step))
    if room < folds:
        notes.append(f"{room} selection fold{'s' * (room > 1)} instead of {folds}: the shortest series has {shortest} rows from its first observation on.")
    leaves = [2 * horizon + k * step for k in reversed(range(room))]
    plan = [fold_of(f"fold {k + 1}", series, series.head(leave), horizon) for k, leave in enumerate(leaves)]
    return [*plan, fold_of("test", series, series.head(horizon), horizon)], notes


def fold_of(name: str, whole: Series, training: Series, horizon: int) -> Fold:
    """The fold of the `horizon` rows that come after `training`, the first rows of `whole`; the truth is NaN where a series has no row."""
    rows = [training.lengths[i] + np.arange(horizon) for i in range(len(whole))]
    within = [np.minimum(row, length - 1) for row, length in zip(rows, whole.lengths, strict=True)]
    truth = np.stack([np.where(row == inside, y[inside], np.nan) for y, row, inside in zip(whole, rows, within, strict=True)])
    index = np.stack([whole.stamps(i)[inside] for i, inside in enumerate(within)])
    return Fold(name, int((whole.lengths - training.lengths).max()), training, truth, index)


def forecast_fold(fitted: Fitted, fold: Fold, levels: Sequence[float], intervals: str = "auto") -> Forecast:
    """The forecast for the stamps of the fold; where they are uneven, by a model that takes them as they are."""
    times: dict[str, Any] = {} if fold.training.frequency else {"index": fold.index}
    return fitted.predict(fold.horizon, levels, intervals=intervals, **times)


def run_folds(
    name: str,
    forecaster: Forecaster,
    plan: Sequence[Fold],
    levels: Sequence[float],
    *,
    intervals: str,
    refit: bool,
    clock: Clock,
    later: int = 0,
    on_progress: OnProgress | None,
) -> tuple[tuple[Forecast, ...], int]:
    """The forecast of every fold, and for how many series at most the last value stands in.   Raises what the model raises.

    later: folds of models that come after this one and need time too.
    """
    grid = sorted({*DECILES, *levels})
    forecasts: list[Forecast] = []
    fell_back = 0
    fitted: Fitted | None = None
    for k, fold in enumerate(plan):

        def report(done: int, of: int, k: int = k) -> None:
            if on_progress:
                on_progress(name, (k + done / max(of, 1)) / len(plan))

        seconds = clock.share(len(plan) - k + later)
        if fitted is None or refit:
            fitted = forecaster.fit(fold.training, seconds=seconds, progress=report)
        else:
            fitted = fitted.update(fold.training.tail(plan[k - 1].leave - fold.leave))
        made = forecast_fold(fitted, fold, grid, intervals)
        if not np.isfinite(made.mean).all():
            wrong = forecast_ids_not_finite(made)
            raise ForecastError(f'its forecast of "{wrong[0]}" is not finite.')
        forecasts.append(made)
        fell_back = max(fell_back, len(fitted.errors))
        report(1, 1)
    return tuple(forecasts), fell_back


def forecast_ids_not_finite(made: Forecast) -> list[str]:
    """The series whose forecast holds a value that is not finite."""
    mean = made.mean.reshape(len(made.ids), -1)
    return [made.ids[i] for i in np.flatnonzero(~np.isfinite(mean).all(axis=1))]


def score(fold: Fold, forecast: Forecast, levels: Sequence[float], naive2: Floats) -> dict[str, Score]:
    """The scores of one fold: mae, rmse, smape, mase, owa, pinball over `levels`, crps over the DECILES, coverage_80, …

    naive2: (series, horizon) what Naive 2 forecast for the same fold.
    A series that could not be fitted is judged by the value that stands in. Where there are no intervals the forecast counts as a
    point: its quantiles are all alike, its CRPS is its absolute error, and only a perfect hit lies inside. No model is excused.
    """
    shape, mean = fold.truth.shape, forecast.mean.reshape(fold.truth.shape)
    lower = {level: _or_point(bound, mean) for level, bound in forecast.lower.items()}
    upper = {level: _or_point(bound, mean) for level, bound in forecast.upper.items()}
    season = fold.training.season_length
    scores = metrics.score_forecast(
        fold.truth,
        mean,
        train=fold.training,
        season_length=season,
        naive2=naive2.reshape(shape),
        lower={level: lower[level] for level in levels},
        upper={level: upper[level] for level in levels},
    )
    probabilities = [(1 - level) / 2 for level in reversed(DECILES)] + [0.5] + [(1 + level) / 2 for level in DECILES]
    quantiles = np.stack([*(lower[level] for level in reversed(DECILES)), mean, *(upper[level] for level in DECILES)])
    return {**scores, "crps": metrics.crps(fold.truth, quantiles, probabilities)}


def _or_point(bound: Floats, mean: Floats) -> Floats:
    """The bound, or the forecast itself where there is none."""
    bound = bound.reshape(mean.shape)
    return np.where(np.isnan(bound), mean, bound)


def naive2_means(plan: Sequence[Fold]) -> list[Floats]:
    """(series, horizon) forecasts of Naive 2 for every fold: the yardstick of OWA. Without a season it is the last value, also where times are uneven."""
    from inorder.forecast.baselines import Naive2

    def means(fold: Fold) -> Floats:
        if fold.training.frequency is None:
            return np.stack([np.full(fold.horizon, y[~np.isnan(y)][-1]) for y in fold.training])
        return np.atleast_2d(Naive2().fit(fold.training).predict(fold.horizon, ()).mean)

    return [means(fold) for fold in plan]
