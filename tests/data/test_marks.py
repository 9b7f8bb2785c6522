"""What a comma or a dot means: proved by a number, told by its neighbours, suggested by the file, and never silently guessed."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from inorder.data.marks import Signs, bare, decimal_mark, evidence
from inorder.data.numerals import to_numbers
from inorder.data.series import Series

Reader = Callable[..., Series]

ISO = [f"{2019 + i // 12}-{1 + i % 12:02d}-01" for i in range(24)]
DOTTED = [f"01.{1 + i % 12:02d}.{2019 + i // 12}" for i in range(24)]
SMALL = list(range(364, 364 + 24 * 40, 40))  # 364 … 1284
LARGE = [x + 1003 for x in SMALL]  # all above 1000


def english(x: float) -> str:
    return f"{x:,}"


def german(x: float) -> str:
    return f"{x:,}".replace(",", "_").replace(".", ",").replace("_", ".")


def table(stamps: list[str], cells: list[str], separator: str, header: str = "Monat{}Stück") -> str:
    rows = [header.format(separator), *(f"{stamp}{separator}{cell}" for stamp, cell in zip(stamps, cells, strict=True))]
    return "\n".join(rows) + "\n"


def said(series: Series, mark: str) -> str:
    """The one note on what `mark` means, with the option that changes it."""
    notes = [note for note in series.notes if f'"{mark}"' in note]
    assert len(notes) == 1, series.notes
    assert "--decimal" in notes[0]
    return notes[0]


class TestNeighbours:
    """Numbers below 1000 without a mark beside groups of three: thousands."""

    @pytest.mark.parametrize("separator, stamps", [(";", DOTTED), (";", ISO), ("\t", DOTTED), ("\t", ISO), (",", DOTTED), (",", ISO), ("|", ISO)])
    def test_dots(self, separator: str, stamps: list[str], read: Reader) -> None:
        y = read(table(stamps, [german(x) for x in SMALL], separator))
        assert y.values.tolist() == SMALL
        assert "thousands" in said(y, ".") and "--decimal ." in said(y, ".")

    @pytest.mark.parametrize("separator, stamps", [("\t", ISO), (";", ISO), ("|", ISO), ("\t", DOTTED)])
    def test_commas(self, separator: str, stamps: list[str], read: Reader) -> None:
        y = read(table(stamps, [english(x) for x in SMALL], separator))
        assert y.values.tolist() == SMALL
        assert "thousands" in said(y, ",") and "--decimal ," in said(y, ",")

    def test_the_option_that_is_named_changes_it(self, read: Reader) -> None:
        y = read(table(DOTTED, [german(x) for x in SMALL], ";"), decimal=".")
        assert y.values[-1] == 1.284 and not any("--decimal" in note for note in y.notes)
        y = read(table(ISO, [english(x) for x in SMALL], "\t"), decimal=",")
        assert y.values[-1] == 1.284

    def test_a_number_of_four_digits_without_a_mark(self, read: Reader) -> None:
        y = read(table(ISO, ["1.064", "5000", *["7.125"] * 22], "\t"))
        assert y.values[:2].tolist() == [1.064, 5000] and "decimal mark" in said(y, ".")

    def test_whole_numbers_of_the_same_size_among_decimals(self, read: Reader) -> None:
        y = read(table(ISO[:3], ["18.703", "19", "18.875"], ","))
        assert y.values.tolist() == [18.703, 19, 18.875] and "decimal mark" in said(y, ".")

    def test_one_column(self, read: Reader) -> None:
        assert read("Umsatz\n" + "".join(f"{german(x)}\n" for x in SMALL)).values.tolist() == SMALL
        assert read("sales\n" + "".join(f"{english(x)}\n" for x in SMALL)).values.tolist() == SMALL

    def test_a_series_over_several_columns_is_decided_as_one(self, read: Reader) -> None:
        y = read("Jahr;Q1;Q2;Q3;Q4\n2019;364;700;980;1.064\n2020;900;950;1.100;1.200\n")
        assert y.values.tolist() == [364, 700, 980, 1064, 900, 950, 1100, 1200]
        assert "thousands" in said(y, ".")


class TestTheFile:
    """Every number has one mark and three digits behind it: the rest of the file decides."""

    @pytest.mark.parametrize(
        "separator, stamps, factor",
        [(";", DOTTED, 1), (";", ISO, 1), ("\t", DOTTED, 1), ("\t", ISO, 1000), ("|", ISO, 1000), (",", DOTTED, 1000)],
    )
    def test_dots_are_told(self, separator: str, stamps: list[str], factor: int, read: Reader) -> None:
        y = read(table(stamps, [german(x) for x in LARGE], separator))
        assert (y.values * factor).round(6).tolist() == LARGE
        assert ("thousands, " in said(y, ".")) == (factor == 1)

    def test_commas_between_the_fields_make_the_dot_the_decimal_mark(self, read: Reader) -> None:
        y = read(table(ISO, [german(x) for x in LARGE], ","))
        assert y.values[0] == 1.367 and not any("--decimal" in note for note in y.notes)

    @pytest.mark.parametrize("separator, factor", [(";", 1000), ("\t", 1)])
    def test_commas_are_told(self, separator: str, factor: int, read: Reader) -> None:
        y = read(table(ISO, [english(x) for x in LARGE], separator))
        assert (y.values * factor).round(6).tolist() == LARGE
        assert ("thousands, " in said(y, ",")) == (factor == 1)

    def test_quoted_commas_are_thousands(self, read: Reader) -> None:
        y = read(table(ISO, [f'"{english(x)}"' for x in LARGE], ","))
        assert y.values.tolist() == LARGE and "thousands" in said(y, ",")

    def test_digits_that_are_all_zeros(self, read: Reader) -> None:
        cells = [f"{i + 1}.{i % 2 * 5}00" for i in range(24)]
        y = read(table(ISO, cells, "\t"))
        assert y.values[:2].tolist() == [1000, 2500] and "zeros" in said(y, ".")
        y = read(table(ISO, cells, ","))
        assert y.values[:2].tolist() == [1, 2.5] and "decimal mark" in said(y, ".")

    def test_another_column_proves_the_mark(self, read: Reader) -> None:
        header = "Monat;a;b"
        y = read(table(ISO, [f"{german(x)};{x / 7:.2f}" for x in LARGE], ";", header))
        assert y.y(0)[0] == 1.367 and "other numbers" in said(y, ".")
        y = read(table(ISO, [f"{english(x)};{german(round(x / 7, 2))}" for x in LARGE], ";", header))
        assert y.y(0)[0] == 1.367
        y = read(table(ISO, [f"{german(x)};{german(round(x / 7, 2))}" for x in LARGE], ";", header))
        assert y.y(0).tolist() == LARGE

    def test_neighbours_in_another_column_tell_the_mark(self, read: Reader) -> None:
        y = read(table(ISO, [f"{german(x)}\t{german(z)}" for x, z in zip(LARGE, SMALL, strict=True)], "\t", "Monat\ta\tb"))
        assert y.y(0).tolist() == LARGE and y.y(1).tolist() == SMALL

    @pytest.mark.parametrize(
        "cell, value", [("0.125", 0.125), ("1234.125", 1234.125), ("-0.500", -0.5), ("1.25", 1.25), ("1.0645", 1.0645), ("1.064e2", 106.4)]
    )
    def test_one_number_proves_a_decimal_mark_for_all(self, cell: str, value: float, read: Reader) -> None:
        y = read(table(DOTTED, [german(x) for x in LARGE[:-1]] + [cell], ";"))
        assert y.values[0] == 1.367 and y.values[-1] == value and not any("--decimal" in note for note in y.notes)

    def test_newer_rows_have_the_mark_of_the_history(self, read: Reader) -> None:
        from inorder.data.series import extend

        y = read(table(DOTTED[:-1], [german(x) for x in SMALL[:-1]], ";"))
        assert extend(y, {"Monat": DOTTED[-1:], "Stück": ["1.284"]}).values[-1] == 1284


@pytest.mark.parametrize("text", ["(3,006.00)", "3,006.00-", "($3,006.00)", "$(3,006.00)", "(3,006.00 $)", "$3,006.00-", "-3,006.00", "(3006)", "3006 -"])
def test_negative_as_accountants_write(text: str) -> None:
    read = to_numbers(pl.Series([text, "2,100.00"] if "$" not in text else [text, "$2,100.00"]))
    assert read.values.tolist() == [-3006, 2100]
    assert any("negative" in note and text in note for note in read.notes) == (text[0] != "-")


@pytest.mark.parametrize("text", ["(3.006,00 €)", "3.006,00- €", "3.006,00 €-", "(3.006,00)"])
def test_negative_euros_in_a_file(text: str, read: Reader) -> None:
    y = read(table(DOTTED[:6], [text if "€" in text else text + " €"] + ["2.100,00 €"] * 5, ";"))
    assert y.values.tolist() == [-3006, *[2100] * 5] and any("negative" in note for note in y.notes)


@pytest.mark.parametrize("text", ["(-3)", "((3))", "(3", "3)", "--3", "-3-"])
def test_what_is_no_negative_number(text: str) -> None:
    with pytest.raises(Exception, match="a number"):
        to_numbers(pl.Series([text, "2"]))


def test_bare() -> None:
    assert bare(pl.Series(["$ 1 234.5", "12 %", "\u22125", "(7)"])).to_list() == ["1234.5", "12", "-5", "-7"]


def test_both_marks_with_three_digits_are_told() -> None:
    numbers = pl.Series(["1.234", "1,234"])
    assert evidence(numbers) is None
    mark, note = decimal_mark(numbers, None, Signs())
    assert mark == "." and note is not None and "--decimal" in note
    assert decimal_mark(numbers, None, Signs(separator=";"))[0] == ","
