"""The linear Gaussian state space model: Kalman filter, smoother, and a draw of the states, in plain NumPy.

    y[t] = Z·α[t] + d + ε[t],             ε[t] ~ N(0, H)          p observations
    α[t+1] = T·α[t] + c + R·η[t],         η[t] ~ N(0, Q)          m states, r disturbances
    α[1] = a + A'·δ + x,   x ~ N(0, P),   δ ~ N(0, κ·I), κ → ∞    A has a row for each direction about which nothing is known

Every matrix may change with time. The elements of y[t] enter one after the other; those that are missing (NaN) do not enter. Elements
whose noise is correlated are decorrelated first: with H = L·D·L', L⁻¹·y has the rows L⁻¹·Z and the noise D. One element y, with its row z
and its noise h, changes what is known of the state by

    v = y − z·a,   M = P·z',   F = z·M + h,   K = M/F,        a ← a + K·v,   P ← P − M·M'/F

While something is diffuse, P = κ·P∞ + P* and the limit κ → ∞ is taken by hand: where F∞ = z·P∞·z' > 0,

    K = P∞·z'/F∞,   a ← a + K·v,   P* ← P* + K·K'·F* − M*·K' − K·M*',   P∞ ← P∞ − K·K'·F∞

The log-likelihood is the sum of −½·(log 2π + log F + v²/F), and of −½·(log 2π + log F∞) for elements that a diffuse part is learnt from:
the limit of log L + ½·k·log κ, with k the number of directions.

The way back gathers what later observations say of the state, r and N (with r¹, N¹, N² for the orders 1/κ and 1/κ²):

    r ← z'·v/F + L'·r,   N ← z'·z/F + L'·N·L   with L = I − K·z;      r ← T'·r,   N ← T'·N·T       between steps
    E(α|y) = a + P·r,    Var(α|y) = P − P·N·P

Source: Durbin & Koopman 2012, Time Series Analysis by State Space Methods, 2nd ed., ch. 4, 5.2–5.3, 6.4, 7.2; Koopman & Durbin 2000, 2003;
the draw: Durbin & Koopman 2002.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEEN = 1e-10  # a smaller share of its terms is no diffuse variance
CERTAIN = 1e-14  # an element whose variance is a smaller share of its terms tells nothing: it is known before it comes


class System(NamedTuple):
    """The matrices, each with a leading axis of time, or of one where it is constant.

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

    def at(self, t: int) -> tuple[Floats, ...]:
        """Z, d, H, T, c, R, Q of step t."""
        return tuple(matrix[t if len(matrix) > 1 else 0] for matrix in self[:7])


