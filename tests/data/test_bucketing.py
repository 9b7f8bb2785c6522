"""Bucketed batches: every sequence comes once, little is padding, and the order can be repeated from any place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.data.bucketing import Bucketed
from inorder.errors import ConfigError, ShapeError

LENGTHS = np.random.default_rng(0).integers(0, 60, size=203)


@pytest.mark.parametrize("limits", [{"batch_size": 8}, {"steps": 120}, {"batch_size": 5, "steps": 90}, {"steps": 1}])
def test_every_sequence_comes_once_an_epoch_within_the_limits(limits):
    batches = Bucketed(LENGTHS, make=lambda which: which, seed=1, **limits)
    for k in range(3):
        epoch = list(batches.epoch(k))
        assert sorted(np.concatenate(epoch)) == list(range(203))
        assert len(epoch) == len(batches)
        for which in epoch:
            assert len(which) <= limits.get("batch_size", 203)
            assert len(which) == 1 or len(which) * LENGTHS[which].max() <= limits.get("steps", 10**9)


def test_the_order_is_a_matter_of_seed_and_epoch_and_goes_on_from_any_batch():
    one, other, again = (Bucketed(LENGTHS, make=list, batch_size=8, seed=seed) for seed in (1, 2, 1))
    assert list(one.epoch(3)) == list(again.epoch(3))
    assert list(one.epoch(3)) != list(one.epoch(4)) and list(one.epoch(3)) != list(other.epoch(3))
    assert {tuple(sorted(batch)) for batch in one.epoch(3)} != {tuple(sorted(batch)) for batch in one.epoch(4)}, "not only the order of the batches"
    assert list(one.epoch(3))[5:] == list(one.epoch_from(3, 5))


def test_little_is_padding_and_the_share_is_the_true_one():
    batches = Bucketed(LENGTHS, make=lambda which: LENGTHS[which], batch_size=8)
    room = sum(len(lengths) * lengths.max() for lengths in batches.epoch(0))
    assert batches.padding == pytest.approx(1 - LENGTHS.sum() / room)
    plain = np.split(LENGTHS[:200], 25)
    unsorted = 1 - LENGTHS[:200].sum() / sum(8 * lengths.max() for lengths in plain)
    assert batches.padding < 0.1 < 0.35 < unsorted


def test_from_sequences():
    inputs = [torch.full((n, 2), float(n)) for n in (3, 1, 2)]
    batches = Bucketed.of(inputs, [x[:, 0] for x in inputs], batch_size=2)
    lengths = sorted(batch.lengths.tolist() for batch in batches.epoch(0))
    assert lengths == [[1], [3, 2]]
    assert all(torch.equal(batch.targets, batch.inputs[:, :, 0]) for batch in batches.epoch(0))
    with pytest.raises(ShapeError, match="3 sequences and 2 targets"):
        Bucketed.of(inputs, inputs[:2], batch_size=1)
    with pytest.raises(ConfigError, match="give `batch_size`"):
        Bucketed([1, 2], make=list)
    with pytest.raises(ConfigError, match="`steps` .* not 0"):
        Bucketed([1, 2], make=list, steps=0)
    with pytest.raises(ShapeError, match="whole numbers"):
        Bucketed([1.5, 2], make=list, steps=3)
