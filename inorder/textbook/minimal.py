"""minGRU and minLSTM: recurrent layers whose gates do not look at the state.

    h[t] = keep[t] ⊙ h[t−1] + fresh[t]          keep and fresh from x[t] alone

so that all gates come from one product over the whole sequence, and what is left is a scan, which can also be computed in parallel.
Weights are stacked: z, candidate (minGRU); f, i, candidate (minLSTM).

Source: Feng, Tung, Hassani, Ahmed & Bengio 2024, Were RNNs all we needed?, §3 and, for g and the scan in logarithms, appendix B.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inorder.textbook.recurrent import sigmoid

Array: TypeAlias = NDArray[np.float64]


class MinimalWeights(NamedTuple):
    """input_weights: (gates·hidden, input).   bias: (gates·hidden,).   2 gates for a minGRU, 3 for a minLSTM."""

    input_weights: Array
    bias: Array


class Gates(NamedTuple):
    """keep, fresh: (..., hidden), what stays of the state and what is added to it."""

    keep: Array
    fresh: Array


def positive(v: Array) -> Array:
    """g(v) = v + ½ where v ≥ 0, σ(v) elsewhere: rising, smooth and above zero, so that it has a logarithm.

    >>> positive(np.array([-1000.0, 0.0, 2.0])).tolist()
    [0.0, 0.5, 2.5]
    """
    return np.where(v >= 0, v + 0.5, sigmoid(v))


def min_gru_gates(x: Array, weights: MinimalWeights, is_positive: bool = True) -> Gates:
    """keep = 1 − z, fresh = z ⊙ g(W·x + b), where z = σ(Wz·x + bz).   x: (..., input), any number of steps at once.

    >>> gates = min_gru_gates(np.array([1.0]), MinimalWeights(np.array([[0.0], [2.0]]), np.zeros(2)), is_positive=False)
    >>> gates.keep.tolist(), gates.fresh.tolist()
    ([0.5], [1.0])
    """
    z, v = np.split(x @ weights.input_weights.T + weights.bias, 2, axis=-1)
    candidate = positive(v) if is_positive else v
    return Gates(1 - sigmoid(z), sigmoid(z) * candidate)


def min_lstm_gates(x: Array, weights: MinimalWeights, is_positive: bool = True) -> Gates:
    """keep = f / (f + i), fresh = i / (f + i) ⊙ g(W·x + b): two gates that share the state between old and new.

    >>> gates = min_lstm_gates(np.array([1.0]), MinimalWeights(np.array([[0.0], [0.0], [2.0]]), np.zeros(3)), is_positive=False)
    >>> gates.keep.tolist(), gates.fresh.tolist()
    ([0.5], [1.0])
    """
    f, i, v = np.split(x @ weights.input_weights.T + weights.bias, 3, axis=-1)
    candidate = positive(v) if is_positive else v
    f, i = sigmoid(f), sigmoid(i)
    return Gates(f / (f + i), i / (f + i) * candidate)


def linear_scan(gates: Gates, first: Array) -> Array:
    """h[t] = keep[t] ⊙ h[t−1] + fresh[t], one step after the other.   keep, fresh: (time, hidden).   first: (hidden,).

    >>> linear_scan(Gates(np.full((3, 1), 0.5), np.ones((3, 1))), np.zeros(1)).ravel().tolist()
    [1.0, 1.5, 1.75]
    """
    h = np.empty_like(gates.keep)
    state = first
    for t in range(len(h)):
        state = gates.keep[t] * state + gates.fresh[t]
        h[t] = state
    return h


def linear_scan_backward(gates: Gates, first: Array, d_h: Array) -> tuple[Gates, Array]:
    """What a change of each gate, and of the first state, does to Σ d_h ⊙ h.

        d[t] = d_h[t] + keep[t+1] ⊙ d[t+1],   by keep: d[t] ⊙ h[t−1],   by fresh: d[t]

    >>> by_gates, by_first = linear_scan_backward(Gates(np.full((2, 1), 0.5), np.ones((2, 1))), np.zeros(1), np.array([[0.0], [1.0]]))
    >>> by_gates.fresh.ravel().tolist(), by_gates.keep.ravel().tolist(), by_first.tolist()
    ([0.5, 1.0], [0.0, 1.0], [0.25])
    """
    before = np.concatenate([first[None], linear_scan(gates, first)[:-1]])
    by_keep, by_fresh = np.empty_like(d_h), np.empty_like(d_h)
    d = np.zeros_like(first)
    for t in reversed(range(len(d_h))):
        d = d_h[t] + d
        by_keep[t], by_fresh[t] = d * before[t], d
        d = gates.keep[t] * d
    return Gates(by_keep, by_fresh), d


def log_space_scan(log_keep: Array, log_fresh: Array, log_first: Array) -> Array:
    """The same scan from logarithms, by two cumulative sums that can be computed in parallel. All of keep, fresh and first are positive.

        h[t] = A[t] · (h₀ + Σₛ fresh[s] / A[s]),   ln A[t] = Σₛ ln keep[s]   over s ≤ t

    >>> log_space_scan(np.log(np.full((3, 1), 0.5)), np.zeros((3, 1)), np.array([-np.inf])).round(12).ravel().tolist()
    [1.0, 1.5, 1.75]
    """
    log_a = np.cumsum(log_keep, axis=0)
    parts = np.concatenate([log_first[None], log_fresh - log_a])
    return np.asarray(np.exp(log_a + np.logaddexp.accumulate(parts)[1:]))
