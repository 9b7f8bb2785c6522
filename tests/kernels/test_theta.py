"""The compiled theta recursion, variances and search beside their textbook twins, statsforecast and brute force."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import inorder.kernels
import inorder.textbook.theta as textbook
from inorder.errors import ConfigError, ShapeError
from inorder.kernels import theta
from inorder.kernels.theta import ThetaConstants, ThetaState

NAN = float("nan")
START = ThetaState(0, 48.0, 0.0, 0.0)
KINDS = {"standard": (False, 0.5), "optimised": (False, NAN), "dynamic": (True, 0.5), "dynamic-optimised": (True, NAN)}
each = pytest.mark.parametrize(("dynamic", "kappa"), KINDS.values(), ids=KINDS.keys())


def series(time: int, seed: int = 0, missing: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y = 50 + 0.6 * np.arange(time) + np.cumsum(rng.normal(0, 1, time)) + rng.normal(0, 2, time)
    if missing:
        y[1:][rng.random(time - 1) < 0.2] = NAN
    return y


def constants(dynamic: bool, alpha: float = 0.37, kappa: float = 0.7) -> ThetaConstants:
    return ThetaConstants(alpha, kappa, 0.0 if dynamic else 49.0, 0.0 if dynamic else 0.8, dynamic)


def same(fast: object, slow: object) -> None:
    np.testing.assert_allclose(fast, slow, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("time", [0, 1, 2, 61])
def test_recursion_forecasts_and_paths_give_the_textbook_numbers(dynamic, missing, time):
    y, model = series(time, missing=missing and time > 1), constants(dynamic)
    fitted, state = theta.run(y, model, START)
    slow, last = textbook.run(y, *model, *START)
    same(fitted, slow)
    same(state, last)
    same(theta.forecasts(y, model, START, 9), textbook.forecasts(y, *model, *START, 9))
    errors = np.random.default_rng(1).normal(0, 2, (5, 9))
    same(theta.paths(errors, model, state), textbook.paths(errors, *model, *state))


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("time", [1, 2, 3, 40])
@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.99])
def test_variances_are_those_of_the_weights_of_errors(dynamic, time, alpha):
    """The kernel carries a covariance on, the textbook adds the squares of impulse responses."""
    model = constants(dynamic, alpha)
    same(theta.variances(model, time, 25), textbook.variances(alpha, model.kappa, dynamic, time, 25))
    if not dynamic:
        same(theta.variances(model, time, 25), 1 + np.arange(25) * alpha**2)  # Fiorucci et al. 2016


def test_variances_beside_many_paths():
    model, paths = constants(True), 200_000
    _, state = theta.run(series(15), model, START)
    drawn = theta.paths(np.random.default_rng(0).standard_normal((paths, 8)), model, state)
    expected = theta.variances(model, 15, 8)
    np.testing.assert_allclose(drawn.var(axis=0), expected, rtol=5 * np.sqrt(2 / paths))
    error_of_mean = 5 * np.sqrt(expected.max() / paths)
    np.testing.assert_allclose(drawn.mean(axis=0), theta.forecasts(np.zeros(0), model, state, 8)[0], atol=error_of_mean)


@each
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("skip", [0, 3])
def test_the_search_ends_no_higher_than_its_textbook(dynamic, kappa, missing, skip):
    """Two different ways: regressions and Gauss-Newton steps there, nested golden sections here."""
    y = series(18, seed=4, missing=missing)
    fast = theta.fit(y, dynamic, kappa, alpha_bounds=(0.05, 0.95), skip=skip)
    *slow, squared_error = textbook.fit(y, dynamic, kappa, NAN, (0.05, 0.95), skip)
    assert fast.squared_error <= squared_error * (1 + 1e-9)
    assert fast.squared_error == pytest.approx(squared_error, rel=1e-5)
    found = fast.constants
    np.testing.assert_allclose([found.alpha, found.kappa, found.intercept, found.slope], [slow[0], slow[1], slow[3], slow[4]], rtol=2e-3, atol=2e-3)


@each
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("missing", [False, True])
def test_no_small_step_from_the_optimum_lowers_the_error(dynamic, kappa, seed, missing):
    y = series(50, seed=seed, missing=missing)
    found = theta.fit(y, dynamic, kappa, alpha_bounds=(0.1, 0.99), skip=3)

    def error(alpha: float, weight: float, level: float) -> float:
        fitted, _ = theta.run(y, found.constants._replace(alpha=alpha, kappa=weight), ThetaState(0, level, 0.0, 0.0))
        return float(np.nansum((y - fitted)[3:] ** 2))

    at = (found.constants.alpha, found.constants.kappa, found.level)
    assert error(*at) == pytest.approx(found.squared_error, rel=1e-9)
    for place, h in itertools.product(range(3), (1e-3, -1e-3)):
        moved = [value + h * (place == i) for i, value in enumerate(at)]
        if 0.1 <= moved[0] <= 0.99 and 0 <= moved[1] <= 1 and not (place == 1 and not np.isnan(kappa)):
            assert error(*moved) >= found.squared_error * (1 - 1e-9), (place, h)


@each
def test_the_search_finds_the_lowest_of_a_dense_grid(dynamic, kappa):
    """Every α and κ on a grid, each with its best first level, which is a straight least-squares problem."""
    y = series(30)
    found = theta.fit(y, dynamic, kappa, alpha_bounds=(0.02, 0.98))
    lowest = np.inf
    for alpha, weight in itertools.product(np.linspace(0.02, 0.98, 49), np.linspace(0, 1, 21) if np.isnan(kappa) else [kappa]):
        model = found.constants._replace(alpha=float(alpha), kappa=float(weight))
        without = y - theta.run(y, model, ThetaState(0, 0.0, 0.0, 0.0))[0]
        share = without - (y - theta.run(y, model, ThetaState(0, 1.0, 0.0, 0.0))[0])
        lowest = min(lowest, float(np.sum((without - share * (share @ without) / (share @ share)) ** 2)))
    assert found.squared_error <= lowest
    assert found.squared_error >= lowest * 0.99  # the grid comes close


@pytest.mark.parametrize(("name", "kind"), [("STM", "standard"), ("OTM", "optimised"), ("DSTM", "dynamic"), ("DOTM", "dynamic-optimised")])
def test_statsforecast(shared_data: Path, name, kind):
    """statsforecast 2.1.1: the same errors at its parameters, and no more squared error at ours, over the rows that it counts."""
    from statsforecast.theta import thetamodel

    dynamic, kappa = KINDS[kind]
    frame = pl.read_parquet(shared_data / "forecasting" / "m3_odd.parquet").with_columns(pl.col("unique_id", "split").cast(str))
    train = frame.filter(pl.col("split") == "train").sort("unique_id", "ds")
    for group in train.partition_by("unique_id", maintain_order=True)[::100]:
        y = group["y"].to_numpy().astype(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = thetamodel(y, 1, name, NAN, NAN, NAN, 3)
        found = theta.fit(y, dynamic, kappa, alpha_bounds=(0.1, 0.99), skip=3)
        parameters = theirs["par"]
        model = found.constants._replace(alpha=parameters["alpha"], kappa=1 - 1 / parameters["theta"])
        fitted, _ = theta.run(y, model, ThetaState(0, parameters["initial_smoothed"], 0.0, 0.0))
        np.testing.assert_allclose((y - fitted)[1:], theirs["residuals"][1:], atol=1e-6 * np.abs(y).max())
        assert found.squared_error <= np.sum(theirs["residuals"][3:] ** 2) * (1 + 1e-6)


@each
def test_a_constant_added_to_the_series_is_added_to_the_forecasts(dynamic, kappa):
    y = series(40, missing=True)
    one, other = (theta.fit(values, dynamic, kappa, skip=3) for values in (y, y + 1e6))  # a dynamic model knows no line for the first row but 0
    assert other.squared_error == pytest.approx(one.squared_error, rel=1e-6)
    means = [theta.forecasts(v, f.constants, ThetaState(0, f.level, 0.0, 0.0), 5)[-1] for v, f in ((y, one), (y + 1e6, other))]
    np.testing.assert_allclose(means[1] - 1e6, means[0], atol=1e-4)


def test_fixed_parameters_stay():
    y = series(40)
    assert theta.fit(y, True, 0.25).constants.kappa == 0.25
    assert theta.fit(y, True, NAN, 0.3).constants.alpha == 0.3
    assert theta.fit(y, False, 0.0, 0.2).squared_error > theta.fit(y, False, NAN, 0.2).squared_error > theta.fit(y, False).squared_error


def test_refusals_name_what_came():
    y = np.arange(1.0, 9.0)
    with pytest.raises(ShapeError, match="no observation"):
        theta.fit(np.full(3, NAN))
    with pytest.raises(ShapeError, match=r"`y` has the shape \(2, 4\)"):
        theta.run(y.reshape(2, 4), constants(True), START)
    with pytest.raises(ShapeError, match=r"`innovations` has the shape \(8,\)"):
        theta.paths(y, constants(True), START)
    with pytest.raises(ConfigError, match=r"`kappa` is a number from 0 to 1, .* not 1\.5"):
        theta.fit(y, kappa=1.5)
    with pytest.raises(ConfigError, match=r"`alpha_bounds` .* not \(0\.9, 0\.1\)"):
        theta.fit(y, alpha_bounds=(0.9, 0.1))
    with pytest.raises(ConfigError, match="`skip` is a count of rows, 0 or more, not -1"):
        theta.fit(y, skip=-1)


def test_without_the_extension_the_textbook_stands_in_and_one_warning_says_so(monkeypatch):
    y, model = series(20), constants(True)
    work = [
        lambda: theta.fit(y, True, 0.5, alpha_bounds=(0.1, 0.9)).squared_error,
        lambda: theta.run(y, model, START)[0],
        lambda: theta.forecasts(y, model, START, 3),
        lambda: theta.variances(model, 20, 3),
        lambda: theta.paths(np.ones((2, 3)), model, START),
    ]
    compiled = [one() for one in work]
    monkeypatch.setattr(theta, "extension", None)
    monkeypatch.setattr(inorder.kernels, "_warned", False)
    with pytest.warns(RuntimeWarning, match="without its compiled kernels"):
        plain = [one() for one in work]
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_these_tests_ran_the_compiled_kernels():
    assert inorder.kernels.compiled
