"""Every forecaster of the registry with its settings, and the series that the laws are tried on."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inorder.data.frequency import Frequency
from inorder.data.series import Series
from inorder.forecast.base import Fitted, Forecaster
from inorder.forecast.local import LocalFitted
from inorder.tasks.forecast import CANDIDATES

HORIZON = 7
LEVELS = (0.5, 0.8, 0.95)

# settings beside those of the registry, so that every option goes through every law
MORE: list[tuple[str, dict[str, Any]]] = [
    ("seasonal-naive", {"season_length": 4}),
    ("naive2", {"season_length": 6}),
    ("moving-average", {"window": 3}),
    ("weighted-moving-average", {"weights": (1.0, 0.0, 3.0)}),
    ("trend", {"kind": "polynomial", "degree": 3}),
    ("moving-average-trend", {"window": 4}),
    ("exponential-smoothing", {"alpha": 0.3}),
    ("exponential-smoothing", {"seasonal": "multiplicative", "gamma": 0.1}),
    ("holt", {"initial": "heuristic", "beta": 0.2}),
    ("holt-damped", {"phi": 0.9, "initial": "estimated"}),
    ("holt-winters", {"damped": True, "season_length": 4}),
    ("ar", {"order": 2}),
    ("ar", {"order": 0}),
    ("ar", {"criterion": "bic", "max_order": 5, "constant": False}),
    ("ets", {"components": "MAM", "damped": True}),
    ("ets", {"components": "AMN", "phi": 0.9, "damped": True}),
    ("ets", {"components": "ANM", "initial": "heuristic"}),
    ("ets", {"components": "MAA", "bounds": "admissible", "season_length": 4}),
    ("ets", {"components": "AAA", "gamma": 0.1, "bounds": "both"}),
    ("auto-ets", {"criterion": "bic", "allow_multiplicative_trend": True, "restrict": False, "season_length": 4}),
    ("ets", {"components": "MAN", "calibrate": True, "prior": 0.2}),
    ("auto-ets", {"calibrate": False, "prior": None}),
    ("stl", {"season_lengths": (4, 12), "inner": "ar", "robust": True}),
    ("stl", {"inner": "drift", "log": True, "seasonal_window": 0}),
    ("stl", {"inner": {"home": "smoothing:ExponentialSmoothing", "settings": {"alpha": 0.4}}, "season_length": 4}),
    ("ar", {"method": "yule-walker"}),
    ("ar", {"method": "burg", "order": 3}),
    ("ar", {"method": "exact"}),
    ("ar", {"method": "exact", "max_order": 3, "constant": False}),
    ("structural", {"seasonal": "dummy", "season_length": 4, "trend": "damped"}),
    ("structural", {"trend": "smooth", "autoregressive": 1, "harmonics": 2}),
    ("structural", {"trend": None, "seasonal": None, "cycle": True, "interventions": (("level", 20), ("pulse", 9))}),
    ("arima", {"order": (1, 0, 1), "seasonal_order": (0, 1, 1), "season_length": 4}),
    ("arima", {"order": (2, 0, 0), "constant": False}),
    ("arima", {"order": (1, 1, 0), "constant": True}),
    ("auto-arima", {"criterion": "bic", "stepwise": False, "max_p": 1, "max_q": 1, "max_P": 1, "max_Q": 1, "d": 1, "D": 0}),
    ("lstm", {"layers": 2, "dropout": 0.2, "transform": "log", "likelihood": "normal", "refit": False, "season_length": 4}),
    ("theta", {"kind": "optimised", "seasonal": "additive"}),
    ("theta", {"kind": "dynamic", "seasonal": None, "calibrate": False}),
    ("theta", {"kind": "dynamic-optimised", "season_length": 4, "seasonal": "multiplicative"}),
    ("auto-theta", {"criterion": "aicc", "seasonal": None, "alpha_bounds": (0.001, 0.999)}),
    ("ces", {"seasonal": None, "centre": "zero", "calibrate": False}),
    ("ces", {"seasonal": "simple", "season_length": 4}),
    ("ces", {"seasonal": "partial", "centre": "mean"}),
    ("ces", {"seasonal": "full", "season_length": 4, "criterion": "bic"}),
    ("seasonal-ar", {"logarithm": True, "differenced": True}),
    ("seasonal-ar", {"order": 1, "neighbours": 0, "cycles": 1, "seasons": (4, 12)}),
    ("combination", {"models": ("naive", "ar", "holt"), "how": "weights", "horizon": 4}),
    ("combination", {"models": ("mean", {"home": "autoregressive:AR", "settings": {"order": 2}}, "drift"), "how": "weights", "weights": (1.0, 2.0, 0.5)}),
    ("combination", {"models": ("naive", "seasonal-ar", "stl", "mean"), "how": "trimmed", "calibrate": False}),
    ("auto", {"season_length": 14}),
    ("dlinear", {"kind": "nlinear", "normalisation": "last", "loss": "quantiles", "refit": False}),
    ("dlinear", {"recursive": True, "transform": "log", "loss": "squared", "ensemble": 2, "scale": "spread"}),
    ("nhits", {"pools": (1, 1), "stretches": (1, 1), "loss": "student-t", "normalisation": "series", "deseasonalise": True}),
    ("recurrent", {"cell": "lstm", "layers": 2, "dropout": 0.1, "recursive": True, "refit": False}),
    ("recurrent", {"cell": "rnn", "season_length": 4, "loss": "normal"}),
    ("es-rnn", {"dilations": ((1,), (2, 4)), "season_length": 4, "loss": "laplace", "deseasonalise": False}),
]

# small and quick: the laws ask whether the numbers agree, not whether they are good
QUICK: dict[str, dict[str, Any]] = {"lstm": {"hidden_size": 3, "context": 16, "batch_size": 8, "max_epochs": 1}}
QUICK["recurrent"] = QUICK["tcn"] = {"hidden_size": 4, "batch_size": 8, "max_epochs": 1}
QUICK["transformer"] = {"hidden_size": 4, "heads": 2, "layers": 1, "patch": 7, "stride": 5, "batch_size": 8, "max_epochs": 1}
QUICK["dlinear"] = {"batch_size": 8, "max_epochs": 2}
QUICK["nhits"] = {"hidden_size": 4, "batch_size": 8, "max_epochs": 1}
QUICK["es-rnn"] = {"hidden_size": 3, "batch_size": 8, "max_epochs": 1}


@dataclass(frozen=True)
class Case:
    """A candidate with settings on top of its own."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict, hash=False)

    def make(self) -> Forecaster:
        return CANDIDATES[self.name].make(**{**QUICK.get(self.name, {}), **self.settings})

    @functools.cached_property
    def neural(self) -> bool:
        return CANDIDATES[self.name].home.startswith("tasks.")

    @property
    def exact(self) -> float:
        """How well two ways to the same number agree: networks count in single precision."""
        return 1e-4 if self.neural else 1e-9

    def __str__(self) -> str:
        return self.name + "".join(f" {key}={value}" for key, value in self.settings.items())


