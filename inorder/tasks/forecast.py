"""The task `forecast`: what can be fitted to a series, and how a saved forecaster comes back.

A candidate is a class with settings under a name; the classes live in `forecast/` (classical) and here in `tasks/` (neural),
and are imported when they are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from inorder.errors import BundleError, ConfigError, unknown

if TYPE_CHECKING:
    from inorder.bundle import Bundle
    from inorder.data.series import Series
    from inorder.forecast.base import Fitted, Forecaster


@dataclass(frozen=True)
class Candidate:
    """A model that can be fitted: where it lives, its settings, and what people want to know of it.

    home: "module:Class" below `inorder`.   seasonal: it needs a season.   positive: it needs values above zero.
    usual: `compare` tries it unasked.   system: it needs several series with equal stamps, and models them together.
    uneven: it takes observations at uneven times as they are; `compare` tries it unasked on those alone.
    """

    home: str
    sentence: str
    equation: str
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seasonal: bool = False
    positive: bool = False
    usual: bool = True
    system: bool = False
    uneven: bool = False

    @property
    def gradual(self) -> bool:
        """`Forecaster.gradual`, told without loading it: the networks, which live in `tasks`."""
        return self.home.startswith("tasks.")

    def make(self, **settings: Any) -> Forecaster:
        """The forecaster with these settings on top of the candidate's own."""
        module, name = self.home.split(":")
        forecaster: Forecaster = getattr(import_module(f"inorder.{module}"), name)()
        return forecaster.with_settings({**self.settings, **settings})


