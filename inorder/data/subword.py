"""Subwords: pieces of words that are learnt from texts, so that frequent words are one symbol and rare ones several.

    bpe          begins with characters and joins the pair that stands side by side most often, again and again
    unigram      begins with many pieces and drops those that the likelihood of the texts misses least; a text is cut in the most likely way
    byte-bpe     joins bytes instead of characters, so that nothing is ever unknown

Learnt and applied by the library `tokenizers`; what is learnt is one JSON text. Every space is part of a piece ("▁" before the word that it stands in front
of; in bytes "Ġ"), so that the pieces of a text give the text back exactly: `join(cut(text))` is `normal(text)`, the text in its normal form, with U+2581,
the mark itself, as "_" (bytes need no such mark, and keep it). A character that was not learnt stays in its piece
and is unknown only to the vocabulary. With the normal form NFD, pieces of Korean are made of Hangul letters (jamo).

The same texts give the same `bpe` and `byte-bpe` in every process. `unigram` they do not quite: the library (0.23) adds up counts in an order that changes
from run to run, so that scores differ by up to some hundredths; the pieces were the same each time we looked. What is saved is what counts.

Sources: Sennrich, Haddow & Birch 2016 (BPE); Kudo 2018 (unigram); Radford et al. 2019 (bytes).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from inorder.data.tokens import Cutter, Plain, check_normalisation, cutter_settings, normalised, restored_cutter
from inorder.data.vocabulary import Vocabulary
from inorder.errors import BundleError, ConfigError, unknown

MODELS = ("bpe", "unigram", "byte-bpe")
SPACE = "\u2581"
UNKNOWN = "\uffff"  # the library wants a piece for what it does not know; this is no character, so no text holds it
LARGEST = 64 * 1024**2  # characters of a saved JSON text
BYTES = 256


@dataclass(frozen=True, eq=False)
class Subwords:
    """A cutter into learnt pieces.

    text: what was learnt, as JSON.   model: one of `MODELS`.   lower, normalisation: what is done to a text before it is cut.

    >>> subwords = Subwords.learn(["low low low lower lowest"], size=12)
    >>> subwords.cut("lower slow"), subwords.join(subwords.cut("lower slow"))
    (('low', 'e', 'r', '▁', 's', 'low'), 'lower slow')
    """

    name: ClassVar[str] = "subwords"
    text: str = field(repr=False)
    model: str = "bpe"
    lower: bool = False
    normalisation: str = "NFC"
    _tokenizer: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_normalisation(self.normalisation)
        if self.model not in MODELS:
            raise unknown("kind of subwords", self.model, MODELS)
        object.__setattr__(self, "_tokenizer", _loaded(self.text, self.model))

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        size: int = 8000,
        *,
        model: str = "bpe",
        coverage: float = 1.0,
        lower: bool = False,
        normalisation: str = "NFC",
    ) -> Subwords:
        """Learn pieces from texts.

        size: how many pieces at most.   coverage: the share of all characters that must be known, in 0–1; the rarest beyond it are not learnt, which keeps
        a few thousand ideographs from filling the vocabulary ("byte-bpe" knows everything and takes no coverage).
        Raises ConfigError for a setting out of range, also where `size` does not hold the characters.
        """
        if model not in MODELS:
            raise unknown("kind of subwords", model, MODELS)
        check_normalisation(normalisation)
        if not 0 < coverage <= 1:
            raise ConfigError(f"`coverage` is a share above 0 and up to 1; {coverage} came.")
        if model == "byte-bpe" and coverage < 1:
            raise ConfigError("`coverage` is about characters; byte-bpe learns from bytes and knows them all.")
        if isinstance(texts, str):
            raise ConfigError("Texts are given as a list of strings; one string came.")
        given = [normalised(text, normalisation, lower).replace(SPACE, "_") for text in texts]
        letters = Counter(one for text in given for one in text)
        if not letters:
            raise ConfigError("Subwords are learnt from texts; there was no character in those that came.")
        known = _covered(letters, coverage)
        least = BYTES if model == "byte-bpe" else len(known - {" "}) + 2  # the mark of a space, and the piece for the unknown
        if size < least:
            wanted = (
                "the 256 bytes" if model == "byte-bpe" else f"the {least - 2:,} characters, the space and the unknown; or set `coverage` below {coverage:g}"
            )
            raise ConfigError(f"`size` is {size:,}; {least:,} are needed for {wanted}.")
        if len(known) < len(letters):  # what is not to be learnt parts words as a space does
            table = {ord(one): " " for one in letters if one not in known}
            given = [text.translate(table) for text in given]
        return cls(_learnt(given, size, model), model, lower, normalisation)

    def normal(self, text: str) -> str:
        """The text that `join(cut(text))` gives back."""
        text = normalised(text, self.normalisation, self.lower)
        return text if self.model == "byte-bpe" else text.replace(SPACE, "_")

    def cut(self, text: str) -> tuple[str, ...]:
        """The pieces of a text; a character that was not learnt is a piece of its own."""
        text = self.normal(text)
        found = self._tokenizer.encode(text)
        if UNKNOWN not in found.tokens:
            return tuple(found.tokens)
        return tuple(
            piece if piece != UNKNOWN else text[begin:end].replace(" ", SPACE) for piece, (begin, end) in zip(found.tokens, found.offsets, strict=True)
        )

    def join(self, symbols: Sequence[str]) -> str:
        """The text that pieces make."""
        if self.model == "byte-bpe":
            data = bytes(_byte_of(one) for piece in symbols for one in piece)
            return data.decode("utf-8", "replace")
        return "".join(symbols).replace(SPACE, " ")

    def vocabulary(self, texts: Iterable[str] = ()) -> Vocabulary:
        """The learnt pieces and their numbers, with how often they occur in `texts`; frequent ones first, then in the order in which they were learnt."""
        pieces = sorted(self._tokenizer.get_vocab().items(), key=lambda item: item[1])
        counts = Counter(piece for text in texts for piece in self.cut(text))
        known = sorted((piece for piece, _ in pieces if piece != UNKNOWN), key=lambda piece: -counts[piece])
        beyond = {piece: count for piece, count in counts.items() if piece not in set(known)}
        return Vocabulary(tuple(known), tuple(counts[piece] for piece in known), len(beyond), sum(beyond.values()))

    def settings(self) -> dict[str, Any]:
        """What is saved beside the JSON text."""
        return {"name": self.name, "model": self.model, "lower": self.lower, "normalisation": self.normalisation}


def restored_subwords(settings: Any, text: str) -> Subwords:
    """The subwords that `Subwords.settings` and `.text` speak of.   Raises BundleError where they are damaged."""
    try:
        model, lower, normalisation = settings["model"], settings["lower"], settings["normalisation"]
        if isinstance(model, str) and isinstance(lower, bool) and isinstance(normalisation, str):
            return Subwords(text, model, lower, normalisation)
    except (KeyError, TypeError, ConfigError):
        pass
    raise BundleError(f"The settings of subwords are a model, lower and normalisation, not {str(settings)[:80]}.")


def saved(one: Plain | Subwords) -> tuple[dict[str, Any], str]:
    """Any cutter as JSON values and a text, "" where it learns nothing: for a bundle's header and one of its files.

    >>> from inorder.data.tokens import Words
    >>> saved(Words(lower=True))
    ({'name': 'words', 'lower': True, 'normalisation': 'NFC'}, '')
    """
    return (one.settings(), one.text) if isinstance(one, Subwords) else (cutter_settings(one), "")


def restored(settings: Any, text: str) -> Cutter:
    """The cutter that `saved` made these of.   Raises BundleError where it is none of ours.

    >>> restored({"name": "kmers", "k": 2}, "").cut("ACG")
    ('AC', 'CG')
    """
    if not isinstance(settings, Mapping):
        raise BundleError(f"The settings of a cutter are an object, not {str(settings)[:40]}.")
    return restored_subwords(settings, text) if settings.get("name") == Subwords.name else restored_cutter(settings)


def _covered(letters: Counter[str], coverage: float) -> set[str]:
    """The most frequent characters that together are this share of all; of equals the first by the alphabet. White space is always among them."""
    wanted = coverage * sum(letters.values())
    known, seen = set[str](), 0
    for one, count in sorted(letters.items(), key=lambda item: (-item[1], item[0])):
        if seen >= wanted and not one.isspace():
            continue
        known.add(one)
        seen += count
    return known


def _learnt(texts: Sequence[str], size: int, model: str) -> str:
    """What the library learns, as JSON: the pieces in the order of their numbers, and the pairs that are joined or the log-probabilities."""
    from tokenizers import models, pre_tokenizers, trainers

    if model == "byte-bpe":
        tokenizer = _prepared(models.BPE(), model)
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer: Any = trainers.BpeTrainer(vocab_size=size, special_tokens=[], initial_alphabet=alphabet, show_progress=False)
    elif model == "bpe":
        tokenizer = _prepared(models.BPE(unk_token=UNKNOWN), model)
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[UNKNOWN], initial_alphabet=[SPACE], show_progress=False)
    else:
        tokenizer = _prepared(models.Unigram(), model)
        trainer = trainers.UnigramTrainer(
            vocab_size=size, special_tokens=[UNKNOWN], unk_token=UNKNOWN, initial_alphabet=[SPACE], show_progress=False, max_piece_length=12
        )
    tokenizer.train_from_iterator(_batches(texts), trainer, length=len(texts))
    learnt = json.loads(tokenizer.to_str())["model"]
    if model == "unigram":
        saved = {"pieces": [piece for piece, _ in learnt["vocab"]], "scores": [score for _, score in learnt["vocab"]]}
    else:
        saved = {"pieces": sorted(learnt["vocab"], key=learnt["vocab"].__getitem__), "merges": learnt["merges"]}
    return json.dumps(saved, ensure_ascii=False, separators=(",", ":"))


def _prepared(learnt: Any, model: str) -> Any:
    """The library's tokenizer around a model, by which texts are parted before they are cut."""
    from tokenizers import Regex, Tokenizer, pre_tokenizers

    tokenizer = Tokenizer(learnt)
    if model == "byte-bpe":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    else:
        ends = pre_tokenizers.Split(Regex(r"[\n\t]"), "isolated")  # so that no piece goes across lines
        words = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="never", split=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([ends, words, pre_tokenizers.Punctuation("isolated")])
    return tokenizer


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (texts[begin : begin + 1000] for begin in range(0, len(texts), 1000))


