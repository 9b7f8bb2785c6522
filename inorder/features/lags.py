"""Lags: the values of earlier steps as columns.

    column j of row t = y[t − lags[j]]

Lag 1 is the previous step, lag m the same place in the last season.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inorder.errors import ConfigError
from inorder.features.panel import Rows, back, check_count, flat, position_in_series
from inorder.typing import Floats


def lags(y: Rows, lags: int | Sequence[int]) -> Floats:
    """(time, k) the values `lags` steps earlier, NaN before a series begins; known one step ahead, as every lag is at least 1.

    lags: one whole number or several; lag 1 is the previous step.
    Raises ConfigError for a lag below 1, which would look ahead.

    >>> visitors = [150, 180, 220, 200]
    >>> lags(visitors, (1, 2)).tolist()
    [[nan, nan], [150.0, nan], [180.0, 150.0], [220.0, 180.0]]
    """
    columns = [check_count("lags", lag) for lag in ([lags] if isinstance(lags, int | np.integer) else lags)]
    if not columns:
        raise ConfigError("`lags` names no lag. Write for example lags=(1, 2, 12).")
    values, offsets = flat(y)
    position = position_in_series(offsets)
    return np.stack([back(values, position, lag) for lag in columns], axis=1)
