"""Greedy and beam search against the list of every sequence."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from inorder.textbook.beam import beam_search, beam_steps, exhaustive_search, sequence_log_probability, table_step
from inorder.textbook.greedy import greedy

LENGTH_PENALTIES = (-1.0, 0.0, 0.6, 1.0, 2.0)


def random_table(seed: int, vocab: int = 3, max_length: int = 4) -> dict[tuple[int, ...], list[float]]:
    generator = np.random.default_rng(seed)
    return {tokens: generator.dirichlet(np.ones(vocab)).tolist() for length in range(max_length) for tokens in itertools.product(range(vocab), repeat=length)}


def every_answer(table: dict[tuple[int, ...], list[float]], end: int | None, max_length: int, vocab: int = 3) -> dict[tuple[int, ...], float]:
    """Answer -> probability, by multiplying along every sequence: no code shared with the search."""
    answers = {}
    for length in range(1, max_length + 1):
        for tokens in itertools.product(range(vocab), repeat=length):
            if end in tokens[:-1] or (tokens[-1] != end and length < max_length):
                continue
            answers[tokens] = math.prod(table[tokens[:i]][token] for i, token in enumerate(tokens))
    return answers


@pytest.mark.parametrize("end", [None, 0])
@pytest.mark.parametrize("alpha", LENGTH_PENALTIES)
@pytest.mark.parametrize("seed", range(6))
def test_a_beam_that_holds_everything_finds_the_best(seed: int, alpha: float, end: int | None) -> None:
    table = random_table(seed)
    answers = every_answer(table, end, 4)
    assert sum(answers.values()) == pytest.approx(1.0, abs=1e-12)
    ranked = sorted(answers, key=lambda tokens: -math.log(answers[tokens]) / len(tokens) ** alpha)
    step = table_step(table)
    for search, options in ((beam_search, {"width": 1000}), (exhaustive_search, {})):
        found = search(step, None, begin=-1, end=end, max_length=4, length_penalty=alpha, n_best=1000, **options)
        assert [h.tokens for h in found] == ranked
        for h in found:
            assert h.log_probability == pytest.approx(math.log(answers[h.tokens]), abs=1e-12)
            assert h.score == pytest.approx(h.log_probability / len(h.tokens) ** alpha, abs=1e-12)
            assert h.ended == (h.tokens[-1] == end)


@pytest.mark.parametrize("alpha", LENGTH_PENALTIES)
@pytest.mark.parametrize("end", [None, 0])
@pytest.mark.parametrize("seed", range(10))
def test_width_one_is_greedy(seed: int, end: int | None, alpha: float) -> None:
    step = table_step(random_table(seed))
    best = beam_search(step, None, width=1, begin=-1, end=end, max_length=4, length_penalty=alpha, n_best=9)
    assert len(best) == 1
    one = greedy(step, None, begin=-1, end=end, max_length=4)
    assert (best[0].tokens, best[0].ended) == (one.tokens, one.ended)
    assert best[0].log_probability == pytest.approx(one.log_probability, abs=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("seed", range(6))
def test_each_answer_is_scored_as_teacher_forcing_scores_it(seed: int, width: int) -> None:
    step = table_step(random_table(seed))
    found = beam_search(step, None, width=width, begin=-1, end=2, max_length=4, length_penalty=0.6, n_best=100)
    assert len({h.tokens for h in found}) == len(found)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    for h in found:
        assert sequence_log_probability(step, None, h.tokens, begin=-1) == pytest.approx(h.log_probability, abs=1e-12)
    assert beam_search(step, None, width=width, begin=-1, end=2, max_length=4, length_penalty=0.6, n_best=2) == found[:2]


def test_a_length_penalty_lets_a_longer_answer_overtake_one_that_ended() -> None:
    """A search that stops when the first answer ends returns (0,)."""
    table = {(): [0.5, 0.5], (1,): [0.1, 0.9], (1, 1): [0.9, 0.1]}
    step = table_step(table)
    short = beam_search(step, None, width=2, begin=-1, end=0, max_length=3)[0]
    long = beam_search(step, None, width=2, begin=-1, end=0, max_length=3, length_penalty=1.0)[0]
    assert (short.tokens, long.tokens) == ((0,), (1, 1, 0))


def test_ended_hypotheses_leave_and_impossible_ones_never_enter() -> None:
    table = {(): [0.5, 0.5, 0.0], (1,): [0.0, 1.0, 0.0], (1, 1): [1.0, 0.0, 0.0]}
    steps = list(beam_steps(table_step(table), None, width=10, begin=-1, end=0, max_length=3))
    assert [[c.tokens for c in at.kept] for at in steps] == [[(1,)], [(1, 1)], []]
    assert [[c.tokens for c in at.ended] for at in steps] == [[(0,)], [], [(1, 1, 0)]]
    assert all(not at.pruned for at in steps)


def test_equal_candidates_keep_their_order() -> None:
    step = table_step({(): [0.25] * 4, **{(i,): [0.25] * 4 for i in range(4)}})
    found = beam_search(step, None, width=3, begin=-1, max_length=2, n_best=3)
    assert [h.tokens for h in found] == [(0, 0), (0, 1), (0, 2)]
    assert greedy(step, None, begin=-1, max_length=2).tokens == (0, 0)


def test_refusals_name_the_value() -> None:
    step = table_step({(): [0.5, 0.5]})
    with pytest.raises(ValueError, match="`width`.*not 0"):
        beam_search(step, None, width=0, begin=-1, max_length=1)
    with pytest.raises(ValueError, match="`max_length`.*not 0"):
        beam_search(step, None, width=1, begin=-1, max_length=0)
    with pytest.raises(ValueError, match=r"no row for the tokens \(0,\)"):
        greedy(step, None, begin=-1, max_length=2)
