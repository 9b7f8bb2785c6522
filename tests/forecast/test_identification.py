"""Identification: the extended ACF beside its textbook, and the orders of series whose model is known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import SeriesError
from inorder.forecast.identification import eacf, identify
from inorder.textbook import diagnostics as textbook

NAN = float("nan")


def arma(n: int, phi: float, theta: float, seed: int = 0) -> np.ndarray:
    e = np.random.default_rng(seed).normal(size=n + 100)
    y = np.zeros(n + 100)
    for t in range(1, n + 100):
        y[t] = phi * y[t - 1] + e[t] + theta * e[t - 1]
    return y[100:]


def column(folder: Path, name: str) -> np.ndarray:
    with (folder / "series" / f"{name}.csv").open() as file:
        return np.array([float(row[-1]) for row in list(csv.reader(file))[1:]])


@pytest.mark.parametrize("y", [arma(120, 0.7, 0.4), arma(90, 0.0, 0.8, 1), np.random.default_rng(3).normal(size=60).cumsum()])
def test_the_extended_acf_is_that_of_the_textbook(y):
    np.testing.assert_allclose(eacf(y, 3, 5).values, textbook.eacf(y, 3, 5), rtol=0, atol=1e-8)


@pytest.mark.parametrize("phi, theta, order", [(0.0, 0.8, (0, 1)), (0.8, 0.0, (1, 0)), (0.8, 0.6, (1, 1)), (0.0, 0.0, (0, 0))])
def test_the_triangle_of_zeros_begins_at_the_order(phi, theta, order):
    """At least 6 of 10 long series: every cell of white noise is significant once in twenty."""
    assert sum(eacf(arma(1500, phi, theta, seed)).order == order for seed in range(10)) >= 6


def test_the_first_row_is_the_acf():
    from inorder.forecast.diagnostics import acf

    y = arma(200, 0.5, 0.5)
    np.testing.assert_allclose(eacf(y, 2, 4).values[0], acf(y, 5)[1:], rtol=1e-9)


def test_the_airline_model_is_found(shared_data: Path) -> None:
    found = identify(np.log(column(shared_data, "air_passengers")), 12)
    assert (found.d, found.seasonal_d) == (1, 1)
    assert found.suggestions[0] == ((0, 1, 1), (0, 1, 1))
    assert "ARIMA(0,1,1)(0,1,1)12" in str(found)
    assert "p/q" in str(found)


def test_logarithms_are_advised_where_the_spread_grows(shared_data: Path) -> None:
    y = column(shared_data, "air_passengers")
    assert "consider logarithms" in identify(y, 12).sentences[0]
    assert "consider" not in " ".join(identify(500 + arma(200, 0.5, 0.0)).sentences)


def test_the_nile_is_a_random_walk_with_noise(shared_data: Path) -> None:
    """Its local level model is an ARIMA(0,1,1)."""
    assert identify(column(shared_data, "nile")).suggestions[0] == ((0, 1, 1), (0, 0, 0))


def test_orders_of_simulated_series():
    assert identify(arma(600, 0.7, 0.0, 2)).suggestions[0] == ((1, 0, 0), (0, 0, 0))
    assert identify(arma(600, 0.0, 0.7, 2)).suggestions[0] == ((0, 0, 1), (0, 0, 0))
    assert identify(arma(600, 0.7, 0.0, 2).cumsum()).d >= 1


def test_it_gives_a_frame_and_a_figure_and_takes_a_series():
    series = Series.of(arma(200, 0.6, 0.0) + np.resize([5.0, 0.0, -5.0, 0.0], 200), season_length=4)
    found = identify(series, lags=9)
    assert found.season_length == 4
    assert found.to_frame().columns == ["lag", "acf", "pacf", "band"]
    assert found.to_frame().height == 9
    assert len(found.plot().axes) == 2


@pytest.mark.parametrize("scale", [1e-280, 1e280])
def test_the_unit_does_not_matter(scale):
    y = arma(200, 0.6, 0.3)
    assert identify(y * scale).suggestions == identify(y).suggestions
    np.testing.assert_allclose(eacf(y * scale).values, eacf(y).values, atol=1e-9)


@pytest.mark.parametrize(
    "y", [[3.0] * 30, [NAN] * 9, [1.0, 2.0, 3.0, 5.0], list(range(30)), [1e300, -1e300] * 20, [4.0, NAN, 5.0, NAN, 7.0, NAN] * 8, [3.0] * 39 + [4.0]]
)
def test_odd_series_end_in_sentences(y):
    for m in (1, 4, 24):
        try:
            found = identify(y, m)
        except SeriesError as error:
            assert str(error).endswith(".")
        else:
            assert str(found)
            assert np.isfinite(found.acf).all() and np.isfinite(found.pacf).all()


def test_what_cannot_be_identified_is_said_so():
    with pytest.raises(SeriesError, match="All observations are equal"):
        identify([3.0] * 30)
    with pytest.raises(SeriesError, match="6 observations are left after differencing, and 10"):
        identify([1.0, 3.0, 2.0, 4.0, 2.0, 3.0])
    with pytest.raises(SeriesError, match="needs 31 observations; 20"):
        eacf(arma(20, 0.5, 0.0))
