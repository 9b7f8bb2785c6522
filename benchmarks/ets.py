"""ETS: the automatic choice beside statsforecast's AutoETS, and single models beside statsmodels' ETSModel."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np

from benchmarks.case import Case, Missing, Program, Target, installed, peer, require, timed
from benchmarks.data import FORECASTING, Floats, monthly

SHARE = 0.95  # of the series in which our AICc is to be no worse
SAME = 0.01  # a difference of AICc that counts as none
TIMED = 4  # one series in so many is timed
# components, damped: what statsmodels and we fit alike (its multiplicative season moves by y over the new level, ours by y over the old one)
MODELS = {"ETS(A,N,N)": ("ANN", False), "ETS(M,Ad,N)": ("MAN", True), "ETS(A,A,A)": ("AAA", False), "ETS(M,A,A)": ("MAA", False)}


def auto(quick: bool) -> list[Case]:
    """The choice among the models of exponential smoothing: time, the AICc that is reached, and the forecasts, on series of the M3 and M1 competitions."""
    step = 40 if quick else 8
    return [auto_case(name, frequency, step) for name in ("m3_odd", "m1") for frequency in ("monthly", "quarterly")]


class Panel(NamedTuple):
    training: list[Floats]
    truth: list[Floats]
    season: int


def competition(name: str, frequency: str, step: int) -> Panel:
    """Every `step`-th series of a competition; made series where the file is not beside the checkout."""
    import polars as pl

    path = FORECASTING / f"{name}.parquet"
    if not path.is_file():
        made = monthly(8, 118, seed=6)
        return Panel(list(made[:, :100]), list(made[:, 100:]), 12)
    series = pl.read_csv(FORECASTING / f"{name}_series.csv", infer_schema_length=0).filter(pl.col("frequency").str.to_lowercase() == frequency)
    ids = series["unique_id"].to_list()[::step]
    rows = pl.read_parquet(path).with_columns(pl.col("unique_id", "split").cast(str)).filter(pl.col("unique_id").is_in(ids))
    parts = {key: group["y"].to_numpy().astype(np.float64) for key, group in rows.group_by(["unique_id", "split"], maintain_order=True)}
    return Panel([parts[one, "train"] for one in ids], [parts[one, "test"] for one in ids], int(series["seasonal_period"][0]))


def auto_case(name: str, frequency: str, step: int) -> Case:
    """AICc and forecasts are compared on all series of the panel, times taken on every `TIMED`-th of them: their AutoETS is slow.

    `AutoETS` does not maximise the likelihood alone: a prior holds the trend back, and a trend beside a wide multiplicative error is left out, both for
    the sake of forecasts. So its AICc may be the higher one here and there, which `SHARE` allows. Where their γ exceeds 1 − α, outside the region
    that both are asked to keep to, the AICc cannot be compared; such series are counted and reported apart, but stay in the mean.
    """
    training, truth, season = competition(name, frequency, step)

    def ours(y: Floats, **settings: Any) -> Any:
        from inorder import AutoETS, Series

        return AutoETS(season_length=season, **settings).fit(Series.of(y))

    def program() -> Program:
        from statsforecast.ets import ets_f

        return each(lambda y: ets_f(y, m=season), training[::TIMED])

    def check() -> dict[str, Any]:
        if not installed("statsforecast"):
            return {"AICc": "nothing to compare with"}
        from statsforecast.ets import ets_f, forecast_ets

        outside, differences, likeliest, errors = [], [], [], []
        for y, future in zip(training, truth, strict=True):
            theirs = ets_f(y, m=season)
            fitted, aicc = ours(y), evaluated(y, theirs, season)
            alpha, _, gamma = theirs["par"][:3]
            outside.append(gamma > 1 - alpha)
            differences.append(fitted.aicc - aicc)
            likeliest.append(ours(y, prior=None).aicc - aicc)
            scale = np.mean(np.abs(y[season:] - y[:-season]))
            made = [fitted.predict(len(future), ()).mean, forecast_ets(theirs, len(future))["mean"]]
            errors.append([np.mean(np.abs(future - mean)) / scale for mean in made])
        inside = ~np.array(outside)
        worse, mean = (np.array(differences) > SAME) & inside, float(np.mean(differences))
        share = 1 - float(worse.sum() / inside.sum())
        # of few series, as in a quick run, 5 % are less than one, and none would be allowed
        require(
            worse.sum() <= max(1, (1 - SHARE) * inside.sum()) and mean <= 0,
            f"our AICc is no worse than that of statsforecast in {share:.1%} of the series, and {mean:+.3f} in the mean.",
        )
        mase = np.mean(errors, axis=0)
        return {
            "AICc no worse, share of series": share,
            "AICc, mean difference": mean,
            "worse": int(worse.sum()),
            "worse without a prior": int(((np.array(likeliest) > SAME) & inside).sum()),
            "not compared: γ > 1 − α, outside our region": int(np.sum(outside)),
            "MASE": float(mase[0]),
            "MASE of statsforecast": float(mase[1]),
        }

    timed_series = len(training[::TIMED])
    sizes = {"series": len(training), "timed": timed_series, "season": season, "observations in the median": int(np.median([len(y) for y in training]))}
    programs: dict[str, Program | Missing] = {
        "inorder": each(lambda y: ours(y, calibrate=False), training[::TIMED]),
        "inorder, intervals scaled": each(ours, training[::TIMED]),
        "statsforecast": peer("statsforecast", program),
    }
    target = Target("time", 5, against="statsforecast", at_least=True)
    gate = f"AICc no worse in {SHARE:.0%} of the series, and in the mean"
    notes = ("time: one series, the mean; the search and the choice, as both do; by default ours also scales its intervals by held-out errors, apart",)
    return Case(f"{name}, {frequency}", sizes, programs, check, [target], 3, gate=gate, notes=notes)


def evaluated(y: Floats, model: dict[str, Any], season_length: int) -> float:
    """The AICc of statsforecast's estimates by our recursion and our count of numbers."""
    from inorder.kernels.ets import Kind, States, run

    error, trend, season, damped = model["components"]
    kind, first = Kind(error, trend, damped == "D", season), model["states"][0]
    alpha, beta, gamma, phi = (0.0 if np.isnan(value) else float(value) for value in model["par"][:4])
    places = first[-season_length:][::-1] if season != "N" else np.zeros(1)  # the newest first
    done = run(y, kind, (alpha, beta, gamma, phi if kind.damped else 1.0), States(first[0], first[1] if trend != "N" else 0.0, places))
    n, k = len(y), 3 + 2 * (trend != "N") + kind.damped + (season_length if season != "N" else 0)
    return -2 * done.loglik + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def fit(quick: bool) -> list[Case]:
    """One model fitted to single monthly series: its time, and the log-likelihood that it reaches, beside statsmodels."""
    panel = monthly(2 if quick else 10, 120, seed=8)
    return [fit_case(name, *settings, panel) for name, settings in MODELS.items()]


