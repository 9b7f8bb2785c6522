"""What is given to training, looked at before it begins: each thing that cannot be trained with is named in a sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import nn

from inorder.errors import ConfigError
from inorder.train import distributed
from inorder.train.history import History
from inorder.train.random_state import random_state, set_random_state
from inorder.train.run import device_of
from inorder.train.settings import Training

COMPARED = 5  # batches, when a run is resumed


def check_given(model: nn.Module, batches: Any, loss: Callable[..., Any], training: Training) -> None:
    """Raises ConfigError where these cannot train together."""
    if not isinstance(training, Training):
        raise ConfigError(f"`training` is a record of settings, as Training(max_epochs=20), not {training!r}.")
    check_model(model)
    check_batches("batches", batches)
    check_loss(loss, carried=training.tbptt is not None or bool(getattr(batches, "carries", False)))


def check_options(follow: Any, deadline: Any, progress: Any, watch: Any) -> None:
    """Raises ConfigError where `fit` cannot make use of one of these."""
    if not (follow is None or isinstance(follow, History)):
        raise ConfigError(f"`follow` is the History that an earlier `fit` returned, not {follow!r}.")
    if not (deadline is None or isinstance(deadline, int | float)) or isinstance(deadline, bool):
        raise ConfigError(f"`deadline` is a time in seconds, as time.monotonic() + 60, not {deadline!r}.")
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise ConfigError(f"`progress` is True for a bar, or a function (epochs done, epochs at most), not {progress!r}.")
    if not isinstance(watch, Sequence) or not all(callable(one) for one in watch):
        raise ConfigError(f"`watch` is a list of functions of a Step or Epoch, not {watch!r}.")


def check_model(model: nn.Module) -> None:
    """Raises ConfigError where `model` has nothing to train, or something that cannot be kept and given back."""
    device_of(model)
    for name, value in model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            advice = "Let `get_extra_state` return a tensor, or register a buffer"
            raise ConfigError(f"`{name}` of {type(model).__name__}.state_dict() is {type(value).__name__}; weights are kept as tensors. {advice}.")
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


def check_directory(folder: Any) -> None:
    """Raises ConfigError where `folder` cannot be one."""
    if not isinstance(folder, str | Path):
        raise ConfigError(f"`directory` is a folder for checkpoints, not {folder!r}.")
    folder = Path(folder)
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise ConfigError(f"`directory` is a folder for checkpoints, and {there} is a file. Choose another.")


def fingerprint(batches: Any, valid: Any, loss: Callable[..., Any]) -> dict[str, Any]:
    """What tells a run from one on other data or with another loss; the same in all processes.

    loss: its qualified name.   valid: the number of its batches; of a function, the name.   data, valid data: a checksum of batches, bit for bit:
    of epoch 0 the first, the last and three between them, at equal distances; the first five where `batches` cannot begin at any batch
    (`epoch_from`), so that no more than these are read; of `valid` the first. In them tensors, NumPy arrays, numbers and texts are compared.
    """
    random = random_state()
    data, valid_data = _checksum(_several(batches)), 0
    if hasattr(valid, "epoch"):
        valid_data = _checksum(islice(valid.epoch(0), 1))
    set_random_state(random)
    held_back = len(valid) if hasattr(valid, "epoch") else None if valid is None else _name(valid)
    return {"loss": _name(loss), "valid": held_back, "data": int(distributed.first(float(data))), "valid data": int(distributed.first(float(valid_data)))}


def _several(batches: Any) -> Iterator[Any]:
    """The batches of epoch 0 that are compared."""
    if not hasattr(batches, "epoch_from"):
        yield from islice(batches.epoch(0), COMPARED)
        return
    last = len(batches) - 1
    for place in sorted({last * k // (COMPARED - 1) for k in range(COMPARED)} if last >= 0 else ()):
        yield from islice(batches.epoch_from(0, place), 1)


def _checksum(values: Iterable[Any]) -> int:
    found = 0
    for value in values:
        found = _add(value, found)
    return found


def _add(value: Any, found: int) -> int:
    """The checksum `found` with all that is in `value`: tensors, arrays, numbers and texts of records, tuples, lists and dicts."""
    if isinstance(value, torch.Tensor):
        found = crc32(f"{tuple(value.shape)} {value.dtype}".encode(), found)
        return crc32(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes(), found)
    if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        return crc32(value.tobytes(), crc32(f"{value.shape} {value.dtype}".encode(), found))
    if isinstance(value, np.ndarray | tuple | list):
        parts: Iterable[Any] = value
    elif isinstance(value, Mapping):
        parts = chain.from_iterable(value.items())
    elif is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, f.name) for f in fields(value) if f.init]
    else:
        return crc32(repr(value).encode(), found) if isinstance(value, str | bytes | bool | int | float | complex) else found
    for part in parts:
        found = _add(part, found)
    return found


def _name(function: Callable[..., Any]) -> str:
    """The qualified name of a function; of the one inside a partial; of the class of an object."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__qualname__", type(function).__qualname__))
