"""Sequences of symbols that need no cutting: DNA, pages of a visit, states of a life, notes.

    example i     symbols[i], a tuple of texts
    label i       see `labels`
    part i        "train", "valid" or "test", where the data say so; else ""

Raw texts are another record (`text.Texts`), since the model that learns from them cuts them by its own setting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.labels import Labels, joined_labels
from inorder.data.parts import in_part
from inorder.data.text import check_examples, counted, joined_ids, joined_notes, joined_parts, labels_of, span_of
from inorder.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Symbols:
    """Sequences of symbols and what each of them is.

    symbols: a tuple of texts an example.   joined_by: what stands between the symbols where an example is written as one text: "", " " or "\\n".
    labels: None where the data have none.   parts: (examples,) "train", "valid", "test" or "".   ids: a name an example.
    source: what to call the data.   notes: what was assumed, dropped or repaired.

    >>> data = Symbols.of(["ACGT", "AC"], ["+", "-"])
    >>> data.describe(), data.symbols[1]
    ('2 sequences of 2–4 symbols, 4 different ones, 2 classes', ('A', 'C'))
    """

    symbols: tuple[tuple[str, ...], ...]
    labels: Labels | None
    parts: tuple[str, ...]
    ids: tuple[str, ...]
    joined_by: str = " "
    source: str = "the data"
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        check_examples(len(self.symbols), self.labels, self.parts, self.ids, self.source, "sequence")

    @classmethod
    def of(
        cls,
        symbols: Sequence[Sequence[str]],
        labels: Sequence[Any] | Labels | None = None,
        *,
        parts: Sequence[str] | None = None,
        ids: Sequence[str] = (),
        joined_by: str | None = None,
        kind: str | None = None,
        several: str | None = None,
        source: str = "the data",
        notes: Sequence[str] = (),
    ) -> Symbols:
        """From sequences, each a list of texts or a string of one-letter symbols, and a label each where there are any.

        joined_by: None = "" where every symbol is one letter.   kind, several: see `Labels.of`.
        """
        if isinstance(symbols, str):
            raise ConfigError("Sequences are given as a list; one string came.")
        found = labels_of(labels, kind, several, source)
        rows = tuple(tuple(map(str, one)) for one in symbols)
        told = [*notes, *(() if found is None else found.notes)]
        if empty := sum(not one for one in rows):
            told.append(f"{empty:,} sequence{'s are' if empty > 1 else ' is'} empty")
        if found is not None and (unknown := int((~found.known).sum())):
            told.append(f"{unknown:,} sequence{'s have' if unknown > 1 else ' has'} no label")
        if joined_by is None:
            joined_by = "" if all(len(symbol) == 1 for one in rows for symbol in one) else " "
        names = tuple(ids) if ids and len(set(ids)) == len(ids) else tuple(map(str, range(len(rows))))
        where = tuple(parts) if parts is not None else ("",) * len(rows)
        return cls(rows, found, where, names, joined_by, source, notes=tuple(dict.fromkeys(told)))

    def __len__(self) -> int:
        return len(self.symbols)

    def __getitem__(self, which: slice | Sequence[int] | NDArray[Any]) -> Symbols:
        """The examples at these places, or where the mask is True."""
        rows = np.arange(len(self))[which]
        return replace(
            self,
            symbols=tuple(self.symbols[i] for i in rows),
            labels=None if self.labels is None else self.labels[rows],
            parts=tuple(self.parts[i] for i in rows),
            ids=tuple(self.ids[i] for i in rows),
        )

    @property
    def kinds(self) -> dict[str, int]:
        """How often each symbol occurs, the most frequent first, of equals by the alphabet."""
        found = Counter(symbol for one in self.symbols for symbol in one)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def contents(self) -> tuple[tuple[str, ...], ...]:
        """What each example is, without its label."""
        return self.symbols

    def part(self, name: str) -> Symbols:
        """The examples of one part; "train" are also those of which nothing is said."""
        return self[in_part(self.parts, name)]

    def describe(self) -> str:
        """What was read, in one line."""
        labels = "" if self.labels is None else f", {self.labels.describe()}"
        lengths = span_of([len(one) for one in self.symbols])
        return f"{counted(self.parts, 'sequence')} of {lengths} symbols, {len(self.kinds):,} different ones{labels}"


def joined_symbols(many: Sequence[Symbols], names: Sequence[str]) -> Symbols:
    """Several files as one, each a part by its name; a file that names parts of its own keeps them."""
    first = many[0]
    return Symbols(
        tuple(symbols for one in many for symbols in one.symbols),
        joined_labels([one.labels for one in many], [len(one) for one in many], first.source),
        joined_parts([one.parts for one in many], names),
        joined_ids([one.ids for one in many], names),
        first.joined_by,
        first.source,
        notes=joined_notes([one.notes for one in many], names),
    )
