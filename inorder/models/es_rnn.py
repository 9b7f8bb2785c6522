"""The hybrid of exponential smoothing and a dilated LSTM (ES-RNN), the winner of the M4 competition.

    ℓ[t]   = ℓ[t−1] + α·(x[t] − s[t] − ℓ[t−1])                  level         α, γ and the first season: of each series,
    s[t+m] = s[t] + γ·(x[t] − s[t] − ℓ[t])                      season        learnt together with the network
    d[t]   = (x[t−k] − s[t−k] − ℓ[t])  for k = 0 … m − 1        what the network sees of the last season
    x̂[t+h] = ℓ[t] + s[t+h] + network(d[1], …, d[t])[h]

The network, shared by all series, is a stack of LSTM layers of which one with dilation k takes its state from k steps before. The sums above are
those of the additive method; where values are in logarithms, as in the paper, they are the products of the multiplicative one. The smoothing starts
anew in each window, from the mean of its first season, so that a forecast depends on the window alone. A missing value moves neither level nor season.
The effect of future covariates, a weighted sum of them, is taken off x before it is smoothed and put back on the forecast.

Sources: Smyl 2020, A hybrid method of exponential smoothing and recurrent neural networks for time series forecasting, §3; dilated layers: Chang et
al. 2017, Dilated recurrent neural networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.models.window import Sizes, Window
from inorder.nn.recurrent import LSTM

PACE = 10.0  # the numbers of each series are met in few batches, so they move faster than the weights of the network
START = -1.0  # of the logits of α and γ: 0.27


class Smoothed(NamedTuple):
    """level: (batch, time) ℓ.   season: (batch, time + m) s, of which the last m lie ahead."""

    level: Tensor
    season: Tensor


def smooth(x: Tensor, known: Tensor, alpha: Tensor, gamma: Tensor, season: Tensor) -> Smoothed:
    """Level and season along windows, for all series at once; step by step only in the level.

    x, known: (batch, time), known 1 or 0.   alpha, gamma: (batch,).   season: (batch, m) of the first m steps.

    >>> x = torch.tensor([[1.0, 3.0, 1.0, 3.0]])
    >>> smoothed = smooth(x, torch.ones(1, 4), torch.tensor([0.5]), torch.tensor([0.5]), torch.tensor([[-1.0, 1.0]]))
    >>> smoothed.level.tolist(), smoothed.season.tolist()
    ([[2.0, 2.0, 2.0, 2.0]], [[-1.0, 1.0, -1.0, 1.0, -1.0, 1.0]])
    """
    m, time = season.shape[1], x.shape[1]
    weight = alpha[:, None] * known
    level = mean_of_known(x[:, :m] - season[:, :time], known[:, :m])
    levels, seasons = [], [season]
    for begin in range(0, time, m):  # the season of a whole block is known before it begins
        block = slice(begin, min(begin + m, time))
        now = seasons[-1][:, : block.stop - begin]
        for d, w in zip((x[:, block] - now).unbind(1), weight[:, block].unbind(1), strict=True):
            level = torch.lerp(level, d, w)
            levels.append(level)
        surprise = x[:, block] - now - torch.stack(levels[begin:], dim=1)
        seasons.append(now + gamma[:, None] * known[:, block] * surprise)
    return Smoothed(torch.stack(levels, dim=1), torch.cat(seasons, dim=1))


def mean_of_known(x: Tensor, known: Tensor) -> Tensor:
    """(batch,) the mean of the known values; 0 where there are none."""
    return torch.as_tensor((x * known).sum(dim=1) / known.sum(dim=1).clamp(min=1))


class DilatedLSTM(nn.Module):
    """Layers of which one with dilation k is k LSTMs side by side, each over every k-th step; groups of layers are bridged by their input.

        h[t], c[t] = lstm(x[t], h[t−k], c[t−k])

    inputs, hidden: features per step and units per layer.   dilations: of each layer, in groups.

    >>> layer = DilatedLSTM(3, 5, dilations=((1, 2), (4,)))
    >>> tuple(layer(torch.ones(2, 7, 3)).shape)
    (2, 7, 5)
    """

    def __init__(self, inputs: int, hidden: int, dilations: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.dilations = tuple(tuple(group) for group in dilations)
        count = sum(len(group) for group in self.dilations)
        self.layers = nn.ModuleList(LSTM(inputs if k == 0 else hidden, hidden) for k in range(count))

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, time, inputs).   Returns (batch, time, hidden)."""
        layers = iter(self.layers)
        for number, group in enumerate(self.dilations):
            before = x
            for dilation in group:
                x = dilated(next(layers), x, dilation)
            x = x + before if number else x
        return x


