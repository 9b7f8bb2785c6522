"""Mixed precision: products in 16 bits, sums and weights in 32, where the device has it.

    bf16   eight bits of exponent, as float32: nothing over- or underflows     CPU, and GPUs that have it
    fp16   five bits of exponent: the loss is scaled up before the gradient is taken, and gradients down after it     CUDA

Source: Micikevicius et al. 2018, Mixed precision training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from inorder.errors import ConfigError


def check_precision(precision: str, device: torch.device) -> None:
    """Raises ConfigError where `device` cannot compute in `precision`.

    >>> check_precision("bf16", torch.device("cpu"))
    >>> check_precision("fp16", torch.device("cpu"))
    Traceback (most recent call last):
    inorder.errors.ConfigError: precision "fp16" needs a CUDA device, and the model is on "cpu". Use precision="bf16", or "float32".
    """
    if precision == "fp16" and device.type != "cuda":
        raise ConfigError(f'precision "fp16" needs a CUDA device, and the model is on "{device}". Use precision="bf16", or "float32".')
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise ConfigError(f'precision "bf16" is not known to the device "{device}". Use precision="fp16", or "float32".')
    if precision == "bf16" and device.type not in ("cpu", "cuda"):
        raise ConfigError(f'precision "bf16" is for CPU and CUDA, and the model is on "{device}". Use precision="float32".')


@contextmanager
def autocast(precision: str, device: torch.device) -> Iterator[None]:
    """The block in which products are taken in `precision`.   Raises ConfigError where a layer cannot (an LSTM in bf16 on many CPUs)."""
    if precision == "float32":
        yield
        return
    try:
        with torch.autocast(device.type, dtype=torch.bfloat16 if precision == "bf16" else torch.float16):
            yield
    except RuntimeError as error:
        if "primitive descriptor" not in str(error):
            raise
        reason = str(error).split(". ")[0]
        raise ConfigError(f'A layer of the model cannot compute in "{precision}" on this {device.type}: {reason}. Use precision="float32".') from error


def gradient_scaler(precision: str) -> torch.amp.GradScaler:
    """Scales losses up and gradients down for "fp16"; for the rest it does nothing."""
    return torch.amp.GradScaler("cuda", enabled=precision == "fp16")
