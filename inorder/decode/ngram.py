"""Language models of n-grams with interpolated modified Kneser–Ney smoothing.

    p(w | h) = max(c(h w) − D(c(h w)), 0) / c(h ·)  +  γ(h) · p(w | h′)          h′: h without its first symbol;   p(w | nothing at all) = 1 / |V|

Stored as p of every n-gram that occurred and γ of every context: what did not occur has γ(h) · p(w | h′). The n-grams of each length lie sorted by the
number of their context and their last symbol, so that one is found by bisection, and all that follow a context lie side by side.

Equations in full, truth and source: `inorder.textbook.ngram` (Kneser & Ney 1995; Chen & Goodman 1999).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.vocabulary import Vocabulary
from inorder.errors import BundleError, ConfigError, SeriesError, ShapeError
from inorder.typing import Floats

Numbers = NDArray[np.int64]
USUAL = (0.5, 1.0, 1.5)  # discounts where there are too few n-grams to estimate them from
LONGEST = 64  # symbols of an n-gram
NOWHERE = -1  # a context that never occurred; a place before the beginning


@dataclass(frozen=True)
class NGram:
    """Settings of a language model of n-grams.

        p(w | h) = max(c(h w) − D(c(h w)), 0) / c(h ·)  +  γ(h) · p(w | h′)

    order: symbols of the longest n-gram, so that order − 1 are looked back at.   at_least, most: of the vocabulary, see `Vocabulary.of`.
    ends: the end of a sequence is predicted too; False for texts that are cut anywhere.
    Source: Chen & Goodman 1999, "modified Kneser–Ney".

    >>> model = NGram(order=3).fit(["to be or not to be".split()])
    >>> next(iter(model.probabilities(["or"]))), round(model.perplexity(["to be or not to be".split()]), 2)
    ('not', 1.56)
    """

    order: int = 3
    at_least: int = 1
    most: int | None = None
    ends: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.order, bool) or not isinstance(self.order, int) or not 1 <= self.order <= LONGEST:
            raise ConfigError(f"`order` is a whole number from 1 to {LONGEST}, not {self.order!r}.")
        if not isinstance(self.ends, bool):
            raise ConfigError(f"`ends` is True or False, not {self.ends!r}.")

    def fit(self, sequences: Iterable[Sequence[str]], vocabulary: Vocabulary | None = None) -> FittedNGram:
        """Count the n-grams of these sequences of symbols.   vocabulary: None = of all symbols that occur often enough.

        Raises SeriesError where there is no symbol at all.
        """
        held = [tuple(sequence) for sequence in sequences]
        if not any(held):
            raise SeriesError("There is no symbol to count: every sequence is empty.")
        vocabulary = Vocabulary.of(held, at_least=self.at_least, most=self.most) if vocabulary is None else vocabulary
        numbers = [vocabulary.encode(sequence, begin=True, end=self.ends) for sequence in held]
        return FittedNGram(self, vocabulary, counted(numbers, self.order, len(vocabulary), self.never))

    @property
    def never(self) -> tuple[int, ...]:
        """The numbers that are not predicted."""
        return (Vocabulary.PADDING, Vocabulary.BEGIN, *(() if self.ends else (Vocabulary.END,)))


@dataclass(frozen=True, eq=False)
class Level:
    """All n-grams of one length.   keys: sorted, number of the context · size of the vocabulary + last symbol; the place of an n-gram is its number.

    probability: of the last symbol after the others.   weight: γ of the n-gram as a context, 1 where nothing follows it.
    """

    keys: Numbers
    probability: Floats
    weight: Floats


@dataclass(frozen=True, eq=False)
class FittedNGram:
    """A language model of n-grams.   levels: of n-grams of 1, 2, … symbols."""

    settings: NGram
    vocabulary: Vocabulary
    levels: tuple[Level, ...]

    # --- of one place ---

    def init(self, batch: int = 1) -> Numbers:
        """The state before the first symbol: (batch, order − 1) the symbols before, −1 where there is none; the begin symbol stands last."""
        state = np.full((batch, self.settings.order - 1), NOWHERE, dtype=np.int64)
        state[:, -1:] = Vocabulary.BEGIN
        return state

    def step(self, state: Numbers, tokens: NDArray[Any] | None = None) -> tuple[Floats, Numbers]:
        """(batch, symbols) ln p of what comes next, and the state after `tokens` (batch,); None = the state is that of before the first symbol."""
        if tokens is not None:
            state = np.concatenate([state, np.asarray(tokens, dtype=np.int64)[:, None]], axis=1)[:, 1:]
        with np.errstate(divide="ignore"):
            return np.log(np.stack([self._following(row) for row in state])), state

    def probabilities(self, before: Sequence[str] = (), *, begun: bool = True) -> dict[str, float]:
        """symbol -> probability that it comes next, the likeliest first; "<eos>" is the end and "<unk>" all that is not in the vocabulary.

        begun: `before` stands at the beginning; False: it is a piece out of the middle.

        >>> {symbol: round(p, 3) for symbol, p in NGram(order=2).fit(["aab", "ab"]).probabilities("a").items()}
        {'b': 0.458, 'a': 0.354, '<eos>': 0.125, '<unk>': 0.062}
        """
        found = self._following(self._before(self.vocabulary.encode(before, begin=begun)))
        order = np.argsort(-found, kind="stable")
        names = self.vocabulary.decode(order, special=True)
        return {name: float(found[i]) for name, i in zip(names, order, strict=True) if i not in self.settings.never}

    def _before(self, numbers: Numbers) -> Numbers:
        """The last order − 1 of these numbers, −1 in front where there are fewer."""
        wanted = self.settings.order - 1
        kept = numbers[max(len(numbers) - wanted, 0) :]
        return np.concatenate([np.full(wanted - len(kept), NOWHERE, dtype=np.int64), kept])

    def _following(self, before: Numbers) -> Floats:
        """(symbols,) the probability of each symbol after (order − 1,) symbols."""
        size, context = len(self.vocabulary), [int(number) for number in before if number != NOWHERE]
        found = self.levels[0].probability.copy()
        for k in range(1, len(context) + 1):
            node = self._node(context[-k:])
            if node == NOWHERE:
                break  # then no longer one occurred either
            keys = self.levels[k].keys
            first, after = np.searchsorted(keys, [node * size, (node + 1) * size])
            found *= self.levels[k - 1].weight[node]
            found[keys[first:after] % size] = self.levels[k].probability[first:after]
        return found

    def _node(self, gram: Sequence[int]) -> int:
        """The number of an n-gram; −1 where it never occurred."""
        node, size = gram[0], len(self.vocabulary)
        for level, symbol in zip(self.levels[1:], gram[1:], strict=False):
            key = node * size + symbol
            node = int(np.searchsorted(level.keys, key))
            if node == len(level.keys) or level.keys[node] != key:
                return NOWHERE
        return node

    # --- of whole sequences ---

    def log_probabilities(self, sequence: Sequence[str]) -> Floats:
        """(time,) ln p of each symbol after those before it, with `ends` (time + 1,) of the end too; an unknown symbol counts as "<unk>"."""
        numbers = self.vocabulary.encode(sequence, begin=True, end=self.settings.ends)
        return self._scores([numbers])

    def perplexity(self, sequences: Iterable[Sequence[str]]) -> float:
        """exp(−mean ln p) over all symbols of these sequences, the ends included where they are predicted.   Raises SeriesError where there is none."""
        numbers = [self.vocabulary.encode(tuple(sequence), begin=True, end=self.settings.ends) for sequence in sequences]
        scores = self._scores(numbers)
        if not len(scores):
            raise SeriesError("There is no symbol to judge by: every sequence is empty.")
        return math.exp(-float(scores.mean()))

    def _scores(self, sequences: Sequence[Numbers]) -> Floats:
        """ln p of all symbols but the begin ones, one sequence after the other."""
        tokens, place = joined(sequences)
        size, found = len(self.vocabulary), self.levels[0].probability[tokens]
        nodes = tokens.copy()  # of the n-gram of k symbols that ends here
        for k, level in enumerate(self.levels[1:], 1):
            context = np.concatenate([[NOWHERE], nodes[:-1]])
            context[place < k] = NOWHERE
            keys = context * size + tokens
            at = np.minimum(np.searchsorted(level.keys, keys), max(len(level.keys) - 1, 0))
            there = (context != NOWHERE) & (level.keys[at] == keys if len(level.keys) else False)
            weight = np.where(context == NOWHERE, 1.0, self.levels[k - 1].weight[context])
            found = np.where(there, level.probability[at] if len(level.keys) else 0.0, weight * found)
            nodes = np.where(there, at, NOWHERE)
        with np.errstate(divide="ignore"):
            return np.log(found[place > 0])

    def sample(self, before: Sequence[str] = (), *, longest: int = 100, seed: int = 0) -> tuple[str, ...]:
        """Symbols drawn one after the other, after `before`, to the end or to `longest` of them; none of them is "<unk>"."""
        random, context = np.random.default_rng(seed), self.vocabulary.encode(before, begin=True)
        drawn: list[int] = []
        while len(drawn) < longest:
            found = self._following(self._before(context))
            found[Vocabulary.UNKNOWN] = 0.0
            drawn.append(int(random.choice(len(found), p=found / found.sum())))
            if drawn[-1] == Vocabulary.END:
                break
            context = np.append(context, drawn[-1])
        return self.vocabulary.decode(drawn)

    # --- in a bundle ---

    def weights(self) -> dict[str, NDArray[Any]]:
        """Every number of the model by name; the vocabulary is written as text."""
        return {f"ngram.{n}.{name}": getattr(level, name) for n, level in enumerate(self.levels, 1) for name in ("keys", "probability", "weight")}

    @classmethod
    def restored(cls, settings: NGram, vocabulary: Vocabulary, weights: Mapping[str, NDArray[Any]]) -> FittedNGram:
        """The inverse of `weights`.   Raises BundleError where they do not fit together."""
        levels: list[Level] = []
        for n in range(1, settings.order + 1):
            parts = [weights.get(f"ngram.{n}.{name}") for name in ("keys", "probability", "weight")]
            if any(part is None or part.ndim != 1 or len(part) != len(parts[0]) for part in parts):  # type: ignore[arg-type]
                raise BundleError(f"The arrays ngram.{n}.keys, .probability and .weight are not there, or not of one length.")
            keys, probability, weight = (np.asarray(part) for part in parts)
            contexts = len(levels[-1].keys) if levels else 1
            within = keys.dtype == np.int64 and (not len(keys) or (keys[0] >= 0 and keys[-1] < contexts * len(vocabulary) and (np.diff(keys) > 0).all()))
            sound = all(part.dtype == np.float64 and np.isfinite(part).all() and (part >= 0).all() for part in (probability, weight))
            if not within or not sound or (n == 1 and len(keys) != len(vocabulary)):
                raise BundleError(
                    f"The arrays of the n-grams of {n} symbols are damaged: the keys rise, each of a context that is there, and no number is negative."
                )
            levels.append(Level(keys, probability, weight))
        return cls(settings, vocabulary, tuple(levels))


def joined(sequences: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """All sequences in one array, and the place of each symbol in its own."""
    if any(sequence.ndim != 1 for sequence in sequences):
        raise ShapeError("A sequence is an array of numbers (time,).")
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    begins = np.repeat(np.cumsum(lengths) - lengths, lengths)
    tokens = np.concatenate([*sequences, np.zeros(0, dtype=np.int64)])
    return tokens, np.arange(len(tokens)) - begins


def counted(sequences: Sequence[Numbers], order: int, size: int, never: Sequence[int]) -> tuple[Level, ...]:
    """The levels of a model of these sequences, each of which begins with the begin symbol.   size: of the vocabulary.   never: numbers not predicted."""
    tokens, place = joined(sequences)
    nodes, grams = tokens, [np.arange(size)]  # the n-gram that ends at each place; all keys of each length
    counts: list[Numbers] = []
    begun = grams[0] == Vocabulary.BEGIN  # n-grams that begin with the begin symbol
    times = np.bincount(tokens, minlength=size)
    for k in range(1, order):
        ends = np.flatnonzero(place >= k)
        keys, first, node, more = np.unique(nodes[ends - 1] * size + tokens[ends], return_index=True, return_inverse=True, return_counts=True)
        suffix = nodes[ends[first]]  # each n-gram without its first symbol: in how many different contexts does that stand?
        counts.append(np.where(begun, times, np.bincount(suffix, minlength=len(times))))
        begun, times = begun[keys // size], more
        nodes = np.full(len(tokens), NOWHERE)
        nodes[ends] = node
        grams.append(keys)
    counts.append(times)
    counts[0][list(never)] = 0
    return smoothed(grams, counts, size, never)


def smoothed(grams: Sequence[Numbers], counts: Sequence[Numbers], size: int, never: Sequence[int]) -> tuple[Level, ...]:
    """Interpolated probabilities from the keys and counts of each length."""
    shorter = np.where(np.isin(np.arange(size), never), 0.0, 1 / (size - len(never)))  # of each n-gram of this length, without its first symbol
    weight: list[Floats] = []
    levels: list[tuple[Numbers, Floats]] = []
    for k, (keys, times) in enumerate(zip(grams, counts, strict=True)):
        contexts = keys // size if k else np.zeros(size, dtype=np.int64)
        known = len(grams[k - 1]) if k else 1
        taken = np.array([0.0, *discounts(times)])[np.minimum(times, 3)]
        total = np.bincount(contexts, weights=times, minlength=known)
        safe = np.where(total > 0, total, 1.0)
        weight.append(np.where(total > 0, np.bincount(contexts, weights=taken, minlength=known) / safe, 1.0))
        if k:
            shorter = levels[-1][1][suffixes(grams, k, size)]
        levels.append((keys, (times - taken) / safe[contexts] + weight[k][contexts] * shorter))
    weight.append(np.ones(len(grams[-1])))
    return tuple(Level(keys, probability, weight[k + 1]) for k, (keys, probability) in enumerate(levels))


def suffixes(grams: Sequence[Numbers], k: int, size: int) -> Numbers:
    """The number of each n-gram of k + 1 symbols without its first one, among those of k symbols."""
    if k == 1:
        return np.asarray(grams[1] % size)
    shorter = suffixes(grams, k - 1, size)[grams[k] // size]  # of its context
    return np.searchsorted(grams[k - 1], shorter * size + grams[k] % size)


def discounts(counts: Numbers) -> tuple[float, float, float]:
    """What is taken off counts of 1, 2, and 3 or more, from how many n-grams of one length have the counts 1 to 4."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(np.float64)
    if (n == 0).any():
        return USUAL
    y = n[0] / (n[0] + 2 * n[1])
    found = [k - (k + 1) * y * n[k] / n[k - 1] for k in (1, 2, 3)]
    return (found[0], found[1], found[2]) if all(0 <= d <= k for k, d in enumerate(found, 1)) else USUAL
