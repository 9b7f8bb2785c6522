"""The compiled recursion and search of exponential smoothing beside their textbook twins, statsmodels and a dense grid."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import inorder.kernels
import inorder.textbook.smoothing as textbook
from inorder.errors import ConfigError, ShapeError
from inorder.kernels import smoothing

NAN = float("nan")

# what a model has: trend, damped, season length, multiplicative
KINDS = {
    "simple": (False, False, 1, False),
    "holt": (True, False, 1, False),
    "damped": (True, True, 1, False),
    "additive season": (False, False, 4, False),
    "holt-winters": (True, False, 4, False),
    "damped holt-winters": (True, True, 4, False),
    "multiplicative season": (False, False, 4, True),
    "multiplicative holt-winters": (True, False, 4, True),
    "damped multiplicative": (True, True, 4, True),
}
each = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def series(time: int, season_length: int, seed: int = 0, missing: bool = False) -> np.ndarray:
    """Positive, with a trend, a season of every length and noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(time)
    y = (50 + 0.8 * t) * (1 + 0.3 * np.sin(2 * np.pi * t / max(season_length, 2))) * rng.lognormal(0, 0.08, time)
    if missing:
        y[rng.random(time) < 0.15] = NAN
        y[0] = 50.0
    return y


def start(kind: tuple[bool, bool, int, bool], seed: int = 1) -> tuple[np.ndarray, float, float, np.ndarray]:
    """Parameters and initial states."""
    trend, damped, m, multiplicative = kind
    rng = np.random.default_rng(seed)
    alpha = rng.uniform(0.2, 0.8)
    parameters = np.array([alpha, rng.uniform(0, 1) * trend, rng.uniform(0, 1 - alpha) * (m > 1), 0.93 if damped else 1.0])
    season = rng.uniform(0.7, 1.3, m) if multiplicative else rng.normal(0, 5, m) * (m > 1)
    return parameters, 48.0, 0.7 * trend, season


@each
@pytest.mark.parametrize("time", [0, 1, 3, 63, 144])
@pytest.mark.parametrize("missing", [False, True])
def test_the_recursion_gives_the_textbook_numbers(kind, time, missing):
    y = series(time, kind[2], missing=missing and time > 0)
    parameters, level, trend, season = start(kind)
    fast = smoothing.smooth(y, parameters, level, trend, season, kind[3])
    slow = textbook.smooth(y, parameters, level, trend, season, kind[3])
    for name, ours, theirs in zip(fast._fields, fast, slow, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)  # the same operations in the same order


@each
def test_a_stretch_in_two_pieces(kind):
    y = series(61, kind[2], missing=True)
    parameters, *state = start(kind)
    whole = smoothing.smooth(y, parameters, *state, kind[3])
    first = smoothing.smooth(y[:26], parameters, *state, kind[3])
    second = smoothing.smooth(y[26:], parameters, first.level, first.trend, first.season, kind[3])
    np.testing.assert_array_equal(np.concatenate([first.fitted, second.fitted]), whole.fitted)
    np.testing.assert_array_equal(second.season, whole.season)
    assert (second.level, second.trend) == (whole.level, whole.trend)
    assert first.squared_error + second.squared_error == pytest.approx(whole.squared_error, rel=1e-12)


def test_a_forecast_of_zero_with_a_multiplicative_season_is_not_divided_by():
    done = smoothing.smooth(np.array([3.0, 4.0]), (0.5, 0.1, 0.2, 1.0), 0.0, 0.0, [0.0, 1.0], multiplicative=True)
    assert done.fitted.tolist() == [0.0, 0.0] and done.level == 0.0 and done.season.tolist() == [0.0, 1.0]


