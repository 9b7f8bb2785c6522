"""Shards: every example comes once, in an order that can be repeated from any place, and only what is needed is read."""

from __future__ import annotations

import itertools

import numpy as np
import polars
import pytest
import torch

from inorder.data.shards import Shards, write_shard
from inorder.errors import ConfigError, InputError, ShapeError


def shards(folder, ending: str, counts=(5, 9, 1, 7), columns: int = 2):
    """Example i has the number i in its first feature and as its target, and 1 + i % 3 steps."""
    folder.mkdir(exist_ok=True)
    number = 0
    for k, count in enumerate(counts):
        several = [np.full((1 + i % 3, columns), float(i)) for i in range(number, number + count)]
        write_shard(folder / f"part-{k}{ending}", several, [one[:, 0] for one in several])
        number += count
    return number


def numbers(batches) -> list[list[int]]:
    return [[int(row[0, 0]) for row in batch.inputs] for batch in batches]


@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".parquet"])
@pytest.mark.parametrize("window", [1, 4, 100])
def test_every_example_of_the_shards_comes_once(ending, window, tmp_path):
    count = shards(tmp_path / "shards", ending)
    batches = Shards(tmp_path / "shards", batch_size=4, window=window, seed=2)
    epochs = [list(batches.epoch(k)) for k in range(2)]
    for epoch in epochs:
        assert len(epoch) == len(batches) == 6
        assert sorted(itertools.chain(*numbers(epoch))) == list(range(count))
        for batch in epoch:
            assert torch.equal(batch.targets[batch.valid], batch.inputs[batch.valid][:, 0])
            assert batch.lengths.tolist() == [1 + int(row[0, 0]) % 3 for row in batch.inputs]
    assert numbers(epochs[0]) != numbers(epochs[1])
    for done in (1, 3, 5):
        assert numbers(batches.epoch_from(1, done)) == numbers(epochs[1])[done:]


def test_only_what_is_needed_is_read(tmp_path, monkeypatch):
    import inorder.data.shards as module

    shards(tmp_path / "shards", ".npz", counts=(6, 6, 6, 6))
    batches = Shards(tmp_path / "shards", batch_size=3, window=3)
    read, plain = [], module._read
    monkeypatch.setattr(module, "_read", lambda file, like: read.append(file.name) or plain(file, like))
    assert len(list(batches.epoch(0))) == 8
    assert len(read) == 4, "each file once"
    read.clear()
    assert len(list(batches.epoch_from(0, 6))) == 2
    assert len(read) == 1, "what comes before is not read"


def test_each_process_has_its_own_shards_and_all_have_as_many_batches(tmp_path, monkeypatch):
    count = shards(tmp_path / "shards", ".npz")
    for k in range(3):
        seen = []
        for rank in range(2):
            batches = Shards(tmp_path / "shards", batch_size=2, window=3, rank=rank, world=2)
            epoch = numbers(batches.epoch(k))
            assert batches.divided and len(epoch) == len(batches) == count // 4
            assert all(len(batch) == 2 for batch in epoch)
            assert numbers(batches.epoch_from(k, 3)) == epoch[3:]
            seen.append(set(itertools.chain(*epoch)))
        assert not seen[0] & seen[1]
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert numbers(Shards(tmp_path / "shards", batch_size=2, window=3).epoch(2)) == epoch, "as torchrun says"
    with pytest.raises(ConfigError, match="4 shards cannot be shared by 5 processes"):
        Shards(tmp_path / "shards", batch_size=2, world=5)


def test_shards_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match=r"has no shards: files that end in \.npz"):
        Shards(tmp_path, batch_size=1)
    for name, content in {"a.npz": b"PK no archive", "a.safetensors": b"short", "a.parquet": b"PAR1 no"}.items():
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        (folder / name).write_bytes(content)
        with pytest.raises(InputError, match=rf"{name} cannot be read as a shard"):
            Shards(folder, batch_size=1)
    polars.DataFrame({"example": [0, 0], "x": [1.0, 2.0]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="it has no column `target`"):
        list(Shards(tmp_path, batch_size=1).epoch(0))
    np.savez(tmp_path / "a.npz", inputs=np.zeros((3, 1)), targets=np.zeros(2), offsets=np.array([0, 3]))
    (tmp_path / "a.parquet").unlink()
    with pytest.raises(InputError, match=r"a\.npz: `inputs` has the axes"):
        list(Shards(tmp_path, batch_size=1).epoch(0))
    with pytest.raises(ConfigError, match=r'ends in \.npz, .* not "a\.csv"'):
        write_shard(tmp_path / "a.csv", [np.zeros((1, 1))], [np.zeros(1)])
    with pytest.raises(ShapeError, match="as many rows"):
        write_shard(tmp_path / "b.npz", [np.zeros((2, 1))], [np.zeros(1)])


def test_columns_of_parquet_files_are_told_by_their_names(tmp_path):
    columns = {"example": [0, 0], "a": [1.0, 2.0], "b": [10.0, 20.0], "target_10": [100.0, 200.0], "target_2": [3.0, 4.0]}
    polars.DataFrame(columns).write_parquet(tmp_path / "0.parquet")
    other = polars.DataFrame(columns).select("target_2", "b", "example", "target_10", "a")
    other.write_parquet(tmp_path / "1.parquet")
    (batch,) = Shards(tmp_path, batch_size=2).epoch(0)
    assert batch.inputs.tolist() == [[[1.0, 10.0], [2.0, 20.0]]] * 2
    assert batch.targets.tolist() == [[[100.0, 3.0], [200.0, 4.0]]] * 2
    for different, match in (
        (other.rename({"a": "c"}), "it has no column `a`, and 0.parquet has a column `a` of Float64"),
        (other.with_columns(c=1.0), "it has a column `c` of Float64, and 0.parquet has no column `c`"),
        (other.cast({"b": polars.Float32}), "it has a column `b` of Float32, and 0.parquet has a column `b` of Float64"),
    ):
        different.write_parquet(tmp_path / "1.parquet")
        with pytest.raises(InputError, match=rf"1\.parquet cannot be read as a shard: {match}"):
            Shards(tmp_path, batch_size=2)
