"""Recurrent layers: a state carried along the sequence, the same weights at every step.

    stateₜ = step(xₜ, stateₜ₋₁)            LSTM: the state is the pair (h, c)

`layer(x, lengths, state)` runs a whole padded batch, `layer.step(x, state)` one step, `layer.trace(x, lengths)` a batch with every gate on the
way, `layer.stream()` one observation after the other; all give the same numbers. Sequences shorter than the batch need no packing:
steps beyond a length are left out, and outputs there are zero. The equations, and those of the options, stand in `inorder.nn.cells`.

Sources: Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014; forget gate: Gers, Schmidhuber & Cummins 2000; its bias of 1: Jozefowicz, Zaremba &
Sutskever 2015; orthogonal recurrent weights: Saxe, McClelland & Ganguli 2014; input weights: Glorot & Bengio 2010.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError, ShapeError
from inorder.nn import delegated
from inorder.nn.cells import Cell, State, step
from inorder.nn.fused import cell_over
from inorder.nn.rows import Rows

if TYPE_CHECKING:
    from inorder.nn.streaming import Stream
    from inorder.nn.trace import Trace

MERGES = ("concatenate", "sum", "average")


class LSTMState(NamedTuple):
    """hidden h: (layers · directions, batch, output).   cell c: (layers · directions, batch, hidden)."""

    hidden: Tensor
    cell: Tensor


class _Recurrent(nn.Module):
    """What RNN, LSTM and GRU share: parameters, stacks, directions, masks."""

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
        for key, value in {"inputs": inputs, "hidden": hidden, "layers": layers, **({} if output is None else {"projection": output})}.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"`{key}` is a whole number, 1 or more, not {value!r}.")
        for key, share in {"dropout": dropout, "recurrent_dropout": recurrent_dropout, "zoneout": zoneout}.items():
            check_share(key, share)
        if isinstance(bidirectional, str) and bidirectional not in MERGES:
            raise ConfigError(f"`bidirectional` is True, False or how directions are joined: {', '.join(MERGES)}; not {bidirectional!r}.")
        self.inputs, self.hidden, self.layers, self.dropout = inputs, hidden, layers, dropout
        self.merge = "concatenate" if bidirectional is True else bidirectional or None
        self.directions = 1 if self.merge is None else 2
        self.bias, self.residual, self.layer_norm = bias and not layer_norm, residual, layer_norm
        self.recurrent_dropout, self.zoneout = recurrent_dropout, zoneout
        self.units = output or hidden  # of the state h in one direction
        self.output = 2 * self.units if self.merge == "concatenate" else self.units
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
        parts = tuple(state) if self.cells else (state,)
        for name, values, size in zip(("hidden", "cell"), parts, (self.units, self.hidden), strict=False):
            expected = (self.layers * self.directions, batch, size)
            if tuple(values.shape) != expected:
                raise ShapeError(f"The {name} state has the shape {tuple(values.shape)}; (layers · directions, batch, units) = {expected} was expected.")
        return parts

    # --- the whole sequence ---

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Any = None) -> tuple[Tensor, Any]:
        """Run over a whole batch.

        x: (batch, time, inputs).   lengths: (batch,) real steps of each sequence, 0 allowed, on any device; None = all.
        state: where to begin; None = zeros, or what was learnt.
        Returns output (batch, time, output), zero beyond the lengths, and the state after the last real step of each sequence.
        Raises ShapeError where shapes do not fit.
        """
        self._check(x, ("batch", "time", "features"))
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
            values = _merged(found, self.merge)
            values = values + entering if self.residual and values.shape == entering.shape else values
        return rows.padded(values), self._join(*(torch.stack(part) for part in zip(*ends, strict=True)))

    def _direction(self, k: int, d: int, x: Tensor, rows: Rows, state: State) -> tuple[Tensor, State]:
        """One layer in one direction: (rows, units) and its last state."""
        cell = self._cell(k, d, rows)
        weights = self._inputs(k, d)
        if delegated.can(self, x, rows):
            return delegated.run(cell, *weights, x, rows, state, reverse=d == 1)
        return cell_over(functional.linear(x, *weights), rows.starts, rows.lengths, state, cell, d == 1)

    def _parameter(self, part: str, k: int, d: int) -> Tensor | None:
        return getattr(self, f"{part}_l{k}{'_reverse' if d else ''}", None)

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
        self._check(x, ("batch", "features"))
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
        """Every gate and state along the sequences; see `inorder.nn.trace.trace`."""
        from inorder.nn.trace import trace

        return trace(self, x, lengths, state)

    def stream(self) -> Stream:
        """One observation after the other, for one sequence; see `inorder.nn.streaming.Stream`."""
        from inorder.nn.streaming import Stream

        return Stream(self)

    @property
    def plain(self) -> bool:
        """No option that torch's own layers do not have."""
        return not (self.layer_norm or self.recurrent_dropout or self.zoneout)

    def extra_repr(self) -> str:
        told = {"bias": (self.bias, not self.layer_norm), "dropout": (self.dropout, 0), "bidirectional": (self.merge, None), "residual": (self.residual, False)}
        told |= {"layer_norm": (self.layer_norm, False), "recurrent_dropout": (self.recurrent_dropout, 0), "zoneout": (self.zoneout, 0)}
        told |= {"learn_initial_state": (self.learn_initial_state, False), **self._told()}
        return ", ".join(
            [f"{self.inputs}, {self.hidden}, layers={self.layers}", *(f"{name}={value!r}" for name, (value, usual) in told.items() if value != usual)]
        )

    def _told(self) -> dict[str, tuple[Any, Any]]:
        return {}

    def _check(self, x: Tensor, names: tuple[str, ...]) -> None:
        if x.ndim != len(names):
            raise ShapeError(f"`x` has the axes ({', '.join(names)}); this one has the shape {tuple(x.shape)}.")
        if x.shape[-1] != self.inputs:
            raise ShapeError(f"`x` has {x.shape[-1]} features on axis {len(names) - 1}, but the layer takes {self.inputs}.")


