"""Trains a small model in a child process, kills it at random moments, and starts it again, until one has ended; prints how many were killed.

Run: python killed.py KIND DIRECTORY SEED
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import small
import torch
from safetensors.torch import save_file

from inorder.train.loop import fit
from inorder.train.settings import Training

SETTINGS = {
    "plateau": Training(max_epochs=4, schedule="plateau", patience=2, warmup_steps=3, ema=0.9, average=2, accumulate=2, checkpoint_seconds=0),
    "sgd": Training(optimiser="sgd", max_epochs=4, tbptt=3, average=2, average_of="last", checkpoint_seconds=0, clip_norm=0.5),
    "streams": Training(max_epochs=8, checkpoint_seconds=0),
    "sampled": Training(max_epochs=6, checkpoint_seconds=0, accumulate=2, learning_rate=0.02),
    "sampled streams": Training(max_epochs=6, checkpoint_seconds=0, learning_rate=0.02),
}


def train(kind: str, directory: Path | None) -> torch.Tensor:
    torch.set_num_threads(1)
    model = small.Small()
    torch.manual_seed(1)
    batches = small.streams() if kind.endswith("streams") else small.bucketed()
    losses = {"plateau": small.squared, "sampled": small.sampled, "sampled streams": small.sampled_on}
    loss = losses.get(kind, small.squared_on)
    valid = small.bucketed(6) if kind == "plateau" else None
    fit(model, batches, loss, SETTINGS[kind], valid=valid, directory=directory)
    return small.flat(model)


def main(kind: str, directory: Path, seed: int) -> int:
    chance, killed, left = random.Random(seed), 0, 200
    while left := left - 1:
        child = os.fork()
        if child == 0:
            try:
                save_file({"weights": train(kind, directory / "run")}, directory / "weights.safetensors")
                os._exit(0)
            finally:
                os._exit(1)
        patience = chance.uniform(0.01, 0.12) if killed < 6 else 60.0
        until = time.monotonic() + patience
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return killed if status == 0 else sys.exit(f"the child failed with {status}")
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        killed += 1
    sys.exit("no child came to its end")


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
