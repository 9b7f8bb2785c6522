"""What every forecaster shares: settings are fitted to a series, and what was fitted predicts.

    Forecaster --fit(series)--> Fitted --predict(horizon, levels)--> Forecast

A classical model is a recurrence over one series (a `Model`): its parameters are constants, its memory is a state,

    state₀ = init()            forecast of yₜ, stateₜ = step(yₜ, stateₜ₋₁)

and `run` is the fast path over a whole stretch that gives the same numbers, as `forecasts` is for the forecasts made along it.
From these come the residuals, the forecasts, point-in-time updates, streaming and backtests, for every model alike.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from inorder.data.series import Series, as_series, check_season_length
from inorder.errors import BudgetError, BundleError, ConfigError, ForecastError, SeriesError, unknown
from inorder.forecast.intervals import check_levels, conformal_radii, tail_probabilities
from inorder.metrics.score import level_name
from inorder.typing import Floats, Index, Mean, Values

if TYPE_CHECKING:
    from inorder.bundle import Bundle

State = Any
Progress = Callable[[int, int], None]  # series done, series in all
DEFAULT_LEVELS = (0.8, 0.95)


@dataclass(frozen=True, eq=False)
class Forecast:
    """A forecast with its prediction intervals.

    mean: (horizon,) for one series, (series, horizon) for a panel; the median where a model's docstring says so.
    lower, upper: level -> array like `mean`; `lower[0.8]` and `upper[0.8]` enclose a new observation with probability 0.8.
    index: stamps, like `mean`.   ids: one per series.   history: the series that it continues.   model: its name.
    intervals: "analytic", "conformal", "normal" or some of them ("analytic and conformal"): how the intervals were made; "none" where there are none.
    errors: series id -> why its forecast is the last value repeated or, where there is none, NaN; or why it has no intervals (NaN):
        a panel goes on where one series cannot be fitted.
    """

    mean: Mean
    lower: Mapping[float, Mean]
    upper: Mapping[float, Mean]
    index: Index
    history: Series
    model: str
    intervals: str = "analytic"
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        return self.history.ids

    @property
    def horizon(self) -> int:
        return int(self.mean.shape[-1])

    @property
    def levels(self) -> tuple[float, ...]:
        return tuple(self.lower)

    def at(self, levels: Sequence[float]) -> Forecast:
        """The same forecast with these of its levels."""
        return replace(self, lower={level: self.lower[level] for level in levels}, upper={level: self.upper[level] for level in levels})

    def columns(self) -> dict[str, Any]:
        """The forecast as named columns in long form: id (for a panel), time, mean, lower_80, upper_80, …"""
        names, horizon = self.history.names, self.horizon
        columns: dict[str, Any] = {names.id: np.repeat(self.ids, horizon)} if self.history.panel else {}
        columns[names.time] = self.index.reshape(-1)
        columns["mean"] = self.mean.reshape(-1)
        for level in self.levels:
            columns[f"lower_{level_name(level)}"] = self.lower[level].reshape(-1)
            columns[f"upper_{level_name(level)}"] = self.upper[level].reshape(-1)
        return columns

    def to_frame(self) -> Any:
        """A frame of the kind that was read, pandas or polars, in long form; the columns are those of `columns`."""
        from inorder.data.frames import make_frame

        return make_frame(self.columns(), self.history)

    def plot(self, series: int | str = 0, history: int | None = None) -> Any:
        """A matplotlib figure: the last part of the history, the forecast, its intervals. `figure.savefig("f.png")` or ".svg" saves it."""
        from inorder.plots import plot_forecast

        return plot_forecast(self, series, history)

    def __str__(self) -> str:
        return str(self.to_frame())


@dataclass(frozen=True, eq=False)
class Model(ABC):
    """The constants of one fitted series. Its fields are floats, whole numbers or arrays, so that it can be saved."""

    @abstractmethod
    def init(self) -> State:
        """The state before the first observation."""

    @abstractmethod
    def step(self, y: float, state: State) -> tuple[float, State]:
        """Take one observation (NaN: it is missing); return the forecast that had been made for it, and the next state."""

    @abstractmethod
    def forecast(self, state: State, horizon: int) -> Floats:
        """(horizon,) mean of the next observations."""

    def run(self, y: Values, state: State | None = None) -> tuple[Floats, State]:
        """`step` over a stretch: (time,) one-step forecasts (NaN where there is none yet) and the last state. Override with a faster equal."""
        state = self.init() if state is None else state
        fitted = np.empty(len(y))
        for t, value in enumerate(y.tolist()):
            fitted[t], state = self.step(value, state)
        return fitted, state

    def forecasts(self, y: Values, state: State, horizon: int) -> Floats:
        """(time, horizon) means along a stretch: row t is made just before y[t], so it forecasts y[t], y[t+1], … Override with a faster equal."""
        made = np.empty((len(y), horizon))
        for t, value in enumerate(y.tolist()):
            made[t] = self.forecast(state, horizon)
            _, state = self.step(value, state)
        return made

    def quantiles(self, state: State, horizon: int, probabilities: Floats) -> Floats | None:
        """(probabilities, horizon) of the predictive distribution where a formula is known, else None: then intervals are conformal."""
        return None

    def describe(self) -> dict[str, Any]:
        """The parameters under the names of the equation, for people."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def describe_state(self, state: State) -> dict[str, Any]:
        """What the last state adds to `describe`, under the names of the equation: the level reached, a slope that goes on learning."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """What a reader should know of these parameters, in plain sentences: a fit that is not stationary, …"""
        return ()


class FlatModel(Model):
    """A model whose forecast is the same number for every step ahead."""

    def forecasts(self, y: Values, state: State, horizon: int) -> Floats:
        return np.repeat(self.run(y, state)[0][:, None], horizon, axis=1)


@dataclass(frozen=True, kw_only=True)
class Forecaster(ABC):
    """Settings of a model; `fit` makes a `Fitted` and leaves the settings as they are.

    season_length: observations per season; None = that of the series.
    """

    season_length: int | None = None
    name: ClassVar[str]  # as in `inorder models forecast`

    @abstractmethod
    def fit(self, series: Any, *, seconds: float | None = None, progress: Progress | None = None) -> Fitted:
        """Fit to a Series, or to anything that `read_series` reads.

        seconds: time allowed.   progress: called with (done, all).
        Raises ForecastError where no series can be fitted, SeriesError for irregular sampling, BudgetError when the time is used up.
        """

    @abstractmethod
    def restore(self, history: Series, weights: Mapping[str, Any], errors: Mapping[str, str]) -> Fitted:
        """What `fit` had returned, from its history and its `weights()`.   Raises BundleError where they do not fit together."""

    def season_of(self, series: Series) -> int:
        """The season length that holds for `series`."""
        return series.season_length if self.season_length is None else check_season_length(self.season_length)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as plain JSON values: `type(self)(**settings)` makes an equal forecaster."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    @classmethod
    def setting_names(cls) -> list[str]:
        return [f.name for f in fields(cls) if f.init]

    def with_settings(self, settings: Mapping[str, Any]) -> Forecaster:
        """A copy with some settings changed; an unknown name is refused with a near miss."""
        for key in settings:
            if key not in self.setting_names():
                raise unknown(f"setting of {self.name}", key, self.setting_names())
        return replace(self, **settings)


@dataclass(frozen=True, eq=False)
class Fitted(ABC):
    """A fitted model: settings, parameters, and the history up to which it has seen the world. Nothing in it changes."""

    forecaster: Forecaster
    history: Series

    @property
    @abstractmethod
    def fitted_values(self) -> Values:
        """(rows,) forecast of each observation made one step before it, laid out as `history.values`; NaN where there was none."""

    @abstractmethod
    def predict(self, horizon: int, levels: Sequence[float] = DEFAULT_LEVELS, *, intervals: str = "auto") -> Forecast:
        """Forecast `horizon` steps ahead.

        levels: probabilities of the prediction intervals, each in (0, 1).
        intervals: "auto" (analytic where a formula exists, else split-conformal), "analytic" or "conformal".
        """

    @abstractmethod
    def update(self, new: Any) -> Fitted:
        """The same parameters with newer observations taken in, one by one. `new` continues the index of `history`."""

    @abstractmethod
    def stream(self, series: int | str = 0) -> Session:
        """A session that takes one observation at a time, in constant memory."""

    @abstractmethod
    def describe(self, series: int = 0) -> dict[str, Any]:
        """The fitted parameters of one series, under the names of the model's equation."""

    @abstractmethod
    def weights(self) -> dict[str, Any]:
        """Every number that `restore` needs beside the settings and the history, as named arrays."""

    @property
    def residuals(self) -> Values:
        """(rows,) observation minus its one-step forecast, laid out as `history.values`."""
        return self.history.values - self.fitted_values

    @property
    def errors(self) -> Mapping[str, str]:
        """Series id -> why it could not be fitted."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the fit, in plain sentences: parameters that are not stationary, …"""
        return ()

    def summary(self) -> str:
        """What was fitted, in a few lines."""
        from inorder.forecast.summary import summarise

        return summarise(self)

    def plot(self, horizon: int | None = None, levels: Sequence[float] = DEFAULT_LEVELS, series: int | str = 0) -> Any:
        """A matplotlib figure of the forecast; the horizon is two seasons, or 10 steps."""
        season = self.forecaster.season_of(self.history)
        return self.predict(horizon or (2 * season if season > 1 else 10), levels).plot(series)

    def bundle(self, **header: Any) -> Bundle:
        """Everything needed to run this model again, as a record; `header` adds entries to its model.json."""
        from inorder.bundle import Bundle
        from inorder.data.storing import series_arrays, series_header

        own = {"task": "forecast", "model": self.forecaster.name, "settings": self.forecaster.settings}
        own.update(series=series_header(self.history), errors=dict(self.errors))
        return Bundle({**own, **header}, {**self.weights(), **series_arrays(self.history)})

    def save(self, path: str | Path) -> Path:
        """Save as a bundle (a directory); `inorder.load(path)` gives an equal model back."""
        from inorder.bundle import write_bundle

        return write_bundle(path, self.bundle())

    def _new_rows(self, new: Any) -> Series:
        from inorder.data.series import extend

        return extend(self.history, new)


