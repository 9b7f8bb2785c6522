"""What every feature obeys: it sees no later row, no other series, and needs no loop over rows."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import inorder.features
from inorder.data.series import Series
from inorder.features.calendar import calendar_features, holiday_features
from inorder.features.differencing import difference
from inorder.features.fourier import fourier_terms
from inorder.features.lags import lags
from inorder.features.rolling import STATISTICS, exponential_mean, rolling
from inorder.features.scaling import BoxCox, MinMaxScaler, RobustScaler, StandardScaler
from inorder.features.table import feature_table
from inorder.features.windows import window_starts, windows

WITH, BEFORE = "known with y[t]", "known before y[t]"
TRAINING = 15  # rows of each series that scalers are fitted to


def columns(features: dict[str, np.ndarray]) -> np.ndarray:
    return np.stack(list(features.values()), axis=1)


def last_windows(series: Series) -> np.ndarray:
    """The window that ends at each row."""
    inputs, _ = windows(series, 5, 0)
    table = np.full((len(series.values), 5), np.nan)
    table[window_starts(series, 5, 0) + 4] = inputs
    return table


def scaled(scaler: Any) -> Callable[[Series], np.ndarray]:
    """Fitted to the training part only, applied to the whole."""

    def transform(series: Series) -> np.ndarray:
        lengths = np.minimum(series.lengths, TRAINING)
        training = np.concatenate([y[:length] for y, length in zip(series, lengths, strict=True)])
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return scaler.fit(replace(series, values=training, offsets=offsets)).transform(series)

    return transform


def rolled(statistic: str, **options: Any) -> Callable[[Series], np.ndarray]:
    return lambda series: rolling(series, 6, statistic, quantile=0.3 if statistic == "quantile" else None, **options)


# feature -> how to make it, (rows,) or (rows, k); and when row t is known
FEATURES: dict[str, tuple[Callable[[Series], np.ndarray], str]] = {
    "lags": (lambda series: lags(series, (1, 3, 12)), BEFORE),
    **{f"rolling {name}": (rolled(name), WITH) for name in STATISTICS},
    **{f"rolling {name}, first rows too": (rolled(name, minimum=1), WITH) for name in STATISTICS},
    **{f"rolling {name} of the rows before": (rolled(name, minimum=1, lag=1), BEFORE) for name in STATISTICS},
    "exponential_mean": (lambda series: exponential_mean(series, alpha=0.3), WITH),
    "exponential_mean of the rows before": (lambda series: exponential_mean(series, half_life=2, lag=1), BEFORE),
    "difference": (difference, WITH),
    "difference, season, order 2": (lambda series: difference(series, 7, 2), WITH),
    "windows": (last_windows, WITH),
    "fourier_terms": (lambda series: fourier_terms(series, 7, 3), BEFORE),
    "calendar_features": (lambda series: columns(calendar_features(series)), BEFORE),
    "holiday_features": (lambda series: columns(holiday_features(series, "DE", before=2, after=1)), BEFORE),
    "feature_table": (
        lambda series: columns(
            feature_table(series, lags=(1, 2), rolling={"mean": (3, 5), "std": 4}, exponential=(0.5,), fourier={7: 2}, calendar=True, holidays="DE")
        ),
        BEFORE,
    ),
    "StandardScaler": (scaled(StandardScaler()), WITH),
    "RobustScaler": (scaled(RobustScaler()), WITH),
    "MinMaxScaler": (scaled(MinMaxScaler(-1, 1)), WITH),
    "BoxCox": (scaled(BoxCox(season_length=4, shift=1e5)), WITH),
}

# what is public in inorder.features and gives no feature of a row
OTHERS = {
    "window_starts": "row numbers, not values",
    "centred_mean": "looks half a window ahead, and says so",
    "undifference": "an inverse",
    "undifference_ahead": "an inverse",
    "clock": "reads the stamps alone",
    "periodogram": "a summary of the whole series",
    "dominant_periods": "a summary of the whole series",
    "fisher_g": "a probability",
    "Period": "a record",
    "Scale": "what a scaler gives",
    "FittedBoxCox": "what BoxCox gives",
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", FEATURES)
def test_later_values_change_no_earlier_feature(name: str, seed: int, panel: Callable[..., Series]) -> None:
    make, known = FEATURES[name]
    series, generator = panel(seed), np.random.default_rng(seed)
    position = np.arange(len(series.values)) - np.repeat(series.offsets[:-1], series.lengths)
    first = TRAINING if "Scaler" in name or name == "BoxCox" else 0
    before, changed_at = make(series), False
    for t in range(first, 57, 4):
        for later in (generator.normal(0, 1e4, size=len(series.values)), np.full(len(series.values), np.nan)):
            after = make(replace(series, values=np.where(position >= t, later, series.values)))
            kept = position <= t if known == BEFORE else position < t
            np.testing.assert_array_equal(after[kept], before[kept], err_msg=f"{name}: values from row {t} on were changed")
            changed_at |= not np.array_equal(after[position == t], before[position == t], equal_nan=True)
    assert changed_at == (known == WITH), f"{name} is {known}: its row t must {'depend' if known == WITH else 'not depend'} on y[t]"


@pytest.mark.parametrize("name", FEATURES)
def test_a_longer_series_has_the_same_features(name: str, panel: Callable[..., Series]) -> None:
    make, _ = FEATURES[name]
    whole = panel(3, (90, 71))
    part = whole.head(30)
    kept = np.concatenate([np.arange(60), np.arange(90, 131)])
    np.testing.assert_array_equal(make(part), make(whole)[kept])


@pytest.mark.parametrize("name", FEATURES)
def test_no_series_sees_another(name: str, panel: Callable[..., Series]) -> None:
    make, _ = FEATURES[name]
    series = panel(2)
    together = make(series)
    for i in range(len(series)):
        np.testing.assert_array_equal(together[series.offsets[i] : series.offsets[i + 1]], make(series[i]), err_msg=f"{name}: series {i} alone")


def test_input_is_left_as_it_was(panel: Callable[..., Series]) -> None:
    series = panel(4)
    values = series.values.copy()
    series.values.flags.writeable = False
    for make, _ in FEATURES.values():
        make(series)
    np.testing.assert_array_equal(series.values, values)


NOT_OF_SERIES = ("panel", "augmentation", "random_kernels")  # how features are joined; changes of batches; features of labelled sequences: tested by themselves


def test_every_public_feature_is_under_these_laws() -> None:
    public = set()
    for module in pkgutil.iter_modules(inorder.features.__path__):
        if module.name not in NOT_OF_SERIES:
            members = vars(importlib.import_module(f"inorder.features.{module.name}"))
            public |= {
                name
                for name, member in members.items()
                if not name.startswith("_")
                and (inspect.isfunction(member) or inspect.isclass(member))
                and member.__module__ == f"inorder.features.{module.name}"
            }
    covered = {name.split(",")[0].split(" ")[0] for name in FEATURES}
    assert public == covered | set(OTHERS)
    assert not covered & set(OTHERS)


def lines_run(make: Callable[[Series], Any], series: Series) -> int:
    """How many lines of Python run, here and in NumPy, to make a feature."""
    count = 0

    def tracer(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return tracer

    previous = sys.gettrace()
    make(series)  # imports are not counted
    sys.settrace(tracer)
    try:
        make(series)
    finally:
        sys.settrace(previous)
    return count


@pytest.mark.parametrize("name", [name for name in FEATURES if name not in ("StandardScaler", "RobustScaler", "MinMaxScaler", "BoxCox")])
def test_no_python_loop_over_rows_or_series(name: str, panel: Callable[..., Series]) -> None:
    make, _ = FEATURES[name]
    few, many = panel(0, (20, 20), 0.0), panel(0, (40,) * 200, 0.0)
    assert lines_run(make, many) < 1.5 * lines_run(make, few) + 200, "8,000 rows may take a few passes of doubling more than 40, not a line a row"


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), RobustScaler(), MinMaxScaler(), BoxCox(season_length=4, shift=1e3), BoxCox(method="likelihood", shift=1e3)]
)
def test_no_python_loop_in_scalers(scaler: Any, panel: Callable[..., Series]) -> None:
    few, many = panel(0, (20, 20), 0.0), panel(0, (40,) * 200, 0.0)
    make = lambda series: scaler.fit(series).transform(series)  # noqa: E731
    assert lines_run(make, many) < 1.5 * lines_run(make, few) + 200
