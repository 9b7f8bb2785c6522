"""One long sequence as batches that go on where they ended: nothing is lost, and any place can be taken up."""

from __future__ import annotations

import pytest
import torch

from inorder.data.batch import Batch
from inorder.data.streams import Streams
from inorder.errors import ConfigError, ShapeError


@pytest.mark.parametrize(("time", "rows", "steps"), [(60, 4, 5), (61, 4, 5), (7, 3, 9), (5, 4, 1), (3, 3, 1)])
def test_streams_go_on_where_they_ended_and_lose_nothing(time, rows, steps):
    x = torch.arange(float(time))
    batches = Streams(x[:, None], x + 1, rows, steps)
    epoch = list(batches.epoch(0))
    assert len(epoch) == len(batches)
    pieces = [torch.cat([batch.inputs[i, : batch.lengths[i], 0] for batch in epoch]) for i in range(rows)]
    assert torch.equal(torch.cat(pieces), x)
    assert all(torch.equal(batch.targets[batch.valid], batch.inputs[batch.valid][:, 0] + 1) for batch in epoch)
    rest = list(batches.epoch_from(2, 1))
    assert len(rest) == len(epoch) - 1 and all(torch.equal(a.inputs, b.inputs) for a, b in zip(rest, epoch[1:], strict=True))


def test_streams_that_cannot_be_cut_are_refused():
    with pytest.raises(ShapeError, match="3 rows, too few for 4 pieces"):
        Streams(torch.zeros(3, 1), torch.zeros(3), 4, 2)
    with pytest.raises(ShapeError, match=r"\(3, 1\) and \(2,\)"):
        Streams(torch.zeros(3, 1), torch.zeros(2), 1, 2)
    with pytest.raises(ConfigError, match="`steps`"):
        Streams(torch.zeros(3, 1), torch.zeros(3), 1, 0)


def test_a_batch_in_chunks_is_the_batch():
    batch = Batch.of([torch.randn(n, 2) for n in (7, 4, 0)], [torch.randn(n) for n in (7, 4, 0)])
    chunks = list(batch.chunks(3))
    assert [chunk.lengths.tolist() for chunk in chunks] == [[3, 3, 0], [3, 1, 0], [1, 0, 0]]
    assert torch.equal(torch.cat([chunk.inputs for chunk in chunks], 1), batch.inputs)
    assert torch.equal(torch.cat([chunk.valid for chunk in chunks], 1), batch.valid)
