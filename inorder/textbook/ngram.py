"""Interpolated Kneser–Ney: the probability of a symbol after the few before it, from counts, smoothed by shorter contexts.

    p(w | h) = max(c(h w) − D(c(h w)), 0) / c(h ·)  +  γ(h) · p(w | h′)          h′: h without its first symbol;   p(w | nothing at all) = 1 / |V|
    γ(h)     = (D₁·N₁(h ·) + D₂·N₂(h ·) + D₃·N₃₊(h ·)) / c(h ·)                    what the discounts have taken off

c counts occurrences for the longest n-grams; for the shorter ones it counts in how many different contexts they stand, c(w) = N₁₊(· w), since a symbol
that follows one other alone is no likely guess elsewhere. What begins with the begin symbol has nothing before it, and keeps its occurrences.
The discounts are estimated for each length by how many n-grams have the counts 1 to 4:

    Y = n₁ / (n₁ + 2·n₂);   D₁ = 1 − 2·Y·n₂/n₁,   D₂ = 2 − 3·Y·n₃/n₂,   D₃ = 3 − 4·Y·n₄/n₃  for counts of 3 and more

Source: Kneser & Ney 1995; Chen & Goodman 1999, An empirical study of smoothing techniques for language modeling, §§ 3.6 and 4.1.6 ("modified").
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

Gram: TypeAlias = tuple[int, ...]

USUAL = (0.5, 1.0, 1.5)  # discounts where there are too few n-grams to estimate them from


class Model(NamedTuple):
    """counts: gram -> c.   discounts: (order,) triples.   symbols: those that can come, the end included, the begin not.   begin: that symbol."""

    order: int
    counts: dict[Gram, int]
    discounts: list[tuple[float, float, float]]
    symbols: frozenset[int]
    begin: int


def fit(sequences: Sequence[Sequence[int]], order: int, symbols: frozenset[int], begin: int) -> Model:
    """Count.   sequences: each begins with `begin`, which is never predicted, and ends as it ends.

    >>> model = fit([[0, 1, 2, 1, 2, 9], [0, 1, 1, 9]], 2, frozenset({1, 2, 9}), begin=0)
    >>> model.counts[(1, 2)], model.counts[(2,)], model.counts[(1,)]     # 2 stands after 1 alone; 1 after the begin, after 1 and after 2
    (2, 1, 3)
    """
    raw = Counter[Gram]()
    for sequence in sequences:
        for n in range(1, order + 1):
            raw.update(tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1))
    left: dict[Gram, set[int]] = defaultdict(set)
    for gram in raw:
        left[gram[1:]].add(gram[0])
    counts = {}
    for gram, times in raw.items():
        if gram == (begin,):
            continue  # it is never predicted
        counts[gram] = times if len(gram) == order or gram[0] == begin else len(left[gram])
    return Model(order, counts, [discounts([c for gram, c in counts.items() if len(gram) == n]) for n in range(1, order + 1)], symbols, begin)


def discounts(counts: Sequence[int]) -> tuple[float, float, float]:
    """D₁, D₂, D₃ from all counts of one length; the usual ones where an estimate is undefined or would take off more than there is.

    >>> discounts([1] * 8 + [2] * 4 + [3] * 2 + [4])
    (0.5, 1.25, 2.0)
    """
    n = [sum(c == k for c in counts) for k in range(1, 5)]
    if 0 in n:
        return USUAL
    y = n[0] / (n[0] + 2 * n[1])
    found = tuple(k - (k + 1) * y * n[k] / n[k - 1] for k in (1, 2, 3))
    return (found[0], found[1], found[2]) if all(0 <= d <= k for k, d in enumerate(found, 1)) else USUAL


def probability(model: Model, symbol: int, context: Gram) -> float:
    """p(symbol | context); of the context the last order − 1 symbols count.

    >>> model = fit([[0, 1, 2, 1, 2, 9], [0, 1, 1, 9]], 2, frozenset({1, 2, 9}), begin=0)
    >>> round(sum(probability(model, symbol, (1,)) for symbol in (1, 2, 9)), 12)
    1.0
    """
    if symbol not in model.symbols:
        return 0.0
    context = context[max(len(context) - model.order + 1, 0) :]
    after = {gram[-1]: c for gram, c in model.counts.items() if len(gram) == len(context) + 1 and gram[:-1] == context}
    shorter = probability(model, symbol, context[1:]) if context else 1 / len(model.symbols)
    total = sum(after.values())
    if total == 0:
        return shorter
    taken = model.discounts[len(context)]
    own = max(after.get(symbol, 0) - _discount(taken, after.get(symbol, 0)), 0.0) / total
    return own + sum(_discount(taken, c) for c in after.values()) / total * shorter


def _discount(taken: tuple[float, float, float], count: int) -> float:
    return taken[min(count, 3) - 1] if count else 0.0
