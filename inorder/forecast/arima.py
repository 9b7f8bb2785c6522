"""ARIMA: a linear function of past values and past errors, of a series that was differenced until it is stationary.

    φ(B)·Φ(Bˢ)·(w[t] − μ) = θ(B)·Θ(Bˢ)·e[t],     w = (1 − B)ᵈ·(1 − Bˢ)ᴰ·(y − x·β),     e ~ N(0, σ²)
    φ(B) = 1 − φ₁·B − … − φₚ·Bᵖ,     θ(B) = 1 + θ₁·B + … + θ_q·B^q,     Φ and Θ likewise in powers of Bˢ

B is one step back. μ is the mean where nothing is differenced, and a drift (so much a step) where it is once. θ has the sign of R and
statsmodels, the opposite of Box & Jenkins. Everything is estimated by exact maximum likelihood, also where values are missing: the likelihood
is the density of the differenced series or, with gaps, of what was observed given flat beliefs about the first d + D·s values. σ² and
the coefficients β of covariates, which are differenced like the series, are put at their best (generalised least squares).

The state is that of the exact Kalman filter, so the first forecasts and those after a gap are exact as well. The error of a forecast h steps
ahead has the variance

    σ²·(ψ₀² + … + ψ[h−1]²)   plus what the state is not known by,     ψ(B) = θ(B)·Θ(Bˢ) / (φ(B)·Φ(Bˢ)·(1 − B)ᵈ·(1 − Bˢ)ᴰ)

where σ² = Σ v²/F / (n − number of coefficients); it takes the coefficients for known. Standard errors come from the observed information,
differences of the exact gradient.

Likelihoods of models that are differenced differently are densities of different things: d and D are chosen by tests first, then the rest
by a criterion.

Source: Box, Jenkins, Reinsel & Ljung 2015, Time Series Analysis, 5th ed.; Harvey 1989, §3.3–3.4; order selection: Hyndman & Khandakar 2008,
Automatic Time Series Forecasting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError, SeriesError, unknown
from inorder.forecast.base import LikelihoodModel, check_whole
from inorder.forecast.intervals import normal_quantiles, power_of_two
from inorder.forecast.local import LocalForecaster
from inorder.forecast.unit_root import ndiffs, nsdiffs
from inorder.kernels import arima as kernel
from inorder.kernels.arima import CRITERIA, Estimate, FilterState, Orders, Process
from inorder.kernels.stopping import remaining
from inorder.typing import Floats, Values

LARGEST = float(np.finfo(np.float64).max)
EPSILON = float(np.finfo(np.float64).eps)
HELD = 1.01  # modulus that no root falls short of in a search
NEAR = 1.015  # and below which a note names it
STEP = 1e-4  # of the differences of the gradient
SEARCHING = 0.8  # share of the time left that a search for orders may take; standard errors come after it
SHORT = 10  # observations below which a search always has a mean
TABLE = ("p", "q", "P", "Q", "constant", "loglik", "criterion")


@dataclass(frozen=True, eq=False)
class ARIMAModel(LikelihoodModel):
    """p, d, q, P, D, Q, season_length: the orders.   coefficients_: φ, θ, Φ, Θ one after the other, `errors` their standard errors.
    constant: 1 where there is one.   mean: μ in units of `scale`, and its standard error.   scale: a power of two by which the filter divides the series.
    beta: (covariates,) and its standard errors; 0 and NaN for a covariate that was left out, because it depends on the others.
    sigma: √(Σ v²/F / n) in the units of the series.   table: (models, 7) every model that was tried, as in TABLE.   complete: 0 where the time ran out.
    """

    p: int
    d: int
    q: int
    P: int
    D: int
    Q: int
    season_length: int
    coefficients_: Floats
    errors: Floats
    constant: int
    mean: float
    mean_error: float
    scale: float
    beta: Floats
    beta_errors: Floats
    sigma: float
    table: Floats
    complete: int

    @property
    def orders(self) -> Orders:
        return Orders(self.p, self.q, self.P, self.Q, self.season_length)

    @property
    def process(self) -> Process:
        return Process(self.orders, self.d, self.D, self.coefficients_, self.mean)

    def init(self) -> FilterState:
        return kernel.init(self.process)

    def step(self, y: float, state: FilterState) -> tuple[float, FilterState]:
        fitted, state = self.run(np.array([y]), state)
        return float(fitted[0]), state

    def run(self, y: Values, state: FilterState | None = None) -> tuple[Floats, FilterState]:
        fitted, state, _ = kernel.run(self.process, y / self.scale, self.init() if state is None else state)
        return self._unscaled(fitted), state

    def forecast(self, state: FilterState, horizon: int) -> Floats:
        return self._unscaled(kernel.ahead(self.process, state, horizon, variances=False)[0])

    def forecasts(self, y: Values, state: FilterState, horizon: int) -> Floats:
        return self._unscaled(kernel.run(self.process, y / self.scale, state, horizon)[2])

    def quantiles(self, state: FilterState, horizon: int, probabilities: Floats) -> Floats | None:
        mean, variance = kernel.ahead(self.process, state, horizon)
        if not np.isfinite(variance).all():
            return None
        with np.errstate(over="ignore"):
            return normal_quantiles(self._unscaled(mean), self.spread * np.sqrt(variance), probabilities)

    def simulate(self, state: FilterState, horizon: int, innovations: Floats) -> Floats:
        if state.seen < self.process.initial:
            return super().simulate(state, horizon, innovations)
        errors = innovations[:, :horizon]
        if len(state.P) or len(state.W):  # the next values still teach the filter what it starts from: the weight of an error depends on its step
            process, paths = self.process._replace(mean=0.0), self.forecast(state, horizon) + errors
            still = state._replace(a=np.zeros(len(state.a)))
            for h in range(horizon - 1):
                _, moved, _ = kernel.run(process, np.ones(1), still)
                _, still, _ = kernel.run(process, np.zeros(1), still)
                paths[:, h + 1 :] += errors[:, h, None] * kernel.ahead(process, moved, horizon - 1 - h, variances=False)[0]
            return np.asarray(paths)
        psi = self.psi_weights(horizon)
        sums = np.stack([errors[:, : h + 1] @ psi[h::-1] for h in range(horizon)], axis=1)
        return np.asarray(self.forecast(state, horizon) + sums)

    def psi_weights(self, count: int) -> Floats:
        """(count,) weights of past errors in the present value."""
        process = self.process._replace(mean=0.0)
        length = max(process.initial, 1)
        _, still, _ = kernel.run(process, np.zeros(length), kernel.init(process))
        moved = FilterState(still.seen, np.zeros(len(still.a)), np.zeros((0, 0)), np.zeros((0, 0)))
        _, moved, _ = kernel.run(process, np.ones(1), moved)
        return np.append(1.0, kernel.ahead(process, moved, count, variances=False)[0])[:count]

    def _unscaled(self, values: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return np.asarray(np.clip(values * self.scale, -LARGEST, LARGEST))

    @property
    def spread(self) -> float:
        """Standard deviation of the errors, with as many degrees of freedom as there are observations less coefficients."""
        return self.sigma * math.sqrt(self.observations / max(self.observations - self.estimated + 1, 1))

    def regression(self) -> Floats:
        return self.beta

    @property
    def _names(self) -> list[str]:
        counts = {"ar": self.p, "ma": self.q, "sar": self.P, "sma": self.Q}
        return [f"{name}{i + 1}" for name, count in counts.items() for i in range(count)]

    @property
    def _per_step(self) -> float:
        """What turns μ into a drift: a seasonal difference is the drift of a whole season."""
        return self.scale / (self.season_length if self.D else 1)

    @property
    def _constant_name(self) -> str:
        return "drift" if self.d + self.D else "mean"

    def coefficients(self) -> dict[str, float]:
        own = dict(zip(self._names, self.coefficients_.tolist(), strict=True))
        constant = {self._constant_name: self.mean * self._per_step} if self.constant else {}
        return {**own, **constant, **{f"x{i + 1}": value for i, value in enumerate(self.beta.tolist())}}

    def standard_errors(self) -> dict[str, float]:
        own = dict(zip(self._names, self.errors.tolist(), strict=True))
        constant = {self._constant_name: self.mean_error * self._per_step} if self.constant else {}
        every = {**own, **constant, **{f"x{i + 1}": value for i, value in enumerate(self.beta_errors.tolist())}}
        return {name: value for name, value in every.items() if not math.isnan(value)}

    def describe(self) -> dict[str, Any]:
        seasonal = {"seasonal_order": (self.P, self.D, self.Q), "season_length": self.season_length} if self.P + self.D + self.Q else {}
        named = {name: value for name, value in self.coefficients().items() if not name.startswith("x")}
        fit = {"sigma2": self.sigma * self.sigma, "loglik": self.loglik, **{name: self.criterion(name) for name in CRITERIA}}
        found = {"order": (self.p, self.d, self.q), **seasonal, **named, **fit}
        if len(self.table) > 1:
            table = self.table[np.argsort(self.table[:, 6], kind="stable")]
            columns: dict[str, list[Any]] = {name: table[:, i].astype(int).tolist() for i, name in enumerate(TABLE[:4])}
            columns.update(constant=(table[:, 4] > 0).tolist(), loglik=table[:, 5].tolist(), criterion=table[:, 6].tolist())
            found["candidates"] = columns
        return found

    def notes(self) -> tuple[str, ...]:
        found = []
        phi, theta, seasonal_phi, seasonal_theta = np.split(self.coefficients_, np.cumsum([self.p, self.q, self.P]))
        for name, c, remedy in (
            ("AR", -phi, "One more difference (d) may suit better."),
            ("seasonal AR", -seasonal_phi, "A seasonal difference (D) may suit better."),
            ("MA", theta, "The series may be differenced once too often (d)."),
            ("seasonal MA", seasonal_theta, "The season is almost fixed, or the series is differenced once too often (D)."),
        ):
            modulus = smallest_root(c)
            if modulus < NEAR:
                found.append(f"The {name} polynomial has a root of modulus {modulus:.3f}, close to the unit circle. {remedy}")
        left_out = np.flatnonzero(np.isnan(self.beta_errors) & (self.beta == 0))
        if len(left_out):
            which = ", ".join(str(i + 1) for i in left_out)
            found.append(
                f"Left out of the regression, because the others (or the differencing) already say the same: covariate {which}, in the order of names."
            )
        if not self.complete:
            found.append(f"The time ran out after {len(self.table)} models; the best so far was taken.")
        return tuple(found)


@dataclass(frozen=True)
class ARIMA(LocalForecaster):
    """A linear function of past values and past errors of a series that was differenced until it is stationary.

        φ(B)·Φ(Bˢ)·(w[t] − μ) = θ(B)·Θ(Bˢ)·e[t],   w = (1 − B)ᵈ·(1 − Bˢ)ᴰ·y

    order: (p, d, q).   seasonal_order: (P, D, Q).   MA(q) is (0, 0, q), ARMA (p, 0, q).   constant: whether μ is estimated, "auto" = where
        d + D = 0; with d + D = 1 it is a drift; more differences allow none.
    Covariates that are known ahead enter as a regression with ARIMA errors. Missing values are filtered, not filled.
    Raises ForecastError where there are too few values, ConfigError for orders that are no orders.
    Source: Box, Jenkins, Reinsel & Ljung 2015, ch. 7, 9.

    >>> from inorder.data.samples import FOLDER
    >>> from inorder.data.series import read_series
    >>> y = np.log(read_series(FOLDER / "air-passengers.csv").values)
    >>> fitted = ARIMA(order=(0, 1, 1), seasonal_order=(0, 1, 1), season_length=12).fit(y)
    >>> {name: round(value, 4) for name, value in fitted.coefficients.items()}, round(fitted.loglik, 2)
    ({'ma1': -0.4018, 'sma1': -0.5569}, 244.7)
    """

    order: tuple[int, int, int] = (0, 1, 1)
    seasonal_order: tuple[int, int, int] = (0, 0, 0)
    constant: bool | str = "auto"
    name = "arima"
    model = ARIMAModel
    covariates = True

    def __post_init__(self) -> None:
        for name in ("order", "seasonal_order"):
            object.__setattr__(self, name, check_order(name, getattr(self, name)))
        check_constant(self.constant)
        if self.constant is True and self.order[1] + self.seasonal_order[1] > 1:
            many = self.order[1] + self.seasonal_order[1]
            raise ConfigError(f"`constant` is a mean or a drift; with d + D = {many} differences it would be a parabola. Use constant=False.")

    def fit_one(self, y: Values, season_length: int, x: Floats | None = None) -> ARIMAModel:
        x = np.zeros((len(y), 0)) if x is None else x
        (p, d, q), (P, D, Q) = self.order, self.seasonal_order
        seasonal = bool(P + D + Q)
        if seasonal and season_length < 2:
            raise ForecastError("A seasonal ARIMA needs a season of 2 observations or more, and none is known here. Set `season_length`.")
        orders = Orders(p, q, P, Q, season_length if seasonal else 1)
        constant = d + D == 0 if self.constant == "auto" else bool(self.constant)
        design = Design(y, x, d, D, orders.season_length, constant)
        design.check(orders.number, constant)
        estimate = degenerate(design, orders, constant) or design.fit(orders, constant)
        return design.model(estimate, orders, y)


@dataclass(frozen=True)
class AutoARIMA(LocalForecaster):
    """ARIMA with the orders chosen: d and D by tests, the rest by a criterion.

        φ(B)·Φ(Bˢ)·(w[t] − μ) = θ(B)·Θ(Bˢ)·e[t],   w = (1 − B)ᵈ·(1 − Bˢ)ᴰ·y

    criterion: "aicc", "aic" or "bic".   stepwise: from a few models to the neighbours of the best four until none is better; False tries all.
    max_p, max_q, max_P, max_Q: largest orders, in short series less; max_order: of their sum.
    d, D: the number of differences; None = by tests, at most max_d and max_D.   test: "kpss", "adf" or "pp".
    seasonal_test: "strength", "ocsb" or "canova-hansen".   constant: "auto" tries models with and without, where d + D is 0 or 1
        (a mean is always there in fewer than 10 observations).
    seconds: time for one series, after which the best model so far is taken, as it is shortly before the `seconds` of `fit` are used up;
        None = no limit. (With a limit, a repeated fit may find another model.)
    No root comes nearer to the origin than a modulus of 1.01, each polynomial in powers of its own lag: where the likelihood would go to the unit circle (a
    level, trend or season that is almost fixed) the model is taken just inside, rather than lost. `describe()["candidates"]` has all that were tried.
    Source: Hyndman & Khandakar 2008.

    >>> from inorder.data.samples import FOLDER
    >>> from inorder.data.series import read_series
    >>> fitted = AutoARIMA(season_length=12).fit(np.log(read_series(FOLDER / "air-passengers.csv").values))
    >>> fitted.order, fitted.describe()["seasonal_order"]
    ((0, 1, 1), (0, 1, 1))
    """

    criterion: str = "aicc"
    stepwise: bool = True
    max_p: int = 5
    max_q: int = 5
    max_P: int = 2
    max_Q: int = 2
    max_order: int = 10
    d: int | None = None
    D: int | None = None
    max_d: int = 2
    max_D: int = 1
    test: str = "kpss"
    seasonal_test: str = "strength"
    constant: bool | str = "auto"
    seconds: float | None = None
    name = "auto-arima"
    model = ARIMAModel
    covariates = True

    def __post_init__(self) -> None:
        if self.criterion not in CRITERIA:
            raise unknown("criterion", str(self.criterion), CRITERIA)
        if not isinstance(self.stepwise, bool):
            raise ConfigError(f"`stepwise` is True or False, not {self.stepwise!r}.")
        for name in ("max_p", "max_q", "max_P", "max_Q", "max_order", "max_d", "max_D"):
            check_whole(name, getattr(self, name), 0)
        for name in ("d", "D"):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), 0)
        if self.test not in ("kpss", "adf", "pp"):
            raise unknown("unit-root test", str(self.test), ("kpss", "adf", "pp"))
        if self.seasonal_test not in ("strength", "ocsb", "canova-hansen"):
            raise unknown("seasonal test", str(self.seasonal_test), ("strength", "ocsb", "canova-hansen"))
        check_constant(self.constant)
        if self.constant is True and (self.d or 0) + (self.D or 0) > 1:
            raise ConfigError(
                f"`constant` is a mean or a drift; with d + D = {(self.d or 0) + (self.D or 0)} differences it would be a parabola. Use constant=False."
            )
        if self.seconds is not None and (isinstance(self.seconds, bool) or not isinstance(self.seconds, int | float) or not self.seconds > 0):
            raise ConfigError(f"`seconds` is a time above 0, or None for no limit, not {self.seconds!r}.")

    def fit_one(self, y: Values, season_length: int, x: Floats | None = None) -> ARIMAModel:
        x = np.zeros((len(y), 0)) if x is None else x
        d, D, season = self._differences(y, season_length, x)
        if self.constant is True and d + D > 1:
            raise ForecastError(f'This series is to be differenced {d + D} times by the tests, which leaves no constant. Use constant="auto", or set d and D.')
        allowed = d + D <= 1 and self.constant is not False
        design = Design(y, x, d, D, season, allowed)
        design.check(0, False)
        estimate = self._chosen(design, season, allowed)
        if estimate is None:  # too short for a criterion, or nothing to choose from
            orders, constant = Orders(season_length=season), allowed and d + D == 0
            design.check(0, constant)
            estimate = degenerate(design, orders, constant) or design.fit(orders, constant)
        return design.model(estimate, estimate.orders, y)

    def _chosen(self, design: Design, season: int, allowed: bool) -> Estimate | None:
        flat = degenerate(design, Orders(season_length=season), allowed)
        if flat is not None:
            return flat
        few = design.terms // 3
        P, Q = (min(most, few // season) * (season > 1) for most in (self.max_P, self.max_Q))
        largest = Orders(min(self.max_p, few), min(self.max_q, few), P, Q, season)
        short = design.d + design.D == 0 and design.terms < SHORT  # where the penalties of the criterion outweigh even a mean far from zero
        constant = None if allowed and self.constant == "auto" and not short else allowed
        estimate = design.choose(
            largest, constant, max_order=self.max_order, criterion=self.criterion, stepwise=self.stepwise, modulus=HELD, seconds=self.seconds or kernel.NO_TIME
        )
        return estimate if math.isfinite(estimate.loglik) else None

    def _differences(self, y: Values, season_length: int, x: Floats) -> tuple[int, int, int]:
        """d, D and the season length to use."""
        known = ~np.isnan(y)
        series = y / power_of_two(y)
        if x.shape[1] and known.sum() > x.shape[1] + 1:  # what the covariates explain says nothing about differencing
            full = np.column_stack([x / np.maximum(np.abs(x).max(axis=0), 1e-300), np.ones(len(y))])
            series = series - full @ np.linalg.lstsq(full[known], series[known])[0]
        D = 0
        if season_length > 1:
            D = nsdiffs(series, season_length, self.seasonal_test, self.max_D) if self.D is None else self.D
        elif self.D:
            raise ForecastError(f"D = {self.D} seasonal differences need a season of 2 observations or more, and none is known here. Set `season_length`.")
        if self.D is None and D and not seasonal_ends_known(series, season_length, D):
            D = 0
        if self.d is not None:
            return self.d, D, season_length
        rest = kernel_difference(series, 0, D, season_length)
        return (ndiffs(rest, self.test, self.max_d) if np.isfinite(rest).any() else 0), D, season_length


class Design:
    """A series and its covariates as the likelihood takes them: scaled, differenced, with a column for each missing value, or filtered where that is cheaper.

    terms: observations in the likelihood.
    """

    def __init__(self, y: Values, x: Floats, d: int, D: int, season_length: int, constant: bool) -> None:
        self.d, self.D, self.season_length = d, D, season_length
        self.initial = d + D * season_length
        self.scale = power_of_two(y)
        self.size = float(np.nanmax(np.abs(y / self.scale))) or 1.0
        self.units = np.array([power_of_two(column) for column in x.T])
        self.missing = np.flatnonzero(np.isnan(y))
        self.terms = len(y) - self.initial - len(self.missing)
        self.width, self.kept = x.shape[1], np.zeros(0, dtype=np.int64)
        if self.terms < 1:
            return
        scaled, x = y / self.scale, x / self.units
        self.kept = independent(kernel_difference(x.T, d, D, season_length).T, constant or d + D == 0)
        x = x[:, self.kept]
        time = np.arange(len(y))
        seen = np.flatnonzero(~np.isnan(y))
        filled = np.interp(time, seen, scaled[seen])
        # a first regression by least squares, so that the exact one has few digits to lose
        self.first = np.zeros(len(self.kept))
        if len(self.kept):
            rows = kernel_difference(np.column_stack([filled, x]).T, d, D, season_length)
            rows = rows - rows.mean(axis=1, keepdims=True)
            self.first = np.linalg.lstsq(rows[1:].T, rows[0])[0]
            scaled, filled = scaled - x @ self.first, filled - x @ self.first
        self.with_constant = constant
        self.scaled, self.filled, self.x = scaled, filled, x

    def check(self, count: int, constant: bool) -> None:
        """Refuse a series that is too short for so many coefficients."""
        numbers = count + int(constant) + len(self.kept)
        needed = numbers + 2
        if self.terms < needed:
            raise ForecastError(
                f"An ARIMA with {numbers} coefficients and {self.initial} values lost to differencing needs {self.initial + needed} observations, "
                f"has {self.terms + self.initial}. Use lower orders, or a simpler model such as naive."
            )

    def filtered(self, r: int, count: int) -> bool:
        """Whether the filter costs less than a column for each missing value."""
        m, size = len(self.missing), r + self.initial
        return m > 0 and (m + 1) * (3 * r + 8) + m * m > size * size * (2 * count + 1)

    def _call(self, r: int, count: int, constant: bool) -> tuple[Floats, dict[str, Any]]:
        """The columns, and how the kernel is to take them."""
        d, D, n, m = self.d, self.D, len(self.scaled), len(self.missing)
        if self.filtered(r, count):
            trend = np.arange(n, dtype=np.float64) ** (d + D) / (math.factorial(d + D) * self.season_length**D)  # whose difference is 1
            return np.vstack([self.scaled, self.x.T, *[trend] * constant]), {"differencing": (d, D)}
        pulses = np.zeros((m, n))
        pulses[np.arange(m), self.missing] = 1
        columns = kernel_difference(np.vstack([self.filled, pulses, self.x.T]), d, D, self.season_length)
        return np.ascontiguousarray(np.vstack([columns, *[np.ones(columns.shape[1])] * constant])), {"integrated": m}

    def evaluate(self, orders: Orders, coefficients: Floats, constant: bool, mean: float = 0.0) -> float:
        """The log-likelihood at given coefficients.   mean: of the differenced series, where it is given and not put at its best."""
        columns, how = self._call(state_size(orders), orders.number, constant or mean != 0)
        if mean:
            columns = np.vstack([columns[0] - mean / self.scale * columns[-1], columns[1:-1]])
        found = kernel.evaluate(columns, orders, coefficients, **how)
        return found.loglik - found.terms * math.log(self.scale)

    def fit(self, orders: Orders, constant: bool) -> Estimate:
        columns, how = self._call(state_size(orders), orders.number, constant)
        return kernel.fit(columns, orders, constant, **how)

    def choose(self, largest: Orders, constant: bool | None, *, seconds: float, **options: Any) -> Estimate:
        seconds = min(seconds, max(remaining(), 0.0) * SEARCHING)  # of what `fit` was given, so that it has the best so far instead of nothing
        usual = Orders(min(largest.p, 2), min(largest.q, 2), min(largest.P, 1), min(largest.Q, 1), largest.season_length)
        columns, how = self._call(state_size(usual), usual.number, constant is not False)
        return kernel.choose(columns, largest, constant=constant, seconds=seconds, **options, **how)

    def model(self, estimate: Estimate, orders: Orders, y: Values) -> ARIMAModel:
        """The estimate in the units of the series, with standard errors."""
        constant = estimate.constant
        errors, beta_errors = self._standard_errors(estimate, orders, constant)
        terms, floor = estimate.terms, EPSILON * self.size
        sigma, loglik = math.sqrt(max(estimate.sigma2, 0.0)), estimate.loglik
        if not sigma > floor:  # a perfect fit is one down to rounding
            sigma, loglik = 0.0, -0.5 * terms * (math.log(2 * math.pi * floor * floor) + 1)
        beta, own_errors = np.zeros(self.width), np.full(self.width, math.nan)
        units = self.scale / self.units[self.kept]
        beta[self.kept] = (estimate.beta[: len(self.kept)] + self.first) * units
        own_errors[self.kept] = beta_errors[: len(self.kept)] * units
        seasonal = bool(orders.P + orders.Q + self.D)
        made = ARIMAModel(
            loglik=loglik - terms * math.log(self.scale),
            estimated=orders.number + int(constant) + len(self.kept) + 1,
            observations=terms,
            p=orders.p,
            d=self.d,
            q=orders.q,
            P=orders.P,
            D=self.D,
            Q=orders.Q,
            season_length=orders.season_length if seasonal else 1,
            coefficients_=estimate.coefficients,
            errors=errors,
            constant=int(constant),
            mean=float(estimate.beta[-1]) if constant else 0.0,
            mean_error=float(beta_errors[-1]) if constant else math.nan,
            scale=self.scale,
            beta=beta,
            beta_errors=own_errors,
            sigma=sigma * self.scale,
            table=self._in_units(estimate.table),
            complete=int(estimate.complete),
        )
        if len(self.missing):
            _, state = made.run(y)
            if len(state.W):
                raise ForecastError(
                    f"A place of the season has no observation at all, so {self.D} seasonal differences leave it unknown. Use D = 0, or a shorter season."
                )
        return made

    def _in_units(self, table: Floats) -> Floats:
        table = table.copy()
        shift = self.terms * math.log(self.scale)
        table[:, 5] -= shift
        table[:, 6] += 2 * shift
        return table

    def _standard_errors(self, estimate: Estimate, orders: Orders, constant: bool) -> tuple[Floats, Floats]:
        """Of the coefficients, from the second derivatives of the likelihood; of β and μ, of generalised least squares. NaN where not known."""
        k, c = orders.number, estimate.coefficients
        unknown_errors = np.full(k, math.nan)
        if not estimate.sigma2 > (EPSILON * self.size) ** 2:
            return unknown_errors, np.full(len(estimate.beta), math.nan)
        columns, how = self._call(state_size(orders), k, constant)
        here = kernel.evaluate(columns, orders, c, **how)
        spread = np.sqrt(np.maximum(np.diag(here.covariance)[-len(estimate.beta) :], 0)) if len(estimate.beta) else np.zeros(0)
        hessian = np.zeros((k, k))
        for i in range(k):
            step = STEP * np.eye(k)[i]
            above, below = (kernel.evaluate(columns, orders, c + side * step, **how).slope for side in (1, -1))
            hessian[i] = (below - above) / (2 * STEP)
        hessian = (hessian + hessian.T) / 2
        if not np.isfinite(hessian).all() or (k and np.linalg.eigvalsh(hessian)[0] <= 0):
            return unknown_errors, spread
        return np.sqrt(np.diag(np.linalg.inv(hessian))), spread


def degenerate(design: Design, orders: Orders, constant: bool) -> Estimate | None:
    """The estimate for a series of which nothing is left after differencing and regression, else None."""
    if len(design.kept):
        return None
    known = kernel_difference(design.filled, design.d, design.D, design.season_length)
    centre = float(known.mean()) if constant else 0.0
    with np.errstate(under="ignore"):
        largest = float(np.abs(known - centre).max())
    if largest > 4 * (1 + design.initial) * EPSILON * design.size:
        return None
    beta = np.array([centre]) if constant else np.zeros(0)
    return Estimate(orders, constant, np.zeros(orders.number), beta, math.inf, 0.0, design.terms, np.zeros((0, len(TABLE))), True)


def loglik(
    y: Sequence[float] | Values | Series,
    order: tuple[int, int, int],
    seasonal_order: tuple[int, int, int] = (0, 0, 0),
    coefficients: Sequence[float] | Floats = (),
    *,
    season_length: int = 1,
    constant: bool | float = False,
) -> float:
    """The exact log-likelihood of a seasonal ARIMA at given coefficients, σ² at its best.

        −n/2·(log 2πσ² + 1) − ½·Σ log F[t],   σ² = Σ v[t]²/F[t] / n,   n = values observed − d − D·s

    y: (time,), NaN = missing, or one Series.   coefficients: φ, θ, Φ, Θ one after the other.   constant: False = the differenced series has the mean 0;
        a number = that mean; True = the mean at its best.
    −∞ where the coefficients are not stationary. It does not need them invertible.   Raises ConfigError for a wrong number of coefficients,
    SeriesError for an infinite value.

    >>> round(loglik([1.0, 3.0, 2.0, 5.0], (1, 0, 0), coefficients=[0.5]), 3)
    -9.34
    """
    (p, d, q), (P, D, Q) = check_order("order", order), check_order("seasonal_order", seasonal_order)
    orders = Orders(p, q, P, Q, check_whole("season_length", season_length, 1))
    c = np.asarray(coefficients, dtype=np.float64).reshape(-1)
    if isinstance(y, Series) and y.panel:
        raise ConfigError(f"`y` is one series, not a panel of {len(y)}. Take one of them, with series.y(0).")
    values = np.asarray(y.y() if isinstance(y, Series) else y, dtype=np.float64)
    if len(c) != orders.number:
        raise ConfigError(f"`coefficients` has {len(c)} numbers; ({p}, {d}, {q})({P}, {D}, {Q}) has {orders.number}.")
    if (P or D or Q) and season_length < 2:
        raise ConfigError(f"A seasonal order needs `season_length`, 2 observations or more, not {season_length}.")
    if values.ndim != 1 or len(values) <= d + D * season_length:
        raise ConfigError(f"`y` is one series of more than {d + D * season_length} values, not of the shape {values.shape}.")
    if np.isinf(values).any():
        raise SeriesError(
            f"`y` is infinite in row {int(np.flatnonzero(np.isinf(values))[0]) + 1}. An observation is a finite number, or NaN where it is missing."
        )
    if np.isnan(values).all():
        raise ConfigError("`y` has no observation.")
    if not np.isnan(values).any() and constant is not True:  # the lean path
        scale = power_of_two(values)
        w = np.ascontiguousarray(kernel_difference(values / scale, d, D, season_length))
        return kernel.loglik(w - constant / scale if constant else w, orders, c) - len(w) * math.log(scale)
    design = Design(values, np.zeros((len(values), 0)), d, D, season_length, constant is True)
    if design.terms < 1:
        raise ConfigError(f"`y` has {design.terms + design.initial} observations; more than {design.initial} are needed.")
    return design.evaluate(orders, c, constant is True, 0.0 if constant is True else float(constant))


def kernel_difference(y: Floats, d: int, D: int, season_length: int) -> Floats:
    """(1 − B)ᵈ·(1 − Bˢ)ᴰ along the last axis; empty where there are too few values.

    >>> kernel_difference(np.array([1.0, 2.0, 4.0, 8.0]), 0, 1, 2).tolist()
    [3.0, 6.0]
    """
    for _ in range(D):
        y = y[..., season_length:] - y[..., :-season_length]
    for _ in range(d):
        y = y[..., 1:] - y[..., :-1]
    return y


def independent(x: Floats, constant: bool) -> Any:
    """Which columns do not depend on those before them (and on a constant)."""
    kept: list[int] = []
    basis = np.ones((len(x), 1)) / math.sqrt(max(len(x), 1)) if constant else np.zeros((len(x), 0))
    for i, column in enumerate(x.T):
        size = float(np.linalg.norm(column))
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)
        if size > 0 and basis.shape[1] < len(x) and float(np.linalg.norm(left)) > 1e-9 * size:
            basis = np.column_stack([basis, left / np.linalg.norm(left)])
            kept.append(i)
    return np.array(kept, dtype=np.int64)


def seasonal_ends_known(y: Values, season_length: int, D: int) -> bool:
    """Whether every place of the season has D observations at least, without which seasonal differences leave it unknown."""
    places = np.arange(len(y)) % season_length
    return bool((np.bincount(places[~np.isnan(y)], minlength=season_length) >= D).all())


def smallest_root(coefficients: Floats) -> float:
    """The smallest modulus among the roots of 1 + c₁·z + … + cₖ·zᵏ; infinite where there are none.

    >>> smallest_root(np.array([-0.5]))
    2.0
    """
    return 1 / float(max(np.abs(np.roots(np.append(1.0, coefficients))).max(initial=0.0), 1e-300)) if np.any(coefficients) else math.inf


def state_size(orders: Orders) -> int:
    return max(orders.p + orders.P * orders.season_length, orders.q + orders.Q * orders.season_length)


def check_order(name: str, order: Any) -> tuple[int, int, int]:
    """Three whole numbers, 0 or more.   Raises ConfigError, naming the setting."""
    try:
        first, second, third = (check_whole(name, value, 0) for value in order)
    except (TypeError, ValueError):
        letters = "(p, d, q)" if name == "order" else "(P, D, Q)"
        raise ConfigError(f"`{name}` is {letters}, three whole numbers of 0 or more, not {order!r}.") from None
    return first, second, third


def check_constant(constant: Any) -> None:
    if constant != "auto" and not isinstance(constant, bool):
        raise ConfigError(f'`constant` is True, False or "auto", not {constant!r}.')
