"""minGRU beside the scan in logarithms of its paper, and the CRF loss beside pytorch-crf: forward and backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.case import Case, Program, Target, peer, require, timed

SCANS = [(32, 200, 64, 128), (32, 500, 128, 256), (1, 1000, 64, 128)]  # batch, time, inputs, hidden
CHAINS = [(32, 30, 20), (32, 100, 9), (8, 50, 50), (1, 40, 20)]  # batch, time, tags


def min_gru(quick: bool) -> list[Case]:
    """A minGRU layer and its recurrence alone, forward and backward, beside the parallel scan in logarithms (Feng et al. 2024, appendix B)."""
    sizes = SCANS[:1] if quick else SCANS
    return [*(layer(*size) for size in sizes), *(recurrence(*size) for size in sizes)]


def crf(quick: bool) -> list[Case]:
    """The loss of a linear-chain CRF on sequences of unequal length, forward and backward, beside pytorch-crf."""
    return [chain(*size) for size in (CHAINS[:2] if quick else CHAINS)]


def log_space_scan(pre: Tensor, log_first: Tensor) -> Tensor:
    """The authors' parallel form: ln h[t] = A[t] + ln Σ exp(ln fresh[s] − A[s]), A the running sum of ln keep.   pre: (batch, time, 2·hidden) of z, v."""
    z, v = pre.chunk(2, dim=-1)
    log_keep, log_update = -functional.softplus(z), -functional.softplus(-z)
    log_candidate = torch.where(v >= 0, (functional.relu(v) + 0.5).log(), -functional.softplus(-v))
    parts = torch.cat([log_first[:, None], log_update + log_candidate], dim=1)
    running = functional.pad(log_keep.cumsum(1), (0, 0, 1, 0))
    return (running + (parts - running).logcumsumexp(1)).exp()[:, 1:]


def layer(batch: int, time: int, inputs: int, hidden: int) -> Case:
    """The whole layer: the product of its inputs is the same for both."""
    from inorder.nn import MinGRU

    torch.manual_seed(0)
    ours, theirs = MinGRU(inputs, hidden), nn.Linear(inputs, 2 * hidden)
    theirs.load_state_dict({"weight": ours.weight_ih_l0.detach(), "bias": ours.bias_ih_l0.detach()})
    x, state = torch.randn(batch, time, inputs), torch.full((1, batch, hidden), 0.5)
    log_first = state[0].log()

    def our_run() -> Tensor:
        output: Tensor = ours(x, state=state)[0]
        return output

    def their_run() -> Tensor:
        return log_space_scan(theirs(x), log_first)

    return beside(
        f"MinGRU layer, time {time}",
        {"batch": batch, "time": time, "inputs": inputs, "hidden": hidden},
        our_run,
        their_run,
        list(ours.parameters()),
        list(theirs.parameters()),
    )


def recurrence(batch: int, time: int, inputs: int, hidden: int) -> Case:
    """Gates and recurrence alone, on the products of the inputs."""
    from inorder.kernels.linear_scan import gated_scan

    torch.manual_seed(0)
    pre, first = torch.randn(batch, time, 2 * hidden, requires_grad=True), torch.full((batch, hidden), 0.5)
    log_first = first.log()
    case = beside(
        f"recurrence of a minGRU, time {time}",
        {"batch": batch, "time": time, "hidden": hidden},
        lambda: gated_scan(pre, first)[0],
        lambda: log_space_scan(pre, log_first),
        [pre],
        [pre],
    )
    # what has to be moved: pre, h; then pre, h, its gradient, that of pre
    return Case(
        case.name, case.sizes, {**case.programs, "copying as many bytes": copying(batch * time * hidden * (2 + 1 + 2 + 1 + 1 + 2))}, case.check, case.targets
    )


def copying(numbers: int) -> Program:
    """The memory limit: half of the numbers are read, half are written."""
    source, target = torch.zeros(numbers // 2), torch.zeros(numbers // 2)
    return timed(lambda: target.copy_(source))


def beside(name: str, sizes: dict[str, int], ours: Any, theirs: Any, our_leaves: list[Tensor], their_leaves: list[Tensor]) -> Case:
    def learn(run: Any, leaves: list[Tensor]) -> tuple[Tensor, ...]:
        output = run()
        return (output, *torch.autograd.grad(output.square().mean(), leaves))

    def check() -> dict[str, Any]:
        worst = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(learn(ours, our_leaves), learn(theirs, their_leaves), strict=True))
        require(worst < 2e-3, f"outputs or gradients differ by up to {worst:g} of their size.")  # the logarithms cost digits: 1e-4 in h
        return {"largest difference": worst}

    programs = {"inorder": timed(lambda: learn(ours, our_leaves)), "scan in logarithms": timed(lambda: learn(theirs, their_leaves))}
    return Case(name, sizes, programs, check, [Target("time", 8.0, "scan in logarithms", at_least=True)])


def chain(batch: int, time: int, tags: int) -> Case:
    from inorder.nn import CRF

    torch.manual_seed(0)
    ours = CRF(tags)
    emissions, targets = torch.randn(batch, time, tags, requires_grad=True), torch.randint(0, tags, (batch, time))
    lengths = torch.randint(1, time + 1, (batch,))
    lengths[0] = time
    leaves = [emissions, ours.transitions, ours.start, ours.end]

    def our_step() -> tuple[Tensor, ...]:
        loss = ours(emissions, targets, lengths).sum()
        return (loss, *torch.autograd.grad(loss, leaves))

    def rival() -> Any:
        from torchcrf import CRF as Rival

        theirs = Rival(tags, batch_first=True)
        theirs.load_state_dict({"transitions": ours.transitions.detach(), "start_transitions": ours.start.detach(), "end_transitions": ours.end.detach()})
        real = torch.arange(time) < lengths[:, None]

        def their_step() -> tuple[Tensor, ...]:
            loss = -theirs(emissions, targets, mask=real, reduction="sum")
            return (loss, *torch.autograd.grad(loss, [emissions, theirs.transitions, theirs.start_transitions, theirs.end_transitions]))

        return their_step

    theirs = peer("torchcrf", lambda: timed(rival()))

    def check() -> dict[str, Any]:
        from inorder.textbook import crf as textbook

        weights = textbook.CRFWeights(*(part.detach().double().numpy() for part in (ours.transitions, ours.start, ours.end)))
        rows = zip(emissions.detach().double().numpy(), targets.tolist(), lengths.tolist(), strict=True)
        truth = sum(textbook.loss(row[:n], tuple(path[:n]), weights) for row, path, n in rows)
        found = our_step()
        off = abs(float(found[0].detach()) / truth - 1)
        require(off < 1e-6, f"the loss differs from the textbook's by {off:g} of its size.")
        facts: dict[str, Any] = {"loss, relative to the textbook": off}
        if callable(theirs):
            worst = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found[1:], rival()()[1:], strict=True))
            require(worst < 1e-3, f"gradients differ from pytorch-crf's by up to {worst:g} of their size.")
            facts["gradients, largest difference"] = worst
        return facts

    sizes = {"batch": batch, "time": time, "tags": tags}
    return Case(
        f"CRF loss, {tags} tags", sizes, {"inorder": timed(our_step), "pytorch-crf": theirs}, check, [Target("time", 5.0, "pytorch-crf", at_least=True)]
    )
