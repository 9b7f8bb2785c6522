"""Encoder and decoder against torch cells, and the contract that decoding relies on."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from inorder.textbook.attention import AdditiveWeights, additive_attention, dot_attention
from inorder.textbook.beam import exhaustive_search, sequence_log_probability
from inorder.textbook.encoder_decoder import Decoder, attention_decoder, encode, fixed_context_decoder, hidden_of, over_tokens
from inorder.textbook.greedy import greedy
from inorder.textbook.recurrent import default_weights, gru_step, lstm_step
from inorder.textbook.teacher_forcing import free_running, teacher_forced

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
INPUTS, HIDDEN = 3, 4


def torch_cell(weights: tuple[np.ndarray, ...]) -> torch.nn.GRUCell:
    cell = torch.nn.GRUCell(weights[0].shape[1], HIDDEN, dtype=torch.float64)
    with torch.no_grad():
        for parameter, array in zip((cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh), weights, strict=True):
            parameter.copy_(torch.tensor(array))
    return cell


@pytest.mark.parametrize("feed", [False, True])
def test_fixed_context_over_a_batch(feed: bool) -> None:
    generator = np.random.default_rng(0)
    encoder, decoder_weights = default_weights("gru", INPUTS, HIDDEN, generator), default_weights("gru", INPUTS + HIDDEN * feed, HIDDEN, generator)
    source, target = generator.normal(size=(2, 6, INPUTS)), generator.normal(size=(5, 2, INPUTS))  # the target's steps come first
    memory, context = encode(gru_step, source, encoder)
    decoder = fixed_context_decoder(gru_step, decoder_weights, context, feed=feed)
    outputs = teacher_forced(decoder.step, decoder.init((2,)), target[0], list(target[1:]) + [None]).outputs

    enc, dec = torch_cell(encoder), torch_cell(decoder_weights)
    h = torch.zeros(2, HIDDEN, dtype=torch.float64)
    for s in range(6):
        h = enc(torch.tensor(source[:, s]), h)
    np.testing.assert_allclose(memory[:, -1], h.detach().numpy(), **TIGHT)
    fixed = h
    for t, x in enumerate(target):
        h = dec(torch.cat([torch.tensor(x), fixed], -1) if feed else torch.tensor(x), h)
        np.testing.assert_allclose(outputs[t], h.detach().numpy(), **TIGHT)


@pytest.mark.parametrize("kind", ["dot", "additive"])
def test_attention_over_a_batch(kind: str) -> None:
    generator = np.random.default_rng(1)
    weights = default_weights("gru", INPUTS + HIDDEN, HIDDEN, generator)
    memory, first, target = generator.normal(size=(2, 6, HIDDEN)), generator.normal(size=(2, HIDDEN)), generator.normal(size=(4, 2, INPUTS))
    valid = np.array([[True] * 6, [True] * 3 + [False] * 3])
    additive = AdditiveWeights(generator.normal(size=(5, HIDDEN)), generator.normal(size=(5, HIDDEN)), generator.normal(size=5))
    attend = dot_attention if kind == "dot" else lambda query, memory, valid: additive_attention(query, memory, additive, valid)
    decoder = attention_decoder(gru_step, weights, memory, attend, first, valid)

    cell, h, m = torch_cell(weights), torch.tensor(first), torch.tensor(memory)
    v, wq, wm = (torch.tensor(array) for array in (additive.score_weights, additive.query_weights, additive.memory_weights))
    state = decoder.init((2,))
    for x in target:
        score = (m @ h[..., None])[..., 0] if kind == "dot" else torch.tanh((h @ wq.T)[:, None] + m @ wm.T) @ v
        alpha = torch.softmax(score.masked_fill(~torch.tensor(valid), -torch.inf), -1)
        h = cell(torch.cat([torch.tensor(x), (alpha[:, None] @ m)[:, 0]], -1), h)
        y, state = decoder.step(x, state)
        np.testing.assert_allclose(y, h.detach().numpy(), **TIGHT)
        np.testing.assert_allclose(state.attention, alpha.detach().numpy(), **TIGHT)


def small_decoder(cell: str, step: object) -> Decoder:
    """An attention decoder over 3 tokens, with an untrained LSTM or GRU."""
    generator = np.random.default_rng(7)
    encoder, weights = default_weights(cell, 2, HIDDEN, generator), default_weights(cell, 2 + HIDDEN, HIDDEN, generator)
    memory, last = encode(step, generator.normal(size=(5, 2)), encoder)
    decoder = attention_decoder(step, weights, memory, partial(dot_attention, scaled=True), last)
    return over_tokens(decoder, generator.normal(size=(3, 2)), 4 * generator.normal(size=(3, HIDDEN)), np.zeros(3))


@pytest.mark.parametrize("cell, step", [("gru", gru_step), ("lstm", lstm_step)])
def test_over_tokens_gives_probabilities_that_decoding_can_use(cell: str, step: object) -> None:
    decoder = small_decoder(cell, step)
    log_probabilities, _ = decoder.step(0, decoder.init(()))
    assert np.exp(log_probabilities).sum() == pytest.approx(1.0, abs=1e-12)
    every = exhaustive_search(decoder.step, decoder.init(()), begin=0, end=2, max_length=4, n_best=1000)
    assert np.exp([h.log_probability for h in every]).sum() == pytest.approx(1.0, abs=1e-12)
    best = every[0]
    assert sequence_log_probability(decoder.step, decoder.init(()), best.tokens, begin=0) == pytest.approx(best.log_probability, abs=1e-12)


def test_free_running_over_tokens_is_greedy_decoding() -> None:
    decoder = small_decoder("gru", gru_step)
    rolled = free_running(decoder.step, decoder.init(()), 0, 6, feedback=lambda log_p: int(log_p.argmax()))
    assert tuple(int(y.argmax()) for y in rolled.outputs) == greedy(decoder.step, decoder.init(()), begin=0, max_length=6).tokens


def test_the_context_is_a_bottleneck_and_attention_is_not() -> None:
    """With the encoder's last state held, changing the memory moves only the attention decoder."""
    generator = np.random.default_rng(3)
    weights, wide = default_weights("lstm", 2, HIDDEN, generator), default_weights("lstm", 2 + HIDDEN, HIDDEN, generator)
    encoder = default_weights("lstm", 2, HIDDEN, generator)
    memory, last = encode(lstm_step, generator.normal(size=(5, 2)), encoder)
    x = np.ones(2)
    fixed = fixed_context_decoder(lstm_step, weights, last)
    assert hidden_of(fixed.init(())) is not None
    np.testing.assert_array_equal(hidden_of(fixed.init((3,))), np.stack([last.hidden] * 3))
    first, second = (attention_decoder(lstm_step, wide, m, dot_attention, last) for m in (memory, memory[::-1] * 2))
    assert np.abs(first.step(x, first.init(()))[0] - second.step(x, second.init(()))[0]).max() > 1e-4
