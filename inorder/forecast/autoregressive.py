"""Autoregression: the next value is a linear function of the last p.

    y[t] = c + φ₁·y[t−1] + … + φₚ·y[t−p] + e[t],   e ~ N(0, σ²)

Fitted by conditional least squares: every step whose p values before it are all known is a row of a regression. The order is
the one with the least criterion, all candidates fitted to the same n rows, those that the longest one can use:

    AIC = n·(log(2π·RSS/n) + 1) + 2·k      AICc = AIC + 2·k·(k + 1)/(n − k − 1)      BIC = AIC + k·(log n − 2)

where k counts φ, c and σ. The chosen order is fitted again to all the rows that it can use.

The forecast is the recursion itself with forecasts in the place of values to come; its error h steps ahead has the variance

    σ²·(ψ₀² + … + ψ[h−1]²),   ψ₀ = 1,   ψ[j] = φ₁·ψ[j−1] + … + φₚ·ψ[j−p]

which takes φ for known: intervals are a little narrow in short series. A missing value is replaced by its forecast.

Source: Box, Jenkins, Reinsel & Ljung 2015, Time Series Analysis, 5th ed., ch. 3, 5, 7; Lütkepohl 2005, New Introduction to Multiple
Time Series Analysis, §4.3; AICc: Hurvich & Tsai 1989.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ForecastError, unknown
from inorder.forecast.base import Model, check_whole
from inorder.forecast.intervals import deviation, normal_quantiles
from inorder.forecast.local import LocalForecaster
from inorder.typing import Floats, Values

CRITERIA = ("aic", "aicc", "bic")
LARGEST = float(np.finfo(np.float64).max)
LARGEST_PSI = 1e150  # whose square is in range


class ARState(NamedTuple):
    """recent: (order,) the last values, newest first; forecasts stand in for missing ones, NaN where there was no forecast yet.
    age: steps since the last value that was observed.
    """

    recent: tuple[float, ...]
    age: int


@dataclass(frozen=True, eq=False)
class ARModel(Model):
    """constant: c.   phi: (order,) φ₁ … φₚ.   sigma: standard deviation of e, with n − p − 1 degrees of freedom.
    table: (orders, 4) order, AIC, AICc and BIC of each order that was tried.
    """

    constant: float
    phi: Floats
    sigma: float
    table: Floats

    def init(self) -> ARState:
        return ARState((math.nan,) * len(self.phi), 0)

    def step(self, y: float, state: ARState) -> tuple[float, ARState]:
        expected = self._next(self.phi.tolist(), state.recent)
        missing = math.isnan(y)
        recent = (expected if missing else y, *state.recent)[: len(self.phi)]
        return expected, ARState(recent, state.age + 1 if missing else 0)

    def run(self, y: Values, state: ARState | None = None) -> tuple[Floats, ARState]:
        before = self.init() if state is None else state
        if np.isnan(y).any() or len(y) == 0:
            return super().run(y, before)
        order = len(self.phi)
        values = np.concatenate([before.recent[::-1], y])
        expected = np.full(len(y), self.constant) if order == 0 else np.correlate(values[:-1], self.phi[::-1], mode="valid") + self.constant
        return np.clip(expected, -LARGEST, LARGEST), ARState(tuple(values[: len(values) - order - 1 : -1].tolist()), 0)

    def _next(self, phi: list[float], recent: tuple[float, ...]) -> float:
        value = self.constant + sum(coefficient * value for coefficient, value in zip(phi, recent, strict=True))
        return min(max(value, -LARGEST), LARGEST)  # an explosive fit may leave the range of floats

    def forecast(self, state: ARState, horizon: int) -> Floats:
        phi, recent = self.phi.tolist(), state.recent
        mean = np.empty(horizon)
        for h in range(horizon):
            value = self._next(phi, recent)
            if math.isnan(value):  # both ends of that range at once
                value = recent[0]
            mean[h] = value
            recent = (value, *recent)[: len(phi)]
        return mean

    def quantiles(self, state: ARState, horizon: int, probabilities: Floats) -> Floats | None:
        if math.isnan(self.sigma):
            return None
        steps = state.age + horizon
        psi = psi_weights(self.phi, steps)
        error = self.sigma * np.sqrt(np.cumsum(psi**2))[state.age :]
        return normal_quantiles(self.forecast(state, horizon), error, probabilities)

    def describe(self) -> dict[str, Any]:
        orders, aic, aicc, bic = self.table.T.tolist()
        return {
            "order": len(self.phi),
            "constant": self.constant,
            "phi": self.phi,
            "sigma": self.sigma,
            "largest root": largest_root(self.phi),
            "stationary": largest_root(self.phi) < 1,
            "criteria": {"order": [int(order) for order in orders], "aic": aic, "aicc": aicc, "bic": bic},
        }

    def notes(self) -> tuple[str, ...]:
        root = largest_root(self.phi)
        if root < 1:
            return ()
        return (
            f"The autoregression is not stationary: a root of its equation has the modulus {root:.3f}, 1 or more, "
            "so forecasts do not return to a mean and intervals widen without bound. Differencing the series first may help.",
        )


@dataclass(frozen=True)
class AR(LocalForecaster):
    """A linear function of the last p values, by least squares.

        y[t] = c + φ₁·y[t−1] + … + φₚ·y[t−p] + e[t]

    order: p, 0 or more; None chooses it by `criterion`.
    criterion: "aicc", "aic" or "bic".
    max_order: the longest order tried; None is 10·log₁₀ n. Shorter where gaps or the length of the series leave too few rows.
    constant: whether c is fitted; without it forecasts return to zero.
    A fit that is not stationary is kept, and its `summary` says so. Raises ForecastError where there are too few rows.
    Source: Box, Jenkins, Reinsel & Ljung 2015, ch. 3, 7.

    >>> from inorder.data.series import Series
    >>> y = [8.0]
    >>> for _ in range(9):
    ...     y.append(2 + 0.5 * y[-1])
    >>> fitted = AR(order=1).fit(Series.of(y))
    >>> round(fitted.describe()["constant"], 6), fitted.describe()["phi"].round(6).tolist()
    (2.0, [0.5])
    """

    order: int | None = None
    criterion: str = "aicc"
    max_order: int | None = None
    constant: bool = True
    name = "ar"
    model = ARModel

    def __post_init__(self) -> None:
        if self.order is not None and check_whole("order", self.order, 0) == 0 and not self.constant:
            raise ConfigError("`order` is 0 and `constant` is false, so nothing is left to fit. Use an order of 1 or more.")
        if self.criterion not in CRITERIA:
            raise unknown("criterion", str(self.criterion), CRITERIA)
        if self.max_order is not None:
            check_whole("max_order", self.max_order, 0 if self.constant else 1)
            if self.order is not None:
                raise ConfigError(f"`order` is set to {self.order}, so `max_order` ({self.max_order}) has no effect. Give one of them.")

    def fit_one(self, y: Values, season_length: int) -> ARModel:
        known = y[~np.isnan(y)]
        centre = float(np.median(known)) if self.constant else 0.0
        largest = float(np.abs(known - centre).max()) or 1.0
        scaled = (y - centre) / largest  # well conditioned at any level and size
        scaled[np.abs(scaled) < np.finfo(np.float64).eps] = 0.0  # what rounding leaves of a value is no regressor
        orders = self._orders(scaled)
        table = criteria(*lagged(scaled, orders[-1], self.constant), orders, largest)
        order = int(table[np.argmin(table[:, 1 + CRITERIA.index(self.criterion)]), 0])
        x, target = lagged(scaled, order, self.constant)
        beta = np.linalg.lstsq(x, target)[0]
        sigma = deviation(target - x @ beta, len(target) - x.shape[1]) * largest
        phi = np.asarray(beta[1:] if self.constant else beta, dtype=np.float64)
        constant = centre * (1 - float(phi.sum())) + float(beta[0]) * largest if self.constant else 0.0
        return ARModel(constant, phi, sigma, table)

    def _orders(self, y: Values) -> list[int]:
        """The orders to try.   Raises ForecastError where the series has too few rows."""
        shortest = 0 if self.constant else 1
        if self.order is not None:
            rows, columns = lagged(y, self.order, self.constant)[0].shape
            if rows < columns + (self.order > 0):
                raise ForecastError(
                    f"AR({self.order}) fits {columns} coefficients and needs {columns + 1} steps with {self.order} values known before each; "
                    f"this series has {rows}. Use a lower order."
                )
            return [self.order]
        longest = int(10 * math.log10(np.sum(~np.isnan(y)))) if self.max_order is None else self.max_order
        for order in range(longest, shortest, -1):
            rows, columns = lagged(y, order, self.constant)[0].shape
            if rows >= columns + 3:  # so that AICc is finite
                return list(range(shortest, order + 1))
        if len(lagged(y, shortest, self.constant)[1]) < 1 + shortest:
            raise ForecastError("An autoregression without a constant needs 2 steps with a value known before each; this series has fewer.")
        return [shortest]


def lagged(y: Values, order: int, constant: bool) -> tuple[Floats, Floats]:
    """(rows, constant + order) regressors, newest lag first, and (rows,) targets of every step that is known with `order` values before it.

    >>> x, target = lagged(np.array([1.0, 2.0, 3.0, np.nan, 5.0]), 1, constant=True)
    >>> x.tolist(), target.tolist()
    ([[1.0, 1.0], [1.0, 2.0]], [2.0, 3.0])
    """
    if order >= len(y):
        return np.empty((0, order + constant)), np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(y, order + 1)
    windows = windows[~np.isnan(windows).any(axis=1), ::-1]
    return np.concatenate([np.ones((len(windows), int(constant))), windows[:, 1:]], axis=1), windows[:, 0]


def criteria(x: Floats, target: Floats, orders: list[int], unit: float) -> Floats:
    """(orders, 4) order, AIC, AICc and BIC of regressions on the first columns of `x`, one column more for each order, all on the same rows.

    unit: what 1 in `target` is in the units of the series.
    A column that depends on those before it ends the table: neither it nor a longer order explains more.
    """
    n, columns = x.shape
    q, r = np.linalg.qr(x)
    z = q.T @ target
    left = float(np.sum((target - q @ z) ** 2))  # RSS with all columns; a shorter order adds what its missing columns would explain
    diagonal = np.abs(np.diag(r))
    independent = int(np.argmin(np.append(diagonal > 1e-10 * diagonal.max(initial=0.0), False)))
    rows: list[tuple[float, ...]] = []
    for order in orders:
        used = columns - (orders[-1] - order)
        if used > independent and rows:
            break
        rss = max(left + float(np.sum(z[used:] ** 2)), n * float(np.finfo(np.float64).eps) ** 2)  # a perfect fit is one down to rounding
        k = used + 1
        aic = n * (math.log(2 * math.pi * rss / n) + 2 * math.log(unit) + 1) + 2 * k
        aicc = aic + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.inf
        rows.append((order, aic, aicc, aic + k * (math.log(n) - 2)))
    return np.array(rows, dtype=np.float64)


def psi_weights(phi: Floats, count: int) -> Floats:
    """(count,) weights of past errors in the present value: ψ₀ = 1, ψ[j] = φ₁·ψ[j−1] + … + φₚ·ψ[j−p].

    >>> psi_weights(np.array([0.5]), 4).tolist()
    [1.0, 0.5, 0.25, 0.125]
    """
    phi = phi.tolist()
    recent, psi = [1.0] + [0.0] * (len(phi) - 1), [1.0]
    while len(psi) < count:
        value = sum(coefficient * weight for coefficient, weight in zip(phi, recent, strict=True)) if phi else 0.0
        psi.append(min(max(value, -LARGEST_PSI), LARGEST_PSI))
        recent = [psi[-1], *recent[:-1]]
    return np.array(psi[:count])


def largest_root(phi: Floats) -> float:
    """The largest modulus among the roots of zᵖ − φ₁·zᵖ⁻¹ − … − φₚ; 0 for order 0. Below 1 the process is stationary.

    >>> largest_root(np.array([0.5]))
    0.5
    """
    return float(np.abs(np.roots(np.concatenate([[1.0], -phi]))).max(initial=0.0))
