"""Music as frames of notes -> sequences of symbols, and back to numbers.

a frame          the notes that sound at one time, as MIDI numbers: 60 is middle C
its symbol       their numbers from low to high, divided by spaces: "60 64 67"; "rest" where nothing sounds
voices           where every frame has the same number of voices and −1 stands for a silent one, the order is that of the voices: "74 70 - 58"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.data.symbols import Symbols
from inorder.errors import SeriesError

REST, SILENT = "rest", "-"
NOTES = 128  # of MIDI


def are_rolls(items: Sequence[Any]) -> bool:
    """Whether these are pieces of music: lists of frames, which are lists of whole numbers.

    >>> are_rolls([[[60, 64], []], [[62]]]), are_rolls([["a text", "its label"]])
    (True, False)
    """
    return bool(items) and all(isinstance(item, list) and item and all(_is_frame(frame) for frame in item) for item in items)


def read_rolls(items: Sequence[Any], parts: Sequence[str], source: str, notes: Sequence[str] = ()) -> Symbols:
    """Pieces of music as sequences, a symbol a frame.   Raises SeriesError for a number that is no note.

    >>> read_rolls([[[67, 60], []], [[62]]], ["train", "valid"], "x.json").symbols
    (('60 67', 'rest'), ('62',))
    """
    frames = [frame for item in items for frame in item]
    voices = any(-1 in frame for frame in frames) and len({len(frame) for frame in frames}) == 1
    for k, item in enumerate(items):
        for t, frame in enumerate(item):
            wrong = next((note for note in frame if not (0 <= note < NOTES or (voices and note == -1))), None)
            if wrong is not None:
                raise SeriesError(f"{source}, piece {k}, frame {t}: {wrong} is no note of MIDI, which are 0 to {NOTES - 1}.")
    told = f"a symbol is what {len(frames[0])} voices sing at a time, in their order" if voices else "a symbol is the set of notes that sound at a time"
    symbols = [[_symbol(frame, voices) for frame in item] for item in items]
    return Symbols.of(symbols, parts=parts, joined_by="\n", source=source, notes=[*notes, told])


def notes_of(symbol: str) -> tuple[int, ...]:
    """The notes of a frame's symbol; silent voices have none.

    >>> notes_of("60 64 67"), notes_of("rest"), notes_of("74 - 58")
    ((60, 64, 67), (), (74, 58))
    """
    try:
        return tuple(int(one) for one in symbol.split(" ") if one not in (SILENT, REST))
    except ValueError:
        raise SeriesError(f'"{symbol[:40]}" is not the symbol of a frame of notes, such as "60 64 67".') from None


def piano_roll(symbols: Sequence[str]) -> NDArray[np.bool_]:
    """(time, 128) True where a note sounds.

    >>> piano_roll(["60 64", "rest"]).sum(axis=1).tolist()
    [2, 0]
    """
    roll = np.zeros((len(symbols), NOTES), dtype=bool)
    for row, symbol in zip(roll, symbols, strict=True):
        row[list(notes_of(symbol))] = True
    return roll


def _symbol(frame: Sequence[int], voices: bool) -> str:
    if voices:
        return " ".join(SILENT if note == -1 else str(note) for note in frame)
    return " ".join(map(str, sorted(set(frame)))) or REST


def _is_frame(frame: Any) -> bool:
    return isinstance(frame, list) and all(isinstance(note, int) and not isinstance(note, bool) for note in frame)
