"""The linear Gaussian state space model, compiled: Kalman filter, smoother, and draws of the states.

    y[t] = Z·α[t] + d + ε[t],             ε[t] ~ N(0, H)          p observations
    α[t+1] = T·α[t] + c + R·η[t],         η[t] ~ N(0, Q)          m states, r disturbances
    α[1] = a + A'·δ + x,   x ~ N(0, P),   δ ~ N(0, κ·I), κ → ∞    A has a row for each direction about which nothing is known

Every matrix is constant or changes with time; each by itself. y may miss whole rows or single elements. Where all matrices are constant
and nothing is missing, the gains are not computed any more once they stand still.

`System` holds the matrices; make one by `state_space`, which knows the usual starts: exact diffuse, stationary, known. Several series, each with its
own system, go through `kalman_filters` and `kalman_smoothers`, shared over threads; the results do not depend on their number.

Source and equations: `inorder.textbook.kalman`, the twin, which runs where the extension is absent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ForecastError, ShapeError
from inorder.kernels import extension, warn_uncompiled
from inorder.kernels.smoothing import check_threads
from inorder.typing import Floats, Values

FORMS = ("auto", "covariance", "square-root")
LOST = 1e-8  # a larger share of a variance of y that rounding may have taken means that its digits are in doubt
STARTS = ("diffuse", "stationary", "known")


class System(NamedTuple):
    """The matrices of a model, each with a leading axis of time, or of one where it is constant.

    design: (·, p, m) Z.   observation_intercept: (·, p) d.   observation_covariance: (·, p, p) H.   transition: (·, m, m) T.
    state_intercept: (·, m) c.   selection: (·, m, r) R.   state_covariance: (·, r, r) Q.
    mean: (m,) a.   covariance: (m, m) P.   directions: (k, m) A.
    """

    design: Floats
    observation_intercept: Floats
    observation_covariance: Floats
    transition: Floats
    state_intercept: Floats
    selection: Floats
    state_covariance: Floats
    mean: Floats
    covariance: Floats
    directions: Floats

    @property
    def time(self) -> int | None:
        """The number of steps that the matrices are given for; None where all are constant."""
        return max((len(matrix) for matrix in self[:7] if len(matrix) > 1), default=None)


class Filtered(NamedTuple):
    """What the filter knows, step by step. An output that was not asked for has no rows.

    predicted, predicted_covariance: (time + 1, m), (time + 1, m, m) of α[t] given y before t; the last row is for the step after the end.
    filtered, filtered_covariance: (time, m), (time, m, m) given y[t] too.
    forecast, forecast_covariance: (time, p), (time, p, p) of y[t] before it came; a variance is infinite where it is diffuse.
    loglik_each: (time,) whose sum is the log-likelihood.
    squares, log_determinant: Σ v²/F, Σ log F.   known, diffuse: elements that entered with a proper, with a diffuse variance:
        −2·loglik = (known + diffuse)·log 2π + log_determinant + squares.
    diffuse_covariance: (steps, m, m) P∞ before the first steps, those that had one.
    last, last_covariance, remaining: (m,), (m, m), (k, m) a, P and A after the last step, whether asked for or not: where a filter over newer rows
        starts. `remaining` has no row where all was learnt.
    """

    predicted: Floats
    predicted_covariance: Floats
    filtered: Floats
    filtered_covariance: Floats
    forecast: Floats
    forecast_covariance: Floats
    loglik_each: Floats
    squares: float
    log_determinant: float
    known: int
    diffuse: int
    diffuse_covariance: Floats
    last: Floats
    last_covariance: Floats
    remaining: Floats

    @property
    def loglik(self) -> float:
        """The log-likelihood; with a diffuse start, the limit of log L + ½·k·log κ."""
        return -0.5 * ((self.known + self.diffuse) * float(np.log(2 * np.pi)) + self.log_determinant + self.squares)


class Smoothed(NamedTuple):
    """Means and covariances given all of y. An output that was not asked for has no rows.

    state, state_covariance: (time, m), (time, m, m) of α[t].   lagged_covariance: (time, m, m) Cov(α[t+1], α[t]).
    noise, noise_covariance: (time, p), (time, p, p) of ε[t].   disturbance, disturbance_covariance: (time, r), (time, r, r) of η[t].
    """

    state: Floats
    state_covariance: Floats
    lagged_covariance: Floats
    noise: Floats
    noise_covariance: Floats
    disturbance: Floats
    disturbance_covariance: Floats


FILTERED, SMOOTHED = Filtered._fields[:7], Smoothed._fields


def state_space(
    design: Any,
    transition: Any,
    state_covariance: Any,
    observation_covariance: Any = 0.0,
    *,
    selection: Any = None,
    observation_intercept: Any = 0.0,
    state_intercept: Any = 0.0,
    start: str = "diffuse",
    mean: Any = None,
    covariance: Any = None,
    directions: Any = None,
) -> System:
    """A `System` from its matrices, with axes checked.

    design: (p, m).   transition: (m, m).   state_covariance: (r, r).   observation_covariance: (p, p), or a number for p = 1 (0: no noise).
    selection: (m, r), by default the identity.   observation_intercept: (p,), or one number.   state_intercept: (m,), or one number.
    Each may have a leading axis of time. A transition, selection, intercept or covariance at t leads from step t to t + 1.
    start: "diffuse", nothing is known of any state; "stationary", the distribution to which the model itself tends, its first matrices
        holding for ever; "known": `mean` (m,), by default 0, `covariance` (m, m), by default 0, and `directions` (k, m) about which, beside
        them, nothing is known: rows of the identity, usually.
    Raises ShapeError where the axes do not fit, ConfigError for a start that is unknown or for a model that has no stationary distribution.

    >>> walk = state_space(design=[[1.0]], transition=[[1.0]], state_covariance=[[2.0]], observation_covariance=1.0)
    >>> kalman_filter([3.0, 5.0, 4.0], walk).filtered.round(3).tolist()
    [[3.0], [4.5], [4.133]]
    """
    Z, T, Q = _matrix("design", design), _matrix("transition", transition), _matrix("state_covariance", state_covariance)
    p, m = Z.shape[1:]
    r = Q.shape[1]
    H = _matrix("observation_covariance", observation_covariance)
    R = np.eye(m)[None] if selection is None else _matrix("selection", selection)
    d, c = _vector("observation_intercept", observation_intercept, p), _vector("state_intercept", state_intercept, m)
    expected = {
        "transition": (T, (m, m)),
        "observation_covariance": (H, (p, p)),
        "selection": (R, (m, r)),
        "state_covariance": (Q, (r, r)),
        "observation_intercept": (d, (p,)),
        "state_intercept": (c, (m,)),
    }
    for name, (array, shape) in expected.items():
        if array.shape[1:] != shape:
            raise ShapeError(f"`{name}` has the shape {array.shape[1:]} at each step; {shape} was expected for {p} observations, {m} states, {r} disturbances.")
    lengths = {name: len(array) for name, array in [("design", Z), *((name, array) for name, (array, _) in expected.items())] if len(array) > 1}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"Matrices that change with time are given for the same steps; here they are given for {lengths}.")
    if start not in STARTS:
        raise ConfigError(f"`start` is one of {', '.join(map(repr, STARTS))}; not {start!r}.")
    if start != "known" and not (mean is None and covariance is None and directions is None):
        raise ConfigError(f'`mean`, `covariance` and `directions` say what is known of the first state, so they need start="known", not {start!r}.')
    if start == "diffuse":
        a, P, A = np.zeros(m), np.zeros((m, m)), np.eye(m)
    elif start == "stationary":
        a, P = stationary_start(T[0], R[0] @ Q[0] @ R[0].T, c[0])
        A = np.empty((0, m))
    else:
        a = np.zeros(m) if mean is None else np.array(mean, dtype=np.float64).reshape(-1)
        P = np.zeros((m, m)) if covariance is None else np.array(covariance, dtype=np.float64)
        A = np.empty((0, m)) if directions is None else np.array(directions, dtype=np.float64)
        for name, array, shape in (("mean", a, (m,)), ("covariance", P, (m, m)), ("directions", A, (len(A), m))):
            if array.shape != shape:
                raise ShapeError(f"`{name}` has the shape {array.shape}; {shape} was expected for {m} states.")
    system = System(Z, d, H, T, c, R, Q, a, P, A)
    for name, array in zip(System._fields, system, strict=True):
        if not np.isfinite(array).all():
            raise ConfigError(f"`{name}` holds a value that is not a finite number.")
    return System(*(np.ascontiguousarray(array) for array in system))


def stationary_start(transition: Floats, disturbance_covariance: Floats, intercept: Floats) -> tuple[Floats, Floats]:
    """The mean and the covariance to which α[t+1] = T·α[t] + c + u, u ~ N(0, V), tends.

        a = (I − T)⁻¹·c,    P = V + T·V·T' + T²·V·T²' + …     by doubling: P ← P + A·P·A', A ← A²

    Raises ConfigError where it tends to none: T has an eigenvalue of modulus 1 or more.   Source: Anderson & Moore 1979, Optimal Filtering, §6.7.

    >>> stationary_start(np.array([[0.5]]), np.array([[3.0]]), np.array([1.0]))
    (array([2.]), array([[4.]]))
    """
    radius = float(np.abs(np.linalg.eigvals(transition)).max(initial=0.0))
    if not radius < 1:
        raise ConfigError(f'A stationary start needs a transition whose eigenvalues are below 1; the largest here is {radius:.6g}. Use start="diffuse".')
    power: Any = transition
    covariance: Any = disturbance_covariance
    while np.abs(power).max(initial=0.0) > 1e-40:
        covariance = covariance + power @ covariance @ power.T
        power = power @ power
    mean: Any = np.linalg.solve(np.eye(len(transition)) - transition, intercept)
    return mean, (covariance + covariance.T) / 2


def kalman_filter(y: Any, system: System, *, form: str = "auto", steady: bool = True) -> Filtered:
    """The filter over one series, of one or more columns.

    y: (time,) or (time, p), NaN = missing.
    form: "covariance" carries P; "square-root" carries a root of it by orthogonal rotations, which keeps it positive and twice as many digits right
        where a model is ill-conditioned, and takes longer. "auto" carries P and keeps account of the digits that it loses: where more than a share of
        1e-8 of a variance of y is in doubt, as with a long season whose places look alike at first, it starts afresh, with what is diffuse as the
        coefficients of a regression, or with a root where that cannot be. The choice depends on the numbers alone.
    steady: whether gains that stand still are used on; False computes them at every step.
    Raises ShapeError where y and the system do not fit together, ConfigError for an infinite observation, ForecastError where digits are lost and the
        kernels are not compiled.

    >>> walk = state_space(design=[[1.0]], transition=[[1.0]], state_covariance=[[2.0]], observation_covariance=1.0)
    >>> round(kalman_filter([3.0, float("nan"), 4.0], walk).loglik, 4)
    -2.8171
    """
    return kalman_filters([y], [system], form=form, steady=steady)[0]


def kalman_smoother(y: Any, system: System, *, form: str = "auto", steady: bool = True) -> Smoothed:
    """States, noise and disturbances of one series given all of it; arguments as in `kalman_filter`.

    >>> walk = state_space(design=[[1.0]], transition=[[1.0]], state_covariance=[[2.0]], observation_covariance=1.0)
    >>> kalman_smoother([3.0, float("nan"), 4.0], walk).state.round(3).tolist()
    [[3.167], [3.5], [3.833]]
    """
    return kalman_smoothers([y], [system], form=form, steady=steady)[0][1]


def simulation_smoother(y: Any, system: System, draws: int = 1, *, seed: int = 0, threads: int = 1) -> Floats:
    """(draws, time, m) of states, drawn from their joint distribution given y.

    seed: equal seeds give equal draws, whatever the number of threads.
    Raises ShapeError where y and the system do not fit together, ConfigError for fewer than one draw.

    >>> walk = state_space(design=[[1.0]], transition=[[1.0]], state_covariance=[[2.0]], observation_covariance=1.0)
    >>> simulation_smoother([3.0, float("nan"), 4.0], walk, draws=5000).mean(axis=0).round(1).tolist()
    [[3.2], [3.5], [3.8]]
    """
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 1:
        raise ConfigError(f"`draws` is a whole number, 1 or more, not {draws!r}.")
    check_threads(threads)
    y = _observations(y, system)
    (time, p), m, r = y.shape, len(system.mean), system.selection.shape[2]
    normals = np.random.default_rng(seed).standard_normal((draws, m + time * (p + r)))
    states = np.empty((draws, time, m))
    if extension is not None:
        extension.kalman_draw((y, *system), normals, states, True, threads)
        return states
    warn_uncompiled()
    from inorder.textbook import kalman as textbook

    for i in range(draws):
        states[i] = textbook.simulation_smoother(y, textbook.System(*system), normals[i])
    return states


def kalman_filters(
    ys: Sequence[Any], systems: Sequence[System], *, form: str = "auto", steady: bool = True, outputs: Sequence[str] = FILTERED, threads: int = 1
) -> list[Filtered]:
    """The filter over many series, each with its own system.

    outputs: names of those fields of `Filtered` that are filled, of the first seven; none of them leaves the likelihood, at the least cost.
    Raises as `kalman_filter`, and ShapeError where there are not as many systems as series.

    >>> walk = state_space(design=[[1.0]], transition=[[1.0]], state_covariance=[[2.0]], observation_covariance=1.0)
    >>> [round(done.loglik, 4) for done in kalman_filters([[3.0, 5.0], [1.0, 1.0]], [walk, walk], outputs=())]
    [-3.031, -2.531]
    """
    return [filtered for filtered, _ in _run(ys, systems, form, steady, outputs, (), threads)]


def kalman_smoothers(
    ys: Sequence[Any],
    systems: Sequence[System],
    *,
    form: str = "auto",
    steady: bool = True,
    outputs: Sequence[str] = (*FILTERED, *SMOOTHED),
    threads: int = 1,
) -> list[tuple[Filtered, Smoothed]]:
    """The filter and the smoother over many series, each with its own system.

    outputs: names of those fields of `Filtered` and `Smoothed` that are filled.
    """
    return _run(ys, systems, form, steady, [name for name in outputs if name in FILTERED], [name for name in outputs if name not in FILTERED], threads)


def _run(
    ys: Sequence[Any], systems: Sequence[System], form: str, steady: bool, forwards: Sequence[str], backwards: Sequence[str], threads: int
) -> list[tuple[Filtered, Smoothed]]:
    if form not in FORMS:
        raise ConfigError(f"`form` is one of {', '.join(map(repr, FORMS))}; not {form!r}.")
    for name in (*forwards, *backwards):
        if name not in (*FILTERED, *SMOOTHED):
            raise ConfigError(f"`outputs` names fields of Filtered and Smoothed: {', '.join((*FILTERED, *SMOOTHED))}; not {name!r}.")
    if len(ys) != len(systems):
        raise ShapeError(f"There are {len(ys)} series and {len(systems)} systems; each series needs its own.")
    check_threads(threads)
    jobs: list[tuple[Any, dict[str, Floats], dict[str, Floats]]] = []
    for y, system in zip(ys, systems, strict=True):
        values = _observations(y, system)
        (time, p), m, r = values.shape, len(system.mean), system.selection.shape[2]
        shapes = ((time + 1, m), (time + 1, m, m), (time, m), (time, m, m), (time, p), (time, p, p), (time,))
        back = ((time, m), (time, m, m), (time, m, m), (time, p), (time, p, p), (time, r), (time, r, r))
        wanted = {name: shape for name, shape in zip((*FILTERED, *SMOOTHED), (*shapes, *back), strict=True) if name in forwards or name in backwards}
        room = np.empty(sum(map(math.prod, wanted.values())))  # of all outputs at once: the system gives large rooms in large pages, which is faster
        arrays, place = {}, 0
        for name, shape in wanted.items():
            arrays[name] = room[place : (place := place + math.prod(shape))].reshape(shape)
        jobs.append(
            ((values, *system), {name: arrays[name] for name in FILTERED if name in arrays}, {name: arrays[name] for name in SMOOTHED if name in arrays})
        )
    if extension is None:
        warn_uncompiled()
        return [_textbook(inputs, filtered, smoothed, form) for inputs, filtered, smoothed in jobs]
    tasks = [(inputs, tuple(map(filtered.get, FILTERED)), tuple(map(smoothed.get, SMOOTHED))) for inputs, filtered, smoothed in jobs]
    results = []
    for (_, filtered, smoothed), done in zip(jobs, extension.kalman(tasks, FORMS.index(form), steady, threads), strict=True):
        last, last_covariance, remaining, diffuse_covariance, squares, log_determinant, known, diffuse = done
        always = {"squares": squares, "log_determinant": log_determinant, "known": known, "diffuse": diffuse, "diffuse_covariance": diffuse_covariance}
        one = Filtered(**_filled(filtered, FILTERED), **always, last=last, last_covariance=last_covariance, remaining=remaining)
        results.append((one, Smoothed(**_filled(smoothed, SMOOTHED))))
    return results


def _filled(arrays: dict[str, Floats], names: Sequence[str]) -> dict[str, Any]:
    return {name: arrays.get(name, np.empty(0)) for name in names}


def _textbook(inputs: tuple[Any, ...], filtered: dict[str, Floats], smoothed: dict[str, Floats], form: str) -> tuple[Filtered, Smoothed]:
    from inorder.textbook import kalman as textbook

    y, system = inputs[0], textbook.System(*inputs[1:])
    done = textbook.kalman_filter(y, system)
    if form != "covariance" and _lost(y, system.design, done.predicted_covariance, done.forecast_covariance) > LOST:
        raise ForecastError(
            "The covariances of this model lose their digits, as those of a long season with a diffuse start do, and only the compiled kernels have the forms "
            "that keep them. Install with a compiler, or use a shorter season."
        )
    values, vectors = np.linalg.eigh(done.remaining)
    remaining = (np.sqrt(np.maximum(values, 0)) * vectors).T[values > 1e-10 * values.max(initial=0.0)]
    fields: dict[str, Any] = {name: value if name in filtered or name not in FILTERED else np.empty(0) for name, value in done._asdict().items()}
    back = textbook.kalman_smoother(y, system)._asdict() if smoothed else {}
    fields.update(last=done.predicted[-1], last_covariance=done.predicted_covariance[-1], remaining=remaining)
    return Filtered(**fields), Smoothed(*(back[name] if name in smoothed else np.empty(0) for name in SMOOTHED))


def _lost(y: Values, design: Floats, covariance: Floats, forecast_covariance: Floats) -> float:
    """The share of the smallest variance of y that rounding may have taken from the largest."""
    seen, variances = ~np.isnan(y), np.einsum("tii->ti", forecast_covariance)
    terms = np.einsum("tpm,tmm->tp", np.broadcast_to(design**2, (len(y), *design.shape[1:])), np.abs(covariance[:-1]))
    proper = seen & np.isfinite(variances) & (variances > 0)
    if not proper.any():
        return 0.0
    return float(np.finfo(np.float64).eps * np.max(terms[seen]) / np.min(variances[proper]))


def _observations(y: Any, system: System) -> Values:
    values = np.asarray(y, dtype=np.float64)
    values = np.ascontiguousarray(values[:, None] if values.ndim == 1 else values)
    p, time = system.design.shape[1], system.time
    if values.ndim != 2 or values.shape[1] != p or (time is not None and len(values) != time):
        steps = "(time" if time is None else f"({time}"
        raise ShapeError(f"`y` has the shape {np.shape(y)}; {steps}, {p}) was expected for this system.")
    if np.isinf(values).any():
        raise ConfigError("An observation is a finite number, or NaN where it is missing; `y` holds an infinite one.")
    return values


def _matrix(name: str, value: Any) -> Floats:
    """With a leading axis: of time, or of one."""
    array = np.asarray(value, dtype=np.float64)
    array = array.reshape(1, 1) if array.ndim == 0 else array
    if array.ndim not in (2, 3) or array.size == 0:
        raise ShapeError(f"`{name}` is a matrix, or one for every step on a leading axis; it has the shape {array.shape}.")
    return array if array.ndim == 3 else array[None]


def _vector(name: str, value: Any, size: int) -> Floats:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 0:
        return np.full((1, size), float(array))
    if array.ndim not in (1, 2):
        raise ShapeError(f"`{name}` is a vector, or one for every step on a leading axis; it has the shape {array.shape}.")
    return array if array.ndim == 2 else array[None]
