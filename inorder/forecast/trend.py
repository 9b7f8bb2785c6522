"""Trends: a curve in time, continued.

    linear          y[t] = a + b·t + e[t]
    polynomial      y[t] = b₀ + b₁·t + … + b_d·t^d + e[t]
    exponential     log y[t] = a + b·t + e[t]
    moving average  the centred moving average of y, continued by its mean change

The curves are fitted by least squares, t = 1 at the first observation. The least-squares problem so far is kept as a small triangular
system R·β = z, and every observation is rotated into it, so that forecasts one step ahead use only what was known, and a stream
goes on learning. Time is scaled to [−1, 1] over the series that was fitted, which keeps R well conditioned.

With x the powers of time at the step in question and n − d − 1 degrees of freedom, an interval is

    x·β ± t-quantile · σ · √(1 + x'·(X'X)⁻¹·x)

which is exact for independent normal errors. Where errors follow one another (most series) it is too narrow, and conformal
intervals are the better choice.

Source: Draper & Smith 1998, Applied Regression Analysis, 3rd ed., ch. 1, 3, 12; rotations: Gentleman 1974, Algorithm AS 75.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from inorder.errors import ConfigError, ForecastError, unknown
from inorder.forecast.base import Model, check_whole
from inorder.forecast.baselines import continued_lines, lines_so_far
from inorder.forecast.intervals import deviation, power_of_two, student_quantiles
from inorder.forecast.local import LocalForecaster
from inorder.typing import Floats, Values

KINDS = ("linear", "polynomial", "exponential")
LARGEST_LOG = math.log(np.finfo(np.float64).max)


class TrendState(NamedTuple):
    """time: t of the last step.   seen: observations so far.   system: rows (R | z) of the triangular system R·β = z."""

    time: int
    seen: int
    system: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class TrendModel(Model):
    """degree: of the polynomial.   exponential: 1 where it is fitted to log y.   centre, scale: time is (t − centre) / scale inside.
    sigma: standard deviation of the errors (of log y).   degrees: of freedom of that estimate, observations − degree − 1.
    """

    degree: int
    exponential: int
    centre: float
    scale: float
    sigma: float
    degrees: int

    def init(self) -> TrendState:
        return TrendState(0, 0, ((0.0,) * (self.degree + 2),) * (self.degree + 1))

    def step(self, y: float, state: TrendState) -> tuple[float, TrendState]:
        time = state.time + 1
        powers = self._powers(time)
        expected = math.nan
        if state.seen > self.degree:
            expected = sum(map(operator.mul, powers, solve(state.system)))
            expected = math.exp(min(expected, LARGEST_LOG)) if self.exponential else expected
        if math.isnan(y):
            return expected, state._replace(time=time)
        if self.exponential:
            y = math.log(positive(y))
        return expected, TrendState(time, state.seen + 1, rotated_in(state.system, [*powers, y]))

    def run(self, y: Values, state: TrendState | None = None) -> tuple[Floats, TrendState]:
        """All the curves through 1, 2, … values at once, from running sums; step by step from a state, across gaps, and above a cubic."""
        if state is not None or self.degree > 3 or len(y) <= self.degree or np.isnan(y).any() or (self.exponential and not (y > 0).all()):
            return super().run(y, state)
        values = np.log(y) if self.exponential else y
        expected = curves_so_far(values, self.degree)
        x = np.vander((np.arange(1, len(y) + 1) - self.centre) / self.scale, self.degree + 1, increasing=True)
        unit = power_of_two(values)
        q, r = np.linalg.qr(x)
        sign = np.where(np.diag(r) < 0, -1.0, 1.0)  # rotations leave a positive diagonal
        system = np.column_stack([r * sign[:, None], sign * (q.T @ (values / unit)) * unit])
        return self._back(expected), TrendState(len(y), len(y), tuple(map(tuple, system.tolist())))

    def _powers(self, time: int) -> list[float]:
        u = (time - self.centre) / self.scale
        return [u**k for k in range(self.degree + 1)]

    def _ahead(self, state: TrendState, horizon: int) -> Floats:
        """(horizon, degree + 1) powers of the times to come."""
        u = np.asarray((state.time + np.arange(1, horizon + 1) - self.centre) / self.scale, dtype=np.float64)
        return np.vander(u, self.degree + 1, increasing=True)

    def forecast(self, state: TrendState, horizon: int) -> Floats:
        return self._back(continued(self._ahead(state, horizon), solve(state.system)))

    def quantiles(self, state: TrendState, horizon: int, probabilities: Floats) -> Floats | None:
        if self.degrees < 1:
            return None
        x = self._ahead(state, horizon)
        inverse = np.linalg.inv(np.array(state.system)[:, :-1])  # of R; (X'X)⁻¹ = R⁻¹·R⁻¹'
        error = self.sigma * np.sqrt(1 + np.sum((x @ inverse) ** 2, axis=1))
        return self._back(student_quantiles(continued(x, solve(state.system)), error, self.degrees, probabilities))

    def innovations(self, y: Values, fitted: Values) -> Values:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(y) - np.log(fitted) if self.exponential else y - fitted

    def simulate(self, state: TrendState, horizon: int, innovations: Floats) -> Floats:
        """The curve as it is known, and errors about it that leave no trace."""
        return self._back(continued(self._ahead(state, horizon), solve(state.system)) + innovations[:, :horizon])

    def _back(self, values: Floats) -> Floats:
        """From the scale that is fitted to that of the series; a number beyond the range of floats is the end of that range."""
        return np.asarray(np.exp(np.minimum(values, LARGEST_LOG))) if self.exponential else values

    def describe(self) -> dict[str, Any]:
        return {"sigma": self.sigma}

    def describe_state(self, state: TrendState) -> dict[str, Any]:
        """The coefficients of 1, t, t², …, with t = 1 at the first observation; for an exponential trend those of log y, and the growth per step."""
        inside = Polynomial(solve(state.system))
        coefficients = inside(Polynomial([-self.centre / self.scale, 1 / self.scale])).coef
        coefficients = np.concatenate([coefficients, np.zeros(self.degree + 1 - len(coefficients))])
        found: dict[str, Any] = {"intercept": float(coefficients[0]), "slope": float(coefficients[1])}
        if self.degree > 1:
            found = {"coefficients": coefficients}
        if self.exponential:
            found["growth"] = math.expm1(min(found["slope"], LARGEST_LOG))
        return found


def curves_so_far(y: Values, degree: int) -> Floats:
    """(time,) for every step the polynomial through all values before it, continued by one step; NaN where there are too few.   y: none missing.

    From the normal equations of every stretch, in time from 0 to 1 over that stretch, which keeps them well conditioned at any length.

    >>> curves_so_far(np.array([1.0, 3.0, 5.0, 8.0]), 1).round(6).tolist()
    [nan, nan, 5.0, 7.0]
    """
    unit, limit = power_of_two(y), float(np.finfo(np.float64).max) / 2
    risen = y / unit - y[0] / unit  # a high level costs no digits
    n = np.arange(degree + 1.0, len(y))  # the lengths of the stretches
    time = np.arange(1.0, len(y))
    moments = [np.cumsum(time**k)[degree:] / n**k for k in range(2 * degree + 1)]  # Σ (t/n)ᵏ
    square = np.array([[moments[i + j] for j in range(degree + 1)] for i in range(degree + 1)]).transpose(2, 0, 1)
    right = np.stack([np.cumsum(risen[:-1] * time**k)[degree:] / n**k for k in range(degree + 1)], axis=-1)
    beta = np.linalg.solve(square, right[:, :, None])[:, :, 0]
    ahead = np.sum(beta * (1 + 1 / n[:, None]) ** np.arange(degree + 1), axis=1)
    expected = np.full(len(y), np.nan)
    expected[degree + 1 :] = np.clip(ahead, -limit / max(unit, 1.0), limit / max(unit, 1.0)) * unit + y[0]
    return expected


def rotated_in(system: tuple[tuple[float, ...], ...], row: list[float]) -> tuple[tuple[float, ...], ...]:
    """The triangular system after one more equation `row` (x | y), by Givens rotations.   system: (unknowns, unknowns + 1).

    >>> system = rotated_in(rotated_in(((0.0,) * 3,) * 2, [1.0, 1.0, 5.0]), [1.0, 2.0, 7.0])  # a + b = 5, a + 2·b = 7
    >>> [round(unknown, 9) for unknown in solve(system)]
    [3.0, 2.0]
    """
    rows = []
    for i, old in enumerate(system):
        length = math.hypot(old[i], row[i])
        if length == 0:
            rows.append(old)
            continue
        cos, sin = old[i] / length, row[i] / length
        rows.append(tuple(cos * a + sin * b for a, b in zip(old, row, strict=True)))
        row = [cos * b - sin * a for a, b in zip(old, row, strict=True)]
    return tuple(rows)


def solve(system: tuple[tuple[float, ...], ...]) -> list[float]:
    """β of the triangular system (R | z), from the last row up."""
    beta = [0.0] * len(system)
    for i in reversed(range(len(system))):
        row = system[i]
        beta[i] = (row[-1] - sum(row[j] * beta[j] for j in range(i + 1, len(system)))) / row[i]
    return beta


def continued(x: Floats, beta: list[float]) -> Floats:
    """(horizon,) x·β, which ends where the range of floats ends.   x: (horizon, unknowns)."""
    largest = max(map(abs, beta)) or 1.0
    limit = float(np.finfo(np.float64).max) / max(largest, 1.0)
    return np.asarray(np.clip(x @ (np.array(beta) / largest), -limit, limit) * largest)


def positive(y: float) -> float:
    """A value that has a logarithm; ForecastError otherwise."""
    if y > 0:
        return y
    raise ForecastError(f"An exponential trend takes logarithms, so every value must be positive; this series holds {y:g}. Use a linear or polynomial trend.")


@dataclass(frozen=True)
class Trend(LocalForecaster):
    """A line, a polynomial or an exponential curve through all values, by least squares.

        linear        y[t] = a + b·t
        polynomial    y[t] = b₀ + b₁·t + … + b_d·t^d
        exponential   y[t] = exp(a + b·t)

    kind: "linear", "polynomial" or "exponential".
    degree: d of a polynomial, from 1 to 10; None is 2. Above 3 it rarely forecasts well.
    The exponential trend is a line through log y; its forecast is the median, exp(a + b·t), below the mean by a factor exp(σ²/2).
    Every new observation moves the curve; σ, on which the intervals rest, is that of the fit.
    Raises ForecastError for fewer than d + 1 observations (2 for a line), and for values that have no logarithm.
    Source: Draper & Smith 1998, ch. 1, 12.

    >>> from inorder.data.series import Series
    >>> fitted = Trend("linear").fit(Series.of([10.0, 12.0, 15.0, 17.0, 20.0]))
    >>> {name: round(value, 2) for name, value in fitted.describe().items()}
    {'sigma': 0.32, 'intercept': 7.3, 'slope': 2.5}
    >>> fitted.predict(3).mean.round(2).tolist()
    [22.3, 24.8, 27.3]
    """

    kind: str = "linear"
    degree: int | None = None
    name = "trend"
    model = TrendModel

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of trend", str(self.kind), KINDS)
        if self.degree is not None:
            if self.kind != "polynomial":
                raise ConfigError(f'The {self.kind} trend has no `degree`; {self.degree!r} was given. Use kind="polynomial".')
            if check_whole("degree", self.degree, 1) > 10:
                raise ConfigError(f"`degree` is at most 10, not {self.degree}: a polynomial of higher degree follows the noise.")

    def fit_one(self, y: Values, season_length: int) -> TrendModel:
        degree = 1 if self.kind != "polynomial" else 2 if self.degree is None else self.degree
        times = 1 + np.flatnonzero(~np.isnan(y))
        known = y[times - 1]
        if len(known) < degree + 1:
            raise ForecastError(f"A trend with {degree + 1} coefficients needs {degree + 1} observations; this series has {len(known)}.")
        if self.kind == "exponential":
            known = np.log(known, where=known > 0, out=np.zeros(len(known))) if positive(float(known.min())) else known
        centre, scale = (len(y) + 1) / 2, (len(y) - 1) / 2
        x = np.vander((times - centre) / scale, degree + 1, increasing=True)
        largest = float(np.abs(known).max()) or 1.0
        scaled = known / largest
        beta = np.linalg.lstsq(x, scaled)[0]
        degrees = len(known) - degree - 1
        return TrendModel(degree, int(self.kind == "exponential"), centre, scale, deviation(scaled - x @ beta, degrees) * largest, degrees)


class CentredState(NamedTuple):
    """recent: (window,) the last values, oldest first, NaN where missing.   first, last: averages known.
    steps: from the first to the last average.   age: steps since the last.
    """

    recent: tuple[float, ...]
    first: float
    last: float
    steps: int
    age: int


@dataclass(frozen=True, eq=False)
class CentredModel(Model):
    """window: values in each average."""

    window: int

    def init(self) -> CentredState:
        return CentredState((math.nan,) * self.window, math.nan, math.nan, 0, 0)

    def step(self, y: float, state: CentredState) -> tuple[float, CentredState]:
        expected = float(self.forecast(state, 1)[0]) if state.steps else math.nan
        recent = (*state.recent[1:], y)
        average = sum(recent) / self.window
        if math.isnan(average):
            return expected, state._replace(recent=recent, age=state.age + (not math.isnan(state.first)))
        if math.isnan(state.first):
            return expected, CentredState(recent, average, average, 0, 0)
        return expected, CentredState(recent, state.first, average, state.steps + state.age + 1, 0)

    def run(self, y: Values, state: CentredState | None = None) -> tuple[Floats, CentredState]:
        before = self.init() if state is None else state
        first, last, steps, age = lines_so_far(self._averages(y, before), before)
        recent = (*before.recent, *y[-self.window :].tolist())[-self.window :]
        return self.forecasts(y, before, 1)[:, 0], CentredState(recent, first, float(last[-1]), int(steps[-1]), int(age[-1]))

    def _averages(self, y: Values, state: CentredState) -> Floats:
        """(time,) the average that each value of a stretch completes."""
        return np.correlate(np.concatenate([state.recent, y]), np.full(self.window, 1 / self.window), mode="valid")[1:]

    def forecast(self, state: CentredState, horizon: int) -> Floats:
        change = (state.last - state.first) / state.steps
        centre = state.age + (self.window - 1) / 2  # the last average stands that many steps back
        return np.asarray(state.last + change * (centre + np.arange(1, horizon + 1)), dtype=np.float64)

    def forecasts(self, y: Values, state: CentredState, horizon: int) -> Floats:
        return continued_lines(*lines_so_far(self._averages(y, state), state), (self.window - 1) / 2 + np.arange(1.0, horizon + 1))

    def describe_state(self, state: CentredState) -> dict[str, Any]:
        return {"average": state.last, "change": (state.last - state.first) / state.steps}


@dataclass(frozen=True)
class MovingAverageTrend(LocalForecaster):
    """The centred moving average, continued by its mean change.

        T[t] = (y[t−j] + … + y[t+j]) / k,   k = 2·j + 1
        ŷ[t+h] = T[t−j] + (h + j)·(T[t−j] − T[1+j]) / (t − k)

    window: k, 1 or more (1 is the drift method; the averages of an even window stand between two steps). None is one season, or 3 without a season.
    An average that would hold a missing value is left out. Intervals are conformal.
    Raises ForecastError for fewer than two averages.   Source: Kendall & Ord 1990, Time Series, 3rd ed., ch. 3.

    >>> from inorder.data.series import Series
    >>> fitted = MovingAverageTrend(window=3).fit(Series.of([100.0, 110.0, 105.0, 115.0, 120.0, 125.0]))
    >>> fitted.predict(2).mean.round(2).tolist(), fitted.describe()
    ([130.0, 135.0], {'window': 3, 'average': 120.0, 'change': 5.0})
    """

    window: int | None = None
    name = "moving-average-trend"
    model = CentredModel

    def __post_init__(self) -> None:
        if self.window is not None:
            check_whole("window", self.window, 1)

    def fit_one(self, y: Values, season_length: int) -> CentredModel:
        window = self.window or (season_length if season_length > 1 else 3)
        whole = np.convolve(~np.isnan(y), np.ones(window), mode="valid") > window - 0.5 if len(y) >= window else np.zeros(0, dtype=bool)
        if whole.sum() < 2:
            raise ForecastError(
                f"The trend by moving averages over {window} values needs {window + 1} observations in a row; this series has {whole.sum()} average"
                f"{'' if whole.sum() == 1 else 's'} without a missing value. Set a shorter `window`."
            )
        return CentredModel(window)
