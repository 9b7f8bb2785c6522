"""Exponential smoothing as a family of state space models, and the choice among them.

    ŷ[t+h] = (l + (φ + … + φ^h)·b) + s   or  · s                 the error added, or a share r of the forecast: y = ŷ·(1 + r)
    e = y − ŷ,   u = e  or  e/s
    l ← l + φ·b + α·u,    b ← φ·b + β·u,    s ← s + γ·e  or  s + γ·e/(l + φ·b)          (a multiplicative trend: l·b^φ in place of l + φ·b)

A model is named by its error, trend and season, each N (none), A (additive) or M (multiplicative), d for a damped trend: ETS(M,Ad,M).
Parameters and initial states maximise the Gaussian likelihood

    log L = −n/2·(log(2π·S/n) + 1) − Σ log|ŷ|,     S = Σ e², or Σ (e/ŷ)² with a multiplicative error        (its last sum: only then)

in nats, over the observations that are not missing; statsmodels gives the same number, statsforecast and R one that is larger by
n/2·(1 + log(2π/n)), the same for all models. The criteria count the parameters, the initial states and σ². β is that of Hyndman et al., α times
Holt's, so that the usual region is 0 ≤ α ≤ 1, 0 ≤ β ≤ α, 0 ≤ γ ≤ 1 − α, 0.8 ≤ φ ≤ 0.98.

A trend that learns as fast as its level wins likelihood in short series and loses forecasts, so the automatic choice estimates under a half-normal
prior on β/α with deviation τ: it makes −2·log L + (β/α)²/τ² small. The likelihoods and criteria that are reported, and chosen by, are without it.
And r, a share, can be normal only while 1 + r stays above zero, three deviations down: with σ above 1/3 the likelihood rewards forecasts that lie too
high, which a trend provides. There the choice leaves out models with a multiplicative error and a trend.

Point forecasts follow the recursion without news. Intervals: with c[j] = α + β·(φ + … + φ^j) + γ·(j is a multiple of m), σ² = S/(n − k + 1),

    everything additive            v[h] = σ²·(1 + c²[1] + … + c²[h−1])
    multiplicative error alone     v[h] = (1 + σ²)·θ[h] − ŷ²[h],     θ[h] = ŷ²[h] + σ²·(c²[1]·θ[h−1] + … + c²[h−1]·θ[1])
    error and season               v[h] = (1 + σ²)·E[q²s²] − E[qs]², both carried along by the moments of r (exact)

and quantiles of the normal distribution with that variance; for other models quantiles of paths that are simulated with a fixed seed. They take
model, parameters and states for certain, so `AutoETS` scales them by held-out errors (`inorder.forecast.calibration`), `ETS` on request.

Source: Hyndman, Koehler, Ord & Snyder 2008, Forecasting with Exponential Smoothing, ch. 2 (models), 5 (likelihood), 6 (variances; for models with
multiplicative error and season we carry E[x·x'·s²] for the one place that a step needs), 10 (admissible region); Hyndman, Koehler, Snyder & Grose 2002
(automatic choice).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inorder.errors import ConfigError, ForecastError, unknown
from inorder.forecast import paths
from inorder.forecast.base import LikelihoodModel, information_criterion
from inorder.forecast.calibration import calibrated, check_calibrate, scale_of
from inorder.forecast.intervals import normal_quantiles, power_of_two
from inorder.forecast.local import LocalForecaster
from inorder.kernels.ets import BOUNDS, SMALLEST_PRIOR, Estimate, Kind, States
from inorder.kernels.smoothing import PHI_BOUNDS
from inorder.typing import Floats, Values

CRITERIA = ("aic", "aicc", "bic")
INITIAL = ("auto", "estimated", "heuristic")
LONGEST_SEASON = 52  # whose initial states are estimated unasked; the work grows with its square
LONGEST_ESTIMATED = 500  # on request
LONGEST_DEVIATIONS = 24  # season up to which standard errors are worked out
LARGEST = float(np.finfo(np.float64).max)
SMALLEST_SHARE = 1e-140  # of the largest value: below, logarithms of forecasts cannot be told from noise
PARTS = "NAM"
WEIGHTS = ("alpha", "beta", "gamma", "phi")
LARGEST_SHARE = 1 / 3  # σ of a multiplicative error beside a trend, in the automatic choice
STEP = 1e-4  # of a difference between gradients, in parameters and in standard deviations of an observation


@dataclass(frozen=True, eq=False)
class ETSModel(LikelihoodModel):
    """error, trend, season: 0 none, 1 additive, 2 multiplicative.   damped: 0 or 1.   alpha, beta, gamma, phi: shares and damping.
    level, slope, seasons: the states before the first observation.   sigma: standard deviation of the errors (of their shares).
    deviations: (6,) standard errors of the four parameters, the initial level and the initial trend; NaN where not known.
    table: (candidates, 6) error, trend, damped, season, k and log-likelihood of every model that was tried, best first.
    nonpositive: 1 where values of zero or below ruled out multiplicative models.   heuristic: 1 where the initial season was not estimated.
    scale: c of the intervals (`inorder.forecast.calibration`); 0 where they are those of the formula.
    """

    error: int
    trend: int
    damped: int
    season: int
    alpha: float
    beta: float
    gamma: float
    phi: float
    level: float
    slope: float
    seasons: Floats
    sigma: float
    deviations: Floats
    table: Floats
    nonpositive: int
    heuristic: int
    scale: float = 0.0

    @property
    def kind(self) -> Kind:
        return Kind(PARTS[self.error], PARTS[self.trend], bool(self.damped), PARTS[self.season])

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        return self.alpha, self.beta, self.gamma, self.phi

    def init(self) -> States:
        return States(self.level, self.slope, self.seasons)

    def step(self, y: float, state: States) -> tuple[float, States]:
        from inorder.kernels.ets import run

        done = run(np.array([y]), self.kind, self.parameters, state)
        return float(_bounded(done.fitted)[0]), done.last

    def run(self, y: Values, state: States | None = None) -> tuple[Floats, States]:
        from inorder.kernels.ets import run

        done = run(y, self.kind, self.parameters, self.init() if state is None else state)
        return _bounded(done.fitted), done.last

    def forecast(self, state: States, horizon: int) -> Floats:
        return np.asarray(self._ahead(np.array([[state.level]]), np.array([[state.trend]]), np.resize(state.season, horizon))[0])

    def forecasts(self, y: Values, state: States, horizon: int) -> Floats:
        from inorder.kernels.ets import run

        done = run(y, self.kind, self.parameters, state)
        places = np.arange(len(y))[:, None] + np.arange(horizon) % len(state.season)
        return self._ahead(done.level[:, None], done.trend[:, None], np.concatenate([state.season, done.season])[places])

    def _ahead(self, level: Floats, slope: Floats, season: Floats) -> Floats:
        """(origins, horizon) from the states at each origin: (origins, 1) level and slope, (horizon,) or (origins, horizon) season."""
        horizon = season.shape[-1]
        damping = np.cumsum(self.phi ** np.arange(1.0, horizon + 1))
        with np.errstate(over="ignore", invalid="ignore"):
            base = (
                level + damping * slope if self.kind.trend == "A" else level * slope**damping if self.kind.trend == "M" else np.repeat(level, horizon, axis=1)
            )
            return _bounded(base * season if self.kind.season == "M" else base + season)

    def innovations(self, y: Values, fitted: Values) -> Values:
        if self.kind.error == "A":
            return y - fitted
        with np.errstate(all="ignore"):
            return np.where(fitted == 0, np.nan, (y - fitted) / fitted)

    def simulate(self, state: States, horizon: int, innovations: Floats) -> Floats:
        from inorder.kernels.ets import simulate

        return _bounded(simulate(self.kind, self.parameters, state, innovations[:, :horizon]))

    @property
    def interval_kind(self) -> str:
        return "analytic" if self._variance_is_known else "simulated"

    @property
    def _variance_is_known(self) -> bool:
        return self.kind.trend != "M" and (self.kind.error == "M" or self.kind.season != "M")

    def quantiles(self, state: States, horizon: int, probabilities: Floats) -> Floats | None:
        return calibrated(lambda p: self._own_quantiles(state, horizon, p), self.scale, probabilities)

    def _own_quantiles(self, state: States, horizon: int, probabilities: Floats) -> Floats:
        if not self._variance_is_known:
            draws = self.sigma * np.random.default_rng(0).standard_normal((horizon, paths.PATHS)).T
            return paths.quantiles(self.simulate(state, horizon, draws), probabilities)
        mean = self.forecast(state, horizon)
        return normal_quantiles(mean, self.standard_deviations(state, horizon), probabilities)

    def standard_deviations(self, state: States, horizon: int) -> Floats:
        """(horizon,) of what comes next, as the module's docstring says; for models with a formula."""
        mean = self.forecast(state, horizon)
        shares = self.alpha + self.beta * np.cumsum(self.phi ** np.arange(1.0, horizon))
        if self.season:
            shares[len(state.season) - 1 :: len(state.season)] += self.gamma
        if self.kind.error == "A":
            return np.asarray(self.sigma * np.sqrt(np.concatenate([[1.0], 1 + np.cumsum(shares**2)])))
        unit = power_of_two(np.append(mean, state.level))  # so that squares stay in the range of floats
        with np.errstate(over="ignore", invalid="ignore"):
            if self.kind.season == "M":
                variance = _product_variance(
                    state.level / unit, state.trend / unit, np.resize(state.season, horizon), len(state.season), self.parameters, self.sigma
                )
            else:
                variance = _share_variance(mean / unit, shares, self.sigma)
            return _bounded(unit * np.sqrt(np.maximum(np.nan_to_num(variance, nan=np.inf), 0.0)))

    def coefficients(self) -> dict[str, float]:
        used = {"alpha": True, "beta": self.trend, "gamma": self.season, "phi": self.damped, "initial_level": True, "initial_trend": self.trend}
        return {name: value for (name, use), value in zip(used.items(), (*self.parameters, self.level, self.slope), strict=True) if use}

    def standard_errors(self) -> dict[str, float]:
        known = dict(zip((*WEIGHTS, "initial_level", "initial_trend"), self.deviations.tolist(), strict=True))
        return {name: known[name] for name in self.coefficients() if not math.isnan(known[name])}

    def describe(self) -> dict[str, Any]:
        tried = [Kind(PARTS[int(e)], PARTS[int(t)], bool(d), PARTS[int(s)]) for e, t, d, s in self.table[:, :4]]
        estimated, logliks = self.table[:, 4].astype(int).tolist(), self.table[:, 5].tolist()
        scores = {name: [information_criterion(name, loglik, k, self.observations) for k, loglik in zip(estimated, logliks, strict=True)] for name in CRITERIA}
        return {
            "order": str(self.kind),
            **{name: value for name, value in self.coefficients().items() if name in WEIGHTS},
            "sigma": self.sigma,
            "loglik": self.loglik,
            **({"interval scale": self.scale} if self.scale else {}),
            **({"candidates": {"model": [str(kind) for kind in tried], "estimated": estimated, "loglik": logliks, **scores}} if len(tried) > 1 else {}),
        }

    def describe_state(self, state: States) -> dict[str, Any]:
        used = {"level": (1, state.level), "trend": (self.trend, state.trend), "season": (self.season, state.season)}
        return {name: value for name, (use, value) in used.items() if use}

    def notes(self) -> tuple[str, ...]:
        found = []
        if self.nonpositive:
            found.append("Some values are zero or negative, or next to nothing beside the largest, so models with multiplicative parts were left out.")
        if self.heuristic and self.season:
            found.append(
                f"The season of {len(self.seasons)} is long, so its initial states are those of a line with seasonal offsets through the first three seasons; "
                "parameters, level and trend are estimated."
            )
        return tuple(found)


