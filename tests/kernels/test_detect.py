"""The compiled watches follow their textbook twins, and a stretch gives what single steps give."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.kernels import detect as fast
from inorder.textbook import detect as textbook


def errors(seed: int, rows: int = 900) -> np.ndarray:
    rng = np.random.default_rng(seed)
    e = rng.standard_t(3, rows)
    e[rng.random(rows) < 0.05] = np.nan
    e[500:520] += 4.0
    return np.round(e, 1) if seed % 2 else e  # with ties


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("memory", [50, 200, 4000])
def test_evidence_follows_the_textbook(seed, memory):
    e = errors(seed)
    slow = textbook.Evidence(memory, 0.01, 1e-9)
    wanted = np.array([slow.step(error) for error in e.tolist()])
    watch = fast.Evidence(memory, 0.01, 1e-9)
    found, radius = watch.run(e)
    np.testing.assert_allclose(found, wanted[:, 0], rtol=1e-12, atol=1e-12, err_msg="evidence")
    np.testing.assert_allclose(radius, wanted[:, 1], rtol=1e-12, err_msg="radius")
    steps = fast.Evidence(memory, 0.01, 1e-9)
    np.testing.assert_array_equal(np.array([steps.step(error) for error in e.tolist()]), np.column_stack([found, radius]))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("quiet", [0, 1, 40, 300])
@pytest.mark.parametrize("rate", [0.002, 0.02, 0.5])
def test_alarms_follow_the_textbook(seed, quiet, rate):
    scores = np.abs(errors(seed))
    slow = textbook.Alarms(rate, quiet, 300, 100)
    wanted = [slow.step(score) for score in scores.tolist()]
    record, threshold, raised = fast.Alarms(rate, quiet, 300, 100).run(scores)
    np.testing.assert_array_equal(record, [one[0] for one in wanted])
    np.testing.assert_allclose(threshold, [one[1] for one in wanted], rtol=1e-12)
    np.testing.assert_array_equal(raised, [one[2] for one in wanted])
    assert raised.any()


def test_a_copy_goes_its_own_way():
    e = errors(0)
    watch = fast.Evidence(100, 0.01, 1e-9)
    watch.run(e[:400])
    other = watch.copy()
    first, _ = watch.run(e[400:])
    other.run(np.zeros(10))
    again = fast.Evidence(100, 0.01, 1e-9)
    again.run(e[:400])
    np.testing.assert_array_equal(first, again.copy().run(e[400:])[0])
    alarms = fast.Alarms(0.01, 20, 100, 50)
    alarms.run(np.abs(e[:400]))
    np.testing.assert_array_equal(alarms.copy().run(np.abs(e[400:]))[2], alarms.run(np.abs(e[400:]))[2])


def test_without_the_extension_the_textbook_runs(monkeypatch):
    e = errors(1, 300)
    wanted = fast.Evidence(100, 0.01, 1e-9).run(e)[0]
    raised = fast.Alarms(0.01, 20, 100, 50).run(np.abs(e))[2]
    monkeypatch.setattr(fast, "extension", None)
    monkeypatch.setattr("inorder.kernels._warned", True)
    watch = fast.Evidence(100, 0.01, 1e-9)
    np.testing.assert_allclose(watch.run(e)[0], wanted, rtol=1e-12, atol=1e-12)
    copied = watch.copy()
    assert copied.step(5.0) == watch.step(5.0)
    np.testing.assert_array_equal(fast.Alarms(0.01, 20, 100, 50).run(np.abs(e))[2], raised)
