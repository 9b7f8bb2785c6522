"""Random kernels against the textbook, at odd sizes, several channels and unequal lengths; their laws."""

from __future__ import annotations

import numpy as np
import pytest

from inorder import errors
from inorder.features.random_kernels import RandomKernels, dilations_of, minirocket_weights, random_kernels
from inorder.textbook import random_kernels as textbook


def sequences(lengths: list[int], channels: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, channels)) for length in lengths]


def by_the_textbook(kernels: RandomKernels, x: np.ndarray) -> list[float]:
    """The features of one sequence."""
    found = []
    for group in kernels.groups:
        for weights, padded, biases in zip(group.weights, group.padded, group.biases, strict=True):
            outputs = textbook.convolve(x, weights.astype(np.float64), group.dilation, bool(padded))
            for bias in biases[~np.isnan(biases)]:
                found.append(textbook.positive_share(outputs, bias))
                if kernels.maximum:
                    found.append(textbook.greatest(outputs, bias))
    return found


@pytest.mark.parametrize("kind", ["minirocket", "rocket"])
@pytest.mark.parametrize(("lengths", "channels"), [([23, 23, 23], 1), ([37, 12, 61, 5], 3)])
def test_features_follow_the_textbook(kind, lengths, channels):
    x = sequences(lengths, channels)
    kernels = random_kernels(x, kind=kind, features=252 if kind == "minirocket" else 150, seed=1)
    got = kernels.transform(x)
    assert got.shape == (len(lengths), len(kernels))
    for row, one in zip(got, x, strict=True):
        np.testing.assert_allclose(row, by_the_textbook(kernels, one), atol=1e-5)


def test_the_fixed_filters_and_their_dilations_are_those_of_the_paper():
    ours = {tuple(row) for row in minirocket_weights().astype(int).tolist()}
    assert ours == {tuple(row) for row in textbook.minirocket_filters()} and len(ours) == 84
    for length in (1, 8, 9, 24, 150, 1000):
        for biases in (1, 5, 32, 119):
            assert dilations_of(length, biases) == textbook.dilations(length, biases)
            assert sum(dilations_of(length, biases).values()) == biases
    assert max(dilations_of(1000, 119)) * 8 <= 999  # no filter is longer than the sequence


@pytest.mark.parametrize("kind", ["minirocket", "rocket"])
def test_the_company_of_a_sequence_changes_nothing(kind):
    """Padding to a longer neighbour, another order, a batch of one."""
    x = sequences([40, 11, 40, 3, 40, 25], 2)
    kernels = random_kernels(x, kind=kind, features=336, seed=0)
    together = kernels.transform(x)
    order = [4, 0, 5, 2, 1, 3]
    np.testing.assert_allclose(kernels.transform([x[i] for i in order]), together[order], atol=1e-5)
    np.testing.assert_allclose(np.concatenate([kernels.transform([one]) for one in x]), together, atol=1e-5)


def test_a_flat_stretch_is_no_matter_of_rounding():
    """Filters that sum to zero give zero there; whether that exceeds a bias of zero must not hang on the last bit."""
    x = [np.concatenate([np.full((30, 1), level), np.sin(np.arange(20.0))[:, None]]) for level in (0.1, 0.7, 1.3)]
    kernels = random_kernels(x, features=840, seed=0)
    for row, one in zip(kernels.transform(x), x, strict=True):
        np.testing.assert_allclose(row, by_the_textbook(kernels, one), atol=1e-5)


def test_the_seed_decides():
    x = sequences([30] * 5, 2)
    one, same, other = (random_kernels(x, features=168, seed=seed).transform(x) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_biases_lie_among_the_outputs_of_the_training_part():
    x = sequences([50] * 8, 1)
    shares = random_kernels(x, features=840, seed=0).transform(x)
    assert 0.3 < shares.mean() < 0.7 and shares.min() >= 0 and shares.max() <= 1


def test_a_sequence_without_steps_has_the_features_zero():
    x = sequences([20, 0, 20], 1)
    for kind in ("minirocket", "rocket"):
        features = random_kernels([x[0], x[2]], kind=kind, features=100, seed=0).transform(x)
        assert not features[1].any() and features[0].any()
        assert not random_kernels([x[1]], kind=kind, features=100, seed=0).transform([x[1]]).any()


def test_kernels_come_back_from_their_arrays():
    x = sequences([20, 25], 3)
    for kind in ("minirocket", "rocket"):
        kernels = random_kernels(x, kind=kind, features=200, seed=5)
        again = RandomKernels.restored(kernels.arrays())
        np.testing.assert_array_equal(again.transform(x), kernels.transform(x))


@pytest.mark.parametrize(
    ("options", "shown"),
    [({"kind": "hydra"}, '"minirocket" or "rocket", not "hydra"'), ({"features": 83}, "84 or more, not 83"), ({"kind": "rocket", "features": 1}, "2 or more")],
)
def test_what_is_out_of_range_is_refused(options, shown):
    with pytest.raises(errors.ConfigError, match=shown):
        random_kernels(sequences([20], 1), **options)
