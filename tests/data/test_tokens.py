"""Cutters: what is a word, and that joining gives back what was promised."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inorder.data.tokens import (
    CUTTERS,
    NORMALISATIONS,
    Bytes,
    Characters,
    Jamo,
    Kmers,
    Spaces,
    Words,
    cutter,
    cutter_settings,
    normalised,
    restored_cutter,
)
from inorder.errors import BundleError, ConfigError

ANY_TEXT = st.text(st.characters(), max_size=30)
MIXED = st.text(st.sampled_from(list("aé가각ᄒ힣ᆨ 漢カﾊ1.,'’-_👍🏽🇰🇷\u200d\ufe0f\u0301\u20e3\n\t\u3000़नक्")), max_size=20)

WORDS = {
    "Don't stop, it’s 3.14!": ["Don't", "stop", ",", "it’s", "3.14", "!"],
    "1,000 at 10:30. v2.0": ["1,000", "at", "10:30", ".", "v2", ".", "0"],
    "self-made U.S. e_mail": ["self", "-", "made", "U", ".", "S", ".", "e", "_", "mail"],
    "'quoted'": ["'", "quoted", "'"],
    "서울에서 20대 여성이 ㅋㅋㅋ": ["서울에서", "20대", "여성이", "ㅋㅋㅋ"],
    "我爱AI 東京タワー": ["我", "爱", "AI", "東", "京", "タ", "ワ", "ー"],
    "हिन्दी में": ["हिन्दी", "में"],
    "مرحبا بالعالم": ["مرحبا", "بالعالم"],
    "👨‍👩‍👧👍🏽🇰🇷🇺🇸 1️⃣ ❤️": ["👨‍👩‍👧", "👍🏽", "🇰🇷", "🇺🇸", "1️⃣", "❤️"],
    "a...b !!": ["a", ".", ".", ".", "b", "!", "!"],
    "e\u0301te\u0301": ["été"],
    "می‌خواهم": ["می‌خواهم"],
    "100% $5 #tag @me": ["100", "%", "$", "5", "#", "tag", "@", "me"],
    "": [],
    " \n\t ": [],
}


@pytest.mark.parametrize("text", WORDS)
def test_what_is_a_word(text: str) -> None:
    assert list(Words().cut(text)) == WORDS[text]


@given(st.one_of(ANY_TEXT, MIXED), st.booleans())
def test_words_joined_by_spaces_are_the_same_words(text: str, lower: bool) -> None:
    words = Words(lower=lower)
    found = words.cut(text)
    assert words.cut(words.join(found)) == found
    assert "".join(found).replace(" ", "") == "".join(normalised(text, "NFC", lower).split()).replace(" ", "") or not text.isprintable()


@given(st.one_of(ANY_TEXT, MIXED), st.sampled_from(NORMALISATIONS), st.booleans(), st.booleans())
def test_characters_give_the_text_back(text: str, normalisation: str, clusters: bool, lower: bool) -> None:
    characters = Characters(normalisation=normalisation, clusters=clusters, lower=lower)
    assert characters.join(characters.cut(text)) == normalised(text, normalisation, lower)


@given(st.one_of(ANY_TEXT, MIXED))
@example("\ud800a")
def test_bytes_give_every_text_back(text: str) -> None:
    assert Bytes().join(Bytes().cut(text)) == text


def test_bytes_that_are_no_text_become_a_sign() -> None:
    assert Bytes().join(["<e9>", "a"]) == "\ufffda" and Bytes().join(["nothing of the kind", "b"]) == "\ufffdb"
    assert Bytes().cut("<") == ("<",) and Bytes().cut("<20>") == ("<", "2", "0", ">")


@given(st.one_of(ANY_TEXT, MIXED, st.text(st.characters(min_codepoint=0x1100, max_codepoint=0x11FF), max_size=8)), st.sampled_from(["NFC", "NFKC"]))
def test_jamo_give_the_text_back(text: str, normalisation: str) -> None:
    jamo = Jamo(normalisation=normalisation)
    found = jamo.cut(text)
    assert jamo.join(found) == normalised(text, normalisation)
    assert not any("\uac00" <= one <= "\ud7a3" for one in found)


def test_jamo_follow_the_formula_of_the_standard() -> None:
    for lead, vowel, tail in ((0, 0, 0), (18, 20, 27), (11, 4, 1)):
        syllable = chr(0xAC00 + (lead * 21 + vowel) * 28 + tail)
        expected = chr(0x1100 + lead) + chr(0x1161 + vowel) + (chr(0x11A7 + tail) if tail else "")
        assert "".join(Jamo().cut(syllable)) == expected


@given(st.text("acgtACGT", max_size=12), st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_kmers_give_the_sequence_back(text: str, k: int, step: int, upper: bool) -> None:
    if step > k:
        with pytest.raises(ConfigError, match=f"k = {k} and step = {step} came"):
            Kmers(k=k, step=step)
        return
    kmers = Kmers(k=k, step=step, upper=upper)
    found = kmers.cut(text)
    assert kmers.join(found) == (text.upper() if upper else text)
    assert all(len(one) == k for one in found[:-1]) and (not found or len(found[-1]) <= k)
    assert found[:-1] == tuple(kmers.join(found)[t * step : t * step + k] for t in range(len(found) - 1)) or not found
    assert len(found) == (0 if not text else max(0, -(-(len(text) - k) // step)) + 1)


@given(ANY_TEXT)
def test_spaces_are_those_of_python(text: str) -> None:
    found = Spaces().cut(text)
    assert Spaces().cut(Spaces().join(found)) == found and all(one and not any(c.isspace() for c in one) for one in found)


def test_normalisation_and_small_letters() -> None:
    assert Words(normalisation="NFKC").cut("ﬁne ①") == ("fine", "1")
    assert Words(normalisation="NFD").cut("é") == ("e\u0301",) and Words(normalisation="none").cut("e\u0301é") == ("e\u0301é",)
    assert Words(lower=True).cut("ÀB İ") == ("àb", "i̇") and Characters(lower=True).cut("ÀB") == ("à", "b")
    assert Spaces(lower=True, normalisation="NFC").cut("E\u0301A b") == ("éa", "b")
    assert unicodedata.is_normalized("NFC", normalised("İ\u0323", "NFC", lower=True))
    assert Characters(clusters=True).cut("각e\u0301👨‍👩‍👧\r\n") == ("각", "é", "👨‍👩‍👧", "\r\n")
    with pytest.raises(ConfigError, match='Normalisation "nfc" is unknown. Did you mean "NFC"'):
        Words(normalisation="nfc")
    with pytest.raises(ConfigError, match='before jamo is NFC or NFKC, not "NFD"'):
        Jamo(normalisation="NFD")


def test_settings_come_back() -> None:
    for one in (Words(lower=True), Spaces(normalisation="NFKC"), Characters(clusters=True), Bytes(), Jamo(lower=True), Kmers(k=5, step=2, upper=False)):
        assert restored_cutter(cutter_settings(one)) == one
    assert set(CUTTERS) == {"words", "spaces", "characters", "bytes", "jamo", "kmers"}
    with pytest.raises(ConfigError, match='Way to cut texts "word" is unknown. Did you mean "words"'):
        cutter("word")
    with pytest.raises(ConfigError, match='Setting of kmers "K" is unknown. Did you mean "k"'):
        cutter("kmers", K=3)
    for wrong in ({}, {"name": "word"}, {"name": "kmers", "k": "3"}, {"name": "kmers", "k": True}, {"name": ["words"]}, {"name": "words", "lower": 1}):
        with pytest.raises(BundleError, match="is no way to cut texts"):
            restored_cutter(wrong)
