"""A padded batch as rows: the real steps of all sequences, one after the other.

    batch (batch, time, features)  →  rows (Σ lengths, features)  →  batch, zeros where nothing is real

What works on steps one by one, or knows where each sequence begins, spends nothing on padding this way.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from inorder.data.batch import check_lengths, valid_mask


@dataclass(frozen=True)
class Rows:
    """starts, lengths: (batch,) the first row of each sequence, and how many it has.   count: of rows.   batch, time: of the padded form.

    index: (rows,) places in the flattened batch; None where every place has its row (`valid` marks the real ones, unless all are).

    >>> x = torch.tensor([[[1.0], [2.0]], [[3.0], [9.0]]])
    >>> rows = Rows.of(x, torch.tensor([2, 1]))
    >>> rows.take(x).ravel().tolist(), rows.starts.tolist(), rows.padded(rows.take(x)).ravel().tolist()
    ([1.0, 2.0, 3.0], [0, 2], [1.0, 2.0, 3.0, 0.0])
    """

    starts: Tensor
    lengths: Tensor
    count: int
    batch: int
    time: int
    index: Tensor | None = None
    valid: Tensor | None = None

    @classmethod
    def of(cls, x: Tensor, lengths: Tensor | None) -> Rows:
        """Of a batch x (batch, time, …).   Raises ShapeError for lengths that do not fit it.

        While torch compiles or exports, the number of rows must not depend on the numbers in `lengths`, so that padding keeps its rows.
        """
        batch, time = x.shape[:2]
        every = torch.arange(batch, device=x.device) * time
        if lengths is None:
            return cls(every, torch.full((batch,), time, dtype=torch.int64, device=x.device), batch * time, batch, time)
        if torch.compiler.is_compiling():
            lengths = lengths.to(x.device, torch.int64).contiguous()
            return cls(every, lengths, batch * time, batch, time, valid=valid_mask(lengths, time))
        check_lengths(lengths, batch, time)
        lengths = lengths.to(x.device, torch.int64).contiguous()
        count = int(lengths.sum())
        if count == batch * time:
            return cls(every, lengths, count, batch, time)
        valid = valid_mask(lengths, time)
        return cls(lengths.cumsum(0) - lengths, lengths, count, batch, time, index=valid.flatten().nonzero().squeeze(1))

    @property
    def whole(self) -> bool:
        """No padding at all."""
        return self.index is None and self.valid is None

    def take(self, x: Tensor) -> Tensor:
        """(rows, features) of a batch (batch, time, features)."""
        if self.valid is not None:
            x = torch.where(self.valid[:, :, None], x, 0.0)  # what lies in the padding may be NaN, and would meet a gradient of zero
        flat = x.flatten(0, 1)
        return flat if self.index is None else flat.index_select(0, self.index)

    def padded(self, rows: Tensor) -> Tensor:
        """(batch, time, features) of (rows, features): zeros where nothing is real."""
        if self.index is not None:
            rows = rows.new_zeros(self.batch * self.time, rows.shape[1]).index_copy(0, self.index, rows)
        whole = rows.reshape(self.batch, self.time, rows.shape[1])
        return whole if self.valid is None else torch.where(self.valid[:, :, None], whole, 0.0)
