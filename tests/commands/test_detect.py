"""Rows that are watched line by line: how a line is read, and what is said before."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.commands.detect import watch_lines
from inorder.data.series import Series
from inorder.errors import SeriesError
from inorder.tasks.detect import CANDIDATES


def fitted(rows: int = 200):
    y = 100 + np.random.default_rng(0).normal(0, 2, rows)
    return CANDIDATES["mean"].make(alarm_rate=0.01).fit(Series.of(y))


def test_a_short_history_is_told_before_the_first_line(capsys):
    watch_lines(fitted(60), iter(["100\n"]), False, False)
    assert "No alarm is raised before 100 rows" in capsys.readouterr().err
    watch_lines(fitted(60), iter(["100\n"]), False, True)
    watch_lines(fitted(200), iter(["100\n"]), False, False)
    assert capsys.readouterr().err == ""


def test_a_line_of_more_than_two_cells_is_refused_without_a_header(capsys):
    """300,1000,2 is no stamp and value: taking its last cell would watch a 2."""
    with pytest.raises(SeriesError, match="line 1: a stamp and a value were expected, or a value alone, and 3 cells came"):
        watch_lines(fitted(), iter(["300,1000,2\n"]), False, True)
    capsys.readouterr()
    watch_lines(fitted(), iter(["note,time,y\n", "high,201,104\n", "\n"]), False, True)
    watch_lines(fitted(), iter(["201,104\n"]), False, True)
    watch_lines(fitted(), iter(["104\n"]), False, True)
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines() if not line.startswith("time")]
    assert [float(row[0]) for row in rows] == [201, 201, 201] and [float(row[1]) for row in rows] == [104, 104, 104]
