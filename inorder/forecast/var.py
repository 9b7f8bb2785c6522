"""Vector autoregression: every series of a panel is a linear function of the last p values of all of them.

    y[t] = c + A₁·y[t−1] + … + Aₚ·y[t−p] + e[t],   e ~ N(0, Σ)

`var_model` has the least squares, the recursion and the covariance of errors ahead; `var_analysis` what the coefficients say of the system.
Here are the settings, the fitted system, and its session.

The panel is one system: its series share their stamps. Future covariates are regressors of every channel (VARX): a covariate with equal values
in all series counts once; one that differs between them counts once for every series, in every equation.

Source: Lütkepohl 2005, New Introduction to Multiple Time Series Analysis, ch. 2–4; VARX: ch. 10.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from inorder.data.covariates import too_few_ahead
from inorder.data.series import Series, as_series
from inorder.errors import BundleError, ConfigError, ForecastError, SeriesError, ShapeError, unknown
from inorder.forecast import paths, var_analysis
from inorder.forecast.base import DEFAULT_LEVELS, INTERVALS, Fitted, Forecast, Forecaster, Progress, Session, check_horizon, check_regular, check_whole
from inorder.forecast.diagnostics import Significance
from inorder.forecast.intervals import check_levels, conformal_radii, normal_quantiles, tail_probabilities
from inorder.forecast.var_analysis import GrangerTest, ImpulseResponses, Stability
from inorder.forecast.var_model import CRITERIA, LARGEST, TRENDS, VARModel, VARState, estimate, root
from inorder.typing import Floats, Offsets, Values


@dataclass(frozen=True)
class VAR(Forecaster):
    """Every series is a linear function of the last p values of all series.

        y[t] = c + A₁·y[t−1] + … + Aₚ·y[t−p] + e[t],   e ~ N(0, Σ)

    order: p, 0 or more; None chooses it by `criterion`, all orders on the same rows, and fits the chosen one again to all rows that it can use.
    criterion: "aicc", "aic", "bic", "hq" (Hannan and Quinn) or "fpe" (final prediction error).
    max_order: the longest order tried, as far as the rows reach. None: 10·log₁₀(n/series), with three rows for every coefficient of an equation.
    trend: "none", "constant" (c) or "linear" (c + d·t, t = 1 at the first row).
    coefficient_errors: intervals also count that the coefficients were estimated; without it they are taken for known, and intervals are
        too narrow where there are many of them.

    Future covariates are regressors too. The series share their stamps; a step with a gap is left out of the fit, and afterwards what is
    missing is replaced by its expectation, given everything before it and what the other series show. `season_length` has no use here.
    Raises ForecastError for a single series, stamps that differ, or too few rows.

    Source: Lütkepohl 2005, New Introduction to Multiple Time Series Analysis, ch. 2–4.

    >>> y = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0)
    >>> fitted = VAR(order=1).fit(Series.of(y))
    >>> fitted.order, fitted.predict(4).mean.shape, fitted.lag_matrices.shape
    (1, (2, 4), (1, 2, 2))
    """

    order: int | None = None
    criterion: str = "aicc"
    max_order: int | None = None
    trend: str = "constant"
    coefficient_errors: bool = True
    name = "var"

    def __post_init__(self) -> None:
        if self.trend not in TRENDS:
            raise unknown("trend", str(self.trend), TRENDS)
        if self.criterion not in CRITERIA:
            raise unknown("criterion", str(self.criterion), CRITERIA)
        if not isinstance(self.coefficient_errors, bool):
            raise ConfigError(f"`coefficient_errors` is true or false, not {self.coefficient_errors!r}.")
        if self.order is not None and check_whole("order", self.order, 0) == 0 and self.trend == "none":
            raise ConfigError('`order` is 0 and `trend` is "none", so nothing is left to fit. Use an order of 1 or more.')
        if self.max_order is not None:
            check_whole("max_order", self.max_order, 0 if self.trend != "none" else 1)
            if self.order is not None:
                raise ConfigError(f"`order` is set to {self.order}, so `max_order` ({self.max_order}) has no effect. Give one of them.")

    def fit(self, series: Any, *, seconds: float | None = None, progress: Progress | None = None) -> VARFitted:
        history = as_series(series)
        self.season_of(history)  # refuses a season length that is none
        check_system(history)
        check_regular(history)
        x_from = chosen_columns(history)
        model = self.fit_system(system(history), regressors_of(history, x_from), x_from)
        if progress:
            progress(1, 1)
        return VARFitted(self, history, model)

    def fit_system(self, y: Floats, x: Floats, x_from: Offsets) -> VARModel:
        """The parameters for (time, channels) values and (time, covariates) regressors."""
        return estimate(y, x, x_from, trend=TRENDS.index(self.trend), order=self.order, max_order=self.max_order, criterion=self.criterion)

    def restore(self, history: Series, weights: Mapping[str, Any], errors: Mapping[str, str]) -> VARFitted:
        return VARFitted(self, history, unpacked(weights, history))


@dataclass(frozen=True, eq=False)
class VARFitted(Fitted):
    """A fitted system: its constants, and the history that it has seen.

    What has an axis of channels is in the order of `history.ids`.
    """

    model: VARModel

    @cached_property
    def _y(self) -> Floats:
        check_system(self.history)
        return self.model.scaled(system(self.history))

    @cached_property
    def _x(self) -> Floats:
        return self.model.scaled_x(regressors_of(self.history, self.model.x_from))

    @cached_property
    def _run(self) -> tuple[Floats, VARState]:
        return self.model.run(self._y, self._x)

    @property
    def fitted_values(self) -> Values:
        return self.model.unscaled(self._run[0]).T.reshape(-1)

    @property
    def order(self) -> int:
        """p."""
        return self.model.order

    @property
    def loglik(self) -> float:
        """The logarithm of the likelihood at its maximum, given the first p rows."""
        return self.model.loglik

    @property
    def aic(self) -> float:
        """−2·log L + 2·k; k counts the coefficients and the elements of Σ."""
        return -2 * self.loglik + 2 * self.model.estimated

    @property
    def aicc(self) -> float:
        """−2·log L + 2·k·n/(n − m − channels − 1), m coefficients an equation; infinite where rows are too few."""
        left = self.model.rows - self.model.columns - self.model.channels - 1
        return -2 * self.loglik + 2 * self.model.estimated * self.model.rows / left if left > 0 else math.inf

    @property
    def bic(self) -> float:
        """−2·log L + k·log n."""
        return -2 * self.loglik + self.model.estimated * math.log(self.model.rows)

    @property
    def lag_matrices(self) -> Floats:
        """(order, channels, channels) A₁ … Aₚ: [l − 1, j, k] how channel j answers channel k, l steps later."""
        model = self.model
        scaled = model.wide.reshape(model.channels, model.order, model.channels).transpose(1, 0, 2)
        return var_analysis.in_units(model, scaled, False)

    @property
    def error_covariance(self) -> Floats:
        """(channels, channels) Σ̂, with n − m degrees of freedom."""
        with np.errstate(over="ignore", under="ignore"):
            return np.clip(self.model.sigma * self.model.unit[:, None] * self.model.unit, -LARGEST, LARGEST)

    @property
    def coefficients(self) -> tuple[dict[str, float], ...]:
        """Of each channel's equation, by regressor: "constant", "trend" (a step), covariates, "income[t−1]", …"""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            values = self._in_units(self._change @ self.model.beta)
            if self.model.deterministic:
                values[0] = np.clip(values[0] + self.model.centre, -LARGEST, LARGEST)
        return self._named(values)

    @property
    def standard_errors(self) -> tuple[dict[str, float], ...]:
        """Of `coefficients`, from Σ̂ ⊗ (Z'Z)⁻¹."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            turned = np.nan_to_num(self._change @ root(self.model.inverse))
            return self._named(self._in_units(np.hypot.reduce(turned, axis=1)[:, None] * np.sqrt(np.diag(self.model.sigma))))

    @property
    def regressors(self) -> tuple[str, ...]:
        """Their names, in the order of the equation."""
        model, ids, names = self.model, self.history.ids, sorted(self.history.future)
        fixed = ["constant", "trend"][: model.deterministic]
        covariates = [names[k] if channel < 0 else f"{names[k]} of {ids[channel]}" for k, channel in model.x_from.tolist()]
        return (*fixed, *covariates, *(f"{name}[t−{lag}]" for lag in range(1, model.order + 1) for name in ids))

    @cached_property
    def _change(self) -> Floats:
        """(regressors, regressors) from coefficients of scaled regressors to those of regressors in their own units, for scaled targets.

        Only the constant mixes them: it takes in what the centres of the others stand for.
        """
        model = self.model
        centres = np.concatenate([model.x_centre, np.tile(model.centre, model.order)])
        units = np.concatenate([model.x_unit, np.tile(model.unit, model.order)])
        with np.errstate(over="ignore", under="ignore"):
            change = np.diag(np.clip(np.concatenate([[1.0, 1 / model.span][: model.deterministic], 1 / units]), 0.0, LARGEST))
            if model.deterministic:
                change[0, model.deterministic :] = np.clip(-centres / units, -LARGEST, LARGEST)
        return change

    def _in_units(self, values: Floats) -> Floats:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return np.clip(np.nan_to_num(values * self.model.unit), -LARGEST, LARGEST)

    def _named(self, values: Floats) -> tuple[dict[str, float], ...]:
        return tuple(dict(zip(self.regressors, column, strict=True)) for column in values.T.tolist())

    def predict(self, horizon: int, levels: Sequence[float] = DEFAULT_LEVELS, *, intervals: str = "auto", samples: int = 0, seed: int = 0) -> Forecast:
        """As `Fitted.predict`, all channels together: "auto" and "analytic" are normal, from the covariance of errors ahead; in a bootstrap the errors
        of all channels at one step are drawn together, and so they are in `samples`, (series, paths, horizon).
        """
        check_horizon(horizon)
        levels = check_levels(levels)
        check_whole("samples", samples, 0)
        check_whole("seed", seed, 0)
        if intervals not in INTERVALS:
            raise unknown("kind of intervals", intervals, INTERVALS)
        model, state = self.model, self._run[1]
        x = model.scaled_x(regressors_ahead(self.history, model.x_from, horizon))
        mean, regressors = model.ahead(state, x)
        kind, bounds = "none", np.empty((0, horizon, model.channels))
        if levels and intervals in ("auto", "analytic"):
            kind = "analytic"
            variance = np.diagonal(model.error_covariance(state, regressors, self._counts_coefficients), axis1=1, axis2=2)
            scaled = normal_quantiles(mean.reshape(-1), np.sqrt(np.maximum(variance, 0.0)).reshape(-1), tail_probabilities(levels))
            bounds = model.unscaled(scaled.reshape(-1, horizon, model.channels))
        elif levels and intervals in paths.DRAWS:
            kind = intervals
            bounds = model.unscaled(np.quantile(self._paths(x, paths.PATHS, seed, intervals), tail_probabilities(levels), axis=0))
        elif levels:
            bounds, kind = self._conformal(mean, levels, adaptive=intervals == "adaptive")
        drawn = model.unscaled(self._paths(x, samples, seed, "bootstrap" if intervals == "bootstrap" else "simulated")) if samples else None
        return Forecast(
            mean=model.unscaled(mean).T,
            lower={level: bounds[2 * k].T for k, level in enumerate(levels)},
            upper={level: bounds[2 * k + 1].T for k, level in enumerate(levels)},
            index=self.history.future_index(horizon),
            history=self.history,
            model=self.forecaster.name,
            intervals=kind,
            samples=None if drawn is None else drawn.transpose(2, 0, 1),
        )

    @property
    def _counts_coefficients(self) -> bool:
        assert isinstance(self.forecaster, VAR)
        return self.forecaster.coefficient_errors

    def _paths(self, x: Floats, count: int, seed: int, kind: str) -> Floats:
        """(count, horizon, channels) scaled sample paths; longer ones begin with the shorter ones."""
        model, generator = self.model, np.random.default_rng(seed)
        coefficients = generator.spawn(1)[0] if self._counts_coefficients else None

        def normal() -> Iterator[Floats]:
            while True:
                yield generator.standard_normal((count, model.channels)) @ model.impact.T

        def drawn() -> Iterator[Floats]:
            errors = model.errors(self._y, self._x)
            pool = var_analysis.resampled(model, errors[~np.isnan(errors).any(axis=1)])
            while True:
                yield pool[generator.integers(len(pool), size=count)]

        return model.paths(self._run[1], x, drawn() if kind == "bootstrap" else normal(), count, coefficients)

    def _conformal(self, mean: Floats, levels: Sequence[float], adaptive: bool) -> tuple[Floats, str]:
        """(2 · levels, horizon, channels) bounds, and their kind."""
        errors = self._errors_ahead(len(mean))
        found = [conformal_radii(errors[:, :, k], levels, adaptive=adaptive) for k in range(self.model.channels)]
        radii = np.stack([radii for radii, _ in found], axis=2)
        return self.model.unscaled(mean + radii), " and ".join(sorted({word for _, kind in found for word in kind.split(" and ")}))

    def _errors_ahead(self, horizon: int) -> Floats:
        """(origins, horizon, channels) scaled errors of forecasts made inside the last part of the history by a system fitted to what came before."""
        assert isinstance(self.forecaster, VAR)
        count = min(max(len(self._y) // 3, 24), len(self._y) // 2, 200)  # as for single series
        cut = len(self._y) - count
        y, x = system(self.history), regressors_of(self.history, self.model.x_from)
        try:
            model = self.forecaster.fit_system(y[:cut], x[:cut], self.model.x_from)
        except ForecastError:  # too short to hold a part back: one-step residuals of the whole
            errors = (self._y - self._run[0])[:, None]
            return np.concatenate([errors, np.full((len(errors), horizon - 1, errors.shape[2]), np.nan)], axis=1)
        z, later = model.scaled(y), np.concatenate([model.scaled_x(x), np.full((horizon, x.shape[1]), np.nan)])
        _, state = model.run(z[:cut], later[:cut])
        made = model.forecasts(z[cut:], later[cut:], state, horizon)
        came = np.concatenate([y[cut:], np.full((horizon, y.shape[1]), np.nan)])
        came = np.lib.stride_tricks.sliding_window_view(came, horizon, axis=0)[:count].transpose(0, 2, 1)
        return np.asarray(self.model.scaled(came) - self.model.scaled(model.unscaled(made)))

    def update(self, new: Any) -> VARFitted:
        """The same parameters with newer observations of all channels taken in; NaN where one is missing."""
        updated = replace(self, history=self._new_rows(new))
        check_system(updated.history, "All channels of a system get their new rows together; write NaN where one is missing. ")
        regressors_of(updated.history, self.model.x_from)
        return updated

    def stream(self, series: int | str | None = None) -> VARSession:
        """A session over all channels: `step` takes the vector of their values. One series alone cannot be streamed."""
        if series is not None:
            raise ConfigError("The channels of a VAR go on together: call `stream()` without a series, and give `step` one value for each.")
        ahead = min((self.history.ahead[name].shape[1] if name in self.history.ahead else 0 for name in self.history.future), default=0)
        return VARSession(self.model, self.history.ids, self._run[1], self.model.scaled_x(regressors_ahead(self.history, self.model.x_from, ahead)))

    def describe(self, series: int = 0) -> dict[str, Any]:
        model = self.model
        system = stability_of(model)
        described = {"order": model.order, **self.coefficients[series], "sigma": float(np.sqrt(self.error_covariance[series, series]))}
        described |= {"largest root": system.largest, "stable": system.stable}
        orders, *columns, error = model.table.T.tolist()
        with np.errstate(over="ignore"):
            fpe = np.clip(np.exp(error), 0.0, LARGEST).tolist()
        criteria = dict(zip(("aic", "aicc", "bic", "hq"), columns, strict=True))
        return {**described, "criteria": {"order": [int(order) for order in orders], **criteria, "fpe": fpe}}

    @property
    def notes(self) -> tuple[str, ...]:
        model, notes = self.model, []
        largest = stability_of(model).largest
        if largest >= 1:
            notes.append(
                f"The system is not stable: a root of its equation has the modulus {largest:.3f}, 1 or more, "
                "so forecasts do not return to a mean and intervals widen without bound. Differencing the series first may help."
            )
        if (dependent := len(model.beta) - model.columns) > 0:
            notes.append(
                f"{dependent} of {len(model.beta)} regressors depend on those before them and are left out, as with a constant series or two equal ones."
            )
        left_out = int(np.isnan(self._y).any(axis=1).sum())
        if left_out:
            rows = "1 step has" if left_out == 1 else f"{left_out:,} steps have"
            notes.append(f"{rows} a missing value: they, and those with them among their lags, were left out of the fit. Expectations stand in for them.")
        names = sorted(self.history.future)
        alone = [name for k, name in enumerate(names) if ((model.x_from[:, 0] == k) & (model.x_from[:, 1] >= 0)).any()]
        if alone:
            notes.append(f"Future covariates that differ between the series count once for each of them, in every equation: {', '.join(alone)}.")
        if self.history.past:
            notes.append(f"Past covariates are not used: {', '.join(sorted(self.history.past))}. Read them as series of the system.")
        return tuple(notes)

    def summary(self) -> str:
        """What was fitted: the system, then each equation with standard errors."""
        from inorder.forecast.summary import summarise_system

        return summarise_system(self, self.coefficients, self.standard_errors, self.error_covariance)

    def granger(self, cause: str | Sequence[str], effect: str | Sequence[str]) -> GrangerTest:
        """Does the past of some series help to forecast others?   cause, effect: one name or several.

        >>> rng = np.random.default_rng(1)
        >>> x, noise = rng.normal(size=200), rng.normal(size=200)
        >>> y = np.column_stack([x, np.roll(x, 1) + noise])
        >>> fitted = VAR(order=1).fit(Series.of(y, ids=("x", "y")))
        >>> fitted.granger("x", "y").f.p_value < 0.001, fitted.granger("y", "x").f.p_value < 0.001
        (True, False)
        """
        return var_analysis.granger(self.model, self.history.ids, cause, effect)

    def impulse_responses(
        self,
        steps: int = 10,
        *,
        orthogonal: bool = True,
        levels: Sequence[float] = (0.95,),
        bands: str = "asymptotic",
        samples: int = 500,
        seed: int = 0,
    ) -> ImpulseResponses:
        """How every channel answers a shock in every other, for `steps` steps after it.

        orthogonal: shocks of one standard deviation that are uncorrelated; the order of the series matters. Else a shock of 1 in one channel alone.
        levels: of the confidence bands.   bands: "asymptotic" (the delta method) or "bootstrap" (`samples` systems fitted to series of their own making).
        """
        return var_analysis.impulse_responses(self.model, self._y, self._x, self.history, steps, orthogonal, levels, bands, samples, seed)

    def variance_decomposition(self, steps: int = 10) -> Floats:
        """(steps, channels, channels): [h − 1, j, k] the share of shocks in channel k in the error variance of channel j, h steps ahead.

        Shocks are made uncorrelated in the order of the series.
        """
        return var_analysis.variance_decomposition(self.model, steps)

    def stability(self) -> Stability:
        """The roots of the system, and whether all lie inside the unit circle."""
        return stability_of(self.model)

    def portmanteau(self, lags: int) -> Significance:
        """Are the errors correlated over time, or across channels with a delay?   A small p-value: yes; try a higher order."""
        return var_analysis.portmanteau(self.model, self.model.errors(self._y, self._x), lags)

    def normality(self) -> Significance:
        """Are the errors normal?   A small p-value: no; prefer bootstrap intervals."""
        return var_analysis.normality(self.model.errors(self._y, self._x))

    def weights(self) -> dict[str, Any]:
        return {f"var.{f.name}": np.atleast_1d(np.asarray(getattr(self.model, f.name))) for f in fields(VARModel)}


class VARSession(Session):
    """A fitted system that takes the vector of all its channels at a time, in constant memory."""

    def __init__(self, model: VARModel, ids: tuple[str, ...], state: VARState, x: Floats) -> None:
        self.model, self.ids, self.state = model, ids, state
        self._x = x  # (steps, covariates) of the steps to come, scaled

    def step(self, y: Any, *, ahead: Sequence[float] | Floats | None = None) -> Any:
        """Take (channels,) values (NaN: that one is missing) and return the (channels,) forecast of the next ones.

        ahead: the regressors of one more step to come, (covariates,), in the order of `VARFitted.regressors`.
        """
        values = np.asarray(y, dtype=np.float64)
        if values.shape != (self.model.channels,):
            came = "a single number" if values.ndim == 0 else f"an array of the shape {values.shape}"
            raise ShapeError(f"A step of this system is {self.model.channels} numbers, one for each of {', '.join(self.ids[:20])}; {came} came.")
        if np.isinf(values).any():
            raise SeriesError(f"An observation is a finite number, or NaN where it is missing, not {float(values[np.isinf(values)][0])!r}.")
        known = self._x if ahead is None else np.concatenate([self._x, self.model.scaled_x(np.asarray(ahead, dtype=np.float64).reshape(1, -1))])
        x = self._next(known, 2)
        _, self.state = self.model.step(self.model.scaled(values[None])[0], x[0], self.state)
        self._x = known[1:]
        return self.model.unscaled(self.model.ahead(self.state, x[1:])[0][0])

    def predict(self, horizon: int) -> Floats:
        """(channels, horizon) mean of the next observations."""
        check_horizon(horizon)
        return self.model.unscaled(self.model.ahead(self.state, self._next(self._x, horizon))[0]).T

    def _next(self, known: Floats, steps: int) -> Floats:
        """(steps, covariates) regressors of the next steps."""
        count = len(self.model.x_unit)
        if count == 0:
            return np.empty((steps, 0))
        if len(known) < steps or np.isnan(known[:steps]).any():
            raise ForecastError(
                f"The system has {count} future covariates, and those of the next {steps} steps are needed; {len(known)} are known. "
                "Give one more row of them with each step: step(y, ahead=[…])."
            )
        return known[:steps]


stability_of = var_analysis.stability


def check_system(series: Series, hint: str = "") -> None:
    """Refuse what is no system.   Raises ForecastError, naming the series that does not fit the others."""
    if len(series) < 2:
        raise ForecastError(
            f"A vector autoregression needs two series or more that share their stamps; {series.source} has one. Use AR, or name more columns of values."
        )
    lengths = series.lengths
    for i, name in enumerate(series.ids):
        if lengths[i] != lengths[0] or not np.array_equal(series.stamps(i), series.stamps(0)):
            which = f'"{name}" has {spanned(series, i)}, "{series.ids[0]}" has {spanned(series, 0)}'
            raise ForecastError(
                f"{hint}The series of a vector autoregression share their stamps; {which}. Give all the same rows, with NaN where one is missing."
            )
    for name, y in zip(series.ids, series, strict=True):
        if np.isnan(y).all():
            raise ForecastError(f'Series "{name}" has no observation: all {len(y)} values are missing.')


def spanned(series: Series, i: int) -> str:
    stamps = series.stamps(i)
    return f"{len(stamps):,} rows from {series.label(stamps[0])} to {series.label(stamps[-1])}" if len(stamps) else "no row"


def is_system(series: Series) -> bool:
    """Whether these are two series or more with equal stamps."""
    return len(series) > 1 and len(set(series.lengths.tolist())) == 1 and bool((series.index.reshape(len(series), -1) == series.stamps(0)).all())


def system(series: Series) -> Floats:
    """(time, channels) the values of series with equal stamps."""
    return series.values.reshape(len(series), -1).T


def chosen_columns(series: Series) -> Offsets:
    """(covariates, 2) which future covariates are regressors: the place among the sorted names, and the series whose copy is taken; −1: all are alike."""
    chosen: list[tuple[int, int]] = []
    for k, name in enumerate(sorted(series.future)):
        copies = [np.concatenate([rows, ahead]) for rows, ahead in zip(*copies_of(series, name), strict=True)]
        alike = all(np.array_equal(copy, copies[0], equal_nan=True) for copy in copies)
        chosen += [(k, -1)] if alike else [(k, i) for i in range(len(copies))]
    return np.array(chosen, dtype=np.int64).reshape(-1, 2)


def copies_of(series: Series, name: str) -> tuple[Floats, Floats]:
    """(series, time) and (series, steps ahead) one covariate."""
    ahead = series.ahead.get(name, np.empty((len(series), 0)))
    return series.future[name].reshape(len(series), -1), ahead


def regressors_of(series: Series, x_from: Offsets) -> Floats:
    """(time, covariates) the regressors over the history.   Raises ForecastError where one is missing, or no longer the same in all series."""
    names = sorted(series.future)
    columns = []
    for k, channel in x_from.tolist():
        rows = copies_of(series, names[k])[0]
        if channel < 0 and not (np.isnan(rows) | (rows == rows[0])).all():
            raise ForecastError(f'The future covariate "{names[k]}" was the same in all series when the system was fitted, and now differs between them.')
        column = rows[max(channel, 0)]
        if np.isnan(column).any():
            stamp = series.label(series.stamps(0)[int(np.argmax(np.isnan(column)))])
            raise ForecastError(f'The future covariate "{names[k]}" is missing at {stamp}. A regressor has to be known at every step: fill it.')
        columns.append(column)
    return np.stack(columns, axis=1) if columns else np.empty((len(series.stamps(0)), 0))


def regressors_ahead(series: Series, x_from: Offsets, horizon: int) -> Floats:
    """(horizon, covariates) the regressors after the last row.   Raises AheadError where fewer steps are known."""
    names = sorted(series.future)
    columns = []
    for k, channel in x_from.tolist():
        rows = copies_of(series, names[k])[1]
        column = rows[max(channel, 0)]
        steps = int(np.argmax(np.append(np.isnan(column), True)))
        if steps < horizon:
            raise too_few_ahead(names[k], horizon, steps)
        columns.append(column[:horizon])
    return np.stack(columns, axis=1) if columns else np.empty((horizon, 0))


def unpacked(weights: Mapping[str, Any], history: Series) -> VARModel:
    """The inverse of `VARFitted.weights`.   Raises BundleError where the arrays do not fit each other or the history."""
    try:
        arrays = {f.name: np.asarray(weights[f"var.{f.name}"]) for f in fields(VARModel)}
    except KeyError as error:
        raise BundleError(f"The weights have no array {error}.") from None
    whole = ("order", "deterministic", "rows", "columns", "span")
    if any(arrays[name].shape != (1,) or arrays[name].dtype.kind != "i" for name in whole):
        raise BundleError(f"The arrays {', '.join(f'var.{name}' for name in whole)} hold one whole number each.")
    order, kind, rows, columns, span = (int(arrays[name][0]) for name in whole)
    channels, covariates = len(history), len(arrays["x_from"])
    regressors = kind + covariates + order * channels
    shapes = {
        "beta": (regressors, channels),
        "factor": (channels, channels),
        "inverse": (regressors, regressors),
        "centre": (channels,),
        "unit": (channels,),
        "x_centre": (covariates,),
        "x_unit": (covariates,),
        "x_from": (covariates, 2),
        "table": (len(arrays["table"]), 1 + len(CRITERIA)),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype.kind != ("i" if name == "x_from" else "f"):
            found = f"{arrays[name].dtype} {arrays[name].shape}"
            raise BundleError(f'The array "var.{name}" is {found}; a VAR({order}) of {channels} series with {covariates} covariates needs {shape}.')
    x_from = arrays["x_from"]
    within = ((x_from >= (0, -1)) & (x_from < (max(len(history.future), 1), channels))).all()
    if order < 0 or kind not in range(3) or not 0 <= columns < rows or span < 1 or not within or not (arrays["unit"] > 0).all() or not len(arrays["table"]):
        raise BundleError("The arrays of the VAR hold numbers that no fit gives.")
    numbers: dict[str, Any] = {name: arrays[name] for name in shapes}
    return VARModel(order=order, deterministic=kind, rows=rows, columns=columns, span=span, **numbers)
