"""Which column holds the texts, which the labels: by name, else by what the cells look like; every guess is told.

texts      a usual name (`TEXTS`), else the column with the longest cells, numbers left aside
labels     a usual name (`LABELS`), else the only other column whose values recur
parts      a column called split, part or set whose cells are all train, valid, test, …
ids        a usual name (`IDS`)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inorder.data import parts
from inorder.data.labelled_texts import LABELS as CLASSES
from inorder.data.labels import lacking
from inorder.data.rows import Rows, fitted
from inorder.errors import SeriesError

TEXTS: tuple[str, ...] = ("text", "sentence", "document", "review", "content", "message", "body", "utterance", "query", "question", "comment", "tweet")
TEXTS += ("post", "phrase", "sms", "reviewtext", "review_text", "tokens", "words", "title", "headline", "description")
SEQUENCES = ("sequence", "symbols", "seq", "dna", "protein", "events", "pages", "items")
LABELS = (*CLASSES, "labels", "classes", "sentiment", "intent", "polarity", "topic", "rating", "stars", "score", "emotion", "tags", "genre")
IDS = ("id", "uid", "key", "index", "text_id", "doc_id", "sentence_id", "name", "file", "filename")
EVEN = 0.8  # of the rows of a table without a header have the usual number of cells, at least
SURE, WEAK = "its names", "its values"  # what speaks for a header
FEW = 0.5  # a guessed label has at most half as many distinct values as rows


@dataclass(frozen=True, eq=False)
class Columns:
    """A list of cells a column.   named: whether the names are the data's own.   notes: what was odd."""

    cells: Mapping[str, list[Any]]
    source: str
    named: bool = True
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.cells.values()), []))


@dataclass(frozen=True)
class Chosen:
    """The columns by what they hold; None = there is none."""

    text: str
    label: str | None
    part: str | None
    id: str | None
    notes: tuple[str, ...]


def choose(table: Columns, options: Mapping[str, Any], usual: Sequence[str] = TEXTS, what: str = "text") -> Chosen:
    """Which column is what.   options: `text` (or `what`), `label`, `split`, `id`; "none" says that there is none.   usual: names of a column of texts.

    Raises SeriesError for a column that is not there.
    """
    names = list(table.cells)
    text = _told(table, options.get(what), what)
    label = _told(table, options.get("label"), "label")
    part = _told(table, options.get("split"), "split") or _part_column(table, options)
    own = _told(table, options.get("id"), "id") or (_by_name([n for n in names if n not in (text, label)], IDS) if options.get("id") is None else None)
    notes = []
    if text is None:
        text, note = _text_column(table, [name for name in names if name not in (label, part)], own, usual, what)
        notes += note
    if label is None and options.get("label") is None:
        label, note = _label_column(table, [name for name in names if name not in (text, part, own)])
        notes += note
    unused = [name for name in names if name not in (text, label, part, own)]
    if unused:
        notes.append(f"{'columns' if len(unused) > 1 else 'column'} {', '.join(unused[:8])}{', …' if len(unused) > 8 else ''} not used")
    return Chosen(text, label, part, own, tuple(notes))


def _text_column(table: Columns, names: Sequence[str], own: str | None, usual: Sequence[str], what: str) -> tuple[str, list[str]]:
    """The column of texts among these, and what is to be told of it.   own: the column of ids, which is the last to be taken."""
    found = _by_name(names, usual)
    if found is not None:
        return found, [] if found == what else [f'the {what}s are those of "{found}", by its name']
    left = [name for name in names if not (table.named and name.strip().lower() in LABELS) and not all(map(_number, map(str, table.cells[name])))]
    found = max([name for name in left if name != own] or left, key=lambda name: _mean_length(table.cells[name]), default=None)
    if found is None:
        raise SeriesError(f"{table.source} has no column for the {what}s; it has {', '.join(table.cells) or 'none'}. Name it with --{what}.")
    return found, [f'the {what}s are those of "{found}", the column with the longest cells (--{what} to change)']


def _label_column(table: Columns, names: Sequence[str]) -> tuple[str | None, list[str]]:
    """The column of labels among these, None where there is none, and what is to be told of it."""
    found = _by_name(names, LABELS)
    if found is not None:
        return found, [] if found == "label" else [f'the labels are those of "{found}", by its name']
    recurring = [name for name in names if _recurs(table.cells[name])]
    if len(recurring) == 1:
        return recurring[0], [f'the labels are those of "{recurring[0]}", whose values recur (--label to change)']
    return None, [f"several columns could hold the labels: {', '.join(recurring[:6])}; name it with --label"] if recurring else []


