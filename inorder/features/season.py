"""A season that nobody named: the lag at which a series is most like itself.

    r[k] = mean of z[t]·z[t+k] over the pairs that are there ÷ mean of z[t]²,       z = y without its straight line

A season makes r peak at its length m and again at 2·m, 3·m, …; the later peaks tell its length more exactly. Where several peaks are about as high, the
shortest lag is the season and the others are its multiples.

Source: the correlogram of a seasonal series, Box & Jenkins, Time Series Analysis, §9.1; pairs that are there: Parzen 1963, On spectral analysis with missing
observations and amplitude modulation.
"""

from __future__ import annotations

import numpy as np

from inorder.typing import Floats, Values

CLEAR = 0.5  # correlation at one season that takes a peak for one
AGAIN = 0.3  # and at its multiples
VALLEY = 0.1  # by which the correlation falls before it rises to a peak
ALIKE = 0.9  # share of the highest peak from which a shorter lag is the season itself


def find_season(y: Values) -> int:
    """The length of the season of y: (time,), NaN = missing; 1 where none is clear.

    A season counts where the correlation at its lag is at least 0.5 and that at twice the lag at least 0.3; it is at most a third of the rows.

    >>> t = np.arange(200)
    >>> find_season(np.sin(2 * np.pi * t / 24) + 0.01 * t), find_season(np.random.default_rng(0).normal(size=200))
    (24, 1)
    """
    y = np.asarray(y, dtype=np.float64)
    present = np.flatnonzero(~np.isnan(y))
    if len(present) < 9:
        return 1
    r = pairwise_autocorrelation(y[present[0] : present[-1] + 1])
    longest = len(r) // 3
    lowest = np.minimum.accumulate(r[1:])  # of the lags up to k at k − 1
    tops = [k for k in range(2, longest + 1) if r[k - 1] <= r[k] > r[k + 1] and r[k] > lowest[k - 2] + VALLEY]
    peaks = [k for k in tops if r[k] == r[k // 2 + 1 : 3 * k // 2 + 1].max()]
    highest = max((r[k] for k in peaks), default=0.0)
    if highest < CLEAR:
        return 1
    season = next(k for k in peaks if r[k] >= ALIKE * highest)
    length, multiple = float(season), 1
    while True:
        multiple += 1
        near = max(1, round(0.05 * season))
        first, end = round(multiple * length) - near, round(multiple * length) + near + 1
        if end > 2 * len(r) // 3 and multiple > 2:
            break
        peak = first + int(np.argmax(r[first:end]))
        if r[peak] < AGAIN:
            break
        length = peak / multiple
    return round(length) if multiple > 2 else 1


def pairwise_autocorrelation(y: Values) -> Floats:
    """(time,) of y without its straight line, each lag over the pairs that are there; 0 where there are none, or nothing but the line.

    >>> pairwise_autocorrelation(np.array([1.0, -1.0, np.nan, -1.0, 1.0]))[:3].round(2).tolist()
    [1.0, -1.0, 1.0]
    """
    there = ~np.isnan(y)
    t = np.arange(len(y), dtype=np.float64)
    largest = float(np.abs(y[there]).max(initial=0.0))
    if largest == 0 or there.sum() < 3:
        return np.zeros(len(y))
    scaled = y[there] / largest
    centred = t[there] - t[there].mean()
    line = scaled.mean() + centred * (centred @ scaled) / (centred @ centred)
    z = np.zeros(len(y))
    z[there] = scaled - line
    if np.abs(z).max() < 1e-9:
        return np.zeros(len(y))
    size = 1 << (2 * len(y)).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(z, size)) ** 2, size)[: len(y)]
    pairs = np.round(np.fft.irfft(np.abs(np.fft.rfft(there.astype(np.float64), size)) ** 2, size)[: len(y)])
    means = np.where(pairs > 0, products / np.maximum(pairs, 1.0), 0.0)
    return np.asarray(means / means[0])
