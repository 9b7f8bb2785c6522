"""What is wrong with a fitted model, and what to try: questions put to its errors one step ahead, each answered in a sentence.

    centred, uncorrelated, equal variance, normal       `residual_checks`
    no season left      F of the errors' means at each place of the season
    no clusters         ARCH-LM: do large errors follow large ones?
    random signs        runs above and below the median
    no outliers         the largest error in robust standard deviations, Bonferroni
    coverage            the share of the errors inside the intervals of one step

An error after a gap, or at uneven times, is judged by what the model knew of its size beforehand: all are brought to the usual deviation of
one step. The errors are those of the history that the model was fitted to, so they flatter it: a model that passes may still forecast badly, and
`compare` tells. Of checks that are all true one in twenty fails by chance.

Source: Box, Jenkins, Reinsel & Ljung 2015, ch. 8; Hyndman & Athanasopoulos 2021, §5.4; the tests: `inorder.forecast.diagnostics`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inorder.errors import ForecastError
from inorder.forecast.base import Fitted, Model
from inorder.forecast.diagnostics import FEWEST, SIGNIFICANCE, Check, acf, arch_lm, residual_checks, runs_test
from inorder.forecast.intervals import normal_quantiles, power_of_two, tail_probabilities
from inorder.forecast.local import LocalFitted, LocalForecaster, effects
from inorder.typing import Floats, Values

LEVELS = (0.8, 0.95)


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """model: its name.   series: which one.   checks: the questions and their answers.   notes: what the model says of itself.
    errors: (time,) one step ahead, as the model counts them, without its start, those after gaps brought to the deviation of one step; NaN where
        there is none.   index: (time,) stamps.
    """

    model: str
    series: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    errors: Values
    index: Any

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that something is wrong with."""
        return tuple(check for check in self.checks if check.passed is False)

    def columns(self) -> dict[str, Any]:
        """The checks as named columns: check, passed, statistic, p_value, sentence."""
        names = {"check": "name", "passed": "passed", "statistic": "statistic", "p_value": "p_value", "sentence": "sentence"}
        return {column: [getattr(check, field) for check in self.checks] for column, field in names.items()}

    def to_frame(self) -> Any:
        """A polars frame of `columns`; `passed` is null where a check could not be made."""
        import polars as pl

        return pl.DataFrame(self.columns(), strict=False)

    def plot(self) -> Any:
        """A matplotlib figure: the errors over time, their autocorrelations and their distribution."""
        from inorder.plots import plot_residuals

        lags = max(1, min(len(self.errors) // 2 - 1, 40))
        return plot_residuals(self.index, self.errors, acf(self.errors, lags) if len(self.errors) > 1 else np.ones(1))

    def __str__(self) -> str:
        failed, asked = self.failed, [check for check in self.checks if check.passed is not None]
        if not asked:
            verdict = "cannot be judged"
        elif not failed:
            verdict = f"passes all {len(asked)} checks"
        else:
            verdict = f"fails {len(failed)} of {len(asked)} checks: {', '.join(check.name for check in failed)}"
        lines = [f'{self.model} of "{self.series}" {verdict}.']
        for mark, passed in (("wrong", False), ("fine", True), ("open", None)):
            lines += [f"  {mark:<6}{check.sentence}" for check in self.checks if check.passed is passed]
        return "\n".join([*lines, *(f"  note  {note}" for note in self.notes)])


def diagnose(fitted: Fitted, series: int | str = 0) -> Diagnosis:
    """Say in sentences what is wrong with a fitted model and what to try.

    series: of a panel.   Raises ForecastError where that series could not be fitted, ConfigError where there is no such series.

    >>> from inorder.data.series import Series
    >>> from inorder.forecast.baselines import Mean
    >>> walk = np.random.default_rng(0).normal(size=60).cumsum()
    >>> print(diagnose(Mean().fit(Series.of(walk))).failed[0].sentence.split(",")[0])
    The errors are correlated (Ljung–Box over 10 lags
    """
    history = fitted.history
    i = history.position(series)
    name = history.ids[i]
    if name in fitted.errors:
        raise ForecastError(f'Series "{name}" could not be fitted, so there is nothing to diagnose: {fitted.errors[name]}')
    model = fitted.models[i] if isinstance(fitted, LocalFitted) else None
    season = fitted.forecaster.season_of(history)
    rows = slice(int(history.offsets[i]), int(history.offsets[i + 1]))
    errors = (fitted.innovations if isinstance(fitted, LocalFitted) else fitted.residuals)[rows].copy()
    deviations = _deviations(fitted, i)
    unit = _unit(deviations)
    if deviations is not None:
        errors = errors * (unit / deviations)
    parameters, start = _orders(model)
    errors[np.flatnonzero(~np.isnan(history.y(i)))[:start]] = np.nan  # of a start that differencing leaves without a past
    checks = residual_checks(errors, season, fitted_parameters=parameters)
    known = errors[~np.isnan(errors)]
    if len(known) >= FEWEST and known.min() < known.max():
        if season > 1 and history.frequency is not None:  # without a grid rows have no place in a season
            checks.append(_no_season(errors, season))
        checks += [_no_clusters(errors), _random_signs(known), _no_outliers(errors, history.stamps(i))]
        bounds = _bounds(fitted, i, unit)
        if bounds is not None:
            checks.append(_coverage(bounds, known))
    notes = tuple(model.notes()) if model is not None else fitted.notes
    return Diagnosis(fitted.forecaster.name, name, tuple(checks), notes, errors, history.stamps(i))


def _deviations(fitted: Fitted, i: int) -> Floats | None:
    """(rows,) of each forecast one step ahead, as the model counts errors and knows them beforehand; None where one step is like another.

    After a gap a forecast is of more steps than one, and at uneven times each is of another length: what is left of an error then
    is its size in units of what was to be expected.
    """
    from inorder.forecast.irregular import ContinuousFitted

    if isinstance(fitted, ContinuousFitted):
        return fitted.deviations(i)
    model = fitted.models[i] if isinstance(fitted, LocalFitted) else None
    y = fitted.history.y(i)
    present = np.flatnonzero(~np.isnan(y))
    if model is None or model.interval_kind != "analytic" or len(present) == 0 or len(y) - present[0] == len(present):
        return None
    assert isinstance(fitted.forecaster, LocalForecaster)
    within, found, state = effects(model, fitted.forecaster.regressors(fitted.history)[i]), np.full(len(y), np.nan), model.init()
    for t in range(int(present[0]), len(y)):
        offsets = _offsets(model, state, LEVELS[:1]) if t > present[0] and not math.isnan(y[t]) else None
        if offsets is not None:
            found[t] = (offsets[1] - offsets[0]) / 2
        _, state = model.step(float(y[t] - within[t]), state)
    known = found[np.isfinite(found) & (found > 0)]
    if len(known) == 0:
        return None
    return np.where(np.isfinite(found) & (found > 0), found, float(np.median(known)))


def _unit(deviations: Floats | None) -> float:
    """The usual one, to which errors are brought; NaN where one step is like another."""
    return math.nan if deviations is None else float(np.nanmedian(deviations))


def _bounds(fitted: Fitted, i: int, unit: float) -> Floats | None:
    """(2 · levels,) of the errors one step ahead, lower and upper in turn; None where the model has no formula for them."""
    from inorder.forecast.irregular import ContinuousFitted

    if isinstance(fitted, ContinuousFitted):
        return normal_quantiles(np.zeros(1), np.full(1, unit), tail_probabilities(LEVELS))[:, 0]
    if not isinstance(fitted, LocalFitted):
        return None
    model = fitted.models[i]
    if model is None:
        return None
    offsets = _offsets(model, fitted.stream(i).state, LEVELS)
    return offsets if offsets is None or math.isnan(unit) else offsets * (2 * unit / (offsets[1] - offsets[0]))


def _offsets(model: Model, state: Any, levels: Sequence[float]) -> Floats | None:
    """(2 · levels,) bounds of the next error; None where they are not known."""
    quantiles = model.quantiles(state, 1, tail_probabilities(levels))
    if quantiles is None or not np.isfinite(quantiles).all():
        return None
    offsets = model.innovations(quantiles[:, 0], np.full(2 * len(levels), float(model.forecast(state, 1)[0])))
    return offsets if np.isfinite(offsets).all() else None


def _orders(model: Model | None) -> tuple[int, int]:
    """p + q + P + Q, and the observations that differencing takes, as the model describes itself; (0, 0) for models without orders."""
    described = {} if model is None else model.describe()
    parameters = start = 0
    for key in ("order", "seasonal_order"):
        order = described.get(key)
        if isinstance(order, int | np.integer):
            parameters += int(order)
        elif isinstance(order, tuple | list) and len(order) >= 3:
            parameters += int(order[0]) + int(order[2])
            length = 1 if key == "order" else int(order[3]) if len(order) > 3 else int(described.get("season_length", 1))
            start += int(order[1]) * length
    return parameters, start


def _no_season(errors: Values, season_length: int) -> Check:
    """One-way analysis of variance of the places of the season."""
    from scipy.special import fdtrc

    place = np.arange(len(errors)) % season_length
    known = ~np.isnan(errors)
    values, place = errors[known] / power_of_two(errors), place[known]
    counts = np.bincount(place, minlength=season_length)
    groups, n = int((counts > 0).sum()), len(values)
    if n < 2 * groups or n - groups < 1 or groups < 2:
        return Check("no season left", math.nan, math.nan, None, f"Not judged: {n} errors are too few for a season of {season_length}.")
    means = np.bincount(place, values, season_length) / np.maximum(counts, 1)
    between = float(counts @ (means - values.mean()) ** 2) / (groups - 1)
    within = float(np.sum((values - means[place]) ** 2)) / (n - groups)
    statistic = between / within if within > 0 else math.inf
    p_value = float(fdtrc(groups - 1, n - groups, statistic)) if within > 0 else 0.0
    passed = p_value >= SIGNIFICANCE
    test = f"F-test of {groups} places, {_p(p_value)}"
    if passed:
        sentence = f"The errors are alike at every place of the season of {season_length} ({test}): no fixed season is left."
    else:
        worst = int(np.argmax(np.where(counts > 0, np.abs(means), -1.0)))
        size = means[worst] * power_of_two(errors)
        sentence = (
            f"The errors differ over the season of {season_length} ({test}), most at place {worst + 1} from the first row ({size:.3g} on average): "
            "try a seasonal model, or let its season change faster."
        )
    return Check("no season left", statistic, p_value, passed, sentence)


def _no_clusters(errors: Values) -> Check:
    known = int((~np.isnan(errors)).sum())
    lags = max(1, min(12, known // 10))
    seen = np.flatnonzero(~np.isnan(errors))
    values = errors[seen[0] : seen[-1] + 1]
    complete = len(np.flatnonzero(~np.isnan(np.lib.stride_tricks.sliding_window_view(values, lags + 1)).any(axis=1))) if len(values) > lags else 0
    if complete < 2 * lags + 2:
        return Check("no clusters", math.nan, math.nan, None, f"Not judged: with its gaps the series has too few errors in a row, {complete}.")
    statistic, p_value = arch_lm(values, lags)
    passed = p_value >= SIGNIFICANCE
    test = f"ARCH-LM over {lags} lag{'s' if lags > 1 else ''}, {_p(p_value)}"
    if passed:
        sentence = f"Large errors do not follow large ones ({test}): the width of the intervals may stay as it is."
    else:
        sentence = f"Large errors come in clusters ({test}): intervals are too narrow in restless times. Try logarithms, or adaptive conformal intervals."
    return Check("no clusters", statistic, p_value, passed, sentence)


def _random_signs(known: Values) -> Check:
    statistic, p_value = runs_test(known)
    passed = p_value >= SIGNIFICANCE
    test = f"runs test, {_p(p_value)}"
    if passed:
        sentence = f"The errors change sides as often as chance has it ({test})."
    elif statistic < 0:
        sentence = (
            f"The errors stay on one side of their median for too long ({test}): the level or the trend moves too slowly. Try a model that adapts faster."
        )
    else:
        sentence = f"The errors change sides too often ({test}): the model overreacts. Try smaller smoothing parameters, or one difference less."
    return Check("random signs", statistic, p_value, passed, sentence)


def _no_outliers(errors: Values, stamps: Any) -> Check:
    known = np.flatnonzero(~np.isnan(errors))
    unit = power_of_two(errors)
    values = errors[known] / unit
    centre = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - centre)))
    if spread == 0:
        return Check("no outliers", math.nan, math.nan, None, "Not judged: half of the errors or more are equal.")
    sizes = np.abs(values - centre) / spread
    statistic = float(sizes.max())
    p_value = min(1.0, len(values) * math.erfc(statistic / math.sqrt(2)))
    passed = p_value >= SIGNIFICANCE
    when = stamps[known[int(np.argmax(sizes))]]
    when = np.datetime_as_string(when, unit="auto") if isinstance(when, np.datetime64) else f"{when}"
    test = f"{statistic:.1f} robust standard deviations at {when}"
    if passed:
        sentence = f"The largest error, {test}, is no more than chance brings among {len(values)}."
    else:
        count = int(np.sum(len(values) * np.array([math.erfc(size / math.sqrt(2)) for size in sizes.tolist()]) < SIGNIFICANCE))
        which = "One error is an outlier" if count == 1 else f"{count} errors are outliers, the largest"
        sentence = f"{which}, {test}: look what happened there, set the value to missing, or describe the event by a covariate."
    return Check("no outliers", statistic, p_value, passed, sentence)


def _coverage(offsets: Floats, known: Floats) -> Check:
    """How many errors lie inside the intervals of one step.   offsets: (2 · levels,) lower and upper of each level in turn, about the forecast."""
    shares = [float(np.mean((known >= offsets[2 * k]) & (known <= offsets[2 * k + 1]))) for k in range(len(LEVELS))]
    scores = [(share - level) / math.sqrt(level * (1 - level) / len(known)) for share, level in zip(shares, LEVELS, strict=True)]
    worst = max(scores, key=abs)
    p_value = min(1.0, len(LEVELS) * math.erfc(abs(worst) / math.sqrt(2)))
    passed = p_value >= SIGNIFICANCE
    found = " and ".join(f"{100 * share:.0f} % instead of {100 * level:.0f} %" for share, level in zip(shares, LEVELS, strict=True))
    if passed:
        sentence = f"The intervals one step ahead would have held {found} of the history: as they promise ({_p(p_value)})."
    else:
        what = "narrow" if worst < 0 else "wide"
        sentence = f'The intervals one step ahead would have held {found} of the history ({_p(p_value)}): they are too {what}. Try intervals="conformal".'
    return Check("coverage", shares[0], p_value, passed, sentence)


def _p(p_value: float) -> str:
    return f"p = {p_value:.2g}" if p_value >= 0.001 else "p < 0.001"
