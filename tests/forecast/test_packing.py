"""Models made of models go into flat arrays and come back; arrays that do not fit are refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

import numpy as np
import pytest

from inorder.errors import BundleError, ConfigError
from inorder.forecast.autoregressive import AR
from inorder.forecast.base import Model
from inorder.forecast.local import LocalForecaster
from inorder.forecast.moving_average import WeightedMovingAverage
from inorder.forecast.named import NAMES, member, written
from inorder.forecast.packing import CompositeModel, pack, unpack


@dataclass(frozen=True, eq=False)
class Leaf(Model):
    a: float
    b: np.ndarray

    def init(self):
        return ()

    def step(self, y, state):
        return self.a, state

    def forecast(self, state, horizon):
        return np.full(horizon, self.a)


@dataclass(frozen=True, eq=False)
class OtherLeaf(Leaf):
    c: int


@dataclass(frozen=True, eq=False)
class Whole(CompositeModel):
    share: float

    init = Leaf.init
    step = Leaf.step
    forecast = Leaf.forecast


@dataclass(frozen=True)
class First(LocalForecaster):
    name = "first"
    model = Leaf

    def fit_one(self, y, season_length):
        raise AssertionError


@dataclass(frozen=True)
class Second(First):
    name = "second"
    model = OtherLeaf


@dataclass(frozen=True)
class Both(First):
    name = "both"
    model = Whole
    depth: int = 1

    @property
    def parts(self):
        return (First(), Second(), Both(depth=self.depth - 1)) if self.depth else (First(), Second())


def leaf(k: int) -> Leaf:
    return Leaf(k + 0.5, np.arange(float(k)))


def models() -> list[Model]:
    inner = Whole((leaf(7),), np.array([0]), 0.25)
    return [
        Whole((leaf(1), OtherLeaf(2.5, np.zeros((2, 0)), 3), leaf(4)), np.array([0, 1, 0]), 0.5),
        Whole((), np.array([], dtype=np.int64), 1.5),
        Whole((inner, leaf(0)), np.array([2, 0]), 2.5),
    ]


def assert_same(one: Model, other: Model) -> None:
    assert type(one) is type(other)
    for f in fields(one):
        first, second = getattr(one, f.name), getattr(other, f.name)
        if f.name == "members":
            assert len(first) == len(second)
            for a, b in zip(first, second, strict=True):
                assert_same(a, b)
        else:
            np.testing.assert_array_equal(first, second)
            assert np.shape(first) == np.shape(second)


def test_models_of_models_come_back():
    for one, other in zip(models(), unpack(Whole, pack(models()), 3, Both().parts), strict=True):
        assert_same(one, other)


def test_arrays_that_do_not_fit_are_refused():
    arrays = pack(models())
    for which in (np.array([0, 1, 3, 2, 0]), np.array([0, 1, -1, 2, 0])):
        with pytest.raises(BundleError, match="which.*not among the 3 parts"):
            unpack(Whole, {**arrays, "model.which": which}, 3, Both().parts)
    with pytest.raises(BundleError, match="model.members.1.a"):
        unpack(Whole, {name: array for name, array in arrays.items() if not name.startswith("model.members.1")}, 3, Both().parts)
    with pytest.raises(BundleError, match="do not hold 4 series"):
        unpack(Whole, {**arrays, "model.which": np.array([0, 0, 0, 2, 0])}, 3, Both().parts)  # one more of the first part than was saved
    with pytest.raises(BundleError, match="not among the 2 parts"):  # an arrangement deeper than the settings say
        unpack(Whole, arrays, 3, Both(depth=0).parts)


def test_names_make_forecasters_of_that_name_or_kind():
    for name in NAMES:
        made = member(name)
        assert member(written(made)) == made
        assert made.name == name or name.startswith("holt") or name in {"polynomial-trend", "exponential-trend"}


def test_members_as_they_may_be_given():
    ar = AR(order=2)
    assert member(ar) is ar
    assert member("ar") == AR()
    assert member({"home": "autoregressive:AR", "settings": {"order": 2}}) == ar == member(json.loads(json.dumps(written(ar))))
    weights = WeightedMovingAverage(weights=(1.0, 3.0))
    assert member(json.loads(json.dumps(written(weights)))) == weights
    with pytest.raises(ConfigError, match="arr.*Did you mean"):
        member("arr")
    with pytest.raises(ConfigError, match="is a forecaster or a name.*not 3"):
        member(3)
    with pytest.raises(ConfigError, match="(?i)setting of ar"):
        member({"home": "autoregressive:AR", "settings": {"ordr": 2}})
    for home in ("os:system", "baselines:np", "local:LocalForecaster", "nowhere:AR", "..data:Series", 3, None):
        with pytest.raises(ConfigError, match="module:Class"):
            member({"home": home})
    with pytest.raises(ConfigError, match="First cannot be saved"):
        written(First())
