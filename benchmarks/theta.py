"""Theta models and complex exponential smoothing: squared error and likelihood first, then the time of a fit, beside statsforecast."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from benchmarks.case import Case, Missing, Program, installed, require
from benchmarks.data import Floats, monthly
from benchmarks.smoothing import each

SEASON = 12
BURN_IN = 3  # rows whose errors statsforecast leaves out of its squared error
SERIES = {True: 4, False: 40}
# name -> kind of ours, model of statsforecast
KINDS = {"standard": "STM", "optimised": "OTM", "dynamic": "DSTM", "dynamic-optimised": "DOTM"}


def theta(quick: bool) -> list[Case]:
    """The search for the parameters of each theta model, and the choice among the four, of single monthly series."""
    panel = monthly(SERIES[quick], 120, seed=6)
    return [*(search(kind, code, panel) for kind, code in KINDS.items()), choice(panel)]


def search(kind: str, code: str, panel: Floats) -> Case:
    """The same criterion, the squared errors from the fourth row on, in the same range of α, on the series without a season."""
    from inorder.kernels import compiled
    from inorder.kernels.theta import fit

    dynamic, kappa = kind.startswith("dynamic"), math.nan if kind.endswith("optimised") else 0.5

    def ours(y: Floats) -> float:
        return fit(y, dynamic, kappa, alpha_bounds=(0.1, 0.99), skip=BURN_IN).squared_error

    def theirs(y: Floats) -> float:
        from statsforecast.theta import thetamodel

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(np.sum(thetamodel(y, 1, code, math.nan, math.nan, math.nan, 3)["residuals"][BURN_IN:] ** 2))

    def check() -> dict[str, Any]:
        require(compiled, "the kernels of this installation are not compiled, so there is nothing to measure.")
        mine = np.array([ours(y) for y in panel])
        facts: dict[str, Any] = {"squared error, mean": float(mine.mean())}
        if installed("statsforecast"):
            its = np.array([theirs(y) for y in panel])
            require(bool((mine <= its * (1 + 1e-6)).all()), f"our squared error is up to {np.max(mine / its):.8f} times that of statsforecast.")
            facts["statsforecast"] = float(its.mean())
        return facts

    return _case(f"{kind} ({code}), the search", panel, ours, theirs, check)


def choice(panel: Floats) -> Case:
    """Season, four models, choice. With the criterion of statsforecast, so that the squared errors can be compared."""
    from inorder import AutoTheta, Series

    def fitted(y: Floats, criterion: str = "squared-error") -> Any:
        return AutoTheta(criterion=criterion).fit(Series.of(y, season_length=SEASON))

    def theirs(y: Floats) -> Any:
        from statsforecast.models import AutoTheta as Rival

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Rival(season_length=SEASON).fit(y).model_

    def check() -> dict[str, Any]:
        mean = np.array([fitted(y).predict(SEASON, levels=()).mean for y in panel])
        require(bool(np.isfinite(mean).all()), "some forecasts are not finite.")
        return {"series with a season": sum(len(fitted(y).models[0].season) > 1 for y in panel)}

    return _case("AutoTheta, by squared error", panel, fitted, theirs, check)


def ces(quick: bool) -> list[Case]:
    """CES with its kind chosen by AICc, of single monthly series: AICc and the time of a fit."""
    from inorder import CES, Series

    panel = monthly(SERIES[quick], 120, seed=6)

    def fitted(y: Floats, centre: str) -> Any:
        return CES(centre=centre).fit(Series.of(y, season_length=SEASON))

    def ours(y: Floats) -> Any:
        return fitted(y, "zero")

    def centred(y: Floats) -> Any:
        return fitted(y, "auto")

    def theirs(y: Floats) -> Any:
        from statsforecast.models import AutoCES

        return AutoCES(season_length=SEASON).fit(y).model_

    def check() -> dict[str, Any]:
        mine = np.array([ours(y).aicc for y in panel])
        facts: dict[str, Any] = {"AICc, mean": float(mine.mean()), "AICc with the centre chosen, mean": float(np.mean([centred(y).aicc for y in panel]))}
        if installed("statsforecast"):
            n = panel.shape[1]
            its = np.array([theirs(y)["aicc"] for y in panel]) + n * (1 + math.log(2 * math.pi / n))  # it leaves the constants out
            require(mine.mean() <= its.mean(), f"our AICc is {mine.mean():.4f} in the mean, that of statsforecast {its.mean():.4f}.")
            facts["statsforecast"] = float(its.mean())
            facts["share of series where ours is no worse"] = float(np.mean(mine <= its + 1e-6))
        return facts

    case = _case("CES, zero as its centre", panel, ours, theirs, check)
    return [case, _case("CES, the centre chosen too", panel, centred, theirs, check)]


def _case(name: str, panel: Floats, ours: Any, theirs: Any, check: Any) -> Case:
    rival: Program | Missing = each(theirs, panel) if installed("statsforecast") else Missing("statsforecast")
    sizes = {"series": len(panel), "observations each": panel.shape[1]}
    return Case(name, sizes, {"inorder": each(ours, panel), "statsforecast": rival}, check, (), 3, notes=("time: one fit, the mean over the series",))
