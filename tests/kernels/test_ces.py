"""The compiled recursion and search of complex exponential smoothing beside their textbook twins and statsforecast."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import inorder.kernels
import inorder.textbook.ces as textbook
from inorder.errors import ConfigError, ShapeError
from inorder.kernels import ces
from inorder.kernels.ces import CESState

NAN = float("nan")
# parameters α₀, α₁, β₀, β₁ and season length of each kind
KINDS = {"N": ((1.3, 0.97, 0.0, 0.0), 1), "S": ((0.0, 0.0, 1.3, 0.97), 4), "P": ((1.3, 0.97, 0.2, 0.0), 4), "F": ((1.3, 0.97, 1.1, 0.98), 4)}
each = pytest.mark.parametrize("kind", KINDS)


def series(time: int, season_length: int = 4, seed: int = 0, missing: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(time)
    y = 50 + np.cumsum(rng.normal(0, 1, time)) + 6 * np.sin(2 * np.pi * t / max(season_length, 2)) * (season_length > 1) + rng.normal(0, 1, time)
    if missing:
        y[1:][rng.random(time - 1) < 0.15] = NAN
    return y


def start(kind: str) -> CESState:
    m = KINDS[kind][1]
    season = np.random.default_rng(2).normal(0, 4, (2, m)) + (50 if kind == "S" else 0) if m > 1 else np.zeros((2, 1))
    season[1] *= kind in "SF"
    return CESState(np.array([50.0, 45.0]) if kind != "S" else np.zeros(2), season)


def same(fast: object, slow: object) -> None:
    np.testing.assert_allclose(fast, slow, rtol=1e-10, atol=1e-10)


@each
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("time", [0, 1, 5, 43])
def test_recursion_and_forecasts_give_the_textbook_numbers(kind, missing, time):
    y, (parameters, _) = series(time, missing=missing and time > 1), KINDS[kind]
    fitted, state = ces.run(y, kind, parameters, start(kind))
    slow, level, season = textbook.run(y, kind, np.array(parameters), *start(kind))
    same(fitted, slow)
    same(state.level, level)
    same(state.season, season)
    same(ces.forecasts(y, kind, parameters, start(kind), 11), textbook.forecasts(y, kind, np.array(parameters), *start(kind), 11))


@each
def test_a_stretch_in_two_pieces(kind):
    y, (parameters, _) = series(30, missing=True), KINDS[kind]
    whole, last = ces.run(y, kind, parameters, start(kind))
    first, middle = ces.run(y[:13], kind, parameters, start(kind))
    second, end = ces.run(y[13:], kind, parameters, middle)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    np.testing.assert_array_equal(end.season, last.season)
    np.testing.assert_array_equal(end.level, last.level)


@each
@pytest.mark.parametrize("radius", [1.0, 1.02])
def test_stability_by_schur_and_cohn_is_that_by_eigenvalues(kind, radius):
    rng, m = np.random.default_rng(5), 5
    answers = []
    for _ in range(300):
        parameters = rng.uniform([0.6, 0.6, 0.6, 0.6], [2.2, 1.4, 1.6, 1.3])
        if kind == "P":
            parameters[2] = rng.uniform(-0.1, 0.8)
        answers.append(ces.stable(kind, 1 if kind == "N" else m, parameters, radius))
        assert answers[-1] == textbook.stable(kind, 1 if kind == "N" else m, parameters, radius), parameters
    assert 15 < sum(answers) < 285 or (kind in "PF" and 0 < sum(answers))


def test_stability_without_a_season_is_the_condition_of_the_paper():
    """Svetunkov, Kourentzes & Ord 2022: (α₀ − 2.5)² + α₁² > 1.25, (α₀ − 0.5)² + (α₁ − 1)² > 0.25, (α₀ − 1.5)² + (α₁ − 0.5)² < 1.5."""
    for a0, a1 in itertools.product(np.linspace(-0.1, 3.1, 47), np.linspace(-1, 2, 43)):
        inside = (a0 - 2.5) ** 2 + a1**2 > 1.25 and (a0 - 0.5) ** 2 + (a1 - 1) ** 2 > 0.25 and (a0 - 1.5) ** 2 + (a1 - 0.5) ** 2 < 1.5
        assert ces.stable("N", 1, (a0, a1, 0, 0)) == inside, (a0, a1)


@each
@pytest.mark.parametrize("missing", [False, True])
def test_the_search_ends_where_its_textbook_ends(kind, missing):
    y, m = series(29, seed=3, missing=missing), KINDS[kind][1]
    fast = ces.fit(y, kind, start(kind), radius=1.01)
    parameters, level, season, squared_error = textbook.fit(y, kind, *start(kind), np.full(4, NAN), 1.01)
    assert fast.squared_error == pytest.approx(squared_error, rel=1e-3)  # they may stop in other places of a flat valley
    assert textbook.stable(kind, m, fast.parameters, 1.01)
    again, first_level, first_season = textbook.run(y, kind, fast.parameters, *textbook.first_state(y, kind, fast.parameters, *start(kind)))
    assert fast.squared_error == pytest.approx(np.nansum((y - again) ** 2), rel=1e-9)
    fitted, _ = ces.run(y, kind, fast.parameters, fast.first)
    assert fast.squared_error == pytest.approx(np.nansum((y - fitted) ** 2), rel=1e-9)


@each
@pytest.mark.parametrize("seed", range(4))
def test_no_small_step_from_an_optimum_inside_lowers_the_error(kind, seed):
    y, m = series(60, seed=seed, missing=True), KINDS[kind][1]
    found = ces.fit(y, kind, start(kind), radius=1.01)
    used = {"N": [0, 1], "S": [2, 3], "P": [0, 1, 2], "F": [0, 1, 2, 3]}[kind]
    for i, h in itertools.product(used, (1e-3, -1e-3)):
        moved = found.parameters + h * np.eye(4)[i]
        if not ces.stable(kind, m, moved, 1.01) or moved[0 if kind != "S" else 2] > 2 or (kind == "P" and moved[2] < 0):
            continue
        assert ces.fit(y, kind, start(kind), moved, 1.01).squared_error >= found.squared_error * (1 - 1e-6), (i, h)


@each
def test_statsforecast(shared_data: Path, kind):
    """statsforecast 2.1.1: the same errors at its parameters and first states."""
    from statsforecast.ces import cesmodel

    frame = pl.read_parquet(shared_data / "forecasting" / "m1.parquet").with_columns(pl.col("unique_id", "split").cast(str))
    train = [g["y"].to_numpy() for g in frame.filter(pl.col("split") == "train").sort("unique_id", "ds").partition_by("unique_id", maintain_order=True)]
    m = 1 if kind == "N" else 4
    for y in (values / values.max() for values in train[::100] if len(values) > 20):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = cesmodel(y.copy(), m, kind, NAN, NAN, NAN, NAN, 3)
        states, own = theirs["states"][:m], np.nan_to_num([theirs["par"][name] for name in ("alpha_0", "alpha_1", "beta_0", "beta_1")])
        season = np.zeros((2, m))
        if kind == "S":
            own, season = np.concatenate([[0.0, 0.0], own[:2]]), states[:, :2].T
        elif kind != "N":
            season[: states.shape[1] - 2] = states[:, 2:].T
        fitted, _ = ces.run(y, kind, own, CESState(states[-1, :2] if kind != "S" else np.zeros(2), season))
        np.testing.assert_allclose(y - fitted, theirs["residuals"], atol=1e-9)


def test_with_a_turn_of_one_it_is_simple_smoothing():
    from inorder.kernels.smoothing import smooth

    y = series(30, 1, missing=True)
    fitted, _ = ces.run(y, "N", (1.4, 1.0, 0, 0), CESState(np.array([49.0, 7.0]), np.zeros((2, 1))))
    np.testing.assert_allclose(fitted, smooth(y, (0.4, 0, 0, 1), 49.0, 0.0, [0.0]).fitted, rtol=1e-12)


def test_what_nothing_explains_is_infinite():
    """A radius in which no start is stable."""
    assert ces.fit(series(20, 1), "N", start("N"), radius=1e-3).squared_error == float("inf")


def test_refusals_name_what_came():
    y = np.arange(1.0, 9.0)
    with pytest.raises(ConfigError, match='"Q" is unknown'):
        ces.run(y, "Q", (1.3, 1, 0, 0), start("N"))
    with pytest.raises(ShapeError, match=r"parameters .* shape \(2,\)"):
        ces.run(y, "N", (1.3, 1), start("N"))
    with pytest.raises(ShapeError, match=r"`y` has the shape \(2, 4\)"):
        ces.run(y.reshape(2, 4), "N", (1.3, 1, 0, 0), start("N"))
    with pytest.raises(ShapeError, match=r"these are \(2,\) and \(1, 4\)"):
        ces.run(y, "P", (1.3, 1, 0, 0), CESState(np.zeros(2), np.zeros((1, 4))))
    with pytest.raises(ShapeError, match="a season_length of 1; it is 4"):
        ces.run(y, "N", (1.3, 1, 0, 0), start("P"))
    with pytest.raises(ShapeError, match="no observation"):
        ces.fit(np.full(3, NAN), "N", start("N"))
    with pytest.raises(ConfigError, match="`radius` is a number above 0, not -1"):
        ces.fit(y, "N", start("N"), radius=-1)


def test_without_the_extension_the_textbook_stands_in_and_one_warning_says_so(monkeypatch):
    y, (parameters, m) = series(20), KINDS["F"]
    work = [
        lambda: ces.run(y, "F", parameters, start("F"))[0],
        lambda: ces.forecasts(y, "F", parameters, start("F"), 3),
        lambda: ces.fit(y, "F", start("F"), parameters).squared_error,
        lambda: ces.stable("F", m, parameters),
    ]
    compiled = [one() for one in work]
    monkeypatch.setattr(ces, "extension", None)
    monkeypatch.setattr(inorder.kernels, "_warned", False)
    with pytest.warns(RuntimeWarning, match="without its compiled kernels"):
        plain = [one() for one in work]
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_these_tests_ran_the_compiled_kernels():
    assert inorder.kernels.compiled
