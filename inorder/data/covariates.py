"""Covariates as columns: those of every row, and those that are known ahead of the last one. The columns are in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from inorder.data.series import Series
from inorder.errors import AheadError
from inorder.typing import Floats, Offsets


def columns_of(covariates: Mapping[str, Any], rows: int) -> Floats:
    """(rows, covariates) of a mapping from names to (rows,) arrays.

    >>> columns_of({"price": [1.0, 2.0], "holiday": [0, 1]}, 2).tolist()
    [[0.0, 1.0], [1.0, 2.0]]
    """
    return np.stack([np.asarray(covariates[name], dtype=np.float64) for name in sorted(covariates)], axis=1) if covariates else np.zeros((rows, 0))


def future_columns(history: Series) -> Floats:
    """(rows, covariates) the future covariates of every row."""
    return columns_of(history.future, len(history.values))


def known_ahead(history: Series) -> Offsets:
    """(series,) for how many steps after its last row all future covariates of a series are known: up to the first that is missing."""
    columns = [history.ahead.get(name, np.zeros((len(history), 0))) for name in history.future]
    steps = min((column.shape[1] for column in columns), default=0)
    known = np.ones((len(history), steps), dtype=bool)
    for column in columns:
        known &= ~np.isnan(column[:, :steps])
    return np.asarray(np.logical_and.accumulate(known, axis=1).sum(axis=1))


def with_gaps(*covariates: Mapping[str, Any]) -> list[str]:
    """The names of those of which a value is missing.

    >>> with_gaps({"price": [1.0, np.nan], "holiday": [0.0, 1.0]})
    ['price']
    """
    return [name for some in covariates for name in sorted(some) if np.isnan(np.asarray(some[name], dtype=np.float64)).any()]


def complete_ahead(history: Series, horizon: int) -> Floats:
    """As `future_ahead`, which takes a missing value for a value; here it counts as not known, and AheadError is raised."""
    ahead = future_ahead(history, horizon)
    gaps = np.argwhere(np.isnan(ahead))
    if len(gaps):
        i, step, k = gaps[0].tolist()
        where = f' of series "{history.ids[i]}"' if history.panel else ""
        raise AheadError(
            f'A forecast of {horizon} steps needs as many values of the future covariate "{sorted(history.future)[k]}"{where} after the last observation; '
            f"the one of step {step + 1} is missing. Fill it, or ask for fewer steps."
        )
    return ahead


def future_ahead(history: Series, horizon: int) -> Floats:
    """(series, horizon, covariates) the future covariates after the last row. Raises AheadError where fewer steps are known."""
    names = sorted(history.future)
    for name in names:
        steps = history.ahead[name].shape[1] if name in history.ahead else 0
        if steps < horizon:
            raise too_few_ahead(name, horizon, steps)
    return np.stack([history.ahead[name][:, :horizon] for name in names], axis=2) if names else np.zeros((len(history), horizon, 0))


def too_few_ahead(name: str, horizon: int, known: int) -> AheadError:
    """The error where a future covariate is known for too few steps."""
    what = f'{horizon} values of the future covariate "{name}" after the last observation'
    return AheadError(
        f"A forecast of {horizon} steps needs {what}; there are {known}. Give the rows to come, with that column filled and the values left empty: "
        "inorder predict BUNDLE FILE, in Python fitted.update(rows)."
    )
