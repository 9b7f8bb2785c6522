"""What a series is made of: trend, seasons, remainder.

    decompose   by centred moving averages; a season that never changes
    stl         by local regressions (loess); a season and a trend that may wander, outliers left out on request
    mstl        the same with several seasons, found in turn until each has been seen without the others

    y = trend + seasonal + remainder          or trend · seasonal · remainder, which are sums of logarithms

Source: Cleveland, Cleveland, McRae & Terpenning 1990, STL: a seasonal-trend decomposition procedure based on loess; Bandara, Hyndman &
Bergmeir 2021, MSTL: a seasonal-trend decomposition algorithm for time series with multiple seasonal patterns; strengths: Wang, Smith &
Hyndman 2006; Hyndman & Athanasopoulos, Forecasting: principles and practice, 3rd ed., §3.4, §3.6, §4.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from inorder.data.series import Series, check_season_length
from inorder.errors import ConfigError, SeriesError, ShapeError, unknown
from inorder.features.panel import Rows, check_count, flat
from inorder.features.rolling import centred_mean
from inorder.forecast.intervals import power_of_two
from inorder.typing import Floats, Values

KINDS = ("auto", "additive", "multiplicative")


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A series in parts, (time,) each: trend + seasonal + remainder, or trend · seasonal · remainder.

    The remainder is NaN where the value is missing; the trend of a classical decomposition also for half a season at both ends. Without a season
    `seasonal` is 0 throughout (1 where multiplicative).
    kind: "additive", "multiplicative", or "box-cox": sums to (y^power − 1)/power.   season_length: the longest.   power: 1 but for "box-cox".
    trend_strength, seasonal_strength: 0 to 1, 1 − Var(remainder)/Var(part + remainder), not below 0; of the logarithms where multiplicative.
    seasonals, seasonal_strengths: season length -> its part and strength; `seasonal` is all of them together.
    weights: 1 for what fits, 0 for an outlier or a missing value; None where nothing was weighed.   history: the series, where one was given.
    """

    trend: Values
    seasonal: Values
    remainder: Values
    kind: str
    season_length: int
    trend_strength: float
    seasonal_strength: float
    seasonals: Mapping[int, Values] = field(default_factory=dict)
    seasonal_strengths: Mapping[int, float] = field(default_factory=dict)
    weights: Values | None = None
    power: float = 1.0
    history: Series | None = None

    @property
    def observed(self) -> Values:
        """What the parts make up: y, or its power; NaN where it is missing or the trend is not known."""
        if self.kind == "multiplicative":
            return self.trend * self.seasonal * self.remainder
        return self.trend + self.seasonal + self.remainder

    @property
    def adjusted(self) -> Values:
        """The series without its seasons."""
        return self.trend * self.remainder if self.kind == "multiplicative" else self.trend + self.remainder

    def columns(self) -> dict[str, Any]:
        """The parts as named columns: time, y, trend, seasonal (seasonal_24, seasonal_168, …), remainder, and weight where outliers were weighed."""
        series = self.history if self.history is not None else Series.of(self.observed)
        seasons = {f"seasonal_{m}": part for m, part in self.seasonals.items()} if len(self.seasonals) > 1 else {"seasonal": self.seasonal}
        columns = {series.names.time: series.index, series.names.value: series.values, "trend": self.trend, **seasons, "remainder": self.remainder}
        return columns if self.weights is None else {**columns, "weight": self.weights}

    def to_frame(self) -> Any:
        """A frame of the kind that was read, pandas or polars; the columns are those of `columns`."""
        from inorder.data.frames import make_frame

        return make_frame(self.columns(), self.history if self.history is not None else Series.of(self.observed))

    def plot(self) -> Any:
        """A matplotlib figure: the series, its trend, its seasons and what remains, under one another."""
        from inorder.plots import plot_decomposition

        series = self.history if self.history is not None else Series.of(self.observed)
        return plot_decomposition(self, series.index, self.observed, season=self.season_length > 1)

    def __str__(self) -> str:
        strengths = self.seasonal_strengths or ({self.season_length: self.seasonal_strength} if self.season_length > 1 else {})
        seasons = "".join(f", season of {m} {strength:.2f}" for m, strength in strengths.items())
        kind = f"Box–Cox {self.power:.3g}" if self.kind == "box-cox" else self.kind
        return f"{len(self.trend):,} rows, {kind}; strengths from 0 to 1: trend {self.trend_strength:.2f}{seasons}."


