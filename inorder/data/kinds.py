"""What a column holds, judged by its cells: numbers, whole numbers, zeros and ones, dates, times of day, text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from inorder.data.dates import CLOCK, DATED
from inorder.data.numerals import NUMERIC, TRUTH, absent

if TYPE_CHECKING:
    import polars as pl

WORDS = {"empty": "empty", "flag": "only 0 and 1", "whole": "whole numbers", "number": "numbers", "date": "dates", "clock": "times of day", "text": "text"}


def kind_of(column: pl.Series, missing: Iterable[str] = ()) -> str:
    """What a column holds, judged by up to 1,000 cells: empty, flag, whole, number, date, clock, text."""
    kind = _sampled_kind(column, missing, 1000)
    return _sampled_kind(column, missing, len(column)) if kind in ("flag", "empty") and len(column) > 1000 else kind  # a rare 2, or a rare value


def _sampled_kind(column: pl.Series, missing: Iterable[str], cells: int) -> str:
    import polars as pl

    if column.dtype.is_temporal():
        return "date" if column.dtype in (pl.Date, pl.Datetime) else "text"
    if column.dtype == pl.Boolean:
        return "flag"
    sample = column.gather_every(max(1, len(column) // max(1, cells))).drop_nulls()
    if column.dtype.is_numeric():
        return _number_kind(sample.cast(pl.Float64).drop_nans()) if len(sample) else "empty"
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return "empty" if len(sample) == 0 else "text"
    texts = sample.cast(pl.String).str.strip_chars()
    texts = texts.filter(~absent(texts, tuple(missing)))
    if len(texts) == 0:
        return "empty"
    numbers = texts.cast(pl.Float64, strict=False).drop_nulls().drop_nans()
    if len(numbers) == len(texts):
        return _number_kind(numbers)
    if texts.str.contains(DATED).mean() > 0.8:  # type: ignore[operator]
        return "date"
    if texts.str.contains(CLOCK).all():
        return "clock"
    if texts.str.to_lowercase().is_in(list(TRUTH)).all():
        return "flag"
    numeric = texts.str.contains(NUMERIC)
    return "number" if (len(numbers) + 0.0) / len(texts) > 0.8 or numeric.mean() > 0.8 else "text"  # type: ignore[operator]


def _number_kind(numbers: pl.Series) -> str:
    if len(numbers) == 0:
        return "empty"
    if numbers.is_in([0.0, 1.0]).all():
        return "flag"
    if not (numbers == numbers.floor()).all():
        return "number"
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    if low >= 15_000_101 and high <= 29_991_231:
        rest = numbers % 10_000
        month, day = (rest / 100).floor(), rest % 100
        if ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all():
            return "date"
    return "whole"
