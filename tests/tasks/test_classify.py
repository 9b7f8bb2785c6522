"""Models of labelled sequences: each one learns, keeps its laws, and comes back from its bundle as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import inorder
from inorder.bundle import Bundle, read_bundle
from inorder.data.labelled import Sequences
from inorder.errors import BudgetError, BundleError, ConfigError, SeriesError
from inorder.tasks.classify import CANDIDATES, restore, seeded
from inorder.tasks.neural_classifier import Loss, NeuralClassifier, batches_of, held_back

SMALL = {
    "minirocket": {"features": 168},
    "rocket": {"features": 200},
    "cnn": {"hidden": 8},
    "tcn": {"hidden": 8},
    "bilstm": {"hidden": 8},
    "cnn-lstm": {"hidden": 8},
}
EPOCHS = {"max_epochs": 12, "learning_rate": 0.01}


def waves(n=40, classes=2, channels=1, seed=0, numbers=False) -> Sequences:
    """Sines of as many speeds as there are classes, of uneven lengths; or the speed itself as a number."""
    rng = np.random.default_rng(seed)
    values, labels = [], []
    for i in range(n):
        speed = rng.uniform(0.2, 1.0) if numbers else 0.25 * (1 + i % classes)
        t = np.arange(rng.integers(24, 40))
        values.append(np.stack([np.sin(speed * t + rng.uniform(0, 6)) for _ in range(channels)], axis=1) + rng.normal(0, 0.05, (len(t), channels)))
        labels.append(speed if numbers else f"speed {i % classes}")
    return Sequences.of(values, labels)


def model(name: str, seed: int = 0):
    made = seeded(name, seed, SMALL.get(name))
    return made.with_settings(EPOCHS) if "max_epochs" in made.settings else made


@pytest.mark.parametrize("name", CANDIDATES)
def test_laws(name, tmp_path):
    data, fresh = waves(36, channels=2), waves(9, channels=2, seed=1)
    settings = model(name).with_settings({"max_epochs": 3} if "max_epochs" in model(name).settings else {})
    fitted = settings.fit(data)
    said = fitted.outputs(fresh.values)
    assert said.shape == (9, 2)
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-9)
    # a batch of n is n batches of 1, and order changes nothing
    np.testing.assert_allclose(np.concatenate([fitted.outputs([one]) for one in fresh.values]), said, atol=1e-5)
    np.testing.assert_allclose(fitted.outputs(fresh.values[::-1]), said[::-1], atol=1e-5)
    # the same numbers from the same seed, and from the bundle
    np.testing.assert_array_equal(settings.fit(data).outputs(fresh.values), said)
    loaded = inorder.load(fitted.save(tmp_path / "m"))
    np.testing.assert_array_equal(loaded.outputs(fresh.values), said)
    assert loaded.summary() == fitted.summary() and loaded.model == fitted.model
    # missing values and sequences without any step are answered
    gappy = [fresh.values[0].copy(), np.zeros((0, 2)), np.full((5, 2), np.nan)]
    gappy[0][3:9, 1] = np.nan
    assert np.isfinite(fitted.outputs(gappy)).all()


@pytest.mark.parametrize("name", [name for name in CANDIDATES if name != "majority"])
def test_waves_are_told_apart(name):
    fitted = model(name).fit(waves(48))
    fresh = waves(30, seed=5)
    assert (fitted.outputs(fresh.values).argmax(axis=1) == fresh.labels).mean() > 0.85


@pytest.mark.parametrize("name", CANDIDATES)
def test_numbers_are_regressed_on(name):
    data, fresh = waves(60, numbers=True), waves(30, seed=3, numbers=True)
    fitted = model(name).with_settings({"max_epochs": 25} if "max_epochs" in model(name).settings else {}).fit(data)
    said = fitted.outputs(fresh.values)
    assert said.shape == (30,)
    error, spread = np.abs(said - fresh.labels).mean(), np.abs(data.labels.mean() - fresh.labels).mean()
    assert error == pytest.approx(spread) if name == "majority" else error < 0.7 * spread


def test_labels_of_the_test_part_are_never_seen():
    """Whatever stands there, the fit is the same."""
    data = waves(40)
    marked = replace(data, test=np.arange(40) >= 30)
    shuffled = replace(marked, labels=np.where(marked.test, 1 - data.labels, data.labels), values=(*data.values[:30], *(one * 100 for one in data.values[30:])))
    for name in ("minirocket", "dtw", "cnn"):
        np.testing.assert_array_equal(model(name).fit(marked).outputs(data.values[:5]), model(name).fit(shuffled).outputs(data.values[:5]))


def test_candidates_have_what_people_ask_for():
    for name, one in CANDIDATES.items():
        assert one.sentence.endswith(".") and one.equation and one.source
        assert type(one.make())(**json.loads(json.dumps(one.make().settings))) == one.make(), name
    with pytest.raises(ConfigError, match='Setting of random-kernels "feature" is unknown. Did you mean "features"'):
        CANDIDATES["rocket"].make(feature=3)


def test_predictions_as_a_frame():
    fitted = model("nearest").fit(waves(12))
    frame = fitted.predict(waves(4, seed=2)).to_frame()
    assert frame.columns == ["id", "label", "probability", "p_speed 0", "p_speed 1"] and len(frame) == 4
    numbers = model("nearest").fit(waves(12, numbers=True)).predict(waves(4, seed=2)).to_frame()
    assert numbers.columns == ["id", "label"]


def test_channels_are_found_by_name_or_refused():
    data = waves(20, channels=2)
    named = replace(data, channels=("x", "y"))
    fitted = model("nearest").fit(named)
    swapped = replace(data, channels=("y", "x"), values=tuple(one[:, ::-1] for one in data.values))
    np.testing.assert_array_equal(fitted.predict(swapped).probabilities, fitted.predict(named).probabilities)
    with pytest.raises(SeriesError, match=r"has 1 channel \(value\), but the model was fitted to 2 \(x, y\)"):
        fitted.predict(waves(3))


# --- the networks ---


def test_the_first_fit_of_a_process_loads_nothing_heavy_once_the_model_is_ready():
    code = """
