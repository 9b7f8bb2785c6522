"""What every forecaster shares: settings are fitted to a series, and what was fitted predicts.

    Forecaster --fit(series)--> Fitted --predict(horizon, levels)--> Forecast

A classical model is a recurrence over one series (a `Model`): its parameters are constants, its memory is a state,

    state₀ = init()            forecast of yₜ, stateₜ = step(yₜ, stateₜ₋₁)

and `run` is the fast path over a whole stretch that gives the same numbers, as `forecasts` is for the forecasts made along it.
From these come the residuals, the forecasts, point-in-time updates, streaming and backtests, for every model alike.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from inorder.data.series import Series, check_season_length
from inorder.errors import ConfigError, ForecastError, SeriesError, unknown
from inorder.metrics.score import level_name
from inorder.typing import Floats, Index, Mean, Values

if TYPE_CHECKING:
    from inorder.bundle import Bundle

State = Any
Progress = Callable[[int, int], None]  # series done, series in all
DEFAULT_LEVELS = (0.8, 0.95)
INTERVALS = ("auto", "analytic", "simulated", "bootstrap", "conformal", "adaptive")


@dataclass(frozen=True, eq=False)
class Forecast:
    """A forecast with its prediction intervals.

    mean: (horizon,) for one series, (series, horizon) for a panel; the median where a model's docstring says so.
    lower, upper: level -> array like `mean`; `lower[0.8]` and `upper[0.8]` enclose a new observation with probability 0.8.
    index: stamps, like `mean`.   ids: one per series.   history: the series that it continues.   model: its name.
    intervals: "analytic", "simulated", "bootstrap", "conformal", "adaptive", "normal" or some of them ("analytic and conformal"): how the
        intervals were made; "none" where there are none.
    samples: (paths, horizon) sample paths, (series, paths, horizon) for a panel, where they were asked for.
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
    samples: Floats | None = None

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
        """The forecast as named columns in long form: id (for a panel), time, mean, lower_80, upper_80, …, sample_1, …"""
        names, horizon = self.history.names, self.horizon
        columns: dict[str, Any] = {names.id: np.repeat(self.ids, horizon)} if self.history.panel else {}
        columns[names.time] = self.index.reshape(-1)
        columns["mean"] = self.mean.reshape(-1)
        for level in self.levels:
            columns[f"lower_{level_name(level)}"] = self.lower[level].reshape(-1)
            columns[f"upper_{level_name(level)}"] = self.upper[level].reshape(-1)
        if self.samples is not None:
            columns |= {f"sample_{k + 1}": self.samples[..., k, :].reshape(-1) for k in range(self.samples.shape[-2])}
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
    """The constants of one fitted series. Its fields are floats, whole numbers or arrays, so that it can be saved (or models: `packing.CompositeModel`)."""

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
        """(probabilities, horizon) of the predictive distribution where it is known, else None: then intervals are conformal."""
        return None

    @property
    def interval_kind(self) -> str:
        """How `quantiles` come about: "analytic" by a formula, "simulated" from paths that are drawn with a fixed seed."""
        return "analytic"

    def innovations(self, y: Values, fitted: Values) -> Values:
        """(time,) the errors as the model counts them, from observations and their one-step forecasts: differences, or shares where they are factors."""
        return y - fitted

    def simulate(self, state: State, horizon: int, innovations: Floats) -> Floats:
        """(paths, horizon) what comes when the errors to come are `innovations`, (paths, horizon). Override with a faster equal."""
        paths = np.empty((len(innovations), horizon))
        for path, errors in zip(paths, innovations.tolist(), strict=True):
            now = state
            for h, error in enumerate(errors[:horizon]):
                path[h] = self.forecast(now, 1)[0] + error
                _, now = self.step(float(path[h]), now)
        return paths

    def regression(self) -> Floats:
        """(covariates,) coefficients of the future covariates. Their part is taken off before `run` and `step`, and put back on forecasts."""
        return np.zeros(0)

    def coefficients(self) -> dict[str, float]:
        """The estimated coefficients by name."""
        return {}

    def standard_errors(self) -> dict[str, float]:
        """Their standard errors by the same names, as far as they are known."""
        return {}

    def describe(self) -> dict[str, Any]:
        """The parameters under the names of the equation, for people."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def describe_state(self, state: State) -> dict[str, Any]:
        """What the last state adds to `describe`, under the names of the equation: the level reached, a slope that goes on learning."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """What a reader should know of these parameters, in plain sentences: a fit that is not stationary, …"""
        return ()


@dataclass(frozen=True, eq=False)
class LikelihoodModel(Model):
    """A model fitted by maximum likelihood.

        AIC = −2·loglik + 2·k      AICc = AIC + 2·k·(k + 1)/(n − k − 1)      BIC = −2·loglik + k·log n

    loglik: at the estimates.   estimated: k, every number that was estimated: variances and coefficients, and, in a state space model, each element of
    the first state of which nothing was known.   observations: n, those in the likelihood; the ones that such elements are learnt from count.
    Criteria compare models of the same observations: those of a differenced series have lost some.
    Source: Durbin & Koopman 2012, Time Series Analysis by State Space Methods, 2nd ed., §7.4.
    """

    loglik: float
    estimated: int
    observations: int

    def criterion(self, name: str) -> float:
        """ "aic", "aicc" or "bic"; AICc is infinite where n is at most k + 1."""
        return information_criterion(name, self.loglik, self.estimated, self.observations)


def information_criterion(name: str, loglik: float, k: int, n: int) -> float:
    """ "aic", "aicc" or "bic" of k estimated numbers and n observations, as in `LikelihoodModel`.

    >>> [information_criterion(name, -10.0, 2, 20) for name in ("aic", "aicc")], information_criterion("aicc", -10.0, 2, 3)
    ([24.0, 24.705882352941178], inf)
    """
    aic = 2.0 * k - 2 * loglik
    if name == "bic":
        return aic + k * (math.log(n) - 2) if n else math.inf
    return aic if name == "aic" else aic + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.inf


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
    gradual: ClassVar[bool] = False  # a fit that ends early is a model all the same, and more time makes a better one

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
    def predict(self, horizon: int, levels: Sequence[float] = DEFAULT_LEVELS, *, intervals: str = "auto", samples: int = 0, seed: int = 0) -> Forecast:
        """Forecast `horizon` steps ahead.

        levels: probabilities of the prediction intervals, each in (0, 1).
        intervals: "auto" (from a formula or the model's own simulation where there is one, else split-conformal), "analytic", "simulated" (paths with
            normal errors), "bootstrap" (paths with errors of the history), "conformal", or "adaptive" (conformal, with levels that learn from misses).
        samples: how many sample paths to return in `Forecast.samples`; their errors are those of the history where intervals="bootstrap", else normal.
        seed: for whatever is drawn.
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

    def diagnose(self, series: int | str = 0) -> Any:
        """What is wrong with the fit of one series and what to try, in sentences: a `Diagnosis`."""
        from inorder.forecast.diagnosis import diagnose

        return diagnose(self, series)

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


