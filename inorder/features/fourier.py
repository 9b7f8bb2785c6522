"""Fourier terms for a season of any length, the spectrum, and the periods that stand out of it.

    fourier_terms     sin(2π·k·position/period), cos(2π·k·position/period),  k = 1 … order
    periodogram       power[k] = 2·|Σ y[t]·exp(−2πi·k·t/n)|²/n²  at  frequency[k] = k·rate/n    (half of it at rate/2)
    Fisher's g        largest power / Σ power,   P(g > x) = Σⱼ (−1)^(j−1)·C(m, j)·(1 − j·x)^(m−1)  for white noise, m powers

The powers add up to the variance of what is left after detrending. n values that span n/rate seconds tell frequencies
apart that differ by rate/n, and show none below it: a rhythm that is slower than the record is not in it.

Source: Brockwell & Davis 1991, Time series: theory and methods, §10.1; Fisher 1929, Tests of significance in harmonic analysis.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inorder.data.series import Series
from inorder.errors import ConfigError, unknown
from inorder.features.panel import Rows, between_gaps, check_count, flat, position_in_series
from inorder.typing import Floats, Offsets, Values

DETREND = ("linear", "mean", "none")
_EPOCH = np.datetime64("1970-01-01", "us")


def fourier_terms(position: Rows, period: float, order: int) -> Floats:
    """(time, 2 · order) columns sin₁, cos₁, sin₂, cos₂, …: known for every past and future row.

    position: (time,) whole or broken numbers in the unit of `period`; or a Series, then `clock(series)`.
    period: rows, or days for an irregular series with dates; need not be whole: 365.25 / 7 = 52.18 for weeks of a year.
    order: pairs, smooth seasons need few. On whole positions more than period/2 pairs would repeat earlier ones: ConfigError.
    At k = period/2 the sine is 0 on whole positions.
    Source: Hyndman & Athanasopoulos, Forecasting: principles and practice, 3rd ed., §7.4.

    >>> fourier_terms([0, 1, 2, 3], 4, 1).round(12).tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, -0.0]]
    """
    order = check_count("order", order)
    if not 0 < period < np.inf:
        raise ConfigError(f"`period` is a positive number, not {period!r}.")
    steps = clock(position) if isinstance(position, Series) else flat(position)[0]
    if 2 * order > period and bool((steps == np.round(steps)).all()):
        raise ConfigError(f"`order` is {order}, but a period of {period:g} rows has room for {math.floor(period / 2)} pairs of sines and cosines.")
    turns = np.arange(1, order + 1) * steps[:, None]
    angle = 2 * np.pi * (np.mod(turns, period) / period)  # the remainder first: exact also far from 0
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(len(steps), 2 * order)


def clock(series: Series) -> Values:
    """(rows,) where each row stands on a clock that all series share and that runs on into the future.

    Dated: steps of the frequency since 1970, so that series that begin on different days agree. Counted: the stamps over
    the step. Irregular: days since 1970, or the times as they are.

    >>> clock(Series.of([5, 6, 7])).tolist()
    [1.0, 2.0, 3.0]
    """
    frequency = series.frequency
    if series.index.dtype.kind != "M":
        return np.asarray(series.index, dtype=np.float64) / (frequency.step if frequency else 1)
    if frequency is None:
        return np.asarray((series.index.astype("datetime64[us]") - _EPOCH) / np.timedelta64(1, "D"), dtype=np.float64)
    return np.asarray(frequency.count(_EPOCH, series.index), dtype=np.float64)


def periodogram(y: Rows, rate: float = 1.0, *, detrend: str = "linear") -> tuple[Floats, Floats]:
    """Frequencies (frequencies,) in cycles per unit, and the power at each in squared units of y: the part of the variance it carries.

    rate: rows per unit. 12 for months gives cycles per year, 360 for an ECG of 360 values a second gives hertz.
    detrend: "linear" takes out a straight line, "mean" the mean, "none" nothing. Frequency 0 is left out.
    power: (frequencies,) for one series, (series, frequencies) for a panel, on the frequencies of its longest series: each is
    filled up with zeros after detrending, and its powers still add up to its variance.
    Missing values at both ends are cut off, gaps between are joined by straight lines.
    Raises ConfigError for a rate that is not positive.

    >>> frequency, power = periodogram([0.1, 0.8, 0.2], rate=100)        # three values of an ECG, 10 ms apart
    >>> frequency.round(1).tolist()                                     # one beat in 800 ms is not to be seen in 30 ms
    [33.3]
    >>> frequency, power = periodogram(np.sin(np.arange(48) * 2 * np.pi / 12), rate=12, detrend="mean")
    >>> frequency[power.argmax()].item(), power.max().round(12).item()  # once a year; the variance of a sine is ½
    (1.0, 0.5)
    """
    if not 0 < rate < np.inf:
        raise ConfigError(f"`rate` is the number of rows per unit, above 0, not {rate!r}.")
    if detrend not in DETREND:
        raise unknown("way to detrend", str(detrend), DETREND)
    values, offsets = between_gaps(*flat(y))
    lengths = np.diff(offsets)
    longest = int(lengths.max(initial=0))
    position, which = position_in_series(offsets), np.repeat(np.arange(len(lengths)), lengths)
    table, inside = np.zeros((len(lengths), longest)), np.zeros((len(lengths), longest), dtype=bool)
    table[which, position], inside[which, position] = values, True
    if detrend != "none":
        table = _without_trend(table, inside, lengths, linear=detrend == "linear")
    power = np.abs(np.fft.rfft(table, axis=1))[:, 1:] ** 2 / np.maximum(lengths * longest, 1)[:, None] if longest else np.zeros((len(lengths), 0))
    power[:, : (longest - 1) // 2] *= 2  # a frequency and its mirror image; at rate/2 they are one
    frequency = np.arange(1, longest // 2 + 1, dtype=np.float64) * (rate / max(longest, 1))
    return frequency, np.asarray(power if isinstance(y, Series) and y.panel else power[0])


@dataclass(frozen=True)
class Period:
    """A rhythm found in a series.

    length: of one cycle, in units of `rate` (rows, where the rate is 1).   share: of the detrended variance that it explains, 0 to 1.
    p_value: how often the largest power of pure noise would stand out so far (Fisher's g).
    """

    length: float
    share: float
    p_value: float


def dominant_periods(y: Rows, count: int = 3, *, rate: float = 1.0) -> tuple[Period, ...] | tuple[tuple[Period, ...], ...]:
    """The `count` strongest rhythms of a series, strongest first; of a panel, one such tuple for each series.

    One after the other: the frequency with the largest power is found, shifted between its neighbours to where a sine and
    cosine explain most, and what they explain is taken out before the next is sought, so that the shares add up. A whole
    number of rows is preferred where it explains at least 97 % as much. Rhythms that n rows cannot tell apart, frequencies
    less than rate/n from one another, are named once; and a rhythm must have been seen twice: cycles longer than half the
    series are left to the trend. The p-values of the second and later ones take the earlier ones as given.
    Fewer than `count`, or none, where the series is short or nothing is left.

    >>> t = np.arange(100)
    >>> strongest, = dominant_periods(np.sin(2 * np.pi * t / 7.3) + 0.1 * t, 1)
    >>> round(strongest.length, 2), round(strongest.share, 2), strongest.p_value < 1e-9
    (7.3, 1.0, True)
    """
    count = check_count("count", count)
    if not 0 < rate < np.inf:
        raise ConfigError(f"`rate` is the number of rows per unit, above 0, not {rate!r}.")
    values, offsets = between_gaps(*flat(y))
    found = tuple(_periods(values[begin:end], count, rate) for begin, end in itertools.pairwise(offsets))
    return found if isinstance(y, Series) and y.panel else found[0]


def _periods(y: Values, count: int, rate: float) -> tuple[Period, ...]:
    n = len(y)
    if n < 6:
        return ()
    rest = _without_trend(y[None, :], np.ones((1, n), dtype=bool), np.array([n]), linear=True)[0]
    total = float(rest @ rest)
    noise = n * (8 * np.finfo(np.float64).eps * float(np.abs(y).max())) ** 2  # what rounding leaves of a straight line
    frequencies = np.arange(2, n // 2 + 1) / n
    found: list[tuple[float, Period]] = []
    while len(found) < count and float(rest @ rest) > noise:
        apart = np.all([np.abs(frequencies - known) >= 1 / n for known, _ in found] or [np.ones(len(frequencies), dtype=bool)], axis=0)
        power = np.where(apart, np.abs(np.fft.rfft(rest))[2:] ** 2, 0.0)
        power[-1] *= 1.0 if n % 2 else 0.5
        if not power.any():
            break
        frequency = _sharpened(rest, int(power.argmax()) + 2, [known for known, _ in found])
        wave, explained = _explained(rest, frequency)
        p_value = fisher_g(float(power.max() / power.sum()), int(apart.sum()))
        found.append((frequency, Period(float(f"{1 / frequency / rate:.12g}"), explained / total, p_value)))
        rest = rest - wave
    return tuple(sorted((period for _, period in found), key=lambda period: -period.share))


def fisher_g(g: float, count: int) -> float:
    """The probability that the largest of `count` powers of white noise is more than the share `g` of their sum.

    Where the alternating sum would lose its digits, g is so small that the probability is 1 to nine places or more.

    >>> round(fisher_g(0.5, 5), 4)       # 5·(1/2)⁴
    0.3125
    """
    if g <= 1 / count:
        return 1.0
    terms, sign = [], 1.0
    for j in range(1, min(count, math.floor(1 / g)) + 1):
        if j * g >= 1:
            break
        log_term = math.lgamma(count + 1) - math.lgamma(j + 1) - math.lgamma(count - j + 1) + (count - 1) * math.log1p(-j * g)
        if log_term > 20:
            return 1.0
        terms.append(sign * math.exp(log_term))
        sign = -sign
    return min(1.0, max(0.0, math.fsum(terms)))


def _explained(y: Values, frequency: float) -> tuple[Values, float]:
    """The sine and cosine of one frequency that fit best, and the sum of squares that they explain."""
    angle = 2 * np.pi * frequency * np.arange(len(y))
    c, s = np.cos(angle), np.sin(angle)
    cc, ss, cs, cy, sy = c @ c, s @ s, c @ s, c @ y, s @ y
    determinant = cc * ss - cs * cs
    if determinant <= 1e-9 * cc * cc:  # at frequency ½ the sine is 0 on every row
        wave = (cy / cc) * c
    else:
        wave = ((ss * cy - cs * sy) / determinant) * c + ((cc * sy - cs * cy) / determinant) * s
    return wave, float(y @ wave)


def _sharpened(y: Values, k: int, known: list[float]) -> float:
    """The frequency near k/n that explains most, by golden section, or a whole number of rows that does nearly as well."""
    n, golden = len(y), (math.sqrt(5) - 1) / 2
    low = max([max(k - 1, 2) / n, *(f + 1 / n for f in known if f < k / n)])
    high = min([(k + 1) / n, 0.5, *(f - 1 / n for f in known if f > k / n)])
    begin, end = low, high
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = _explained(y, left)[1], _explained(y, right)[1]
    while high - low > 1e-6 * end:
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = _explained(y, left)[1]
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = _explained(y, right)[1]
    best = max(((low + high) / 2, k / n), key=lambda f: _explained(y, f)[1])
    whole = [1 / rows for rows in (math.floor(1 / best), math.ceil(1 / best)) if begin <= 1 / rows <= end]
    simple = max(whole, key=lambda f: _explained(y, f)[1], default=best)
    return simple if _explained(y, simple)[1] >= 0.97 * _explained(y, best)[1] else best


def _without_trend(table: Floats, inside: NDArray[np.bool_], lengths: Offsets, *, linear: bool) -> Floats:
    """(series, time) what is left after each row's mean or straight line; zero outside."""
    count = np.maximum(lengths, 1)[:, None]
    reference = table[:, :1]  # a level of 1e9 goes first, so that sums keep the digits of what varies
    rest = np.where(inside, table - reference, 0.0)
    rest = np.where(inside, rest - rest.sum(axis=1, keepdims=True) / count, 0.0)
    if linear:
        t = np.where(inside, np.arange(table.shape[1]) - (count - 1) / 2, 0.0)
        rest = rest - t * ((t * rest).sum(axis=1, keepdims=True) / np.maximum((t * t).sum(axis=1, keepdims=True), 1e-300))
    return np.asarray(rest)
