"""Detectors: they look back only, a batch is a stream, alarms come as often as asked, and awkward series end in a sentence or in silence."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom, norm

from inorder.data.frequency import Frequency
from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError, SeriesError
from inorder.forecast.autoregressive import AR
from inorder.forecast.baselines import Mean, Naive, SeasonalNaive
from inorder.forecast.detect import ForecastDetector, WindowedGaussian, as_steps
from inorder.forecast.smoothing import ExponentialSmoothing
from inorder.tasks.detect import CANDIDATES

QUICK = {"probation": 60, "memory": 400, "quiet": 40, "alarm_rate": 0.01}
EACH = {name: one.make(**QUICK) for name, one in CANDIDATES.items()}
each = pytest.mark.parametrize("detector", EACH.values(), ids=EACH.keys())


def daily(rows: int = 600, seed: int = 0, gaps: float = 0.0) -> Series:
    """A season of 24, noise, a spike at 400 and a shift from 500 on."""
    rng = np.random.default_rng(seed)
    y = 10 + 3 * np.sin(np.arange(rows) * np.pi / 12) + rng.normal(0, 0.5, rows)
    y[400:401] += 12
    y[500:] += 6
    y[1:][rng.random(rows - 1) < gaps] = np.nan
    index = np.datetime64("2024-01-01T00", "us") + np.arange(rows) * np.timedelta64(1, "h")
    return Series.of(y, index=index, frequency=Frequency("hour"), season_length=24)


@each
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_a_batch_is_a_stream(detector, gaps):
    series = daily(gaps=gaps)
    fitted = detector.fit(series.head(400))
    found = fitted.detect(series.tail(400))
    session = fitted.stream()
    said = [session.step(y) for y in series.values[200:].tolist()]
    for name in ("score", "expected", "lower", "upper"):
        np.testing.assert_allclose([getattr(one, name) for one in said], getattr(found, name), rtol=1e-9, atol=1e-9, err_msg=name)
    assert [one.is_anomaly for one in said] == found.is_anomaly.tolist()
    assert np.isnan(found.score[np.isnan(found.rows.values)]).all()
    assert not found.is_anomaly[np.isnan(found.rows.values)].any()


@each
def test_later_rows_never_change_earlier_ones(detector):
    series = daily()
    fitted = detector.fit(series.head(400))
    whole = fitted.detect(series.tail(400))
    wild = series.values[200:].copy()
    wild[300:] = 1e6 * np.random.default_rng(1).normal(size=100)
    other = fitted.detect(wild)
    first = fitted.detect(series.values[200:350])
    for name in ("score", "expected", "lower", "upper", "threshold", "is_anomaly"):
        np.testing.assert_array_equal(getattr(other, name)[:300], getattr(whole, name)[:300], err_msg=name)
        np.testing.assert_array_equal(getattr(first, name), getattr(whole, name)[:150], err_msg=name)


@each
def test_taking_rows_in_is_detecting_them(detector):
    series = daily()
    fitted = detector.fit(series.head(400))
    whole = fitted.detect(series.tail(400))
    later = fitted.update(series.head(300).tail(100)).detect(series.tail(300))
    for name in ("score", "expected", "upper"):
        np.testing.assert_allclose(getattr(later, name), getattr(whole, name)[100:], rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_spike_and_the_shift_are_found_and_the_detector_gets_over_them():
    series = daily(4000, seed=2)
    series.values[500:1000] -= 6  # the shift comes at 1000
    found = CANDIDATES["combined"].make(alarm_rate=0.001).fit(series.head(3600)).detect(series.tail(3600))
    raised = np.flatnonzero(found.is_anomaly)  # rows from 400 on
    assert 0 in raised and 600 in raised  # the spike at 400, the shift at 1000
    assert ((raised >= 600) & (raised < 900)).sum() <= 3, "an episode is no more than a few alarms"
    assert (raised >= 900).sum() <= 8, "2,700 rows of the new level are no anomaly; about 3 alarms are due"


# --- the alarm rate ---


def noise(kind: str, rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "white":
        return rng.normal(size=rows)
    if kind == "ar":
        return lfilter([1], [1, -0.8], rng.normal(size=rows))
    if kind == "heavy":
        return rng.standard_t(3, rows)
    return np.cumsum(rng.normal(size=rows))


@pytest.mark.parametrize("kind", ["white", "ar", "heavy", "walk"])
@pytest.mark.parametrize("rate", [0.002, 0.01])
@pytest.mark.parametrize("forecaster", [Mean(), AR(order=2), Naive()], ids=lambda one: one.name)
def test_alarms_come_as_often_as_asked(kind, rate, forecaster):
    """Over ten series the number of alarms lies where 999 of 1,000 binomial ones would: independent rows with that rate."""
    rows, seeds, count = 4000, 10, 0
    for seed in range(seeds):
        y = noise(kind, 500 + rows, seed)
        fitted = ForecastDetector(forecasters=(forecaster,), alarm_rate=rate).fit(y[:500])
        count += int(fitted.detect(y[500:]).is_anomaly.sum())
    low, high = binom(rows * seeds, rate).interval(0.999)
    assert low <= count <= high, f"{count} alarms, {rows * seeds * rate:.0f} asked for"


@pytest.mark.parametrize("kind", ["white", "ar", "heavy", "walk"])
def test_the_largest_rate_that_may_be_asked_for_is_kept(kind):
    y = noise(kind, 4500, 1)
    found = ForecastDetector(forecasters=(Mean(),), alarm_rate=0.2).fit(y[:500]).detect(y[500:])
    assert found.is_anomaly.mean() == pytest.approx(0.2, rel=0.1)


def test_a_detector_without_settings_is_the_combined_one():
    assert ForecastDetector() == CANDIDATES["combined"].make()
    y = noise("white", 600, 0)
    y[500] = 12
    assert ForecastDetector().fit(y[:400]).detect(y[400:]).is_anomaly[100]


def test_the_rarest_usual_rate_on_all_candidates():
    count = {name: 0 for name in CANDIDATES if name != "ar-interval"}
    for seed in range(8):
        y = Series.of(noise("white", 6500, seed), season_length=12)
        for name in count:
            fitted = CANDIDATES[name].make().fit(y.head(6000))
            count[name] += int(fitted.detect(y.tail(6000)).is_anomaly.sum())
    low, high = binom(8 * 6000, 0.001).interval(0.999)
    for name, raised in count.items():
        assert low <= raised <= high, f"{name}: {raised} alarms, 48 asked for"


def test_the_band_is_left_by_single_errors_as_often_as_asked():
    y = noise("heavy", 12_000, 5)
    found = ForecastDetector(forecasters=(Mean(),), alarm_rate=0.01).fit(y[:2000]).detect(y[2000:])
    outside = int(((y[2000:] < found.lower) | (y[2000:] > found.upper)).sum())
    low, high = binom(10_000, 0.01).interval(0.999)
    assert low <= outside <= high


def test_no_alarm_in_the_probation():
    y = noise("white", 400, 0)
    y[150] = y[260] = 50.0
    detector = ForecastDetector(forecasters=(Mean(),), probation=200, quiet=50)
    assert np.flatnonzero(detector.fit(y[:50]).detect(y[50:]).is_anomaly).tolist() == [210]
    assert not replace(detector, probation=1000).fit(y[:50]).detect(y[50:]).is_anomaly.any()


@pytest.mark.parametrize("name", ["combined", "windowed-gaussian", "naive"])
@pytest.mark.parametrize("rows", [8, 60, 99])
def test_a_history_too_short_for_an_alarm_is_told(name, rows):
    """Nothing can be an alarm before `probation` rows are judged; the note says from which row on, and is true."""
    y = noise("white", 400, 3) + 100
    fitted = CANDIDATES[name].make(alarm_rate=0.05).fit(y[:rows])
    assert not fitted.stream().step(1e6).is_anomaly
    (note,) = fitted.notes
    assert "No alarm is raised before 100 rows have been judged" in note and "set `probation` lower" in note and note in fitted.summary()
    wait = int(note.split("this series (")[1].split(" ")[0])
    for extra in (wait - 1, wait):
        session = fitted.update(y[rows : rows + extra]).stream() if extra else fitted.stream()
        assert session.step(1e6).is_anomaly == (extra == wait)
    assert CANDIDATES[name].make(alarm_rate=0.05).fit(y[:101]).notes == ()
    assert replace(CANDIDATES[name].make(alarm_rate=0.05), probation=50).fit(y[:55]).notes == ()
    assert "50 rows have been judged" in replace(CANDIDATES[name].make(), probation=0).fit(y[:40]).notes[0]


def test_a_panel_names_the_series_that_waits_longest():
    y = np.column_stack([noise("white", 300, 1), np.concatenate([np.full(250, math.nan), noise("white", 50, 2)])])
    (note,) = CANDIDATES["mean"].make().fit(Series.of(y)).notes
    assert 'in 1 of 2 series ("y2" needs 51 more rows)' in note


# --- awkward series ---


@each
def test_a_constant_series_raises_nothing_until_it_changes(detector):
    y = np.full(500, 7.0)
    try:
        fitted = detector.fit(Series.of(y[:200], season_length=4))
    except ConfigError as error:  # an autoregression of a constant has no interval
        assert "interval" in str(error)
        return
    assert not fitted.detect(y[200:]).is_anomaly.any()
    y[450] = 8.0
    found = fitted.detect(y[200:])
    assert found.is_anomaly[250] and found.is_anomaly.sum() <= 2  # the way back may be one more, a season later


@each
@pytest.mark.parametrize("scale", [1e300, 1e-300, 1.0])
def test_huge_and_tiny_values_give_the_same_alarms(detector, scale):
    series = daily()
    one = detector.fit(series.head(300)).detect(series.tail(300))
    if not np.isfinite(one.expected).all():
        pytest.fail("a forecast is missing")
    power = 2.0 ** round(math.log2(scale)) if scale != 1 else 1.0
    scaled = replace(series, values=series.values * power)
    other = detector.fit(scaled.head(300)).detect(scaled.tail(300))
    np.testing.assert_array_equal(other.is_anomaly, one.is_anomaly)
    np.testing.assert_allclose(other.score, one.score, rtol=1e-5, atol=1e-5)


@each
@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_short_histories_end_in_a_sentence_or_in_silence(detector, rows):
    try:
        fitted = detector.fit(Series.of(np.arange(1.0, rows + 1) ** 0.5, season_length=3))
    except (ForecastError, ConfigError) as error:
        assert str(error).rstrip().endswith(".")
        return
    found = fitted.detect([1.0, 2.0, math.nan, 100.0])
    assert not found.is_anomaly.any()  # the probation is not over
    assert not np.isinf(found.score).any()


@each
def test_nothing_but_missing_values(detector):
    with pytest.raises(ForecastError, match="observation"):
        detector.fit([math.nan] * 30)
    fitted = detector.fit(daily(300))
    found = fitted.detect(np.full(50, np.nan))
    assert np.isnan(found.score).all() and not found.is_anomaly.any()
    assert math.isfinite(fitted.update(np.full(50, np.nan)).stream().step(10.0).score)


def test_infinite_values_are_refused():
    fitted = ForecastDetector(forecasters=(Mean(),)).fit([1.0, 2.0, 3.0])
    with pytest.raises(SeriesError, match="inf"):
        fitted.stream().step(math.inf)
    with pytest.raises(SeriesError, match="infinite"):
        fitted.detect([1.0, math.inf])


def test_one_forecaster_that_fails_leaves_the_watch_to_the_others():
    short = Series.of(np.random.default_rng(0).normal(size=30), season_length=24)
    both = ForecastDetector(forecasters=(Mean(), ExponentialSmoothing(seasonal="additive"))).fit(short)
    alone = ForecastDetector(forecasters=(Mean(),)).fit(short)
    assert [one.forecaster.name for one in both.members] == ["mean"]
    np.testing.assert_array_equal(both.detect([1.0, 9.0]).score, alone.detect([1.0, 9.0]).score)
    with pytest.raises(ForecastError, match="season"):
        ForecastDetector(forecasters=(SeasonalNaive(),)).fit(Series.of([1.0, 2.0], season_length=24))


def test_a_forecaster_that_cannot_go_on_leaves_the_watch_too():
    positive = ExponentialSmoothing(seasonal="multiplicative")
    y = daily().values[:300]
    detector = ForecastDetector(forecasters=(positive, Mean()), alarm_rate=0.01)
    found = detector.fit(Series.of(y[:200], season_length=24)).detect(np.r_[y[200:], -5.0, y[200:]])
    assert np.isfinite(found.expected).all() and np.isfinite(found.score).all()


# --- panels, gaps, irregular stamps ---


def test_every_series_of_a_panel_is_watched_as_if_alone():
    values = np.column_stack([daily(seed=k).values for k in range(3)])
    values[:, 2] = np.nan
    values[:, 1] *= 100
    panel = Series.of(values, season_length=24)
    detector = ForecastDetector(forecasters=(Mean(), Naive()), alarm_rate=0.01)
    fitted = detector.fit(panel.head(300))
    found = fitted.detect(panel.tail(300))
    for k in range(2):
        alone = detector.fit(values[:300, k]).detect(values[300:, k])
        np.testing.assert_array_equal(found.score[found.part(k)], alone.score)
        np.testing.assert_array_equal(found.is_anomaly[found.part(k)], alone.is_anomaly)
    assert list(fitted.errors) == ["y3"] and not found.is_anomaly[found.part(2)].any()
    with pytest.raises(ForecastError, match='"y3" cannot be watched'):
        fitted.stream("y3")
    assert found.to_frame().columns[:3] == ["series", "time", "y"]


def test_rows_that_are_left_out_count_as_missing():
    series = daily()
    fitted = ForecastDetector(forecasters=(AR(order=2),), alarm_rate=0.01).fit(series.head(400))
    found = fitted.detect(series.tail(390))  # ten hours later
    assert len(found.rows.values) == 400 and np.isnan(found.score[:10]).all()
    session = fitted.stream()
    for _ in range(10):
        session.step(math.nan)
    assert session.step(float(series.values[210])).expected == pytest.approx(found.expected[10], rel=1e-12)


def test_irregular_stamps_are_taken_row_by_row():
    rng = np.random.default_rng(0)
    y, stamps = rng.normal(size=300), np.cumsum(rng.exponential(size=300))
    irregular = Series.of(y, index=stamps, frequency=None)
    irregular = replace(irregular, frequency=None)
    detector = ForecastDetector(forecasters=(Mean(), AR(order=1)), alarm_rate=0.01)
    fitted = detector.fit(irregular.head(100))
    found = fitted.detect(irregular.tail(100))
    even = detector.fit(y[:200]).detect(y[200:])
    np.testing.assert_array_equal(found.score, even.score)
    np.testing.assert_array_equal(found.rows.index, stamps[200:])
    later = fitted.update(irregular.head(50).tail(50)).detect(irregular.tail(50))
    np.testing.assert_allclose(later.score, found.score[50:], rtol=1e-9, atol=1e-9)
    with pytest.raises(SeriesError, match="stamps of their own"):
        fitted.detect([1.0])
    with pytest.raises(SeriesError, match="before the history's last row"):
        fitted.detect(irregular.head(150))
    assert as_steps(irregular).index.tolist() == list(range(1, 301))


# --- parts ---


def test_the_windowed_gaussian_by_its_definition():
    y = np.random.default_rng(3).normal(5, 2, 400)
    y[350] = 20.0
    window, step = 100, 10
    wanted, values, waiting = [], [], []
    for value in y:
        wanted.append(-math.log10(norm.sf(abs(value - np.mean(values)) / np.std(values))) if len(values) > 1 else math.nan)
        if len(values) < window:
            values.append(value)
        else:
            waiting.append(value)
            if len(waiting) == step:
                values, waiting = values[step:] + waiting, []
    found = WindowedGaussian(window=window, step=step).fit(y[:10]).detect(y[10:])
    np.testing.assert_allclose(found.score, wanted[10:], rtol=1e-6)


def test_intervals_excuse_large_errors_where_they_are_wide():
    """After a gap an autoregression's interval is wider, so the same error is less surprising in its widths."""
    y = noise("ar", 2000, 0)
    residual = ForecastDetector(forecasters=(AR(order=1),)).fit(y[:1000])
    interval = ForecastDetector(forecasters=(AR(order=1),), evidence="interval").fit(y[:1000])
    after = np.r_[np.full(20, np.nan), 4.5]
    assert interval.detect(after).score[-1] < residual.detect(after).score[-1] - 0.1
    np.testing.assert_allclose(interval.detect(y[1000:]).score, residual.detect(y[1000:]).score, rtol=1e-3, atol=1e-3)  # else the width is the same
    with pytest.raises(ConfigError, match="no formula"):
        ForecastDetector(forecasters=(ExponentialSmoothing(seasonal="multiplicative"),), evidence="interval").fit(daily())


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"alarm_rate": 0}, "`alarm_rate`.*0"),
        ({"alarm_rate": 0.3}, r"`alarm_rate`.*at most 0\.2.*not 0\.3"),
        ({"alarm_rate": "1/1000"}, "`alarm_rate`"),
        ({"memory": 10}, "`memory`.*50.*10"),
        ({"quiet": -1}, "`quiet`.*-1"),
        ({"evidence": "residuals"}, 'Did you mean "residual"'),
        ({"forecasters": ()}, "`forecasters`"),
    ],
)
def test_settings_out_of_range_are_refused(settings, match):
    with pytest.raises(ConfigError, match=match):
        ForecastDetector(**{"forecasters": (Mean(),), **settings})


def test_an_unknown_setting_is_refused_with_a_near_miss():
    with pytest.raises(ConfigError, match='Did you mean "quiet"'):
        WindowedGaussian().with_settings({"quite": 3})
