"""What every layer asks of its settings and of what it is given, said in one way."""

from __future__ import annotations

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


def check_axes(x: Tensor, axes: str, features: int, name: str = "x") -> None:
    """Raises ShapeError unless `x` has the axes, such as "batch time inputs", the last one with so many features."""
    wanted = axes.split()
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
