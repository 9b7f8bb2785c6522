"""Written numbers -> float64: decimal commas, thousands, per cent, currencies, words for a missing value.

A column that a plain conversion understands, and that leaves no choice, takes that path. Else every distinct text is
looked at, and the whole column decides what a comma or a dot means (`marks`):

    1,234,567.8    1.234.567,8    1 234 567,8    1'234'567.8       groups of exactly three digits are thousands
    0,5    12,25                                                   anything else behind a comma is a fraction
    (3,006.00)     3006.00-                                        negative, as accountants write
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.data.marks import CURRENCY, GROUPS, Signs, bare, decimal_mark, undecided
from inorder.typing import Values

if TYPE_CHECKING:
    import polars as pl

NO_SIGNS = Signs()
MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "-", "--", "?", ".")
TRUTH = {"true": 1.0, "false": 0.0}
# what may well be a number, in whatever way it is written
DIGITS = rf"(?:\d{{1,3}}(?:(?:[.,]|{GROUPS})\d{{3}})+(?:[.,]\d*)?|\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?"
BEFORE, AFTER = rf"\(?[-+\u2212]?(?:(?:{CURRENCY})\s?)?\(?", rf"(?:\s?-)?\s?(?:%|{CURRENCY})?(?:\s?-|\)(?:\s?(?:{CURRENCY}))?)?"
NUMERIC = rf"^{BEFORE}{DIGITS}{AFTER}$"


class BadCell(Exception):
    """A cell that is not what its column should hold: the row (from 0), its text, and what was expected."""

    def __init__(self, row: int, text: str, expected: str) -> None:
        super().__init__(row, text, expected)
        self.row, self.text, self.expected = row, text, expected


@dataclass(frozen=True)
class Numbers:
    """(rows,) values with NaN for a missing one, and what was assumed, in plain words.   mark: the decimal mark, where a comma or a dot was read."""

    values: Values
    notes: tuple[str, ...] = ()
    mark: str | None = None


def to_numbers(column: pl.Series, missing: tuple[str, ...] = (), decimal: str | None = None, hint: str | None = None, signs: Signs = NO_SIGNS) -> Numbers:
    """A column of any type as float64.

    missing: more words for a missing value.   decimal: the mark that was given.   hint: the mark that other columns of the file have.
    signs: what else the file says about a mark that nothing proves.
    Raises BadCell for the first cell that is neither a number nor missing.

    >>> import polars as pl
    >>> to_numbers(pl.Series(["1.234,5", "NA", "7"])).values.tolist()
    [1234.5, nan, 7.0]
    """
    import polars as pl

    if column.dtype != pl.String:
        return Numbers(_typed(column))
    if decimal != "," and hint != ",":
        plain = column.cast(pl.Float64, strict=False)
        understood = plain.null_count() == column.null_count()
        if not understood:  # often only words for "missing" stand in the way
            understood = (plain.is_not_null() | absent(column, missing)).all()
        if understood and (decimal == "." or not undecided(column)):
            return _plain(plain)
        if understood:
            mark, note = decimal_mark(_written(column, missing), hint, signs)
            if mark == ".":
                return replace(_plain(plain), notes=() if note is None else (note,))
    return _carefully(column, missing, decimal, hint, signs)


def absent(column: pl.Series, missing: tuple[str, ...] = ()) -> pl.Series:
    """Where a column of texts is empty or holds a word for "missing"."""
    return column.is_null() | column.str.strip_chars().str.to_lowercase().is_in(_words(missing))


def _words(missing: tuple[str, ...]) -> list[str]:
    return [*MISSING, *(word.strip().lower() for word in missing)]


def _typed(column: pl.Series) -> Values:
    import polars as pl

    if column.dtype == pl.Boolean or column.dtype.is_numeric() or column.dtype == pl.Null:
        return _floats(column.cast(pl.Float64))
    raise BadCell(0, str(column[0]), "a number")


def _plain(column: pl.Series) -> Numbers:
    """Numbers that a plain conversion understood: one with a fraction was written with a dot."""
    values = _floats(column)
    return Numbers(values, mark="." if (values != np.floor(values))[np.isfinite(values)].any() else None)


def _floats(column: pl.Series) -> Values:
    return column.fill_null(float("nan")).to_numpy().astype(np.float64)


def _written(column: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    """The distinct numbers of a column that a plain conversion understands, bare."""
    texts = column.unique(maintain_order=True).drop_nulls()
    return texts.filter(~absent(texts, missing)).str.strip_chars()


def _carefully(column: pl.Series, missing: tuple[str, ...], decimal: str | None, hint: str | None, signs: Signs) -> Numbers:
    import polars as pl

    texts = column.unique(maintain_order=True).drop_nulls()
    known = ~absent(texts, missing)
    texts = texts.filter(known)
    notes = []
    truth = texts.str.strip_chars().str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Float64)
    if len(texts) and truth.null_count() == 0:
        return Numbers(_spread(column, texts, truth), ("true and false read as 1 and 0",))
    currencies = texts.str.extract(rf"({CURRENCY}|%)").drop_nulls().unique().sort()
    if len(currencies) > 1:
        second = int(texts.str.contains(currencies[1], literal=True).arg_max() or 0)
        raise BadCell(_row_of(column, texts[second]), texts[second], f"a number in {currencies[0]} as in other rows")
    if len(currencies) == 1:
        notes.append("per cent signs left out, 12% is read as 12" if currencies[0] == "%" else f"the currency sign {currencies[0]} left out")
    negative = texts.filter(texts.str.contains(r"\)|\d.*-\D*$"))
    if len(negative):
        notes.append(f'numbers such as "{negative[0].strip()}" read as negative')
    numerals = bare(texts)
    mark, note = (decimal, None) if decimal is not None else decimal_mark(numerals, hint, signs)
    if note is not None:
        notes.append(note)
    thousands = r"\." if mark == "," else ","
    shape = rf"^[-+]?(?:\d+|\d{{1,3}}(?:{thousands}\d{{3}})+)?(?:\{mark}\d*)?(?:[eE][-+]?\d+)?$"
    fits = numerals.str.contains(shape)
    if numerals.str.contains(rf"\d{thousands}\d").any() and (note is None or "thousands" not in note):
        notes.append(f'"{"." if mark == "," else ","}" between groups of three digits read as thousands')
    plain = numerals.str.replace_all(thousands, "").str.replace(mark, ".", literal=True)
    numbers = plain.cast(pl.Float64, strict=False)
    numbers = numbers.zip_with(fits | texts.cast(pl.Float64, strict=False).is_infinite().fill_null(False), pl.Series([None], dtype=pl.Float64))
    if numbers.null_count():
        wrong = texts.filter(numbers.is_null())
        row = min(_row_of(column, text) for text in wrong.head(50))
        raise BadCell(row, str(column[row]), f'a number with "{mark}" as the decimal mark' if re.search(r"\d[.,]\d", str(column[row])) else "a number")
    return Numbers(_spread(column, texts, numbers), tuple(notes), mark if numerals.str.contains("[.,]").any() else None)


def _spread(column: pl.Series, texts: pl.Series, numbers: Any) -> Values:
    """The number of each distinct text, back on the rows."""
    import polars as pl

    return _floats(column.replace_strict(texts, numbers, default=None, return_dtype=pl.Float64))


def _row_of(column: pl.Series, text: str) -> int:
    return int((column == text).fill_null(False).arg_max() or 0)
