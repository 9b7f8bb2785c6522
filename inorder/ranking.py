"""Candidates one after the other on the same data: each fitted, judged and put in its place in the leaderboard.

    for each candidate          its equal share of what is left of the budget
        fit, judge              what fails is a row with its reason; the others go on
    sort                        by the selection score, equals in the order in which they were named, failures last

What a candidate does not use of its share is for those after it; a part is kept where the winner is to be fitted once more in the end.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inorder.budget import Clock
from inorder.errors import ForecastError
from inorder.leaderboard import OnRow, Table, plain, reason, told
from inorder.metrics.score import Score

Share = Callable[[], float | None]  # asked once, when the work begins: seconds, or None for any


@dataclass(frozen=True, eq=False)
class Entry:
    """What a candidate came to.

    fitted: the model.   selection: the score that ranks, on data that chose nothing else.   scores: those that are shown.   said: its answers on the data of
    `scores`.   note: what to know of the fit.   last_fit: seconds that one more fit, to everything, would take.
    """

    fitted: Any
    selection: float
    scores: Mapping[str, Score]
    said: Any = None
    note: str | None = None
    last_fit: float = 0.0


@dataclass(frozen=True, eq=False)
class Ranking:
    """table: one row a candidate, the best first.   entries: of those that did not fail.   signatures: score -> how it was computed."""

    table: Table
    entries: Mapping[str, Entry]
    signatures: Mapping[str, str] = field(default_factory=dict)

    @property
    def winner(self) -> str:
        """The best candidate."""
        return str(self.table[0]["model"])


def rank(
    names: Sequence[str],
    enter: Callable[[str, Share], Entry],
    *,
    scored: Sequence[str],
    higher: bool,
    clock: Clock,
    quick: Sequence[str] = (),
    again: bool = False,
    on_row: OnRow | None = None,
) -> Ranking:
    """Let every candidate enter, and rank them.

    names: in the order that breaks ties.   enter: name, its share of the time -> what it came to; whatever it raises is the candidate's error.
    scored: names of the scores, the columns of the table.   higher: whether a higher selection score is better.
    quick: names that run first, and may use half of what is left each, so that what they do not use is for the others.
    again: the winner will be fitted once more, for which time is kept.   on_row: called with the table after each candidate.
    Raises ForecastError, with every reason, where none could be fitted.

    >>> def enter(name, share):
    ...     return Entry(name, selection=len(name), scores={})
    >>> rank(["ar", "arima", "arma"], enter, scored=[], higher=True, clock=Clock(None)).winner
    'arima'
    """
    table, entries, signatures = Table(), dict[str, Entry](), dict[str, str]()

    def place(row: Mapping[str, Any]) -> tuple[bool, float, int]:
        value = math.inf if row["selection"] is None else -row["selection"] if higher else row["selection"]
        return row["error"] is not None, value, list(names).index(row["model"])

    for k, name in enumerate(sorted(names, key=lambda name: list(quick).index(name) if name in quick else len(quick))):
        began, parts = time.perf_counter(), min(len(names) - k, 2) if name in quick else len(names) - k
        row = {"model": name, "selection": None, **dict.fromkeys(scored), "seconds": 0.0, "error": None, "note": None}
        try:
            entry = enter(name, lambda parts=parts: clock.share(parts))  # type: ignore[misc]
        except Exception as error:  # whatever a candidate does, the others go on; Ctrl-C is not among them
            row["error"] = reason(error)
        else:
            entries[name] = entry
            row |= {key: plain(one.value) for key, one in entry.scores.items()}
            row |= {"selection": plain(entry.selection), "note": entry.note}
            signatures |= {key: one.signature for key, one in entry.scores.items()}
        row["seconds"] = round(time.perf_counter() - began, 4)
        table.append(row)
        table.sort(key=place)
        best = entries.get(table[0]["model"])
        clock.reserve = best.last_fit if again and best is not None else 0.0
        if on_row:
            on_row(table)
    if not entries:
        raise ForecastError("No model could be fitted. " + told(table))
    return Ranking(table, entries, signatures)
