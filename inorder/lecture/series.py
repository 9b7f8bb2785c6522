"""Examples 1 to 9: features and classical forecasts, computed by `inorder.features` and `inorder.forecast`."""

from __future__ import annotations

import numpy as np

from inorder.data.series import Series
from inorder.features.differencing import difference
from inorder.features.fourier import periodogram
from inorder.features.lags import lags
from inorder.features.rolling import centred_mean, rolling
from inorder.features.windows import windows
from inorder.forecast.moving_average import MovingAverage
from inorder.forecast.trend import MovingAverageTrend, Trend
from inorder.lecture.example import Example, Quantity, plain, row
from inorder.typing import Floats


def windowing() -> Example:
    """Example 1: the last `window` values and the one after them."""
    y, length = [100, 102, 101, 105, 107], 3
    inputs, targets = windows(y, length)
    printed = (("100", "102", "101", "→", "105"), ("102", "101", "105", "→", "107"))
    return Example(
        number=1,
        topic="windows",
        title="Windows of 3 values and the value after them",
        data={"y": y, "window": length},
        quantities=tuple(
            Quantity(f"window {i}", of, (*plain(x), "→", float(target[0])))
            for i, (of, x, target) in enumerate(zip(printed, inputs, targets, strict=True), start=1)
        ),
        explanation=f"{len(y)} values hold {len(y)} - {length} = {len(targets)} windows with a value after them.",
        steps=(
            f"input y[t], …, y[t + {length - 1}]   target y[t + {length}]",
            *(f"window {i}: {row(x, 'g')} → {target[0]:g}" for i, (x, target) in enumerate(zip(inputs, targets, strict=True), start=1)),
        ),
    )


def lagging() -> Example:
    """Example 2: x[t] = y[t − 1]."""
    y = [150, 180, 220, 200]
    pairs = np.column_stack([y, lags(y, 1)[:, 0]])
    return Example(
        number=2,
        topic="lags",
        title="Visitors and those of the step before",
        data={"visitors": y, "lag": 1},
        quantities=(Quantity("t = 3", ("220", "180"), plain(pairs[2])), Quantity("t = 4", ("200", "220"), plain(pairs[3]))),
        explanation=f"The pair at t = 2, ({pairs[1, 0]:g}, {pairs[1, 1]:g}), is complete too; only the first value has none before it.",
        steps=(
            "lag 1: x[t] = y[t - 1]",
            *(f"t = {t}: y = {value:g}, x = {'unknown' if np.isnan(before) else f'{before:g}'}" for t, (value, before) in enumerate(pairs, start=1)),
        ),
    )


def rolling_mean() -> Example:
    """Example 3: the mean of this value and the two before."""
    y, window = [22, 24, 23, 25, 26], 3
    means = rolling(y, window)[window - 1 :]
    return Example(
        number=3,
        topic="rolling",
        title="Rolling mean of 3 values",
        data={"y": y, "window": window},
        quantities=(Quantity("mean", ("23.0", "24.0", "24.7"), plain(means)),),
        explanation="Each mean takes the value of its own day and the two before.",
        steps=(
            "mean[t] = (y[t-2] + y[t-1] + y[t]) / 3",
            *(f"({' + '.join(map(str, y[i : i + window]))}) / {window} = {mean:.2f}" for i, mean in enumerate(means)),
        ),
    )


def differencing() -> Example:
    """Example 4: d[t] = y[t] − y[t − 1]."""
    y = [100, 130, 145, 170]
    changes = difference(y)[1:]
    return Example(
        number=4,
        topic="differencing",
        title="Change from one step to the next",
        data={"y": y},
        quantities=(Quantity("y[t] - y[t-1]", ("30", "15", "25"), plain(changes)),),
        explanation="Adding the changes up again from the first value gives the series back.",
        steps=("d[t] = y[t] - y[t-1]", *(f"{after} - {before} = {change:g}" for before, after, change in zip(y, y[1:], changes, strict=False))),
    )


