"""The compiled ARIMA beside its textbook twin, statsmodels and dense Gaussian conditioning."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest

import inorder.kernels
import inorder.textbook.arima as textbook
from inorder.errors import ConfigError, ShapeError
from inorder.kernels import arima
from inorder.kernels.arima import Orders, Process

NAN = float("nan")

KINDS = [
    Orders(),
    Orders(1),
    Orders(0, 1),
    Orders(3, 2),
    Orders(2, 1, 1, 1, 12),
    Orders(0, 1, 0, 1, 4),
    Orders(1, 0, 2, 0, 7),
    Orders(0, 3, 1, 2, 5),
    Orders(5, 2, 1, 1, 4),  # p reaches beyond the season
]
each = pytest.mark.parametrize("orders", KINDS, ids=lambda o: f"{o.p}{o.q}{o.P}{o.Q}_{o.season_length}")


def coefficients(orders: Orders, rng: np.random.Generator, size: float = 0.7) -> np.ndarray:
    return textbook.to_coefficients(textbook.Orders(*orders), rng.normal(0, size, orders.number))


def series(time: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.3 * rng.normal(size=time).cumsum() + rng.normal(size=time) + np.sin(np.arange(time) * 2 * np.pi / 12)


@each
@pytest.mark.parametrize("time", [3, 17, 150])
def test_the_likelihood_and_its_gradient_are_those_of_the_textbook(orders, time):
    rng = np.random.default_rng(time)
    own, w = textbook.Orders(*orders), series(time)
    c = coefficients(orders, rng)
    columns = np.vstack([w, np.ones(time), rng.normal(size=time)]) if time > 10 else w[None, :]
    fast, slow = arima.evaluate(columns, orders, c), textbook.likelihood(columns, own, c)
    assert fast.loglik == pytest.approx(slow.loglik, abs=1e-8)
    assert fast.sigma2 * fast.terms == pytest.approx(slow.squares, rel=1e-9)
    np.testing.assert_allclose(fast.beta, slow.beta, rtol=1e-7, atol=1e-9)
    slope = textbook.numerical_slope(lambda x: textbook.likelihood(columns, own, x).loglik, c, 1e-6)
    np.testing.assert_allclose(fast.slope, slope, rtol=1e-5, atol=1e-5 * max(1, np.abs(slope).max(initial=0)))
    if len(columns) == 1:
        assert arima.loglik(w, orders, c) == fast.loglik


@each
def test_columns_that_are_integrated_out_are_missing_values(orders):
    """Against the marginal normal density of what is left, and the gradient with the determinant against differences."""
    rng, time = np.random.default_rng(3), 60
    own, w, c = textbook.Orders(*orders), series(60), coefficients(orders, rng)
    gaps = [0, 7, 8, 30, 59]
    pulses = np.zeros((5, time))
    pulses[np.arange(5), gaps] = 1
    found = arima.evaluate(np.vstack([w, pulses]), orders, c, integrated=5)
    left = np.setdiff1d(np.arange(time), gaps)
    ar, ma = textbook.polynomials(own, c)
    gamma = textbook.autocovariances(ar, ma, time)
    covariance = gamma[np.abs(np.subtract.outer(left, left))]
    squares = w[left] @ np.linalg.solve(covariance, w[left])
    n = len(left)
    dense = -0.5 * (n * (math.log(2 * math.pi * squares / n) + 1) + np.linalg.slogdet(covariance)[1])
    assert found.loglik == pytest.approx(dense, abs=1e-8)
    assert found.terms == n
    slope = textbook.numerical_slope(lambda x: textbook.likelihood(np.vstack([w, pulses]), own, x, 5).loglik, c, 1e-6)
    np.testing.assert_allclose(found.slope, slope, rtol=1e-5, atol=1e-5 * max(1, np.abs(slope).max(initial=0)))


@each
@pytest.mark.parametrize("d, D", [(0, 0), (1, 0), (0, 1), (2, 1)])
@pytest.mark.parametrize("gaps", [(), (0, 3, 20, 21, 40), tuple(range(5, 50, 3))])
def test_the_filter_has_the_same_likelihood(orders, d, D, gaps):
    """With a gap it is that of the values observed, the first d + D·s diffuse; without one that of the differenced series."""
    rng = np.random.default_rng(1)
    c, s = coefficients(orders, rng), orders.season_length
    y = series(80).cumsum() if d else series(80)
    y[list(gaps)] = NAN
    x = rng.normal(size=80)
    filtered = arima.evaluate(np.vstack([y, x]), orders, c, differencing=(d, D))
    columns, integrated = textbook.with_gaps(np.vstack([y, x]), d, D, s)
    differenced = arima.evaluate(columns, orders, c, integrated=integrated)
    assert filtered.loglik == pytest.approx(differenced.loglik, abs=2e-7)
    assert filtered.terms == differenced.terms
    assert filtered.beta[0] == pytest.approx(differenced.beta[integrated], rel=1e-6, abs=1e-8)
    np.testing.assert_allclose(filtered.slope, differenced.slope, rtol=1e-4, atol=1e-4 * max(1, np.abs(differenced.slope).max(initial=0)))


def random_models(count: int, seasons: tuple[int, ...], seed: int = 0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        p, q, P, Q = (int(k) for k in (*rng.integers(0, 4, 2), *rng.integers(0, 3, 2)))
        orders = Orders(p, q, P, Q, int(rng.choice(seasons)))
        yield orders, coefficients(orders, rng), series(int(rng.integers(40, 400)), int(rng.integers(1 << 30)))


def test_random_seasonal_models_beside_statsmodels():
    """Forty here; two hundred in the benchmark arima_likelihood. statsmodels 0.15, exact: its steady-state shortcut (tolerance) is off."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    for orders, c, w in random_models(40, (4, 7, 12, 24)):
        p, q, P, Q, s = orders
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = SARIMAX(w, order=(p, 0, q), seasonal_order=(P, 0, Q, s) if P + Q else (0, 0, 0, 0), trend="n", concentrate_scale=True)
            model.ssm.tolerance = 0
            assert arima.loglik(w, orders, c) == pytest.approx(model.loglike(c), abs=1e-6), orders


