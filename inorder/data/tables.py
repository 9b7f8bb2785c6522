"""Anything with rows and columns -> one polars table that knows where each row came from.

The cells of a text file stay texts here (`delimited`); what they mean is decided column by column (`numerals`, `stamps`).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.files import PARQUET, read_bytes
from inorder.data.options import Options
from inorder.errors import SeriesError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Table:
    """Columns as they were read, and how to speak of them.

    source: the name of the file.   frame: the kind of frame to hand back.
    text: the file itself where it was text; `skipped` rows stand above the first data row.
    origin: (rows,) where each row stood before empty ones were left out.   mark: the decimal mark that its numbers, or those read before, prove.
    named: whether the columns have names of their own: a header, a named Series.
    """

    columns: pl.DataFrame
    source: str
    frame: str = "polars"
    notes: tuple[str, ...] = ()
    text: bytes | None = field(default=None, repr=False)
    separator: str = ","
    skipped: int = 0
    mark: str | None = None
    named: bool = True
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

    def rows(self, i: int, j: int) -> str:
        """How to speak of two rows."""
        if self.text is None:
            i, j = (i, j) if self.origin is None else (int(self.origin[i]), int(self.origin[j]))
            return f"rows {i:,} and {j:,}, counted from 0"
        return f"rows {self.row(i).removeprefix('row ')} and {self.row(j).removeprefix('row ')}"

    def refuse(self, row: int, column: str, cell: str, expected: str, remedy: str = "") -> SeriesError:
        """The error for one cell."""
        shown = cell if len(cell) <= 60 else cell[:57] + "…"
        return SeriesError(f'{self.source}, {self.row(row)}, column "{column}": "{shown}" is not {expected}.{" " + remedy if remedy else ""}')


def read_table(data: Any, options: Options) -> Table:
    """A path, "-", a sample's name, an open file, a frame, a dictionary of columns or a pandas or polars Series as a table."""
    import polars as pl

    from inorder.data.delimited import text_table

    if isinstance(data, str | Path) or hasattr(data, "read"):
        content, source = read_bytes(data)
        if content.startswith(PARQUET):
            try:
                return Table(_flat(pl.read_parquet(io.BytesIO(content))), source)
            except (pl.exceptions.PolarsError, OSError) as error:
                raise SeriesError(f"{source} is a damaged Parquet file: {str(error).splitlines()[0].rstrip('.')}.") from None
        return text_table(content, source, options)
    for option in ("header", "separator", "encoding"):
        if getattr(options, option) is not None:
            raise SeriesError(f"`{option}` is about text files; {type(data).__name__} is none.")
    if isinstance(data, dict):
        try:
            data = pl.DataFrame(data)
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            raise SeriesError(f"The dictionary is no table of columns: {str(error).splitlines()[0]}.") from None
    return _frame_table(data)


def checked_names(names: list[str], source: str) -> list[str]:
    for name, count in Counter(names).items():
        if count > 1:
            places = [i + 1 for i, other in enumerate(names) if other == name]
            raise SeriesError(f'{source} has {count} columns called "{name}" (columns {", ".join(map(str, places))}). Give each its own name.')
    return names


def _frame_table(data: Any) -> Table:
    """A frame or Series of pandas, polars or another library that narwhals knows."""
    import polars as pl

    named = not hasattr(data, "to_frame") or getattr(data, "name", None) not in (None, "")  # a frame, or a Series with a name
    if type(data).__module__.partition(".")[0] == "pandas":
        return Table(_flat(_from_pandas(data)), f"the pandas {type(data).__name__}", frame="pandas", named=named)
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
    return Table(_flat(data), "the polars frame", named=named)


def _flat(columns: pl.DataFrame) -> pl.DataFrame:
    """Lists, structures, bytes and objects as texts, so that every column can be compared and spoken of."""
    import polars as pl

    strange = [column for column in columns.iter_columns() if column.dtype.is_nested() or column.dtype in (pl.Object, pl.Binary)]
    return columns.with_columns(
        pl.Series(column.name, [None if cell is None else str(cell) for cell in column.to_list()], dtype=pl.String) for column in strange
    )


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
    names = checked_names([str(name) for name in data.columns], "the pandas frame")
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
