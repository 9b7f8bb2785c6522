"""ARIMA: the exact likelihood beside statsforecast's and statsmodels', the choice of orders beside statsforecast's AutoARIMA, and long seasons alone."""

from __future__ import annotations

import csv
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.case import Case, Missing, Program, Target, installed, peer, require, timed
from benchmarks.data import FORECASTING, Floats, monthly

EXACT = 1e-6  # how well a log-likelihood agrees with statsmodels'
SHARE = 0.95  # of the series in which our criterion is to be no worse
EQUAL = 1e-6  # difference of AICc that counts as none


# --- one evaluation ---


def evaluation(quick: bool) -> list[Case]:
    """One exact evaluation of (2,1,1)(1,1,1) with a season of 12, 300 observations, through Python, beside statsforecast and statsmodels."""
    y = monthly(1, 300, seed=6)[0]
    c = np.array([0.5, -0.2, -0.4, 0.3, -0.6])
    w = np.diff(y)
    w = np.ascontiguousarray(w[12:] - w[:-12])
    from inorder.forecast.arima import loglik
    from inorder.kernels import arima, compiled

    orders = arima.Orders(2, 1, 1, 1, 12)

    def check() -> dict[str, Any]:
        require(compiled, "the kernels of this installation are not compiled, so there is nothing to measure.")
        mine = arima.loglik(w, orders, c)
        require(abs(loglik(y, (2, 1, 1), (1, 1, 1), c, season_length=12) - mine) < 1e-9, "the two ways to our likelihood differ.")
        found: dict[str, Any] = {"log-likelihood": mine}
        if installed("statsmodels"):
            its = statsmodels_model(y).loglike(c)
            require(abs(mine - its) <= EXACT, f"our log-likelihood is {mine:.9f}, that of statsmodels {its:.9f}.")
            found["difference from statsmodels"] = abs(mine - its)
        if installed("statsforecast"):
            squares, logarithms, used, _ = statsforecast_evaluation(w, c)()
            its = -0.5 * (used * (np.log(2 * np.pi * squares / used) + 1) + logarithms)
            require(abs(mine - its) <= 1e-3, f"our log-likelihood is {mine:.6f}, that of statsforecast {its:.6f}.")
            found["difference from statsforecast"] = abs(mine - its)
            squares, logarithms, used, _ = statsforecast_evaluation(y, c, d=1, D=1)()
            its = -0.5 * (used * (np.log(2 * np.pi * squares / used) + 1) + logarithms)
            require(abs(mine - its) <= 1e-2, f"our log-likelihood is {mine:.6f}, that of statsforecast with differences in its state {its:.6f}.")
        return found

    programs: dict[str, Program | Missing] = {
        "kernel": timed(lambda: arima.loglik(w, orders, c)),
        "loglik of the series": timed(lambda: loglik(y, (2, 1, 1), (1, 1, 1), c, season_length=12)),
        "statsforecast": peer("statsforecast", lambda: timed(statsforecast_evaluation(w, c))),
        "statsforecast, differences in its state": peer("statsforecast", lambda: timed(statsforecast_evaluation(y, c, d=1, D=1))),
        "statsmodels": peer("statsmodels", lambda: timed(statsmodels_evaluation(y, c))),
    }
    targets = [Target("time", 60, against="statsforecast", at_least=True), Target("time", 60, against="statsmodels", at_least=True)]
    notes = (
        "kernel, statsforecast and statsmodels: the differenced series (d = D = 0 and simple_differencing), the fastest exact way of each",
        "statsforecast fits with the differences in its state (diffuse, of variance 1e6), which is what its optimiser pays: given beside it, without a target",
    )
    return [Case("(2,1,1)(1,1,1), season 12", {"observations": 300}, programs, check, targets, notes=notes)]


def statsmodels_model(y: Floats) -> Any:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SARIMAX(y, order=(2, 1, 1), seasonal_order=(1, 1, 1, 12), simple_differencing=True, concentrate_scale=True)
    model.ssm.tolerance = 0  # its shortcut to the steady state is not exact
    return model


def statsmodels_evaluation(y: Floats, c: Floats) -> Callable[[], Any]:
    model = statsmodels_model(y)
    return lambda: model.loglike(c)


