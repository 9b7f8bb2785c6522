"""The sums of a linear-chain conditional random field, compiled: ln Z less the score of a path, its gradient, and the best paths.

    partition    ln Z − score(targets), or ln Z alone, of each sequence
    best_paths   the paths with the highest scores

`partition` is an operator of torch, `inorder::crf`; its gradient, `inorder::crf_backward`, is the marginals by forward-backward. All is
summed in double precision. Where there is no kernel (another device or kind of numbers, no extension), and for second derivatives,
the sums are written in torch, one step after the other.

Equations and sources: `inorder.textbook.crf`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inorder.errors import ConfigError, ShapeError
from inorder.kernels import extension
from inorder.kernels.tensors import check_tensor, lengths_beside

NAMES = {torch.float32: "Chain_float", torch.float64: "Chain_double"}


def partition(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, targets: Tensor | None = None, lengths: Tensor | None = None) -> Tensor:
    """(batch,) ln Z of each sequence, less the score of its targets where they are given.

    emissions: (batch, time, tags).   transitions: (tags, tags), from row to column.   start, end: (tags,).   targets: (batch, time) whole numbers.
    lengths: (batch,) real steps, on any device, cut to 0 … time; None = all.   In nats; 0 for a sequence of no steps; −∞ forbids a transition.
    Where no path at all is possible ln Z is −∞, and with targets the result is ∞; both have a gradient of 0.
    Raises ShapeError where shapes or devices do not fit together, ValueError for a target that is no tag.

    >>> zeros = torch.zeros(2)
    >>> partition(torch.zeros(1, 3, 2), torch.zeros(2, 2), zeros, zeros).exp().round().tolist()
    [8.0]
    """
    lengths = _checked(emissions, transitions, start, end, targets, lengths)
    if _has_kernel(emissions):
        summed: Tensor = forward(emissions, transitions, start, end, targets, lengths)
        return summed
    return stepwise(emissions, transitions, start, end, targets, lengths)


def tag_marginals(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor | None = None) -> Tensor:
    """(batch, time, tags) probability of each tag at each step, zero beyond the lengths: the gradient of ln Z by the emissions.

    >>> zeros = torch.zeros(2)
    >>> tag_marginals(torch.tensor([[[3.0, 1.0]]]).log(), torch.zeros(2, 2), zeros, zeros).tolist()
    [[[0.75, 0.25]]]
    """
    lengths = _checked(emissions, transitions, start, end, None, lengths)
    if _has_kernel(emissions):
        marginals: Tensor = backward(emissions.new_ones(emissions.shape[0]), emissions, transitions, start, end, None, lengths)[0]
        return marginals
    with torch.enable_grad():
        leaf = emissions if emissions.requires_grad else emissions.detach().requires_grad_()
        total = stepwise(leaf, transitions, start, end, None, lengths).sum()
        (gradient,) = torch.autograd.grad(total, leaf, create_graph=emissions.requires_grad)
    return gradient


def best_paths(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, count: int = 1, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The `count` best paths (batch, count, time), −1 beyond the lengths, and their scores (batch, count), best first.

    Where a sequence has fewer paths, the rest are −1 with a score of −∞. Of equal ones the one that came from the smaller tag is first.

    >>> zeros = torch.zeros(2)
    >>> best_paths(torch.tensor([[[1.0, 0.0], [0.0, 2.0]]]), torch.zeros(2, 2), zeros, zeros, 2)
    (tensor([[[0, 1],
             [1, 1]]]), tensor([[3., 2.]], dtype=torch.float64))
    """
    if count < 1:
        raise ConfigError(f"`count` of the best paths is 1 or more, not {count!r}.")
    lengths = _checked(emissions, transitions, start, end, None, lengths)
    if not _has_kernel(emissions):
        return _best_paths(emissions, transitions, start, end, count, lengths)
    batch, time, _ = emissions.shape
    paths = torch.empty(batch, count, time, dtype=torch.int64)
    scores = torch.empty(batch, count, dtype=torch.float64)
    chain, _alive = _chain(emissions, transitions, start, end, None, lengths)
    chain.best(count, paths.data_ptr(), scores.data_ptr())
    return paths, scores


