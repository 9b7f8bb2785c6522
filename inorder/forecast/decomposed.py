"""A forecast of the series without its seasons, and the seasons put back.

    y[t] = n[t] + s₁[t] + s₂[t] + …          (logarithms of y where the seasons are factors)
    ŷ[t+h] = n̂[t+h] + Σ s[t+h−m·⌈h/m⌉]       each season repeats its last cycle

The seasons come from STL (several: MSTL) of the series that is fitted; n is forecast by another model of this package, which sees no season.
Observations that come later are adjusted by the same repeated cycles. Intervals are those of the other model: the seasons count as known.

Source: Cleveland, Cleveland, McRae & Terpenning 1990; Bandara, Hyndman & Bergmeir 2021; Hyndman & Athanasopoulos, Forecasting: principles and
practice, 3rd ed., §5.7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from inorder.data.series import check_season_length
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.base import Model, State, check_whole
from inorder.forecast.decomposition import Options, seasonal_curves
from inorder.forecast.intervals import power_of_two
from inorder.forecast.local import LocalForecaster, fit_from
from inorder.forecast.named import member, written
from inorder.forecast.packing import CompositeModel
from inorder.typing import Floats, Offsets, Values

LARGEST_LOG = math.log(np.finfo(np.float64).max)


class DecomposedState(NamedTuple):
    """time: rows since the first observation.   inner: the state of the model of the series without its seasons."""

    time: int
    inner: State


@dataclass(frozen=True, eq=False)
class DecomposedModel(CompositeModel):
    """members: one, the model of the series without its seasons.
    seasonal: (time,) what the seasons add to each row of the history.   lengths: (seasons,).   cycles: the cycle that each repeats after it, one
    after the other.   left_out: season lengths for which the history is too short.   log: 1 where all this is of logarithms.
    """

    seasonal: Floats
    lengths: Offsets
    cycles: Floats
    left_out: Offsets
    log: int

    @property
    def inner(self) -> Model:
        return self.members[0]

    def init(self) -> DecomposedState:
        return DecomposedState(0, self.inner.init())

    def step(self, y: float, state: DecomposedState) -> tuple[float, DecomposedState]:
        season = float(self._season(state.time, 1)[0])
        fitted, inner = self.inner.step(float(self._to(np.array([y]))[0]) - season, state.inner)
        return float(self._back(np.array([fitted + season]))[0]), DecomposedState(state.time + 1, inner)

    def run(self, y: Values, state: DecomposedState | None = None) -> tuple[Floats, DecomposedState]:
        before = self.init() if state is None else state
        season = self._season(before.time, len(y))
        fitted, inner = self.inner.run(self._to(y) - season, before.inner)
        return self._back(fitted + season), DecomposedState(before.time + len(y), inner)

    def forecast(self, state: DecomposedState, horizon: int) -> Floats:
        return self._back(self.inner.forecast(state.inner, horizon) + self._season(state.time, horizon))

    def forecasts(self, y: Values, state: DecomposedState, horizon: int) -> Floats:
        season = self._season(state.time, len(y) + horizon)
        made = self.inner.forecasts(self._to(y) - season[: len(y)], state.inner, horizon)
        return self._back(made + season[np.arange(len(y))[:, None] + np.arange(horizon)])

    def quantiles(self, state: DecomposedState, horizon: int, probabilities: Floats) -> Floats | None:
        found = self.inner.quantiles(state.inner, horizon, probabilities)
        return None if found is None else self._back(found + self._season(state.time, horizon))

    @property
    def interval_kind(self) -> str:
        return self.inner.interval_kind

    def innovations(self, y: Values, fitted: Values) -> Values:
        seen = np.flatnonzero(~np.isnan(y))
        season = self._season(-int(seen[0]) if len(seen) else 0, len(y))
        if self.log:  # a fitted value may have become 0
            y, fitted = np.log(y), np.log(np.maximum(fitted, np.finfo(np.float64).tiny))
        return self.inner.innovations(y - season, fitted - season)

    def simulate(self, state: DecomposedState, horizon: int, innovations: Floats) -> Floats:
        return self._back(self.inner.simulate(state.inner, horizon, innovations) + self._season(state.time, horizon))

    def coefficients(self) -> dict[str, float]:
        return self.inner.coefficients()

    def standard_errors(self) -> dict[str, float]:
        return self.inner.standard_errors()

    def describe(self) -> dict[str, Any]:
        return {"seasons": self.lengths, **self.inner.describe()}

    def describe_state(self, state: DecomposedState) -> dict[str, Any]:
        return self.inner.describe_state(state.inner)

    def notes(self) -> tuple[str, ...]:
        short = [f"The season of {m} is left out: the series is too short, or a place of it was never observed." for m in self.left_out.tolist()]
        return (*short, *self.inner.notes())

    def _season(self, begin: int, count: int) -> Floats:
        """(count,) what the seasons add from row `begin` on; rows before the first observation take those of the first ones."""
        rows = np.arange(begin, begin + count)
        known = self.seasonal[np.clip(rows, 0, len(self.seasonal) - 1)]
        if begin + count <= len(self.seasonal):
            return np.asarray(known)
        later, first = np.zeros(count), 0
        for m in self.lengths.tolist():
            later += self.cycles[first + (rows - len(self.seasonal)) % m]
            first += m
        return np.where(rows < len(self.seasonal), known, later)

    def _to(self, y: Values) -> Values:
        return positive_logarithms(y) if self.log else y

    def _back(self, values: Floats) -> Floats:
        """From logarithms; a number beyond the range of floats is the end of that range."""
        return np.asarray(np.exp(np.minimum(values, LARGEST_LOG))) if self.log else values


def positive_logarithms(y: Values) -> Values:
    """ForecastError for a value of 0 or below."""
    smallest = float(np.nanmin(y)) if not np.isnan(y).all() else 1.0
    if not smallest > 0:
        raise ForecastError(f"With log=True every value must be above zero; this series holds {smallest:g}. Use log=False.")
    return np.log(y)


@dataclass(frozen=True)
class Decomposed(LocalForecaster):
    """The series without its seasons, forecast by another model, and the seasons put back.

        ŷ[t+h] = n̂[t+h] + s[t+h−m·⌈h/m⌉]

    season_lengths: of all seasons, such as (24, 168); None = the one of the series. Those that were not seen more than twice are left out, with a note.
    inner: what forecasts the series without its seasons: a name ("naive", "drift", "holt-damped", "auto-ets", "ar", …), or any LocalForecaster of this
        package.
    log: take logarithms first: seasons are factors, forecasts medians.
    seasonal_window: seasons that a curve through one place of the season looks at; None = 11, 15, … from the shortest; 0 = the season never changes.
    robust: leave outliers out of the seasons.
    Raises ForecastError where no season was seen more than twice, for values of zero or below with `log`, or what the other model raises.
    Source: Cleveland et al. 1990; Bandara, Hyndman & Bergmeir 2021.

    >>> from inorder.data.series import Series
    >>> y = np.tile([3.0, -1.0, -2.0], 8) + np.arange(24)
    >>> Decomposed(season_length=3, inner="drift").fit(Series.of(y)).predict(4).mean.round(1).tolist()
    [27.0, 24.0, 24.0, 30.0]
    """

    season_lengths: tuple[int, ...] | None = None
    inner: Any = "holt-damped"
    log: bool = False
    seasonal_window: int | None = None
    robust: bool = False
    name = "stl"
    model = DecomposedModel

    def __post_init__(self) -> None:
        if self.season_lengths is not None:
            if isinstance(self.season_lengths, str) or not np.iterable(self.season_lengths) or len(self.season_lengths) == 0:
                raise ConfigError(f"`season_lengths` are whole numbers such as (24, 168), not {self.season_lengths!r}.")
            object.__setattr__(self, "season_lengths", tuple(check_season_length(m) for m in self.season_lengths))
        if self.seasonal_window not in (None, 0) and check_whole("seasonal_window", self.seasonal_window, 3) % 2 == 0:
            raise ConfigError(f"`seasonal_window` is an odd number of seasons, 3 or more, or 0 for a season that never changes; not {self.seasonal_window}.")
        for name in ("log", "robust"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"`{name}` is True or False, not {getattr(self, name)!r}.")
        object.__setattr__(self, "inner", member(self.inner))

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "inner": written(self.inner)}

    @property
    def parts(self) -> tuple[LocalForecaster, ...]:
        return (self.inner,)

    def fit_one(self, y: Values, season_length: int) -> DecomposedModel:
        values = positive_logarithms(y) if self.log else y
        asked = sorted({m for m in self.season_lengths or (season_length,) if m > 1})
        lengths = [m for m in asked if seen_often(y, m)]
        if not lengths:
            why = f"none of {', '.join(map(str, asked))} was seen more than twice at every place" if asked else "no season is known here"
            raise ForecastError(f"{self.name} takes out a season, and {why} in {len(y)} rows. Set a shorter season, or use a model without one.")
        windows = tuple("periodic" if self.seasonal_window == 0 else self.seasonal_window or 11 + 4 * i for i in range(len(lengths)))
        unit = power_of_two(values)
        found = seasonal_curves(values / unit, lengths, Options(windows, robust=self.robust))
        seasonals = found.seasonals * unit
        cycles = np.concatenate([part[-m:] for part, m in zip(seasonals, lengths, strict=True)])
        seasonal = seasonals.sum(axis=0)
        model = fit_from(self.inner, values - seasonal, np.zeros((len(y), 0)), self.inner.season_length or 1)
        left_out = np.array([m for m in asked if m not in lengths], dtype=np.int64)
        return DecomposedModel((model,), np.array([0]), seasonal, np.array(lengths), cycles, left_out, int(self.log))


def seen_often(y: Values, season_length: int) -> bool:
    """Whether the rows span more than two seasons and every place of the season was observed.

    >>> seen_often(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 2), seen_often(np.array([1.0, np.nan, 3.0, np.nan, 5.0]), 2)
    (True, False)
    """
    if len(y) <= 2 * season_length:
        return False
    return len(np.unique(np.flatnonzero(~np.isnan(y)) % season_length)) == season_length
