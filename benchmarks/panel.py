"""Many short series: frame in, forecasts as a frame out."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.case import Case, Missing, installed, require, timed
from benchmarks.data import long_frame, monthly
from benchmarks.smoothing import SLACK

HORIZON, SEASON = 12, 12
ROUNDING = 1e-9


def baselines(quick: bool) -> list[Case]:
    """Fit and forecast of 1,000 monthly series, model by model, beside statsforecast; both from a polars frame to a polars frame."""
    from inorder import Drift, ExponentialSmoothing, Mean, SeasonalNaive

    frame = long_frame(monthly(20 if quick else 1_000, 120))
    return [
        case("mean", Mean(), "HistoricAverage", {}, frame, exact=True),
        case("seasonal naive", SeasonalNaive(season_length=SEASON), "SeasonalNaive", {"season_length": SEASON}, frame, exact=True),
        case("drift", Drift(), "RandomWalkWithDrift", {}, frame, exact=True),
        case("simple exponential smoothing", ExponentialSmoothing(), "SimpleExponentialSmoothingOptimized", {}, frame),
        case("simple exponential smoothing, initial level sought too", ExponentialSmoothing(), "AutoETS", {"model": "ANN"}, frame),
        case("Holt", ExponentialSmoothing(trend="additive"), "Holt", {}, frame),
        case(
            "Holt–Winters",
            ExponentialSmoothing(trend="additive", seasonal="additive", season_length=SEASON),
            "HoltWinters",
            {"season_length": SEASON},
            frame,
            repeats=3,
        ),
    ]


def case(name: str, forecaster: Any, rival: str, settings: dict[str, Any], frame: Any, *, exact: bool = False, repeats: int = 5) -> Case:
    """exact: the forecasts must be equal; otherwise the one-step squared errors of ours must not be larger in all, but for SLACK."""
    import inorder

    def fitted() -> Any:
        return forecaster.fit(inorder.read_series(frame))

    def ours() -> Any:
        return fitted().predict(HORIZON, levels=()).to_frame()

    def theirs(keep: bool = False) -> tuple[Any, Any]:
        from statsforecast import StatsForecast, models

        job: Any = StatsForecast(models=[getattr(models, rival)(**settings)], freq="1mo", n_jobs=1)
        said = job.forecast(df=frame, h=HORIZON, fitted=keep)
        return said, job.forecast_fitted_values() if keep else None

    def check() -> dict[str, Any]:
        model = fitted()
        said = model.predict(HORIZON, levels=()).to_frame()["mean"].to_numpy()
        require(bool(np.isfinite(said).all()), "some forecasts are not finite.")
        if not installed("statsforecast"):
            return {"forecasts": len(said)}
        other, insample = theirs(keep=True)
        if exact:
            worst = float(np.max(np.abs(said / other.to_numpy()[:, -1].astype(float) - 1)))
            require(worst < ROUNDING, f"the forecasts differ from those of statsforecast by up to {worst:g} of their size.")
            return {"largest difference of a forecast": worst}
        errors = insample["y"].to_numpy() - insample.to_numpy()[:, -1].astype(float)
        known = ~np.isnan(errors)  # the first one-step forecast may be missing
        mine, its = (float(np.sum(e[known] ** 2)) for e in (model.residuals, errors))
        require(mine <= its * (1 + SLACK["statsforecast"]), f"our one-step squared errors sum to {mine:.6g}, those of statsforecast to {its:.6g}.")
        return {"sum of squared one-step errors, ours": mine, "statsforecast": its}

    beside = timed(theirs) if installed("statsforecast") else Missing("statsforecast")
    sizes = {"series": frame["unique_id"].n_unique(), "rows": len(frame)}
    return Case(name, sizes, {"inorder": timed(ours), f"statsforecast {rival} {settings.get('model', '')}".strip(): beside}, check, (), repeats)
