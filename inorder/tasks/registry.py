"""The tasks: what belongs together behind the verbs, so that `compare`, `fit`, `predict` and `evaluate` mean something for each.

A part is written "module:name" below `inorder` and loaded when it is used, so that listing the tasks costs nothing. A new task is
one record here, one short file in `tasks/`, and the functions that its record names.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from inorder.errors import ConfigError, unknown


@dataclass(frozen=True)
class Task:
    """A task as a record of functions.

    sentence: what it is for.
    candidates: name -> what can be fitted, each with `sentence`, `equation`, `source` and `make(**settings)`.
    compare(data, **options), fit(data, model, **options), evaluate(model, data, **options): the verbs in Python.
    restore(bundle): the fitted model that a bundle holds.
    reading: the keywords that say how to read data, which every verb takes as well.
    commands: the module with `compare`, `fit`, `predict` and `evaluate` of the command line; their parameters are the flags that have a meaning.
    """

    sentence: str
    candidates: str
    compare: str
    fit: str
    evaluate: str
    restore: str
    commands: str
    reading: str

    def part(self, name: str) -> Any:
        """The thing behind one of the fields."""
        module, _, attribute = str(getattr(self, name)).partition(":")
        found = import_module(f"inorder.{module}")
        return getattr(found, attribute) if attribute else found


TASKS = {
    "forecast": Task(
        sentence="What comes next in one series or many.",
        candidates="tasks.forecast:CANDIDATES",
        compare="comparison:compare_forecast",
        fit="verbs:fit_forecast",
        evaluate="verbs:evaluate_forecast",
        restore="tasks.forecast:restore",
        commands="commands.forecast",
        reading="data.options:KEYWORDS",
    ),
    "detect": Task(
        sentence="Which rows of a series nobody would have expected.",
        candidates="tasks.detect:CANDIDATES",
        compare="detection:compare_detect",
        fit="detection:fit_detect",
        evaluate="detection:evaluate_detect",
        restore="tasks.detect:restore",
        commands="commands.detect",
        reading="data.options:KEYWORDS",
    ),
    "classify": Task(
        sentence="What each of many sequences is: a class, or a number.",
        candidates="tasks.classify:CANDIDATES",
        compare="classification:compare_classify",
        fit="classification:fit_classify",
        evaluate="classification:evaluate_classify",
        restore="tasks.classify:restore",
        commands="commands.classify",
        reading="data.labelled_reading:OPTIONS",
    ),
}


def verb(name: str, called: str, given: Iterable[str]) -> Any:
    """The function behind a verb of a task.   given: keywords for it.   Raises ConfigError, with the nearest known one, for one that it does not take."""
    found = task(name).part(called)
    own = [one.name for one in inspect.signature(found).parameters.values() if one.kind is one.KEYWORD_ONLY]
    known = [*own, *task(name).part("reading")]
    for keyword in given:
        if keyword not in known:
            near = difflib.get_close_matches(keyword, known, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            settings = f" Settings of a model go into settings={{{keyword!r}: …}}." if "settings" in own else ""
            raise ConfigError(f'{called}("{name}", …) takes no keyword `{keyword}`.{hint}{settings} Known: {", ".join(sorted(known))}.')
    return found


def task(name: str) -> Task:
    """The task of that name; ConfigError with the nearest name otherwise.

    >>> task("forecast").sentence
    'What comes next in one series or many.'
    """
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]
