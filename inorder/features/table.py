"""A table of features: named columns beside the rows of a series, ready for a regression or a network.

Every column is known one step ahead: lags and rolling statistics end with the row before, the calendar is known for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from inorder.data.series import Series, as_series
from inorder.errors import ConfigError, unknown
from inorder.features.calendar import calendar_features, holiday_features
from inorder.features.fourier import fourier_terms
from inorder.features.lags import lags as lag_columns
from inorder.features.rolling import STATISTICS, exponential_mean
from inorder.features.rolling import rolling as rolling_column
from inorder.typing import Values


def feature_table(
    series: Series | object,
    *,
    lags: int | Iterable[int] = (),
    rolling: Mapping[str, int | Sequence[int]] | None = None,
    exponential: Iterable[float] = (),
    fourier: Mapping[float, int] | None = None,
    calendar: bool = False,
    holidays: str | None = None,
    subdivision: str | None = None,
    minimum: int | None = None,
) -> dict[str, Values]:
    """Name -> (rows,) columns for one series or a panel, without the values themselves.

    lags: steps back, `lag_1` ….   rolling: statistic -> window or windows over the rows before, {"mean": (3, 12)} gives
    `mean_3` and `mean_12`; `minimum` as in `rolling`.   exponential: the alphas of exponentially weighted means of the rows before, `exponential_0.3` ….
    fourier: period -> order, {12: 2} gives `sin_12_1` `cos_12_1` `sin_12_2` `cos_12_2`.   calendar: those of `calendar_features`.
    holidays: a country, with `subdivision`, as in `holiday_features`.
    The table becomes a frame with make_frame(columns, series), or polars.DataFrame(columns).
    Raises ConfigError where nothing is asked for, and what the single functions raise.

    >>> y = Series.of([22, 24, 23, 25, 26])
    >>> table = feature_table(y, lags=(1, 2), rolling={"mean": 3})
    >>> {name: column.tolist() for name, column in table.items()}    # doctest: +NORMALIZE_WHITESPACE
    {'lag_1': [nan, 22.0, 24.0, 23.0, 25.0], 'lag_2': [nan, nan, 22.0, 24.0, 23.0], 'mean_3': [nan, nan, nan, 23.0, 24.0]}
    """
    series = as_series(series)
    table: dict[str, Values] = {}
    steps = [lags] if isinstance(lags, int) else list(lags)
    if steps:
        table |= {f"lag_{lag}": column for lag, column in zip(steps, lag_columns(series, steps).T, strict=True)}
    for statistic, windows in (rolling or {}).items():
        if statistic not in STATISTICS or statistic == "quantile":
            raise unknown("rolling statistic", str(statistic), [name for name in STATISTICS if name != "quantile"])
        for window in windows if isinstance(windows, Sequence) else (windows,):
            table[f"{statistic}_{window}"] = rolling_column(series, window, statistic, minimum=minimum, lag=1)
    for alpha in exponential:
        table[f"exponential_{alpha:g}"] = exponential_mean(series, alpha=alpha, lag=1)
    for period, order in (fourier or {}).items():
        terms = fourier_terms(series, period, order)
        for k in range(order):
            table[f"sin_{period:g}_{k + 1}"], table[f"cos_{period:g}_{k + 1}"] = terms[:, 2 * k], terms[:, 2 * k + 1]
    if calendar:
        table |= calendar_features(series)
    if holidays is not None:
        table |= holiday_features(series, holidays, subdivision=subdivision)
    elif subdivision is not None:
        raise ConfigError(f'`subdivision` "{subdivision}" needs a country: holidays="DE", say.')
    if minimum is not None and not rolling:
        raise ConfigError('`minimum` belongs to rolling statistics, and none is asked for. Write for example rolling={"mean": 12}.')
    if not table:
        raise ConfigError('No feature is asked for, or none varies at this frequency. Write for example lags=(1, 12), rolling={"mean": 12}.')
    return table
