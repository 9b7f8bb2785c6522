"""ExponentialSmoothing: one recurrence in four forms, intervals beside simulation, forecasts beside statsmodels, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.packing import pack, unpack
from inorder.forecast.smoothing import ExponentialSmoothing, SmoothingModel, SmoothingState

NAN = float("nan")
TREND, DAMPED = {"trend": "additive"}, {"trend": "additive", "damped": True}
SETTINGS = [{**trend, **seasonal} for trend, seasonal in itertools.product([{}, TREND, DAMPED], [{}, {"seasonal": "additive"}, {"seasonal": "multiplicative"}])]
each = pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: " ".join(map(str, settings.values())) or "simple")


def sales(time: int = 60, missing: bool = False) -> Series:
    rng = np.random.default_rng(8)
    t = np.arange(time)
    y = (100 + 1.3 * t) * np.resize([1.2, 0.9, 1.0, 0.9], time) + rng.normal(0, 6, time)
    if missing:
        y[[3, 20, 21, 22, 45]] = NAN
    return Series.of(y, season_length=4)


@each
@pytest.mark.parametrize("missing", [False, True])
def test_stepping_running_and_resuming_agree(settings, missing):
    y = sales(missing=missing)
    model = ExponentialSmoothing(**settings).fit_one(y.y(), 4)
    state, stepped = model.init(), []
    for value in y.y().tolist():
        assert model.forecast(state, 3)[0] == pytest.approx(model.step(value, state)[0], rel=1e-14)
        forecast, state = model.step(value, state)
        stepped.append(forecast)
    fitted, last = model.run(y.y())
    np.testing.assert_array_equal(fitted, stepped)
    half, middle = model.run(y.y()[:29])
    rest, resumed = model.run(y.y()[29:], middle)
    np.testing.assert_array_equal(np.concatenate([half, rest]), fitted)
    for end in (state, resumed):
        assert (end.level, end.trend) == (last.level, last.trend)
        np.testing.assert_array_equal(end.season, last.season)


@each
def test_a_forecast_is_the_recursion_without_news(settings):
    model = ExponentialSmoothing(**settings).fit_one(sales().y(), 4)
    state = model.run(sales().y())[1]
    ahead = model.forecast(state, 11)
    np.testing.assert_allclose(model.run(np.full(11, NAN), state)[0], ahead, rtol=1e-13)


REAL = [("air_passengers.csv", "passengers", 12), ("wineind.csv", "y", 12), ("woolyrnq.csv", "y", 4), ("us_retail_sales.csv", "y", 12)]


@each
@pytest.mark.parametrize("file, column, m", REAL, ids=[file for file, _, _ in REAL])
def test_forecasts_are_those_of_statsmodels(shared_data, settings, file, column, m):
    """At equal parameters and initial states; statsmodels 0.15."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing as Statsmodels

    y = pl.read_csv(shared_data / "series" / file)[column].cast(pl.Float64).to_numpy()
    model = ExponentialSmoothing(**settings).fit_one(y, m)
    kind = {"additive": "add", "multiplicative": "mul", None: None}
    trend, seasonal = settings.get("trend"), settings.get("seasonal")
    theirs = Statsmodels(
        y,
        trend=kind[trend],
        damped_trend=settings.get("damped", False),
        seasonal=kind[seasonal],
        seasonal_periods=m if seasonal else None,
        initialization_method="known",
        initial_level=model.level,
        initial_trend=model.trend if trend else None,
        initial_seasonal=model.season if seasonal else None,
    ).fit(
        smoothing_level=model.alpha,
        smoothing_trend=model.beta if trend else None,
        smoothing_seasonal=model.gamma if seasonal else None,
        damping_trend=model.phi if settings.get("damped") else None,
        optimized=False,
    )
    fitted, state = model.run(y)
    np.testing.assert_allclose(fitted, theirs.fittedvalues, rtol=1e-8)
    ours, horizon = model.forecast(state, 2 * m + 3), np.arange(1, 2 * m + 4)
    sound = horizon % m != 0 if seasonal else horizon > 0  # statsmodels 0.15 uses the season before last there: its issue 9538
    np.testing.assert_allclose(ours[sound], theirs.forecast(2 * m + 3)[sound], rtol=1e-8)
    np.testing.assert_allclose((state.level, state.trend), (theirs.level[-1], theirs.trend[-1] if trend else 0.0), rtol=1e-8)
    if seasonal:
        np.testing.assert_allclose(state.season, theirs.season[-m:], rtol=1e-8, atol=1e-8 * abs(theirs.season).max())


