"""Titles above a table, and totals below it, as spreadsheets write them."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from inorder.data.series import Series
from inorder.data.totals import is_total, looks_like_total
from inorder.errors import SeriesError

Reader = Callable[..., Series]
STAMPS = [f"{2019 + i // 12}-{1 + i % 12:02d}" for i in range(24)]
VALUES = [364 + 7 * i for i in range(24)]


def table(separator: str = ";", header: str = "Monat;Umsatz", stamps: list[str] | None = None) -> str:
    rows = [header, *(f"{stamp};{value}" for stamp, value in zip(stamps or STAMPS, VALUES, strict=False))]
    return "".join(f"{row}\n" for row in rows).replace(";", separator)


class TestTitles:
    @pytest.mark.parametrize(
        "above, rows",
        [
            ("Umsatzbericht 2024\n", [1]),
            ("Umsatzbericht 2024;\n", [1]),
            ("Umsatzbericht 2024;;;\n", [1]),
            ("Umsatzbericht 2024\n\n", [1]),
            ("Umsatzbericht 2024;\n;\n", [1]),
            ("\nUmsatzbericht 2024\n", [2]),
            ("Umsatz\nStand: 1.1.2024\n\n", [1, 2]),
            ('"Umsatz; 2024"\n', [1]),
            ('"Umsatz\n2024"\n', [1]),
            (";\n", []),
            ("\n", []),
            ("\n\n", []),
        ],
    )
    @pytest.mark.parametrize("separator", [";", ",", "\t"])
    def test_are_skipped_with_a_note(self, above: str, rows: list[int], separator: str, read: Reader) -> None:
        y = read(above.replace(";", separator) + table(separator))
        assert y.values.tolist() == VALUES and (y.names.time, y.names.value) == ("Monat", "Umsatz")
        assert [note[: note.index(" (")] for note in y.notes if "title" in note] == [f"row {row} skipped: a title" for row in rows]

    @pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\n', "sep=;\n\n", "sep=;\nUmsatzbericht\n", "SEP=;\nUmsatzbericht;\n;\n"])
    def test_below_the_line_of_excel(self, first: str, read: Reader) -> None:
        y = read(first + table())
        assert y.values.tolist() == VALUES
        assert [note for note in y.notes if "title" in note] == ['row 2 skipped: a title ("Umsatzbericht")'] * ("bericht" in first)

    def test_rows_keep_their_numbers(self, read: Reader) -> None:
        for above, row in (("Bericht\n\n", 7), ("sep=;\nBericht\n", 7), ('"Bericht"\n', 6), ("Bericht;\r\n;\r\n", 7)):
            with pytest.raises(SeriesError, match=rf'row {row}, column "Umsatz": "oops"'):
                read(above + table().replace(";385\n", ";oops\n"))

    def test_with_fields_of_its_own(self, read: Reader) -> None:
        y = read("Sales, 2024\n" + table(",", "Monat;Laden;Umsatz", [f"{stamp};A" for stamp in STAMPS]))
        assert y.values.tolist() == VALUES and any("Sales 2024" in note for note in y.notes)

    def test_above_a_table_without_a_header(self, read: Reader) -> None:
        y = read("Report\n" + "".join(f"{stamp},{value}\n" for stamp, value in zip(STAMPS, VALUES, strict=True)))
        assert y.values.tolist() == VALUES and any("row 1 skipped" in note for note in y.notes)

    @pytest.mark.parametrize(
        "content, count",
        [
            ("2020-01-01,\n2020-01-02,5\n2020-01-03,6\n2020-01-04,7\n", 4),  # a missing value first
            ("ds,\n2020-01-01,5\n2020-01-02,6\n", 2),  # a column without a name
            (",y\n2020-01-01,5\n2020-01-02,6\n", 2),
            ("y\n2020-01-01\t5\n2020-01-02\t6\n".replace(" ", ""), 2),  # row names have no name
            ("Umsatz\n3\n4\n5\n", 3),
        ],
    )
    def test_what_is_no_title(self, content: str, count: int, read: Reader) -> None:
        y = read(content, header=None if not content.startswith("2020") else False)
        assert len(y.values) == count and not any("title" in note for note in y.notes)


class TestTotals:
    @pytest.mark.parametrize(
        "name", ["Total", "TOTAL", "Summe", "Gesamt", "Grand Total", "Insgesamt:", "Summe 2019", "Somme", "Totale", "Totaal", "Durchschnitt"]
    )
    @pytest.mark.parametrize("separator", [";", ","])
    def test_by_name(self, name: str, separator: str, read: Reader) -> None:
        with pytest.raises(SeriesError, match="row 26 looks like a total: remove it"):
            read(table(separator) + f"{name}{separator}1\n")

    def test_by_its_number(self, read: Reader) -> None:
        with pytest.raises(SeriesError, match="row 26 looks like a total: remove it"):
            read(table() + f";{sum(VALUES)}\n")
        with pytest.raises(SeriesError, match="row 26 looks like a total: remove it"):
            read(table() + f"alle Monate;{sum(VALUES) + 3}\n")
        with pytest.raises(SeriesError, match='row 26, column "Monat" is empty') as error:
            read(table() + ";380\n")
        assert "--time none" not in str(error.value)

    @pytest.mark.parametrize(
        "content, row",
        [
            ("Jahr;Umsatz\n2019;5\n2020;7\n2021;8\n2022;9\nSumme;29\n", 6),
            ("Monat;Umsatz\n01.2019;5\n02.2019;7\n03.2019;8\nSumme;20\n", 5),
            ("Monat;Umsatz\n2019-01;5\n2019-02;7\n2019-03;8\nSumme;20\n", 5),
            ("Monat;Umsatz\nJanuar;5\nFebruar;7\nMärz;8\nSumme;20\n", 5),
            ("date,shop,y\n2020-01-01,A,5\n2020-01-02,A,6\n2020-01-03,A,7\n,Total,18\n", 5),
            ("date,y\n2020-01-01,5\n2020-01-02,6\nTotal,11\n2021-01-01,5\n2021-01-02,7\n2021-01-03,7\n2021-01-04,7\n2021-01-05,7\n", 4),
        ],
    )
    def test_below_other_times(self, content: str, row: int, read: Reader) -> None:
        with pytest.raises(SeriesError, match=f"row {row} looks like a total: remove it"):
            read(content)

    def test_a_series_of_that_name_stays(self, read: Reader) -> None:
        y = read("ds,region,y\n" + "".join(f"{stamp},{region},{i}\n" for region in ("North", "Total") for i, stamp in enumerate(STAMPS)))
        assert y.ids == ("North", "Total")
        y = read("region,2019,2020,2021,2022\nNorth,1,2,3,4\nTotal,2,3,4,5\n")
        assert y.ids == ("North", "Total")

    def test_other_bad_rows_are_not_called_totals(self, read: Reader) -> None:
        with pytest.raises(SeriesError, match='"soon" is not a date') as error:
            read(table() + "soon;390\n")
        assert "total" not in str(error.value)

    def test_names(self) -> None:
        assert all(map(is_total, ["total", " Gesamtsumme ", "Sub-Total", "Grand total:", "Total of 2020"]))
        assert not any(map(is_total, ["Totnes", "Meanwhile", "Summer", "Gesamtschule", "Mediana", None, 7]))
        assert not looks_like_total(pl.DataFrame({"y": [1, 2, 3, 5]}), 3, ["y"])
