"""Files, folders, frames and lists -> texts (`text.Texts`).

TSV, CSV, …      a row a text; which column holds what: `columns_of_texts`, odd rows: `rows`, encodings: `encodings`
JSON, JSON lines see `json_rows`
Parquet, frames  the same columns
.txt             the file is one text (unit="file"), or each line one (unit="line")
folders, zip     a file a text, the name of its folder the label (pos/ neg/, below train/ test/ where there are such); or one table;
                 or tables whose names say train, valid, test
in memory        a list of strings, (texts, labels), a dictionary of columns, `Texts`
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inorder.data.archives import named_files
from inorder.data.columns_of_texts import Columns, choose, table_of_rows
from inorder.data.encodings import to_plain
from inorder.data.files import PARQUET
from inorder.data.json_rows import json_columns, looks_like_json, texts_of
from inorder.data.parts import TEST, TRAIN, VALID, beside, part_of
from inorder.data.rows import rows_of
from inorder.data.text import Texts, joined_texts
from inorder.errors import ConfigError, SeriesError, unknown

OPTIONS = ("text", "label", "id", "split", "header", "separator", "encoding", "kind", "several", "unit")
TABLES = (".tsv", ".csv", ".jsonl", ".json", ".ndjson", ".parquet", ".pq", ".tsv.gz", ".csv.gz", ".jsonl.gz", ".json.gz", ".ndjson.gz")
DOCUMENTS = (".txt", ".txt.gz", ".text", ".md")
ABOUT = ("license", "readme", "copying", "notice", "changes", "changelog")  # files that speak of the others
UNITS = ("file", "line")


def read_texts(data: Any, *, valid: Any = None, test: Any = None, **options: Any) -> Texts:
    """Texts from whatever the module's docstring names.

    valid, test: where these parts are, if not in the same file or folder.
    text, label, id, split: columns; "none" says that there is no such column.   header, separator, encoding: of a text file.
    kind: "classification", "multi-label" or "regression"; None = what the labels look like.
    several: what separates the classes in a cell that holds more than one.
    unit: what is one text of a .txt file: "file" (the default) or "line".
    Raises SeriesError for what cannot be read, ConfigError for an option that is unknown.

    >>> read_texts((["so good", "so bad"], ["pos", "neg"])).describe()
    '2 texts of 6–7 characters, 2 classes'
    """
    for name in options:
        if name not in OPTIONS:
            raise unknown("option for texts", name, OPTIONS)
    if options.get("unit") not in (None, *UNITS):
        raise ConfigError(f'`unit` is "file" or "line", not "{options["unit"]}".')
    given = {TRAIN: data, VALID: valid, TEST: test}
    found = {name: _read(one, options) for name, one in given.items() if one is not None}
    if len(found) > 1:
        return joined_texts(list(found.values()), list(found))
    return replace(found[TRAIN], notes=(*found[TRAIN].notes, *beside(data)))


def _read(data: Any, options: Mapping[str, Any]) -> Texts:
    if isinstance(data, Texts):
        return data
    if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], str):
        return Texts.of(list(data[0]), list(data[1]), kind=options.get("kind"), several=options.get("several"))
    if isinstance(data, list | tuple):
        return Texts.of(list(data))
    if not isinstance(data, str | Path) and not hasattr(data, "read"):
        return from_columns(columns_of_frame(data), options)
    files, source = named_files(data, (*TABLES, *DOCUMENTS), "A text")
    if len(files) == 1 and not (isinstance(data, str | Path) and Path(data).expanduser().is_dir()):
        name, content = next(iter(files.items()))
        return _file(content, name, source, options)
    return _several_files(files, source, options)


def _file(content: bytes, name: str, source: str, options: Mapping[str, Any]) -> Texts:
    """One file, by what it looks like and by its ending."""
    if content.startswith(PARQUET):
        return from_columns(parquet_columns(content, source), options)
    text, notes = to_plain(content, options.get("encoding"), source)
    if not text.strip():
        raise SeriesError(f"{source} holds nothing but blanks. A text was expected.")
    lower = name.lower().removesuffix(".gz")
    if looks_like_json(text) or lower.endswith((".json", ".jsonl", ".ndjson")):
        return from_columns(json_columns(text, source), options, notes)
    if lower.endswith((".tsv", ".csv")) or options.get("separator") is not None or (options.get("unit") is None and _is_table(text)):
        rows = rows_of(text, name, options.get("separator"))
        return from_columns(table_of_rows(rows, source, options.get("header"), options), options, notes)
    return _document(text, Path(name).name, source, notes, options)


def _is_table(text: str) -> bool:
    """Whether every line of a file without a telling name has the same number of tabs, one or more."""
    lines = [line for line in text[: 1 << 18].split("\n")[:-1] if line.strip()][:1000]
    return len({line.count("\t") for line in lines}) == 1 and "\t" in lines[0]


def _document(text: str, name: str, source: str, notes: Sequence[str], options: Mapping[str, Any]) -> Texts:
    """A file of plain text: one text, or one a line."""
    lines = text.removesuffix("\n").split("\n")
    if options.get("unit") == "line":
        return Texts.of(lines, ids=[str(number) for number in range(1, len(lines) + 1)], source=source, notes=notes)
    note = [] if options.get("unit") or len(lines) == 1 else [f"read as one text of {len(lines):,} lines (--unit line: one a line)"]
    return Texts.of([text], ids=[name], source=source, notes=[*notes, *note])


# --- columns ---


def from_columns(table: Columns, options: Mapping[str, Any], notes: Sequence[str] = ()) -> Texts:
    """The texts, labels, parts and ids of a table."""
    chosen = choose(table, options)
    labels = None if chosen.label is None else table.cells[chosen.label]
    parts = None if chosen.part is None else [_part(cell, table.source) for cell in table.cells[chosen.part]]
    ids: list[str] = [] if chosen.id is None else texts_of(table.cells[chosen.id])
    if not len(table):
        raise SeriesError(f"{table.source} has a header ({', '.join(list(table.cells)[:6])}) and no rows.")
    told = [*notes, *table.notes, *chosen.notes, *([] if labels is not None or options.get("label") == "none" else ["no labels"])]
    if any(isinstance(cell, list | tuple) for cell in table.cells[chosen.text]):
        told.append("lists of tokens are joined by spaces")
    if len(set(ids)) < len(ids):
        told.append(f'"{chosen.id}" has the same value in several rows, so rows are counted instead')
        ids = []
    kind, several = options.get("kind"), options.get("several")
    return Texts.of(texts_of(table.cells[chosen.text]), labels, parts=parts, ids=ids, kind=kind, several=several, source=table.source, notes=told)


def _part(cell: Any, source: str) -> str:
    part = part_of(str(cell))
    if part is None:
        raise SeriesError(f'{source}: the part of a text is "train", "valid" or "test", not "{cell}".')
    return part


def parquet_columns(content: bytes, source: str) -> Columns:
    """The columns of a Parquet file."""
    import polars as pl

    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SeriesError(f"{source} is a damaged Parquet file: {str(error).splitlines()[0].rstrip('.')}.") from None
    return Columns({name: frame[name].to_list() for name in frame.columns}, source)


def columns_of_frame(data: Any) -> Columns:
    """The columns of a dictionary, or of a frame of pandas, polars or another library that narwhals knows."""
    if isinstance(data, Mapping):
        sizes = {str(name): len(list(values)) for name, values in data.items()}
        if len(set(sizes.values())) > 1:
            raise SeriesError(
                f"The columns of the dictionary have {', '.join(f'{size:,} ({name})' for name, size in sizes.items())} cells; as many were expected."
            )
        return Columns({str(name): list(values) for name, values in data.items()}, "the dictionary")
    import narwhals as nw

    try:
        frame = nw.from_native(data, eager_only=True)
    except TypeError:
        raise SeriesError(f"Texts are read from a file, a frame or a list of strings, not from {type(data).__name__}.") from None
    return Columns({str(name): frame[name].to_list() for name in frame.columns}, "the frame")


# --- several files ---


def _several_files(files: Mapping[str, bytes], source: str, options: Mapping[str, Any]) -> Texts:
    """A folder or an archive: a table, a table a part, or a file a text."""
    tables = {name: content for name, content in files.items() if name.lower().endswith(TABLES)}
    documents = {name: content for name, content in files.items() if name not in tables and not _stem(name).startswith(ABOUT)}
    if len(documents) > len(tables):
        return _one_each(documents, source, options, len(files) - len(documents))
    if len(tables) == 1:
        name, content = next(iter(tables.items()))
        return _file(content, name, f"{source}/{name}", options)
    parts = {name: part_of(_stem(name)) for name in tables}
    by_part = {part: [name for name in tables if parts[name] == part] for part in (TRAIN, VALID, TEST)}
    if not by_part[TRAIN] or any(len(names) > 1 for names in by_part.values()):
        raise SeriesError(f"{source} holds several tables: {', '.join(list(tables)[:4])}. Name one of them, and others with valid= and test=.")
    found = {part: _file(files[names[0]], names[0], f"{source}/{names[0]}", options) for part, names in by_part.items() if names}
    return joined_texts(list(found.values()), list(found))


def _one_each(files: Mapping[str, bytes], source: str, options: Mapping[str, Any], others: int) -> Texts:
    """A file a text; the label is the name of its folder, and a folder above may name the part."""
    texts, labels, parts, counted = [], [], [], dict[str, int]()
    for name, content in files.items():
        text, notes = to_plain(content, options.get("encoding"), f"{source}/{name}")
        for note in notes:
            what = note.partition(" (the first")[0].lstrip("0123456789, ").replace("line read", "lines read").replace("line ends", "lines end")
            counted[what] = counted.get(what, 0) + 1
        folders = name.split("/")[:-1]
        parts.append(next((part for folder in folders if (part := _folder_part(folder))), ""))
        labels.append(next((folder for folder in reversed(folders) if not _folder_part(folder)), None))
        texts.append(text)
    known = len({label for label in labels if label is not None}) > 1 and options.get("label") != "none"
    notes = [f"{count:,} file{'s' * (count > 1)} with {what}" for what, count in counted.items()]
    notes.append("the labels are the names of the folders" if known else "no labels, since the files are not in folders of their own for each")
    if others:
        notes.append(f"{others:,} other file{'s' * (others > 1)} left out")
    kind, several = options.get("kind"), options.get("several")
    return Texts.of(texts, labels if known else None, parts=parts, ids=list(files), kind=kind, several=several, source=source, notes=notes)


def _stem(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0].lower()


def _folder_part(folder: str) -> str | None:
    """The part that a folder is: its whole name, so that "test-anxiety" is a label."""
    return part_of(folder) if folder.lower().isalpha() else None
