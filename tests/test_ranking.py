"""The loop of a leaderboard: ties, failures, shares of the time."""

import time

import pytest

from inorder.budget import Clock
from inorder.errors import ConfigError, ForecastError
from inorder.metrics.score import Score
from inorder.ranking import Entry, rank


def entry(selection: float, **more) -> Entry:
    return Entry("fitted", selection, {"accuracy": Score("accuracy", selection, "accuracy|n:3")}, **more)


def test_equals_stay_in_their_order_failures_come_last():
    values = {"broken": None, "b": 0.5, "a": 0.5, "best": 0.9, "worst": 0.1}

    def enter(name, share):
        if values[name] is None:
            raise ConfigError("cannot.")
        return entry(values[name])

    tables = []
    result = rank(list(values), enter, scored=["accuracy"], higher=True, clock=Clock(None), on_row=lambda table: tables.append(len(table)))
    assert [row["model"] for row in result.table] == ["best", "b", "a", "worst", "broken"] and tables == [1, 2, 3, 4, 5]
    assert result.table[-1]["error"] == "cannot." and result.winner == "best" and "broken" not in result.entries
    assert rank(["b", "worst"], enter, scored=["accuracy"], higher=False, clock=Clock(None)).winner == "worst"


def test_where_all_fail_every_reason_is_told():
    def enter(name, share):
        raise ConfigError(f"{name} cannot.")

    with pytest.raises(ForecastError, match="x: x cannot. y: y cannot."):
        rank(["x", "y"], enter, scored=[], higher=True, clock=Clock(None))


def test_ctrl_c_is_no_failure_of_a_candidate():
    def enter(name, share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rank(["x"], enter, scored=[], higher=True, clock=Clock(None))


def test_shares_are_equal_quick_ones_may_use_half_and_time_is_kept_for_the_last_fit():
    shares = {}

    def enter(name, share):
        shares[name] = share()
        return entry(0.5 if name == "slow" else 0.4, last_fit=40.0)

    rank(["slow", "other", "quick"], enter, scored=[], higher=True, clock=Clock(100.0), quick=["quick"], again=True)
    assert list(shares) == ["quick", "slow", "other"]
    assert shares["quick"] == pytest.approx(50, abs=1) and shares["slow"] == pytest.approx(30, abs=1) and shares["other"] == pytest.approx(60, abs=1)


def test_what_comes_after_the_budget_is_a_row_with_its_reason():
    def enter(name, share):
        share()
        time.sleep(0.06)
        return entry(0.5)

    table = rank(["a", "b"], enter, scored=["accuracy"], higher=True, clock=Clock(0.05)).table
    assert [row["error"] for row in table] == [None, "not run: the time budget was used up."]
