"""Stationary autoregressions through their partial autocorrelations: Yule–Walker, Burg, exact maximum likelihood.

    z[t] = φ₁·z[t−1] + … + φₚ·z[t−p] + e[t],   z = y − μ,   e ~ N(0, σ²)

Every one of them is a point π₁ … πₚ between −1 and 1, and every such point is one (Durbin and Levinson):

    φ⁽ᵏ⁾[k] = πₖ        φ⁽ᵏ⁾[j] = φ⁽ᵏ⁻¹⁾[j] − πₖ·φ⁽ᵏ⁻¹⁾[k−j]

Yule–Walker     π of the autocorrelations of the series
Burg            πₖ = 2·Σ f[t]·b[t−1] / Σ (f[t]² + b[t−1]²): the least sum of squared errors of order k, forward f and backward b in time
exact           the greatest likelihood of all values together, the first p too

    −2·log L = n·log 2πσ² − Σ k·log(1 − πₖ²) + S/σ²        S = a'·D·a,   a = (1, −φ₁ … −φₚ),   D[i, j] = Σ_{s < n−i−j} z[i+s]·z[j+s]

D is made once, so an evaluation costs p² steps for any n; σ² is S/n at the maximum, μ its own least squares, and the gradient follows the
recursion above. The search is BFGS in artanh π, from where Burg has arrived.

Missing values m are filled by their expectations, which make S = z'·Q·z least (Q has p diagonals on either side), and

    −2·log L = N·log 2πσ² − Σ k·log(1 − πₖ²) + S/σ² + log det Q[m, m]       N values observed

whose gradient is that of the filled series with z[i]·z[j] + σ²·Q[m, m]⁻¹[i, j] in the place of products (Fisher's identity).

Source: Box, Jenkins, Reinsel & Ljung 2015, Time Series Analysis, 5th ed., §7.4, Appendix A7.4; Barndorff-Nielsen & Schou 1973; Burg 1975,
Maximum entropy spectral analysis; with gaps: de Waele & Broersen 2000, The Burg algorithm for segments; Q: Siddiqui 1958.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from inorder.errors import ForecastError
from inorder.typing import Floats, Offsets, Values

NEARLY_ONE = 1 - 1e-9  # the largest partial autocorrelation
SMALLEST_SQUARE = float(np.finfo(np.float64).eps) ** 2  # mean square of what rounding leaves
MOST_TOGETHER = 500  # missing values that lean on each other
STEPS = 200  # of the search


class Point(NamedTuple):
    """deviance: −2·log L at the best σ² (and μ, where it was sought).   gradient: (order,) with respect to π.   mean: μ.   square: S."""

    deviance: float
    gradient: Floats
    mean: float
    square: float


def coefficients(partials: Floats) -> Floats:
    """(order,) φ of partial autocorrelations.

    >>> coefficients(np.array([0.5, 0.2])).round(3).tolist()
    [0.4, 0.2]
    """
    return stages(partials)[-1]


def stages(partials: Floats) -> list[Floats]:
    """φ⁽⁰⁾ … φ⁽ᵖ⁾."""
    found = [np.zeros(0)]
    for pi in partials.tolist():
        found.append(np.append(found[-1] - pi * found[-1][::-1], pi))
    return found


def pulled_back(slope: Floats, partials: Floats, found: list[Floats]) -> Floats:
    """(order,) derivatives with respect to π from those with respect to φ⁽ᵖ⁾: the recursion taken backwards.   found: `stages(partials)`."""
    gradient = np.empty(len(partials))
    for k in range(len(partials) - 1, -1, -1):
        last, slope = slope[k], slope[:k]
        gradient[k] = last - float(slope @ found[k][::-1])
        slope = slope - partials[k] * slope[::-1]
    return gradient


def inverse_covariance(phi: Floats) -> Floats:
    """(order, order) σ²·Γ⁻¹, Γ the covariance of `order` values in a row; divided by n it is the covariance of estimates of φ.

        A·A' − B·B', lower triangles with the same number along each diagonal: A of (1, −φ₁, …), B of (φₚ, φₚ₋₁, …)

    >>> inverse_covariance(np.array([0.5])).tolist()
    [[0.75]]
    """
    order = len(phi)
    apart = np.arange(order)[:, None] - np.arange(order)
    lower = apart >= 0
    a, b = (np.where(lower, column[np.where(lower, apart, 0)], 0.0) if order else np.zeros((0, 0)) for column in (np.append(1.0, -phi)[:order], phi[::-1]))
    return np.asarray(a @ a.T - b @ b.T)


def yule_walker(z: Values, order: int) -> Floats:
    """(at most order,) partial autocorrelations; fewer where gaps make the next one impossible.   z: (time,) about its mean, NaN = missing.

    >>> yule_walker(np.array([-2.0, -1, 0, 1, 2]), 2).round(3).tolist()
    [0.4, -0.31]
    """
    r = autocorrelations(z, order)
    partials, phi, unexplained = [], np.zeros(0), 1.0
    for k in range(1, order + 1):
        pi = (r[k] - float(phi @ r[k - 1 : 0 : -1])) / unexplained
        if abs(pi) >= 1:
            break
        partials.append(min(max(pi, -NEARLY_ONE), NEARLY_ONE))
        phi = np.append(phi - pi * phi[::-1], pi)
        unexplained *= 1 - pi**2
        if unexplained <= 0:
            break
    return np.array(partials)


def autocorrelations(z: Values, lags: int) -> Floats:
    """(lags + 1,) Σ z[t]·z[t−k]/(pairs + k) over Σ z[t]²/n, of pairs that are there: the usual ones, divided by n, where nothing is missing; 0 for zeros."""
    known = ~np.isnan(z)
    filled = np.where(known, z, 0.0)
    square = float(filled @ filled) / max(int(known.sum()), 1)
    r = np.zeros(lags + 1)
    r[0] = 1.0
    if square > SMALLEST_SQUARE:
        for k in range(1, min(lags, len(z) - 1) + 1):
            r[k] = float(filled[k:] @ filled[:-k]) / (int((known[k:] & known[:-k]).sum()) + k) / square
    return r


def burg(z: Values, order: int) -> Floats:
    """(at most order,) partial autocorrelations; fewer where no stretch without a gap is longer.   z: (time,) about its mean, NaN = missing.

    >>> burg(np.array([-2.0, -1, 0, 1, 2]), 1).round(3).tolist()
    [0.667]
    """
    forward, backward = z[1:].copy(), z[:-1].copy()
    partials: list[float] = []
    while len(partials) < order:
        known = ~np.isnan(forward) & ~np.isnan(backward)
        squares = float(np.sum(forward[known] ** 2 + backward[known] ** 2))
        if not known.any():
            break
        if squares <= len(z) * SMALLEST_SQUARE:  # nothing is left to explain
            return np.concatenate([partials, np.zeros(order - len(partials))])
        pi = 2 * float(forward[known] @ backward[known]) / squares
        pi = min(max(pi, -NEARLY_ONE), NEARLY_ONE)
        partials.append(pi)
        forward, backward = (forward - pi * backward)[1:], (backward - pi * forward)[:-1]
    return np.array(partials)


class Gap(NamedTuple):
    """Missing places that lean on each other.   rows, columns: where Q is not 0 between them.   apart, first: which of its diagonals, and where on it."""

    places: Offsets
    rows: Offsets
    columns: Offsets
    apart: Offsets
    first: Offsets


class Likelihood:
    """The exact likelihood of one series under autoregressions up to `order`.

    y: (time,), scaled, NaN = missing; at least 2·order values.   constant: whether μ is sought; else it is 0.
    """

    def __init__(self, y: Values, order: int, constant: bool) -> None:
        self.constant = constant
        self.missing = np.flatnonzero(np.isnan(y))
        self.observed = len(y) - len(self.missing)
        self.columns = np.stack([np.nan_to_num(y), np.where(np.isnan(y), 0.0, 1.0)][: 1 + constant])
        self.products: Floats | None = None  # (3 or 1, order + 1, order + 1) D of the series with itself, with ones, of ones
        if len(self.missing) == 0:
            pairs = [(0, 0), (0, 1), (1, 1)][: 1 + 2 * constant]
            self.products = np.stack([sums_of_products(self.columns[i], self.columns[j], order) for i, j in pairs])
        self.gaps: dict[int, list[Gap]] = {}

    def at(self, partials: Floats) -> Point:
        """The likelihood with these partial autocorrelations; as many as the order of the autoregression."""
        found = stages(partials)
        a, order = np.append(1.0, -found[-1]), len(partials)
        logarithm = 0.0
        if self.products is not None:
            small = self.products[:, : order + 1, : order + 1]
            square, mean = best_mean(small @ a @ a)
            d = small[0] - 2 * mean * small[1] + mean**2 * small[2] if self.constant else small[0]
        else:
            diagonals = precision(a, self.columns.shape[1])
            filled, logarithm, covariance = self._fill(diagonals)
            turned = times(diagonals, filled)
            square, mean = best_mean(np.array([filled[i] @ turned[j] for i, j in [(0, 0), (0, 1), (1, 1)][: 1 + 2 * self.constant]]))
            z = filled[0] - mean * filled[1] if self.constant else filled[0]
            d = sums_of_products(z, z, order, covariance * (square / self.observed))
        least = max(square, self.observed * SMALLEST_SQUARE)
        ranks = np.arange(1, order + 1)
        deviance = self.observed * (math.log(2 * math.pi * least / self.observed) + 1) - float(ranks @ np.log1p(-(partials**2))) + logarithm
        slope = -2 * (d @ a)[1:] * self.observed / least if square == least else np.zeros(order)
        return Point(deviance, pulled_back(slope, partials, found) + 2 * ranks * partials / (1 - partials**2), mean, square)

    def _fill(self, diagonals: Floats) -> tuple[Floats, float, Floats]:
        """Columns with expectations in their gaps, log det Q[m, m], and the diagonals of its inverse, where both places are missing."""
        order = len(diagonals) - 1
        if order not in self.gaps:
            self.gaps[order] = gaps_of(self.missing, order)
        filled, logarithm, covariance = self.columns.copy(), 0.0, np.zeros_like(diagonals)
        needed = times(diagonals, filled)
        for gap in self.gaps[order]:
            block = np.zeros((len(gap.places), len(gap.places)))
            block[gap.rows, gap.columns] = block[gap.columns, gap.rows] = diagonals[gap.apart, gap.first]
            inverse = np.linalg.inv(block)
            filled[:, gap.places] = -needed[:, gap.places] @ inverse
            logarithm += float(np.linalg.slogdet(block)[1])
            covariance[gap.apart, gap.first] = inverse[gap.rows, gap.columns]
        return filled, logarithm, covariance

    def maximise(self, start: Floats, tolerance: float = 1e-16) -> Floats:
        """The partial autocorrelations of the greatest likelihood, from a start nearby.   tolerance: of the deviance, relative."""
        if len(start) == 0:
            return start

        def function(u: Floats) -> tuple[float, Floats]:
            partials = NEARLY_ONE * np.tanh(u)
            point = self.at(partials)
            return point.deviance, point.gradient * (NEARLY_ONE - partials**2 / NEARLY_ONE)

        begin = np.clip(start, -0.99, 0.99)
        return np.asarray(NEARLY_ONE * np.tanh(minimise(function, np.arctanh(begin), 1 / (2 * self.observed * (1 - begin**2)), tolerance)))


def best_mean(products: Floats) -> tuple[float, float]:
    """S and μ from the products with Q: of the series with itself and, where μ is sought, with ones, and of ones."""
    if len(products) == 1:
        return max(float(products[0]), 0.0), 0.0
    yy, y1, ones = products.tolist()
    mean = y1 / ones if ones > 0 else 0.0
    return max(yy - mean * y1, 0.0), mean


def sums_of_products(x: Values, y: Values, order: int, extra: Floats | None = None) -> Floats:
    """(order + 1, order + 1) D[i, j] = Σ_{s < n−i−j} x[i+s]·y[j+s], its symmetric half.

    extra: (order + 1, time) what to add to the products of the places t and t + d, [d, t].
    """
    n = len(x)
    i, j = np.triu_indices(order + 1)
    half = shifted(x, y, order) if x is y else (shifted(x, y, order) + shifted(y, x, order)) / 2
    total = np.concatenate([np.zeros((order + 1, 1)), np.cumsum(half if extra is None else half + extra, axis=1)], axis=1)
    d = np.empty((order + 1, order + 1))
    d[i, j] = d[j, i] = total[j - i, np.maximum(n - j, i)] - total[j - i, i]
    return d


def shifted(x: Values, y: Values, order: int) -> Floats:
    """(order + 1, time) x[t]·y[t + d], 0 beyond the end."""
    return np.lib.stride_tricks.sliding_window_view(np.append(y, np.zeros(order)), order + 1).T * x


def precision(a: Floats, n: int) -> Floats:
    """(order + 1, n) the diagonals of Q: [d, t] = Q[t, t+d] = Σ a[i]·a[i+d], i at most t, order − d and n − 1 − t − d."""
    order = len(a) - 1
    d, t = np.arange(order + 1)[:, None], np.arange(n)
    total = np.concatenate([np.zeros((order + 1, 1)), np.cumsum(shifted(a, a, order), axis=1)], axis=1)
    return np.asarray(total[d, np.clip(np.minimum(t, n - 1 - t - d) + 1, 0, order + 1)])


def times(diagonals: Floats, x: Floats) -> Floats:
    """(…, time) Q·x."""
    result = np.asarray(diagonals[0] * x)
    for d in range(1, len(diagonals)):
        result[..., :-d] += diagonals[d, :-d] * x[..., d:]
        result[..., d:] += diagonals[d, :-d] * x[..., :-d]
    return result


def gaps_of(missing: Offsets, order: int) -> list[Gap]:
    """Missing places in groups that do not lean on each other: more than `order` rows apart.   Raises ForecastError for too large a group."""
    groups = np.split(missing, np.flatnonzero(np.diff(missing) > max(order, 1)) + 1)
    largest = max(map(len, groups))
    if largest > MOST_TOGETHER:
        raise ForecastError(
            f"{largest:,} missing values lean on each other, more than the {MOST_TOGETHER} that the exact likelihood takes. "
            'Use method="least-squares", or cut the series.'
        )
    found = []
    for places in groups:
        apart = places[None, :] - places[:, None]
        rows, columns = np.nonzero((apart >= 0) & (apart <= order))
        found.append(Gap(places, rows, columns, apart[rows, columns], places[rows]))
    return found


def minimise(function: Callable[[Floats], tuple[float, Floats]], start: Floats, scale: Floats, tolerance: float = 1e-16) -> Floats:
    """The least value of a smooth function by BFGS with halved steps.

    function: value and gradient.   scale: (size,) inverse of the diagonal of its Hessian.   tolerance: relative, of the gain that is still expected.

    >>> minimise(lambda x: (float((x - 3) @ (x - 3)), 2 * (x - 3)), np.zeros(2), np.ones(2)).round(6).tolist()
    [3.0, 3.0]
    """
    x, hessian = start, np.diag(scale)
    value, gradient = function(x)
    still = 0  # steps whose gain is lost in rounding: only the gradient tells that they help
    for _ in range(STEPS):
        direction = -hessian @ gradient
        slope = float(gradient @ direction)
        if slope >= 0:
            hessian = np.diag(scale)
            direction, slope = -scale * gradient, -float(gradient @ (scale * gradient))
        slack = 1e-13 * (1 + abs(value))
        if -slope < tolerance * (1 + abs(value)) or still > 2:
            break
        direction *= min(1.0, 3 / max(float(np.abs(direction).max()), 1e-300))  # artanh π moves by 3 at most
        size = 1.0
        while size > 1e-9:
            new_value, new_gradient = function(x + size * direction)
            if new_value <= value + 1e-4 * size * slope + slack:
                break
            size /= 2
        else:
            break
        still = still + 1 if value - new_value <= slack else 0
        moved, turned = size * direction, new_gradient - gradient
        x, value, gradient = x + moved, new_value, new_gradient
        curvature = float(moved @ turned)
        if curvature > 1e-14 * float(np.sqrt(moved @ moved) * np.sqrt(turned @ turned)):
            left = np.eye(len(x)) - np.outer(moved, turned) / curvature
            hessian = left @ hessian @ left.T + np.outer(moved, moved) / curvature
    return x
