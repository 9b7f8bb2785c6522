"""The tasks that need memory, at a reduced length, and what they are."""

from __future__ import annotations

import pytest
import torch

from benchmarks.memory_tasks import KINDS, SYMBOLS, adding_task, copy_task, learn


def test_the_adding_problem_is_what_it_says():
    task = adding_task(40)
    x, target = task.draw(500, 40, torch.Generator().manual_seed(0))
    assert x.shape == (500, 40, 2) and (x[:, :20, 1].sum(1) == 1).all() and (x[:, 20:, 1].sum(1) == 1).all()
    assert torch.allclose((x[:, :, 0] * x[:, :, 1]).sum(1), target)
    assert ((target - 1) ** 2).mean().item() == pytest.approx(task.guess, rel=0.15), "the error of the mean, 2 · 1/12"
    assert task.loss(target[:, None, None].expand(-1, 40, 1), target).item() == 0.0


def test_the_copy_task_is_what_it_says():
    task = copy_task(7)
    x, symbols = task.draw(50, 7, torch.Generator().manual_seed(0))
    shown = x.argmax(2)
    assert x.shape == (50, SYMBOLS + 7 + SYMBOLS, KINDS + 2) and (x.sum(2) == 1).all()
    assert torch.equal(shown[:, :SYMBOLS], symbols)
    assert (shown[:, SYMBOLS + 6] == KINDS + 1).all() and (shown == KINDS + 1).sum() == 50, "the signal comes once, `lag` steps after the symbols"
    assert (shown[:, SYMBOLS : SYMBOLS + 6] == KINDS).all() and (shown[:, -SYMBOLS:] == KINDS).all()
    right = torch.zeros(50, x.shape[1], KINDS)
    assert task.loss(right, symbols).item() == pytest.approx(task.guess)
    right[:, -SYMBOLS:] = 50.0 * torch.nn.functional.one_hot(symbols, KINDS)
    assert task.loss(right, symbols).item() < 1e-6


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_gates_solve_a_short_adding_problem(cell):
    learnt = learn(adding_task(20, 32, 900), cell)
    assert learnt.solved and learnt.error < 0.01
    assert learnt.steps < 900 and learnt.reached == 20 and learnt.after > learnt.before > 0


def test_a_plain_network_does_not_in_as_many_steps():
    learnt = learn(adding_task(60, 32, 300), "RNN")
    assert not learnt.solved and learnt.error > 0.05
    assert learnt.steps == 300
