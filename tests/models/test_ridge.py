"""Ridge regression with leave-one-out in closed form against fits without each example."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.errors import ShapeError
from inorder.models.ridge import fit_ridge, softmax, temperature
from inorder.textbook import ridge as textbook


@pytest.mark.parametrize(("examples", "features", "outputs"), [(7, 3, 1), (12, 31, 3), (40, 5, 2)])
def test_ridge_follows_the_textbook(examples, features, outputs):
    rng = np.random.default_rng(examples)
    x, y = rng.normal(3, 2, (examples, features)), rng.normal(size=(examples, outputs))
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)  # the penalty is on scaled features
    for penalty in (0.1, 10.0):
        fitted = fit_ridge(x, y, (penalty,))
        weights, intercept = textbook.ridge(scaled, y, penalty)
        np.testing.assert_allclose(fitted.predict(x), scaled @ weights + intercept, atol=1e-10)
        np.testing.assert_allclose(fitted.left_out, textbook.left_out(scaled, y, penalty), atol=1e-9)


def test_the_penalty_is_the_best_without_each_example():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 60))
    y = x[:, :1] + rng.normal(0, 2, (30, 1))
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    penalties = (0.01, 1.0, 30.0, 300.0, 1e5)
    losses = [((textbook.left_out(scaled, y, penalty) - y) ** 2).sum() for penalty in penalties]
    assert fit_ridge(x, y, penalties).penalty == penalties[int(np.argmin(losses))]


def test_a_feature_that_does_not_vary_has_no_weight():
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.normal(size=10), np.full(10, 7.0)])
    fitted = fit_ridge(x, x[:, :1])
    assert fitted.weights[1, 0] == 0 and fitted.weights[0, 0] > 0.9
    with pytest.raises(ShapeError, match=r"\(examples, 2\) was expected"):
        fitted.predict(np.zeros((1, 3)))


def test_the_temperature_is_the_most_likely_one():
    rng = np.random.default_rng(0)
    truth, n = 2.5, 5000
    scores = rng.normal(size=(n, 3))
    labels = np.array([rng.choice(3, p=p) for p in softmax(truth * scores)])  # the scores as they are called for
    assert temperature(scores, labels) == pytest.approx(truth, rel=0.1)
    grid = np.linspace(0.5, 5, 200)
    wanted = (np.arange(3) == labels[:, None]) * (n / (n + 3)) + 1 / (n + 3)
    losses = [-(wanted * np.log(softmax(tau * scores))).sum() for tau in grid]
    assert temperature(scores, labels) == pytest.approx(grid[int(np.argmin(losses))], abs=0.03)
    perfect = np.eye(3)[labels]
    assert temperature(perfect, labels) == pytest.approx(np.log(n + 1), rel=1e-3)  # p of the true class is (n + 1)/(n + 3)
