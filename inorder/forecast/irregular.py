"""Continuous-time models: observations may come whenever they like, and the true times between them are used.

    level    dμ = σ_level·dW                                       y = μ(t) + ε
    trend    dμ = ν·dt + σ_level·dW,   dν = σ_slope·dW'            y = μ(t) + ε
    car      x⁽ᵖ⁾ + a₁·x⁽ᵖ⁻¹⁾ + … + aₚ·x = σ·dW/dt,  all roots left   y = c + x(t) + ε     of the imaginary axis

Between two observations Δ apart the state of each is a linear Gaussian step whose matrices are known exactly,

    α(t + Δ) = exp(A·Δ)·α(t) + u,    Var u = ∫₀^Δ exp(A·s)·B·B'·exp(A'·s) ds

so that the likelihood, the forecast at any later time and the smoothed value
at any earlier one come from the Kalman filter and smoother with matrices that change with the gaps. Level, slope and c start diffuse, x
in its stationary distribution. ε has the variance σ² of the noise, to which the squares of known standard errors are added where a column
of them is named.

Source: Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter, ch. 9; Jones 1981, Fitting a continuous time
autoregression to discrete data; Brockwell & Davis 2016, Introduction to Time Series and Forecasting, 3rd ed., §11.5; Van Loan 1978,
Computing integrals involving the matrix exponential.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from inorder.data.frequency import Frequency
from inorder.data.series import Series, as_series
from inorder.errors import BudgetError, BundleError, ConfigError, ForecastError, SeriesError, unknown
from inorder.forecast.base import (
    DEFAULT_LEVELS,
    Estimates,
    Fitted,
    Forecast,
    Forecaster,
    Progress,
    Session,
    check_horizon,
    check_request,
    check_whole,
    information_criterion,
    made_forecast,
)
from inorder.forecast.diffusion import Diffusion, diffusion_of, stable_polynomial, steps, system_of
from inorder.forecast.fitting import fit_each
from inorder.forecast.intervals import check_levels, normal_quantiles, power_of_two, tail_probabilities
from inorder.forecast.paths import seed_of
from inorder.kernels.stopping import check
from inorder.typing import Floats, Index, Values

KINDS = ("level", "trend", "car")
LONGEST_ORDER = 6
LARGEST = float(np.finfo(np.float64).max)
NEVER = 1e-12  # a variance in units of the series' own below which a component does not move
MOST_STEPS = 80  # of the search from one start


@dataclass(frozen=True, eq=False)
class ContinuousModel:
    """The parameters of one series in units of `scale`, with time in units of `unit`.

    kind: position in KINDS.   variances: noise, and those of level and slope per unit of time, or that of x.   polynomial: (p,) a₁ … aₚ.
    scale: what one unit of y is.   unit: what one unit of time is, in the units of the index (microseconds where stamps are dates).
    error: of a new observation, known beside the noise: the median of those given.   loglik, estimated, observations: of the fit.
    deviations: standard errors of the variances and of the polynomial; NaN where not known, as where a variance is zero.
    """

    kind: int
    variances: Floats
    polynomial: Floats
    scale: float
    unit: float
    error: float
    loglik: float
    estimated: int
    observations: int
    deviations: Floats

    def diffusion(self) -> Diffusion:
        return diffusion_of(KINDS[self.kind], self.variances, self.polynomial)

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = {**self._named(self.variances), "unit of time": self.unit}
        if KINDS[self.kind] == "car":
            roots = np.roots(np.concatenate([[1.0], self.polynomial]))
            found |= {"order": len(self.polynomial), "polynomial": self.polynomial, "slowest decay": float(-1 / roots.real.max())}
            if (turning := roots[roots.imag > 0]).size:
                found["period"] = float(2 * math.pi / turning.imag.min())
        return {**found, "loglik": self.loglik}

    def coefficients(self) -> dict[str, float]:
        """The variances, per unit of time where something wanders, and a₁ … aₚ."""
        return self._named(np.concatenate([self.variances, self.polynomial]))

    def standard_errors(self) -> dict[str, float]:
        """Of the coefficients, from the curvature of the likelihood, as far as they are known."""
        return {name: value for name, value in self._named(self.deviations).items() if math.isfinite(value)}

    def _named(self, values: Floats) -> dict[str, float]:
        """Variances, in units of the series, and coefficients of the polynomial by name."""
        names = {"level": ("noise", "level"), "trend": ("noise", "level", "slope"), "car": ("noise", "variance")}[KINDS[self.kind]]
        labels = [name if name == "variance" else f"{name} variance" for name in names]
        found = {label: min(value * self.scale * self.scale, LARGEST) for label, value in zip(labels, values.tolist(), strict=False)}
        return found | {f"a{k + 1}": value for k, value in enumerate(values[len(labels) :].tolist())}

    def criterion(self, name: str) -> float:
        """ "aic", "aicc" or "bic"."""
        return information_criterion(name, self.loglik, self.estimated, self.observations)


@dataclass(frozen=True)
class ContinuousTime(Forecaster):
    """A model in continuous time, for observations at uneven times.

        dα = A·α·dt + B·dW,   y = Z·α(t) + ε

    kind: "level" (a random walk under noise), "trend" (a slope that wanders too) or "car" (autoregression about a constant).
    order: p of "car", 1 to 6; None takes the one of 1, 2 and 3 with the least AICc.   noise: whether there is an ε beside known errors.
    errors: the name of a past covariate that holds the standard error of each observation; its squares are added to the noise.
    Regular series will do as well; their time is counted in rows. A forecast goes on in steps of the median gap; `predict_at` takes any times.
    Raises ForecastError for fewer observations than the model needs.   Source: Harvey 1989, ch. 9; Jones 1981.

    >>> t = np.array([0.0, 0.4, 1.0, 2.5, 2.6, 4.0, 5.5, 6.0, 7.2, 7.5])
    >>> fitted = ContinuousTime("trend").fit(Series.of(3 + 2 * t, index=t))
    >>> fitted.predict_at([3.0, 10.0]).mean.round(3).tolist()
    [9.0, 23.0]
    """

    kind: str = "level"
    order: int | None = None
    noise: bool = True
    errors: str | None = None
    name = "continuous-time"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of model", str(self.kind), KINDS)
        if self.order is not None:
            if self.kind != "car":
                raise ConfigError(f'`order` = {self.order!r} has no effect with kind="{self.kind}"; it is that of kind="car".')
            if check_whole("order", self.order, 1) > LONGEST_ORDER:
                raise ConfigError(f"`order` is at most {LONGEST_ORDER}, not {self.order}.")
        if not isinstance(self.noise, bool):
            raise ConfigError(f"`noise` is True or False, not {self.noise!r}.")

    def fit(
        self, series: Any, *, seconds: float | None = None, progress: Progress | None = None, workers: int | None = None, engine: str = "threads"
    ) -> ContinuousFitted:
        """As `Forecaster.fit`; the series of a panel are shared by `workers`, and the results do not depend on their number.

        workers, engine: as in `LocalForecaster.fit`.
        """
        history = as_series(series)
        if self.errors is not None and self.errors not in history.past:
            raise ConfigError(f'`errors` = "{self.errors}" is no past covariate of {history.source}; take the column in with --past {self.errors}, or `past=`.')
        items = [(self, _readable(history, i, self.errors), name) for i, name in enumerate(history.ids)]
        models, errors = fit_each(self.name, history.ids, fit_item, items, seconds=seconds, progress=progress, workers=workers, engine=engine)
        return ContinuousFitted(self, history, models, errors)

    def fit_one(self, data: Observations, name: str) -> ContinuousModel:
        """The parameters of one series.   Raises ForecastError, saying what is missing."""
        known = ~np.isnan(data.y)
        count = int(known.sum())
        if count == 0:
            raise ForecastError(f'Series "{name}" has no observation: all {len(data.y)} values are missing.')
        orders = [0] if self.kind != "car" else [self.order] if self.order is not None else [1, 2, 3]
        found: list[ContinuousModel] = []
        for order in orders:
            needed = 4 + (order or 0) + (self.kind == "trend")
            if count >= needed:
                found.append(self._search(data.take(np.flatnonzero(known)), order or 0))
        if not found:
            raise ForecastError(f'This continuous-time model needs {needed} observations; this series has {count}. Use kind="level", or a simpler model.')
        return min(found, key=lambda model: (model.criterion("aicc"), len(model.polynomial)))

    def _search(self, data: Observations, order: int) -> ContinuousModel:
        """Maximum likelihood, in units of the series' own spread and of its median gap."""
        from scipy.optimize import minimize

        unit = float(np.median(data.gaps[1:])) if len(data.y) > 1 else 1.0
        scale = power_of_two(data.y)
        scaled = data.y / scale
        centre = float(np.median(scaled))
        spread = float(np.sqrt(np.mean((scaled - centre) ** 2))) or 1.0
        z, gaps, known = (scaled - centre) / spread, data.gaps / unit, data.errors / scale / spread
        kind = KINDS.index(self.kind)

        def diffusion(free: Floats) -> tuple[Floats, Floats]:
            variances = np.exp(np.clip(free[: len(free) - order], math.log(NEVER), 20.0))
            return (variances if self.noise else np.concatenate([[0.0], variances])), stable_polynomial(np.clip(free[len(free) - order :], -12.0, 8.0))

        def loss(free: Floats) -> float:
            check()
            variances, polynomial = diffusion(free)
            value = -loglik(diffusion_of(self.kind, variances, polynomial), z, gaps, known)
            return value if math.isfinite(value) else 1e10

        best: Any = None
        for start in starts(self.kind, order, self.noise, gaps):
            done = minimize(loss, start, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
            if best is None or done.fun < best.fun - 1e-9:
                best = done
        variances, polynomial = diffusion(best.x)
        if self.kind != "car":
            variances = np.where(variances <= 2 * NEVER, 0.0, variances)
        diffuse = int(diffusion_of(self.kind, variances, polynomial).diffuse.sum())
        size = math.log(scale) + math.log(spread)
        return ContinuousModel(
            kind,
            variances,
            polynomial,
            scale * spread,
            unit,
            float(np.median(known)),
            -float(best.fun) - (len(z) - diffuse) * size,
            len(best.x) + diffuse,
            len(z),
            self._deviations(variances, polynomial, z, gaps, known),
        )

    def _deviations(self, variances: Floats, polynomial: Floats, z: Values, gaps: Floats, known: Floats) -> Floats:
        """Standard errors of what was estimated and is not zero; NaN for the rest."""
        from inorder.forecast.kalman import standard_errors

        best = np.concatenate([variances, polynomial])
        free = best > 0

        def cost(shares: Floats) -> float:
            at = best.copy()
            at[free] *= shares
            lower, upper = at[: len(variances)], at[len(variances) :]
            if (at < 0).any() or (len(upper) and not np.roots(np.append(1.0, upper)).real.max() < 0):
                return math.inf
            return -loglik(diffusion_of(self.kind, lower, upper), z, gaps, known)

        found = np.full(len(best), np.nan)
        found[free] = standard_errors(cost, np.ones(int(free.sum()))) * best[free]
        return found

    def restore(self, history: Series, weights: Mapping[str, Any], errors: Mapping[str, str]) -> ContinuousFitted:
        from inorder.forecast.packing import unpack

        for name in errors:
            if name not in history.ids:
                raise BundleError(f'The series "{name}" is said to have failed, but is not among those saved.')
        if self.errors is not None and self.errors not in history.past:
            raise BundleError(f'The history that was saved has no column "{self.errors}" of standard errors.')
        kind: Any = ContinuousModel
        models: Iterator[Any] = iter(unpack(kind, weights, len(history) - len(errors)))
        return ContinuousFitted(self, history, tuple(None if name in errors else next(models) for name in history.ids), dict(errors))


class Observations(NamedTuple):
    """y: (time,), NaN = missing.   gaps: (time,) time since the row before, 0 for the first.   errors: (time,) known standard errors."""

    y: Values
    gaps: Floats
    errors: Floats

    def take(self, which: Any) -> Observations:
        times = np.cumsum(self.gaps)[which]
        return Observations(self.y[which], np.diff(times, prepend=times[0]), self.errors[which])


def fit_item(item: tuple[ContinuousTime, Observations | str, str]) -> ContinuousModel | str:
    """The model of one series, or why there is none."""
    forecaster, data, name = item
    if isinstance(data, str):
        return data
    try:
        return forecaster.fit_one(data, name)
    except BudgetError:
        raise
    except ForecastError as error:
        return str(error)


def _readable(history: Series, i: int, errors: str | None) -> Observations | str:
    """`observations`, or why there are none."""
    try:
        return observations(history, i, errors)
    except ForecastError as error:
        return str(error)


def observations(history: Series, i: int, errors: str | None) -> Observations:
    """One series with its gaps, in the units of its index; rows where stamps are regular.   Raises ForecastError for a standard error that is not one."""
    y, stamps = history.y(i), history.stamps(i)
    if history.frequency is not None:
        gaps = np.ones(len(y))
        gaps[:1] = 0.0
    else:
        gaps = np.diff(stamps.astype(np.float64), prepend=float(stamps[:1].astype(np.float64)[0]))
    known = np.zeros(len(y)) if errors is None else history.past[errors][history.offsets[i] : history.offsets[i + 1]]
    wrong = np.flatnonzero(~np.isnan(y) & ~(known >= 0))
    if len(wrong):
        raise ForecastError(f'The standard error of row {wrong[0] + 1} is {known[wrong[0]]:g}; it is a number of 0 or more. Mend the column "{errors}".')
    return Observations(y, gaps, np.nan_to_num(known))


def steps_between(frequency: Frequency, start: Any, stamps: Any) -> Floats:
    """(stamps,) how many steps of the calendar lie between `start` and each stamp, with the part of a step that is begun; negative before it.

    >>> steps_between(Frequency("month"), np.datetime64("2023-01-01", "us"), np.array(["2022-12-01", "2023-03-16T12"], dtype="datetime64[us]")).tolist()
    [-1.0, 2.5]
    """
    whole = frequency.count(start, stamps) + 1  # which may be one off where the day of the month is not that of `start`
    for _ in range(3):
        whole = np.where(frequency.advance(start, whole) > stamps, whole - 1, whole)
    begun, next_one = (frequency.advance(start, whole + k).astype(np.float64) for k in (0, 1))
    return np.asarray(whole + (stamps.astype(np.float64) - begun) / (next_one - begun))


def next_stamps(history: Series, horizon: int) -> Any:
    """(series, horizon) stamps to come; where those of the history are irregular, at steps of the median gap of each series."""
    if history.frequency is not None:
        return history.future_index(horizon)
    rows = []
    for i in range(len(history)):
        stamps = history.stamps(i)
        gap = np.median(np.diff(stamps.astype(np.float64))) if len(stamps) > 1 else 1.0
        ahead = float(stamps[-1:].astype(np.float64)[0]) + gap * np.arange(1, horizon + 1)
        rows.append(ahead.round().astype(np.int64).astype(stamps.dtype) if stamps.dtype.kind in "Mi" else ahead)
    return np.stack(rows)


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(3970.99), duration(0.5), duration(900_000.0)
    ('1.103 hours', '0.5 seconds', '10.42 days')
    """
    size, unit = next((size, unit) for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (0, "seconds")) if seconds >= size)
    return f"{seconds / (size or 1):.4g} {unit}"


def starts(kind: str, order: int, noise: bool, gaps: Floats) -> list[Floats]:
    """Where the search begins, in units of the series' spread and of its median gap."""
    if kind == "level":
        first = [[-1.0, -2.0], [-4.0, -5.0], [-2.0, 0.0]]
    elif kind == "trend":
        first = [[-1.0, -2.0, -8.0], [-4.0, -9.0, -6.0], [-2.0, -5.0, -12.0]]
    else:
        span = math.log(max(float(gaps.sum()), 2.0))
        first = []
        for memory in (0.7, span / 2, span - 2.0):  # the logarithm of how long x remembers
            polynomial = [value for _ in range(order // 2) for value in (-memory + 0.7, -2 * memory)] + [-memory] * (order % 2)
            first.append([-2.0, -0.3, *polynomial])
    return [np.array(start if noise else start[1:]) for start in first]


def loglik(model: Diffusion, y: Values, gaps: Floats, errors: Floats) -> float:
    """The log-likelihood of observations at uneven times; diffuse directions as in `inorder.kernels.kalman`.   errors: (time,) known standard errors."""
    from inorder.kernels.kalman import kalman_filters

    return kalman_filters([y], [system_of(model, gaps, errors)], outputs=())[0].loglik


@dataclass(frozen=True, eq=False)
class Interpolation:
    """What a model says of the series at given times, before, between or after the observations: (times,) each; NaN bounds where nothing is known.

    mean, lower, upper: of a new observation there.
    """

    index: Index
    mean: Floats
    lower: Mapping[float, Floats]
    upper: Mapping[float, Floats]
    history: Series

    def to_frame(self) -> Any:
        """A frame of the kind that was read: time, mean, lower_80, upper_80, …"""
        from inorder.data.frames import make_frame
        from inorder.metrics.score import level_name

        columns: dict[str, Any] = {self.history.names.time: self.index, "mean": self.mean}
        for level in self.lower:
            columns[f"lower_{level_name(level)}"], columns[f"upper_{level_name(level)}"] = self.lower[level], self.upper[level]
        return make_frame(columns, self.history)

    def plot(self) -> Any:
        """A matplotlib figure: the observations and the bands."""
        from inorder.plots import plot_interpolation

        return plot_interpolation(self)

    def __str__(self) -> str:
        return str(self.to_frame())


@dataclass(frozen=True, eq=False)
class ContinuousFitted(Estimates, Fitted):
    """One model per series; None where a series could not be fitted."""

    models: tuple[ContinuousModel | None, ...]
    failures: Mapping[str, str]

    @property
    def errors(self) -> Mapping[str, str]:
        return self.failures

    @property
    def _continuous(self) -> ContinuousTime:
        assert isinstance(self.forecaster, ContinuousTime)
        return self.forecaster

    @cached_property
    def _filtered(self) -> list[Any]:
        from inorder.kernels.kalman import kalman_filter

        done = []
        for i, model in enumerate(self.models):
            data = self._data(i)
            done.append(None if model is None else kalman_filter(data.y, system_of(model.diffusion(), data.gaps, data.errors)))
        return done

    def _data(self, i: int) -> Observations:
        """One series in the units of its model."""
        data, model = observations(self.history, i, self._continuous.errors), self.models[i]
        return data if model is None else Observations(data.y / model.scale, data.gaps / model.unit, data.errors / model.scale)

    @property
    def fitted_values(self) -> Values:
        pieces = []
        for i, done in enumerate(self._filtered):
            if done is None:
                pieces.append(np.full(int(self.history.lengths[i]), np.nan))
            else:
                model = self.models[i]
                assert model is not None
                pieces.append(np.where(np.isfinite(done.forecast_covariance[:, 0, 0]), done.forecast[:, 0] * model.scale, np.nan))
        return np.concatenate(pieces)

    def deviations(self, i: int) -> Floats:
        """(rows,) standard deviation of each forecast one step ahead, known before the observation; NaN where there is none."""
        model, done = self.models[i], self._filtered[i]
        if model is None:
            return np.full(int(self.history.lengths[i]), np.nan)
        variance = done.forecast_covariance[:, 0, 0]
        return np.where(np.isfinite(variance) & (variance > 0), np.sqrt(np.where(variance > 0, variance, 1.0)) * model.scale, np.nan)

    def predict(
        self,
        horizon: int,
        levels: Sequence[float] = DEFAULT_LEVELS,
        *,
        intervals: str = "auto",
        samples: int = 0,
        seed: int = 0,
        index: Index | None = None,
    ) -> Forecast:
        """As `Fitted.predict`; where stamps are irregular the steps are the median gap of each series.

        index: (series, horizon) the stamps themselves, later than those of the series.
        """
        levels = check_request(horizon, levels, intervals, samples)
        if intervals not in ("auto", "analytic"):
            raise ConfigError(f'The intervals of {self.forecaster.name} are analytic; intervals="{intervals}" is not made. Leave it at "auto".')
        index = next_stamps(self.history, horizon) if index is None else index
        count = len(self.history)
        mean, bounds = np.full((count, horizon), np.nan), np.full((count, 2 * len(levels), horizon), np.nan)
        drawn = np.full((count, samples, horizon), np.nan)
        errors = dict(self.failures)
        for i, model in enumerate(self.models):
            if model is None:
                known = self.history.y(i)[~np.isnan(self.history.y(i))]
                mean[i] = known[-1] if len(known) else np.nan
                errors[self.history.ids[i]] += " Its last value stands in." if len(known) else " It has no forecast."
                continue
            found = self._at(i, index[i])
            mean[i] = found[0]
            bounds[i] = normal_quantiles(found[0], found[1], tail_probabilities(levels))
            if samples:
                drawn[i] = self._draw(i, model, index[i], samples, seed_of(seed, self.history.ids[i]))
        return made_forecast(self, mean, bounds, levels, np.asarray(index), "analytic", errors, drawn)

    def predict_at(self, times: Any, levels: Sequence[float] = DEFAULT_LEVELS, series: int | str = 0) -> Interpolation:
        """A new observation at each of `times`, given all that was observed before and after: interpolation inside, forecast behind.

        times: (times,) stamps of the kind of the index, in any order; text such as "2024-03-01" where stamps are dates.
        Raises ForecastError where the series could not be fitted, SeriesError for times of another kind.
        """
        levels = check_levels(levels)
        i = self.history.position(series)
        stamps = self._stamps(times)
        mean, deviation = self._at(i, stamps)
        bounds = normal_quantiles(mean, deviation, tail_probabilities(levels))
        return Interpolation(
            index=stamps,
            mean=mean,
            lower={level: bounds[2 * k] for k, level in enumerate(levels)},
            upper={level: bounds[2 * k + 1] for k, level in enumerate(levels)},
            history=self.history if not self.history.panel else self.history[i],
        )

    def _stamps(self, times: Any) -> Any:
        kind = self.history.index.dtype
        try:
            if kind.kind == "M":
                stamps = np.asarray(times, dtype="datetime64[us]").reshape(-1)
                if np.isnat(stamps).any():
                    raise SeriesError("`times` holds a stamp that is missing.")
                return stamps
            stamps = np.asarray(times, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError) as error:
            raise SeriesError(f"`times` are stamps like those of {self.history.source}: {error}.") from None
        if not np.isfinite(stamps).all():
            raise SeriesError("`times` holds a value that is not a finite number.")
        return stamps

    def _at(self, i: int, stamps: Any) -> tuple[Floats, Floats]:
        """(times,) mean and standard deviation of a new observation at each stamp, given the whole series.

        The stamps are sorted in among the observations as rows without a value.
        """
        from inorder.kernels.kalman import kalman_smoothers

        model = self.models[i]
        if model is None:
            raise ForecastError(f'Series "{self.history.ids[i]}" could not be fitted: {self.failures[self.history.ids[i]]}')
        data, own, asked = self._data(i), self._times(i), self._in_units(stamps, i) / model.unit
        times = np.concatenate([own, asked])
        order = np.argsort(times, kind="stable")
        back = np.argsort(order)[len(own) :]
        y = np.concatenate([data.y, np.full(len(asked), np.nan)])[order]
        errors = np.concatenate([data.errors, np.zeros(len(asked))])[order]
        diffusion = model.diffusion()
        system = system_of(diffusion, np.diff(times[order], prepend=times[order][0]), errors)
        smoothed = kalman_smoothers([y], [system], outputs=("state", "state_covariance"))[0][1]
        state, covariance = smoothed.state[back], smoothed.state_covariance[back]
        variance = np.maximum(np.einsum("i,tij,j->t", diffusion.design, covariance, diffusion.design), 0.0) + diffusion.noise + model.error**2
        return state @ diffusion.design * model.scale, np.sqrt(variance) * model.scale

    def _draw(self, i: int, model: ContinuousModel, stamps: Any, samples: int, seed: int) -> Floats:
        """(samples, times) paths after the last observation."""
        from inorder.kernels.kalman import simulation_smoother

        data, own = self._data(i), self._times(i)
        times = np.concatenate([own, self._in_units(stamps, i) / model.unit])
        y = np.concatenate([data.y, np.full(len(stamps), np.nan)])
        errors = np.concatenate([data.errors, np.zeros(len(stamps))])
        diffusion = model.diffusion()
        states = simulation_smoother(y, system_of(diffusion, np.diff(times, prepend=times[0]), errors), samples, seed=seed)
        noise = math.sqrt(diffusion.noise + model.error**2) * np.random.default_rng([seed, 1]).standard_normal((samples, len(stamps)))
        return np.asarray((states[:, len(own) :] @ diffusion.design + noise) * model.scale)

    def _times(self, i: int) -> Floats:
        """(time,) of the rows in units of the model, from 0 on."""
        return np.asarray(np.cumsum(self._data(i).gaps))

    def _in_units(self, stamps: Any, i: int) -> Floats:
        first = self.history.stamps(i)[:1].astype(np.float64)[0]
        since = stamps.astype(np.float64) - first
        if self.history.frequency is None:
            return np.asarray(since)
        own = self.history.stamps(i)
        counted = np.interp(since, own.astype(np.float64) - first, np.arange(len(own), dtype=np.float64))
        before, after = stamps < own[0], stamps > own[-1]
        counted[before] = steps_between(self.history.frequency, own[0], stamps[before])
        counted[after] = len(own) - 1 + steps_between(self.history.frequency, own[-1], stamps[after])
        return np.asarray(counted)

    def update(self, new: Any) -> ContinuousFitted:
        return replace(self, history=self._new_rows(new))

    def stream(self, series: int | str = 0) -> ContinuousSession:
        i = self.history.position(series)
        model, done = self.models[i], self._filtered[i]
        if model is None:
            raise ForecastError(f'Series "{self.history.ids[i]}" could not be fitted: {self.failures[self.history.ids[i]]}')
        known = ~np.isnan(self.history.y(i))
        if len(done.remaining):
            raise ForecastError(f"A session begins when the level is known; this series has {int(known.sum())} observations, too few.")
        data = self._data(i)
        gap = 1.0 / model.unit if self.history.frequency is not None else float(np.median(data.gaps[1:]))
        return ContinuousSession(model, done.filtered[-1], done.filtered_covariance[-1], gap, self.history.stamps(i)[-1])

    def describe(self, series: int = 0) -> dict[str, Any]:
        """As the model has it; times are in units of time, and said as durations where stamps are dates."""
        model = self.models[series]
        if model is None:
            return {}
        found = model.describe()
        if self.history.index.dtype.kind == "M":
            spoken = {"slowest decay": model.unit, "period": model.unit, "unit of time": 1.0}
            found |= {name: duration(found[name] * size / 1e6) for name, size in spoken.items() if name in found}
        return found

    def weights(self) -> dict[str, Any]:
        from inorder.forecast.packing import pack

        models: list[Any] = [model for model in self.models if model is not None]
        return pack(models)


class ContinuousSession(Session):
    """One series, one observation at a time.

    gap: the usual time between observations, in units of the model.   last: the stamp reached.
    """

    def __init__(self, model: ContinuousModel, mean: Floats, covariance: Floats, gap: float, last: Any) -> None:
        self.model, self.mean, self.covariance, self.gap, self.last = model, mean, covariance, gap, last
        self.diffusion = model.diffusion()

    def step(self, y: float, *, time: Any = None, error: float | None = None) -> float:
        """Take one observation and return the forecast one usual gap later.

        time: its stamp; None is one usual gap after the last.   error: its known standard error; None is the usual one.
        Raises SeriesError for a time that is not later than the last, or an infinite observation.
        """
        if math.isinf(y):
            raise SeriesError(f"An observation is a finite number, or NaN where it is missing, not {y!r}.")
        kind = np.asarray(self.last).dtype
        if time is None:
            gap, ahead = self.gap, self.gap * self.model.unit
            self.last = self.last + (ahead if kind.kind == "f" else np.asarray(round(ahead)).astype("timedelta64[us]" if kind.kind == "M" else np.int64))
        else:
            stamp = np.asarray(time, dtype=kind)
            gap = float((stamp - self.last).astype(np.float64)) / self.model.unit
            if not gap > 0:
                raise SeriesError(f"The time {time} is not after the last one, {self.last}.")
            self.last = stamp
        transition, added = (matrix[0] for matrix in steps(self.diffusion, np.array([gap])))
        self.mean, self.covariance = transition @ self.mean, transition @ self.covariance @ transition.T + added
        if not math.isnan(y):
            self._learn(y / self.model.scale, self.model.error if error is None else error / self.model.scale)
        return float(self.predict(1)[0])

    def _learn(self, y: float, error: float) -> None:
        z = self.diffusion.design
        gain = self.covariance @ z
        variance = float(z @ gain) + self.diffusion.noise + error**2
        if variance > 0:
            self.mean = self.mean + gain * ((y - float(z @ self.mean)) / variance)
            self.covariance = self.covariance - np.outer(gain, gain) / variance

    def predict(self, horizon: int) -> Floats:
        check_horizon(horizon)
        transition, _ = steps(self.diffusion, self.gap * np.arange(1, horizon + 1, dtype=np.float64))
        return np.asarray(transition @ self.mean @ self.diffusion.design * self.model.scale)
