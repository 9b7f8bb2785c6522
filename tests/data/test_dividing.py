"""Parts to learn from, to choose by and to be judged on: what the data name is kept, what they lack is drawn and told."""

import numpy as np
import pytest

from inorder.data.dividing import dealt, divide
from inorder.data.symbols import Symbols
from inorder.data.tagged import Tagged
from inorder.data.text import Texts
from inorder.errors import SeriesError


def texts(count: int, **more) -> Texts:
    return Texts.of([f"text {i}" for i in range(count)], [("a", "b", "c")[i % 3] for i in range(count)], **more)


def test_what_is_drawn_is_told_and_nothing_is_lost():
    data = texts(60)
    train, valid, test, notes = divide(data, seed=3)
    assert (len(train), len(valid), len(test)) == (48, 6, 6)
    assert sorted(train.texts + valid.texts + test.texts) == sorted(data.texts)
    assert any("6 for the validation part and 6 for the test part" in note and "--valid and --test" in note for note in notes)
    assert divide(data, seed=3).valid.texts == valid.texts != divide(data, seed=4).valid.texts


def test_classes_are_held_out_in_equal_shares_and_the_only_one_is_kept():
    labels = ["rare", *["a", "b"] * 50]
    for seed in range(5):
        division = divide(Texts.of([str(i) for i in range(101)], labels), seed=seed)
        assert "rare" in division.train.labels.names()
        counts = [division.valid.labels.names().count(name) for name in "ab"]
        assert abs(counts[0] - counts[1]) <= 1


def test_given_parts_are_kept():
    parts = ["train"] * 6 + ["valid"] * 2 + ["test"] * 2
    division = divide(texts(10, parts=parts))
    assert division.test.texts == ("text 8", "text 9") and division.valid.texts == ("text 6", "text 7") and division.notes == ()


def test_a_validation_part_alone_judges_too_and_that_is_told():
    division = divide(texts(10, parts=["train"] * 8 + ["valid"] * 2))
    assert division.test is not None and division.test.texts == division.valid.texts and "too good" in division.notes[0]
    assert divide(texts(10, parts=["train"] * 8 + ["valid"] * 2), test=False).test is None


def test_a_test_part_alone_leaves_the_validation_part_to_be_drawn():
    division = divide(texts(40, parts=["train"] * 30 + ["test"] * 10), test=False)
    assert len(division.test) == 10 and len(division.train) + len(division.valid) == 30
    assert "--valid names files of its own" in division.notes[0]


def test_in_order_the_end_is_held_out():
    division = divide(Symbols.of([[str(i)] for i in range(20)]), in_order=True)
    assert [one[0] for one in division.train.symbols] == [str(i) for i in range(16)]
    assert [one[0] for one in division.valid.symbols + division.test.symbols] == ["16", "17", "18", "19"]


def test_examples_in_two_parts_are_counted():
    data = Tagged.of([["a"], ["b"], ["c"], ["d"], ["a"]], [["X"]] * 5, parts=["train"] * 4 + ["test"])
    assert "1 of the 1 examples of the test part also stand in the training part" in divide(data).notes


@pytest.mark.parametrize("parts, match", [(["test"] * 3, "no training part"), (["train"] * 2 + ["test"], "too few")])
def test_too_few_examples_are_refused(parts, match):
    with pytest.raises(SeriesError, match=match):
        divide(texts(3, parts=parts))


def test_several_labels_and_none_are_divided_too():
    several = divide(Texts.of([str(i) for i in range(20)], [["a"], ["a", "b"]] * 10))
    none = divide(Texts.of([str(i) for i in range(20)]))
    assert len(several.valid) == len(none.valid) == 2


def test_folds_take_every_class_and_every_stretch_of_numbers():
    assert np.bincount(dealt(np.repeat([0, 1], 10), 5, seed=0) * 2 + np.repeat([0, 1], 10)).tolist() == [2] * 10
    place = dealt(np.arange(20.0), 4, seed=0, numbers=True)
    assert all(sorted(place[k : k + 4]) == [0, 1, 2, 3] for k in range(0, 20, 4))
