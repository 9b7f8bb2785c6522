"""What was fitted, in plain text: model and equation, data, parameters, errors.

The sentence and the equation are those of the class's own docstring, so that they are written once. A panel shows the
spread of every parameter over its series instead of the parameters of each.
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from inorder.forecast.base import Fitted, Forecaster
from inorder.forecast.intervals import deviation

LONGEST_LIST = 12  # numbers of an array that are written out
QUANTILES = {"least": 0.0, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "most": 1.0}


def summarise(fitted: Fitted) -> str:
    """A fitted model in a few lines.

    >>> from inorder.data.series import Series
    >>> from inorder.forecast.baselines import Drift
    >>> print(summarise(Drift().fit(Series.of([1.0, 4.0, 3.0, 7.0]))))
    drift: The straight line from the first value through the last.
        ŷ[t+h] = y[t] + h·b,   b = (y[t] − y[1]) / (t − 1)
    data                4 steps, 1 to 4, column "y"
    sigma               2.646
    degrees             2
    slope               2
    residuals           standard deviation 4.95 over 2 one-step errors
    """
    sentence, equation = in_words(fitted.forecaster)
    lines = [f"{fitted.forecaster.name}: {sentence}", *(f"    {line}" for line in equation), _row("data", fitted.history.describe())]
    described = [fitted.describe(i) for i in range(len(fitted.history) if fitted.history.panel else 1)]
    said = {name for one in described for name in one}
    lines += [_row(name, _text(value)) for name, value in changed_settings(fitted.forecaster).items() if name not in said]
    lines += list(_panel_parameters(fitted, described) if fitted.history.panel else _parameters(described[0], _standard_errors(fitted)))
    lines.append(_row("residuals", _residuals(fitted)))
    lines += [_row("note", note) for note in _few(fitted.notes)]
    lines += [_row("not fitted", sentence) for sentence in _few([f"{name}: {reason}" for name, reason in fitted.errors.items()])]
    return "\n".join(lines)


def in_words(forecaster: Forecaster) -> tuple[str, list[str]]:
    """The first sentence of a forecaster's docstring, and the lines of the equation that follows it (indented there); empty where there is none.

    >>> from inorder.forecast.baselines import Naive
    >>> in_words(Naive())
    ('The last value, repeated.', ['ŷ[t+h] = y[t]'])
    """
    lines = (inspect.getdoc(type(forecaster)) or "").splitlines()
    equation: list[str] = []
    for line in lines[1:]:
        if line.startswith("    "):
            equation.append(line.strip())
        elif line and not equation:
            break
        elif equation:
            break
    return lines[0] if lines else "", equation


def changed_settings(forecaster: Forecaster) -> dict[str, Any]:
    """The settings that differ from those of a forecaster made without any."""
    usual = type(forecaster)().settings
    return {name: value for name, value in forecaster.settings.items() if value != usual[name]}


def _standard_errors(fitted: Fitted) -> dict[str, float]:
    """Those of one series by the names that `describe` gives its parameters; {} where none are known."""
    errors: dict[str, float] = dict(getattr(fitted, "standard_errors", {}))
    names = {f"x{i + 1}": name for i, name in enumerate(sorted(fitted.history.future))}
    return {names.get(name, name): error for name, error in errors.items() if math.isfinite(error)}


def _parameters(described: Mapping[str, Any], errors: Mapping[str, float]) -> Iterable[str]:
    for name, value in described.items():
        if isinstance(value, Mapping) and value and all(isinstance(column, Sequence) for column in value.values()):
            yield name
            yield from _table(value)
        elif errors.get(name, 0) > 0:
            yield _row(name, f"{_text(value):<12}standard error {_text(errors[name])}, z {value / errors[name]:.2f}")
        else:
            yield _row(name, _text(value))


def _table(columns: Mapping[str, Sequence[Any]], first: int = 12) -> Iterable[str]:
    """Columns of equal length, of which at most two dozen rows are shown.   first: width of the first one."""
    length = len(next(iter(columns.values())))
    widths = [first, *[12] * (len(columns) - 1)]
    yield "    " + "".join(f"{_short(name, width):>{width}}" for name, width in zip(columns, widths, strict=True))
    for i in range(min(length, 2 * LONGEST_LIST)):
        yield "    " + "".join(f"{_short(_text(column[i]), width):>{width}}" for column, width in zip(columns.values(), widths, strict=True))
    if length > 2 * LONGEST_LIST:
        yield f"    … {length} rows in all"


def _panel_parameters(fitted: Fitted, described: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    described = [one for one in described if one]
    yield _row("fitted", f"{len(described):,} of {len(fitted.history):,} series")
    spread = []
    for name in dict.fromkeys(name for one in described for name in one):
        values = [one[name] for one in described if name in one]
        if all(isinstance(value, bool | str) for value in values):
            counts = Counter(values).most_common(LONGEST_LIST)
            yield _row(name, ", ".join(_text(value) if len(counts) == 1 else f"{_text(value)} in {count:,} series" for value, count in counts))
        elif all(isinstance(value, int | float | np.integer | np.floating) for value in values):
            finite = [value for value in values if math.isfinite(value)]
            if finite and len(finite) == len(described) and len(set(finite)) == 1:
                yield _row(name, _text(finite[0]))
            elif finite:
                spread.append(_row(name, "".join(f"{_text(float(np.quantile(finite, p))):>12}" for p in QUANTILES.values())))
    if spread:
        yield " " * 20 + "".join(f"{name:>12}" for name in QUANTILES)
        yield from spread


def _residuals(fitted: Fitted) -> str:
    residuals = fitted.residuals
    known = residuals[np.isfinite(residuals)]
    if len(known) < 2:
        return "too few one-step errors to judge by"
    if not fitted.history.panel:
        largest = float(np.abs(known).max()) or 1.0
        scaled = known / largest
        return f"standard deviation {_text(deviation(scaled - scaled.mean(), len(known) - 1) * largest)} over {len(known):,} one-step errors"
    offsets = fitted.history.offsets
    pieces = [residuals[a:b] for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
    sizes = [deviation(piece[np.isfinite(piece)], int(np.isfinite(piece).sum())) for piece in pieces]
    median = float(np.median([size for size in sizes if math.isfinite(size)]))
    return f"root mean square {_text(median)} in the median series, {len(known):,} one-step errors in all"


def _short(text: str, width: int) -> str:
    """As much of a name as leaves a space before it."""
    return text if len(text) < width else f"{text[: width - 2]}…"


def _few(sentences: Sequence[str]) -> list[str]:
    """The first few sentences, and how many more there are."""
    return [*sentences[:5], *([f"… and {len(sentences) - 5:,} more"] if len(sentences) > 5 else [])]


def _row(name: str, text: str) -> str:
    return f"{name:<20}{text}"


def _text(value: Any) -> str:
    """A number with four significant digits, a list of them, yes or no.

    >>> _text(1234.5678), _text(0.000123456), _text(True), _text(np.array([1.0, 0.25])), _text(None), _text(((1,), (2, 4)))
    ('1235', '0.0001235', 'yes', '1  0.25', 'none', '1;  2  4')
    """
    if value is None:
        return "none"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return str(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return "unknown" if math.isnan(number) else f"{number:.0f}" if 1000 <= abs(number) < 1e15 else f"{number:.4g}"
    if isinstance(value, list | tuple) and any(isinstance(item, list | tuple) for item in value):
        return ";  ".join(_text(item) for item in value)
    if isinstance(value, np.ndarray | list | tuple):
        flat = np.asarray(value).reshape(-1).tolist()
        more = f"  … ({len(flat)})" if len(flat) > LONGEST_LIST else ""
        return "  ".join(_text(item) for item in flat[:LONGEST_LIST]) + more
    return str(value)


def summarise_system(
    fitted: Fitted, coefficients: Sequence[Mapping[str, float]], standard_errors: Sequence[Mapping[str, float]], covariance: np.ndarray[Any, Any]
) -> str:
    """A system of equations: what `summarise` says of a panel, then each equation with its standard errors, and the correlations of the errors."""
    ids, described = fitted.history.ids, fitted.describe(0)
    sentence, equation = in_words(fitted.forecaster)
    lines = [f"{fitted.forecaster.name}: {sentence}", *(f"    {line}" for line in equation), _row("data", fitted.history.describe())]
    changed = changed_settings(fitted.forecaster)
    lines += [_row(name, _text(value)) for name, value in changed.items() if name not in described]
    lines += _parameters({name: described[name] for name in ("order", "largest root", "stable", "criteria")}, {})
    wide = min(max(len(name) for name in coefficients[0]) + 2, 44)
    for name, values, errors in zip(ids, coefficients, standard_errors, strict=True):
        lines.append(f"{name}[t]")
        lines += _table({"": list(values), "coefficient": list(values.values()), "std. error": list(errors.values())}, wide)
    deviations = np.sqrt(np.diag(covariance))
    lines.append(_row("errors", "standard deviation, and correlation with the others"))
    safe = np.where(deviations > 0, deviations, 1.0)
    correlation = covariance / safe[:, None] / safe
    lines += _table({"": list(ids), "sigma": deviations.tolist(), **{name: correlation[:, k].tolist() for k, name in enumerate(ids[:8])}}, wide)
    lines.append(_row("residuals", _residuals(fitted)))
    lines += [_row("note", note) for note in _few(fitted.notes)]
    return "\n".join(lines)
