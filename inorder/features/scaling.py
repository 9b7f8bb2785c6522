"""Scaling: every series brought to a common size, and back.

    StandardScaler    z = (y − mean) / std
    RobustScaler      z = (y − median) / (third quartile − first quartile)
    MinMaxScaler      z = low + (high − low)·(y − min) / (max − min)
    BoxCox            z = (xᵏ − 1)/k, or log x where k = 0,    x = y + shift > 0, k the power λ

A scaler is a setting; `fit` learns one set of numbers per series and returns a fitted record with `transform` and `inverse`.
Fit it on the training part only: a mean that has seen the test part tells the model about it.

    train = series.head(12)
    scale = StandardScaler().fit(train)
    z = scale.transform(series)                       # the last 12 rows as well, with numbers of the rows before them
    forecast = scale.inverse(forecast_of_z)           # (series, horizon)

Missing values stay missing and are not counted. A series that never varies is only shifted; one without observations is left alone.

Source: Box & Cox 1964, An analysis of transformations, eq. 1 and 8; Guerrero 1993, Time-series analysis supported by power transformations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError, ShapeError, unknown
from inorder.features.panel import Rows, check_count, flat, per_series, position_in_series, quantiles_per_series
from inorder.typing import Floats, Offsets, Values

METHODS = ("guerrero", "likelihood")


@dataclass(frozen=True, eq=False)
class Scale:
    """A fitted straight line per series: z = (y − centre) / size.   centre, size: (series,).

    Give `transform` and `inverse` a Series, an array (time,) where one series was fitted, or an array whose first axis is
    the series, such as (series, horizon). They return an array of the same shape: rows, for a Series.
    """

    centre: Floats
    size: Floats

    def transform(self, y: Rows) -> Floats:
        """From the units of the data to units of `size`."""
        values, (centre, size) = _beside(y, self.centre, self.size)
        return np.asarray((values - centre) / size)

    def inverse(self, z: Rows) -> Floats:
        """Back to the units of the data."""
        values, (centre, size) = _beside(z, self.centre, self.size)
        return np.asarray(values * size + centre)


@dataclass(frozen=True)
class StandardScaler:
    """Mean 0 and standard deviation 1 (with n, not n − 1) on the part that it was fitted to.

    >>> y = np.array([10.0, 12.0, 14.0, 30.0])
    >>> scale = StandardScaler().fit(y[:3])               # the training part only
    >>> scale.transform(y).round(2).tolist()
    [-1.22, 0.0, 1.22, 11.02]
    >>> scale.inverse(scale.transform(y)).tolist()
    [10.0, 12.0, 14.0, 30.0]
    """

    def fit(self, y: Rows) -> Scale:
        """Learn the mean and the standard deviation of each series."""
        values, offsets = flat(y)
        mean, std = _mean_and_std(values, offsets)
        return _scale(values, offsets, mean, std)


@dataclass(frozen=True)
class RobustScaler:
    """Median 0 and interquartile range 1: a few wild values move it little.

    Where more than half of the values are equal, so that the range is 0, the standard deviation takes its place.

    >>> RobustScaler().fit([1, 2, 3, 4, 1000]).transform([3, 5]).tolist()
    [0.0, 1.0]
    """

    def fit(self, y: Rows) -> Scale:
        """Learn the quartiles of each series."""
        values, offsets = flat(y)
        first, median, third = quantiles_per_series(values, offsets, (0.25, 0.5, 0.75))
        spread = third - first
        return _scale(values, offsets, median, np.where(spread > 0, spread, _mean_and_std(values, offsets)[1]))


@dataclass(frozen=True)
class MinMaxScaler:
    """From `low` to `high` on the part that it was fitted to; later values may go beyond.

    >>> MinMaxScaler(-1, 1).fit([10, 20, 30]).transform([10, 25, 40]).tolist()
    [-1.0, 0.5, 2.0]
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ConfigError(f"`low` is less than `high`; they are {self.low!r} and {self.high!r}.")

    def fit(self, y: Rows) -> Scale:
        """Learn the smallest and the largest value of each series."""
        values, offsets = flat(y)
        smallest, largest = _extremes(values, offsets)
        size = (largest - smallest) / (self.high - self.low)
        size = np.where(size > 0, size, 1.0)
        return _scale(values, offsets, smallest - self.low * size, size)


