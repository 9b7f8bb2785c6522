"""Trains small models in as many processes as torchrun started; the first writes the weights. With KILL one worker dies on the way, once.

Run: python -m inorder.train.torchrun workers.py DIRECTORY [KILL]
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import small
import torch
from safetensors.torch import save_file

from inorder.train.distributed import joined, rank
from inorder.train.loop import fit
from inorder.train.settings import Training

SETTINGS = {
    "plain": Training(max_epochs=3, learning_rate=0.02, precision="float32"),
    "accumulated": Training(max_epochs=3, learning_rate=0.02, accumulate=3, optimiser="sgd", nesterov=True, ema=0.5, schedule="linear"),
    "truncated": Training(max_epochs=2, learning_rate=0.02, tbptt=2, average=2, average_of="last"),
    "streams": Training(max_epochs=2, learning_rate=0.02, clip_norm=None),
}


def train(kind: str, directory: Path | None = None, kill_at: int = 0) -> torch.Tensor:
    torch.set_num_threads(1)
    model = small.Small(dropout=0.0)
    batches = small.streams() if kind == "streams" else small.bucketed(25, 4)  # the last batch has one row: less than there are processes
    loss = small.squared if kind in ("plain", "accumulated") else small.squared_on
    valid = small.bucketed(7) if kind in ("plain", "accumulated") else None

    calls = iter(range(10_000))

    def counted(model, batch, *state):
        if kill_at and next(calls) == kill_at and rank() == 1 and not (directory / "killed").exists():
            (directory / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(model, batch, *state)

    fit(model, batches, counted, SETTINGS[kind], valid=valid, directory=directory)
    return small.flat(model)


def main(directory: Path, kill: bool) -> None:
    with joined():
        kinds = ["plain"] if kill else list(SETTINGS)
        weights = {kind: train(kind, directory if kill else None, 12 if kill else 0) for kind in kinds}
        if rank() == 0:
            save_file(weights, directory / "weights.safetensors")
        else:
            save_file(weights, directory / "others.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), len(sys.argv) > 2)
