"""Several models side by side, and one forecast of theirs; `Auto`, the combination to begin with.

    ŷ[t+h] = Σ w[i]·ŷᵢ[t+h] / Σ w[i]         or the median, the mean, the mean without both extremes, at each step

Weights are given, or learnt on the last part of the series (a third of it, or eight horizons): members fitted to what comes before forecast it
from several origins, and

    w[i] ∝ (least error / error[i])^(2·windows)

with the mean absolute errors and the number of horizons that the part holds, so that little evidence leaves the weights nearly equal.
Then all members are fitted to the whole series; what is held out for weighing plays no other role, and nothing that comes later is seen.

Future covariates enter by one regression with ARIMA errors; all members see what it leaves.

Intervals are combined in the same way, quantile by quantile, about the combined median, and then widened or narrowed as the errors of the
held-out part ask for (`inorder.forecast.calibration`). The arithmetic is written out in `inorder.textbook.combination`.

Source: Bates & Granger 1969, The combination of forecasts; Petropoulos & Svetunkov 2020, A simple combination of univariate models, International
Journal of Forecasting 36.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from inorder.errors import ConfigError, ForecastError, unknown
from inorder.forecast.base import Model, State, check_whole
from inorder.forecast.calibration import LARGEST, check_calibrate, fit_part, held_out, interval_scale, usual_horizon, widened
from inorder.forecast.intervals import power_of_two
from inorder.forecast.local import LocalForecaster, fit_from
from inorder.forecast.named import member, written
from inorder.forecast.packing import CompositeModel
from inorder.typing import Floats, Values

HOWS = ("mean", "median", "trimmed", "weights")
SMALL = 2.0**-14  # an error by which responses are measured, as a share of the forecast
LONG = 13  # a season from which seasonal autoregressions forecast better than smoothing does


class CombinationState(NamedTuple):
    """members: the state of each member; None where an observation came that it cannot take in."""

    members: tuple[State | None, ...]


@dataclass(frozen=True, eq=False)
class CombinationModel(CompositeModel):
    """weights: (members,).   how: its place in HOWS.   scale: c; 0 where intervals are left as they are.
    errors: (members,) mean absolute errors on the held-out part; NaN where none was held out.
    beta: (covariates,) coefficients of a regression with ARIMA errors; members see what it leaves.
    """

    weights: Floats
    how: int
    scale: float
    errors: Floats
    beta: Floats

    def init(self) -> CombinationState:
        return CombinationState(tuple(model.init() for model in self.members))

    def step(self, y: float, state: CombinationState) -> tuple[float, CombinationState]:
        fitted, states = np.full(len(self.members), np.nan), list(state.members)
        failure = None
        for i, (model, before) in enumerate(zip(self.members, state.members, strict=True)):
            if before is not None:
                try:
                    fitted[i], states[i] = model.step(y, before)
                except ForecastError as error:
                    states[i], failure = None, error
        if failure and all(one is None for one in states):
            raise failure
        return float(self._combine(fitted[:, None])[0]), CombinationState(tuple(states))

    def run(self, y: Values, state: CombinationState | None = None) -> tuple[Floats, CombinationState]:
        before = self.init() if state is None else state
        fitted, states = np.full((len(self.members), len(y)), np.nan), list(before.members)
        try:
            for i, (model, one) in enumerate(zip(self.members, before.members, strict=True)):
                if one is not None:
                    fitted[i], states[i] = model.run(y, one)
        except ForecastError:  # somewhere on the way
            return super().run(y, before)
        return self._combine(fitted), CombinationState(tuple(states))

    def forecast(self, state: CombinationState, horizon: int) -> Floats:
        made = np.full((len(self.members), horizon), np.nan)
        for i, (model, one) in enumerate(zip(self.members, state.members, strict=True)):
            if one is not None:
                made[i] = model.forecast(one, horizon)
        return self._combine(made)

    def forecasts(self, y: Values, state: CombinationState, horizon: int) -> Floats:
        made = np.full((len(self.members), len(y), horizon), np.nan)
        try:
            for i, (model, one) in enumerate(zip(self.members, state.members, strict=True)):
                if one is not None:
                    made[i] = model.forecasts(y, one, horizon)
        except ForecastError:
            return super().forecasts(y, state, horizon)
        return self._combine(made)

    def quantiles(self, state: CombinationState, horizon: int, probabilities: Floats) -> Floats | None:
        asked = np.append(probabilities, 0.5)
        made = np.full((len(self.members), len(asked), horizon), np.nan)
        for i, (model, one) in enumerate(zip(self.members, state.members, strict=True)):
            found = None if one is None else model.quantiles(one, horizon, asked)
            if found is not None:
                made[i] = found
        if np.isnan(made).all(axis=(1, 2)).all():
            return None
        combined = self._combine(made)
        return widened(combined, self.scale, probabilities) if self.scale else combined[:-1]

    def regression(self) -> Floats:
        return self.beta

    def simulate(self, state: CombinationState, horizon: int, innovations: Floats) -> Floats:
        """Paths about the forecast: errors times the scale of the intervals, each going on as it does in the members on average, to first order."""
        mean = self.forecast(state, horizon)
        unit = power_of_two(np.append(mean, innovations))
        errors = (innovations[:, :horizon] / unit) @ self._responses(state, horizon) * (self.scale or 1.0)
        return np.asarray(np.clip(mean / unit + errors, -LARGEST / unit, LARGEST / unit) * unit)

    def _responses(self, state: CombinationState, horizon: int) -> Floats:
        """(horizon, horizon) what an error of 1 at each step adds to that step and the later ones: the mean of the members', by differences."""
        total, weight = np.zeros((horizon, horizon)), 0.0
        unit = power_of_two(np.nan_to_num(self.forecast(state, horizon)))
        for share, model, one in zip(self.weights.tolist(), self.members, state.members, strict=True):
            for size in (SMALL * unit, SMALL):  # an error may be a difference, or a share of what was expected
                if one is None or not share:
                    break
                with np.errstate(all="ignore"):
                    paths = model.simulate(one, horizon, size * np.vstack([np.zeros(horizon), np.eye(horizon)]))
                    moved = paths[1:] / unit - paths[0] / unit
                    own = moved / np.diag(moved)[:, None]
                if np.isfinite(own).all() and np.abs(moved).max() < 0.1:
                    total, weight = total + share * np.triu(own), weight + share
                    break
        return total / weight if weight else np.eye(horizon)

    @property
    def interval_kind(self) -> str:
        return "simulated" if any(model.interval_kind == "simulated" for model in self.members) else "analytic"

    def describe(self) -> dict[str, Any]:
        names = labels(self.members)
        table = {"weight": self.weights.tolist(), "held-out error": self.errors.tolist()}
        described = {f"{name} {key}": value for name, model in zip(names, self.members, strict=True) for key, value in model.describe().items()}
        return {"how": HOWS[self.how], "members": {"member": names, **table}, "interval scale": self.scale or 1.0, **described}

    def describe_state(self, state: CombinationState) -> dict[str, Any]:
        found = zip(labels(self.members), self.members, state.members, strict=True)
        return {f"{name} {key}": value for name, model, one in found if one is not None for key, value in model.describe_state(one).items()}

    def notes(self) -> tuple[str, ...]:
        return tuple(f"{name}: {note}" for name, model in zip(labels(self.members), self.members, strict=True) for note in model.notes())

    def _combine(self, values: Floats) -> Floats:
        return combine(values, HOWS[self.how], self.weights)


