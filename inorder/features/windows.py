"""Windows: what a model that looks at the last `length` values is shown, and what it has to say.

    inputs[i] = y[s], …, y[s + length − 1]        targets[i] = y[s + length], …, y[s + length + horizon − 1]

for every start s of a series at which both fit; no window reaches from one series into the next.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from inorder.features.panel import Rows, check_count, flat
from inorder.typing import Floats, Offsets


def windows(y: Rows, length: int, horizon: int = 1, *, step: int = 1) -> tuple[Floats, Floats]:
    """Inputs (n, length) and targets (n, horizon), in the order of series and time.

    step: rows from one window's start to the next.   horizon 0: inputs alone, targets are (n, 0).
    Missing values stay NaN; a series too short for one window gives none. The arrays are copies: for a large panel keep
    `window_starts` instead and cut batch by batch.
    Raises ConfigError for lengths below 1, ShapeError for arrays that are not (time,).

    >>> inputs, targets = windows([100, 102, 101, 105, 107], 3)
    >>> inputs.tolist(), targets.tolist()
    ([[100.0, 102.0, 101.0], [102.0, 101.0, 105.0]], [[105.0], [107.0]])
    """
    starts = window_starts(y, length, horizon, step=step)
    values, _ = flat(y)
    if len(starts) == 0:
        return np.empty((0, length)), np.empty((0, horizon))
    inputs = sliding_window_view(values, length)[starts]
    targets = sliding_window_view(values, horizon)[starts + length] if horizon else np.empty((len(starts), 0))
    return inputs, targets


def window_starts(y: Rows, length: int, horizon: int = 1, *, step: int = 1) -> Offsets:
    """(n,) the row of each window's first value; `y.values[start : start + length + horizon]` is the window.

    >>> window_starts([100, 102, 101, 105, 107], 3).tolist()
    [0, 1]
    """
    length, horizon, step = check_count("length", length), check_count("horizon", horizon, 0), check_count("step", step)
    _, offsets = flat(y)
    counts = np.maximum((np.diff(offsets) - length - horizon) // step + 1, 0)
    nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)  # the window's number within its series
    return np.asarray(np.repeat(offsets[:-1], counts) + step * nth, dtype=np.int64)
