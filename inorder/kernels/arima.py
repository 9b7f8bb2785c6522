"""Seasonal ARIMA, compiled: the exact likelihood and its gradient, estimation, the choice of orders, and the filter of a fitted series.

    φ(B)·Φ(Bˢ)·(w[t] − μ) = θ(B)·Θ(Bˢ)·e[t],     w = (1 − B)ᵈ·(1 − Bˢ)ᴰ·y,     e ~ N(0, σ²)

An evaluation costs O(n·r), r = max(p + P·s, q + Q·s), and less once the recursion has settled; its gradient a few times as much, whatever the
number of coefficients. Coefficients stand in the order φ, θ, Φ, Θ; θ(B) = 1 + θ₁·B + …, as in R and statsmodels.

Columns: (1 + integrated + regressors, time). The first is the series; `integrated` ones are unknowns that are integrated out, a differenced
pulse for each missing value; regressors are put at their best coefficients. They are differenced already, or come as they are together with
`differencing` = (d, D): then NaN in the first is a missing value and a Kalman filter, O(n·r²), takes the place of the recursion.
Where the extension is absent the textbook twin runs: the same numbers, much slower.

Source and conventions: `inorder.textbook.arima`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ShapeError
from inorder.kernels import extension, warn_uncompiled
from inorder.typing import Floats, Values

LOG_2PI = math.log(2 * math.pi)
CRITERIA = ("aic", "aicc", "bic")
NO_TIME = 1e10  # seconds: no limit
NONE = np.zeros(0)


class Orders(NamedTuple):
    """Numbers of coefficients of φ, θ, Φ, Θ, and the season length."""

    p: int = 0
    q: int = 0
    P: int = 0
    Q: int = 0
    season_length: int = 1

    @property
    def number(self) -> int:
        return self.p + self.q + self.P + self.Q


class Likelihood(NamedTuple):
    """loglik: with σ² and β at their best, −∞ where not stationary.   sigma2: σ² at its best.   terms: n, less what was integrated out.
    beta: (columns − 1,).   slope: (coefficients,) of loglik.   covariance: (columns − 1, columns − 1) of beta, 0 where a column depends on others.
    """

    loglik: float
    sigma2: float
    terms: int
    beta: Floats
    slope: Floats
    covariance: Floats


class Estimate(NamedTuple):
    """A fitted model.   beta: (columns − 1,), the constant's last where there is one.   table: (models, 7) of every model tried: p, q, P, Q, whether it
    has a constant, loglik and criterion.   complete: false where the time ran out.
    """

    orders: Orders
    constant: bool
    coefficients: Floats
    beta: Floats
    loglik: float
    sigma2: float
    terms: int
    table: Floats
    complete: bool


class Process(NamedTuple):
    """What the filter needs of a fitted model.   mean: μ, of the differenced series."""

    orders: Orders
    d: int
    D: int
    coefficients: Floats
    mean: float

    @property
    def initial(self) -> int:
        return self.d + self.D * self.orders.season_length


class FilterState(NamedTuple):
    """seen: values so far; while they are fewer than d + D·s, `a` is these values.   a: what the past says of the values to come.
    P: its covariance for σ² = 1, of which the lower triangle counts; (0, 0) where it is zero.   W: (diffuse, state) what is not known at all yet.
    """

    seen: int
    a: Floats
    P: Floats
    W: Floats


def loglik(w: Values, orders: Orders, coefficients: Floats) -> float:
    """The exact log-likelihood of a differenced series without missing values, σ² at its best: the lean path.

    w: (time,).   coefficients: (p + q + P + Q,).   −∞ where they are not stationary.

    >>> round(loglik(np.array([1.0, -1.0, 2.0]), Orders(), np.zeros(0)), 4)
    -5.2965
    """
    if extension is not None:
        value: float | None = extension.arima_loglik(w, orders, coefficients)
        if value is not None:
            return value
    w, coefficients = _floats("w", w, 1), _floats("coefficients", coefficients, 1)  # what it did not take as it came
    return evaluate(w[None, :], orders, coefficients).loglik


def logliks(w: Values, orders: Orders, coefficients: Floats, threads: int = 1) -> Floats:
    """`loglik` at many points: coefficients (models, p + q + P + Q); the points are shared over `threads`.

    >>> logliks(np.array([1.0, -1.0, 2.0, 0.5]), Orders(1), np.array([[0.0], [-0.5]])).round(3).tolist()
    [-6.568, -6.457]
    """
    w, points = _floats("w", w, 1), _floats("coefficients", coefficients, 2)
    if points.shape[1] != orders.number:
        raise ShapeError(f"`coefficients` has {points.shape[1]} columns; {orders.number} are expected for {orders}.")
    if threads < 1:
        raise ConfigError(f"`threads` is a whole number, 1 or more, not {threads}.")
    if extension is None:
        return np.array([loglik(w, orders, point) for point in points])
    f = np.empty(len(points))
    extension.arima_evaluate_many(w, orders, points, threads, f)
    return np.asarray(-len(w) * (f + 0.5 * (1 + LOG_2PI)))


def evaluate(columns: Floats, orders: Orders, coefficients: Floats, integrated: int = 0, differencing: tuple[int, int] | None = None) -> Likelihood:
    """The exact likelihood at given coefficients, with its gradient.   Raises ShapeError where the axes do not fit.

    >>> w = np.array([[1.0, -1.0, 2.0, -1.5], [1.0, 1.0, 1.0, 1.0]])
    >>> evaluate(w, Orders(), np.zeros(0)).beta.tolist()
    [0.125]
    """
    columns, coefficients = _columns(columns, orders, integrated, differencing), _floats("coefficients", coefficients, 1)
    if len(coefficients) != orders.number:
        raise ShapeError(f"`coefficients` has {len(coefficients)} numbers; {orders.number} are expected for {orders}.")
    k, m = orders.number, len(columns) - 1
    d, D = differencing or (0, 0)
    slope, beta, factor = np.full(k, math.nan), np.zeros(m), np.zeros((m, m))
    if extension is None:
        warn_uncompiled()
        return _evaluate_plainly(columns, orders, coefficients, integrated, differencing)
    f, squares, terms = extension.arima_evaluate(columns, integrated, differencing is not None, d, D, orders, coefficients, slope, beta, factor)
    if not math.isfinite(f):
        return Likelihood(-math.inf, math.nan, 0, beta, slope, np.full((m, m), math.nan))
    sigma2 = squares / terms
    used = np.diag(factor) > 0
    inverse = np.zeros((m, m))
    inverse[np.ix_(used, used)] = np.linalg.inv(factor[np.ix_(used, used)])
    return Likelihood(-terms * (f + 0.5 * (1 + LOG_2PI)), sigma2, int(terms), beta, -terms * slope, sigma2 * inverse.T @ inverse)


def fit(
    columns: Floats,
    orders: Orders,
    constant: bool = False,
    integrated: int = 0,
    differencing: tuple[int, int] | None = None,
    seconds: float = NO_TIME,
) -> Estimate:
    """Maximum likelihood for given orders, from several starting points.   constant: the last column is one.   seconds: time allowed."""
    columns = _columns(columns, orders, integrated, differencing)
    d, D = differencing or (0, 0)
    if extension is not None:
        return _estimate(extension.arima_fit(columns, integrated, constant, differencing is not None, d, D, orders, seconds), orders.season_length)
    warn_uncompiled()
    from inorder.textbook import arima as textbook

    deadline = time.monotonic() + seconds
    plain, gaps = _plain(columns, orders.season_length, integrated, differencing)
    coefficients, found = textbook.fit(plain, textbook.Orders(*orders), gaps, deadline)
    row = [*orders[:4], constant, found.loglik, math.inf]
    beta = found.beta[gaps - integrated :]
    return Estimate(
        orders, constant, coefficients, beta, found.loglik, found.squares / max(found.terms, 1), found.terms, np.array([row]), time.monotonic() < deadline
    )


def choose(
    columns: Floats,
    largest: Orders,
    *,
    constant: bool | None = None,
    max_order: int = 10,
    criterion: str = "aicc",
    stepwise: bool = True,
    max_models: int = 200,
    modulus: float = 1.01,
    integrated: int = 0,
    differencing: tuple[int, int] | None = None,
    seconds: float = NO_TIME,
) -> Estimate:
    """The best of many models by a criterion.

    largest: the largest numbers of coefficients.   constant: whether the models have one, None = with and without; the last column is it.
    stepwise: from a few models to the best neighbour until none is better; else all up to `largest` and `max_order` coefficients.
    modulus: that every root has at least, each polynomial in powers of its own lag: the likelihood is at its best within; 1 = stationary, invertible.
    """
    columns = _columns(columns, largest, integrated, differencing)
    if criterion not in CRITERIA:
        raise ConfigError(f"`criterion` is one of {', '.join(CRITERIA)}, not {criterion!r}.")
    d, D = differencing or (0, 0)
    if extension is not None:
        kind = 2 if constant is None else int(constant)
        found = extension.arima_choose(
            columns, integrated, kind, differencing is not None, d, D, (*largest, max_order), CRITERIA.index(criterion), stepwise, max_models, modulus, seconds
        )
        return _estimate(found, largest.season_length)
    warn_uncompiled()
    from inorder.textbook import arima as textbook

    deadline = time.monotonic() + seconds
    plain, gaps = _plain(columns, largest.season_length, integrated, differencing)
    constants = (True, False) if constant is None else (constant,)
    tried = textbook.choose(plain, constants, textbook.Orders(*largest), max_order, criterion, stepwise, max_models, modulus, gaps, deadline)
    table = np.array([[*one.orders[:4], one.constant, one.estimate.found.loglik, one.criterion] for one in tried])
    best = tried[int(np.argmin(table[:, 6]))]
    coefficients, likelihood = best.estimate
    beta, terms = likelihood.beta[gaps - integrated :], likelihood.terms
    sigma2, complete = likelihood.squares / max(terms, 1), time.monotonic() < deadline
    return Estimate(Orders(*best.orders), best.constant, coefficients, beta, likelihood.loglik, sigma2, terms, table, complete)


def init(process: Process) -> FilterState:
    """The state before the first observation."""
    return FilterState(0, np.full(process.initial, math.nan), np.zeros((0, 0)), np.zeros((0, 0)))


def run(process: Process, y: Values, state: FilterState, horizon: int = 0) -> tuple[Floats, FilterState, Floats]:
    """The filter over a stretch: (time,) exact one-step forecasts, NaN where there is none yet; the state after it; and (time, horizon) the forecasts
    made just before each observation.   y: (time,), NaN = missing.

    >>> walk = Process(Orders(), 1, 0, np.zeros(0), 0.5)
    >>> run(walk, np.array([3.0, 4.0, np.nan, 9.0]), init(walk))[0].tolist()
    [nan, 3.5, 4.5, 5.0]
    """
    y = _floats("y", y, 1)
    if extension is not None:
        orders, d, D, coefficients, mean = process
        fitted, seen, a, P, W, made = extension.arima_run(y, d, D, orders, coefficients, mean, *state, horizon)
        return fitted, FilterState(int(seen), a, P, W), made
    warn_uncompiled()
    from inorder.textbook import arima as textbook

    plain, now = _plain_process(process), textbook.State(*state)
    fitted, made = np.empty(len(y)), np.empty((len(y), horizon))
    for t in range(len(y)):
        if horizon:
            made[t] = plain.ahead(horizon, now)[0]
        fitted[t], now = plain.step(float(y[t]), now)
    return fitted, FilterState(*now), made


def ahead(process: Process, state: FilterState, horizon: int, variances: bool = True) -> tuple[Floats, Floats]:
    """(horizon,) means of what comes, and its variances for σ² = 1, infinite where nothing is known yet; empty without `variances`."""
    if extension is not None:
        orders, d, D, coefficients, mean = process
        means, spread = extension.arima_ahead(horizon, d, D, orders, coefficients, mean, *state, variances)
        return means, spread
    warn_uncompiled()
    from inorder.textbook import arima as textbook

    means, spread = _plain_process(process).ahead(horizon, textbook.State(*state))
    return means, spread if variances else NONE


# --- the textbook in their place ---


def _plain(columns: Floats, season_length: int, integrated: int, differencing: tuple[int, int] | None) -> tuple[Floats, int]:
    """Columns and the number of those integrated out, as the textbook takes them."""
    from inorder.textbook import arima as textbook

    return (columns, integrated) if differencing is None else textbook.with_gaps(columns, *differencing, season_length)


def _plain_process(process: Process) -> Any:
    from inorder.textbook import arima as textbook

    orders, d, D, coefficients, mean = process
    return textbook.Process(textbook.Orders(*orders), d, D, coefficients, mean)


def _evaluate_plainly(columns: Floats, orders: Orders, coefficients: Floats, integrated: int, differencing: tuple[int, int] | None) -> Likelihood:
    from inorder.textbook import arima as textbook

    plain, gaps = _plain(columns, orders.season_length, integrated, differencing)
    own = textbook.Orders(*orders)
    found = textbook.likelihood(plain, own, coefficients, gaps)
    slope = textbook.numerical_slope(lambda c: textbook.likelihood(plain, own, c, gaps).loglik, coefficients)
    sigma2 = found.squares / max(found.terms, 1)
    m = len(plain) - 1
    covariance = np.full((m, m), math.nan)
    if math.isfinite(found.loglik):
        ar, ma = textbook.polynomials(own, coefficients)
        errors, variance = textbook.one_step_errors(plain, textbook.autocovariances(ar, ma, plain.shape[1] + 1))
        x = (errors[1:] / np.sqrt(variance)).T
        covariance = sigma2 * np.linalg.pinv(x.T @ x)
    drop = gaps - integrated
    return Likelihood(found.loglik, sigma2, found.terms, found.beta[drop:], slope, covariance[drop:, drop:])


# --- checks ---


def _estimate(found: Any, season_length: int) -> Estimate:
    orders, constant, coefficients, beta, value, squares, terms, table, out_of_time = found
    p, q, P, Q = orders
    sigma2 = squares / terms if terms else math.nan
    return Estimate(Orders(p, q, P, Q, season_length), constant, coefficients, beta, value, sigma2, int(terms), table, not out_of_time)


def _columns(columns: Any, orders: Orders, integrated: int, differencing: tuple[int, int] | None) -> Floats:
    array = _floats("columns", columns, 2)
    if len(array) == 0 or not 0 <= integrated <= len(array) - 1:
        raise ShapeError(f"`columns` has {len(array)} rows; the series and its {integrated} integrated columns need {integrated + 1}.")
    if differencing is not None and integrated:
        raise ConfigError("`integrated` columns are for a series that is differenced already; with `differencing` a missing value is NaN.")
    if min(orders) < 0 or orders.season_length < 1:
        raise ConfigError(f"Orders are whole numbers, 0 or more, and the season length is 1 or more, not {orders}.")
    return array


def _floats(name: str, values: Sequence[float] | Floats, axes: int) -> Floats:
    array: Floats = np.asarray(values, dtype=np.float64, order="C")
    if array.ndim != axes:
        raise ShapeError(f"`{name}` has the shape {array.shape}; {axes} {'axis was' if axes == 1 else 'axes were'} expected.")
    return array