def _checked(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, targets: Tensor | None, lengths: Tensor | None) -> Tensor | None:
    """The lengths on the device of the emissions, after a look at what goes with them."""
    if emissions.ndim != 3:
        raise ShapeError(f"`emissions` has the axes (batch, time, tags); this one has the shape {tuple(emissions.shape)}.")
    batch, time, tags = emissions.shape
    check_tensor("transitions", transitions, "tags tags", (tags, tags), emissions)
    check_tensor("start", start, "tags", (tags,), emissions)
    check_tensor("end", end, "tags", (tags,), emissions)
    if targets is not None:
        check_tensor("targets", targets, "batch time", (batch, time), emissions)
        if targets.dtype.is_floating_point or targets.dtype.is_complex:
            raise ShapeError(f"`targets` holds whole numbers, not {targets.dtype}.")
    return lengths_beside(emissions, lengths)


def _has_kernel(emissions: Tensor) -> bool:
    return extension is not None and emissions.device.type == "cpu" and emissions.dtype in NAMES


def _chain(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, targets: Tensor | None, lengths: Tensor | None) -> tuple[Any, Any]:
    """The kernel's record of a batch, and the tensors that it points to."""
    kept = [tensor.detach().to(emissions.dtype).contiguous() for tensor in (emissions, transitions, start, end)]
    whole = [None if tensor is None else tensor.to(torch.int64).contiguous() for tensor in (targets, lengths)]
    addresses = [*(tensor.data_ptr() for tensor in kept), *(0 if tensor is None else tensor.data_ptr() for tensor in whole)]
    return getattr(extension, NAMES[emissions.dtype])(*emissions.shape, *addresses, torch.get_num_threads()), (kept, whole)


@torch.library.custom_op("inorder::crf", mutates_args=())
def forward(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, targets: Tensor | None, lengths: Tensor | None) -> Tensor:
    """`partition`, as an operator."""
    result = emissions.new_empty(emissions.shape[0])
    chain, _alive = _chain(emissions, transitions, start, end, targets, lengths)
    chain.partition(result.data_ptr())
    return result


@forward.register_fake
def _like(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, targets: Tensor | None, lengths: Tensor | None) -> Tensor:
    return emissions.new_empty(emissions.shape[0])