def test_the_steady_recursion_and_many_segments_change_nothing():
    """A long season needs several segments of the tape; a fast-settling model runs nearly all steps in the steady recursion."""
    rng = np.random.default_rng(5)
    for orders, c in [
        (Orders(1, 1, 0, 1, 60), np.array([0.3, 0.2, -0.95])),
        (Orders(1, 1), np.array([0.5, 0.2])),
        (Orders(0, 1, 1, 0, 60), np.array([-0.5, 0.9])),
    ]:
        w = rng.normal(size=700)
        found = arima.evaluate(w[None, :], orders, c)
        own = textbook.Orders(*orders)
        assert found.loglik == pytest.approx(textbook.likelihood(w[None, :], own, c).loglik, abs=1e-7)
        slope = textbook.numerical_slope(lambda x, o=orders, w=w: arima.loglik(w, o, x), c, 1e-5)
        np.testing.assert_allclose(found.slope, slope, rtol=1e-6, atol=1e-4)


def test_many_points_are_each_by_itself_with_any_number_of_threads():
    orders, rng, w = Orders(1, 1, 1, 0, 4), np.random.default_rng(0), series(90)
    points = np.array([coefficients(orders, rng) for _ in range(150)])
    alone = np.array([arima.loglik(w, orders, c) for c in points])
    for threads in (1, 2, 5):
        np.testing.assert_array_equal(arima.logliks(w, orders, points, threads), alone)


def test_what_is_not_stationary_has_no_likelihood():
    w = series(50)
    assert arima.loglik(w, Orders(1), np.array([1.0])) == -math.inf
    assert arima.evaluate(w[None, :], Orders(2), np.array([0.6, 0.5])).loglik == -math.inf
    assert math.isfinite(arima.loglik(w, Orders(0, 1), np.array([2.0])))  # not invertible, which a density does not mind
    assert arima.evaluate(w[None, :], Orders(1), np.array([1.2]), differencing=(1, 0)).loglik == -math.inf


def test_an_evaluation_leaves_nothing_behind():
    w, orders = series(120), Orders(2, 1, 1, 1, 12)
    c = np.array([0.5, -0.2, -0.4, 0.3, -0.6])
    first = arima.loglik(w, orders, c)
    arima.loglik(w, orders, -c)
    assert arima.loglik(w, orders, c) == first


@pytest.mark.parametrize("orders", [Orders(1, 1), Orders(0, 1, 0, 1, 4), Orders(2, 0, 1, 0, 6)])
@pytest.mark.parametrize("seed", range(3))
def test_the_estimate_is_at_least_as_likely_as_that_of_the_textbook(orders, seed):
    columns = np.vstack([series(70, seed), np.ones(70)])
    fast, slow = arima.fit(columns, orders, constant=True), textbook.fit(columns, textbook.Orders(*orders))
    assert fast.loglik >= slow.found.loglik - 1e-6
    here = arima.evaluate(columns, orders, fast.coefficients)
    assert here.loglik == pytest.approx(fast.loglik, abs=1e-9)
    assert np.abs(here.slope).max() < 1e-2 or np.abs(fast.coefficients).max() > 0.99
    assert fast.beta[0] == pytest.approx(here.beta[0], rel=1e-8)


