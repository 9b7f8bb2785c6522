"""Measuring: the gate first, then turns, then targets. No time is asserted: programs here return made-up times."""

from __future__ import annotations

import pytest

from benchmarks.case import Case, Missing, Target, Wrong, require, timed
from benchmarks.measure import measure
from benchmarks.table import checks, markdown, rows


class Told:
    """Programs that write down when they are run and return the times that they are told to."""

    def __init__(self) -> None:
        self.order: list[str] = []

    def program(self, name: str, *times: float, quantity: str = "time"):
        left = list(times)

        def run():
            self.order.append(name)
            return {quantity: left.pop(0) if len(left) > 1 else left[0]}

        return run


def case(programs, check=lambda: {"answer": 42}, **options) -> Case:
    return Case("a case", {"rows": 1_000}, programs, check, **options)


def refuse():
    raise Wrong("41 came where 42 was expected.")


def test_a_wrong_answer_is_not_timed():
    told = Told()
    record = measure(case({"ours": told.program("ours", 1.0), "peer": told.program("peer", 1.0)}, refuse))
    assert told.order == []
    assert record["refused"] == "41 came where 42 was expected."
    assert "programs" not in record


def test_an_assertion_is_a_wrong_answer_too():
    import numpy as np

    told = Told()
    record = measure(case({"ours": told.program("ours", 1.0)}, lambda: np.testing.assert_allclose(1.0, 2.0)))
    assert told.order == []
    assert "Mismatched elements" in record["refused"]


def test_require_says_what_is_wrong():
    require(True, "never seen")
    with pytest.raises(Wrong, match="41 came"):
        require(False, "41 came")


def test_programs_take_turns_after_a_round_that_warms_up():
    told = Told()
    record = measure(case({"ours": told.program("a", 9.0, 1.0, 2.0, 3.0), "peer": told.program("b", 8.0, 4.0, 4.0, 4.0)}, repeats=3))
    assert told.order == ["a", "b"] * 4
    assert record["programs"]["ours"]["time"] == {"median": 2.0, "low": 1.5, "high": 2.5, "samples": [1.0, 2.0, 3.0], "first": 9.0}
    assert record["programs"]["peer"]["time"]["first"] == 8.0


def test_ratios_are_taken_round_by_round():
    told = Told()
    record = measure(case({"ours": told.program("a", 1.0, 1.0, 10.0, 2.0), "peer": told.program("b", 1.0, 3.0, 30.0, 4.0)}, repeats=3))
    assert record["ratios"]["peer"]["time"]["samples"] == [3.0, 3.0, 2.0]
    assert record["ratios"]["peer"]["time"]["median"] == 3.0


def test_quick_runs_have_few_rounds_and_judge_nothing():
    told = Told()
    record = measure(case({"ours": told.program("a", 1.0)}, targets=[Target("time", 2.0)], repeats=50), quick=True)
    assert len(told.order) == 4
    assert record["targets"][0]["verdict"] == "not judged: quick sizes (would be reached)"


@pytest.mark.parametrize(
    ("target", "value", "verdict"),
    [
        (Target("time", 2.0), 2.0, "reached"),
        (Target("time", 1.9), 2.0, "missed"),
        (Target("time", 0.25, against="peer"), 0.25, "reached"),
        (Target("time", 0.2, against="peer"), 0.25, "missed"),
        (Target("time", 4.0, against="peer", at_least=True), 4.0, "reached"),
        (Target("time", 4.1, against="peer", at_least=True), 4.0, "missed"),
    ],
)
def test_targets_are_judged(target, value, verdict):
    told = Told()
    record = measure(case({"ours": told.program("a", 2.0), "peer": told.program("b", 8.0)}, targets=[target]))
    assert record["targets"][0]["value"] == value
    assert record["targets"][0]["verdict"] == verdict


