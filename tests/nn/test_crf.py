"""The CRF layer: rules of spans, padding, errors, training. Its sums are tested in tests/kernels/test_crf.py."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.nn.crf import CRF, Allowed, bio_rules
from inorder.textbook import crf as textbook

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def made(tags: int = 5, **options) -> CRF:
    torch.manual_seed(0)
    return CRF(tags, **options).double()


def spans_are_well_formed(names: list[str]) -> bool:
    """BIO as it is defined: an I goes on with the span of its own type."""
    return all(not name.startswith("I-") or before[2:] == name[2:] for before, name in itertools.pairwise(["O", *names]))


def closed_spans_are_well_formed(names: list[str]) -> bool:
    """BIOES read from left to right."""
    inside = None
    for name in names:
        place, kind = name[0], name[2:]
        if (place in "IE" and inside != kind) or (place in "OBS" and inside is not None):
            return False
        inside = kind if place in "BI" else None
    return inside is None


@pytest.mark.parametrize(
    "labels, well_formed", [(LABELS, spans_are_well_formed), (["O", "B-X", "I-X", "E-X", "S-X", "B-Y", "E-Y"], closed_spans_are_well_formed)]
)
def test_rules_let_through_what_is_well_formed(labels, well_formed):
    rules = bio_rules(labels)
    seen = set()
    for path in itertools.product(range(len(labels)), repeat=3):
        allowed = bool(rules.start[path[0]] and rules.end[path[-1]] and all(rules.transitions[a, b] for a, b in itertools.pairwise(path)))
        assert allowed == well_formed([labels[tag] for tag in path]), [labels[tag] for tag in path]
        seen.add(allowed)
    assert seen == {True, False}


def test_what_is_forbidden_has_no_probability():
    crf = made(allowed=bio_rules(LABELS))
    emissions = torch.randn(1, 3, 5, dtype=torch.float64)
    probabilities = {}
    for path in itertools.product(range(5), repeat=3):
        if spans_are_well_formed([LABELS[tag] for tag in path]):
            probabilities[path] = torch.exp(-crf(emissions, torch.tensor([path]))).item()
        else:
            with pytest.raises(ConfigError, match="forbidden"):
                crf(emissions, torch.tensor([path]))
    assert sum(probabilities.values()) == pytest.approx(1.0, abs=1e-12)
    assert tuple(crf.decode(emissions)[0].tolist()) == max(probabilities, key=probabilities.__getitem__)
    for t, tag in itertools.product(range(3), range(5)):
        share = sum(p for path, p in probabilities.items() if path[t] == tag)
        assert crf.marginals(emissions)[0, t, tag].item() == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize("allowed", [None, bio_rules(LABELS)], ids=["everything", "bio"])
def test_padding_and_the_order_of_the_batch_change_nothing(allowed):
    crf = made(allowed=allowed)
    lengths = torch.tensor([6, 3, 1, 0])
    emissions = torch.randn(4, 6, 5, dtype=torch.float64)
    targets = torch.tensor([[0, 1, 2, 2, 0, 3], [1, 0, 0, 9, -1, 4], [3, 4, 4, 4, 4, 4], [2, 2, 2, 2, 2, 2]])
    poisoned = emissions.masked_fill(~(torch.arange(6) < lengths[:, None])[:, :, None], torch.nan).requires_grad_()
    loss = crf(poisoned, targets, lengths)
    for b, n in enumerate(lengths.tolist()):
        assert torch.allclose(loss[b], crf(emissions[b : b + 1, :n], targets[b : b + 1, :n])[0], atol=1e-12)
        path = crf.decode(poisoned, lengths)[b]
        assert torch.equal(path[:n], crf.decode(emissions[b : b + 1, :n])[0]) and (path[n:] == -1).all()
    order = torch.tensor([2, 0, 3, 1])
    assert torch.equal(crf(emissions[order], targets[order], lengths[order]), loss[order])
    loss.sum().backward()
    assert not poisoned.grad.isnan().any() and all(not poisoned.grad[b, n:].any() for b, n in enumerate(lengths.tolist()))
    for parameter in crf.parameters():
        assert not parameter.grad.isnan().any() and parameter.grad.any()
    if allowed is not None:
        assert not crf.transitions.grad[~allowed.transitions].any()


def test_log_partition_and_loss_are_the_textbooks():
    crf = made(3)
    emissions = torch.randn(1, 5, 3, dtype=torch.float64)
    weights = textbook.CRFWeights(*(part.detach().numpy() for part in (crf.transitions, crf.start, crf.end)))
    assert crf.log_partition(emissions).item() == pytest.approx(textbook.log_partition(emissions.numpy()[0], weights), rel=1e-12)
    assert crf(emissions, torch.tensor([[0, 2, 1, 1, 0]])).item() == pytest.approx(textbook.loss(emissions.numpy()[0], (0, 2, 1, 1, 0), weights), rel=1e-12)
    paths, scores = crf.decode_best(emissions, 4)
    truth = textbook.best_paths(emissions.numpy()[0], weights, 4)
    assert [tuple(path) for path in paths[0].tolist()] == [path for path, _ in truth]
    np.testing.assert_allclose(scores[0], [score for _, score in truth], rtol=1e-12)


def test_it_learns_what_follows_what():
    """Emissions say nothing; the order 0 1 2 0 1 2 … has to come from the transitions."""
    crf = made(3)
    emissions, targets = torch.zeros(8, 9, 3, dtype=torch.float64), (torch.arange(8)[:, None] + torch.arange(9)) % 3
    optimizer = torch.optim.Adam(crf.parameters(), lr=0.2)
    for _ in range(60):
        optimizer.zero_grad()
        crf(emissions, targets).mean().backward()
        optimizer.step()
    path = crf.decode(emissions[:1])[0]
    assert ((path[1:] - path[:-1]) % 3 == 1).all()


def test_torch_compiles_and_exports_it_with_any_batch_and_time():
    crf = CRF(5, allowed=bio_rules(LABELS))
    compiled = torch.compile(crf, fullgraph=True, dynamic=True, backend="aot_eager")
    batch, time = torch.export.Dim("batch", min=2), torch.export.Dim("time", min=2)
    example = (torch.randn(3, 6, 5), torch.zeros(3, 6, dtype=torch.int64), torch.tensor([6, 3, 0]))
    exported = torch.export.export(crf, example, dynamic_shapes=({0: batch, 1: time}, {0: batch, 1: time}, {0: batch})).module()
    for shape in ((3, 6), (5, 9)):
        emissions, targets = torch.randn(*shape, 5, requires_grad=True), torch.zeros(shape, dtype=torch.int64)
        lengths = torch.tensor([shape[1], 3, 0, 2, 1][: shape[0]])
        truth = torch.autograd.grad(crf(emissions, targets, lengths).sum(), emissions)[0]
        for program in (compiled, exported):
            torch.testing.assert_close(program(emissions, targets, lengths), crf(emissions, targets, lengths))
        torch.testing.assert_close(torch.autograd.grad(compiled(emissions, targets, lengths).sum(), emissions)[0], truth)


def test_what_cannot_be_is_refused():
    crf, emissions = made(3), torch.zeros(2, 4, 3, dtype=torch.float64)
    with pytest.raises(ShapeError, match="`emissions` has 4 features on axis 2, but the layer takes 3"):
        crf(torch.zeros(2, 4, 4), torch.zeros(2, 4, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"`targets` is torch.int64 of shape \(2, 3\); whole numbers \(batch, time\) = \(2, 4\)"):
        crf(emissions, torch.zeros(2, 3, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"targets\[1, 2\]` is 3, not a tag from 0 to 2"):
        crf(emissions, torch.tensor([[0, 0, 0, 0], [0, 0, 3, 0]]))
    with pytest.raises(ShapeError, match=r"lengths\[1\]` is 5"):
        crf.decode(emissions, torch.tensor([4, 5]))
    with pytest.raises(ShapeError, match=r"`allowed.start` is torch.bool of shape \(2,\); booleans of shape \(3,\)"):
        CRF(3, allowed=Allowed(torch.ones(3, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool), torch.ones(3, dtype=torch.bool)))
    with pytest.raises(ConfigError, match="'PER'"):
        bio_rules(["O", "PER"])
    with pytest.raises(ConfigError, match="`tags` of a CRF"):
        CRF(0)
    with pytest.raises(ConfigError, match="`count` of the best paths"):
        crf.decode_best(emissions, 0)
    restricted = made(allowed=bio_rules(LABELS))
    wide = torch.zeros(1, 3, 5, dtype=torch.float64)
    with pytest.raises(ConfigError, match=r"targets\[0\]` goes from tag 1 to 4 at step 2"):
        restricted(wide, torch.tensor([[0, 1, 4]]))
    with pytest.raises(ConfigError, match=r"targets\[0\]` begins with tag 2"):
        restricted(wide, torch.tensor([[2, 2, 0]]))
    closed = CRF(2, allowed=bio_rules(["B-X", "E-X"]))
    with pytest.raises(ConfigError, match=r"targets\[0\]` ends with tag 0"):
        closed(torch.zeros(1, 3, 2), torch.tensor([[0, 1, 0]]))


def test_lengths_may_lie_on_any_device(monkeypatch):
    """The device "meta" has shapes but no numbers, and refuses a tensor of another device."""
    crf, emissions = made(3).to("meta"), torch.zeros(2, 4, 3, dtype=torch.float64, device="meta")
    monkeypatch.setattr(torch.compiler, "_is_compiling_flag", True)  # so that nobody looks at numbers
    for lengths in (torch.tensor([4, 2]), torch.tensor([4, 2], device="meta")):
        assert crf(emissions, torch.zeros(2, 4, dtype=torch.int64, device="meta"), lengths).device.type == "meta"
        assert crf.log_partition(emissions, lengths).device.type == crf.marginals(emissions, lengths).device.type == "meta"
