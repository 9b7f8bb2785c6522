"""Anything with rows and columns -> one polars table that knows where each row came from.

The cells of a text file stay texts here; what they mean is decided column by column (`numerals`, `stamps`).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.files import PARQUET, read_bytes, to_text
from inorder.data.numerals import LOOKS_NUMERIC, absent, evidence
from inorder.data.options import Options
from inorder.data.stamps import CLOCK, DATED
from inorder.errors import SeriesError

if TYPE_CHECKING:
    import polars as pl

SEPARATORS = ("\t", ";", "|", ",")
SAMPLE_LINES = 100
SAMPLE_BYTES = 1 << 18


@dataclass(frozen=True)
class Table:
    """Columns as they were read, and how to speak of them.

    source: the name of the file.   frame: the kind of frame to hand back.   text: the file itself where it was text; `skipped` rows stand above the first data row.
    origin: (rows,) where each row stood before empty ones were left out.   comma: whether "," seems to be the decimal mark of the file.
    """

    columns: pl.DataFrame
    source: str
    frame: str = "polars"
    notes: tuple[str, ...] = ()
    text: bytes | None = field(default=None, repr=False)
    separator: str = ","
    skipped: int = 0
    comma: bool = False
    origin: NDArray[np.int64] | None = field(default=None, repr=False)

    def row(self, i: int) -> str:
        """How to speak of row `i`: in a text file the line that an editor shows, else the position from 0."""
        i = i if self.origin is None else int(self.origin[i])
        if self.text is None:
            return f"row {i:,} (counted from 0)"
        if b'"' not in self.text:
            return f"row {self.skipped + i + 1:,}"
        lines = csv.reader(io.StringIO(self.text.decode(), newline=""), delimiter=self.separator)
        begin = 1
        for k, _ in enumerate(lines):
            if k == self.skipped + i:
                break
            begin = lines.line_num + 1
        return f"row {begin:,}"

    def refuse(self, row: int, column: str, cell: str, expected: str, remedy: str = "") -> SeriesError:
        """The error for one cell."""
        shown = cell if len(cell) <= 60 else cell[:57] + "…"
        return SeriesError(f'{self.source}, {self.row(row)}, column "{column}": "{shown}" is not {expected}.{" " + remedy if remedy else ""}')


def read_table(data: Any, options: Options) -> Table:
    """A path, "-", a sample's name, an open file, a frame, a dictionary of columns or a pandas or polars Series as a table."""
    import polars as pl

    if isinstance(data, str | Path) or hasattr(data, "read"):
        content, source = read_bytes(data)
        if content.startswith(PARQUET):
            try:
                return Table(pl.read_parquet(io.BytesIO(content)), source)
            except (pl.exceptions.PolarsError, OSError) as error:
                raise SeriesError(f"{source} is a damaged Parquet file: {str(error).splitlines()[0].rstrip('.')}.") from None
        return _text_table(content, source, options)
    for option in ("header", "separator", "encoding"):
        if getattr(options, option) is not None:
            raise SeriesError(f"`{option}` is about text files; {type(data).__name__} is none.")
    if isinstance(data, dict):
        try:
            data = pl.DataFrame(data)
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            raise SeriesError(f"The dictionary is no table of columns: {str(error).splitlines()[0]}.") from None
    return _frame_table(data)


