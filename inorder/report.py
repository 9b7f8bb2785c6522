"""The report: one self-contained HTML page for people, readable on a phone and in print.

What was read, who won and by how much, the forecast, the backtest, residual checks, the parts of the series, what each
model is, and how to make it all again. Every number comes from the result that it describes; nothing is fetched from outside.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.data.covariates import known_ahead
from inorder.errors import AheadError
from inorder.forecast.base import DEFAULT_LEVELS, Fitted, Forecast
from inorder.metrics.score import level_name
from inorder.tasks.forecast import CANDIDATES
from inorder.typing import Floats

if TYPE_CHECKING:
    from jinja2 import Environment

    from inorder.comparison import Comparison

LONGEST_TABLE = 60  # rows of the forecast that are written out

COLUMNS = {
    "selection": ("selection", "the score that ranks, mean over the selection folds"),
    "mae": ("MAE", "mean absolute error, in units of the data"),
    "rmse": ("RMSE", "root of the mean squared error, in units of the data"),
    "smape": ("sMAPE", "symmetric mean absolute percentage error, 0 to 200 %"),
    "mase": ("MASE", "mean absolute error in units of the one that repeating the last season made, one step at a time, inside the training part"),
    "owa": ("OWA", "mean of sMAPE and MASE, each relative to Naive 2; below 1 is better than it"),
    "pinball": ("pinball", "mean quantile loss of the intervals' bounds and the middle, in units of the data"),
    "crps": ("CRPS", "continuous ranked probability score from the quantiles .05 to .95, in units of the data"),
    "seconds": ("seconds", "all fits and forecasts of the folds"),
}


@dataclass(frozen=True)
class Figure:
    """A picture with the sentence below it."""

    svg: str
    caption: str


def render_report(fitted: Fitted, comparison: Comparison | None = None, *, made_by: str, horizon: int | None = None) -> str:
    """The page for a fitted forecaster, with the comparison that chose it if there was one.   made_by: the command or call that makes it again."""
    series = fitted.history
    season = fitted.forecaster.season_of(series)
    steps = comparison.horizon if comparison else (2 * season if season > 1 else 10) if horizon is None else horizon
    levels = comparison.levels if comparison else DEFAULT_LEVELS
    forecast, reason = shown_forecast(fitted, steps, levels)
    example_id = example_series(fitted, comparison)
    example = series.ids.index(example_id)
    models = [row["model"] for row in comparison.table] if comparison else [fitted.forecaster.name]
    return (
        environment()
        .get_template("report.html")
        .render(
            title=f"Forecast of {series.source}",
            series=series,
            fitted=fitted,
            forecast=forecast,
            no_forecast=reason,
            name=comparison.winner if comparison else fitted.forecaster.name,
            example=example_id,
            summary=fitted.summary(),
            forecast_rows=forecast_rows(forecast, example) if forecast else [],
            figures=draw(fitted, forecast, comparison, example, season),
            checks=residual_check_rows(fitted, example, season),
            comparison=comparison,
            verdict=verdict(comparison) if comparison else None,
            columns=COLUMNS,
            coverage_columns=[(f"coverage_{level_name(level)}", f"{level_name(level)} %") for level in levels],
            models=[(name, CANDIDATES[name]) for name in models if name in CANDIDATES],
            made_by=made_by,
            versions=versions(),
        )
    )


def environment() -> Environment:
    """The templates, with automatic escaping and our filters."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(loader=PackageLoader("inorder"), autoescape=select_autoescape(), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"number": number, "level_name": level_name}
    return made


