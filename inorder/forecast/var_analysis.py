"""What a fitted vector autoregression says of its system: who moves whom, by how much, for how long.

    impulse responses        Φ[i], or Θ[i] = Φ[i]·P with P·P' = Σ, P lower triangular: shocks of one standard deviation that are uncorrelated
    variance decomposition   ω[h, j, k] = Σ_{i<h} Θ[i][j, k]² / Σ_{i<h} Σₖ Θ[i][j, k]²
    Granger causality        do the lags of one group of channels help to forecast another?  all their coefficients are 0 if not
    stability                roots of det(z^p·I − A₁·z^(p−1) − … − Aₚ) inside the unit circle
    portmanteau, normality   are the errors correlated over time, and are they normal?

The order of the channels matters for Θ: a shock in one of them moves those after it at once, and those before it only later.

Standard errors of Θ: by the delta method, with

    dΦ[i] = Σ_{m<i} Φ[m]·dA·(Φ[i−1−m]' … Φ[i−m−p]')'        dP = P·M/√n,   M lower triangular, independent, of variance 1, on its diagonal 1/2

since P⁻¹·Σ̂·P⁻¹' is n times nearly I + S/√n with S symmetric, of variance 2 on the diagonal and 1 beside it, and M is the lower half of S.

Source: Lütkepohl 2005, New Introduction to Multiple Time Series Analysis, §2.1, §2.3, §3.6, §3.7, §4.4, §4.5; bootstrap: Appendix D.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError, unknown
from inorder.forecast.base import check_whole
from inorder.forecast.diagnostics import Significance
from inorder.forecast.intervals import check_levels, normal_quantiles, tail_probabilities
from inorder.forecast.var_model import VARModel, clipped, root, upper
from inorder.metrics.score import level_name
from inorder.typing import Floats

BANDS = ("asymptotic", "bootstrap")
CHUNK = 64  # bootstrap systems that are fitted together


@dataclass(frozen=True, eq=False)
class ImpulseResponses:
    """How every channel answers a shock in every other, in the units of the series.

    values: (steps + 1, channels, channels), [i, j, k] the response of channel j, i steps after a shock in channel k: one standard deviation of its
        error where `orthogonal`, else 1.
    standard_errors: likewise, by the delta method or from the bootstrap.   lower, upper: level -> likewise: confidence bands.
    """

    values: Floats
    standard_errors: Floats
    lower: Mapping[float, Floats]
    upper: Mapping[float, Floats]
    ids: tuple[str, ...]
    orthogonal: bool
    bands: str
    history: Series

    def columns(self) -> dict[str, Any]:
        """Named columns in long form: impulse, response, step, value, standard_error, lower_95, upper_95, …"""
        steps, channels, _ = self.values.shape
        impulse, response, step = np.meshgrid(np.arange(channels), np.arange(channels), np.arange(steps), indexing="ij")

        def flat(values: Floats) -> Floats:
            return values.transpose(2, 1, 0).reshape(-1)

        names = np.array(self.ids)
        columns: dict[str, Any] = {"impulse": names[impulse.reshape(-1)], "response": names[response.reshape(-1)], "step": step.reshape(-1)}
        columns |= {"value": flat(self.values), "standard_error": flat(self.standard_errors)}
        for level in self.lower:
            columns[f"lower_{level_name(level)}"], columns[f"upper_{level_name(level)}"] = flat(self.lower[level]), flat(self.upper[level])
        return columns

    def to_frame(self) -> Any:
        """A frame of the kind that was read; the columns are those of `columns`."""
        from inorder.data.frames import make_frame

        return make_frame(self.columns(), self.history)

    def plot(self, impulses: str | Sequence[str] | None = None, responses: str | Sequence[str] | None = None) -> Any:
        """A matplotlib figure: a column for each impulse, a row for each response; the first five where none are named."""
        from inorder.plots import plot_impulses

        return plot_impulses(self, self._named(impulses), self._named(responses))

    def _named(self, names: str | Sequence[str] | None) -> list[int]:
        return list(range(len(self.ids)))[:5] if names is None else positions(self.ids, names)

    def __str__(self) -> str:
        return str(self.to_frame())


class GrangerTest(NamedTuple):
    """Does the past of `cause` help to forecast `effect`?

    f: statistic and p-value by F(restrictions, degrees).   wald: by χ²(restrictions).   restrictions: coefficients that are 0 if it does not.
    """

    cause: tuple[str, ...]
    effect: tuple[str, ...]
    f: Significance
    wald: Significance
    restrictions: int
    degrees: int

    def __str__(self) -> str:
        verdict = "helps" if self.f.p_value < 0.05 else "is not seen to help"
        return (
            f"The past of {' and '.join(self.cause)} {verdict} to forecast {' and '.join(self.effect)}: "
            f"F({self.restrictions}, {self.degrees}) = {self.f.statistic:.4g}, p = {self.f.p_value:.3g}."
        )


class Stability(NamedTuple):
    """roots: (order · channels,) complex, the largest first.   largest: its modulus.   stable: it is below 1, so that shocks die out."""

    roots: Any
    largest: float
    stable: bool


def stability(model: VARModel) -> Stability:
    """The roots of the system.

    >>> from inorder.forecast.var import VAR
    >>> y = np.random.default_rng(0).normal(size=(80, 2)).cumsum(axis=0)
    >>> VAR(order=1).fit(Series.of(y)).stability().stable
    True
    """
    roots = np.linalg.eigvals(model.companion).astype(np.complex128)
    roots = roots[np.argsort(-np.abs(roots), kind="stable")]
    largest = float(np.abs(roots).max(initial=0.0))
    return Stability(roots, largest, largest < 1)


def responses(model: VARModel, steps: int, orthogonal: bool) -> Floats:
    """(steps + 1, channels, channels) Φ or Θ, scaled."""
    phi = model.responses(steps + 1)
    return phi @ model.impact if orthogonal else phi


def response_errors(model: VARModel, steps: int, orthogonal: bool) -> Floats:
    """(steps + 1, channels, channels) standard errors of `responses`, scaled."""
    channels, order = model.channels, model.order
    phi = model.responses(steps + 1)
    shocks = phi @ model.impact
    lagged = root(model.inverse[model.fixed :, model.fixed :])
    padded = np.concatenate([np.zeros((max(order - 1, 0), channels, channels)), phi])
    reach = (
        np.stack([np.concatenate([padded[i + order - 1 - lag].T for lag in range(order)], axis=1) @ lagged for i in range(steps)]) if order and steps else None
    )
    variance = np.zeros_like(phi)
    for i in range(1, steps + 1):
        if reach is None:
            break
        before = (model.impact.T @ reach[:i] if orthogonal else reach[:i])[::-1].reshape(i, -1)
        moved = clipped(before.T @ shocks[:i].reshape(i, -1)).reshape(channels, order * channels, channels, channels)
        variance[i] = (moved**2).sum(axis=(1, 3)).T
    if orthogonal:
        squares = shocks**2
        after = squares[:, :, ::-1].cumsum(axis=2)[:, :, ::-1] - squares  # those of later channels
        variance += (squares / 2 + after) / model.rows
    return np.sqrt(variance)


def in_units(model: VARModel, values: Floats, orthogonal: bool) -> Floats:
    """Responses, or their standard errors, in the units of the series."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        ratio = model.unit[:, None] if orthogonal else model.unit[:, None] / model.unit
        limit = np.finfo(np.float64).max
        return np.asarray(np.clip(np.nan_to_num(values * ratio, nan=0.0), -limit, limit))


