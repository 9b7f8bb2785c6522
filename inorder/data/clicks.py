"""Logs of events -> one sequence a user, in the order of time: clicks, purchases, visits, alarms.

    a row         who, when, what
    a sequence    what one user did, by time, and as the file has it where times are equal; cut where nothing happens for longer than `gap`

Rows in which one of the three is missing are left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inorder.data.columns_of_texts import Columns
from inorder.data.frequency import Frequency
from inorder.data.labels import lacking
from inorder.data.numerals import BadCell
from inorder.data.stamps import to_stamps
from inorder.data.symbols import Symbols
from inorder.errors import ConfigError, SeriesError

USERS = ("user", "user_id", "userid", "visitor", "visitor_id", "visitorid", "customer", "customer_id", "session", "session_id", "sessionid", "case", "case_id")
TIMES = ("time", "timestamp", "ts", "datetime", "date", "event_time", "clock", "order", "position", "step")
ITEMS: tuple[str, ...] = ("item", "item_id", "itemid", "product", "product_id", "page", "url", "event", "event_type", "activity", "action", "click", "category")
ITEMS += ("symbol", "movie_id", "movieid", "song_id", "track_id", "article_id", "news_id")


def is_log(table: Columns, options: Mapping[str, Any]) -> bool:
    """Whether a table has a user and an item in each row: told, or by usual names."""
    if not table.named and not ("user" in options and "item" in options):
        return False
    return all(options.get(what) is not None or _usual(table, names) is not None for what, names in (("user", USERS), ("item", ITEMS)))


def read_log(table: Columns, options: Mapping[str, Any]) -> Symbols:
    """The sequences of a log.   options: user, time, item (columns; time "none": the order of the rows counts), gap ("30min", or a number of time's units).

    Raises SeriesError for a column that is not there or a time that is none, ConfigError for a gap that is none.

    >>> log = Columns({"user": ["a", "b", "a"], "time": ["3", "1", "2"], "item": ["x", "y", "z"]}, "log.csv")
    >>> data = read_log(log, {})
    >>> data.ids, data.symbols
    (('a', 'b'), (('z', 'x'), ('y',)))
    """
    names = {what: _column(table, options.get(what), usual, what) for what, usual in (("user", USERS), ("time", TIMES), ("item", ITEMS))}
    user, time, item = names["user"], names["time"], names["item"]
    if user is None or item is None:
        raise SeriesError(f"{table.source} has no column of {'users' if user is None else 'items'}; it has {', '.join(table.cells)}. Name it.")
    notes = [
        *table.notes,
        f"one sequence for each {user}, of {item}, {f'by {time}' if time else 'in the order of the rows'} (--user, --time, --item to change)",
    ]
    used = [name for name in (user, time, item) if name]
    kept = [i for i in range(len(table)) if not any(lacking(table.cells[name][i]) for name in used)]
    if len(kept) < len(table):
        notes.append(f"{len(table) - len(kept):,} rows without {', '.join(used[:-1])} or {used[-1]} left out")
    if not kept:
        raise SeriesError(f"{table.source} has no row with {' and '.join(used)}.")
    stamps, told = _stamps([table.cells[time][i] for i in kept], table.source, time, kept) if time else (np.arange(len(kept)), [])
    gap = _gap(options.get("gap"), stamps, time)
    users = [str(table.cells[user][i]) for i in kept]
    rows: dict[str, list[int]] = {}
    for k in np.argsort(stamps, kind="stable").tolist():
        rows.setdefault(users[k], []).append(k)
    sequences, ids = [], []
    for one in dict.fromkeys(users):  # users in the order in which they come
        pieces = [rows[one]] if gap is None else _sessions(rows[one], stamps, gap)
        sequences += [[str(table.cells[item][kept[k]]) for k in piece] for piece in pieces]
        ids += [one] if len(pieces) == 1 else [f"{one}/{k}" for k in range(1, len(pieces) + 1)]
    if gap is not None:
        notes.append(f"cut where nothing happens for more than {options['gap']}: {len(sequences):,} sequences of {len(rows):,} users")
    unused = [name for name in table.cells if name not in used]
    if unused:
        notes.append(f"{'columns' if len(unused) > 1 else 'column'} {', '.join(unused[:8])} not used")
    return Symbols.of(sequences, ids=ids, joined_by=" ", source=table.source, notes=[*notes, *told])


def _usual(table: Columns, names: Sequence[str]) -> str | None:
    return next((column for name in names for column in table.cells if column.strip().lower() == name), None)


def _column(table: Columns, given: Any, usual: Sequence[str], what: str) -> str | None:
    if given == "none":
        return None
    if given is not None and given not in table.cells:
        raise SeriesError(f'{table.source} has no column "{given}" for --{what}; it has {", ".join(table.cells)}.')
    return str(given) if given is not None else _usual(table, usual)


def _stamps(cells: Sequence[Any], source: str, name: str, kept: Sequence[int]) -> tuple[Any, list[str]]:
    """Times as datetime64 or numbers, and what was assumed of them."""
    import polars as pl

    try:
        column = pl.Series([str(cell) for cell in cells]) if any(isinstance(cell, str) for cell in cells) else pl.Series(list(cells))
        found = to_stamps(column, None, name)
    except BadCell as error:
        where = f"{source}, row {kept[error.row]:,} (counted from 0)"
        raise SeriesError(
            f'{where}, column "{name}": "{error.text}" is not a time like the others. Leave the row out, or the column with --time none.'
        ) from None
    return found.values, [re.sub(r" \(--.*?\)", "", note).replace("{row}", "a row") for note, _ in found.notes]


def _gap(gap: Any, stamps: Any, time: str | None) -> Any:
    """The gap in the units of the stamps; None = none."""
    if gap is None:
        return None
    if time is None:
        raise ConfigError("`gap` cuts by time, and there is no column of times.")
    dated = stamps.dtype.kind == "M"
    try:
        number = float(gap)
    except (TypeError, ValueError):
        if not dated:
            raise ConfigError(f'The times are numbers, so `gap` is a number in their units, not "{gap}".') from None
        return np.timedelta64(round(Frequency.parse(str(gap)).seconds * 1e6), "us")
    if dated or not number > 0:
        raise ConfigError(f'`gap` is a time above 0, such as "30min" where times are dates; {gap} came.')
    return number


def _sessions(rows: Sequence[int], stamps: Any, gap: Any) -> list[list[int]]:
    """Rows of one user, by time, cut where the next comes later than the gap."""
    cuts = np.flatnonzero(np.diff(stamps[list(rows)]) > gap) + 1
    return [piece.tolist() for piece in np.split(np.array(rows), cuts)]
