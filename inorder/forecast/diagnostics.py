"""How a series relates to its own past, and what a model has left in its errors.

    acf[k]          Σ (y[t] − ȳ)(y[t−k] − ȳ) / Σ (y[t] − ȳ)²                       how y relates to itself k steps earlier
    pacf[k]         the last coefficient of an autoregression of order k            the same without what shorter lags explain
    ljung_box       Q = n(n + 2) Σₖ acf[k]²/(n − k)                                 are the errors correlated?
    jarque_bera     n/6·(skewness² + (kurtosis − 3)²/4)                             are they normal?
    equal_variance  Σ of the last third e² / Σ of the first third e²                do they grow or shrink?
    arch_lm         n·R² of e² on its own past;  mcleod_li: Ljung–Box of e²         do large errors follow large ones?
    runs_test       (R − μ)/σ of the R runs above and below the median              do they keep to one side?

Source: Brockwell & Davis 1991, Time series: theory and methods; Ljung & Box 1978; Jarque & Bera 1980; Goldfeld & Quandt 1965;
Harvey 1989, §5.4 (variance); Engle 1982; McLeod & Li 1983; Wald & Wolfowitz 1940; Hyndman & Athanasopoulos, Forecasting: principles and
practice, 3rd ed., §5.4. `decompose` lives in `decomposition`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from inorder.data.series import check_season_length
from inorder.errors import ConfigError, unknown
from inorder.features.panel import Rows, check_count
from inorder.forecast.decomposition import Decomposition, decompose, one_series
from inorder.forecast.intervals import power_of_two
from inorder.typing import Floats, Values

__all__ = [
    "Check",
    "Decomposition",
    "Significance",
    "acf",
    "acf_band",
    "arch_lm",
    "decompose",
    "equal_variance",
    "jarque_bera",
    "ljung_box",
    "mcleod_li",
    "pacf",
    "residual_checks",
    "runs_test",
]

FEWEST = 8  # residuals that a check needs
SIGNIFICANCE = 0.05


def acf(y: Rows, lags: int) -> Floats:
    """(lags + 1,) autocorrelations, lag 0 first.

    Missing values: products are taken over the pairs that are there, and their sum is divided by the pairs + k, so that
    gaps do not make a correlation look weak (what R does with na.action = na.pass; without gaps the equation above).
    A constant is not correlated with anything: 1, 0, 0, ….
    Raises ConfigError for more lags than rows, SeriesError for a panel.

    >>> acf([1, 2, 3, 4, 5], 2).tolist()
    [1.0, 0.4, -0.1]
    """
    values = one_series(y)
    lags = _check_lags(lags, len(values))
    present = ~np.isnan(values)
    deviation = _deviation(values)
    result = np.zeros(lags + 1)
    result[0] = 1.0
    variance = float(deviation @ deviation) / max(int(present.sum()), 1)
    if variance > 0:
        for k in range(1, lags + 1):
            pairs = int((present[k:] & present[:-k]).sum())
            result[k] = float(deviation[k:] @ deviation[:-k]) / (pairs + k) / variance
    return result


def pacf(y: Rows, lags: int) -> Floats:
    """(lags + 1,) partial autocorrelations by the recursion of Durbin and Levinson, lag 0 first.

        φ[k, k] = (r[k] − Σⱼ φ[k−1, j]·r[k−j]) / (1 − Σⱼ φ[k−1, j]·r[j])        φ[k, j] = φ[k−1, j] − φ[k, k]·φ[k−1, k−j]

    Where gaps make the autocorrelations impossible ones, so that a value would leave −1 … 1, it is held there and the later ones are 0.

    >>> pacf([1, 2, 3, 4, 5], 2).round(3).tolist()
    [1.0, 0.4, -0.31]
    """
    r = acf(y, lags)
    result = np.zeros(len(r))
    result[0] = 1.0
    phi, unexplained = np.zeros(0), 1.0
    for k in range(1, len(r)):
        last = (r[k] - phi @ r[k - 1 : 0 : -1]) / unexplained
        result[k] = min(max(last, -1.0), 1.0)
        unexplained *= 1 - last**2
        if unexplained <= 1e-12:
            break
        phi = np.concatenate([phi - last * phi[::-1], [last]])
    return result


def acf_band(y: Rows, lags: int, level: float = 0.95, *, kind: str = "white") -> Floats:
    """(lags + 1,) how far from 0 an autocorrelation may lie by chance; 0 at lag 0.

    kind: "white" for white noise, z/√n (also for partial autocorrelations); "bartlett" where the correlations of shorter lags
    are real, z·√((1 + 2·Σ acf[j]², j < k)/n).   n counts observations.

    >>> acf_band(np.arange(100), 2).round(3).tolist()
    [0.0, 0.196, 0.196]
    """
    if kind not in ("white", "bartlett"):
        raise unknown("kind of band", str(kind), ("white", "bartlett"))
    if not 0 < level < 1:
        raise ConfigError(f"A level is a probability between 0 and 1, not {level!r}.")
    values = one_series(y)
    r = acf(values, lags)
    n = max(int((~np.isnan(values)).sum()), 1)
    spread = np.ones(len(r)) if kind == "white" else 1 + 2 * np.concatenate([[0.0, 0.0], np.cumsum(r[1:-1] ** 2)])[: len(r)]
    band = NormalDist().inv_cdf((1 + level) / 2) * np.sqrt(spread / n)
    band[0] = 0.0
    return np.asarray(band)


class Significance(NamedTuple):
    """A test statistic, and how often chance alone would give one as extreme."""

    statistic: float
    p_value: float


def ljung_box(residuals: Rows, lags: int, fitted_parameters: int = 0) -> Significance:
    """Are the residuals correlated at any of the first `lags` lags?   Q ~ χ²(lags − fitted_parameters) where they are not.

    fitted_parameters: p + q of an ARMA model, 0 for others. A constant: (0, 1).
    Missing values: a correlation of few pairs varies more by chance, so with m[k] pairs k steps apart (n − k of them without gaps) it is
    Q = (n + 2)/n·Σₖ acf[k]²·(m[k] + k)²/m[k]; n counts observations.
    Raises ConfigError for lags beyond the data, or no more than the fitted parameters.

    >>> ljung_box([1, -1] * 20, 5).p_value < 1e-9
    True
    """
    from scipy.special import gammaincc

    values = _trimmed(one_series(residuals))
    n = int((~np.isnan(values)).sum())
    lags = _check_lags(lags, n)
    if lags <= check_count("fitted_parameters", fitted_parameters, 0):
        raise ConfigError(f"`lags` is {lags}, but a test of a model with {fitted_parameters} fitted parameters needs at least {fitted_parameters + 1}.")
    r, present = acf(values, lags), ~np.isnan(values)
    pairs = np.array([(present[k:] & present[:-k]).sum() for k in range(1, lags + 1)], dtype=np.float64)
    weights = np.divide((pairs + np.arange(1, lags + 1)) ** 2, pairs, out=np.zeros(lags), where=pairs > 0)
    statistic = (n + 2) / n * float(np.sum(r[1:] ** 2 * weights))
    return Significance(statistic, float(gammaincc((lags - fitted_parameters) / 2, statistic / 2)))


def jarque_bera(residuals: Rows) -> Significance:
    """Are the residuals normal, judged by skewness and kurtosis?   JB ~ χ²(2) where they are and n is large.   A constant, or nothing: (0, 1).

    >>> jarque_bera([-1, 0, 1]).statistic
    0.28125
    """
    values = one_series(residuals)
    values = values[~np.isnan(values)]
    deviation = _deviation(values)
    variance = float(np.mean(deviation**2)) if len(values) else 0.0
    if variance == 0:
        return Significance(0.0, 1.0)
    skewness = float(np.mean(deviation**3)) / variance**1.5
    kurtosis = float(np.mean(deviation**4)) / variance**2
    statistic = len(values) / 6 * (skewness**2 + (kurtosis - 3) ** 2 / 4)
    return Significance(statistic, math.exp(-statistic / 2))


def equal_variance(residuals: Rows) -> Significance:
    """Are the residuals as large in the last third as in the first?   H = Σ last e² / Σ first e², two-sided by F(n₂, n₁) of H·n₁/n₂.

    Their mean is taken to be 0. Fewer than two observations in a third, or zeros only: (1, 1). Zeros in the first third only: (∞, 0).

    >>> statistic, p_value = equal_variance([1, -1, 1, -1, 2, -2, 2, -2, 3, -3, 3, -3])
    >>> statistic, round(p_value, 3)
    (9.0, 0.056)
    """
    from scipy.special import fdtr, fdtrc

    values = _trimmed(one_series(residuals))
    third = round(len(values) / 3)
    scaled = values / power_of_two(values)
    first, last = (part[~np.isnan(part)] ** 2 for part in (scaled[:third], scaled[len(scaled) - third :]))
    before, after = float(first.sum()), float(last.sum())
    if min(len(first), len(last)) < 2 or before == after == 0:
        return Significance(1.0, 1.0)
    if before == 0:
        return Significance(math.inf, 0.0)
    statistic = after / before
    ratio = statistic * len(first) / len(last)
    p_value = 2 * min(float(fdtr(len(last), len(first), ratio)), float(fdtrc(len(last), len(first), ratio)))
    return Significance(statistic, min(p_value, 1.0))


def arch_lm(residuals: Rows, lags: int) -> Significance:
    """Do large errors follow large ones (Engle)?   n·R² of e²[t] = c + Σ αⱼ·e²[t−j], χ²(lags) where they do not.   A constant: (0, 1).

    Rows with a missing value among themselves and their lags are left out.   Raises ConfigError for too few rows.

    >>> arch_lm(np.random.default_rng(0).normal(size=300), 3).p_value > 0.05
    True
    """
    from scipy.special import gammaincc

    values = one_series(residuals)
    lags = _check_lags(lags, len(values))
    squares = (values / power_of_two(values)) ** 2
    x = np.column_stack([squares[lags - j : len(squares) - j] for j in range(lags + 1)])
    x = x[~np.isnan(x).any(axis=1)]
    if len(x) < 2 * lags + 2:
        raise ConfigError(f"An ARCH test with {lags} lags needs {2 * lags + 2} complete rows; {len(x)} are there.")
    deviation = x - x.mean(axis=0)
    whole = float(deviation[:, 0] @ deviation[:, 0])
    if whole <= 1e-28 * len(x):
        return Significance(0.0, 1.0)
    left = deviation[:, 0] - deviation[:, 1:] @ np.linalg.lstsq(deviation[:, 1:], deviation[:, 0], rcond=None)[0]
    statistic = len(x) * min(max(1 - float(left @ left) / whole, 0.0), 1.0)
    return Significance(statistic, float(gammaincc(lags / 2, statistic / 2)))


def mcleod_li(residuals: Rows, lags: int) -> Significance:
    """Do large errors follow large ones, as in `arch_lm`, but by the Ljung–Box statistic of e².   Source: McLeod & Li 1983.

    >>> mcleod_li(np.random.default_rng(0).normal(size=300), 3).p_value > 0.05
    True
    """
    values = one_series(residuals)
    return ljung_box((values / power_of_two(values)) ** 2, lags)


def runs_test(residuals: Rows) -> Significance:
    """Do errors stay on one side of their median too long, or change sides too often (Wald & Wolfowitz)?

        z = (R − μ)/σ,   μ = 2·a·b/n + 1,   σ² = (μ − 1)(μ − 2)/(n − 1)          R runs of a values at or above the median and b below

    Missing values are left out. Fewer than two values on a side: (0, 1).

    >>> runs_test([1, 2, 3, 4, 5, 6, 7, 8]).statistic.__round__(3)
    -2.291
    """
    values = one_series(residuals)
    values = values[~np.isnan(values)]
    above = values >= (np.median(values) if len(values) else 0.0)
    a, b = int(above.sum()), int((~above).sum())
    if min(a, b) < 2:
        return Significance(0.0, 1.0)
    expected = 2 * a * b / (a + b) + 1
    runs = int((above[1:] != above[:-1]).sum()) + 1
    statistic = (runs - expected) / math.sqrt((expected - 1) * (expected - 2) / (a + b - 1))
    return Significance(statistic, math.erfc(abs(statistic) / math.sqrt(2)))


@dataclass(frozen=True)
class Check:
    """One question put to the residuals.

    passed: None where it could not be asked.   sentence: what the answer means, and what to try.
    """

    name: str
    statistic: float
    p_value: float
    passed: bool | None
    sentence: str


def residual_checks(residuals: Rows, season_length: int = 1, *, fitted_parameters: int = 0) -> list[Check]:
    """Are one-step errors centred on 0, uncorrelated, of the same size throughout, and normal?

    A check passes where its p-value is at least 0.05: one in twenty fails by chance. Correlation is judged over 2·season_length
    lags (10 without a season), but at most a fifth of the residuals (Hyndman & Athanasopoulos §5.4).
    Too few residuals, or residuals that are all equal, are told in words.

    >>> for check in residual_checks(np.random.default_rng(0).normal(size=200)): print(check.name, check.passed)
    centred True
    uncorrelated True
    equal variance True
    normal True
    """
    values, season_length = _trimmed(one_series(residuals)), check_season_length(season_length)
    known = values[~np.isnan(values)]
    names = ("centred", "uncorrelated", "equal variance", "normal")
    if len(known) < FEWEST:
        return [Check(name, math.nan, math.nan, None, f"Not judged: {len(known)} residuals are there, and {FEWEST} are needed.") for name in names]
    if known.min() == known.max():
        what = (
            "All residuals are 0: the model repeats the data exactly"
            if known[0] == 0
            else f"All residuals equal {known[0]:g}: the model is always wrong by the same amount"
        )
        hint = "so there is nothing to judge. Look whether the series is constant, or whether the model was shown what it has to forecast."
        centred = Check("centred", math.inf if known[0] else 0.0, float(known[0] == 0), bool(known[0] == 0), f"{what}, {hint}")
        return [centred, *(Check(name, math.nan, math.nan, None, f"Not judged. {what}.") for name in names[1:])]
    return [_centred(known), _uncorrelated(values, season_length, fitted_parameters), _equal_variance(values), _normal(known)]


def _centred(known: Values) -> Check:
    from scipy.special import stdtr

    unit = power_of_two(known)
    mean, deviation = float((known / unit).mean()), float((known / unit).std(ddof=1))
    statistic = mean / (deviation / math.sqrt(len(known)))
    mean *= unit
    p_value = 2 * float(stdtr(len(known) - 1, -abs(statistic)))
    if p_value >= SIGNIFICANCE:
        sentence = f"The errors average {mean:.3g}, which chance explains (t-test, {_p(p_value)}): forecasts are neither too high nor too low as a rule."
    else:
        side = "low" if mean > 0 else "high"
        advice = "Try a model with a trend or drift, or add this mean to the forecasts."
        sentence = f"The errors average {mean:.3g} (t-test, {_p(p_value)}): forecasts tend to be too {side}. {advice}"
    return Check("centred", statistic, p_value, p_value >= SIGNIFICANCE, sentence)


def _uncorrelated(values: Values, season_length: int, fitted_parameters: int) -> Check:
    n = int((~np.isnan(values)).sum())
    lags = max(min(2 * season_length if season_length > 1 else 10, n // 5), fitted_parameters + 1, 1)
    if lags >= n:
        return Check("uncorrelated", math.nan, math.nan, None, f"Not judged: {n} residuals are too few for a model with {fitted_parameters} fitted parameters.")
    statistic, p_value = ljung_box(values, lags, fitted_parameters)
    passed = p_value >= SIGNIFICANCE
    r = acf(values, lags)
    lag = int(np.argmax(np.abs(r[1:]))) + 1
    test = f"Ljung–Box over {lags} lag{'s' if lags > 1 else ''}, {_p(p_value)}"
    if passed:
        sentence = f"No correlation is left in the errors ({test}): the model has used what the past tells about the next step."
    else:
        seasonal = season_length > 1 and lag % season_length == 0
        advice = (
            f"a season of {season_length} is left in them; try a seasonal model"
            if seasonal
            else "try a model with more lags or a trend, and see whether intervals are too narrow"
        )
        sentence = f"The errors are correlated ({test}), most at lag {lag} ({r[lag]:.2f}): {advice}."
    return Check("uncorrelated", statistic, p_value, passed, sentence)


def _equal_variance(values: Values) -> Check:
    statistic, p_value = equal_variance(values)
    passed = p_value >= SIGNIFICANCE
    test = f"F-test, {_p(p_value)}"
    if passed:
        sentence = f"The errors are about as large in the last third as in the first ({test}): one width of interval suits the whole."
    elif statistic > 1:
        times = f"{math.sqrt(statistic):.2g} times" if math.isfinite(statistic) else "much"
        advice = "intervals are too narrow now. Try logarithms, Box–Cox or a multiplicative model."
        sentence = f"The errors have grown, {times} as large in the last third as in the first ({test}): {advice}"
    else:
        advice = "intervals are too wide now. Try Box–Cox, or fit to recent data only."
        sentence = f"The errors have shrunk to {math.sqrt(statistic):.2g} times their size in the first third ({test}): {advice}"
    return Check("equal variance", statistic, p_value, passed, sentence)


def _normal(known: Values) -> Check:
    statistic, p_value = jarque_bera(known)
    passed = p_value >= SIGNIFICANCE
    if passed:
        sentence = f"The errors look normal (Jarque–Bera, {_p(p_value)}): intervals from a formula can be trusted."
    else:
        sentence = (
            f"The errors are not normal (Jarque–Bera, {_p(p_value)}): look for outliers or a skew, and prefer conformal intervals to those from a formula."
        )
    return Check("normal", statistic, p_value, passed, sentence)


def _p(p_value: float) -> str:
    return f"p = {p_value:.2g}" if p_value >= 0.001 else "p < 0.001"


def _trimmed(values: Values) -> Values:
    """From the first observation to the last."""
    seen = np.flatnonzero(~np.isnan(values))
    return values[seen[0] : seen[-1] + 1] if len(seen) else values[:0]


def _deviation(values: Values) -> Values:
    """Observations less their mean, in a unit that keeps them in range; 0 where missing, and throughout for a constant."""
    values = values / power_of_two(values)
    known = values[~np.isnan(values)]
    if len(known) == 0 or known.min() == known.max():
        return np.zeros(len(values))
    reference = known[0]  # a level of 1e9 goes first, so that the mean keeps the digits of what varies
    rest = np.where(np.isnan(values), 0.0, values - reference)
    return np.where(np.isnan(values), 0.0, rest - rest.sum() / len(known))


def _check_lags(lags: int, rows: int) -> int:
    lags = check_count("lags", lags)
    if lags >= rows:
        raise ConfigError(f"`lags` is {lags}, but {rows} rows have correlations at lags up to {max(rows - 1, 0)} only.")
    return lags
