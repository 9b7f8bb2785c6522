"""NAB scores against the definition written out by hand, and precision and recall on small cases."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from inorder.errors import ConfigError, ShapeError
from inorder.metrics.detection import (
    PROFILES,
    Judged,
    Window,
    detection_rates,
    nab,
    nab_optimised,
    probation_rows,
    row_weights,
    windows_around,
    windows_of_flags,
)


def file(rows: int, alarms: list[int], windows: list[tuple[int, int]], skip: int = 0) -> Judged:
    raised = np.zeros(rows, dtype=bool)
    raised[alarms] = True
    return Judged(raised.astype(float), raised, tuple(Window(*window) for window in windows), skip)


def scaled_sigmoid(x: float) -> float:
    return -1.0 if x >= 3 else 2 / (1 + math.exp(5 * x)) - 1


def by_definition(rows: int, alarms: list[int], windows: list[tuple[int, int]], tp: float, fp: float, fn: float) -> float:
    """The score of one file, window by window and alarm by alarm."""
    total, found = 0.0, {}
    for i in alarms:
        inside = [window for window in windows if window[0] <= i <= window[1]]
        if inside:
            first, last = inside[0]
            worth = tp * scaled_sigmoid(-(last - i + 1) / (last - first + 1)) / scaled_sigmoid(-1.0)
            found[inside[0]] = max(found.get(inside[0], -math.inf), worth)
        else:
            before = [window for window in windows if window[1] < i]
            total += fp * (scaled_sigmoid((i - before[-1][1]) / (before[-1][1] - before[-1][0])) if before else -1.0)
    total += sum(found.get(window, -fn) for window in windows)
    null, perfect = -fn * len(windows), tp * len(windows)
    return 100 * (total - null) / (perfect - null)


def test_nothing_is_zero_and_the_first_row_of_every_window_is_100():
    windows = [(100, 139), (300, 339)]
    assert nab([file(500, [], windows)]).value == 0
    assert nab([file(500, [100, 300], windows)]).value == pytest.approx(100, abs=1e-12)
    assert nab([file(500, [100, 300, 320, 339], windows)]).value == pytest.approx(100, abs=1e-12)  # later alarms of a window add nothing


def test_figures_of_the_paper():
    """Lavin & Ahmad 2015: S is 0.98661 at the left edge, 0.84828 in the middle, 0 at the right edge, −0.98661 a width behind."""
    weights, _ = row_weights(600, [Window(100, 199)], PROFILES["standard"])
    assert weights[100] == pytest.approx(1.0)
    assert weights[150] * 0.98661 == pytest.approx(0.84828, abs=1e-5)
    assert weights[199] * 0.98661 == pytest.approx(scaled_sigmoid(-0.01), abs=1e-5)
    assert weights[199 + 99] == pytest.approx(-0.11 * 0.98661, abs=1e-6)
    assert weights[99] == -0.11 and weights[199 + 3 * 99] == -0.11


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(6))
def test_random_alarms_score_as_by_definition(profile, seed):
    rng = np.random.default_rng(seed)
    windows = [(40, 59), (130, 151), (170, 180)]
    alarms = sorted(rng.choice(240, size=12, replace=False).tolist())
    wanted = by_definition(240, alarms, windows, *PROFILES[profile])
    assert nab([file(240, alarms, windows)], profile).value == pytest.approx(wanted, abs=1e-10)


def test_the_probation_is_not_scored():
    assert (probation_rows(4032), probation_rows(5000), probation_rows(22695)) == (604, 750, 750)
    early = file(1000, [3, 100, 149], [(500, 599)], skip=None)
    assert nab([early]).value == 0
    assert nab([file(1000, [150], [(500, 599)], skip=None)]).value == pytest.approx(-5.5)
    half = file(1000, [], [(100, 199)], skip=None)  # a window that reaches beyond the probation counts
    assert nab([half]).value == 0 and "windows=1" in nab([half]).signature
    assert math.isnan(nab([file(1000, [], [(100, 120)], skip=None)]).value)


def test_files_are_summed_before_they_are_normalised():
    one, other = file(200, [50], [(50, 69)]), file(200, [5, 6, 7], [])
    assert nab([one, other]).value == pytest.approx(100 * (1 - 3 * 0.11 + 1) / 2)
    assert math.isnan(nab([other]).value)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("profile", PROFILES)
def test_the_best_threshold_is_the_best_of_all(seed, profile):
    rng = np.random.default_rng(seed)
    files = []
    for rows in (80, 120):
        scores = rng.integers(0, 12, rows) / 4.0  # with ties
        scores[rng.random(rows) < 0.1] = np.nan
        files.append(Judged(scores, np.zeros(rows, dtype=bool), (Window(30, 44), Window(60, 66)), 10))
    best, threshold = nab_optimised(files, profile)
    tried = {cut: nab(files, profile, cut).value for cut in [*np.unique(np.concatenate([one.scores for one in files])[:]), math.inf] if not math.isnan(cut)}
    assert best.value == pytest.approx(max(tried.values()), abs=1e-10)
    assert tried[threshold] == pytest.approx(best.value, abs=1e-10)


def test_no_threshold_is_better_than_a_bad_one():
    worst = Judged(np.r_[np.ones(50), np.zeros(50)], np.zeros(100, dtype=bool), (Window(90, 99),), 0)
    score, threshold = nab_optimised([worst])
    assert (score.value, threshold) == (0.0, math.inf)
    empty = Judged(np.full(100, np.nan), np.zeros(100, dtype=bool), (Window(90, 99),), 0)
    assert nab_optimised([empty])[0].value == 0


def test_windows_around_points_take_a_tenth_of_the_rows_and_join():
    assert windows_around([500], 1000) == (Window(450, 550),)
    assert windows_around([2, 998], 1000) == (Window(0, 27), Window(973, 999))
    assert windows_around([500, 530], 1000) == (Window(475, 555),)
    assert windows_around([], 1000) == ()


def test_flags_become_windows():
    for flags in itertools.product([0, 1], repeat=5):
        windows = windows_of_flags(flags)
        rebuilt = np.zeros(5, dtype=int)
        for first, last in windows:
            rebuilt[first : last + 1] = 1
            assert (first == 0 or not flags[first - 1]) and (last == 4 or not flags[last + 1])
        assert tuple(rebuilt) == flags


def test_precision_and_recall_by_window_and_by_row():
    rates = detection_rates([file(100, [10, 11, 30, 52, 53, 54], [(50, 59), (80, 89)])])
    values = {key: one.value for key, one in rates.items()}
    assert values["recall"] == 0.5 and values["precision"] == pytest.approx(1 / 3)  # one window found; two false episodes
    assert values["f1"] == pytest.approx(0.4)
    assert values["row_recall"] == 0.15 and values["row_precision"] == 0.5
    assert values["alarm_rate"] == 0.06
    assert rates["f1"].parts["windows"] == "2"


def test_what_has_nothing_to_divide_by_is_nan():
    silent = {key: one.value for key, one in detection_rates([file(50, [], [(10, 20)])]).items()}
    assert math.isnan(silent["precision"]) and silent["recall"] == 0 and silent["alarm_rate"] == 0
    missed = {key: one.value for key, one in detection_rates([file(50, [1], [(10, 20)])]).items()}
    assert missed["precision"] == missed["recall"] == missed["f1"] == 0


def test_wrong_input_is_refused():
    with pytest.raises(ConfigError, match='Did you mean "standard"'):
        nab([], "standart")
    with pytest.raises(ShapeError, match=r"5 scores.*\(3, 9\)"):
        nab([file(5, [], [(3, 9)])])
