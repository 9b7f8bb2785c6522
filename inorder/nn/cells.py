"""One step of each recurrent cell in torch, written as the equations: what single steps, second derivatives and other devices use.

    RNN    h ← tanh(a)                                     a = W·x + b + U·h̃ + c
    LSTM   i, f, o = σ(a_i), σ(a_f), σ(a_o);  g = tanh(a_g);  c ← f ⊙ c + i ⊙ g;  h ← o ⊙ tanh(c)
    GRU    r, z = σ(a_r), σ(a_z);  n = tanh(W·x + b + r ⊙ (U·h̃ + c))  or  tanh(W·x + b + U·(r ⊙ h̃) + c);  h ← (1 − z) ⊙ n + z ⊙ h

with these options:

    layer norm          every a, gate by gate, becomes (a − mean) / deviation · scale + shift; in an LSTM also the c inside tanh(c)
    recurrent dropout   h̃ = drop ⊙ h on its way into the product, the same mask at every step of a sequence; h̃ = h without
    zoneout             h ← hold ⊙ h_before + (1 − hold) ⊙ h, drawn anew at every step; the share itself in evaluation; the cell likewise
    peepholes           a_i += p_i ⊙ c_before,  a_f += p_f ⊙ c_before,  a_o += p_o ⊙ c, after the norm
    coupled gates       i = 1 − f
    projection          h ← P·h

The gates of an LSTM are stacked i, f, g, o (coupled: f, g, o), those of a GRU r, z, n, as PyTorch stores them.

Sources: layer norm: Ba, Kiros & Hinton 2016, on the summed input of each gate; recurrent dropout: Gal & Ghahramani 2016; zoneout: Krueger et al. 2017;
peepholes: Gers & Schmidhuber 2000; coupled gates: Greff et al. 2017; projection: Sak, Senior & Beaufays 2014. The cells: `inorder.textbook.recurrent`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class Cell:
    """The weights and masks of one layer in one direction; None where an option is off.

    weight: (gates · hidden, output) of the recurrent product.   bias: (hidden,) of a GRU's candidate inside r ⊙ (…), for `reset_after`.
    scale, shift: (gates · hidden,).   drop: (batch, output).   hold: (batch, output) at one step, or the number `hold_always`.
    projection: (output, hidden).   peepholes: (3, hidden), or (2, hidden) where coupled.   cell_scale, cell_shift: (hidden,).
    hold_cell: (batch, hidden), or the number `hold_cell_always`.
    """

    kind: str  # "lstm", "gru", "tanh" or "relu"
    weight: Tensor
    scale: Tensor | None = None
    shift: Tensor | None = None
    drop: Tensor | None = None
    hold: Tensor | None = None
    hold_always: float = 0.0
    bias: Tensor | None = None
    reset_after: bool = True
    projection: Tensor | None = None
    peepholes: Tensor | None = None
    cell_scale: Tensor | None = None
    cell_shift: Tensor | None = None
    hold_cell: Tensor | None = None
    hold_cell_always: float = 0.0
    coupled: bool = False

    @property
    def gates(self) -> int:
        return {"lstm": 3 if self.coupled else 4, "gru": 3}.get(self.kind, 1)


State = tuple[Tensor, ...]  # (hidden,), or (hidden, cell) of an LSTM, (batch, units) each
Gates = dict[str, Tensor]


def step(pre: Tensor, state: State, cell: Cell) -> tuple[State, Gates]:
    """The next state, and every gate on the way by name.   pre: (batch, gates · hidden) W·x + b."""
    return _STEPS.get(cell.kind, _rnn)(pre, state, cell)


def _rnn(pre: Tensor, state: State, cell: Cell) -> tuple[State, Gates]:
    (h,) = state
    (a,) = _normalised([pre + functional.linear(_dropped(h, cell), cell.weight)], cell)
    fresh = torch.tanh(a) if cell.kind == "tanh" else torch.relu(a)
    return (_held(fresh, h, cell.hold, cell.hold_always),), {}


def _lstm(pre: Tensor, state: State, cell: Cell) -> tuple[State, Gates]:
    h, c = state
    parts = _normalised((pre + functional.linear(_dropped(h, cell), cell.weight)).chunk(cell.gates, -1), cell)
    peepholes = [0.0, 0.0, 0.0] if cell.peepholes is None else list(cell.peepholes)
    f = torch.sigmoid(parts[-3] + peepholes[-2] * c)
    i = 1 - f if cell.coupled else torch.sigmoid(parts[0] + peepholes[0] * c)
    g = torch.tanh(parts[-2])
    now = _held(f * c + i * g, c, cell.hold_cell, cell.hold_cell_always)
    o = torch.sigmoid(parts[-1] + peepholes[-1] * now)
    shown = torch.tanh(now if cell.cell_scale is None else _norm(now, cell.cell_scale, cell.cell_shift))
    fresh = o * shown if cell.projection is None else functional.linear(o * shown, cell.projection)
    return (_held(fresh, h, cell.hold, cell.hold_always), now), {"input_gate": i, "forget_gate": f, "candidate": g, "output_gate": o}


def _gru(pre: Tensor, state: State, cell: Cell) -> tuple[State, Gates]:
    (h,) = state
    entering = _dropped(h, cell)
    size = h.shape[-1]
    xr, xz, xn = pre.chunk(3, -1)
    scales = [None] * 3 if cell.scale is None else cell.scale.chunk(3)
    shifts = [None] * 3 if cell.shift is None else cell.shift.chunk(3)
    if cell.reset_after:
        ur, uz, un = functional.linear(entering, cell.weight).chunk(3, -1)
        un = un if cell.bias is None else un + cell.bias
    else:
        ur, uz = functional.linear(entering, cell.weight[: 2 * size]).chunk(2, -1)
    r = torch.sigmoid(_norm(xr + ur, scales[0], shifts[0]))
    z = torch.sigmoid(_norm(xz + uz, scales[1], shifts[1]))
    past = r * un if cell.reset_after else functional.linear(r * entering, cell.weight[2 * size :])
    n = torch.tanh(_norm(xn + past, scales[2], shifts[2]))
    fresh = (1 - z) * n + z * h
    return (_held(fresh, h, cell.hold, cell.hold_always),), {"reset_gate": r, "update_gate": z, "candidate": n}


_STEPS: dict[str, Callable[[Tensor, State, Cell], tuple[State, Gates]]] = {"lstm": _lstm, "gru": _gru}


def _dropped(h: Tensor, cell: Cell) -> Tensor:
    return h if cell.drop is None else h * cell.drop


def _held(fresh: Tensor, before: Tensor, hold: Tensor | None, always: float) -> Tensor:
    if hold is None and not always:
        return fresh
    return fresh + (always if hold is None else hold) * (before - fresh)


def _norm(a: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
    return a if scale is None else functional.layer_norm(a, a.shape[-1:], scale, shift, NORM_EPSILON)


def _normalised(parts: list[Tensor] | tuple[Tensor, ...], cell: Cell) -> list[Tensor]:
    if cell.scale is None or cell.shift is None:
        return list(parts)
    return [_norm(a, scale, shift) for a, scale, shift in zip(parts, cell.scale.chunk(len(parts)), cell.shift.chunk(len(parts)), strict=True)]


def run(pre: Tensor, starts: Tensor, lengths: Tensor, state: State, cell: Cell, reverse: bool) -> tuple[Tensor, State, dict[str, Tensor]]:
    """All steps of all sequences, one after the other: (rows, output), the last state, and by name (rows, hidden) each gate and the cell.

    pre: (rows, gates · hidden); sequence b has the rows starts[b] … starts[b] + lengths[b] − 1.   hold, hold_cell of `cell`: (rows, …) here.
    """
    from dataclasses import replace

    longest = int(lengths.max()) if len(lengths) else 0
    if longest == 0:
        return pre.new_zeros(pre.shape[0], state[0].shape[1]), state, {}
    t = torch.arange(longest, device=pre.device)
    place = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t if reverse else t, 0)
    rows = (starts[:, None] + place).clamp(max=pre.shape[0] - 1)
    valid = (t < lengths[:, None])[:, :, None].unbind(1)
    holds, cell_holds = (None if mask is None else mask[rows].unbind(1) for mask in (cell.hold, cell.hold_cell))
    hidden: list[Tensor] = []
    seen: list[Gates] = []
    for k, x in enumerate(pre[rows].unbind(1)):  # x[t] in a loop would make the backward pass quadratic
        now = replace(cell, hold=holds[k] if holds else None, hold_cell=cell_holds[k] if cell_holds else None)
        fresh, gates = step(x, state, now)
        state = tuple(torch.where(valid[k], new, old) for new, old in zip(fresh, state, strict=True))
        hidden.append(state[0])
        seen.append({**gates, "cell": state[1]} if len(state) > 1 else gates)
    real = (t < lengths[:, None]).flatten()
    at = rows.flatten()[real]

    def to_rows(steps: list[Tensor]) -> Tensor:
        whole = torch.stack(steps, 1).flatten(0, 1)[real]
        return whole.new_zeros(pre.shape[0], whole.shape[1]).index_copy(0, at, whole)

    return to_rows(hidden), state, {name: to_rows([gates[name] for gates in seen]) for name in seen[0]}
