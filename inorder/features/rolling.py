"""Rolling statistics: a summary of the last `window` values at every row, and two moving means of other kinds.

    rolling[t]          = statistic of y[t − window + 1], …, y[t]
    exponential_mean[t] = α·y[t] + (1 − α)·exponential_mean[t − 1]
    centred_mean[t]     = mean of y[t − window/2], …, y[t + window/2]        looks ahead: for trends, not for features

Sums and means are built by doubling (see `panel`); the spread by joining counts, means and sums of squares in the same way:

    d = mean₂ − mean₁        M2 = M2₁ + M2₂ + d²·n₁·n₂/(n₁ + n₂)        std = √(M2/(n − 1))

Source: Chan, Golub & LeVeque 1983, Algorithms for computing the sample variance.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from inorder.errors import ConfigError, unknown
from inorder.features.panel import Rows, ahead, back, check_count, flat, over_last, position_in_series
from inorder.typing import Floats, Offsets, Values

STATISTICS = ("mean", "sum", "std", "min", "max", "median", "quantile")
_CHUNK = 2**21  # numbers that are sorted at once for a rolling quantile


def rolling(y: Rows, window: int, statistic: str = "mean", *, quantile: float | None = None, minimum: int | None = None, lag: int = 0) -> Values:
    """(time,) the statistic of the last `window` rows, this one included; with `lag=1` of those before it, known one step ahead.

    statistic: one of mean, sum, std (with n − 1), min, max, median, quantile.   quantile: which one, between 0 and 1.
    minimum: observed values needed in a window, else NaN; by default all of them. A lower number skips missing values and
    gives the first rows of a series what there is.   lag: how many of the latest rows to leave out.
    Quantiles take time in proportion to rows · window, the others to rows · log(window).
    Raises ConfigError for an unknown statistic, a window below 1, or a quantile that is missing, out of range or not asked for.

    >>> rolling([22, 24, 23, 25, 26], 3).round(2).tolist()
    [nan, nan, 23.0, 24.0, 24.67]
    >>> rolling([22, 24, 23, 25, 26], 3, "max", minimum=1, lag=1).tolist()
    [nan, 22.0, 24.0, 24.0, 25.0]
    """
    window, lag = check_count("window", window), check_count("lag", lag, 0)
    minimum = window if minimum is None else check_count("minimum", minimum)
    if statistic not in STATISTICS:
        raise unknown("statistic", str(statistic), STATISTICS)
    if minimum > window:
        raise ConfigError(f"`minimum` asks for {minimum} observed values in a window of {window}.")
    if (quantile is not None) != (statistic == "quantile"):
        raise ConfigError(f'`quantile` belongs to statistic="quantile": statistic is "{statistic}" and quantile {quantile!r}.')
    if quantile is not None and not 0 <= quantile <= 1:
        raise ConfigError(f"`quantile` lies between 0 and 1, not {quantile!r}.")
    values, offsets = flat(y)
    position = position_in_series(offsets)
    present = ~np.isnan(values)
    count = over_last(present.astype(np.float64), position, window)
    if statistic in ("mean", "sum"):
        total = over_last(np.where(present, values, 0.0), position, window)
        result = total / np.maximum(count, 1) if statistic == "mean" else total
    elif statistic == "std":
        result = _rolling_std(values, position, window)
    elif statistic == "min":
        result = over_last(np.where(present, values, np.inf), position, window, combine=np.minimum, neutral=np.inf)
    elif statistic == "max":
        result = over_last(np.where(present, values, -np.inf), position, window, combine=np.maximum, neutral=-np.inf)
    else:
        result = _rolling_quantile(values, position, window, 0.5 if quantile is None else quantile)
    result = np.where(count >= minimum, result, np.nan)
    return back(result, position, lag) if lag else result


def exponential_mean(y: Rows, *, alpha: float | None = None, span: float | None = None, half_life: float | None = None, lag: int = 0) -> Values:
    """(time,) the exponentially weighted mean, mean[t] = α·y[t] + (1 − α)·mean[t − 1], begun with the first observation.

    Exactly one of: alpha, 0 < α ≤ 1; span, α = 2/(span + 1); half_life, the rows in which a weight halves, α = 1 − ½^(1/half_life).
    A missing value leaves the mean as it is. With `lag=1` row t is known one step ahead.
    The whole is a decaying sum, Σ (1 − α)^k·x[t − k] with x[0] = y[0] and x[t] = α·y[t].

    >>> exponential_mean([10, 12, np.nan, 15], alpha=0.5).tolist()
    [10.0, 11.0, 11.0, 13.0]
    """
    alpha, lag = _alpha(alpha, span, half_life), check_count("lag", lag, 0)
    values, offsets = flat(y)
    position = position_in_series(offsets)
    present = ~np.isnan(values)
    seen = np.concatenate([[0], np.cumsum(present)])
    kept = position_in_series(seen[offsets])  # the observed rows alone, as series of their own
    weighted = np.where(kept == 0, 1.0, alpha) * values[present]
    level = over_last(weighted, kept, None, decay=1 - alpha)
    begun = seen[1:] > np.repeat(seen[offsets[:-1]], np.diff(offsets))
    result = np.full(len(values), np.nan)
    result[begun] = level[seen[1:][begun] - 1]
    return back(result, position, lag) if lag else result


def centred_mean(values: Rows, window: int) -> Values:
    """(time,) the mean of `window` rows with this one in their middle: the trend of classical decomposition. It looks half a window ahead.

    An even window m has no middle row, so two neighbouring windows are averaged, "2×m": the rows at both ends count half,

        mean[t] = (½·y[t − m/2] + y[t − m/2 + 1] + … + y[t + m/2 − 1] + ½·y[t + m/2]) / m

    NaN where the window leaves the series or holds a missing value.
    Source: Hyndman & Athanasopoulos, Forecasting: principles and practice, 3rd ed., §3.3.

    >>> centred_mean([100, 110, 105, 115, 120, 125], 3).round(2).tolist()
    [nan, 105.0, 110.0, 113.33, 120.0, nan]
    >>> centred_mean([1, 2, 3, 4, 9], 4).tolist()
    [nan, nan, 3.5, nan, nan]
    """
    window = check_count("window", window)
    _, offsets = flat(values)
    trailing = rolling(values, window)
    middle = ahead(trailing, offsets, window // 2)
    return middle if window % 2 else (middle + ahead(trailing, offsets, window // 2 - 1)) / 2


def _alpha(alpha: float | None, span: float | None, half_life: float | None) -> float:
    given = {name: value for name, value in (("alpha", alpha), ("span", span), ("half_life", half_life)) if value is not None}
    if len(given) != 1:
        raise ConfigError(f"Exactly one of `alpha`, `span` and `half_life` says how fast the mean forgets; given: {', '.join(given) or 'none'}.")
    (name, value) = next(iter(given.items()))
    if name == "alpha" and 0 < value <= 1:
        return float(value)
    if name == "span" and 1 <= value < np.inf:
        return 2 / (value + 1)
    if name == "half_life" and 0 < value < np.inf:
        return float(-np.expm1(-np.log(2) / value))
    needed = {"alpha": "above 0 and at most 1", "span": "at least 1", "half_life": "above 0"}[name]
    raise ConfigError(f"`{name}` is a number {needed}, not {value!r}.")


def _rolling_std(values: Values, position: Offsets, window: int) -> Values:
    present = ~np.isnan(values)
    start = np.stack([present.astype(np.float64), np.where(present, values, 0.0), np.zeros(len(values))])
    count, _, squares = over_last(start, position, window, combine=_join_moments)
    return np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)


def _join_moments(newer: Floats, older: Floats) -> Floats:
    """(3, rows) count, mean, sum of squared deviations of two stretches taken together."""
    (n1, mean1, squares1), (n2, mean2, squares2) = newer, older
    n = np.maximum(n1 + n2, 1)
    d = np.where((n1 > 0) & (n2 > 0), mean2 - mean1, 0.0)
    mean = np.where(n1 > 0, mean1 + d * (n2 / n), mean2)
    return np.stack([n1 + n2, mean, squares1 + squares2 + d * d * (n1 * n2 / n)])


def _rolling_quantile(values: Values, position: Offsets, window: int, probability: float) -> Values:
    window = min(window, int(position.max(initial=0)) + 1)
    all_windows = sliding_window_view(np.concatenate([np.full(window - 1, np.nan), values]), window)  # (rows, window), oldest first
    result, chunk = np.empty(len(values)), max(1, _CHUNK // window)
    for begin in range(0, len(values), chunk):
        rows = slice(begin, begin + chunk)
        block = all_windows[rows].copy()
        block[position[rows, None] + np.arange(1 - window, 1) < 0] = np.nan  # these belong to the series before
        block.sort(axis=1)  # missing values last
        top = np.maximum((~np.isnan(block)).sum(axis=1) - 1, 0)
        place = probability * top
        low = np.floor(place).astype(np.int64)
        a = np.take_along_axis(block, low[:, None], axis=1)[:, 0]
        b = np.take_along_axis(block, np.minimum(low + 1, top)[:, None], axis=1)[:, 0]
        result[rows] = a + (b - a) * (place - low)
    return result
