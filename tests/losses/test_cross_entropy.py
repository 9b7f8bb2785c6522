"""Cross-entropy: against the textbook and against torch, and the same in any batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.losses.cross_entropy import cross_entropy
from inorder.textbook import training as textbook


def example(batch: int = 5, time: int = 7, classes: int = 4, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(batch, time, classes, generator=generator, dtype=torch.float64).requires_grad_()
    target = torch.randint(0, classes, (batch, time), generator=generator)
    valid = torch.arange(time) < torch.tensor([7, 3, 0, 1, 6])[:batch, None]
    return scores, target, valid


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_it_is_that_of_the_textbook(smoothing):
    scores, target, valid = example()
    loss = cross_entropy(scores, target, valid, smoothing=smoothing)
    expected = [textbook.cross_entropy(scores[i, t].detach().numpy(), int(target[i, t]), smoothing) for i, t in valid.nonzero().tolist()]
    assert loss.total.item() == pytest.approx(sum(expected), rel=1e-12)
    assert int(loss.count) == len(expected)
    assert torch.autograd.gradcheck(lambda s: cross_entropy(s, target, valid, smoothing=smoothing).total, scores)
    # the gradient is p − q
    loss.total.backward()
    q = torch.nn.functional.one_hot(target, 4) * (1 - smoothing) + smoothing / 4
    torch.testing.assert_close(scores.grad, torch.where(valid[..., None], scores.detach().softmax(-1) - q, 0.0))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_of_n_is_n_batches_of_one_whatever_the_padding_holds(smoothing):
    scores, target, valid = example()
    whole = cross_entropy(scores, target, valid, smoothing=smoothing)
    alone = [cross_entropy(scores[i : i + 1, : int(n)], target[i : i + 1, : int(n)], smoothing=smoothing) for i, n in enumerate(valid.sum(1))]
    assert whole.total.item() == pytest.approx(sum(one.total.item() for one in alone), rel=1e-12)
    assert int(whole.count) == sum(int(one.count) for one in alone) == 17
    spoilt = torch.where(valid[..., None], scores.detach(), torch.nan).requires_grad_()
    wrong = torch.where(valid, target, 99)
    again = cross_entropy(spoilt, wrong, valid, smoothing=smoothing)
    assert again.total.item() == whole.total.item()
    again.total.backward()
    assert torch.isfinite(spoilt.grad).all()


def test_no_target_gives_nothing():
    scores = torch.randn(2, 3, 4, requires_grad=True)
    loss = cross_entropy(scores, torch.full((2, 3), -1))
    loss.mean.backward()
    assert (loss.total.item(), int(loss.count), float(scores.grad.abs().sum())) == (0.0, 0, 0.0)


def test_half_precision_is_summed_in_float32():
    scores = torch.randn(300, 50, generator=torch.Generator().manual_seed(1)).bfloat16()
    target = torch.arange(300) % 50
    loss = cross_entropy(scores, target)
    assert loss.total.dtype == torch.float32
    assert loss.total.item() == pytest.approx(cross_entropy(scores.double(), target).total.item(), rel=1e-5)
    assert np.isfinite(loss.mean.item())


def test_what_does_not_fit_is_refused():
    scores, target, _ = example()
    with pytest.raises(ShapeError, match=r"\(5, 7, 4\) and \(5, 6\)"):
        cross_entropy(scores, target[:, 1:])
    with pytest.raises(ShapeError, match="whole numbers, not torch.float64"):
        cross_entropy(scores, target.double())
    with pytest.raises(ShapeError, match="names class 4, but `scores` has 4 classes"):
        cross_entropy(scores, target.clamp(max=2) * 2)
    with pytest.raises(ConfigError, match=r"`smoothing` .* not 1\.0"):
        cross_entropy(scores, target, smoothing=1.0)
