"""The season length of numbers without dates, from their autocorrelation.

A smooth trend and the first-order memory of the values are taken out first,

    xₜ = yₜ − ŷₜ         ŷₜ = a + b·t + c·t²
    eₜ = xₜ − φ·xₜ₋₁     φ = first autocorrelation of x

so that a trend, a random walk or an AR(1) leaves plain noise, whose autocorrelation r(k) is about N(0, 1/n). A season of
m observations leaves peaks at m, 2m and 3m. It is believed where their mean is larger than chance allows over all the
lags that were looked at, and the shortest season that is nearly as strong as the strongest one is taken: half-hourly
demand repeats each day (48) and each week (336), and 48 is the answer.

What is left of a long smooth season without its memory may be too little to be seen. So a season is first sought in xₜ itself: twelve rows or
more, seen eight times or more, with r(m) at least 0.5 at a peak after a fall of 0.1, and 0.25 in the mean at its next multiples.
A random walk hardly reaches that.

Source: Box, Jenkins & Reinsel 2008, Time Series Analysis, §2.1.6 (standard error of r) and §9 (seasonal peaks).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from inorder.typing import Floats, Offsets, Values

CHANCE = 0.005  # of a season seen in pure noise
LEAST = 0.15  # mean autocorrelation at the season's multiples below which a season is not worth modelling
NEARLY, ALMOST = 0.6, 0.9  # of the strongest season's strength, from which a shorter one is taken: a customary one, another one
CUSTOMARY = (4, 7, 12, 24, 48, 52, 96, 144, 288)  # of quarters, days, months, hours, half-hours, weeks, 15, 10 and 5 minutes
SHORTEST = 3  # a season of 2 is a negative memory, and is taken out with it
CYCLES = 3  # a season must have been seen this many times
SMOOTH, OFTEN = 12, 8  # a smooth season has so many rows, and was seen so many times
CLEAR, AGAIN = 0.5, 0.25  # its autocorrelation at its lag, and at the next multiples in the mean
VALLEY = 0.1  # by which it falls before it rises to that peak
LONGEST = 20_000  # rows looked at, the last ones
MOST = 50  # series of a panel looked at


def infer_season_length(values: Values | Sequence[Values]) -> int:
    """Observations in one season; 1 where none stands out.   values: (time,) of one series, or several; NaN = missing.

    Of several series the answer that most of them give; up to 50 are looked at, evenly spread.

    >>> t = np.arange(60)
    >>> infer_season_length(np.tile([1.0, 5.0, 2.0, 0.0], 15) + t), infer_season_length(2.0 * t)
    (4, 1)
    """
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return season_of(values)
    which = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST)).astype(int))
    votes = Counter(season_of(np.asarray(values[int(i)], dtype=np.float64)) for i in which)
    return min(votes, key=lambda season: (-votes[season], season))


def season_of(y: Values) -> int:
    """The season length of one series."""
    x = _without_trend(y[-LONGEST:])
    season = smooth_season(x)
    return season if season > 1 else season_of_noise(_without_memory(x))


def season_of_noise(noise: Values) -> int:
    """The season length of a series without trend and memory: at its multiples the autocorrelation is larger than chance allows."""
    n = int((~np.isnan(noise)).sum())
    longest = n // CYCLES
    if longest < SHORTEST:
        return 1
    r = autocorrelation(noise, CYCLES * longest)
    lags = np.arange(SHORTEST, longest + 1)
    peaks = lags[(r[lags] >= r[lags - 1]) & (r[lags] >= r[lags + 1])]
    strength = np.mean([_prominence(r, peaks, k) for k in range(1, CYCLES + 1)], axis=0)
    few = np.mean([n / np.maximum(n - k * peaks, 1) for k in range(1, CYCLES + 1)], axis=0)  # the variance of r(k) grows where few pairs are left
    bar = NormalDist().inv_cdf(1 - CHANCE / len(lags)) * np.sqrt(few / (CYCLES * n))
    believed = (strength > np.maximum(bar, LEAST)) & (_prominence(r, peaks, 1) > 2 / np.sqrt(n))
    if not believed.any():
        return 1
    seasons, strength = peaks[believed], strength[believed]
    enough = np.where(np.isin(seasons, CUSTOMARY), NEARLY, ALMOST) * strength.max()
    return int(seasons[strength >= enough][0])


def smooth_season(x: Values) -> int:
    """The season length of a series without trend: where its autocorrelation has a high peak that comes again at the multiples.

    The later the peak, the more exactly it tells the length.

    >>> t = np.arange(600)
    >>> smooth_season(np.sin(2 * np.pi * t / 60)), smooth_season(np.random.default_rng(0).normal(size=200).cumsum())
    (60, 1)
    """
    longest = len(x) // OFTEN
    if longest < SMOOTH or np.isnan(x).all():
        return 1
    r = autocorrelation(x, len(x) - 1)
    lags = np.arange(SMOOTH, longest + 1)
    tops = lags[(r[lags] >= r[lags - 1]) & (r[lags] > r[lags + 1]) & (r[lags] > np.minimum.accumulate(r)[lags] + VALLEY)]
    peaks = [k for k in tops.tolist() if r[k] == r[k // 2 + 1 : 3 * k // 2 + 1].max()]
    highest = max((r[k] for k in peaks), default=0.0)
    if highest < CLEAR:
        return 1
    season = next(k for k in peaks if r[k] >= (NEARLY if k in CUSTOMARY else ALMOST) * highest)
    near, length, heights = max(1, round(0.05 * season)), float(season), []
    for multiple in range(2, 2 * len(x) // (3 * season) + 1):
        first = round(multiple * length) - near
        peak = first + int(np.argmax(r[first : first + 2 * near + 1]))
        heights.append(r[peak])
        length = peak / multiple
    return round(length) if np.mean(heights[: OFTEN // 2]) >= AGAIN else 1


def _prominence(r: Floats, lag: Offsets, k: int) -> Floats:
    """How far r(k·lag) stands above its mean over the season around it: a slow change raises all of them alike."""
    total = np.concatenate([[0.0], np.cumsum(r)])
    low, high = k * lag - lag // 2, np.minimum(k * lag + lag // 2 + 1, len(r))
    return np.asarray(r[k * lag] - (total[high] - total[low]) / (high - low))


def autocorrelation(x: Values, most: int) -> Floats:
    """(most + 1,) autocorrelation at the lags 0, 1, …; pairs with a missing value do not count.   x: (time,) with mean 0 or not."""
    present = ~np.isnan(x)
    centred = np.where(present, x - np.nanmean(x), 0.0)
    size = 1 << int(2 * len(x) - 1).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(centred, size)) ** 2, size)[: most + 1]
    pairs = np.round(np.fft.irfft(np.abs(np.fft.rfft(present.astype(float), size)) ** 2, size)[: most + 1])
    covariance = np.where(pairs > 0, products / np.maximum(pairs, 1), 0.0)
    return covariance / covariance[0] if covariance[0] > 0 else np.zeros(most + 1)


def _without_trend(y: Values) -> Values:
    """The series without a parabola, from its first value to its last; all missing where nothing else is in it."""
    present = np.flatnonzero(~np.isnan(y))
    if len(present) < 4:
        return y
    y = y[present[0] : present[-1] + 1]
    t = np.arange(len(y), dtype=np.float64)
    there = ~np.isnan(y)
    t = t / len(y) - 0.5
    x = y - np.polyval(np.polyfit(t[there], y[there], 2), t)
    scale = float(np.nanstd(y))
    if scale == 0 or np.nanstd(x) < 1e-9 * scale:  # nothing but the trend
        return np.full(len(y), np.nan)
    return np.asarray(x)


def _without_memory(x: Values) -> Values:
    """A series without trend, without its first-order memory."""
    if len(x) < 4 or np.isnan(x).all():
        return x
    phi = float(np.clip(autocorrelation(x, 1)[1], -1.0, 1.0))
    return x[1:] - phi * x[:-1]
