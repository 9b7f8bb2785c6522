"""Autoregression: the next value is a linear function of the last p.

    y[t] = c + φ₁·y[t−1] + … + φₚ·y[t−p] + e[t],   e ~ N(0, σ²)

Fitted by conditional least squares: every step whose p values before it are all known is a row of a regression. The order is
the one with the least criterion, all candidates fitted to the same n rows, those that the longest one can use:

    AIC = n·(log(2π·RSS/n) + 1) + 2·k      AICc = AIC + 2·k·(k + 1)/(n − k − 1)      BIC = AIC + k·(log n − 2)

where k counts φ, c and σ. The chosen order is fitted again to all the rows that it can use.

Or by a method whose fit is stationary, whatever the data (`stationary`): Yule–Walker, Burg, exact maximum likelihood. There n is the number of
observations and −2·log L of the criteria is that of all of them, at the coefficients that the method found; c = μ·(1 − φ₁ − … − φₚ).

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
from inorder.forecast.base import LikelihoodModel, check_whole
from inorder.forecast.intervals import deviation, normal_quantiles
from inorder.forecast.local import LocalForecaster
from inorder.forecast.stationary import Likelihood, burg, coefficients, inverse_covariance, yule_walker
from inorder.typing import Floats, Values

CRITERIA = ("aic", "aicc", "bic")
METHODS = ("least-squares", "yule-walker", "burg", "exact")
LARGEST = float(np.finfo(np.float64).max)
LARGEST_PSI = 1e150  # whose square is in range


class ARState(NamedTuple):
    """recent: (order,) the last values, newest first; forecasts stand in for missing ones, `ARModel.before` where there was no value yet.
    age: steps since the last value that was observed.
    """

    recent: tuple[float, ...]
    age: int


@dataclass(frozen=True, eq=False)
class ARModel(LikelihoodModel):
    """constant: c.   phi: (order,) φ₁ … φₚ.   sigma: standard deviation of e, with n − p − 1 degrees of freedom (n − p without a constant).
    table: (orders, 4) order, AIC, AICc and BIC of each order that was tried.   deviations: standard errors of c (where it was fitted) and φ.
    before: what stands in for values before the first: NaN, or the mean where the process is stationary by its method.
    The likelihood is that of the rows of the regression, or of all observations where the method is not least squares.
    """

    constant: float
    phi: Floats
    sigma: float
    table: Floats
    deviations: Floats
    before: float = math.nan

    def init(self) -> ARState:
        return ARState((self.before,) * len(self.phi), 0)

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

    def simulate(self, state: ARState, horizon: int, innovations: Floats) -> Floats:
        recent = np.tile(state.recent, (len(innovations), 1))
        paths = np.empty((len(innovations), horizon))
        with np.errstate(over="ignore", invalid="ignore"):
            for h in range(horizon):
                paths[:, h] = np.clip(self.constant + recent @ self.phi + innovations[:, h], -LARGEST, LARGEST)
                lost = np.isnan(paths[:, h])  # both ends of the range of floats at once
                paths[lost, h] = recent[lost, 0] if len(self.phi) else self.constant
                recent = np.concatenate([paths[:, h, None], recent], axis=1)[:, : len(self.phi)]
        return paths

    def coefficients(self) -> dict[str, float]:
        fitted = {"constant": self.constant} if len(self.deviations) > len(self.phi) else {}
        return fitted | {f"ar{lag}": value for lag, value in enumerate(self.phi.tolist(), start=1)}

    def standard_errors(self) -> dict[str, float]:
        return dict(zip(self.coefficients(), self.deviations.tolist(), strict=True))

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
    """A linear function of the last p values.

        y[t] = c + φ₁·y[t−1] + … + φₚ·y[t−p] + e[t]

    order: p, 0 or more; None chooses it by `criterion`.
    method: "least-squares" (of the steps whose p values before are known), "yule-walker" (from autocorrelations; c from the mean), "burg" (errors
        forward and backward in time; c from the mean) or "exact" (maximum likelihood of all values, gaps included). All but the first give a
        stationary process, whose forecasts return to the mean; least squares follows what grows.
    criterion: "aicc", "aic" or "bic".
    max_order: the longest order tried; None is 10·log₁₀ n. Shorter where gaps or the length of the series leave too few rows.
    constant: whether c is fitted; without it forecasts return to zero.
    A fit by least squares that is not stationary is kept, and its `summary` says so. Raises ForecastError where there are too few rows.
    Source: Box, Jenkins, Reinsel & Ljung 2015, ch. 3, 7; Burg 1975, Maximum entropy spectral analysis.

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
    method: str = "least-squares"
    name = "ar"
    model = ARModel

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown("method", str(self.method), METHODS)
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
        return (self._by_least_squares if self.method == "least-squares" else self._stationary)(scaled, centre, largest)

    def _by_least_squares(self, scaled: Values, centre: float, largest: float) -> ARModel:
        orders = self._orders(scaled)
        table = criteria(*lagged(scaled, orders[-1], self.constant), orders, largest)
        order = int(table[np.argmin(table[:, 1 + CRITERIA.index(self.criterion)]), 0])
        x, target = lagged(scaled, order, self.constant)
        beta = np.linalg.lstsq(x, target)[0]
        errors, degrees = target - x @ beta, len(target) - x.shape[1]
        unit = deviation(errors, degrees)
        phi = np.asarray(beta[1:] if self.constant else beta, dtype=np.float64)
        constant = centre * (1 - float(phi.sum())) + float(beta[0]) * largest if self.constant else 0.0
        change = np.eye(x.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            if self.constant:
                change[0, 1:] = -centre / largest  # the constant takes in what the centre stands for
            spread = np.hypot.reduce(np.nan_to_num(change @ np.linalg.pinv(x)), axis=1) * unit  # X⁺·X⁺' = (X'X)⁻¹
            spread[: int(self.constant)] *= largest
        loglik = -0.5 * deviance(float(np.sum(errors**2)), len(target), largest)
        return ARModel(loglik, x.shape[1] + 1, len(target), constant, phi, unit * largest, table, np.clip(spread, 0.0, LARGEST))

    def _stationary(self, scaled: Values, centre: float, largest: float) -> ARModel:
        y = scaled[: int(np.flatnonzero(~np.isnan(scaled))[-1]) + 1]
        n = int((~np.isnan(y)).sum())
        longest = self._longest(len(y), n)
        shortest = longest if self.order is not None else 0 if self.constant else 1
        mean = float(np.mean(y[~np.isnan(y)])) if self.constant else 0.0
        partials = (yule_walker if self.method == "yule-walker" else burg)(y - mean, longest)
        exact = self.method == "exact"
        if len(partials) < longest and exact:
            partials = np.append(partials, np.zeros(longest - len(partials)))
        if len(partials) < shortest:
            raise ForecastError(
                f"The gaps of this series leave {self.method} an order of {len(partials)} at most, and {shortest} is needed. "
                'Use a lower order, or method="exact", which takes gaps as they are.'
            )
        likelihood = Likelihood(y if exact else y - mean, longest, self.constant and exact)
        found = {order: partials[:order] for order in range(shortest, len(partials) + 1)}
        if exact:
            for order in found:  # from where the order before has arrived
                found[order] = likelihood.maximise(np.append(found.get(order - 1, partials[: max(order - 1, 0)]), partials[order - 1 : order]), 1e-11)
        points = {order: likelihood.at(one) for order, one in found.items()}
        deviances = {order: point.deviance + 2 * n * math.log(largest) for order, point in points.items()}
        table = np.array([(order, *penalised(value, order + int(self.constant) + 1, n)) for order, value in deviances.items()], dtype=np.float64)
        order = int(table[np.argmin(table[:, 1 + CRITERIA.index(self.criterion)]), 0])
        if exact:
            found[order] = likelihood.maximise(found[order])
            points[order] = likelihood.at(found[order])
        phi, point, degrees = coefficients(found[order]), points[order], n - order - int(self.constant)
        sigma = math.sqrt(point.square / degrees) if degrees > 0 else math.nan
        remaining = 1 - float(phi.sum())
        level = centre + largest * (point.mean if exact else mean)
        covariance = inverse_covariance(phi) / n  # of φ
        spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        if self.constant:
            about = sigma * largest / math.sqrt(n)  # (1 − Σφ) times the standard error of the mean
            spread = np.append(min(math.hypot(about, min(abs(level), LARGEST / 2) * math.sqrt(max(float(covariance.sum()), 0.0))), LARGEST), spread)
        constant = min(max(level * remaining, -LARGEST), LARGEST) if self.constant else 0.0
        return ARModel(
            -0.5 * deviances[order], order + int(self.constant) + 1, n, constant, phi, sigma * largest, table, spread, level if self.constant else 0.0
        )

    def _longest(self, rows: int, n: int) -> int:
        """The longest order that `rows` rows with `n` observations can hold.   Raises ForecastError where the one asked for is longer, or none fits."""
        most = min((rows - 2) // 2, n - int(self.constant) - (2 if self.order is not None else 3))
        if self.order is not None:
            if self.order > max(most, 0):
                rows_needed, needed = 2 * self.order + 2, self.order + 2 + int(self.constant)
                raise ForecastError(
                    f"AR({self.order}) by {self.method} needs {rows_needed} rows and {needed} observations; this series has {rows} and {n}. Use a lower order."
                )
            return self.order
        longest = min(int(10 * math.log10(n)) if self.max_order is None else self.max_order, max(most, 0))
        if longest < (0 if self.constant else 1):
            raise ForecastError(f"An autoregression without a constant by {self.method} needs 4 observations in a row or more; this series has {n}.")
        return longest

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


def deviance(square: float, n: int, unit: float) -> float:
    """−2·log L of n normal errors with this sum of squares, at the best variance; a perfect fit is one down to rounding.

    unit: what 1 is in the units of the series.
    """
    least = max(square, n * float(np.finfo(np.float64).eps) ** 2)
    return n * (math.log(2 * math.pi * least / n) + 2 * math.log(unit) + 1)


def penalised(deviance: float, k: int, n: int) -> tuple[float, float, float]:
    """AIC, AICc and BIC of k fitted numbers and n observations; AICc is infinite where n is at most k + 1."""
    aic = deviance + 2 * k
    return aic, aic + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.inf, aic + k * (math.log(n) - 2)


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
        rows.append((order, *penalised(deviance(left + float(np.sum(z[used:] ** 2)), n, unit), used + 1, n)))
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
