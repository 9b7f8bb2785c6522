"""A vector autoregression as numbers: its least squares, its recursion, and the covariance of its errors ahead.

    y[t] = c + d·t + B·x[t] + A₁·y[t−1] + … + Aₚ·y[t−p] + e[t],   e ~ N(0, Σ)

Every step whose values, regressors and p values before it are all known is a row of a regression with the same regressors z[t] for
every channel, so that least squares is also maximum likelihood. One triangle holds all of it:

    [Z Y] = Q·[R S; 0 E]        coefficients R⁻¹·S,   Σ̂ = E'·E/(n − m),   (Z'Z)⁻¹ = R⁻¹·R⁻¹'

and with lags in the order of their length also the residuals of every shorter order on the same rows: S below what that order uses, and E.

The error h steps ahead has the covariance

    Σ(h) = Φ₀·Σ·Φ₀' + … + Φ[h−1]·Σ·Φ[h−1]',   Φ₀ = I,   Φ[i] = A₁·Φ[i−1] + … + Aₚ·Φ[i−p]

when the coefficients are known. That they were estimated adds, by the delta method at the regressors z of the forecast,

    Σᵢ Σⱼ (z[h−i]'·(Z'Z)⁻¹·z[h−j]) · Φ[i]·Σ·Φ[j]'

A value that is missing becomes its expectation given all that was seen until then: the joint normal distribution of the last p vectors
is carried along, and conditioned on each value that comes (a Kalman filter; nothing to carry where nothing is missing).

Source: Lütkepohl 2005, New Introduction to Multiple Time Series Analysis, §2.2, §3.2, §3.5, §4.3; AICc: Hurvich & Tsai 1993.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ForecastError
from inorder.typing import Floats, Offsets

TRENDS = ("none", "constant", "linear")  # how many deterministic regressors: the place in this list
CRITERIA = ("aic", "aicc", "bic", "hq", "fpe")
LARGEST = float(np.finfo(np.float64).max)
FARTHEST = 1e150  # of scaled values: their squares stay in range
SMALLEST = float(np.finfo(np.float64).tiny)
EPSILON = float(np.finfo(np.float64).eps)
ROWS_PER_COLUMN = 3  # of a regression that is tried unasked


class VARState(NamedTuple):
    """recent: (order · channels,) the last scaled vectors, newest first; expectations stand in for what is missing, NaN where there was none yet.
    error: (order · channels, order · channels) covariance of `recent` where something in it is missing, else None.
    rows: steps seen.
    """

    recent: Floats
    error: Floats | None
    rows: int


@dataclass(frozen=True, eq=False)
class VARModel:
    """The constants of one fitted system, for scaled values (y − centre)/unit and (x − x_centre)/x_unit.

    order: p.   deterministic: 0, 1 (a constant) or 2 (and a line in t/span).   rows: n of the regression.   columns: independent regressors, m.
    beta: (regressors, channels), in the order constant, line, x, lag 1 of every channel, lag 2, ….
    factor: (channels, channels) upper triangle E with E'E = sum of squares and products of the residuals.
    inverse: (regressors, regressors) (Z'Z)⁻¹, 0 for a regressor that depends on those before it.
    x_from: (covariates, 2) which covariate of the sorted names, and the channel whose copy is taken; −1: any, all are alike.
    table: (orders, 6) order, AIC, AICc, BIC, HQ and log FPE of each order that was tried.
    """

    order: int
    deterministic: int
    rows: int
    columns: int
    span: int
    beta: Floats
    factor: Floats
    inverse: Floats
    centre: Floats
    unit: Floats
    x_centre: Floats
    x_unit: Floats
    x_from: Offsets
    table: Floats

    @property
    def channels(self) -> int:
        return len(self.unit)

    @property
    def fixed(self) -> int:
        """Regressors that are no lags."""
        return self.deterministic + len(self.x_unit)

    @cached_property
    def wide(self) -> Floats:
        """(channels, order · channels) A₁ … Aₚ side by side, for scaled values."""
        return np.ascontiguousarray(self.beta[self.fixed :].T)

    @cached_property
    def sigma(self) -> Floats:
        """(channels, channels) Σ̂ of scaled values, with n − m degrees of freedom."""
        return np.asarray(self.factor.T @ self.factor / (self.rows - self.columns))

    @cached_property
    def impact(self) -> Floats:
        """(channels, channels) lower triangle P with P·P' = Σ̂, not below 0 on its diagonal."""
        lower = self.factor.T / math.sqrt(self.rows - self.columns)
        return np.asarray(lower * np.where(np.diag(lower) < 0, -1.0, 1.0))

    @cached_property
    def companion(self) -> Floats:
        """(order · channels, order · channels) the system as one of order 1."""
        size = self.order * self.channels
        return np.concatenate([self.wide, np.eye(size, size)[: size - self.channels]])[:size]

    @property
    def loglik(self) -> float:
        """log L at its maximum, in the units of the series."""
        return -0.5 * self.rows * (self.channels * (math.log(2 * math.pi) + 1) + log_determinant(self.factor, self.rows) + 2 * float(np.log(self.unit).sum()))

    @property
    def estimated(self) -> int:
        """Numbers that were fitted: the coefficients, and Σ."""
        return self.channels * self.columns + self.channels * (self.channels + 1) // 2

    def scaled(self, y: Floats) -> Floats:
        """(time, channels) in the model's units."""
        return scale(y, self.centre, self.unit)

    def scaled_x(self, x: Floats) -> Floats:
        return scale(x, self.x_centre, self.x_unit)

    def unscaled(self, z: Floats) -> Floats:
        """(…, channels) back in those of the series; what is beyond the range of floats, at the end of that range."""
        with np.errstate(over="ignore"):
            return np.clip(self.centre + self.unit * z, -LARGEST, LARGEST)

    def known(self, x: Floats, begin: int) -> Floats:
        """(time, fixed) regressors that are no lags, of the steps `begin`, `begin` + 1, … (the first of all is 0).   x: (time, covariates), scaled."""
        return np.concatenate([deterministic(begin, len(x), self.deterministic, self.span), x], axis=1)

    def init(self) -> VARState:
        return VARState(np.full(self.order * self.channels, np.nan), None, 0)

    def step(self, z: Floats, x: Floats, state: VARState) -> tuple[Floats, VARState]:
        """Take one scaled vector (NaN: that channel is missing); return the forecast that had been made for it, and the next state."""
        expected = clipped(self.known(x[None], state.rows)[0] @ self.beta[: self.fixed] + self.wide @ state.recent)
        missing = np.isnan(z)
        size = len(state.recent)
        values = np.concatenate([np.where(missing, expected, z), state.recent])
        if np.isnan(expected).any() or (state.error is None and not missing.any()):
            return expected, VARState(values[:size], None, state.rows + 1)
        joint = self._joint(state.error)
        seen = np.flatnonzero(~missing)
        if len(seen):
            gain = np.linalg.pinv(joint[np.ix_(seen, seen)], hermitian=True) @ joint[seen]
            values = clipped(np.concatenate([expected, state.recent]) + (z[seen] - expected[seen]) @ gain)
            joint = clipped(joint - joint[:, seen] @ gain)
            values[seen], joint[seen], joint[:, seen] = z[seen], 0.0, 0.0
        left = joint[:size, :size]
        return expected, VARState(values[:size], left if left.any() else None, state.rows + 1)

    def _joint(self, error: Floats | None) -> Floats:
        """Covariance of the next vector and of those before it."""
        size = self.order * self.channels
        error = np.zeros((size, size)) if error is None else error
        across = self.wide @ error
        return clipped(np.block([[across @ self.wide.T + self.sigma, across], [across.T, error]]))

    def run(self, z: Floats, x: Floats, state: VARState | None = None) -> tuple[Floats, VARState]:
        """`step` over (time, channels): the one-step forecasts (NaN where there is none yet) and the last state."""
        state = self.init() if state is None else state
        fitted = np.empty(z.shape)
        gaps = np.append(np.flatnonzero(np.isnan(z).any(axis=1)), len(z))
        t = 0
        while t < len(z):
            until = int(gaps[np.searchsorted(gaps, t)])
            if state.error is None and until > t:
                fitted[t:until], state = self._stretch(z[t:until], x[t:until], state)
                t = until
            else:
                fitted[t], state = self.step(z[t], x[t], state)
                t += 1
        return fitted, state

    def _stretch(self, z: Floats, x: Floats, state: VARState) -> tuple[Floats, VARState]:
        """`run` over rows without a gap, after which nothing is missing."""
        before = state.recent.reshape(self.order, self.channels)[::-1]
        values = np.concatenate([before, z])
        lags = [values[self.order - lag : len(values) - lag] for lag in range(1, self.order + 1)]
        fitted = clipped(np.concatenate([self.known(x, state.rows), *lags], axis=1) @ self.beta)
        recent = values[::-1][: self.order].reshape(-1)
        return fitted, VARState(recent, None, state.rows + len(z))

    def ahead(self, state: VARState, x: Floats) -> tuple[Floats, Floats]:
        """(horizon, channels) scaled means of the next vectors and their (horizon, regressors); one step for each row of x."""
        known, recent = self.known(x, state.rows), state.recent
        mean, regressors = np.empty((len(x), self.channels)), np.empty((len(x), len(self.beta)))
        for h in range(len(x)):
            regressors[h] = np.concatenate([known[h], recent])
            mean[h] = clipped(regressors[h] @ self.beta)
            recent = np.concatenate([mean[h], recent])[: len(recent)]
        return mean, regressors

    def forecasts(self, z: Floats, x: Floats, state: VARState, horizon: int) -> Floats:
        """(time, horizon, channels) scaled means along a stretch: row t is made just before z[t].   x: (time + horizon, covariates)."""
        recents = []
        for t in range(len(z)):
            recents.append(state.recent)
            _, state = self.step(z[t], x[t], state)
        recent = np.array(recents).reshape(len(z), -1)
        known = self.known(x, state.rows - len(z)) @ self.beta[: self.fixed]
        made = np.empty((len(z), horizon, self.channels))
        for h in range(horizon):
            made[:, h] = clipped(known[h : h + len(z)] + recent @ self.wide.T)
            recent = np.concatenate([made[:, h], recent], axis=1)[:, : recent.shape[1]]
        return made

    def responses(self, count: int) -> Floats:
        """(count, channels, channels) Φ₀ … of scaled values: [i, j, k] the response of channel j, i steps after 1 in the error of channel k."""
        phi = np.zeros((count, self.channels, self.channels))
        block = np.concatenate([np.eye(self.channels), np.zeros((max(self.order - 1, 0) * self.channels, self.channels))])[: self.order * self.channels]
        for i in range(count):
            phi[i] = clipped(self.wide @ block) if i else np.eye(self.channels)
            block = np.concatenate([phi[i], block])[: len(block)] if i else block
        return phi

    def error_covariance(self, state: VARState, regressors: Floats, estimated: bool) -> Floats:
        """(horizon, channels, channels) covariance of the scaled forecast errors.

        regressors: (horizon, regressors) those of the means.   estimated: also count that the coefficients were estimated.
        """
        horizon = len(regressors)
        phi = self.responses(horizon)
        steps = phi @ self.sigma @ phi.transpose(0, 2, 1)
        total = np.cumsum(clipped(steps), axis=0)
        if state.error is not None:
            reach, power = np.empty_like(total), np.eye(len(self.companion))
            for h in range(horizon):
                power = clipped(self.companion @ power)
                reach[h] = power[: self.channels] @ state.error @ power[: self.channels].T
            total = total + clipped(reach)
        if estimated:
            turned = regressors @ root(self.inverse)  # (horizon, regressors) with inner products z'(Z'Z)⁻¹z
            moved = (phi @ self.impact).reshape(horizon, -1)
            for h in range(horizon):
                effect = clipped(turned[h::-1].T @ moved[: h + 1]).reshape(-1, self.channels, self.channels).transpose(1, 0, 2).reshape(self.channels, -1)
                total[h] += clipped(effect @ effect.T)
        return clipped(total)

    def errors(self, z: Floats, x: Floats) -> Floats:
        """(time, channels) scaled errors of the regression, NaN where a value, a regressor or a lag is missing."""
        rows, design, target = regression(z, self.known(x, 0), self.order)
        errors = np.full(z.shape, np.nan)
        errors[rows] = target - design @ self.beta
        return errors

    def paths(self, state: VARState, x: Floats, shocks: Iterator[Floats], count: int, generator: np.random.Generator | None) -> Floats:
        """(count, horizon, channels) scaled sample paths.

        shocks: (count, channels) for each step.   generator: draws the coefficients of each path too; None: all take those that were estimated.
        """
        recent = np.tile(state.recent, (count, 1))
        draws = np.random.default_rng(0) if generator is None else generator
        if state.error is not None:
            recent = recent + draws.standard_normal(recent.shape) @ root(state.error).T
        beta = self.beta[None]
        if generator is not None:
            noise = generator.standard_normal((count, *self.beta.shape))
            beta = self.beta + root(self.inverse) @ noise @ self.impact.T
        known = self.known(x, state.rows)
        made = np.empty((count, len(x), self.channels))
        for h in range(len(x)):
            z = np.concatenate([np.tile(known[h], (count, 1)), recent], axis=1)
            made[:, h] = clipped((z[:, None, :] @ beta)[:, 0] + next(shocks))
            recent = np.concatenate([made[:, h], recent], axis=1)[:, : recent.shape[1]]
        return made


def estimate(y: Floats, x: Floats, x_from: Offsets, *, trend: int, order: int | None, max_order: int | None, criterion: str) -> VARModel:
    """Least squares, with the order of the least criterion where none is given.

    y: (time, channels), NaN = missing.   x: (time, covariates).
    Raises ForecastError where there are too few rows.
    """
    centre, unit = scales(y, trend > 0)
    x_centre, x_unit = scales(x, trend > 0)
    z = scale(y, centre, unit)
    z[np.abs(z) < EPSILON] = 0.0  # what rounding leaves of a value is no regressor
    known = np.concatenate([deterministic(0, len(y), trend, len(y)), scale(x, x_centre, x_unit)], axis=1)
    orders = [order] if order is not None else candidates(z, known, max_order)
    check_rows(z, known, orders[-1])
    rows, design, target = regression(z, known, orders[-1])
    kept, triangle = triangular(design, target)
    table = criteria(triangle, kept, known.shape[1], len(rows), orders, float(np.log(unit).sum()))
    best = int(table[np.argmin(table[:, 1 + CRITERIA.index(criterion)]), 0])
    if best < orders[-1]:  # once more, on all the rows that it can use
        rows, design, target = regression(z, known, best)
        kept, triangle = triangular(design, target)
    count = len(kept)
    inverse_triangle = np.linalg.inv(triangle[:count, :count]) if count else np.empty((0, 0))
    beta, inverse = np.zeros((design.shape[1], y.shape[1])), np.zeros((design.shape[1], design.shape[1]))
    beta[kept] = inverse_triangle @ triangle[:count, count:]
    inverse[np.ix_(kept, kept)] = inverse_triangle @ inverse_triangle.T
    factor = triangle[count : count + y.shape[1], count:]
    return VARModel(best, trend, len(rows), count, len(y), beta, factor, inverse, centre, unit, x_centre, x_unit, x_from, table)


def candidates(z: Floats, known: Floats, max_order: int | None) -> list[int]:
    """The orders to try: up to `max_order`, by default 10·log₁₀(n/channels), as far as the rows reach."""
    channels = z.shape[1]
    shortest = 0 if known.shape[1] else 1
    complete = int((~np.isnan(z).any(axis=1)).sum())
    longest = max(int(10 * math.log10(max(complete / channels, 1.0))), shortest) if max_order is None else max_order
    for order in range(longest, shortest, -1):
        rows, columns = complete_rows(z, known, order), known.shape[1] + order * channels
        if len(rows) >= (columns + channels + 2 if max_order is not None else ROWS_PER_COLUMN * columns + channels):  # so that AICc is finite
            return list(range(shortest, order + 1))
    return [shortest]


def check_rows(z: Floats, known: Floats, order: int) -> None:
    """Raises ForecastError where a regression of this order has too few rows for its coefficients and Σ."""
    rows, columns = len(complete_rows(z, known, order)), known.shape[1] + order * z.shape[1]
    needed = columns + z.shape[1]
    if rows < needed:
        before = f" with the {order} before them" if order else ""
        remedy = "a lower order or fewer series" if order else "fewer series"
        raise ForecastError(
            f"VAR({order}) of {z.shape[1]} series fits {columns} coefficients for each and needs {needed} steps that are known in all of them{before}; "
            f"there are {rows}. Use {remedy}."
        )


def complete_rows(z: Floats, known: Floats, order: int) -> Offsets:
    """The steps whose values, regressors and `order` values before are all known."""
    whole = np.asarray(~np.isnan(z).any(axis=1))
    fine = np.asarray(whole & ~np.isnan(known).any(axis=1))
    for lag in range(1, order + 1):
        fine[lag:] &= whole[:-lag]
    fine[:order] = False
    return np.flatnonzero(fine)


def regression(z: Floats, known: Floats, order: int) -> tuple[Offsets, Floats, Floats]:
    """The complete rows, their (rows, regressors), and their (rows, channels) targets."""
    rows = complete_rows(z, known, order)
    return rows, np.concatenate([known[rows], *(z[rows - lag] for lag in range(1, order + 1))], axis=1), z[rows]


def triangular(design: Floats, target: Floats) -> tuple[Offsets, Floats]:
    """The columns that do not depend on those before them, and the upper triangle of QR of [those columns, target]."""
    sizes = np.sqrt((design**2).sum(axis=0))
    kept = np.flatnonzero(sizes > 0)
    while True:
        triangle = upper(np.concatenate([design[:, kept], target], axis=1))
        dependent = np.abs(np.diag(triangle)[: len(kept)]) <= 1e-10 * sizes[kept]
        if not dependent.any():
            return kept, triangle
        kept = np.delete(kept, int(np.argmax(dependent)))


def upper(matrix: Floats) -> Floats:
    """The upper triangle R of a matrix Q·R with orthonormal columns in Q."""
    triangle: Any = np.linalg.qr(matrix, mode="r")
    return np.asarray(triangle)


def criteria(triangle: Floats, kept: Offsets, fixed: int, n: int, orders: list[int], log_unit: float) -> Floats:
    """(orders, 6) order, AIC, AICc, BIC, HQ and log FPE, all on the n rows of the regression with the longest of them.

        −2·log L = n·(K·log 2π + log det(E'E/n) + K)        k = K·m + K·(K + 1)/2
        AIC = −2·log L + 2·k      BIC = −2·log L + k·log n      HQ = −2·log L + 2·k·log log n
        AICc = −2·log L + 2·k·n/(n − m − K − 1)                 FPE = ((n + m)/(n − m))^K · det(E'E/n)

    triangle, kept: what `triangular` made of it.   fixed: regressors that are no lags.   log_unit: the logarithms of the units of the series, added up.
    """
    channels = triangle.shape[1] - len(kept)
    table = []
    for order in orders:
        m = int((kept < fixed + order * channels).sum())
        k = channels * m + channels * (channels + 1) // 2
        rest = upper(triangle[m:, len(kept) :])
        determinant = log_determinant(rest, n) + 2 * log_unit
        deviance = n * (channels * (math.log(2 * math.pi) + 1) + determinant)
        corrected = 2 * k * n / (n - m - channels - 1) if n > m + channels + 1 else math.inf
        error = channels * math.log((n + m) / (n - m)) + determinant if n > m else math.inf
        table.append((order, deviance + 2 * k, deviance + corrected, deviance + k * math.log(n), deviance + 2 * k * math.log(math.log(n)), error))
    return np.array(table)


def log_determinant(factor: Floats, rows: int) -> float:
    """log det(E'E/n) from the upper triangle E; a perfect fit is one down to rounding."""
    least = EPSILON * math.sqrt(rows)
    sizes = np.zeros(factor.shape[1])
    sizes[: len(factor)] = np.abs(np.diag(factor))
    return float(2 * np.log(np.maximum(sizes, least)).sum() - factor.shape[1] * math.log(rows))


def deterministic(begin: int, count: int, kind: int, span: int) -> Floats:
    """(count, kind) the constant and the line of the steps from `begin` on; the line is 1 at the end of the first `span` steps."""
    return np.stack([np.ones(count), np.arange(begin + 1, begin + 1 + count) / span], axis=1)[:, :kind]


def scales(values: Floats, centred: bool) -> tuple[Floats, Floats]:
    """(columns,) centre and unit of each column: the middle of its range, and the power of two that leaves numbers of about 1."""
    low, high = np.fmin.reduce(values, axis=0, initial=np.inf) / 2, np.fmax.reduce(values, axis=0, initial=-np.inf) / 2
    present = low <= high
    low, high = np.where(present, low, 0.0), np.where(present, high, 0.0)
    centre = low + high if centred else np.zeros(len(low))
    largest = np.maximum(np.abs(low - centre / 2), np.abs(high - centre / 2))
    unit = np.where(largest > 0, np.maximum(np.ldexp(1.0, np.frexp(largest)[1]), SMALLEST), 1.0)
    return centre, unit


def scale(values: Floats, centre: Floats, unit: Floats) -> Floats:
    """(time, columns) (values − centre)/unit, without leaving the range of floats on the way."""
    return np.asarray(clipped((values / 2 - centre / 2) / (unit / 2)))


def clipped(values: Floats) -> Floats:
    """An explosive fit may leave the range of floats: held at a size whose square is still in it."""
    return np.clip(values, -FARTHEST, FARTHEST)


def root(covariance: Floats) -> Floats:
    """A square root S with S·S' = covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
