"""Baselines: the methods that every other one has to beat.

    Mean            ŷ[t+h] = (y[1] + … + y[t]) / t
    Naive           ŷ[t+h] = y[t]
    SeasonalNaive   ŷ[t+h] = y[t+h−m·⌈h/m⌉]
    Drift           ŷ[t+h] = y[t] + h·(y[t] − y[1]) / (t − 1)
    Naive2          ŷ[t+h] = s[t+h]·y[t] / s[t]                     after a test for a season

The standard deviation of the forecast error h steps ahead, with k = ⌊(h − 1)/m⌋ whole seasons before the one in question:

    Mean σ·√(1 + 1/t)      Naive σ·√h      SeasonalNaive σ·√(k + 1)      Drift σ·√(h·(1 + h/(t − 1)))

σ² is estimated, so intervals take Student's t where the book takes the normal distribution: when the model is true (independent
values, random walk, seasonal random walk, random walk with drift, each with normal steps) they are exact for every length of series.

A missing value moves time on: the last value known stays, and is one step older. Errors across a gap of g steps are divided by
√g before σ is estimated, since their variance is g times that of one step.

Source: Hyndman & Athanasopoulos 2021, Forecasting: Principles and Practice, 3rd ed., §5.2, §5.5 (table 5.2); Naive2: Makridakis,
Spiliotis & Assimakopoulos 2020, The M4 Competition, and its published benchmark code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from inorder.errors import ForecastError
from inorder.forecast.base import FlatModel, Model
from inorder.forecast.intervals import deviation, student_quantiles
from inorder.forecast.local import LocalForecaster
from inorder.typing import Floats, Offsets, Values


class MeanState(NamedTuple):
    """seen: observations so far.   total: their sum."""

    seen: int
    total: float


@dataclass(frozen=True, eq=False)
class MeanModel(FlatModel):
    """sigma: standard deviation of the values.   degrees: of freedom of that estimate, observations − 1."""

    sigma: float
    degrees: int

    def init(self) -> MeanState:
        return MeanState(0, 0.0)

    def step(self, y: float, state: MeanState) -> tuple[float, MeanState]:
        mean = state.total / state.seen if state.seen else math.nan
        return mean, state if math.isnan(y) else MeanState(state.seen + 1, state.total + y)

    def run(self, y: Values, state: MeanState | None = None) -> tuple[Floats, MeanState]:
        before = self.init() if state is None else state
        present = ~np.isnan(y)
        counts = before.seen + np.concatenate([[0], np.cumsum(present)])
        totals = np.cumsum(np.concatenate([[before.total], np.where(present, y, 0.0)]))
        mean = np.divide(totals[:-1], counts[:-1], out=np.full(len(y), np.nan), where=counts[:-1] > 0)
        return mean, MeanState(int(counts[-1]), float(totals[-1]))

    def forecast(self, state: MeanState, horizon: int) -> Floats:
        return np.full(horizon, state.total / state.seen)

    def quantiles(self, state: MeanState, horizon: int, probabilities: Floats) -> Floats | None:
        if self.degrees < 1:
            return None
        ahead = np.full(horizon, self.sigma * math.sqrt(1 + 1 / state.seen))
        return student_quantiles(self.forecast(state, horizon), ahead, self.degrees, probabilities)

    def describe_state(self, state: MeanState) -> dict[str, Any]:
        return {"mean": state.total / state.seen}


@dataclass(frozen=True)
class Mean(LocalForecaster):
    """The mean of all values so far.

        ŷ[t+h] = (y[1] + … + y[t]) / t

    New observations move the mean; σ, on which the intervals rest, is that of the fit.   Source: Hyndman & Athanasopoulos 2021, §5.2.

    >>> from inorder.data.series import Series
    >>> Mean().fit(Series.of([3.0, 5.0, 4.0])).predict(2).mean.tolist()
    [4.0, 4.0]
    """

    name = "mean"
    model = MeanModel

    def fit_one(self, y: Values, season_length: int) -> MeanModel:
        known = y[~np.isnan(y)]
        degrees = len(known) - 1
        return MeanModel(deviation(known - _mean(known), degrees), degrees)


class NaiveState(NamedTuple):
    """last: the last value known.   age: steps since then."""

    last: float
    age: int


@dataclass(frozen=True, eq=False)
class NaiveModel(FlatModel):
    """sigma: standard deviation of one step.   degrees: of freedom of that estimate, observations − 1."""

    sigma: float
    degrees: int

    def init(self) -> NaiveState:
        return NaiveState(math.nan, 0)

    def step(self, y: float, state: NaiveState) -> tuple[float, NaiveState]:
        return state.last, NaiveState(state.last, state.age + 1) if math.isnan(y) else NaiveState(y, 0)

    def run(self, y: Values, state: NaiveState | None = None) -> tuple[Floats, NaiveState]:
        before = self.init() if state is None else state
        carried, ages = carry_forward(np.concatenate([[before.last], y])[:, None], np.array([before.age]))
        return carried[:-1, 0], NaiveState(float(carried[-1, 0]), int(ages[-1, 0]))

    def forecast(self, state: NaiveState, horizon: int) -> Floats:
        return np.full(horizon, state.last)

    def quantiles(self, state: NaiveState, horizon: int, probabilities: Floats) -> Floats | None:
        if self.degrees < 1:
            return None
        ahead = self.sigma * np.sqrt(state.age + np.arange(1, horizon + 1))
        return student_quantiles(self.forecast(state, horizon), ahead, self.degrees, probabilities)


@dataclass(frozen=True)
class Naive(LocalForecaster):
    """The last value, repeated.

        ŷ[t+h] = y[t]

    Best possible for a random walk.   Source: Hyndman & Athanasopoulos 2021, §5.2.

    >>> from inorder.data.series import Series
    >>> forecast = Naive().fit(Series.of([3.0, 5.0, 4.0])).predict(2, levels=[0.8])
    >>> forecast.mean.tolist(), forecast.upper[0.8].round(2).tolist()
    ([4.0, 4.0], [6.98, 8.22])
    """

    name = "naive"
    model = NaiveModel

    def fit_one(self, y: Values, season_length: int) -> NaiveModel:
        places = np.flatnonzero(~np.isnan(y))
        degrees = len(places) - 1
        return NaiveModel(deviation(np.diff(y[places]) / np.sqrt(np.diff(places)), degrees), degrees)


class SeasonState(NamedTuple):
    """values: (season,) the last value known of each position of the season, that of the next step first.
    ages: (season,) by how many seasons each is older than it could be.
    """

    values: Floats
    ages: Offsets


@dataclass(frozen=True, eq=False)
class SeasonalNaiveModel(Model):
    """sigma: standard deviation of the change from one season to the next.   degrees: of freedom, the number of such changes."""

    season_length: int
    sigma: float
    degrees: int

    def init(self) -> SeasonState:
        return SeasonState(np.full(self.season_length, np.nan), np.zeros(self.season_length, dtype=np.int64))

    def step(self, y: float, state: SeasonState) -> tuple[float, SeasonState]:
        before, age = float(state.values[0]), int(state.ages[0])
        value, age = (before, age + 1) if math.isnan(y) else (y, 0)
        return before, SeasonState(np.append(state.values[1:], value), np.append(state.ages[1:], age))

    def run(self, y: Values, state: SeasonState | None = None) -> tuple[Floats, SeasonState]:
        values, ages = self._carried(y, self.init() if state is None else state)
        return values[: len(y)], SeasonState(values[len(y) :], ages[len(y) :])

    def _carried(self, y: Values, state: SeasonState) -> tuple[Floats, Offsets]:
        """(time + season,) what was known of each step one season before it, and its age; the last ones are those of the coming season."""
        rows = -(-len(y) // self.season_length)
        padded = np.full((1 + rows) * self.season_length, np.nan)
        padded[: self.season_length], padded[self.season_length : self.season_length + len(y)] = state.values, y
        values, ages = carry_forward(padded.reshape(1 + rows, self.season_length), state.ages)
        return values.reshape(-1)[: len(y) + self.season_length], ages.reshape(-1)[: len(y) + self.season_length]

    def forecast(self, state: SeasonState, horizon: int) -> Floats:
        return np.resize(state.values, horizon)

    def forecasts(self, y: Values, state: SeasonState, horizon: int) -> Floats:
        values, _ = self._carried(y, state)
        places = np.arange(horizon) % self.season_length
        return np.asarray(values[np.arange(len(y))[:, None] + places])

    def quantiles(self, state: SeasonState, horizon: int, probabilities: Floats) -> Floats | None:
        if self.degrees < 1:
            return None
        seasons = np.arange(horizon) // self.season_length + 1 + np.resize(state.ages, horizon)
        return student_quantiles(self.forecast(state, horizon), self.sigma * np.sqrt(seasons), self.degrees, probabilities)


@dataclass(frozen=True)
class SeasonalNaive(LocalForecaster):
    """The value one season ago.

        ŷ[t+h] = y[t+h−m·⌈h/m⌉]

    Where that value is missing, the one a season before it stands in. With m = 1 this is the naive method.
    Raises ForecastError for a series that has no value for some position of the season.   Source: Hyndman & Athanasopoulos 2021, §5.2.

    >>> from inorder.data.series import Series
    >>> SeasonalNaive(season_length=3).fit(Series.of([1, 5, 9, 2, 6, 10])).predict(4).mean.tolist()
    [2.0, 6.0, 10.0, 2.0]
    """

    name = "seasonal-naive"
    model = SeasonalNaiveModel

    def fit_one(self, y: Values, season_length: int) -> SeasonalNaiveModel:
        if len(y) < season_length:
            raise ForecastError(
                f"The seasonal naive method repeats the last season: it needs {season_length} observations, this series has {len(y)}. "
                "Set a shorter season, or use another model."
            )
        model = SeasonalNaiveModel(season_length, math.nan, 0)
        values, ages = model._carried(y, model.init())
        empty = np.isnan(values[len(y) :]).sum()
        if empty:
            raise ForecastError(
                f"The seasonal naive method repeats the last season, but {empty} of its {season_length} positions were never observed. "
                "Set a shorter season, or use another model."
            )
        errors = (y - values[: len(y)]) / np.sqrt(ages[: len(y)] + 1)
        degrees = int((~np.isnan(errors)).sum())
        return SeasonalNaiveModel(season_length, deviation(errors, degrees), degrees)


class DriftState(NamedTuple):
    """first, last: values known.   steps: from the first to the last.   age: steps since the last."""

    first: float
    last: float
    steps: int
    age: int

    @property
    def slope(self) -> float:
        return (self.last - self.first) / self.steps if self.steps else math.nan


@dataclass(frozen=True, eq=False)
class DriftModel(Model):
    """sigma: standard deviation of one step around the drift.   degrees: of freedom of that estimate, observations − 2."""

    sigma: float
    degrees: int

    def init(self) -> DriftState:
        return DriftState(math.nan, math.nan, 0, 0)

    def step(self, y: float, state: DriftState) -> tuple[float, DriftState]:
        expected = state.last + state.slope * (state.age + 1)
        if math.isnan(state.first):
            return expected, state if math.isnan(y) else DriftState(y, y, 0, 0)
        if math.isnan(y):
            return expected, state._replace(age=state.age + 1)
        return expected, DriftState(state.first, y, state.steps + state.age + 1, 0)

    def run(self, y: Values, state: DriftState | None = None) -> tuple[Floats, DriftState]:
        before = self.init() if state is None else state
        first, last, steps, age = lines_so_far(y, before)
        return self.forecasts(y, before, 1)[:, 0], DriftState(first, float(last[-1]), int(steps[-1]), int(age[-1]))

    def forecast(self, state: DriftState, horizon: int) -> Floats:
        return np.asarray(state.last + state.slope * (state.age + np.arange(1, horizon + 1)), dtype=np.float64)

    def forecasts(self, y: Values, state: DriftState, horizon: int) -> Floats:
        return continued_lines(*lines_so_far(y, state), np.arange(1, horizon + 1))

    def quantiles(self, state: DriftState, horizon: int, probabilities: Floats) -> Floats | None:
        if self.degrees < 1:
            return None
        ahead = state.age + np.arange(1, horizon + 1)
        return student_quantiles(self.forecast(state, horizon), self.sigma * np.sqrt(ahead * (1 + ahead / state.steps)), self.degrees, probabilities)

    def describe_state(self, state: DriftState) -> dict[str, Any]:
        return {"slope": state.slope}


@dataclass(frozen=True)
class Drift(LocalForecaster):
    """The straight line from the first value through the last.

        ŷ[t+h] = y[t] + h·b,   b = (y[t] − y[1]) / (t − 1)

    Best possible for a random walk with drift.   Raises ForecastError for fewer than two observations.
    Source: Hyndman & Athanasopoulos 2021, §5.2.

    >>> from inorder.data.series import Series
    >>> Drift().fit(Series.of([1.0, 4.0, 3.0])).predict(2).mean.tolist()
    [4.0, 5.0]
    """

    name = "drift"
    model = DriftModel

    def fit_one(self, y: Values, season_length: int) -> DriftModel:
        places = np.flatnonzero(~np.isnan(y))
        if len(places) < 2:
            raise ForecastError("The drift method needs 2 observations, a first and a last; this series has 1.")
        gaps = np.diff(places)
        slope = (y[places[-1]] - y[places[0]]) / (places[-1] - places[0])
        degrees = len(places) - 2
        return DriftModel(deviation((np.diff(y[places]) - slope * gaps) / np.sqrt(gaps), degrees), degrees)


class Naive2State(NamedTuple):
    """position: of the next step in the season.   adjusted: the last value known, without its season."""

    position: int
    adjusted: float


@dataclass(frozen=True, eq=False)
class Naive2Model(Model):
    """season: (season,) the index of each position, beginning with that of the first observation; a single 1 where there is no season."""

    season: Floats
    multiplicative: int

    def init(self) -> Naive2State:
        return Naive2State(0, math.nan)

    def step(self, y: float, state: Naive2State) -> tuple[float, Naive2State]:
        index = float(self.season[state.position])
        expected = state.adjusted * index if self.multiplicative else state.adjusted + index
        adjusted = state.adjusted if math.isnan(y) else y / index if self.multiplicative else y - index
        return expected, Naive2State((state.position + 1) % len(self.season), adjusted)

    def run(self, y: Values, state: Naive2State | None = None) -> tuple[Floats, Naive2State]:
        before = self.init() if state is None else state
        last = float(self._adjusted(y, before)[-1])
        return self.forecasts(y, before, 1)[:, 0], Naive2State((before.position + len(y)) % len(self.season), last)

    def _adjusted(self, y: Values, state: Naive2State) -> Floats:
        """(time + 1,) the last value known before each step and after the last, without its season."""
        season = self.season[(state.position + np.arange(len(y))) % len(self.season)]
        adjusted = np.concatenate([[state.adjusted], y / season if self.multiplicative else y - season])
        return carry_forward(adjusted[:, None], np.zeros(1, dtype=np.int64))[0][:, 0]

    def forecast(self, state: Naive2State, horizon: int) -> Floats:
        season = self.season[(state.position + np.arange(horizon)) % len(self.season)]
        return state.adjusted * season if self.multiplicative else state.adjusted + season

    def forecasts(self, y: Values, state: Naive2State, horizon: int) -> Floats:
        carried, position = self._adjusted(y, state)[:-1, None], state.position + np.arange(len(y))[:, None]
        season = self.season[(position + np.arange(horizon)) % len(self.season)]
        return np.asarray(carried * season if self.multiplicative else carried + season)

    def describe(self) -> dict[str, Any]:
        if len(self.season) == 1:
            return {"season": "none"}
        return {"season": "multiplicative" if self.multiplicative else "additive", "indices": self.season}


@dataclass(frozen=True)
class Naive2(LocalForecaster):
    """The last value after taking the season out, if there is one, and putting it back.

        ŷ[t+h] = s[t+h] · y[t] / s[t]

    A season is there when the series has 3·m values or more and its autocorrelation at lag m is significant at 90 %:

        |r[m]| > 1.645 · √((1 + 2·(r[1]² + … + r[m−1]²)) / n)

    s are the indices of a classical multiplicative decomposition: the means, position by position, of y divided by its centred
    2×m moving average, scaled to a mean of 1. Where a value is zero or negative the season is added instead: ŷ[t+h] = y[t] + s[t+h] − s[t].
    This is the method to which the M4 competition relates all others. Its intervals are conformal.

    Source: Makridakis, Spiliotis & Assimakopoulos 2020, The M4 Competition, and its published benchmark code.

    >>> from inorder.data.series import Series
    >>> fitted = Naive2(season_length=4).fit(Series.of([2, 4, 6, 8] * 4))
    >>> fitted.predict(5).mean.round(6).tolist()
    [2.0, 4.0, 6.0, 8.0, 2.0]
    """

    name = "naive2"
    model = Naive2Model

    def fit_one(self, y: Values, season_length: int) -> Naive2Model:
        if not is_seasonal(y, season_length):
            return Naive2Model(np.ones(1), 1)
        multiplicative = bool(np.nanmin(y) > 0)
        season = seasonal_indices(y, season_length, multiplicative)
        usable = np.isfinite(season).all() and (season > 0).all() if multiplicative else np.isfinite(season).all()
        return Naive2Model(season, int(multiplicative)) if usable else Naive2Model(np.ones(1), 1)


def carry_forward(rows: Floats, ages: Offsets) -> tuple[Floats, Offsets]:
    """Missing values filled with the last one above them, column by column, and how many rows above it stands.

    rows: (rows, columns).   ages: (columns,) of the first row.
    """
    number = np.arange(len(rows))[:, None]
    origin = np.maximum.accumulate(np.where(np.isnan(rows), 0, number), axis=0)
    return np.take_along_axis(rows, origin, axis=0), number - origin + np.where(origin == 0, ages, 0)


class Line(Protocol):
    """The straight line from a first point to a last one.   steps: between them.   age: steps since the last."""

    @property
    def first(self) -> float: ...
    @property
    def last(self) -> float: ...
    @property
    def steps(self) -> int: ...
    @property
    def age(self) -> int: ...


def lines_so_far(points: Values, before: Line) -> tuple[float, Floats, Offsets, Offsets]:
    """`before` as it goes on over a stretch of points: first, then (time + 1,) last, steps and age, before each point and after all.

    >>> first, last, steps, age = lines_so_far(np.array([3.0, 5.0, np.nan, 4.0]), DriftModel(1.0, 1).init())
    >>> first, last.tolist(), steps[2:].tolist(), age[2:].tolist()
    (3.0, [nan, 3.0, 5.0, 5.0, 4.0], [1, 1, 3], [0, 1, 0])
    """
    first, elapsed = before.first, np.arange(len(points) + 1) + before.steps + before.age
    if math.isnan(first):
        present = np.flatnonzero(~np.isnan(points))
        if len(present) == 0:
            nothing = np.zeros(len(points) + 1, dtype=np.int64)
            return math.nan, np.full(len(points) + 1, np.nan), nothing, nothing
        first, elapsed = float(points[present[0]]), np.arange(len(points) + 1) - int(present[0]) - 1
    last, age = carry_forward(np.concatenate([[before.last], points])[:, None], np.array([before.age]))
    return first, last[:, 0], elapsed - age[:, 0], age[:, 0]


def continued_lines(first: float, last: Floats, steps: Offsets, age: Offsets, ahead: Floats | Offsets) -> Floats:
    """(time, horizon) the lines of `lines_so_far` before each point, `ahead` steps further on; NaN where there is no line yet."""
    slope = np.divide(last - first, steps, out=np.full(len(last), np.nan), where=steps > 0)
    return np.asarray((last[:, None] + slope[:, None] * (age[:, None] + ahead))[:-1], dtype=np.float64)


def is_seasonal(y: Values, season_length: int) -> bool:
    """Whether the autocorrelation at lag m is significant at 90 %; False for fewer than 3·m rows, or m = 1.

    Pairs with a missing value count nothing.

    >>> is_seasonal(np.tile([1.0, 2.0, 3.0], 4), 3), is_seasonal(np.tile([1.0, 2.0, 3.0], 2), 3)
    (True, False)
    """
    if season_length == 1 or len(y) < 3 * season_length:
        return False
    known = ~np.isnan(y)
    centred = np.where(known, y - _mean(y[known]), 0.0)
    largest = np.abs(centred).max()
    if largest == 0:
        return False
    centred = centred / largest
    r = np.array([centred[lag:] @ centred[: len(y) - lag] for lag in range(1, season_length + 1)]) / (centred @ centred)
    return bool(abs(r[-1]) > 1.645 * math.sqrt((1 + 2 * (r[:-1] @ r[:-1])) / known.sum()))


def seasonal_indices(y: Values, season_length: int, multiplicative: bool) -> Floats:
    """(season,) indices of a classical decomposition, the first for the position of y[0]; NaN where a position has none.

    The trend is the centred moving average over one season (2×m for an even m); the index of a position is the mean of y / trend there
    (y − trend if additive), scaled so that the indices average 1 (0).

    >>> seasonal_indices(np.tile([1.0, 2.0, 3.0], 3), 3, multiplicative=True).round(6).tolist()
    [0.5, 1.0, 1.5]
    """
    width = season_length if season_length % 2 else season_length + 1
    weights = np.full(width, 1 / season_length)
    if season_length % 2 == 0:
        weights[[0, -1]] /= 2
    half = width // 2
    trend = np.convolve(y, weights, mode="valid")
    ratio = y[half : len(y) - half] / trend if multiplicative else y[half : len(y) - half] - trend
    place = np.arange(half, len(y) - half) % season_length
    known = ~np.isnan(ratio)
    count = np.bincount(place[known], minlength=season_length)
    total = np.bincount(place[known], weights=ratio[known], minlength=season_length)
    means = np.divide(total, count, out=np.full(season_length, np.nan), where=count > 0)
    return np.asarray(means / means.mean() if multiplicative else means - means.mean())


def indices_over_gaps(y: Values, season_length: int, multiplicative: bool) -> Floats:
    """(season,) the indices of a classical decomposition. Missing values are what a straight line between their neighbours without the season says,
    with the season put back; a few rounds, each with the indices of the one before.

    >>> y = np.tile([1.0, 2.0, 3.0, 2.0], 5)
    >>> y[[3, 10]] = np.nan
    >>> indices_over_gaps(y, 4, multiplicative=True).round(3).tolist()
    [0.5, 1.0, 1.5, 1.0]
    """
    known = ~np.isnan(y)
    if known.all():
        return seasonal_indices(y, season_length, multiplicative)
    t, season = np.arange(len(y)), np.full(season_length, 1.0 if multiplicative else 0.0)
    for _ in range(8):
        index = np.resize(season, len(y))
        x = np.interp(t, t[known], (y / index if multiplicative else y - index)[known])
        season = seasonal_indices(np.where(known, y, x * index if multiplicative else x + index), season_length, multiplicative)
        if multiplicative and not season.min() > 0:
            break
    return season


def _mean(known: Values) -> float:
    """The mean of values that are all there, of any size: sums of 1e300 stay in range."""
    largest = float(np.abs(known).max())
    return float(np.mean(known / largest)) * largest if largest > 0 else 0.0
