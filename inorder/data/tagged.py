"""Tagged sequences: tokens with a tag each, and perhaps a label for the whole (the intent of a request).

    example i     tokens[i] and tags[i], as many of one as of the other
    label i       see `labels`

Tags of spans are kept as the file writes them (`scheme`), and converted by `with_scheme`.
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
from inorder.data.spans import are_spans, converted, scheme_of, violations
from inorder.data.text import check_examples, counted, joined_ids, joined_notes, joined_parts, labels_of, span_of
from inorder.errors import SeriesError, ShapeError


@dataclass(frozen=True, eq=False)
class Tagged:
    """Tokens and their tags.

    tokens, tags: a tuple of texts an example; tags None where the data have none.   labels: one for each whole example, or None.
    parts: (examples,) "train", "valid", "test" or "".   ids: a name an example.   scheme: how spans are written (`spans.SCHEMES`), "" where tags are no spans.
    cutter: how a raw text would be cut into such tokens: "spaces", "words" or "characters".   source, notes: as everywhere.

    >>> data = Tagged.of([["Ann", "sings"], ["Bob"]], [["B-P", "O"], ["B-P"]])
    >>> data.describe(), data.kinds
    ('2 sentences of 1–2 tokens, 2 tags (BIO)', {'B-P': 2, 'O': 1})
    """

    tokens: tuple[tuple[str, ...], ...]
    tags: tuple[tuple[str, ...], ...] | None
    labels: Labels | None
    parts: tuple[str, ...]
    ids: tuple[str, ...]
    scheme: str = ""
    cutter: str = "spaces"
    source: str = "the data"
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        check_examples(len(self.tokens), self.labels, self.parts, self.ids, self.source, "sentence")
        if self.tags is not None and len(self.tags) != len(self.tokens):
            raise ShapeError(f"`tags` has {len(self.tags)} entries for {len(self.tokens)} sentences.")
        for i, (tokens, tags) in enumerate(zip(self.tokens, self.tags or (), strict=False)):
            if len(tokens) != len(tags):
                raise SeriesError(f'Sentence "{self.ids[i]}" of {self.source} has {len(tokens)} tokens and {len(tags)} tags; as many were expected.')

    @classmethod
    def of(
        cls,
        tokens: Sequence[Sequence[str]],
        tags: Sequence[Sequence[str]] | None = None,
        labels: Sequence[Any] | Labels | None = None,
        *,
        parts: Sequence[str] | None = None,
        ids: Sequence[str] = (),
        cutter: str = "spaces",
        source: str = "the data",
        notes: Sequence[str] = (),
    ) -> Tagged:
        """From lists of tokens and of tags.   Sentences without a token are left out and counted; what breaks the scheme of spans is counted.

        Raises SeriesError where tokens and tags are not as many.
        """
        if tags is not None and len(tags) != len(tokens):
            raise ShapeError(f"{len(tags)} lists of tags came for {len(tokens)} sentences.")
        kept = [i for i, one in enumerate(tokens) if one]
        told = list(notes)
        if len(kept) < len(tokens):
            told.append(f"{len(tokens) - len(kept):,} sentences without a token left out")
        own = None if tags is None else tuple(tuple(tags[i]) for i in kept)
        scheme = scheme_of(own) if own is not None and are_spans({tag for one in own for tag in one}) else ""
        if own is not None and scheme and (broken := sum(len(violations(one, scheme)) for one in own)):
            told.append(f"{broken:,} tag{'s' * (broken > 1)} that {scheme} does not allow; each is read as the beginning or end of a span")
        found = labels_of(labels, None, None, source)
        names = [ids[i] for i in kept] if ids else list(map(str, kept))
        told += () if found is None else found.notes
        return cls(
            tuple(tuple(tokens[i]) for i in kept),
            own,
            None if found is None else found[np.array(kept, dtype=np.int64)],
            tuple(parts[i] for i in kept) if parts is not None else ("",) * len(kept),
            tuple(names) if len(set(names)) == len(names) else tuple(map(str, kept)),
            scheme,
            cutter,
            source,
            notes=tuple(dict.fromkeys(told)),
        )

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, which: slice | Sequence[int] | NDArray[Any]) -> Tagged:
        """The examples at these places, or where the mask is True."""
        rows = np.arange(len(self))[which]
        return replace(
            self,
            tokens=tuple(self.tokens[i] for i in rows),
            tags=None if self.tags is None else tuple(self.tags[i] for i in rows),
            labels=None if self.labels is None else self.labels[rows],
            parts=tuple(self.parts[i] for i in rows),
            ids=tuple(self.ids[i] for i in rows),
        )

    @property
    def kinds(self) -> dict[str, int]:
        """How often each tag occurs, the most frequent first, of equals by the alphabet."""
        found = Counter(tag for one in self.tags or () for tag in one)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def contents(self) -> tuple[tuple[str, ...], ...]:
        """What each example is, without its label."""
        return self.tokens

    def part(self, name: str) -> Tagged:
        """The examples of one part; "train" are also those of which nothing is said."""
        return self[in_part(self.parts, name)]

    def with_scheme(self, scheme: str) -> Tagged:
        """The same spans written another way; tags that broke their own way are repaired by it.   Raises SeriesError where tags are no spans."""
        if self.tags is None or not self.scheme:
            raise SeriesError(f"The tags of {self.source} are no spans, so they cannot be written as {scheme}.")
        return replace(self, tags=tuple(tuple(converted(one, scheme)) for one in self.tags), scheme=scheme)

    def describe(self) -> str:
        """What was read, in one line."""
        tags = "" if self.tags is None else f", {len(self.kinds)} tags{f' ({self.scheme})' * bool(self.scheme)}"
        labels = "" if self.labels is None else f", {self.labels.describe()}"
        return f"{counted(self.parts, 'sentence')} of {span_of([len(one) for one in self.tokens])} tokens{tags}{labels}"


def joined_tagged(many: Sequence[Tagged], names: Sequence[str]) -> Tagged:
    """Several files as one, each a part by its name.   Raises SeriesError where they do not belong together."""
    first = many[0]
    bare = [name for one, name in zip(many, names, strict=True) if one.tags is None]
    if bare:
        raise SeriesError(f"The part {bare[0]} of {first.source} has no tags.")
    schemes = {one.scheme for one in many}
    if len(schemes) > 1 and "" in schemes:
        raise SeriesError(f"The parts of {first.source} do not have the same kind of tags: some are spans, some are not.")
    told = joined_notes([one.notes for one in many], names)
    if len(schemes) > 1:
        many = [one.with_scheme(first.scheme) for one in many]
        told = (*told, f"spans of all parts are written as {first.scheme}")
    return Tagged(
        tuple(tokens for one in many for tokens in one.tokens),
        tuple(tags for one in many for tags in one.tags or ()),
        joined_labels([one.labels for one in many], [len(one) for one in many], first.source),
        joined_parts([one.parts for one in many], names),
        joined_ids([one.ids for one in many], names),
        first.scheme,
        first.cutter,
        first.source,
        notes=told,
    )
