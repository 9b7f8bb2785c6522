"""What a recurrent forecaster sees: every series on one scale, around its own level.

    u[t] = log y[t] − season[phase]            logarithm only where the spread grows with the level
    ℓ[t] = ℓ[t−1] + α · (u[t] − ℓ[t−1])        the level, α = 1 − exp(−1/season); a missing value leaves it as it is
    x[t] = (u[t−k] − ℓ[t]) / s                 for the last three values and for three places around this one in the season before
    z[t] = (u[t+1] − ℓ[t]) / s                 what is to be forecast;   s = mean |z · s| over the training part

so that a series may grow a hundredfold and the network still sees numbers of the size 1. Every number is known at t.
A missing value is taken to lie on the level, and a flag says so.

Sources: level and season taken out of each window: Smyl 2020, A hybrid method of exponential smoothing and recurrent neural
networks, §3; one scale per series: Salinas et al. 2020, DeepAR, §3.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inorder.data.covariates import columns_of, future_columns
from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.features.fourier import clock
from inorder.features.panel import ahead, back, position_in_series
from inorder.features.rolling import exponential_mean
from inorder.features.scaling import BoxCox
from inorder.forecast.baselines import is_seasonal, seasonal_indices
from inorder.typing import Floats, Offsets, Values

TRANSFORMS = ("auto", "log", "none")
FEWEST = 16  # observations after the first, below which a series by itself is not worth a network
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scaling:
    """The numbers that bring each series to the network's scale and back.

    logarithm: (series,) 1 where values are in logarithms.   floor: (series,) the least value taken, for those: the smallest observed.
    season: (series, season_length) index of each phase, in units of u.   scale: (series,) s.
    limit: (series,) the largest |z| observed; no forecast goes further from the level in one step.
    burn: (series,) rows from the first observation on that only fill the memory: a season, where there are two.
    future_centre, future_spread, static_centre, static_spread: (covariates,) what standardises them.
    """

    logarithm: Whole
    floor: Floats
    season: Floats
    scale: Floats
    limit: Floats
    burn: Whole
    future_centre: Floats
    future_spread: Floats
    static_centre: Floats
    static_spread: Floats

    @property
    def season_length(self) -> int:
        return int(self.season.shape[1])

    @property
    def alpha(self) -> float:
        """The share of a new value in the level: a memory of one season, of four steps where there is none."""
        return 1 - math.exp(-1 / max(self.season_length, 4))

    @property
    def lags(self) -> list[int]:
        """How many steps before the newest value the values among the inputs lie."""
        around = range(self.season_length - 2, self.season_length + 1) if self.season_length > 1 else ()
        return sorted({0, 1, 2, *around})

    def forward(self, y: Values, which: Whole, phase: Whole) -> Floats:
        """From values to u.   which: the series of each value.   phase: its place in the season."""
        log = self.logarithm[which] == 1
        values = np.where(log, np.maximum(y, self.floor[which]), y)
        values[log] = np.log(values[log])
        return np.asarray(values - self.season[which, phase])

    def inverse(self, u: Floats, which: Whole, phase: Whole) -> Floats:
        """From u back to values.   All three: (series, horizon), or the shapes of `forward`."""
        values = u + self.season[which, phase]
        with np.errstate(over="ignore"):
            return np.asarray(np.where(self.logarithm[which] == 1, np.exp(np.minimum(values, 709.0)), values))

    def inputs(
        self, recent: Floats, level: Floats, known: NDArray[np.bool_], phase: Whole, future: Floats, static: Floats, which: Whole
    ) -> NDArray[np.float32]:
        """(rows, features) what the network sees at each row.

        recent: (rows, lags) u at `lags`.   level, known, phase, which: (rows,) of the newest value.
        future: (rows, 2 · covariates) of this step and of the one to be forecast; static: (rows, covariates); both standardised.
        """
        columns = [(recent - level[:, None]) / self.scale[which, None], known[:, None]]
        if self.season_length > 1:
            angle = 2 * np.pi * ((phase + 1) % self.season_length) / self.season_length
            columns += [np.sin(angle)[:, None], np.cos(angle)[:, None]]
        return np.concatenate([*columns, future, static], axis=1, dtype=np.float32)

    def standard_future(self, values: Floats) -> Floats:
        """Future covariates, (…, covariates), brought to mean 0 and standard deviation 1; 0 where not known."""
        return np.asarray(np.nan_to_num((values - self.future_centre) / self.future_spread))

    def standard_static(self, history: Series) -> Floats:
        """(series, covariates) static covariates, likewise."""
        values = columns_of(history.static, len(history))
        return np.asarray(np.nan_to_num((values - self.static_centre) / self.static_spread))


@dataclass(frozen=True, eq=False)
class Levels:
    """A history in units of u, row by row.

    u: (rows,) NaN = missing.   filled: the same with missing values on the level.   level, phase, series: (rows,).
    begin: (series,) row of the first observation; the rows before it are not used.   end: (series,) row after the last.
    """

    u: Floats
    filled: Floats
    level: Floats
    phase: Whole
    series: Whole
    begin: Offsets
    end: Offsets

    @property
    def ahead(self) -> Floats:
        """(rows,) how far the next value lies from the level; NaN where it is missing."""
        offsets = np.concatenate([[0], self.end])
        return ahead(self.u, offsets, 1) - self.level

    def recent(self, rows: Whole, count: int) -> Floats:
        """(len(rows), count) the last `count` filled values up to and including each row, oldest first; before the first observation, that observation."""
        begin = self.begin[self.series[rows]]
        return np.asarray(self.filled[np.maximum(rows[:, None] + np.arange(1 - count, 1), begin[:, None])])


@dataclass(frozen=True, eq=False)
class Encoded(Levels):
    """A history as the network sees it.

    inputs: (rows, features).   targets: (rows,) z of the next value; NaN where it is missing.
    future: (rows, covariates) of the step after each row, standardised.
    """

    inputs: NDArray[np.float32]
    targets: Floats
    future: Floats


def levels_of(history: Series, scaling: Scaling) -> Levels:
    """Every row of `history` in units of u, and the level that it leaves."""
    series = np.repeat(np.arange(len(history)), history.lengths)
    phase = phases(history, scaling.season_length)
    u = scaling.forward(history.values, series, phase)
    level = exponential_mean(replace(history, values=u), alpha=scaling.alpha)
    known = ~np.isnan(u)
    row = np.where(known, np.arange(len(u)), len(u))
    begin = np.minimum(np.minimum.reduceat(row, history.offsets[:-1]), history.offsets[1:])
    return Levels(u, np.where(known, u, level), level, phase, series, begin, history.offsets[1:])


def encode(history: Series, scaling: Scaling) -> Encoded:
    """Every row of `history` as the network sees it."""
    rows = levels_of(history, scaling)
    position, series = position_in_series(history.offsets), rows.series
    first = rows.filled[np.minimum(rows.begin, len(rows.u) - 1)][series]
    recent = np.stack([back(rows.filled, position, lag) for lag in scaling.lags], axis=1)
    recent = np.where(np.isnan(recent), first[:, None], recent)  # before the first observation
    future = scaling.standard_future(_next_future(history))
    both = np.concatenate([scaling.standard_future(future_columns(history)), future], axis=1)
    static = scaling.standard_static(history)[series]
    inputs = scaling.inputs(recent, rows.level, ~np.isnan(rows.u), rows.phase, both, static, series)
    return Encoded(**vars(rows), inputs=inputs, targets=rows.ahead / scaling.scale[series], future=future)


def fit_scaling(history: Series, season_length: int, transform: str | Whole) -> Scaling:
    """Learn the scaling of every series from its whole history.   transform: one of TRANSFORMS, or what `logarithms` gives."""
    count, m = len(history), season_length
    logarithm = logarithms(history, history, m, transform) if isinstance(transform, str) else transform
    phase = phases(history, m)
    season, floor = np.zeros((count, m)), np.ones(count)
    burn = np.ones(count, dtype=np.int64)
    for i, y in enumerate(history):
        known = np.flatnonzero(~np.isnan(y))
        if len(known) == 0:
            continue
        u = y[known[0] : known[-1] + 1]
        if logarithm[i]:
            floor[i] = y[known].min()
            u = np.log(u)
        burn[i] = m if len(u) >= 2 * m + FEWEST // 2 else 1
        season[i] = _season(u, int(phase[history.offsets[i] + known[0]]), m)
    future, static = future_columns(history), columns_of(history.static, count)
    ones = np.ones(count)
    raw = Scaling(logarithm, floor, season, ones, ones, burn, *_centre_and_spread(future), *_centre_and_spread(static))
    rows = levels_of(history, raw)
    sizes = np.abs(np.where(trained(rows, burn, rows.end), rows.ahead, np.nan))
    pieces = [piece[~np.isnan(piece)] for piece in np.split(sizes, history.offsets[1:-1])]
    largest = np.array([np.abs(rows.filled[a:b]).max(initial=0.0) for a, b in zip(rows.begin, rows.end, strict=True)])
    mean = np.array([float((piece / len(piece)).sum()) for piece in pieces])
    scale = np.where(mean > 1e-12 * largest, mean, np.where(largest > 0, 0.01 * largest, 1.0))  # the latter where it never varies
    return replace(raw, scale=scale, limit=np.array([piece.max(initial=0.0) for piece in pieces]) / scale)


def trained(rows: Levels, burn: Whole, until: Offsets) -> NDArray[np.bool_]:
    """(rows,) whether the target of a row counts: it lies `burn` rows or more after the first observation and before row `until`, (series,)."""
    target = np.arange(1, len(rows.u) + 1)
    return np.asarray((target >= (rows.begin + burn)[rows.series]) & (target < until[rows.series]))


def too_short(history: Series) -> dict[str, str]:
    """The series that cannot be scaled, with the reason."""
    reasons = {}
    for name, y in zip(history.ids, history, strict=True):
        seen = int((~np.isnan(y)).sum())
        if seen < 4:
            reasons[name] = f'Series "{name}" has {seen} {"observation" if seen == 1 else "observations"}; 4 are needed to find its scale.'
    return reasons


def usable_season(history: Series, season_length: int) -> int:
    """The season length, or 1 where no series shows two seasons and a little more. Raises ForecastError where all are too short even so."""
    spans = [len(y) - int(np.argmax(~np.isnan(y))) for y in history if not np.isnan(y).all()]
    longest = max(spans, default=0)
    if longest < FEWEST:
        i = int(np.argmax(history.lengths))
        which = f'Series "{history.ids[i]}"' if len(history) == 1 else f"The longest of {len(history)} series"
        raise ForecastError(f"{which} spans {longest} observations; a network needs at least {FEWEST} to be trained and judged. Use a classical model.")
    return season_length if longest >= 2 * season_length + FEWEST // 2 else 1


def phases(history: Series, season_length: int) -> Whole:
    """(rows,) the place of each row in the season, the same for equal stamps of all series."""
    return np.asarray(np.rint(clock(history)).astype(np.int64) % season_length)


def logarithms(history: Series, earlier: Series, season_length: int, transform: str) -> Whole:
    """(series,) 1 where to take logarithms: where it was asked for, or where Guerrero's power is nearer to 0 than to 1.

    earlier: the rows of `history` from which the power is learnt, the others NaN. A value that is not positive speaks against logarithms wherever it is.
    """
    positive = np.array([bool((y[~np.isnan(y)] > 0).all()) for y in history])
    if transform == "log" and not positive.all():
        i = int(np.argmin(positive))
        raise ConfigError(f'transform="log" needs values above 0; series "{history.ids[i]}" has {np.nanmin(history.y(i)):g}. Use transform="none" or "auto".')
    if transform != "auto":
        return np.full(len(history), int(transform == "log"), dtype=np.int64)
    logarithm = np.zeros(len(history), dtype=np.int64)
    which = np.flatnonzero(positive)
    if len(which):
        chosen = earlier.take(which)
        unit = np.repeat([np.exp(np.mean(np.log(y[~np.isnan(y)]))) if (~np.isnan(y)).any() else 1.0 for y in chosen], chosen.lengths)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a series from 1e-300 to 1e300 has no power, and stays as it is
            logarithm[which] = BoxCox(season_length=max(season_length, 4)).fit(replace(chosen, values=chosen.values / unit)).power < 0.5
    return logarithm


def _season(u: Values, phase: int, season_length: int) -> Floats:
    """(season,) additive indices by phase, zeros where no season shows.   phase: of u[0]."""
    known = np.flatnonzero(~np.isnan(u))
    if season_length == 1 or not is_seasonal(u, season_length):
        return np.zeros(season_length)
    indices = seasonal_indices(np.interp(np.arange(len(u)), known, u[known]), season_length, multiplicative=False)
    return np.roll(np.nan_to_num(indices), phase)


def _next_future(history: Series) -> Floats:
    """(rows, covariates) future covariates of the row after each; NaN where not known."""
    columns = future_columns(history)
    for k, name in enumerate(sorted(history.future)):
        columns[:, k] = ahead(columns[:, k], history.offsets, 1)
        if name in history.ahead and history.ahead[name].shape[1]:
            columns[history.offsets[1:] - 1, k] = history.ahead[name][:, 0]
    return columns


def _centre_and_spread(columns: Floats) -> tuple[Floats, Floats]:
    """(covariates,) mean and standard deviation, 1 where a column does not vary or is never known."""
    known = ~np.isnan(columns)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, columns, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, columns - centre, 0.0) ** 2).sum(axis=0) / count)
    return centre, np.where(spread > 0, spread, 1.0)
