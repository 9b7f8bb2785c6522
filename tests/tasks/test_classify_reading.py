"""A saved model reads new data as it read those that it was fitted to."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import inorder
from inorder.classification import evaluate_classify, fit_classify
from inorder.data.labelled_reading import read_sequences
from inorder.errors import SeriesError


def steps(n: int = 12) -> pl.DataFrame:
    """One row a step, the last sequence first: who, when, x, y and kind. The channel "y" bears a usual name of a label, "kind" bears none."""
    rng = np.random.default_rng(0)
    rows = []
    for i in reversed(range(n)):
        for t in range(8):
            x, y = np.sin((1 + i % 2) * t) + rng.normal(0, 0.1), np.cos((1 + i % 2) * t)
            rows.append({"id": f"s{i}", "time": t, "x": x, "y": y, "kind": ("slow", "fast")[i % 2], "amount": 1.5 * (i % 3)})
    return pl.DataFrame(rows)


def saved(data, folder, **reading):
    return inorder.load(fit_classify(data, "nearest", **reading).save(folder))


def test_a_long_table_without_its_labels(tmp_path):
    whole = steps().drop("amount")
    whole.write_csv(tmp_path / "long.csv")
    whole.drop("kind").write_csv(tmp_path / "new.csv")
    fitted = saved(tmp_path / "long.csv", tmp_path / "m", label="kind")
    assert fitted.about.reading == {"label": "kind", "id": "id", "time": "time", "value": ["x", "y"], "layout": "long"}
    wanted = [("slow", "fast")[i % 2] for i in reversed(range(12))]
    whole.with_columns(kind=pl.lit("")).write_csv(tmp_path / "open.csv")
    for data in (tmp_path / "new.csv", tmp_path / "long.csv", tmp_path / "open.csv", whole.drop("kind"), whole):
        found = fitted.predict(data)
        assert found.labels == wanted and found.ids[:3] == ("s11", "s10", "s9")
    assert float(evaluate_classify(fitted, tmp_path / "long.csv")["accuracy"]) == 1
    renamed = whole.rename({"kind": "class", "id": "sample"})  # other usual names are found, and what is told wins
    assert float(evaluate_classify(fitted, renamed)["accuracy"]) == 1
    assert float(evaluate_classify(fitted, whole.rename({"kind": "what"}), label="what")["accuracy"]) == 1
    with pytest.raises(SeriesError, match="none is called label"):
        evaluate_classify(fitted, tmp_path / "new.csv")
    one = fitted.predict(whole.filter(pl.col("id") == "s3").drop("id", "kind"))  # no column tells sequences apart: it is one
    assert one.labels == ["fast"]


def test_a_long_table_with_numbers_as_labels(tmp_path):
    whole = steps().drop("kind")
    fitted = saved(whole, tmp_path / "m", label="amount", kind="regression")
    assert fitted.predict(whole.drop("amount")).labels == [1.5 * (i % 3) for i in reversed(range(12))]
    assert float(evaluate_classify(fitted, whole)["rmse"]) == 0


def test_columns_that_are_not_there_are_named(tmp_path):
    fitted = saved(steps().drop("amount"), tmp_path / "m", label="kind")
    with pytest.raises(SeriesError, match='has no column "y", which the model was fitted to; it has id, time, x. Name the channels with --value'):
        fitted.predict(steps().select("id", "time", "x"))
    (tmp_path / "notes.txt").write_text("hello world\nthis is no data\n")
    with pytest.raises(SeriesError, match=r"notes.txt has the columns hello world, but the model was fitted to the channels x, y\."):
        fitted.predict(tmp_path / "notes.txt")


@pytest.mark.parametrize("header", [True, False])
def test_one_file_of_a_folder(tmp_path, header):
    for (id, kind), rows in steps().group_by("id", "kind"):
        file = tmp_path / "folder" / kind / f"{id}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        (rows.select("time", "x", "y") if header else rows.select("x", "y", "amount")).write_csv(file, include_header=header)
    fitted = saved(tmp_path / "folder", tmp_path / "m")
    found = fitted.predict(tmp_path / "folder" / "fast" / "s3.csv")
    assert found.labels == ["fast"] and found.ids == ("s3.csv",)
    assert fitted.predict(tmp_path / "folder" / "fast").labels == ["fast"] * 6
    if header:
        long = steps().filter(pl.col("id").is_in(["s3", "s4"])).select("id", "time", "x", "y")
        assert fitted.predict(long).labels == ["slow", "fast"]


def test_what_was_told_holds_for_new_data(tmp_path):
    rows = [f"{np.sin(i % 2 + t):.3f}" if t < 5 else str(i % 2) for i in range(8) for t in range(6)]
    text = "\n".join(",".join(rows[k : k + 6]) for k in range(0, 48, 6)) + "\n"
    (tmp_path / "x.csv").write_text(text)
    fitted = saved(tmp_path / "x.csv", tmp_path / "m", label="last")
    assert fitted.predict(tmp_path / "x.csv").labels == ["0", "1"] * 4
    x = np.random.default_rng(0).normal(size=(6, 2, 9))
    np.savez(tmp_path / "x.npz", X=x, y=list("abcabc"))
    first = saved(tmp_path / "x.npz", tmp_path / "n", layout="channels-first")
    assert first.predict(tmp_path / "x.npz").labels == list("abcabc")


def test_a_table_of_a_row_each_keeps_its_label(tmp_path):
    wide = pl.DataFrame({"name": ["a", "b"], "t0": [0.0, 1.0], "t1": [1.0, 0.0]})
    fitted = saved(wide, tmp_path / "m", label="name")
    assert fitted.predict(wide).labels == ["a", "b"] and fitted.predict(wide.drop("name")).labels == ["a", "b"]
    assert read_sequences(wide, label="name").reading == {"label": "name"}
