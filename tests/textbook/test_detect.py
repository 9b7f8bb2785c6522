"""The textbook's tail against SciPy's generalised Pareto distribution, and its memories against what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import genpareto

from inorder.textbook import detect


def test_the_tail_is_a_generalised_pareto_distribution_of_that_mean_excess():
    values = np.abs(np.random.default_rng(0).standard_t(4, 800)).tolist()
    n, k, u, m = detect.tail(values, 1e-9)
    assert k == 40 and u == sorted(values)[-40]
    law = genpareto(detect.SHAPE, loc=u, scale=(1 - detect.SHAPE) * m)
    assert law.mean() - u == pytest.approx(m)
    for a in (u + 0.1, u + 1.0, u + 20.0):
        assert detect.surprise(a, values, 1e-9) == pytest.approx(-math.log10(k / n * law.sf(a)))
    for p in (1e-2, 1e-4):
        assert detect.reach(p, values, 1e-9) == pytest.approx(law.isf(p * n / k))
        assert detect.surprise(detect.reach(p, values, 1e-9), values, 1e-9) == pytest.approx(-math.log10(p))


def test_inside_surprise_is_the_share_that_was_as_large():
    values = np.random.default_rng(1).permutation(200).astype(float).tolist()
    for a in (0.0, 57.5, 150.0, 190.0):
        share = (sum(value >= a for value in values) + 1) / 201
        assert detect.surprise(a, values, 1e-9) == pytest.approx(-math.log10(share))
    assert detect.surprise(1e9, values[:49], 1e-9) == 0


def test_surprise_grows_with_the_value():
    values = np.random.default_rng(2).exponential(size=500).tolist()
    found = [detect.surprise(a, values, 1e-9) for a in np.linspace(0, 20, 400)]
    assert (np.diff(found) >= -1e-2).all()  # rank and tail meet within a hundredth of a decade


def test_equal_values_surprise_nobody_and_a_first_other_one_does():
    watch = detect.Evidence(100, 0.01, 1e-9)
    assert [watch.step(0.0)[0] for _ in range(80)] == [0.0] * 80
    assert watch.step(1.0)[0] > 10


def test_a_row_without_evidence_changes_nothing_but_the_time():
    alarms = detect.Alarms(0.01, 10, 100, 0)
    for score in np.random.default_rng(3).exponential(size=100).tolist():
        alarms.step(score)
    kept, correction = list(alarms.kept), alarms.correction
    record, threshold, raised = alarms.step(math.nan)
    assert math.isnan(record) and math.isnan(threshold) and not raised
    assert alarms.kept == kept and alarms.correction == correction


def test_an_episode_is_one_alarm_unless_it_doubles():
    alarms = detect.Alarms(0.01, 50, 1000, 100)
    rng = np.random.default_rng(4)
    for score in rng.exponential(size=400).tolist():
        alarms.step(score)
    for _ in range(60):
        alarms.step(0.5)  # the last episode is over
    said = [alarms.step(score)[2] for score in (10.0, 11.0, 12.0, 25.0, 12.0)]
    assert said == [True, False, False, True, False]
