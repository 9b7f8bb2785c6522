"""Ridge regression, written out: the normal equations, and leaving out one example after the other by fitting without it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ridge(x: Array, y: Array, penalty: float) -> tuple[Array, Array]:
    """Weights (features, outputs) and intercept (outputs,) that minimise  ‖y − intercept − x·weights‖² + penalty·‖weights‖².

    >>> weights, intercept = ridge(np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]]), 0.0)
    >>> weights.round(6).tolist(), intercept.round(6).tolist()
    ([[2.0]], [1.0])
    """
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    a, b = x - mean_x, y - mean_y
    weights = np.linalg.solve(a.T @ a + penalty * np.eye(x.shape[1]), a.T @ b)
    return weights, mean_y - mean_x @ weights


def left_out(x: Array, y: Array, penalty: float) -> Array:
    """(examples, outputs) what each example is given by the fit to all others."""
    found = []
    for i in range(len(x)):
        weights, intercept = ridge(np.delete(x, i, axis=0), np.delete(y, i, axis=0), penalty)
        found.append(x[i] @ weights + intercept)
    return np.array(found)
