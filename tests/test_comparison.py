"""`compare`: honest folds, a table that says why, budgets that hold."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

import inorder
from inorder.comparison import compare
from inorder.errors import ConfigError, ForecastError, SeriesError
from inorder.forecast.baselines import Naive
from inorder.tasks.forecast import CANDIDATES
from inorder.verbs import evaluate

CHEAP = ["naive", "mean", "drift", "seasonal-naive", "trend"]


def monthly(years: int = 8, seed: int = 0) -> inorder.Series:
    random = np.random.default_rng(seed)
    t = np.arange(12 * years)
    return inorder.Series.of(100 + 0.5 * t + 10 * np.sin(t * np.pi / 6) + random.normal(0, 2, len(t)), season_length=12)


def with_values(series: inorder.Series, values) -> inorder.Series:
    return inorder.Series.of(values, season_length=series.season_length)


def test_the_test_part_plays_no_role_in_the_choice():
    series = monthly()
    honest = compare("forecast", series, horizon=12, models=CHEAP)
    shuffled = series.values.copy()
    shuffled[-12:] = np.random.default_rng(1).normal(-1000, 500, 12)
    changed = compare("forecast", with_values(series, shuffled), horizon=12, models=CHEAP)
    assert [row["model"] for row in honest.table] == [row["model"] for row in changed.table]
    assert [row["selection"] for row in honest.table] == [row["selection"] for row in changed.table]
    assert honest.table[0]["mase"] != changed.table[0]["mase"]


def test_scores_are_those_of_forecasts_made_by_hand():
    series, horizon = monthly(), 6
    row = next(row for row in compare("forecast", series, horizon=horizon, folds=2, step=4, models=["naive"]).table)
    y, n = series.values, len(series.values)

    def mase(origin: int) -> float:
        scale = np.abs(y[12:origin] - y[: origin - 12]).mean()
        return float(np.abs(y[origin : origin + horizon] - y[origin - 1]).mean() / scale)

    assert row["mase"] == pytest.approx(mase(n - 6), rel=1e-12)
    assert row["selection"] == pytest.approx(np.mean([mase(n - 12), mase(n - 16)]), rel=1e-12)
    truth, guess = y[-6:], y[-7]
    assert row["mae"] == pytest.approx(np.abs(truth - guess).mean(), rel=1e-12)
    assert row["smape"] == pytest.approx((200 * np.abs(truth - guess) / (np.abs(truth) + abs(guess))).mean(), rel=1e-12)


def test_naive2_scores_one_on_owa():
    row = compare("forecast", monthly(), horizon=12, models=["naive2"]).table[0]
    assert row["owa"] == pytest.approx(1.0, abs=1e-12)


def test_every_model_has_a_row_and_the_best_is_fitted_to_everything():
    series = monthly()
    result = compare("forecast", series, horizon=12, models=CHEAP)
    assert sorted(row["model"] for row in result.table) == sorted(CHEAP)
    assert result.table[0]["model"] == result.winner == "seasonal-naive"
    assert len(result.best.history.values) == len(series.values)
    selections = [row["selection"] for row in result.table]
    assert selections == sorted(selections)
    json.dumps(result.to_json(), allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class Failing(Naive):
    name: ClassVar[str] = "failing"
    with_bug: bool = False

    def fit_one(self, y, season_length):
        if self.with_bug:
            raise ZeroDivisionError("integer modulo by zero")
        raise ForecastError("needs a better day.")


def test_a_model_that_fails_gets_a_row_with_the_reason():
    result = compare("forecast", monthly(), horizon=12, models={"ill": Failing(), "buggy": Failing(with_bug=True), "naive": Naive()})
    assert result.winner == "naive"
    reasons = {row["model"]: row["error"] for row in result.table}
    assert reasons["naive"] is None
    assert reasons["ill"] == "needs a better day."
    assert reasons["buggy"] == "ZeroDivisionError: integer modulo by zero"


def test_when_every_model_fails_the_reasons_are_told():
    with pytest.raises(ForecastError, match=r"ill: needs a better day\."):
        compare("forecast", monthly(), horizon=12, models={"ill": Failing()})


@dataclass(frozen=True, kw_only=True)
class Slow(Naive):
    name: ClassVar[str] = "slow"

    def fit_one(self, y, season_length):
        time.sleep(0.2)
        return super().fit_one(y, season_length)


def test_a_budget_stops_what_does_not_fit_in_it():
    result = compare("forecast", monthly(), horizon=12, models={"naive": Naive(), "slow": Slow(), "later": Naive()}, budget=0.3)
    reasons = {row["model"]: row["error"] for row in result.table}
    assert reasons["naive"] is None
    assert "budget" in reasons["slow"]
    assert result.winner in ("naive", "later")


@dataclass(frozen=True, kw_only=True)
class Gradual(Naive):
    """Uses all the time that it gets."""

    name: ClassVar[str] = "gradual"
    gradual: ClassVar[bool] = True
    allowed: list = field(default_factory=list)

    def fit(self, series, *, seconds=None, progress=None):
        self.allowed.append(seconds)
        time.sleep(seconds)
        return super().fit(series, progress=progress)


def test_networks_get_equal_shares_of_a_budget():
    models = {name: Gradual() for name in "abc"}
    result = compare("forecast", monthly(), horizon=12, models=models, budget=1.5)
    assert all(row["error"] is None for row in result.table)
    shares = [one.allowed[0] for one in models.values()]
    assert max(shares) < 1.6 * min(shares), shares


def test_candidates_say_which_of_them_are_gradual():
    assert all(one.gradual == one.make().gradual for one in CANDIDATES.values())


def test_the_table_fills_while_models_run():
    sizes, shares = [], []
    compare(
        "forecast",
        monthly(),
        horizon=12,
        models=CHEAP,
        on_row=lambda table: sizes.append(len(table)),
        on_progress=lambda model, share: shares.append((model, share)),
    )
    assert sizes == [1, 2, 3, 4, 5]
    assert [share for model, share in shares if model == "drift"][-1] == pytest.approx(1.0)


def test_short_data_get_fewer_folds_and_too_short_data_a_sentence():
    result = compare("forecast", with_values(monthly(), monthly().values[:30]), horizon=6, models=["naive"])
    assert len(result.folds) < 4
    assert any("instead of 3" in note for note in result.notes)
    with pytest.raises(SeriesError, match="at horizon 12 needs 28 rows.* 27 rows with 3 observations before the last 24"):
        compare("forecast", with_values(monthly(), monthly().values[:27]), horizon=12, models=["naive"])


def test_folds_lie_before_the_test_part():
    result = compare("forecast", monthly(), horizon=5, folds=3, step=2, models=["naive"])
    assert [fold.leave for fold in result.folds] == [14, 12, 10, 5]
    assert all(len(fold.training.values) == 96 - fold.leave for fold in result.folds)
    assert all(np.array_equal(fold.truth[0], monthly().values[96 - fold.leave :][:5]) for fold in result.folds)


def test_without_refitting_parameters_come_from_the_first_origin():
    series = monthly()
    once = compare("forecast", series, horizon=12, models=["holt-winters", "naive"], refit=False)
    anew = compare("forecast", series, horizon=12, models=["holt-winters", "naive"])
    rows = {name: [next(row for row in result.table if row["model"] == name) for result in (once, anew)] for name in ("naive", "holt-winters")}
    assert rows["naive"][0]["mase"] == rows["naive"][1]["mase"]
    assert rows["holt-winters"][0]["mase"] != rows["holt-winters"][1]["mase"]
    alpha = [result.forecasts["holt-winters"][-1].history.values.size for result in (once, anew)]
    assert alpha[0] == alpha[1] == 84, "the test origin has seen the same rows either way"


def test_a_panel_is_averaged_over_series_and_short_ones_are_named():
    wide = inorder.Series.of(np.column_stack([monthly(seed=k).values for k in range(3)]), season_length=12)
    result = compare("forecast", wide, horizon=12, models=["naive", "seasonal-naive"])
    single = [compare("forecast", monthly(seed=k), horizon=12, models=["naive"]).table[0]["mase"] for k in range(3)]
    row = next(row for row in result.table if row["model"] == "naive")
    assert row["mase"] == pytest.approx(np.mean(single), rel=1e-12)
    assert result.best.predict(12).mean.shape == (3, 12)


def test_a_series_that_a_model_cannot_take_is_counted():
    values = np.column_stack([monthly().values, np.concatenate([np.full(70, np.nan), monthly().values[70:]])])
    result = compare("forecast", inorder.Series.of(values, season_length=12), horizon=6, models=["holt-winters", "naive"])
    row = next(row for row in result.table if row["model"] == "holt-winters")
    assert row["error"] is None
    assert row["fell_back"] == 1
    assert row["coverage_80"] is not None, "the series that could be fitted still has intervals"


def test_a_model_is_not_excused_from_the_series_that_it_cannot_take():
    easy, hard = monthly().values, 50 * monthly(seed=1).values
    hard = hard - hard.mean()  # negative values: no multiplicative season
    both = inorder.Series.of(np.column_stack([easy, hard]), season_length=12)
    result = compare("forecast", both, horizon=6, models=["holt-winters", "holt-winters-multiplicative"], by="crps")
    assert result.winner == "holt-winters"
    assert {row["model"]: row["fell_back"] for row in result.table} == {"holt-winters": 0, "holt-winters-multiplicative": 1}


def test_a_series_that_begins_late_is_left_out_of_the_folds_and_forecast_all_the_same():
    values = np.column_stack([monthly().values, np.where(np.arange(96) < 80, np.nan, monthly(seed=2).values), np.full(96, np.nan)])
    result = compare("forecast", inorder.Series.of(values, ids=("old", "new", "empty"), season_length=12), horizon=12, models=["naive", "mean"])
    assert any("new, empty" in note for note in result.notes)
    assert result.folds[-1].training.ids == ("old",)
    forecast = result.best.predict(3)
    assert np.isfinite(forecast.mean[:2]).all()
    assert set(forecast.errors) == {"empty"}
    assert "<svg" in result.report()


def test_all_candidates_are_kept_when_asked(tmp_path):
    result = compare("forecast", monthly(), horizon=12, models=CHEAP, keep="all")
    path = result.save(tmp_path / "run")
    assert {p.name for p in (path / "candidates").iterdir()} == set(CHEAP) - {result.winner}
    again = inorder.load(path / "candidates" / "drift").predict(3)
    assert np.array_equal(again.mean, result.kept["drift"].predict(3).mean)
    assert np.array_equal(inorder.load(path).predict(12).mean, result.best.predict(12).mean)


def test_coverage_of_wide_noise_is_about_its_level():
    noise = np.random.default_rng(3).normal(size=(400, 40))
    row = compare("forecast", inorder.Series.of(noise), horizon=20, models=["mean"]).table[0]
    assert row["coverage_80"] == pytest.approx(0.8, abs=0.04)
    assert row["coverage_95"] == pytest.approx(0.95, abs=0.03)
    assert row["crps"] == pytest.approx(0.564, abs=0.04), "σ/√π for a standard normal forecast of a standard normal"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"by": "mas"}, 'Did you mean "mase"'),
        ({"models": ["nave"]}, 'Did you mean "naive"'),
        ({"models": []}, "empty"),
        ({"keep": "some"}, '"some"'),
        ({"folds": 0}, "`folds`.*0"),
        ({"step": -1}, "`step`.*-1"),
        ({"horizon": 0}, "`horizon`.*0"),
        ({"levels": [80]}, "Did you mean 0.8"),
        ({"levels": []}, "`levels` is empty"),
        ({"intervals": "foo"}, '"foo"'),
        ({"budget": 0}, "`budget`.*0"),
    ],
)
def test_options_out_of_range_are_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        compare("forecast", monthly(), **options)


def test_an_unknown_task_is_refused():
    with pytest.raises(ConfigError, match='"forcast" is unknown'):
        compare("forcast", monthly())


def test_the_call_can_be_made_again():
    result = compare("forecast", "air-passengers", horizon=12, models=["naive", "drift"], folds=2)
    again = eval(result.call, {"inorder": inorder})  # our own text
    assert [row["mase"] for row in again.table] == [row["mase"] for row in result.table]


def test_uneven_times_are_compared_at_the_times_at_which_they_came():
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(size=80))
    series = inorder.Series.of(2 * times, index=times)  # a line: only a model that knows the times forecasts it
    result = compare("forecast", series, horizon=5, folds=2)
    assert {row["model"] for row in result.table} == {"continuous-time", "continuous-time-trend", "continuous-time-car"}
    assert "uneven" in result.notes[0] and "--every" in result.notes[0]
    assert result.winner == "continuous-time-trend"
    np.testing.assert_allclose(result.forecasts[result.winner][-1].mean, 2 * times[-5:], rtol=1e-3)
    scores = evaluate(inorder.fit("forecast", series.head(5), "continuous-time-trend"), series)
    assert scores["mae"].value == pytest.approx(result.table[0]["mae"], rel=1e-6)
    with pytest.raises(SeriesError, match="irregular stamps"):
        compare("forecast", series, models=["naive", "continuous-time"])
