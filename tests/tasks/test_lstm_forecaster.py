"""The LSTM forecaster: it learns, is judged honestly, repeats itself by seed, and comes back from a bundle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import inorder
from inorder.bundle import Bundle, read_bundle, write_bundle
from inorder.data.series import Series
from inorder.errors import BudgetError, BundleError, ConfigError, ForecastError, SeriesError, TrainingError
from inorder.tasks.forecast import restore
from inorder.tasks.lstm_forecaster import LSTMForecaster
from inorder.tasks.lstm_inputs import encode
from inorder.tasks.lstm_running import take

SMALL = LSTMForecaster(hidden_size=4, max_epochs=4, batch_size=8, learning_rate=0.02)


def chaos(time: int, count: int = 1, seed: int = 0) -> np.ndarray:
    """(time, series) of the logistic map z ← 3.7·z·(1 − z): its next value is a parabola in the last, which no line can follow."""
    rows = [np.random.default_rng(seed).uniform(0.2, 0.8, size=count)]
    while len(rows) < time:
        rows.append(3.7 * rows[-1] * (1 - rows[-1]))
    return np.array(rows)


def wave(time: int = 80, count: int = 1, season: int = 6, seed: int = 0) -> Series:
    """Trend, season and chaos: a network is better than a line on it within a few epochs."""
    t = np.arange(time)[:, None]
    y = 50 + 0.2 * t + 5 * np.sin(2 * np.pi * t / season + np.arange(count)) + 4 * chaos(time, count, seed)
    return Series.of(y if count > 1 else y[:, 0], season_length=season)


@pytest.fixture(scope="module")
def fitted():
    fitted = SMALL.fit(wave())
    assert fitted.training.best_epoch > 0, "else the tests below would see the line alone"
    return fitted


def test_it_beats_the_seasonal_naive_forecast_on_air_passengers(shared_data):
    y = np.loadtxt(shared_data / "series" / "air_passengers.csv", delimiter=",", skiprows=1, usecols=1)
    scale = np.abs(y[12:-12] - y[:-24]).mean()
    forecast = LSTMForecaster().fit(Series.of(y[:-12], season_length=12)).predict(12)
    mase = np.abs(forecast.mean - y[-12:]).mean() / scale
    assert mase < 0.75 * np.abs(y[-24:-12] - y[-12:]).mean() / scale
    assert (forecast.lower[0.95] <= y[-12:]).mean() > 0.7


def test_the_memory_learns_what_no_line_can():
    y = Series.of(chaos(400)[:, 0])
    forecaster = LSTMForecaster(learning_rate=0.01, transform="none", hidden_size=16, max_epochs=40)
    fitted, line = forecaster.fit(y), replace(forecaster, max_epochs=1, learning_rate=1e-9).fit(y)
    assert fitted.training.best_epoch > 5
    assert fitted.training.best_loss == min(epoch.validation_loss for epoch in fitted.training.epochs)
    assert fitted.training.best_loss < fitted.training.epochs[0].validation_loss - 2  # nats
    assert np.nanmedian(np.abs(fitted.residuals)) < 0.2 * np.nanmedian(np.abs(line.residuals))


def test_intervals_cover_what_they_say():
    """100 first-order autoregressions of 120 values each, 10 steps ahead."""
    random = np.random.default_rng(3)
    y = np.zeros((130, 100))
    for t in range(1, 130):
        y[t] = 0.7 * y[t - 1] + random.normal(size=100)
    series = Series.of(y[:120])
    forecast = LSTMForecaster(hidden_size=8, max_epochs=5).fit(series).predict(10)
    future = y[120:].T
    for level in (0.8, 0.95):
        covered = ((forecast.lower[level] <= future) & (future <= forecast.upper[level])).mean()
        assert covered == pytest.approx(level, abs=0.04)
    assert forecast.intervals == "conformal"


def test_equal_seeds_give_equal_numbers_and_nothing_of_the_callers_is_touched():
    torch.manual_seed(11)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    first = SMALL.fit(wave())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    torch.manual_seed(12)
    second = SMALL.fit(wave())
    other = replace(SMALL, seed=1).fit(wave())
    assert np.array_equal(first.predict(9).mean, second.predict(9).mean)
    assert np.array_equal(first.calibration, second.calibration, equal_nan=True)
    assert not np.array_equal(first.predict(9).mean, other.predict(9).mean)


def test_the_fast_path_is_the_steps(fitted):
    """The memory after 50 rows, stepped through the rest with a gap, is the memory after all."""
    series = wave()
    values = series.values.copy()
    values[60] = np.nan
    series = replace(series, values=values)
    whole, part = replace(fitted, history=series), replace(fitted, history=series.head(30))
    session = part.stream()
    ahead = [session.step(value) for value in values[50:]]
    np.testing.assert_allclose(ahead[:-1], whole.fitted_values[51:], rtol=1e-5)
    np.testing.assert_allclose(session.predict(20), whole.predict(20, ()).mean, rtol=1e-5)


def test_free_running_is_the_loop_fed_with_its_own_forecasts(fitted):
    session, expected = fitted.stream(), []
    following = fitted.predict(1, ()).mean[0]
    for _ in range(8):
        expected.append(following)
        following = session.step(following)
    np.testing.assert_allclose(fitted.predict(8, ()).mean, expected, rtol=1e-6)


def test_a_session_is_of_constant_size(fitted):
    session = fitted.stream()

    def size() -> int:
        memory = session.memory
        return memory.recent.size + memory.level.size + memory.phase.size + memory.location.size + memory.state.hidden.numel() + memory.state.cell.numel()

    before = size()
    for value in wave(300, seed=1).values:
        session.step(value)
    assert size() == before


def test_a_panel_with_uneven_lengths_and_a_series_that_is_too_short():
    long, short = wave(90, 2, seed=1), wave(40, seed=2)
    values = np.concatenate([long.values, short.values, np.r_[np.full(10, np.nan), 3.0, np.nan]])
    lengths = [90, 90, 40, 12]
    series = replace(
        long, values=values, index=np.concatenate([np.arange(1, n + 1) for n in lengths]), offsets=np.cumsum([0, *lengths]), ids=("a", "b", "c", "d")
    )
    fitted = SMALL.fit(series)
    forecast = fitted.predict(5)
    assert forecast.mean.shape == (4, 5)
    assert np.isfinite(forecast.mean).all()
    assert forecast.mean[3].tolist() == [3.0] * 5
    assert np.isnan(forecast.lower[0.8][3]).all() and np.isfinite(forecast.lower[0.8][:3]).all()
    assert fitted.errors == {"d": 'Series "d" has 1 observation; 4 are needed to find its scale.'}
    assert np.isnan(fitted.fitted_values[-12:]).all()
    assert fitted.describe(3) == {}
    with pytest.raises(ForecastError, match='"d" could not be fitted'):
        fitted.stream("d")
    # the memory of a series is its own: alone it is the same
    alone = replace(fitted, history=series[2], scaling=_only(fitted.scaling, 2), failures={})
    np.testing.assert_allclose(alone.predict(5, ()).mean, forecast.mean[2], rtol=1e-5)
    np.testing.assert_allclose(alone.fitted_values, fitted.fitted_values[180:220], rtol=1e-5)


def _only(scaling, i):
    shared = ("future_centre", "future_spread", "static_centre", "static_spread")
    return replace(scaling, **{name: value[i : i + 1] for name, value in vars(scaling).items() if name not in shared})


def driven(time: int = 120, known: int = 20) -> tuple[Series, np.ndarray]:
    """A series that follows a covariate, which is known `known` steps ahead."""
    random = np.random.default_rng(5)
    promotion = (random.random(time + known) < 0.3).astype(float)
    y = 100 + 30 * promotion + random.normal(size=time + known)
    series = replace(Series.of(y[:time]), future={"promotion": promotion[:time]}, ahead={"promotion": promotion[None, time:]})
    return series, y[time:]


def test_future_covariates_are_used_and_must_be_known():
    series, truth = driven()
    fitted = LSTMForecaster(hidden_size=8, max_epochs=10).fit(series)
    blind = LSTMForecaster(hidden_size=8, max_epochs=10).fit(replace(series, future={}, ahead={}))
    error = np.abs(fitted.predict(20).mean - truth).mean()
    assert error < 0.35 * np.abs(blind.predict(20).mean - truth).mean()
    with pytest.raises(ForecastError, match='21 values of the future covariate "promotion".*there are 20'):
        fitted.predict(21)
    session = fitted.stream()
    for value in truth[:19]:
        session.step(value)
    np.testing.assert_allclose(session.predict(1), truth[19:], atol=5)
    with pytest.raises(ForecastError, match="known for 20 steps"):
        session.step(truth[19])


def test_missing_covariates_are_not_known_ahead_and_told_before():
    series, _ = driven()
    fitted = SMALL.fit(series)
    ahead, rows = series.ahead["promotion"].copy(), series.future["promotion"].copy()
    ahead[0, 3], rows[7] = np.nan, np.nan
    gappy = replace(fitted, history=replace(series, ahead={"promotion": ahead}))
    np.testing.assert_array_equal(gappy.predict(3).mean, fitted.predict(3).mean)
    with pytest.raises(ForecastError, match='future covariate "promotion" after the last observation; the one of step 4 is missing'):
        gappy.predict(4)
    with pytest.raises(ForecastError, match="known for 3 steps"):
        gappy.stream().predict(4)
    assert not [note for note in fitted.notes if "average" in note]
    assert any("a value of promotion is missing" in note for note in replace(fitted, history=replace(series, future={"promotion": rows})).notes)


def test_static_covariates_are_used():
    """Two kinds of series that only a static covariate tells apart before their first jump."""
    random = np.random.default_rng(0)
    kind = np.arange(20) % 2
    y = random.normal(size=(60, 20)) + 0.8 * np.arange(60)[:, None] * np.where(kind == 1, 1.0, -1.0)
    series = replace(Series.of(y), static={"kind": kind.astype(float)})
    told, untold = SMALL.fit(series), SMALL.fit(replace(series, static={}))
    assert told.describe()["inputs"] == untold.describe()["inputs"] + 1
    turned = replace(told, history=replace(series, static={"kind": 1.0 - kind}))
    assert (np.abs(turned.predict(3).mean - told.predict(3).mean) > 1e-3).all()


def test_past_covariates_and_seasons_that_are_not_used_are_told():
    series = replace(wave(40), past={"visits": np.arange(40.0)}, season_length=30)
    fitted = SMALL.fit(series)
    assert any("visits" in note for note in fitted.notes)
    assert any("two seasons of 30" in note for note in fitted.notes)
    assert fitted.describe()["season"] == 1
    assert "visits" in fitted.summary()


def test_missing_values_are_carried(fitted):
    values = wave().values.copy()
    values[[20, 21, 40, 79]] = np.nan
    holed = SMALL.fit(Series.of(values, season_length=6))
    assert np.isfinite(holed.predict(6).mean).all()
    assert np.isnan(holed.residuals[[20, 21, 40, 79]]).all()
    assert np.isfinite(holed.fitted_values[7:]).all()


def test_a_forecast_cannot_explode():
    """Growth that doubles at each step is followed, but no step is larger than the largest seen."""
    y = 2.0 ** np.arange(40)
    fitted = LSTMForecaster(transform="none", max_epochs=3).fit(y)
    far = fitted.predict(2000)
    assert np.isfinite(far.mean).all()
    assert far.mean.max() < 1e4 * y[-1]
    logs = LSTMForecaster(transform="log", max_epochs=3).fit(y)
    np.testing.assert_allclose(np.log2(logs.predict(5).mean), np.arange(40, 45), atol=0.2)


def test_time_is_kept():
    with pytest.raises(BudgetError, match=r"had not finished one epoch when its 0.0 seconds"):
        LSTMForecaster().fit(wave(), seconds=1e-6)
    long = LSTMForecaster(max_epochs=100_000, patience=100_000, hidden_size=8, schedule="constant").fit(wave(), seconds=0.8)
    assert long.training.stopped == "time"
    assert long.training.epochs[-1].seconds < 0.8
    assert any("used up" in note for note in long.notes)
    assert np.isfinite(long.predict(3).mean).all()


def test_refit_learns_from_the_last_part_too():
    y = np.r_[np.tile([1.0, 2.0, 3.0, 4.0], 16), np.tile([4.0, 3.0, 2.0, 1.0], 4)] + 10 + np.random.default_rng(0).normal(size=80) / 10
    series = Series.of(y, season_length=4)
    plain = replace(SMALL, transform="none")
    once, twice = replace(plain, refit=False).fit(series), plain.fit(series)
    assert (once.whole, twice.whole) == (False, True)
    units = once.scaling.scale / twice.scaling.scale
    np.testing.assert_allclose(
        twice.calibration, once.calibration * units, rtol=1e-6, err_msg="intervals come from the network that had not seen the last part"
    )
    assert np.abs(twice.scaling.season[0] - once.scaling.season[0]).max() > 0.1


def test_intervals_after_a_refit_are_in_the_units_of_the_refit():
    """Noise, of which the last part, twenty times as large, is held back."""
    random = np.random.default_rng(0)
    y = np.concatenate([random.normal(size=96), 20 * random.normal(size=24)])
    plain = LSTMForecaster(hidden_size=4, max_epochs=2, transform="none")
    once, twice = (replace(plain, refit=refit).fit(y) for refit in (False, True))
    assert twice.scaling.scale[0] > 1.5 * once.scaling.scale[0]
    width, expected = (np.ptp([made.lower[0.95], made.upper[0.95]], axis=0) for made in (twice.predict(4, (0.95,)), once.predict(4, (0.95,))))
    np.testing.assert_allclose(width, expected, rtol=1e-4)
    drawn, before = (fitted.predict(4, (), samples=200) for fitted in (twice, once))
    np.testing.assert_allclose((drawn.samples - drawn.mean).std(), (before.samples - before.mean).std(), rtol=1e-4)


def test_a_value_in_the_last_part_that_is_not_positive_speaks_against_logarithms():
    y = np.exp(0.03 * np.arange(100) + 0.3 * np.random.default_rng(0).normal(size=100))
    plain = LSTMForecaster(hidden_size=4, max_epochs=1)
    assert plain.fit(y).scaling.logarithm[0] == 1
    y[95] = 0.0
    assert plain.fit(y).scaling.logarithm[0] == replace(plain, refit=False).fit(y).scaling.logarithm[0] == 0
    with pytest.raises(ConfigError, match='transform="log" needs values above 0'):
        replace(plain, transform="log", refit=False).fit(y)


def test_progress_rises_to_its_end():
    seen = []
    SMALL.fit(wave(), progress=lambda done, most: seen.append((done, most)))
    assert {most for _, most in seen} == {8}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (8, 8)


def test_a_bundle_gives_equal_forecasts(tmp_path):
    series = replace(wave(60, 3), static={"size": np.array([1.0, 2.0, 4.0])})
    fitted = replace(SMALL, layers=2, dropout=0.1).fit(series)
    loaded = restore(read_bundle(fitted.save(tmp_path / "bundle")))
    assert loaded.forecaster == fitted.forecaster
    assert loaded.training == fitted.training or repr(loaded.training) == repr(fitted.training)
    for level in (0.8, 0.95):
        assert np.array_equal(loaded.predict(70).lower[level], fitted.predict(70).lower[level])
    assert np.array_equal(loaded.predict(70).mean, fitted.predict(70).mean)
    assert np.array_equal(loaded.fitted_values, fitted.fitted_values, equal_nan=True)
    assert loaded.notes == fitted.notes
    assert loaded.stream("y2").step(60.0) == fitted.stream("y2").step(60.0)


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("network.line.weight", None, r"no array 'line\.weight'"),
        ("network.head.weight", lambda a: a[:, :2], "do not fit an LSTM with 4 units"),
        ("scaling.scale", lambda a: a[:0], r'"scaling\.scale" with the shape \(0,\)'),
        ("scaling.season", lambda a: a[0], r'"scaling\.season" with the shape \(6,\)'),
        ("scaling.season", lambda a: a[:, :1], "has 9 inputs; .* give 4"),
        ("scaling.scale", lambda a: a * np.nan, "finite numbers"),
        ("training.best", lambda a: a[:1], "do not fit"),
        ("calibration", lambda a: a[0], "axes"),
    ],
)
def test_damaged_weights_are_refused(fitted, tmp_path, name, change, match):
    whole = fitted.bundle()
    weights = {key: value for key, value in whole.weights.items() if key != name or change is not None}
    if change is not None:
        weights[name] = change(weights[name])
    path = write_bundle(tmp_path / "bundle", Bundle(whole.model, weights))
    with pytest.raises(BundleError, match=match):
        inorder.load(path)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"hidden_size": 0}, "`hidden_size`.*0"),
        ({"layers": 1.5}, "`layers`.*1.5"),
        ({"context": 1}, "`context`.*2 or more.*1"),
        ({"dropout": 1.0}, "`dropout`.*1.0"),
        ({"validation_share": 0.9}, "`validation_share`.*0.9"),
        ({"likelihood": "student"}, 'Did you mean "student-t"'),
        ({"transform": "logs"}, 'Did you mean "log"'),
        ({"schedule": "cosin"}, 'Did you mean "cosine"'),
        ({"learning_rate": -1.0}, "`learning_rate`.*-1.0"),
        ({"seed": -1}, "`seed`.*-1"),
        ({"patience": 0}, "`patience`.*0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, match):
    with pytest.raises(ConfigError, match=match):
        LSTMForecaster(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_size": 5},
        {"layers": 2},
        {"dropout": 0.5},
        {"context": 10},
        {"likelihood": "normal"},
        {"likelihood": "laplace"},
        {"transform": "log"},
        {"learning_rate": 0.01},
        {"weight_decay": 5.0},
        {"clip_norm": 0.01},
        {"batch_size": 16},
        {"max_epochs": 1},
        {"validation_share": 0.4},
        {"refit": False},
        {"seed": 3},
        {"season_length": 3},
    ],
    ids=str,
)
def test_every_setting_has_an_effect(fitted, settings):
    other = replace(SMALL, **settings).fit(wave())
    assert not np.array_equal(other.predict(6).mean, fitted.predict(6).mean)


def test_schedules_patience_and_plateau_have_an_effect():
    rates = {kind: replace(SMALL, max_epochs=20, schedule=kind).fit(wave()).training.epochs[-1].learning_rate for kind in ("constant", "cosine")}
    assert rates["constant"] == SMALL.learning_rate > rates["cosine"]
    y = np.random.default_rng(0).normal(size=60)
    quick = LSTMForecaster(hidden_size=8, patience=2, max_epochs=50, learning_rate=0.02).fit(y)
    slow = LSTMForecaster(hidden_size=8, patience=9, max_epochs=50, learning_rate=0.02, schedule="plateau").fit(y)
    assert quick.training.epochs[-1].epoch == quick.training.best_epoch + 2
    assert slow.training.epochs[-1].epoch == slow.training.best_epoch + 9
    rates = [epoch.learning_rate for epoch in slow.training.epochs[1:]]
    assert min(rates[6:]) < max(rates)


def test_series_that_cannot_be_fitted_are_told():
    with pytest.raises(ForecastError, match='Series "y" spans 10 observations'):
        LSTMForecaster().fit(np.arange(10.0))
    with pytest.raises(SeriesError, match="irregular"):
        LSTMForecaster().fit(replace(wave(), frequency=None))
    with pytest.raises(ForecastError, match="1 observation; 4 are needed"):
        LSTMForecaster().fit(np.r_[np.full(20, np.nan), 5.0, np.full(20, np.nan)])


def test_a_loss_that_is_not_a_number_stops_the_training():
    with pytest.raises(TrainingError, match="step .*learning rate"):
        replace(SMALL, learning_rate=1e30, clip_norm=None, max_epochs=50).fit(wave())


def test_kinds_of_intervals(fitted):
    assert fitted.predict(3, intervals="conformal").intervals.startswith("conformal")
    assert fitted.predict(3, ()).intervals == "none"
    with pytest.raises(ConfigError, match="No formula is known for the intervals of lstm"):
        fitted.predict(3, intervals="analytic")
    with pytest.raises(ConfigError, match='"exact" is unknown'):
        fitted.predict(3, intervals="exact")


def test_what_happened_is_told(fitted):
    summary = fitted.summary()
    assert "validation" in summary and "gradient" in summary
    described = fitted.describe()
    assert described["epochs"] == 4
    assert described["training"]["epoch"] == [0, 1, 2, 3, 4]
    assert described["parameters"] == sum(parameter.numel() for parameter in fitted.network.parameters())


def test_the_memory_of_some_series_is_taken_whole():
    fitted = SMALL.fit(wave(60, 4))
    location, memory = fitted._recurrence.after(encode(fitted.history, fitted.scaling))
    part = take(memory, np.array([2]))
    assert part.location[0] == location[fitted.history.offsets[3] - 1]
    assert part.recent.shape == (1, 7)
    assert np.array_equal(part.state.cell[:, 0], memory.state.cell[:, 2])