def simulate(model: SmoothingModel, state: SmoothingState, horizon: int, paths: int) -> np.ndarray:
    """(paths, horizon) futures: the recursion fed with its own forecast plus a normal error."""
    rng = np.random.default_rng(0)
    level, trend, season = np.full(paths, state.level), np.full(paths, state.trend), np.tile(state.season, (paths, 1))
    futures = np.empty((paths, horizon))
    for h in range(horizon):
        e, place = rng.normal(0, model.sigma, paths), h % len(state.season)
        base = level + model.phi * trend
        futures[:, h] = base + season[:, place] + e
        level, trend = base + model.alpha * e, model.phi * trend + model.alpha * model.beta * e
        season[:, place] += model.gamma * e
    return futures


@pytest.mark.parametrize("settings", [s for s in SETTINGS if s.get("seasonal") != "multiplicative"], ids=lambda s: " ".join(map(str, s.values())) or "simple")
def test_intervals_beside_simulated_futures(settings):
    fixed = {"alpha": 0.4, **({"beta": 0.3} if "trend" in settings else {}), **({"gamma": 0.25} if "seasonal" in settings else {})}
    model = ExponentialSmoothing(**settings, **fixed, **({"phi": 0.85} if "damped" in settings else {})).fit_one(sales().y(), 4)
    state = model.run(sales().y())[1]
    futures = simulate(model, state, 11, 40_000)
    probabilities = np.array([0.025, 0.1, 0.5, 0.9, 0.975])
    bounds = model.quantiles(state, 11, probabilities)
    assert bounds is not None
    below = (futures[None] < bounds[:, None, :]).mean(axis=1)  # (probabilities, horizon)
    np.testing.assert_allclose(below, np.tile(probabilities[:, None], 11), atol=5 * 0.5 / np.sqrt(40_000))
    deviation = (bounds[3] - bounds[2]) / 1.2815515655446004  # the 90 % quantile of the standard normal distribution
    np.testing.assert_allclose(deviation, futures.std(axis=0), rtol=0.02)


def test_variances_of_hyndman_and_others_in_closed_form():
    """Hyndman, Koehler, Ord & Snyder 2008, Table 6.2: σ²·(1 + (h − 1)·α²), and with a trend σ²·(1 + (h − 1)·(α² + αβh + β²h(2h − 1)/6)), their β = αβ here."""
    h = np.arange(1.0, 9)
    z = 1.2815515655446004
    for settings, growth in (
        ({"alpha": 0.4}, 1 + (h - 1) * 0.4**2),
        ({"alpha": 0.4, "beta": 0.3, **TREND}, 1 + (h - 1) * (0.4**2 + 0.4 * 0.12 * h + 0.12**2 * h * (2 * h - 1) / 6)),
    ):
        model = ExponentialSmoothing(**settings).fit_one(sales().y(), 4)
        middle, upper = model.quantiles(model.init(), 8, np.array([0.5, 0.9]))
        np.testing.assert_allclose((upper - middle) / z, model.sigma * np.sqrt(growth), rtol=1e-12)


def test_sigma_counts_what_was_estimated():
    y = sales().y()
    for settings, estimated in (
        ({}, 2),
        ({"alpha": 0.3}, 1),
        (DAMPED, 5),
        ({**TREND, "seasonal": "additive"}, 8),
        ({**DAMPED, "seasonal": "additive", "gamma": 0.1}, 8),
    ):
        model = ExponentialSmoothing(**settings).fit_one(y, 4)
        assert model.sigma == pytest.approx(np.sqrt(np.sum((y - model.run(y)[0]) ** 2) / (60 - estimated)))


