"""Scores of forecasts against their definitions, the textbook and an independent program."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inorder.data.series import Series
from inorder.errors import ConfigError, InputError, ShapeError
from inorder.metrics import forecast as metrics
from inorder.textbook import forecast_metrics as textbook

NAN = float("nan")
POINT = (metrics.mae, metrics.rmse, metrics.bias, metrics.smape, metrics.mape)
PROBABILITIES = [0.1, 0.5, 0.75]


def every_score(y, off: float = 0.0) -> dict[str, metrics.Score]:
    """Every metric for a forecast that misses by `off`, its intervals and distributions narrow."""
    y = np.asarray(y, dtype=float)
    said = np.where(np.isnan(y), 0.0, y) + off
    train = np.tile(np.arange(1.0, 6.0), (len(y), 1)) if y.ndim == 2 else np.arange(1.0, 6.0)
    scores = {metric.__name__: metric(y, said) for metric in POINT}
    scores["mase"] = metrics.mase(y, said, train)
    scores["pinball"] = metrics.pinball(y, np.stack([said] * 3), PROBABILITIES)
    scores["crps"] = metrics.crps(y, np.stack([said] * 3), PROBABILITIES)
    scores["crps_normal"] = metrics.crps_normal(y, said, np.zeros(y.shape))
    scores["crps_samples"] = metrics.crps_samples(y, np.stack([said] * 4))
    scores["coverage"] = metrics.coverage(y, said, said)
    scores["interval_width"] = metrics.interval_width(y, said, said)
    scores["interval_score"] = metrics.interval_score(y, said, said, 0.8)
    return scores


def test_a_perfect_forecast_has_the_ideal_value():
    for name, score in every_score([[3.0, -2.0, 0.0], [1.0, 5.0, NAN]]).items():
        assert score.value == (1.0 if name == "coverage" else 0.0), name


def test_a_forecast_that_misses_has_not():
    for name, score in every_score([[3.0, -2.0, 1.0], [1.0, 5.0, NAN]], off=0.5).items():
        assert score.value != (1.0 if name == "coverage" else 0.0) or name == "interval_width", name


@pytest.mark.parametrize("y", [[], [NAN, NAN], np.zeros((2, 0)), [[NAN], [NAN]]])
def test_nothing_to_score_gives_nan(y):
    for name, score in every_score(y).items():
        assert math.isnan(score.value), name
        assert score.parts["series"] == "0", name


# --- against the textbook -------------------------------------------------------------------------------------------

numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))
truths = st.one_of(numbers, st.just(NAN))


@st.composite
def panels(draw):
    """(series, horizon) truths with gaps, and six like arrays without."""
    series, horizon = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    y = [[draw(truths) for _ in range(horizon)] for _ in range(series)]
    others = [[[draw(numbers) for _ in range(horizon)] for _ in range(series)] for _ in range(6)]
    return np.array(y), np.array(others)


def same(fast: metrics.Score, slow: list[float]) -> None:
    assert fast.value == pytest.approx(textbook.mean_over_series(slow), rel=1e-9, abs=1e-9, nan_ok=True), fast


@given(panels())
@settings(max_examples=60, deadline=None)
def test_point_scores_follow_the_textbook(panel):
    y, (forecast, *_) = panel
    for metric in POINT:
        twin = getattr(textbook, metric.__name__)
        same(metric(y, forecast), [twin(*rows) for rows in zip(y, forecast, strict=True)])
        if len(y) == 1:
            assert repr(metric(y[0], forecast[0])) == repr(metric(y, forecast))  # NaN included


@given(panels(), st.lists(st.lists(truths, max_size=9), min_size=4, max_size=4), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_mase_follows_the_textbook(panel, trains, m):
    y, (forecast, *_) = panel
    trains = [np.array(train, dtype=float) for train in trains[: len(y)]]
    scale, lag = metrics.mase_scale(trains, m)
    expected = [textbook.mase_scale(train, m) for train in trains]
    np.testing.assert_allclose(scale, [s for s, _ in expected], rtol=1e-9, equal_nan=True)
    assert lag.tolist() == [used for _, used in expected]
    same(metrics.mase(y, forecast, trains, m), [textbook.mase(*rows, m) for rows in zip(y, forecast, trains, strict=True)])


@given(panels())
@settings(max_examples=60, deadline=None)
def test_quantile_and_interval_scores_follow_the_textbook(panel):
    y, others = panel
    quantiles = others[:3]
    for k, p in enumerate(PROBABILITIES):
        same(metrics.pinball(y, quantiles[k], p), [textbook.pinball(*rows, p) for rows in zip(y, quantiles[k], strict=True)])
    by_series = [textbook.crps(y[i], quantiles[:, i], PROBABILITIES) for i in range(len(y))]
    same(metrics.crps(y, quantiles, PROBABILITIES), by_series)
    same(metrics.pinball(y, quantiles, PROBABILITIES), [value / 2 for value in by_series])
    lower, upper = np.minimum(others[3], others[4]), np.maximum(others[3], others[4])
    for name, extra in (("coverage", ()), ("interval_width", ()), ("interval_score", (0.9,))):
        slow = [getattr(textbook, name)(y[i], lower[i], upper[i], *extra) for i in range(len(y))]
        same(getattr(metrics, name)(y, lower, upper, *extra), slow)


@given(panels(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_crps_of_samples_follows_the_textbook(panel, fair):
    y, samples = panel
    same(metrics.crps_samples(y, samples, fair=fair), [textbook.crps_samples(y[i], samples[:, i], fair) for i in range(len(y))])


def test_crps_of_a_normal_follows_the_integral():
    rng = np.random.default_rng(0)
    y, mean, deviation = rng.normal(size=5) * 3, rng.normal(size=5), rng.uniform(0.3, 2, size=5)
    for t in range(5):
        assert metrics.crps_normal(y[[t]], mean[[t]], deviation[[t]]).value == pytest.approx(textbook.crps_normal(y[[t]], mean[[t]], deviation[[t]]), rel=1e-6)


# --- the definitions meet -------------------------------------------------------------------------------------------


def test_crps_from_many_quantiles_and_from_samples_approach_that_of_the_normal():
    n = 2_000
    p = (np.arange(n) + 0.5) / n
    y, mean, deviation = np.array([0.3, -1.2, 4.0]), np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 2.0])
    q = np.array([[NormalDist(m, s).inv_cdf(x) for m, s in zip(mean, deviation, strict=True)] for x in p])
    exact = metrics.crps_normal(y, mean, deviation).value
    assert metrics.crps(y, q, p).value == pytest.approx(exact, rel=1e-3)
    assert metrics.crps_samples(y, q).value == pytest.approx(exact, rel=1e-3)


def test_the_fair_score_is_unbiased_for_few_samples():
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(3, 40_000))  # 40,000 forecasts of 3 samples each, all for a truth of 0.5
    y = np.full(40_000, 0.5)
    exact = metrics.crps_normal([0.5], [0.0], [1.0]).value
    assert metrics.crps_samples(y, samples, fair=True).value == pytest.approx(exact, abs=0.01)
    assert metrics.crps_samples(y, samples).value > exact + 0.1


def test_the_pinball_loss_is_least_at_the_true_quantile():
    y = np.random.default_rng(2).normal(size=50_000)
    p = 0.9
    losses = {q: metrics.pinball(y, np.full(y.shape, q), p).value for q in (0.8, NormalDist().inv_cdf(p), 1.8)}
    assert min(losses, key=losses.get) == NormalDist().inv_cdf(p)


def test_the_interval_score_is_a_pinball_loss_of_its_two_bounds():
    rng = np.random.default_rng(3)
    y, lower, width, level = rng.normal(size=20) * 3, rng.normal(size=20), rng.uniform(0, 2, 20), 0.8
    upper = lower + width
    both = metrics.pinball(y, np.stack([lower, upper]), [(1 - level) / 2, (1 + level) / 2]).value
    assert metrics.interval_score(y, lower, upper, level).value == pytest.approx(2 * both / ((1 - level) / 2))


def test_crps_of_a_point_is_the_absolute_error():
    y, said = np.array([1.0, 4.0]), np.array([2.0, 1.5])
    for score in (metrics.crps(y, said[None], [0.5]), metrics.crps_samples(y, said[None]), metrics.crps_normal(y, said, np.zeros(2))):
        assert score.value == metrics.mae(y, said).value


# --- averages -------------------------------------------------------------------------------------------------------


def test_each_series_weighs_the_same_however_many_truths_are_known():
    score = metrics.mae([[1.0, NAN, NAN], [0.0, 0.0, 0.0]], [[3.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert score.value == (2.0 + 1.0) / 2
    assert (score.parts["series"], score.parts["missing"]) == ("2", "2")


def test_a_series_without_truth_is_left_out_and_counted():
    score = metrics.mae([[NAN, NAN], [1.0, 2.0]], [[9.0, 9.0], [2.0, 3.0]])
    assert (score.value, score.parts["series"], score.parts["missing"]) == (1.0, "1", "2")


def test_a_forecast_that_is_missing_where_the_truth_is_known_is_not_excused():
    y = [[1.0, 2.0], [1.0, NAN]]
    for metric in (metrics.mae, metrics.rmse, metrics.bias, metrics.smape, metrics.mape):
        assert math.isnan(metric(y, [[1.0, NAN], [1.0, 1.0]]).value), metric
        assert not math.isnan(metric(y, [[1.0, 1.0], [1.0, NAN]]).value), metric
    assert math.isnan(metrics.coverage([1.0], [NAN], [2.0]).value)
    assert math.isnan(metrics.coverage([1.0], [0.0], [NAN]).value)
    assert math.isnan(metrics.interval_score([1.0], [NAN], [2.0], 0.8).value)
    assert math.isnan(metrics.pinball([1.0], [NAN], 0.5).value)
    assert math.isnan(metrics.crps_samples([1.0], [[1.0], [NAN]]).value)
    assert math.isnan(metrics.crps_normal([1.0], [1.0], [NAN]).value)


def test_an_infinite_forecast_scores_without_a_warning():
    assert metrics.mae([1.0], [math.inf]).value == math.inf
    assert math.isnan(metrics.smape([1.0], [math.inf]).value)
    assert metrics.rmse([1.0], [1e200]).value == math.inf
    assert metrics.coverage([1.0], [-math.inf], [math.inf]).value == 1.0


def test_frames_columns_are_arrays_too():
    polars = pytest.importorskip("polars")
    assert metrics.mae(polars.Series([1.0, None]), polars.Series([2.0, 5.0])).value == 1.0


# --- sMAPE, MAPE, MASE, OWA: the corners ----------------------------------------------------------------------------


def test_smape_stays_between_0_and_200():
    assert metrics.smape([1.0, -1.0], [-1.0, 1.0]).value == 200.0
    assert metrics.smape([0.0, 0.0], [0.0, 1e-9]).value == 100.0


def test_mape_of_zeros_only_is_not_a_number():
    score = metrics.mape([0.0, 0.0], [1.0, 1.0])
    assert math.isnan(score.value)
    assert score.parts["zeros left out"] == "2"


def test_mase_of_the_seasonal_naive_forecast_inside_the_training_part_is_one():
    y = np.random.default_rng(4).normal(size=60)
    assert metrics.mase(y[12:], y[:-12], train=y, season_length=12).value == pytest.approx(1.0, rel=1e-12)


def test_a_constant_training_part_has_no_scale():
    score = metrics.mase([[1.0, 2.0], [1.0, 2.0]], [[2.0, 3.0], [5.0, 6.0]], train=[[1.0, 2.0, 3.0], [7.0, 7.0, 7.0]])
    assert (score.value, score.parts["series"], score.parts["series without a scale"]) == (1.0, "1", "1")
    assert "series without a scale: 1" in str(score) or "series without a scale=1" in str(score)
    assert math.isnan(metrics.mase([1.0], [2.0], train=[7.0, 7.0]).value)
    assert math.isnan(metrics.mase([1.0], [2.0], train=[7.0]).value)
    assert math.isnan(metrics.mase([1.0], [2.0], train=[]).value)


def test_a_training_part_no_longer_than_the_season_is_scaled_with_lag_1():
    train = [1.0, 3.0, 6.0]
    score = metrics.mase([10.0], [15.0], train, season_length=3)
    assert (score.value, score.parts["series scaled with lag 1"]) == (2.0, "1")
    longer = metrics.mase([10.0], [15.0], [*train, 2.0], season_length=3)
    assert longer.value == 5.0
    assert "series scaled with lag 1" not in longer.parts


def test_gaps_in_the_training_part_are_left_out_of_the_scale():
    scale, _ = metrics.mase_scale([1.0, NAN, 2.0, 4.0, 5.0], 1)
    assert scale.tolist() == [1.5]


def test_training_parts_of_uneven_length_in_every_form():
    parts = [[1.0, 2.0, 4.0], [3.0, 1.0]]
    series = Series.of([1.0, 2.0, 4.0])
    ragged = Series(np.array([1.0, 2.0, 4.0, 3.0, 1.0]), np.array([1, 2, 3, 1, 2]), np.array([0, 3, 5]), ("a", "b"), series.frequency, panel=True)
    padded = np.array([[NAN, 1.0, 2.0, 4.0], [NAN, NAN, 3.0, 1.0]])
    for train in (parts, tuple(np.array(part) for part in parts), ragged, padded):
        assert metrics.mase_scale(train)[0].tolist() == [1.5, 2.0]
    for train in (parts[0], np.array(parts[0]), series):
        assert metrics.mase_scale(train)[0].tolist() == [1.5]


def test_owa_takes_averages_first():
    y, said = np.array([[1.0, 2.0], [10.0, 30.0]]), np.array([[2.0, 2.0], [20.0, 20.0]])
    naive2 = np.array([[1.5, 2.5], [11.0, 11.0]])
    train = [[1.0, 2.0, 4.0], [3.0, 1.0]]
    parts = [metrics.smape(y, said), metrics.mase(y, said, train), metrics.smape(y, naive2), metrics.mase(y, naive2, train)]
    score = metrics.owa(*parts)
    assert score.value == textbook.owa(*(part.value for part in parts))
    alone = [
        metrics.owa(*(metrics.smape(y[i], f[i]) if s else metrics.mase(y[i], f[i], train[i]) for f in (said, naive2) for s in (True, False))) for i in range(2)
    ]
    assert score.value != pytest.approx(np.mean([float(one) for one in alone]))
    assert (score.parts["series"], score.parts["m"]) == ("2", "1")


def test_owa_of_naive2_itself_is_one_and_of_a_perfect_naive2_unknown():
    assert metrics.owa(18.383, 2.395, 18.383, 2.395).value == 1.0
    assert math.isnan(metrics.owa(18.383, 2.395, 0.0, 2.395).value)


def test_owa_refuses_scores_that_do_not_belong_together():
    y, said = [1.0, 2.0], [2.0, 2.0]
    train = np.arange(30.0) ** 2
    smape, mase = metrics.smape(y, said), metrics.mase(y, said, train)
    with pytest.raises(ConfigError, match=r"`smape` is a score sMAPE, not MASE"):
        metrics.owa(mase, smape, smape, mase)
    with pytest.raises(ConfigError, match=r"m=12.*Score both on the same truths"):
        metrics.owa(smape, mase, smape, metrics.mase(y, said, train, 12))


# --- all at once ----------------------------------------------------------------------------------------------------


def test_score_forecast_is_the_scores_one_by_one():
    rng = np.random.default_rng(6)
    y, said, naive2, low, lower, wide = rng.uniform(1, 9, (6, 3, 4))
    y[0, 1] = NAN
    train = rng.uniform(1, 9, (3, 30))
    bounds = {0.95: (said - low - lower, said + wide + lower), 0.8: (said - low, said + wide)}
    scores = metrics.score_forecast(
        y, said, train=train, season_length=5, naive2=naive2, lower={k: v[0] for k, v in bounds.items()}, upper={k: v[1] for k, v in bounds.items()}
    )
    assert scores["mape"] == metrics.mape(y, said)
    assert scores["mase"] == metrics.mase(y, said, train, 5)
    assert scores["owa"] == metrics.owa(metrics.smape(y, said), metrics.mase(y, said, train, 5), metrics.smape(y, naive2), metrics.mase(y, naive2, train, 5))
    assert scores["coverage_80"] == metrics.coverage(y, *bounds[0.8], 0.8)
    assert scores["interval_score_95"] == metrics.interval_score(y, *bounds[0.95], 0.95)
    quantiles = np.stack([bounds[0.95][0], bounds[0.8][0], said, bounds[0.8][1], bounds[0.95][1]])
    assert scores["crps"] == metrics.crps(y, quantiles, [0.025, 0.1, 0.5, 0.9, 0.975])
    assert scores["pinball"].value == pytest.approx(scores["crps"].value / 2)


def test_score_forecast_without_the_parts_leaves_their_scores_out():
    assert list(metrics.score_forecast([1.0], [2.0], train=[1.0, 2.0])) == ["mae", "rmse", "bias", "smape", "mape", "mase"]
    with pytest.raises(ConfigError, match=r"`lower` has the levels \[0\.8\], `upper` \[0\.9\]"):
        metrics.score_forecast([1.0], [2.0], train=[1.0, 2.0], lower={0.8: [0.0]}, upper={0.9: [3.0]})


# --- refusals -------------------------------------------------------------------------------------------------------


def test_shapes_that_differ_are_refused():
    with pytest.raises(ShapeError, match=r"`forecast` has the shape \(3,\), but `y` has \(2,\)"):
        metrics.mae([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match=r"`forecast` has the shape \(2,\), but `y` has \(1, 2\)"):  # nothing is broadcast
        metrics.mae([[1.0, 2.0]], [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"\(1, 1, 1\)"):
        metrics.mae(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))
    with pytest.raises(ShapeError, match=r"has the shape \(\)"):
        metrics.mae(1.0, 1.0)
    with pytest.raises(ShapeError, match=r"`upper` has the shape \(1,\)"):
        metrics.coverage([1.0, 2.0], [0.0, 0.0], [3.0])
    with pytest.raises(ShapeError, match=r"`quantiles` has the shape \(2, 1\); \(3, 1\) was expected"):
        metrics.crps([1.0], [[1.0], [2.0]], PROBABILITIES)
    with pytest.raises(ShapeError, match=r"`samples` has the shape \(2,\); \(samples, 2\) was expected"):
        metrics.crps_samples([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"`samples` holds 1 samples; 2 or more"):
        metrics.crps_samples([1.0], [[1.0]], fair=True)
    with pytest.raises(ShapeError, match=r"`train` holds 1 series, but `y` has 2"):
        metrics.mase([[1.0], [2.0]], [[1.0], [2.0]], train=[1.0, 2.0])
    with pytest.raises(ShapeError, match=r"number 1 has the shape \(1, 2\)"):
        metrics.mase_scale([[1.0, 2.0], [[1.0, 2.0]]])


def test_what_is_not_a_number_is_refused():
    with pytest.raises(InputError, match=r"`y` is an array of numbers.*'abc'"):
        metrics.mae(["abc"], [1.0])


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, "many"])
def test_probabilities_outside_0_and_1_are_refused(probability):
    with pytest.raises(ConfigError, match=str(probability).removesuffix(".0")):
        metrics.pinball([1.0], [1.0], probability)
    with pytest.raises(ConfigError, match=str(probability).removesuffix(".0")):
        metrics.interval_score([1.0], [0.0], [2.0], probability)


def test_a_level_in_per_cent_gets_a_hint():
    with pytest.raises(ConfigError, match=r"not 95\. Did you mean 0\.95\?"):
        metrics.interval_score([1.0], [0.0], [2.0], 95)
    with pytest.raises(ConfigError, match=r"not 80\. Did you mean 0\.8\?"):
        metrics.coverage([1.0], [0.0], [2.0], 80)
    with pytest.raises(ConfigError, match="`probabilities` is empty"):
        metrics.crps([1.0], np.zeros((0, 1)), [])


def test_exchanged_bounds_are_refused():
    with pytest.raises(InputError, match=r"series 1, step 2: 3 > 2\. Were they exchanged"):
        metrics.coverage([[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 3.0]], [[2.0, 2.0], [2.0, 2.0]])


def test_a_negative_deviation_is_refused():
    with pytest.raises(InputError, match=r"the smallest is -2"):
        metrics.crps_normal([1.0], [1.0], [-2.0])


@pytest.mark.parametrize("season_length", [0, -1, 1.5, True])
def test_a_season_length_is_a_whole_number(season_length):
    with pytest.raises(ConfigError, match=str(season_length)):
        metrics.mase([1.0], [1.0], [1.0, 2.0], season_length)


# --- an independent program -----------------------------------------------------------------------------------------


def test_the_scores_of_utilsforecast():
    """utilsforecast.losses, the metrics of the Nixtla packages (sMAPE there is a share of 2·: 0 to 1)."""
    losses = pytest.importorskip("utilsforecast.losses")
    import pandas as pd

    rng = np.random.default_rng(5)
    series, horizon, length, m = 4, 6, 40, 5
    y, said = rng.uniform(1, 9, (series, horizon)), rng.uniform(1, 9, (series, horizon))
    lower, upper = said - rng.uniform(0, 3, said.shape), said + rng.uniform(0, 3, said.shape)
    train = rng.uniform(1, 9, (series, length))
    names = np.repeat([f"s{i}" for i in range(series)], horizon)
    frame = pd.DataFrame({"unique_id": names, "ds": np.tile(np.arange(length, length + horizon), series), "y": y.ravel(), "m": said.ravel()})
    frame = frame.assign(**{"m-lo-80": lower.ravel(), "m-hi-80": upper.ravel()})
    past = pd.DataFrame({"unique_id": np.repeat([f"s{i}" for i in range(series)], length), "ds": np.tile(np.arange(length), series), "y": train.ravel()})
    quantiles = np.stack([lower, said, upper])

    def theirs(loss, *args, **kwargs):
        table = loss(frame, *args, **kwargs)
        return float(table.drop(columns="unique_id").to_numpy(dtype=float).mean())

    assert metrics.mae(y, said).value == pytest.approx(theirs(losses.mae, ["m"]))
    assert metrics.rmse(y, said).value == pytest.approx(theirs(losses.rmse, ["m"]))
    assert metrics.bias(y, said).value == pytest.approx(theirs(losses.bias, ["m"]))
    assert metrics.smape(y, said).value == pytest.approx(200 * theirs(losses.smape, ["m"]))
    assert metrics.mape(y, said).value == pytest.approx(100 * theirs(losses.mape, ["m"]))
    assert metrics.mase(y, said, train, m).value == pytest.approx(theirs(losses.mase, ["m"], m, past))
    assert metrics.coverage(y, lower, upper).value == pytest.approx(theirs(losses.coverage, ["m"], 80))
    assert metrics.pinball(y, lower, 0.1).value == pytest.approx(theirs(losses.quantile_loss, {"m": "m-lo-80"}, 0.1))
    assert metrics.pinball(y, quantiles, [0.1, 0.5, 0.9]).value == pytest.approx(
        theirs(losses.mqloss, {"m": ["m-lo-80", "m", "m-hi-80"]}, np.array([0.1, 0.5, 0.9]))
    )
    assert metrics.interval_score(y, lower, upper, 0.8).value == pytest.approx(theirs(losses.winkler_score, ["m"], 80))
