"""Autocorrelation, decomposition and residual checks against the textbook, statsmodels and known answers."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, SeriesError
from inorder.features.rolling import centred_mean
from inorder.forecast import diagnostics
from inorder.forecast.diagnostics import acf, acf_band, arch_lm, decompose, equal_variance, jarque_bera, ljung_box, mcleod_li, pacf, residual_checks, runs_test
from inorder.textbook import diagnostics as textbook


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def autoregressive(n: int, phi: float, seed: int = 0) -> np.ndarray:
    y = noise(n, seed)
    for t in range(1, n):
        y[t] += phi * y[t - 1]
    return y


def with_gaps(y: np.ndarray, share: float = 0.15, seed: int = 1) -> np.ndarray:
    y = y.copy()
    y[np.random.default_rng(seed).random(len(y)) < share] = np.nan
    return y


def known_series(folder: Path, name: str, column: int = 1) -> np.ndarray:
    with open(folder / "series" / f"{name}.csv", newline="") as file:
        return np.array([float(row[column] or "nan") for row in list(csv.reader(file))[1:]])


# --- autocorrelation ---


@pytest.mark.parametrize("y", [noise(60), autoregressive(200, 0.8), np.arange(30.0), with_gaps(autoregressive(150, 0.6))])
def test_acf_follows_the_textbook(y: np.ndarray) -> None:
    np.testing.assert_allclose(acf(y, 12), textbook.acf(y, 12), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("y", [noise(60), autoregressive(200, 0.8), with_gaps(autoregressive(400, 0.6), 0.05)])
def test_pacf_is_what_yule_and_walker_say(y: np.ndarray) -> None:
    np.testing.assert_allclose(pacf(y, 12), textbook.pacf(y, 12), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_correlations_agree_with_statsmodels(seed: int) -> None:
    oracle = pytest.importorskip("statsmodels.tsa.stattools")
    y = autoregressive(120 + seed, 0.5 - 0.3 * seed, seed)
    np.testing.assert_allclose(acf(y, 20), oracle.acf(y, nlags=20, fft=False), atol=1e-12)
    np.testing.assert_allclose(pacf(y, 20), oracle.pacf(y, nlags=20, method="ldb"), atol=1e-10)
    r, bounds, *_ = oracle.acf(y, nlags=20, fft=False, qstat=True, alpha=0.05, bartlett_confint=True)
    np.testing.assert_allclose(acf_band(y, 20, kind="bartlett")[1:], (bounds[:, 1] - r)[1:], atol=1e-10)
    r, bounds, *_ = oracle.acf(y, nlags=20, fft=False, qstat=True, alpha=0.2, bartlett_confint=False)
    np.testing.assert_allclose(acf_band(y, 20, 0.8)[1:], (bounds[:, 1] - r)[1:], atol=1e-10)


def test_a_high_level_costs_acf_no_digits() -> None:
    y = 1e9 + noise(50)
    np.testing.assert_allclose(acf(y, 12), textbook.acf(y - 1e9, 12), atol=1e-12)


def test_gaps_do_not_make_a_correlation_look_weak() -> None:
    y = autoregressive(20_000, 0.8)
    assert acf(with_gaps(y, 0.4), 1)[1] == pytest.approx(acf(y, 1)[1], abs=0.02)


def test_pacf_of_an_autoregression_ends_at_its_order() -> None:
    values = pacf(autoregressive(20_000, 0.7), 6)
    assert values[1] == pytest.approx(0.7, abs=0.02)
    assert np.abs(values[2:]).max() < 0.03


def test_pacf_stays_within_one_where_gaps_make_the_impossible() -> None:
    y = np.full(60, np.nan)
    y[[0, 1, 10, 11, 30, 31, 59]] = [5, 5, -4, -4, 3, 3, 9]
    assert np.isfinite(pacf(y, 20)).all() and np.abs(pacf(y, 20)).max() <= 1


@pytest.mark.parametrize("y", [np.full(20, 3.3), np.full(20, np.nan), np.where(np.arange(20) == 7, 1.0, np.nan)])
def test_a_constant_is_not_correlated(y: np.ndarray) -> None:
    assert acf(y, 3).tolist() == [1, 0, 0, 0]
    assert pacf(y, 3).tolist() == [1, 0, 0, 0]


def test_lags_without_a_pair_are_zero() -> None:
    y = np.concatenate([np.full(20, np.nan), noise(6)])
    assert acf(y, 10)[6:].tolist() == [0.0] * 5


@pytest.mark.parametrize(
    ("call", "error", "shown"),
    [
        (lambda: acf([1, 2, 3], 3), ConfigError, "`lags` is 3, but 3 rows have correlations at lags up to 2"),
        (lambda: acf([1, 2, 3], 0), ConfigError, "`lags`.*not 0"),
        (lambda: acf(Series.of(np.ones((4, 2))), 1), SeriesError, r'one series, not at 2.*series\["y1"\]'),
        (lambda: acf_band([1, 2, 3], 1, 95), ConfigError, "between 0 and 1, not 95"),
        (lambda: acf_band([1, 2, 3], 1, kind="barlett"), ConfigError, 'Did you mean "bartlett"'),
        (lambda: ljung_box(noise(30), 2, 2), ConfigError, "`lags` is 2.*2 fitted parameters needs at least 3"),
        (lambda: ljung_box(with_gaps(noise(30)), 29), ConfigError, "`lags` is 29"),
        (lambda: decompose(noise(30), 12, "multiplicativ"), ConfigError, 'Did you mean "multiplicative"'),
        (lambda: decompose(noise(23), 12), SeriesError, "needs 24 rows, two whole seasons of 12; the observations span 23"),
        (lambda: decompose(np.r_[noise(20), [np.nan] * 10], 12), SeriesError, "span 20"),
        (lambda: decompose([], 1), SeriesError, "span 0"),
        (lambda: decompose([1, 2, -3, 4], 2, "multiplicative"), SeriesError, "row 3 is -3"),
        (lambda: decompose(noise(30), 0), ConfigError, "not 0"),
        (lambda: decompose(noise(30), 12, window=5), ConfigError, "season_length=12"),
        (lambda: decompose(noise(30), 1, window=31), ConfigError, "`window` is 31, but the observations span 30"),
    ],
)
def test_wrong_input_is_told(call: Callable[[], object], error: type[Exception], shown: str) -> None:
    with pytest.raises(error, match=shown):
        call()


# --- decomposition ---


def seasonal_series(season: int, n: int, kind: str, seed: int = 0) -> np.ndarray:
    places = np.random.default_rng(seed).normal(size=season)
    trend = 50 + 0.7 * np.arange(n)
    error = noise(n, seed + 1)
    return trend + 8 * np.resize(places, n) + error if kind == "additive" else trend * np.exp(0.2 * np.resize(places, n) + 0.01 * error)


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
@pytest.mark.parametrize(("season", "n"), [(4, 30), (7, 50), (12, 24), (12, 144), (2, 11)])
def test_decomposition_follows_textbook_and_statsmodels(kind: str, season: int, n: int) -> None:
    y = seasonal_series(season, n, kind)
    parts = decompose(y, season, kind)
    for ours, theirs in zip((parts.trend, parts.seasonal, parts.remainder), textbook.decompose(y, season, kind), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    oracle = pytest.importorskip("statsmodels.tsa.seasonal").seasonal_decompose(y, model=kind, period=season)
    for ours, theirs in zip((parts.trend, parts.seasonal, parts.remainder), (oracle.trend, oracle.seasonal, oracle.resid), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_parts_make_the_whole() -> None:
    y = seasonal_series(12, 100, "additive")
    parts = decompose(y, 12, "additive")
    inside = ~np.isnan(parts.trend)
    assert inside.sum() == 88
    np.testing.assert_allclose((parts.trend + parts.seasonal + parts.remainder)[inside], y[inside], rtol=1e-12)
    parts = decompose(y, 12, "multiplicative")
    np.testing.assert_allclose((parts.trend * parts.seasonal * parts.remainder)[inside], y[inside], rtol=1e-12)


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
def test_auto_finds_the_kind(kind: str) -> None:
    for seed in range(5):
        assert decompose(seasonal_series(12, 144, kind, seed), 12).kind == kind


def test_auto_is_additive_where_it_must_be() -> None:
    assert decompose(seasonal_series(12, 144, "multiplicative") - 200, 12).kind == "additive"
    assert decompose(seasonal_series(12, 144, "multiplicative"), 1).kind == "additive"


def test_air_passengers_grow_by_a_factor(shared_data: Path) -> None:
    parts = decompose(known_series(shared_data, "air_passengers"), 12)
    assert parts.kind == "multiplicative"
    assert parts.trend_strength > 0.99 and parts.seasonal_strength > 0.9
    assert parts.seasonal[:12].argmax() in (6, 7) and parts.seasonal[:12].argmin() == 10  # July or August, November


def test_strengths_are_their_definition() -> None:
    y = seasonal_series(4, 80, "additive")
    parts = decompose(y, 4, "additive")
    inside = ~np.isnan(parts.remainder)
    r, t, s = parts.remainder[inside], parts.trend[inside], parts.seasonal[inside]
    assert parts.trend_strength == pytest.approx(1 - r.var() / (t + r).var(), rel=1e-12)
    assert parts.seasonal_strength == pytest.approx(1 - r.var() / (s + r).var(), rel=1e-12)
    weak = decompose(noise(400), 12, "additive")
    assert weak.seasonal_strength < 0.2 and weak.trend_strength < 0.3


def test_no_season_gives_trend_and_remainder() -> None:
    y = 0.5 * np.arange(100) + noise(100)
    parts = decompose(y, 1)
    assert parts.seasonal.tolist() == [0.0] * 100 and parts.seasonal_strength == 0.0
    inside = ~np.isnan(parts.trend)
    assert inside.sum() == 90, "an odd tenth: 11 rows"
    np.testing.assert_allclose((parts.trend + parts.remainder)[inside], y[inside])
    assert parts.trend_strength > 0.95
    assert np.isnan(decompose(y, 1, window=21).trend).sum() == 20


def test_gaps_are_bridged(shared_data: Path) -> None:
    whole = known_series(shared_data, "air_passengers")
    gaps = np.isin(np.arange(144), [0, 1, 20, 33, 34, 35, 60, 87, 100, 101, 142, 143])
    parts, expected = decompose(np.where(gaps, np.nan, whole), 12, "multiplicative"), decompose(whole, 12, "multiplicative")
    known = ~np.isnan(parts.trend)
    assert known.sum() == 144 - 12 - 4, "half a season at both ends of what was observed"
    np.testing.assert_allclose(parts.trend[known], expected.trend[known], rtol=0.01)
    np.testing.assert_allclose(parts.seasonal, expected.seasonal, rtol=0.02)
    np.testing.assert_array_equal(np.isnan(parts.remainder), ~known | gaps)


def test_the_decomposition_of_gaps_beats_straight_lines() -> None:
    t = np.arange(120)
    y = 100 + t + 30 * np.sin(2 * np.pi * t / 12)
    missing = y.copy()
    missing[50:58] = np.nan
    parts = decompose(missing, 12, "additive")
    inside = ~np.isnan(parts.trend)
    assert np.abs(parts.trend - (100 + t))[inside].max() < 1.5
    straight = np.interp(t, t[~np.isnan(missing)], missing[~np.isnan(missing)])
    assert np.abs(centred_mean(straight, 12) - (100 + t))[inside].max() > 5


def test_a_place_of_the_season_that_was_never_seen() -> None:
    y = seasonal_series(4, 40, "additive")
    y[2::4] = np.nan
    parts = decompose(y, 4, "additive")
    assert np.isfinite(parts.seasonal).all() and np.isnan(parts.remainder[2::4]).all()


def test_a_constant_decomposes_into_itself() -> None:
    parts = decompose(np.full(30, 7.0), 4)
    assert np.nanmax(np.abs(parts.remainder)) == 0 and set(parts.seasonal.tolist()) == {0.0}
    assert parts.trend_strength == 0 and parts.seasonal_strength == 0


# --- tests of residuals ---


@pytest.mark.parametrize("y", [noise(100), autoregressive(100, 0.5), with_gaps(noise(100))])
def test_statistics_follow_the_textbook(y: np.ndarray) -> None:
    assert ljung_box(y, 8).statistic == pytest.approx(textbook.ljung_box(y, 8), rel=1e-10)
    assert jarque_bera(y).statistic == pytest.approx(textbook.jarque_bera(y), rel=1e-9)
    if not np.isnan(y).any():
        assert equal_variance(y).statistic == pytest.approx(textbook.equal_variance(y), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("lags", "fitted"), [(1, 0), (10, 0), (24, 3)])
def test_ljung_box_agrees_with_statsmodels(seed: int, lags: int, fitted: int) -> None:
    oracle = pytest.importorskip("statsmodels.stats.diagnostic")
    y = autoregressive(90, 0.2, seed)
    theirs = oracle.acorr_ljungbox(y, lags=[lags], model_df=fitted)
    ours = ljung_box(y, lags, fitted)
    assert ours.statistic == pytest.approx(theirs["lb_stat"].item(), rel=1e-10)
    assert ours.p_value == pytest.approx(theirs["lb_pvalue"].item(), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_ljung_box_keeps_its_size_where_values_are_missing(share: float) -> None:
    """One white series in twenty fails, however many of its values are missing: 400 series, so that 0.05 ± 0.03 holds 99 of 100 times."""
    rng = np.random.default_rng(0)
    series = rng.normal(size=(400, 300))
    series[rng.random(series.shape) < share] = np.nan
    rate = np.mean([ljung_box(row, 10).p_value < 0.05 for row in series])
    assert 0.02 < rate < 0.08


@pytest.mark.parametrize("y", [noise(100), noise(100) ** 3, 1e6 + noise(37), np.random.default_rng(0).exponential(size=60)])
def test_jarque_bera_agrees_with_statsmodels(y: np.ndarray) -> None:
    statistic, p_value, _, _ = pytest.importorskip("statsmodels.stats.stattools").jarque_bera(y)
    assert jarque_bera(y).statistic == pytest.approx(statistic, rel=1e-8)
    assert jarque_bera(y).p_value == pytest.approx(p_value, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("y", [noise(100), noise(101) * np.linspace(1, 3, 101), noise(50) * np.linspace(3, 1, 50)])
def test_equal_variance_agrees_with_statsmodels(y: np.ndarray) -> None:
    oracle = pytest.importorskip("statsmodels.tsa.stattools").breakvar_heteroskedasticity_test
    theirs = oracle(y)
    assert equal_variance(y).statistic == pytest.approx(float(theirs[0]), rel=1e-12)
    assert equal_variance(y).p_value == pytest.approx(float(theirs[1]), rel=1e-10)


def test_equal_variance_with_gaps_refers_means_to_the_f_distribution() -> None:
    from scipy.stats import f

    y = noise(90)
    y[:10] = np.nan
    y[15:20] = np.nan
    part = y[10:]
    first, last = part[:27], part[-27:]
    first = first[~np.isnan(first)]
    ratio = np.mean(last**2) / np.mean(first**2)
    expected = 2 * min(f.cdf(ratio, 27, 22), f.sf(ratio, 27, 22))
    assert equal_variance(y).p_value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("test", [lambda y: ljung_box(y, 10), jarque_bera, equal_variance])
def test_p_values_are_even_under_their_hypothesis(test: Callable[..., diagnostics.Significance]) -> None:
    generator = np.random.default_rng(0)
    p_values = np.array([test(generator.normal(size=400)).p_value for _ in range(600)])
    for level in (0.05, 0.25, 0.5):
        assert (p_values < level).mean() == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / 600) + 0.015)


def test_edges_of_the_statistics() -> None:
    assert jarque_bera([]) == (0.0, 1.0) and jarque_bera([3, 3, 3]) == (0.0, 1.0)
    assert equal_variance([]) == (1.0, 1.0) and equal_variance([0.0] * 9) == (1.0, 1.0)
    assert equal_variance([0.0] * 6 + [1.0] * 3) == (math.inf, 0.0)
    assert ljung_box([2.0] * 9, 3) == (0.0, 1.0)


# --- the checks and their sentences ---

NAMES = ["centred", "uncorrelated", "equal variance", "normal"]


def by_name(residuals: object, season: int = 1, **options: int) -> dict[str, diagnostics.Check]:
    checks = residual_checks(residuals, season, **options)  # type: ignore[arg-type]
    assert [check.name for check in checks] == NAMES
    for check in checks:
        assert check.sentence.endswith(".") and check.sentence[0].isupper() and "nan" not in check.sentence
    return {check.name: check for check in checks}


def test_white_noise_passes() -> None:
    checks = by_name(noise(300, 3), 12)
    assert all(check.passed for check in checks.values())
    assert "24 lags" in checks["uncorrelated"].sentence
    assert checks["uncorrelated"].p_value == ljung_box(noise(300, 3), 24).p_value


@pytest.mark.parametrize(
    ("residuals", "season", "failing", "words"),
    [
        (noise(200) + 1, 1, "centred", ["too low", "trend or drift"]),
        (noise(200) - 1, 1, "centred", ["too high"]),
        (autoregressive(300, 0.6), 1, "uncorrelated", ["over 10 lags", "most at lag 1 (0."]),
        (noise(240) + 3 * np.resize(noise(12, 5), 240), 12, "uncorrelated", ["lag 12", "a season of 12", "seasonal model"]),
        (noise(300) * np.linspace(0.3, 3, 300), 1, "equal variance", ["grown", "too narrow", "multiplicative"]),
        (noise(300) * np.linspace(3, 0.3, 300), 1, "equal variance", ["shrunk", "too wide"]),
        (np.random.default_rng(0).standard_t(2, size=300), 1, "normal", ["not normal", "outliers", "conformal"]),
    ],
)
def test_each_fault_is_named(residuals: np.ndarray, season: int, failing: str, words: list[str]) -> None:
    check = by_name(residuals, season)[failing]
    assert check.passed is False and check.p_value < 0.05
    for word in words:
        assert word in check.sentence


def test_centred_is_the_t_test() -> None:
    from scipy.stats import ttest_1samp

    residuals = noise(40, 4) + 0.3
    expected = ttest_1samp(residuals, 0.0)
    check = by_name(residuals)["centred"]
    assert (check.statistic, check.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-10)


def test_missing_residuals_are_left_out() -> None:
    residuals = np.concatenate([np.full(12, np.nan), noise(100), [np.nan]])
    trimmed = by_name(noise(100))
    for name, check in by_name(residuals).items():
        assert check == trimmed[name]
    assert all(check.passed is not None for check in by_name(with_gaps(noise(100))).values())


@pytest.mark.parametrize("residuals", [[], [np.nan] * 30, noise(7)])
def test_too_few_residuals_are_told_in_words(residuals: object) -> None:
    count = int(np.isfinite(residuals).sum()) if len(residuals) else 0  # type: ignore[arg-type]
    for check in by_name(residuals, 12).values():
        assert check.passed is None and math.isnan(check.p_value)
        assert f"{count} residuals" in check.sentence and "8 are needed" in check.sentence


def test_constant_residuals_are_told_in_words() -> None:
    zero = by_name(np.zeros(50))
    assert zero["centred"].passed is True and "repeats the data exactly" in zero["centred"].sentence
    wrong = by_name(np.full(50, 2.5))
    assert wrong["centred"].passed is False and "2.5" in wrong["centred"].sentence
    assert all(checks[name].passed is None for checks in (zero, wrong) for name in NAMES[1:])


def test_fitted_parameters_are_counted() -> None:
    residuals = noise(100, 2)
    assert by_name(residuals, fitted_parameters=3)["uncorrelated"].p_value == ljung_box(residuals, 10, 3).p_value
    assert by_name(noise(8), fitted_parameters=9)["uncorrelated"].passed is None


def test_the_errors_of_a_naive_forecast_show_the_season(shared_data: Path) -> None:
    y = known_series(shared_data, "air_passengers")
    checks = by_name(np.r_[np.nan, np.diff(y)], 12)
    assert "a season of 12" in checks["uncorrelated"].sentence
    assert "grown" in checks["equal variance"].sentence


# --- values of any size ---

NAN = math.nan
WAVE = np.array([1.0, -1.3, 0.7, -1.1, 0.9] * 8)
ODD = {
    "huge": 1e300 * WAVE,
    "huge and positive": 1e300 * np.abs(WAVE),
    "the ends of the range": np.finfo(np.float64).max * np.sign(WAVE),
    "tiny": 1e-300 * WAVE,
    "tiny and positive": 1e-300 * np.abs(WAVE),
    "the least there are": 5e-324 * np.sign(WAVE),
    "constant": np.full(40, 3.0),
    "huge and constant": np.full(40, 1.7e308),
    "zeros": np.zeros(40),
    "none": np.zeros(0),
    "one": np.array([5.0]),
    "two": np.array([5.0, 7.0]),
    "all missing": np.full(40, NAN),
    "one among missing": np.array([NAN] * 20 + [5.0] + [NAN] * 20),
    "huge with gaps": np.where(np.arange(40) % 3 == 0, NAN, 1e300 * WAVE),
    "huge and tiny": np.array([1e300, 1e-300] * 20),
    "from tiny to huge": np.array([1e-300] * 20 + [1e300] * 20),
    "one huge": np.array([0.0] * 39 + [1e308]),
    "growth": 10.0 ** np.arange(-290, 310, 10),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values_end_in_numbers_or_a_sentence(name):
    """And in no warning, which would be an error here."""
    y = ODD[name]

    def or_a_sentence(function: Callable, *arguments):
        try:
            return function(y, *arguments)
        except (SeriesError, ConfigError) as error:
            assert str(error).endswith(".")
            return None

    for function in (acf, pacf, acf_band):
        found = or_a_sentence(function, 2)
        assert found is None or np.isfinite(found).all()
    for found in (or_a_sentence(ljung_box, 2), jarque_bera(y), equal_variance(y)):
        assert found is None or (0 <= found.p_value <= 1 and found.statistic >= 0)
    for season_length in (1, 4):
        assert all(check.sentence.endswith(".") for check in residual_checks(y, season_length))
        for kind in ("additive", "multiplicative", "auto"):
            parts = or_a_sentence(decompose, season_length, kind)
            if parts is not None:
                assert not any(np.isinf(part).any() for part in (parts.trend, parts.seasonal, parts.remainder))
                assert 0 <= parts.trend_strength <= 1 and 0 <= parts.seasonal_strength <= 1


@pytest.mark.parametrize("unit", [2.0**1000, 2.0**-1000])
def test_units_change_no_judgement(unit):
    y = autoregressive(120, 0.5) + 10
    np.testing.assert_array_equal(acf(y * unit, 12), acf(y, 12))
    np.testing.assert_array_equal(pacf(y * unit, 12), pacf(y, 12))
    assert ljung_box(y * unit, 12) == ljung_box(y, 12)
    assert jarque_bera(y * unit) == jarque_bera(y)
    assert equal_variance(y * unit) == equal_variance(y)
    assert [check.p_value for check in residual_checks((y - 10) * unit, 4)] == [check.p_value for check in residual_checks(y - 10, 4)]
    for kind in ("additive", "multiplicative"):
        parts, wanted = decompose(y * unit, 4, kind), decompose(y, 4, kind)
        np.testing.assert_array_equal(parts.trend, wanted.trend * unit)
        np.testing.assert_array_equal(parts.remainder, wanted.remainder * (unit if kind == "additive" else 1))
        assert (parts.trend_strength, parts.seasonal_strength) == (wanted.trend_strength, wanted.seasonal_strength)


def test_values_too_uneven_for_factors():
    with pytest.raises(SeriesError, match=r'row 2 is 1e-300, too little beside 1e\+300. Use kind="additive"'):
        decompose(ODD["huge and tiny"], 4, "multiplicative")
    assert decompose(ODD["huge and tiny"], 4).kind == "additive"


def clustered(n: int, seed: int = 0) -> np.ndarray:
    """Errors of an ARCH(1) with a share of 0.7."""
    rng = np.random.default_rng(seed)
    e = np.zeros(n)
    for t in range(1, n):
        e[t] = math.sqrt(0.3 + 0.7 * e[t - 1] ** 2) * rng.normal()
    return e


@pytest.mark.parametrize("lags", [1, 5, 12])
@pytest.mark.parametrize("y", [noise(150), clustered(150)], ids=["noise", "clusters"])
def test_tests_of_clusters_agree_with_statsmodels_and_the_textbook(y, lags):
    from statsmodels.stats.diagnostic import acorr_ljungbox, het_arch

    statistic, p_value = het_arch(y, nlags=lags, result_object=False)[:2]
    assert arch_lm(y, lags) == pytest.approx((statistic, p_value), rel=1e-8)
    assert arch_lm(y, lags).statistic == pytest.approx(textbook.arch_lm(y, lags), rel=1e-8)
    other = acorr_ljungbox(y**2, lags=[lags])
    assert mcleod_li(y, lags) == pytest.approx((other["lb_stat"].iloc[0], other["lb_pvalue"].iloc[0]), rel=1e-8)


def test_clusters_are_seen_and_noise_is_not():
    assert arch_lm(clustered(400), 4).p_value < 1e-4 and mcleod_li(clustered(400), 4).p_value < 1e-4
    assert np.mean([arch_lm(noise(200, seed), 4).p_value < 0.05 for seed in range(200)]) < 0.1
    gappy = with_gaps(clustered(400), 0.05)
    assert arch_lm(gappy, 2).p_value < 0.01
    assert arch_lm(np.ones(50), 3) == (0.0, 1.0)
    assert arch_lm(1e300 * noise(60), 3).statistic == pytest.approx(arch_lm(noise(60), 3).statistic, rel=1e-9)
    with pytest.raises(ConfigError, match="needs 12 complete rows; 6 are there"):
        arch_lm(np.arange(11.0), 5)


@pytest.mark.parametrize("y", [noise(40), noise(41, 1), autoregressive(80, 0.8)])
def test_runs_agree_with_statsmodels_and_the_textbook(y):
    from statsmodels.sandbox.stats.runs import runstest_1samp

    assert runs_test(y) == pytest.approx(runstest_1samp(y, cutoff="median", correction=False), rel=1e-9)
    assert runs_test(y).statistic == pytest.approx(textbook.runs_test(y), rel=1e-9)
    assert runs_test(with_gaps(y)) == runs_test(with_gaps(y)[~np.isnan(with_gaps(y))])
    assert runs_test([3.0] * 9) == runs_test([]) == (0.0, 1.0)
