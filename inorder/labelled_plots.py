"""Pictures of labelled sequences: examples of each class, single examples, calibration, numbers against their truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inorder.plots import BLUE, GREEN, INK, MUTED, ORANGE, figure, styled
from inorder.typing import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE, GREEN, INK, MUTED)
MOST_CHANNELS = 5  # of one picture


@styled
def plot_examples(groups: Sequence[tuple[str, Sequence[Floats]]]) -> Figure:
    """A row of the picture for each group: its sequences above one another, a colour a channel.   groups: (title, sequences (time, channels))."""
    fig, axes = figure(len(groups), height=1.7)
    for ax, (title, sequences) in zip(axes, groups, strict=True):
        for one in sequences:
            _draw(ax, one, alpha=max(0.35, 1 / max(len(sequences), 1)))
        ax.set_title(title)
    return fig


@styled
def plot_singles(examples: Sequence[tuple[str, Floats]]) -> Figure:
    """Single sequences, two in a row.   examples: (title, (time, channels))."""
    fig, axes = figure(-(-len(examples) // 2), min(2, len(examples)), height=1.8)
    for ax, (title, one) in zip(axes, examples, strict=False):
        _draw(ax, one, alpha=1.0)
        ax.set_title(title, fontsize=8)
    for ax in axes[len(examples) :]:
        ax.set_axis_off()
    return fig


def _draw(ax: Axes, one: Floats, alpha: float) -> None:
    for c in range(min(one.shape[1], MOST_CHANNELS)):
        ax.plot(one[:, c], color=COLOURS[c % len(COLOURS)], alpha=alpha, linewidth=1)


@styled
def plot_calibration(confidence: Floats, right: Floats, count: NDArray[np.int64]) -> Figure:
    """How often the model was right beside how sure it was, in each bin that has examples; the diagonal is perfect."""
    fig, (ax,) = figure(width=4.2, height=3.2)
    used = count > 0
    ax.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=1)
    ax.scatter(confidence[used], right[used], s=12 + 120 * count[used] / max(count.max(), 1), color=BLUE, zorder=3)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability that was said", ylabel="share that was right")
    return fig


@styled
def plot_numbers(truth: Any, said: Any) -> Figure:
    """Predicted numbers against the true ones; the diagonal is perfect."""
    fig, (ax,) = figure(width=4.2, height=3.2)
    low, high = min(np.min(truth), np.min(said)), max(np.max(truth), np.max(said))
    ax.plot([low, high], [low, high], color=MUTED, linestyle="--", linewidth=1)
    ax.scatter(truth, said, s=10, color=BLUE)
    ax.set(xlabel="true", ylabel="predicted")
    return fig