def _share_variance(mean: Floats, shares: Floats, sigma: float) -> Floats:
    """(horizon,) variances with a multiplicative error and everything else additive, from the recursion of θ."""
    theta = mean**2
    for h in range(1, len(mean)):
        theta[h] += sigma**2 * np.sum(shares[:h] ** 2 * theta[h - 1 :: -1])
    return np.asarray((1 + sigma**2) * theta - mean**2)


def _product_variance(level: float, slope: float, season: Floats, season_length: int, parameters: tuple[float, float, float, float], sigma: float) -> Floats:
    """(horizon,) variances of q·s·(1 + r) with x = (l, b), q = H·x and s the place of the season that a step needs.

        each step       x ← (F + r·K)·x,   K = (α, β)'·H           E[r] = 0, E[r²] = σ², E[r³] = 0, E[r⁴] = 3σ⁴
        that place      s ← s·(1 + γ·r)                            in the steps that are a whole number of seasons before

    Both feel the same r, so M = E[x·s] and W = E[x·x'·s²] are carried along together, for every horizon at once.   season: (horizon,).
    """
    alpha, beta, gamma, phi = parameters
    horizon, variance = len(season), sigma**2
    ahead = np.array([1.0, phi])
    move = np.array([[1.0, phi], [0.0, phi]])
    news = np.outer([alpha, beta], ahead)
    x = np.array([level, slope])
    mean, square = season[:, None] * x, (season**2)[:, None, None] * np.outer(x, x)
    steps = np.arange(1, horizon + 1)
    for i in range(1, horizon):
        later, same = steps > i, ((steps - i) % season_length == 0)[:, None]
        first = mean @ move.T + np.where(same, gamma * variance * (mean @ news.T), 0.0)
        plain, twice = move @ square @ move.T, news @ square @ news.T
        crossed = move @ square @ news.T
        crossed = crossed + crossed.transpose(0, 2, 1)
        touched = (1 + gamma**2 * variance) * plain + 2 * gamma * variance * crossed + (1 + 3 * gamma**2 * variance) * variance * twice
        second = np.where(same[:, :, None], touched, plain + variance * twice)
        mean, square = np.where(later[:, None], first, mean), np.where(later[:, None, None], second, square)
    return np.asarray((1 + variance) * (ahead @ square @ ahead) - (mean @ ahead) ** 2)


