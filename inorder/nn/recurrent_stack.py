"""Stacks of recurrent layers: parameters, directions, masks, whole batches and single steps, for whatever cell.

    values ← inputs;  for each layer:  values ← joined(cell forwards over values, cell backwards over values)  (+ values)

The cells are those of `inorder.nn.cells`; RNN, GRU and LSTM in `inorder.nn.recurrent` say which, and what is particular to each.

Sources: orthogonal recurrent weights: Saxe, McClelland & Ganguli 2014; input weights: Glorot & Bengio 2010; two directions: Schuster & Paliwal 1997.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError, ShapeError
from inorder.nn import delegated
from inorder.nn.cells import Cell, State, step
from inorder.nn.checking import check_axes, check_dropout, check_flags, check_kind, check_share, check_whole
from inorder.nn.directions import how_joined, joined
from inorder.nn.fused import cell_over
from inorder.nn.rows import Rows

if TYPE_CHECKING:
    from inorder.nn.streaming import Stream
    from inorder.nn.traces import Trace


class RecurrentStack(nn.Module):
    """Layers above each other, each in one direction or two. A cell of its own gives `kind`, `gates` and what only it has."""

    kind: str
    gates: int
    cells: bool = False  # the state has a second part
    weight_hh_l0: Tensor
    initial_hidden: Tensor
    initial_cell: Tensor

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int,
        *,
        bias: bool,
        dropout: float,
        bidirectional: bool | str,
        residual: bool,
        layer_norm: bool,
        recurrent_dropout: float,
        zoneout: float,
        learn_initial_state: bool,
        output: int | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_whole(
            f"a recurrent layer ({type(self).__name__})", inputs=inputs, hidden=hidden, layers=layers, **({} if output is None else {"projection": output})
        )
        check_dropout(dropout, layers)
        check_share(recurrent_dropout=recurrent_dropout, zoneout=zoneout)
        check_flags(bias=bias, residual=residual, layer_norm=layer_norm, learn_initial_state=learn_initial_state)
        self.inputs, self.hidden, self.layers, self.dropout = inputs, hidden, layers, dropout
        self.joined = how_joined(bidirectional)
        self.directions = 1 if self.joined is None else 2
        self.bias, self.residual, self.layer_norm = bias and not layer_norm, residual, layer_norm
        self.recurrent_dropout, self.zoneout = recurrent_dropout, zoneout
        self.units = output or hidden  # of the state h in one direction
        self.output = 2 * self.units if self.joined == "concatenate" else self.units
        like: dict[str, Any] = {"device": device, "dtype": dtype}

        def parameter(name: str, *shape: int) -> None:
            self.register_parameter(name, nn.Parameter(torch.empty(shape, **like)))

        wide = self.gates * hidden
        for k in range(layers):
            for suffix in ("", "_reverse")[: self.directions]:
                parameter(f"weight_ih_l{k}{suffix}", wide, inputs if k == 0 else self.output)
                parameter(f"weight_hh_l{k}{suffix}", wide, self.units)
                for part in ("bias_ih", "bias_hh") if self.bias else ():
                    parameter(f"{part}_l{k}{suffix}", wide)
                for part in ("norm_scale", "norm_shift") if layer_norm else ():
                    parameter(f"{part}_l{k}{suffix}", wide)
                for part, shape in self._own_parameters().items():
                    parameter(f"{part}_l{k}{suffix}", *shape)
        self.learn_initial_state = learn_initial_state
        if learn_initial_state:
            parameter("initial_hidden", layers * self.directions, self.units)
            if self.cells:
                parameter("initial_cell", layers * self.directions, hidden)
        self._names = frozenset(name for name, _ in self.named_parameters())
        self.reset_parameters()

    def _own_parameters(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what this cell alone has, for each layer and direction."""
        return {}

    def reset_parameters(self) -> None:
        """Draw new weights: orthogonal for the recurrence, Xavier for the inputs, gate by gate; scales 1, biases, shifts and first states 0."""
        with torch.no_grad():
            for name, values in self.named_parameters():
                if name.startswith(("weight_ih", "weight_hh")):
                    draw = nn.init.xavier_uniform_ if name.startswith("weight_ih") else nn.init.orthogonal_
                    for gate in values.chunk(self.gates):
                        draw(gate)
                elif name.startswith("weight_hr"):
                    nn.init.xavier_uniform_(values)
                elif "scale" in name:
                    nn.init.ones_(values)
                else:
                    nn.init.zeros_(values)

    # --- the state ---

    def init(self, batch: int) -> Any:
        """The state before the first step: zeros, or what was learnt."""
        return self._join(*self._first(batch))

    def _first(self, batch: int) -> State:
        like, count = self.weight_hh_l0, self.layers * self.directions
        if not self.learn_initial_state:
            sizes = (self.units, self.hidden) if self.cells else (self.units,)
            return tuple(like.new_zeros(count, batch, size) for size in sizes)
        learnt = (self.initial_hidden, self.initial_cell) if self.cells else (self.initial_hidden,)
        return tuple(values[:, None].expand(-1, batch, -1) for values in learnt)

    def _join(self, *parts: Tensor) -> Any:
        return parts[0]

    def _split(self, state: Any, batch: int) -> State:
        if state is None:
            return self._first(batch)
        parts = tuple(state) if self.cells and isinstance(state, tuple) else (state,)
        names, sizes, like = ("hidden", "cell")[: 1 + self.cells], (self.units, self.hidden), self.weight_hh_l0
        if len(parts) != len(names) or not all(isinstance(part, Tensor) for part in parts):
            raise ShapeError(f"The state of {type(self).__name__} is {' and '.join(names)}, a tensor each; this is a {type(state).__name__}.")
        for name, values, size in zip(names, parts, sizes, strict=False):
            expected = (self.layers * self.directions, batch, size)
            if tuple(values.shape) != expected:
                raise ShapeError(f"The {name} state has the shape {tuple(values.shape)}; (layers · directions, batch, units) = {expected} was expected.")
            if values.device != like.device or not values.is_floating_point():
                raise ShapeError(f"The {name} state is {values.dtype} on {values.device}; the layer is {like.dtype} on {like.device}.")
        parts = tuple(values.to(like.dtype) for values in parts)
        return parts

    # --- the whole sequence ---

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Any = None) -> tuple[Tensor, Any]:
        """Run over a whole batch.

        x: (batch, time, inputs).   lengths: (batch,) real steps of each sequence, 0 allowed, on any device; None = all.
        state: where to begin; None = zeros, or what was learnt.
        Returns output (batch, time, output), zero beyond the lengths, and the state after the last real step of each sequence.
        Raises ShapeError where shapes do not fit.
        """
        check_axes(x, "batch time inputs", self.inputs)
        check_kind(x, self.weight_hh_l0)
        before = self._split(state, x.shape[0])
        rows = Rows.of(x, lengths)
        values, ends = rows.take(x), []
        for k in range(self.layers):
            entering = functional.dropout(values, self.dropout, self.training) if k else values
            found = []
            for d in range(self.directions):
                at = k * self.directions + d
                output, end = self._direction(k, d, entering, rows, tuple(part[at] for part in before))
                found.append(output)
                ends.append(end)
            values = joined(found, self.joined)
            values = values + entering if self.residual and values.shape == entering.shape else values
        return rows.padded(values), self._join(*(torch.stack(part) for part in zip(*ends, strict=True)))

    def _direction(self, k: int, d: int, x: Tensor, rows: Rows, state: State) -> tuple[Tensor, State]:
        """One layer in one direction: (rows, units) and its last state."""
        cell = self._cell(k, d, rows)
        weights = self._inputs(k, d)
        if delegated.can(self, x, rows):
            return delegated.run(cell, *weights, x, rows, state, reverse=d == 1)
        pre = functional.linear(x, *weights).to(cell.weight.dtype)  # mixed precision ends here: what is carried on over many steps stays exact
        return cell_over(pre, rows.starts, rows.lengths, state, cell, d == 1)

    def _parameter(self, part: str, k: int, d: int) -> Tensor | None:
        name = f"{part}_l{k}{'_reverse' if d else ''}"
        return getattr(self, name) if name in self._names else None  # torch takes long to say that there is none

    def _inputs(self, k: int, d: int) -> tuple[Tensor, Tensor | None]:
        """The weights and the bias of the product with the inputs: where only the sum of two biases matters it is taken here."""
        first, second = self._parameter("bias_ih", k, d), self._parameter("bias_hh", k, d)
        weight = self._parameter("weight_ih", k, d)
        assert weight is not None
        return weight, None if first is None or second is None else first + second

    def _cell(self, k: int, d: int, rows: Rows | None) -> Cell:
        """The cell of one layer in one direction, with masks for these rows; for a single step where there are none."""
        weight = self._parameter("weight_hh", k, d)
        assert weight is not None
        training = self.training and rows is not None
        drop = hold = None
        if training and self.recurrent_dropout:
            drop = functional.dropout(weight.new_ones(len(rows.lengths), self.units), self.recurrent_dropout)  # type: ignore[union-attr]
        if training and self.zoneout:
            hold = torch.bernoulli(weight.new_full((rows.count, self.units), self.zoneout))  # type: ignore[union-attr]
        return Cell(
            self.kind,
            weight,
            self._parameter("norm_scale", k, d),
            self._parameter("norm_shift", k, d),
            drop,
            hold,
            0.0 if self.training else self.zoneout,
            **self._options(k, d, rows if training else None),
        )

    def _options(self, k: int, d: int, rows: Rows | None) -> dict[str, Any]:
        """What this cell alone has; masks where there are rows."""
        return {}

    # --- one step ---

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One step.   x: (batch, inputs).   Returns output (batch, output) and the next state.

        Raises ConfigError for a layer that needs the future, and in training for masks that belong to a whole sequence.
        """
        check_axes(x, "batch inputs", self.inputs)
        check_kind(x, self.weight_hh_l0)
        self.check_causal("take one step")
        if self.training and (self.recurrent_dropout or self._holds()):
            raise ConfigError("Recurrent dropout and zoneout draw masks for whole sequences; take single steps in evaluation mode: layer.eval().")
        before = self._split(state, x.shape[0])
        ends = []
        for k in range(self.layers):
            entering = functional.dropout(x, self.dropout, self.training) if k else x
            end, _ = step(functional.linear(entering, *self._inputs(k, 0)), tuple(part[k] for part in before), self._cell(k, 0, None))
            ends.append(end)
            x = end[0] + entering if self.residual and end[0].shape == entering.shape else end[0]
        return x, self._join(*(torch.stack(part) for part in zip(*ends, strict=True)))

    def _holds(self) -> bool:
        return self.zoneout > 0

    def check_causal(self, what: str) -> None:
        """Raises ConfigError where the layer runs in both directions."""
        if self.directions == 2:
            raise ConfigError(f"A bidirectional {type(self).__name__} cannot {what}: its output at each step depends on all later inputs. Use one direction.")

    # --- views ---

    def trace(self, x: Tensor, lengths: Tensor | None = None, state: Any = None) -> Trace:
        """Every gate and state along the sequences; see `inorder.nn.traces.trace`."""
        from inorder.nn.traces import trace

        return trace(self, x, lengths, state)

    def stream(self) -> Stream:
        """One observation after the other, for one sequence, with the weights as they are now; see `inorder.nn.streaming.Stream`."""
        from inorder.nn.streaming import Stream

        return Stream(self)

    @property
    def plain(self) -> bool:
        """No option that torch's own layers do not have."""
        return not (self.layer_norm or self.recurrent_dropout or self.zoneout)

    def extra_repr(self) -> str:
        told = {
            "bias": (self.bias, not self.layer_norm),
            "dropout": (self.dropout, 0),
            "bidirectional": (self.joined, None),
            "residual": (self.residual, False),
        }
        told |= {"layer_norm": (self.layer_norm, False), "recurrent_dropout": (self.recurrent_dropout, 0), "zoneout": (self.zoneout, 0)}
        told |= {"learn_initial_state": (self.learn_initial_state, False), **self._told()}
        return ", ".join(
            [f"{self.inputs}, {self.hidden}, layers={self.layers}", *(f"{name}={value!r}" for name, (value, usual) in told.items() if value != usual)]
        )

    def _told(self) -> dict[str, tuple[Any, Any]]:
        return {}
