"""Learning-rate schedules: the share of the learning rate that holds at each optimiser step.

    constant    1
    cosine      floor + (1 − floor) · (1 + cos(π · step / steps)) / 2
    plateau     halved when the validation loss has not improved for `patience` epochs

each after a warm-up, in which the rate rises in a straight line. A schedule is asked `rate(step)` before each optimiser
step, counted from 0, and told of each epoch's validation loss by `observe(loss)`.

Source: cosine: Loshchilov & Hutter 2017, SGDR, eq. 5 without restarts; warm-up: Goyal et al. 2017, §2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from inorder.errors import unknown

SCHEDULES = ("constant", "cosine", "plateau")


@dataclass
class Schedule:
    """kind: one of SCHEDULES.   steps: optimiser steps in all.   warmup_steps: of them with a rising rate.   floor: the least share.
    patience: epochs without a better loss before "plateau" halves the rate.

    >>> warm = Schedule("cosine", steps=100, warmup_steps=4)
    >>> [round(warm.rate(step), 3) for step in (0, 1, 3, 52, 100)]
    [0.25, 0.5, 1.0, 0.505, 0.01]
    """

    kind: str
    steps: int
    warmup_steps: int = 0
    floor: float = 0.01
    patience: int = 5
    _share: float = field(default=1.0, init=False)
    _best: float = field(default=math.inf, init=False)
    _since: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise unknown("schedule", self.kind, SCHEDULES)

    def rate(self, step: int) -> float:
        """The share of the learning rate at optimiser step `step`, counted from 0."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        if self.kind == "cosine":
            done = min(1.0, (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps))
            return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2
        return self._share

    def observe(self, loss: float) -> None:
        """Take note of the validation loss of an epoch; only "plateau" acts on it."""
        if self.kind != "plateau":
            return
        if loss < self._best:
            self._best, self._since = loss, 0
            return
        self._since += 1
        if self._since >= self.patience:
            self._share, self._since = max(self.floor, self._share / 2), 0
