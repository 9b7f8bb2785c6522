"""How alike two embeddings are.

cos(a, b) = a·b / (‖a‖ ‖b‖)        1 = same direction, 0 = unrelated, −1 = opposite; lengths do not count
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]


def cosine_similarity(a: ArrayLike, b: ArrayLike) -> Array:
    """The cosine of the angle between a and b, along their last axis; other axes broadcast.   Raises ValueError for a vector of zeros, which has no direction.

    a, b: (..., features).   Returns (...,).

    >>> cosine_similarity([[1.0, 0.0], [3.0, 4.0]], [1.0, 0.0]).tolist()
    [1.0, 0.6]
    """
    left, right = _unit(a, "a"), _unit(b, "b")
    return np.asarray((left * right).sum(axis=-1))


def _unit(vectors: ArrayLike, name: str) -> Array:
    """Each vector scaled to length 1."""
    array = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(array, axis=-1, keepdims=True)
    if np.any(length == 0):
        place = np.argwhere(length[..., 0] == 0)[0].tolist()
        raise ValueError(f"`{name}{place if place else ''}` is all zeros: it has no direction, so no cosine.")
    return np.asarray(array / length)
