"""How much each token of a sequence adds to one answer of a model.

    integrated gradients     a[t] = Σ_f (e − b)[t, f] · ∫₀¹ ∂F(b + α·(e − b)) / ∂e[t, f] dα          e: vectors of the tokens, b: of nothing
    occlusion                a[t] = F(tokens) − F(tokens with token t hidden)

F is any number that the model gives for a sequence: the score of a class before the softmax, the logarithm of a probability. Integrated gradients are complete:
Σ a[t] = F(e) − F(b). The integral is taken by Gauss–Legendre quadrature, exact for polynomials of degree 2·steps − 1; `missing` says what is left.

Sources: Sundararajan, Taly & Yan 2017, Axiomatic attribution for deep networks, eq. 1; occlusion: Zeiler & Fergus 2014, §4.2; of words: Li, Monroe &
Jurafsky 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.errors import ConfigError, ShapeError
from inorder.typing import Floats

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 24  # nodes of the quadrature
BAR = 12  # characters of the longest bar in a terminal


@dataclass(frozen=True, eq=False)
class Saliency:
    """What each token adds to an answer.

    tokens: as they stand in the text.   scores: (time,) what each adds, in the units of F.   of: the answer, such as "pos".   method: how it was computed.
    value: F of the sequence.   base: F of nothing, where the method has one; None otherwise.   joined_by: what stands between tokens when they are shown.

    >>> print(Saliency(("not", "bad"), np.array([0.5, -0.25]), "pos", "occlusion", 1.0))
    pos 1.000 (occlusion)
      not  +0.500 ████████████
      bad  -0.250 ▒▒▒▒▒▒
    """

    tokens: tuple[str, ...]
    scores: Floats
    of: str
    method: str
    value: float
    base: float | None = None
    joined_by: str = " "

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.tokens),):
            raise ShapeError(f"`scores` has the shape {self.scores.shape} for {len(self.tokens)} tokens.")

    @property
    def missing(self) -> float | None:
        """F(e) − F(b) − Σ scores: what the quadrature left out; None for a method that is not complete."""
        return None if self.base is None else self.value - self.base - float(self.scores.sum())

    @property
    def shares(self) -> Floats:
        """(time,) the scores over the largest of them, in −1–1; zeros where all are zero."""
        largest = float(np.abs(self.scores).max(initial=0.0))
        return self.scores / largest if largest > 0 else np.zeros(len(self.scores))

    def __str__(self) -> str:
        width = max((len(token) for token in self.tokens), default=0)
        lines = [f"{self.of} {self.value:.3f} ({self.method})"]
        for token, score, share in zip(self.tokens, self.scores, self.shares, strict=True):
            bar = ("█" if score > 0 else "▒") * round(abs(share) * BAR)
            lines.append(f"  {token:<{width}}  {score:+.3f} {bar}".rstrip())
        return "\n".join(lines)

    def __rich__(self) -> Any:
        """The text with its tokens coloured, for a terminal: blue speaks for the answer, red against it."""
        from rich.text import Text

        shown = Text(f"{self.of} {self.value:.3f}: ")
        for k, (token, share) in enumerate(zip(self.tokens, self.shares, strict=True)):
            shown.append(self.joined_by if k else "")
            shown.append(token, style=f"on rgb({','.join(map(str, colour(share)))})" if abs(share) >= 0.05 else "")
        return shown

    def to_html(self) -> str:
        """The text with its tokens coloured, as a piece of HTML; the score of each is its title."""
        parts = [
            f'<span style="background: rgb({", ".join(map(str, colour(share)))})" title="{score:+.3f}">{escape(token)}</span>'
            for token, score, share in zip(self.tokens, self.scores, self.shares, strict=True)
        ]
        return f'<span class="saliency">{escape(self.joined_by).join(parts)}</span>'

    def to_frame(self) -> Any:
        """As a polars frame: token, score."""
        import polars

        return polars.DataFrame({"token": list(self.tokens), "score": self.scores})


def colour(share: float) -> tuple[int, int, int]:
    """White at 0, blue at 1, red at −1; pale, so that black text can be read on it.

    >>> colour(0.0), colour(1.0), colour(-0.5)
    ((255, 255, 255), (120, 170, 255), (255, 200, 192))
    """
    strong = (120, 170, 255) if share > 0 else (255, 145, 130)
    red, green, blue = (round(255 + (one - 255) * min(abs(float(share)), 1.0)) for one in strong)
    return red, green, blue


def integrated_gradients(
    answer: Callable[[Tensor], Tensor], embedded: Tensor, base: Tensor | None = None, *, steps: int = STEPS
) -> tuple[Floats, float, float]:
    """What each token adds to the answer, the answer, and that of nothing.

    answer: (batch, time, features) -> (batch,) the number F of each row, in float32 or float64, in evaluation mode.   embedded: (time, features) vectors of the
    tokens.   base: those of nothing; None = zeros.   steps: nodes of the quadrature.
    Returns (time,), F(embedded), F(base).   Raises ShapeError where the axes do not fit.

    >>> import torch
    >>> weight = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    >>> scores, value, base = integrated_gradients(lambda e: (e * weight).sum(dim=(1, 2)) ** 2, torch.ones(2, 2))
    >>> scores.round(3).tolist(), value, base
    ([15.0, 10.0], 25.0, 0.0)
    """
    import torch

    if embedded.ndim != 2:
        raise ShapeError(f"`embedded` has the axes (time, features); this one has the shape {tuple(embedded.shape)}.")
    base = torch.zeros_like(embedded) if base is None else base
    if base.shape != embedded.shape:
        raise ShapeError(f"`base` has the shape {tuple(base.shape)}, `embedded` {tuple(embedded.shape)}; one shape was expected.")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ConfigError(f"`steps` is a whole number, 1 or more, not {steps!r}.")
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    alpha = torch.as_tensor((nodes + 1) / 2, dtype=embedded.dtype)[:, None, None]
    start, along = base.detach(), (embedded - base).detach()
    path = (start + alpha * along).requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(answer(path).sum(), path)
    mean = (torch.as_tensor(weights / 2, dtype=torch.float64)[:, None, None] * gradient.double()).sum(dim=0)
    with torch.no_grad():
        value, nothing = answer(torch.stack([embedded.detach(), start])).double().tolist()
    return (along.double() * mean).sum(dim=1).numpy(), value, nothing


def occlusion(answers: Callable[[Sequence[tuple[str, ...]]], Floats], tokens: Sequence[str], hidden: str | None = None) -> tuple[Floats, float]:
    """What the answer loses where a token is hidden, for each of them, and the answer.

    answers: sequences of tokens -> (sequences,) the number F of each.   hidden: what stands in the place of a hidden token; None = it is left out.

    >>> scores, value = occlusion(lambda many: np.array([float(one.count("good") > 0) for one in many]), ["a", "good", "film"])
    >>> scores.tolist(), value
    ([0.0, 1.0, 0.0], 1.0)
    """
    own = tuple(tokens)
    without = [own[:t] + (() if hidden is None else (hidden,)) + own[t + 1 :] for t in range(len(own))]
    found = np.asarray(answers([own, *without]), dtype=np.float64)
    if found.shape != (len(own) + 1,):
        raise ShapeError(f"`answers` gave the shape {found.shape} for {len(own) + 1} sequences; one number each was expected.")
    return found[0] - found[1:], float(found[0])
