"""Text files that hold labelled sequences: `.ts` of sktime and aeon, `.arff` of Weka, and rows of a label and its values.

    .ts      @problemName …, @classLabel true a b, @data, then one line a sequence: channel:channel:…:label, values separated by commas
    .arff    @attribute …, @data, then one line a sequence; a relational attribute holds the channels, one a line, in quotation marks
    rows     label,value,value,…   as the UCR archive writes them: commas, tabs or spaces

"?" and "NaN" are missing values. An error names file and line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inorder.data.labelled import Sequences
from inorder.errors import SeriesError
from inorder.typing import Floats

LABELS = ("label", "class", "target", "y", "category", "activity")  # names of a column of labels
MISSING = ("?", "", "nan", "na", "null")


@dataclass(frozen=True)
class Heading:
    """What a `.ts` file says of itself.   classes: None where there are none to tell.   target: labels are numbers.   stamped: values are (time, value)."""

    labelled: bool = True
    classes: tuple[str, ...] = ()
    target: bool = False
    stamped: bool = False
    dimensions: int | None = None


def read_ts(text: str, source: str, kind: str | None = None) -> Sequences:
    """The sequences of a `.ts` file.

    >>> data = read_ts("@classLabel true a b\\n@data\\n1,2,?:0,1,2:b\\n3,4:5,6:a\\n", "x.ts")
    >>> data.describe(), data.names_of(data.labels)
    ('2 sequences of 2–3 steps, 2 channels, 2 classes, 1 missing', ['b', 'a'])
    """
    heading, values, labels = Heading(), [], []
    begun = False
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(("#", "%")):
            continue
        if not begun and line.startswith("@"):
            begun = line.lower() == "@data"
            heading = heading if begun else _heading(heading, line)
            continue
        if not begun:
            raise SeriesError(f'{source}, line {number}: a .ts file has lines that begin with "@" up to the line "@data"; "{line[:40]}" came before it.')
        where = f"{source}, line {number}"
        parts = _stamped(line) if heading.stamped else line.split(":")
        if heading.labelled:
            labels.append(parts.pop().strip())
        if not parts:
            raise SeriesError(f"{where}: values and a label were expected, separated by a colon.")
        channels = [[pair.split(",")[-1] for pair in re.findall(r"\(([^()]*)\)", part)] if heading.stamped else part.split(",") for part in parts]
        values.append(_columns(channels, where))
    if not begun:
        raise SeriesError(f'{source} has no line "@data", so it is not a .ts file.')
    _check_widths(values, source, heading.dimensions)
    return Sequences.of(
        values,
        labels if heading.labelled else None,
        classes=heading.classes if kind != "regression" else (),
        kind="regression" if heading.target else kind,
        source=source,
    )


def _heading(heading: Heading, line: str) -> Heading:
    """The heading after one more of its lines."""
    key, *words = line[1:].split()
    yes = bool(words) and words[0].lower() == "true"
    key = key.lower()
    if key == "classlabel":
        return replace(heading, labelled=yes or heading.target, classes=tuple(words[1:]) if yes else ())
    if key == "targetlabel":
        return replace(heading, labelled=yes or bool(heading.classes), target=yes)
    if key == "timestamps":
        return replace(heading, stamped=yes)
    if key in ("dimensions", "dimension") and words and words[0].isdigit():
        return replace(heading, dimensions=int(words[0]))
    return heading


def _stamped(line: str) -> list[str]:
    """Channels and label of a line whose values are (time,value) pairs: colons inside brackets belong to the times."""
    return re.split(r":(?![^()]*\))", line)


def _columns(channels: Sequence[Sequence[str]], where: str) -> Floats:
    """(time, channels) from the texts of each channel; a channel that ends early is missing there."""
    found = [_numbers(one, where) for one in channels]
    result = np.full((max(map(len, found)), len(found)), np.nan)
    for c, one in enumerate(found):
        result[: len(one), c] = one
    return result


def _numbers(cells: Sequence[str], where: str) -> Floats:
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        numbers = np.empty(len(cells))
    for k, cell in enumerate(cells):
        try:
            numbers[k] = np.nan if cell.strip().lower() in MISSING else float(cell)
        except ValueError:
            raise SeriesError(f'{where}: value {k + 1} is "{cell.strip()[:40]}", which is not a number.') from None
    return numbers


def _check_widths(values: Sequence[Floats], source: str, told: int | None) -> None:
    """Every sequence has the same channels."""
    width = told if told is not None else values[0].shape[1] if values else 0
    for i, one in enumerate(values):
        if one.shape[1] != width:
            raise SeriesError(f"{source}: sequence {i + 1} has {one.shape[1]} channels; {width} were expected.")


def read_arff(text: str, source: str, kind: str | None = None) -> Sequences:
    """The sequences of an ARFF file: numeric attributes in the order of time, or one relational attribute with a line a channel, and a class.

    >>> data = read_arff("@attribute a numeric\\n@attribute b numeric\\n@attribute target {1,2}\\n@data\\n0.5,1,2\\n1,?,1\\n", "x.arff")
    >>> data.describe(), data.names_of(data.labels)
    ('2 sequences of 2 steps, 2 classes, 1 missing', ['2', '1'])
    """
    names: list[str] = []
    nominal: dict[str, tuple[str, ...]] = {}
    relational, inside, begun = "", False, False
    values, labels = [], []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("%"):
            continue
        word = line.split()[0].lower()
        if not begun and word == "@attribute" and not inside:
            name, what = _attribute(line, f"{source}, line {number}")
            names.append(name)
            if what.startswith("{"):
                nominal[name] = tuple(part.strip().strip("'\"") for part in what.strip("{} \t").split(","))
            elif what.lower() == "relational":
                relational, inside = name, True
        elif not begun and word == "@end":
            inside = False
        elif not begun and word == "@data":
            begun = True
            place = _class_place(names, nominal, relational, source)
        elif begun:
            cells = next(csv.reader([line], quotechar="'" if "'" in line else '"', skipinitialspace=True))
            if len(cells) != len(names):
                raise SeriesError(f"{source}, line {number}: {len(names)} values were expected, one for each attribute; {len(cells)} came.")
            where = f"{source}, line {number}"
            labels.append(cells.pop(place).strip().strip("'\""))
            channels = [part.split(",") for part in cells[0].replace("\\n", "\n").split("\n")] if relational else [cells]
            values.append(_columns(channels, where))
    if not begun:
        raise SeriesError(f'{source} has no line "@data", so it is not an ARFF file.')
    _check_widths(values, source, None)
    return Sequences.of(values, labels, classes=nominal.get(names[place], ()) if kind != "regression" else (), kind=kind, source=source)


def _attribute(line: str, where: str) -> tuple[str, str]:
    found = re.fullmatch(r"""@attribute\s+('[^']*'|"[^"]*"|\S+?)\s*(\{.*\}|\s\S.*)""", line, flags=re.IGNORECASE)
    if not found:
        raise SeriesError(f'{where}: "@attribute NAME TYPE" was expected, "{line[:60]}" came.')
    return found.group(1).strip("'\""), found.group(2).strip()


