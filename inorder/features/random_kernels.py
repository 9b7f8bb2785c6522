"""Random convolution kernels: thousands of short filters, and of each what share of its outputs exceeds a bias.

    z[t] = Σ_c Σ_j w[j, c] · x[t + (j − (taps − 1)/2) · dilation, c]        x is zero outside its own length
    ppv  = share of the t with z[t] > bias            max = greatest z[t] − bias  (where asked for)

Kernels that are not padded look only at the t where the whole filter lies on the sequence; where none does, at all.
Two sets are made:

    minirocket    the 84 filters of nine taps with six −1 and three 2; dilations spread from 1 to the length; biases are quantiles of z on
                  training examples; every second filter is padded; each filter and dilation takes a few channels
    rocket        7, 9 or 11 taps from a normal distribution, centred; dilation, padding, channels at random; bias uniform in −1 … 1; max too

Sources: Dempster, Petitjean & Webb 2020, ROCKET, §3.1; Dempster, Schmidt & Webb 2021, MiniRocket, §3; several
channels and unequal lengths as in the authors' programs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from inorder.data.labelled import padded
from inorder.errors import ConfigError
from inorder.kernels.stopping import check
from inorder.typing import Floats

Floats32 = NDArray[np.float32]
KINDS = ("minirocket", "rocket")
MOST_DILATIONS = 32
MOST_CHANNELS = 9  # that one filter of minirocket takes
GOLDEN = (math.sqrt(5) + 1) / 2
NUDGE = 1e-4  # raises a quantile above outputs that are equal to it but for rounding, such as those of a flat stretch
BLOCK = 1 << 22  # outputs of filters that are held at a time


@dataclass(frozen=True, eq=False)
class Group:
    """Filters with the same dilation and number of taps.

    weights: (kernels, taps, channels).   padded: (kernels,).   biases: (kernels, biases), NaN where a filter has fewer.
    """

    dilation: int
    weights: Floats32
    padded: NDArray[np.bool_]
    biases: Floats32

    @property
    def reach(self) -> int:
        """Steps to either side that a filter sees."""
        return int(self.weights.shape[1] - 1) * self.dilation // 2


@dataclass(frozen=True, eq=False)
class RandomKernels:
    """Filters that turn a sequence into features.   maximum: the greatest output is a feature too.

    >>> x = [np.random.default_rng(i).normal(size=(40 + i, 2)) for i in range(6)]
    >>> kernels = random_kernels(x, features=500, seed=0)
    >>> kernels.transform(x).shape, len(kernels)
    ((6, 420), 420)
    """

    groups: tuple[Group, ...]
    maximum: bool = False

    def __len__(self) -> int:
        """How many features there are."""
        return (2 if self.maximum else 1) * sum(int((~np.isnan(group.biases)).sum()) for group in self.groups)

    def transform(self, values: Sequence[Floats]) -> Floats32:
        """(examples, features), float32.   values: one array (time, channels) an example."""
        found = np.empty((len(values), len(self)), dtype=np.float32)
        for rows in _blocks(values, self.groups):
            found[rows] = self._block([values[i] for i in rows])
        return found

    def _block(self, values: Sequence[Floats]) -> Floats32:
        """Features of examples that fit into memory at once."""
        columns = []
        for group in self.groups:
            check()
            outputs, valid, everywhere = convolve(values, group)
            for k, z in enumerate(outputs):
                inside = everywhere if group.padded[k] else valid
                own = None if inside.all() else inside
                counts = inside.sum(axis=1, dtype=np.float32)
                counts[counts == 0] = 1  # a sequence of no steps has the features 0
                for bias in group.biases[k][~np.isnan(group.biases[k])]:
                    over = z > bias if own is None else (z > bias) & own
                    columns.append(np.count_nonzero(over, axis=1) / counts)
                    if self.maximum:
                        peak = (z if own is None else np.where(own, z, -np.inf)).max(axis=1, initial=-np.inf) - bias
                        columns.append(np.where(np.isfinite(peak), peak, 0.0))
        return np.stack(columns, axis=1).astype(np.float32) if columns else np.empty((len(values), 0), dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every number, under the names that `restored` knows."""
        found: dict[str, NDArray[Any]] = {"maximum": np.array([self.maximum])}
        for g, group in enumerate(self.groups):
            found |= {f"{g}.dilation": np.array([group.dilation]), f"{g}.weights": group.weights, f"{g}.padded": group.padded, f"{g}.biases": group.biases}
        return found

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> RandomKernels:
        """From what `arrays` gave.   Raises KeyError where something is missing, ValueError where shapes do not fit."""
        groups = []
        for g in range(sum(name.endswith(".dilation") for name in arrays)):
            group = Group(int(arrays[f"{g}.dilation"][0]), arrays[f"{g}.weights"], arrays[f"{g}.padded"].astype(bool), arrays[f"{g}.biases"])
            if group.dilation < 1 or group.weights.ndim != 3 or group.biases.ndim != 2 or not len(group.weights) == len(group.padded) == len(group.biases):
                raise ValueError(f"the kernels of group {g} do not fit together.")
            groups.append(group)
        return cls(tuple(groups), bool(arrays["maximum"][0]))


