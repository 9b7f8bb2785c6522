"""A batch of sequences of unequal length: padded to one length, with the lengths beside them.

    time →   x x x x x x        lengths 6
             x x x x · ·                4
             x x · · · ·                2

What is real and what is padding follows from the lengths, in one place: `valid_mask`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor


def valid_mask(lengths: Tensor, time: int) -> Tensor:
    """(batch, time) True where a step is real, False where it is padding.   lengths: (batch,) whole numbers, 0 allowed.

    >>> import torch
    >>> valid_mask(torch.tensor([3, 1]), 3).int().tolist()
    [[1, 1, 1], [1, 0, 0]]
    """
    import torch

    return torch.arange(time, device=lengths.device) < lengths[:, None]


@dataclass(frozen=True, eq=False)
class Batch:
    """inputs: (batch, time, features).   lengths: (batch,).   targets: (batch, time, …); NaN where a target is not known.

    Raises ShapeError where the three do not fit together.

    >>> import torch
    >>> batch = Batch.of([torch.ones(3, 2), torch.ones(1, 2)], [torch.zeros(3), torch.zeros(1)])
    >>> tuple(batch.inputs.shape), batch.lengths.tolist(), batch.valid.int().tolist()
    ((2, 3, 2), [3, 1], [[1, 1, 1], [1, 0, 0]])
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor

    along_time = True  # the targets

    def __post_init__(self) -> None:
        if self.inputs.ndim != 3:
            raise ShapeError(f"`inputs` has the axes (batch, time, features); this one has the shape {tuple(self.inputs.shape)}.")
        batch, time = self.inputs.shape[:2]
        if tuple(self.targets.shape[:2]) != (batch, time):
            raise ShapeError(f"`targets` begins with the axes {tuple(self.targets.shape[:2])}; `inputs` has (batch, time) = {(batch, time)}.")
        check_lengths(self.lengths, batch, time)

    @classmethod
    def of(cls, inputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Batch:
        """From sequences (time, features) and their targets (time, …), padded at the end with zeros."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        lengths = torch.tensor([len(sequence) for sequence in inputs], dtype=torch.int64)
        return cls(pad_sequence(list(inputs), batch_first=True), lengths, pad_sequence(list(targets), batch_first=True))

    @property
    def valid(self) -> Tensor:
        """(batch, time) True where a step is real."""
        return valid_mask(self.lengths, self.inputs.shape[1])

    def chunks(self, steps: int) -> Iterator[Batch]:
        """The batch cut along the time axis into pieces of `steps` steps, the last as long as the rest.

        >>> import torch
        >>> batch = Batch(torch.ones(2, 5, 1), torch.tensor([5, 3]), torch.zeros(2, 5))
        >>> [(tuple(chunk.targets.shape), chunk.lengths.tolist()) for chunk in batch.chunks(4)]
        [((2, 4), [4, 3]), ((2, 1), [1, 0])]
        """
        for first in range(0, self.inputs.shape[1], steps):
            inputs, targets = self.inputs[:, first : first + steps], self.targets[:, first : first + steps]
            yield Batch(inputs, (self.lengths - first).clamp(0, inputs.shape[1]), targets)

    def __len__(self) -> int:
        return int(self.inputs.shape[0])


@dataclass(frozen=True, eq=False)
class Listed:
    """Batches that are there already: the same ones in every epoch, in this order.

    >>> list(Listed(["first", "second"]).epoch(7))
    ['first', 'second']
    """

    batches: Sequence[Any]

    def epoch(self, k: int) -> Iterator[Any]:
        return iter(self.batches)

    def epoch_from(self, k: int, done: int) -> Iterator[Any]:
        """What follows the first `done` batches of epoch k."""
        return islice(self.epoch(k), done, None)

    def __len__(self) -> int:
        return len(self.batches)


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches of long sequences as shuffled batches.   `epoch(k)`: those of epoch k, in an order that depends on the seed and k alone.

    inputs: (rows, features) of all sequences, one after the other.   targets: (rows, …), NaN where not known.
    starts, lengths: (windows,) rows where each window begins, and how many it has.
    batch_size: windows per batch.   batches: per epoch; with more places than windows, every window is drawn before any is drawn again.
    seed: of the random numbers that order them.

    >>> import torch
    >>> rows = torch.arange(6.0)
    >>> windows = Windows(rows[:, None], rows + 1, torch.tensor([0, 1, 2]), torch.tensor([4, 4, 4]), 2, 3, seed=0)
    >>> sorted(start for batch in windows.epoch(0) for start in batch.inputs[:, 0, 0].int().tolist())
    [0, 0, 1, 1, 2, 2]
    """

    inputs: Tensor
    targets: Tensor
    starts: Tensor
    lengths: Tensor
    batch_size: int
    batches: int
    seed: int = 0
    _begun: list[Tensor] = field(default_factory=list, init=False, repr=False)  # states of the generator before each draw so far

    def epoch(self, k: int) -> Iterator[Batch]:
        """The batches of epoch k, counted from 0."""
        return self.epoch_from(k, 0)

    def epoch_from(self, k: int, done: int) -> Iterator[Batch]:
        """What follows the first `done` batches of epoch k."""
        import torch

        order, places = self._order(k), self.batches * self.batch_size
        for first in range(done * self.batch_size, places, self.batch_size):
            chosen = order[first : min(first + self.batch_size, places)]
            lengths = self.lengths[chosen]
            rows = self.starts[chosen, None] + torch.minimum(torch.arange(int(lengths.max())), lengths[:, None] - 1)
            yield Batch(self.inputs[rows], lengths, self.targets[rows])

    def _order(self, k: int) -> Tensor:
        """Which windows epoch k takes: draw k of one stream of random numbers. Where each draw begins is remembered, so that none is made twice."""
        import torch

        count = len(self.starts)
        generator = torch.Generator().manual_seed(self.seed)
        if not self._begun:
            self._begun.append(generator.get_state())
        first = min(k, len(self._begun) - 1)
        generator.set_state(self._begun[first])
        for drawn in range(first, k + 1):
            order = torch.cat([torch.randperm(count, generator=generator) for _ in range(-(-self.batches * self.batch_size // count))])
            if drawn + 1 == len(self._begun):
                self._begun.append(generator.get_state())
        return order

    def __len__(self) -> int:
        return self.batches


def seed_of(*numbers: int) -> int:
    """One seed out of several numbers, such as a seed and an epoch; neighbours give unrelated ones.

    >>> seed_of(0, 1) == seed_of(0, 1), seed_of(0, 1) == seed_of(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)  # torch takes 63 bits


def check_lengths(lengths: Tensor, batch: int, time: int) -> None:
    """Raises ShapeError unless `lengths` is a tensor of `batch` whole numbers between 0 and `time`; in torch's compiler the numbers are not looked at."""
    import torch

    if not isinstance(lengths, torch.Tensor):
        raise ShapeError(f"`lengths` is a tensor of whole numbers (batch,), not a {type(lengths).__name__}; pass torch.tensor(lengths).")
    if tuple(lengths.shape) != (batch,):
        raise ShapeError(f"`lengths` has the shape {tuple(lengths.shape)}; one length for each of the {batch} sequences was expected.")
    if lengths.dtype.is_floating_point or lengths.dtype.is_complex or lengths.dtype == torch.bool:
        raise ShapeError(f"`lengths` holds whole numbers, not {lengths.dtype}.")
    if torch.compiler.is_compiling():
        return
    wrong = ((lengths < 0) | (lengths > time)).nonzero()
    if len(wrong):
        i = int(wrong[0])
        reason = "longer than the batch" if lengths[i] > time else "negative"
        raise ShapeError(f"`lengths[{i}]` is {int(lengths[i])}, {reason} (time = {time}).")
