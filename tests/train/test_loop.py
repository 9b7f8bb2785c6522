"""The training loop: it learns, stops, goes back, keeps to its limits, and says what went wrong."""

from __future__ import annotations

import math
import time

import pytest
import torch
from torch import nn

from inorder.data.batch import Batch, Listed, Windows
from inorder.errors import ConfigError, ShapeError, TrainingError
from inorder.losses.sums import Sum
from inorder.train.averaging import Kept
from inorder.train.early_stopping import EarlyStopping
from inorder.train.history import Step
from inorder.train.loop import fit
from inorder.train.reproducible import reproducible, using_threads
from inorder.train.schedules import Schedule
from inorder.train.settings import Training


def line(seed: int = 0) -> tuple[nn.Module, Windows, torch.Tensor, torch.Tensor]:
    """y = 2x₁ − x₂ + 1, as rows of one long sequence."""
    torch.manual_seed(seed)
    x = torch.randn(200, 2)
    y = x @ torch.tensor([2.0, -1.0]) + 1
    windows = Windows(x, y, torch.arange(0, 190, 10), torch.full((19,), 10), 4, 5, seed)
    return nn.Linear(2, 1), windows, x, y


def squared(model: nn.Module, batch: Batch, times: float = 1.0) -> Sum:
    error = (model(batch.inputs).squeeze(-1) - batch.targets)[batch.valid]
    return Sum(times * (error**2).sum(), batch.valid.sum())


def test_it_finds_the_weights_of_a_line():
    model, windows, x, y = line()
    seen = []
    history = fit(
        model,
        windows,
        squared,
        Training(learning_rate=0.1, max_epochs=60, weight_decay=0.0),
        valid=lambda: float(((model(x).squeeze(-1) - y) ** 2).mean()),
        progress=lambda done, of: seen.append((done, of)),
    )
    assert model.weight.detach().flatten().tolist() == pytest.approx([2.0, -1.0], abs=1e-2)
    assert history.best_loss == min(epoch.validation_loss for epoch in history.epochs)
    assert seen[-1][1] == 60
    assert [epoch.epoch for epoch in history.epochs] == list(range(len(history.epochs)))


