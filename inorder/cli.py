"""The command line: one sub-command per verb; each imports its own work when it runs.

Exit codes: 0 done, 1 failed, 2 the input or an option is wrong (one plain sentence, nothing written), 130 stopped by Ctrl-C.
Results go to standard output, progress and messages to standard error.
"""

from __future__ import annotations

import dataclasses
import inspect
import io
import json
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from inorder import __version__
from inorder.commands import complain, names, plain, print_json
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
Task = Annotated[str, typer.Argument(help="forecast, detect or classify", show_default=False)]
Data = Annotated[
    str,
    typer.Argument(
        help='A CSV, TSV or Parquet file (also .gz), "-" for standard input, or the name of a sample; classify: also .ts, ARFF, NPZ, a folder, a zip.',
        show_default=False,
    ),
]
Folder = Annotated[Path, typer.Argument(help="The folder of a saved model.", show_default=False)]
Horizon = Annotated[int | None, typer.Option("--horizon", "-H", help="Steps ahead; if not given, what was compared, or one season, or a tenth of the data.")]
Levels = Annotated[str, typer.Option(help="Probabilities of the prediction intervals, separated by commas.")]
Intervals = Annotated[str, typer.Option(help="auto, analytic, simulated, bootstrap, conformal or adaptive.")]
Budget = Annotated[str | None, typer.Option(help="Time for all fits: 40s, 10m, 1h.")]
Labels = Annotated[str | None, typer.Option(help="detect: where the anomalies are: a JSON file of points or windows, or a column of 0 and 1.")]
AlarmRate = Annotated[str | None, typer.Option(help="detect: alarms a row to expect where nothing unusual happens, such as 1/1000 (the usual).")]
Label = Annotated[str | None, typer.Option(help='classify: column of the labels; "none": there are none; "first" or "last" value of rows without names.')]
Test = Annotated[str | None, typer.Option(help="classify: file of the official test part, if its name does not tell.")]
Kind = Annotated[str | None, typer.Option(help="classify: classification or regression; what the labels look like if not given.")]
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
    labels: Labels = None,
    alarm_rate: AlarmRate = None,
    learn: Annotated[str | None, typer.Option(help="detect: share of each file to learn from; if not given 15 %, at most 750 rows.")] = None,
    label: Label = None,
    test: Test = None,
    kind: Kind = None,
    folds: Annotated[
        int | None, typer.Option(help="Selection folds; 3 if not given. classify: 5, fewer for thousands of sequences; 1 is one held-out fifth.")
    ] = None,
    step: Annotated[int | None, typer.Option(help="Rows between the origins of the folds; the horizon if not given.")] = None,
    refit: Annotated[bool, typer.Option("--refit/--no-refit", help="Fit anew at each origin, or fit once and take newer rows in.")] = True,
    by: Annotated[
        str | None,
        typer.Option(
            help="The score that ranks: mase (the usual), smape, mae, rmse, owa, pinball or crps; detect: nab, own or f1; classify: accuracy, … or rmse, …"
        ),
    ] = None,
    levels: Levels = "0.8,0.95",
    intervals: Intervals = "auto",
    budget: Budget = None,
    seed: Seed = 0,
    keep: Annotated[str, typer.Option(help='"best", or "all" to save every model.')] = "best",
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit the candidates, rank them on data that they have not seen, save the best with a report."""
    hand_over("compare", task, locals())


@app.command()
@with_reading
def fit(
    task: Task,
    data: Data,
    reading: Reading,
    model: Annotated[str, typer.Option("--model", "-m", help="A name of `inorder models`; auto: a combination; best: the winner of compare.")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting of the model, key=value; may be given several times.")] = None,
    models: Annotated[str | None, typer.Option(help="What best chooses from, names separated by commas.")] = None,
    labels: Labels = None,
    alarm_rate: AlarmRate = None,
    label: Label = None,
    test: Test = None,
    kind: Kind = None,
    horizon: Annotated[int | None, typer.Option("--horizon", "-H", help="Steps ahead in the report, and those that best compares at.")] = None,
    budget: Budget = None,
    seed: Seed = 0,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit one model and save it with a report."""
    hand_over("fit", task, locals())