def table_of_rows(found: Rows, source: str, header: bool | None, options: Mapping[str, Any], usual: Sequence[str] = TEXTS, what: str = "text") -> Columns:
    """Rows as columns; surplus cells go to the free text, and the header is found by its names."""
    rows, notes = found.rows, found.notes()
    evidence = _header(rows, usual) if header is None else ""
    named = bool(evidence) if header is None else header
    if not named and header is None and sum(len(row) == found.width for row in rows) < EVEN * len(rows):
        note = f"rows have unlike numbers of cells, so each is one text, whatever divides it ({found.separator!r})"
        return Columns({"column_1": [found.separator.join(row) for row in rows]}, source, False, (*notes, note))
    if evidence == WEAK:
        notes.append(f"the first row was taken for the names of columns: {', '.join(cell for cell in rows[0][:4] if cell)} (--no-header if it names none)")
    names = [name.strip().strip('"') or f"column_{k + 1}" for k, name in enumerate(rows[0])] if named else []
    width = len(names) if named else found.width
    if not named:
        names = [f"column_{k + 1}" for k in range(width)]
        if header is None:
            notes.append(f"no header: columns are called {', '.join(names[:3])}{', …' if width > 3 else ''} (--header if the first row names them)")
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise SeriesError(f'{source} has {names.count(doubled[0])} columns called "{doubled[0]}". Give each its own name.')
    body = rows[1:] if named else rows
    even = [row for row in body if len(row) == width]
    free = 0
    if len(even) < len(body):
        sample = Columns({name: [row[k] for row in even] for k, name in enumerate(names)}, source, named)
        free = names.index(choose(sample, {k: v for k, v in options.items() if v in ("none", *names)}, usual, what).text)
        for many, word, more in ((True, "more", f"the surplus was taken for text of {names[free]}"), (False, "fewer", "the others are empty")):
            odd = [n for n, row in zip(found.numbers[int(named) :], body, strict=True) if (len(row) > width if many else len(row) < width)]
            if odd:
                notes.append(f"{len(odd):,} row{'s' * (len(odd) > 1)} with {word} than {width} cells (the first: line {odd[0]:,}): {more}")
        body = [fitted(row, width, free, found.separator) for row in body]
    return Columns({name: [row[k] for row in body] for k, name in enumerate(names)}, source, named, tuple(notes))


def _told(table: Columns, given: Any, what: str) -> str | None:
    if given is None or given == "none":
        return None
    if given not in table.cells:
        raise SeriesError(f'{table.source} has no column "{given}" for --{what}; it has {", ".join(list(table.cells)[:8])}.')
    return str(given)


def _by_name(names: Sequence[str], usual: Sequence[str]) -> str | None:
    return next((name for word in usual for name in names if name.strip().lower() == word), None)


def _part_column(table: Columns, options: Mapping[str, Any]) -> str | None:
    """A column with a usual name whose cells all name a part."""
    name = _by_name(list(table.cells), parts.COLUMNS) if options.get("split") is None else None
    if name is None or any(parts.part_of(str(cell)) is None for cell in table.cells[name]):
        return None
    return name


def _mean_length(cells: Sequence[Any]) -> float:
    texts = [len(cell) for cell in cells if isinstance(cell, str)]
    return sum(texts) / max(len(cells), 1)


def _recurs(cells: Sequence[Any]) -> bool:
    known = [str(cell) for cell in cells if not lacking(cell)]
    return 1 < len(set(known)) <= FEW * len(known)


def _header(rows: Sequence[Sequence[str]], usual: Sequence[str]) -> str:
    """What says that the first row names the columns; "" where nothing does.

    Surely where one of its cells is a usual name and stands nowhere below it, or stands above numbers only and is none. Weakly where its cells are single
    short words, and one stands above values that recur and is none of them.
    """
    first = [cell.strip().strip('"') for cell in rows[0]]
    if (len(rows) < 2 and len(first) < 2) or any(len(cell) > 40 for cell in first):
        return ""
    weak = ""
    for k, cell in enumerate(first):
        below = [row[k].strip() for row in rows[1:] if k < len(row)]
        if cell.lower() in (*usual, *LABELS) and cell not in below:
            return SURE
        if below and not _number(cell) and cell and all(map(_number, below[:1000])):
            return SURE
        if cell and _recurs(below) and cell not in below and all(re.fullmatch(r"\w{,20}", one) for one in first):
            weak = WEAK
    return weak


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
