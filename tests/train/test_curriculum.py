"""Curriculum: the easy ones first, by length or by loss, in as many batches as ever; and it trains."""

from __future__ import annotations

import numpy as np
import pytest
import small
import torch

from inorder.data.bucketing import Bucketed
from inorder.errors import ConfigError, ShapeError
from inorder.textbook.training import curriculum_share
from inorder.train.curriculum import Curriculum, sequence_losses
from inorder.train.loop import fit
from inorder.train.settings import Training

LENGTHS = np.random.default_rng(0).permutation(50) + 1
PLAIN = Bucketed(LENGTHS, make=lambda which: which, batch_size=6, seed=2)


@pytest.mark.parametrize("pace", ["root", "linear"])
def test_the_share_is_that_of_the_textbook_and_only_the_easiest_take_part(pace):
    easy = Curriculum(PLAIN, epochs=8, start=0.2, pace=pace)
    for k in range(10):
        assert easy.share(k) == pytest.approx(curriculum_share(k, 8, 0.2, pace), rel=1e-12)
        epoch = list(easy.epoch(k))
        assert len(epoch) == len(easy) == len(PLAIN)
        taking_part = round(easy.share(k) * 50)
        assert set(LENGTHS[np.concatenate(epoch)]) == set(range(1, taking_part + 1))
        assert [list(which) for which in easy.epoch(k)] == [list(which) for which in epoch]
        assert [list(which) for which in easy.epoch_from(k, 4)] == [list(which) for which in epoch[4:]]
    assert [list(which) for which in easy.epoch(9)] == [list(which) for which in PLAIN.epoch(9)], "in the end it is the plain order"


def test_the_difficulty_may_be_anything():
    hard = -np.arange(50.0)
    epoch = np.concatenate(list(Curriculum(PLAIN, hard, epochs=4, start=0.1).epoch(0)))
    assert set(epoch) == {45, 46, 47, 48, 49}


def test_losses_are_those_of_each_sequence_alone_and_a_curriculum_by_loss_trains():
    batches, model = small.bucketed(), small.Small()
    losses = sequence_losses(model, batches, small.squared)
    assert model.training, "it is left in the mode in which it was"
    inputs, targets = small.wave()
    model.eval()
    with torch.no_grad():
        expected = [((model(x[None])[0][0] - y) ** 2).mean().item() for x, y in zip(inputs, targets, strict=True)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    easy = Curriculum(batches, losses, epochs=3)
    first = {row.tobytes() for batch in easy.epoch(0) for row in batch.targets.numpy()}
    assert len(first) <= round(0.25 * 24) * len(easy)
    record = fit(model, easy, small.squared, Training(max_epochs=4, learning_rate=0.02))
    assert len(record.epochs) == 4 and np.isfinite(record.best_loss)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match=r"each of the 50 sequences, none of them NaN; this has the shape \(3,\)"):
        Curriculum(PLAIN, [1.0, 2.0, 3.0])
    with pytest.raises(ConfigError, match='Pace "square" is unknown'):
        Curriculum(PLAIN, pace="square")
    with pytest.raises(ConfigError, match=r"these are 0\.0 and 10"):
        Curriculum(PLAIN, start=0.0)


class Divided(Bucketed):
    divided = True


def test_what_is_divided_already_stays_so():
    assert Curriculum(Divided([3, 1, 2], make=list, batch_size=1)).divided
    assert not Curriculum(PLAIN).divided
