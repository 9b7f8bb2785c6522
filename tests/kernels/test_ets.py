"""The compiled recursion, derivatives, paths and search of ETS beside their textbook twins and statsmodels."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import inorder.kernels
import inorder.textbook.ets as textbook
from inorder.errors import ConfigError, ShapeError
from inorder.kernels import ets
from inorder.kernels.ets import Kind, States

NAN = float("nan")
KINDS = [
    Kind(error, trend, damped, season)
    for error in "AM"
    for trend, damped in (("N", False), ("A", False), ("A", True), ("M", False), ("M", True))
    for season in "NAM"
]
each = pytest.mark.parametrize("kind", KINDS, ids=str)


def series(time: int = 61, season_length: int = 4, seed: int = 0, missing: bool = False) -> np.ndarray:
    """Positive, near 1, with a trend, a season and noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(time)
    y = (1 + 0.01 * t) * (1 + 0.2 * np.sin(2 * np.pi * t / season_length)) * rng.lognormal(0, 0.06, time)
    if missing:
        y[rng.random(time) < 0.15] = NAN
    return y


def point(kind: Kind, seed: int = 1, m: int = 4) -> tuple[np.ndarray, States]:
    """Parameters inside the usual region, and initial states."""
    rng = np.random.default_rng(seed)
    alpha = rng.uniform(0.2, 0.8)
    beta = rng.uniform(0.1, 0.9) * alpha * (kind.trend != "N")
    gamma = rng.uniform(0.1, 0.9) * (1 - alpha) * (kind.season != "N")
    season = {"N": np.zeros(1), "A": rng.normal(0, 0.1, m), "M": rng.uniform(0.8, 1.2, m)}[kind.season]
    return np.array([alpha, beta, gamma, 0.93 if kind.damped else 1.0]), States(0.98, {"N": 0.0, "A": 0.01, "M": 1.01}[kind.trend], season)


@each
@pytest.mark.parametrize("time", [0, 1, 3, 61])
@pytest.mark.parametrize("missing", [False, True])
def test_the_recursion_gives_the_textbook_numbers(kind, time, missing):
    y = series(time, missing=missing)
    fast, slow = (module.run(y, kind, *point(kind)) for module in (ets, textbook))
    for name in ("fitted", "level", "trend", "season"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-13, err_msg=name)
    np.testing.assert_allclose(fast.last.season, slow.last.season, rtol=1e-13)
    assert (fast.last.level, fast.last.trend) == pytest.approx((slow.last.level, slow.last.trend), rel=1e-13)
    assert (fast.squared_error, fast.log_size) == pytest.approx((slow.squared_error, slow.log_size), rel=1e-11, abs=1e-12)
    if not np.isnan(y).all():
        assert fast.loglik == pytest.approx(slow.loglik, rel=1e-12)


@each
def test_observations_that_a_multiplicative_part_cannot_take_in(kind):
    """Zeros and negative values after a positive past: both paths leave the same parts as they are, and every number stays finite."""
    y = series()
    y[[7, 20, 21]] = [-40.0, 0.0, -3.0]
    fast, slow = (module.run(y, kind, *point(kind)) for module in (ets, textbook))
    assert np.isfinite(fast.fitted).all()
    np.testing.assert_allclose(fast.fitted, slow.fitted, rtol=1e-10)
    if kind.season == "M":
        assert (fast.season > 0).all()
    if kind.trend == "M":
        assert (fast.level > 0).all() and (fast.trend > 0).all()


@each
def test_a_stretch_in_two_pieces(kind):
    y, (parameters, initial) = series(missing=True), point(kind)
    whole = ets.run(y, kind, parameters, initial)
    first = ets.run(y[:26], kind, parameters, initial)
    second = ets.run(y[26:], kind, parameters, first.last)
    np.testing.assert_array_equal(np.concatenate([first.fitted, second.fitted]), whole.fitted)
    np.testing.assert_array_equal(second.last.season, whole.last.season)
    assert first.loglik != whole.loglik


@each
@pytest.mark.parametrize("missing", [False, True])
def test_the_gradient_is_that_of_differences(kind, missing):
    y, (parameters, initial) = series(missing=missing), point(kind)
    if kind.trend != "N":
        parameters[3] = 0.93  # so that the derivative with respect to φ is looked at too
    exact, differences = ets.gradient(y, kind, parameters, initial), textbook.gradient(y, kind, parameters, initial)
    used = np.ones(len(exact), dtype=bool)
    used[[1, 3, 5]] = kind.trend != "N"
    used[2] = kind.season != "N"
    used[6:] = kind.season != "N"
    np.testing.assert_allclose(exact[used], differences[used], rtol=1e-6, atol=1e-6 * np.abs(differences).max())


