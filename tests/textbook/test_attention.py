"""Attention against torch, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.textbook.attention import AdditiveWeights, additive_attention, dot_attention, softmax

TIGHT = {"rtol": 1e-10, "atol": 1e-12}


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    valid = np.array([[True] * 6, [True, True, False, True, False, False]])
    return generator.normal(size=(2, 4)), generator.normal(size=(2, 6, 4)), valid


def test_dot_attention_is_that_of_torch(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    query, memory, valid = data
    context, attention = dot_attention(query, memory, valid, scaled=True)
    q, m = torch.tensor(query)[:, None], torch.tensor(memory)
    expected = torch.nn.functional.scaled_dot_product_attention(q, m, m, attn_mask=torch.tensor(valid)[:, None])[:, 0]
    np.testing.assert_allclose(context, expected.numpy(), **TIGHT)
    np.testing.assert_allclose(attention.sum(axis=-1), 1.0, rtol=1e-14)
    assert (attention[1, [2, 4, 5]] == 0).all()
    plain = torch.softmax((q @ m.transpose(1, 2))[:, 0], -1).numpy()
    np.testing.assert_allclose(dot_attention(query, memory)[1], plain, **TIGHT)


def test_additive_attention_is_the_equation_of_bahdanau(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    query, memory, valid = data
    generator = np.random.default_rng(1)
    weights = AdditiveWeights(generator.normal(size=(5, 4)), generator.normal(size=(5, 4)), generator.normal(size=5))
    context, attention = additive_attention(query, memory, weights, valid)
    for row in range(2):
        score = np.array([weights.score_weights @ np.tanh(weights.query_weights @ query[row] + weights.memory_weights @ memory[row, s]) for s in range(6)])
        expected = np.where(valid[row], np.exp(score), 0.0) / np.exp(score)[valid[row]].sum()
        np.testing.assert_allclose(attention[row], expected, **TIGHT)
        np.testing.assert_allclose(context[row], sum(expected[s] * memory[row, s] for s in range(6)), **TIGHT)


def test_padding_changes_nothing(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    query, memory, _ = data
    padded = np.concatenate([memory, np.full((2, 3, 4), 99.0)], axis=1)
    valid = np.arange(9) < 6
    np.testing.assert_allclose(dot_attention(query, padded, np.broadcast_to(valid, (2, 9)))[0], dot_attention(query, memory)[0], **TIGHT)


def test_nothing_valid_is_refused() -> None:
    with pytest.raises(ValueError, match=r"row \[1\]"):
        softmax(np.zeros((2, 3)), np.array([[True, True, True], [False, False, False]]))
