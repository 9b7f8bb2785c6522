"""Anomalies: the score of the NAB benchmark beside its windowed Gaussian, and what one observation costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.case import Case, Program, require, timed
from benchmarks.machine import ROOT

if TYPE_CHECKING:
    from inorder.forecast.detect import FittedDetector

NAB = ROOT.parent / "shared" / "data" / "anomaly" / "nab.zip"
OURS, BASELINE = "combined", "windowed-gaussian"
HISTORY, NEW = 1000, 4000


def detection(quick: bool) -> list[Case]:
    """The NAB score on the shared part beside the windowed Gaussian on the same files, and the time of one observation."""
    return [benchmark(quick), sessions()]


def benchmark(quick: bool) -> Case:
    """Every file, row by row, by the detectors and by the baseline of the benchmark."""
    from inorder.detection import compare_detect
    from inorder.tasks.detect import read_watched

    if not NAB.is_file():
        raise FileNotFoundError(f"../shared/data/anomaly/{NAB.name} is not beside this checkout")
    watched = read_watched(NAB, "labels/combined_windows.json")
    rows = sum(int((~np.isnan(one.series.values)).sum()) for one in watched)

    def check() -> dict[str, Any]:
        table = compare_detect(watched, models=[OURS, BASELINE] if quick else None).table
        scores = {row["model"]: row for row in table}
        ours, baseline = scores[OURS], scores[BASELINE]
        require(ours["nab"] > baseline["nab"], f"NAB {ours['nab']:.1f} of {OURS} is not above {baseline['nab']:.1f} of {BASELINE}.")
        require(ours["own"] > baseline["own"], f"NAB at own alarms {ours['own']:.1f} of {OURS} is not above {baseline['own']:.1f} of {BASELINE}.")
        return {
            f"{row['model']}: NAB standard, low FP, low FN; at own alarms; alarms in 1,000 rows": (
                f"{row['nab']:.1f}, {row['nab_low_fp']:.1f}, {row['nab_low_fn']:.1f}; {row['own']:.1f}; {1000 * row['alarm_rate']:.2f}"
            )
            for row in table
        }

    def all_files(name: str) -> Program:
        return timed(lambda: compare_detect(watched, models=[name]))

    return Case(
        "NAB, shared part",
        {"files": len(watched), "rows": rows, "windows": sum(len(one.windows or ()) for one in watched)},
        {OURS: all_files(OURS), BASELINE: all_files(BASELINE)},
        check,
        repeats=3,
        gate="NAB above that of the windowed Gaussian, at the best threshold and at own alarms",
        notes=("time: fitting to the first 15 % of each file, at most 750 rows, watching the rest, and scoring",),
    )


def sessions() -> Case:
    """One `step` of a session: the score, the band and the alarm."""
    from inorder.tasks.detect import CANDIDATES

    rng = np.random.default_rng(0)
    y = 50 + 10 * np.sin(np.arange(HISTORY + NEW) * np.pi / 12) + rng.normal(size=HISTORY + NEW)
    fitted = {name: fit(CANDIDATES[name].make(), y[:HISTORY]) for name in (OURS, "mean", "ar", BASELINE)}
    new = y[HISTORY:].tolist()

    def steps(name: str) -> Program:
        session = fitted[name].stream()

        def work() -> None:
            for value in new:
                session.step(value)

        return lambda: {"time": timed(work)()["time"] / NEW}

    def whole(name: str) -> Program:
        return lambda: {"time": timed(lambda: fitted[name].detect(y[HISTORY:]))()["time"] / NEW}

    def check() -> dict[str, Any]:
        for name, one in fitted.items():
            session, batch = one.stream(), one.detect(y[HISTORY:])
            said = [session.step(value) for value in new]
            require([alarm.is_anomaly for alarm in said] == batch.is_anomaly.tolist(), f"the session of {name} raises other alarms than the batch.")
            worst = float(np.max(np.abs(np.array([alarm.score for alarm in said]) - batch.score)))
            require(worst < 1e-6, f"the scores of the session of {name} differ from those of the batch by up to {worst:g}.")
        return {"observations checked": NEW}

    programs: dict[str, Program] = {f"{name}, session.step": steps(name) for name in fitted}
    programs |= {f"{name}, batch": whole(name) for name in fitted}
    return Case(
        "one observation",
        {"observations": NEW, "history": HISTORY, "season": 24},
        programs,
        check,
        notes=("batch: a share of one call, which first replays the history",),
    )


def fit(detector: Any, history: Any) -> FittedDetector:
    from inorder import Series

    fitted: FittedDetector = detector.fit(Series.of(history, season_length=24))
    return fitted