@pytest.mark.parametrize("kind", [Kind("A"), Kind("M", "A", True, "M"), Kind("A", "A", False, "A"), Kind("M", "M", False, "A")], ids=str)
def test_the_second_derivatives_are_those_of_the_textbook(kind):
    y, (parameters, initial) = series(41), point(kind)
    steps = np.full(6 + len(initial.season), 1e-4)
    steps[[1, 3, 5]] *= kind.trend != "N"
    steps[2] *= kind.season != "N"
    steps[6:] *= kind.season != "N"
    fast, slow = (module.hessian(y, kind, parameters, initial, steps) for module in (ets, textbook))
    used = np.flatnonzero(steps)
    np.testing.assert_allclose(fast[np.ix_(used, used)], slow[np.ix_(used, used)], rtol=1e-3, atol=1e-4 * np.abs(slow).max())
    assert not fast[steps == 0].any()


@each
def test_paths_are_those_of_the_textbook_and_of_the_recursion(kind):
    parameters, initial = point(kind)
    innovations = np.random.default_rng(3).normal(0, 0.05, (5, 11))
    fast, slow = (module.simulate(kind, parameters, initial, innovations) for module in (ets, textbook))
    np.testing.assert_allclose(fast, slow, rtol=1e-12)
    for path, errors in zip(fast, innovations, strict=True):
        fitted = ets.run(path, kind, parameters, initial).fitted
        np.testing.assert_allclose(textbook.innovations(path, fitted, kind), errors, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.season != "A" or kind.trend != "M"], ids=str)
@pytest.mark.parametrize("missing", [False, True])
def test_the_search_ends_where_its_textbook_ends(kind, missing):
    y = series(29, 3, seed=5, missing=missing)
    fast, slow = ets.search(y, [kind], 3)[0], textbook.search(y, [kind], 3)[0]
    assert fast.loglik == pytest.approx(slow.loglik, abs=1e-4)
    assert ets.run(y, kind, fast.parameters, fast.initial).loglik == pytest.approx(fast.loglik, abs=1e-9)


@each
@pytest.mark.parametrize("bounds", ets.BOUNDS)
def test_the_search_ends_at_a_top_inside_its_bounds(kind, bounds):
    y = series(61, seed=2)
    kind = kind._replace(damped=False)
    found = ets.search(y, [kind], 4, bounds=bounds)[0]
    alpha, beta, gamma, phi = found.parameters
    if bounds != "admissible":
        assert 0 <= alpha <= 1 and 0 <= beta <= alpha and 0 <= gamma <= 1 - alpha and phi == 1
    if bounds != "usual":
        assert textbook.admissible(found.parameters, 4)
    rng = np.random.default_rng(0)
    inside = (0 < alpha < 1) and (kind.trend == "N" or 0 < beta < alpha) and (kind.season == "N" or 0 < gamma < 1 - alpha)
    slope = ets.gradient(y, kind, found.parameters, found.initial)
    assert abs(slope[4]) < 1e-2  # the level is free
    for _ in range(30):
        season = rng.normal(0, 1e-3, 4) if kind.season != "N" else np.zeros(1)
        season -= season.mean()  # the sum is given
        moved = States(
            found.initial.level + rng.normal(0, 1e-3), found.initial.trend + rng.normal(0, 1e-5) * (kind.trend != "N"), found.initial.season + season
        )
        weights = found.parameters + rng.normal(0, 1e-3, 4) * [1, kind.trend != "N", kind.season != "N", 0] * inside
        if inside and not textbook.admissible(weights, 4):
            continue
        assert ets.run(y, kind, weights, moved).loglik <= found.loglik + 1e-7


def test_a_wider_region_is_never_worse():
    y = series(60, seed=9)
    kinds = [Kind("A"), Kind("A", "A"), Kind("A", "N", False, "A"), Kind("M", "A", False, "M")]
    usual, wide = ets.search(y, kinds, 4, bounds="usual"), ets.search(y, kinds, 4, bounds="admissible")
    for kind, one, other in zip(kinds, usual, wide, strict=True):
        assert other.loglik >= one.loglik - 1e-3, str(kind)
        both = ets.search(y, [kind], 4, bounds="both")[0]
        assert both.loglik <= one.loglik + 1e-6, str(kind)