@dataclass(frozen=True)
class ETS(LocalForecaster):
    """One state space model of exponential smoothing: error, trend and season, each none, additive or multiplicative.

        y[t] = ŷ[t] + e[t]  or  ŷ[t]·(1 + r[t]);   l ← l + φ·b + α·u,   b ← φ·b + β·u,   s ← s + γ·e  or  s + γ·e/(l + φ·b)

    components: three letters for error (A, M), trend (N, A, M) and season (N, A, M): N none, A additive, M multiplicative.
    damped: the trend levels off.
    alpha, beta, gamma, phi: fixed where given, else estimated; β is α times Holt's.
    bounds: "usual" (0 ≤ α ≤ 1, 0 ≤ β ≤ α, 0 ≤ γ ≤ 1 − α), "admissible" (the region where what an observation did to the states dies out) or "both".
    initial: the season before the first observation. "estimated" seeks it together with everything else (seasons of at most 500); "heuristic" takes
        that of a line with offsets through the first three seasons; "auto" estimates up to a season of 52. Level and trend are always estimated.
    prior: τ of a half-normal prior on β/α, which keeps a trend from chasing the last values (`AutoETS` has 0.3); None: maximum likelihood.
    calibrate: widen or narrow the intervals by the errors that the model, fitted to a first part, made in the rest; False: those of the formula.
    Raises ForecastError for fewer observations than estimated numbers, fewer than two seasons, and values of zero or below with a multiplicative part.
    Source: Hyndman, Koehler, Ord & Snyder 2008, ch. 2, 5, 6.

    >>> from inorder.data.series import Series
    >>> fitted = ETS(components="MNN", alpha=0.5).fit(Series.of([10.0, 14.0, 12.0, 12.0, 11.0, 13.0]))
    >>> fitted.predict(2).mean.round(1).tolist()
    [12.3, 12.3]
    """

    components: str = "AAN"
    damped: bool = False
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    phi: float | None = None
    bounds: str = "usual"
    initial: str = "auto"
    prior: float | None = None
    calibrate: bool = False
    name = "ets"
    model = ETSModel

    def __post_init__(self) -> None:
        _check_components(self.components, "AM", "NAM", "NAM", "AAN")
        _check_choices(self.bounds, self.initial, self.prior)
        check_calibrate(self.calibrate)
        if not isinstance(self.damped, bool):
            raise ConfigError(f"`damped` is True or False, not {self.damped!r}.")
        if self.damped and self.kind.trend == "N":
            raise ConfigError('`damped` needs a trend that can level off: components="AAN".')
        used = {"alpha": True, "beta": self.kind.trend != "N", "gamma": self.kind.season != "N", "phi": self.damped}
        for name, use in used.items():
            value = getattr(self, name)
            if value is not None and not use:
                raise ConfigError(f"`{name}` = {value!r} has no effect on {self.kind}.")
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value)):
                raise ConfigError(f"`{name}` is a number, not {value!r}.")
        if self.prior is not None and (self.kind.trend == "N" or self.beta is not None):
            raise ConfigError(f"`prior` = {self.prior!r} has no effect on {self.kind} with beta = {self.beta}: it holds back a trend that is estimated.")
        if self.phi is not None and not 0 < self.phi <= 1:
            raise ConfigError(f"`phi` is above 0 and at most 1, not {self.phi!r}.")
        if self.bounds != "admissible":
            alpha, beta, gamma = self.alpha, self.beta or 0.0, self.gamma or 0.0
            if not (0 <= (beta if alpha is None else alpha) <= 1 and 0 <= beta <= (1 if alpha is None else alpha) and 0 <= gamma <= 1 - (alpha or beta)):
                raise ConfigError(
                    "The usual region is 0 ≤ alpha ≤ 1, 0 ≤ beta ≤ alpha, 0 ≤ gamma ≤ 1 − alpha; "
                    f'given are alpha {alpha}, beta {self.beta}, gamma {self.gamma}. Use other values, or bounds="admissible".'
                )

    @property
    def kind(self) -> Kind:
        return Kind(self.components[0], self.components[1], self.damped, self.components[2])

    def fit_one(self, y: Values, season_length: int) -> ETSModel:
        known, kind = y[~np.isnan(y)], self.kind
        if kind.season != "N" and season_length < 2:
            raise ForecastError('A seasonal model needs a season of 2 observations or more, and none is known here. Set `season_length`, or components="AAN".')
        fixed = [math.nan if value is None else float(value) for value in (self.alpha, self.beta, self.gamma, self.phi)]
        estimated = _estimated(kind, season_length, fixed)
        if len(known) < max(estimated, 2 * season_length if kind.season != "N" else 0):
            why = (
                f"two seasons of {season_length}"
                if kind.season != "N" and 2 * season_length > estimated
                else f"one for each of the {estimated} numbers it estimates"
            )
            raise ForecastError(
                f"{kind} needs {max(estimated, 2 * season_length * (kind.season != 'N'))} observations ({why}), has {len(known)}. Use a simpler model."
            )
        if kind.positive and not _positive(known):
            raise ForecastError(f'{kind} needs values above zero and not next to it; the smallest here is {known.min():g}. Use components="AAN" or "AAA".')
        model = _fit(y, [kind], season_length, fixed, self, "aicc")
        return replace(model, scale=scale_of(replace(self, calibrate=False), y, season_length)) if self.calibrate else model


