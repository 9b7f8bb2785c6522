"""Batches from a folder of shards, for data larger than memory: files are read one at a time.

    order of an epoch: shards shuffled → their examples in a row → shuffled within windows of `window` examples → batches

A shard is a file of many examples, one after the other:

    .npz, .safetensors    arrays `inputs` (rows, features), `targets` (rows, …) and `offsets` (examples + 1,) where each example begins
    .parquet              one row a step: `example`, whole numbers in rising order; `target`, or `target_0`, `target_1`, …; the rest are inputs,
                          in the order of the first file; the columns of the others may stand in any order, but have its names and kinds

The order depends on the seed and the number of the epoch, so a run goes on at any batch, and what comes before it is not read. Of several
processes each reads its own shards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from inorder.data.batch import Batch
from inorder.errors import ConfigError, InputError, ShapeError

if TYPE_CHECKING:
    from torch import Tensor

KINDS = (".npz", ".parquet", ".safetensors")
Arrays = tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]  # inputs, targets, offsets


@dataclass(frozen=True, eq=False)
class Shards:
    """folder: with the shards.   batch_size: examples in a batch.   window: examples that are shuffled together, and held in memory beside one shard.
    make: inputs and targets of some examples -> their batch.   seed: of the order.   rank, world: which of how many processes reads here;
    None = as `torchrun` says, else the only one.

    With several processes all have the same number of batches, the whole part of examples / (world · batch_size): one whose shards hold fewer examples
    begins with them again, one with more leaves some for other epochs. With one, every example comes once an epoch.
    Raises InputError where the folder has no shards, or one cannot be read or has other columns than the first.
    """

    folder: str | Path
    batch_size: int
    window: int = 10_000
    make: Callable[[Sequence[Tensor], Sequence[Tensor]], Any] = Batch.of
    seed: int = 0
    rank: int | None = None
    world: int | None = None
    files: tuple[Path, ...] = field(init=False)
    counts: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        folder = Path(self.folder)
        files = tuple(sorted(file for file in folder.glob("*") if file.suffix in KINDS and not file.name.startswith(".")))
        if not files:
            raise InputError(f"{folder} has no shards: files that end in {', '.join(KINDS)} were expected.")
        for name, variable, alone in (("rank", "RANK", "0"), ("world", "WORLD_SIZE", "1")):
            if getattr(self, name) is None:
                object.__setattr__(self, name, int(os.environ.get(variable, alone)))
        if not 0 <= self._rank < self._world or len(files) < self._world:
            raise ConfigError(f"{len(files)} shards cannot be shared by {self.world} processes, this one number {self.rank}. Write more, smaller shards.")
        for name in ("batch_size", "window"):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` is a whole number, 1 or more, not {getattr(self, name)!r}.")
        object.__setattr__(self, "files", files)
        object.__setattr__(self, "counts", np.array([_count(file, self._like) for file in files], dtype=np.int64))
        if self.counts.sum() == 0:
            raise InputError(f"The shards in {folder} hold no examples.")

    @property
    def _rank(self) -> int:
        return self.rank or 0

    @property
    def _world(self) -> int:
        return self.world or 1

    @property
    def _like(self) -> Path | None:
        """The file whose columns those of the other parquet files are."""
        return next((file for file in self.files if file.suffix == ".parquet"), None)

    @property
    def divided(self) -> bool:
        """Each process has its own batches."""
        return self._world > 1

    def __len__(self) -> int:
        total = int(self.counts.sum())
        return -(-total // self.batch_size) if self._world == 1 else max(1, total // (self._world * self.batch_size))

    def epoch(self, k: int) -> Iterator[Any]:
        """The batches of epoch k, counted from 0."""
        return self.epoch_from(k, 0)

    def epoch_from(self, k: int, done: int) -> Iterator[Any]:
        """What follows the first `done` batches of epoch k; only the shards that it is made of are read."""
        import torch

        last = len(self) * self.batch_size
        examples = self._examples(k, done * self.batch_size, last if self._world > 1 else int(self.counts.sum()))
        inputs: list[Tensor] = []
        targets: list[Tensor] = []
        for x, y in examples:
            inputs.append(torch.from_numpy(x))
            targets.append(torch.from_numpy(y))
            if len(inputs) == self.batch_size:
                yield self.make(inputs, targets)
                inputs, targets = [], []
        if inputs:
            yield self.make(inputs, targets)

    def _examples(self, k: int, begin: int, end: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Examples `begin` to `end` of epoch k, window by window; where `end` is beyond the last, they come again."""
        shards = np.random.default_rng([self.seed, k]).permutation(len(self.files))[self._rank :: self._world]
        edges = np.concatenate([[0], np.cumsum(self.counts[shards])])  # where each shard begins in the row of all
        here = int(edges[-1])
        if here == 0:
            raise InputError(f"The shards of process {self.rank} hold no examples: {', '.join(self.files[s].name for s in shards)}.")
        read: tuple[int, Arrays] | None = None
        while begin < end:
            turn, place = divmod(begin, here)
            number, skipped = divmod(place, self.window)
            first, after = number * self.window, min((number + 1) * self.window, here)
            held: list[tuple[NDArray[Any], NDArray[Any]]] = []
            for j in range(int(np.searchsorted(edges, first, side="right")) - 1, int(np.searchsorted(edges, after))):
                if read is None or read[0] != j:
                    read = j, _read(self.files[shards[j]], self._like)
                inputs, targets, offsets = read[1]
                for i in range(max(first - int(edges[j]), 0), min(after, int(edges[j + 1])) - int(edges[j])):
                    held.append((inputs[offsets[i] : offsets[i + 1]].copy(), targets[offsets[i] : offsets[i + 1]].copy()))
            order = np.random.default_rng([self.seed, k, turn, number]).permutation(len(held))[skipped:]
            for i in order[: end - begin]:
                yield held[i]
            begin += len(order)


