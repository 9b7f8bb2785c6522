"""Newer rows: read as the history was, of the same frequency, from the same column, each series after its own end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from inorder.data.continuing import newer_rows, read_like
from inorder.data.frequency import Frequency
from inorder.data.series import Series, extend, read_series, regularise
from inorder.errors import SeriesError

Reader = Callable[..., Series]
nan = float("nan")


def like(tmp_path: Path, history: Series, text: str, **given: Any) -> Series:
    path = tmp_path / "new.csv"
    path.write_text(text, encoding="utf-8")
    return read_like(history, path, given)


def rows(header: str, stamps: Any, *columns: Any) -> str:
    columns = columns or (range(1, len(stamps) + 1),)
    return header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in zip(stamps, *columns, strict=True))


MONTHS = np.arange("2015-01", "2020-01", dtype="datetime64[M]")
DAYS = np.arange("2020-01-01", "2020-02-10", dtype="datetime64[D]")


@pytest.fixture
def monthly(read: Reader) -> Series:
    return read(rows("date,sales", MONTHS))


class TestFrequency:
    def test_daily_rows_are_no_months(self, monthly: Series, tmp_path: Path) -> None:
        with pytest.raises(SeriesError, match=r"new rows are daily, the history is monthly; aggregate them with --every 1mo --how sum"):
            like(tmp_path, monthly, rows("date,sales", DAYS))
        with pytest.raises(SeriesError, match="daily.*monthly.*--every 1mo"):
            extend(monthly, pl.DataFrame({"date": DAYS.astype("datetime64[us]"), "sales": np.arange(len(DAYS))}))
        with pytest.raises(SeriesError, match="daily.*monthly.*--every 1mo"):
            extend(monthly, read_series({"date": DAYS.astype("datetime64[us]"), "sales": np.arange(len(DAYS))}))

    def test_the_advice_works(self, monthly: Series, tmp_path: Path) -> None:
        new = like(tmp_path, monthly, rows("date,sales", DAYS), every="1mo", how="sum")
        assert extend(monthly, new).values[-2:].tolist() == [sum(range(1, 32)), sum(range(32, 41))]

    @pytest.mark.parametrize(
        "stamps, said",
        [
            (np.arange("2020-01", "2021-01", dtype="datetime64[M]")[::3], "quarterly.*monthly.*give monthly rows"),
            (np.arange("2020", "2024", dtype="datetime64[Y]").astype("datetime64[M]"), "yearly.*monthly"),
            (["2020-01-01", "2020-01-02", "2020-01-09", "2020-01-27"], "daily.*monthly.*1mo"),
            (["2020-01-01 00:00", "2020-01-01 01:00", "2020-01-01 02:00"], "hourly.*monthly.*1mo"),
        ],
    )
    def test_other_frequencies(self, stamps: Any, said: str, monthly: Series, tmp_path: Path) -> None:
        with pytest.raises(SeriesError, match=said):
            like(tmp_path, monthly, rows("date,sales", stamps))

    def test_hours_are_no_days(self, read: Reader) -> None:
        y = read(rows("date,sales", DAYS))
        hours = np.arange("2020-02-11T00", "2020-02-12T12", dtype="datetime64[h]").astype("datetime64[us]")
        with pytest.raises(SeriesError, match="hourly.*daily.*--every 1d"):
            extend(y, {"date": hours, "sales": np.arange(len(hours))})
        with pytest.raises(SeriesError, match="hourly.*daily.*--every 1d"):
            extend(y, Series.of(np.arange(36.0), index=hours, frequency=Frequency("hour")))

    def test_rows_of_a_coarser_series_are_refused(self, monthly: Series) -> None:
        quarters = np.arange("2020-01", "2021-01", dtype="datetime64[M]")[::3].astype("datetime64[us]")
        with pytest.raises(SeriesError, match="quarterly.*monthly"):
            extend(monthly, Series.of(np.ones(4), index=quarters, frequency=Frequency("quarter")))

    def test_stamps_rise_strictly(self, monthly: Series) -> None:
        again = np.array(["2020-02-01", "2020-02-15", "2020-03-20"], "datetime64[us]")
        with pytest.raises(SeriesError, match="2020-02 follows 2020-02"):
            extend(monthly, Series.of(np.ones(3), index=again, frequency=Frequency("month")))
        back = np.array(["2020-03-01", "2020-02-01"], "datetime64[us]")
        with pytest.raises(SeriesError, match="2020-02 follows 2020-03"):
            extend(monthly, Series.of(np.ones(2), index=back, frequency=Frequency("month")))

    def test_every_stamp_stands_on_the_grid(self, read: Reader) -> None:
        y = read(rows("date,sales", DAYS))
        beside = np.array(["2020-02-10T00:00", "2020-02-12T06:00"], "datetime64[us]")
        with pytest.raises(SeriesError, match="2020-02-12"):
            extend(y, Series.of(np.ones(2), index=beside, frequency=Frequency("day")))

    def test_a_gap_among_the_new_rows_is_missing(self, monthly: Series, tmp_path: Path) -> None:
        for new in (like(tmp_path, monthly, rows("date,sales", ["2020-01", "2020-03"])), read_series({"date": ["2020-01", "2020-03"], "sales": [1, 2]})):
            y = extend(monthly, new)
            np.testing.assert_array_equal(y.values[-3:], [1, nan, 2])
            assert y.label(y.index[-2]) == "2020-02"

    def test_a_stamp_in_the_far_future(self, monthly: Series) -> None:
        far = np.array(["9000-01-01"], "datetime64[us]")
        with pytest.raises(SeriesError, match="9000-01.*83,7"):
            extend(monthly, Series.of([1.0], index=far, frequency=Frequency("month")))

    def test_months_are_no_days(self, read: Reader, tmp_path: Path) -> None:
        y = read(rows("date,sales", DAYS))
        months = np.arange("2020-03", "2020-08", dtype="datetime64[M]")
        with pytest.raises(SeriesError, match="monthly, the history is daily; give daily rows"):
            like(tmp_path, y, rows("date,sales", months))
        with pytest.raises(SeriesError, match="monthly, the history is daily; give daily rows"):
            extend(y, Series.of(np.ones(5), index=months.astype("datetime64[us]"), frequency=Frequency("month")))
        few = like(tmp_path, y, rows("date,sales", ["2020-02-12", "2020-02-15", "2020-02-21"]))
        assert extend(y, few).lengths.tolist() == [52]  # only gaps


class TestReading:
    @pytest.mark.parametrize("how", [{"dates": "day-first"}, {}])
    def test_the_order_of_dates(self, how: Mapping[str, str], read: Reader, tmp_path: Path) -> None:
        old = [f"{d:02d}/01/2020" for d in range(1, 32)]
        history = read(rows("date,sales", old), **how)
        new = like(tmp_path, history, rows("date,sales", [f"{d:02d}/02/2020" for d in range(1, 6)]))
        assert new.index.astype("datetime64[D]").astype(str).tolist() == [f"2020-02-0{d}" for d in range(1, 6)]
        wins = like(tmp_path, history, rows("date,sales", ["02/01/2020", "02/02/2020"]), dates="month-first")
        assert [wins.label(stamp) for stamp in wins.index] == ["2020-02-01", "2020-02-02"]
        assert extend(history, {"date": ["01/02/2020"], "sales": [3]}).label(extend(history, {"date": ["01/02/2020"], "sales": [3]}).index[-1]) == "2020-02-01"

    def test_the_decimal_mark(self, read: Reader, tmp_path: Path) -> None:
        german = read("date;sales\n2020-01;1,5\n2020-02;2,25\n2020-03;7,125\n")
        assert like(tmp_path, german, "date;sales\n2020-04;1.234\n2020-05;7\n").values.tolist() == [1234, 7]
        assert like(tmp_path, german, "date;sales\n2020-04;1,234\n").values.tolist() == [1.234]
        assert like(tmp_path, german, "date;sales\n2020-04;12.5\n").values.tolist() == [12.5]  # that can only be a dot
        english = read("date;sales\n2020-01;1.5\n2020-02;2.25\n2020-03;7.5\n")
        assert like(tmp_path, english, "date;sales\n2020-04;1,234\n").values.tolist() == [1234]
        assert like(tmp_path, english, "date;sales\n2020-04;1,234\n", decimal=",").values.tolist() == [1.234]

    def test_what_was_told_is_remembered(self, read: Reader, tmp_path: Path) -> None:
        text = "a~2020-01-01~1\na~2020-01-02~closed\na~2020-01-03~3\nb~2020-01-01~1\nb~2020-01-02~2\nb~2020-01-03~3\n"
        options: dict[str, Any] = {"separator": "~", "header": False, "missing": "closed", "id": "column_1", "time": "column_2", "value": "column_3"}
        history = read(text.encode("utf-16"), encoding="utf-16", duplicates="sum", **options)
        path = tmp_path / "new.csv"
        path.write_bytes("a~2020-01-04~closed\nb~2020-01-04~5\nb~2020-01-04~6\n".encode("utf-16"))
        new = read_like(history, path, {})
        np.testing.assert_array_equal(new.values, [nan, 11])
        assert new.ids == ("a", "b")

    def test_the_grid_is_remembered(self, read: Reader, tmp_path: Path) -> None:
        history = read(rows("date,sales", DAYS), every="1mo", how="sum")
        march = np.arange("2020-03-01", "2020-05-01", dtype="datetime64[D]")
        new = like(tmp_path, history, rows("date,sales", march, np.ones(61)))
        assert new.values.tolist() == [31, 30] and extend(history, new).label(extend(history, new).index[-1]) == "2020-04"
        own = like(tmp_path, regularise(read(rows("date,sales", DAYS)), "1mo", "sum"), rows("date,sales", march, np.ones(61)))
        assert own.values.tolist() == [31, 30]

    @pytest.mark.parametrize("stamps, new", [((1990, 1991, 1992, 1993), (1994,)), ((7, 8, 9), (10, 11)), ((1900, 1900.5, 1901.25, 1902), (1903.5,))])
    def test_numbers_keep_their_meaning(self, stamps: Any, new: Any, read: Reader, tmp_path: Path) -> None:
        history = read(rows("t,sales", stamps))
        back = like(tmp_path, history, rows("t,sales", new))
        assert extend(history, back).to_frame()["t"].to_list()[-len(new) :] == list(new)

    def test_the_time_zone(self, read: Reader, tmp_path: Path) -> None:
        hours = [f"2020-01-01 {h:02d}:00" for h in range(24)]
        history = read(rows("when,sales", hours), timezone="America/New_York")
        new = like(tmp_path, history, rows("when,sales", ["2020-01-02 00:00"]))
        assert new.index[0] - history.index[-1] == np.timedelta64(3600, "s")
        bare = read(rows("when,sales", hours))
        with pytest.raises(SeriesError, match="UTC.*none"):
            extend(bare, {"when": ["2020-01-02T00:00Z", "2020-01-02T01:00Z"], "sales": [1, 2]})

    def test_a_start(self, read: Reader, tmp_path: Path) -> None:
        history = read("sales\n1\n2\n3\n", start="2020-01", frequency="monthly")
        new = newer_rows(history, like(tmp_path, history, "sales\n1\n2\n3\n4\n5\n"))
        assert new is not None and [history.label(stamp) for stamp in new.index] == ["2020-04", "2020-05"]
        assert extend(history, {"sales": [9]}).values.tolist() == [1, 2, 3, 9]

    def test_frames_after_a_text_file(self, read: Reader) -> None:
        history = read("date~sales\n2020-01~1\n2020-02~2\n2020-03~3\n", separator="~", encoding="latin-1", header=True)
        assert extend(history, pd.DataFrame({"date": ["2020-04"], "sales": [4]})).values.tolist() == [1, 2, 3, 4]

    def test_series_in_rows(self, read: Reader, tmp_path: Path) -> None:
        history = read("id,V1,V2,V3,V4,V5\nA,1,2,3,4,5\nB,1,2,3,4,\n")
        new = newer_rows(history, like(tmp_path, history, "id,V1,V2,V3,V4,V5,V6\nA,1,2,3,4,5,6\nB,1,2,3,4,5,6\n"))
        assert new is not None and extend(history, new).lengths.tolist() == [6, 6]

    def test_one_more_year_in_columns(self, read: Reader, tmp_path: Path) -> None:
        history = read("id,2018,2019,2020,2021\nA,1,2,3,4\nB,1,2,3,4\n")
        y = extend(history, like(tmp_path, history, "id,2022\nA,5\nB,6\n"))
        assert y.lengths.tolist() == [5, 5] and y.label(y.index[-1]) == "2022"

    def test_years_with_their_months_in_columns(self, read: Reader, tmp_path: Path) -> None:
        header = "YEAR,JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC\n"
        history = read(header + "1950," + ",".join(map(str, range(12))) + "\n1951," + ",".join(map(str, range(12, 24))) + "\n")
        new = newer_rows(history, like(tmp_path, history, header + "1951," + ",".join(["0"] * 12) + "\n1952," + ",".join(map(str, range(24, 36))) + "\n"))
        assert new is not None and extend(history, new).values.tolist() == list(range(36))


class TestNames:
    def test_another_column_is_refused(self, monthly: Series, tmp_path: Path) -> None:
        text = rows("date,price", ["2020-01", "2020-02"])
        with pytest.raises(SeriesError, match='no column "sales".*"price".*--value price'):
            like(tmp_path, monthly, text)
        assert like(tmp_path, monthly, text, value="price").values.tolist() == [1, 2]
        with pytest.raises(SeriesError, match='no column "sales".*"price"'):
            extend(monthly, {"date": ["2020-01"], "price": [1]})

    def test_the_known_column_is_taken_among_others(self, monthly: Series, tmp_path: Path) -> None:
        text = rows("date,price,sales,id", ["2020-01", "2020-02"], [7, 8], [1, 2], [5, 5])
        assert like(tmp_path, monthly, text).values.tolist() == [1, 2]

    def test_columns_without_names_pass(self, monthly: Series, tmp_path: Path, read: Reader) -> None:
        text = "2020-01,1\n2020-02,2\n"
        assert like(tmp_path, monthly, text).values.tolist() == [1, 2]
        bare = read("2019-11,1\n2019-12,2\n2020-01,3\n")
        assert like(tmp_path, bare, "date,price\n2020-02,4\n2020-03,5\n").values.tolist() == [4, 5]
        stamps = pd.DatetimeIndex(["2020-01-01", "2020-02-01"])
        assert extend(monthly, pd.Series([4.0, 5.0], index=stamps)).values[-2:].tolist() == [4, 5]
        with pytest.raises(SeriesError, match='"price"'):
            extend(monthly, pd.Series([4.0, 5.0], index=stamps, name="price"))

    def test_a_single_series_of_a_panel_is_found_by_its_name(self, read: Reader, tmp_path: Path) -> None:
        panel = read("shop,date,sales\n" + "".join(f"{shop},2020-0{m},{m}\n" for shop in "ab" for m in range(1, 5)))
        new = like(tmp_path, panel["b"], "shop,date,sales\na,2020-05,1\nb,2020-05,2\na,2020-06,1\nb,2020-06,3\n")
        after = newer_rows(panel["b"], new)
        assert after is not None and after.ids == ("b",) and extend(panel["b"], after).values[-2:].tolist() == [2, 3]

    def test_a_wide_panel_keeps_to_its_columns(self, read: Reader, tmp_path: Path) -> None:
        panel = read("date,a,b\n2020-01,1,2\n2020-02,1,2\n2020-03,1,2\n", value=["a", "b"])
        assert like(tmp_path, panel, "date,c,b,a\n2020-04,9,2,1\n2020-05,9,2,1\n").ids == ("a", "b")


class TestUnevenPanels:
    def test_each_series_after_its_own_end(self, read: Reader, tmp_path: Path) -> None:
        def text(a: int, b: int) -> str:
            return "id,date,y\n" + "".join(f"{name},{MONTHS[0] + t},{t}\n" for name, count in (("a", a), ("b", b)) for t in range(count))

        history = read(text(60, 58))
        new = newer_rows(history, like(tmp_path, history, text(62, 62)))
        assert new is not None and new.lengths.tolist() == [2, 4]
        y = extend(history, new)
        assert [values.tolist() for values in y] == [list(range(62))] * 2
        one = newer_rows(history, like(tmp_path, history, text(60, 59)))
        assert one is not None and one.ids == ("b",) and extend(history, one).lengths.tolist() == [60, 59]
        assert newer_rows(history, like(tmp_path, history, text(60, 58))) is None

    def test_head_and_tail_of_uneven_parts(self, read: Reader) -> None:
        panel = read("id,ds,y,f\n" + "".join(f"{id},2020-01-0{d},{d},{d + 20}\n" for id in "AB" for d in range(1, 5)), future="f")
        cut = panel.head(np.array([0, 2]))
        assert cut.lengths.tolist() == [4, 2]
        np.testing.assert_array_equal(cut.ahead["f"], [[nan, nan], [23, 24]])
        assert panel.tail(np.array([0, 3])).ids == ("B",) and panel.tail(np.array([1, 2])).values.tolist() == [4, 3, 4]
        with pytest.raises(SeriesError, match='"B" has 4 rows; 5 are needed'):
            panel.head(np.array([1, 4]))
