"""Texts: what columns, folders, encodings and odd rows come to; nothing is refused that can be counted and told."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from inorder.data.text import Texts, joined_texts
from inorder.data.text_reading import read_texts
from inorder.errors import ConfigError, SeriesError


def read(folder: Path, content: str | bytes, name: str = "x.tsv", **options: Any) -> Texts:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_texts(path, **options)


def names(data: Texts) -> list[Any] | None:
    return None if data.labels is None else data.labels.names()


def test_columns_are_found_by_name_or_told(tmp_path: Path) -> None:
    content = "id\tdocument\tlabel\tstars\n7\tgood one\t1\t5\n8\tbad one\t0\t1\n9\tbad two\t0\t2\n"
    data = read(tmp_path, content)
    assert data.texts == ("good one", "bad one", "bad two") and names(data) == ["1", "0", "0"] and data.ids == ("7", "8", "9")
    assert 'the texts are those of "document", by its name' in data.notes and "column stars not used" in data.notes
    other = read(tmp_path, content, label="stars", kind="regression")
    assert names(other) == [5.0, 1.0, 2.0]
    assert read(tmp_path, content, label="none").labels is None


def test_columns_without_a_header(tmp_path: Path) -> None:
    data = read(tmp_path, "ham\twell then\nspam\twin a prize now\nham\tsee you\nham\tright\n", "SMSCollection")
    assert data.texts[1] == "win a prize now" and names(data) == ["ham", "spam", "ham", "ham"]
    assert "no header: columns are called column_1, column_2 (--header if the first row names them)" in data.notes
    assert any(note.startswith('the labels are those of "column_1", whose values recur') for note in data.notes)


def test_a_first_row_that_is_no_header_is_kept(tmp_path: Path) -> None:
    assert len(read(tmp_path, "a\tone thing\nb\tanother\na\tmore\nb\tless\n")) == 4
    assert len(read(tmp_path, "a\tone thing\nb\tanother\na\tmore\nb\tless\n", header=True, text="one thing")) == 3


def test_a_header_is_known_by_what_stands_below(tmp_path: Path) -> None:
    content = 'v1,v2,,,\nham,"Go until jurong point, crazy..",,,\nspam,Free entry £1,,,\nham,"U dun say ""so""",,,\nspam,"x y z",more,,\n'
    data = read(tmp_path, content.encode("latin-1"), "spam.csv")
    assert data.texts == ("Go until jurong point, crazy..", "Free entry £1", 'U dun say "so"', "x y z") and names(data) == ["ham", "spam"] * 2
    assert "the first row was taken for the names of columns: v1, v2 (--no-header if it names none)" in data.notes
    assert len(read(tmp_path, content, "spam.csv", header=False)) == 5


def test_rows_that_no_separator_divides_are_texts(tmp_path: Path) -> None:
    lines = ["hello, world of text", "how are you doing", "fine, thanks, and you"]
    data = read(tmp_path, "\n".join(lines) + "\n", "x.csv")
    assert list(data.texts) == lines and "rows have unlike numbers of cells, so each is one text, whatever divides it (',')" in data.notes
    one = read(tmp_path, "text\nfoo, bar\nplain\n", "x.csv")
    assert one.texts == ("foo, bar", "plain")


def test_numbers_and_labels_are_not_taken_for_texts(tmp_path: Path) -> None:
    for content in ("label\na\nb\n", "a,b\n1,2\n3,4\n"):
        with pytest.raises(SeriesError, match=r"has no column for the texts; it has .*Name it with --text"):
            read(tmp_path, content, "x.csv")


@pytest.mark.parametrize(
    "content, notes",
    [
        ("label,text\n1,well, I think, no\n0,yes\n", ["1 row with more than 2 cells (the first: line 2): the surplus was taken for text of text"]),
        ("text,label\nwell, I think, no,1\nyes,0\n", ["1 row with more than 2 cells (the first: line 2): the surplus was taken for text of text"]),
    ],
)
def test_surplus_separators_belong_to_the_text(tmp_path: Path, content: str, notes: list[str]) -> None:
    data = read(tmp_path, content, "x.csv")
    assert data.texts == ("well, I think, no", "yes") and names(data) == ["1", "0"]
    assert set(notes) <= set(data.notes)


