"""Connectionist temporal classification: the probability of a label when nobody says which frame belongs to which symbol.

    collapse(path)      merge repeats, then drop blanks:   -HH-E-L-LO- -> HELLO   but   HHELLO -> HELO
    P(label) = Σ ∏ₜ p[t, pathₜ]  over every path that collapses to `label`
    loss = −ln P(label)

The sum over exponentially many paths is a recursion over the label with a blank around every symbol, ε l₁ ε l₂ … ε (2·L + 1 places):

    α[t, s] = p[t, s] · (α[t−1, s] + α[t−1, s−1] + α[t−1, s−2])      the last term only from one symbol to a different one
    β[t, s] = the same sum from the other end, without p[t, s]
    P(label) = Σₛ α[t, s] · β[t, s]   for every t

in the log domain throughout. Axes: time = frames, symbols = blank and tokens, places = 2·L + 1.

Source: Graves, Fernández, Gomez & Schmidhuber 2006, eq. 2-16; §4.1 for α and β.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Symbol = TypeVar("Symbol", int, str)


class CTCLoss(NamedTuple):
    """loss: nats, 0 or more; infinite where the label does not fit into the frames.   gradient: ∂loss/∂logits, (time, symbols)."""

    loss: float
    gradient: Array


class Alignment(NamedTuple):
    """path: (time,) one symbol a frame.   log_probability: of this one path, nats."""

    path: tuple[int, ...]
    log_probability: float


def collapse(path: Sequence[Symbol], blank: Symbol) -> tuple[Symbol, ...]:
    """The label of a path: merge repeats, then drop blanks; in this order, so that a blank keeps a double letter apart.

    >>> "".join(collapse("--hh-e-ll-oo--", "-")), "".join(collapse("hel-lo", "-")), collapse([0, 3, 3, 0, 3], 0)
    ('helo', 'hello', (3, 3))
    """
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def required_frames(label: Sequence[object]) -> int:
    """The fewest frames that can hold a label: T ≥ L + adjacent repeats, since a double letter needs a blank between.

    >>> required_frames("cat"), required_frames("hello"), required_frames([])
    (3, 6, 0)
    """
    return len(label) + sum(left == right for left, right in itertools.pairwise(label))


def paths(time: int, symbols: int, label: Sequence[int], blank: int = 0) -> Iterator[tuple[int, ...]]:
    """Every path of `time` frames that collapses to `label`, by trying all symbols ** time of them.

    >>> list(paths(2, 2, [1]))
    [(0, 1), (1, 0), (1, 1)]
    """
    return (path for path in itertools.product(range(symbols), repeat=time) if collapse(path, blank) == tuple(label))


def ctc_probability(p: Array, label: Sequence[int], blank: int = 0) -> float:
    """P(label) by the definition: Σ over `paths` of ∏ₜ p[t, pathₜ].   p: (time, symbols) probabilities. For small cases.

    >>> p = np.array([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5]])
    >>> round(ctc_probability(p, [1]), 12)
    0.85
    """
    time, symbols = p.shape
    return float(sum(math.prod(float(p[t, s]) for t, s in enumerate(path)) for path in paths(time, symbols, label, blank)))


def log_softmax(logits: Array) -> Array:
    """ln p = logits − ln Σ exp(logits) along the last axis.

    >>> np.exp(log_softmax(np.array([1000.0, 1000.0]))).tolist()
    [0.5, 0.5]
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def with_blanks(label: Sequence[int], blank: int = 0) -> list[int]:
    """The label with a blank before, between and after its symbols: the places of the lattice.

    >>> with_blanks([5, 5, 7])
    [0, 5, 0, 5, 0, 7, 0]
    """
    return [blank, *(symbol for token in label for symbol in (token, blank))]


