"""Panels fitted by any number of workers, on threads, processes or a cluster: equal numbers."""

from __future__ import annotations

import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import BudgetError, ConfigError, ForecastError, MissingExtra
from inorder.forecast.arima import ARIMA, AutoARIMA
from inorder.forecast.ets import AutoETS
from inorder.forecast.fitting import check_workers, cores, in_chunks, run_all
from inorder.forecast.local import LocalForecaster
from inorder.forecast.smoothing import ExponentialSmoothing
from inorder.forecast.structural import Structural
from inorder.kernels.stopping import Stop, check, remaining, watched


def square(x: int) -> int:
    return x * x


@pytest.mark.parametrize("engine", ["threads", "sequential", "threading", "loky"])
@pytest.mark.parametrize("workers", [1, 2])
def test_results_stand_in_the_order_of_the_items(engine, workers):
    seen: list[int] = []
    assert run_all(square, list(range(101)), workers=workers, engine=engine, done=seen.append) == [x * x for x in range(101)]
    assert seen == sorted(seen) and seen[-1] == 101


def test_chunks_cover_everything_once():
    for count in (0, 1, 7, 1000, 10_001):
        for workers in (1, 2, 16):
            assert [i for chunk in in_chunks(count, workers) for i in chunk] == list(range(count))


def test_threads_work_side_by_side():
    """Two items that wait for each other: one worker alone would wait for ever."""
    barrier = threading.Barrier(2, timeout=10)
    assert len(run_all(lambda _: barrier.wait() + 1, [0, 1], workers=2)) == 2


def test_an_error_stops_the_rest():
    begun: list[int] = []

    def work(i: int) -> int:
        begun.append(i)
        if i == 3:
            raise ValueError("three")
        time.sleep(0.001)
        return i

    with pytest.raises(ValueError, match="three"):
        run_all(work, list(range(1000)), workers=2)
    assert len(begun) < 500


def test_the_deadline_tells_how_many_were_done():
    def work(i: int) -> int:
        time.sleep(0.01)
        return i

    with pytest.raises(BudgetError, match=r"^\d+$") as caught:
        run_all(work, list(range(1000)), workers=2, deadline=time.monotonic() + 0.1)
    assert 2 <= int(str(caught.value)) < 100


def test_workers_and_engines_are_checked():
    assert check_workers(None) == cores() >= 1
    for wrong in (0, -1, 2.0, True):
        with pytest.raises(ConfigError, match="`workers` is a whole number, 1 or more"):
            check_workers(wrong)
    with pytest.raises(ConfigError, match='"threads" or a backend of joblib, not "dusk"'):
        run_all(square, [1, 2], engine="dusk")


def test_a_cluster_that_is_not_there_is_told():
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with pytest.raises(ConfigError, match='engine="dask" cannot be used: .*Client'):
        run_all(square, [1, 2], engine="dask")


def test_a_cluster_whose_package_is_missing_is_told(monkeypatch):
    def register() -> None:
        raise ImportError("No module named 'elsewhere'")

    monkeypatch.setitem(joblib.parallel.EXTERNAL_BACKENDS, "elsewhere", register)
    with pytest.raises(MissingExtra, match="engine=\"elsewhere\" needs a package that is not installed .No module named 'elsewhere'"):
        run_all(square, [1, 2], engine="elsewhere")


@pytest.mark.parametrize(("engine", "workers"), [("threads", 1), ("threads", 2), ("threads", 5), ("loky", 2)])
def test_a_fit_does_not_depend_on_the_workers(engine, workers):
    rng = np.random.default_rng(0)
    values = 50 + np.cumsum(rng.normal(size=(60, 23)), axis=0)
    values[:, 5] = np.nan
    panel = Series.of(values, season_length=4)
    forecaster = ExponentialSmoothing(trend="additive", seasonal="additive")
    one, other = forecaster.fit(panel, workers=1), forecaster.fit(panel, workers=workers, engine=engine)
    np.testing.assert_array_equal(one.predict(5).upper[0.8], other.predict(5).upper[0.8])
    assert one.errors == other.errors and list(one.errors) == ["y6"]
    for mine, its in zip(one.weights().values(), other.weights().values(), strict=True):
        np.testing.assert_array_equal(mine, its)


