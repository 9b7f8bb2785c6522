"""Checkpoints: a run that is killed at random moments ends with the same weights, bit for bit, as one that is left alone."""

from __future__ import annotations

import functools
import json
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import killed
import numpy as np
import pytest
import small
import torch
from safetensors.torch import load_file

from inorder.data.batch import Listed, Windows
from inorder.data.bucketing import Bucketed
from inorder.data.shards import Shards, write_shard
from inorder.errors import ConfigError, TrainingError
from inorder.features.augmentation import Augmented, Noise, TimeMask, TimeWarp
from inorder.losses.sums import Sum
from inorder.train.checking import fingerprint
from inorder.train.curriculum import Curriculum
from inorder.train.loop import fit
from inorder.train.reproducible import reproducible
from inorder.train.settings import Training

HERE = Path(__file__).parent


@pytest.mark.parametrize(("kind", "seed"), [("plateau", 0), ("sgd", 1), ("streams", 2), ("sampled", 3), ("sampled streams", 4)])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_weights(kind, seed, tmp_path):
    with reproducible(0, threads=1):
        expected = killed.train(kind, None)
    command = [sys.executable, str(HERE / "killed.py"), kind, str(tmp_path), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= 3, "too few were killed for the test to mean anything"
    assert torch.equal(load_file(tmp_path / "weights.safetensors")["weights"], expected)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["kind"] == "step"]
    assert steps == sorted(set(steps)), "no step is in the log twice"
    epochs = [line["epoch"] for line in lines if line["kind"] == "epoch"]
    assert epochs == list(range(0 if kind == "plateau" else 1, len(epochs) + (kind != "plateau"))), "every epoch is there once"


def stopped_after(steps: int, loss=small.squared):
    """A loss that is interrupted, as Ctrl-C would, after so many calls."""
    calls = iter(range(10_000))

    @functools.wraps(loss)
    def interrupted(model, batch, *state):
        if next(calls) == steps:
            raise KeyboardInterrupt
        return loss(model, batch, *state)

    return interrupted


@pytest.mark.parametrize("steps", [1, 7, 12, 23])
def test_control_c_at_any_step_resumes(steps, tmp_path):
    settings = Training(max_epochs=4, checkpoint_seconds=0.0 if steps % 2 else 60.0)
    with reproducible(5, threads=1):
        model = small.Small()
        whole = fit(model, small.bucketed(), small.squared, settings)
        expected = small.flat(model)
    with reproducible(5, threads=1):
        model = small.Small()
        with pytest.raises(KeyboardInterrupt) as stop:
            fit(model, small.bucketed(), stopped_after(steps), settings, directory=tmp_path)
        assert f"{tmp_path} holds what is needed to go on." in stop.value.__notes__[0]
    with reproducible(6, threads=1):  # another seed, other weights: all is in the checkpoint
        model = small.Small(seed=9)
        record = fit(model, small.bucketed(), small.squared, settings, directory=tmp_path)
        assert torch.equal(small.flat(model), expected)
        assert [epoch.train_loss for epoch in record.epochs] == [epoch.train_loss for epoch in whole.epochs]
        again = small.Small(seed=3)
        assert repr(fit(again, small.bucketed(), stopped_after(0), settings, directory=tmp_path)) == repr(record), "a run that has ended is not run again"
        assert torch.equal(small.flat(again), expected)


def test_a_run_that_patience_has_ended_is_not_trained_again(tmp_path):
    settings, losses = Training(max_epochs=9, patience=2), iter([3.0, 1.0, 2.0, 2.0])
    model, again = small.Small(), small.Small(seed=3)
    record = fit(model, small.bucketed(), small.squared, settings, valid=lambda: next(losses), directory=tmp_path)
    assert (record.stopped, record.best_epoch) == ("patience", 1)
    repeated = fit(again, small.bucketed(), stopped_after(0), settings, valid=lambda: next(losses), directory=tmp_path)
    assert repr(repeated) == repr(record)
    assert torch.equal(small.flat(again), small.flat(model))


