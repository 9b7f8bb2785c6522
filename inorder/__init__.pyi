"""What `import inorder` offers, for type checkers; `__init__.py` loads it on first use."""

from inorder import bundle as bundle
from inorder import data as data
from inorder import errors as errors
from inorder import features as features
from inorder import forecast as forecast
from inorder import lecture as lecture
from inorder import losses as losses
from inorder import metrics as metrics
from inorder import models as models
from inorder import nn as nn
from inorder import tasks as tasks
from inorder import textbook as textbook
from inorder import train as train
from inorder.comparison import Comparison as Comparison
from inorder.comparison import compare as compare
from inorder.data.frequency import Frequency as Frequency
from inorder.data.series import Series as Series
from inorder.data.series import read_series as read_series
from inorder.data.series import regularise as regularise
from inorder.errors import InorderError as InorderError
from inorder.forecast.autoregressive import AR as AR
from inorder.forecast.base import Fitted as Fitted
from inorder.forecast.base import Forecast as Forecast
from inorder.forecast.base import Forecaster as Forecaster
from inorder.forecast.baselines import Drift as Drift
from inorder.forecast.baselines import Mean as Mean
from inorder.forecast.baselines import Naive as Naive
from inorder.forecast.baselines import Naive2 as Naive2
from inorder.forecast.baselines import SeasonalNaive as SeasonalNaive
from inorder.forecast.combination import Auto as Auto
from inorder.forecast.combination import Combination as Combination
from inorder.forecast.decomposed import Decomposed as Decomposed
from inorder.forecast.ets import ETS as ETS
from inorder.forecast.ets import AutoETS as AutoETS
from inorder.forecast.moving_average import MovingAverage as MovingAverage
from inorder.forecast.moving_average import WeightedMovingAverage as WeightedMovingAverage
from inorder.forecast.seasonal_autoregressive import SeasonalAR as SeasonalAR
from inorder.forecast.smoothing import ExponentialSmoothing as ExponentialSmoothing
from inorder.forecast.trend import Trend as Trend
from inorder.panel import forecast_panel as forecast_panel
from inorder.tasks.lstm_forecaster import LSTMForecaster as LSTMForecaster
from inorder.verbs import fit as fit
from inorder.verbs import load as load

__version__: str
