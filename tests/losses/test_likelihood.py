"""The likelihood losses equal SciPy's densities, forgive missing targets, and have true gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from inorder.errors import ShapeError
from inorder.losses.likelihood import LIKELIHOODS, student_loss

DENSITIES = {
    "normal": lambda y, m, s: stats.norm.logpdf(y, m, s),
    "student-t": lambda y, m, s: stats.t.logpdf(y, 5.0, m, s),
    "laplace": lambda y, m, s: stats.laplace.logpdf(y, m, s),
}


def numbers(shape=(3, 4)):
    random = np.random.default_rng(0)
    return random.normal(size=shape), random.uniform(0.3, 2, shape), random.normal(size=shape) * 3


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_loss_is_minus_the_mean_log_density(name):
    location, scale, target = numbers()
    loss = LIKELIHOODS[name](*map(torch.tensor, (location, scale, target)), None)
    assert float(loss) == pytest.approx(-DENSITIES[name](target, location, scale).mean(), abs=1e-12)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_missing_and_padded_targets_count_for_nothing(name):
    location, scale, target = map(torch.tensor, numbers())
    whole = LIKELIHOODS[name](location[:, :3], scale[:, :3], target[:, :3], None)
    holed = target.clone()
    holed[:, 3] = float("nan")
    location.requires_grad_()
    loss = LIKELIHOODS[name](location, scale, holed, None)
    assert float(loss.detach()) == pytest.approx(float(whole), abs=1e-12)
    loss.backward()
    assert not torch.isnan(location.grad).any()
    assert not location.grad[:, 3].any()
    valid = torch.ones(3, 4, dtype=torch.bool)
    valid[:, 3] = False
    assert float(LIKELIHOODS[name](location, scale, target, valid).detach()) == pytest.approx(float(whole), abs=1e-12)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_nothing_known_is_zero_with_a_zero_gradient(name):
    location = torch.zeros(2, 3, requires_grad=True)
    loss = LIKELIHOODS[name](location, torch.ones(2, 3), torch.full((2, 3), float("nan")), None)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert not location.grad.any()


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_gradients_agree_with_differences(name):
    location, scale, target = map(torch.tensor, numbers())
    location.requires_grad_()
    scale.requires_grad_()
    assert torch.autograd.gradcheck(lambda m, s: LIKELIHOODS[name](m, s, target, None), (location, scale))


def test_shapes_that_do_not_fit_are_told():
    with pytest.raises(ShapeError, match=r"\(2,\), \(2,\) and \(3,\)"):
        student_loss(torch.zeros(2), torch.ones(2), torch.zeros(3))