@dataclass(frozen=True)
class AutoETS(LocalForecaster):
    """The state space model of exponential smoothing with the least criterion, of all those that suit the series.

        y[t] = ŷ[t] + e[t]  or  ŷ[t]·(1 + r[t]);   l ← l + φ·b + α·u,   b ← φ·b + β·u,   s ← s + γ·e  or  s + γ·e/(l + φ·b)

    components: three letters for error, trend and season: N none, A additive, M multiplicative, Z any.   damped: None tries both.
    criterion: "aicc", "aic" or "bic".
    restrict: leave out what is numerically unstable: an additive error with a multiplicative trend or season, a multiplicative trend with an
        additive season, and a multiplicative error whose σ comes out above 1/3 with a trend.   allow_multiplicative_trend: whether Z for the trend includes M.
    bounds, initial: as for `ETS`.   prior: τ of the half-normal prior on β/α, which keeps a trend from chasing the last values; None: none.
    calibrate: widen or narrow the intervals by the errors that the chosen model, fitted to a first part, made in the rest; False: those of the formula.
    Models with multiplicative parts are left out, with a note, where values are zero or below; seasonal ones where there are fewer than two seasons.
    Raises ForecastError where no model suits the series.   Source: Hyndman, Koehler, Snyder & Grose 2002; Hyndman et al. 2008, ch. 5.

    >>> from inorder.data.series import Series
    >>> fitted = AutoETS().fit(Series.of([3.1, 5.0, 6.9, 9.1, 11.0, 13.1, 14.9, 17.0, 19.1, 21.0]))
    >>> fitted.describe()["order"], fitted.predict(1).mean.round(1).tolist()
    ('ETS(A,A,N)', [23.0])
    """

    components: str = "ZZZ"
    damped: bool | None = None
    criterion: str = "aicc"
    restrict: bool = True
    allow_multiplicative_trend: bool = False
    bounds: str = "usual"
    initial: str = "auto"
    prior: float | None = 0.3
    calibrate: bool = True
    name = "auto-ets"
    model = ETSModel

    def __post_init__(self) -> None:
        _check_components(self.components, "AMZ", "NAMZ", "NAMZ", "ZZZ")
        _check_choices(self.bounds, self.initial, self.prior)
        check_calibrate(self.calibrate)
        if self.criterion not in CRITERIA:
            raise unknown("criterion", str(self.criterion), CRITERIA)
        for name in ("restrict", "allow_multiplicative_trend"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"`{name}` is True or False, not {getattr(self, name)!r}.")
        if self.damped is not None and not isinstance(self.damped, bool):
            raise ConfigError(f"`damped` is True, False or None for both, not {self.damped!r}.")
        if not self.candidates():
            raise ConfigError(f"No model is left with components {self.components!r}, damped={self.damped} and restrict={self.restrict}. Loosen one of them.")

    def candidates(self) -> list[Kind]:
        """The models that the settings allow, the simple ones first: their solutions are starts for those after them."""
        errors, trends, seasons = (part if part != "Z" else choices for part, choices in zip(self.components, ("AM", "NAM", "NAM"), strict=True))
        if self.components[1] == "Z" and not self.allow_multiplicative_trend:
            trends = "NA"
        kinds = [Kind(error, trend, damped, season) for error in errors for season in seasons for trend in trends for damped in (False, True)]
        kinds = [kind for kind in kinds if not (kind.damped and kind.trend == "N") and self.damped in (None, kind.damped)]
        return [kind for kind in kinds if not (self.restrict and _unstable(kind))]

    def fit_one(self, y: Values, season_length: int) -> ETSModel:
        known = y[~np.isnan(y)]
        positive = _positive(known)
        allowed = self.candidates()
        kinds = [kind for kind in allowed if kind.season == "N" or (season_length > 1 and len(known) >= 2 * season_length)]
        if not kinds:
            raise ForecastError(
                f"Models with components {self.components} need two seasons of 2 observations or more; the season here is {season_length}, "
                f"and {len(known)} values are known. Set `season_length`, or use components ending in Z."
            )
        nonpositive = not positive and any(kind.positive for kind in kinds)
        kinds = [kind for kind in kinds if positive or not kind.positive]
        if not kinds:
            raise ForecastError(f"Models with components {self.components} need values above zero; the smallest here is {known.min():g}. Use components ZZZ.")
        fixed = [math.nan] * 4
        fitting = [kind for kind in kinds if len(known) >= _estimated(kind, season_length, fixed)]
        if not fitting:
            least = min(_estimated(kind, season_length, fixed) for kind in kinds)
            raise ForecastError(f"The smallest model of {self.name} needs {least} observations, has {len(known)}. Use a simpler model, such as naive or mean.")
        scored = [kind for kind in fitting if len(known) > _estimated(kind, season_length, fixed) + 1]  # whose AICc is finite
        model = _fit(y, scored or fitting[:1], season_length, fixed, self, self.criterion, nonpositive)
        if not self.calibrate:
            return model
        kind = model.kind
        prior = self.prior if kind.trend != "N" else None
        alone = ETS(components=kind.error + kind.trend + kind.season, damped=kind.damped, bounds=self.bounds, initial=self.initial, prior=prior)
        return replace(model, scale=scale_of(alone, y, season_length))


