"""Your own PyTorch module, trained by `inorder.train.fit`: sequences of unequal length, a loss as a sum, a run that resumes.

The task: a row of 0s and 1s; say at every step whether there has been an even or an odd number of 1s so far.

Run: python examples/train_your_own_model.py
"""

import tempfile

import torch
from torch import nn

import inorder
from inorder.data.bucketing import Bucketed
from inorder.losses.cross_entropy import cross_entropy
from inorder.train.curriculum import Curriculum


class Parity(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = inorder.nn.LSTM(1, 16)
        self.output = nn.Linear(16, 2)

    def forward(self, x, lengths):
        hidden, _ = self.layer(x, lengths)
        return self.output(hidden)


def loss(model, batch):
    """The summed loss and the count of its targets: padding, accumulation and several processes then change nothing."""
    return cross_entropy(model(batch.inputs, batch.lengths), batch.targets, batch.valid)


def sequences(count: int, seed: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randint(0, 2, (int(n),), generator=generator) for n in torch.randint(2, 13, (count,), generator=generator)]
    return [row[:, None].float() for row in rows], [row.cumsum(0) % 2 for row in rows]


torch.manual_seed(0)
torch.set_num_threads(1)  # a small model is faster with one
model = Parity()
batches, held_back = Bucketed.of(*sequences(2000, seed=0), batch_size=50), Bucketed.of(*sequences(300, seed=1), batch_size=100)
print(f"{len(batches)} batches of like length an epoch; {100 * batches.padding:.0f} % of their steps are padding")

training = inorder.train.Training(learning_rate=0.02, schedule="cosine", max_epochs=12, patience=6)
with tempfile.TemporaryDirectory() as directory:  # yours would stay: a run that is killed goes on from there
    record = inorder.train.fit(model, Curriculum(batches, epochs=4), loss, training, valid=held_back, directory=directory, progress=True)
for epoch in record.epochs[::3]:
    print(f"epoch {epoch.epoch:2}: validation loss {epoch.validation_loss:.3f} nats")

batch = next(held_back.epoch(0))
with torch.no_grad():
    right = (model(batch.inputs, batch.lengths).argmax(-1) == batch.targets)[batch.valid]
print(f"right at {100 * right.float().mean():.1f} % of the steps")
assert right.float().mean() > 0.95
