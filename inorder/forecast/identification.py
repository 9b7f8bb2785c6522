"""Identification of an ARIMA model, as Box and Jenkins taught it: how often to difference, and which orders the correlations suggest.

    1. differences     nsdiffs and ndiffs, with the tests behind them
    2. orders          from the ACF (it ends after q for a moving average), the PACF (it ends after p for an autoregression) and the
                       extended ACF (its zeros fill a triangle whose corner is (p, q) for a mixture of both)
    3. season          from the correlations at whole seasons

It proposes orders to begin with; a search by likelihood decides.

Source: Box, Jenkins, Reinsel & Ljung 2015, Time Series Analysis, 5th ed., ch. 6 and 9; Tsay & Tiao 1984, Consistent estimates of autoregressive
parameters and extended sample autocorrelation function for stationary and nonstationary ARMA models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from inorder.data.series import Series, check_season_length
from inorder.errors import SeriesError
from inorder.features.panel import Rows, check_count
from inorder.forecast.decomposition import one_series
from inorder.forecast.diagnostics import acf, acf_band, ljung_box, pacf
from inorder.forecast.intervals import power_of_two
from inorder.forecast.unit_root import STRONG, adf, kpss, ndiffs, nsdiffs, seasonal_strength
from inorder.typing import Floats, Values

FEWEST = 10  # differenced observations from which orders are read
LARGEST = 3  # order that is proposed of its own kind: longer ones rarely forecast better
TOLERATED = 0.1  # share of a triangle's cells that may be significant


@dataclass(frozen=True, eq=False)
class ExtendedACF:
    """values: (p + 1, q + 1) extended autocorrelations.   band: like `values`, beyond which one is significant.   order: (p, q) at the triangle's corner."""

    values: Floats
    band: Floats
    order: tuple[int, int]

    def __str__(self) -> str:
        """The table that is usually printed: x significant, o not, rows p, columns q."""
        header = "p/q " + " ".join(f"{q:>2}" for q in range(self.values.shape[1]))
        marks = np.where(np.abs(self.values) > self.band, "x", "o")
        return "\n".join([header, *(f"{p:>3} " + " ".join(f"{mark:>2}" for mark in row) for p, row in enumerate(marks))])


def eacf(y: Rows, max_p: int = 5, max_q: int = 8) -> ExtendedACF:
    """The extended autocorrelation function: autocorrelations of y after an autoregression of order p whose coefficients allow for errors of order q.

        φ[i; k, j] = φ[i; k+1, j−1] − φ[i−1; k, j−1] · φ[k+1; k+1, j−1] / φ[k; k, j−1],        φ[0; k, j] = −1
        value[p, q] = autocorrelation at lag q + 1 of  y[t] − Σᵢ φ[i; p, q+1]·y[t−i]

    For an ARMA(p, q) the values are 0 in the triangle that begins at (p, q) and widens downwards to the right.
    The band is Bartlett's for errors of order q, 2·√((1 + 2·Σ r²)/(n − p − q)). Gaps are filled by straight lines.
    Raises SeriesError for a constant or too few observations.

    >>> e = np.random.default_rng(0).normal(size=400)
    >>> print(eacf(e[1:] + 0.8 * e[:-1], 2, 3))
    p/q  0  1  2  3
      0  x  o  o  o
      1  x  x  o  o
      2  x  x  x  o
    """
    max_p, max_q = check_count("max_p", max_p, 0), check_count("max_q", max_q, 0)
    values = _known(y)
    n, size = len(values), max_p + max_q + 1
    if n < 2 * size + 3:
        raise SeriesError(f"An extended ACF with p up to {max_p} and q up to {max_q} needs {2 * size + 3} observations; {n} are there.")
    coefficients = [_autoregression(values, k) for k in range(size + 1)]  # of order k, without correction
    table, band = np.zeros((max_p + 1, max_q + 1)), np.zeros((max_p + 1, max_q + 1))
    for q in range(max_q + 1):
        nxt = [coefficients[0]]
        for k in range(1, len(coefficients) - 1):
            longer, own = coefficients[k + 1], coefficients[k]
            ratio = longer[k] / own[k - 1] if own[k - 1] != 0 else 0.0
            nxt.append(longer[:k] - np.concatenate([[-1.0], own[: k - 1]]) * ratio)
        coefficients = nxt
        for p in range(max_p + 1):
            left = values[p:] - sum(coefficients[p][i] * values[p - 1 - i : n - 1 - i] for i in range(p))
            r = acf(left, q + 1)
            table[p, q] = r[-1]
            band[p, q] = 2 * np.sqrt((1 + 2 * float(np.sum(r[1:-1] ** 2))) / (n - p - q))
    return ExtendedACF(table, band, _corner(np.abs(table) > band))