# In the order in which `compare` runs them: the cheapest first, so that the leaderboard fills at once.
# The name of a class (`Forecaster.name`) is among the names, so that a bundle finds its class here.
CANDIDATES: dict[str, Candidate] = {
    "naive": Candidate("forecast.baselines:Naive", "The last value, repeated.", "ŷ[t+h] = y[t]", "Hyndman & Athanasopoulos 2021, Forecasting, §5.2"),
    "mean": Candidate("forecast.baselines:Mean", "The mean of all values so far.", "ŷ[t+h] = (y[1] + … + y[t]) / t", "Hyndman & Athanasopoulos 2021, §5.2"),
    "drift": Candidate(
        "forecast.baselines:Drift",
        "The straight line from the first value through the last.",
        "ŷ[t+h] = y[t] + h·(y[t] − y[1]) / (t − 1)",
        "Hyndman & Athanasopoulos 2021, §5.2",
    ),
    "seasonal-naive": Candidate(
        "forecast.baselines:SeasonalNaive", "The value one season ago.", "ŷ[t+h] = y[t+h−m·⌈h/m⌉]", "Hyndman & Athanasopoulos 2021, §5.2", seasonal=True
    ),
    "naive2": Candidate(
        "forecast.baselines:Naive2",
        "The last value after taking the season out, if there is one, and putting it back.",
        "ŷ[t+h] = s[t+h] · y[t] / s[t]",
        "Makridakis, Spiliotis & Assimakopoulos 2020, The M4 Competition",
    ),
    "moving-average": Candidate(
        "forecast.moving_average:MovingAverage",
        "The mean of the last k values.",
        "ŷ[t+h] = (y[t] + … + y[t−k+1]) / k",
        "Brown 1963, Smoothing, Forecasting and Prediction",
    ),
    "weighted-moving-average": Candidate(
        "forecast.moving_average:WeightedMovingAverage",
        "A weighted mean of the last k values, the newest weighing most.",
        "ŷ[t+h] = Σ w[i]·y[t−k+i] / Σ w[i]",
        "Brown 1963",
    ),
    "auto": Candidate(
        "forecast.combination:Auto",
        "The combination to begin with: theta, smoothing and ARIMA, or seasonal autoregressions for long seasons.",
        "ŷ[t+h] = median of ŷᵢ[t+h], or Σ w[i]·ŷᵢ[t+h] / Σ w[i] with w[i] = (least error / error[i])^(2·windows)",
        "Bates & Granger 1969; Petropoulos & Svetunkov 2020",
    ),
    "exponential-smoothing": Candidate(
        "forecast.smoothing:ExponentialSmoothing",
        "A level that moves a share α of each error.",
        "ℓ[t] = ℓ[t−1] + α·(y[t] − ℓ[t−1]);  ŷ[t+h] = ℓ[t]",
        "Hyndman, Koehler, Ord & Snyder 2008, ch. 2",
    ),
    "holt": Candidate(
        "forecast.smoothing:ExponentialSmoothing",
        "Smoothing with a level and a trend.",
        "ℓ[t] = ℓ[t−1] + b[t−1] + α·e[t];  b[t] = b[t−1] + αβ·e[t];  ŷ[t+h] = ℓ[t] + h·b[t]",
        "Holt 1957; Hyndman et al. 2008, ch. 2",
        {"trend": "additive"},
    ),
    "holt-damped": Candidate(
        "forecast.smoothing:ExponentialSmoothing",
        "Smoothing with a level and a trend that levels off.",
        "ŷ[t+h] = ℓ[t] + (φ + … + φ^h)·b[t]",
        "Gardner & McKenzie 1985; Hyndman et al. 2008, ch. 2",
        {"trend": "additive", "damped": True},
    ),
    "holt-winters": Candidate(
        "forecast.smoothing:ExponentialSmoothing",
        "Smoothing with a level, a trend and a season that is added.",
        "ŷ[t+h] = ℓ[t] + h·b[t] + s[t+h−m·⌈h/m⌉]",
        "Winters 1960; Hyndman et al. 2008, ch. 2",
        {"trend": "additive", "seasonal": "additive"},
        seasonal=True,
    ),
    "holt-winters-multiplicative": Candidate(
        "forecast.smoothing:ExponentialSmoothing",
        "Smoothing with a level, a trend and a season that grows with the level.",
        "ŷ[t+h] = (ℓ[t] + h·b[t]) · s[t+h−m·⌈h/m⌉]",
        "Winters 1960; Hyndman et al. 2008, ch. 2",
        {"trend": "additive", "seasonal": "multiplicative"},
        seasonal=True,
        positive=True,
    ),
    "trend": Candidate(
        "forecast.trend:Trend", "A straight line through all values.", "y[t] = a + b·t", "Draper & Smith 1998, Applied Regression Analysis, ch. 1"
    ),
    "polynomial-trend": Candidate(
        "forecast.trend:Trend", "A parabola through all values.", "y[t] = a + b·t + c·t²", "Draper & Smith 1998, ch. 12", {"kind": "polynomial"}
    ),
    "exponential-trend": Candidate(
        "forecast.trend:Trend", "Growth by a constant factor.", "y[t] = a·exp(b·t)", "Draper & Smith 1998, ch. 24", {"kind": "exponential"}, positive=True
    ),
    "moving-average-trend": Candidate(
        "forecast.trend:MovingAverageTrend",
        "The centred moving average, continued by its mean change.",
        "ŷ[t+h] = T[t−j] + (h + j)·(T[t−j] − T[1+j]) / (t − k)",
        "Kendall & Ord 1990, ch. 3",
    ),
    "ar": Candidate(
        "forecast.autoregressive:AR",
        "A linear function of the last p values, p chosen by AICc.",
        "y[t] = c + φ₁·y[t−1] + … + φₚ·y[t−p] + e[t]",
        "Box, Jenkins, Reinsel & Ljung 2015, ch. 3, 6",
    ),
    "ets": Candidate(
        "forecast.ets:ETS",
        "A state space model of exponential smoothing: error, trend and season, each none, additive or multiplicative.",
        "y[t] = ŷ[t] + e[t] or ŷ[t]·(1 + r[t]);  ŷ[t+h] = l[t] + h·b[t] with the default components",
        "Hyndman, Koehler, Ord & Snyder 2008, ch. 2, 5, 6",
        usual=False,
    ),
    "auto-ets": Candidate(
        "forecast.ets:AutoETS",
        "The state space model of exponential smoothing with the least AICc, of 15.",
        "ETS(error, trend, season) with the least −2·log L + 2·k·n/(n − k − 1)",
        "Hyndman, Koehler, Snyder & Grose 2002; Hyndman et al. 2008, ch. 5",
    ),
    "stl": Candidate(
        "forecast.decomposed:Decomposed",
        "The series without its seasons, forecast by another model, and the seasons put back.",
        "y[t] = n[t] + s[t];  ŷ[t+h] = n̂[t+h] + s[t+h−m·⌈h/m⌉]",
        "Cleveland et al. 1990, STL; Bandara, Hyndman & Bergmeir 2021, MSTL",
        seasonal=True,
    ),
    "var": Candidate(
        "forecast.var:VAR",
        "Every series is a linear function of the last p values of all series, p chosen by AICc.",
        "y[t] = c + A₁·y[t−1] + … + Aₚ·y[t−p] + e[t]",
        "Lütkepohl 2005, New Introduction to Multiple Time Series Analysis, ch. 2–4",
        system=True,
    ),
    "continuous-time": Candidate(
        "forecast.irregular:ContinuousTime",
        "A random walk under noise in continuous time, for observations at uneven times.",
        "dμ = σ·dW;  y = μ(t) + ε",
        "Harvey 1989, ch. 9",
        usual=False,
        uneven=True,
    ),
    "continuous-time-trend": Candidate(
        "forecast.irregular:ContinuousTime",
        "A level with a slope, both wandering, in continuous time.",
        "dμ = ν·dt + σ·dW;  dν = σ'·dW';  y = μ(t) + ε",
        "Harvey 1989, ch. 9",
        {"kind": "trend"},
        usual=False,
        uneven=True,
    ),
    "continuous-time-car": Candidate(
        "forecast.irregular:ContinuousTime",
        "Autoregression about a constant in continuous time: it swings back, or round, at its own pace.",
        "x⁽ᵖ⁾ + a₁·x⁽ᵖ⁻¹⁾ + … + aₚ·x = σ·dW/dt;  y = c + x(t) + ε",
        "Jones 1981",
        {"kind": "car"},
        usual=False,
        uneven=True,
    ),
    "structural": Candidate(
        "forecast.structural:Structural",
        "A level, a slope and a season, each moved by its own disturbances, by maximum likelihood.",
        "y[t] = level[t] + season[t] + ε[t];  level[t+1] = level[t] + slope[t] + ξ[t];  slope[t+1] = slope[t] + ζ[t]",
        "Harvey 1989, Structural Time Series Models, ch. 2, 4; Durbin & Koopman 2012, ch. 3",
    ),
    "lstm": Candidate(
        "tasks.lstm_forecaster:LSTMForecaster",
        "One recurrent network with gated memory, trained on all series together.",
        "c[t] = f⊙c[t−1] + i⊙g;  h[t] = o⊙tanh(c[t]);  ŷ[t+1] from h[t]",
        "Hochreiter & Schmidhuber 1997; global training: Salinas et al. 2020, DeepAR",
    ),
    "theta": Candidate(
        "forecast.theta:Theta",
        "Half a straight line, half a smoothed level, without the season and then with it.",
        "ŷ[t+h] = ½·(A + B·(t+h)) + ½·Z[t];  Z = 2·y − (A + B·t), smoothed",
        "Assimakopoulos & Nikolopoulos 2000; Fiorucci et al. 2016",
    ),
    "auto-theta": Candidate(
        "forecast.theta:AutoTheta",
        "The best of four theta models: θ and the line fixed or learnt.",
        "ŷ[t+h] = (1 − 1/θ)·(A + B·(t+h)) + 1/θ·Z[t]",
        "Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler 2016",
    ),
    "ces": Candidate(
        "forecast.ces:CES",
        "A level smoothed with a complex parameter, perhaps with a season, chosen by AICc.",
        "l ← l − (1 − α₁)·c + (α₀ − α₁)·e;  c ← l + (1 − α₀)·c + (α₀ + α₁)·e;  ŷ = l + s",
        "Svetunkov, Kourentzes & Ord 2022",
    ),
    "arima": Candidate(
        "forecast.arima:ARIMA",
        "A linear function of past values and errors after differencing, the orders given: (0, 1, 1) unless set.",
        "φ(B)Φ(Bˢ)·(1 − B)ᵈ(1 − Bˢ)ᴰ·y[t] = c + θ(B)Θ(Bˢ)·e[t]",
        "Box, Jenkins, Reinsel & Ljung 2015, ch. 7, 9",
        usual=False,
    ),
    "auto-arima": Candidate(
        "forecast.arima:AutoARIMA",
        "ARIMA with the differences chosen by tests and the orders by AICc.",
        "φ(B)Φ(Bˢ)·(1 − B)ᵈ(1 − Bˢ)ᴰ·y[t] = c + θ(B)Θ(Bˢ)·e[t]",
        "Hyndman & Khandakar 2008; Box, Jenkins, Reinsel & Ljung 2015",
    ),
    "seasonal-ar": Candidate(
        "forecast.seasonal_autoregressive:SeasonalAR",
        "A linear function of the last values and of those around whole seasons ago.",
        "z[t] = c + Σ φ[l]·z[t−l] + e[t],  l in {1 … p} and around m, 2·m",
        "Box, Jenkins, Reinsel & Ljung 2015, ch. 9",
        seasonal=True,
    ),
    "combination": Candidate(
        "forecast.combination:Combination",
        "Models of your choice side by side: their median, mean, or a mean with weights.",
        "ŷ[t+h] = median of ŷᵢ[t+h], or Σ w[i]·ŷᵢ[t+h] / Σ w[i]",
        "Bates & Granger 1969; Petropoulos & Svetunkov 2020",
        usual=False,
    ),
    "dlinear": Candidate(
        "tasks.neural_forecasters:DLinearForecaster",
        "Each step ahead is a weighted sum of a window of the past, the same for all series.",
        "trend = moving average of the window;  ŷ[t+1 … t+H] = W·trend + V·(window − trend)",
        "Zeng, Chen, Zhang & Xu 2023",
    ),
    "nhits": Candidate(
        "tasks.neural_forecasters:NHiTSForecaster",
        "Blocks of perceptrons that explain the window one after the other, slow movements first, quick ones last.",
        "residual ← residual − backcast(pool(residual));  ŷ ← ŷ + interpolate(θ)",
        "Challu et al. 2023; Oreshkin et al. 2020, N-BEATS",
        usual=False,
    ),
    "recurrent": Candidate(
        "tasks.neural_forecasters:RNNForecaster",
        "A recurrent network reads a window and says all steps ahead from what it holds at the end.",
        "h[t] = cell(x[t], h[t−1]);  ŷ[t+1 … t+H] = W·h[t]",
        "Wen et al. 2017; Cho et al. 2014",
        usual=False,
    ),
    "tcn": Candidate(
        "tasks.neural_forecasters:TCNForecaster",
        "A dilated stack of causal convolutions reads a window.",
        "h = relu(conv(x));  x ← relu(x + h);  ŷ[t+1 … t+H] = W·x[t]",
        "Bai, Kolter & Koltun 2018",
        usual=False,
    ),
    "transformer": Candidate(
        "tasks.neural_forecasters:TransformerForecaster",
        "A Transformer encoder over patches of a window.",
        "h = encoder(A·patch + position);  ŷ[t+1 … t+H] = W·h",
        "Nie et al. 2023",
        usual=False,
    ),
    "es-rnn": Candidate(
        "tasks.neural_forecasters:ESRNNForecaster",
        "Exponential smoothing with coefficients of each series, and a dilated LSTM shared by all for what it leaves; the winner of M4.",
        "ℓ[t] = ℓ[t−1] + α·(x[t] − s[t] − ℓ[t−1]);  s[t+m] = s[t] + γ·(x[t] − s[t] − ℓ[t]);  x̂[t+h] = ℓ[t] + s[t+h] + LSTM(…)[h]",
        "Smyl 2020",
        usual=False,
    ),
}


