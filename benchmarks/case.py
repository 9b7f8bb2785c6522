"""What a benchmark is made of: cases, each with a check that comes first, programs that take turns, and targets."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Program = Callable[[], Mapping[str, float]]  # runs once and says what it took: quantity -> seconds, or bytes for "peak memory"


class Wrong(Exception):
    """A program's answer is not right, so its time means nothing."""


@dataclass(frozen=True)
class Missing:
    """A peer that is not installed."""

    package: str

    def __str__(self) -> str:
        return f'{self.package} is not installed: pip install "inorder[bench]"'


@dataclass(frozen=True)
class Target:
    """A number to reach.

    quantity: what is judged.   limit: seconds or bytes; with `against`, a ratio to that program.
    at_least: the other program takes `limit` times as much as ours, or more; otherwise ours takes at most `limit` times as much.
    """

    quantity: str
    limit: float
    against: str | None = None
    at_least: bool = False


@dataclass(frozen=True)
class Case:
    """One comparison.

    sizes: what the input is.   programs: name -> program; the first is ours, the others are run beside it, in turns.
    check: compares the answers; returns what it found, in words or numbers, or raises `Wrong`.
    gate: the target that is reached when `check` passes, such as published figures, in words.
    repeats: rounds that are timed, after one that warms up.
    """

    name: str
    sizes: Mapping[str, Any]
    programs: Mapping[str, Program | Missing]
    check: Callable[[], Mapping[str, Any]]
    targets: Sequence[Target] = ()
    repeats: int = 7
    gate: str = field(default="", kw_only=True)
    notes: Sequence[str] = field(default=(), kw_only=True)

    @property
    def ours(self) -> str:
        return next(iter(self.programs))


def timed(work: Callable[[], Any], at_least: float = 0.02) -> Program:
    """A program that takes the wall time of `work`: the mean of as many calls in a row as fill `at_least` seconds, one at least.

    Its very first run is a single call, so that what only a first call costs (compiling, importing) shows.
    """
    fresh = True

    def program() -> Mapping[str, float]:
        nonlocal fresh
        least, fresh = (0.0 if fresh else at_least), False
        calls, began = 0, time.perf_counter()
        while True:
            work()
            calls, elapsed = calls + 1, time.perf_counter() - began
            if elapsed >= least:
                return {"time": elapsed / calls}

    return program


def peer(package: str, make: Callable[[], Program]) -> Program | Missing:
    """The program that `make` returns, where `package` is installed."""
    return make() if installed(package) else Missing(package)


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def require(holds: bool, sentence: str) -> None:
    """Refuse to time: `sentence` says what was expected and what came."""
    if not holds:
        raise Wrong(sentence)


def last_line(text: str) -> str:
    """What a failed command said last: the error itself, after its traceback."""
    return next((line for line in reversed(text.strip().splitlines()) if line.strip()), "nothing")
