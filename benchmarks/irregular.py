"""Observations at uneven times: an autoregression in continuous time beside celerite2, a Gaussian process of the same kernel, and `compare` on a whole file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.case import Case, Missing, Program, peer, require, timed
from benchmarks.data import FORECASTING, Floats

FILES = ("agn", "dscut")
SLACK = 0.1  # nats that one search may stay behind the other
Times = tuple[Floats, Floats]


def irregular(quick: bool) -> list[Case]:
    """CAR(1) with noise about a constant fitted to astronomical series, and all continuous-time models compared on one of them."""
    return [*(fit_case(name) for name in FILES[: 1 if quick else None]), compare_case(FILES[0], quick)]


def read(name: str) -> Times:
    """Times and values."""
    path = FORECASTING.parent / "irregular" / f"{name}.csv"
    require(path.exists(), f"the data are not beside this checkout: {path.parent}.")
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    return table[:, 0], table[:, 1]


def fit_case(name: str) -> Case:
    times, values = read(name)
    gap, spread = float(np.median(np.diff(times))), float(values.std())

    def ours() -> tuple[float, float, float]:
        """Variance, rate and noise."""
        from inorder import ContinuousTime, Series

        model = ContinuousTime("car", order=1).fit(Series.of(values, index=times)).models[0]
        variances = model.variances * model.scale**2
        return float(variances[1]), float(model.polynomial[0] / model.unit), float(variances[0])

    def theirs() -> tuple[float, float, float]:
        import celerite2
        from scipy.optimize import minimize

        def cost(free: Floats) -> float:
            variance, rate, noise = np.exp(np.clip(free[:3], -30.0, 20.0)).tolist()
            process = celerite2.GaussianProcess(celerite2.terms.RealTerm(a=variance * spread**2, c=rate / gap), mean=float(free[3]) * spread)
            process.compute(times, diag=np.full(len(times), noise * spread**2), quiet=True)
            value = -process.log_likelihood(values)
            return value if math.isfinite(value) else 1e10

        found = min((minimize(cost, [0.0, rate, -2.0, values.mean() / spread], method="L-BFGS-B") for rate in (-3.0, -1.0)), key=lambda one: float(one.fun))
        variance, rate, noise = np.exp(np.clip(found.x[:3], -30.0, 20.0)).tolist()
        return variance * spread**2, rate / gap, noise * spread**2

    def check() -> dict[str, Any]:
        mine = dense_loglik(times, values, *ours())
        if isinstance(programs["celerite2"], Missing):
            return {"log-likelihood": mine}
        its = dense_loglik(times, values, *theirs())
        require(mine >= its - SLACK, f"our log-likelihood is {mine:.6g}, that of celerite2 {its:.6g}.")
        return {"log-likelihood": mine, "of celerite2": its}

    programs: dict[str, Program | Missing] = {"inorder": timed(ours), "celerite2": peer("celerite2", lambda: timed(theirs))}
    notes = (
        "one fit, as many starts each; ours has an unknown constant in its state, by which both are judged, and standard errors besides",
        "celerite2 has its mean as a parameter",
    )
    return Case(f"CAR(1), {name}", {"observations": len(values)}, programs, check, (), 5, notes=notes)


def dense_loglik(times: Floats, values: Floats, variance: float, rate: float, noise: float) -> float:
    """The normal log-likelihood with an unknown constant, from the whole covariance matrix."""
    covariance = variance * np.exp(-rate * np.abs(times[:, None] - times)) + noise * np.eye(len(times))
    ones = np.linalg.solve(covariance, np.ones(len(times)))
    left = values - ones @ values / ones.sum()
    constant = 0.5 * math.log(ones.sum())
    return -constant + float(-0.5 * (left @ np.linalg.solve(covariance, left) + np.linalg.slogdet(covariance)[1] + len(times) * math.log(2 * math.pi)))


def compare_case(name: str, quick: bool) -> Case:
    times, values = read(name)
    times, values = (times[:60], values[:60]) if quick else (times, values)

    def ours() -> Any:
        from inorder import Series, compare

        return compare("forecast", Series.of(values, index=times), folds=1 if quick else 3)

    def check() -> dict[str, Any]:
        result = ours()
        require(all(row["error"] is None for row in result.table), "a model could not be fitted.")
        return {"best": result.winner, "models": len(result.table)}

    return Case(f"compare, {name}", {"observations": len(values)}, {"inorder.compare": timed(ours)}, check, (), 1, notes=("no peer compares such models",))
