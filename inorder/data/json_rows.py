"""JSON and JSON lines -> columns of texts and labels.

    {"text": …, "label": …} in each line, or in a list     a row an object
    [["a text", "its label"], …], ["a text", …]            pairs; texts alone
    {"train": [...], "val": [...]}                         parts, each one of the above; several that name the same part are joined
    {"text": […], "label": […]}                            a list a column

Lines that are no JSON are counted and told.   Nothing is evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isnan
from typing import Any

from inorder.data.columns_of_texts import Columns
from inorder.data.encodings import REPLACED, SURROGATES
from inorder.data.parts import part_of
from inorder.errors import SeriesError

Parsed = list[tuple[Any, str | None]]  # an item, and the part it is in


def looks_like_json(text: str) -> bool:
    """Whether a text begins as JSON does, and its first line or the whole is JSON."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    for piece in (text.lstrip().partition("\n")[0], text):
        try:
            return json.loads(piece) is not None
        except (ValueError, RecursionError):
            continue
    return False


def json_items(text: str, source: str, *, columns: bool = True) -> tuple[Parsed, list[str]]:
    """The items of JSON or JSON lines, and notes.

    columns: whether an object of lists is a list a column; lists of lists always are.   Raises SeriesError where there is none.
    """
    notes: list[str] = []
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        found, bad = [], []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                found.append((_clean(json.loads(line), notes), None))
            except (ValueError, RecursionError):
                bad.append(number)
        if not found:
            raise SeriesError(f"{source} is no JSON: line {bad[0] if bad else 1:,} cannot be read.") from None
        if bad:
            notes.append(f"{len(bad):,} line{'s' * (len(bad) > 1)} that {'are' if len(bad) > 1 else 'is'} no JSON left out (the first: line {bad[0]:,})")
        return [(item, part) for item, part in found], notes
    return _items(_clean(whole, notes), source, notes, columns), notes


def json_columns(text: str, source: str) -> Columns:
    """The items of JSON or JSON lines as columns.

    >>> json_columns('{"train": [["hi", "greet"]], "val": [["bye", "part"]]}', "x.json").cells
    {'text': ['hi', 'bye'], 'label': ['greet', 'part'], 'split': ['train', 'valid']}
    """
    items, notes = json_items(text, source)
    rows: list[dict[str, Any]] = []
    for item, part in items:
        if isinstance(item, dict):
            row = dict(item)
        elif isinstance(item, str):
            row = {"text": item}
        elif isinstance(item, list) and 1 <= len(item) <= 2 and isinstance(item[0], str):
            row = dict(zip(("text", "label"), item, strict=False))
        else:
            shown = json.dumps(item, ensure_ascii=False)[:60]
            raise SeriesError(f"{source} holds {shown}, which is neither an object with a text, a text, nor a pair of a text and its label.")
        rows.append(row if part is None else {**row, "split": part})
    if not rows:
        raise SeriesError(f"{source} holds no text.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Columns({name: [row.get(name) for row in rows] for name in names}, source, notes=tuple(notes))


def _items(whole: Any, source: str, notes: list[str], columns: bool) -> Parsed:
    if isinstance(whole, list):
        return [(item, None) for item in whole]
    if not isinstance(whole, dict):
        raise SeriesError(f"{source} holds a single {type(whole).__name__}; texts with their labels were expected.")
    lists = {name: value for name, value in whole.items() if isinstance(value, list)}
    if len(lists) == len(whole) > 0 and all(part_of(name) for name in lists):
        if len({part_of(name) for name in lists}) < len(lists):
            notes.append(f"parts: {', '.join(f'{name} ({len(value):,}) as {part_of(name)}' for name, value in lists.items())}")
        return [(item, part_of(name)) for name, value in lists.items() for item in value]
    columns = columns or (len(lists) > 1 and all(isinstance(one, list) for value in lists.values() for one in value))
    if columns and len(lists) == len(whole) > 0 and len({len(value) for value in lists.values()}) == 1:
        return [(dict(zip(lists, row, strict=True)), None) for row in zip(*lists.values(), strict=True)]
    holders = [name for name in lists if name.lower() in ("data", "examples", "rows", "items", "records", "instances")]
    if len(holders) == 1:  # {"version": …, "data": […]}
        name, value = holders[0], lists[holders[0]]
        notes.append(f'what stands under "{name}" was read')
        return [(item, None) for item in value]
    return [(whole, None)]


def _clean(item: Any, notes: list[str]) -> Any:
    """Texts without zero characters and lone surrogates, which JSON can spell and no file can hold."""
    if isinstance(item, str):
        if "\0" in item or SURROGATES.search(item):
            note = "zero characters left out, or lone surrogates replaced by U+FFFD, in JSON texts"
            if note not in notes:
                notes.append(note)
            return SURROGATES.sub(REPLACED, item.replace("\0", ""))
        return item
    if isinstance(item, list):
        return [_clean(one, notes) for one in item]
    if isinstance(item, dict):
        return {str(name): _clean(one, notes) for name, one in item.items()}
    return item


def texts_of(cells: Sequence[Any]) -> list[str]:
    """Cells as texts: nothing, and NaN in a frame, is empty, and a list of tokens is joined by spaces."""
    return [_as_text(one) for one in cells]


def _as_text(one: Any) -> str:
    if one is None or (isinstance(one, float) and isnan(one)):
        return ""
    return " ".join(map(str, one)) if isinstance(one, list | tuple) else str(one)
