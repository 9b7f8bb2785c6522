"""Greedy decoding: at every step the likeliest token, and never a second thought.

    tokenₜ = argmax log p(token | token₁ … tokenₜ₋₁)

It misses a sequence whose first token is not the likeliest one; beam search with width 1 is the same thing.
"""

from __future__ import annotations

from typing import Any

from inorder.textbook.beam import Hypothesis, TokenStep


def greedy(step: TokenStep, state: Any, *, begin: int, end: int | None = None, max_length: int) -> Hypothesis:
    """The likeliest token at every step, until `end` or `max_length`.

    step: `step(token, state) -> (log_probabilities (vocab,), state)`.   begin: the token before the first.   Ties go to the lower token.

    >>> from inorder.textbook.beam import table_step
    >>> table = {(): [0.6, 0.4], (0,): [0.5, 0.5], (1,): [0.9, 0.1]}
    >>> greedy(table_step(table), None, begin=-1, max_length=2).tokens                  # (1, 0) is likelier: 0.36 against 0.30
    (0, 0)
    """
    tokens: tuple[int, ...] = ()
    log_probability, token = 0.0, begin
    while len(tokens) < max_length:
        log_probabilities, state = step(token, state)
        token = int(log_probabilities.argmax())
        tokens += (token,)
        log_probability += float(log_probabilities[token])
        if token == end:
            break
    return Hypothesis(tokens, log_probability, log_probability, token == end and bool(tokens))
