"""A loss as a sum and the count of targets that it is a sum over.

    mean = Σ total / Σ count

Sums add up over batches, workers and pieces of a batch; means do not, where the counts differ. So losses return sums, and who
trains divides once, at the end: padding, accumulation and the number of processes change nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Sum(NamedTuple):
    """total: () the summed loss, with its gradient.   count: () how many targets it is summed over.

    >>> import torch
    >>> float(Sum(torch.tensor(6.0), torch.tensor(3)).mean), float(Sum(torch.tensor(0.0), torch.tensor(0)).mean)
    (2.0, 0.0)
    """

    total: Tensor
    count: Tensor  # type: ignore[assignment]  # a tuple has a method of this name, which nobody needs here

    @property
    def mean(self) -> Tensor:
        """The mean per target; 0, with gradient 0, where there are none."""
        return self.total / self.count.clamp(min=1)
