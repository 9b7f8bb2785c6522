"""What a network over windows is shown: cut from the panel when it is needed, never copied as a whole.

    v[t] = (u[t] − centre) / scale               u as in `lstm_inputs`: logarithm where it helps, less the season where it is asked for
    x    = (v[t−window+1 … t] − a) / s           a, s of the window itself (reversible instance normalisation)
    v̂[t+h] = a + s · z[h]                        z: what the network answers

scale: "change", the mean distance of a value from the level before it, or "spread", the standard deviation of u; errors count in this unit.
normalisation: "instance" (a = mean of the window, s = its standard deviation), "mean" (s = 1), "last" (a = the last known value, s = 1),
"series" (a = 0, s = 1). Missing values are 0 in x and flagged; so are the places before the first observation. Of a window that holds no known value
a is the last one before it.

Source: reversible instance normalisation: Kim et al. 2022; subtracting the last value: Zeng et al. 2023, NLinear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inorder.data.batch import Listed
from inorder.data.covariates import columns_of, known_ahead
from inorder.data.series import Series
from inorder.forecast.intervals import deviation
from inorder.models.window import Window
from inorder.tasks.lstm_inputs import Scaling, Whole, fit_scaling, phases
from inorder.typing import Floats

NORMALISATIONS = ("instance", "mean", "last", "series")
SCALES = ("change", "spread")
LEAST_SPREAD = 0.1  # of a window, in units of the series' scale: a constant window is not blown up
HELD_BACK = 512  # windows in a batch of those held back
Single = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class WindowScaling:
    """The numbers that bring each series to the network's scale and back.

    series: logarithm, season and scale as the recurrent forecaster has them.   centre: (series,) of u.
    reach: (series,) the range of v: a forecast goes no further than twice that from its window.
    past_centre, past_spread: (covariates,) what standardises the past covariates.
    """

    series: Scaling
    centre: Floats
    reach: Floats
    past_centre: Floats
    past_spread: Floats

    def forward(self, y: Floats, which: Whole, phase: Whole) -> Floats:
        """From values to v."""
        return np.asarray((self.series.forward(y, which, phase) - self.centre[which]) / self.series.scale[which])

    def inverse(self, v: Floats, which: Whole, phase: Whole) -> Floats:
        """From v, (series, horizon), to values.   which: (series,).   phase: (series,) of the last observation."""
        ahead = (phase[:, None] + np.arange(1, v.shape[1] + 1)) % self.series.season_length
        u = self.centre[which, None] + self.series.scale[which, None] * v
        return self.series.inverse(u, which[:, None], ahead)

    def standard_past(self, values: Floats) -> Floats:
        """Past covariates, (…, covariates), brought to mean 0 and standard deviation 1; 0 where missing."""
        return np.asarray(np.nan_to_num((values - self.past_centre) / self.past_spread))


def fit_window_scaling(history: Series, season_length: int, transform: str | Whole, deseasonalise: bool, scale: str) -> WindowScaling:
    """Learn the scaling of every series from its whole history.   transform: as in `fit_scaling`.   scale: one of SCALES."""
    scaling = fit_scaling(history, season_length if deseasonalise else 1, transform)
    count = len(history)
    if not deseasonalise:
        scaling = replace(scaling, season=np.zeros((count, season_length)))
    which = np.repeat(np.arange(count), history.lengths)
    u = scaling.forward(history.values, which, phases(history, season_length))
    centre, size, reach = np.zeros(count), scaling.scale.copy(), np.ones(count)
    for i in range(count):
        known = u[history.offsets[i] : history.offsets[i + 1]]
        known = known[~np.isnan(known)]
        if len(known):
            centre[i] = (known / len(known)).sum()
            spread = deviation(known - centre[i], len(known))
            size[i] = spread if scale == "spread" and spread > 0 else size[i]
            reach[i] = max(1.0, float(known.max() / size[i] - known.min() / size[i]))
    scaling = replace(scaling, scale=size)
    past = columns_of(history.past, len(history.values))
    known_past = ~np.isnan(past)
    number = np.maximum(known_past.sum(axis=0), 1)
    past_centre = np.where(known_past, past, 0.0).sum(axis=0) / number
    spread = np.sqrt((np.where(known_past, past - past_centre, 0.0) ** 2).sum(axis=0) / number)
    return WindowScaling(scaling, centre, reach, past_centre, np.where(spread > 0, spread, 1.0))


class Recent(NamedTuple):
    """The last steps of some series, and what is known beyond them: all that a forecast needs.

    v: (series, window) NaN = missing.   covariates: (series, window, covariates) past and future ones.   ahead: (series, steps, covariates)
    future ones of the steps to come, as many as are known, 0 where not.   static: (series, covariates).   which: (series,) the series.
    phase: (series,) place in the season of the last step.   last: (series,) the last known v, in the window or before it.
    """

    v: Single
    covariates: Single
    ahead: Single
    static: Single
    which: Whole
    phase: Whole
    last: Single


@dataclass(frozen=True, eq=False)
class Panel:
    """A history on the network's scale, row by row.

    v: (rows,) NaN = missing.   phase, series: (rows,).   past: (rows, covariates).   static: (series, covariates).
    last: (rows,) the row of the last known v of that series, up to each row.
    begin, end: (series,) rows of the first observation and after the last row.
    future: (rows and steps ahead, covariates), of which those of series i begin at `future_begin[i]`.
    """

    v: Single
    phase: Whole
    series: Whole
    begin: Whole
    end: Whole
    past: Single
    future: Single
    future_begin: Whole
    static: Single
    last: Whole

    @property
    def start(self) -> Whole:
        """(series,) the row at which each series begins, observed or not."""
        return np.concatenate([np.zeros(1, dtype=np.int64), self.end[:-1]])

    def recent(self, rows: Whole, window: int, steps: int) -> Recent:
        """What is known at each of these rows.   steps: of the future covariates ahead."""
        which = self.series[rows]
        at = rows[:, None] + np.arange(1 - window, 1)
        inside = at >= self.begin[which, None]
        at = np.maximum(at, self.start[which, None])
        v = np.where(inside, self.v[at], np.float32(np.nan))
        shift, last = (self.future_begin - self.start)[which, None], np.append(self.future_begin[1:], len(self.future))[which, None]
        beyond = rows[:, None] + shift + np.arange(1, steps + 1)
        known = beyond < last
        ahead = np.where(known[:, :, None], self.future[np.minimum(beyond, max(len(self.future) - 1, 0))], np.float32(0)) if self.future.shape[1] else None
        covariates = np.concatenate([self.past[at], self.future[at + shift]], axis=2) * inside[:, :, None]
        empty = np.zeros((len(rows), steps, 0), dtype=np.float32)
        return Recent(v, covariates, empty if ahead is None else ahead, self.static[which], which, self.phase[rows], np.nan_to_num(self.v[self.last[rows]]))

    def targets(self, rows: Whole, horizon: int, until: Whole) -> Single:
        """(rows, horizon) what came after each row, NaN where it is missing or at row `until`, (series,), or later."""
        at = rows[:, None] + np.arange(1, horizon + 1)
        return np.where(at < until[self.series[rows], None], self.v[np.minimum(at, len(self.v) - 1)], np.float32(np.nan))


def panel_of(history: Series, scaling: WindowScaling) -> Panel:
    """Every row of `history` on the scale of the network."""
    count, rows = len(history), len(history.values)
    series = np.repeat(np.arange(count), history.lengths)
    phase = phases(history, scaling.series.season_length)
    v = scaling.forward(history.values, series, phase).astype(np.float32)
    known = ~np.isnan(v)
    begin = np.array([a + int(np.argmax(known[a:b])) if known[a:b].any() else b for a, b in zip(history.offsets[:-1], history.offsets[1:], strict=True)])
    last = np.maximum(np.maximum.accumulate(np.where(known, np.arange(rows), 0)), history.offsets[series])
    names = sorted(history.future)
    steps = known_ahead(history)
    after = np.arange(steps.max())
    told = after < steps[:, None]
    lengths = history.lengths + steps
    future_begin = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    future = np.zeros((int(lengths.sum()), len(names)))
    for k, name in enumerate(names):
        future[np.arange(rows) + (future_begin - history.offsets[:-1])[series], k] = history.future[name]
        if len(after):
            future[((future_begin + history.lengths)[:, None] + after)[told], k] = history.ahead[name][:, : len(after)][told]
    past = scaling.standard_past(columns_of(history.past, rows))
    return Panel(
        v,
        phase,
        series,
        begin.astype(np.int64),
        history.offsets[1:].copy(),
        past.astype(np.float32),
        scaling.series.standard_future(future).astype(np.float32),
        future_begin,
        scaling.series.standard_static(history).astype(np.float32),
        last,
    )


def normalised(recent: Recent, how: str, horizon: int) -> tuple[Window, Tensor, Tensor]:
    """The window as the network sees it, and a, s: (batch,)."""
    v = torch.from_numpy(recent.v)
    known = ~torch.isnan(v)
    values, number = torch.where(known, v, 0.0), known.sum(dim=1).clamp(min=1)
    middle, spread = torch.zeros(len(v)), torch.ones(len(v))
    if how in ("instance", "mean"):
        middle = values.sum(dim=1) / number
    elif how == "last":
        last = torch.where(known, torch.arange(v.shape[1]), -1).max(dim=1).values.clamp(min=0)
        middle = values.gather(1, last[:, None])[:, 0]
    middle = torch.where(known.any(dim=1), middle, torch.from_numpy(recent.last))
    values = torch.where(known, values - middle[:, None], 0.0)
    if how == "instance":
        spread = torch.sqrt(values.square().sum(dim=1) / number + LEAST_SPREAD**2)
        values = values / spread[:, None]
    ahead = torch.from_numpy(recent.ahead[:, :horizon])
    if ahead.shape[1] < horizon:
        ahead = torch.cat([ahead, ahead.new_zeros(len(v), horizon - ahead.shape[1], ahead.shape[2])], dim=1)
    rest = (torch.from_numpy(part) for part in (recent.covariates, recent.static, recent.which, recent.phase))
    covariates, static, which, phase = rest
    return Window(values, known.to(values.dtype), covariates, ahead, static, which, phase), middle, spread


def origins_in(panel: Panel, begin: Whole, end: Whole, most: int) -> Whole:
    """(windows,) rows from `begin` to before `end` − 1, (series,), after which something can come; evenly fewer where they are more than `most`."""
    counts = np.maximum(end - 1 - np.maximum(begin, panel.begin), 0)
    nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.repeat(np.maximum(begin, panel.begin), counts) + nth
    return np.asarray(rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)])


class WindowBatch(NamedTuple):
    """window: what the network sees.   middle, spread: (batch,) of it.   targets: (batch, horizon) v, NaN = not known."""

    window: Window
    middle: Tensor
    spread: Tensor
    targets: Tensor


@dataclass(frozen=True, eq=False)
class WindowBatches:
    """Windows of a panel as shuffled batches, cut when they are asked for; every epoch in an order that follows from the seed and its number.

    origins: (windows,) last row of each.   until: (series,) targets from this row on are not learnt from.
    batch_size: windows per batch.   batches: per epoch; with more places than windows, every window is drawn before any is drawn again.
    """

    panel: Panel
    origins: Whole
    until: Whole
    window: int
    horizon: int
    normalisation: str
    batch_size: int
    batches: int
    seed: int

    def held_back(self, begin: Whole, most: int) -> Listed:
        """Windows whose targets all lie at row `begin`, (series,), or later, evenly chosen where they are more than `most`."""
        rows = origins_in(self.panel, np.maximum(begin - 1, self.panel.begin), self.panel.end, most)
        return Listed([replace(self, until=self.panel.end).batch(rows[k : k + HELD_BACK]) for k in range(0, len(rows), HELD_BACK)])

    def epoch(self, number: int) -> Iterator[WindowBatch]:
        rng = np.random.default_rng([self.seed, number])
        count, places = len(self.origins), self.batches * self.batch_size
        order = np.concatenate([rng.permutation(count) for _ in range(-(-places // count))])[:places]
        for k in range(0, places, self.batch_size):
            yield self.batch(self.origins[order[k : k + self.batch_size]])

    def batch(self, rows: Whole) -> WindowBatch:
        recent = self.panel.recent(rows, self.window, self.horizon)
        return WindowBatch(*normalised(recent, self.normalisation, self.horizon), torch.from_numpy(self.panel.targets(rows, self.horizon, self.until)))

    def __len__(self) -> int:
        return self.batches
