"""N-HiTS follows the textbook in value and gradient; what its blocks add is the forecast."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from window_cases import assert_gradients_are_those_of, shaken, window_of

from inorder.models.nhits import NHiTS, interpolate
from inorder.models.window import Sizes, flat
from inorder.textbook import nhits as textbook


def weights_of(network: NHiTS) -> list[textbook.BlockWeights]:
    def pair(layer: torch.nn.Linear) -> tuple[np.ndarray, np.ndarray]:
        return layer.weight.detach().numpy(), layer.bias.detach().numpy()

    lines = [[pair(layer) for layer in block.mlp if isinstance(layer, torch.nn.Linear)] for block in network.blocks]
    return [textbook.BlockWeights(own, pair(block.backcast), pair(block.ahead), block.pool) for own, block in zip(lines, network.blocks, strict=True)]


@pytest.mark.parametrize(("knots", "horizon"), [(1, 5), (2, 7), (3, 8), (4, 4), (5, 11)])
def test_interpolation_is_that_of_the_textbook(knots, horizon):
    values = np.random.default_rng(0).normal(size=(2, 3, knots))
    truth = np.stack([[textbook.interpolate(row, horizon) for row in rows] for rows in values])
    np.testing.assert_allclose(interpolate(torch.from_numpy(values), horizon), truth, atol=1e-12)


@pytest.mark.parametrize(("pools", "stretches"), [((1,), (1,)), ((3, 1), (4, 1)), ((5, 2), (9, 2))])
def test_nhits_follows_the_textbook_in_value_and_gradient(pools, stretches):
    sizes = Sizes(window=11, horizon=7, covariates=1, ahead=2, static=1)
    network = shaken(NHiTS(sizes, pools, stretches, blocks=2, hidden=5))
    seen = window_of(sizes)
    beside, wanted = flat(seen).numpy(), np.random.default_rng(2).normal(size=(3, 7))

    def truth() -> np.ndarray:
        blocks = weights_of(network)
        return np.stack([textbook.nhits(x, b, blocks, 7) for x, b in zip(seen.values.numpy(), beside, strict=True)])

    np.testing.assert_allclose(network(seen)[:, :, 0].detach(), truth(), atol=1e-12)
    assert_gradients_are_those_of(network, lambda: (network(seen)[:, :, 0] * torch.from_numpy(wanted)).sum(), lambda: float((truth() * wanted).sum()))


def test_what_the_blocks_add_is_the_forecast():
    sizes = Sizes(window=9, horizon=4, outputs=3)
    network = shaken(NHiTS(sizes, (2, 1), (2, 1), hidden=6))
    seen = window_of(sizes, missing=True)
    parts = network.parts(seen)
    assert [tuple(part.shape) for part in parts] == [(3, 4, 3)] * 2
    np.testing.assert_allclose(sum(parts).detach(), network(seen).detach(), atol=1e-12)
