"""Exponential smoothing: a level, perhaps a trend and a season, each moved by a share of the last error.

    ŷ[t+h] = l + (φ + … + φ^h)·b + s[t+h−m·⌈h/m⌉]            or  (l + (φ + … + φ^h)·b) · s[…]  with a multiplicative season
    e      = y − (l + φ·b + s)
    l ← l + φ·b + α·e,    b ← φ·b + α·β·e,    s ← s + γ·e     (multiplicative: e/s, e/s and e/(l + φ·b) in place of e)

β is Holt's share (b moves by α·β·e), γ that of Hyndman et al., so the usual ranges are 0 ≤ α ≤ 1, 0 ≤ β ≤ 1 and 0 ≤ γ ≤ 1 − α;
other books give the share of γ in 1 − α. Parameters and initial states minimise the squared error one step ahead.

With an additive season the errors of a forecast are a sum of the errors to come, so its variance is

    v[h] = σ²·(1 + c₁² + … + c²[h−1]),    c[j] = α + α·β·(φ + … + φ^j) + γ·(j is a multiple of m)

with σ² = Σ e² / (observations − estimated numbers), and the intervals are those of the normal distribution. No such formula is known
for a multiplicative season: there the intervals are conformal.

Source: Brown 1959; Holt 1957; Winters 1960; Gardner & McKenzie 1985; Hyndman, Koehler, Ord & Snyder 2008, Forecasting with
Exponential Smoothing, ch. 2 (recursions) and Table 6.1 (variances).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ForecastError
from inorder.forecast.base import Model
from inorder.forecast.intervals import normal_quantiles, power_of_two
from inorder.forecast.local import LocalForecaster
from inorder.typing import Floats, Values

LONGEST_SEASON = 52  # whose initial states are estimated unasked; the work grows with its square
LONGEST_ESTIMATED = 500  # on request
CHOICES = {"trend": (None, "additive"), "seasonal": (None, "additive", "multiplicative"), "initial": ("auto", "estimated", "heuristic")}
PER_NUMBER = 3  # observations for each estimated number, from which the initial states are estimated


class SmoothingState(NamedTuple):
    """level: l.   trend: b.   season: (season_length,), the first for the next observation; [0] where there is none."""

    level: float
    trend: float
    season: Floats


@dataclass(frozen=True, eq=False)
class SmoothingModel(Model):
    """alpha, beta, gamma, phi: shares and damping.   level, trend, season: the state before the first observation.
    trended, damped, seasonal, multiplicative: 1 where the model has it.   sigma: standard deviation of the errors.
    """

    alpha: float
    beta: float
    gamma: float
    phi: float
    level: float
    trend: float
    season: Floats
    trended: int
    damped: int
    seasonal: int
    multiplicative: int
    sigma: float

    def init(self) -> SmoothingState:
        return SmoothingState(self.level, self.trend, self.season)

    def step(self, y: float, state: SmoothingState) -> tuple[float, SmoothingState]:
        forecast, level, trend, s = self._step(y, state.level, state.trend, float(state.season[0]))
        return forecast, SmoothingState(level, trend, np.append(state.season[1:], s))

    def _step(self, y: float, level: float, trend: float, s: float) -> tuple[float, float, float, float]:
        """The forecast of y, and the level, the trend and the season's part after it."""
        drift = self.phi * trend
        base = level + drift
        forecast = base * s if self.multiplicative else base + s
        if math.isnan(y) or (self.multiplicative and forecast == 0):
            return forecast, base, drift, s
        e = y - forecast
        if self.multiplicative:
            return forecast, base + self.alpha * e / s, drift + self.alpha * self.beta * e / s, s + self.gamma * e / base
        return forecast, base + self.alpha * e, drift + self.alpha * self.beta * e, s + self.gamma * e

    def run(self, y: Values, state: SmoothingState | None = None) -> tuple[Floats, SmoothingState]:
        from inorder.kernels.smoothing import smooth

        level, trend, season = self.init() if state is None else state
        done = smooth(y, (self.alpha, self.beta, self.gamma, self.phi), level, trend, season, bool(self.multiplicative))
        return done.fitted, SmoothingState(done.level, done.trend, done.season)

    def forecast(self, state: SmoothingState, horizon: int) -> Floats:
        line = state.level + self._damping(horizon) * state.trend
        season = np.resize(state.season, horizon)
        return np.asarray(line * season if self.multiplicative else line + season)

    def forecasts(self, y: Values, state: SmoothingState, horizon: int) -> Floats:
        (level, trend), season = state[:2], state.season.tolist()
        levels, trends = np.empty((len(y), 1)), np.empty((len(y), 1))
        for t, value in enumerate(y.tolist()):
            levels[t], trends[t] = level, trend
            _, level, trend, s = self._step(value, level, trend, season[t])
            season.append(s)  # for the same place one season later
        places = np.arange(len(y))[:, None] + np.arange(horizon) % len(state.season)
        line, seasons = levels + self._damping(horizon) * trends, np.array(season)[places]
        return np.asarray(line * seasons if self.multiplicative else line + seasons)

    def quantiles(self, state: SmoothingState, horizon: int, probabilities: Floats) -> Floats | None:
        if self.multiplicative:
            return None
        shares = self.alpha + self.alpha * self.beta * self._damping(horizon - 1)
        shares[len(self.season) - 1 :: len(self.season)] += self.gamma
        growth = np.sqrt(np.concatenate([[1.0], 1 + np.cumsum(shares**2)]))
        return normal_quantiles(self.forecast(state, horizon), self.sigma * growth, probabilities)

    def _damping(self, horizon: int) -> Floats:
        """φ + … + φ^h for h = 1, …, horizon."""
        return np.cumsum(self.phi ** np.arange(1.0, horizon + 1))

    def describe(self) -> dict[str, Any]:
        used = {"alpha": 1, "beta": self.trended, "gamma": self.seasonal, "phi": self.damped}
        return {**{name: getattr(self, name) for name, use in used.items() if use}, "sigma": self.sigma}

    def describe_state(self, state: SmoothingState) -> dict[str, Any]:
        used = {"level": 1, "trend": self.trended, "season": self.seasonal}
        return {name: getattr(state, name) for name, use in used.items() if use}


