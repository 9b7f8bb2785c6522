"""What every layer asks of its settings and of what it is given, said in one way."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from inorder.data.batch import check_lengths, valid_mask
from inorder.errors import ConfigError, ShapeError


def check_whole(kind: str, **sizes: int) -> None:
    """Raises ConfigError unless every size is a whole number, 1 or more.   kind: "a TCN", for the sentence."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"`{name}` of {kind} is a whole number, 1 or more, not {value!r}.")


def check_share(**shares: float) -> None:
    """Raises ConfigError unless every share (of dropout) is at least 0 and below 1."""
    for name, value in shares.items():
        if not isinstance(value, int | float) or not 0 <= value < 1:
            raise ConfigError(f"`{name}` is a share from 0 up to 1, not {value!r}.")


def check_dropout(dropout: float, layers: int) -> None:
    """Raises ConfigError as `check_share`; a warning where there are no two layers that dropout could act between."""
    check_share(dropout=dropout)
    if dropout and layers == 1:
        warnings.warn(f"`dropout` acts between layers, and there is one: dropout={dropout:g} has no effect.", stacklevel=4)


def check_flags(**flags: bool) -> None:
    """Raises ConfigError unless every flag is True or False: a text such as "no" would count as True."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise ConfigError(f"`{name}` is True or False, not {value!r}.")


def check_number(**numbers: float) -> None:
    """Raises ConfigError unless every number is one, and finite."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"`{name}` is a number, not {value!r}.")


def check_kind(x: Tensor, weight: Tensor, name: str = "x") -> None:
    """Raises ShapeError unless `x` holds the kind of numbers that the layer computes with; mixed precision sees to that by itself."""
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise ShapeError(f"`{name}` holds {x.dtype}, but the layer {weight.dtype}: convert one of them, x.to({weight.dtype}) or layer.to({x.dtype}).")


def check_axes(x: Tensor, axes: str, features: int, name: str = "x") -> None:
    """Raises ShapeError unless `x` has the axes, such as "batch time inputs", the last one with so many features."""
    wanted = axes.split()
    if not isinstance(x, Tensor):
        raise ShapeError(f"`{name}` is a {type(x).__name__}; a tensor ({', '.join(wanted)}) was expected, such as torch.as_tensor({name}).")
    if x.ndim != len(wanted):
        raise ShapeError(f"`{name}` has the axes ({', '.join(wanted)}); this one has the shape {tuple(x.shape)}.")
    if x.shape[-1] != features:
        raise ShapeError(f"`{name}` has {x.shape[-1]} features on axis {x.ndim - 1}, but the layer takes {features}.")


def check_state(state: Tensor, wanted: tuple[int, ...], axes: str) -> None:
    """Raises ShapeError unless a state has the wanted shape.   axes: their names, such as "batch time inputs"."""
    if tuple(state.shape) != wanted:
        raise ShapeError(f"The state has the axes ({', '.join(axes.split())}) = {wanted}; this one has the shape {tuple(state.shape)}.")


def valid_steps(lengths: Tensor | None, batch: int, time: int) -> Tensor | None:
    """(batch, time, 1) True where a step is real, after a look at the lengths, on their device; None where all are."""
    if lengths is None:
        return None
    check_lengths(lengths, batch, time)
    return valid_mask(lengths, time)[:, :, None]


def zero_padding(x: Tensor, valid: Tensor | None) -> Tensor:
    """`x` with zeros wherever `valid` is False, whatever stood there, NaN included."""
    return x if valid is None else x.masked_fill(~valid.to(x.device), 0.0)
