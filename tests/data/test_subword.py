"""Subwords: exact round trips, the same bytes in every process, coverage, damage."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inorder.bundle import Bundle, read_bundle, write_bundle
from inorder.data.subword import MODELS, SPACE, Subwords, restored, restored_subwords, saved
from inorder.data.tokens import Bytes, Characters, Jamo, Kmers, Spaces, Words
from inorder.data.vocabulary import Vocabulary
from inorder.errors import BundleError, ConfigError

TEXTS = ["나는 학교에 간다. 나는 집에 간다!", "the cat sat on the mat", "the dog sat on  the log\n", "naïve café, don't", "  two spaces\tand a tab "] * 3


def learnt(model: str, **settings: object) -> Subwords:
    return Subwords.learn(TEXTS, 300 if model == "byte-bpe" else 80, model=model, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=MODELS)
def subwords(request: pytest.FixtureRequest) -> Subwords:
    return learnt(request.param)


def test_texts_come_back(subwords: Subwords) -> None:
    for text in [*TEXTS, "", " ", "\n", "the  new   gnu", "unknown: ☃漢 ☃", f"a mark {SPACE} itself", "e\u0301", "\uffff \ud800", "a" * 5000]:
        assert subwords.join(subwords.cut(text)) == subwords.normal(text)


@given(st.text(st.characters(), max_size=40), st.sampled_from(MODELS))
def test_every_text_comes_back(text: str, model: str) -> None:
    subwords = KEPT.setdefault(model, learnt(model))
    assert subwords.join(subwords.cut(text)) == subwords.normal(text)


KEPT: dict[str, Subwords] = {}


def test_what_normal_is() -> None:
    text = f"E\u0301 {SPACE}"
    assert learnt("bpe").normal(text) == "É _" and learnt("bpe", lower=True).normal(text) == "é _" and learnt("byte-bpe").normal(text) == f"É {SPACE}"
    assert learnt("bpe", normalisation="none").normal(text) == "E\u0301 _"


@pytest.mark.parametrize("model", ["bpe", "byte-bpe"])
def test_frequent_words_are_one_piece_and_rare_ones_several(model: str) -> None:
    subwords = learnt(model)
    space = "Ġ" if subwords.model == "byte-bpe" else SPACE
    assert f"{space}the" in subwords.cut("on the mat")
    assert len(subwords.cut("zebra")) > 2


def test_the_size_is_kept_to(subwords: Subwords) -> None:
    vocabulary = subwords.vocabulary(TEXTS)
    assert len(vocabulary.symbols) <= (300 if subwords.model == "byte-bpe" else 79)
    assert vocabulary.unknown_share(map(subwords.cut, TEXTS)) == 0
    assert list(vocabulary.counts) == sorted(vocabulary.counts, reverse=True) and sum(vocabulary.counts) == sum(len(subwords.cut(text)) for text in TEXTS)


def test_unknown_characters_are_counted(subwords: Subwords) -> None:
    vocabulary = subwords.vocabulary()
    share = vocabulary.unknown_share([subwords.cut("the ☃")])
    assert share == 0 if subwords.model == "byte-bpe" else 0 < share < 1


def test_coverage_leaves_out_the_rarest_characters() -> None:
    texts = ["aaaa bbbb aaaa bbbb"] * 100 + ["漢 字 ☃"]
    assert "漢" in Subwords.learn(texts, 60, model="bpe").vocabulary()
    for model in ("bpe", "unigram"):
        few = Subwords.learn(texts, 60, model=model, coverage=0.995)
        assert "漢" not in few.vocabulary() and "a" in few.vocabulary() and few.join(few.cut("aa 漢a")) == "aa 漢a"
    assert len(Subwords.learn(texts, 5, model="bpe", coverage=0.995).vocabulary().symbols) == 4  # two letters, a space, a joined pair


SCRIPT = """
import hashlib, sys
from inorder.bundle import Bundle, read_bundle, write_bundle
from inorder.data.subword import Subwords
texts = [f"the {chr(97 + k % 26)}{chr(97 + k % 7)} number{k % 31} of 학교{k % 5}" for k in range(500)]
print(hashlib.sha256(Subwords.learn(texts, int(sys.argv[2]), model=sys.argv[1]).text.encode()).hexdigest())
"""


@pytest.mark.parametrize("model, size", [("bpe", 200), ("byte-bpe", 400)])
def test_the_same_bytes_in_every_process(model: str, size: int) -> None:
    # unigram is left out: the library adds up its counts in an order that changes from run to run (tokenizers 0.23.3)
    found = set()
    for threads, seed in (("true", "1"), ("false", "7")):
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": threads, "PYTHONHASHSEED": seed}
        found.add(subprocess.run([sys.executable, "-c", SCRIPT, model, str(size)], capture_output=True, text=True, check=True, env=environment).stdout)
    texts = [f"the {chr(97 + k % 26)}{chr(97 + k % 7)} number{k % 31} of 학교{k % 5}" for k in range(500)]
    assert found == {hashlib.sha256(Subwords.learn(texts, size, model=model).text.encode()).hexdigest() + "\n"}


def test_what_was_learnt_comes_back(subwords: Subwords) -> None:
    again = restored_subwords(subwords.settings(), subwords.text)
    assert all(again.cut(text) == subwords.cut(text) for text in TEXTS) and again.settings() == subwords.settings()
    assert again.vocabulary().to_text() == subwords.vocabulary().to_text()


def test_pieces_of_known_pairs() -> None:
    """By hand: "ab" occurs 3 times, "abc" twice, so a + b joins first, then ab + c."""
    subwords = Subwords.learn(["abc", "abc", "ab"], 7, model="bpe")
    assert json.loads(subwords.text)["merges"] == [["a", "b"], ["ab", "c"]]
    assert subwords.cut("abcb") == ("abc", "b")


def test_every_cutter_is_saved_and_restored(subwords: Subwords) -> None:
    for one in (subwords, Words(lower=True), Spaces(), Characters(clusters=True), Bytes(), Jamo(), Kmers(k=2)):
        settings, text = saved(one)
        again = restored(json.loads(json.dumps(settings)), text)
        assert again.name == one.name and again.cut("The 학교 ☃") == one.cut("The 학교 ☃") and again.join(again.cut("a b")) == one.join(one.cut("a b"))
    with pytest.raises(BundleError, match="The settings of a cutter are an object, not 3"):
        restored(3, "")


def joined_by_rank(word: str, merges: list[list[str]]) -> list[str]:
    """Sennrich, Haddow & Birch 2016, figure 1: join the pair that was learnt first, as long as there is one."""
    rank = {tuple(pair): k for k, pair in enumerate(merges)}
    pieces = list(word)
    while pairs := [pair for pair in itertools.pairwise(pieces) if pair in rank]:
        best = min(pairs, key=rank.__getitem__)
        at = next(k for k, pair in enumerate(itertools.pairwise(pieces)) if pair == best)
        pieces[at : at + 2] = ["".join(best)]
    return pieces


@given(st.text("thecasondm", max_size=12))
def test_bpe_joins_the_pair_that_was_learnt_first(word: str) -> None:
    subwords = KEPT.setdefault("bpe", learnt("bpe"))
    assert list(subwords.cut(word)) == joined_by_rank(word, json.loads(subwords.text)["merges"])


@given(st.text("thecasondm", max_size=8))
def test_unigram_finds_the_most_likely_of_all_cuts(word: str) -> None:
    subwords = KEPT.setdefault("unigram", learnt("unigram"))
    saved = json.loads(subwords.text)
    score = dict(zip(saved["pieces"], saved["scores"], strict=True))
    sums = []
    for cuts in itertools.product([False, True], repeat=max(len(word) - 1, 0)):
        places = [0, *(k for k, cut in enumerate(cuts, 1) if cut), len(word)]
        pieces = [word[a:b] for a, b in itertools.pairwise(places)]
        if all(piece in score for piece in pieces):
            sums.append(sum(score[piece] for piece in pieces))
    if word:
        assert sum(score[piece] for piece in subwords.cut(word)) == pytest.approx(max(sums), abs=1e-9)


def test_hangul_letters_by_normal_form_d() -> None:
    subwords = learnt("bpe", normalisation="NFD")
    assert not any("가" <= one <= "힣" for piece in subwords.vocabulary().symbols for one in piece)
    assert subwords.join(subwords.cut("학교에 가")) == unicodedata.normalize("NFD", "학교에 가")


def test_a_bundle_holds_them_as_text(subwords: Subwords, tmp_path: Path) -> None:
    vocabulary = Vocabulary.of([["\r", "\r\n", "\u2028", " ", "\ud800", "a"]])
    model = {"task": "classify", "model": "none", "subwords": subwords.settings()}
    write_bundle(tmp_path / "run", Bundle(model, {"w": np.zeros(1)}, {"vocabulary.txt": vocabulary.to_text(), "subwords.txt": subwords.text}))
    read = read_bundle(tmp_path / "run")
    assert Vocabulary.from_text(read.texts["vocabulary.txt"]) == vocabulary
    assert restored_subwords(read.model["subwords"], read.texts["subwords.txt"]).text == subwords.text


def test_damage_is_refused(subwords: Subwords) -> None:
    import random

    rng, text = random.Random(2), subwords.text
    for _ in range(300):
        place = rng.randrange(len(text))
        damaged = text[:place] + rng.choice(["", "{", '"', "[", "1", "a", "\ud800"]) + text[place + rng.randint(1, 3) :]
        try:
            Subwords(damaged, subwords.model).cut("the cat ☃")
        except BundleError as error:
            assert str(error).startswith("The subwords are damaged: pieces, each once, and")
    for wrong in ("", "{}", "[]", "null", text[:-5], '{"pieces": [], "merges": [], "scores": []}'):
        with pytest.raises(BundleError, match="The subwords are damaged"):
            Subwords(wrong, subwords.model)
    for settings in (
        {},
        {"model": "bpe"},
        {"model": "wordpiece", "lower": False, "normalisation": "NFC"},
        {"model": "bpe", "lower": 0, "normalisation": "NFC"},
        None,
    ):
        with pytest.raises(BundleError, match="The settings of subwords are"):
            restored_subwords(settings, text)


def test_refusals() -> None:
    with pytest.raises(ConfigError, match='Kind of subwords "wordpiece" is unknown'):
        Subwords.learn(TEXTS, model="wordpiece")
    with pytest.raises(ConfigError, match="`size` is 10; 35 are needed for the 33 characters, the space and the unknown; or set `coverage` below 1"):
        Subwords.learn(TEXTS, 10)
    with pytest.raises(ConfigError, match="`size` is 200; 256 are needed for the 256 bytes"):
        Subwords.learn(TEXTS, 200, model="byte-bpe")
    with pytest.raises(ConfigError, match="`coverage` is a share above 0 and up to 1; 1.5 came"):
        Subwords.learn(TEXTS, coverage=1.5)
    with pytest.raises(ConfigError, match="byte-bpe learns from bytes"):
        Subwords.learn(TEXTS, model="byte-bpe", coverage=0.9)
    with pytest.raises(ConfigError, match="there was no character"):
        Subwords.learn(["", ""])
    with pytest.raises(ConfigError, match="one string came"):
        Subwords.learn("a text")
