"""What the numbers of a network mean: losses against the textbook, quantiles against the distributions that they come from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from inorder.errors import ConfigError
from inorder.losses.likelihood import DEGREES
from inorder.tasks.window_outputs import LOSSES, answer, check_quantiles, deviations, loss_of, outputs_of, point
from inorder.textbook.quantile import ordered, pinball

LEARNT = (0.05, 0.25, 0.5, 0.75, 0.95)
FROZEN = {"normal": stats.norm(), "student-t": stats.t(DEGREES), "laplace": stats.laplace()}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_that_of_the_answer_and_missing_targets_do_not_count(loss):
    rng = np.random.default_rng(0)
    raw = torch.from_numpy(rng.normal(size=(4, 3, outputs_of(loss, LEARNT))))
    middle, spread, targets = (torch.from_numpy(part) for part in (rng.normal(size=4), rng.uniform(1, 2, 4), rng.normal(size=(4, 3))))
    targets[1, 2] = float("nan")
    answered = answer(raw, middle, spread, loss)
    total, count = 0.0, 0
    for b in range(4):
        for h in range(3):
            y, a, s, z = float(targets[b, h]), float(middle[b]), float(spread[b]), raw[b, h].tolist()
            if np.isnan(y):
                continue
            count += 1
            if loss == "quantiles":
                total += np.mean([pinball(a + s * q, y, p) for q, p in zip(ordered(z), LEARNT, strict=True)])
            elif loss in FROZEN:
                scale = s * (np.log1p(np.exp(z[1])) + 1e-3)
                total -= FROZEN[loss].logpdf((y - a - s * z[0]) / scale) - np.log(scale)
            else:
                error = abs(y - a - s * z[0])
                total += error if loss == "absolute" else error**2
    found = loss_of(answered, targets, loss, LEARNT)
    assert int(found.count) == count == 11
    assert float(found.total) == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("loss", FROZEN)
def test_quantiles_of_a_distribution_are_those_of_scipy(loss):
    answered = np.array([[[3.0, 2.0], [1.0, 0.5]]])
    probabilities = np.array([1e-6, 0.1, 0.5, 0.8, 1 - 1e-6])
    assert point(answered, loss).tolist() == [[3.0, 1.0]]
    expected = FROZEN[loss].ppf(probabilities)[:, None, None] * answered[None, ..., 1]
    np.testing.assert_allclose(deviations(answered, loss, LEARNT, probabilities), expected, rtol=1e-9, atol=1e-12)


def test_between_and_beyond_normal_quantiles_are_normal_ones():
    answered = (3 + 2 * stats.norm.ppf(LEARNT))[None, None]
    probabilities = np.array([1e-9, 0.01, 0.1, 0.25, 0.4, 0.5, 0.9, 0.999])
    assert point(answered, "quantiles").tolist() == [[3.0]]
    np.testing.assert_allclose(deviations(answered, "quantiles", LEARNT, probabilities)[:, 0, 0], 2 * stats.norm.ppf(probabilities), atol=1e-9)


def test_skewed_quantiles_stay_in_order_at_every_probability():
    answered = np.array([[[-9.0, -1.0, 0.0, 0.1, 0.11]]])
    probabilities = np.linspace(0.001, 0.999, 401)
    found = deviations(answered, "quantiles", LEARNT, probabilities)[:, 0, 0]
    assert (np.diff(found) >= 0).all()
    np.testing.assert_allclose(deviations(answered, "quantiles", LEARNT, np.array(LEARNT))[:, 0, 0], answered[0, 0], atol=1e-12)


@pytest.mark.parametrize("wrong", [(0.1, 0.9), (0.5,), (0.2, 0.4, 0.9), (0.9, 0.5, 0.1), (0.0, 0.5, 1.0), "half", (0.1, 0.5, 0.8, 0.9)])
def test_quantiles_that_are_none_are_refused(wrong):
    with pytest.raises(ConfigError, match="rising probabilities around 0.5"):
        check_quantiles(wrong)
