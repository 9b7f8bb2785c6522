"""Decomposition into trend and seasons beside statsmodels, and the orders of differencing beside statsforecast."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Missing, Program, Target, installed, require, timed
from benchmarks.data import Floats, monthly

PLAIN = (1, 1, 1)  # degrees of the local regressions in statsmodels; those of ours are 0 for the season otherwise


def decomposition(quick: bool) -> list[Case]:
    """STL and MSTL with equal settings: their time, after the parts were found equal to 1e-9 of the values."""
    hours = 168 * (4 if quick else 12)
    return [
        one_season("STL, monthly", monthly(1, 144, seed=1)[0], 12, False, 3),  # half of this is Python around the loop
        one_season("STL, monthly, robust", monthly(1, 144, seed=1)[0], 12, True, 10),
        one_season("STL, hourly", demand(hours), 24, False, 10),
        several_seasons("MSTL, hourly, day and week", demand(hours), (24, 168), 10),
    ]


def differences(quick: bool) -> list[Case]:
    """How often to difference: the seasonal strength and KPSS of monthly series, a mean over them."""
    from inorder.forecast.unit_root import ndiffs, nsdiffs

    panel = monthly(5 if quick else 50, 120, seed=6)

    def ours() -> list[tuple[int, int]]:
        return [(nsdiffs(y, 12), ndiffs(y)) for y in panel]

    def theirs() -> list[tuple[int, int]]:
        from statsforecast.arima import ndiffs as other
        from statsforecast.arima import nsdiffs as seasonal

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # at the ends of the table of KPSS
            return [(seasonal(y, period=12), other(y)) for y in panel]

    def check() -> dict[str, Any]:
        mine = ours()
        require(all(0 <= D <= 1 and 0 <= d <= 2 for D, d in mine), f"orders out of range: {mine}.")
        if not installed("statsforecast"):
            return {}
        same = sum(one == other for one, other in zip(mine, theirs(), strict=True))
        require(same >= 0.9 * len(panel), f"only {same} of {len(panel)} series have the orders of statsforecast.")
        return {"series with equal orders": f"{same} of {len(panel)}"}

    beside = each(theirs, len(panel)) if installed("statsforecast") else Missing("statsforecast")
    programs: dict[str, Program | Missing] = {"inorder": each(ours, len(panel)), "statsforecast": beside}
    note = "statsforecast drops one observation too many with each first difference, so orders of short series may differ"
    sizes = {"series": len(panel), "observations each": panel.shape[1]}
    return [Case("nsdiffs and ndiffs, one series", sizes, programs, check, (Target("time", 2, against="statsforecast", at_least=True),), 5, notes=(note,))]


def demand(hours: int) -> Floats:
    """An hourly load with a day, a week and noise."""
    t = np.arange(hours)
    rng = np.random.default_rng(7)
    return np.asarray(500 + 0.02 * t + 60 * np.sin(2 * np.pi * t / 24) + 90 * np.sin(2 * np.pi * t / 168) + rng.normal(0, 15, hours))


def one_season(name: str, y: Floats, season_length: int, robust: bool, at_least: float) -> Case:
    from inorder.forecast.decomposition import stl

    def ours() -> Floats:
        parts = stl(y, season_length, seasonal_window=7, degrees=PLAIN, robust=robust)
        return np.stack([parts.trend, parts.seasonal])

    def theirs() -> Floats:
        from statsmodels.tsa.seasonal import STL

        parts = STL(y, period=season_length, seasonal=7, robust=robust).fit()
        return np.stack([parts.trend, parts.seasonal])

    return beside(name, y, ours, theirs, at_least)


def several_seasons(name: str, y: Floats, season_lengths: tuple[int, ...], at_least: float) -> Case:
    from inorder.forecast.decomposition import mstl

    def ours() -> Floats:
        parts = mstl(y, season_lengths, degrees=PLAIN)
        return np.stack([parts.trend, *parts.seasonals.values()])

    def theirs() -> Floats:
        from statsmodels.tsa.seasonal import MSTL

        parts = MSTL(y, periods=season_lengths).fit()
        return np.stack([parts.trend, *np.asarray(parts.seasonal).T])

    return beside(name, y, ours, theirs, at_least)


def beside(name: str, y: Floats, ours: Callable[[], Floats], theirs: Callable[[], Floats], at_least: float) -> Case:
    from inorder.kernels import compiled

    def check() -> dict[str, Any]:
        require(compiled, "the kernels of this installation are not compiled, so there is nothing to measure.")
        if not installed("statsmodels"):
            return {}
        worst = float(np.max(np.abs(ours() - theirs())) / np.max(np.abs(y)))
        require(worst < 1e-9, f"the parts differ from those of statsmodels by up to {worst:g} of the values' size.")
        return {"largest difference, relative": worst}

    programs: dict[str, Program | Missing] = {"inorder": timed(ours), "statsmodels": timed(theirs) if installed("statsmodels") else Missing("statsmodels")}
    return Case(name, {"observations": len(y)}, programs, check, (Target("time", at_least, against="statsmodels", at_least=True),), 5)


def each(work: Callable[[], Any], count: int) -> Program:
    whole = timed(work)
    return lambda: {"time": whole()["time"] / count}
