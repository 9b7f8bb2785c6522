"""Beam search: keep the `width` best beginnings of an answer, not only one.

    log p(tokens) = Σₜ log p(tokenₜ | tokens before it)
    score(tokens) = log p(tokens) / n^length_penalty           n = number of tokens, the end token counted; 0 means no penalty

Each step lists every continuation of every living hypothesis and keeps the `width` likeliest. Those that end are set aside; the others live on.
The search stops when none lives, or at `max_length`, where what still lives is cut off and takes part as it is. There is no earlier stop:
under a length penalty a longer answer can still overtake.

With width 1 this is greedy search; with a width that holds everything it is exhaustive. Between the two, a wider beam need not find a likelier answer.

Sources: Lowerre 1976; Sutskever, Vinyals & Le 2014, §3.2; length normalisation n^α: Cho et al. 2014, Graves 2012.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
TokenStep: TypeAlias = Callable[[Any, Any], tuple[Array, Any]]  # (token, state) -> (log_probabilities (vocab,), state)


class Hypothesis(NamedTuple):
    """tokens: without the begin token, with the end token.   score: by which it was ranked.   log_probability: nats.   ended: False where cut off."""

    tokens: tuple[int, ...]
    score: float
    log_probability: float
    ended: bool


class Candidate(NamedTuple):
    """A beginning of an answer.   state: the decoder's, after the tokens but the last."""

    tokens: tuple[int, ...]
    log_probability: float
    state: Any


class BeamStep(NamedTuple):
    """One step of the search, likeliest first: `kept` live on, `ended` are answers, `pruned` are gone."""

    kept: list[Candidate]
    ended: list[Candidate]
    pruned: list[Candidate]


def beam_steps(step: TokenStep, state: Any, *, width: int, begin: int, end: int | None = None, max_length: int) -> Iterator[BeamStep]:
    """The search, step by step. Equal candidates keep the order of their beginnings, then of their tokens; impossible ones are never kept.

    Raises ValueError for a width or a length below 1.

    >>> table = {(): [0.6, 0.4], (0,): [0.5, 0.5], (1,): [0.9, 0.1]}
    >>> for at in beam_steps(table_step(table), None, width=2, begin=-1, max_length=2):
    ...     print([c.tokens for c in at.kept], [c.tokens for c in at.pruned])
    [(0,), (1,)] []
    [(1, 0), (0, 0)] [(0, 1), (1, 1)]
    """
    for name, value in (("width", width), ("max_length", max_length)):
        if value < 1:
            raise ValueError(f"`{name}` is a whole number, 1 or more, not {value}.")
    living = [Candidate((), 0.0, state)]
    for _ in range(max_length):
        candidates = []
        for hypothesis in living:
            log_probabilities, after = step(hypothesis.tokens[-1] if hypothesis.tokens else begin, hypothesis.state)
            for token, log_probability in enumerate(log_probabilities.tolist()):
                if log_probability > -math.inf:
                    candidates.append(Candidate((*hypothesis.tokens, token), hypothesis.log_probability + log_probability, after))
        candidates.sort(key=lambda candidate: -candidate.log_probability)
        best = candidates[:width]
        living = [candidate for candidate in best if candidate.tokens[-1] != end]
        yield BeamStep(living, [candidate for candidate in best if candidate.tokens[-1] == end], candidates[width:])
        if not living:
            return


