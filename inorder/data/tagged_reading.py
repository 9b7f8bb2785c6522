"""Files and lists -> tagged sentences (`tagged.Tagged`).

lines of a token and its tags      see `tagged_columns`: CoNLL, CoNLL-U, KLUE, proteins
a line of symbols, a line of tags  as many of one as of the other; a line ">name" may stand above: sequences with their structure
JSON lines                         {"intent": …, "spans": [[text, slot or null], …]}, or {"tokens": […], "tags": […]}
Parquet, frames                    columns of lists: tokens, tags
in memory                          (tokens, tags), lists of tokens, raw texts, `Tagged`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inorder.data.archives import named_files
from inorder.data.columns_of_texts import LABELS, Columns
from inorder.data.encodings import to_plain
from inorder.data.files import PARQUET
from inorder.data.json_rows import json_items, looks_like_json
from inorder.data.parts import TEST, TRAIN, VALID, beside
from inorder.data.tagged import Tagged, joined_tagged
from inorder.data.tagged_columns import COMMENT, read_columns
from inorder.data.text_reading import columns_of_frame, parquet_columns
from inorder.data.tokens import CUTTERS, cutter
from inorder.errors import SeriesError, unknown

OPTIONS = ("token", "tag", "label", "encoding", "cutter")
ENDINGS: tuple[str, ...] = (".conllu", ".conll", ".tsv", ".txt", ".jsonl", ".json", ".iob", ".bio", ".parquet")
ENDINGS += tuple(f"{ending}.gz" for ending in ENDINGS)
TOKENS = ("tokens", "token", "words", "word", "symbols")
TAGS = ("tags", "tag", "ner_tags", "pos_tags", "upos", "slots", "labels")


def read_tagged(data: Any, *, valid: Any = None, test: Any = None, **options: Any) -> Tagged:
    """Tagged sentences from whatever the module's docstring names.

    valid, test: where these parts are.   token, tag: columns, by name or counted from 1; tag "none": there are none.   label: of whole sentences, in JSON.
    encoding: of a text file.   cutter: how raw texts (of slots, or a list of strings) are cut: "words" for slots and "spaces" for strings, unless told.
    Raises SeriesError for what cannot be read, ConfigError for an option that is unknown.

    >>> read_tagged(["Dogs bark ."]).tokens
    (('Dogs', 'bark', '.'),)
    """
    for name in options:
        if name not in OPTIONS:
            raise unknown("option for tagged sentences", name, OPTIONS)
    if options.get("cutter") not in (None, *CUTTERS):
        raise unknown("way to cut texts", str(options["cutter"]), CUTTERS)
    given = {TRAIN: data, VALID: valid, TEST: test}
    found = {name: _read(one, options) for name, one in given.items() if one is not None}
    if len(found) > 1:
        return joined_tagged(list(found.values()), list(found))
    return replace(found[TRAIN], notes=(*found[TRAIN].notes, *beside(data)))


def _read(data: Any, options: Mapping[str, Any]) -> Tagged:
    if isinstance(data, Tagged):
        return data
    if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], str):
        return Tagged.of(data[0], data[1])
    if isinstance(data, list | tuple):
        name = options.get("cutter") or "spaces"
        raw = [one for one in data if isinstance(one, str)]
        if raw and len(raw) < len(data):
            raise SeriesError(f"{len(raw)} of {len(data)} sentences are raw texts and the others lists of tokens; all of one kind were expected.")
        return Tagged.of([cutter(name).cut(one) for one in raw] if raw else data, cutter=name)
    if not isinstance(data, str | Path) and not hasattr(data, "read"):
        return _from_columns(columns_of_frame(data), options)
    files, source = named_files(data, ENDINGS, "A file of tokens and tags")
    if len(files) > 1:
        raise SeriesError(f"{source} holds several files: {', '.join(list(files)[:4])}. Name one of them, and others with valid= and test=.")
    name, content = next(iter(files.items()))
    if content.startswith(PARQUET):
        return _from_columns(parquet_columns(content, source), options)
    text, notes = to_plain(content, options.get("encoding"), source)
    if looks_like_json(text):
        return _from_json(text, source, options, notes)
    pairs = _pairs(text)
    return Tagged.of(*pairs[:2], ids=pairs[2], cutter=pairs[3], source=source, notes=notes) if pairs else read_columns(text, source, name, options, notes)


# --- a line of symbols above a line of tags ---


def _pairs(text: str) -> tuple[list[Sequence[str]], list[Sequence[str]], list[str], str] | None:
    """Symbols, tags and names, where lines come in pairs of the same number of words or, without spaces, of characters; else None."""
    if "\t" in text:
        return None
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    names = [line[1:].strip() for line in lines if line.startswith(">")]
    body = [line for line in lines if not line.startswith(">") and not COMMENT.match(line)]
    if len(body) < 2 or len(body) % 2 or (names and 2 * len(names) != len(body)):
        return None
    spaced = any(" " in line for line in body)
    parts: list[Sequence[str]] = [line.split() if spaced else tuple(line) for line in body]
    sizes = [len(one) for one in parts]
    if sizes[::2] != sizes[1::2] or max(sizes) < 2 or (len(set(sizes)) == 1 and sizes[0] < 5):
        return None
    if {one for own in parts[1::2] for one in own} == {one for own in parts[::2] for one in own} and not names:
        return None  # a list of words, each followed by another as long
    return parts[::2], parts[1::2], names, "spaces" if spaced else "characters"


# --- JSON and columns of lists ---


def _from_json(text: str, source: str, options: Mapping[str, Any], notes: Sequence[str]) -> Tagged:
    items, told = json_items(text, source, columns=False)
    rows = [item for item, _ in items]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise SeriesError(f"{source} holds no objects with tokens and tags, or spans.")
    parts = [part or "" for _, part in items]
    if any("spans" in row for row in rows):
        return _from_spans(rows, parts, source, options, [*notes, *told])
    names = list(dict.fromkeys(name for row in rows for name in row))
    return _from_columns(Columns({name: [row.get(name) for row in rows] for name in names}, source, notes=(*notes, *told)), options, parts)


def _from_spans(rows: Sequence[dict[str, Any]], parts: Sequence[str], source: str, options: Mapping[str, Any], notes: Sequence[str]) -> Tagged:
    """Texts in stretches, each a slot or nothing; tokens never cross the edge of a stretch."""
    name = options.get("cutter") or "words"
    cut = cutter(name).cut
    tokens, tags, inside = [], [], 0
    for k, row in enumerate(rows):
        own: list[str] = []
        named: list[str] = []
        before = " "
        for piece, slot in _stretches(row.get("spans"), f"{source}, item {k + 1}"):
            found = cut(piece)
            inside += bool(found) and before.isalnum() and piece[0].isalnum()
            before = piece[-1:] or before
            own += found
            named += [f"{'B' if t == 0 else 'I'}-{slot}" if slot else "O" for t in range(len(found))]
        tokens.append(own)
        tags.append(named)
    label = options.get("label") or next((one for one in ("intent", *LABELS) if any(one in row for row in rows)), None)
    labels = None if label in (None, "none") else [row.get(str(label)) for row in rows]
    told = [*notes, f"texts are cut into {name} (--cutter to change)"]
    if inside:
        told.append(f"{inside:,} spans begin or end inside a word, which is cut there")
    return Tagged.of(tokens, tags, labels, parts=parts, cutter=name, source=source, notes=told)


def _stretches(spans: Any, where: str) -> list[tuple[str, str | None]]:
    found = []
    for one in spans if isinstance(spans, list) else [None]:
        if isinstance(one, dict) and isinstance(one.get("text"), str):
            one = [one["text"], next((one[name] for name in ("slot", "entity", "label", "type") if name in one), None)]
        if not isinstance(one, list) or len(one) != 2 or not isinstance(one[0], str) or not isinstance(one[1], str | None):
            raise SeriesError(f'{where}: "spans" is a list of [text, slot or null]; {str(one)[:60]} came.')
        found.append((one[0], one[1]))
    return found


def _from_columns(table: Columns, options: Mapping[str, Any], parts: Sequence[str] | None = None) -> Tagged:
    """Columns of lists, or of texts whose pieces between spaces are as many."""
    token, tag = (_named(table, options.get(what), usual, what) for what, usual in (("token", TOKENS), ("tag", TAGS)))
    if token is None:
        raise SeriesError(f"{table.source} has no column of tokens; it has {', '.join(table.cells)}. Name it with --token.")
    label = _named(table, options.get("label"), ("intent", *LABELS[: LABELS.index("labels")]), "label") if options.get("label") != "none" else None
    tokens = [_pieces(cell, f"{table.source}, row {i:,}") for i, cell in enumerate(table.cells[token])]
    tags = None
    if tag is not None and options.get("tag") != "none":
        tags = [_pieces(cell, f"{table.source}, row {i:,}") for i, cell in enumerate(table.cells[tag])]
    labels = None if label is None or label == tag else table.cells[label]
    return Tagged.of(tokens, tags, labels, parts=parts, source=table.source, notes=table.notes)


def _named(table: Columns, given: Any, usual: Sequence[str], what: str) -> str | None:
    if given not in (None, "none"):
        if given not in table.cells:
            raise SeriesError(f'{table.source} has no column "{given}" for --{what}; it has {", ".join(table.cells)}.')
        return str(given)
    return next((name for word in usual for name in table.cells if name.lower() == word), None)


def _pieces(cell: Any, where: str) -> list[str]:
    if isinstance(cell, str):
        return cell.split()
    if cell is None:
        return []
    try:
        return [str(one) for one in cell]
    except TypeError:
        raise SeriesError(f"{where}: a list or a text was expected, {str(cell)[:40]} came.") from None
