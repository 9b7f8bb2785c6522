"""Tables that are wider than one stamp a row: years by months, and a whole series in each row.

YEAR JAN FEB …          id   2001 2002 2003 …          id   V2 V3 V4 …
1950  23  24 …          A       5    6    7 …          H1   605 586 586 …
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from inorder.data.dates import DATED
from inorder.data.months import NUMBERS
from inorder.data.roles import Roles, left_out
from inorder.data.stamps import DATED_YEARS

if TYPE_CHECKING:
    import polars as pl

FEWEST = 4  # columns that must be stamps before each row is taken for a series


def month_table(columns: pl.DataFrame, kinds: dict[str, str]) -> Roles | None:
    """A year in each row and its months or quarters in columns."""
    import polars as pl

    year, *others = columns.columns
    if kinds[year] != "whole":
        return None
    numbers = columns[year].cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False).drop_nulls()
    if len(numbers) == 0 or numbers.min() < 1000 or numbers.max() > 2999:  # type: ignore[operator]
        return None
    by_month: dict[int, str] = {}
    quarters: dict[int, str] = {}
    for name in others:
        low = name.lower().strip()
        if (number := NUMBERS.get(low.removesuffix("."))) is not None:
            by_month.setdefault(number - 1, name)
        elif match := re.fullmatch(r"(?:m|month[ _]?)?(\d{1,2})", low):
            by_month.setdefault(int(match.group(1)) - 1, name)
        elif match := re.fullmatch(r"(?:q|qtr|quarter)[ _]?([1-4])|([1-4])q", low):
            quarters.setdefault(int(match.group(1) or match.group(2)) - 1, name)
    for found, count in ((by_month, 12), (quarters, 4)):
        if sorted(found) == list(range(count)):
            cells = tuple(found[i] for i in range(count))
            left = [name for name in others if name not in cells]
            notes = [f"one series of {'months' if count == 12 else 'quarters'}, a year in each row"]
            return Roles((), (year,), cells, across="months", notes=(*notes, *left_out(left, kinds)))
    return None


def row_table(columns: pl.DataFrame, kinds: dict[str, str], id: Sequence[str], sure: bool) -> Roles | None:
    """A series in each row: texts that name it, and columns whose names are stamps or numbers that go up by one.   sure: the layout was told."""
    cells = [name for name in columns.columns if name not in id and kinds[name] in ("whole", "number", "flag", "empty")]
    texts = [name for name in columns.columns if name not in id and kinds[name] == "text"]
    if len(cells) < (1 if sure else FEWEST) or not (sure or _stamps_or_numbers(cells)):
        return None
    names = list(id)
    for name in [] if id else texts:
        names.append(name)
        if columns.select(names).n_unique() == len(columns):
            break
    if not names and columns.columns[0] == cells[0] and not _stamps_or_numbers(cells):  # a numbered first column
        names, cells = cells[:1], cells[1:]
    if not names or columns.select(names).n_unique() < len(columns):
        return None
    rest = [name for name in columns.columns if name not in (*names, *cells)]
    note = f"each row is a series, from the column {cells[0]} to {cells[-1]} (--layout wide to change)"
    return Roles(tuple(names), (), tuple(cells), across="rows", notes=(note, *left_out(rest, kinds)))


def _stamps_or_numbers(names: Sequence[str]) -> bool:
    """Whether names are dates, years or numbers behind one common beginning, that go up by one."""
    if are_dates(names):
        return True
    numbered = [re.fullmatch(r"(.*?)(\d+)", name) for name in names]
    if any(match is None for match in numbered) or len({match.group(1) for match in numbered if match}) > 1:
        return False
    return all(b == a + 1 for a, b in pairwise(int(match.group(2)) for match in numbered if match))


def are_dates(names: Sequence[str]) -> bool:
    """Whether names of columns are dates or years."""
    import polars as pl

    if all(re.fullmatch(r"\d{4}", name) and DATED_YEARS[0] <= int(name) <= DATED_YEARS[1] for name in names):
        return True
    return bool(pl.Series(names).str.contains(DATED).all())
