"""How to train: one record of settings, checked when it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from inorder.errors import ConfigError


@dataclass(frozen=True)
class Training:
    """How to train.

    learning_rate: of AdamW, before the schedule.   weight_decay: share of each weight taken off per step, times the rate.
    max_epochs: at most.   patience: epochs without a better validation loss before stopping.   least_improvement: in the loss, to count as better.
    clip_norm: largest L2 norm of the gradient of all weights together; None = no clipping.
    schedule: "constant", "cosine" or "plateau".   warmup_steps: optimiser steps with a rising rate.

    >>> Training(learning_rate=3e-3, max_epochs=5).schedule
    'cosine'
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    max_epochs: int = 100
    patience: int = 10
    least_improvement: float = 0.0
    clip_norm: float | None = 1.0
    schedule: str = "cosine"
    warmup_steps: int = 20

    def __post_init__(self) -> None:
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            if not (value is None and name == "clip_norm") and not (isinstance(value, int | float) and 0 < value < math.inf):
                raise ConfigError(f"`{name}` is a number above 0, not {value!r}.")
        for name in ("max_epochs", "patience"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"`{name}` is a whole number of epochs, 1 or more, not {value!r}.")
        if not 0 <= self.weight_decay < math.inf:
            raise ConfigError(f"`weight_decay` is a number, 0 or more, not {self.weight_decay!r}.")
