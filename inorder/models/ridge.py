"""Ridge regression whose penalty is chosen by leaving out one example at a time, all at once.

    minimise  ‖Y − 1·b − X·W‖² + λ·‖W‖²                   columns of X centred and scaled to deviation 1
    H(λ)    = 1/n + Q · diag(s / (s + λ)) · Qᵀ             K = X·Xᵀ = Q · diag(s) · Qᵀ
    residual without example i = (y[i] − (H·y)[i]) / (1 − H[i, i])

so that every λ costs a product and no fit. Classes are +1 and −1, one column each; class probabilities are softmax(τ · scores), with τ from the
likelihood of the scores that each example gets without itself.

Sources: Hoerl & Kennard 1970; leaving one out: Allen 1974, PRESS; Golub, Heath & Wahba 1979, §2; τ: Platt 1999, with one number for all
classes as in Guo et al. 2017, §4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.errors import ShapeError
from inorder.kernels.stopping import check
from inorder.typing import Floats

PENALTIES = tuple(float(10.0**e) for e in np.linspace(-3, 6, 19))
RANGE = (1e-3, 1e3)  # of τ


@dataclass(frozen=True, eq=False)
class Ridge:
    """A fitted ridge regression.

    weights: (features, outputs) for the features as they come.   intercept: (outputs,).   penalty: λ.
    left_out: (examples, outputs) what each training example is given by the fit to the others.

    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> fitted = fit_ridge(x, np.array([[0.0], [2.0], [4.0], [6.0]]))
    >>> fitted.predict(np.array([[4.0]])).round(1).tolist()
    [[8.0]]
    """

    weights: Floats
    intercept: Floats
    penalty: float
    left_out: Floats

    def predict(self, features: NDArray[Any]) -> Floats:
        """(examples, outputs)."""
        if features.ndim != 2 or features.shape[1] != len(self.weights):
            raise ShapeError(f"`features` has the shape {features.shape}; (examples, {len(self.weights)}) was expected.")
        return np.asarray(features @ self.weights + self.intercept)


def fit_ridge(features: NDArray[Any], targets: Floats, penalties: tuple[float, ...] = PENALTIES) -> Ridge:
    """The ridge regression whose left-out residuals have the least sum of squares.

    features: (examples, features).   targets: (examples, outputs).   penalties: to choose from.
    """
    x = np.asarray(features, dtype=np.float64)
    n, p = x.shape
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9 * np.maximum(np.abs(centre), 1.0), spread, np.inf)  # a feature that does not vary has the weight 0
    x = (x - centre) / spread
    mean = targets.mean(axis=0)
    y = targets - mean
    if n <= p:
        values, q = np.linalg.eigh(x @ x.T)
    else:
        values, v = np.linalg.eigh(x.T @ x)
        keep = values > 1e-10 * max(float(values[-1]), 1e-300)
        values, v = values[keep], v[:, keep]
        q = x @ v / np.sqrt(values)
    values = np.maximum(values, 0.0)
    projected, squares = q.T @ y, q**2
    best: tuple[float, float, Floats] | None = None
    for penalty in penalties:
        check()
        shrunk = values / (values + penalty)
        leverage = 1 / n + squares @ shrunk
        residual = (y - q @ (shrunk[:, None] * projected)) / np.maximum(1 - leverage, 1e-12)[:, None]
        loss = float((residual**2).sum())
        if best is None or loss < best[0]:
            best = (loss, penalty, residual)
    assert best is not None, "`penalties` holds one at least"
    _, penalty, residual = best
    scaled = x.T @ (q @ (projected / (values + penalty)[:, None]))
    weights = scaled / spread[:, None]
    return Ridge(weights, mean - centre @ weights, penalty, targets - residual)


def temperature(scores: Floats, labels: NDArray[np.int64]) -> float:
    """The τ at which softmax(τ · scores) makes the labels most likely.

    A label counts as right with probability (n + 1) / (n + classes) and as each other class with 1 / (n + classes), Laplace's rule, so that scores without
    a mistake do not make τ infinite.   scores: (examples, classes).   labels: (examples,).

    >>> round(temperature(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), np.array([0, 1, 0, 1])), 3)
    0.693
    """
    from scipy.optimize import minimize_scalar

    n, classes = scores.shape
    wanted = (np.arange(classes) == labels[:, None]) * (n / (n + classes)) + 1 / (n + classes)

    def loss(log_tau: float) -> float:
        raised = np.exp(log_tau) * (scores - scores.max(axis=1, keepdims=True))
        return float((np.log(np.exp(raised).sum(axis=1)) - (wanted * raised).sum(axis=1)).mean())

    found = minimize_scalar(loss, bounds=np.log(RANGE), method="bounded", options={"xatol": 1e-8})
    return float(np.exp(found.x))


def softmax(scores: Floats) -> Floats:
    """Rows to probabilities."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Floats = raised / raised.sum(axis=1, keepdims=True)
    return probabilities
