"""A trained network over observations: the one loop behind fitted values, streaming, updates and forecasts.

    memory = after(history)                   the fast path over all rows
    memory = step(y, memory)                  one observation
    forecast: step, fed with its own forecasts

The memory is of constant size: the values of one season, the level, the place in the season, the network's state, and the
distribution of the next value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from inorder.models.neural_forecaster import RecurrentForecaster
from inorder.nn.recurrent import LSTMState
from inorder.tasks.lstm_inputs import Encoded, Scaling, Whole
from inorder.typing import Floats

CHUNK = 4096 * 64  # rows that are run through the network at once


class Memory(NamedTuple):
    """What is known after an observation of each of some series.

    recent: (series, count) the last filled values, oldest first.   level, phase: (series,) of the last row.   state: of the network.
    location: (series,) z of the next value, as forecast.   future: (series, covariates) of the next step, standardised.
    """

    recent: Floats
    level: Floats
    phase: Whole
    state: LSTMState
    location: Floats
    future: Floats


def take(memory: Memory, which: Whole) -> Memory:
    """The memory of some of the series."""
    state = LSTMState(memory.state.hidden[:, which], memory.state.cell[:, which])
    return Memory(memory.recent[which], memory.level[which], memory.phase[which], state, memory.location[which], memory.future[which])


def join(memories: Sequence[Memory]) -> Memory:
    """The series of all, one after the other."""
    recent, level, phase, state, location, future = zip(*memories, strict=True)
    together = LSTMState(torch.cat([one.hidden for one in state], dim=1), torch.cat([one.cell for one in state], dim=1))
    return Memory(np.concatenate(recent), np.concatenate(level), np.concatenate(phase), together, np.concatenate(location), np.concatenate(future))


@dataclass(frozen=True, eq=False)
class Recurrence:
    """Network and scaling of some series together.   static: (series, covariates), standardised."""

    network: RecurrentForecaster
    scaling: Scaling
    static: Floats

    def after(self, encoded: Encoded) -> tuple[Floats, Memory]:
        """(rows,) location of each row's next value, NaN before the first observation; and the memory after the last row of each series."""
        location, state = self.run(encoded, encoded.begin, encoded.end, self.network.init(len(encoded.begin)))
        return location, self.memory(encoded, location, encoded.end, state)

    def run(self, encoded: Encoded, begin: Whole, end: Whole, state: LSTMState) -> tuple[Floats, LSTMState]:
        """The network over rows begin:end of each series.   Returns (rows,) locations, NaN at other rows, and the last state."""
        location = np.full(len(encoded.targets), np.nan)
        pieces = []
        with torch.no_grad():
            for group in np.array_split(np.arange(len(begin)), max(1, len(begin) // 512)):
                part = LSTMState(state.hidden[:, group], state.cell[:, group])
                at, width = begin[group], max(1, CHUNK // len(group))
                while (at < end[group]).any():
                    lengths = np.clip(end[group] - at, 0, width)
                    rows = at[:, None] + np.minimum(np.arange(lengths.max()), np.maximum(lengths[:, None] - 1, 0))
                    x = torch.from_numpy(encoded.inputs[np.minimum(rows, len(encoded.inputs) - 1)])
                    ahead, part = self.network(x, torch.from_numpy(lengths), part)
                    real = np.arange(rows.shape[1]) < lengths[:, None]
                    location[rows[real]] = self._within(ahead.location.numpy().astype(np.float64), group[:, None])[real]
                    at = at + lengths
                pieces.append(part)
        return location, LSTMState(torch.cat([part.hidden for part in pieces], dim=1), torch.cat([part.cell for part in pieces], dim=1))

    def memory(self, encoded: Encoded, location: Floats, end: Whole, state: LSTMState) -> Memory:
        """The memory of each series when row `end` − 1 was its last, from the network's state there."""
        rows = np.minimum(np.maximum(end - 1, encoded.begin), len(encoded.u) - 1)
        return Memory(encoded.recent(rows, max(self.scaling.lags) + 1), encoded.level[rows], encoded.phase[rows], state, location[rows], encoded.future[rows])

    def step(self, u: Floats, memory: Memory, future: Floats, which: Whole) -> Memory:
        """Take one value each of the series `which`.   u: (series,), NaN = missing.   future: (series, covariates) of the step after, standardised."""
        known = ~np.isnan(u)
        filled = np.where(known, u, memory.level)
        level = memory.level + self.scaling.alpha * (filled - memory.level)
        recent = np.concatenate([memory.recent[:, 1:], filled[:, None]], axis=1)
        phase = (memory.phase + 1) % self.scaling.season_length
        lagged = recent[:, [-1 - lag for lag in self.scaling.lags]]
        both = np.concatenate([memory.future, future], axis=1)
        x = self.scaling.inputs(lagged, level, known, phase, both, self.static[which], which)
        with torch.no_grad():
            ahead, state = self.network.step(torch.from_numpy(x), memory.state)
        return Memory(recent, level, phase, state, self._within(ahead.location.numpy().astype(np.float64), which), future)

    def free_run(self, memory: Memory, horizon: int, future: Floats, which: Whole) -> Floats:
        """(series, horizon) forecasts of u: each is taken for the next observation.

        future: (series, horizon, covariates) of the steps to be forecast, standardised; the first is in `memory` already.
        """
        u = np.empty((len(which), horizon))
        for step in range(horizon):
            u[:, step] = memory.level + self.scaling.scale[which] * memory.location
            if step + 1 < horizon:
                memory = self.step(u[:, step], memory, future[:, step + 1], which)
        return u

    def values(self, u: Floats, phase: Whole, which: Whole) -> Floats:
        """(series, horizon) forecasts of u in the units of the data.   phase: (series,) of the last observation."""
        ahead = (phase[:, None] + np.arange(1, u.shape[1] + 1)) % self.scaling.season_length
        return self.scaling.inverse(u, which[:, None], ahead)

    def _within(self, location: Floats, which: Whole) -> Floats:
        """No further from the level than the series ever went: a free-running forecast cannot explode."""
        limit = self.scaling.limit[which]
        return np.asarray(np.clip(location, -limit, limit))


def errors_ahead(recurrence: Recurrence, encoded: Encoded, begin: Whole, future: Floats, most: int) -> tuple[NDArray[np.float32], Whole]:
    """(rows, horizon) errors of free-running forecasts from origins in the last part of each series, in units of its scale, NaN where not known;
    (rows,) their series.

    begin: (series,) first row of that part, not used in training.   future: (rows, covariates) of every row, standardised.
    most: rows at most, over all series. The horizon is the longest that the part allows, up to 200.
    """
    lengths = encoded.end - begin
    which = np.flatnonzero((lengths > 0) & (begin > encoded.begin))
    if len(which) > most:
        which = which[np.linspace(0, len(which) - 1, most).astype(np.int64)]
    if len(which) == 0:
        return np.zeros((0, 1), dtype=np.float32), which
    horizon = int(min(lengths[which].max(), 200))
    origins = int(np.clip(most // len(which), 1, lengths[which].max()))
    location, state = recurrence.run(encoded, encoded.begin, begin, recurrence.network.init(len(lengths)))
    at, starts, memories = begin, [], []
    for share in np.arange(origins) / origins:
        there = begin + (share * lengths).astype(np.int64)
        more, state = recurrence.run(encoded, at, there, state)
        location, at = np.where(np.isnan(more), location, more), there
        starts.append(there[which])
        memories.append(take(recurrence.memory(encoded, location, there, state), which))
    whose = np.tile(which, origins)
    rows = np.concatenate(starts)[:, None] + np.arange(horizon)
    inside = rows < encoded.end[whose, None]
    rows = np.minimum(rows, len(encoded.u) - 1)
    forecasts = recurrence.free_run(join(memories), horizon, future[rows], whose)
    errors = np.where(inside, encoded.u[rows] - forecasts, np.nan) / recurrence.scaling.scale[whose, None]
    judged = ~np.isnan(errors).all(axis=1)
    return errors[judged].astype(np.float32), whose[judged]
