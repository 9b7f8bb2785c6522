"""How much each token adds to an answer, written out.

    integrated gradients     a[t] = Σ_f (e − b)[t, f] · (1/n) Σₖ ∂F(b + (k − ½)/n · (e − b)) / ∂e[t, f]          k = 1 … n
    occlusion                a[t] = F(tokens) − F(tokens without token t)

Sources: Sundararajan, Taly & Yan 2017, eq. 3; Zeiler & Fergus 2014, §4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

STEP = 1e-5  # of the difference quotient


def slope(answer: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """∂F/∂x by central differences, one number after the other."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += STEP
        down[place] -= STEP
        found[place] = (answer(up) - answer(down)) / (2 * STEP)
    return found


def integrated_gradients(answer: Callable[[np.ndarray], float], embedded: np.ndarray, base: np.ndarray, steps: int = 200) -> np.ndarray:
    """(time,) what each token adds.   embedded, base: (time, features).   The integral is a sum over the middles of `steps` equal pieces.

    >>> integrated_gradients(lambda e: float(e.sum() ** 2), np.ones((2, 1)), np.zeros((2, 1))).round(6).tolist()
    [2.0, 2.0]
    """
    total = np.zeros_like(embedded)
    for k in range(1, steps + 1):
        alpha = (k - 0.5) / steps
        total += slope(answer, base + alpha * (embedded - base))
    result: np.ndarray = ((embedded - base) * total / steps).sum(axis=1)
    return result


def occlusion(answer: Callable[[Sequence[str]], float], tokens: Sequence[str]) -> np.ndarray:
    """(time,) what is lost without each token.

    >>> occlusion(lambda tokens: float(len(tokens) ** 2), ["a", "b", "c"]).tolist()
    [5.0, 5.0, 5.0]
    """
    whole = answer(list(tokens))
    return np.array([whole - answer([other for s, other in enumerate(tokens) if s != t]) for t in range(len(tokens))])
