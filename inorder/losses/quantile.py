"""Quantile losses: what a forecast of a quantile costs, least on average where it is that quantile.

    pinball(q, y; p) = p·(y − q)          where y ≥ q
                       (1 − p)·(q − y)    where y < q

Twice the pinball loss at p = 0.5 is the absolute error. Several quantiles at once cross unless they are built so that they cannot:

    q[middle] = a[middle],   q[k] = q[k−1] + softplus(a[k]) above it,   q[k] = q[k+1] − softplus(a[k]) below it

Source: Koenker & Bassett 1978, Regression quantiles; several at once: Wen, Torkkola, Narayanaswamy & Madeka 2017, A multi-horizon quantile
recurrent forecaster; without crossing: Gasthaus et al. 2019, Probabilistic forecasting with spline quantile function RNNs, §3.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from inorder.errors import ShapeError
from inorder.losses.sums import Sum


def pinball_loss(quantile: Tensor, target: Tensor, probability: float | Tensor, valid: Tensor | None = None) -> Sum:
    """The pinball loss, summed over the targets where `valid` is True and that are not NaN, and how many they are.

    quantile, target, valid: the same shape.   probability: p, a number or a tensor that broadcasts.

    >>> loss = pinball_loss(torch.tensor([1.0, 1.0]), torch.tensor([3.0, 0.0]), 0.9)
    >>> round(float(loss.total), 4), int(loss.count)
    (1.9, 2)
    """
    if quantile.shape != target.shape:
        raise ShapeError(f"`quantile` and `target` have one shape; these have {tuple(quantile.shape)} and {tuple(target.shape)}.")
    known = ~torch.isnan(target) if valid is None else valid & ~torch.isnan(target)
    over = torch.where(known, target, quantile.detach()) - quantile
    return Sum(torch.where(known, torch.maximum(probability * over, (probability - 1) * over), 0.0).sum(), known.sum())


def multi_quantile_loss(quantiles: Tensor, target: Tensor, probabilities: Tensor, valid: Tensor | None = None) -> Sum:
    """The mean over the quantiles of their pinball losses, summed over targets.

    quantiles: (…, probabilities).   target, valid: (…).   probabilities: (probabilities,).

    >>> loss = multi_quantile_loss(torch.tensor([[0.0, 1.0]]), torch.tensor([1.0]), torch.tensor([0.5, 0.9]))
    >>> float(loss.total)
    0.25
    """
    if quantiles.shape != (*target.shape, len(probabilities)):
        raise ShapeError(f"`quantiles` has the shape {tuple(quantiles.shape)}; {(*target.shape, len(probabilities))} was expected: one for each probability.")
    known = ~torch.isnan(target) if valid is None else valid & ~torch.isnan(target)
    every = known[..., None].expand_as(quantiles)
    total, _ = pinball_loss(quantiles, target[..., None].expand_as(quantiles), probabilities, every)
    return Sum(total / len(probabilities), known.sum())


def ordered(raw: Tensor) -> Tensor:
    """Quantiles that rise along the last axis, from any numbers: the middle one as it is, the others by softplus steps away from it.

    >>> ordered(torch.tensor([5.0, 1.0, -3.0])).tolist()[1]
    1.0
    >>> bool((ordered(torch.randn(7, 5)).diff(dim=-1) >= 0).all())
    True
    """
    middle = raw.shape[-1] // 2
    steps = functional.softplus(raw)
    above = raw[..., middle, None] + torch.cumsum(steps[..., middle + 1 :], dim=-1)
    below = raw[..., middle, None] - torch.cumsum(steps[..., :middle].flip(-1), dim=-1).flip(-1)
    return torch.cat([below, raw[..., middle, None], above], dim=-1)
