"""Recurrent cells over whole sequences as operators of torch: the compiled kernels with their gradients.

`cell_over` takes the fast way where there is one (float32 or float64 on the CPU, with the extension) and `cells.run`, a loop, elsewhere.
The operators are registered with `torch.library`, with rules for shapes and gradients, so that `torch.compile(fullgraph=True)` and
`torch.export` go through them. A gradient of the gradient is that of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from inorder.kernels import recurrent as kernels
from inorder.kernels.recurrent import Inputs, Kept, LSTMInputs, LSTMKept
from inorder.nn.cells import Cell, Gates, State, run

Found = list[Tensor]


def cell_over(pre: Tensor, starts: Tensor, lengths: Tensor, state: State, cell: Cell, reverse: bool) -> tuple[Tensor, State]:
    """(rows, output) of a cell over all sequences, and its last state.   pre: (rows, gates · hidden); rows as in `cells.run`."""
    if not kernels.available(pre.dtype, pre.device):
        output, last, _ = run(pre, starts, lengths, state, cell, reverse)
        return output, last
    made = _operate(pre, starts, lengths, state, cell, reverse)
    return made[0], tuple(made[1 : 1 + len(state)])


@torch.no_grad()
def gates_over(pre: Tensor, starts: Tensor, lengths: Tensor, state: State, cell: Cell, reverse: bool) -> tuple[Tensor, State, Gates]:
    """As `cell_over`, and every gate and the cell by name, (rows, hidden) each; to look at, without gradients."""
    if not kernels.available(pre.dtype, pre.device):
        return run(pre, starts, lengths, state, cell, reverse)
    made = _operate(pre, starts, lengths, state, cell, reverse)
    last = tuple(made[1 : 1 + len(state)])
    if cell.kind == "lstm":
        kept = made[4].chunk(cell.gates, 1)
        i = 1 - kept[0] if cell.coupled else kept[0]
        return made[0], last, {"input_gate": i, "forget_gate": kept[-3], "candidate": kept[-2], "output_gate": kept[-1], "cell": made[7]}
    if cell.kind == "gru":
        kept = made[3].chunk(4 if cell.reset_after else 3, 1)
        return made[0], last, dict(zip(("reset_gate", "update_gate", "candidate"), kept, strict=False))
    return made[0], last, {}


def _operate(pre: Tensor, starts: Tensor, lengths: Tensor, state: State, cell: Cell, reverse: bool) -> Sequence[Tensor]:
    shared = (pre.contiguous(), starts, lengths, state[0].contiguous(), cell.weight.contiguous())
    masks = (_dense(cell.scale), _dense(cell.shift), cell.drop, cell.hold, cell.hold_always)
    own: tuple[Any, ...]
    if cell.kind == "lstm":
        options = (cell.projection, cell.peepholes, cell.cell_scale, cell.cell_shift, cell.hold_cell)
        own = (state[1].contiguous(), *(_dense(option) for option in options), cell.hold_cell_always, cell.coupled)
    elif cell.kind == "gru":
        own = (state[0].new_zeros(state[0].shape[1]) if cell.bias is None else cell.bias.contiguous(), cell.reset_after)
    else:
        own = (cell.kind == "relu",)
    name = cell.kind if cell.kind in OWN else "rnn"
    inputs = (*shared, *masks, reverse, *own)
    made: Sequence[Tensor]
    if pre.is_cpu and not torch.compiler.is_compiling():  # the dispatcher's way through an operator takes as long as a short sequence
        made = _Fused.apply(name, *inputs) if torch.is_grad_enabled() else FORWARD[name](*inputs)  # type: ignore[no-untyped-call]
    else:
        made = getattr(torch.ops.inorder, name)(*inputs)
    return made


class _Fused(torch.autograd.Function):
    """The operators below without the dispatcher: the output and the last state. (A `setup_context` would cost a look at signatures at every call.)"""

    @staticmethod
    def forward(ctx: Any, name: str, *inputs: Any) -> tuple[Tensor, ...]:
        made = FORWARD[name](*inputs)
        ctx.name = name
        _keep(ctx, inputs, made)
        return tuple(made[: ENDS[name]])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        return (None, *_gradients(ctx.name, BACKWARD[ctx.name], ctx, grads))


def _dense(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


SHARED = (
    "Tensor pre, Tensor starts, Tensor lengths, Tensor hidden, Tensor weight, Tensor? scale, Tensor? shift, Tensor? drop, Tensor? hold, "
    "float hold_always, bool reverse"
)
OWN = {
    "lstm": "Tensor cell, Tensor? projection, Tensor? peepholes, Tensor? cell_scale, Tensor? cell_shift, Tensor? hold_cell, "
    "float hold_cell_always, bool coupled",
    "gru": "Tensor bias, bool reset_after",
    "rnn": "bool relu",
}
library = torch.library.Library("inorder", "DEF")  # type: ignore[no-untyped-call]
for _name, _own in OWN.items():
    library.define(f"{_name}({SHARED}, {_own}) -> Tensor[]")  # type: ignore[no-untyped-call]
    library.define(f"{_name}_backward(Tensor[] kept, Tensor?[] grads, {SHARED}, {_own}) -> Tensor[]")  # type: ignore[no-untyped-call]


# --- LSTM ---


def _lstm(*inputs: Any) -> Found:
    kept, cell = kernels.lstm_forward(Inputs(*inputs[:11]), LSTMInputs(*inputs[11:]))
    return [kept.output, kept.last, cell.last, *kept[2:], *cell[1:]]


def _lstm_shapes(*inputs: Any) -> Found:
    m, own = Inputs(*inputs[:11]), LSTMInputs(*inputs[11:])
    gates = 3 if own.coupled else 4
    kept, cell = kernels.space(m, gates, gates), kernels.lstm_space(m, own)
    return [kept.output, kept.last, cell.last, *kept[2:], *cell[1:]]


def _lstm_backward(kept: Found, grads: Sequence[Tensor | None], *inputs: Any) -> Found:
    m, own = Inputs(*inputs[:11]), LSTMInputs(*inputs[11:])
    output, last, cell_last, before, gates, normed, spread, cell, shown, cell_normed, cell_spread = kept
    given = [None if grad is None else grad.contiguous() for grad in grads]
    shared, rest = kernels.lstm_backward(
        m, own, Kept(output, last, before, gates, normed, spread), LSTMKept(cell_last, cell, shown, cell_normed, cell_spread), *given
    )
    return [*shared, *rest]


# --- GRU and RNN ---


def _gru(*inputs: Any) -> Found:
    return list(kernels.gru_forward(Inputs(*inputs[:11]), *inputs[11:]))


def _gru_shapes(*inputs: Any) -> Found:
    return list(kernels.space(Inputs(*inputs[:11]), 3, 4 if inputs[12] else 3))


def _gru_backward(kept: Found, grads: Sequence[Tensor | None], *inputs: Any) -> Found:
    d_output, d_last = (None if grad is None else grad.contiguous() for grad in grads)
    bias, reset_after = inputs[11:]
    shared, d_bias = kernels.gru_backward(Inputs(*inputs[:11]), bias, reset_after, Kept(*kept), d_output, d_last)
    return [*shared, d_bias]


def _rnn(*inputs: Any) -> Found:
    return list(kernels.rnn_forward(Inputs(*inputs[:11]), *inputs[11:]))


def _rnn_shapes(*inputs: Any) -> Found:
    return list(kernels.space(Inputs(*inputs[:11]), 1, 1))


def _rnn_backward(kept: Found, grads: Sequence[Tensor | None], *inputs: Any) -> Found:
    d_output, d_last = (None if grad is None else grad.contiguous() for grad in grads)
    return list(kernels.rnn_backward(Inputs(*inputs[:11]), inputs[11], Kept(*kept), d_output, d_last))


# --- gradients for autograd ---

# place among the inputs of each operator -> place among what its backward operator returns
PLACES = {
    "lstm": {0: 0, 3: 1, 4: 2, 5: 3, 6: 4, 11: 5, 12: 6, 13: 7, 14: 8, 15: 9},
    "gru": {0: 0, 3: 1, 4: 2, 5: 3, 6: 4, 11: 5},
    "rnn": {0: 0, 3: 1, 4: 2, 5: 3, 6: 4},
}
ENDS = {"lstm": 3, "gru": 2, "rnn": 2}  # results that have gradients: output, last state


FORWARD: dict[str, Callable[..., Found]] = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}
BACKWARD: dict[str, Callable[..., Found]] = {"lstm": _lstm_backward, "gru": _gru_backward, "rnn": _rnn_backward}


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Sequence[Tensor]) -> None:
    ctx.tensors = [i for i, value in enumerate(inputs) if isinstance(value, Tensor)]
    ctx.numbers = [None if isinstance(value, Tensor) else value for value in inputs]
    ctx.save_for_backward(*(inputs[i] for i in ctx.tensors), *output)
    ctx.set_materialize_grads(False)


def _gradients(name: str, backward: Callable[..., Found], ctx: Any, grads: Any) -> tuple[Tensor | None, ...]:
    saved = ctx.saved_tensors
    inputs = list(ctx.numbers)
    for i, tensor in zip(ctx.tensors, saved, strict=False):
        inputs[i] = tensor
    kept, wanted = list(saved[len(ctx.tensors) :]), list(grads[: ENDS[name]])
    if torch.is_grad_enabled():
        return _gradients_of_loop(name, inputs, wanted)
    found = backward(kept, wanted, *inputs)
    return tuple(found[PLACES[name][i]] if i in PLACES[name] and inputs[i] is not None else None for i in range(len(inputs)))


def _gradients_of_loop(name: str, inputs: list[Any], grads: list[Tensor | None]) -> tuple[Tensor | None, ...]:
    """The same gradients through the loop, which can be differentiated once more."""
    m = Inputs(*inputs[:11])
    shared = Cell("lstm", m.weight, m.scale, m.shift, m.drop, m.hold, m.hold_always)
    state: State = (m.hidden,)
    if name == "lstm":
        own = LSTMInputs(*inputs[11:])
        state = (m.hidden, own.cell)
        options = {key: value for key, value in own._asdict().items() if key != "cell"}
        cell = replace(shared, **options)
    elif name == "gru":
        cell = replace(shared, kind="gru", bias=inputs[11], reset_after=inputs[12])
    else:
        cell = replace(shared, kind="relu" if inputs[11] else "tanh")
    output, last, _ = run(m.pre, m.starts, m.lengths, state, cell, m.reverse)
    ends = [(end, grad) for end, grad in zip((output, *last), grads, strict=True) if grad is not None and end.requires_grad]
    places = [i for i in PLACES[name] if isinstance(inputs[i], Tensor) and inputs[i].requires_grad]
    found = torch.autograd.grad([end for end, _ in ends], [inputs[i] for i in places], [grad for _, grad in ends], create_graph=True, allow_unused=True)
    result: list[Tensor | None] = [None] * len(inputs)
    for i, gradient in zip(places, found, strict=True):
        result[i] = gradient
    return tuple(result)


def _backward_shapes(name: str, kept: Found, grads: Sequence[Tensor | None], *inputs: Any) -> Found:
    return [torch.empty_like(inputs[i]) if inputs[i] is not None else inputs[0].new_empty(0) for i in PLACES[name]]


def _register(name: str, shapes: Callable[..., Found]) -> None:
    library.impl(name, FORWARD[name], "CPU")  # type: ignore[no-untyped-call]
    library.impl(f"{name}_backward", BACKWARD[name], "CPU")  # type: ignore[no-untyped-call]
    torch.library.register_fake(f"inorder::{name}", shapes, lib=library)
    torch.library.register_fake(f"inorder::{name}_backward", partial(_backward_shapes, name), lib=library)

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Found) -> None:  # torch passes these by name
        _keep(ctx, inputs, output)

    def gradients(ctx: Any, grads: Any) -> tuple[Tensor | None, ...]:
        return _gradients(name, getattr(torch.ops.inorder, f"{name}_backward"), ctx, grads)

    torch.library.register_autograd(f"inorder::{name}", gradients, setup_context=keep, lib=library)


for _name, _shapes in (("lstm", _lstm_shapes), ("gru", _gru_shapes), ("rnn", _rnn_shapes)):
    _register(_name, _shapes)