@app.command()
@with_reading
def predict(
    bundle: Folder,
    reading: Reading,
    data: Annotated[str | None, typer.Argument(help='Newer rows to take in first: a file, or "-" for standard input.', show_default=False)] = None,
    horizon: Horizon = None,
    levels: Levels = "0.8,0.95",
    intervals: Intervals = "auto",
    samples: Annotated[int, typer.Option(help="Sample paths to draw, one column each.")] = 0,
    seed: Seed = 0,
    label: Label = None,
    out: Annotated[Path | None, typer.Option(help="A .csv, .parquet or .json file; standard output as CSV if not given.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a saved model: a forecast after newer rows, the score and the alarm of each of them, or what each sequence is."""
    hand_over("predict", task_of(bundle), locals())


@app.command()
@with_reading
def evaluate(
    bundle: Folder,
    data: Data,
    reading: Reading,
    labels: Labels = None,
    label: Label = None,
    horizon: Horizon = None,
    step: Annotated[int | None, typer.Option(help="Rows between origins; the horizon if not given.")] = None,
    levels: Levels = "0.8,0.95",
    as_json: AsJson = False,
) -> None:
    """Score a saved model on rows that it has not seen."""
    hand_over("evaluate", task_of(bundle), locals())


@app.command()
@with_reading
def panel(
    data: Data,
    reading: Reading,
    horizon: Annotated[int, typer.Option("--horizon", "-H", help="Steps ahead.")],
    out: Annotated[Path, typer.Option(help="A folder for the shards; the same call again goes on where it was stopped.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A name of `inorder models`, fitted to each series by itself.")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting of the model, key=value; may be given several times.")] = None,
    levels: Levels = "0.8,0.95",
    intervals: Intervals = "auto",
    seed: Seed = 0,
    chunk: Annotated[int, typer.Option(help="Series in a shard.")] = 100,
    workers: Annotated[int | None, typer.Option(help="Series at a time; one a core if not given.")] = None,
    engine: Annotated[str, typer.Option(help="threads, or a backend of joblib such as loky.")] = "threads",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit and forecast many series, each by itself, into a folder of Parquet shards."""
    from inorder.commands import forecast

    forecast.panel(data, reading.keywords(), horizon, out, model, set_, levels, intervals, seed, chunk, workers, engine, as_json, quiet)


@app.command()
@with_reading
def fill(
    data: Data,
    reading: Reading,
    levels: Levels = "0.8,0.95",
    transform: Annotated[str, typer.Option(help='"log", "none", or "auto": what fits better.')] = "auto",
    out: Annotated[Path | None, typer.Option(help="A .csv, .parquet or .json file; standard output as CSV if not given.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fill the gaps of a series from what was observed before and after, with bands."""
    from inorder.commands import forecast

    forecast.fill(data, reading.keywords(), levels, transform, out, as_json, quiet)


def hand_over(verb: str, task: str, given: dict[str, Any]) -> None:
    """Run a command of a task with the flags that its function takes; one that was given and has no meaning there is refused."""
    from inorder.tasks.registry import task as known_task

    command = getattr(known_task(task).part("commands"), verb)
    taken = inspect.signature(command).parameters
    for name, flag in inspect.signature(globals()[verb]).parameters.items():
        if name in given and name not in (*taken, "task") and given[name] != flag.default:
            raise ConfigError(f"--{name.replace('_', '-')} has no meaning for {verb} {task}; leave it out.")
    command(**{name: given[name].keywords() if name == "reading" else given[name] for name in taken})


def task_of(bundle: Path) -> str:
    """The task of a saved model."""
    from inorder.bundle import read_header
    from inorder.errors import BundleError
    from inorder.tasks.registry import TASKS

    name = str(read_header(bundle)["task"])
    if name not in TASKS:
        raise BundleError(f'{bundle} holds a model for the task "{name}", which this version of inorder does not know.')
    return name


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
    task: Annotated[str | None, typer.Argument(help="forecast, detect or classify; all tasks if not given", show_default=False)] = None,
    name: Annotated[str | None, typer.Argument(help="One model: what it is, and its settings.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """What can be fitted, one line each, with its source."""
    from inorder.errors import unknown
    from inorder.tasks.registry import TASKS
    from inorder.tasks.registry import task as known_task

    listed = {key: known_task(key).part("candidates") for key in ([task] if task is not None else TASKS)}
    if name is not None:
        assert task is not None, "a name comes after a task"
        if name not in listed[task]:
            raise unknown("model", name, listed[task])
        listed = {task: {name: listed[task][name]}}
    if as_json:
        print_json({key: {called: about(one) for called, one in models.items()} for key, models in listed.items()})
    elif name is not None and task is not None:
        one = listed[task][name]
        made = one.make()
        say(f"{name}: {one.sentence}\n\n    {one.equation}\n\nSource: {one.source}.\n\nSettings for --set, with their values here:")
        for key, value in made.settings.items():
            say(f"    {key}={json.dumps(plain(value))}")
        say(f"\n{inspect.getdoc(type(made))}")
    else:
        width = max(len(called) for models in listed.values() for called in models)
        for key, models in listed.items():
            if task is None:
                say(f"{key}: {TASKS[key].sentence}")
            for called, one in models.items():
                say(f"{called:<{width}}  {one.sentence} {one.source}.")


def about(one: Any) -> dict[str, Any]:
    """A candidate as JSON values."""
    return {"about": one.sentence, "equation": one.equation, "source": one.source, "settings": plain(one.make().settings)}


@app.command()
def lecture(
    topic: Annotated[str | None, typer.Argument(help="A number or a topic, such as ctc: its steps.", show_default=False)] = None, as_json: AsJson = False
) -> None:
    """The lecture's 24 worked examples: what it prints, what is right, and why."""
    from inorder.lecture import show

    show(topic, as_json)


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
        # `python -m` remembers a Ctrl-C that came up inside exec("…"), as imports of torch do, and at its end kills itself by a signal; this makes it forget
        exec("")
        complain("inorder: stopped; nothing was left half-written.")
    raise SystemExit(code)
