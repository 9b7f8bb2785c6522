"""From frames to a label: the likeliest path, or the likeliest label.

They differ, because many paths share one label. Greedy decoding collapses the likeliest path; prefix beam search adds up the paths of each label
as it goes, keeping for every prefix the probability of its paths that end in a blank apart from the others:

    p_blank[prefix]     grows by  p[t, blank] · (p_blank + p_symbol)[prefix]
    p_symbol[prefix]    grows by  p[t, last]  · p_symbol[prefix]                      the last symbol held: it merges
    p_symbol[prefix+k]  grows by  p[t, k] · (p_blank + p_symbol)[prefix]              a new symbol
                        but only  p[t, k] · p_blank[prefix]   where k repeats the last: a double letter needs a blank between

With a width that holds every prefix the probabilities are exact.

Sources: Graves 2008, Supervised sequence labelling, §7.5; Hannun, Maas, Jurafsky & Ng 2014, algorithm 1.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inorder.textbook.ctc import collapse

Array: TypeAlias = NDArray[np.float64]


class CTCHypothesis(NamedTuple):
    """tokens: the label.   log_probability: nats; of one path (greedy) or of all that the beam kept (prefix beam search)."""

    tokens: tuple[int, ...]
    log_probability: float


class Prefix(NamedTuple):
    """ln of the probability of a prefix by its paths that end in a blank, and by those that end in its last symbol."""

    blank: float
    symbol: float

    @property
    def total(self) -> float:
        return float(np.logaddexp(self.blank, self.symbol))


def ctc_greedy(log_p: Array, blank: int = 0) -> CTCHypothesis:
    """The collapsed likeliest path: the best symbol of each frame, ties to the lower number.   log_p: (time, symbols).

    >>> ctc_greedy(np.log([[0.6, 0.4], [0.6, 0.4]])).tokens                  # the path -- has 0.36, but the label (1,) has 0.64
    ()
    """
    path = log_p.argmax(axis=-1).tolist()
    return CTCHypothesis(collapse(path, blank), float(log_p.max(axis=-1).sum()))


def prefix_beam_search(log_p: Array, *, width: int, blank: int = 0, n_best: int = 1) -> list[CTCHypothesis]:
    """The likeliest labels, best first, by a beam of `width` prefixes.

    log_p: (time, symbols).   Ties go to the smaller label.   Raises ValueError for a width below 1.

    >>> best = prefix_beam_search(np.log([[0.6, 0.4], [0.6, 0.4]]), width=3)[0]
    >>> best.tokens, round(math.exp(best.log_probability), 2)
    ((1,), 0.64)
    """
    *_, last = prefix_beam_steps(log_p, width=width, blank=blank)
    return [CTCHypothesis(tokens, prefix.total) for tokens, prefix in last.items()][:n_best]


def prefix_beam_steps(log_p: Array, *, width: int, blank: int = 0) -> list[dict[tuple[int, ...], Prefix]]:
    """The beam before the first frame and after each: prefix -> its two log-probabilities, likeliest first.

    >>> for beam in prefix_beam_steps(np.log([[0.6, 0.4], [0.6, 0.4]]), width=2):
    ...     print({prefix: round(math.exp(at.total), 2) for prefix, at in beam.items()})
    {(): 1.0}
    {(): 0.6, (1,): 0.4}
    {(1,): 0.64, (): 0.36}
    """
    if width < 1:
        raise ValueError(f"`width` is a whole number, 1 or more, not {width}.")
    beam: dict[tuple[int, ...], Prefix] = {(): Prefix(blank=0.0, symbol=-math.inf)}
    steps = [beam]
    for frame in log_p:
        ends_blank: dict[tuple[int, ...], float] = defaultdict(lambda: -math.inf)
        ends_symbol: dict[tuple[int, ...], float] = defaultdict(lambda: -math.inf)
        for prefix, at in beam.items():
            for k, log_probability in enumerate(frame.tolist()):
                if k == blank:
                    _add(ends_blank, prefix, at.total + log_probability)
                elif prefix and k == prefix[-1]:
                    _add(ends_symbol, prefix, at.symbol + log_probability)
                    _add(ends_symbol, (*prefix, k), at.blank + log_probability)
                else:
                    _add(ends_symbol, (*prefix, k), at.total + log_probability)
        grown = {prefix: Prefix(ends_blank[prefix], ends_symbol[prefix]) for prefix in {**ends_blank, **ends_symbol}}
        possible = {prefix: at for prefix, at in grown.items() if at.total > -math.inf}
        beam = dict(sorted(possible.items(), key=lambda item: (-item[1].total, item[0]))[:width])
        steps.append(beam)
    return steps


def _add(table: dict[tuple[int, ...], float], prefix: tuple[int, ...], log_probability: float) -> None:
    table[prefix] = float(np.logaddexp(table[prefix], log_probability))