@each
def test_the_admissible_region_is_that_of_the_roots(kind):
    m = 5 if kind.season != "N" else 1
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(200):
        parameters = np.array([rng.uniform(-0.3, 2.2), rng.uniform(-0.3, 2), rng.uniform(0, 2), rng.uniform(0.8, 1) if kind.damped else 1.0])
        parameters[1] *= kind.trend != "N"
        parameters[2] *= kind.season != "N"
        expected = textbook.admissible(parameters, m)
        assert ets.admissible(parameters, m) == expected
        inside += expected
    assert 0 < inside < 200


def test_given_parameters_stay():
    y = series(40)
    found = ets.search(y, [Kind("M", "A", True, "M")], 4, fixed=(0.4, 0.1, NAN, 0.9))[0]
    assert found.parameters[[0, 1, 3]].tolist() == [0.4, 0.1, 0.9]
    assert 0 <= found.parameters[2] <= 0.6
    assert ets.search(y, [Kind("A", "A")], 1, fixed=(NAN, 0.3, NAN, NAN))[0].parameters[0] >= 0.3


def test_two_searches_of_the_same_series_are_equal():
    y = series(50)
    kinds = [kind for kind in KINDS if kind.trend != "M"]
    for one, other in zip(ets.search(y, kinds, 4), ets.search(y, kinds, 4), strict=True):
        assert one.loglik == other.loglik
        np.testing.assert_array_equal(one.parameters, other.parameters)


SERIES = Path(__file__).resolve().parents[3] / "shared" / "data" / "series" / "air_passengers.csv"


@pytest.fixture(scope="module")
def passengers() -> np.ndarray:
    if not SERIES.exists():
        pytest.skip(f"needs {SERIES}")
    return pl.read_csv(SERIES).to_series(1).to_numpy().astype(np.float64)


def statsmodels_model(y, kind):
    ets_module = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets")
    names = {"N": None, "A": "add", "M": "mul"}
    return ets_module.ETSModel(
        y,
        error=names[kind.error],
        trend=names[kind.trend],
        damped_trend=kind.damped,
        seasonal=names[kind.season],
        seasonal_periods=12 if kind.season != "N" else None,
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.season != "A" or kind.trend != "M"], ids=str)
def test_the_likelihood_is_that_of_statsmodels(passengers, kind):
    model = statsmodels_model(passengers, kind)
    # statsmodels moves a factor of the season by y over the new level, Hyndman et al. (Table 2.2) and we by y over q: the same for γ = 0 alone
    alpha, beta, gamma, phi = 0.4, 0.1 * (kind.trend != "N"), 0.3 * (kind.season == "A"), 0.93 if kind.damped else 1.0
    season = {"N": np.zeros(1), "A": np.linspace(-20, 20, 12), "M": np.linspace(0.8, 1.2, 12)}[kind.season]
    trend = {"N": 0.0, "A": 1.5, "M": 1.01}[kind.trend]
    value = {
        "smoothing_level": alpha,
        "smoothing_trend": beta,
        "smoothing_seasonal": gamma,
        "damping_trend": phi,
        "initial_level": 115.0,
        "initial_trend": trend,
    }
    # statsmodels numbers the initial seasons backwards from the first observation
    value |= {f"initial_seasonal.{j}": season[-1 - j] for j in range(len(season))}
    theirs = model.loglike(np.array([value[name] for name in model.param_names]))
    ours = ets.run(passengers, kind, (alpha, beta, gamma, phi), States(115.0, trend, season)).loglik
    assert ours == pytest.approx(theirs, rel=1e-10)


