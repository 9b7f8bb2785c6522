"""From one-step errors to alarms: how surprising is an error, and how surprising must it be for one alarm in so many rows?

Three things are watched in the errors e[t] = y[t] − ŷ[t] of a forecaster, with a window of about 30 rows for the slow two:

    size   |e[t]|                                   a sudden change
    drift  |d[t]|,  d ← d + w·(e[t] − d)            a slow one: errors of the same sign
    spread  v[t],   v ← v + w·(|e[t]| − v)          more noise than before                  w = max(2/31, 1/observations)

Each is compared with its own last n ≤ memory values. Its surprise is −log₁₀ of the share that were as large, and beyond u, the value
that k = max(10, n/20) of them reach, that of a generalised Pareto tail with the shape ξ = 1/4 and the mean excess m of those k:

    L(a) = −log₁₀ (r + 1)/(n + 1)     up to u, where r values are at least a
    L(a) = log₁₀ n/k + log₁₀(1 + ξ·(a − u)/σ) / ξ,   σ = (1 − ξ)·m     beyond;         evidence = L(size) + L(drift) + L(spread)

The sum is Fisher's way to combine independent p-values; these three depend on one another, so nothing is read off a table:

    An alarm is raised where the evidence S[t] is at least c[t], is above all of the last q rows (the episode is not over before), and
    above twice that of an alarm among them. With an alarm once in 1/α rows on average, the hazard of an episode outside of the q quiet rows is
    h = 1 / (1/α − q), so

        (k/n)·exp(−(c − u)/m) = 10^(−δ)·h / θ          an exponential tail, for S is a logarithm already

    θ is the share of large values (above u) that begin an episode, none of the 30 rows before being large: the extremal index.
    δ ← δ + (alarm − α)/4, held in −1 … 1, corrects what the tail gets wrong: an alarm raises the bar, silence lowers it. While δ
    stays inside, the alarms of any T rows differ from α·T by 4·|Δδ| ≤ 8 at most, whatever the series does.

q is the smaller of `quiet` and half of 1/α. Everything looks back only. A missing value (NaN) teaches nothing.

Source: Fisher 1932 (combination); Pickands 1975 and Siffer et al. 2017, Anomaly Detection in Streams with Extreme Value Theory (tails);
Coles 2001, An Introduction to Statistical Modeling of Extreme Values, §5.3 (runs estimate of θ); Gibbs & Candès 2021, Adaptive Conformal
Inference Under Distribution Shift (δ). The choice of the three is ours.
"""

from __future__ import annotations

import math
from typing import NamedTuple

WARM = 50  # values that are seen before any is judged
TOP, FEWEST = 0.05, 10  # the tail: this share of the values, and at least so many
SHAPE = 0.25  # ξ of the tail of errors
SLOW = 2 / 31  # weight of the newest error in drift and spread: a window of about 30 rows
RUN = 30  # rows without a large value between two episodes
CORRECTION = 0.25  # decades by which an alarm raises the bar
FARTHEST = 1.0  # decades of correction


class Tail(NamedTuple):
    """n: values seen.   k: of them in the tail.   u: where it begins.   m: mean excess over u."""

    n: int
    k: int
    u: float
    m: float


def tail(values: list[float], least: float) -> Tail:
    """The upper part of a sample; m is at least `least`, for a tail of equal values."""
    k = max(FEWEST, int(TOP * len(values)))
    top = sorted(values)[-k:]
    return Tail(len(values), k, top[0], max(sum(top) / k - top[0], least))


def surprise(a: float, values: list[float], least: float) -> float:
    """L(a): decades of probability that a stands away from `values`; 0 before 50 are known.

    >>> values = [float(value) for value in range(100)]
    >>> round(surprise(49.5, values, 1e-9), 3), round(surprise(200.0, values, 1e-9), 2)
    (0.297, 4.85)
    """
    if len(values) < WARM:
        return 0.0
    n, k, u, m = tail(values, least)
    if a <= u:
        return -math.log10((sum(value >= a for value in values) + 1) / (n + 1))
    return math.log10(n / k) + math.log10(1 + SHAPE * (a - u) / ((1 - SHAPE) * m)) / SHAPE


def reach(probability: float, values: list[float], least: float) -> float:
    """The size that is exceeded with this probability, by the same tail; NaN before 50 values are known."""
    if len(values) < WARM:
        return math.nan
    n, k, u, m = tail(values, least)
    if probability >= k / n:
        return sorted(values)[-max(int(probability * n), 1)]
    return u + (1 - SHAPE) * m / SHAPE * (math.pow(k / (n * probability), SHAPE) - 1)


