"""Language models of n-grams: the textbook's numbers, sums to one, whole sequences as step by step."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from inorder.data.vocabulary import Vocabulary
from inorder.decode.ngram import FittedNGram, NGram, discounts
from inorder.errors import BundleError, ConfigError, SeriesError
from inorder.textbook import ngram as textbook


def drawn(count: int, seed: int = 0, letters: str = "abcd") -> list[str]:
    """Texts whose letters follow each other with preferences, so that counts differ."""
    random = np.random.default_rng(seed)
    ways = random.dirichlet(np.full(len(letters), 0.5), size=len(letters))
    texts = []
    for _ in range(count):
        at, text = int(random.integers(len(letters))), ""
        for _ in range(int(random.integers(0, 9))):
            text += letters[at]
            at = int(random.choice(len(letters), p=ways[at]))
        texts.append(text)
    return texts


def truth(model: FittedNGram, texts: list[str]) -> textbook.Model:
    vocabulary = model.vocabulary
    symbols = frozenset(range(len(vocabulary))) - {Vocabulary.PADDING, Vocabulary.BEGIN} - ({Vocabulary.END} if not model.settings.ends else set())
    numbers = [vocabulary.encode(text, begin=True, end=model.settings.ends).tolist() for text in texts]
    return textbook.fit(numbers, model.settings.order, symbols, Vocabulary.BEGIN)


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 6, 60])
def test_probabilities_are_the_textbooks(count, order, ends):
    texts = [text or "a" for text in drawn(count)]
    model = NGram(order=order, ends=ends).fit(texts)
    slow, size = truth(model, texts), len(model.vocabulary)
    contexts = [(), (2,), (2, 4), (4,), (4, 4), (1, 4), (2, 4, 4), *itertools.product(range(4, size), repeat=2)]
    for context in contexts:
        expected = [textbook.probability(slow, symbol, context) for symbol in range(size)]
        found = model._following(model._before(np.array(context, dtype=np.int64)))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
        assert found.sum() == pytest.approx(1.0, abs=1e-12) and not found[[Vocabulary.PADDING, Vocabulary.BEGIN]].any()


@pytest.mark.parametrize("order", [1, 2, 4])
def test_whole_sequences_are_scored_as_step_by_step(order):
    model = NGram(order=order, at_least=2).fit(drawn(40))
    for text in ["", "a", "abca", "dzzab", "abcdabcd", *drawn(20, seed=1)]:
        numbers = model.vocabulary.encode(text, end=True)
        state, tokens, stepped = model.init(), None, []
        for number in numbers:
            scores, state = model.step(state, tokens)
            stepped.append(scores[0, number])
            tokens = np.array([number])
        np.testing.assert_allclose(model.log_probabilities(text), stepped, rtol=1e-12)


def test_the_probabilities_of_all_texts_of_a_length_sum_to_one():
    """Every text of up to four letters that ends, and every one of five that has not ended yet."""
    model = NGram(order=3).fit(drawn(30, letters="ab"))
    symbols = [*model.vocabulary.symbols, "?"]  # the last is unknown
    ended = sum(math.exp(model.log_probabilities(text).sum()) for n in range(5) for text in itertools.product(symbols, repeat=n))
    going = sum(math.exp(model.log_probabilities(text)[:-1].sum()) for text in itertools.product(symbols, repeat=5))
    assert ended + going == pytest.approx(1.0, abs=1e-12)


def test_kneser_neys_own_example():
    """A word that is frequent after one other only is an unlikely guess elsewhere: "Francisco" beside "glasses" (Chen & Goodman 1999, § 2.7)."""
    texts = [["San", "Francisco"]] * 20 + [[word, "glasses"] for word in ("reading", "my", "her", "new", "old")]
    found = NGram(order=2).fit(texts).probabilities(["somebody"], begun=False)
    assert found["glasses"] > 2 * found["Francisco"]


def test_discounts_are_those_of_the_paper():
    counts = [1] * 8 + [2] * 4 + [3] * 2 + [4]
    assert discounts(np.array([*counts, 0, 7, 9])) == textbook.discounts(counts) == (0.5, 1.25, 2.0)
    assert discounts(np.array([1, 1, 2])) == textbook.USUAL


def test_better_than_a_uniform_guess_and_than_a_shorter_one():
    texts, held_back = drawn(300), drawn(100, seed=0)[:50]
    perplexities = [NGram(order=order).fit(texts).perplexity(held_back) for order in (1, 2)]
    assert perplexities[1] < perplexities[0] < 6


def test_unknown_symbols_get_what_rare_ones_had():
    model = NGram(order=2, at_least=2).fit(["ab", "ab", "ac"])
    assert model.vocabulary.symbols == ("a", "b")
    assert model.probabilities("a")["<unk>"] > NGram(order=2).fit(["ab", "ab", "ac"]).probabilities("a")["<unk>"]


def test_samples_follow_the_model_and_the_seed():
    model = NGram(order=3).fit(["abab", "abb"] * 5)
    assert model.sample(seed=3) == model.sample(seed=3)
    draws = [model.sample(seed=seed, longest=1) for seed in range(400)]
    assert sum(one == ("a",) for one in draws) / 400 == pytest.approx(model.probabilities()["a"], abs=0.05)
    assert len(NGram(order=2, ends=False).fit(["abab"]).sample(longest=7)) == 7


def test_a_model_comes_back_from_its_arrays():
    model = NGram(order=4).fit(drawn(40))
    vocabulary = Vocabulary.from_text(model.vocabulary.to_text())
    again = FittedNGram.restored(model.settings, vocabulary, model.weights())
    for text in drawn(5, seed=2):
        assert np.array_equal(again.log_probabilities(text), model.log_probabilities(text))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ngram.2.keys", lambda keys: keys[::-1]),
        ("ngram.2.keys", lambda keys: keys + 10**6),
        ("ngram.3.probability", lambda values: values[1:]),
        ("ngram.1.weight", lambda values: values * np.nan),
        ("ngram.2.probability", lambda values: -values),
    ],
)
def test_damaged_arrays_are_refused(name, change):
    model = NGram(order=3).fit(drawn(40))
    weights = model.weights()
    with pytest.raises(BundleError, match=r"ngram|n-grams"):
        FittedNGram.restored(model.settings, model.vocabulary, weights | {name: change(weights[name])})
    del weights[name]
    with pytest.raises(BundleError, match="not there"):
        FittedNGram.restored(model.settings, model.vocabulary, weights)


@pytest.mark.parametrize("settings", [{"order": 0}, {"order": 1.5}, {"order": True}, {"order": 65}, {"ends": 1}, {"at_least": 0}])
def test_settings_that_cannot_be(settings):
    with pytest.raises(ConfigError):
        NGram(**settings).fit(["ab"])


def test_nothing_to_count_is_told():
    with pytest.raises(SeriesError, match="no symbol"):
        NGram().fit([[], []])
    with pytest.raises(SeriesError, match="no symbol to judge by"):
        NGram(ends=False).fit(["a"]).perplexity([""])
