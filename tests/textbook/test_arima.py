"""The textbook ARIMA beside the definition of the normal density, closed formulas and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest

import inorder.textbook.arima as textbook
from inorder.textbook.arima import Orders

MODELS = [
    (Orders(1), [0.6]),
    (Orders(0, 1), [-0.7]),
    (Orders(2, 1), [0.5, -0.3, 0.4]),
    (Orders(1, 1, 1, 1, 4), [0.4, 0.3, -0.5, -0.6]),
]


@pytest.mark.parametrize("orders, coefficients", MODELS)
def test_the_likelihood_is_the_normal_density(orders, coefficients):
    w = np.random.default_rng(0).normal(size=25)
    found = textbook.likelihood(w[None, :], orders, np.array(coefficients))
    ar, ma = textbook.polynomials(orders, np.array(coefficients))
    gamma = textbook.autocovariances(ar, ma, 25)
    sigma2 = found.squares / 25
    assert found.loglik == pytest.approx(textbook.normal_density(w, gamma, sigma2), abs=1e-9)
    for other in (0.9 * sigma2, 1.1 * sigma2):
        assert textbook.normal_density(w, gamma, other) < found.loglik


@pytest.mark.parametrize("orders, coefficients", MODELS)
def test_autocovariances_are_sums_of_weights(orders, coefficients):
    """γ[k] = Σ ψ[j]·ψ[j + k], two thousand terms."""
    ar, ma = textbook.polynomials(orders, np.array(coefficients))
    psi = textbook.psi_weights(ar, ma, 2000)
    expected = [psi[: 2000 - k] @ psi[k:] for k in range(12)]
    np.testing.assert_allclose(textbook.autocovariances(ar, ma, 12), expected, atol=1e-10)


def test_autocovariances_in_closed_form():
    """AR(1): φᵏ/(1 − φ²). MA(1): 1 + θ², θ, 0. ARMA(1,1): (1 + 2φθ + θ²)/(1 − φ²). Box et al. 2015, §3.2–3.4 (θ with the other sign there)."""
    np.testing.assert_allclose(textbook.autocovariances(np.array([1, -0.8]), np.array([1.0]), 3), np.array([1, 0.8, 0.64]) / 0.36)
    np.testing.assert_allclose(textbook.autocovariances(np.array([1.0]), np.array([1, 0.5]), 3), [1.25, 0.5, 0], atol=1e-15)
    assert textbook.autocovariances(np.array([1, -0.8]), np.array([1, 0.5]), 1)[0] == pytest.approx((1 + 0.8 + 0.25) / 0.36)


def test_generalised_least_squares_is_the_best_coefficient():
    rng, orders, c = np.random.default_rng(1), Orders(1, 1), np.array([0.7, 0.2])
    x = rng.normal(size=(2, 40))
    w = rng.normal(size=40) + 2 * x[0] - x[1]
    found = textbook.likelihood(np.vstack([w, x]), orders, c)
    for step in 0.01 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]):
        moved = w - (found.beta + step) @ x
        assert textbook.likelihood(moved[None, :], orders, c).loglik < found.loglik
    assert textbook.likelihood((w - found.beta @ x)[None, :], orders, c).loglik == pytest.approx(found.loglik, abs=1e-9)


def test_gaps_of_a_differenced_series_beside_statsmodels():
    """statsmodels 0.15 with exact diffuse initialisation, at the same σ². Its first d + D·s values are diffuse as ours, and count log F∞."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    rng = np.random.default_rng(2)
    y = rng.normal(size=60).cumsum() + np.tile(rng.normal(size=4), 15)
    y[[2, 20, 21, 37]] = np.nan
    orders, c = Orders(1, 0, 0, 1, 4), np.array([0.4, -0.5])
    columns, gaps = textbook.with_gaps(y[None, :], 1, 1, 4)
    found = textbook.likelihood(columns, orders, c, gaps)
    sigma2 = found.squares / found.terms
    model = SARIMAX(y, order=(1, 1, 0), seasonal_order=(0, 1, 1, 4), use_exact_diffuse=True)
    result = model.smooth(np.append(c, sigma2))
    diffuse = result.filter_results.nobs_diffuse
    # statsmodels counts −½·log 2π for a diffuse observation as well
    observed_diffuse = int(np.sum(~np.isnan(y[:diffuse])))
    assert observed_diffuse >= 5
    assert found.loglik == pytest.approx(result.llf + 0.5 * 5 * math.log(2 * math.pi), abs=1e-6)


def test_partial_autocorrelations_give_the_coefficients_of_durbin_and_levinson():
    """The reflections found on the autocovariances of the process are the tanh u that it was made from."""
    u = np.array([0.8, -0.4, 0.3])
    c = textbook.to_coefficients(Orders(3), u)
    gamma = textbook.autocovariances(np.append(1.0, -c), np.array([1.0]), 5)
    weights, F, reflections = np.zeros(0), gamma[0], []
    for k in range(3):
        reflection = (gamma[k + 1] - weights @ gamma[k:0:-1]) / F
        weights, F = np.append(weights - reflection * weights[::-1], reflection), F * (1 - reflection**2)
        reflections.append(reflection)
    np.testing.assert_allclose(np.arctanh(reflections), u)
    np.testing.assert_allclose(textbook.to_coefficients(Orders(0, 3), u), -c)


def test_a_fit_finds_the_process_that_made_the_series():
    rng = np.random.default_rng(4)
    e = rng.normal(size=1000)
    w = np.zeros(1000)
    for t in range(1, 1000):
        w[t] = 0.7 * w[t - 1] + e[t]
    assert textbook.fit(w[None, :], Orders(1)).coefficients[0] == pytest.approx(0.7, abs=0.05)


def test_the_filter_forecasts_what_the_recursion_of_the_likelihood_does():
    """v = w − forecast, for a series that is not differenced."""
    orders, c = Orders(1, 1, 1, 0, 3), np.array([0.4, 0.3, -0.5])
    w = np.random.default_rng(5).normal(size=30)
    ar, ma = textbook.polynomials(orders, c)
    errors, variance = textbook.one_step_errors(w[None, :], textbook.autocovariances(ar, ma, 31))
    process = textbook.Process(orders, 0, 0, c, 0.0)
    state = textbook.State(0, np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)))
    for t, value in enumerate(w):
        assert process.ahead(1, state)[1][0] == pytest.approx(variance[t], rel=1e-9)
        expected, state = process.step(value, state)
        assert value - expected == pytest.approx(errors[0, t], abs=1e-9)
