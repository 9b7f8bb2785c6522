"""Layers for sequences, each with a path over the whole sequence and a path one step at a time that give the same numbers.

They stand alone: every one is a `torch.nn.Module` for anyone's code. Names are loaded when they are first used.

    layer = inorder.nn.TCN(3, 64, levels=6)
    output, state = layer(x, lengths)             x: (batch, time, inputs), lengths: (batch,)
    output, state = layer.step(x[:, 0], state)    one step more
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# public name -> the module that defines it; __init__.pyi says the same to type checkers
_HOME = {
    "AdditiveAttention": "attention",
    "CRF": "crf",
    "Conv1d": "convolution",
    "Embedding": "embedding",
    "GRU": "recurrent",
    "LSTM": "recurrent",
    "LearntPosition": "position",
    "MinGRU": "minimal",
    "MinLSTM": "minimal",
    "MultiHeadAttention": "multi_head",
    "MultiplicativeAttention": "attention",
    "RNN": "recurrent",
    "RotaryPosition": "position",
    "Sequential": "sequential",
    "SinusoidalPosition": "position",
    "TCN": "convolution",
    "TransformerDecoder": "transformer",
    "TransformerEncoder": "transformer",
    "trace": "traces",
}

__all__ = [*_HOME]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
