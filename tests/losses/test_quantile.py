"""Quantile losses follow the textbook in value and gradient, and are least where they should be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.errors import ShapeError
from inorder.losses.quantile import multi_quantile_loss, ordered, pinball_loss
from inorder.textbook import quantile as textbook

PROBABILITIES = (0.05, 0.3, 0.5, 0.9, 0.99)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("p", PROBABILITIES)
def test_pinball_follows_the_textbook_in_value_and_gradient(p):
    quantile, target = drawn(7, 3).requires_grad_(), drawn(7, 3, seed=1)
    target[2, 1] = float("nan")
    valid = torch.ones(7, 3, dtype=torch.bool)
    valid[4] = False
    loss = pinball_loss(quantile, target, p, valid)
    pairs = [(q, y) for q, y, v in zip(quantile.flatten().tolist(), target.flatten().tolist(), valid.flatten().tolist(), strict=True) if v and y == y]
    assert int(loss.count) == len(pairs) == 17
    assert float(loss.total.detach()) == pytest.approx(sum(textbook.pinball(q, y, p) for q, y in pairs), abs=1e-12)
    loss.total.backward()
    known = valid & ~torch.isnan(target)
    expected = torch.where(known, torch.where(target > quantile, -p, 1 - p), 0.0)  # ∂/∂q of the two branches
    np.testing.assert_allclose(quantile.grad, expected.detach(), atol=1e-12)


def test_the_pinball_loss_is_least_at_the_quantile():
    y = drawn(2001).sort().values
    grid = torch.linspace(-3, 3, 601, dtype=torch.float64)
    for p in PROBABILITIES:
        costs = [float(pinball_loss(q.expand(2001), y, p).total) for q in grid]
        assert float(grid[int(np.argmin(costs))]) == pytest.approx(float(np.quantile(y, p)), abs=0.02), p


def test_several_quantiles_are_the_mean_of_each():
    quantiles, target, p = drawn(4, 6, 5), drawn(4, 6, seed=2), torch.tensor(PROBABILITIES, dtype=torch.float64)
    target[0, 0] = float("nan")
    loss = multi_quantile_loss(quantiles, target, p)
    each = [float(pinball_loss(quantiles[..., k], target, PROBABILITIES[k]).total) for k in range(5)]
    assert float(loss.total) == pytest.approx(np.mean(each), abs=1e-12)
    assert int(loss.count) == 23


def test_ordered_quantiles_follow_the_textbook_and_their_gradient_is_right():
    raw = drawn(5, 7)
    rising = ordered(raw)
    np.testing.assert_allclose(rising, [textbook.ordered(row) for row in raw.tolist()], atol=1e-12)
    assert (rising.diff(dim=-1) > 0).all()
    assert torch.autograd.gradcheck(ordered, raw.requires_grad_())


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"\(3,\) and \(2,\)"):
        pinball_loss(torch.zeros(3), torch.zeros(2), 0.5)
    with pytest.raises(ShapeError, match=r"\(3, 2\).*\(3, 5\) was expected"):
        multi_quantile_loss(torch.zeros(3, 2), torch.zeros(3), torch.tensor(PROBABILITIES))
