"""How accurate global neural forecasters are: ETTh1 over long horizons, and M4 Hourly.

Settings were chosen on the last part of the training data; the test parts are scored, nothing else.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.accuracy import SCORED_SEASON
from benchmarks.case import Case, Program, require
from benchmarks.data import Floats, etth1, m4
from benchmarks.naive2 import panel_of

SEEDS = (0, 1, 2)
ETTH1 = {"training": 8_640, "validation": 2_880, "test": 2_880}  # rows, in that order
ETTH1_HORIZON = 96
DLINEAR = {"window": 512, "normalisation": "instance", "loss": "squared", "scale": "spread", "transform": "none", "batch_size": 64, "max_epochs": 20}
NHITS = {
    "window": 336,
    "horizon": 48,
    "pools": (1, 1, 1),
    "stretches": (1, 1, 1),
    "hidden_size": 256,
    "transform": "log",
    "deseasonalise": True,
    "learning_rate": 2e-3,
    "epoch_batches": 200,
    "max_epochs": 12,
    "validation_share": 0.07,
}
Scores = tuple[Mapping[str, float], float]  # the scores, and the seconds that they took


def etth1_case(quick: bool) -> list[Case]:
    """DLinear on ETTh1, all 7 channels, 96 hours ahead from every hour of the test part; Zeng et al. 2023 report an MSE of .375, PatchTST of .370."""

    def run(seed: int) -> Mapping[str, float]:
        from inorder import DLinearForecaster
        from inorder.data.series import Series

        values, learnt = etth1(), ETTH1["training"] + ETTH1["validation"]
        training = values[: ETTH1["training"]]
        z = (values - training.mean(axis=0)) / training.std(axis=0)
        settings = {**DLINEAR, "max_epochs": 1} if quick else DLINEAR
        share = ETTH1["validation"] / learnt
        forecaster = DLinearForecaster(horizon=ETTH1_HORIZON, refit=False, validation_share=share, seed=seed, **settings)  # the validation part stops it
        fitted = forecaster.fit(Series.of(z[:learnt], season_length=24)).update(z[learnt : learnt + ETTH1["test"]])
        offsets = fitted.history.offsets
        origins = np.arange(learnt - 1, learnt + ETTH1["test"] - ETTH1_HORIZON)
        made = fitted.forecasts((offsets[:-1, None] + origins).reshape(-1), ETTH1_HORIZON).reshape(7, len(origins), ETTH1_HORIZON)
        truth = np.lib.stride_tricks.sliding_window_view(z[learnt : learnt + ETTH1["test"]], ETTH1_HORIZON, axis=0).transpose(1, 0, 2)
        return {"MSE": float(np.mean((made - truth) ** 2)), "MAE": float(np.mean(np.abs(made - truth)))}

    sizes = {"channels": 7, "test windows": ETTH1["test"] - ETTH1_HORIZON + 1, "horizon": ETTH1_HORIZON}
    return [case("ETTh1", "inorder.DLinearForecaster", sizes, run, {"MSE": 0.385}, quick)]


def m4_hourly(quick: bool) -> list[Case]:
    """N-HiTS with the generic blocks of N-BEATS on all of M4 Hourly; ES-RNN, the winner of M4, had an OWA of .440, the best method .410."""

    def run(seed: int) -> Mapping[str, float]:
        from inorder import NHiTSForecaster
        from inorder.metrics.forecast import mase, owa, smape

        training, truth = data(quick)
        settings = {**NHITS, "max_epochs": 1, "epoch_batches": 20} if quick else NHITS
        made = NHiTSForecaster(seed=seed, **settings).fit(panel_of(training, 24)).predict(48, ()).mean
        season = SCORED_SEASON["hourly"]
        own = smape(truth, made), mase(truth, made, training, season)
        rival = naive2(quick)
        return {
            "sMAPE": own[0].value,
            "MASE": own[1].value,
            "OWA": owa(*own, smape(truth, rival), mase(truth, rival, training, season)).value,
        }

    training, _ = data(quick)
    sizes = {"series": len(training), "rows": sum(map(len, training)), "horizon": 48}
    return [case("M4 Hourly", "inorder.NHiTSForecaster", sizes, run, {"OWA": 0.50}, quick)]


def case(name: str, program: str, sizes: dict[str, Any], run: Callable[[int], Mapping[str, float]], limits: dict[str, float], quick: bool) -> Case:
    """Scores as means over seeds; the time is that of one seed, fit and forecasts, taken where the scores are made: nothing is trained twice."""
    seeds = SEEDS[:1] if quick else SEEDS

    @functools.cache
    def of(seed: int) -> Scores:
        began = time.perf_counter()
        return run(seed), time.perf_counter() - began

    def check() -> dict[str, Any]:
        runs = [of(seed)[0] for seed in seeds]
        found = {score: float(np.mean([one[score] for one in runs])) for score in runs[0]}
        missed = [f"{score} is {found[score]:.4g}, above {limit}" for score, limit in limits.items() if not found[score] <= limit]
        require(quick or not missed, "; ".join(missed) + ".")
        spread = {f"{score} from / to": f"{min(one[score] for one in runs):.4g} / {max(one[score] for one in runs):.4g}" for score in limits}
        return {**{score: f"{value:.4g}" for score, value in found.items()}, **({} if quick else spread), "seeds": len(seeds)}

    timed: Program = lambda: {"time": float(np.mean([of(seed)[1] for seed in seeds]))}  # noqa: E731
    gate = ", ".join(f"{score} ≤ {limit}" for score, limit in limits.items())
    return Case(name, sizes, {program: timed}, check, (), 1, gate="" if quick else f"{gate}, mean of {len(seeds)} seeds")


@functools.cache
def data(quick: bool) -> tuple[list[Floats], Floats]:
    """M4 Hourly; every 20th series for a quick run."""
    training, truth = m4("hourly")
    return (training[::20], truth[::20]) if quick else (training, truth)


@functools.cache
def naive2(quick: bool) -> Floats:
    from inorder import Naive2

    training, truth = data(quick)
    made: Floats = Naive2().fit(panel_of(training, SCORED_SEASON["hourly"])).predict(truth.shape[1], ()).mean
    return made