def test_rows_that_are_too_short(tmp_path: Path) -> None:
    data = read(tmp_path, "label\ttext\n1\tgood\n0\n\n1\tfine\n0\tbad\n")
    assert data.texts == ("good", "", "fine", "bad") and names(data) == ["1", "0", "1", "0"]
    assert "1 row with fewer than 2 cells (the first: line 3): the others are empty" in data.notes
    assert "1 blank line left out" in data.notes and "1 text is empty" in data.notes


def test_quotes_that_never_close(tmp_path: Path) -> None:
    rows = "".join(f'{i % 2},"text, number {i}"\n' for i in range(20))
    data = read(tmp_path, f'label,text\n{rows}1,"never closed\n0,after it\n1,a "quoted" word\n', "x.csv")
    assert data.texts[:1] == ("text, number 0",) and data.texts[20:] == ('"never closed', "after it", 'a "quoted" word')
    assert "quotation marks of 1 line never close or stand inside a cell, and were taken as they are (the first: line 22)" in data.notes


def test_many_quotes_that_never_close_take_no_quadratic_time(tmp_path: Path) -> None:
    content = "label,text\n" + "".join(f'{i % 2},"{"x" * 50}\n1,plain\n' for i in range(0, 3000, 2))
    assert len(read(tmp_path, content, "x.csv")) == 3000


def test_a_text_of_several_lines(tmp_path: Path) -> None:
    assert read(tmp_path, 'text,label\n"one\ntwo, ""three"" ",a\nfour,b\n', "x.csv").texts == ('one\ntwo, "three" ', "four")
    assert read(tmp_path, 'text\tlabel\n"one ""two"""\ta\nfour\tb\n').texts == ('one "two"', "four")  # every cell with marks follows the rule
    assert read(tmp_path, 'text\tlabel\n"one\ta\n"four"\tb\n').texts == ('"one', '"four"')  # one does not


def test_texts_stay_raw(tmp_path: Path) -> None:
    raw = "  two  spaces\u2028 and\x85\x0b\x0c ends e\u0301 \u00a0"
    assert read(tmp_path, f"label\ttext\n1\t{raw}\n0\tx\n").texts[0] == raw
    assert read(tmp_path, json.dumps({"text": raw, "label": "a"}) + "\n", "x.jsonl").texts[0] == raw


def test_a_line_of_a_hundred_thousand_characters(tmp_path: Path) -> None:
    long = 'word, "quoted" ' * 20_000
    assert read(tmp_path, f"label\ttext\n1\t{long}\n0\tx\n").texts[0] == long
    doubled = long.replace('"', '""')
    assert read(tmp_path, f'label,text\n1,"{doubled}"\n0,x\n', "x.csv").texts[0] == long


def test_labels_that_lack(tmp_path: Path) -> None:
    data = read(tmp_path, "label\ttext\n1\ta\n\tb\n0\tc\nnan\td\n")
    assert names(data) == ["1", None, "0", None] and "2 texts have no label" in data.notes


def test_several_labels_in_a_cell(tmp_path: Path) -> None:
    data = read(tmp_path, "label\ttext\nsad|slow\ta\n\tb\nslow\tc\n", several="|")
    assert names(data) == [["sad", "slow"], [], ["slow"]] and data.labels is not None and data.labels.kind == "multi-label"
    lists = read(tmp_path, '{"text": "a", "labels": ["x", "y"]}\n{"text": "b", "labels": []}\n', "x.jsonl")
    assert names(lists) == [["x", "y"], []]
    with pytest.raises(ConfigError, match=r'`kind` is "classification", but there are several labels in a cell'):
        read(tmp_path, "label\ttext\nsad|slow\ta\n", several="|", kind="classification")


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp949"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_are_found(tmp_path: Path, encoding: str) -> None:
    content = "label\ttext\n1\t정말 재미있는 영화였다 그리고 또 보고 싶다\n0\t지루하고 재미없다 다시는 안 본다\n"
    data = read(tmp_path, content.replace("\n", "\r\n").encode(encoding))
    assert data.texts == ("정말 재미있는 영화였다 그리고 또 보고 싶다", "지루하고 재미없다 다시는 안 본다")
    assert "3 lines end with CR LF" in data.notes
    assert (encoding == "utf-8") == (not any("read as" in note or "mark" in note for note in data.notes))


