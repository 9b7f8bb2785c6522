"""ETS and AutoETS: parameters, intervals beside simulation, the choice of a model, and what is said where it cannot be fitted."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.ets import ETS, AutoETS, ETSModel
from inorder.forecast.packing import pack, unpack

NAN = float("nan")


def series(time: int = 72, season_length: int = 4, seed: int = 0, noise: float = 0.05) -> np.ndarray:
    """Positive, with a trend, a season that grows with it, and noise that does too."""
    rng = np.random.default_rng(seed)
    t = np.arange(time)
    return (100 + t) * (1 + 0.2 * np.sin(2 * np.pi * t / season_length)) * rng.lognormal(0, noise, time)


def fit(y, **settings) -> ETSModel:
    settings = {"season_length": 4, **settings}
    return ETS(**settings).fit(Series.of(y)).models[0]


ALL = [(e + t + s, d) for e, (t, d), s in itertools.product("AM", (("N", False), ("A", False), ("A", True), ("M", False), ("M", True)), "NAM")]
each = pytest.mark.parametrize("components, damped", ALL)
known = pytest.mark.parametrize("components, damped", [(c, d) for c, d in ALL if c[1] != "M" and (c[0] == "M" or c[2] != "M")])


@each
def test_the_paths_that_the_recursion_makes_are_those_of_the_kernel(components, damped):
    model = fit(series(), components=components, damped=damped)
    _, state = model.run(series())
    innovations = np.random.default_rng(1).normal(0, model.sigma, (4, 9))
    fast = model.simulate(state, 9, innovations)
    for path, errors in zip(fast, innovations, strict=True):
        now = state
        for value, error in zip(path.tolist(), errors.tolist(), strict=True):
            f = float(model.forecast(now, 1)[0])
            assert value == pytest.approx(f * (1 + error) if components[0] == "M" else f + error, rel=1e-12)
            fitted, now = model.step(value, now)
            assert fitted == pytest.approx(f, rel=1e-12)
            assert model.innovations(np.array([value]), np.array([f]))[0] == pytest.approx(error, rel=1e-6)


@known
@pytest.mark.parametrize("sigma", [0.02, 0.15])
def test_the_variances_are_those_of_many_paths(components, damped, sigma):
    """Of 200,000 paths over two and a half seasons; the standard error of a standard deviation is 0.16 % where errors are normal, more where they are not."""
    model = ETSModel(
        0.0, 1, 1, *("NAM".index(components[0]), "NAM".index(components[1]), int(damped), "NAM".index(components[2])),
        0.4, 0.2 * (components[1] != "N"), 0.3 * (components[2] != "N"), 0.9 if damped else 1.0,
        100.0, 2.0 * (components[1] != "N"), {"N": np.zeros(1), "A": np.array([5.0, -2, -4, 1]), "M": np.array([1.1, 0.9, 0.8, 1.2])}[components[2]],
        sigma if components[0] == "M" else 100 * sigma, np.full(6, NAN), np.zeros((1, 6)), 0, 0,
    )  # fmt: skip
    draws = model.sigma * np.random.default_rng(7).standard_normal((200_000, 10))
    paths = model.simulate(model.init(), 10, draws)
    np.testing.assert_allclose(model.standard_deviations(model.init(), 10), paths.std(axis=0), rtol=0.015)
    lower, upper = model.quantiles(model.init(), 10, np.array([0.1, 0.9]))
    if components[0] == "A" or sigma < 0.1:  # products of large errors are too skewed for a normal distribution
        covered = ((paths >= lower) & (paths <= upper)).mean(axis=0)
        np.testing.assert_allclose(covered, 0.8, atol=0.005)
    np.testing.assert_allclose((lower + upper) / 2, model.forecast(model.init(), 10), rtol=1e-12)


@pytest.mark.parametrize("components, damped", [("AMN", True), ("ANM", False), ("MMM", False)])
def test_other_models_have_simulated_intervals(components, damped):
    fitted = ETS(components=components, damped=damped, season_length=4).fit(Series.of(series()))
    forecast = fitted.predict(6, (0.5, 0.8))
    assert forecast.intervals == "simulated" and fitted.models[0].interval_kind == "simulated"
    np.testing.assert_array_equal(forecast.lower[0.8], fitted.predict(6, (0.8,)).lower[0.8])
    np.testing.assert_array_equal(forecast.lower[0.8][:2], fitted.predict(2, (0.8,)).lower[0.8])
    model = fitted.models[0]
    paths = model.simulate(model.run(series())[1], 6, model.sigma * np.random.default_rng(5).standard_normal((20_000, 6)))
    covered = ((paths >= forecast.lower[0.8]) & (paths <= forecast.upper[0.8])).mean(axis=0)
    np.testing.assert_allclose(covered, 0.8, atol=0.03)


def test_the_likelihood_and_the_criteria():
    """Written out for ETS(M,A,A) from the residuals: n·log(S/n) and the sizes of the forecasts."""
    y = series()
    fitted = ETS(components="MAA", season_length=4).fit(Series.of(y))
    n, k = len(y), 3 + 2 + 3 + 1  # α, β, γ; level, trend, three places; σ²
    shares = fitted.residuals / fitted.fitted_values
    expected = -n / 2 * (math.log(2 * math.pi * np.mean(shares**2)) + 1) - np.log(fitted.fitted_values).sum()
    assert fitted.loglik == pytest.approx(expected, rel=1e-9)
    assert fitted.aic == pytest.approx(2 * k - 2 * expected)
    assert fitted.aicc == pytest.approx(2 * k - 2 * expected + 2 * k * (k + 1) / (n - k - 1))
    assert fitted.bic == pytest.approx(k * math.log(n) - 2 * expected)
    assert fitted.models[0].sigma == pytest.approx(math.sqrt(np.sum(shares**2) / (n - k + 1)))
    np.testing.assert_allclose(fitted.innovations, shares)


def test_missing_values_are_not_in_the_likelihood():
    y = series()
    y[[5, 6, 30, 71]] = NAN
    model = fit(y, components="MAM")
    assert model.observations == 68
    fitted, _ = model.run(y)
    shares = ((y - fitted) / fitted)[~np.isnan(y)]
    expected = -34 * (math.log(2 * math.pi * np.mean(shares**2)) + 1) - np.log(fitted[~np.isnan(y)]).sum()
    assert model.loglik == pytest.approx(expected, rel=1e-9)


def test_standard_errors_are_those_of_many_series():
    """The spread of α over 200 series of ETS(A,N,N) with α = 0.4, beside the standard error that one fit reports."""
    rng = np.random.default_rng(3)
    found, errors = [], []
    for _ in range(200):
        e = rng.normal(0, 1, 200)
        level = 50 + np.concatenate([[0.0], 0.4 * np.cumsum(e)[:-1]])
        fitted = ETS(components="ANN").fit(Series.of(level + e))
        found.append(fitted.coefficients["alpha"])
        errors.append(fitted.standard_errors["alpha"])
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.15)
    assert np.mean(found) == pytest.approx(0.4, abs=0.02)


def test_a_parameter_at_its_bound_or_given_has_no_standard_error():
    y = 10 + np.arange(40.0) + np.random.default_rng(0).normal(0, 0.1, 40)
    fitted = ETS(components="AAN", alpha=0.3).fit(Series.of(y))
    assert set(fitted.coefficients) == {"alpha", "beta", "initial_level", "initial_trend"}
    assert "alpha" not in fitted.standard_errors
    assert fitted.models[0].estimated == 4  # β, level, trend, σ²


def test_the_choice_is_the_least_criterion_of_the_trace():
    y = series(120)
    for criterion in ("aic", "aicc", "bic"):
        fitted = AutoETS(season_length=4, criterion=criterion).fit(Series.of(y))
        tried = fitted.describe()["candidates"]
        assert len(tried["model"]) == 15 and len(set(tried["model"])) == 15
        assert fitted.order == tried["model"][0]
        assert tried[criterion] == sorted(tried[criterion])
        assert getattr(fitted, criterion) == pytest.approx(tried[criterion][0])
        alone = ETS(components=fitted.order[4] + fitted.order[6] + fitted.order[-2], damped="d" in fitted.order, season_length=4).fit(Series.of(y))
        assert fitted.loglik >= alone.loglik - 1e-3
    assert "candidates" in fitted.summary() and fitted.order in fitted.summary()


def test_a_prior_holds_the_trend_back():
    """A short random walk with one jump: its likelihood is highest with a trend that takes the last step for the next."""
    y = np.array([100.0, 101, 103, 102, 104, 105, 104, 106, 118, 130, 141, 152])
    free, held = (ETS(prior=prior).fit(Series.of(y)) for prior in (None, 0.1))
    assert free.models[0].beta / free.models[0].alpha > 0.5 > 0.25 > held.models[0].beta / held.models[0].alpha
    assert held.loglik < free.loglik
    assert held.predict(6).mean[-1] < free.predict(6).mean[-1]
    assert AutoETS(components="AAN", damped=False, prior=0.1).fit(Series.of(y)).loglik == held.loglik


def test_no_trend_beside_a_wide_multiplicative_error():
    """Noise alone, of 80 %: the likelihood of shares finds a trend in it."""
    y = 100 * np.random.default_rng(3).lognormal(0, 0.8, 60)
    chosen, loose = (AutoETS(season_length=1, restrict=restrict).fit(Series.of(y)) for restrict in (True, False))
    tried = chosen.describe()["candidates"]
    assert chosen.order == tried["model"][0] == "ETS(M,N,N)"
    assert tried["model"][-2:] == ["ETS(M,Ad,N)", "ETS(M,A,N)"] and max(tried["aicc"][-2:]) < tried["aicc"][0]
    assert loose.order == "ETS(M,Ad,N)" and loose.models[0].sigma > 1 / 3
    assert AutoETS(components="MAN").fit(Series.of(y)).order in ("ETS(M,A,N)", "ETS(M,Ad,N)")  # nothing else is allowed


def test_a_season_that_grows_with_the_level_is_found():
    assert AutoETS(season_length=4).fit(Series.of(series(160, noise=0.02))).order == "ETS(M,A,M)"
    rng = np.random.default_rng(1)
    assert AutoETS(season_length=4).fit(Series.of(100 + rng.normal(0, 1, 80))).order[6:] in ("N,N)",)


@pytest.mark.parametrize(
    "settings, count",
    [
        ({}, 15),
        ({"allow_multiplicative_trend": True}, 15 + 2 * 2),
        ({"allow_multiplicative_trend": True, "restrict": False}, 30),
        ({"damped": False}, 10),
        ({"damped": True}, 5),
        ({"components": "AZN"}, 3),
        ({"components": "MMM"}, 2),
    ],
)
def test_which_models_are_candidates(settings, count):
    assert len(AutoETS(**settings).candidates()) == count


def test_values_that_are_not_positive_leave_multiplicative_models_out():
    y = series() - 120
    fitted = AutoETS(season_length=4).fit(Series.of(y))
    assert len(fitted.describe()["candidates"]["model"]) == 6
    assert "zero or negative" in fitted.notes[0]
    with pytest.raises(ForecastError, match=r"Models with components MZZ need values above zero; the smallest here is -"):
        AutoETS(components="MZZ", season_length=4).fit(Series.of(y))
    with pytest.raises(ForecastError, match=r"ETS\(A,N,M\) needs values above zero"):
        ETS(components="ANM", season_length=4).fit(Series.of(y))


def test_a_long_season_has_heuristic_initial_states():
    rng = np.random.default_rng(0)
    t = np.arange(500)
    y = 100 + 20 * np.sin(2 * np.pi * t / 100) + rng.normal(0, 1, 500)
    fitted = AutoETS(season_length=100).fit(Series.of(y))
    assert "season of 100 is long" in fitted.notes[0]
    assert abs(fitted.predict(100).mean - (100 + 20 * np.sin(2 * np.pi * (500 + np.arange(100)) / 100))).mean() < 1.5
    estimated = ETS(components="ANA", season_length=60, initial="estimated").fit(Series.of(y))
    heuristic = ETS(components="ANA", season_length=60, initial="heuristic").fit(Series.of(y))
    assert estimated.loglik > heuristic.loglik and not estimated.notes


def test_too_little_to_fit():
    with pytest.raises(ForecastError, match=r"ETS\(A,A,N\) needs 5 observations \(one for each of the 5 numbers it estimates\), has 4"):
        ETS().fit(Series.of(np.arange(4.0)))
    with pytest.raises(ForecastError, match=r"ETS\(A,N,A\) needs 24 observations \(two seasons of 12\), has 20"):
        ETS(components="ANA", season_length=12).fit(Series.of(np.arange(20.0)))
    with pytest.raises(ForecastError, match="none is known here"):
        ETS(components="ANA", season_length=1).fit(Series.of(np.arange(20.0)))
    with pytest.raises(ForecastError, match="needs 3 observations, has 2"):
        AutoETS().fit(Series.of([1.0, 2.0]))
    assert AutoETS().fit(Series.of([1.0, 2.0, 2.5])).order.endswith("N,N)")
    with pytest.raises(ForecastError, match="components ZZA need two seasons"):
        AutoETS(components="ZZA", season_length=12).fit(Series.of(np.arange(20.0)))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"components": "AXN"}, r"three letters for error \(A, M\), trend \(N, A, M\) and season \(N, A, M\), such as \"AAN\"; not 'AXN'"),
        ({"components": "ZZZ"}, "not 'ZZZ'"),
        ({"damped": 1}, "`damped` is True or False, not 1"),
        ({"components": "ANN", "damped": True}, "`damped` needs a trend"),
        ({"gamma": 0.1}, r"`gamma` = 0.1 has no effect on ETS\(A,A,N\)"),
        ({"alpha": "a"}, "`alpha` is a number, not 'a'"),
        ({"alpha": 0.2, "beta": 0.3}, "0 ≤ beta ≤ alpha"),
        ({"damped": True, "phi": 1.2}, "`phi` is above 0 and at most 1, not 1.2"),
        ({"bounds": "wide"}, 'Kind of bounds "wide" is unknown'),
        ({"initial": "none"}, "`initial` is one of 'auto', 'estimated', 'heuristic'; not 'none'"),
        ({"prior": 0.0}, "`prior` is a standard deviation of 0.001 or more, or None, not 0.0"),
        ({"components": "ANN", "prior": 0.3}, r"`prior` = 0.3 has no effect on ETS\(A,N,N\)"),
        ({"beta": 0.1, "prior": 0.3}, "has no effect on .* with beta = 0.1"),
    ],
)
def test_settings_that_make_no_model(settings, message):
    with pytest.raises(ConfigError, match=message):
        ETS(**settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"components": "ZZ"}, "such as \"ZZZ\"; not 'ZZ'"),
        ({"criterion": "hqic"}, 'Criterion "hqic" is unknown'),
        ({"restrict": 0}, "`restrict` is True or False, not 0"),
        ({"damped": "no"}, "`damped` is True, False or None for both, not 'no'"),
        ({"prior": "wide"}, "`prior` is a standard deviation of 0.001 or more, or None, not 'wide'"),
        ({"components": "ANM"}, "No model is left with components 'ANM'"),
        ({"components": "ANN", "damped": True}, "No model is left"),
    ],
)
def test_settings_that_leave_no_candidate(settings, message):
    with pytest.raises(ConfigError, match=message):
        AutoETS(**settings)


def test_packed_models_come_back():
    models = [AutoETS(season_length=4).fit(Series.of(series(seed=seed))).models[0] for seed in range(3)]
    for one, other in zip(models, unpack(ETSModel, pack(models), 3), strict=True):
        assert one.kind == other.kind and one.describe()["candidates"] == other.describe()["candidates"]
        np.testing.assert_array_equal(one.run(series())[0], other.run(series())[0])


def test_twice_the_series_is_twice_the_forecast_and_the_same_model():
    y = series()
    one, other = (AutoETS(season_length=4).fit(Series.of(factor * y)) for factor in (1, 3))
    assert one.order == other.order
    np.testing.assert_allclose(3 * one.predict(8).mean, other.predict(8).mean, rtol=1e-6)
    assert other.loglik == pytest.approx(one.loglik - len(y) * math.log(3), abs=1e-6)


def test_fixed_weights_that_are_not_admissible_are_named():
    with pytest.raises(ForecastError, match=r"ETS.A,N,N. is not admissible with alpha = 5: "):
        ETS(components="ANN", alpha=5.0, bounds="admissible").fit([3.0, 4.0, 3.5, 4.2, 3.9, 4.1, 4.4, 4.0])
