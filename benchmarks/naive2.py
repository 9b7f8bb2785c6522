"""Naive2, the yardstick of the M4 competition, on its own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.case import Case, Missing, Program, installed, require, timed
from benchmarks.data import Floats, m4_published
from benchmarks.data import m4 as m4_files

if TYPE_CHECKING:
    from inorder import Series

SEASON = {"hourly": 24, "weekly": 1}


def m4(quick: bool) -> list[Case]:
    """Naive2 on all series of M4 Hourly and Weekly: the published sMAPE and MASE, and the time of fit and forecast."""
    return [case(frequency, 3 if quick else 9) for frequency in SEASON]


def case(frequency: str, repeats: int) -> Case:
    from inorder import Naive2
    from inorder.metrics.forecast import mase, smape

    training, test = m4_files(frequency)
    m, horizon = SEASON[frequency], test.shape[1]
    panel = panel_of(training, m)

    def ours() -> Floats:
        return np.asarray(Naive2().fit(panel).predict(horizon, levels=()).mean)

    def theirs() -> Floats:
        return np.stack([naive2_with_statsmodels(y, m, horizon) for y in training])

    def check() -> dict[str, object]:
        said = ours()
        found = (round(smape(test, said).value, 3), round(mase(test, said, training, m).value, 3))
        published = m4_published("Naive2", frequency)
        require(found == published, f"sMAPE and MASE are {found}, but {published} were published.")
        if installed("statsmodels"):
            worst = float(np.max(np.abs(said - theirs()) / np.abs(said)))
            require(worst < 1e-9, f"the forecasts differ from those made with statsmodels by up to {worst:g} of their size.")
        return {"sMAPE": found[0], "MASE": found[1], "published": f"{published[0]}, {published[1]}"}

    beside: Program | Missing = timed(theirs) if installed("statsmodels") else Missing("statsmodels")
    sizes = {"series": len(training), "rows": sum(map(len, training)), "horizon": horizon}
    gate = "sMAPE {} and MASE {}, as published".format(*m4_published("Naive2", frequency))
    return Case(f"M4 {frequency}", sizes, {"inorder.Naive2": timed(ours), "NumPy + statsmodels seasonal_decompose": beside}, check, (), repeats, gate=gate)


def panel_of(training: list[Floats], season_length: int) -> Series:
    """The training parts as one Series, counted from 1."""
    from inorder import Frequency, Series

    lengths = [len(y) for y in training]
    return Series(
        values=np.concatenate(training),
        index=np.concatenate([np.arange(1, n + 1) for n in lengths]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        ids=tuple(f"s{i}" for i in range(len(training))),
        frequency=Frequency("step"),
        season_length=season_length,
        panel=True,
    )


def naive2_with_statsmodels(y: Floats, m: int, horizon: int) -> Floats:
    """As it is commonly written: a test of the autocorrelation, a classical decomposition, the last value, the season put back."""
    from statsmodels.tsa.seasonal import seasonal_decompose

    season = np.ones(m)
    if m > 1 and len(y) >= 3 * m:
        centred = y - y.mean()
        r = np.array([centred[lag:] @ centred[:-lag] for lag in range(1, m + 1)]) / (centred @ centred)
        if abs(r[-1]) > 1.645 * np.sqrt((1 + 2 * np.sum(r[:-1] ** 2)) / len(y)):
            season = seasonal_decompose(y, model="multiplicative", period=m).seasonal[:m]
    positions = np.arange(len(y), len(y) + horizon) % m
    return np.asarray(y[-1] / season[(len(y) - 1) % m] * season[positions])
