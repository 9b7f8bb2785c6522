"""The airline model of Box & Jenkins on the logarithms of the passengers 1949–1960, by exact maximum likelihood.

ma1 −0.4018, sma1 −0.5569, σ² 0.001348, log-likelihood 244.70, standard errors 0.0896 and 0.0731: R, `arima(log(AirPassengers), c(0, 1, 1),
seasonal = c(0, 1, 1))`, as quoted in its documentation and in Box, Jenkins, Reinsel & Ljung 2015, ch. 9 (with the other sign of θ).
"""

from __future__ import annotations

import numpy as np
import pytest

from inorder import ARIMA, loglik, read_series
from inorder.data.samples import FOLDER


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    return np.log(read_series(FOLDER / "air-passengers.csv").values)


def test_the_airline_model(y):
    fitted = ARIMA(order=(0, 1, 1), seasonal_order=(0, 1, 1), season_length=12).fit(y)
    assert fitted.coefficients["ma1"] == pytest.approx(-0.4018, abs=5e-5)
    assert fitted.coefficients["sma1"] == pytest.approx(-0.5569, abs=5e-5)
    assert fitted.describe()["sigma2"] == pytest.approx(0.001348, abs=5e-7)
    assert fitted.loglik == pytest.approx(244.70, abs=5e-3)
    assert fitted.standard_errors["ma1"] == pytest.approx(0.0896, abs=1e-3)
    assert fitted.standard_errors["sma1"] == pytest.approx(0.0731, abs=1e-3)
    assert fitted.aic == pytest.approx(-483.40, abs=1e-2)


def test_its_likelihood_without_a_fit(y):
    assert loglik(y, (0, 1, 1), (0, 1, 1), [-0.4018, -0.5569], season_length=12) == pytest.approx(244.6965, abs=1e-4)