def _fit(
    y: Values, kinds: Sequence[Kind], season_length: int, fixed: Sequence[float], settings: ETS | AutoETS, criterion: str, nonpositive: bool = False
) -> ETSModel:
    """The best of some models; what each of them needs of the series was looked at before."""
    from inorder.kernels.ets import search

    known = y[~np.isnan(y)]
    initial, prior = settings.initial, math.inf if settings.prior is None else settings.prior
    if any(kind.season != "N" for kind in kinds) and initial == "estimated" and season_length > LONGEST_ESTIMATED:
        raise ForecastError(f'Estimating the {season_length} initial states of so long a season takes hours and gigabytes. Use initial="heuristic".')
    seek = initial == "estimated" or (initial == "auto" and season_length <= LONGEST_SEASON)
    scale, n = power_of_two(known), len(known)
    found = search(y / scale, kinds, season_length, fixed, settings.bounds, estimate_season=seek, prior=prior)
    counts = [_estimated(kind, season_length, fixed) for kind in kinds]
    logliks = [estimate.loglik - n * math.log(scale) for estimate in found]
    scores = [information_criterion(criterion, loglik, k, n) for loglik, k in zip(logliks, counts, strict=True)]
    sigmas = [math.sqrt(estimate.squared_error / (n - k + 1)) for estimate, k in zip(found, counts, strict=True)]
    doubted = [
        isinstance(settings, AutoETS) and settings.restrict and kind.error == "M" and kind.trend != "N" and sigma > LARGEST_SHARE
        for kind, sigma in zip(kinds, sigmas, strict=True)
    ]
    order = sorted(range(len(kinds)), key=lambda i: (doubted[i] or not math.isfinite(scores[i]), scores[i], counts[i]))
    best = order[0]
    kind, estimate, sigma = kinds[best], found[best], sigmas[best]
    if not math.isfinite(estimate.loglik):
        given = ", ".join(f"{name} = {value:g}" for name, value in zip(WEIGHTS, fixed, strict=True) if not math.isnan(value))
        if given and settings.bounds != "usual" and not kind.positive:
            raise ForecastError(
                f"{kind} is not admissible with {given}: what an observation does to the states would not die out. Use other values, or estimate them."
            )
        raise ForecastError(f"{kind} finds no parameters for these values: they are too uneven for its multiplicative parts. Use a model with additive ones.")
    rows = [[PARTS.index(e), PARTS.index(t), d, PARTS.index(s), counts[i], logliks[i]] for i in order for e, t, d, s in [kinds[i]]]
    alpha, beta, gamma, phi = estimate.parameters.tolist()
    level, slope, season = estimate.initial
    deviations = _deviations(y / scale, kind, estimate, fixed, seek)
    deviations[4:] *= [scale, 1.0 if kind.trend == "M" else scale]
    return ETSModel(
        logliks[best],
        counts[best],
        n,
        PARTS.index(kind.error),
        PARTS.index(kind.trend),
        int(kind.damped),
        PARTS.index(kind.season),
        alpha,
        beta,
        gamma,
        phi,
        level * scale,
        slope if kind.trend == "M" else slope * scale,
        season if kind.season == "M" else season * scale,
        sigma=sigma if kind.error == "M" else sigma * scale,
        deviations=deviations,
        table=np.array([[row if math.isfinite(row) else -LARGEST for row in one] for one in rows], dtype=np.float64),
        nonpositive=int(nonpositive),
        heuristic=int(not seek),
    )