def _text_table(content: bytes, source: str, options: Options) -> Table:
    text, notes = to_text(content, source, options.encoding)
    text, comments = _without_comments(text)
    lines = text[:SAMPLE_BYTES].decode(errors="ignore").splitlines()[: SAMPLE_LINES + 1]
    separator = options.separator or _separator([line for line in lines if line.strip()])
    if separator == " ":
        text, separator = re.sub(rb"[ \t]+", b"\t", re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", text)), "\t"
        lines = [re.sub(r"\s+", "\t", line.strip()) for line in lines]
    records = [record for record in csv.reader(io.StringIO("\n".join(lines)), delimiter=separator) if any(cell.strip() for cell in record)]
    header = _is_header(records) if options.header is None else options.header
    columns, names = _columns(text, source, separator, header)
    if header and len(columns) == 0:
        raise SeriesError(f"{source} has a header ({', '.join(names[:6])}) and no rows.")
    if not header and options.header is None:
        notes.append(f"no header: the columns are called {names[0]}" + (f" to {names[-1]}" if len(names) > 1 else "") + " (--header if the first row names them)")
    comma = separator != "," and any(_has_decimal_comma(column) for column in columns.iter_columns())
    if comments:
        notes.append(f'{comments} line{"s" * (comments > 1)} beginning with "#" left out')
    return Table(columns, source, notes=tuple(notes), text=text, separator=separator, skipped=int(header) + _blank_lines(text), comma=comma)


def _without_comments(text: bytes) -> tuple[bytes, int]:
    """Lines above the table that begin with "#" become blank, so that the others keep their numbers."""
    count, end = 0, 0
    while text.startswith(b"#", end):
        stop = text.find(b"\n", end)
        stop = len(text) if stop < 0 else stop + 1
        count, end = count + 1, stop
    return (b"\n" * count + text[end:], count) if count else (text, 0)


def _blank_lines(text: bytes) -> int:
    """Blank lines above the first row."""
    begin = text[: len(text) - len(text.lstrip(b"\r\n \t"))]
    return begin.count(b"\n")


def _separator(lines: Sequence[str]) -> str:
    """The separator that divides most lines into the same number of fields, more than one; "," for a single column."""
    best, score = ",", 0.0
    for separator in SEPARATORS:
        counts = Counter(len(fields) for fields in csv.reader(lines, delimiter=separator))
        fields, times = counts.most_common(1)[0]
        share = times / sum(counts.values())
        if fields > 1 and share > score + 0.05:  # the earlier one wins where both divide well
            best, score = separator, share
    if best == "," and len(lines) > 1 and _one_decimal_column(lines):
        return ";"
    if score == 0 and len({len(line.split()) for line in lines}) == 1 and len(lines[0].split()) > 1 and _ends_in_numbers(lines[1:] or lines):
        return " "
    return best


def _one_decimal_column(lines: Sequence[str]) -> bool:
    """A name, and below it only numbers such as 12,5: one column with decimal commas."""
    return "," not in lines[0] and all(re.fullmatch(r"\s*[-+]?\d+(,\d+)?\s*", line) for line in lines[1:])


def _ends_in_numbers(lines: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[-+.\d]\S*|[Nn][Aa][Nn]?|\?", line.split()[-1]) for line in lines)


def _is_header(records: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: a cell of it is neither a number nor a date where the cells below are, or all is text."""
    import polars as pl

    if len(records) == 1:
        return not any(_data_like(pl.Series(records[0], dtype=pl.String)).to_list())
    first, rest = records[0], records[1:]
    named = _data_like(pl.Series(first, dtype=pl.String)).to_list()
    any_data = False
    for i, is_data in enumerate(named):
        below = pl.Series([record[i] for record in rest if i < len(record) and record[i].strip()], dtype=pl.String)
        like = bool(len(below)) and float(_data_like(below).mean() or 0.0) > 0.5  # type: ignore[arg-type]
        if like and not is_data and first[i].strip():
            return True
        any_data |= is_data and bool(first[i].strip())
    return not any_data


def _data_like(texts: pl.Series) -> pl.Series:
    bare = texts.str.strip_chars()
    return bare.str.contains(LOOKS_NUMERIC + r"[\d.,   ']*(?:[eE][-+]?\d+)?\s?\S{0,3}$") | bare.str.contains(DATED) | bare.str.contains(CLOCK) | absent(bare)


def _columns(text: bytes, source: str, separator: str, header: bool) -> tuple[pl.DataFrame, list[str]]:
    """All cells as texts, under the names of the header or column_1, column_2, …"""
    import polars as pl

    body = text.lstrip(b"\r\n \t") if separator != "\t" else text.lstrip(b"\r\n")
    try:
        table = pl.read_csv(body, has_header=False, infer_schema=False, separator=separator, quote_char='"')
    except pl.exceptions.PolarsError:
        table = _slow_table(body, text, source, separator)
    else:
        if table.width > 1 and table[-1, 0] is not None and table[table.columns[-1]].null_count():
            _check_fields(body, text, source, separator, table.width)
    names = [f"column_{i + 1}" for i in range(table.width)]
    if header:
        named = [(table[name][0] or "").strip() for name in table.columns]
        names = _checked_names([name or f"column_{i + 1}" for i, name in enumerate(named)], source)
        table = table.slice(1)
    table.columns = names
    if table.width > 1 and header and not named[-1] and table[names[-1]].null_count() == len(table):
        table = table.drop(names.pop())  # a separator at the end of each row
    return table, names


def _records(body: bytes, separator: str, offset: int) -> list[tuple[int, list[str]]]:
    """Every record with the line where it begins."""
    lines = csv.reader(io.StringIO(body.decode(), newline=""), delimiter=separator, skipinitialspace=separator != "\t")
    found, begin = [], 1
    for record in lines:
        found.append((offset + begin, record))
        begin = lines.line_num + 1
    return found


def _check_fields(body: bytes, text: bytes, source: str, separator: str, width: int) -> None:
    """SeriesError for the first row with another number of fields."""
    offset = text[: len(text) - len(body)].count(b"\n")
    for line, record in _records(body, separator, offset):
        if len(record) != width and any(cell.strip() for cell in record):
            raise _ragged(source, separator, line, len(record), width)


def _ragged(source: str, separator: str, line: int, fields: int, width: int) -> SeriesError:
    name = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}.get(separator, f'"{separator}"')
    hint = " Is the comma a decimal mark? Separate the fields with semicolons, or put the numbers in quotes." if separator == "," and fields > width else " Complete or remove this row."
    return SeriesError(f"{source}, row {line:,} has {fields} field{'s' * (fields != 1)} between {name}, the first row has {width}.{hint}")


def _slow_table(body: bytes, text: bytes, source: str, separator: str) -> pl.DataFrame:
    """Row by row, for what the fast reader refuses: the row that does not fit is named, or read where it can be."""
    import polars as pl

    offset = text[: len(text) - len(body)].count(b"\n")
    try:
        records = _records(body, separator, offset)
    except csv.Error as error:
        raise SeriesError(f"{source} cannot be divided into fields: {error}. Is a quotation mark left open?") from None
    rows = [(line, record) for line, record in records if any(cell.strip() for cell in record)]
    width = len(rows[0][1])
    widths = Counter(len(record) for _, record in rows[1:])
    if set(widths) == {width + 1}:
        if all(record[-1].strip() == "" for _, record in rows[1:]):
            rows = [(line, record[:width]) for line, record in rows]  # a separator at the end of each row but the first
        else:
            rows[0] = (rows[0][0], ["row", *rows[0][1]])  # the first column has no name
            width += 1
    for line, record in rows:
        if len(record) != width:
            raise _ragged(source, separator, line, len(record), width)
    blank: list[str] = [""] * width
    kept = iter(record for _, record in rows)
    cells = [next(kept) if any(cell.strip() for cell in record) else blank for _, record in records]
    return pl.DataFrame({f"column_{i}": pl.Series([record[i] or None for record in cells], dtype=pl.String) for i in range(width)})


def _checked_names(names: list[str], source: str) -> list[str]:
    for name, count in Counter(names).items():
        if count > 1:
            places = [i + 1 for i, other in enumerate(names) if other == name]
            raise SeriesError(f'{source} has {count} columns called "{name}" (columns {", ".join(map(str, places))}). Give each its own name.')
    return names


def _has_decimal_comma(column: pl.Series) -> bool:
    commas = column.str.contains(r"\d,\d").fill_null(False)
    return bool(commas.any()) and evidence(column.filter(commas)) in (",", None)


def _frame_table(data: Any) -> Table:
    """A frame or Series of pandas, polars or another library that narwhals knows."""
    import polars as pl

    if type(data).__module__.partition(".")[0] == "pandas":
        return Table(_from_pandas(data), f"the pandas {type(data).__name__}", frame="pandas")
    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if isinstance(data, pl.Series):
        data = data.to_frame(data.name or "y")
    if not isinstance(data, pl.DataFrame):
        import narwhals as nw

        try:
            data = nw.from_native(data, eager_only=True).to_polars()
        except TypeError:
            raise SeriesError(f"A series is read from a file, a frame (pandas, polars) or an array of numbers, not from {type(data).__name__}.") from None
    return Table(data, "the polars frame")


def _from_pandas(data: Any) -> pl.DataFrame:
    """Column by column and without pyarrow; an index that says something becomes columns."""
    import pandas as pd
    import polars as pl

    if isinstance(data, pd.Series):
        data = data.to_frame(data.name if data.name is not None else "y")
    if isinstance(data.columns, pd.MultiIndex):
        data = data.set_axis(["/".join(map(str, name)) for name in data.columns], axis=1)
    if not isinstance(data.index, pd.RangeIndex) or data.index.name is not None:
        unnamed = "time" if isinstance(data.index, pd.DatetimeIndex | pd.PeriodIndex) else "index"
        data = data.reset_index(names=[name if name is not None else (unnamed if i == 0 else f"index_{i}") for i, name in enumerate(data.index.names)])
    names = _checked_names([str(name) for name in data.columns], "the pandas frame")
    return pl.DataFrame([_pandas_series(name, data.iloc[:, i]) for i, name in enumerate(names)])


def _pandas_series(name: str, column: Any) -> pl.Series:
    import pandas as pd
    import polars as pl

    kind = column.dtype
    if isinstance(kind, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    elif isinstance(kind, pd.CategoricalDtype):
        column = column.astype(kind.categories.dtype)
    kind = column.dtype
    if isinstance(kind, pd.DatetimeTZDtype):
        utc = pl.Series(name, column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]"))
        return utc.dt.replace_time_zone("UTC").dt.convert_time_zone(str(kind.tz))
    if kind.kind == "M":
        return pl.Series(name, column.to_numpy().astype("datetime64[us]"))
    if kind.kind in "iufb" and not column.hasnans:
        return pl.Series(name, column.to_numpy(dtype=kind.numpy_dtype if hasattr(kind, "numpy_dtype") else kind))
    if kind.kind in "iufb":
        return pl.Series(name, column.to_numpy(dtype="float64", na_value=float("nan")))
    cells = [None if pd.isna(cell) is True else cell for cell in column.to_list()]
    try:
        return pl.Series(name, cells, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(name, [None if cell is None else str(cell) for cell in cells], dtype=pl.String)
