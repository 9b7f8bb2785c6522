"""Random convolution kernels and a ridge regression on their features: the strong classical rival of the networks.

    features = share of each filter's outputs above a bias (features/random_kernels)
    scores   = intercept + features · W                             (ridge)
    p        = softmax(τ · scores)

Sources: Dempster, Petitjean & Webb 2020 (ROCKET); Dempster, Schmidt & Webb 2021 (MiniRocket).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.labelled import Scaler, Sequences
from inorder.errors import ConfigError
from inorder.features.random_kernels import RandomKernels, check_features, random_kernels
from inorder.models.ridge import Ridge, fit_ridge, softmax, temperature
from inorder.models.sequence_model import About, FittedSequenceModel, Progress, SequenceModel, expect
from inorder.typing import Floats


@dataclass(frozen=True, kw_only=True)
class RandomKernelRidge(SequenceModel):
    """Thousands of random convolution kernels, and a ridge regression on what they see.

        features = share of each filter's outputs above a bias
        p        = softmax(τ · (intercept + features · W))

    kind: "minirocket" (fixed filters, biases from the data) or "rocket" (all drawn; the greatest output is a feature too).
    features: how many.   seed: of what is drawn.   Penalty and τ are chosen by leaving one out.

    Sources: Dempster, Petitjean & Webb 2020, ROCKET; Dempster, Schmidt & Webb 2021, MiniRocket.

    >>> t, rng = np.arange(40), np.random.default_rng(0)
    >>> waves = np.stack([np.sin(t / (2 + i % 2) + rng.uniform(0, 6)) for i in range(20)])
    >>> fitted = RandomKernelRidge(features=500).fit((waves, np.arange(20) % 2))
    >>> fitted.predict(waves[:4]).labels
    ['0', '1', '0', '1']
    """

    name = "random-kernels"
    kind: str = "minirocket"
    features: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_features(self.kind, self.features)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"`seed` is a whole number, 0 or more, not {self.seed!r}.")

    def fit_training(self, training: Sequences, seconds: float | None, progress: Progress | None) -> FittedRandomKernels:
        labels = training.labels
        assert labels is not None, "checked by `fit`"
        scaler = Scaler.of(training.values)
        values = [scaler.apply(one) for one in training.values]
        kernels = random_kernels(values, kind=self.kind, features=self.features, seed=self.seed)
        if progress:
            progress(1, 3)
        seen = kernels.transform(values)
        if progress:
            progress(2, 3)
        targets = labels[:, None].astype(np.float64) if training.regression else np.where(labels[:, None] == np.arange(len(training.classes)), 1.0, -1.0)
        ridge = fit_ridge(seen, targets)
        tau = 1.0 if training.regression else temperature(ridge.left_out, labels)
        if progress:
            progress(3, 3)
        return FittedRandomKernels(model=self, about=About.of(training), scaler=scaler, kernels=kernels, ridge=ridge, tau=tau)

    def restore(self, about: About, arrays: Mapping[str, NDArray[Any]]) -> FittedRandomKernels:
        kernels = RandomKernels.restored({name.removeprefix("kernels."): array for name, array in arrays.items() if name.startswith("kernels.")})
        weights, intercept, (penalty, tau) = arrays["weights"], arrays["intercept"], arrays["chosen"]
        expect(all(group.weights.shape[2] == len(about.channels) for group in kernels.groups), "kernels and channels")
        expect(weights.shape == (len(kernels), max(len(about.classes), 1)) and intercept.shape == weights.shape[1:], "weights and kernels")
        ridge = Ridge(weights, intercept, float(penalty), np.empty((0, len(intercept))))
        scaler = Scaler(arrays["mean"], arrays["deviation"])
        return FittedRandomKernels(model=self, about=about, scaler=scaler, kernels=kernels, ridge=ridge, tau=float(tau))


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedRandomKernels(FittedSequenceModel):
    """kernels: the filters.   ridge: the regression on their features.   tau: how sure a difference of scores makes."""

    scaler: Scaler
    kernels: RandomKernels
    ridge: Ridge
    tau: float

    def outputs(self, values: Sequence[Floats]) -> Floats:
        scores = self.ridge.predict(self.kernels.transform([self.scaler.apply(one) for one in values]))
        return softmax(self.tau * scores) if self.about.classes else scores[:, 0]

    def arrays(self) -> dict[str, NDArray[Any]]:
        own = {"weights": self.ridge.weights, "intercept": self.ridge.intercept, "chosen": np.array([self.ridge.penalty, self.tau])}
        return {**own, "mean": self.scaler.mean, "deviation": self.scaler.deviation, **{f"kernels.{k}": v for k, v in self.kernels.arrays().items()}}

    def details(self) -> list[str]:
        filters = f", two of each of {len(self.kernels) // 2:,} filters" if self.kernels.maximum else ""
        return [f"{len(self.kernels):,} features{filters}, penalty {self.ridge.penalty:.3g} by leaving one out"]
