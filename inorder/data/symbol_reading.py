"""Files, folders, frames and lists -> sequences of symbols (`symbols.Symbols`).

FASTA             ">" and a name, then the letters, over as many lines as they take
a sequence a line symbols divided by spaces, tabs or commas, else each character one
TSV, CSV, …       a column of sequences and perhaps one of labels; a row a user, a time and an item (`clicks`);
                  or a row a sequence with a column a step (life courses): the longest run of columns whose few values are mostly those of the columns before
JSON, JSON lines  the same columns; pieces of music as frames of notes (`piano_rolls`)
ABC               tunes (`tunes`), also many files in a folder or zip archive
in memory         lists of symbols or strings, (sequences, labels), a dictionary of columns, `Symbols`
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inorder.data.archives import named_files
from inorder.data.clicks import ITEMS, TIMES, USERS, is_log, read_log
from inorder.data.columns_of_texts import SEQUENCES, TEXTS, Columns, choose, table_of_rows
from inorder.data.encodings import to_plain
from inorder.data.files import PARQUET
from inorder.data.json_rows import json_columns, json_items, looks_like_json, texts_of
from inorder.data.labels import lacking
from inorder.data.parts import TEST, TRAIN, VALID, beside, part_of
from inorder.data.piano_rolls import are_rolls, read_rolls
from inorder.data.rows import rows_of
from inorder.data.symbols import Symbols, joined_symbols
from inorder.data.text_reading import columns_of_frame, parquet_columns
from inorder.data.tunes import is_abc, read_tunes
from inorder.errors import ConfigError, SeriesError, unknown

OPTIONS: tuple[str, ...] = ("sequence", "label", "id", "split", "header", "separator", "encoding", "kind", "several")
OPTIONS += ("divided", "user", "time", "item", "gap", "steps", "notation", "fields")
FASTA = (".fasta", ".fa", ".fna", ".faa", ".fas")
ENDINGS: tuple[str, ...] = (*FASTA, ".abc", ".tsv", ".csv", ".txt", ".seq", ".json", ".jsonl", ".ndjson", ".parquet")
ENDINGS += tuple(f"{ending}.gz" for ending in ENDINGS)
COLUMNS = (*SEQUENCES, *TEXTS)
NAMES = (*COLUMNS, *ITEMS, *USERS, *TIMES)  # by which a header is known
DIVIDED = ("spaces", "commas", "characters")
FEW_STATES, LEAST_STEPS = 50, 8  # of columns that are steps: distinct values of one, and how many columns


def read_symbols(data: Any, *, valid: Any = None, test: Any = None, **options: Any) -> Symbols:
    """Sequences of symbols from whatever the module's docstring names.

    valid, test: where these parts are.   sequence, label, id, split: columns.   header, separator, encoding: of a text file.   kind, several: of labels.
    divided: how a sequence is cut: "spaces", "commas" or "characters"; None = spaces or commas where sequences have them, else characters.
    user, time, item, gap: of a log (`clicks`).   steps: the first and the last column of steps, "a15:a30".   notation, fields: of tunes (`tunes`).
    Raises SeriesError for what cannot be read, ConfigError for an option that is unknown.

    >>> read_symbols((["ACGT", "AC"], ["+", "-"])).describe()
    '2 sequences of 2–4 symbols, 4 different ones, 2 classes'
    """
    for name in options:
        if name not in OPTIONS:
            raise unknown("option for sequences of symbols", name, OPTIONS)
    if options.get("divided") not in (None, *DIVIDED):
        raise ConfigError(f'`divided` is "spaces", "commas" or "characters", not "{options["divided"]}".')
    given = {TRAIN: data, VALID: valid, TEST: test}
    found = {name: _read(one, options) for name, one in given.items() if one is not None}
    if len(found) > 1:
        return joined_symbols(list(found.values()), list(found))
    return replace(found[TRAIN], notes=(*found[TRAIN].notes, *beside(data)))


def _read(data: Any, options: Mapping[str, Any]) -> Symbols:
    if isinstance(data, Symbols):
        return data
    if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], str):
        return Symbols.of(data[0], data[1], kind=options.get("kind"), several=options.get("several"))
    if isinstance(data, list | tuple):
        return Symbols.of(data)
    if not isinstance(data, str | Path) and not hasattr(data, "read"):
        return _from_columns(columns_of_frame(data), options)
    files, source = named_files(data, ENDINGS, "A file of sequences")
    if len(files) > 1:
        return _several_files(files, source, options)
    return _file(*next(iter(files.items())), source, options)


def _file(name: str, content: bytes, source: str, options: Mapping[str, Any]) -> Symbols:
    """One file, by what it looks like and by its ending."""
    if content.startswith(PARQUET):
        return _from_columns(parquet_columns(content, source), options)
    text, notes = to_plain(content, options.get("encoding"), source)
    lower = name.lower().removesuffix(".gz")
    if not text.strip():
        raise SeriesError(f"{source} holds nothing but blanks. Sequences were expected.")
    if lower.endswith(FASTA) or text.lstrip().startswith(">"):
        return read_fasta(text, source, notes)
    if lower.endswith(".abc") or is_abc(text):
        return read_tunes({name: text}, source, options, notes)
    if looks_like_json(text) or lower.endswith((".json", ".jsonl", ".ndjson")):
        return _from_json(text, source, options, notes)
    if lower.endswith((".tsv", ".csv")) or options.get("separator") is not None:
        table = table_of_rows(rows_of(text, name, options.get("separator")), source, options.get("header"), options, NAMES, "sequence")
        return _from_columns(table, options, notes)
    return _lines(text, source, options, notes)


def read_fasta(text: str, source: str, notes: Sequence[str] = ()) -> Symbols:
    """The sequences of a FASTA file: letters as they are written, names up to the first blank.

    >>> data = read_fasta(">one a protein\\nMKV\\nLA*\\n>two\\nAC\\n", "x.fasta")
    >>> data.ids, data.symbols[0]
    (('one', 'two'), ('M', 'K', 'V', 'L', 'A', '*'))
    """
    names: list[str] = []
    letters: list[list[str]] = []
    before = 0
    for line in text.split("\n"):
        if line.startswith(">"):
            names.append(next(iter(line[1:].split()), ""))
            letters.append([])
        elif line.startswith(";"):
            continue
        elif letters:
            letters[-1].append("".join(line.split()))
        else:
            before += bool(line.strip())
    if not names:
        raise SeriesError(f'{source} is no FASTA file: no line begins with ">".')
    told = [*notes, f"{before:,} line{'s' * (before > 1)} above the first name left out"] if before else [*notes]
    if len(set(names)) < len(names):
        told.append("names are not all different, so sequences are counted instead")
    return Symbols.of(["".join(one) for one in letters], ids=names, joined_by="", source=source, notes=told)


def _lines(text: str, source: str, options: Mapping[str, Any], notes: Sequence[str]) -> Symbols:
    """A sequence a line."""
    lines = [line for line in text.split("\n") if line.strip()]
    blank = len(text.removesuffix("\n").split("\n")) - len(lines)
    told = [*notes, f"{blank:,} blank line{'s' * (blank > 1)} left out"] if blank else [*notes]
    divided = options.get("divided") or _division(lines)
    return Symbols.of(
        [_cut(line, divided) for line in lines],
        joined_by="" if divided == "characters" else " ",
        source=source,
        notes=[*told, f"a sequence a line, of {'characters' if divided == 'characters' else f'what {divided} divide'} (--divided to change)"],
    )


def _division(cells: Sequence[str]) -> str:
    """What divides symbols: commas where there are as many as blanks, or blanks, if a tenth of the sequences has any (others may be single), else nothing."""
    known = [cell.strip() for cell in cells if cell.strip()]
    blanks, commas = ([len(re.findall(mark, cell)) for cell in known] for mark in (r"[ \t]+", ","))
    name, counts = ("commas", commas) if sum(commas) >= sum(blanks) else ("spaces", blanks)
    return name if 10 * sum(count > 0 for count in counts) >= len(known) > 0 else "characters"


def _cut(cell: str, divided: str) -> Sequence[str]:
    if divided == "characters":
        return tuple(cell.strip())
    return cell.split() if divided == "spaces" else [one.strip() for one in cell.split(",")] if cell.strip() else []


# --- tables ---


def _from_json(text: str, source: str, options: Mapping[str, Any], notes: Sequence[str]) -> Symbols:
    items, told = json_items(text, source)
    if are_rolls([item for item, _ in items]):
        return read_rolls([item for item, _ in items], [part or "" for _, part in items], source, [*notes, *told])
    if items and all(isinstance(item, list) and item and all(isinstance(one, str | int) for one in item) for item, _ in items):
        return Symbols.of([item for item, _ in items], parts=[part or "" for _, part in items], source=source, notes=[*notes, *told])
    return _from_columns(json_columns(text, source), options, notes)


def _from_columns(table: Columns, options: Mapping[str, Any], notes: Sequence[str] = ()) -> Symbols:
    """A log, a column of sequences, or a column a step."""
    if not len(table):
        raise SeriesError(f"{table.source} has a header ({', '.join(list(table.cells)[:6])}) and no rows.")
    named = options.get("sequence") is not None or any(name.strip().lower() in SEQUENCES for name in table.cells)
    if not named and is_log(table, options):
        return read_log(Columns(table.cells, table.source, notes=(*notes, *table.notes)), options)
    steps = _steps(table, options) if not named else []
    if steps:
        return _from_steps(table, steps, options, notes)
    chosen = choose(table, options, COLUMNS, "sequence")
    cells = table.cells[chosen.text]
    told = [*notes, *table.notes, *chosen.notes]
    if any(isinstance(cell, list | tuple) for cell in cells):
        sequences: list[Sequence[str]] = [[] if cell is None else [str(one) for one in cell] for cell in cells]
        joined_by = " "
    else:
        texts = texts_of(cells)
        divided = options.get("divided") or _division(texts)
        sequences, joined_by = [_cut(one, divided) for one in texts], "" if divided == "characters" else " "
        told.append(f"a symbol is {'a character' if divided == 'characters' else f'what {divided} divide'} (--divided to change)")
    labels = None if chosen.label is None else table.cells[chosen.label]
    parts = None if chosen.part is None else [part_of(str(cell)) or "" for cell in table.cells[chosen.part]]
    ids: Sequence[str] = () if chosen.id is None else texts_of(table.cells[chosen.id])
    kind, several = options.get("kind"), options.get("several")
    return Symbols.of(sequences, labels, parts=parts, ids=ids, joined_by=joined_by, kind=kind, several=several, source=table.source, notes=told)


def _steps(table: Columns, options: Mapping[str, Any]) -> list[str]:
    """The columns that are steps: told, or the longest run in which half of the cells, or of the values, of a column stood in those before it."""
    names = list(table.cells)
    given = options.get("steps")
    if given is not None:
        first, _, last = str(given).partition(":")
        for name in (first, last):
            if name not in names:
                raise SeriesError(f'{table.source} has no column "{name}" for --steps FIRST:LAST; it has {", ".join(names[:8])}.')
        return names[names.index(first) : names.index(last) + 1]
    best: list[str] = []
    run: list[str] = []
    values: set[str] = set()
    for name in names:
        cells = [str(cell) for cell in table.cells[name] if not lacking(cell)]
        own = set(cells)
        few = 0 < len(own) <= min(FEW_STATES, len(table) - 1)
        alike = 2 * sum(cell in values for cell in cells) > len(cells) or 2 * len(own & values) >= len(own)
        if few and run and alike:
            run, values = [*run, name], values | own
        else:
            run, values = ([name], own) if few else ([], set())
        best = max(best, run, key=len)
    return best if len(best) >= LEAST_STEPS else []


def _from_steps(table: Columns, steps: Sequence[str], options: Mapping[str, Any], notes: Sequence[str]) -> Symbols:
    """A row a sequence, a column a step; steps missing at the end are no steps, others are the symbol "?" """
    gaps = 0
    sequences = []
    for i in range(len(table)):
        row = ["?" if lacking(table.cells[name][i]) else str(table.cells[name][i]).strip() for name in steps]
        while row and row[-1] == "?":
            row.pop()
        gaps += row.count("?")
        sequences.append(row)
    others = Columns({name: cells for name, cells in table.cells.items() if name not in steps}, table.source, table.named)
    label = options.get("label") if options.get("label") != "none" else None
    if label is not None and label not in others.cells:
        raise SeriesError(f'{table.source} has no column "{label}" for --label; it has {", ".join(list(others.cells)[:8])}.')
    told = [*notes, *table.notes, f"steps are the {len(steps):,} columns {steps[0]} to {steps[-1]} (--steps FIRST:LAST to change)"]
    if gaps:
        told.append(f'{gaps:,} missing steps inside sequences are the symbol "?"')
    if label is None and others.cells:
        told.append(f"no labels; {', '.join(list(others.cells)[:6])}{', …' if len(others.cells) > 6 else ''} could be one (--label)")
    own = options.get("id") or ("id" if "id" in others.cells else None)
    ids: Sequence[str] = texts_of(table.cells[own]) if own is not None and own in table.cells else ()
    labels = None if label is None else others.cells[label]
    return Symbols.of(sequences, labels, ids=ids, joined_by=" ", kind=options.get("kind"), source=table.source, notes=told)


# --- several files ---


def _several_files(files: Mapping[str, bytes], source: str, options: Mapping[str, Any]) -> Symbols:
    """A folder or archive: tunes in many files, or a file a part."""
    tunes = {name: content for name, content in files.items() if name.lower().removesuffix(".gz").endswith(".abc")}
    if tunes:
        plain = {name: to_plain(content, options.get("encoding"), f"{source}/{name}") for name, content in tunes.items()}
        notes = [f"{name}: {note}" for name, (_, told) in plain.items() for note in told]
        return read_tunes({name: text for name, (text, _) in plain.items()}, source, options, notes)
    parts = {name: part_of(name.rpartition("/")[2]) for name in files}
    by_part = {part: [name for name in files if parts[name] == part] for part in (TRAIN, VALID, TEST)}
    if not by_part[TRAIN] or any(len(names) > 1 for names in by_part.values()):
        raise SeriesError(f"{source} holds several files: {', '.join(list(files)[:4])}. Name one of them, and others with valid= and test=.")
    found = {part: _file(names[0], files[names[0]], f"{source}/{names[0]}", options) for part, names in by_part.items() if names}
    return joined_symbols(list(found.values()), list(found))