def labels(models: Sequence[Model]) -> list[str]:
    """A short name for each: that of its class, numbered where it comes again."""
    kinds = [type(model).__name__.removesuffix("Model") for model in models]
    return [kind if kinds.count(kind) == 1 else f"{kind} {kinds[: i + 1].count(kind)}" for i, kind in enumerate(kinds)]


def combine(values: Floats, how: str, weights: Floats) -> Floats:
    """One array of several of the same shape: (members, …) -> (…); NaN is left out, and NaN where nothing is left.

    >>> combine(np.array([[1.0], [2.0], [9.0]]), "median", np.ones(3)).tolist()
    [2.0]
    """
    known = ~np.isnan(values)
    unit = power_of_two(values)  # sums of 1e300 stay in the range of floats
    values = values / unit
    if how in ("mean", "weights"):
        share = known * (weights.reshape(-1, *[1] * (values.ndim - 1)) if how == "weights" else 1.0)
        share = np.where(share.sum(axis=0) > 0, share, known)
        total, parts = share.sum(axis=0), np.where(known, values, 0.0) * share
    else:
        ordered = np.sort(values, axis=0)  # NaN last
        count = known.sum(axis=0)
        rank = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
        cut = (count - 1) // 2 if how == "median" else np.where(count > 2, 1, 0)
        kept = (rank >= cut) & (rank < count - cut)
        total, parts = kept.sum(axis=0), np.where(kept, ordered, 0.0)
    return np.asarray(np.where(total > 0, parts.sum(axis=0) / np.where(total > 0, total, 1), np.nan) * unit)


