"""Every setting of training does what it says: against the textbook, against one big batch, and against a loop written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import small
import torch
from torch import nn

from inorder.data.batch import Batch, Listed
from inorder.errors import ConfigError, TrainingError
from inorder.losses.sums import Sum
from inorder.textbook import training as textbook
from inorder.train.loop import fit
from inorder.train.reproducible import reproducible
from inorder.train.schedules import SCHEDULES, Schedule
from inorder.train.settings import Training

PLAIN = Training(max_epochs=1, schedule="constant", warmup_steps=0, clip_norm=None, weight_decay=0.0, learning_rate=0.05)


@pytest.fixture(autouse=True)
def one_thread():
    with reproducible(0, threads=1):
        yield


class Dot(nn.Module):
    """w · x, in float64, so that its gradient is x."""

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, size, dtype=torch.float64)[None])
        self.bias = nn.Parameter(torch.full((1,), 0.5, dtype=torch.float64))

    def forward(self, x):
        return x @ self.weight[0] + self.bias


def squares(model, batch):
    return Sum(((model(batch.inputs) - batch.targets) ** 2).sum(), torch.tensor(batch.targets.numel()))


def rows(count: int, seed: int = 1, size: int = 3) -> list[Batch]:
    random = np.random.default_rng(seed)
    return [
        Batch(torch.from_numpy(random.normal(size=(1, n, size))), torch.tensor([n]), torch.from_numpy(random.normal(size=(1, n))))
        for n in random.integers(1, 6, size=count)
    ]


def by_hand(batches, training, optimiser):
    """The same training with the textbook: gradients of the mean of squares, written out."""
    w, b = np.linspace(-1, 1, 3), np.full(1, 0.5)
    memory = {"w": [np.zeros(3), np.zeros(3)], "b": [np.zeros(1), np.zeros(1)]}
    norms, weights = [], []
    for step, batch in enumerate(batches):
        x, y = batch.inputs[0].numpy(), batch.targets[0].numpy()
        error = x @ w + b - y
        gradients = {"w": 2 * x.T @ error / len(y), "b": np.array([2 * error.mean()])}
        (gradients["w"], gradients["b"]), norm = textbook.clip(list(gradients.values()), training.clip_norm or np.inf)
        norms.append(norm)
        rate = training.learning_rate * textbook.learning_rate(training.schedule, step, len(batches), training.warmup_steps, training.floor)
        new = {}
        for name, value in {"w": w, "b": b}.items():
            decay = training.weight_decay if training.decay_all or name == "w" else 0.0
            if optimiser == "adamw":
                new[name], *memory[name] = textbook.adamw(value, gradients[name], *memory[name], step + 1, rate, decay, training.betas)
            else:
                new[name], memory[name][0] = textbook.sgd(value, gradients[name], memory[name][0], rate, decay, training.momentum, training.nesterov)
        w, b = new["w"], new["b"]
        weights.append(np.concatenate([w, b]))
    return weights, norms


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"weight_decay": 0.3},
        {"weight_decay": 0.3, "decay_all": False},
        {"betas": (0.5, 0.9)},
        {"clip_norm": 0.7},
        {"optimiser": "sgd"},
        {"optimiser": "sgd", "momentum": 0.0, "weight_decay": 0.2},
        {"optimiser": "sgd", "nesterov": True, "clip_norm": 1.0},
        {"schedule": "cosine", "warmup_steps": 3},
        {"schedule": "linear", "warmup_steps": 2, "floor": 0.2},
        {"schedule": "inverse-root", "warmup_steps": 4},
    ],
    ids=str,
)
def test_every_step_is_that_of_the_textbook(changes):
    batches, training, seen = rows(12), replace(PLAIN, **changes), []
    model = Dot()
    record = fit(model, Listed(batches), squares, training, watch=[seen.append])
    weights, norms = by_hand(batches, training, training.optimiser)
    np.testing.assert_allclose(torch.cat([model.weight[0], model.bias]).detach().numpy(), weights[-1], rtol=1e-9)
    np.testing.assert_allclose([step.gradient_norm for step in seen[:-1]], norms, rtol=1e-9)
    assert record.epochs[-1].gradient_norm == pytest.approx(max(norms))
    assert record.epochs[-1].learning_rate == seen[-2].learning_rate


@pytest.mark.parametrize("kind", [kind for kind in SCHEDULES if kind != "plateau"])
@pytest.mark.parametrize("warmup", [0, 1, 7])
def test_schedules_are_those_of_the_textbook(kind, warmup):
    schedule = Schedule(kind, 40, warmup, floor=0.05)
    assert [schedule.rate(step) for step in range(45)] == pytest.approx([textbook.learning_rate(kind, step, 40, warmup, 0.05) for step in range(45)], rel=1e-12)


def test_plateau_is_that_of_the_textbook():
    losses = np.random.default_rng(0).integers(0, 6, size=40).astype(float).tolist()
    schedule, shares = Schedule("plateau", 1, patience=3, floor=0.1), []
    for loss in losses:
        schedule.observe(loss)
        shares.append(schedule.rate(10))
    assert shares == textbook.plateau(losses, 3, 0.1)
    assert shares[-1] == 0.1


@pytest.mark.parametrize("accumulate", [2, 5, 12])
def test_accumulation_is_one_big_batch_with_unequal_counts_too(accumulate):
    batches = rows(12)
    joined = [
        Batch(torch.cat([one.inputs for one in group], 1), sum(one.lengths for one in group), torch.cat([one.targets for one in group], 1))
        for group in (batches[k : k + accumulate] for k in range(0, 12, accumulate))
    ]
    one, other = Dot(), Dot()
    training = replace(PLAIN, max_epochs=3, schedule="cosine", clip_norm=1.0, ema=0.9)
    first = fit(one, Listed(batches), squares, replace(training, accumulate=accumulate))
    second = fit(other, Listed(joined), squares, training)
    assert (small.flat(one) - small.flat(other)).abs().max() < 1e-12
    assert [epoch.train_loss for epoch in first.epochs] == pytest.approx([epoch.train_loss for epoch in second.epochs], rel=1e-9)


def test_accumulation_holds_in_float32_for_a_recurrent_model():
    inputs, targets = small.wave(12)
    parts = [Batch.of(inputs[k : k + 3], targets[k : k + 3]) for k in range(0, 12, 3)]
    one, other = small.Small(dropout=0.0), small.Small(dropout=0.0)
    fit(one, Listed(parts), small.squared, replace(PLAIN, max_epochs=5, accumulate=4))
    fit(other, Listed([Batch.of(inputs, targets)]), small.squared, replace(PLAIN, max_epochs=5))
    assert (small.flat(one) - small.flat(other)).abs().max() < 1e-6


def test_the_moving_average_is_that_of_the_textbook_and_is_what_is_judged_and_kept():
    batches = rows(15)
    judged, model = [], Dot()
    fit(model, Listed(batches), squares, replace(PLAIN, ema=0.8), valid=lambda: judged.append(small.flat(model).numpy().copy()) or 1.0)
    weights, _ = by_hand(batches, PLAIN, "adamw")
    average = textbook.moving_average(weights, 0.8)[-1]
    np.testing.assert_allclose(judged[-1], average, rtol=1e-9)
    model = Dot()
    fit(model, Listed(batches), squares, replace(PLAIN, ema=0.8))
    np.testing.assert_allclose(small.flat(model).numpy(), average, rtol=1e-9)


@pytest.mark.parametrize(("which", "epochs"), [("last", (4, 5)), ("best", (2, 4))])
def test_the_mean_of_epochs(which, epochs):
    losses, weights, model = iter([9.0, 5.0, 1.0, 3.0, 2.0, 4.0]), {}, Dot()

    def note(seen):
        if hasattr(seen, "validation_loss"):
            weights[seen.epoch] = small.flat(model)

    fit(model, Listed(rows(3)), squares, replace(PLAIN, max_epochs=5, average=2, average_of=which), valid=lambda: next(losses), watch=[note])
    torch.testing.assert_close(small.flat(model), torch.stack([weights[epoch] for epoch in epochs]).mean(0))
    with pytest.raises(ConfigError, match='average_of="best" needs `valid`'):
        fit(model, Listed(rows(3)), squares, replace(PLAIN, average=2))


@pytest.mark.parametrize("which", ["last", "best"])
def test_the_weights_before_training_are_in_no_mean_of_epochs(which):
    losses, weights, model = iter([0.0, 2.0, 1.0]), {}, Dot()
    training = replace(PLAIN, max_epochs=2, average=3, average_of=which)
    watch = [lambda seen: weights.update({seen.epoch: small.flat(model)}) if hasattr(seen, "validation_loss") else None]
    fit(model, Listed(rows(3)), squares, training, valid=lambda: next(losses), watch=watch)
    torch.testing.assert_close(small.flat(model), (weights[1] + weights[2]) / 2)


def test_patience_may_be_endless_and_the_last_weights_may_be_kept():
    losses = iter([1.0, 2.0, 3.0, 4.0, 5.0])
    last, model = [], Dot()
    training = replace(PLAIN, max_epochs=4, patience=None, restore_best=False)
    record = fit(model, Listed(rows(2)), squares, training, valid=lambda: next(losses), watch=[lambda seen: last.append(small.flat(model))])
    assert (record.stopped, record.best_epoch, len(record.epochs)) == ("max_epochs", 0, 5)
    assert torch.equal(last[-1], small.flat(model))


@pytest.mark.parametrize("chunk", [1, 3, 20])
def test_truncated_backpropagation_is_the_loop_written_out(chunk):
    batch = small.bucketed(4, 4).make(np.arange(4))
    model, other = small.Small(dropout=0.0), small.Small(dropout=0.0)
    steps = []
    training = replace(PLAIN, tbptt=chunk, optimiser="sgd", momentum=0.0, learning_rate=0.3)
    fit(model, Listed([batch]), small.squared_on, training, watch=[steps.append])
    state, time = None, batch.inputs.shape[1]
    for first in range(0, time, chunk):
        here = slice(first, first + chunk)
        lengths = (batch.lengths - first).clamp(0, min(chunk, time - first))
        ahead, state = other(batch.inputs[:, here], lengths, state)
        state = type(state)(*(one.detach() for one in state))
        valid = batch.valid[:, here]
        loss = ((ahead - batch.targets[:, here]) ** 2)[valid].sum() / valid.sum()
        other.zero_grad()
        loss.backward()
        with torch.no_grad():
            for weights in other.parameters():
                weights -= 0.3 * weights.grad
    assert (small.flat(model) - small.flat(other)).abs().max() < 1e-6
    assert len(steps) - 1 == -(-time // chunk)


def test_streams_carry_the_state_and_tell_what_lies_further_back():
    """The target is the input 6 steps ago; gradients run through 2 steps alone, so only the state can bring it along."""
    seen = []

    def noting(model, batch, state):
        seen.append(state)
        return small.squared_on(model, batch, state)

    batches = small.streams()
    fit(small.Small(), batches, noting, replace(PLAIN, max_epochs=2))
    assert [state is None for state in seen] == ([True] + [False] * (len(batches) - 1)) * 2
    assert not any(one.requires_grad for state in seen if state for one in state)


def test_accumulation_with_a_carried_state_is_the_loop_written_out():
    """Two batches a step: the state goes on without its gradient, and the gradients of both are added up."""
    batches, model, other = small.streams(), small.Small(dropout=0.0), small.Small(dropout=0.0)
    steps = []
    training = replace(PLAIN, accumulate=2, optimiser="sgd", momentum=0.0, learning_rate=0.3)
    fit(model, batches, small.squared_on, training, watch=[steps.append])
    whole, state = list(batches.epoch(0)), None
    for group in (whole[k : k + 2] for k in range(0, len(whole), 2)):
        losses = []
        for batch in group:
            loss, state = small.squared_on(other, batch, state)
            state = type(state)(*(one.detach() for one in state))
            losses.append(loss)
        other.zero_grad()
        (sum(loss.total for loss in losses) / sum(loss.count for loss in losses)).backward()
        with torch.no_grad():
            for weights in other.parameters():
                weights -= 0.3 * weights.grad
    assert len(whole) == 3 and len(steps) - 1 == 2
    assert (small.flat(model) - small.flat(other)).abs().max() < 1e-6


def test_bf16_trains_on_the_cpu_and_fp16_is_refused_there():
    torch.manual_seed(0)
    model, kinds = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1)), set()

    def noting(model, batch):
        ahead = model(batch.inputs)[..., 0]
        kinds.add(ahead.dtype)
        return Sum(((ahead.float() - batch.targets) ** 2)[batch.valid].sum(), batch.valid.sum())

    record = fit(model, small.bucketed(), noting, Training(max_epochs=6, learning_rate=0.03, precision="bf16"), valid=small.bucketed(8))
    assert kinds == {torch.bfloat16}
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    assert record.epochs[-1].train_loss < 0.9 * record.epochs[1].train_loss
    with pytest.raises(ConfigError, match='"fp16" needs a CUDA device, and the model is on "cpu"'):
        fit(model, small.bucketed(), noting, Training(precision="fp16"))

    def impossible(model, batch):
        raise RuntimeError("could not create a primitive descriptor for the LSTM forward propagation primitive. Run workload with …")  # as oneDNN says it

    with pytest.raises(ConfigError, match=r'cannot compute in "bf16" on this cpu: could not create .* primitive\. Use precision="float32"'):
        fit(model, small.bucketed(), impossible, Training(precision="bf16"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_a_model_on_a_gpu_trains_and_resumes_there(precision, tmp_path):
    losses = []
    for _ in range(2):
        model = small.Small(dropout=0.0).cuda()
        training = Training(max_epochs=6, learning_rate=0.03, precision=precision)
        record = fit(model, small.bucketed(), small.squared, training, valid=small.bucketed(8), directory=tmp_path)
        losses.append([epoch.train_loss for epoch in record.epochs[1:]])
    assert losses[0] == losses[1] and losses[0][-1] < losses[0][0]
    assert next(model.parameters()).is_cuda


def test_layer_norms_are_those_of_each_gradient():
    seen, model = [], small.Small()
    fit(model, small.bucketed(), small.squared, Training(max_epochs=1, layer_norms=True), watch=[seen.append])
    first = seen[0]
    assert set(first.layer_norms) == {name for name, _ in model.named_parameters()}
    assert np.sqrt(np.square(list(first.layer_norms.values())).sum()) == pytest.approx(first.gradient_norm, rel=1e-5)
    fit(model, small.bucketed(), small.squared, Training(max_epochs=1), watch=[seen.append])
    assert seen[-2].layer_norms == {}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"optimiser": "adam"}, 'Optimiser "adam" is unknown. Did you mean "adamw"'),
        ({"schedule": "inverse"}, 'Did you mean "inverse-root"'),
        ({"precision": "fp32"}, 'Precision "fp32"'),
        ({"average_of": "first"}, '"first" is unknown'),
        ({"accumulate": 0}, "`accumulate` is a whole number of batches, 1 or more, not 0"),
        ({"tbptt": 0}, "`tbptt` is a whole number of steps in time"),
        ({"average": 1.5}, "`average` .* not 1.5"),
        ({"patience": 0}, "`patience` .* not 0"),
        ({"ema": 1.0}, r"`ema` is a number from 0 up to 1, not 1\.0"),
        ({"momentum": 1.5}, "`momentum`.*1.5"),
        ({"betas": (0.9, 1.0)}, "`betas`.*1.0"),
        ({"betas": 0.9}, "`betas` is a pair"),
        ({"floor": -0.1}, "`floor`.*-0.1"),
        ({"warmup_steps": -1}, "`warmup_steps`.*-1"),
        ({"checkpoint_seconds": -1}, "`checkpoint_seconds`.*-1"),
        ({"optimiser": "sgd", "betas": (0.1, 0.2)}, r'`betas` is of optimiser="adamw"; with "sgd" it has no effect\. Leave betas=\(0\.1, 0\.2\) out'),
        ({"momentum": 0.5}, r'`momentum` is of optimiser="sgd"; with "adamw" it has no effect'),
        ({"nesterov": True}, r'`nesterov` is of optimiser="sgd"; with "adamw" it has no effect'),
        ({"optimiser": "sgd", "nesterov": True, "momentum": 0.0}, "`nesterov` looks ahead along the momentum"),
        ({"tbptt": 3, "accumulate": 2}, "`accumulate` is 1, not 2"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        Training(**options)


def test_a_loss_that_is_no_sum_is_told_what_it_should_be():
    with pytest.raises(ConfigError, match=r"`loss` returns Sum\(total, count\): .* this one returned Tensor"):
        fit(Dot(), Listed(rows(1)), lambda model, batch: squares(model, batch).mean, PLAIN)
    with pytest.raises(ConfigError, match=r"`loss` returns \(Sum\(total, count\), state\), since state is carried; this one returned Sum"):
        fit(small.Small(), small.streams(), lambda model, batch, state: small.squared(model, batch), PLAIN)


def test_no_batches_are_refused():
    with pytest.raises(TrainingError, match="Epoch 1 has no batches"):
        fit(Dot(), Listed([]), squares, PLAIN)


def test_a_model_without_parameters_is_refused():
    with pytest.raises(ConfigError, match="Identity has no parameters"):
        fit(nn.Identity(), Listed(rows(1)), squares)
