"""Cross-entropy of classes, with label smoothing: minus the log-probability of the right class, in nats.

    loss = −Σₖ qₖ · log pₖ        p = softmax(scores)
    q    = (1 − smoothing) · [k is right] + smoothing / classes

Summed over the targets that are real, never averaged over padding or over the rows of a batch: so a batch of n is n batches of 1.

Source: label smoothing: Szegedy et al. 2016, Rethinking the Inception architecture, §7.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from inorder.errors import ConfigError, ShapeError
from inorder.losses.sums import Sum


def cross_entropy(scores: Tensor, target: Tensor, valid: Tensor | None = None, *, smoothing: float = 0.0) -> Sum:
    """The summed loss over the targets where `valid` is True, and how many these are.

    scores: (…, classes) before the softmax.   target: (…) whole numbers, those of the right classes; negative = not known.
    valid: (…) as from `Batch.valid`; None = all.   smoothing: share of the probability that is spread evenly over all classes, from 0 up to 1.

    >>> loss = cross_entropy(torch.zeros(2, 3, 4), torch.tensor([[1, 2, 3], [0, -1, 0]]), torch.tensor([[True, True, True], [True, True, False]]))
    >>> round(loss.mean.item(), 4), int(loss.count)  # ln 4
    (1.3863, 4)
    """
    if scores.ndim < 1 or scores.shape[:-1] != target.shape:
        raise ShapeError(f"`scores` has the axes of `target` and one of classes after them; these have {tuple(scores.shape)} and {tuple(target.shape)}.")
    if target.is_floating_point():
        raise ShapeError(f"`target` holds the numbers of classes, whole numbers, not {target.dtype}.")
    if not 0 <= smoothing < 1:
        raise ConfigError(f"`smoothing` is a share from 0 up to 1, not {smoothing!r}.")
    known = target >= 0 if valid is None else valid & (target >= 0)
    right, rows = target[known], scores[known]  # what is computed on padding, NaN even, is left out with its gradient
    if len(right) and int(right.max()) >= scores.shape[-1]:
        raise ShapeError(f"`target` names class {int(right.max())}, but `scores` has {scores.shape[-1]} classes, counted from 0.")
    if rows.dtype in (torch.float16, torch.bfloat16):
        rows = rows.float()  # a sum of many terms needs the digits
    return Sum(functional.cross_entropy(rows, right, reduction="sum", label_smoothing=smoothing), known.sum())
