"""What every model that classifies or regresses whole sequences shares.

    model.fit(sequences)        settings -> a new fitted model; the settings stay as they are
    fitted.predict(sequences)   a probability for each class, or a number, for each sequence

A model only ever sees the training part; whatever it standardises by comes from there.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from inorder.data.labelled import Sequences, fingerprints
from inorder.data.labelled_reading import read_sequences
from inorder.errors import BudgetError, BundleError, ConfigError, SeriesError, unknown
from inorder.kernels.stopping import Stop, check, watched
from inorder.typing import Floats

if TYPE_CHECKING:
    from inorder.bundle import Bundle

Progress = Callable[[int, int], None]  # done, of


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of sequences.

    probabilities: (examples, classes), rows that sum to 1; (examples, 0) where numbers are predicted.   numbers: (examples,), NaN where classes are.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Floats
    numbers: Floats

    @property
    def labels(self) -> list[Any]:
        """The most probable class of each sequence, or its number."""
        return [self.classes[k] for k in self.probabilities.argmax(axis=1)] if self.classes else self.numbers.tolist()

    def to_frame(self) -> Any:
        """As a polars frame: id, label, and for classes the probability of that label and of every class, `p_CLASS`."""
        import polars

        columns: dict[str, Any] = {"id": list(self.ids), "label": self.labels}
        if self.classes:
            columns["probability"] = self.probabilities.max(axis=1)
            columns |= {f"p_{name}": self.probabilities[:, k] for k, name in enumerate(self.classes)}
        return polars.DataFrame(columns)


@dataclass(frozen=True, kw_only=True)
class SequenceModel(ABC):
    """Settings of a model of whole sequences.   gradual: whether a fit that ends early is a model all the same."""

    name: ClassVar[str]
    gradual: ClassVar[bool] = False

    @property
    def settings(self) -> dict[str, Any]:
        """As plain JSON values: `type(self)(**settings)` makes an equal model."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """A copy with some settings changed; an unknown name is refused with a near miss."""
        for key in settings:
            if key not in self.settings:
                raise unknown(f"setting of {self.name}", key, self.settings)
        return replace(self, **settings)

    def fit(self, data: Any, *, seconds: float | None = None, progress: Progress | None = None) -> FittedSequenceModel:
        """Fit to the training part of `data`: `Sequences`, or whatever `read_sequences` reads.

        seconds: allowed for the fit, None = any.   progress: called with what is done, and of how much.
        Raises SeriesError where the data cannot be learnt from, BudgetError when the time is used up.
        """
        training = read_sequences(data).training
        if training.labels is None:
            raise SeriesError(f"{training.source} has no labels, so there is nothing to learn.")
        with within(None if self.gradual else seconds):
            return self.fit_training(training, seconds, progress)

    def lighter(self) -> SequenceModel:
        """The same at less cost, for the folds of a comparison: a network is not trained a second time."""
        return self

    def ready(self) -> None:  # noqa: B027  most models have nothing to load
        """Load what the first fit of a process needs, so that it takes no longer than the others."""

    @abstractmethod
    def fit_training(self, training: Sequences, seconds: float | None, progress: Progress | None) -> FittedSequenceModel:
        """Fit to sequences that all have a label."""

    @abstractmethod
    def restore(self, about: About, arrays: Mapping[str, NDArray[Any]]) -> FittedSequenceModel:
        """The fitted model from what its `arrays` gave.   Raises KeyError or ValueError where they do not fit together."""


@dataclass(frozen=True)
class About:
    """What a fitted model has to know of the data that it learnt from.

    classes: () for numbers.   channels: names.   described: the data in one line.   counts: examples of each class.
    steps: the least and the most of a sequence; None where not known.   reading: how their table was read, as new ones are.
    seen: the fingerprint of each sequence; () where not known.
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    described: str
    counts: tuple[int, ...] = ()
    steps: tuple[int, int] | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    seen: tuple[int, ...] = ()

    @classmethod
    def of(cls, data: Sequences) -> About:
        counts = () if data.labels is None or data.regression else tuple(np.bincount(data.labels, minlength=len(data.classes)).tolist())
        steps = (int(data.lengths.min()), int(data.lengths.max()))
        return cls(data.classes, data.channels, data.describe(), counts, steps, data.reading, fingerprints(data.values))

    def to_json(self) -> dict[str, Any]:
        plain = {"classes": list(self.classes), "channels": list(self.channels), "described": self.described, "counts": list(self.counts)}
        return {**plain, "steps": None if self.steps is None else list(self.steps), "reading": dict(self.reading)}

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> About:
        """Raises KeyError or TypeError where something is missing or of another kind."""
        counts = tuple(int(one) for one in about["counts"])
        least, most = about.get("steps") or (None, None)
        steps = None if least is None or most is None else (int(least), int(most))
        reading = dict(about.get("reading", {}))
        if "value" in reading:
            reading["value"] = list(map(str, reading["value"]))
        return cls(tuple(map(str, about["classes"])), tuple(map(str, about["channels"])), str(about["described"]), counts, steps, reading)


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedSequenceModel(ABC):
    """A fitted model: settings, what it learnt from, parameters. Nothing in it changes."""

    task: ClassVar[str] = "classify"
    model: SequenceModel
    about: About
    notes: tuple[str, ...] = field(default=())

    @abstractmethod
    def outputs(self, values: Sequence[Floats]) -> Floats:
        """Probabilities (examples, classes), or numbers (examples,).   values: (time, channels) each, NaN = missing."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every parameter, for a bundle."""

    def predict(self, data: Any, **reading: Any) -> Predictions:
        """What each sequence is.   data: `Sequences`, or whatever `read_sequences` reads; labels may be lacking.

        Raises SeriesError where the channels are not those that the model was fitted to.
        """
        found = self.fitting(self.read(data, **reading))
        outputs = self.outputs(found.values)
        empty = np.empty((len(found), 0))
        if self.about.classes:
            return Predictions(found.ids, self.about.classes, outputs, np.full(len(found), np.nan))
        return Predictions(found.ids, (), empty, outputs)

    def read(self, data: Any, **reading: Any) -> Sequences:
        """What `read_sequences` reads, as the training data were read, labels or none.   Raises SeriesError where a value cannot be told from a label."""
        about = self.about
        known = {"classes": about.classes, "steps": about.steps, "like": about.reading, "kind": "classification" if about.classes else None}
        return read_sequences(data, **{"labelled": False, **known, **reading})

    def fitting(self, data: Sequences) -> Sequences:
        """The data with the channels of the model, in its order."""
        wanted = self.about.channels
        if data.channels == wanted:
            return data
        if set(wanted) <= set(data.channels):
            places = [data.channels.index(name) for name in wanted]
            return replace(data, values=tuple(one[:, places] for one in data.values), channels=wanted)
        if len(data.channels) != len(wanted):
            raise SeriesError(
                f"{data.source} has {len(data.channels)} channel{'s' * (len(data.channels) != 1)} ({', '.join(data.channels[:6])}), "
                f"but the model was fitted to {len(wanted)} "
                f"({', '.join(wanted[:6])}). Name them with --value."
            )
        return replace(data, channels=wanted)

    def learnt_from(self, data: Sequences) -> int:
        """How many of these sequences, with the channels of the model, have the values of one that it was fitted to."""
        seen = set(self.about.seen)
        return sum(one in seen for one in fingerprints(data.values))

    def summary(self) -> str:
        """What was fitted, in a few lines."""
        settings = ", ".join(f"{key}={value}" for key, value in self.model.settings.items()) or "none"
        lines = [f"{self.model.name}: {self.about.described}", f"settings: {settings}", *self.details(), *self.notes]
        return "\n".join(lines)

    def details(self) -> list[str]:
        """Lines on what was learnt."""
        return []

    def bundle(self, **more: Any) -> Bundle:
        """Everything needed to run the model."""
        from inorder.bundle import Bundle

        header = {"task": self.task, "model": self.model.name, "settings": self.model.settings, "about": self.about.to_json(), "notes": list(self.notes)}
        return Bundle({**header, **more}, {**self.arrays(), "seen": np.array(self.about.seen, dtype=np.uint64)})

    def save(self, path: str | Path) -> Path:
        """Save as a bundle, which `inorder.load` reads."""
        from inorder.bundle import write_bundle

        return write_bundle(path, self.bundle())


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """What is done inside ends with BudgetError once so many seconds have gone by, wherever it asks `kernels.stopping.check`; None = any."""
    if seconds is None:
        yield
        return
    try:
        with watched(Stop(time.monotonic() + seconds)):
            check()
            yield
    except BudgetError:
        raise BudgetError(f"stopped: its {seconds:.1f} seconds were used up. Give it more time, with --budget.") from None


def expect(holds: bool, what: str) -> None:
    """Refuse arrays of a bundle that do not fit together."""
    if not holds:
        raise BundleError(f"the arrays do not fit together: {what}.")


def check_choice(name: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"`{name}` is {' or '.join(known)}, not {value!r}.")
