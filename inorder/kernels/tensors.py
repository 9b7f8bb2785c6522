"""What a kernel asks of tensors before it reads them by their addresses."""

from __future__ import annotations

import torch
from torch import Tensor

from inorder.errors import ShapeError


def check_tensor(name: str, tensor: Tensor, axes: str, wanted: tuple[int, ...], like: Tensor, *, dtype: bool = False) -> None:
    """Raises ShapeError unless `tensor` has the wanted shape and lies where `like` does; with `dtype`, also unless it holds the same kind of numbers.

    axes: their names, such as "batch hidden".
    """
    if tuple(tensor.shape) != wanted:
        raise ShapeError(f"`{name}` has the axes ({', '.join(axes.split())}) = {wanted}; this one has the shape {tuple(tensor.shape)}.")
    if tensor.device != like.device:
        raise ShapeError(f"`{name}` lies on {tensor.device}, the rest on {like.device}; put all of them on one device.")
    if dtype and tensor.dtype != like.dtype:
        raise ShapeError(f"`{name}` holds {tensor.dtype}, the rest {like.dtype}; one kind of numbers was expected.")


def lengths_beside(x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """`lengths`, (batch,) whole numbers on any device, as int64 where `x`, (batch, …), lies.   Raises ShapeError for another shape or kind of numbers."""
    if lengths is None:
        return None
    if tuple(lengths.shape) != (x.shape[0],) or lengths.dtype.is_floating_point or lengths.dtype.is_complex or lengths.dtype == torch.bool:
        raise ShapeError(f"`lengths` is {lengths.dtype} of shape {tuple(lengths.shape)}; {x.shape[0]} whole numbers, one a sequence, were expected.")
    return lengths.to(x.device, torch.int64)
