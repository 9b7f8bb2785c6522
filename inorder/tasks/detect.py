"""The task `detect`: what can watch a series, how files and labels are read, and how a saved detector comes back.

Labels say where the anomalies are, so that detectors can be ranked:

    {"folder/file.csv": ["2014-04-11 00:00", …]}                       points: all windows of a file take a tenth of its rows together
    {"folder/file.csv": [["2014-04-10 07:15", "2014-04-11 16:45"], …]} windows, as in the combined_windows.json of the NAB benchmark
    [ … ]                                                               the same for a single file
    a column of 0 and 1                                                 every unbroken run of 1 is a window
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder.errors import BundleError, ConfigError, SeriesError, unknown

if TYPE_CHECKING:
    from inorder.bundle import Bundle
    from inorder.data.series import Series
    from inorder.forecast.detect import Detector, FittedDetector
    from inorder.metrics.detection import Window


@dataclass(frozen=True)
class Candidate:
    """A detector that can be fitted, and what people want to know of it.

    forecasters: (name of `inorder models forecast`, settings) of those whose errors are watched; none is the windowed Gaussian.
    seasonal: it needs a season.   usual: `compare` tries it unasked.
    """

    sentence: str
    equation: str
    source: str
    forecasters: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    seasonal: bool = False
    usual: bool = True

    def make(self, **settings: Any) -> Detector:
        """The detector with these settings on top of the candidate's own."""
        from inorder.forecast.detect import ForecastDetector, WindowedGaussian
        from inorder.tasks.forecast import CANDIDATES as FORECASTERS

        forecasters = tuple(FORECASTERS[name].make(**own) for name, own in self.forecasters)
        made: Detector = ForecastDetector(forecasters=forecasters) if forecasters else WindowedGaussian()
        return made.with_settings({**self.settings, **settings})


SOURCE = "Lavin & Ahmad 2015 (scoring and idea of a likelihood); Siffer et al. 2017, Anomaly Detection in Streams with Extreme Value Theory"
EVIDENCE = "S[t] = L(|e|) + L(|drift of e|) + L(spread of e)"
SEASON = ("exponential-smoothing", {"seasonal": "additive"})

# In the order in which `compare` runs them; the first is the one to take where nothing can be ranked.
CANDIDATES: dict[str, Candidate] = {
    "combined": Candidate(
        "Surprise in the errors of three forecasters: the mean, an autoregression, and a level with a season.",
        "S[t] = mean over the forecasters of L(|e|) + L(|drift of e|) + L(spread of e)",
        SOURCE,
        (("mean", {}), ("ar", {}), SEASON),
    ),
    "windowed-gaussian": Candidate(
        "How far a value lies out in the normal distribution of the last 6,400.",
        "S[t] = −log₁₀ Q(|y[t] − mean| / deviation)",
        "Lavin & Ahmad 2015, the benchmark's baseline of that name",
    ),
    "naive": Candidate("Surprise in the change from one value to the next.", f"e[t] = y[t] − y[t−1];  {EVIDENCE}", SOURCE, (("naive", {}),)),
    "mean": Candidate("Surprise in the distance from the mean of all values so far.", f"e[t] = y[t] − mean y[1…t−1];  {EVIDENCE}", SOURCE, (("mean", {}),)),
    "exponential-smoothing": Candidate(
        "Surprise in the distance from a level that follows the series.", f"e[t] = y[t] − ℓ[t−1];  {EVIDENCE}", SOURCE, (("exponential-smoothing", {}),)
    ),
    "ar": Candidate("Surprise in the errors of an autoregression.", f"e[t] = y[t] − c − Σ φ[i]·y[t−i];  {EVIDENCE}", SOURCE, (("ar", {}),)),
    "ar-interval": Candidate(
        "The same errors in widths of the autoregression's own interval, which grows while values are missing.",
        f"e[t] = (y[t] − ŷ[t]) / (u[t] − l[t]);  {EVIDENCE}",
        SOURCE,
        (("ar", {}),),
        {"evidence": "interval"},
        usual=False,  # it asks for an interval at every row, which takes most of its time
    ),
    "seasonal-naive": Candidate(
        "Surprise in the change from one season to the next.", f"e[t] = y[t] − y[t−m];  {EVIDENCE}", SOURCE, (("seasonal-naive", {}),), seasonal=True
    ),
    "seasonal-smoothing": Candidate(
        "Surprise in the distance from a level with a season.", f"e[t] = y[t] − ℓ[t−1] − s[t−m];  {EVIDENCE}", SOURCE, (SEASON,), seasonal=True
    ),
}


