"""The theta method: between a straight line and a smoothed level, on the series without its season.

    ŷ[t+1] = s[t+1]·(l + κ·(w·A + v·B)),    w = (1 − α)^t,   v = (1 − (1 − α)^(t+1)) / α,   κ = 1 − 1/θ
    l ← l + α·(y[t]/s[t] − l)

A + B·t is the straight line of least squares: through the whole series that was fitted ("standard", "optimised"), or through what has been
seen so far ("dynamic", "dynamic-optimised"). θ is 2, or chosen with α and the first level so that squared errors one step ahead are
least. The standard model is simple exponential smoothing with half of the straight line's slope as its drift.

The season s is that of the M4 competition: the indices of a classical decomposition where the autocorrelation at the season's lag is
significant at 90 % (see `inorder.forecast.baselines.Naive2`), multiplied where all values are positive, else added. It stays as it was fitted.

The recursion is linear, so forecast errors are sums of the errors to come and their variance is known, in the dynamic models too:

    v[h] = σ²·Σ weight[h, j]²        σ²·(1 + (h − 1)·α²) where the line does not learn

for parameters that are known; intervals are therefore scaled by held-out errors (`inorder.forecast.calibration`).

Source: Assimakopoulos & Nikolopoulos 2000; Hyndman & Billah 2003; Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler 2016, Models for
optimising the theta method and their relationship to state space models, International Journal of Forecasting 32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ForecastError, unknown
from inorder.forecast.base import LikelihoodModel
from inorder.forecast.baselines import indices_over_gaps, is_seasonal
from inorder.forecast.calibration import calibrated, check_calibrate, scale_of
from inorder.forecast.intervals import normal_quantiles, power_of_two
from inorder.forecast.local import LocalForecaster
from inorder.kernels.theta import ThetaConstants, ThetaState, fit, forecasts, paths, run, variances
from inorder.typing import Floats, Values

KINDS = ("standard", "optimised", "dynamic", "dynamic-optimised")
SEASONS = ("auto", "multiplicative", "additive", None)
CRITERIA = ("held-out", "aicc", "squared-error")
ALPHA_BOUNDS = (0.1, 0.99)  # Fiorucci et al. 2016
BURN_IN = 3  # rows after which a dynamic model's line means something: Fiorucci et al. 2016 count errors from the fourth on
SMALLEST = 0.01  # index of a multiplicative season
ROUNDING = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class ThetaModel(LikelihoodModel):
    """alpha: α.   kappa: κ = 1 − 1/θ.   level: l before the first row.   intercept, slope: A and B of a line that does not learn, else 0.
    dynamic, optimised, multiplicative: 1 where it is so.   season: (season,) indices, the first for the first row; [1] where there is none.
    sigma: standard deviation of the errors of the series without its season.   burn_in: first rows, whose errors do not count.
    scale: c of the intervals (`inorder.forecast.calibration`); 0 where they are those of the formula.
    """

    alpha: float
    kappa: float
    level: float
    intercept: float
    slope: float
    dynamic: int
    optimised: int
    season: Floats
    multiplicative: int
    sigma: float
    burn_in: int
    scale: float = 0.0

    @property
    def constants(self) -> ThetaConstants:
        return ThetaConstants(self.alpha, self.kappa, self.intercept, self.slope, bool(self.dynamic))

    @property
    def kind(self) -> str:
        return KINDS[2 * self.dynamic + self.optimised]

    def init(self) -> ThetaState:
        return ThetaState(0, self.level, 0.0, 0.0)

    def step(self, y: float, state: ThetaState) -> tuple[float, ThetaState]:
        fitted, after = self.run(np.array([y]), state)
        return float(fitted[0]), after

    def run(self, y: Values, state: ThetaState | None = None) -> tuple[Floats, ThetaState]:
        before = self.init() if state is None else state
        index = self._indices(before.time, len(y))
        fitted, after = run(self._without(y, index), self.constants, before)
        fitted[: max(self.burn_in - before.time, 0)] = np.nan
        return self._with(fitted, index), after

    def forecast(self, state: ThetaState, horizon: int) -> Floats:
        means = forecasts(np.zeros(0), self.constants, state, horizon)[0]
        return self._with(means, self._indices(state.time, horizon))

    def forecasts(self, y: Values, state: ThetaState, horizon: int) -> Floats:
        means = forecasts(self._without(y, self._indices(state.time, len(y))), self.constants, state, horizon)[:-1]
        return self._with(means, self.season[(state.time + np.arange(len(y))[:, None] + np.arange(horizon)) % len(self.season)])

    def quantiles(self, state: ThetaState, horizon: int, probabilities: Floats) -> Floats | None:
        if math.isnan(self.sigma):
            return None
        return calibrated(lambda p: self._own_quantiles(state, horizon, p), self.scale, probabilities)

    def _own_quantiles(self, state: ThetaState, horizon: int, probabilities: Floats) -> Floats:
        index = self._indices(state.time, horizon)
        spread = self.sigma * np.sqrt(variances(self.constants, state.time, horizon))
        return normal_quantiles(self.forecast(state, horizon), spread * index if self.multiplicative else spread, probabilities)

    def innovations(self, y: Values, fitted: Values) -> Values:
        present = np.flatnonzero(~np.isnan(y))
        begin = int(present[0]) if len(present) else len(y)  # the first row that the model saw
        return (y - fitted) / self._indices(-begin, len(y)) if self.multiplicative else y - fitted

    def simulate(self, state: ThetaState, horizon: int, innovations: Floats) -> Floats:
        return self._with(paths(innovations[:, :horizon], self.constants, state), self._indices(state.time, horizon))

    def _indices(self, time: int, steps: int) -> Floats:
        """(steps,) of the season, the first for the row after `time` rows."""
        return np.asarray(self.season[(time + np.arange(steps)) % len(self.season)])

    def _without(self, y: Values, index: Floats) -> Floats:
        return y / index if self.multiplicative else y - index

    def _with(self, x: Floats, index: Floats) -> Floats:
        return x * index if self.multiplicative else x + index

    def coefficients(self) -> dict[str, float]:
        named = {"alpha": self.alpha, "level": self.level}
        return {**named, "theta": self.theta} if self.optimised else named

    @property
    def theta(self) -> float:
        return 1 / (1 - self.kappa) if self.kappa < 1 else math.inf

    def describe(self) -> dict[str, Any]:
        line = {} if self.dynamic else {"intercept": self.intercept, "slope": self.slope}
        scale = {"interval scale": self.scale} if self.scale else {}
        season = {"season": "none"} if len(self.season) == 1 else {"season": "multiplicative" if self.multiplicative else "additive", "indices": self.season}
        return {"kind": self.kind, "alpha": self.alpha, "theta": self.theta, "first level": self.level, **line, **season, "sigma": self.sigma, **scale}

    def describe_state(self, state: ThetaState) -> dict[str, Any]:
        return {"level": state.level, **({"slope": state.slope} if self.dynamic else {})}


@dataclass(frozen=True)
class Theta(LocalForecaster):
    """Between a straight line and a smoothed level, on the series without its season.

        ŷ[t+h] = s[t+h]·((1 − 1/θ)·(A + B·(t+h)) + 1/θ·Z)        Z: the theta line θ·y + (1 − θ)·(A + B·t), smoothed up to t

    kind: "standard" (θ = 2, the line through the whole series), "optimised" (θ ≥ 1 is estimated), "dynamic" (θ = 2, the line learns as
        observations come) or "dynamic-optimised".
    seasonal: "auto" (where the M4 test at 90 % finds a season: multiplicative where all values are positive, else additive), "multiplicative",
        "additive" or None.
    alpha_bounds: range in which α is sought; (0.001, 0.999) with the standard model is the benchmark "Theta" of M4.
    calibrate: widen or narrow the intervals by the errors that the model, fitted to a first part, made in the rest; False: those of the formula.
    Missing values count as their forecasts. Errors of the dynamic models count from the fourth row on.
    Raises ForecastError for fewer observations than estimated numbers, or fewer than two seasons with a season that is asked for.
    Source: Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler 2016.

    >>> from inorder.data.series import Series
    >>> fitted = Theta().fit(Series.of([3.0, 4.0, 6.0, 7.0, 9.0, 10.0, 12.0, 13.0]))
    >>> fitted.predict(2).mean.round(2).tolist()
    [13.74, 14.47]
    """

    kind: str = "standard"
    seasonal: str | None = "auto"
    alpha_bounds: tuple[float, float] = ALPHA_BOUNDS
    calibrate: bool = True
    name = "theta"
    model = ThetaModel

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of theta model", str(self.kind), KINDS)
        check_seasonal(self.seasonal)
        object.__setattr__(self, "alpha_bounds", checked_bounds(self.alpha_bounds))
        check_calibrate(self.calibrate)

    def fit_one(self, y: Values, season_length: int) -> ThetaModel:
        model = fit_theta(y, self.kind, seasons(y, season_length, self.seasonal), self.alpha_bounds)
        return replace(model, scale=scale_of(replace(self, calibrate=False), y, season_length)) if self.calibrate else model


@dataclass(frozen=True)
class AutoTheta(LocalForecaster):
    """The theta model of the four that does best on the series.

    criterion: "held-out" (the last one and a half seasons, six rows at least and a quarter of the series at most, are forecast by models fitted to
        what came before; the least mean absolute error wins, and is fitted again to the whole), "aicc", or "squared-error"
        (one step ahead in the series; both from the fourth row on, and by squared errors the larger of two nested models nearly always wins).
    seasonal, alpha_bounds, calibrate: as in `Theta`.
    Raises ForecastError where none of the four can be fitted.   Source: Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler 2016.

    >>> from inorder.data.series import Series
    >>> fitted = AutoTheta().fit(Series.of([3.0, 4.0, 6.0, 7.0, 9.0, 10.0, 12.0, 13.0, 15.0, 16.0, 18.0, 19.0]))
    >>> fitted.describe()["kind"], fitted.predict(2).mean.round(2).tolist()
    ('optimised', [20.68, 22.17])
    """

    seasonal: str | None = "auto"
    criterion: str = "held-out"
    alpha_bounds: tuple[float, float] = ALPHA_BOUNDS
    calibrate: bool = True
    name = "auto-theta"
    model = ThetaModel

    def __post_init__(self) -> None:
        check_seasonal(self.seasonal)
        if self.criterion not in CRITERIA:
            raise unknown("criterion", str(self.criterion), CRITERIA)
        object.__setattr__(self, "alpha_bounds", checked_bounds(self.alpha_bounds))
        check_calibrate(self.calibrate)

    def fit_one(self, y: Values, season_length: int) -> ThetaModel:
        model = self._choose(y, season_length)
        if not self.calibrate:
            return model
        alone = Theta(kind=model.kind, seasonal=self.seasonal, alpha_bounds=self.alpha_bounds, calibrate=False)
        return replace(model, scale=scale_of(alone, y, season_length))

    def _choose(self, y: Values, season_length: int) -> ThetaModel:
        season = seasons(y, season_length, self.seasonal)
        if self.criterion == "held-out":
            kind = self._best_ahead(y, season_length)
            if kind:
                return fit_theta(y, kind, season, self.alpha_bounds)
        models, failure = [], ""
        for kind in KINDS:
            try:
                models.append(fit_theta(y, kind, season, self.alpha_bounds))
            except ForecastError as error:
                failure = failure or str(error)
        if not models:
            raise ForecastError(failure)
        return min(models, key=lambda model: judged(model, y, self.criterion == "aicc"))

    def _best_ahead(self, y: Values, season_length: int) -> str:
        """The kind with the least error over the last rows, held out; "" where that cannot be told."""
        count = min(max(6, math.ceil(1.5 * season_length)), len(y) // 4)
        before, after = y[: len(y) - count], y[len(y) - count :]
        known = ~np.isnan(after)
        if not known.any():
            return ""
        best, least = "", math.inf
        try:
            season = seasons(before, season_length, self.seasonal)
        except ForecastError:
            return ""
        scale = power_of_two(y)
        for kind in KINDS:
            try:
                model = fit_theta(before, kind, season, self.alpha_bounds)
            except ForecastError:
                continue
            _, state = model.run(before)
            error = float(np.mean(np.abs(after[known] / scale - model.forecast(state, count)[known] / scale)))
            if error < least:
                best, least = kind, error
        return best


def check_seasonal(seasonal: Any) -> None:
    if seasonal not in SEASONS:
        raise ConfigError(f"`seasonal` is one of {', '.join(map(repr, SEASONS))}; not {seasonal!r}.")


def checked_bounds(bounds: Any) -> tuple[float, float]:
    """Two numbers in (0, 1) in rising order."""
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        raise ConfigError(f"`alpha_bounds` are two numbers such as {ALPHA_BOUNDS}, not {bounds!r}.") from None
    if not 0 < low <= high < 1:
        raise ConfigError(f"`alpha_bounds` are two numbers in (0, 1) in rising order, not {bounds!r}.")
    return low, high


class Season(NamedTuple):
    """indices: (season,), the first for the first row; [1] where there is none."""

    indices: Floats
    multiplicative: bool


NO_SEASON = Season(np.ones(1), True)


def seasons(y: Values, season_length: int, seasonal: str | None) -> Season:
    """The season to take out.   Raises ForecastError where one is asked for and cannot be had."""
    if seasonal is None or (seasonal == "auto" and not is_seasonal(y, season_length)):
        return NO_SEASON
    if seasonal != "auto":
        if season_length < 2:
            raise ForecastError("A season has 2 observations or more, and none is known here. Set `season_length`, or seasonal=None.")
        if len(y) < 2 * season_length:
            raise ForecastError(f"A season of {season_length} needs {2 * season_length} rows to be seen, this series has {len(y)}. Use seasonal=None.")
    scale = power_of_two(y)
    if seasonal != "additive" and np.nanmin(y) > 0:
        indices = indices_over_gaps(y / scale, season_length, multiplicative=True)
        if np.isfinite(indices).all() and indices.min() > SMALLEST:
            return Season(indices, True)
    if seasonal == "multiplicative":
        raise ForecastError(
            "A multiplicative season needs values above zero, none of them close to nothing beside the others at its place of the season. "
            'Use seasonal="additive".'
        )
    return Season(indices_over_gaps(y / scale, season_length, multiplicative=False) * scale, False)


def fit_theta(y: Values, kind: str, season: Season, alpha_bounds: tuple[float, float]) -> ThetaModel:
    """The model of this kind with the least squared errors.   Raises ForecastError where there are too few observations."""
    dynamic, optimised = kind.startswith("dynamic"), kind.endswith("optimised")
    burn_in = BURN_IN if dynamic else 0
    free = 2 + optimised + 2 * (not dynamic)  # α, the first level, θ, the line
    count = int(np.sum(~np.isnan(y[burn_in:])))
    if count <= free:
        after = f" after the first {burn_in} rows" if burn_in else ""
        raise ForecastError(f"The {kind} theta model estimates {free} numbers and needs {free + 1} observations{after}, has {count}. Use a simpler model.")
    index = np.resize(season.indices, len(y))
    scale = power_of_two(y)
    x = y / scale / index if season.multiplicative else (y - index) / scale
    if not np.isfinite(x[~np.isnan(y)]).all():
        raise ForecastError("The season of this series leaves the range of numbers. Use seasonal=None.")
    found = fit(x, dynamic, math.nan if optimised else 0.5, math.nan, alpha_bounds, burn_in)
    logs = np.log(index[burn_in:][~np.isnan(y[burn_in:])]).sum() if season.multiplicative else 0.0  # dx/dy
    variance = max(found.squared_error / count, ROUNDING**2)
    constants = found.constants
    return ThetaModel(
        loglik=-count / 2 * (math.log(2 * math.pi * variance) + 1) - count * math.log(scale) - float(logs),
        estimated=free + 1 + len(season.indices) - 1,
        observations=count,
        alpha=constants.alpha,
        kappa=constants.kappa,
        level=found.level * scale,
        intercept=constants.intercept * scale,
        slope=constants.slope * scale,
        dynamic=int(dynamic),
        optimised=int(optimised),
        season=season.indices,
        multiplicative=int(season.multiplicative),
        sigma=scale * math.sqrt(found.squared_error / (count - free)),
        burn_in=burn_in,
    )


def judged(model: ThetaModel, y: Values, aicc: bool) -> float:
    """The logarithm of the mean squared error one step ahead of the series without its season, or AICc, both over the same rows for every
    kind: those from the fourth on.
    """
    unit = power_of_two(y)
    errors = model.innovations(y / unit, model.run(y)[0] / unit)[BURN_IN:]
    errors = errors[~np.isnan(errors)]
    n, k = len(errors), model.estimated
    if n == 0:
        return math.inf
    log = math.log(max(float(np.mean(errors**2)), ROUNDING**2))
    if not aicc:
        return log
    return n * log + 2 * k + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.inf
