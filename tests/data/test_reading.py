"""Reading: dialects, layouts, columns, order, gaps, duplicates, and what the notes say of them."""

from __future__ import annotations

import gzip
import inspect
import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from inorder.data.frequency import Frequency
from inorder.data.options import Options
from inorder.data.series import Series, read_series
from inorder.errors import SeriesError

Reader = Callable[..., Series]
nan = float("nan")
DAYS = ["2020-01-01", "2020-01-02", "2020-01-03"]


def rows(stamps: list[Any], header: str = "ds,y") -> str:
    """A file of two columns: the stamps, and the values 0, 1, 2, …"""
    return header + "\n" + "".join(f"{stamp},{i}\n" for i, stamp in enumerate(stamps))


PLAIN = rows(DAYS)


def said(series: Series) -> str:
    return " | ".join(series.notes)


def test_every_option_is_an_argument_and_reaches_the_reader() -> None:
    arguments = {name: parameter.default for name, parameter in inspect.signature(read_series).parameters.items() if name != "data"}
    assert arguments == {f.name: f.default for f in fields(Options)}
    given = {
        "id": "a",
        "time": "b",
        "value": "c",
        "frequency": "month",
        "season_length": 3,
        "timezone": "UTC",
        "start": "2000",
        "past": ("p",),
        "future": ("f",),
        "static": ("s",),
    }
    given |= {
        "dates": "counts",
        "decimal": ",",
        "missing": ("x",),
        "duplicates": "sum",
        "layout": "long",
        "every": 2,
        "how": "last",
        "header": True,
        "separator": ";",
    }
    given |= {"encoding": "utf-8"}
    assert set(given) == set(arguments)
    seen: list[Options] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inorder.data.reading.read", lambda data, options: seen.append(options))
        read_series("nile", **given)  # type: ignore[arg-type]
    assert seen == [Options(**given)]  # type: ignore[arg-type]


