"""Rows above a table that are no part of it: a title, a line below it, empty rows.

Umsatzbericht 2024;;         a title, filled up to the width of the table
                             an empty row
Monat;Umsatz;Kosten          the header
2024-01;12;7
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from inorder.data.dates import CLOCK, DATED
from inorder.data.numerals import NUMERIC, absent

if TYPE_CHECKING:
    import polars as pl

MOST = 12  # rows above a table, at most
CONSISTENT = 0.9  # share of the rows below that have the fields of the table


def without_titles(text: bytes, lines: Sequence[str], separator: str) -> tuple[bytes, int, list[str]]:
    """The text with the rows above the table blank, so that the others keep their numbers; how many lines of `lines` those are; and a note.

    lines: the first lines of the text.
    """
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=separator)
    records, ends = [], []
    for record in reader:
        records.append([cell.strip() for cell in record])
        ends.append(reader.line_num)
    begin = _first_of_table(records, separator)
    if begin == 0:
        return text, 0, []
    above = ends[begin - 1]
    end = 0
    for _ in range(above):
        end = text.find(b"\n", end) + 1
    titles = [(ends[i - 1] + 1 if i else 1, " ".join(cell for cell in record if cell)) for i, record in enumerate(records[:begin]) if any(record)]
    notes = [f'row {line} skipped: a title ("{title if len(title) <= 60 else title[:57] + "…"}")' for line, title in titles]
    return b"\n" * above + text[end:], above, notes


def _first_of_table(records: Sequence[Sequence[str]], separator: str) -> int:
    """The place of the first row of the table: 0 where nothing stands above it."""
    widths = Counter(len(record) for record in records[min(MOST, len(records) // 2) :] if any(record))
    if not widths or (width := widths.most_common(1)[0][0]) < 2:
        return 0
    place = next((i for i, record in enumerate(records[: MOST + 1]) if len(record) >= width and _filled(record) > 1), 0)
    below = [record for record in records[place:] if any(record)]
    if sum(len(record) >= width for record in below) < CONSISTENT * len(below):
        return 0
    above = [record for record in records[:place] if any(record)]
    if not above or all(_is_title(record, records[place], width, separator) for record in above):
        return place
    return 0


def _is_title(record: Sequence[str], header: Sequence[str], width: int, separator: str) -> bool:
    """Whether a row is no part of the table that begins with `header`: one field is filled, or fewer than in a row of names below it."""
    import polars as pl

    named = not any(data_like(pl.Series([cell for cell in header if cell], dtype=pl.String)))
    if _filled(record) > 1:
        return named and len(record) < width and _filled(record) < _filled(header)
    if len(record) == width:  # filled up; without names below it, it may be a header or a row with a missing value
        return named
    return named or width > 2 or separator == ","  # else the first column may have no name: see `delimited`


def _filled(record: Sequence[str]) -> int:
    return sum(bool(cell) for cell in record)


def data_like(texts: pl.Series) -> pl.Series:
    """Which texts are a number, a date, a time of day or missing."""
    bare = texts.str.strip_chars()
    return bare.str.contains(NUMERIC) | bare.str.contains(DATED) | bare.str.contains(CLOCK) | absent(bare)