def test_intervals_of_a_multiplicative_season_are_conformal():
    fitted = ExponentialSmoothing(trend="additive", seasonal="multiplicative").fit(sales())
    forecast = fitted.predict(6)
    assert forecast.intervals.startswith("conformal") and (forecast.upper[0.95] > forecast.lower[0.95]).all()
    with pytest.raises(ConfigError, match="No formula is known"):
        fitted.predict(6, intervals="analytic")
    assert ExponentialSmoothing(seasonal="additive").fit(sales()).predict(6).intervals == "analytic"


def test_given_parameters_are_used_and_the_rest_is_estimated():
    model = ExponentialSmoothing(trend="additive", damped=True, seasonal="additive", alpha=0.2, beta=0.1, gamma=0.3, phi=0.9).fit_one(sales().y(), 4)
    assert (model.alpha, model.beta, model.gamma, model.phi) == (0.2, 0.1, 0.3, 0.9)
    model = ExponentialSmoothing(trend="additive", seasonal="additive", gamma=0.6).fit_one(sales().y(), 4)
    assert model.gamma == 0.6 and model.alpha <= 0.4
    assert ExponentialSmoothing(alpha=1).fit(sales()).predict(3).mean == pytest.approx(sales().y()[-1])  # the naive forecast


def test_initial_states_by_choice():
    y = sales().y()
    estimated, heuristic, auto = (ExponentialSmoothing(**TREND, seasonal="additive", initial=way).fit_one(y, 4) for way in ("estimated", "heuristic", "auto"))
    assert estimated.level != heuristic.level and auto.level == estimated.level
    assert np.sum((y - estimated.run(y)[0]) ** 2) < np.sum((y - heuristic.run(y)[0]) ** 2)
    short = [ExponentialSmoothing(**TREND, seasonal="additive", initial=way).fit_one(y[:20], 4).level for way in ("heuristic", "auto")]
    assert short[0] == short[1]  # 20 observations are fewer than three for each of the 8 numbers
    long = Series.of(np.resize(np.arange(60.0), 600) + np.random.default_rng(0).normal(0, 1, 600)).y()
    assert np.array_equal(*(ExponentialSmoothing(seasonal="additive", initial=way).fit_one(long, 60).season for way in ("heuristic", "auto")))
    with pytest.raises(ForecastError, match='the 501 initial states .* initial="heuristic"'):
        ExponentialSmoothing(seasonal="additive", initial="estimated").fit(Series.of(np.resize(long, 1200), season_length=501))


def test_awkward_but_possible():
    constant = ExponentialSmoothing(**TREND, seasonal="additive").fit(Series.of(np.full(30, 7.0), season_length=4)).predict(5)
    assert constant.mean == pytest.approx(7.0) and constant.upper[0.95] == pytest.approx(7.0)
    no_season = np.arange(1.0, 41)
    for seasonal in ("additive", "multiplicative"):
        flat = ExponentialSmoothing(**TREND, seasonal=seasonal).fit(Series.of(no_season, season_length=4))
        assert flat.predict(4, levels=()).mean == pytest.approx([41, 42, 43, 44])
        assert flat.describe()["season"] == pytest.approx(1.0 if seasonal == "multiplicative" else 0.0, abs=1e-6)
    weekdays = np.tile([5.0, 7.0, 9.0, 8.0, 6.0, NAN, NAN], 8)  # nothing is ever known of the weekend
    forecast = ExponentialSmoothing(seasonal="additive").fit(Series.of(weekdays, season_length=7)).predict(7)
    assert forecast.mean[:5] == pytest.approx([5, 7, 9, 8, 6]) and np.isfinite(forecast.mean).all()


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e9, 1e300])
def test_the_unit_of_measurement_changes_nothing(scale):
    y = sales()
    one, other = (ExponentialSmoothing(**TREND, seasonal="additive").fit(Series.of(y.y() * s, season_length=4)).predict(6) for s in (1.0, scale))
    np.testing.assert_allclose(other.mean / scale, one.mean, rtol=1e-6)
    np.testing.assert_allclose(other.upper[0.8] / scale, one.upper[0.8], rtol=1e-6)


