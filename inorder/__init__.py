"""inorder: models for data whose order matters.

Everything here is loaded when it is first used, so that `import inorder` costs almost nothing.

    result = inorder.compare("forecast", "sales.csv", horizon=12)
    result.best.predict(12, levels=(0.8, 0.95)).to_frame()
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# public name -> the module that defines it; __init__.pyi says the same to type checkers
_HOME = {
    "AR": "forecast.autoregressive",
    "ARIMA": "forecast.arima",
    "Auto": "forecast.combination",
    "AutoARIMA": "forecast.arima",
    "AutoETS": "forecast.ets",
    "AutoTheta": "forecast.theta",
    "CES": "forecast.ces",
    "Combination": "forecast.combination",
    "Comparison": "comparison",
    "ContinuousTime": "forecast.irregular",
    "Decomposed": "forecast.decomposed",
    "DetectionComparison": "detection",
    "Detections": "forecast.detect",
    "Drift": "forecast.baselines",
    "ETS": "forecast.ets",
    "ExponentialSmoothing": "forecast.smoothing",
    "Fitted": "forecast.base",
    "FittedDetector": "forecast.detect",
    "Forecast": "forecast.base",
    "ForecastDetector": "forecast.detect",
    "Forecaster": "forecast.base",
    "Frequency": "data.frequency",
    "InorderError": "errors",
    "LSTMForecaster": "tasks.lstm_forecaster",
    "Mean": "forecast.baselines",
    "MovingAverage": "forecast.moving_average",
    "Naive": "forecast.baselines",
    "Naive2": "forecast.baselines",
    "SeasonalAR": "forecast.seasonal_autoregressive",
    "SeasonalNaive": "forecast.baselines",
    "Series": "data.series",
    "StateSpace": "forecast.kalman",
    "Structural": "forecast.structural",
    "Theta": "forecast.theta",
    "Trend": "forecast.trend",
    "VAR": "forecast.var",
    "WeightedMovingAverage": "forecast.moving_average",
    "WindowedGaussian": "forecast.detect",
    "compare": "comparison",
    "fill": "filling",
    "fit": "verbs",
    "forecast_panel": "panel",
    "gradient_flow": "nn.gradient_flow",
    "load": "verbs",
    "loglik": "forecast.arima",
    "read_series": "data.series",
    "regularise": "data.series",
    "ClassificationComparison": "classification",
    "NearestNeighbour": "models.nearest",
    "NeuralClassifier": "tasks.neural_classifier",
    "RandomKernelRidge": "models.random_kernel_ridge",
    "Sequences": "data.labelled",
    "read_sequences": "data.labelled_reading",
    "DLinearForecaster": "tasks.neural_forecasters",
    "NHiTSForecaster": "tasks.neural_forecasters",
    "RNNForecaster": "tasks.neural_forecasters",
    "TCNForecaster": "tasks.neural_forecasters",
    "TransformerForecaster": "tasks.neural_forecasters",
    "ESRNNForecaster": "tasks.neural_forecasters",
    "evaluate": "verbs",
    "Vocabulary": "data.vocabulary",
    "read_texts": "data.text_reading",
    "read_tagged": "data.tagged_reading",
    "read_symbols": "data.symbol_reading",
    "NGram": "decode.ngram",
}

_PARTS = ("bundle", "data", "decode", "errors", "features", "forecast", "lecture", "losses", "metrics", "models", "nn", "tasks", "textbook", "train")

__all__ = ["__version__", *_HOME, *_PARTS]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_PARTS})