class TestDialects:
    @pytest.mark.parametrize(
        "content",
        [
            PLAIN,
            PLAIN.replace("\n", "\r\n"),
            PLAIN.replace("\n", "\r"),
            PLAIN.replace(",", ";"),
            PLAIN.replace(",", "\t"),
            PLAIN.replace(",", "|"),
            PLAIN.replace(",", " "),
            PLAIN.replace(",", "   "),
            PLAIN.replace(",", ", "),
            PLAIN.rstrip("\n"),
            PLAIN + "\n\n",
            "\n\n" + PLAIN,
            "sep=,\n" + PLAIN,
            "# made in the shop\n#\n" + PLAIN,
            '"ds","y"\n' + "".join(f'"{day}","{i}"\n' for i, day in enumerate(DAYS)),
            "ds,y,\n" + "".join(f"{day},{i},\n" for i, day in enumerate(DAYS)),
            "ds,y\n" + "".join(f"{day},{i},\n" for i, day in enumerate(DAYS)),
            "\ufeff" + PLAIN,
            PLAIN.encode("utf-16"),
            PLAIN.encode("utf-16-le"),
            PLAIN.encode("utf-16-be"),
            b"\xff\xfe\x00\x00" + PLAIN.encode("utf-32-le"),
            gzip.compress(PLAIN.encode(), mtime=0),
        ],
    )
    def test_one_table_in_many_dialects(self, content: str | bytes, read: Reader) -> None:
        y = read(content)
        assert y.values.tolist() == [0, 1, 2] and y.index.astype("datetime64[D]").astype(str).tolist() == DAYS
        assert (y.names.time, y.names.value, y.frequency) == ("ds", "y", Frequency("day"))

    def test_without_a_header(self, read: Reader) -> None:
        y = read("".join(f"{day},{i}\n" for i, day in enumerate(DAYS)))
        assert (y.names.time, y.names.value) == ("column_1", "column_2") and "no header" in said(y)
        assert read("3\n1\n4\n").values.tolist() == [3, 1, 4]
        assert read("a\n3\n1\n", header=False, missing="a").values[1:].tolist() == [3, 1]
        assert read("7,1\n8,2\n9,4\n10,6\n", header=True).names.time == "7"

    def test_a_header_is_told_from_the_rows(self, read: Reader) -> None:
        assert read("A,2020-01-01,1\nA,2020-01-02,2\nB,2020-01-01,1\nB,2020-01-02,2\n", id="column_1").ids == ("A", "B")
        assert read("2019,2020\n1,2\n3,4\n", header=True, time="none").ids == ("2019", "2020")

    def test_latin_1_is_a_last_resort_and_noted(self, read: Reader) -> None:
        y = read("ds,größe\n2020-01-01,1\n2020-01-02,2\n".encode("latin-1"))
        assert y.names.value == "größe" and "Windows-1252" in said(y) and "row 1" in said(y)
        assert read("ds,größe\n2020-01-01,1\n".encode("cp437"), encoding="cp437").names.value == "größe"

    def test_decimal_commas_and_thousands(self, read: Reader) -> None:
        assert read("ds;y\n1;1,5\n2;1.234,5\n").values.tolist() == [1.5, 1234.5]
        assert read('ds,y\n1,"1,5"\n2,"22,5"\n').values.tolist() == [1.5, 22.5]
        assert read("value\n12,5\n13\n7,25\n").values.tolist() == [12.5, 13, 7.25]
        y = read("ds;a;b\n1;0,5;1.234\n2;0,7;2.345\n")
        assert y["b"].values.tolist() == [1234, 2345] and "thousands" in said(y)
        assert read("ds;y\n1;1,234\n2;1,567\n").values.tolist() == [1.234, 1.567]
        assert read("ds;y\n1;1,234\n2;1,567\n", decimal=".").values.tolist() == [1234, 1567]
        assert read("ds,y\n1,1.234\n", decimal=",").values.tolist() == [1234]

    def test_quotes_in_the_middle_are_text(self, read: Reader) -> None:
        assert read('id,ds,y\n5" nail,1,2\n5" nail,2,3\n').ids == ('5" nail',)

    def test_row_names_without_a_name(self, read: Reader) -> None:
        y = read("ds\ty\n1\t2020-01-01\t5\n2\t2020-01-02\t6\n")
        assert y.names.time == "ds" and y.values.tolist() == [5, 6]