def test_a_peer_that_is_not_installed_is_told_and_ours_runs_alone():
    told = Told()
    record = measure(case({"ours": told.program("a", 1.0), "peer": Missing("rival")}, targets=[Target("time", 3, against="peer")], repeats=2))
    assert told.order == ["a"] * 3
    assert record["missing"] == {"peer": 'rival is not installed: pip install "inorder[bench]"'}
    assert record["targets"][0]["verdict"].startswith("not judged: rival is not installed")
    assert any("rival is not installed" in cell for row in rows(wrapped(record)) for cell in row)


def test_a_program_that_breaks_is_told():
    def broken():
        raise RuntimeError("no\nmemory")

    assert measure(case({"ours": broken}))["failed"] == "RuntimeError: no memory"
    assert measure(case({"ours": broken}, broken))["failed"] == "RuntimeError: no memory"


def test_timed_takes_the_mean_of_calls_in_a_row_but_the_first_call_alone():
    calls = []
    program = timed(lambda: calls.append(1), at_least=0.001)
    assert list(program()) == ["time"]
    assert len(calls) == 1
    program()
    assert len(calls) > 2
    once = timed(lambda: calls.clear(), at_least=0)
    once(), once()
    assert calls == []


# --- tables ---------------------------------------------------------------------------------------------------------


def wrapped(*cases):
    place = {
        "machine": {"cpu": "a CPU", "cores": 2, "memory": 2**33, "system": "Linux", "load": [0.1, 0.2, 0.3]},
        "threads": {"cores": 1},
        "versions": {"python": "3.11"},
    }
    return {
        "benchmark": "b",
        "about": "What.",
        "quick": False,
        "date": "2026-01-01T00:00:00+00:00",
        "commit": "abc",
        "changed": False,
        "cases": list(cases),
        **place,
    }


def test_a_loss_is_in_the_table_like_a_win():
    told = Told()
    record = measure(
        case(
            {"ours": told.program("a", 2.0), "fast": told.program("b", 0.5), "slow": told.program("c", 5.0)},
            targets=[Target("time", 1.0), Target("time", 3.0, against="fast")],
        )
    )
    table = rows(wrapped(record))
    assert [(row[4], row[6]) for row in table] == [("fast", "4× slower"), ("slow", "2.5× faster")]
    assert table[0][7:] == ("time ≤ 1 s; time ≤ 3× fast", "missed: 2 s; missed: 4×")
    assert table[1][7:] == ("", "")


def test_what_was_refused_is_in_the_tables():
    record = wrapped(measure(case({"ours": dict}, refuse)))
    assert "refused to time" in markdown([record])
    assert checks(record) == ["b, a case: refused to time: 41 came where 42 was expected."]


def test_a_target_that_the_gate_holds_is_in_the_table():
    told = Told()
    passed = measure(case({"ours": told.program("a", 2.0)}, gate="the published figures"))
    assert rows(wrapped(passed))[0][2:] == ("answer", "", "", "", "", "the published figures", "reached")
    failed = measure(case({"ours": told.program("a", 2.0)}, refuse, gate="the published figures"))
    assert rows(wrapped(failed))[0][7:] == ("the published figures", "refused to time")


def test_a_slow_first_call_is_told():
    told = Told()
    record = measure(case({"ours": told.program("a", 0.1), "compiled": told.program("b", 9.0, 0.1)}))
    assert checks(wrapped(record)) == ["b, a case: answer: 42. The first call of compiled took 9 s"]


def test_the_page_says_where_and_with_what():
    told = Told()
    page = markdown([wrapped(measure(case({"ours": told.program("a", 1.0)}, notes=["a remark"])))])
    assert "| b | a case (rows 1,000) | time | 1 s (1 s–1 s) |" in page
    assert "answer: 42. a remark" in page
    assert "a CPU, 2 cores, 8 GiB, Linux; 1 thread; load 0.1 before; 2026-01-01T00:00:00+00:00, commit abc; python 3.11" in page