def test_several_encodings_in_one_file(tmp_path: Path) -> None:
    lines = ["1\t어제 봤다".encode(), "0\t정말 재미있다".encode("cp949"), "1\tcafé crème".encode("latin-1"), "0\t나는 학교에".encode()[:-1], b"1\tz\0ero"]
    data = read(tmp_path, b"label\ttext\n" + b"\n".join(lines) + b"\n")
    assert data.texts == ("어제 봤다", "정말 재미있다", "café crème", "나는 학교\ufffd", "zero")
    told = {
        "1 line read as CP949 (the first: line 3)",
        "1 line read as Windows-1252 (the first: line 4)",
        "1 line read as damaged UTF-8 (the first: line 5)",
        "1 place is damaged and became U+FFFD",
        "1 zero character (NUL) left out",
    }
    assert told <= set(data.notes)


def test_an_encoding_that_is_told(tmp_path: Path) -> None:
    content = "label\ttext\n1\tпривет\n0\tпока\n".encode("koi8-r")
    assert read(tmp_path, content, encoding="koi8-r").texts == ("привет", "пока")
    assert "6 places are no ascii and became U+FFFD" in read(tmp_path, "label\ttext\n1\tééé\n0\tx\n".encode(), encoding="ascii").notes
    with pytest.raises(ConfigError, match='The encoding "klingon" is unknown'):
        read(tmp_path, content, encoding="klingon")


def test_latin_text_is_not_taken_for_korean(tmp_path: Path) -> None:
    data = read(tmp_path, b"label\ttext\n1\tcancellation of the \xbd\xa2 decrease which \xbd\xa2\n0\tx\n")
    assert data.texts[0] == "cancellation of the ½¢ decrease which ½¢"


JSONS = {
    "lines": '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n',
    "a list": '[{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]',
    "pairs": '[["a", "x"], ["b", "y"]]',
    "a list a column": '{"text": ["a", "b"], "label": ["x", "y"]}',
    "parts": '{"train": [["a", "x"]], "val": [["b", "y"]]}',
    "under a name": '{"version": 1, "data": [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]}',
}


@pytest.mark.parametrize("shape", JSONS)
def test_shapes_of_json(tmp_path: Path, shape: str) -> None:
    data = read(tmp_path, JSONS[shape], "x.json")
    assert data.texts == ("a", "b") and names(data) == ["x", "y"]
    assert data.parts == (("train", "valid") if shape == "parts" else ("", ""))


def test_damaged_json(tmp_path: Path) -> None:
    data = read(tmp_path, '{"text": "a", "label": "x"}\n{"text": "b", "lab\n{"text": "\\ud800c", "label": "y"}\n', "x.jsonl")
    assert data.texts == ("a", "\ufffdc")
    assert "1 line that is no JSON left out (the first: line 2)" in data.notes
    with pytest.raises(SeriesError, match=r"x.jsonl is no JSON: line 1 cannot be read"):
        read(tmp_path, "{text\n[[[[\n", "x.jsonl")
    with pytest.raises(SeriesError, match="is no JSON"):
        read(tmp_path, "[" * 100_000, "x.json")
    with pytest.raises(SeriesError, match=r"holds 3, which is neither an object with a text"):
        read(tmp_path, "[3, 4]", "x.json")