def impulse_responses(
    model: VARModel, y: Floats, x: Floats, history: Series, steps: int, orthogonal: bool, levels: Sequence[float], bands: str, samples: int, seed: int
) -> ImpulseResponses:
    """The work behind `VARFitted.impulse_responses`.   y, x: (time, …) scaled, what the bootstrap draws from."""
    steps, levels = check_whole("steps", steps, 0), check_levels(levels)
    if bands not in BANDS:
        raise unknown("kind of bands", str(bands), BANDS)
    values = responses(model, steps, orthogonal)
    if bands == "asymptotic":
        errors = response_errors(model, steps, orthogonal)
        probabilities = tail_probabilities(levels)
        bounds = normal_quantiles(values.reshape(-1), errors.reshape(-1), probabilities).reshape(len(probabilities), *values.shape)
    else:
        drawn = np.stack([responses(one, steps, orthogonal) for one in bootstrapped(model, y, x, check_whole("samples", samples, 50), seed)])
        errors = drawn.std(axis=0, ddof=1)
        bounds = np.quantile(drawn, tail_probabilities(levels), axis=0) if levels else np.empty((0, *values.shape))
    lower = {level: in_units(model, bounds[2 * k], orthogonal) for k, level in enumerate(levels)}
    upper = {level: in_units(model, bounds[2 * k + 1], orthogonal) for k, level in enumerate(levels)}
    return ImpulseResponses(in_units(model, values, orthogonal), in_units(model, errors, orthogonal), lower, upper, history.ids, orthogonal, bands, history)