@each
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_a_panel_is_its_series_one_by_one_with_any_number_of_threads(kind, threads):
    trend, damped, m, multiplicative = kind
    ys = [series(time, m, seed=time, missing=time % 2 == 1) for time in (40, 21, 33, 64, 18)]
    values, offsets = np.concatenate(ys), np.cumsum([0, *map(len, ys)])
    panel = smoothing.fit_panel(values, offsets, *kind, threads=threads)
    run = smoothing.smooth_panel(values, offsets, panel.parameters, panel.level, panel.trend, panel.season, multiplicative, threads)
    for i, y in enumerate(ys):
        single = smoothing.fit(y, *kind)
        for name, one, many in zip(single._fields, single, panel, strict=True):
            np.testing.assert_array_equal(many[i], one, err_msg=name)
        alone = smoothing.smooth(y, *single[:4], multiplicative)
        np.testing.assert_array_equal(run.fitted[offsets[i] : offsets[i + 1]], alone.fitted)
        np.testing.assert_array_equal(run.season[i], alone.season)
        assert run.squared_error[i] == alone.squared_error == single.squared_error


def test_a_panel_without_series():
    empty = smoothing.fit_panel(np.zeros(0), [0], trend=True, season_length=4)
    assert empty.parameters.shape == (0, 4) and empty.season.shape == (0, 4)


@each
@pytest.mark.parametrize("estimate_initial", [True, False])
def test_the_search_ends_where_its_textbook_ends(kind, estimate_initial):
    y = series(46, kind[2], seed=5, missing=True)
    fast = smoothing.fit(y, *kind, estimate_initial=estimate_initial)
    slow = textbook.fit(y, *kind, estimate_initial=estimate_initial)
    assert fast.squared_error == pytest.approx(slow.squared_error, rel=1e-9)
    used, expected = (found.parameters * [1, found.parameters[0], 1, 1] for found in (fast, slow))  # beta acts by alpha beta alone
    np.testing.assert_allclose(used, expected, atol=1e-5)
    np.testing.assert_allclose(fast.season, slow.season, rtol=1e-4, atol=1e-4)
    assert (fast.level, fast.trend) == pytest.approx((slow.level, slow.trend), rel=1e-4, abs=1e-4)


@each
def test_initial_states_follow_the_textbook(kind):
    trend, damped, m, multiplicative = kind
    y = series(39, m, seed=2, missing=True)
    fast = smoothing.fit(y, *kind, fixed=(0.3, 0.1, 0.2, 0.9), estimate_initial=False)
    level, slope, season = textbook.initial_states(y, trend, m, multiplicative)
    assert (fast.level, fast.trend) == pytest.approx((level, slope), rel=1e-12)
    np.testing.assert_allclose(fast.season, season, rtol=1e-12, atol=1e-12)


def test_initial_states_of_a_place_without_observations_are_neutral():
    y = np.tile([5.0, 7.0, 9.0, NAN], 12)
    assert smoothing.fit(y, season_length=4, estimate_initial=False).season.tolist() == [-2.0, 0.0, 2.0, 0.0]
    found = smoothing.fit(y, season_length=4)
    assert found.squared_error == pytest.approx(0, abs=1e-18) and np.isfinite(found.season).all()


@each
@pytest.mark.parametrize("seed", range(3))
def test_no_small_step_from_the_optimum_lowers_the_error(kind, seed):
    trend, damped, m, multiplicative = kind
    y = series(70, m, seed=seed)
    found = smoothing.fit(y, *kind)
    alpha, beta, gamma, phi = found.parameters
    assert 0 <= alpha <= 1 and 0 <= beta <= 1 and 0 <= gamma <= 1 - alpha + 1e-15
    assert (0.8 <= phi <= 0.98) if damped else phi == 1
    assert (beta == 0 and found.trend == 0) or trend
    assert found.season.sum() == pytest.approx(m if multiplicative else 0, abs=1e-9)

    def error(parameters, level, slope, season):
        return smoothing.smooth(y, parameters, level, slope, season, multiplicative).squared_error

    def allowed(parameters):
        a, b, g, p = parameters
        return 0 <= a <= 1 and 0 <= b <= 1 and 0 <= g <= 1 - a and (0.8 <= p <= 0.98 if damped else p == 1)

    assert error(*found[:4]) == found.squared_error
    for h in (1e-3, -1e-3):
        for i, used in enumerate((True, trend, m > 1, damped)):
            moved = found.parameters + h * np.eye(4)[i]
            if used and allowed(moved):
                assert error(moved, *found[1:4]) >= found.squared_error * (1 - 1e-9), f"parameter {i} by {h}"
        assert error(found.parameters, found.level + 10 * h, found.trend, found.season) >= found.squared_error * (1 - 1e-9), f"level by {h}"
        if trend:
            assert error(found.parameters, found.level, found.trend + h, found.season) >= found.squared_error * (1 - 1e-9), f"trend by {h}"
        for j in range(m if m > 1 else 0):
            season = found.season + h * np.eye(m)[j]
            assert error(found.parameters, found.level, found.trend, season) >= found.squared_error * (1 - 1e-9), f"season {j} by {h}"