def beam_search(
    step: TokenStep, state: Any, *, width: int, begin: int, end: int | None = None, max_length: int, length_penalty: float = 0.0, n_best: int = 1
) -> list[Hypothesis]:
    """The `n_best` answers that a beam of `width` finds, best score first.

    step: `step(token, state) -> (log_probabilities (vocab,), state)`, the contract of every decoder here.   state: its first state.
    begin: the token before the first.   end: the token that ends an answer, None if none does.   max_length: tokens at most, the end token counted.
    Fewer than `n_best` come back where the beam found no more; none twice.

    >>> table = {(): [0.6, 0.4], (0,): [0.5, 0.5], (1,): [0.9, 0.1]}
    >>> best = beam_search(table_step(table), None, width=2, begin=-1, max_length=2)[0]
    >>> best.tokens, round(math.exp(best.log_probability), 2)
    ((1, 0), 0.36)
    """
    found: list[Hypothesis] = []
    last: list[Candidate] = []
    for at in beam_steps(step, state, width=width, begin=begin, end=end, max_length=max_length):
        found += [_judge(candidate, length_penalty, ended=True) for candidate in at.ended]
        last = at.kept
    found += [_judge(candidate, length_penalty, ended=False) for candidate in last]
    return sorted(found, key=_rank)[:n_best]


def exhaustive_search(
    step: TokenStep, state: Any, *, begin: int, end: int | None = None, max_length: int, length_penalty: float = 0.0, n_best: int = 1
) -> list[Hypothesis]:
    """The same answer by listing every sequence that ends, or is cut off, within `max_length`: about vocab ** max_length of them.

    >>> table = {(): [0.6, 0.4], (0,): [0.5, 0.5], (1,): [0.9, 0.1]}
    >>> [h.tokens for h in exhaustive_search(table_step(table), None, begin=-1, max_length=2, n_best=9)]
    [(1, 0), (0, 0), (0, 1), (1, 1)]
    """

    def grow(tokens: tuple[int, ...], log_probability: float, state: Any) -> Iterator[Hypothesis]:
        if (tokens and tokens[-1] == end) or len(tokens) == max_length:
            yield _judge(Candidate(tokens, log_probability, state), length_penalty, ended=bool(tokens) and tokens[-1] == end)
            return
        log_probabilities, after = step(tokens[-1] if tokens else begin, state)
        for token, more in enumerate(log_probabilities.tolist()):
            if more > -math.inf:
                yield from grow((*tokens, token), log_probability + more, after)

    return sorted(grow((), 0.0, state), key=_rank)[:n_best]


def sequence_log_probability(step: TokenStep, state: Any, tokens: Sequence[int], *, begin: int) -> float:
    """log p(tokens), recomputed by giving the decoder the tokens one after the other (teacher forcing).

    >>> table = {(): [0.6, 0.4], (1,): [0.9, 0.1]}
    >>> round(math.exp(sequence_log_probability(table_step(table), None, [1, 0], begin=-1)), 2)
    0.36
    """
    total, previous = 0.0, begin
    for token in tokens:
        log_probabilities, state = step(previous, state)
        total, previous = total + float(log_probabilities[token]), token
    return total


def table_step(table: Mapping[tuple[int, ...], Sequence[float]]) -> TokenStep:
    """A step function from a table: the tokens so far -> the probabilities of the next one. Its first state is None.

    The token that comes with that state, the begin token, is not part of the tokens so far.
    Raises ValueError for tokens that the table does not hold.

    >>> log_probabilities, state = table_step({(): [0.5, 0.5], (1,): [0.25, 0.75]})(-1, None)
    >>> np.exp(log_probabilities).tolist(), state
    ([0.5, 0.5], ())
    """

    def step(token: int, state: tuple[int, ...] | None) -> tuple[Array, tuple[int, ...]]:
        tokens = () if state is None else (*state, token)
        if tokens not in table:
            raise ValueError(f"The table has no row for the tokens {tokens}. Known: {', '.join(map(str, table))}.")
        with np.errstate(divide="ignore"):  # a probability of 0 is a log-probability of −∞
            return np.log(np.asarray(table[tokens], dtype=np.float64)), tokens

    return step


def _judge(candidate: Candidate, length_penalty: float, ended: bool) -> Hypothesis:
    score = candidate.log_probability / len(candidate.tokens) ** length_penalty
    return Hypothesis(candidate.tokens, score, candidate.log_probability, ended)


def _rank(hypothesis: Hypothesis) -> tuple[float, tuple[int, ...]]:
    return -hypothesis.score, hypothesis.tokens
