"""Augmentation: padding stays, seeds repeat it, and each kind does what it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from inorder.data.batch import Batch, Listed
from inorder.data.shards import Shards, write_shard
from inorder.data.streams import Streams
from inorder.errors import ConfigError
from inorder.features.augmentation import Augmented, ChannelMask, Mix, Noise, TimeMask, TimeWarp

KINDS = [Noise(0.3), TimeWarp(0.5), TimeMask(2, 5), ChannelMask(0.5), Mix(0.4)]


def batch(rows: int = 6, time: int = 20, features: int = 3, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([20, 13, 5, 1, 0, 20])[:rows]
    x = torch.randn(rows, time, features, generator=generator)
    x[~(torch.arange(time) < lengths[:, None])] = 0.0
    return Batch(x, lengths, x[:, :, 0].clone())


def at(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("augment", KINDS, ids=lambda kind: type(kind).__name__)
def test_padding_stays_lengths_stay_and_a_seed_repeats_it(augment):
    plain = batch()
    before = plain.inputs.clone()
    changed, again, other = augment(plain, at(1)), augment(plain, at(1)), augment(plain, at(2))
    assert torch.equal(plain.inputs, before), "the batch that was given is not changed"
    assert torch.equal(changed.inputs, again.inputs) and torch.equal(changed.targets, again.targets)
    assert not torch.equal(changed.inputs, other.inputs)
    assert not torch.equal(changed.inputs, plain.inputs)
    assert torch.equal(changed.lengths, plain.lengths)
    assert not changed.inputs[~plain.valid].any()
    assert changed.inputs.dtype == plain.inputs.dtype


def test_noise_has_the_scale_asked_for():
    plain = Batch(torch.zeros(4, 500, 5), torch.full((4,), 500), torch.zeros(4, 500))
    assert Noise(0.25)(plain, at(0)).inputs.std().item() == pytest.approx(0.25, rel=0.03)
    assert torch.equal(Noise(0.0)(plain, at(0)).inputs, plain.inputs)


def test_warped_time_rises_keeps_its_ends_and_carries_targets_along():
    warp = TimeWarp(0.9, knots=5)
    lengths = torch.tensor([30, 11, 2, 1, 0])
    places = warp.places(lengths, 30, at(3))
    for i, n in enumerate(lengths.tolist()):
        inside = places[i, :n]
        assert (inside[1:] >= inside[:-1]).all()
        if n:
            assert inside[0] == 0 and inside[-1].item() == pytest.approx(n - 1)
        assert torch.equal(places[i, n:], torch.arange(float(n), 30.0, dtype=torch.float64))
    # a straight line of time, warped, is the places themselves; whole numbers are taken from the nearest step
    time = torch.arange(30.0)[None, :, None].repeat(2, 1, 1)
    line = Batch(time, torch.tensor([30, 11]), time[:, :, 0].long())
    warped = warp(line, at(3))
    places = warp.places(line.lengths, 30, at(3))
    torch.testing.assert_close(warped.inputs[:, :, 0].double(), places, rtol=0, atol=1e-4)
    assert torch.equal(warped.targets, places.round().long())
    assert torch.equal(TimeWarp(0.0)(line, at(0)).inputs, time)


def test_masks_hide_stretches_of_time_or_whole_features():
    plain = Batch(torch.ones(200, 40, 4), torch.full((200,), 40), torch.ones(200, 40))
    hidden = TimeMask(1, longest=7, value=-1.0)(plain, at(1)).inputs == -1
    assert (hidden.all(2) == hidden.any(2)).all()
    sizes = hidden[:, :, 0].sum(1)
    assert set(sizes.tolist()) == set(range(8))
    starts = hidden[:, :, 0].int().diff(dim=1).eq(1).sum(1)
    assert starts.max() <= 1, "one stretch"
    short = Batch(torch.ones(50, 4, 1), torch.full((50,), 4), torch.ones(50, 4))
    assert (TimeMask(1, longest=10, share=0.5)(short, at(0)).inputs == 0).sum(1).max() == 2
    features = ChannelMask(0.25)(plain, at(2)).inputs == 0
    assert (features.all(1) == features.any(1)).all()
    assert features[:, 0].double().mean().item() == pytest.approx(0.25, abs=0.06)


@dataclass(frozen=True)
class Labelled:
    inputs: torch.Tensor
    lengths: torch.Tensor
    targets: torch.Tensor

    along_time = False


def test_mixing_mixes_inputs_and_targets_in_the_same_shares_where_both_are_real():
    inputs = torch.zeros(3, 4, 3)
    inputs[torch.arange(3), :, torch.arange(3)] = 1.0  # row i has 1 in feature i
    mixed = Mix(1.0)(Labelled(inputs, torch.tensor([4, 4, 4]), torch.eye(3)), at(0))
    torch.testing.assert_close(mixed.inputs, mixed.targets[:, None].expand(3, 4, 3))
    assert ((mixed.targets > 0) & (mixed.targets < 1)).any()
    torch.testing.assert_close(mixed.targets.sum(1), torch.ones(3))
    uneven = Mix(1.0)(Batch(inputs, torch.tensor([4, 1, 4]), inputs), at(0))
    torch.testing.assert_close(uneven.inputs, uneven.targets)
    assert torch.equal(uneven.inputs[1, 1:], inputs[1, 1:]), "beyond the shorter one nothing is mixed"
    with pytest.raises(ConfigError, match="whole numbers"):
        Mix()(Labelled(inputs, torch.tensor([4, 4, 4]), torch.arange(3)), at(0))


def test_a_label_of_the_whole_sequence_is_left_alone():
    labelled = Labelled(torch.randn(5, 5, 1), torch.full((5,), 5), torch.arange(5))
    assert torch.equal(TimeWarp()(labelled, at(0)).targets, labelled.targets)


def test_augmented_batches_go_on_from_any_place():
    plain = Listed([batch(seed=k) for k in range(4)])
    augmented = Augmented(plain, KINDS, seed=3)
    whole = [one.inputs for one in augmented.epoch(2)]
    assert len(whole) == len(augmented) == 4
    assert all(torch.equal(a.inputs, b) for a, b in zip(augmented.epoch_from(2, 1), whole[1:], strict=True))
    assert not torch.equal(next(augmented.epoch(3)).inputs, whole[0])
    assert not torch.equal(next(Augmented(plain, KINDS, seed=4).epoch(2)).inputs, whole[0])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Noise(-1.0), "`scale`.*-1"),
        (lambda: TimeWarp(1.0), "`strength`.*below 1"),
        (lambda: TimeWarp(knots=1), "`knots` is a whole number, 2 or more"),
        (lambda: TimeMask(0), "`count`.*not 0"),
        (lambda: TimeMask(1, 0), "`longest`.*not 0"),
        (lambda: ChannelMask(1.5), "`share`.*not 1.5"),
        (lambda: Mix(0.0), "`alpha`.*not 0"),
    ],
)
def test_settings_out_of_range_are_refused(make, match):
    with pytest.raises(ConfigError, match=match):
        make()


def test_augmented_batches_carry_and_are_divided_as_they_were(tmp_path):
    for k in range(2):
        write_shard(tmp_path / f"{k}.npz", [np.ones((4, 1))] * 3, [np.zeros(4)] * 3)
    row = torch.arange(12.0)
    kinds = [Streams(row[:, None], row, batch_size=2, steps=3), Shards(tmp_path, 2, rank=0, world=2), Shards(tmp_path, 2, rank=0, world=1)]
    augmented = [Augmented(batches, [Noise(0.1)]) for batches in kinds]
    assert [batches.carries for batches in augmented] == [True, False, False]
    assert [batches.divided for batches in augmented] == [False, True, False]


def test_classes_are_no_steps_of_time_though_there_are_as_many():
    inputs = torch.randn(4, 6, 2)
    labelled = Labelled(inputs, torch.full((4,), 6), torch.eye(6)[:4])
    assert torch.equal(TimeWarp(0.9)(labelled, at(0)).targets, labelled.targets)
    mixed = Mix(1.0)(Labelled(inputs, torch.tensor([6, 2, 6, 2]), labelled.targets), at(0)).targets
    torch.testing.assert_close(mixed.sum(1), torch.ones(4))
    along = Batch(inputs, labelled.lengths, labelled.targets)
    assert not torch.equal(TimeWarp(0.9)(along, at(0)).targets, along.targets)

    @dataclass(frozen=True)
    class Silent:
        inputs: torch.Tensor
        lengths: torch.Tensor
        targets: torch.Tensor

    for augment in (TimeWarp(), Mix()):
        with pytest.raises(ConfigError, match=r"second axis of the targets \(4, 6\) time.*Write `along_time = True` or False in Silent"):
            augment(Silent(inputs, labelled.lengths, labelled.targets), at(0))


def test_a_target_of_the_whole_sequence_is_mixed_by_the_share_of_its_steps_that_are():
    inputs = torch.zeros(2, 100, 2)
    inputs[0, :, 0] = inputs[1, 0, 1] = 1.0  # row i has 1 in feature i
    lengths = torch.tensor([100, 1])
    for seed in range(20):
        mixed = Mix(1.0)(Labelled(inputs, lengths, torch.eye(2)), at(seed))
        torch.testing.assert_close(mixed.targets, mixed.inputs.sum(1) / lengths[:, None])
        if mixed.targets[1, 1] < 0.9:
            break
    assert 0.99 <= mixed.targets[0, 0] < 1 and mixed.targets[1, 1] < 0.9, "the short one is mixed, the long one hardly"
    empty = Mix(1.0)(Labelled(inputs, torch.tensor([100, 0]), torch.eye(2)), at(seed))
    assert torch.equal(empty.targets, torch.eye(2))
