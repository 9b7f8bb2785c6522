"""Recurrent layers, compiled: all steps of all sequences in one call, forward and backward, shared over the batch by threads.

A row is one step of one sequence: sequence b has the rows starts[b] … starts[b] + lengths[b] − 1, in the order of time. Inputs come
multiplied by their weights, `pre` (rows, gates · hidden), since that is one big product for all steps; the gradient of the recurrent
weights is one too, over `before`, the state that entered the product at each row.

These functions know no automatic differentiation: `inorder.nn.fused` makes operators of them. Equations: `inorder.nn.cells`.
Tensors are contiguous, on the CPU, of one kind: float32, or float64 for checks.

Sources: one product for all inputs: Appleyard, Kočiský & Blunsom 2016, Optimizing performance of recurrent neural networks on GPUs, §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from inorder.errors import ShapeError
from inorder.kernels import extension

KINDS = {torch.float32: "float", torch.float64: "double"}


class Inputs(NamedTuple):
    """What every cell has: pre (rows, gates · hidden); starts, lengths (batch,) int64; hidden (batch, output) the state before the first step.

    scale, shift: (gates · hidden,) of the layer norm.   drop: (batch, output) factors of the state on its way into the recurrent product.
    hold: (rows, output) share of the old state that stays, or the same number `hold_always` everywhere.   reverse: from the last step to the first.
    """

    pre: Tensor
    starts: Tensor
    lengths: Tensor
    hidden: Tensor
    weight: Tensor
    scale: Tensor | None
    shift: Tensor | None
    drop: Tensor | None
    hold: Tensor | None
    hold_always: float
    reverse: bool


class Kept(NamedTuple):
    """output (rows, output); last (batch, output); for the gradient: before (rows, output), gates (rows, kept · hidden), normed and spread of the norm."""

    output: Tensor
    last: Tensor
    before: Tensor
    gates: Tensor
    normed: Tensor
    spread: Tensor


class Gradients(NamedTuple):
    """Of what stands in `Inputs`; scale and shift are empty where there is no norm."""

    pre: Tensor
    hidden: Tensor
    weight: Tensor
    scale: Tensor
    shift: Tensor


class LSTMInputs(NamedTuple):
    """cell: (batch, hidden) before the first step.   projection: (output, hidden).   peepholes: (3, hidden) of i, f, o, or (2, hidden) of f, o where coupled.
    cell_scale, cell_shift: (hidden,) of the norm of the cell.   hold_cell, hold_cell_always: zoneout of the cell.   coupled: i = 1 − f."""

    cell: Tensor
    projection: Tensor | None
    peepholes: Tensor | None
    cell_scale: Tensor | None
    cell_shift: Tensor | None
    hold_cell: Tensor | None
    hold_cell_always: float
    coupled: bool


class LSTMKept(NamedTuple):
    """last: (batch, hidden) of the cell; for the gradient: cell and shown = tanh of it (rows, hidden), normed and spread of its norm."""

    last: Tensor
    cell: Tensor
    shown: Tensor
    normed: Tensor
    spread: Tensor


class LSTMGradients(NamedTuple):
    """Of what stands in `LSTMInputs`; empty where there is none."""

    cell: Tensor
    projection: Tensor
    peepholes: Tensor
    cell_scale: Tensor
    cell_shift: Tensor


def available(kind: torch.dtype, device: torch.device) -> bool:
    """Whether there is a kernel for this kind of numbers on this device ("meta" has shapes only, and needs none)."""
    return extension is not None and device.type in ("cpu", "meta") and kind in KINDS


def covered(m: Inputs) -> bool:
    """Whether every row belongs to a sequence. Where some do not, they have to be zeros: they count in the products for the gradients."""
    return int(m.lengths.sum()) == m.pre.shape[0]


def space(m: Inputs, gates: int, kept: int, whole: bool = True) -> Kept:
    """Tensors for what comes out of a cell with `gates` gates that keeps `kept` numbers of each unit; zeros unless `whole`."""
    rows, output, hidden = m.pre.shape[0], m.hidden.shape[1], m.pre.shape[1] // gates
    normed = (rows, gates * hidden) if m.scale is not None else (0, 0)
    spread = (rows, gates) if m.scale is not None else (0, 0)
    shapes = ((rows, output), (m.hidden.shape[0], output), (rows, output), (rows, kept * hidden), normed, spread)
    return Kept(*(_room(m, shape, whole) for shape in shapes))


def lstm_space(m: Inputs, own: LSTMInputs, whole: bool = True) -> LSTMKept:
    """Tensors for what an LSTM keeps beside `Kept`; zeros unless `whole`."""
    rows, (batch, hidden), norm = m.pre.shape[0], own.cell.shape, own.cell_scale is not None
    shapes = ((batch, hidden), (rows, hidden), (rows, hidden), (rows, hidden) if norm else (0, 0), (rows,) if norm else (0,))
    return LSTMKept(*(_room(m, shape, whole) for shape in shapes))


def lstm_forward(m: Inputs, own: LSTMInputs) -> tuple[Kept, LSTMKept]:
    """All steps of an LSTM."""
    gates = 3 if own.coupled else 4
    whole = covered(m)
    kept, kept_cell = space(m, gates, gates, whole), lstm_space(m, own, whole)
    _lstm(False, m, own, kept, kept_cell, _none(6), _none(6))
    return kept, kept_cell


def lstm_backward(
    m: Inputs, own: LSTMInputs, kept: Kept, kept_cell: LSTMKept, d_output: Tensor | None, d_last: Tensor | None, d_cell: Tensor | None
) -> tuple[Gradients, LSTMGradients]:
    """The gradients of an LSTM, given those of the output at every row and of the last state."""
    (batch, output), hidden, rows = m.hidden.shape, own.cell.shape[1], m.pre.shape[0]
    none = m.pre.new_zeros(0)
    whole = covered(m)
    d_pre, d_hidden, d_first = _room(m, m.pre.shape, whole), torch.empty_like(m.hidden), torch.empty_like(own.cell)
    scales, shifts = _sums(m, m.scale), _sums(m, m.scale)
    cell_scales, cell_shifts = _sums(m, own.cell_scale), _sums(m, own.cell_scale)
    peepholes = none if own.peepholes is None else m.pre.new_zeros(batch, own.peepholes.numel())
    projected = none if own.projection is None else _room(m, (rows, output), whole)
    _lstm(
        True,
        m,
        own,
        kept,
        kept_cell,
        [d_output, d_last, d_pre, d_hidden, scales, shifts],
        [d_cell, d_first, peepholes, cell_scales, cell_shifts, projected],
    )
    d_projection = none
    if own.projection is not None:
        shown = kept.gates[:, -hidden:] * kept_cell.shown
        d_projection = projected.T @ shown
    d_peepholes = none if own.peepholes is None else peepholes.sum(0).view_as(own.peepholes)
    return (
        Gradients(d_pre, d_hidden, d_pre.T @ kept.before, _total(scales), _total(shifts)),
        LSTMGradients(d_first, d_projection, d_peepholes, _total(cell_scales), _total(cell_shifts)),
    )


def gru_forward(m: Inputs, bias: Tensor, reset_after: bool) -> Kept:
    """All steps of a GRU.   bias: (hidden,) of the candidate's recurrent product, where the reset comes after it."""
    kept = space(m, 3, 4 if reset_after else 3, covered(m))
    _call("gru", m, False, m.pre.shape[1] // 3, m.reverse, m.hold_always, reset_after, _shared(m, kept, _none(6)), _at(bias), 0, _at(m.weight))
    return kept


def gru_backward(m: Inputs, bias: Tensor, reset_after: bool, kept: Kept, d_output: Tensor | None, d_last: Tensor | None) -> tuple[Gradients, Tensor]:
    """The gradients of a GRU, and that of `bias`."""
    size, whole = m.hidden.shape[1], covered(m)
    d_pre, d_hidden, scales, shifts = _room(m, m.pre.shape, whole), torch.empty_like(m.hidden), _sums(m, m.scale), _sums(m, m.scale)
    product = _room(m, (m.pre.shape[0], size) if reset_after else (0, 0), whole)
    shared = _shared(m, kept, [d_output, d_last, d_pre, d_hidden, scales, shifts])
    _call("gru", m, True, size, m.reverse, m.hold_always, reset_after, shared, _at(bias), _at(product), _at(m.weight))
    entered = kept.before if reset_after else kept.before * kept.gates[:, :size]
    d_weight = torch.cat([d_pre[:, : 2 * size].T @ kept.before, (product if reset_after else d_pre[:, 2 * size :]).T @ entered])
    d_bias = product.sum(0) if reset_after else torch.zeros_like(bias)
    return Gradients(d_pre, d_hidden, d_weight, _total(scales), _total(shifts)), d_bias


def rnn_forward(m: Inputs, relu: bool) -> Kept:
    """All steps of a plain recurrent layer."""
    kept = space(m, 1, 1, covered(m))
    _call("rnn", m, False, m.hidden.shape[1], m.reverse, m.hold_always, relu, _shared(m, kept, _none(6)), _at(m.weight))
    return kept


def rnn_backward(m: Inputs, relu: bool, kept: Kept, d_output: Tensor | None, d_last: Tensor | None) -> Gradients:
    """The gradients of a plain recurrent layer."""
    d_pre, d_hidden, scales, shifts = _room(m, m.pre.shape, covered(m)), torch.empty_like(m.hidden), _sums(m, m.scale), _sums(m, m.scale)
    shared = _shared(m, kept, [d_output, d_last, d_pre, d_hidden, scales, shifts])
    _call("rnn", m, True, m.hidden.shape[1], m.reverse, m.hold_always, relu, shared, _at(m.weight))
    return Gradients(d_pre, d_hidden, d_pre.T @ kept.before, _total(scales), _total(shifts))


def _lstm(backward: bool, m: Inputs, own: LSTMInputs, kept: Kept, cell: LSTMKept, flow: list[Tensor | None], cell_flow: list[Tensor | None]) -> None:
    given = [own.peepholes, own.cell_scale, own.cell_shift, own.cell, own.hold_cell]
    made = [cell.cell, cell.shown, cell.last, cell.normed, cell.spread]
    numbers = (own.cell.shape[1], m.hidden.shape[1], m.reverse, m.hold_always, own.hold_cell_always, own.coupled)
    addresses = [_at(tensor) for tensor in (*given, *made, *cell_flow)]
    _call("lstm", m, backward, *numbers, _shared(m, kept, flow), addresses, _at(m.weight), _at(own.projection))


def _call(name: str, m: Inputs, backward: bool, *arguments: Any) -> None:
    assert extension is not None  # `available` was asked
    if m.starts.dtype != torch.int64 or m.lengths.dtype != torch.int64:
        raise ShapeError(f"`starts` and `lengths` are int64, not {m.starts.dtype} and {m.lengths.dtype}.")
    try:
        getattr(extension, f"{name}_{KINDS[m.pre.dtype]}")(backward, m.hidden.shape[0], m.pre.shape[0], *arguments, torch.get_num_threads())
    except IndexError:
        wrong = (m.lengths < 0) | (m.starts < 0) | (m.starts + m.lengths > m.pre.shape[0])
        b = int(wrong.nonzero()[0])
        raise ShapeError(
            f"`lengths[{b}]` is {int(m.lengths[b])}: sequence {b} would have the rows from {int(m.starts[b])} on, and there are {m.pre.shape[0]}."
        ) from None


def _shared(m: Inputs, kept: Kept, flow: list[Tensor | None]) -> list[int]:
    """Addresses in the order of `fill` in src/kernels/recurrent.cpp.   flow: d_output, d_last, d_pre, d_hidden, d_scale, d_shift."""
    kinds = {tensor.dtype for tensor in (m.pre, *m[3:9], *kept, *flow) if tensor is not None}
    if len(kinds) > 1:
        raise ShapeError(f"A recurrent kernel takes numbers of one kind; these are {', '.join(sorted(map(str, kinds)))}.")
    return [_at(tensor) for tensor in (m.starts, m.lengths, m.pre, m.hidden, m.scale, m.shift, m.drop, m.hold, *kept, *flow)]


def _room(m: Inputs, shape: Sequence[int], whole: bool) -> Tensor:
    return m.pre.new_empty(shape) if whole else m.pre.new_zeros(shape)


def _sums(m: Inputs, scale: Tensor | None) -> Tensor:
    """(batch, numbers) zeros: each sequence adds up its own part, so that the sum does not depend on threads."""
    return m.pre.new_empty(0) if scale is None else m.pre.new_zeros(m.hidden.shape[0], scale.numel())


def _total(parts: Tensor) -> Tensor:
    return parts.sum(0) if parts.ndim == 2 else parts


def _none(count: int) -> list[Tensor | None]:
    return [None] * count


def _at(tensor: Tensor | None) -> int:
    """Where its numbers lie; 0 for none.   Raises AssertionError where they are not contiguous."""
    if tensor is None:
        return 0
    assert tensor.is_contiguous() and tensor.is_cpu
    return tensor.data_ptr()
