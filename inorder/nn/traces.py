"""What a trained recurrent layer did at every step: its gates, cells and states, taken from a layer as it is.

    trace(layer, x).arrays["forget_gate"]        (layers, directions, batch, time, hidden)

Works for the layers of `inorder.nn.recurrent` and for a plain `torch.nn.RNN`, `LSTM` or `GRU`, whose parameters are used in place. The fast path
keeps every gate for the gradient anyhow, so that a trace costs little more than a forward pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError
from inorder.nn.checking import check_axes
from inorder.nn.directions import joined
from inorder.nn.fused import gates_over
from inorder.nn.recurrent import GRU, LSTM, RNN, LSTMState
from inorder.nn.recurrent_stack import RecurrentStack
from inorder.nn.rows import Rows

AXES = ("layer", "direction", "batch", "time", "hidden")


@dataclass(frozen=True, eq=False)
class Trace:
    """arrays: name -> numbers.   axes: name -> what each axis counts.   lengths: (batch,) real steps; zeros beyond.

    An LSTM has input_gate, forget_gate, candidate, output_gate and cell, a GRU reset_gate, update_gate and candidate; all have hidden, the state h
    of each layer and direction, and output, what left the last layer.
    """

    arrays: Mapping[str, NDArray[Any]]
    axes: Mapping[str, tuple[str, ...]]
    lengths: NDArray[np.int64]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]

    def save(self, path: str | Path) -> Path:
        """Write it to a file: .npz, or .json with nested lists. The file is written whole or not at all."""
        path = Path(path)
        if path.suffix not in (".npz", ".json"):
            raise ConfigError(f'A trace is saved as .npz or .json, not as "{path.name}".')
        hidden = path.with_name(f".{path.name}.part")
        try:
            with hidden.open("wb") as file:
                if path.suffix == ".npz":
                    named: dict[str, Any] = {**self.arrays, "lengths": self.lengths}
                    np.savez_compressed(file, **named)
                else:
                    parts = {name: {"axes": self.axes[name], "values": values.tolist()} for name, values in self.arrays.items()}
                    file.write(json.dumps({"lengths": self.lengths.tolist(), "arrays": parts}).encode())
            hidden.replace(path)
        finally:
            hidden.unlink(missing_ok=True)
        return path


def trace(layer: nn.Module, x: Tensor, lengths: Tensor | None = None, state: Any = None) -> Trace:
    """Every gate and state of a recurrent layer along these sequences, in evaluation mode; the layer is left as it was.

    layer: RNN, LSTM or GRU of this package or of torch.   x: (batch, time, inputs), whatever `batch_first` says.   lengths: (batch,), None = all real.
    state: where to begin, in the form of that layer; None = its own beginning.
    Raises ConfigError for another kind of layer.

    >>> found = trace(torch.nn.GRU(3, 4, num_layers=2, batch_first=True), torch.ones(1, 6, 3))
    >>> sorted(found.arrays), found["update_gate"].shape
    (['candidate', 'hidden', 'output', 'reset_gate', 'update_gate'], (2, 1, 1, 6, 4))
    """
    own = layer if isinstance(layer, RecurrentStack) else adopted(layer)
    training = own.training
    own.eval()
    try:
        with torch.no_grad():
            return _trace(own, x, lengths, state)
    finally:
        own.train(training)


def _trace(layer: RecurrentStack, x: Tensor, lengths: Tensor | None, state: Any) -> Trace:
    check_axes(x, "batch time inputs", layer.inputs)
    if layer.cells and isinstance(state, tuple):
        state = LSTMState(*state)
    before = layer._split(state, x.shape[0])
    rows = Rows.of(x, lengths)
    values = rows.take(x)
    seen: dict[str, list[Tensor]] = {}
    for k in range(layer.layers):
        entering, found = values, []
        for d in range(layer.directions):
            begin = tuple(part[k * layer.directions + d] for part in before)
            pre = functional.linear(entering, *layer._inputs(k, d))
            output, _, gates = gates_over(pre, rows.starts, rows.lengths, begin, layer._cell(k, d, None), d == 1)
            found.append(output)
            for name, numbers in {**gates, "hidden": output}.items():
                seen.setdefault(name, []).append(rows.padded(numbers))
        values = joined(found, layer.joined)
        values = values + entering if layer.residual and values.shape == entering.shape else values
    shape = (layer.layers, layer.directions)
    arrays = {name: torch.stack(parts).unflatten(0, shape).cpu().numpy() for name, parts in seen.items()}  # type: ignore[no-untyped-call]
    arrays["output"] = rows.padded(values).cpu().numpy()
    axes = {name: AXES if name != "output" else ("batch", "time", "output") for name in arrays}
    return Trace(arrays, axes, rows.lengths.cpu().numpy())


def adopted(layer: nn.Module) -> RecurrentStack:
    """A layer of this package around the parameters of a `torch.nn.RNN`, `LSTM` or `GRU`: nothing is copied.   Raises ConfigError for another layer."""
    kinds: dict[type[nn.Module], type[RecurrentStack]] = {nn.LSTM: LSTM, nn.GRU: GRU, nn.RNN: RNN}
    kind = next((ours for theirs, ours in kinds.items() if isinstance(layer, theirs)), None)
    if kind is None or not isinstance(layer, nn.RNNBase):
        raise ConfigError(f"A trace is taken of an RNN, LSTM or GRU, of this package or of torch; this is a {type(layer).__name__}.")
    options: dict[str, Any] = {"bias": layer.bias, "dropout": layer.dropout, "bidirectional": layer.bidirectional, "device": "meta"}
    if isinstance(layer, nn.LSTM) and layer.proj_size:
        options["projection"] = layer.proj_size
    if isinstance(layer, nn.RNN):
        options["activation"] = layer.nonlinearity
    own = kind(layer.input_size, layer.hidden_size, layer.num_layers, **options)
    own.load_state_dict(layer.state_dict(keep_vars=True), assign=True)
    return own