class TestSources:
    def test_standard_input(self, tmp_path: Path) -> None:
        pl.DataFrame({"ds": [1, 2, 3], "y": [0.0, 1.0, 2.0]}).write_parquet(tmp_path / "a.parquet")
        program = "from inorder.data.series import read_series; y = read_series('-'); print(y.source, y.values.tolist())"
        for content in (PLAIN.encode(), gzip.compress(PLAIN.encode()), (tmp_path / "a.parquet").read_bytes()):
            done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=True)
            assert done.stdout.decode().strip() == "standard input [0.0, 1.0, 2.0]"

    def test_an_open_file(self) -> None:
        assert read_series(io.StringIO(PLAIN)).values.tolist() == read_series(io.BytesIO(PLAIN.encode())).values.tolist() == [0, 1, 2]

    def test_a_file_wins_over_a_sample_of_its_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert len(read_series("nile").values) == 100
        (tmp_path / "nile").write_text(PLAIN)
        assert len(read_series("nile").values) == 3

    def test_parquet(self, tmp_path: Path) -> None:
        frame = pl.DataFrame({"when": pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 1, 3), eager=True), "sales": [1, None, 3]})
        frame.write_parquet(tmp_path / "a.parquet")
        y = read_series(tmp_path / "a.parquet")
        np.testing.assert_array_equal(y.values, [1, nan, 3])
        assert y.describe() == '3 days, 2020-01-01 to 2020-01-03, column "sales", season 7, 1 missing'

    @pytest.mark.parametrize(
        "data",
        [
            pd.Series([0.0, 1, 2], index=pd.date_range("2020-01-01", periods=3), name="y"),
            pd.DataFrame({"y": [0, 1, 2]}, index=pd.date_range("2020-01-01", periods=3)),
            pd.DataFrame({"y": pd.array([0, 1, 2], dtype="Int64")}, index=pd.period_range("2020-01-01", periods=3, freq="D")),
            pd.DataFrame({"ds": DAYS, "y": [0, 1, 2]}),
            pd.DataFrame({"ds": pd.to_datetime(DAYS), "y": pd.Categorical([0, 1, 2])}),
            pd.DataFrame({"ds": pd.to_datetime(DAYS).date, "y": [0, 1, 2]}),
            pl.DataFrame({"ds": DAYS, "y": [0, 1, 2]}),
            pl.DataFrame({"ds": DAYS, "y": [0, 1, 2]}).lazy(),
            pl.DataFrame({"ds": DAYS, "y": ["0", "1", "2"]}),
            pl.DataFrame({"ds": DAYS, "y": [0, 1, 2]}).to_arrow(),
            {"ds": DAYS, "y": [0, 1, 2]},
        ],
    )
    def test_frames_of_all_kinds(self, data: Any) -> None:
        y = read_series(data)
        assert y.values.tolist() == [0, 1, 2] and y.index.astype("datetime64[D]").astype(str).tolist() == DAYS
        assert y.frame == ("pandas" if type(data).__module__.startswith("pandas") else "polars")
        assert y.names.value == "y"

    def test_pandas_index_of_two_levels_is_a_panel(self) -> None:
        index = pd.MultiIndex.from_product([["a", "b"], pd.to_datetime(DAYS)], names=["id", "ds"])
        y = read_series(pd.DataFrame({"y": range(6)}, index=index))
        assert y.ids == ("a", "b") and y["b"].values.tolist() == [3, 4, 5]

    def test_arrays(self) -> None:
        np.testing.assert_array_equal(read_series([1, 2, None]).values, [1, 2, nan])
        assert read_series(np.arange(6.0).reshape(3, 2)).ids == ("y1", "y2")
        assert read_series(np.tile([1.0, 5, 2, 0], 12)).season_length == 4
        y = read_series(np.arange(4.0), frequency="quarterly", start="1980Q3")
        assert [y.label(stamp) for stamp in y.index] == ["1980Q3", "1980Q4", "1981Q1", "1981Q2"] and y.season_length == 4
        assert read_series(np.arange(40.0), frequency="month").season_length == 12
        with pytest.raises(SeriesError, match="`time` is about columns"):
            read_series([1, 2], time="ds")
        with pytest.raises(SeriesError, match="holds 'x'"):
            read_series([1, "x"])

    def test_a_series_is_itself(self) -> None:
        y = Series.of([1.0, 2])
        assert read_series(y) is y
        with pytest.raises(SeriesError, match="frequency"):
            read_series(y, frequency="day")


