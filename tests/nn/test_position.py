"""Positions follow the textbook in value and gradient, from any place on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.nn import LearntPosition, RotaryPosition, SinusoidalPosition
from inorder.textbook import position as textbook
from inorder.textbook.gradient import numerical_gradient


@pytest.mark.parametrize("features", [2, 6, 10])
@pytest.mark.parametrize("base", [10_000.0, 50.0])
@pytest.mark.parametrize("offset", [0, 3, 100_000])
def test_positions_follow_the_textbook_from_any_place(features, base, offset):
    x = torch.randn(2, 7, features, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state, places = torch.tensor([offset, 2 * offset]), np.arange(7.0)
    added, after = SinusoidalPosition(features, base=base)(x, state=state)
    turned, _ = RotaryPosition(features, base=base)(x, state=state)
    for i, begin in enumerate(state.tolist()):
        np.testing.assert_allclose(added[i].numpy(), x[i].numpy() + textbook.sinusoidal(begin + places, features, base), rtol=0, atol=1e-9)
        np.testing.assert_allclose(turned[i].numpy(), textbook.rotate(x[i].numpy(), begin + places, base), rtol=0, atol=1e-9)
    assert after.tolist() == [offset + 7, 2 * offset + 7]


def test_the_gradient_of_a_turn_is_that_of_the_textbook():
    x = torch.randn(1, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    wanted = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (RotaryPosition(4)(x)[0][0] * wanted).sum().backward()
    truth = numerical_gradient(lambda x: float((textbook.rotate(x, np.arange(5.0)) * wanted.numpy()).sum()), x.detach().numpy()[0])
    np.testing.assert_allclose(x.grad[0].numpy(), truth, rtol=0, atol=1e-8)


def test_a_turn_keeps_lengths_and_products_depend_on_the_distance_alone():
    x = np.random.default_rng(0).normal(size=(2, 8))
    products = []
    for s, t in [(0, 3), (5, 8), (90, 93)]:
        q, k = textbook.rotate(x[:1], np.array([float(s)])), textbook.rotate(x[1:], np.array([float(t)]))
        assert np.linalg.norm(q) == pytest.approx(np.linalg.norm(x[0]), rel=1e-12)
        products.append(float((q @ k.T).item()))
    assert products == pytest.approx([products[0]] * 3, rel=1e-10)


def test_float32_does_not_lose_far_positions():
    far = torch.tensor([1_000_003])
    ours = SinusoidalPosition(8)(torch.zeros(1, 1, 8), state=far)[0][0, 0]
    np.testing.assert_allclose(ours.numpy(), textbook.sinusoidal(np.array(1_000_003.0), 8), atol=1e-6)


def test_learnt_positions_are_rows_of_the_table_and_end_with_it():
    layer = LearntPosition(6, 3)
    x = torch.zeros(2, 4, 3)
    output, state = layer(x, torch.tensor([4, 1]), torch.tensor([2, 5]))
    assert torch.equal(output[0], layer.table[2:6])
    assert torch.equal(output[1, 0], layer.table[5])
    assert state.tolist() == [6, 6]
    output[1].sum().backward()
    assert layer.table.grad.sum(1).tolist() == [0, 0, 0, 0, 0, 3], "padding reaches no row"
    with pytest.raises(ShapeError, match="Position 6 has no learnt vector: there are 6, for the positions 0 to 5"):
        layer.step(torch.zeros(2, 3), state)
    with pytest.raises(ShapeError, match="Position 7 has no learnt"):
        layer(torch.zeros(1, 8, 3))
    assert 0.015 < LearntPosition(200, 50).table.std() < 0.025


def test_wrong_settings_and_states_are_named():
    for layer in (SinusoidalPosition, RotaryPosition):
        with pytest.raises(ConfigError, match="an even number, not 5"):
            layer(5)
    with pytest.raises(ConfigError, match="`maximum` of a position.*not 0"):
        LearntPosition(0, 4)
    with pytest.raises(ShapeError, match=r"\(batch\) = \(2,\); this one has the shape \(3,\)"):
        SinusoidalPosition(4)(torch.zeros(2, 5, 4), state=torch.zeros(3, dtype=torch.int64))