def _deviations(y: Values, kind: Kind, estimate: Estimate, fixed: Sequence[float], seasons_sought: bool) -> Floats:
    """(6,) standard errors of α, β, γ, φ, the initial level and trend: from second derivatives of the log-likelihood, differences of its exact gradient.

    A parameter that is fixed, or so near a bound that no step of a difference fits, counts as known. NaN where the derivatives are not those of a top.
    """
    from inorder.kernels.ets import hessian

    level, slope, season = estimate.initial
    x = np.concatenate([estimate.parameters, [level, slope], season])
    alpha, beta, gamma, phi = estimate.parameters.tolist()
    n = int(np.sum(~np.isnan(y)))
    noise = math.sqrt(estimate.squared_error / n) * (abs(level) if kind.error == "M" else 1.0)  # of one observation
    room = np.array([min(alpha, 1 - alpha), min(beta, alpha - beta), min(gamma, 1 - alpha - gamma), min(phi - PHI_BOUNDS[0], PHI_BOUNDS[1] - phi)])
    weights = np.isnan(fixed) & (room > 2 * STEP) & [True, kind.trend != "N", kind.season != "N", kind.damped]
    seasonal = kind.season != "N" and seasons_sought
    steps = np.concatenate([STEP * weights, [STEP * noise, STEP * noise / n * (kind.trend != "N")], np.full(len(season), STEP * noise * seasonal)])
    if kind.trend == "M":
        steps[5] /= abs(level)
    if kind.season == "M":
        steps[6:] /= abs(level)
    deviations = np.full(6, np.nan)
    free = np.flatnonzero(steps)
    if len(season) > LONGEST_DEVIATIONS or not (steps[free] > 64 * np.finfo(np.float64).eps * np.abs(x[free])).all():
        return deviations
    free = free[:-1] if seasonal else free
    if len(free) == 0:
        return deviations
    with np.errstate(all="ignore"):
        second = hessian(y, kind, estimate.parameters, estimate.initial, steps)
        second = (second + second.T) / 2
        moves = np.zeros((len(free), len(x)))
        moves[np.arange(len(free)), free] = 1
        if seasonal:
            moves[free >= 6, -1] = -1  # the last place follows from the others
        information = -moves @ second @ moves.T
        scale = np.sqrt(np.diag(information))
        if not np.isfinite(information).all() or not (scale > 0).all():
            return deviations
        values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
        if values[0] <= 1e-10:
            return deviations
        found = np.sqrt(((vectors**2) / values).sum(axis=1)) / scale
    deviations[free[free < 6]] = found[free < 6]
    return deviations


