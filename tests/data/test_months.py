"""Months by name in seven languages, and months and years that look like numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from inorder.data.frequency import Frequency
from inorder.data.months import NAMES, month_by_month, month_numbers
from inorder.data.series import Series, extend, read_series
from inorder.errors import SeriesError

Reader = Callable[..., Series]
SHORT = {
    "German": "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "German, in another way": "Jän. Feb. Mrz. Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
    "French": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "Spanish": "ene feb mar abr may jun jul ago sep oct nov dic",
    "Italian": "gen feb mar apr mag giu lug ago set ott nov dic",
    "Portuguese": "jan fev mar abr mai jun jul ago set out nov dez",
    "Dutch": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "German in full": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "French in full": "Janvier Février Mars Avril Mai Juin Juillet Août Septembre Octobre Novembre Décembre",
    "Italian in full": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "Portuguese in full": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "Spanish in full": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "Dutch in full": "januari februari maart april mei juni juli augustus september oktober november december",
    "English": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
}
MONTHS = np.arange("2019-01", "2021-01", dtype="datetime64[M]")


def texts(form: str, names: str) -> list[str]:
    return [form.format(name=names.split()[i % 12], year=2019 + i // 12, short=19 + i // 12) for i in range(24)]


def table(stamps: list[str], header: str = "x;y") -> str:
    return header + "\n" + "".join(f"{stamp};{100 + i}\n" for i, stamp in enumerate(stamps))


def test_no_name_means_two_months() -> None:
    meaning: dict[str, set[int]] = {}
    for months in NAMES.values():
        assert len(months.split()) == 12
        for number, names in enumerate(months.split(), start=1):
            for name in names.split("/"):
                meaning.setdefault(name, set()).add(number)
    assert {name for name, numbers in meaning.items() if len(numbers) > 1} == set()


@pytest.mark.parametrize("language", SHORT)
def test_numbers_of_months(language: str) -> None:
    for names in (SHORT[language], SHORT[language].upper(), SHORT[language].lower()):
        assert month_numbers(pl.Series(names.split())).to_list() == list(range(1, 13))
    assert month_numbers(pl.Series(["marketing", "janus", ""])).to_list() == [None] * 3


@pytest.mark.parametrize("form", ["{name} {year}", "{name}-{short}", "1. {name} {year}", "01-{name}-{year}", "{year} {name}"])
@pytest.mark.parametrize("language", SHORT)
def test_stamps_with_the_name_of_a_month(language: str, form: str, read: Reader) -> None:
    y = read(table(texts(form, SHORT[language])))
    np.testing.assert_array_equal(y.index.astype("datetime64[M]"), MONTHS)
    assert y.frequency == Frequency("month") and y.values.tolist() == [100 + i for i in range(24)]


@pytest.mark.parametrize("language", SHORT)
def test_names_of_months_beside_a_year_and_above_columns(language: str, read: Reader) -> None:
    y = read("Jahr;Monat;y\n" + "".join(f"{2019 + i // 12};{SHORT[language].split()[i % 12]};{i}\n" for i in range(24)))
    np.testing.assert_array_equal(y.index.astype("datetime64[M]"), MONTHS)
    y = read("Jahr;" + SHORT[language].replace(" ", ";") + "\n" + "".join(f"{year};" + ";".join(map(str, range(12))) + "\n" for year in (2019, 2020)))
    np.testing.assert_array_equal(y.index.astype("datetime64[M]"), MONTHS)


def test_spanish_and_french_dates(read: Reader) -> None:
    assert (
        read(table([f"{i} de marzo de 2020" for i in range(1, 10)])).label(read(table(["1 de marzo de 2020", "2 de marzo de 2020"])).index[0]) == "2020-03-01"
    )
    assert read(table(["1er août 2020", "2 août 2020", "3 août 2020"])).index[0] == np.datetime64("2020-08-01")


def test_numbered_columns_are_no_months(read: Reader) -> None:
    y = read("id,set01,set02,set03,set04\nA,1,2,3,4\nB,2,3,4,5\n")
    assert y.frequency == Frequency("step") and y.ids == ("A", "B")


WAYS = {
    "MM.YYYY": [f"{1 + i % 12:02d}.{2019 + i // 12}" for i in range(24)],
    "M.YYYY": [f"{1 + i % 12}.{2019 + i // 12}" for i in range(24)],
    "YYYY.MM": [f"{2019 + i // 12}.{1 + i % 12:02d}" for i in range(24)],
    "YYYY.MM without last zeros": [f"{2019 + i // 12}.{1 + i % 12:02d}".removesuffix("0") for i in range(24)],
    "MM-YYYY": [f"{1 + i % 12:02d}-{2019 + i // 12}" for i in range(24)],
    "MM/YYYY": [f"{1 + i % 12:02d}/{2019 + i // 12}" for i in range(24)],
}


class TestMonthsWithADot:
    @pytest.mark.parametrize("name", ["Monat", "x", "Periode"])
    @pytest.mark.parametrize("way", WAYS)
    def test_are_read_as_months(self, way: str, name: str, read: Reader) -> None:
        y = read(table(WAYS[way], f"{name};Umsatz"))
        np.testing.assert_array_equal(y.index.astype("datetime64[M]"), MONTHS)
        assert (y.panel, y.names.time, y.names.value, y.frequency) == (False, name, "Umsatz", Frequency("month"))
        assert any("--dates counts" in note for note in y.notes) == ("." in way)

    @pytest.mark.parametrize("way", ["MM.YYYY", "YYYY.MM"])
    def test_of_several_series_or_newest_first(self, way: str, read: Reader) -> None:
        stamps = WAYS[way]
        y = read("Monat;Laden;y\n" + "".join(f"{stamp};{shop};{i}\n" for shop in "AB" for i, stamp in enumerate(stamps)))
        assert y.ids == ("A", "B") and y.lengths.tolist() == [24, 24] and y.frequency == Frequency("month")
        np.testing.assert_array_equal(read(table(stamps[::-1])).index.astype("datetime64[M]"), MONTHS)

    def test_newer_rows(self, read: Reader) -> None:
        y = read(table(WAYS["MM.YYYY"]))
        longer = extend(y, {"x": ["01.2021"], "y": ["7"]})
        assert longer.label(longer.index[-1]) == "2021-01"

    def test_can_be_told_to_be_numbers(self, read: Reader) -> None:
        y = read(table(WAYS["MM.YYYY"], "Monat;y"), dates="counts", value="y", time="Monat", every=0.5)
        assert y.index.dtype.kind == "f"

    def test_rates_are_no_months(self, read: Reader) -> None:
        rates = [f"{1.1734 + 0.01 * i:.4f}" for i in range(24)]
        y = read("day,rate\n" + "".join(f"{i},{rate}\n" for i, rate in enumerate(rates)))
        assert y.names.value == "rate" and y.values[0] == 1.1734
        y = read("rate,price\n" + "".join(f"{rate},{i / 2}\n" for i, rate in enumerate(rates)))
        assert y.ids == ("rate", "price")

    def test_month_by_month(self) -> None:
        assert month_by_month(pl.Series(["2019-11", "2019-12", "2020-01", "2020-01"]))
        assert not month_by_month(pl.Series(["2019-01", "2020-01", "2021-01"]))


class TestDatesGiven:
    """`dates` says how dates are written, so there must be some."""

    def test_the_first_column_is_tried(self, read: Reader) -> None:
        y = read(table([f"{2019 + i // 12}h{1 + i % 12:02d}" for i in range(24)]), dates="%Yh%m")
        np.testing.assert_array_equal(y.index.astype("datetime64[M]"), MONTHS)

    @pytest.mark.parametrize(
        "content, dates, words",
        [
            ("rate;y\n1.17;2\n1.19;3\n1.18;5\n", "day-first", ["day-first", "--time", '"rate"']),
            ("shop;y\nA;2\nB;3\nC;5\n", "%d.%m.%Y", ["row 2", '"A"', "%d.%m.%Y", "--time"]),
            ("y\n1\n2\n3\n", "month-first", ["month-first", "--time"]),
        ],
    )
    def test_or_the_file_is_refused(self, content: str, dates: str, words: list[str], read: Reader) -> None:
        with pytest.raises(SeriesError) as error:
            read(content, dates=dates)
        for word in words:
            assert word in str(error.value)

    def test_no_time_column_was_told(self, read: Reader) -> None:
        assert read("y\n1\n2\n3\n", dates="day-first", time="none").index.tolist() == [1, 2, 3]


def test_fortnights() -> None:
    assert Frequency.parse("fortnightly") == Frequency.parse("fortnight") == Frequency("week", 2)
    assert Frequency.parse("2 fortnights") == Frequency("week", 4)
    y = read_series({"ds": ["2020-01-01", "2020-01-15", "2020-01-29"], "y": [1, 2, 3]}, frequency="fortnightly")
    assert y.frequency == Frequency("week", 2) and y.season_length == 26
