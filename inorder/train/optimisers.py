"""The optimiser of a run: AdamW or SGD, over weights that decay and weights that do not.

    AdamW   m ← β₁m + (1 − β₁)g      v ← β₂v + (1 − β₂)g²      w ← w − rate · (m̂ / (√v̂ + ε) + decay · w)
    SGD     b ← momentum · b + g                               w ← w − rate · b,      g with decay · w added
            nesterov: w ← w − rate · (g + momentum · b)

Decay pulls weights towards zero. A bias or the scale of a normalisation has no reason to be near zero, so it may be left out.

Sources: AdamW: Loshchilov & Hutter 2019, algorithm 2; momentum: Sutskever, Martens, Dahl & Hinton 2013.
"""

from __future__ import annotations

import torch
from torch import nn

from inorder.train.settings import Training


def build_optimiser(model: nn.Module, training: Training) -> torch.optim.Optimizer:
    """The optimiser for the parameters of `model` that take gradients.

    >>> groups = build_optimiser(nn.Linear(2, 1), Training(decay_all=False)).param_groups
    >>> [(tuple(group["params"][0].shape), group["weight_decay"]) for group in groups]
    [((1, 2), 0.01), ((1,), 0.0)]
    """
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    groups = [{"params": trained, "weight_decay": training.weight_decay}]
    if not training.decay_all:
        few = [weights for weights in trained if weights.ndim < 2]
        groups = [
            {"params": [weights for weights in trained if weights.ndim >= 2], "weight_decay": training.weight_decay},
            {"params": few, "weight_decay": 0.0},
        ]
    if training.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=training.learning_rate, momentum=training.momentum, nesterov=training.nesterov)
    return torch.optim.AdamW(groups, lr=training.learning_rate, betas=training.betas)
