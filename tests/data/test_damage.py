"""Whatever a file holds, reading ends in a series or in a sentence: random damage to good files finds nothing else."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inorder.data.series import read_series
from inorder.errors import InputError, SeriesError

GOOD = [
    b"ds,y\n2020-01-01,1\n2020-01-02,2.5\n2020-01-03,3\n2020-01-05,4\n",
    b"id;ds;y\nA;01.02.2020;1,5\nA;02.02.2020;2,5\nB;01.02.2020;1.000,5\nB;03.02.2020;4\n",
    b'"id","t","y"\n"a ""b""",1,2\n"x\ny",2,3\n"x\ny",3,3\n',
    b"year,Q1,Q2,Q3,Q4\n1950,1,2,3,4\n1951,1,2,3,\n",
    b"1 2 3\n2 3 4\n3 4 5\n4 5 6\n",
    b"id,V1,V2,V3,V4,V5\nA,1,2,3,4,5\nB,3,4,5,,\n",
    b"t,m,merr\n0.5,1,2\n1.7,2,3\n2.0,3,4\n",
    "ds,y\n2021-10-31 01:00,1\n2021-10-31 02:00,2\n2021-10-31 02:00,3\n".encode("utf-16"),
]
DAMAGE = [
    b",",
    b";",
    b"\n",
    b'"',
    b"\t",
    b"NA",
    b"inf",
    b"1e400",
    b"\r",
    b" ",
    b"\xff",
    b"\x00",
    b"x",
    b"9" * 22,
    b"T",
    b"Z",
    b"+02:00",
    b"Q1",
    b"W53",
    b"\xc2\xa0",
    b"%",
    b"$",
    b"#",
    b"",
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"time": "none"},
    {"layout": "wide"},
    {"layout": "rows"},
    {"timezone": "Europe/Paris"},
    {"every": "1d"},
    {"every": 1},
    {"frequency": "day"},
    {"frequency": "month"},
    {"frequency": "step"},
    {"dates": "counts"},
    {"dates": "seconds"},
    {"dates": "%Y-%m-%d"},
    {"header": False},
    {"decimal": ","},
    {"duplicates": "sum"},
    {"start": "2000", "frequency": "year"},
]
wounds = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), st.sampled_from(DAMAGE)), max_size=6)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(GOOD), wounds, st.sampled_from(OPTIONS))
def test_damaged_files(content: bytes, wounds: list[tuple[float, int, bytes]], options: dict[str, Any]) -> None:
    for where, length, piece in wounds:
        place = int(where * len(content))
        content = content[:place] + piece + content[place + length :]
    try:
        y = read_series(io.BytesIO(content), **options)
    except InputError as error:
        assert "\n" not in str(error) or b"\n" in content
        assert len(str(error)) > 20
        return
    assert len(y.values) == len(y.index) == y.offsets[-1] and len(y.ids) == len(y.offsets) - 1
    assert y.describe() and len(y.to_frame()) == len(y.values)


@pytest.mark.parametrize("content", ["\u00a0", "\u00a0\n \t\n", "# c\n" * 3])
def test_a_file_that_shows_nothing_is_told(content, tmp_path):
    (tmp_path / "nothing.csv").write_text(content, encoding="utf-8")
    with pytest.raises(SeriesError, match="holds no row"):
        read_series(tmp_path / "nothing.csv")


@pytest.mark.parametrize("above", ["# c\n" * 150, "\n" * 300])
def test_many_lines_above_the_table_are_passed_over(above, tmp_path):
    (tmp_path / "far.csv").write_text(above + "a,b\n1,2\n2,3\n3,4\n", encoding="utf-8")
    assert read_series(tmp_path / "far.csv").values.tolist() == [2, 3, 4]
