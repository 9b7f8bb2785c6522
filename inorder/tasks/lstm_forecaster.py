"""The neural forecaster: one recurrent network for all series of a panel.

    fit      scale each series (lstm_inputs), train the network on windows (train.loop), judge it on the last part in time,
             train once more on everything for as many epochs as were best
    predict  run over the history, then feed the network with its own forecasts (lstm_running)

In training the network sees true values at every step (teacher forcing); in prediction its own (free running).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inorder.data.batch import Batch, Listed, Windows
from inorder.data.covariates import complete_ahead, future_ahead, future_columns, known_ahead, with_gaps
from inorder.data.series import Series, as_series
from inorder.errors import BudgetError, BundleError, ConfigError, ForecastError, SeriesError, unknown
from inorder.forecast.base import DEFAULT_LEVELS, INTERVALS, Fitted, Forecast, Forecaster, Progress, Session, check_horizon, check_whole
from inorder.forecast.intervals import check_levels, conformal_radii
from inorder.losses.likelihood import LIKELIHOODS, likelihood_sum
from inorder.losses.sums import Sum
from inorder.models.neural_forecaster import RecurrentForecaster
from inorder.tasks.held_back import STOPPED, few_of, in_units_of, last_value, to_horizon, validation_begin
from inorder.tasks.lstm_inputs import TRANSFORMS, Encoded, Scaling, Whole, encode, fit_scaling, logarithms, too_short, trained, usable_season
from inorder.tasks.lstm_running import Memory, Recurrence, errors_ahead, take
from inorder.train.history import Epoch, History
from inorder.train.loop import fit
from inorder.train.reproducible import reproducible, using_threads
from inorder.train.schedules import SCHEDULES
from inorder.train.settings import Training
from inorder.typing import Floats, Values

WINDOWS = 200_000  # at most; longer panels are cut at every k-th row
BATCHES = (4, 50)  # per epoch, at least and at most: a short series is drawn several times, a large panel in parts
VALIDATION_SERIES = 128  # at most
CALIBRATION_ROWS = 2000  # forecasts that the intervals are learnt from, at most
FIRST_SHARE = 0.6  # of the time allowed goes to training with a part held back, what is left to training again on everything
RIDGE = 1.0  # added to the squares of each input, in units of one row of size 1


@dataclass(frozen=True, kw_only=True)
class LSTMForecaster(Forecaster):
    """One recurrent network with gated memory, trained on all series together.

        i, f, o = σ(W·x[t] + U·h[t−1] + b)                     three gates
        c[t]    = f ⊙ c[t−1] + i ⊙ tanh(Wg·x[t] + Ug·h[t−1] + bg)
        h[t]    = o ⊙ tanh(c[t])
        ŷ[t+1]  = level[t] + scale · (v·h[t] + w·x[t] + a)

    x[t]: the last values and those of a season ago, less the level; place in the season; whether y[t] was observed; future and static
    covariates. Past covariates are not used. Forecasts are medians where a series is in logarithms. Intervals are split-conformal,
    from errors of free-running forecasts on the last part of the history by the network that had not seen it.

    hidden_size: units per layer.   layers: of them.   dropout: share of units dropped between layers and before the output, in training.
    context: steps in a training window; None = four seasons, from 24 to 200.
    likelihood: "student-t", "normal" or "laplace", the distribution of the next value that is fitted.
    transform: "auto" (logarithms where the spread grows with the level), "log" or "none".
    learning_rate, schedule ("cosine", "linear", "inverse-root", "plateau", "constant").   weight_decay, clip_norm (largest gradient
    norm; None = any), batch_size (windows).
    max_epochs: at most; an epoch is 4 to 50 batches.   patience: epochs without improvement on the validation part before stopping.
    validation_share: of each series, at its end.   refit: train once more on everything, for the best number of epochs.
    seed: of all random numbers; equal seeds give equal numbers.

    Source: Hochreiter & Schmidhuber 1997; global training: Salinas, Flunkert, Gasthaus & Januschowski 2020, DeepAR.

    >>> y = np.tile([1.0, 3.0, 2.0, 6.0], 12)
    >>> fitted = LSTMForecaster(season_length=4, max_epochs=2).fit(y)
    >>> fitted.predict(4).mean.round(1).tolist()
    [1.0, 3.0, 2.0, 6.0]
    """

    gradual = True
    name = "lstm"
    hidden_size: int = 32
    layers: int = 1
    dropout: float = 0.0
    context: int | None = None
    likelihood: str = "student-t"
    transform: str = "auto"
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    weight_decay: float = 0.01
    clip_norm: float | None = 1.0
    batch_size: int = 32
    max_epochs: int = 100
    patience: int = 15
    validation_share: float = 0.2
    refit: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for key in ("hidden_size", "layers", "batch_size", *(["context"] if self.context is not None else [])):
            check_whole(key, getattr(self, key), least=2 if key == "context" else 1)
        check_whole("seed", self.seed, least=0)
        for key in ("dropout", "validation_share"):
            share = getattr(self, key)
            if not isinstance(share, int | float) or not (0 <= share < 1 if key == "dropout" else 0 < share <= 0.5):
                raise ConfigError(f"`{key}` is a share {'from 0 up to 1' if key == 'dropout' else 'above 0, at most 0.5'}, not {share!r}.")
        for key, known in {"likelihood": tuple(LIKELIHOODS), "transform": TRANSFORMS, "schedule": SCHEDULES}.items():
            if getattr(self, key) not in known:
                raise unknown(key, str(getattr(self, key)), known)
        self.training  # noqa: B018  the rest is checked where it belongs

    @property
    def training(self) -> Training:
        """The settings of the training loop."""
        shared = {f.name: getattr(self, f.name) for f in fields(Training) if f.name in self.setting_names()}
        return Training(**shared, least_improvement=1e-4)

    @property
    def threads(self) -> int:
        """How many threads torch is given: small matrix products are slower when they are shared."""
        return 1 if self.hidden_size * self.batch_size <= 64 * 64 else 2

    def fit(self, series: Any, *, seconds: float | None = None, progress: Progress | None = None) -> LSTMFitted:
        history = as_series(series)
        if history.frequency is None:
            raise SeriesError(
                f"{self.name} needs evenly spaced observations; {history.source} is irregular. Put it on a grid: --every 1d, or regularise(series, every=…)."
            )
        began, allowed = time.monotonic(), math.inf if seconds is None else seconds
        season = usable_season(history, self.season_of(history))
        failures = too_short(history)
        if len(failures) == len(history):
            raise ForecastError(next(iter(failures.values())))
        cut = validation_begin(history, self.validation_share)
        row = np.arange(len(history.values))
        earlier = replace(history, values=np.where(row < np.repeat(cut, history.lengths), history.values, np.nan))
        logarithm = logarithms(history, earlier, season, self.transform)  # once: the errors of the first training are in their unit
        scaling = fit_scaling(earlier, season, logarithm)
        encoded = encode(history, scaling)
        first, second, most = _parts(progress, self.max_epochs, self.refit)
        share = FIRST_SHARE if self.refit else 1.0
        network, record = self._train(encoded, scaling, cut, deadline=began + share * allowed, progress=first)
        if record.epochs[-1].epoch == 0:
            raise BudgetError(f"{self.name} had not finished one epoch when its {seconds:.1f} seconds were used up. Give it more time, with --budget.")
        recurrence = Recurrence(network, scaling, scaling.standard_static(history))
        with using_threads(1):
            calibration, whose = errors_ahead(recurrence, encoded, cut, scaling.standard_future(future_columns(history)), CALIBRATION_ROWS)
        whole = False
        if self.refit and time.monotonic() + record.epochs[record.best_epoch].seconds < began + allowed:
            again = fit_scaling(history, season, logarithm)
            repeated, run = self._train(encode(history, again), again, history.offsets[1:], follow=record, deadline=began + allowed, progress=second)
            whole = run.stopped != "time"
            if whole:
                network, scaling, calibration = repeated, again, in_units_of(again.scale, calibration, whose, scaling.scale)
        if progress:
            progress(most, most)
        return LSTMFitted(self, history, network, scaling, calibration, record, whole, failures)

    def _train(
        self, encoded: Encoded, scaling: Scaling, until: Whole, *, follow: History | None = None, deadline: float, progress: Progress | None
    ) -> tuple[RecurrentForecaster, History]:
        """A network trained on the targets before row `until`, (series,), and judged by the others; with `follow` trained as long as was best there."""
        targets = np.where(trained(encoded, scaling.burn, until), encoded.targets, np.nan).astype(np.float32)
        context = self.context or int(np.clip(4 * scaling.season_length, 24, 200))
        windows = self._windows(encoded, targets, until, context)
        held_back = None if follow else Listed([_validation_batch(encoded, until, context)])

        def loss(model: nn.Module, batch: Batch) -> Sum:
            ahead, _ = model(batch.inputs)  # what is computed on padding is left out below
            return likelihood_sum(self.likelihood, ahead.location, ahead.scale, batch.targets, batch.valid)

        with reproducible(self.seed, self.threads):
            network = RecurrentForecaster(encoded.inputs.shape[1], self.hidden_size, self.layers, dropout=self.dropout)
            start_from_line(network, encoded.inputs, targets)
            record = fit(network, windows, loss, self.training, valid=held_back, follow=follow, deadline=deadline, progress=progress)
        return network, record

    def _windows(self, encoded: Encoded, targets: NDArray[np.float32], until: Whole, context: int) -> Windows:
        rows = np.maximum(until - 1 - encoded.begin, 0)  # the last row before `until` has its target there
        lengths = np.minimum(rows, context)
        counts = np.where(rows > 0, rows - lengths + 1, 0)
        stride = -(-int(counts.sum()) // WINDOWS)
        starts = np.concatenate([np.arange(begin, begin + count, stride) for begin, count in zip(encoded.begin, counts, strict=True)])
        batches = int(np.clip(-(-len(starts) // self.batch_size), *BATCHES))
        x, z = torch.from_numpy(encoded.inputs), torch.from_numpy(targets)
        return Windows(x, z, torch.from_numpy(starts), torch.from_numpy(lengths[encoded.series[starts]]), self.batch_size, batches, self.seed)

    def restore(self, history: Series, weights: Mapping[str, Any], errors: Mapping[str, str]) -> LSTMFitted:
        try:
            scaling = Scaling(**{f.name: np.asarray(weights[f"scaling.{f.name}"]) for f in fields(Scaling)})
            arrays = {key.removeprefix("network."): torch.from_numpy(np.array(value)) for key, value in weights.items() if key.startswith("network.")}
            network = RecurrentForecaster(arrays["line.weight"].shape[1], self.hidden_size, self.layers, dropout=self.dropout)
            network.load_state_dict(arrays)
            calibration = np.asarray(weights["calibration"], dtype=np.float32)
            epochs, best = np.asarray(weights["training.epochs"]), np.asarray(weights["training.best"])
            record = History(tuple(Epoch(int(row[0]), *row[1:]) for row in epochs.tolist()), int(best[0]), STOPPED[int(best[1])])
            whole = bool(best[2])
        except KeyError as error:
            raise BundleError(f"The weights have no array {error}.") from None
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise BundleError(f"The weights do not fit an LSTM with {self.hidden_size} units in {self.layers} layers: {str(error).splitlines()[0]}") from None
        _check_scaling(scaling, history, network, calibration)
        return LSTMFitted(self, history, network.eval(), scaling, calibration, record, whole, dict(errors))


@dataclass(frozen=True, eq=False)
class LSTMFitted(Fitted):
    """A trained network with the scaling of each series.

    calibration: (rows, steps) errors that the intervals are made from, in units of `scale`.   training: what happened, epoch by epoch.
    whole: the network was trained again on everything, the last part too.
    failures: series id -> why it could not be used; its last value stands in.
    """

    network: RecurrentForecaster
    scaling: Scaling
    calibration: NDArray[np.float32]
    training: History
    whole: bool
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> Mapping[str, str]:
        return self.failures

    @property
    def notes(self) -> tuple[str, ...]:
        notes = []
        asked = self.forecaster.season_of(self.history)
        if self.scaling.season_length != asked:
            notes.append(f"The history is shorter than two seasons of {asked} and a little more, so no season is used.")
        if self.history.past:
            notes.append(f"Past covariates are not known ahead and are not used: {', '.join(sorted(self.history.past))}.")
        if gaps := with_gaps(self.history.future, self.history.static):
            notes.append(f"Where a value of {', '.join(gaps)} is missing, the average takes its place.")
        if self.training.best_epoch == 0:
            notes.append("No epoch was better on the validation part than the start, a straight line through the inputs; that line is the forecast.")
        if self.training.stopped == "time":
            notes.append(f"Its time was used up after {self.training.epochs[-1].epoch} epochs of training.")
        if isinstance(self.forecaster, LSTMForecaster) and self.forecaster.refit and not self.whole:
            notes.append("Its time did not suffice to train again on everything, so the last part of the history was not learnt from.")
        return tuple(notes)

    @cached_property
    def _recurrence(self) -> Recurrence:
        return Recurrence(self.network, self.scaling, self.scaling.standard_static(self.history))

    @cached_property
    def _run(self) -> tuple[Values, Memory]:
        encoded = encode(self.history, self.scaling)
        with using_threads(1):
            location, memory = self._recurrence.after(encoded)
        row = np.arange(1, len(location))
        which, phase = encoded.series[row], encoded.phase[row]
        u = encoded.level[:-1] + self.scaling.scale[which] * location[:-1]
        fitted = np.full(len(location), np.nan)
        fitted[1:] = self.scaling.inverse(u, which, phase)
        fitted[row[row < (encoded.begin + self.scaling.burn)[which]]] = np.nan
        fitted[self.history.offsets[:-1]] = np.nan
        fitted[np.isin(encoded.series, self._failed)] = np.nan
        return fitted, memory

    @cached_property
    def _failed(self) -> list[int]:
        return [i for i, name in enumerate(self.history.ids) if name in self.failures]

    @property
    def fitted_values(self) -> Values:
        return self._run[0]

    def predict(self, horizon: int, levels: Sequence[float] = DEFAULT_LEVELS, *, intervals: str = "auto", samples: int = 0, seed: int = 0) -> Forecast:
        """As `Fitted.predict`; intervals are conformal, and a sample path takes the errors of one forecast made inside the calibration part."""
        check_horizon(horizon)
        levels = check_levels(levels)
        check_whole("samples", samples, 0)
        if intervals not in INTERVALS:
            raise unknown("kind of intervals", intervals, INTERVALS)
        if intervals not in ("auto", "conformal", "adaptive"):
            formula = "No formula is known for the" if intervals == "analytic" else f"There are no {intervals}"
            raise ConfigError(f'{formula} intervals of {self.forecaster.name}. Use intervals="conformal".')
        future = self.scaling.standard_future(complete_ahead(self.history, horizon))
        memory, which = self._run[1], np.arange(len(self.history))
        with using_threads(1):
            u = self._recurrence.free_run(memory, horizon, future, which)
        mean = self._recurrence.values(u, memory.phase, which)
        bounds = np.empty((2 * len(levels), len(self.history), horizon))
        kind = "none"
        if levels:
            radii, kind = conformal_radii(to_horizon(self.calibration, horizon), levels, adaptive=intervals == "adaptive")
            for k, radius in enumerate(radii):
                bounds[k] = self._recurrence.values(u + self.scaling.scale[:, None] * radius, memory.phase, which)
        drawn = self._samples(u, horizon, samples, seed)
        for i in self._failed:
            mean[i], bounds[:, i], drawn[i] = last_value(self.history.y(i)), np.nan, np.nan
        shape = mean.shape if self.history.panel else (horizon,)
        return Forecast(
            mean=mean.reshape(shape),
            lower={level: bounds[2 * k].reshape(shape) for k, level in enumerate(levels)},
            upper={level: bounds[2 * k + 1].reshape(shape) for k, level in enumerate(levels)},
            index=self.history.future_index(horizon).reshape(shape),
            history=self.history,
            model=self.forecaster.name,
            intervals=kind,
            errors=self.failures,
            samples=(drawn if self.history.panel else drawn[0]) if samples else None,
        )

    def _samples(self, u: Floats, horizon: int, samples: int, seed: int) -> Floats:
        """(series, samples, horizon): the forecast u, (series, horizon), plus the errors of forecasts that are drawn as wholes."""
        drawn = np.empty((len(u), samples, horizon))
        if samples:
            errors = to_horizon(self.calibration, horizon)
            errors = errors[~np.isnan(errors).any(axis=1)]
            if len(errors) == 0:
                raise ForecastError(
                    f"No forecast over {horizon} steps could be judged in the calibration part, so there are no errors to draw. Use a shorter horizon."
                )
            rows = np.random.default_rng(seed).integers(len(errors), size=(samples, len(u)))
            memory, which = self._run[1], np.arange(len(u))
            for path, row in enumerate(rows):
                drawn[:, path] = self._recurrence.values(u + self.scaling.scale[:, None] * errors[row], memory.phase, which)
        return drawn

    def update(self, new: Any) -> LSTMFitted:
        return replace(self, history=self._new_rows(new))

    def stream(self, series: int | str = 0) -> LSTMSession:
        i = self.history.position(series)
        name = self.history.ids[i]
        if name in self.failures:
            raise ForecastError(f'Series "{name}" could not be fitted: {self.failures[name]}')
        steps = int(known_ahead(self.history)[i])
        return LSTMSession(self._recurrence, take(self._run[1], np.array([i])), i, self.scaling.standard_future(future_ahead(self.history, steps)[i]))

    def describe(self, series: int = 0) -> dict[str, Any]:
        if self.history.ids[series] in self.failures:
            return {}
        last = self.training.epochs[-1]
        shown = [epoch for epoch in self.training.epochs if epoch.epoch in few_of(last.epoch, self.training.best_epoch)]
        names = {"epoch": "epoch", "train_loss": "loss", "validation_loss": "validation", "gradient_norm": "gradient", "seconds": "seconds"}
        return {
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            "inputs": int(self.network.line.in_features),
            "season": self.scaling.season_length,
            "logarithm": bool(self.scaling.logarithm[series]),
            "scale": float(self.scaling.scale[series]),
            "epochs": last.epoch,
            "best epoch": self.training.best_epoch,
            "validation loss": self.training.best_loss,
            "seconds": last.seconds,
            "training": {label: [getattr(epoch, name) for epoch in shown] for name, label in names.items()},
        }

    def weights(self) -> dict[str, Any]:
        network = {f"network.{name}": value.detach().numpy().copy() for name, value in self.network.state_dict().items()}
        scaling = {f"scaling.{name}": value for name, value in asdict(self.scaling).items()}
        epochs = np.array([list(asdict(epoch).values()) for epoch in self.training.epochs], dtype=np.float64)
        best = np.array([self.training.best_epoch, STOPPED.index(self.training.stopped), self.whole], dtype=np.int64)
        return {**network, **scaling, "calibration": self.calibration, "training.epochs": epochs, "training.best": best}


class LSTMSession(Session):
    """One series, one observation at a time.   future: (steps, covariates) known ahead, standardised; without future covariates it runs on for ever."""

    def __init__(self, recurrence: Recurrence, memory: Memory, series: int, future: Floats) -> None:
        self.recurrence, self.memory, self.which, self.future, self.done = recurrence, memory, np.array([series]), future, 0

    def step(self, y: float) -> float:
        if math.isinf(y):
            raise SeriesError(f"An observation is a finite number, or NaN where it is missing, not {y!r}.")
        scaling = self.recurrence.scaling
        phase = (self.memory.phase + 1) % scaling.season_length
        u = scaling.forward(np.array([float(y)]), self.which, phase)
        with using_threads(1):
            self.memory = self.recurrence.step(u, self.memory, self._future(1, 1)[:, 0], self.which)
        self.done += 1
        return float(self.predict(1)[0])

    def predict(self, horizon: int) -> Floats:
        check_horizon(horizon)
        with using_threads(1):
            u = self.recurrence.free_run(self.memory, horizon, self._future(0, horizon), self.which)
        values = self.recurrence.values(u, self.memory.phase, self.which)
        return np.asarray(values[0])

    def _future(self, begin: int, steps: int) -> Floats:
        """(1, steps, covariates) of the steps ahead from `begin`, counted from the next."""
        known = self.future[self.done + begin : self.done + begin + steps]
        if self.future.shape[1] and len(known) < steps:
            raise ForecastError(
                f"Future covariates are known for {len(self.future)} steps after the history, and {self.done + begin + steps} are needed. Use update()."
            )
        return known[None] if self.future.shape[1] else np.zeros((1, steps, 0))


def _parts(progress: Progress | None, epochs: int, refit: bool) -> tuple[Progress | None, Progress | None, int]:
    """Progress of the first training and of the second, which counts as many epochs as the first may take; and all of both."""
    most = epochs * (1 + refit)
    if progress is None:
        return None, None, most
    return lambda done, _: progress(done, most), lambda done, of: progress(epochs + done * epochs // of, most), most


def start_from_line(network: RecurrentForecaster, inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> None:
    """Begin with the straight line through the inputs that fits best, by ridge regression; the recurrent part begins at zero.

        w = (XᵀX + ridge · I)⁻¹ Xᵀz

    inputs: (rows, features).   targets: (rows,) NaN = not to be learnt from.
    """
    known = np.flatnonzero(~np.isnan(targets))
    if len(known) > WINDOWS:
        known = known[np.linspace(0, len(known) - 1, WINDOWS).astype(np.int64)]
    x = np.concatenate([inputs[known], np.ones((len(known), 1))], axis=1, dtype=np.float64)
    z = targets[known].astype(np.float64)
    penalty = np.full(x.shape[1], RIDGE)
    penalty[-1] = 1e-3  # the constant is hardly held back, but a single row must not make the system singular
    w = np.linalg.solve(x.T @ x + np.diag(penalty), x.T @ z)
    network.set_start(torch.from_numpy(w[:-1]).float(), float(w[-1]), float(np.mean(np.abs(z - x @ w))) if len(known) else 1.0)


def _validation_batch(encoded: Encoded, cut: Whole, context: int) -> Batch:
    """The last part of some series, after `context` rows that only fill the memory; the targets before row `cut` count nothing."""
    which = np.flatnonzero((cut > encoded.begin) & (cut < encoded.end))
    if len(which) > VALIDATION_SERIES:
        which = which[np.linspace(0, len(which) - 1, VALIDATION_SERIES).astype(np.int64)]
    inputs, targets = [], []
    for i in which:
        begin = max(int(encoded.begin[i]), int(cut[i]) - context)
        target = encoded.targets[begin : encoded.end[i]].astype(np.float32)
        target[: cut[i] - 1 - begin] = np.nan
        inputs.append(torch.from_numpy(encoded.inputs[begin : encoded.end[i]]))
        targets.append(torch.from_numpy(target))
    return Batch.of(inputs, targets)


def _check_scaling(scaling: Scaling, history: Series, network: RecurrentForecaster, calibration: NDArray[np.float32]) -> None:
    """Raises BundleError unless the arrays of a bundle belong to its series and its network."""
    count = len(history)
    for f in fields(Scaling):
        array = getattr(scaling, f.name)
        axes = 2 if f.name == "season" else 1
        rows = {"future": len(history.future), "static": len(history.static)}.get(f.name.split("_")[0], count)
        if array.ndim != axes or len(array) != rows or not np.isfinite(array).all():
            raise BundleError(f'The weights hold "scaling.{f.name}" with the shape {array.shape}; {axes} axes of finite numbers for {rows} rows were expected.')
    inputs = len(scaling.lags) + 1 + 2 * (scaling.season_length > 1) + 2 * len(history.future) + len(history.static)
    if calibration.ndim != 2:
        raise BundleError(f'The weights hold "calibration" with the shape {calibration.shape}; the axes (rows, steps) were expected.')
    if network.line.in_features != inputs:
        raise BundleError(f"The network has {network.line.in_features} inputs; the series and scaling of this bundle give {inputs}.")
