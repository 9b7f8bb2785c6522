"""The compiled scans follow their textbook twins in value and gradient, and are operators that torch can differentiate, compile and export."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.kernels import compiled
from inorder.kernels import linear_scan as fast
from inorder.textbook import minimal as textbook
from inorder.textbook.gradient import numerical_gradient

SIZES = [(1, 1, 1), (3, 7, 5), (2, 63, 37), (1, 20, 300)]
GATES = {"gru": textbook.min_gru_gates, "lstm": textbook.min_lstm_gates}
PARTS = {"gru": 2, "lstm": 3}


def given(batch: int, time: int, parts: int, hidden: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pre = 2 * torch.randn(batch, time, parts * hidden, generator=generator, dtype=torch.float64)
    return pre.to(dtype).requires_grad_(), torch.randn(batch, hidden, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


def gates_of(cell: str, pre: np.ndarray, positive: bool) -> textbook.Gates:
    """The textbook's gates where the product of the inputs is `pre`."""
    return GATES[cell](pre, textbook.MinimalWeights(np.eye(pre.shape[-1]), np.zeros(pre.shape[-1])), positive)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("reverse", [False, True])
def test_the_scan_follows_the_textbook_in_value_and_gradient(sizes, reverse):
    batch, time, hidden = sizes
    keep, first = given(batch, time, 1, hidden)
    fresh, _ = given(batch, time, 1, hidden, seed=1)
    lengths = torch.tensor([time, time // 2, 0][:batch])
    output, last = fast.linear_scan(keep, fresh, first, lengths, reverse=reverse)
    wanted, of_last = torch.randn_like(output), torch.randn_like(last)
    grads = torch.autograd.grad([output, last], [keep, fresh, first], [wanted, of_last])
    for b, n in enumerate(lengths.tolist()):
        order = slice(None, None, -1) if reverse else slice(None)
        rows = textbook.Gates(*(part.detach().numpy()[b, :n][order] for part in (keep, fresh)))
        h, start = textbook.linear_scan(rows, first.detach().numpy()[b]), first.detach().numpy()[b]
        np.testing.assert_allclose(output.detach().numpy()[b, :n], h[order], rtol=1e-12, atol=1e-12, err_msg="output")
        np.testing.assert_allclose(last.detach().numpy()[b], h[-1] if n else start, rtol=1e-12, err_msg="last")
        d_h = wanted.numpy()[b, :n][order].copy()
        if n:
            d_h[-1] += of_last.numpy()[b]
        by_gates, by_first = textbook.linear_scan_backward(rows, start, d_h)
        np.testing.assert_allclose(grads[0].numpy()[b, :n], by_gates.keep[order], rtol=1e-11, atol=1e-11, err_msg="by keep")
        np.testing.assert_allclose(grads[1].numpy()[b, :n], by_gates.fresh[order], rtol=1e-11, atol=1e-11, err_msg="by fresh")
        np.testing.assert_allclose(grads[2].numpy()[b], by_first if n else of_last.numpy()[b], rtol=1e-11, atol=1e-11, err_msg="by first")
        assert not output[b, n:].any() and not grads[0][b, n:].any() and not grads[1][b, n:].any(), "beyond the length"


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize("positive", [True, False])
def test_gates_follow_the_textbook(cell, positive, sizes):
    batch, time, hidden = sizes
    pre, first = given(batch, time, PARTS[cell], hidden)
    output, _ = fast.gated_scan(pre, first, cell=cell, positive=positive)
    for b in range(batch):
        truth = textbook.linear_scan(gates_of(cell, pre.detach().numpy()[b], positive), first.detach().numpy()[b])
        np.testing.assert_allclose(output.detach().numpy()[b], truth, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize("positive", [True, False])
def test_gradients_are_differences_of_the_textbook(cell, positive):
    pre, first = given(1, 6, PARTS[cell], 3, seed=3)
    wanted = np.random.default_rng(0).normal(size=(6, 3))
    output, _ = fast.gated_scan(pre, first, cell=cell, positive=positive)
    by_pre, by_first = torch.autograd.grad((output * torch.tensor(wanted)).sum(), [pre, first])
    x, h = pre.detach().numpy()[0], first.detach().numpy()[0]
    differences = numerical_gradient(lambda x: float((wanted * textbook.linear_scan(gates_of(cell, x, positive), h)).sum()), x)
    np.testing.assert_allclose(by_pre.numpy()[0], differences, atol=1e-8)
    differences = numerical_gradient(lambda h: float((wanted * textbook.linear_scan(gates_of(cell, x, positive), h)).sum()), h)
    np.testing.assert_allclose(by_first.numpy()[0], differences, atol=1e-8)


@pytest.mark.parametrize("cell", GATES)
def test_second_derivatives(cell):
    pre, first = given(2, 5, PARTS[cell], 2, seed=4)
    pre = (pre.detach() + 0.1).requires_grad_()
    lengths = torch.tensor([5, 3])
    assert torch.autograd.gradcheck(lambda pre, first: fast.gated_scan(pre, first, lengths, cell=cell), (pre, first))
    assert torch.autograd.gradgradcheck(lambda pre, first: fast.gated_scan(pre, first, lengths, cell=cell), (pre, first))


def test_second_derivatives_of_the_scan():
    keep, first = given(2, 5, 1, 2)
    fresh, _ = given(2, 5, 1, 2, seed=1)
    assert torch.autograd.gradgradcheck(lambda keep, fresh, first: fast.linear_scan(keep, fresh, first, reverse=True), (keep, fresh, first))


@pytest.mark.parametrize("cell, positive, reverse", [*itertools.product(GATES, [True, False], [False, True])])
def test_single_precision_and_the_form_without_a_kernel(cell, positive, reverse, monkeypatch):
    """Errors of the kernel and of the torch form, both against double precision: the kernel's is at most twice as large."""
    (pre, first), lengths = given(3, 40, PARTS[cell], 33), torch.tensor([40, 0, 17])
    wanted = torch.randn(3, 40, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(7))

    def answers(dtype: torch.dtype) -> list[torch.Tensor]:
        x, h = pre.detach().to(dtype).requires_grad_(), first.detach().to(dtype).requires_grad_()
        output, last = fast.gated_scan(x, h, lengths, cell=cell, positive=positive, reverse=reverse)
        return [output, last, *torch.autograd.grad((output * wanted.to(dtype)).sum() + last.sum(), [x, h])]

    exact, single = answers(torch.float64), answers(torch.float32)
    monkeypatch.setattr(fast, "extension", None)
    plain, plain_single = answers(torch.float64), answers(torch.float32)
    for truth, double, ours, theirs, name in zip(exact, plain, single, plain_single, ("output", "last", "by pre", "by first"), strict=True):
        assert (truth - double).abs().max() < 1e-12, name
        assert (truth - ours).abs().max() <= 2 * (truth - theirs).abs().max() + 1e-7, name


def test_gates_at_their_ends():
    """Far out, a gate is 0 or 1 and a gradient 0, not NaN."""
    far = torch.tensor([-1e4, -90.0, 0.0, 90.0, 1e4])
    pre = torch.cartesian_prod(far, far, far)[None].requires_grad_()  # (1, 125 steps, 3), one unit
    output, _ = fast.gated_scan(pre, torch.zeros(1, 1), cell="lstm")
    (gradient,) = torch.autograd.grad(output.sum(), pre)
    assert output.isfinite().all() and gradient.isfinite().all()
    pre = torch.tensor([[[-1e4, 3.0], [1e4, 3.0]]])
    assert fast.gated_scan(pre, torch.full((1, 1), 7.0))[0].flatten().tolist() == [7.0, 3.5]


@pytest.mark.skipif(not compiled, reason="the kernels are not compiled")
def test_threads_change_nothing():
    pre, first = given(3, 400, 2, 300, torch.float32)

    def answers() -> list[torch.Tensor]:
        output, last = fast.gated_scan(pre, first)
        return [output, last, *torch.autograd.grad(output.square().sum(), [pre, first])]

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = answers()
        torch.set_num_threads(5)
        assert all(map(torch.equal, one, answers()))
    finally:
        torch.set_num_threads(before)


def test_parts_of_larger_tensors():
    """Tensors that do not lie in one piece give what their copies give, gradients included."""
    wide = torch.randn(4, 9, 2, 6, dtype=torch.float64, requires_grad=True)
    turned = wide.permute(1, 0, 3, 2).flatten(2)  # (9, 4, 12)
    first = torch.zeros(9, 6, dtype=torch.float64)
    (by,) = torch.autograd.grad(fast.gated_scan(turned.transpose(0, 1)[:, ::2], first[:4])[0].sum(), wide)
    (truth,) = torch.autograd.grad(fast.by_doubling(turned.transpose(0, 1)[:, ::2], None, first[:4], None, fast.GRU_POSITIVE, False)[0].sum(), wide)
    torch.testing.assert_close(by, truth)


def test_the_scan_in_logarithms_is_the_same():
    x = np.random.default_rng(0).normal(size=(50, 8))
    gates = gates_of("gru", x, True)
    first = np.full(4, 0.5)
    np.testing.assert_allclose(textbook.log_space_scan(np.log(gates.keep), np.log(gates.fresh), np.log(first)), textbook.linear_scan(gates, first), rtol=1e-10)


@pytest.mark.skipif(not compiled, reason="the kernels are not compiled")
def test_the_operators_keep_the_rules_of_torch():
    pre, first = given(2, 4, 2, 3)
    torch.library.opcheck(fast.forward, (pre, None, first, torch.tensor([4, 2]), fast.GRU, False))
    torch.library.opcheck(fast.forward, (pre[..., :3].detach().requires_grad_(), pre[..., 3:].detach(), first, None, fast.SCAN, True))


@pytest.mark.parametrize("batch, time", [(0, 5), (3, 0), (0, 0)])
def test_nothing_gives_nothing(batch, time):
    pre, first = torch.zeros(batch, time, 8, requires_grad=True), torch.ones(batch, 4, requires_grad=True)
    output, last = fast.gated_scan(pre, first)
    assert output.shape == (batch, time, 4)
    assert torch.equal(last, first if time == 0 else torch.zeros(0, 4))
    by_pre, by_first = torch.autograd.grad(output.sum() + last.sum(), [pre, first])
    assert by_pre.shape == pre.shape and torch.equal(by_first, torch.ones(batch, 4))


def test_another_cell_is_refused():
    with pytest.raises(ConfigError, match="`cell` is .*not 'rnn'"):
        fast.gated_scan(torch.zeros(1, 1, 2), torch.zeros(1, 1), cell="rnn")


ONES = torch.ones(2, 5, 4)


@pytest.mark.parametrize(
    "fresh, first, message",
    [
        (ONES, torch.zeros(1, 4), r"`first` has the axes \(batch, hidden\) = \(2, 4\); this one has the shape \(1, 4\)"),
        (ONES[:, :3], torch.zeros(2, 4), r"`fresh` has the axes \(batch, time, hidden\) = \(2, 5, 4\); this one has the shape \(2, 3, 4\)"),
        (ONES.double(), torch.zeros(2, 4), "`fresh` holds torch.float64, the rest torch.float32"),
        (ONES, torch.zeros(2, 4).double(), "`first` holds torch.float64, the rest torch.float32"),
        (ONES, torch.zeros(2, 4, device="meta"), "`first` lies on meta, the rest on cpu"),
    ],
)
def test_what_does_not_fit_is_refused(fresh, first, message):
    with pytest.raises(ShapeError, match=message):
        fast.linear_scan(0.5 * ONES, fresh, first)


def test_gates_and_lengths_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"`first` has the axes \(batch, hidden\) = \(2, 2\)"):
        fast.gated_scan(ONES, torch.zeros(2, 4))
    with pytest.raises(ShapeError, match=r"`pre` has the axes \(batch, time, 3·hidden\); this one has the shape \(2, 5, 4\)"):
        fast.gated_scan(ONES, torch.zeros(2, 4), cell="lstm")
    with pytest.raises(ShapeError, match=r"`keep` has the axes \(batch, time, hidden\); this one has the shape \(5, 4\)"):
        fast.linear_scan(ONES[0], ONES[0], torch.zeros(2, 4))
    for lengths in (torch.tensor([5]), torch.tensor([5.0, 2.0]), torch.tensor([True, False])):
        with pytest.raises(ShapeError, match="`lengths` is .*; 2 whole numbers"):
            fast.linear_scan(ONES, ONES, torch.zeros(2, 4), lengths)