class Estimates:
    """What was estimated, from the models of a fit: one value for one series, (series,) or one a series for a panel, NaN where one could not be fitted."""

    forecaster: Forecaster
    history: Series
    models: tuple[Any, ...]

    @property
    def loglik(self) -> Any:
        """The log-likelihood at the estimates.   Raises ForecastError, as the criteria do, for a model that is fitted otherwise."""
        return self._of_each(lambda model: model.loglik)

    @property
    def aic(self) -> Any:
        """Akaike's criterion, −2·loglik + 2·k."""
        return self._of_each(lambda model: model.criterion("aic"))

    @property
    def aicc(self) -> Any:
        """Akaike's criterion corrected for short series."""
        return self._of_each(lambda model: model.criterion("aicc"))

    @property
    def bic(self) -> Any:
        """Schwarz's criterion, −2·loglik + k·log n."""
        return self._of_each(lambda model: model.criterion("bic"))

    @property
    def order(self) -> Any:
        """The order, as in the `describe` of the model; for a panel a tuple of them."""
        orders = tuple(None if model is None else model.describe().get("order") for model in self.models)
        if all(order is None for order in orders):
            raise ForecastError(f"{self.forecaster.name} has no order.")
        return orders if self.history.panel else orders[0]

    @property
    def coefficients(self) -> Any:
        """Name -> estimate; for a panel a tuple of them, {} where a series could not be fitted."""
        return self._named("coefficients")

    @property
    def standard_errors(self) -> Any:
        """Name -> standard error of the estimate, as far as they are known; for a panel a tuple of them."""
        return self._named("standard_errors")

    def _named(self, what: str) -> Any:
        found: tuple[dict[str, float], ...] = tuple({} if model is None else dict(getattr(model, what)()) for model in self.models)
        return found if self.history.panel else found[0]

    def _of_each(self, read: Callable[[Any], float]) -> Any:
        if not all(model is None or hasattr(model, "loglik") for model in self.models):
            raise ForecastError(f"{self.forecaster.name} is not fitted by maximum likelihood, so it has no log-likelihood and no criterion.")
        values = np.array([math.nan if model is None else float(read(model)) for model in self.models])
        return values if self.history.panel else float(values[0])


