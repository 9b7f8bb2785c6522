"""Saliency: complete, beside the textbook, and shown as it is."""

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.explain.saliency import Saliency, colour, integrated_gradients, occlusion
from inorder.nn.recurrent import LSTM
from inorder.textbook import saliency as textbook


def network(seed: int):
    """A small LSTM with one number as its answer, in float64."""
    torch.manual_seed(seed)
    layer, head = LSTM(3, 5, bidirectional=True).double(), torch.randn(10, dtype=torch.float64)
    return lambda embedded: torch.tanh(layer(embedded)[0].sum(dim=1) @ head)


@pytest.mark.parametrize("seed", range(3))
def test_integrated_gradients_are_those_of_the_textbook_and_complete(seed):
    answer, rng = network(seed), np.random.default_rng(seed)
    embedded, base = rng.normal(size=(4, 3)), 0.1 * rng.normal(size=(4, 3))
    scores, value, nothing = integrated_gradients(answer, torch.from_numpy(embedded), torch.from_numpy(base))
    expected = textbook.integrated_gradients(lambda e: float(answer(torch.from_numpy(e)[None]).detach()), embedded, base, steps=60)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert abs(scores.sum() - (value - nothing)) < 1e-7
    assert value == pytest.approx(float(answer(torch.from_numpy(embedded)[None]).detach()))


def test_a_linear_answer_is_shared_out_exactly():
    weight = torch.arange(6.0, dtype=torch.float64).reshape(3, 2)
    scores, value, nothing = integrated_gradients(lambda e: (e * weight).sum(dim=(1, 2)) + 7, torch.ones(3, 2, dtype=torch.float64), steps=1)
    assert scores.tolist() == [1.0, 5.0, 9.0] and (value, nothing) == (22.0, 7.0)


def test_a_token_that_says_nothing_gets_nothing():
    scores, _, _ = integrated_gradients(lambda e: torch.sin(e[:, 0]).sum(dim=1), torch.ones(3, 2, dtype=torch.float64))
    assert scores[0] != 0 and scores[1] == scores[2] == 0


def test_integrated_gradients_work_where_gradients_are_switched_off():
    with torch.no_grad():
        scores, _, _ = integrated_gradients(lambda e: (e**2).sum(dim=(1, 2)), torch.ones(2, 1))
    assert scores.tolist() == pytest.approx([1.0, 1.0])


def test_occlusion_is_that_of_the_textbook():
    def answer(tokens):
        return float(sum(len(token) * (k + 1) for k, token in enumerate(tokens)))

    tokens = ["so", "very", "good", "!"]
    scores, value = occlusion(lambda many: np.array([answer(one) for one in many]), tokens)
    assert scores.tolist() == textbook.occlusion(answer, tokens).tolist() and value == answer(tokens)
    masked, _ = occlusion(lambda many: np.array([answer(one) for one in many]), tokens, hidden="?")
    assert masked.tolist() == [1.0, 6.0, 9.0, 0.0]
    assert occlusion(lambda many: np.ones(len(many)), [])[0].shape == (0,)


def test_a_record_says_what_is_missing_and_shows_every_token():
    record = Saliency(("not", "<b>"), np.array([1.0, -2.0]), "pos", "integrated gradients", 0.5, base=1.4)
    assert record.missing == pytest.approx(0.1) and record.shares.tolist() == [0.5, -1.0]
    html = record.to_html()
    assert "&lt;b&gt;" in html and "<b>" not in html and 'title="-2.000"' in html
    assert record.__rich__().plain == "pos 0.500: not <b>"
    assert record.to_frame().rows() == [("not", 1.0), ("<b>", -2.0)]
    assert Saliency(("a",), np.zeros(1), "x", "occlusion", 0.0).shares.tolist() == [0.0] and colour(0) == (255, 255, 255)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="2 tokens"):
        Saliency(("a", "b"), np.zeros(1), "x", "occlusion", 0.0)
    with pytest.raises(ShapeError, match="time, features"):
        integrated_gradients(lambda e: e.sum(), torch.ones(2))
    with pytest.raises(ShapeError, match="one shape"):
        integrated_gradients(lambda e: e.sum(), torch.ones(2, 1), torch.ones(1, 1))
    with pytest.raises(ConfigError, match="steps"):
        integrated_gradients(lambda e: e.sum(), torch.ones(2, 1), steps=0)
    with pytest.raises(ShapeError, match="one number each"):
        occlusion(lambda many: np.zeros(1), ["a"])
