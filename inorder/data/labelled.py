"""Labelled sequences: examples of one or several channels, each with a class or a number.

    example i     values[i]: (time, channels), NaN = missing; every example has its own length
    label i       a class (classification) or a number (regression); None for all where labels are not known

The official test part, where the data have one, is marked and never looked at in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.dividing import dealt
from inorder.errors import SeriesError, ShapeError
from inorder.typing import Floats

MOST_CLASSES = 20  # distinct whole numbers that are classes however seldom they occur
AS_CLASSES = "the labels are whole numbers, which are taken for classes; --kind regression takes them for quantities"
AS_QUANTITIES = "the labels are whole numbers of which most occur once, so they are taken for quantities; --kind classification takes them for classes"


@dataclass(frozen=True, eq=False)
class Sequences:
    """Numeric sequences and what each of them is.

    values: one array (time, channels) an example.   channels: their names.
    labels: (examples,) the place of each class in `classes`; numbers to regress on where `classes` is empty; None where not known.
    test: (examples,) True in the official test part.   ids: a name an example.   source: what to call the data.   notes: what was assumed.
    reading: how a table was read: its columns by their role, and what was told; new data are read like it (`read_sequences(like=…)`).

    >>> data = Sequences.of([[1.0, 2.0], [3.0, 1.0, 2.0]], ["up", "down"])
    >>> data.describe(), data.classes, data.lengths.tolist()
    ('2 sequences of 2–3 steps, 2 classes', ('down', 'up'), [2, 3])
    """

    values: tuple[Floats, ...]
    channels: tuple[str, ...]
    labels: NDArray[Any] | None
    classes: tuple[str, ...]
    test: NDArray[np.bool_]
    ids: tuple[str, ...]
    source: str = "the data"
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    reading: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        if not self.values:
            raise SeriesError(f"{self.source} holds no sequence.")
        for i, one in enumerate(self.values):
            if one.ndim != 2 or one.shape[1] != len(self.channels):
                raise ShapeError(f'Sequence "{self.ids[i]}" has the shape {one.shape}; (time, {len(self.channels)} channels) was expected.')
            if np.isinf(one).any():
                raise SeriesError(f'Sequence "{self.ids[i]}" of {self.source} holds an infinite value; a number or nothing (missing) was expected.')
        for name in ("labels", "test", "ids"):
            part = getattr(self, name)
            if part is not None and len(part) != len(self.values):
                raise ShapeError(f"`{name}` has {len(part)} entries for {len(self.values)} sequences.")

    @classmethod
    def of(
        cls,
        values: Sequence[Any] | NDArray[Any],
        labels: Sequence[Any] | NDArray[Any] | None = None,
        *,
        test: Sequence[bool] | NDArray[np.bool_] | None = None,
        channels: Sequence[str] = (),
        classes: Sequence[str] = (),
        ids: Sequence[str] = (),
        kind: str | None = None,
        source: str = "the data",
        notes: Sequence[str] = (),
        reading: Mapping[str, Any] | None = None,
    ) -> Sequences:
        """From arrays (time,) or (time, channels), or one array (examples, time) or (examples, time, channels), and a label each.

        kind: "classification" or "regression"; None: classes where the labels are texts, at most 20 whole numbers, or whole numbers that recur: each of
        them, or twice on average. `notes` says so where that might be otherwise.
        classes: their names in order, where some may not occur.   Raises SeriesError where labels cannot be read so, ShapeError where shapes do not fit.
        """
        arrays = tuple(_example(one, i) for i, one in enumerate(values))
        names = tuple(channels) or _channel_names(arrays[0].shape[1] if arrays else 1)
        found, known = (None, tuple(classes)) if labels is None else to_labels(labels, kind, classes, source)
        marked = np.zeros(len(arrays), dtype=bool) if test is None else np.asarray(test, dtype=bool)
        notes = [*notes, *note_of(found, known)] if kind is None and not classes else notes
        empty = [i for i, one in enumerate(arrays) if not (~np.isnan(one)).any()]
        if empty:
            many = f"{len(empty):,} of {len(arrays):,} sequences have" if len(empty) > 1 else f"sequence {empty[0]} has"
            notes = [*notes, f"{many} no value at all, and nothing can be told of what is not there"]
        own_ids = tuple(ids) or tuple(map(str, range(len(arrays))))
        return cls(arrays, names, found, known, marked, own_ids, source, notes=tuple(notes), reading=dict(reading or {}))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, which: slice | Sequence[int] | NDArray[Any]) -> Sequences:
        """The examples at these places, or where the mask is True."""
        rows = np.arange(len(self))[which]
        return replace(
            self,
            values=tuple(self.values[i] for i in rows),
            labels=None if self.labels is None else self.labels[rows],
            test=self.test[rows],
            ids=tuple(self.ids[i] for i in rows),
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(examples,) steps of each."""
        return np.array([len(one) for one in self.values], dtype=np.int64)

    @property
    def regression(self) -> bool:
        """Whether the labels are quantities."""
        return not self.classes

    @property
    def training(self) -> Sequences:
        """The examples that are not in the test part."""
        return self[~self.test]

    def names_of(self, labels: NDArray[Any]) -> list[Any]:
        """Classes by their names, quantities as they are."""
        return [float(one) for one in labels] if self.regression else [self.classes[int(one)] for one in labels]

    def describe(self) -> str:
        """What was read, in one line."""
        test = int(self.test.sum())
        parts = f"{len(self) - test:,} + {test:,} test sequences" if test else f"{len(self):,} sequence{'s' * (len(self) != 1)}"
        steps = f"{self.lengths.min()}" if self.lengths.min() == self.lengths.max() else f"{self.lengths.min()}–{self.lengths.max()}"
        channels = f", {len(self.channels)} channels" if len(self.channels) > 1 else ""
        what = "" if self.labels is None else ", a number each" if self.regression else f", {len(self.classes)} classes"
        missing = sum(int(np.isnan(one).sum()) for one in self.values)
        return f"{parts} of {steps} steps{channels}{what}{f', {missing:,} missing' if missing else ''}"


