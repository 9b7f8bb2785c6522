"""How accurate `auto` is on the M3 and M4 competitions, and whether its intervals cover what they promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.case import Case, require, timed
from benchmarks.data import FORECASTING, Floats, m4
from benchmarks.naive2 import panel_of

if TYPE_CHECKING:
    from inorder import Forecast

LEVELS = (0.8, 0.95)
SLACK = 0.03  # of empirical coverage
M3 = {"yearly": 1, "quarterly": 4, "monthly": 12, "other": 1}
OUR_SEASON = {"weekly": 52, "hourly": 24}  # that the model is told
SCORED_SEASON = {"weekly": 1, "hourly": 24}  # that MASE and Naive2 use in the competition


@dataclass(frozen=True)
class Group:
    """Series of one frequency.   season: that the model is told.   scored: that the scores use.   truth: (series, horizon)."""

    name: str
    training: list[Floats]
    truth: Floats
    season: int
    scored: int

    def forecast(self) -> Forecast:
        from inorder import Auto

        return Auto().fit(panel_of(self.training, self.season), workers=1).predict(self.truth.shape[1], LEVELS)


def m3_odd(quick: bool) -> list[Case]:
    """Auto on the odd half of M3, 1,502 series; Theta, the winner of M3, had a sMAPE of 13.03 and a MASE of 1.379 on them."""
    groups = [thinned(group, quick) for group in m3_groups()]
    return [case("M3, odd half", groups, {"sMAPE": 12.8, "MASE": 1.36}, quick)]


def m4_weekly(quick: bool) -> list[Case]:
    """Auto on all of M4 Weekly, season 52; ES-RNN, the winner of M4, had an OWA of .851, the best method .739."""
    return [case("M4 Weekly", [thinned(m4_group("weekly"), quick)], {"OWA": 0.80}, quick)]


def m4_hourly(quick: bool) -> list[Case]:
    """Auto on all of M4 Hourly, seasons 24 and 168; ES-RNN, the winner of M4, had an OWA of .440, the best method .410."""
    return [case("M4 Hourly", [thinned(m4_group("hourly"), quick)], {"OWA": 0.60}, quick)]


def case(name: str, groups: Sequence[Group], limits: dict[str, float], quick: bool) -> Case:
    def check() -> dict[str, Any]:
        found = scores(groups)
        missed = [f"{score} is {found[score]:.4g}, not below {limit}" for score, limit in limits.items() if not found[score] < limit]
        missed += [
            f"{found[f'coverage {level:g}']:.3f} of the truths lie in the {level:.0%} intervals"
            for level in LEVELS
            if abs(found[f"coverage {level:g}"] - level) > SLACK
        ]
        require(quick or not missed, "; ".join(missed) + ".")
        return {score: f"{value:.4g}" for score, value in found.items()}

    gate = ", ".join([f"{score} < {limit}" for score, limit in limits.items()] + [f"coverage of {level:.0%} within 3 points" for level in LEVELS])
    sizes = {"series": sum(len(group.training) for group in groups), "rows": sum(map(len, (y for group in groups for y in group.training)))}
    return Case(name, sizes, {"inorder.Auto": timed(lambda: [group.forecast() for group in groups])}, check, (), 1, gate="" if quick else gate)


def scores(groups: Sequence[Group]) -> dict[str, float]:
    """sMAPE, MASE and coverage as means over all series, OWA where there is one group; the scores of each group too."""
    from inorder import Naive2
    from inorder.metrics.forecast import coverage, mase, owa, smape

    total: dict[str, float] = {}
    parts: dict[str, float] = {}
    every = sum(len(group.training) for group in groups)
    for group in groups:
        made = group.forecast()
        own = {"sMAPE": smape(group.truth, made.mean), "MASE": mase(group.truth, made.mean, group.training, group.scored)}
        covered = {f"coverage {level:g}": coverage(group.truth, made.lower[level], made.upper[level], level) for level in LEVELS}
        for score, value in {**own, **covered}.items():
            total[score] = total.get(score, 0.0) + value.value * len(group.training) / every
            parts[f"{group.name} {score}"] = value.value
        if len(groups) == 1:
            rival = Naive2().fit(panel_of(group.training, group.scored)).predict(group.truth.shape[1], ()).mean
            total["OWA"] = owa(*own.values(), smape(group.truth, rival), mase(group.truth, rival, group.training, group.scored)).value
    return {**total, **parts} if len(groups) > 1 else total


def thinned(group: Group, quick: bool) -> Group:
    """Every 60th series only, for a quick run."""
    if not quick:
        return group
    return Group(group.name, group.training[::60], group.truth[::60], group.season, group.scored)


def m4_group(frequency: str) -> Group:
    training, truth = m4(frequency)
    return Group(frequency, training, truth, OUR_SEASON[frequency], SCORED_SEASON[frequency])


def m3_groups() -> list[Group]:
    """The series with odd numbers of the M3 competition.   Raises FileNotFoundError where the file is not beside the checkout."""
    import polars as pl

    path = FORECASTING / "m3_odd.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"../shared/data/forecasting/{path.name} is not beside this checkout")
    frame = pl.read_parquet(path).with_columns(pl.col("unique_id", "split").cast(str)).sort("unique_id", "ds", maintain_order=True)
    parts = {key: group["y"].to_numpy() for key, group in frame.group_by(["unique_id", "split"], maintain_order=True)}
    about = pl.read_csv(FORECASTING / "m3_odd_series.csv", infer_schema_length=None)
    groups = []
    for frequency, season in M3.items():
        names = about.filter(pl.col("frequency") == frequency)["unique_id"].to_list()
        groups.append(Group(frequency, [parts[name, "train"] for name in names], np.stack([parts[name, "test"] for name in names]), season, season))
    return groups
