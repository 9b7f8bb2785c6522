"""State space models of one's own: matrices, or a function that makes them from parameters, fitted by maximum likelihood.

    y[t] = Z·α[t] + d + ε[t],   ε[t] ~ N(0, H);        α[t+1] = T·α[t] + c + R·η[t],   η[t] ~ N(0, Q)

`state_space` makes a model from its matrices; `kalman_filter`, `kalman_smoother` and `simulation_smoother` work on it alone. `StateSpace` adds the
search for parameters, by BFGS with differences as gradients, standard errors from the curvature of the likelihood, forecasts and sample paths.

Source: Durbin & Koopman 2012, Time Series Analysis by State Space Methods, 2nd ed., ch. 4, 5, 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError, ShapeError
from inorder.forecast.base import check_horizon, check_whole, information_criterion
from inorder.forecast.intervals import check_levels, normal_quantiles, tail_probabilities
from inorder.kernels.kalman import (
    Filtered,
    Smoothed,
    System,
    kalman_filter,
    kalman_filters,
    kalman_smoother,
    simulation_smoother,
    state_space,
    stationary_start,
)
from inorder.typing import Floats, Values

__all__ = [
    "Filtered",
    "FittedStateSpace",
    "Smoothed",
    "StateForecast",
    "StateSession",
    "StateSpace",
    "System",
    "kalman_filter",
    "kalman_smoother",
    "simulation_smoother",
    "state_space",
    "stationary_start",
]

STEP = 1e-5  # of a difference, in units of a parameter's size


@dataclass(frozen=True, eq=False)
class StateForecast:
    """mean: (horizon,) for one column of y, (horizon, p) for more.   lower, upper: level -> array like `mean`."""

    mean: Floats
    lower: Mapping[float, Floats]
    upper: Mapping[float, Floats]


@dataclass(frozen=True, eq=False)
class StateSpace:
    """A linear Gaussian model with given matrices, or with matrices that depend on parameters.

        y[t] = Z·α[t] + d + ε[t];   α[t+1] = T·α[t] + c + R·η[t]

    system: what `state_space` makes, or a function from (parameters,) to it.
    start: where the search for the parameters starts.   names: of the parameters; "p1", "p2", … by default.
    bounds: (lower, upper) of each parameter, None = open; without them a function should be defined for all numbers: write exp(p) for a variance.
    Raises ConfigError where `start` and a function do not come together.

    >>> def local_level(p):
    ...     return state_space(design=[[1.0]], transition=[[1.0]], state_covariance=[[np.exp(p[1])]], observation_covariance=np.exp(p[0]))
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=300).cumsum() / 2 + rng.normal(size=300)
    >>> fitted = StateSpace(local_level, start=[0.0, 0.0], names=["log noise", "log level"]).fit(y)
    >>> [round(math.exp(value), 1) for value in fitted.coefficients.values()]
    [1.0, 0.3]
    """

    system: System | Callable[[Floats], System]
    start: Sequence[float] | None = None
    names: Sequence[str] | None = None
    bounds: Sequence[tuple[float | None, float | None]] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.system, System) == (self.start is not None):
            raise ConfigError("`start` holds the first values of the parameters of a function; matrices that are given have none.")
        count = 0 if self.start is None else len(self.start)
        for name, given in (("names", self.names), ("bounds", self.bounds)):
            if given is not None and len(given) != count:
                raise ConfigError(f"`{name}` has {len(given)} entries; there are {count} parameters.")

    def at(self, parameters: Sequence[float] | Floats = ()) -> System:
        """The matrices at given parameters."""
        return self.system if isinstance(self.system, System) else self.system(np.asarray(parameters, dtype=np.float64))

    def loglik(self, y: Any, parameters: Sequence[float] | Floats = ()) -> float:
        """The log-likelihood of y: (time,) or (time, p), at given parameters, without fitting."""
        return kalman_filters([values_of(y)], [self.at(parameters)], outputs=())[0].loglik

    def fit(self, y: Any) -> FittedStateSpace:
        """The maximum of the likelihood, from `start` on.   y: (time,) or (time, p), NaN = missing, or a Series of one series.

        Raises ForecastError where the likelihood is not finite at the start, or stays short of a maximum.
        """
        values = values_of(y)
        if isinstance(self.system, System):
            return FittedStateSpace(self, values, np.empty(0), np.empty(0))
        start = np.asarray(self.start, dtype=np.float64)
        size = np.where(np.abs(start) > 1e-8, np.abs(start), 1.0)

        def cost(p: Floats) -> float:
            try:
                value = self.loglik(values, p * size)
            except (ConfigError, np.linalg.LinAlgError, FloatingPointError, OverflowError):  # outside of where this model exists
                return math.inf
            return -value if math.isfinite(value) else math.inf

        if not math.isfinite(cost(start / size)):
            raise ForecastError(f"The likelihood is not finite at the start, {start.tolist()}. Start from parameters at which the model exists.")
        found = maximise(cost, start / size, None if self.bounds is None else [scaled(bound, s) for bound, s in zip(self.bounds, size, strict=True)])
        errors = standard_errors(cost, found) * size
        return FittedStateSpace(self, values, found * size, errors)


def values_of(y: Any) -> Values:
    """(time,) or (time, p) of numbers, or of a Series that holds one series."""
    if isinstance(y, Series):
        if len(y) != 1:
            raise ShapeError(f"A state space model takes one series, with as many columns as it has; this is a panel of {len(y)}.")
        return y.values
    return np.asarray(y, dtype=np.float64)


def scaled(bound: tuple[float | None, float | None], size: float) -> tuple[float | None, float | None]:
    lower, upper = bound
    return None if lower is None else lower / size, None if upper is None else upper / size


def gradient(cost: Callable[[Floats], float], p: Floats) -> Floats:
    """Central differences; one-sided where the model does not exist on one side."""
    middle, slopes = cost(p), np.zeros(len(p))
    for i in range(len(p)):
        h = np.zeros(len(p))
        h[i] = STEP * max(1.0, abs(p[i]))
        above, below = cost(p + h), cost(p - h)
        if math.isfinite(above) and math.isfinite(below):
            slopes[i] = (above - below) / (2 * h[i])
        elif math.isfinite(above) or math.isfinite(below):
            slopes[i] = (above - middle) / h[i] if math.isfinite(above) else (middle - below) / h[i]
    return slopes


def maximise(cost: Callable[[Floats], float], start: Floats, bounds: Sequence[tuple[float | None, float | None]] | None) -> Floats:
    from scipy.optimize import minimize

    limit = 1e100  # in place of infinity, which a line search cannot step back from

    def bounded(p: Floats) -> float:
        return min(cost(p), limit)

    def slope(p: Floats) -> Floats:
        return gradient(cost, p)

    best = start
    for _ in range(3):  # started afresh where rounding ended the search early
        if bounds is None:
            found = minimize(bounded, best, jac=slope, method="BFGS", options={"gtol": 1e-6, "maxiter": 500})
        else:
            found = minimize(bounded, best, jac=slope, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-7, "ftol": 1e-14, "maxiter": 500})
        gain = bounded(best) - float(found.fun)
        best = np.asarray(found.x, dtype=np.float64) if gain > 0 else best
        if gain < 1e-8:
            break
    return best


def standard_errors(cost: Callable[[Floats], float], p: Floats) -> Floats:
    """√ of the diagonal of the inverse Hessian; NaN where the likelihood is flat, or does not exist around its maximum."""
    size = len(p)
    hessian = np.full((size, size), np.nan)
    for i in range(size):
        h = np.zeros(size)
        h[i] = 1e-4 * max(1.0, abs(p[i]))
        hessian[i] = (gradient(cost, p + h) - gradient(cost, p - h)) / (2 * h[i])
    try:
        inverse = np.linalg.inv((hessian + hessian.T) / 2)
    except np.linalg.LinAlgError:
        return np.full(size, np.nan)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(np.diag(inverse)))


@dataclass(frozen=True, eq=False)
class FittedStateSpace:
    """A model at its parameters, with the history that it has seen.   parameters, errors: (count,) estimates and standard errors."""

    model: StateSpace
    y: Values
    parameters: Floats
    errors: Floats

    @cached_property
    def system(self) -> System:
        return self.model.at(self.parameters)

    @cached_property
    def _filtered(self) -> Filtered:
        return kalman_filter(self.y, self.system)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.model.names or (f"p{i + 1}" for i in range(len(self.parameters))))

    @property
    def coefficients(self) -> dict[str, float]:
        return dict(zip(self.names, self.parameters.tolist(), strict=True))

    @property
    def standard_errors(self) -> dict[str, float]:
        """By name, as far as they are known."""
        return {name: error for name, error in zip(self.names, self.errors.tolist(), strict=True) if math.isfinite(error)}

    @property
    def loglik(self) -> float:
        return self._filtered.loglik

    @property
    def observations(self) -> int:
        """Elements of y in the likelihood, those that the diffuse states are learnt from included."""
        return self._filtered.known + self._filtered.diffuse

    @property
    def estimated(self) -> int:
        """Parameters and diffuse states, as in `LikelihoodModel`."""
        return len(self.parameters) + self._filtered.diffuse

    @property
    def aic(self) -> float:
        return self.criterion("aic")

    @property
    def aicc(self) -> float:
        """Infinite where there are not two observations more than estimated numbers."""
        return self.criterion("aicc")

    @property
    def bic(self) -> float:
        return self.criterion("bic")

    def criterion(self, name: str) -> float:
        """ "aic", "aicc" or "bic", as in `LikelihoodModel`."""
        return information_criterion(name, self.loglik, self.estimated, self.observations)

    @property
    def residuals(self) -> Values:
        """Like y: observation minus its one-step forecast; NaN where either is not known."""
        done = self._filtered
        known = np.isfinite(np.einsum("tii->ti", done.forecast_covariance))
        errors = np.where(known, self.y.reshape(done.forecast.shape) - done.forecast, np.nan)
        return np.asarray(errors.reshape(self.y.shape))

    def filter(self, *, form: str = "auto") -> Filtered:
        """What the filter knows at every step; see `kalman_filter`."""
        return kalman_filter(self.y, self.system, form=form)

    def smooth(self, *, form: str = "auto") -> Smoothed:
        """States, noise and disturbances given all of y; see `kalman_smoother`."""
        return kalman_smoother(self.y, self.system, form=form)

    def predict(self, horizon: int, levels: Sequence[float] = (0.8, 0.95), *, ahead: System | None = None) -> StateForecast:
        """Forecasts with normal intervals.

        ahead: the matrices of the `horizon` steps to come, where they change with time: those from step t to t + 1 stand at t.
        Raises ConfigError for levels or a horizon out of range, ForecastError where y did not tell all of the state.
        """
        check_horizon(horizon)
        levels = check_levels(levels)
        done = self._filtered
        if len(done.remaining):
            raise ForecastError(f"{len(done.remaining)} directions of the state are not known from {len(self.y)} steps, so there is no forecast.")
        after = self._after(horizon, ahead)
        to_come = kalman_filters([np.full((horizon, after.design.shape[1]), np.nan)], [after], outputs=("forecast", "forecast_covariance"))[0]
        mean, deviation = to_come.forecast, np.sqrt(np.maximum(np.einsum("tii->ti", to_come.forecast_covariance), 0.0))
        shape = (horizon, *self.y.shape[1:])
        bounds = normal_quantiles(mean.reshape(-1), deviation.reshape(-1), tail_probabilities(levels)).reshape(-1, *shape)
        lower, upper = ({level: bounds[2 * k + side] for k, level in enumerate(levels)} for side in (0, 1))
        return StateForecast(mean.reshape(shape), lower, upper)

    forecast = predict

    def simulate(self, horizon: int, paths: int = 1, *, seed: int = 0, ahead: System | None = None) -> Floats:
        """(paths, horizon) of what may come after y, or (paths, horizon, p).   ahead: as in `predict`.   Equal seeds give equal paths."""
        check_horizon(horizon)
        check_whole("paths", paths, 1)
        after = self._after(horizon, ahead)
        p, rng = after.design.shape[1], np.random.default_rng(seed)
        states = simulation_smoother(np.full((horizon, p), np.nan), after, paths, seed=seed)
        drawn = np.empty((paths, horizon, p))
        for t in range(horizon):
            Z, d, H = (matrix[t if len(matrix) > 1 else 0] for matrix in (after.design, after.observation_intercept, after.observation_covariance))
            values, vectors = np.linalg.eigh(H)
            noise = rng.standard_normal((paths, p)) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
            drawn[:, t] = states[:, t] @ Z.T + d + noise
        return drawn.reshape(paths, horizon, *self.y.shape[1:])

    def draw(self, draws: int = 1, *, seed: int = 0, threads: int = 1) -> Floats:
        """(draws, time, m) of the states, given y; see `simulation_smoother`."""
        return simulation_smoother(self.y, self.system, draws, seed=seed, threads=threads)

    def update(self, new: Any) -> FittedStateSpace:
        """The same parameters with newer rows taken in; a system that changes with time comes from a function that knows of them."""
        return replace(self, y=np.concatenate([self.y, values_of(new)]))

    def stream(self) -> StateSession:
        """A session that takes one row at a time, in constant memory.   Raises ConfigError for a system that changes with time."""
        if self.system.time is not None:
            raise ConfigError("A stream needs matrices that hold for every step; those of this system change with time.")
        return StateSession(self._after(1, None))

    def summary(self) -> str:
        """What was fitted, in a few lines."""
        p, m = self.system.design.shape[1:]
        lines = [f"state space: {p} observed, {m} states, {len(self.y)} steps"]
        for name, value in self.coefficients.items():
            error = self.standard_errors.get(name)
            lines.append(f"{name:<20}{value:.6g}" + ("" if error is None else f"   standard error {error:.3g}"))
        return "\n".join([*lines, f"{'log-likelihood':<20}{self.loglik:.6g}   AIC {self.aic:.6g}   BIC {self.bic:.6g}"])

    def _after(self, horizon: int, ahead: System | None) -> System:
        """The system of the steps to come, from the last state on."""
        done = self._filtered
        if ahead is None and self.system.time is not None:
            raise ConfigError(f"The matrices of this system change with time, so `ahead` has to say those of the {horizon} steps to come.")
        system = self.system if ahead is None else ahead
        return system._replace(mean=done.last, covariance=done.last_covariance, directions=done.remaining)


class StateSession:
    """A fitted state space model that takes one row at a time."""

    def __init__(self, system: System) -> None:
        self.system = system

    def step(self, y: Any) -> Floats:
        """Take one row, a number or (p,), NaN = missing; return the (p,) forecast of the next one."""
        done = kalman_filters([np.asarray(y, dtype=np.float64).reshape(1, -1)], [self.system], outputs=())[0]
        self.system = self.system._replace(mean=done.last, covariance=done.last_covariance, directions=done.remaining)
        return np.asarray(self.system.design[0] @ done.last + self.system.observation_intercept[0])
