"""Rows that are watched line by line: how a line is read, and what is said before."""

from __future__ import annotations

import numpy as np

from inorder.commands.detect import watch_lines
from inorder.data.series import Series
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
