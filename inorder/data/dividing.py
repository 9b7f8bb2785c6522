"""Examples into a part to learn from, one to choose by, and one to be judged on.

    train   ├───────────────────┤        what models are fitted to
    valid                        ├──┤    stops training, chooses settings and models
    test                            ├──┤ plays no part in any choice

Parts that the data name are kept. What they lack is drawn from the training part, every class in equal shares, or where order matters taken from its end.

Source: Ripley 1996, Pattern recognition and neural networks, p. 354 (the three parts).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from inorder.data.parts import TEST, TRAIN, VALID, in_part
from inorder.errors import SeriesError

SHARE = 0.1  # of the training part, for each part that is drawn


class Examples(Protocol):
    """What `Texts`, `Symbols` and `Tagged` have in common."""

    @property
    def labels(self) -> Any: ...
    @property
    def source(self) -> str: ...
    @property
    def parts(self) -> Sequence[str]: ...
    @property
    def contents(self) -> Sequence[Hashable]: ...
    def __getitem__(self, which: Any) -> Any: ...
    def __len__(self) -> int: ...


Data = TypeVar("Data", bound=Examples)


class Division(NamedTuple, Generic[Data]):
    """train, valid: there always.   test: None where the data name none and none was to be drawn.   notes: what was drawn, and what stands in two parts."""

    train: Data
    valid: Data
    test: Data | None
    notes: tuple[str, ...]


def divide(data: Data, *, seed: int = 0, test: bool = True, share: float = SHARE, in_order: bool = False) -> Division[Data]:
    """The three parts of some data.

    seed: of what is drawn.   test: draw one where the data name neither a test nor a validation part; where they name a validation part alone, that one
    judges too.   share: of the training part, for each part drawn.   in_order: what is drawn is the end of the training part, in the order of the data.
    Raises SeriesError where too few examples are left to learn from.

    >>> from inorder.data.text import Texts
    >>> division = divide(Texts.of([f"text {i}" for i in range(20)], ["a", "b"] * 10))
    >>> len(division.train), sorted(division.valid.labels.names()), sorted(division.test.labels.names())
    (16, ['a', 'b'], ['a', 'b'])
    """
    given = {name: data[mask] for name in (VALID, TEST) if (mask := in_part(data.parts, name)).any()}
    learnt = in_part(data.parts, TRAIN)
    if not learnt.any():
        raise SeriesError(f"{data.source} has no training part, only {' and '.join(given)}; nothing is left to learn from.")
    train, notes = data[learnt], []
    drawn = [name for name in (TEST, VALID) if name not in given and (name == VALID or (test and VALID not in given))]
    for name in drawn:
        if len(train) < 3:
            raise SeriesError(f"{data.source} has {len(data)} examples, too few to draw a {_words(name)} from. Name a file of its own with --{name}.")
        held = _held(train, share, seed + (name == TEST), in_order)
        given[name], train = train[held], train[~held]
    if drawn:
        how = "the last" if in_order else "drawn at random"
        sizes = " and ".join(f"{len(given[name]):,} for the {_words(name)}" for name in reversed(drawn))
        flags = " and ".join(f"--{name}" for name in reversed(drawn))
        notes.append(f"of the training examples, {how}: {sizes}; {flags} name{'s' * (len(drawn) == 1)} files of {'its' if len(drawn) == 1 else 'their'} own")
    if TEST not in given and test:
        notes.append("no test part: the scores are those of the validation part, which also chose, so they are a little too good; --test names one")
    seen = set(train.contents)
    for name, part in given.items():
        if again := sum(one in seen for one in part.contents):
            notes.append(f"{again:,} of the {len(part):,} examples of the {_words(name)} also stand in the training part")
    return Division(train, given[VALID], given.get(TEST, given[VALID] if test else None), tuple(notes))


def dealt(values: NDArray[Any], folds: int, seed: int, *, numbers: bool = False) -> NDArray[np.int64]:
    """(examples,) the fold of each: every class (or, of numbers, every stretch of the sorted ones) is dealt out evenly.

    values: (examples,) classes or numbers.   Not more folds than examples.

    >>> dealt(np.array([0, 0, 1, 1, 1, 1]), 2, seed=0).sum()
    np.int64(3)
    """
    folds = min(folds, len(values))
    shuffled = np.random.default_rng(seed).permutation(len(values))
    order = shuffled[np.argsort(values[shuffled], kind="stable")]
    if numbers:  # the folds of each stretch in an order of their own
        deal = np.random.default_rng(seed).permuted(np.tile(np.arange(folds), (-(-len(values) // folds), 1)), axis=1).reshape(-1)[: len(values)]
    else:
        deal = np.arange(len(values)) % folds
    place = np.empty(len(values), dtype=np.int64)
    place[order] = deal
    return place


def _held(train: Examples, share: float, seed: int, in_order: bool) -> NDArray[np.bool_]:
    """(examples,) True for those that are held out; the only one of its class is needed to learn from."""
    count = len(train)
    if in_order:
        return np.arange(count, dtype=np.int64) >= count - max(1, round(share * count))
    labels = train.labels
    if labels is None or labels.kind == "multi-label":
        return np.asarray(dealt(np.zeros(count), round(1 / share), seed) == 0)
    held = dealt(labels.values, round(1 / share), seed, numbers=labels.kind == "regression") == 0
    if labels.kind == "regression":
        return np.asarray(held)
    counts = np.bincount(labels.values + 1)  # −1 is: not known
    fewer = held & (counts[labels.values + 1] > 1)
    return np.asarray(fewer if fewer.any() else held)


def _words(name: str) -> str:
    return {VALID: "validation part", TEST: "test part"}[name]