def statsforecast_evaluation(w: Floats, c: Floats, d: int = 0, D: int = 0) -> Callable[[], Any]:
    """Its compiled likelihood with its own initial state, as its optimiser calls them: transform, state, likelihood. d, D: differences in the state."""
    from statsforecast import arima as theirs

    arma = np.array([2, 1, 1, 1, 12, d, D], dtype=np.intc)
    delta = np.array([1.0])
    for lag in [1] * d + [12] * D:
        delta = np.convolve(delta, np.append(1.0, np.append(np.zeros(lag - 1), -1.0)))

    def work() -> Any:
        phi, theta = theirs.arima_transpar(c, arma, False)
        model = theirs.make_arima(phi, theta, -delta[1:], 1e6, 1e-10)
        return theirs.arima_like(w, model["phi"], model["theta"], model["delta"], model["a"], model["P"], model["Pn"], 0, False)

    return work


# --- two hundred random models ---


def likelihood(quick: bool) -> list[Case]:
    """The exact log-likelihood of random seasonal models beside statsmodels'."""
    from inorder.kernels import arima

    models = random_models(20 if quick else 200)

    def ours() -> Floats:
        return np.array([arima.loglik(w, orders, c) for orders, c, w in models])

    def statsmodels() -> Floats:
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        values = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for (p, q, P, Q, s), c, w in models:
                model = SARIMAX(w, order=(p, 0, q), seasonal_order=(P, 0, Q, s) if P + Q else (0, 0, 0, 0), concentrate_scale=True)
                model.ssm.tolerance = 0
                values.append(model.loglike(c))
        return np.array(values)

    def check() -> dict[str, Any]:
        require(installed("statsmodels"), "statsmodels is not installed, so there is nothing to compare with.")
        worst = float(np.max(np.abs(ours() - statsmodels())))
        require(worst <= EXACT, f"a log-likelihood differs from that of statsmodels by {worst:.3g}.")
        return {"models": len(models), "largest difference": worst}

    programs: dict[str, Program | Missing] = {"inorder": timed(ours), "statsmodels": peer("statsmodels", lambda: timed(statsmodels))}
    gate = f"every log-likelihood within {EXACT:g} of statsmodels'"
    return [Case("random models, seasons 4, 7, 12, 24", {"models": len(models), "observations each": "40–400"}, programs, check, (), 3, gate=gate)]


def random_models(count: int, seed: int = 0) -> list[tuple[Any, Floats, Floats]]:
    """Orders up to (3, 3)(2, 2), stationary and invertible coefficients, and a series."""
    from inorder.kernels.arima import Orders
    from inorder.textbook import arima as textbook

    rng = np.random.default_rng(seed)
    models = []
    for _ in range(count):
        p, q, P, Q = (int(k) for k in (*rng.integers(0, 4, 2), *rng.integers(0, 3, 2)))
        orders = Orders(p, q, P, Q, int(rng.choice([4, 7, 12, 24])))
        n = int(rng.integers(40, 400))
        w = 0.3 * rng.normal(size=n).cumsum() + rng.normal(size=n)
        models.append((orders, textbook.to_coefficients(textbook.Orders(*orders), rng.normal(0, 0.7, orders.number)), w))
    return models


# --- the choice of orders ---


def auto(quick: bool) -> list[Case]:
    """AutoARIMA on monthly series of M3 and M1 beside statsforecast's; the AICc that both reach, evaluated exactly, at equal d and D."""
    panel = monthly_series(4 if quick else 60)
    clocked = panel[::4]

    def ours() -> None:
        from inorder import AutoARIMA

        forecaster = AutoARIMA(season_length=12)
        for y in clocked:
            forecaster.fit_one(y, 12)

    def statsforecast() -> None:
        from statsforecast.models import AutoARIMA

        for y in clocked:
            AutoARIMA(season_length=12).fit(y)

    def check() -> dict[str, Any]:
        require(installed("statsforecast"), "statsforecast is not installed, so there is nothing to compare with.")
        pairs = np.array([criteria(y) for y in panel])
        difference = pairs[:, 0] - pairs[:, 1]
        share, mean = float(np.mean(difference <= EQUAL)), float(difference.mean())
        require(share >= SHARE, f"our AICc is no worse in {share:.1%} of the series; {SHARE:.0%} are to be reached.")
        require(mean <= 0, f"our AICc is higher by {mean:.3f} on average.")
        return {"series": len(panel), "AICc no worse": share, "mean difference of AICc": mean}

    programs: dict[str, Program | Missing] = {
        "inorder": once_each(ours, len(clocked)),
        "statsforecast": once_each(statsforecast, len(clocked)) if installed("statsforecast") else Missing("statsforecast"),
    }
    targets = [Target("time", 25, against="statsforecast", at_least=True)]
    gate = f"AICc, evaluated exactly at equal d and D, no worse in {SHARE:.0%} of the series and on average"
    notes = (
        "time: one series, the mean over every fourth of those compared, differences chosen and standard errors included",
        "statsforecast's own log-likelihoods with d or D above 0 are not used: they are evaluated again, exactly, at its coefficients",
    )
    return [Case("monthly series of M3 and M1", {"series": len(panel)}, programs, check, targets, 3, gate=gate, notes=notes)]


