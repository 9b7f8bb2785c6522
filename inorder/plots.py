"""The pictures: a series, a forecast, a backtest, a decomposition, autocorrelations, impulse responses, residuals.

Each function returns a matplotlib Figure that belongs to no window: `figure.savefig("f.png")`, `"f.svg"` or `"f.pdf"` writes it,
and `svg(figure)` gives the text for a page. Colours are those of Okabe & Ito 2008, which colour-blind readers can tell apart;
lines also differ by dash or width, and bands by a label.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, cast

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Figure

    from inorder.data.series import Series
    from inorder.filling import Filled
    from inorder.forecast.base import Forecast
    from inorder.forecast.decomposition import Decomposition
    from inorder.forecast.detect import Detections
    from inorder.forecast.irregular import Interpolation
    from inorder.forecast.var_analysis import ImpulseResponses

INK, MUTED, BLUE, ORANGE, GREEN = "#222222", "#767676", "#0072B2", "#B35900", "#00735C"
STYLE: Any = {  # matplotlib's settings by their names
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.3,
    "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
    "svg.hashsalt": "inorder",  # the same figure gives the same file
    "axes.unicode_minus": True,
}
Drawn = ParamSpec("Drawn")
MANY = 20_000  # points of one line; a longer one is drawn by its extremes


def styled(draw: Callable[Drawn, Figure]) -> Callable[Drawn, Figure]:
    """Give a drawing function our style, whatever the caller has set."""

    @functools.wraps(draw)
    def drawn(*args: Drawn.args, **kwargs: Drawn.kwargs) -> Figure:
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def figure(rows: int = 1, columns: int = 1, *, width: float = 7.2, height: float = 2.7, left: float = 0.7, share_x: bool = False) -> tuple[Figure, list[Axes]]:
    """An empty figure in our style and its axes, row by row.

    width, height, left: inches; height is that of one row, left the room for the labels of the y axis. Margins are fixed, which
    takes half the time of matplotlib's own layout engines.
    """
    from matplotlib.figure import Figure

    total = height * rows
    fig = Figure(figsize=(width, total))
    gap = 0.12 if share_x else 0.6  # inches between rows: tick labels, and the title of the next one
    fig.subplots_adjust(left=left / width, right=1 - 0.12 / width, top=1 - 0.3 / total, bottom=0.42 / total, wspace=0.2, hspace=gap / (height - gap))
    axes = fig.subplots(rows, columns, squeeze=False, sharex=share_x).reshape(-1).tolist()
    for ax in axes:
        ax.ticklabel_format(axis="y", scilimits=(-3, 5), useOffset=False)
    return fig, axes


def svg(fig: Figure, prefix: str = "") -> str:
    """The figure as SVG text without the file's prologue, to stand in a page.   prefix: of its ids, one for each picture of the page."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'<svg (?:height="[^"]*" )?', "<svg ", text, count=1)
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", text))
    kept = {name for pair in used for name in pair if name}
    text = re.sub(r' id="([^"]+)"', lambda match: match.group(0) if match.group(1) in kept else "", text)
    for name in kept:  # a page holds several pictures, and an id may stand in it once
        text = text.replace(f'"{name}"', f'"{prefix}{name}"').replace(f"#{name})", f"#{prefix}{name})").replace(f'"#{name}"', f'"#{prefix}{name}"')
    return text


@styled
def plot_series(series: Series, which: int | str | None = None) -> Figure:
    """Every series of a panel (at most six) above one another, or the one that is asked for."""
    shown = [series.position(which)] if which is not None else list(range(min(len(series), 6)))
    fig, axes = figure(len(shown), height=2.6 if len(shown) == 1 else 1.6)
    for ax, i in zip(axes, shown, strict=True):
        ax.plot(*_thin(_x(series.stamps(i)), series.y(i)), color=INK)
        ax.set_title(_short(series.ids[i]))
    if which is None and len(series) > len(shown):
        axes[-1].set_xlabel(f"the first {len(shown)} of {len(series)} series")
    return fig


