"""Spans: the four ways to write them, against enumeration and by hand."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inorder.data.spans import SCHEMES, Span, are_spans, converted, scheme_of, spans_of, tags_of, violations
from inorder.errors import ConfigError

# Ann Lee met Bob Ray Paris, as in the module
WRITTEN = {
    "BIO": ["B-P", "I-P", "O", "B-P", "B-P", "B-L"],
    "IOB1": ["I-P", "I-P", "O", "I-P", "B-P", "I-L"],
    "BIOES": ["B-P", "E-P", "O", "S-P", "S-P", "S-L"],
}
SPANS = [Span("P", 0, 2), Span("P", 3, 4), Span("P", 4, 5), Span("L", 5, 6)]


@pytest.mark.parametrize("scheme", WRITTEN)
def test_the_example_of_the_module(scheme: str) -> None:
    assert spans_of(WRITTEN[scheme]) == SPANS and tags_of(SPANS, 6, scheme) == WRITTEN[scheme]
    assert scheme_of([WRITTEN[scheme]]) == scheme
    assert converted(WRITTEN[scheme], "IO") == ["I-P", "I-P", "O", "I-P", "I-P", "I-L"]


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Spans that do not overlap, and the length of their sentence."""
    spans, at = [], 0
    for _ in range(draw(st.integers(0, 4))):
        at += draw(st.integers(0, 2))
        stop = at + draw(st.integers(1, 3))
        spans.append(Span(draw(st.sampled_from(["P", "L", "a-b", ""])), at, stop))
        at = stop
    return spans, at + draw(st.integers(0, 2))


@given(sentences(), st.sampled_from(["BIO", "IOB1", "BIOES"]))
def test_writing_and_reading_give_the_same_spans(sentence: tuple[list[Span], int], scheme: str) -> None:
    spans, length = sentence
    tags = tags_of(spans, length, scheme)
    assert len(tags) == length and spans_of(tags) == spans and violations(tags, scheme) == []


@given(st.lists(st.sampled_from(["O", "B-P", "I-P", "E-P", "S-P", "I-L", "B-L", "E-L"]), max_size=8), st.sampled_from(SCHEMES))
def test_repair_keeps_spans_and_breaks_nothing(tags: list[str], scheme: str) -> None:
    repaired = converted(tags, scheme)
    assert violations(repaired, scheme) == [] and [tag == "O" for tag in repaired] == [tag == "O" for tag in tags]
    if scheme != "IO":
        assert spans_of(repaired) == spans_of(tags)


def legal_bio(tags: tuple[str, ...]) -> bool:
    """The rule as books state it: I goes on with a span of its kind."""
    return all(tag[0] != "I" or (before[1:] == tag[1:] and before[0] in "BI") for before, tag in zip(("O", *tags), tags, strict=False))


def legal_bioes(tags: tuple[str, ...]) -> bool:
    """B and I are followed by I or E of their kind; O, E and S by O, B or S."""
    for before, tag in zip(("O", *tags), (*tags, "O"), strict=True):
        inside = before[0] in "BI"
        if inside != (tag[0] in "IE") or (inside and before[1:] != tag[1:]):
            return False
    return True


@pytest.mark.parametrize("scheme, legal, letters", [("BIO", legal_bio, "BI"), ("BIOES", legal_bioes, "BIES")])
def test_violations_are_what_the_rule_forbids(scheme: str, legal: object, letters: str) -> None:
    kinds = ["O", *(f"{letter}-{kind}" for letter in letters for kind in "PL")]
    for tags in itertools.product(kinds, repeat=4):
        assert (not violations(tags, scheme)) == legal(tags), tags  # type: ignore[operator]


def test_other_letters_are_read() -> None:
    assert spans_of(["B-P", "L-P", "U-L"]) == spans_of(["B-P", "E-P", "S-L"]) and violations(["B-P", "L-P", "U-L"], "BIOES") == []
    assert scheme_of([["B-P", "I-P", "L-P", "O", "U-L"]]) == "BIOES"


def test_which_tags_are_spans() -> None:
    assert are_spans(["O", "S-P"]) and not are_spans(["O"]) and not are_spans(["O", "B-P", "X"]) and not are_spans([]) and not are_spans(["B-", "O"])


def test_one_broken_tag_does_not_change_the_scheme() -> None:
    assert scheme_of([["B-P", "I-P"]] * 5 + [["O", "I-P"]]) == "BIO"
    with pytest.raises(ConfigError, match='Way to write spans "bio" is unknown. Did you mean "BIO"'):
        tags_of([], 1, "bio")