@dataclass(frozen=True, eq=False)
class FittedBoxCox:
    """A fitted power per series: z = ((y + shift)^power − 1)/power, the logarithm where power = 0.   power: (series,).

    `transform` and `inverse` take what those of `Scale` take. The inverse of a mean of z is a median of y, and interval bounds
    stay what they are. Where power·z + 1 falls below 0 no y belongs to it, and the nearest one is given: −shift for a
    positive power, infinity for a negative one.
    """

    power: Floats
    shift: float = 0.0

    def transform(self, y: Rows) -> Floats:
        """From y to z. Raises SeriesError for a value that is not above −shift."""
        values, (power,) = _beside(y, self.power)
        values = values + self.shift
        _check_positive(values, y, self.shift)
        log = np.log(values)
        return np.asarray(np.where(power == 0, log, np.expm1(power * log) / np.where(power == 0, 1.0, power)))

    def inverse(self, z: Rows) -> Floats:
        """From z back to y."""
        values, (power,) = _beside(z, self.power)
        with np.errstate(divide="ignore", over="ignore"):
            log = np.where(power == 0, values, np.log1p(np.maximum(power * values, -1.0)) / np.where(power == 0, 1.0, power))
            return np.asarray(np.exp(log) - self.shift)


@dataclass(frozen=True)
class BoxCox:
    """The power of each series under which its spread does not depend on its level (Guerrero), or is most nearly normal (likelihood).

    power: given, or None to be estimated between `lower` and `upper`.
    method: "guerrero" makes std/mean^(1 − power) of whole seasons as equal as can be; "likelihood" maximises
        (power − 1)·Σ log y − n/2·log(variance of z).
    season_length: rows in a stretch for Guerrero's method; None: that of the Series, at least 2.
    shift: added first, so that values that are 0 or negative can be used.
    A series that does not vary, or is too short to tell, gets the power 1.

    >>> y = np.exp(np.linspace(0, 5, 60)) * np.tile([1.0, 1.2, 0.8], 20)
    >>> fitted = BoxCox(season_length=3).fit(y)
    >>> bool(abs(fitted.power[0]) < 0.01)                 # growth by a factor: nearly the logarithm
    True
    >>> bool(np.allclose(fitted.inverse(fitted.transform(y)), y))
    True
    """

    power: float | None = None
    method: str = "guerrero"
    season_length: int | None = None
    shift: float = 0.0
    lower: float = -1.0
    upper: float = 2.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown("method", str(self.method), METHODS)
        if not self.lower < self.upper:
            raise ConfigError(f"`lower` is less than `upper`; they are {self.lower!r} and {self.upper!r}.")
        if self.season_length is not None:
            check_count("season_length", self.season_length)
        if self.power is not None and not np.isfinite(self.power):
            raise ConfigError(f"`power` is a number such as 0 for the logarithm or 0.5 for the square root, not {self.power!r}.")

    def fit(self, y: Rows) -> FittedBoxCox:
        """Learn the power of each series. Raises SeriesError for a value that is not above −shift."""
        values, offsets = flat(y)
        values = values + self.shift
        _check_positive(values, y, self.shift)
        if self.power is not None:
            return FittedBoxCox(np.full(len(offsets) - 1, float(self.power)), self.shift)
        if self.method == "guerrero":
            season = self.season_length or (y.season_length if isinstance(y, Series) else 1)
            cost = _guerrero(values, offsets, max(season, 2))
        else:
            cost = _likelihood(values, offsets)
        smallest, largest = _extremes(values, offsets)
        power = _minimise(cost, np.full(len(offsets) - 1, self.lower), np.full(len(offsets) - 1, self.upper))
        return FittedBoxCox(np.where((largest > smallest) & ~np.isnan(cost(power)), power, 1.0), self.shift)


def _beside(y: Rows, *numbers: Floats) -> tuple[Floats, tuple[Floats, ...]]:
    """The values, and each series' numbers where they belong beside them."""
    count = len(numbers[0])
    if isinstance(y, Series):
        if len(y) != count:
            raise ShapeError(f"The scale was fitted to {count} series; these are {len(y)}.")
        return y.values, tuple(np.repeat(number, y.lengths) for number in numbers)
    values = np.asarray(y, dtype=np.float64)
    if count == 1:
        return values, tuple(number[0] for number in numbers)
    if values.ndim < 2 or values.shape[0] != count:
        raise ShapeError(
            f"The scale was fitted to {count} series; an array has them on its first axis, ({count}, horizon), but this one has the shape {values.shape}."
        )
    return values, tuple(number.reshape(-1, *[1] * (values.ndim - 1)) for number in numbers)


def _scale(values: Values, offsets: Offsets, centre: Floats, size: Floats) -> Scale:
    smallest, largest = _extremes(values, offsets)
    centre = np.where((largest == smallest) & (size == 0), smallest, centre)  # exactly, so that z is exactly 0
    observed = ~np.isnan(smallest)
    return Scale(np.where(observed, centre, 0.0), np.where(observed & (largest > smallest) & (size > 0), size, 1.0))


def _extremes(values: Values, offsets: Offsets) -> tuple[Floats, Floats]:
    return per_series(np.fmin, values, offsets, np.nan), per_series(np.fmax, values, offsets, np.nan)