class RNN(_Recurrent):
    """A plain recurrent layer, or a stack.

        h ← tanh(W·x + b + U·h + c)            or relu

    inputs, hidden: features per step and units per layer.   activation: "tanh" or "relu".   bias: two of them, as PyTorch has.
    dropout: share of the values between layers set to zero in training; between layers, never between time steps.
    bidirectional: True or "concatenate", "sum", "average": a second recurrence from the end, and how both are joined.
    residual: each layer adds its inputs where they are as many as its outputs.   layer_norm: of the summed inputs, in place of biases.
    recurrent_dropout: share of the state dropped on its way into the product, one mask a sequence.   zoneout: share of units that keep their old value.
    learn_initial_state: the state before the first step is a parameter.   device, dtype: as in torch.
    Parameters are named as in `torch.nn.RNN`: state dicts load here and there.   Raises ConfigError for settings out of range.
    Source: Elman 1990.

    >>> output, h = RNN(3, 5)(torch.ones(2, 7, 3), lengths=torch.tensor([7, 2]))
    >>> tuple(output.shape), tuple(h.shape), bool(output[1, 2:].any())
    ((2, 7, 5), (1, 2, 5), False)
    """

    gates = 1

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        *,
        activation: str = "tanh",
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool | str = False,
        residual: bool = False,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        learn_initial_state: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if activation not in ("tanh", "relu"):
            raise ConfigError(f'`activation` is "tanh" or "relu", not {activation!r}.')
        self.kind = activation
        super().__init__(
            inputs,
            hidden,
            layers,
            bias=bias,
            dropout=dropout,
            bidirectional=bidirectional,
            residual=residual,
            layer_norm=layer_norm,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            learn_initial_state=learn_initial_state,
            device=device,
            dtype=dtype,
        )

    def _told(self) -> dict[str, tuple[Any, Any]]:
        return {"activation": (self.kind, "tanh")}


class GRU(_Recurrent):
    """Gated recurrent unit, one layer or a stack.

        r = σ(Wr·x + br + Ur·h + cr)            how much of the past the candidate may use
        z = σ(Wz·x + bz + Uz·h + cz)            how much of the past stays
        n = tanh(Wn·x + bn + r ⊙ (Un·h + cn))   what is new
        h ← (1 − z) ⊙ n + z ⊙ h

    reset_after: as above, what PyTorch and cuDNN compute; False: n = tanh(Wn·x + bn + Un·(r ⊙ h) + cn), Cho et al. 2014.
    The other options are those of `RNN`. Gates are stacked in the order r, z, n and parameters named as in `torch.nn.GRU`.
    Source: Cho et al. 2014, eq. 5–8.

    >>> output, h = GRU(3, 5, layers=2, bidirectional="sum", layer_norm=True)(torch.ones(2, 7, 3))
    >>> tuple(output.shape), tuple(h.shape)
    ((2, 7, 5), (4, 2, 5))
    """

    kind, gates = "gru", 3

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        *,
        reset_after: bool = True,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool | str = False,
        residual: bool = False,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        learn_initial_state: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.reset_after = reset_after
        super().__init__(
            inputs,
            hidden,
            layers,
            bias=bias,
            dropout=dropout,
            bidirectional=bidirectional,
            residual=residual,
            layer_norm=layer_norm,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            learn_initial_state=learn_initial_state,
            device=device,
            dtype=dtype,
        )

    def _inputs(self, k: int, d: int) -> tuple[Tensor, Tensor | None]:
        weight, bias = super()._inputs(k, d)
        if bias is None or not self.reset_after:
            return weight, bias
        first = self._parameter("bias_ih", k, d)  # that of the candidate's product stays with the product
        assert first is not None
        return weight, torch.cat([bias[: 2 * self.hidden], first[2 * self.hidden :]])

    def _options(self, k: int, d: int, rows: Rows | None) -> dict[str, Any]:
        bias = self._parameter("bias_hh", k, d)
        return {"reset_after": self.reset_after, "bias": bias[2 * self.hidden :] if bias is not None and self.reset_after else None}

    @property
    def plain(self) -> bool:
        return super().plain and self.reset_after

    def _told(self) -> dict[str, tuple[Any, Any]]:
        return {"reset_after": (self.reset_after, True)}


