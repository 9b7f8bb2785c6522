"""A diagnosis names what was built into the errors, and stays quiet where nothing was."""

from __future__ import annotations

import numpy as np
import pytest

import inorder
from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.arima import ARIMA
from inorder.forecast.autoregressive import AR
from inorder.forecast.baselines import Mean, Naive, SeasonalNaive
from inorder.forecast.decomposed import Decomposed
from inorder.forecast.diagnosis import diagnose
from inorder.forecast.irregular import ContinuousTime
from inorder.forecast.smoothing import ExponentialSmoothing

NAN = float("nan")


def noise(n: int = 200, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def failed(forecaster, y, season: int = 1) -> set[str]:
    return {check.name for check in diagnose(forecaster.fit(Series.of(y, season_length=season))).failed}


def test_the_true_model_passes_as_often_as_it_should():
    """The naive method for random walks: nine checks, of which one in twenty fails by chance."""
    rates = [len(failed(Naive(), noise(200, seed).cumsum(), 4)) for seed in range(60)]
    assert np.mean(rates) / 9 < 0.09


def walk_with_gaps(seed: int) -> Series:
    """An ARIMA(0,1,1) of which three values in ten are missing, and thirty in a row."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=300)
    y = np.cumsum(shocks) - 0.6 * np.concatenate([[0.0], np.cumsum(shocks)[:-1]])
    y[rng.random(300) < 0.3] = NAN
    y[150:180] = NAN
    return Series.of(y)


def decaying(seed: int) -> Series:
    """An Ornstein–Uhlenbeck process about 10 under noise, at times that lie close together or far apart."""
    rng = np.random.default_rng(seed)
    times = np.concatenate([[0.0], np.cumsum(rng.exponential(size=199) * np.where(rng.random(199) < 0.1, 8.0, 0.5))])
    x = np.empty(200)
    x[0] = rng.normal()
    for t in range(1, 200):
        kept = np.exp(-0.5 * (times[t] - times[t - 1]))
        x[t] = kept * x[t - 1] + np.sqrt(1 - kept**2) * rng.normal()
    return Series.of(10 + x + 0.1 * rng.normal(size=200), index=times)


@pytest.mark.parametrize(
    ("forecaster", "drawn"), [(ARIMA(order=(0, 1, 1)), walk_with_gaps), (ContinuousTime("car", order=1), decaying)], ids=["gaps", "uneven times"]
)
def test_the_true_model_passes_as_often_where_steps_differ(forecaster, drawn):
    """After a gap an error is that of several steps; judged by its size alone four of ten such diagnoses named outliers."""
    found = [forecaster.fit(drawn(seed)).diagnose() for seed in range(20)]
    asked = [check for one in found for check in one.checks if check.passed is not None]
    assert np.mean([check.passed is False for check in asked]) < 0.09
    for name in ("normal", "no outliers", "coverage", "uncorrelated"):
        assert sum(check.passed is False for check in asked if check.name == name) <= 4, name
        assert sum(check.name == name for check in asked) == 20


def test_errors_where_steps_differ_are_in_units_of_the_usual_one():
    fitted = ContinuousTime("car", order=1).fit(decaying(0))
    diagnosis, deviation = fitted.diagnose(), fitted.deviations(0)
    np.testing.assert_allclose(diagnosis.errors / np.nanmedian(deviation), fitted.residuals / deviation, rtol=1e-12)
    assert np.nanmax(deviation) > 1.5 * np.nanmin(deviation)


def test_rows_at_uneven_times_have_no_place_in_a_season():
    fitted = ContinuousTime("car", order=1, season_length=4).fit(decaying(0))
    assert "no season left" not in {check.name for check in fitted.diagnose().checks}


def test_a_model_that_is_wrong_is_found_at_uneven_times_too():
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(size=200))
    y = np.cumsum(rng.normal(size=200))
    y[120] += 30
    assert "no outliers" in {check.name for check in ContinuousTime("level").fit(Series.of(y, index=times)).diagnose().failed}


def test_values_missing_at_the_end_leave_the_coverage_as_it_is():
    y = np.cumsum(noise(200))
    whole, longer = (ARIMA(order=(0, 1, 1)).fit(Series.of(np.append(y, [NAN] * rows))).diagnose() for rows in (0, 8))
    (one,), (other,) = ([check for check in found.checks if check.name == "coverage"] for found in (whole, longer))
    assert other.statistic == pytest.approx(one.statistic, abs=0.011)


def test_each_fault_is_named():
    season = np.resize([5.0, 0.0, -5.0, 0.0], 200)
    assert {"no season left", "uncorrelated"} <= failed(Mean(), season + noise(), 4)
    assert "no season left" not in failed(SeasonalNaive(), season + noise(), 4)
    assert {"random signs", "uncorrelated"} <= failed(Mean(), noise().cumsum())
    assert "random signs" in failed(Naive(), noise())
    outlier = noise()
    outlier[150] += 9
    assert "no outliers" in failed(Mean(), outlier)
    clusters = np.zeros(400)
    for t in range(1, 400):
        clusters[t] = np.sqrt(0.3 + 0.7 * clusters[t - 1] ** 2) * noise(400)[t]
    assert "no clusters" in failed(Mean(), clusters)
    heavy = np.where(np.arange(400) % 10 == 0, 12.0, 1.0) * noise(400)
    assert "coverage" in failed(Mean(), heavy)


def test_it_reads_as_sentences_with_the_worst_first():
    diagnosis = diagnose(Mean().fit(Series.of(noise().cumsum())))
    lines = str(diagnosis).splitlines()
    assert lines[0].startswith('mean of "y" fails ')
    assert lines[1].startswith("  wrong ")
    assert all(line.endswith(".") for line in lines)
    assert str(diagnose(Mean().fit(Series.of(noise())))).splitlines()[0] == 'mean of "y" passes all 8 checks.'


def test_the_largest_outlier_is_dated():
    index = (np.datetime64("2015-01", "M") + np.arange(100)).astype("datetime64[us]")
    values = noise(100)
    values[40] += 12
    from inorder.data.frequency import Frequency

    diagnosis = diagnose(Mean().fit(Series.of(values, index=index, frequency=Frequency("month"))))
    (sentence,) = (check.sentence for check in diagnosis.checks if check.name == "no outliers")
    assert "One error is an outlier" in sentence and "at 2018-05" in sentence


def test_it_gives_a_frame_and_a_figure():
    diagnosis = diagnose(ExponentialSmoothing(trend="additive").fit(Series.of(noise(60).cumsum())))
    frame = diagnosis.to_frame()
    assert frame.columns == ["check", "passed", "statistic", "p_value", "sentence"]
    assert frame["check"].to_list()[:4] == ["centred", "uncorrelated", "equal variance", "normal"]
    assert len(diagnosis.plot().axes) == 3


def test_the_order_of_the_model_is_counted():
    fitted = AR(order=3).fit(Series.of(noise(120)))
    from inorder.forecast.diagnostics import residual_checks

    expected = residual_checks(fitted.residuals, 1, fitted_parameters=3)[1]
    assert diagnose(fitted).checks[1] == expected


def test_a_model_in_logarithms_is_judged_by_its_own_errors():
    y = np.exp(3 + 0.4 * np.sin(2 * np.pi * np.arange(96) / 12) + 0.02 * noise(96).cumsum())
    fitted = Decomposed(season_length=12, inner="naive", log=True).fit(Series.of(y))
    diagnosis = diagnose(fitted)
    np.testing.assert_array_equal(diagnosis.errors, fitted.innovations)
    assert [check.passed for check in diagnosis.checks if check.name == "coverage"] == [True]


def test_notes_of_the_model_are_told():
    fitted = Decomposed(season_lengths=(4, 50)).fit(Series.of(np.resize([5.0, 0.0, -5.0, 0.0], 80) + noise(80)))
    assert "season of 50 is left out" in str(diagnose(fitted)).splitlines()[-1]


def test_a_series_of_a_panel_is_chosen_by_name_or_place():
    panel = Series.of(np.column_stack([noise(), noise(seed=1).cumsum(), np.full(200, NAN)]))
    fitted = Mean().fit(panel)
    assert diagnose(fitted, "y2").series == diagnose(fitted, 1).series == diagnose(fitted, -2).series == "y2"
    assert len(diagnose(fitted, "y2").failed) > len(diagnose(fitted, "y1").failed)
    with pytest.raises(ForecastError, match='Series "y3" could not be fitted.*no observation'):
        diagnose(fitted, "y3")
    with pytest.raises(ConfigError, match='Series "y4" is unknown'):
        diagnose(fitted, "y4")


def test_a_network_is_diagnosed_too():
    fitted = inorder.LSTMForecaster(hidden_size=3, context=16, max_epochs=1).fit(Series.of(noise(80).cumsum()))
    assert [check.name for check in diagnose(fitted).checks][:2] == ["centred", "uncorrelated"]


@pytest.mark.parametrize(
    "y", [[5.0, 7.0, 6.0], [3.0] * 40, list(range(40)), [1e300, -1e300] * 20, [4.0, NAN, 5.0, NAN, 7.0, NAN] * 8, [3.0] * 39 + [4.0], [1.0] * 20 + [1e300] * 20]
)
@pytest.mark.parametrize("forecaster", [Mean(), Naive(), ExponentialSmoothing()])
def test_odd_series_end_in_sentences(y, forecaster):
    for m in (1, 4, 24):
        diagnosis = diagnose(forecaster.fit(Series.of(y, season_length=m)))
        assert str(diagnosis).endswith(".")
        assert diagnosis.to_frame().height == len(diagnosis.checks) >= 4