def stl(
    y: Rows,
    season_length: int | None = None,
    *,
    seasonal_window: int | str = 11,
    trend_window: int | None = None,
    low_pass_window: int | None = None,
    degrees: tuple[int, int, int] = (0, 1, 1),
    jumps: tuple[int, int, int] = (1, 1, 1),
    robust: bool = False,
    inner: int | None = None,
    outer: int | None = None,
    box_cox: float | str | None = None,
) -> Decomposition:
    """Seasonal-trend decomposition by local regressions.

        seasonal    a smooth curve through all Januaries, one through all Februaries, …, less their moving averages
        trend       a smooth curve through y − seasonal

    season_length: None = that of the Series.   seasonal_window: seasons that one such curve looks at, odd, 7 or more advised: the smaller, the
        faster the season may change; "periodic" = it never does.
    trend_window: rows, odd; None = the next odd number from 1.5·m / (1 − 1.5/seasonal_window) on.   low_pass_window: rows; None = m, or m + 1.
    degrees: 0 for local means, 1 for local lines, of season, trend and low-pass filter.   jumps: find the curves at every jump-th row only.
    robust: leave outliers out of the curves.   inner, outer: rounds; None = 5 and 0, robust 2 and 15.
    box_cox: decompose (y^λ − 1)/λ: a number, or "auto" (Guerrero's λ); 0 = logarithms, whose parts multiply.
    Missing values are left out; a curve then looks at the nearest observations, and the remainder is NaN.
    With degrees=(1, 1, 1), seasonal_window=7 this is statsmodels' STL; the defaults are those of forecast::mstl.
    Raises SeriesError for two seasons or fewer, or a place of the season that was never observed; ConfigError for wrong options.

    >>> parts = stl(np.arange(24) + np.tile([1, 3, -3, -1], 6), 4)
    >>> parts.seasonal[:4].round(2).tolist(), parts.trend[2:5].round(2).tolist()
    ([1.0, 3.0, -3.0, -1.0], [2.0, 3.0, 4.0])
    >>> print(parts)
    24 rows, additive; strengths from 0 to 1: trend 1.00, season of 4 1.00.
    """
    season = y.season_length if season_length is None and isinstance(y, Series) else season_length
    if season is None:
        raise ConfigError("An array says nothing of its season: set `season_length`, the observations per season.")
    options = Options((seasonal_window,), trend_window, low_pass_window, degrees, jumps, robust, inner, outer)
    return _decomposed(y, (season,), options, 1, box_cox)


def mstl(
    y: Rows,
    season_lengths: Sequence[int],
    *,
    seasonal_windows: Sequence[int | str] | None = None,
    trend_window: int | None = None,
    degrees: tuple[int, int, int] = (0, 1, 1),
    jumps: tuple[int, int, int] = (1, 1, 1),
    robust: bool = False,
    inner: int | None = None,
    outer: int | None = None,
    rounds: int = 2,
    box_cox: float | str | None = None,
) -> Decomposition:
    """Decomposition with several seasons, such as day and week (24, 168): `stl` for each in turn, from the shortest, on y less the others.

    season_lengths: observations per season, of each.   seasonal_windows: one for each; None = 11, 15, 19, ….   rounds: over all seasons.
    The other options are those of `stl`, for every season; the trend is that of the longest.
    With degrees=(1, 1, 1) this is statsmodels' MSTL.   Raises as `stl`.

    >>> hour = np.arange(24 * 7 * 4)
    >>> parts = mstl(10 + np.sin(2 * np.pi * hour / 24) + 3 * np.sin(2 * np.pi * hour / 168), (24, 168))
    >>> sorted(parts.seasonals), round(parts.seasonal_strengths[168], 2)
    ([24, 168], 1.0)
    """
    lengths = tuple(sorted(check_season_length(m) for m in season_lengths))
    if not lengths or len(set(lengths)) < len(lengths):
        raise ConfigError(f"`season_lengths` are one or more different whole numbers, not {tuple(season_lengths)}.")
    windows = tuple(7 + 4 * k for k in range(1, len(lengths) + 1)) if seasonal_windows is None else tuple(seasonal_windows)
    if len(windows) != len(lengths):
        raise ConfigError(f"`seasonal_windows` has {len(windows)} numbers for {len(lengths)} seasons.")
    if seasonal_windows is not None:  # they follow the order in which the seasons were given
        windows = tuple(windows[i] for i in np.argsort(np.asarray(season_lengths), kind="stable").tolist())
    options = Options(windows, trend_window, None, degrees, jumps, robust, inner, outer)
    return _decomposed(y, lengths, options, check_count("rounds", rounds), box_cox)