class Session(ABC):
    """A fitted model that takes one observation at a time, in constant memory."""

    @abstractmethod
    def step(self, y: float) -> float:
        """Take one observation (NaN: it is missing) and return the forecast of the next one."""

    @abstractmethod
    def predict(self, horizon: int) -> Floats:
        """(horizon,) mean of the next observations."""


class LocalSession(Session):
    """A session over one series of a local model."""

    def __init__(self, model: Model, state: State) -> None:
        self.model, self.state = model, state

    def step(self, y: float) -> float:
        if math.isinf(y):
            raise SeriesError(f"An observation is a finite number, or NaN where it is missing, not {y!r}.")
        _, self.state = self.model.step(float(y), self.state)
        return float(self.model.forecast(self.state, 1)[0])

    def predict(self, horizon: int) -> Floats:
        check_horizon(horizon)
        return self.model.forecast(self.state, horizon)


@dataclass(frozen=True, kw_only=True)
class LocalForecaster(Forecaster):
    """A forecaster that fits each series by itself."""

    model: ClassVar[type[Model]]

    @abstractmethod
    def fit_one(self, y: Values, season_length: int) -> Model:
        """The parameters for one series.   y: (time,), NaN = missing; begins with an observation. Raises ForecastError, saying what is missing."""

    def fit(self, series: Any, *, seconds: float | None = None, progress: Progress | None = None) -> LocalFitted:
        history = as_series(series)
        check_regular(history)
        deadline = None if seconds is None else time.monotonic() + seconds
        season = self.season_of(history)
        models: list[Model | None] = []
        errors: dict[str, str] = {}
        for i, y in enumerate(history):
            if deadline is not None and time.monotonic() > deadline:
                raise BudgetError(
                    f"{self.name} had fitted {i} of {len(history)} series when its {seconds:.1f} seconds were used up. Give it more time, with --budget."
                )
            try:
                models.append(self.fit_one(observed(y, history.ids[i]), season))
            except ForecastError as error:
                models.append(None)
                errors[history.ids[i]] = str(error)
            if progress:
                progress(i + 1, len(history))
        if len(errors) == len(history):
            first = next(iter(errors.values()))
            raise ForecastError(first if len(history) == 1 else f'{self.name} fits none of the {len(history)} series. "{history.ids[0]}": {first}')
        return LocalFitted(self, history, tuple(models), errors)

    def restore(self, history: Series, weights: Mapping[str, Any], errors: Mapping[str, str]) -> LocalFitted:
        for name in errors:
            if name not in history.ids:
                raise BundleError(f'The series "{name}" is said to have failed, but is not among those saved: {", ".join(history.ids[:20])}.')
        models = iter(unpack(self.model, weights, len(history) - len(errors)))
        return LocalFitted(self, history, tuple(None if name in errors else next(models) for name in history.ids), dict(errors))


