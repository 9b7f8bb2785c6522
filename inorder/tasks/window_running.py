"""Trained networks over windows: forecasts of any length from what was seen last.

    block 1: the network says `steps` ahead at once;   block k + 1: the window, moved on over the forecasts of block k

Where several networks were trained from different seeds, their answers are averaged. Beyond the first block the deviations of quantiles add up as those of
independent errors do:  d[k+1]² = d[k, last]² + d².
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from inorder.tasks.lstm_inputs import Whole
from inorder.tasks.window_inputs import Panel, Recent, Single, WindowScaling, normalised, origins_in
from inorder.tasks.window_outputs import answer, deviations, point
from inorder.typing import Floats

CHUNK = 4096  # windows that go through the networks at once


@dataclass(frozen=True, eq=False)
class Ahead:
    """networks: one a seed.   scaling: of each series.   normalisation, loss, quantiles: as in the settings.   steps: that a network says at once."""

    networks: Sequence[nn.Module]
    scaling: WindowScaling
    normalisation: str
    loss: str
    quantiles: tuple[float, ...]
    window: int
    steps: int

    def forecast(self, recent: Recent, horizon: int, probabilities: Floats) -> tuple[Floats, Floats]:
        """(series, horizon) v, and (probabilities, series, horizon) how far each quantile lies from it; no probabilities where intervals are conformal."""
        points, apart = [], []
        last = np.zeros((len(probabilities), len(recent.v), 1))
        while True:
            answered = self._answer(recent)
            block = self._within(point(answered, self.loss), recent)
            points.append(block)
            if len(probabilities):
                own = deviations(answered, self.loss, self.quantiles, probabilities)
                apart.append(np.sign(own) * np.hypot(own, last))
                last = apart[-1][:, :, -1:]
            if len(points) * self.steps >= horizon:
                break
            recent = moved(recent, block.astype(np.float32))
        together = np.concatenate(apart, axis=2)[:, :, :horizon] if apart else np.zeros((0, len(recent.v), horizon))
        return np.concatenate(points, axis=1)[:, :horizon], together

    def from_rows(self, panel: Panel, rows: Whole, horizon: int) -> Floats:
        """(rows, horizon) v, forecast at each of these rows."""
        steps = -(-horizon // self.steps) * self.steps
        made = [self.forecast(panel.recent(rows[k : k + CHUNK], self.window, steps), horizon, np.zeros(0))[0] for k in range(0, len(rows), CHUNK)]
        return np.concatenate(made) if made else np.zeros((0, horizon))

    def _answer(self, recent: Recent) -> Floats:
        window, middle, spread = normalised(recent, self.normalisation, self.steps)
        with torch.no_grad():
            answers = [answer(network(window), middle, spread, self.loss) for network in self.networks]
        return np.asarray(np.mean([one.numpy().astype(np.float64) for one in answers], axis=0))

    def _within(self, v: Floats, recent: Recent) -> Floats:
        """No further from the window than twice the range of the series: a free run cannot explode."""
        seen = np.where(np.isnan(recent.v), recent.last[:, None], recent.v).astype(np.float64)
        reach = 2 * self.scaling.reach[recent.which]
        return np.clip(v, (seen.min(axis=1) - reach)[:, None], (seen.max(axis=1) + reach)[:, None])


def moved(recent: Recent, values: Single, past: Floats | float = 0.0) -> Recent:
    """The window moved on over `values`, (series, steps), taken as if observed.   past: (series, steps, covariates) standardised, 0 = average."""
    steps = values.shape[1]
    v = np.concatenate([recent.v, values], axis=1)[:, -recent.v.shape[1] :]
    later = recent.ahead[:, :steps]
    count = recent.covariates.shape[2] - later.shape[2]
    added = np.zeros((len(v), steps, recent.covariates.shape[2]), dtype=np.float32)
    added[:, :, :count] = past
    added[:, : later.shape[1], count:] = later
    covariates = np.concatenate([recent.covariates, added], axis=1)[:, -recent.v.shape[1] :]
    last = recent.last
    for value in values.T:
        last = np.where(np.isnan(value), last, value)
    return Recent(v, covariates, recent.ahead[:, steps:], recent.static, recent.which, recent.phase + steps, last)


def errors_ahead(ahead: Ahead, panel: Panel, begin: Whole, horizon: int, most: int) -> tuple[Single, Whole]:
    """(origins, horizon) errors v − v̂ of forecasts made from row `begin` − 1, (series,), and later, in time, NaN where not known; (origins,) their series.

    most: origins at most, over all series.
    """
    rows = origins_in(panel, np.maximum(begin - 1, panel.begin), panel.end, most)
    rows = rows[np.argsort(rows - panel.end[panel.series[rows]], kind="stable")]
    errors = panel.targets(rows, horizon, panel.end) - ahead.from_rows(panel, rows, horizon)
    judged = ~np.isnan(errors).all(axis=1)
    return errors[judged].astype(np.float32), panel.series[rows[judged]]
