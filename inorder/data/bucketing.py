"""Batches of sequences of like length, so that little of a batch is padding.

    sort by length, ties at random  →  cut where a batch is full  →  shuffle the batches

A batch is full at `batch_size` sequences, or where rows · longest would pass `steps`. The lengths alone decide where batches are cut, so
every epoch has as many; which sequences share a batch, and the order of the batches, depend on the seed and the number of the epoch.

Source: Khomenko et al. 2016, Accelerating recurrent neural network training using sequence bucketing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.batch import Batch
from inorder.errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from torch import Tensor

Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Bucketed:
    """Batches of like lengths.   lengths: (sequences,).   make: the numbers of some sequences -> their batch.
    batch_size: sequences in a batch at most.   steps: rows · longest at most, where given; a sequence that is longer alone makes a batch.
    seed: of the order.

    >>> batches = Bucketed([9, 2, 8, 1, 2, 9], make=list, batch_size=2)
    >>> sorted(sorted([9, 2, 8, 1, 2, 9][i] for i in batch) for batch in batches.epoch(0))
    [[1, 2], [2, 8], [9, 9]]
    >>> len(Bucketed([9, 2, 8, 1, 2, 9], make=list, steps=18)), round(Bucketed([9, 2, 8, 1, 2, 9], make=list, steps=18).padding, 2)
    (3, 0.18)
    """

    lengths: Sequence[int] | Whole
    make: Callable[[Whole], Any]
    batch_size: int | None = None
    steps: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        lengths = np.asarray(self.lengths)
        if lengths.ndim != 1 or len(lengths) == 0 or lengths.dtype.kind not in "iu" or lengths.min() < 0:
            raise ShapeError(f"`lengths` is a row of whole numbers, 0 or more, one for each sequence; this has the shape {lengths.shape}, {lengths.dtype}.")
        if self.batch_size is None and self.steps is None:
            raise ConfigError("A batch has to be full at some point: give `batch_size` (sequences), or `steps` (sequences times the longest).")
        for name in ("batch_size", "steps"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ConfigError(f"`{name}` is a whole number, 1 or more, not {value!r}.")
        object.__setattr__(self, "lengths", lengths.astype(np.int64))

    @classmethod
    def of(cls, inputs: Sequence[Tensor], targets: Sequence[Tensor], *, batch_size: int | None = None, steps: int | None = None, seed: int = 0) -> Bucketed:
        """From sequences (time, features) and their targets (time, …), as `Batch.of` takes them."""
        if len(inputs) != len(targets):
            raise ShapeError(f"There are {len(inputs)} sequences and {len(targets)} targets.")

        def make(which: Whole) -> Batch:
            return Batch.of([inputs[i] for i in which], [targets[i] for i in which])

        return cls([len(sequence) for sequence in inputs], make, batch_size, steps, seed)

    def epoch(self, k: int) -> Iterator[Any]:
        """The batches of epoch k, counted from 0."""
        return self.epoch_from(k, 0)

    def epoch_from(self, k: int, done: int) -> Iterator[Any]:
        """What follows the first `done` batches of epoch k."""
        return (self.make(which) for which in self.plan(k)[done:])

    def plan(self, k: int) -> list[Whole]:
        """The numbers of the sequences in each batch of epoch k."""
        random = np.random.default_rng([self.seed, k])
        order = np.lexsort((random.random(len(self.lengths)), -np.asarray(self.lengths)))  # the longest first, ties at random
        batches = [order[begin:end] for begin, end in self._cuts()]
        return [batches[i] for i in random.permutation(len(batches))]

    def among(self, which: Whole, seed: int) -> Bucketed:
        """The same with only some of the sequences, in another order."""
        return Bucketed(np.asarray(self.lengths)[which], lambda chosen: self.make(which[chosen]), self.batch_size, self.steps, seed)

    @property
    def padding(self) -> float:
        """The share of all steps that is padding, from 0 to 1; the same in every epoch."""
        longest_first = np.sort(np.asarray(self.lengths))[::-1]
        room = sum((end - begin) * int(longest_first[begin]) for begin, end in self._cuts())
        return 1 - int(longest_first.sum()) / room if room else 0.0

    def __len__(self) -> int:
        return len(self._cuts())

    def _cuts(self) -> list[tuple[int, int]]:
        """Where each batch begins and ends, among the sequences with the longest first."""
        longest_first = np.sort(np.asarray(self.lengths))[::-1]
        cuts, begin = [], 0
        while begin < len(longest_first):
            rows = len(longest_first) if self.steps is None else max(1, self.steps // max(1, int(longest_first[begin])))
            end = min(begin + min(rows, self.batch_size or rows), len(longest_first))
            cuts.append((begin, end))
            begin = end
        return cuts
