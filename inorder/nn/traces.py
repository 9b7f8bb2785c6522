"""What a trained recurrent layer did at every step: its gates, cells and states, taken from a layer as it is.

    trace(layer, x).arrays["forget_gate"]        (layers, directions, batch, time, hidden)

Works for the layers of `inorder.nn.recurrent` and `inorder.nn.minimal`, and for a plain `torch.nn.RNN`, `LSTM` or `GRU`, whose parameters are used in
place. The fast path keeps every gate for the gradient anyhow, so that a trace costs little more than a forward pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError, unknown
from inorder.kernels.linear_scan import gates_of
from inorder.nn.checking import check_axes, check_kind, valid_steps, zero_padding
from inorder.nn.directions import joined
from inorder.nn.fused import gates_over
from inorder.nn.minimal import Minimal
from inorder.nn.recurrent import GRU, LSTM, RNN, LSTMState
from inorder.nn.recurrent_stack import RecurrentStack
from inorder.nn.rows import Rows

AXES = ("layer", "direction", "batch", "time", "hidden")


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """arrays: name -> numbers.   axes: name -> what each axis counts.   lengths: (batch,) real steps; zeros beyond.

    An LSTM has input_gate, forget_gate, candidate, output_gate and cell, a GRU reset_gate, update_gate and candidate, a MinLSTM and a MinGRU these but for
    output_gate, cell and reset_gate; all have hidden, the state h of each layer and direction, and output, what left the last layer.
    A trace is read as a dictionary of its arrays: `found["cell"]`, `for name in found`, `dict(found)`.
    """

    arrays: Mapping[str, NDArray[Any]]
    axes: Mapping[str, tuple[str, ...]]
    lengths: NDArray[np.int64]

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.arrays:
            raise unknown("array", name, self.arrays)
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def __len__(self) -> int:
        return len(self.arrays)

    def keys(self) -> Iterable[str]:
        """The names of the arrays."""
        return self.arrays.keys()

    def __str__(self) -> str:
        return "\n".join(
            f"{name:<14}{' × '.join(f'{size} {axis}' for size, axis in zip(self.arrays[name].shape, self.axes[name], strict=True))}" for name in self
        )

    __repr__ = __str__

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

    layer: RNN, LSTM or GRU of this package or of torch, MinGRU or MinLSTM.   x: (batch, time, inputs), as everywhere in this
    package, also for a layer of torch with batch_first=False, which itself takes (time, batch, inputs).   lengths: (batch,), None = all real.
    state: where to begin, in the form of that layer; None = its own beginning.
    Raises ConfigError for another kind of layer.

    >>> found = trace(torch.nn.GRU(3, 4, num_layers=2, batch_first=True), torch.ones(1, 6, 3))
    >>> sorted(found.arrays), found["update_gate"].shape
    (['candidate', 'hidden', 'output', 'reset_gate', 'update_gate'], (2, 1, 1, 6, 4))
    """
    own = layer if isinstance(layer, RecurrentStack | Minimal) else adopted(layer)
    training = own.training
    own.eval()
    try:
        with torch.no_grad():
            return _trace_minimal(own, x, lengths, state) if isinstance(own, Minimal) else _trace(own, x, lengths, state)
    finally:
        own.train(training)


def _trace(layer: RecurrentStack, x: Tensor, lengths: Tensor | None, state: Any) -> Trace:
    check_axes(x, "batch time inputs", layer.inputs)
    check_kind(x, layer.weight_hh_l0)
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
    return _told(seen, rows.padded(values), layer.layers, rows.lengths)


def _trace_minimal(layer: Minimal, x: Tensor, lengths: Tensor | None, state: Tensor | None) -> Trace:
    seen: dict[str, list[Tensor]] = {}

    def see(pre: Tensor, output: Tensor) -> None:
        valid = valid_steps(lengths, *pre.shape[:2])
        for name, numbers in {**gates_of(pre, cell=layer.cell, positive=layer.positive), "hidden": output}.items():
            seen.setdefault(name, []).append(zero_padding(numbers, valid))

    output, _ = layer._run(x, lengths, state, see)
    return _told(seen, output, layer.layers, torch.full((x.shape[0],), x.shape[1]) if lengths is None else lengths)


def _told(seen: Mapping[str, list[Tensor]], output: Tensor, layers: int, lengths: Tensor) -> Trace:
    """seen: name -> (batch, time, hidden) of each layer and direction."""
    arrays = {name: _numbers(torch.stack(parts).unflatten(0, (layers, -1))) for name, parts in seen.items()}  # type: ignore[no-untyped-call]
    axes = dict.fromkeys(arrays, AXES) | {"output": ("batch", "time", "output")}
    return Trace({**arrays, "output": _numbers(output)}, axes, lengths.cpu().to(torch.int64).numpy())


def _numbers(tensor: Tensor) -> NDArray[Any]:
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()  # NumPy has no bfloat16


def adopted(layer: nn.Module) -> RecurrentStack:
    """A layer of this package around the parameters of a `torch.nn.RNN`, `LSTM` or `GRU`: nothing is copied.   Raises ConfigError for another layer."""
    kinds: dict[type[nn.Module], type[RecurrentStack]] = {nn.LSTM: LSTM, nn.GRU: GRU, nn.RNN: RNN}
    kind = next((ours for theirs, ours in kinds.items() if isinstance(layer, theirs)), None)
    if kind is None or not isinstance(layer, nn.RNNBase):
        raise ConfigError(f"A trace is taken of an RNN, LSTM or GRU, of this package or of torch, of a MinGRU or a MinLSTM; this is a {type(layer).__name__}.")
    options: dict[str, Any] = {"bias": layer.bias, "dropout": layer.dropout, "bidirectional": layer.bidirectional, "device": "meta"}
    if isinstance(layer, nn.LSTM) and layer.proj_size:
        options["projection"] = layer.proj_size
    if isinstance(layer, nn.RNN):
        options["activation"] = layer.nonlinearity
    own = kind(layer.input_size, layer.hidden_size, layer.num_layers, **options)
    own.load_state_dict(layer.state_dict(keep_vars=True), assign=True)
    return own
