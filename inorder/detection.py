"""Detectors side by side: each learns from the beginning of every file and watches the rest, row by row.

    file  ├── probation: fit ──┤ watched, each row judged by those before it ┤

The probation is that of the NAB benchmark, 15 % of the rows and at most 750; where 750 rows do not hold two seasons it is 15 % whatever the length,
and `learn` sets another share. With labels the detectors are ranked by their NAB score; without, only the rates of their alarms can be shown.
A row that a grid has and the file has not is watched but not scored.

Source: Lavin & Ahmad 2015, Evaluating Real-Time Anomaly Detection Algorithms – the Numenta Anomaly Benchmark.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.budget import Clock, seconds_of
from inorder.data.continuing import rows_after
from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError, SeriesError, unknown
from inorder.forecast.base import Progress
from inorder.forecast.detect import Detections, Detector, FittedDetector
from inorder.leaderboard import OnRow, Table, plain, reason, told
from inorder.metrics.detection import LONGEST_PROBATION, PROBATION, PROFILES, Judged, Window, detection_rates, nab, nab_optimised, probation_rows
from inorder.metrics.score import Score
from inorder.tasks.detect import CANDIDATES, Watched, candidate, read_rows, read_watched, without

if TYPE_CHECKING:
    from inorder.bundle import Bundle

SCORES = ("nab", "nab_low_fp", "nab_low_fn", "own", "precision", "recall", "f1", "row_precision", "row_recall", "row_f1", "alarm_rate")
RANKING = ("nab", "own", "f1")
OnProgress = Callable[[str, float], None]  # model, share of its work that is done


@dataclass(frozen=True, eq=False)
class Watch:
    """What one detector said of one file.   judged: scores and alarms of the rows that have a value, NaN and no alarm in the probation."""

    name: str
    detections: Detections
    judged: Judged


@dataclass(frozen=True, eq=False)
class DetectionComparison:
    """The result of `compare("detect", …)`.

    table: one row a detector, the best first (by `by`); in the order of the candidates where there are no labels.
    best: the winner fitted to everything, where the data are one series; None for several files.
    watched: the series.   watches: what the winner said of each.   signatures: score -> how it was computed.
    threshold: the one that the winner's `nab` takes for all files; NaN without labels.
    """

    table: Table
    best: FittedDetector | None
    winner: str
    detector: Detector
    watched: tuple[Watched, ...]
    watches: tuple[Watch, ...]
    signatures: Mapping[str, str]
    by: str
    labelled: bool
    alarm_rate: float
    threshold: float = math.nan
    notes: tuple[str, ...] = ()
    call: str = ""

    def __str__(self) -> str:
        return f"{self.table}\n{'best' if self.labelled else 'taken, unranked'}: {self.winner}"

    def describe(self) -> str:
        """What was watched, in one line."""
        if len(self.watched) == 1:
            return self.watched[0].series.describe()
        rows = sum(int((~np.isnan(one.series.values)).sum()) for one in self.watched)
        windows = f", {sum(len(one.windows or ()) for one in self.watched)} windows with anomalies" if self.labelled else ""
        return f"{len(self.watched)} series, {rows:,} rows{windows}"

    def to_json(self) -> dict[str, Any]:
        """The leaderboard and how it came about, as plain values."""
        return {
            "task": "detect",
            "data": self.describe(),
            "by": self.by if self.labelled else None,
            "alarm_rate": self.alarm_rate,
            "best": self.winner,
            "ranked": self.labelled,
            "threshold": plain(self.threshold),
            "table": list(self.table),
            "signatures": dict(self.signatures),
            "notes": list(self.notes),
        }

    def report(self) -> str:
        """The report: one HTML page that needs nothing else."""
        from inorder.detection_report import render_comparison

        return render_comparison(self, made_by=self.call)

    def save(self, path: str | Path) -> Path:
        """Save the winner as a bundle with leaderboard and report; for several files, which need a fit each, leaderboard and report alone."""
        from inorder.bundle import Bundle, write_bundle

        own: Bundle
        if self.best is not None:
            own = self.best.bundle(candidate=self.winner, comparison=self.to_json())
        else:
            header = {"task": "detect", "model": self.detector.name, "settings": self.detector.settings, "compared_files": len(self.watched)}
            own = Bundle({**header, "candidate": self.winner, "comparison": self.to_json()}, {})
        return write_bundle(path, replace(own, texts={"report.html": self.report()}))


def compare_detect(
    data: Any,
    *,
    labels: Any = None,
    models: Sequence[str] | Mapping[str, Detector] | None = None,
    alarm_rate: float | None = None,
    by: str = "nab",
    learn: float | None = None,
    budget: float | str | None = None,
    on_row: OnRow | None = None,
    on_progress: OnProgress | None = None,
    call: str = "",
    **reading: Any,
) -> DetectionComparison:
    """Let every detector watch the same files, rank them, and fit the winner to everything.

    data: what `read_series` reads, a list of `Watched`, or a folder or zip of files with one series each; further keywords go to `read_series`.
    labels: where the anomalies are: JSON of points or windows (the object, or a path), or a column of 0 and 1. Without them nothing is ranked.
    models: names of candidates, or name -> detector; None = all that suit the data.   alarm_rate: alarms a row to expect; None = 1/1000.
    by: "nab" (one threshold for all files, the best one, as the benchmark ranks), "own" (NAB score at each detector's own alarms) or "f1".
    learn: share of each file that detectors are fitted to and are not scored on; None = as the module's docstring says.
    budget: seconds for everything, or a time such as "10m"; what is not reached is reported as such.

    Raises ConfigError for an option that is out of range or labels that do not fit, SeriesError for files that cannot be read.

    >>> y = np.random.default_rng(0).normal(size=600)
    >>> y[450:460] += 8
    >>> result = compare_detect(y, labels=[[445, 470]], models=["naive", "mean"])
    >>> result.labelled, sorted(row["model"] for row in result.table)
    (True, ['mean', 'naive'])
    """
    check_options(models=models, by=by, budget=budget, learn=learn)
    clock = Clock(budget)
    watched = data if isinstance(data, list) and data and isinstance(data[0], Watched) else read_watched(data, labels, **reading)
    labelled = all(one.windows is not None for one in watched)
    detectors, notes = chosen(watched, models, alarm_rate)
    notes += unlabelled(labelled) + shortened(watched, learn)
    table = Table()
    watches: dict[str, list[Watch]] = {}
    signatures: dict[str, str] = {}
    thresholds: dict[str, float] = {}
    for name, detector in detectors.items():
        began, row = time.perf_counter(), {"model": name, **dict.fromkeys(SCORES), "seconds": 0.0, "error": None}
        try:
            watches[name], failed = watch_all(name, detector, watched, clock, on_progress, learn)
            scores, thresholds[name] = score([one.judged for one in watches[name]], labelled)
        except Exception as error:  # whatever a detector does, the others go on; Ctrl-C is not among them
            row["error"] = reason(error)
            watches.pop(name, None)
        else:
            row |= {key: plain(one.value) for key, one in scores.items()}
            signatures |= {key: one.signature for key, one in scores.items()}
            if failed:
                notes.append(f"{name} could not be fitted to {len(failed)} of {len(watched)} series, where it never raises an alarm: {', '.join(failed[:3])}.")
        row["seconds"] = round(time.perf_counter() - began, 4)
        table.append(row)
        if labelled:
            table.sort(key=lambda row: (row["error"] is not None, -math.inf if row[by] is None else -row[by]))
        if on_row:
            on_row(table)
    usable = [row["model"] for row in table if row["error"] is None]
    if not usable:
        raise ForecastError("No detector could be fitted. " + told(table))
    winner = usable[0]
    best = None
    if len(watched) == 1:
        best = detectors[winner].fit(watched[0].series, seconds=clock.last())
        notes.extend(best.notes)
    return DetectionComparison(
        table=table,
        best=best,
        winner=winner,
        detector=detectors[winner],
        watched=tuple(watched),
        watches=tuple(watches[winner]),
        signatures=signatures,
        by=by,
        labelled=labelled,
        alarm_rate=detectors[winner].alarm_rate,
        threshold=thresholds[winner],
        notes=tuple(notes),
        call=call or "inorder.compare('detect', data, labels=labels)",
    )


def check_options(*, models: Sequence[str] | Mapping[str, Detector] | None, by: str, budget: float | str | None, learn: float | None = None) -> None:
    """Refuse what is out of range, before any data are read.   Raises ConfigError."""
    if learn is not None and (isinstance(learn, bool) or not isinstance(learn, int | float | np.number) or not 0 < learn < 1):
        raise ConfigError(f"`learn` is the share of each file to learn from, above 0 and below 1, such as 0.15, not {learn!r}.")
    if by not in RANKING:
        raise unknown("score", by, RANKING)
    seconds_of(budget)
    if models is not None and not isinstance(models, Mapping):
        if not models:
            raise ConfigError("`models` is empty; name at least one, or leave it out for all that suit the data.")
        for name in models:
            candidate(name)


def chosen(
    watched: Sequence[Watched], models: Sequence[str] | Mapping[str, Detector] | None, alarm_rate: float | None
) -> tuple[dict[str, Detector], list[str]]:
    """Name -> detector, and notes on what was left out."""
    given = {} if alarm_rate is None else {"alarm_rate": alarm_rate}
    notes: list[str] = []
    if isinstance(models, Mapping):
        return {name: detector.with_settings(given) for name, detector in models.items()}, notes
    names = [name for name, one in CANDIDATES.items() if one.usual] if models is None else list(dict.fromkeys(models))
    if models is None and all(one.series.season_length == 1 for one in watched):
        names = [name for name in names if not CANDIDATES[name].seasonal]
        notes.append("No season is known, so the seasonal detectors are left out; --season sets one.")
    return {name: candidate(name).make(**given) for name in names}, notes


def unlabelled(labelled: bool) -> list[str]:
    if labelled:
        return []
    return ["Without labels the detectors cannot be ranked: only the rates of their alarms are shown. --labels says where the anomalies are."]


def shortened(watched: Sequence[Watched], learn: float | None) -> list[str]:
    """What to know where less than 15 % of a file is learnt from."""
    if learn is not None:
        return []
    counts = [int((~np.isnan(one.series.values)).sum()) for one in watched]
    short = [count for one, count in zip(watched, counts, strict=True) if learning_rows(count, one.series.season_length, None) < int(PROBATION * count)]
    if not short:
        return []
    rows = (
        f"the first {LONGEST_PROBATION} of {max(short):,} rows" if len(watched) == 1 else f"{LONGEST_PROBATION} rows of {len(short)} of {len(watched)} series"
    )
    return [f"Detectors learn from {rows}, the most that the NAB benchmark allows; --learn 0.15 gives them 15 % of each file."]


def watch_all(
    name: str, detector: Detector, watched: Sequence[Watched], clock: Clock, on_progress: OnProgress | None, learn: float | None = None
) -> tuple[list[Watch], list[str]]:
    """What the detector says of every file, and the files that it could not be fitted to.   Raises where that is all of them."""
    made: list[Watch] = []
    failed: dict[str, str] = {}
    for k, one in enumerate(watched):
        seconds = clock.share(len(watched) - k)
        try:
            made.append(watch(detector, one, seconds, learn))
        except ForecastError as error:
            failed[one.name] = str(error)
            made.append(silent(detector, one, learn))
        if on_progress:
            on_progress(name, (k + 1) / len(watched))
    if len(failed) == len(watched):
        raise ForecastError(next(iter(failed.values())))
    return made, list(failed)


def watch(detector: Detector, one: Watched, seconds: float | None = None, learn: float | None = None) -> Watch:
    """Fit to the probation, watch the rest."""
    cut = beginning(one, learn)
    fitted = detector.fit(one.series.head(len(one.series.values) - cut), seconds=seconds)
    return judged(one, fitted.detect(one.series.tail(len(one.series.values) - cut)), cut)


def look_back(fitted: FittedDetector) -> list[tuple[str, Detections]]:
    """What a detector says of its own history when it learns from the beginning of each series and watches the rest; series too short for that are left out."""
    found = []
    for k, name in enumerate(fitted.history.ids):
        try:
            found.append((name, watch(fitted.detector, Watched(name, fitted.history[k])).detections))
        except (ForecastError, SeriesError):
            continue
    return found


def learning_rows(rows: int, season_length: int, learn: float | None) -> int:
    """Rows with a value in the probation, of `rows` in all.

    >>> learning_rows(4_032, 288, None), learning_rows(262_080, 288, None), learning_rows(262_080, 1440, None), learning_rows(262_080, 288, 0.5)
    (604, 750, 39312, 131040)
    """
    if learn is not None:
        return max(int(learn * rows), 1)
    return max(int(PROBATION * rows) if 2 * season_length > LONGEST_PROBATION else probation_rows(rows), 1)


def beginning(one: Watched, learn: float | None = None) -> int:
    """Rows of the probation, the empty ones of a grid among them.   Raises SeriesError for a series too short to have one."""
    known = np.flatnonzero(~np.isnan(one.series.values))
    if len(known) < 3:
        raise SeriesError(f'"{one.name}" has {len(known)} values; a detector needs one to begin with and two to watch.')
    return int(known[learning_rows(len(known), one.series.season_length, learn)])


def judged(one: Watched, found: Detections, cut: int) -> Watch:
    known = ~np.isnan(one.series.values)
    scores = np.concatenate([np.full(cut, np.nan), found.score])[known]
    alarms = np.concatenate([np.zeros(cut, dtype=bool), found.is_anomaly])[known]
    return Watch(one.name, found, Judged(scores, alarms, one.windows or (), skip=int(known[:cut].sum())))


def silent(detector: Detector, one: Watched, learn: float | None = None) -> Watch:
    """A detector that could not be fitted raises no alarm."""
    cut = beginning(one, learn)
    rows = one.series.tail(len(one.series.values) - cut)
    blank = np.full(len(rows.values), np.nan)
    return judged(one, Detections(rows, blank, blank, blank, blank, blank, np.zeros(len(blank), dtype=bool), detector.name), cut)


def score(files: Sequence[Judged], labelled: bool) -> tuple[dict[str, Score], float]:
    """Every score under its name in the table, and the best threshold for all files."""
    rates = detection_rates(files)
    if not labelled or not any(file.windows for file in files):
        return {"alarm_rate": rates["alarm_rate"]}, math.nan
    best, threshold = nab_optimised(files)
    low_fp, low_fn = (nab_optimised(files, profile)[0] for profile in list(PROFILES)[1:])
    return {"nab": best, "nab_low_fp": low_fp, "nab_low_fn": low_fn, "own": nab(files), **rates}, threshold


def fit_detect(
    data: Any,
    model: str | Detector = "combined",
    *,
    alarm_rate: float | None = None,
    settings: Mapping[str, Any] | None = None,
    labels: Any = None,
    budget: float | str | None = None,
    on_progress: Progress | None = None,
    **reading: Any,
) -> FittedDetector:
    """Fit one detector to the whole of `data`; "best" takes the winner of `compare`, or "combined" where no labels can tell which is the best.

    model: a name of `inorder models detect`, "best", or a detector; "auto" is "best" where there are labels, else "combined".
    alarm_rate, settings: changes to its own.   budget: seconds, or a time such as "40s".
    Further keywords go to `read_series`.

    >>> fit_detect([1.0, 2.0, 1.0, 2.0, 1.0], "mean").detect([1.5]).is_anomaly.tolist()
    [False]
    """
    given = {**(settings or {}), **({} if alarm_rate is None else {"alarm_rate": alarm_rate})}
    if isinstance(model, str) and model in ("best", "auto"):
        if settings:
            raise ConfigError(f"Settings belong to one model: name it instead of {model}.")
        if labels is not None:
            best = compare_detect(data, labels=labels, alarm_rate=alarm_rate, budget=budget, **reading).best
            if best is None:
                raise ConfigError("A detector is fitted to one file; compare ranks them over several.")
            return best
        model = "combined"
    if isinstance(labels, str) and not labels.lower().endswith(".json"):
        reading["past"] = (labels,)
    series = without(read_rows(data, **reading), labels)
    detector = candidate(model).make() if isinstance(model, str) else model
    return detector.with_settings(given).fit(series, seconds=Clock(budget).share(1), progress=on_progress)


def newer(fitted: FittedDetector, data: Any, **reading: Any) -> Series | None:
    """The rows of `data` that come after the detector's history; None where there is none."""
    history = fitted.history
    if history.frequency is not None:
        return rows_after(history, data, reading)
    series = read_rows(data, **{**history.reading, **reading})
    if isinstance(data, Series) or len(series) != 1 or len(history) != 1:
        return series
    after = series.index > history.index[-1]
    begin = int(np.argmax(after)) if after.any() else len(after)
    return series.tail(len(after) - begin) if begin < len(after) else None


def evaluate_detect(fitted: FittedDetector, data: Any, *, labels: Any = None, **reading: Any) -> dict[str, Score]:
    """Scores of a fitted detector's own alarms on rows that it has not seen: those of `data` that come after its history.

    labels: as in `compare_detect`; without them the alarm rate alone is known. No row of the newer ones is left out as a probation.
    Raises SeriesError where nothing is newer.
    """
    (one, *others) = read_watched(data, labels, **reading)
    if others:
        raise ConfigError(f"A detector is evaluated on one series; the data hold {len(others) + 1}.")
    new = newer(fitted, replace(one.series, ids=fitted.history.ids) if one.series.frequency is not None else one.series)
    new = new if new is None or one.series.frequency is not None else new.tail(int((one.series.index > fitted.history.index[-1]).sum()))
    if new is None or len(new.values) == 0:
        raise SeriesError(f"Nothing to evaluate on: no row of the data comes after {fitted.history.describe()}, which the detector was fitted to.")
    found = fitted.detect(new)
    known = ~np.isnan(found.rows.values)
    old = int((~np.isnan(one.series.values)).sum()) - int(known.sum())
    windows = tuple(Window(max(first - old, 0), last - old) for first, last in one.windows or () if last >= old)
    files = [Judged(found.score[known], found.is_anomaly[known], windows, 0)]
    scores = detection_rates(files)
    return {"nab": nab(files), **scores} if windows else scores if one.windows is not None else {"alarm_rate": scores["alarm_rate"]}
