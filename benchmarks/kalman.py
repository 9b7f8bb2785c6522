"""State space: the general filter and smoother beside statsmodels, and the fit of structural models beside its UnobservedComponents."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from benchmarks.case import Case, Missing, Program, Target, peer, require, timed
from benchmarks.data import Floats, monthly

STATES = 5


def smoother(quick: bool) -> list[Case]:
    """Filter and smoother over one long series, five states, all outputs, beside statsmodels with the same outputs."""
    return [smoother_case(1_000 if quick else 10_000, gaps) for gaps in (0, 3)]


def smoother_case(time: int, gaps: int) -> Case:
    """gaps: per cent of the observations that are missing, which keeps the gains from standing still."""
    from inorder.kernels import compiled
    from inorder.kernels.kalman import kalman_smoothers, state_space

    rng = np.random.default_rng(5)
    transition = 0.97 * np.linalg.qr(rng.normal(size=(STATES, STATES)))[0]
    system = state_space(rng.normal(size=(1, STATES)), transition, 0.5 * np.eye(STATES), 1.0, start="stationary")
    y = rng.normal(size=(time, 1)).cumsum(axis=0) / 10
    y[rng.uniform(size=time) < gaps / 100] = np.nan

    def ours() -> Any:
        return kalman_smoothers([y], [system])[0]

    def model() -> Any:
        from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

        one = KalmanSmoother(1, STATES, STATES)
        one.bind(np.ascontiguousarray(y))
        names = {"design": "design", "transition": "transition", "selection": "selection", "obs_cov": "observation_covariance", "state_cov": "state_covariance"}
        for theirs, mine in names.items():
            one[theirs] = getattr(system, mine)[0]
        one.initialize_known(system.mean, system.covariance)
        return one

    def statsmodels() -> Program:
        prepared = model()
        return timed(prepared.smooth)

    def check() -> dict[str, Any]:
        require(compiled, "the kernels of this installation are not compiled, so there is nothing to measure.")
        (done, back), theirs = ours(), model().smooth()
        likelihood = abs(done.loglik - theirs.llf)
        states = float(np.max(np.abs(back.state - theirs.smoothed_state.T)))
        covariances = float(np.max(np.abs(back.state_covariance - np.moveaxis(theirs.smoothed_state_cov, -1, 0))))
        require(max(likelihood, states, covariances) < 1e-6, f"likelihoods differ by {likelihood:g}, states by {states:g}, covariances by {covariances:g}.")
        return {"log-likelihood differs by": likelihood, "smoothed states by": states}

    programs: dict[str, Program | Missing] = {"kernel": timed(ours), "statsmodels": peer("statsmodels", statsmodels)}
    name = "filter and smoother" + (f", {gaps} % missing" if gaps else "")
    return Case(name, {"states": STATES, "observations": time}, programs, check, [Target("time", 3, against="statsmodels", at_least=True)], 5)


def structural(quick: bool) -> list[Case]:
    """The fit of a structural model to single monthly series: its time and its likelihood beside statsmodels."""
    panel = monthly(2 if quick else 10, 144, seed=6)
    return [structural_case("local linear trend", panel, None), structural_case("with a season", panel, 12), long_season_case(1_200 if quick else 4_500)]


def long_season_case(time: int) -> Case:
    """A day of 10-minute steps with gaps: a season of 144. Others take minutes, so the answer is checked by roots in place of covariances."""
    from inorder.kernels.kalman import kalman_filter
    from inorder.kernels.structural import LINEAR, TRIGONOMETRIC, Kind, fit, matrices

    rng = np.random.default_rng(7)
    kind = Kind(trend=LINEAR, seasonal=TRIGONOMETRIC, season_length=144, harmonics=6)
    day = np.arange(time) * 2 * np.pi / 144
    y = np.sin(day) + 0.3 * np.sin(3 * day) + 0.05 * rng.normal(size=time).cumsum() + 0.3 * rng.normal(size=time)
    y[rng.uniform(size=time) < 0.2] = np.nan

    def check() -> dict[str, Any]:
        found = fit(kind, y)
        roots = kalman_filter(y, matrices(kind, found.parameters), form="square-root").loglik
        require(abs(found.loglik - roots) < 0.01, f"the likelihood is {found.loglik:g}, by roots {roots:g}.")
        return {"log-likelihood": found.loglik, "by roots differs by": abs(found.loglik - roots)}

    programs: dict[str, Program | Missing] = {"inorder": timed(lambda: fit(kind, y))}
    return Case("season of 144", {"observations": time, "states": kind.states}, programs, check, [Target("time", 1.5)], 3)


def structural_case(name: str, panel: Floats, season: int | None) -> Case:
    def ours(y: Floats) -> float:
        from inorder import Series, Structural

        fitted = Structural(seasonal="dummy" if season else None).fit(Series.of(y, season_length=season or 1))
        return float(fitted.loglik)  # type: ignore[arg-type]

    def theirs(y: Floats) -> float:
        from statsmodels.tsa.statespace.structural import UnobservedComponents

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where its search does not converge
            return float(UnobservedComponents(y, level="local linear trend", seasonal=season, use_exact_diffuse=True).fit(disp=0, maxiter=500).llf)

    def check() -> dict[str, Any]:
        mine, other = (np.array([work(y) for y in panel]) for work in (ours, theirs))
        worst = float((other - mine).max())
        require(worst < 1e-3, f"the likelihood that statsmodels reaches is higher by up to {worst:g}.")
        return {"mean log-likelihood, inorder": float(mine.mean()), "statsmodels": float(other.mean())}

    programs: dict[str, Program | Missing] = {
        "inorder": timed(lambda: [ours(y) for y in panel]),
        "statsmodels": peer("statsmodels", lambda: timed(lambda: [theirs(y) for y in panel])),
    }
    targets = [Target("time", 0.05 * len(panel))]
    return Case(
        name, {"series": len(panel), "observations each": panel.shape[1]}, programs, check, targets, 3, notes=("time: all series, one after the other",)
    )