@torch.library.custom_op("inorder::crf_backward", mutates_args=())
def backward(
    weight: Tensor, emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, targets: Tensor | None, lengths: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradient of Σ weight[b] · partition[b], weight (batch,), by emissions, transitions, start and end."""
    weight = weight.contiguous()
    gradients = [emissions.new_empty(tensor.shape) for tensor in (emissions, transitions, start, end)]
    chain, _alive = _chain(emissions, transitions, start, end, targets, lengths)
    chain.gradient(weight.data_ptr(), *(tensor.data_ptr() for tensor in gradients))
    by_emissions, by_transitions, by_start, by_end = gradients
    return by_emissions, by_transitions, by_start, by_end


@backward.register_fake
def _gradients_like(
    weight: Tensor, emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, targets: Tensor | None, lengths: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    by_emissions, by_transitions, by_start, by_end = (emissions.new_empty(tensor.shape) for tensor in (emissions, transitions, start, end))
    return by_emissions, by_transitions, by_start, by_end


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _differentiate(ctx: Any, d_result: Tensor) -> tuple[Any, ...]:
    return (*backward(d_result, *ctx.saved_tensors), None, None)


forward.register_autograd(_differentiate, setup_context=_keep)


def _keep_all(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    ctx.save_for_backward(*inputs)


def _differentiate_twice(ctx: Any, *given: Tensor) -> tuple[Any, ...]:
    """The gradient of the gradient, from the sums written in torch."""
    *sources, targets, lengths = ctx.saved_tensors
    with torch.enable_grad():
        weight, emissions, transitions, start, end = sources = [tensor.detach().requires_grad_() for tensor in sources]
        total = (weight * stepwise(emissions, transitions, start, end, targets, lengths)).sum()
        gradients = torch.autograd.grad(total, sources[1:], create_graph=True)
        seconds = torch.autograd.grad(gradients, sources, given, allow_unused=True)
    return (*seconds, None, None)


backward.register_autograd(_differentiate_twice, setup_context=_keep_all)


def stepwise(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, targets: Tensor | None, lengths: Tensor | None) -> Tensor:
    """`partition` in torch: logarithms of sums, handed on from step to step."""
    batch, time, _ = emissions.shape
    rest = emissions.new_full((batch,), time, dtype=torch.int64) if lengths is None else lengths
    alpha = start.expand(batch, -1)
    for t, row in enumerate(emissions.unbind(1)):
        reached = alpha if t == 0 else _log_sum(alpha[:, :, None] + transitions, 1)
        alpha = torch.where((t < rest)[:, None], reached + row, alpha)
    total = torch.where(rest > 0, _log_sum(alpha + end, 1), 0.0)
    if targets is None:
        return total
    less = torch.where(total == -torch.inf, torch.inf, total - _score(emissions, transitions, start, end, targets, rest))
    return less.clamp(min=0)


def _log_sum(values: Tensor, axis: int) -> Tensor:
    """ln Σ exp, with a gradient of 0, not NaN, where every summand is −∞."""
    nothing = (values == -torch.inf).all(axis, keepdim=True)
    return values.masked_fill(nothing, 0.0).logsumexp(axis).masked_fill(nothing.squeeze(axis), -torch.inf)


def _score(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """(batch,) the score of each path; what stands beyond the lengths does not count."""
    batch, time, _ = emissions.shape
    if time == 0:
        return emissions.new_zeros(batch)
    valid = torch.arange(time, device=emissions.device) < lengths[:, None]
    tags = targets.masked_fill(~valid, 0)
    steps = emissions.gather(2, tags[:, :, None])[:, :, 0].masked_fill(~valid, 0.0).sum(1)
    pairs = transitions[tags[:, :-1], tags[:, 1:]].masked_fill(~valid[:, 1:], 0.0).sum(1)
    last = tags.gather(1, (lengths.to(torch.int64) - 1).clamp(min=0)[:, None])[:, 0]
    return torch.where(lengths > 0, steps + pairs + start[tags[:, 0]] + end[last], 0.0)


def _best_paths(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, count: int, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """`best_paths` in torch: at each step the `count` best ways to every tag, and where they came from."""
    batch, time, tags = emissions.shape
    device = emissions.device
    paths = torch.full((batch, count, time), -1, device=device)
    scores = torch.full((batch, count), -torch.inf, dtype=torch.float64, device=device)
    for b in range(batch):
        length = time if lengths is None else int(lengths[b])
        if length == 0:
            scores[b, 0] = 0.0
            continue
        rows = emissions[b, :length].double()
        ways = torch.full((count, tags), -torch.inf, dtype=torch.float64, device=device)
        ways[0] = start.double() + rows[0]
        origins = []
        for row in rows[1:]:
            reached = (ways.T[:, :, None] + transitions.double()[:, None, :]).flatten(0, 1)  # (tags · count, tags), from the smaller tag first
            ways, origin = reached.sort(dim=0, descending=True, stable=True)
            ways, origin = ways[:count] + row, origin[:count]
            origins.append(origin)
        ended, place = (ways + end.double()).T.flatten().sort(dim=0, descending=True, stable=True)
        for k in range(min(count, len(ended))):
            if ended[k] == -torch.inf:
                break
            scores[b, k] = ended[k]
            tag, rank = divmod(int(place[k]), count)
            for t in range(length - 1, -1, -1):
                paths[b, k, t] = tag
                if t:
                    tag, rank = divmod(int(origins[t - 1][rank, tag]), count)
    return paths, scores
