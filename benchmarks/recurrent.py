"""Recurrent layers beside torch's own: forward and backward, with and without options, ragged batches, single steps, traces.

"the limit" beside them is what all products of the layer would take at the speed of one large matrix product, measured in the same round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.case import Case, Program, Target, require, timed
from inorder.nn import GRU, LSTM, RNN
from inorder.nn.traces import trace

Size = tuple[int, int, int, int]  # time, batch, inputs, hidden
LARGE: dict[Size, tuple[float, float]] = {(100, 32, 64, 128): (1.4, 0.98), (100, 32, 256, 256): (1.3, 0.98), (50, 64, 512, 512): (1.1, 0.98)}
SMALL: dict[Size, tuple[float, float]] = {(200, 1, 64, 128): (8.0, 1.2), (1000, 8, 32, 64): (8.0, 1.2), (100, 8, 64, 128): (1.0, 1.2)}
GATES = {GRU: 3, LSTM: 4, RNN: 1}


def gru(quick: bool) -> list[Case]:
    """GRU, forward and backward, beside nn.GRU."""
    sizes = {**LARGE, **{size: targets for size, targets in SMALL.items() if size != (100, 8, 64, 128)}}
    return [beside_torch("GRU", GRU, nn.GRU, size, targets[0], quick) for size, targets in sizes.items()]


def lstm(quick: bool) -> list[Case]:
    """LSTM, forward and backward, beside nn.LSTM, which is near the limit for larger batches."""
    return [beside_torch("LSTM", LSTM, nn.LSTM, size, targets[1], quick) for size, targets in {**LARGE, **SMALL}.items()]


def rnn(quick: bool) -> list[Case]:
    """The plain layer, forward and backward, beside nn.RNN."""
    return [beside_torch("RNN", RNN, nn.RNN, size, 1.0, quick) for size in (*LARGE, *SMALL)]


def beside_torch(name: str, ours: Any, theirs: Any, size: Size, target: float, quick: bool) -> Case:
    time, batch, inputs, hidden = shortened(size, quick)
    torch.manual_seed(0)
    mine, other = ours(inputs, hidden), theirs(inputs, hidden, batch_first=True)
    other.load_state_dict(mine.state_dict())
    x, weights = torch.randn(batch, time, inputs, requires_grad=True), torch.randn(batch, time, hidden)

    def check() -> dict[str, Any]:
        return agree(mine, lambda: mine(x)[0], other, lambda: other(x)[0], x, weights)

    programs = {
        f"inorder.nn.{name}": work(mine, lambda: mine(x)[0], x, weights),
        f"nn.{name}": work(other, lambda: other(x)[0], x, weights),
        "the limit": limit(3 * 2 * batch * time * (inputs + hidden) * hidden * GATES[ours]),
    }
    return Case(f"{name} {batch} × {time}, {inputs} → {hidden}", sizes(size), programs, check, [Target("time", target, f"nn.{name}", at_least=True)], 9)


def layer_norm(quick: bool) -> list[Case]:
    """LSTM with layer norm on gates and cell, beside an eager loop over the same equations, and beside nn.LSTM without a norm."""
    return [norm_case(size, quick) for size in ((100, 32, 64, 128), (100, 8, 64, 128), (200, 1, 64, 128))]


def norm_case(size: Size, quick: bool) -> Case:
    time, batch, inputs, hidden = shortened(size, quick)
    torch.manual_seed(0)
    mine, without = LSTM(inputs, hidden, layer_norm=True), nn.LSTM(inputs, hidden, batch_first=True)
    x, weights = torch.randn(batch, time, inputs, requires_grad=True), torch.randn(batch, time, hidden)
    scales = [value.view(4, hidden) for value in (mine.norm_scale_l0, mine.norm_shift_l0)]

    def loop() -> Tensor:
        """As one writes it by hand, with the inputs multiplied at once and `unbind`."""
        pre = nn.functional.linear(x, mine.weight_ih_l0)
        h = c = x.new_zeros(batch, hidden)
        outputs = []
        for now in pre.unbind(1):
            a = nn.functional.layer_norm((now + h @ mine.weight_hh_l0.T).view(batch, 4, hidden), (hidden,)) * scales[0] + scales[1]
            i, f, g, o = a.unbind(1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            shown = nn.functional.layer_norm(c, (hidden,), mine.cell_norm_scale_l0, mine.cell_norm_shift_l0)
            h = torch.sigmoid(o) * torch.tanh(shown)
            outputs.append(h)
        return torch.stack(outputs, 1)

    def check() -> dict[str, Any]:
        return agree(mine, lambda: mine(x)[0], mine, loop, x, weights)

    programs = {
        "inorder.nn.LSTM, layer norm": work(mine, lambda: mine(x)[0], x, weights),
        "eager loop": work(mine, loop, x, weights),
        "nn.LSTM, no norm": work(without, lambda: without(x)[0], x, weights),
        "the limit": limit(3 * 2 * batch * time * (inputs + hidden) * hidden * 4),
    }
    targets = [Target("time", 2.0 if batch >= 32 else 8.0, "eager loop", at_least=True), Target("time", 1.3, "nn.LSTM, no norm")]
    return Case(f"LSTM with layer norm {batch} × {time}, {inputs} → {hidden}", sizes(size), programs, check, targets, 7)


def ragged(quick: bool) -> list[Case]:
    """Sequences of unequal length, 60 % of the longest in the mean, beside packed input; padding and unpacking are counted on both sides."""
    cases = []
    for name, ours, theirs in (("LSTM", LSTM, nn.LSTM), ("GRU", GRU, nn.GRU)):
        cases += [ragged_case(name, ours, theirs, size, quick) for size in ((100, 32, 64, 128), (100, 32, 256, 256), (100, 8, 64, 128))]
    return cases


def ragged_case(name: str, ours: Any, theirs: Any, size: Size, quick: bool) -> Case:
    time, batch, inputs, hidden = shortened(size, quick)
    torch.manual_seed(0)
    mine, other = ours(inputs, hidden), theirs(inputs, hidden, batch_first=True)
    other.load_state_dict(mine.state_dict())
    x, weights = torch.randn(batch, time, inputs, requires_grad=True), torch.randn(batch, time, hidden)
    lengths = torch.linspace(0.2 * time, time, batch).round().long()[torch.randperm(batch)]

    def packed() -> Tensor:
        found = other(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[0]
        return pad_packed_sequence(found, batch_first=True, total_length=time)[0]

    def check() -> dict[str, Any]:
        return agree(mine, lambda: mine(x, lengths)[0], other, packed, x, weights) | {"mean length": f"{float(lengths.float().mean()) / time:.0%}"}

    programs = {
        f"inorder.nn.{name}": work(mine, lambda: mine(x, lengths)[0], x, weights),
        "packed": work(other, packed, x, weights),
        "the limit": limit(3 * 2 * int(lengths.sum()) * (inputs + hidden) * hidden * GATES[ours]),
    }
    target = [Target("time", 2.5, "packed", at_least=True)] if name == "LSTM" else []
    return Case(f"ragged {name} {batch} × {time}, {inputs} → {hidden}", sizes(size), programs, check, target, 7)


def streaming(quick: bool) -> list[Case]:
    """One observation at a time: a step of a stream beside nn.LSTMCell and nn.GRUCell."""
    return [step_case("LSTM", LSTM, nn.LSTMCell, 64, 8.0), step_case("LSTM", LSTM, nn.LSTMCell, 128, 8.0), step_case("GRU", GRU, nn.GRUCell, 64, None)]


def step_case(name: str, ours: Any, cell: Any, inputs: int, target: float | None, hidden: int = 128, steps: int = 1000) -> Case:
    torch.manual_seed(0)
    mine, other = ours(inputs, hidden), cell(inputs, hidden)
    other.load_state_dict({key.removesuffix("_l0"): value for key, value in mine.state_dict().items()})
    line = np.random.default_rng(0).normal(size=(steps, inputs)).astype(np.float32)
    rows = list(torch.from_numpy(line)[:, None])

    stream = mine.stream()

    def stepped() -> Any:
        stream.state = mine.init(1)
        return [stream.step(x) for x in line]

    def cells() -> Any:
        zeros, outputs = torch.zeros(1, hidden), []
        state = (zeros, zeros) if name == "LSTM" else zeros
        with torch.inference_mode():
            for x in rows:
                state = other(x, state)
                outputs.append(state[0] if name == "LSTM" else state)
        return outputs

    def check() -> dict[str, Any]:
        worst = max(float(np.abs(a - b[0].numpy()).max()) for a, b in zip(stepped(), cells(), strict=True))
        require(worst < 1e-5, f"outputs differ by up to {worst:g}.")
        return {"largest difference": worst}

    def each(program: Program) -> Program:
        return lambda: {"time": program()["time"] / steps}

    targets = [] if target is None else [Target("time", target, f"nn.{name}Cell", at_least=True)]
    return Case(
        f"one step, {name} {inputs} → {hidden}", {"steps": steps}, {"stream.step": each(timed(stepped)), f"nn.{name}Cell": each(timed(cells))}, check, targets
    )


def traces(quick: bool) -> list[Case]:
    """Every gate and cell of a trained nn.LSTM of two layers, beside its forward pass."""
    return [trace_case(*size) for size in ((200, 1, 64, 128), (1000, 1, 64, 256), (100, 32, 64, 128))]


def trace_case(time: int, batch: int, inputs: int, hidden: int) -> Case:
    torch.manual_seed(0)
    layer = nn.LSTM(inputs, hidden, 2, batch_first=True)
    x = torch.randn(batch, time, inputs)

    def forward() -> Tensor:
        with torch.inference_mode():
            output: Tensor = layer(x)[0]
        return output

    def check() -> dict[str, Any]:
        found, worst = trace(layer, x), 0.0
        below = x.double()
        for k in range(2):  # step by step in float64
            weights = [getattr(layer, f"{name}_l{k}").detach().double() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            h = c = torch.zeros(batch, hidden, dtype=torch.float64)
            states = []
            for t in range(time):
                a = below[:, t] @ weights[0].T + weights[2] + h @ weights[1].T + weights[3]
                i, f, g, o = (part.tanh() if n == 2 else part.sigmoid() for n, part in enumerate(a.chunk(4, 1)))
                c = f * c + i * g
                h = o * c.tanh()
                states.append(h)
                for name, truth in zip(("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden"), (i, f, g, o, c, h), strict=True):
                    worst = max(worst, float(np.abs(found[name][k, 0, :, t] - truth.numpy()).max()))
            below = torch.stack(states, 1)
        require(worst < 1e-6, f"gates differ from those computed in float64 by up to {worst:g}.")
        return {"largest difference of a gate": worst}

    programs = {"trace": timed(lambda: trace(layer, x)), "its forward pass": timed(forward)}
    return Case(f"trace of nn.LSTM, {batch} × {time}, {inputs} → {hidden}", {"layers": 2}, programs, check, [Target("time", 5.0, "its forward pass")], 7)


# --- parts ---


def shortened(size: Size, quick: bool) -> Size:
    return (max(5, size[0] // 10), *size[1:]) if quick else size


def sizes(size: Size) -> dict[str, int]:
    return dict(zip(("time", "batch", "inputs", "hidden"), size, strict=True))


def work(layer: nn.Module, forward: Callable[[], Tensor], x: Tensor, weights: Tensor) -> Program:
    """Forward and backward."""

    def once() -> None:
        layer.zero_grad()
        x.grad = None
        (forward() * weights).sum().backward()

    return timed(once, 0.1)


def limit(operations: float) -> Program:
    """What so many multiplications and additions take in one large product."""
    a, b = torch.randn(2048, 1024), torch.randn(1024, 1024)
    share = operations / (2 * 2048 * 1024 * 1024)
    product = timed(lambda: a @ b, 0.1)
    return lambda: {"time": product()["time"] * share}


def agree(one: nn.Module, forward: Callable[[], Tensor], other: nn.Module, backward: Callable[[], Tensor], x: Tensor, weights: Tensor) -> dict[str, Any]:
    """Outputs and gradients of both, as shares of the largest number."""
    found = []
    for layer, run in ((one, forward), (other, backward)):
        layer.zero_grad()
        x.grad = None
        output = run()
        (output * weights).sum().backward()
        assert x.grad is not None
        found.append([output.detach(), x.grad, *(parameter.grad.clone() for parameter in layer.parameters() if parameter.grad is not None)])
    worst = max(float((a - b).abs().max() / b.abs().max().clamp(min=1e-6)) for a, b in zip(*found, strict=True))
    require(worst < 1e-3, f"outputs or gradients differ by up to {worst:g} of the largest.")
    return {"largest difference": worst}
