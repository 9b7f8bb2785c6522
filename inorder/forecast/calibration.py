"""How far a model's own intervals are widened or narrowed by the errors that it made on a part of the series that was held out.

    bound = median + c·τ(p)·(quantile(p) − median),    log c = (log(1 + 2/√n) + windows·log r) / (1 + windows)

A model that was chosen and fitted to the series knows it too well, and its formula takes parameters, states and the model itself for certain, so its
intervals are too narrow in most series. The same model, fitted to the first part (two thirds, or all but eight horizons), forecasts the rest from
several origins; r is the 80 % quantile of |error| over half the 80 % interval, windows the number of horizons in the rest, 1 + 2/√n what series
of n observations ask for in general (worth one window), and τ(p) gives tails of Student's t with 5 degrees of freedom. The forecast itself is that
of the whole series, untouched. The arithmetic is written out in `inorder.textbook.combination`.

Source: too narrow intervals: Makridakis, Hibon, Lusk & Belhadjali 1987, Confidence intervals, International Journal of Forecasting 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ForecastError
from inorder.forecast.base import Model
from inorder.forecast.intervals import power_of_two
from inorder.forecast.local import LocalForecaster, fit_from
from inorder.typing import Floats, Values

SHARE, HORIZONS = 3, 8  # held out: a third of the series, eight horizons at most
ORIGINS, FEW_ORIGINS = 16, 6  # for several models, and for one, whose fit takes no longer than its forecasts
PRIOR, BOUNDS = 2.0, (0.2, 5.0)  # of the scale of intervals: 1 + 2/√n without evidence
LONGEST = 24  # steps ahead that are learnt for unasked
DEGREES = 5.0
LARGEST = float(np.finfo(np.float64).max)


def scale_of(forecaster: LocalForecaster, y: Values, season: int) -> float:
    """c of a forecaster whose own intervals are those of its formula (`calibrate=False`)."""
    held = held_out([forecaster], y, season, usual_horizon(season), FEW_ORIGINS)
    return interval_scale(held.ratios(held.made[0]), held.windows, len(y))


def usual_horizon(season: int) -> int:
    """One and a half seasons, six steps at least."""
    return min(max(6, math.ceil(1.5 * season)), LONGEST)


def calibrated(quantiles: Callable[[Floats], Floats | None], scale: float, probabilities: Floats) -> Floats | None:
    """(probabilities, horizon) quantiles as the module's docstring says; those of the model where the scale is 0.   quantiles: of the model."""
    if not scale:
        return quantiles(probabilities)
    found = quantiles(np.append(probabilities, 0.5))
    return None if found is None else widened(found, scale, probabilities)


def widened(found: Floats, scale: float, probabilities: Floats) -> Floats:
    """The same from quantiles of which the last row is the median."""
    unit = power_of_two(found)
    found, middle = found[:-1] / unit, found[-1] / unit
    with np.errstate(over="ignore"):
        return np.asarray(np.clip((middle + scale * tails(probabilities)[:, None] * (found - middle)) * unit, -LARGEST, LARGEST))


def interval_scale(ratios: Floats, windows: float, rows: int) -> float:
    """c, from held-out errors as multiples of half the 80 % interval, in a series of so many rows; 1 + 2/√rows where none is known."""
    known = ratios[np.isfinite(ratios)]
    prior = 1 + PRIOR / math.sqrt(rows)
    if not len(known):
        return prior
    ratio = min(max(float(np.quantile(known, 0.8)), BOUNDS[0]), BOUNDS[1])
    return math.exp((math.log(prior) + windows * math.log(ratio)) / (1 + windows))


def tails(probabilities: Floats) -> Floats:
    """τ(p): how much further than a normal distribution Student's t reaches at each probability, both being alike at 0.9.

    >>> tails(np.array([0.1, 0.9, 0.975])).round(3).tolist()
    [1.0, 1.0, 1.139]
    """
    from scipy.special import ndtri, stdtrit

    p = np.where(np.abs(probabilities - 0.5) < 1e-6, 0.5 + 1e-6, probabilities)  # 0/0 in the middle
    return np.asarray(stdtrit(DEGREES, p) / ndtri(p) * (ndtri(0.9) / stdtrit(DEGREES, 0.9)))


def fit_part(part: LocalForecaster, y: Values, season: int) -> Model:
    return fit_from(part, y, np.zeros((len(y), 0)), part.season_length or season)


class HeldOut(NamedTuple):
    """What members that were fitted to the first part said of the rest.

    came: (rows,) what came, over all origins.   made: (members, 4, rows) the forecast, and the quantiles 0.1, 0.5 and 0.9; NaN where a member failed.
    windows: horizons that the rest holds.
    """

    came: Floats
    made: Floats
    windows: float

    def errors(self) -> Floats:
        """(members,) mean absolute errors, NaN where not known."""
        size = np.abs(self.made[:, 0] - self.came)
        known = np.isfinite(size)
        total = known.sum(axis=1)
        unit = power_of_two(np.where(known, size, 0.0))
        mean = (np.where(known, size, 0.0) / unit).sum(axis=1) / np.where(total > 0, total, 1)
        return np.asarray(np.where(total > 0, np.minimum(mean, LARGEST / unit) * unit, np.nan))

    def ratios(self, made: Floats) -> Floats:
        """(rows,) |error| over half the 80 % interval.   made: (4, rows) of one member, or of several combined."""
        mean, low, _, high = made
        with np.errstate(all="ignore"):
            return np.asarray(np.abs(self.came - mean) / ((high - low) / 2))


def held_out(parts: list[LocalForecaster], y: Values, season: int, horizon: int, most: int = ORIGINS) -> HeldOut:
    """Forecasts of the last part of the series from several origins in it (about `most`), by members fitted to what comes before that part."""
    tail = min(len(y) // SHARE, HORIZONS * horizon)
    cut = len(y) - tail
    every = max(1, tail // most)
    origins = range(cut, len(y) - min(horizon, tail) // 2, every) if tail else range(0)
    probabilities = np.array([0.1, 0.5, 0.9])
    came = np.concatenate([np.zeros(0), *(y[origin : origin + horizon] for origin in origins)])
    made = np.full((len(parts), 4, len(came)), np.nan)
    for i, part in enumerate(parts):
        try:
            model = fit_part(part, y[:cut], season)
            _, state = model.run(y[:cut])
            done = 0
            for origin in origins:
                steps = min(horizon, len(y) - origin)
                made[i, 0, done : done + steps] = model.forecast(state, steps)
                found = model.quantiles(state, steps, probabilities)
                if found is not None:
                    made[i, 1:, done : done + steps] = found
                done += steps
                _, state = model.run(y[origin : origin + every], state)
        except ForecastError:
            made[i] = np.nan
    return HeldOut(came, made, tail / horizon if np.isfinite(came).any() else 0.0)


def check_calibrate(calibrate: Any) -> None:
    if not isinstance(calibrate, bool):
        raise ConfigError(f"`calibrate` is True or False, not {calibrate!r}.")