def _example(one: Any, i: int) -> Floats:
    try:
        array = np.asarray(one, dtype=np.float64)
    except (TypeError, ValueError):
        raise SeriesError(f"Sequence {i} is not an array of numbers (time,) or (time, channels).") from None
    if array.ndim not in (1, 2):
        raise ShapeError(f"Sequence {i} has the shape {array.shape}; (time,) or (time, channels) was expected.")
    return array[:, None] if array.ndim == 1 else array


def _channel_names(count: int) -> tuple[str, ...]:
    return ("value",) if count == 1 else tuple(f"channel {c + 1}" for c in range(count))


def to_labels(labels: Any, kind: str | None, classes: Sequence[str], source: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Labels as places in the list of classes, and that list; or as quantities and ().

    >>> to_labels(["b", "a", "b"], None, (), "x")[1], to_labels([0.5, 1.25], None, (), "x")[1]
    (('a', 'b'), ())
    """
    texts = [_text(one) for one in labels]
    for i, text in enumerate(texts):
        if text in ("", "nan", "None", "?"):
            raise SeriesError(f"Sequence {i} of {source} has no label. Leave it out, or give it one.")
    numbers = _numbers(texts)
    if kind == "regression" or (kind is None and not classes and numbers is not None and not _are_classes(numbers)):
        if numbers is None:
            wrong = next(text for text in texts if _numbers([text]) is None)
            raise SeriesError(f'"{wrong}" of {source} is not a number, which a regression needs as label.')
        return numbers, ()
    if not classes:
        distinct = set(texts)
        classes = sorted(distinct, key=float) if numbers is not None else sorted(distinct)
    place = {name: k for k, name in enumerate(classes)}
    for text in texts:
        if text not in place:
            raise SeriesError(f'The label "{text}" of {source} is not one of the classes {", ".join(list(classes)[:10])}{", …" if len(classes) > 10 else ""}.')
    return np.array([place[text] for text in texts], dtype=np.int64), tuple(classes)


def _text(label: Any) -> str:
    """A label as text; 1 and 1.0 are the same class."""
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label).strip()


def _numbers(texts: Sequence[str]) -> Floats | None:
    try:
        found = np.array([float(text) for text in texts])
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None


def _are_classes(numbers: Floats) -> bool:
    """Whether these are whole numbers, and few, or such as recur."""
    return bool((numbers == np.round(numbers)).all()) and (len(np.unique(numbers)) <= MOST_CLASSES or _recur(numbers))


def _recur(numbers: Floats) -> bool:
    counts = np.unique(numbers, return_counts=True)[1]
    return bool((counts > 1).all()) or 2 * len(counts) <= len(numbers)


def note_of(found: NDArray[Any] | None, classes: Sequence[str]) -> list[str]:
    """What was assumed of labels that are whole numbers, where it might be otherwise: of many, or of a few that do not recur."""
    if found is None or not len(found):
        return []
    if not classes:
        return [AS_QUANTITIES] if bool((found == np.round(found)).all()) else []
    return [AS_CLASSES] if _numbers(classes) is not None and (len(classes) > MOST_CLASSES or not _recur(found)) else []


def joined(training: Sequences, test: Sequences) -> Sequences:
    """Both as one, the second marked as the test part.   Raises SeriesError where they do not belong together."""
    if training.channels != test.channels:
        raise SeriesError(
            f"{training.source} has the channels {', '.join(training.channels)}, but {test.source} has {', '.join(test.channels)}; they must be the same."
        )
    if training.labels is None or test.labels is None:
        raise SeriesError(f"{(training if training.labels is None else test).source} has no labels.")
    test = _of_the_kind(test, training)
    assert test.labels is not None, "only their kind was changed"
    if training.regression != test.regression:
        raise SeriesError(f"{training.source} and {test.source} do not have the same kind of labels: numbers in one, classes in the other.")
    names = [*training.names_of(training.labels), *test.names_of(test.labels)]
    both = {*training.classes, *test.classes}
    # the order of the training part is kept where it knows every class
    classes = training.classes if both == set(training.classes) else to_labels(sorted(both), "classification", (), training.source)[1]
    labels, classes = to_labels(names, "regression" if training.regression else "classification", classes, training.source)
    marks = np.concatenate([np.zeros(len(training), dtype=bool), np.ones(len(test), dtype=bool)])
    notes = tuple(dict.fromkeys([*training.notes, *test.notes]))
    ids = (training.ids, test.ids)
    if set(training.ids) & set(test.ids):  # both are counted from 0, say
        ids = (tuple(f"train/{one}" for one in training.ids), tuple(f"test/{one}" for one in test.ids))
    values = training.values + test.values
    return Sequences(values, training.channels, labels, classes, marks, ids[0] + ids[1], training.source, notes=notes, reading=training.reading)


def _of_the_kind(test: Sequences, training: Sequences) -> Sequences:
    """Whole numbers of a test part as classes or quantities, whichever those of the training part are: fewer of them may recur."""
    assert test.labels is not None, "only labelled parts are joined"
    names = test.names_of(test.labels)
    test = replace(test, notes=tuple(note for note in test.notes if note not in (AS_CLASSES, AS_QUANTITIES)))
    numbers = _numbers([_text(one) for one in names])
    whole = numbers is not None and bool((numbers == np.round(numbers)).all())
    if training.regression == test.regression or not whole or (not training.regression and _numbers(training.classes) is None):
        return test
    labels, classes = to_labels(names, "regression" if training.regression else "classification", (), test.source)
    return replace(test, labels=labels, classes=classes)


def fingerprints(values: Sequence[Floats]) -> tuple[int, ...]:
    """A hash of the values of each sequence, by which it is known again: 64 bits, the same for equal ones.

    >>> one, other = fingerprints([np.array([[1.0], [np.nan]]), np.array([[1.0], [2.0]])])
    >>> one == other, fingerprints([np.array([[1.0], [np.nan]])]) == (one,)
    (False, True)
    """
    plain = (np.where(np.isnan(one), np.nan, one + 0.0) for one in values)  # one kind of NaN, one kind of zero
    return tuple(int.from_bytes(blake2b(one.tobytes(), digest_size=8, key=str(one.shape).encode()).digest(), "little") for one in plain)


def filled(values: Floats) -> Floats:
    """Without gaps: straight lines between observations, the nearest one before the first and after the last; a channel without any stays NaN.

    >>> filled(np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, 3.0]])).tolist()
    [[2.0, 1.0], [2.0, 2.0], [2.0, 3.0]]
    """
    if not np.isnan(values).any():
        return values
    result = values.copy()
    at = np.arange(len(values))
    for c in range(values.shape[1]):
        known = ~np.isnan(values[:, c])
        if known.any():
            result[:, c] = np.interp(at, at[known], values[known, c])
    return result


@dataclass(frozen=True, eq=False)
class Scaler:
    """Mean and deviation of each channel over all steps of the training part; a channel that does not vary keeps the deviation 1.

    mean, deviation: (channels,).

    >>> scaler = Scaler.of([np.array([[1.0], [3.0]]), np.array([[5.0]])])
    >>> scaler.mean.tolist(), scaler.apply(np.array([[3.0], [np.nan]])).tolist()
    ([3.0], [[0.0], [0.0]])
    """

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, values: Sequence[Floats]) -> Scaler:
        """From the training part alone."""
        rows = np.concatenate(list(values))
        known = ~np.isnan(rows)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, rows, 0.0).sum(axis=0) / count
        deviation = np.sqrt(np.where(known, (rows - mean) ** 2, 0.0).sum(axis=0) / count)
        return cls(mean, np.where(deviation > 1e-12 * np.maximum(np.abs(mean), 1e-300), deviation, 1.0))

    def apply(self, values: Floats) -> Floats:
        """(time, channels) standardised, gaps filled; a channel without any observation is 0, its mean."""
        return np.nan_to_num((filled(values) - self.mean) / self.deviation, nan=0.0)


def fold_of(data: Sequences, folds: int, seed: int) -> NDArray[np.int64]:
    """(examples,) the fold of each: every class (or, of numbers, every stretch of the sorted ones) is dealt out evenly.

    >>> fold_of(Sequences.of(np.zeros((6, 3)), list("aabbbb")), 2, seed=0).sum()
    np.int64(3)
    """
    assert data.labels is not None, "only labelled sequences are dealt out"
    return dealt(data.labels, folds, seed, numbers=data.regression)


def padded(values: Sequence[Floats]) -> tuple[Floats, NDArray[np.int64]]:
    """(examples, time, channels) with zeros beyond each length, and the lengths."""
    lengths = np.array([len(one) for one in values], dtype=np.int64)
    result = np.zeros((len(values), int(lengths.max(initial=0)), values[0].shape[1]))
    for row, one in zip(result, values, strict=True):
        row[: len(one)] = one
    return result, lengths
