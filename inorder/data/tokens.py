"""Cutting a raw text into symbols: one small record a way, saved with the model by its settings.

    words        runs of letters, marks and digits; an apostrophe inside a word belongs to it, "." "," ":" inside a number too; every ideograph and kana
                 by itself, Hangul by its spaces; an emoji whole; any other character by itself.   back: joined by spaces, exact but for the spaces
    spaces       what stands between white space; texts that are tokenised already.              back: joined by spaces, exact but for the spaces
    characters   code points, or grapheme clusters (what a reader takes for one character).      back: exact
    bytes        those of UTF-8.                                                                 back: exact
    jamo         Hangul syllables as their two or three letters (U+1100–U+11FF), else characters. back: exact
    kmers        stretches of k letters, a step apart: DNA, protein.                             back: exact

Exact means: `join(cut(text))` is the text as normalised. Normalisation (`NORMALISATIONS`, Unicode Standard Annex 15) is NFC unless another is set: it makes
"é" one code point and Hangul syllables, and changes nothing that a reader sees. NFKC also makes "ﬁ" into "fi", "①" into "1" and wide letters narrow.
Characters are code points by default: there are few, so that none is unknown, and figures per character compare with those of others; clusters
multiply the rare ones (a family emoji is one symbol). Classes of characters and clusters are those of the Oniguruma library inside `tokenizers`.

Sources: Unicode Standard Annexes 15 (normalisation) and 29 (clusters); The Unicode Standard, section 3.12 (jamo).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, cast

from inorder.data.encodings import REPLACED, SURROGATES
from inorder.errors import BundleError, ConfigError, unknown

NORMALISATIONS = ("NFC", "NFKC", "NFD", "NFKD", "none")

_EMOJI = (
    r"\p{Regional_Indicator}{2}"
    r"|[0-9#*]\x{FE0F}?\x{20E3}"
    r"|\p{Extended_Pictographic}(?:\x{FE0F}|\p{Emoji_Modifier})?[\x{E0020}-\x{E007F}]*(?:\x{200D}\p{Extended_Pictographic}(?:\x{FE0F}|\p{Emoji_Modifier})?)*"
)
_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}"  # written without spaces: each by itself
_LETTER = rf"(?:(?![{_SINGLE}])[\p{{L}}\p{{M}}\p{{N}}])"
_INNER = r"[\x{200C}\x{200D}\x{00AD}]"  # joiners and the soft hyphen show nothing
_RUN = rf"{_LETTER}(?:{_INNER}?{_LETTER})*"
_NUMBER = r"\p{Nd}+(?:[.,:]\p{Nd}+)+(?![\p{L}\p{M}\p{N}])"
WORD = rf"{_EMOJI}|{_NUMBER}|{_RUN}(?:['’]{_RUN})*|\S\p{{M}}*"
CLUSTER = r"\X"


class Cutter(Protocol):
    """A way to cut texts: what the records below and `subword.Subwords` have in common."""

    @property
    def name(self) -> str:
        """What it is called among the cutters."""

    def cut(self, text: str) -> tuple[str, ...]:
        """The symbols of a text."""

    def join(self, symbols: Sequence[str]) -> str:
        """The text that symbols make."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """Words, numbers and marks of a text.

    lower: in small letters.   normalisation: see the module.

    >>> Words(lower=True).cut("Don't pay $3.50, 서울에서!")
    ("don't", 'pay', '$', '3.50', ',', '서울에서', '!')
    """

    name: ClassVar[str] = "words"
    lower: bool = False
    normalisation: str = "NFC"

    def __post_init__(self) -> None:
        check_normalisation(self.normalisation)

    def cut(self, text: str) -> tuple[str, ...]:
        """The words of a text, and every other character that is no white space."""
        return _matches(WORD, normalised(text, self.normalisation, self.lower))

    def join(self, symbols: Sequence[str]) -> str:
        """The words with a space between them; cut again they are the same."""
        return " ".join(symbols)


@dataclass(frozen=True, kw_only=True)
class Spaces:
    """What stands between white space.

    lower: in small letters.   normalisation: "none" by default, since the text was prepared by somebody.

    >>> Spaces().cut("Dogs  bark .")
    ('Dogs', 'bark', '.')
    """

    name: ClassVar[str] = "spaces"
    lower: bool = False
    normalisation: str = "none"

    def __post_init__(self) -> None:
        check_normalisation(self.normalisation)

    def cut(self, text: str) -> tuple[str, ...]:
        """The pieces between white space."""
        return tuple(normalised(text, self.normalisation, self.lower).split())

    def join(self, symbols: Sequence[str]) -> str:
        """The pieces with a space between them."""
        return " ".join(symbols)


@dataclass(frozen=True, kw_only=True)
class Characters:
    """Code points, or grapheme clusters.

    >>> Characters().cut("e\\u0301 \u00e0"), Characters(clusters=True).cut("🇰🇷👍🏽")
    (('é', ' ', 'à'), ('🇰🇷', '👍🏽'))
    """

    name: ClassVar[str] = "characters"
    clusters: bool = False
    lower: bool = False
    normalisation: str = "NFC"

    def __post_init__(self) -> None:
        check_normalisation(self.normalisation)

    def cut(self, text: str) -> tuple[str, ...]:
        """The characters of a text."""
        text = normalised(text, self.normalisation, self.lower)
        return _matches(CLUSTER, text) if self.clusters and not text.isascii() else tuple(text)

    def join(self, symbols: Sequence[str]) -> str:
        """The text."""
        return "".join(symbols)


@dataclass(frozen=True, kw_only=True)
class Bytes:
    """The bytes of UTF-8: printable ASCII as it is, the others as <e9>.   Nothing is ever unknown, and nothing is normalised.

    >>> Bytes().cut("a \u00e9")
    ('a', '<20>', '<c3>', '<a9>')
    """

    name: ClassVar[str] = "bytes"

    def cut(self, text: str) -> tuple[str, ...]:
        """The bytes of a text; lone surrogates have three, as in WTF-8."""
        return tuple(_BYTES[byte] for byte in text.encode("utf-8", "surrogatepass"))

    def join(self, symbols: Sequence[str]) -> str:
        """The text; bytes that are no UTF-8, as a model may write them, become U+FFFD."""
        data = bytes(_BYTE_OF.get(symbol, 0xFF) for symbol in symbols)
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return data.decode("utf-8", "replace")


_BYTES = tuple(chr(byte) if 0x21 <= byte <= 0x7E else f"<{byte:02x}>" for byte in range(256))
_BYTE_OF = {symbol: byte for byte, symbol in enumerate(_BYTES)}


@dataclass(frozen=True, kw_only=True)
class Jamo:
    """Hangul syllables as their letters; every other character by itself.

    A syllable is s = 0xAC00 + (lead · 21 + vowel) · 28 + tail; its letters are 0x1100 + lead, 0x1161 + vowel and, where tail > 0, 0x11A7 + tail.
    normalisation: NFC or NFKC, which alone make one text of every way to write a syllable, so that joining is exact.

    >>> len(Jamo().cut("한국 a")), Jamo().join(Jamo().cut("한국 a"))
    (8, '한국 a')
    """

    name: ClassVar[str] = "jamo"
    lower: bool = False
    normalisation: str = "NFC"

    def __post_init__(self) -> None:
        if self.normalisation not in ("NFC", "NFKC"):
            raise ConfigError(f'The normalisation before jamo is NFC or NFKC, not "{self.normalisation}".')

    def cut(self, text: str) -> tuple[str, ...]:
        """The letters of a text."""
        found: list[str] = []
        for one in normalised(text, self.normalisation, self.lower):
            found.extend(unicodedata.normalize("NFD", one) if "\uac00" <= one <= "\ud7a3" else one)
        return tuple(found)

    def join(self, symbols: Sequence[str]) -> str:
        """The text, letters put together to syllables."""
        return unicodedata.normalize("NFC", "".join(symbols))


@dataclass(frozen=True, kw_only=True)
class Kmers:
    """Stretches of `k` letters, beginning every `step` letters; what is left at the end is a shorter one.

    upper: in capitals, since the same base is written a and A.   Raises ConfigError where letters would be lost: step > k.

    >>> Kmers(k=3).cut("gattac"), Kmers(k=3, step=3).cut("GATTACA")
    (('GAT', 'ATT', 'TTA', 'TAC'), ('GAT', 'TAC', 'A'))
    """

    name: ClassVar[str] = "kmers"
    k: int = 3
    step: int = 1
    upper: bool = True

    def __post_init__(self) -> None:
        if self.k < 1 or not 1 <= self.step <= self.k:
            raise ConfigError(f"k-mers have k of 1 or more and a step from 1 to k; k = {self.k} and step = {self.step} came.")

    def cut(self, text: str) -> tuple[str, ...]:
        """The stretches of a text."""
        text = text.upper() if self.upper else text
        last = max(len(text) - self.k, 0)  # every later one would hold nothing new
        return tuple(text[begin : begin + self.k] for begin in range(0, last + self.step, self.step) if text[begin:])

    def join(self, symbols: Sequence[str]) -> str:
        """The text."""
        return "".join(symbol[: self.step] for symbol in symbols[:-1]) + (symbols[-1] if symbols else "")


Plain = Words | Spaces | Characters | Bytes | Jamo | Kmers  # those that learn nothing; `subword.Subwords` does

CUTTERS: dict[str, type[Plain]] = {
    "words": Words,
    "spaces": Spaces,
    "characters": Characters,
    "bytes": Bytes,
    "jamo": Jamo,
    "kmers": Kmers,
}


def cutter(name: str, **settings: Any) -> Plain:
    """The cutter of this name.   Raises ConfigError for a name or a setting that is unknown.

    >>> cutter("kmers", k=4).cut("ACGTA")
    ('ACGT', 'CGTA')
    """
    if name not in CUTTERS:
        raise unknown("way to cut texts", name, CUTTERS)
    known = {one.name for one in fields(CUTTERS[name])}
    for setting in settings:
        if setting not in known:
            raise unknown(f"setting of {name}", setting, known)
    return CUTTERS[name](**settings)


def cutter_settings(one: Plain) -> dict[str, Any]:
    """The cutter as JSON values, for a bundle."""
    return {"name": one.name, **asdict(one)}


def restored_cutter(settings: Mapping[str, Any]) -> Plain:
    """The cutter that `cutter_settings` spoke of.   Raises BundleError where that is none of ours."""
    given = dict(settings)
    try:
        kinds = {one.name: type(one.default) for one in fields(CUTTERS[given["name"]])}
        wrong = [name for name, value in given.items() if name != "name" and type(value) is not kinds[name]]
        if not wrong:
            return cutter(given.pop("name"), **given)
    except (KeyError, TypeError, ConfigError):
        pass
    raise BundleError(f"{str(dict(settings))[:80]} is no way to cut texts that this version of inorder knows.")


def normalised(text: str, normalisation: str, lower: bool = False) -> str:
    """The text in a normal form of Unicode, in small letters where asked; lone surrogates, which no file holds, are U+FFFD.

    >>> normalised("\u1112\u1161\u11ab", "NFC"), normalised("ﬁne", "NFKC")
    ('한', 'fine')
    """
    if not text.isascii():
        text = SURROGATES.sub(REPLACED, text)
        text = text if normalisation == "none" else _normal_form(normalisation, text)
    if lower:
        small = text.lower()
        text = small if normalisation == "none" or small.isascii() else _normal_form(normalisation, small)
    return text


def _normal_form(name: str, text: str) -> str:
    return unicodedata.normalize(cast(Literal["NFC", "NFKC", "NFD", "NFKD"], name), text)


def check_normalisation(name: str) -> None:
    """ConfigError for a normalisation that is unknown."""
    if name not in NORMALISATIONS:
        raise unknown("normalisation", name, NORMALISATIONS)


@cache
def _splitter(pattern: str) -> Any:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Split(Regex(pattern), "removed", invert=True)


def _matches(pattern: str, text: str) -> tuple[str, ...]:
    return tuple(piece for piece, _ in _splitter(pattern).pre_tokenize_str(text))
