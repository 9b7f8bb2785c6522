"""Tokens as numbers: of each token as a word, and of its letters, so that a word that was never seen still has a spelling.

    token   →   word number (1 where it was too rare or never seen)      "Dogs" → 217
            →   numbers of its letters                                   "Dogs" → 12 5 9 4

In a batch the letters stand once for each distinct token, however often it occurs: what a network computes of them is computed once.
Of a token longer than `LONGEST` letters the first and the last half of that count.

Source: words and letters side by side: Lample et al. 2016, Neural architectures for named entity recognition, §4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inorder.data.vocabulary import Vocabulary
from inorder.errors import BundleError, ShapeError

if TYPE_CHECKING:
    from torch import Tensor

LONGEST = 40  # letters of a token; the rest of an address of the web says little
Whole = NDArray[np.int64]


class Spelled(NamedTuple):
    """letters: (distinct, letters) of each distinct token of a batch, padded with 0.   lengths: (distinct,).   which: (batch, time) the place of each token."""

    letters: Tensor
    lengths: Tensor
    which: Tensor


class Tokens(NamedTuple):
    """A batch of sequences of tokens.   numbers: (batch, time) of the words, padded with 0.   lengths: (batch,).   spelled: their letters, or None."""

    numbers: Tensor
    lengths: Tensor
    spelled: Spelled | None = None


@dataclass(frozen=True)
class Numbering:
    """How tokens become numbers.   words, letters: the vocabularies; letters None = words alone.   lower: words are looked up in small letters.

    >>> numbering = Numbering.learn([["Dogs", "bark"], ["dogs", "sleep"]], at_least=2, lower=True)
    >>> numbering.words.symbols, len(numbering.letters.symbols)
    (('dogs',), 12)
    >>> tokens = numbering.batch([["Dogs", "bark", "Dogs"], ["cats"]])
    >>> tokens.numbers.tolist(), tokens.lengths.tolist(), tuple(tokens.spelled.letters.shape)
    ([[4, 1, 4], [1, 0, 0]], [3, 1], (3, 4))
    """

    words: Vocabulary
    letters: Vocabulary | None = None
    lower: bool = False

    @classmethod
    def learn(cls, sentences: Sequence[Sequence[str]], *, at_least: int = 1, most: int | None = None, lower: bool = False, letters: bool = True) -> Numbering:
        """From the training part.   at_least, most: which words are kept; see `Vocabulary.of`.   letters: know the spelling too."""
        words = Vocabulary.of([[one.lower() for one in sentence] for sentence in sentences] if lower else sentences, at_least=at_least, most=most)
        spelled = Vocabulary.of(tuple(token) for sentence in sentences for token in sentence) if letters else None
        return cls(words, spelled, lower)

    def numbered(self, sentences: Sequence[Sequence[str]]) -> Numbered:
        """The sentences, ready to be cut into batches again and again."""
        places: dict[str, int] = {}
        flat = np.array([places.setdefault(token, len(places)) for sentence in sentences for token in sentence], dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum([len(sentence) for sentence in sentences])]).astype(np.int64)
        known = [token.lower() for token in places] if self.lower else list(places)
        letters, widths = (None, None) if self.letters is None else _padded([self.letters.encode(tuple(_shortened(token))) for token in places])
        return Numbered(self.words.encode(known), letters, widths, flat, offsets)

    def batch(self, sentences: Sequence[Sequence[str]]) -> Tokens:
        """All sentences as one batch."""
        return self.numbered(sentences).batch(np.arange(len(sentences)))

    def unknown_share(self, sentences: Sequence[Sequence[str]]) -> float:
        """The share of tokens that are no word of the vocabulary, in 0–1."""
        return self.words.unknown_share([one.lower() for one in sentence] for sentence in sentences) if self.lower else self.words.unknown_share(sentences)

    def texts(self) -> dict[str, str]:
        """The vocabularies as files of a bundle."""
        return {"words.txt": self.words.to_text(), **({} if self.letters is None else {"letters.txt": self.letters.to_text()})}

    @classmethod
    def restored(cls, texts: Mapping[str, str], *, lower: bool, letters: bool) -> Numbering:
        """The inverse of `texts`.   Raises BundleError where a file is missing or damaged."""
        for name in ("words.txt", *["letters.txt"] * letters):
            if name not in texts:
                raise BundleError(f"the bundle has no {name}.")
        spelled = Vocabulary.from_text(texts["letters.txt"], "letters.txt") if letters else None
        return cls(Vocabulary.from_text(texts["words.txt"], "words.txt"), spelled, lower)


@dataclass(frozen=True, eq=False)
class Numbered:
    """Sentences as numbers.

    words: (distinct,) the number of each distinct token.   letters: (distinct, letters) padded, and widths: (distinct,), or None.
    flat: (tokens,) the place of each token among the distinct ones.   offsets: (sentences + 1,) where each sentence begins.
    """

    words: Whole
    letters: Whole | None
    widths: Whole | None
    flat: Whole
    offsets: Whole

    @property
    def lengths(self) -> Whole:
        """(sentences,) tokens of each."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def batch(self, which: Whole) -> Tokens:
        """These sentences as one batch."""
        import torch

        lengths = self.offsets[which + 1] - self.offsets[which]
        real, places = self.padded(self.flat, which)
        numbers = torch.from_numpy(np.where(real, self.words[places], Vocabulary.PADDING) if len(self.words) else places)
        if self.letters is None or self.widths is None:
            return Tokens(numbers, torch.from_numpy(lengths))
        distinct, place = np.unique(places[real], return_inverse=True)
        at = np.zeros(places.shape, dtype=np.int64)  # padding points at the first; what is there is not looked at
        at[real] = place
        widths = self.widths[distinct]
        letters = np.ascontiguousarray(self.letters[distinct, : int(widths.max(initial=0))])
        spelled = Spelled(torch.from_numpy(letters), torch.from_numpy(widths), torch.from_numpy(at))
        return Tokens(numbers, torch.from_numpy(lengths), spelled)

    def padded(self, values: Whole, which: Whole) -> tuple[NDArray[np.bool_], Whole]:
        """Which places of a batch are real, and there the values that belong to the tokens of these sentences.   values: (tokens,), such as tags."""
        if len(values) != len(self.flat):
            raise ShapeError(f"`values` has {len(values)} entries for {len(self.flat)} tokens.")
        begins, lengths = self.offsets[which], self.offsets[which + 1] - self.offsets[which]
        steps = np.arange(int(lengths.max(initial=0)))
        real = steps < lengths[:, None]
        found = np.zeros(real.shape, dtype=np.int64)
        found[real] = values[(begins[:, None] + steps)[real]]
        return real, found


def _shortened(token: str) -> str:
    """The first and the last letters of a long token, else all."""
    return token if len(token) <= LONGEST else token[: LONGEST // 2] + token[-LONGEST // 2 :]


def _padded(rows: Sequence[Whole]) -> tuple[Whole, Whole]:
    """(rows, most) padded with 0, and (rows,) the length of each."""
    lengths = np.array([len(one) for one in rows], dtype=np.int64)
    found = np.zeros((len(rows), int(lengths.max(initial=0))), dtype=np.int64)
    for row, one in zip(found, rows, strict=True):
        row[: len(one)] = one
    return found, lengths