class TestColumns:
    def test_a_long_panel(self, read: Reader) -> None:
        y = read("unique_id,ds,y,split\nb,1,5,train\nb,2,6,train\na,1,7,train\na,2,8,test\n")
        assert (y.ids, y.names.id, y.panel) == (("b", "a"), "unique_id", True)
        assert y["a"].values.tolist() == [7, 8] and "split (text)" in said(y)

    def test_an_id_column_is_found_by_what_it_holds(self, read: Reader) -> None:
        y = read("date,shopname,sales\n" + "".join(f"{day},{shop},{i}\n" for i, day in enumerate(DAYS) for shop in ("x", "y")))
        assert y.ids == ("x", "y") and y.names.id == "shopname"
        y = read("date,machine,sales\n" + "".join(f"{day},{shop},{i}\n" for i, day in enumerate(DAYS) for shop in (1, 2)))
        assert y.ids == ("1", "2") and y.names.id == "machine"
        y = read("date,part,sales\n" + "".join(f"{day},{shop},{i}.5\n" for i, day in enumerate(DAYS) for shop in (1, 2)))
        assert y.ids == ("1", "2")

    def test_several_columns_name_a_series(self, read: Reader) -> None:
        content = "date,store,item,sales\n" + "".join(f"{day},{store},{item},{i}\n" for i, day in enumerate(DAYS) for store in "AB" for item in "xy")
        y = read(content)
        assert y.ids == ("A/x", "A/y", "B/x", "B/y") and y.names.id == "store/item" and "together name a series" in said(y)
        assert read(content, id=["item", "store"]).ids == ("x/A", "y/A", "x/B", "y/B")

    def test_a_class_of_weather_is_no_id(self, read: Reader) -> None:
        y = read("date,weather,y\n2020-01-01,sun,1\n2020-01-02,sun,2\n2020-01-03,rain,4\n")
        assert not y.panel and "weather (text)" in said(y)

    def test_numbers_of_rows_are_no_id(self, read: Reader) -> None:
        y = read("id,date,y\n1,2020-01-01,1\n2,2020-01-02,2\n3,2020-01-03,4\n")
        assert not y.panel and y.names.value == "y" and y.names.time == "date"

    def test_ids_without_times_stand_in_blocks(self, read: Reader) -> None:
        y = read("id,y\nA,1\nA,2\nB,3\n")
        assert y.lengths.tolist() == [2, 1] and y.index.tolist() == [1, 2, 1]

    def test_a_wide_table(self, read: Reader) -> None:
        y = read("date,a,b\n2020-01-01,1,2\n2020-01-02,3,4\n")
        assert (y.ids, y.panel) == (("a", "b"), True) and y["b"].values.tolist() == [2, 4]
        assert "each of 2 columns" in said(y)
        one = read("date,a,b\n2020-01-01,1,2\n2020-01-02,3,4\n", value="b")
        assert not one.panel and one.values.tolist() == [2, 4] and "a (whole numbers)" in said(one)
        assert read("date,a,b,c\n2020-01-01,1,2,3\n2020-01-02,3,4,5\n", value=["c", "a"]).ids == ("c", "a")
        assert read("date,y,b\n2020-01-01,1,2\n2020-01-02,3,4\n", layout="wide").ids == ("y", "b")
        with pytest.raises(SeriesError, match="--value a"):
            read("date,a,b\n2020-01-01,1,2\n2020-01-02,3,4\n", layout="long")

    @pytest.mark.parametrize("name", ["y", "value", "target", "Y", "Value"])
    def test_a_conventional_value_column_wins(self, name: str, read: Reader) -> None:
        y = read(f"date,price,{name},other\n2020-01-01,1,2,3\n2020-01-02,3,4,5\n")
        assert not y.panel and y.names.value == name and "price" in said(y) and "other" in said(y)

    @pytest.mark.parametrize("companion", ["flux_err", "fluxerr", "err", "sigma", "std", "se", "flux_complete", "e_flux", "flux_lower"])
    def test_errors_and_complete_versions_are_no_second_series(self, companion: str, read: Reader) -> None:
        y = read(f"t,flux,{companion}\n0.5,1,2\n1.7,3,4\n2.2,4,5\n")
        assert not y.panel and y.names.value == "flux" and companion in said(y)

    def test_zeros_and_ones_are_no_series_beside_others(self, read: Reader) -> None:
        y = read("date,sales,holiday\n2020-01-01,5,TRUE\n2020-01-02,3,FALSE\n")
        assert not y.panel and "holiday (only 0 and 1)" in said(y) and "--future" in said(y)
        assert read("date,open\n2020-01-01,1\n2020-01-02,0\n").values.tolist() == [1, 0]

    def test_a_rare_two_among_thousands_of_zeros_makes_a_number(self, read: Reader) -> None:
        cells = [0] * 5000
        cells[1234] = 2
        y = read("t,rain,temp\n" + "".join(f"{i + 1},{cell},{i % 7}.5\n" for i, cell in enumerate(cells)))
        assert y.ids == ("rain", "temp")

    @pytest.mark.parametrize(
        "content, unit, first",
        [
            ("year,quarter,y\n1959,1,1\n1959,2,2\n1959,3,3\n", "quarter", "1959Q1"),
            ("Year,Qtr,y\n1959,Q1,1\n1959,Q2,2\n1959,Q3,3\n", "quarter", "1959Q1")
            if False
            else ("year,month,y\n1959,11,1\n1959,12,2\n1960,1,3\n", "month", "1959-11"),
            ("year,month,y\n1959,Nov,1\n1959,Dec,2\n1960,Jan,3\n", "month", "1959-11"),
            ("year,month,day,y\n2020,2,28,1\n2020,2,29,2\n2020,3,1,3\n", "day", "2020-02-28"),
            ("year,month,day,hour,y\n2020,2,29,22,1\n2020,2,29,23,2\n2020,3,1,0,3\n", "hour", "2020-02-29 22:00"),
            ("year,week,y\n2020,52,1\n2020,53,2\n2021,1,3\n", "week", "2020-12-21"),
            ("date,hour,y\n2020-02-29,22,1\n2020-02-29,23,2\n2020-03-01,0,3\n2020-03-01,1,3\n", "hour", "2020-02-29 22:00"),
            ("date,time,y\n2020-02-29,23:00,1\n2020-02-29,23:30,2\n2020-03-01,00:00,3\n2020-03-01,00:30,4\n", "minute", "2020-02-29 23:00"),
            ("1749 11 58.0\n1749 12 62.6\n1750 1 70\n", "month", "1749-11"),
        ],
    )
    def test_times_in_several_columns_are_joined(self, content: str, unit: str, first: str, read: Reader) -> None:
        y = read(content)
        assert y.frequency is not None and y.frequency.unit == unit and y.label(y.index[0]) == first
        assert not np.isnan(y.values).any() and "together are the time" in said(y)

    def test_named_parts_of_a_time_are_joined(self, read: Reader) -> None:
        y = read("jahr,monat,x\n2020,1,5\n2020,2,6\n", time=["jahr", "monat"])
        assert y.label(y.index[-1]) == "2020-02" and y.names.time == "jahr/monat"

    def test_the_finest_dates_are_the_time(self, read: Reader) -> None:
        y = read("Date,Time,y\n2012-01-01,2011-12-31T13:00:00Z,1\n2012-01-01,2011-12-31T13:30:00Z,2\n2012-01-01,2011-12-31T14:00:00Z,2\n")
        assert y.names.time == "Time" and "Date (dates)" in said(y)

    def test_tables_of_months_and_quarters(self, read: Reader) -> None:
        names = "January February March April May June July August September October November December".split()
        y = read("year," + ",".join(names) + ",Total\n2001," + ",".join(map(str, range(12))) + ",66\n2002,12,13" + "," * 10 + "0,\n".replace("0", "") + "\n")
        assert y.values.tolist() == list(range(14)) and y.label(y.index[-1]) == "2002-02"
        y = read("year,Q1,Q2,Q3,Q4\n2001,,2,3,4\n2002,5,6,,\n")
        assert y.values.tolist() == [2, 3, 4, 5, 6] and y.label(y.index[0]) == "2001Q2" and y.season_length == 4

    @pytest.mark.parametrize("corner", ["", "Unnamed: 0", "id", "No"])
    def test_a_column_that_numbers_the_rows_is_no_series(self, corner: str, read: Reader) -> None:
        y = read(f"{corner},date,a,b\n0,2020-01-01,4,2\n1,2020-01-02,3,4\n2,2020-01-03,3,4\n")
        assert y.ids == ("a", "b") and y.names.time == "date"

    def test_a_series_in_each_row(self, read: Reader) -> None:
        y = read("V1,V2,V3,V4,V5,V6\nH1,605,586,,559,\nH2,3124,2990,2862,2809,2544\n")
        assert y.ids == ("H1", "H2") and y.names.id == "V1" and "each row is a series" in said(y)
        np.testing.assert_array_equal(y["H1"].values, [605, 586, nan, 559])
        assert y.index.tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 5]
        assert read("V1,V2,V3,V4,V5,V6\nH1,605,586,,559,\nH2,3124,2990,2862,2809,2544\n", layout="wide").ids == ("V2", "V3", "V4", "V5", "V6")

    def test_a_series_in_each_row_below_its_dates(self, read: Reader) -> None:
        y = read("Country,Code,1960,1961,1962,1963\nFrance,FR,1,2,3,4\nSpain,ES,,6,7,8\n")
        assert y.ids == ("France", "Spain") and y.frequency == Frequency("year") and "Code (text)" in said(y)
        assert y.label(y["Spain"].index[0]) == "1961" and y["Spain"].values.tolist() == [6, 7, 8]
        y = read("shop,2020-01,2020-02,2020-03,2020-04\nA,5,6,7,8\nB,6,7,8,9\n")
        assert y.frequency == Frequency("month") and y["B"].values.tolist() == [6, 7, 8, 9]
        y = read("shop,2020-01,2020-02,2020-03,2020-04\nA,5,6,7,8\nB,,,,\n")
        assert y.ids == ("A",) and "1 series without values left out" in said(y)
        assert read("shop,x,z\nA,5,6\nB,6,7\n", layout="rows")["B"].values.tolist() == [6, 7]
        with pytest.raises(SeriesError, match="no series in its rows"):
            read("a,b\n5,6\n5,7\n", layout="rows")

    def test_none_is_an_answer(self, read: Reader) -> None:
        content = "id,date,y\nA,2020-01-03,1\nA,2020-01-01,2\n"
        assert not read(content, id="none").panel
        y = read(content, id="none", time="none")
        assert y.values.tolist() == [1, 2] and y.index.tolist() == [1, 2]

    def test_covariates(self, read: Reader) -> None:
        content = "date,store,sales,price,temp,size\n" + "".join(
            f"{day},{store},{i},{i + 10},{i + 20},{ord(store)}\n" for i, day in enumerate(DAYS) for store in "AB"
        )
        y = read(content, value="sales", past="price", future=["temp"], static="size")
        assert y.past["price"].tolist() == [10, 11, 12] * 2 and y.future["temp"].tolist() == [20, 21, 22] * 2 and y.static["size"].tolist() == [65, 66]
        assert "past price, future temp, static size" in y.describe()

    def test_rows_after_the_last_value_give_the_future(self, read: Reader) -> None:
        y = read("date,y,temp\n2020-01-01,1,5\n2020-01-02,,6\n2020-01-03,3,7\n2020-01-04,,8\n2020-01-05,,9\n", future="temp")
        np.testing.assert_array_equal(y.values, [1, nan, 3])
        assert y.ahead["temp"].tolist() == [[8, 9]] and "known ahead" in said(y)
        two = read("id,date,y,temp\nA,1,1,5\nA,2,,6\nB,1,1,5\nB,2,2,6\n", future="temp")
        np.testing.assert_array_equal(two.ahead["temp"], [[6], [nan]])
        assert two.lengths.tolist() == [1, 2]


