"""Texts: raw strings, each with a label, several, a number, or none.

    example i     texts[i], exactly as the file has it; the model that learns from it cuts it by its own setting (`data.tokens`), saved with it
    label i       see `labels`
    part i        "train", "valid" or "test", where the data say so; else ""

Sequences of symbols that need no cutting are another record, `symbols.Symbols`, and sentences with a tag a token a third, `tagged.Tagged`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.labels import Labels, joined_labels
from inorder.data.parts import TEST, TRAIN, VALID, in_part
from inorder.errors import ConfigError, SeriesError, ShapeError


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts and what each of them is.

    texts: one string an example.   labels: None where the data have none.   parts: (examples,) "train", "valid", "test" or "".
    ids: a name an example.   source: what to call the data.   notes: what was assumed, dropped or repaired.

    >>> data = Texts.of(["so good", "so bad", ""], ["pos", "neg", None], parts=["train", "test", "test"])
    >>> data.describe(), data.part("test").labels.names()
    ('1 + 2 test texts of 0–7 characters, 2 classes, 1 without a label', ['neg', None])
    """

    texts: tuple[str, ...]
    labels: Labels | None
    parts: tuple[str, ...]
    ids: tuple[str, ...]
    source: str = "the data"
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        check_examples(len(self.texts), self.labels, self.parts, self.ids, self.source, "text")

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        labels: Sequence[Any] | Labels | None = None,
        *,
        parts: Sequence[str] | None = None,
        ids: Sequence[str] = (),
        kind: str | None = None,
        several: str | None = None,
        source: str = "the data",
        notes: Sequence[str] = (),
    ) -> Texts:
        """From strings, and a label each where there are any.   kind, several: see `Labels.of`.   Raises SeriesError for what is no text."""
        if isinstance(texts, str):
            raise ConfigError("Texts are given as a list of strings; one string came.")
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise SeriesError(f"Text {i} of {source} is {str(text)[:40]}, of the type {type(text).__name__}; a string was expected.")
        found = labels_of(labels, kind, several, source)
        empty = sum(not text.strip() for text in texts)
        told = [*notes, *(() if found is None else found.notes)]
        if empty:
            told.append(f"{empty:,} text{'s are' if empty > 1 else ' is'} empty")
        if found is not None and (unknown := int((~found.known).sum())):
            told.append(f"{unknown:,} text{'s have' if unknown > 1 else ' has'} no label")
        names = tuple(ids) or tuple(map(str, range(len(texts))))
        return cls(tuple(texts), found, tuple(parts) if parts is not None else ("",) * len(texts), names, source, notes=tuple(dict.fromkeys(told)))

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, which: slice | Sequence[int] | NDArray[Any]) -> Texts:
        """The examples at these places, or where the mask is True."""
        rows = np.arange(len(self))[which]
        return replace(
            self,
            texts=tuple(self.texts[i] for i in rows),
            labels=None if self.labels is None else self.labels[rows],
            parts=tuple(self.parts[i] for i in rows),
            ids=tuple(self.ids[i] for i in rows),
        )

    @property
    def contents(self) -> tuple[str, ...]:
        """What each example is, without its label."""
        return self.texts

    def part(self, name: str) -> Texts:
        """The examples of one part; "train" are also those of which nothing is said."""
        return self[in_part(self.parts, name)]

    def describe(self) -> str:
        """What was read, in one line."""
        lengths = [len(text) for text in self.texts]
        return f"{counted(self.parts, 'text')} of {span_of(lengths)} characters{'' if self.labels is None else f', {self.labels.describe()}'}"


def joined_texts(many: Sequence[Texts], names: Sequence[str]) -> Texts:
    """Several files as one, each a part by its name; a file that names parts of its own keeps them.   Raises SeriesError where labels differ in kind."""
    first = many[0]
    return Texts(
        tuple(text for one in many for text in one.texts),
        joined_labels([one.labels for one in many], [len(one) for one in many], first.source),
        joined_parts([one.parts for one in many], names),
        joined_ids([one.ids for one in many], names),
        first.source,
        notes=joined_notes([one.notes for one in many], names),
    )


# --- what `Texts`, `Symbols` and `Tagged` share ---


def check_examples(count: int, labels: Labels | None, parts: Sequence[str], ids: Sequence[str], source: str, what: str) -> None:
    """SeriesError or ShapeError where a record of examples does not hold together."""
    if not count:
        raise SeriesError(f"{source} holds no {what}.")
    for name, part in (("labels", labels), ("parts", parts), ("ids", ids)):
        if part is not None and len(part) != count:
            raise ShapeError(f"`{name}` has {len(part)} entries for {count} {what}s.")
    strange = set(parts) - {"", TRAIN, VALID, TEST}
    if strange:
        raise ConfigError(f'A part is "train", "valid", "test" or "" where nothing is said, not "{min(strange)}".')


def labels_of(labels: Sequence[Any] | Labels | None, kind: str | None, several: str | None, source: str) -> Labels | None:
    """Labels as they are, or from cells; None where none is known."""
    if labels is None or isinstance(labels, Labels):
        return labels
    found = Labels.of(labels, kind=kind, several=several, source=source) if any(cell is not None and cell != "" for cell in labels) else None
    return found if found is not None and found.known.any() else None


def counted(parts: Sequence[str], what: str) -> str:
    """How many examples each part has, in words."""
    sizes = {name: sum(1 for one in parts if (one or TRAIN) == name) for name in (TRAIN, VALID, TEST)}
    named = [f"{size:,}{'' if name == TRAIN else ' ' + name}" for name, size in sizes.items() if size]
    return f"{' + '.join(named)} {what}{'s' * (len(parts) != 1)}"


def span_of(lengths: Sequence[int]) -> str:
    """The least and the most, such as "3–17"."""
    least, most = min(lengths), max(lengths)
    return f"{least:,}" if least == most else f"{least:,}–{most:,}"


def joined_parts(many: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[str, ...]:
    """The part of each example: what its file says, else the name of the file's part."""
    return tuple(one or name for parts, name in zip(many, names, strict=True) for one in parts)


def joined_ids(many: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[str, ...]:
    """Ids that differ: with the part before them where files have some in common."""
    flat = [one for ids in many for one in ids]
    return tuple(flat) if len(set(flat)) == len(flat) else tuple(f"{name}/{one}" for ids, name in zip(many, names, strict=True) for one in ids)


def joined_notes(many: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[str, ...]:
    """Notes of several files: those of all once, the others with the part that they are about."""
    common = set(many[0]).intersection(*many[1:])
    found = [note if note in common else f"{name}: {note}" for notes, name in zip(many, names, strict=True) for note in notes]
    return tuple(dict.fromkeys(found))