def bootstrapped(model: VARModel, y: Floats, x: Floats, samples: int, seed: int) -> list[VARModel]:
    """The system fitted again to `samples` series that it made itself from its own first values and residuals drawn with replacement.

    Residuals are centred, and grown by √(n/(n − m)) to the size of errors. The rows of every regression are those of the original one.
    """
    from dataclasses import replace

    errors = model.errors(y, x)
    rows = np.flatnonzero(~np.isnan(errors).any(axis=1))
    pool = resampled(model, errors[rows])
    begin = int(rows[0])
    known = model.known(x, 0)[begin:]
    start = y[begin - model.order : begin]
    length, fixed = len(known), model.fixed
    generator = np.random.default_rng(seed)
    models: list[VARModel] = []
    for first in range(0, samples, CHUNK):
        count = min(CHUNK, samples - first)
        made = np.empty((count, model.order + length, model.channels))
        made[:, : model.order] = start
        mean = known @ model.beta[:fixed]
        for t in range(length):
            recent = made[:, t : t + model.order][:, ::-1].reshape(count, -1)
            made[:, model.order + t] = clipped(mean[t] + recent @ model.wide.T + pool[generator.integers(len(pool), size=count)])
        keep = rows - begin
        design = np.empty((count, len(keep), len(model.beta)))
        design[:, :, :fixed] = known[keep]
        for lag in range(1, model.order + 1):
            begin_column = fixed + (lag - 1) * model.channels
            design[:, :, begin_column : begin_column + model.channels] = made[:, keep + model.order - lag]
        target = made[:, keep + model.order]
        for one, goal in zip(design, target, strict=True):
            triangle = upper(np.concatenate([one, goal], axis=1))
            size = len(model.beta)
            if np.abs(np.diag(triangle)[:size]).min(initial=1.0) == 0:
                raise ForecastError('The channels depend on each other, so the bootstrap cannot fit them again. Use bands="asymptotic".')
            beta = np.asarray(np.linalg.solve(triangle[:size, :size], triangle[:size, size:]), dtype=np.float64)
            models.append(replace(model, beta=beta, factor=triangle[size : size + model.channels, size:]))
    return models


def resampled(model: VARModel, errors: Floats) -> Floats:
    """Residuals as a pool to draw errors from: centred, and grown by √(n/(n − m)), since a fit makes them small.   errors: (rows, channels), none missing."""
    return np.asarray((errors - errors.mean(axis=0)) * math.sqrt(model.rows / (model.rows - model.columns)))


def variance_decomposition(model: VARModel, steps: int) -> Floats:
    """(steps, channels, channels): [h − 1, j, k] the share of the shocks of channel k in the error variance of channel j, h steps ahead; rows add up to 1.

    A channel that never errs is put down to itself.
    """
    squares = np.cumsum(responses(model, check_whole("steps", steps, 1) - 1, True) ** 2, axis=0)
    total = squares.sum(axis=2, keepdims=True)
    return np.where(total > 0, squares / np.where(total > 0, total, 1.0), np.eye(model.channels))


