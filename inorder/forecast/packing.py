"""Many small records of numbers as a few flat arrays, and back: how the models of a panel are saved.

A model may be made of other models (`CompositeModel`: a combination, a model of what is left after a season). Their records stand under
the number of the forecaster that they came from, among the `parts` of the forecaster of the whole: `model.members.0.alpha`. Which class
that is says the forecaster, never the arrays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.errors import BundleError
from inorder.forecast.base import Model
from inorder.typing import Offsets

if TYPE_CHECKING:
    from inorder.forecast.local import LocalForecaster


@dataclass(frozen=True, eq=False)
class CompositeModel(Model):
    """A model made of models.

    members: the models.   which: (members,) for each the forecaster that it came from: its place among the `parts` of the forecaster of the whole.
    """

    members: tuple[Model, ...]
    which: Offsets


def pack(models: Sequence[Model], prefix: str = "model.") -> dict[str, Any]:
    """Many small records of numbers as a few flat arrays: `model.alpha` holds every alpha one after the other, `model.alpha.shape` their shapes."""
    arrays: dict[str, Any] = {}
    for f in numbers(type(models[0])):
        values = [np.asarray(getattr(model, f.name)) for model in models]
        values = [value.astype(np.float64) if value.dtype.kind == "f" else value.astype(np.int64) for value in values]
        arrays[f"{prefix}{f.name}"] = np.concatenate([value.reshape(-1) for value in values])
        arrays[f"{prefix}{f.name}.shape"] = np.array([value.shape for value in values], dtype=np.int64).reshape(len(values), -1)
    members: dict[int, list[Model]] = {}
    for model in models:
        if isinstance(model, CompositeModel):
            for part, member in zip(model.which.tolist(), model.members, strict=True):
                members.setdefault(part, []).append(member)
    for part, found in members.items():
        arrays.update(pack(found, f"{prefix}members.{part}."))
    return arrays


def unpack(kind: type[Model], arrays: Mapping[str, Any], count: int, parts: Sequence[LocalForecaster] = (), prefix: str = "model.") -> list[Model]:
    """The inverse of `pack`.   parts: where the members come from.   Raises BundleError where the arrays do not hold `count` models."""
    columns: dict[str, list[Any]] = {}
    for f in numbers(kind):
        name = f"{prefix}{f.name}"
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
        columns[f.name] = [piece.reshape(shape) if len(shape) else piece[0].item() for piece, shape in zip(pieces, shapes, strict=True)]
    if issubclass(kind, CompositeModel):
        columns["members"] = unpack_members(parts, arrays, columns["which"], prefix)
    return [kind(**{name: column[i] for name, column in columns.items()}) for i in range(count)]


def unpack_members(parts: Sequence[LocalForecaster], arrays: Mapping[str, Any], which: Sequence[Any], prefix: str) -> list[tuple[Model, ...]]:
    """For each model its members.   which: for each model, (members,) the part that each came from."""
    if any(np.ndim(row) != 1 or row.dtype.kind != "i" or (row < 0).any() or (row >= len(parts)).any() for row in which):
        raise BundleError(f'The array "{prefix}which" names members that are not among the {len(parts)} parts of the model.')
    counts = np.bincount(np.concatenate(which), minlength=len(parts)) if which else np.zeros(len(parts), dtype=np.int64)
    found = {
        part: iter(unpack(parts[part].model, arrays, count, parts[part].parts, f"{prefix}members.{part}."))
        for part, count in enumerate(counts.tolist())
        if count
    }
    return [tuple(next(found[part]) for part in row.tolist()) for row in which]


def numbers(kind: type[Model]) -> list[Field[Any]]:
    """The fields that are floats, whole numbers or arrays."""
    return [f for f in fields(kind) if f.name != "members" or not issubclass(kind, CompositeModel)]
