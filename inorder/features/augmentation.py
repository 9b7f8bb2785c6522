"""Augmentation: batches changed a little at random each time they are seen, so that a model cannot learn them by heart.

    Noise         x + scale · ε                       ε: independent normal numbers
    TimeWarp      x at stretched and squeezed times   the ends stay where they are
    TimeMask      some stretches of time set to a value
    ChannelMask   some features set to a value, over all of a sequence
    Mix           λ · x + (1 − λ) · another row       λ from a Beta distribution; targets too

Each is a function (batch, generator) -> batch for any record with `inputs` (batch, time, features), `lengths` and `targets`. Whether the
second axis of its targets is time, the record says by `along_time`, True or False, as `Batch` does; targets (batch,) have no such axis. Padding
stays as it is. `Augmented` runs them over batches, each by random numbers that depend on the seed, the epoch and the batch alone.

Sources: noise and time warp: Um et al. 2017; masks: Park et al. 2019, SpecAugment; mix: Zhang et al. 2018, mixup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from inorder.data.batch import seed_of, valid_mask
from inorder.errors import ConfigError

Augmentation = Callable[[Any, Generator], Any]


@dataclass(frozen=True, eq=False)
class Augmented:
    """Batches after some augmentations, one after the other.   batches: with `epoch(k)` and len(), as training reads them.

    >>> from inorder.data.batch import Batch, Listed
    >>> plain = Listed([Batch(torch.zeros(2, 3, 1), torch.tensor([3, 1]), torch.zeros(2, 3))])
    >>> noisy = Augmented(plain, [Noise(0.1)], seed=1)
    >>> first, again, later = (next(noisy.epoch(k)).inputs for k in (0, 0, 1))
    >>> bool((first == again).all()), bool((first == later).all()), bool(first[1, 1:].any())
    (True, False, False)
    """

    batches: Any
    augmentations: Sequence[Augmentation]
    seed: int = 0

    @property
    def carries(self) -> bool:
        """The state goes on from batch to batch, where it does so in `batches`."""
        return bool(getattr(self.batches, "carries", False))

    @property
    def divided(self) -> bool:
        """Each process has its own batches, where it has so in `batches`."""
        return bool(getattr(self.batches, "divided", False))

    def epoch(self, k: int) -> Iterator[Any]:
        """The batches of epoch k, counted from 0."""
        return self._changed(self.batches.epoch(k), k, 0)

    def epoch_from(self, k: int, done: int) -> Iterator[Any]:
        """What follows the first `done` batches of epoch k."""
        if hasattr(self.batches, "epoch_from"):
            return self._changed(self.batches.epoch_from(k, done), k, done)
        rest = self.batches.epoch(k)
        for _ in range(done):
            next(rest)
        return self._changed(rest, k, done)

    def __len__(self) -> int:
        return len(self.batches)

    def _changed(self, batches: Iterator[Any], k: int, first: int) -> Iterator[Any]:
        for number, batch in enumerate(batches, first):
            generator = torch.Generator().manual_seed(seed_of(self.seed, k, number))
            for augment in self.augmentations:
                batch = augment(batch, generator)
            yield batch


@dataclass(frozen=True)
class Noise:
    """Independent normal noise.   scale: its standard deviation, in units of the inputs."""

    scale: float = 0.1

    def __post_init__(self) -> None:
        _check("scale", self.scale, 0.0)

    def __call__(self, batch: Any, generator: Generator) -> Any:
        noise = self.scale * torch.randn(batch.inputs.shape, generator=generator, dtype=batch.inputs.dtype)
        return replace(batch, inputs=torch.where(_valid(batch)[:, :, None], batch.inputs + noise, batch.inputs))


@dataclass(frozen=True)
class TimeWarp:
    """Time that runs faster here and slower there; the values between two steps are interpolated.

    strength: 0 = no warp; by how much the speed may differ from 1 at a knot, below 1.   knots: of the random speed, along the sequence.
    Targets along time are warped with the inputs: numbers are interpolated, whole numbers taken from the nearest step. A target for the
    whole sequence stays.
    """

    strength: float = 0.3
    knots: int = 4

    def __post_init__(self) -> None:
        _check("strength", self.strength, 0.0, below=1.0)
        _check("knots", self.knots, 2)

    def __call__(self, batch: Any, generator: Generator) -> Any:
        places = self.places(batch.lengths, batch.inputs.shape[1], generator)
        inputs, targets = _at(batch.inputs, places), batch.targets
        if _along_time(batch):
            targets = _at(targets, places)
        return replace(batch, inputs=inputs, targets=targets)

    def places(self, lengths: Tensor, time: int, generator: Generator) -> Tensor:
        """(batch, time) where each step is taken from; steps of padding stay."""
        speed = 1 + self.strength * (2 * torch.rand(len(lengths), 1, self.knots, generator=generator, dtype=torch.float64) - 1)
        passed = torch.zeros(len(lengths), time, dtype=torch.float64)
        steps = torch.arange(time, dtype=torch.float64)
        for i, n in enumerate(lengths.tolist()):
            if n > 1:
                curve = torch.nn.functional.interpolate(speed[i : i + 1], size=n - 1, mode="linear", align_corners=True)[0, 0]
                passed[i, 1:n] = torch.cumsum(curve, 0) * (n - 1) / curve.sum()
            passed[i, n:] = steps[n:]
        return passed


@dataclass(frozen=True)
class TimeMask:
    """Stretches of time set to a value.   count: of stretches.   longest: steps of one at most, and never more than `share` of the sequence.
    value: that stands there."""

    count: int = 1
    longest: int = 10
    share: float = 0.5
    value: float = 0.0

    def __post_init__(self) -> None:
        _check("count", self.count, 1)
        _check("longest", self.longest, 1)
        _check("share", self.share, 0.0, below=1.0)

    def __call__(self, batch: Any, generator: Generator) -> Any:
        time, inputs = torch.arange(batch.inputs.shape[1]), batch.inputs
        lengths = batch.lengths.cpu()
        for _ in range(self.count):
            most = torch.minimum((self.share * lengths).long(), torch.tensor(self.longest))
            size = (torch.rand(len(lengths), generator=generator) * (most + 1)).long()
            begin = (torch.rand(len(lengths), generator=generator) * (lengths - size + 1)).long()
            inside = (time >= begin[:, None]) & (time < (begin + size)[:, None])
            inputs = inputs.masked_fill(inside[:, :, None], self.value)
        return replace(batch, inputs=inputs)


@dataclass(frozen=True)
class ChannelMask:
    """Features set to a value, over all real steps of a sequence.   share: of the features that are, on average.   value: that stands there."""

    share: float = 0.1
    value: float = 0.0

    def __post_init__(self) -> None:
        _check("share", self.share, 0.0, below=1.0)

    def __call__(self, batch: Any, generator: Generator) -> Any:
        rows, _, features = batch.inputs.shape
        hidden = torch.rand(rows, 1, features, generator=generator) < self.share
        return replace(batch, inputs=batch.inputs.masked_fill(hidden & _valid(batch)[:, :, None], self.value))


@dataclass(frozen=True)
class Mix:
    """Each row mixed with another row of the batch, the targets in the same shares.   alpha: of Beta(alpha, alpha); small = mostly one of the two.

    Of sequences of unequal length only the steps that both have are mixed, so a target of the whole sequence is too by their share of its steps:

        target ← (1 − (1 − λ) · both / own) · target + (1 − λ) · both / own · other target        both, own: steps

    Targets are numbers (of classes: one column each, 0 or 1).
    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        _check("alpha", self.alpha, 0.0)
        if self.alpha == 0:
            raise ConfigError("`alpha` is a number above 0, not 0.")

    def __call__(self, batch: Any, generator: Generator) -> Any:
        if not batch.targets.is_floating_point():
            raise ConfigError(f"Mixing rows mixes their targets, which are whole numbers ({batch.targets.dtype}). Give one column a class, of 0 and 1.")
        rows = batch.inputs.shape[0]
        other = torch.randperm(rows, generator=generator)
        seed = int(torch.randint(2**62, (1,), generator=generator))  # torch draws no Beta numbers from a generator
        own = torch.from_numpy(np.random.default_rng(seed).beta(self.alpha, self.alpha, size=rows))
        valid = _valid(batch)
        both = valid & valid[other]
        inputs = _mixed(batch.inputs, other, own, both)
        if _along_time(batch):
            return replace(batch, inputs=inputs, targets=_mixed(batch.targets, other, own, both))
        share = both.sum(1) / valid.sum(1).clamp(min=1)
        return replace(batch, inputs=inputs, targets=_mixed(batch.targets, other, 1 - (1 - own) * share, None))


