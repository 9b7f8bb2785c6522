"""Trains small models in as many processes as torchrun started; each writes the weights. One of them is killed on the way, once.

Run: python -m inorder.train.torchrun workers.py DIRECTORY
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import small
import torch
from safetensors.torch import save_file

from inorder.data.batch import Batch, Listed
from inorder.features.augmentation import Augmented, Noise
from inorder.train.distributed import joined, rank, world
from inorder.train.loop import fit
from inorder.train.settings import Training


class Divided(Listed):
    """Batches of which each process has its own part already; one process has the whole."""

    divided = True

    def __init__(self) -> None:
        inputs, targets = small.wave(20)
        size = 4 // world()
        firsts = [first + rank() * size for first in range(0, 20, 4)]
        super().__init__([Batch.of(inputs[first : first + size], targets[first : first + size]) for first in firsts])


def doubled(batch: Batch, generator: torch.Generator) -> Batch:
    return replace(batch, inputs=2 * batch.inputs)


class Partly(small.Small):
    """One parameter that is never used, and one for long sequences, which not every process has in every batch."""

    def __init__(self) -> None:
        super().__init__(dropout=0.0)
        self.never, self.at_times = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))

    def forward(self, x, lengths=None, state=None):
        ahead, state = super().forward(x, lengths, state)
        long = (lengths > 6)[:, None]
        return (ahead + self.at_times.sum() * long if long.any() else ahead), state


SETTINGS = {
    "plain": Training(max_epochs=3, learning_rate=0.02),
    "accumulated": Training(max_epochs=3, learning_rate=0.02, accumulate=3, optimiser="sgd", nesterov=True, ema=0.5, schedule="linear"),
    "truncated": Training(max_epochs=2, learning_rate=0.02, tbptt=2, average=2, average_of="last"),
    "divided": Training(max_epochs=2, learning_rate=0.02, average=2, average_of="last", accumulate=2),
    "streams": Training(max_epochs=2, learning_rate=0.02, clip_norm=None),
    "noisy streams": Training(max_epochs=2, learning_rate=0.02, clip_norm=None),
    "doubled": Training(max_epochs=2, learning_rate=0.02),
    "unused": Training(max_epochs=3, learning_rate=0.02, accumulate=3),
    "sampled": Training(max_epochs=3, learning_rate=0.02),
}


def train(kind: str, directory: Path | None = None, kill_at: int = 0) -> torch.Tensor:
    torch.set_num_threads(1)
    model = Partly() if kind == "unused" else small.Small(dropout=0.0)
    several = {
        "streams": small.streams,
        "divided": Divided,
        "noisy streams": lambda: Augmented(small.streams(), [Noise(0.2)], seed=4),
        "doubled": lambda: Augmented(Divided(), [doubled]),
    }
    batches = several.get(kind, lambda: small.bucketed(25, 4))()  # the last has one row
    loss = small.squared_on if kind in ("truncated", "streams", "noisy streams") else small.sampled if kind == "sampled" else small.squared
    valid = small.bucketed(7) if kind in ("plain", "accumulated") else None
    calls = iter(range(10_000))

    @functools.wraps(loss)
    def counted(model, batch, *state):
        if kill_at and next(calls) == kill_at and rank() == 1 and not (directory / "killed").exists():
            (directory / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(model, batch, *state)

    fit(model, batches, counted, SETTINGS[kind], valid=valid, directory=directory)
    return small.flat(model)


def main(directory: Path) -> None:
    with joined():
        weights = {kind: train(kind, *[directory, 12] if kind == "plain" else []) for kind in SETTINGS}
        save_file(weights, directory / f"weights-{rank()}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
