"""What is seen of a run: the log, the bar, TensorBoard; and the test of learning rates."""

from __future__ import annotations

import builtins
import io
import json
import math
import sys

import numpy as np
import pytest
import small
import torch

from inorder.errors import ConfigError, MissingExtra
from inorder.nn.gradient_flow import gradient_flow
from inorder.train import loop
from inorder.train.checkpoint import save_checkpoint
from inorder.train.history import Epoch, Step
from inorder.train.loop import fit
from inorder.train.range_test import find_learning_rate, steepest
from inorder.train.settings import Training
from inorder.train.watching import Flows, JsonLines, TensorBoard


def test_the_log_of_a_directory_has_every_tenth_step_and_every_epoch(tmp_path):
    seen = []
    record = fit(small.Small(), small.bucketed(), small.squared, Training(max_epochs=5, layer_norms=True), directory=tmp_path, watch=[seen.append])
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "step"]
    assert [line["step"] for line in steps] == [10, 20, 30]
    assert [line["epoch"] for line in lines if line["kind"] == "epoch"] == [1, 2, 3, 4, 5]
    there = next(step for step in seen if isinstance(step, Step) and step.step == 20)
    assert steps[1]["loss"] == there.loss and steps[1]["layer_norms"] == there.layer_norms
    assert lines[-1]["train_loss"] == record.epochs[-1].train_loss and lines[-1]["validation_loss"] is None
    assert len([step for step in seen if isinstance(step, Step)]) == 30


def test_a_log_that_was_cut_off_loses_what_comes_after_the_checkpoint(tmp_path):
    path = tmp_path / "log.jsonl"
    step = Step(1, 1, 1, 9, 0.5, 3.0, 1.0, 0.1, 0.2)
    with JsonLines(path) as log:
        for k in range(1, 6):
            log(Step(**{**vars(step), "step": k}))
        log(Epoch(1, 0.5, math.nan, 1.0, 0.1, 0.3))
    path.write_text(path.read_text() + '{"kind": "st')
    with JsonLines(path) as log:
        log.resume(3, 0)
        log(Step(**{**vars(step), "step": 4}))
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 3, 4]