def test_random_starts_do_not_beat_the_estimate():
    """A mixed model with several modes: 30 textbook descents from random points. A mode that a single one of them falls into may be missed."""
    orders, rng = Orders(2, 2), np.random.default_rng(0)
    for seed in range(3):
        w = series(60, seed)
        found = arima.fit(w[None, :], orders)
        others = []
        for _ in range(30):
            u = textbook.minimise(lambda u, w=w: -arima.loglik(w, orders, textbook.to_coefficients(textbook.Orders(*orders), u)) / 60, rng.normal(0, 1, 4))
            others.append(arima.loglik(w, orders, textbook.to_coefficients(textbook.Orders(*orders), u)))
        assert found.loglik >= sorted(others)[-2] - 1e-6


def test_a_search_ends_where_the_best_of_all_is_or_close_by():
    for seed in range(3):
        columns = np.vstack([series(80, seed), np.ones(80)])
        largest = Orders(2, 2, 1, 1, 12)
        steps, every = (arima.choose(columns, largest, stepwise=stepwise) for stepwise in (True, False))
        assert len(every.table) == 2 * 3 * 3 * 2 * 2
        assert len(steps.table) < len(every.table)
        assert steps.table[:, 6].min() - every.table[:, 6].min() < 2
        for estimate in (steps, every):
            best = estimate.table[np.argmin(estimate.table[:, 6])]
            assert (*estimate.orders[:4], estimate.constant) == tuple(best[:5])
            n, k = estimate.terms, estimate.orders.number + estimate.constant + 1
            assert best[6] == pytest.approx(-2 * estimate.loglik + 2 * k * n / (n - k - 1))
            assert len({tuple(row[:5]) for row in estimate.table}) == len(estimate.table)


@pytest.mark.parametrize("orders", [Orders(0, 1), Orders(0, 2), Orders(0, 1, 1, 1, 4)])
def test_a_search_keeps_roots_off_the_unit_circle_and_finds_the_best_of_the_rest(orders):
    """Differenced once too often, the MA part has a root of 1. The best within the modulus is that of the textbook, and better than what is farther inside."""
    w = np.diff(np.random.default_rng(5).normal(size=61))[None, :]
    table = arima.choose(w, orders, constant=False, stepwise=False).table
    fast = table[(table[:, :4] == orders[:4]).all(axis=1), 5][0]
    plain = textbook.fit(w, textbook.Orders(*orders), modulus=1.01)
    for sign, part in zip((-1, 1, -1, 1), textbook.split(textbook.Orders(*orders), plain.coefficients), strict=True):
        assert np.abs(np.roots(np.append(1.0, sign * part)[::-1])).min(initial=math.inf) >= 1.01
    assert fast == pytest.approx(plain.found.loglik, abs=2e-3) or fast > plain.found.loglik
    assert fast < arima.fit(w, orders).loglik + 1e-6
    assert fast > textbook.fit(w, textbook.Orders(*orders), modulus=1.05).found.loglik - 1e-6


def test_the_best_of_a_search_is_beyond_the_modulus():
    w = np.diff(np.random.default_rng(5).normal(size=61))[None, :]
    for modulus in (1.01, 1.05, 1.2):
        found = arima.choose(w, Orders(2, 2), constant=False, modulus=modulus)
        for sign, part in zip((-1, 1, -1, 1), textbook.split(textbook.Orders(*found.orders), found.coefficients), strict=True):
            assert np.abs(np.roots(np.append(1.0, sign * part)[::-1])).min(initial=math.inf) >= modulus


def test_a_search_keeps_its_limits():
    columns = np.vstack([series(80), np.ones(80)])
    table = arima.choose(columns, Orders(3, 1, 1, 0, 4), constant=True, max_order=3, stepwise=False).table
    assert (table[:, :4] <= [3, 1, 1, 0]).all() and (table[:, :4].sum(axis=1) <= 3).all() and (table[:, 4] == 1).all()
    assert len(arima.choose(columns, Orders(5, 5, 2, 2, 4), max_models=7).table) == 7
    hurried = arima.choose(columns, Orders(5, 5, 2, 2, 4), seconds=1e-9)
    assert not hurried.complete and len(hurried.table) == 1 and math.isfinite(hurried.loglik)


