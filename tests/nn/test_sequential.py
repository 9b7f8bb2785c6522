"""Layers one after the other: what they compute together, and with torch's own between them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from inorder.errors import ConfigError, ShapeError
from inorder.nn import LSTM, Conv1d, Sequential
from inorder.nn.normalization import BatchNorm


def test_a_hybrid_of_convolution_and_lstm_is_one_after_the_other():
    torch.manual_seed(0)
    convolution, lstm, linear = Conv1d(3, 4, 5), LSTM(4, 6), nn.Linear(6, 2)
    hybrid = Sequential(convolution, nn.ReLU(), lstm, linear)
    x, lengths = torch.randn(3, 9, 3), torch.tensor([9, 0, 5])
    below, seen = convolution(x, lengths)
    above, last = lstm(below.relu(), lengths)
    output, state = hybrid(x, lengths)
    real = (torch.arange(9) < lengths[:, None])[:, :, None]
    assert torch.equal(output, linear(above) * real)
    assert torch.equal(state[0], seen) and torch.equal(state[2].cell, last.cell) and state[1] is state[3] is None
    row = torch.randn(3, 3)
    below, _ = convolution.step(row, seen)
    above, _ = lstm.step(below.relu(), last)
    torch.testing.assert_close(hybrid.step(row, state)[0], linear(above))


def test_a_layer_without_steps_gets_the_lengths():
    torch.manual_seed(0)
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 2])
    alone, within = BatchNorm(3), BatchNorm(3)
    hybrid = Sequential(within)
    assert torch.equal(hybrid(x, lengths)[0], alone(x, lengths))
    assert torch.equal(within.running_mean, alone.running_mean)
    torch.testing.assert_close(torch.compile(hybrid, fullgraph=True, backend="eager")(x)[0], alone(x))
    with pytest.raises(ConfigError, match="BatchNorm looks at whole sequences and has no `step`"):
        hybrid.step(x[:, 0], hybrid.init(2))


@pytest.mark.parametrize("lengths", [None, torch.tensor([5, 2])])
def test_a_module_whose_output_is_no_tensor_is_refused(lengths):
    with pytest.raises(ConfigError, match="LSTM returns a tuple, not a tensor; put a layer of inorder.nn in its place"):
        Sequential(nn.Linear(3, 3), nn.LSTM(3, 4, batch_first=True))(torch.zeros(2, 5, 3), lengths)


def test_wrong_parts_are_named():
    with pytest.raises(ConfigError, match="one layer or more"):
        Sequential()
    hybrid = Sequential(Conv1d(3, 4, 2), nn.ReLU())
    with pytest.raises(ShapeError, match="2 layers has one part for each; this one has 1"):
        hybrid.step(torch.zeros(1, 3), hybrid.init(1)[:1])
