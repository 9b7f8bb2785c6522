"""The real command line of the task `classify`: a file in, leaderboard, bundle and report out, labels back."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from inorder.classification import compare_classify

INORDER = [sys.executable, "-m", "inorder"]


def run(*arguments: str, folder: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*INORDER, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def walks(path: Path, n: int = 30, labelled: bool = True, seed: int = 0) -> Path:
    """One row a step: who, when, two channels, and what they did."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        speed = (0.3, 0.9)[i % 2]
        for t in range(int(rng.integers(20, 30))):
            label = {"label": ("walk", "run")[i % 2]} if labelled else {}
            rows.append({"id": f"person {i}", "t": t, "x": np.sin(speed * t) + rng.normal(0, 0.1), "y2": np.cos(speed * t) + rng.normal(0, 0.1), **label})
    pl.DataFrame(rows).write_csv(path)
    return path


def test_from_compare_to_predict(tmp_path):
    walks(tmp_path / "walks.csv")
    done = run("compare", "classify", "walks.csv", "--models", "minirocket,nearest,majority", folder=tmp_path)
    assert "30 sequences of 20–29 steps, 2 channels, 2 classes" in done.stdout and "a fifth, 6 sequences, was drawn for it" in done.stdout
    saved = tmp_path / "runs" / "walks-classify"
    header = json.loads((saved / "model.json").read_text())
    best = header["comparison"]["table"][0]["model"]
    assert f"best: {best}, saved in" in done.stdout and header["comparison"]["table"][-1]["model"] == "majority"
    page = (saved / "report.html").read_text(encoding="utf-8")
    assert "Leaderboard" in page and "inorder compare classify walks.csv" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and "<script" not in page
    walks(tmp_path / "new.csv", 8, labelled=False, seed=1)
    printed = run("predict", "runs/walks-classify", "new.csv", folder=tmp_path)
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert list(rows[0]) == ["id", "label", "probability", "p_run", "p_walk"] and [row["label"] for row in rows] == ["walk", "run"] * 4
    assert all(abs(float(row["p_run"]) + float(row["p_walk"]) - 1) < 1e-9 for row in rows) and rows[3]["id"] == "person 3"
    run("predict", "runs/walks-classify", "new.csv", "--out", "out/p.json", "-q", folder=tmp_path)
    assert [row["label"] for row in json.loads((tmp_path / "out" / "p.json").read_text())["sequences"]] == [row["label"] for row in rows]
    scores = json.loads(run("evaluate", "runs/walks-classify", "walks.csv", "--json", folder=tmp_path).stdout)
    assert scores["scores"]["accuracy"] == 1 and "examples=30" in scores["signatures"]["accuracy"]
    assert scores["notes"] == ["the model was fitted to all 30 sequences: the scores say how well it remembers them, not how well it does on others"]
    assert "fitted to all 30 sequences" in run("evaluate", "runs/walks-classify", "walks.csv", folder=tmp_path).stdout


def test_one_model_with_settings(tmp_path):
    walks(tmp_path / "walks.csv", 12)
    settings = ("--set", "hidden=4", "--set", "max_epochs=2", "--set", "augmentation=noise,warp")
    done = run("fit", "classify", "walks.csv", "--model", "cnn", *settings, "--seed", "3", "--out", "m", "--json", folder=tmp_path)
    said = json.loads(done.stdout)
    assert said["settings"]["augmentation"] == ["noise", "warp"] and said["settings"]["seed"] == 3 and said["model"] == "cnn"
    assert "trained for 2 epochs" in (tmp_path / "m" / "report.html").read_text(encoding="utf-8")
    assert len(run("predict", "m", "walks.csv", folder=tmp_path).stdout.splitlines()) == 13


def test_models_are_listed(tmp_path):
    listed = run("models", "classify", folder=tmp_path).stdout
    assert [line.split()[0] for line in listed.splitlines()][:2] == ["minirocket", "rocket"] and "Wang, Yan & Oates 2017" in listed
    assert 'kind="rocket"' in run("models", "classify", "rocket", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ("compare classify walks.csv --horizon 3", "--horizon has no meaning for compare classify"),
        ("compare classify walks.csv --label mood", 'has no column "mood" for --label; it has id, t, x, y2, label'),
        ("compare classify walks.csv --by mase", 'Score "mase" is unknown'),
        ("compare classify walks.csv --by rmse", "are classes, which rmse does not score"),
        ("compare classify walks.csv --frequency daily", 'Option for labelled sequences "frequency" is unknown'),
        ("compare classify walk.csv", 'Did you mean "walks.csv"'),
        ("compare classify walks.csv --kind regression", "is not a number, which a regression needs"),
        ("compare forecast walks.csv --label x", "--label has no meaning for compare forecast"),
        ("fit classify walks.csv --model minirokcet", 'Did you mean "minirocket"'),
        ("fit classify walks.csv --model best --set seed=1", "--set belongs to one model"),
        ("fit classify walks.csv --model cnn --set hiden=3", 'Did you mean "hidden"'),
    ],
)
def test_wrong_commands_are_one_sentence(tmp_path, arguments, match):
    walks(tmp_path / "walks.csv", 6)
    done = run(*arguments.split(), folder=tmp_path, code=2)
    assert match in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["walks.csv"]


def test_a_shared_set_is_learnt(shared_data):
    """GunPoint: one error in 150 at most for random kernels (Dempster et al. 2021 report none or one), where the nearest neighbour makes thirteen."""
    result = compare_classify(shared_data / "sequence_classification" / "GunPoint.zip", models=["minirocket", "nearest"])
    assert result.winner == "minirocket" and result.table[0]["accuracy"] >= 0.98
    assert round(150 * result.table[1]["accuracy"]) == 137