def write_shard(path: str | Path, inputs: Sequence[Any], targets: Sequence[Any]) -> Path:
    """Write examples as one shard, of the kind that the ending of `path` says.   inputs: each (time, features).   targets: each (time, …).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_shard(Path(folder) / "0.npz", [np.ones((2, 1)), np.ones((5, 1))], [np.zeros(2), np.zeros(5)])
    ...     [batch.lengths.tolist() for batch in Shards(folder, batch_size=2, window=1).epoch(0)]
    [[2, 5]]
    """
    path = Path(path)
    x, y = [np.asarray(one) for one in inputs], [np.asarray(one) for one in targets]
    if len(x) != len(y) or not x or any(one.ndim != 2 or len(one) != len(other) for one, other in zip(x, y, strict=False)):
        raise ShapeError("A shard is made of examples (time, features), at least one, and for each of them targets with as many rows.")
    offsets = np.cumsum([0, *map(len, x)]).astype(np.int64)
    rows, goals = np.concatenate(x), np.concatenate(y)
    fresh = path.with_name(f".{path.name}.new{path.suffix}")
    if path.suffix == ".npz":
        np.savez(fresh, inputs=rows, targets=goals, offsets=offsets)
    elif path.suffix == ".safetensors":
        from safetensors.numpy import save_file

        save_file({"inputs": rows, "targets": goals, "offsets": offsets}, fresh)
    elif path.suffix == ".parquet":
        import polars

        columns = {"example": np.repeat(np.arange(len(x)), np.diff(offsets))} | {f"input_{j}": rows[:, j] for j in range(rows.shape[1])}
        columns |= {"target": goals} if goals.ndim == 1 else {f"target_{j}": goals[:, j] for j in range(goals.shape[1])}
        polars.DataFrame(columns).write_parquet(fresh)
    else:
        raise ConfigError(f'A shard ends in {", ".join(KINDS)}, not "{path.name}".')
    fresh.replace(path)
    return path


def _count(file: Path, like: Path | None) -> int:
    """How many examples a shard holds, without reading these.   like: the file that its columns are compared with, where these have names."""
    return len(_parts(file, ("offsets",), like)[0]) - 1


def _read(file: Path, like: Path | None) -> Arrays:
    inputs, targets, offsets = _parts(file, ("inputs", "targets", "offsets"), like)
    whole = offsets.dtype.kind in "iu" and len(offsets) and offsets[0] == 0 and offsets[-1] == len(inputs) == len(targets) and (np.diff(offsets) >= 0).all()
    if inputs.ndim != 2 or not whole:
        raise InputError(f"{file}: `inputs` has the axes (rows, features), `targets` as many rows, and `offsets` rises from 0 to that number.")
    return inputs, targets, offsets


def _parts(file: Path, names: Sequence[str], like: Path | None) -> list[NDArray[Any]]:
    """The named arrays of a shard.   Raises InputError, naming the file, where it cannot be read."""
    try:
        if file.suffix == ".parquet":
            return [_from_parquet(file, name, like or file) for name in names]
        read = _from_npz if file.suffix == ".npz" else _from_safetensors
        return [read(file, name) for name in names]
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{file} cannot be read as a shard: {error}.") from None


def _from_npz(file: Path, name: str) -> NDArray[Any]:
    with np.load(file, allow_pickle=False) as arrays:
        return np.asarray(arrays[name])


def _from_safetensors(file: Path, name: str) -> NDArray[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as arrays:
            return np.asarray(arrays.get_tensor(name))
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _from_parquet(file: Path, name: str, like: Path) -> NDArray[Any]:
    import polars

    try:
        kinds, own = ({c: kind for c, kind in polars.read_parquet_schema(path).items() if c != "example"} for path in (like, file))
        if own != kinds:
            differing = next(c for c in (*kinds, *own) if kinds.get(c) != own.get(c))
            here, there = (
                f"a column `{differing}` of {several[differing]}" if differing in several else f"no column `{differing}`" for several in (own, kinds)
            )
            raise ValueError(f"it has {here}, and {like.name} has {there}")
        if name == "offsets":
            example = polars.read_parquet(file, columns=["example"])["example"].to_numpy()
            return np.concatenate([[0], np.flatnonzero(np.diff(example)) + 1, [len(example)]]).astype(np.int64)
        targets = [column for column in kinds if column == "target" or column.startswith("target_")]
        if not targets:
            raise ValueError("it has no column `target`")
        chosen = targets if name == "targets" else [column for column in kinds if column not in targets]
        values = polars.read_parquet(file, columns=chosen).select(chosen).to_numpy()
    except polars.exceptions.PolarsError as error:
        raise ValueError(" ".join(str(error).split())) from None
    return values[:, 0] if chosen == ["target"] else values
