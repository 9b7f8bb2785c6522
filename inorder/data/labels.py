"""What texts, symbols and sentences are labelled with: a class each, several classes each, or a number each; some may not be labelled.

    classification   values[i] = place in `classes`, −1 = not known
    multi-label      values[i, k] = 1 where class k holds, 0 where not, −1 = not known
    regression       values[i], NaN = not known

The kinds bear the names that the task of classification gives them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.labelled import note_of, to_labels
from inorder.errors import ConfigError, SeriesError, ShapeError

KINDS = ("classification", "multi-label", "regression")
LACKING = ("", "nan", "NaN", "None", "null", "?")  # cells of a column of labels that say: not known


@dataclass(frozen=True, eq=False)
class Labels:
    """A label an example.

    kind: "classification", "multi-label" (several each) or "regression".   classes: their names; none for numbers.
    values: (examples,), or (examples, classes) for several each; see above.

    >>> labels = Labels.of(["b", None, "a", "b"])
    >>> labels.kind, labels.classes, labels.values.tolist(), labels.known.tolist(), labels.names()
    ('classification', ('a', 'b'), [1, -1, 0, 1], [True, False, True, True], ['b', None, 'a', 'b'])
    >>> Labels.of([["sad", "slow"], [], None]).values.tolist()
    [[1, 1], [0, 0], [-1, -1]]
    """

    kind: str
    values: NDArray[Any]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f'The kind of labels is "classification", "multi-label" or "regression", not "{self.kind}".')
        axes = (len(self.values), len(self.classes)) if self.kind == "multi-label" else (len(self.values),)
        if self.values.shape != axes:
            raise ShapeError(f"`values` has the shape {self.values.shape}; {axes} was expected.")

    @classmethod
    def of(cls, cells: Sequence[Any], *, kind: str | None = None, several: str | None = None, classes: Sequence[str] = (), source: str = "the data") -> Labels:
        """From a cell an example: a text, a number, a list of texts, or None and "" where the label is not known.

        kind: None = several classes where cells are lists or `several` is given, else what `labelled.to_labels` finds: texts and whole numbers that recur are
        classes.   several: what separates the classes in one cell; a cell with nothing in it is then an example of no class.
        classes: their names in order, where some may not occur.   Raises SeriesError where labels cannot be read so.
        """
        if kind not in (None, *KINDS):
            raise ConfigError(f'`kind` is "classification", "multi-label" or "regression", not "{kind}".')
        lists = any(isinstance(cell, list | tuple | set | frozenset) for cell in cells)
        if kind in (None, "multi-label") and (several is not None or lists or kind == "multi-label"):
            return _several(cells, several, classes, source)
        if lists or several is not None:
            raise ConfigError(f'`kind` is "{kind}", but there are several labels in a cell of {source}; the kind is then "multi-label".')
        known = np.array([not lacking(cell) for cell in cells], dtype=bool)
        found, names = to_labels([cell for cell in cells if not lacking(cell)], kind, classes, source)
        notes = note_of(found, names) if kind is None and not classes else []
        values: NDArray[Any] = np.full(len(known), np.nan) if not names and found.dtype.kind == "f" else np.full(len(known), -1, dtype=np.int64)
        values[known] = found
        return cls("classification" if names or found.dtype.kind != "f" else "regression", values, names, tuple(notes))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, which: slice | Sequence[int] | NDArray[Any]) -> Labels:
        """The labels at these places, or where the mask is True."""
        return Labels(self.kind, self.values[which], self.classes, self.notes)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(examples,) whether the label is known."""
        if self.kind == "regression":
            return np.asarray(~np.isnan(self.values))
        return np.asarray(self.values >= 0) if self.kind == "classification" else np.asarray((self.values >= 0).all(axis=1))

    def names(self) -> list[Any]:
        """The label of each example as it was: a class, a list of classes, a number, or None."""
        if self.kind == "regression":
            return [None if np.isnan(one) else float(one) for one in self.values]
        if self.kind == "classification":
            return [None if one < 0 else self.classes[one] for one in self.values.tolist()]
        known = self.known
        return [[self.classes[k] for k in np.flatnonzero(row)] if known[i] else None for i, row in enumerate(self.values)]

    def counts(self) -> dict[str, int]:
        """How many examples each class has; of numbers nothing."""
        if self.kind == "classification":
            times: NDArray[Any] = np.bincount(self.values[self.values >= 0], minlength=len(self.classes))
        else:
            times = (self.values > 0).sum(axis=0) if self.kind == "multi-label" else np.zeros(0)
        return {name: int(count) for name, count in zip(self.classes, times, strict=False)}

    def describe(self) -> str:
        """In a few words, such as "2 classes"."""
        if self.kind == "regression":
            what = "a number each"
        elif self.kind == "classification":
            what = f"{len(self.classes)} class{'es' * (len(self.classes) != 1)}"
        else:
            what = f"any of {len(self.classes)} classes each"
        lacking = int((~self.known).sum())
        return f"{what}, {lacking:,} without a label" if lacking else what


def lacking(cell: Any) -> bool:
    """Whether a cell says nothing: None, NaN, an empty text.

    >>> lacking(None), lacking(" "), lacking(float("nan")), lacking("no"), lacking(0)
    (True, True, True, False, False)
    """
    return cell is None or (isinstance(cell, float) and cell != cell) or (isinstance(cell, str) and cell.strip() in LACKING)


def _several(cells: Sequence[Any], separator: str | None, classes: Sequence[str], source: str) -> Labels:
    parts: list[list[str] | None] = []
    for cell in cells:
        if isinstance(cell, list | tuple | set | frozenset):
            parts.append(sorted({str(one).strip() for one in cell}))
        elif cell is None or (separator is None and lacking(cell)):
            parts.append(None)
        else:
            parts.append(sorted({one.strip() for one in (str(cell).split(separator) if separator else [str(cell)]) if one.strip()}))
    counted = Counter(one for own in parts if own is not None for one in own)
    names = tuple(classes) or tuple(sorted(counted))
    strange = [one for one in counted if one not in names]
    if strange:
        raise SeriesError(f'The label "{strange[0]}" of {source} is not one of the classes {", ".join(names[:10])}{", …" if len(names) > 10 else ""}.')
    place = {name: k for k, name in enumerate(names)}
    values = np.zeros((len(parts), len(names)), dtype=np.int64)
    for row, own in zip(values, parts, strict=True):
        if own is None:
            row[:] = -1
        else:
            row[[place[one] for one in own]] = 1
    return Labels("multi-label", values, names)


def joined_labels(parts: Sequence[Labels | None], sizes: Sequence[int], source: str) -> Labels | None:
    """The labels of several parts as one; None where no part has any. A part without labels is one whose labels are not known."""
    known = [one for one in parts if one is not None]
    if not known:
        return None
    kinds = {one.kind for one in known if one.known.any()} or {known[0].kind}
    if len(kinds) > 1:
        raise SeriesError(f"The parts of {source} do not have the same kind of labels: {' and '.join(sorted(kinds))}. Set it with --kind.")
    cells: list[Any] = []
    for one, size in zip(parts, sizes, strict=True):
        cells += [None] * size if one is None else one.names()
    both = {name for one in known for name in one.classes}
    # the order of the first part is kept where it knows every class
    classes: Sequence[str] = known[0].classes if both == set(known[0].classes) else ()
    return Labels.of(cells, kind=kinds.pop(), classes=classes, source=source)
