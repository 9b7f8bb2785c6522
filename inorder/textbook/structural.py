"""Structural time series models in plain NumPy: their matrices, and maximum likelihood.

    y[t] = level[t] + season[t] + cycle[t] + ar[t] + β·x[t] + ε[t]
    level[t+1] = level[t] + slope[t] + ξ[t],      slope[t+1] = φ·slope[t] + ζ[t]
    dummy season          s[t+1] = −(s[t] + … + s[t−m+2]) + ω[t]
    trigonometric season  harmonic j and its companion turn by 2π·j/m, each with its own ω[t];  the season is the sum of the harmonics
    cycle                 (c, c*) turns by λ and shrinks by ρ, each with its own κ[t]
    ar                    a[t+1] = φ₁·a[t] + … + φₚ·a[t−p+1] + ν[t]

Level, slope and season start diffuse; cycle and autoregression from the distribution to which they tend. All variances have a common
factor σ², at which the likelihood has its maximum in closed form: σ² = Σ v²/F / (elements of y with a proper variance). So has β, by
generalised least squares on the innovations of y and of the columns of x, which the same gains give.

Source: Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter, ch. 2, 4; Durbin & Koopman 2012, ch. 3, 7.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inorder.textbook import kalman

Floats = NDArray[np.float64]
NAMES = ("irregular", "level", "slope", "seasonal", "cycle", "autoregression")
NONE, LINEAR, SMOOTH, DAMPED = range(4)
NO_SEASON, DUMMY, TRIGONOMETRIC = range(3)
LOWEST, HIGHEST, FARTHEST = -28.0, 12.0, 9.0  # of logarithms of variances, and of other coordinates, in a search


class Kind(NamedTuple):
    """irregular, level: 1 where ε, ξ are there.   trend: NONE, LINEAR, SMOOTH (no ξ) or DAMPED.   seasonal: NO_SEASON, DUMMY or TRIGONOMETRIC.
    cycle: 1 where it is there, of a period from `shortest` to `longest` steps.   order: of the autoregression.
    """

    irregular: float
    level: float
    trend: float
    seasonal: float
    season_length: float
    harmonics: float
    cycle: float
    shortest: float
    longest: float
    order: float


class Estimate(NamedTuple):
    """parameters: six variances (irregular, level, slope, seasonal, cycle, autoregression), φ, ρ, λ, φ₁ … φₚ.   beta: (columns,)."""

    parameters: Floats
    beta: Floats
    loglik: float
    known: int


def matrices(kind: Kind, parameters: Floats) -> kalman.System:
    """The state space form: level, slope, season, cycle, autoregression.

    >>> local_level = Kind(1, 1, NONE, NO_SEASON, 1, 0, 0, 0, 0, 0)
    >>> matrices(local_level, np.array([3.0, 2.0, 0, 0, 0, 0, 1, 0, 0])).state_covariance.tolist()
    [[[2.0]]]
    """
    variance = dict(zip(NAMES, parameters[:6], strict=True))
    phi, rho, frequency = parameters[6:9]
    ar, m, order = parameters[9:], int(kind.season_length), int(kind.order)
    level_variance = variance["level"] if kind.level and kind.trend != SMOOTH else 0.0
    parts: list[tuple[list[float], Any, list[float], Any]] = [
        ([1.0], np.ones((1, 1)), [level_variance], None)
    ]  # row of Z, T, diagonal of Q, covariance of the start (None: diffuse)
    if kind.trend != NONE:
        turn = np.array([[1.0, 1.0], [0.0, phi if kind.trend == DAMPED else 1.0]])
        parts = [([1.0, 0.0], turn, [level_variance, variance["slope"]], None)]
    if kind.seasonal == DUMMY:
        turn = np.eye(m - 1, k=-1)
        turn[0] = -1
        parts.append(([1.0] + [0.0] * (m - 2), turn, [variance["seasonal"]] + [0.0] * (m - 2), None))
    if kind.seasonal == TRIGONOMETRIC:
        for j in range(1, int(kind.harmonics) + 1):
            if 2 * j == m:
                parts.append(([1.0], -np.ones((1, 1)), [variance["seasonal"]], None))
            else:
                parts.append(([1.0, 0.0], rotation(2 * math.pi * j / m), [variance["seasonal"]] * 2, None))
    if kind.cycle:
        start = variance["cycle"] / (1 - rho**2) * np.eye(2)
        parts.append(([1.0, 0.0], rho * rotation(frequency), [variance["cycle"]] * 2, start))
    if order:
        turn = np.eye(order, k=-1)
        turn[0] = ar
        noise = np.zeros((order, order))
        noise[0, 0] = variance["autoregression"]
        vectorised = np.linalg.solve(np.eye(order**2) - np.kron(turn, turn), noise.reshape(-1))  # P = T·P·T' + Q
        parts.append(([1.0] + [0.0] * (order - 1), turn, np.diag(noise).tolist(), vectorised.reshape(order, order)))
    states = sum(len(row) for row, *_ in parts)
    design, transition, covariance, diffuse, spread, place = [], np.zeros((states, states)), np.zeros((states, states)), np.ones(states), [], 0
    for row, turn, diagonal, known in parts:
        here = slice(place, place + len(row))
        design += row
        spread += diagonal
        transition[here, here] = turn
        if known is not None:
            covariance[here, here], diffuse[here] = known, 0
        place += len(row)
    return kalman.System(
        np.array(design)[None, None],
        np.zeros((1, 1)),
        np.full((1, 1, 1), variance["irregular"] if kind.irregular else 0.0),
        transition[None],
        np.zeros((1, states)),
        np.eye(states)[None],
        np.diag(spread)[None],
        np.zeros(states),
        covariance,
        np.eye(states)[diffuse > 0],
    )


def rotation(angle: float) -> Floats:
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


def present(kind: Kind) -> list[str]:
    """The variances that a kind of model has."""
    there = (kind.irregular, kind.level and kind.trend != SMOOTH, kind.trend != NONE, kind.seasonal != NO_SEASON, kind.cycle, kind.order)
    return [name for name, has in zip(NAMES, there, strict=True) if has]


def loglik(kind: Kind, parameters: Floats, y: Floats, x: Floats, concentrated: bool = True) -> Estimate:
    """The log-likelihood with β, and where `concentrated` the common factor of the variances, at their maximum.

    y: (time,), NaN = missing.   x: (time, columns).
    """
    system = matrices(kind, parameters)
    done, steps = kalman.forwards(y[:, None], system)
    gains = [entered[0] if entered else None for entered in steps]

    def innovations(values: Floats) -> Floats:
        """(time,) v/√F by the gains of y, 0 where an element has no proper variance."""
        state, errors = np.zeros(len(system.mean)), np.zeros(len(values))
        for t, entry in enumerate(gains):
            if entry is not None:
                v = values[t] - entry.row @ state
                state = state + entry.gain * v
                if entry.diffuse_variance == 0 and entry.variance > 0:
                    errors[t] = v / math.sqrt(entry.variance)
            state = system.transition[0] @ state
        return errors

    columns = np.column_stack([innovations(column) for column in x.T]) if x.shape[1] else np.empty((len(y), 0))
    own = innovations(y)
    beta: Any = np.linalg.lstsq(columns, own, rcond=1e-9)[0] if x.shape[1] else np.empty(0)
    squares = float(np.sum((own - columns @ beta) ** 2))
    scale = squares / done.known if concentrated else 1.0
    value = -0.5 * ((done.known + done.diffuse) * math.log(2 * math.pi) + done.log_determinant + done.known * math.log(scale) + squares / scale)
    scaled = np.concatenate([parameters[:6] * scale, parameters[6:]])
    return Estimate(scaled, beta, value, done.known)


def parameters_at(kind: Kind, z: Floats) -> Floats:
    """What the coordinates of a search stand for: logarithms of variances, then φ in 0.5–0.999, ρ in 0.3–0.9995, λ, partial autocorrelations on the line."""
    names, rest = present(kind), list(z)
    variance = {name: math.exp(rest.pop(0)) for name in names}
    phi = 0.5 + 0.499 * logistic(rest.pop(0)) if kind.trend == DAMPED else 1.0
    rho = frequency = 0.0
    if kind.cycle:
        rho = 0.3 + 0.6995 * logistic(rest.pop(0))
        low, high = 2 * math.pi / kind.longest, 2 * math.pi / kind.shortest
        frequency = low + (high - low) * logistic(rest.pop(0))
    ar = np.empty(0)
    for partial in rest:  # Levinson
        r = 0.9999 * math.tanh(partial / 2)
        ar = np.append(ar - r * ar[::-1], r)
    return np.array([*(variance.get(name, 0.0) for name in NAMES), phi, rho, frequency, *ar])


def logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def fit(kind: Kind, y: Floats, x: Floats, steps: int = 150) -> Estimate:
    """The maximum of the likelihood over the box of a search, from several starts.

    y: (time,), of size about one.   x: (time, columns).
    """
    starts = ((0, -1.5, -5, -4, -2, -1), (0, -5, -9, -8, -4, -3), (-3, 0, -2, -1, 0, 0))
    names = present(kind)
    periods = (-2.0, -0.5, 1.0) if kind.cycle else (0.0,)
    memories = [[], [[0.8], [-0.8]], [[0.8, 0.0], [-0.8, 0.0], [2.0, -2.0]]][min(int(kind.order), 2)] or [[]]  # first partial autocorrelations
    ends = []
    for period, memory, start in itertools.product(periods, memories, starts):
        first = [float(value) for name, value in zip(NAMES, start, strict=True) if name in names]
        first += [2.0] * (kind.trend == DAMPED) + [1.0, period] * int(kind.cycle) + memory + [0.0] * (int(kind.order) - len(memory))
        ends.append(climb(kind, y, x, np.array(first), steps))
    value, z = max(ends, key=lambda end: end[0])
    return loglik(kind, parameters_at(kind, z), y, x)


def climb(kind: Kind, y: Floats, x: Floats, z: Floats, steps: int) -> tuple[float, Floats]:
    """The maximum near z, by steps d = B·gradient, B the inverse Hessian as Broyden, Fletcher, Goldfarb and Shanno gather it; gradients by differences."""
    edge = np.where(np.arange(len(z)) < len(present(kind)), LOWEST, -FARTHEST), np.where(np.arange(len(z)) < len(present(kind)), HIGHEST, FARTHEST)

    def value_at(z: Floats) -> float:
        return loglik(kind, parameters_at(kind, z), y, x).loglik

    def slope(z: Floats) -> Floats:
        h = 1e-5 * np.eye(len(z))
        gradient = np.array([(value_at(z + h[i]) - value_at(z - h[i])) / 2e-5 for i in range(len(z))])
        return np.where(((z <= edge[0]) & (gradient < 0)) | ((z >= edge[1]) & (gradient > 0)), 0.0, gradient)

    value, gradient, inverse = value_at(z), slope(z), np.eye(len(z)) / math.sqrt(len(y))
    for _ in range(steps):
        if np.abs(gradient).max() < 1e-6:
            break
        direction = inverse @ gradient
        if direction @ gradient <= 0:
            inverse = np.eye(len(z)) / math.sqrt(len(y))
            direction = inverse @ gradient
        direction *= min(1.0, 3 / np.abs(direction).max())
        for share in 0.4 ** np.arange(20):
            trial = np.clip(z + share * direction, *edge)
            if value_at(trial) > value + 1e-4 * share * (direction @ gradient):
                break
        else:
            break
        change, turn = trial - z, gradient - slope(trial)
        if change @ turn > 1e-12:
            rest = np.eye(len(z)) - np.outer(change, turn) / (change @ turn)
            inverse = rest @ inverse @ rest.T + np.outer(change, change) / (change @ turn)
        z, value, gradient = trial, value_at(trial), gradient - turn
    return value, z