def dilated(layer: nn.Module, x: Tensor, dilation: int) -> Tensor:
    """`layer` over every `dilation`-th step, from each of the first ones on.   x: (batch, time, features)."""
    batch, time, features = x.shape
    dilation = min(dilation, time)
    turns = -(-time // dilation)
    padded = functional.pad(x, (0, 0, 0, turns * dilation - time))
    apart = padded.reshape(batch, turns, dilation, features).transpose(1, 2).reshape(batch * dilation, turns, features)
    output: Tensor = layer(apart)[0]
    return output.reshape(batch, dilation, turns, -1).transpose(1, 2).reshape(batch, turns * dilation, -1)[:, :time]


class ESRNN(nn.Module):
    """Exponential smoothing with coefficients of each series, and a dilated LSTM for what it leaves.

    hidden, dilations: of the LSTM.

    >>> network = ESRNN(Sizes(window=12, horizon=3, series=2, season=4), hidden=8, dilations=((1, 2), (4,)))
    >>> tuple(network.alpha.shape), tuple(network.season.shape)
    ((2,), (2, 4))
    """

    def __init__(self, sizes: Sizes, hidden: int = 40, dilations: Sequence[Sequence[int]] = ((1, 3), (6, 12))) -> None:
        super().__init__()
        self.sizes = sizes
        self.alpha = nn.Parameter(torch.full((sizes.series,), START / PACE))
        self.gamma = nn.Parameter(torch.full((sizes.series,), START / PACE))
        self.season = nn.Parameter(torch.zeros(sizes.series, sizes.season))
        self.seen = max(sizes.season, 4)  # steps
        self.lstm = DilatedLSTM(2 * self.seen + sizes.covariates + sizes.static, hidden, dilations)
        self.mix = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, sizes.horizon * sizes.outputs)
        self.effect = nn.Parameter(torch.zeros(sizes.ahead))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, window: Window) -> Tensor:
        """(batch, horizon, outputs) after the last step."""
        smoothed, effect, hidden = self._run(window)
        time = window.values.shape[1]
        base = smoothed.level[:, -1:] + smoothed.season[:, self._ahead(torch.tensor([time - 1]))[0]] + effect[:, time:]
        return base[:, :, None] + self._head(hidden[:, -1])

    def along(self, window: Window) -> Tensor:
        """(batch, time, horizon, outputs) after every step: more to learn from in each window."""
        smoothed, effect, hidden = self._run(window)
        season = smoothed.season[:, self._ahead(torch.arange(window.values.shape[1]))]
        base = smoothed.level[:, :, None] + season + effect.unfold(1, self.sizes.horizon, 1)[:, 1:]
        return base[..., None] + self._head(hidden)

    def _run(self, window: Window) -> tuple[Smoothed, Tensor, Tensor]:
        """Level and season, (batch, time + horizon) the effect of the future covariates, and (batch, time, hidden)."""
        m, time = self.sizes.season, window.values.shape[1]
        effect = torch.cat([window.covariates[:, :, self.sizes.covariates - self.sizes.ahead :], window.ahead], dim=1) @ self.effect
        places = (window.phase[:, None] + 1 - time + torch.arange(m)) % m
        alpha, gamma = (torch.sigmoid(PACE * logits[window.series]) for logits in (self.alpha, self.gamma))
        x = window.values - effect[:, :time]
        smoothed = smooth(x, window.known, alpha, gamma, (PACE * self.season[window.series]).gather(1, places))
        recent = functional.pad(x - smoothed.season[:, :time], (self.seen - 1, 0)).unfold(1, self.seen, 1) - smoothed.level[:, :, None]
        known = functional.pad(window.known, (self.seen - 1, 0)).unfold(1, self.seen, 1)
        static = window.static[:, None].expand(-1, time, -1)
        return smoothed, effect, self.lstm(torch.cat([recent * known, 1 - known, window.covariates, static], dim=2))

    def _head(self, hidden: Tensor) -> Tensor:
        answer: Tensor = self.head(torch.tanh(self.mix(hidden)))
        return answer.reshape(*hidden.shape[:-1], self.sizes.horizon, self.sizes.outputs)

    def _ahead(self, steps: Tensor) -> Tensor:
        """(steps, horizon) where the season of each step ahead stands: that of the last time around."""
        return steps[:, None] + 1 + torch.arange(self.sizes.horizon) % self.sizes.season
