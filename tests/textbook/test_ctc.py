"""CTC: enumeration checks the recursion in small cases, torch (float64) in odd real sizes; values and gradients."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inorder.textbook.ctc import (
    best_alignment,
    collapse,
    ctc_backward,
    ctc_forward,
    ctc_log_probability,
    ctc_loss,
    ctc_loss_and_gradient,
    ctc_posterior,
    ctc_probability,
    log_softmax,
    paths,
    required_frames,
    with_blanks,
)
from inorder.textbook.gradient import numerical_gradient

TIGHT = {"rtol": 1e-10, "atol": 1e-12}


def probabilities(time: int, symbols: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(symbols), size=time)


def test_ctc_is_a_distribution_over_labels() -> None:
    p = probabilities(4, 3)
    labels = {collapse(path, 0) for path in itertools.product(range(3), repeat=4)}
    assert sum(ctc_probability(p, label) for label in labels) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("time", [1, 2, 3, 5])
def test_the_recursion_is_the_enumeration(time: int, blank: int) -> None:
    p = probabilities(time, 3, seed=time)
    tokens = [k for k in range(3) if k != blank]
    for length in range(5):
        for label in itertools.product(tokens, repeat=length):
            enumerated = ctc_probability(p, label, blank)
            assert math.exp(ctc_log_probability(np.log(p), label, blank)) == pytest.approx(enumerated, abs=1e-14)
            assert (enumerated > 0) == (time >= required_frames(label)), "T ≥ L + adjacent repeats, no more and no less"


def test_alpha_times_beta_is_the_same_at_every_frame() -> None:
    log_p = np.log(probabilities(9, 4))
    label = [1, 1, 3]
    joint = ctc_forward(log_p, label) + ctc_backward(log_p, label)
    np.testing.assert_allclose(np.logaddexp.reduce(joint, axis=1), ctc_log_probability(log_p, label), rtol=1e-12)


def test_the_posterior_counts_paths() -> None:
    p = probabilities(4, 3, seed=3)
    label = [1, 2]
    expected = np.zeros((4, 3))
    for path in paths(4, 3, label):
        expected[range(4), path] += math.prod(p[t, s] for t, s in enumerate(path))
    np.testing.assert_allclose(ctc_posterior(np.log(p), label), expected / ctc_probability(p, label), **TIGHT)


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("time, symbols, length", [(1, 3, 0), (1, 3, 1), (7, 4, 3), (63, 11, 20), (40, 5, 12)])
def test_loss_and_gradient_are_those_of_torch(time: int, symbols: int, length: int, blank: int) -> None:
    generator = np.random.default_rng(time)
    logits = 3 * generator.normal(size=(time, symbols))
    tokens = [k for k in range(symbols) if k != blank]
    label = generator.choice(tokens, size=length).tolist()
    leaf = torch.tensor(logits, requires_grad=True)
    target = torch.tensor(label, dtype=torch.long)
    theirs = F.ctc_loss(F.log_softmax(leaf, -1)[:, None], target[None], [time], [length], blank=blank, reduction="sum")
    ours = ctc_loss_and_gradient(logits, label, blank)
    assert time >= required_frames(label)
    assert ours.loss == pytest.approx(theirs.item(), rel=1e-10)
    theirs.backward()
    np.testing.assert_allclose(ours.gradient, leaf.grad.numpy(), **TIGHT)
    np.testing.assert_allclose(ours.gradient.sum(axis=1), 0.0, atol=1e-12)


def test_the_gradient_is_the_numerical_one() -> None:
    logits, label = np.random.default_rng(1).normal(size=(6, 3)), [2, 2, 1]
    np.testing.assert_allclose(ctc_loss_and_gradient(logits, label).gradient, numerical_gradient(lambda z: ctc_loss(z, label), logits), atol=1e-8)


def test_a_label_that_does_not_fit_has_infinite_loss_and_no_gradient() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 3))
    assert ctc_loss(logits, [1, 1]) < math.inf
    loss, gradient = ctc_loss_and_gradient(logits[:2], [1, 1])
    assert loss == math.inf
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))
    assert ctc_loss(np.zeros((0, 3)), []) == 0.0
    assert ctc_loss(np.zeros((0, 3)), [1]) == math.inf


def test_the_loss_is_never_negative() -> None:
    """Certain frames: the exact loss is about 3e-13, and rounding must not push it below 0."""
    for label in ([1], [1, 2], [2, 1, 2]):
        logits = np.full((len(label), 3), -15.0)
        logits[range(len(label)), label] = 15.0
        assert 0.0 <= ctc_loss(logits, label) < 1e-11
    logits = np.full((5, 4), -40.0)
    logits[range(5), [1, 0, 1, 3, 3]] = 40.0
    assert 0.0 <= ctc_loss(logits, [1, 1, 3]) < 1e-15


@pytest.mark.parametrize("seed", range(5))
def test_the_best_alignment_is_the_best_path(seed: int) -> None:
    p = probabilities(5, 3, seed)
    for label in ([], [1], [2, 1], [1, 1], [1, 2, 1]):
        best = max(paths(5, 3, label), key=lambda path: math.prod(p[t, s] for t, s in enumerate(path)))
        found = best_alignment(np.log(p), label)
        assert found.path == best
        assert found.log_probability == pytest.approx(sum(math.log(p[t, s]) for t, s in enumerate(best)), abs=1e-12)
        assert collapse(found.path, 0) == tuple(label)


def test_an_alignment_drawn_beforehand_is_found_again() -> None:
    path = (0, 1, 1, 0, 2, 2, 0, 2, 1, 0, 0)
    logits = np.random.default_rng(0).normal(size=(len(path), 3))
    logits[range(len(path)), path] += 12
    assert best_alignment(log_softmax(logits), collapse(path, 0)).path == path


def test_probabilities_of_zero_are_no_paths() -> None:
    p = np.array([[0.0, 1.0], [0.5, 0.5], [0.0, 1.0]])
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    assert math.exp(ctc_log_probability(log_p, [1, 1])) == pytest.approx(0.5)
    np.testing.assert_allclose(ctc_posterior(log_p, [1, 1]), [[0, 1], [1, 0], [0, 1]], atol=1e-15)
    assert best_alignment(log_p, [1, 1]).path == (1, 0, 1)
    with pytest.raises(ValueError, match="probability 0"):
        best_alignment(log_p, [])


def test_collapse_merges_first_and_drops_blanks_then() -> None:
    assert "".join(collapse("AA-AA", "-")) == "AA"
    assert "".join(collapse("-AAAA-", "-")) == "A"
    assert collapse((), 0) == ()
    for label in itertools.product((1, 2), repeat=4):
        assert collapse(with_blanks(label), 0) == label


def test_refusals_name_item_and_value() -> None:
    logits = np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"`label\[1\]` is 3, but the symbols are 0 to 2"):
        ctc_loss(logits, [1, 3])
    with pytest.raises(ValueError, match=r"`label\[2\]` is 0, the blank"):
        ctc_loss(logits, [1, 2, 0])
    with pytest.raises(ValueError, match="`blank` is 7"):
        ctc_loss(logits, [1], blank=7)
    with pytest.raises(ValueError, match=r"\(2, 4, 3\)"):
        ctc_loss(np.zeros((2, 4, 3)), [1])
    with pytest.raises(ValueError, match="3 tokens needs 5 frames .*; there are 4"):
        best_alignment(log_softmax(logits), [1, 1, 1])
    with pytest.raises(ValueError, match="there are 4"):
        ctc_posterior(log_softmax(logits), [1, 1, 1])
