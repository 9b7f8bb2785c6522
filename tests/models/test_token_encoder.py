"""Tokens to vectors: padding, letters and unknown words change only what they should."""

import numpy as np
import pytest
import torch

from inorder.data.numbering import LONGEST, Numbering
from inorder.errors import ConfigError, ShapeError
from inorder.models.token_encoder import ENCODERS, TokenEncoder

SENTENCES = [["the", "dog", "barks"], ["the", "cat"], ["a", "verylongword" * 9, "cat", "sees", "the", "dog"], ["dog"], []]


def made(encoder: str, **settings) -> tuple[TokenEncoder, Numbering]:
    torch.manual_seed(0)
    numbering = Numbering.learn(SENTENCES)
    settings = {"embedding": 6, "spelling": 5, "hidden": 8, "layers": 2, **settings}
    return TokenEncoder(len(numbering.words), letters=len(numbering.letters), encoder=encoder, **settings).double(), numbering


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_batch_of_one_is_a_batch_of_many(encoder):
    network, numbering = made(encoder)
    network.eval()
    together = network(numbering.batch(SENTENCES))
    for row, sentence in enumerate(SENTENCES):
        alone = network(numbering.batch([sentence]))
        assert alone.shape == (1, len(sentence), network.width)
        torch.testing.assert_close(together[row, : len(sentence)], alone[0], rtol=0, atol=1e-12)
        assert not together[row, len(sentence) :].any()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gradients_know_no_padding(encoder):
    network, numbering = made(encoder)
    network.eval()
    weight = torch.randn(network.width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    together = torch.autograd.grad((network(numbering.batch(SENTENCES)) @ weight).sum(), list(network.parameters()), allow_unused=True)
    alone = [torch.zeros_like(one) for one in network.parameters()]
    for sentence in SENTENCES[:-1]:
        parts = torch.autograd.grad((network(numbering.batch([sentence])) @ weight).sum(), list(network.parameters()), allow_unused=True)
        alone = [one if part is None else one + part for one, part in zip(alone, parts, strict=True)]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(torch.zeros_like(other) if one is None else one, other, rtol=0, atol=1e-10)


def test_only_surroundings_that_an_encoder_sees_matter():
    for encoder, left, right in (("bag", False, False), ("lstm", True, False), ("bigru", True, True), ("transformer", True, True), ("cnn", True, True)):
        network, numbering = made(encoder)
        network.eval()
        base, first, last = (network(numbering.batch([words]))[0, 1] for words in (["the", "dog", "sees"], ["a", "dog", "sees"], ["the", "dog", "cat"]))
        assert (torch.allclose(base, first), torch.allclose(base, last)) == (not left, not right), encoder


def test_an_unknown_word_is_told_apart_by_its_letters_alone():
    network, numbering = made("bag")
    network.eval()
    with_letters = network(numbering.batch([["zog", "zod"]]))[0]
    assert (with_letters[0, :6] == with_letters[1, :6]).all() and (with_letters[0, 6:] != with_letters[1, 6:]).any()
    bare = TokenEncoder(len(numbering.words), encoder="bag", embedding=6)
    same = bare(Numbering.learn(SENTENCES, letters=False).batch([["zog", "zod"]]))[0]
    assert torch.equal(same[0], same[1])


def test_letters_alone_and_words_alone():
    letters_alone, numbering = made("bilstm", embedding=0)
    assert letters_alone.features == 5 and letters_alone(numbering.batch(SENTENCES)).shape == (5, 6, 16)
    with pytest.raises(ConfigError, match="words, letters or both"):
        TokenEncoder(5, embedding=0)
    with pytest.raises(ShapeError, match="letters=True"):
        letters_alone(Numbering.learn(SENTENCES, letters=False).batch(SENTENCES))


def test_word_dropout_makes_its_share_unknown_in_training_only():
    network, numbering = made("bag", word_dropout=0.25)
    tokens = numbering.batch([["dog"] * 4000])
    unknown = network.words.weight[1]
    network.train()
    share = (network.embed(tokens)[0, :, :6] == unknown).all(dim=1).double().mean().item()
    assert abs(share - 0.25) < 0.03
    network.eval()
    assert not (network.embed(tokens)[0, :, :6] == unknown).all(dim=1).any()


def test_letters_are_computed_once_for_each_distinct_token():
    numbering = Numbering.learn(SENTENCES)
    spelled = numbering.batch([["dog"] * 50, ["cat", "dog"]]).spelled
    assert spelled.letters.shape == (2, 3)
    assert (numbering.letters.decode(spelled.letters[spelled.which[1, 0]]), int(spelled.lengths[0])) == (("c", "a", "t"), 3)


def test_a_long_token_keeps_its_beginning_and_its_end():
    numbering = Numbering.learn([["ab" + "x" * 500 + "yz"]])
    spelled = numbering.batch([["ab" + "x" * 500 + "yz"]]).spelled
    letters = "".join(numbering.letters.decode(spelled.letters[0]))
    assert len(letters) == LONGEST and letters.startswith("abx") and letters.endswith("xyz")


def test_numbering_comes_back_from_its_texts():
    numbering = Numbering.learn(SENTENCES, lower=True)
    again = Numbering.restored(numbering.texts(), lower=True, letters=True)
    assert again == numbering and again.unknown_share([["THE", "zebra"]]) == 0.5
    one, other = numbering.batch(SENTENCES), again.batch(SENTENCES)
    assert torch.equal(one.numbers, other.numbers) and torch.equal(one.spelled.letters, other.spelled.letters)


def test_tags_are_padded_as_their_tokens_are():
    numbered = Numbering.learn(SENTENCES).numbered(SENTENCES)
    real, values = numbered.padded(np.arange(len(numbered.flat)), np.array([2, 1]))
    assert real.tolist() == [[True] * 6, [True, True, False, False, False, False]]
    assert values.tolist() == [[5, 6, 7, 8, 9, 10], [3, 4, 0, 0, 0, 0]]


@pytest.mark.parametrize("encoder, settings, match", [("cnn", {"hidden": 2}, "hidden"), ("transformer", {"hidden": 7}, "even"), ("lstn", {}, "lstm")])
def test_settings_without_sense_are_refused(encoder, settings, match):
    with pytest.raises(ConfigError, match=match):
        made(encoder, **settings)