class Filtered(NamedTuple):
    """predicted, predicted_covariance: of α[t] given y before t; a row more than y.   filtered, …: given y[t] too.
    forecast, forecast_covariance: of y[t]; infinite where it is diffuse.   loglik_each: (time,).
    squares, log_determinant: Σ v²/F, Σ log F.   known, diffuse: elements that entered with a proper, a diffuse variance.
    diffuse_covariance: (steps, m, m) P∞ before the steps that had one.   remaining: (m, m) P∞ after the last step.
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
    remaining: Floats


class Entry(NamedTuple):
    """One element of y on its way into the filter.   gain1: of the order 1/κ, where F∞ > 0."""

    row: Floats
    error: float
    variance: float
    diffuse_variance: float
    gain: Floats
    gain1: Floats


class Smoothed(NamedTuple):
    """Given all of y: state, state_covariance: of α[t].   lagged_covariance: Cov(α[t+1], α[t]).
    noise, noise_covariance: of ε[t].   disturbance, disturbance_covariance: of η[t].
    """

    state: Floats
    state_covariance: Floats
    lagged_covariance: Floats
    noise: Floats
    noise_covariance: Floats
    disturbance: Floats
    disturbance_covariance: Floats


def kalman_filter(y: Floats, system: System) -> Filtered:
    """The filter over y: (time, p), NaN = missing.

    A local level whose start is not known: the first observation says where it is.

    >>> one, none = np.ones((1, 1, 1)), np.zeros((1, 1))
    >>> level = System(one, none, one, one, none, one, one, np.zeros(1), np.zeros((1, 1)), np.ones((1, 1)))
    >>> kalman_filter(np.array([[3.0], [6.0]]), level).filtered.round(3).tolist()
    [[3.0], [5.0]]
    """
    return forwards(y, system)[0]


def forwards(y: Floats, system: System) -> tuple[Filtered, list[list[Entry]]]:
    """The filter, and every element that entered, step by step."""
    (time, p), m = y.shape, len(system.mean)
    a, P, P_inf = system.mean.copy(), system.covariance.copy(), system.directions.T @ system.directions
    predicted, predicted_covariance = np.empty((time + 1, m)), np.empty((time + 1, m, m))
    filtered, filtered_covariance = np.empty((time, m)), np.empty((time, m, m))
    forecast, forecast_covariance = np.empty((time, p)), np.empty((time, p, p))
    loglik_each, diffuse_covariance, entries = np.zeros(time), [], []
    squares, log_determinant, known, diffuse = 0.0, 0.0, 0, 0
    left = np.linalg.matrix_rank(P_inf) if P_inf.any() else 0  # directions still unknown
    for t in range(time):
        Z, d, H, T, c, R, Q = system.at(t)
        predicted[t], predicted_covariance[t] = a, P
        if left:
            diffuse_covariance.append(P_inf.copy())
        forecast[t], forecast_covariance[t] = Z @ a + d, Z @ P @ Z.T + H
        for i in range(p):
            if sees(P_inf, Z[i]):
                forecast_covariance[t, i, i] = np.inf
        entered = []
        for z, value, h in decorrelated(y[t], Z, d, H):
            v, M, M_inf = value - z @ a, P @ z, P_inf @ z
            F, F_inf = float(z @ M + h), float(z @ M_inf)
            if sees(P_inf, z):
                K = M_inf / F_inf
                K1 = (M - K * F) / F_inf
                P = P + np.outer(K, K) * F - np.outer(M, K) - np.outer(K, M)
                P_inf = P_inf - np.outer(M_inf, M_inf) / F_inf
                left -= 1
                if left == 0:
                    P_inf = np.zeros((m, m))
                log_determinant += math.log(F_inf)
                loglik_each[t] -= 0.5 * (math.log(2 * math.pi) + math.log(F_inf))
                diffuse += 1
            else:
                F_inf, K1 = 0.0, np.zeros(m)
                if not F > CERTAIN * (h + z**2 @ np.diag(P)):
                    F = 0.0
                K = M / F if F > 0 else np.zeros(m)
                if F > 0:
                    P = P - np.outer(M, M) / F
                    squares += float(v**2 / F)
                    log_determinant += math.log(F)
                    loglik_each[t] -= 0.5 * (math.log(2 * math.pi) + math.log(F) + v**2 / F)
                    known += 1
            a = a + K * v
            entered.append(Entry(z, float(v), F, F_inf, K, K1))
        entries.append(entered)
        filtered[t], filtered_covariance[t] = a, P
        a, P, P_inf = T @ a + c, T @ P @ T.T + R @ Q @ R.T, T @ P_inf @ T.T
        if left and not P_inf.any():
            left = 0
    predicted[time], predicted_covariance[time] = a, P
    covariances = np.array(diffuse_covariance).reshape(-1, m, m)
    moments = (predicted, predicted_covariance, filtered, filtered_covariance, forecast, forecast_covariance, loglik_each)
    return Filtered(*moments, squares, log_determinant, known, diffuse, covariances, P_inf), entries


def sees(P_inf: Floats, z: Floats) -> bool:
    """Whether z·P∞·z' is more than what rounding leaves of zero."""
    return bool(z @ P_inf @ z > SEEN * (z**2 @ np.diag(P_inf)))


def decorrelated(y: Floats, Z: Floats, d: Floats, H: Floats) -> list[tuple[Floats, float, float]]:
    """(z, value, h) of every element of y[t] that is there, with uncorrelated noise."""
    there = np.flatnonzero(~np.isnan(y))
    L, D = unit_triangular(H[np.ix_(there, there)])
    rows, values = np.linalg.solve(L, Z[there]), np.linalg.solve(L, (y - d)[there])
    return [(rows[i], float(values[i]), float(D[i])) for i in range(len(there))]


def unit_triangular(H: Floats) -> tuple[Floats, Floats]:
    """L and D of H = L·D·L', L with a unit diagonal; for a positive semidefinite H.

    >>> unit_triangular(np.array([[4.0, 2.0], [2.0, 3.0]]))
    (array([[1. , 0. ],
           [0.5, 1. ]]), array([4., 2.]))
    """
    L, D = np.eye(len(H)), np.zeros(len(H))
    for i in range(len(H)):
        for j in range(i):
            L[i, j] = (H[i, j] - sum(L[i, k] * D[k] * L[j, k] for k in range(j))) / D[j] if D[j] > 0 else 0.0
        D[i] = H[i, i] - sum(L[i, k] ** 2 * D[k] for k in range(i))
        if not D[i] > CERTAIN * H[i, i]:
            D[i] = 0.0
    return L, D


