"""From one-step errors to alarms, compiled: two recurrences, each with a state of constant size.

    Evidence   error → evidence = L(|e|) + L(|drift|) + L(spread), and the radius that an error exceeds at the alarm rate
    Alarms     evidence → its value where it tops the last q rows, the threshold, and whether it is an alarm

`step` takes one row, `run` a stretch, with the same numbers; `copy` begins a second session from the same state.
Where the extension is absent the textbook twin runs.

Source and conventions: `inorder.textbook.detect`.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inorder.kernels import extension, warn_uncompiled
from inorder.typing import Floats

Watch = TypeVar("Watch", "Evidence", "Alarms")


class Evidence:
    """The state of `inorder.textbook.detect.Evidence`.

    >>> watch = Evidence(memory=100, alarm_rate=0.01, floor=1e-9)
    >>> found, radius = watch.run(np.array([0.1, -0.1] * 30 + [5.0]))
    >>> round(float(radius[-1]), 3), bool(found[-1] > 30)
    (0.1, True)
    """

    def __init__(self, memory: int, alarm_rate: float, floor: float) -> None:
        self.state: Any = _state("Evidence", memory, alarm_rate, floor)

    def step(self, error: float) -> tuple[float, float]:
        found, radius = self.state.step(error)
        return found, radius

    def run(self, errors: Floats) -> tuple[Floats, Floats]:
        """errors: (time,), NaN = none.   ((time,) evidence, (time,) radius known before each error)."""
        errors = np.ascontiguousarray(errors, dtype=np.float64)
        found, radius = np.empty(len(errors)), np.empty(len(errors))
        if extension is not None:
            self.state.run(errors, found, radius)
        else:
            for t, error in enumerate(errors.tolist()):
                found[t], radius[t] = self.state.step(error)
        return found, radius

    def copy(self) -> Evidence:
        return _copied(self)


class Alarms:
    """The state of `inorder.textbook.detect.Alarms`.

    >>> watch = Alarms(alarm_rate=0.01, quiet=20, memory=100, probation=50)
    >>> watch.run(np.array([0.2, 0.1] * 30 + [5.0]))[2].nonzero()[0].tolist()
    [60]
    """

    def __init__(self, alarm_rate: float, quiet: int, memory: int, probation: int) -> None:
        self.state: Any = _state("Alarms", alarm_rate, quiet, memory, probation)

    def step(self, score: float) -> tuple[float, float, bool]:
        record, threshold, raised = self.state.step(score)
        return record, threshold, raised

    def run(self, scores: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """scores: (time,), NaN = none.   ((time,) records, (time,) thresholds, (time,) alarms)."""
        scores = np.ascontiguousarray(scores, dtype=np.float64)
        record, threshold, raised = np.empty(len(scores)), np.empty(len(scores)), np.empty(len(scores), dtype=bool)
        if extension is not None:
            self.state.run(scores, record, threshold, raised)
        else:
            for t, score in enumerate(scores.tolist()):
                record[t], threshold[t], raised[t] = self.state.step(score)
        return record, threshold, raised

    def copy(self) -> Alarms:
        return _copied(self)


def _state(name: str, *arguments: float) -> Any:
    if extension is not None:
        return getattr(extension, name)(*arguments)
    from inorder.textbook import detect

    warn_uncompiled()
    return getattr(detect, name)(*arguments)


def _copied(watch: Watch) -> Watch:
    other = object.__new__(type(watch))
    other.state = watch.state.copy() if extension is not None else deepcopy(watch.state)
    return other
