"""Recurrences whose gates do not look at the state, compiled: forward and backward, over blocks of a batch.

    linear_scan   h[t] = keep[t] ⊙ h[t−1] + fresh[t]
    gated_scan    the same, with the gates of minGRU or minLSTM made on the way from what a product of the inputs gives

Both are operators of torch, `inorder::linear_scan` and its gradient, so that `torch.compile` and `torch.export` take them as they are.
Where there is no kernel (another device or kind of numbers, no extension), and for second derivatives, the same recurrence is
computed by doubling: after k rounds every step knows what the 2^k steps before it do to the state.

Equations and source: `inorder.textbook.minimal`. Doubling: Hillis & Steele 1986, Data parallel algorithms.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from inorder.errors import ConfigError, ShapeError
from inorder.kernels import extension
from inorder.kernels.tensors import check_tensor, lengths_beside

SCAN, GRU, GRU_POSITIVE, LSTM, LSTM_POSITIVE = range(5)
KINDS = {("gru", False): GRU, ("gru", True): GRU_POSITIVE, ("lstm", False): LSTM, ("lstm", True): LSTM_POSITIVE}
NAMES = {torch.float32: "linear_scan_float", torch.float64: "linear_scan_double"}


def linear_scan(keep: Tensor, fresh: Tensor, first: Tensor, lengths: Tensor | None = None, *, reverse: bool = False) -> tuple[Tensor, Tensor]:
    """h[t] = keep[t] ⊙ h[t−1] + fresh[t].

    keep, fresh: (batch, time, hidden).   first: (batch, hidden), h before the first step.   lengths: (batch,) real steps, on any device, cut to
    0 … time; None = all.   reverse: from the last real step to the first.
    Returns (batch, time, hidden) all h, zero beyond the lengths, and (batch, hidden) the last.
    Raises ShapeError where shapes, devices or kinds of numbers do not fit together.

    >>> ones = torch.ones(1, 3, 1)
    >>> linear_scan(0.5 * ones, ones, torch.zeros(1, 1))[0].flatten().tolist()
    [1.0, 1.5, 1.75]
    """
    return _scan(keep, fresh, first, lengths, SCAN, reverse)


def gated_scan(
    pre: Tensor, first: Tensor, lengths: Tensor | None = None, *, cell: str = "gru", positive: bool = True, reverse: bool = False
) -> tuple[Tensor, Tensor]:
    """All steps of a minGRU or minLSTM, given the products of its inputs.

    pre: (batch, time, 2·hidden) of z and candidate, or for a minLSTM (batch, time, 3·hidden) of f, i and candidate.
    cell: "gru" or "lstm".   positive: the candidate goes through g(v) = v + ½ where v ≥ 0, σ(v) elsewhere.   The rest as in `linear_scan`.

    >>> pre = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]])                       # z = ½, candidate 1 + ½
    >>> gated_scan(pre, torch.zeros(1, 1))[0].flatten().tolist()
    [0.75, 1.125]
    """
    if (cell, positive) not in KINDS:
        raise ConfigError(f'`cell` is "gru" or "lstm", not {cell!r}.')
    return _scan(pre, None, first, lengths, KINDS[cell, positive], reverse)


def _scan(pre: Tensor, fresh: Tensor | None, first: Tensor, lengths: Tensor | None, kind: int, reverse: bool) -> tuple[Tensor, Tensor]:
    name, parts = ("keep", 1) if kind == SCAN else ("pre", 3 if kind in (LSTM, LSTM_POSITIVE) else 2)
    if pre.ndim != 3 or pre.shape[2] % parts:
        hidden = "hidden" if parts == 1 else f"{parts}·hidden"
        raise ShapeError(f"`{name}` has the axes (batch, time, {hidden}); this one has the shape {tuple(pre.shape)}.")
    if fresh is not None:
        check_tensor("fresh", fresh, "batch time hidden", tuple(pre.shape), pre, dtype=True)
    check_tensor("first", first, "batch hidden", (pre.shape[0], pre.shape[2] // parts), pre, dtype=True)
    lengths = lengths_beside(pre, lengths)
    if extension is not None and pre.device.type == "cpu" and pre.dtype in NAMES:
        output, last = forward(pre, fresh, first, lengths, kind, reverse)
        return output, last
    return by_doubling(pre, fresh, first, lengths, kind, reverse)


@torch.library.custom_op("inorder::linear_scan", mutates_args=())
def forward(pre: Tensor, fresh: Tensor | None, first: Tensor, lengths: Tensor | None, kind: int, reverse: bool) -> tuple[Tensor, Tensor]:
    """`linear_scan` or `gated_scan`, by kind."""
    output, last = pre.new_empty(pre.shape[0], pre.shape[1], first.shape[1]), pre.new_empty(first.shape)
    _call(False, kind, reverse, lengths, [pre, fresh, first, output, last])
    return output, last


@forward.register_fake
def _like(pre: Tensor, fresh: Tensor | None, first: Tensor, lengths: Tensor | None, kind: int, reverse: bool) -> tuple[Tensor, Tensor]:
    return pre.new_empty(pre.shape[0], pre.shape[1], first.shape[1]), pre.new_empty(first.shape)


@torch.library.custom_op("inorder::linear_scan_backward", mutates_args=())
def backward(
    d_output: Tensor, d_last: Tensor, pre: Tensor, fresh: Tensor | None, first: Tensor, output: Tensor, lengths: Tensor | None, kind: int, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients by pre, fresh (empty where there is none) and first."""
    gradients = (pre.new_empty(pre.shape), pre.new_empty(0 if fresh is None else fresh.shape), first.new_empty(first.shape))
    _call(True, kind, reverse, lengths, [pre, fresh, first, output, None, d_output, d_last, *gradients])
    return gradients