@pytest.mark.parametrize(("kind", "loss", "batches"), [("sampled", small.sampled, small.bucketed), ("sampled streams", small.sampled_on, small.streams)])
def test_scheduled_sampling_goes_on_with_the_draws_of_its_step(kind, loss, batches, tmp_path):
    weights = []
    for kills in ((), (5, 6)):
        model, folder = small.Small(), tmp_path if kills else None
        for calls in kills:
            with pytest.raises(KeyboardInterrupt):
                fit(model, batches(), stopped_after(calls, loss), killed.SETTINGS[kind], directory=folder)
            model = small.Small(seed=9)
        fit(model, batches(), loss, killed.SETTINGS[kind], directory=folder)
        weights.append(small.flat(model))
    assert torch.equal(*weights)


def every_kind(folder: Path) -> dict[str, object]:
    """Batches of every kind, from the same sequences."""
    inputs, targets = small.wave()
    for k in range(4):
        write_shard(folder / f"{k}.npz", [one.numpy() for one in inputs[k::4]], [one.numpy() for one in targets[k::4]])
    rows = torch.cat(inputs)
    windows = Windows(rows, torch.cat(targets), torch.arange(0, 100, 5), torch.full((20,), 6), 4, 5, seed=2)
    return {
        "augmented": Augmented(small.bucketed(), [Noise(0.1), TimeWarp(0.2), TimeMask(1, 2)], seed=1),
        "curriculum": Curriculum(small.bucketed(), epochs=3),
        "shards": Shards(folder, batch_size=4, window=5, seed=1),
        "windows": windows,
    }


@pytest.mark.parametrize("kind", ["augmented", "curriculum", "shards", "windows"])
def test_batches_of_every_kind_are_taken_up_in_the_middle(kind, tmp_path):
    batches, settings, weights = every_kind(tmp_path)[kind], Training(max_epochs=3, checkpoint_seconds=0), []
    for steps in (None, 9):
        with reproducible(5, threads=1):
            model = small.Small()
            if steps is not None:
                with pytest.raises(KeyboardInterrupt):
                    fit(model, batches, stopped_after(steps), settings, directory=tmp_path / "run")
            fit(model, every_kind(tmp_path)[kind], small.squared, settings, directory=None if steps is None else tmp_path / "run")
            weights.append(small.flat(model))
    assert torch.equal(*weights)