def test_a_saved_model_is_the_same_model():
    models = [ExponentialSmoothing(**settings).fit_one(sales().y(), 4) for settings in SETTINGS]
    for model, loaded in zip(models, unpack(SmoothingModel, pack(models), len(models)), strict=True):
        np.testing.assert_array_equal(loaded.run(sales().y())[0], model.run(sales().y())[0])
        assert loaded.describe() == model.describe()


def test_describe_names_what_the_model_has():
    simple = ExponentialSmoothing().fit(sales()).describe()
    assert list(simple) == ["alpha", "sigma", "level"]
    full = ExponentialSmoothing(**DAMPED, seasonal="additive").fit(sales()).describe()
    assert list(full) == ["alpha", "beta", "gamma", "phi", "sigma", "level", "trend", "season"]


def test_a_stream_goes_on_where_the_fit_ended():
    whole = sales()
    fitted = ExponentialSmoothing(**TREND, seasonal="multiplicative").fit(whole.head(5))
    session = fitted.stream()
    for value in whole.y()[-5:]:
        session.step(value)
    np.testing.assert_allclose(session.predict(4), fitted.update(whole.y()[-5:]).predict(4).mean, rtol=1e-13)


def test_too_short_is_refused_with_the_count():
    monthly = Series.of(np.arange(1.0, 11), season_length=12)
    with pytest.raises(ForecastError, match=r"needs 24 observations \(two seasons of 12\), has 10"):
        ExponentialSmoothing(seasonal="additive").fit(monthly)
    with pytest.raises(ForecastError, match=r"needs 6 observations \(one more than the 5 numbers it estimates\), has 2"):
        ExponentialSmoothing(**DAMPED).fit(Series.of([1.0, 2.0]))
    with pytest.raises(ForecastError, match="needs 3 observations .* has 2.*naive"):
        ExponentialSmoothing().fit(Series.of([1.0, NAN, NAN, 2.0]))  # missing values are no observations
    with pytest.raises(ForecastError, match=r"needs 10 observations \(one more than the 9 numbers"):
        ExponentialSmoothing(**DAMPED, seasonal="additive").fit(sales(9))
    assert len(ExponentialSmoothing(**DAMPED, seasonal="additive").fit(sales(10)).predict(2).mean) == 2
    with pytest.raises(ForecastError, match="needs a season of 2 observations or more"):
        ExponentialSmoothing(seasonal="additive").fit(Series.of(np.arange(1.0, 30)))


def test_values_that_a_multiplicative_season_cannot_take():
    for worst in (0.0, -3.0):
        y = sales().y().copy()
        y[17] = worst
        with pytest.raises(ForecastError, match=f'above zero; the smallest here is {worst:g}.*seasonal="additive"'):
            ExponentialSmoothing(seasonal="multiplicative").fit(Series.of(y, season_length=4))
    with pytest.raises(ForecastError, match="too uneven for a multiplicative season"):
        ExponentialSmoothing(seasonal="multiplicative").fit(Series.of(np.array([1e300, 1e-300] * 20), season_length=4))


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"trend": "linear"}, "`trend` is one of None, 'additive'; not 'linear'"),
        ({"seasonal": True}, "`seasonal` is one of .* not True"),
        ({"initial": "best"}, "`initial` is one of .* not 'best'"),
        ({"damped": True}, '`damped` needs a trend .* trend="additive"'),
        ({"damped": 1, **TREND}, "`damped` is True or False, not 1"),
        ({"beta": 0.1}, '`beta` = 0.1 has no effect without trend="additive"'),
        ({"gamma": 0.1}, "`gamma` = 0.1 has no effect without seasonal"),
        ({"phi": 0.9, **TREND}, "`phi` = 0.9 has no effect without damped=True"),
        ({"alpha": 1.5}, "`alpha` is a number from 0 to 1, not 1.5"),
        ({"alpha": "half"}, "not 'half'"),
        ({"alpha": NAN}, "not nan"),
        ({"alpha": True}, "not True"),
        ({"phi": 0, **DAMPED}, "`phi` is above 0"),
        ({"alpha": 0.7, "gamma": 0.4, "seasonal": "additive"}, "`gamma` is at most 1 − alpha = 0.3, not 0.4"),
    ],
)
def test_settings_without_sense_are_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        ExponentialSmoothing(**settings)
