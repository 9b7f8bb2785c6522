"""Vocabularies: numbers, order, and text that holds every string."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inorder.data.vocabulary import Vocabulary, escaped
from inorder.errors import BundleError, ConfigError, SeriesError, ShapeError

ANY_TEXT = st.text(st.characters(), max_size=8)  # lone surrogates too
AWKWARD = [
    "",
    " ",
    "  ",
    "\n",
    "\t",
    "\0",
    "\r",
    "\r\n",
    "\\",
    "\\n",
    "\\s",
    "\ud800",
    "\ud83d\ude00",
    "😀",
    "\u2028",
    "\x85",
    "a b",
    "<unk>",
    "\ufeff",
    "\u0301",
]


@given(st.lists(ANY_TEXT, unique=True, max_size=20))
@example(AWKWARD)
def test_every_string_comes_back(symbols: list[str]) -> None:
    vocabulary = Vocabulary.of({symbol: k + 1 for k, symbol in enumerate(symbols)})
    text = vocabulary.to_text()
    assert Vocabulary.from_text(text) == vocabulary
    assert text.encode().decode() == text  # can be written: no lone surrogate is left
    assert text.count("\n") == len(symbols) + 1 == len(text.splitlines())
    assert all(line.count("\t") == 1 for line in text.split("\n")[1:-1])


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=8), st.integers(1, 4), st.integers(1, 5))
def test_counts_and_cut_offs(sequences: list[list[str]], at_least: int, most: int) -> None:
    vocabulary = Vocabulary.of(sequences, at_least=at_least, most=most)
    flat = [symbol for one in sequences for symbol in one]
    assert all(flat.count(symbol) == count >= at_least for symbol, count in zip(vocabulary.symbols, vocabulary.counts, strict=True))
    assert list(zip([-count for count in vocabulary.counts], vocabulary.symbols, strict=True)) == sorted(
        zip([-c for c in vocabulary.counts], vocabulary.symbols, strict=True)
    )
    assert len(vocabulary.symbols) <= most
    assert vocabulary.left_out + len(vocabulary.symbols) == len(set(flat))
    assert vocabulary.left_out_times == sum(symbol not in vocabulary for symbol in flat)
    if flat:
        assert vocabulary.unknown_share(sequences) == vocabulary.left_out_times / len(flat)


def test_the_order_does_not_depend_on_the_order_of_the_data() -> None:
    one = Vocabulary.of([["b", "a"], ["c", "c"]])
    assert one.to_text() == Vocabulary.of([["c"], ["a", "b"], ["c"]]).to_text() == Vocabulary.of({"b": 1, "c": 2, "a": 1}).to_text()
    assert one.symbols == ("c", "a", "b")


def test_numbers_and_specials() -> None:
    vocabulary = Vocabulary.of([["<pad>", "<unk>", "x"]])
    assert len(vocabulary) == 7
    numbers = vocabulary.encode(["<pad>", "new", "x"], begin=True, end=True)
    assert numbers.tolist() == [2, 4, 1, 6, 3] and numbers.dtype == "int64"  # a text cannot write the special numbers
    assert vocabulary.decode(numbers) == ("<pad>", "<unk>", "x")
    assert vocabulary.decode(numbers, special=True) == ("<bos>", "<pad>", "<unk>", "x", "<eos>")
    assert vocabulary.encode([]).tolist() == [] and vocabulary.decode([]) == ()
    with pytest.raises(SeriesError, match="The number 7 is none of the vocabulary, which has 0 to 6"):
        vocabulary.decode([7])
    with pytest.raises(SeriesError, match="The number -1 is none"):
        vocabulary.decode([-1])


def test_a_text_of_old_versions_reads_as_it_is() -> None:
    text = "inorder vocabulary 1\tleft out 2\t3 times\nthe\t120\n\\n\t17\nNew\\sYork\t1\n"
    vocabulary = Vocabulary.from_text(text)
    assert vocabulary.symbols == ("the", "\n", "New York") and vocabulary.counts == (120, 17, 1)
    assert (vocabulary.left_out, vocabulary.left_out_times) == (2, 3) and vocabulary.to_text() == text


HEAD = "inorder vocabulary 1\tleft out 0\t0 times\n"
DAMAGED = {
    "": "the vocabulary, line 1: a vocabulary begins with",
    "the\t3\n": "line 1: a vocabulary begins with",
    HEAD + "the\t3": "line 2: the last line has no end; the file was cut off.",
    HEAD + "the 3\n": "line 2: a symbol, a tab and its count were expected, 'the 3' came",
    HEAD + "a\t1\nthe\t-3\n": "line 3: a symbol, a tab and its count were expected",
    HEAD + "a\t1\nthe\t٣\n": "line 3: a symbol, a tab and its count were expected",
    HEAD + "a\t1\na\t2\n": "line 3: the symbol 'a' stands in two lines",
    HEAD + "a\\x\t1\n": r"line 2: 'a\\\\x' is not spelled as a symbol",
    HEAD + "a b\t1\n": "line 2: 'a b' is not spelled as a symbol",
    HEAD + "\\u0061\t1\n": "is not spelled as a symbol",
    HEAD + "\\Uffffffff\t1\n": "is not spelled as a symbol",
    HEAD + "\n": "line 2: a symbol, a tab and its count were expected",
}


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_texts_are_refused_by_line(text: str) -> None:
    with pytest.raises(BundleError, match=DAMAGED[text]):
        Vocabulary.from_text(text)


@given(st.text(alphabet="ab\\nsu0123\t\n ", max_size=30))
def test_no_text_ends_in_a_traceback(text: str) -> None:
    try:
        assert Vocabulary.from_text(HEAD + text).to_text() == HEAD + text
    except BundleError as error:
        assert re.search(r"line \d+", str(error))


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="at_least = 0, most = None came"):
        Vocabulary.of([["a"]], at_least=0)
    with pytest.raises(ConfigError, match="most = 0 came"):
        Vocabulary.of([["a"]], most=0)
    with pytest.raises(ConfigError, match="the text 'abc' came. Cut it first"):
        Vocabulary.of(["abc"])
    with pytest.raises(SeriesError, match="The symbol 'a' stands twice"):
        Vocabulary(("a", "a"), (1, 1))
    with pytest.raises(ShapeError, match="`counts` has 1 entries for 2 symbols"):
        Vocabulary(("a", "b"), (1,))


def test_escapes_are_readable() -> None:
    assert escaped("한국") == "한국" and escaped("don't!") == "don't!" and escaped("\x00") == "\\u0000" and escaped("😀") == "😀"