@dataclass(frozen=True)
class Options:
    """How the curves of a decomposition are found; the fields are the arguments of `stl`, a seasonal window for each season."""

    seasonal_windows: tuple[int | str, ...]
    trend_window: int | None = None
    low_pass_window: int | None = None
    degrees: tuple[int, int, int] = (0, 1, 1)
    jumps: tuple[int, int, int] = (1, 1, 1)
    robust: bool = False
    inner: int | None = None
    outer: int | None = None


class Curves(NamedTuple):
    """trend, weights: (time,).   seasonals: (seasons, time)."""

    trend: Floats
    seasonals: Floats
    weights: Floats


def seasonal_curves(values: Values, lengths: Sequence[int], options: Options, rounds: int = 2) -> Curves:
    """Trend and seasons of values in any unit, the seasons in turn.   lengths: of the seasons, rising.   Raises ShapeError as the kernel."""
    from inorder.kernels.stl import default_windows, stl

    rounds = rounds if len(lengths) > 1 else 1
    seasonals, rest = np.zeros((len(lengths), len(values))), values
    for _ in range(rounds):
        for i, m in enumerate(lengths):
            rest = rest + seasonals[i]
            window = options.seasonal_windows[i]
            usual = default_windows(m, 0 if isinstance(window, str) else window)
            windows = (usual[0], options.trend_window or usual[1], options.low_pass_window or usual[2])
            inner, outer = (2, 15) if options.robust else (5, 0)
            inner, outer = inner if options.inner is None else options.inner, outer if options.outer is None else options.outer
            parts = stl(rest, m, windows, options.degrees, options.jumps, inner, outer)
            seasonals[i] = parts.seasonal
            rest = rest - seasonals[i]
    return Curves(parts.trend, seasonals, parts.weights)


def _decomposed(y: Rows, lengths: tuple[int, ...], options: Options, rounds: int, box_cox: float | str | None) -> Decomposition:
    values, power = one_series(y), 1.0
    for window in options.seasonal_windows:
        if window != "periodic" and (isinstance(window, str) or check_count("seasonal_window", window, 3) % 2 == 0):
            raise ConfigError(f'A seasonal window is an odd number of seasons, 3 or more, or "periodic"; not {window!r}.')
    seen = np.flatnonzero(~np.isnan(values))
    span = int(seen[-1] - seen[0]) + 1 if len(seen) else 0
    for m in lengths:
        if check_season_length(m) < 2:
            raise ConfigError("STL needs a season of 2 observations or more; for a series without one: decompose(y, 1).")
        if span <= 2 * m:
            raise SeriesError(f"STL needs more than two seasons of {m}, {2 * m + 1} rows; the observations span {span}.")
    unit = power_of_two(values)
    if box_cox is not None:
        values, power, unit = _powered(values, box_cox, lengths[-1])
    try:
        trend, seasonals, weights = seasonal_curves(values[seen[0] : seen[-1] + 1] / unit, lengths, options, rounds)
    except ShapeError as error:
        raise SeriesError(f"{error} STL cannot tell what belongs there; try a shorter season.") from None
    padded = np.full((len(lengths) + 3, len(values)), np.nan)
    inside = slice(seen[0], seen[-1] + 1)
    padded[0, inside], padded[1, inside], padded[2:-1, inside] = trend, weights, seasonals
    trend, weights, seasonals = padded[0], padded[1], padded[2:-1]
    seasonal = seasonals.sum(axis=0)
    remainder = values / unit - seasonal - trend
    strength = _strength(seasonal, remainder)
    strengths = {m: _strength(part, remainder) if len(lengths) > 1 else strength for m, part in zip(lengths, seasonals, strict=True)}
    kind = "additive" if box_cox is None else "multiplicative" if power == 0 else "box-cox"
    parts = np.vstack([trend, seasonal, remainder, seasonals])
    limit = float(np.finfo(np.float64).max)
    with np.errstate(over="ignore"):
        parts = np.clip(np.exp(parts) if kind == "multiplicative" else parts * unit, -limit, limit)
    return Decomposition(
        parts[0],
        parts[1],
        parts[2],
        kind,
        lengths[-1],
        _strength(trend, remainder),
        strength,
        dict(zip(lengths, parts[3:], strict=True)),
        strengths,
        weights if (options.outer or 0) > 0 or (options.robust and options.outer is None) else None,
        power,
        y if isinstance(y, Series) else None,
    )


