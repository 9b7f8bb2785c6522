"""The command line: one sub-command per verb; each imports its own work when it runs.

Exit codes: 0 done, 1 failed, 2 the input or an option is wrong (one plain sentence, nothing written), 130 stopped by Ctrl-C.
Results go to standard output, progress and messages to standard error.
"""

from __future__ import annotations

import dataclasses
import inspect
import io
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from inorder import __version__
from inorder.errors import ConfigError, InorderError, InputError
from inorder.output import print_data, say

app = typer.Typer(
    name="inorder",
    help="Models for data whose order matters.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@dataclass(frozen=True)
class Reading:
    """Flags that say how to read a file of series: `data.options.Options`, whose fields they bear; what is not given is inferred and shown."""

    id: Annotated[str | None, typer.Option(help='Column that tells the series of a panel apart; "none": one series only.')] = None
    time: Annotated[str | None, typer.Option(help='Column of the stamps; "year,month" joins two; "none": the order of the rows.')] = None
    value: Annotated[str | None, typer.Option(help="Column to forecast; several, separated by commas, make a panel.")] = None
    frequency: Annotated[str | None, typer.Option(help='Such as "monthly", "30min", "2 weeks", "business-day".')] = None
    season_length: Annotated[int | None, typer.Option("--season", "--season-length", help="Observations per season: 12 for months, 1 for none.")] = None
    timezone: Annotated[str | None, typer.Option(help="Where local stamps were taken, such as Europe/Paris.")] = None
    start: Annotated[str | None, typer.Option(help="First stamp of a series without dates, with --frequency.")] = None
    past: Annotated[str | None, typer.Option(help="Columns known up to now only, separated by commas.")] = None
    future: Annotated[str | None, typer.Option(help="Columns known ahead of time.")] = None
    static: Annotated[str | None, typer.Option(help="Columns with one number for each series.")] = None
    dates: Annotated[str | None, typer.Option(help='"day-first", "month-first", "seconds" since 1970, …, or a format such as %d.%m.%Y.')] = None
    decimal: Annotated[str | None, typer.Option(help='Decimal mark, "." or ",".')] = None
    missing: Annotated[str | None, typer.Option(help="More words for a missing value, separated by commas.")] = None
    duplicates: Annotated[str | None, typer.Option(help="Different values at one stamp: error, mean, first, last or sum.")] = None
    layout: Annotated[str | None, typer.Option(help="long, wide, or rows: a series in each row.")] = None
    every: Annotated[str | None, typer.Option(help="Put the stamps on a grid of this spacing: 1d, or a number where times are numbers.")] = None
    how: Annotated[str | None, typer.Option(help="With --every: mean, sum, median, min, max, first or last of each cell.")] = None
    header: Annotated[bool | None, typer.Option("--header/--no-header", help="Whether the first row names the columns.")] = None
    separator: Annotated[str | None, typer.Option(help="What separates the fields.")] = None
    encoding: Annotated[str | None, typer.Option(help="Encoding of a text file.")] = None

    def keywords(self) -> dict[str, Any]:
        """What was given, as keywords of `read_series`."""
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) is not None}
        for name in ("id", "time", "value", "past", "future", "static", "missing"):
            if name in given:
                parts = tuple(names(given[name]))
                given[name] = parts[0] if len(parts) == 1 and name in ("id", "time", "value") else parts
        if "every" in given and re.fullmatch(r"\d*\.?\d+(e-?\d+)?", given["every"]):
            given["every"] = float(given["every"])
        return given


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags of `Reading`, so that they are written once; it receives them as one record, `reading`."""
    own = inspect.signature(command, eval_str=True)
    flags = inspect.signature(Reading, eval_str=True).parameters.values()

    def wrapped(**given: Any) -> None:
        record = Reading(**{flag.name: given.pop(flag.name) for flag in flags})
        command(**given, reading=record)

    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own.parameters.values(), *flags) if p.name != "reading"]
    wrapped.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    return wrapped


# what several commands take, written once
Task = Annotated[str, typer.Argument(help="forecast", show_default=False)]
Data = Annotated[str, typer.Argument(help='A CSV, TSV or Parquet file (also .gz), "-" for standard input, or the name of a sample.', show_default=False)]
Folder = Annotated[Path, typer.Argument(help="The folder of a saved model.", show_default=False)]
Horizon = Annotated[int | None, typer.Option("--horizon", "-H", help="Steps ahead; if not given, what was compared, or one season, or a tenth of the data.")]
Levels = Annotated[str, typer.Option(help="Probabilities of the prediction intervals, separated by commas.")]
Intervals = Annotated[str, typer.Option(help="auto, analytic or conformal.")]
Budget = Annotated[str | None, typer.Option(help="Time for all fits: 40s, 10m, 1h.")]
Seed = Annotated[int, typer.Option(help="For models that draw random numbers.")]
Out = Annotated[Path | None, typer.Option(help="Where to save.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.")]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Models for data whose order matters: fit, compare, explain and serve them with a few verbs."""
    if version:
        say(f"inorder {__version__}")
        raise typer.Exit