def test_the_level_of_simple_smoothing_beside_a_dense_grid(shared_data: Path):
    """Every alpha in steps of 0.0005, each with its best initial level, which is a straight least-squares problem."""
    for file, column in (("nile.csv", "volume"), ("lynx.csv", "trappings"), ("shampoo_sales.csv", "sales"), ("air_passengers.csv", "passengers")):
        y = pl.read_csv(shared_data / "series" / file)[column].cast(pl.Float64).to_numpy()
        errors = []
        for alpha in np.linspace(0, 1, 2001):
            zero = y - smoothing.smooth(y, (alpha, 0, 0, 1), 0.0, 0.0, [0.0]).fitted
            weight = (1 - alpha) ** np.arange(len(y))  # of the initial level in every forecast
            errors.append(np.sum((zero - weight * (zero @ weight) / (weight @ weight)) ** 2))
        assert smoothing.fit(y).squared_error <= min(errors) * (1 + 1e-12), file
        assert smoothing.fit(y).squared_error >= min(errors) * (1 - 1e-4), file  # the grid comes close


REAL = [("air_passengers.csv", "passengers", 12), ("wineind.csv", "y", 12), ("woolyrnq.csv", "y", 4), ("us_retail_sales.csv", "y", 12), ("austres.csv", "y", 4)]