import sys
from test_classify import waves
from inorder.tasks.classify import seeded
model = seeded("cnn", 0, {"hidden": 4, "max_epochs": 1})
data = waves(12)
model.ready()
before = set(sys.modules)
model.fit(data)
assert len(set(sys.modules) - before) < 20, sorted(set(sys.modules) - before)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=Path(__file__).parent)


def test_class_weights_make_rare_classes_weigh_the_same():
    import torch

    part = Sequences.of(np.zeros((8, 3)), ["a"] * 6 + ["b"] * 2)
    scores = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    (batch,) = batches_of(part, NeuralClassifier().fit(part).scaler, np.array([0.0, 1.0]), 8, 0).epoch(0)
    losses = torch.nn.functional.cross_entropy(scores, batch.targets, reduction="none")
    got = Loss(torch.tensor([2 / 3, 2.0]), 0.0)(lambda x, n: scores, batch)
    a, b = losses[batch.targets == 0], losses[batch.targets == 1]
    assert float(got.mean) == pytest.approx(float((a.mean() + b.mean()) / 2), rel=1e-5)
    smooth = Loss(None, 0.2)(lambda x, n: scores, batch)
    logp = scores.log_softmax(dim=1)
    wanted = -(0.8 * logp.gather(1, batch.targets[:, None])[:, 0] + 0.2 * logp.mean(dim=1)).mean()
    assert float(smooth.mean) == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"class_weights": True},
        {"label_smoothing": 0.2},
        {"augmentation": ["noise"]},
        {"augmentation": "warp"},
        {"augmentation": ["mask", "channels"]},
        {"dropout": 0.5},
    ],
)
def test_every_option_has_an_effect(settings):
    data = waves(30, classes=3)[:25]  # classes of unequal size
    base = NeuralClassifier(hidden=6, max_epochs=2)
    plain, other = base.fit(data).outputs(data.values), base.with_settings(settings).fit(data).outputs(data.values)
    assert np.isfinite(other).all() and np.abs(plain - other).max() > 1e-6