def kalman_smoother(y: Floats, system: System) -> Smoothed:
    """States, noise and disturbances given all of y: (time, p), NaN = missing.

    >>> one, none = np.ones((1, 1, 1)), np.zeros((1, 1))
    >>> level = System(one, none, one, one, none, one, one, np.zeros(1), np.zeros((1, 1)), np.ones((1, 1)))
    >>> kalman_smoother(np.array([[3.0], [6.0]]), level).state.round(3).tolist()
    [[4.0], [5.0]]
    """
    (time, p), m, n_disturbances = y.shape, len(system.mean), system.selection.shape[2]
    done, entries = forwards(y, system)
    steps = len(done.diffuse_covariance)
    r, r1, N, N1, N2 = np.zeros(m), np.zeros(m), np.zeros((m, m)), np.zeros((m, m)), np.zeros((m, m))
    result = Smoothed(
        np.empty((time, m)), np.empty((time, m, m)), np.empty((time, m, m)), np.empty((time, p)), np.empty((time, p, p)),
        np.empty((time, n_disturbances)), np.empty((time, n_disturbances, n_disturbances)),
    )  # fmt: skip
    for t in reversed(range(time)):
        Z, _, H, T, _, R, Q = system.at(t)
        P_inf = done.diffuse_covariance[t] if t < steps else np.zeros((m, m))
        P_inf_next = done.diffuse_covariance[t + 1] if t + 1 < steps else done.remaining if t + 1 == time else np.zeros((m, m))
        result.disturbance[t], result.disturbance_covariance[t] = Q @ R.T @ r, Q - Q @ R.T @ N @ R @ Q
        # Cov(α[t+1], α[t] | y) = (I − P·N)·T·P_filtered, with the P of t + 1, and its limit
        P_inf_filtered = learnt(P_inf, entries[t])
        P_next, P_filtered = done.predicted_covariance[t + 1], done.filtered_covariance[t]
        result.lagged_covariance[t] = (np.eye(m) - P_next @ N - P_inf_next @ N1) @ T @ P_filtered - (P_inf_next @ N2 + P_next @ N1) @ T @ P_inf_filtered
        r, r1, N, N1, N2 = T.T @ r, T.T @ r1, T.T @ N @ T, T.T @ N1 @ T, T.T @ N2 @ T
        u = np.zeros(len(entries[t]))
        for i, (z, v, F, F_inf, K, K1) in reversed(list(enumerate(entries[t]))):
            L, zz = np.eye(m) - np.outer(K, z), np.outer(z, z)
            u[i] = (v / F if F_inf == 0 and F > 0 else 0.0) - K @ r
            if F_inf > 0:
                L1 = -np.outer(K1, z)
                N2 = L.T @ N2 @ L + L1.T @ N1 @ L + L.T @ N1 @ L1 + L1.T @ N @ L1 - zz * F / F_inf**2
                N1 = L.T @ N1 @ L + L1.T @ N @ L + L.T @ N @ L1 + zz / F_inf
                N = L.T @ N @ L
                r1 = z * v / F_inf + L.T @ r1 + L1.T @ r
                r = L.T @ r
            else:
                r, r1 = z * (v / F if F > 0 else 0.0) + L.T @ r, L.T @ r1
                N, N1, N2 = L.T @ N @ L + (zz / F if F > 0 else 0.0), L.T @ N1 @ L, L.T @ N2 @ L
        P = done.predicted_covariance[t]
        V = P - P @ N @ P - P_inf @ N1 @ P - (P_inf @ N1 @ P).T - P_inf @ N2 @ P_inf
        result.state[t], result.state_covariance[t] = done.predicted[t] + P @ r + P_inf @ r1, (V + V.T) / 2
        # ε, also of the elements that are missing: through their correlation with those that are there
        there = np.flatnonzero(~np.isnan(y[t]))
        lower, D = unit_triangular(H[np.ix_(there, there)])
        result.noise[t] = H[:, there] @ np.linalg.solve(lower.T, u)
        inverse = np.linalg.inv(lower).T @ np.diag([1 / x if x > 0 else 0.0 for x in D]) @ np.linalg.inv(lower)
        share, observed = H[:, there] @ inverse, Z[there]
        result.noise_covariance[t] = H + share @ (observed @ result.state_covariance[t] @ observed.T - H[np.ix_(there, there)]) @ share.T
    return result


def learnt(P_inf: Floats, entries: list[Entry]) -> Floats:
    """P∞ after the elements of a step."""
    for entry in entries:
        if entry.diffuse_variance > 0:
            P_inf = P_inf - np.outer(entry.gain, entry.gain) * entry.diffuse_variance
    return P_inf


def simulation_smoother(y: Floats, system: System, normals: Floats) -> Floats:
    """(time, m) a draw of the states given y.

        draw (α⁺, y⁺) from the model;   α⁺ + E(α | y − y⁺)  in the model without means and intercepts

    normals: (m + time·(p + r),) standard normal numbers: of the start, then ε and η of each step.
    """
    (time, p), m, n_disturbances = y.shape, len(system.mean), system.selection.shape[2]
    states, simulated = np.empty((time + 1, m)), np.empty((time, p))
    steps = normals[m:].reshape(time, p + n_disturbances)
    states[0] = system.mean + root(system.covariance) @ normals[:m]
    for t in range(time):
        Z, d, H, T, c, R, Q = system.at(t)
        simulated[t] = Z @ states[t] + d + root(H) @ steps[t, :p]
        states[t + 1] = T @ states[t] + c + R @ root(Q) @ steps[t, p:]
    centred = system._replace(mean=0 * system.mean, observation_intercept=0 * system.observation_intercept, state_intercept=0 * system.state_intercept)
    return states[:time] + kalman_smoother(y - simulated, centred).state


def root(X: Floats) -> Floats:
    """A lower triangular L with L·L' = X, for a positive semidefinite X.

    >>> root(np.array([[4.0, 2.0], [2.0, 1.0]])).tolist()
    [[2.0, 0.0], [1.0, 0.0]]
    """
    L, D = unit_triangular(X)
    return L * np.sqrt(D)
