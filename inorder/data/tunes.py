"""Tunes in ABC notation -> sequences of characters, or of the signs of the notation.

    X: 1            begins a tune, whose name is its number
    M: 3/4          fields of the header; those in `fields` are kept, in their order
    K: G            the last field of the header
    A2|:"G"d2B|     the tune; % begins a comment, which is left out; a backslash at the end of a line says that the line goes on
    a blank line    ends it

    signs           fields, chords "Am", notes with accidental, octave and length (^c'3/2), rests, bars and repeats, endings, tuplets, and any other character
                    by itself: put together again they are the tune

Source: the ABC music standard 2.1, abcnotation.com.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inorder.data.symbols import Symbols
from inorder.errors import ConfigError, SeriesError

FIELDS = "MLK"  # metre, length of a note without a number, key: without them notes mean nothing
NOTATIONS = ("signs", "characters")
HEADER = re.compile(r"[A-Za-z+]:")
_LENGTH = r"\d*(?:/+\d*)?"
SIGN = re.compile(
    rf"""
    (?m:^)[A-Za-z]:[^\n]*                       # a field in a line of its own
  | \[[A-Za-z]:[^\]\n]*\]                       # or inside a line
  | "[^"\n]*" | ![^!\s]*!                       # a chord; a decoration
  | (?:\^\^|\^|__|_|=)?[A-Ga-g][,']*{_LENGTH}   # a note
  | [zxyZ]{_LENGTH}                             # a rest
  | \[\d[\d,-]*                                 # an ending
  | :*\[?\|[|\]]?:*\d? | ::+                    # bars and repeats
  | \(\d(?::\d*){{0,2}}                         # a tuplet
  | .                                           # anything else
    """,
    re.VERBOSE | re.DOTALL,
)


def is_abc(text: str) -> bool:
    """Whether a text holds tunes: a line X: with a number, and a line K: somewhere after it."""
    return bool(re.search(r"(?m)^X:\s*\d+[^\n]*\n(?:.*\n)*?K:", text[: 1 << 16]))


def read_tunes(files: Mapping[str, str], source: str, options: Mapping[str, Any], notes: Sequence[str] = ()) -> Symbols:
    """The tunes of some files.   options: `notation` ("signs", "characters"), `fields` (letters of the header's fields to keep; "" = none, "all").

    >>> data = read_tunes({"a.abc": 'X:1\\nT:One\\nM:3/4\\nK:G\\n"G"d2B|A3/2 z|]\\n'}, "a.abc", {})
    >>> data.symbols[0]
    ('M:3/4', '\\n', 'K:G', '\\n', '"G"', 'd2', 'B', '|', 'A3/2', ' ', 'z', '|]')
    """
    notation, fields = options.get("notation") or NOTATIONS[0], options.get("fields", FIELDS)
    if notation not in NOTATIONS:
        raise ConfigError(f'`notation` of tunes is "signs" or "characters", not "{notation}".')
    if not isinstance(fields, str) or not (fields == "all" or all(one.isalpha() for one in fields)):
        raise ConfigError(f'`fields` are letters of fields, such as "MLK", or "all"; {fields!r} came.')
    tunes, ids, headless, left = [], [], 0, 0
    for name, text in files.items():
        for number, tune in _tunes(text):
            kept, body, dropped = _parted(tune, fields)
            left += dropped
            headless += body is None
            if body is not None:
                whole = "\n".join([*kept, body])
                tunes.append(tuple(whole) if notation == "characters" else tuple(SIGN.findall(whole)))
                ids.append(f"{name}/{number}" if len(files) > 1 else number)
    if not tunes:
        raise SeriesError(f"{source} holds no tune in ABC notation: lines X: and K: were expected before the notes.")
    told = [*notes, f"a tune is a sequence of {notation} (--notation to change)"]
    if left:
        told.append(f"fields of headers other than {', '.join(fields) or 'none'} left out (--fields to change)")
    if headless:
        told.append(f"{headless:,} tune{'s' * (headless > 1)} without a key (K:) left out")
    doubled = len(set(ids)) < len(ids)
    return Symbols.of(tunes, ids=() if doubled else ids, joined_by="", source=source, notes=told)


def _tunes(text: str) -> list[tuple[str, list[str]]]:
    """The number and the lines of each tune, without comments."""
    found: list[tuple[str, list[str]]] = []
    open_ = False
    for line in text.split("\n"):
        if line.startswith("X:"):
            found.append((line[2:].strip(), []))
            open_ = True
        elif not line.strip():
            open_ = False
        elif open_ and not line.startswith("%"):
            found[-1][1].append(re.sub(r"(?<!\\)%.*", "", line).rstrip())
    return found


def _parted(lines: list[str], fields: str) -> tuple[list[str], str | None, int]:
    """The fields to keep, the tune below the header (None without a key), and how many fields were left out."""
    end = next((k for k, line in enumerate(lines) if line.startswith("K:")), None)
    if end is None:
        return [], None, 0
    header = [line for line in lines[: end + 1] if HEADER.match(line)]
    kept = [line for line in header if fields == "all" or line[0] in fields]
    return kept, "\n".join(lines[end + 1 :]), len(header) - len(kept)
