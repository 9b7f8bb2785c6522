"""Checkpoints: a run written to one file at a moment between two steps, from which it goes on to the same weights, bit for bit.

    directory/checkpoint.safetensors    the tensors: weights, optimiser, averages, random numbers, carried state
                                        in its header, as JSON: position, schedule, early stopping, history, settings

It is written under another name and renamed: whenever the program is killed, one whole checkpoint is there, the old or the new.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from inorder.bundle import umask
from inorder.data.nested import tensors_in
from inorder.errors import ConfigError, TrainingError
from inorder.train import distributed
from inorder.train.averaging import Weights
from inorder.train.history import Epoch
from inorder.train.random_state import random_state, set_random_state
from inorder.train.run import Run

NAME = "checkpoint.safetensors"
FORMAT = 2
POSITION = ("step", "epoch", "batch", "groups", "total", "count", "largest", "norm", "rate", "stopped")


def save_checkpoint(run: Run, directory: Path, *, carried: bool = False) -> None:
    """Write `run` into `directory`, replacing the checkpoint before.   carried: the state goes on from batch to batch, so it belongs to the run."""
    tensors = {f"model.{name}": value for name, value in run.model.state_dict().items()}
    for i, state in run.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": value for name, value in state.items() if isinstance(value, Tensor)}
    tensors |= {f"best.{name}": value for name, value in run.stopping.weights.items()}
    for k, weights in enumerate(run.kept.weights if run.kept else []):
        tensors |= {f"kept.{k}.{name}": value for name, value in weights.items()}
    tensors |= {f"average.{name}": value for name, value in (run.average.weights if run.average else {}).items()}
    tensors |= {f"random.{name}": distributed.gathered(value) for name, value in random_state().items()}
    if carried:
        tensors |= {f"state.{k}": distributed.gathered(value) for k, value in enumerate(tensors_in(run.state))}
    if distributed.rank() == 0:
        _write(directory / NAME, tensors, _header(run))


def load_checkpoint(run: Run, directory: Path) -> bool:
    """Put the checkpoint of `directory` into `run`, which has been begun with the same model and settings. False: there is none.

    Raises ConfigError where it belongs to a run with other settings or data, TrainingError where it is damaged or of another model.
    """
    path = directory / NAME
    if not path.exists():
        return False
    header, tensors = _read(path)
    _check_same(header["settings"], json.loads(json.dumps(_settings(run))), path)
    try:
        _fill(run, header, tensors)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TrainingError(f"{path} does not belong to this model, or is damaged: {reason} Choose another directory, or remove that file.") from None
    return True


def _header(run: Run) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "settings": _settings(run),
        "position": {name: getattr(run, name) for name in POSITION} | ({"stopped": None} if run.stopped == "time" else {}),  # with more time it goes on
        "seconds": run.seconds,
        "epochs": [list(asdict(epoch).values()) for epoch in run.epochs],
        "schedule": [run.schedule.share, run.schedule.best, run.schedule.since],
        "stopping": [run.stopping.best_loss, run.stopping.best_epoch],
        "kept": [run.kept.epochs, run.kept.losses] if run.kept else None,
        "averaged": run.average.steps if run.average else 0,
        "scaler": run.scaler.state_dict(),
    }


def _settings(run: Run) -> dict[str, Any]:
    """What has to be the same when a run goes on."""
    return {**asdict(run.training), "batches": run.batches, **run.data}


def _fill(run: Run, header: Mapping[str, Any], tensors: Weights) -> None:
    run.model.load_state_dict(_part(tensors, "model."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimiser.").items():
        i, _, key = name.partition(".")
        state.setdefault(int(i), {})[key] = value
    run.optimiser.load_state_dict({**run.optimiser.state_dict(), "state": state})
    for name in POSITION:
        setattr(run, name, header["position"][name])
    run.before = header["seconds"]
    run.epochs = [Epoch(int(epoch), *rest) for epoch, *rest in header["epochs"]]
    run.schedule.share, run.schedule.best, run.schedule.since = header["schedule"]
    run.stopping.best_loss, run.stopping.best_epoch = header["stopping"]
    device = next(run.model.parameters()).device
    run.stopping.weights = {name: value.to(device) for name, value in _part(tensors, "best.").items()}
    if run.kept is not None:
        run.kept.epochs, run.kept.losses = header["kept"]
        run.kept.weights = [{name: value.to(device) for name, value in _part(tensors, f"kept.{k}.").items()} for k in range(len(run.kept.epochs))]
    if run.average is not None:
        run.average.steps, run.average.weights = header["averaged"], {name: value.to(device) for name, value in _part(tensors, "average.").items()}
    if header["scaler"]:
        run.scaler.load_state_dict(header["scaler"])
    own = distributed.rank()
    random = _part(tensors, "random.")
    if len(random["torch"]) != distributed.world():
        raise ValueError(f"it was written by {len(random['torch'])} processes, and {distributed.world()} train now.")
    set_random_state({name: value[own].clone() for name, value in random.items()})  # torch reads a row of a larger tensor from its first
    leaves = _part(tensors, "state.")
    run.leaves = [leaves[str(k)][own].to(device) for k in range(len(leaves))]


def _part(tensors: Mapping[str, Tensor], prefix: str) -> Weights:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    for name, value in now.items():
        if name in _OTHER and before.get(name) != value:
            raise ConfigError(f"{path} is of a run on other data: {_OTHER[name]}. Choose another directory.")
        if before.get(name) != value:
            raise ConfigError(f"{path} is of a run with {name}={before.get(name)!r}; this one has {value!r}. Choose another directory.")


_OTHER = {"data": "of the batches that are compared one was another", "valid data": "the first batch of `valid` was another one"}


def _write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    text = json.dumps(_plain(header), allow_nan=False)
    save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, fresh, metadata={"run": text})
    fresh.chmod(0o666 & ~umask())  # safetensors makes it readable for its owner alone
    with fresh.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(fresh, path)
    if os.name == "posix":  # the new name too is on the disk when this returns
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> tuple[dict[str, Any], Weights]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = _numbers(json.loads((file.metadata() or {})["run"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{path} is damaged, or no checkpoint of ours: {error}. Remove it to begin anew.") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a checkpoint of format {FORMAT}. Remove it to begin anew.")
    return header, tensors


_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # JSON has no numbers for them


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return _WORDS[value["number"]] if value.keys() == {"number"} else {name: _numbers(one) for name, one in value.items()}
    return [_numbers(one) for one in value] if isinstance(value, list) else value
