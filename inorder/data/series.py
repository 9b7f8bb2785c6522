"""One or many time series: the record that all forecasting speaks.

The rows of all series lie one after the other; `offsets` says where each begins, so that a panel of uneven lengths
is three flat arrays, not a list of objects:

    series i  =  values[offsets[i] : offsets[i + 1]]

A regular series stands on a complete grid: a stamp that its file leaves out is a row with the value NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from inorder.data.frequency import Frequency
from inorder.errors import ConfigError, SeriesError, ShapeError, unknown
from inorder.typing import Index, Offsets, Values


@dataclass(frozen=True)
class Names:
    """What the columns are called, so that a forecast can be handed back under the same names."""

    id: str = "series"
    time: str = "time"
    value: str = "y"


@dataclass(frozen=True, eq=False, repr=False)
class Series:
    """One series, or a panel of many, with its time index.

    values: (rows,) float64; NaN = missing.
    index: (rows,) stamps: datetime64[us], int64 counts, or float64 times. With a `timezone`, stamps within a day are UTC; those of days and
        longer (and all stamps without a time zone) are local.
    offsets: (series + 1,) where each series begins.   ids: one name per series.
    frequency: None means irregular sampling.   season_length: observations per season; 1 = none.
    panel: whether results carry a series axis; False for a file or an array that holds exactly one series.
    past, future, static: covariates by when they are known. `past` and `future` hold (rows,) arrays, `static` (series,) arrays.
    ahead: the future covariates after the last row, (series, steps) arrays with the keys of `future`.
    years: the time column was whole-numbered years, and is handed back like that.
    frame: "polars" or "pandas", the kind of frame to hand back.   notes: what reading inferred or mended, in plain words.
    reading: how the file was read, as options of `read_series`, so that newer rows are read in the same way.

    >>> y = Series.of([112, 118, 132, 129], season_length=12)
    >>> len(y), y.values.tolist(), y.frequency.unit
    (1, [112.0, 118.0, 132.0, 129.0], 'step')
    """

    values: Values
    index: Index
    offsets: Offsets
    ids: tuple[str, ...]
    frequency: Frequency | None
    season_length: int = 1
    panel: bool = False
    past: Mapping[str, Values] = field(default_factory=dict)
    future: Mapping[str, Values] = field(default_factory=dict)
    static: Mapping[str, Values] = field(default_factory=dict)
    ahead: Mapping[str, Values] = field(default_factory=dict)
    names: Names = Names()
    timezone: str | None = None
    years: bool = False
    frame: str = "polars"
    source: str = "array"
    notes: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, values: Any, *, season_length: int = 1, index: Index | None = None, frequency: Frequency | None = None, ids: tuple[str, ...] | None = None
    ) -> Series:
        """From an array: (time,) is one series, (time, series) a panel of columns with equal lengths.

        Without an index the steps are counted from 1. Raises SeriesError for infinite values and ShapeError for other shapes.
        """
        array = np.asarray(values, dtype=np.float64)
        if array.ndim not in (1, 2) or array.size == 0:
            raise ShapeError(f"A series is an array (time,) or (time, series) with at least one value; this one has the shape {array.shape}.")
        if np.isinf(array).any():
            place = np.argwhere(np.isinf(array))[0].tolist()
            raise SeriesError(f"The value at {place} is infinite. Replace it, or write NaN for a missing value.")
        time, count = array.shape[0], 1 if array.ndim == 1 else array.shape[1]
        if index is None and frequency is not None:
            raise ConfigError(f'The frequency "{frequency}" needs an `index` with the stamps.')
        if index is None:
            index, frequency = np.arange(1, time + 1), Frequency("step")
        stamps: Any = np.asarray(index)
        stamps = stamps.astype({"M": "datetime64[us]", "f": "float64"}.get(stamps.dtype.kind, "int64"))
        if stamps.shape != (time,):
            raise ShapeError(f"`index` has the shape {stamps.shape}; there are {time} values.")
        return cls(
            values=np.ascontiguousarray(array.T).reshape(-1),
            index=np.tile(stamps, count),
            offsets=np.arange(count + 1, dtype=np.int64) * time,
            ids=ids or (("y",) if count == 1 else tuple(f"y{i + 1}" for i in range(count))),
            frequency=frequency,
            season_length=check_season_length(season_length),
            panel=array.ndim == 2,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Values]:
        return (self.y(i) for i in range(len(self)))

    def y(self, i: int = 0) -> Values:
        """The values of series `i`, a view."""
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    def stamps(self, i: int = 0) -> Index:
        """The time index of series `i`, a view."""
        return self.index[self.offsets[i] : self.offsets[i + 1]]

    @property
    def lengths(self) -> Offsets:
        """(series,) number of rows of each series."""
        return np.diff(self.offsets)

    def __getitem__(self, key: int | str) -> Series:
        """One series of a panel, by position or id."""
        if isinstance(key, str) and key not in self.ids:
            raise unknown("series", key, self.ids[:20])
        i = self.ids.index(key) if isinstance(key, str) else range(len(self))[key]
        return replace(self.take(np.array([i])), panel=False)

    def position(self, series: int | str) -> int:
        """Which series is meant, counted from 0, by its id or its position.   Raises ConfigError where there is none."""
        i = self.ids.index(series) if isinstance(series, str) and series in self.ids else series
        if not isinstance(i, int | np.integer) or not -len(self) <= i < len(self):
            raise unknown("series", str(series), self.ids[:20])
        return int(i) % len(self)

    def take(self, which: Any) -> Series:
        """The series at the positions `which`, in that order."""
        which = np.asarray(which, dtype=np.int64)
        rows = np.concatenate([np.arange(self.offsets[i], self.offsets[i + 1]) for i in which]) if len(which) else np.zeros(0, np.int64)
        return self._rows(rows, self.lengths[which], which, {name: values[which] for name, values in self.ahead.items()})

    def head(self, leave: int | Offsets) -> Series:
        """All but the last `leave` rows: what was known that many steps ago. Future covariates of the rows left out stay known.

        leave: one number, or (series,) one for each.
        """
        leave = np.broadcast_to(np.asarray(leave, dtype=np.int64), (len(self),))
        if not leave.any():
            return self
        if (self.lengths <= leave).any():
            i = int(np.argmin(self.lengths - leave))
            raise SeriesError(f'Series "{self.ids[i]}" has {self.lengths[i]} rows; {leave[i] + 1} are needed to leave out the last {leave[i]}.')
        end = self.offsets[1:] - leave
        later = {name: [values[a:b] for a, b in zip(end, self.offsets[1:], strict=True)] for name, values in self.future.items()}
        ahead = {
            name: _side_by_side([np.concatenate([rows, known]) for rows, known in zip(cut, self.ahead.get(name, [[]] * len(self)), strict=True)])
            for name, cut in later.items()
        }
        return self._rows(_ranges(self.offsets[:-1], end), self.lengths - leave, np.arange(len(self)), ahead)

    def tail(self, keep: int | Offsets) -> Series:
        """The last `keep` rows of every series, fewer where a series is shorter.   keep: one number, or (series,) one for each; a series with 0 is left out."""
        begin = np.maximum(self.offsets[1:] - keep, self.offsets[:-1])
        which = np.flatnonzero(begin < self.offsets[1:])
        end = self.offsets[1:][which]
        return self._rows(_ranges(begin[which], end), end - begin[which], which, {name: values[which] for name, values in self.ahead.items()})

    def _rows(self, rows: Offsets, lengths: Offsets, which: Offsets, ahead: Mapping[str, Values]) -> Series:
        return replace(
            self,
            values=self.values[rows],
            index=self.index[rows],
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            ids=tuple(self.ids[i] for i in which),
            past={name: values[rows] for name, values in self.past.items()},
            future={name: values[rows] for name, values in self.future.items()},
            static={name: values[which] for name, values in self.static.items()},
            ahead=ahead,
        )

    def __repr__(self) -> str:
        return f"Series({self.describe()})"

    def describe(self) -> str:
        """What was read, in one line."""
        from inorder.data.describing import described

        return described(self)

    def label(self, stamp: Any) -> str:
        """One stamp as people write it: as short as the frequency allows, in the time zone of the series."""
        from inorder.data.frames import local

        if self.index.dtype.kind != "M":
            return f"{stamp:.15g}"
        if self.frequency is None:
            return str(local(np.asarray([stamp]), self)[0].astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")
        return self.frequency.label(local(np.asarray([stamp]), self)[0])

    def to_frame(self) -> Any:
        """All rows in long form, as a frame of the kind that was read: id (for a panel), time, value, covariates."""
        from inorder.data.frames import make_frame

        columns: dict[str, Any] = {self.names.id: np.repeat(self.ids, self.lengths)} if self.panel else {}
        columns |= {self.names.time: self.index, self.names.value: self.values, **self.past, **self.future}
        return make_frame(columns | {name: np.repeat(values, self.lengths) for name, values in self.static.items()}, self)

    def plot(self) -> Any:
        """A matplotlib figure of the series."""
        from inorder.plots import plot_series

        return plot_series(self)

    def future_index(self, horizon: int) -> Index:
        """The next stamps of every series, (series, horizon)."""
        if self.frequency is None:
            raise SeriesError("An irregular series has no next stamp. Put it on a grid first: --every, or regularise(series, every=…).")
        last = self.index[self.offsets[1:] - 1]
        return np.asarray(self.frequency.advance(last[:, None], np.arange(1, horizon + 1)))


def check_season_length(season_length: int) -> int:
    """A season length is a whole number of at least 1."""
    if isinstance(season_length, bool) or not isinstance(season_length, int | np.integer) or season_length < 1:
        raise ConfigError(f"`season_length` is a whole number of observations, 1 or more, not {season_length!r}.")
    return int(season_length)


def _ranges(begin: Offsets, end: Offsets) -> Offsets:
    """The whole numbers of all half-open ranges, one range after the other."""
    lengths = end - begin
    shift = np.repeat(begin - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return np.asarray(np.arange(lengths.sum()) + shift)


def _side_by_side(rows: Sequence[Values]) -> Values:
    """(series, steps) from rows that may differ in length: NaN behind the shorter ones."""
    table = np.full((len(rows), max(map(len, rows))), np.nan)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def as_series(data: Any) -> Series:
    """A Series as it is; anything else through `read_series`."""
    return data if isinstance(data, Series) else read_series(data)


def read_series(
    data: Any,
    *,
    id: str | Sequence[str] | None = None,
    time: str | Sequence[str] | None = None,
    value: str | Sequence[str] | None = None,
    frequency: str | Frequency | None = None,
    season_length: int | None = None,
    timezone: str | None = None,
    start: str | None = None,
    past: str | Sequence[str] = (),
    future: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
    dates: str | None = None,
    decimal: str | None = None,
    missing: str | Sequence[str] = (),
    duplicates: str = "error",
    layout: str = "auto",
    every: str | float | Frequency | None = None,
    how: str = "mean",
    header: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
) -> Series:
    """A series, or a panel of many, from whatever holds it.

    data: a path to CSV, TSV, other separated text or Parquet, gzipped or not; "-" for standard input; the name of a sample ("air-passengers");
        a pandas or polars frame or Series, another frame that narwhals knows, a dictionary of columns; an array or list of numbers, (time,) or
        (time, series); a Series, which is handed back.
    The options are those of `inorder.data.options.Options`, where each is explained; what is not given is inferred, and `Series.describe()` and
    `Series.notes` say what was found and what was mended.

    Raises SeriesError, which names file, row, column, value and remedy, and ConfigError for an option that cannot be.

    >>> y = read_series("air-passengers")
    >>> y.describe()
    '144 months, 1949-01 to 1960-12, column "passengers", season 12'
    """
    from inorder.data.options import Options
    from inorder.data.reading import read

    return read(
        data,
        Options(
            id=id,
            time=time,
            value=value,
            frequency=frequency,
            season_length=season_length,
            timezone=timezone,
            start=start,
            past=past,
            future=future,
            static=static,
            dates=dates,
            decimal=decimal,
            missing=missing,
            duplicates=duplicates,
            layout=layout,
            every=every,
            how=how,
            header=header,
            separator=separator,
            encoding=encoding,
        ),
    )


def extend(series: Series, new: Any) -> Series:
    """`series` with newer observations: its index goes on, what lies between becomes missing, what overlaps is refused.

    new: a Series; a number, or an array (time,) or (time, series), which continue the index step by step; or anything that `read_series` reads,
        under the same column names; it is read as `series` was (`Series.reading`). Of a panel, only the series named in `new` grow.
    Raises SeriesError where `new` begins at or before the last stamp, has another frequency, names a series or a column of values that is
    not there, or lacks a covariate.

    >>> y = Series.of([1.0, 2.0])
    >>> extend(y, [3.0, 4.0]).values.tolist(), extend(y, 3).index.tolist()
    ([1.0, 2.0, 3.0, 4.0], [1, 2, 3])
    """
    from inorder.data.extending import extended

    return extended(series, new)


def regularise(series: Series, every: str | float | Frequency, how: str = "mean") -> Series:
    """`series` on a grid: one row for each cell of the width `every`, NaN where a cell holds no observation.

    every: "1d", "15min", "monthly", … where the stamps are dates; a number where they are numbers.
    how: what stands for the values of one cell: mean, sum, median, min, max, first, last. Covariates take their mean.
    A cell is named by its first stamp. Raises SeriesError where the grid would be far larger than the rows.

    >>> y = Series.of([1.0, 3.0, 8.0], index=np.array([0.2, 0.9, 3.5]))
    >>> z = regularise(y, 1.0)
    >>> z.index.tolist(), z.values.tolist()
    ([0.0, 1.0, 2.0, 3.0], [2.0, nan, nan, 8.0])
    """
    from inorder.data.regularising import regularised

    return regularised(series, every, how)