@styled
def plot_forecast(
    forecast: Forecast, which: int | str = 0, history: int | None = None, *, truth: np.ndarray[Any, Any] | None = None, ax: Axes | None = None
) -> Figure:
    """The last part of the history, the forecast and its intervals.

    history: rows of it to show; None = four horizons, 60 at least.   truth: (horizon,) what came, if it is known.
    """
    series = forecast.history
    i = series.position(which)
    keep = history or max(60, 4 * forecast.horizon)
    y, x = series.y(i)[-keep:], _x(series.stamps(i))[-keep:]
    mean, ahead = np.atleast_2d(forecast.mean)[i], _x(np.atleast_2d(forecast.index)[i])
    if ax is None:
        fig, (ax,) = figure()
    else:
        fig = cast("Figure", ax.figure)
    ax.plot(x, y, color=INK, label="history")
    for k, level in enumerate(sorted(forecast.levels, reverse=True)):
        lower, upper = np.atleast_2d(forecast.lower[level])[i], np.atleast_2d(forecast.upper[level])[i]
        ax.fill_between(ahead, lower, upper, color=BLUE, alpha=0.16 + 0.12 * k, linewidth=0, label=f"{100 * level:.12g} % interval")
    marker = "o" if forecast.horizon == 1 else None
    ax.plot(ahead, mean, color=BLUE, linewidth=1.8, marker=marker, markersize=4, label="forecast")
    if truth is not None:
        ax.plot(ahead, truth, color=ORANGE, linestyle=(0, (4, 2)), marker=marker, markersize=4, label="what came")
    ax.set_title(_short(series.ids[i]))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, borderaxespad=0.2, handlelength=1.6, columnspacing=1.2)
    return fig


@styled
def plot_interpolation(found: Interpolation) -> Figure:
    """The observations, and what a model says of the series at the times that were asked for, with its bands."""
    order = np.argsort(found.index, kind="stable")
    at = _x(found.index[order])
    fig, (ax,) = figure()
    for k, level in enumerate(sorted(found.lower, reverse=True)):
        lower, upper = found.lower[level][order], found.upper[level][order]
        ax.fill_between(at, lower, upper, color=BLUE, alpha=0.16 + 0.12 * k, linewidth=0, label=f"{100 * level:.12g} % band")
    ax.plot(at, found.mean[order], color=BLUE, label="model")
    ax.plot(_x(found.history.stamps()), found.history.y(), color=INK, marker="o", markersize=2.5, linestyle="none", label="observed")
    ax.set_title(_short(found.history.ids[0]))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, borderaxespad=0.2, handlelength=1.6, columnspacing=1.2)
    return fig


@styled
def plot_filled(found: Filled, which: int | str = 0) -> Figure:
    """What was observed, and the values that were filled in with their bands."""
    i = found.series.position(which)
    rows = slice(int(found.series.offsets[i]), int(found.series.offsets[i + 1]))
    x, y, gap = _x(found.series.stamps(i)), found.series.y(i), found.filled[rows]
    fig, (ax,) = figure()
    ax.plot(x, np.where(gap, np.nan, y), color=INK, label="observed")
    for k, level in enumerate(sorted(found.lower, reverse=True)):
        bounds = [np.where(gap, bound[level][rows], np.nan) for bound in (found.lower, found.upper)]
        spread = np.abs(np.stack(bounds) - y)
        ax.errorbar(x, np.where(gap, y, np.nan), yerr=spread, fmt="none", ecolor=BLUE, alpha=0.35 + 0.3 * k, label=f"{100 * level:.12g} % band")
    ax.plot(x, np.where(gap, y, np.nan), color=BLUE, marker="o", markersize=2.5, linestyle="none", label="filled")
    ax.set_title(_short(found.series.ids[i]))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, borderaxespad=0.2, handlelength=1.6, columnspacing=1.2)
    return fig


@styled
def plot_folds(folds: Sequence[tuple[str, Forecast, np.ndarray[Any, Any]]], which: int = 0) -> Figure:
    """Rolling-origin forecasts beside what came.   folds: (title, forecast, truth (series, horizon)) from the earliest origin to the latest."""
    fig, axes = figure(len(folds), height=1.9)
    for ax, (title, forecast, truth) in zip(axes, folds, strict=True):
        plot_forecast(forecast, which, 3 * forecast.horizon, truth=truth[which], ax=ax)
        ax.set_title(title)
        legend = ax.get_legend()
        if ax is not axes[0] and legend is not None:
            legend.remove()
    return fig


@styled
def plot_decomposition(parts: Decomposition, index: Any, y: Any, *, season: bool = True) -> Figure:
    """The series, its trend, its seasons (if there are any) and what remains, under one another."""
    seasons = [(f"season {m}", part) for m, part in parts.seasonals.items()] if len(parts.seasonals) > 1 else [("season", parts.seasonal)]
    rows = [("series", y), ("trend", parts.trend), *(seasons if season else []), ("remainder", parts.remainder)]
    fig, axes = figure(len(rows), height=1.25, left=1.0, share_x=True)
    for ax, (name, values) in zip(axes, rows, strict=True):
        ax.plot(*_thin(_x(index), values), color=INK if name == "series" else BLUE)
        ax.set_ylabel(name)
    return fig