class LSTM(_Recurrent):
    """Long short-term memory, one layer or a stack.

        i = σ(Wi·x + Ui·h + bi)        what to admit
        f = σ(Wf·x + Uf·h + bf)        what to keep of the old cell
        g = tanh(Wg·x + Ug·h + bg)     what is new
        o = σ(Wo·x + Uo·h + bo)        what to show
        c ← f ⊙ c + i ⊙ g
        h ← o ⊙ tanh(c)

    forget_bias: bf at the start; 1 lets gradients through from the first step of training.   peepholes: the gates see the cell.
    projection: h has that many units, by a matrix.   coupled_gates: i = 1 − f.   cell_zoneout: zoneout of the cell; None = that of h.
    The other options are those of `RNN`; with `layer_norm` the cell is normalised too before it is shown.
    Gates are stacked in the order i, f, g, o (coupled: f, g, o) and parameters named as in `torch.nn.LSTM`, so that state dicts load here and there.
    Source: Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000.

    >>> layer = LSTM(3, 5, layers=2)
    >>> output, state = layer(torch.ones(4, 7, 3), lengths=torch.tensor([7, 5, 1, 0]))
    >>> tuple(output.shape), tuple(state.cell.shape), bool(output[1, 5:].any())
    ((4, 7, 5), (2, 4, 5), False)
    """

    kind, cells = "lstm", True

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        *,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool | str = False,
        residual: bool = False,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        cell_zoneout: float | None = None,
        peepholes: bool = False,
        projection: int | None = None,
        coupled_gates: bool = False,
        forget_bias: float = 1.0,
        learn_initial_state: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.gates = 3 if coupled_gates else 4
        self.cell_zoneout = zoneout if cell_zoneout is None else cell_zoneout
        if cell_zoneout is not None:
            check_share("cell_zoneout", cell_zoneout)
        self.peepholes, self.projection, self.coupled_gates, self.forget_bias = peepholes, projection, coupled_gates, forget_bias
        self._shapes: dict[str, tuple[int, ...]] = {
            **({"weight_hr": (projection, hidden)} if projection is not None else {}),
            **({"peepholes": (self.gates - 1, hidden)} if peepholes else {}),
            **({"cell_norm_scale": (hidden,), "cell_norm_shift": (hidden,)} if layer_norm else {}),
        }
        super().__init__(
            inputs,
            hidden,
            layers,
            bias=bias,
            dropout=dropout,
            bidirectional=bidirectional,
            residual=residual,
            layer_norm=layer_norm,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            learn_initial_state=learn_initial_state,
            output=projection,
            device=device,
            dtype=dtype,
        )

    def _own_parameters(self) -> dict[str, tuple[int, ...]]:
        return self._shapes

    def reset_parameters(self) -> None:
        """As the other layers; the bias (with layer norm the shift) of the forget gate as given."""
        super().reset_parameters()
        begin = 0 if self.coupled_gates else self.hidden
        with torch.no_grad():
            for name, values in self.named_parameters():
                if name.startswith(("bias_ih", "norm_shift")):
                    values[begin : begin + self.hidden] = self.forget_bias

    def _join(self, *parts: Tensor) -> LSTMState:
        return LSTMState(*parts)

    def _options(self, k: int, d: int, rows: Rows | None) -> dict[str, Any]:
        weight = self._parameter("weight_hh", k, d)
        assert weight is not None
        hold = torch.bernoulli(weight.new_full((rows.count, self.hidden), self.cell_zoneout)) if rows is not None and self.cell_zoneout else None
        return {
            "projection": self._parameter("weight_hr", k, d),
            "peepholes": self._parameter("peepholes", k, d),
            "cell_scale": self._parameter("cell_norm_scale", k, d),
            "cell_shift": self._parameter("cell_norm_shift", k, d),
            "hold_cell": hold,
            "hold_cell_always": 0.0 if self.training else self.cell_zoneout,
            "coupled": self.coupled_gates,
        }

    def _holds(self) -> bool:
        return self.zoneout > 0 or self.cell_zoneout > 0

    @property
    def plain(self) -> bool:
        return super().plain and not (self.peepholes or self.coupled_gates or self.cell_zoneout)

    def _told(self) -> dict[str, tuple[Any, Any]]:
        return {
            "cell_zoneout": (self.cell_zoneout, self.zoneout),
            "peepholes": (self.peepholes, False),
            "projection": (self.projection, None),
            "coupled_gates": (self.coupled_gates, False),
            "forget_bias": (self.forget_bias, 1.0),
        }


def check_share(name: str, value: float) -> None:
    """Raises ConfigError unless it is a number from 0 up to 1."""
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigError(f"`{name}` is a share from 0 up to 1, not {value!r}.")


def _merged(found: list[Tensor], merge: str | None) -> Tensor:
    if merge is None:
        return found[0]
    if merge == "concatenate":
        return torch.cat(found, -1)
    return found[0] + found[1] if merge == "sum" else (found[0] + found[1]) / 2
