"""Greedy and prefix beam decoding of CTC against the probability of every label."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from inorder.textbook.ctc import collapse, ctc_log_probability, ctc_probability
from inorder.textbook.ctc_decoding import ctc_greedy, prefix_beam_search, prefix_beam_steps


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("seed", range(8))
def test_a_beam_that_holds_every_prefix_is_exact(seed: int, blank: int) -> None:
    p = np.random.default_rng(seed).dirichlet(np.full(3, 0.7), size=4)
    labels = {collapse(path, blank) for path in itertools.product(range(3), repeat=4)}
    exact = {label: ctc_probability(p, label, blank) for label in labels}
    found = prefix_beam_search(np.log(p), width=1000, blank=blank, n_best=1000)
    assert [h.tokens for h in found] == sorted(exact, key=lambda label: -exact[label])
    for h in found:
        assert math.exp(h.log_probability) == pytest.approx(exact[h.tokens], abs=1e-14)


@pytest.mark.parametrize("width", [1, 2, 5, 20])
def test_a_narrow_beam_never_counts_too_much(width: int) -> None:
    log_p = np.log(np.random.default_rng(0).dirichlet(np.full(5, 0.4), size=20))
    found = prefix_beam_search(log_p, width=width, n_best=width)
    assert len(found) == width
    assert [h.log_probability for h in found] == sorted((h.log_probability for h in found), reverse=True)
    for h in found:
        assert h.log_probability <= ctc_log_probability(log_p, h.tokens) + 1e-12
    assert [len(beam) <= width for beam in prefix_beam_steps(log_p, width=width)] == [True] * 21


def test_double_letters_survive() -> None:
    """A known failure elsewhere: "A A - A A" must be "AA", not "A"."""
    logits = np.full((5, 2), -8.0)
    logits[range(5), [1, 1, 0, 1, 1]] = 8.0
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    assert ctc_greedy(log_p).tokens == (1, 1)
    assert prefix_beam_search(log_p, width=4)[0].tokens == (1, 1)


def test_greedy_is_the_best_path_and_may_be_the_wrong_label() -> None:
    p = np.array([[0.6, 0.4], [0.6, 0.4]])
    best = ctc_greedy(np.log(p))
    assert best.tokens == ()
    assert math.exp(best.log_probability) == pytest.approx(0.36)
    assert prefix_beam_search(np.log(p), width=2)[0].tokens == (1,)


def test_no_frames_and_no_width() -> None:
    assert prefix_beam_search(np.zeros((0, 3)), width=2)[0].tokens == ()
    assert ctc_greedy(np.zeros((0, 3))).tokens == ()
    with pytest.raises(ValueError, match="not 0"):
        prefix_beam_search(np.zeros((1, 3)), width=0)