def random_kernels(values: Sequence[Floats], *, kind: str = "minirocket", features: int = 10_000, seed: int = 0) -> RandomKernels:
    """Filters for sequences like these.

    values: training examples, (time, channels) each, standardised.   kind: "minirocket" or "rocket".   features: how many, about.
    Raises ConfigError for what is out of range.
    """
    check_features(kind, features)
    rng = np.random.default_rng(seed)
    return minirocket(values, features, rng) if kind == "minirocket" else rocket(values, features, rng)


def check_features(kind: str, features: int) -> None:
    """Raises ConfigError for an unknown kind of kernels, or too few features."""
    if kind not in KINDS:
        raise ConfigError(f'`kind` of random kernels is "minirocket" or "rocket", not "{kind}".')
    least = 84 if kind == "minirocket" else 2
    if isinstance(features, bool) or not isinstance(features, int) or features < least:
        raise ConfigError(f"`features` of {kind} is a whole number, {least} or more, not {features!r}.")


# --- MiniRocket ---


def minirocket(values: Sequence[Floats], features: int, rng: np.random.Generator) -> RandomKernels:
    """The 84 fixed filters at many dilations; biases from quantiles of their outputs on training examples drawn at random."""
    length, channels = _length(values), values[0].shape[1]
    fixed = minirocket_weights()
    spread = dilations_of(length, features // len(fixed))
    groups, used = [], 0
    for d, (dilation, share) in enumerate(spread.items()):
        weights = np.zeros((len(fixed), 9, channels), dtype=np.float32)
        for k, own in enumerate(fixed):
            chosen = _some(channels, min(channels, MOST_CHANNELS), rng)
            weights[k, :, chosen] = own
        is_padded = (np.arange(len(fixed)) + d) % 2 == 0
        group = Group(dilation, weights, is_padded, np.empty((len(fixed), 0), dtype=np.float32))
        shares = np.modf((used + 1 + np.arange(len(fixed) * share)) * GOLDEN)[0].reshape(share, len(fixed)).T  # evenly over 0 … 1
        used += len(fixed) * share
        groups.append(Group(dilation, weights, is_padded, _quantiles(values, group, shares, rng)))
    return RandomKernels(tuple(groups))


def minirocket_weights() -> Floats32:
    """(84, 9) all filters of six −1 and three 2."""
    weights = np.full((84, 9), -1.0, dtype=np.float32)
    for row, places in zip(weights, combinations(range(9), 3), strict=True):
        row[list(places)] = 2.0
    return weights


def dilations_of(length: int, biases: int) -> dict[int, int]:
    """dilation -> how many biases each filter has there: dilations from 1 to (length − 1)/8 evenly in logarithms, `biases` in all.

    >>> dilations_of(150, 119)
    {1: 30, 2: 15, 3: 12, 4: 12, 5: 4, 6: 8, 7: 8, 8: 4, 9: 4, 10: 4, 11: 3, 12: 3, 14: 3, 15: 3, 16: 3, 18: 3}
    """
    most = min(biases, MOST_DILATIONS)
    exponents = np.linspace(0, max(math.log2(max(length - 1, 1) / 8), 0), most)
    found, counts = np.unique(np.floor(2.0**exponents).astype(int), return_counts=True)
    shares = np.floor(counts * biases / most).astype(int)
    for k in range(biases - int(shares.sum())):  # the rest, one each from the first on
        shares[k % len(shares)] += 1
    return {int(dilation): int(share) for dilation, share in zip(found, shares, strict=True)}


def _quantiles(values: Sequence[Floats], group: Group, shares: Floats, rng: np.random.Generator) -> Floats32:
    """(kernels, biases) quantiles of each filter's output on an example of its own."""
    biases = np.zeros(shares.shape, dtype=np.float32)
    drawn = rng.integers(len(values), size=len(shares))
    for i in np.unique(drawn):
        check()
        outputs, valid, everywhere = convolve([values[i]], group)
        for k in np.flatnonzero(drawn == i):
            z = outputs[k][everywhere if group.padded[k] else valid]
            if len(z):
                biases[k] = np.quantile(z, shares[k]) + NUDGE
    return biases


# --- ROCKET ---


def rocket(values: Sequence[Floats], features: int, rng: np.random.Generator) -> RandomKernels:
    """Filters whose taps, dilation, padding, channels and bias are all drawn; two features each."""
    length, channels = _length(values), values[0].shape[1]
    by_shape: dict[tuple[int, int], list[tuple[Floats, bool, float]]] = {}
    for _ in range(features // 2):
        taps = int(rng.choice([7, 9, 11]))
        own = rng.normal(size=(taps, channels))
        chosen = _some(channels, min(channels, taps), rng)
        weights = np.zeros((taps, channels))
        weights[:, chosen] = own[:, chosen] - own[:, chosen].mean(axis=0)
        dilation = int(2 ** rng.uniform(0, math.log2(max((length - 1) / (taps - 1), 1))))
        by_shape.setdefault((taps, dilation), []).append((weights, bool(rng.integers(2)), float(rng.uniform(-1, 1))))
    groups = []
    for (_, dilation), made in sorted(by_shape.items(), key=lambda item: item[0]):
        stacked, marks, biases = zip(*made, strict=True)
        groups.append(Group(dilation, np.stack(stacked).astype(np.float32), np.array(marks), np.array(biases, dtype=np.float32)[:, None]))
    return RandomKernels(tuple(groups), maximum=True)


def _some(channels: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Some of the channels: how many is uniform in logarithms."""
    count = int(2 ** rng.uniform(0, math.log2(most + 1)))
    return np.asarray(rng.choice(channels, size=count, replace=False))


def _length(values: Sequence[Floats]) -> int:
    """The length that dilations are chosen for: that of the longest."""
    return max((len(one) for one in values), default=0)


# --- the convolution ---


def convolve(values: Sequence[Floats], group: Group) -> tuple[Floats32, NDArray[np.bool_], NDArray[np.bool_]]:
    """Outputs (kernels, examples, time) of all filters of a group, where the whole filter lies on the sequence, and where the sequence lies.

    values: one array (time, channels) an example. An example too short for the filter is looked at everywhere.
    """
    x, lengths = padded(values)
    batch, time, channels = x.shape
    taps, reach = group.weights.shape[1], group.reach
    wide = np.zeros((batch, time + 2 * reach, channels), dtype=np.float32)
    wide[:, reach : reach + time] = x
    span = 2 * reach + 1
    seen = sliding_window_view(wide, span, axis=1)[..., :: group.dilation] if time else np.empty((batch, 0, channels, taps), dtype=np.float32)
    table = seen.reshape(batch * time, channels * taps)
    outputs = group.weights.transpose(0, 2, 1).reshape(len(group.weights), -1) @ table.T
    t = np.arange(time)
    everywhere = t < lengths[:, None]
    valid = (t >= reach) & (t < lengths[:, None] - reach)
    valid = np.where(valid.any(axis=1, keepdims=True), valid, everywhere)
    return outputs.reshape(len(group.weights), batch, time), valid, everywhere


def _blocks(values: Sequence[Floats], groups: Sequence[Group]) -> Iterator[NDArray[np.int64]]:
    """Places of examples, the shortest first, so many at a time that the outputs of a group fit into a block."""
    order = np.argsort([len(one) for one in values], kind="stable")
    widest = max((max(len(group.weights), group.weights.shape[1] * group.weights.shape[2]) for group in groups), default=1)
    begin = 0
    while begin < len(order):
        end = begin + 1
        while end < len(order) and (end + 1 - begin) * max(len(values[order[end]]), 1) * widest <= BLOCK:
            end += 1
        yield order[begin:end]
        begin = end