@pytest.mark.parametrize("file, column, m", REAL, ids=[file for file, _, _ in REAL])
@pytest.mark.parametrize("trend, damped, seasonal", [(False, False, None), (True, False, None), (True, True, "add"), (True, False, "mul")])
@pytest.mark.parametrize("estimate_initial", [True, False])
def test_the_search_finds_no_more_error_than_statsmodels(shared_data, file, column, m, trend, damped, seasonal, estimate_initial):
    """statsmodels 0.15, the same initialisation: sought by both, or ours given to both."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    y = pl.read_csv(shared_data / "series" / file)[column].cast(pl.Float64).to_numpy()[-120:]
    ours = smoothing.fit(y, trend, damped, m if seasonal else 1, seasonal == "mul", estimate_initial=estimate_initial)
    initial = {"initial_level": ours.level, "initial_trend": ours.trend if trend else None, "initial_seasonal": ours.season if seasonal else None}
    model = ExponentialSmoothing(
        y,
        trend="add" if trend else None,
        damped_trend=damped,
        seasonal=seasonal,
        seasonal_periods=m if seasonal else None,
        bounds={"damping_trend": smoothing.PHI_BOUNDS} if damped else None,
        **({"initialization_method": "estimated"} if estimate_initial else {"initialization_method": "known", **initial}),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels says where its own search did not converge
        theirs = model.fit()
    assert ours.squared_error <= theirs.sse * 1.001


def test_fixed_parameters_stay():
    y = series(60, 4)
    found = smoothing.fit(y, True, True, 4, True, fixed=(0.31, NAN, 0.22, 0.5))
    assert found.parameters[[0, 2, 3]].tolist() == [0.31, 0.22, 0.5]
    free = smoothing.fit(y, True, True, 4, True)
    assert found.squared_error > free.squared_error
    assert smoothing.fit(y, season_length=4, fixed=(NAN, NAN, 0.7, NAN)).parameters[0] <= 0.3 + 1e-15  # gamma leaves so much to alpha


@each
def test_the_unit_of_measurement_changes_nothing(kind):
    y = series(50, kind[2])
    one, other = smoothing.fit(y, *kind), smoothing.fit(y * 2.0**40, *kind)
    np.testing.assert_array_equal(one.parameters, other.parameters)
    assert other.squared_error == one.squared_error * 2.0**80


def test_what_cannot_be_explained_by_a_multiplicative_season_is_infinite():
    """A drop to almost nothing: with these weights every path of the level comes too close to zero."""
    y = np.array([1e9, 1.0] * 12)
    found = smoothing.fit(y, True, False, 3, True, fixed=(1.0, 1.0, 0.0, NAN), estimate_initial=False)
    assert found.squared_error == float("inf") == textbook.fit(y, True, False, 3, True, fixed=(1.0, 1.0, 0.0, NAN), estimate_initial=False).squared_error


def test_refusals_name_what_came():
    y = np.arange(1.0, 9.0)
    with pytest.raises(ShapeError, match=r"`offsets` rises from 0 to the number of values, 8; it is \[0, 9\]"):
        smoothing.fit_panel(y, [0, 9])
    with pytest.raises(ShapeError, match=r"\[0, 5, 3, 8\]"):
        smoothing.fit_panel(y, [0, 5, 3, 8])
    with pytest.raises(ShapeError, match=r"`parameters` has the shape \(1, 3\); \(1, 4\) was expected"):
        smoothing.smooth(y, (0.5, 0, 0), 1.0, 0.0, [0.0])
    with pytest.raises(ShapeError, match=r"`season` has the shape \(1, 0\)"):
        smoothing.smooth(y, (0.5, 0, 0, 1), 1.0, 0.0, [])
    with pytest.raises(ShapeError, match=r"`level` has the shape \(2,\)"):
        smoothing.smooth_panel(y, [0, 8], np.ones((1, 4)), np.ones(2), np.ones(1), np.ones((1, 1)))
    with pytest.raises(ShapeError, match=r"`values` has the shape \(2, 4\)"):
        smoothing.fit_panel(y.reshape(2, 4), [0, 8])
    with pytest.raises(ShapeError, match="Series 1 has no observation"):
        smoothing.fit_panel(np.array([1.0, 2.0, NAN, NAN]), [0, 2, 4])
    with pytest.raises(ShapeError, match=r"`fixed` holds .* shape \(3,\)"):
        smoothing.fit(y, fixed=(0.5, NAN, NAN))
    with pytest.raises(ConfigError, match="smallest of series 0 is -2"):
        smoothing.fit(np.array([1.0, -2.0, 3.0, 4.0]), season_length=2, multiplicative=True)
    with pytest.raises(ConfigError, match="`threads` is a whole number, 1 or more, not 0"):
        smoothing.fit_panel(y, [0, 8], threads=0)
    with pytest.raises(ConfigError, match=r"not \(0\.9, 0\.8\)"):
        smoothing.fit(y, damped=True, trend=True, phi_bounds=(0.9, 0.8))
    with pytest.raises(ConfigError, match="1 or more, not 0"):
        smoothing.fit(y, season_length=0)


def test_without_the_extension_the_textbook_stands_in_and_one_warning_says_so(monkeypatch):
    y = series(30, 4)
    compiled = smoothing.fit(y, True, False, 4), smoothing.smooth(y, (0.5, 0.1, 0.2, 1.0), 50.0, 1.0, np.zeros(4))
    monkeypatch.setattr(smoothing, "extension", None)
    monkeypatch.setattr(inorder.kernels, "_warned", False)
    with pytest.warns(RuntimeWarning, match="without its compiled kernels"):
        fitted = smoothing.fit(y, True, False, 4)
    smoothed = smoothing.smooth(y, (0.5, 0.1, 0.2, 1.0), 50.0, 1.0, np.zeros(4))  # warnings are errors here: a second one would raise
    np.testing.assert_allclose(fitted.parameters, compiled[0].parameters, atol=1e-6)
    np.testing.assert_array_equal(smoothed.fitted, compiled[1].fitted)


def test_these_tests_ran_the_compiled_kernels():
    assert inorder.kernels.compiled
