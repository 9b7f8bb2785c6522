"""What `import inorder` offers, for type checkers; `__init__.py` loads it on first use."""

from inorder import bundle as bundle, data as data, errors as errors, features as features, forecast as forecast, lecture as lecture, losses as losses
from inorder import metrics as metrics, models as models, nn as nn, tasks as tasks, textbook as textbook, train as train
from inorder.comparison import Comparison as Comparison, compare as compare
from inorder.data.frequency import Frequency as Frequency
from inorder.data.series import Series as Series, read_series as read_series, regularise as regularise
from inorder.errors import InorderError as InorderError
from inorder.forecast.autoregressive import AR as AR
from inorder.forecast.base import Fitted as Fitted, Forecast as Forecast, Forecaster as Forecaster
from inorder.forecast.baselines import Drift as Drift, Mean as Mean, Naive as Naive, Naive2 as Naive2, SeasonalNaive as SeasonalNaive
from inorder.forecast.moving_average import MovingAverage as MovingAverage, WeightedMovingAverage as WeightedMovingAverage
from inorder.forecast.smoothing import ExponentialSmoothing as ExponentialSmoothing
from inorder.forecast.trend import Trend as Trend
from inorder.tasks.lstm_forecaster import LSTMForecaster as LSTMForecaster
from inorder.verbs import fit as fit, load as load

__version__: str