def observed(y: Values, name: str) -> Values:
    """From the first observation on; ForecastError where there is none."""
    present = np.flatnonzero(~np.isnan(y))
    if len(present) == 0:
        raise ForecastError(f'Series "{name}" has no observation: all {len(y)} values are missing.')
    return y[present[0] :]


class Run(NamedTuple):
    """A model after one series.   fitted: (time,) one-step forecasts.   last: the last value known.   error: why `state` is not there."""

    fitted: Values
    state: State
    last: float
    error: str = ""

    @classmethod
    def of(cls, model: Model | None, y: Values) -> Run:
        present = np.flatnonzero(~np.isnan(y))
        begin = int(present[0]) if len(present) else len(y)  # a model begins with the first observation
        last = float(y[present[-1]]) if len(present) else math.nan
        if model is None:
            return cls(np.full(len(y), np.nan), None, last)
        try:
            fitted, state = model.run(y[begin:])
        except ForecastError as error:  # an observation that this model cannot take in came after the fit
            return cls(np.full(len(y), np.nan), None, last, str(error))
        return cls(np.concatenate([np.full(begin, np.nan), fitted]), state, last)


@dataclass(frozen=True, eq=False)
class LocalFitted(Fitted):
    """One `Model` per series; None where the series could not be fitted, and the last value stands in."""

    models: tuple[Model | None, ...]
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> Mapping[str, str]:
        return {**self.failures, **{name: run.error for name, run in zip(self.history.ids, self._runs, strict=True) if run.error}}

    @cached_property
    def _runs(self) -> list[Run]:
        return [Run.of(model, y) for model, y in zip(self.models, self.history, strict=True)]

    @property
    def fitted_values(self) -> Values:
        return np.concatenate([run.fitted for run in self._runs])

    def predict(self, horizon: int, levels: Sequence[float] = DEFAULT_LEVELS, *, intervals: str = "auto") -> Forecast:
        check_horizon(horizon)
        levels = check_levels(levels)
        if intervals not in ("auto", "analytic", "conformal"):
            raise unknown("kind of intervals", intervals, ("auto", "analytic", "conformal"))
        mean = np.empty((len(self.history), horizon))
        bounds = np.full((len(self.history), 2 * len(levels), horizon), np.nan)  # lower and upper of each level in turn
        kinds: set[str] = set()
        errors = dict(self.errors)
        if len(errors) == len(self.history):  # observations that came after the fit cannot be taken in
            raise ForecastError(next(iter(errors.values())))
        for i, (model, run) in enumerate(zip(self.models, self._runs, strict=True)):
            if model is None or run.error:
                mean[i] = run.last
                errors[self.history.ids[i]] += " It has no forecast." if math.isnan(run.last) else " Its last value stands in."
                continue
            mean[i] = model.forecast(run.state, horizon)
            try:
                bounds[i], kind = self._bounds(i, model, run.state, mean[i], levels, intervals)
                kinds.update(kind.split(" and "))
            except ForecastError as error:
                errors[self.history.ids[i]] = str(error)
        shape = mean.shape if self.history.panel else (horizon,)
        return Forecast(
            mean=mean.reshape(shape),
            lower={level: bounds[:, 2 * k].reshape(shape) for k, level in enumerate(levels)},
            upper={level: bounds[:, 2 * k + 1].reshape(shape) for k, level in enumerate(levels)},
            index=self.history.future_index(horizon).reshape(shape),
            history=self.history,
            model=self.forecaster.name,
            intervals=" and ".join(sorted(kinds)) if levels and kinds else "none",
            errors=errors,
        )

    def _bounds(self, i: int, model: Model, state: State, mean: Floats, levels: tuple[float, ...], intervals: str) -> tuple[Floats, str]:
        """(2 · levels, horizon) the bounds for series `i`, and their kind.   Raises ForecastError where nothing is known about its errors."""
        exact = None if intervals == "conformal" else model.quantiles(state, len(mean), tail_probabilities(levels))
        if exact is None and intervals == "analytic":
            raise ConfigError(f'No formula is known for the intervals of {self.forecaster.name} with these settings. Use intervals="conformal".')
        if exact is not None or not levels:
            return _finite(np.empty((0, len(mean))) if exact is None else exact), "analytic"
        radii, kind = conformal_radii(self._errors_ahead(i, len(mean)), levels)
        with np.errstate(over="ignore"):
            return _finite(mean + radii), kind

    def _errors_ahead(self, i: int, horizon: int) -> Floats:
        """(origins, horizon) errors of forecasts made inside the last part of series `i` by a model fitted to what came before; NaN where not known."""
        y = observed(self.history.y(i), self.history.ids[i])
        count = min(max(len(y) // 3, 24), len(y) // 2, 200)  # origins in the calibration part; the same for every horizon
        cut = len(y) - count
        assert isinstance(self.forecaster, LocalForecaster)
        try:
            model = self.forecaster.fit_one(y[:cut], self.forecaster.season_of(self.history))
        except ForecastError:  # too short to hold a part back: one-step residuals of the whole
            residuals = self.history.y(i) - self._runs[i].fitted
            return np.column_stack([residuals, np.full((len(residuals), horizon - 1), np.nan)])
        _, state = model.run(y[:cut])
        padded = np.concatenate([y[cut:], np.full(horizon, np.nan)])
        came = np.lib.stride_tricks.sliding_window_view(padded, horizon)[:count]
        return np.asarray(came - model.forecasts(y[cut:], state, horizon))

    def update(self, new: Any) -> LocalFitted:
        return replace(self, history=self._new_rows(new))

    def stream(self, series: int | str = 0) -> LocalSession:
        i = self.history.ids.index(series) if isinstance(series, str) and series in self.history.ids else series
        if not isinstance(i, int | np.integer) or not -len(self.history) <= i < len(self.history):
            raise unknown("series", str(series), self.history.ids[:20])
        model, name = self.models[i], self.history.ids[i]
        if model is None or self._runs[i].error:
            raise ForecastError(f'Series "{name}" could not be fitted: {self.errors[name]}')
        return LocalSession(model, self._runs[i].state)

    def describe(self, series: int = 0) -> dict[str, Any]:
        model, run = self.models[series], self._runs[series]
        return {} if model is None else {**model.describe(), **({} if run.error else model.describe_state(run.state))}

    @property
    def notes(self) -> tuple[str, ...]:
        found = {name: model.notes() for name, model in zip(self.history.ids, self.models, strict=True) if model is not None}
        return tuple(f"{name}: {note}" if self.history.panel else note for name, notes in found.items() for note in notes)

    def weights(self) -> dict[str, Any]:
        errors = self.errors
        models = [model for name, model in zip(self.history.ids, self.models, strict=True) if model is not None and name not in errors]
        if not models:
            raise ForecastError(next(iter(errors.values())))
        return pack(models)


def _finite(bounds: Floats) -> Floats:
    """Bounds beyond the range of floats, at the end of that range."""
    limit = np.finfo(np.float64).max
    return np.clip(bounds, -limit, limit)


def check_regular(series: Series) -> None:
    """Refuse irregular sampling, with a spacing that would do."""
    if series.frequency is not None:
        return
    dated = series.index.dtype.kind == "M"
    if series.lengths.max(initial=0) < 2:
        rows = f"{len(series):,} series of one row" if len(series) > 1 else "one row"
        raise SeriesError(
            f"{series.source} has {rows}, so the spacing is not known. Say it, for example with --frequency {'monthly' if dated else 'step'}, "
            "or `frequency=` in Python."
        )
    gaps = np.concatenate([np.diff(series.stamps(i)).astype(np.float64) for i in range(len(series))])  # microseconds where stamps are dates
    typical = max(float(np.median(gaps)), float(np.mean(gaps)) / 4)  # so that three rows of four at most are empty
    if dated:
        seconds = typical / 1e6
        size, unit = next((size, unit) for size, unit in ((604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "min"), (0, "s")) if seconds >= size)
        every = f"{max(1, round(seconds / max(size, 1)))}{unit}"
    else:
        every = f"{typical:.1g}"
    raise SeriesError(
        f"{series.source} has irregular stamps; forecasting needs an even spacing. Put it on a grid, for example --every {every}, or `every=` in Python."
    )


def check_horizon(horizon: int) -> None:
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise ConfigError(f"`horizon` is a whole number of steps, 1 or more, not {horizon!r}.")


def check_whole(name: str, value: Any, least: int) -> int:
    """A setting that is a whole number of at least `least`.   Raises ConfigError, naming it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConfigError(f"`{name}` is a whole number, {least} or more, not {value!r}.")
    return int(value)


def pack(models: Sequence[Model]) -> dict[str, Any]:
    """Many small records of numbers as a few flat arrays: `model.alpha` holds every alpha one after the other, `model.alpha.shape` their shapes."""
    arrays: dict[str, Any] = {}
    for f in fields(models[0]):
        values = [np.asarray(getattr(model, f.name)) for model in models]
        values = [value.astype(np.float64) if value.dtype.kind == "f" else value.astype(np.int64) for value in values]
        arrays[f"model.{f.name}"] = np.concatenate([value.reshape(-1) for value in values])
        arrays[f"model.{f.name}.shape"] = np.array([value.shape for value in values], dtype=np.int64).reshape(len(values), -1)
    return arrays


def unpack(kind: type[Model], arrays: Mapping[str, Any], count: int) -> list[Model]:
    """The inverse of `pack`.   Raises BundleError where the arrays do not hold `count` models."""
    columns: list[list[Any]] = []
    for f in fields(kind):
        try:
            flat, shapes = arrays[f"model.{f.name}"], arrays[f"model.{f.name}.shape"]
        except KeyError as error:
            raise BundleError(f"The weights have no array {error}.") from None
        if flat.ndim != 1 or flat.dtype.kind not in "if" or shapes.ndim != 2 or shapes.dtype.kind != "i" or len(shapes) != count or (shapes < 0).any():
            found = f"{flat.dtype} {flat.shape} and {shapes.dtype} {shapes.shape}"
            raise BundleError(f'The arrays "model.{f.name}" and "model.{f.name}.shape" do not hold {count} series: they are {found}.')
        sizes = [math.prod(shape) for shape in shapes.tolist()]  # exact: a hostile shape cannot overflow
        if sum(sizes) != len(flat):
            raise BundleError(f'The array "model.{f.name}" has {len(flat)} numbers; {sum(sizes)} were expected.')
        pieces = np.split(flat, np.cumsum(sizes)[:-1])
        columns.append([piece.reshape(shape) if len(shape) else piece[0].item() for piece, shape in zip(pieces, shapes, strict=True)])
    return [kind(*(column[i] for column in columns)) for i in range(count)]
