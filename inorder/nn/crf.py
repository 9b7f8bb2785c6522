"""Conditional random field: a layer that judges whole paths of tags, not each tag alone.

    score(y) = start[y₁] + Σₜ emission[t, yₜ] + Σₜ transition[yₜ₋₁, yₜ] + end[y_T]          P(y) = exp(score(y)) / Z

It stands on the scores that another layer gives every tag at every step (`emissions`). The loss, −ln P, is exact, and so are the best path
and the probabilities; what must not follow what can be forbidden.

Source: Lafferty, McCallum & Pereira 2001, Conditional random fields; on recurrent layers: Huang, Xu & Yu 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from inorder.data.batch import valid_mask
from inorder.errors import ConfigError, ShapeError
from inorder.kernels import crf as kernel
from inorder.nn.checking import check_axes, check_whole, valid_steps, zero_padding


class Allowed(NamedTuple):
    """True where a tag may follow a tag (tags, tags), from row to column; begin a sequence (tags,); end one (tags,)."""

    transitions: Tensor
    start: Tensor
    end: Tensor


def bio_rules(labels: Sequence[str]) -> Allowed:
    """What may follow what in the schemes BIO and BIOES of spans.

    labels: the name of each tag: "O", "B-PER", "I-PER", and with "E-PER" or "S-PER" among them the scheme BIOES, where spans of two or more
    end with E and single ones are S. I and E go on with a span of their own type.   Raises ConfigError for another name.

    >>> rules = bio_rules(["O", "B-PER", "I-PER"])
    >>> rules.transitions.int().tolist(), rules.start.int().tolist(), rules.end.int().tolist()
    ([[1, 1, 0], [1, 1, 1], [1, 1, 1]], [1, 1, 0], [1, 1, 1])
    """
    parts = []
    for label in labels:
        place, _, kind = label.partition("-")
        if not (label == "O" or (place in ("B", "I", "E", "S") and kind)):
            raise ConfigError(f'The label {label!r} is neither "O" nor B, I, E or S with a type, such as "B-PER".')
        parts.append((place, kind))
    closing = any(place in ("E", "S") for place, _ in parts)  # then a span is closed by E or S alone

    def opens(place: str) -> bool:
        return place in ("O", "B", "S")

    def closes(place: str) -> bool:
        return place in ("O", "E", "S") or not closing

    def may_follow(before: tuple[str, str], after: tuple[str, str]) -> bool:
        if opens(after[0]):
            return closes(before[0])
        return before[0] in ("B", "I") and before[1] == after[1]

    transitions = torch.tensor([[may_follow(before, after) for after in parts] for before in parts], dtype=torch.bool)
    return Allowed(transitions, torch.tensor([opens(place) for place, _ in parts]), torch.tensor([closes(place) for place, _ in parts]))


class CRF(nn.Module):
    """Linear-chain conditional random field.

    tags: how many there are.   allowed: what may follow, begin and end, such as `bio_rules(labels)`; None = everything. What is forbidden
    has the score −∞, so it has no probability, and no gradient.
    The parameters `transitions` (tags, tags), from row to column, `start` and `end` (tags,) begin uniform in ±0.1.

    `crf(emissions, targets, lengths)` gives the loss of each sequence in nats, summed over its steps: for training on a mean per token,
    divide the sum of all by the sum of all lengths.

    >>> crf = CRF(3, allowed=bio_rules(["O", "B-PER", "I-PER"]))
    >>> emissions = torch.tensor([[[0.0, 0.0, 9.0], [0.0, 0.0, 9.0]]], requires_grad=True)
    >>> crf.decode(emissions).tolist()                                    # I-PER may not begin
    [[1, 2]]
    >>> crf(emissions, torch.tensor([[1, 2]])).shape
    torch.Size([1])
    """

    def __init__(self, tags: int, *, allowed: Allowed | None = None) -> None:
        super().__init__()
        check_whole("a CRF", tags=tags)
        self.tags = tags
        self.transitions = nn.Parameter(torch.empty(tags, tags))
        self.start, self.end = nn.Parameter(torch.empty(tags)), nn.Parameter(torch.empty(tags))
        self.is_restricted = allowed is not None
        everything = Allowed(*(torch.ones(shape, dtype=torch.bool) for shape in ((tags, tags), tags, tags)))
        for name, rule, whole in zip(Allowed._fields, allowed or everything, everything, strict=True):
            if rule.shape != whole.shape or rule.dtype != torch.bool:
                raise ShapeError(f"`allowed.{name}` is {rule.dtype} of shape {tuple(rule.shape)}; booleans of shape {tuple(whole.shape)} were expected.")
            self.register_buffer(f"allowed_{name}", rule.clone(), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new scores, uniform in ±0.1."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)

    def forward(self, emissions: Tensor, targets: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch,) loss −ln P(targets) of each sequence, in nats; 0 for a sequence without steps.

        emissions: (batch, time, tags).   targets: (batch, time) whole numbers; any beyond the lengths.
        lengths: (batch,), 0 allowed, on any device; None = all.
        Raises ShapeError where shapes do not fit or a target is no tag, ConfigError where the targets do what is forbidden.
        """
        emissions = self._check(emissions, lengths)
        if targets.shape != emissions.shape[:2] or targets.dtype.is_floating_point:
            raise ShapeError(
                f"`targets` is {targets.dtype} of shape {tuple(targets.shape)}; whole numbers (batch, time) = {tuple(emissions.shape[:2])} were expected."
            )
        if not torch.compiler.is_compiling():
            self._check_targets(targets, lengths)
        return kernel.partition(emissions, *self._scores(), targets, lengths)

    def log_partition(self, emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch,) ln Z, the summed score of all paths."""
        return kernel.partition(self._check(emissions, lengths), *self._scores(), None, lengths)

    def marginals(self, emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, time, tags) probability of each tag at each step given the whole sequence; zero beyond the lengths."""
        return kernel.tag_marginals(self._check(emissions, lengths), *self._scores(), lengths)

    def decode(self, emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, time) the best path (Viterbi), −1 beyond the lengths."""
        return self.decode_best(emissions, 1, lengths)[0][:, 0]

    @torch.no_grad()
    def decode_best(self, emissions: Tensor, count: int, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The `count` best paths (batch, count, time), −1 beyond the lengths, and their scores (batch, count), best first; −∞ where there are fewer."""
        check_whole("the best paths", count=count)
        return kernel.best_paths(self._check(emissions, lengths), *self._scores(), count, lengths)

    def extra_repr(self) -> str:
        return f"{self.tags}" + ", allowed=…" * self.is_restricted

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """transitions, start, end, with −∞ for what is forbidden."""
        if not self.is_restricted:
            return self.transitions, self.start, self.end
        rules = (self.get_buffer(f"allowed_{name}") for name in Allowed._fields)
        transitions, start, end = (score.masked_fill(~rule, -torch.inf) for score, rule in zip((self.transitions, self.start, self.end), rules, strict=True))
        return transitions, start, end

    def _check(self, emissions: Tensor, lengths: Tensor | None) -> Tensor:
        check_axes(emissions, "batch time tags", self.tags, "emissions")
        return zero_padding(emissions, valid_steps(lengths, emissions.shape[0], emissions.shape[1]))

    def _check_targets(self, targets: Tensor, lengths: Tensor | None) -> None:
        batch, time = targets.shape
        whole = targets.new_full((batch,), time) if lengths is None else lengths.to(targets.device)
        valid = valid_mask(whole, time)
        wrong = (((targets < 0) | (targets >= self.tags)) & valid).nonzero()
        if len(wrong):
            b, t = wrong[0].tolist()
            raise ShapeError(f"`targets[{b}, {t}]` is {int(targets[b, t])}, not a tag from 0 to {self.tags - 1}.")
        if not self.is_restricted or time == 0:
            return
        tags = targets.masked_fill(~valid, 0)
        pairs = self.get_buffer("allowed_transitions")[tags[:, :-1], tags[:, 1:]] | ~valid[:, 1:]
        last = tags.gather(1, (whole.to(torch.int64) - 1).clamp(min=0)[:, None])[:, 0]
        for place, fine in (("begins with", self.get_buffer("allowed_start")[tags[:, 0]]), ("ends with", self.get_buffer("allowed_end")[last])):
            for b in (~fine & (whole > 0)).nonzero()[:1, 0].tolist():
                raise ConfigError(f"`targets[{b}]` {place} tag {int(tags[b, 0] if place == 'begins with' else last[b])}, which is forbidden.")
        for b, t in (~pairs).nonzero()[:1].tolist():
            raise ConfigError(f"`targets[{b}]` goes from tag {int(tags[b, t])} to {int(tags[b, t + 1])} at step {t + 1}, which is forbidden.")