def _estimated(kind: Kind, season_length: int, fixed: Sequence[float]) -> int:
    """k: parameters that are not fixed, initial states and σ²."""
    sought = [True, kind.trend != "N", kind.season != "N", kind.damped]
    parameters = sum(use and math.isnan(value) for use, value in zip(sought, fixed, strict=True))
    return parameters + 1 + (kind.trend != "N") + (season_length - 1 if kind.season != "N" else 0) + 1


def _unstable(kind: Kind) -> bool:
    return (kind.error == "A" and "M" in (kind.trend, kind.season)) or (kind.trend == "M" and kind.season == "A")


def _positive(known: Values) -> bool:
    """Whether multiplicative models can be fitted."""
    return bool(known.min() > 0 and known.min() / power_of_two(known) > SMALLEST_SHARE)


def _bounded(values: Floats) -> Floats:
    """Numbers beyond the range of floats, at the end of that range."""
    return np.clip(np.nan_to_num(values, nan=LARGEST), -LARGEST, LARGEST)


def _check_components(components: str, errors: str, trends: str, seasons: str, example: str) -> None:
    if (
        not isinstance(components, str)
        or len(components) != 3
        or any(part not in choices for part, choices in zip(components, (errors, trends, seasons), strict=True))
    ):
        raise ConfigError(
            f"`components` are three letters for error ({', '.join(errors)}), trend ({', '.join(trends)}) and season ({', '.join(seasons)}), "
            f'such as "{example}"; not {components!r}.'
        )


def _check_choices(bounds: str, initial: str, prior: Any) -> None:
    if bounds not in BOUNDS:
        raise unknown("kind of bounds", str(bounds), BOUNDS)
    if initial not in INITIAL:
        raise ConfigError(f"`initial` is one of {', '.join(map(repr, INITIAL))}; not {initial!r}.")
    if prior is not None and (isinstance(prior, bool) or not isinstance(prior, int | float | np.number) or not SMALLEST_PRIOR <= prior < math.inf):
        raise ConfigError(f"`prior` is a standard deviation of {SMALLEST_PRIOR} or more, or None, not {prior!r}.")
