"""The command line of the task `forecast`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inorder.commands import check_target, command_line, complain, finite, names, parse_levels, plain, print_json, stem, usual_horizon
from inorder.errors import AheadError, ConfigError
from inorder.output import say

if TYPE_CHECKING:
    from inorder.forecast.base import Fitted


def compare(
    data: str,
    reading: Mapping[str, Any],
    horizon: int | None,
    models: str | None,
    folds: int | None,
    step: int | None,
    refit: bool,
    by: str | None,
    levels: str,
    intervals: str,
    budget: str | None,
    seed: int,
    keep: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Leaderboard, report, and the best model saved."""
    by, folds = by or "mase", 3 if folds is None else folds
    from inorder import comparison
    from inorder.budget import seconds_of
    from inorder.data.series import read_series
    from inorder.terminal import Board

    seconds, wanted = seconds_of(budget), None if models is None else names(models)
    comparison.check_options(
        horizon=horizon, models=wanted, folds=folds, step=step, by=by, levels=parse_levels(levels), intervals=intervals, budget=seconds, keep=keep
    )
    target = check_target(out or Path("runs") / stem(data))
    series = read_series(data, **reading)
    if not quiet and not as_json:
        say(series.describe())
        for note in series.notes:
            say(f"  {note}")
    board = Board(by, quiet or as_json)
    with board:
        result = comparison.compare_forecast(
            series,
            horizon=horizon,
            models=wanted,
            folds=folds,
            step=step,
            refit=refit,
            by=by,
            levels=parse_levels(levels),
            intervals=intervals,
            budget=seconds,
            seed=seed,
            keep=keep,
            on_row=board.show,
            on_progress=board.progress,
        )
        board.progress("report", 0.0)
        saved = dataclasses.replace(result, call=command_line()).save(target)
    if as_json:
        print_json({**result.to_json(), "out": str(saved)})
        return
    board.finish(result.table, result.winner)
    if not quiet:
        for note in result.notes:
            say(f"  {note}")
        say(f"\nbest: {result.winner}, fitted to everything and saved in {saved}")
        if result.kept:
            say(f"others:   {saved / 'candidates'}")
        say(f"report:   {saved / 'report.html'}")
        say(f"forecast: inorder predict {saved} {asked(result.best, result.horizon)}")


def asked(fitted: Fitted, horizon: int) -> str:
    """What `predict` is to be given: a horizon, or the rows to come where the model needs their covariates."""
    try:
        fitted.predict(1, levels=())
    except AheadError:
        return f"ROWS   (the rows to come, with {', '.join(sorted(fitted.history.future))} filled and the values left empty)"
    return f"--horizon {horizon}"