def candidate(name: str) -> Candidate:
    """The candidate of that name; ConfigError with the nearest name otherwise."""
    if name not in CANDIDATES:
        raise unknown("model", name, CANDIDATES)
    return CANDIDATES[name]


def default_models(series: Series) -> tuple[list[str], list[str]]:
    """The candidates that suit `series`, and a sentence on each group that was left out."""
    import numpy as np

    from inorder.forecast.base import spacing

    if series.frequency is None:
        return [name for name, one in CANDIDATES.items() if one.uneven], [
            "The stamps are uneven, so only models in continuous time are tried. To compare the others, put the series on a grid, for example "
            f"--every {spacing(series)}."
        ]
    names, notes = [name for name, one in CANDIDATES.items() if one.usual], []
    if series.season_length == 1:
        names = [name for name in names if not CANDIDATES[name].seasonal]
        notes.append("No season is known, so the seasonal models are left out; --season sets one.")
    if not np.nanmin(series.values) > 0:
        names = [name for name in names if not CANDIDATES[name].positive]
        notes.append("Some values are zero or negative, so the models that need values above zero are left out.")
    if reason := no_system(series):
        systems = [name for name in names if CANDIDATES[name].system]
        names = [name for name in names if name not in systems]
        if len(series) > 1:  # nobody expects it of a single series
            notes.append(f"{reason}, so what models them together is left out: {', '.join(systems)}.")
    return names, notes


