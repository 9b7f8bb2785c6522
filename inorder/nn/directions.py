"""A layer that runs over a sequence in one direction or in both, and how the two outputs become one.

    "concatenate"  [forwards, backwards]        "sum"  forwards + backwards        "average"  half of that

Source: Schuster & Paliwal 1997.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from inorder.errors import ConfigError

JOINED = ("concatenate", "sum", "average")


def how_joined(bidirectional: bool | str) -> str | None:
    """How two directions are joined, None for one.   bidirectional: False, True ("concatenate") or one of JOINED; ConfigError for anything else.

    >>> how_joined(True), how_joined("sum"), how_joined(False)
    ('concatenate', 'sum', None)
    """
    if not isinstance(bidirectional, bool) and bidirectional not in JOINED:
        raise ConfigError(f"`bidirectional` is True, False or how directions are joined: {', '.join(JOINED)}; not {bidirectional!r}.")
    return "concatenate" if bidirectional is True else bidirectional or None


def joined(outputs: Sequence[Tensor], how: str | None) -> Tensor:
    """The outputs (…, hidden) of one direction or two as one.

    >>> joined([torch.ones(1, 2), 3 * torch.ones(1, 2)], "average").tolist()
    [[2.0, 2.0]]
    """
    if how is None:
        return outputs[0]
    if how == "concatenate":
        return torch.cat(list(outputs), dim=-1)
    total = outputs[0] + outputs[1]
    return total / 2 if how == "average" else total
