"""How errors become one number: the mean over the steps of each series, then the mean over the series.

    score = (1/n) · Σᵢ (1/hᵢ) · Σₜ error[i, t]

so that each series weighs the same, however many of its truths are known: the convention of the M4 competition
(Makridakis, Spiliotis & Assimakopoulos 2020, The M4 Competition: 100,000 time series and 61 forecasting methods).

A step whose truth is NaN is left out and counted in the signature. A forecast that is NaN where the truth is known makes
the score NaN: a model that gives no answer is not excused.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.errors import ConfigError, InputError, ShapeError
from inorder.metrics.score import Score, signature
from inorder.typing import Floats


def truth(y: Any) -> Floats:
    """(series, horizon) from (horizon,) or (series, horizon)."""
    array = floats("y", y)
    if array.ndim not in (1, 2):
        raise ShapeError(f"`y` is (horizon,) for one series or (series, horizon) for many; this one has the shape {array.shape}.")
    return np.atleast_2d(array)


def like(y: Any, name: str, forecast: Any) -> Floats:
    """`forecast` as (series, horizon); ShapeError unless its shape is that of `y`."""
    array, wanted = floats(name, forecast), np.shape(y)
    if array.shape != wanted:
        raise ShapeError(f"`{name}` has the shape {array.shape}, but `y` has {wanted}; they must be equal.")
    return np.atleast_2d(array)


def stacked(y: Any, name: str, axis: str, forecasts: Any, count: int | None = None) -> Floats:
    """(axis, series, horizon) from an array with one axis in front of those of `y`."""
    array, wanted = floats(name, forecasts), np.shape(y)
    if array.ndim != len(wanted) + 1 or array.shape[1:] != wanted or (count is not None and array.shape[0] != count):
        expected = ", ".join([axis if count is None else str(count), *map(str, wanted)])
        raise ShapeError(f"`{name}` has the shape {array.shape}; ({expected}) was expected: one array like `y` for each of the {axis}.")
    return array.reshape(len(array), *np.atleast_2d(np.empty(wanted)).shape)


def floats(name: str, data: Any) -> Floats:
    """`data` as a float64 array."""
    try:
        return np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"`{name}` is an array of numbers, but numpy says: {error}.") from None


def probability(name: str, value: Any) -> float:
    """A number strictly between 0 and 1."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"`{name}` is a probability such as 0.9, not {value!r}.") from None
    if not 0 < number < 1:
        hint = f" Did you mean {number / 100:g}?" if 1 < number < 100 else ""
        raise ConfigError(f"`{name}` is a probability between 0 and 1, not {number:g}.{hint}")
    return number


def average(
    name: str, errors: Floats, y: Floats, parts: Mapping[str, object] = MappingProxyType({}), *, use: NDArray[np.bool_] | None = None, root: bool = False
) -> Score:
    """The score of `errors`, with its signature.

    errors, y: (series, horizon).   parts: what else the signature says.
    use: (series, horizon) False where a known truth is left out, for a reason that `parts` tells.
    root: take the square root of each series' mean, before the mean over series.
    """
    known = ~np.isnan(y)
    used = known if use is None else known & use
    count = used.sum(axis=1)
    per_series = np.where(used, errors, 0.0).sum(axis=1)[count > 0] / count[count > 0]
    per_series = np.sqrt(per_series) if root else per_series
    missing = known.size - int(known.sum())
    text = signature(
        **parts,
        mean="over steps, root, then over series" if root else "over steps, then over series",
        series=len(per_series),
        steps=y.shape[1],
        missing=missing or None,
    )
    return Score(name, float(per_series.mean()) if len(per_series) else float("nan"), text)