class TestRows:
    def test_unsorted_rows(self, read: Reader) -> None:
        y = read("ds,y\n2020-01-03,3\n2020-01-01,1\n2020-01-02,2\n")
        assert y.values.tolist() == [1, 2, 3] and "sorted" in said(y)
        y = read("ds,y\n2020-01-03,3\n2020-01-02,2\n2020-01-01,1\n")
        assert y.values.tolist() == [1, 2, 3] and "newest first" in said(y)

    def test_a_panel_in_order_of_time_needs_no_note(self, read: Reader) -> None:
        y = read("id,ds,y\nA,1,1\nB,1,2\nA,2,3\nB,2,4\n")
        assert y.values.tolist() == [1, 3, 2, 4] and y.notes == ()

    def test_equal_rows_are_dropped(self, read: Reader) -> None:
        y = read("ds,y\n2020-01-01,1\n2020-01-02,\n2020-01-02,\n2020-01-03,3\n2020-01-03,3\n2020-01-03,3\n")
        np.testing.assert_array_equal(y.values, [1, nan, 3])
        assert "3 repeated rows dropped" in said(y)

    @pytest.mark.parametrize("how, value", [("mean", 3.5), ("first", 2), ("last", 5), ("sum", 7)])
    def test_different_values_at_one_stamp(self, how: str, value: float, read: Reader) -> None:
        y = read("ds,y,x\n2020-01-01,1,1\n2020-01-02,2,1\n2020-01-02,5,3\n2020-01-03,3,1\n", duplicates=how, past="x")
        assert y.values.tolist() == [1, value, 3] and how in said(y)
        assert y.past["x"][1] == {"first": 1, "last": 3}.get(how, 2)

    def test_the_panel_names_the_series_of_a_repeated_stamp(self, read: Reader) -> None:
        with pytest.raises(SeriesError, match=r'2020-01-01 of "B" appears twice.*rows 3 and 5'):
            read("id,ds,y\nA,2020-01-01,1\nB,2020-01-01,2\nA,2020-01-02,3\nB,2020-01-01,4\nB,2020-01-02,4\n")

    def test_the_row_that_decides_the_order_of_dates_is_told(self, read: Reader) -> None:
        assert 'because row 4 has "13/01/2020"' in said(read(rows(["11/01/2020", "12/01/2020", "13/01/2020"])))

    def test_gaps_are_missing(self, read: Reader) -> None:
        y = read("ds,y\n2020-01-01,1\n2020-01-02,2\n2020-01-05,5\n2020-01-06,6\n")
        np.testing.assert_array_equal(y.values, [1, 2, nan, nan, 5, 6])
        assert "2 stamps without a row" in said(y) and "2020-01-03" in said(y)

    def test_gaps_of_a_panel(self, read: Reader) -> None:
        y = read("id,ds,y\nA,1,1\nA,2,2\nA,4,4\nB,5,5\nB,6,6\n")
        assert y.lengths.tolist() == [4, 2] and y.index.tolist() == [1, 2, 3, 4, 5, 6] and "in 1 series" in said(y)

    def test_a_series_of_zeros_among_others_stays_one(self, read: Reader) -> None:
        stamps = [f"2020-01-0{day}" for day in range(1, 7)]
        table = "ds,shop1,shop2,shop3,rest\n" + "".join(f"{stamp},{3 + i},0,{i % 2},{7.5 * i}\n" for i, stamp in enumerate(stamps))
        y = read(table)
        assert y.ids == ("shop1", "shop2", "shop3", "rest") and "each of 4 columns of numbers is a series" in said(y)
        np.testing.assert_array_equal(y.y(1), np.zeros(6))
        flagged = read(table.replace("shop3", "holiday").replace("shop2", "closed"))  # zeros only, and a flag
        assert flagged.ids == ("shop1", "closed", "rest") and "left out: holiday (only 0 and 1)" in said(flagged)
        assert read(table.replace("shop2", "shop1_flag")).ids == ("shop1", "shop3", "rest")
        assert read(table.replace(",0,", ",false,").replace("shop2", "closed")).ids == ("shop1", "shop3", "rest")

    def test_empty_rows_are_left_out(self, read: Reader) -> None:
        y = read("ds,y\n2020-01-01,1\n,\n2020-01-02,2\n\n")
        assert y.values.tolist() == [1, 2] and "left out" in said(y)
        np.testing.assert_array_equal(read("y\n1\n\n3\n\n").values, [1, nan, 3])


