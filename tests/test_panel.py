"""Many series in chunks: equal to one after the other, whoever works, also after a stop and after a lost worker."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import inorder
from inorder.data.series import Series, read_series
from inorder.errors import ConfigError, SeriesError
from inorder.forecast.baselines import Naive
from inorder.panel import PLAN, Plan, digest, fit_chunk, forecast_panel, predict_to_parquet

HORIZON = 4
RNG = np.random.default_rng(8)
VALUES = 100 + np.cumsum(RNG.normal(size=(48, 37)), axis=0) + 10 * np.sin(2 * np.pi * np.arange(48) / 12)[:, None]
VALUES[:, 3] = np.nan  # nothing to fit
VALUES[:-5, 11] = np.nan  # too short for a season
PANEL = Series.of(VALUES, season_length=12)


def made(**options):
    return forecast_panel(PANEL, "holt-winters", horizon=HORIZON, chunk=5, **options)


@pytest.fixture(scope="module")
def whole() -> pl.DataFrame:
    return made(workers=1)


def test_it_is_what_fit_and_predict_say(whole):
    forecast = inorder.fit("forecast", PANEL, "holt-winters").predict(HORIZON)
    frame = forecast.to_frame()
    assert whole.columns == [*frame.columns, "error"]
    for name in ("mean", "lower_80", "upper_95"):
        np.testing.assert_allclose(whole[name].to_numpy(), frame[name].to_numpy(), rtol=1e-12)
    assert whole["series"].to_list() == frame["series"].to_list()


def test_a_series_that_cannot_be_fitted_has_its_reason_and_its_last_value(whole):
    failed = whole.filter(pl.col("error").is_not_null()).group_by("series", maintain_order=True).first()
    assert failed["series"].to_list() == ["y4", "y12"]
    assert failed["error"][0].startswith('Series "y4" has no observation') and failed["error"][0].endswith("It has no forecast.")
    assert failed["error"][1].endswith("Its last value stands in.")
    assert failed["mean"][1] == VALUES[-1, 11]


def test_a_chunk_of_which_none_can_be_fitted():
    bad = np.stack([np.full(30, np.nan), np.r_[np.full(27, np.nan), 1.0, 2.0, 3.0]], axis=1)
    table = fit_chunk(Series.of(bad, season_length=12), Plan("holt-winters", HORIZON))
    assert "has no observation" in table["error"][0] and "has 3" in table["error"][HORIZON]
    assert np.isnan(table["mean"][0]) and table["mean"][HORIZON] == 3.0
    assert table["lower_80"].is_nan().all()


@pytest.mark.parametrize(("engine", "workers"), [("threads", 2), ("threads", 7), ("loky", 2)])
def test_the_result_does_not_depend_on_who_works(whole, engine, workers):
    assert made(engine=engine, workers=workers).equals(whole, null_equal=True)


def test_the_result_does_not_depend_on_the_chunks(whole):
    assert forecast_panel(PANEL, "holt-winters", horizon=HORIZON, chunk=1000).equals(whole, null_equal=True)


def test_a_forecaster_is_taken_as_its_name_is(whole):
    usual = inorder.ExponentialSmoothing(trend="additive", seasonal="additive")
    assert forecast_panel(PANEL, usual, horizon=HORIZON, chunk=5).drop("error").equals(whole.drop("error"), null_equal=True)
    damped = forecast_panel(PANEL, "holt-winters", horizon=HORIZON, settings={"damped": True})["mean"].to_list()
    for options in ({"model": replace(usual, damped=True)}, {"model": usual, "settings": {"damped": True}}):
        np.testing.assert_array_equal(forecast_panel(PANEL, horizon=HORIZON, **options)["mean"], damped)

    class Own(Naive):
        pass

    for stranger in (Own(), inorder.LSTMForecaster()):
        with pytest.raises(ConfigError, match=r"Own is none of the models|learns from all series together"):
            forecast_panel(PANEL, stranger, horizon=HORIZON)


def uneven_panel(count: int = 5) -> Series:
    """Series at uneven times of their own; the last one has a single row."""
    rng = np.random.default_rng(4)
    times = [np.cumsum(rng.exponential(size=30 + i)) for i in range(count)] + [np.array([3.0])]
    frame = pl.DataFrame(
        {"id": np.repeat([f"s{i}" for i in range(count + 1)], [len(one) for one in times]), "t": np.concatenate(times)},
    ).with_columns(y=pl.Series(np.cumsum(rng.normal(size=sum(map(len, times))))))
    return read_series(frame, id="id")


@pytest.mark.parametrize("engine", ["threads", "loky"])
def test_continuous_time_takes_a_panel_at_uneven_times(tmp_path, engine):
    series = uneven_panel()
    wanted = inorder.ContinuousTime("level").fit(series, workers=1).predict(3)
    for options in ({}, {"chunk": 2, "workers": 2, "engine": engine}, {"chunk": 1, "out": tmp_path / engine}):
        made = forecast_panel(series, "continuous-time", horizon=3, **options)
        table = read(made) if isinstance(made, Path) else made
        np.testing.assert_allclose(table["mean"], wanted.mean.reshape(-1), rtol=1e-9)
        np.testing.assert_allclose(table["t"], wanted.index.reshape(-1), rtol=1e-12)
        assert table["error"].is_null().to_list() == [True] * 15 + [False] * 3
        assert "needs 4 observations" in table["error"][-1]


def test_progress_counts_series():
    seen: list[tuple[int, int]] = []
    made(on_progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (37, 37) and [done for done, _ in seen] == sorted(done for done, _ in seen)


def read(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "*.parquet")


def test_shards_go_on_where_they_were_stopped(tmp_path, whole):
    folder = tmp_path / "forecasts"

    def stop(done: int, of: int) -> None:
        if done >= 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(out=folder, on_progress=stop, workers=1)
    written = sorted(path.name for path in folder.glob("*.parquet"))
    assert written == ["part-000000.parquet", "part-000001.parquet", "part-000002.parquet"]
    stamps = {name: os.stat(folder / name).st_mtime_ns for name in written}
    seen: list[int] = []
    assert made(out=folder, on_progress=lambda done, of: seen.append(done)) == folder
    assert seen[0] == 15 and seen[-1] == 37
    assert {name: os.stat(folder / name).st_mtime_ns for name in written} == stamps  # not fitted again
    assert read(folder).equals(whole, null_equal=True)
    assert not list(folder.glob(".*"))
    assert made(out=folder) == folder  # nothing is left to do


def test_a_shard_that_was_cut_short_is_made_again(tmp_path, whole):
    folder = made(out=tmp_path / "forecasts")
    shards = sorted(folder.glob("*.parquet"))
    before = [shard.read_bytes() for shard in shards]
    shards[1].write_bytes(before[1][:50])
    shards[2].write_bytes(b"")
    pl.read_parquet(shards[3]).head(3).write_parquet(shards[3])  # readable, but rows are lost
    shards[4].write_bytes(before[4][:-10])
    (folder / ".part-abc123").write_bytes(before[0][:99])  # a process was killed while it wrote
    (folder / ".plan-abc123").write_text("{")
    seen: list[int] = []
    made(out=folder, on_progress=lambda done, of: seen.append(done))
    assert seen[0] == 37 - 4 * 5 and seen[-1] == 37
    assert read(folder).equals(whole, null_equal=True) and not list(folder.glob(".*"))


def test_what_was_stopped_before_the_first_shard_leaves_nothing(tmp_path):
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(out=tmp_path / "forecasts", on_progress=stop)
    assert not (tmp_path / "forecasts").exists()


def test_shards_of_other_data_or_settings_are_refused(tmp_path):
    folder = tmp_path / "forecasts"
    made(out=folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConfigError, match=r"different: horizon"):
        forecast_panel(PANEL, "holt-winters", horizon=5, chunk=5, out=folder)
    with pytest.raises(ConfigError, match=r"different: data"):
        forecast_panel(Series.of(VALUES + 1, season_length=12), "holt-winters", horizon=HORIZON, chunk=5, out=folder)
    (folder / PLAN).write_text("{")
    with pytest.raises(ConfigError, match="is damaged"):
        made(out=folder)
    (folder / PLAN).write_bytes(before[PLAN])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="exists and does not hold forecasts"):
        made(out=tmp_path / "mine")


def test_the_plan_can_be_read(tmp_path):
    plan = json.loads((made(out=tmp_path / "f") / PLAN).read_text())
    assert plan["model"] == "holt-winters" and plan["series"] == 37 and plan["data"] == digest(PANEL)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "lstm"}, '"lstm" learns from all series together'),
        ({"model": "holt-wintres"}, 'Did you mean "holt-winters"'),
        ({"horizon": 0}, "`horizon` is a whole number"),
        ({"chunk": 0}, "`chunk` is a whole number"),
        ({"workers": 0}, "`workers` is a whole number"),
        ({"intervals": "wide"}, "`intervals` is one of auto"),
        ({"levels": (80,)}, "A level is a probability"),
        ({"settings": {"alhpa": 0.1}}, 'Did you mean "alpha"'),
    ],
)
def test_options_are_refused_before_anything_is_read(options, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        forecast_panel("no-such-file.csv", **{"model": "holt", "horizon": 3, "out": tmp_path / "f", **options})
    assert not (tmp_path / "f").exists()


def test_a_file_that_is_not_there_writes_nothing(tmp_path):
    with pytest.raises(SeriesError):
        forecast_panel("no-such-file.csv", "holt", horizon=3, out=tmp_path / "f")
    assert not (tmp_path / "f").exists()


# --- a fitted panel to Parquet ---


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_a_forecast_in_parts_is_the_whole(tmp_path, chunk):
    fitted = inorder.fit("forecast", PANEL, "holt-winters")
    forecast = fitted.predict(HORIZON)
    errors = predict_to_parquet(fitted, tmp_path / "f.parquet", HORIZON, chunk=chunk)
    assert pl.read_parquet(tmp_path / "f.parquet").equals(forecast.to_frame(), null_equal=True)
    assert errors == dict(forecast.errors)
    assert [path.name for path in tmp_path.iterdir()] == ["f.parquet"]


def test_a_single_series_too(tmp_path):
    fitted = inorder.fit("forecast", PANEL["y1"], "drift")
    predict_to_parquet(fitted, tmp_path / "one.parquet", 3)
    assert pl.read_parquet(tmp_path / "one.parquet").equals(fitted.predict(3).to_frame())


def test_a_forecast_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.parquet"
    path.write_bytes(b"mine")
    with pytest.raises(ConfigError, match="`horizon`"):
        predict_to_parquet(inorder.fit("forecast", PANEL, "holt"), path, 0)
    assert path.read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")  # of the cluster's own
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # sockets of the worker that is killed
def test_a_dask_cluster_loses_a_worker_and_the_result_is_equal(tmp_path):
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    dask = pytest.importorskip("dask")
    many = Series.of(np.tile(VALUES, (1, 12)), season_length=12)
    expected = forecast_panel(many, "holt-winters", horizon=HORIZON, chunk=4)
    patient = {"distributed.comm.timeouts.connect": "120s", "distributed.comm.timeouts.tcp": "120s"}  # the usual 30 s may pass on a busy machine
    with (
        dask.config.set(patient),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, death_timeout=120) as cluster,
        distributed.Client(cluster) as client,
    ):
        first = next(iter(client.run(os.getpid).values()))
        killed = threading.Event()

        def kill() -> None:
            os.kill(first, signal.SIGKILL)
            killed.set()

        def progress(done: int, of: int) -> None:
            if done and not killed.is_set():
                kill()

        folder = forecast_panel(many, "holt-winters", horizon=HORIZON, chunk=4, engine="dask", out=tmp_path / "f", on_progress=progress)
        assert killed.is_set()
        deadline = time.monotonic() + 60
        while first in client.run(os.getpid).values() and time.monotonic() < deadline:
            time.sleep(0.1)
    assert read(folder).equals(expected, null_equal=True)
