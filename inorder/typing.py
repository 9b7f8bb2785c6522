"""Named array types. The names are the axes that the docstrings speak of."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Values: TypeAlias = NDArray[np.float64]  # (time,) or (rows,): observations, NaN = missing
Index: TypeAlias = NDArray[np.datetime64] | NDArray[np.int64] | NDArray[np.float64]  # (time,)
Offsets: TypeAlias = NDArray[np.int64]  # (series + 1,): series i is rows offsets[i]:offsets[i + 1]
Mean: TypeAlias = NDArray[np.float64]  # (horizon,) for one series, (series, horizon) for a panel
