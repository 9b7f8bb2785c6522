"""Linear-chain conditional random field: a probability for every path of tags, by scores of tags and of their neighbours.

    score(y) = start[y₁] + Σₜ emission[t, yₜ] + Σₜ transition[yₜ₋₁, yₜ] + end[y_T]          P(y) = exp(score(y)) / Z,   Z = Σ over all paths

Z, marginals and best paths come from sums (or maxima) handed on from step to step, in logarithms. A transition of −∞ never happens.

Sources: Lafferty, McCallum & Pereira 2001; forward-backward: Rabiner 1989, §III; best path: Viterbi 1967.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Path: TypeAlias = tuple[int, ...]


class CRFWeights(NamedTuple):
    """transition: (tags, tags), from row to column.   start, end: (tags,).   All in nats; −∞ forbids."""

    transition: Array
    start: Array
    end: Array


class Marginals(NamedTuple):
    """tag: (time, tags) P(yₜ = j).   pair: (time − 1, tags, tags) P(yₜ = i, yₜ₊₁ = j)."""

    tag: Array
    pair: Array


def path_score(emission: Array, path: Path, weights: CRFWeights) -> float:
    """The score of one path, as it is defined.   emission: (time, tags).

    >>> path_score(np.array([[1.0, 0.0], [0.0, 2.0]]), (0, 1), CRFWeights(np.array([[0.0, 0.5], [0.0, 0.0]]), np.zeros(2), np.zeros(2)))
    3.5
    """
    if not path:
        return 0.0
    steps = sum(emission[t, tag] for t, tag in enumerate(path))
    pairs = sum(weights.transition[before, tag] for before, tag in itertools.pairwise(path))
    return float(weights.start[path[0]] + steps + pairs + weights.end[path[-1]])


def all_paths(emission: Array) -> Iterator[Path]:
    """Every path there is, tagsᵗⁱᵐᵉ of them: for small cases, and the truth about them.

    >>> list(all_paths(np.zeros((2, 2))))
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    return itertools.product(range(emission.shape[1]), repeat=emission.shape[0])


def log_sum_exp(values: Array, axis: int | None = None) -> Array:
    """ln Σ exp(values), without overflow; −∞ for a sum of nothing.

    >>> float(log_sum_exp(np.log([1.0, 2.0, 3.0]))), float(log_sum_exp(np.array([-np.inf, -np.inf])))
    (1.791759469228055, -inf)
    """
    largest = np.max(values, axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.sum(np.exp(values - largest), axis=axis)) + np.squeeze(largest, axis=axis))


def forward(emission: Array, weights: CRFWeights) -> Array:
    """ln α: (time, tags), the summed score of all beginnings that end in a tag.   α[t, j] = Σᵢ α[t−1, i] · exp(transition[i, j] + emission[t, j])"""
    alpha = np.empty_like(emission)
    for t in range(len(emission)):
        before = weights.start if t == 0 else log_sum_exp(alpha[t - 1][:, None] + weights.transition, axis=0)
        alpha[t] = before + emission[t]
    return alpha


def backward(emission: Array, weights: CRFWeights) -> Array:
    """ln β: (time, tags), the summed score of all that may follow a tag.   β[t, i] = Σⱼ exp(transition[i, j] + emission[t+1, j]) · β[t+1, j]"""
    beta = np.empty_like(emission)
    for t in reversed(range(len(emission))):
        last = t == len(emission) - 1
        beta[t] = weights.end if last else log_sum_exp(weights.transition + emission[t + 1] + beta[t + 1], axis=1)
    return beta


def log_partition(emission: Array, weights: CRFWeights) -> float:
    """ln Z.   emission: (time, tags).   0 for an empty sequence, whose only path is the empty one.

    >>> round(log_partition(np.zeros((3, 2)), CRFWeights(np.zeros((2, 2)), np.zeros(2), np.zeros(2))), 6)
    2.079442
    """
    return float(log_sum_exp(forward(emission, weights)[-1] + weights.end)) if len(emission) else 0.0


def loss(emission: Array, path: Path, weights: CRFWeights) -> float:
    """−ln P(path), in nats.

    >>> round(loss(np.zeros((3, 2)), (0, 1, 0), CRFWeights(np.zeros((2, 2)), np.zeros(2), np.zeros(2))), 6)
    2.079442
    """
    return log_partition(emission, weights) - path_score(emission, path, weights)


def marginals(emission: Array, weights: CRFWeights) -> Marginals:
    """The probabilities of tags, and of neighbours: α · β / Z. They are the gradient of ln Z by emissions and, summed over t, by transitions.

    >>> marginals(np.log([[3.0, 1.0]]), CRFWeights(np.zeros((2, 2)), np.zeros(2), np.zeros(2))).tag.round(12).tolist()
    [[0.75, 0.25]]
    """
    alpha, beta, total = forward(emission, weights), backward(emission, weights), log_partition(emission, weights)
    pair = alpha[:-1, :, None] + weights.transition + (emission + beta)[1:, None, :] - total
    return Marginals(np.exp(alpha + beta - total), np.exp(pair))


def loss_gradient(emission: Array, path: Path, weights: CRFWeights) -> tuple[Array, CRFWeights]:
    """The gradient of the loss: what is expected of each score, less what the path has.   By emission, and by the weights."""
    expected = marginals(emission, weights)
    by_emission = expected.tag.copy()
    by_transition = expected.pair.sum(axis=0)
    for t, tag in enumerate(path):
        by_emission[t, tag] -= 1
    for before, tag in itertools.pairwise(path):
        by_transition[before, tag] -= 1
    return by_emission, CRFWeights(by_transition, by_emission[0], by_emission[-1])


def viterbi(emission: Array, weights: CRFWeights) -> tuple[Path, float]:
    """The best path and its score; of equal ones the one that came from the smaller tag.

    >>> viterbi(np.array([[1.0, 0.0], [0.0, 2.0]]), CRFWeights(np.zeros((2, 2)), np.zeros(2), np.zeros(2)))
    ((0, 1), 3.0)
    """
    if not len(emission):
        return (), 0.0
    best, came_from = weights.start + emission[0], []
    for row in emission[1:]:
        ways = best[:, None] + weights.transition
        came_from.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + row
    best = best + weights.end
    path = [int(best.argmax())]
    for origin in reversed(came_from):
        path.append(int(origin[path[-1]]))
    return tuple(reversed(path)), float(best.max())


def best_paths(emission: Array, weights: CRFWeights, count: int) -> list[tuple[Path, float]]:
    """The `count` best paths with their scores, best first, by looking at all of them.

    >>> best_paths(np.array([[1.0, 0.0], [0.0, 2.0]]), CRFWeights(np.zeros((2, 2)), np.zeros(2), np.zeros(2)), 2)
    [((0, 1), 3.0), ((1, 1), 2.0)]
    """
    scored = ((path, path_score(emission, path, weights)) for path in all_paths(emission))
    return sorted((one for one in scored if one[1] > -np.inf), key=lambda one: -one[1])[:count]
