"""Cosine similarity against torch, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.textbook.similarity import cosine_similarity


def test_it_is_that_of_torch() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 6, 5))
    expected = torch.nn.functional.cosine_similarity(torch.tensor(a), torch.tensor(b), dim=-1).numpy()
    np.testing.assert_allclose(cosine_similarity(a, b), expected, rtol=1e-10)
    np.testing.assert_allclose(cosine_similarity(a[:, None], b), [[cosine_similarity(u, v) for v in b] for u in a], rtol=1e-14)


def test_lengths_do_not_count() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 4))
    assert cosine_similarity(3 * a, 0.1 * b) == pytest.approx(float(cosine_similarity(a, b)), abs=1e-14)
    assert cosine_similarity(a, a) == pytest.approx(1.0, abs=1e-14)
    assert cosine_similarity(a, -a) == pytest.approx(-1.0, abs=1e-14)


def test_a_vector_of_zeros_is_refused_by_its_place() -> None:
    with pytest.raises(ValueError, match=r"`b\[1\]`"):
        cosine_similarity([1.0, 0.0], [[1.0, 2.0], [0.0, 0.0]])