def ctc_forward(log_p: Array, label: Sequence[int], blank: int = 0) -> Array:
    """ln α, (time, places): all ways to have read places up to s by frame t, frame t included.

    log_p: (time, symbols) log-probabilities.   A path starts on the first blank or the first symbol.

    >>> np.exp(ctc_forward(np.log([[0.6, 0.4], [0.3, 0.7]]), [1])).round(2).tolist()                    # places ε A ε
    [[0.6, 0.4, 0.0], [0.18, 0.7, 0.12]]
    """
    _check(log_p, label, blank)
    places = with_blanks(label, blank)
    alpha = np.full((len(log_p), len(places)), -np.inf)
    for t in range(len(log_p)):
        for s, symbol in enumerate(places):
            if t == 0:
                ways = 0.0 if s <= 1 else -np.inf
            else:
                ways = alpha[t - 1, s]
                if s >= 1:
                    ways = np.logaddexp(ways, alpha[t - 1, s - 1])
                if _can_skip(places, s, blank):
                    ways = np.logaddexp(ways, alpha[t - 1, s - 2])
            alpha[t, s] = ways + log_p[t, symbol]
    return alpha


def ctc_backward(log_p: Array, label: Sequence[int], blank: int = 0) -> Array:
    """ln β, (time, places): all ways to finish from place s after frame t; frame t itself is not counted, so that α·β counts it once.

    A path ends on the last symbol or the last blank.

    >>> np.exp(ctc_backward(np.log([[0.6, 0.4], [0.3, 0.7]]), [1])).round(2).tolist()
    [[0.7, 1.0, 0.3], [0.0, 1.0, 1.0]]
    """
    _check(log_p, label, blank)
    places = with_blanks(label, blank)
    time, count = len(log_p), len(places)
    beta = np.full((time, count), -np.inf)
    for t in reversed(range(time)):
        for s in range(count):
            if t == time - 1:
                beta[t, s] = 0.0 if s >= count - 2 else -np.inf
                continue
            ways = beta[t + 1, s] + log_p[t + 1, places[s]]
            if s + 1 < count:
                ways = np.logaddexp(ways, beta[t + 1, s + 1] + log_p[t + 1, places[s + 1]])
            if s + 2 < count and _can_skip(places, s + 2, blank):
                ways = np.logaddexp(ways, beta[t + 1, s + 2] + log_p[t + 1, places[s + 2]])
            beta[t, s] = ways
    return beta


def ctc_log_probability(log_p: Array, label: Sequence[int], blank: int = 0) -> float:
    """ln P(label), by the forward recursion; −∞ where the label does not fit.   log_p: (time, symbols).

    >>> p = np.array([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5]])
    >>> round(math.exp(ctc_log_probability(np.log(p), [1])), 12)
    0.85
    """
    alpha = ctc_forward(log_p, label, blank)
    if len(alpha) == 0:
        return 0.0 if len(label) == 0 else -math.inf
    return float(np.logaddexp.reduce(alpha[-1, -2:]))


def ctc_loss(logits: Array, label: Sequence[int], blank: int = 0) -> float:
    """−ln P(label) in nats, from logits (any real numbers; each frame goes through a softmax).

    logits: (time, symbols).   label: (tokens,) whole numbers.   Infinite where time < `required_frames(label)`.
    Raises ValueError for a label that holds the blank or a number outside 0 … symbols − 1.

    >>> round(ctc_loss(np.log([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5]]), [1]), 4)
    0.1625
    """
    return max(0.0, -ctc_log_probability(log_softmax(logits), label, blank))  # rounding may leave P(label) a hair above 1


def ctc_loss_and_gradient(logits: Array, label: Sequence[int], blank: int = 0) -> CTCLoss:
    """The loss and its true gradient with respect to the logits.

        γ[t, k] = Σ over places s that hold symbol k of α[t, s] · β[t, s] / P(label)      the share of paths that are on k at t
        ∂loss/∂logits[t, k] = softmax(logits)[t, k] − γ[t, k]

    Every row sums to 0. Where the label does not fit, the loss is infinite and the gradient 0: nothing can be learned from it.

    >>> loss, gradient = ctc_loss_and_gradient(np.zeros((2, 2)), [1])
    >>> round(loss, 4), gradient.round(4).tolist()                                                      # −ln ¾: pushes towards the symbol
    (0.2877, [[0.1667, -0.1667], [0.1667, -0.1667]])
    """
    log_p = log_softmax(logits)
    loss = ctc_loss(logits, label, blank)
    if math.isinf(loss):
        return CTCLoss(loss, np.zeros(logits.shape))
    return CTCLoss(loss, np.exp(log_p) - ctc_posterior(log_p, label, blank))


