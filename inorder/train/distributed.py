"""Training in several processes: each takes its rows of every batch, and the gradients are added up before each step.

    gradient = Σ over processes ∂(total of its rows)  /  Σ over processes (count of its rows)

so n processes make the same steps as one that has all rows. Every function here is also right for one process, where it does nothing.
A script that calls `inorder.train.fit` needs no change: started by `torchrun`, or by `inorder.train.launch`, its processes find each other.

Source: Li et al. 2020, PyTorch Distributed: experiences on accelerating data parallel training.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from inorder.data.nested import map_tensors, tensors_in

WAIT = timedelta(minutes=5)  # for the other processes at one exchange, before the run fails


@contextmanager
def joined() -> Iterator[None]:
    """Inside the block the processes that `torchrun` started know each other; a group that is there already is used and left."""
    if "RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=WAIT)
    if rank():
        torch.manual_seed(torch.initial_seed() + rank())  # else every process would drop the same units of its rows
    try:
        yield
    finally:
        distributed.destroy_process_group()


def world() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this one, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def summed(*values: Tensor | float) -> tuple[float, ...]:
    """Each value, added up over the processes."""
    if world() == 1:
        return tuple(float(value) for value in values)
    together = torch.tensor([float(value) for value in values], dtype=torch.float64, device=_device())
    distributed.all_reduce(together)
    return tuple(together.tolist())


def first(value: float) -> float:
    """The value that the first process has."""
    return summed(value if rank() == 0 else 0.0)[0]


def gathered(value: Tensor) -> Tensor:
    """(processes, …) the tensors of all of them, of one shape."""
    if world() == 1:
        return value[None]
    parts = [torch.empty_like(value, device=_device()) for _ in range(world())]
    distributed.all_gather(parts, value.to(_device()))
    return torch.stack(parts).cpu()


def own_rows(batch: Any) -> tuple[Any, bool]:
    """The rows of a batch that this process takes, every n-th, and whether they count.

    Where a batch has fewer rows than there are processes, some have none: they run the first row, and it does not count.
    """
    if world() == 1:
        return batch, True
    rows = len(tensors_in(batch)[0])
    counts = rank() < rows
    return map_tensors(lambda one: (one[rank() :: world()] if counts else one[:1]).contiguous(), batch), counts


def parallel(objective: nn.Module) -> nn.Module:
    """`objective`, whose gradients are averaged over the processes as they are computed; a parameter that a loss does not use has none, as in one process."""
    if world() == 1:
        return objective
    device = next(objective.parameters()).device
    objective.register_parameter("unused", nn.Parameter(torch.zeros(1, device=device)))  # without one that is unused torch warns, in every process
    return DistributedDataParallel(objective, find_unused_parameters=True)


def exchanging(objective: nn.Module, now: bool) -> AbstractContextManager[None]:
    """The block of a forward and a backward pass; with `now` False gradients are kept back until the last pass of a step."""
    if now or not isinstance(objective, DistributedDataParallel):
        return nullcontext()
    block: AbstractContextManager[None] = objective.no_sync()
    return block


def _device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if distributed.get_backend() == "nccl" else torch.device("cpu")
