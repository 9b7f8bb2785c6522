"""What a comma or a dot means in the numbers of a column: the decimal mark, or a mark of thousands.

1,234,567.8    1.234.567,8    0,5    12.25    1234.567       proved by one number
364  980  1.064                                              groups of three, and no number of four digits without a mark: thousands
3.001  2.764                                                 nothing in the column proves it: the file decides, and a note says so
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

GROUPS = "[ \u00a0\u202f'\u2019]"  # blank, no-break space, narrow no-break space, apostrophes
CURRENCY = "[$€£¥₩₹]|(?:USD|EUR|GBP|JPY|CHF|KRW|INR|CNY)"
EXPONENT = r"[eE][-+]?\d+"


def _proof_of(mark: str, other: str) -> str:
    """Numbers in which `mark` can only be the decimal mark, or `other` only a mark of thousands."""
    fractions = rf"(?:0\d*)?{mark}\d+|\d{{4,}}{mark}\d+|\d+{mark}(?:\d{{1,2}}|\d{{4,}})|\d+{mark}\d+{EXPONENT}"
    return rf"^[-+]?(?:{fractions}|\d{{1,3}}(?:{other}\d{{3}})+{mark}\d*|\d{{1,3}}(?:{other}\d{{3}}){{2,}})(?:{EXPONENT})?$"


PROOF_OF_COMMA, PROOF_OF_DOT = _proof_of(",", r"\."), _proof_of(r"\.", ",")
HEAD = 200  # cells that are looked at first; in most files one of them proves the mark


@dataclass(frozen=True)
class Signs:
    """What the file around a column says about its marks.

    separator: what stands between the fields; None where nothing does.   dotted: its dates are written with dots, 31.12.2020.
    columns: those that are neither times nor names, looked at only where one of them leaves a choice.
    """

    separator: str | None = None
    dotted: bool = False
    columns: Sequence[pl.Series] = ()

    def habit(self) -> tuple[str | None, str]:
        """The decimal mark that is usual in such a file, None where there is no such habit, and the reason."""
        if self.separator == "," and not self.dotted:
            return ".", "as usual with commas between the fields"
        if self.dotted and self.separator != ",":
            return ",", "as usual beside dates with dots"
        if self.separator == ";":
            return ",", "as usual with semicolons between the fields"
        return None, ""

    @cached_property
    def proved(self) -> str | None:
        """The decimal mark that columns of the file prove; None where none does, or they do not agree."""
        return _common(_proof(numbers) for numbers in self._numbers)

    @cached_property
    def suggested(self) -> str | None:
        """The decimal mark by the numbers without a mark that stand in columns of the file."""
        return _common(_by_neighbours(numbers) for numbers in self._numbers)

    @cached_property
    def _numbers(self) -> list[pl.Series]:
        import polars as pl

        return [bare(column.unique()).drop_nulls() for column in self.columns if column.dtype == pl.String]


def _common(marks: Iterable[str | None]) -> str | None:
    found = {mark for mark in marks if mark is not None}
    return found.pop() if len(found) == 1 and "?" not in found else None


def bare(texts: pl.Series) -> pl.Series:
    """Without what surrounds a number: blanks, currency, per cent; negative ones with a plain minus before; no blank between groups of three digits."""
    plain = texts.str.strip_chars().str.replace_all("\u2212", "-", literal=True)
    for _ in range(2):  # within and around the signs of a negative number
        plain = plain.str.replace(rf"^([-+]?)\s*(?:{CURRENCY})\s*", "$1").str.replace(rf"\s*(?:{CURRENCY}|%)$", "")
        plain = plain.str.replace(r"^\((\d.*|[^-(]*\d[^(]*)\)$", "-$1").str.replace(r"^([^-]*\d[^-]*?)\s?-$", "-$1")
    grouped = plain.str.contains(rf"^[-+]?\d{{1,3}}(?:{GROUPS}\d{{3}})+(?:[.,]\d*)?$")
    return plain.zip_with(~grouped.fill_null(False), plain.str.replace_all(GROUPS, ""))


def evidence(texts: pl.Series) -> str | None:
    """The decimal mark that a column of texts proves, "," or "."; None where nothing proves one, "?" where it proves both."""
    return _proof(bare(texts.unique()).drop_nulls())


def _proof(numbers: pl.Series) -> str | None:
    comma, dot = numbers.str.contains(PROOF_OF_COMMA).any(), numbers.str.contains(PROOF_OF_DOT).any()
    return {(True, True): "?", (True, False): ",", (False, True): "."}.get((comma, dot))


def undecided(texts: pl.Series) -> bool:
    """Whether there are numbers with a dot and every dot could be a mark of thousands; fast where the first cells prove the decimal mark."""
    if texts.head(HEAD).str.contains(PROOF_OF_DOT).any() or not texts.str.contains(".", literal=True).any():
        return False
    return not texts.str.contains(PROOF_OF_DOT).any()


def decimal_mark(numbers: pl.Series, hint: str | None, signs: Signs) -> tuple[str, str | None]:
    """The decimal mark of bare numbers, and a note where it was not proved.   hint: the mark of the file, known from elsewhere."""
    proof = _proof(numbers)
    if proof is not None:
        return (".", None) if proof == "?" else (proof, '"," read as the decimal mark' if proof == "," else None)
    marked = numbers.filter(numbers.str.contains("[.,]"))
    if len(marked) == 0:
        return hint or ".", None
    commas = marked.str.contains(",", literal=True)
    if commas.any() and not commas.all():  # 1.234 beside 1,234
        mark = hint or signs.proved or signs.habit()[0] or "."
        return mark, _note(marked[0], mark, "though the other could be it as well")
    sign = "," if commas.any() else "."
    mark, why = _guess(numbers, marked, sign, hint, signs)
    sure = sign == mark == "." and signs.habit()[0] == "." and not _round(marked) and _by_neighbours(numbers) != ","
    return mark, None if sure else _note(marked[0], mark, why)


def _guess(numbers: pl.Series, marked: pl.Series, sign: str, hint: str | None, signs: Signs) -> tuple[str, str]:
    """The decimal mark of numbers with one kind of mark and three digits behind each, and the reason."""
    known = hint or signs.proved
    if known is not None:
        return known, "as in other numbers of the file" if hint is None else "as elsewhere in this data"
    habit, usual = signs.habit()
    near = _by_neighbours(numbers)
    if near == "," and habit == "." and _alike(numbers, marked):
        return ".", "because the numbers without a mark are of the same size"
    if near == _other(sign):
        return near, "because only numbers of at most three digits have no mark"
    if near == sign and (sign == "." or habit != "."):
        return sign, "because numbers of four digits and more have no mark"
    if (other := signs.suggested) is not None:
        return other, "as in other columns of the file"
    if habit is not None:
        return habit, usual
    if _round(marked):
        return _other(sign), "because the digits after it are zeros"
    return ".", f"though it could be {'the decimal mark' if sign == ',' else 'a mark of thousands'} as well"


def _by_neighbours(numbers: pl.Series) -> str | None:
    """What numbers without a mark say of those with one and three digits behind it: four digits without a mark, and the mark is no mark of thousands."""
    marked = numbers.filter(numbers.str.contains("[.,]"))
    if len(marked) == 0 or not marked.str.contains(r"^[-+]?\d{1,3}[.,]\d{3}$").all() or _proof(marked) is not None:
        return None
    digits = numbers.str.extract(r"^[-+]?(\d+)$").drop_nulls().str.len_bytes()
    commas = marked.str.contains(",", literal=True)
    if len(digits) == 0 or (commas.any() and not commas.all()):
        return None
    sign = "," if commas.any() else "."
    return sign if (digits > 3).any() else _other(sign)


def _alike(numbers: pl.Series, marked: pl.Series) -> bool:
    """Whether the whole numbers without a mark are about as large as those with one, if that is the decimal mark: 18.703 beside 19."""
    import polars as pl

    size = marked.cast(pl.Float64).abs()
    whole = numbers.filter(numbers.str.contains(r"^[-+]?\d+$")).cast(pl.Float64).abs()
    return bool((whole >= 0.5 * size.min()).all() and (whole <= 2 * size.max()).all())  # type: ignore[operator]


def _round(marked: pl.Series) -> bool:
    """Whether the last two digits of several numbers are zeros, as in 1.000 and 2.500."""
    return len(marked) > 1 and bool(marked.str.ends_with("00").all())


def _other(sign: str) -> str:
    return "." if sign == "," else ","


def _note(example: str, mark: str, why: str) -> str:
    sign = "," if "," in example else "."
    meaning = "the decimal mark" if sign == mark else "a mark of thousands"
    return f'"{sign}" in numbers such as "{example}" read as {meaning}, {why} (--decimal {_other(mark)} to change)'