@backward.register_fake
def _gradients_like(
    d_output: Tensor, d_last: Tensor, pre: Tensor, fresh: Tensor | None, first: Tensor, output: Tensor, lengths: Tensor | None, kind: int, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return pre.new_empty(pre.shape), pre.new_empty(0 if fresh is None else fresh.shape), first.new_empty(first.shape)


def _call(is_backward: bool, kind: int, reverse: bool, lengths: Tensor | None, tensors: list[Tensor | None]) -> None:
    """Hand the tensors to the kernel by their addresses; those that it fills are contiguous, and stay themselves."""
    assert extension is not None
    pre, _, first = tensors[:3]
    assert pre is not None and first is not None
    kept = [None if lengths is None else lengths.to(torch.int64), *tensors]
    kept = [None if tensor is None else tensor.contiguous() for tensor in kept]  # alive until the call is over
    kept += [None] * (11 - len(kept))
    addresses = [0 if tensor is None else tensor.data_ptr() for tensor in kept]
    run: Any = getattr(extension, NAMES[pre.dtype])
    run(is_backward, kind, pre.shape[0], pre.shape[1], first.shape[1], reverse, addresses, torch.get_num_threads())


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    pre, fresh, first, lengths, ctx.kind, ctx.reverse = inputs
    ctx.save_for_backward(pre, fresh, first, lengths, output[0])


def _differentiate(ctx: Any, d_output: Tensor, d_last: Tensor) -> tuple[Any, ...]:
    pre, fresh, first, lengths, output = ctx.saved_tensors
    d_pre, d_fresh, d_first = backward(d_output, d_last, pre, fresh, first, output, lengths, ctx.kind, ctx.reverse)
    return d_pre, None if fresh is None else d_fresh, d_first, None, None, None


forward.register_autograd(_differentiate, setup_context=_keep)


def _keep_all(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.kind, ctx.reverse = inputs
    ctx.save_for_backward(*tensors)


def _differentiate_twice(ctx: Any, *given: Tensor) -> tuple[Any, ...]:
    """The gradient of the gradient, from the recurrence by doubling."""
    d_output, d_last, pre, fresh, first, _, lengths = ctx.saved_tensors
    with torch.enable_grad():
        sources = [tensor.detach().requires_grad_() for tensor in (pre, first, d_output, d_last)]
        pre, first, d_output, d_last = sources
        if fresh is not None:
            fresh = fresh.detach().requires_grad_()
            sources.append(fresh)
        wanted = [pre, first] if fresh is None else [pre, first, fresh]
        values = by_doubling(pre, fresh, first, lengths, ctx.kind, ctx.reverse)
        gradients = torch.autograd.grad(values, wanted, [d_output, d_last], create_graph=True)
        weights = [given[0], given[2]] if fresh is None else [given[0], given[2], given[1]]
        by_pre, by_first, by_output, by_last, *by_fresh = torch.autograd.grad(gradients, sources, weights, allow_unused=True)
    return by_output, by_last, by_pre, by_fresh[0] if by_fresh else None, by_first, None, None, None, None


backward.register_autograd(_differentiate_twice, setup_context=_keep_all)


def by_doubling(pre: Tensor, fresh: Tensor | None, first: Tensor, lengths: Tensor | None, kind: int, reverse: bool) -> tuple[Tensor, Tensor]:
    """The recurrence in log₂ time rounds of torch operations, which every device has and autograd knows to any order.

    h[t] = K·h[t−s] + F over s steps, so over 2·s steps K ← K[t] ⊙ K[t−s] and F ← K[t] ⊙ F[t−s] + F[t].
    """
    keep, fresh = _gates(pre, fresh, kind)
    time, valid = keep.shape[1], None
    if lengths is not None:
        valid = (torch.arange(time, device=lengths.device) < lengths[:, None])[:, :, None]
        keep, fresh = keep.masked_fill(~valid, 1.0), fresh.masked_fill(~valid, 0.0)  # a padded step changes nothing
    if reverse:
        keep, fresh = keep.flip(1), fresh.flip(1)
    shift = 1
    while shift < time:
        fresh = torch.cat([fresh[:, :shift], keep[:, shift:] * fresh[:, :-shift] + fresh[:, shift:]], dim=1)
        keep = torch.cat([keep[:, :shift], keep[:, shift:] * keep[:, :-shift]], dim=1)
        shift *= 2
    output = keep * first[:, None] + fresh
    last = output[:, -1] if time else first.clone()
    output = output.flip(1) if reverse else output
    return output if valid is None else output.masked_fill(~valid, 0.0), last


def _gates(pre: Tensor, fresh: Tensor | None, kind: int) -> tuple[Tensor, Tensor]:
    """keep and fresh of every step."""
    if kind == SCAN:
        assert fresh is not None
        return pre, fresh
    if kind in (LSTM, LSTM_POSITIVE):
        forget, enter, candidate = pre.chunk(3, dim=-1)
        update = functional.softplus(-forget) - functional.softplus(-enter)  # σ of it is σ(i) / (σ(f) + σ(i))
    else:
        update, candidate = pre.chunk(2, dim=-1)
    return torch.sigmoid(-update), torch.sigmoid(update) * _candidate(candidate, kind)


def _candidate(value: Tensor, kind: int) -> Tensor:
    return torch.where(value >= 0, value + 0.5, torch.sigmoid(value)) if kind in (GRU_POSITIVE, LSTM_POSITIVE) else value


def gates_of(pre: Tensor, *, cell: str, positive: bool) -> dict[str, Tensor]:
    """Every gate of `gated_scan` by name: update_gate z, or forget_gate f and input_gate i, and the candidate."""
    names = ("forget_gate", "input_gate") if cell == "lstm" else ("update_gate",)
    *gates, candidate = pre.chunk(len(names) + 1, dim=-1)
    return {**dict(zip(names, map(torch.sigmoid, gates), strict=True)), "candidate": _candidate(candidate, KINDS[cell, positive])}
