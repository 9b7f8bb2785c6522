"""Normalisation: of the weights of an output, of the features of a step, and of a feature over all real steps of a batch.

Sources: Salimans & Kingma 2016, eq. 2 (weight norm); Ba, Kiros & Hinton 2016, eq. 4 (layer norm); Ioffe & Szegedy 2015, algorithm 1 (batch norm).
"""

from __future__ import annotations

from collections.abc import Sequence
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


def batch_norm(sequences: Sequence[Array], gain: Array, shift: Array, epsilon: float = 1e-5) -> list[Array]:
    """Each sequence (time, channels) with the mean and variance of all steps of all sequences taken out.

    >>> batch_norm([np.array([[1.0], [3.0]])], np.array([1.0]), np.array([0.0]), epsilon=0.0)[0].tolist()
    [[-1.0], [1.0]]
    """
    count, channels = sum(len(one) for one in sequences), len(gain)
    mean, variance = np.zeros(channels), np.zeros(channels)
    for one in sequences:
        for step in one:
            mean += step / count
    for one in sequences:
        for step in one:
            variance += (step - mean) ** 2 / count
    return [gain * (one - mean) / np.sqrt(variance + epsilon) + shift for one in sequences]