def test_the_best_weights_come_back_and_patience_ends_it():
    model, windows, _, _ = line()
    losses = iter([5.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    kept = {}

    def validate() -> float:
        value = next(losses)
        kept[value] = model.weight.detach().clone()
        return value

    history = fit(model, windows, squared, Training(patience=3, max_epochs=50), valid=validate)
    assert (history.stopped, history.best_epoch) == ("patience", 1)
    assert len(history.epochs) == 5
    assert torch.equal(model.weight, kept[1.0])
    assert not model.training


def test_clipping_bounds_the_step():
    model, windows, _, _ = line()
    recorded = fit(model, windows, lambda m, b: squared(m, b, 1e6), Training(clip_norm=1.0, max_epochs=1))
    assert recorded.epochs[-1].gradient_norm > 1e5, "the norm is recorded before clipping"
    steps = []

    class Spy(torch.optim.AdamW):
        def step(self, *args, **kwargs):
            steps.append(float(nn.utils.get_total_norm([p.grad for group in self.param_groups for p in group["params"]])))
            return super().step(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", Spy)
        fit(model, windows, lambda m, b: squared(m, b, 1e6), Training(clip_norm=0.5, max_epochs=1))
    assert max(steps) <= 0.5 * (1 + 1e-4)


def test_a_loss_that_is_not_a_number_stops_with_step_rate_norm_and_advice():
    model, windows, _, _ = line()
    calls = iter(range(100))
    with pytest.raises(
        TrainingError, match=r"The loss became nan at step 4 \(epoch 1, learning rate .*gradient norm .* one step before\)\. Try learning_rate=2e-05"
    ):
        fit(model, windows, lambda m, b: squared(m, b, math.nan if next(calls) == 3 else 1), Training())
    assert torch.isfinite(model.weight).all(), "the weights were not poisoned"


def test_time_is_kept():
    model, windows, _, _ = line()

    def slow(m: nn.Module, b: Batch) -> Sum:
        time.sleep(0.02)
        return squared(m, b)

    history = fit(model, windows, slow, Training(max_epochs=10_000), deadline=time.monotonic() + 0.3)
    assert history.stopped == "time"
    assert 0 < len(history.epochs) < 10
    assert fit(model, windows, slow, Training(), deadline=time.monotonic() - 1).epochs == ()


def test_batches_may_be_held_back_and_the_loss_is_the_mean_over_all_of_their_targets():
    model, windows, x, y = line()
    uneven = Listed([Batch.of([x[:7]], [y[:7]]), Batch.of([x[7:10], x[10:40]], [y[7:10], y[10:40]])])
    history = fit(model, windows, squared, Training(max_epochs=2), valid=uneven)
    model, _, _, _ = line()
    assert history.epochs[0].validation_loss == pytest.approx(((model(x[:40]).squeeze(-1) - y[:40]) ** 2).mean().item(), rel=1e-6)


def test_following_repeats_as_many_epochs_as_were_best():
    model, windows, _, _ = line()
    losses = iter([9.0, 5.0, 1.0, 2.0, 3.0])
    first = fit(model, windows, squared, Training(patience=2, max_epochs=30), valid=lambda: next(losses))
    again = fit(line()[0], windows, squared, Training(patience=2, max_epochs=30), follow=first)
    assert [epoch.epoch for epoch in again.epochs] == [1, 2]
    assert [epoch.learning_rate for epoch in again.epochs] == [epoch.learning_rate for epoch in first.epochs[1:3]]


def test_equal_seeds_give_equal_weights_and_the_callers_numbers_are_untouched():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    weights = []
    for _ in range(2):
        with reproducible(3, threads=1):
            model, windows, _, _ = line()
            fit(model, windows, squared, Training(max_epochs=3))
            weights.append(model.weight.detach().clone())
    assert torch.equal(*weights)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), using_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_schedules():
    cosine = Schedule("cosine", steps=100, warmup_steps=10)
    rates = [cosine.rate(step) for step in range(101)]
    assert rates[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert all(a > b for a, b in zip(rates[10:], rates[11:], strict=False))
    assert rates[-1] == pytest.approx(0.01)
    plateau = Schedule("plateau", steps=100, patience=2)
    for loss in (3.0, 2.0, 2.0, 2.0):
        plateau.observe(loss)
    assert plateau.rate(50) == 0.5
    plateau.observe(1.0)
    assert plateau.rate(51) == 0.5
    assert Schedule("constant", steps=5).rate(4) == 1.0
    with pytest.raises(ConfigError, match='Did you mean "cosine"'):
        Schedule("cosin", steps=5)


def test_early_stopping_ignores_gains_that_are_too_small():
    model = nn.Linear(1, 1)
    stopping = EarlyStopping(patience=2, least=0.1)
    assert [stopping.observe(loss, epoch, model) for epoch, loss in enumerate([1.0, 0.95, 0.92])] == [False, False, True]
    assert stopping.best_epoch == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"learning_rate": 0}, "learning_rate.*0"),
        ({"clip_norm": -1}, "clip_norm.*-1"),
        ({"max_epochs": 0}, "max_epochs.*0"),
        ({"weight_decay": -1}, "weight_decay.*-1"),
    ],
)
def test_settings_out_of_range_are_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        Training(**options)


def test_windows_draw_each_once_before_any_twice():
    rows = torch.arange(10.0)
    windows = Windows(rows[:, None], rows, torch.arange(7), torch.full((7,), 3), 2, 5, seed=1)
    epochs = [[start for batch in windows.epoch(k) for start in batch.inputs[:, 0, 0].int().tolist()] for k in range(2)]
    assert all(sorted(epoch[:7]) == list(range(7)) and len(set(epoch[7:])) == 3 for epoch in epochs)
    assert epochs[0] != epochs[1]
    fresh = Windows(rows[:, None], rows, torch.arange(7), torch.full((7,), 3), 2, 5, seed=1)
    assert [start for batch in fresh.epoch(1) for start in batch.inputs[:, 0, 0].int().tolist()] == epochs[1], "an epoch depends on the seed and its number"


def test_batches_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        Batch(torch.zeros(2, 4, 1), torch.tensor([4, 4]), torch.zeros(2, 3))
    with pytest.raises(ShapeError, match="longer than the batch"):
        Batch(torch.zeros(2, 4, 1), torch.tensor([4, 5]), torch.zeros(2, 4))


