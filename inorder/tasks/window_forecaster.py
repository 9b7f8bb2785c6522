"""Global forecasters that look at a window of the past: what their kinds share.

    fit      scale each series, cut windows from the panel, train on those that end before the last part in time, stop when that part is forecast no better,
             train once more on everything for as many epochs as were best
    predict  the last window of each series, and windows moved on over the forecasts where more steps are asked for than the network says at once

A kind is a network (`models/`) and its own settings (`neural_forecasters`).
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inorder.data.series import Series, as_series
from inorder.errors import BudgetError, BundleError, ConfigError, ForecastError, unknown
from inorder.forecast.base import Forecaster, Progress, check_regular, check_whole
from inorder.losses.sums import Sum
from inorder.models.window import Sizes
from inorder.tasks.held_back import in_units_of, validation_begin
from inorder.tasks.lstm_inputs import TRANSFORMS, Scaling, Whole, logarithms, too_short, usable_season
from inorder.tasks.window_fitted import WindowFitted, record_of
from inorder.tasks.window_inputs import NORMALISATIONS, SCALES, Panel, WindowBatch, WindowBatches, WindowScaling, fit_window_scaling, origins_in, panel_of
from inorder.tasks.window_outputs import LOSSES, answer, check_quantiles, loss_of, outputs_of
from inorder.tasks.window_running import Ahead, errors_ahead
from inorder.train.history import History
from inorder.train.loop import fit
from inorder.train.reproducible import reproducible, using_threads
from inorder.train.schedules import SCHEDULES
from inorder.train.settings import Training

WINDOWS = 1_000_000  # at most; longer panels are cut at every k-th row
VALIDATION_WINDOWS = 2000  # at most
CALIBRATION_WINDOWS = 2000  # forecasts that the intervals are learnt from, at most
FIRST_SHARE = 0.6  # of the time allowed goes to training with a part held back
LONGEST_WINDOW, LONGEST_HORIZON = 336, 48  # where they are not given
Trained = tuple[nn.Module, History]


@dataclass(frozen=True, kw_only=True)
class WindowForecaster(Forecaster):
    """Settings that all kinds share.

    window: steps that the network sees; None = two seasons or twice the horizon, whichever is longer, 16 to 336.   horizon: steps that it says at once;
    None = two seasons, 8 to 48.   recursive: it says one step at a time instead and is fed with its own forecasts up to `horizon` and beyond.
    loss: "absolute", "squared", "quantiles" (those of `quantiles`, which cannot cross), or a distribution: "student-t", "normal", "laplace".
    normalisation: of each window: "instance" (mean and standard deviation), "mean", "last" (value) or "series" (none of its own).
    transform: "auto" (logarithms where the spread grows with the level), "log" or "none".   deseasonalise: take the season of each series out first.
    scale: what counts as large in each series: "change" (from one value to the next) or "spread" (the standard deviation of all).
    learning_rate, weight_decay, clip_norm (largest gradient norm; None = any), batch_size (windows).
    schedule: "cosine", "linear", "inverse-root", "plateau" or "constant".
    epoch_batches: batches an epoch, at most.   max_epochs: at most.   patience: epochs without improvement on the validation part before stopping.
    validation_share: of each series, at its end.   refit: train once more on everything, for the best number of epochs.
    ensemble: networks from as many seeds, whose answers are averaged.   seed: of all random numbers; equal seeds give equal numbers.
    """

    gradual = True
    window: int | None = None
    horizon: int | None = None
    recursive: bool = False
    loss: str = "absolute"
    quantiles: tuple[float, ...] = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    normalisation: str = "instance"
    transform: str = "auto"
    deseasonalise: bool = False
    scale: str = "change"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    weight_decay: float = 0.01
    clip_norm: float | None = 1.0
    batch_size: int = 64
    epoch_batches: int = 100
    max_epochs: int = 60
    patience: int = 10
    validation_share: float = 0.2
    refit: bool = True
    ensemble: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantiles", check_quantiles(self.quantiles))
        for key, least in {"window": 2, "horizon": 1}.items():
            if getattr(self, key) is not None:
                check_whole(key, getattr(self, key), least)
        for key in ("batch_size", "epoch_batches", "ensemble"):
            check_whole(key, getattr(self, key), 1)
        check_whole("seed", self.seed, 0)
        for key in ("recursive", "deseasonalise", "refit"):
            if not isinstance(getattr(self, key), bool):
                raise ConfigError(f"`{key}` is true or false, not {getattr(self, key)!r}.")
        if not isinstance(self.validation_share, int | float) or not 0 < self.validation_share <= 0.5:
            raise ConfigError(f"`validation_share` is a share above 0, at most 0.5, not {self.validation_share!r}.")
        known = {"loss": LOSSES, "normalisation": NORMALISATIONS, "scale": SCALES, "transform": TRANSFORMS, "schedule": SCHEDULES}
        for key, names in known.items():
            if getattr(self, key) not in names:
                raise unknown(key, str(getattr(self, key)), names)
        self.training  # noqa: B018  the rest is checked where it belongs

    @abstractmethod
    def build(self, sizes: Sizes) -> nn.Module:
        """A network with new weights, which takes a `Window` and gives (batch, horizon, outputs)."""

    def answers(self, network: nn.Module, batch: WindowBatch) -> tuple[Tensor, Tensor]:
        """What the network says, (windows, horizon, outputs) in units of v, and what came, (windows, horizon)."""
        return answer(network(batch.window), batch.middle, batch.spread, self.loss), batch.targets

    @property
    def training(self) -> Training:
        """The settings of the training loop."""
        shared = {f.name: getattr(self, f.name) for f in fields(Training) if f.name in self.setting_names()}
        return Training(**shared, least_improvement=1e-4)

    @property
    def threads(self) -> int:
        """How many threads torch is given: small matrix products are slower when they are shared."""
        return 1 if self.batch_size < 256 else 2

    def fit(self, series: Any, *, seconds: float | None = None, progress: Progress | None = None) -> WindowFitted:
        history = as_series(series)
        check_regular(history)
        began, allowed = time.monotonic(), math.inf if seconds is None else seconds
        season = usable_season(history, self.season_of(history))
        failures = too_short(history)
        if len(failures) == len(history):
            raise ForecastError(next(iter(failures.values())))
        cut = validation_begin(history, self.validation_share)
        sizes = self.sizes(history, season)
        learnt = np.arange(len(history.values)) < np.repeat(cut, history.lengths)
        past = {name: np.where(learnt, column, np.nan) for name, column in history.past.items()}  # future ones are known in advance
        earlier = replace(history, values=np.where(learnt, history.values, np.nan), past=past)
        logarithm = logarithms(
            history, earlier, season if self.deseasonalise else 1, self.transform
        )  # once: the errors of the first training are in their unit
        scaling = fit_window_scaling(earlier, season, logarithm, self.deseasonalise, self.scale)
        panel = panel_of(history, scaling)
        report = _Progress(progress, self.max_epochs, self.ensemble * (1 + self.refit))
        trained = self._train_all(panel, sizes, cut, began, (FIRST_SHARE if self.refit else 1.0) * allowed, report)
        if not trained:
            raise BudgetError(f"{self.name} had not finished one epoch when its {seconds:.1f} seconds were used up. Give it more time, with --budget.")
        networks, records = zip(*trained, strict=True)
        ahead = self.ahead(networks, scaling, sizes)
        with using_threads(1):
            calibration, whose = errors_ahead(ahead, panel, cut, self.horizon_for(season), CALIBRATION_WINDOWS)
            forced, of = errors_ahead(ahead, panel, cut, 1, CALIBRATION_WINDOWS) if self.recursive else (calibration[:, :1], whose)
        whole = False
        if self.refit and time.monotonic() + sum(record.epochs[record.best_epoch].seconds for record in records) < began + allowed:
            again = fit_window_scaling(history, season, logarithm, self.deseasonalise, self.scale)
            everything, end, parts = panel_of(history, again), history.offsets[1:], range(self.ensemble, 2 * self.ensemble)
            repeated = [
                self._train(everything, sizes, end, self.seed + k, follow=record, deadline=began + allowed, progress=report.part(part))
                for k, (record, part) in enumerate(zip(records, parts, strict=False))
            ]
            whole = all(run.stopped != "time" for _, run in repeated)
            if whole:
                before, after = scaling.series.scale, again.series.scale
                calibration, forced = in_units_of(after, calibration, whose, before), in_units_of(after, forced, of, before)
                networks, scaling = tuple(network for network, _ in repeated), again
        report.done()
        return WindowFitted(self, history, networks, scaling, sizes, calibration, np.abs(forced), records, whole, failures)

    def _train_all(self, panel: Panel, sizes: Sizes, cut: Whole, began: float, allowed: float, report: _Progress) -> list[Trained]:
        """A network for each seed with what happened, fewer where the time, `allowed` seconds for all, is used up: those that finished an epoch."""
        trained = []
        for k in range(self.ensemble):
            deadline = began + allowed * (k + 1) / self.ensemble
            one = self._train(panel, sizes, cut, self.seed + k, deadline=deadline, progress=report.part(k))
            if one[1].epochs[-1].epoch == 0:
                break
            trained.append(one)
        return trained

    def horizon_for(self, season: int) -> int:
        """How many steps ahead are trained for or, where it is recursive, judged."""
        return self.horizon or (int(np.clip(2 * season, 8, LONGEST_HORIZON)) if season > 1 else 8)

    def sizes(self, history: Series, season: int) -> Sizes:
        """How large the network is for this history."""
        horizon = self.horizon_for(season)
        window = self.window or int(np.clip(max(2 * season, 2 * horizon), 16, LONGEST_WINDOW))
        future = len(history.future)
        beside = {"covariates": len(history.past) + future, "ahead": future, "static": len(history.static), "series": len(history), "season": season}
        return Sizes(window, 1 if self.recursive else horizon, outputs_of(self.loss, self.quantiles), **beside)

    def ahead(self, networks: Sequence[nn.Module], scaling: WindowScaling, sizes: Sizes) -> Ahead:
        """The networks as they are run."""
        return Ahead(networks, scaling, self.normalisation, self.loss, self.quantiles, sizes.window, sizes.horizon)

    def _train(
        self, panel: Panel, sizes: Sizes, until: Whole, seed: int, *, follow: History | None = None, deadline: float, progress: Progress | None
    ) -> Trained:
        """A network trained on the targets before row `until`, (series,), and judged by the others; with `follow` trained as long as was best there."""
        origins = origins_in(panel, panel.begin, until, WINDOWS)
        batches = int(np.clip(-(-len(origins) // self.batch_size), 4, self.epoch_batches))
        windows = WindowBatches(panel, origins, until, sizes.window, sizes.horizon, self.normalisation, self.batch_size, batches, seed)
        held_back = None if follow else windows.held_back(until, VALIDATION_WINDOWS)

        def loss(model: nn.Module, batch: WindowBatch) -> Sum:
            return loss_of(*self.answers(model, batch), self.loss, self.quantiles)

        with reproducible(seed, self.threads):
            network = self.build(sizes)
            record = fit(network, windows, loss, self.training, valid=held_back, follow=follow, deadline=deadline, progress=progress)
        return network, record

    def restore(self, history: Series, weights: Mapping[str, Any], errors: Mapping[str, str]) -> WindowFitted:
        try:
            parts = {f.name: np.asarray(weights[f"scaling.{f.name}"]) for f in fields(Scaling)}
            own = {f.name: np.asarray(weights[f"scaling.{f.name}"]) for f in fields(WindowScaling) if f.name != "series"}
            scaling = WindowScaling(Scaling(**parts), **own)
            sizes = self.sizes(history, scaling.series.season_length)
            count = int(np.asarray(weights["networks"])[0])
            if count < 1:
                raise ValueError("there is no network")
            networks = []
            for k in range(count):
                prefix = f"network.{k}."
                arrays = {key.removeprefix(prefix): torch.from_numpy(np.array(value)) for key, value in weights.items() if key.startswith(prefix)}
                with torch.random.fork_rng(devices=[]):
                    network = self.build(sizes)
                network.load_state_dict(arrays)
                networks.append(network.eval())
            records = tuple(record_of(weights, k) for k in range(count))
            calibration, forced = (np.asarray(weights[key], dtype=np.float32) for key in ("calibration", "forced"))
            whole = bool(np.asarray(weights["whole"])[0])
        except KeyError as error:
            raise BundleError(f"The weights have no array {error}.") from None
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise BundleError(f"The weights do not fit the settings of {self.name}: {str(error).splitlines()[0]}") from None
        _check(scaling, history, calibration)
        return WindowFitted(self, history, tuple(networks), scaling, sizes, calibration, forced, records, whole, dict(errors))


class _Progress:
    """Progress of several trainings in turn, each of which may take as many epochs as the longest."""

    def __init__(self, progress: Progress | None, epochs: int, trainings: int) -> None:
        self.progress, self.epochs, self.most = progress, epochs, epochs * trainings

    def part(self, k: int) -> Progress | None:
        """What training `k` is to call after each of its epochs."""
        if self.progress is None:
            return None
        progress, before, epochs, most = self.progress, k * self.epochs, self.epochs, self.most
        return lambda done, last: progress(before + done * epochs // max(last, 1), most)

    def done(self) -> None:
        if self.progress:
            self.progress(self.most, self.most)


def _check(scaling: WindowScaling, history: Series, calibration: Any) -> None:
    """Raises BundleError unless the arrays of a bundle belong to its series."""
    count = len(history)
    arrays = {f.name: getattr(scaling.series, f.name) for f in fields(Scaling)}
    arrays.update({f.name: getattr(scaling, f.name) for f in fields(WindowScaling) if f.name != "series"})
    lengths = {"future": len(history.future), "static": len(history.static), "past": len(history.past)}
    for name, array in arrays.items():
        rows = lengths.get(name.split("_")[0], count)
        axes = 2 if name == "season" else 1
        if array.ndim != axes or len(array) != rows or not np.isfinite(array).all():
            raise BundleError(f'The weights hold "scaling.{name}" with the shape {array.shape}; {axes} axes of finite numbers for {rows} rows were expected.')
    if calibration.ndim != 2:
        raise BundleError(f'The weights hold "calibration" with the shape {calibration.shape}; the axes (rows, steps) were expected.')
