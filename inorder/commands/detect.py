"""The command line of the task `detect`."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inorder.commands import check_target, command_line, complain, finite, names, print_json, stem
from inorder.errors import ConfigError, SeriesError
from inorder.output import print_data, say


def compare(
    data: str,
    reading: Mapping[str, Any],
    models: str | None,
    labels: str | None,
    alarm_rate: str | None,
    by: str | None,
    learn: str | None,
    budget: str | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Leaderboard, report, and the best detector saved."""
    from inorder import detection
    from inorder.budget import seconds_of
    from inorder.tasks.detect import parse_rate, read_watched
    from inorder.terminal import Board

    by = by or "nab"
    seconds, wanted = seconds_of(budget), None if models is None else names(models)
    rate = None if alarm_rate is None else parse_rate(alarm_rate)
    share = None if learn is None else parse_rate(learn)
    detection.check_options(models=wanted, by=by, budget=seconds, learn=share)
    target = check_target(out or Path("runs") / f"{stem(data)}-detect")
    watched = read_watched(data, labels, **reading)
    if not quiet and not as_json:
        rows = sum(int((~np.isnan(one.series.values)).sum()) for one in watched)
        say(watched[0].series.describe() if len(watched) == 1 else f"{len(watched)} series, {rows:,} rows")
        for one in watched[:1] if len(watched) == 1 else ():
            for note in one.series.notes:
                say(f"  {note}")
    board = Board(by, quiet or as_json, "detect")
    with board:
        result = detection.compare_detect(
            watched, models=wanted, alarm_rate=rate, by=by, learn=share, budget=seconds, on_row=board.show, on_progress=board.progress, call=command_line()
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
    if result.best is not None:
        say(f"\n{'best' if result.labelled else 'taken'}: {result.winner}, fitted to everything and saved in {saved}")
        say(f"report:  {saved / 'report.html'}")
        say(f"alarms:  inorder predict {saved} NEWER-ROWS")
    else:
        say(f"\n{'best' if result.labelled else 'taken'}: {result.winner}; report: {saved / 'report.html'}")
        say(f"fit it to one of the files: inorder fit detect FILE --model {result.winner}")


def fit(
    data: str,
    reading: Mapping[str, Any],
    model: str,
    set_: list[str] | None,
    labels: str | None,
    alarm_rate: str | None,
    budget: str | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """One detector, saved with a report."""
    from inorder import detection
    from inorder.budget import seconds_of
    from inorder.bundle import write_bundle
    from inorder.detection_report import render_fitted
    from inorder.tasks.detect import parse_rate
    from inorder.tasks.forecast import parse_settings
    from inorder.terminal import Bar

    seconds, settings = seconds_of(budget), parse_settings(set_ or [])
    chosen = model in ("best", "auto")  # the winner of compare, where labels can tell which
    rate = None if alarm_rate is None else parse_rate(alarm_rate)
    if settings and chosen:
        raise ConfigError("--set belongs to one model: name it with --model.")
    if labels is not None and not chosen:
        raise ConfigError("--labels is what --model best chooses by; give one or the other.")
    target = check_target(out or Path("runs") / f"{stem(data)}-detect")
    with Bar(model, quiet or as_json) as bar:
        fitted = detection.fit_detect(data, model, alarm_rate=rate, settings=settings, labels=labels, budget=seconds, on_progress=bar.update, **reading)
    name = model if not chosen else next(iter(_names_of(fitted)), fitted.detector.name)
    page = render_fitted(fitted, name, detection.look_back(fitted), made_by=command_line())
    saved = write_bundle(target, replace(fitted.bundle(candidate=name), texts={"report.html": page}))
    if as_json:
        told = {"data": fitted.history.describe(), "settings": fitted.detector.settings, "notes": [*fitted.history.notes, *fitted.notes]}
        print_json({"task": "detect", "model": name, **told, "out": str(saved)})
    elif not quiet:
        for note in fitted.history.notes:
            say(f"  {note}")
        say(fitted.summary())
        say(f"\nsaved in {saved}; report: {saved / 'report.html'}")


def _names_of(fitted: Any) -> list[str]:
    """The candidates that have these forecasters and settings."""
    from inorder.tasks.detect import CANDIDATES

    bare = {"alarm_rate": 0.001}
    return [name for name, one in CANDIDATES.items() if one.make(**bare) == fitted.detector.with_settings(bare)]


def predict(bundle: Path, reading: Mapping[str, Any], data: str | None, out: Path | None, as_json: bool, quiet: bool) -> None:
    """One row an observation: score, expectation, band, alarm."""
    from inorder.bundle import read_header
    from inorder.detection import newer
    from inorder.output import check_kind, write_detections
    from inorder.verbs import load

    check_kind(out)
    fitted = load(bundle)
    name = str(read_header(bundle).get("candidate", fitted.detector.name))
    if data is None:
        raise ConfigError('predict needs the rows to watch: a file with newer rows, or "-" for standard input, line by line.')
    if data == "-" and out is None:
        watch_lines(fitted, sys.stdin, as_json, quiet)
        return
    new = newer(fitted, data, **reading)
    if new is None:
        raise SeriesError(f"No row of the data comes after {fitted.history.describe()}, which the detector was fitted to.")
    for note in (*new.notes, *fitted.notes) if not quiet else ():
        complain(f"  {note}")
    found = fitted.detect(new)
    write_detections(found, name, out, as_json)
    if not quiet:
        complain(f"{int(found.is_anomaly.sum())} alarms in {int((~np.isnan(found.rows.values)).sum()):,} rows")


def watch_lines(fitted: Any, lines: Iterator[str], as_json: bool, quiet: bool) -> None:
    """Each line of comma-separated text is answered as soon as it has come: by a line, or by a JSON object with `--json`.

    A line is a stamp and a value, or a value alone, which is the next step; a first line may name the columns. Rows that the history has are
    left out; steps without a line count as missing.
    """
    history = fitted.history
    if len(history) != 1:
        raise ConfigError(f"Line by line one series is watched, and the detector was fitted to {len(history)}; give a file instead.")
    session, names_ = fitted.stream(0), history.names
    last, old, places = history.index[-1], 0, None
    fields_ = (names_.time, names_.value, "score", "expected", "lower", "upper", "is_anomaly")
    for note in fitted.notes if not quiet else ():
        complain(f"  {note}")
    if not as_json:
        print_data(_line(fields_))
    for number, cells in enumerate(csv.reader(lines), 1):
        if not cells or not any(cell.strip() for cell in cells):
            continue
        if number == 1 and not _is_value(cells[-1]):
            places = _places(cells, names_.time, names_.value)
            continue
        if places is None and len(cells) > 2:
            heads = f"{names_.time},{names_.value}"
            raise SeriesError(
                f"standard input, line {number}: a stamp and a value were expected, or a value alone, and {len(cells)} cells came. "
                f'Let a first line name the columns, such as "{heads}", or write decimals with a point and thousands without a mark.'
            )
        stamp, text = (cells[places[0]] if places[0] is not None else None, cells[places[1]]) if places else (cells[0] if len(cells) > 1 else None, cells[-1])
        if not _is_value(text):
            raise SeriesError(f'standard input, line {number}: a number was expected, "{text}" came.')
        value = float(text) if _is_number(text) else math.nan
        at = _at(history, stamp, number) if stamp is not None else _next(history, last)
        if at <= last:
            old += 1
            continue
        while history.frequency is not None and (due := _next(history, last)) < at:
            session.step(math.nan)
            last = due
        last = at
        alarm = session.step(value)
        answer = (stamp if stamp is not None else history.label(at), value, *alarm)
        if as_json:
            print_data(json.dumps({key: finite(one) if isinstance(one, float) else one for key, one in zip(fields_, answer, strict=True)}) + "\n")
        else:
            print_data(_line(["" if isinstance(one, float) and math.isnan(one) else str(one).lower() if isinstance(one, bool) else one for one in answer]))
    if old and not quiet:
        complain(f"{old} lines left out: the history has those rows.")


def _line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_value(text: str) -> bool:
    return text.strip().lower() in ("", "nan", "na", "null") or _is_number(text)


def _places(heads: list[str], time: str, value: str) -> tuple[int | None, int]:
    """Where the stamp and the value stand under these headings."""
    heads = [head.strip() for head in heads]
    if value in heads:
        return (heads.index(time) if time in heads else None), heads.index(value)
    if len(heads) <= 2:
        return (0 if len(heads) == 2 else None), len(heads) - 1
    raise SeriesError(f'standard input has no column "{value}", to which the detector was fitted; it has {", ".join(heads)}.')


def _at(history: Any, text: str, number: int) -> Any:
    """The stamp in a line."""
    try:
        if history.index.dtype.kind == "M":
            return np.datetime64(text.strip().replace(" ", "T"), "us")
        return type(history.index[-1].item())(text)
    except ValueError:
        raise SeriesError(f'standard input, line {number}: a stamp such as {history.label(history.index[-1])} was expected, "{text}" came.') from None


def _next(history: Any, last: Any) -> Any:
    """The stamp after `last`; without a grid, a moment later."""
    if history.frequency is None:
        return last + (np.timedelta64(1, "us") if history.index.dtype.kind == "M" else 1)
    return history.frequency.advance(np.array([last]), np.array([1]))[0]


def evaluate(bundle: Path, data: str, reading: Mapping[str, Any], labels: str | None, as_json: bool) -> None:
    """Scores of the alarms on rows that the detector has not seen."""
    from inorder.verbs import evaluate as score

    scores = score(bundle, data, labels=labels, **reading)
    if as_json:
        print_json({"scores": {key: finite(one.value) for key, one in scores.items()}, "signatures": {key: one.signature for key, one in scores.items()}})
        return
    for one in scores.values():
        say(str(one))
    if labels is None:
        say("Without --labels nothing else can be said.")
