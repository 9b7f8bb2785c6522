"""The correctness gate, then turns: ours, peer, ours, peer, …; medians with their quartiles, ratios from the rounds."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.case import Case, Missing, Target, Wrong

BYTES = ("peak memory",)  # quantities that are not seconds


def measure(case: Case, quick: bool = False) -> dict[str, Any]:
    """The record of one case. With a wrong answer it holds `refused` and no times; with an error of the program, `failed`."""
    record: dict[str, Any] = {"name": case.name, "sizes": dict(case.sizes), "ours": case.ours, "gate": case.gate, "notes": list(case.notes)}
    try:
        record["checked"] = dict(case.check())
    except (Wrong, AssertionError) as error:
        return record | {"refused": one_line(error)}
    except Exception as error:
        return record | broken(case.name, error)
    present = {name: program for name, program in case.programs.items() if not isinstance(program, Missing)}
    record["missing"] = {name: str(program) for name, program in case.programs.items() if isinstance(program, Missing)}
    try:
        first = {name: dict(program()) for name, program in present.items()}
        rounds = []
        for _ in range(min(case.repeats, 3) if quick else case.repeats):
            taken = {}
            for name, program in present.items():
                gc.collect()
                taken[name] = dict(program())
            rounds.append(taken)
    except Exception as error:
        return record | broken(case.name, error)
    record["programs"] = {
        name: {quantity: summary([taken[name][quantity] for taken in rounds]) | {"first": first[name][quantity]} for quantity in first[name]}
        for name in present
    }
    record["ratios"] = ratios(rounds, case.ours)
    record["targets"] = [judge(target, record, quick) for target in case.targets]
    return record


def summary(samples: Sequence[float]) -> dict[str, Any]:
    """Median, lower and upper quartile, and every sample.

    >>> {key: value for key, value in summary([3.0, 1.0, 2.0]).items() if key != "samples"}
    {'median': 2.0, 'low': 1.5, 'high': 2.5}
    """
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else list(samples) * 3
    return {"median": median, "low": low, "high": high, "samples": list(samples)}


def ratios(rounds: Sequence[Mapping[str, Mapping[str, float]]], ours: str) -> dict[str, dict[str, Any]]:
    """other -> quantity -> how many times as much as ours it took, round by round, so that a slow spell of the machine meets both."""
    found: dict[str, dict[str, Any]] = {}
    for other in rounds[0]:
        shared = [quantity for quantity in rounds[0][ours] if quantity in rounds[0][other]] if other != ours else []
        for quantity in shared:
            found.setdefault(other, {})[quantity] = summary([taken[other][quantity] / taken[ours][quantity] for taken in rounds])
    return found


def judge(target: Target, record: Mapping[str, Any], quick: bool) -> dict[str, Any]:
    """A target in words, the value that was reached, and the verdict."""
    judged: dict[str, Any] = {"target": wording(target), "quantity": target.quantity, "against": target.against}
    if target.against in record["missing"]:
        return judged | {"value": None, "verdict": f"not judged: {record['missing'][target.against]}"}
    if target.against is None:
        value = record["programs"][record["ours"]][target.quantity]["median"]
    else:
        times_ours = record["ratios"][target.against][target.quantity]["median"]
        value = times_ours if target.at_least else 1 / times_ours
    reached = value >= target.limit if target.at_least else value <= target.limit
    verdict = "reached" if reached else "missed"
    return judged | {"value": value, "verdict": f"not judged: quick sizes (would be {verdict})" if quick else verdict}


def wording(target: Target) -> str:
    """
    >>> wording(Target("time", 3.0)), wording(Target("time", 15, against="python -c pass")), wording(Target("time", 100, against="textbook", at_least=True))
    ('time ≤ 3 s', 'time ≤ 15× python -c pass', 'time of textbook ≥ 100× ours')
    """
    if target.against is None:
        return f"{target.quantity} ≤ {in_words(target.limit, target.quantity)}"
    return f"{target.quantity} of {target.against} ≥ {target.limit:g}× ours" if target.at_least else f"{target.quantity} ≤ {target.limit:g}× {target.against}"


def in_words(value: float, quantity: str = "time") -> str:
    """A quantity with a unit that suits its size.

    >>> [in_words(value) for value in (0.0000012, 0.0345, 1.5, 90.0)], in_words(1.5e9, "peak memory")
    (['1.2 µs', '34.5 ms', '1.5 s', '90 s'], '1.5 GB')
    """
    units = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if quantity in BYTES else (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    unit, size = next(((unit, size) for unit, size in units if abs(value) >= size * 0.9995), units[-1])
    number = value / size
    return f"{number:.0f} {unit}" if number >= 999.5 else f"{number:.3g} {unit}"


def broken(name: str, error: BaseException) -> dict[str, Any]:
    """The part of a record that says why there is nothing to show."""
    return {"name": name, "failed": f"{type(error).__name__}: {one_line(error)}"}


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
