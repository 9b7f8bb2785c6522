"""Embeddings: rows of a table, which padding and dropout set to zero, and which the output layer may share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.nn import Embedding

SYMBOLS = torch.tensor([[4, 2, 0], [2, 2, 1]])


def test_vectors_and_gradients_are_rows_of_the_table():
    layer = Embedding(5, 3, scale=True).double()
    output = layer(SYMBOLS)
    np.testing.assert_array_equal(output.detach().numpy(), layer.weight.detach().numpy()[SYMBOLS.numpy()] * 3**0.5)
    output.sum().backward()
    np.testing.assert_allclose(layer.weight.grad.sum(1).numpy(), 3**0.5 * 3 * np.array([1, 1, 3, 0, 1]), rtol=1e-12)
    assert tuple(layer(SYMBOLS[:0]).shape) == (0, 3, 3)


def test_padding_is_zero_and_learns_nothing_as_an_input():
    layer = Embedding(5, 3, padding=0)
    output = layer(SYMBOLS)
    assert not output[0, 2].any()
    assert output[0, :2].all()
    output.sum().backward()
    assert not layer.weight.grad[0].any()


def test_tied_scores_use_the_same_table_and_keep_the_padding_zero():
    layer = Embedding(5, 3, padding=0, tied=True).double()
    with torch.no_grad():
        layer.bias.copy_(torch.arange(5.0))
    hidden = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scores = layer.scores(hidden)
    np.testing.assert_allclose(scores.detach().numpy(), hidden.numpy() @ layer.weight.detach().numpy().T + np.arange(5), rtol=1e-12)
    scores.sum().backward()
    torch.optim.SGD(layer.parameters(), lr=1.0).step()
    assert layer.weight[0].any()
    assert not layer(torch.tensor([0])).any(), "zero as an input, whatever the output learns"
    assert sum(parameter.numel() for parameter in layer.parameters()) == 5 * 3 + 5
    with pytest.raises(ConfigError, match="tied=True"):
        Embedding(5, 3).scores(hidden)
    with pytest.raises(ShapeError, match="4 features on its last axis, but the vectors have 3"):
        layer.scores(torch.zeros(2, 4))


def test_dropout_takes_a_symbol_away_everywhere_in_the_batch():
    layer = Embedding(50, 2, dropout=0.4)
    symbols = torch.arange(50).repeat(3, 2)
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(layer(symbols))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    rows = outputs[0].reshape(6, 50, 2)
    assert torch.equal(rows, rows[:1].expand_as(rows))
    gone = ~rows[0].any(dim=1)
    assert 10 <= int(gone.sum()) <= 30
    torch.testing.assert_close(rows[0][~gone], layer.weight[~gone] / 0.6)
    assert torch.equal(layer.eval()(symbols[0, :50]), layer.weight)


def test_initial_deviation():
    torch.manual_seed(0)
    assert float(Embedding(1000, 64).weight.detach().std()) == pytest.approx(1 / 8, rel=0.02)


def test_wrong_symbols_and_settings_are_named():
    layer = Embedding(5, 3)
    with pytest.raises(ShapeError, match=r"symbols\[1, 0\]` is 5; the embedding knows the ids 0 to 4"):
        layer(torch.tensor([[1, 2], [5, 0]]))
    with pytest.raises(ShapeError, match=r"is -1;"):
        layer(torch.tensor([-1]))
    with pytest.raises(ShapeError, match="whole numbers, not torch.float32"):
        layer(torch.zeros(2))
    with pytest.raises(ConfigError, match="from 0 to 4, not 5"):
        Embedding(5, 3, padding=5)
    with pytest.raises(ConfigError, match="`dropout` is a share.*-0.1"):
        Embedding(5, 3, dropout=-0.1)
    with pytest.raises(ConfigError, match="`symbols` of an embedding"):
        Embedding(0, 3)


def test_it_compiles_and_is_exported_with_any_shape():
    layer = Embedding(5, 3, padding=0, scale=True, tied=True).eval()
    dims = {"symbols": {0: torch.export.Dim("batch", min=2, max=64), 1: torch.export.Dim("time", min=2, max=64)}}
    program = torch.export.export(layer, (SYMBOLS,), dynamic_shapes=dims).module()
    longer = torch.tensor([[1, 0, 2, 3, 4]] * 3)
    assert torch.equal(program(longer), layer(longer))
    assert torch.equal(torch.compile(layer, fullgraph=True, backend="aot_eager")(longer), layer(longer))
