"""Local forecasters by name, for those that are made of others: a combination, a model of what is left after a season.

A member is given as a forecaster, a name, or a record of its class and settings:

    Theta()        "theta"        {"home": "theta:Theta", "settings": {"kind": "dynamic"}}

It is kept as a forecaster, and written into the settings of the whole as that record, so that they stay plain JSON values.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Mapping
from typing import Any

from inorder.errors import ConfigError, unknown
from inorder.forecast.local import LocalForecaster

PACKAGE = "inorder.forecast"

# what a name means: class below inorder.forecast, and settings
NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "naive": ("baselines:Naive", {}),
    "mean": ("baselines:Mean", {}),
    "drift": ("baselines:Drift", {}),
    "seasonal-naive": ("baselines:SeasonalNaive", {}),
    "naive2": ("baselines:Naive2", {}),
    "moving-average": ("moving_average:MovingAverage", {}),
    "weighted-moving-average": ("moving_average:WeightedMovingAverage", {}),
    "exponential-smoothing": ("smoothing:ExponentialSmoothing", {}),
    "holt": ("smoothing:ExponentialSmoothing", {"trend": "additive"}),
    "holt-damped": ("smoothing:ExponentialSmoothing", {"trend": "additive", "damped": True}),
    "holt-winters": ("smoothing:ExponentialSmoothing", {"trend": "additive", "seasonal": "additive"}),
    "holt-winters-multiplicative": ("smoothing:ExponentialSmoothing", {"trend": "additive", "seasonal": "multiplicative"}),
    "ets": ("ets:ETS", {}),
    "auto-ets": ("ets:AutoETS", {}),
    "theta": ("theta:Theta", {}),
    "auto-theta": ("theta:AutoTheta", {}),
    "ces": ("ces:CES", {}),
    "auto-arima": ("arima:AutoARIMA", {}),
    "trend": ("trend:Trend", {}),
    "polynomial-trend": ("trend:Trend", {"kind": "polynomial"}),
    "exponential-trend": ("trend:Trend", {"kind": "exponential"}),
    "moving-average-trend": ("trend:MovingAverageTrend", {}),
    "structural": ("structural:Structural", {}),
    "ar": ("autoregressive:AR", {}),
    "seasonal-ar": ("seasonal_autoregressive:SeasonalAR", {}),
    "stl": ("decomposed:Decomposed", {}),
    "arima": ("arima:ARIMA", {}),
    "combination": ("combination:Combination", {}),
    "auto": ("combination:Auto", {}),
}


def member(given: Any) -> LocalForecaster:
    """The forecaster that is meant by a forecaster, a name, or a record of class and settings.   Raises ConfigError for anything else.

    >>> member("holt").settings["trend"]
    'additive'
    """
    if isinstance(given, LocalForecaster):
        return given
    if isinstance(given, str):
        if given not in NAMES:
            raise unknown("model", given, NAMES)
        return member(dict(zip(("home", "settings"), NAMES[given], strict=True)))
    if not isinstance(given, Mapping):
        raise ConfigError(f'A model inside another is a forecaster or a name such as "ar", not {given!r}.')
    home, settings = given.get("home"), given.get("settings", {})
    matched = re.fullmatch(r"([a-z_]+):([A-Za-z0-9]+)", home) if isinstance(home, str) else None
    kind: Any = None
    if matched and importlib.util.find_spec(f"{PACKAGE}.{matched[1]}") is not None:  # nothing outside this package is imported
        kind = getattr(importlib.import_module(f"{PACKAGE}.{matched[1]}"), matched[2], None)
    if not isinstance(kind, type) or not issubclass(kind, LocalForecaster) or inspect.isabstract(kind) or not isinstance(settings, Mapping):
        raise ConfigError(f'A model inside another is written {{"home": "module:Class", "settings": …}}, of inorder.forecast; not {dict(given)!r}.')
    made = kind().with_settings({key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()})
    assert isinstance(made, LocalForecaster)
    return made


def written(forecaster: LocalForecaster) -> dict[str, Any]:
    """Class and settings, as `member` reads them; settings that are the usual ones are left out.

    >>> from inorder.forecast.autoregressive import AR
    >>> written(AR(order=2))
    {'home': 'autoregressive:AR', 'settings': {'order': 2}}
    """
    kind = type(forecaster)
    if not kind.__module__.startswith(PACKAGE + "."):
        raise ConfigError(f"A model around {kind.__name__} cannot be saved, since that class is not part of inorder.forecast.")
    usual = kind().settings
    changed = {key: value for key, value in forecaster.settings.items() if value != usual[key]}
    return {"home": f"{kind.__module__.removeprefix(PACKAGE + '.')}:{kind.__name__}", "settings": changed}
