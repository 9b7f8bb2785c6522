"""The training loop: it learns, stops, goes back, keeps to its limits, and says what went wrong."""

from __future__ import annotations

import math
import time

import pytest
import torch
from torch import nn

from inorder.data.batch import Batch, Windows
from inorder.errors import ConfigError, ShapeError, TrainingError
from inorder.train.early_stopping import EarlyStopping
from inorder.train.loop import Training, train
from inorder.train.reproducible import reproducible, using_threads
from inorder.train.schedules import Schedule


def line(seed: int = 0) -> tuple[nn.Module, Windows, torch.Tensor, torch.Tensor]:
    """y = 2x₁ − x₂ + 1, as rows of one long sequence."""
    torch.manual_seed(seed)
    x = torch.randn(200, 2)
    y = x @ torch.tensor([2.0, -1.0]) + 1
    windows = Windows(x, y, torch.arange(0, 190, 10), torch.full((19,), 10), 4, 5, torch.Generator().manual_seed(seed))
    return nn.Linear(2, 1), windows, x, y


def squared(model: nn.Module, batch: Batch) -> torch.Tensor:
    return ((model(batch.inputs).squeeze(-1) - batch.targets) ** 2).mean()


def test_it_finds_the_weights_of_a_line():
    model, windows, x, y = line()
    seen = []
    history = train(
        model,
        windows,
        squared,
        Training(learning_rate=0.1, max_epochs=60, weight_decay=0.0),
        steps_per_epoch=len(windows),
        validate=lambda: float(((model(x).squeeze(-1) - y) ** 2).mean()),
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

    history = train(model, windows, squared, Training(patience=3, max_epochs=50), steps_per_epoch=5, validate=validate)
    assert (history.stopped, history.best_epoch) == ("patience", 1)
    assert len(history.epochs) == 5
    assert torch.equal(model.weight, kept[1.0])
    assert not model.training


def test_clipping_bounds_the_step():
    model, windows, _, _ = line()
    recorded = train(model, windows, lambda m, b: 1e6 * squared(m, b), Training(clip_norm=1.0, max_epochs=1), steps_per_epoch=5)
    assert recorded.epochs[-1].gradient_norm > 1e5, "the norm is recorded before clipping"
    steps = []

    class Spy(torch.optim.AdamW):
        def step(self, *args, **kwargs):
            steps.append(float(nn.utils.get_total_norm([p.grad for group in self.param_groups for p in group["params"]])))
            return super().step(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", Spy)
        train(model, windows, lambda m, b: 1e6 * squared(m, b), Training(clip_norm=0.5, max_epochs=1), steps_per_epoch=5)
    assert max(steps) <= 0.5 * (1 + 1e-4)


def test_a_loss_that_is_not_a_number_stops_with_step_rate_norm_and_advice():
    model, windows, _, _ = line()
    calls = iter(range(100))
    with pytest.raises(
        TrainingError, match=r"The loss became nan at step 4 \(epoch 1, learning rate .*gradient norm .* one step before\)\. Try learning_rate=0\.0001"
    ):
        train(model, windows, lambda m, b: squared(m, b) * (math.nan if next(calls) == 3 else 1), Training(), steps_per_epoch=5)
    assert torch.isfinite(model.weight).all(), "the weights were not poisoned"


def test_time_is_kept():
    model, windows, _, _ = line()

    def slow(m: nn.Module, b: Batch) -> torch.Tensor:
        time.sleep(0.02)
        return squared(m, b)

    history = train(model, windows, slow, Training(max_epochs=10_000), steps_per_epoch=5, deadline=time.monotonic() + 0.3)
    assert history.stopped == "time"
    assert 0 < len(history.epochs) < 10
    assert train(model, windows, slow, Training(), steps_per_epoch=5, deadline=time.monotonic() - 1).epochs == ()


def test_following_repeats_as_many_epochs_as_were_best():
    model, windows, _, _ = line()
    losses = iter([9.0, 5.0, 1.0, 2.0, 3.0])
    first = train(model, windows, squared, Training(patience=2, max_epochs=30), steps_per_epoch=5, validate=lambda: next(losses))
    again = train(line()[0], windows, squared, Training(patience=2, max_epochs=30), steps_per_epoch=5, follow=first)
    assert [epoch.epoch for epoch in again.epochs] == [1, 2]
    assert [epoch.learning_rate for epoch in again.epochs] == [epoch.learning_rate for epoch in first.epochs[1:3]]


def test_equal_seeds_give_equal_weights_and_the_callers_numbers_are_untouched():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    weights = []
    for _ in range(2):
        with reproducible(3, threads=1):
            model, windows, _, _ = line()
            train(model, windows, squared, Training(max_epochs=3), steps_per_epoch=5)
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
    windows = Windows(rows[:, None], rows, torch.arange(7), torch.full((7,), 3), 2, 5, torch.Generator().manual_seed(1))
    epochs = [[start for batch in windows for start in batch.inputs[:, 0, 0].int().tolist()] for _ in range(2)]
    assert all(sorted(epoch[:7]) == list(range(7)) and len(set(epoch[7:])) == 3 for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_batches_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        Batch(torch.zeros(2, 4, 1), torch.tensor([4, 4]), torch.zeros(2, 3))
    with pytest.raises(ShapeError, match="longer than the batch"):
        Batch(torch.zeros(2, 4, 1), torch.tensor([4, 5]), torch.zeros(2, 4))
