"""Moving averages: the next value is like the last k.

    simple      ŷ[t+h] = (y[t−k+1] + … + y[t]) / k
    weighted    ŷ[t+h] = w[1]·y[t−k+1] + … + w[k]·y[t],   Σ w = 1

The forecast is flat. No random process makes these methods the best possible, so there is no formula for their intervals:
they are conformal. A missing value moves time on; the average is that of the last k values known.

Not to be confused with the MA(q) model, a process driven by its last q errors, nor with the centred moving average, which
smooths a series with values from both sides (`trend.py`).

Source: Brown 1963, Smoothing, Forecasting and Prediction of Discrete Time Series, ch. 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from inorder.errors import ConfigError, ForecastError
from inorder.forecast.base import FlatModel, check_whole
from inorder.forecast.local import LocalForecaster
from inorder.typing import Floats, Values


@dataclass(frozen=True, eq=False)
class AverageModel(FlatModel):
    """weights: (window,) that sum to 1, oldest first. The state is the last `window` values known, oldest first, NaN where there are fewer."""

    weights: Floats

    def init(self) -> Floats:
        return np.full(len(self.weights), np.nan)

    def step(self, y: float, state: Floats) -> tuple[float, Floats]:
        return float(state @ self.weights), state if math.isnan(y) else np.append(state[1:], y)

    def run(self, y: Values, state: Floats | None = None) -> tuple[Floats, Floats]:
        present = ~np.isnan(y)
        known = np.concatenate([self.init() if state is None else state, y[present]])
        averages = np.correlate(known, self.weights, mode="valid")  # before the first value, after the first, …
        return averages[np.cumsum(present) - present], known[len(known) - len(self.weights) :]

    def forecast(self, state: Floats, horizon: int) -> Floats:
        return np.full(horizon, state @ self.weights)

    def describe(self) -> dict[str, Any]:
        return {"window": len(self.weights), "weights": self.weights}


@dataclass(frozen=True)
class MovingAverage(LocalForecaster):
    """The mean of the last k values.

        ŷ[t+h] = (y[t−k+1] + … + y[t]) / k

    window: k, 1 or more; None takes the one with the least squared error one step ahead, of 2, 3, … (1 is the naive forecast) up to half the series and
        at most 24, or a season where that is longer. All of them are judged on the same steps.
    Raises ForecastError for fewer than k observations.   Source: Brown 1963, ch. 7.

    >>> from inorder.data.series import Series
    >>> fitted = MovingAverage(window=3).fit(Series.of([10.0, 12.0, 15.0, 14.0, 18.0]))
    >>> fitted.fitted_values.round(2).tolist(), fitted.predict(1).mean.round(2).tolist()
    ([nan, nan, nan, 12.33, 13.67], [15.67])
    """

    window: int | None = None
    name = "moving-average"
    model = AverageModel

    def __post_init__(self) -> None:
        if self.window is not None:
            check_whole("window", self.window, 1)

    def fit_one(self, y: Values, season_length: int) -> AverageModel:
        known = y[~np.isnan(y)]
        window = best_window(known, season_length) if self.window is None else self.window
        if len(known) < window:
            raise ForecastError(f"A moving average over {window} values needs {window} observations; this series has {len(known)}. Set a shorter `window`.")
        return AverageModel(_equal(window))


@dataclass(frozen=True)
class WeightedMovingAverage(LocalForecaster):
    """A weighted mean of the last k values.

        ŷ[t+h] = (w[1]·y[t−k+1] + … + w[k]·y[t]) / (w[1] + … + w[k])

    weights: oldest first, as the values stand in the series: (1, 2, 3) gives the newest value the weight 1/2. Zero or more; they are
        divided by their sum. None takes 1, 2, …, k, with the k of 2 or more that has the least squared error one step ahead, sought as by `MovingAverage`.
    Raises ForecastError for fewer than k observations.   Source: Brown 1963, ch. 7.

    >>> from inorder.data.series import Series
    >>> fitted = WeightedMovingAverage(weights=(1, 2, 3)).fit(Series.of([10.0, 12.0, 15.0]))
    >>> fitted.predict(1).mean.round(3).tolist()  # (10 + 24 + 45) / 6
    [13.167]
    """

    weights: tuple[float, ...] | None = None
    name = "weighted-moving-average"
    model = AverageModel

    def __post_init__(self) -> None:
        if self.weights is None:
            return
        try:
            weights = tuple(float(weight) for weight in self.weights)
        except (TypeError, ValueError):
            weights = ()
        if not weights or not all(0 <= weight < math.inf for weight in weights) or not any(weights):
            raise ConfigError(f"`weights` are numbers of 0 or more, oldest first, not all 0, such as (1, 2, 3); not {self.weights!r}.")
        object.__setattr__(self, "weights", weights)

    def fit_one(self, y: Values, season_length: int) -> AverageModel:
        known = y[~np.isnan(y)]
        weights = _rising(best_window(known, season_length, rising=True)) if self.weights is None else _normalised(np.array(self.weights))
        if len(known) < len(weights):
            raise ForecastError(f"A moving average with {len(weights)} weights needs as many observations; this series has {len(known)}. Give fewer weights.")
        return AverageModel(weights)


def best_window(known: Values, season_length: int, *, rising: bool = False) -> int:
    """The window whose average has the least squared error one step ahead, all windows judged on the same steps; the shortest of equals.

    rising: weights 1, 2, …, k, oldest first; else equal ones.

    >>> best_window(np.array([1.0, 5.0, 1.0, 5.0, 1.0, 5.0]), 1)
    2
    """
    longest = min(len(known) // 2, max(24, season_length))
    if longest <= 2:
        return min(2, len(known))
    scaled = known / (float(np.abs(known).max()) or 1.0)  # so that squares stay in range
    total = weighted = scaled[longest - 1 : -1]  # Σ y and Σ w·y over a window that grows into the past
    errors = []
    for window in range(2, longest + 1):
        total = total + scaled[longest - window : -window]
        weighted = weighted + total
        average = weighted / (window * (window + 1) / 2) if rising else total / window
        errors.append(float(np.sum((scaled[longest:] - average) ** 2)))
    equal = (1 + 1e-9) * min(errors)  # but for rounding
    return 2 + next(i for i, error in enumerate(errors) if error <= equal)


def _equal(window: int) -> Floats:
    return np.full(window, 1 / window)


def _rising(window: int) -> Floats:
    return _normalised(np.arange(1.0, window + 1))


def _normalised(weights: Floats) -> Floats:
    scaled = weights / weights.max()  # the sum stays in range
    return np.asarray(scaled / scaled.sum())
