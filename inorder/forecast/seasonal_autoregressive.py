"""Seasonal autoregression: the next value from the last few, and from those around the same place one and two seasons ago.

    z[t] = c + Σ φ[l]·z[t−l] + e[t],    l ∈ {1, …, p} ∪ {j·s + i : s a season, j = 1 … cycles, |i| ≤ neighbours}

z is the series, its logarithm, or the change of either. A season that is a day (24, 48, 96, 144, 288 or 1440 observations) brings the week,
seven times as long, with it. φ minimises Σ e². Between j·s − 1 and j·s + 1 the regression can lay a season that shifts or grows, and between
several seasons a mean of them, so that a season is not repeated but forecast; and it costs one least-squares fit.

A level returns to the mean of the last season, which is what c stands for: c = (1 − Σ φ)·mean; a change returns to no change. A lag is used
as long as it is at most a third of the series, so that every coefficient is met by two thirds of it. The variance of the error h steps
ahead is σ²·(ψ₀² + … + ψ[h−1]²), as for every autoregression, which takes φ for known. With logarithms mean and bounds are exponentials of
those of z, so the mean is a median. Forecasts are kept within one range of the history beyond its ends.

Source: Box, Jenkins, Reinsel & Ljung 2015, Time Series Analysis, 5th ed., ch. 9 (the multiplicative seasonal model, of which this is the free
form).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ForecastError
from inorder.forecast.autoregressive import psi_weights
from inorder.forecast.base import Model, check_whole
from inorder.forecast.intervals import deviation, normal_quantiles, power_of_two
from inorder.forecast.local import LocalForecaster
from inorder.typing import Floats, Offsets, Values

DAYS = (24, 48, 96, 144, 288, 1440)  # hours, half-hours, 15, 10, 5 and 1 minutes
LONGEST_SHARE = 1 / 3  # of the series, that a lag may reach back
LARGEST = float(np.finfo(np.float64).max)
LARGEST_LOG = math.log(LARGEST)


class SeasonalARState(NamedTuple):
    """recent: (longest lag,) the last values of z, oldest first; NaN before the first. For a missing one its forecast stands in, or the value before
    it where there was no forecast yet.
    age: steps since the last value that was observed.
    """

    recent: Floats
    age: int


@dataclass(frozen=True, eq=False)
class SeasonalARModel(Model):
    """constant: c.   phi: (longest lag,) the coefficient of every lag from 1 on, 0 for those not used; those of z itself, whether changes were
    fitted or not.   lags: (used,) the lags that were fitted.   sigma: standard deviation of e.
    logarithm, differenced: 1 where z is the logarithm, where changes were fitted.   unit: z is formed of y / unit (1 for logarithms).
    least, most: bounds of forecasts, in z.
    """

    constant: float
    phi: Floats
    lags: Offsets
    sigma: float
    logarithm: int
    differenced: int
    unit: float
    least: float
    most: float

    def init(self) -> SeasonalARState:
        return SeasonalARState(np.full(len(self.phi), np.nan), 0)

    def step(self, y: float, state: SeasonalARState) -> tuple[float, SeasonalARState]:
        expected = self._next(state.recent)
        missing = math.isnan(y)
        stand_in = float(state.recent[-1]) if math.isnan(expected) else expected
        z = stand_in if missing else float(self._inward(np.array([y]))[0])
        return float(self._outward(np.array([expected]))[0]), SeasonalARState(np.append(state.recent[1:], z), state.age + 1 if missing else 0)

    def run(self, y: Values, state: SeasonalARState | None = None) -> tuple[Floats, SeasonalARState]:
        before = self.init() if state is None else state
        if np.isnan(y).any() or len(y) == 0:
            return super().run(y, before)
        values = np.concatenate([before.recent, self._inward(y)])
        begin, expected = len(before.recent), np.full(len(y), self.constant)
        for lag in np.flatnonzero(self.phi) + 1:
            expected += self.phi[lag - 1] * values[begin - lag : len(values) - lag]
        expected = np.clip(expected, self.least, self.most)
        return self._outward(expected), SeasonalARState(values[-len(self.phi) :], 0)

    def forecast(self, state: SeasonalARState, horizon: int) -> Floats:
        return self._outward(self._ahead(state, horizon))

    def quantiles(self, state: SeasonalARState, horizon: int, probabilities: Floats) -> Floats | None:
        if math.isnan(self.sigma):
            return None
        error = self.sigma * np.sqrt(np.cumsum(psi_weights(self.phi, state.age + horizon) ** 2))[state.age :]
        return self._outward(normal_quantiles(self._ahead(state, horizon), error, probabilities))

    def innovations(self, y: Values, fitted: Values) -> Values:
        return self._inward(y) - self._inward(fitted)

    def simulate(self, state: SeasonalARState, horizon: int, innovations: Floats) -> Floats:
        order, used = len(self.phi), np.flatnonzero(self.phi)
        z = np.empty((len(innovations), order + horizon))
        z[:, :order] = state.recent
        for h in range(horizon):
            expected = np.clip(z[:, order + h - 1 - used] @ self.phi[used] + self.constant, self.least, self.most)
            z[:, order + h] = expected + innovations[:, h]
        return self._outward(z[:, order:])

    def _next(self, recent: Floats) -> float:
        used = np.flatnonzero(self.phi)
        value = float(recent[len(recent) - 1 - used] @ self.phi[used]) + self.constant
        return min(max(value, self.least), self.most)

    def _ahead(self, state: SeasonalARState, horizon: int) -> Floats:
        """(horizon,) means of z."""
        order, used = len(self.phi), np.flatnonzero(self.phi)
        z, phi = np.concatenate([state.recent, np.empty(horizon)]), self.phi[used]
        for h in range(horizon):
            z[order + h] = min(max(float(z[order + h - 1 - used] @ phi) + self.constant, self.least), self.most)
        return z[order:]

    def _inward(self, y: Values) -> Floats:
        """z from y.   Raises ForecastError for a logarithm of zero or less."""
        if not self.logarithm:
            return np.asarray(y / self.unit)
        if np.nanmin(y, initial=1.0) <= 0:
            raise ForecastError(f"The model is one of logarithms and needs values above zero; {np.nanmin(y):g} came. Use logarithm=False.")
        return np.asarray(np.log(y))

    def _outward(self, z: Floats) -> Floats:
        """y from z, within the range of floats."""
        if self.logarithm:
            return np.asarray(np.exp(np.minimum(z, LARGEST_LOG)))
        with np.errstate(over="ignore"):
            return np.asarray(np.clip(z * self.unit, -LARGEST, LARGEST))

    def describe(self) -> dict[str, Any]:
        scale = "log" if self.logarithm else "level"
        fitted = self.phi
        if self.differenced:
            fitted = np.cumsum(self.phi)[:-1] - 1  # of the changes: φ(B)·(1 − B) undone
        return {
            "scale": f"changes of {scale}" if self.differenced else scale,
            "lags": self.lags.tolist(),
            "phi": fitted[self.lags - 1],
            "constant": self.constant,
            "sigma": self.sigma,
        }


@dataclass(frozen=True)
class SeasonalAR(LocalForecaster):
    """The next value from the last few, and from those around the same place one and more seasons ago, by least squares.

        z[t] = c + Σ φ[l]·z[t−l] + e[t],    l ∈ {1, …, order} ∪ {j·s + i : j = 1 … cycles, |i| ≤ neighbours}

    order: how many of the last values.   neighbours: how many lags on either side of a whole season.   cycles: how many seasons back.
    seasons: the seasons s; None = the season length, and seven of them where it is a day of 24 hours, 48 half-hours, …
    logarithm: z is the logarithm of the series, which must be above zero.   differenced: z is its change from one step to the next.
    Lags beyond a third of the series are left out. Raises ForecastError where fewer rows than twice the coefficients remain.
    Source: Box, Jenkins, Reinsel & Ljung 2015, ch. 9.

    >>> from inorder.data.series import Series
    >>> y = np.tile([10.0, 30.0, 20.0, 40.0], 12) * 1.1 ** np.arange(48)
    >>> fitted = SeasonalAR(season_length=4, logarithm=True, differenced=True).fit(Series.of(y))
    >>> (fitted.predict(2).mean / y[-4:-2]).round(3).tolist()  # four steps of growth by a tenth
    [1.464, 1.464]
    """

    order: int = 3
    neighbours: int = 2
    cycles: int = 2
    seasons: tuple[int, ...] | None = None
    logarithm: bool = False
    differenced: bool = False
    name = "seasonal-ar"
    model = SeasonalARModel

    def __post_init__(self) -> None:
        for name, least in (("order", 0), ("neighbours", 0), ("cycles", 1)):
            check_whole(name, getattr(self, name), least)
        for name in ("logarithm", "differenced"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"`{name}` is True or False, not {getattr(self, name)!r}.")
        if self.seasons is not None:
            if not isinstance(self.seasons, tuple | list) or not self.seasons:
                raise ConfigError(f"`seasons` are season lengths such as (24, 168), or None, not {self.seasons!r}.")
            object.__setattr__(self, "seasons", tuple(check_whole("seasons", season, 2) for season in self.seasons))

    def fit_one(self, y: Values, season_length: int) -> SeasonalARModel:
        known = y[~np.isnan(y)]
        if self.logarithm and not known.min() > 0:
            raise ForecastError(f"Logarithms need values above zero; the smallest here is {known.min():g}. Use logarithm=False.")
        unit = 1.0 if self.logarithm else power_of_two(known)
        z = np.log(y) if self.logarithm else y / unit
        w = np.diff(z) if self.differenced else z
        seasons = self.seasons or daily_and_weekly(season_length)
        longest = int(len(y) * LONGEST_SHARE)
        lags = seasonal_lags(seasons, self.order, self.neighbours, self.cycles, longest)
        recent = w[-seasons[0] :] if seasons else w
        centre = 0.0 if self.differenced else float(np.mean(recent[~np.isnan(recent)] if not np.isnan(recent).all() else w[~np.isnan(w)]))
        x, target = lagged(w - centre, lags)
        while len(lags) and len(target) < 2 * len(lags) + 1:  # gaps, or too short for the longest lags
            lags = lags[:-1]
            x, target = lagged(w - centre, lags)
        if not len(lags):
            raise ForecastError(f"{self.name} needs 3 steps or more that are known with the value before each; this series of {len(y)} has too few. Use naive.")
        beta = least_squares(x, target)
        sigma = deviation(target - x @ beta, len(target) - len(lags))
        phi = np.zeros(int(lags[-1]))
        phi[lags - 1] = beta
        constant = centre * (1 - float(phi.sum()))
        if self.differenced:  # of z itself: φ(B)·(1 − B)
            phi = np.append(phi, 0.0) - np.concatenate([[-1.0], phi])
        low, high = float(np.nanmin(z)), float(np.nanmax(z))
        reach = high - low
        return SeasonalARModel(constant, phi, lags, sigma, int(self.logarithm), int(self.differenced), unit, low - reach, high + reach)


def daily_and_weekly(season_length: int) -> tuple[int, ...]:
    """The seasons that go with a season length: none for 1, the week too for a day.

    >>> daily_and_weekly(24), daily_and_weekly(12), daily_and_weekly(1)
    ((24, 168), (12,), ())
    """
    return () if season_length < 2 else (season_length, 7 * season_length) if season_length in DAYS else (season_length,)


def seasonal_lags(seasons: Sequence[int], order: int, neighbours: int, cycles: int, longest: int) -> Offsets:
    """The lags in rising order: 1 … order, and those around whole seasons; none above `longest`, but 1 always.

    >>> seasonal_lags((12,), 2, 1, 2, 30).tolist()
    [1, 2, 11, 12, 13, 23, 24, 25]
    """
    around = [j * s + i for s in seasons for j in range(1, cycles + 1) for i in range(-neighbours, neighbours + 1) if j * s + neighbours <= longest]
    return np.array(sorted({1, *(lag for lag in [*range(1, order + 1), *around] if 1 <= lag <= max(longest, 1))}), dtype=np.int64)


def lagged(z: Floats, lags: Offsets) -> tuple[Floats, Floats]:
    """(rows, lags) regressors and (rows,) targets of every step that is known with its lags.

    >>> x, target = lagged(np.array([1.0, 2.0, 3.0, np.nan, 5.0, 6.0, 7.0]), np.array([1, 2]))
    >>> x.tolist(), target.tolist()
    ([[2.0, 1.0], [6.0, 5.0]], [3.0, 7.0])
    """
    longest = int(lags[-1]) if len(lags) else 0
    if longest >= len(z):
        return np.empty((0, len(lags))), np.empty(0)
    x = np.stack([z[longest - lag : len(z) - lag] for lag in lags.tolist()], axis=1) if len(lags) else np.empty((len(z), 0))
    target = z[longest:]
    known = ~np.isnan(target) & ~np.isnan(x).any(axis=1)
    return x[known], target[known]


def least_squares(x: Floats, target: Floats) -> Floats:
    """(columns,) the shortest β among those that minimise |target − x·β|²; columns that are alike share."""
    return np.asarray(np.linalg.lstsq(x, target, rcond=1e-10)[0], dtype=np.float64)