class TestFrequency:
    def test_irregular_stamps_stay(self, read: Reader) -> None:
        y = read(rows(["2020-01-01 00:07", "2020-01-01 00:31", "2020-01-01 01:10", "2020-01-03 03:10"]))
        assert y.frequency is None and y.season_length == 1 and len(y.values) == 4
        assert "4 irregular times" in y.describe() and "spacing 24 minutes to 2.08 days" in y.describe()

    def test_business_days(self, read: Reader) -> None:
        days = pd.bdate_range("2024-01-01", "2024-03-01").drop(pd.Timestamp("2024-01-15"))
        y = read(rows([str(day.date()) for day in days]))
        assert y.frequency == Frequency("business day") and y.season_length == 5 and int(np.isnan(y.values).sum()) == 1

    @pytest.mark.parametrize("code, unit, moved", [("BME", "month", "last day"), ("BMS", "month", "first day"), ("BQE", "quarter", "last day")])
    def test_business_months_are_months(self, code: str, unit: str, moved: str, read: Reader) -> None:
        y = read(rows([str(day.date()) for day in pd.date_range("2019-01-01", periods=24, freq=code)]))
        assert y.frequency is not None and y.frequency.unit == unit and moved in said(y) and not np.isnan(y.values).any()

    def test_it_can_be_told(self, read: Reader) -> None:
        assert read(rows(["2020-01-01", "2020-01-03"]), frequency="day").lengths.tolist() == [3]
        y = read(rows(["2020-01-03", "2020-02-07", "2020-03-02"]), frequency="monthly")
        assert [y.label(stamp) for stamp in y.index] == ["2020-01", "2020-02", "2020-03"] and "first day" in said(y)
        assert read(rows(DAYS), frequency="none").frequency is None
        assert read(rows(DAYS), season_length=30).season_length == 30
        assert "only sets the season" in said(read("y\n" + "1\n2\n" * 20, frequency="month"))

    def test_different_frequencies_in_one_file_are_refused(self, read: Reader) -> None:
        content = (
            "id,ds,y\n" + "".join(f"M,{2000 + i // 12}-{i % 12 + 1:02d}-01,{i}\n" for i in range(30)) + "".join(f"Y,{2000 + i}-01-01,{i}\n" for i in range(10))
        )
        with pytest.raises(SeriesError, match='"Y" has one row per year.*one per month'):
            read(content)
        assert read(content, frequency="month").lengths.tolist() == [30, 109]

    def test_series_with_phases_of_their_own(self, read: Reader) -> None:
        y = read("id,ds,y\n" + "".join(f"A,2020-{m:02d}-01,1\nB,2020-{m:02d}-15,1\n" for m in range(1, 13)))
        assert y.frequency == Frequency("month") and y.lengths.tolist() == [12, 12]

    def test_a_start_gives_dates(self, read: Reader) -> None:
        y = read("y\n" + "1\n2\n" * 3, frequency="30min", start="2000-06-05")
        assert y.label(y.index[-1]) == "2000-06-05 02:30" and y.season_length == 48
        assert read("t,y\n3,1\n4,2\n6,3\n", frequency="year", start="1990").index.astype("datetime64[Y]").astype(str).tolist() == [
            "1990",
            "1991",
            "1992",
            "1993",
        ]


