"""Anomalies: rows that a forecaster did not expect, found as they come, at an alarm rate that is asked for.

    Detector --fit(series)--> FittedDetector --detect(new rows)--> Detections          session = fitted.stream();  session.step(y) -> Alarm

    error      x[t] = (y[t] − ŷ[t]) / scale                   ŷ from any forecaster, one step ahead, fitted to the history alone
    evidence   S[t] = L(|x|) + L(|drift of x|) + L(spread of x)      decades of surprise, each against its own last `memory` values
    alarm      S[t] ≥ c[t], where c is such that an alarm comes once in 1/alarm_rate rows on average

Several forecasters are joined by the mean of their evidence: one looks for a change of level, one for a break in the short memory of a
series, one in its season. Nothing that comes later changes a score. All memories are bounded, so a session runs for ever.

A row without a value teaches nothing and raises nothing. A series with irregular stamps is taken row by row, in the order of its
rows, as if they were evenly spaced; one on a grid keeps its empty cells, which move season and forecaster on.

Source: `inorder.textbook.detect`, which has the equations in full; the windowed Gaussian is a baseline of Lavin & Ahmad 2015, Evaluating
Real-Time Anomaly Detection Algorithms.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inorder.data.frequency import Frequency
from inorder.data.series import Series, as_series
from inorder.errors import ConfigError, ForecastError, SeriesError, unknown
from inorder.forecast.base import Fitted, Forecaster, Model, Progress, Session, State, check_whole
from inorder.forecast.intervals import normal_quantiles, power_of_two
from inorder.forecast.local import LocalFitted, LocalSession
from inorder.kernels.detect import Alarms, Evidence
from inorder.typing import Floats, Index, Values

if TYPE_CHECKING:
    from inorder.bundle import Bundle

WARM = 50  # rows that are judged before any can be an alarm, as in `inorder.textbook.detect`
MOST_ALARMS = 0.2  # a row
GRID = 2.0**-30  # errors are rounded to this share of the size of the series, so that what is equal in exact arithmetic is equal here
EVIDENCE = ("residual", "interval")
INTERVAL = np.array([0.025, 0.975])  # whose width is the unit of "interval"


class Alarm(NamedTuple):
    """What a session says of one observation.

    score: decades of surprise, 0 where a row shortly before scored as high; NaN where the observation is missing.
    expected: what was forecast.   lower, upper: single errors leave this band as often as alarms are asked for; NaN while too few are known.
    is_anomaly: whether to raise an alarm. A slow change may be one inside the band, and the end of an episode none outside of it.
    """

    score: float
    expected: float
    lower: float
    upper: float
    is_anomaly: bool


@dataclass(frozen=True, eq=False)
class Detections:
    """One row an observation, laid out as `rows`: score, expected, lower, upper, threshold (NaN where not known yet), is_anomaly."""

    rows: Series
    score: Values
    expected: Values
    lower: Values
    upper: Values
    threshold: Values
    is_anomaly: NDArray[np.bool_]
    model: str

    def __len__(self) -> int:
        return len(self.score)

    def columns(self) -> dict[str, Any]:
        """Named columns: id (for a panel), time, the value, score, expected, lower, upper, is_anomaly."""
        names = self.rows.names
        columns: dict[str, Any] = {names.id: np.repeat(self.rows.ids, self.rows.lengths)} if self.rows.panel else {}
        columns |= {names.time: self.rows.index, names.value: self.rows.values}
        return columns | {name: getattr(self, name) for name in ("score", "expected", "lower", "upper", "is_anomaly")}

    def to_frame(self) -> Any:
        """A frame of the kind that was read, pandas or polars; the columns are those of `columns`."""
        from inorder.data.frames import make_frame

        return make_frame(self.columns(), self.rows)

    def plot(self, series: int | str = 0, windows: Sequence[tuple[int, int]] = ()) -> Any:
        """A matplotlib figure: the series, the expected band, the alarms.   windows: (first, last) rows to shade, such as labels."""
        from inorder.plots import plot_detections

        return plot_detections(self, series, windows)

    def part(self, i: int) -> slice:
        """The rows of series `i`."""
        return slice(int(self.rows.offsets[i]), int(self.rows.offsets[i + 1]))

    def __str__(self) -> str:
        return f"{int(self.is_anomaly.sum()):,} alarms in {len(self):,} rows\n{self.to_frame()}"


@dataclass(frozen=True, kw_only=True)
class Detector(ABC):
    """Settings of a detector; `fit` makes a `FittedDetector` and leaves the settings as they are.

    alarm_rate: alarms a row to expect where nothing unusual happens, above 0 and at most 0.2: beyond that episodes
        are so dense that fewer alarms come than are asked for.
    probation: rows that are judged before the first alarm, those of the history included; 50 at the least, whatever is set. `FittedDetector.notes`
        says where a history is shorter.
    quiet: rows for which an episode lasts: no second alarm among them unless its evidence is twice as large; half of 1/alarm_rate at most.
    memory: values of each kind that are kept to compare with.
    """

    alarm_rate: float = 0.001
    probation: int = 100
    quiet: int = 300
    memory: int = 4000
    name: ClassVar[str]

    def __post_init__(self) -> None:
        rate = self.alarm_rate
        if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not 0 < rate <= MOST_ALARMS:
            raise ConfigError(f"`alarm_rate` is a share of the rows above 0 and at most {MOST_ALARMS}, such as 0.001 for one in 1,000, not {rate!r}.")
        for name, least in (("probation", 0), ("quiet", 0), ("memory", 50)):
            check_whole(name, getattr(self, name), least)

    @abstractmethod
    def fit(self, series: Any, *, seconds: float | None = None, progress: Progress | None = None) -> FittedDetector:
        """Fit to a Series, or to anything that `read_series` reads: the history, after which detection begins.

        Raises ForecastError where no series can be fitted, BudgetError when the time is used up.
        """

    @abstractmethod
    def sources(self, fitted: FittedDetector, i: int) -> tuple[list[Source], Floats]:
        """What watches series `i`, as it stands after the history, and (rows,) the evidence along the history."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "forecasters"}

    def with_settings(self, settings: Mapping[str, Any]) -> Detector:
        """A copy with some settings changed; an unknown name is refused with a near miss."""
        for key in settings:
            if key not in self.settings:
                raise unknown(f"setting of {self.name}", key, self.settings)
        return replace(self, **settings)


