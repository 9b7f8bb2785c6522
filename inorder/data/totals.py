"""A row that adds up the others: told by its name, or by its numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inorder.data.numerals import BadCell, to_numbers

if TYPE_CHECKING:
    import polars as pl

NAMED = re.compile(
    r"\s*(?:(?:grand|overall|sub|year)[\s-]*)?(?:totals?|totale|totaal|total général|sum|(?:zwischen|gesamt)?summe|gesamt(?:ergebnis)?|insgesamt|"
    r"somme|suma|soma|somma|average|mean|mittelwert|durchschnitt|moyenne|media|média|promedio|gemiddelde)(?:\s*[:=]|\s+(?:of|in|\d{4}).*)?\s*",
    re.IGNORECASE,
)
ABOUT = 0.005  # how far the last number may lie from the sum of the others, as a share: they may be rounded


def is_total(cell: object) -> bool:
    """Whether a cell is the name of a total or a mean.

    >>> [is_total(cell) for cell in ("Grand Total", "Summe:", "Total 2020", "Totnes", 5)]
    [True, True, True, False, False]
    """
    return isinstance(cell, str) and NAMED.fullmatch(cell) is not None


def looks_like_total(columns: pl.DataFrame, row: int, values: Sequence[str]) -> bool:
    """Whether a row is called a total, or is the last and holds about the sum of the rows above in each of the columns `values`.

    >>> import polars as pl
    >>> looks_like_total(pl.DataFrame({"month": ["2020-01", "2020-02", "2020-03", None], "sales": ["5", "7", "2", "14"]}), 3, ["sales"])
    True
    """
    return any(is_total(cell) for cell in columns.row(row)) or (2 < row == len(columns) - 1 and all(_adds_up(columns[name]) for name in values))


def ends_in_total(columns: pl.DataFrame) -> bool:
    """Whether the last row, and only that, is called a total in one of the columns."""
    return any(is_total(column[-1]) and (column == column[-1]).sum() == 1 for column in columns.iter_columns())


def _adds_up(column: pl.Series) -> bool:
    try:
        numbers = to_numbers(column).values
    except BadCell:
        return False
    above = float(np.nansum(numbers[:-1]))
    return above != 0 and abs(float(numbers[-1]) - above) <= ABOUT * abs(above)
