"""Training: one loop of plain torch, and the parts it is made of.

record = inorder.train.fit(model, batches, loss, inorder.train.Training(max_epochs=20), valid=held_back)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Curriculum": "curriculum",
    "EarlyStopping": "early_stopping",
    "Epoch": "history",
    "Flows": "watching",
    "History": "history",
    "JsonLines": "watching",
    "Schedule": "schedules",
    "Step": "history",
    "ScheduledSampling": "teacher_forcing",
    "TensorBoard": "watching",
    "Training": "settings",
    "current_step": "update",
    "find_learning_rate": "range_test",
    "fit": "loop",
    "launch": "torchrun",
    "sequence_losses": "curriculum",
    "unroll_mixed": "teacher_forcing",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
