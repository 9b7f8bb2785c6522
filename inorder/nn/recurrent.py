"""Recurrent layers: a state carried along the sequence.

    stateₜ = step(xₜ, stateₜ₋₁)            LSTM: the state is the pair (h, c)

`layer(x, lengths, state)` runs a whole padded batch, `layer.step(x, state)` one step; both give the same numbers.
Sequences shorter than the batch need no packing: at a padded step the forget gate is held at 1 and the input gate at 0,
so the cell keeps its value to the end, and the outputs there are zero.

Sources: Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000; its bias of 1: Jozefowicz, Zaremba &
Sutskever 2015; orthogonal recurrent weights: Saxe, McClelland & Ganguli 2014; input weights: Glorot & Bengio 2010.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.data.batch import check_lengths, valid_mask
from inorder.errors import ConfigError, ShapeError

SHUT = 1e4  # added to a gate before the sigmoid: beyond ±1e4 it is exactly 0 or 1 in every precision


class LSTMState(NamedTuple):
    """hidden h, cell c: (layers, batch, hidden) both."""

    hidden: Tensor
    cell: Tensor


class LSTM(nn.Module):
    """Long short-term memory, one layer or a stack.

        i = σ(Wi·x + Ui·h + bi)        what to admit
        f = σ(Wf·x + Uf·h + bf)        what to keep of the old cell
        g = tanh(Wg·x + Ug·h + bg)     what is new
        o = σ(Wo·x + Uo·h + bo)        what to show
        c ← f ⊙ c + i ⊙ g
        h ← o ⊙ tanh(c)

    inputs, hidden: features per step and units per layer.   dropout: share of the values between layers set to zero in training; between
    layers, never between time steps.   forget_bias: bf at the start; 1 lets gradients through from the first step of training.
    Gates are stacked in the order i, f, g, o and the parameters named as in `torch.nn.LSTM`, so that its state dicts load here and these there.

    >>> layer = LSTM(3, 5, layers=2)
    >>> output, state = layer(torch.ones(4, 7, 3), lengths=torch.tensor([7, 5, 1, 0]))
    >>> tuple(output.shape), tuple(state.cell.shape), bool(output[1, 5:].any())
    ((4, 7, 5), (2, 4, 5), False)
    """

    def __init__(self, inputs: int, hidden: int, layers: int = 1, *, dropout: float = 0.0, forget_bias: float = 1.0) -> None:
        super().__init__()
        for name, value in {"inputs": inputs, "hidden": hidden, "layers": layers}.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"`{name}` of an LSTM is a whole number, 1 or more, not {value!r}.")
        if not 0 <= dropout < 1:
            raise ConfigError(f"`dropout` is a share from 0 up to 1, not {dropout!r}.")
        self.inputs, self.hidden, self.layers, self.dropout, self.forget_bias = inputs, hidden, layers, dropout, forget_bias
        for k in range(layers):
            self.register_parameter(f"weight_ih_l{k}", nn.Parameter(torch.empty(4 * hidden, inputs if k == 0 else hidden)))
            self.register_parameter(f"weight_hh_l{k}", nn.Parameter(torch.empty(4 * hidden, hidden)))
            self.register_parameter(f"bias_ih_l{k}", nn.Parameter(torch.empty(4 * hidden)))
            self.register_parameter(f"bias_hh_l{k}", nn.Parameter(torch.empty(4 * hidden)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights: orthogonal for the recurrence, Xavier for the inputs, gate by gate; biases 0, that of the forget gate as given."""
        with torch.no_grad():
            for k in range(self.layers):
                input_weights, hidden_weights, bias, hidden_bias = self._weights(k)
                for gate in range(4):
                    rows = slice(gate * self.hidden, (gate + 1) * self.hidden)
                    nn.init.xavier_uniform_(input_weights[rows])
                    nn.init.orthogonal_(hidden_weights[rows])
                bias.zero_()
                hidden_bias.zero_()
                bias[self.hidden : 2 * self.hidden] = self.forget_bias

    def init(self, batch: int) -> LSTMState:
        """The state before the first step: zeros."""
        like = self._weights(0)[0]
        zeros = like.new_zeros(self.layers, batch, self.hidden)
        return LSTMState(zeros, zeros.clone())

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """Run over a whole batch.

        x: (batch, time, inputs).   lengths: (batch,) real steps of each sequence, 0 allowed; None = all.   state: where to begin; None = zeros.
        Returns output (batch, time, hidden), zero beyond the lengths, and the state after the last real step of each sequence.
        """
        batch, time = self._check(x, axes=3)
        state = self.init(batch) if state is None else state
        ends = None
        if lengths is not None:
            check_lengths(lengths, batch, time)
            ends = lengths if bool((lengths < time).any()) else None
        padding = None if ends is None else ~valid_mask(ends, time)[:, :, None]
        if time == 0:
            return x.new_zeros(batch, 0, self.hidden), state
        hidden, cell = [], []
        for k in range(self.layers):
            x = functional.dropout(x, self.dropout, self.training) if k else x
            x, h, c = self._layer(k, x, padding, state.hidden[k : k + 1], state.cell[k : k + 1])
            hidden.append(h if ends is None else _last(x, ends, state.hidden[k]))
            cell.append(c)
        return x, LSTMState(torch.cat(hidden), torch.cat(cell))

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """One step.   x: (batch, inputs).   Returns output (batch, hidden) and the next state."""
        self._check(x, axes=2)
        hidden, cell = [], []
        for k in range(self.layers):
            x = functional.dropout(x, self.dropout, self.training) if k else x
            x, c = torch.lstm_cell(x, (state.hidden[k], state.cell[k]), *self._weights(k))
            hidden.append(x)
            cell.append(c)
        return x, LSTMState(torch.stack(hidden), torch.stack(cell))

    def extra_repr(self) -> str:
        return f"{self.inputs}, {self.hidden}, layers={self.layers}, dropout={self.dropout:g}"

    def _weights(self, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        input_weights, hidden_weights, bias, hidden_bias = (self.get_parameter(f"{name}_l{k}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        return input_weights, hidden_weights, bias, hidden_bias

    def _layer(self, k: int, x: Tensor, padding: Tensor | None, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One layer over the whole sequence, by torch's own kernel.   padding: (batch, time, 1) True where a step is not real."""
        weights = self._weights(k)
        if padding is not None:  # one more input, 1 where a step is padding, that shuts the input gate and opens the forget gate
            x = torch.cat([x.masked_fill(padding, 0.0), padding.to(x.dtype)], dim=2)
            hold = weights[0].new_zeros(4, self.hidden)
            hold[0], hold[1] = -SHUT, SHUT
            weights = (torch.cat([weights[0], hold.reshape(-1, 1)], dim=1), *weights[1:])
        output, h, c = torch.lstm(x, (h, c), weights, True, 1, 0.0, self.training, False, True)
        return (output if padding is None else output.masked_fill(padding, 0.0)), h, c

    def _check(self, x: Tensor, axes: int) -> tuple[int, int]:
        names = ("batch", "time", "features") if axes == 3 else ("batch", "features")
        if x.ndim != axes:
            raise ShapeError(f"`x` has the axes ({', '.join(names)}); this one has the shape {tuple(x.shape)}.")
        if x.shape[-1] != self.inputs:
            raise ShapeError(f"`x` has {x.shape[-1]} features on axis {axes - 1}, but the layer takes {self.inputs}.")
        return x.shape[0], x.shape[1]


def _last(output: Tensor, lengths: Tensor, before: Tensor) -> Tensor:
    """(1, batch, hidden) the output at the last real step; `before`, (batch, hidden), where a sequence has none."""
    where = (lengths.to(torch.int64) - 1).clamp(min=0)[:, None, None].expand(-1, 1, output.shape[2])
    return torch.where(lengths[:, None] > 0, output.gather(1, where)[:, 0], before)[None]
