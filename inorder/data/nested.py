"""Tensors in records, tuples, lists and dicts: a function for each, or all of them in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def map_tensors(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """A record, tuple, list or dict like `value`, with `function` applied to each tensor in it; anything else stays as it is.

    >>> import torch
    >>> map_tensors(lambda one: one + 1, {"h": torch.zeros(2), "name": "x"})
    {'h': tensor([1., 1.]), 'name': 'x'}
    """
    import torch

    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(function, one) for one in value))
    if isinstance(value, tuple | list):
        return type(value)(map_tensors(function, one) for one in value)
    if isinstance(value, dict):
        return {name: map_tensors(function, one) for name, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: map_tensors(function, getattr(value, f.name)) for f in fields(value) if f.init})
    return value


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors of a record, tuple, list or dict, in the order in which `map_tensors` meets them."""
    found: list[Tensor] = []

    def note(one: Tensor) -> Tensor:
        found.append(one)
        return one

    map_tensors(note, value)
    return found