# --- stopping ---


def long_history() -> np.ndarray:
    """(time, 2) hourly values with gaps: a search for ARIMA orders takes minutes."""
    rng = np.random.default_rng(0)
    y = 200 + 10 * np.sin(2 * np.pi * np.arange(1200) / 24) + rng.normal(size=1200).cumsum()
    y[rng.choice(1200, 60, replace=False)] = np.nan
    return np.column_stack([y, y[::-1]])


LONG = {
    "arima": (ARIMA(order=(2, 0, 1), seasonal_order=(1, 1, 1), season_length=24), long_history()),
    "auto-arima": (AutoARIMA(season_length=24), long_history()),
    "structural": (Structural(season_length=24), long_history()),
    "auto-ets": (AutoETS(season_length=24, initial="estimated"), np.tile(long_history(), (30, 1))),
}


@pytest.mark.skipif(os.name == "nt", reason="there a process cannot send itself Ctrl-C alone")
@pytest.mark.parametrize("series", [1, 2])
@pytest.mark.parametrize("name", LONG)
def test_ctrl_c_ends_a_search(name, series):
    """In the main thread (one series) and in threads beside it (two)."""
    forecaster, values = LONG[name]
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.3, press)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        forecaster.fit(Series.of(values[:, :series]), workers=2)
    assert time.monotonic() - pressed[0] < 1
    timer.join()
    assert threading.active_count() == before  # nobody goes on


@pytest.mark.parametrize("engine", ["threads", "loky"])
@pytest.mark.parametrize("name", ["arima", "structural", "auto-ets"])
def test_seconds_reach_one_long_fit(name, engine):
    forecaster, values = LONG[name]
    run_all(square, [1, 2], workers=2, engine=engine)  # processes are up
    began = time.monotonic()
    with pytest.raises(BudgetError, match="had fitted 0 of 1 series when its 0.3 seconds were used up"):
        forecaster.fit(Series.of(values[:, 0]), seconds=0.3, engine=engine)
    assert time.monotonic() - began < (1.3 if engine == "threads" else 10)


def test_a_search_for_orders_ends_with_the_best_so_far():
    forecaster, values = LONG["auto-arima"]
    began = time.monotonic()
    fitted = forecaster.fit(Series.of(values[:, 0]), seconds=2)
    assert time.monotonic() - began < 3
    assert "The time ran out after" in fitted.notes[-1]


def test_a_part_that_is_cut_short_is_no_reason_of_the_whole(monkeypatch):
    def swallow(self, y, season_length):
        time.sleep(0.1)
        raise ForecastError("None of the parts could be fitted.")

    monkeypatch.setattr(ExponentialSmoothing, "fit_one", swallow)
    assert issubclass(ExponentialSmoothing, LocalForecaster)
    with pytest.raises(BudgetError, match="0 of 1 series"):
        ExponentialSmoothing().fit([1.0, 2.0, 3.0], seconds=0.05)
    with pytest.raises(ForecastError, match="None of the parts"):
        ExponentialSmoothing().fit([1.0, 2.0, 3.0], seconds=5)


def test_stops_hold_inside_one_another():
    late, soon = Stop(time.monotonic() + 100), time.monotonic() + 1
    with watched(late):
        assert 99 < remaining() <= 100
        with watched(Stop(soon)):
            assert remaining() <= 1
        assert remaining() > 99
        inner = Stop()
        late.now()
        with watched(inner), pytest.raises(KeyboardInterrupt):
            check()
    check()
    assert remaining() == float("inf")
