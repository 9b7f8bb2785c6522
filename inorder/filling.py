"""Filling gaps: each missing value from all that was observed before and after it, with bands.

    E(y[t] | all of y),   Var(y[t] | all of y) = Z·P[t]·Z' + σ²     from the smoother of a structural model

The model (level, slope and season, fitted by maximum likelihood) is tried on the values and, where all are above zero, on their
logarithms; the likelihood of y over its geometric mean g decides, for which the Jacobian of the logarithms, −Σ log(y/g), is zero: so the
choice does not depend on units, though a diffuse start takes d of the n observations from a likelihood,

    log L(y/g) = log L(y) + (n − d)·log g

Irregular series are given values at chosen times by `ContinuousTime.predict_at` instead.

Source: Durbin & Koopman 2012, Time Series Analysis by State Space Methods, 2nd ed., §4.10; Box & Cox 1964, An analysis of transformations, §3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from inorder.data.series import Series, read_series
from inorder.errors import ConfigError, ForecastError, SeriesError, unknown
from inorder.forecast.base import Progress, check_regular
from inorder.forecast.intervals import check_levels, normal_quantiles, tail_probabilities
from inorder.forecast.structural import Structural, StructuralModel
from inorder.metrics.score import level_name
from inorder.typing import Floats, Values

TRANSFORMS = ("auto", "none", "log")
SHARE = 0.999  # of the range of floats, beyond which an exponential is held


@dataclass(frozen=True, eq=False)
class Filled:
    """A series without gaps.

    series: observations as they were, gaps filled.   filled: (rows,) True where a value was missing.   lower, upper: level -> (rows,), equal to the
    value where it was observed.   errors: series id -> why its gaps stay.   Rows before the first observation stay missing.
    """

    series: Series
    filled: np.ndarray[Any, np.dtype[np.bool_]]
    lower: Mapping[float, Values]
    upper: Mapping[float, Values]
    errors: Mapping[str, str]

    def to_frame(self) -> Any:
        """A frame of the kind that was read: id (for a panel), time, value, lower_80, upper_80, …, filled."""
        from inorder.data.frames import make_frame

        names = self.series.names
        columns: dict[str, Any] = {names.id: np.repeat(self.series.ids, self.series.lengths)} if self.series.panel else {}
        columns |= {names.time: self.series.index, names.value: self.series.values}
        for level in self.lower:
            columns[f"lower_{level_name(level)}"], columns[f"upper_{level_name(level)}"] = self.lower[level], self.upper[level]
        return make_frame(columns | {"filled": self.filled}, self.series)

    def plot(self, series: int | str = 0) -> Any:
        """A matplotlib figure: what was observed, and what was filled with its bands."""
        from inorder.plots import plot_filled

        return plot_filled(self, series)

    def __str__(self) -> str:
        return str(self.to_frame())


def fill(
    data: Any,
    *,
    levels: Sequence[float] = (0.8, 0.95),
    transform: str = "auto",
    model: Structural | None = None,
    season_length: int | None = None,
    progress: Progress | None = None,
    **reading: Any,
) -> Filled:
    """Fill the gaps of every series from the smoother of a structural model.

    data: whatever `read_series` reads; further keywords go to it.   levels: of the bands, each for a new observation there.
    transform: "log", "none", or "auto": the one with the greater likelihood.   model: settings of the structural model; the usual ones by default, and
        without a season where a series is too short for one.
    season_length: rows of a season; 1 = none; None = as `model` or the data say.
    progress: called with (models fitted, all).
    Raises SeriesError for irregular sampling, ConfigError for options out of range.

    >>> found = fill(np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0, np.nan, 8.0, 9.0, 10.0]), transform="none")
    >>> found.series.values.round(2).tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    """
    levels = check_levels(levels)
    if transform not in TRANSFORMS:
        raise unknown("transform", str(transform), TRANSFORMS)
    if model is not None and not isinstance(model, Structural):
        raise ConfigError(f"`model` holds the settings of a structural model, such as Structural(trend=None); not {model!r}.")
    if model is not None and model.interventions:
        raise ConfigError("Interventions are dated for one series; fill without them.")
    if season_length is not None:
        reading["season_length"] = season_length
    history = read_series(data, **reading)
    check_regular(history)
    values = history.values.copy()
    smallest = float(np.fmin.reduce(values, initial=np.inf))  # of those that are there
    if transform == "log" and not smallest > 0:
        raise SeriesError(f'transform="log" needs values above 0; the smallest of {history.source} is {smallest:g}. Use transform="none".')
    missing = np.isnan(values)
    bounds = np.repeat(values[None], 2 * len(levels), axis=0)
    errors: dict[str, str] = {}
    settings = model or Structural()
    season = settings.season_of(history) if season_length is None else history.season_length
    fits = np.cumsum([0, *(len(_transforms(y, transform)) if np.isnan(y).any() else 0 for y in history)]).tolist()
    for i, name in enumerate(history.ids):
        rows = slice(int(history.offsets[i]), int(history.offsets[i + 1]))
        gaps = missing[rows]
        if not gaps.any():
            continue
        try:
            found = _fill_one(
                values[rows],
                settings,
                season,
                _transforms(values[rows], transform),
                tail_probabilities(levels),
                done=None if progress is None else partial(_report, progress, fits[i], fits[-1]),
            )
        except ForecastError as error:
            errors[name] = str(error)
            continue
        values[rows][gaps], bounds[:, rows][:, gaps] = found[0][gaps], found[1:][:, gaps]
    return Filled(
        series=replace(history, values=values),
        filled=missing & ~np.isnan(values),
        lower={level: bounds[2 * k] for k, level in enumerate(levels)},
        upper={level: bounds[2 * k + 1] for k, level in enumerate(levels)},
        errors=errors,
    )


def _report(progress: Progress, before: int, of: int, done: int) -> None:
    progress(before + done, of)


def _transforms(y: Values, transform: str) -> tuple[str, ...]:
    """Those that are tried on a series."""
    if transform != "auto":
        return (transform,)
    return ("none", "log") if (y[~np.isnan(y)] > 0).all() else ("none",)


def _fill_one(
    y: Values, settings: Structural, season_length: int, transforms: Sequence[str], probabilities: Floats, *, done: Callable[[int], None] | None
) -> Floats:
    """(1 + probabilities, time): mean and quantiles of a new observation at every row; NaN before the first observation."""
    present = np.flatnonzero(~np.isnan(y))
    if len(present) == 0:
        raise ForecastError("The series has no observation, so nothing is known of its gaps.")
    z = y[present[0] :]
    models, logliks = [], []
    for k, transform in enumerate(transforms):
        model = _model(np.log(z) if transform == "log" else z, settings, season_length)
        models.append(model)
        logliks.append(model.loglik)
        if "log" in transforms and transform == "none":
            logliks[-1] += (model.observations - model.form.diffuse) * float(np.mean(np.log(y[present])))
        if done:
            done(k + 1)
    best = int(np.argmax(logliks))
    logarithm = transforms[best] == "log"
    mean, deviation = models[best].smooth(np.log(z) if logarithm else z)
    found = np.concatenate([mean[None], normal_quantiles(mean, deviation, probabilities)])
    if logarithm:
        limit = SHARE * float(np.log(np.finfo(np.float64).max))
        found = np.exp(np.clip(found, -limit, limit))
    whole = np.full((len(found), len(y)), np.nan)
    whole[:, present[0] :] = found
    return whole


def _model(y: Values, settings: Structural, season_length: int) -> StructuralModel:
    """The structural model of one series; without its season, and then without its slope, where it is too short for them."""
    for one in (settings, replace(settings, seasonal=None, harmonics=None), replace(settings, seasonal=None, harmonics=None, trend=None)):
        try:
            return one.fit_one(y, season_length)
        except ForecastError:
            continue
    count = int((~np.isnan(y)).sum())
    raise ForecastError(
        f"The series has {count} observation{'s' * (count > 1)}, too few or too unlike each other in size to learn a model from, so its gaps stay."
    )