def _mean_and_std(values: Values, offsets: Offsets) -> tuple[Floats, Floats]:
    """(series,) each, NaN without observations. The mean is corrected once by the mean of what it leaves, for values like 1e9 + noise."""
    lengths, present = np.diff(offsets), ~np.isnan(values)
    count = per_series(np.add, present.astype(np.float64), offsets, 0.0)
    count = np.where(count > 0, count, np.nan)
    mean = per_series(np.add, np.where(present, values, 0.0), offsets, 0.0) / count
    mean = mean + per_series(np.add, np.where(present, values - np.repeat(mean, lengths), 0.0), offsets, 0.0) / count
    rest = np.where(present, values - np.repeat(mean, lengths), 0.0)
    return mean, np.sqrt(per_series(np.add, rest * rest, offsets, 0.0) / count)


def _check_positive(values: Floats, y: Any, shift: float) -> None:
    wrong = np.flatnonzero(values.reshape(-1) <= 0)
    if len(wrong) == 0:
        return
    row, value = int(wrong[0]), float(values.reshape(-1)[wrong[0]]) - shift
    where = f"value {row + 1}"
    if isinstance(y, Series):
        i = int(np.searchsorted(y.offsets, row, side="right")) - 1
        where = f'series "{y.ids[i]}", row {row - int(y.offsets[i]) + 1}'
    raise SeriesError(f"Box–Cox needs values above {-shift:g}, but {where} is {value:g}. Give a larger shift, BoxCox(shift=…), or use StandardScaler.")


def _guerrero(values: Values, offsets: Offsets, season: int) -> Callable[[Floats], Floats]:
    """power -> (series,) variation of std/mean^(1 − power) over the last whole seasons; NaN where fewer than two can be judged."""
    lengths = np.diff(offsets)
    place = position_in_series(offsets) - np.repeat(lengths % season, lengths)  # what does not fill a season is left out at the start
    inside = place >= 0
    starts = np.concatenate([[0], np.cumsum(lengths // season)]).astype(np.int64)  # seasons of each series
    kept = np.arange(starts[-1] + 1, dtype=np.int64) * season
    mean, std = _mean_and_std(values[inside], kept)
    count = per_series(np.add, (~np.isnan(values[inside])).astype(np.float64), kept, 0.0)
    enough = count > 1
    spread = np.where(enough, std * np.sqrt(count / np.maximum(count - 1, 1)), np.nan)
    log_mean = np.log(np.where(enough, mean, 1.0))

    def variation(power: Floats) -> Floats:
        ratio = spread * np.exp((np.repeat(power, lengths // season) - 1) * log_mean)
        average, deviation = _mean_and_std(ratio, starts)
        seasons = per_series(np.add, enough.astype(np.float64), starts, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(seasons > 1, deviation / average, np.nan)

    return variation


def _likelihood(values: Values, offsets: Offsets) -> Callable[[Floats], Floats]:
    """power -> (series,) log variance of z for values over their geometric mean: −2/n times the log-likelihood, but for a constant."""
    lengths = np.diff(offsets)
    log = np.log(values)
    log = log - np.repeat(_mean_and_std(log, offsets)[0], lengths)

    def log_variance(power: Floats) -> Floats:
        row_power = np.repeat(power, lengths)
        z = np.where(row_power == 0, log, np.expm1(row_power * log) / np.where(row_power == 0, 1.0, row_power))
        with np.errstate(divide="ignore"):
            return 2 * np.log(_mean_and_std(z, offsets)[1])

    return log_variance


def _minimise(cost: Callable[[Floats], Floats], lower: Floats, upper: Floats, steps: int = 24, digits: float = 1e-8) -> Floats:
    """(series,) where each series' cost is least: the best of an even grid, then golden section between its neighbours."""
    grid = np.linspace(lower, upper, steps + 1)  # (steps + 1, series)
    costs = np.stack([cost(row) for row in grid])
    best = np.argmin(np.where(np.isnan(costs), np.inf, costs), axis=0)
    series = np.arange(len(lower))
    low, high = grid[np.maximum(best - 1, 0), series], grid[np.minimum(best + 1, steps), series]
    golden = (np.sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = cost(left), cost(right)
    while (high - low).max(initial=0) > digits:
        lesser = at_left <= at_right
        low, high = np.where(lesser, low, left), np.where(lesser, right, high)
        probe = np.where(lesser, high - golden * (high - low), low + golden * (high - low))
        at_probe = cost(probe)
        left, right = np.where(lesser, probe, right), np.where(lesser, left, probe)
        at_left, at_right = np.where(lesser, at_probe, at_right), np.where(lesser, at_left, at_probe)
    return np.asarray((low + high) / 2)
