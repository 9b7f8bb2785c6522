"""The state space kernel beside its textbook, the textbook beside dense Gaussian conditioning, and both beside statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.errors import ConfigError, ForecastError, ShapeError
from inorder.kernels import kalman, structural
from inorder.kernels.kalman import FILTERED, SMOOTHED, kalman_filter, kalman_filters, kalman_smoother, kalman_smoothers, simulation_smoother, state_space
from inorder.textbook import kalman as textbook

NAN = float("nan")


def random_covariance(rng, size: int, rank: int | None = None) -> np.ndarray:
    root = rng.normal(size=(size, size if rank is None else rank))
    return root @ root.T


def random_system(rng, p: int, m: int, r: int, time: int = 0, directions: int = 0, correlated: bool = False, **over):
    """A stable model with random matrices; `time` > 0: all of them change with time."""

    def matrix(shape, make=None):
        make = make or (lambda: rng.normal(size=shape))
        return np.array([make() for _ in range(time)]) if time else make()

    def transition():
        T = rng.normal(size=(m, m))
        return 0.9 * T / np.abs(np.linalg.eigvals(T)).max()

    noise = (lambda: random_covariance(rng, p)) if correlated else (lambda: np.diag(rng.uniform(0.3, 2, p)))
    parts = {
        "design": matrix((p, m)),
        "transition": matrix((m, m), transition),
        "state_covariance": matrix((r, r), lambda: random_covariance(rng, r)),
        "observation_covariance": matrix((p, p), noise),
        "selection": matrix((m, r)),
        "observation_intercept": matrix((p,)),
        "state_intercept": matrix((m,)),
        "start": "known",
        "mean": rng.normal(size=m),
        "covariance": random_covariance(rng, m),
        "directions": np.linalg.qr(rng.normal(size=(m, m)))[0][:directions],
    }
    return state_space(**{**parts, **over})


def observations(rng, time: int, p: int, missing: float = 0.0) -> np.ndarray:
    y = rng.normal(size=(time, p)) * 2
    y[rng.uniform(size=(time, p)) < missing] = NAN
    return y


SYSTEMS = {
    "one of each": {"p": 1, "m": 1, "r": 1},
    "known start": {"p": 1, "m": 3, "r": 2},
    "diffuse": {"p": 1, "m": 3, "r": 2, "directions": 3, "mean": None, "covariance": None},
    "diffuse in part": {"p": 1, "m": 4, "r": 1, "directions": 2},
    "two series": {"p": 2, "m": 3, "r": 2, "directions": 3},
    "three correlated series": {"p": 3, "m": 2, "r": 2, "correlated": True},
    "correlated and diffuse": {"p": 3, "m": 5, "r": 3, "directions": 4, "correlated": True},
    "all changing": {"p": 2, "m": 3, "r": 3, "time": 9, "correlated": True},
    "all changing, diffuse": {"p": 2, "m": 3, "r": 1, "time": 9, "directions": 3},
    "seven states": {"p": 2, "m": 7, "r": 2, "directions": 5},
    "no noise": {"p": 1, "m": 3, "r": 3, "observation_covariance": 0.0, "directions": 1},
    "noise of rank one": {"p": 3, "m": 4, "r": 2, "observation_covariance": np.outer([1.0, 2.0, -1.0], [1.0, 2.0, -1.0])},
}
each_system = pytest.mark.parametrize("name", SYSTEMS)


def case(name: str, missing: float, time: int = 9):
    rng = np.random.default_rng(sum(map(ord, name)))
    system = random_system(rng, **SYSTEMS[name])
    y = observations(rng, time, system.design.shape[1], missing)
    return y, system


# --- the bottom rung: the joint normal distribution of all states and observations ---


def dense(y: np.ndarray, system: kalman.System):
    """Mean, covariance and likelihood by conditioning one large normal vector, with a flat prior for the diffuse directions."""
    (time, p), m, k, r = y.shape, len(system.mean), len(system.directions), system.selection.shape[2]
    at = textbook.System(*system).at
    sources = m + time * (p + r)  # x, then ε and η of every step
    spread = np.zeros((sources, sources))
    spread[:m, :m] = system.covariance
    # every vector is mean + B·δ + C·(x, ε, η)
    mean, B, C = system.mean, system.directions.T, np.eye(m, sources)
    names = {"state": [], "y": [], "noise": [], "disturbance": []}
    for t in range(time):
        Z, d, H, T, c, R, Q = at(t)
        e, u = np.zeros((p, sources)), np.zeros((r, sources))
        first = m + t * (p + r)
        e[:, first : first + p], u[:, first + p : first + p + r] = np.eye(p), np.eye(r)
        spread[first : first + p, first : first + p], spread[first + p : first + p + r, first + p : first + p + r] = H, Q
        names["state"].append((mean, B, C))
        names["y"].append((Z @ mean + d, Z @ B, Z @ C + e))
        names["noise"].append((np.zeros(p), np.zeros((p, k)), e))
        names["disturbance"].append((np.zeros(r), np.zeros((r, k)), u))
        mean, B, C = T @ mean + c, T @ B, T @ C + R @ u
    names["state"].append((mean, B, C))
    stacked = {name: tuple(np.concatenate(part) for part in zip(*parts, strict=True)) for name, parts in names.items()}
    there = ~np.isnan(y.reshape(-1))
    mu, X, G = (part[there] for part in stacked["y"])
    values, omega = y.reshape(-1)[there], G @ spread @ G.T
    inverse = np.linalg.inv(omega)
    information = X.T @ inverse @ X
    delta = np.linalg.solve(information, X.T @ inverse @ (values - mu)) if k else np.zeros(0)
    error = values - mu - X @ delta
    determinants = np.linalg.slogdet(omega)[1] + (np.linalg.slogdet(information)[1] if k else 0.0)
    loglik = -0.5 * (len(values) * np.log(2 * np.pi) + determinants + error @ inverse @ error)
    answers = {}
    for name, (mean, B, C) in stacked.items():
        across = C @ spread @ G.T @ inverse
        left = B - across @ X
        covariance = C @ spread @ C.T - across @ (C @ spread @ G.T).T + (left @ np.linalg.solve(information, left.T) if k else 0.0)
        answers[name] = mean + B @ delta + across @ error, covariance
    return loglik, answers


def blocks(vector: np.ndarray, matrix: np.ndarray, size: int):
    """(time, size) means, (time, size, size) covariances, and those between a step and the one before."""
    count = len(vector) // size
    grid = matrix.reshape(count, size, count, size)
    return vector.reshape(count, size), np.array([grid[t, :, t] for t in range(count)]), np.array([grid[t + 1, :, t] for t in range(count - 1)])


@each_system
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_textbook_is_dense_conditioning(name, missing):
    y, system = case(name, missing)
    loglik, answers = dense(y, system)
    twin = textbook.System(*system)
    assert textbook.kalman_filter(y, twin).loglik_each.sum() == pytest.approx(loglik, abs=1e-8)
    back = textbook.kalman_smoother(y, twin)
    p, m, r = y.shape[1], len(system.mean), system.selection.shape[2]
    state, covariance, lagged = blocks(*answers["state"], m)
    close = {"rtol": 1e-7, "atol": 1e-7}
    np.testing.assert_allclose(back.state, state[:-1], **close)
    np.testing.assert_allclose(back.state_covariance, covariance[:-1], **close)
    np.testing.assert_allclose(back.lagged_covariance, lagged, **close)
    for kind, size in (("noise", p), ("disturbance", r)):
        mean, covariance, _ = blocks(*answers[kind], size)
        np.testing.assert_allclose(getattr(back, kind), mean, **close)
        np.testing.assert_allclose(getattr(back, kind + "_covariance"), covariance, **close)


@pytest.mark.parametrize("name", ["known start", "two series", "correlated and diffuse", "all changing"])
def test_filtered_and_predicted_states_are_dense_conditioning_on_what_came_before(name):
    y, system = case(name, 0.2)
    done = textbook.kalman_filter(y, textbook.System(*system))
    m = len(system.mean)
    for t in range(len(done.diffuse_covariance) + 1, len(y)):
        seen = y.copy()
        seen[t + 1 :] = NAN
        state, covariance, _ = blocks(*dense(seen, system)[1]["state"], m)
        np.testing.assert_allclose(done.filtered[t], state[t], rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(done.filtered_covariance[t], covariance[t], rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(done.predicted_covariance[t + 1], covariance[t + 1], rtol=1e-7, atol=1e-7)


# --- the kernel beside its textbook ---


@each_system
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("time", [1, 9, 63])
def test_the_kernel_follows_the_textbook(name, missing, time):
    if "all changing" in name and time != 9:
        pytest.skip("its matrices are given for nine steps")
    y, system = case(name, missing, time)
    (done, back), twin = kalman_smoothers([y], [system])[0], textbook.System(*system)
    expected, expected_back = textbook.kalman_filter(y, twin), textbook.kalman_smoother(y, twin)
    for field in FILTERED:
        np.testing.assert_allclose(getattr(done, field), getattr(expected, field), rtol=1e-7, atol=1e-8, err_msg=field)
    for field in ("squares", "log_determinant", "known", "diffuse"):
        assert getattr(done, field) == pytest.approx(getattr(expected, field), rel=1e-9, abs=1e-9)
    assert done.loglik == pytest.approx(expected.loglik_each.sum(), abs=1e-8)
    np.testing.assert_allclose(done.diffuse_covariance, expected.diffuse_covariance, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(done.remaining.T @ done.remaining, expected.remaining, atol=1e-8)
    if len(done.remaining):
        return  # what is not learnt has no covariance
    for field in SMOOTHED:
        np.testing.assert_allclose(getattr(back, field), getattr(expected_back, field), rtol=1e-6, atol=1e-7, err_msg=field)


def local_linear_trend(level: float, slope: float, noise: float = 1.0):
    return state_space(design=[[1.0, 0.0]], transition=[[1.0, 1.0], [0.0, 1.0]], state_covariance=np.diag([level, slope]), observation_covariance=noise)


@pytest.mark.parametrize("gaps", [[], [300], [500, 501, 502, 900]])
@pytest.mark.parametrize("p", [1, 2])
def test_standing_gains_change_nothing(gaps, p):
    rng = np.random.default_rng(5)
    system = local_linear_trend(0.3, 0.01) if p == 1 else random_system(rng, 2, 4, 2, directions=4, correlated=True)
    y = rng.normal(size=(1000, p)).cumsum(axis=0)
    y[gaps] = NAN
    (fast, fast_back), (slow, slow_back) = (kalman_smoothers([y], [system], steady=steady)[0] for steady in (True, False))
    assert fast.loglik == pytest.approx(slow.loglik, abs=1e-9)
    for one, other in ((fast, slow), (fast_back, slow_back)):
        for name, value in one._asdict().items():
            other_value = getattr(other, name)
            scale = np.abs(other_value[np.isfinite(other_value)]).max(initial=0.0) if isinstance(value, np.ndarray) else abs(other_value)
            np.testing.assert_allclose(value, other_value, rtol=1e-9, atol=1e-10 * scale, err_msg=name)


def test_draws_follow_the_textbook_and_do_not_depend_on_threads():
    for name in ("correlated and diffuse", "all changing, diffuse", "known start"):
        y, system = case(name, 0.2)
        m, steps = len(system.mean), y.shape[1] + system.selection.shape[2]
        draws = simulation_smoother(y, system, 3, seed=8)
        normals = np.random.default_rng(8).standard_normal((3, m + len(y) * steps))
        for draw, numbers in zip(draws, normals, strict=True):
            np.testing.assert_allclose(draw, textbook.simulation_smoother(y, textbook.System(*system), numbers), rtol=1e-7, atol=1e-7)
        np.testing.assert_array_equal(simulation_smoother(y, system, 3, seed=8, threads=2), draws)


def test_draws_have_the_smoothed_moments():
    y, system = case("diffuse in part", 0.2)
    back = kalman_smoother(y, system)
    draws = simulation_smoother(y, system, 40_000, seed=1, threads=2)
    deviation = np.sqrt(np.array([np.diag(V) for V in back.state_covariance]))
    np.testing.assert_allclose((draws.mean(axis=0) - back.state) / deviation, 0, atol=4.5 / np.sqrt(40_000))
    centred = draws - draws.mean(axis=0)
    lagged = np.einsum("dti,dtj->tij", centred[:, 1:], centred[:, :-1]) / 40_000
    scale = deviation[1:, :, None] * deviation[:-1, None, :]
    np.testing.assert_allclose((lagged - back.lagged_covariance[:-1]) / scale, 0, atol=0.03)


def test_many_series_are_each_by_itself_and_threads_change_nothing():
    names = [name for name in SYSTEMS if "changing" not in name]
    ys, systems = zip(*(case(name, 0.2, 30) for name in names), strict=True)
    together = kalman_smoothers(ys, systems, threads=2)
    for y, system, (done, back) in zip(ys, systems, together, strict=True):
        alone, alone_back = kalman_smoothers([y], [system])[0]
        for one, other in ((done, alone), (back, alone_back)):
            for value, expected in zip(one, other, strict=True):
                np.testing.assert_array_equal(value, expected)


def test_only_the_outputs_asked_for_are_filled():
    y, system = case("two series", 0.1)
    everything, lean = kalman_filter(y, system), kalman_filters([y], [system], outputs=())[0]
    assert lean.predicted.size == lean.forecast_covariance.size == 0
    assert lean.loglik == everything.loglik
    done, back = kalman_smoothers([y], [system], outputs=("forecast", "state"))[0]
    np.testing.assert_array_equal(done.forecast, everything.forecast)
    np.testing.assert_allclose(back.state, kalman_smoother(y, system).state, rtol=1e-12)
    assert back.state_covariance.size == 0


# --- an independent program ---


def statsmodels_smoother(y, system, initialization: str):
    from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

    p, m, r = y.shape[1], len(system.mean), system.selection.shape[2]
    model = KalmanSmoother(p, m, r, initialization=None)
    model.bind(np.ascontiguousarray(y))
    for ours, theirs in (
        ("design", "design"),
        ("transition", "transition"),
        ("selection", "selection"),
        ("observation_covariance", "obs_cov"),
        ("state_covariance", "state_cov"),
    ):
        array = getattr(system, ours)
        model[theirs] = array[0] if len(array) == 1 else np.moveaxis(array, 0, -1)
    model["obs_intercept"] = system.observation_intercept.T if len(system.observation_intercept) > 1 else system.observation_intercept[0]
    model["state_intercept"] = system.state_intercept.T if len(system.state_intercept) > 1 else system.state_intercept[0]
    if initialization == "diffuse":
        model.initialize_diffuse()
    else:
        model.initialize_known(system.mean, system.covariance)
    return model.smooth()


@pytest.mark.parametrize("name", ["known start", "diffuse", "two series", "three correlated series", "all changing", "seven states"])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_as_statsmodels_has_it(name, missing):
    rng = np.random.default_rng(sum(map(ord, name)))
    settings = dict(SYSTEMS[name])
    diffuse = settings.pop("directions", 0) > 0
    start = {"mean": np.zeros(settings["m"]), "covariance": np.zeros((settings["m"],) * 2)} if diffuse else {}
    system = random_system(rng, **{**settings, **start})
    if diffuse:
        system = system._replace(directions=np.eye(settings["m"]))
    y = observations(rng, 9 if "changing" in name else 40, settings["p"], missing)
    theirs = statsmodels_smoother(y, system, "diffuse" if diffuse else "known")
    done, back = kalman_smoothers([y], [system])[0]
    assert done.loglik == pytest.approx(theirs.llf, abs=1e-6)
    np.testing.assert_allclose(back.state, theirs.smoothed_state.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(back.state_covariance, np.moveaxis(theirs.smoothed_state_cov, -1, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(back.disturbance, theirs.smoothed_state_disturbance.T, rtol=1e-5, atol=1e-6)


# --- starts and refusals ---


def test_a_stationary_start_is_where_the_model_stays():
    rng = np.random.default_rng(9)
    T = 0.97 * np.linalg.qr(rng.normal(size=(4, 4)))[0]
    Q, c = random_covariance(rng, 4), rng.normal(size=4)
    system = state_space(rng.normal(size=(1, 4)), T, Q, 1.0, state_intercept=c, start="stationary")
    np.testing.assert_allclose(T @ system.covariance @ T.T + Q, system.covariance, rtol=1e-10)
    np.testing.assert_allclose(T @ system.mean + c, system.mean, rtol=1e-10)
    from scipy.linalg import solve_discrete_lyapunov

    np.testing.assert_allclose(system.covariance, solve_discrete_lyapunov(T, Q), rtol=1e-8)


def test_what_does_not_fit_is_said():
    walk = {"design": [[1.0]], "transition": [[1.0]], "state_covariance": [[1.0]]}
    with pytest.raises(ConfigError, match="largest here is 1"):
        state_space(**walk, start="stationary")
    with pytest.raises(ConfigError, match="start.*'diffus'"):
        state_space(**walk, start="diffus")
    with pytest.raises(ConfigError, match='start="known"'):
        state_space(**walk, mean=[0.0])
    with pytest.raises(ShapeError, match=r"transition.*\(2, 2\).*\(1, 1\) was expected"):
        state_space(**{**walk, "transition": np.eye(2)})
    with pytest.raises(ShapeError, match="design': 3.*transition': 4"):
        state_space(np.ones((3, 1, 1)), np.ones((4, 1, 1)), [[1.0]])
    with pytest.raises(ConfigError, match="state_covariance.*finite"):
        state_space(**{**walk, "state_covariance": [[NAN]]})
    system = state_space(**walk)
    with pytest.raises(ShapeError, match=r"`y` has the shape \(3, 2\)"):
        kalman_filter(np.ones((3, 2)), system)
    with pytest.raises(ConfigError, match="infinite"):
        kalman_filter([1.0, float("inf")], system)
    with pytest.raises(ConfigError, match="form.*'qr'"):
        kalman_filter([1.0], system, form="qr")
    with pytest.raises(ConfigError, match="draws.*0"):
        simulation_smoother([1.0], system, 0)


def test_nothing_to_filter():
    system = local_linear_trend(0.1, 0.1)
    done, back = kalman_smoothers([np.empty(0)], [system])[0]
    assert done.loglik == 0 and done.predicted.shape == (1, 2) and back.state.shape == (0, 2)
    done = kalman_filter([NAN, NAN], system)
    assert done.loglik == 0 and len(done.remaining) == 2


def test_without_a_compiler_the_textbook_stands_in(monkeypatch):
    y, system = case("diffuse in part", 0.2)
    done, back = kalman_smoothers([y], [system])[0]
    draws = simulation_smoother(y, system, 2, seed=3)
    monkeypatch.setattr(kalman, "extension", None)
    monkeypatch.setattr(kalman, "warn_uncompiled", lambda: None)
    plain, plain_back = kalman_smoothers([y], [system])[0]
    for field in (*FILTERED, "loglik", "last", "last_covariance", "diffuse_covariance"):
        np.testing.assert_allclose(getattr(plain, field), getattr(done, field), rtol=1e-8, atol=1e-9, err_msg=field)
    for field in SMOOTHED:
        np.testing.assert_allclose(getattr(plain_back, field), getattr(back, field), rtol=1e-7, atol=1e-8, err_msg=field)
    np.testing.assert_allclose(simulation_smoother(y, system, 2, seed=3), draws, rtol=1e-8, atol=1e-9)


# --- the square-root form ---


@each_system
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_square_root_form_gives_the_same_numbers(name, missing):
    y, system = case(name, missing)
    (root, root_back), (plain, plain_back) = (kalman_smoothers([y], [system], form=form)[0] for form in ("square-root", "covariance"))
    for field in (*FILTERED, "squares", "log_determinant", "known", "diffuse", "diffuse_covariance"):
        np.testing.assert_allclose(getattr(root, field), getattr(plain, field), rtol=1e-7, atol=1e-7, err_msg=field)
    assert root.remaining.shape == plain.remaining.shape
    if not len(root.remaining):
        for field in SMOOTHED:
            np.testing.assert_allclose(getattr(root_back, field), getattr(plain_back, field), rtol=1e-6, atol=1e-6, err_msg=field)


def test_the_square_root_form_keeps_digits_that_covariances_lose():
    """Two observations of two states, all but the same: the determinant of what they tell is 1e-12, as in Bierman 1977, ch. 5; beside exact fractions."""
    from fractions import Fraction

    small = 2.0**-20
    system = state_space(
        design=[[1.0, small], [1.0, 1.0]], transition=np.eye(2), state_covariance=np.zeros((2, 2)), observation_covariance=np.diag([small**2, small**2]),
        start="known", covariance=np.eye(2) / small**2,
    )  # fmt: skip
    P = [[1 / Fraction(small) ** 2, Fraction(0)], [Fraction(0), 1 / Fraction(small) ** 2]]
    for z in ([Fraction(1), Fraction(small)], [Fraction(1), Fraction(1)]):
        M = [P[i][0] * z[0] + P[i][1] * z[1] for i in range(2)]
        F = z[0] * M[0] + z[1] * M[1] + Fraction(small) ** 2
        P = [[P[i][j] - M[i] * M[j] / F for j in range(2)] for i in range(2)]
    exact = np.array(P, dtype=np.float64)
    worst = {form: np.abs(kalman_filter([[1.0, 2.0]], system, form=form).filtered_covariance[0] / exact - 1).max() for form in ("covariance", "square-root")}
    assert worst["square-root"] < 1e-4 < worst["covariance"]


# --- digits that the covariances lose ---


def long_season(season: int, harmonics: int, time: int, variances=(1.0, 0.1, 0.001, 0.001)):
    """A level, a slope and a season, all diffuse, and a series with gaps in its first seasons.   harmonics: 0 = a dummy season."""
    seasonal = structural.TRIGONOMETRIC if harmonics else structural.DUMMY
    kind = structural.Kind(trend=structural.LINEAR, seasonal=seasonal, season_length=season, harmonics=harmonics)
    rng = np.random.default_rng(season + harmonics)
    y = 3 * np.sin(2 * np.pi * np.arange(time) / season) + 0.3 * rng.normal(size=time).cumsum() + rng.normal(size=time)
    y[rng.uniform(size=time) < 0.1] = NAN
    y[season // 3 : season // 2] = NAN
    return y[:, None], structural.matrices(kind, np.array([*variances, 0, 0, 1, 0, 0]))


def dense_signal(y: np.ndarray, system: kalman.System):
    """Log-likelihood, and mean and variance of Z·α[t], by generalised least squares on all of y at once."""
    z, T, spread = system.design[0, 0], system.transition[0], np.diag(system.state_covariance[0])
    time, moved = len(y), np.flatnonzero(spread)
    weights = np.empty((time, len(z)))  # Z·T^t
    weights[0] = z
    for t in range(1, time):
        weights[t] = weights[t - 1] @ T
    G = np.zeros((time, time, len(moved)))
    for t in range(1, time):
        G[t, :t] = weights[t - 1 :: -1][:, moved] * np.sqrt(spread[moved])
    signal = np.einsum("tsj,usj->tu", G, G, optimize=True)
    there = ~np.isnan(y[:, 0])
    omega = signal[np.ix_(there, there)] + system.observation_covariance[0, 0, 0] * np.eye(int(there.sum()))
    X, all_rows = (weights @ system.directions.T)[there], weights @ system.directions.T
    solved = np.linalg.solve(omega, np.column_stack([X, y[there]]))
    information = X.T @ solved[:, :-1]
    delta = np.linalg.solve(information, X.T @ solved[:, -1])
    error = y[there, 0] - X @ delta
    across = np.linalg.solve(omega, signal[there]).T
    left = all_rows - across @ X
    variance = np.diag(signal) - np.einsum("ij,ij->i", across, signal[:, there]) + np.einsum("ij,ij->i", left @ np.linalg.inv(information), left)
    determinants = np.linalg.slogdet(omega)[1] + np.linalg.slogdet(information)[1]
    loglik = -0.5 * (there.sum() * np.log(2 * np.pi) + determinants + error @ np.linalg.solve(omega, error))
    return loglik, all_rows @ delta + across @ error, variance


@pytest.mark.parametrize("season, harmonics", [(24, 3), (24, 12), (48, 2), (48, 6), (96, 3), (96, 6), (144, 2), (144, 6), (24, 0), (96, 0), (144, 0)])
def test_a_long_season_keeps_its_digits(season, harmonics):
    y, system = long_season(season, harmonics, 3 * season)
    loglik, mean, variance = dense_signal(y, system)
    done, back = kalman_smoothers([y], [system])[0]
    z = system.design[0, 0]
    assert done.loglik == pytest.approx(loglik, abs=1e-6)
    np.testing.assert_allclose(back.state @ z, mean, atol=1e-6)
    np.testing.assert_allclose(np.einsum("i,tij,j->t", z, back.state_covariance, z), variance, rtol=1e-6)
    np.testing.assert_allclose(done.predicted[-1], done.last)
    assert np.linalg.eigvalsh(back.state_covariance).min() > -1e-8


@pytest.mark.parametrize("variances", [(1.0, 0.1, 0.001, 0.001), (1.0, 0.0, 0.0, 0.001), (0.5, 0.3, 0.01, 0.0)])
def test_the_start_by_regression_is_dense_conditioning_in_all_that_it_gives(variances):
    y, system = long_season(36, 4, 108, variances)
    plain = kalman_smoother(y, system, form="covariance")
    loglik, answers = dense(y, system)
    done, back = kalman_smoothers([y], [system])[0]
    assert np.abs(plain.state_covariance - back.state_covariance).max() > 0.1  # the covariance form is lost here, so another was taken
    assert done.loglik == pytest.approx(loglik, abs=1e-8)
    state, covariance, lagged = blocks(*answers["state"], len(system.mean))
    np.testing.assert_allclose(back.state, state[:-1], atol=1e-7)
    np.testing.assert_allclose(back.state_covariance, covariance[:-1], atol=1e-6)
    np.testing.assert_allclose(back.lagged_covariance[:-1], lagged[: len(y) - 1], atol=1e-6)
    for kind, size in (("noise", 1), ("disturbance", len(system.mean))):
        mean, covariance, _ = blocks(*answers[kind], size)
        np.testing.assert_allclose(getattr(back, kind), mean, atol=1e-7)
        np.testing.assert_allclose(getattr(back, kind + "_covariance"), covariance, atol=1e-6)


def test_draws_keep_their_digits_with_a_long_season():
    y, system = long_season(48, 6, 144)
    _, mean, variance = dense_signal(y, system)
    draws = simulation_smoother(y, system, 400, seed=1, threads=2) @ system.design[0, 0]
    np.testing.assert_allclose((draws.mean(axis=0) - mean) / np.sqrt(variance), 0, atol=5 / np.sqrt(400))
    np.testing.assert_array_equal(draws[:3], simulation_smoother(y, system, 400, seed=1)[:3] @ system.design[0, 0])


def test_without_a_compiler_lost_digits_are_said(monkeypatch):
    y, system = long_season(48, 6, 144)
    monkeypatch.setattr(kalman, "extension", None)
    monkeypatch.setattr(kalman, "warn_uncompiled", lambda: None)
    with pytest.raises(ForecastError, match="lose their digits"):
        kalman_smoother(y, system)


@pytest.mark.parametrize("first", [True, False])
def test_the_start_by_regression_with_two_series_and_changing_matrices(first):
    """Correlated noise, elements missing here and there, intercepts and a design that change, and whether the first row is there or not."""
    _, one = long_season(36, 4, 108)
    rng = np.random.default_rng(4)
    time, m = 60, len(one.mean)
    design = np.stack([np.repeat(one.design[0], time, axis=0), np.repeat(one.design[0] * 0.5, time, axis=0)], axis=1)
    design[:, 1, 1] += rng.normal(size=time) * 0.01
    system = state_space(
        design, one.transition[0], one.state_covariance[0], [[1.0, 0.4], [0.4, 0.8]],
        observation_intercept=rng.normal(size=(time, 2)), state_intercept=rng.normal(size=m) * 0.01,
    )  # fmt: skip
    y = observations(rng, time, 2, 0.2)
    y[0] = [0.3, -0.2] if first else NAN
    plain = kalman_smoother(y, system, form="covariance")
    loglik, answers = dense(y, system)
    done, back = kalman_smoothers([y], [system])[0]
    assert np.abs(plain.state_covariance - back.state_covariance).max() > 0.01
    assert done.loglik == pytest.approx(loglik, abs=1e-7)
    state, covariance, lagged = blocks(*answers["state"], m)
    size = np.abs(state).max()
    np.testing.assert_allclose(back.state, state[:-1], atol=1e-7 * size)
    np.testing.assert_allclose(back.state_covariance, covariance[:-1], rtol=1e-6, atol=1e-6 * np.abs(covariance).max())
    np.testing.assert_allclose(back.lagged_covariance, lagged, rtol=1e-6, atol=1e-6 * np.abs(covariance).max())
    for kind, width in (("noise", 2), ("disturbance", m)):
        mean, covariance, _ = blocks(*answers[kind], width)
        np.testing.assert_allclose(getattr(back, kind), mean, atol=1e-6)
        np.testing.assert_allclose(getattr(back, kind + "_covariance"), covariance, atol=1e-6)