class Source(ABC):
    """Something that watches one series, one observation after the other."""

    @abstractmethod
    def step(self, y: float) -> tuple[float, float, float]:
        """(evidence, expected, radius of the band) for one observation; evidence is NaN where there is none."""

    @abstractmethod
    def run(self, y: Values) -> tuple[Floats, Floats, Floats]:
        """The same over a stretch."""


@dataclass(frozen=True, eq=False)
class FittedDetector:
    """A detector after its history.   members: the fitted forecasters.   Nothing in it changes."""

    detector: Detector
    history: Series
    members: tuple[Fitted, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    task: ClassVar[str] = "detect"

    @property
    def errors(self) -> Mapping[str, str]:
        """Series id -> why nothing can watch it."""
        found = dict(self.failures)
        for name in self.history.ids if self.members else ():
            if all(name in member.errors for member in self.members):
                found[name] = self.members[0].errors[name]
        return found

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know before rows are watched, in plain sentences: a history after which no alarm can be raised yet, …"""
        needed = max(self.detector.probation, WARM)
        waiting = {name: needed - count for name, count in self._evidence_known().items() if count < needed}
        if not waiting:
            return ()
        name, longest = max(waiting.items(), key=lambda one: one[1])
        rows = f"{longest} more row{'s' if longest > 1 else ''}"
        who = f'{len(waiting)} of {len(self.history)} series ("{name}" needs {rows})' if len(self.history) > 1 else f"this series ({rows})"
        lower = (
            f" Fit to a longer history, or set `probation` lower, to {WARM} at the least." if self.detector.probation > WARM else " Fit to a longer history."
        )
        return (f"No alarm is raised before {needed} rows have been judged, whatever comes, and the history is too short for that in {who}.{lower}",)

    def _evidence_known(self) -> dict[str, int]:
        """Rows of the history that were judged, for each series that can be watched."""
        counts = {}
        for i, name in enumerate(self.history.ids):
            if name not in self.errors:
                rows = slice(int(self.history.offsets[i]), int(self.history.offsets[i + 1]))
                there = ~np.isnan(self.history.y(i))
                foreseen = [~np.isnan(values[rows]) for member, values in zip(self.members, self.fitted_values, strict=True) if name not in member.errors]
                counts[name] = int((there & np.any(foreseen, axis=0)).sum() if foreseen else there.sum())
        return counts

    def stream(self, series: int | str = 0) -> DetectorSession:
        """A session that takes one observation at a time, in constant memory, from the end of the history on."""
        i = self.history.position(series)
        if self.history.ids[i] in self.errors:
            raise ForecastError(f'Series "{self.history.ids[i]}" cannot be watched: {self.errors[self.history.ids[i]]}')
        sources, along = self.detector.sources(self, int(i))
        return DetectorSession(self.detector, sources, along)

    def detect(self, new: Any) -> Detections:
        """Scores and alarms for rows that come after the history; a row depends on those before it alone.

        new: numbers (time,) or (time, series), or a Series or what `read_series` reads; it continues the index of the history.
        """
        rows = continued(self.history, new)
        made = np.full((5, len(rows.values)), np.nan)
        raised = np.zeros(len(rows.values), dtype=bool)
        for k, name in enumerate(rows.ids):
            if name not in self.errors:
                at = slice(int(rows.offsets[k]), int(rows.offsets[k + 1]))
                *parts, raised[at] = self.stream(name).run(rows.y(k))
                made[:, at] = parts
        score, expected, lower, upper, threshold = made
        return Detections(rows, score, expected, lower, upper, threshold, raised, self.detector.name)

    def update(self, new: Any) -> FittedDetector:
        """The same parameters with newer observations taken in."""
        rows = continued(self.history, new)
        members = tuple(member.update(continued(member.history, as_steps(rows, member.history))) for member in self.members)
        return replace(self, history=joined(self.history, rows), members=members)

    @cached_property
    def fitted_values(self) -> tuple[Values, ...]:
        """For each member (rows,) its one-step forecasts along the history."""
        return tuple(member.fitted_values for member in self.members)

    def summary(self) -> str:
        """What was fitted, in a few lines."""
        one_in = 1 / self.detector.alarm_rate
        lines = [f"{self.detector.name}: an alarm in about {one_in:,.0f} rows where nothing unusual happens", f"history: {self.history.describe()}"]
        lines += [f"watches the errors of {member.forecaster.name}: {_told(member.forecaster)}" for member in self.members]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def weights(self) -> dict[str, Any]:
        """Every number of the members, as named arrays."""
        return {f"member.{k}.{name}": array for k, member in enumerate(self.members) for name, array in member.weights().items()}

    def bundle(self, **header: Any) -> Bundle:
        """Everything needed to run this detector again, as a record; `header` adds entries to its model.json."""
        from inorder.bundle import Bundle
        from inorder.data.storing import series_arrays, series_header

        members = [{"model": one.forecaster.name, "settings": one.forecaster.settings, "errors": dict(one.errors)} for one in self.members]
        own = {"task": "detect", "model": self.detector.name, "settings": self.detector.settings, "members": members, "failures": dict(self.failures)}
        return Bundle({**own, "series": series_header(self.history), **header}, {**self.weights(), **series_arrays(self.history)})

    def save(self, path: str | Path) -> Path:
        """Save as a bundle (a directory); `inorder.load(path)` gives an equal detector back."""
        from inorder.bundle import write_bundle

        return write_bundle(path, self.bundle())


def _told(forecaster: Forecaster) -> str:
    """The settings that differ from the usual ones."""
    usual = type(forecaster)().settings
    return ", ".join(f"{key}={value}" for key, value in forecaster.settings.items() if value != usual[key]) or "with its usual settings"


class DetectorSession:
    """A detector that takes one observation at a time, in constant memory."""

    def __init__(self, detector: Detector, sources: Sequence[Source], along: Floats) -> None:
        """along: (rows,) the evidence of the history, from which the threshold begins."""
        self.sources, self.alarm_rate = list(sources), detector.alarm_rate
        self.raw = isinstance(detector, WindowedGaussian)  # its scores are those of its definition
        self.alarms = Alarms(detector.alarm_rate, detector.quiet, detector.memory, detector.probation)
        self.alarms.run(along)

    def step(self, y: float) -> Alarm:
        """Take one observation (NaN: it is missing)."""
        if math.isinf(y):
            raise SeriesError(f"An observation is a finite number, or NaN where it is missing, not {y!r}.")
        evidence, expected, radius = _joined_row([source.step(float(y)) for source in self.sources])
        record, _, raised = self.alarms.step(evidence)
        return Alarm(evidence if self.raw else record, expected, expected - radius, expected + radius, bool(raised))

    def run(self, y: Values) -> tuple[Floats, Floats, Floats, Floats, Floats, NDArray[np.bool_]]:
        """The same over a stretch: score, expected, lower, upper, threshold and is_anomaly, (time,) each."""
        if np.isinf(y).any():
            raise SeriesError("An observation is a finite number, or NaN where it is missing; the rows hold an infinite one.")
        found = [source.run(y) for source in self.sources]
        evidence, expected, radius = _joined(*(np.stack([one[k] for one in found]) for k in range(3)))
        record, threshold, raised = self.alarms.run(evidence)
        return evidence if self.raw else record, expected, expected - radius, expected + radius, threshold, raised


def _joined(evidence: Floats, expected: Floats, radius: Floats) -> tuple[Floats, Floats, Floats]:
    """(sources, time) each → (time,) the mean of the evidence that there is, and expectation and radius of the source with the narrowest band."""
    known = ~np.isnan(evidence)
    count = known.sum(axis=0)
    total = np.where(known, evidence, 0.0).sum(axis=0)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    order = np.where(np.isnan(radius), np.where(np.isnan(expected), np.inf, np.finfo(np.float64).max), radius)
    best = np.argmin(order, axis=0)[None, :]
    return mean, np.take_along_axis(expected, best, axis=0)[0], np.take_along_axis(radius, best, axis=0)[0]


def _joined_row(found: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The same for one row, in plain numbers, which is ten times as fast."""
    known = [evidence for evidence, _, _ in found if not math.isnan(evidence)]
    mean = sum(known) / len(known) if known else math.nan
    order = [radius if not math.isnan(radius) else math.inf if math.isnan(expected) else sys.float_info.max for _, expected, radius in found]
    _, expected, radius = found[order.index(min(order))]
    return mean, expected, radius


# --- errors of forecasters ---


def usual_forecasters() -> tuple[Forecaster, ...]:
    """Those of "combined" in `inorder models detect`: for a change of level, a break in the short memory of a series, and one in its season."""
    from inorder.forecast.autoregressive import AR
    from inorder.forecast.baselines import Mean
    from inorder.forecast.smoothing import ExponentialSmoothing

    return Mean(), AR(), ExponentialSmoothing(seasonal="additive")


@dataclass(frozen=True, kw_only=True)
class ForecastDetector(Detector):
    """Rows that forecasters did not expect.

        S[t] = mean over the forecasters of L(|x|) + L(|drift of x|) + L(spread of x)

    forecasters: any of them, the usual ones being the mean, an autoregression and a level with a season; where one cannot be
        fitted to a series, the others watch it alone.
    evidence: "residual" takes errors as they are, x = y − ŷ; "interval" in widths of the forecaster's own 95 % interval, x = (y − ŷ) / (u − l),
        so that wide intervals excuse large errors; it needs a formula for them.
    Raises ConfigError where there is no forecaster, ForecastError where none can be fitted.   Source: `inorder.textbook.detect`.

    >>> from inorder.forecast.baselines import Mean
    >>> y = np.random.default_rng(0).normal(size=1000)
    >>> y[900] = 9.0
    >>> found = ForecastDetector(forecasters=(Mean(),)).fit(y[:500]).detect(y[500:])
    >>> np.flatnonzero(found.is_anomaly).tolist()
    [400]
    """

    forecasters: tuple[Forecaster, ...] = field(default_factory=usual_forecasters)
    evidence: str = "residual"
    name = "forecast-errors"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.forecasters or not all(isinstance(one, Forecaster) for one in self.forecasters):
            raise ConfigError("`forecasters` holds one forecaster or more, such as (inorder.Mean(), inorder.AR()).")
        if self.evidence not in EVIDENCE:
            raise unknown("kind of evidence", self.evidence, EVIDENCE)

    def fit(self, series: Any, *, seconds: float | None = None, progress: Progress | None = None) -> FittedDetector:
        history = as_series(series)
        steps = as_steps(history)
        members, reasons = [], {}
        for forecaster in self.forecasters:
            try:
                member = forecaster.fit(steps, seconds=None if seconds is None else seconds / len(self.forecasters), progress=progress)
            except ForecastError as error:
                reasons[forecaster.name] = str(error)
                continue
            if self.evidence == "interval":
                _check_formula(member)
            members.append(member)
        if not members:
            raise ForecastError(" ".join(reasons.values()))
        return FittedDetector(self, history, tuple(members))

    def sources(self, fitted: FittedDetector, i: int) -> tuple[list[Source], Floats]:
        name = fitted.history.ids[i]
        found: list[Source] = []
        along: list[Floats] = []
        for member, values in zip(fitted.members, fitted.fitted_values, strict=True):
            if name not in member.errors:
                source = ErrorSource(self, member, i)
                y = member.history.y(i)
                along.append(source.learn(y, values[member.history.offsets[i] : member.history.offsets[i + 1]]))
                found.append(source)
        evidence, _, _ = _joined(np.stack(along), np.full((len(along), len(along[0])), np.nan), np.full((len(along), len(along[0])), np.nan))
        return found, evidence


def _check_formula(member: Fitted) -> None:
    """Refuse "interval" for a forecaster that has no formula for its intervals."""
    models = [model for model in member.models if model is not None] if isinstance(member, LocalFitted) else []
    if not models or math.isnan(_width(models[0], _first_state(member))):
        raise ConfigError(f'{member.forecaster.name} has no formula for its intervals, so evidence="interval" has no unit. Use evidence="residual".')


def _first_state(member: Fitted) -> State:
    i = next(i for i, name in enumerate(member.history.ids) if name not in member.errors)
    session = member.stream(i)
    assert isinstance(session, LocalSession)
    return session.state


def _width(model: Model, state: State) -> float:
    """The width of the next step's interval; NaN where no formula is known."""
    bounds = model.quantiles(state, 1, INTERVAL)
    return math.nan if bounds is None else float(bounds[1, 0] - bounds[0, 0])


class ErrorSource(Source):
    """One forecaster at one series: its errors, and what they say."""

    def __init__(self, detector: ForecastDetector, member: Fitted, i: int) -> None:
        self.session: Session | None = member.stream(i)  # None once it cannot go on
        self.interval = detector.evidence == "interval"
        self.scale = power_of_two(member.history.y(i))
        self.state = Evidence(detector.memory, detector.alarm_rate, GRID)
        self.expected = float(self.session.predict(1)[0])
        self.unit = self._unit()

    def _unit(self) -> float:
        """What an error is divided by, in units of the scale."""
        if not self.interval:
            return 1.0
        assert isinstance(self.session, LocalSession)
        width = _width(self.session.model, self.session.state) / self.scale
        return width if width > GRID else GRID

    def learn(self, y: Values, expected: Values) -> Floats:
        """(rows,) evidence along the history."""
        units: float | Floats = self._units(y) if self.interval else 1.0
        return self.state.run(_on_grid(y, expected, self.scale) / units)[0]

    def _units(self, y: Values) -> Floats:
        """(rows,) widths of the intervals along the history."""
        assert isinstance(self.session, LocalSession)
        model, units = self.session.model, np.ones(len(y))
        known = np.flatnonzero(~np.isnan(y))
        state, begin = model.init(), int(known[0])
        for t in range(begin, len(y)):
            width = _width(model, state) / self.scale if t > begin else math.nan
            units[t] = max(width, GRID) if math.isfinite(width) else 1.0
            _, state = model.step(float(y[t]), state)
        return units

    def step(self, y: float) -> tuple[float, float, float]:
        expected, unit = self.expected, self.unit
        error = y / self.scale - expected / self.scale
        error = math.nan if math.isnan(error) else round(min(max(error, -1e200), 1e200) / GRID) * GRID
        found, radius = self.state.step(error / unit)
        if self.session is not None:
            try:
                self.expected = self.session.step(y)
                self.unit = self._unit()
            except ForecastError:  # an observation that this model cannot take in: the others go on
                self.session, self.expected = None, math.nan
        return found, expected, radius * unit * self.scale

    def run(self, y: Values) -> tuple[Floats, Floats, Floats]:
        if self.session is None or self.interval or not isinstance(self.session, LocalSession) or len(y) == 0:
            rows = np.array([self.step(value) for value in y.tolist()]).reshape(len(y), 3)
            return rows[:, 0], rows[:, 1], rows[:, 2]
        model, state = self.session.model, self.session.state
        try:
            expected, self.session.state = model.run(y, state)
        except ForecastError:
            return self._run_by_steps(y, state)
        found, radius = self.state.run(_on_grid(y, expected, self.scale))
        self.expected = float(model.forecast(self.session.state, 1)[0])
        return found, expected, radius * self.scale

    def _run_by_steps(self, y: Values, state: State) -> tuple[Floats, Floats, Floats]:
        assert isinstance(self.session, LocalSession)
        self.session.state = state
        rows = np.array([self.step(value) for value in y.tolist()])
        return rows[:, 0], rows[:, 1], rows[:, 2]


def _on_grid(y: Values, expected: Values, scale: float) -> Floats:
    """Errors in units of the scale, rounded to the grid."""
    with np.errstate(over="ignore", invalid="ignore"):
        errors = y / scale - expected / scale
        return np.asarray(np.round(np.clip(errors, -1e200, 1e200) / GRID) * GRID)


# --- the baseline of the benchmark ---


@dataclass(frozen=True, kw_only=True)
class WindowedGaussian(Detector):
    """How far a value lies out in the normal distribution of the last ones.

        S[t] = −log₁₀ Q(|y[t] − mean| / deviation),     Q(z) = ½·erfc(z/√2)

    Mean and deviation are those of a window that grows to `window` values and then moves on by `step` at a time. A deviation of 0
    counts as 10⁻⁶ of the size of the series. The scores are passed on as they are; alarms follow the same rule as those of the others.
    Source: Lavin & Ahmad 2015 and the benchmark's baseline of that name, whose settings these are.

    >>> found = WindowedGaussian().fit([1.0, 2.0, 3.0, 2.0]).detect([2.0, 9.0])
    >>> found.score.round(2).tolist()
    [0.3, 28.05]
    """

    window: int = 6400
    step: int = 100
    name = "windowed-gaussian"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("window", self.window, 2)
        check_whole("step", self.step, 1)

    def fit(self, series: Any, *, seconds: float | None = None, progress: Progress | None = None) -> FittedDetector:
        history = as_series(series)
        failures = {name: f'Series "{name}" has no observation.' for name, y in zip(history.ids, history, strict=True) if np.isnan(y).all()}
        if len(failures) == len(history):
            raise ForecastError(next(iter(failures.values())))
        return FittedDetector(self, history, (), failures)

    def sources(self, fitted: FittedDetector, i: int) -> tuple[list[Source], Floats]:
        y = fitted.history.y(i)
        source = GaussianSource(self, power_of_two(y))
        return [source], source.run(y)[0]


class GaussianSource(Source):
    """The window of one series, with running sums."""

    def __init__(self, detector: WindowedGaussian, scale: float) -> None:
        self.window, self.advance, self.scale = detector.window, detector.step, scale
        self.z = -float(normal_quantiles(np.zeros(1), np.ones(1), np.array([detector.alarm_rate / 2]))[0, 0])
        self.values: deque[float] = deque()
        self.waiting: list[float] = []
        self.origin = math.nan  # values are counted from the first one, which keeps the squares small
        self.total = self.squares = 0.0

    def step(self, y: float) -> tuple[float, float, float]:
        count = len(self.values)
        mean = self.total / count if count else math.nan
        deviation = math.sqrt(max(self.squares / count - mean**2, 0.0)) if count else math.nan
        deviation = deviation if deviation > 1e-9 or math.isnan(deviation) else 1e-6
        expected = (mean + self.origin) * self.scale
        if math.isnan(y):
            return math.nan, expected, self.z * deviation * self.scale
        value = y / self.scale
        self.origin = value if math.isnan(self.origin) else self.origin
        value -= self.origin
        found = _decades(abs(value - mean) / deviation) if count else 0.0
        if count < self.window:
            self._take(value)
        else:
            self.waiting.append(value)
            if len(self.waiting) == self.advance:
                for newer in self.waiting:
                    oldest = self.values.popleft()
                    self.total, self.squares = self.total - oldest, self.squares - oldest**2
                    self._take(newer)
                self.waiting = []
        return found, expected, self.z * deviation * self.scale

    def _take(self, value: float) -> None:
        self.values.append(value)
        self.total, self.squares = self.total + value, self.squares + value**2

    def run(self, y: Values) -> tuple[Floats, Floats, Floats]:
        rows = np.array([self.step(value) for value in y.tolist()]).reshape(len(y), 3)
        return rows[:, 0], rows[:, 1], rows[:, 2]


def _decades(z: float) -> float:
    """−log₁₀ Q(z), by its asymptote where erfc leaves the range of floats.

    >>> round(_decades(0.0), 3), round(_decades(25.0), 2), round(_decades(40.0), 1)
    (0.301, 137.51, 349.4)
    """
    if z < 25:
        return -math.log10(0.5 * math.erfc(z / math.sqrt(2)))
    return min(z * z / 2 / math.log(10) + math.log10(z * math.sqrt(2 * math.pi)), 1e9)


# --- rows ---


def as_steps(series: Series, like: Series | None = None) -> Series:
    """The series as forecasters take it: as it is where it stands on a grid, else its rows counted from 1; without covariates.

    like: count on from its last row.
    """
    bare = replace(series, past={}, future={}, static={}, ahead={})
    if series.frequency is not None and (like is None or like.frequency == series.frequency):
        return bare
    begins = np.zeros(len(series), dtype=np.int64)
    if like is not None:
        begins = np.array([int(like.stamps(like.ids.index(name))[-1]) for name in series.ids])
    steps = np.concatenate([begin + np.arange(1, rows + 1) for begin, rows in zip(begins, series.lengths, strict=True)])
    return replace(bare, index=steps, frequency=Frequency("step"), timezone=None, years=False)


def continued(history: Series, new: Any) -> Series:
    """The rows that come after `history`, with the empty ones in between where it stands on a grid.   Raises SeriesError for rows that do not come after."""
    from inorder.data.series import extend

    bare = replace(history, past={}, future={}, static={}, ahead={})
    if history.frequency is not None:
        if isinstance(new, Series):
            new = replace(new, past={}, future={}, static={}, ahead={})
        longer = extend(bare, new)
        return longer.tail(longer.lengths - history.lengths)
    if isinstance(new, Series):
        missing = [name for name in new.ids if name not in history.ids]
        if missing:
            raise SeriesError(f'The series "{missing[0]}" is not among those of the history: {", ".join(history.ids[:20])}.')
        for name, stamps in zip(new.ids, (new.stamps(k) for k in range(len(new))), strict=True):
            last = history.stamps(history.ids.index(name))[-1]
            if stamps.dtype.kind == last.dtype.kind and stamps[0] < last:
                raise SeriesError(f"The new rows begin at {new.label(stamps[0])}, before the history's last row at {history.label(last)}.")
        return replace(new, past={}, future={}, static={}, ahead={})
    raise SeriesError("The history has irregular stamps, so new rows need stamps of their own: give a Series, a frame or a file.")


def joined(first: Series, second: Series) -> Series:
    """Two stretches of the same series, one after the other."""
    pieces: list[tuple[Values, Index]] = []
    for i, name in enumerate(first.ids):
        parts = [(first.y(i), first.stamps(i))] + ([(second.y(k), second.stamps(k))] if name in second.ids and (k := second.ids.index(name)) >= 0 else [])
        pieces.append((np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])))
    lengths = [len(values) for values, _ in pieces]
    return replace(
        first,
        values=np.concatenate([values for values, _ in pieces]),
        index=np.concatenate([index for _, index in pieces]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        past={},
        future={},
        static={},
        ahead={},
    )
