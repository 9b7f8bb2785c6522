"""The named parts of data: "train", "valid", "test", however a file, a folder or a cell writes them."""

from __future__ import annotations

import re

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
