"""Tasks that need memory: the adding problem and the copy task, learnt by LSTM and GRU and not by a plain recurrent network.

    adding   two of `length` numbers, uniform in 0 … 1, are marked: what is their sum?   An answer of 1, the mean, has an error of 1/6.
    copy     5 symbols of 4 kinds, `lag` steps of nothing, a signal: repeat them.        Guessing has an error of ln 4 = 1.386 nats a symbol.

Sources: Hochreiter & Schmidhuber 1997, §5.4; Arjovsky, Shah & Bengio 2016, §5; gates that begin open for as long as the task is: Jozefowicz
et al. 2015 and, spread over all time scales, Tallec & Ollivier 2018.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.case import Case, require, timed
from inorder.nn import GRU, LSTM, RNN
from inorder.nn.gradient_flow import gradient_flow

SYMBOLS, KINDS = 5, 4  # of the copy task
CELLS: dict[str, type[nn.Module]] = {"LSTM": LSTM, "GRU": GRU, "RNN": RNN}
BATCH, TESTED = 32, 256


@dataclass(frozen=True)
class Task:
    """draw: (sequences, steps of difficulty, generator) -> inputs, targets.   loss: of the head's output (batch, time, outputs).

    full: the difficulty that counts.   first: where training begins; it grows by 30 % whenever the running loss falls below `grow`.
    solved: the error that counts as solved.   guess: that of the best answer without memory.   hidden, rate, steps: units, learning rate, at most.
    spread: forget gates open over all time scales up to `full`; else every forget gate begins with a bias of 3.
    """

    name: str
    draw: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    inputs: int
    outputs: int
    full: int
    first: int
    grow: float
    solved: float
    guess: float
    hidden: int
    rate: float
    steps: int
    spread: bool


@dataclass(frozen=True)
class Learnt:
    """error: on sequences that were not trained on, at the full length.   reached: difficulty at the end.   before, after: ‖∂h_T/∂x₀‖."""

    error: float
    steps: int
    reached: int
    seconds: float
    before: float
    after: float
    solved: bool

    def __str__(self) -> str:
        verdict = "solved" if self.solved else "not solved"
        flow = f"gradient reaching the first step {self.before:.0e} → {self.after:.0e}"
        return f"{verdict}: error {self.error:.4f} after {self.steps} steps, {self.seconds:.0f} s; {flow}"


def adding_task(length: int = 400, hidden: int = 64, steps: int = 2500) -> Task:
    """One mark in each half; the answer is asked at the end."""

    def draw(count: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        values, marks, rows = torch.rand(count, length, generator=generator), torch.zeros(count, length), torch.arange(count)
        half = length // 2
        for low, high in ((0, half), (half, length)):
            marks[rows, torch.randint(low, high, (count,), generator=generator)] = 1.0
        return torch.stack([values, marks], dim=2), (values * marks).sum(1)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(output[:, -1, 0], target)

    return Task(f"adding problem, length {length}", draw, loss, 2, 1, length, length, 0.0, 0.01, 1 / 6, hidden, 0.003, steps, True)


def copy_task(lag: int = 100, hidden: int = 128, steps: int = 4000) -> Task:
    """Inputs are one-hot: the kinds, nothing, and the signal to begin. Longer lags are learnt after shorter ones."""

    def draw(count: int, lag: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        symbols = torch.randint(0, KINDS, (count, SYMBOLS), generator=generator)
        shown = torch.full((count, SYMBOLS + lag + SYMBOLS), KINDS)
        shown[:, :SYMBOLS], shown[:, SYMBOLS + lag - 1] = symbols, KINDS + 1
        return functional.one_hot(shown, KINDS + 2).float(), symbols

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(output[:, -SYMBOLS:].flatten(0, 1), target.flatten())

    return Task(f"copy task, lag {lag}", draw, loss, KINDS + 2, KINDS, lag, 1, 0.3, 0.1, math.log(KINDS), hidden, 0.003, steps, False)


def made(task: Task, cell: str) -> tuple[nn.Module, nn.Linear]:
    """The recurrent layer and its head. Recurrent weights are orthogonal; gates are set to remember, which a plain network has no means for."""
    layer, head = CELLS[cell](task.inputs, task.hidden), nn.Linear(task.hidden, task.outputs)
    if cell == "RNN":
        return layer, head
    hidden = task.hidden
    stay = torch.log(1 + torch.rand(hidden) * (task.full - 2)) if task.spread else torch.full((hidden,), 3.0)
    with torch.no_grad():
        layer.get_parameter("bias_ih_l0")[hidden : 2 * hidden] = stay  # the forget gate of an LSTM, the update gate of a GRU: both keep
        if cell == "LSTM" and task.spread:
            layer.get_parameter("bias_ih_l0")[:hidden] = -stay
    return layer, head


def learn(task: Task, cell: str, seed: int = 0) -> Learnt:
    """Adam, gradients clipped at norm 1, fresh sequences at every step; stops once the running loss at the full length is well below `solved`."""
    torch.manual_seed(seed)
    layer, head = made(task, cell)
    generator = torch.Generator().manual_seed(seed)
    parameters = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, task.rate, betas=(0.9, 0.99))
    probe = task.draw(4, task.full, torch.Generator().manual_seed(seed + 1))[0]

    def reach() -> float:
        return float(gradient_flow(layer, probe).median[-1])

    before, difficulty, running, began, taken = reach(), task.first, task.guess, time.perf_counter(), 0
    while taken < task.steps:
        x, target = task.draw(BATCH, difficulty, generator)
        loss = task.loss(head(layer(x)[0]), target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        taken += 1
        running += 0.05 * (loss.item() - running)
        if difficulty == task.full and running < 0.7 * task.solved:
            break
        if difficulty < task.full and running < task.grow:
            difficulty = min(task.full, max(difficulty + 2, int(difficulty * 1.3)))
    seconds = time.perf_counter() - began
    x, target = task.draw(TESTED, task.full, torch.Generator().manual_seed(seed + 2))
    with torch.no_grad():
        error = float(task.loss(head(layer(x)[0]), target))
    return Learnt(error, taken, difficulty, seconds, before, reach(), error < task.solved)


def adding(quick: bool) -> list[Case]:
    """The adding problem at length 400: LSTM and GRU below an error of 0.01, a plain recurrent network not; guessing has 0.167."""
    return [case(adding_task(50, 32, 1500) if quick else adding_task())]


def copy(quick: bool) -> list[Case]:
    """The copy task at lag 100: LSTM and GRU below 0.1 nats a symbol, a plain recurrent network not; guessing has 1.386."""
    return [case(copy_task(10, 64, 1500) if quick else copy_task())]


def case(task: Task) -> Case:
    """What is timed is one step of training; what counts is `check`."""

    def check() -> dict[str, Any]:
        found = {cell: learn(task, cell) for cell in CELLS}
        for cell, learnt in found.items():
            require(learnt.solved == (cell != "RNN"), f"{task.name}, {cell}: {learnt}.")
        return {cell: str(learnt) for cell, learnt in found.items()} | {"error of guessing": round(task.guess, 4)}

    def step(cell: str) -> Callable[[], None]:
        layer, head = made(task, cell)
        x, target = task.draw(BATCH, task.full, torch.Generator().manual_seed(0))
        return lambda: task.loss(head(layer(x)[0]), target).backward()

    programs = {f"step of the {cell}": timed(step(cell)) for cell in CELLS}
    sizes = {"batch": BATCH, "hidden": task.hidden, "steps at most": task.steps}
    return Case(task.name, sizes, programs, check, gate="LSTM and GRU solve it, a plain recurrent network does not", repeats=3)
