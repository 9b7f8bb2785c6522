"""One long sequence as batches that go on where the one before ended, for truncated backpropagation.

    rows of the batch     0 1 2 3 | 4 5 6 7 | 8 9 …
                          a b c d | e f g h | i j …        the sequence cut in `batch_size` pieces, side by side

Row i of a batch follows row i of the one before, so a recurrent model carries its state from batch to batch, and sees a past that is far
longer than the `steps` through which gradients run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inorder.data.batch import Batch
from inorder.errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Streams:
    """inputs: (time, features).   targets: (time, …).   batch_size: pieces side by side.   steps: in a batch.

    The last piece is shorter where the time cannot be divided; `lengths` of its batches say so. The order is the same in every epoch.

    >>> import torch
    >>> rows = torch.arange(10.0)
    >>> [(batch.inputs[:, :, 0].tolist(), batch.lengths.tolist()) for batch in Streams(rows[:, None], rows, batch_size=2, steps=3).epoch(0)]
    [([[0.0, 1.0, 2.0], [5.0, 6.0, 7.0]], [3, 3]), ([[3.0, 4.0], [8.0, 9.0]], [2, 2])]
    """

    inputs: Tensor
    targets: Tensor
    batch_size: int
    steps: int

    carries = True  # the state goes on from batch to batch

    def __post_init__(self) -> None:
        if self.inputs.ndim != 2 or len(self.targets) != len(self.inputs):
            shapes = f"{tuple(self.inputs.shape)} and {tuple(self.targets.shape)}"
            raise ShapeError(f"`inputs` has the axes (time, features) and `targets` as many rows; these have the shapes {shapes}.")
        for name in ("batch_size", "steps"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"`{name}` is a whole number, 1 or more, not {value!r}.")
        if len(self.inputs) < self.batch_size:
            raise ShapeError(f"`inputs` has {len(self.inputs)} rows, too few for {self.batch_size} pieces side by side.")

    def epoch(self, k: int) -> Iterator[Batch]:
        """The batches of epoch k."""
        return self.epoch_from(k, 0)

    def epoch_from(self, k: int, done: int) -> Iterator[Batch]:
        """What follows the first `done` batches."""
        import torch

        begins = torch.arange(self.batch_size) * self._length
        for first in range(done * self.steps, self._length, self.steps):
            row = torch.arange(first, min(first + self.steps, self._length))
            rows = begins[:, None] + row
            lengths = (len(self.inputs) - begins - first).clamp(0, len(row))
            rows = rows.clamp(max=len(self.inputs) - 1)
            yield Batch(self.inputs[rows], lengths, self.targets[rows])

    def __len__(self) -> int:
        return len(range(0, self._length, self.steps))

    @property
    def _length(self) -> int:
        """Steps of a piece."""
        return -(-len(self.inputs) // self.batch_size)