def _powered(values: Values, box_cox: float | str, season_length: int) -> tuple[Values, float, float]:
    """The values to a power, that power, and their unit."""
    from inorder.features.scaling import BoxCox

    if isinstance(box_cox, str) and box_cox != "auto":
        raise unknown("choice for `box_cox`", box_cox, ("auto",))
    if not isinstance(box_cox, str) and (isinstance(box_cox, bool) or not np.isfinite(box_cox)):
        raise ConfigError(f'`box_cox` is a number such as 0 for logarithms, or "auto"; not {box_cox!r}.')
    wrong = np.flatnonzero(values <= 0)
    if len(wrong):
        raise SeriesError(f"A decomposition of powers or logarithms needs values above 0; row {wrong[0] + 1} is {values[wrong[0]]:g}. Leave `box_cox` out.")
    fitted = BoxCox(power=None if isinstance(box_cox, str) else float(box_cox), season_length=season_length).fit(values)
    with np.errstate(over="ignore"):
        transformed = fitted.transform(values)
    if np.isinf(transformed).any():
        raise SeriesError("These values to that power leave the range of numbers. Use box_cox=0, the logarithm.")
    power = float(fitted.power[0])
    return transformed, power, 1.0 if power == 0 else power_of_two(transformed)


def decompose(y: Rows, season_length: int, kind: str = "auto", *, window: int | None = None) -> Decomposition:
    """Classical decomposition by centred moving averages.

        trend      centred mean over a season (2×m where its length m is even)
        seasonal   mean of y − trend (or y/trend) at each place of the season, less their mean (or over it)
        remainder  what is left

    kind: "auto" takes the multiplicative one where all values are above 0 and it leaves the smaller remainder, in units of y.
    season_length 1: trend and remainder only; the trend is a mean over `window` rows, by default an odd tenth of the series.
    Missing values are filled for the trend, first by straight lines, then by trend and season in turn until nothing moves
    (20 times at most); the other parts use only what was observed.
    Raises SeriesError for fewer than two seasons of observations or, multiplicative, for a value that is not above 0; ConfigError for wrong options.
    Source: Hyndman & Athanasopoulos §3.4; strengths: Wang, Smith & Hyndman 2006, here as in §4.3.

    >>> parts = decompose(np.arange(24) + np.tile([0, 3, -3, 0], 6), 4, "additive")
    >>> parts.seasonal[:4].tolist(), parts.trend[2:5].tolist(), parts.seasonal_strength
    ([0.0, 3.0, -3.0, 0.0], [2.0, 3.0, 4.0], 1.0)
    """
    values, season_length = one_series(y), check_season_length(season_length)
    if kind not in KINDS:
        raise unknown("kind of decomposition", str(kind), KINDS)
    if window is not None and season_length > 1:
        raise ConfigError(f"`window` is for series without a season; with season_length={season_length} the trend is a mean over one season.")
    seen = np.flatnonzero(~np.isnan(values))
    span = int(seen[-1] - seen[0]) + 1 if len(seen) else 0
    if span < max(2 * season_length, 3):
        raise SeriesError(f"A decomposition needs {max(2 * season_length, 3)} rows, two whole seasons of {season_length}; the observations span {span}.")
    window = season_length if season_length > 1 else max(3, span // 20 * 2 + 1) if window is None else check_count("window", window)
    if window > span:
        raise ConfigError(f"`window` is {window}, but the observations span {span} rows.")
    unit = power_of_two(values)
    scaled = values / unit
    positive = bool((scaled[seen] > 0).all())
    if kind == "multiplicative" and not positive:
        worst = seen[np.argmin(values[seen])]
        beside = f", too little beside {np.nanmax(values):g}" if values[worst] > 0 else ""
        raise SeriesError(f'A multiplicative decomposition needs values above 0; row {worst + 1} is {values[worst]:g}{beside}. Use kind="additive".')
    if kind != "auto":
        return _in_units(_decompose(scaled, season_length, kind, window), unit)
    additive = _decompose(scaled, season_length, "additive", window)
    if season_length == 1 or not positive:
        return _in_units(additive, unit)
    multiplicative = _decompose(scaled, season_length, "multiplicative", window)
    left = multiplicative.trend * multiplicative.seasonal * (multiplicative.remainder - 1)
    return _in_units(multiplicative if np.nansum(left**2) < np.nansum(additive.remainder**2) else additive, unit)


def _in_units(parts: Decomposition, unit: float) -> Decomposition:
    """The parts of y from those of y / unit; a number beyond the range of floats is the end of that range."""
    limit = np.finfo(np.float64).max
    names = ("trend",) if parts.kind == "multiplicative" else ("trend", "seasonal", "remainder")
    with np.errstate(over="ignore"):
        return replace(parts, **{name: np.clip(getattr(parts, name) * unit, -limit, limit) for name in names})


def _decompose(values: Values, season_length: int, kind: str, window: int) -> Decomposition:
    times = kind == "multiplicative"
    place = np.arange(len(values)) % season_length
    missing = np.isnan(values)
    seen = np.flatnonzero(~missing)
    inside = slice(seen[0], seen[-1] + 1)
    filled = values.copy()
    filled[inside] = np.interp(np.arange(len(values))[inside], seen, values[seen])
    gaps = np.flatnonzero(missing[inside]) + seen[0]
    for _ in range(20):
        trend = centred_mean(filled, window)
        rest = values / trend if times else values - trend
        known = ~np.isnan(rest)
        counts = np.bincount(place[known], minlength=season_length)
        season = np.where(counts > 0, np.bincount(place[known], rest[known], season_length) / np.maximum(counts, 1), float(times))
        season = season / season.mean() if times else season - season.mean()
        level = np.flatnonzero(~np.isnan(trend))
        if len(gaps) == 0 or len(level) == 0:
            break
        expected = np.interp(gaps, level, trend[level])
        expected = expected * season[place[gaps]] if times else expected + season[place[gaps]]
        moved = float(np.abs(expected - filled[gaps]).max())
        filled[gaps] = expected
        if moved <= 1e-6 * float(np.ptp(values[seen])):
            break
    seasonal = season[place]
    remainder = values / trend / seasonal if times else values - trend - seasonal
    parts = [np.log(part) for part in (trend, seasonal, remainder)] if times else [trend, seasonal, remainder]
    return Decomposition(
        trend, seasonal, remainder, kind, season_length, _strength(parts[0], parts[2]), _strength(parts[1], parts[2]) if season_length > 1 else 0.0
    )


def _strength(part: Values, remainder: Values) -> float:
    known = ~np.isnan(part) & ~np.isnan(remainder)
    if known.sum() < 2:
        return 0.0
    whole = float(np.var(part[known] + remainder[known]))
    return max(0.0, 1 - float(np.var(remainder[known])) / whole) if whole > 0 else 0.0


def one_series(y: Rows) -> Values:
    """The values of one series; SeriesError for a panel, or a value that is infinite."""
    if isinstance(y, Series) and len(y) != 1:
        raise SeriesError(f'This looks at one series, not at {len(y)}. Choose one: series["{y.ids[0]}"], or series[0].')
    values = flat(y)[0]
    if np.isinf(values).any():
        raise SeriesError(f"Row {int(np.argmax(np.isinf(values))) + 1} is infinite; finite numbers were expected, or NaN for what is missing.")
    return values