def test_every_public_name_is_there():
    import inorder.train

    assert all(callable(getattr(inorder.train, name)) for name in inorder.train.__all__)
    assert inorder.train.fit is fit
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        _ = inorder.train.train


def test_validation_that_cannot_judge_stops_the_run():
    model, windows, x, y = line()
    unknown = Listed([Batch.of([x[:7]], [torch.full((7,), math.nan)])])

    def known(model, batch):
        there = batch.valid & ~batch.targets.isnan()
        return Sum(((model(batch.inputs).squeeze(-1) - batch.targets)[there] ** 2).sum(), there.sum())

    for valid in (Listed([]), unknown):
        with pytest.raises(TrainingError, match="`valid` has no targets to judge by"):
            fit(model, windows, known, Training(max_epochs=2), valid=valid)
    with pytest.raises(TrainingError, match=r"The validation loss is nan before any training\. Look for NaN"):
        fit(model, windows, squared, Training(max_epochs=2), valid=unknown)
    losses = iter([1.0, 2.0, math.inf])
    with pytest.raises(TrainingError, match="The validation loss is inf after epoch 2"):
        fit(model, windows, squared, Training(max_epochs=5), valid=lambda: next(losses))


def known_squared(model: nn.Module, batch: Batch) -> Sum:
    there = batch.valid & ~batch.targets.isnan()
    return Sum(((model(batch.inputs).squeeze(-1) - batch.targets)[there] ** 2).sum(), there.sum())


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_without_a_known_target_no_step_is_made(optimiser):
    model, _, x, y = line()
    known, unknown = Batch.of([x[:7]], [y[:7]]), Batch.of([x[:7]], [torch.full((7,), math.nan)])
    settings = Training(max_epochs=2, schedule="constant", warmup_steps=0, weight_decay=0.1, optimiser=optimiser, ema=0.5)
    before = [value.clone() for value in model.parameters()]
    with pytest.raises(TrainingError, match="Epoch 1 has no targets: in its 2 batches all are unknown, so there is nothing to learn from"):
        fit(model, Listed([unknown, unknown]), known_squared, settings)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    weights, steps = [], []
    for batches in ([known], [unknown, known, unknown]):
        model, seen = line()[0], []
        record = fit(model, Listed(batches), known_squared, settings, watch=[seen.append])
        weights.append(torch.cat([value.detach().flatten() for value in model.parameters()]))
        steps.append([(one.step, one.loss) for one in seen if isinstance(one, Step)])
        assert all(epoch.train_loss > 0 for epoch in record.epochs)
    assert torch.equal(*weights)
    assert steps[0] == steps[1] and len(steps[0]) == 2


def test_without_validation_plateau_goes_by_the_training_loss_and_is_repeated():
    losses = [3.0, 2.0, 2.5, 2.0, 1.0, 2.0, 2.0, 2.0]
    places = iter([loss for loss in losses for _ in range(2)])

    def given(model, batch):
        return Sum(0 * squared(model, batch).total + next(places), torch.tensor(1))

    model, _, x, y = line()
    batch = Batch.of([x[:7]], [y[:7]])
    settings = Training(schedule="plateau", patience=4, max_epochs=8, warmup_steps=0, learning_rate=1.0)  # halved after two epochs
    record = fit(model, Listed([batch, batch]), given, settings)
    assert [epoch.learning_rate for epoch in record.epochs] == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]
    again = fit(line()[0], Listed([batch, batch]), squared, settings, follow=record)
    assert [epoch.learning_rate for epoch in again.epochs] == [epoch.learning_rate for epoch in record.epochs]


def test_a_loss_that_is_no_number_is_worse_than_any():
    model = nn.Linear(1, 1)
    stopping, kept = EarlyStopping(patience=2), Kept(2, "best")
    for epoch, loss in enumerate([math.nan, 3.0, math.nan, 2.0]):
        stopping.observe(loss, epoch, model)
        kept.observe(loss, epoch, model)
    assert (stopping.best_epoch, stopping.best_loss) == (3, 2.0)
    assert kept.epochs == [3, 1]
