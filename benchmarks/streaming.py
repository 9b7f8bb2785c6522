"""One observation in, one forecast out: what an update costs once a model is fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.case import Case, Missing, Program, installed, require, timed
from benchmarks.data import Floats, monthly

if TYPE_CHECKING:
    from inorder.forecast.base import Forecaster

SEEN, NEW = 120, 500


def streaming(quick: bool) -> list[Case]:
    """One `step` of a session, the update and the next forecast, beside what statsmodels offers for it."""
    from inorder import AR, ExponentialSmoothing

    y = monthly(1, SEEN + NEW, seed=1)[0]
    return [
        case("simple exponential smoothing", ExponentialSmoothing(), y, {}),
        case("Holt–Winters, season 12", ExponentialSmoothing(trend="additive", seasonal="additive", season_length=12), y, {}),
        case("AR(12)", AR(order=12), y, {"statsmodels AutoReg.append": statsmodels_append(y) if installed("statsmodels") else Missing("statsmodels")}),
    ]


def case(name: str, forecaster: Forecaster, y: Floats, beside: dict[str, Program | Missing]) -> Case:
    from inorder import Series

    fitted = forecaster.fit(Series.of(y[:SEEN]))
    session, new = fitted.stream(), y[SEEN:].tolist()

    def updates() -> None:
        step = session.step
        for value in new:
            step(value)

    def one_update() -> dict[str, float]:
        return {"time": timed(updates)()["time"] / len(new)}

    def check() -> dict[str, Any]:
        fresh = fitted.stream()
        said = np.array([fresh.step(value) for value in new])
        whole = fitted.update(new).fitted_values[SEEN + 1 :]  # the one-step forecasts of the fast path over everything
        worst = float(np.max(np.abs(said[:-1] - whole) / np.abs(whole)))
        require(worst < 1e-9, f"the session's forecasts differ from those of the whole-sequence path by up to {worst:g} of their size.")
        return {"updates checked": len(new)}

    return Case(name, {"updates": len(new)}, {"session.step": one_update, **beside}, check)


def statsmodels_append(y: Floats) -> Program:
    """One observation taken in without fitting again, and the next forecast."""
    from statsmodels.tsa.ar_model import AutoReg

    fitted = AutoReg(y[:SEEN], lags=12).fit()
    return timed(lambda: fitted.append(y[SEEN : SEEN + 1], refit=False).forecast(1))
