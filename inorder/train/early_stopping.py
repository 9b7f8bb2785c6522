"""Early stopping: end when the validation loss has not improved for a while, and go back to the weights that were best.

Source: Prechelt 1998, Early stopping - but when?
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import nn

from inorder.train.averaging import Weights, weights_of


@dataclass
class EarlyStopping:
    """patience: epochs without improvement after which to stop; None = never.   least: how much lower a loss must be to count as better.
    best_loss, best_epoch, weights: of the best epoch so far.

    >>> layer = nn.Linear(1, 1)
    >>> stopping = EarlyStopping(patience=2)
    >>> [stopping.observe(loss, epoch, layer) for epoch, loss in enumerate([1.0, 0.5, 0.6, 0.7])]
    [False, False, False, True]
    >>> stopping.best_epoch, stopping.best_loss
    (1, 0.5)
    """

    patience: int | None
    least: float = 0.0
    best_loss: float = math.inf
    best_epoch: int = 0
    weights: Weights = field(default_factory=dict, repr=False)

    def observe(self, loss: float, epoch: int, model: nn.Module) -> bool:
        """Take note of the validation loss after `epoch`; keep the weights where it is the best so far. True: stop now.   loss: NaN is worse than any."""
        loss = math.inf if math.isnan(loss) else loss
        if not self.weights or loss < self.best_loss - self.least:
            self.best_loss, self.best_epoch, self.weights = loss, epoch, weights_of(model)
        return self.patience is not None and epoch - self.best_epoch >= self.patience

    def restore(self, model: nn.Module) -> None:
        """Put the best weights back into `model`; it stays as it is where nothing was observed."""
        if self.weights:
            model.load_state_dict(self.weights)
