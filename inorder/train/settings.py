"""How to train: one record of settings, checked when it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from inorder.errors import ConfigError, unknown
from inorder.train.schedules import SCHEDULES

OPTIMISERS = ("adamw", "sgd")
PRECISIONS = ("float32", "bf16", "fp16")
AVERAGED = ("best", "last")


@dataclass(frozen=True)
class Training:
    """How to train.

    optimiser: "adamw" or "sgd".   betas: of AdamW.   momentum, nesterov: of SGD.
    learning_rate: before the schedule.   weight_decay: share of each weight taken off per step, times the rate.
    decay_all: False = biases, and the scales and shifts of normalisation (all parameters with one axis), do not decay.
    max_epochs: at most.   patience: epochs without a better validation loss before stopping; None = never before the end.
    least_improvement: in the loss, to count as better.   restore_best: end with the weights of the best epoch, where there is validation.
    clip_norm: largest L2 norm of the gradient of all weights together; None = no clipping.
    schedule: "constant", "cosine", "linear", "inverse-root" or "plateau" (by the validation loss; without one by the training loss).
    floor: the least share of the rate that a schedule goes down to.
    warmup_steps: steps with a rising rate. A step of the schedule is a batch, or `accumulate` of them.
    accumulate: batches whose gradients are added up before a step, as if they were one.
    precision: "float32"; "bf16" or "fp16" for the products, where the device has them (fp16: CUDA alone).
    tbptt: steps in time after which backpropagation is cut and a step is made; the state goes on. None = through the whole batch.
    ema: decay of the moving average of the weights that is judged and kept in their place, as 0.999; None = none.
    average: end with the mean of the weights after this many epochs; 1 = none.   average_of: the "best" epochs by validation, or the "last".
    layer_norms: hand the gradient norm of each parameter to whoever watches.   checkpoint_seconds: between checkpoints, beside those after each epoch.

    >>> Training(learning_rate=3e-3, max_epochs=5).schedule
    'cosine'
    """

    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.01
    decay_all: bool = True
    max_epochs: int = 100
    patience: int | None = 10
    least_improvement: float = 0.0
    restore_best: bool = True
    clip_norm: float | None = 1.0
    schedule: str = "cosine"
    floor: float = 0.01
    warmup_steps: int = 20
    accumulate: int = 1
    precision: str = "float32"
    tbptt: int | None = None
    ema: float | None = None
    average: int = 1
    average_of: str = "best"
    layer_norms: bool = False
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name, known in {"optimiser": OPTIMISERS, "schedule": SCHEDULES, "precision": PRECISIONS, "average_of": AVERAGED}.items():
            if getattr(self, name) not in known:
                raise unknown(name, str(getattr(self, name)), known)
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            if not (value is None and name == "clip_norm") and not (_number(value) and 0 < value < math.inf):
                raise ConfigError(f"`{name}` is a number above 0, not {value!r}.")
        for name in ("max_epochs", "patience", "warmup_steps", "accumulate", "tbptt", "average"):
            value = getattr(self, name)
            least = 0 if name == "warmup_steps" else 1
            if not (value is None and name in ("patience", "tbptt")) and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise ConfigError(f"`{name}` is a whole number of {_UNITS[name]}, {least} or more, not {value!r}.")
        for name in ("weight_decay", "least_improvement", "checkpoint_seconds"):
            value = getattr(self, name)
            if not (_number(value) and 0 <= value < math.inf):
                raise ConfigError(f"`{name}` is a number, 0 or more, not {value!r}.")
        if not (isinstance(self.betas, tuple) and len(self.betas) == 2):
            raise ConfigError(f"`betas` is a pair of numbers from 0 up to 1, not {self.betas!r}.")
        for name, value in {"momentum": self.momentum, "floor": self.floor, "ema": self.ema or 0.0, "betas": self.betas[0], "betas ": self.betas[1]}.items():
            if not (_number(value) and 0 <= value < 1):
                raise ConfigError(f"`{name.strip()}` is a number from 0 up to 1, not {value!r}.")
        for name in ("nesterov", "decay_all", "restore_best", "layer_norms"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"`{name}` is True or False, not {getattr(self, name)!r}.")
        for name, owner in {"betas": "adamw", "momentum": "sgd", "nesterov": "sgd"}.items():
            value, default = getattr(self, name), getattr(type(self), name)
            if value != default and self.optimiser != owner:
                raise ConfigError(f'`{name}` is of optimiser="{owner}"; with "{self.optimiser}" it has no effect. Leave {name}={value!r} out.')
        if self.nesterov and self.momentum == 0:
            raise ConfigError("`nesterov` looks ahead along the momentum, which is 0. Set momentum=0.9.")
        if self.tbptt is not None and self.accumulate > 1:
            raise ConfigError(f"With `tbptt` a step is made after every {self.tbptt} steps in time, so `accumulate` is 1, not {self.accumulate}.")


_UNITS = {"max_epochs": "epochs", "patience": "epochs", "warmup_steps": "steps", "accumulate": "batches", "tbptt": "steps in time", "average": "epochs"}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
