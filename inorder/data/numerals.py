"""Written numbers -> float64: decimal commas, thousands, per cent, currencies, words for a missing value.

A column that a plain conversion understands takes that path. Only where it fails is every distinct text looked at, and
then the whole column decides what a comma means:

    1,234,567.8    1.234.567,8    1 234 567,8    1'234'567.8       groups of exactly three digits are thousands
    0,5    12,25                                                   anything else behind a comma is a fraction
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.typing import Values

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "-", "--", "?", ".")
TRUTH = {"true": 1.0, "false": 0.0}
GROUPS = "[ \u00a0\u202f'\u2019]"  # blank, no-break space, narrow no-break space, apostrophes
CURRENCY = "[$€£¥₩₹]|(?:USD|EUR|GBP|JPY|CHF|KRW|INR|CNY)"
# a comma or a dot that can only be the decimal mark, or only a mark of thousands
PROOF_OF_COMMA = r"^[-+]?(?:0*,\d+|\d{4,},\d+|\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3})+,\d*|\d{1,3}(?:\.\d{3}){2,})(?:[eE][-+]?\d+)?$"
PROOF_OF_DOT = r"^[-+]?(?:0*\.\d+|\d{4,}\.\d+|\d+\.(?:\d{1,2}|\d{4,})|\d{1,3}(?:,\d{3})+\.\d*|\d{1,3}(?:,\d{3}){2,})(?:[eE][-+]?\d+)?$"
# what may well be a number, in whatever way it is written
NUMERIC = (
    rf"^[-+\u2212]?(?:(?:{CURRENCY})\s?)?(?:\d{{1,3}}(?:(?:[.,]|{GROUPS})\d{{3}})+(?:[.,]\d*)?|\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?\s?(?:%|{CURRENCY})?$"
)


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


def to_numbers(column: pl.Series, missing: tuple[str, ...] = (), decimal: str | None = None, hint: str | None = None) -> Numbers:
    """A column of any type as float64.

    missing: more words for a missing value.   decimal: the mark that was given.   hint: the mark that other columns of the file have.
    Raises BadCell for the first cell that is neither a number nor missing.

    >>> import polars as pl
    >>> to_numbers(pl.Series(["1.234,5", "NA", "7"])).values.tolist()
    [1234.5, nan, 7.0]
    """
    import polars as pl

    if column.dtype != pl.String:
        return Numbers(_typed(column))
    plain = column.cast(pl.Float64, strict=False)
    understood = plain.null_count() == column.null_count()
    if understood and decimal != "," and hint != ",":
        return _plain(plain)
    if not understood and decimal != "," and hint != ",":  # often only words for "missing" stand in the way
        absent = column.str.strip_chars().str.to_lowercase().is_in(_words(missing))
        if (plain.is_not_null() | absent | column.is_null()).all():
            return _plain(plain)
    return _carefully(column, missing, decimal, hint)


def evidence(texts: pl.Series) -> str | None:
    """The decimal mark that a column of texts proves, "," or "."; None where nothing proves one, "?" where it proves both."""
    bare = _bare(texts.unique()).drop_nulls()
    comma, dot = bare.str.contains(PROOF_OF_COMMA).any(), bare.str.contains(PROOF_OF_DOT).any()
    return {(True, True): "?", (True, False): ",", (False, True): "."}.get((comma, dot))


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


def _bare(texts: pl.Series) -> pl.Series:
    """Without what surrounds a number: blanks, currency, per cent; with a plain minus and no blank between groups of three digits."""
    bare = texts.str.strip_chars().str.replace_all("\u2212", "-", literal=True)
    bare = bare.str.replace(rf"^([-+]?)\s*(?:{CURRENCY})\s*", "$1").str.replace(rf"\s*(?:{CURRENCY}|%)$", "")
    grouped = bare.str.contains(rf"^[-+]?\d{{1,3}}(?:{GROUPS}\d{{3}})+(?:[.,]\d*)?$")
    return bare.zip_with(~grouped.fill_null(False), bare.str.replace_all(GROUPS, ""))


def _carefully(column: pl.Series, missing: tuple[str, ...], decimal: str | None, hint: str | None) -> Numbers:
    import polars as pl

    texts = column.unique(maintain_order=True).drop_nulls()
    known = ~absent(texts, missing)
    texts = texts.filter(known)
    notes = []
    truth = texts.str.strip_chars().str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Float64)
    if len(texts) and truth.null_count() == 0:
        return Numbers(_spread(column, texts, truth), ("true and false read as 1 and 0",))
    signs = texts.str.extract(rf"({CURRENCY}|%)").drop_nulls().unique().sort()
    if len(signs) > 1:
        second = int(texts.str.contains(rf"{signs[1]}", literal=True).arg_max() or 0)
        raise BadCell(_row_of(column, texts[second]), texts[second], f"a number in {signs[0]} as in other rows")
    if len(signs) == 1:
        notes.append("per cent signs left out, 12% is read as 12" if signs[0] == "%" else f"the currency sign {signs[0]} left out")
    bare = _bare(texts)
    mark, note = _decimal_mark(bare, decimal, hint)
    notes += note
    thousands = r"\." if mark == "," else ","
    shape = rf"^[-+]?(?:\d+|\d{{1,3}}(?:{thousands}\d{{3}})+)?(?:\{mark}\d*)?(?:[eE][-+]?\d+)?$"
    fits = bare.str.contains(shape)
    if bare.str.contains(rf"\d{thousands}\d").any():
        notes.append(f'"{"." if mark == "," else ","}" between groups of three digits read as thousands')
    plain = bare.str.replace_all(thousands, "").str.replace(mark, ".", literal=True)
    numbers = plain.cast(pl.Float64, strict=False)
    numbers = numbers.zip_with(fits | texts.cast(pl.Float64, strict=False).is_infinite().fill_null(False), pl.Series([None], dtype=pl.Float64))
    if numbers.null_count():
        wrong = texts.filter(numbers.is_null())
        row = min(_row_of(column, text) for text in wrong.head(50))
        raise BadCell(row, str(column[row]), f'a number with "{mark}" as the decimal mark' if re.search(r"\d[.,]\d", str(column[row])) else "a number")
    return Numbers(_spread(column, texts, numbers), tuple(notes), mark if bare.str.contains("[.,]").any() else None)


def _decimal_mark(bare: pl.Series, decimal: str | None, hint: str | None) -> tuple[str, list[str]]:
    if decimal is not None:
        return decimal, []
    found = evidence(bare)
    if found in (",", "."):
        return found, ['"," read as the decimal mark'] if found == "," else []
    if found == "?":
        return ".", []
    if hint == "," and not bare.str.contains(PROOF_OF_DOT).any():
        return ",", ['"," read as the decimal mark (--decimal . to change)']
    return ".", []


def _spread(column: pl.Series, texts: pl.Series, numbers: Any) -> Values:
    """The number of each distinct text, back on the rows."""
    import polars as pl

    return _floats(column.replace_strict(texts, numbers, default=None, return_dtype=pl.Float64))


def _row_of(column: pl.Series, text: str) -> int:
    return int((column == text).fill_null(False).arg_max() or 0)
