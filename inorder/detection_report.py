"""The report of the task `detect`: one self-contained HTML page.

What was watched, which detector found most, every series with its expected band and alarms, what each detector is, and how to make it
all again. Every number comes from the result that it describes; nothing is fetched from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inorder.report import Figure, environment, number, versions
from inorder.tasks.detect import CANDIDATES

if TYPE_CHECKING:
    from inorder.detection import DetectionComparison, Watch
    from inorder.forecast.detect import Detections, FittedDetector

MOST_SHOWN = 12  # series drawn
MOST_LISTED = 60  # alarms written out

COLUMNS = {
    "nab": ("NAB", "score of the NAB benchmark, standard profile, at the one threshold for all files that is best; 0 is no alarm at all, 100 perfect"),
    "nab_low_fp": ("NAB, few false alarms", "the same where a false alarm costs twice as much"),
    "nab_low_fn": ("NAB, few misses", "the same where a missed window costs twice as much"),
    "own": ("NAB, own alarms", "the score at the alarms that the detector raises by itself: what a user sees"),
    "precision": ("precision", "windows with an alarm, of those and of false episodes"),
    "recall": ("recall", "windows with an alarm, of all windows"),
    "f1": ("F1", "harmonic mean of the two"),
    "row_precision": ("row precision", "alarms inside windows, of all alarms"),
    "row_recall": ("row recall", "alarms inside windows, of all rows of windows; an alarm is raised once in an episode, so this is small"),
    "alarm_rate": ("alarm rate", "alarms a row"),
    "seconds": ("seconds", "fitting and watching all files"),
}


def render_comparison(result: DetectionComparison, *, made_by: str) -> str:
    """The page of a comparison."""
    shown = sorted(result.watches, key=lambda watch: (not watch.judged.windows, not watch.judged.alarms.any()))[:MOST_SHOWN]
    labelled = {one.name: one.windows for one in result.watched}
    pictures = [picture(k, watch.name, watch.detections, windows_in(watch, labelled[watch.name])) for k, watch in enumerate(shown)]
    alarms = [row for watch in result.watches for row in alarm_rows(watch.name, watch.detections)]
    columns = [name for name in COLUMNS if any(row.get(name) is not None for row in result.table)]
    return (
        environment()
        .get_template("detection.html")
        .render(
            title=f"Anomalies: {result.winner}",
            lead=result.describe(),
            notes=[*result.notes, *(note for one in result.watched[:1] for note in one.series.notes)],
            verdict=verdict(result),
            table=result.table,
            winner=result.winner,
            columns={name: COLUMNS[name] for name in columns},
            signatures=result.signatures,
            pictures=pictures,
            more=len(result.watches) - len(shown),
            alarms=alarms[:MOST_LISTED],
            more_alarms=len(alarms) - len(alarms[:MOST_LISTED]),
            models=[(row["model"], CANDIDATES[row["model"]]) for row in result.table if row["model"] in CANDIDATES],
            summary=result.best.summary() if result.best is not None else None,
            made_by=made_by,
            versions=versions(),
        )
    )


def render_fitted(fitted: FittedDetector, name: str, found: Sequence[tuple[str, Detections]], *, made_by: str) -> str:
    """The page of one fitted detector.   found: what it says of its own history, fitted to the beginning of it alone."""
    pictures = [picture(k, title, one, ()) for k, (title, one) in enumerate(found[:MOST_SHOWN])]
    alarms = [row for title, one in found for row in alarm_rows(title, one)]
    return (
        environment()
        .get_template("detection.html")
        .render(
            title=f"Anomalies: {name}",
            lead=fitted.history.describe(),
            notes=[*fitted.history.notes, "The pictures show what the detector says of the history when it learns from its beginning and watches the rest."],
            verdict=[],
            table=[],
            winner=name,
            columns={},
            signatures={},
            pictures=pictures,
            more=len(fitted.history) - len(pictures),
            alarms=alarms[:MOST_LISTED],
            more_alarms=len(alarms) - len(alarms[:MOST_LISTED]),
            models=[(name, CANDIDATES[name])] if name in CANDIDATES else [],
            summary=fitted.summary(),
            made_by=made_by,
            versions=versions(),
        )
    )


def verdict(result: DetectionComparison) -> list[str]:
    """What the leaderboard says, in sentences."""
    best = next(row for row in result.table if row["model"] == result.winner)
    one_in = f"1 in {1 / result.alarm_rate:,.0f}"
    count = sum(int(watch.judged.alarms.sum()) for watch in result.watches)
    raised = f"It raised {count:,} alarms, {1000 * best['alarm_rate']:.2f} in 1,000 rows; {one_in} were asked for."
    if not result.labelled:
        return ["Nothing says where the anomalies are, so the detectors could not be ranked.", f"The pictures show {result.winner}.", raised]
    sentences = [f"{result.winner} did best of {len(result.table)} detectors by {COLUMNS[result.by][0]}.", raised]
    if best["recall"] is not None:
        false = "no alarm was raised" if best["precision"] is None else f"{100 * best['precision']:.0f} % of its episodes were right"
        sentences.append(f"By itself it found {100 * best['recall']:.0f} % of the windows, and {false}.")
    return sentences


def windows_in(watch: Watch, windows: Sequence[tuple[int, int]] | None) -> list[tuple[int, int]]:
    """Windows as rows of what is drawn: the watched part, with the empty rows of its grid."""
    known = np.flatnonzero(~np.isnan(watch.detections.rows.values))
    before = len(watch.judged.scores) - len(known)
    return [(int(known[max(first - before, 0)]), int(known[last - before])) for first, last in windows or () if last >= before]


def picture(k: int, title: str, found: Detections, windows: Sequence[tuple[int, int]]) -> Figure:
    from inorder import plots

    count = int(found.is_anomaly.sum())
    caption = f"{title}: {count} alarm{'s' * (count != 1)}. The band is what single errors seldom leave; slow changes raise alarms inside it."
    return Figure(plots.svg(plots.plot_detections(found, 0, windows), f"d{k}-"), caption)


def alarm_rows(title: str, found: Detections) -> list[tuple[str, ...]]:
    """Series, stamp, value, expected, band and score of every alarm."""
    rows = found.rows
    return [
        (
            title,
            rows.label(rows.index[t]),
            number(rows.values[t]),
            number(found.expected[t]),
            f"{number(found.lower[t])} – {number(found.upper[t])}",
            number(found.score[t]),
        )
        for t in np.flatnonzero(found.is_anomaly)
    ]