def fit_case(name: str, components: str, damped: bool, panel: Floats) -> Case:
    def ours(y: Floats) -> Any:
        from inorder import ETS, Series

        return ETS(components=components, damped=damped, season_length=12).fit(Series.of(y))

    def theirs(y: Floats) -> Any:
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel

        parts = {"N": None, "A": "add", "M": "mul"}
        error, trend, season = (parts[part] for part in components)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where its search does not converge
            return ETSModel(y, error=error, trend=trend, damped_trend=damped, seasonal=season, seasonal_periods=12 if season else None).fit(disp=False)

    def check() -> dict[str, Any]:
        if not installed("statsmodels"):
            return {"log-likelihood": "nothing to compare with"}
        differences = np.array([ours(y).loglik - theirs(y).llf for y in panel])
        require(math.isfinite(differences.sum()) and differences.mean() >= 0, f"our log-likelihood is {differences.mean():+.3f} beside that of statsmodels.")
        return {
            "log-likelihood above that of statsmodels, mean": float(differences.mean()),
            "series where it is lower by 0.01": int((differences < -0.01).sum()),
        }

    programs: dict[str, Program | Missing] = {"inorder": each(ours, panel), "statsmodels": peer("statsmodels", lambda: each(theirs, panel))}
    return Case(name, {"series": len(panel), "observations each": panel.shape[1]}, programs, check, (), 3, notes=("time: one fit, the mean over the series",))


def each(work: Any, panel: Any) -> Program:
    """The time of one series: all in a row, divided by their number."""

    def all_series() -> None:
        for y in panel:
            work(y)

    whole = timed(all_series)
    return lambda: {"time": whole()["time"] / len(panel)}
