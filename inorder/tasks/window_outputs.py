"""What the numbers that a network gives for each step ahead mean: a point, quantiles, or a distribution.

    absolute, squared             1 number: the median or the mean; intervals are conformal
    quantiles                     one number for each probability, which cannot cross
    student-t, normal, laplace    2 numbers: location and scale

Between the quantiles that were learnt a forecast is interpolated on the scale of the normal distribution, beyond the outermost it goes on in a straight
line there, so that every level has an interval and a wider one contains a narrower.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inorder.errors import ConfigError
from inorder.losses.likelihood import DEGREES, LIKELIHOODS, likelihood_sum
from inorder.losses.quantile import multi_quantile_loss, ordered
from inorder.losses.sums import Sum
from inorder.models.neural_forecaster import SMALLEST_SCALE
from inorder.typing import Floats

LOSSES = ("absolute", "squared", "quantiles", *LIKELIHOODS)


def outputs_of(loss: str, probabilities: Sequence[float]) -> int:
    """How many numbers the network gives for each step ahead."""
    return len(probabilities) if loss == "quantiles" else 2 if loss in LIKELIHOODS else 1


def answer(raw: Tensor, middle: Tensor, spread: Tensor, loss: str) -> Tensor:
    """(batch, horizon, numbers) in units of v, from what the network gives and the a, s of its window: a point, rising quantiles, or location and scale."""
    a, s = middle[:, None, None], spread[:, None, None]
    if loss in LIKELIHOODS:
        scale = functional.softplus(raw[:, :, 1:]) + SMALLEST_SCALE
        return torch.cat([a + s * raw[:, :, :1], s * scale], dim=2)
    return a + s * (ordered(raw) if loss == "quantiles" else raw)


def loss_of(answered: Tensor, targets: Tensor, loss: str, probabilities: Sequence[float]) -> Sum:
    """The loss summed over the targets that are known.   answered: as `answer` gives it.   targets: (batch, horizon)."""
    if loss == "quantiles":
        return multi_quantile_loss(answered, targets, torch.tensor(probabilities, dtype=answered.dtype))
    if loss in LIKELIHOODS:
        return likelihood_sum(loss, answered[:, :, 0], answered[:, :, 1], targets)
    known = ~torch.isnan(targets)
    error = torch.where(known, targets, answered[:, :, 0].detach()) - answered[:, :, 0]
    return Sum((error.abs() if loss == "absolute" else error.square()).sum(), known.sum())


def point(answered: Floats, loss: str) -> Floats:
    """(series, horizon) the forecast itself: the middle quantile, the location, or the point."""
    return np.asarray(answered[..., answered.shape[-1] // 2 if loss == "quantiles" else 0])


def deviations(answered: Floats, loss: str, learnt: Sequence[float], probabilities: Floats) -> Floats:
    """(probabilities, series, horizon) how far each quantile lies from the forecast.   learnt: the probabilities of the quantiles that the network gives."""
    from scipy.special import ndtri, stdtrit

    if loss == "quantiles":
        nodes, wanted = ndtri(np.asarray(learnt)), ndtri(probabilities)
        apart = answered - answered[..., [len(learnt) // 2]]
        left = np.clip(np.searchsorted(nodes, wanted) - 1, 0, len(nodes) - 2)
        share = (wanted - nodes[left]) / (nodes[left + 1] - nodes[left])
        found = [apart[..., i] + w * (apart[..., i + 1] - apart[..., i]) for i, w in zip(left.tolist(), share.tolist(), strict=True)]
        return np.stack(found)
    if loss == "laplace":
        unit = np.where(probabilities < 0.5, np.log(2 * np.minimum(probabilities, 0.5)), -np.log(2 * np.minimum(1 - probabilities, 0.5)))
    else:
        unit = ndtri(probabilities) if loss == "normal" else stdtrit(DEGREES, probabilities)
    return np.asarray(unit[:, None, None] * answered[None, ..., 1])


def check_quantiles(probabilities: Sequence[float]) -> tuple[float, ...]:
    """Rising probabilities, an odd number, the middle one 0.5.   Raises ConfigError."""
    try:
        values = tuple(float(p) for p in probabilities)
    except (TypeError, ValueError):
        values = ()
    good = len(values) >= 3 and all(0 < a < b < 1 for a, b in zip(values[:-1], values[1:], strict=True)) and values[len(values) // 2] == 0.5
    if not good or len(values) % 2 == 0:
        raise ConfigError(f"`quantiles` are rising probabilities around 0.5, such as (0.1, 0.5, 0.9), an odd number of them; not {probabilities!r}.")
    return values