@pytest.mark.parametrize("kind", [Kind("A"), Kind("M", "A"), Kind("A", "A", False, "A"), Kind("M", "A", True, "M"), Kind("M", "M", False, "M")], ids=str)
def test_the_search_is_no_worse_than_that_of_statsmodels(passengers, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where its search does not converge
        theirs = statsmodels_model(passengers, kind).fit(disp=False).llf
    scale = 256.0
    ours = ets.search(passengers / scale, [kind], 12)[0].loglik - len(passengers) * math.log(scale)
    assert ours >= theirs - 1e-3


def test_the_constants_of_statsforecast(passengers):
    """statsforecast and R report −½·(n·log S + 2·Σ log|f|): larger by n/2·(1 + log(2π/n))."""
    forecast = pytest.importorskip("statsforecast.ets")
    model = forecast.ets_f(passengers, m=12, model="MAM", damped=False)
    alpha, beta, gamma = model["par"][:3]
    first = model["states"][0]
    done = ets.run(passengers, Kind("M", "A", False, "M"), (alpha, beta, gamma, 1.0), States(first[0], first[1], first[:1:-1]))
    n = len(passengers)
    assert done.loglik == pytest.approx(model["loglik"] - n / 2 * (1 + math.log(2 * math.pi / n)), rel=1e-10)


def test_without_the_extension_the_textbook_runs(monkeypatch):
    y, kind = series(25, 3, missing=True), Kind("M", "A", True, "M")
    parameters, initial = point(kind, m=3)
    innovations, steps = np.full((2, 4), 0.01), np.full(9, 1e-4)

    def everything():
        done = ets.run(y, kind, parameters, initial)
        found = ets.search(y, [kind], 3)[0]
        yield from (done.fitted, done.last.season, [done.loglik, found.loglik], ets.simulate(kind, parameters, initial, innovations))
        yield from (ets.gradient(y, kind, parameters, initial), [ets.admissible(parameters, 3)])
        assert ets.hessian(y, kind, parameters, initial, steps).shape == (9, 9)

    fast = [np.asarray(array) for array in everything()]
    monkeypatch.setattr(ets, "extension", None)
    monkeypatch.setattr(inorder.kernels, "_warned", True)
    for one, other in zip(fast, everything(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)


def test_wrong_arguments_are_said_so():
    y, simple = series(20), Kind("A")
    with pytest.raises(ConfigError, match='bounds "usal" is unknown. Did you mean "usual"'):
        ets.search(y, [simple], bounds="usal")
    with pytest.raises(ConfigError, match="positive values; the smallest is -1"):
        ets.search(np.array([1.0, -1.0, 2.0]), [Kind("M")])
    with pytest.raises(ConfigError, match="`season_length` is 1; a seasonal model needs 2"):
        ets.search(y, [Kind("A", season="A")])
    with pytest.raises(ConfigError, match=r"`phi_bounds` .* not \(0.9, 0.8\)"):
        ets.search(y, [simple], phi_bounds=(0.9, 0.8))
    with pytest.raises(ShapeError, match="no observation"):
        ets.search(np.full(4, NAN), [simple])
    with pytest.raises(ShapeError, match=r"`parameters` are α, β, γ and φ; they have the shape \(3,\)"):
        ets.run(y, simple, (0.1, 0.2, 0.3), States(1.0, 0.0, np.zeros(1)))
    with pytest.raises(ShapeError, match="`season` is empty"):
        ets.run(y, simple, (0.1, 0.2, 0.3, 1.0), States(1.0, 0.0, np.zeros(0)))
    with pytest.raises(ShapeError, match=r"`innovations` has the shape \(3,\)"):
        ets.simulate(simple, (0.1, 0.0, 0.0, 1.0), States(1.0, 0.0, np.zeros(1)), np.zeros(3))
    with pytest.raises(ShapeError, match="`steps` holds 3 numbers; 7 were expected"):
        ets.hessian(y, simple, (0.1, 0.0, 0.0, 1.0), States(1.0, 0.0, np.zeros(1)), np.zeros(3))


@pytest.mark.parametrize("kind", [Kind("A", "A"), Kind("M", "A", True), Kind("A", "A", False, "M"), Kind("M", "M", False, "N")], ids=str)
@pytest.mark.parametrize("prior", [0.05, 0.3])
def test_the_search_under_a_prior_ends_where_its_textbook_ends(kind, prior):
    rng = np.random.default_rng(3)
    y = 5 + np.cumsum(np.cumsum(rng.normal(0, 0.02, 40)) + rng.normal(0, 0.02, 40))  # the slope wanders, so β is worth something

    def penalised(found):
        return found.loglik - (found.parameters[1] / found.parameters[0] / prior) ** 2 / 2

    fast, slow = ets.search(y, [kind], 4, prior=prior)[0], textbook.search(y, [kind], 4, prior=prior)[0]
    free = ets.search(y, [kind], 4)[0]
    assert penalised(fast) == pytest.approx(penalised(slow), abs=1e-4)
    assert penalised(fast) > penalised(free) + 1e-3 and fast.loglik < free.loglik - 1e-3
    assert fast.parameters[1] / fast.parameters[0] < free.parameters[1] / free.parameters[0]
    for share in (0.98, 1.02):  # a top along β, where all else stays
        moved = ets.run(y, kind, fast.parameters * [1, share, 1, 1], fast.initial)
        assert penalised(fast._replace(loglik=moved.loglik, parameters=fast.parameters * [1, share, 1, 1])) < penalised(fast) + 1e-9


def test_a_prior_so_wide_is_none():
    y = series(40)
    one, other = (ets.search(y, [Kind("A", "A")], prior=prior)[0] for prior in (np.inf, 1e9))
    np.testing.assert_allclose(one.parameters, other.parameters, rtol=1e-6)
    with pytest.raises(ConfigError, match="`prior` is a standard deviation of 0.001 or more, not 0"):
        ets.search(y, [Kind("A", "A")], prior=0)
