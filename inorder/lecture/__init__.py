"""The lecture's 24 worked examples, recomputed with the library itself: printed, recomputed, verdict, and why.

    inorder lecture             all of them
    inorder lecture ctc         the steps of one, by topic or number

Examples 1 to 9 are in `series`, layers and gradients in `neural`, decoding and CTC in `decoding`; `example` decides what agrees with what is printed.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from inorder.errors import ConfigError, unknown
from inorder.lecture.example import Example, Quantity

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["TOPICS", "Example", "Quantity", "examples", "find", "related", "render_steps", "render_table", "show", "to_json"]

# topic -> the function that works the example, in the lecture's order: the first is number 1
TOPICS = {
    "windows": "series:windowing",
    "lags": "series:lagging",
    "rolling": "series:rolling_mean",
    "differencing": "series:differencing",
    "fourier": "series:fourier",
    "moving-average": "series:moving_average",
    "centred-average": "series:centred_average",
    "regression-trend": "series:regression_trend",
    "ols-trend": "series:ols_trend",
    "convolution": "neural:convolution",
    "rnn": "neural:rnn",
    "lstm": "neural:lstm",
    "lstm-cell": "neural:cell_update",
    "gru": "neural:gru_size",
    "encoder": "neural:encoder",
    "decoder": "neural:decoder",
    "teacher-forcing": "decoding:teacher_forcing",
    "beam-search": "decoding:beam",
    "beam-translation": "decoding:beam_translation",
    "ctc": "decoding:ctc",
    "ctc-double-letter": "decoding:ctc_double_letter",
    "ctc-paths": "decoding:ctc_paths",
    "vanishing-gradient": "neural:vanishing_gradient",
    "embedding": "neural:embedding",
}


def examples() -> list[Example]:
    """All worked examples, in the lecture's order.

    >>> [example.number for example in examples()] == list(range(1, 25))
    True
    """
    return [_work(topic) for topic in TOPICS]


def find(topic: str) -> Example:
    """The example with this number or topic. The beginning of one of a topic's words will do; the first that fits is meant.

    Raises ConfigError, with the nearest topic, where there is none.

    >>> find("20").topic, find("ctc").number, find("grad").number, find("Beam search").number
    ('ctc', 20, 23, 18)
    """
    wanted = "-".join(topic.lower().replace("_", " ").replace("-", " ").split())
    if wanted.isdecimal():
        if not 1 <= int(wanted) <= len(TOPICS):
            raise ConfigError(f"The lecture's examples have the numbers 1 to {len(TOPICS)}; {int(wanted)} is none of them.")
        return _work(list(TOPICS)[int(wanted) - 1])
    if wanted in TOPICS:
        return _work(wanted)
    fits = [known for known in TOPICS if len(wanted) >= 3 and f"-{wanted}" in f"-{known}"]
    if not fits:
        raise unknown("topic", topic, TOPICS)
    return _work(fits[0])


def related(topic: str) -> list[str]:
    """Topics that share a word with this one.

    >>> related("ctc")
    ['ctc-double-letter', 'ctc-paths']
    """
    words = set(topic.split("-"))
    return [other for other in TOPICS if other != topic and words & set(other.split("-"))]


def to_json(topic: str | None = None) -> dict[str, Any]:
    """One example as plain JSON values, or all of them under "examples".

    >>> to_json("22")["verdict"], len(to_json()["examples"])
    ('same', 24)
    """
    return {"examples": [example.to_json() for example in examples()]} if topic is None else find(topic).to_json()


def render_table(worked: list[Example], console: Console) -> None:
    """Print the examples as one table, laid out for the width of the console.

    >>> from rich.console import Console
    >>> render_table([find("differencing")], Console(width=80))  # doctest: +NORMALIZE_WHITESPACE, +ELLIPSIS
    # example      printed     recomputed verdict
    ───...
    4 differencing 30 15 25    30 15 25   same
    <BLANKLINE>
    1 example: same 1. ...
    """
    from inorder.lecture.rendering import print_table

    print_table(worked, console)


def render_steps(example: Example, console: Console) -> None:
    """Print one example: its data, the way to the result, and why the lecture is right or wrong.

    >>> from rich.console import Console
    >>> render_steps(find("ctc-paths"), Console(width=80))  # doctest: +ELLIPSIS
    22  CTC alignments of "CAT"   (ctc-paths)
    ...
    """
    from inorder.lecture.rendering import print_steps

    print_steps(example, related(example.topic), console)


def show(topic: str | None = None, as_json: bool = False) -> int:
    """Print all examples, or the steps of one, as people or machines read them. Returns 0, the exit code.

    topic: as `find` takes it; None is all of them.   as_json: one JSON object.   Raises ConfigError for an unknown topic.

    >>> show("22", as_json=True)  # doctest: +ELLIPSIS
    {"number": 22, "topic": "ctc-paths", ...}
    0
    """
    if as_json:
        print(json.dumps(to_json(topic), ensure_ascii=False, allow_nan=False))
        return 0
    from rich.console import Console

    console = Console(highlight=False)
    if topic is None:
        render_table(examples(), console)
    else:
        render_steps(find(topic), console)
    return 0


def _work(topic: str) -> Example:
    module, function = TOPICS[topic].split(":")
    example: Example = getattr(import_module(f"inorder.lecture.{module}"), function)()
    return example