def check_request(horizon: int, levels: Sequence[float], intervals: str, samples: int) -> tuple[float, ...]:
    """The levels in order, after a look at all that `Fitted.predict` is asked for.   Raises ConfigError for what is out of range or unknown."""
    from inorder.forecast.intervals import check_levels

    check_horizon(horizon)
    levels = check_levels(levels)
    check_whole("samples", samples, 0)
    if intervals not in INTERVALS:
        raise unknown("kind of intervals", intervals, INTERVALS)
    return levels


def made_forecast(
    fitted: Fitted, mean: Floats, bounds: Floats, levels: tuple[float, ...], index: Index, intervals: str, errors: Mapping[str, str], drawn: Floats
) -> Forecast:
    """What `Fitted.predict` returns, from arrays that have a row a series.

    mean: (series, horizon).   bounds: (series, 2 · levels, horizon) lower and upper of each level in turn.   index: (series, horizon).
    intervals: how they came about.   drawn: (series, paths, horizon), no paths where none were asked for.
    """
    panel = fitted.history.panel
    shape = mean.shape if panel else mean.shape[1:]
    return Forecast(
        mean=mean.reshape(shape),
        lower={level: bounds[:, 2 * k].reshape(shape) for k, level in enumerate(levels)},
        upper={level: bounds[:, 2 * k + 1].reshape(shape) for k, level in enumerate(levels)},
        index=index.reshape(shape),
        history=fitted.history,
        model=fitted.forecaster.name,
        intervals=intervals if levels else "none",
        errors=errors,
        samples=(drawn if panel else drawn[0]) if drawn.shape[1] else None,
    )


class Session(ABC):
    """A fitted model that takes one observation at a time, in constant memory."""

    @abstractmethod
    def step(self, y: float) -> float:
        """Take one observation (NaN: it is missing) and return the forecast of the next one."""

    @abstractmethod
    def predict(self, horizon: int) -> Floats:
        """(horizon,) mean of the next observations."""


def check_regular(series: Series) -> None:
    """Refuse irregular sampling, with a spacing that would do."""
    check_spaced(series)
    if series.frequency is None:
        raise SeriesError(
            f"{series.source} has irregular stamps; forecasting needs an even spacing. Put it on a grid, for example --every {spacing(series)}, or `every=` in "
            "Python; or fit a model that takes the times as they are: inorder fit forecast … --model continuous-time."
        )


def check_spaced(series: Series) -> None:
    """Refuse single rows, which have neither an even nor an uneven spacing."""
    if series.frequency is None and series.lengths.max(initial=0) < 2:
        rows = f"{len(series):,} series of one row" if len(series) > 1 else "one row"
        frequency = "monthly" if series.index.dtype.kind == "M" else "step"
        raise SeriesError(
            f"{series.source} has {rows}, so the spacing is not known. Say it, for example with --frequency {frequency}, or `frequency=` in Python."
        )


def spacing(series: Series) -> str:
    """A spacing, as `--every` takes it, at which three rows of four at most would be empty."""
    gaps = np.concatenate([np.diff(series.stamps(i)).astype(np.float64) for i in range(len(series))])  # microseconds where stamps are dates
    typical = max(float(np.median(gaps)), float(np.mean(gaps)) / 4)
    if series.index.dtype.kind != "M":
        return f"{typical:.1g}"
    seconds = typical / 1e6
    size, unit = next((size, unit) for size, unit in ((604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "min"), (0, "s")) if seconds >= size)
    return f"{max(1, round(seconds / max(size, 1)))}{unit}"


def check_horizon(horizon: int) -> None:
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise ConfigError(f"`horizon` is a whole number of steps, 1 or more, not {horizon!r}.")


def check_whole(name: str, value: Any, least: int) -> int:
    """A setting that is a whole number of at least `least`.   Raises ConfigError, naming it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConfigError(f"`{name}` is a whole number, {least} or more, not {value!r}.")
    return int(value)
