"""DLinear follows the textbook in value and gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from window_cases import assert_gradients_are_those_of, shaken, window_of

from inorder.models.linear_forecaster import LinearForecaster, moving_average
from inorder.models.window import Sizes
from inorder.textbook import linear_forecaster as textbook


@pytest.mark.parametrize("kernel", [1, 2, 3, 8, 25])
def test_the_moving_average_is_that_of_the_textbook(kernel):
    x = np.random.default_rng(0).normal(size=(3, 11))
    truth = np.stack([textbook.moving_average(row, kernel) for row in x])
    np.testing.assert_allclose(moving_average(torch.from_numpy(x), kernel), truth, atol=1e-12)


@pytest.mark.parametrize(("window", "horizon", "kernel"), [(1, 1, 3), (7, 5, 4), (30, 2, 25)])
def test_dlinear_follows_the_textbook_in_value_and_gradient(window, horizon, kernel):
    network = shaken(LinearForecaster(Sizes(window, horizon), kernel))
    seen = window_of(network.sizes)
    wanted = np.random.default_rng(2).normal(size=(3, horizon))

    def truth() -> np.ndarray:
        weights = [part.detach().numpy() for part in (network.trend.weight, network.trend.bias, network.rest.weight, network.rest.bias)]
        return np.stack([textbook.dlinear(x, *weights, kernel) for x in seen.values.numpy()])

    np.testing.assert_allclose(network(seen)[:, :, 0].detach(), truth(), atol=1e-12)
    assert_gradients_are_those_of(network, lambda: (network(seen)[:, :, 0] * torch.from_numpy(wanted)).sum(), lambda: float((truth() * wanted).sum()))


def test_nlinear_is_one_line():
    network = shaken(LinearForecaster(Sizes(6, 4), None))
    seen = window_of(network.sizes)
    truth = seen.values @ network.rest.weight.T + network.rest.bias
    np.testing.assert_allclose(network(seen)[:, :, 0].detach(), truth.detach(), atol=1e-12)
