"""A small recurrent model with dropout, its data and its loss, for tests that train in this process and in others."""

from __future__ import annotations

import torch
from torch import nn

from inorder.data.bucketing import Bucketed
from inorder.data.streams import Streams
from inorder.losses.sums import Sum
from inorder.nn.recurrent import LSTM
from inorder.train.teacher_forcing import ScheduledSampling, unroll_mixed
from inorder.train.update import current_step


class Small(nn.Module):
    def __init__(self, dropout: float = 0.3, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layer, self.dropout, self.output = LSTM(1, 4), nn.Dropout(dropout), nn.Linear(4, 1)

    def forward(self, x, lengths=None, state=None):
        hidden, state = self.layer(x, lengths, state)
        return self.output(self.dropout(hidden))[..., 0], state


def squared(model, batch):
    ahead, _ = model(batch.inputs, batch.lengths)
    return Sum(torch.where(batch.valid, (ahead - batch.targets) ** 2, 0.0).sum(), batch.valid.sum())


def squared_on(model, batch, state):
    ahead, state = model(batch.inputs, batch.lengths, state)
    return Sum(torch.where(batch.valid, (ahead - batch.targets) ** 2, 0.0).sum(), batch.valid.sum()), state


SAMPLING = ScheduledSampling("linear", start=1.0, end=0.2, steps=15, seed=2)


def sampled_on(model, batch, state):
    """Scheduled sampling: the model's next input is the truth or what it said itself, by draws that belong to the training step."""
    state = model.layer.init(len(batch.inputs)) if state is None else state
    shown = SAMPLING.truths(*batch.targets.shape, current_step())

    def step(x, state):
        hidden, state = model.layer.step(x, state)
        return model.output(hidden), state

    ahead, state = unroll_mixed(step, state, batch.inputs[:, 0], batch.targets[..., None], shown)
    return Sum(torch.where(batch.valid, (ahead[..., 0] - batch.targets) ** 2, 0.0).sum(), batch.valid.sum()), state


def sampled(model, batch):
    return sampled_on(model, batch, None)[0]


def wave(count: int = 24, seed: int = 0) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Sequences of unequal lengths, each with its next value as target."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 9, (count,), generator=generator).tolist()
    rows = [torch.sin(torch.arange(n + 1.0) + i) + 0.1 * torch.randn(n + 1, generator=generator) for i, n in enumerate(lengths)]
    return [row[:-1, None] for row in rows], [row[1:] for row in rows]


def bucketed(count: int = 24, size: int = 4) -> Bucketed:
    return Bucketed.of(*wave(count), batch_size=size, seed=3)


def streams(time: int = 60) -> Streams:
    row = torch.sin(torch.arange(time + 1.0))
    return Streams(row[:-1, None], row[1:], batch_size=4, steps=5)


def flat(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in model.parameters()])
