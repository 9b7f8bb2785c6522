"""Many small records of numbers as a few flat arrays, and back: how the models of a panel are saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from inorder.errors import BundleError
from inorder.forecast.base import Model


def pack(models: Sequence[Model]) -> dict[str, Any]:
    """Many small records of numbers as a few flat arrays: `model.alpha` holds every alpha one after the other, `model.alpha.shape` their shapes."""
    arrays: dict[str, Any] = {}
    for f in fields(models[0]):
        values = [np.asarray(getattr(model, f.name)) for model in models]
        values = [value.astype(np.float64) if value.dtype.kind == "f" else value.astype(np.int64) for value in values]
        arrays[f"model.{f.name}"] = np.concatenate([value.reshape(-1) for value in values])
        arrays[f"model.{f.name}.shape"] = np.array([value.shape for value in values], dtype=np.int64).reshape(len(values), -1)
    return arrays


def unpack(kind: type[Model], arrays: Mapping[str, Any], count: int) -> list[Model]:
    """The inverse of `pack`.   Raises BundleError where the arrays do not hold `count` models."""
    columns: list[list[Any]] = []
    for f in fields(kind):
        try:
            flat, shapes = arrays[f"model.{f.name}"], arrays[f"model.{f.name}.shape"]
        except KeyError as error:
            raise BundleError(f"The weights have no array {error}.") from None
        if flat.ndim != 1 or flat.dtype.kind not in "if" or shapes.ndim != 2 or shapes.dtype.kind != "i" or len(shapes) != count or (shapes < 0).any():
            found = f"{flat.dtype} {flat.shape} and {shapes.dtype} {shapes.shape}"
            raise BundleError(f'The arrays "model.{f.name}" and "model.{f.name}.shape" do not hold {count} series: they are {found}.')
        sizes = [math.prod(shape) for shape in shapes.tolist()]  # exact: a hostile shape cannot overflow
        if sum(sizes) != len(flat):
            raise BundleError(f'The array "model.{f.name}" has {len(flat)} numbers; {sum(sizes)} were expected.')
        pieces = np.split(flat, np.cumsum(sizes)[:-1])
        columns.append([piece.reshape(shape) if len(shape) else piece[0].item() for piece, shape in zip(pieces, shapes, strict=True)])
    return [kind(*(column[i] for column in columns)) for i in range(count)]