def _mixed(x: Tensor, other: Tensor, own: Tensor, both: Tensor | None) -> Tensor:
    weight = own.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
    mixed = weight * x + (1 - weight) * x[other]
    return mixed if both is None else torch.where(both.reshape(*both.shape, *[1] * (x.ndim - 2)), mixed, x)


def _at(x: Tensor, places: Tensor) -> Tensor:
    """x, (batch, time, …), between its steps: at `places`, (batch, time)."""
    if not x.is_floating_point():
        return _taken(x, places.round().long())
    before = places.floor().long()
    after = (before + 1).clamp(max=x.shape[1] - 1)
    share = (places - before).to(x.dtype).reshape(*places.shape, *[1] * (x.ndim - 2))
    low, high = _taken(x, before), _taken(x, after)
    return torch.where(share > 0, low + share * (high - low), low)  # an unknown target spoils only what lies beside it


def _taken(x: Tensor, rows: Tensor) -> Tensor:
    return x[torch.arange(len(x))[:, None], rows]


def _along_time(batch: Any) -> bool:
    """The second axis of the targets is time.   Raises ConfigError where there is one and the record does not say so: their sizes may agree by chance."""
    if batch.targets.ndim < 2:
        return False
    said = getattr(batch, "along_time", None)
    if not isinstance(said, bool):
        shape, name = tuple(batch.targets.shape), type(batch).__name__
        raise ConfigError(f"Is the second axis of the targets {shape} time, or classes of the whole sequence? Write `along_time = True` or False in {name}.")
    return said


def _valid(batch: Any) -> Tensor:
    return valid_mask(batch.lengths, batch.inputs.shape[1])


def _check(name: str, value: Any, least: float, below: float = float("inf")) -> None:
    whole = isinstance(least, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not least <= value < below:
        limit = "" if below == float("inf") else f" and below {below:g}"
        raise ConfigError(f"`{name}` is a {'whole ' if whole else ''}number, {least:g} or more{limit}, not {value!r}.")