def granger(model: VARModel, ids: Sequence[str], cause: str | Sequence[str], effect: str | Sequence[str]) -> GrangerTest:
    """The work behind `VARFitted.granger`.

    W = tr(Σₑ⁻¹·B'·G⁻¹·B)       B: coefficients of the cause's lags in the equations of the effect;   G: their part of (Z'Z)⁻¹;   Σₑ: that of Σ̂
    W ~ χ²(restrictions)        F = W/restrictions ~ F(restrictions, n − m), exact for one effect but for the lags being random
    """
    from scipy.special import fdtrc, gammaincc

    causes, effects = np.array(positions(ids, cause)), np.array(positions(ids, effect))
    shared = np.intersect1d(causes, effects)
    if len(shared):
        both = ", ".join(ids[i] for i in shared)
        raise ConfigError(f"A series is cause or effect, not both: {both}.")
    if model.order == 0:
        raise ForecastError("A system of order 0 has no lags, so nothing in it helps to forecast anything. Give an order of 1 or more.")
    lags = np.array([model.fixed + lag * model.channels + i for lag in range(model.order) for i in causes])
    coefficients, inverse, sigma = model.beta[np.ix_(lags, effects)], model.inverse[np.ix_(lags, lags)], model.sigma[np.ix_(effects, effects)]
    restrictions = int(np.linalg.matrix_rank(inverse, hermitian=True) * np.linalg.matrix_rank(sigma, hermitian=True))
    degrees = model.rows - model.columns
    names = tuple(ids[i] for i in causes), tuple(ids[i] for i in effects)
    if restrictions == 0:  # a cause that does not move, or an effect that is known without error
        return GrangerTest(*names, Significance(0.0, 1.0), Significance(0.0, 1.0), 0, degrees)
    wald = float(np.trace(np.linalg.pinv(sigma, hermitian=True) @ coefficients.T @ np.linalg.pinv(inverse, hermitian=True) @ coefficients))
    f = wald / restrictions
    by_f = Significance(f, float(fdtrc(restrictions, degrees, f)))
    return GrangerTest(*names, by_f, Significance(wald, float(gammaincc(restrictions / 2, wald / 2))), restrictions, degrees)


def portmanteau(model: VARModel, errors: Floats, lags: int) -> Significance:
    """Are the errors correlated at any of the first `lags` lags, across channels too?

        Q = n²·Σ_{i≤lags} tr(Cᵢ'·C₀⁻¹·Cᵢ·C₀⁻¹)/(n − i) ~ χ²(channels²·(lags − order))     Cᵢ = Σ e[t]·e[t−i]'/n

    errors: (time, channels), NaN in rows that are not known; products are taken over the pairs that are.
    """
    from scipy.special import gammaincc

    if check_whole("lags", lags, 1) <= model.order:
        raise ConfigError(f"`lags` is {lags}, but a test of a system of order {model.order} needs at least {model.order + 1}.")
    known = np.asarray(~np.isnan(errors).any(axis=1))
    n = int(known.sum())
    if lags >= n:
        raise ConfigError(f"`lags` is {lags}, but {n} errors have correlations at lags up to {n - 1} only.")
    centred = np.where(known[:, None], errors - errors[known].mean(axis=0), 0.0)
    inverse = np.linalg.pinv(centred.T @ centred / n, hermitian=True)
    total = 0.0
    for i in range(1, lags + 1):
        c = centred[i:].T @ centred[:-i] / n
        total += float(np.trace(c.T @ inverse @ c @ inverse)) / (n - i)
    degrees = model.channels**2 * (lags - model.order)
    return Significance(n**2 * total, float(gammaincc(degrees / 2, n**2 * total / 2)))


def normality(errors: Floats) -> Significance:
    """Are the errors normal, judged by skewness and kurtosis once they are made uncorrelated?   χ²(2·channels) where they are and n is large.

        w = P⁻¹·(e − ē),   n·Σ (mean w³)²/6 + n·Σ (mean w⁴ − 3)²/24

    errors: (time, channels), NaN in rows that are not known.   Raises ForecastError where their covariance is singular.
    """
    from scipy.special import gammaincc

    known = errors[~np.isnan(errors).any(axis=1)]
    centred = known - known.mean(axis=0)
    triangle = upper(centred)
    sizes = np.abs(np.diag(triangle))
    if len(triangle) < centred.shape[1] or (sizes <= 1e-10 * np.sqrt((centred**2).sum(axis=0))).any() or not sizes.all():
        raise ForecastError("The errors of one series are those of the others, or 0, so their joint distribution cannot be judged. Leave one series out.")
    w = np.linalg.solve(triangle.T * np.sign(np.diag(triangle)), centred.T) * math.sqrt(
        len(known)
    )  # the sign of a channel's shock decides that of its skewness only
    skewness, excess = (w**3).mean(axis=1), (w**4).mean(axis=1) - 3
    statistic = len(known) * float((skewness**2).sum() / 6 + (excess**2).sum() / 24)
    return Significance(statistic, float(gammaincc(centred.shape[1], statistic / 2)))


def positions(ids: Sequence[str], names: str | Sequence[str]) -> list[int]:
    """Where the named series stand.   Raises ConfigError for an unknown one, or none."""
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise ConfigError(f"Name at least one series: {', '.join(ids[:20])}.")
    for name in names:
        if name not in ids:
            raise unknown("series", str(name), ids[:20])
    return [list(ids).index(name) for name in dict.fromkeys(names)]
