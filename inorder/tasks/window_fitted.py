"""A trained forecaster over windows: forecasts, newer observations, sessions, what is told of it and what is saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from inorder.data.covariates import complete_ahead, known_ahead, with_gaps
from inorder.errors import ConfigError, ForecastError, SeriesError
from inorder.forecast.base import DEFAULT_LEVELS, Fitted, Forecast, Session, check_horizon, check_request, made_forecast
from inorder.forecast.intervals import conformal_radii, tail_probabilities
from inorder.models.window import Sizes
from inorder.tasks.held_back import STOPPED, few_of, last_value, to_horizon
from inorder.tasks.lstm_inputs import Whole
from inorder.tasks.window_inputs import Panel, Recent, Single, WindowScaling, origins_in, panel_of
from inorder.tasks.window_running import Ahead, moved
from inorder.train.history import Epoch, History
from inorder.train.reproducible import using_threads
from inorder.typing import Floats, Values

if TYPE_CHECKING:
    from inorder.tasks.window_forecaster import WindowForecaster

NO_QUANTILES = np.zeros(0)
FEWEST_PATHS = 200  # that are ranked among each other, however few are asked for


@dataclass(frozen=True, eq=False)
class WindowFitted(Fitted):
    """Trained networks with the scaling of each series.

    networks: one a seed.   sizes: of each.   calibration: (forecasts, steps) errors on the part held back, in units of v.
    forced: (forecasts, 1) absolute errors one step ahead on that part.   records: of the training of each network.
    whole: they were trained again on everything, the last part too.   failures: series id -> why it could not be used; its last value stands in.
    """

    forecaster: WindowForecaster
    networks: tuple[nn.Module, ...]
    scaling: WindowScaling
    sizes: Sizes
    calibration: Single
    forced: Single
    records: tuple[History, ...]
    whole: bool
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> Mapping[str, str]:
        return self.failures

    @property
    def notes(self) -> tuple[str, ...]:
        notes = []
        asked = self.forecaster.season_of(self.history)
        if self.sizes.season != asked:
            notes.append(f"The history is shorter than two seasons of {asked} and a little more, so no season is used.")
        if any(record.best_epoch == 0 for record in self.records):
            notes.append("No epoch was better on the validation part than the start; the forecast is what the network says before it has learnt anything.")
        if any(record.stopped == "time" for record in self.records):
            notes.append(f"Its time was used up after {self.records[-1].epochs[-1].epoch} epochs of training.")
        if len(self.networks) < self.forecaster.ensemble:
            notes.append(f"Its time sufficed for {len(self.networks)} of {self.forecaster.ensemble} networks.")
        if self.forecaster.refit and not self.whole:
            notes.append("Its time did not suffice to train again on everything, so the last part of the history was not learnt from.")
        if gaps := with_gaps(self.history.past, self.history.future, self.history.static):
            notes.append(f"Where a value of {', '.join(gaps)} is missing, the average takes its place.")
        named = zip(self.history.ids, self.history, strict=True)
        if unseen := [name for name, y in named if name not in self.failures and np.isnan(y[-self.sizes.window :]).all()]:
            names = ", ".join(unseen[:3]) + (f" and {len(unseen) - 3} more series" if len(unseen) > 3 else "")
            notes.append(f"The last {self.sizes.window} values, a whole window, are missing in {names}; the forecast goes on from the last known value.")
        return tuple(notes)

    @cached_property
    def _ahead(self) -> Ahead:
        return self.forecaster.ahead(self.networks, self.scaling, self.sizes)

    @cached_property
    def _panel(self) -> Panel:
        return panel_of(self.history, self.scaling)

    @cached_property
    def _failed(self) -> list[int]:
        return [i for i, name in enumerate(self.history.ids) if name in self.failures]

    @cached_property
    def fitted_values(self) -> Values:
        panel = self._panel
        rows = origins_in(panel, panel.begin, panel.end, len(panel.v))
        rows = rows[~np.isin(panel.series[rows], self._failed)]
        fitted = np.full(len(panel.v), np.nan)
        fitted[rows + 1] = self.forecasts(rows, 1)[:, 0]
        return fitted

    def forecasts(self, rows: Whole, horizon: int) -> Floats:
        """(rows, horizon) what would have been forecast just after each of these rows of the history, for a backtest with fixed weights.

        rows: positions in `history.values`, each at or after the first observation of its series.
        """
        panel = self._panel
        with using_threads(1):
            v = self._ahead.from_rows(panel, rows, horizon)
        return self.scaling.inverse(v, panel.series[rows], panel.phase[rows])

    def _recent(self, which: Whole) -> Recent:
        """The last window of some series, with the covariates of all steps ahead that are known."""
        return self._panel.recent(self._panel.end[which] - 1, self.sizes.window, int(known_ahead(self.history)[which].max()))

    def predict(self, horizon: int, levels: Sequence[float] = DEFAULT_LEVELS, *, intervals: str = "auto", samples: int = 0, seed: int = 0) -> Forecast:
        """As `Fitted.predict`; "analytic" intervals are those of the quantiles or the distribution that the network gives, where its loss is one; else they are
        conformal. A sample path takes the errors of one forecast made on the part held back where intervals are conformal, else, from quantiles of the
        network, the ranks of these errors, so that samples and intervals are of one distribution at each step:

            path[h] = quantile of step h at (R[h] + ξ) / n        R[h] = rank of error[h] among those of the n ≥ 200 forecasts drawn, 0 to n − 1;   ξ uniform

        Source: the Schaake shuffle, Clark, Gangopadhyay, Hay, Rajagopalan & Wilby 2004, here on errors; Schefzik, Thorarinsdottir & Gneiting 2013.
        """
        levels = check_request(horizon, levels, intervals, samples)
        own = self.forecaster.loss not in ("absolute", "squared")
        if intervals not in ("auto", "conformal", "adaptive") and not (own and intervals == "analytic"):
            formula = 'Only loss="quantiles" or a distribution gives' if intervals == "analytic" else f"There are no {intervals}"
            raise ConfigError(f'{formula} {"analytic " * (intervals == "analytic")}intervals of {self.forecaster.name}. Use intervals="conformal".')
        analytic = own and intervals in ("auto", "analytic")
        complete_ahead(self.history, horizon)
        count = len(self.history)
        recent = self._recent(np.arange(count))
        with using_threads(1):
            v, apart = self._ahead.forecast(recent, horizon, tail_probabilities(levels) if analytic else NO_QUANTILES)
        mean = self._values(v, recent)
        bounds, kind = np.empty((count, 2 * len(levels), horizon)), "analytic"
        if levels and not analytic:
            radii, kind = conformal_radii(to_horizon(self.calibration, horizon), levels, adaptive=intervals == "adaptive")
            apart = np.repeat(radii[:, None], count, axis=1)
        for k, one in enumerate(apart):
            bounds[:, k] = self._values(v + one, recent)
        drawn = self._samples(v, recent, samples, seed, analytic) if samples else np.empty((count, 0, horizon))
        for i in self._failed:
            mean[i], bounds[i], drawn[i] = last_value(self.history.y(i)), np.nan, np.nan
        return made_forecast(self, mean, bounds, levels, self.history.future_index(horizon), kind, self.failures, drawn)

    def _values(self, v: Floats, recent: Recent) -> Floats:
        return self.scaling.inverse(v, recent.which, recent.phase)

    def _samples(self, v: Floats, recent: Recent, samples: int, seed: int, analytic: bool) -> Floats:
        """(series, samples, horizon): the forecast v, (series, horizon), plus errors of forecasts that are drawn as wholes, or quantiles in their order."""
        count, horizon = v.shape
        errors = to_horizon(self.calibration, horizon)
        errors = errors[~np.isnan(errors).any(axis=1)]
        if len(errors) == 0:
            raise ForecastError(
                f"No forecast over {horizon} steps could be judged in the calibration part, so there are no errors to draw. Use a shorter horizon."
            )
        rng = np.random.default_rng(seed)
        paths = max(samples, FEWEST_PATHS) if analytic else samples
        apart = errors[rng.integers(len(errors), size=(paths, count))]
        if analytic:
            ranks = apart.argsort(axis=0, kind="stable").argsort(axis=0)  # one forecast drawn twice stays in one order at all steps
            with using_threads(1):
                _, quantiles = self._ahead.forecast(recent, horizon, (np.arange(paths) + rng.random()) / paths)
            apart = np.take_along_axis(quantiles, ranks, axis=0)[rng.permutation(paths)[:samples]]
        return np.stack([self._values(v + path, recent) for path in apart], axis=1)

    def update(self, new: Any) -> WindowFitted:
        return replace(self, history=self._new_rows(new))

    def stream(self, series: int | str = 0) -> WindowSession:
        i = self.history.position(series)
        name = self.history.ids[i]
        if name in self.failures:
            raise ForecastError(f'Series "{name}" could not be fitted: {self.failures[name]}')
        return WindowSession(self._ahead, self._recent(np.array([i])), sorted(self.history.past), len(self.history.future))

    @property
    def exposure(self) -> tuple[float, float]:
        """Mean absolute errors on the part held back, in units of the series' scale: teacher-forced, one step ahead from true values, and free-running, over
        all steps of the horizon from the network's own forecasts. Their difference is what running on one's own forecasts costs."""
        free = self.calibration[~np.isnan(self.calibration)]
        forced = self.forced[~np.isnan(self.forced)]
        return float(np.mean(forced)) if len(forced) else math.nan, float(np.mean(np.abs(free))) if len(free) else math.nan

    def describe(self, series: int = 0) -> dict[str, Any]:
        if self.history.ids[series] in self.failures:
            return {}
        record = self.records[0]
        last = record.epochs[-1]
        shown = [epoch for epoch in record.epochs if epoch.epoch in few_of(last.epoch, record.best_epoch)]
        names = {"epoch": "epoch", "train_loss": "loss", "validation_loss": "validation", "gradient_norm": "gradient", "seconds": "seconds"}
        forced, free = self.exposure
        recursive = {"teacher-forced error": forced, "free-running error": free} if self.forecaster.recursive else {"validation error": free}
        return {
            "parameters": sum(parameter.numel() for network in self.networks for parameter in network.parameters()),
            "networks": len(self.networks),
            "window": self.sizes.window,
            "steps at once": self.sizes.horizon,
            "season": self.sizes.season,
            "logarithm": bool(self.scaling.series.logarithm[series]),
            "scale": float(self.scaling.series.scale[series]),
            "epochs": last.epoch,
            "best epoch": record.best_epoch,
            "validation loss": record.best_loss,
            **recursive,
            "seconds": last.seconds,
            "training": {label: [getattr(epoch, name) for epoch in shown] for name, label in names.items()},
        }

    def weights(self) -> dict[str, Any]:
        arrays: dict[str, Any] = {"networks": np.array([len(self.networks)]), "whole": np.array([int(self.whole)])}
        arrays.update(calibration=self.calibration, forced=self.forced)
        arrays.update({f"scaling.{f.name}": getattr(self.scaling, f.name) for f in fields(self.scaling) if f.name != "series"})
        arrays.update({f"scaling.{f.name}": getattr(self.scaling.series, f.name) for f in fields(self.scaling.series)})
        for k, (network, record) in enumerate(zip(self.networks, self.records, strict=True)):
            arrays.update({f"network.{k}.{name}": value.detach().numpy().copy() for name, value in network.state_dict().items()})
            arrays[f"training.{k}.epochs"] = np.array([list(asdict(epoch).values()) for epoch in record.epochs], dtype=np.float64)
            arrays[f"training.{k}.best"] = np.array([record.best_epoch, STOPPED.index(record.stopped)], dtype=np.int64)
        return arrays


def record_of(weights: Mapping[str, Any], k: int) -> History:
    """The record of training of network `k`, from the arrays of `WindowFitted.weights`."""
    epochs: NDArray[np.float64] = np.asarray(weights[f"training.{k}.epochs"])
    best = np.asarray(weights[f"training.{k}.best"])
    return History(tuple(Epoch(int(row[0]), *row[1:]) for row in epochs.tolist()), int(best[0]), STOPPED[int(best[1])])


class WindowSession(Session):
    """One series, one observation at a time.   past: names of the past covariates.   future: how many are known ahead, as far as `recent.ahead` goes."""

    def __init__(self, ahead: Ahead, recent: Recent, past: Sequence[str], future: int) -> None:
        self.ahead, self.recent, self.past, self.future = ahead, recent, past, future

    def step(self, y: float, *, past: Sequence[float] | Floats = ()) -> float:
        """Take one observation and return the forecast of the next one.   past: its past covariates, in the order of their names, NaN where missing."""
        if math.isinf(y):
            raise SeriesError(f"An observation is a finite number, or NaN where it is missing, not {y!r}.")
        beside = np.asarray(past, dtype=np.float64)
        if beside.shape != (len(self.past),):
            wanted = (
                f"Each step needs one value of each past covariate ({', '.join(self.past)}): step(y, past=[…])" if self.past else "There are no past covariates"
            )
            raise ForecastError(f"{wanted}; {f'an array of the shape {beside.shape}' if beside.size else 'none'} came.")
        self._check(2)  # before anything moves: what was refused may be given again
        phase = (self.recent.phase + 1) % self.ahead.scaling.series.season_length
        scaling = self.ahead.scaling
        v = scaling.forward(np.array([float(y)]), self.recent.which, phase)
        self.recent = moved(self.recent, v[:, None].astype(np.float32), scaling.standard_past(beside)[None, None])._replace(phase=phase)
        return float(self.predict(1)[0])

    def predict(self, horizon: int) -> Floats:
        check_horizon(horizon)
        self._check(horizon)
        with using_threads(1):
            v, _ = self.ahead.forecast(self.recent, horizon, NO_QUANTILES)
        return np.asarray(self.ahead.scaling.inverse(v, self.recent.which, self.recent.phase)[0])

    def _check(self, steps: int) -> None:
        known = self.recent.ahead.shape[1]
        if self.future and known < steps:
            raise ForecastError(f"Future covariates are known for {known} more steps, and {steps} are needed. Use update().")
