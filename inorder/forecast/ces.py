"""Complex exponential smoothing: a level that slides between stationary and not, without a trend of its own.

    ŷ = k + l + s,   e = y − ŷ
    l ← l − (1 − α₁)·c + (α₀ − α₁)·e,     c ← l + (1 − α₀)·c + (α₀ + α₁)·e        with the l from before

l and c are the parts of one complex number, smoothed with the complex parameter α₀ + i·α₁; with α₁ = 1 that is simple exponential smoothing
with α₀ − 1. The season is none ("N"), s ← s + β₀·e at each place of it ("P", partial), a pair (s, z) at each place moved like (l, c) with
β₀ + i·β₁ ("F", full), or such pairs without a level ("S", simple).

Left alone, (l, c) decays to zero or grows away from it. k says what that zero is: the zero of the data, as in the paper, or their mean,
which suits series that return to a level.

The state before the first row is cast back: a rough one goes through the rows forward, back, and is then the first. It is not counted
among the estimated numbers. Parameters have the least squared error one step ahead, which is the Gaussian likelihood's maximum, where
errors long past are forgotten: the eigenvalues of the state's transition lie in the unit circle (with a level and a season together, a
mean can move between the two, and so they may pass the circle by as little as grows e-fold over the series, and at most by 1 %).

The recursion is linear, so the error of a forecast is a sum of errors to come, with the response c[j] of ŷ to an error j steps before:

    v[h] = σ²·(1 + c₁² + … + c²[h−1])

for parameters that are known; intervals are therefore scaled by held-out errors (`inorder.forecast.calibration`).

Source: Svetunkov, Kourentzes & Ord 2022, Complex exponential smoothing, Naval Research Logistics 69; seasons: Svetunkov & Kourentzes 2018,
Complex exponential smoothing for seasonal time series.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inorder.errors import ConfigError, ForecastError, unknown
from inorder.forecast.base import LikelihoodModel
from inorder.forecast.baselines import indices_over_gaps
from inorder.forecast.calibration import calibrated, check_calibrate, scale_of
from inorder.forecast.intervals import normal_quantiles, power_of_two
from inorder.forecast.local import LocalForecaster
from inorder.kernels.ces import KINDS, CESState, fit, forecasts, run
from inorder.typing import Floats, Values

SEASONS = {None: "N", "simple": "S", "partial": "P", "full": "F"}
NAMES = ("alpha0", "alpha1", "beta0", "beta1")
CENTRES = ("auto", "zero", "mean")
CRITERIA = ("aicc", "aic", "bic")
PARAMETERS = {"N": ("alpha0", "alpha1"), "S": ("alpha0", "alpha1"), "P": ("alpha0", "alpha1", "beta0"), "F": ("alpha0", "alpha1", "beta0", "beta1")}
SLACK = 0.01  # by which eigenvalues may pass the unit circle, at most
ROUNDING = float(np.finfo(np.float64).eps)
LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, eq=False)
class CESModel(LikelihoodModel):
    """kind: place in "N", "S", "P", "F".   parameters: (4,) α₀, α₁, β₀, β₁ as the recursion takes them: those of "S" are its β.
    centre: k.   level: (2,) l and c, season: (2, season_length) s and z, before the first row.   sigma: standard deviation of the errors.
    scale: c of the intervals (`inorder.forecast.calibration`); 0 where they are those of the formula.
    """

    kind: int
    parameters: Floats
    centre: float
    level: Floats
    season: Floats
    sigma: float
    scale: float = 0.0

    @property
    def code(self) -> str:
        return KINDS[self.kind]

    def init(self) -> CESState:
        return CESState(self.level, self.season)

    def step(self, y: float, state: CESState) -> tuple[float, CESState]:
        fitted, after = self.run(np.array([y]), state)
        return float(fitted[0]), after

    def run(self, y: Values, state: CESState | None = None) -> tuple[Floats, CESState]:
        fitted, after = run(y - self.centre, self.code, self.parameters, self.init() if state is None else state)
        return self._bounded(fitted), CESState(np.clip(after.level, -LARGEST, LARGEST), np.clip(after.season, -LARGEST, LARGEST))

    def forecast(self, state: CESState, horizon: int) -> Floats:
        return self._bounded(forecasts(np.zeros(0), self.code, self.parameters, state, horizon)[0])

    def forecasts(self, y: Values, state: CESState, horizon: int) -> Floats:
        return self._bounded(forecasts(y - self.centre, self.code, self.parameters, state, horizon)[:-1])

    def _bounded(self, x: Floats) -> Floats:
        return np.asarray(np.clip(x, -LARGEST / 4, LARGEST / 4) + self.centre)

    def responses(self, horizon: int) -> Floats:
        """(horizon,) what an error of 1 makes of the observation itself, and of the forecasts 1, 2, … steps later."""
        nothing = CESState(np.zeros(2), np.zeros(self.season.shape))
        _, after = run(np.ones(1), self.code, self.parameters, nothing)
        return np.concatenate([[1.0], forecasts(np.zeros(0), self.code, self.parameters, after, horizon)[0, : horizon - 1]])

    def quantiles(self, state: CESState, horizon: int, probabilities: Floats) -> Floats | None:
        if math.isnan(self.sigma):
            return None
        return calibrated(lambda p: self._own_quantiles(state, horizon, p), self.scale, probabilities)

    def _own_quantiles(self, state: CESState, horizon: int, probabilities: Floats) -> Floats:
        with np.errstate(over="ignore"):
            spread = np.minimum(self.sigma * np.sqrt(np.cumsum(self.responses(horizon) ** 2)), LARGEST / 100)
        return normal_quantiles(self.forecast(state, horizon), spread, probabilities)

    def simulate(self, state: CESState, horizon: int, innovations: Floats) -> Floats:
        response = self.responses(horizon)
        weights = np.zeros((horizon, horizon))  # row j: what the error of step j makes of each step
        for j in range(horizon):
            weights[j, j:] = response[: horizon - j]
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self.forecast(state, horizon) + innovations[:, :horizon] @ weights)

    def coefficients(self) -> dict[str, float]:
        values = self.parameters[2:] if self.code == "S" else self.parameters
        return dict(zip(PARAMETERS[self.code], values.tolist(), strict=False))

    def describe(self) -> dict[str, Any]:
        scale = {"interval scale": self.scale} if self.scale else {}
        names = {code: name or "none" for name, code in SEASONS.items()}
        return {"seasonal": names[self.code], **self.coefficients(), "centre": self.centre, "sigma": self.sigma, **scale}

    def describe_state(self, state: CESState) -> dict[str, Any]:
        level = {"level": float(state.level[0]), "potential": float(state.level[1])} if self.code != "S" else {}
        return {**level, "season": state.season[0]} if self.code != "N" else level


@dataclass(frozen=True)
class CES(LocalForecaster):
    """Complex exponential smoothing: a level that slides between stationary and not, perhaps with a season.

        l ← l − (1 − α₁)·c + (α₀ − α₁)·e,    c ← l + (1 − α₀)·c + (α₀ + α₁)·e,    ŷ = k + l + s

    seasonal: None, "simple", "partial", "full" (other programs call them N, S, P, F), or "auto" (Z): the one with the least criterion.
        A season needs two seasons of rows.
    centre: k, "zero" (as published), "mean" (of the series: what does not follow the news returns to it), or "auto": the one with the least criterion.
    criterion: "aicc", "aic" or "bic". It counts the parameters, the variance and a mean, not the state that is cast back.
    calibrate: widen or narrow the intervals by the errors that the chosen model, fitted to a first part, made in the rest; False: those of the formula.
    Missing values count as their forecasts.   Raises ForecastError where there are too few observations.
    Source: Svetunkov, Kourentzes & Ord 2022.

    >>> from inorder.data.series import Series
    >>> fitted = CES().fit(Series.of([4.0, 5.0, 4.0, 6.0, 5.0, 4.0, 5.0, 6.0]))
    >>> round(float(fitted.predict(1).mean[0]), 1), fitted.describe()["seasonal"]
    (4.9, 'none')
    """

    seasonal: str | None = "auto"
    centre: str = "auto"
    criterion: str = "aicc"
    calibrate: bool = True
    name = "ces"
    model = CESModel

    def __post_init__(self) -> None:
        if self.seasonal not in ("auto", *SEASONS):
            raise ConfigError(f"`seasonal` is 'auto' or one of {', '.join(map(repr, SEASONS))}; not {self.seasonal!r}.")
        if self.centre not in CENTRES:
            raise unknown("centre", str(self.centre), CENTRES)
        if self.criterion not in CRITERIA:
            raise unknown("criterion", str(self.criterion), CRITERIA)
        check_calibrate(self.calibrate)

    def fit_one(self, y: Values, season_length: int) -> CESModel:
        seasonal = SEASONS if self.seasonal == "auto" else (self.seasonal,)
        centres = ("zero", "mean") if self.centre == "auto" else (self.centre,)
        models, failure = {}, ""
        for kind in seasonal:
            for centre in centres:
                try:
                    models[kind, centre] = fit_ces(y, SEASONS[kind], season_length, centre)
                except ForecastError as error:
                    failure = failure or str(error)
        if not models:
            raise ForecastError(failure)
        (kind, centre), model = min(models.items(), key=lambda one: one[1].criterion(self.criterion))
        alone = CES(seasonal=kind, centre=centre, calibrate=False)
        return replace(model, scale=scale_of(alone, y, season_length)) if self.calibrate else model


def fit_ces(y: Values, kind: str, season_length: int, centre: str) -> CESModel:
    """The model of this kind with the least squared errors.   Raises ForecastError where it cannot be fitted to this series."""
    m = 1 if kind == "N" else season_length
    known = y[~np.isnan(y)]
    free = len(PARAMETERS[kind])
    if kind != "N" and (m < 2 or len(y) < 2 * m):
        why = f"{2 * m} rows, two seasons; this series has {len(y)}" if m > 1 else "a season of 2 observations or more, and none is known here"
        raise ForecastError(f"Complex exponential smoothing with a season needs {why}. Use seasonal=None.")
    if len(known) < free + 2:
        raise ForecastError(f"Complex exponential smoothing estimates {free} parameters here and needs {free + 2} observations, has {len(known)}.")
    scale = power_of_two(y)
    x = y / scale
    middle = float(np.mean(known / scale)) if centre == "mean" else 0.0
    x = x - middle
    radius = 1.0 if kind in "NS" else 1 + min(SLACK, 1 / len(y))
    with np.errstate(over="ignore", invalid="ignore"):
        found = fit(x, kind, rough_state(x, kind, m), radius=radius)
    usable = math.isfinite(found.squared_error) and np.isfinite(found.first.level).all() and np.isfinite(found.first.season).all()
    if not usable:
        raise ForecastError("Complex exponential smoothing finds no stable parameters for this series. Use another model.")
    count = len(known)
    variance = max(found.squared_error / count, ROUNDING**2)
    own = ("beta0", "beta1") if kind == "S" else PARAMETERS[kind]
    return CESModel(
        loglik=-count / 2 * (math.log(2 * math.pi * variance) + 1) - count * math.log(scale),
        estimated=free + 1 + (centre == "mean"),
        observations=count,
        kind=KINDS.index(kind),
        parameters=np.where([name in own for name in NAMES], found.parameters, 0.0),
        centre=middle * scale,
        level=found.first.level * scale,
        season=found.first.season * scale,
        sigma=scale * math.sqrt(found.squared_error / (count - free)),
    )


def rough_state(y: Values, kind: str, season_length: int) -> CESState:
    """A state to begin backcasting with: the mean of the first rows and the offsets of a classical decomposition, or the first season itself."""
    season = np.zeros((2, season_length))
    known = y[~np.isnan(y)]
    if kind == "S":
        first = y[:season_length].copy()
        first[np.isnan(first)] = known.mean()
        season[:] = first
        return CESState(np.zeros(2), season)
    if kind != "N":
        season[0] = indices_over_gaps(y, season_length, multiplicative=False)
        if kind == "F":
            season[1] = season[0]
    level = float(known[: max(10, season_length)].mean())
    return CESState(np.array([level, level]), season)
