"""Sequences of symbols: FASTA, lines, tables, life courses, logs, tunes, piano rolls."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inorder.data.piano_rolls import notes_of, piano_roll
from inorder.data.symbol_reading import read_symbols
from inorder.data.symbols import Symbols
from inorder.data.tunes import SIGN
from inorder.errors import ConfigError, SeriesError


def read(folder: Path, content: str | bytes, name: str = "x.txt", **options: Any) -> Symbols:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_symbols(path, **options)


def joined(data: Symbols) -> list[str]:
    return [data.joined_by.join(one) for one in data.symbols]


def names(data: Symbols) -> list[Any] | None:
    return None if data.labels is None else data.labels.names()


def test_fasta(tmp_path: Path) -> None:
    content = "; a remark\n>sp|P1 first protein\nMKV L\r\nAA*\n>two\n\n>three\nacgt\n"
    for name in ("x.fasta", "x.fa", "x.txt"):
        data = read(tmp_path, content, name) if name != "x.txt" else read(tmp_path, content.removeprefix("; a remark\n"), name)
        assert joined(data) == ["MKVLAA*", "", "acgt"] and data.ids == ("sp|P1", "two", "three")
        assert "1 sequence is empty" in data.notes
    doubled = read(tmp_path, "lost\n>a\nAC\n>a\nGT\n", "x.fasta")
    assert doubled.ids == ("0", "1") and "names are not all different, so sequences are counted instead" in doubled.notes
    assert "1 line above the first name left out" in doubled.notes
    with pytest.raises(SeriesError, match='is no FASTA file: no line begins with ">"'):
        read(tmp_path, "ACGT\n", "x.fasta")


def test_a_sequence_a_line(tmp_path: Path) -> None:
    assert read(tmp_path, "12 1 1\n3\n\n4 4\n").symbols == (("12", "1", "1"), ("3",), ("4", "4"))
    assert read(tmp_path, "a, b,c\nd,e\n").symbols == (("a", "b", "c"), ("d", "e"))
    letters = read(tmp_path, "ACGT\nAC\n")
    assert letters.symbols[1] == ("A", "C") and letters.joined_by == "" and "a sequence a line, of characters (--divided to change)" in letters.notes
    assert read(tmp_path, "ab cd\nef gh\n", divided="characters").symbols[0] == ("a", "b", " ", "c", "d")
    assert "1 blank line left out" in read(tmp_path, "12 1 1\n3\n\n4 4\n").notes
    assert read(tmp_path, "a b\nc\n", divided="commas").symbols == (("a b",), ("c",))


def test_a_table_of_sequences(tmp_path: Path) -> None:
    data = read(tmp_path, "label\tsequence\n+\tacgt\n-\tac\n", "x.tsv")
    assert joined(data) == ["acgt", "ac"] and names(data) == ["+", "-"]
    spaced = read(tmp_path, "user,events,outcome\n7,open click,buy\n8,open,leave\n9,open,leave\n6,open buy,buy\n", "x.csv", id="user")
    assert spaced.symbols[0] == ("open", "click") and spaced.ids == ("7", "8", "9", "6") and names(spaced) == ["buy", "leave", "leave", "buy"]
    pl.DataFrame({"sequence": [["a", "b"], None], "split": ["train", "test"]}).write_parquet(tmp_path / "x.parquet")
    lists = read_symbols(tmp_path / "x.parquet")
    assert lists.symbols == (("a", "b"), ()) and lists.parts == ("train", "test")
    assert read(tmp_path, '[["a", 1], ["b"]]', "x.json").symbols == (("a", "1"), ("b",))
    assert read(tmp_path, '{"sequence": "ac", "label": "x"}\n{"sequence": "gt", "label": "y"}\n', "x.jsonl").symbols == (("a", "c"), ("g", "t"))


def test_life_courses(tmp_path: Path) -> None:
    columns = [f"m{k}" for k in range(10)]
    rows = [["1", "yes", *"AAAABBBBBB"], ["2", "no", *"AACC"], ["3", "no", *"A", "", *"ACBB"], ["4", "no", *"CCCCCCCCCC"]]
    content = "\n".join([",".join(["id", "male", *columns]), *(",".join([*row, *[""] * (12 - len(row))]) for row in rows)]) + "\n"
    data = read(tmp_path, content, "x.csv")
    assert joined(data) == ["A A A A B B B B B B", "A A C C", "A ? A C B B", "C C C C C C C C C C"] and data.ids == ("1", "2", "3", "4")
    assert "steps are the 10 columns m0 to m9 (--steps FIRST:LAST to change)" in data.notes
    assert '1 missing steps inside sequences are the symbol "?"' in data.notes
    told = read(tmp_path, content, "x.csv", steps="m0:m3", label="male")
    assert joined(told)[0] == "A A A A" and names(told) == ["yes", "no", "no", "no"]
    with pytest.raises(SeriesError, match='has no column "m12" for --steps FIRST:LAST'):
        read(tmp_path, content, "x.csv", steps="m0:m12")


LOG = "user,time,item,price\nb,2020-01-01 10:00,x,1\na,2020-01-01 09:00,y,1\na,2020-01-01 08:30,z,1\na,2020-01-01 12:00,w,1\na,,v,1\n,2020-01-01 12:00,w,1\n"


def test_logs(tmp_path: Path) -> None:
    data = read(tmp_path, LOG, "log.csv")
    assert data.ids == ("b", "a") and data.symbols == (("x",), ("z", "y", "w"))
    assert "2 rows without user, time or item left out" in data.notes and "column price not used" in data.notes
    cut = read(tmp_path, LOG, "log.csv", gap="2h")
    assert cut.ids == ("b", "a/1", "a/2") and cut.symbols == (("x",), ("z", "y"), ("w",))
    assert "cut where nothing happens for more than 2h: 3 sequences of 2 users" in cut.notes
    assert read(tmp_path, LOG, "log.csv", time="none").symbols == (("x",), ("y", "z", "w", "v"))
    with pytest.raises(ConfigError, match="`gap` cuts by time, and there is no column of times"):
        read(tmp_path, LOG, "log.csv", time="none", gap="2h")
    with pytest.raises(ConfigError, match='`gap` is a time above 0, such as "30min"'):
        read(tmp_path, LOG, "log.csv", gap=3)
    with pytest.raises(SeriesError, match='has no column "when" for --time'):
        read(tmp_path, LOG, "log.csv", time="when")


def test_logs_by_numbers_keep_the_order_of_equal_times(tmp_path: Path) -> None:
    content = "who\twhen\twhat\n" + "".join(f"u\t{t}\t{item}\n" for t, item in ((10, "a"), (9, "b"), (10, "c"), (9.5, "d"), (100, "e")))
    data = read(tmp_path, content, "log.tsv", user="who", time="when", item="what", gap=50)
    assert data.symbols == (("b", "d", "a", "c"), ("e",)) and data.ids == ("u/1", "u/2")
    with pytest.raises(ConfigError, match='The times are numbers, so `gap` is a number in their units, not "1h"'):
        read(tmp_path, content, "log.tsv", user="who", time="when", item="what", gap="1h")
    frame = pl.DataFrame({"user": [1, 1], "timestamp": [2, 1], "item": [5, 6]})
    assert read_symbols(frame).symbols == (("6", "5"),)
    films = read(tmp_path, "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n1,10,3.0,1260759179\n2,10,4.0,835355493\n", "x.csv")
    assert films.symbols == (("31", "10"), ("10",)) and "times read as seconds since 1970, UTC" in films.notes
    with pytest.raises(SeriesError, match='row 1 .counted from 0., column "time": "soon" is not a time like the others'):
        read(tmp_path, "user,time,item\na,2020-01-01,x\na,soon,y\n", "log.csv")


TUNE = 'X:1\nT:One % said\n% a remark\nM:3/4\nL:1/8\nK:G\nP:A\n|:"Am"^c\'3/2 =B,,/ _e2|(3abc z4 [1 [CEG]2:|[2 d2||\\\nA B|]\n\nlost\nX:2\nT:No key\nabc\n'


def test_tunes(tmp_path: Path) -> None:
    data = read(tmp_path, TUNE, "x.abc")
    signs = [
        "M:3/4",
        "\n",
        "L:1/8",
        "\n",
        "K:G",
        "\n",
        "P:A",
        "\n",
        "|:",
        '"Am"',
        "^c'3/2",
        " ",
        "=B,,/",
        " ",
        "_e2",
        "|",
        "(3",
        "a",
        "b",
        "c",
        " ",
        "z4",
        " ",
        "[1",
        " ",
    ]
    assert list(data.symbols[0][: len(signs)]) == signs and data.ids == ("1",)
    assert "1 tune without a key (K:) left out" in data.notes and "fields of headers other than M, L, K left out (--fields to change)" in data.notes
    letters = read(tmp_path, TUNE, "x.txt", notation="characters")
    assert "".join(letters.symbols[0]) == "".join(data.symbols[0]) and len(letters.symbols[0]) == len("".join(letters.symbols[0]))
    assert "".join(read(tmp_path, TUNE, "x.abc", fields="T").symbols[0]).startswith("T:One\nP:A\n|:")
    assert "".join(read(tmp_path, TUNE, "x.abc", fields="all").symbols[0]).startswith("T:One\nM:3/4\nL:1/8\nK:G\n")
    assert "".join(read(tmp_path, TUNE, "x.abc", fields="").symbols[0]).startswith("P:A\n")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("a.abc", TUNE)
        packed.writestr("b.abc", TUNE.replace("\n", "\r\n"))
        packed.writestr("LICENSE.md", "text")
    both = read_symbols(tmp_path / "x.zip")
    assert both.ids == ("a.abc/1", "b.abc/1") and both.symbols[0] == both.symbols[1] and "b.abc: 14 lines end with CR LF" in both.notes
    with pytest.raises(ConfigError, match='`notation` of tunes is "signs" or "characters", not "midi"'):
        read(tmp_path, TUNE, "x.abc", notation="midi")
    with pytest.raises(ConfigError, match="`fields` are letters of fields"):
        read(tmp_path, TUNE, "x.abc", fields="M:")
    with pytest.raises(SeriesError, match="holds no tune in ABC notation"):
        read(tmp_path, "nothing of the kind\n", "x.abc")


@given(st.text(st.sampled_from(list("ABCdef'[]|:()\"^_=z/123 \n!\\~é")), max_size=40))
def test_signs_put_together_are_the_tune(text: str) -> None:
    assert "".join(SIGN.findall(text)) == text


def test_piano_rolls(tmp_path: Path) -> None:
    data = read(tmp_path, json.dumps({"train": [[[67, 60, 60], [], [64]]], "valid": [[[60]]]}), "x.json")
    assert data.symbols == (("60 67", "rest", "64"), ("60",)) and data.parts == ("train", "valid")
    voices = read(tmp_path, json.dumps({"train": [[[74, 70, -1, 58], [-1, -1, -1, -1]]]}), "x.json")
    assert voices.symbols == (("74 70 - 58", "- - - -"),) and notes_of("- - - -") == ()
    roll = piano_roll(data.symbols[0])
    assert roll.shape == (3, 128) and [np.flatnonzero(row).tolist() for row in roll] == [[60, 67], [], [64]]
    with pytest.raises(SeriesError, match="piece 0, frame 1: 128 is no note of MIDI, which are 0 to 127"):
        read(tmp_path, "[[[60], [128]]]", "x.json")
    with pytest.raises(SeriesError, match='"C E" is not the symbol of a frame of notes'):
        notes_of("C E")


def test_parts_in_files_and_rows(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / f"{part}.fasta").write_text(f">one\n{'AC' if part == 'train' else 'GT'}\n")
    data = read_symbols(tmp_path)
    assert data.parts == ("train", "test") and data.ids == ("train/one", "test/one") and joined(data.part("test")) == ["GT"]
    assert read_symbols(tmp_path / "train.fasta", test=tmp_path / "test.fasta").symbols == data.symbols
    assert joined(data[::-1]) == ["GT", "AC"] and data.kinds == {"A": 1, "C": 1, "G": 1, "T": 1}
    (tmp_path / "other.fasta").write_text(">a\nA\n")
    (tmp_path / "train.fasta").unlink()
    with pytest.raises(SeriesError, match="holds several files: other.fasta, test.fasta"):
        read_symbols(tmp_path)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(SeriesError, match="x.txt is empty. A file of sequences was expected"):
        read(tmp_path, "\n\n")
    with pytest.raises(SeriesError, match="the data holds no sequence"):
        Symbols.of([])
    with pytest.raises(ConfigError, match="one string came"):
        Symbols.of("ACGT")
    with pytest.raises(ConfigError, match='Option for sequences of symbols "sequences" is unknown. Did you mean "sequence"'):
        read(tmp_path, "AC\n", sequences="x")
    with pytest.raises(ConfigError, match='`divided` is "spaces", "commas" or "characters", not "tabs"'):
        read(tmp_path, "AC\n", divided="tabs")
    with pytest.raises(SeriesError, match=r"has a header \(label, sequence\) and no rows"):
        read(tmp_path, "label\tsequence\n", "x.tsv")


def test_no_bytes_end_in_a_traceback(tmp_path: Path) -> None:
    import random

    rng = random.Random(11)
    seeds = [b">a\nACGT\n>b\nAC\n", TUNE.encode(), LOG.encode(), b'{"train": [[[60, 62], [64]]]}', b"1 2 3\n4 5\n"]
    for k in range(200):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 5)):
            place = rng.randrange(len(data))
            data[place : place + rng.randint(0, 4)] = bytes(rng.choice(b'09azAZ,;:|>{}[]"\t\n -') for _ in range(rng.randint(0, 3)))
            data = data or bytearray(b"x")
        for name in ("x.csv", "x.txt", "x.json", "x.abc", "x.fasta"):
            try:
                assert len(read(tmp_path, bytes(data), name)) > 0, (k, name)
            except (SeriesError, ConfigError) as error:
                assert str(error)[-1] in ".?", (k, name, str(error))