def fourier() -> Example:
    """Example 5: which frequencies three samples can hold."""
    y, spacing, beats = [0.1, 0.8, 0.2], 0.010, 75
    rate, heart, beat = 1 / spacing, beats / 60, 60 / beats
    frequencies, power = periodogram(y, rate, detrend="mean")
    span, lowest = len(y) * spacing, float(frequencies[0])
    found = (float(frequencies[power.argmax()]),) if lowest <= heart else None  # a record shows nothing slower than one cycle in its whole length
    return Example(
        number=5,
        topic="fourier",
        title="Heart rate from the spectrum of three ECG samples",
        data={"y": y, "unit": "volt", "time": [0, 10, 20], "time_unit": "millisecond", "claim": f"{beats} beats a minute = {heart:g} Hz"},
        quantities=(
            Quantity("strongest, Hz", ("1.25",), found),
            Quantity("lowest, Hz", None, (lowest,), ".1f"),
            Quantity("beat, ms", None, (1000 * beat,), ".0f"),
            Quantity("record, ms", None, (1000 * span,), ".0f"),
        ),
        explanation=f"{beats} beats a minute are {heart:g} Hz, but these samples cannot show it: they cover {1000 * span:.0f} ms, one beat lasts "
        f"{1000 * beat:.0f} ms, and the lowest frequency that the record holds is {lowest:.1f} Hz.",
        steps=(
            f"sampling rate = 1 / {1000 * spacing:.0f} ms = {rate:.0f} Hz",
            "frequencies of n samples: k · rate / n for k = 1 … n/2",
            f"n = {len(y)}: {row(frequencies, '.1f')} Hz, power {row(power, '.4f')}",
            f"one beat at {beats} a minute: {1000 * beat:.0f} ms = {heart:g} Hz, below {lowest:.1f} Hz",
            f"a record in which {heart:g} Hz is the lowest frequency needs {beat / spacing:.0f} samples",
        ),
    )


def moving_average() -> Example:
    """Example 6: ŷ[t+1] = the mean of the last 3 values, and again when one more has come."""
    y, window, newer = [10, 12, 15, 14, 18], 3, 20
    means = rolling(y, window)[window - 1 :]
    fitted = MovingAverage(window=window).fit(Series.of(y))
    session = fitted.stream()
    forecast = float(session.predict(1)[0])
    updated = session.step(float(newer))
    return Example(
        number=6,
        topic="moving-average",
        title="Forecast by the mean of the last 3 values",
        data={"y": y, "window": window, "y6": newer},
        quantities=(
            Quantity("means", ("12.33", "13.67", "15.67"), plain(means)),
            Quantity("ŷ₆", ("15.67",), (forecast,)),
            Quantity("ŷ₇ after y₆", ("17.33",), (updated,)),
        ),
        explanation="The forecast is the last mean, and a new value pushes the oldest out.",
        steps=(
            "ŷ[t+1] = (y[t-2] + y[t-1] + y[t]) / 3",
            *(f"({' + '.join(map(str, y[i : i + window]))}) / {window} = {mean:.4f}" for i, mean in enumerate(means)),
            f"ŷ₆ = {forecast:.4f}",
            f"y₆ = {newer} arrives: ŷ₇ = ({' + '.join(map(str, [*y, newer][-window:]))}) / {window} = {updated:.4f}",
        ),
    )


def centred_average() -> Example:
    """Example 7: the centred moving average, continued by its mean change."""
    y, window = [100, 110, 105, 115, 120, 125], 3
    trend = centred_mean(y, window)
    known = trend[~np.isnan(trend)]
    fitted = MovingAverageTrend(window=window).fit(Series.of(y))
    change, ahead = float(fitted.describe()["change"]), fitted.stream().predict(2)
    last = len(y) - window // 2
    return Example(
        number=7,
        topic="centred-average",
        title="Trend by a centred moving average, continued",
        data={"y": y, "window": window},
        quantities=(
            Quantity("trend", ("105", "110", "113.3", "120"), plain(known)),
            Quantity("mean change", ("5.0",), (change,)),
            Quantity("ŷ₇", ("130",), (float(ahead[0]),)),
            Quantity("ŷ₈", ("135",), (float(ahead[1]),)),
        ),
        explanation=f"The last average belongs to t = {last}, so that ŷ₇ lies two changes ahead of it, not one.",
        steps=(
            "T[t] = (y[t-1] + y[t] + y[t+1]) / 3",
            *(f"T[{t}] = ({' + '.join(map(str, y[t - 2 : t + 1]))}) / {window} = {value:.2f}" for t, value in enumerate(known, start=2)),
            f"mean change = ({known[-1]:g} - {known[0]:g}) / {len(known) - 1} = {change:g}",
            f"ŷ₇ = T[{last}] + 2 · {change:g} = {ahead[0]:g}",
            f"ŷ₈ = T[{last}] + 3 · {change:g} = {ahead[1]:g}",
        ),
    )


