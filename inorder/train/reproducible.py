"""The same numbers from the same seed: random draws and threads under control inside a block, and as they were after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[None]:
    """Inside the block torch draws from `seed` and computes with `threads` threads; afterwards both are as before, after an error too.

    Sums are taken in an order that depends on the number of threads, so the number belongs to what makes a run repeatable.

    >>> with reproducible(7, threads=1):
    ...     first = torch.rand(2)
    >>> with reproducible(7, threads=1):
    ...     second = torch.rand(2)
    >>> bool((first == second).all())
    True
    """
    with torch.random.fork_rng(devices=[]), using_threads(threads):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Inside the block torch computes with `threads` threads, afterwards with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