def candidate(name: str) -> Candidate:
    """The candidate of that name; ConfigError with the nearest name otherwise."""
    if name not in CANDIDATES:
        raise unknown("model", name, CANDIDATES)
    return CANDIDATES[name]


def parse_rate(text: str) -> float:
    """A share of the rows from "1/1000", "0.001" or "0.1%".

    >>> parse_rate("1/1000"), parse_rate("0.1%")
    (0.001, 0.001)
    """
    part, slash, whole = text.strip().removesuffix("%").partition("/")
    try:
        rate = float(part) / (float(whole) if slash else 1.0) / (100 if text.strip().endswith("%") else 1)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f'An alarm rate is a share of the rows such as 1/1000, 0.001 or 0.1%, not "{text}".') from None
    return rate


# --- data and labels ---


@dataclass(frozen=True, eq=False)
class Watched:
    """One series to watch, and where its anomalies are; `windows` is None where nobody knows. Windows are (first, last) rows with a value."""

    name: str
    series: Series
    windows: tuple[Window, ...] | None = None


def read_watched(data: Any, labels: Any = None, **reading: Any) -> list[Watched]:
    """The series of a file, a folder or a zip of files, with their windows.

    data: what `read_series` reads, or a folder or zip whose CSV files (timestamp, value) hold one series each.
    labels: None, a column of 0 and 1, or JSON as in the module's docstring: the object itself, or a path, also inside the folder or zip.
    Raises SeriesError for files that cannot be read, ConfigError for labels that do not fit.
    """
    with unpacked(data) as (files, folder):
        spoken = _spoken(labels, folder)
        found: list[Watched] = []
        for name, file in files:
            options = dict(reading)
            if isinstance(spoken, str):
                options["past"] = (spoken, *_tuple(reading.get("past", ())))
            series = read_rows(file, **options)
            for i, own in enumerate(series.ids):
                title = name if len(series) == 1 else own if len(files) == 1 else f"{name}/{own}"
                one = series if len(series) == 1 else series[i]
                windows = _windows(spoken, title, one, alone=len(files) == 1 and len(series) == 1)
                found.append(Watched(title, without(one, spoken), windows))
    return found


def without(series: Series, labels: Any) -> Series:
    """The series without the column of labels, which newer rows need not have."""
    if not isinstance(labels, str) or labels not in series.past:
        return series
    asked = series.reading.get("past", ())
    rest = tuple(name for name in ([asked] if isinstance(asked, str) else asked) if name != labels)
    reading = {key: value for key, value in series.reading.items() if key != "past"} | ({"past": rest} if rest else {})
    return replace(series, past={name: values for name, values in series.past.items() if name != labels}, reading=reading)


