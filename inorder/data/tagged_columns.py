"""Lines of a token and its tags -> tagged sentences: CoNLL, CoNLL-U, KLUE, the protein files of the UCI archive.

    a line            a token and its tags, divided by tabs where most lines have one, else by white space; a token may be a space where tabs divide
    a blank line      ends a sentence; where lines have unlike numbers of words and no tabs, each is a sentence without tags
    # …               a comment; what follows "sent_id =" or "##" names the sentence.   -DOCSTART- lines are left out
    <>, <end>, end    begin and end a sequence in files that begin with <>
    CoNLL-U           columns by their names (`CONLLU`). The line 1-2 of a surface token is left out and its words are kept, and so is the empty node
                      1.1: the words are what Universal Dependencies annotates

Source: universaldependencies.org/format.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inorder.data.tagged import Tagged
from inorder.errors import SeriesError

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
COMMENT = re.compile(r"#+( |$)")
NAMED = re.compile(r"#\s*(?:sent_id|id)\s*=\s*(\S+)|##\s*(\S+)")
BEGIN, END = "<>", ("<end>", "end")
TAGS = ("tag", "tags", "ner", "ner_tag", "pos", "pos_tag", "upos", "label", "slot")  # names of a column of tags, where columns have names
EVEN = 0.8  # of the lines of a file of columns have the usual number of cells, at least
HEADERS = ("token", "tokens", "word", "form", "character")


@dataclass
class _Lines:
    """Sentences as they are gathered: the cells of each line, the number of its line, the name of the sentence."""

    sentences: list[list[tuple[int, list[str]]]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    current: list[tuple[int, list[str]]] = field(default_factory=list)
    name: str = ""
    comments: int = 0

    def end(self) -> None:
        if self.current:
            self.sentences.append(self.current)
            self.names.append(self.name)
        self.current, self.name = [], ""


def read_columns(text: str, source: str, name: str, options: Mapping[str, Any], notes: Sequence[str] = ()) -> Tagged:
    """The sentences of a file of lines.   options: `token` and `tag`, columns by their names or counted from 1; tag "none": there are none.

    Raises SeriesError for a column that is not there, and where there is no sentence.

    >>> data = read_columns("# a\\nAnn\\tB-P\\nran\\tO\\n\\nBob\\tB-P\\n", "x.conll", "x.conll", {})
    >>> data.tokens, data.tags
    ((('Ann', 'ran'), ('Bob',)), (('B-P', 'O'), ('B-P',)))
    """
    lines = text.split("\n")
    tabs = _has_tabs(lines)
    found = _gathered(lines, tabs)
    if not found.sentences:
        raise SeriesError(f"{source} holds no sentence; lines of a token and its tag were expected.")
    told = list(notes)
    widths = Counter(len(cells) for one in found.sentences for _, cells in one)
    width = widths.most_common(1)[0][0]
    if not tabs and options.get("tag") is None and widths[width] < EVEN * sum(widths.values()):
        sentences = [cells for one in found.sentences for _, cells in one]
        return Tagged.of(sentences, source=source, notes=[*told, "lines are of unlike length, so each is a sentence, cut at spaces, without tags"])
    universal = name.lower().removesuffix(".gz").endswith(".conllu") or (tabs and width == len(CONLLU) and _counts(found, width))
    header: Sequence[str] = CONLLU if universal else ()
    first = found.sentences[0][0][1]
    if not universal and len(first) == width > 1 and first[0].lower() in HEADERS and len(set(first)) == width:
        header = first
        del found.sentences[0][0]
    if universal:
        told += _words_only(found)
    numbered = not universal and width > 2 and _counts(found, width)
    token = _column(options.get("token"), header, width, 1 if universal or numbered else 0, source, "token")
    usual = next((k for word in TAGS for k, one in enumerate(header) if one.lower() == word), width - 1)
    tag = None if width == 1 or options.get("tag") == "none" else _column(options.get("tag"), header, width, usual, source, "tag")
    if options.get("tag") is None and tag is not None and width > 2:
        told.append(f"tags are those of {_called(tag, header, width)} (--tag to change)")
    if width == 1 and options.get("tag") not in (None, "none"):
        raise SeriesError(f"{source} has a single column, so no tags.")
    tokens = [[cells[token] if token < len(cells) else "" for _, cells in one] for one in found.sentences]
    tags = None if tag is None else [[cells[tag] if tag < len(cells) else "" for _, cells in one] for one in found.sentences]
    if tags is not None:
        told += _lacking(found, tags, source, _called(tag or 0, header, width))
    empty = sum(not token for one in tokens for token in one)
    if empty:
        told.append(f"{empty:,} token{'s are' if empty > 1 else ' is'} empty")
    ids = [one or str(k) for k, one in enumerate(found.names)]
    return Tagged.of(tokens, tags, ids=ids, cutter="characters" if _are_characters(tokens) else "spaces", source=source, notes=told)


def _has_tabs(lines: Sequence[str]) -> bool:
    real = [line for line in lines[:5000] if line.strip() and not COMMENT.match(line)]
    return 2 * sum("\t" in line for line in real) > len(real)


def _gathered(lines: Sequence[str], tabs: bool) -> _Lines:
    """The lines of each sentence."""
    found = _Lines()
    marked = next((line.strip() for line in lines if line.strip() and not COMMENT.match(line)), "") == BEGIN
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if not word or (marked and (word == BEGIN or any(word.startswith(end) for end in END if word in (end, end + BEGIN)))):
            found.end()
        elif line[0] == "#" and COMMENT.match(line) and not (found.current and not tabs and len(word.split()) == len(found.current[0][1])):
            named = NAMED.match(line)
            if named:
                found.name = named.group(1) or named.group(2)
        elif not word.startswith("-DOCSTART-"):
            found.current.append((number, line.split("\t") if tabs else word.split()))
    found.end()
    return found


def _counts(found: _Lines, width: int) -> bool:
    """Whether the first cell of each line counts the tokens of its sentence."""
    return all(cells[0][:1].isdigit() for one in found.sentences[:200] for _, cells in one if len(cells) == width) and all(
        re.match(r"[01]\b", one[0][1][0]) for one in found.sentences[:200]
    )


def _words_only(found: _Lines) -> list[str]:
    """Without surface tokens (1-2) and empty nodes (1.1), which are counted."""
    left = Counter[str]()
    for k, one in enumerate(found.sentences):
        kinds = ["a surface token" if "-" in cells[0] else "an empty node" if "." in cells[0] else "" for _, cells in one]
        if any(kinds):
            left.update(kinds)
            found.sentences[k] = [line for line, kind in zip(one, kinds, strict=True) if not kind]
    notes = []
    if left["a surface token"]:
        notes.append(f"{left['a surface token']:,} surface tokens of several words left out, their words kept")
    if left["an empty node"]:
        notes.append(f"{left['an empty node']:,} empty nodes left out")
    return notes


def _column(given: Any, header: Sequence[str], width: int, usual: int, source: str, what: str) -> int:
    if given is None:
        return usual
    names = [name.lower() for name in header]
    if str(given).lower() in names:
        return names.index(str(given).lower())
    if str(given).isdigit() and 1 <= int(given) <= width:
        return int(given) - 1
    known = f"it has {', '.join(header)}" if header else f"its columns are counted from 1 to {width}"
    raise SeriesError(f'{source} has no column "{given}" for --{what}; {known}.')


def _called(column: int, header: Sequence[str], width: int) -> str:
    return f'the column "{header[column]}"' if header else f"column {column + 1} of {width}"


def _lacking(found: _Lines, tags: list[list[str]], source: str, column: str) -> list[str]:
    """Tags that are not there: "" becomes O among spans, else "_"; counted."""
    fill = "O" if any(tag == "O" for one in tags for tag in one) else "_"
    count, first = 0, 0
    for one, own in zip(found.sentences, tags, strict=True):
        for t, tag in enumerate(own):
            if not tag:
                own[t] = fill
                count, first = count + 1, first or one[t][0]
    kinds = {tag for own in tags for tag in own}
    if kinds == {"_"}:
        raise SeriesError(f'{source} has no tags in {column}: every line has "_" there. Name another column with --tag.')
    return [f'{count:,} token{"s" * (count > 1)} without a tag (the first: line {first:,}) got "{fill}"'] if count else []


def _are_characters(tokens: Sequence[Sequence[str]]) -> bool:
    return all(len(token) <= 1 for one in tokens for token in one)
