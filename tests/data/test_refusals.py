"""What cannot be read is refused with a sentence that names file, row, column, value and remedy."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from inorder.data.series import read_series
from inorder.errors import ConfigError, InputError, SeriesError

START = "ds,y\n2020-01-01,1\n"

# content, options, what the sentence holds
REFUSED: list[tuple[str | bytes, dict[str, Any], list[str]]] = [
    ("", {}, ["sales.csv is empty"]),
    (" \n\n", {}, ["empty"]),
    ("ds,y\n", {}, ["header", "no rows"]),
    ("a,a\n1,2\n", {}, ['2 columns called "a"', "1, 2"]),
    (START + "2020-01-02,2,3\n", {}, ["row 3", "3 fields", "2"]),
    ("ds,y,z\n2020-01-01,1,2\n2020-01-02,2\n", {}, ["row 3", "2 fields", "3"]),
    ('ds,y,z\n"2020-01-01",1,2\n"2020-01-02",2\n', {}, ["row 3", "2 fields", "3"]),
    ("ds,y\n2020-01-01,1,5\n2020-01-02,2,5\n", {}, ["row 2", "decimal mark"]),
    ("t,y\n1,1,5\n2,2,5\n", {}, ["row 2", "decimal mark"]),
    (START + "2020-01-02,oops\n2020-01-03,2\n", {}, ["row 3", 'column "y"', '"oops"', '--missing "oops"']),
    (START + "\n\n2020-01-02,oops\n2020-01-03,2\n", {}, ["row 5", '"oops"']),
    ('note,ds,y\n"a\nb",2020-01-01,1\n"c",2020-01-02,oops\n"d",2020-01-03,2\n', {}, ["row 4", '"oops"']),
    ("# from the shop\nds,y\n2020-01-01,1\n2020-01-02,oops\n2020-01-03,2\n", {}, ["row 4", '"oops"']),
    (START + "2020-01-02,inf\n", {}, ["row 3", 'column "y"', '"inf"', "finite"]),
    (START + "2020-01-02,-1e400\n", {}, ["row 3", "-1e400"]),
    (START + ",2\n", {}, ["row 3", 'column "ds" is empty', "Complete or remove"]),
    (START + ",2\n2020-01-03,2\n", {}, ["row 3", 'column "ds" is empty', "--time none"]),
    (START + "2020-02-30,2\n", {}, ["row 3", 'column "ds"', '"2020-02-30"', "exists"]),
    (START + "yesterday,2\n", {}, ["row 3", '"yesterday"', "--dates"]),
    (START + "2020-01-01,2\n", {}, ["2020-01-01", "rows 2 and 3", "--duplicates", "--id"]),
    ("id,ds,y\nA,2020-01-01,1\n,2020-01-02,2\nA,2020-01-03,2\n", {}, ["row 3", 'column "id" is empty']),
    ("ds,y\n1970-01-01 00:00:00,1\n1970-01-01 00:00:01,2\n2020-01-01 00:00:00,3\n", {}, ["1,577,836,801 rows", "rows 3 and 4", "--every"]),
    ("ds,weather\n2020-01-01,sun\n2020-01-02,rain\n", {}, ["no column of numbers", "weather (text)", "--value"]),
    ("ds,y\n2020-01-01,NA\n2020-01-02,\n", {}, ["no column of numbers", "y (empty)"]),
    ("ds,y\n2020-01-01,NA\n2020-01-02,\n", {"value": "y"}, ["only missing"]),
    ("date,store,sales,price\n2020-01-01,A,1,5\n2020-01-01,B,2,5\n2020-01-02,A,3,6\n2020-01-02,B,4,6\n", {}, ["sales, price", "--value sales"]),
    (START, {"value": "sales"}, ['no column "sales"', "ds, y"]),
    (START, {"value": "Y"}, ['no column "Y"', 'Did you mean "y"?']),
    (START, {"time": "y", "value": "y"}, ['"y" cannot be both time and value']),
    ("ds,y,w\n2020-01-01,1,sun\n2020-01-02,1,rain\n", {"future": "w"}, ['column "w"', '"sun"', "covariates"]),
    ("id,ds,y,size\nA,1,1,5\nA,2,1,6\nB,1,1,7\nB,2,1,7\n", {"static": "size"}, ["row 3", '"size"', '"A"', "5 and 6"]),
    (START + "2020-01-02,2\n", {"frequency": "step"}, ['frequency "step"', "counted steps"]),
    ("ds,y\n2020-01-01 00:07,1\n2020-01-01 00:31,2\n", {"frequency": "hour"}, ["row 3", "2020-01-01 00:31", "hour", "--every"]),
    ("ds,y\n2020-01-03,1\n2020-01-07,2\n", {"frequency": "month"}, ["2020-01-03 and 2020-01-07", "rows 2 and 3", "same month"]),
    ("ds,y\n2020-01-01,1\n2020-01-02,2\n", {"every": 3}, ["`every`", '"1d"']),
    ("ds,y\n0.5,1\n0.7,2\n1.9,2\n", {"every": "1h"}, ["`every`", "number"]),
    ("ds,y\n1,1\n2,2\n", {"timezone": "Europe/Paris"}, ["without dates", "Europe/Paris"]),
    ("y\n1\n2\n", {"timezone": "Europe/Paris"}, ["no time column", "Europe/Paris"]),
    (START + "2020-01-02,2\n", {"start": "1980-01", "frequency": "month"}, ["its own times", "1980-01"]),
    ("y\n1\n2\n", {"start": "soon", "frequency": "month"}, ["`start`", "soon"]),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", {}, ["not a text file", "control character"]),
    (b"PK\x03\x04....", {}, ["Excel workbook or a zip archive", "CSV"]),
    (b"PAR1 broken", {}, ["damaged Parquet"]),
    (gzip.compress(b"ds,y\n2020-01-01,1\n" * 50, mtime=0)[:40], {}, ["gzip", "damaged"]),
    ("ds,größe\n2020-01-01,1\n".encode("latin-1"), {"encoding": "utf-8"}, ["utf-8", "row 1", "0xf6", "--encoding"]),
    (START, {"encoding": "klingon"}, ['encoding "klingon"']),
]


@pytest.mark.parametrize("content, options, words", REFUSED)
def test_a_file_is_refused_with_a_sentence(content: str | bytes, options: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SeriesError) as error:
        read_series(path, **options)
    message = str(error.value)
    for word in words:
        assert word in message
    assert message[-1] in ".?" and "\n" not in message and len(message) < 500
    assert [entry.name for entry in tmp_path.iterdir()] == ["sales.csv"]


# options that cannot be, whatever the file holds
IMPOSSIBLE: list[tuple[dict[str, Any], list[str]]] = [
    ({"timezone": "Europe/Pariss"}, ["Europe/Pariss", "Europe/Paris"]),
    ({"frequency": "lunar"}, ["lunar"]),
    ({"season_length": 0}, ["0"]),
    ({"season_length": 1.5}, ["1.5"]),
    ({"dates": "day-frist"}, ["day-frist", "day-first"]),
    ({"decimal": ";"}, [";"]),
    ({"duplicates": "drop"}, ["drop", "first"]),
    ({"layout": "broad"}, ["broad", "wide"]),
    ({"how": "avg"}, ["avg", "mean"]),
    ({"separator": "::"}, ["::"]),
    ({"start": "1980-01"}, ["1980-01", "frequency"]),
    ({"past": ["a"], "future": ["a"]}, ['"a"', "twice"]),
    ({"value": 3}, ["value", "3"]),
    ({"every": "1 moon"}, ["1 moon"]),
]


@pytest.mark.parametrize("options, words", IMPOSSIBLE)
def test_an_option_is_refused_with_a_sentence(options: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("a,y\n1,2\n2,3\n3,5\n")
    with pytest.raises(ConfigError) as error:
        read_series(path, **options)
    for word in words:
        assert word in str(error.value)


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(START)
    with pytest.raises(SeriesError, match=r'no file ".*sale.csv".*Did you mean ".*sales.csv"'):
        read_series(tmp_path / "sale.csv")
    with pytest.raises(SeriesError, match=r"is a folder.*sales.csv"):
        read_series(tmp_path)
    with pytest.raises(SeriesError, match='Did you mean "air-passengers"'):
        read_series("air-pasengers")
    with pytest.raises(SeriesError, match="name too long"):
        read_series("x" * 300)


def test_text_options_need_a_text_file() -> None:
    with pytest.raises(SeriesError, match="`separator` is about text files"):
        read_series({"y": [1, 2]}, separator=";")


@pytest.mark.parametrize("data", [object(), None, b"1,2", {"a": [1, 2], "b": [1]}])
def test_what_is_no_data(data: Any) -> None:
    with pytest.raises(InputError):
        read_series(data)
