"""Files, folders and arrays -> labelled sequences (`labelled.Sequences`).

one file         .ts, .arff, .npz, Parquet, CSV or TSV; NAME_TRAIN and NAME_TEST beside one another belong together
a zip archive    NAME_TRAIN and NAME_TEST of one data set, or one file
a folder         the same; or one CSV file a sequence, the name of its folder being the label (train/ and test/ above them);
                 or one CSV file a sequence and a table "labels.csv" of file, label and perhaps split
in memory        (X, y), a dictionary of arrays, a frame, `Sequences`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inorder.data.archives import unpacked
from inorder.data.files import find, read_bytes, to_text
from inorder.data.labelled import Sequences, joined
from inorder.data.labelled_tables import (
    SPLITS,
    TIMES,
    channel_names,
    check_layout,
    column_numbers,
    column_of,
    is_test,
    read_arrays,
    read_frame,
    read_npz,
    table_of,
    told,
)
from inorder.data.labelled_texts import LABELS, has_names, holds_labels, is_rows, read_arff, read_rows, read_ts
from inorder.errors import ConfigError, SeriesError, unknown

ENDINGS = (".ts", ".arff", ".npz", ".parquet", ".pq", ".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".ts.gz", ".txt.gz")
TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
OPTIONS = ("label", "id", "time", "value", "header", "separator", "encoding", "layout", "kind", "labelled", "classes", "steps", "like")
KINDS = ("classification", "regression")
FILES = "CSV, TSV, Parquet, .ts, ARFF or NPZ"
LABELLED = f"A file of labelled sequences ({FILES})"
SPLIT = re.compile(r"^(.*?)[_\-. ]?(train|test)$", re.IGNORECASE)


def read_sequences(data: Any, *, test: Any = None, **options: Any) -> Sequences:
    """Labelled sequences from whatever the module's docstring names.

    test: where the official test part is, if not found by its name.
    label, id, time, value (the channels), header, separator, encoding: of a table; a label "none" says that there is none, "first" or "last"
    that each row of a file without names of columns has one.
    layout: "long", "rows" or "channels-first" (NumPy).   kind: "classification" or "regression"; None = what the labels look like.
    labelled: False where labels may be lacking.   classes, steps: those that are known, and the least and the most steps, by which rows without names of
    columns are then told to have a label or not.   like: the `reading` of other sequences, which holds where nothing else is told.
    Raises SeriesError for what cannot be read, ConfigError for an option that is unknown.

    >>> read_sequences((np.zeros((4, 10)), ["a", "a", "b", "b"])).describe()
    '4 sequences of 10 steps, 2 classes'
    """
    for name in options:
        if name not in OPTIONS:
            raise unknown("option for labelled sequences", name, OPTIONS)
    if options.get("kind") not in (None, *KINDS):
        raise ConfigError(f'`kind` is "classification" or "regression", not "{options["kind"]}".')
    check_layout(options.get("layout"))
    found = _read(data, options)
    return found if test is None else joined(found.training, _read(test, options))


def _read(data: Any, options: Mapping[str, Any]) -> Sequences:
    if isinstance(data, Sequences):
        return data
    if isinstance(data, tuple) and len(data) == 2:
        if isinstance(data[0], np.ndarray):
            return read_arrays({"X": data[0], "y": data[1]}, "the data", options)
        return Sequences.of(data[0], data[1], kind=options.get("kind"))
    if isinstance(data, np.ndarray):
        return read_arrays({"X": data}, "the data", options)
    if isinstance(data, dict) and {name.lower() for name in data} & {"x", "x_train"}:
        return read_arrays(data, "the data", options)
    if not isinstance(data, str | Path):
        return read_frame(data, "the data", options)
    path = Path(data).expanduser()
    if path.is_dir():
        return _folder(path, options)
    content, name = _content(data)
    if content.startswith(b"PK\x03\x04") and not name.lower().endswith(".npz"):
        return _archive(content, str(data), options)
    other = _other_part(path)
    found = _file(content, name, options)
    if other is None:
        return found
    whole = joined(found, _file(*_content(other), options))
    return replace(whole, notes=(*whole.notes, f"test part: {other.name}, beside it"))


def _content(data: str | Path) -> tuple[bytes, str]:
    """The bytes of a file, unpacked from gzip, and its name; archives are left as they are."""
    if str(data) != "-":
        path = find(data)
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                return path.read_bytes(), path.name
    content, source = read_bytes(data, LABELLED)
    return content, source if str(data) == "-" else Path(str(data)).name


def _other_part(path: Path) -> Path | None:
    """NAME_TEST beside NAME_TRAIN."""
    base, dot, ending = path.name.partition(".")
    split = SPLIT.match(base)
    if split is None or split.group(2).lower() != "train":
        return None
    word = "TEST" if split.group(2).isupper() else "test" if split.group(2).islower() else "Test"
    other = path.with_name(base[: -len("train")] + word + dot + ending)
    return other if other.is_file() else None


def _file(content: bytes, name: str, options: Mapping[str, Any]) -> Sequences:
    """One file, by its ending or by what it looks like."""
    lower = name.lower().removesuffix(".gz")
    kind, like = options.get("kind"), options.get("like") or {}
    if lower.endswith(".npz"):
        return read_npz(content, name, options)
    if content.startswith(b"PAR1"):
        return read_frame(content, name, options)
    plain, notes = to_text(content, name, options.get("encoding") or like.get("encoding"), FILES)
    text = plain.decode()
    if lower.endswith(".ts"):
        return read_ts(text, name, kind)
    if lower.endswith(".arff"):
        return read_arff(text, name, kind) if "@data" in text.lower() else _rows(text, name, -1, options)
    if not lower.endswith(TABLES) and "@data" in text.lower():
        return (read_arff if "@attribute" in text.lower() else read_ts)(text, name, kind)
    names = options.get("header") or (options.get("header") is None and has_names(text))
    if not names and is_rows(text) and not like.get("files"):
        return _rows(text, name, 0, options)
    return read_frame(content, name, {**options, "header": True} if names else options)


def _rows(text: str, name: str, usual: int, options: Mapping[str, Any]) -> Sequences:
    """Rows without names of columns."""
    place = _place(text, name, (options.get("like") or {}).get("place", usual), options)
    return replace(read_rows(text, name, options.get("kind"), label=place), reading=told(options, place=place))


def _place(text: str, name: str, usual: int, options: Mapping[str, Any]) -> int | None:
    """Where each row of a file without names of columns has its label; None where it has none."""
    label = options.get("label")
    if label in ("none", "first", "last"):
        return {"none": None, "first": 0, "last": -1}[label]
    if label is None and not options.get("labelled", True) and not holds_labels(text, name, usual, options.get("classes", ()), options.get("steps")):
        return None
    return usual


# --- several files ---


def _archive(content: bytes, source: str, options: Mapping[str, Any]) -> Sequences:
    return _files(unpacked(content, source, ENDINGS), source, options)


def _folder(path: Path, options: Mapping[str, Any]) -> Sequences:
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file() and file.name.lower().endswith(ENDINGS))
    files = {name: read_bytes(path / name, LABELLED)[0] if not name.lower().endswith(".npz") else (path / name).read_bytes() for name in names}
    return _files(files, str(path), options)


def _files(files: Mapping[str, bytes], source: str, options: Mapping[str, Any]) -> Sequences:
    """The files of an archive or folder: two parts of a data set, one file, or a file a sequence."""
    if not files:
        raise SeriesError(f"{source} holds no .ts, .arff, .npz, Parquet, CSV or TSV file.")
    marks = {name: SPLIT.match(_stem(name)) for name in files}
    parts = {part: [name for name, mark in marks.items() if mark and mark.group(2).lower() == part] for part in ("train", "test")}
    if parts["train"]:
        training = _pick(parts["train"], files, source)
        found = _file(files[training], training.rpartition("/")[2], options)
        if not parts["test"]:
            return found
        test = _pick(parts["test"], files, source)
        return joined(found, _file(files[test], test.rpartition("/")[2], options))
    if len(files) == 1:
        name, content = next(iter(files.items()))
        return _file(content, name.rpartition("/")[2], options)
    return _one_each(files, source, options)


def _stem(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]


def _pick(names: list[str], files: Mapping[str, bytes], source: str) -> str:
    """One file of a part: archives often hold the same data in several formats."""
    stems = {_stem(name).lower() for name in names}
    if len(stems) > 1:
        raise SeriesError(f"{source} holds several data sets: {', '.join(sorted(names)[:4])}. Name one of them.")
    return min(names, key=lambda name: next(k for k, ending in enumerate(ENDINGS) if name.lower().endswith(ending)))


def _one_each(files: Mapping[str, bytes], source: str, options: Mapping[str, Any]) -> Sequences:
    """A CSV file a sequence; the label is the name of its folder, or stands in labels.csv."""
    tables = {name: content for name, content in files.items() if name.lower().endswith(TABLES)}
    listed = next((name for name in tables if _stem(name).lower() == "labels"), None)
    spoken = _labels_of(tables.pop(listed), listed, options) if listed is not None else None
    if not tables:
        raise SeriesError(f"{source} holds {', '.join(list(files)[:4])}; name one of them, or put one CSV file a sequence into a folder for each label.")
    absent = [one for one in spoken or () if not any(one in (name, name.rpartition("/")[2], _stem(name)) for name in tables)]
    if absent:
        raise SeriesError(f'{source}: {listed} names "{absent[0]}", and no such file is there. Add it, or take the row away.')
    values, labels, marks, ids, channels, time = [], [], [], [], None, None
    for name, content in sorted(tables.items()):
        own, names, time = _one(content, name, options)
        if channels is not None and names != channels:
            raise SeriesError(f"{source}: {name} has the columns {', '.join(names)}, but the others have {', '.join(channels)}; they must be the same.")
        channels = names
        label, mark = _said(name, spoken, source, options)
        values.append(own)
        labels.append(label)
        marks.append(mark)
        ids.append(name)
    known = any(label is not None for label in labels)
    reading = told(options, time=time, value=list(channels or ()), layout="long", files=True)
    return Sequences.of(
        values, labels if known else None, test=marks, channels=channels or (), ids=ids, kind=options.get("kind"), source=source, reading=reading
    )


def _one(content: bytes, name: str, options: Mapping[str, Any]) -> tuple[Any, tuple[str, ...], str | None]:
    """(time, channels) of one file, the names of its channels, and the column of its times."""
    like = options.get("like") or {}
    frame, _, row = table_of(content, name, options)
    known = [channel for channel in like.get("value", ()) if channel in frame.columns]
    others = [column for column in frame.columns if column not in known]
    time = column_of(frame.columns, options.get("time"), (*((like["time"],) if "time" in like else ()), *TIMES), "time", name, others)
    whole = bool(known) and len(known) == len(like["value"]) and options.get("value") is None
    channels = known if whole else channel_names(frame.columns, options.get("value"), {time}, name)
    return np.stack([column_numbers(frame, channel, name, row) for channel in channels], axis=1), tuple(channels), time


def _labels_of(content: bytes, name: str, options: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    """file -> label and whether it is in the test part."""
    frame, _, _ = table_of(content, name, {})
    label = column_of(frame.columns, options.get("label"), LABELS, "label", name)
    file = next((column for column in frame.columns if column.lower() in ("file", "name", "filename", "path", "id")), None)
    split = column_of(frame.columns, None, SPLITS, "split", name)
    if label is None or file is None:
        raise SeriesError(f'{name} has the columns {", ".join(frame.columns)}; "file" and "label" were expected.')
    marks = [False] * len(frame) if split is None else [is_test(one, name) for one in frame[split].to_list()]
    return {str(one): (str(own), mark) for one, own, mark in zip(frame[file].to_list(), frame[label].to_list(), marks, strict=True)}


def _said(name: str, spoken: Mapping[str, tuple[str, bool]] | None, source: str, options: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Label and part of one file."""
    *folders, file = name.split("/")
    if spoken is not None:
        keys = [key for key in (name, file, _stem(file)) if key in spoken]
        if not keys:
            raise SeriesError(f"{source}: labels.csv says nothing of {name}. Add it, or take the file away.")
        return spoken[keys[0]]
    mark = any(folder.lower() == "test" for folder in folders)
    own = [folder for folder in folders if folder.lower() not in ("train", "test")]
    if not own:
        if options.get("labelled", True):
            raise SeriesError(f"{source}: {name} lies in no folder whose name is its label, and there is no labels.csv.")
        return None, mark
    return own[-1], mark
