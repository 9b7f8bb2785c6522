"""Vector autoregression and stationary autoregression beside statsmodels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from benchmarks.case import Case, Program, peer, require, timed
from benchmarks.data import Floats

STEPS = 20  # of impulse responses


def system(time: int, channels: int, seed: int = 0) -> Floats:
    """(time, channels) a stable system of order 2 with correlated errors."""
    rng = np.random.default_rng(seed)
    a1, a2 = rng.normal(0, 0.25 / np.sqrt(channels), (2, channels, channels)) + np.eye(channels) * np.array([0.5, 0.2])[:, None, None]
    mix = np.eye(channels) + np.tril(rng.normal(0, 0.3, (channels, channels)), -1)
    y = np.zeros((time + 100, channels))
    for t in range(2, len(y)):
        y[t] = a1 @ y[t - 1] + a2 @ y[t - 2] + mix @ rng.normal(size=channels)
    return y[100:]


def var(quick: bool) -> list[Case]:
    """A system fitted, its order chosen, and its impulse responses with standard errors, beside statsmodels."""
    small, large = system(200, 5), system(500 if quick else 2_000, 10, seed=1)
    return [case for name, y in (("5 series", small), ("10 series", large)) for case in (fit_case(name, y), order_case(name, y), response_case(name, y))]


def fit_case(name: str, y: Floats) -> Case:
    """Order 2, coefficients with standard errors and log-likelihood."""

    def ours() -> tuple[Floats, Floats, float]:
        fitted = our_fit(y, order=2)
        table, errors = (np.array([list(one.values()) for one in named]).T for named in (fitted.coefficients, fitted.standard_errors))
        return table, errors, fitted.loglik

    def theirs() -> tuple[Floats, Floats, float]:
        result = their_model(y).fit(2)
        return np.asarray(result.params), np.asarray(result.stderr), float(result.llf)

    def check() -> dict[str, Any]:
        worst = max(relative(mine, its) for mine, its in zip(ours(), theirs(), strict=True))
        require(worst < 1e-7, f"coefficients, standard errors or log-likelihood differ from those of statsmodels by up to {worst:g}.")
        return {"largest difference, relative": worst}

    return Case(f"fit, {name}", sizes(y), {"inorder": timed(ours), "statsmodels": peer("statsmodels", lambda: timed(theirs))}, check, (), 5)


def order_case(name: str, y: Floats) -> Case:
    """Orders 0 to 8 by AIC, and the fit of the best."""

    def ours() -> int:
        return int(our_fit(y, max_order=8, criterion="aic").order)

    def theirs() -> int:
        return int(their_model(y).fit(8, ic="aic").k_ar)

    def check() -> dict[str, Any]:
        mine, its = ours(), theirs()
        require(mine == its, f"our order is {mine}, that of statsmodels {its}.")
        return {"order": mine}

    return Case(f"order by AIC, {name}", sizes(y), {"inorder": timed(ours), "statsmodels": peer("statsmodels", lambda: timed(theirs))}, check, (), 5)


def response_case(name: str, y: Floats) -> Case:
    """A fit of order 2 and its orthogonal impulse responses with asymptotic standard errors."""

    def ours() -> tuple[Floats, Floats]:
        found = our_fit(y, order=2).impulse_responses(STEPS)
        return found.values, found.standard_errors

    def theirs() -> tuple[Floats, Floats]:
        found = their_model(y).fit(2).irf(STEPS)
        return np.asarray(found.orth_irfs), np.asarray(found.stderr(orth=True))

    def check() -> dict[str, Any]:
        worst = max(relative(mine, its) for mine, its in zip(ours(), theirs(), strict=True))
        require(worst < 1e-6, f"impulse responses or their standard errors differ from those of statsmodels by up to {worst:g}.")
        return {"largest difference, relative to the largest": worst}

    programs = {"inorder": timed(ours), "statsmodels": peer("statsmodels", lambda: timed(theirs))}
    return Case(f"impulse responses, {name}", {**sizes(y), "steps": STEPS}, programs, check, (), 3)


def ar(quick: bool) -> list[Case]:
    """Exact maximum likelihood of an autoregression of order 3, without gaps and with, beside statsmodels."""
    y = np.cumsum(system(150 if quick else 300, 1, seed=3)[:, 0]) * 0.1 + system(150 if quick else 300, 1, seed=4)[:, 0]
    gappy = y.copy()
    gappy[np.random.default_rng(0).choice(len(y), len(y) // 20, replace=False)] = np.nan
    return [exact_case("no gap", y), exact_case("one value in 20 missing", gappy)]


def exact_case(name: str, y: Floats) -> Case:
    def ours() -> float:
        from inorder import AR, Series

        return float(AR(order=3, method="exact").fit(Series.of(y)).loglik)

    def theirs() -> float:
        from statsmodels.tsa.arima.model import ARIMA

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where its search does not converge
            return float(ARIMA(y, order=(3, 0, 0)).fit().llf)

    def check() -> dict[str, Any]:
        mine, its = ours(), theirs()
        require(mine >= its - 1e-6, f"our log-likelihood is {mine:.8g}, that of statsmodels {its:.8g}.")
        return {"log-likelihood": mine, "of statsmodels": its}

    programs: dict[str, Program | Any] = {"inorder": timed(ours), "statsmodels": peer("statsmodels", lambda: timed(theirs))}
    return Case(f"exact AR(3), {name}", {"observations": int((~np.isnan(y)).sum())}, programs, check, (), 3)


def our_fit(y: Floats, **settings: Any) -> Any:
    from inorder import VAR, Series

    return VAR(**settings).fit(Series.of(y))


def their_model(y: Floats) -> Any:
    from statsmodels.tsa.api import VAR

    return VAR(y)


def sizes(y: Floats) -> dict[str, int]:
    return {"series": y.shape[1], "observations each": len(y)}


def relative(mine: Any, its: Any) -> float:
    """The largest difference, in units of the largest number."""
    return float(np.max(np.abs(np.asarray(mine) - its)) / np.max(np.abs(its)))