def ctc_posterior(log_p: Array, label: Sequence[int], blank: int = 0) -> Array:
    """γ, (time, symbols): how probable each symbol is at each frame, given the label. Rows sum to 1.   Raises ValueError where the label does not fit.

    >>> ctc_posterior(np.log([[0.5, 0.5], [0.5, 0.5]]), [1]).round(3).tolist()           # of  -A  A-  AA  two are on A at either frame
    [[0.333, 0.667], [0.333, 0.667]]
    """
    log_probability = ctc_log_probability(log_p, label, blank)
    if math.isinf(log_probability):
        raise ValueError(_too_short(len(log_p), label))
    gamma = np.zeros(log_p.shape)
    shares = np.exp(ctc_forward(log_p, label, blank) + ctc_backward(log_p, label, blank) - log_probability)
    for s, symbol in enumerate(with_blanks(label, blank)):
        gamma[:, symbol] += shares[:, s]
    return gamma


def best_alignment(log_p: Array, label: Sequence[int], blank: int = 0) -> Alignment:
    """The likeliest single path that collapses to `label`: the forward recursion with max in place of the sum (Viterbi), then back along the choices.

    log_p: (time, symbols).   Of equal paths, the one that stays longer.   Raises ValueError where the label does not fit or has probability 0.

    >>> best_alignment(np.log([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5]]), [1]).path
    (0, 1, 1)
    """
    _check(log_p, label, blank)
    places, time = with_blanks(label, blank), len(log_p)
    if time == 0 and not label:
        return Alignment((), 0.0)
    best = np.full((time, len(places)), -np.inf)
    came_from = np.zeros((time, len(places)), dtype=np.int64)
    for t in range(time):
        for s, symbol in enumerate(places):
            if t == 0:
                best[t, s] = log_p[t, symbol] if s <= 1 else -np.inf
                continue
            sources = [s] + [s - 1] * (s >= 1) + [s - 2] * _can_skip(places, s, blank)
            came_from[t, s] = max(sources, key=lambda source: best[t - 1, source])
            best[t, s] = best[t - 1, came_from[t, s]] + log_p[t, symbol]
    s = max(range(len(places))[-2:], key=lambda place: best[-1, place]) if time else 0
    if time == 0 or best[-1, s] == -np.inf:
        raise ValueError(_too_short(time, label))
    on_the_way = [s]
    for t in range(time - 1, 0, -1):
        on_the_way.append(int(came_from[t, on_the_way[-1]]))
    return Alignment(tuple(places[s] for s in reversed(on_the_way)), float(best[-1, s]))


def _can_skip(places: Sequence[int], s: int, blank: int) -> bool:
    """Whether place s may be entered from s − 2: only a symbol, and only from a different one; else a double letter would melt into one."""
    return s >= 2 and places[s] != blank and places[s] != places[s - 2]


def _too_short(time: int, label: Sequence[int]) -> str:
    needed = required_frames(label)
    if time < needed:
        return f"A label of {len(label)} tokens needs {needed} frames (one each, and a blank inside every double letter); there are {time}."
    return f"Every path of the label {tuple(label)} has probability 0."


def _check(log_p: Array, label: Sequence[int], blank: int) -> None:
    if log_p.ndim != 2:
        raise ValueError(f"CTC reads one matrix (time, symbols); this one has the shape {log_p.shape}.")
    if not 0 <= blank < log_p.shape[1]:
        raise ValueError(f"`blank` is {blank}, but the symbols are 0 to {log_p.shape[1] - 1}.")
    for i, token in enumerate(label):
        if token == blank:
            raise ValueError(f"`label[{i}]` is {token}, the blank, which no label can hold.")
        if not 0 <= token < log_p.shape[1]:
            raise ValueError(f"`label[{i}]` is {token}, but the symbols are 0 to {log_p.shape[1] - 1}.")
