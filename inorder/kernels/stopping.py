"""When a long search is to stop: after Ctrl-C, or when the time that it was allowed is used up.

Compiled searches call `check` some twenty times a second (src/kernels/polling.hpp), each in the thread that it runs in:

    with watched(Stop(deadline)):
        search()                # left by BudgetError at the deadline, by KeyboardInterrupt after `Stop.now`

A Stop made inside another holds in addition to it, also where the work went to other threads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from inorder.errors import BudgetError

__all__ = ["Stop", "check", "remaining", "watched"]


class Stop:
    """What ends a piece of work.   deadline: of time.monotonic(); None = none.

    It holds in addition to the one that is in force where it is made.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline
        self.outer = _in_force.get()
        self.asked = False

    def now(self) -> None:
        """Stop as soon as may be; for any thread to call."""
        self.asked = True


_in_force: ContextVar[Stop | None] = ContextVar("stop", default=None)


@contextmanager
def watched(stop: Stop) -> Iterator[None]:
    """What this thread does inside ends with `stop`."""
    token = _in_force.set(stop)
    try:
        yield
    finally:
        _in_force.reset(token)


def check() -> None:
    """Raises KeyboardInterrupt where the work of this thread was asked to stop, BudgetError where its time is used up."""
    for stop in _all():
        if stop.asked:
            raise KeyboardInterrupt
    if remaining() < 0:
        raise BudgetError("The time that was allowed is used up.")


def remaining() -> float:
    """Seconds until the first deadline of this thread's work, infinite where there is none.

    >>> remaining()
    inf
    """
    return min((stop.deadline for stop in _all() if stop.deadline is not None), default=math.inf) - time.monotonic()


def _all() -> Iterator[Stop]:
    stop = _in_force.get()
    while stop is not None:
        yield stop
        stop = stop.outer
