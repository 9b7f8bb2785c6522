"""Seasonal ARIMA: what a series will be is a linear function of what it was and of the errors that were made.

    φ(B)·Φ(Bˢ)·(w[t] − μ) = θ(B)·Θ(Bˢ)·e[t],     w = (1 − B)ᵈ·(1 − Bˢ)ᴰ·y,     e ~ N(0, σ²)
    φ(B) = 1 − φ₁·B − … − φₚ·Bᵖ,     θ(B) = 1 + θ₁·B + … + θ_q·B^q

Its exact likelihood is the density of a normal vector whose covariances depend on the distance alone. The best forecast of each value from
all before it leaves an error v[t] with variance σ²·F[t], and the errors are independent:

    loglik = −n/2·(log 2πσ² + 1) − ½·Σ log F[t],     σ² = Σ v[t]²/F[t] / n

σ² is put at its best value, and so are the coefficients β of further columns (a constant, regressors, differenced like the series):
generalised least squares. A missing value is one more unknown: its column is a pulse, differenced; it is not put at its best value but
integrated out, which leaves −½·log det(D'·Γ⁻¹·D) and one term less for each. So the likelihood is that of the values which were observed.

Source: Box, Jenkins, Reinsel & Ljung 2015, Time Series Analysis, ch. 7, 9; Brockwell & Davis 1991, Time Series: Theory and Methods, §3.3 and §5.2
(autocovariances, Durbin–Levinson); missing values: Gómez, Maravall & Peña 1999; orders: Hyndman & Khandakar 2008.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LOG_2PI = math.log(2 * math.pi)
FARTHEST = 5.0  # |u| at most: a partial autocorrelation of 0.9999
AT_ONE = 0.995  # nearer to its limit, a seasonal AR part wants to be a difference, and the model is not chosen
YEAR = 12  # lags over which a root of the seasonal AR part is kept from one, at most


class Orders(NamedTuple):
    """Numbers of coefficients of φ, θ, Φ, Θ, and the season length."""

    p: int = 0
    q: int = 0
    P: int = 0
    Q: int = 0
    season_length: int = 1


# --- the process ---


def split(orders: Orders, coefficients: Floats) -> list[Floats]:
    """φ, θ, Φ, Θ out of one array.

    >>> [part.tolist() for part in split(Orders(1, 0, 0, 2, 4), np.array([0.5, 0.1, 0.2]))]
    [[0.5], [], [], [0.1, 0.2]]
    """
    return np.split(np.asarray(coefficients, dtype=np.float64), np.cumsum(orders[:3]))


def polynomials(orders: Orders, coefficients: Floats) -> tuple[Floats, Floats]:
    """φ(B)·Φ(Bˢ) and θ(B)·Θ(Bˢ), multiplied out, from the power 0 on.

    >>> ar, ma = polynomials(Orders(1, 1, 1, 0, 2), np.array([0.5, 0.3, 0.4]))
    >>> ar.tolist(), ma.tolist()
    ([1.0, -0.5, -0.4, 0.2], [1.0, 0.3])
    """
    phi, theta, seasonal_phi, seasonal_theta = split(orders, coefficients)

    def seasonal(values: Floats) -> Floats:
        spread = np.zeros(len(values) * orders.season_length)
        spread[orders.season_length - 1 :: orders.season_length] = values
        return spread

    ar = np.convolve(np.append(1.0, -phi), np.append(1.0, -seasonal(seasonal_phi)))
    return ar, np.convolve(np.append(1.0, theta), np.append(1.0, seasonal(seasonal_theta)))


def difference(y: Floats, d: int, D: int, season_length: int) -> Floats:
    """(1 − B)ᵈ·(1 − Bˢ)ᴰ along the last axis.

    >>> difference(np.array([1.0, 2.0, 4.0, 8.0]), 1, 1, 2).tolist()
    [3.0]
    """
    for _ in range(D):
        y = y[..., season_length:] - y[..., :-season_length]
    return np.diff(y, d) if d else y


def psi_weights(ar: Floats, ma: Floats, count: int) -> Floats:
    """ψ(B) = θ(B)/φ(B): the weights of past errors in the present value."""
    psi = np.zeros(count)
    for j in range(count):
        psi[j] = (ma[j] if j < len(ma) else 0.0) - sum(ar[i] * psi[j - i] for i in range(1, min(j, len(ar) - 1) + 1))
    return psi


def autocovariances(ar: Floats, ma: Floats, count: int) -> Floats:
    """γ[0], …, γ[count − 1] for σ² = 1, from the linear equations  Σ ar[j]·γ[|k − j|] = Σ ma[j]·ψ[j − k].

    >>> autocovariances(np.array([1.0, -0.5]), np.array([1.0]), 3).round(4).tolist()
    [1.3333, 0.6667, 0.3333]
    """
    p, q = len(ar) - 1, len(ma) - 1
    psi = psi_weights(ar, ma, q + 1)
    right = np.array([sum(ma[j] * psi[j - k] for j in range(k, q + 1)) for k in range(max(count, p + 1))])
    matrix = np.zeros((p + 1, p + 1))
    for k, j in itertools.product(range(p + 1), range(p + 1)):
        matrix[k, abs(k - j)] += ar[j]
    gamma = np.zeros(max(count, p + 1))
    gamma[: p + 1] = np.linalg.solve(matrix, right[: p + 1])
    for k in range(p + 1, count):
        gamma[k] = right[k] - sum(ar[j] * gamma[k - j] for j in range(1, p + 1))
    return gamma[:count]


def stationary(ar: Floats) -> bool:
    """Whether all roots of the polynomial lie outside the unit circle."""
    return bool(np.abs(np.roots(ar[::-1])).min(initial=math.inf) > 1)


# --- the likelihood ---


def normal_density(w: Floats, gamma: Floats, sigma2: float) -> float:
    """The logarithm of the density itself: −½·(n·log 2π + log det(σ²·Γ) + w'·(σ²·Γ)⁻¹·w). For short series.

    >>> round(normal_density(np.array([0.0, 0.0]), np.array([1.0, 0.0]), 1.0), 6)
    -1.837877
    """
    n = len(w)
    covariance = sigma2 * gamma[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))]
    return float(-0.5 * (n * LOG_2PI + np.linalg.slogdet(covariance)[1] + w @ np.linalg.inv(covariance) @ w))


def one_step_errors(columns: Floats, gamma: Floats) -> tuple[Floats, Floats]:
    """(columns, time) error of the best linear forecast from all values before, and (time,) its variance: Durbin & Levinson's recursion.

    >>> errors, variance = one_step_errors(np.array([[1.0, 1.0]]), np.array([2.0, 1.0]))
    >>> errors.tolist(), variance.tolist()
    ([[1.0, 0.5]], [2.0, 1.5])
    """
    n = columns.shape[1]
    errors, variance = np.zeros(columns.shape), np.zeros(n)
    weights = np.zeros(0)  # of the values before, newest first
    F = gamma[0]
    for t in range(n):
        variance[t] = F
        errors[:, t] = columns[:, t] - columns[:, :t][:, ::-1] @ weights
        if t + 1 < n:
            reflection = (gamma[t + 1] - weights @ gamma[t:0:-1]) / F
            weights = np.append(weights - reflection * weights[::-1], reflection)
            F = F * (1 - reflection**2)
    return errors, variance


class Likelihood(NamedTuple):
    """loglik: with σ² and β at their best.   squares: Σ v²/F.   terms: n, less the columns integrated out.   beta: (columns − 1,)."""

    loglik: float
    squares: float
    terms: int
    beta: Floats


def likelihood(columns: Floats, orders: Orders, coefficients: Floats, integrated: int = 0) -> Likelihood:
    """The exact log-likelihood of a stationary series.

    columns: (1 + integrated + regressors, time): the series, columns that are integrated out (missing values), regressors.
    −∞ where the coefficients are not stationary.

    >>> w = np.array([[1.0, -1.0, 2.0]])
    >>> found = likelihood(w, Orders(0, 0, 0, 0, 1), np.zeros(0))
    >>> found.loglik == normal_density(w[0], np.array([1.0, 0.0, 0.0]), found.squares / 3)
    True
    """
    ar, ma = polynomials(orders, coefficients)
    if not stationary(ar):
        return Likelihood(-math.inf, math.nan, 0, np.zeros(len(columns) - 1))
    errors, variance = one_step_errors(columns, autocovariances(ar, ma, columns.shape[1] + 1))
    scaled = errors / np.sqrt(variance)
    x = scaled[1:].T
    beta, _, rank, _ = np.linalg.lstsq(x, scaled[0], rcond=1e-11) if len(columns) > 1 else (np.zeros(0), None, 0, None)
    squares = float(np.sum((scaled[0] - x @ beta) ** 2))
    values = np.linalg.eigvalsh(x[:, :integrated].T @ x[:, :integrated]) if integrated else np.zeros(0)
    values = values[values > 1e-11 * values.max(initial=0.0)]
    terms = columns.shape[1] - len(values)
    spread = float(np.sum(np.log(variance)) + np.sum(np.log(values)))
    loglik = -0.5 * (terms * (LOG_2PI + math.log(max(squares, 1e-300) / terms) + 1) + spread) if terms > 0 else -math.inf
    return Likelihood(loglik, squares, terms, np.asarray(beta))


def with_gaps(columns: Floats, d: int, D: int, season_length: int) -> tuple[Floats, int]:
    """Columns as they came, NaN in the first where a value is missing, as `likelihood` takes them: differenced, with a pulse for each gap.

    >>> with_gaps(np.array([[1.0, np.nan, 3.0]]), 1, 0, 1)
    (array([[-1.,  3.],
           [ 1., -1.]]), 1)
    """
    missing = np.flatnonzero(np.isnan(columns[0]))
    pulses = np.zeros((len(missing), columns.shape[1]))
    pulses[np.arange(len(missing)), missing] = 1
    whole = np.vstack([np.where(np.isnan(columns[:1]), 0.0, columns[:1]), pulses, columns[1:]])
    return difference(whole, d, D, season_length), len(missing)


# --- estimation ---


def to_coefficients(orders: Orders, u: Floats, modulus: float = 1.0) -> Floats:
    """Coefficients of a stationary and invertible process from any numbers u: tanh u are partial autocorrelations (with MA signs turned).

    modulus: that every root has at least; c[i] is divided by modulusⁱ, which moves all roots of a polynomial outwards by this factor. For Φ it is the
        season's power, the 12th at most: a root nearer to one is a seasonal difference, which a seasonal MA part then takes back.

    >>> to_coefficients(Orders(2, 0, 0, 0, 1), np.arctanh([0.5, 0.2])).round(6).tolist()
    [0.4, 0.2]
    """
    parts = []
    powers = (1, 1, min(max(orders.season_length, 1), YEAR), 1)
    for sign, power, part in zip((1, -1, 1, -1), powers, split(orders, u), strict=True):
        c = np.zeros(0)
        for reflection in np.tanh(part):
            c = np.append(c - reflection * c[::-1], reflection)
        parts.append(sign * c / modulus ** (power * np.arange(1, len(c) + 1)))
    return np.concatenate(parts)


class Estimate(NamedTuple):
    """coefficients: φ, θ, Φ, Θ.   the rest as in `Likelihood`."""

    coefficients: Floats
    found: Likelihood


def fit(columns: Floats, orders: Orders, integrated: int = 0, deadline: float = math.inf, modulus: float = 1.0) -> Estimate:
    """Maximum likelihood by quasi-Newton steps (BFGS) from several starting points, because there may be several modes.

    modulus: that every root has at least, each polynomial in powers of its own lag.
    deadline: of `time.monotonic`, after which the best so far is returned.
    """

    def cost(u: Floats) -> float:
        value = likelihood(columns, orders, to_coefficients(orders, u, modulus), integrated).loglik
        return -value / columns.shape[1] if math.isfinite(value) else math.inf

    count = sum(orders[:4])
    sides = np.concatenate([np.full(k, side) for k, side in zip(orders[:4], (1.0, -1.0, 1.0, -1.0), strict=True)])
    starts = [0.1 * np.ones(count), 0.5 * np.ones(count), -0.5 * np.ones(count), 0.5 * sides] if count else [np.zeros(0)]
    ends = [minimise(cost, start, deadline) for start in starts]
    best = to_coefficients(orders, min(ends, key=cost), modulus)
    return Estimate(best, likelihood(columns, orders, best, integrated))


def minimise(cost: Callable[[Floats], float], u: Floats, deadline: float = math.inf) -> Floats:
    """Quasi-Newton descent with numerical slopes."""
    f, inverse = cost(u), np.eye(len(u))
    slope = numerical_slope(cost, u)
    for _ in range(100):
        if np.abs(slope).max(initial=0.0) < 1e-7 or time.monotonic() > deadline:
            break
        step = -inverse @ slope
        step /= max(1.0, float(np.abs(step).max()))
        length = 1.0
        while length > 1e-9 and not cost(np.clip(u + length * step, -FARTHEST, FARTHEST)) <= f + 1e-4 * length * (step @ slope):
            length /= 2
        moved = np.clip(u + length * step, -FARTHEST, FARTHEST) - u
        if length <= 1e-9 or not np.any(moved):
            break
        u = u + moved
        new = numerical_slope(cost, u)
        f, change = cost(u), new - slope
        if moved @ change > 1e-12:
            rho = 1 / (moved @ change)
            turn = np.eye(len(u)) - rho * np.outer(moved, change)
            inverse = turn @ inverse @ turn.T + rho * np.outer(moved, moved)
        slope = new
    return u


def numerical_slope(cost: Callable[[Floats], float], u: Floats, h: float = 1e-6) -> Floats:
    """Central differences."""
    return np.array([(cost(u + h * e) - cost(u - h * e)) / (2 * h) for e in np.eye(len(u))])


class Tried(NamedTuple):
    """A model of a search."""

    orders: Orders
    constant: bool
    estimate: Estimate
    criterion: float


def penalty(criterion: str, k: int, n: int) -> float:
    """What a criterion adds to −2·loglik for k estimated numbers and n observations: "aic", "aicc" or "bic".

    >>> penalty("aic", 3, 20), penalty("aicc", 3, 20), penalty("aicc", 3, 4)
    (6, 7.5, inf)
    """
    if criterion == "bic":
        return k * math.log(n)
    return 2 * k if criterion == "aic" else 2 * k * n / (n - k - 1) if n > k + 1 else math.inf


def choose(
    columns: Floats,
    constants: tuple[bool, ...],
    largest: Orders,
    max_order: int,
    criterion: str,
    stepwise: bool,
    max_models: int,
    modulus: float,
    integrated: int = 0,
    deadline: float = math.inf,
) -> list[Tried]:
    """Every model tried, from a few first ones to the best neighbour until none is better, or all of them.

    columns: as in `likelihood`; with True among `constants` the last column is the constant.
    """
    tried: list[Tried] = []
    first = constants[0]

    def consider(p: int, q: int, P: int, Q: int, constant: bool) -> None:
        orders = Orders(p, q, P, Q, largest.season_length)
        if min(orders) < 0 or any(np.array(orders) > np.array(largest)) or sum(orders[:4]) > max_order or constant not in constants:
            return
        if any((one.orders, one.constant) == (orders, constant) for one in tried) or len(tried) >= max_models or (tried and time.monotonic() > deadline):
            return
        used = columns if constant or True not in constants else columns[:-1]
        regressors = len(used) - 1 - integrated
        if sum(orders[:4]) and columns.shape[1] - integrated <= sum(orders[:4]) + regressors + 2:
            return
        estimate = fit(used, orders, integrated, deadline, modulus)
        value = -2 * estimate.found.loglik + penalty(criterion, sum(orders[:4]) + regressors + 1, max(estimate.found.terms, 1))
        seasonal = split(orders, estimate.coefficients)[2]
        wants_difference = (
            P and np.abs(np.roots(np.append(-seasonal[::-1], 1.0))).min(initial=math.inf) < modulus ** min(max(orders.season_length, 1), YEAR) / AT_ONE
        )
        tried.append(Tried(orders, constant, estimate, math.inf if modulus > 1 and wants_difference else value))

    def best() -> int:
        return int(np.argmin([math.inf if math.isnan(one.criterion) else one.criterion for one in tried]))

    if not stepwise:
        for p, q, P, Q in itertools.product(*(range(most + 1) for most in largest[:4])):
            for constant in constants:
                consider(p, q, P, Q, constant)
        return tried
    P, Q = min(1, largest.P), min(1, largest.Q)
    consider(0, 0, 0, 0, first)
    consider(min(2, largest.p), min(2, largest.q), P, Q, first)
    consider(min(1, largest.p), 0, P, 0, first)
    consider(0, min(1, largest.q), 0, Q, first)
    consider(0, 0, 0, 0, not first)
    steps = [(a, b) for a, b in itertools.product((-1, 0, 1), repeat=2) if (a, b) != (0, 0)]
    current = best()
    while True:
        (p, q, P, Q, _), constant = tried[current].orders, tried[current].constant
        for a, b in steps:
            consider(p, q, P + a, Q + b, constant)
        for a, b in steps:
            consider(p + a, q + b, P, Q, constant)
        consider(p, q, P, Q, not constant)
        if best() == current:
            return tried
        current = best()


# --- the filter of the whole series ---


class State(NamedTuple):
    """seen: values so far; while fewer than d + D·s of them, `a` is these values.   a: what is known, mean.   P: its covariance (σ² = 1).
    W: (diffuse, state) directions of which nothing is known yet.
    """

    seen: int
    a: Floats
    P: Floats
    W: Floats


class Process:
    """y[t] = μ + x[0] + e[t] + δ₁·y[t−1] + …: the state is that of the stationary part, then the last d + D·s values.

    The first d + D·s values are constants about which nothing is known before they are observed.
    """

    def __init__(self, orders: Orders, d: int, D: int, coefficients: Floats, mean: float) -> None:
        self.ar, self.ma = polynomials(orders, coefficients)
        delta = np.array([1.0])
        for _ in range(d):
            delta = np.convolve(delta, [1.0, -1.0])
        for _ in range(D):
            delta = np.convolve(delta, np.concatenate([[1.0], np.zeros(orders.season_length - 1), [-1.0]]))
        self.mean, self.initial = mean, len(delta) - 1
        r = max(len(self.ar), len(self.ma), 2) - 1
        phi = np.append(-self.ar[1:], np.zeros(r - len(self.ar) + 1))
        theta = np.append(self.ma[1:], np.zeros(r - len(self.ma) + 1))
        size = r + self.initial
        self.Z = np.concatenate([[1.0], np.zeros(r - 1), -delta[1:]])
        self.T, self.R = np.zeros((size, size)), np.concatenate([phi + theta, np.zeros(self.initial)])
        self.T[:r, 0] = phi
        self.T[np.arange(r - 1), np.arange(1, r)] = 1
        if self.initial:
            self.T[r] = self.Z
            self.T[r + 1 + np.arange(self.initial - 1), r + np.arange(self.initial - 1)] = 1
            self.R[r] = 1
        self.shift = np.zeros(size)  # what the mean adds to the values remembered
        self.shift[r : r + 1] = mean
        power, P = self.T[:r, :r], np.outer(self.R[:r], self.R[:r])
        for _ in range(60):  # Σ Tᵏ·R·R'·T'ᵏ, twice as many terms each time
            P, power = P + power @ P @ power.T, power @ power
        self.P = np.zeros((size, size))
        self.P[:r, :r] = P

    def begin(self, values: Floats) -> State:
        size, r = len(self.Z), len(self.Z) - self.initial
        a = np.concatenate([np.zeros(r), np.nan_to_num(values[::-1])])
        return State(len(values), a, self.P, np.eye(size)[r + np.flatnonzero(np.isnan(values[::-1]))])

    def step(self, y: float, state: State) -> tuple[float, State]:
        """The forecast of y (NaN where there is none yet), and the state after it."""
        seen, a, P, W = state
        if seen < self.initial:
            values = np.append(a[:seen], y)
            return math.nan, self.begin(values) if seen + 1 == self.initial else State(seen + 1, values, P, W)
        if seen == 0:
            _, a, P, W = self.begin(np.zeros(0))
        expected = float(self.mean + self.Z @ a)
        a, v = self.T @ a + self.shift, y - expected
        C, F = self.T @ P @ self.Z + self.R, float(self.Z @ P @ self.Z + 1)
        P = self.T @ P @ self.T.T + np.outer(self.R, self.R)
        sees = W @ self.Z
        if math.isnan(y):
            return expected if not _weighty(sees, W) else math.nan, State(seen + 1, a, P, W @ self.T.T)
        if _weighty(sees, W):  # what was unknown is now known through this value
            basis = np.linalg.qr(np.column_stack([sees, np.eye(len(sees))]))[0][:, : len(sees)]  # the first column is the direction seen
            W = basis.T @ W
            gain = self.T @ W[0] / float(W[0] @ self.Z)
            P = P - np.outer(gain, C) - np.outer(C, gain) + np.outer(gain, gain) * F
            return math.nan, State(seen + 1, a + gain * v, P, W[1:] @ self.T.T)
        return expected, State(seen + 1, a + C / F * v, P - np.outer(C, C) / F, W @ self.T.T)

    def ahead(self, horizon: int, state: State) -> tuple[Floats, Floats]:
        """(horizon,) means and variances, for σ² = 1; infinite where something is not known."""
        means, variances = np.full(horizon, math.nan), np.full(horizon, math.inf)
        if state.seen < self.initial:
            return means, variances
        _, a, P, W = self.begin(np.zeros(0)) if state.seen == 0 else state
        for h in range(horizon):
            means[h] = self.mean + self.Z @ a
            if not _weighty(W @ self.Z, W):
                variances[h] = self.Z @ P @ self.Z + 1
            a, P, W = self.T @ a + self.shift, self.T @ P @ self.T.T + np.outer(self.R, self.R), W @ self.T.T
        return means, variances


def _weighty(sees: Floats, W: Floats) -> bool:
    return bool(np.linalg.norm(sees) > 1e-9 * np.abs(W).max(initial=0.0)) if len(sees) else False