def weights_of_errors(errors: Floats, windows: float) -> Floats:
    """(members,) weights that sum to 1, (least error / error)^(2·windows); a member whose error is not known takes the largest of those that are."""
    known = errors[np.isfinite(errors)]
    if not len(known):
        return np.full(len(errors), 1 / len(errors))
    least, errors = known.min(), np.where(np.isfinite(errors), errors, known.max())
    share = np.where(errors > least, least / np.where(errors > 0, errors, 1.0), 1.0) ** (2 * windows)
    return np.asarray(share / share.sum())


@dataclass(frozen=True)
class Combination(LocalForecaster):
    """Several models side by side, and one forecast of theirs.

        ŷ[t+h] = Σ w[i]·ŷᵢ[t+h] / Σ w[i]         or the median, the mean, the mean without both extremes

    models: forecasters or names ("auto-ets", "theta", "ar", …).
    how: "mean", "median", "trimmed" (the mean without the smallest and the largest) or "weights".
    weights: one for each model; None learns them on the last part of the series.
    horizon: steps ahead that weights and intervals are learnt for; None = one and a half seasons, 6 to 24.
    calibrate: whether errors on the last part widen or narrow the intervals.
    A model that cannot be fitted to a series drops out; raises ForecastError, with the reason of the first, where none can.
    Source: Bates & Granger 1969; Petropoulos & Svetunkov 2020.

    >>> from inorder.data.series import Series
    >>> fitted = Combination(models=("naive", "mean"), how="mean").fit(Series.of([3.0, 4.0, 6.0, 7.0, 5.0, 8.0]))
    >>> fitted.predict(1).mean.tolist()  # of 8 and 5.5
    [6.75]
    """

    models: tuple[Any, ...] = ("auto-ets", "auto-theta", "ar")
    how: str = "median"
    weights: tuple[float, ...] | None = None
    horizon: int | None = None
    calibrate: bool = True
    name = "combination"
    model = CombinationModel
    covariates = True

    def __post_init__(self) -> None:
        if isinstance(self.models, str) or not isinstance(self.models, tuple | list) or not self.models:
            raise ConfigError(f'`models` are forecasters or names, such as ("auto-ets", "theta"), not {self.models!r}.')
        object.__setattr__(self, "models", tuple(member(one) for one in self.models))
        if self.how not in HOWS:
            raise unknown("way to combine", str(self.how), HOWS)
        if self.weights is not None:
            if self.how != "weights":
                raise ConfigError(f'`weights` have no effect with how={self.how!r}. Set how="weights".')
            try:
                weights = tuple(float(weight) for weight in self.weights)
            except (TypeError, ValueError):
                raise ConfigError(f"`weights` are numbers, one for each model, not {self.weights!r}.") from None
            if len(weights) != len(self.models) or not all(0 <= weight < math.inf for weight in weights) or not sum(weights) > 0:
                raise ConfigError(f"`weights` are {len(self.models)} numbers, one for each model, none below zero and not all zero; not {self.weights!r}.")
            object.__setattr__(self, "weights", weights)
        check_options(self.horizon, self.calibrate)

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "models": tuple(written(one) for one in self.models)}

    @property
    def parts(self) -> tuple[LocalForecaster, ...]:
        return self.models

    def fit_one(self, y: Values, season_length: int, x: Floats | None = None) -> CombinationModel:
        left, beta = without_covariates(y, x, season_length)
        chosen = list(range(len(self.models)))
        return replace(fit_members(self, chosen, left, season_length, self.how, self.weights, self.horizon, self.calibrate), beta=beta)


