"""A series as plain JSON and named arrays, for a bundle, and back.

What comes back is judged before it is believed: a bundle may be damaged, or made by somebody hostile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.frequency import Frequency
from inorder.data.series import Names, Series
from inorder.errors import BundleError, ConfigError

COVARIATES = ("past", "future", "static", "ahead")
INDEX_KINDS = {"stamps": np.int64, "counts": np.int64, "times": np.float64}


def series_header(series: Series) -> dict[str, Any]:
    """Everything but the numbers, as JSON values.

    >>> series_header(Series.of([1.0, 2.0]))["ids"]
    ['y']
    """
    f = series.frequency
    return {
        "ids": list(series.ids),
        "frequency": None if f is None else {"unit": f.unit, "step": f.step, "month_end": f.month_end},
        "season_length": series.season_length,
        "panel": series.panel,
        "index": {"M": "stamps", "i": "counts", "f": "times"}[series.index.dtype.kind],
        "covariates": {role: list(getattr(series, role)) for role in COVARIATES},
        "names": {"id": series.names.id, "time": series.names.time, "value": series.names.value},
        "timezone": series.timezone,
        "years": series.years,
        "frame": series.frame,
        "source": series.source,
        "notes": list(series.notes),
        "reading": dict(series.reading),
    }


def series_arrays(series: Series) -> dict[str, NDArray[Any]]:
    """The numbers, under names that begin with "series."; stamps are microseconds since 1970."""
    arrays: dict[str, NDArray[Any]] = {
        "series.values": series.values,
        "series.index": series.index.view(np.int64) if series.index.dtype.kind == "M" else series.index,
        "series.offsets": series.offsets,
    }
    for role in COVARIATES:
        for i, values in enumerate(getattr(series, role).values()):
            arrays[f"series.{role}.{i}"] = values
    return arrays


def restore_series(header: Any, arrays: Mapping[str, NDArray[Any]]) -> Series:
    """The series that `series_header` and `series_arrays` were made of.   Raises BundleError, naming the part, where they do not fit together.

    >>> y = Series.of([1.0, 2.0])
    >>> restore_series(series_header(y), series_arrays(y)).values.tolist()
    [1.0, 2.0]
    """
    header = _Header(header)
    ids = tuple(header.texts("ids"))
    kind = header.one_of("index", INDEX_KINDS)
    values = _array(arrays, "series.values", np.float64, 1)
    index: Any = _array(arrays, "series.index", INDEX_KINDS[kind], 1)
    offsets = _array(arrays, "series.offsets", np.int64, 1)
    if len(offsets) != len(ids) + 1 or len(ids) == 0 or offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 1).any():
        raise BundleError(f'"series.offsets" does not divide {len(values)} rows among {len(ids)} series.')
    if len(index) != len(values):
        raise BundleError(f'"series.index" has {len(index)} stamps for {len(values)} rows.')
    if np.isinf(values).any():
        raise BundleError('"series.values" holds an infinite number.')
    names = {role: header.covariates(role) for role in COVARIATES}
    sizes = {"past": len(values), "future": len(values), "static": len(ids)}
    found = {role: {name: _array(arrays, f"series.{role}.{i}", np.float64, 1, sizes[role]) for i, name in enumerate(names[role])} for role in sizes}
    ahead = {name: _array(arrays, f"series.ahead.{i}", np.float64, 2, len(ids)) for i, name in enumerate(names["ahead"])}
    if ahead and (set(ahead) != set(found["future"]) or len({values.shape for values in ahead.values()}) > 1):
        raise BundleError('The covariates "ahead" do not match those named "future".')
    return Series(
        values=values,
        index=index.view("datetime64[us]") if kind == "stamps" else index,
        offsets=offsets,
        ids=ids,
        frequency=header.frequency(kind),
        season_length=header.season_length(),
        panel=header.flag("panel", len(ids) > 1),
        past=found["past"],
        future=found["future"],
        static=found["static"],
        ahead=ahead,
        names=header.names(),
        timezone=header.timezone(),
        years=header.flag("years", False),
        frame=header.one_of("frame", ("polars", "pandas")),
        source=header.text("source"),
        notes=tuple(header.texts("notes")),
        reading=header.reading(),
    )


class _Header:
    """The JSON part, asked one question at a time; each wrong answer is a BundleError that names the key."""

    def __init__(self, given: Any) -> None:
        if not isinstance(given, dict):
            raise BundleError(f"The header of a series is a JSON object, not {type(given).__name__}.")
        self.given = given

    def _wrong(self, key: str, expected: str) -> BundleError:
        return BundleError(f'In the header of the series, "{key}" should be {expected}, not {str(self.given.get(key))[:60]!r}.')

    def text(self, key: str) -> str:
        if not isinstance(self.given.get(key), str):
            raise self._wrong(key, "a text")
        return str(self.given[key])

    def texts(self, key: str) -> list[str]:
        given = self.given.get(key)
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
            raise self._wrong(key, "a list of texts")
        return given

    def one_of(self, key: str, known: Any) -> str:
        if not isinstance(self.given.get(key), str) or self.given[key] not in known:
            raise self._wrong(key, "one of " + ", ".join(known))
        return str(self.given[key])

    def flag(self, key: str, least: bool) -> bool:
        if not isinstance(self.given.get(key), bool) or (least and not self.given[key]):
            raise self._wrong(key, "true" if least else "true or false")
        return bool(self.given[key])

    def covariates(self, role: str) -> list[str]:
        given = self.given.get("covariates")
        names = given.get(role) if isinstance(given, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
            raise self._wrong("covariates", f'an object with a list of names under "{role}"')
        return names

    def frequency(self, kind: str) -> Frequency | None:
        given = self.given.get("frequency")
        if given is None:
            return None
        try:
            frequency = Frequency(given["unit"], given["step"], given["month_end"] is True)
        except (TypeError, KeyError, ValueError, ConfigError):
            raise self._wrong("frequency", "null, or a unit, a step and month_end") from None
        if frequency.dated != (kind == "stamps"):
            raise self._wrong("frequency", f"one for {kind}")
        return frequency

    def season_length(self) -> int:
        given = self.given.get("season_length")
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise self._wrong("season_length", "a whole number, 1 or more")
        return given

    def names(self) -> Names:
        given = self.given.get("names")
        if not isinstance(given, dict) or set(given) != {"id", "time", "value"} or not all(isinstance(name, str) for name in given.values()):
            raise self._wrong("names", "an object with the texts id, time, value")
        return Names(**given)

    def reading(self) -> dict[str, Any]:
        from inorder.data.options import REMEMBERED, Options

        given = self.given.get("reading", {})
        wrong = self._wrong("reading", "an object with options of read_series")
        if not isinstance(given, dict) or not set(given) <= set(REMEMBERED):
            raise wrong
        kinds: dict[str, Any] = {"header": bool, "every": (str, float), "missing": list, "id": (str, list), "time": (str, list), "value": (str, list)}
        if not all(isinstance(value, kinds.get(name, str)) for name, value in given.items()):
            raise wrong
        try:
            every = given.get("every", 1.0)
            Frequency.parse(every) if isinstance(every, str) else Frequency("step", every)
            Options(**{name: value for name, value in given.items() if name != "start"})
        except (TypeError, ValueError, ConfigError):
            raise wrong from None
        return given

    def timezone(self) -> str | None:
        from zoneinfo import ZoneInfo

        given = self.given.get("timezone")
        if given is None:
            return None
        try:
            return ZoneInfo(given).key
        except (TypeError, ValueError, KeyError, OSError):
            raise self._wrong("timezone", "null or the name of a time zone") from None


def _array(arrays: Mapping[str, NDArray[Any]], name: str, dtype: Any, axes: int, length: int | None = None) -> NDArray[Any]:
    if name not in arrays:
        raise BundleError(f'The weights have no array "{name}".')
    array = np.asarray(arrays[name])
    if array.dtype != dtype or array.ndim != axes:
        raise BundleError(f'"{name}" is {array.dtype} with {array.ndim} axes; {np.dtype(dtype)} with {axes} was expected.')
    if length is not None and len(array) != length:
        raise BundleError(f'"{name}" has the length {len(array)}; {length} was expected.')
    return array
