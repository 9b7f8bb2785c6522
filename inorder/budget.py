"""A time budget: what is left of it, in equal shares for what is still to be done."""

from __future__ import annotations

import re
import time

import numpy as np

from inorder.errors import BudgetError, ConfigError


def seconds_of(budget: float | str | None) -> float | None:
    """The seconds of a budget: a number, or a text such as "40s", "10m", "1.5h"; None = no limit.   Raises ConfigError for anything else.

    >>> [seconds_of(budget) for budget in (40, "40s", "1.5 h", None)]
    [40.0, 40.0, 5400.0, None]
    """
    if budget is None:
        return None
    if isinstance(budget, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*(s|m|min|h)?\s*", budget.lower())
        seconds = float(match.group(1)) * {"s": 1, None: 1, "m": 60, "min": 60, "h": 3600}[match.group(2)] if match else 0.0
    else:
        seconds = float(budget) if isinstance(budget, int | float | np.number) and not isinstance(budget, bool) else 0.0
    if not seconds > 0:
        raise ConfigError(f'`budget` is a number of seconds above 0, or a time such as "40s", "10m" or "1h", not {budget!r}.')
    return seconds


class Clock:
    """What is left of a budget (`seconds_of`; None = no limit), of which `reserve` seconds are kept for the winner's last fit."""

    def __init__(self, budget: float | str | None) -> None:
        seconds = seconds_of(budget)
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.reserve = 0.0

    def share(self, parts: int, *, begun: bool = False) -> float | None:
        """An equal share of what is left for the next of `parts` pieces of work.   Raises BudgetError when nothing is left, which says if some was done."""
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic() - self.reserve
        if left <= 0:
            raise BudgetError(f"{'stopped' if begun else 'not run'}: the time budget was used up.")
        return left / parts

    def last(self) -> float | None:
        """Seconds for the winner's last fit: what is left, and never less than was kept."""
        return None if self.deadline is None else max(self.deadline - time.monotonic(), self.reserve, 1.0)