@dataclass(frozen=True)
class Auto(LocalForecaster):
    """The combination to begin with: members and weights are chosen by the series.

    Seasons of up to 12, or none: the median of the dynamic optimised theta model, the best theta model, the best damped exponential smoothing and the
    best ARIMA.
    Longer seasons (weeks of a year, hours of a day and of a week): seasonal autoregressions of the series and of its logarithm, of levels and of
    changes, with weights learnt on the last part; where fewer than three seasons were seen, as if there were none.
    horizon: steps ahead that weights and intervals are learnt for; None = one and a half seasons, 6 to 24.
    Raises ForecastError where no member can be fitted.   Source: see the module; the members' own.

    >>> from inorder.data.series import Series
    >>> fitted = Auto().fit(Series.of([3.0, 4.0, 6.0, 7.0, 9.0, 10.0, 12.0, 13.0, 15.0, 16.0, 18.0, 19.0]))
    >>> fitted.describe()["members"]["member"]
    ['Theta 1', 'Theta 2', 'ETS', 'ARIMA']
    """

    horizon: int | None = None
    name = "auto"
    model = CombinationModel
    covariates = True

    def __post_init__(self) -> None:
        check_options(self.horizon, True)

    @property
    def parts(self) -> tuple[LocalForecaster, ...]:
        from inorder.forecast.arima import AutoARIMA
        from inorder.forecast.baselines import Naive
        from inorder.forecast.ets import AutoETS
        from inorder.forecast.seasonal_autoregressive import SeasonalAR
        from inorder.forecast.theta import AutoTheta, Theta

        short = (Theta(kind="dynamic-optimised"), AutoTheta(), AutoETS(damped=True, prior=None), AutoARIMA())
        long = tuple(SeasonalAR(logarithm=logarithm, differenced=differenced) for logarithm in (False, True) for differenced in (False, True))
        return (*short, *long, Naive())

    def fit_one(self, y: Values, season_length: int, x: Floats | None = None) -> CombinationModel:
        y, beta = without_covariates(y, x, season_length)
        seen = season_length < LONG or len(y) >= 3 * (season_length + 2)
        if season_length >= LONG and seen:
            chosen, how = ([4, 5, 6, 7] if np.nanmin(y) > 0 else [4, 5]), "weights"
        else:
            chosen, how = [0, 1, 2, 3], "median"
        season = season_length if seen else 1
        try:
            made = fit_members(self, chosen, y, season, how, None, self.horizon, True)
        except ForecastError:  # too short for any of them
            made = fit_members(self, [8], y, 1, "mean", None, self.horizon, True)
        return replace(made, beta=beta)


def without_covariates(y: Values, x: Floats | None, season_length: int) -> tuple[Values, Floats]:
    """What a regression on the covariates with ARIMA errors leaves of the series, and its coefficients.   x: (time, covariates) or None.

    Short seasons let the orders of the errors be chosen; longer ones take (2, 0, 0)(0, 1, 1), as coefficients hardly depend on them.
    Raises ForecastError where the series is too short for it.
    """
    from inorder.forecast.arima import ARIMA, AutoARIMA

    if x is None or not x.shape[1]:
        return y, np.zeros(0)
    short = season_length < LONG
    errors: LocalForecaster = AutoARIMA() if short else ARIMA(order=(2, 0, 0), seasonal_order=(0, 1, 1), season_length=season_length)
    beta = fit_from(errors, y, x, season_length).regression()
    return y - x @ beta, beta


def check_options(horizon: int | None, calibrate: Any) -> None:
    if horizon is not None:
        check_whole("horizon", horizon, 1)
    check_calibrate(calibrate)


def fit_members(
    whole: LocalForecaster, chosen: list[int], y: Values, season: int, how: str, weights: tuple[float, ...] | None, horizon: int | None, calibrate: bool
) -> CombinationModel:
    """Fit the parts `chosen` of `whole` to the series and combine those that can be.   Raises ForecastError where none can."""
    parts, fitted, which = [bare(part) for part in whole.parts] if calibrate else whole.parts, [], []
    failures: list[str] = []
    for i in chosen:
        try:
            fitted.append(fit_part(parts[i], y, season))
            which.append(i)
        except ForecastError as error:
            failures.append(str(error))
    if not fitted:
        raise ForecastError(failures[0])
    given = np.ones(len(fitted)) if weights is None else np.array([weights[i] for i in which])
    if not given.sum() > 0:
        given = np.ones(len(fitted))
    errors, scale = np.full(len(fitted), np.nan), 0.0
    if calibrate or (how == "weights" and weights is None):
        held = held_out([parts[i] for i in which], y, season, horizon or usual_horizon(season))
        errors = held.errors()
        if how == "weights" and weights is None:
            given = weights_of_errors(errors, held.windows)
        if calibrate:
            scale = interval_scale(held.ratios(combine(held.made, how, given)), held.windows, len(y))
    return CombinationModel(tuple(fitted), np.array(which), given / given.sum(), HOWS.index(how), scale, errors, np.zeros(0))


def bare(part: LocalForecaster) -> LocalForecaster:
    """A member with the intervals of its formula, where the combination scales them as a whole."""
    return replace(part, calibrate=False) if getattr(part, "calibrate", False) else part  # type: ignore[call-arg]
