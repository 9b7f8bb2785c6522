"""Symbols <-> numbers.

    0 padding   1 unknown   2 begin   3 end   4, 5, … the symbols, the most frequent first, of equals by their text

The four special numbers are no symbols: a text that holds "<unk>", as WikiText does, has a symbol of its own for it, and nobody can write a beginning
into a text. Rare symbols are left out by `at_least` (times they occurred) and `most` (how many to keep), and how many that are is kept and shown.

As text, one symbol a line with its count, in the order of the numbers:

    inorder vocabulary 1<tab>left out 2<tab>3 times
    the<tab>120
    \\n<tab>17

Backslash, tab, ends of lines, spaces, control characters, marks that show nothing and lone surrogates are written as escapes:
\\\\ \\t \\n \\r \\s \\u00a0 \\U000e0061.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from inorder.errors import BundleError, ConfigError, SeriesError, ShapeError

HEADING = re.compile(r"inorder vocabulary 1\tleft out (\d{1,18})\t(\d{1,18}) times")
SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")  # how the four numbers are shown


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Symbols and their numbers.

    symbols: in the order of their numbers, from 4 on.   counts: how often each occurred where the vocabulary was made.
    left_out, left_out_times: how many symbols were left out as too rare, and how often they occurred together.

    >>> vocabulary = Vocabulary.of([["to", "be", "or", "not", "to", "be"]], at_least=2)
    >>> vocabulary.symbols, vocabulary.encode(["to", "sleep"]).tolist(), vocabulary.decode([5, 1, 0])
    (('be', 'to'), [5, 1], ('to', '<unk>'))
    >>> print(vocabulary.describe())
    2 symbols, 2 rarer ones left out (33.3 % of all)
    """

    PADDING: ClassVar[int] = 0
    UNKNOWN: ClassVar[int] = 1
    BEGIN: ClassVar[int] = 2
    END: ClassVar[int] = 3

    symbols: tuple[str, ...]
    counts: tuple[int, ...]
    left_out: int = 0
    left_out_times: int = 0
    _numbers: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.symbols):
            raise ShapeError(f"`counts` has {len(self.counts)} entries for {len(self.symbols)} symbols.")
        numbers = {symbol: number for number, symbol in enumerate(self.symbols, len(SPECIAL))}
        if len(numbers) < len(self.symbols):
            twice = next(symbol for symbol, count in Counter(self.symbols).items() if count > 1)
            raise SeriesError(f"The symbol {twice!r} stands twice in a vocabulary.")
        object.__setattr__(self, "_numbers", numbers)

    @classmethod
    def of(cls, seen: Mapping[str, int] | Iterable[Sequence[str]], *, at_least: int = 1, most: int | None = None) -> Vocabulary:
        """From counts, or from sequences of symbols.

        at_least: how often a symbol must have occurred.   most: how many symbols to keep.   The order is by count, then by text, so the same data give
        the same vocabulary.   Raises ConfigError for a setting below 1.
        """
        if at_least < 1 or (most is not None and most < 1):
            raise ConfigError(f"A vocabulary keeps symbols that occur at least once, and at least one of them; at_least = {at_least}, most = {most} came.")
        if isinstance(seen, Mapping):
            counts = dict(seen)
        else:
            counts = Counter[str]()
            for sequence in seen:
                if isinstance(sequence, str):
                    raise ConfigError(f"A vocabulary is made of sequences of symbols; the text {sequence[:40]!r} came. Cut it first, as by `Words().cut`.")
                counts.update(sequence)
        kept = sorted(((symbol, count) for symbol, count in counts.items() if count >= at_least), key=lambda one: (-one[1], one[0]))[:most]
        times = sum(counts.values()) - sum(count for _, count in kept)
        return cls(tuple(symbol for symbol, _ in kept), tuple(count for _, count in kept), len(counts) - len(kept), times)

    def __len__(self) -> int:
        """How many numbers there are: the symbols and the four special ones."""
        return len(SPECIAL) + len(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._numbers

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (self.symbols, self.counts, self.left_out, self.left_out_times) == (other.symbols, other.counts, other.left_out, other.left_out_times)

    def __hash__(self) -> int:
        return hash((self.symbols, self.counts))

    def encode(self, symbols: Sequence[str], *, begin: bool = False, end: bool = False) -> NDArray[np.int64]:
        """(time,) the number of each symbol, 1 where it is unknown; `begin` and `end` put theirs around them.

        >>> Vocabulary(("a", "b"), (1, 1)).encode("ab?", begin=True, end=True).tolist()
        [2, 4, 5, 1, 3]
        """
        get, unknown = self._numbers.get, self.UNKNOWN
        found = [get(symbol, unknown) for symbol in symbols]
        return np.array([*[self.BEGIN] * begin, *found, *[self.END] * end], dtype=np.int64)

    def decode(self, numbers: Sequence[int] | NDArray[np.int64], *, special: bool = False) -> tuple[str, ...]:
        """The symbol of each number; "<unk>" for 1. Padding, begin and end are left out, unless `special`, then they are shown too.

        Raises SeriesError for a number that is none of the vocabulary's.
        """
        found = []
        for number in np.asarray(numbers, dtype=np.int64).tolist():
            if not 0 <= number < len(self):
                raise SeriesError(f"The number {number} is none of the vocabulary, which has 0 to {len(self) - 1}.")
            if number >= len(SPECIAL):
                found.append(self.symbols[number - len(SPECIAL)])
            elif special or number == self.UNKNOWN:
                found.append(SPECIAL[number])
        return tuple(found)

    def unknown_share(self, sequences: Iterable[Sequence[str]]) -> float:
        """The share of symbols of these sequences that are unknown, in 0–1; 0 where there are none.

        >>> Vocabulary(("a",), (1,)).unknown_share([["a", "b"], ["a", "a"]])
        0.25
        """
        total, unknown = 0, 0
        for sequence in sequences:
            total += len(sequence)
            unknown += sum(symbol not in self._numbers for symbol in sequence)
        return unknown / total if total else 0.0

    def describe(self) -> str:
        """How many symbols there are, and how many were left out."""
        kept = f"{len(self.symbols):,} symbol{'s' * (len(self.symbols) != 1)}"
        if not self.left_out:
            return kept
        share = self.left_out_times / (sum(self.counts) + self.left_out_times)
        return f"{kept}, {self.left_out:,} rarer one{'s' * (self.left_out > 1)} left out ({share:.1%} of all)".replace("%", " %")

    def to_text(self) -> str:
        """The vocabulary as readable text; see the module."""
        lines = [f"inorder vocabulary 1\tleft out {self.left_out}\t{self.left_out_times} times"]
        lines += [f"{escaped(symbol)}\t{count}" for symbol, count in zip(self.symbols, self.counts, strict=True)]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_text(cls, text: str, source: str = "the vocabulary") -> Vocabulary:
        """The vocabulary that `to_text` wrote.   Raises BundleError, naming the line, where it is damaged.

        >>> Vocabulary.from_text(Vocabulary(("a b", "\\n"), (3, 1)).to_text()).symbols
        ('a b', '\\n')
        """
        lines = text.split("\n")
        heading = HEADING.fullmatch(lines[0])
        if heading is None:
            raise BundleError(f'{source}, line 1: a vocabulary begins with "inorder vocabulary 1" and what was left out, not with {lines[0][:60]!r}.')
        if lines[-1]:
            raise BundleError(f"{source}, line {len(lines)}: the last line has no end; the file was cut off.")
        symbols: dict[str, int] = {}
        for number, line in enumerate(lines[1:-1], 2):
            spelled, tab, count = line.rpartition("\t")
            if not tab or not re.fullmatch(r"[0-9]{1,18}", count):
                raise BundleError(f"{source}, line {number}: a symbol, a tab and its count were expected, {line[:60]!r} came.")
            symbol = _unescaped(spelled)
            if symbol is None:
                raise BundleError(f"{source}, line {number}: {spelled[:60]!r} is not spelled as a symbol of a vocabulary is.")
            if symbol in symbols:
                raise BundleError(f"{source}, line {number}: the symbol {symbol[:60]!r} stands in two lines.")
            symbols[symbol] = int(count)
        return cls(tuple(symbols), tuple(symbols.values()), int(heading.group(1)), int(heading.group(2)))


# controls, spaces, marks without a width of their own, byte order marks, variation selectors and tags; a fixed list, so that no version of Unicode matters
_HIDDEN = "\x00- \x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164"
_HIDDEN += "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff"
_TO_ESCAPE = re.compile(rf"[\\{_HIDDEN}]")
_SHORT = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", " ": "\\s"}
_LONG = {spelled: one for one, spelled in _SHORT.items()}
_ESCAPE = re.compile(r"\\(?:[\\tnrs]|u[0-9a-f]{4}|U[0-9a-f]{8})")


def escaped(symbol: str) -> str:
    """A symbol as `to_text` spells it: without spaces, tabs, ends of lines and what shows nothing.

    >>> escaped("New York"), escaped("\\u200b"), escaped("\\\\n")
    ('New\\\\sYork', '\\\\u200b', '\\\\\\\\n')
    """
    return _TO_ESCAPE.sub(lambda found: _spelled(found.group()), symbol)


def _spelled(one: str) -> str:
    return _SHORT.get(one) or (f"\\u{ord(one):04x}" if ord(one) < 0x10000 else f"\\U{ord(one):08x}")


def _unescaped(spelled: str) -> str | None:
    """The symbol that is spelled so; None where no symbol is: each has one spelling only."""
    try:
        symbol = _ESCAPE.sub(lambda found: _LONG.get(found.group()) or chr(int(found.group()[2:], 16)), spelled)
    except (ValueError, OverflowError):
        return None
    return symbol if escaped(symbol) == spelled else None
