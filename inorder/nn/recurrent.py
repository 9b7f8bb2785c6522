"""Recurrent layers: a state carried along the sequence, the same weights at every step.

    stateₜ = step(xₜ, stateₜ₋₁)            LSTM: the state is the pair (h, c)

`layer(x, lengths, state)` runs a whole padded batch, `layer.step(x, state)` one step, `layer.trace(x, lengths)` a batch with every gate on the
way, `layer.stream()` one observation after the other; all give the same numbers. Sequences shorter than the batch need no packing:
steps beyond a length are left out, and outputs there are zero. The equations, and those of the options, stand in `inorder.nn.cells`.

Sources: Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014; forget gate: Gers, Schmidhuber & Cummins 2000; its bias of 1: Jozefowicz, Zaremba &
Sutskever 2015.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from inorder.errors import ConfigError
from inorder.nn.checking import check_flags, check_number, check_share
from inorder.nn.recurrent_stack import RecurrentStack
from inorder.nn.rows import Rows


class LSTMState(NamedTuple):
    """hidden h: (layers · directions, batch, output).   cell c: (layers · directions, batch, hidden)."""

    hidden: Tensor
    cell: Tensor


class RNN(RecurrentStack):
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


class GRU(RecurrentStack):
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
        check_flags(reset_after=reset_after)
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


class LSTM(RecurrentStack):
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
        check_flags(peepholes=peepholes, coupled_gates=coupled_gates)
        check_number(forget_bias=forget_bias)
        if forget_bias != 1 and not (bias or layer_norm):
            raise ConfigError(f"`forget_bias` is where a bias begins, and bias=False: forget_bias={forget_bias:g} would have no effect.")
        self.gates = 3 if coupled_gates else 4
        self.cell_zoneout = zoneout if cell_zoneout is None else cell_zoneout
        if cell_zoneout is not None:
            check_share(cell_zoneout=cell_zoneout)
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