def _class_place(names: Sequence[str], nominal: dict[str, tuple[str, ...]], relational: str, source: str) -> int:
    """Which attribute is the label: the one called class or target, else the last."""
    if len(names) < 2 or (relational and len(names) != 2):
        raise SeriesError(f"{source} has the attributes {', '.join(names) or 'none'}; values and a class were expected.")
    named = [k for k, name in enumerate(names) if name.lower() in ("class", "target", "label", "classattribute")]
    return named[0] if len(named) == 1 else len(names) - 1


def read_rows(text: str, source: str, kind: str | None = None, *, label: int | None = 0) -> Sequences:
    """Rows of a label and its values.   Values that are missing at the end of a row are no steps.

    label: the place of the label in a row: 0, or -1 in a bare body of an ARFF file; None where there is none.

    >>> data = read_rows("1,0.5,1.5\\n2,1,2\\n1,3,NaN\\n", "x.csv")
    >>> data.describe(), data.names_of(data.labels)
    ('3 sequences of 1–2 steps, 2 classes', ['1', '2', '1'])
    """
    values, labels = [], []
    for number, cells in _split(text):
        if label is not None:
            labels.append(_whole(cells.pop(label)))
        values.append(trimmed(_numbers(cells, f"{source}, line {number}")[:, None]))
    note = [] if label is None else [f"the {'first' if label == 0 else 'last'} value of each row is its label"]
    return Sequences.of(values, labels if labels else None, kind=kind, source=source, notes=note)


