"""What a decoder is given as the previous token: the true one, or the one that it said itself.

    teacher forced      xₜ₊₁ = truthₜ                                   training: errors cannot add up, nor can the model learn to mend them
    free running        xₜ₊₁ = feedback(yₜ)                             use: one wrong step misleads the next
    scheduled sampling  xₜ₊₁ = feedback(yₜ) with probability p, else truthₜ

Free-running loss minus teacher-forced loss is the exposure bias. Multi-step forecasting and text generation are the same loop.

Sources: Williams & Zipser 1989 (teacher forcing); Bengio, Vinyals, Jaitly & Shazeer 2015 (scheduled sampling).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

DecoderStep = Callable[[Any, Any], tuple[Any, Any]]  # (x, state) -> (y, state)


class Rollout(NamedTuple):
    """inputs: what was given at each step.   outputs: what came out.   state: the last one."""

    inputs: list[Any]
    outputs: list[Any]
    state: Any


def teacher_forced(step: DecoderStep, state: Any, first: Any, truth: Sequence[Any]) -> Rollout:
    """Every step is given the true previous value: first, truth₁, truth₂ … ; the last truth is only compared with.

    Returns as many outputs as there are truths.

    >>> double = lambda x, state: (2 * x, state)
    >>> teacher_forced(double, None, 1, [3, 5]).outputs
    [2, 6]
    """
    inputs, outputs = [first, *truth][: len(truth)], []
    for x in inputs:
        y, state = step(x, state)
        outputs.append(y)
    return Rollout(inputs, outputs, state)


def free_running(step: DecoderStep, state: Any, first: Any, steps: int, feedback: Callable[[Any], Any] = lambda y: y) -> Rollout:
    """Every step is given what the one before it said.

    steps: how many.   feedback: from an output to the next input, e.g. the likeliest token's number; the output itself by default.

    >>> double = lambda x, state: (2 * x, state)
    >>> free_running(double, None, 1, 4).outputs
    [2, 4, 8, 16]
    """
    inputs, outputs, x = [], [], first
    for _ in range(steps):
        y, state = step(x, state)
        inputs.append(x)
        outputs.append(y)
        x = feedback(y)
    return Rollout(inputs, outputs, state)


def scheduled_sampling(
    step: DecoderStep, state: Any, first: Any, truth: Sequence[Any], feedback: Callable[[Any], Any], sampling_probability: float, generator: np.random.Generator
) -> Rollout:
    """Each step is given the model's own previous output with `sampling_probability`, else the true one, by a coin of its own.

    Raises ValueError where the probability is not between 0 and 1.

    >>> double = lambda x, state: (2 * x, state)
    >>> scheduled_sampling(double, None, 1, [3, 5, 7, 9], lambda y: y, 0.5, np.random.default_rng(1)).inputs
    [1, 3, 5, 10]
    """
    if not 0 <= sampling_probability <= 1:
        raise ValueError(f"`sampling_probability` is between 0 and 1, not {sampling_probability:g}.")
    inputs, outputs, x = [], [], first
    for true in truth:
        y, state = step(x, state)
        inputs.append(x)
        outputs.append(y)
        x = feedback(y) if generator.random() < sampling_probability else true
    return Rollout(inputs, outputs, state)
