"""Separated text -> rows of cells that stay exactly as they were written, for texts: nothing is refused, everything odd is counted.

    quotation marks     as RFC 4180 has them; where a line breaks that rule, or a quote never closes, its marks are taken as they are.
                        In text separated by tabs they are taken as they are unless every cell that has any follows the rule
    too many cells      the surplus separators belong to the column of free text
    too few cells       the others are empty

The table of numbers (`delimited`) refuses such rows instead: there a shifted cell is a wrong number.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inorder.data.delimited import SEPARATORS, separator_of

LONGEST_CELL = 1000  # lines; a quote that has not closed by then never does
SAMPLE = 100  # lines to find the separator by
WHOLE = re.compile(r'"(?:[^"]|"")*"')


@dataclass(frozen=True, eq=False)
class Rows:
    """Cells row by row.

    numbers: the line where each row begins.   separator: between cells.   broken: lines whose quotation marks were taken as they are, against the rule.
    blank: lines between rows that hold nothing.   literal: whether all marks were taken as they are.
    """

    rows: list[list[str]]
    numbers: list[int]
    separator: str
    broken: tuple[int, ...] = ()
    blank: int = 0
    literal: bool = False

    @property
    def width(self) -> int:
        """The number of cells that most rows have."""
        return Counter(map(len, self.rows)).most_common(1)[0][0] if self.rows else 0

    def notes(self) -> list[str]:
        """What was odd."""
        found = []
        if self.broken:
            count = len(self.broken)
            found.append(f"quotation marks of {count:,} line{'s' * (count > 1)} never close or stand inside a cell, and were taken as they are")
            found[-1] += f" (the first: line {self.broken[0]:,})"
        if self.literal and (count := sum('"' in cell for row in self.rows for cell in row)):
            found.append(f"quotation marks of {count:,} cell{'s' * (count > 1)} were taken as they are")
        if self.blank:
            found.append(f"{self.blank:,} blank line{'s' * (self.blank > 1)} left out")
        return found


def rows_of(text: str, name: str, separator: str | None = None) -> Rows:
    """The rows of separated text.   separator: as told; None = by the ending of the name, or what divides most lines alike.

    >>> rows_of('label,text\\n1,"a, b"\\n0,"never closed\\n', "x.csv").rows
    [['label', 'text'], ['1', 'a, b'], ['0', '"never closed']]
    """
    lines = text.split("\n")
    if separator is None:
        first = [line for line in lines[: 10 * SAMPLE] if line.strip()][:SAMPLE]
        tabs = sum("\t" in line for line in first)
        separator = "\t" if tabs * 2 > len(first) else _by_header(first) or (separator_of([line[:1000].replace("\r", " ") for line in first]) if first else ",")
        separator = "," if separator == " " else separator
    literal = '"' not in text or (separator == "\t" and not _follow_the_rule(lines))
    rows, numbers, broken, blank, i = [], [], [], 0, 0
    while i < len(lines):
        line = lines[i]
        if not line.strip(" ") and not (separator != "\t" and line):
            blank += i + 1 < len(lines)
            i += 1
            continue
        row, used = (line.split(separator), 1) if literal or '"' not in line else _quoted(lines, i, separator)
        if not used:
            broken.append(i + 1)
            row, used = line.split(separator), 1
        rows.append(row)
        numbers.append(i + 1)
        i += used
    return Rows(rows, numbers, separator, tuple(broken), blank, literal and '"' in text)


def _by_header(lines: Sequence[str]) -> str | None:
    """The separator of a first line of a few plain words, such as text,label: commas inside texts below say less."""
    for separator in SEPARATORS:
        names = lines[0].split(separator) if lines else []
        if 1 < len(names) <= 40 and all(re.fullmatch(r'\s*"?[\w.-]{1,40}"?\s*', name) for name in names) and all(separator in line for line in lines[1:]):
            return separator
    return None


def _follow_the_rule(lines: Sequence[str]) -> bool:
    """Whether every cell with quotation marks, of lines cut at tabs, is wrapped in them and doubles those inside, and some do."""
    doubled = False
    for line in lines:
        if '"' in line:
            for cell in line.split("\t"):
                if '"' in cell:
                    if not WHOLE.fullmatch(cell):
                        return False
                    doubled |= '""' in cell[1:-1]
    return doubled


def _quoted(lines: Sequence[str], begin: int, separator: str) -> tuple[list[str], int]:
    """The row that begins in this line, and how many lines it takes; none where its marks break the rule."""

    def feed() -> Iterator[str]:
        for line in lines[begin : begin + LONGEST_CELL]:
            yield line + "\n"

    limit = csv.field_size_limit(1 << 30)  # the library's own limit is 131,072 characters a cell
    try:
        reader = csv.reader(feed(), delimiter=separator, strict=True)
        row = next(reader)
        return row, reader.line_num
    except csv.Error:
        return [], 0
    finally:
        csv.field_size_limit(limit)


def fitted(row: Sequence[str], width: int, free: int, separator: str) -> list[str]:
    """A row of `width` cells: what is too much belongs to the cell `free`, what is too little is empty.

    >>> fitted(["1", "well", " no", "a.txt"], 3, 1, ","), fitted(["1"], 3, 1, ",")
    (['1', 'well, no', 'a.txt'], ['1', '', ''])
    """
    surplus = len(row) - width
    if surplus > 0:
        return [*row[:free], separator.join(row[free : free + surplus + 1]), *row[free + surplus + 1 :]]
    return [*row, *[""] * -surplus]
