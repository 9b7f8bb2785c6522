"""Curriculum: the easy sequences first, the hard ones joining as training goes on.

    share of the sequences, the easiest first, that epoch k draws from      c(k) = min(1, (startᵖ + (1 − startᵖ) · k / epochs)^(1/p))

with p = 1 a line, p = 2 the square root, which gives the harder ones more time. An epoch always has as many batches: as long as few
sequences take part, each comes more often. From epoch `epochs` on it is the plain order.

Sources: Bengio, Louradour, Collobert & Weston 2009, Curriculum learning; the pace: Platanios et al. 2019, eq. 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inorder.data.batch import seed_of
from inorder.data.bucketing import Bucketed
from inorder.errors import ConfigError, ShapeError, unknown
from inorder.losses.sums import Sum

PACES = {"linear": 1, "root": 2}


@dataclass(frozen=True, eq=False)
class Curriculum:
    """Batches that begin with the easy sequences.

    batches: of all sequences.   difficulty: (sequences,) larger is harder; None = their lengths. `sequence_losses` gives that by loss.
    epochs: after which all take part.   start: share of the sequences in the first epoch.   pace: "root" or "linear".

    >>> batches = Bucketed([9, 2, 8, 1, 2, 9, 3, 4], make=list, batch_size=2)
    >>> easy = Curriculum(batches, epochs=4, start=0.25)
    >>> [sorted({int(i) for batch in easy.epoch(k) for i in batch}) for k in (0, 4)], len(easy)
    ([[1, 3], [0, 1, 2, 3, 4, 5, 6, 7]], 4)
    """

    batches: Bucketed
    difficulty: Sequence[float] | NDArray[Any] | None = None
    epochs: int = 10
    start: float = 0.25
    pace: str = "root"

    def __post_init__(self) -> None:
        count = len(self.batches.lengths)
        if self.difficulty is not None and (np.shape(self.difficulty) != (count,) or np.isnan(np.asarray(self.difficulty)).any()):
            raise ShapeError(f"`difficulty` is one number for each of the {count} sequences, none of them NaN; this has the shape {np.shape(self.difficulty)}.")
        if self.pace not in PACES:
            raise unknown("pace", self.pace, PACES)
        if not 0 < self.start <= 1 or isinstance(self.epochs, bool) or self.epochs < 1:
            raise ConfigError(f"`start` is a share above 0, at most 1, and `epochs` 1 or more; these are {self.start!r} and {self.epochs!r}.")

    @property
    def divided(self) -> bool:
        """Each process has its own batches, where it has so in `batches`."""
        return bool(getattr(self.batches, "divided", False))

    def share(self, k: int) -> float:
        """The share of the sequences that epoch k draws from."""
        p = PACES[self.pace]
        return float(min(1.0, (self.start**p + (1 - self.start**p) * k / self.epochs) ** (1 / p)))

    def epoch(self, k: int) -> Iterator[Any]:
        """The batches of epoch k, counted from 0."""
        return self.epoch_from(k, 0)

    def epoch_from(self, k: int, done: int) -> Iterator[Any]:
        """What follows the first `done` batches of epoch k."""
        if self.share(k) >= 1:
            return self.batches.epoch_from(k, done)
        return (self.batches.make(which) for which in islice(self._plan(k), done, len(self)))

    def _plan(self, k: int) -> Iterator[NDArray[np.int64]]:
        """The numbers of the sequences of one batch after the other, round after round of those that take part."""
        difficulty = np.asarray(self.batches.lengths if self.difficulty is None else self.difficulty)
        easiest = np.argsort(difficulty, kind="stable")[: max(1, round(self.share(k) * len(difficulty)))]
        turn = 0
        while True:
            yield from (easiest[which] for which in self.batches.among(easiest, seed_of(self.batches.seed, k, turn)).plan(0))
            turn += 1

    def __len__(self) -> int:
        return len(self.batches)


def sequence_losses(model: nn.Module, batches: Bucketed, loss: Callable[[nn.Module, Any], Sum]) -> NDArray[np.float64]:
    """(sequences,) the mean loss of each sequence by itself under a model, such as a small one that was trained before: a difficulty for `Curriculum`.

    The model is run in evaluation mode, without gradients, and left in the mode in which it was.
    """
    before = model.training
    model.eval()
    try:
        with torch.no_grad():
            return np.array([float(loss(model, batches.make(np.array([i]))).mean) for i in range(len(batches.lengths))])
    finally:
        model.train(before)
