"""Exponential smoothing: the compiled recursion beside its textbook, and the search for parameters beside other programs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Missing, Program, Target, installed, peer, require, timed
from benchmarks.data import Floats, monthly

SEASON = 12
# By how much the squared error of another program may be smaller in all. statsforecast also seeks outside 0 ≤ β ≤ 1 (its β is our α·β,
# and it does not hold it to at most α), so it can end lower; statsmodels keeps to the same ranges as we do.
SLACK = {"statsmodels": 1e-6, "statsforecast": 0.05}
# name -> settings of ours, of statsmodels, and the model of statsforecast's AutoETS (None: it has none with the same equations)
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "simple": ({}, {}, "ANN"),
    "Holt": ({"trend": "additive"}, {"trend": "add"}, "AAN"),
    "Holt–Winters": ({"trend": "additive", "seasonal": "additive"}, {"trend": "add", "seasonal": "add"}, "AAA"),
    "Holt–Winters, multiplicative": ({"trend": "additive", "seasonal": "multiplicative"}, {"trend": "add", "seasonal": "mul"}, None),
}


def kernel(quick: bool) -> list[Case]:
    """The compiled recursion beside its textbook, which is written in plain Python and NumPy to be read, and the search beside that of the textbook."""
    long, panel = monthly(1, 2_000 if quick else 20_000, seed=3), monthly(10 if quick else 200, 500, seed=4)
    holt_winters = (0.3, 0.1, 0.2, 0.97)
    return [
        recursion("simple, one series", long, (0.3, 0.0, 0.0, 1.0), 1, beside_simple(long[0], 0.3)),
        recursion("Holt–Winters, one series", long, holt_winters, SEASON, {}),
        recursion("Holt–Winters, one short series", monthly(1, 144, seed=5), holt_winters, SEASON, {}),
        recursion("Holt–Winters, a panel", panel, holt_winters, SEASON, {}),
        search(monthly(1, 144, seed=5)[0]),
    ]


def recursion(name: str, panel: Floats, parameters: tuple[float, float, float, float], season_length: int, peers: dict[str, Program | Missing]) -> Case:
    """One pass over every series with given parameters."""
    from inorder.kernels import compiled, smoothing
    from inorder.textbook.smoothing import smooth as textbook

    count, length = panel.shape
    values, offsets = panel.reshape(-1), np.arange(count + 1) * length
    weights, level, trend = np.tile(parameters, (count, 1)), panel[:, 0].copy(), np.full(count, 0.1)
    season = np.tile(np.sin(np.arange(season_length) * 2 * np.pi / season_length), (count, 1)) if season_length > 1 else np.zeros((count, 1))
    trend = trend if season_length > 1 else np.zeros(count)

    def ours() -> Floats:
        return smoothing.smooth_panel(values, offsets, weights, level, trend, season).fitted

    def theirs() -> Floats:
        return np.concatenate([textbook(panel[i], parameters, level[i], trend[i], season[i]).fitted for i in range(count)])

    def check() -> dict[str, Any]:
        require(compiled, "the kernels of this installation are not compiled, so there is nothing to measure.")
        worst = float(np.max(np.abs(ours() - theirs()) / np.abs(values)))
        require(worst < 1e-10, f"the fitted values differ from those of the textbook by up to {worst:g} of the values' size.")
        return {"largest difference, relative": worst}

    long_enough = count * length > 1_000  # below, the checks of the Python face take longer than the loop
    targets = [Target("time", 100, against="textbook", at_least=True)] if long_enough else []
    return Case(name, {"series": count, "observations each": length}, {"kernel": timed(ours), "textbook": timed(theirs), **peers}, check, targets, 5)


def beside_simple(y: Floats, alpha: float) -> dict[str, Program | Missing]:
    """Other compiled programs for the recursion without trend and season: they give the levels alone."""

    def pandas() -> Program:
        import pandas as pd

        column = pd.Series(y)
        return timed(lambda: column.ewm(alpha=alpha, adjust=False).mean().to_numpy())

    def coreforecast() -> Program:
        from coreforecast.exponentially_weighted import exponentially_weighted_mean

        return timed(lambda: exponentially_weighted_mean(y, alpha))

    return {"pandas ewm": peer("pandas", pandas), "coreforecast": peer("coreforecast", coreforecast)}


def search(y: Floats) -> Case:
    """Holt–Winters fitted to one series: parameters and initial states."""
    from inorder.kernels import compiled, smoothing
    from inorder.textbook.smoothing import fit as textbook

    def check() -> dict[str, Any]:
        require(compiled, "the kernels of this installation are not compiled, so there is nothing to measure.")
        mine, its = (work(y, trend=True, season_length=SEASON).squared_error for work in (smoothing.fit, textbook))
        require(abs(mine - its) <= 1e-6 * its, f"the compiled search ends at a squared error of {mine:.8g}, that of the textbook at {its:.8g}.")
        return {"squared error": mine, "of the textbook": its}

    ours, theirs = (lambda work=work: work(y, trend=True, season_length=SEASON) for work in (smoothing.fit, textbook))
    return Case("the search, Holt–Winters", {"series": 1, "observations each": len(y)}, {"kernel": timed(ours), "textbook": timed(theirs)}, check, (), 3)


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

        return np.asarray(y - AutoETS(season_length=SEASON if seasonal else 1, model=str(code), damped=False).fit(y).predict_in_sample()["fitted"])

    others: dict[str, Callable[[Floats], Floats]] = {"statsmodels": statsmodels}
    if code:
        others["statsforecast"] = statsforecast

    def check() -> dict[str, Any]:
        reached = {"inorder": errors(ours, panel)} | {name: errors(work, panel) for name, work in others.items() if installed(name)}
        mine = reached.pop("inorder")
        facts: dict[str, Any] = {"sum of squared one-step errors, inorder": float(mine.sum())}
        for other, its in reached.items():
            require(
                mine.sum() <= its.sum() * (1 + SLACK[other]),
                f"our squared errors sum to {mine.sum():.6g} over {len(panel)} series, those of {other} to {its.sum():.6g}.",
            )
            facts[other] = float(its.sum())
            facts[f"series where {other} is more than 0.1 % better"] = int((its < mine * 0.999).sum())
        return facts

    programs: dict[str, Program | Missing] = {"inorder": each(ours, panel)}
    for other, work in others.items():
        programs[other] = each(work, panel) if installed(other) else Missing(other)
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
