"""Vector autoregression against statsmodels, the textbook, dense conditioning, and simulation."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from statsmodels.tsa.api import VAR as Peer
from statsmodels.tsa.stattools import grangercausalitytests

from inorder.data.series import Series, read_series
from inorder.errors import BundleError, ConfigError, ForecastError, SeriesError, ShapeError
from inorder.forecast.var import VAR, VARFitted, is_system
from inorder.textbook import var as textbook

NAN = math.nan
Z80, Z95 = 1.2815515655446004, 1.959963984540054


@pytest.fixture(scope="module")
def real(shared_data):
    """Quarterly growth of five US aggregates (fpp2), and of GDP, consumption and investment (statsmodels' own example)."""
    change = read_series(shared_data / "series" / "us_change.csv")
    macro = np.genfromtxt(shared_data / "series" / "macrodata.csv", delimiter=",", names=True, deletechars='"', replace_space="")
    growth = np.diff(np.log(np.column_stack([macro[name] for name in ("realgdp", "realcons", "realinv")])), axis=0)
    assert growth.shape == (202, 3)
    return {"change": change, "macro": Series.of(growth, ids=("gdp", "consumption", "investment"))}


def table(series: Series) -> np.ndarray:
    return series.values.reshape(len(series), -1).T


def matrix(named) -> np.ndarray:
    """(regressors, channels) of one dictionary a channel."""
    return np.array([list(column.values()) for column in named]).T


# --- beside statsmodels ---


@pytest.mark.parametrize("name", ["change", "macro"])
@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize(("trend", "theirs"), [("none", "n"), ("constant", "c"), ("linear", "ct")])
def test_estimates_as_statsmodels(real, name, order, trend, theirs):
    series = real[name]
    peer = Peer(table(series)).fit(order, trend=theirs)
    fitted = VAR(order=order, trend=trend).fit(series)
    np.testing.assert_allclose(matrix(fitted.coefficients), peer.params, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(matrix(fitted.standard_errors), peer.stderr, rtol=1e-8)
    np.testing.assert_allclose(fitted.lag_matrices, peer.coefs, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fitted.error_covariance, peer.sigma_u, rtol=1e-9)
    assert fitted.loglik == pytest.approx(peer.llf, rel=1e-10)
    np.testing.assert_allclose(table_of(fitted.fitted_values, fitted)[order:], peer.fittedvalues, rtol=1e-8, atol=1e-10)
    roots = np.sort(np.abs(fitted.stability().roots))
    np.testing.assert_allclose(roots, np.sort(1 / np.abs(peer.roots)), rtol=1e-6)
    assert fitted.stability().stable == peer.is_stable()
    # their criteria are per row, and do not count Σ
    n, k = peer.nobs, len(series) * (len(series) + 1) / 2
    constant = len(series) * (math.log(2 * math.pi) + 1)
    assert fitted.aic / n == pytest.approx(peer.aic + constant + 2 * k / n, rel=1e-9)
    assert fitted.bic / n == pytest.approx(peer.bic + constant + k * math.log(n) / n, rel=1e-9)
    criteria = fitted.describe()["criteria"]
    assert (criteria["aic"][0], criteria["aicc"][0], criteria["bic"][0]) == pytest.approx((fitted.aic, fitted.aicc, fitted.bic), rel=1e-12)
    assert criteria["hq"][0] / n == pytest.approx(peer.hqic + constant + 2 * k * math.log(math.log(n)) / n, rel=1e-9)
    assert criteria["fpe"][0] == pytest.approx(peer.fpe, rel=1e-8)


def table_of(values: np.ndarray, fitted: VARFitted) -> np.ndarray:
    return values.reshape(len(fitted.history), -1).T


@pytest.mark.parametrize("name", ["change", "macro"])
@pytest.mark.parametrize(("trend", "theirs"), [("none", "n"), ("constant", "c"), ("linear", "ct")])
def test_order_as_statsmodels(real, name, trend, theirs):
    peer = Peer(table(real[name])).select_order(9, trend=theirs)
    for ours, key in {"aic": "aic", "bic": "bic", "hq": "hqic", "fpe": "fpe"}.items():
        fitted = VAR(criterion=ours, max_order=9, trend=trend).fit(real[name])
        assert fitted.order == peer.selected_orders[key]
        criteria = fitted.describe()["criteria"]
        assert criteria["order"] == list(range(0 if trend != "none" else 1, 10))
        assert fitted.order == criteria["order"][int(np.argmin(criteria[ours]))]
        # differences between orders are theirs, but for the number of rows they divide by
        values = np.array(criteria[ours])
        n = len(table(real[name])) - 9
        expected = np.array(peer.ics[key])
        np.testing.assert_allclose(*((values, expected) if ours == "fpe" else (np.diff(values) / n, np.diff(expected))), rtol=1e-7, atol=1e-10)
        # and the chosen one is fitted again to all rows
        assert fitted.model.rows == len(table(real[name])) - fitted.order


@pytest.mark.parametrize("name", ["change", "macro"])
def test_forecasts_and_intervals_as_statsmodels(real, name):
    y = table(real[name])
    peer = Peer(y).fit(2)
    mean, lower, upper = peer.forecast_interval(y[-2:], 12, alpha=0.05)
    fitted = VAR(order=2, coefficient_errors=False).fit(real[name])
    forecast = fitted.predict(12, [0.95])
    np.testing.assert_allclose(forecast.mean.T, mean, rtol=1e-8, atol=1e-12)
    deviation = np.sqrt(np.array([np.diag(one) for one in peer.mse(12)]))
    np.testing.assert_allclose((forecast.upper[0.95] - forecast.mean).T, Z95 * deviation, rtol=1e-8)
    np.testing.assert_allclose((forecast.mean - forecast.lower[0.95]).T, Z95 * deviation, rtol=1e-8)
    # with the errors of the coefficients: statsmodels averages over where the series might end, we count from where it does
    counted = VAR(order=2).fit(real[name]).predict(12, [0.95])
    np.testing.assert_array_equal(counted.mean, forecast.mean)
    assert (counted.upper[0.95] > forecast.upper[0.95]).all()
    np.testing.assert_allclose((counted.upper[0.95] - counted.mean).T, upper - mean, rtol=0.08)
    assert np.abs((counted.upper[0.95] - counted.mean).T / (upper - mean) - 1).max() > 1e-4  # not the same formula
    assert (lower < mean).all()


@pytest.mark.parametrize("name", ["change", "macro"])
@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("is_orthogonal", [True, False])
def test_impulse_responses_as_statsmodels(real, name, order, is_orthogonal):
    peer = Peer(table(real[name])).fit(order).irf(10)
    ours = VAR(order=order).fit(real[name]).impulse_responses(10, orthogonal=is_orthogonal, levels=(0.8, 0.95))
    np.testing.assert_allclose(ours.values, peer.orth_irfs if is_orthogonal else peer.irfs, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(ours.standard_errors, peer.stderr(orth=is_orthogonal), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ours.upper[0.95] - ours.values, Z95 * ours.standard_errors, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(ours.values - ours.lower[0.8], Z80 * ours.standard_errors, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", ["change", "macro"])
def test_decomposition_and_tests_as_statsmodels(real, name):
    peer, fitted = Peer(table(real[name])).fit(3), VAR(order=3).fit(real[name])
    shares = fitted.variance_decomposition(12)
    np.testing.assert_allclose(shares, peer.fevd(12).decomp.transpose(1, 0, 2), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(shares.sum(axis=2), 1, rtol=1e-12)
    for lags in (4, 10):
        theirs = peer.test_whiteness(lags, adjusted=True)
        assert fitted.portmanteau(lags) == pytest.approx((theirs.test_statistic, theirs.pvalue), rel=1e-8)
    theirs = peer.test_normality()
    assert fitted.normality() == pytest.approx((theirs.test_statistic, theirs.pvalue), rel=1e-8)
    ids = real[name].ids
    for effect, causes in [(0, [1]), (1, [0, 2]), (2, [1])]:
        ours = fitted.granger([ids[i] for i in causes], ids[effect])
        by_f, wald = (peer.test_causality(effect, causes, kind=kind) for kind in ("f", "wald"))
        assert ours.f.statistic == pytest.approx(by_f.test_statistic, rel=1e-8)
        assert ours.wald == pytest.approx((wald.test_statistic, wald.pvalue), rel=1e-8)
        assert ours.restrictions == 3 * len(causes)


def test_granger_of_two_series_is_the_f_test_of_one_regression(real):
    """statsmodels' `grangercausalitytests` compares the sums of squares of the regressions with and without the cause."""
    y = table(real["macro"])[:, :2]
    fitted = VAR(order=2).fit(Series.of(y, ids=("gdp", "consumption")))
    ours = fitted.granger("consumption", "gdp")
    f, p, denominator, numerator = granger_peer(y)
    assert ours.f == pytest.approx((f, p), rel=1e-8)
    assert (ours.degrees, ours.restrictions) == (denominator, numerator)
    assert str(ours).startswith("The past of consumption helps to forecast gdp: F(2, 195) = ")


def granger_peer(y):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that `verbose` is deprecated
        return grangercausalitytests(y, [2])[2][0]["ssr_ftest"]


# --- beside the textbook ---

RNG = np.random.default_rng(5)
A1, A2 = np.array([[0.5, 0.2, 0.0], [-0.3, 0.4, 0.1], [0.0, 0.2, 0.6]]), np.array([[-0.2, 0.0, 0.1], [0.0, 0.1, 0.0], [0.1, 0.0, -0.3]])
NOISY = np.zeros((90, 3))
for _t in range(2, 90):
    NOISY[_t] = [1.0, 2.0, -1.0] + A1 @ NOISY[_t - 1] + A2 @ NOISY[_t - 2] + RNG.normal(size=3) @ np.array([[1.0, 0.4, 0.0], [0.0, 0.8, -0.3], [0.0, 0.0, 1.2]])
GAPPY = NOISY.copy()
GAPPY[[4, 30, 31, 50], [0, 1, 1, 2]] = NAN
GAPPY[60] = NAN
GAPPY[88:, 1] = NAN
SERIES = {"whole": NOISY, "gappy": GAPPY}
ONCE = NOISY[10:12]


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("trend", ["none", "constant", "linear"])
def test_as_the_textbook(name, order, trend):
    if order == 0 and trend == "none":
        return
    y = SERIES[name]
    fitted = VAR(order=order, trend=trend).fit(Series.of(y))
    book = textbook.fit_var(y, order, trend)
    np.testing.assert_allclose(matrix(fitted.coefficients), book.beta, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(matrix(fitted.standard_errors), np.sqrt(np.outer(np.diag(book.inverse), np.diag(book.sigma))), rtol=1e-8)
    np.testing.assert_allclose(fitted.error_covariance, book.sigma, rtol=1e-9)
    np.testing.assert_allclose(fitted.lag_matrices, np.array(book.lags).reshape(order, 3, 3), rtol=1e-8, atol=1e-10)
    assert fitted.model.rows == book.rows
    criteria = fitted.describe()["criteria"]
    np.testing.assert_allclose(np.array(list(criteria.values())).T, textbook.criteria(y, [order], trend), rtol=1e-9)
    if name == "gappy":
        return
    forecast = fitted.predict(9, [0.95])
    np.testing.assert_allclose(forecast.mean.T, textbook.forecast(y, book, 9, trend), rtol=1e-9)
    total = np.array(textbook.error_covariance(book, 9)) + np.array(textbook.coefficient_covariance(y, book, 9, trend))
    np.testing.assert_allclose((forecast.upper[0.95] - forecast.mean).T, Z95 * np.sqrt(np.diagonal(total, axis1=1, axis2=2)), rtol=1e-8)
    state = fitted._run[1]
    z = fitted.model.ahead(state, np.empty((9, 0)))[1]
    unit = fitted.model.unit
    np.testing.assert_allclose(fitted.model.error_covariance(state, z, True) * unit[:, None] * unit, total, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("is_orthogonal", [True, False])
def test_responses_as_the_textbook(order, is_orthogonal):
    fitted, book = VAR(order=order).fit(Series.of(NOISY)), textbook.fit_var(NOISY, order)
    ours = fitted.impulse_responses(7, orthogonal=is_orthogonal)
    np.testing.assert_allclose(ours.values, (textbook.orthogonal if is_orthogonal else textbook.responses)(book, 7), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.standard_errors, textbook.response_errors(book, 7)[is_orthogonal], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(fitted.variance_decomposition(6), textbook.variance_decomposition(book, 6), rtol=1e-9, atol=1e-12)
    errors = textbook.errors_of(NOISY, book)
    assert fitted.portmanteau(6).statistic == pytest.approx(textbook.portmanteau(errors, 6), rel=1e-9)
    if order:
        assert fitted.granger(["y1", "y3"], "y2").wald.statistic == pytest.approx(textbook.granger(book, [0, 2], [1]), rel=1e-9)
        assert fitted.granger("y3", ["y1", "y2"]).wald.statistic == pytest.approx(textbook.granger(book, [2], [0, 1]), rel=1e-9)
        assert fitted.granger("y3", ["y1", "y2"]).restrictions == 2 * order


@pytest.mark.parametrize("trend", ["constant", "none", "linear"])
@pytest.mark.parametrize("name", SERIES)
def test_orders_as_the_textbook(name, trend):
    fitted = VAR(max_order=5, trend=trend, criterion="aicc").fit(Series.of(SERIES[name]))
    criteria = fitted.describe()["criteria"]
    book = textbook.criteria(SERIES[name], range(0 if trend != "none" else 1, 6), trend)
    np.testing.assert_allclose(np.array(list(criteria.values())).T, book, rtol=1e-9)
    assert fitted.order == book[np.argmin(book[:, 2]), 0]


@pytest.mark.parametrize("order", [1, 2])
def test_missing_values_are_replaced_by_their_expectation(order):
    """Dense conditioning of the joint normal distribution on everything that was seen; also the width of the intervals after a gap at the end."""
    fitted = VAR(order=order, coefficient_errors=False).fit(Series.of(GAPPY))
    book = textbook.fit_var(GAPPY, order)
    begin = 2  # nothing is missing before row 4
    expected, spread = textbook.expectations(GAPPY, book, begin)
    np.testing.assert_allclose(table_of(fitted.fitted_values, fitted)[begin:], expected[begin:-1], rtol=1e-6, atol=1e-8)
    forecast = fitted.predict(1, [0.95])
    np.testing.assert_allclose(forecast.mean[:, 0], expected[-1], rtol=1e-7)
    np.testing.assert_allclose((forecast.upper[0.95] - forecast.mean)[:, 0], Z95 * np.sqrt(np.diag(spread[-1])), rtol=1e-6)
    # and two steps ahead: as if one more row were missing
    longer, wider = textbook.expectations(np.concatenate([GAPPY, np.full((1, 3), NAN)]), book, begin)
    forecast = fitted.predict(2, [0.95])
    np.testing.assert_allclose(forecast.mean[:, 1], longer[-1], rtol=1e-7)
    np.testing.assert_allclose((forecast.upper[0.95] - forecast.mean)[:, 1], Z95 * np.sqrt(np.diag(wider[-1])), rtol=1e-6)


def test_a_gap_is_told():
    notes = VAR(order=1).fit(Series.of(GAPPY)).notes
    assert any("7 steps have a missing value" in note and "left out of the fit" in note for note in notes)
    assert VAR(order=1).fit(Series.of(NOISY)).notes == ()


# --- covariates ---


def with_covariates(steps: int = 6, differ: bool = False) -> Series:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(90 + steps, 3)) if differ else np.repeat(rng.normal(size=(90 + steps, 1)), 3, axis=1)
    y = NOISY + 3 * x[:90, :1]
    series = Series.of(y, ids=("a", "b", "c"))
    return dataclasses.replace(series, future={"price": x[:90].T.reshape(-1)}, ahead={"price": np.ascontiguousarray(x[90:].T)})


def test_covariates_as_statsmodels():
    series = with_covariates()
    x = series.future["price"][:90, None]
    later = series.ahead["price"][0, :, None]
    peer = Peer(table(series), exog=x).fit(2)
    fitted = VAR(order=2).fit(series)
    assert fitted.regressors[:2] == ("constant", "price")
    expected = peer.params  # constant, exogenous, lags
    np.testing.assert_allclose(matrix(fitted.coefficients), expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(matrix(fitted.standard_errors), peer.stderr, rtol=1e-8)
    forecast = fitted.predict(6, [0.95])
    np.testing.assert_allclose(forecast.mean.T, peer.forecast(table(series)[-2:], 6, exog_future=later), rtol=1e-8)
    book = textbook.fit_var(table(series), 2, x=x)
    both = np.concatenate([x, later])
    np.testing.assert_allclose(forecast.mean.T, textbook.forecast(table(series), book, 6, x=both), rtol=1e-9)
    total = np.array(textbook.error_covariance(book, 6)) + np.array(textbook.coefficient_covariance(table(series), book, 6, x=both))
    np.testing.assert_allclose((forecast.upper[0.95] - forecast.mean).T, Z95 * np.sqrt(np.diagonal(total, axis1=1, axis2=2)), rtol=1e-8)


def test_covariates_that_differ_count_once_for_each_series():
    series = with_covariates(differ=True)
    fitted = VAR(order=1).fit(series)
    assert fitted.regressors[:4] == ("constant", "price of a", "price of b", "price of c")
    book = textbook.fit_var(table(series), 1, x=series.future["price"].reshape(3, -1).T)
    np.testing.assert_allclose(matrix(fitted.coefficients), book.beta, rtol=1e-8, atol=1e-9)
    assert "differ between the series" in fitted.notes[0] and "price" in fitted.notes[0]


def test_covariates_go_on():
    series = with_covariates()
    fitted = VAR(order=1).fit(series.head(4))
    later = fitted.update(series.tail(4))
    np.testing.assert_allclose(later.predict(3, ()).mean, VARFitted(fitted.forecaster, series, fitted.model).predict(3, ()).mean, rtol=1e-12)
    session = fitted.stream()
    for row in table(series)[-4:]:
        next_one = session.step(row)
    np.testing.assert_allclose(next_one, later.predict(1, ()).mean[:, 0], rtol=1e-10)
    np.testing.assert_allclose(session.predict(6), later.predict(6, ()).mean, rtol=1e-10)
    with pytest.raises(ForecastError, match="The system has 1 future covariates, and those of the next 7 steps are needed; 6 are known"):
        session.predict(7)
    for _ in range(5):
        session.step(np.zeros(3))
    with pytest.raises(ForecastError, match=r"step\(y, ahead="):
        session.step(np.zeros(3))
    session.step(np.zeros(3), ahead=[0.5])
    with pytest.raises(ForecastError, match='A forecast of 11 steps needs 11 values of the future covariate "price" after the last observation; there are 10'):
        fitted.predict(11)
    changed = dataclasses.replace(series, future={"price": np.concatenate([series.future["price"][:-1], [9.0]])})
    with pytest.raises(ForecastError, match="was the same in all series when the system was fitted, and now differs"):
        fitted.update(changed.tail(4))
    gap = series.future["price"].copy()
    gap[[3, 93, 183]] = NAN
    with pytest.raises(ForecastError, match='The future covariate "price" is missing at 4'):
        VAR(order=1).fit(dataclasses.replace(series, future={"price": gap}))


# --- by simulation ---


def test_a_process_is_recovered():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(20_000, 3)) @ np.array([[1.0, 0.4, 0.0], [0.0, 0.8, -0.3], [0.0, 0.0, 1.2]])
    y = np.zeros_like(noise)
    for t in range(2, len(y)):
        y[t] = [1.0, 2.0, -1.0] + A1 @ y[t - 1] + A2 @ y[t - 2] + noise[t]
    fitted = VAR(max_order=6, criterion="bic").fit(Series.of(y[100:]))
    assert fitted.order == 2
    np.testing.assert_allclose(fitted.lag_matrices, [A1, A2], atol=0.03)
    np.testing.assert_allclose(fitted.error_covariance, np.cov(noise.T), atol=0.03)
    assert fitted.portmanteau(10).p_value > 0.01 and fitted.normality().p_value > 0.01
    assert fitted.granger("y1", "y3").f.p_value < 1e-6  # through A₂
    assert fitted.granger("y3", "y1").f.p_value < 1e-6


def many_systems(count: int, length: int, seed: int) -> np.ndarray:
    """(count, length, 3) histories of the process above."""
    rng = np.random.default_rng(seed)
    y = np.zeros((count, length + 60, 3))
    for t in range(2, length + 60):
        y[:, t] = [1.0, 2.0, -1.0] + y[:, t - 1] @ A1.T + y[:, t - 2] @ A2.T + rng.normal(size=(count, 3))
    return y[:, 60:]


def coverage(y: np.ndarray, counted: bool, intervals: str, horizon: int = 6) -> float:
    """The share of the last `horizon` rows that lie in 80 % intervals made from those before."""
    hits = []
    for one in y:
        forecast = VAR(order=2, coefficient_errors=counted).fit(Series.of(one[:-horizon])).predict(horizon, [0.8], intervals=intervals)
        hits.append(((one[-horizon:].T >= forecast.lower[0.8]) & (one[-horizon:].T <= forecast.upper[0.8])).mean())
    return float(np.mean(hits))


def test_intervals_cover():
    """40 rows and 7 coefficients an equation, one step ahead, 4,500 forecasts: chance moves the share by 1.2 points (two deviations)."""
    y = many_systems(1500, 41, seed=2)
    assert abs(coverage(y, True, "analytic", 1) - 0.8) < 0.02
    assert coverage(y, False, "analytic", 1) < 0.77


@pytest.mark.parametrize("intervals", ["simulated", "bootstrap"])
def test_intervals_from_paths_cover(intervals):
    assert abs(coverage(many_systems(150, 126, seed=15), True, intervals) - 0.8) < 0.03


def test_bands_of_responses_are_what_repetition_shows():
    """Standard errors against the spread of the estimates over many series of the same process; those of the bootstrap, too."""
    y = many_systems(400, 200, seed=2)
    fits = [VAR(order=2).fit(Series.of(one)) for one in y]
    drawn = np.array([fitted.impulse_responses(5).values for fitted in fits])
    told = np.sqrt(np.mean([fitted.impulse_responses(5).standard_errors ** 2 for fitted in fits], axis=0))
    spread = drawn.std(axis=0)
    moves = spread > 1e-9
    np.testing.assert_allclose(told[moves], spread[moves], rtol=0.2)
    bootstrap = fits[0].impulse_responses(5, bands="bootstrap", samples=400)
    asymptotic = fits[0].impulse_responses(5)
    np.testing.assert_allclose(bootstrap.standard_errors[moves], asymptotic.standard_errors[moves], rtol=0.25)
    np.testing.assert_array_equal(bootstrap.values, asymptotic.values)
    assert (bootstrap.lower[0.95] <= bootstrap.upper[0.95]).all()
    assert (bootstrap.standard_errors[0][~moves[0]] < 1e-12).all()


def test_the_bootstrap_takes_gaps_and_the_same_draws_again():
    fitted = VAR(order=1).fit(Series.of(GAPPY))
    first, again = (fitted.impulse_responses(3, bands="bootstrap", samples=60, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.standard_errors, again.standard_errors)
    other = fitted.impulse_responses(3, bands="bootstrap", samples=60, seed=5)
    assert not np.array_equal(first.standard_errors, other.standard_errors)
    assert np.isfinite(first.standard_errors).all()


def test_sample_paths():
    fitted = VAR(order=2).fit(Series.of(NOISY))
    forecast = fitted.predict(4, [0.8], samples=4000)
    assert forecast.samples is not None and forecast.samples.shape == (3, 4000, 4)
    width = forecast.upper[0.8] - forecast.lower[0.8]
    drawn = np.quantile(forecast.samples, 0.9, axis=1) - np.quantile(forecast.samples, 0.1, axis=1)
    np.testing.assert_allclose(drawn, width, rtol=0.06)
    np.testing.assert_array_equal(fitted.predict(2, (), samples=4000).samples, forecast.samples[:, :, :2])
    assert not np.array_equal(fitted.predict(4, (), samples=4000, seed=1).samples, forecast.samples)
    # channels of one path belong together: their errors are as correlated as Σ says
    first = forecast.samples[:, :, 0]
    sigma = fitted.error_covariance
    np.testing.assert_allclose(np.corrcoef(first), sigma / np.sqrt(np.outer(np.diag(sigma), np.diag(sigma))), atol=0.06)
    only_seen = fitted.predict(1, (), samples=50, intervals="bootstrap").samples
    assert (
        len(np.unique(np.round(VAR(order=2, coefficient_errors=False).fit(Series.of(NOISY)).predict(1, (), samples=500, intervals="bootstrap").samples[0], 9)))
        <= 88
    )
    assert only_seen is not None and only_seen.shape == (3, 50, 1)


# --- awkward ---


def test_an_unstable_system_is_told():
    y = np.column_stack([1.1 ** np.arange(40.0), np.cumsum(np.random.default_rng(0).normal(size=40))])
    fitted = VAR(order=1).fit(Series.of(y))
    assert not fitted.stability().stable
    assert "not stable: a root of its equation has the modulus 1.1" in fitted.notes[0]
    assert np.isfinite(fitted.predict(2000).upper[0.95]).all()


def test_a_constant_or_doubled_channel_costs_nothing():
    y = np.column_stack([NOISY, np.full(90, 7.0), NOISY[:, 0]])
    fitted = VAR(order=1).fit(Series.of(y))
    alone = VAR(order=1).fit(Series.of(NOISY))
    np.testing.assert_allclose(fitted.predict(5, [0.95]).mean[[0, 1, 2, 4]], alone.predict(5, ()).mean[[0, 1, 2, 0]], rtol=1e-9)
    np.testing.assert_allclose(fitted.predict(5, [0.95]).upper[0.95][:3], alone.predict(5, [0.95]).upper[0.95], rtol=1e-9)
    np.testing.assert_allclose(fitted.predict(5, [0.95]).lower[0.95][3], 7.0, rtol=1e-12)
    assert any("2 of 6 regressors depend on those before them" in note for note in fitted.notes)
    with pytest.raises(ForecastError, match="Leave one series out"):
        fitted.normality()
    with pytest.raises(ForecastError, match='Use bands="asymptotic"'):
        fitted.impulse_responses(3, bands="bootstrap")
    assert np.isfinite(fitted.impulse_responses(3).standard_errors).all()
    assert fitted.granger("y4", "y1").f == (0.0, 1.0)
    assert VAR().fit(Series.of(y)).order in (1, 2)


@pytest.mark.parametrize("level", [1e8, -1e10])
def test_no_digits_are_lost_at_a_high_level(level):
    """A whole multiple of 2⁻¹⁰ is the same number at every level, so the fit must be the same."""
    y = np.round(NOISY * 1024) / 1024
    low, high = (VAR(order=2).fit(Series.of(values)) for values in (y, y + level))
    np.testing.assert_allclose(high.lag_matrices, low.lag_matrices, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(high.error_covariance, low.error_covariance, rtol=1e-9, atol=1e-12)


def test_refusals():
    with pytest.raises(ForecastError, match="needs two series or more that share their stamps; array has one. Use AR"):
        VAR().fit([1.0, 2.0, 3.0])
    uneven = dataclasses.replace(Series.of(NOISY), index=np.concatenate([np.arange(90), np.arange(90), np.arange(1, 91)]))
    assert not is_system(uneven) and is_system(Series.of(NOISY)) and not is_system(Series.of(NOISY[:, 0]))
    with pytest.raises(ForecastError, match='share their stamps; "y3" has 90 rows from 1 to 90, "y1" has 90 rows from 0 to 89'):
        VAR().fit(uneven)
    with pytest.raises(ForecastError, match=r"VAR\(4\) of 3 series fits 13 coefficients for each and needs 16 steps .* with the 4 before them; there are 6"):
        VAR(order=4).fit(Series.of(NOISY[:10]))
    with pytest.raises(ForecastError, match=r"VAR\(0\) of 3 series fits 1 coefficients for each and needs 4 steps that are known in all of them; there are 2"):
        VAR().fit(Series.of(NOISY[:2]))
    with pytest.raises(ForecastError, match='Series "y2" has no observation: all 90 values are missing'):
        VAR().fit(Series.of(np.where([False, True, False], NAN, NOISY)))
    fitted = VAR(order=1).fit(Series.of(NOISY))
    with pytest.raises(ConfigError, match="The channels of a VAR go on together"):
        fitted.stream("y1")
    session = fitted.stream()
    with pytest.raises(ShapeError, match="A step of this system is 3 numbers, one for each of y1, y2, y3; a single number came"):
        session.step(1.0)
    with pytest.raises(ShapeError, match=r"an array of the shape \(2,\) came"):
        session.step([1.0, 2.0])
    with pytest.raises(SeriesError, match="not inf"):
        session.step([1.0, math.inf, 2.0])
    one = dataclasses.replace(Series.of([1.0], ids=("y1",)), index=np.array([91]), panel=True)
    with pytest.raises(ForecastError, match="All channels of a system get their new rows together"):
        fitted.update(one)
    with pytest.raises(ConfigError, match='Series "y4" is unknown'):
        fitted.granger("y4", "y1")
    with pytest.raises(ConfigError, match="cause or effect, not both: y1"):
        fitted.granger(["y1", "y2"], "y1")
    with pytest.raises(ForecastError, match="order 0 has no lags"):
        VAR(order=0).fit(Series.of(NOISY)).granger("y1", "y2")
    with pytest.raises(ConfigError, match='Kind of bands "boot" is unknown. Did you mean "bootstrap"'):
        fitted.impulse_responses(bands="boot")
    with pytest.raises(ConfigError, match="`lags` is 1, but a test of a system of order 1 needs at least 2"):
        fitted.portmanteau(1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"order": -1}, "`order` is a whole number, 0 or more, not -1"),
        ({"order": 0, "trend": "none"}, "nothing is left to fit"),
        ({"criterion": "aci"}, 'Criterion "aci" is unknown. Did you mean "aic"'),
        ({"trend": "line"}, 'Trend "line" is unknown. Did you mean "linear"'),
        ({"max_order": 0, "trend": "none"}, "`max_order` is a whole number, 1 or more, not 0"),
        ({"order": 2, "max_order": 5}, r"`order` is set to 2, so `max_order` \(5\) has no effect"),
        ({"coefficient_errors": 1}, "`coefficient_errors` is true or false, not 1"),
    ],
)
def test_settings_that_are_none(settings, said):
    with pytest.raises(ConfigError, match=said):
        VAR(**settings)


@pytest.mark.parametrize("name", ["beta", "factor", "unit", "order", "x_from", "table"])
def test_damaged_weights_are_refused(name):
    fitted = VAR(order=1).fit(Series.of(NOISY))
    weights = fitted.weights()
    restored = fitted.forecaster.restore(fitted.history, weights, {})
    np.testing.assert_array_equal(restored.predict(3).mean, fitted.predict(3).mean)
    with pytest.raises(BundleError, match=f"no array 'var.{name}'"):
        fitted.forecaster.restore(fitted.history, {key: value for key, value in weights.items() if key != f"var.{name}"}, {})
    with pytest.raises(BundleError):
        fitted.forecaster.restore(fitted.history, {**weights, f"var.{name}": np.zeros((7, 7))}, {})
    with pytest.raises(BundleError):
        fitted.forecaster.restore(fitted.history, {**weights, f"var.{name}": weights[f"var.{name}"] * 0 - 3}, {}) if name in ("unit", "order") else forged(
            fitted, weights
        )


def forged(fitted: VARFitted, weights) -> None:
    fitted.forecaster.restore(fitted.history, {**weights, "var.rows": np.array([1])}, {})


def test_summary_and_pictures():
    fitted = VAR(order=2).fit(Series.of(NOISY, ids=("income", "unemployment of the young", "z")))
    summary = fitted.summary()
    assert summary.startswith("var: Every series is a linear function")
    for line in ("largest root", "income[t]", "income[t−1]", "std. error", "unemployment of the young[t−2]", "residuals"):
        assert line in summary
    responses = fitted.impulse_responses(4, levels=(0.8, 0.95))
    assert len(responses.plot().axes) == 9
    figure = responses.plot(impulses="z", responses=["income", "z"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["z → income", "z → z"]
    frame = responses.to_frame()
    assert list(frame.columns)[:5] == ["impulse", "response", "step", "value", "standard_error"]
    assert len(frame) == 9 * 5
    row = frame.filter((frame["impulse"] == "z") & (frame["response"] == "income") & (frame["step"] == 3))
    assert row["value"][0] == responses.values[3, 0, 2]
    assert fitted.describe(1)["order"] == 2 and fitted.describe(1)["income[t−1]"] == fitted.coefficients[1]["income[t−1]"]
