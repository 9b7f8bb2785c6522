"""Labelled sequences from every kind of file, and what cannot be read in plain sentences."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import polars as pl
import pytest

from inorder.data.labelled import Scaler, Sequences, filled, fold_of, joined, padded, to_labels
from inorder.data.labelled_reading import read_sequences
from inorder.errors import ConfigError, SeriesError, ShapeError

WALKS = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0], [9.0, 10.0]])]


def same(data: Sequences, labels=("walk", "run"), channels=None) -> None:
    """The two sequences above."""
    assert len(data) == 2
    for one, wanted in zip(data.values, WALKS, strict=True):
        np.testing.assert_array_equal(one, wanted)
    assert data.names_of(data.labels) == list(labels)
    assert channels is None or data.channels == channels


def test_ts(tmp_path):
    text = "# comment\n@problemName X\n@timeStamps false\n@dimensions 2\n@classLabel true run walk\n@data\n1,3:2,4:walk\n5,7,9:6,8,10:run\n"
    (tmp_path / "x.ts").write_text(text)
    same(read_sequences(tmp_path / "x.ts"))
    assert read_sequences(tmp_path / "x.ts").classes == ("run", "walk")  # in the order of the heading
    (tmp_path / "x.ts.gz").write_bytes(gzip.compress(text.encode()))
    same(read_sequences(tmp_path / "x.ts.gz"))
    (tmp_path / "t.ts").write_text("@timeStamps true\n@classLabel true a\n@data\n(2020-01-01 10:00:00,1),(2020-01-01 11:00:00,2):(0,3),(1,?):a\n")
    (one,) = read_sequences(tmp_path / "t.ts").values
    np.testing.assert_array_equal(one, [[1, 3], [2, np.nan]])


def test_a_ts_file_with_numbers_as_labels(tmp_path):
    (tmp_path / "x.ts").write_text("@targetlabel true\n@data\n1,2,3:7\n4,NaN,?:8\n")
    data = read_sequences(tmp_path / "x.ts")
    assert data.regression and data.labels.tolist() == [7, 8]
    np.testing.assert_array_equal(data.values[1][:, 0], [4, np.nan, np.nan])
    (tmp_path / "y.ts").write_text("@classLabel false\n@data\n1,2,3\n")
    assert read_sequences(tmp_path / "y.ts").labels is None


def test_arff(tmp_path):
    head = "@relation x\n@attribute t0 real\n@attribute t1 numeric\n@attribute target {b,a}\n@data\n"
    (tmp_path / "x.arff").write_text(head + "1,2,a\n3,?,b\n")
    data = read_sequences(tmp_path / "x.arff")
    assert data.classes == ("b", "a") and data.names_of(data.labels) == ["a", "b"] and data.lengths.tolist() == [2, 2]
    nested = "@attribute r relational\n@attribute t0 numeric\n@attribute t1 numeric\n@end r\n@attribute class {walk,run}\n@data\n"
    nested += "'1,3\\n2,4',walk\n'5,7,9\\n6,8,10',run\n"
    (tmp_path / "m.arff").write_text(nested)
    same(read_sequences(tmp_path / "m.arff"))
    (tmp_path / "bare.arff").write_text("0.5,1.5,1\n2.5,3.5,2\n")  # the body alone, as some collections have it: the class comes last
    bare = read_sequences(tmp_path / "bare.arff")
    assert bare.names_of(bare.labels) == ["1", "2"] and bare.values[1][:, 0].tolist() == [2.5, 3.5]


@pytest.mark.parametrize("separator", [",", "\t", "  "])
def test_rows_that_begin_with_their_label(tmp_path, separator):
    rows = [["1.0000000e+00", "0.5", "1.5", "2.5"], ["2.0000000e+00", "3", "NaN", "NaN"]]
    (tmp_path / "x.txt").write_text("\n".join(separator.join(row) for row in rows))
    data = read_sequences(tmp_path / "x.txt")
    assert data.names_of(data.labels) == ["1", "2"] and data.lengths.tolist() == [3, 1]  # what is missing at the end is padding
    assert read_sequences(tmp_path / "x.txt", label="none").lengths.tolist() == [4, 2]


def test_rows_without_a_label_keep_their_first_value(tmp_path):
    """Where labels may be lacking, the first value is a label only where that can be told."""
    learnt = {"labelled": False, "classes": ("1", "2"), "steps": (3, 3)}
    (tmp_path / "x.csv").write_text("0.5,1.5,9\n1,2,3\n")
    (tmp_path / "y.csv").write_text("1,0.5,1.5,9\n2.0,1,2,3\n")
    (tmp_path / "z.csv").write_text("u,0.5,1.5,9\nd,1,2,3\n")
    bare = read_sequences(tmp_path / "x.csv", **learnt)
    assert bare.labels is None and bare.values[0][:, 0].tolist() == [0.5, 1.5, 9]
    for name in ("y.csv", "z.csv"):
        assert read_sequences(tmp_path / name, **learnt).values[0][:, 0].tolist() == [0.5, 1.5, 9]
    assert read_sequences(tmp_path / "y.csv", **{**learnt, "steps": (2, 5)}).lengths.tolist() == [3, 3]  # known classes alone
    assert read_sequences(tmp_path / "y.csv", **{**learnt, "classes": ()}).labels is not None  # one value more, of a model of numbers
    for name, known in (("x.csv", {"labelled": False}), ("x.csv", {**learnt, "steps": (2, 5)}), ("x.csv", {**learnt, "steps": (2, 2)})):
        with pytest.raises(SeriesError, match=r"x.csv has rows of 3 values, of which the first may be a label or not. Say --label first or --label none"):
            read_sequences(tmp_path / name, **known)
        assert read_sequences(tmp_path / name, **known, label="none").lengths.tolist() == [3, 3]
        assert read_sequences(tmp_path / name, **known, label="first").lengths.tolist() == [2, 2]
    (tmp_path / "x.arff").write_text("0.5,1.5,9\n1,2,3\n")  # a bare body, whose last value may be the label
    assert read_sequences(tmp_path / "x.arff", **learnt).lengths.tolist() == [3, 3]
    with pytest.raises(SeriesError, match="the last may be a label or not. Say --label last"):
        read_sequences(tmp_path / "x.arff", labelled=False)


def test_long_tables(tmp_path):
    frame = pl.DataFrame(
        {
            "id": ["s9", "s10", "s9", "s10", "s10"],
            "time": ["1", "10", "2", "9", "11"],
            "x": [1.0, 7, 3, 5, 9],
            "y2": [2.0, 8, 4, 6, 10],
            "label": ["walk", "run", "walk", "run", "run"],
        }
    )
    frame.write_csv(tmp_path / "x.csv")
    frame.write_parquet(tmp_path / "x.parquet")
    for data in (read_sequences(tmp_path / "x.csv"), read_sequences(tmp_path / "x.parquet"), read_sequences(frame), read_sequences(frame.to_pandas())):
        same(data, channels=("x", "y2"))
        assert data.ids == ("s9", "s10")  # as they come in the file
    renamed = frame.rename({"id": "who", "label": "what"})
    same(read_sequences(renamed, id="who", label="what", value=("x", "y2")))
    split = frame.with_columns(split=pl.Series(["train", "test", "train", "test", "test"]))
    assert read_sequences(split).test.tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("pic.png", b"\x89PNG\r\n\x1a\n\x00", r"pic.png is not a text file: .* CSV, TSV, Parquet, \.ts, ARFF or NPZ was expected"),
        ("bad.ts", b"\x00\x01abc", r"bad.ts is not a text file: .* CSV, TSV, Parquet, \.ts, ARFF or NPZ was expected"),
        ("empty.csv", b"", r"empty.csv is empty. A file of labelled sequences \(CSV, TSV, Parquet, \.ts, ARFF or NPZ\) was expected"),
    ],
)
def test_files_of_another_kind_are_told_what_was_expected(tmp_path, name, content, shown):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SeriesError, match=shown):
        read_sequences(tmp_path / name)


def test_missing_values_are_in_the_description():
    assert Sequences.of([[1.0, np.nan], [np.nan, 2.0]], ["a", "b"]).describe() == "2 sequences of 2 steps, 2 classes, 2 missing"


def test_a_row_for_each_sequence(tmp_path):
    wide = pl.DataFrame({"label": ["u", "d"], "t0": [1.0, 5.0], "t1": [2.0, None], "t2": [3.0, None]})
    wide.write_csv(tmp_path / "x.csv")
    data = read_sequences(tmp_path / "x.csv")
    assert data.names_of(data.labels) == ["u", "d"] and data.lengths.tolist() == [3, 1]
    (tmp_path / "counted.csv").write_text("kind,0,1,2\nu,1,2,3\nd,5,,\n")  # names that are numbers are no sequence
    assert read_sequences(tmp_path / "counted.csv", label="kind").lengths.tolist() == [3, 1]
    lists = pl.DataFrame({"label": ["walk", "run"], "x": [[1.0, 3.0], [5.0, 7.0, 9.0]], "y2": [[2.0, 4.0], [6.0, 8.0, 10.0]]})
    lists.write_parquet(tmp_path / "x.parquet")
    same(read_sequences(tmp_path / "x.parquet"), channels=("x", "y2"))
    unlabelled = wide.drop("label")
    assert read_sequences(unlabelled, labelled=False).labels is None


def test_arrays(tmp_path):
    x = np.full((2, 3, 2), np.nan)
    x[0, :2], x[1] = WALKS
    np.savez(tmp_path / "x.npz", X=x, y=np.array(["walk", "run"]))
    same(read_sequences(tmp_path / "x.npz"))
    same(read_sequences({"X": x.transpose(0, 2, 1), "y": ["walk", "run"]}, layout="channels-first"))
    same(read_sequences({"X": np.nan_to_num(x), "y": ["walk", "run"], "lengths": [2, 3]}))
    np.savez(tmp_path / "parts.npz", X_train=x[:1], y_train=["walk"], X_test=x[1:], y_test=["run"])
    parts = read_sequences(tmp_path / "parts.npz")
    assert parts.test.tolist() == [False, True] and parts.ids == ("train/0", "test/0")
    same(parts)
    same(read_sequences((WALKS, ["walk", "run"])))


@pytest.mark.parametrize("lengths", [[1.5, 2], [np.nan, 2], [True, False], [1], [-1, 2], [2, 4], ["1", "2"]])
def test_lengths_that_do_not_fit_are_refused(lengths):
    with pytest.raises(SeriesError, match="one whole number from 0 to 3 for each of 2 sequences was expected"):
        read_sequences({"X": np.zeros((2, 3)), "y": ["a", "b"], "lengths": lengths})


def test_sequences_without_a_value_are_noted():
    x = np.full((4, 3), np.nan)
    assert read_sequences((x, list("abab"))).notes == ("4 of 4 sequences have no value at all, and nothing can be told of what is not there",)
    x[1:] = 0.0
    assert read_sequences((x, list("abab"))).notes[0].startswith("sequence 0 has no value at all")
    x[0, 1] = 0.0
    assert not read_sequences((x, list("abab"))).notes


def test_a_folder_with_a_folder_for_each_label(tmp_path):
    for name, label, one in (("1", "walk", WALKS[0]), ("2", "run", WALKS[1])):
        (tmp_path / "train" / label).mkdir(parents=True)
        pl.DataFrame({"t": np.arange(len(one)), "x": one[:, 0], "y2": one[:, 1]}).write_csv(tmp_path / "train" / label / f"{name}.csv")
    (tmp_path / "test" / "run").mkdir(parents=True)
    pl.DataFrame({"t": [0], "x": [1.0], "y2": [1.0]}).write_csv(tmp_path / "test" / "run" / "3.csv")
    data = read_sequences(tmp_path)
    assert data.ids == ("test/run/3.csv", "train/run/2.csv", "train/walk/1.csv") and data.test.tolist() == [True, False, False]
    same(data[[2, 1]], channels=("x", "y2"))


def test_a_folder_with_a_table_of_labels(tmp_path):
    for name, one in (("1", WALKS[0]), ("2", WALKS[1])):
        pl.DataFrame({"x": one[:, 0], "y2": one[:, 1]}).write_csv(tmp_path / f"{name}.csv")
    (tmp_path / "labels.csv").write_text("file,label\n1.csv,walk\n2,run\n")
    same(read_sequences(tmp_path))
    (tmp_path / "labels.csv").write_text("file,label,split\n1.csv,walk,train\n2.csv,run,test\n")
    assert read_sequences(tmp_path).test.tolist() == [False, True]
    (tmp_path / "labels.csv").write_text("file,label\n1.csv,walk\n")
    with pytest.raises(SeriesError, match=r"labels.csv says nothing of 2.csv"):
        read_sequences(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\n1.csv,walk\n2.csv,run\n3.csv,run\n")
    with pytest.raises(SeriesError, match=r'labels.csv names "3.csv", and no such file is there'):
        read_sequences(tmp_path)


def test_both_parts_are_found_by_their_names(tmp_path):
    for part, rows in (("TRAIN", "1,5,6,7\n2,1,2,3\n"), ("TEST", "2,0,1,0\n")):
        (tmp_path / f"X_{part}.tsv").write_text(rows.replace(",", "\t"))
    with zipfile.ZipFile(tmp_path / "X.zip", "w") as packed:
        for part in ("TRAIN", "TEST"):
            packed.write(tmp_path / f"X_{part}.tsv", f"X/X_{part}.tsv")
    for data in (
        read_sequences(tmp_path / "X.zip"),
        read_sequences(tmp_path / "X_TRAIN.tsv"),
        read_sequences(tmp_path / "X_TRAIN.tsv", test=tmp_path / "X_TEST.tsv"),
    ):
        assert data.test.tolist() == [False, False, True] and data.names_of(data.labels) == ["1", "2", "2"]
    (tmp_path / "X.zip").unlink()
    assert len(read_sequences(tmp_path)) == 3
    assert read_sequences(tmp_path / "X_TRAIN.tsv").notes[-1] == "test part: X_TEST.tsv, beside it"


def test_the_shared_data(shared_data):
    """Sizes as ../shared/data/README.md has them."""
    wanted = {
        "ArrowHead": (36, 175, 251, 251, 1, 3),
        "GunPoint": (50, 150, 150, 150, 1, 2),
        "ItalyPowerDemand": (67, 1029, 24, 24, 1, 2),
        "JapaneseVowels": (270, 370, 7, 29, 12, 9),
        "BasicMotions": (40, 40, 100, 100, 6, 4),
        "Trace": (100, 100, 275, 275, 1, 4),
        "ECG5000_train_only": (500, 0, 140, 140, 1, 5),
    }
    for name, sizes in wanted.items():
        data = read_sequences(shared_data / "sequence_classification" / f"{name}.zip")
        found = (int((~data.test).sum()), int(data.test.sum()), data.lengths.min(), data.lengths.max(), len(data.channels), len(data.classes))
        assert found == sizes, name


BAD = [
    ("x.ts", "1,2:a\n", r'lines that begin with "@" up to the line "@data"; "1,2:a" came before it'),
    ("x.ts", "@classLabel true a b\n@data\n1,2:c\n", r'The label "c" of x.ts is not one of the classes a, b'),
    ("x.ts", "@classLabel true a\n@data\n1,two:a\n", r'x.ts, line 3: value 2 is "two", which is not a number'),
    ("x.ts", "@classLabel true a\n@data\n1,2:1,2:a\n1,2:a\n", r"x.ts: sequence 2 has 1 channels; 2 were expected"),
    ("x.ts", "@classLabel true a\n@data\n", "x.ts holds no sequence"),
    ("x.arff", "@attribute a numeric\n@attribute c {1}\n@data\n1,2,1\n", "x.arff, line 4: 2 values were expected, one for each attribute; 3 came"),
    ("x.csv", "a,b,c\n1,2,3\n", "x.csv has the columns a, b, c; none is called label, class, target or y. Name the label with --label"),
    ("x.csv", "label,t0,t1\nu,1,x7\nd,2,3\n", r'x.csv, row 2, column "t1": "x7" is not a number'),
    ("x.csv", "id,t,x,label\n1,0,5,a\n1,1,5,b\n", r'sequence "1" has several values in the column "label": a, b'),
    ("x.csv", "label,t0,t1\nu,1,2\n,2,3\n", "has no label. Leave it out, or give it one"),
    ("x.csv", "label,split,t0\nu,train,1\nd,dev,3\n", 'the split of a sequence is "train" or "test", not "dev"'),
    ("x.npz", "no archive", "x.npz is a damaged NPZ file"),
    ("x.zip", "PK\x03\x04 no archive", "x.zip cannot be unpacked"),
    ("x.csv", "", "x.csv is empty"),
]


@pytest.mark.parametrize(("name", "text", "shown"), BAD, ids=range(len(BAD)))
def test_what_cannot_be_read_says_why(tmp_path, name, text, shown):
    (tmp_path / name).write_text(text)
    with pytest.raises(SeriesError, match=shown):
        read_sequences(tmp_path / name)


def test_lists_that_hold_no_numbers_are_refused(tmp_path):
    for cells, shown in (
        ([["1"], ["u"]], '"1" is not a number'),
        ([{"a": 1}, {"a": 2}], "a list of numbers was expected, not a structure"),
        ([None, [1.0]], "a list of numbers was expected, not nothing"),
    ):
        pl.DataFrame({"label": ["a", "b"], "x": cells}).write_parquet(tmp_path / "x.parquet")
        with pytest.raises(SeriesError, match=r'x.parquet, row 0 \(counted from 0\), column "x": ' + shown):
            read_sequences(tmp_path / "x.parquet")
    pl.DataFrame({"label": ["a", "b"], "x": [[1, None, 3], []]}).write_parquet(tmp_path / "x.parquet")
    assert read_sequences(tmp_path / "x.parquet").lengths.tolist() == [3, 0]


def test_arrays_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", X=np.array([np.zeros(3), np.zeros(4)], dtype=object), y=["a", "b"])
    with pytest.raises(SeriesError, match="arrays of Python objects, which are not read. Pad the sequences with NaN"):
        read_sequences(tmp_path / "x.npz")
    with pytest.raises(SeriesError, match=r"holds Z; arrays called X and y"):
        np.savez(tmp_path / "z.npz", Z=np.zeros(2))
        read_sequences(tmp_path / "z.npz")


def test_options_are_checked(tmp_path):
    x = (np.zeros((2, 3)), ["a", "b"])
    for options, shown in (
        ({"season_length": 3}, 'Option for labelled sequences "season_length" is unknown'),
        ({"kind": "ranking"}, '"classification" or "regression", not "ranking"'),
        ({"layout": "wide"}, 'long, rows or channels-first, not "wide"'),
    ):
        with pytest.raises(ConfigError, match=shown):
            read_sequences(x, **options)
    with pytest.raises(SeriesError, match='"a" of the data is not a number, which a regression needs'):
        read_sequences((np.zeros((2, 3)), ["a", "1"]), kind="regression")
    with pytest.raises(ShapeError, match=r"`labels` has 1 entries for 2 sequences"):
        Sequences.of(np.zeros((2, 3)), ["a"])
    with pytest.raises(SeriesError, match='Sequence "0" of the data holds an infinite value'):
        Sequences.of([[np.inf, 1.0]], ["a"])


def test_classes_or_numbers():
    assert to_labels([3, 1, 2, 1], None, (), "x")[1] == ("1", "2", "3")
    assert to_labels(["10", "9"], None, (), "x")[1] == ("9", "10")  # in the order of numbers
    assert to_labels([1.5, 2.0], None, (), "x")[1] == ()
    assert to_labels(list(range(30)), None, (), "x")[1] == ()  # too many whole numbers for classes
    assert to_labels([1.5, 2.0], "classification", (), "x")[1] == ("1.5", "2")
    assert to_labels([1, 2], "regression", (), "x")[1] == ()


def test_whole_numbers_that_recur_are_classes_and_a_note_says_what_was_assumed():
    many = [i // 2 for i in range(60)]  # thirty, twice each
    found = Sequences.of(np.zeros((60, 3)), many)
    assert len(found.classes) == 30 and "--kind regression" in found.notes[0]
    assert len(Sequences.of(np.zeros((60, 3)), [*range(25), *[0] * 35]).classes) == 25  # twice on average
    once = Sequences.of(np.zeros((30, 3)), range(30))
    assert once.regression and "--kind classification" in once.notes[0]
    assert "--kind regression" in Sequences.of(np.zeros((5, 3)), range(5)).notes[0]  # few, but each occurs once
    for labels, kind in (([0, 1] * 5, None), (many, "classification"), (range(30), "regression"), (list("aabb"), None), ([0.5, 1.5], None)):
        assert not Sequences.of(np.zeros((len(labels), 3)), labels, kind=kind).notes
    both = joined(found, once)  # the training part decides
    assert both.classes == found.classes and both.labels[60:].tolist() == list(range(30)) and both.notes == found.notes
    assert joined(once, found).regression and joined(once, found).notes == once.notes


def test_parts_that_do_not_belong_together_are_refused():
    one = Sequences.of(np.zeros((2, 3)), ["a", "b"])
    with pytest.raises(SeriesError, match="has the channels value, but"):
        joined(one, Sequences.of(np.zeros((2, 3, 2)), ["a", "b"]))
    with pytest.raises(SeriesError, match="numbers in one, classes in the other"):
        joined(one, Sequences.of(np.zeros((2, 3)), [0.5, 1.5]))
    strange = joined(one, Sequences.of(np.zeros((1, 3)), ["c"]))  # a class that only the test part has
    assert strange.classes == ("a", "b", "c") and strange.names_of(strange.labels) == ["a", "b", "c"]


def test_gaps_scales_and_padding():
    x = np.array([[np.nan, 1.0, np.nan], [2.0, np.nan, np.nan], [np.nan, 3.0, np.nan]])
    np.testing.assert_array_equal(filled(x)[:, :2], [[2, 1], [2, 2], [2, 3]])
    assert np.isnan(filled(x)[:, 2]).all()
    scaler = Scaler.of([np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[np.nan, 5.0]])])
    np.testing.assert_array_equal(scaler.mean, [2, 5])
    np.testing.assert_array_equal(scaler.deviation, [1, 1])  # the second does not vary
    np.testing.assert_array_equal(scaler.apply(np.array([[4.0, np.nan]])), [[2, 0]])
    rows, lengths = padded([np.ones((2, 1)), np.ones((0, 1))])
    assert rows[:, :, 0].tolist() == [[1, 1], [0, 0]] and lengths.tolist() == [2, 0]


def test_folds_hold_the_classes_in_equal_shares():
    data = Sequences.of(np.zeros((60, 2)), ["a"] * 40 + ["b"] * 20)
    place = fold_of(data, 5, seed=0)
    for k in range(5):
        assert np.bincount(data.labels[place == k]).tolist() == [8, 4]
    assert (place != fold_of(data, 5, seed=1)).any()
    numbers = Sequences.of(np.zeros((50, 2)), np.arange(50) + 0.5)
    place = fold_of(numbers, 5, seed=0)
    assert np.bincount(place).tolist() == [10] * 5
    assert all(abs(numbers.labels[place == k].mean() - 25) < 3 for k in range(5))
