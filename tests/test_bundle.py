"""Bundles: whole or not at all, and nothing hostile gets through."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import inorder
from inorder.bundle import Bundle, read_bundle, write_bundle
from inorder.errors import BundleError

HEADER = {"task": "forecast", "model": "naive"}


def saved(path: Path) -> Path:
    return inorder.Naive().fit([1.0, 3.0, 2.0]).save(path / "model")


def test_what_is_written_is_read_back(tmp_path):
    weights = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([], dtype=np.int64)}
    path = write_bundle(tmp_path / "new" / "bundle", Bundle(HEADER, weights, {"vocabulary.txt": "a\nb\n"}, {"candidates/mean": Bundle(HEADER, {})}))
    bundle = read_bundle(path)
    assert bundle.model["task"] == "forecast"
    assert bundle.texts == {"vocabulary.txt": "a\nb\n"}
    assert {name: array.tolist() for name, array in bundle.weights.items()} == {"a": [[0, 1, 2], [3, 4, 5]], "b": []}
    assert read_bundle(path / "candidates" / "mean").weights == {}
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["bundle"], "a temporary folder was left behind"


def test_a_failed_write_leaves_the_old_bundle(tmp_path):
    path = saved(tmp_path)
    before = (path / "model.json").read_text()
    with pytest.raises(ValueError, match="JSON compliant"):
        write_bundle(path, Bundle({**HEADER, "score": float("nan")}, {}))
    assert (path / "model.json").read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_an_older_bundle_is_replaced(tmp_path):
    path = saved(tmp_path)
    inorder.Mean().fit([1.0, 3.0, 2.0]).save(path)
    assert inorder.load(path).forecaster.name == "mean"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_other_folders_and_files_are_never_overwritten(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("years of it")
    (tmp_path / "file").write_text("too")
    for name in ("work", "file"):
        with pytest.raises(BundleError, match=name):
            write_bundle(tmp_path / name, Bundle(HEADER, {}))
    assert (tmp_path / "work" / "thesis.txt").read_text() == "years of it"


def test_a_bundle_with_foreign_files_and_a_foreign_model_json_are_left_alone(tmp_path):
    path = saved(tmp_path)
    (path / "my-notes.md").write_text("kept")
    with pytest.raises(BundleError, match="my-notes.md"):
        saved(tmp_path)
    keras = tmp_path / "keras"
    keras.mkdir()
    (keras / "model.json").write_text('{"modelTopology": {}}')
    with pytest.raises(BundleError, match="not a bundle of ours"):
        write_bundle(keras, Bundle(HEADER, {}))
    assert (path / "my-notes.md").read_text() == "kept"


def test_permissions_are_those_of_other_new_files(tmp_path):
    path = saved(tmp_path)
    (tmp_path / "plain").write_text("x")
    (tmp_path / "folder").mkdir()
    assert {file.stat().st_mode for file in path.iterdir()} == {(tmp_path / "plain").stat().st_mode}
    assert path.stat().st_mode == (tmp_path / "folder").stat().st_mode


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda header: header.pop("task"), "task"),
        (lambda header: header.update(format=99), "99"),
        (lambda header: header.update(task="juggle"), "juggle"),
        (lambda header: header.update(model="os:system"), "os:system"),
        (lambda header: header.update(settings={"windw": 3}), "windw"),
        (lambda header: header.update(settings=[]), "settings"),
        (lambda header: header.pop("series"), "damaged|series"),
        (lambda header: header.update(errors={"nobody": "x"}), "nobody"),
    ],
)
def test_a_changed_header_is_refused_by_name(tmp_path, change, match):
    path = saved(tmp_path)
    header = json.loads((path / "model.json").read_text())
    change(header)
    (path / "model.json").write_text(json.dumps(header))
    with pytest.raises(BundleError, match=match):
        inorder.load(path)


def test_damaged_files_are_named(tmp_path):
    path = saved(tmp_path)
    whole = (path / "weights.safetensors").read_bytes()
    for damaged in (b"", whole[:20], whole[:-3], b"\xff" * 8 + whole[8:], b"\x80\x04pickle"):
        (path / "weights.safetensors").write_bytes(damaged)
        with pytest.raises(BundleError, match=r"weights\.safetensors"):
            inorder.load(path)
    (path / "weights.safetensors").write_bytes(whole)
    for damaged in ("{", "[" * 100_000, "[]", '"text"', "\x00"):
        (path / "model.json").write_text(damaged)
        with pytest.raises(BundleError, match=r"model\.json"):
            inorder.load(path)
    (path / "model.json").unlink()
    with pytest.raises(BundleError, match=r"model\.json"):
        inorder.load(path)


def test_every_mutation_of_a_bundle_gives_a_model_or_a_sentence(tmp_path):
    """500 random changes to both files: an InorderError or a model, never anything else."""
    path = saved(tmp_path)
    files = {name: (path / name).read_bytes() for name in ("model.json", "weights.safetensors")}
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(500):
        name = ("model.json", "weights.safetensors")[random.integers(2)]
        data = bytearray(files[name])
        for _ in range(random.integers(1, 4)):
            place = int(random.integers(len(data)))
            match random.integers(3):
                case 0:
                    data[place] = int(random.integers(256))
                case 1:
                    del data[place : place + int(random.integers(1, 20))]
                case _:
                    data[place:place] = random.bytes(int(random.integers(1, 5)))
        (path / name).write_bytes(bytes(data))
        try:
            inorder.load(path).predict(3)
        except inorder.InorderError:
            refused += 1
        (path / name).write_bytes(files[name])
    assert refused > 200