def fit(
    data: str,
    reading: Mapping[str, Any],
    model: str,
    set_: list[str] | None,
    models: str | None,
    horizon: int | None,
    budget: str | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """One model, saved with a report."""
    from inorder import verbs
    from inorder.budget import seconds_of
    from inorder.bundle import write_bundle
    from inorder.data.series import read_series
    from inorder.forecast.base import check_horizon
    from inorder.report import render_report
    from inorder.tasks.forecast import parse_settings
    from inorder.terminal import Bar, Board

    seconds, settings = seconds_of(budget), parse_settings(set_ or [])
    if horizon is not None:
        check_horizon(horizon)
    if settings and model == "best":
        raise ConfigError("--set belongs to one model: name it with --model.")
    if models is not None and model != "best":
        raise ConfigError("--models is what --model best chooses from; give --model best, or one name.")
    target = check_target(out or Path("runs") / stem(data))
    series = read_series(data, **reading)
    if not quiet and not as_json:
        say(series.describe())
        for note in series.notes:
            say(f"  {note}")
    chosen = None
    if model == "best":
        from inorder import comparison

        with Board("mase", quiet or as_json) as board:
            wanted = None if models is None else names(models)
            chosen = comparison.compare_forecast(
                series, horizon=horizon, models=wanted, budget=seconds, seed=seed, on_row=board.show, on_progress=board.progress
            )
        fitted, header = chosen.best, {"candidate": chosen.winner, "horizon": chosen.horizon, "comparison": chosen.to_json()}
    else:
        with Bar(model, quiet or as_json) as bar:
            fitted = verbs.fit_forecast(series, model, settings=settings, budget=seconds, seed=seed, on_progress=bar.update)
        header = {"candidate": model, "horizon": horizon}
    page = render_report(fitted, chosen, made_by=command_line(), horizon=horizon)
    saved = write_bundle(target, dataclasses.replace(fitted.bundle(**header), texts={"report.html": page}))
    if as_json:
        print_json(
            {
                "task": "forecast",
                "model": header["candidate"],
                "data": series.describe(),
                "parameters": plain(fitted.describe(0)) if len(series) == 1 else None,
                "out": str(saved),
            }
        )
    elif not quiet:
        say(fitted.summary())
        say(f"\nsaved in {saved}; report: {saved / 'report.html'}")


def predict(
    bundle: Path,
    reading: Mapping[str, Any],
    data: str | None,
    horizon: int | None,
    levels: str,
    intervals: str,
    samples: int,
    seed: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """A forecast, after taking in newer rows if there are any."""
    from inorder.bundle import read_header
    from inorder.output import write_forecast
    from inorder.verbs import load, newer

    fitted = load(bundle)
    if data is not None:
        new = newer(fitted, data, **reading)
        for note in new.notes if new is not None and not quiet else ():
            complain(f"  {note}")
        if new is not None:
            fitted = fitted.update(new)
        elif not quiet:
            complain("No row comes after the model's history, so the forecast starts at its end.")
    steps = usual_horizon(bundle, fitted.history.season_length) if horizon is None else horizon
    if out is not None and out.suffix == ".parquet":
        from inorder.panel import predict_to_parquet

        for name, reason in predict_to_parquet(fitted, out, steps, parse_levels(levels), intervals=intervals, samples=samples, seed=seed).items():
            if not quiet:
                complain(f"{name}: {reason}")
        return
    forecast = fitted.predict(steps, parse_levels(levels), intervals=intervals, samples=samples, seed=seed)
    if not quiet:
        for name, reason in forecast.errors.items():
            complain(f"{name}: {reason}")
    write_forecast(dataclasses.replace(forecast, model=read_header(bundle).get("candidate", forecast.model)), out, as_json)


def evaluate(bundle: Path, data: str, reading: Mapping[str, Any], horizon: int | None, step: int | None, levels: str, as_json: bool) -> None:
    """Scores on rows that the model has not seen."""
    from inorder.verbs import evaluate_forecast, load, newer

    fitted = load(bundle)
    new = newer(fitted, data, **reading)
    for note in new.notes if new is not None else ():
        complain(f"  {note}")
    options: dict[str, Any] = {"horizon": horizon, "step": step, "levels": parse_levels(levels)}
    scores = evaluate_forecast(fitted, data, **options, **reading) if new is None else evaluate_forecast(fitted, new, **options)
    if as_json:
        print_json({"scores": {key: finite(one.value) for key, one in scores.items()}, "signatures": {key: one.signature for key, one in scores.items()}})
        return
    for one in scores.values():
        say(str(one))


def fill(data: str, reading: Mapping[str, Any], levels: str, transform: str, out: Path | None, as_json: bool, quiet: bool) -> None:
    """The rows with their gaps filled."""
    import json

    from inorder.filling import fill as fill_gaps
    from inorder.output import as_polars, check_kind, write_frame
    from inorder.terminal import Bar

    check_kind(out)
    with Bar("fill", quiet or as_json) as bar:
        found = fill_gaps(data, levels=parse_levels(levels), transform=transform, progress=bar.update, **reading)
    frame = as_polars(found.to_frame())
    if not quiet:
        complain(f"{int(found.filled.sum()):,} of {len(found.filled):,} values were missing and are filled.")
        for note in found.series.notes:
            complain(f"  {note}")
        for name, reason in found.errors.items():
            complain(f"{name}: {reason}")
    write_frame(frame, lambda: json.dumps({"rows": json.loads(frame.write_json()), "errors": dict(found.errors)}, ensure_ascii=False), out, as_json)


def panel(
    data: str,
    reading: Mapping[str, Any],
    horizon: int,
    out: Path,
    model: str,
    set_: list[str] | None,
    levels: str,
    intervals: str,
    seed: int,
    chunk: int,
    workers: int | None,
    engine: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Shards of forecasts, one row a step."""
    import polars

    from inorder.data.series import read_series
    from inorder.panel import forecast_panel
    from inorder.tasks.forecast import parse_settings
    from inorder.terminal import Bar

    series = read_series(data, **reading)
    if not quiet and not as_json:
        say(series.describe())
        for note in series.notes:
            say(f"  {note}")
    try:
        with Bar(model, quiet or as_json) as bar:
            folder = forecast_panel(
                series,
                model,
                horizon=horizon,
                levels=parse_levels(levels),
                settings=parse_settings(set_ or []),
                intervals=intervals,
                seed=seed,
                chunk=chunk,
                workers=workers,
                engine=engine,
                out=out,
                on_progress=bar.update,
            )
    except KeyboardInterrupt:
        ready = len(list(out.glob("part-*.parquet")))
        what = f"{ready:,} finished shard{'s' * (ready != 1)} stay in {out}, and the same call goes on from there" if ready else "nothing was written"
        complain(f"inorder: stopped; {what}.")
        raise SystemExit(130) from None
    shards = polars.scan_parquet(out / "part-*.parquet")
    counts = shards.select(rows=polars.len(), failed=(polars.col("error").is_not_null()).sum()).collect().row(0, named=True)
    made, failed = counts["rows"] // horizon, counts["failed"] // horizon
    if as_json:
        print_json({"task": "forecast", "model": model, "series": made, "failed": failed, "notes": list(series.notes), "out": str(folder)})
    elif not quiet:
        say(f"{made:,} series forecast in {folder}" + (f"; {failed:,} could not be fitted: column error" if failed else ""))
        say(f'all in one table: polars.read_parquet("{folder}/*.parquet")')