SYSTEMS = [name for name, one in CANDIDATES.items() if one.system]  # they need a panel: test_systems.py
UNEVEN = [name for name, one in CANDIDATES.items() if one.uneven]  # they need the times: tests/forecast/test_irregular.py
CASES = [*(Case(name) for name in CANDIDATES if name not in (*SYSTEMS, *UNEVEN)), *(Case(name, settings) for name, settings in MORE)]
LOCAL = [case for case in CASES if not case.neural]


def monthly(values: Any) -> Series:
    """A monthly series from 2015-01 on, season 12."""
    index = (np.datetime64("2015-01", "M") + np.arange(len(values))).astype("datetime64[us]")
    return Series.of(values, index=index, frequency=Frequency("month"), season_length=12)


@functools.cache
def sales(rows: int = 66, columns: int = 0) -> Series:
    """Positive, with a trend, a season and noise; `columns` many of them as a panel."""
    rng = np.random.default_rng(20150101)
    t = np.arange(rows)
    level = 100 + 0.5 * t + 60 * np.sin(2 * np.pi * t / 12)  # so seasonal that Naive2 sees it
    if not columns:
        return frozen(monthly(level + rng.normal(0, 4, rows)))
    return frozen(monthly(level[:, None] * rng.uniform(0.5, 2, columns) + rng.normal(0, 4, (rows, columns))))


@functools.cache
def gappy() -> Series:
    """The same with values missing at the start, in the middle, singly and in a row, and at the end."""
    values = sales().values.copy()
    values[[0, 1, 17, 30, 31, 32, 50, 65]] = np.nan
    return frozen(monthly(values))


SERIES = {"sales": sales, "gappy": gappy}


def frozen(series: Series) -> Series:
    """Whoever writes into it raises."""
    for array in (series.values, series.index, series.offsets):
        array.flags.writeable = False
    return series


@functools.cache
def fit(case: Case, name: str) -> Fitted:
    """Fitted to all but the last 6 rows of one of SERIES; made once."""
    return case.make().fit(SERIES[name]().head(6))


def local(fitted: Fitted) -> LocalFitted:
    assert isinstance(fitted, LocalFitted)
    return fitted
