"""Detectors compared: a leaderboard with labels, rates without, and the benchmark's files against its baseline."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

import inorder
from inorder import detection
from inorder.data.series import Series
from inorder.detection import beginning, watch
from inorder.errors import ConfigError, ForecastError, SeriesError
from inorder.forecast.baselines import Mean, SeasonalNaive
from inorder.forecast.detect import ForecastDetector, WindowedGaussian
from inorder.metrics.detection import Judged, Window, nab, nab_optimised
from inorder.tasks.detect import CANDIDATES, Watched, read_watched
from inorder.verbs import evaluate

NAB = Path(__file__).resolve().parents[2] / "shared" / "data" / "anomaly" / "nab.zip"
needs_nab = pytest.mark.skipif(not NAB.is_file(), reason="../shared/data/anomaly/nab.zip is not beside this checkout")


def spiked(rows: int = 1500, at: tuple[int, ...] = (700, 1200), seed: int = 0) -> Series:
    y = np.random.default_rng(seed).normal(size=rows)
    y[list(at)] += 15
    return Series.of(y)


LABELS = [[691, 720], [1191, 1220]]  # steps are counted from 1


def test_with_labels_the_best_comes_first_and_is_fitted_to_everything():
    lazy = ForecastDetector(forecasters=(Mean(),), probation=10_000)  # never raises an alarm by itself
    result = inorder.compare("detect", spiked(), labels=LABELS, models={"lazy": lazy, "mean": CANDIDATES["mean"].make()}, by="own")
    assert [row["model"] for row in result.table] == ["mean", "lazy"] and result.winner == "mean"
    assert result.table[1]["own"] == 0 and result.table[0]["recall"] == 1
    assert result.best is not None and len(result.best.history.values) == 1500
    assert result.signatures["nab"].startswith("profile=standard")
    assert "mean" in str(result)


def test_the_scores_are_those_of_the_watches():
    result = inorder.compare("detect", spiked(), labels=LABELS, models=["naive"])
    (one,) = result.watches
    assert one.judged.windows == (Window(690, 719), Window(1190, 1219))
    assert np.isnan(one.judged.scores[:225]).all() and not np.isnan(one.judged.scores[225:]).any()  # 15 % of 1,500
    best, threshold = nab_optimised([one.judged])
    assert result.table[0]["nab"] == best.value and result.threshold == threshold
    assert result.table[0]["own"] == nab([one.judged]).value


def test_a_long_season_is_learnt_from_whatever_the_benchmark_allows():
    """750 rows hold no season of 700; 15 % of 12,000 hold two."""
    y = 5 * np.sin(np.arange(12_000) * 2 * np.pi / 700) + np.random.default_rng(0).normal(size=12_000)
    result = inorder.compare("detect", Series.of(y, season_length=700), labels=[], models=["seasonal-naive", "seasonal-smoothing"])
    assert [row["error"] for row in result.table] == [None, None]
    assert np.flatnonzero(~np.isnan(result.watches[0].judged.scores))[0] == 1800
    assert not any("learn from" in note for note in result.notes)


def test_the_share_to_learn_from_can_be_set_and_a_short_one_is_told():
    series = spiked(6000, at=(3000,))
    usual = inorder.compare("detect", series, labels=[[2991, 3020]], models=["naive"])
    assert np.isnan(usual.watches[0].judged.scores).sum() == 750
    assert any("Detectors learn from the first 750 of 6,000 rows" in note for note in usual.notes)
    half = inorder.compare("detect", series, labels=[[2991, 3020]], models=["naive"], learn=0.5)
    assert np.isnan(half.watches[0].judged.scores).sum() == half.watches[0].judged.probation == 3000
    assert half.table[0]["recall"] is not None and not any("learn from" in note for note in half.notes)
    for wrong in (0, 1.0, True, "half"):
        with pytest.raises(ConfigError, match="`learn` is the share of each file"):
            inorder.compare("detect", series, models=["naive"], learn=wrong)


def test_a_column_of_labels_is_no_covariate_and_newer_rows_need_none(tmp_path):
    series = spiked(600, at=(300,))
    stamps = np.datetime64("2024-01-01T00") + np.arange(700)
    flags = ((np.arange(600) >= 295) & (np.arange(600) < 310)).astype(int)
    lines = [f"{stamp},{value:.3f},{flag}" for stamp, value, flag in zip(stamps, series.values, flags, strict=False)]
    (tmp_path / "a.csv").write_text("time,value,label\n" + "\n".join(lines) + "\n")
    newer = "\n".join(f"{stamp},{value:.3f}" for stamp, value in zip(stamps[600:], np.random.default_rng(1).normal(size=100), strict=True))
    (tmp_path / "b.csv").write_text("time,value\n" + newer + "\n")
    result = inorder.compare("detect", tmp_path / "a.csv", labels="label", models=["mean"])
    assert result.watched[0].windows == (Window(295, 309),)
    assert "label" not in result.describe() and result.best is not None
    fitted = [result.best, inorder.fit("detect", tmp_path / "a.csv", "best", labels="label")]
    for one in fitted:
        assert "past" not in one.history.reading and len(detection.newer(one, tmp_path / "b.csv").values) == 100


def test_without_labels_nothing_is_ranked():
    result = inorder.compare("detect", spiked(), models=["naive", "mean"])
    assert not result.labelled and [row["model"] for row in result.table] == ["naive", "mean"]
    assert all(row["nab"] is None and row["alarm_rate"] > 0 for row in result.table)
    assert any("cannot be ranked" in note for note in result.notes)
    assert result.to_json()["by"] is None and "unranked" in str(result)
    assert "could not be ranked" in result.report()


def test_what_a_detector_sees_is_what_came_before():
    """Rows after the window change nothing in what was said before them, through the whole comparison."""
    longer = spiked(seed=3)
    shorter = Watched("a", longer.head(300), ())
    for name in ("combined", "windowed-gaussian", "ar"):
        detector = CANDIDATES[name].make()
        wild = longer.values.copy()
        wild[1200:] = 1e6
        one, other = (watch(detector, Watched("a", Series.of(y), ())) for y in (longer.values, wild))
        np.testing.assert_array_equal(one.judged.scores[:1200], other.judged.scores[:1200])
        np.testing.assert_array_equal(one.judged.alarms[:1200], other.judged.alarms[:1200])
    assert beginning(shorter) == 180


def test_files_that_a_detector_cannot_be_fitted_to_count_as_silence():
    long, short = Watched("long", spiked(), (Window(690, 719),)), Watched("short", spiked(30, (20,)), (Window(18, 22),))
    seasonal = ForecastDetector(forecasters=(SeasonalNaive(season_length=24),))
    result = inorder.compare("detect", [long, short], models={"seasonal": seasonal, "mean": CANDIDATES["mean"].make()})
    assert result.best is None and len(result.watched) == 2
    assert any("seasonal could not be fitted to 1 of 2 series" in note and "short" in note for note in result.notes)
    row = next(row for row in result.table if row["model"] == "seasonal")
    assert row["error"] is None and row["recall"] <= 0.5
    with pytest.raises(ForecastError, match="No detector could be fitted"):
        inorder.compare("detect", [short], models={"seasonal": seasonal})


def test_a_detector_that_fails_leaves_the_others(tmp_path):
    class Broken(WindowedGaussian):
        def fit(self, *_: object, **__: object) -> object:
            raise RuntimeError("out of luck")

    result = inorder.compare("detect", spiked(), labels=LABELS, models={"broken": Broken(), "mean": CANDIDATES["mean"].make()})
    assert result.table[-1]["error"] == "RuntimeError: out of luck" and result.winner == "mean"
    page = result.save(tmp_path / "m").joinpath("report.html").read_text(encoding="utf-8")
    assert "out of luck" in page and "<svg" in page
    assert not re.search(r'(src|href)="(?!#)', page), "nothing is fetched from outside"


def test_fit_auto_takes_the_winner():
    winner = inorder.compare("detect", spiked(), labels=LABELS, by="nab").winner
    fitted = inorder.fit("detect", spiked(), "best", labels=LABELS)
    assert fitted.detector == inorder.fit("detect", spiked(), "auto", labels=LABELS).detector
    assert inorder.fit("detect", spiked(), "best").detector == CANDIDATES["combined"].make()
    with pytest.raises(ConfigError, match="name it instead of best"):
        inorder.fit("detect", spiked(), "best", settings={"quiet": 3})
    assert fitted.detector == CANDIDATES[winner].make()
    assert inorder.fit("detect", spiked(), "auto").detector == CANDIDATES["combined"].make()


def test_evaluate_scores_the_newer_rows(tmp_path):
    whole = spiked()
    saved = inorder.fit("detect", whole.head(500), "mean").save(tmp_path / "m")
    scores = evaluate(saved, whole, labels=LABELS)
    found = inorder.load(saved).detect(whole.tail(500))
    wanted = nab([Judged(found.score, found.is_anomaly, (Window(190, 219),), 0)])
    assert scores["nab"].value == pytest.approx(wanted.value) and scores["recall"].value == 1
    assert set(evaluate(saved, whole)) == {"alarm_rate"}
    with pytest.raises(SeriesError, match="Nothing to evaluate on"):
        evaluate(saved, whole.head(500), labels=[])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"by": "nabb"}, 'Did you mean "nab"'),
        ({"models": ["men"]}, 'Did you mean "mean"'),
        ({"models": []}, "empty"),
        ({"budget": 0}, "`budget`.*0"),
        ({"alarm_rate": 2.0}, "`alarm_rate`.*2"),
    ],
)
def test_options_out_of_range_are_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        inorder.compare("detect", spiked(), **options)


def test_series_too_short_to_watch():
    with pytest.raises(ForecastError, match="a detector needs one to begin with"):
        inorder.compare("detect", [1.0, 2.0], models=["mean"])


@needs_nab
def test_the_benchmark_against_its_baseline():
    """Lavin & Ahmad's windowed Gaussian has 39.6 on the complete benchmark; on these 41 of its 58 files it has about 30."""
    watched = read_watched(NAB, "labels/combined_windows.json")
    result = inorder.compare("detect", watched, models=["combined", "windowed-gaussian"])
    scores = {row["model"]: row for row in result.table}
    assert result.winner == "combined"
    assert scores["combined"]["nab"] > scores["windowed-gaussian"]["nab"] + 20
    assert scores["combined"]["own"] > scores["windowed-gaussian"]["own"] + 20
    assert scores["combined"]["alarm_rate"] == pytest.approx(0.001, abs=0.0005)
    assert not math.isnan(result.threshold)
