"""The sums of a conditional random field: the textbook against all paths, the kernel against the textbook, in value and gradient."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.kernels import compiled
from inorder.kernels import crf as fast
from inorder.textbook import crf as textbook
from inorder.textbook.gradient import numerical_gradient

SIZES = [(1, 1, 1), (3, 5, 3), (20, 9, 17), (2, 60, 40)]
needs_kernel = pytest.mark.skipif(not compiled, reason="the kernels are not compiled")


def drawn(time: int, tags: int, seed: int = 0, scale: float = 1.0) -> tuple[np.ndarray, textbook.CRFWeights]:
    rng = np.random.default_rng(seed)
    weights = textbook.CRFWeights(*(scale * rng.normal(size=size) for size in ((tags, tags), tags, tags)))
    return scale * rng.normal(size=(time, tags)), weights


def some_forbidden(weights: textbook.CRFWeights) -> textbook.CRFWeights:
    """The same, with a tag that nothing but itself leads to, and a beginning and an end less."""
    transition, start, end = (part.copy() for part in weights)
    transition[:-1, -1], transition[0, 1], start[0], end[1] = -np.inf, -np.inf, -np.inf, -np.inf
    return textbook.CRFWeights(transition, start, end)


@pytest.mark.parametrize("time, tags, forbid", [(1, 1, False), (1, 3, False), (2, 4, False), (5, 3, False), (1, 3, True), (2, 4, True), (5, 3, True)])
def test_the_textbook_against_all_paths(time, tags, forbid):
    emission, weights = drawn(time, tags)
    weights = some_forbidden(weights) if forbid else weights
    paths = list(textbook.all_paths(emission))
    scores = np.array([textbook.path_score(emission, path, weights) for path in paths])
    probability = np.exp(scores) / np.exp(scores).sum()
    assert textbook.log_partition(emission, weights) == pytest.approx(np.log(np.exp(scores).sum()), rel=1e-13)
    found = textbook.marginals(emission, weights)
    for t, tag in itertools.product(range(time), range(tags)):
        assert found.tag[t, tag] == pytest.approx(sum(p for p, path in zip(probability, paths, strict=True) if path[t] == tag), abs=1e-13)
    for t, i, j in itertools.product(range(time - 1), range(tags), range(tags)):
        assert found.pair[t, i, j] == pytest.approx(sum(p for p, path in zip(probability, paths, strict=True) if path[t : t + 2] == (i, j)), abs=1e-13)
    best, score = textbook.viterbi(emission, weights)
    assert best == paths[int(scores.argmax())] and score == pytest.approx(scores.max(), rel=1e-13)
    by_emission, by_weights = textbook.loss_gradient(emission, best, weights)
    differences = numerical_gradient(lambda emission: textbook.loss(emission, best, weights), emission)
    np.testing.assert_allclose(by_emission, differences, atol=1e-8)
    if not forbid:
        for name, by in by_weights._asdict().items():
            differences = numerical_gradient(lambda part, name=name: textbook.loss(emission, best, weights._replace(**{name: part})), getattr(weights, name))
            np.testing.assert_allclose(by, differences, atol=1e-8, err_msg=name)


@pytest.fixture(params=["kernel", "torch"])
def path_of_computation(request, monkeypatch):
    """Both ways: the kernel, and what stands in for it."""
    if request.param == "torch":
        monkeypatch.setattr(fast, "extension", None)
    elif not compiled:
        pytest.skip("the kernels are not compiled")


@pytest.mark.parametrize(
    "batch, time, tags, kind", [(*sizes, kind) for sizes in SIZES for kind in ("plain", "forbidden", "wide") if kind != "forbidden" or sizes[2] > 2]
)
def test_both_ways_follow_the_textbook_in_value_and_gradient(batch, time, tags, kind, path_of_computation):
    """`wide`: scores hundreds of nats apart, which the kernel sums in logarithms."""
    rng = np.random.default_rng(5)
    _, weights = drawn(1, tags, scale=60.0 if kind == "wide" else 1.0)
    weights = some_forbidden(weights) if kind == "forbidden" else weights
    emissions = torch.tensor(rng.normal(size=(batch, time, tags)) * (60 if kind == "wide" else 1)).requires_grad_()
    parts = [torch.tensor(part).requires_grad_() for part in weights]
    lengths = torch.tensor([time, time // 2, 0, 1, *rng.integers(0, time + 1, max(batch - 4, 0))][:batch])
    targets = torch.full((batch, time), -100)
    for b, n in enumerate(lengths.tolist()):
        if n:
            targets[b, :n] = torch.tensor(textbook.viterbi(rng.normal(size=(n, tags)), weights)[0])
    loss = fast.partition(emissions, *parts, targets, lengths)
    total = fast.partition(emissions, *parts, None, lengths)
    weight = torch.tensor(rng.normal(size=batch))
    grads = torch.autograd.grad((weight * loss).sum(), [emissions, *parts])
    wanted = [np.zeros((batch, time, tags)), *(np.zeros(part.shape) for part in weights)]
    for b, n in enumerate(lengths.tolist()):
        emission, path = emissions.detach().numpy()[b, :n], tuple(targets[b, :n].tolist())
        assert loss[b].item() == pytest.approx(textbook.loss(emission, path, weights), rel=1e-11, abs=1e-11)
        assert total[b].item() == pytest.approx(textbook.log_partition(emission, weights), rel=1e-12)
        if n:
            by_emission, by_weights = textbook.loss_gradient(emission, path, weights)
            wanted[0][b, :n] = weight[b].item() * by_emission
            for whole, by in zip(wanted[1:], by_weights, strict=True):
                whole += weight[b].item() * by
    for name, ours, truth in zip(("emissions", "transition", "start", "end"), grads, wanted, strict=True):
        np.testing.assert_allclose(ours.numpy(), truth, rtol=1e-9, atol=1e-10, err_msg=f"by {name}")
    marginals = fast.tag_marginals(emissions.detach(), *(part.detach() for part in parts), lengths).numpy()
    for b, n in enumerate(lengths.tolist()):
        np.testing.assert_allclose(marginals[b, :n], textbook.marginals(emissions.detach().numpy()[b, :n], weights).tag, atol=1e-10)
        assert not marginals[b, n:].any()


@pytest.mark.parametrize("forbid", [False, True])
@pytest.mark.parametrize("count", [1, 3, 100])
def test_best_paths_are_those_of_all_paths(count, forbid, path_of_computation):
    rng = np.random.default_rng(1)
    _, weights = drawn(1, 3)
    weights = some_forbidden(weights) if forbid else weights
    emissions, lengths = rng.normal(size=(4, 4, 3)), [4, 2, 1, 0]
    paths, scores = fast.best_paths(torch.tensor(emissions), *map(torch.tensor, weights), count, torch.tensor(lengths))
    for b, n in enumerate(lengths):
        truth = textbook.best_paths(emissions[b, :n], weights, count)
        assert [tuple(path[:n]) for path in paths[b, : len(truth)].tolist()] == [path for path, _ in truth]
        np.testing.assert_allclose(scores[b, : len(truth)], [score for _, score in truth], rtol=1e-12)
        assert (paths[b, len(truth) :] == -1).all() and (scores[b, len(truth) :] == -np.inf).all() and (paths[b, :, n:] == -1).all()


def test_of_equal_paths_the_smaller_tag_comes_first(path_of_computation):
    zeros = torch.zeros(3)
    paths, _ = fast.best_paths(torch.zeros(1, 3, 3), torch.zeros(3, 3), zeros, zeros, 1)
    assert paths[0, 0].tolist() == [0, 0, 0]


@needs_kernel
def test_nothing_is_lost_where_the_likely_way_is_closed_late():
    """One tag falls behind by 30 nats a step, below the smallest double, and is the only one that may end."""
    time = 60
    emission = np.zeros((time, 2))
    emission[:, 0] = 30.0
    weights = textbook.CRFWeights(np.array([[0.0, -np.inf], [-np.inf, 0.0]]), np.zeros(2), np.array([-np.inf, 0.0]))
    values = [torch.tensor(part).requires_grad_() for part in (emission[None], *weights)]
    total = fast.partition(*values)
    assert total.item() == pytest.approx(0.0, abs=1e-12)
    (by,) = torch.autograd.grad(total.sum(), values[:1])
    np.testing.assert_allclose(by[0, :, 1], 1.0)


@needs_kernel
def test_single_precision_is_summed_in_double():
    """On 2,000 steps the loss in float32 is as good as its inputs: within 1e-6 of the float64 loss of the same rounded inputs."""
    emission, weights = drawn(2000, 9, scale=2.0)
    single = [torch.tensor(part, dtype=torch.float32) for part in (emission[None], *weights)]
    double = [part.double() for part in single]
    assert fast.partition(*single).item() == pytest.approx(fast.partition(*double).item(), rel=1e-7)
    targets = torch.tensor([textbook.viterbi(emission, weights)[0]])
    assert fast.partition(*single, targets).item() == pytest.approx(fast.partition(*double, targets).item(), rel=1e-6)


def test_where_no_path_is_possible_the_loss_is_infinite_and_moves_nothing(path_of_computation):
    emission, weights = drawn(4, 3)
    emissions = np.stack([emission, emission])
    emissions[1, 2] = -np.inf  # at this step no tag is possible
    values = [torch.tensor(part).requires_grad_() for part in (emissions, *weights)]
    alone = [torch.tensor(part).requires_grad_() for part in (emissions[:1], *weights)]
    targets = torch.tensor([[0, 1, 2, 1], [0, 1, 2, 1]])
    for chosen in (targets, None):
        loss = fast.partition(*values, chosen)
        assert loss[1].item() == (np.inf if chosen is not None else -np.inf)
        found = torch.autograd.grad(loss.sum(), values)
        truth = torch.autograd.grad(fast.partition(*alone, None if chosen is None else chosen[:1]).sum(), alone)
        assert not found[0][1].any()
        for ours, theirs in zip((found[0][:1], *found[1:]), truth, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_a_loss_is_never_negative(path_of_computation):
    emission = torch.tensor([[[300.0, 0.0], [300.0, 0.0], [0.1, 300.0]]])
    loss = fast.partition(emission, torch.zeros(2, 2), torch.zeros(2), torch.zeros(2), torch.tensor([[0, 0, 1]]))
    assert loss.item() == 0.0


def test_second_derivatives():
    emission, weights = drawn(4, 3)
    values = [torch.tensor(part).requires_grad_() for part in (np.stack([emission, emission[::-1]]), *weights)]
    targets, lengths = torch.tensor([[0, 1, 2, 1], [2, 2, 0, 0]]), torch.tensor([4, 2])
    assert torch.autograd.gradcheck(lambda *values: fast.partition(*values, targets, lengths), values)
    assert torch.autograd.gradgradcheck(lambda *values: fast.partition(*values, targets, lengths), values)


@needs_kernel
def test_threads_change_nothing():
    emissions = torch.randn(70, 40, 12, requires_grad=True)
    parts = [torch.randn(size, requires_grad=True) for size in ((12, 12), (12,), (12,))]

    def answers():
        total = fast.partition(emissions, *parts)
        return [total, *torch.autograd.grad(total.square().sum(), [emissions, *parts])]

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = answers()
        torch.set_num_threads(5)
        assert all(map(torch.equal, one, answers()))
    finally:
        torch.set_num_threads(before)


@needs_kernel
def test_the_operator_keeps_the_rules_of_torch_and_its_arguments_apart():
    emissions = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    parts = [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in ((3, 3), (3,), (3,))]
    torch.library.opcheck(fast.forward, (emissions, *parts, torch.tensor([[0, 1, 2, 0], [1, 1, 9, 9]]), torch.tensor([4, 2])))
    with pytest.raises(ValueError, match=r"targets\[1, 2\]` is 9, not a tag from 0 to 2"):
        fast.partition(emissions, *parts, torch.tensor([[0, 1, 2, 0], [1, 1, 9, 9]]))


@pytest.mark.parametrize("batch, time", [(0, 5), (3, 0), (0, 0)])
def test_nothing_gives_nothing(batch, time, path_of_computation):
    emissions, parts = torch.zeros(batch, time, 2, requires_grad=True), [torch.zeros(2, 2), torch.zeros(2), torch.zeros(2)]
    loss = fast.partition(emissions, *parts, torch.zeros(batch, time, dtype=torch.int64))
    assert loss.shape == (batch,) and not loss.any()
    paths, scores = fast.best_paths(emissions.detach(), *parts)
    assert paths.shape == (batch, 1, time) and not scores.any()


@needs_kernel
def test_not_a_number_stays_so():
    emissions = torch.zeros(1, 3, 2)
    emissions[0, 1, 1] = torch.nan
    assert fast.partition(emissions, torch.zeros(2, 2), torch.zeros(2), torch.zeros(2)).isnan().all()


@pytest.mark.parametrize(
    "part, tensor, message",
    [
        ("emissions", torch.zeros(4, 3), r"\(batch, time, tags\)"),
        ("transitions", torch.zeros(3, 2), r"`transitions` has the axes \(tags, tags\) = \(3, 3\); this one has the shape \(3, 2\)"),
        ("start", torch.zeros(2), r"`start` has the axes \(tags\) = \(3,\)"),
        ("end", torch.zeros(3, device="meta"), "`end` lies on meta, the rest on cpu"),
        ("lengths", torch.tensor([4]), "`lengths` is torch.int64 of shape"),
        ("targets", torch.zeros(2, 3, dtype=torch.int64), r"`targets` has the axes \(batch, time\) = \(2, 4\)"),
        ("targets", torch.zeros(2, 4), "`targets` holds whole numbers, not torch.float32"),
    ],
)
def test_what_does_not_fit_is_refused(part, tensor, message, path_of_computation):
    given = {"emissions": torch.zeros(2, 4, 3), "transitions": torch.zeros(3, 3), "start": torch.zeros(3), "end": torch.zeros(3), part: tensor}
    for function in (fast.partition, fast.tag_marginals, fast.best_paths):
        if part != "targets" or function is fast.partition:
            with pytest.raises(ShapeError, match=message):
                function(**given)


def test_no_path_is_refused(path_of_computation):
    with pytest.raises(ConfigError, match="`count` of the best paths is 1 or more, not 0"):
        fast.best_paths(torch.zeros(2, 4, 3), torch.zeros(3, 3), torch.zeros(3), torch.zeros(3), 0)
