"""The state of all random numbers that a training run may draw from, as tensors: torch's on the CPU and the GPU, NumPy's and Python's own."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor


def random_state() -> dict[str, Tensor]:
    """Where all random numbers stand now.

    >>> before = random_state()
    >>> first = torch.rand(3), random.random()
    >>> set_random_state(before)
    >>> bool((first[0] == torch.rand(3)).all()), first[1] == random.random()
    (True, True)
    """
    _, words, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002  it belongs to whoever uses it; it is only kept
    state = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor(words, dtype=torch.int64),
        "python.gauss": torch.tensor([np.nan if gauss is None else gauss], dtype=torch.float64),
        "numpy": torch.tensor([*map(int, keys), position, has_gauss], dtype=torch.int64),
        "numpy.gauss": torch.tensor([cached], dtype=torch.float64),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Tensor]) -> None:
    """Go on from where `state` was taken."""
    torch.set_rng_state(state["torch"])
    gauss = float(state["python.gauss"])
    random.setstate((3, tuple(state["python"].tolist()), None if np.isnan(gauss) else gauss))
    *keys, position, has_gauss = state["numpy"].tolist()
    np.random.set_state(("MT19937", np.array(keys, dtype=np.uint32), position, has_gauss, float(state["numpy.gauss"])))  # noqa: NPY002  as above
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
