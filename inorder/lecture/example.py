"""A worked example: what the lecture prints, what comes out, and whether they agree.

A verdict is computed, never written down. Two numbers agree when rounding the recomputed one at the printed digits, or cutting it off there,
gives the printed one; texts agree when they are equal. An example "differs" when one of its quantities does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

SAME, DIFFERS, NOT_OBTAINABLE, ILLUSTRATION = "same", "differs", "not obtainable", "illustration"


@dataclass(frozen=True)
class Quantity:
    """One number, text, or short row of them.

    printed: as it stands in the lecture, one string each, which keeps the digits; None where the lecture prints none.
    recomputed: numbers, or texts; None where the data of the example do not determine it.
    form: how a recomputed number is written where none is printed; else it gets one digit more than the printed one, if it has more.
    given: False where the numbers that this comes from are ours because the lecture has none, so that agreement would prove nothing.

    >>> Quantity("mean", ("24.7",), (24.666,)).verdict, Quantity("mean", ("24.5",), (24.666,)).verdict
    ('same', 'differs')
    """

    name: str
    printed: tuple[str, ...] | None
    recomputed: tuple[float | str, ...] | None
    form: str = ".3f"
    given: bool = True

    @property
    def verdict(self) -> str:
        if self.printed is None or not self.given:
            return ILLUSTRATION
        if self.recomputed is None:
            return NOT_OBTAINABLE
        agree = len(self.printed) == len(self.recomputed) and all(map(agrees, self.recomputed, self.printed))
        return SAME if agree else DIFFERS

    @property
    def printed_text(self) -> str:
        return "" if self.printed is None else " ".join(self.printed)

    @property
    def recomputed_text(self) -> str:
        if self.recomputed is None:
            return "does not follow"
        beside = self.printed if self.printed is not None and len(self.printed) == len(self.recomputed) else [None] * len(self.recomputed)
        return " ".join(write(value, printed, self.form) for value, printed in zip(self.recomputed, beside, strict=True))


@dataclass(frozen=True)
class Example:
    """One of the lecture's worked examples, recomputed.

    number: its place in the lecture, from 1.   topic: by which `find` finds it.   data: name -> what the lecture gives.
    explanation: why the lecture is right or wrong.   steps: the way from the data to the result, line by line.
    """

    number: int
    topic: str
    title: str
    data: Mapping[str, Any]
    quantities: tuple[Quantity, ...]
    explanation: str
    steps: tuple[str, ...]

    @property
    def printed(self) -> str:
        """What the lecture prints, quantity by quantity."""
        return "; ".join(f"{q.name} {q.printed_text}" for q in self.quantities if q.printed is not None)

    @property
    def recomputed(self) -> str:
        """What comes out, quantity by quantity."""
        return "; ".join(f"{q.name} {q.recomputed_text}" for q in self.quantities)

    @property
    def verdict(self) -> str:
        """ "same", "differs", "not obtainable" or "illustration" (nothing is printed that could be right or wrong)."""
        verdicts = {quantity.verdict for quantity in self.quantities}
        return next(verdict for verdict in (DIFFERS, NOT_OBTAINABLE, SAME, ILLUSTRATION) if verdict in verdicts)

    def to_json(self) -> dict[str, Any]:
        """The example as plain JSON values."""
        return {
            "number": self.number,
            "topic": self.topic,
            "title": self.title,
            "data": dict(self.data),
            "printed": self.printed,
            "recomputed": self.recomputed,
            "verdict": self.verdict,
            "explanation": self.explanation,
            "quantities": [
                {
                    "name": q.name,
                    "printed": None if q.printed is None else list(q.printed),
                    "recomputed": None if q.recomputed is None else list(q.recomputed),
                    "verdict": q.verdict,
                }
                for q in self.quantities
            ],
            "steps": list(self.steps),
        }


def agrees(value: float | str, printed: str) -> bool:
    """Whether `printed` is `value` rounded, or cut off, at the printed digits; a text has to be equal.

    >>> agrees(0.5556, "0.56"), agrees(0.5556, "0.55"), agrees(0.5556, "0.57"), agrees("helo", "hello")
    (True, True, False, False)
    """
    if isinstance(value, str):
        return value == printed
    number, exact = Decimal(printed), Decimal(repr(value))
    unit = Decimal(1).scaleb(int(number.as_tuple().exponent))
    return any(exact.quantize(unit, rounding) == number for rounding in (ROUND_HALF_UP, ROUND_DOWN))


def write(value: float | str, printed: str | None, form: str) -> str:
    """A recomputed value: with the printed digits where they hold it exactly, else with one more; in its own form where none is printed.

    >>> write(30.0, "30", ".3f"), write(24.0 + 2 / 3, "24.7", ".3f"), write(3.1e-13, None, ".0e")
    ('30', '24.67', '3e-13')
    """
    if isinstance(value, str):
        return value
    if printed is None:
        return format(value, form)
    decimals = -int(Decimal(printed).as_tuple().exponent)
    return f"{value:.{decimals}f}" if abs(value - round(value, decimals)) < 1e-9 else f"{value:.{decimals + 1}f}"


def row(values: Iterable[float], form: str = ".3f") -> str:
    """Numbers in brackets, for the steps.

    >>> row([0.5915, 0.7531])
    '[0.592, 0.753]'
    """
    return "[" + ", ".join(format(float(value), form) for value in values) + "]"


def plain(values: Iterable[float]) -> tuple[float, ...]:
    """NumPy numbers as Python's own.

    >>> import numpy as np
    >>> plain(np.array([1.5, 2.0]))
    (1.5, 2.0)
    """
    return tuple(float(value) for value in values)
