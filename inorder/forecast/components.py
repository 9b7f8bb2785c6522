"""The components of a series: level, slope, season, cycle and what remains, each with its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inorder.data.series import Series
from inorder.forecast.intervals import normal_quantiles, tail_probabilities
from inorder.metrics.score import level_name
from inorder.typing import Index, Values


@dataclass(frozen=True, eq=False)
class Components:
    """The parts of one series, given all its observations.

    history, series, begin: where they come from, and the row of the first observation.   y: (time,) the observations from there on.
    mean, deviation: name -> (time,): the expected part and its standard deviation (NaN: not known), with the variances taken for known, and the
    coefficients of covariates and events too but in their own parts.   levels: of the bands.
    The parts add up to y, the slope apart, which is part of the level's change.
    """

    history: Series
    series: int
    begin: int
    y: Values
    mean: Mapping[str, Values]
    deviation: Mapping[str, Values]
    levels: tuple[float, ...]

    @property
    def index(self) -> Index:
        return self.history.stamps(self.series)[self.begin :]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.mean)

    def band(self, name: str, level: float) -> tuple[Values, Values]:
        """(time,) lower and upper bound of one part."""
        lower, upper = normal_quantiles(self.mean[name], self.deviation[name], tail_probabilities([level]))
        return lower, upper

    def columns(self) -> dict[str, Any]:
        """time, the observations, and for every part its mean and its bounds: level, level_lower_95, level_upper_95, …"""
        columns: dict[str, Any] = {self.history.names.time: self.index, "y": self.y}
        for name in self.names:
            columns[name] = self.mean[name]
            if np.isnan(self.deviation[name]).all():
                continue
            for level in self.levels:
                columns[f"{name}_lower_{level_name(level)}"], columns[f"{name}_upper_{level_name(level)}"] = self.band(name, level)
        return columns

    def to_frame(self) -> Any:
        """A frame of the kind that was read, pandas or polars; the columns are those of `columns`."""
        from inorder.data.frames import make_frame

        return make_frame(self.columns(), self.history)

    def plot(self) -> Any:
        """A matplotlib figure: the series with its level, and every other part under it, with bands."""
        from inorder.plots import plot_components

        return plot_components(self.index, self.y, self.mean, {name: [self.band(name, level) for level in self.levels] for name in self.names})

    def __str__(self) -> str:
        return str(self.to_frame())