class TestEvery:
    STAMPS = ("2020-01-01 00:07", "2020-01-01 00:31", "2020-01-01 01:10", "2020-01-01 03:10")

    @pytest.mark.parametrize(
        "how, values",
        [
            ("mean", [0.5, 2, nan, 3]),
            ("sum", [1, 2, nan, 3]),
            ("last", [1, 2, nan, 3]),
            ("first", [0, 2, nan, 3]),
            ("max", [1, 2, nan, 3]),
            ("min", [0, 2, nan, 3]),
            ("median", [0.5, 2, nan, 3]),
        ],
    )
    def test_irregular_stamps_on_a_grid(self, how: str, values: list[float], read: Reader) -> None:
        y = read(rows(list(self.STAMPS)), every="1h", how=how)
        np.testing.assert_array_equal(y.values, values)
        assert y.frequency == Frequency("hour") and y.season_length == 24 and how in said(y)

    def test_numbers(self, read: Reader) -> None:
        y = read(rows([0.1, 0.5, 2.7], header="t,y"), every=1)
        np.testing.assert_array_equal(y.values, [0.5, nan, 2])
        assert y.index.tolist() == [0, 1, 2]

    def test_repeated_stamps_need_no_answer_there(self, read: Reader) -> None:
        assert read(rows(["2020-01-01", "2020-01-01", "2020-01-02"]), every="1d").values.tolist() == [0.5, 2]