def test_the_epochs_come_from_a_part_held_back_and_everything_is_trained_on_again():
    data = waves(120)
    held = held_back(data, 0.2, 0)
    assert held.sum() == 24 and np.bincount(data.labels[held]).tolist() == [12, 12]
    assert not held_back(data[:99], 0.2, 0).any() and not held_back(data, 0, 0).any()
    settings = NeuralClassifier(hidden=6, max_epochs=8, learning_rate=0.01)
    once, again = settings.with_settings({"refit": False}).fit(data), settings.fit(data)
    assert once.epochs == again.epochs > 0
    assert np.abs(once.outputs(data.values) - again.outputs(data.values)).max() > 1e-6
    np.testing.assert_allclose(again.scaler.mean, np.concatenate(data.values).mean(axis=0))
    np.testing.assert_allclose(once.scaler.mean, np.concatenate([one for one, out in zip(data.values, held, strict=True) if not out]).mean(axis=0))


def test_progress_ends_at_the_end_and_no_time_is_told():
    seen = []
    NeuralClassifier(hidden=4, max_epochs=3).fit(waves(20), progress=lambda done, of: seen.append(done / of))
    assert seen[-1] == 1 and seen == sorted(seen)
    with pytest.raises(BudgetError, match="had not finished one epoch"):
        NeuralClassifier(hidden=4, max_epochs=3).fit(waves(20), seconds=0.0)


def test_a_fit_that_time_cut_short_says_so_from_its_bundle_too(tmp_path):
    fitted = NeuralClassifier(hidden=4, max_epochs=100_000).fit(waves(20), seconds=1.5)
    (note,) = inorder.load(fitted.save(tmp_path / "m")).notes
    assert note == f"Training stopped after {fitted.epochs} of 100000 epochs, when its time was used up." and fitted.epochs > 0


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"encoder": "gru"}, "cnn or tcn or bilstm or cnn-lstm, not 'gru'"),
        ({"hidden": 0}, "`hidden` is a whole number, 1 or more, not 0"),
        ({"label_smoothing": 1.0}, "`label_smoothing` is a number from 0 up to 1, not 1.0"),
        ({"augmentation": ["noice"]}, 'Augmentation "noice" is unknown. Did you mean "noise"'),
        ({"learning_rate": 0}, "`learning_rate` is a number above 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, shown):
    with pytest.raises(ConfigError, match=shown):
        NeuralClassifier(**settings)


# --- bundles that are not what they say ---


@pytest.mark.parametrize("name", ["minirocket", "nearest", "cnn", "majority"])
def test_damaged_bundles_say_so(name, tmp_path):
    whole = read_bundle(model(name).fit(waves(20)).save(tmp_path / "m"))
    for missing in [key for key in whole.weights if key != "seen" and not key.endswith("num_batches_tracked")][:3]:  # no output hangs on these two
        with pytest.raises(BundleError, match="is damaged"):
            restore(Bundle(whole.model, {key: array for key, array in whole.weights.items() if key != missing}, path=tmp_path / "m"))
    for change in (
        {"about": None},
        {"settings": {"nonsense": 1}},
        {"about": {"classes": ["a"]}},
        {"about": {**whole.model["about"], "channels": ["a", "b", "c"]}},
    ):
        if name == "majority" and "channels" in str(change):
            continue  # it does not look at the channels
        with pytest.raises(BundleError, match="is damaged"):
            restore(Bundle({**whole.model, **change}, whole.weights))
    with pytest.raises(BundleError, match='holds the model "oracle"'):
        restore(Bundle({**whole.model, "model": "oracle"}, whole.weights))