class Evidence:
    """What the errors of one forecaster say, one after the other.

    memory: how many of the last values are kept.   floor: errors of at most that size count as 0.

    >>> watch = Evidence(memory=100, alarm_rate=0.01, floor=1e-9)
    >>> for t in range(60):
    ...     _ = watch.step(0.1 if t % 2 else -0.1)
    >>> found, radius = watch.step(5.0)
    >>> round(radius, 3), found > 30
    (0.1, True)
    """

    def __init__(self, memory: int, alarm_rate: float, floor: float) -> None:
        self.memory, self.alarm_rate, self.floor = memory, alarm_rate, floor
        self.sizes: list[float] = []
        self.drifts: list[float] = []
        self.spreads: list[float] = []
        self.drift, self.spread, self.seen = 0.0, 0.0, 0

    def step(self, error: float) -> tuple[float, float]:
        """(evidence, radius): radius is the size that a single error exceeds at the alarm rate, known before this error came."""
        radius = reach(self.alarm_rate, self.sizes, self.floor)
        if math.isnan(error):
            return math.nan, radius
        error = error if abs(error) > self.floor else 0.0
        self.seen += 1
        weight = max(SLOW, 1 / self.seen)
        self.drift += weight * (error - self.drift)
        self.spread += weight * (abs(error) - self.spread)
        found = 0.0
        for a, kept in ((abs(error), self.sizes), (abs(self.drift), self.drifts), (self.spread, self.spreads)):
            found += surprise(a, kept, self.floor)
            kept.append(a)
            del kept[: -self.memory]
        return found, radius


class Alarms:
    """Where the evidence is an alarm, one row after the other.

    alarm_rate: α.   quiet: the longest q, rows.   memory: values of the evidence that are kept.   probation: rows with evidence before any alarm.

    >>> watch = Alarms(alarm_rate=0.01, quiet=20, memory=100, probation=50)
    >>> for t in range(60):
    ...     _ = watch.step(0.1 if t % 2 else 0.2)
    >>> record, threshold, alarm = watch.step(5.0)
    >>> record, round(threshold, 3), alarm
    (5.0, 0.2, True)
    """

    def __init__(self, alarm_rate: float, quiet: int, memory: int, probation: int) -> None:
        self.alarm_rate, self.quiet, self.memory, self.probation = alarm_rate, min(quiet, int(0.5 / alarm_rate)), memory, probation
        self.hazard = 1 / (1 / alarm_rate - self.quiet)
        self.kept: list[float] = []
        self.recent: list[tuple[float, bool]] = []  # evidence and alarm of the last q rows
        self.large, self.begun = 0.0, 0.0  # large values and episodes, each forgotten at the rate 1/memory
        self.since_large, self.correction, self.seen = math.inf, 0.0, 0

    def step(self, score: float) -> tuple[float, float, bool]:
        """(record, c, alarm): record is the evidence where it tops the last q rows, else 0; c is NaN before 50 values are known."""
        self.since_large += 1
        if math.isnan(score):
            self._remember(math.nan, False)
            return math.nan, math.nan, False
        tops = all(not score <= before for before, _ in self.recent)
        last_alarm = next((before for before, raised in reversed(self.recent) if raised), -math.inf)
        threshold, raised, is_large, begins = math.nan, False, False, False
        if len(self.kept) >= WARM:
            n, k, u, m = tail(self.kept, 1e-9)
            is_large = score > u
            begins = is_large and self.since_large > RUN
            theta = (self.begun + 1) / (self.large + 1)
            p = self.hazard / theta * 10**-self.correction
            threshold = u + m * math.log(k / (n * p)) if p < k / n else sorted(self.kept)[-min(max(int(p * n), 1), n)]
            raised = self.seen >= self.probation and score > 0 and score >= threshold and tops and score > 2 * last_alarm
        self.kept.append(score)
        del self.kept[: -self.memory]
        self.seen += 1
        self.large = self.large * (1 - 1 / self.memory) + is_large
        self.begun = self.begun * (1 - 1 / self.memory) + begins
        if is_large:
            self.since_large = 0
        if self.seen > self.probation:
            self.correction = min(max(self.correction + CORRECTION * (raised - self.alarm_rate), -FARTHEST), FARTHEST)
        self._remember(score, raised)
        return score if tops else 0.0, threshold, raised

    def _remember(self, score: float, raised: bool) -> None:
        self.recent = [*self.recent, (score, raised)][-self.quiet :] if self.quiet else []