def _autoregression(values: Values, order: int) -> Floats:
    """(order,) coefficients by least squares, without a constant."""
    if order == 0:
        return np.zeros(0)
    x = np.column_stack([values[order - i : len(values) - i] for i in range(1, order + 1)])
    return np.asarray(np.linalg.lstsq(x, values[order:], rcond=None)[0])


def _corner(significant: Any) -> tuple[int, int]:
    """The smallest (p, q) whose triangle holds hardly any significant value; of equally small ones that with the fewest."""
    rows, columns = significant.shape
    found: list[tuple[int, float, int, int]] = []
    for p in range(rows):
        for q in range(columns):
            inside = [significant[p + i, q + j] for i in range(rows - p) for j in range(i, columns - q)]
            share = float(np.mean(inside))
            if not significant[p, q] and share <= TOLERATED:
                found.append((p + q, share, p, q))
    return min(found)[2:] if found else (rows - 1, columns - 1)


@dataclass(frozen=True, eq=False)
class Identification:
    """What a series says of its ARIMA model.

    d, seasonal_d: differences needed.   season_length: of the season.   acf, pacf: (lags + 1,) of the differenced series.   band: (lags + 1,) of white noise.
    eacf: None where the differenced series is too short.   suggestions: (order, seasonal_order) of models to begin with.   sentences: what was found.
    """

    d: int
    seasonal_d: int
    season_length: int
    acf: Floats
    pacf: Floats
    band: Floats
    eacf: ExtendedACF | None
    suggestions: tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...]
    sentences: tuple[str, ...]

    def columns(self) -> dict[str, Any]:
        """The correlations as named columns, one row a lag."""
        return {"lag": np.arange(1, len(self.acf)), "acf": self.acf[1:], "pacf": self.pacf[1:], "band": self.band[1:]}

    def to_frame(self) -> Any:
        """A polars frame of `columns`."""
        import polars as pl

        return pl.DataFrame(self.columns())

    def plot(self) -> Any:
        """A matplotlib figure of the ACF and PACF of the differenced series, with the band of white noise."""
        from inorder.plots import plot_correlations

        count = round((1.959964 / self.band[1]) ** 2) if len(self.band) > 1 and self.band[1] > 0 else 1
        return plot_correlations({"autocorrelation": self.acf, "partial autocorrelation": self.pacf}, count)

    def __str__(self) -> str:
        table = [] if self.eacf is None else ["Extended autocorrelations (x: significant):", str(self.eacf)]
        return "\n".join([*self.sentences, *table])


