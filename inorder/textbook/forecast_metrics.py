"""Scores of forecasts, written out for one series; the twin of `metrics/forecast.py`.

y: what came (NaN = not known).   forecast: what was said would come.   All are plain sequences of numbers.
The score of many series is `mean_over_series` of the scores of each.

Source: Hyndman & Koehler 2006 (MASE); Makridakis, Spiliotis & Assimakopoulos 2020 (sMAPE, OWA); Gneiting & Raftery 2007
(CRPS, pinball, interval score).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Numbers = Sequence[float]


def mean_over_steps(errors: Numbers, y: Numbers) -> float:
    """The mean of the errors at the steps whose truth is known; NaN where none is.

    >>> mean_over_steps([1.0, 2.0, 9.0], [5.0, 5.0, math.nan])
    1.5
    """
    total, count = 0.0, 0
    for error, actual in zip(errors, y, strict=True):
        if not math.isnan(actual):
            total += error
            count += 1
    return total / count if count else math.nan


def mean_over_series(scores: Numbers) -> float:
    """The mean of the scores of single series; those that have none (NaN) are left out."""
    known = [score for score in scores if not math.isnan(score)]
    return sum(known) / len(known) if known else math.nan


def mae(y: Numbers, forecast: Numbers) -> float:
    """mean |y − ŷ|

    >>> mae([1.0, 2.0], [2.0, 4.0])
    1.5
    """
    return mean_over_steps([abs(actual - said) for actual, said in zip(y, forecast, strict=True)], y)


def rmse(y: Numbers, forecast: Numbers) -> float:
    """√ mean (y − ŷ)²"""
    return math.sqrt(mean_over_steps([(actual - said) ** 2 for actual, said in zip(y, forecast, strict=True)], y))


def bias(y: Numbers, forecast: Numbers) -> float:
    """mean (ŷ − y): positive where forecasts are too high."""
    return mean_over_steps([said - actual for actual, said in zip(y, forecast, strict=True)], y)


def smape(y: Numbers, forecast: Numbers) -> float:
    """mean 200·|y − ŷ| / (|y| + |ŷ|), and 0 where both are zero.

    >>> smape([100.0, 0.0], [100.0, 0.0])
    0.0
    """
    errors = []
    for actual, said in zip(y, forecast, strict=True):
        size = abs(actual) + abs(said)
        errors.append(0.0 if size == 0 else 200 * abs(actual - said) / size)
    return mean_over_steps(errors, y)


def mape(y: Numbers, forecast: Numbers) -> float:
    """mean 100·|y − ŷ| / |y| over the truths that are not zero."""
    errors, nonzero = [], []
    for actual, said in zip(y, forecast, strict=True):
        if actual != 0:
            errors.append(100 * abs(actual - said) / abs(actual))
            nonzero.append(actual)
    return mean_over_steps(errors, nonzero)


def mase_scale(train: Numbers, season_length: int = 1) -> tuple[float, int]:
    """mean |y[t] − y[t−m]| over the training part, and the lag m: 1 where it is no longer than the season. NaN where there is no scale.

    >>> mase_scale([1.0, 5.0, 2.0, 7.0], season_length=2)
    (1.5, 2)
    """
    lag = season_length if len(train) > season_length else 1
    differences = []
    for t in range(lag, len(train)):
        difference = abs(train[t] - train[t - lag])
        if not math.isnan(difference):
            differences.append(difference)
    if not differences or sum(differences) == 0:
        return math.nan, lag
    return sum(differences) / len(differences), lag


def mase(y: Numbers, forecast: Numbers, train: Numbers, season_length: int = 1) -> float:
    """MAE divided by the in-sample error of the seasonal naive forecast."""
    return mae(y, forecast) / mase_scale(train, season_length)[0]


def owa(smape: float, mase: float, naive2_smape: float, naive2_mase: float) -> float:
    """½ · (sMAPE / sMAPE of Naive2 + MASE / MASE of Naive2), from averages over all series."""
    return (smape / naive2_smape + mase / naive2_mase) / 2


def pinball(y: Numbers, quantiles: Numbers, probability: float) -> float:
    """mean of p·(y − q) where the truth is above the quantile, (1 − p)·(q − y) where it is below.

    >>> pinball([10.0], [8.0], 0.9)
    1.8
    """
    errors = []
    for actual, quantile in zip(y, quantiles, strict=True):
        if actual >= quantile:
            errors.append(probability * (actual - quantile))
        else:
            errors.append((1 - probability) * (quantile - actual))
    return mean_over_steps(errors, y)


def crps(y: Numbers, quantiles: Sequence[Numbers], probabilities: Numbers) -> float:
    """Twice the mean over the probabilities of the pinball loss.   quantiles: one row of steps for each probability."""
    losses = [pinball(y, row, probability) for row, probability in zip(quantiles, probabilities, strict=True)]
    return 2 * sum(losses) / len(losses)


def crps_normal(y: Numbers, mean: Numbers, deviation: Numbers, cells: int = 20_000) -> float:
    """∫ (Φ((x − μ)/σ) − [x ≥ y])² dx, by the midpoint rule on either side of y, where the integrand jumps."""
    errors = []
    for actual, centre, spread in zip(y, mean, deviation, strict=True):

        def below(x: float, centre: float = centre, spread: float = spread) -> float:
            """Φ: the probability of a value of at most x."""
            return 0.5 * (1 + math.erf((x - centre) / (spread * math.sqrt(2))))

        reach = 10 * spread + abs(actual - centre)
        left, right = centre - reach, centre + reach
        total = 0.0
        for k in range(cells):
            x = left + (k + 0.5) * (actual - left) / cells
            total += below(x) ** 2 * (actual - left) / cells
            x = actual + (k + 0.5) * (right - actual) / cells
            total += (1 - below(x)) ** 2 * (right - actual) / cells
        errors.append(total)
    return mean_over_steps(errors, y)


def crps_samples(y: Numbers, samples: Sequence[Numbers], fair: bool = False) -> float:
    """mean |X − y| − ½ · mean |X − X'| over all pairs of samples; fair: over pairs of different ones.   samples: one row of steps for each."""
    errors, n = [], len(samples)
    for t, actual in enumerate(y):
        distance = sum(abs(row[t] - actual) for row in samples) / n
        spread = sum(abs(one[t] - other[t]) for one in samples for other in samples) / (n * (n - 1) if fair else n * n)
        errors.append(distance - spread / 2)
    return mean_over_steps(errors, y)


def coverage(y: Numbers, lower: Numbers, upper: Numbers) -> float:
    """Share of the truths inside their interval, bounds included."""
    inside = [1.0 if low <= actual <= high else 0.0 for actual, low, high in zip(y, lower, upper, strict=True)]
    return mean_over_steps(inside, y)


def interval_width(y: Numbers, lower: Numbers, upper: Numbers) -> float:
    """mean (u − l) over the steps whose truth is known."""
    return mean_over_steps([high - low for low, high in zip(lower, upper, strict=True)], y)


def interval_score(y: Numbers, lower: Numbers, upper: Numbers, level: float) -> float:
    """The mean width, and 2/α for each unit by which a truth lies outside; α = 1 − level.

    >>> interval_score([1.0, 6.0], [0.0, 0.0], [3.0, 5.0], level=0.8)
    9.0
    """
    alpha, errors = 1 - level, []
    for actual, low, high in zip(y, lower, upper, strict=True):
        error = high - low
        if actual < low:
            error += 2 / alpha * (low - actual)
        if actual > high:
            error += 2 / alpha * (actual - high)
        errors.append(error)
    return mean_over_steps(errors, y)