@app.command()
@with_reading
def compare(
    task: Task,
    data: Data,
    reading: Reading,
    horizon: Horizon = None,
    models: Annotated[str | None, typer.Option(help="Names separated by commas; all that suit the data if not given. See `inorder models`.")] = None,
    folds: Annotated[int, typer.Option(help="Selection folds.")] = 3,
    step: Annotated[int | None, typer.Option(help="Rows between the origins of the folds; the horizon if not given.")] = None,
    refit: Annotated[bool, typer.Option("--refit/--no-refit", help="Fit anew at each origin, or fit once and take newer rows in.")] = True,
    by: Annotated[str, typer.Option(help="The score that ranks: mase, smape, mae, rmse, owa, pinball or crps.")] = "mase",
    levels: Levels = "0.8,0.95",
    intervals: Intervals = "auto",
    budget: Budget = None,
    seed: Seed = 0,
    keep: Annotated[str, typer.Option(help='"best", or "all" to save every model.')] = "best",
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit the candidates, rank them on folds of the history, save the best with a report."""
    from inorder import comparison
    from inorder.data.series import read_series
    from inorder.terminal import Board

    seconds, wanted = parse_budget(budget), None if models is None else names(models)
    comparison.check_options(
        task, horizon=horizon, models=wanted, folds=folds, step=step, by=by, levels=parse_levels(levels), intervals=intervals, budget=seconds, keep=keep
    )
    target = check_target(out or Path("runs") / stem(data))
    series = read_series(data, **reading.keywords())
    if not quiet and not as_json:
        say(series.describe())
        for note in series.notes:
            say(f"  {note}")
    board = Board(by, quiet or as_json)
    with board:
        result = comparison.compare(
            task,
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
        say(f"forecast: inorder predict {saved} --horizon {result.horizon}")


@app.command()
@with_reading
def fit(
    task: Task,
    data: Data,
    reading: Reading,
    model: Annotated[str, typer.Option("--model", "-m", help="A name of `inorder models`, or best: the winner of compare.")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting of the model, key=value; may be given several times.")] = None,
    models: Annotated[str | None, typer.Option(help="What best chooses from, names separated by commas.")] = None,
    horizon: Annotated[int | None, typer.Option("--horizon", "-H", help="Steps ahead in the report, and those that best compares at.")] = None,
    budget: Budget = None,
    seed: Seed = 0,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit one model and save it with a report."""
    from inorder import verbs
    from inorder.bundle import write_bundle
    from inorder.data.series import read_series
    from inorder.forecast.base import check_horizon
    from inorder.report import render_report
    from inorder.tasks.forecast import parse_settings
    from inorder.terminal import Bar, Board

    seconds, settings = parse_budget(budget), parse_settings(set_ or [])
    if horizon is not None:
        check_horizon(horizon)
    if settings and model == "best":
        raise ConfigError("--set belongs to one model: name it with --model.")
    if models is not None and model != "best":
        raise ConfigError("--models is what --model best chooses from; give --model best, or one name.")
    target = check_target(out or Path("runs") / stem(data))
    series = read_series(data, **reading.keywords())
    if not quiet and not as_json:
        say(series.describe())
        for note in series.notes:
            say(f"  {note}")
    chosen = None
    if model == "best":
        from inorder import comparison

        with Board("mase", quiet or as_json) as board:
            wanted = None if models is None else names(models)
            chosen = comparison.compare(task, series, horizon=horizon, models=wanted, budget=seconds, seed=seed, on_row=board.show, on_progress=board.progress)
        fitted, header = chosen.best, {"candidate": chosen.winner, "horizon": chosen.horizon, "comparison": chosen.to_json()}
    else:
        with Bar(model, quiet or as_json) as bar:
            fitted = verbs.fit(task, series, model, settings=settings, budget=seconds, seed=seed, on_progress=bar.update)
        header = {"candidate": model, "horizon": horizon}
    page = render_report(fitted, chosen, made_by=command_line(), horizon=horizon)
    saved = write_bundle(target, dataclasses.replace(fitted.bundle(**header), texts={"report.html": page}))
    if as_json:
        print_json(
            {
                "task": task,
                "model": header["candidate"],
                "data": series.describe(),
                "parameters": plain(fitted.describe(0)) if len(series) == 1 else None,
                "out": str(saved),
            }
        )
    elif not quiet:
        say(fitted.summary())
        say(f"\nsaved in {saved}; report: {saved / 'report.html'}")


@app.command()
@with_reading
def predict(
    bundle: Folder,
    reading: Reading,
    data: Annotated[str | None, typer.Argument(help='Newer rows to take in first: a file, or "-" for standard input.', show_default=False)] = None,
    horizon: Horizon = None,
    levels: Levels = "0.8,0.95",
    intervals: Intervals = "auto",
    out: Annotated[Path | None, typer.Option(help="A .csv, .parquet or .json file; standard output as CSV if not given.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Forecast with a saved model, after taking in newer rows if there are any."""
    from inorder.bundle import read_header
    from inorder.output import write_forecast
    from inorder.verbs import load, newer

    fitted = load(bundle)
    if data is not None:
        new = newer(fitted, data, **reading.keywords())
        for note in new.notes if new is not None and not quiet else ():
            complain(f"  {note}")
        if new is not None:
            fitted = fitted.update(new)
        elif not quiet:
            complain("No row comes after the model's history, so the forecast starts at its end.")
    forecast = fitted.predict(usual_horizon(bundle, fitted.history.season_length) if horizon is None else horizon, parse_levels(levels), intervals=intervals)
    if not quiet:
        for name, reason in forecast.errors.items():
            complain(f"{name}: {reason}")
    write_forecast(dataclasses.replace(forecast, model=read_header(bundle).get("candidate", forecast.model)), out, as_json)


@app.command()
@with_reading
def evaluate(
    bundle: Folder,
    data: Data,
    reading: Reading,
    horizon: Horizon = None,
    step: Annotated[int | None, typer.Option(help="Rows between origins; the horizon if not given.")] = None,
    levels: Levels = "0.8,0.95",
    as_json: AsJson = False,
) -> None:
    """Score a saved model on rows that it has not seen."""
    from inorder.verbs import evaluate as score

    scores = score(bundle, data, horizon=horizon, step=step, levels=parse_levels(levels), **reading.keywords())
    if as_json:
        print_json({"scores": {key: finite(one.value) for key, one in scores.items()}, "signatures": {key: one.signature for key, one in scores.items()}})
        return
    for one in scores.values():
        say(str(one))


@app.command()
def data(name: Annotated[str | None, typer.Argument(help="Print this sample.", show_default=False)] = None, as_json: AsJson = False) -> None:
    """The samples that come with the package, or one of them."""
    import gzip

    from inorder.data.samples import SAMPLES, sample_path

    if name is not None:
        raw = sample_path(name).read_bytes()
        print_data((gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw).decode("utf-8"))
    elif as_json:
        print_json({key: {"about": one.sentence, "source": one.source, "licence": one.licence, "horizon": one.horizon} for key, one in SAMPLES.items()})
    else:
        width = max(map(len, SAMPLES))
        for key, one in SAMPLES.items():
            say(f"{key:<{width}}  {one.sentence} ({one.licence})")


@app.command()
def models(
    task: Annotated[str | None, typer.Argument(help="forecast", show_default=False)] = None,
    name: Annotated[str | None, typer.Argument(help="One model: what it is, and its settings.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """What can be fitted, one line each, with its source."""
    from inorder.errors import unknown
    from inorder.tasks.forecast import CANDIDATES, candidate

    if task not in (None, "forecast"):
        raise unknown("task", str(task), ["forecast"])
    if as_json:
        listed = CANDIDATES if name is None else {name: candidate(name)}
        print_json(
            {
                "forecast": {
                    key: {"about": one.sentence, "equation": one.equation, "source": one.source, "settings": plain(one.make().settings)}
                    for key, one in listed.items()
                }
            }
        )
    elif name is not None:
        one = candidate(name)
        forecaster = one.make()
        say(f"{name}: {one.sentence}\n\n    {one.equation}\n\nSource: {one.source}.\n\nSettings for --set, with their values here:")
        for key, value in forecaster.settings.items():
            say(f"    {key}={json.dumps(plain(value))}")
        say(f"\n{inspect.getdoc(type(forecaster))}")
    else:
        width = max(map(len, CANDIDATES))
        for key, one in CANDIDATES.items():
            say(f"{key:<{width}}  {one.sentence} {one.source}.")


@app.command()
def lecture(
    topic: Annotated[str | None, typer.Argument(help="A number or a topic, such as ctc: its steps.", show_default=False)] = None, as_json: AsJson = False
) -> None:
    """The lecture's 24 worked examples: what it prints, what is right, and why."""
    from inorder.lecture import show

    show(topic, as_json)


def stem(data: str) -> str:
    """A folder name for the results on `data`: the file's name without the endings that we read."""
    name = "standard-input" if data == "-" else Path(data).name
    name = re.sub(r"(\.(csv|tsv|tab|txt|dat|parquet|pq|gz))+$", "", name, flags=re.IGNORECASE) or "series"
    return re.sub(r"[^\w.-]+", "-", name).lstrip(".") or "series"


def usual_horizon(bundle: Path, season_length: int) -> int:
    """The horizon that the bundle was compared or fitted for; else one season, or ten steps."""
    from inorder.bundle import read_header

    horizon = read_header(bundle).get("horizon")
    return horizon if isinstance(horizon, int) and horizon > 0 else season_length if season_length > 1 else 10


def check_target(path: Path) -> Path:
    """Refuse, before any work is done, a folder that must not be overwritten or cannot be made."""
    from inorder.bundle import check_replaceable

    check_replaceable(path)
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ConfigError(f"{path} cannot be made: {above} cannot be written. Choose another folder with --out.")
    return path


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def parse_levels(text: str) -> list[float]:
    try:
        return [float(part) for part in names(text)]
    except ValueError:
        raise ConfigError(f'--levels takes probabilities such as 0.8,0.95, not "{text}".') from None


def parse_budget(text: str | None) -> float | None:
    """Seconds from 40s, 10m, 1.5h or a bare number of seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*(s|m|min|h)?\s*", text.lower())
    if not match or float(match.group(1)) == 0:
        raise ConfigError(f'--budget takes a time such as 40s, 10m or 1h, not "{text}".')
    return float(match.group(1)) * {"s": 1, None: 1, "m": 60, "min": 60, "h": 3600}[match.group(2)]


def command_line() -> str:
    """What the user typed."""
    return "inorder " + shlex.join(sys.argv[1:])


def finite(value: float) -> float | None:
    import math

    return value if math.isfinite(value) else None


def plain(value: Any) -> Any:
    """Arrays, records and NumPy numbers as JSON values."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return finite(value) if isinstance(value, float) else value


def print_json(value: Any) -> None:
    print_data(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def complain(text: str) -> None:
    """A line to standard error."""
    typer.echo(text, err=True)


def interrupt(number: int, frame: Any) -> None:
    """Ctrl-C: stop here; and, should a library swallow the exception (an import may), at the next row of the leaderboard."""
    from inorder import terminal

    terminal.interrupted = True
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; errors become one sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ŷ shows a question mark instead of failing
    signal.signal(signal.SIGINT, interrupt)
    try:
        code = app(standalone_mode=False)
    except (InputError, InorderError) as error:
        complain(f"inorder: {error}")
        raise SystemExit(2 if isinstance(error, InputError) else 1) from None
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except OSError as error:  # a disk that is full, a folder that must not be written
        complain(f"inorder: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        raise SystemExit(1) from None
    except Exception as error:
        if not hasattr(error, "show"):  # typer's own errors of usage can show themselves; all others are bugs
            raise
        error.show()
        raise SystemExit(2) from None
    if code == 130:
        complain("inorder: stopped; nothing was left half-written.")
    raise SystemExit(code)