def identify(y: Rows, season_length: int | None = None, *, lags: int | None = None) -> Identification:
    """A Box–Jenkins summary: needed differences, correlations of what is left, and orders to begin with.

    season_length: None = that of a Series, or 1.   lags: of the correlations; None = two seasons and a bit, 20 at least, at most a third of the rows.
    Raises SeriesError for a constant or fewer than 10 observations after differencing.

    >>> e = np.random.default_rng(0).normal(size=300)
    >>> found = identify(np.cumsum(e[1:] - 0.6 * e[:-1]))
    >>> found.d, found.suggestions[0]
    (1, ((0, 1, 1), (0, 0, 0)))
    """
    season = y.season_length if season_length is None and isinstance(y, Series) else 1 if season_length is None else season_length
    m = check_season_length(season)
    values = one_series(y)
    known = values[~np.isnan(values)]
    if len(known) == 0 or known.min() == known.max():
        raise SeriesError("All observations are equal, or there are none: there is no model to identify.")
    sentences = [*_powers(values, m)]
    seasonal_d = nsdiffs(values, m)
    left = values / power_of_two(values)
    if m > 1:
        strength = seasonal_strength(values, m)
        what = f"above {STRONG}: take {_times(seasonal_d)} seasonal difference" if seasonal_d else f"not above {STRONG}: no seasonal difference"
        sentences.append(f"The season of {m} has a strength of {strength:.2f}, {what}.")
    left = left[m:] - left[:-m] if seasonal_d else left
    d = ndiffs(left)
    sentences.append(_unit_roots(left, d))
    left = np.diff(left, d) if d else left
    seen = np.flatnonzero(~np.isnan(left))
    left = left[seen[0] : seen[-1] + 1] if len(seen) else left[:0]
    if len(seen) < FEWEST:
        raise SeriesError(f"{len(seen)} observations are left after differencing, and {FEWEST} are needed to tell a model.")
    most = len(left) - 1
    count = min(max(20, 2 * m + m // 2), max(len(left) // 3, 1), most) if lags is None else min(check_count("lags", lags), most)
    r, partial, band = acf(left, count), pacf(left, count), acf_band(left, count)
    table = _table(left, m)
    suggestions = _orders(r, partial, band, table, d, seasonal_d, m)
    white = ljung_box(left, min(count, max(len(seen) // 5, 1)))
    sentences.append(_correlations(r, partial, band, white.p_value))
    if table is not None:
        sentences.append(f"The extended autocorrelations leave a triangle of zeros from p = {table.order[0]}, q = {table.order[1]} on.")
    listed = ", ".join(f"ARIMA{order}{seasonal}{m}" if m > 1 else f"ARIMA{order}" for order, seasonal in suggestions).replace(", ", ",")
    sentences.append(f"Begin with {listed.replace(',A', ', A')}, and let the likelihood decide.")
    return Identification(d, seasonal_d, m, r, partial, band, table, suggestions, tuple(sentences))


def _known(y: Rows) -> Values:
    """Observations from the first to the last without their mean, gaps filled by straight lines."""
    values = one_series(y)
    seen = np.flatnonzero(~np.isnan(values))
    if len(seen) == 0 or values[seen].min() == values[seen].max():
        raise SeriesError("All observations are equal, or there are none, so nothing is correlated.")
    values = values / power_of_two(values)
    filled = np.interp(np.arange(seen[0], seen[-1] + 1), seen, values[seen])
    return np.asarray(filled - filled.mean())


def _powers(values: Values, season_length: int) -> list[str]:
    """Whether logarithms or roots would keep the spread even."""
    from inorder.features.scaling import BoxCox

    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    if not least > 0 or most / 2 < least:  # a level that hardly changes tells nothing of powers
        return []
    power = float(BoxCox(season_length=max(season_length, 2)).fit(values).power[0])
    if power > 0.75:
        return []
    what = "logarithms" if power < 0.25 else "square roots"
    return [f"The spread grows with the level (Guerrero's power {power:.2g}): consider {what} before anything else."]


def _unit_roots(left: Values, d: int) -> str:
    tests = []
    for name, test in (("KPSS", kpss), ("ADF", adf)):
        try:
            found = test(left)
        except SeriesError:
            continue
        held = {0.01: "≤", 0.1: "≥"}.get(found.p_value, "=") if name == "KPSS" else "="  # its table ends there
        p_value = f"p {held} {found.p_value:.2g}" if found.p_value >= 0.001 else "p < 0.001"
        tests.append(f"{name} {found.statistic:.2f}, {p_value}, null: {found.null}")
    why = f" ({'; '.join(tests)})" if tests else ""
    return f"The level {'wanders' if d else 'is stationary'}{why}: take {_times(d)} first difference{'s' if d > 1 else ''}."


def _times(count: int) -> str:
    return {0: "no", 1: "one", 2: "two"}.get(count, str(count))


def _table(left: Values, m: int) -> ExtendedACF | None:
    """The extended ACF, of lags below the season."""
    max_q = min(8, m - 2) if m > 3 else 8
    try:
        return eacf(left, 5, max_q)
    except SeriesError:
        return None


def _correlations(r: Floats, partial: Floats, band: Floats, p_value: float) -> str:
    def named(values: Floats) -> str:
        lags = (np.flatnonzero(np.abs(values[1:]) > band[1:]) + 1).tolist()
        return f"lag{'s' if len(lags) > 1 else ''} {', '.join(map(str, lags[:6]))}{', …' if len(lags) > 6 else ''}" if lags else "no lag"

    noise = "might be white noise" if p_value >= 0.05 else "is not white noise"
    text = f"p {p_value:.2g}" if p_value >= 0.001 else "p < 0.001"
    return f"What is left {noise} (Ljung–Box, {text}): it is correlated at {named(r)}, and partially at {named(partial)}."


def _orders(
    r: Floats, partial: Floats, band: Floats, table: ExtendedACF | None, d: int, seasonal_d: int, m: int
) -> tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...]:
    """Proposals, the most likely first: the kind whose correlations end sooner, the other kind, and the mixture."""
    within = min(LARGEST, m - 1 if m > 1 else LARGEST, len(r) - 1)

    def ends(values: Floats) -> int:
        """The last of the first significant lags: one that follows an insignificant lag may be chance."""
        lag = 0
        while lag < within and abs(values[lag + 1]) > band[lag + 1]:
            lag += 1
        return lag

    q, p, below = ends(r), ends(partial), m if m > 1 else 11
    beyond_q, beyond_p = (int(np.sum((np.abs(values) > band)[order + 1 : below])) for values, order in ((r, q), (partial, p)))
    seasonal = (0, seasonal_d, 0)
    if 1 < m < len(r) and abs(r[m]) > band[m]:  # a negative correlation is what a moving average leaves after a difference
        seasonal = (0, seasonal_d, 1) if r[m] < 0 or seasonal_d else (1, seasonal_d, 0)
    proposals = [(0, q), (p, 0)] if (q, beyond_q) <= (p, beyond_p) else [(p, 0), (0, q)]
    if table is not None:
        corner = (min(table.order[0], within), min(table.order[1], within))
        proposals.append(corner)
    return tuple(((a, d, b), seasonal) for a, b in dict.fromkeys(proposals))
