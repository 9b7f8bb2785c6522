"""The record, its growth, grids, frames and storage."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from inorder.data.frames import make_frame
from inorder.data.frequency import Frequency
from inorder.data.samples import FOLDER, SAMPLES, sample_path
from inorder.data.series import Series, as_series, extend, read_series, regularise
from inorder.data.storing import restore_series, series_arrays, series_header
from inorder.errors import BundleError, ConfigError, InputError, SeriesError, ShapeError

Reader = Callable[..., Series]
nan = float("nan")
PANEL = "id,ds,y,x,f,s\n" + "".join(f"{id},2020-01-{d:02d},{d},{d + 10},{d + 20},{ord(id)}\n" for id in "AB" for d in range(1, 4))


@pytest.fixture
def panel(read: Reader) -> Series:
    return read(PANEL, past="x", future="f", static="s")


@pytest.fixture
def months() -> Series:
    return read_series("air-passengers")


class TestRecord:
    def test_of_an_index(self) -> None:
        y = Series.of([1.0, 2.0], index=np.array(["2020-01", "2020-02"], "datetime64[M]"), frequency=Frequency("month"))
        assert y.index.dtype == "datetime64[us]" and y.label(y.index[1]) == "2020-02"
        with pytest.raises(ShapeError, match="3"):
            Series.of([1.0, 2.0], index=np.arange(3))
        with pytest.raises(ConfigError, match="month"):
            Series.of([1.0, 2.0], frequency=Frequency("month"))
        with pytest.raises(SeriesError, match=r"\[1\]"):
            Series.of([1.0, float("inf")])
        with pytest.raises(ShapeError):
            Series.of(np.zeros((2, 2, 2)))

    def test_parts(self, panel: Series) -> None:
        assert [y.tolist() for y in panel] == [[1, 2, 3], [1, 2, 3]]
        assert panel["B"].static["s"].tolist() == [ord("B")] and not panel["B"].panel
        assert panel.take([1, 0]).ids == ("B", "A")
        cut = panel.head(1)
        assert cut.values.tolist() == [1, 2, 1, 2] and cut.ahead["f"].tolist() == [[23], [23]] and cut.past["x"].tolist() == [11, 12, 11, 12]
        assert cut.head(1).ahead["f"].tolist() == [[22, 23], [22, 23]]
        assert panel.tail(2).values.tolist() == [2, 3, 2, 3]
        with pytest.raises(SeriesError, match="4 are needed"):
            panel.head(3)
        with pytest.raises(InputError, match='"C"'):
            panel["C"]

    def test_as_series(self, months: Series) -> None:
        assert as_series(months) is months and as_series("air-passengers").values.tolist() == months.values.tolist()

    def test_describe(self, months: Series, panel: Series, read: Reader) -> None:
        assert months.describe() == '144 months, 1949-01 to 1960-12, column "passengers", season 12'
        assert panel.describe() == '2 series of 3 days, 2020-01-01 to 2020-01-03, column "y", season 7, past x, future f, static s'
        assert Series.of([1.0]).describe() == '1 step, 1, column "y"'
        assert read("t,y\n0,1\n0.5,2\n1,3\n").describe() == '3 steps of 0.5, 0 to 1, column "y"'
        assert "2 series, 1 to 2 steps each" in read("id,t,y\nA,1,5\nB,1,6\nB,2,7\n").describe()
        one = read("ds,y\n2020-01-01,1\n")
        assert one.describe() == '1 time, 2020-01-01, column "y"' and any("--frequency" in note for note in one.notes)
        month = read("ds,y\n2020-01,1\n")
        assert month.describe() == '1 month, 2020-01, column "y", season 12' and not month.notes


class TestExtend:
    @pytest.mark.parametrize("new", [[1.0, 2.0], np.array([1, 2]), (1, 2), pd.DataFrame({"month": ["1961-01", "1961-02"], "passengers": [1, 2]})])
    def test_the_next_rows(self, new: Any, months: Series) -> None:
        y = extend(months, new)
        assert y.values[-2:].tolist() == [1, 2] and y.label(y.index[-1]) == "1961-02" and len(y.values) == 146
        assert (y.season_length, y.names, y.ids) == (months.season_length, months.names, months.ids)

    def test_one_number(self, months: Series) -> None:
        assert extend(months, 5).values[-1] == 5 and extend(extend(months, 5), nan).label(extend(extend(months, 5), nan).index[-1]) == "1961-02"

    def test_a_missing_observation(self, months: Series) -> None:
        y = extend(months, {"month": ["1961-01"], "passengers": [None]})
        assert np.isnan(y.values[-1]) and y.label(y.index[-1]) == "1961-01"

    def test_nothing_else_changes(self, months: Series) -> None:
        before = months.values.copy()
        extend(months, [1.0])
        np.testing.assert_array_equal(months.values, before)

    def test_what_lies_between_is_missing(self, months: Series) -> None:
        y = extend(months, {"month": ["1961-03"], "passengers": [7]})
        np.testing.assert_array_equal(y.values[-3:], [nan, nan, 7])
        assert y.label(y.index[-2]) == "1961-02"

    @pytest.mark.parametrize("month", ["1960-12", "1949-01", "1960-11"])
    def test_going_back_is_refused(self, month: str, months: Series) -> None:
        with pytest.raises(SeriesError, match=f"{month}.*1960-12"):
            extend(months, {"month": [month], "passengers": [1]})
        with pytest.raises(SeriesError, match="1949-01.*1960-12"):
            extend(months, months)

    def test_another_kind_of_index_is_refused(self, months: Series) -> None:
        with pytest.raises(SeriesError, match="dates.*counted steps"):
            extend(months, Series.of([1.0]))

    def test_stamps_beside_the_grid_are_refused(self, read: Reader) -> None:
        y = read("ds,y\n2020-01-01 00:00,1\n2020-01-01 01:00,2\n2020-01-01 02:00,2\n")
        with pytest.raises(SeriesError, match=r"02:30.*hour.*02:00"):
            extend(y, Series.of([1.0], index=np.array(["2020-01-01T02:30"], "datetime64[us]"), frequency=Frequency("hour")))

    def test_a_month_is_a_month(self, read: Reader) -> None:
        y = read("ds,y\n2024-01-31,1\n2024-02-29,2\n2024-03-31,3\n")
        assert y.frequency == Frequency("month", 1, month_end=True)
        z = extend(y, {"ds": ["2024-04-01"], "y": [4]})
        assert z.index.astype("datetime64[D]").astype(str).tolist()[-1] == "2024-04-30"

    def test_years_as_whole_numbers(self, read: Reader) -> None:
        y = read("year,y\n1932,1\n1933,2\n1934,3\n")
        z = extend(y, {"year": [1935], "y": [5]})
        assert z.to_frame()["year"].to_list() == [1932, 1933, 1934, 1935]

    def test_panels(self, panel: Series) -> None:
        bare = replace(panel, past={}, future={})
        assert extend(bare, [7.0, 8.0])["B"].values.tolist() == [1, 2, 3, 8]
        assert extend(bare, [[7.0, 8.0], [9.0, 10.0]])["A"].values.tolist() == [1, 2, 3, 7, 9]
        z = extend(bare, {"id": ["B", "B"], "ds": ["2020-01-05", "2020-01-06"], "y": [5, 6]})
        assert z.lengths.tolist() == [3, 6]
        np.testing.assert_array_equal(z["B"].values, [1, 2, 3, nan, 5, 6])
        with pytest.raises(ConfigError, match='"C"'):
            extend(bare, {"id": ["C", "C"], "ds": ["2020-01-04", "2020-01-05"], "y": [5, 5]})
        with pytest.raises(ShapeError, match="2 series.*3 numbers"):
            extend(bare, [1.0, 2.0, 3.0])

    def test_wide_panels(self, read: Reader) -> None:
        y = read("ds,a,b\n2020-01-01,1,2\n2020-01-02,3,4\n2020-01-03,3,4\n")
        assert extend(y, {"ds": ["2020-01-04"], "b": [5], "a": [6]})["a"].values.tolist() == [1, 3, 3, 6]
        assert extend(y, {"ds": ["2020-01-04"], "b": [5]}).lengths.tolist() == [3, 4]
        assert extend(y, pl.DataFrame({"series": ["a"], "time": [dt.date(2020, 1, 4)], "y": [6]}).rename({"time": "ds"})).lengths.tolist() == [4, 3]

    def test_covariates_come_along(self, panel: Series) -> None:
        with pytest.raises(SeriesError, match='past covariate "x"'):
            extend(panel, [1.0, 2.0])
        new = {"id": ["A", "B"], "ds": ["2020-01-04"] * 2, "y": [4, 4], "x": [1, 2], "f": [3, 4]}
        z = extend(panel, new)
        assert z["B"].past["x"].tolist() == [11, 12, 13, 2] and z["A"].future["f"].tolist() == [21, 22, 23, 3]
        assert z.static["s"].tolist() == panel.static["s"].tolist()

    def test_future_covariates_that_were_known_are_used_up(self, panel: Series) -> None:
        known = replace(panel, past={}).head(2)
        one = extend(known, [9.0, 9.0])
        assert one.future["f"].tolist() == [21, 22, 21, 22] and one.ahead["f"].tolist() == [[23], [23]]
        with pytest.raises(SeriesError, match='future covariate "f"'):
            extend(known, np.ones((3, 2)))

    def test_without_a_time_column_rows_follow(self, read: Reader) -> None:
        y = read("y\n1\n2\n3\n")
        z = extend(y, pl.DataFrame({"y": [4, 5]}))
        assert z.values.tolist() == [1, 2, 3, 4, 5] and z.index.tolist() == [1, 2, 3, 4, 5]

    def test_irregular_series(self, read: Reader) -> None:
        y = read("t,y\n0.5,1\n1.7,2\n5.2,3\n")
        assert extend(y, {"t": [6.0], "y": [4]}).index.tolist() == [0.5, 1.7, 5.2, 6.0]
        with pytest.raises(SeriesError, match="need their times"):
            extend(y, 4.0)
        with pytest.raises(SeriesError, match="irregular"):
            y.future_index(1)

    def test_infinite_values_are_refused(self, months: Series) -> None:
        with pytest.raises(SeriesError, match="infinite"):
            extend(months, [1.0, float("inf")])


class TestRegularise:
    def test_dates(self, months: Series) -> None:
        y = regularise(months, "quarterly", "sum")
        assert y.values[:2].tolist() == [112 + 118 + 132, 129 + 121 + 135] and y.frequency == Frequency("quarter") and y.season_length == 4
        years = regularise(months, "1y", "mean")
        np.testing.assert_allclose(years.values, months.values.reshape(-1, 12).mean(axis=1))
        assert any("per year by mean" in note for note in years.notes)

    @pytest.mark.parametrize(
        "every, first",
        [
            ("1d", "2020-03-04"),
            ("week", "2020-03-02"),
            ("month", "2020-03-01"),
            ("quarter", "2020-01-01"),
            ("year", "2020-01-01"),
            ("business-day", "2020-03-04"),
        ],
    )
    def test_cells_begin_where_the_calendar_does(self, every: str, first: str, read: Reader) -> None:
        y = read("ds,y\n2020-03-04 10:13:12,1\n2020-03-04 10:15:00,3\n2020-03-05 23:59:59,3\n")
        assert regularise(y, every).index[0].astype("datetime64[D]").astype(str) == first

    def test_numbers(self, read: Reader) -> None:
        y = read("t,y\n-0.3,1\n0.2,3\n1.7,5\n")
        z = regularise(y, 0.5)
        np.testing.assert_array_equal(z.values, [1, 3, nan, nan, 5])
        np.testing.assert_array_equal(z.index, [-0.5, 0, 0.5, 1, 1.5])
        counts = regularise(Series.of(np.arange(1.0, 8.0)), 3, "sum")
        assert counts.values.tolist() == [6, 15, 7] and counts.index.tolist() == [1, 4, 7]

    def test_missing_values_do_not_count(self) -> None:
        assert regularise(Series.of([nan, 2.0, nan, nan]), 2, "sum").values.tolist()[0] == 2
        assert np.isnan(regularise(Series.of([nan, 2.0, nan, nan]), 2, "sum").values[1])

    def test_covariates_take_their_mean(self, panel: Series) -> None:
        z = regularise(panel, "2d", "sum")
        np.testing.assert_allclose(z["A"].values.sum(), 6)
        np.testing.assert_allclose(sorted(z["A"].future["f"].tolist()), [21.0, 22.5] if z["A"].values[0] == 1 else [21.5, 23.0])

    def test_the_guard(self, read: Reader) -> None:
        y = read("t,y\n0.5,1\n1.7,2\n1e9,3\n", frequency="none")
        with pytest.raises(SeriesError, match="1,000,000,001 rows"):
            regularise(y, 1)
        with pytest.raises(ConfigError, match="avg"):
            regularise(y, 1, "avg")


class TestFrames:
    def test_pandas_in_pandas_out(self) -> None:
        frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=3, tz="Europe/Paris", freq="h"), "y": [1.0, 2, nan]})
        back = read_series(frame).to_frame()
        pd.testing.assert_frame_equal(back, frame, check_dtype=False, check_freq=False)
        assert str(back["ds"].dtype).endswith("Europe/Paris]")

    def test_a_frame_comes_back(self) -> None:
        frame = pl.DataFrame({"id": ["b", "b", "a"], "ds": [dt.date(2020, 1, 1), dt.date(2020, 1, 2), dt.date(2020, 1, 1)], "y": [1.0, 2, 3]})
        assert read_series(frame).to_frame().equals(frame)

    @pytest.mark.parametrize(
        "stamps, kind",
        [
            (["2020-01-01", "2020-01-02", "2020-01-03"], pl.Date),
            (["2020-01", "2020-02", "2020-03"], pl.Date),
            (["2020-01-01 00:00", "2020-01-01 01:00", "2020-01-01 02:00"], pl.Datetime("us")),
            (["2020-01-01T00:00Z", "2020-01-01T01:00Z", "2020-01-01T02:00Z"], pl.Datetime("us", "UTC")),
            ([1, 2, 3], pl.Int64),
            ([1950, 1951, 1952], pl.Int64),
            ([0.5, 0.7, 1.9], pl.Float64),
            (["2020-01-01", "2020-01-05", "2020-03-03", "2020-03-10"], pl.Date),
        ],
    )
    def test_stamps_leave_in_their_natural_type(self, stamps: list[Any], kind: Any) -> None:
        frame = read_series({"ds": stamps, "y": list(range(len(stamps)))}).to_frame()
        assert frame.schema["ds"] == kind
        if kind == pl.Int64:
            assert frame["ds"].to_list() == stamps

    def test_named_columns(self, months: Series) -> None:
        future = months.future_index(2).reshape(-1)
        frame = make_frame({"id": np.array(["a", "b"], dtype=object), "month": future, "mean": np.array([1.0, 2.0])}, months)
        assert frame["month"].to_list() == [dt.date(1961, 1, 1), dt.date(1961, 2, 1)] and frame["id"].to_list() == ["a", "b"]


class TestStoring:
    def round_trip(self, series: Series) -> Series:
        return restore_series(json.loads(json.dumps(series_header(series), allow_nan=False)), series_arrays(series))

    @pytest.mark.parametrize("name", sorted(SAMPLES))
    def test_samples_come_back(self, name: str) -> None:
        series = read_series(name)
        back = self.round_trip(series)
        for field in ("values", "index", "offsets"):
            np.testing.assert_array_equal(getattr(back, field), getattr(series, field))
        assert back.index.dtype == series.index.dtype
        same = ("ids", "frequency", "season_length", "panel", "names", "timezone", "years", "frame", "source", "notes", "reading")
        assert all(getattr(back, field) == getattr(series, field) for field in same)

    def test_covariates_come_back(self, panel: Series) -> None:
        back = self.round_trip(panel.head(1))
        for role in ("past", "future", "static", "ahead"):
            for name, values in getattr(panel.head(1), role).items():
                np.testing.assert_array_equal(getattr(back, role)[name], values)

    @pytest.mark.parametrize(
        "key, value",
        [
            ("ids", ["a"]),
            ("ids", "a"),
            ("frequency", {"unit": "day"}),
            ("frequency", {"unit": "fortnight", "step": 1, "month_end": False}),
            ("frequency", {"unit": "step", "step": 1, "month_end": False}),
            ("season_length", 0),
            ("season_length", True),
            ("panel", False),
            ("panel", "yes"),
            ("index", "names"),
            ("covariates", {"past": ["x", "x"]}),
            ("names", {"id": 1, "time": "t", "value": "y"}),
            ("timezone", "Middle/Earth"),
            ("frame", "excel"),
            ("notes", [1]),
            ("source", None),
            ("reading", ["id"]),
            ("reading", {"color": "red"}),
            ("reading", {"dates": 7}),
            ("reading", {"dates": "backwards"}),
            ("reading", {"header": "yes"}),
            ("reading", {"missing": "x"}),
            ("reading", {"value": [1]}),
            ("reading", {"every": "now and then"}),
            ("reading", {"every": -1.0}),
        ],
    )
    def test_a_damaged_header_is_refused(self, key: str, value: Any, panel: Series) -> None:
        header = series_header(panel) | {key: value}
        with pytest.raises(BundleError):
            restore_series(header, series_arrays(panel))

    @pytest.mark.parametrize("name", ["series.values", "series.index", "series.offsets", "series.past.0", "series.future.0", "series.static.0"])
    def test_damaged_arrays_are_refused(self, name: str, panel: Series) -> None:
        header, arrays = series_header(panel), series_arrays(panel)
        damaged: list[Any] = [None, arrays[name][:-1], arrays[name].astype(np.float32), arrays[name].reshape(1, -1)]
        for value in damaged:
            with pytest.raises(BundleError, match=name.replace(".", r"\.") + "|series\\."):
                restore_series(header, {**arrays, name: value} if value is not None else {key: array for key, array in arrays.items() if key != name})

    def test_infinite_values_and_foreign_headers_are_refused(self, panel: Series) -> None:
        arrays = series_arrays(panel)
        with pytest.raises(BundleError, match="infinite"):
            restore_series(series_header(panel), {**arrays, "series.values": np.full_like(panel.values, np.inf)})
        for header in (None, [], "x", {}):
            with pytest.raises(BundleError):
                restore_series(header, arrays)


class TestSamples:
    def test_every_sample_is_read_without_a_word_of_doubt(self) -> None:
        for name, sample in SAMPLES.items():
            y = read_series(name)
            assert y.source == name and sample.horizon >= 1 and len(y.values) > 2 * sample.horizon
            assert sample.sentence.endswith(".") and sample.licence in ("public domain", "MIT", "BSD-3-Clause")

    def test_every_file_is_listed_with_its_licence(self) -> None:
        files = {file.name for file in FOLDER.iterdir()} - {"LICENCES.md"}
        assert files == {sample.file for sample in SAMPLES.values()}
        listed = (FOLDER / "LICENCES.md").read_text(encoding="utf-8")
        assert all(f"`{file}`" in listed for file in files)
        assert sum((FOLDER / file).stat().st_size for file in files) < 400_000

    def test_an_unknown_sample(self) -> None:
        with pytest.raises(ConfigError, match='Did you mean "nile"'):
            sample_path("nil")