def test_parquet_and_frames(tmp_path: Path) -> None:
    columns = {"sentence": ["a", None, "c"], "label": [1, 0, None], "split": ["train", "test", "validation"]}
    pl.DataFrame(columns).write_parquet(tmp_path / "x.parquet")
    for data in (read_texts(tmp_path / "x.parquet"), read_texts(pl.DataFrame(columns)), read_texts(pd.DataFrame(columns)), read_texts(columns)):
        assert data.texts == ("a", "", "c") and names(data) == ["1", "0", None] and data.parts == ("train", "test", "valid")
    (tmp_path / "bad.parquet").write_bytes((tmp_path / "x.parquet").read_bytes()[:50])
    with pytest.raises(SeriesError, match="is a damaged Parquet file"):
        read_texts(tmp_path / "bad.parquet")


def test_cells_of_frames_that_are_no_texts() -> None:
    data = read_texts(pd.DataFrame({"text": ["a", float("nan"), None], "label": [1.0, 0.0, float("nan")]}))
    assert data.texts == ("a", "", "") and names(data) == ["1", "0", None] and "2 texts are empty" in data.notes
    lists = read_texts({"tokens": [["a", "b"], []], "label": ["x", "y"]})
    assert lists.texts == ("a b", "") and "lists of tokens are joined by spaces" in lists.notes
    assert read_texts({"text": ["some words", "more", "and more", "x"], "query": ["q"] * 4, "kind": ["a", "b", "a", "b"]}).labels is not None


def test_files_of_a_folder_may_be_empty_or_packed(tmp_path: Path) -> None:
    for name, content in (("pos/a.txt", b""), ("neg/b.txt", b" \n"), ("neg/c.txt.gz", gzip.compress(b"packed"))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    data = read_texts(tmp_path)
    assert data.texts == (" \n", "packed", "") and names(data) == ["neg", "neg", "pos"] and "2 texts are empty" in data.notes
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w") as packed:
        packed.writestr("xl/workbook.xml", "<a/>")
    with pytest.raises(SeriesError, match=r"x.xlsx is a workbook. Save the sheet as CSV"):
        read_texts(tmp_path / "x.xlsx")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as packed:
        packed.writestr("a.doc", "x")
    with pytest.raises(SeriesError, match=r"y.zip holds no file that ends in .tsv, .csv"):
        read_texts(tmp_path / "y.zip")


FILES = {"train/pos/1.txt": "good", "train/neg/2.txt": "bad", "test/pos/3.txt": "fine\r\n", "README.txt": "about"}


def test_a_folder_a_class_also_packed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "reviews.zip", "w") as packed:
        for name, text in FILES.items():
            (tmp_path / "reviews" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "reviews" / name).write_bytes(text.encode())
            packed.writestr(f"reviews/{name}", text)
    for given in ("reviews", "reviews.zip"):
        data = read_texts(tmp_path / given)
        assert data.texts == ("fine\n", "bad", "good") and names(data) == ["pos", "neg", "pos"] and data.parts == ("test", "train", "train")
        assert "1 file with lines end with CR LF" in data.notes and "1 other file left out" in data.notes


def test_tables_a_part_in_a_folder(tmp_path: Path) -> None:
    for part, text in (("train", "a"), ("dev", "b"), ("test", "c")):
        (tmp_path / f"{part}.tsv").write_text(f"label\ttext\n1\t{text}\n0\tx\n")
    assert read_texts(tmp_path).parts == ("train", "train", "valid", "valid", "test", "test")
    (tmp_path / "other.tsv").write_text("label\ttext\n1\ta\n")
    (tmp_path / "train.tsv").unlink()
    with pytest.raises(SeriesError, match="holds several tables: dev.tsv, other.tsv"):
        read_texts(tmp_path)


def test_other_parts_beside_a_file_are_told_not_read(tmp_path: Path) -> None:
    for name in ("set-train.v1.tsv", "set-dev.v1.tsv", "set-test.v1.tsv", "other-test.v1.tsv", "set-test.v2.tsv", "latest.v1.tsv"):
        (tmp_path / name).write_text("label\ttext\n1\ta\n0\tb\n")
    data = read_texts(tmp_path / "set-train.v1.tsv")
    told = [note for note in data.notes if "beside" in note]
    assert told == ["set-dev.v1.tsv lies beside it and was not read (--valid)", "set-test.v1.tsv lies beside it and was not read (--test)"] and len(data) == 2
    assert not any("beside" in note for note in read_texts(tmp_path / "set-train.v1.tsv", valid=tmp_path / "set-dev.v1.tsv").notes)
    assert not any("beside" in note for note in read_texts(tmp_path / "set-dev.v1.tsv").notes)