MOST_CHANNELS = 20  # of a system that is tried unasked: coefficients grow with their square


def no_system(series: Series) -> str:
    """Why the series are not modelled together unasked; empty where they are."""
    from inorder.forecast.var import is_system

    if not is_system(series):
        return "The series do not share their stamps" if len(series) > 1 else "There is one series"
    return f"There are {len(series):,} series, more than {MOST_CHANNELS}" if len(series) > MOST_CHANNELS else ""


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """From `key=value` texts; a value is JSON (3, 0.5, true, null, [1, 2]), None, True or False as Python writes them, several with commas between
    them, in brackets or not, or else plain text.

    >>> parse_settings(["alpha=0.3", "trend=additive", "damped=true", "seasonal=None", "order=2,1,1", "models=(theta, ets)"])
    {'alpha': 0.3, 'trend': 'additive', 'damped': True, 'seasonal': None, 'order': [2, 1, 1], 'models': ['theta', 'ets']}
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.isidentifier():
            raise ConfigError(f'A setting is written key=value, not "{pair}".')
        settings[key] = parse_value(text)
    return settings


def parse_value(text: str) -> Any:
    """One value of a setting, as `parse_settings` reads it."""
    import json

    try:
        return json.loads({"None": "null", "none": "null", "True": "true", "False": "false"}.get(text, text))
    except ValueError:
        inner = text[1:-1] if text[:1] + text[-1:] in ("()", "[]") else text
        several = "," in inner and not any(mark in inner for mark in "()[]{}")
        return [parse_value(part.strip(" \"'")) for part in inner.split(",") if part.strip()] if several else text


def restore(bundle: Bundle) -> Fitted:
    """The fitted forecaster that a bundle holds.   Raises BundleError, naming the folder, where it does not fit together."""
    from inorder.data.storing import restore_series

    header = bundle.model
    where = f"The bundle {bundle.path}" if bundle.path else "The bundle"
    if header["model"] not in CANDIDATES:
        raise BundleError(f'{where} holds the model "{header["model"]}", which this version of inorder does not know.')
    settings, errors = header.get("settings"), header.get("errors")
    if not isinstance(settings, dict) or not isinstance(errors, dict):
        raise BundleError(f'{where} is damaged: model.json needs the objects "settings" and "errors".')
    try:
        settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
        forecaster = CANDIDATES[header["model"]].make(**settings)
        history = restore_series(header.get("series"), bundle.weights)
        return forecaster.restore(history, bundle.weights, errors)
    except BundleError:
        raise
    except (ConfigError, TypeError, ValueError, KeyError, IndexError) as error:
        raise BundleError(f"{where} is damaged: {error}") from None
