"""A series written in any dialect is read back as it was."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inorder.data.frequency import Frequency
from inorder.data.series import Series, read_series

STARTS = {
    "year": "2001-01-01",
    "quarter": "2001-04-01",
    "month": "2001-11-01",
    "week": "2001-12-03",
    "day": "2003-02-25",
    "hour": "2003-02-28 20:00",
    "minute": "2003-02-28 23:00",
    "second": "2003-02-28 23:59:30",
}
# how each frequency may be written
FORMS = {
    "year": ["%Y", "%Y-%m-%d", "%d %B %Y"],
    "quarter": ["quarter", "%Y-%m-%d", "%b %Y"],
    "month": ["%Y-%m", "%Y-%m-%d", "%b %Y", "%B-%d-%Y", "%YM%m", "%d.%m.%Y", "%Y%m%d"],
    "week": ["%Y-%m-%d", "%G-W%V", "%Y/%m/%d", "%Y%m%d"],
    "day": ["%Y-%m-%d", "%d/%m/%Y", "%d %b %Y", "%Y%m%d", "%d.%m.%Y"],
    "hour": ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%d/%m/%Y %H:%M", "%Y-%m-%d %I:%M %p", "epoch"],
    "minute": ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%d %B %Y %H:%M", "epoch"],
    "second": ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "epoch"],
}


@dataclass(frozen=True)
class Dialect:
    separator: str
    decimal: str
    quoting: int
    mark: bool
    ending: str
    packed: bool
    encoding: str
    missing: str
    header: bool


dialects = st.builds(
    Dialect,
    separator=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    mark=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
    packed=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
    missing=st.sampled_from(["", "NA", "NaN", "null", "?"]),
    header=st.booleans(),
)


def written(rows: list[list[str]], names: list[str], dialect: Dialect) -> io.BytesIO:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=dialect.separator, quoting=dialect.quoting, lineterminator=dialect.ending)  # type: ignore[arg-type]
    writer.writerows(([names] if dialect.header else []) + rows)
    data = (("\ufeff" if dialect.mark and dialect.encoding == "utf-8" else "") + text.getvalue()).encode(dialect.encoding)
    return io.BytesIO(gzip.compress(data) if dialect.packed else data)


def stamp_text(stamp: Any, form: str) -> str:
    moment = stamp.astype("datetime64[us]").astype(dt.datetime)
    if form == "quarter":
        return f"{moment.year}Q{(moment.month + 2) // 3}"
    return str(int(moment.replace(tzinfo=dt.UTC).timestamp())) if form == "epoch" else moment.strftime(form)


def number_text(value: float, dialect: Dialect) -> str:
    return dialect.missing if np.isnan(value) else repr(value).replace(".", dialect.decimal)


numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 4)) | st.just(float("nan"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    unit=st.sampled_from(sorted(STARTS)),
    values=st.lists(numbers, min_size=14, max_size=40).filter(
        lambda values: sum(v == v for v in values) > 5 and not {v for v in values if v == v} <= {0.0, 1.0}
    ),
    dialect=dialects,
    data=st.data(),
)
def test_one_series(unit: str, values: list[float], dialect: Dialect, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMS[unit]))
    frequency = Frequency(unit)
    stamps = frequency.advance(np.datetime64(STARTS[unit], "us"), np.arange(len(values)))
    order = list(range(len(values)))
    dropped = data.draw(st.sets(st.integers(1, len(values) - 2), max_size=3))
    if data.draw(st.booleans()):
        order = data.draw(st.permutations(order))
    order = [i for i in order if i not in dropped]
    expected = np.array([np.nan if i in dropped else value for i, value in enumerate(values)])
    rows = [[stamp_text(stamps[i], form), number_text(values[i], dialect)] for i in order]
    y = read_series(written(rows, ["when", "sales"], dialect), dates="day-first" if form.startswith("%d/") else None)
    np.testing.assert_array_equal(y.values, expected)
    np.testing.assert_array_equal(y.index, stamps)
    assert y.frequency == frequency or (unit == "quarter" and y.frequency == Frequency("quarter"))
    assert (y.names.time, y.names.value) == (("when", "sales") if dialect.header else ("column_1", "column_2"))
    assert y.season_length == frequency.season_length
    assert any("without a row" in note for note in y.notes) == bool(dropped)


names = (
    st.text(alphabet=st.characters(categories=["L", "Nd"], include_characters=" _-'\"&"), min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda name: len(name) > 0)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ids=st.lists(names, min_size=2, max_size=4, unique=True), lengths=st.lists(st.integers(3, 9), min_size=4, max_size=4), dialect=dialects, data=st.data())
def test_a_panel(ids: list[str], lengths: list[int], dialect: Dialect, data: st.DataObject) -> None:
    rows, expected = [], {}
    for id, length in zip(ids, lengths, strict=False):
        expected[id] = [float(value) for value in data.draw(st.lists(st.integers(-99, 99), min_size=length, max_size=length))]
        rows += [[id, f"2020-01-{i + 1:02d}", number_text(value, dialect)] for i, value in enumerate(expected[id])]
    if data.draw(st.booleans()):
        rows = data.draw(st.permutations(rows))
    named = dialect.header
    y = read_series(
        written(rows, ["unique_id", "ds", "y"], dialect),
        id="unique_id" if named else "column_1",
        time="ds" if named else "column_2",
        value="y" if named else "column_3",
    )
    assert sorted(y.ids) == sorted(ids) and y.panel
    for id in ids:
        assert y[id].values.tolist() == expected[id]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=4, max_size=20), st.sampled_from(["polars", "pandas"]))
def test_frames_go_out_and_come_back(table: list[list[float]], frame: str) -> None:
    from dataclasses import replace

    array = np.array(table)
    index = Frequency("month").advance(np.datetime64("1999-05-01", "us"), np.arange(len(array)))
    series = replace(Series.of(array, index=index, frequency=Frequency("month")), frame=frame)
    if np.isnan(array).all():
        return
    back = read_series(series.to_frame(), id="series", value="y")
    np.testing.assert_array_equal(back.values, series.values)
    np.testing.assert_array_equal(back.index, series.index)
    assert back.ids == series.ids and back.frame == frame and back.frequency == Frequency("month")
