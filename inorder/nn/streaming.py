"""One observation after the other through a recurrent layer: weights packed once, the state kept inside, a step in microseconds.

    stream = layer.stream();  output = stream.step(x)          x (inputs,), output (output,), NumPy arrays of float32

The compiled form takes plain layers (what torch's own have) in float32; others, and installations without the kernels, take the `step` of a copy of
the layer. The weights are those at the time when the stream was made: after more training, make another.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from inorder.errors import ShapeError
from inorder.kernels import extension
from inorder.nn.recurrent_stack import RecurrentStack

if TYPE_CHECKING:
    from inorder.nn.minimal import Minimal

CODES = {"lstm": 0, "gru": 1, "tanh": 2, "relu": 3}  # of src/kernels/recurrent.cpp

Line = NDArray[np.float32]


class Stream:
    """A recurrent layer over one sequence that has no end.   Raises ConfigError for a layer that runs in both directions.

    >>> from inorder.nn.recurrent import GRU
    >>> stream = GRU(2, 3).stream()
    >>> stream.step(np.zeros(2, dtype=np.float32)).shape
    (3,)
    """

    def __init__(self, layer: RecurrentStack | Minimal) -> None:
        layer.check_causal("be streamed")
        self._outputs = layer.hidden
        self._compiled: Any = _packed(layer) if isinstance(layer, RecurrentStack) else None
        self.layer: Any = layer if self._compiled is not None else copy.deepcopy(layer).eval().requires_grad_(False)
        self._state: Any = None
        self.state = layer.init(1)

    def step(self, x: NDArray[Any]) -> Line:
        """(output,) after one more observation.   x: (inputs,).   Raises ShapeError where it has another shape."""
        if self._compiled is not None:
            output = np.empty(self._outputs, np.float32)
            try:
                self._compiled.step(x, output)
                return output
            except TypeError:  # another kind of numbers, or another shape
                self._check(x)
                self._compiled.step(np.ascontiguousarray(x, dtype=np.float32), output)
                return output
        self._check(x)
        return self._slowly(x)

    def _check(self, x: NDArray[Any]) -> None:
        if np.shape(x) != (self.layer.inputs,):
            raise ShapeError(f"A step takes {self.layer.inputs} numbers, (inputs,); these have the shape {np.shape(x)}.")

    def _slowly(self, x: NDArray[Any]) -> Line:
        like = next(self.layer.parameters())
        with torch.no_grad():
            output, self._state = self.layer.step(torch.as_tensor(x, dtype=like.dtype, device=like.device)[None], self._state)
        return np.asarray(output[0].cpu().numpy(), dtype=np.float32)

    @property
    def state(self) -> Any:
        """The state after what was seen, in the form of the layer's, batch 1; it can be set."""
        if self._compiled is None:
            return self._state
        parts = [np.empty((self.layer.layers, self.layer.hidden), dtype=np.float32) for _ in range(2)]
        for k in range(self.layer.layers):
            self._compiled.get(k, parts[0][k], parts[1][k])
        return self.layer._join(*(torch.from_numpy(part)[:, None] for part in parts[: 2 if self.layer.cells else 1]))

    @state.setter
    def state(self, state: Any) -> None:
        parts = self.layer._split(state, 1)
        if self._compiled is None:
            self._state = state
            return
        lines = [part.detach().cpu().to(torch.float32).contiguous()[:, 0].numpy() for part in parts]
        for k in range(self.layer.layers):
            self._compiled.set(k, np.ascontiguousarray(lines[0][k]), np.ascontiguousarray(lines[-1][k]))


def _packed(layer: RecurrentStack) -> Any:
    """The compiled stream of a plain layer; None where there is none for it."""
    like = layer.weight_hh_l0
    if extension is None or not layer.plain or layer.residual or layer.units != layer.hidden or like.dtype != torch.float32:
        return None
    compiled = extension.Stream(CODES[layer.kind])
    zeros = like.new_zeros(layer.gates * layer.hidden)
    for k in range(layer.layers):
        parts = [layer._parameter(name, k, 0) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        compiled.add(*((zeros if part is None else part).detach().cpu().contiguous().numpy() for part in parts))
    return compiled