def versions() -> dict[str, str]:
    """What made a page."""
    return {
        "inorder": version("inorder"),
        "Python": platform.python_version(),
        "NumPy": version("numpy"),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def example_series(fitted: Fitted, comparison: Comparison | None) -> str:
    """The series that stands for the panel: the one whose error in the test part is the median."""
    if comparison is None or len(fitted.history) == 1:
        return fitted.history.ids[0]
    test, made = comparison.folds[-1], comparison.forecasts[comparison.winner][-1]
    misses = np.abs(test.truth - made.mean.reshape(test.truth.shape))
    errors = [
        float(np.mean(miss[np.isfinite(miss)])) / _step_size(y) if np.isfinite(miss).any() else np.nan for miss, y in zip(misses, test.training, strict=True)
    ]
    order = np.argsort(np.where(np.isfinite(errors), errors, np.inf), kind="stable")
    return test.training.ids[int(order[np.isfinite(errors).sum() // 2])]


def _step_size(y: Floats) -> float:
    """Mean absolute change from one known value to the next; 1 where there is none."""
    changes = np.abs(np.diff(y[np.isfinite(y)]))
    return float(changes.mean()) if changes.any() else 1.0


def verdict(comparison: Comparison) -> list[str]:
    """What the leaderboard says, in sentences."""
    rows = [row for row in comparison.table if row["error"] is None]
    best = next(row for row in rows if row["model"] == comparison.winner)
    steps = f"the last {comparison.horizon} rows" if comparison.horizon > 1 else "the last row"
    unit = f" of each of {len(comparison.series)} series" if len(comparison.series) > 1 else ""
    parts = f"{len(comparison.folds) - 1} earlier parts" if len(comparison.folds) > 2 else "an earlier part"
    sentences = [f"{best['model']} was chosen from {len(comparison.table)} models by its {COLUMNS[comparison.by][0]} over {parts} of the data."]
    if best["smape"] is not None:
        sentences.append(f"On {steps}{unit}, which played no part in that choice, its forecasts were off by {best['smape']:.1f} % on average (sMAPE).")
    if best["mase"] is not None:
        sentences.append(f"That is {best['mase']:.2f} times the error that repeating the last season made, one step at a time, in the training part (MASE).")
    ranked = sorted((row for row in rows if row[comparison.by] is not None), key=lambda row: row[comparison.by])
    if ranked and ranked[0]["model"] != best["model"]:
        better, own = ranked[0][comparison.by], best[comparison.by]
        scores = f"{better:.3g} against {own:.3g}" if own is not None else f"{better:.3g}"
        sentences.append(f"On that last part {ranked[0]['model']} happened to do better ({scores}); choosing by it would be choosing after the fact.")
    for level in comparison.levels:
        share = best.get(f"coverage_{level_name(level)}")
        if share is not None:
            sentences.append(f"{100 * share:.0f} % of what came lay inside the {level_name(level)} % intervals.")
    return sentences


def shown_forecast(fitted: Fitted, steps: int, levels: Sequence[float]) -> tuple[Forecast | None, str]:
    """The forecast of so many steps, or of as many as covariates are known for; None and the reason where none are."""
    try:
        return fitted.predict(steps, levels), ""
    except AheadError:
        known = int(known_ahead(fitted.history).min())
        names = ", ".join(sorted(fitted.history.future))
        reason = f"What comes next depends on {names}. Give the rows to come, with {names} filled and the values left empty: inorder predict BUNDLE FILE."
        return (fitted.predict(known, levels), "") if 0 < known < steps else (None, reason)


def forecast_rows(forecast: Forecast, example: int) -> list[tuple[str, list[float]]]:
    """The forecast of one series, written out: stamp, mean, and the bounds of each level."""
    index, mean = np.atleast_2d(forecast.index)[example], np.atleast_2d(forecast.mean)[example]
    bounds = [np.atleast_2d(side[level])[example] for level in forecast.levels for side in (forecast.lower, forecast.upper)]
    return [(forecast.history.label(index[k]), [float(mean[k]), *(float(bound[k]) for bound in bounds)]) for k in range(min(forecast.horizon, LONGEST_TABLE))]


def draw(fitted: Fitted, forecast: Forecast | None, comparison: Comparison | None, example: int, season: int) -> dict[str, Figure]:
    """Every picture of the page, by its place."""
    from inorder import plots
    from inorder.forecast.decomposition import decompose
    from inorder.forecast.diagnostics import acf, pacf

    series, figures = fitted.history, {}
    y, stamps = series.y(example), series.stamps(example)

    def add(place: str, picture: plots.Figure, caption: str) -> None:
        figures[place] = Figure(plots.svg(picture, f"{place}-"), caption)

    if forecast:
        add("forecast", plots.plot_forecast(forecast, example), f"The next {forecast.horizon} steps, with intervals that are {forecast.intervals}.")
    if comparison:
        made, test = comparison.forecasts[comparison.winner], comparison.folds[-1]
        if series.ids[example] in test.training.ids:  # a series that is too short for folds is not among them
            row = test.training.ids.index(series.ids[example])
            picture = plots.plot_forecast(made[-1].at(comparison.levels), row, truth=test.truth[row])
            add("test", picture, "The test part: forecast by the winner from what came before it, and what came.")
            folds = [(fold.name, one.at(comparison.levels), fold.truth) for fold, one in zip(comparison.folds[:-1], made[:-1], strict=True)]
            add("folds", plots.plot_folds(folds, row), "The selection folds, from the earliest origin to the latest.")
        if shares := calibration(comparison):
            text = "How often what came lay inside each interval, over all series, folds and the test part."
            add("calibration", plots.plot_calibration(shares), text)
    residuals = fitted.residuals[series.offsets[example] : series.offsets[example + 1]]
    lags = _lags(len(y), season)
    if np.isfinite(residuals).sum() > 3:
        picture = plots.plot_residuals(stamps, residuals, acf(residuals, lags))
        add("residuals", picture, "Errors of forecasts one step ahead over the whole history; the band is that of white noise.")
    known = np.flatnonzero(np.isfinite(y))
    if series.frequency is not None and len(known) > 3 and np.ptp(y[known]) > 0:  # lags need an even spacing
        if known[-1] - known[0] >= max(2 * season, 5):
            parts = decompose(y, season, "auto")
            add("decomposition", plots.plot_decomposition(parts, stamps, y, season=season > 1), f"Classical decomposition, {parts.kind}.")
        correlations = {"autocorrelation": acf(y, lags), "partial autocorrelation": pacf(y, lags)}
        add("correlations", plots.plot_correlations(correlations, len(known)), "How the series relates to its own past; the band is that of white noise.")
    return figures


def calibration(comparison: Comparison) -> dict[float, float]:
    """Level -> share of what came, in all folds and the test part, that lay inside the winner's interval of that level."""
    made = comparison.forecasts[comparison.winner]
    inside: dict[float, list[Any]] = {level: [] for level in made[-1].levels}
    for fold, forecast in zip(comparison.folds, made, strict=True):
        for level, hits in inside.items():
            lower, upper = (bound[level].reshape(fold.truth.shape) for bound in (forecast.lower, forecast.upper))
            known = ~np.isnan(fold.truth) & ~np.isnan(lower) & ~np.isnan(upper)
            hits.append(((fold.truth >= lower) & (fold.truth <= upper))[known])
    return {level: float(np.mean(joined)) for level, hits in inside.items() if len(joined := np.concatenate(hits))}


def _lags(length: int, season: int) -> int:
    return max(1, min(length // 2 - 1, max(24, 2 * season + 2), 400))


def residual_check_rows(fitted: Fitted, example: int, season: int) -> list[Any]:
    """The checks of one series' one-step errors, each with a sentence."""
    from inorder.forecast.diagnostics import residual_checks

    series = fitted.history
    return list(residual_checks(fitted.residuals[series.offsets[example] : series.offsets[example + 1]], season))


def number(value: float | None) -> str:
    """Four significant digits, thousands with commas; a dash for nothing.

    >>> number(1234.567), number(0.01234), number(431.0), number(None)
    ('1,235', '0.01234', '431', '–')
    """
    if value is None or not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