def _tuple(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


@contextmanager
def unpacked(data: Any) -> Iterator[tuple[list[tuple[str, Any]], Path | None]]:
    """[(name, what to read)], and the folder that they lie in if there is one."""
    standard = isinstance(data, str) and data == "-"
    path = Path(data) if isinstance(data, str | Path) and not standard else None
    if path is not None and path.suffix.lower() == ".zip" and path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            try:
                with zipfile.ZipFile(path) as packed:
                    packed.extractall(folder)  # zipfile keeps names inside the folder
            except (zipfile.BadZipFile, OSError, RuntimeError) as error:
                raise SeriesError(f"{path} cannot be unpacked: {error}.") from None
            yield _inside(Path(folder), path), Path(folder)
    elif path is not None and path.is_dir():
        yield _inside(path, path), path
    else:
        yield [(path.name if path is not None else "standard input" if standard else "data", data)], None


def _inside(folder: Path, source: Path) -> list[tuple[str, Any]]:
    found = sorted(file for file in folder.rglob("*") if file.name.lower().endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")) and file.is_file())
    if not found:
        raise SeriesError(f"{source} holds no CSV, TSV or Parquet file.")
    return [(file.relative_to(folder).as_posix(), file) for file in found]


def read_rows(data: Any, **reading: Any) -> Series:
    """A series on its grid where it has one; else its rows in the order of the file, with a note that says why."""
    from inorder.data.options import Options
    from inorder.data.reading import read_in_order
    from inorder.data.series import Series, read_series

    series: Series | None
    if isinstance(data, Series):
        return data
    try:
        series = read_series(data, **reading)
    except SeriesError:
        if isinstance(data, str) and data == "-":  # it is read already
            raise
        try:
            series = read_in_order(data, Options(**reading))
        except SeriesError:
            series = None
        if series is None or len(np.unique(series.index)) == len(series.index):
            raise  # the order of the rows mends stamps that appear twice, and nothing else
        why = "stamps appear twice"
    else:
        if series.frequency is not None or len(series) > 1 or len(series.values) < 2 or (isinstance(data, str) and data == "-"):
            return series
        series, why = read_in_order(data, Options(**reading)), "the stamps are irregular"
    if series.index.dtype.kind == "M" and "season_length" not in reading:
        series = replace(series, season_length=usual_season(series))
    return replace(series, notes=(*series.notes, f"{why}, so rows are taken in the order of the file, as if evenly spaced"))


def usual_season(series: Series) -> int:
    """The season that the usual spacing of uneven stamps would have; 1 where that is no whole number of seconds."""
    from inorder.data.frequency import Frequency

    seconds = float(np.median(np.diff(series.index).astype(np.float64))) / 1e6
    units = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
    unit, size = next(((unit, size) for unit, size in units if seconds >= size and seconds % size == 0), ("step", 1))
    return Frequency(unit, int(seconds) // size).season_length if unit != "step" else 1


def _spoken(labels: Any, folder: Path | None) -> Any:
    """Labels as a JSON value, or the name of a column."""
    if not isinstance(labels, str | Path):
        return labels
    places = [Path(labels)] + ([folder / labels] if folder is not None else [])
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        if isinstance(labels, Path) or labels.lower().endswith(".json"):
            raise ConfigError(f"The labels {labels} are not a file. Give a JSON file of points or windows, or the name of a column of 0 and 1.")
        return labels
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"The labels {labels} are not readable JSON: {error}.") from None


def _windows(labels: Any, name: str, series: Series, alone: bool) -> tuple[Window, ...] | None:
    """The windows of one series in rows that have a value."""
    from inorder.metrics.detection import windows_of_flags

    if labels is None:
        return None
    known = ~np.isnan(series.values)
    if isinstance(labels, str):
        flags = series.past[labels][known]
        if not np.isin(flags[~np.isnan(flags)], (0.0, 1.0)).all():
            raise ConfigError(f'The column "{labels}" of {name} is not one of labels: those are 0 and 1.')
        return windows_of_flags(flags == 1)
    if isinstance(labels, Mapping):
        keys = [key for key in labels if key == name or str(key).endswith(f"/{name}") or name.endswith(f"/{key}")]
        if not keys:
            raise ConfigError(
                f'The labels say nothing of "{name}"; they know {", ".join(map(str, list(labels)[:3]))}, … A file without anomalies has an empty list.'
            )
        labels = labels[keys[0]]
    elif not alone:
        raise ConfigError('A list of labels is for a single file; for several files give an object, {"file.csv": [ … ], …}.')
    return _to_rows(labels, name, series, known)


def _to_rows(labels: Any, name: str, series: Series, known: np.ndarray[Any, Any]) -> tuple[Window, ...]:
    """Points or windows, as stamps, to rows."""
    from inorder.data.frames import local
    from inorder.metrics.detection import Window, windows_around

    stamps = local(series.index, series)[known]
    if not isinstance(labels, list) or not all(isinstance(one, str | int | float) or (isinstance(one, list) and len(one) == 2) for one in labels):
        raise ConfigError(f'The labels of "{name}" are a list of points, or of windows [first, last], not {str(labels)[:60]!r}.')
    windows: list[Window] = []
    points: list[int] = []
    for one in labels:
        first, last = (_stamp(value, name, stamps) for value in (one if isinstance(one, list) else (one, one)))
        at, upto = _first_at(stamps, first), _last_at(stamps, last)
        if at is None or upto is None or upto < at:
            raise ConfigError(f'The label {one} of "{name}" holds none of its rows, which go from {stamps[0]} to {stamps[-1]}.')
        if isinstance(one, list):
            windows.append(Window(at, upto))
        else:
            points.append(at)
    return (*sorted(windows), *windows_around(points, len(stamps)))


def _stamp(value: Any, name: str, stamps: Any) -> Any:
    if stamps.dtype.kind != "M":
        if isinstance(value, str):
            raise ConfigError(f'The label "{value}" of "{name}" is a date, but its rows are counted: {stamps[0]} to {stamps[-1]}.')
        return value
    try:
        return np.datetime64(str(value).strip().replace(" ", "T"), "us")
    except ValueError:
        raise ConfigError(f'The label "{value}" of "{name}" is not a date such as "2014-04-11 00:00".') from None


def _first_at(stamps: Any, stamp: Any) -> int | None:
    """The first row with that stamp, or the first after it."""
    found = np.flatnonzero(stamps == stamp)
    found = found if len(found) else np.flatnonzero(stamps >= stamp)
    return int(found[0]) if len(found) else None


def _last_at(stamps: Any, stamp: Any) -> int | None:
    """The first row with that stamp, or the last before it."""
    found = np.flatnonzero(stamps == stamp)
    if len(found):
        return int(found[0])
    found = np.flatnonzero(stamps <= stamp)
    return int(found[-1]) if len(found) else None


# --- saved detectors ---


def restore(bundle: Bundle) -> FittedDetector:
    """The fitted detector that a bundle holds.   Raises BundleError, naming the folder, where it does not fit together."""
    from inorder.data.storing import restore_series
    from inorder.forecast.base import Forecaster
    from inorder.forecast.detect import FittedDetector, ForecastDetector, WindowedGaussian, as_steps
    from inorder.tasks.forecast import CANDIDATES as FORECASTERS

    header = bundle.model
    where = f"The bundle {bundle.path}" if bundle.path else "The bundle"
    if "compared_files" in header:
        raise BundleError(
            f"{where} holds a comparison over {header['compared_files']} files and no fitted detector. Fit one: inorder fit detect FILE --model NAME."
        )
    settings, members, failures = header.get("settings"), header.get("members"), header.get("failures")
    if not isinstance(settings, dict) or not isinstance(members, list) or not isinstance(failures, dict):
        raise BundleError(f'{where} is damaged: model.json needs the objects "settings" and "failures" and the list "members".')
    try:
        history = restore_series(header.get("series"), bundle.weights)
        forecasters: list[Forecaster] = []
        fitted = []
        for k, member in enumerate(members):
            if member["model"] not in FORECASTERS:
                raise BundleError(f'{where} holds the model "{member["model"]}", which this version of inorder does not know.')
            own = {key: tuple(value) if isinstance(value, list) else value for key, value in member["settings"].items()}
            forecasters.append(FORECASTERS[member["model"]].make(**own))
            weights = {name.removeprefix(f"member.{k}."): array for name, array in bundle.weights.items() if name.startswith(f"member.{k}.")}
            fitted.append(forecasters[-1].restore(as_steps(history), weights, dict(member["errors"])))
        kinds: dict[str, Any] = {
            ForecastDetector.name: lambda: ForecastDetector(forecasters=tuple(forecasters)),
            WindowedGaussian.name: WindowedGaussian,
        }
        if header["model"] not in kinds:
            raise BundleError(f'{where} holds the detector "{header["model"]}", which this version of inorder does not know.')
        detector: Detector = kinds[header["model"]]().with_settings(settings)
        return FittedDetector(detector, history, tuple(fitted), failures)
    except BundleError:
        raise
    except (ConfigError, TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise BundleError(f"{where} is damaged: {error}") from None
