"""The named parts of data: "train", "valid", "test", however a file, a folder or a cell writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.errors import ConfigError

TRAIN, VALID, TEST = "train", "valid", "test"
WORDS = {"train": TRAIN, "training": TRAIN, "trn": TRAIN, "valid": VALID, "validation": VALID, "val": VALID, "dev": VALID, "devel": VALID}
WORDS |= {"development": VALID, "test": TEST, "testing": TEST, "tst": TEST}
COLUMNS = ("split", "part", "set", "subset")  # usual names of a column of parts


def part_of(word: str) -> str | None:
    """The part that a word names: a cell, a folder, a key, or the last word of a file's name; None where it names none.

    >>> part_of("dev"), part_of("en_ewt-ud-train.conllu.gz"), part_of("oos_val"), part_of("latest")
    ('valid', 'train', 'valid', None)
    """
    stem = word.strip().lower().partition(".")[0]
    if stem in WORDS:
        return WORDS[stem]
    pieces = [one for one in re.split(r"[^a-z]+", stem) if one in WORDS]
    return WORDS[pieces[-1]] if pieces else None


def beside(given: Any) -> tuple[str, ...]:
    """Notes on files that lie beside a training part and seem to be its other parts: they are told, never taken in unasked."""
    if not isinstance(given, str | Path) or part_of(Path(given).name) != TRAIN or not Path(given).expanduser().is_file():
        return ()
    path = Path(given).expanduser()
    names = [file.name for file in path.parent.iterdir() if part_of(file.name) in (VALID, TEST) and _without_part(file.name) == _without_part(path.name)]
    return tuple(f"{name} lies beside it and was not read (--{part_of(name)})" for name in sorted(names))


def _without_part(name: str) -> str:
    """A file's name without the word that says its part."""
    stem, dot, ending = name.partition(".")
    pieces = re.split(r"([^A-Za-z]+)", stem)
    last = max((k for k, one in enumerate(pieces) if one.lower() in WORDS), default=None)
    return "".join(one for k, one in enumerate(pieces) if k != last) + dot + ending


def in_part(parts: Sequence[str], name: str) -> NDArray[np.bool_]:
    """(examples,) True in this part; "train" are also those of which nothing is said."""
    if name not in (TRAIN, VALID, TEST):
        raise ConfigError(f'A part is "train", "valid" or "test", not "{name}".')
    return np.array([one == name or (name == TRAIN and one == "") for one in parts], dtype=bool)
