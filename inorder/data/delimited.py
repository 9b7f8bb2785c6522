"""Separated text -> a table of texts: which separator, whether there is a header, which row does not fit.

The fast path is one call of polars. Only where that refuses a file is it read record by record, to name the row.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

import numpy as np

from inorder.data.files import to_text
from inorder.data.headings import data_like, without_titles
from inorder.data.layouts import FEWEST, are_dates
from inorder.data.marks import evidence
from inorder.data.numerals import NUMERIC
from inorder.data.options import Options
from inorder.data.tables import Table, checked_names
from inorder.errors import SeriesError

if TYPE_CHECKING:
    import polars as pl

SEPARATORS = ("\t", ";", "|", ",")
SAMPLE_LINES = 100
SAMPLE_BYTES = 1 << 18
BLANK = re.compile(rb"(?:(?:[ \t\r\v\f]|\xc2\xa0)*\n)*")  # lines of UTF-8 that show nothing


def text_table(content: bytes, source: str, options: Options) -> Table:
    """The cells of separated text, as texts, under the names of its header."""
    text, notes = to_text(content, source, options.encoding)
    text, comments = _without_comments(text)
    blank = BLANK.match(text).group()  # type: ignore[union-attr]
    sample = text[len(blank) : len(blank) + SAMPLE_BYTES]
    lines = sample.decode(errors="ignore").splitlines()
    if not any(line.strip() for line in lines):
        raise SeriesError(f"{source} holds no row. A time column and a value column were expected{f', below {comments} comments' if comments else ''}.")
    lines = (lines[:-1] if len(text) > len(blank) + SAMPLE_BYTES and len(lines) > 1 else lines)[: SAMPLE_LINES + 1]
    lines = [""] * blank.count(b"\n") + lines
    separator = options.separator
    if separator is None and (told := re.match(r'(?i)"?sep=(.)"?\s*$', lines[0])):  # a line that Excel writes and reads
        separator, lines = told.group(1), ["", *lines[1:]]
        text = text[text.find(b"\n") :]
    separator = separator or separator_of([line for line in lines if line.strip()])
    if separator != " ":
        text, above, titles = without_titles(text, lines, separator)
        lines, notes = lines[above:], [*notes, *titles]
    if separator == " ":
        text, separator = re.sub(rb"[ \t]+", b"\t", re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", text)), "\t"
        lines = [re.sub(r"\s+", "\t", line.strip()) for line in lines]
    records = [record for record in csv.reader(io.StringIO("\n".join(lines)), delimiter=separator) if any(cell.strip() for cell in record)]
    header = _is_header(records) if options.header is None else options.header
    columns, names = _columns(text, source, separator, header)
    if header and len(columns) == 0:
        raise SeriesError(f"{source} has a header ({', '.join(names[:6])}) and no rows.")
    if not header and options.header is None:
        called = f"columns are called {names[0]} to {names[-1]}" if len(names) > 1 else f"column is called {names[0]}"
        notes.append(f"no header: the {called} (--header if the first row names them)")
    mark = "," if separator != "," and any(_has_decimal_comma(column) for column in columns.iter_columns()) else None
    if comments:
        notes.append(f'{comments} line{"s" * (comments > 1)} beginning with "#" left out')
    return Table(columns, source, notes=tuple(notes), text=text, separator=separator, skipped=int(header) + _blank_lines(text), mark=mark, named=header)


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


def separator_of(lines: Sequence[str]) -> str:
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
    widths = {len(line.split()) for line in lines[1:] or lines}
    if score == 0 and len(widths) == 1 and max(widths) > 1 and len(lines[0].split()) in (max(widths), max(widths) - 1) and _ends_in_numbers(lines[1:] or lines):
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

    first, rest = records[0], records[1:]
    named = data_like(pl.Series(first, dtype=pl.String)).to_list()
    if not rest:
        return not any(named)
    if len(first) > 1 and not first[0].strip() and all(record[0].strip() for record in rest):
        return True  # an empty corner above row names
    texts = len(list(takewhile(lambda is_data: not is_data, named)))
    stamps = [cell.strip() for cell in first[texts:]]
    if texts and len(stamps) >= FEWEST and are_dates(stamps) and all(a < b for a, b in pairwise(stamps)):
        return True  # years or dates above the values of a series in each row
    any_data = False
    for i, is_data in enumerate(named):
        below = pl.Series([record[i] for record in rest if i < len(record) and record[i].strip()], dtype=pl.String)
        like = bool(len(below)) and float(data_like(below).mean() or 0.0) > 0.95  # type: ignore[arg-type]
        if like and not is_data and first[i].strip():
            return True
        any_data |= is_data and bool(first[i].strip())
    return not any_data


def _columns(text: bytes, source: str, separator: str, header: bool) -> tuple[pl.DataFrame, list[str]]:
    """All cells as texts, under the names of the header or column_1, column_2, …"""
    import polars as pl

    body = text.lstrip(b"\r\n \t") if separator != "\t" else text.lstrip(b"\r\n")
    try:
        table = pl.read_csv(body, has_header=False, infer_schema=False, separator=separator, quote_char='"')
    except pl.exceptions.PolarsError:
        table = _slow_table(body, text, source, separator)
    else:
        if table.width > 1 and table[table.columns[-1]].null_count():
            _check_fields(body, text, source, separator, table.width)
    names = [f"column_{i + 1}" for i in range(table.width)]
    if header:
        named = [(table[name][0] or "").strip() for name in table.columns]
        names = checked_names([name or f"column_{i + 1}" for i, name in enumerate(named)], source)
        table = table.slice(1)
    table.columns = names
    if table.width > 1 and header and not named[-1] and table[names[-1]].null_count() == len(table):
        table = table.drop(names.pop())  # a separator at the end of each row
    return table, names


def _records(body: bytes, separator: str, offset: int) -> Iterator[tuple[int, list[str]]]:
    """Every record with the line where it begins."""
    lines = csv.reader(io.StringIO(body.decode(), newline=""), delimiter=separator, skipinitialspace=separator != "\t")
    begin = 1
    for record in lines:
        yield offset + begin, record
        begin = lines.line_num + 1


def _check_fields(body: bytes, text: bytes, source: str, separator: str, width: int) -> None:
    """SeriesError for the first row with another number of fields."""
    offset = text[: len(text) - len(body)].count(b"\n")
    if b'"' not in body and not _short_lines(body, separator, width):
        return
    for line, record in _records(body, separator, offset):
        if len(record) != width and any(cell.strip() for cell in record):
            raise _ragged(source, separator, line, len(record), width)


def _short_lines(body: bytes, separator: str, width: int) -> bool:
    """Whether a line that is not blank has fewer separators than the others; for text without quotation marks."""
    characters = np.frombuffer(body.rstrip(b"\r\n") + b"\n", np.uint8)
    ends = np.flatnonzero(characters == 10)
    before = np.searchsorted(np.flatnonzero(characters == ord(separator)), ends)
    blank = np.diff(ends, prepend=-1) <= 2  # nothing, or a carriage return
    return bool(((np.diff(before, prepend=0) != width - 1) & ~blank).any())


def _ragged(source: str, separator: str, line: int, fields: int, width: int) -> SeriesError:
    name = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}.get(separator, f'"{separator}"')
    hint = (
        " Is the comma a decimal mark? Separate the fields with semicolons, or put the numbers in quotes."
        if separator == "," and fields > width
        else " Complete or remove this row."
    )
    return SeriesError(f"{source}, row {line:,} has {fields} field{'s' * (fields != 1)} between {name}, the first row has {width}.{hint}")


def _slow_table(body: bytes, text: bytes, source: str, separator: str) -> pl.DataFrame:
    """Row by row, for what the fast reader refuses: the row that does not fit is named, or read where it can be."""
    import polars as pl

    offset = text[: len(text) - len(body)].count(b"\n")
    try:
        records = list(_records(body, separator, offset))
    except csv.Error as error:
        raise SeriesError(f"{source} cannot be divided into fields: {error}. Is a quotation mark left open?") from None
    rows = [(line, record) for line, record in records if any(cell.strip() for cell in record)]
    width = len(rows[0][1])
    widths = Counter(len(record) for _, record in rows[1:])
    if set(widths) == {width + 1} and all(record[-1].strip() == "" for _, record in rows[1:]):
        rows = [(line, record[:width]) for line, record in rows]  # a separator at the end of each row but the first
    elif set(widths) == {width + 1} and separator != ",":  # where it is a comma, it could be a decimal mark
        rows[0] = (rows[0][0], ["row", *rows[0][1]])  # the first column has no name
        width += 1
    for line, record in rows:
        if len(record) != width:
            raise _ragged(source, separator, line, len(record), width)
    blank: list[str] = [""] * width
    kept = iter(record for _, record in rows)
    cells = [next(kept) if any(cell.strip() for cell in record) else blank for _, record in records]
    return pl.DataFrame({f"column_{i}": pl.Series([record[i] or None for record in cells], dtype=pl.String) for i in range(width)})


def _has_decimal_comma(column: pl.Series) -> bool:
    commas = column.filter(column.str.contains(r"\d,\d").fill_null(False))
    return len(commas) > 0 and bool(commas.str.strip_chars().str.contains(NUMERIC).all()) and evidence(commas) == ","