def regression_trend() -> Example:
    """Example 8: the least-squares line of the same data."""
    y = [100, 110, 105, 115, 120, 125]
    printed_slope, printed_intercept = "5.14", "94.86"
    intercept, slope, ahead = _line(y, horizon=4)
    through = float(printed_intercept) + float(printed_slope) * (len(y) + 1) / 2
    return Example(
        number=8,
        topic="regression-trend",
        title="Trend by regression, the data of example 7",
        data={"y": y},
        quantities=(
            Quantity("slope", (printed_slope,), (slope,)),
            Quantity("intercept", (printed_intercept,), (intercept,)),
            Quantity("ŷ₇ ŷ₈", ("130.84", "135.98"), plain(ahead[:2])),
            Quantity("ŷ₉ ŷ₁₀", ("141.12", "146.26"), plain(ahead[2:])),
        ),
        explanation=f"A least-squares line passes through the means (t̄, ȳ) = ({(len(y) + 1) / 2:g}, {np.mean(y):g}); "
        f"the printed one gives {through:.2f} there. Its forecasts follow from the printed slope and intercept, so all of them are off.",
        steps=(
            *_least_squares(y, slope, intercept),
            *(f"ŷ[{t}] = {intercept:.3f} + {slope:.3f} · {t} = {value:.2f}" for t, value in enumerate(ahead, start=7)),
        ),
    )


def ols_trend() -> Example:
    """Example 9: another least-squares line."""
    y = [10, 12, 15, 17, 20]
    intercept, slope, ahead = _line(y, horizon=3)
    middle = (len(y) + 1) / 2
    return Example(
        number=9,
        topic="ols-trend",
        title="Trend by ordinary least squares",
        data={"y": y},
        quantities=(
            Quantity("slope", ("2.5",), (slope,)),
            Quantity("intercept", ("7.5",), (intercept,)),
            Quantity("ŷ₆ ŷ₇ ŷ₈", ("22.5", "25.0", "27.5"), plain(ahead)),
        ),
        explanation=f"The slope is right. The intercept is ȳ - b·t̄ = {np.mean(y):g} - {slope * middle:g} = {intercept:.1f}; the printed 7.5 is b·t̄ itself, "
        f"or ȳ taken as {7.5 + slope * middle:g}. Every forecast is {7.5 - intercept:.1f} too high.",
        steps=(
            *_least_squares(y, slope, intercept),
            *(f"ŷ[{t}] = {intercept:.1f} + {slope:.1f} · {t} = {value:.1f}" for t, value in enumerate(ahead, start=6)),
        ),
    )


def _line(y: list[int], horizon: int) -> tuple[float, float, Floats]:
    """Intercept and slope of the linear trend with t = 1 at the first value, and the forecasts."""
    fitted = Trend("linear").fit(Series.of(y))
    found = fitted.describe()
    return float(found["intercept"]), float(found["slope"]), fitted.stream().predict(horizon)


def _least_squares(y: list[int], slope: float, intercept: float) -> list[str]:
    t = np.arange(1, len(y) + 1)
    middle, mean = float(t.mean()), float(np.mean(y))
    return [
        "b = Σ (t - t̄)(y - ȳ) / Σ (t - t̄)²,   a = ȳ - b·t̄",
        f"t̄ = {middle:g}, ȳ = {mean:g}",
        f"Σ (t - t̄)(y - ȳ) = {((t - middle) * (np.array(y) - mean)).sum():g},   Σ (t - t̄)² = {((t - middle) ** 2).sum():g}",
        f"b = {slope:.4f}",
        f"a = {mean:g} - {slope:.4f} · {middle:g} = {intercept:.4f}",
    ]
