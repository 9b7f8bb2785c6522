"""Structural models: the kernel beside its textbook, both beside statsmodels; the exact score beside differences."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from inorder.errors import ShapeError
from inorder.kernels import extension, structural
from inorder.kernels.structural import DAMPED, DUMMY, LINEAR, NONE, SMOOTH, TRIGONOMETRIC, Kind
from inorder.textbook import structural as textbook

NAN = float("nan")
KINDS = {
    "level": Kind(),
    "no noise": Kind(irregular=0),
    "trend": Kind(trend=LINEAR),
    "smooth": Kind(trend=SMOOTH),
    "damped": Kind(trend=DAMPED),
    "fixed level": Kind(level=0, trend=LINEAR),
    "dummies": Kind(trend=LINEAR, seasonal=DUMMY, season_length=4),
    "harmonics": Kind(trend=LINEAR, seasonal=TRIGONOMETRIC, season_length=6, harmonics=3),
    "few harmonics": Kind(seasonal=TRIGONOMETRIC, season_length=7, harmonics=2),
    "cycle": Kind(cycle=1, shortest=5, longest=30),
    "autoregression": Kind(trend=SMOOTH, order=2),
    "everything": Kind(trend=DAMPED, seasonal=DUMMY, season_length=4, cycle=1, shortest=6, longest=40, order=1),
}
each_kind = pytest.mark.parametrize("name", KINDS)
compiled = pytest.mark.skipif(extension is None, reason="the kernels are not compiled")


def series(rows: int = 60, missing: bool = True) -> np.ndarray:
    rng = np.random.default_rng(12)
    t = np.arange(rows)
    y = 0.03 * t + 0.2 * rng.normal(size=rows).cumsum() + 0.5 * np.cos(t * np.pi / 2) + 0.4 * np.sin(t / 3) + 0.2 * rng.normal(size=rows)
    y -= y.mean()
    if missing:
        y[[3, 4, 20, 31]] = NAN
    return y


def autoregressive(rows: int = 120) -> np.ndarray:
    """A slow curve and an AR(2) well inside the stationary region; a cycle that never fades would end at the bound of our search, which statsmodels has not."""
    rng = np.random.default_rng(21)
    ar = np.zeros(rows)
    for t in range(2, rows):
        ar[t] = 1.1 * ar[t - 1] - 0.5 * ar[t - 2] + 0.5 * rng.normal()
    y = np.sin(np.arange(rows) / 25) + ar + 0.2 * rng.normal(size=rows)
    y[[30, 31, 77]] = NAN
    return y - np.nanmean(y)


def columns(rows: int = 60) -> np.ndarray:
    rng = np.random.default_rng(13)
    return np.column_stack([rng.normal(size=rows), np.arange(rows) >= 30])


def coordinates(kind: Kind, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-2, 1, kind.sought)


def parameters(kind: Kind, seed: int = 0) -> np.ndarray:
    return textbook.parameters_at(textbook.Kind(*map(float, kind)), coordinates(kind, seed))


def score(kind: Kind, y: np.ndarray, x: np.ndarray, z: np.ndarray) -> tuple[float, np.ndarray]:
    gradient = np.empty(len(z))
    return extension.structural_score(np.array(kind, dtype=np.float64), y, x, z, gradient), gradient


@each_kind
def test_the_matrices_are_those_of_the_textbook(name):
    kind = KINDS[name]
    ours = structural.matrices(kind, parameters(kind))
    theirs = textbook.matrices(textbook.Kind(*map(float, kind)), parameters(kind))
    for field in ours._fields:
        np.testing.assert_allclose(getattr(ours, field), getattr(theirs, field), rtol=1e-10, atol=1e-12, err_msg=field)
    assert ours.design.shape[2] == kind.states and len(ours.directions) == kind.diffuse


@compiled
@each_kind
@pytest.mark.parametrize("regressors", [False, True])
def test_the_likelihood_is_that_of_the_textbook_and_its_score_is_exact(name, regressors):
    kind, y = KINDS[name], series()
    x = columns() if regressors else np.empty((60, 0))
    for seed in range(3):
        z = coordinates(kind, seed)
        value, gradient = score(kind, y, x, z)
        assert value == pytest.approx(textbook.loglik(textbook.Kind(*map(float, kind)), parameters(kind, seed), y, x).loglik, abs=1e-8)
        h = 1e-5 * np.eye(len(z))
        numeric = [(score(kind, y, x, z + step)[0] - score(kind, y, x, z - step)[0]) / 2e-5 for step in h]
        np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=2e-6, err_msg=f"seed {seed}")


@compiled
@pytest.mark.parametrize("name", ["level", "damped"])
def test_the_search_ends_where_that_of_the_textbook_does_or_higher(name):
    kind, y = KINDS[name], series(40)
    x = columns(40)[:, :1]
    ours = structural.fit(kind, y, x)
    theirs = textbook.fit(textbook.Kind(*map(float, kind)), y, x, steps=25)
    assert ours.loglik >= theirs.loglik - 1e-5
    again = textbook.loglik(textbook.Kind(*map(float, kind)), ours.parameters, y, x, concentrated=False)
    assert again.loglik == pytest.approx(ours.loglik, abs=1e-6)
    np.testing.assert_allclose(again.beta, ours.beta, rtol=1e-5)
    assert again.known == ours.known


UC = {
    "level": {"level": "local level"},
    "trend": {"level": "local linear trend"},
    "smooth": {"level": "smooth trend"},
    "dummies": {"level": "local linear trend", "seasonal": 4},
    "harmonics": {"level": "local linear trend", "freq_seasonal": [{"period": 6}]},
    "few harmonics": {"level": "local level", "freq_seasonal": [{"period": 7, "harmonics": 2}]},
    "autoregression": {"level": "smooth trend", "autoregressive": 2},
}
THEIRS = {"sigma2.irregular": 0, "sigma2.level": 1, "sigma2.trend": 2, "sigma2.ar": 5, "ar.L1": 9, "ar.L2": 10}


@pytest.mark.parametrize("name", UC)
def test_the_likelihood_is_that_of_statsmodels(name):
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    kind, y = KINDS[name], autoregressive() if KINDS[name].order else series()
    x = columns(len(y))[:, :1]
    found = structural.fit(kind, y, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = UnobservedComponents(y, exog=x, use_exact_diffuse=True, **UC[name])
    values = [found.beta[0] if p.startswith("beta") else found.parameters[3 if "season" in p else THEIRS[p]] for p in model.param_names]
    assert found.loglik == pytest.approx(model.loglike(np.array(values)), abs=1e-7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = model.fit(disp=0, maxiter=500)
    assert found.loglik >= theirs.llf - 1e-5


def test_standard_errors_are_those_of_a_numerical_hessian():
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y = series(missing=False)
    found = structural.fit(Kind(), y, columns()[:, :1])
    model = UnobservedComponents(y, level="local level", exog=columns()[:, :1], use_exact_diffuse=True)
    values = np.array([*found.parameters[:2], *found.beta])
    steps = 1e-4 * np.diag(values)
    hessian = np.array(
        [
            [
                (model.loglike(values + a + b) - model.loglike(values + a - b) - model.loglike(values - a + b) + model.loglike(values - a - b))
                / (4 * a.sum() * b.sum())
                for b in steps
            ]
            for a in steps
        ]
    )
    expected = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    np.testing.assert_allclose(found.errors[:2], expected[:2], rtol=1e-2)
    np.testing.assert_allclose(found.beta_errors, expected[2:], rtol=1e-2)


def test_a_column_that_says_nothing_has_no_coefficient():
    y = series()
    found = structural.fit(Kind(trend=LINEAR), y, np.column_stack([np.ones(60), columns()[:, 0], np.zeros(60)]))
    assert found.beta[0] == found.beta[2] == 0 and found.beta[1] != 0
    assert np.isnan(found.beta_errors[[0, 2]]).all() and np.isfinite(found.beta_errors[1])


def test_what_does_not_fit_is_said():
    with pytest.raises(ShapeError, match=r"parameters.*\(3,\).*\(9,\)"):
        structural.matrices(Kind(), np.ones(3))
    with pytest.raises(ShapeError, match=r"`x` \(3, 1\)"):
        structural.fit(Kind(trend=NONE), np.ones(4), np.ones((3, 1)))


@compiled
def test_the_likelihood_of_a_long_season_is_that_of_all_rows_at_once_and_its_score_is_exact():
    """Slow harmonics look alike at first: the diffuse start is a regression. Beside generalised least squares on all rows."""
    from tests.kernels.test_kalman import dense_signal, long_season

    y, _ = long_season(48, 6, 144)
    for kind in (
        Kind(trend=LINEAR, seasonal=TRIGONOMETRIC, season_length=48, harmonics=6),
        Kind(trend=DAMPED, seasonal=TRIGONOMETRIC, season_length=48, harmonics=6),
    ):
        z = np.array([0.0, -1.5, -5.0, -6.0, 1.0][: kind.sought])
        value, gradient = score(kind, y[:, 0], np.empty((144, 0)), z)
        h = 1e-4 * np.eye(len(z))
        numeric = [(score(kind, y[:, 0], np.empty((144, 0)), z + step)[0] - score(kind, y[:, 0], np.empty((144, 0)), z - step)[0]) / 2e-4 for step in h]
        np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-5)
    found = structural.fit(Kind(trend=LINEAR, seasonal=TRIGONOMETRIC, season_length=48, harmonics=6), y[:, 0])
    system = structural.matrices(Kind(trend=LINEAR, seasonal=TRIGONOMETRIC, season_length=48, harmonics=6), found.parameters)
    assert found.loglik == pytest.approx(dense_signal(y, system)[0], abs=1e-6)


@compiled
def test_covariates_beside_a_long_season():
    from tests.kernels.test_kalman import dense_signal, long_season

    y, _ = long_season(48, 6, 144)
    kind, x = Kind(trend=LINEAR, seasonal=TRIGONOMETRIC, season_length=48, harmonics=6), columns(144)
    found = structural.fit(kind, y[:, 0] + x @ [2.0, -1.0], x)
    np.testing.assert_allclose(found.beta, [2.0, -1.0], atol=4 * found.beta_errors.max())
    z = np.array([0.0, -1.5, -5.0, -6.0])
    _, gradient = score(kind, y[:, 0], x, z)
    h = 1e-4 * np.eye(4)
    numeric = [(score(kind, y[:, 0], x, z + step)[0] - score(kind, y[:, 0], x, z - step)[0]) / 2e-4 for step in h]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-5)
    system = structural.matrices(kind, found.parameters)
    at_beta = dense_signal((y[:, 0] + x @ ([2.0, -1.0] - found.beta))[:, None], system)[0]
    assert found.loglik == pytest.approx(at_beta, abs=1e-6)


@compiled
def test_a_long_series_is_searched_to_its_end():
    """The first steps are taken on a stretch; the end is a maximum of the whole."""
    y = series(2400, missing=False)
    kind = Kind(trend=LINEAR, seasonal=DUMMY, season_length=4)
    found = structural.fit(kind, y)
    variances = found.parameters[:4]
    moving = variances > 0
    z = np.where(moving, np.log(np.where(moving, variances, 1.0)), -1e9)
    _, gradient = score(kind, y, np.empty((2400, 0)), z)
    assert np.abs(gradient[moving]).max() < 1e-3
    for k in np.flatnonzero(~moving):  # and what is zero would not gain
        nudged = z.copy()
        nudged[k] = z[moving].max() - 14
        assert score(kind, y, np.empty((2400, 0)), nudged)[0] < found.loglik + 1e-3
