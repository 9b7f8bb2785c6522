"""Training, written out: one step of an optimiser, clipping, schedules, averages, smoothed labels, and how much truth is shown.

Sources: as in `inorder/train/`, beside each function there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def clip(gradients: Sequence[Array], clip_norm: float) -> tuple[list[Array], float]:
    """All gradients scaled by one factor, so that their L2 norm together is at most `clip_norm`; and the norm before.   Pascanu et al. 2013.

    >>> clipped, norm = clip([np.array([3.0]), np.array([4.0])], clip_norm=1.0)
    >>> norm, [round(float(one[0]), 3) for one in clipped]
    (5.0, [0.6, 0.8])
    """
    norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
    factor = min(1.0, clip_norm / (norm + 1e-6))
    return [gradient * factor for gradient in gradients], norm


def adamw(
    weights: Array,
    gradients: Array,
    m: Array,
    v: Array,
    step: int,
    rate: float,
    decay: float,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
) -> tuple[Array, Array, Array]:
    """One step, `step` counted from 1.   Returns weights, m, v.   Loshchilov & Hutter 2019, algorithm 2.

    >>> w, m, v = adamw(np.array([1.0]), np.array([5.0]), np.zeros(1), np.zeros(1), step=1, rate=0.1, decay=0.0)
    >>> round(float(w[0]), 6)  # the first step is as long as the rate, however large the gradient
    0.9
    """
    first, second = betas
    m = first * m + (1 - first) * gradients
    v = second * v + (1 - second) * gradients**2
    m_hat = m / (1 - first**step)
    v_hat = v / (1 - second**step)
    return weights - rate * decay * weights - rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


def sgd(weights: Array, gradients: Array, velocity: Array, rate: float, decay: float, momentum: float, nesterov: bool = False) -> tuple[Array, Array]:
    """One step with momentum.   Returns weights, velocity."""
    gradients = gradients + decay * weights
    velocity = momentum * velocity + gradients
    direction = gradients + momentum * velocity if nesterov else velocity
    return weights - rate * direction, velocity


def learning_rate(kind: str, step: int, steps: int, warmup: int, floor: float) -> float:
    """The share of the rate at step `step`, counted from 0.

    >>> [learning_rate("linear", step, steps=4, warmup=2, floor=0.0) for step in range(5)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    if kind == "constant":
        return 1.0
    if kind == "cosine":
        return floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2
    if kind == "linear":
        return (1 - done) + floor * done
    if kind == "inverse-root":
        return max(floor, math.sqrt(max(1, warmup) / (step + 1)))
    raise ValueError(kind)


def plateau(losses: Sequence[float], patience: int, floor: float) -> list[float]:
    """The share of the rate after each loss: halved when `patience` losses in a row were no better than the best before them."""
    share, best, since, shares = 1.0, math.inf, 0, []
    for loss in losses:
        if loss < best:
            best, since = loss, 0
        else:
            since += 1
        if since == patience:
            share, since = max(floor, share / 2), 0
        shares.append(share)
    return shares


def moving_average(weights: Sequence[Array], ema: float) -> list[Array]:
    """The moving average after each of several weights; the first weights are the first average."""
    average = weights[0]
    averages = [average]
    for t, now in enumerate(weights[1:], start=1):
        decay = min(ema, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * now
        averages.append(average)
    return averages


def cross_entropy(scores: Array, target: int, smoothing: float) -> float:
    """−Σ q log p of one target.   scores: (classes,).   target: the right one.

    >>> round(cross_entropy(np.zeros(4), 2, smoothing=0.1), 4)  # all classes are as likely: log 4, smoothed or not
    1.3863
    """
    p = np.exp(scores - scores.max())
    p = p / p.sum()
    q = np.full(len(scores), smoothing / len(scores))
    q[target] += 1 - smoothing
    return -float((q * np.log(p)).sum())


def truth_probability(decay: str, step: int, k: float = 1.0, start: float = 1.0, end: float = 0.0, steps: int = 1) -> float:
    """Of the true previous value, at a training step.   Bengio et al. 2015, §2.4."""
    if decay == "linear":
        return max(end, start - (start - end) / steps * step)
    if decay == "exponential":
        return float(k**step)
    if decay == "inverse-sigmoid":
        return k / (k + math.exp(step / k))
    raise ValueError(decay)


def curriculum_share(k: int, epochs: int, start: float, pace: str) -> float:
    """The share of the sequences, easiest first, that epoch k draws from.   Platanios et al. 2019, eq. 7 for the root."""
    if pace == "linear":
        return min(1.0, start + (1 - start) * k / epochs)
    return min(1.0, math.sqrt(k * (1 - start**2) / epochs + start**2))
