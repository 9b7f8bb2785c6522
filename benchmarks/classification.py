"""Labelled sequences: how accurate the best of `compare classify` is on five sets of the UCR and UEA archives, and what random kernels cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.case import Case, require, timed
from benchmarks.machine import ROOT

FOLDER = ROOT.parent / "shared" / "data" / "sequence_classification"
# accuracy to reach by the model that the training part chose
LIMITS = {"GunPoint": 0.98, "JapaneseVowels": 0.97, "ItalyPowerDemand": 0.96, "BasicMotions": 1.0, "ArrowHead": 0.82}
QUICK = ("minirocket", "nearest")


def classification(quick: bool) -> list[Case]:
    """The winner of `compare classify`, chosen by cross-validation on the official training part, on the official test part; beside one nearest neighbour."""
    return [accuracy(name, limit, quick) for name, limit in LIMITS.items()]


def accuracy(name: str, limit: float, quick: bool) -> Case:
    """All candidates on one set."""
    from inorder.classification import compare_classify
    from inorder.data.labelled_reading import read_sequences

    path = FOLDER / f"{name}.zip"
    if not path.is_file():
        raise FileNotFoundError(f"../shared/data/sequence_classification/{path.name} is not beside this checkout")
    data = read_sequences(path)

    def check() -> dict[str, Any]:
        result = compare_classify(data, models=QUICK if quick else None)
        best = result.table[0]
        require(quick or best["accuracy"] >= limit, f"{result.winner}, chosen without the test part, has an accuracy of {best['accuracy']:.4f}, not {limit}.")
        return {f"{row['model']}: selection, accuracy, log loss; seconds": told(row) for row in result.table}

    programs = {"minirocket": timed(lambda: once(data, "minirocket")), "nearest": timed(lambda: once(data, "nearest"))}
    sizes = {"training": int((~data.test).sum()), "test": int(data.test.sum()), "steps": int(data.lengths.max()), "channels": len(data.channels)}
    notes = ("time: one fit to the training part and the labels of the test part; the seconds of the leaderboard are those of all folds",)
    return Case(name, sizes, programs, check, (), 1 if quick else 3, gate="" if quick else f"accuracy of the winner ≥ {limit}", notes=notes)


def told(row: dict[str, Any]) -> str:
    return row["error"] or f"{row['selection']:.4f}, {row['accuracy']:.4f}, {row['log_loss']:.3f}; {row['seconds']:.1f}"


def once(data: Any, name: str) -> np.ndarray[Any, Any]:
    """Fit to the training part, label the test part."""
    from inorder.tasks.classify import candidate

    return candidate(name).make().fit(data).outputs(data[data.test].values)
