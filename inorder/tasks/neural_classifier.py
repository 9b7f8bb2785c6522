"""The networks of models/classifier.py as models of labelled sequences: standardised, trained with a part held back, trained once more on everything.

    loss = Σ weight[k] · −Σ_j q[j] · ln p[j] / Σ weight[k]          q: 1 − ε on the true class k, ε shared by all classes (label smoothing)
    loss = mean (ŷ − y)²                                            for numbers, which are standardised

Source: label smoothing: Szegedy et al. 2016, §7; the number of epochs from a held-out part, then all data: Goodfellow, Bengio & Courville 2016, algorithm 7.2.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inorder.data.bucketing import Bucketed
from inorder.data.labelled import Scaler, Sequences, fold_of, padded
from inorder.errors import BudgetError, ConfigError, unknown
from inorder.features.augmentation import Augmented, ChannelMask, Noise, TimeMask, TimeWarp
from inorder.losses.sums import Sum
from inorder.models.classifier import ENCODERS, SequenceClassifier
from inorder.models.ridge import softmax
from inorder.models.sequence_model import About, FittedSequenceModel, Progress, SequenceModel, check_choice, expect
from inorder.train.loop import Batches, fit
from inorder.train.reproducible import reproducible, using_threads
from inorder.train.settings import Training
from inorder.typing import Floats

AUGMENTATIONS: dict[str, Any] = {"noise": Noise(0.1), "warp": TimeWarp(), "mask": TimeMask(), "channels": ChannelMask()}
FEWEST = 100  # training examples of which some are held back: a handful says little of when to stop
PREDICTED = 256  # sequences at a time
STEPS, SMALLEST_BATCH = 8, 4  # of an epoch; few examples are taken in smaller batches, else they would be seen but a few hundred times
FIRST_SHARE = 0.6  # of the time allowed goes to training with a part held back


@dataclass(frozen=True, kw_only=True)
class NeuralClassifier(SequenceModel):
    """A network over whole sequences of any lengths and several channels.

        scores = W · [mean over t of h[t], max over t of h[t]] + b          h = encoder(x)

    encoder: "cnn" (residual convolutions), "tcn" (dilated), "bilstm" (both directions) or "cnn-lstm".   hidden: channels or units per layer.
    layers: blocks of a cnn, layers of an LSTM, least levels of a tcn.   dropout: share of values dropped before the output and between layers.
    learning_rate, weight_decay, max_epochs, patience (epochs without a better loss on the part held back): of training.
    batch_size: at most; of few examples an eighth, four at least.
    validation_share: of the training examples, held back to find the number of epochs; refit: train once more on all, for that many. Fewer than 100 examples
    are all trained on, for max_epochs.
    class_weights: classes weigh the same, however many examples they have.   label_smoothing: ε.
    augmentation: changes to the training sequences, drawn anew in every epoch: "noise" (a tenth of a channel's deviation), "warp" (time runs faster
    here and slower there), "mask" (a stretch of ten steps at most at its mean), "channels" (a tenth of the channels at their mean); several in order.
    seed: of all random numbers.

    Sources: Wang, Yan & Oates 2017; Bai, Kolter & Koltun 2018; Graves & Schmidhuber 2005.

    >>> t, rng = np.arange(30), np.random.default_rng(0)
    >>> waves = np.stack([np.sin(t / (2 + i % 2) + rng.uniform(0, 6)) for i in range(24)])
    >>> fitted = NeuralClassifier(hidden=8, max_epochs=20, learning_rate=0.01).fit((waves, np.arange(24) % 2))
    >>> fitted.predict(waves[:4]).labels
    ['0', '1', '0', '1']
    """

    name = "network"
    gradual = True
    encoder: str = "cnn"
    hidden: int = 32
    layers: int = 1
    dropout: float = 0.1
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    batch_size: int = 16
    max_epochs: int = 60
    patience: int = 20
    validation_share: float = 0.2
    refit: bool = True
    class_weights: bool = False
    label_smoothing: float = 0.0
    augmentation: Sequence[str] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("encoder", self.encoder, tuple(ENCODERS))
        object.__setattr__(self, "augmentation", (self.augmentation,) if isinstance(self.augmentation, str) else tuple(self.augmentation))
        for name in self.augmentation:
            if name not in AUGMENTATIONS:
                raise unknown("augmentation", str(name), AUGMENTATIONS)
        for name, least in (("hidden", 1), ("layers", 1), ("batch_size", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"`{name}` is a whole number, {least} or more, not {value!r}.")
        for name, most in (("dropout", 1.0), ("label_smoothing", 1.0), ("validation_share", 0.5)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < most:
                raise ConfigError(f"`{name}` is a number from 0 up to {most:g}, not {value!r}.")
        self.training  # noqa: B018  the rest is checked where it belongs

    def lighter(self) -> NeuralClassifier:
        return replace(self, refit=False)

    def ready(self) -> None:
        torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # the first optimiser loads torch's compiler: eight hundred modules, a second or three

    @property
    def training(self) -> Training:
        """The settings of the training loop."""
        return Training(**{f.name: getattr(self, f.name) for f in fields(Training) if f.name in self.settings})

    def fit_training(self, training: Sequences, seconds: float | None, progress: Progress | None) -> FittedNetwork:
        began = time.monotonic()
        held = held_back(training, self.validation_share, self.seed)
        again = self.refit and held.any()
        deadline = None if seconds is None else began + seconds * (FIRST_SHARE if again else 1.0)
        total = self.max_epochs * (2 if again else 1)
        fitted, record = self._train(training, held, deadline, None if progress is None else lambda done, of: progress(done, total))
        if not record.epochs or record.epochs[-1].epoch == 0:
            raise BudgetError(f"{self.name} had not finished one epoch when its {seconds or 0:.1f} seconds were used up. Give it more time, with --budget.")
        epochs, left = record.best_epoch, None if seconds is None else began + seconds - time.monotonic()
        if again and epochs > 0 and (left is None or left > 1.2 * (record.epochs[-1].seconds / record.epochs[-1].epoch) * epochs):
            fitted, _ = self._train(training, None, None, None if progress is None else lambda done, of: progress(self.max_epochs + done, total), follow=record)
        if progress:
            progress(total, total)
        done = record.epochs[-1].epoch
        notes = (f"Training stopped after {done} of {self.max_epochs} epochs, when its time was used up.",) if record.stopped == "time" else ()
        return replace(fitted, notes=notes)

    def _train(
        self, training: Sequences, held: NDArray[np.bool_] | None, deadline: float | None, progress: Progress | None, follow: Any = None
    ) -> tuple[FittedNetwork, Any]:
        """Train on what is not held back."""
        part = training if held is None or not held.any() else training[~held]
        scaler, target = Scaler.of(part.values), _target_scale(part)
        longest = int(training.lengths.max())
        with reproducible(self.seed, threads=1):
            network = self.network(len(training.channels), max(len(training.classes), 1), longest)
            loss = Loss(_weights(part) if self.class_weights and part.classes else None, self.label_smoothing)
            size = min(self.batch_size, max(SMALLEST_BATCH, len(part) // STEPS))
            batches = batches_of(part, scaler, target, size, self.seed, self.augmentation)
            valid = None if held is None or not held.any() else batches_of(training[held], scaler, target, PREDICTED, self.seed)
            record = fit(network, batches, loss, self.training, valid=valid, follow=follow, deadline=deadline, progress=progress)
        fitted = FittedNetwork(model=self, about=About.of(training), scaler=scaler, target=target, network=network, longest=longest, epochs=record.best_epoch)
        return fitted, record

    def network(self, inputs: int, outputs: int, longest: int) -> SequenceClassifier:
        """The untrained network."""
        return SequenceClassifier(inputs, outputs, encoder=self.encoder, hidden=self.hidden, layers=self.layers, longest=longest, dropout=self.dropout)

    def restore(self, about: About, arrays: Mapping[str, NDArray[Any]]) -> FittedNetwork:
        weights = {name.removeprefix("network."): torch.from_numpy(array.copy()) for name, array in arrays.items() if name.startswith("network.")}
        longest, epochs = (int(one) for one in arrays["shape"])
        expect(0 <= longest < 2**31, "the longest sequence")
        network = self.network(len(about.channels), max(len(about.classes), 1), longest)
        network.load_state_dict(weights)  # RuntimeError where a name or a shape differs
        scaler = Scaler(arrays["mean"], arrays["deviation"])
        return FittedNetwork(model=self, about=about, scaler=scaler, target=arrays["target"], network=network.eval(), longest=longest, epochs=epochs)


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedNetwork(FittedSequenceModel):
    """network: trained, in evaluation mode.   target: mean and deviation of the numbers; 0 and 1 for classes.   epochs: it was trained for."""

    scaler: Scaler
    target: Floats
    network: nn.Module
    longest: int
    epochs: int

    def outputs(self, values: Sequence[Floats]) -> Floats:
        order = np.argsort([len(one) for one in values], kind="stable")
        scores = np.empty((len(values), max(len(self.about.classes), 1)))
        with using_threads(1), torch.no_grad():
            for k in range(0, len(order), PREDICTED):
                rows = order[k : k + PREDICTED]
                x, lengths = padded([self.scaler.apply(values[i]) for i in rows])
                scores[rows] = self.network(torch.from_numpy(x).float(), torch.from_numpy(lengths)).double().numpy()
        if not self.about.classes:
            return np.asarray(scores[:, 0] * self.target[1] + self.target[0])
        return softmax(scores)

    def arrays(self) -> dict[str, NDArray[Any]]:
        weights = {f"network.{name}": value.numpy() for name, value in self.network.state_dict().items()}
        shape = np.array([self.longest, self.epochs], dtype=np.int64)
        return {**weights, "mean": self.scaler.mean, "deviation": self.scaler.deviation, "target": self.target, "shape": shape}

    def details(self) -> list[str]:
        count = sum(value.numel() for value in self.network.parameters())
        return [f"{count:,} weights, trained for {self.epochs} epoch{'s' * (self.epochs != 1)}"]


@dataclass(frozen=True, eq=False)
class LabelledBatch:
    """inputs: (batch, time, channels).   lengths: (batch,).   targets: (batch,) classes or standardised numbers."""

    inputs: Tensor
    lengths: Tensor
    targets: Tensor


def batches_of(data: Sequences, scaler: Scaler, target: Floats, size: int, seed: int, augmentation: Sequence[str] = ()) -> Batches:
    """Sequences of like length together, `size` at most; changed a little at random where that is asked for."""
    assert data.labels is not None, "checked by `fit`"
    values = [scaler.apply(one) for one in data.values]
    targets = torch.as_tensor((data.labels - target[0]) / target[1], dtype=torch.float32) if data.regression else torch.as_tensor(data.labels)

    def make(which: NDArray[np.int64]) -> LabelledBatch:
        x, lengths = padded([values[i] for i in which])
        return LabelledBatch(torch.from_numpy(x).float(), torch.from_numpy(lengths), targets[torch.from_numpy(which)])

    plain = Bucketed(data.lengths, make, batch_size=size, seed=seed)
    return Augmented(plain, [AUGMENTATIONS[name] for name in augmentation], seed=seed) if augmentation else plain


@dataclass(frozen=True, eq=False)
class Loss:
    """Cross-entropy of classes, squared error of numbers, summed.   weights: (classes,) or None.   smoothing: ε."""

    weights: Tensor | None
    smoothing: float

    def __call__(self, network: nn.Module, batch: LabelledBatch) -> Sum:
        scores = network(batch.inputs, batch.lengths)
        if batch.targets.is_floating_point():
            return Sum(((scores[:, 0] - batch.targets) ** 2).sum(), torch.tensor(float(len(batch.targets))))
        own = functional.cross_entropy(scores, batch.targets, reduction="none", label_smoothing=self.smoothing)
        weight = torch.ones_like(own) if self.weights is None else self.weights[batch.targets]
        return Sum((weight * own).sum(), weight.sum())


def held_back(training: Sequences, share: float, seed: int) -> NDArray[np.bool_]:
    """(examples,) True for those that find the number of epochs: every class in equal shares; none of very few examples."""
    if share == 0 or len(training) < FEWEST:
        return np.zeros(len(training), dtype=bool)
    return np.asarray(fold_of(training, max(2, round(1 / share)), seed) == 0)


def _weights(part: Sequences) -> Tensor:
    """(classes,) one over the share of each class, so that the mean over the examples is 1."""
    assert part.labels is not None
    counts = np.bincount(part.labels, minlength=len(part.classes))
    present = max(int((counts > 0).sum()), 1)
    return torch.tensor(np.where(counts > 0, len(part) / (present * np.maximum(counts, 1)), 0.0), dtype=torch.float32)


def _target_scale(part: Sequences) -> Floats:
    """Mean and deviation of the numbers to predict; 0 and 1 for classes."""
    if part.classes or part.labels is None:
        return np.array([0.0, 1.0])
    deviation = float(part.labels.std())
    return np.array([part.labels.mean(), deviation if deviation > 0 else 1.0])