@styled
def plot_components(index: Any, y: Any, mean: Mapping[str, Any], bands: Mapping[str, Sequence[tuple[Any, Any]]]) -> Figure:
    """The series with its level, and every other part under it.   mean: name -> (time,).   bands: name -> (lower, upper) for each level, wider later."""
    fig, axes = figure(len(mean), height=1.4, left=1.0, share_x=True)
    for ax, (name, values) in zip(axes, mean.items(), strict=True):
        if name == "level":
            ax.plot(*_thin(_x(index), y), color=INK, linewidth=0.9)
        ax.plot(*_thin(_x(index), values), color=BLUE)
        for lower, upper in bands[name]:
            ax.fill_between(_x(index), lower, upper, color=BLUE, alpha=0.18, linewidth=0)
        ax.set_ylabel(name)
    return fig


@styled
def plot_correlations(panels: Mapping[str, np.ndarray[Any, Any]], count: int) -> Figure:
    """Autocorrelations by lag with the band ±1.96/√n of white noise.   panels: title -> (lags + 1,) values, lag 0 first; count: n."""
    fig, axes = figure(1, len(panels), height=2.3)
    band = 1.96 / np.sqrt(max(count, 1))
    for ax, (title, values) in zip(axes, panels.items(), strict=True):
        lags = np.arange(1, len(values))
        ax.axhspan(-band, band, color=BLUE, alpha=0.15, linewidth=0)
        ax.axhline(0, color=MUTED, linewidth=0.8)
        ax.vlines(lags, 0, values[1:], color=INK, linewidth=1.4)
        ax.set_title(title)
        ax.set_xlabel("lag")
        ax.set_ylim(min(-0.35, 1.1 * float(np.min(values[1:], initial=0))), 1.05)
    return fig


@styled
def plot_impulses(responses: ImpulseResponses, impulses: Sequence[int], answers: Sequence[int]) -> Figure:
    """Impulse responses with their confidence bands: a column for each shock, a row for each channel that answers.   impulses, answers: positions."""
    fig, axes = figure(len(answers), len(impulses), height=1.5, width=max(7.2, 2.2 * len(impulses)))
    steps = np.arange(len(responses.values))
    for ax, (j, k) in zip(axes, [(j, k) for j in answers for k in impulses], strict=True):
        ax.axhline(0, color=MUTED, linewidth=0.8)
        for shade, level in enumerate(sorted(responses.lower, reverse=True)):
            lower, upper = responses.lower[level][:, j, k], responses.upper[level][:, j, k]
            ax.fill_between(steps, lower, upper, color=BLUE, alpha=0.16 + 0.12 * shade, linewidth=0, label=f"{100 * level:.12g} % band")
        ax.plot(steps, responses.values[:, j, k], color=BLUE, linewidth=1.6, label="response")
        ax.set_title(f"{_short(responses.ids[k])} → {_short(responses.ids[j])}", fontsize=8)
        ax.tick_params(labelsize=7)
    for ax in axes[len(axes) - len(impulses) :]:
        ax.set_xlabel("steps after the shock")
    if responses.lower:
        axes[0].legend(loc="best", fontsize=7)
    return fig


@styled
def plot_residuals(index: Any, residuals: Any, correlations: np.ndarray[Any, Any]) -> Figure:
    """One-step errors over time, their autocorrelations, and their distribution beside a normal one."""
    known = residuals[~np.isnan(residuals)]
    fig, (over_time, unused, by_lag, spread) = figure(2, 2, height=2.1)
    unused.remove()
    grid = over_time.get_gridspec()
    assert grid is not None, "axes of a figure's grid"
    over_time.set_subplotspec(grid[0, :])
    over_time.axhline(0, color=MUTED, linewidth=0.8)
    over_time.plot(*_thin(_x(index), residuals), color=INK, linewidth=0.9)
    over_time.set_title("one-step errors")
    band = 1.96 / np.sqrt(max(len(known), 1))
    by_lag.axhspan(-band, band, color=BLUE, alpha=0.15, linewidth=0)
    by_lag.axhline(0, color=MUTED, linewidth=0.8)
    by_lag.vlines(np.arange(1, len(correlations)), 0, correlations[1:], color=INK, linewidth=1.4)
    by_lag.set_title("autocorrelation of the errors")
    by_lag.set_xlabel("lag")
    spread.hist(known, bins=min(40, max(8, int(np.sqrt(len(known))))), density=True, color=BLUE, alpha=0.35)
    deviation = float(known.std()) if len(known) else 0.0
    if deviation > 0:
        grid_x = np.linspace(known.min(), known.max(), 200)
        spread.plot(
            grid_x, np.exp(-0.5 * ((grid_x - known.mean()) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi)), color=INK, linestyle="--", label="normal"
        )
        spread.legend(loc="upper right")
    spread.set_title("distribution of the errors")
    return fig


