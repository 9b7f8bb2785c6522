"""Tagged sentences: which column is what, what Universal Dependencies says of words, spans of slots, odd lines."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from inorder.data.tagged import Tagged, joined_tagged
from inorder.data.tagged_reading import read_tagged
from inorder.errors import ConfigError, SeriesError, ShapeError


def read(folder: Path, content: str, name: str = "x.conll", **options: Any) -> Tagged:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return read_tagged(path, **options)


CONLLU = """# newdoc
# sent_id = first
# text = I'm in vámonos.
1-2\tI'm\t_\t_\t_\t_\t_\t_\t_\t_
1\tI\tI\tPRON\tPRP\tCase=Nom\t3\tnsubj\t_\t_
2\t'm\tbe\tAUX\tVBP\t_\t3\tcop\t_\t_
2.1\tgone\tgo\tVERB\t_\t_\t_\t_\t_\t_
3\tin\tin\tADV\tRB\t_\t0\troot\t_\t_

# sent_id = second
1\tNo\tno\tINTJ\tUH\t_\t0\troot\t_\t_
2\tway home\tway\tNOUN\tNN\t_\t1\tobl\t_\t_
"""


def test_universal_dependencies(tmp_path: Path) -> None:
    for name in ("x.conllu", "x.txt"):
        data = read(tmp_path, CONLLU, name)
        assert data.tokens == (("I", "'m", "in"), ("No", "way home")) and data.tags == (("PRON", "AUX", "ADV"), ("INTJ", "NOUN"))
        assert data.ids == ("first", "second") and data.scheme == ""
        assert {"1 surface tokens of several words left out, their words kept", "1 empty nodes left out"} <= set(data.notes)
    assert read(tmp_path, CONLLU, tag="deprel").tags == (("nsubj", "cop", "root"), ("root", "obl"))
    assert read(tmp_path, CONLLU, tag="feats", token="lemma").tokens[0] == ("I", "be", "in")
    with pytest.raises(SeriesError, match=r'has no tags in the column "misc": every line has "_" there. Name another column with --tag'):
        read(tmp_path, CONLLU, tag="misc")
    with pytest.raises(SeriesError, match='has no column "pos" for --tag; it has id, form, lemma, upos'):
        read(tmp_path, CONLLU, tag="pos")


def test_columns_divided_by_spaces(tmp_path: Path) -> None:
    content = "-DOCSTART- -X- -X- O\n\nEU NNP I-NP I-ORG\n# SYM O O\nrejects VBZ I-VP O\n\nBonn NNP I-NP I-LOC\nBonn NNP B-NP B-LOC\n"
    data = read(tmp_path, content)
    assert data.tokens == (("EU", "#", "rejects"), ("Bonn", "Bonn")) and data.scheme == "IOB1"
    assert "tags are those of column 4 of 4 (--tag to change)" in data.notes
    assert read(tmp_path, content, tag=2).tags == (("NNP", "SYM", "VBZ"), ("NNP", "NNP"))
    assert data.with_scheme("BIO").tags == (("B-ORG", "O", "O"), ("B-LOC", "B-LOC"))
    with pytest.raises(SeriesError, match="its columns are counted from 1 to 4"):
        read(tmp_path, content, tag=5)


def test_columns_divided_by_tabs(tmp_path: Path) -> None:
    data = read(tmp_path, "## one\ta <b:X>\na\tO\n \tO\nb\tB-X\n#\tO\n\n\n# id = two\nc\tB-X\n")
    assert data.tokens == (("a", " ", "b", "#"), ("c",)) and data.ids == ("one", "two") and data.cutter == "characters"
    named = read(tmp_path, "word\ttag\tlemma\na\tX\tb\n")
    assert named.tokens == (("a",),) and named.tags == (("X",),) and 'tags are those of the column "tag" (--tag to change)' in named.notes
    assert read(tmp_path, "1\tthe\tD\n2\tdog\tN\n\n1\tit\tP\n").tokens == (("the", "dog"), ("it",))


def test_tags_that_lack_are_counted(tmp_path: Path) -> None:
    data = read(tmp_path, "a\tB-X\nb\nc\t\n\tO\n")
    assert data.tags == (("B-X", "O", "O", "O"),) and data.tokens == (("a", "b", "c", ""),)
    assert '2 tokens without a tag (the first: line 2) got "O"' in data.notes and "1 token is empty" in data.notes


def test_broken_spans_are_counted(tmp_path: Path) -> None:
    data = read(tmp_path, "a\tB-X\nb\tI-X\nc\tO\nd\tI-X\n\na\tB-Y\nb\tI-Y\n")
    assert data.scheme == "BIO" and data.tags is not None and data.tags[0][3] == "I-X"  # as the file has it
    assert "1 tag that BIO does not allow; each is read as the beginning or end of a span" in data.notes
    assert data.with_scheme("BIO").tags == (("B-X", "I-X", "O", "B-X"), ("B-Y", "I-Y"))


def test_a_single_column_has_no_tags(tmp_path: Path) -> None:
    assert read(tmp_path, "a\nb\n\nc\n").tags is None
    assert read(tmp_path, "a\tX\nb\tY\n", tag="none").tags is None
    with pytest.raises(SeriesError, match="has a single column, so no tags"):
        read(tmp_path, "a\nb\n\nc\n", tag=2)


def test_raw_sentences_have_no_tags(tmp_path: Path) -> None:
    data = read(tmp_path, "Dogs bark .\nThe cat sat on the mat .\nNo !\n\nIt rains again today .\n", "x.txt")
    assert data.tokens[2] == ("No", "!") and len(data) == 4 and data.tags is None
    assert "lines are of unlike length, so each is a sentence, cut at spaces, without tags" in data.notes


def test_proteins(tmp_path: Path) -> None:
    data = read(tmp_path, "<>\nG _\nV h\n<end>\n<>\nA e\nend\n<>\nC h\n<end><>\nD _\n")
    assert data.tokens == (("G", "V"), ("A",), ("C",), ("D",)) and data.tags == (("_", "h"), ("e",), ("h",), ("_",))


def test_a_line_of_symbols_above_a_line_of_tags(tmp_path: Path) -> None:
    data = read(tmp_path, ">one\nGVGTVPMT\n__hhhee_\n>two\nACD\nhh_\n", "x.txt")
    assert data.tokens[1] == ("A", "C", "D") and data.tags is not None and data.tags[1] == ("h", "h", "_") and data.ids == ("one", "two")
    spaced = read(tmp_path, "the dog barks loudly .\nDET NOUN VERB ADV .\nyes\nINTJ\n", "x.txt")
    assert spaced.tokens == (("the", "dog", "barks", "loudly", "."), ("yes",)) and spaced.cutter == "spaces"


SLOTS = (
    '{"intent": "Play", "spans": [["play ", null], ["the blues", "genre"], [" now", null]]}\n'
    '{"intent": "Book", "spans": [["a table in ", null], ["Bonn", "city"], ["\'s", null]]}\n'
)


def test_slots(tmp_path: Path) -> None:
    data = read(tmp_path, SLOTS, "x.jsonl")
    assert data.tokens == (("play", "the", "blues", "now"), ("a", "table", "in", "Bonn", "'", "s"))
    assert data.tags == (("O", "B-genre", "I-genre", "O"), ("O", "O", "O", "B-city", "O", "O"))
    assert data.labels is not None and data.labels.names() == ["Play", "Book"] and data.cutter == "words"
    assert read(tmp_path, SLOTS, "x.jsonl", cutter="spaces").tokens[1][-2:] == ("Bonn", "'s")
    assert read(tmp_path, SLOTS, "x.jsonl", label="none").labels is None
    with pytest.raises(SeriesError, match=r'item 1: "spans" is a list of \[text, slot or null\]; 3 came'):
        read(tmp_path, '{"spans": [3]}\n', "x.jsonl")
    inside = read(tmp_path, '{"spans": [["un", null], ["happy", "mood"]]}\n', "x.jsonl")
    assert inside.tokens == (("un", "happy"),) and "1 spans begin or end inside a word, which is cut there" in inside.notes


def test_lists_in_json_parquet_and_memory(tmp_path: Path) -> None:
    columns = {"tokens": [["a", "b"], ["c"]], "ner_tags": [["B-X", "O"], ["O"]], "intent": ["p", "q"]}
    pl.DataFrame(columns).write_parquet(tmp_path / "x.parquet")
    lines = '{"tokens": ["a", "b"], "ner_tags": ["B-X", "O"], "intent": "p"}\n{"tokens": ["c"], "ner_tags": ["O"], "intent": "q"}\n'
    whole = '{"tokens": [["a", "b"], ["c"]], "ner_tags": [["B-X", "O"], ["O"]]}'
    assert read(tmp_path, whole, "x.json").tokens == (("a", "b"), ("c",))
    assert read(tmp_path, '{"tokens": ["a", "b"], "tags": ["X", "Y"]}', "x.json").tags == (("X", "Y"),)
    for data in (read_tagged(tmp_path / "x.parquet"), read_tagged(columns), read(tmp_path, lines, "x.jsonl")):
        assert data.tokens == (("a", "b"), ("c",)) and data.tags == (("B-X", "O"), ("O",))
        assert data.labels is not None and data.labels.names() == ["p", "q"]
    assert read_tagged(([["a"]], [["X"]])).tags == (("X",),)
    assert read_tagged(["Dogs bark .", "No."], cutter="words").tokens == (("Dogs", "bark", "."), ("No", "."))
    assert read_tagged([["a", "b"]]).tokens == (("a", "b"),)
    with pytest.raises(SeriesError, match="1 of 2 sentences are raw texts and the others lists of tokens"):
        read_tagged(["a b", ["c"]])


def test_parts_and_what_does_not_fit(tmp_path: Path) -> None:
    for name, text in (("train", "a\tB-X\nb\tE-X\n"), ("dev", "a\tB-X\nb\tI-X\n")):
        (tmp_path / f"{name}.conll").write_text(text)
    data = read_tagged(tmp_path / "train.conll", valid=tmp_path / "dev.conll")
    assert data.parts == ("train", "valid") and data.scheme == "BIOES" and data.part("valid").tags == (("B-X", "E-X"),)
    assert "spans of all parts are written as BIOES" in data.notes and data[1:].ids == ("valid/0",)
    with pytest.raises(SeriesError, match="holds several files: dev.conll, train.conll"):
        read_tagged(tmp_path)
    with pytest.raises(SeriesError, match="some are spans, some are not"):
        joined_tagged([Tagged.of([["a"]], [["NOUN"]]), Tagged.of([["a", "b"]], [["B-X", "O"]])], ["train", "test"])
    with pytest.raises(SeriesError, match="The part test of the data has no tags"):
        joined_tagged([Tagged.of([["a"]], [["NOUN"]]), Tagged.of([["a"]])], ["train", "test"])
    with pytest.raises(SeriesError, match='Sentence "0" of the data has 2 tokens and 1 tags'):
        Tagged.of([["a", "b"]], [["X"]])
    with pytest.raises(ShapeError, match="1 lists of tags came for 2 sentences"):
        Tagged.of([["a"], ["b"]], [["X"]])
    with pytest.raises(SeriesError, match="are no spans, so they cannot be written as BIO"):
        Tagged.of([["a"]], [["NOUN"]]).with_scheme("BIO")
    with pytest.raises(SeriesError, match="holds no sentence"):
        read(tmp_path, "# only\n# comments\n")
    with pytest.raises(ConfigError, match='Option for tagged sentences "tags" is unknown. Did you mean "tag"'):
        read_tagged([["a"]], tags=3)
    with pytest.raises(ConfigError, match='Way to cut texts "word" is unknown'):
        read_tagged(["a"], cutter="word")


def test_sentences_without_a_token_are_left_out_with_their_labels() -> None:
    data = Tagged.of([[], ["a"]], [[], ["X"]], ["p", "q"], ids=["one", "two"], parts=["train", "test"])
    assert data.ids == ("two",) and data.parts == ("test",) and data.labels is not None and data.labels.names() == ["q"]
    assert "1 sentences without a token left out" in data.notes


def test_no_bytes_end_in_a_traceback(tmp_path: Path) -> None:
    rng = random.Random(17)
    seeds = [CONLLU, SLOTS, "a\tB-X\nb\tI-X\n\nc\tO\n", "a X\nb Y\n\nc Z\n", ">one\nGVG\n__h\n", '{"tokens": ["a"], "tags": ["X"]}\n', "<>\nG _\n<end>\n"]
    for k in range(400):
        data = bytearray(rng.choice(seeds).encode())
        for _ in range(rng.randint(1, 5)):
            place = rng.randrange(len(data))
            data[place : place + rng.randint(0, 6)] = bytes(rng.choice(b'01.-#aB,:|<>{}[]"\t\n \xff\x00\xe9') for _ in range(rng.randint(0, 3)))
            data = data or bytearray(b"x")
        for name in ("x.conll", "x.conllu", "x.json"):
            (tmp_path / name).write_bytes(bytes(data))
            try:
                assert len(read_tagged(tmp_path / name)) > 0, (k, name)
            except (SeriesError, ConfigError) as error:
                assert str(error)[-1] in ".?", (k, name, str(error))
