"""The compiled recurrent cells follow the textbook and the loop, with every option, in value and gradient."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from inorder.errors import ShapeError
from inorder.nn import cells
from inorder.nn.cells import Cell
from inorder.nn.fused import cell_over, gates_over
from inorder.textbook import recurrent as plain
from inorder.textbook import recurrent_options as textbook
from inorder.textbook.gradient import numerical_gradient

OFF: dict = {}
KINDS = {
    "tanh": [OFF],
    "relu": [OFF],
    "gru": [{"reset_after": True}, {"reset_after": False}],
    "lstm": [OFF, {"peepholes": True}, {"coupled": True}, {"coupled": True, "peepholes": True}, {"projection": True}, {"peepholes": True, "projection": True}],
}
MASKS = [OFF, {"norm": True}, {"drop": True}, {"hold": True}, {"hold_always": 0.3}, {"norm": True, "drop": True, "hold": True}]
CASES = [(kind, own | masks) for kind, owns in KINDS.items() for own, masks in itertools.product(owns, MASKS)]


def drawn(kind: str, options: dict, lengths: list[int], hidden: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple:
    """pre, starts, lengths, state and cell with random numbers."""
    source = torch.Generator().manual_seed(seed)

    def numbers(*shape: int, around: float = 0.0) -> Tensor:
        return (around + 0.5 * torch.randn(*shape, dtype=torch.float64, generator=source)).to(dtype).requires_grad_()

    def mask(*shape: int) -> Tensor:
        return torch.randint(0, 2, shape, generator=source).to(dtype)

    gates = {"lstm": 3 if options.get("coupled") else 4, "gru": 3}.get(kind, 1)
    output, batch, rows = 3 if options.get("projection") else hidden, len(lengths), sum(lengths)
    norm, hold = options.get("norm"), options.get("hold")
    lstm = kind == "lstm"
    cell = Cell(
        kind,
        numbers(gates * hidden, output),
        scale=numbers(gates * hidden, around=1.0) if norm else None,
        shift=numbers(gates * hidden) if norm else None,
        drop=mask(batch, output) * 2 if options.get("drop") else None,
        hold=mask(rows, output) if hold else None,
        hold_always=options.get("hold_always", 0.0),
        bias=numbers(hidden) if kind == "gru" and options["reset_after"] else None,
        reset_after=options.get("reset_after", True),
        projection=numbers(output, hidden) if options.get("projection") else None,
        peepholes=numbers(gates - 1, hidden) if options.get("peepholes") else None,
        cell_scale=numbers(hidden, around=1.0) if norm and lstm else None,
        cell_shift=numbers(hidden) if norm and lstm else None,
        hold_cell=mask(rows, hidden) if hold and lstm else None,
        hold_cell_always=options.get("hold_always", 0.0) / 2 if lstm else 0.0,
        coupled=options.get("coupled", False),
    )
    state = (numbers(batch, output), numbers(batch, hidden)) if lstm else (numbers(batch, output),)
    size = torch.tensor(lengths, dtype=torch.int64)
    return numbers(rows, gates * hidden), size.cumsum(0) - size, size, state, cell


def learnt(pre: Tensor, state: tuple, cell: Cell) -> list[Tensor]:
    return [pre, *state, *(value for value in vars(cell).values() if isinstance(value, Tensor) and value.requires_grad)]


def weighed(results: list[Tensor]) -> Tensor:
    """A sum in which every number of the results has a weight of its own."""
    source = torch.Generator().manual_seed(9)
    return sum((result * torch.randn(result.shape, generator=source, dtype=torch.float64).to(result.dtype)).sum() for result in results)


def of_textbook(pre: np.ndarray, lengths: list[int], state: tuple, cell: Cell, reverse: bool) -> np.ndarray:
    """(rows, output), step by step: the textbook takes the product with the inputs as its input, with the identity as weights."""

    def array(value: Tensor | float | None, row: int | None = None) -> np.ndarray | float | None:
        return (value.detach().numpy() if row is None else value.detach().numpy()[row]) if isinstance(value, Tensor) else value

    wide = pre.shape[1]
    norm = None if cell.scale is None else textbook.Norm(*(array(part) for part in (cell.scale, cell.shift, cell.cell_scale, cell.cell_shift)))
    hidden_bias = np.zeros(wide)
    if cell.bias is not None:
        hidden_bias[-len(cell.bias) :] = array(cell.bias)
    output, begin = np.zeros((len(pre), state[0].shape[1])), 0
    for b, n in enumerate(lengths):
        h = tuple(array(part, b) for part in state)
        h = plain.LSTMState(*h) if cell.kind == "lstm" else h[0]
        for row in reversed(range(begin, begin + n)) if reverse else range(begin, begin + n):
            options = textbook.Options(
                norm,
                array(cell.drop, b),
                cell.hold_always if cell.hold is None else array(cell.hold, row),
                cell.hold_cell_always if cell.hold_cell is None else array(cell.hold_cell, row),
                array(cell.peepholes),
                cell.coupled,
                array(cell.projection),
            )
            if cell.kind == "lstm":
                h = textbook.lstm_step(pre[row], h, plain.LSTMWeights(np.eye(wide), array(cell.weight), np.zeros(wide)), options)
            elif cell.kind == "gru":
                weights = plain.GRUWeights(np.eye(wide), array(cell.weight), np.zeros(wide), hidden_bias)
                h = textbook.gru_step(pre[row], h, weights, options, cell.reset_after)
            else:
                h = textbook.rnn_step(pre[row], h, plain.RNNWeights(np.eye(wide), array(cell.weight), np.zeros(wide)), options, cell.kind)
            output[row] = h.hidden if cell.kind == "lstm" else h
        begin += n
    return output


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_values_and_gradients_follow_the_textbook(kind, options, reverse):
    pre, starts, lengths, state, cell = drawn(kind, options, [4, 0, 2], hidden=5)
    output, _ = cell_over(pre, starts, lengths, state, cell, reverse)
    truth = of_textbook(pre.detach().numpy(), [4, 0, 2], state, cell, reverse)
    assert np.abs(output.detach().numpy() - truth).max() < 1e-12
    weights = np.random.default_rng(3).normal(size=truth.shape)
    (gradient,) = torch.autograd.grad((output * torch.from_numpy(weights)).sum(), pre)
    differences = numerical_gradient(lambda x: float((of_textbook(x, [4, 0, 2], state, cell, reverse) * weights).sum()), pre.detach().numpy())
    assert np.abs(gradient.numpy() - differences).max() < 1e-6


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("hidden", [1, 7, 19, 33])
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_values_and_gradients_follow_the_loop(kind, options, hidden, reverse):
    pre, starts, lengths, state, cell = drawn(kind, options, [5, 1, 0, 3, 5, 2, 4, 5, 1], hidden)
    found, last = cell_over(pre, starts, lengths, state, cell, reverse)
    truth, ends, gates = cells.run(pre, starts, lengths, state, cell, reverse)
    for name, ours, theirs in zip(("output", "hidden", "cell"), (found, *last), (truth, *ends), strict=False):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12, msg=name)
    for name, values in gates_over(pre, starts, lengths, state, cell, reverse)[2].items():
        torch.testing.assert_close(values, gates[name], rtol=0, atol=1e-12, msg=name)
    of = learnt(pre, state, cell)
    for ours, theirs in zip(torch.autograd.grad(weighed([found, *last]), of), torch.autograd.grad(weighed([truth, *ends]), of), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_single_precision_errs_no_more_than_the_loop_in_single_precision(kind, options):
    runs = {"truth": (torch.float64, cells.run), "loop": (torch.float32, cells.run), "fast": (torch.float32, cell_over)}
    ratios = []
    for seed in range(5):  # one draw alone says little: rounding errors are random, and now and then a sequence magnifies them
        found = {}
        for name, (dtype, work) in runs.items():
            pre, starts, size, state, cell = drawn(kind, options, [11, 6, 11, 1, 8], 24, dtype, seed)
            made = work(pre, starts, size, state, cell, False)
            found[name] = [made[0].detach(), *torch.autograd.grad(weighed([made[0], *made[1]]), learnt(pre, state, cell))]
        loop, fast = ([float((one.double() - truth).norm()) for one, truth in zip(found[name], found["truth"], strict=True)] for name in ("loop", "fast"))
        ratios.append(np.log(np.add(fast, 1e-30)) - np.log(np.add(loop, 1e-30)))
    typical = np.exp(np.mean(ratios, 0))
    assert np.all(typical < 4), f"{typical} times the error of the loop"


@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
def test_numbers_do_not_depend_on_threads_or_on_the_batch(kind):
    pre, starts, lengths, state, cell = drawn(kind, KINDS[kind][0], [9, 4, 0, 7, 9, 9, 2, 5, 8, 9, 1, 3], 21, torch.float32)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            made = cell_over(pre, starts, lengths, state, cell, False)
            found.append([made[0].detach(), *torch.autograd.grad(weighed([made[0], *made[1]]), [pre, *state])])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))
    alone = cell_over(pre[:9], starts[:1], lengths[:1], tuple(part[:1] for part in state), cell, False)[0]
    assert torch.equal(alone, found[0][0][:9])


AFTER_A_FORK = """
import os, sys, torch
from inorder.nn import cells, fused
torch.set_num_threads(2)
(torch.ones(600, 600) @ torch.ones(600, 600)).sum()      # torch's team of threads is at work
count = 64
weight = torch.ones(4 * 8, 8) / 8
given = torch.ones(count * 5, 4 * 8), torch.arange(count) * 5, torch.full((count,), 5), (torch.zeros(count, 8), torch.zeros(count, 8))
before = fused.cell_over(*given, cells.Cell("lstm", weight), False)[0]
child = os.fork()
if child == 0:                                           # torch's threads are not here
    with torch.no_grad():
        same = torch.equal(fused.cell_over(*given, cells.Cell("lstm", weight), False)[0], before)
    os._exit(0 if same else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_does_not_wait_for_threads_that_it_has_not():
    assert subprocess.run([sys.executable, "-P", "-c", AFTER_A_FORK], timeout=120, check=False).returncode == 0


@pytest.mark.parametrize(("kind", "options"), [case for case in CASES if "norm" not in case[1] or "drop" in case[1]])
def test_second_derivatives(kind, options):
    pre, starts, lengths, state, cell = drawn(kind, options, [2, 3], 2)
    names = [name for name, value in vars(cell).items() if isinstance(value, Tensor) and value.requires_grad]

    def run(pre: Tensor, *values: Tensor) -> Tensor:
        own = values[len(state) :]
        return cell_over(pre, starts, lengths, values[: len(state)], replace(cell, **dict(zip(names, own, strict=True))), False)[0]

    assert torch.autograd.gradgradcheck(run, (pre, *state, *(getattr(cell, name) for name in names)), fast_mode=True)


def test_values_that_are_not_numbers_show():
    pre, starts, lengths, state, cell = drawn("lstm", OFF, [4, 4], 6, torch.float32)
    broken = pre.detach().clone()
    broken[1, 3] = float("nan")
    output, _ = cell_over(broken, starts, lengths, state, cell, False)
    assert output[1:4].isnan().any(1).all() and not output[0].isnan().any() and not output[4:].isnan().any()


@pytest.mark.parametrize("kind", ["relu", "tanh", "gru"])
def test_what_is_not_a_number_stays_none(kind):
    pre, starts, lengths, state, cell = drawn(kind, KINDS[kind][0], [4, 2], 11, torch.float32)
    broken = pre.detach().clone()
    broken[1, :] = float("nan")
    found, truth = (work(broken, starts, lengths, state, cell, False)[0] for work in (cell_over, cells.run))
    assert torch.equal(found.isnan(), truth.isnan()) and found[1:4].isnan().any(1).all()


@pytest.mark.parametrize(("starts", "lengths"), [([0, 4], [4, 3]), ([0, 4], [4000, 1]), ([0, 4], [-1, 2]), ([-1, 4], [4, 2]), ([0, 5], [4, 2])])
@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
def test_rows_that_are_not_there_are_refused(kind, starts, lengths):
    pre, _, _, state, cell = drawn(kind, KINDS[kind][0], [4, 2], 5)
    with pytest.raises(ShapeError, match=r"`lengths\[[01]\]` is -?\d+.*and there are 6"):
        cell_over(pre, torch.tensor(starts), torch.tensor(lengths), state, cell, False)


def test_numbers_of_two_kinds_are_refused():
    pre, starts, lengths, state, cell = drawn("gru", {"reset_after": True}, [4, 2], 5)
    with pytest.raises(ShapeError, match=r"numbers of one kind; these are torch\.float32, torch\.float64"):
        cell_over(pre, starts, lengths, (state[0].float(),), cell, False)


def test_great_values_saturate():
    pre, starts, lengths, state, cell = drawn("lstm", OFF, [3], 5, torch.float32)
    output, _ = cell_over(pre.detach() * 1e30, starts, lengths, state, cell, False)
    assert output.isfinite().all() and output.abs().max() <= 1


def test_without_the_extension_the_loop_runs(monkeypatch):
    from inorder.kernels import recurrent as kernels

    pre, starts, lengths, state, cell = drawn("gru", {"reset_after": True}, [4, 2], 6)
    truth, last = cell_over(pre, starts, lengths, state, cell, False)
    monkeypatch.setattr(kernels, "extension", None)
    output, end = cell_over(pre, starts, lengths, state, cell, False)
    torch.testing.assert_close(output, truth, rtol=0, atol=1e-12)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-12)
