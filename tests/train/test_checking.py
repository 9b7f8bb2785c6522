"""What cannot be trained with is named before training begins, by `fit` and by the learning-rate range test."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import small
import torch

from inorder.data.batch import Listed
from inorder.errors import ConfigError, TrainingError
from inorder.losses.sums import Sum
from inorder.train.loop import fit
from inorder.train.range_test import find_learning_rate
from inorder.train.settings import Training

ONE = Training(max_epochs=1)


@pytest.mark.parametrize("train", [fit, find_learning_rate])
def test_model_batches_and_loss_are_looked_at_first(train):
    with pytest.raises(ConfigError, match="All parameters of Small are frozen"):
        train(small.Small().requires_grad_(False), small.bucketed(), small.squared)
    with pytest.raises(ConfigError, match=r"`batches` has a method epoch\(k\), .* this is a list\. .*Listed"):
        train(small.Small(), list(small.bucketed().epoch(0)), small.squared)
    with pytest.raises(ConfigError, match="this is a DataLoader"):
        train(small.Small(), torch.utils.data.DataLoader([1, 2]), small.squared)
    with pytest.raises(ConfigError, match=r"`loss` takes \(model, batch, state\), since state is carried, .* this one takes \(model, batch\)\."):
        train(small.Small(), small.bucketed(), small.squared, Training(tbptt=2))
    with pytest.raises(ConfigError, match=r"`loss` takes \(model, batch, state\)"):
        train(small.Small(), small.streams(), small.squared)
    with pytest.raises(ConfigError, match=r"`loss` takes \(model, batch\) and returns a Sum; no state is carried; this one takes"):
        train(small.Small(), small.bucketed(), small.squared_on)
    with pytest.raises(ConfigError, match="`loss` is a function .*, not float"):
        train(small.Small(), small.bucketed(), 1.0)


@pytest.mark.parametrize("train", [fit, find_learning_rate])
def test_no_batches_and_a_first_loss_that_is_no_number_are_said(train):
    with pytest.raises(TrainingError, match="Epoch 1 has no batches"):
        train(small.Small(), Listed([]), small.squared)

    def unknown(model, batch):
        total, count = small.squared(model, batch)
        return Sum(total * math.nan, count)

    with pytest.raises(TrainingError, match=r"The loss became nan at step 1, before any weight was changed\. Look for NaN"):
        train(small.Small(), small.bucketed(), unknown)


@pytest.mark.parametrize("train", [fit, find_learning_rate])
@pytest.mark.parametrize("settings", [{"max_epochs": 2}, 0, "adamw"])
def test_settings_that_are_no_record_are_refused(train, settings):
    with pytest.raises(ConfigError, match=r"`training` is a record of settings, as Training\(max_epochs=20\), not "):
        train(small.Small(), small.bucketed(), small.squared, settings)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"deadline": "x"}, r"`deadline` is a time in seconds, as time\.monotonic\(\) \+ 60, not 'x'"),
        ({"watch": 3}, "`watch` is a list of functions of a Step or Epoch, not 3"),
        ({"watch": print}, "`watch` is a list of functions of a Step or Epoch, not <built-in"),
        ({"watch": [3]}, r"`watch` is a list of functions of a Step or Epoch, not \[3\]"),
        ({"follow": 3}, "`follow` is the History that an earlier `fit` returned, not 3"),
        ({"progress": "x"}, "`progress` is True for a bar, or a function .*, not 'x'"),
        ({"directory": 3}, "`directory` is a folder for checkpoints, not 3"),
    ],
    ids=str,
)
def test_options_of_another_kind_are_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        fit(small.Small(), small.bucketed(), small.squared, ONE, **options)


@pytest.mark.parametrize("train", [fit, find_learning_rate])
def test_a_model_whose_state_is_no_tensor_is_refused(train):
    class Counting(small.Small):
        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = state

    model = Counting()
    model.count = {"seen": 3}
    with pytest.raises(ConfigError, match=r"`_extra_state` of Counting\.state_dict\(\) is dict; weights are kept as tensors"):
        train(model, small.bucketed(), small.squared)
    model.count = torch.tensor(3)
    train(model, small.bucketed(), small.squared, ONE)


def test_validation_that_is_no_batches_is_refused():
    with pytest.raises(ConfigError, match=r"`valid` has a method epoch\(k\)"):
        fit(small.Small(), small.bucketed(), small.squared, ONE, valid=list(small.bucketed().epoch(0)))


def test_batches_that_cannot_be_cut_are_refused():
    batch = next(small.bucketed().epoch(0))
    with pytest.raises(ConfigError, match=r"With `tbptt` a batch has a method chunks\(steps\), .* this is a tuple"):
        fit(small.Small(), Listed([(batch.inputs, batch.targets)]), small.squared_on, Training(tbptt=2))


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").touch()
    for directory in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ConfigError, match="`directory` is a folder for checkpoints, and .*file is a file"):
            fit(small.Small(), small.bucketed(), small.squared, ONE, directory=directory)


def test_a_directory_belongs_to_its_data(tmp_path):
    fit(small.Small(), small.bucketed(), small.squared, ONE, directory=tmp_path)
    other = small.bucketed()
    with pytest.raises(ConfigError, match="is of a run on other data: of the batches that are compared one was another"):
        fit(small.Small(), replace(other, seed=other.seed + 1), small.squared, ONE, directory=tmp_path)
    assert fit(small.Small(), other, small.squared, ONE, directory=tmp_path).stopped == "max_epochs"


def test_looking_at_the_first_batch_draws_no_random_numbers(tmp_path):
    class Drawing(Listed):
        def epoch(self, k):
            for batch in self.batches:
                torch.rand(1)
                yield batch

    batches = Drawing(list(small.bucketed().epoch(0)))
    weights = []
    for directory in (None, tmp_path):
        model = small.Small()
        fit(model, batches, small.squared, ONE, directory=directory)
        weights.append(small.flat(model))
    assert torch.equal(*weights)


def test_the_advice_is_below_the_rate_that_failed():
    calls = iter(range(100))

    def failing(model, batch):
        total, count = small.squared(model, batch)
        return Sum(total * (math.nan if next(calls) == 1 else 1.0), count)

    with pytest.raises(TrainingError, match=r"learning rate 0\.0002, .*Try learning_rate=2e-05"):
        fit(small.Small(), small.bucketed(), failing, Training(learning_rate=1e-3, warmup_steps=10))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"decay_all": "no"}, "`decay_all` is True or False, not 'no'"),
        ({"nesterov": "x"}, "`nesterov` is True or False, not 'x'"),
        ({"restore_best": 1}, "`restore_best` is True or False, not 1"),
        ({"layer_norms": None}, "`layer_norms` is True or False, not None"),
        ({"warmup_steps": 2.5}, r"`warmup_steps` is a whole number of steps, 0 or more, not 2\.5"),
    ],
    ids=str,
)
def test_settings_of_another_kind_are_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        Training(**options)
