"""Spans written as a tag a token, in the ways in which files have them.

    tokens   Ann   Lee   met   Bob   Ray   Paris       three people, of whom Bob and Ray stand side by side
    BIO      B-P   I-P   O     B-P   B-P   B-L         B opens every span (also called IOB2)
    IOB1     I-P   I-P   O     I-P   B-P   I-L         B opens a span right after one of the same kind, else I does
    BIOES    B-P   E-P   O     S-P   S-P   S-L         E closes a span of several, S is a span of one (BILOU: L and U)
    IO       I-P   I-P   O     I-P   I-P   I-L         spans of one kind side by side run together

Every way is read by one rule, that of the program conlleval: a span begins at B or S, at I or E of another kind than the tag before, or after E, S or O;
it goes on with I and E of its kind. So a tag that its way does not allow still means something, and writing the spans again repairs it.

Source: Tjong Kim Sang & Veenstra 1999 (the ways); Ratinov & Roth 2009 (BILOU).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from inorder.errors import unknown

SCHEMES = ("BIO", "IOB1", "BIOES", "IO")
OUTSIDE = "O"
PLACES = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S", "W": "S", "M": "I"}  # BILOU and BMEWO write the same otherwise


class Span(NamedTuple):
    """Tokens from `start` up to and without `stop` are a `kind`."""

    kind: str
    start: int
    stop: int


def spans_of(tags: Sequence[str]) -> list[Span]:
    """The spans of a sentence, whichever way they are written.

    >>> spans_of(["I-P", "I-P", "O", "B-P", "B-P", "I-L"])
    [Span(kind='P', start=0, stop=2), Span(kind='P', start=3, stop=4), Span(kind='P', start=4, stop=5), Span(kind='L', start=5, stop=6)]
    """
    spans: list[Span] = []
    begun: int | None = None
    kind = ""
    for t, tag in enumerate(tags):
        place, now = _parted(tag)
        goes_on = begun is not None and place in ("I", "E") and now == kind
        if begun is not None and not goes_on:
            spans.append(Span(kind, begun, t))
            begun = None
        if place != OUTSIDE and not goes_on:
            begun, kind = t, now
        if place in ("E", "S") and begun is not None:
            spans.append(Span(kind, begun, t + 1))
            begun = None
    if begun is not None:
        spans.append(Span(kind, begun, len(tags)))
    return spans


def tags_of(spans: Iterable[Span], length: int, scheme: str = "BIO") -> list[str]:
    """A tag a token for spans that do not overlap.   scheme: one of `SCHEMES`.

    >>> tags_of([Span("P", 0, 2), Span("P", 2, 3)], 4, "BIOES"), tags_of([Span("P", 0, 2), Span("P", 2, 3)], 4, "IOB1")
    (['B-P', 'E-P', 'S-P', 'O'], ['I-P', 'I-P', 'B-P', 'O'])
    """
    if scheme not in SCHEMES:
        raise unknown("way to write spans", scheme, SCHEMES)
    tags = [OUTSIDE] * length
    before = Span("", -1, -1)
    for span in sorted(spans, key=lambda one: one.start):
        ending = f"-{span.kind}" if span.kind else ""
        places = ["I"] * (span.stop - span.start)
        if scheme == "BIO" or scheme == "BIOES" or (scheme == "IOB1" and before.kind == span.kind and before.stop == span.start):
            places[0] = "B"
        if scheme == "BIOES":
            places[-1] = "E" if len(places) > 1 else "S"
        tags[span.start : span.stop] = [place + ending for place in places]
        before = span
    return tags


def converted(tags: Sequence[str], scheme: str) -> list[str]:
    """The same spans written another way; tags that their own way does not allow are repaired by it.

    >>> converted(["O", "I-P", "I-L"], "BIO")
    ['O', 'B-P', 'B-L']
    """
    return tags_of(spans_of(tags), len(tags), scheme)


def violations(tags: Sequence[str], scheme: str) -> list[int]:
    """Where a sentence's tags are not what this way would write for their spans; none for IO, say, in spans side by side.

    >>> violations(["O", "I-P", "I-P"], "BIO"), violations(["O", "I-P", "I-P"], "IOB1")
    ([1], [])
    """
    plain = [_written(tag) for tag in tags]
    return [t for t, (was, is_) in enumerate(zip(plain, converted(tags, scheme), strict=True)) if was != is_]


def are_spans(kinds: Iterable[str]) -> bool:
    """Whether these tags are those of spans: O, and B, I, E, S with a kind after "-", or without one.

    >>> are_spans(["O", "B-PER", "I-PER"]), are_spans(["NOUN", "X-Y"]), are_spans(["B", "I", "O"]), are_spans(["h", "e", "_"])
    (True, False, True, False)
    """
    found = set(kinds)
    places = {_parted(tag)[0] for tag in found}
    return (OUTSIDE in found or all("-" in tag for tag in found)) and bool(places & {"B", "I", "S"}) and "" not in places


def scheme_of(sentences: Iterable[Sequence[str]]) -> str:
    """The way in which these sentences write spans: the one that the fewest tags break; of equals the first of `SCHEMES`.

    >>> scheme_of([["O", "I-P", "B-P"]]), scheme_of([["B-P", "E-P"]]), scheme_of([["B-P", "I-P"]])
    ('IOB1', 'BIOES', 'BIO')
    """
    sentences = list(sentences)
    broken: dict[str, int] = {}
    for scheme in SCHEMES:
        broken[scheme] = sum(len(violations(tags, scheme)) for tags in sentences)
        if not broken[scheme]:
            return scheme
    return min(SCHEMES, key=lambda scheme: broken[scheme])


def _parted(tag: str) -> tuple[str, str]:
    """The place of a tag in its span, and the kind; place "" where it is no tag of spans."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    place, dash, kind = tag.partition("-")
    return (PLACES.get(place, ""), kind) if not dash or kind else ("", tag)


def _written(tag: str) -> str:
    """BILOU's tags by the letters of BIOES."""
    place, kind = _parted(tag)
    return place + (f"-{kind}" if kind else "")
