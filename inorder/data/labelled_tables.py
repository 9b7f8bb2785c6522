"""Tables and arrays that hold labelled sequences.

    long      one row a step: a column that tells the sequences apart, channels, the label (the same in every row of a sequence)
    rows      one row a sequence: the label, and a column a step (or, in Parquet, a list a channel)
    arrays    X (examples, time) or (examples, time, channels), y (examples,); X_train, y_train, X_test, y_test; lengths where they differ

A column "split" with train and test marks the official test part.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.files import PARQUET
from inorder.data.labelled import Sequences, joined
from inorder.data.labelled_texts import LABELS, trimmed
from inorder.data.numerals import BadCell, to_numbers
from inorder.data.options import Options
from inorder.errors import ConfigError, SeriesError
from inorder.typing import Floats

if TYPE_CHECKING:
    import polars as pl

IDS = ("id", "unique_id", "series", "series_id", "sample", "example", "case", "case_id", "instance", "sequence", "sequence_id")
TIMES = ("time", "t", "timestamp", "ds", "date", "step", "index", "frame")
SPLITS = ("split", "part", "set")
CHANNELS_FIRST = "channels-first"


def read_frame(data: Any, source: str, options: Mapping[str, Any]) -> Sequences:
    """The sequences of a Parquet or CSV file with names of columns, or of a frame.

    options: label, id, time, value (the channels), header, separator, encoding, kind, layout ("long" or "rows").
    like: the `reading` of other sequences. Its columns have the same roles here, where they are there and nothing else is told; a table with its channels
    and no column that tells sequences apart is one sequence.
    """
    like: Mapping[str, Any] = options.get("like") or {}
    frame, source, row = table_of(data, source, options)
    names = frame.columns
    known = [name for name in like.get("value", ()) if name in names]  # columns that are channels already, whatever they are called
    others = [name for name in names if name not in known]
    label = column_of(names, options.get("label"), (*_kept(like, "label"), *LABELS), "label", source, others)
    split = column_of(names, None, SPLITS, "split", source, others)
    ids = column_of(names, options.get("id"), (*_kept(like, "id"), *IDS), "id", source, others)
    if options.get("label") is None and label is None and options.get("labelled", True):
        raise SeriesError(f"{source} has the columns {_some(names)}; none is called {', '.join(LABELS[:3])} or {LABELS[3]}. Name the label with --label.")
    layout = options.get("layout") or like.get("layout") or ("long" if ids is not None and frame[ids].n_unique() < len(frame) else "rows")
    foreign = bool(like.get("value")) and not known and options.get("value") is None
    other = f"{source} has the columns {_some(names)}, but the model was fitted to the channels {_some(like.get('value', ()))}."
    if layout == "long" and ids is None and foreign:
        raise SeriesError(other)
    if layout == "long" and ids is None and not known:
        raise SeriesError(f"{source} has no column that tells its sequences apart; it has {_some(names)}. Name it with --id.")
    time = column_of(names, options.get("time"), (*_kept(like, "time"), *TIMES), "time", source, others) if layout == "long" else None
    if known and len(known) < len(like["value"]) and options.get("value") is None:
        lacking = next(name for name in like["value"] if name not in names)
        raise SeriesError(f'{source} has no column "{lacking}", which the model was fitted to; it has {_some(names)}. Name the channels with --value.')
    channels = known if known and options.get("value") is None else channel_names(names, options.get("value"), {label, split, ids, time}, source)
    if label is not None and not options.get("labelled", True) and {str(one).strip() for one in frame[label].to_list()} <= {"", "None", "nan", "?"}:
        label = None  # a column that is still to be filled
    read = _long if layout == "long" else _wide
    try:
        found = read(frame, source, row, label, split, ids, time, channels, options.get("kind"))
    except SeriesError:
        if foreign:
            raise SeriesError(other) from None
        raise
    names_channels = layout == "long" or found.channels == tuple(channels) or options.get("value") is not None  # otherwise each column is a step
    roles = {"label": label, "id": ids, "time": time, "value": list(channels) if names_channels else None, "layout": "long" if layout == "long" else None}
    return replace(found, reading=told(options, **roles))


def _kept(like: Mapping[str, Any], role: str) -> tuple[str, ...]:
    return (like[role],) if like.get(role) else ()


def told(options: Mapping[str, Any], **found: Any) -> dict[str, Any]:
    """What new data are read by as well: what was found, and what was told of text files and arrays."""
    given = {name: options.get(name) for name in ("header", "separator", "encoding", "layout")}
    return {name: value for name, value in (*given.items(), *found.items()) if value is not None}


def table_of(data: Any, source: str, options: Mapping[str, Any]) -> tuple[pl.DataFrame, str, Any]:
    """The columns, what to call them, and how to speak of a row."""
    import polars as pl

    from inorder.data.tables import read_table

    if isinstance(data, bytes) and data.startswith(PARQUET):
        try:
            return pl.read_parquet(io.BytesIO(data)), source, lambda i: f"row {i:,} (counted from 0)"
        except (pl.exceptions.PolarsError, OSError) as error:
            raise SeriesError(f"{source} is a damaged Parquet file: {str(error).splitlines()[0].rstrip('.')}.") from None
    both = {**(options.get("like") or {}), **{name: value for name, value in options.items() if value is not None}}
    reading = {name: both[name] for name in ("header", "separator", "encoding") if name in both}
    given: Any = data
    if isinstance(data, bytes):
        given = io.BytesIO(data)
        given.name = source
    table = read_table(given, Options(**reading))
    return table.columns, table.source, table.row


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def column_of(names: Sequence[str], given: Any, usual: Sequence[str], what: str, source: str, free: Sequence[str] | None = None) -> str | None:
    """The column that was named, or the one that bears a usual name.   free: those that may be taken for it; None = all."""
    if given == "none":
        return None
    if given is not None:
        if given not in names:
            raise SeriesError(f'{source} has no column "{given}" for --{what}; it has {_some(names)}.')
        return str(given)
    return next((name for word in usual for name in (names if free is None else free) if name == word or name.lower() == word), None)


def channel_names(names: Sequence[str], given: Any, taken: set[str | None], source: str) -> list[str]:
    if given is not None:
        asked = [given] if isinstance(given, str) else list(given)
        for name in asked:
            if name not in names:
                raise SeriesError(f'{source} has no column "{name}" for --value; it has {_some(names)}.')
        return asked
    found = [name for name in names if name not in taken]
    if not found:
        raise SeriesError(f"{source} has the columns {_some(names)}; none is left for the values.")
    return found


def column_numbers(frame: pl.DataFrame, name: str, source: str, row: Any) -> Floats:
    try:
        return np.asarray(to_numbers(frame[name], ("?",)).values, dtype=np.float64)
    except BadCell as error:
        raise SeriesError(f'{source}, {row(error.row)}, column "{name}": "{error.text}" is not a number. Leave the column out with --value.') from None


def _long(
    frame: pl.DataFrame, source: str, row: Any, label: str | None, split: str | None, ids: str | None, time: str | None, channels: list[str], kind: str | None
) -> Sequences:
    """One row a step; the sequences in the order of the file. Without `ids` all rows are one sequence."""
    matrix = np.stack([column_numbers(frame, name, source, row) for name in channels], axis=1)
    keys = [source] * len(frame) if ids is None else [str(one) for one in frame[ids].to_list()]
    names = list(dict.fromkeys(keys))
    if time is not None:
        order = _order(frame[time])
        frame, matrix, keys = frame[order], matrix[order], [keys[i] for i in order]
    rows: dict[str, list[int]] = {}
    for i, key in enumerate(keys):
        rows.setdefault(key, []).append(i)
    labels = None if label is None else [_one_of(frame, label, rows[name], name, source) for name in names]
    marks = None if split is None else [is_test(_one_of(frame, split, rows[name], name, source), source) for name in names]
    return Sequences.of([matrix[rows[name]] for name in names], labels, test=marks, channels=channels, ids=names, kind=kind, source=source)


def _order(times: pl.Series) -> NDArray[np.int64]:
    """The rows by their times, equal ones as they came; texts of numbers count as numbers, so that 10 comes after 9."""
    import polars as pl

    try:
        times = times if times.dtype != pl.String else times.cast(pl.Float64)
    except pl.exceptions.PolarsError:
        pass
    return pl.DataFrame({"time": times, "row": np.arange(len(times))}).sort("time", maintain_order=True)["row"].to_numpy()


def _one_of(frame: pl.DataFrame, column: str, rows: Sequence[int], name: str, source: str) -> Any:
    """What a column says of a sequence: the same in every row."""
    found = frame[column][list(rows)].unique(maintain_order=True).to_list()
    if len(found) > 1:
        raise SeriesError(f'{source}: sequence "{name}" has several values in the column "{column}": {found[0]}, {found[1]}. One a sequence was expected.')
    return found[0]


def is_test(mark: Any, source: str) -> bool:
    text = str(mark).strip().lower()
    if text not in ("train", "training", "test", "testing"):
        raise SeriesError(f'{source}: the split of a sequence is "train" or "test", not "{mark}".')
    return text.startswith("test")


def _wide(
    frame: pl.DataFrame, source: str, row: Any, label: str | None, split: str | None, ids: str | None, time: str | None, channels: list[str], kind: str | None
) -> Sequences:
    """One row a sequence: a column a step, or a list a channel."""
    lists = [name for name in channels if frame[name].dtype.is_nested()]
    names: Sequence[str] = ()
    if lists:
        names, values = lists, []
        for i in range(len(frame)):
            own = [_list(frame[name][i], f'{source}, {row(i)}, column "{name}"') for name in lists]
            if len({len(one) for one in own}) > 1:
                raise SeriesError(f"{source}, {row(i)}: the channels have {', '.join(str(len(one)) for one in own)} steps; as many each were expected.")
            values.append(np.stack(own, axis=1))
    else:
        matrix = np.stack([column_numbers(frame, name, source, row) for name in channels], axis=1)
        values = [trimmed(one[:, None]) for one in matrix]
    labels = None if label is None else frame[label].to_list()
    marks = None if split is None else [is_test(one, source) for one in frame[split].to_list()]
    own_ids = () if ids is None else [str(one) for one in frame[ids].to_list()]
    return Sequences.of(values, labels, test=marks, channels=names, ids=own_ids, kind=kind, source=source)


def _list(cell: Any, where: str) -> Floats:
    """The numbers of a cell that holds a list, a missing one as NaN."""
    if cell is None or isinstance(cell, Mapping):
        raise SeriesError(
            f"{where}: a list of numbers was expected, not {'nothing' if cell is None else 'a structure'}. Leave it out, or the column with --value."
        )
    for value in cell:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise SeriesError(f'{where}: "{value}" is not a number. Leave the column out with --value.')
    return np.array([np.nan if value is None else value for value in cell], dtype=np.float64)


def read_arrays(arrays: Mapping[str, Any], source: str, options: Mapping[str, Any]) -> Sequences:
    """The sequences of named arrays.   options: kind, layout ("channels-first": X is (examples, channels, time)).

    >>> read_arrays({"X": np.zeros((4, 10, 2)), "y": [0, 0, 1, 1]}, "x.npz", {}).describe()
    '4 sequences of 10 steps, 2 channels, 2 classes'
    """
    found = {name.lower(): array for name, array in arrays.items()}
    parts = {part: _part(found, ending, source, options) for part, ending in (("", ""), ("train", "_train"), ("test", "_test")) if f"x{ending}" in found}
    if "train" in parts and "test" in parts:
        return joined(parts["train"], parts["test"])
    if not parts:
        raise SeriesError(f"{source} holds {', '.join(arrays) or 'nothing'}; arrays called X and y, or X_train, y_train, X_test and y_test, were expected.")
    return next(iter(parts.values()))


def _part(found: Mapping[str, Any], ending: str, source: str, options: Mapping[str, Any]) -> Sequences:
    x, y, lengths = (found.get(f"{name}{ending}") for name in ("x", "y", "lengths"))
    if y is None and options.get("labelled", True):
        raise SeriesError(f"{source} holds no array y{ending} with the labels of X{ending}.")
    x = np.asarray(x)
    if x.dtype.kind not in "fiub" or x.ndim not in (2, 3):
        raise SeriesError(
            f"X{ending} of {source} has the shape {x.shape} and the kind {x.dtype}; numbers (examples, time) or (examples, time, channels) were expected."
        )
    x = x.astype(np.float64)
    if x.ndim == 2:
        x = x[:, :, None]
    elif (options.get("layout") or (options.get("like") or {}).get("layout")) == CHANNELS_FIRST:
        x = x.transpose(0, 2, 1)
    notes = [f"X is read as (examples, time, channels) = {x.shape}"] if x.shape[2] > 1 else []
    if lengths is not None and not _are_lengths(np.asarray(lengths), len(x), x.shape[1]):
        raise SeriesError(
            f"lengths{ending} of {source} does not fit X{ending}: one whole number from 0 to {x.shape[1]} for each of {len(x)} sequences was expected."
        )
    values = [trimmed(one) if lengths is None else one[: int(lengths[i])] for i, one in enumerate(x)]
    test = None if not ending else np.full(len(x), ending == "_test")
    labels = None if y is None else np.asarray(y).reshape(-1)
    return Sequences.of(
        values,
        labels,
        test=test if ending == "_test" and "x_train" not in found else None,
        kind=options.get("kind"),
        source=source,
        notes=notes,
        reading=told(options),
    )


def _are_lengths(lengths: NDArray[Any], examples: int, time: int) -> bool:
    if lengths.shape != (examples,) or lengths.dtype.kind not in "iuf":
        return False
    return bool(((lengths >= 0) & (lengths <= time) & (lengths == np.round(lengths))).all())


def read_npz(content: bytes, source: str, options: Mapping[str, Any]) -> Sequences:
    """The sequences of a file of NumPy arrays; arrays of objects are refused, since reading them would run code."""
    arrays: dict[str, NDArray[Any]] = {}
    if not content.startswith(b"PK"):
        raise SeriesError(f"{source} is a damaged NPZ file: it is no archive of arrays.")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            for name in file.files:
                arrays[name] = file[name]
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        if "pickle" in str(error).lower():
            raise SeriesError(f"{source} holds arrays of Python objects, which are not read. Pad the sequences with NaN and save X as numbers.") from None
        raise SeriesError(f"{source} is a damaged NPZ file: {error}.") from None
    return read_arrays(arrays, source, options)


def check_layout(layout: str | None) -> None:
    if layout not in (None, "long", "rows", CHANNELS_FIRST):
        raise ConfigError(f'--layout of labelled sequences is long, rows or {CHANNELS_FIRST}, not "{layout}".')
