"""Lags, rolling means and calendar columns for a model of your own, without looking ahead.

Run: python examples/features_for_your_own_model.py
"""

import numpy as np

import inorder
from inorder.features.fourier import dominant_periods, fourier_terms
from inorder.features.lags import lags
from inorder.features.rolling import rolling

y = inorder.read_series("air-passengers")
print("strongest periods, in months:", dominant_periods(y.values))

known = np.log(y.values)
past = lags(known, [1, 12, 13])
level = rolling(past[:, 0], 12)  # of lag 1, so that row t knows nothing of t
season = fourier_terms(np.arange(len(known)), period=12, order=2)
table = np.column_stack([np.ones(len(known)), past, level, season])

training = np.arange(len(known)) < len(known) - 12
usable = ~np.isnan(table).any(axis=1)
weights, *_ = np.linalg.lstsq(table[training & usable], known[training & usable], rcond=None)
error = np.abs(np.exp(table[~training] @ weights) - y.values[~training]) / y.values[~training]
print(f"one-step error on the last year: {100 * error.mean():.1f} %")
assert error.mean() < 0.05
