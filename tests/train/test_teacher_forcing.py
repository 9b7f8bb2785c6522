"""Scheduled sampling: the decays against the textbook, the mixed loop against teacher forcing, free running and the textbook."""

from __future__ import annotations

import numpy as np
import pytest
import small
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.nn.recurrent import LSTM
from inorder.textbook import training as textbook
from inorder.textbook.teacher_forcing import free_running, teacher_forced
from inorder.train.loop import fit
from inorder.train.settings import Training
from inorder.train.teacher_forcing import ScheduledSampling, unroll_mixed
from inorder.train.update import current_step


@pytest.mark.parametrize(
    ("decay", "options"),
    [("linear", {"start": 0.9, "end": 0.25, "steps": 50}), ("exponential", {"k": 0.95}), ("inverse-sigmoid", {"k": 12.0}), ("inverse-sigmoid", {"k": 1.0})],
)
def test_the_decays_are_those_of_the_textbook(decay, options):
    falling = ScheduledSampling(decay, **options)
    probabilities = [falling.probability(step) for step in range(200)]
    assert probabilities == pytest.approx([textbook.truth_probability(decay, step, **options) for step in range(200)], rel=1e-12)
    assert all(a >= b for a, b in zip(probabilities, probabilities[1:], strict=False))
    assert 0 <= falling.probability(10**9) <= options.get("end", 1e-9)


def test_the_draws_are_a_matter_of_seed_and_step_and_as_many_as_they_should_be():
    falling = ScheduledSampling("exponential", k=0.9, seed=4)
    shown = falling.truths(200, 50, step=7)
    assert torch.equal(shown, falling.truths(200, 50, step=7))
    assert not torch.equal(shown, falling.truths(200, 50, step=8))
    assert not torch.equal(shown, ScheduledSampling("exponential", k=0.9, seed=5).truths(200, 50, step=7))
    assert shown.double().mean().item() == pytest.approx(0.9**7, abs=4 * 0.5 / 100)
    assert 0 < shown.double().mean(1).std() and 0 < shown.double().mean(0).std(), "each sequence and each step has a draw of its own"


def model(seed: int = 0):
    torch.manual_seed(seed)
    layer, output = LSTM(1, 3).double(), torch.nn.Linear(3, 1).double()

    def step(x, state):
        hidden, state = layer.step(x, state)
        return output(hidden), state

    return layer, output, step


def test_all_truth_is_the_whole_sequence_at_once_and_none_is_free_running():
    layer, output, step = model()
    truth = torch.randn(2, 6, 1, dtype=torch.float64)
    first = torch.zeros(2, 1, dtype=torch.float64)
    forced, _ = unroll_mixed(step, layer.init(2), first, truth, torch.ones(2, 6, dtype=torch.bool))
    hidden, _ = layer(torch.cat([first[:, None], truth[:, :-1]], dim=1))
    torch.testing.assert_close(forced, output(hidden))
    alone, _ = unroll_mixed(step, layer.init(2), first, truth, torch.zeros(2, 5, dtype=torch.bool))
    for i in range(2):
        start, values = layer.init(1), list(truth[i : i + 1].unbind(1))
        with torch.no_grad():
            torch.testing.assert_close(alone[i], torch.cat(free_running(step, start, first[i : i + 1], 6).outputs).detach())
            torch.testing.assert_close(forced[i], torch.cat(teacher_forced(step, start, first[i : i + 1], values).outputs).detach())


def test_each_place_follows_its_own_draw_and_a_said_value_carries_no_gradient():
    truth = torch.arange(1.0, 9.0).reshape(2, 4)
    shown = torch.tensor([[True, False, True], [False, False, True]])
    inputs = []

    def step(x, state):
        inputs.append(x)
        return -x * state, state

    weight = torch.tensor(2.0, requires_grad=True)
    outputs, _ = unroll_mixed(step, weight, torch.zeros(2) + 0.5, truth, shown, feed=lambda y: y + 100)
    torch.testing.assert_close(torch.stack(inputs, 1), torch.tensor([[0.5, 1.0, 98.0, 3.0], [0.5, 99.0, -98.0, 7.0]]))
    outputs.sum().backward()
    assert weight.grad.item() == -torch.stack(inputs).sum().item()


def test_what_is_out_of_range_is_refused():
    for options, match in (
        ({"decay": "exponential", "k": 1.0}, r"`k` of the exponential .* not 1\.0"),
        ({"decay": "inverse-sigmoid", "k": 0.5}, r"`k` of the inverse-sigmoid .* not 0\.5"),
        ({"decay": "sigmoid"}, 'Did you mean "inverse-sigmoid"'),
        ({"start": 0.2, "end": 0.5}, "probabilities, .* 0.2 and 0.5"),
        ({"steps": 0}, "`steps` .* not 0"),
    ):
        with pytest.raises(ConfigError, match=match):
            ScheduledSampling(**options)
    with pytest.raises(ShapeError, match=r"`shown` is \(batch, time\) = \(2, 4\), bool; this one is \(2, 2\)"):
        unroll_mixed(lambda x, state: (x, state), None, torch.zeros(2), torch.zeros(2, 4), torch.zeros(2, 2, dtype=torch.bool))
    assert np.isfinite(ScheduledSampling("inverse-sigmoid", k=1.0).probability(100_000))


def test_the_step_is_that_of_the_run_in_training_and_in_validation():
    seen = []

    def loss(model, batch):
        seen.append((current_step(), model.training))
        return small.squared(model, batch)

    fit(small.Small(), small.bucketed(12), loss, Training(max_epochs=2, accumulate=2), valid=small.bucketed(4))
    learnt = [(0, True), (0, True), (1, True)]  # three batches in steps of two
    assert seen == [(0, False), *learnt, (2, False), *[(step + 2, True) for step, _ in learnt], (4, False)]
    assert current_step() == 0
