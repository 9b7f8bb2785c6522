"""The nearest neighbour: DTW against the textbook and against all paths; the published error of the Euclidean neighbour."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from inorder.data.labelled import Sequences, padded
from inorder.data.labelled_reading import read_sequences
from inorder.errors import ConfigError
from inorder.models.nearest import WINDOWS, NearestNeighbour, dtw
from inorder.textbook import nearest as textbook


def sequences(lengths, channels, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, channels)) for length in lengths]


@pytest.mark.parametrize("window", [0.0, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_dtw_follows_the_textbook(window, channels):
    a, b = sequences([7, 3, 9, 1, 0, 9], channels, 0), sequences([9, 5, 1, 8, 0], channels, 1)
    got = dtw(padded(a), padded(b), window)
    wanted = [[textbook.dtw(one, other, window) for other in b] for one in a]
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_the_textbook_is_the_least_over_all_paths():
    a, b = sequences([4], 2, 2)[0], sequences([3], 2, 3)[0]

    def paths(i, j):
        if i == len(a) - 1 and j == len(b) - 1:
            yield [(i, j)]
        for di, dj in itertools.product((0, 1), repeat=2):
            if di + dj and i + di < len(a) and j + dj < len(b):
                yield from ([(i, j), *rest] for rest in paths(i + di, j + dj))

    least = min(sum(float(((a[i] - b[j]) ** 2).sum()) for i, j in path) for path in paths(0, 0))
    assert textbook.dtw(a, b) == pytest.approx(least, rel=1e-12)


def test_the_window_is_chosen_by_leaving_one_out():
    """A peak that wanders is the same class; a Euclidean neighbour sees two different sequences."""
    rng = np.random.default_rng(0)
    values, labels = [], []
    for i in range(24):
        x = np.zeros(60)
        at = rng.integers(15, 26)
        x[at], x[at + 12] = (3, 2) if i % 2 else (2, 3)  # which of two peaks is the higher one
        values.append(x)
        labels.append(i % 2)
    data = Sequences.of(values, labels)
    fitted = NearestNeighbour(distance="dtw").fit(data)
    tried = {window: NearestNeighbour(distance="dtw", window=window).fit(data).right for window in WINDOWS}
    assert fitted.window > 0 and fitted.right == max(tried.values()) > 0.9 > tried[0.0]
    assert fitted.window == min(window for window, right in tried.items() if right == fitted.right)  # of equals the narrowest


def test_the_euclidean_neighbour_has_the_accuracy_that_the_data_come_with(shared_data):
    """Computed with scikit-learn on these files: ../shared/data/README.md, sequence_classification."""
    for name, wanted in {
        "ArrowHead": 0.800,
        "GunPoint": 0.913,
        "ItalyPowerDemand": 0.955,
        "JapaneseVowels": 0.916,
        "BasicMotions": 0.600,
        "Trace": 0.760,
    }.items():
        data = read_sequences(shared_data / "sequence_classification" / f"{name}.zip")
        test = data[data.test]
        found = NearestNeighbour(standardise=False).fit(data).predict(test).probabilities.argmax(axis=1)
        assert (found == test.labels).mean() == pytest.approx(wanted, abs=6e-4), name


def test_numbers_are_those_of_the_neighbour_and_probabilities_name_its_class():
    numbers = NearestNeighbour().fit(Sequences.of([[0.0, 0.0], [5.0, 5.0]], [1.25, 7.5]))
    assert numbers.predict(([[4.0, 4.5], [0.1, 0.0]], None)).numbers.tolist() == [7.5, 1.25]
    classes = NearestNeighbour().fit(Sequences.of([[0.0, 0.0], [5.0, 5.0]], ["low", "high"]))  # each left out is wrong
    assert classes.predict(([[4.0, 4.5], [0.1, 0.0]], None)).labels == ["high", "low"]
    assert classes.predict(([[4.0, 4.5]], None)).probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"distance": "cosine"}, "euclidean or dtw, not 'cosine'"),
        ({"window": 0.1}, 'belongs to the distance "dtw"'),
        ({"distance": "dtw", "window": 2}, "from 0 to 1, not 2"),
    ],
)
def test_settings_out_of_range_are_refused(settings, shown):
    with pytest.raises(ConfigError, match=shown):
        NearestNeighbour(**settings)
    assert math.isinf(dtw(padded([np.zeros((0, 1))]), padded([np.zeros((2, 1))]), 1.0)[0, 0])
