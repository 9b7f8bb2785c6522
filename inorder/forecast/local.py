"""Local forecasters: each series of a panel is fitted by itself, side by side, and its model is a recurrence that all the rest is made from.

    run      one-step forecasts and the last state          residuals, updates, streaming
    simulate what may come, path by path                    samples, simulated and bootstrap intervals
    forecasts  made at many origins of the past             conformal intervals

Covariates that are known ahead enter by regression: a model whose errors are the recurrence,

    y[t] = β·x[t] + n[t],    n the recurrence

so a `Model` itself only ever sees n.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from inorder.data.covariates import future_ahead, future_columns
from inorder.data.series import Series, as_series
from inorder.errors import BundleError, ConfigError, ForecastError, SeriesError
from inorder.forecast import paths
from inorder.forecast.base import (
    DEFAULT_LEVELS,
    Estimates,
    Fitted,
    Forecast,
    Forecaster,
    Model,
    Progress,
    Session,
    State,
    check_horizon,
    check_regular,
    check_request,
    made_forecast,
)
from inorder.forecast.fitting import fit_each
from inorder.forecast.intervals import conformal_radii, tail_probabilities
from inorder.forecast.packing import pack, unpack
from inorder.kernels.stopping import check
from inorder.typing import Floats, Values


@dataclass(frozen=True, kw_only=True)
class LocalForecaster(Forecaster):
    """A forecaster that fits each series by itself.

    covariates: whether `fit_one` takes the future covariates, (time, covariates), as a third argument `x`.
    """

    model: ClassVar[type[Model]]
    covariates: ClassVar[bool] = False

    @property
    def parts(self) -> tuple[LocalForecaster, ...]:
        """The forecasters that the members of a `CompositeModel` come from, in an order that settings alone decide; () for all other models."""
        return ()

    @abstractmethod
    def fit_one(self, y: Values, season_length: int) -> Model:
        """The parameters for one series.   y: (time,), NaN = missing; begins with an observation. Raises ForecastError, saying what is missing.

        Pure, and safe to be called by several threads at once.
        """

    def fit(
        self, series: Any, *, seconds: float | None = None, progress: Progress | None = None, workers: int | None = None, engine: str = "threads"
    ) -> LocalFitted:
        """As `Forecaster.fit`; the series of a panel are shared by `workers`, and the results do not depend on their number.

        workers: None = one a core.
        engine: "threads", or a backend of joblib for processes or a cluster: "loky", "dask", or one that was registered (Ray, Spark).
        """
        history = as_series(series)
        check_regular(history)
        season = self.season_of(history)
        items = [(self, y, history.ids[i], season, x) for i, (y, x) in enumerate(zip(history, self.regressors(history), strict=True))]
        models, errors = fit_each(self.name, history.ids, fit_item, items, seconds=seconds, progress=progress, workers=workers, engine=engine)
        return LocalFitted(self, history, models, errors)

    def regressors(self, history: Series) -> list[Floats]:
        """For each series its (time, covariates) future covariates; no columns where this forecaster takes none."""
        if not self.covariates:
            return [np.zeros((int(rows), 0)) for rows in history.lengths]
        return np.split(future_columns(history), history.offsets[1:-1])

    def restore(self, history: Series, weights: Mapping[str, Any], errors: Mapping[str, str]) -> LocalFitted:
        for name in errors:
            if name not in history.ids:
                raise BundleError(f'The series "{name}" is said to have failed, but is not among those saved: {", ".join(history.ids[:20])}.')
        models = iter(unpack(self.model, weights, len(history) - len(errors), self.parts))
        return LocalFitted(self, history, tuple(None if name in errors else next(models) for name in history.ids), dict(errors))


def fit_item(item: tuple[LocalForecaster, Values, str, int, Floats]) -> Model | str:
    """The model of one series, or why there is none."""
    forecaster, y, name, season, x = item
    try:
        return fit_from(forecaster, *observed(y, name, x), season)
    except ForecastError as error:
        check()  # a part that was cut short says nothing about the series
        return str(error)


def fit_from(forecaster: LocalForecaster, y: Values, x: Floats, season: int) -> Model:
    """`fit_one`, with covariates where it takes them."""
    if not forecaster.covariates:
        return forecaster.fit_one(y, season)
    if np.isnan(x).any():
        row, column = np.argwhere(np.isnan(x))[0].tolist()
        raise ForecastError(
            f"{forecaster.name} needs the future covariates of every row; covariate {column + 1} (in the order of their names) is missing "
            f"{row + 1} rows after the first observation. Fill it, or leave the covariate out."
        )
    fit_one: Any = forecaster.fit_one
    model: Model = fit_one(y, season, x)
    return model


def observed(y: Values, name: str, x: Floats) -> tuple[Values, Floats]:
    """Values and covariates from the first observation on; ForecastError where there is none."""
    present = np.flatnonzero(~np.isnan(y))
    if len(present) == 0:
        raise ForecastError(f'Series "{name}" has no observation: all {len(y)} values are missing.')
    return y[present[0] :], x[present[0] :]


class Run(NamedTuple):
    """A model after one series.   fitted: (time,) one-step forecasts.   last: the last value known.   error: why `state` is not there."""

    fitted: Values
    state: State
    last: float
    error: str = ""

    @classmethod
    def of(cls, model: Model | None, y: Values, x: Floats) -> Run:
        present = np.flatnonzero(~np.isnan(y))
        begin = int(present[0]) if len(present) else len(y)  # a model begins with the first observation
        last = float(y[present[-1]]) if len(present) else math.nan
        if model is None:
            return cls(np.full(len(y), np.nan), None, last)
        explained = effects(model, x)
        try:
            fitted, state = model.run((y - explained)[begin:])
        except ForecastError as error:  # an observation that this model cannot take in came after the fit
            return cls(np.full(len(y), np.nan), None, last, str(error))
        return cls(np.concatenate([np.full(begin, np.nan), fitted]) + explained, state, last)


def effects(model: Model, x: Floats) -> Floats:
    """(rows,) what the covariates explain: x·β, zeros where the model has no regression."""
    beta = model.regression()
    return np.asarray(x @ beta) if len(beta) else np.zeros(len(x))


@dataclass(frozen=True, eq=False)
class LocalFitted(Estimates, Fitted):
    """One `Model` per series; None where the series could not be fitted, and the last value stands in."""

    models: tuple[Model | None, ...]
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> Mapping[str, str]:
        return {**self.failures, **{name: run.error for name, run in zip(self.history.ids, self._runs, strict=True) if run.error}}

    @property
    def _local(self) -> LocalForecaster:
        assert isinstance(self.forecaster, LocalForecaster)
        return self.forecaster

    @cached_property
    def _regressors(self) -> list[Floats]:
        return self._local.regressors(self.history)

    @cached_property
    def _runs(self) -> list[Run]:
        return [Run.of(model, y, x) for model, y, x in zip(self.models, self.history, self._regressors, strict=True)]

    @property
    def fitted_values(self) -> Values:
        return np.concatenate([run.fitted for run in self._runs])

    @property
    def innovations(self) -> Values:
        """(rows,) the errors as each model counts them: residuals, or shares of the forecast where errors are factors."""
        return np.concatenate([self._innovations(i) for i in range(len(self.models))])

    def _innovations(self, i: int) -> Values:
        model, y, fitted = self.models[i], self.history.y(i), self._runs[i].fitted
        if model is None:
            return np.full(len(y), np.nan)
        explained = effects(model, self._regressors[i])
        return model.innovations(y - explained, fitted - explained)

    def predict(self, horizon: int, levels: Sequence[float] = DEFAULT_LEVELS, *, intervals: str = "auto", samples: int = 0, seed: int = 0) -> Forecast:
        levels = check_request(horizon, levels, intervals, samples)
        mean = np.empty((len(self.history), horizon))
        bounds = np.full((len(self.history), 2 * len(levels), horizon), np.nan)  # lower and upper of each level in turn
        drawn = np.full((len(self.history), samples, horizon), np.nan)
        kinds: set[str] = set()
        errors = dict(self.errors)
        if len(errors) == len(self.history):  # observations that came after the fit cannot be taken in
            raise ForecastError(next(iter(errors.values())))
        ahead = self._ahead(horizon)
        for i, (model, run) in enumerate(zip(self.models, self._runs, strict=True)):
            if model is None or run.error:
                mean[i] = run.last
                errors[self.history.ids[i]] += " It has no forecast." if math.isnan(run.last) else " Its last value stands in."
                continue
            mean[i] = model.forecast(run.state, horizon)
            explained = effects(model, ahead[i])
            try:
                bounds[i], kind = self._bounds(i, model, run.state, mean[i], levels, intervals, seed)
                kinds.update(kind.split(" and "))
                if samples:
                    draws = paths.draw(
                        self._innovations(i),
                        "bootstrap" if intervals == "bootstrap" else "simulated",
                        samples,
                        horizon,
                        paths.seed_of(seed, self.history.ids[i]),
                    )
                    drawn[i] = model.simulate(run.state, horizon, draws) + explained
            except ForecastError as error:
                errors[self.history.ids[i]] = str(error)
            mean[i] += explained
            bounds[i] += explained
        index = self.history.future_index(horizon)
        return made_forecast(self, mean, bounds, levels, index, " and ".join(sorted(kinds)) or "none", errors, drawn)

    def _ahead(self, horizon: int) -> Floats:
        """(series, horizon, covariates) what is known of the steps to come, where a model needs it."""
        if any(model is not None and len(model.regression()) for model in self.models):
            return future_ahead(self.history, horizon)
        return np.zeros((len(self.history), horizon, 0))

    def _bounds(self, i: int, model: Model, state: State, mean: Floats, levels: tuple[float, ...], intervals: str, seed: int) -> tuple[Floats, str]:
        """(2 · levels, horizon) the bounds for series `i`, and their kind.   Raises ForecastError where nothing is known about its errors."""
        horizon, probabilities = len(mean), tail_probabilities(levels)
        if not levels:
            return np.empty((0, horizon)), intervals
        own = intervals == "auto" or intervals == model.interval_kind == "analytic"
        exact = model.quantiles(state, horizon, probabilities) if own else None
        if exact is not None:
            return _finite(exact), model.interval_kind
        if intervals == "analytic":
            raise ConfigError(f'No formula is known for the intervals of {self.forecaster.name} with these settings. Use intervals="conformal".')
        if intervals in paths.DRAWS:
            draws = paths.draw(self._innovations(i), intervals, paths.PATHS, horizon, paths.seed_of(seed, self.history.ids[i]))
            return _finite(paths.quantiles(model.simulate(state, horizon, draws), probabilities)), intervals
        radii, kind = conformal_radii(self._errors_ahead(i, horizon), levels, adaptive=intervals == "adaptive")
        with np.errstate(over="ignore"):
            return _finite(mean + radii), kind

    def _errors_ahead(self, i: int, horizon: int) -> Floats:
        """(origins, horizon) errors of forecasts made inside the last part of series `i` by a model fitted to what came before; NaN where not known."""
        y, x = observed(self.history.y(i), self.history.ids[i], self._regressors[i])
        count = min(max(len(y) // 3, 24), len(y) // 2, 200)  # origins in the calibration part; the same for every horizon
        cut = len(y) - count
        whole = self.models[i]
        n = y if whole is None else y - effects(whole, x)  # a covariate may not have changed before the cut, and would have no coefficient
        try:
            model = fit_from(self._local, n[:cut], np.zeros((cut, 0)), self._local.season_of(self.history))
        except ForecastError:  # too short to hold a part back: one-step residuals of the whole
            residuals = self.history.y(i) - self._runs[i].fitted
            return np.column_stack([residuals, np.full((len(residuals), horizon - 1), np.nan)])
        _, state = model.run(n[:cut])
        padded = np.concatenate([n[cut:], np.full(horizon, np.nan)])
        came = np.lib.stride_tricks.sliding_window_view(padded, horizon)[:count]
        return np.asarray(came - model.forecasts(n[cut:], state, horizon))

    def parts(self, size: int) -> Iterator[LocalFitted]:
        """The same models in groups of `size` neighbouring series, so that their forecasts need not be in memory all at once."""
        for begin in range(0, len(self.models), size):
            which = np.arange(begin, min(begin + size, len(self.models)))
            names = {self.history.ids[i] for i in which}
            failures = {name: reason for name, reason in self.failures.items() if name in names}
            yield replace(self, history=self.history.take(which), models=self.models[begin : begin + size], failures=failures)

    def update(self, new: Any) -> LocalFitted:
        return replace(self, history=self._new_rows(new))

    def stream(self, series: int | str = 0) -> LocalSession:
        i = self.history.position(series)
        model, name = self.models[i], self.history.ids[i]
        if model is None or self._runs[i].error:
            raise ForecastError(f'Series "{name}" could not be fitted: {self.errors[name]}')
        known = 0
        if len(model.regression()):
            known = min((values.shape[1] for values in self.history.ahead.values()), default=0)
        return LocalSession(model, self._runs[i].state, future_ahead(self.history, known)[i] if known else np.zeros((0, len(model.regression()))))

    def describe(self, series: int = 0) -> dict[str, Any]:
        model, run = self.models[series], self._runs[series]
        if model is None:
            return {}
        effect = dict(zip(sorted(self.history.future), model.regression().tolist(), strict=True)) if len(model.regression()) else {}
        return {**model.describe(), **effect, **({} if run.error else model.describe_state(run.state))}

    @property
    def notes(self) -> tuple[str, ...]:
        found = {name: model.notes() for name, model in zip(self.history.ids, self.models, strict=True) if model is not None}
        ignored = () if self._local.covariates else tuple(sorted(self.history.future))
        about = (f"{self.forecaster.name} takes no covariates, so {', '.join(ignored)} plays no part." if ignored else "",)
        return tuple(filter(None, about)) + tuple(f"{name}: {note}" if self.history.panel else note for name, notes in found.items() for note in notes)

    def weights(self) -> dict[str, Any]:
        errors = self.errors
        models = [model for name, model in zip(self.history.ids, self.models, strict=True) if model is not None and name not in errors]
        if not models:
            raise ForecastError(next(iter(errors.values())))
        return pack(models)


class LocalSession(Session):
    """A session over one series of a local model.

    known: (steps, covariates) future covariates of the steps to come, in the order of their names; more come with `ahead`.
    """

    def __init__(self, model: Model, state: State, known: Floats) -> None:
        self.model, self.state, self._known = model, state, known

    def step(self, y: float, *, ahead: Sequence[float] | Floats | None = None) -> float:
        """Take one observation and return the forecast of the next one.   ahead: future covariates of one more step to come, (covariates,)."""
        if math.isinf(y):
            raise SeriesError(f"An observation is a finite number, or NaN where it is missing, not {y!r}.")
        known = self._known if ahead is None else np.concatenate([self._known, np.asarray(ahead, dtype=np.float64).reshape(1, -1)])
        explained = self._explained(known, 2)
        _, self.state = self.model.step(float(y) - float(explained[0]), self.state)
        self._known = known[1:]
        return float(self.model.forecast(self.state, 1)[0] + explained[1])

    def predict(self, horizon: int) -> Floats:
        check_horizon(horizon)
        return np.asarray(self.model.forecast(self.state, horizon) + self._explained(self._known, horizon))

    def _explained(self, known: Floats, steps: int) -> Floats:
        """(steps,) what the covariates explain of the next steps."""
        beta = self.model.regression()
        if not len(beta):
            return np.zeros(steps)
        if len(known) < steps or np.isnan(known[:steps]).any():
            raise ForecastError(
                f"The model has {len(beta)} future covariates, and those of the next {steps} steps are needed; {len(known)} are known. "
                "Give one more row of them with each step: step(y, ahead=[…])."
            )
        return np.asarray(known[:steps] @ beta)


def _finite(bounds: Floats) -> Floats:
    """Bounds beyond the range of floats, at the end of that range."""
    limit = np.finfo(np.float64).max
    return np.clip(bounds, -limit, limit)
