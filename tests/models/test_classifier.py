"""Networks of whole sequences: their laws, for every encoder."""

from __future__ import annotations

import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.models.classifier import ENCODERS, SequenceClassifier, pooled


def network(encoder: str, **options) -> SequenceClassifier:
    torch.manual_seed(0)
    made = SequenceClassifier(3, 4, encoder=encoder, hidden=6, longest=20, **options)
    for module in made.modules():  # running means as after some training
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return made.double()


LENGTHS = torch.tensor([20, 13, 0, 1, 8])


def batch() -> torch.Tensor:
    return torch.randn(5, 20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_padding_and_company_change_nothing(encoder):
    model, x = network(encoder, layers=2).eval(), batch()
    together = model(x, LENGTHS)
    longer = torch.cat([x, torch.full((5, 7, 3), 55.0, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(model(longer, LENGTHS), together)
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(model(x[order], LENGTHS[order]), together[order])
    for i, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(model(x[i : i + 1, :length], LENGTHS[i : i + 1]), together[i : i + 1])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_padding_changes_nothing_in_training_either(encoder):
    """Batch normalisation counts real steps alone; so do the gradients."""
    found = []
    for more in (0, 9):
        model, x = network(encoder).train(), batch()
        x = torch.cat([x, torch.full((5, more, 3), -9.0, dtype=torch.float64)], dim=1)
        model(x, LENGTHS).square().sum().backward()
        found.append([parameter.grad for parameter in model.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gradients_are_the_numerical_ones(encoder):
    model, x = network(encoder).eval(), batch()[:3, :6].requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: model(x, torch.tensor([6, 3, 0])), (x,))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_real_step_counts_and_none_beyond(encoder):
    """cnn-lstm pools: a step counts where it is the greatest of its four."""
    model, x = network(encoder).eval(), batch().requires_grad_(True)
    model(x, LENGTHS).square().sum().backward()
    seen = x.grad.abs().sum(dim=2) > 0
    for row, length in zip(seen, LENGTHS.tolist(), strict=True):
        assert not row[length:].any()
        assert row[:length].float().mean() > 0.9 or length == 0


def test_pooling_of_nothing_is_zero():
    h = torch.randn(2, 4, 3)
    assert not pooled(h, torch.tensor([0, 2]))[0].any()
    assert pooled(h[:, :0], torch.tensor([0, 0])).shape == (2, 6)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match='Encoder "lstm" is unknown. Did you mean "bilstm"'):
        SequenceClassifier(1, 2, encoder="lstm")
    with pytest.raises(ShapeError, match="2 features on axis 2, but the layer takes 3"):
        network("cnn")(torch.zeros(1, 5, 2, dtype=torch.float64), torch.tensor([5]))
