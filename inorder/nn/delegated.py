"""Plain cells by torch's own kernels, where those are the faster ones: cuDNN on a GPU, oneDNN for an LSTM of many units or on many cores.

Our kernel gives each thread whole sequences, so that none waits for another; every thread then reads all weights at every step. With few sequences for
each, or with weights beyond the caches, oneDNN, which shares out each product and cuts it into blocks, is ahead; elsewhere ours was as fast or faster.

Ragged batches need no packing: the outputs before the padding do not see it, and an LSTM's cell is held there by one more input, 1 where
a step is padding, that shuts the input gate and opens the forget gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from inorder.data.batch import valid_mask

if TYPE_CHECKING:
    from inorder.nn.cells import Cell, State
    from inorder.nn.recurrent_stack import RecurrentStack
    from inorder.nn.rows import Rows

SHUT = 1e4  # added to a gate before the sigmoid: beyond ±1e4 it is exactly 0 or 1 in every precision
BATCH, EACH, WIDE = 16, 8, 512  # oneDNN does an LSTM of at least so many sequences, of fewer than so many for each thread or of so many units


def can(layer: RecurrentStack, x: Tensor, rows: Rows) -> bool:
    """Whether torch's own kernel does what this layer asks, and is the better choice."""
    if not layer.plain or torch.compiler.is_compiling() or rows.count == 0:
        return False
    if x.is_cuda:
        return True
    if torch.is_autocast_enabled("cpu"):  # oneDNN's LSTM has no such precision on every processor
        return False
    better = rows.batch >= BATCH and (rows.batch < EACH * torch.get_num_threads() or layer.hidden >= WIDE)
    return better and layer.kind == "lstm" and layer.units == layer.hidden and x.dtype == torch.float32 and rows.whole


def run(cell: Cell, weight: Tensor, bias: Tensor | None, x: Tensor, rows: Rows, state: State, *, reverse: bool) -> tuple[Tensor, State]:
    """(rows, units) and the last state of one plain cell.   weight, bias: of the product with the inputs."""
    place = None
    if rows.whole:
        padded = x.unflatten(0, (rows.batch, rows.time))  # type: ignore[no-untyped-call]
        padded = padded.flip(1) if reverse else padded
        valid = None
    else:
        t = torch.arange(int(rows.lengths.max()), device=x.device)
        valid = valid_mask(rows.lengths, len(t))
        ahead = rows.lengths[:, None] - 1 - t if reverse else t.expand(len(rows.lengths), -1)
        place = torch.where(valid, rows.starts[:, None] + ahead, 0)
        padded = torch.where(valid[:, :, None], x[place], 0.0)
    weights = [weight, cell.weight]
    if bias is not None:
        second = torch.zeros_like(bias)
        if cell.bias is not None:
            second = torch.cat([second[: -len(cell.bias)], cell.bias])
        weights += [bias, second]
    if cell.projection is not None:
        weights.append(cell.projection)
    start = tuple(part[None].contiguous() for part in state)
    if cell.kind == "lstm":
        if valid is not None:
            hold = weight.new_zeros(4, cell.weight.shape[0] // 4)
            hold[0], hold[1] = -SHUT, SHUT
            padded = torch.cat([padded, (~valid)[:, :, None].to(padded.dtype)], 2)
            weights[0] = torch.cat([weight, hold.reshape(-1, 1)], 1)
        output, *end = torch.lstm(padded, start, weights, bias is not None, 1, 0.0, torch.is_grad_enabled(), False, True)
    else:
        layer = {"gru": torch.gru, "tanh": torch.rnn_tanh, "relu": torch.rnn_relu}[cell.kind]
        output, *end = layer(padded, start[0], weights, bias is not None, 1, 0.0, torch.is_grad_enabled(), False, True)
    if place is None:
        return (output.flip(1) if reverse else output).flatten(0, 1), tuple(part[0] for part in end)
    assert valid is not None
    last = (rows.lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, output.shape[2])
    hidden = torch.where(rows.lengths[:, None] > 0, output.gather(1, last)[:, 0], state[0])
    flat = output.new_zeros(rows.count, output.shape[2]).index_copy(0, place[valid], output[valid])
    return flat, (hidden, *(part[0] for part in end[1:]))
