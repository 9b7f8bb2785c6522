"""Labels: which kind they are, which are not known, and how parts are joined."""

from __future__ import annotations

import numpy as np
import pytest

from inorder.data.labels import Labels, joined_labels, lacking
from inorder.errors import ConfigError, SeriesError, ShapeError


def test_kinds_are_found() -> None:
    assert Labels.of(["b", "a"]).kind == "classification" and Labels.of(["b", "a"]).classes == ("a", "b")
    assert Labels.of([2, 10, 2]).classes == ("2", "10")  # by their size, not their text
    assert Labels.of([0.5, 1.25]).kind == "regression" and Labels.of(["0.5", None, "2"]).names() == [0.5, None, 2.0]
    assert Labels.of([["a"], []]).kind == "multi-label"
    assert Labels.of(["1", "2", "1"], kind="regression").values.tolist() == [1.0, 2.0, 1.0]
    many = Labels.of(list(range(50)) * 2)
    assert many.kind == "classification" and "taken for classes" in many.notes[0]


def test_what_is_not_known() -> None:
    labels = Labels.of(["a", "", None, float("nan"), "?", "b"])
    assert labels.names() == ["a", None, None, None, None, "b"] and labels.known.sum() == 2 and labels.counts() == {"a": 1, "b": 1}
    assert labels.describe() == "2 classes, 4 without a label"
    several = Labels.of(["x,y", "", None], several=",")
    assert several.names() == [["x", "y"], [], None] and several.known.tolist() == [True, True, False] and several.counts() == {"x": 1, "y": 1}
    assert Labels.of(["0.5", ""], kind="regression").describe() == "a number each, 1 without a label"
    assert not lacking("none") and lacking("None")


def test_classes_in_a_given_order() -> None:
    assert Labels.of(["lo", "hi"], classes=("lo", "mid", "hi")).values.tolist() == [0, 2]
    with pytest.raises(SeriesError, match='The label "no" of the data is not one of the classes lo, hi'):
        Labels.of(["no"], classes=("lo", "hi"))
    with pytest.raises(SeriesError, match='The label "z" of the data is not one of the classes x, y'):
        Labels.of([["z"]], classes=("x", "y"))


def test_parts_are_joined() -> None:
    both = joined_labels([Labels.of(["b", "a"]), None, Labels.of(["c"])], [2, 1, 1], "x")
    assert both is not None and both.classes == ("a", "b", "c") and both.names() == ["b", "a", None, "c"]
    kept = joined_labels([Labels.of(["lo", "hi"], classes=("lo", "hi")), Labels.of(["hi"])], [2, 1], "x")
    assert kept is not None and kept.classes == ("lo", "hi")
    assert joined_labels([None, None], [1, 1], "x") is None
    several = joined_labels([Labels.of([["a"]]), Labels.of([["b"], []])], [1, 2], "x")
    assert several is not None and several.names() == [["a"], ["b"], []]
    with pytest.raises(SeriesError, match=r"The parts of x do not have the same kind of labels: classification and regression. Set it with --kind"):
        joined_labels([Labels.of(["a"]), Labels.of([0.5])], [1, 1], "x")


def test_selection_and_refusals() -> None:
    labels = Labels.of(["b", None, "a"])
    assert labels[[2, 0]].names() == ["a", "b"] and labels[np.array([False, True, False])].names() == [None] and len(labels[:2]) == 2
    with pytest.raises(ConfigError, match='`kind` is "classification", "multi-label" or "regression", not "number"'):
        Labels.of(["a"], kind="number")
    with pytest.raises(SeriesError, match='"a" of the data is not a number, which a regression needs'):
        Labels.of(["a"], kind="regression")
    with pytest.raises(ConfigError, match="The kind of labels is"):
        Labels("sorts", np.zeros(1), ())
    with pytest.raises(ShapeError, match=r"`values` has the shape \(1,\); \(1, 2\) was expected"):
        Labels("multi-label", np.zeros(1), ("a", "b"))
