"""Every error that inorder raises on purpose.

    InorderError                    the tree's root
    ├── InputError                  what was given is wrong: the command line exits with 2
    │   ├── SeriesError             a series or its file cannot be read or used as it is
    │   ├── ShapeError              an array's axes do not fit
    │   ├── ConfigError             an option, a name or a setting is unknown or out of range
    │   └── BundleError             a saved model is damaged, foreign or hostile
    ├── MissingExtra                an optional package is not installed
    ├── ForecastError               this model cannot be fitted to this series
    └── TrainingError               training stopped: the loss is not a number, …
    BudgetError (ForecastError)     the time that was allowed is used up
    AheadError (InputError, ForecastError)  a model needs covariates of steps to come, and too few were given

A message is one plain sentence, or two: what was expected, what came, where, what to do.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class InorderError(Exception):
    """Root of all errors raised on purpose."""


class InputError(InorderError, ValueError):
    """What the caller gave is wrong; nothing was written."""


class SeriesError(InputError):
    """A series, or the file that holds it, cannot be read or used as it is."""


class ShapeError(InputError):
    """The axes of an array do not fit."""


class ConfigError(InputError):
    """An option, a name or a setting is unknown or out of range."""


class BundleError(InputError):
    """A saved model is damaged, foreign or hostile."""


class MissingExtra(InorderError, ImportError):
    """An optional package is needed and is not installed."""


class ForecastError(InorderError):
    """This model cannot be fitted to this series."""


class BudgetError(ForecastError):
    """The time that was allowed is used up."""


class AheadError(InputError, ForecastError):
    """A forecast needs the covariates of steps to come, and too few were given."""


class TrainingError(InorderError):
    """Training stopped for a reason that the message gives."""


def unknown(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that is not in a list, with the nearest one that is.

    >>> print(unknown("model", "lstmm", ["gru", "lstm", "naive"]))
    Model "lstmm" is unknown. Did you mean "lstm"? Known: gru, lstm, naive.
    >>> print(unknown("model", "AutoETS", ["auto-ets", "ets"]))  # written as a class is
    Model "AutoETS" is unknown. Did you mean "auto-ets"? Known: auto-ets, ets.
    """
    known = sorted(known)
    plain = {re.sub(r"[^a-z0-9]", "", one.lower()): one for one in known}
    near = [plain[one] for one in difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", name.lower()), plain, n=1)]
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return ConfigError(f'{kind[0].upper()}{kind[1:]} "{name}" is unknown.{hint} Known: {", ".join(known)}.')
