"""Likelihood losses: minus the log-density of each target under the distribution that the model gives for it.

    normal       z²/2 + log s + log(2π)/2                                              z = (y − location) / scale,  s = scale
    student-t    (ν+1)/2 · log(1 + z²/ν) + log s + log(νπ)/2 + log Γ(ν/2) − log Γ((ν+1)/2)
    laplace      |z| + log s + log 2

In nats, summed over the targets that are known (`likelihood_sum`) or averaged (the rest). Student's t with few degrees of freedom ν
forgives a wild value that would pull a normal fit towards it.

Source: Bishop 1994, Mixture density networks, §2; Student's t: Lange, Little & Taylor 1989, Robust statistical modeling using the t distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from inorder.errors import ShapeError, unknown
from inorder.losses.sums import Sum

DEGREES = 5.0  # of freedom of Student's t, unless said otherwise


def likelihood_sum(kind: str, location: Tensor, scale: Tensor, target: Tensor, valid: Tensor | None = None, degrees: float = DEGREES) -> Sum:
    """Σ −log p(target; location, scale) over the targets where `valid` is True and that are not NaN, and how many these are.

    kind: "normal", "student-t" or "laplace".   location, scale > 0, target, valid: the same shape.   degrees: of freedom of Student's t.

    >>> loss = likelihood_sum("normal", torch.zeros(3), torch.ones(3), torch.tensor([1.0, 1.0, math.nan]))
    >>> round(float(loss.total), 4), int(loss.count)
    (2.8379, 2)
    """
    if kind not in ENERGIES:
        raise unknown("likelihood", kind, ENERGIES)
    if not location.shape == scale.shape == target.shape:
        shapes = f"{tuple(location.shape)}, {tuple(scale.shape)} and {tuple(target.shape)}"
        raise ShapeError(f"`location`, `scale` and `target` have one shape; these have {shapes}.")
    known = ~torch.isnan(target) if valid is None else valid & ~torch.isnan(target)
    z = (torch.where(known, target, location.detach()) - location) / scale  # an unknown target goes before the arithmetic: NaN · 0 is NaN
    terms = torch.where(known, ENERGIES[kind](z, degrees) + torch.log(scale), 0.0)
    return Sum(terms.sum(), known.sum())


def normal_loss(location: Tensor, scale: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean of −log N(target; location, scale²) over the targets where `valid` is True and that are not NaN.

    location, scale > 0, target, valid: the same shape.   Returns 0 with gradient 0 where no target is known.

    >>> round(float(normal_loss(torch.zeros(1), torch.ones(1), torch.tensor([1.0]))), 4)
    1.4189
    """
    return likelihood_sum("normal", location, scale, target, valid).mean


def student_loss(location: Tensor, scale: Tensor, target: Tensor, valid: Tensor | None = None, degrees: float = DEGREES) -> Tensor:
    """Mean of −log t(target; location, scale, degrees), as `normal_loss`.

    >>> round(float(student_loss(torch.zeros(1), torch.ones(1), torch.tensor([1.0]), degrees=5.0)), 4)
    1.5156
    """
    return likelihood_sum("student-t", location, scale, target, valid, degrees).mean


def laplace_loss(location: Tensor, scale: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean of −log Laplace(target; location, scale), as `normal_loss`; with a fixed scale it is the mean absolute error.

    >>> round(float(laplace_loss(torch.zeros(1), torch.ones(1), torch.tensor([1.0]))), 4)
    1.6931
    """
    return likelihood_sum("laplace", location, scale, target, valid).mean


def _normal(z: Tensor, degrees: float) -> Tensor:
    return z**2 / 2 + math.log(2 * math.pi) / 2


def _student(z: Tensor, degrees: float) -> Tensor:
    constant = math.log(degrees * math.pi) / 2 + math.lgamma(degrees / 2) - math.lgamma((degrees + 1) / 2)
    return (degrees + 1) / 2 * torch.log1p(z**2 / degrees) + constant


def _laplace(z: Tensor, degrees: float) -> Tensor:
    return z.abs() + math.log(2)


ENERGIES: dict[str, Callable[[Tensor, float], Tensor]] = {"normal": _normal, "student-t": _student, "laplace": _laplace}  # −log density, less log scale
LIKELIHOODS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]] = {"student-t": student_loss, "normal": normal_loss, "laplace": laplace_loss}