def _loaded(text: str, model: str) -> Any:
    """The library's tokenizer, from JSON that is judged before it is believed.   Raises BundleError where it is none of ours."""
    from tokenizers import models

    if len(text) > LARGEST:
        raise BundleError(f"The subwords have {len(text):,} characters; {LARGEST:,} at most were expected.")
    try:
        saved = json.loads(text)
        pieces, rest = saved["pieces"], saved["scores" if model == "unigram" else "merges"]
        place = {piece: number for number, piece in enumerate(pieces)}
        right = len(saved) == 2 and len(place) == len(pieces) > 0 and all(isinstance(piece, str) and piece for piece in pieces)
        right &= bool("".join(pieces).encode()) and (model == "byte-bpe" or UNKNOWN in place)  # a lone surrogate is a ValueError
        if model == "unigram":
            right &= len(rest) == len(pieces) and all(isinstance(score, float) and -1e9 < score <= 0 for score in rest)
        else:
            right &= all(len(pair) == 2 and pair[0] in place and pair[1] in place and pair[0] + pair[1] in place for pair in rest)
    except (ValueError, KeyError, TypeError, RecursionError):
        right = False
    if not right:
        raise BundleError(
            f"The subwords are damaged: pieces, each once, and {'a score for each' if model == 'unigram' else 'the pairs that make them'} were expected."
        )
    if model == "unigram":
        return _prepared(models.Unigram(list(zip(pieces, rest, strict=True)), place[UNKNOWN], False), model)
    return _prepared(models.BPE(place, [tuple(pair) for pair in rest], **({} if model == "byte-bpe" else {"unk_token": UNKNOWN})), model)


def _byte_of(one: str) -> int:
    """The byte that a character of a byte-level piece stands for; a character that stands for none is 255, which no text has."""
    return _BYTE_OF.get(one, 0xFF)


def _byte_letters() -> dict[str, int]:
    """Printable bytes are shown as they are, the others by the characters from U+0100 on, in order (Radford et al. 2019)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(BYTES) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + k): byte for k, byte in enumerate(others)}


_BYTE_OF = _byte_letters()