def holds_labels(text: str, source: str, place: int, classes: Sequence[str], steps: tuple[int, int] | None) -> bool:
    """Whether rows that need no label have one all the same, at this place: 0 or -1.

    They do where it is no number; where all rows have one value more than the sequences that a model learnt from, which were of one length, and the
    value is a class that it knows; or where these values alone are known classes. They do not where rows are as long as those sequences.
    classes: that are known, none for numbers.   steps: the least and the most that were learnt from; None where nothing is known.
    Raises SeriesError where neither can be told.

    >>> holds_labels("u,1,2\\nd,3,4\\n", "x.csv", 0, (), None), holds_labels("1,7,2\\n2,5,4\\n", "x.csv", 0, ("1", "2"), (3, 3))
    (True, False)
    """
    rows = [cells for _, cells in _split(text)]
    own = [cells[place] for cells in rows]
    if not all(_are_numbers([cell]) for cell in own):
        return True
    known = bool(classes) and {_whole(cell) for cell in own} <= set(classes)
    longest, same = max(map(len, rows)), steps is not None and steps[0] == steps[1]
    if same and steps is not None:
        if longest == steps[0]:
            return False
        if longest == steps[0] + 1 and (known or not classes):
            return True
    elif known and not {_whole(cell) for cells in rows for cell in (cells[1:] if place == 0 else cells[:-1])} <= set(classes):
        return True
    where, word = ("first", "--label first") if place == 0 else ("last", "--label last")
    raise SeriesError(f"{source} has rows of {longest} values, of which the {where} may be a label or not. Say {word} or --label none.")


def _whole(text: str) -> str:
    """A label; 1.0000000e+00, as the old files of the archive have it, is 1."""
    try:
        number = float(text)
    except ValueError:
        return text.strip().strip("\"'")
    return str(int(number)) if number.is_integer() else text.strip()


def _split(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith(("#", "%")):
            yield number, line.split(",") if "," in line else line.split("\t") if "\t" in line else line.split(";") if ";" in line else line.split()


def is_rows(text: str) -> bool:
    """Whether a text file begins with a row of numbers, but for the first cell, and not with names.

    >>> is_rows("a,0.5,1.5\\n"), is_rows("label,t0,t1\\n"), is_rows("label,7,9\\n")
    (True, False, False)
    """
    first = _first(text)
    return len(first) > 2 and _are_numbers(first[1:]) and not has_names(text)


def has_names(text: str) -> bool:
    """Whether the first row surely names columns, be the names numbers: it begins with a usual name of a label, or the others count on: kind,0,1,2.

    >>> has_names("label,7,9\\n"), has_names("kind,0,1,2\\n"), has_names("1,0,1,2\\n"), has_names("kind,0,5,1\\n")
    (True, True, False, False)
    """
    first = [cell.strip().strip("\"'") for cell in _first(text)]
    if not first or _are_numbers(first[:1]):
        return False
    return first[0].lower() in LABELS or (len(first) > 3 and _are_numbers(first[1:]) and bool((np.diff(_numbers(first[1:], "")) == 1).all()))


def _first(text: str) -> list[str]:
    return next((cells for _, cells in _split(text)), [])


def _are_numbers(cells: Sequence[str]) -> bool:
    try:
        _numbers(cells, "")
    except SeriesError:
        return False
    return True


def trimmed(values: Floats) -> Floats:
    """Without the steps at the end where no channel has a value: padding."""
    known = np.flatnonzero(~np.isnan(values).all(axis=1))
    return values[: known[-1] + 1] if len(known) else values[:0]
