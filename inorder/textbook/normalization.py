"""Normalisation: of the weights of an output, and of the features of a step.

Sources: Salimans & Kingma 2016, eq. 2 (weight norm); Ba, Kiros & Hinton 2016, eq. 4 (layer norm).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def weight_norm(kernel: Array, scale: Array) -> Array:
    """A kernel whose length is learnt apart from its direction:  scale · kernel / ‖kernel‖, one length an output.

    >>> weight_norm(np.array([[[3.0, 4.0]]]), np.array([10.0])).ravel().tolist()
    [6.0, 8.0]
    """
    length = np.sqrt((kernel**2).sum(axis=(1, 2)))
    return np.asarray(kernel * (scale / length)[:, None, None])


def layer_norm(x: Array, gain: Array, shift: Array, epsilon: float = 1e-5) -> Array:
    """The features of each step brought to mean 0 and variance 1.

        gain · (x − mean) / √(variance + epsilon) + shift        both over the last axis; the variance divides by the number of features

    >>> layer_norm(np.array([1.0, 3.0]), np.array([1.0, 1.0]), np.array([0.0, 5.0]), epsilon=0.0).tolist()
    [-1.0, 6.0]
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    return np.asarray(gain * centred / np.sqrt(variance + epsilon) + shift)