def test_a_run_whose_time_was_up_goes_on_when_there_is_more(tmp_path):
    settings = Training(max_epochs=3)
    with reproducible(5, threads=1):
        model = small.Small()
        fit(model, small.bucketed(), small.squared, settings)
        expected = small.flat(model)
    calls = iter(range(100))

    @functools.wraps(small.squared)
    def slow(model, batch):
        if next(calls) == 8:
            time.sleep(0.6)
        return small.squared(model, batch)

    with reproducible(5, threads=1):
        model = small.Small()
        record = fit(model, small.bucketed(), slow, settings, directory=tmp_path, deadline=time.monotonic() + 0.5)
        assert record.stopped == "time" and record.epochs[-1].epoch < 3
        assert fit(model, small.bucketed(), small.squared, settings, directory=tmp_path).stopped == "max_epochs"
        assert torch.equal(small.flat(model), expected)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    fit(small.Small(), small.bucketed(), small.squared, Training(max_epochs=1), directory=tmp_path)
    with pytest.raises(ConfigError, match=r"learning_rate=0\.001; this one has 0\.5"):
        fit(small.Small(), small.bucketed(), small.squared, Training(max_epochs=1, learning_rate=0.5), directory=tmp_path)
    with pytest.raises(ConfigError, match="batches=6; this one has 3"):
        fit(small.Small(), small.bucketed(12), small.squared, Training(max_epochs=1), directory=tmp_path)
    with pytest.raises(TrainingError, match=r"checkpoint\.safetensors does not belong to this model"):
        fit(torch.nn.Linear(2, 3), small.bucketed(), small.squared, Training(max_epochs=1), directory=tmp_path)


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_checkpoint_is_named(content, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(TrainingError, match=r"checkpoint\.safetensors is damaged"):
        fit(small.Small(), small.bucketed(), small.squared, Training(max_epochs=1), directory=tmp_path)


def run_on(folder: Path, batches, loss=small.squared, valid=None):
    return fit(small.Small(), batches, loss, Training(max_epochs=1), valid=valid, directory=folder)


@pytest.mark.parametrize("changed", [1, 2, 3])
def test_other_batches_than_the_first_are_compared_too(changed, tmp_path):
    batches = list(small.bucketed(16).epoch(0))
    run_on(tmp_path, Listed(batches))
    batches[changed] = replace(batches[changed], targets=-9 * batches[changed].targets)
    with pytest.raises(ConfigError, match="is of a run on other data: of the batches that are compared one was another"):
        run_on(tmp_path, Listed(batches))


def test_another_loss_or_validation_set_is_refused(tmp_path):
    def doubled(model, batch):
        total, count = small.squared(model, batch)
        return Sum(2 * total, count)

    valid = small.bucketed(8)
    run_on(tmp_path, small.bucketed(), valid=valid)
    for loss, held_back, match in (
        (doubled, valid, r"loss='squared'; this one has 'test_another_loss.*doubled'"),
        (small.squared, None, "valid=2; this one has None"),
        (small.squared, small.bucketed(12), "valid=2; this one has 3"),
        (small.squared, lambda: 1.0, "valid=2; this one has '.*<lambda>'"),
        (small.squared, Listed(list(small.bucketed(20).epoch(0))[:2]), "the first batch of `valid` was another one"),
    ):
        with pytest.raises(ConfigError, match=match):
            run_on(tmp_path, small.bucketed(), loss, held_back)
    assert run_on(tmp_path, small.bucketed(), functools.partial(small.squared), valid).stopped == "max_epochs"


@pytest.mark.parametrize("kind", [np.asarray, list, lambda row: np.array([*map(float, row), None], dtype=object)], ids=["array", "list", "objects"])
def test_batches_without_tensors_are_told_apart(kind, tmp_path):
    def mean(model, batch):
        x = torch.tensor([float(value) for value in batch["x"] if value is not None])
        return Sum(((model(x[None, :, None])[0] - batch["y"]) ** 2).sum(), torch.tensor(len(x)))

    run_on(tmp_path, Listed([{"x": kind([1.0, 2.0]), "y": 0.5}]), mean)
    for x, y in (([1.0, 3.0], 0.5), ([1.0, 2.0], 0.25)):
        with pytest.raises(ConfigError, match="other data"):
            run_on(tmp_path, Listed([{"x": kind(x), "y": y}]), mean)
    run_on(tmp_path, Listed([{"x": kind([1.0, 2.0]), "y": 0.5}]), mean)


def test_few_batches_are_read_to_compare_them():
    plain, made = small.bucketed(400, 2), []
    counted = Bucketed(plain.lengths, lambda which: made.append(which) or plain.make(which), batch_size=2)
    found = fingerprint(counted, None, small.squared)
    assert len(counted) == 200 and len(made) == 5
    made.clear()

    class Plain:
        def epoch(self, k):
            return counted.epoch(k)

        def __len__(self):
            return len(counted)

    assert fingerprint(Plain(), None, small.squared) != found
    assert len(made) == 5


@pytest.mark.skipif(os.name != "posix", reason="a folder can be synced on POSIX systems alone")
def test_a_checkpoint_and_its_name_are_on_the_disk_before_training_goes_on(tmp_path, monkeypatch):
    synced, plain = [], os.fsync

    def noted(number):
        synced.append(("folder", (tmp_path / "run" / "checkpoint.safetensors").exists()) if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
        plain(number)

    monkeypatch.setattr(os, "fsync", noted)
    fit(small.Small(), small.bucketed(), small.squared, Training(max_epochs=1), directory=tmp_path / "run")
    assert synced == ["file", ("folder", True)] * (len(synced) // 2) and synced
