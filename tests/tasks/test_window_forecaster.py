"""Global forecasters over windows: settings, seeds, budgets, intervals, covariates, missing values, and what is told of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import inorder
from inorder.data.series import Series
from inorder.errors import BundleError, ConfigError, ForecastError
from inorder.models.window import Sizes
from inorder.tasks.lstm_inputs import fit_scaling
from inorder.tasks.neural_forecasters import DLinearForecaster, ESRNNForecaster, NHiTSForecaster, RNNForecaster, TCNForecaster, TransformerForecaster

KINDS = (DLinearForecaster, NHiTSForecaster, RNNForecaster, TCNForecaster, TransformerForecaster, ESRNNForecaster)
NAN = float("nan")
# small and quick: what is asked is whether they learn at all
SMALL = {
    "dlinear": {},
    "nhits": {"hidden_size": 32},
    "recurrent": {"hidden_size": 16},
    "tcn": {"hidden_size": 12},
    "transformer": {"hidden_size": 16, "heads": 2, "layers": 1, "patch": 4, "stride": 4, "dropout": 0.0},
    "es-rnn": {"hidden_size": 12, "batch_size": 16},
}

LEARNS = {"window": 16, "horizon": 8, "max_epochs": 20, "learning_rate": 0.02, "epoch_batches": 8, "refit": False}


def waves(rows: int = 96, columns: int = 3, noise: float = 0.1) -> Series:
    """A panel with a season of 8, each column with its own size and level."""
    rng = np.random.default_rng(7)
    t = np.arange(rows)[:, None]
    values = np.sin(2 * np.pi * (t + np.arange(columns)) / 8) + noise * rng.normal(size=(rows, columns))
    return Series.of(values * np.array([1.0, 10.0, 0.2])[:columns] + np.array([0.0, 500.0, -3.0])[:columns], season_length=8)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns_a_season_better_than_the_last_value(kind):
    panel = waves()
    fitted = kind(**LEARNS, **{**SMALL[kind.name], "deseasonalise": False}).fit(panel.head(8))
    truth = panel.tail(8).values.reshape(3, 8)
    made = fitted.predict(8, ()).mean
    last = np.stack([y[-9] * np.ones(8) for y in panel])
    scale = np.array([1.0, 10.0, 0.2])[:, None]
    assert (np.abs(made - truth) / scale).mean() < 0.35 * (np.abs(last - truth) / scale).mean()


def test_a_line_finds_a_line():
    """y[t] = 0.6·y[t−1] + 0.4·y[t−3], without noise, is forecast to the end."""
    rng = np.random.default_rng(0)
    y = np.zeros((160, 6))
    y[:3] = rng.normal(size=(3, 6))
    for t in range(3, 160):
        y[t] = 0.6 * y[t - 1] + 0.4 * y[t - 3] + (rng.normal(size=6) if t < 130 else 0)
    forecaster = DLinearForecaster(
        kind="nlinear", window=4, horizon=1, normalisation="last", loss="squared", max_epochs=60, learning_rate=0.02, transform="none"
    )
    fitted = forecaster.fit(Series.of(y[:150]))
    np.testing.assert_allclose(fitted.predict(10, ()).mean, y[150:].T, atol=0.05 * np.abs(y).max())


# --- settings ---


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "pinbal"}, "pinbal"),
        ({"normalisation": "instanc"}, 'Did you mean "instance"'),
        ({"scale": "spred"}, 'Did you mean "spread"'),
        ({"transform": "sqrt"}, "sqrt"),
        ({"window": 1}, "`window`.*2 or more.*1"),
        ({"horizon": 0}, "`horizon`.*1 or more.*0"),
        ({"ensemble": 0}, "`ensemble`"),
        ({"batch_size": 2.5}, "`batch_size`.*2.5"),
        ({"recursive": 1}, "`recursive` is true or false, not 1"),
        ({"validation_share": 0.7}, "`validation_share`.*0.7"),
        ({"quantiles": (0.1, 0.9)}, "rising probabilities"),
        ({"learning_rate": -1.0}, "learning_rate.*-1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        DLinearForecaster(**settings)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (DLinearForecaster, {"kind": "linear"}, 'Did you mean "dlinear"|"linear"'),
        (DLinearForecaster, {"kernel": 0}, "`kernel`"),
        (NHiTSForecaster, {"pools": (2,), "stretches": (2, 1)}, "these have 1 and 2"),
        (NHiTSForecaster, {"dropout": 1.0}, "`dropout`.*1.0"),
        (RNNForecaster, {"cell": "gruu"}, 'Did you mean "gru"'),
        (RNNForecaster, {"layers": 0}, "`layers`"),
        (TCNForecaster, {"width": 1}, "`width`"),
        (TransformerForecaster, {"hidden_size": 10, "heads": 4}, "multiple of `heads`; 10 is none of 4"),
        (ESRNNForecaster, {"dilations": ((1,), ())}, "`dilations` are groups"),
        (ESRNNForecaster, {"dilations": [1, 2]}, r"`dilations` are groups.*not \[1, 2\]"),
        (NHiTSForecaster, {"pools": 4}, "`pools` are several whole numbers.*not 4"),
    ],
)
def test_settings_of_a_kind_that_cannot_be_are_refused(kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        kind(**settings)


def test_the_window_and_the_horizon_follow_from_the_season():
    forecaster, history = DLinearForecaster(), waves()
    assert forecaster.sizes(history, 8)[:2] == (32, 16)
    assert forecaster.sizes(history, 1)[:2] == (16, 8)
    assert forecaster.sizes(history, 168)[:2] == (336, 48)
    assert replace(forecaster, window=5, horizon=3).sizes(history, 8)[:2] == (5, 3)
    assert replace(forecaster, recursive=True).sizes(history, 8)[:2] == (32, 1)


@pytest.mark.parametrize("kind", [DLinearForecaster, NHiTSForecaster, RNNForecaster, ESRNNForecaster])
def test_parameters_are_as_many_as_the_equations_say(kind):
    sizes = Sizes(window=24, horizon=6, outputs=2, covariates=3, ahead=1, static=2, series=5, season=4)
    count = sum(parameter.numel() for parameter in kind().build(sizes).parameters())
    out, beside = 12, 24 * 4 + 2
    head = lambda features: (features + 6) * out + out + 2  # noqa: E731  with what is known ahead, and its effect on each output
    expected = {
        "dlinear": 2 * (24 * out + out) + beside * out + 2,
        "nhits": sum(
            (-(-24 // pool) + 24 * 4 + 6 + 2 + 1) * 128 + 129 * 128 + 129 * 24 + 129 * 2 * -(-6 // stretch) for pool, stretch in ((4, 8), (2, 4), (1, 1))
        ),
        "recurrent": 3 * 64 * (7 + 64 + 2) + head(64),
        "es-rnn": 5 * 2 + 5 * 4 + 1 + 4 * 40 * (2 * 4 + 3 + 2 + 40 + 2) + 3 * 4 * 40 * (80 + 2) + 41 * 40 + 41 * out,
    }
    assert count == expected[kind.name]


# --- training ---


def test_equal_seeds_give_equal_numbers_and_others_do_not():
    quick = NHiTSForecaster(window=16, horizon=8, max_epochs=2, hidden_size=8)
    one, same, other = (replace(quick, seed=seed).fit(waves()).predict(8, ()).mean for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-6


def test_an_ensemble_is_the_mean_of_its_members():
    quick = NHiTSForecaster(window=16, horizon=8, max_epochs=2, hidden_size=8, transform="none")
    members = [replace(quick, seed=seed).fit(waves()).predict(8, ()).mean for seed in (4, 5)]
    together = replace(quick, seed=4, ensemble=2).fit(waves())
    np.testing.assert_allclose(together.predict(8, ()).mean, np.mean(members, axis=0), rtol=1e-5, atol=1e-4)
    assert together.describe()["networks"] == 2


def test_without_refit_the_last_part_is_not_learnt_from():
    """Whatever comes in the last fifth, the weights are those of a fit that stops at the same epoch."""
    quick = DLinearForecaster(window=8, horizon=4, max_epochs=3, patience=3, refit=False, transform="none", season_length=1)
    history = replace(waves(columns=1), past={"e": np.random.default_rng(1).normal(size=96)})
    fitted = quick.fit(history)
    values, past = history.values.copy(), history.past["e"].copy()
    values[77:] += 0.02
    past[77:] += 5.0
    other = quick.fit(replace(history, values=values, past={"e": past}))
    assert fitted.records[0].best_epoch == other.records[0].best_epoch == 3
    for name, weight in fitted.networks[0].state_dict().items():
        np.testing.assert_array_equal(weight, other.networks[0].state_dict()[name], err_msg=name)
    assert not fitted.whole and not any("time" in note for note in fitted.notes[1:])


def test_training_stops_when_the_last_part_is_forecast_no_better():
    fitted = NHiTSForecaster(window=8, horizon=2, max_epochs=40, patience=2, learning_rate=0.05, refit=False).fit(np.random.default_rng(0).normal(size=60))
    record = fitted.records[0]
    assert record.stopped == "patience"
    assert record.epochs[-1].epoch == record.best_epoch + 2 < 40
    assert record.best_loss == min(epoch.validation_loss for epoch in record.epochs)


def test_a_network_that_learnt_nothing_is_noted():
    fitted = NHiTSForecaster(window=8, horizon=2, max_epochs=2, learning_rate=5.0).fit(waves(columns=1))
    assert fitted.records[0].best_epoch == 0
    assert any("No epoch was better" in note for note in fitted.notes)


def test_time_that_is_up_is_said_so():
    with pytest.raises(inorder.errors.BudgetError, match="nhits had not finished one epoch.*--budget"):
        NHiTSForecaster().fit(waves(), seconds=0.0)


def test_little_time_gives_what_was_reached_with_a_note():
    fitted = NHiTSForecaster(max_epochs=100_000, patience=100_000, window=8, horizon=2, hidden_size=4).fit(waves(), seconds=1.5)
    assert fitted.records[0].stopped == "time"
    assert any("time was used up" in note for note in fitted.notes)
    assert np.isfinite(fitted.predict(3, ()).mean).all()


def test_progress_rises_to_its_end():
    seen = []
    DLinearForecaster(max_epochs=3, ensemble=2, window=8, horizon=2).fit(waves(), progress=lambda done, most: seen.append((done, most)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {most for _, most in seen} == {12} and seen[-1] == (12, 12)


# --- recursion ---


def test_free_running_is_one_step_at_a_time_and_its_cost_is_reported():
    panel = waves()
    fitted = RNNForecaster(recursive=True, horizon=8, window=16, max_epochs=4, transform="none").fit(panel)
    assert fitted.sizes.horizon == 1
    session, path = fitted.stream(1), []
    for _ in range(5):
        path.append(session.predict(1)[0])
        session.step(path[-1])
    np.testing.assert_allclose(fitted.predict(5, ()).mean[1], path, rtol=1e-4)
    described = fitted.describe()
    assert 0 < described["teacher-forced error"] < described["free-running error"]
    assert "validation error" not in described and "free-running error" in fitted.summary()
    direct = RNNForecaster(horizon=8, window=16, max_epochs=1).fit(panel).describe()
    assert direct["validation error"] > 0 and "free-running error" not in direct


def test_a_longer_forecast_goes_on_from_a_shorter_one():
    fitted = DLinearForecaster(window=16, horizon=4, max_epochs=3, loss="quantiles").fit(waves())
    long, short = fitted.predict(11), fitted.predict(3)
    np.testing.assert_array_equal(long.mean[:, :3], short.mean)
    np.testing.assert_array_equal(long.lower[0.8][:, :3], short.lower[0.8])
    width = long.upper[0.8] - long.lower[0.8]
    assert (width[:, 4:] > width[:, 3:4]).all(), "errors of the blocks add up"


def test_forecasts_from_rows_are_those_that_would_have_been_made_there():
    panel = waves()
    fitted = DLinearForecaster(window=16, horizon=4, max_epochs=2, transform="none").fit(panel.head(20))
    whole = fitted.update(panel.tail(20))
    rows = panel.offsets[:-1] + 79  # row 76 is the first that the fit has not seen
    then = fitted.update(panel.head(16).tail(4))
    np.testing.assert_allclose(whole.forecasts(rows, 6), then.predict(6, ()).mean, rtol=1e-5)


# --- intervals ---


@pytest.mark.parametrize("loss", ["quantiles", "student-t", "normal", "laplace"])
def test_analytic_intervals_cover_about_what_they_say(loss):
    panel = waves(rows=400, columns=3, noise=0.3)
    fitted = DLinearForecaster(window=16, horizon=8, max_epochs=20, learning_rate=0.01, loss=loss, transform="none", batch_size=64).fit(panel.head(200))
    inside = total = 0
    for leave in range(8, 193, 8):
        updated = fitted.update(panel.head(leave).tail(200 - leave))
        made, truth = updated.predict(8), panel.head(leave - 8).tail(8).values.reshape(3, 8)
        assert made.intervals == "analytic"
        inside += ((made.lower[0.8] <= truth) & (truth <= made.upper[0.8])).sum()
        total += truth.size
    assert 0.68 < inside / total < 0.9  # 576 truths; trained on 3 · 200 rows


def grown(columns: int = 1) -> Series:
    """Noise, of which the last quarter, twenty times as large, is held back; further columns stay as they are, three times as large."""
    rng = np.random.default_rng(0)
    first = np.concatenate([rng.normal(size=96), 20 * rng.normal(size=24)])
    return Series.of(np.column_stack([first, *(3 * rng.normal(size=120) for _ in range(columns - 1))]))


@pytest.mark.parametrize("settings", [{}, {"recursive": True}, {"scale": "spread"}], ids=str)
def test_intervals_after_a_refit_are_in_the_units_of_the_refit(settings):
    plain = DLinearForecaster(window=16, horizon=4, max_epochs=3, epoch_batches=4, transform="none", learning_rate=1e-4, **settings)
    once, twice = (replace(plain, refit=refit).fit(grown()) for refit in (False, True))
    assert twice.whole and twice.scaling.series.scale[0] > 1.5 * once.scaling.series.scale[0]
    width, expected = (np.ptp([made.lower[0.95], made.upper[0.95]], axis=0) for made in (twice.predict(4, (0.95,)), once.predict(4, (0.95,))))
    np.testing.assert_allclose(width, expected, rtol=1e-4)
    drawn, before = (fitted.predict(4, (), samples=200) for fitted in (twice, once))
    np.testing.assert_allclose((drawn.samples - drawn.mean).std(), (before.samples - before.mean).std(), rtol=1e-4)
    for ours, theirs in zip(twice.exposure, once.exposure, strict=True):
        assert ours * twice.scaling.series.scale[0] == pytest.approx(theirs * once.scaling.series.scale[0], rel=1e-4)


def test_each_error_of_a_panel_is_brought_to_the_units_of_its_own_series():
    plain = DLinearForecaster(window=16, horizon=4, max_epochs=1, epoch_batches=4, transform="none")
    once, twice = (replace(plain, refit=refit).fit(grown(2)) for refit in (False, True))
    before, after = (fitted.scaling.series.scale for fitted in (once, twice))
    series = np.tile([0, 1], len(once.calibration) // 2)  # by the time that is left, then by series
    np.testing.assert_allclose(twice.calibration, once.calibration * (before / after)[series, None], rtol=1e-5)


def test_a_refit_takes_logarithms_where_the_first_training_did():
    """By the whole history the spread grows with the level, by its first part it falls."""
    rng, t = np.random.default_rng(1), np.arange(96)
    y = np.concatenate([100 + t + (15 - t / 8) * rng.normal(size=96), (100 + 8 * t[:24]) * np.exp(0.3 * rng.normal(size=24))])
    assert fit_scaling(Series.of(y), 1, "auto").logarithm[0] != fit_scaling(Series.of(y[:96]), 1, "auto").logarithm[0]
    plain = DLinearForecaster(window=16, horizon=4, max_epochs=1, epoch_batches=4, validation_share=0.2)
    once, twice = (replace(plain, refit=refit).fit(y).scaling.series.logarithm[0] for refit in (False, True))
    assert once == twice


def test_points_have_conformal_intervals_and_no_others():
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=1).fit(waves())
    assert fitted.predict(4).intervals == "conformal"
    assert fitted.predict(4, intervals="adaptive").intervals == "adaptive"
    with pytest.raises(ConfigError, match="quantiles.*dlinear"):
        fitted.predict(4, intervals="analytic")
    with pytest.raises(ConfigError, match="no bootstrap intervals of dlinear"):
        fitted.predict(4, intervals="bootstrap")


def test_sample_paths_scatter_about_the_forecast_and_follow_the_seed():
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=3, transform="none").fit(waves())
    one, same, other = (fitted.predict(4, (), samples=300, seed=seed) for seed in (0, 0, 1))
    assert one.samples.shape == (3, 300, 4)
    np.testing.assert_array_equal(one.samples, same.samples)
    assert (one.samples != other.samples).any()
    spread = one.samples.std(axis=1)
    assert (np.abs(one.samples.mean(axis=1) - one.mean) < 2 * spread).all() and (spread > 0).all()
    with pytest.raises(ForecastError, match="shorter horizon"):
        fitted.predict(60, (), samples=3)


def wandering() -> Series:
    """Two random walks, the second with steps five times as large in its last part."""
    steps = np.random.default_rng(2).normal(size=(160, 2))
    steps[120:, 1] *= 5
    return Series.of(np.cumsum(steps, axis=0))


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("loss", ["quantiles", "student-t", "normal", "laplace"])
def test_sample_paths_lie_in_the_intervals_of_the_same_call_as_often_as_these_say(loss, recursive):
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=2, transform="none", loss=loss, recursive=recursive, refit=False).fit(wandering())
    for samples, tolerance in ((1000, 2 / 1000), (60, 0.2)):
        made = fitted.predict(4, (0.5, 0.8), samples=samples, seed=3)
        assert made.intervals == "analytic" and made.samples.shape == (2, samples, 4)
        for level in (0.5, 0.8):
            inside = (made.lower[level][:, None] <= made.samples) & (made.samples <= made.upper[level][:, None])
            np.testing.assert_allclose(inside.mean(axis=1), level, atol=tolerance)
    np.testing.assert_array_equal(made.samples, fitted.predict(4, (), samples=60, seed=3).samples)


def test_sample_paths_keep_the_order_of_errors_that_were_made_together():
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=4, transform="none", loss="quantiles", refit=False).fit(wandering())

    def rank_correlation(paths: np.ndarray) -> np.ndarray:
        return np.corrcoef(paths.argsort(axis=0).argsort(axis=0), rowvar=False)

    errors = fitted.calibration[~np.isnan(fitted.calibration).any(axis=1)]
    drawn = fitted.predict(4, (), samples=2000).samples
    assert rank_correlation(errors)[2, 3] > 0.6, "a walk goes on from where it is"
    for one in drawn:
        np.testing.assert_allclose(rank_correlation(one), rank_correlation(errors), atol=0.08)
    single = np.array([fitted.predict(4, (), samples=1, seed=seed).samples[:, 0] for seed in range(60)])
    assert 0.4 < np.corrcoef(single[:, 0, 2:], rowvar=False)[0, 1] < 0.999, "one path alone is a draw like others"


def test_one_path_is_as_likely_high_as_low_where_few_errors_are_known():
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=1, transform="none", loss="normal", refit=False).fit(wandering())
    few = replace(fitted, calibration=fitted.calibration[:2])
    made = few.predict(1, (0.8,))
    single = np.array([few.predict(1, (), samples=1, seed=seed).samples[:, 0, 0] for seed in range(300)])
    assert (single > made.mean[:, 0]).mean(axis=0) == pytest.approx(np.full(2, 0.5), abs=0.1)


def test_sample_paths_beside_conformal_intervals_take_the_errors_themselves():
    plain = DLinearForecaster(window=8, horizon=4, max_epochs=2, transform="none", loss="quantiles", refit=False)
    fitted = plain.fit(wandering())
    made = fitted.predict(4, (), intervals="conformal", samples=20)
    apart = (made.samples[0] - made.mean[0]) / fitted.scaling.series.scale[0]
    assert all(np.isclose(fitted.calibration, path, atol=1e-4).all(axis=1).any() for path in apart)


# --- covariates and missing values ---


def told(rows: int = 200) -> tuple[Series, np.ndarray]:
    """y[t] = 10 + 20·f[t] + 3·e[t] + a level of each series, of which f is known ahead and e one step before."""
    rng = np.random.default_rng(0)
    f, e = rng.integers(0, 2, (3, rows + 4)).astype(float), rng.normal(size=(3, rows + 4))
    y = 10 + 20 * f + 3 * e + np.array([[0.0], [5.0], [-5.0]])
    series = Series.of(y[:, :rows].T)
    covariates = {"past": {"e": e[:, 1 : rows + 1].reshape(-1)}, "future": {"f": f[:, :rows].reshape(-1)}, "ahead": {"f": f[:, rows:]}}
    return replace(series, static={"s": np.array([0.0, 5.0, -5.0])}, **covariates), y[:, rows:]


@pytest.mark.parametrize("kind", KINDS)
def test_past_future_and_static_covariates_are_used(kind):
    series, truth = told()
    settings = {**LEARNS, "window": 8, "horizon": 4, "max_epochs": 14, "transform": "none", "normalisation": "series", **SMALL[kind.name]}
    made = kind(**settings).fit(series).predict(4, ()).mean
    blind = kind(**settings).fit(replace(series, past={}, future={}, ahead={}, static={})).predict(4, ()).mean
    assert np.abs(made - truth).mean() < 5 < 7 < np.abs(blind - truth).mean()
    assert np.abs(made - truth)[:, 0].max() < 3.5, "the next step is told by the past covariate too"


def test_covariates_that_are_not_known_ahead_are_asked_for():
    series, _ = told()
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=1).fit(series)
    assert np.isfinite(fitted.predict(4).mean).all()
    with pytest.raises(ForecastError, match='5 values of the future covariate "f".*there are 4'):
        fitted.predict(5)
    session = fitted.stream(2)
    np.testing.assert_allclose(session.predict(4), fitted.predict(4, ()).mean[2], rtol=1e-5)
    session.step(12.0, past=[0.5])
    with pytest.raises(ForecastError, match="known for 3 more steps, and 4 are needed"):
        session.predict(4)


def test_a_step_that_is_refused_leaves_the_session_as_it_was():
    series, truth = told()
    session = DLinearForecaster(window=8, horizon=4, max_epochs=1).fit(series).stream(0)
    for value in truth[0, :3]:
        session.step(value, past=[0.0])
    before = session.recent
    with pytest.raises(ForecastError, match="known for 1 more steps, and 2 are needed"):
        session.step(truth[0, 3], past=[0.0])
    assert session.recent is before
    for past, came in (((), "none"), ([1.0, 2.0], "an array of the shape")):
        with pytest.raises(ForecastError, match=rf"each past covariate \(e\).*{came}.* came"):
            session.step(truth[0, 3], past=past)
    assert session.recent is before


def test_a_session_takes_past_covariates_as_an_update_does():
    series, _ = told()
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=4).fit(series.head(3))
    session = fitted.stream(1)
    for y, e in zip(series.y(1)[-3:], series.past["e"][: 2 * len(series.y(1))][-3:], strict=True):
        session.step(y, past=[e])
    expected = replace(fitted, history=series).predict(4, ()).mean[1]
    np.testing.assert_allclose(session.predict(4), expected, rtol=1e-5)
    session.step(12.0, past=[NAN])
    assert np.isfinite(session.predict(3)).all()


def test_a_missing_value_ahead_is_not_known():
    """What comes after it is not known either, and other series are as they were."""
    series, _ = told()
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=1).fit(series)
    holed = series.ahead["f"].copy()
    holed[1, 2] = NAN
    gappy = replace(fitted, history=replace(series, ahead={"f": holed}))
    np.testing.assert_array_equal(gappy.predict(2, ()).mean[[0, 2]], fitted.predict(2, ()).mean[[0, 2]])
    with pytest.raises(ForecastError, match='future covariate "f" of series "y2".*step 3 is missing'):
        gappy.predict(3)
    with pytest.raises(ForecastError, match="known for 2 more steps, and 3 are needed"):
        gappy.stream("y2").predict(3)
    np.testing.assert_array_equal(gappy.stream("y1").predict(4), fitted.stream("y1").predict(4))


def test_missing_covariates_are_told():
    series, _ = told()
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=1).fit(series)
    assert not [note for note in fitted.notes if "average" in note]
    past, static = series.past["e"].copy(), series.static["s"].copy()
    past[5], static[2] = NAN, NAN
    gappy = replace(fitted, history=replace(series, past={"e": past}, static={"s": static}))
    assert "Where a value of e, s is missing, the average takes its place." in gappy.notes


def test_what_is_known_ahead_does_not_depend_on_how_far_is_asked():
    series, _ = told()
    fitted = NHiTSForecaster(window=8, horizon=4, max_epochs=2).fit(series)
    np.testing.assert_array_equal(fitted.predict(2, ()).mean, fitted.predict(4, ()).mean[:, :2])


@pytest.mark.parametrize("kind", KINDS)
def test_missing_values_are_seen_as_missing_not_as_numbers(kind):
    """Other numbers under the gaps change nothing; a series with a tenth missing is still learnt."""
    panel = waves()
    values = panel.values.copy()
    values[np.random.default_rng(3).uniform(size=len(values)) < 0.1] = NAN
    gappy = replace(panel, values=values)
    fitted = kind(**LEARNS, **{**SMALL[kind.name], "deseasonalise": False}).fit(gappy.head(8))
    scale = np.array([1.0, 10.0, 0.2])[:, None]
    truth = panel.tail(8).values.reshape(3, 8)
    assert (np.abs(fitted.predict(8, ()).mean - truth) / scale).mean() < 0.45
    assert np.isfinite(fitted.fitted_values).sum() >= 3 * 85


@pytest.mark.parametrize("normalisation", ["mean", "series"])
def test_after_a_gap_as_long_as_the_window_the_forecast_goes_on_from_the_last_value(normalisation):
    y = np.concatenate([np.arange(70.0), np.full(10, NAN)])
    fitted = DLinearForecaster(window=8, horizon=3, max_epochs=2, epoch_batches=2, normalisation=normalisation).fit(y)
    np.testing.assert_allclose(fitted.predict(3, ()).mean, 69, atol=0.5)
    assert [note for note in fitted.notes if "last 8 values, a whole window, are missing in y" in note]
    assert not [note for note in fitted.update([70.0]).notes if "a whole window" in note]
    shorter = replace(fitted, history=Series.of(y[:-4]))
    session = shorter.stream()
    assert [session.step(NAN) for _ in range(4)][-1] == pytest.approx(69, abs=0.5)
    assert not [note for note in shorter.notes if "a whole window" in note]
    np.testing.assert_allclose(shorter.update(np.full(4, NAN)).predict(1, ()).mean, session.predict(1), rtol=1e-5)


def test_forecasts_across_a_gap_are_judged_from_the_last_value_before_it():
    """The only value held back, one more than the last, comes after a gap that is longer than the window."""
    y = np.concatenate([np.arange(100.0), np.full(30, NAN), [100.0]])
    fitted = DLinearForecaster(window=8, horizon=3, max_epochs=1, epoch_batches=2).fit(y)
    np.testing.assert_allclose(fitted.scaling.series.scale[0] * fitted.calibration[~np.isnan(fitted.calibration)], 1, atol=0.5)
    assert fitted.fitted_values[130] == pytest.approx(99, abs=0.5)


def test_a_series_that_cannot_be_used_does_not_stop_the_others():
    panel = waves()
    values = panel.values.copy()
    values[96:190] = NAN
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=1).fit(replace(panel, values=values))
    assert list(fitted.errors) == ["y2"]
    made = fitted.predict(4)
    np.testing.assert_array_equal(made.mean[1], panel.values[191])
    assert np.isnan(made.lower[0.8][1]).all() and np.isfinite(made.lower[0.8][[0, 2]]).all()
    assert fitted.describe(1) == {}
    with pytest.raises(ForecastError, match="y2.*2 observations"):
        fitted.stream("y2")


def test_a_window_longer_than_the_history_is_filled_with_missing_ones():
    fitted = DLinearForecaster(window=300, horizon=4, max_epochs=2).fit(waves())
    assert np.isfinite(fitted.predict(4).mean).all()


# --- bundles ---


def test_a_panel_with_everything_comes_back_from_its_bundle(tmp_path):
    series, _ = told()
    fitted = ESRNNForecaster(window=8, horizon=4, max_epochs=1, ensemble=2, loss="quantiles", hidden_size=3, dilations=((1,), (2, 3))).fit(series)
    loaded = inorder.load(fitted.save(tmp_path / "bundle"))
    assert loaded.forecaster == fitted.forecaster and loaded.exposure == fitted.exposure
    np.testing.assert_array_equal(loaded.predict(4).upper[0.95], fitted.predict(4).upper[0.95])
    assert loaded.summary() == fitted.summary()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("calibration"), "no array 'calibration'"),
        (lambda weights: weights.update(calibration=np.zeros(3, dtype=np.float32)), r'"calibration".*\(3,\)'),
        (lambda weights: weights.update({"scaling.centre": np.zeros(9)}), r'"scaling.centre".*\(9,\).*3 rows'),
        (lambda weights: weights.update({"scaling.reach": np.full(3, np.nan)}), "scaling.reach"),
        (lambda weights: weights.update({"network.0.rest.weight": np.zeros((2, 2), dtype=np.float32)}), "do not fit the settings of dlinear"),
        (lambda weights: weights.update(networks=np.array([3])), "do not fit the settings of dlinear"),
        (lambda weights: weights.update(networks=np.array([0])), "there is no network"),
    ],
)
def test_a_damaged_bundle_is_refused(change, message):
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=1).fit(waves())
    weights = dict(fitted.weights())
    change(weights)
    with pytest.raises(BundleError, match=message):
        fitted.forecaster.restore(fitted.history, weights, {})


def test_restoring_draws_nothing_from_the_global_generator():
    fitted = DLinearForecaster(window=8, horizon=4, max_epochs=1).fit(waves())
    before = torch.get_rng_state()
    fitted.forecaster.restore(fitted.history, fitted.weights(), {})
    assert torch.equal(before, torch.get_rng_state())
