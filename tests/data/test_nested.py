"""Tensors in records of every kind are found, in one order, and the rest is left alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from inorder.data.nested import map_tensors, tensors_in


class State(NamedTuple):
    hidden: torch.Tensor
    cell: torch.Tensor | None


@dataclass(frozen=True)
class Record:
    inputs: torch.Tensor
    states: list[State]
    name: str
    doubled: bool = field(default=False, init=False)


def test_every_tensor_is_found_in_one_order_and_the_form_is_kept():
    one = torch.arange(6.0).unbind()
    value = {"a": Record(one[0], [State(one[1], None), State(one[2], one[3])], "x"), "b": (one[4], [one[5]], 7)}
    assert [float(tensor) for tensor in tensors_in(value)] == [0, 1, 2, 3, 4, 5]
    doubled = map_tensors(lambda tensor: 2 * tensor, value)
    assert [float(tensor) for tensor in tensors_in(doubled)] == [0, 2, 4, 6, 8, 10]
    assert isinstance(doubled["a"], Record) and isinstance(doubled["a"].states[1], State) and doubled["a"].states[0].cell is None
    assert (doubled["a"].name, doubled["b"][2]) == ("x", 7)
    assert [float(tensor) for tensor in tensors_in(value)] == [0, 1, 2, 3, 4, 5], "what was given is not changed"
    assert tensors_in(None) == [] and map_tensors(torch.neg, Record) is Record