def criteria(y: Floats) -> tuple[float, float]:
    """AICc of our choice and of statsforecast's, both exact, at statsforecast's d and D."""
    from statsforecast.models import AutoARIMA as Theirs

    from inorder import AutoARIMA, loglik

    model = Theirs(season_length=12).fit(y).model_
    p, q, P, Q, m, d, D = (int(k) for k in model["arma"])
    coef = model["coef"]
    names = [f"{kind}{i + 1}" for kind, many in (("ar", p), ("ma", q), ("sar", P), ("sma", Q)) for i in range(many)]
    constant = any(name in coef for name in ("intercept", "drift"))
    value = loglik(y, (p, d, q), (P, D, Q), [float(coef[name]) for name in names], season_length=m, constant=constant)
    k, n = len(names) + constant + 1, len(y) - d - D * m
    mine = AutoARIMA(season_length=12, d=d, D=D).fit_one(y, 12)
    return mine.criterion("aicc"), -2 * value + 2 * k * n / (n - k - 1)


def monthly_series(count: int) -> list[Floats]:
    """Training parts of monthly series, evenly spread over both competitions."""
    import polars as pl

    found: list[Floats] = []
    for name, share in (("m3_odd", count - count // 4), ("m1", count // 4)):
        require((FORECASTING / f"{name}.parquet").exists(), f"the data of {name} are not beside this checkout: {FORECASTING}.")
        with (FORECASTING / f"{name}_series.csv").open(newline="", encoding="utf-8") as file:
            ids = [row["unique_id"] for row in csv.DictReader(file) if row["seasonal_period"] == "12"]
        wanted = ids[:: max(1, len(ids) // share)][:share]
        frame = pl.read_parquet(FORECASTING / f"{name}.parquet").with_columns(pl.col("unique_id").cast(str), pl.col("split").cast(str))
        for one in wanted:
            rows = frame.filter((pl.col("unique_id") == one) & (pl.col("split") == "train")).sort("ds")
            found.append(rows["y"].cast(pl.Float64).to_numpy())
    return found


def once_each(work: Callable[[], None], count: int) -> Program:
    whole = timed(work, at_least=0)

    def program() -> Mapping[str, float]:
        return {"time": whole()["time"] / count}

    return program


# --- long seasons ---


def long_seasons(quick: bool) -> list[Case]:
    """(1,0,1)(1,0,1) and the whole choice of orders for seasons of 24, 48, 168 and 336, 2,000 observations: ours alone, for others do not end."""
    return [long_season(season, 600 if quick else 2_000) for season in (24, 48, 168, 336) if not quick or season < 168]


def long_season(season: int, length: int) -> Case:
    from inorder.kernels import arima

    rng = np.random.default_rng(season)
    e = rng.normal(size=length + 2 * season)
    w = e.copy()
    for t in range(season + 1, len(w)):
        w[t] = 0.5 * w[t - 1] + 0.3 * w[t - season] - 0.15 * w[t - season - 1] + e[t] + 0.2 * e[t - 1]
    columns = w[None, -length:].copy()
    truth = np.array([0.5, 0.2, 0.3, 0.0])
    orders = arima.Orders(1, 1, 1, 1, season)

    def check() -> dict[str, Any]:
        found = arima.fit(columns, orders)
        least = arima.loglik(columns[0], orders, truth)
        require(found.loglik >= least, f"the estimate has the log-likelihood {found.loglik:.4f}, the coefficients that made the series {least:.4f}.")
        began = time.perf_counter()
        chosen = arima.choose(columns, arima.Orders(5, 5, 2, 2, season), constant=False)
        spent = time.perf_counter() - began
        return {"log-likelihood above that of the truth": found.loglik - least, "models in a search": len(chosen.table), "seconds of a search": spent}

    return Case(f"season {season}", {"observations": length}, {"a fit": timed(lambda: arima.fit(columns, orders))}, check, (), 3)
