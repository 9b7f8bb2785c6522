"""The classifier that never looks: class shares of the training part, or the mean of its numbers. Whatever does no better has learnt nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.labelled import Sequences
from inorder.models.sequence_model import About, FittedSequenceModel, Progress, SequenceModel, expect
from inorder.typing import Floats


@dataclass(frozen=True, kw_only=True)
class Majority(SequenceModel):
    """The most frequent class of the training part, or the mean of its numbers.

        p[k] = examples of class k / examples

    >>> data = Sequences.of(np.zeros((3, 5)), ["a", "a", "b"])
    >>> Majority().fit(data).predict(data).labels
    ['a', 'a', 'a']
    """

    name = "majority"

    def fit_training(self, training: Sequences, seconds: float | None, progress: Progress | None) -> FittedMajority:
        assert training.labels is not None, "checked by `fit`"
        about = About.of(training)
        answer = np.array([training.labels.mean()]) if training.regression else np.array(about.counts) / len(training)
        return FittedMajority(model=self, about=about, answer=answer)

    def restore(self, about: About, arrays: Mapping[str, NDArray[Any]]) -> FittedMajority:
        expect(arrays["answer"].shape == (max(len(about.classes), 1),), "answer")
        return FittedMajority(model=self, about=about, answer=arrays["answer"])


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedMajority(FittedSequenceModel):
    """answer: (classes,) shares, or (1,) the mean."""

    answer: Floats

    def outputs(self, values: Sequence[Floats]) -> Floats:
        return np.tile(self.answer, (len(values), 1)) if self.about.classes else np.full(len(values), self.answer[0])

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"answer": self.answer}