def test_plain_text(tmp_path: Path) -> None:
    assert read(tmp_path, "one\n\ntwo\n", "x.txt").texts == ("one\n\ntwo\n",)
    lines = read(tmp_path, "one\n\ntwo\n", "x.txt", unit="line")
    assert lines.texts == ("one", "", "two") and lines.ids == ("1", "2", "3") and "1 text is empty" in lines.notes
    assert read(tmp_path, gzip.compress(b"packed"), "x.txt.gz").texts == ("packed",)


REFUSED = {
    "": "is empty. A text was expected.",
    " \n\n": "is empty. A text was expected.",
    "label\ttext\n": r"has a header \(label, text\) and no rows.",
    "text\ttext\na\tb\n": 'has 2 columns called "text". Give each its own name.',
}


@pytest.mark.parametrize("content", REFUSED)
def test_refusals_are_sentences(tmp_path: Path, content: str) -> None:
    with pytest.raises(SeriesError, match=REFUSED[content]):
        read(tmp_path, content)


def test_a_picture_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(SeriesError, match="is not a text file: more than 5 % of it are control characters"):
        read(tmp_path, bytes(range(256)) * 40, "x.txt")


def test_refusals_of_options(tmp_path: Path) -> None:
    with pytest.raises(SeriesError, match='has no column "sentiment" for --label; it has label, text'):
        read(tmp_path, "label\ttext\n1\ta\n", label="sentiment")
    with pytest.raises(ConfigError, match='Option for texts "lable" is unknown. Did you mean "label"'):
        read(tmp_path, "label\ttext\n1\ta\n", lable="label")
    with pytest.raises(ConfigError, match='`unit` is "file" or "line", not "word"'):
        read(tmp_path, "a", "x.txt", unit="word")
    with pytest.raises(ConfigError, match="one string came"):
        Texts.of("one")
    with pytest.raises(SeriesError, match="Text 1 of the data is 3, of the type int; a string was expected"):
        Texts.of(["a", 3])  # type: ignore[list-item]


def test_no_bytes_end_in_a_traceback(tmp_path: Path) -> None:
    import random

    rng = random.Random(5)
    seeds = [b'label,text\n1,"a"\n0,b\n', b'{"text": "a", "label": "b"}\n', "라벨\t글\n1\t가나\n".encode("cp949"), "label\ttext\n1\ta\n".encode("utf-16")]
    for k in range(300):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(data))
            data[place : place + rng.randint(0, 3)] = bytes(rng.randrange(256) for _ in range(rng.randint(0, 3)))
            data = data or bytearray(b"x")
        for name in ("x.csv", "x.tsv", "x.jsonl", "x.txt", "x"):
            try:
                assert len(read(tmp_path, bytes(data), name)) > 0, (k, name)
            except (SeriesError, ConfigError) as error:
                assert str(error)[-1] in ".?", (k, name, str(error))


def test_parts_and_rows() -> None:
    data = Texts.of(["a", "b", "c"], ["x", "y", "x"], parts=["", "valid", "test"])
    assert data.part("train").texts == ("a",) and data[[2, 0]].texts == ("c", "a") and names(data[1:]) == ["y", "x"]
    joined = joined_texts([data, Texts.of(["d"], ["z"])], ["train", "test"])
    assert joined.parts == ("train", "valid", "test", "test") and names(joined) == ["x", "y", "x", "z"] and len(set(joined.ids)) == 4
    with pytest.raises(ConfigError, match='A part is "train", "valid" or "test", not "dev"'):
        data.part("dev")
    with pytest.raises(SeriesError, match="do not have the same kind of labels"):
        joined_texts([Texts.of(["a"], ["x"]), Texts.of(["b"], [0.5])], ["train", "test"])
