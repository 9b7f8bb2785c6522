"""Batch normalisation with lengths: against the textbook, in value and gradient, and against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.nn.normalization import BatchNorm
from inorder.textbook import normalization as textbook


def ragged(lengths, channels, seed=0):
    rng = np.random.default_rng(seed)
    sequences = [rng.normal(2, 3, size=(length, channels)) for length in lengths]
    x = torch.full((len(lengths), max(lengths), channels), 77.0, dtype=torch.float64)  # whatever stands in the padding
    for row, one in zip(x, sequences, strict=True):
        row[: len(one)] = torch.from_numpy(one)
    return sequences, x, torch.tensor(lengths)


@pytest.mark.parametrize("lengths", [[5], [7, 3, 0, 1], [4, 4, 4]])
def test_training_follows_the_textbook(lengths):
    sequences, x, n = ragged(lengths, 3)
    layer = BatchNorm(3).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, 0.5]))
        layer.bias.copy_(torch.tensor([0.0, -1.0, 3.0]))
    got = layer(x, n)
    for row, one in zip(got, textbook.batch_norm(sequences, np.array([1.0, 2.0, 0.5]), np.array([0.0, -1.0, 3.0])), strict=True):
        np.testing.assert_allclose(row[: len(one)].detach(), one, atol=1e-12)
        assert not row[len(one) :].any()


def test_gradients_are_the_numerical_ones():
    _, x, n = ragged([4, 2, 0], 2)
    layer = BatchNorm(2).double()
    x.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: layer(x, n), (x,))


def test_without_padding_it_is_torchs_own():
    _, x, _ = ragged([6, 6], 4)
    ours, theirs = BatchNorm(4).double(), torch.nn.BatchNorm1d(4).double()
    ours.load_state_dict(theirs.state_dict())
    for _ in range(2):
        torch.testing.assert_close(ours(x), theirs(x.transpose(1, 2)).transpose(1, 2))
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x.transpose(1, 2)).transpose(1, 2))


def test_padding_changes_neither_output_nor_running_means():
    _, x, n = ragged([5, 2], 2)
    short, long = BatchNorm(2).double(), BatchNorm(2).double()
    more = torch.cat([x, torch.full((2, 3, 2), float("nan"), dtype=torch.float64)], dim=1)
    torch.testing.assert_close(short(x, n), long(more, n)[:, :5])
    torch.testing.assert_close(short.running_var, long.running_var)


def test_a_single_step_is_normalised_by_the_running_statistics():
    layer = BatchNorm(2)
    x = torch.tensor([[[3.0, 4.0]]])
    torch.testing.assert_close(layer(x, torch.tensor([1])), x / (1 + 1e-5) ** 0.5)
    assert not layer(x, torch.tensor([0])).any()
