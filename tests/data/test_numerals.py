"""Written numbers: every way of writing, decided over the whole column, never silently."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inorder.data.marks import evidence
from inorder.data.numerals import BadCell, to_numbers

nan = float("nan")


@pytest.mark.parametrize(
    "texts, numbers",
    [
        (["1", "2.5", "-3", "+4", "1e5", ".5", "5."], [1, 2.5, -3, 4, 1e5, 0.5, 5]),
        (["1,5", "2", "-0,25"], [1.5, 2, -0.25]),
        (["1,234", "2"], [1234, 2]),
        (["1,234,567.8", "1,234"], [1234567.8, 1234]),
        (["1.234.567,8", "1.234"], [1234567.8, 1234]),
        (["1 234 567,5", "12"], [1234567.5, 12]),
        (["1\u00a0234", "1\u202f234.5"], [1234, 1234.5]),
        (["1'234.5", "1"], [1234.5, 1]),
        (["$1,234.50", "$3"], [1234.5, 3]),
        (["5 €", "6,5 €"], [5, 6.5]),
        (["12%", "3.5 %"], [12, 3.5]),
        (["\u22125", "3"], [-5, 3]),
        (["TRUE", "false", "True"], [1, 0, 1]),
        ([" 1 ", "2\t"], [1, 2]),
        (["1,5e3", "2"], [1500, 2]),
    ],
)
def test_ways_of_writing(texts: list[str], numbers: list[float]) -> None:
    np.testing.assert_array_equal(to_numbers(pl.Series(texts)).values, numbers)


@pytest.mark.parametrize("word", ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "-", "--", "?", ".", " NA "])
def test_words_for_missing(word: str) -> None:
    np.testing.assert_array_equal(to_numbers(pl.Series(["1", word, "2"])).values, [1, nan, 2])
    np.testing.assert_array_equal(to_numbers(pl.Series(["1,5", word, "2,5"])).values, [1.5, nan, 2.5])


def test_more_words_for_missing() -> None:
    np.testing.assert_array_equal(to_numbers(pl.Series(["1", "Broken"]), missing=("broken",)).values, [1, nan])


@pytest.mark.parametrize(
    "texts, row, text",
    [(["1", "oops"], 1, "oops"), (["0.5", "0,5"], 1, "0,5"), (["1", "1_000"], 1, "1_000"), (["12,34,5", "1"], 0, "12,34,5"), (["((3)"], 0, "((3)")],
)
def test_a_cell_that_does_not_fit_is_named(texts: list[str], row: int, text: str) -> None:
    with pytest.raises(BadCell) as error:
        to_numbers(pl.Series(texts))
    assert (error.value.row, error.value.text) == (row, text)


def test_two_currencies_in_a_column_are_refused() -> None:
    with pytest.raises(BadCell) as error:
        to_numbers(pl.Series(["$1", "$2", "€2"]))
    assert error.value.text == "€2" and "$" in error.value.expected


def test_the_decimal_mark_can_be_told() -> None:
    assert to_numbers(pl.Series(["1,234"]), decimal=",").values.tolist() == [1.234]
    assert to_numbers(pl.Series(["1.234"]), decimal=",").values.tolist() == [1234]
    with pytest.raises(BadCell) as error:
        to_numbers(pl.Series(["1.5"]), decimal=",")
    assert '","' in error.value.expected


def test_other_columns_of_the_file_decide_where_a_column_does_not() -> None:
    assert to_numbers(pl.Series(["1,234"]), hint=",").values.tolist() == [1.234]
    assert to_numbers(pl.Series(["1.500"]), hint=",").values.tolist() == [1500]
    assert to_numbers(pl.Series(["1.5", "2.500"]), hint=",").values.tolist() == [1.5, 2.5]


def test_what_was_assumed_is_noted() -> None:
    notes = " ".join(to_numbers(pl.Series(["$1.234,5", "$1.234"])).notes)
    assert "decimal mark" in notes and "thousands" in notes and "$" in notes
    assert to_numbers(pl.Series(["1", "2.5", "NA"])).notes == ()


def test_evidence() -> None:
    assert evidence(pl.Series(["1,5"])) == ","
    assert evidence(pl.Series(["1.5"])) == "."
    assert evidence(pl.Series(["1,234", "5"])) is None
    assert evidence(pl.Series(["1.5", "1,5"])) == "?"


@pytest.mark.parametrize("column, numbers", [(pl.Series([1, None, 3]), [1, nan, 3]), (pl.Series([True, False]), [1, 0]), (pl.Series([None, None]), [nan, nan])])
def test_typed_columns(column: pl.Series, numbers: list[float]) -> None:
    np.testing.assert_array_equal(to_numbers(column).values, numbers)


@given(st.lists(st.floats(-1e12, 1e12).map(lambda x: round(x, 4)), min_size=1, max_size=20), st.sampled_from(["{:,}", "{:_}"]))
def test_grouped_numbers_come_back(numbers: list[float], form: str) -> None:
    german = [form.format(x).replace(",", "_").replace(".", ",").replace("_", ".") for x in numbers]
    np.testing.assert_array_equal(to_numbers(pl.Series(german), decimal=",").values, numbers)
    english = [form.format(x).replace("_", ",") for x in numbers]
    np.testing.assert_array_equal(to_numbers(pl.Series(english), decimal=".").values, numbers)
