"""Many small records of numbers as a few flat arrays, and back: how the models of a panel are saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np

from inorder.errors import BundleError
from inorder.forecast.base import Model


def pack(models: Sequence[Model], prefix: str = "model") -> dict[str, Any]:
    """Many small records of numbers as a few flat arrays: `model.alpha` holds every alpha one after the other, `model.alpha.shape` their shapes.

    A field that holds another model is packed in the same way: `model.inner.alpha`.
    """
    arrays: dict[str, Any] = {}
    for f in fields(models[0]):
        held = [getattr(model, f.name) for model in models]
        if isinstance(held[0], Model):
            arrays.update(pack(held, f"{prefix}.{f.name}"))
            continue
        values = [np.asarray(value) for value in held]
        values = [value.astype(np.float64) if value.dtype.kind == "f" else value.astype(np.int64) for value in values]
        arrays[f"{prefix}.{f.name}"] = np.concatenate([value.reshape(-1) for value in values])
        arrays[f"{prefix}.{f.name}.shape"] = np.array([value.shape for value in values], dtype=np.int64).reshape(len(values), -1)
    return arrays


def unpack(
    kind: type[Model], arrays: Mapping[str, Any], count: int, nested: Mapping[str, type[Model]] = MappingProxyType({}), prefix: str = "model"
) -> list[Model]:
    """The inverse of `pack`.   nested: the classes of the models that fields hold, by the fields' names ("inner", "inner.inner").

    Raises BundleError where the arrays do not hold `count` models.
    """
    columns: list[list[Any]] = []
    for f in fields(kind):
        if f.name in nested:
            deeper = {name.removeprefix(f"{f.name}."): each for name, each in nested.items() if name.startswith(f"{f.name}.")}
            columns.append(unpack(nested[f.name], arrays, count, deeper, f"{prefix}.{f.name}"))
            continue
        name = f"{prefix}.{f.name}"
        try:
            flat, shapes = arrays[name], arrays[f"{name}.shape"]
        except KeyError as error:
            raise BundleError(f"The weights have no array {error}.") from None
        if flat.ndim != 1 or flat.dtype.kind not in "if" or shapes.ndim != 2 or shapes.dtype.kind != "i" or len(shapes) != count or (shapes < 0).any():
            found = f"{flat.dtype} {flat.shape} and {shapes.dtype} {shapes.shape}"
            raise BundleError(f'The arrays "{name}" and "{name}.shape" do not hold {count} series: they are {found}.')
        sizes = [math.prod(shape) for shape in shapes.tolist()]  # exact: a hostile shape cannot overflow
        if sum(sizes) != len(flat):
            raise BundleError(f'The array "{name}" has {len(flat)} numbers; {sum(sizes)} were expected.')
        pieces = np.split(flat, np.cumsum(sizes)[:-1])
        columns.append([piece.reshape(shape) if len(shape) else piece[0].item() for piece, shape in zip(pieces, shapes, strict=True)])
    return [kind(*(column[i] for column in columns)) for i in range(count)]
