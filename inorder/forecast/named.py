"""Local forecasters by name, for those that are made of others: a combination, a model of what is left after a season.

A member is given as a forecaster, a name, or a name with settings:

    "theta"        ("exponential-smoothing", {"trend": "additive"})        Theta()

It is kept as a forecaster, and written into the settings of the whole as name and settings, so that they stay plain JSON values.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from inorder.errors import ConfigError, unknown
from inorder.forecast.local import LocalForecaster

# the class of each name, below inorder.forecast; the names are those of the classes
HOMES = {
    "naive": "baselines:Naive",
    "mean": "baselines:Mean",
    "drift": "baselines:Drift",
    "seasonal-naive": "baselines:SeasonalNaive",
    "naive2": "baselines:Naive2",
    "moving-average": "moving_average:MovingAverage",
    "weighted-moving-average": "moving_average:WeightedMovingAverage",
    "exponential-smoothing": "smoothing:ExponentialSmoothing",
    "trend": "trend:Trend",
    "moving-average-trend": "trend:MovingAverageTrend",
    "ar": "autoregressive:AR",
}


def named(name: str, settings: Mapping[str, Any] | None = None) -> LocalForecaster:
    """The forecaster of that name with these settings.   Raises ConfigError with the nearest name otherwise.

    >>> named("ar", {"order": 2}).settings["order"]
    2
    """
    if name not in HOMES:
        raise unknown("model", name, HOMES)
    module, kind = HOMES[name].split(":")
    made: LocalForecaster = getattr(import_module(f"inorder.forecast.{module}"), kind)()
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in (settings or {}).items()}
    changed = made.with_settings(settings)
    assert isinstance(changed, LocalForecaster)
    return changed


def member(given: Any) -> LocalForecaster:
    """The forecaster that is meant by a forecaster, a name, or a pair of name and settings.   Raises ConfigError for anything else."""
    if isinstance(given, LocalForecaster):
        return given
    if isinstance(given, str):
        return named(given)
    if isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], str) and isinstance(given[1], Mapping):
        return named(*given)
    raise ConfigError(f'A member is a forecaster, a name such as "ar", or a name with settings such as ("ar", {{"order": 2}}); not {given!r}.')


def written(forecaster: LocalForecaster) -> tuple[str, dict[str, Any]]:
    """Name and settings, as `member` reads them; settings that are the usual ones are left out.

    >>> written(named("ar", {"order": 2}))
    ('ar', {'order': 2})
    """
    usual = type(forecaster)().settings
    return forecaster.name, {key: value for key, value in forecaster.settings.items() if value != usual[key]}