# --- the filter ---


@each
@pytest.mark.parametrize("d, D", [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize("gaps", [(), (0, 3, 20, 21, 40, 58, 59), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_the_filter_gives_the_forecasts_of_the_textbook(orders, d, D, gaps):
    c = coefficients(orders, np.random.default_rng(2), 0.5)
    process = Process(orders, d, D, c, 0.3)
    plain = textbook.Process(textbook.Orders(*orders), d, D, c, 0.3)
    y = series(60).cumsum() if d else series(60)
    y[list(gaps)] = NAN
    fitted, state, made = arima.run(process, y, arima.init(process), 3)
    now, steps = textbook.State(0, np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0))), []
    for t, value in enumerate(y):
        if not np.isnan(fitted[t]):
            np.testing.assert_allclose(made[t], plain.ahead(3, now)[0], rtol=1e-8, atol=1e-8)
        expected, now = plain.step(float(value), now)
        steps.append(expected)
    np.testing.assert_allclose(fitted, steps, rtol=1e-8, atol=1e-8)
    means, variances = arima.ahead(process, state, 20)
    expected_means, expected_variances = plain.ahead(20, now)
    known = np.isfinite(expected_variances)
    np.testing.assert_array_equal(np.isfinite(variances), known)
    np.testing.assert_allclose(means[known], expected_means[known], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(variances[known], expected_variances[known], rtol=1e-8)


def test_forecasts_are_conditional_means_of_the_normal_distribution():
    """Dense conditioning on what was observed: a random walk with ARMA steps whose level is very uncertain at first, 1e10."""
    orders, c, n = Orders(1, 1), np.array([0.6, 0.3]), 30
    ar, ma = textbook.polynomials(textbook.Orders(*orders), c)
    gamma = textbook.autocovariances(ar, ma, n)
    steps = np.tril(np.ones((n, n)))[:, 1:]
    covariance = steps @ gamma[np.abs(np.subtract.outer(np.arange(n - 1), np.arange(n - 1)))] @ steps.T + 1e7
    y = series(n).cumsum()
    y[[4, 5, 11, 20]] = NAN
    process = Process(orders, 1, 0, c, 0.0)
    fitted, state, _ = arima.run(process, y[:25], arima.init(process))
    seen = np.flatnonzero(~np.isnan(y[:25]))
    for t in (6, 12, 13, 21):
        before = seen[seen < t]
        weights = np.linalg.solve(covariance[np.ix_(before, before)], covariance[before, t])
        assert fitted[t] == pytest.approx(weights @ y[before], abs=2e-5)
    ahead = np.arange(25, 30)
    weights = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, ahead)])
    means, variances = arima.ahead(process, state, 5)
    np.testing.assert_allclose(means, weights.T @ y[seen], atol=2e-5)
    np.testing.assert_allclose(variances, np.diag(covariance[np.ix_(ahead, ahead)] - covariance[np.ix_(ahead, seen)] @ weights), rtol=1e-4)


