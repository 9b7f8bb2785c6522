"""The list of benchmarks: a name, and the function that makes its cases (`benchmarks/case.py` says what a case is)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from benchmarks.case import Case
from inorder.errors import unknown

BENCHMARKS = {
    "help": "benchmarks.start:start",
    "compare_classical": "benchmarks.compare:classical",
    "compare_lstm": "benchmarks.compare:with_lstm",
    "read_panel": "benchmarks.reading:read_panel",
    "smoothing_kernel": "benchmarks.smoothing:kernel",
    "smoothing_fit": "benchmarks.smoothing:fit",
    "naive2_m4": "benchmarks.naive2:m4",
    "streaming": "benchmarks.streaming:streaming",
    "baselines_panel": "benchmarks.panel:baselines",
    "kalman_smoother": "benchmarks.kalman:smoother",
    "structural_fit": "benchmarks.kalman:structural",
    "irregular": "benchmarks.irregular:irregular",
    "var": "benchmarks.var:var",
    "ar_exact": "benchmarks.var:ar",
    "decomposition": "benchmarks.decomposition:decomposition",
    "differences": "benchmarks.decomposition:differences",
    "detection": "benchmarks.detection:detection",
    "arima_evaluation": "benchmarks.arima:evaluation",
    "arima_likelihood": "benchmarks.arima:likelihood",
    "auto_arima": "benchmarks.arima:auto",
    "arima_long_seasons": "benchmarks.arima:long_seasons",
    "auto_ets": "benchmarks.ets:auto",
    "ets_fit": "benchmarks.ets:fit",
    "theta_fit": "benchmarks.theta:theta",
    "ces_fit": "benchmarks.theta:ces",
    "accuracy_m3_odd": "benchmarks.accuracy:m3_odd",
    "accuracy_m4_weekly": "benchmarks.accuracy:m4_weekly",
    "accuracy_m4_hourly": "benchmarks.accuracy:m4_hourly",
    "auto_panel": "benchmarks.auto_panel:auto_panel",
    "accuracy_etth1": "benchmarks.neural_accuracy:etth1_case",
    "accuracy_m4_hourly_global": "benchmarks.neural_accuracy:m4_hourly",
    "tcn_step": "benchmarks.layers:tcn",
    "attention": "benchmarks.layers:attention",
    "gru": "benchmarks.recurrent:gru",
    "lstm": "benchmarks.recurrent:lstm",
    "rnn": "benchmarks.recurrent:rnn",
    "lstm_layer_norm": "benchmarks.recurrent:layer_norm",
    "ragged": "benchmarks.recurrent:ragged",
    "recurrent_step": "benchmarks.recurrent:streaming",
    "lstm_trace": "benchmarks.recurrent:traces",
    "training": "benchmarks.training:training",
    "min_gru": "benchmarks.minimal:min_gru",
    "crf": "benchmarks.minimal:crf",
    "adding_problem": "benchmarks.memory_tasks:adding",
    "copy_task": "benchmarks.memory_tasks:copy",
    "classification": "benchmarks.classification:classification",
}
THREADS = {
    "gru": 2,
    "lstm": 2,
    "rnn": 2,
    "lstm_layer_norm": 2,
    "ragged": 2,
    "lstm_trace": 2,
    "compare_classical": 2,
    "compare_lstm": 2,
    "read_panel": 2,
    "auto_panel": 2,
}  # 1 where nothing is said


def benchmark(name: str) -> Callable[[bool], list[Case]]:
    """The function of that name: it takes `quick` and returns cases.   Raises ConfigError with the nearest name otherwise."""
    if name not in BENCHMARKS:
        raise unknown("benchmark", name, BENCHMARKS)
    module, function = BENCHMARKS[name].split(":")
    found: Callable[[bool], list[Case]] = getattr(import_module(module), function)
    return found


def about(name: str) -> str:
    """The first line of the benchmark's docstring."""
    return (benchmark(name).__doc__ or "").strip().splitlines()[0]
