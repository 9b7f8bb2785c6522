"""What is given to training, looked at before it begins: each thing that cannot be trained with is named in a sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import nn

from inorder.data.nested import tensors_in
from inorder.errors import ConfigError
from inorder.train import distributed
from inorder.train.random_state import random_state, set_random_state
from inorder.train.run import device_of
from inorder.train.settings import Training


def check_given(model: nn.Module, batches: Any, loss: Callable[..., Any], training: Training) -> None:
    """Raises ConfigError where these cannot train together."""
    check_model(model)
    check_batches("batches", batches)
    check_loss(loss, carried=training.tbptt is not None or bool(getattr(batches, "carries", False)))


def check_model(model: nn.Module) -> None:
    """Raises ConfigError where `model` has nothing to train."""
    device_of(model)
    if not any(weights.requires_grad for weights in model.parameters()):
        raise ConfigError(f"All parameters of {type(model).__name__} are frozen, so there is nothing to train. Set requires_grad_(True) on some.")


def check_batches(name: str, batches: Any) -> None:
    """Raises ConfigError unless `batches` has what training reads."""
    if not callable(getattr(batches, "epoch", None)) or not hasattr(batches, "__len__"):
        advice = "A list of batches becomes one in inorder.data.batch.Listed(…)."
        raise ConfigError(f"`{name}` has a method epoch(k), which gives the batches of epoch k, and a length; this is a {type(batches).__name__}. {advice}")


def check_loss(loss: Callable[..., Any], carried: bool) -> None:
    """Raises ConfigError where `loss` does not take what it will be called with.   carried: a state too."""
    if not callable(loss):
        raise ConfigError(f"`loss` is a function (model, batch) -> Sum, not {type(loss).__name__}.")
    try:
        signature = inspect.signature(loss)
    except ValueError:  # a function that does not say what it takes
        return
    try:
        signature.bind(*[None] * (3 if carried else 2))
    except TypeError:
        form = "(model, batch, state), since state is carried, and returns (Sum, state)" if carried else "(model, batch) and returns a Sum; no state is carried"
        raise ConfigError(f"`loss` takes {form}; this one takes {signature}.") from None


def check_directory(folder: Path) -> None:
    """Raises ConfigError where `folder` cannot be one."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise ConfigError(f"`directory` is a folder for checkpoints, and {there} is a file. Choose another.")


def fingerprint(batches: Any) -> int:
    """A number that tells the first batch from others, bit for bit; the same in all processes. 0 where there are no batches."""
    random = random_state()
    first = next(iter(batches.epoch(0)), None)
    set_random_state(random)
    found = 0
    for one in [] if first is None else tensors_in(first):
        found = crc32(f"{tuple(one.shape)} {one.dtype}".encode(), found)
        found = crc32(one.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes(), found)
    return int(distributed.first(float(found)))