def test_a_stretch_in_pieces():
    orders = Orders(2, 1, 1, 1, 12)
    process = Process(orders, 1, 1, np.array([0.5, -0.2, -0.4, 0.3, -0.6]), 0.0)
    y = series(90).cumsum()
    y[[2, 30, 31, 70]] = NAN
    whole, last, _ = arima.run(process, y, arima.init(process))
    for cut in (0, 1, 5, 13, 31, 71, 90):
        first, middle, _ = arima.run(process, y[:cut], arima.init(process))
        second, end, _ = arima.run(process, y[cut:], middle)
        np.testing.assert_array_equal(np.concatenate([first, second]), whole)
        for one, other in zip(end, last, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_state_that_has_settled_needs_no_covariance():
    process = Process(Orders(1, 1), 1, 0, np.array([0.5, 0.2]), 0.0)
    _, state, _ = arima.run(process, series(200), arima.init(process))
    assert state.P.shape == (0, 0)
    _, gap, _ = arima.run(process, np.array([NAN]), state)
    assert gap.P.shape == (2, 2)
    np.testing.assert_allclose(arima.ahead(process, gap, 5)[1], arima.ahead(process, state, 6)[1][1:], rtol=1e-12)


# --- without the extension, and what is refused ---


def test_without_the_extension_the_textbook_runs(monkeypatch):
    orders, c, rng = Orders(1, 1, 0, 1, 4), np.array([0.5, 0.2, -0.3]), np.random.default_rng(0)
    y = series(40).cumsum()
    y[[5, 20]] = NAN
    columns = np.vstack([y, rng.normal(size=40)])
    process = Process(orders, 1, 0, c, 0.1)

    def results():
        whole = series(40)[None, :]
        return [
            *arima.evaluate(columns, orders, c, differencing=(1, 0)),
            arima.loglik(whole[0], orders, c),
            *arima.logliks(whole[0], orders, np.array([c, c / 2])),
            arima.fit(whole, Orders(1, 1)).loglik,
            arima.choose(whole, Orders(1, 1, 0, 0, 1), constant=False).loglik,
            arima.run(process, y, arima.init(process), 2)[0],
            arima.ahead(process, arima.run(process, y, arima.init(process))[1], 3)[0],
        ]

    compiled = results()
    monkeypatch.setattr(arima, "extension", None)
    monkeypatch.setattr(inorder.kernels, "_warned", False)
    with pytest.warns(RuntimeWarning, match="without its compiled kernels"):
        plain = results()
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_what_does_not_fit_is_refused():
    w = series(20)
    with pytest.raises(ShapeError, match="has 2 numbers; 1 are expected"):
        arima.evaluate(w[None, :], Orders(1), np.zeros(2))
    with pytest.raises(ShapeError, match="has 1 rows.*need 3"):
        arima.evaluate(w[None, :], Orders(1), np.zeros(1), integrated=2)
    with pytest.raises(ShapeError, match=r"`columns` has the shape \(20,\)"):
        arima.fit(w, Orders(1))
    with pytest.raises(ConfigError, match="whole numbers, 0 or more"):
        arima.fit(w[None, :], Orders(-1))
    with pytest.raises(ConfigError, match="one of aic, aicc, bic, not 'hq'"):
        arima.choose(w[None, :], Orders(1), constant=False, criterion="hq")
    with pytest.raises(ConfigError, match="missing value is NaN"):
        arima.evaluate(np.vstack([w, w]), Orders(), np.zeros(0), integrated=1, differencing=(1, 0))
    with pytest.raises(ShapeError, match="1 columns; 2 are expected"):
        arima.logliks(w, Orders(1, 1), np.zeros((3, 1)))
    with pytest.raises(ConfigError, match="threads.*not 0"):
        arima.logliks(w, Orders(1), np.zeros((3, 1)), threads=0)


def test_partial_autocorrelations_reach_every_stationary_process():
    grid = np.linspace(-2, 2, 5)
    for u in itertools.product(grid, repeat=3):
        ar, _ = textbook.polynomials(textbook.Orders(3), textbook.to_coefficients(textbook.Orders(3), np.array(u)))
        assert textbook.stationary(ar)


def test_the_lean_path_takes_what_comes_and_names_what_does_not_fit():
    w, orders, c = series(40), Orders(1, 1), np.array([0.5, 0.2])
    expected = arima.loglik(w, orders, c)
    assert arima.loglik(w.tolist(), orders, [0.5, 0.2]) == pytest.approx(expected, abs=1e-10)
    assert arima.loglik(w.astype(np.float32), orders, c) == pytest.approx(expected, abs=1e-3)
    assert arima.loglik(np.repeat(w, 2)[::2], orders, c) == pytest.approx(expected, abs=1e-10)
    with pytest.raises(ShapeError, match="has 1 numbers; 2 are expected"):
        arima.loglik(w, orders, c[:1])
    with pytest.raises(ShapeError, match=r"`w` has the shape \(1, 40\)"):
        arima.loglik(w[None, :], orders, c)
    with pytest.raises(ConfigError, match="whole numbers, 0 or more"):
        arima.loglik(w, Orders(-1, 2), c)


@pytest.mark.parametrize("orders", [Orders(2, 1, 2, 1, 12), Orders(1, 2, 0, 2, 24), Orders(9, 0), Orders(0, 8), Orders(0, 0, 0, 1, 8)])
@pytest.mark.parametrize("integrated", [0, 2])
def test_states_of_several_registers_have_the_value_and_slope_of_the_textbook(orders, integrated):
    rng = np.random.default_rng(orders.number)
    columns, c = rng.normal(size=(4, 90)), coefficients(orders, rng, 0.4)
    found = arima.evaluate(columns, orders, c, integrated)
    own = textbook.Orders(*orders)
    assert found.loglik == pytest.approx(textbook.likelihood(columns, own, c, integrated).loglik, abs=1e-8)
    slope = textbook.numerical_slope(lambda point: textbook.likelihood(columns, own, point, integrated).loglik, c)
    np.testing.assert_allclose(found.slope, slope, rtol=1e-5, atol=1e-5)
