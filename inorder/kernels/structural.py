"""Structural time series models, compiled: their matrices, and the search for their parameters by maximum likelihood.

    y[t] = level[t] + season[t] + cycle[t] + ar[t] + β·x[t] + ε[t]

The search is deterministic: a few steps from several starts, the best of them to the end, by BFGS with the exact score that the smoother gives. Variances that
make no difference to the likelihood are zero in the end.

Equations and sources: `inorder.textbook.structural`, the twin, which runs where the extension is absent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ShapeError
from inorder.kernels import extension, warn_uncompiled
from inorder.kernels.kalman import System
from inorder.typing import Floats, Values

NONE, LINEAR, SMOOTH, DAMPED = range(4)  # trends
NO_SEASON, DUMMY, TRIGONOMETRIC = range(3)
FIXED = 9  # parameters before those of the autoregression


class Kind(NamedTuple):
    """irregular, level: 1 where ε, ξ are there.   trend: NONE, LINEAR, SMOOTH (no ξ) or DAMPED.   seasonal: NO_SEASON, DUMMY or TRIGONOMETRIC.
    cycle: 1 where it is there, of a period from `shortest` to `longest` steps.   order: of the autoregression.
    """

    irregular: int = 1
    level: int = 1
    trend: int = NONE
    seasonal: int = NO_SEASON
    season_length: int = 1
    harmonics: int = 0
    cycle: int = 0
    shortest: float = 2.0
    longest: float = 100.0
    order: int = 0

    @property
    def season_states(self) -> int:
        if self.seasonal == DUMMY:
            return self.season_length - 1
        return 2 * self.harmonics - (2 * self.harmonics == self.season_length) if self.seasonal == TRIGONOMETRIC else 0

    @property
    def diffuse(self) -> int:
        """States that start diffuse: level, slope, season."""
        return 1 + (self.trend != NONE) + self.season_states

    @property
    def states(self) -> int:
        return self.diffuse + 2 * self.cycle + self.order

    @property
    def sought(self) -> int:
        """Numbers that the search chooses: variances, φ, ρ, λ, φ₁ … φₚ."""
        level = bool(self.level) and self.trend != SMOOTH
        variances = bool(self.irregular) + level + (self.trend != NONE) + (self.seasonal != NO_SEASON) + bool(self.cycle) + (self.order > 0)
        return variances + (self.trend == DAMPED) + 2 * self.cycle + self.order


class Estimate(NamedTuple):
    """parameters: six variances (irregular, level, slope, seasonal, cycle, autoregression), φ, ρ, λ, φ₁ … φₚ.   errors: their standard errors, NaN where
    not known.   beta, beta_errors: (columns,) coefficients of x.   beta_correlation: (columns, columns) of what is in doubt of them, NaN where not known.
    loglik: at the maximum; −inf where there is none.   known: elements in it that have a proper variance.   remaining: diffuse directions about which
    y says nothing.
    """

    parameters: Floats
    errors: Floats
    beta: Floats
    beta_errors: Floats
    beta_correlation: Floats
    loglik: float
    known: int
    remaining: int


def matrices(kind: Kind, parameters: Floats) -> System:
    """The state space form: level, slope, season, cycle, autoregression; parameters as in `Estimate`.

    >>> matrices(Kind(trend=LINEAR), np.array([3.0, 2.0, 1.0, 0, 0, 0, 1, 0, 0])).transition.tolist()
    [[[1.0, 1.0], [0.0, 1.0]]]
    """
    parameters = np.ascontiguousarray(parameters, dtype=np.float64)
    if parameters.shape != (FIXED + kind.order,):
        raise ShapeError(f"`parameters` has the shape {parameters.shape}; {(FIXED + kind.order,)} was expected: {FIXED} and those of the autoregression.")
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import structural as textbook

        return System(*textbook.matrices(textbook.Kind(*map(float, kind)), parameters))
    m = kind.states
    design, transition, disturbance, covariance = np.empty(m), np.empty((m, m)), np.empty((m, m)), np.empty((m, m))
    directions = np.empty((kind.diffuse, m))
    extension.structural_matrices(np.array(kind, dtype=np.float64), parameters, design, transition, disturbance, covariance, directions)
    noise = np.full((1, 1, 1), float(parameters[0]) if kind.irregular else 0.0)
    zero, none = np.zeros((1, 1)), np.zeros((1, m))
    return System(design[None, None], zero, noise, transition[None], none, np.eye(m)[None], disturbance[None], none[0], covariance, directions)


def fit(kind: Kind, y: Values, x: Any = None) -> Estimate:
    """The maximum of the likelihood.

    y: (time,), NaN = missing, centred, and of size about one: the search knows no units.   x: (time, columns), or None.
    Raises ShapeError where the axes do not fit.

    >>> walk = np.random.default_rng(1).normal(size=200).cumsum() / 10
    >>> fit(Kind(), walk).parameters[:2].round(3).tolist()
    [0.001, 0.007]
    """
    y = np.ascontiguousarray(y, dtype=np.float64)
    x = np.empty((len(y), 0)) if x is None else np.ascontiguousarray(x, dtype=np.float64)
    if y.ndim != 1 or x.ndim != 2 or len(x) != len(y):
        raise ShapeError(f"`y` has the shape {y.shape} and `x` {x.shape}; (time,) and (time, columns) were expected.")
    columns, size = x.shape[1], FIXED + kind.order
    if extension is None:
        warn_uncompiled()
        from inorder.textbook import structural as textbook

        found = textbook.fit(textbook.Kind(*map(float, kind)), y, x)
        unknown = np.full(size, np.nan)
        return Estimate(found.parameters, unknown, found.beta, np.full(columns, np.nan), np.full((columns, columns), np.nan), found.loglik, found.known, 0)
    parameters, errors, beta, information = np.empty(size), np.empty(size), np.empty(columns), np.empty((columns, columns))
    loglik, known, remaining, _ = extension.structural_fit(np.array(kind, dtype=np.float64), y, x, parameters, errors, beta, information)
    beta_errors, correlation = np.full(columns, np.nan), np.full((columns, columns), np.nan)
    used = beta != 0
    if used.any():
        covariance = np.linalg.pinv(information[np.ix_(used, used)])
        with np.errstate(invalid="ignore", divide="ignore"):
            beta_errors[used] = np.sqrt(np.diag(covariance))
            correlation[np.ix_(used, used)] = covariance / np.outer(beta_errors[used], beta_errors[used])
    return Estimate(parameters, errors, beta, beta_errors, correlation, loglik, known, remaining)
