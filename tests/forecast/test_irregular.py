"""Continuous-time models beside kriging, an exponential of matrices, discrete models on even grids, and what they promise."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import inorder
from inorder.data.frequency import Frequency
from inorder.data.series import Series, read_series
from inorder.errors import BudgetError, ConfigError, ForecastError, SeriesError
from inorder.forecast.diffusion import Diffusion, autoregression, by_exponential, level_or_trend, lyapunov, steps
from inorder.forecast.diffusion import stable_polynomial as polynomial_of
from inorder.forecast.irregular import ContinuousModel, ContinuousTime, loglik, steps_between
from inorder.forecast.structural import Structural
from inorder.textbook import irregular as textbook

DATA = Path(__file__).parents[3] / "shared" / "data"
MODELS = {
    "level": (np.array([0.5, 0.3]), np.zeros(0)),
    "trend": (np.array([0.5, 0.1, 0.05]), np.zeros(0)),
    "car 1": (np.array([0.2, 2.0]), polynomial_of([-0.5])),
    "car 2, complex roots": (np.array([0.2, 2.0]), polynomial_of([-1.0, 0.5])),
    "car 3": (np.array([0.2, 2.0]), polynomial_of([-1.0, 0.5, 0.1])),
    "car 2, equal roots": (np.array([0.2, 2.0]), np.array([2.0, 1.0])),
}
each = pytest.mark.parametrize("name", MODELS)


def uneven(count: int = 25, seed: int = 0) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.random.default_rng(seed).exponential(size=count - 1))])


def model_of(name: str) -> ContinuousModel:
    variances, polynomial = MODELS[name]
    return ContinuousModel(("level", "trend", "car").index(name.split(" ")[0]), variances, polynomial, 1.0, 1.0, 0.0, 0.0, 0, 0, np.zeros(0))


@each
def test_likelihood_and_prediction_are_those_of_kriging(name):
    kind, (variances, polynomial) = name.split(" ")[0], MODELS[name]
    times, rng = uneven(), np.random.default_rng(1)
    y, errors = 5 + rng.normal(size=len(times)), rng.uniform(0, 0.5, len(times))
    at = np.array([0.3, times[4], 7.77, times[-1] + 0.1, times[-1] + 25.0])
    mean, variance, likelihood = textbook.krige(kind, variances[1:], polynomial, variances[0] + errors**2, times, y, at, variances[0])
    assert loglik(model_of(name).diffusion(), y, np.diff(times, prepend=0.0), errors) == pytest.approx(likelihood, rel=1e-9)
    series = Series.of(y, index=times)
    holder = ContinuousTime(kind).fit(series)
    placed = type(holder)(ContinuousTime(kind), series, (model_of(name),), {})
    plain, spread, _ = textbook.krige(kind, variances[1:], polynomial, np.full(len(times), variances[0]), times, y, at, variances[0])
    found = placed.predict_at(at, (0.8,))
    np.testing.assert_allclose(found.mean, plain, rtol=1e-8)
    np.testing.assert_allclose(found.upper[0.8] - found.lower[0.8], 2 * 1.2815515655446004 * np.sqrt(spread), rtol=1e-7)
    assert np.isfinite(mean).all() and np.isfinite(variance).all()


@each
def test_steps_are_the_exponential(name):
    model, gaps = model_of(name).diffusion(), np.array([0.0, 1e-6, 0.01, 0.7, 3.0, 40.0])
    transition, covariance = steps(model, gaps)
    for k, gap in enumerate(gaps):
        np.testing.assert_allclose(transition[k], textbook.exponential(model.drift * gap), rtol=1e-8, atol=1e-10)
    if model.stationary.any():
        slow = by_exponential(model, gaps)
        np.testing.assert_allclose(covariance, slow[1], rtol=1e-6, atol=1e-9 * np.abs(slow[1]).max())
        np.testing.assert_allclose(covariance[-1], model.stationary - transition[-1] @ model.stationary @ transition[-1].T, atol=1e-9)


def test_two_steps_are_one():
    for name in MODELS:
        model = model_of(name).diffusion()
        (first, second, whole), (u, v, w) = steps(model, np.array([0.4, 1.1, 1.5]))
        np.testing.assert_allclose(second @ first, whole, rtol=1e-9, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(second @ u @ second.T + v, w, rtol=1e-8, atol=1e-12, err_msg=name)


def test_a_stationary_covariance_solves_its_equation():
    model = autoregression(polynomial_of([-1.0, 0.5, 0.1]), 2.0, 0.0)
    p = 3
    np.testing.assert_allclose(model.drift @ model.stationary + model.stationary @ model.drift.T + model.diffusion, 0, atol=1e-12)
    assert model.stationary[0, 0] == pytest.approx(2.0)
    assert lyapunov(model.drift[:p, :p], model.diffusion[:p, :p]).shape == (p, p)


@pytest.mark.parametrize("free", [[0.0], [-3.0, 2.0], [1.0, -4.0, 0.3], [0.0, 0.0, 0.0, 0.0]])
def test_every_polynomial_is_stable(free):
    roots = np.roots(np.concatenate([[1.0], polynomial_of(free)]))
    assert (roots.real < 0).all()


def test_on_an_even_grid_the_level_is_the_local_level():
    """Nile: Durbin & Koopman 2012, §2.10.3: variances 15,099 and 1,469."""
    series = read_series(DATA / "series" / "nile.csv") if DATA.is_dir() else None
    if series is None:
        pytest.skip("../shared/data is not beside the checkout")
    found = ContinuousTime("level").fit(series).describe()
    assert found["noise variance"] == pytest.approx(15_099, rel=0.01) and found["level variance"] == pytest.approx(1_469, rel=0.03)


def test_a_car_of_order_one_is_found_again():
    """x with a memory of 5 and a variance of 4, observed at 3,000 uneven times with noise 0.25."""
    rng = np.random.default_rng(2)
    times = np.cumsum(rng.exponential(size=3000))
    x = np.empty(3000)
    x[0] = 2 * rng.normal()
    for t in range(1, 3000):
        keep = math.exp(-(times[t] - times[t - 1]) / 5)
        x[t] = keep * x[t - 1] + 2 * math.sqrt(1 - keep**2) * rng.normal()
    y = 10 + x + 0.5 * rng.normal(size=3000)
    fitted = ContinuousTime("car", order=1).fit(Series.of(y, index=times))
    found = fitted.describe()
    assert found["variance"] == pytest.approx(4, rel=0.25) and found["noise variance"] == pytest.approx(0.25, rel=0.25)
    assert found["slowest decay"] * found["unit of time"] == pytest.approx(5, rel=0.25)
    z = fitted.residuals[100:] / fitted.models[0].scale / np.sqrt(fitted._filtered[0].forecast_covariance[100:, 0, 0])
    assert abs(np.std(z) - 1) < 0.05 and np.mean(np.abs(z) < 1.2816) == pytest.approx(0.8, abs=0.03)


def test_a_known_error_counts_for_less():
    times = np.arange(20.0) + np.random.default_rng(0).uniform(0, 0.5, 20)
    y = np.where(np.arange(20) == 10, 50.0, 0.1 * np.random.default_rng(1).normal(size=20))
    frame = pl.DataFrame({"t": times, "y": y, "error": np.where(np.arange(20) == 10, 100.0, 0.1)})
    known = ContinuousTime("level", errors="error").fit(read_series(frame, past="error"))
    plain = ContinuousTime("level").fit(read_series(frame, value="y"))
    assert abs(known.predict_at([times[10]]).mean[0]) < 0.5
    assert abs(plain.predict_at([times[10]]).mean[0]) > 2
    with pytest.raises(ConfigError, match='`errors` = "error" is no past covariate'):
        ContinuousTime("level", errors="error").fit(read_series(frame, value="y"))
    negative = frame.with_columns(error=-pl.col("error"))
    with pytest.raises(ForecastError, match="standard error of row 1 is -0.1"):
        ContinuousTime("level", errors="error").fit(read_series(negative, past="error"))


@pytest.mark.parametrize("kind", ["level", "trend", "car"])
def test_fit_update_stream_and_bundle_agree(kind, tmp_path):
    times = uneven(60)
    y = 20 + np.cumsum(np.random.default_rng(5).normal(size=60))
    index = (np.datetime64("2024-03-01") + (times * 86_400e6).astype("timedelta64[us]")).astype("datetime64[us]")
    whole = Series.of(y, index=index)
    fitted = ContinuousTime(kind).fit(whole.head(5))
    newer = fitted.update(whole.tail(5))
    session = fitted.stream()
    for value, stamp in zip(y[-5:], index[-5:], strict=True):
        session.step(float(value), time=stamp)
    forecast = newer.predict(4, samples=400)
    gap = float(np.median(np.diff(index).astype(np.int64)))
    assert np.allclose(np.diff(forecast.index.astype(np.int64)), gap, atol=2)
    at = newer.predict_at(index[-1] + np.arange(1, 5) * np.timedelta64(round(session.gap * session.model.unit), "us"))
    np.testing.assert_allclose(session.predict(4), at.mean, rtol=1e-5)
    np.testing.assert_allclose(forecast.samples.mean(axis=0), forecast.mean, atol=5 * float((forecast.upper[0.95] - forecast.mean).max()) / 20)
    loaded = inorder.load(fitted.save(tmp_path / "bundle"))
    np.testing.assert_array_equal(loaded.predict(4).upper[0.8], fitted.predict(4).upper[0.8])
    assert loaded.loglik == fitted.loglik and loaded.summary() == fitted.summary()
    np.testing.assert_allclose(newer.fitted_values[:55], fitted.fitted_values, rtol=1e-9)  # later data alter no earlier forecast
    with pytest.raises(SeriesError, match="is not after the last one"):
        session.step(1.0, time=index[0])
    assert list(at.to_frame().columns) == ["time", "mean", "lower_80", "upper_80", "lower_95", "upper_95"]
    assert at.plot() is not None


def test_missing_values_and_order_of_times_change_nothing():
    times = uneven(40)
    y = np.cumsum(np.random.default_rng(5).normal(size=40))
    gaps = y.copy()
    gaps[[0, 7, 39]] = np.nan
    kept = ~np.isnan(gaps)
    one, other = (ContinuousTime("level").fit(Series.of(values, index=stamps)) for values, stamps in ((gaps, times), (gaps[kept], times[kept])))
    np.testing.assert_allclose(one.predict_at([3.0, 50.0]).mean, other.predict_at([3.0, 50.0]).mean, rtol=1e-4)
    at = one.predict_at([9.0, 2.0, 9.0])
    assert at.mean[0] == pytest.approx(at.mean[2]) and at.index.tolist() == [9.0, 2.0, 9.0]


GRIDS = {
    "days": (Frequency("day"), "2024-01-01"),
    "months": (Frequency("month"), "2015-01-01"),
    "ends of months": (Frequency("month", month_end=True), "2015-01-31"),
    "business days": (Frequency("business day"), "2024-01-01"),
    "quarters": (Frequency("quarter"), "1990-01-01"),
    "half hours": (Frequency("minute", 30), "2024-01-01"),
}


@pytest.mark.parametrize("grid", GRIDS)
def test_on_a_grid_any_later_stamp_is_forecast_as_predict_does(grid):
    frequency, first = GRIDS[grid]
    index = frequency.advance(np.datetime64(first, "us"), np.arange(60))
    y = 2 * np.arange(60) + np.random.default_rng(0).normal(size=60)
    fitted = ContinuousTime("trend").fit(Series.of(y, index=index, frequency=frequency))
    wanted, found = fitted.predict(60), fitted.predict_at(fitted.history.future_index(60)[0][[9, 59, 0]])
    np.testing.assert_allclose(found.mean, wanted.mean[[9, 59, 0]], rtol=1e-9)
    np.testing.assert_allclose(found.upper[0.95], wanted.upper[0.95][[9, 59, 0]], rtol=1e-9)
    earlier = fitted.predict_at(frequency.advance(index[0], np.array([-10, -1])))
    mirrored = ContinuousTime("trend").fit(Series.of(y[::-1], index=index, frequency=frequency)).predict(10)  # the trend reads the same backwards
    np.testing.assert_allclose(earlier.mean, mirrored.mean[[9, 0]], rtol=0.05, atol=0.5)
    between = fitted.predict_at(index[[-1]] + (fitted.history.future_index(1)[0] - index[-1]) // 2).mean[0]
    assert between == pytest.approx((fitted.predict_at(index[-1:]).mean[0] + wanted.mean[0]) / 2, abs=0.6)


@pytest.mark.parametrize("grid", GRIDS)
def test_steps_between_undo_the_calendar(grid):
    """A stamp lies between the two steps that its count lies between, weekends and ends of months included."""
    frequency, first = GRIDS[grid]
    start = np.datetime64(first, "us")
    stamps = start + np.random.default_rng(1).integers(-(10**15), 10**15, 2000).astype("timedelta64[us]")
    counted = steps_between(frequency, start, stamps)
    whole = np.floor(counted).astype(np.int64)
    assert (frequency.advance(start, whole) <= stamps).all() and (frequency.advance(start, whole + 1) >= stamps).all()
    np.testing.assert_array_equal(steps_between(frequency, start, frequency.advance(start, whole)), whole)


def test_counted_rows_reach_as_far_and_a_line_goes_on_on_both_sides():
    fitted = ContinuousTime("trend").fit(Series.of(1 + 2 * np.arange(60.0)))
    np.testing.assert_allclose(fitted.predict_at([-9.0, 1.0, 61.0, 70.0, 69.5]).mean, [-19.0, 1.0, 121.0, 139.0, 138.0], atol=1e-3)
    with pytest.raises(SeriesError, match="not a finite number"):
        fitted.predict_at([np.inf])


def test_a_missing_stamp_is_refused():
    dated = Series.of(np.arange(30.0), index=np.datetime64("2024-01-01", "us") + np.arange(30) * np.timedelta64(1, "D"), frequency=Frequency("day"))
    with pytest.raises(SeriesError, match="a stamp that is missing"):
        ContinuousTime("level").fit(dated).predict_at(["NaT"])


AWKWARD = {
    "one": [5.0],
    "two": [5.0, 7.0],
    "five": [5.0, 7.0, 6.0, 8.0, 5.0],
    "constant": [3.0] * 40,
    "line": list(range(40)),
    "huge": (1e150 * np.array([1.0, 1.3, 0.7, 1.1] * 8)).tolist(),
    "too huge": (1e300 * np.array([1.0, 1.3, 0.7, 1.1] * 8)).tolist(),
    "tiny": (1e-150 * np.array([1.0, 1.3, 0.7, 1.1] * 8)).tolist(),
    "missing": [np.nan] * 10,
    "mostly missing": [1.0, *[np.nan] * 10, 2.0, *[np.nan] * 10, 3.0, 4.0, 2.0, 3.0, 3.5],
    "a great level": (1e9 + np.array([1.0, 1.3, 0.7, 1.1] * 8)).tolist(),
}


@pytest.mark.parametrize("kind", ["level", "trend", "car"])
@pytest.mark.parametrize("which", AWKWARD)
def test_awkward_series(kind, which):
    y = np.array(AWKWARD[which])
    try:
        fitted = ContinuousTime(kind).fit(Series.of(y, index=uneven(len(y), seed=3)))
        forecast = fitted.predict(12)
    except ForecastError as error:
        assert str(error).endswith(".") and len(str(error)) > 30
        return
    assert np.isfinite(forecast.mean).all()
    for level in forecast.levels:
        assert np.isfinite(forecast.lower[level]).all() and (forecast.lower[level] <= forecast.upper[level]).all()
    assert fitted.summary()


def test_a_panel_goes_on_where_one_series_cannot_be_fitted():
    frame = pl.DataFrame({"id": ["a"] * 30 + ["b"] * 2, "t": [*uneven(30).tolist(), 0.3, 1.9], "y": np.arange(32.0)})
    fitted = ContinuousTime("trend").fit(read_series(frame, id="id"))
    assert list(fitted.errors) == ["b"]
    forecast = fitted.predict(2)
    assert forecast.mean[1].tolist() == [31.0, 31.0] and forecast.errors["b"].endswith("Its last value stands in.")
    assert np.isfinite(fitted.aicc[0]) and np.isnan(fitted.aicc[1])
    with pytest.raises(ForecastError, match='"b" could not be fitted'):
        fitted.predict_at([3.0], series="b")


def test_workers_share_a_panel_and_the_time_that_is_allowed_is_kept():
    y = np.cumsum(np.random.default_rng(0).normal(size=(40, 6)), axis=0)
    series, seen = Series.of(y), []
    one = ContinuousTime("level").fit(series, workers=1, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(done, 6) for done in range(1, 7)]
    for options in ({"workers": 3}, {"workers": 2, "engine": "loky"}):
        other = ContinuousTime("level").fit(series, **options)
        np.testing.assert_array_equal(other.loglik, one.loglik)
    with pytest.raises(ConfigError, match="`workers` is a whole number"):
        ContinuousTime("level").fit(series, workers=0)
    long = Series.of(np.cumsum(np.random.default_rng(0).normal(size=20_000)))
    began = time.monotonic()
    with pytest.raises(BudgetError, match=r"had fitted 0 of 1 series when its 0.3 seconds"):
        ContinuousTime("car").fit(long, seconds=0.3)  # which would take ten times as long
    assert time.monotonic() - began < 2.5
    with pytest.raises(ForecastError, match='fits none of the 2 series. "y1": '):
        ContinuousTime("car").fit(Series.of(y[:3, :2]))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "levl"}, 'Did you mean "level"'),
        ({"kind": "level", "order": 2}, "`order` = 2 has no effect"),
        ({"kind": "car", "order": 0}, "`order` is a whole number, 1 or more"),
        ({"kind": "car", "order": 7}, "at most 6"),
        ({"noise": 1}, "`noise` is True or False"),
    ],
)
def test_settings_are_checked(settings, said):
    with pytest.raises(ConfigError, match=said):
        ContinuousTime(**settings)


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not beside the checkout")
@pytest.mark.parametrize("name", ["agn", "clcep", "cvnovag", "cvnovar", "dmcep", "dscut", "eb", "planets"])
def test_the_astronomical_series_are_filtered_interpolated_and_forecast(name):
    """One observation in ten is left out; the car interpolates it better than the mean does, and its 95 % band holds most of them."""
    path = DATA / "irregular" / f"{name}.csv"
    errors = None if name == "planets" else "merr"
    whole = read_series(path, past=errors or ())
    out = np.arange(len(whole.values)) % 10 == 5
    kept = whole._rows(np.flatnonzero(~out), np.array([int((~out).sum())]), np.array([0]), {})
    fitted = ContinuousTime("car", errors=errors).fit(kept)
    found = fitted.predict_at(whole.index[out])
    truth, mean = whole.values[out], float(kept.values.mean())
    assert np.sqrt(np.mean((found.mean - truth) ** 2)) < 1.1 * np.sqrt(np.mean((mean - truth) ** 2))
    assert np.mean((truth >= found.lower[0.95]) & (truth <= found.upper[0.95])) >= 0.75
    assert np.isfinite(fitted.predict(10).mean).all()
    assert isinstance(fitted.models[0].diffusion(), Diffusion)


def test_levels_of_variances():
    assert level_or_trend([1.0, 2.0]).diffuse.tolist() == [True]


def test_estimates_and_their_errors_are_those_of_the_structural_model_on_an_even_grid():
    rng = np.random.default_rng(5)
    walk = Series.of(np.cumsum(rng.normal(size=200)) + rng.normal(size=200))
    ours, theirs = ContinuousTime("level").fit(walk), Structural(trend=None).fit(walk)
    for what in ("coefficients", "standard_errors"):
        np.testing.assert_allclose(list(getattr(ours, what).values()), list(getattr(theirs, what).values()), rtol=1e-3)
    with pytest.raises(ForecastError, match="has no order"):
        _ = ours.order
    autoregression = ContinuousTime("car", order=2).fit(walk)
    assert autoregression.order == 2 and list(autoregression.coefficients) == ["noise variance", "variance", "a1", "a2"]


def test_times_of_dated_series_are_said_as_durations():
    rng = np.random.default_rng(0)
    times = np.datetime64("2024-01-01", "us") + (np.cumsum(rng.exponential(size=60)) * 3.6e9).astype("timedelta64[us]")
    found = ContinuousTime("car", order=1).fit(Series.of(rng.normal(size=60), index=times)).describe()
    assert all(found[name].split()[1] in ("seconds", "minutes", "hours", "days") for name in ("unit of time", "slowest decay"))


def test_draws_belong_to_a_series_not_to_its_place():
    values = np.cumsum(np.random.default_rng(1).normal(size=(40, 3)), axis=0)
    panel = Series.of(values)
    together, alone = (ContinuousTime("level").fit(one).predict(4, samples=5, seed=3) for one in (panel, panel[2]))
    np.testing.assert_array_equal(together.samples[2], alone.samples)