@styled
def plot_detections(found: Detections, which: int | str = 0, windows: Sequence[tuple[int, int]] = ()) -> Figure:
    """The series with the band that single errors seldom leave, its alarms, and the scores below.   windows: (first, last) rows to shade."""
    i = found.rows.position(which)
    at = found.part(i)
    x, y, score, raised = _x(found.rows.stamps(i)), found.rows.y(i), found.score[at], found.is_anomaly[at]
    fig, (above, below) = figure(2, height=1.7, share_x=True)
    for ax in (above, below):
        for k, (first, last) in enumerate(windows):
            ax.axvspan(x[first], x[last], color=GREEN, alpha=0.14, linewidth=0, label="labelled" if k == 0 and ax is above else None)
    known = np.isfinite(found.lower[at]) & np.isfinite(found.upper[at])
    if known.any():
        stretch = max(1, len(x) // (MANY // 4))
        places = np.flatnonzero(known)[::stretch]
        above.fill_between(x[places], found.lower[at][places], found.upper[at][places], color=BLUE, alpha=0.25, linewidth=0, label="expected")
    above.plot(*_thin(x, y), color=INK, linewidth=0.9)
    above.plot(x[raised], y[raised], "o", color=ORANGE, markersize=5, label="alarm")
    if np.isfinite(y).any() and known.any():  # one wild bound must not flatten the series
        low, high = float(np.nanmin(y)), float(np.nanmax(y))
        room = 0.15 * (high - low or abs(high) or 1.0)
        above.set_ylim(low - room, high + room)
    above.set_title(_short(found.rows.ids[i]))
    above.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2)
    shown = np.flatnonzero(np.nan_to_num(score) > 0)
    below.vlines(x[shown], 0, score[shown], color=MUTED, linewidth=0.8)
    below.vlines(x[raised], 0, score[raised], color=ORANGE, linewidth=1.6)
    below.set_ylabel("score")
    below.set_ylim(bottom=0)
    return fig


@styled
def plot_calibration(shares: Mapping[float, float]) -> Figure:
    """How often the truth lay inside each interval, against how often it was promised: right is the diagonal.   shares: level -> share that came inside."""
    levels = sorted(shares)
    fig, (ax,) = figure(width=3.6, height=3.2)
    ax.plot([0, 100], [0, 100], color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)), label="as promised")
    ax.plot([100 * level for level in levels], [100 * shares[level] for level in levels], color=BLUE, marker="o", markersize=3.5, label="what came")
    ax.set_xlim(0, 100)
    ax.set_ylim(0, 100)
    ax.set_xlabel("interval, %")
    ax.set_ylabel("inside, %")
    ax.legend(loc="upper left")
    return fig


@styled
def plot_leaderboard(table: Sequence[Mapping[str, Any]], metric: str) -> Figure:
    """One bar a model: its score on the test part; models without a score are left out."""
    rows = [row for row in table if row["error"] is None and row[metric] is not None][::-1]
    fig, (ax,) = figure(height=0.8 + 0.24 * len(rows), left=1.9)
    scores = [row[metric] for row in rows]
    bars = ax.barh([row["model"] for row in rows], scores, color=[BLUE if row is rows[-1] else "#BBBBBB" for row in rows])
    ax.bar_label(bars, labels=[f"{score:.3g}" for score in scores], padding=3, fontsize=8)
    ax.set_xlabel(f"{metric} on the test part, lower is better; models in the order of their selection score")
    ax.grid(axis="y", visible=False)
    return fig


def _short(name: str) -> str:
    """A title that leaves room for the legend beside it."""
    return name if len(name) <= 24 else f"{name[:23]}…"


def _x(index: Any) -> Any:
    return index.astype("datetime64[s]") if index.dtype.kind == "M" else index


def _thin(x: Any, y: Any) -> tuple[Any, Any]:
    """At most MANY points: the smallest and largest value of each stretch, in their order."""
    if len(y) <= MANY:
        return x, y
    stretch = -(-len(y) // (MANY // 2))
    full = len(y) // stretch * stretch
    block = np.where(np.isnan(y[:full]), np.inf, y[:full]).reshape(-1, stretch)
    low = block.argmin(axis=1)
    high = np.where(np.isinf(block), -np.inf, block).argmax(axis=1)
    places = np.sort(np.stack([low, high], axis=1), axis=1) + np.arange(len(block))[:, None] * stretch
    places = np.concatenate([np.unique(places), np.arange(full, len(y))])
    return x[places], y[places]
