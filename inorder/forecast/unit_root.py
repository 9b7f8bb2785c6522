"""How often a series must be differenced: tests for unit roots and for seasons that wander.

    kpss               Σ S[t]² / (n²·λ²)                    S: running sums of y less its mean (or line)        null: stationary
    adf                t of ρ in  Δy[t] = … + ρ·y[t−1] + Σ γⱼ·Δy[t−j]                                           null: a unit root
    phillips_perron    t of ρ − 1 in  y[t] = … + ρ·y[t−1], corrected for autocorrelated errors                  null: a unit root
    seasonal_strength  1 − Var(remainder) / Var(seasonal + remainder), of an STL decomposition
    ocsb               t of β₂ in  ΔΔₘy[t] = β₁·z₄[t−1] + β₂·z₅[t−m] + Σ φⱼ·ΔΔₘy[t−j]                           null: a seasonal unit root
    canova_hansen      tr(Ω⁻¹·Σ F[t]·F[t]') / n²            F: running sums of seasonal waves · residuals       null: a fixed season

λ² and Ω are long-run variances, γ[0] + 2·Σ (1 − j/(lags + 1))·γ[j] for j = 1 … lags (Newey & West 1987).

`ndiffs` and `nsdiffs` follow the conventions of forecast::auto.arima (R), so that orders are those people are used to: KPSS around a
level with trunc(3√n/13) lags at 5 %, and a seasonal strength above 0.64.

Source: Kwiatkowski, Phillips, Schmidt & Shin 1992; Said & Dickey 1984; Phillips & Perron 1988; MacKinnon 1994, 2010; Osborn, Chui,
Smith & Birchenhall 1988; Canova & Hansen 1995; Wang, Smith & Hyndman 2006; Hyndman & Khandakar 2008.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from inorder.data.series import check_season_length
from inorder.errors import ConfigError, SeriesError, ShapeError, unknown
from inorder.features.panel import Rows, check_count
from inorder.forecast.decomposition import one_series
from inorder.forecast.intervals import power_of_two
from inorder.typing import Floats, Values

TRENDS = ("n", "c", "ct")
STRONG = 0.64  # seasonal strength from which a season is differenced: forecast::nsdiffs
SEASONAL_WINDOW = 11  # of the STL that measures it
# KPSS 1992, table 1: the values that 10, 5, 2.5 and 1 % of stationary series exceed.
KPSS_TABLE = {"c": (0.347, 0.463, 0.574, 0.739), "ct": (0.119, 0.146, 0.176, 0.216)}
KPSS_LEVELS = (0.10, 0.05, 0.025, 0.01)


class Surface(NamedTuple):
    """p = Φ(polynomial of the statistic): `small` up to `border`, `large` above; 0 below `least`, 1 above `most`. MacKinnon 1994, tables 3 and 4."""

    least: float
    border: float
    most: float
    small: tuple[float, ...]
    large: tuple[float, ...]


SURFACES = {
    "n": Surface(-19.04, -1.04, math.inf, (0.6344, 1.2378, 0.032496), (0.4797, 0.93557, -0.06999, 0.033066)),
    "c": Surface(-18.83, -1.61, 2.74, (2.1659, 1.4412, 0.038269), (1.7339, 0.93202, -0.12745, -0.010368)),
    "ct": Surface(-16.18, -2.89, 0.7, (3.2512, 1.6047, 0.049588), (2.5261, 0.61654, -0.37956, -0.060285)),
}


class UnitRootTest(NamedTuple):
    """p_value: how often a series for which `null` holds gives a statistic as extreme.   lags: used for autocorrelated errors.   null: what is tested."""

    statistic: float
    p_value: float
    lags: int
    null: str


def kpss(y: Rows, trend: str = "c", lags: int | str | None = None) -> UnitRootTest:
    """Is the series stationary around its mean (`trend="c"`) or around a straight line ("ct")?   A small p-value says no: difference it.

        statistic = Σ S[t]² / (n²·λ²)

    lags: of the long-run variance λ²; None = trunc(3√n/13) as forecast::ndiffs takes, "short" = trunc(4·(n/100)^¼),
        "long" = trunc(12·(n/100)^¼). (statsmodels' default chooses by the data, R's tseries takes trunc(4·(n/100)^¼).)
    p-values are interpolated in the table of Kwiatkowski et al. and held to 0.01 … 0.1, as in R and statsmodels. Missing values are left out.
    Raises SeriesError for a constant, fewer than 3 observations or a panel, ConfigError for other settings.

    >>> kpss(np.arange(50.0)).p_value, kpss(np.tile([1.0, 2.0, 3.0, 2.0], 10)).p_value
    (0.01, 0.1)
    """
    if trend not in KPSS_TABLE:
        raise unknown("trend of a KPSS test", str(trend), KPSS_TABLE)
    values = _varying(y, 3)
    lags = _newey_west_lags(lags, len(values))
    statistic = _kpss(values, trend, lags)
    return UnitRootTest(statistic, float(np.interp(statistic, KPSS_TABLE[trend], KPSS_LEVELS)), lags, "stationary")


def _kpss(values: Values, trend: str, lags: int) -> float:
    errors = values - values.mean()
    if trend == "ct":
        time = np.arange(len(values)) - (len(values) - 1) / 2
        errors = errors - time * (time @ errors / (time @ time))
    variance = _long_run_variance(errors, lags)
    sums = np.cumsum(errors)
    return float(sums @ sums) / (len(values) ** 2 * variance) if variance > 0 else 0.0


def adf(y: Rows, trend: str = "c", lags: int | None = None, criterion: str | None = "aic") -> UnitRootTest:
    """Does the series have a unit root (augmented Dickey–Fuller)?   A small p-value says no.

        Δy[t] = μ + δ·t + ρ·y[t−1] + Σ γⱼ·Δy[t−j] + e[t]        statistic: the t-value of ρ

    trend: "n" without μ and δ, "c" with μ, "ct" with both.
    criterion: "aic" or "bic" chooses the number of lags from 0 to `lags` on the rows that all of them can use; None takes `lags` themselves.
    lags: None = ⌈12·(n/100)^¼⌉ (Schwert 1989), at most n/2 − 1 less the terms of the trend.
    p-values by MacKinnon's response surfaces. Missing values are left out.   Raises SeriesError for a constant or too few observations.

    >>> rng = np.random.default_rng(0)
    >>> adf(rng.normal(size=200)).p_value < 0.01, adf(rng.normal(size=200).cumsum()).p_value > 0.1
    (True, True)
    """
    if trend not in TRENDS:
        raise unknown("trend of an ADF test", str(trend), TRENDS)
    if criterion not in ("aic", "bic", None):
        raise unknown("criterion", str(criterion), ("aic", "bic"))
    terms = TRENDS.index(trend)
    values = _varying(y, 6 + terms)
    most = len(values) // 2 - 1 - terms
    if lags is not None and check_count("lags", lags, 0) > most:
        raise ConfigError(f"`lags` is {lags}; {len(values)} observations allow {most} at most.")
    chosen = min(math.ceil(12 * (len(values) / 100) ** 0.25), most) if lags is None else lags
    if criterion is not None and chosen > 0:
        chosen = _best_lags(values, trend, chosen, criterion)
    statistic = _adf(values, trend, chosen)
    return UnitRootTest(statistic, mackinnon_p(statistic, trend), chosen, "a unit root")


def _adf_design(values: Values, trend: str, lags: int) -> tuple[Floats, Floats]:
    """Columns μ, δ, y[t−1], Δy[t−1], …, Δy[t−lags], and Δy[t]."""
    changes = np.diff(values)
    values = values if trend == "n" else values - values.mean()  # a high level costs no digits
    rows = len(changes) - lags
    columns = [np.ones(rows), np.linspace(-1, 1, rows)][: TRENDS.index(trend)] + [values[lags:-1]]
    columns += [changes[lags - j : len(changes) - j] for j in range(1, lags + 1)]
    return np.column_stack(columns), changes[lags:]


def _best_lags(values: Values, trend: str, most: int, criterion: str) -> int:
    """One QR decomposition serves all numbers of lags, since each design is the beginning of the next."""
    x, changes = _adf_design(values, trend, most)
    explained = np.cumsum((np.linalg.qr(x)[0].T @ changes) ** 2)[TRENDS.index(trend) :]
    n = len(changes)
    left = np.maximum(changes @ changes - explained, np.finfo(np.float64).tiny)
    penalty = 2.0 if criterion == "aic" else math.log(n)
    return int(np.argmin(n * np.log(left / n) + penalty * np.arange(most + 1)))


def _adf(values: Values, trend: str, lags: int) -> float:
    x, changes = _adf_design(values, trend, lags)
    return _coefficient(x, changes, TRENDS.index(trend))[1]


def _coefficient(x: Floats, y: Floats, column: int) -> tuple[float, float]:
    """Of one column in a regression of y on the columns of x: the coefficient and its t-value (±1e9 where the fit leaves nothing)."""
    q, r = np.linalg.qr(x)
    if len(y) <= x.shape[1] or np.abs(np.diag(r)).min() <= 1e-12 * np.abs(np.diag(r)).max():
        raise SeriesError("The observations are too few or too uniform for this test: its regression has no unique solution.")
    beta = np.linalg.solve(r, q.T @ y)
    left = y - x @ beta
    spread = float(left @ left) / (len(y) - x.shape[1])
    inverse = np.linalg.solve(r, np.eye(len(r)))
    error = math.sqrt(spread * float(inverse[column] @ inverse[column]))
    value = float(beta[column])
    return value, min(max(value / error, -1e9), 1e9) if error > 0 else math.copysign(1e9, value)


def phillips_perron(y: Rows, trend: str = "c", lags: int | str | None = None) -> UnitRootTest:
    """Does the series have a unit root (Phillips–Perron Z_τ)?   A small p-value says no.

        y[t] = μ + δ·t + ρ·y[t−1] + e[t]
        statistic = √(γ[0]/λ²)·τ − (λ² − γ[0])/(2λ) · n·se(ρ)/s          τ: the t-value of ρ − 1,  s² = Σ e²/(n − terms)

    trend, p-values: as in `adf`.   lags: of λ², as in `kpss`.   Raises SeriesError for a constant or too few observations.
    Source: Phillips & Perron 1988; Hamilton 1994, Time series analysis, eq. 17.6.12.

    >>> phillips_perron(np.random.default_rng(0).normal(size=200)).p_value < 0.01
    True
    """
    if trend not in TRENDS:
        raise unknown("trend of a Phillips–Perron test", str(trend), TRENDS)
    terms = TRENDS.index(trend)
    values = _varying(y, 6 + terms)
    lags = _newey_west_lags(lags, len(values) - 1)
    x, changes = _adf_design(values, trend, 0)
    n = len(changes)
    beta = np.linalg.lstsq(x, changes, rcond=None)[0]
    errors = changes - x @ beta
    gamma, long_run = float(errors @ errors) / n, _long_run_variance(errors, lags)
    value, tau = _coefficient(x, changes, terms)
    if not (gamma > 0 and long_run > 0 and value != 0):
        return UnitRootTest(tau, mackinnon_p(tau, trend), lags, "a unit root")
    error, spread = value / tau, math.sqrt(gamma * n / (n - terms - 1))
    statistic = math.sqrt(gamma / long_run) * tau - (long_run - gamma) / (2 * math.sqrt(long_run)) * n * error / spread
    return UnitRootTest(statistic, mackinnon_p(statistic, trend), lags, "a unit root")


def mackinnon_p(statistic: float, trend: str) -> float:
    """How often a random walk gives a Dickey–Fuller t-value as low.

    >>> round(mackinnon_p(-2.86, "c"), 3), round(mackinnon_p(-3.41, "ct"), 3)
    (0.05, 0.05)
    """
    surface = SURFACES[trend]
    if statistic > surface.most:
        return 1.0
    if statistic < surface.least:
        return 0.0
    value = sum(c * statistic**k for k, c in enumerate(surface.small if statistic <= surface.border else surface.large))
    return math.erfc(-value / math.sqrt(2)) / 2


def seasonal_strength(y: Rows, season_length: int) -> float:
    """0 (no season) to 1: max(0, 1 − Var(remainder) / Var(seasonal + remainder)) of an STL decomposition.

    The season's curves are means over a window of 11 (degree 0), as in forecast::mstl. 0 for two seasons or fewer, or a place of the season
    that was never observed. Missing values are left out of the curves.
    Source: Wang, Smith & Hyndman 2006; Hyndman & Athanasopoulos 2021, §4.3.

    >>> seasonal_strength(np.tile([1.0, 5.0, 2.0, 4.0], 6) + 0.1 * np.arange(24), 4) > 0.99
    True
    """
    return _strength(one_series(y), check_season_length(season_length))


def _strength(values: Values, season_length: int) -> float:
    from inorder.kernels.stl import default_windows, stl

    seen = np.flatnonzero(~np.isnan(values))
    if season_length < 2 or len(seen) == 0:
        return 0.0
    values = values[seen[0] : seen[-1] + 1]
    if len(values) <= 2 * season_length:
        return 0.0
    values = values / power_of_two(values)
    try:
        parts = stl(values, season_length, default_windows(season_length, SEASONAL_WINDOW), (0, 1, 1), inner=5)
    except ShapeError:  # a place without an observation
        return 0.0
    remainder = values - parts.trend - parts.seasonal
    known = ~np.isnan(remainder)
    remainder, both = remainder[known], remainder[known] + parts.seasonal[known]
    whole = float(both.var())
    return min(1.0, max(0.0, 1 - float(remainder.var()) / whole)) if whole > 1e-24 else 0.0


class SeasonalTest(NamedTuple):
    """critical: beyond which the null is given up at 5 %.   lags: used for autocorrelated errors.   null: what is tested."""

    statistic: float
    critical: float
    lags: int
    null: str


def ocsb(y: Rows, season_length: int, max_lags: int = 3) -> SeasonalTest:
    """Does the series have a seasonal unit root (Osborn, Chui, Smith & Birchenhall)?   A statistic below the critical value says no.

        ΔΔₘy[t] = β₁·z₄[t−1] + β₂·z₅[t−m] + Σ φⱼ·ΔΔₘy[t−j] + e[t]           statistic: the t-value of β₂
        z₄ = λ(L)·Δₘy,   z₅ = λ(L)·Δy,   λ(L): the autoregression of ΔΔₘy

    The number of lags, 0 … max_lags, has the lowest AIC on the rows that all can use. The critical value is the smooth curve of simulated
    ones that forecast::ocsb.test uses.   Missing values are filled by straight lines.
    Raises SeriesError for a constant or too few observations.   Source: Osborn et al. 1988, Oxford Bulletin 50; Osborn & Rodrigues 2002.

    There are no seasonal means in the equation, as in forecast::ocsb.test, so a strong fixed season can look like a unit root too.

    >>> rng = np.random.default_rng(0)
    >>> noise, wandering = rng.normal(size=160), rng.normal(size=(40, 4)).cumsum(axis=0).ravel()
    >>> [test.statistic > test.critical for test in (ocsb(noise, 4), ocsb(wandering, 4))]
    [False, True]
    """
    m = _season(season_length)
    values = _filled(y)
    max_lags = check_count("max_lags", max_lags, 0)
    if len(values) < m + 2 * max_lags + 7:
        raise SeriesError(f"An OCSB test with a season of {m} and {max_lags} lags needs {m + 2 * max_lags + 7} observations; {len(values)} are there.")
    twice, seasonal, plain = np.diff(values[m:] - values[:-m]), values[m:] - values[:-m], np.diff(values)
    fits = [_ocsb(twice, seasonal, plain, m, lags, max_lags) for lags in range(max_lags + 1)]
    lags = int(np.argmin([criterion for criterion, _ in fits]))
    log = math.log(m) - 0.7656451
    return SeasonalTest(fits[lags][1], -0.2937411 * math.exp(-0.2850853 * log - 0.05983644 * log**2) - 1.652202, lags, "a seasonal unit root")


def _ocsb(twice: Values, seasonal: Values, plain: Values, m: int, lags: int, skipped: int) -> tuple[float, float]:
    """AIC and the t-value of β₂.   twice[i], seasonal[i], plain[i] end at the observations i + m + 1, i + m and i + 1."""

    def lagged(x: Values, start: int, stop: int) -> Floats:
        return np.column_stack([x[start - j : stop - j] for j in range(1, lags + 1)]) if lags else np.zeros((stop - start, 0))

    phi = np.linalg.lstsq(lagged(twice, lags, len(twice)), twice[lags:], rcond=None)[0]
    z4 = seasonal[lags:] - lagged(seasonal, lags, len(seasonal)) @ phi  # begins at observation m + lags
    z5 = plain[lags:] - lagged(plain, lags, len(plain)) @ phi  # begins at observation 1 + lags
    rows = np.arange(skipped, len(twice))  # z₄ of row i ends at observation i + m, one step before; z₅ at i + 1, a season before
    target = twice[rows]
    x = np.column_stack([lagged(twice, skipped, len(twice)), z4[rows - lags], z5[rows - lags]])
    beta = np.linalg.lstsq(x, target, rcond=None)[0]
    left = float(np.sum((target - x @ beta) ** 2))
    aic = len(rows) * math.log(left / len(rows)) + 2 * x.shape[1] if left > 0 else -math.inf
    return aic, _coefficient(x, target, x.shape[1] - 1)[1]


def canova_hansen(y: Rows, season_length: int, lags: int | None = None) -> UnitRootTest:
    """Is the season the same throughout?   A small p-value says that it wanders.

        y[t] = μ + δ·t + Σ waves f[t] + e[t],   F[t] = Σ f·e up to t
        statistic = tr(Ω⁻¹ · Σ F[t]·F[t]') / n²            Ω: the long-run variance of f·e

    f: the m − 1 seasonal waves cos(2πkt/m), sin(2πkt/m). The level has to be stationary around the line: difference a series with a unit
    root first.   lags: of Ω; None = trunc(m·(n/100)^¼), at most n − 1.   p-values from the characteristic function of the limit.
    Missing values are filled by straight lines.   Raises SeriesError for fewer than three seasons.   Source: Canova & Hansen 1995.

    >>> rng = np.random.default_rng(0)
    >>> fixed, wandering = np.tile([3.0, 1.0, -4.0, 0.0], 40) + rng.normal(size=160), rng.normal(size=(40, 4)).cumsum(axis=0).ravel()
    >>> canova_hansen(fixed, 4).p_value > 0.1, canova_hansen(wandering, 4).p_value < 0.01
    (True, True)
    """
    m = _season(season_length)
    values = _filled(y)
    n = len(values)
    if n < 3 * m:
        raise SeriesError(f"A Canova–Hansen test needs three seasons of {m}; {n} observations are there.")
    lags = min(math.trunc(m * (n / 100) ** 0.25), n - 1) if lags is None else check_count("lags", lags, 0)
    angle = 2 * np.pi / m * np.outer(np.arange(n), np.arange(1, m // 2 + 1))
    waves = np.hstack([np.cos(angle), np.sin(angle[:, : (m - 1) // 2])])
    x = np.column_stack([np.ones(n), np.linspace(-1, 1, n), waves])
    errors = values - x @ np.linalg.lstsq(x, values, rcond=None)[0]
    moved = waves * errors[:, None]
    omega = moved.T @ moved
    for j in range(1, min(lags, n - 1) + 1):
        product = moved[j:].T @ moved[:-j]
        omega += (1 - j / (lags + 1)) * (product + product.T)
    omega /= n
    values_of, vectors = np.linalg.eigh(omega)
    usable = values_of > 1e-10 * max(float(values_of[-1]), np.finfo(np.float64).tiny)
    sums = np.cumsum(moved, axis=0) @ vectors[:, usable]
    statistic = float(np.sum(np.sum(sums**2, axis=0) / values_of[usable])) / n**2
    return UnitRootTest(statistic, bridge_tail(statistic, m - 1), lags, "a fixed season")


def bridge_tail(x: float, degrees: int) -> float:
    """P(∫ |B|² > x) for `degrees` independent Brownian bridges B: the limit law of tests for stability.

    Its characteristic function is (√(2it) / sin √(2it))^(degrees/2); the tail comes from Gil-Pelaez's integral over v = √t.
    Source: Nyblom 1989; Canova & Hansen 1995, table 1 (0.470 for one bridge at 5 %).

    >>> [round(bridge_tail(x, k), 2) for x, k in ((0.461, 1), (0.748, 2), (2.75, 11))]
    [0.05, 0.05, 0.05]
    """
    if x <= 0:
        return 1.0
    points = 4_000
    v = np.linspace(0, 80 / math.sqrt(degrees) + 8, points + 1)[1:]
    root = np.sqrt(2j) * v
    decay = root.imag  # sin z = e^(|Im z|)·(…)/2 leaves the range of floats; its logarithm does not
    log_sine = decay + np.log((np.exp(1j * root - decay) - np.exp(-1j * root - decay)) / 2j)
    ratio = np.log(root) - (log_sine.real + 1j * np.unwrap(log_sine.imag))
    exponent = degrees / 2 * (ratio - 1j * round(float(ratio[0].imag) / (2 * np.pi)) * 2 * np.pi) - 1j * x * v**2
    integrand = np.imag(np.exp(exponent)) * 2 / v  # dt/t = 2 dv/v
    integral = float(v[1] - v[0]) * float(np.sum(integrand) - integrand[-1] / 2)  # the integrand is 0 at v = 0
    return min(max(0.5 + integral / math.pi, 0.0), 1.0)


def ndiffs(y: Rows, test: str = "kpss", max_d: int = 2, alpha: float = 0.05) -> int:
    """How many first differences make the series stationary, 0 … max_d.

    test: "kpss" (differences while stationarity is refused), "adf" or "pp" (while a unit root is not). A series that is or becomes constant, or is
    too short to judge, is differenced no further.   alpha: significance; with "kpss" from 0.01 to 0.1, the range of its table.
    Missing values are left out first, as in forecast::ndiffs, which this follows. (statsforecast loses one observation more with each difference, so
    its orders of short series can differ.)

    >>> ndiffs(np.arange(40.0)), ndiffs(np.arange(40.0) ** 2), ndiffs([3.0] * 20)
    (1, 2, 0)
    """
    tests: dict[str, Callable[[Values], bool]] = {
        "kpss": lambda values: kpss(values).p_value < alpha,
        "adf": lambda values: adf(values).p_value > alpha,
        "pp": lambda values: phillips_perron(values).p_value > alpha,
    }
    if test not in tests:
        raise unknown("unit-root test", str(test), tests)
    max_d = check_count("max_d", max_d, 0)
    alpha = _level(alpha)
    if test == "kpss":
        alpha = min(max(alpha, 0.01), 0.1)
        least = float(np.interp(-alpha, [-level for level in KPSS_LEVELS], KPSS_TABLE["c"]))
        tests["kpss"] = lambda values: _kpss(values, "c", _newey_west_lags(None, len(values))) > least
    values = _known(y)
    for d in range(max_d + 1):
        if len(values) < 3 or float(values.min()) == float(values.max()):
            return d
        try:
            if d == max_d or not tests[test](values):
                return d
        except SeriesError:  # too short
            return d
        values = np.diff(values)
    return int(max_d)


def nsdiffs(y: Rows, season_length: int, test: str = "strength", max_D: int = 1, alpha: float = 0.05) -> int:
    """How many seasonal differences a series needs, 0 … max_D.

    test: "strength" (an STL seasonal strength above 0.64), "ocsb" (5 % only) or "canova-hansen" (of the series after `ndiffs` differences).
    A constant, a season of 1, and a series of two seasons or fewer need none. Follows forecast::nsdiffs.

    >>> nsdiffs(np.tile([1.0, 5.0, 2.0, 4.0], 8), 4), nsdiffs(np.random.default_rng(0).normal(size=60), 12)
    (1, 0)
    """
    m = check_season_length(season_length)
    alpha = _level(alpha)

    def wanders(values: Values) -> bool:
        d = ndiffs(values)
        filled = _interpolated(values)
        return canova_hansen(np.diff(filled, d), m).p_value < alpha

    def unit_root(values: Values) -> bool:
        found = ocsb(values, m)
        return found.statistic >= found.critical

    tests: dict[str, Callable[[Values], bool]] = {"strength": lambda values: _strength(values, m) > STRONG, "ocsb": unit_root, "canova-hansen": wanders}
    if test not in tests:
        raise unknown("seasonal test", str(test), tests)
    max_D = check_count("max_D", max_D, 0)
    values = one_series(y)
    for order in range(max_D + 1):
        known = values[~np.isnan(values)]
        if m == 1 or len(values) <= 2 * m or len(known) == 0 or float(known.min()) == float(known.max()):
            return order
        try:
            if order == max_D or not tests[test](values):
                return order
        except SeriesError:  # too short
            return order
        unit = power_of_two(values)
        values = values[m:] / unit - values[:-m] / unit
    return max_D


def _level(alpha: float) -> float:
    if not 0 < alpha < 1:
        raise ConfigError(f"`alpha` is a probability between 0 and 1, not {alpha!r}.")
    return float(alpha)


def _season(season_length: int) -> int:
    if check_season_length(season_length) < 2:
        raise ConfigError("A seasonal test needs a season of 2 observations or more; `season_length` is 1.")
    return int(season_length)


def _newey_west_lags(lags: int | str | None, n: int) -> int:
    if lags is None:
        return min(math.trunc(3 * math.sqrt(n) / 13), n - 1)
    if isinstance(lags, str):
        if lags not in ("short", "long"):
            raise unknown("number of lags", lags, ("short", "long"))
        return min(math.trunc((4.0 if lags == "short" else 12.0) * math.sqrt(math.sqrt(n / 100))), n - 1)
    if check_count("lags", lags, 0) >= n:
        raise ConfigError(f"`lags` is {lags}; {n} observations have covariances at lags up to {n - 1} only.")
    return lags


def _long_run_variance(errors: Floats, lags: int) -> float:
    covariances = [float(errors[j:] @ errors[: len(errors) - j]) for j in range(lags + 1)]
    return (covariances[0] + 2 * sum((1 - j / (lags + 1)) * covariances[j] for j in range(1, lags + 1))) / len(errors)


def _known(y: Rows) -> Values:
    """The observations, in a unit that keeps their squares in range."""
    values = one_series(y)
    values = values[~np.isnan(values)]
    return np.asarray(values / power_of_two(values))


def _varying(y: Rows, least: int) -> Values:
    """The observations, scaled; they are not all equal."""
    values = _known(y)
    if len(values) < least:
        raise SeriesError(f"A unit-root test needs {least} observations; {len(values)} are there.")
    if float(values.min()) == float(values.max()):
        raise SeriesError(f"All {len(values)} observations are equal, so there is nothing to test.")
    return values


def _interpolated(values: Values) -> Values:
    seen = np.flatnonzero(~np.isnan(values))
    inside = np.arange(seen[0], seen[-1] + 1)
    return np.asarray(np.interp(inside, seen, values[seen]))


def _filled(y: Rows) -> Values:
    """From the first observation to the last, gaps filled by straight lines, scaled."""
    values = one_series(y)
    if np.isnan(values).all():
        raise SeriesError("There is no observation to test.")
    filled = _interpolated(values / power_of_two(values))
    return _varying(filled, 3)
