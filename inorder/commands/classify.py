"""The command line of the task `classify`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from inorder.commands import check_target, command_line, complain, finite, names, plain, print_json, stem
from inorder.errors import ConfigError
from inorder.output import say


def compare(
    data: str,
    reading: Mapping[str, Any],
    models: str | None,
    label: str | None,
    test: str | None,
    kind: str | None,
    folds: int | None,
    by: str | None,
    budget: str | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Leaderboard, report, and the best model saved."""
    from inorder import classification
    from inorder.budget import seconds_of
    from inorder.data.labelled_reading import read_sequences
    from inorder.terminal import Board

    seconds, wanted = seconds_of(budget), None if models is None else names(models)
    classification.check_options(models=wanted, by=by, folds=folds, budget=seconds)
    target = check_target(out or Path("runs") / f"{stem(data)}-classify")
    sequences = read_sequences(data, test=test, **options(reading, label, kind))
    by = classification.ranking_of(sequences, by)
    if not quiet and not as_json:
        say(sequences.describe())
        for note in sequences.notes:
            say(f"  {note}")
    board = Board(by, quiet or as_json, "classify")
    with board:
        result = classification.compare_classify(
            sequences, models=wanted, by=by, folds=folds, budget=seconds, seed=seed, on_row=board.show, on_progress=board.progress, call=command_line()
        )
        board.progress("report", 0.0)
        saved = result.save(target)
    if as_json:
        print_json({**result.to_json(), "out": str(saved)})
        return
    board.finish(result.table, result.winner)
    if quiet:
        return
    for note in result.notes:
        say(f"  {note}")
    say(f"\nbest: {result.winner}, saved in {saved}")
    say(f"report:  {saved / 'report.html'}")
    say(f"predict: inorder predict {saved} FILE")


def options(reading: Mapping[str, Any], label: str | None, kind: str | None = None) -> dict[str, Any]:
    """Keywords of `read_sequences` from the flags that were given."""
    return {**reading, **({"label": label} if label is not None else {}), **({"kind": kind} if kind is not None else {})}


def fit(
    data: str,
    reading: Mapping[str, Any],
    model: str,
    set_: list[str] | None,
    models: str | None,
    label: str | None,
    test: str | None,
    kind: str | None,
    budget: str | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """One model, saved with a report."""
    from inorder import classification
    from inorder.budget import seconds_of
    from inorder.bundle import write_bundle
    from inorder.classification_report import render_fitted
    from inorder.data.labelled_reading import read_sequences
    from inorder.tasks.forecast import parse_settings
    from inorder.terminal import Bar

    seconds, settings = seconds_of(budget), parse_settings(set_ or [])
    if settings and model in ("best", "auto"):
        raise ConfigError("--set belongs to one model: name it with --model.")
    target = check_target(out or Path("runs") / f"{stem(data)}-classify")
    sequences = read_sequences(data, test=test, **options(reading, label, kind))
    chosen = None if models is None else names(models)
    with Bar(model, quiet or as_json) as bar:
        fitted = classification.fit_classify(sequences, model, settings=settings, models=chosen, budget=seconds, seed=seed, on_progress=bar.update)
    name = classification.name_of(fitted.model) if model in ("best", "auto") else model
    page = render_fitted(fitted, name, sequences, made_by=command_line())
    saved = write_bundle(target, replace(fitted.bundle(candidate=name), texts={"report.html": page}))
    if as_json:
        told = {"data": fitted.about.described, "settings": plain(fitted.model.settings), "notes": [*sequences.notes, *fitted.notes]}
        print_json({"task": "classify", "model": name, **told, "out": str(saved)})
    elif not quiet:
        for note in sequences.notes:
            say(f"  {note}")
        say(fitted.summary())
        say(f"\nsaved in {saved}; report: {saved / 'report.html'}")


def predict(bundle: Path, reading: Mapping[str, Any], data: str | None, label: str | None, out: Path | None, as_json: bool, quiet: bool) -> None:
    """One row a sequence: label, and the probability of every class."""
    from inorder.bundle import read_header
    from inorder.output import check_kind, write_frame
    from inorder.verbs import load

    check_kind(out)
    fitted = load(bundle)
    if data is None:
        raise ConfigError("predict needs the sequences: a file, a folder or a zip archive of them.")
    sequences = fitted.read(data, **options(reading, label))
    for note in sequences.notes if not quiet else ():
        complain(f"  {note}")
    found = fitted.predict(sequences)
    frame = found.to_frame()
    name = str(read_header(bundle).get("candidate", fitted.model.name))
    write_frame(
        frame, lambda: json.dumps({"model": name, "sequences": plain(list(frame.iter_rows(named=True)))}, ensure_ascii=False, allow_nan=False), out, as_json
    )


def evaluate(bundle: Path, data: str, reading: Mapping[str, Any], label: str | None, as_json: bool) -> None:
    """Scores of a saved model on the test part of the data, or on all of it where it has none."""
    from inorder.classification import trained_on
    from inorder.verbs import evaluate as score

    scores = score(bundle, data, **options(reading, label))
    notes = trained_on(scores)
    if as_json:
        values, signatures = {key: finite(one.value) for key, one in scores.items()}, {key: one.signature for key, one in scores.items()}
        print_json({"scores": values, "signatures": signatures, "notes": notes})
        return
    for note in notes:
        say(f"  {note}")
    for one in scores.values():
        say(str(one))
