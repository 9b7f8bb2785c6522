"""Exponential smoothing: the compiled recursion beside its textbook, and the search for parameters beside other programs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Missing, Program, installed, require, timed
from benchmarks.data import Floats, monthly

SEASON = 12
# name -> settings of ours, of statsmodels, and the model of statsforecast's AutoETS (None: it has none with the same equations)
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "simple": ({}, {}, "ANN"),
    "Holt": ({"trend": "additive"}, {"trend": "add"}, "AAN"),
    "Holt–Winters": ({"trend": "additive", "seasonal": "additive"}, {"trend": "add", "seasonal": "add"}, "AAA"),
    "Holt–Winters, multiplicative": ({"trend": "additive", "seasonal": "multiplicative"}, {"trend": "add", "seasonal": "mul"}, None),
}


def fit(quick: bool) -> list[Case]:
    """The search for the parameters of single monthly series: its time, and the squared error that it reaches, beside statsmodels and statsforecast."""
    panel = monthly(3 if quick else 20, 120, seed=2)
    return [fit_case(name, panel) for name in KINDS]


def fit_case(name: str, panel: Floats) -> Case:
    settings, their_settings, code = KINDS[name]
    seasonal = "seasonal" in settings

    def ours(y: Floats) -> Floats:
        from inorder import ExponentialSmoothing, Series

        return ExponentialSmoothing(**settings).fit(Series.of(y, season_length=SEASON)).residuals

    def statsmodels(y: Floats) -> Floats:
        from statsmodels.tsa.holtwinters import ExponentialSmoothing

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where its search does not converge
            model = ExponentialSmoothing(y, initialization_method="estimated", seasonal_periods=SEASON if seasonal else None, **their_settings)
            return np.asarray(model.fit().resid)

    def statsforecast(y: Floats) -> Floats:
        from statsforecast.models import AutoETS

        return np.asarray(y - AutoETS(season_length=SEASON if seasonal else 1, model=code, damped=False).fit(y).predict_in_sample()["fitted"])

    peers: dict[str, Callable[[Floats], Floats]] = {"statsmodels": statsmodels} | ({"statsforecast": statsforecast} if code else {})

    def check() -> dict[str, Any]:
        reached = {"inorder": errors(ours, panel)} | {peer: errors(work, panel) for peer, work in peers.items() if installed(peer)}
        mine = reached.pop("inorder")
        facts: dict[str, Any] = {"sum of squared one-step errors, inorder": float(mine.sum())}
        for peer, its in reached.items():
            require(
                mine.sum() <= its.sum() * (1 + 1e-6),
                f"our squared errors sum to {mine.sum():.6g} over {len(panel)} series, those of {peer} to {its.sum():.6g}.",
            )
            facts[peer] = float(its.sum())
            facts[f"series where {peer} is more than 0.1 % better"] = int((its < mine * 0.999).sum())
        return facts

    programs: dict[str, Program | Missing] = {"inorder": each(ours, panel)}
    for peer, work in peers.items():
        programs[peer] = each(work, panel) if installed(peer) else Missing(peer)
    notes = ("time: one fit, the mean over the series",)
    return Case(name, {"series": len(panel), "observations each": panel.shape[1]}, programs, check, (), 5, notes=notes)


def errors(work: Callable[[Floats], Floats], panel: Floats) -> Floats:
    """(series,) sum of squared one-step errors."""
    return np.array([float(np.sum(work(y) ** 2)) for y in panel])


def each(work: Callable[[Floats], Any], panel: Floats) -> Program:
    """The time of one fit: all series in a row, divided by their number."""

    def all_series() -> None:
        for y in panel:
            work(y)

    whole = timed(all_series)
    return lambda: {"time": whole()["time"] / len(panel)}
