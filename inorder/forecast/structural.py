"""Structural time series: a level, a slope, a season, a cycle, an autoregression, each moved by its own disturbances, and effects of covariates and events.

    y[t] = level[t] + season[t] + cycle[t] + ar[t] + β·x[t] + ε[t],            ε ~ N(0, σ²ε)
    level[t+1] = level[t] + slope[t] + ξ[t],     slope[t+1] = φ·slope[t] + ζ[t]
    season: dummy   s[t+1] = −(s[t] + … + s[t−m+2]) + ω[t];     trigonometric   harmonics turn by 2π·j/m, each with its ω[t]
    cycle: (c, c*) turns by λ and shrinks by ρ, with κ[t];      ar: a[t+1] = φ₁·a[t] + … + φₚ·a[t−p+1] + ν[t]

Variances, φ, ρ, λ, φ₁ … φₚ and β maximise the exact likelihood, with a diffuse start of level, slope and season. The state is the Kalman
filter's: a mean and a covariance. Forecasts are its prediction; the intervals are normal and take the parameters for known.

Source: Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter, ch. 2, 4, 7; Durbin & Koopman 2012, Time Series Analysis by
State Space Methods, 2nd ed., ch. 3, 5, 7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from inorder.data.series import Series, as_series
from inorder.errors import ConfigError, ForecastError, unknown
from inorder.forecast.base import LikelihoodModel, Progress, check_whole
from inorder.forecast.components import Components
from inorder.forecast.intervals import check_levels, normal_quantiles, power_of_two
from inorder.forecast.local import LocalFitted, LocalForecaster
from inorder.kernels.kalman import Filtered, System, kalman_filters, kalman_smoothers
from inorder.kernels.structural import DAMPED, DUMMY, FIXED, LINEAR, NO_SEASON, NONE, SMOOTH, TRIGONOMETRIC, Estimate, Kind, fit, matrices
from inorder.typing import Floats, Values

TRENDS = {None: NONE, "local linear": LINEAR, "smooth": SMOOTH, "damped": DAMPED}
SEASONS = {None: NO_SEASON, "dummy": DUMMY, "trigonometric": TRIGONOMETRIC}
EVENTS = ("level", "pulse", "slope")
VARIANCES = ("irregular", "level", "slope", "seasonal", "cycle", "autoregression")
ALL_HARMONICS = 24  # the longest season whose harmonics are all taken unasked
FEW_HARMONICS = 6  # of a longer one
MOST_STATES = 150
LARGEST = float(np.finfo(np.float64).max)
SETTLED = 1e4  # the state is known where none of its variances is larger, in variances of the next observation
VAGUE = 1.0  # an early forecast with a larger variance, in squared units of the spread of y, says nothing
MOST_ROWS = 2000  # that a state carries until it is known


class StructuralState(NamedTuple):
    """mean: (states,), covariance: (states, states) of the state of the next step, inside the model's units.   directions: (k, states) about which
    nothing is known yet.   time: steps so far.   early: (time,) the observations so far, inside, for as long as they have hardly told the harmonics of a
    long season apart: a covariance has too few digits to go on from then.
    """

    mean: Floats
    covariance: Floats
    directions: Floats
    time: int
    early: Values


@dataclass(frozen=True, eq=False)
class StructuralModel(LikelihoodModel):
    """kind: (10,) as `inorder.kernels.structural.Kind`.   parameters, errors: six variances, φ, ρ, λ, φ₁ … φₚ, and their standard errors, inside.
    unit, centre, spread: inside, y is (y/unit − centre)/spread.   beta, beta_errors: (covariates,) in units of y.
    events, rows: (events,) the kind of each (its place among level, pulse and slope) and its row, counted from the first observation.
    effects, effect_errors: (events,) in units of y.   correlation: (covariates + events,) * 2 of the doubts in β and the effects.
    """

    kind: Floats
    parameters: Floats
    errors: Floats
    unit: float
    centre: float
    spread: float
    beta: Floats
    beta_errors: Floats
    events: Floats
    rows: Floats
    effects: Floats
    effect_errors: Floats
    correlation: Floats

    @cached_property
    def form(self) -> Kind:
        return Kind(*(value if name in ("shortest", "longest") else int(value) for name, value in zip(Kind._fields, self.kind.tolist(), strict=True)))

    @cached_property
    def system(self) -> System:
        return matrices(self.form, self.parameters)

    def init(self) -> StructuralState:
        return StructuralState(self.system.mean, self.system.covariance, self.system.directions, 0, np.empty(0))

    def step(self, y: float, state: StructuralState) -> tuple[float, StructuralState]:
        fitted, after = self.run(np.array([y]), state)
        return float(fitted[0]), after

    def run(self, y: Values, state: StructuralState | None = None) -> tuple[Floats, StructuralState]:
        before = self.init() if state is None else state
        done, values = self._filter(y, before, ("forecast", "forecast_covariance"))
        rows = slice(len(values) - len(y), None)
        forecast, variance = done.forecast[rows, 0], done.forecast_covariance[rows, 0, 0]
        known = np.isfinite(variance)  # nothing is known before all states were seen
        if self._alike:
            known &= (variance <= VAGUE) | (before.time + np.arange(len(y)) >= self._alike_rows)
        fitted = np.where(known, forecast, np.nan)
        after = self.system._replace(mean=done.last, covariance=done.last_covariance, directions=done.remaining)
        time = before.time + len(y)
        unsettled = self._alike and time == len(values) <= MOST_ROWS and (time < self._alike_rows or not self._settled(after))
        return self._outside(fitted, before.time), StructuralState(*after[-3:], time, values if unsettled else np.empty(0))

    def forecast(self, state: StructuralState, horizon: int) -> Floats:
        weights = self._weights(horizon)
        unseen = np.abs(weights @ state.directions.T).max(axis=1, initial=0.0) > 1e-8
        return self._outside(np.where(unseen, np.nan, (weights * state.mean).sum(axis=1)), state.time)

    def forecasts(self, y: Values, state: StructuralState, horizon: int) -> Floats:
        done, values = self._filter(y, state, ("predicted",))
        first = len(values) - len(y)
        weights = self._weights(horizon)
        made = done.predicted[first : len(values)] @ weights.T
        diffuse = np.einsum("hi,tij,hj->th", weights, done.diffuse_covariance[first:], weights)
        made[: len(diffuse)][diffuse > 1e-16] = np.nan
        events = self._event_effects(state.time, len(y) + horizon)
        ahead = np.lib.stride_tricks.sliding_window_view(events, horizon)[: len(y)] if horizon else np.empty((len(y), 0))
        return self._units(made + ahead)

    def quantiles(self, state: StructuralState, horizon: int, probabilities: Floats) -> Floats | None:
        deviation = np.sqrt(np.maximum(self._variances(state, horizon), 0.0))
        inside = (self._weights(horizon) * state.mean).sum(axis=1) + self._event_effects(state.time, horizon)
        return self._units(normal_quantiles(inside, deviation, probabilities))

    def simulate(self, state: StructuralState, horizon: int, innovations: Floats) -> Floats:
        system, (mean, covariance, *_) = self.system, state
        z, T, noise = system.design[0, 0], system.transition[0], float(system.observation_covariance[0, 0, 0])
        means, paths = np.repeat(mean[None], len(innovations), axis=0), np.empty((len(innovations), horizon))
        errors = innovations / self.unit / self.spread
        for h in range(horizon):
            variance = float(z @ covariance @ z) + noise
            gain = covariance @ z / variance if variance > 0 else np.zeros(len(z))
            paths[:, h] = means @ z + errors[:, h]
            means = (means + errors[:, h, None] * gain) @ T.T
            covariance = T @ (covariance - np.outer(gain, gain) * variance) @ T.T + system.state_covariance[0]
        return self._units(paths + self._event_effects(state.time, horizon))

    def smooth(self, y: Values) -> tuple[Values, Values]:
        """(time,) mean and standard deviation of a new observation at every row, given all of y, without the part of covariates."""
        back = kalman_smoothers([self._inside(y, 0)], [self.system], outputs=("state", "state_covariance"))[0][1]
        design, noise = self.system.design[0, 0], float(self.system.observation_covariance[0, 0, 0])
        variance = np.einsum("i,tij,j->t", design, back.state_covariance, design) + noise
        return self._outside(back.state @ design, 0), np.sqrt(np.maximum(variance, 0.0)) * self.spread * self.unit

    def regression(self) -> Floats:
        return self.beta

    def coefficients(self) -> dict[str, float]:
        return self._named(self.parameters, self.beta, self.effects)

    def standard_errors(self) -> dict[str, float]:
        return {name: error for name, error in self._named(self.errors, self.beta_errors, self.effect_errors).items() if math.isfinite(error)}

    def notes(self) -> tuple[str, ...]:
        """Which covariates and events have no coefficient of their own."""
        covariates = [f"covariate {j + 1}" for j in np.flatnonzero(np.isnan(self.beta_errors) & (self.beta == 0))]
        events = [event_name(self, int(j)) for j in np.flatnonzero(np.isnan(self.effect_errors) & (self.effects == 0))]
        if not covariates and not events:
            return ()
        order = ", in the order of names" if covariates else ""
        return (f"Left out, because the others, or the level and the season, already say the same: {', '.join(covariates + events)}{order}.",)

    def deviation(self, columns: Floats, first: int) -> Floats:
        """(time,) standard deviation of what the coefficients from the `first` on explain, by their columns; those left out are in no doubt.

        NaN where nothing is known of the doubt.
        """
        chosen = slice(first, first + columns.shape[1])
        errors = np.concatenate([self.beta_errors, self.effect_errors])[chosen]
        used = np.isfinite(errors)
        if not used.any():
            return np.full(len(columns), np.nan)
        weights = columns[:, used] * errors[used]
        size = power_of_two(weights)
        weights = weights / size
        variance = np.einsum("ti,ij,tj->t", weights, self.correlation[chosen, chosen][np.ix_(used, used)], weights)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)) * size)

    def _named(self, parameters: Floats, beta: Floats, effects: Floats) -> dict[str, float]:
        """Variances in squared units of y, and all the rest, by name."""
        kind, size = self.form, self.unit * self.spread
        values = parameters.tolist()
        named = {f"variance_{name}": values[VARIANCES.index(name)] * size * size for name in present(kind)}
        if kind.trend == DAMPED:
            named["damping"] = values[6]
        if kind.cycle:
            named["cycle_damping"], named["cycle_frequency"] = values[7], values[8]
        named.update({f"ar_{j + 1}": value for j, value in enumerate(values[FIXED:])})
        named.update({f"beta_{j + 1}": value for j, value in enumerate(beta.tolist())})
        named.update({f"{event_name(self, j)}": value for j, value in enumerate(effects.tolist())})
        return named

    def describe(self) -> dict[str, Any]:
        kind, size = self.form, self.unit * self.spread
        described: dict[str, Any] = {f"sigma {name}": math.sqrt(self.parameters[VARIANCES.index(name)]) * size for name in present(kind)}
        if kind.seasonal == TRIGONOMETRIC:
            described["harmonics"] = kind.harmonics
        if kind.trend == DAMPED:
            described["phi"] = float(self.parameters[6])
        if kind.cycle:
            described["cycle period"] = 2 * math.pi / float(self.parameters[8])
            described["cycle damping"] = float(self.parameters[7])
        if kind.order:
            described["ar"] = self.parameters[FIXED:]
        for j, effect in enumerate(self.effects.tolist()):
            described[event_name(self, j)] = effect
        return described

    def describe_state(self, state: StructuralState) -> dict[str, Any]:
        size = self.spread * self.unit
        level = {"level": float((state.mean[0] * self.spread + self.centre) * self.unit)}
        return {**level, "slope": float(state.mean[1] * size)} if self.form.trend != NONE else level

    @property
    def _alike(self) -> bool:
        """Whether places of the season look alike at first: few harmonics of a long one are all but a polynomial of time over the first rows."""
        return self.form.seasonal == TRIGONOMETRIC and self.form.season_states < self.form.season_length - 1

    @property
    def _alike_rows(self) -> int:
        """After how many rows they mostly do not any more."""
        return 2 * (self.form.season_length + self.form.states)

    def _settled(self, start: System) -> bool:
        """Whether the state is known so well that its covariance has digits enough to go on from."""
        z, noise = start.design[0, 0], float(start.observation_covariance[0, 0, 0])
        largest = float(np.diag(start.covariance).max())
        return len(start.directions) == 0 and largest <= SETTLED * (float(z @ start.covariance @ z) + noise)

    def _filter(self, y: Values, state: StructuralState, outputs: tuple[str, ...]) -> tuple[Filtered, Values]:
        """The filter over the early observations that a state carries and over y, and both of them, inside."""
        values, start = self._inside(y, state.time), self.system
        if len(state.early):
            values = np.concatenate([state.early, values])
        else:
            start = start._replace(mean=state.mean, covariance=state.covariance, directions=state.directions)
        return kalman_filters([values], [start], outputs=outputs)[0], values

    def _inside(self, y: Values, time: int) -> Values:
        return (y / self.unit - self.centre) / self.spread - self._event_effects(time, len(y))

    def _outside(self, values: Floats, time: int) -> Floats:
        return self._units(values + self._event_effects(time, len(values)))

    def _units(self, values: Floats) -> Floats:
        """From inside to the units of y; a number beyond the range of floats is the end of that range."""
        with np.errstate(over="ignore"):
            return np.asarray(np.clip((values * self.spread + self.centre) * self.unit, -LARGEST, LARGEST))

    def _event_effects(self, time: int, count: int) -> Floats:
        """(count,) what the events add, inside, from step `time` on."""
        if len(self.events) == 0:
            return np.zeros(count)
        return event_columns(self.events, self.rows, time, count) @ (self.effects / self.unit / self.spread)

    def _weights(self, horizon: int) -> Floats:
        """(horizon, states) Z·T^h, h = 0, …: what the state of the next step is for each forecast."""
        weights = np.empty((horizon, len(self.system.mean)))
        row = self.system.design[0, 0]
        for h in range(horizon):
            weights[h] = row
            row = row @ self.system.transition[0]
        return weights

    def _variances(self, state: StructuralState, horizon: int) -> Floats:
        """(horizon,) of the observations to come, inside."""
        z, T, covariance = self.system.design[0, 0], self.system.transition[0], state.covariance
        variances = np.empty(horizon)
        for h in range(horizon):
            variances[h] = z @ covariance @ z + self.system.observation_covariance[0, 0, 0]
            covariance = T @ covariance @ T.T + self.system.state_covariance[0]
        return variances


def present(kind: Kind) -> list[str]:
    """The variances that a kind of model has.

    >>> present(Kind(trend=SMOOTH))
    ['irregular', 'slope']
    """
    there = (kind.irregular, kind.level and kind.trend != SMOOTH, kind.trend != NONE, kind.seasonal != NO_SEASON, kind.cycle, kind.order)
    return [name for name, has in zip(VARIANCES, there, strict=True) if has]


def event_name(model: StructuralModel, j: int) -> str:
    return f"{EVENTS[int(model.events[j])]}_at_{int(model.rows[j])}"


def event_columns(events: Floats, rows: Floats, time: int, count: int) -> Floats:
    """(count, events) from step `time` on: a level is 1 from its row on, a pulse in its row alone, a slope 1, 2, 3, … from its row on.

    >>> event_columns(np.array([0, 1, 2]), np.array([1, 1, 1]), 0, 3).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0, 2.0]]
    """
    since = (time + np.arange(count))[:, None] - rows[None, :]
    columns = np.select([events == 0, events == 1], [since >= 0, since == 0], np.maximum(since + 1, 0))
    return np.asarray(columns, dtype=np.float64)


@dataclass(frozen=True)
class Structural(LocalForecaster):
    """A level, a slope, a season and more, each moved by its own disturbances, by maximum likelihood.

        y[t] = level[t] + season[t] + cycle[t] + ar[t] + β·x[t] + ε[t];   level[t+1] = level[t] + slope[t] + ξ[t];   slope[t+1] = φ·slope[t] + ζ[t]

    level: whether the level has disturbances ξ of its own; False leaves it constant, or moved by the slope alone.
    trend: "local linear"; "smooth", without ξ; "damped", the slope shrinks by φ in 0.5–0.999; None, no slope.
    seasonal: "dummy", "trigonometric", None, or "auto": trigonometric where a season is known and the series has two of them.
    harmonics: of a trigonometric season; None = all (half the season), or 6 where "auto" meets a season longer than 24.
    cycle: a stochastic cycle.   cycle_period: shortest and longest period, in steps; None = from 1.5 seasons (3 steps) to half the series.
    autoregressive: order of an autoregression beside the level.   irregular: whether there is ε.
    interventions: what happened when: ("level", when) a shift that stays, ("pulse", when) one step out of line, ("slope", when) another slope from
        then on. `when` is a row, counted from 0 at the first observation, or the stamp as text, "1983-02".
    Future covariates enter by regression. Missing values are filtered over. `fitted.components()` gives the parts with bands.
    Raises ForecastError where a series is too short for what is to be estimated, or ends before an intervention.
    Source: Harvey 1989; Durbin & Koopman 2012, ch. 3.

    >>> from inorder.data.series import Series
    >>> y = 10 + 0.1 * np.random.default_rng(1).normal(size=60).cumsum()
    >>> fitted = Structural(trend=None, seasonal=None).fit(Series.of(y))
    >>> sorted(fitted.coefficients)
    ['variance_irregular', 'variance_level']
    """

    level: bool = True
    trend: str | None = "local linear"
    seasonal: str | None = "auto"
    harmonics: int | None = None
    cycle: bool = False
    cycle_period: tuple[float, float] | None = None
    autoregressive: int = 0
    irregular: bool = True
    interventions: tuple[tuple[str, int | str], ...] = ()
    name = "structural"
    model = StructuralModel
    covariates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for setting in ("level", "cycle", "irregular"):
            if not isinstance(getattr(self, setting), bool):
                raise ConfigError(f"`{setting}` is True or False, not {getattr(self, setting)!r}.")
        if self.trend not in TRENDS:
            raise ConfigError(f"`trend` is one of {', '.join(map(repr, TRENDS))}; not {self.trend!r}.")
        if self.seasonal not in (*SEASONS, "auto"):
            raise ConfigError(f"`seasonal` is one of {', '.join(map(repr, (*SEASONS, 'auto')))}; not {self.seasonal!r}.")
        check_whole("autoregressive", self.autoregressive, 0)
        if self.harmonics is not None:
            check_whole("harmonics", self.harmonics, 1)
            if self.seasonal not in ("trigonometric", "auto"):
                raise ConfigError(f'`harmonics` = {self.harmonics} has no effect without seasonal="trigonometric".')
        if self.cycle_period is not None:
            self._check_period()
        if not (self.irregular or self.level or self.trend or self.seasonal or self.cycle or self.autoregressive):
            raise ConfigError("Nothing here moves: a model needs `irregular`, `level`, `trend`, `seasonal`, `cycle` or `autoregressive`.")
        events = tuple(checked_event(event) for event in self.interventions)
        for i, event in enumerate(events):
            if event in events[:i]:
                raise ConfigError(f"The intervention {event!r} is given twice; once is enough.")
        object.__setattr__(self, "interventions", events)

    def _check_period(self) -> None:
        if not self.cycle:
            raise ConfigError("`cycle_period` has no effect without cycle=True.")
        period = self.cycle_period
        if not isinstance(period, Sequence) or len(period) != 2 or not all(isinstance(x, int | float) for x in period) or not 2 <= period[0] < period[1]:
            raise ConfigError(f"`cycle_period` is the shortest and the longest period in steps, 2 or more, such as (18, 96); not {period!r}.")
        object.__setattr__(self, "cycle_period", (float(period[0]), float(period[1])))

    def fit(
        self, series: Any, *, seconds: float | None = None, progress: Progress | None = None, workers: int | None = None, engine: str = "threads"
    ) -> StructuralFitted:
        history = as_series(series)
        forecaster = self._with_rows(history)
        return StructuralFitted.of(LocalForecaster.fit(forecaster, history, seconds=seconds, progress=progress, workers=workers, engine=engine))

    def restore(self, history: Series, weights: Mapping[str, Any], errors: Mapping[str, str]) -> StructuralFitted:
        return StructuralFitted.of(super().restore(history, weights, errors))

    def _with_rows(self, history: Series) -> Structural:
        """The interventions by rows in place of stamps."""
        if not any(isinstance(when, str) for _, when in self.interventions):
            return self
        begins = {}
        for i, y in enumerate(history):
            present = np.flatnonzero(~np.isnan(y))
            if len(present):
                stamps = history.stamps(i)[present[0] :]
                begins[str(stamps[0])] = stamps
        if len(begins) > 1:
            raise ConfigError(
                f"An intervention at a stamp needs series whose first observations have the same stamp; here they begin at {', '.join(sorted(begins)[:5])}. "
                "Give future covariates, or fit them one by one."
            )
        stamps = next(iter(begins.values()), history.stamps(0))
        return type(self)(**{**self.settings, "interventions": tuple((event, row_of(when, stamps)) for event, when in self.interventions)})

    def fit_one(self, y: Values, season_length: int, x: Floats | None = None) -> StructuralModel:
        x = np.empty((len(y), 0)) if x is None else x
        known = y[~np.isnan(y)]
        self._check_events(len(y))
        kind = self._kind(len(known), len(y), season_length, x.shape[1] + len(self.interventions))
        unit = power_of_two(known)
        centre = float(np.median(known / unit))
        spread = power_of_two(known / unit - centre)
        events = np.array([EVENTS.index(event) for event, _ in self.interventions], dtype=np.float64)
        rows = np.array([when for _, when in self.interventions], dtype=np.float64)
        sizes = np.array([power_of_two(column) for column in x.T])
        regressors = np.column_stack([x / sizes, event_columns(events, rows, 0, len(y))])
        found = fit(kind, (y / unit - centre) / spread, regressors)
        self._check(found, kind)
        size, columns = unit * spread, x.shape[1]
        with np.errstate(over="ignore"):
            beta, beta_errors = (np.clip(values[:columns] * spread / sizes * unit, -LARGEST, LARGEST) for values in (found.beta, found.beta_errors))
        return StructuralModel(
            loglik=found.loglik - found.known * (math.log(unit) + math.log(spread)),
            estimated=kind.sought + kind.diffuse + regressors.shape[1],
            observations=len(known),
            kind=np.array(kind, dtype=np.float64),
            parameters=found.parameters,
            errors=found.errors,
            unit=unit,
            centre=centre,
            spread=spread,
            beta=beta,
            beta_errors=beta_errors,
            events=events,
            rows=rows,
            effects=found.beta[columns:] * size,
            effect_errors=found.beta_errors[columns:] * size,
            correlation=found.beta_correlation,
        )

    def _check_events(self, time: int) -> None:
        for event, when in self.interventions:
            if isinstance(when, str):
                raise ConfigError(
                    f'An intervention inside of another model, ("{event}", "{when}"), is given by its row, counted from 0 at the first observation, '
                    "not by a stamp."
                )
            if when >= time:
                raise ForecastError(
                    f'The intervention ("{event}", {when}) comes after the end of the series, whose last row is {time - 1}, so nothing is known of its effect. '
                    "Leave it out."
                )

    def _kind(self, known: int, time: int, season_length: int, columns: int) -> Kind:
        """The kind of model for a series.   Raises ForecastError where the series is too short."""
        shortest, longest = self.cycle_period or (max(3.0, 1.5 * season_length), max(0.5 * time, 3.0 * season_length, 6.0))
        common = {"irregular": int(self.irregular), "level": int(self.level), "trend": TRENDS[self.trend], "cycle": int(self.cycle)}
        plain = Kind(**common, shortest=shortest, longest=longest, order=self.autoregressive)
        kind = plain
        if self.seasonal is not None and season_length > 1:
            trigonometric = self.seasonal != "dummy"
            usual = FEW_HARMONICS if self.seasonal == "auto" and season_length > ALL_HARMONICS else season_length // 2
            harmonics = min(self.harmonics or usual, season_length // 2) if trigonometric else 0
            kind = plain._replace(seasonal=TRIGONOMETRIC if trigonometric else DUMMY, season_length=season_length, harmonics=harmonics)
        if self.seasonal == "auto" and known < max(2 * season_length, needed(kind, columns)):
            kind = plain
        if self.seasonal not in (None, "auto"):
            if season_length < 2:
                raise ForecastError("A seasonal model needs a season of 2 observations or more, and none is known here. Set `season_length`, or seasonal=None.")
            if known < 2 * season_length:
                raise ForecastError(f"A season of {season_length} needs two seasons of observations, {2 * season_length}; this series has {known}.")
        if kind.states > MOST_STATES:
            raise ForecastError(
                f"This season makes a state of {kind.states} numbers, more than {MOST_STATES}. "
                'Use seasonal="trigonometric" with few `harmonics`.'
            )  # fmt: skip
        if known < needed(kind, columns):
            raise ForecastError(
                f"{self.name} with these settings needs {needed(kind, columns)} observations ({kind.diffuse} for the state and one more than the "
                f"{kind.sought + columns} numbers it estimates), has {known}. Use a simpler model, such as trend=None or naive."
            )
        return kind

    def _check(self, found: Estimate, kind: Kind) -> None:
        if not math.isfinite(found.loglik) or not np.isfinite(found.parameters).all():
            raise ForecastError("The likelihood of this model is not finite anywhere for this series, so nothing can be fitted. Use a simpler model.")
        if found.remaining:
            raise ForecastError(
                f"{found.remaining} of the {kind.diffuse} numbers in the state are never seen: some places of the season have no value. Use seasonal=None."
            )


def needed(kind: Kind, columns: int) -> int:
    """Observations from which a model can be fitted: one more than the numbers to be found."""
    return kind.diffuse + kind.sought + columns + 1


def checked_event(event: Any) -> tuple[str, int | str]:
    """(kind, when) of an intervention.   Raises ConfigError.

    >>> checked_event(["pulse", 3])
    ('pulse', 3)
    """
    if isinstance(event, str) or not isinstance(event, Sequence) or len(event) != 2:
        raise ConfigError(f'An intervention is a pair such as ("level", 28) or ("pulse", "1983-02"), not {event!r}.')
    name, when = event
    if name not in EVENTS:
        raise unknown("intervention", str(name), EVENTS)
    if isinstance(when, bool) or not isinstance(when, int | str | np.integer) or (not isinstance(when, str) and when < 0):
        raise ConfigError(f"An intervention is at a row, counted from 0 at the first observation, or at a stamp as text; not at {when!r}.")
    return name, when if isinstance(when, str) else int(when)


def row_of(when: int | str, stamps: Any) -> int:
    """The row of a stamp.   Raises ConfigError where there is none.

    >>> row_of("2020-03", np.array(["2020-01", "2020-02", "2020-03"], dtype="datetime64[M]"))
    2
    """
    if not isinstance(when, str):
        return when
    try:
        stamp = np.datetime64(when) if stamps.dtype.kind == "M" else float(when)
    except ValueError:
        raise ConfigError(f'The stamp of an intervention, "{when}", cannot be read; write it as {stamps[0]}.') from None
    found = np.flatnonzero(stamps == stamp)
    if len(found) == 0:
        raise ConfigError(f'No row has the stamp of an intervention, "{when}"; from the first observation on, stamps run from {stamps[0]} to {stamps[-1]}.')
    return int(found[0])


@dataclass(frozen=True, eq=False)
class StructuralFitted(LocalFitted):
    """What `Structural` has fitted; beside all that every fitted model has, its components."""

    failures: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, fitted: LocalFitted) -> StructuralFitted:
        return cls(fitted.forecaster, fitted.history, fitted.models, fitted.failures)

    def components(self, series: int | str = 0, levels: Sequence[float] = (0.95,)) -> Components:
        """The parts of one series given all its observations, with bands that hold each part with probability `level`.

        Raises ForecastError where the series was not fitted, ConfigError for levels outside 0–1.
        """
        i = self.history.position(series)
        model, y, x = self.models[i], self.history.y(i), self._regressors[i]
        if model is None:
            raise ForecastError(f'Series "{self.history.ids[i]}" could not be fitted: {self.errors[self.history.ids[i]]}')
        assert isinstance(model, StructuralModel)
        begin = int(np.argmax(~np.isnan(y)))
        means, deviations = parts(model, (y - (x @ model.beta if len(model.beta) else 0.0))[begin:])
        if len(model.beta):
            means["regression"], deviations["regression"] = x[begin:] @ model.beta, model.deviation(x[begin:], 0)
        return Components(self.history, i, begin, y[begin:], means, deviations, check_levels(levels))


def parts(model: StructuralModel, y: Values) -> tuple[dict[str, Values], dict[str, Values]]:
    """Means and standard deviations of the components, (time,) each, given all of y without the part of covariates."""
    kind, unit = model.form, model.spread * model.unit
    back = kalman_smoothers([model._inside(y, 0)], [model.system], outputs=("state", "state_covariance", "noise", "noise_covariance"))[0][1]
    design = model.system.design[0, 0]
    places = {"level": slice(0, 1), "slope": slice(1, 2) if kind.trend != NONE else slice(0, 0)}
    places["seasonal"] = slice(1 + (kind.trend != NONE), kind.diffuse)
    places["cycle"] = slice(kind.diffuse, kind.diffuse + 2 * kind.cycle)
    places["autoregression"] = slice(kind.diffuse + 2 * kind.cycle, kind.states)
    means, deviations = {}, {}
    for name, place in places.items():
        if place.start == place.stop:
            continue
        weights = np.ones(1) if name == "slope" else design[place]
        variance = np.einsum("i,tij,j->t", weights, back.state_covariance[:, place, place], weights)
        means[name], deviations[name] = back.state[:, place] @ weights * unit, np.sqrt(np.maximum(variance, 0.0)) * unit
    means["level"] = means["level"] + model.centre * model.unit
    if len(model.events):
        means["interventions"] = model._event_effects(0, len(y)) * unit
        deviations["interventions"] = model.deviation(event_columns(model.events, model.rows, 0, len(y)), len(model.beta))
    if kind.irregular:
        means["irregular"] = np.where(np.isnan(y), 0.0, back.noise[:, 0]) * unit
        deviations["irregular"] = np.sqrt(np.maximum(back.noise_covariance[:, 0, 0], 0.0)) * unit
    return means, deviations
