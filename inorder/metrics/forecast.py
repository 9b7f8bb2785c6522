"""Scores of forecasts.   y: what came; ŷ: what was forecast; T: the training part; m: the season length.

    MAE    mean |y − ŷ|                         RMSE  √ mean (y − ŷ)²             bias  mean (ŷ − y)
    sMAPE  mean 200·|y − ŷ| / (|y| + |ŷ|)       MAPE  mean 100·|y − ŷ| / |y|
    MASE   mean |y − ŷ| / scale,                scale = mean over T of |y[t] − y[t−m]|
    OWA    ½ · (sMAPE / sMAPE of Naive2 + MASE / MASE of Naive2)
    pinball for probability p                   max(p·(y − q), (p − 1)·(y − q))
    CRPS   ∫ (F(x) − [x ≥ y])² dx               = 2 · ∫ pinball of the p-quantile dp
    interval score for level 1 − α              (u − l) + 2/α·max(l − y, 0) + 2/α·max(y − u, 0)

All take plain arrays, (horizon,) for one series or (series, horizon) for many, and return a `Score`. Means are taken over
the steps of each series, then over the series (`averaging.py` says what happens to NaN). Nothing to score gives NaN.

Source: Hyndman & Koehler 2006, Another look at measures of forecast accuracy (MASE); Makridakis, Spiliotis &
Assimakopoulos 2020, The M4 Competition (sMAPE, OWA, interval score); Gneiting & Raftery 2007, Strictly proper scoring
rules, prediction, and estimation, §4.2, §6 (CRPS, pinball, interval score).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.series import Series, check_season_length
from inorder.errors import ConfigError, InputError, ShapeError
from inorder.metrics.averaging import average, floats, like, probability, stacked, truth
from inorder.metrics.score import Score as Score
from inorder.metrics.score import level_name, signature
from inorder.typing import Floats


def mae(y: Any, forecast: Any) -> Score:
    """Mean absolute error, in the units of the series: the typical miss.

        MAE = mean |y − ŷ|

    >>> print(round(mae([1.0, 2.0, float("nan"), 4.0], [1.0, 3.0, 3.0, 6.0]).value, 3))
    1.0
    """
    actual, predicted = truth(y), like(y, "forecast", forecast)
    return average("MAE", np.abs(actual - predicted), actual)


def rmse(y: Any, forecast: Any) -> Score:
    """Root mean squared error, in the units of the series; large misses weigh more than in MAE.

        RMSE = √ mean (y − ŷ)², the root for each series by itself

    >>> rmse([0.0, 0.0], [3.0, 4.0]).value
    3.5355339059327378
    """
    actual, predicted = truth(y), like(y, "forecast", forecast)
    with np.errstate(over="ignore"):  # beyond 1e154 the square is infinite, and so is the score
        return average("RMSE", (actual - predicted) ** 2, actual, root=True)


def bias(y: Any, forecast: Any) -> Score:
    """Mean error, in the units of the series: positive where forecasts are too high.

        bias = mean (ŷ − y)

    >>> bias([1.0, 2.0], [2.0, 4.0]).value
    1.5
    """
    actual, predicted = truth(y), like(y, "forecast", forecast)
    return average("bias", predicted - actual, actual, {"sign": "forecast minus truth"})


def smape(y: Any, forecast: Any) -> Score:
    """Symmetric mean absolute percentage error, per cent, from 0 to 200.

        sMAPE = mean 200·|y − ŷ| / (|y| + |ŷ|),   0/0 = 0

    It says little where values lie near zero: one of 0 forecast by 0.001 costs the full 200.

    >>> smape([100.0, 0.0], [110.0, 0.0]).value
    4.761904761904762
    """
    actual, predicted = truth(y), like(y, "forecast", forecast)
    size = np.abs(actual) + np.abs(predicted)
    with np.errstate(invalid="ignore"):  # an infinite forecast scores NaN
        errors = 200 * np.abs(actual - predicted) / np.where(size == 0, 1.0, size)
    return average("sMAPE", errors, actual, {"unit": "%"})


def mape(y: Any, forecast: Any) -> Score:
    """Mean absolute percentage error, per cent of the truth. Widely asked for, and flawed; prefer MASE.

        MAPE = mean 100·|y − ŷ| / |y|

    A truth of zero has no percentage: it is left out and counted in the signature. Values near zero rule the mean, and a
    forecast that is too low costs at most 100 while one that is too high has no bound, so the score favours low forecasts.

    >>> score = mape([100.0, 0.0], [110.0, 5.0])
    >>> score.value, score.parts["zeros left out"]
    (10.0, '1')
    """
    actual, predicted = truth(y), like(y, "forecast", forecast)
    nonzero = actual != 0
    zeros = actual.size - int(nonzero.sum())
    errors = 100 * np.abs(actual - predicted) / np.where(nonzero, np.abs(actual), 1.0)
    return average("MAPE", errors, actual, {"unit": "%", "zeros left out": zeros or None}, use=nonzero)


def mase(y: Any, forecast: Any, train: Any, season_length: int = 1) -> Score:
    """Mean absolute scaled error: 1 is as good as the seasonal naive forecast was, one step at a time, on the training part.

        MASE = mean |y − ŷ| / scale,   scale = mean over the training part of |y[t] − y[t−m]|

    train: (time,) for one series; a Series, a list of arrays or (series, time) for many: what the model was fitted to, never what it is tested on.
    season_length: m.
    A training part of m rows or fewer is scaled with lag 1 instead. One that is constant, perfectly seasonal or too short
    even for that has no scale: its series is left out. The signature counts both.

    Source: Hyndman & Koehler 2006; with a season, as in the M4 competition (Makridakis, Spiliotis & Assimakopoulos 2020).

    >>> print(mase([5.0, 6.0], [4.0, 4.0], train=[1.0, 2.0, 3.0, 4.0]).value)
    1.5
    """
    actual, predicted = truth(y), like(y, "forecast", forecast)
    scale, lag = mase_scale(train, season_length)
    if len(scale) != len(actual):
        raise ShapeError(f"`train` holds {len(scale)} series, but `y` has {len(actual)}.")
    scaled = ~np.isnan(scale)
    use = np.broadcast_to(scaled[:, None], actual.shape)
    parts = {
        "scale": "in-sample seasonal naive",
        "m": season_length,
        "series without a scale": int((~scaled).sum()) or None,
        "series scaled with lag 1": int((scaled & (lag != season_length)).sum()) or None,
    }
    return average("MASE", np.abs(actual - predicted) / np.where(scaled, scale, 1.0)[:, None], actual, parts, use=use)


def mase_scale(train: Any, season_length: int = 1) -> tuple[Floats, NDArray[np.int64]]:
    """(series,) the scale of MASE for each training part, and the lag that was used: m, or 1 where the part has m rows or fewer.

    NaN where there is no scale: no two observations that far apart, or a mean difference of zero.

    >>> scale, lag = mase_scale([[1.0, 5.0, 2.0, 7.0], [3.0, 3.0, 3.0, 3.0]], season_length=2)
    >>> scale.tolist(), lag.tolist()
    ([1.5, nan], [2, 2])
    """
    m = check_season_length(season_length)
    values, lengths = _training(train)
    begin = np.repeat(np.cumsum(lengths) - lengths, lengths)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    lag = np.where(lengths > m, m, 1)
    before = np.arange(len(values)) - lag[owner]
    differences = np.abs(values - values[np.maximum(before, 0)])
    known = (before >= begin) & ~np.isnan(differences)
    count = np.bincount(owner[known], minlength=len(lengths))
    total = np.bincount(owner[known], weights=differences[known], minlength=len(lengths))
    return np.divide(total, count, out=np.full(len(lengths), np.nan), where=total > 0), lag


def _training(train: Any) -> tuple[Floats, NDArray[np.int64]]:
    """The training parts one after the other, and the length of each."""
    if isinstance(train, Series):
        return train.values, train.lengths
    rows = train if isinstance(train, list | tuple | np.ndarray) else floats("train", train)
    rows = [floats("train", row) for row in rows]
    if all(row.ndim == 0 for row in rows):
        rows = [floats("train", rows)]
    for i, row in enumerate(rows):
        if row.ndim != 1:
            raise ShapeError(f"`train` is (time,), or one array (time,) for each series; number {i} has the shape {row.shape}.")
    return np.concatenate([np.zeros(0), *rows]), np.array([len(row) for row in rows], dtype=np.int64)


def owa(smape: Score | float, mase: Score | float, naive2_smape: Score | float, naive2_mase: Score | float) -> Score:
    """Overall weighted average of the M4 competition: 1 is as good as Naive2, less is better.

        OWA = ½ · (sMAPE / sMAPE of Naive2 + MASE / MASE of Naive2)

    The averages over all series come first, then the ratios: the mean of the ratios of single series is another number.
    NaN where a score of Naive2 is zero. Scores whose signatures differ from those of Naive2 are refused.

    >>> owa(13.912, 1.193, naive2_smape=18.383, naive2_mase=2.395).value  # the seasonal naive forecast on M4 Hourly
    0.627453623361059
    """
    scores = {"smape": smape, "naive2_smape": naive2_smape, "mase": mase, "naive2_mase": naive2_mase}
    for name, score in scores.items():
        wanted = "sMAPE" if name.endswith("smape") else "MASE"
        if isinstance(score, Score) and score.name != wanted:
            raise ConfigError(f"`{name}` is a score {wanted}, not {score.name}.")
    for one, other in ((smape, naive2_smape), (mase, naive2_mase)):
        if isinstance(one, Score) and isinstance(other, Score) and one.signature != other.signature:
            raise ConfigError(
                f'{one.name} was computed as "{one.signature}", that of Naive2 as "{other.signature}". Score both on the same truths in the same way.'
            )
    ratios = [float(smape) / float(naive2_smape) if float(naive2_smape) else math.nan, float(mase) / float(naive2_mase) if float(naive2_mase) else math.nan]
    parts = mase.parts if isinstance(mase, Score) else {}
    shared = {key: parts.get(key) for key in ("m", "series", "steps", "missing")}
    return Score("OWA", sum(ratios) / 2, signature(against="Naive2", mean="averages first, then ratios", **shared))


def pinball(y: Any, quantiles: Any, probabilities: float | Sequence[float]) -> Score:
    """Pinball loss of a forecast quantile, in the units of the series: its mean is least for the true quantile.

        pinball = max(p·(y − q), (p − 1)·(y − q))

    probabilities: one p with `quantiles` shaped as `y`; or several, with `quantiles` (probabilities, horizon) or
    (probabilities, series, horizon), for the mean over them. For p = 0.5 it is half the absolute error.

    Source: Koenker & Bassett 1978, Regression quantiles.

    >>> pinball([10.0], [8.0], 0.9).value, pinball([10.0], [12.0], 0.9).value
    (1.8, 0.19999999999999996)
    """
    actual = truth(y)
    p, q = _quantiles(y, quantiles, probabilities)
    return average("pinball", _pinball(actual, p, q), actual, {"probabilities": _listed(p)})


def crps(y: Any, quantiles: Any, probabilities: Sequence[float]) -> Score:
    """Continuous ranked probability score from forecast quantiles, in the units of the series; for a point forecast it is MAE.

        CRPS ≈ 2 · mean over p of the pinball loss of the p-quantile

    quantiles: (probabilities, horizon) or (probabilities, series, horizon).
    The mean is an integral over p when the probabilities are spread evenly, such as (k − ½)/n for k = 1 … n; for a few
    chosen levels it is a score of those levels, to be compared only with the same ones (they stand in the signature).

    >>> crps([10.0], [[8.0], [10.0], [13.0]], [0.25, 0.5, 0.75]).value
    0.8333333333333334
    """
    actual = truth(y)
    p, q = _quantiles(y, quantiles, probabilities)
    return average("CRPS", 2 * _pinball(actual, p, q), actual, {"from": "quantiles", "probabilities": _listed(p)})


def crps_normal(y: Any, mean: Any, deviation: Any) -> Score:
    """CRPS of normal distributions, exact.

        CRPS = σ · (z·(2Φ(z) − 1) + 2φ(z) − 1/√π),   z = (y − μ)/σ

    A deviation of zero is a point forecast: the absolute error.   Raises InputError for a negative one.

    Source: Gneiting & Raftery 2007, §4.2.

    >>> round(crps_normal([0.0], [0.0], [1.0]).value, 6)
    0.233695
    """
    from scipy.special import erf

    actual, centre, spread = truth(y), like(y, "mean", mean), like(y, "deviation", deviation)
    if (spread < 0).any():
        raise InputError(f"`deviation` is a standard deviation, so none may be negative; the smallest is {np.nanmin(spread):g}.")
    point = spread == 0
    z = (actual - centre) / np.where(point, 1.0, spread)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    errors = spread * (z * erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))
    return average("CRPS", np.where(point, np.abs(actual - centre), errors), actual, {"from": "normal distribution"})


def crps_samples(y: Any, samples: Any, *, fair: bool = False) -> Score:
    """CRPS from samples of the forecast distribution.

        CRPS = mean |X − y| − ½ · mean |X − X'|

    samples: (samples, horizon) or (samples, series, horizon).
    fair: take the second mean over pairs of different samples, an unbiased estimate for the distribution that they were
    drawn from (needs two); otherwise over all pairs, the exact score of the samples themselves.

    Source: Gneiting & Raftery 2007, §4.2; fair: Ferro 2014, Fair scores for ensemble forecasts.

    >>> crps_samples([2.0], [[1.0], [3.0]]).value, crps_samples([2.0], [[1.0], [3.0]], fair=True).value
    (0.5, 0.0)
    """
    actual, x = truth(y), np.sort(stacked(y, "samples", "samples", samples), axis=0)
    n = len(x)
    if n < 1 + fair:
        raise ShapeError(f"`samples` holds {n} samples; {1 + fair} or more are needed{' for the fair score' if fair else ''}.")
    rank = 2 * np.arange(1, n + 1) - n - 1
    halved_spread = np.tensordot(rank, x, axes=1) / (n * (n - 1 if fair else n))  # Σᵢⱼ |xᵢ − xⱼ| = 2 · Σᵢ rankᵢ · xᵢ for sorted x
    return average("CRPS", np.abs(x - actual).mean(axis=0) - halved_spread, actual, {"from": "samples", "samples": n, "fair": "yes" if fair else "no"})


def coverage(y: Any, lower: Any, upper: Any, level: float | None = None) -> Score:
    """Share of the truths that lie inside their interval, bounds included; right is the interval's level, not 1.

        coverage = mean [l ≤ y ≤ u]

    level: what the interval promises, for the signature.

    >>> coverage([1.0, 2.0, 3.0, 4.0], lower=[0.0, 0.0, 0.0, 0.0], upper=[3.0, 3.0, 3.0, 3.0]).value
    0.75
    """
    actual, low, high = truth(y), *_interval(y, lower, upper)
    inside = np.where(np.isnan(low) | np.isnan(high), np.nan, (low <= actual) & (actual <= high))
    return average("coverage", inside, actual, {"level": _level(level)})


def interval_width(y: Any, lower: Any, upper: Any, level: float | None = None) -> Score:
    """Mean width of the intervals, in the units of the series, over the steps whose truth is known: of two that cover alike the narrower is better.

        width = mean (u − l)

    level: what the interval promises, for the signature.

    >>> interval_width([1.0, 2.0], lower=[0.0, 0.0], upper=[3.0, 5.0]).value
    4.0
    """
    actual, low, high = truth(y), *_interval(y, lower, upper)
    return average("width", high - low, actual, {"level": _level(level)})


def interval_score(y: Any, lower: Any, upper: Any, level: float) -> Score:
    """Interval (Winkler) score, in the units of the series: the width, and a fine for each truth outside; less is better.

        score = (u − l) + 2/α·max(l − y, 0) + 2/α·max(y − u, 0),   α = 1 − level

    Source: Winkler 1972, A decision-theoretic approach to interval estimation; Gneiting & Raftery 2007, §6.2.

    >>> interval_score([1.0, 6.0], lower=[0.0, 0.0], upper=[3.0, 5.0], level=0.8).value
    9.0
    """
    share = probability("level", level)
    actual, low, high = truth(y), *_interval(y, lower, upper)
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    return average("interval score", high - low + 2 / (1 - share) * outside, actual, {"level": _level(level)})


def score_forecast(
    y: Any,
    forecast: Any,
    *,
    train: Any,
    season_length: int = 1,
    naive2: Any = None,
    lower: Mapping[float, Any] | None = None,
    upper: Mapping[float, Any] | None = None,
) -> dict[str, Score]:
    """Every score that the given parts allow, under short names.

    y, forecast, naive2: (horizon,) or (series, horizon).   lower, upper: level -> bounds, as in a `Forecast`.
    "mae", "rmse", "bias", "smape", "mape", "mase"; with `naive2`, the forecast of Naive 2, also "owa"; with bounds "pinball"
    and "crps", over their quantiles and the forecast as the median, and "coverage_80", "width_80", "interval_score_80" for each level.

    >>> scores = score_forecast([5.0, 6.0], [4.0, 5.0], train=[1.0, 2.0, 3.0, 4.0], lower={0.8: [3.0, 3.0]}, upper={0.8: [5.0, 7.0]})
    >>> ", ".join(scores)
    'mae, rmse, bias, smape, mape, mase, pinball, crps, coverage_80, width_80, interval_score_80'
    """
    scores = {"mae": mae(y, forecast), "rmse": rmse(y, forecast), "bias": bias(y, forecast), "smape": smape(y, forecast), "mape": mape(y, forecast)}
    scores["mase"] = mase(y, forecast, train, season_length)
    if naive2 is not None:
        scores["owa"] = owa(scores["smape"], scores["mase"], smape(y, naive2), mase(y, naive2, train, season_length))
    lower, upper = lower or {}, upper or {}
    if set(lower) != set(upper):
        raise ConfigError(f"`lower` has the levels {sorted(lower)}, `upper` {sorted(upper)}; they must be equal.")
    levels = sorted(lower)
    if levels:
        probabilities = [(1 - level) / 2 for level in reversed(levels)] + [0.5] + [(1 + level) / 2 for level in levels]
        quantiles = np.array([lower[level] for level in reversed(levels)] + [forecast] + [upper[level] for level in levels])
        scores |= {"pinball": pinball(y, quantiles, probabilities), "crps": crps(y, quantiles, probabilities)}
    for level in levels:
        name = level_name(level)
        scores[f"coverage_{name}"] = coverage(y, lower[level], upper[level], level)
        scores[f"width_{name}"] = interval_width(y, lower[level], upper[level], level)
        scores[f"interval_score_{name}"] = interval_score(y, lower[level], upper[level], level)
    return scores


def _quantiles(y: Any, quantiles: Any, probabilities: float | Sequence[float]) -> tuple[Floats, Floats]:
    """(probabilities,) and (probabilities, series, horizon)."""
    if np.ndim(probabilities) == 0:
        return np.array([probability("probabilities", probabilities)]), like(y, "quantiles", quantiles)[None]
    p = np.array([probability("probabilities", value) for value in np.asarray(probabilities).reshape(-1).tolist()])
    if len(p) == 0:
        raise ConfigError("`probabilities` is empty; name at least one, such as 0.5.")
    return p, stacked(y, "quantiles", "probabilities", quantiles, len(p))


def _pinball(y: Floats, p: Floats, q: Floats) -> Floats:
    """(series, horizon) mean over the probabilities."""
    error, p = y - q, p[:, None, None]
    return np.asarray(np.maximum(p * error, (p - 1) * error).mean(axis=0))


def _listed(p: Floats) -> str:
    return ",".join(f"{value:.12g}" for value in p)


def _level(level: float | None) -> str | None:
    return None if level is None else repr(probability("level", level))


def _interval(y: Any, lower: Any, upper: Any) -> tuple[Floats, Floats]:
    low, high = like(y, "lower", lower), like(y, "upper", upper)
    if (low > high).any():
        i, t = np.argwhere(low > high)[0]
        raise InputError(f"`lower` is above `upper` at series {i}, step {t + 1}: {low[i, t]:g} > {high[i, t]:g}. Were they exchanged?")
    return low, high
