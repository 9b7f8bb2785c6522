"""The progress bar, as a terminal shows it."""

from __future__ import annotations

import io
import sys

from inorder.terminal import Bar


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_counts_when_it_knows_how_much_there_is(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with Bar("fill", quiet=False) as bar:
        bar.progress.refresh()
        before = screen.getvalue()
        bar.update(1, 2)
        bar.progress.refresh()
        after = screen.getvalue().removeprefix(before)
    assert "fill" in before and "None" not in before
    assert "1/2" in after and "None" not in after
