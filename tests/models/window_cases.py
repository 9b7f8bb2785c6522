"""Windows with everything in them, made from a seed, and gradients against differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from inorder.models.window import Sizes, Window


def window_of(sizes: Sizes, batch: int = 3, seed: int = 0, missing: bool = False) -> Window:
    """float64.   missing: some values are, the first ones of a window among them."""
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=shape))

    known = torch.ones(batch, sizes.window, dtype=torch.float64)
    if missing:
        known[0, : sizes.window // 2] = 0
        known[1, sizes.window // 3] = 0
    values = drawn(batch, sizes.window) * known
    which, phase = (torch.from_numpy(rng.integers(most, size=batch)) for most in (sizes.series, sizes.season))
    covariates, ahead, static = drawn(batch, sizes.window, sizes.covariates), drawn(batch, sizes.horizon, sizes.ahead), drawn(batch, sizes.static)
    return Window(values, known, covariates, ahead, static, which, phase)


def shaken(network: nn.Module, seed: int = 0) -> nn.Module:
    """In float64, with every weight drawn, also those that begin at zero."""
    generator = torch.Generator().manual_seed(seed)
    network = network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.3)
    return network


def assert_gradients_are_those_of(network: nn.Module, answer: Callable[[], float], truth: Callable[[], float], step: float = 1e-6) -> None:
    """The gradient of `answer`, a tensor that depends on the parameters, along a drawn direction of each, against central differences of `truth`,
    the same number by the textbook, which reads the parameters anew at each call."""
    network.zero_grad()
    answer().backward()
    rng = np.random.default_rng(1)
    for name, parameter in network.named_parameters():
        if parameter.grad is None or parameter.numel() == 0:
            continue
        direction = torch.from_numpy(rng.normal(size=tuple(parameter.shape)))
        differences = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(sign * step * direction)
                differences.append(truth())
                parameter.sub_(sign * step * direction)
        expected = (differences[0] - differences[1]) / (2 * step)
        found = float((parameter.grad * direction).sum())
        assert abs(found - expected) <= 1e-6 * max(1.0, abs(expected)), f"grad of {name}: {found} is not {expected}"
