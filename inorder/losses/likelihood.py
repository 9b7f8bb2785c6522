"""Likelihood losses: minus the log-density of each target under the distribution that the model gives for it.

    normal       z²/2 + log s + log(2π)/2                                              z = (y − location) / scale,  s = scale
    student-t    (ν+1)/2 · log(1 + z²/ν) + log s + log(νπ)/2 + log Γ(ν/2) − log Γ((ν+1)/2)
    laplace      |z| + log s + log 2

In nats, averaged over the targets that are known. Student's t with few degrees of freedom ν forgives a wild value that would
pull a normal fit towards it.

Source: Bishop 1994, Mixture density networks, §2; Student's t: Lange, Little & Taylor 1989, Robust statistical modeling using the t distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from inorder.errors import ShapeError

DEGREES = 5.0  # of freedom of Student's t, unless said otherwise


def normal_loss(location: Tensor, scale: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean of −log N(target; location, scale²) over the targets where `valid` is True and that are not NaN.

    location, scale > 0, target, valid: the same shape.   Returns 0 with gradient 0 where no target is known.

    >>> round(float(normal_loss(torch.zeros(1), torch.ones(1), torch.tensor([1.0]))), 4)
    1.4189
    """
    return _mean(location, scale, target, valid, lambda z: z**2 / 2 + math.log(2 * math.pi) / 2)


def student_loss(location: Tensor, scale: Tensor, target: Tensor, valid: Tensor | None = None, degrees: float = DEGREES) -> Tensor:
    """Mean of −log t(target; location, scale, degrees), as `normal_loss`.

    >>> round(float(student_loss(torch.zeros(1), torch.ones(1), torch.tensor([1.0]), degrees=5.0)), 4)
    1.5156
    """
    constant = math.log(degrees * math.pi) / 2 + math.lgamma(degrees / 2) - math.lgamma((degrees + 1) / 2)
    return _mean(location, scale, target, valid, lambda z: (degrees + 1) / 2 * torch.log1p(z**2 / degrees) + constant)


def laplace_loss(location: Tensor, scale: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean of −log Laplace(target; location, scale), as `normal_loss`; with a fixed scale it is the mean absolute error.

    >>> round(float(laplace_loss(torch.zeros(1), torch.ones(1), torch.tensor([1.0]))), 4)
    1.6931
    """
    return _mean(location, scale, target, valid, lambda z: z.abs() + math.log(2))


def _mean(location: Tensor, scale: Tensor, target: Tensor, valid: Tensor | None, energy: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean of energy(z) + log scale. An unknown target is replaced before the arithmetic: NaN · 0 is NaN, in the gradient too."""
    if not location.shape == scale.shape == target.shape:
        shapes = f"{tuple(location.shape)}, {tuple(scale.shape)} and {tuple(target.shape)}"
        raise ShapeError(f"`location`, `scale` and `target` have one shape; these have {shapes}.")
    known = ~torch.isnan(target) if valid is None else valid & ~torch.isnan(target)
    z = (torch.where(known, target, location.detach()) - location) / scale
    terms = torch.where(known, energy(z) + torch.log(scale), 0.0)
    return terms.sum() / known.sum().clamp(min=1)


LIKELIHOODS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]] = {"student-t": student_loss, "normal": normal_loss, "laplace": laplace_loss}