def test_gradients_by_time_lag_are_measured_after_epochs_and_change_nothing(tmp_path):
    plain = small.Small()
    fit(plain, small.bucketed(), small.squared, Training(max_epochs=4))
    model, x = small.Small(), small.bucketed().make(np.arange(3)).inputs
    flows = Flows(model, x, every=2, path=tmp_path / "flows.jsonl")
    fit(model, small.bucketed(), small.squared, Training(max_epochs=4), watch=[flows])
    assert torch.equal(small.flat(model), small.flat(plain))
    assert list(flows.flows) == [2, 4]
    np.testing.assert_allclose(flows.flows[4].norms, gradient_flow(model, x).norms)
    lines = [json.loads(line) for line in (tmp_path / "flows.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [2, 4]
    assert lines[1]["median"] == flows.flows[4].median.tolist()


def test_a_model_that_is_no_longer_finite_does_not_end_the_watching(tmp_path):
    model = torch.nn.GRU(1, 2, batch_first=True)
    torch.nn.init.constant_(model.weight_ih_l0, torch.nan)
    flows = Flows(model, torch.ones(2, 3, 1), path=tmp_path / "flows.jsonl")
    flows(Epoch(1, 0.5, 0.5, 2.0, 0.001, 3.25))
    assert np.isnan(flows.flows[1].norms).all()
    assert json.loads((tmp_path / "flows.jsonl").read_text())["median"] == [None] * 3


@pytest.mark.parametrize("save", [2, 9], ids=["after epoch 0", "after the last step of an epoch"])
def test_no_epoch_is_noted_twice_when_a_run_goes_on(save, tmp_path, monkeypatch):
    """The report of epoch 0, or 1, has been written when the run is killed in the save that follows; the last checkpoint is of the step before."""
    model, calls = small.Small(), iter(range(1, 1000))

    def killed(*given, **named):
        if next(calls) == save:
            raise KeyboardInterrupt
        save_checkpoint(*given, **named)

    def run():
        flows = Flows(model, small.bucketed().make(np.arange(3)).inputs, path=tmp_path / "flows.jsonl")
        fit(model, small.bucketed(), small.squared, Training(max_epochs=2, checkpoint_seconds=0), valid=small.bucketed(6), directory=tmp_path, watch=[flows])

    monkeypatch.setattr(loop, "save_checkpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        run()
    run()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if line["kind"] == "epoch"] == [0, 1, 2]
    assert [json.loads(line)["epoch"] for line in (tmp_path / "flows.jsonl").read_text().splitlines()] == [0, 1, 2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_says_loss_norm_speed_and_time_left_on_a_terminal_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    shown, texts = Terminal(), []
    monkeypatch.setattr(sys, "stderr", shown)

    def note(seen):
        if isinstance(seen, Step):
            texts.append(seen)

    fit(small.Small(), small.bucketed(), small.squared, Training(max_epochs=30), valid=small.bucketed(6), progress=True, watch=[note])
    text = shown.getvalue()
    assert "epoch 30/30" in text or "epoch 29/30" in text
    for word in ("loss ", "validation ", "gradient ", "targets/s", "0:00"):
        assert word in text, word
    quiet = io.StringIO()
    monkeypatch.setattr(sys, "stderr", quiet)
    fit(small.Small(), small.bucketed(), small.squared, Training(max_epochs=1), progress=True)
    assert quiet.getvalue() == ""


def test_tensorboard_needs_its_extra(monkeypatch, tmp_path):
    plain = builtins.__import__

    def absent(name, *rest):
        if name == "tensorboard" or name.startswith("torch.utils.tensorboard"):
            raise ModuleNotFoundError("No module named 'tensorboard'", name="tensorboard")
        return plain(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtra, match=r'"track" extra: pip install "inorder\[track\]"'):
        TensorBoard(tmp_path)


def test_tensorboard_is_given_the_curves(monkeypatch, tmp_path):
    scalars = []

    class Writer:
        def __init__(self, folder, purge_step=None):
            assert folder == str(tmp_path)
            self.purge_step = purge_step

        def add_scalar(self, name, value, at):
            scalars.append((name, value, at))

        def flush(self):
            pass

        def close(self):
            scalars.append("closed")

    stand_in = type(sys)("torch.utils.tensorboard")
    stand_in.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    with TensorBoard(tmp_path) as board:
        record = fit(small.Small(), small.bucketed(), small.squared, Training(max_epochs=2, layer_norms=True), valid=small.bucketed(6), watch=[board])
    assert scalars[-1] == "closed"
    assert ("epoch/validation_loss", record.epochs[2].validation_loss, 2) in scalars
    names = {name for name, *_ in scalars[:-1]}
    assert {"step/loss", "step/gradient_norm", "step/targets_per_second", "gradient_norm/layer.weight_hh_l0", "epoch/train_loss"} <= names
    assert [at for name, _, at in scalars[:-1] if name == "step/loss"] == list(range(1, 13))
    board.resume(5, 1)
    assert board.writer.purge_step == 6, "the first step that is made again"


def test_the_range_test_finds_a_rate_that_learns_and_leaves_all_as_it_was():
    torch.manual_seed(3)
    model = small.Small(dropout=0.2)
    model.eval()
    before, random = small.flat(model), torch.get_rng_state()
    test = find_learning_rate(model, small.bucketed(), small.squared, Training(), steps=60, highest=3.0)
    assert torch.equal(small.flat(model), before) and torch.equal(torch.get_rng_state(), random) and not model.training
    assert all(value.grad is None for value in model.parameters())
    assert 1e-4 < test.suggestion < 1
    assert test.rates[0] == pytest.approx(1e-6) and (np.diff(np.log(test.rates)) > 0).all() and len(test.rates) == len(test.losses)
    axes = test.plot()
    assert axes.get_xscale() == "log" and f"{test.suggestion:.2g}" in axes.get_title()
    losses = []
    for rate in (test.suggestion, test.suggestion / 1000):
        model = small.Small()
        losses.append(fit(model, small.bucketed(), small.squared, Training(learning_rate=rate, max_epochs=3)).best_loss)
    assert losses[0] < losses[1]
    with pytest.raises(ConfigError, match="`lowest` and `highest`"):
        find_learning_rate(model, small.bucketed(), small.squared, lowest=1.0, highest=0.1)
    with pytest.raises(ConfigError, match="`steps` is 5 or more"):
        find_learning_rate(model, small.bucketed(), small.squared, steps=2)


def test_the_range_test_carries_state_and_ends_where_the_loss_explodes():
    test = find_learning_rate(small.Small(), small.streams(), small.squared_on, Training(optimiser="sgd"), highest=1e6, steps=50)
    assert len(test.rates) < 50 and np.isfinite(test.losses).all()


def test_the_steepest_place_of_a_known_curve():
    rates = np.logspace(-4, 0, 81)
    x = np.log10(rates)
    assert steepest(rates, -1 / (1 + np.exp(-8 * (x + 2)))) == pytest.approx(0.01)
    assert math.isnan(steepest(rates, x))
