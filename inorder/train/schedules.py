"""Learning-rate schedules: the share of the learning rate that holds at each optimiser step.

    constant      1
    cosine        floor + (1 − floor) · (1 + cos(π · done)) / 2
    linear        1 − (1 − floor) · done                          done: share of the steps after the warm-up, 0 to 1
    inverse-root  √(w / step),  at least floor                    w: warm-up steps, at least 1; step counted from 1
    plateau       halved when the validation loss, or without validation the training loss, has not improved for `patience` epochs

each after a warm-up, in which the rate rises in a straight line. A schedule is asked `rate(step)` before each optimiser
step, counted from 0, and told of each epoch's loss by `observe(loss)`.

Source: cosine: Loshchilov & Hutter 2017, SGDR, eq. 5 without restarts; warm-up: Goyal et al. 2017, §2.2; inverse root: Vaswani et al. 2017,
eq. 3, as a share of its peak.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from inorder.errors import unknown

SCHEDULES = ("constant", "cosine", "inverse-root", "linear", "plateau")


@dataclass
class Schedule:
    """kind: one of SCHEDULES.   steps: optimiser steps in all.   warmup_steps: of them with a rising rate.   floor: the least share.
    patience: epochs without a better loss before "plateau" halves the rate.   share, best, since: what "plateau" has seen so far.

    >>> warm = Schedule("cosine", steps=100, warmup_steps=4)
    >>> [round(warm.rate(step), 3) for step in (0, 1, 3, 52, 100)]
    [0.25, 0.5, 1.0, 0.505, 0.01]
    """

    kind: str
    steps: int
    warmup_steps: int = 0
    floor: float = 0.01
    patience: int = 5
    share: float = 1.0
    best: float = math.inf
    since: int = 0

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise unknown("schedule", self.kind, SCHEDULES)

    def rate(self, step: int) -> float:
        """The share of the learning rate at optimiser step `step`, counted from 0."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps))
        match self.kind:
            case "cosine":
                return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2
            case "linear":
                return 1 - (1 - self.floor) * done
            case "inverse-root":
                return max(self.floor, math.sqrt(max(1, self.warmup_steps) / (step + 1)))
        return self.share

    def observe(self, loss: float) -> None:
        """Take note of the loss of an epoch; only "plateau" acts on it."""
        if self.kind != "plateau":
            return
        if loss < self.best:
            self.best, self.since = loss, 0
            return
        self.since += 1
        if self.since >= self.patience:
            self.share, self.since = max(self.floor, self.share / 2), 0
