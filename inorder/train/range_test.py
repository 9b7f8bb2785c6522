"""Learning-rate range test: raise the rate from tiny to huge over a few batches and watch where the loss falls fastest.

    rateₖ  = lowest · (highest / lowest)^(k / (steps − 1))
    meanₖ  = smoothing · meanₖ₋₁ + (1 − smoothing) · lossₖ              smoothedₖ = meanₖ / (1 − smoothingᵏ⁺¹)

The suggestion is the rate at which the smoothed loss falls most steeply on the logarithmic axis, before it has risen again.

Source: Smith 2017, Cyclical learning rates for training neural networks, §3.3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from inorder.errors import ConfigError, TrainingError
from inorder.train.averaging import weights_of
from inorder.train.checking import check_given
from inorder.train.loop import Batches, Loss
from inorder.train.random_state import random_state, set_random_state
from inorder.train.run import Run
from inorder.train.settings import Training
from inorder.train.update import Objective, update


@dataclass(frozen=True)
class RangeTest:
    """rates, losses: (steps,) tried, and the smoothed loss at each, as far as the test went.   suggestion: a rate to begin with."""

    rates: NDArray[np.float64] = field(repr=False)
    losses: NDArray[np.float64] = field(repr=False)
    suggestion: float = math.nan

    def plot(self, axes: Any = None) -> Any:
        """The smoothed loss over the rate, with the suggestion marked; returns the axes, of matplotlib."""
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(figsize=(6, 4), layout="constrained").subplots()
        axes.plot(self.rates, self.losses)
        axes.axvline(self.suggestion, linestyle="--", color="grey")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed", title=f"suggestion: {self.suggestion:.2g}")
        return axes


def find_learning_rate(
    model: nn.Module,
    batches: Batches,
    loss: Loss,
    training: Training | None = None,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    smoothing: float = 0.9,
) -> RangeTest:
    """Try `steps` rates from `lowest` to `highest`, one batch each; weights and random numbers are afterwards as they were.

    model, batches, loss, training: as for `fit`; the rates and the schedule of `training` play no part.   smoothing: of the losses, from 0 up to 1.
    It ends early where the smoothed loss has risen to four times its least, or is no number.
    Raises TrainingError where there are no batches, or the loss is no number at the first step already.

    >>> import torch
    >>> from inorder.data.batch import Batch, Listed
    >>> from inorder.losses.sums import Sum
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(1, 64, 1)
    >>> def squared(model, batch):
    ...     return Sum(((model(batch.inputs) - batch.targets) ** 2).sum(), batch.lengths.sum())
    >>> test = find_learning_rate(nn.Linear(1, 1), Listed([Batch(x, torch.tensor([64]), 3 * x)]), squared, Training(optimiser="sgd", momentum=0))
    >>> 0.001 < test.suggestion < 1
    True
    """
    if not 0 < lowest < highest < math.inf:
        raise ConfigError(f"`lowest` and `highest` are rates above 0, the second the larger one, not {lowest!r} and {highest!r}.")
    if steps < 5 or not 0 <= smoothing < 1:
        raise ConfigError(f"`steps` is 5 or more and `smoothing` a share from 0 up to 1, not {steps!r} and {smoothing!r}.")
    training = Training() if training is None else training
    check_given(model, batches, loss, training)
    weights, random, mode = weights_of(model), random_state(), model.training
    carries = bool(getattr(batches, "carries", False))
    carried = carries or training.tbptt is not None
    training = replace(training, ema=None, average=1, accumulate=1, tbptt=None)
    run, mean = Run.begin(model, training, len(batches)), 0.0
    objective = Objective(run, loss)
    rates: list[float] = []
    losses: list[float] = []
    model.train()
    try:
        for k, batch in zip(range(steps), _endless(batches), strict=False):
            run.rate = lowest * (highest / lowest) ** (k / (steps - 1))
            run.state = run.state if carries else None
            try:
                value, targets, _ = update(run, objective, [batch], carried)
            except TrainingError:
                if not rates:
                    raise
                break
            if not targets:
                continue
            mean = smoothing * mean + (1 - smoothing) * value
            rates.append(run.rate)
            losses.append(mean / (1 - smoothing ** len(rates)))
            if not math.isfinite(losses[-1]) or (losses[-1] > 4 * min(losses) and len(losses) > 5 and min(losses) > 0):
                break
    finally:
        model.load_state_dict(weights)
        model.zero_grad()
        model.train(mode)
        set_random_state(random)
    tried, smoothed = np.array(rates), np.array(losses)
    return RangeTest(tried, smoothed, steepest(tried, smoothed))


def steepest(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> float:
    """The rate at which the loss falls most steeply per unit of log(rate), among those before its least; NaN where it never falls.

    The first tenth is left out: there the mean is of few batches, and what falls is their noise.
    """
    begin, end = len(rates) // 10, int(np.argmin(losses)) + 1 if len(losses) else 0
    if len(rates) < 3 or end <= begin:
        return math.nan
    slope = np.gradient(losses, np.log(rates))[begin:end]
    k = int(np.argmin(slope))
    return float(rates[begin + k]) if slope[k] < 0 else math.nan


def _endless(batches: Batches) -> Iterator[Any]:
    for k in count():
        batch = None
        for batch in batches.epoch(k):
            yield batch
        if batch is None:
            raise TrainingError(f"Epoch {k + 1} has no batches, so there is nothing to learn from.")