@dataclass(frozen=True)
class ExponentialSmoothing(LocalForecaster):
    """A level, perhaps a trend and a season, each moved by a share of the last error.

        ŷ[t+h] = l[t] + h·b[t] + s[t+h−m·⌈h/m⌉]

    trend: None or "additive" (Holt).   damped: the trend levels off, h becomes φ + … + φ^h.   seasonal: None, "additive" or
        "multiplicative" (Winters).
    alpha, beta, gamma, phi: fixed where given, each in 0–1 (φ above 0); else estimated: α, β in [0, 1], γ in [0, 1 − α], φ in [0.8, 0.98].
    initial: how the state before the first observation is found. "heuristic" lays a straight line with seasonal offsets through the first
        three seasons (ten observations); "estimated" seeks the state together with the parameters (seasons of at most 500); "auto"
        estimates where that is cheap and safe: three observations or more for every estimated number, and a season of at most 52.
    Missing values move time on without a correction.
    Raises ForecastError for fewer than two seasons, for fewer observations than estimated numbers, and for values of zero or below with a
    multiplicative season.   Source: Hyndman, Koehler, Ord & Snyder 2008, ch. 2, 5, 6.

    >>> from inorder.data.series import Series
    >>> fitted = ExponentialSmoothing(alpha=0.5).fit(Series.of([10.0, 14.0, 12.0, 12.0, 11.0, 13.0]))
    >>> fitted.predict(2).mean.round(2).tolist()
    [12.27, 12.27]
    """

    trend: str | None = None
    damped: bool = False
    seasonal: str | None = None
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    phi: float | None = None
    initial: str = "auto"
    name = "exponential-smoothing"
    model = SmoothingModel

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ConfigError(f"`{name}` is one of {', '.join(map(repr, choices))}; not {value!r}.")
        if not isinstance(self.damped, bool):
            raise ConfigError(f"`damped` is True or False, not {self.damped!r}.")
        if self.damped and not self.trend:
            raise ConfigError('`damped` needs a trend that can level off: trend="additive".')
        for name, value, part, remedy in (
            ("beta", self.beta, self.trend, 'trend="additive"'),
            ("gamma", self.gamma, self.seasonal, 'seasonal="additive"'),
            ("phi", self.phi, self.damped, "damped=True"),
        ):
            if value is not None and not part:
                raise ConfigError(f"`{name}` = {value!r} has no effect without {remedy}.")
        for name in ("alpha", "beta", "gamma", "phi"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value <= 1):
                raise ConfigError(f"`{name}` is a number from 0 to 1, not {value!r}.")
        if self.phi == 0:
            raise ConfigError("`phi` is above 0 and at most 1; with 0 there is no trend: trend=None.")
        if self.alpha is not None and self.gamma is not None and self.alpha + self.gamma > 1 + 1e-12:
            raise ConfigError(f"`gamma` is at most 1 − alpha = {1 - self.alpha:g}, not {self.gamma:g}.")

    def fit_one(self, y: Values, season_length: int) -> SmoothingModel:
        from inorder.kernels.smoothing import fit

        season = season_length if self.seasonal else 1
        known = y[~np.isnan(y)]
        estimated = self._estimated(season)
        self._check(known, season, estimated)
        scale = power_of_two(known)
        fixed = [math.nan if value is None else float(value) for value in (self.alpha, self.beta, self.gamma, self.phi)]
        search = self.initial == "estimated" or (self.initial == "auto" and len(known) >= PER_NUMBER * estimated and season <= LONGEST_SEASON)
        multiplicative = self.seasonal == "multiplicative"
        uneven = 'These values are too uneven for a multiplicative season: its level would come close to zero. Use seasonal="additive".'
        if multiplicative and not known.min() / scale > 0:
            raise ForecastError(uneven)
        found = fit(y / scale, self.trend is not None, self.damped, season, multiplicative, fixed, estimate_initial=search)
        if not math.isfinite(found.squared_error):
            raise ForecastError(uneven)
        alpha, beta, gamma, phi = found.parameters.tolist()
        return SmoothingModel(
            alpha,
            beta,
            gamma,
            phi,
            found.level * scale,
            found.trend * scale,
            found.season if multiplicative else found.season * scale,
            trended=int(self.trend is not None),
            damped=int(self.damped),
            seasonal=int(self.seasonal is not None),
            multiplicative=int(multiplicative),
            sigma=scale * math.sqrt(found.squared_error / (len(known) - estimated)),
        )

    def _estimated(self, season: int) -> int:
        """How many numbers a fit chooses: parameters that are not fixed, and the initial states."""
        parameters = [self.alpha] + [self.beta] * (self.trend is not None) + [self.gamma] * (self.seasonal is not None) + [self.phi] * self.damped
        return parameters.count(None) + 1 + (self.trend is not None) + (season - 1)

    def _check(self, known: Values, season: int, estimated: int) -> None:
        if self.seasonal and season < 2:
            raise ForecastError("A seasonal model needs a season of 2 observations or more, and none is known here. Set `season_length`, or seasonal=None.")
        needed = max(estimated + 1, 2 * season if self.seasonal else 2)
        if len(known) < needed:
            why = f"two seasons of {season}" if self.seasonal and needed == 2 * season else f"one more than the {estimated} numbers it estimates"
            remedy = "Use a shorter season or seasonal=None." if self.seasonal else "Use a simpler model, such as naive or mean."
            raise ForecastError(f"{self.name} with these settings needs {needed} observations ({why}), has {len(known)}. {remedy}")
        if self.initial == "estimated" and season > LONGEST_ESTIMATED:
            raise ForecastError(f'Estimating the {season} initial states of so long a season takes hours and gigabytes. Use initial="heuristic".')
        if self.seasonal == "multiplicative" and not known.min() > 0:
            raise ForecastError(f'A multiplicative season needs values above zero; the smallest here is {known.min():g}. Use seasonal="additive".')
