"""Batch normalisation of sequences of unequal length: mean and variance over the real steps of the batch, never over padding.

    y[b, t, c] = gain[c] · (x[b, t, c] − mean[c]) / √(variance[c] + ε) + shift[c]         in training: of all real (b, t) of the batch;
                                                                                          otherwise: running means of what training saw

Source: Ioffe & Szegedy 2015, algorithms 1 and 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.nn.checking import check_axes, valid_steps


class BatchNorm(nn.BatchNorm1d):
    """As `torch.nn.BatchNorm1d`, whose state dicts it loads, for (batch, time, channels) with lengths; outputs beyond the lengths are zero.

    A batch with fewer than two real steps has no variance, and is normalised by the running one.

    >>> layer = BatchNorm(2)
    >>> x = torch.tensor([[[1.0, 5.0], [3.0, 7.0], [99.0, 99.0]]])
    >>> layer(x, torch.tensor([2]))[0].round(decimals=2).tolist()
    [[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]]
    """

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """x: (batch, time, channels).   lengths: (batch,) real steps of each sequence; None = all."""
        check_axes(x, "batch time channels", self.num_features)
        valid = valid_steps(lengths, x.shape[0], x.shape[1])
        if valid is None:
            return self._rows(x.flatten(0, 1)).reshape(x.shape)
        real = valid[:, :, 0]
        return torch.zeros_like(x).masked_scatter(valid, self._rows(x[real]))

    def _rows(self, rows: Tensor) -> Tensor:
        """rows: (steps, channels)."""
        if self.training and len(rows) < 2:
            return functional.batch_norm(rows, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(rows)
