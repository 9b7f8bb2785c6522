"""The lecture's 24 worked examples: what it prints, what is right by a computation of our own here, and the verdicts.

Nothing in this file calls the lecture's code to get a number that is then expected of it: the right-hand numbers come from plain Python,
`numpy.polyfit`, `numpy.fft`, enumeration, or torch. The printed numbers are those of the course, as listed in the requirements.
"""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO

import numpy as np
import pytest
import torch
from rich.cells import cell_len
from rich.console import Console

from inorder.errors import ConfigError
from inorder.lecture import TOPICS, Example, Quantity, examples, find, related, render_steps, render_table, show, to_json
from inorder.lecture.example import agrees

Row = tuple[str, str | None, tuple[float | str, ...] | None, str]  # name, printed, right, verdict

VERDICTS = {
    "windows": "same",
    "lags": "same",
    "rolling": "same",
    "differencing": "same",
    "fourier": "not obtainable",
    "moving-average": "same",
    "centred-average": "same",
    "regression-trend": "differs",
    "ols-trend": "differs",
    "convolution": "differs",
    "rnn": "differs",
    "lstm": "differs",
    "lstm-cell": "same",
    "gru": "differs",
    "encoder": "differs",
    "decoder": "differs",
    "teacher-forcing": "illustration",
    "beam-search": "same",
    "beam-translation": "illustration",
    "ctc": "differs",
    "ctc-double-letter": "differs",
    "ctc-paths": "same",
    "vanishing-gradient": "differs",
    "embedding": "illustration",
}


def by_hand_series() -> dict[str, list[Row]]:
    ecg = np.abs(np.fft.rfft(np.array([0.1, 0.8, 0.2]) - np.mean([0.1, 0.8, 0.2])))
    frequencies = np.fft.rfftfreq(3, d=0.010)
    assert len(ecg) == len(frequencies) == 2 and frequencies[1] > 75 / 60
    t = np.arange(1, 7)
    slope, intercept = np.polyfit(t, [100, 110, 105, 115, 120, 125], 1)
    slope_9, intercept_9 = np.polyfit(t[:5], [10, 12, 15, 17, 20], 1)
    return {
        "windows": [
            ("window 1", "100 102 101 → 105", (100, 102, 101, "→", 105), "same"),
            ("window 2", "102 101 105 → 107", (102, 101, 105, "→", 107), "same"),
        ],
        "lags": [("t = 3", "220 180", (220, 180), "same"), ("t = 4", "200 220", (200, 220), "same")],
        "rolling": [("mean", "23.0 24.0 24.7", (69 / 3, 72 / 3, 74 / 3), "same")],
        "differencing": [("y[t] - y[t-1]", "30 15 25", (130 - 100, 145 - 130, 170 - 145), "same")],
        "fourier": [
            ("strongest, Hz", "1.25", None, "not obtainable"),
            ("lowest, Hz", None, (float(frequencies[1]),), "illustration"),
            ("beat, ms", None, (60_000 / 75,), "illustration"),
            ("record, ms", None, (3 * 10,), "illustration"),
        ],
        "moving-average": [
            ("means", "12.33 13.67 15.67", (37 / 3, 41 / 3, 47 / 3), "same"),
            ("ŷ₆", "15.67", (47 / 3,), "same"),
            ("ŷ₇ after y₆", "17.33", (52 / 3,), "same"),
        ],
        "centred-average": [
            ("trend", "105 110 113.3 120", (315 / 3, 330 / 3, 340 / 3, 360 / 3), "same"),
            ("mean change", "5.0", ((120 - 105) / 3,), "same"),
            ("ŷ₇", "130", (120 + 2 * 5,), "same"),
            ("ŷ₈", "135", (120 + 3 * 5,), "same"),
        ],
        "regression-trend": [
            ("slope", "5.14", (float(slope),), "differs"),
            ("intercept", "94.86", (float(intercept),), "differs"),
            ("ŷ₇ ŷ₈", "130.84 135.98", tuple(float(intercept + slope * k) for k in (7, 8)), "differs"),
            ("ŷ₉ ŷ₁₀", "141.12 146.26", tuple(float(intercept + slope * k) for k in (9, 10)), "differs"),
        ],
        "ols-trend": [
            ("slope", "2.5", (float(slope_9),), "same"),
            ("intercept", "7.5", (float(intercept_9),), "differs"),
            ("ŷ₆ ŷ₇ ŷ₈", "22.5 25.0 27.5", tuple(float(intercept_9 + slope_9 * k) for k in (6, 7, 8)), "differs"),
        ],
    }


def product(matrix: list[list[float]], vector: list[float]) -> list[float]:
    return [sum(a * b for a, b in zip(line, vector, strict=True)) for line in matrix]


def squash(*vectors: list[float]) -> list[float]:
    return [math.tanh(sum(parts)) for parts in zip(*vectors, strict=True)]


def by_hand_lstm() -> list[tuple[list[float], list[float]]]:
    """(h, c) after each of the five steps, by an LSTM cell of torch."""
    cell = torch.nn.LSTMCell(3, 2, dtype=torch.float64)
    w = {
        "i": [[0.4, 0.1, 0.3], [0.2, 0.3, 0.1]],
        "f": [[0.3, 0.2, 0.1], [0.1, 0.4, 0.2]],
        "g": [[0.2, 0.3, 0.2], [0.3, 0.1, 0.4]],
        "o": [[0.1, 0.2, 0.4], [0.3, 0.2, 0.1]],
    }
    u = {"i": [[0.3, 0.2], [0.2, 0.2]], "f": [[0.2, 0.1], [0.1, 0.3]], "g": [[0.1, 0.2], [0.2, 0.1]], "o": [[0.2, 0.3], [0.1, 0.2]]}
    with torch.no_grad():
        for parameter, gates in ((cell.weight_ih, w), (cell.weight_hh, u)):
            parameter.copy_(torch.tensor([line for gate in "ifgo" for line in gates[gate]], dtype=torch.float64))
        cell.bias_ih.copy_(torch.tensor([0, 0, 0.5, 0.5, 0, 0, 0, 0]))
        cell.bias_hh.zero_()
        h = c = torch.zeros(2, dtype=torch.float64)
        states = []
        for x in [[0.5, 0.1, -0.2], [0.3, -0.4, 0.6], [-0.1, 0.8, 0.2], [0.7, 0.0, -0.5], [0.2, 0.3, 0.4]]:
            h, c = cell(torch.tensor(x, dtype=torch.float64), (h, c))
            states.append((h.tolist(), c.tolist()))
    return states


def by_hand_gradients() -> dict[str, float]:
    """‖∂h_T/∂x₀‖₂ for the seeds 0 … 6, by torch layers and autograd; the batch holds one copy of x for each unit of h_T. Medians."""
    layers = {
        "RNN": (torch.nn.RNN, 1, None),
        "GRU": (torch.nn.GRU, 3, None),
        "LSTM": (torch.nn.LSTM, 4, None),
        "b_f = 1": (torch.nn.LSTM, 4, 1.0),
        "b_f = 3": (torch.nn.LSTM, 4, 3.0),
    }
    medians = {}
    for name, (kind, gates, forget_bias) in layers.items():
        norms = []
        for seed in range(7):
            generator, bound, rows = np.random.default_rng(seed), 32**-0.5, gates * 32
            drawn = [generator.uniform(-bound, bound, size) for size in ((rows, 8), (rows, 32), (rows,), (rows,))]
            if forget_bias is not None:
                drawn[2][32:64], drawn[3][32:64] = forget_bias, 0.0
            layer = kind(8, 32, dtype=torch.float64)
            with torch.no_grad():
                for parameter, values in zip(layer.parameters(), drawn, strict=True):
                    parameter.copy_(torch.tensor(values))
            x = torch.tensor(generator.normal(size=(60, 8)))[:, None].repeat(1, 32, 1).requires_grad_()
            layer(x)[0][-1].diagonal().sum().backward()
            norms.append(torch.linalg.matrix_norm(x.grad[0], ord=2).item())
        medians[name] = float(np.median(norms))
    return medians


def by_hand_neural() -> dict[str, list[Row]]:
    w_xh, w_hh = [[0.5, 0.3], [0.2, 0.4], [0.1, 0.6]], [[0.7, 0.2], [0.3, 0.8]]
    by_column, hh_by_column = [list(column) for column in zip(*w_xh, strict=True)], [list(column) for column in zip(*w_hh, strict=True)]
    in_0, in_1 = product(by_column, [1, 0.5, 0.8]), product(by_column, [1.2, 0.6, 0.9])
    h1 = squash(in_0)
    lstm = by_hand_lstm()
    w, u = [[0.5, 0.2, 0.3], [0.1, 0.6, 0.4], [0.3, 0.2, 0.7]], [[0.4, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.6]]
    wx1, wx2 = product(w, [0.5, 0.3, 0.8]), product(w, [0.2, 0.7, 0.4])
    encoded = squash(wx1)
    context = squash(wx2, product(u, encoded))
    from_state = product([[0.5, 0.2, 0.3], [0.3, 0.6, 0.2], [0.2, 0.3, 0.7]], context)
    s1 = squash([0.6, 0.2, 0.4], from_state)
    gradients = by_hand_gradients()
    counts = [[sum(p.numel() for p in kind(i, h).parameters()) for kind in (torch.nn.GRU, torch.nn.LSTM)] for i, h in ((1, 1), (10, 20), (64, 128), (300, 512))]
    fewer = {100 * (1 - gru / lstm_) for gru, lstm_ in counts}
    home, search, shop = (0.2, 0.8, 0.1), (0.3, 0.6, 0.4), (0.7, 0.2, 0.5)

    def cosine(a: tuple[float, ...], b: tuple[float, ...]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)

    return {
        "convolution": [
            ("outputs", "101.1 103.1 104.3", (50 + 30.6 + 21, 51 + 31.5 + 20.6, 52.5 + 30.9 + 21.4), "differs"),
            ("confidence", "85 %", None, "not obtainable"),
        ],
        "rnn": [
            ("x₀·W_xh", None, tuple(in_0), "illustration"),
            ("h₁", "0.59 0.71", tuple(h1), "differs"),
            ("x₁·W_xh", None, tuple(in_1), "illustration"),
            ("h₂", "0.87 0.95", tuple(squash(in_1, product(w_hh, h1))), "same"),
            ("h₂ by h₁·W_hh", None, tuple(squash(in_1, product(hh_by_column, h1))), "illustration"),
        ],
        "lstm": [
            ("t = 1  h", "0.024 0.023", tuple(lstm[0][0]), "same"),
            ("t = 2  h", "0.038 0.088", tuple(lstm[1][0]), "same"),
            ("t = 3  h", "0.052 0.076", tuple(lstm[2][0]), "differs"),
            ("t = 3  c", "0.095 0.141", tuple(lstm[2][1]), "differs"),
            ("t = 4  h", "0.040 0.051", tuple(lstm[3][0]), "differs"),
            ("t = 4  c", "0.085 0.095", tuple(lstm[3][1]), "differs"),
            ("t = 5  h", "0.081 0.083", tuple(lstm[4][0]), "differs"),
            ("t = 5  c", "0.149 0.157", tuple(lstm[4][1]), "differs"),
        ],
        "lstm-cell": [("c", "0.56 -0.47 0.55", (0.65 * 0.6 + 0.53 * 0.32, -0.42 * 0.2 - 0.71 * 0.54, 0.78 * 0.3 + 0.48 * 0.67), "same")],
        "gru": [("% fewer, range", "25 30", (min(fewer), max(fewer)), "differs")],
        "encoder": [
            ("W·x₁", "0.55 0.47 0.77", tuple(wx1), "differs"),
            ("h₁", "0.50 0.44 0.65", tuple(encoded), "differs"),
            ("W·x₂", "0.38 0.58 0.48", tuple(wx2), "differs"),
            ("context", "0.69 0.76 0.80", tuple(context), "differs"),
        ],
        "decoder": [("U'·s₀", "0.82 0.84 0.91", tuple(from_state), "differs"), ("s₁", "0.77 0.72 0.80", tuple(s1), "differs")],
        "vanishing-gradient": [
            ("LSTM", "solved", ("not solved",), "differs"),
            ("GRU", "solved", ("not solved",), "differs"),
            *((f"{name} ‖∂h/∂x₀‖", None, (norm,), "illustration") for name, norm in gradients.items()),
        ],
        "embedding": [("cos with Search", None, (cosine(home, search),), "illustration"), ("cos with Product", None, (cosine(home, shop),), "illustration")],
    }


def by_hand_decoding() -> dict[str, list[Row]]:
    chance = {"": (0.5, 0.3, 0.2), "A": (0.4, 0.4, 0.2), "B": (0.6, 0.2, 0.2), "AA": (0.3, 0.5, 0.2), "AB": (0.2, 0.6, 0.2)}

    def log_p(word: str) -> float:
        return math.log(math.prod(chance[word[:i]]["ABC".index(letter)] for i, letter in enumerate(word)))

    second = sorted((first + letter for first in "AB" for letter in "ABC"), key=log_p, reverse=True)[:2]
    third = sorted((kept + letter for kept in sorted(second) for letter in "ABC"), key=log_p, reverse=True)[:2]
    p = [{"A": 0.4, "-": 0.6}, {"A": 0.7, "-": 0.3}, {"A": 0.5, "-": 0.5}]
    of_a = [
        path for path in itertools.product("A-", repeat=3) if len("".join(path).strip("-")) and "-" not in "".join(path).strip("-")
    ]  # one unbroken run of A
    total = sum(math.prod(p[t][symbol] for t, symbol in enumerate(path)) for path in of_a)
    assert ("A", "-", "A") not in of_a
    translation = math.log(0.7 * 0.6 * 0.7 * 0.8)
    return {
        "teacher-forcing": [
            ("forced guesses", None, (4, 6, 4), "illustration"),
            ("forced errors", None, (4 - 2, 6 - 5, 4 - 3), "illustration"),
            ("free guesses", None, (4, 7, 9), "illustration"),
            ("free errors", None, (4 - 2, 7 - 5, 9 - 3), "illustration"),
        ],
        "beam-search": [
            ("kept, 1st", "AA -1.609", (sorted(second)[0], log_p(second[0])), "same"),
            ("kept, 2nd", "AB -1.609", (sorted(second)[1], log_p(second[1])), "same"),
            ("winner", "ABB -2.120", (third[0], log_p(third[0])), "same"),
            ("second", "AAB -2.302", (third[1], log_p(third[1])), "same"),
        ],
        "beam-translation": [
            ("best", "나는 AI를 사랑해", ("나는 AI를 사랑해",), "illustration"),
            ("its score", None, (translation,), "illustration"),
            ("sum of its parts", None, (translation,), "illustration"),
        ],
        "ctc": [
            ("paths", "7", (len(of_a),), "differs"),
            ("P", "0.910", (total,), "differs"),
            ("loss", "0.094", (-math.log(total),), "differs"),
        ],
        "ctc-double-letter": [("collapses to", "hello", ("helo",), "differs"), ("frames needed", None, (6,), "illustration")],
        "ctc-paths": [("C-A-T", "CAT", ("CAT",), "same"), ("CC-AAT", "CAT", ("CAT",), "same"), ("-C-A-T-", "CAT", ("CAT",), "same")],
    }


@pytest.fixture(scope="module")
def expected() -> Iterator[dict[str, list[Row]]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the layers are tiny: more threads take twenty times as long
    yield {**by_hand_series(), **by_hand_neural(), **by_hand_decoding()}
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def worked() -> dict[str, Example]:
    return {example.topic: example for example in examples()}


@pytest.mark.parametrize("topic", VERDICTS)
def test_every_number(topic: str, worked: dict[str, Example], expected: dict[str, list[Row]]) -> None:
    example = worked[topic]
    assert [quantity.name for quantity in example.quantities] == [name for name, *_ in expected[topic]]
    for quantity, (name, printed, right, verdict) in zip(example.quantities, expected[topic], strict=True):
        assert quantity.printed_text == (printed or ""), name
        assert quantity.verdict == verdict, name
        assert (quantity.recomputed is None) == (right is None), name
        for ours, theirs in zip(quantity.recomputed or (), right or (), strict=True):
            assert ours == (theirs if isinstance(theirs, str) else pytest.approx(theirs, rel=1e-6, abs=0 if "‖" in name else 1e-12)), name
    assert example.verdict == VERDICTS[topic]


RIGHT = {  # the "right" column of the requirements, where it is not "same": quantity -> the numbers as they stand there
    "fourier": {"lowest, Hz": "33", "beat, ms": "800", "record, ms": "30"},
    "regression-trend": {"slope": "4.714", "intercept": "96.0", "ŷ₇ ŷ₈": "129.0 133.71", "ŷ₉ ŷ₁₀": "138.43 143.14"},
    "ols-trend": {"slope": "2.5", "intercept": "7.3", "ŷ₆ ŷ₇ ŷ₈": "22.3 24.8 27.3"},
    "convolution": {"outputs": "101.6 103.1 104.8"},
    "rnn": {"x₀·W_xh": "0.68 0.98", "h₁": "0.592 0.753", "x₁·W_xh": "0.81 1.14", "h₂": "0.880 0.958"},
    "lstm": {
        "t = 3  h": "0.107 0.109",
        "t = 3  c": "0.191 0.203",
        "t = 4  h": "0.080 0.081",
        "t = 4  c": "0.167 0.150",
        "t = 5  h": "0.135 0.133",
        "t = 5  c": "0.241 0.249",
    },
    "lstm-cell": {"c": "0.560 -0.467 0.556"},
    "gru": {"% fewer, range": "25 25"},
    "encoder": {"W·x₁": "0.55 0.55 0.77", "h₁": "0.501 0.501 0.647", "W·x₂": "0.36 0.60 0.48", "context": "0.686 0.816 0.807"},
    "decoder": {"U'·s₀": "0.748 0.857 0.947", "s₁": "0.874 0.784 0.873"},
    "beam-search": {"winner": "ABB -2.1203", "second": "AAB -2.3026"},
    "ctc": {"paths": "6", "P": "0.850", "loss": "0.1625"},
    "ctc-double-letter": {"collapses to": "helo"},
    "embedding": {"cos with Search": "0.89", "cos with Product": "0.48"},
}


@pytest.mark.parametrize("topic", RIGHT)
def test_the_corrections_that_are_required(topic: str, worked: dict[str, Example]) -> None:
    recomputed = {quantity.name: quantity.recomputed for quantity in worked[topic].quantities}
    for name, numbers in RIGHT[topic].items():
        for ours, required in zip(recomputed[name], numbers.split(), strict=True):
            if isinstance(ours, str):
                assert ours == required
            else:
                assert f"{ours:.{len(required.partition('.')[2])}f}" == required, name


def test_the_vanishing_gradient_is_decided_by_the_forget_bias(worked: dict[str, Example]) -> None:
    """The requirements name orders of magnitude for one seed: 3e-17, 1e-13, 3e-14, 1e-6, 0.1. The medians lie within 50 times of them."""
    norms = {quantity.name.split(" ‖")[0]: quantity.recomputed[0] for quantity in worked["vanishing-gradient"].quantities[2:]}
    for name, one_seed in {"RNN": 3e-17, "GRU": 1e-13, "LSTM": 3e-14, "b_f = 1": 1e-6, "b_f = 3": 0.1}.items():
        assert one_seed / 50 < norms[name] < one_seed * 50
    assert norms["RNN"] < norms["LSTM"] < norms["b_f = 1"] < norms["b_f = 3"]


def test_explanations_and_steps_hold_the_numbers_that_matter(worked: dict[str, Example]) -> None:
    says: dict[str, tuple[str, ...]] = {
        "fourier": ("33.3", "800", "30 ms"),
        "regression-trend": ("112.85", "112.5"),
        "convolution": ("no confidence",),
        "rnn": ("0.753", "[0.896, 0.953]"),
        "lstm": ("[0.093, 0.035]", "[0.274, 0.145]", "[0.045, 0.056]"),
        "gru": ("25 %",),
        "encoder": ("0.55",),
        "decoder": ("[0.89, 0.78, 0.86]",),
        "ctc": ("A-A", '"AA"', "0.1625"),
        "ctc-double-letter": ('"hello"', "6 frames"),
    }
    for topic, parts in says.items():
        for part in parts:
            assert part in worked[topic].explanation, (topic, part)
    assert "A-A  0.060" in " ".join(worked["ctc"].steps)
    assert sum(line.startswith(("-", "A")) and "=" in line for line in worked["ctc"].steps) == 6


def test_the_order_and_the_record(worked: dict[str, Example]) -> None:
    assert list(worked) == list(TOPICS) == list(VERDICTS)
    assert [example.number for example in worked.values()] == list(range(1, 25))
    for example in worked.values():
        assert example.title and example.data and example.explanation and len(example.steps) >= 2
        assert "None" not in example.recomputed and "nan" not in " ".join(example.steps)


@pytest.mark.parametrize(
    "value, printed, right",
    [
        (0.5556, "0.56", True),
        (0.5556, "0.55", True),
        (0.5556, "0.57", False),
        (-2.302585, "-2.302", True),
        (-2.302585, "-2.303", True),
        (-2.302585, "-2.301", False),
        (24.6667, "24.7", True),
        (25.0, "30", False),
        (6, "7", False),
        (130.00000000000003, "130", True),
        (129.99999999999997, "130", True),
        (1e-13, "0.0", True),
        (3e17, "1.0", False),
        ("helo", "hello", False),
        ("CAT", "CAT", True),
    ],
)
def test_agreement_is_rounding_or_cutting_off(value: float | str, printed: str, right: bool) -> None:
    assert agrees(value, printed) is right


def test_verdicts_follow_from_the_numbers() -> None:
    right, wrong, none = Quantity("a", ("1.0",), (1.04,)), Quantity("b", ("1.0",), (1.2,)), Quantity("c", None, (1.0,))
    missing, ours, short = Quantity("d", ("1.0",), None), Quantity("e", ("1.0",), (1.0,), given=False), Quantity("f", ("1.0", "2.0"), (1.0,))
    assert [q.verdict for q in (right, wrong, none, missing, ours, short)] == ["same", "differs", "illustration", "not obtainable", "illustration", "differs"]

    def verdict(*quantities: Quantity) -> str:
        return Example(1, "t", "T", {}, quantities, "", ()).verdict

    assert verdict(right, none) == "same"
    assert verdict(right, missing, wrong) == "differs"
    assert verdict(right, missing) == "not obtainable"
    assert verdict(none, ours) == "illustration"


@pytest.mark.parametrize(
    "asked, number",
    [("20", 20), (" 7 ", 7), ("ctc", 20), ("CTC double letter", 21), ("ctc_paths", 22), ("grad", 23), ("beam", 18), ("trend", 8), ("lstm", 12), ("win", 1)],
)
def test_find_by_number_name_or_the_beginning_of_a_word(asked: str, number: int) -> None:
    assert find(asked).number == number


def test_find_helps_with_a_near_miss() -> None:
    with pytest.raises(ConfigError, match=r'"lsmt" is unknown\. Did you mean "lstm"\? Known: .*vanishing-gradient'):
        find("lsmt")
    with pytest.raises(ConfigError, match="1 to 24; 25"):
        find("25")
    with pytest.raises(ConfigError, match='"la" is unknown'):
        find("la")
    assert related("lstm") == ["lstm-cell"]


def rendered(draw: Callable[[Console], None], width: int) -> list[str]:
    console = Console(width=width, file=StringIO(), highlight=False, force_terminal=False)
    draw(console)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120, 150, 151, 152, 200])
def test_the_table_fits_and_shows_every_number(width: int, worked: dict[str, Example]) -> None:
    lines = rendered(lambda console: render_table(list(worked.values()), console), width)
    assert max(map(cell_len, lines)) <= width
    for example in worked.values():
        (first,) = (line for line in lines if line.split()[:2] == [str(example.number), example.topic])
        assert example.verdict in first
        for quantity in example.quantities:
            # in one line: nothing was folded
            assert any(
                quantity.printed_text in line and quantity.recomputed_text in line and (" ≠ " in line) == (quantity.verdict == "differs") for line in lines
            ), quantity
    assert any("differs 11" in line and "same 9" in line for line in lines)


@pytest.mark.parametrize("topic", VERDICTS)
def test_the_steps_fit_eighty_columns(topic: str, worked: dict[str, Example]) -> None:
    example = worked[topic]
    lines = rendered(lambda console: render_steps(example, console), 80)
    assert max(map(cell_len, lines)) <= 80
    assert [line for line in example.steps if f"  {line}" not in lines] == []
    assert example.title in lines[0]
    text = " ".join(" ".join(lines).split())
    assert f"{example.verdict}: {example.explanation.split('.')[0]}" in text
    for quantity in example.quantities:
        assert any(line.startswith(quantity.name) and quantity.recomputed_text in line for line in lines)


def test_json_is_complete(capsys: pytest.CaptureFixture[str], worked: dict[str, Example]) -> None:
    assert show(None, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)["examples"]
    assert [one["verdict"] for one in found] == list(VERDICTS.values())
    assert found[0].keys() == {"number", "topic", "title", "data", "printed", "recomputed", "verdict", "explanation", "quantities", "steps"}
    show("ctc", as_json=True)
    one = json.loads(capsys.readouterr().out)
    assert one == found[19] == json.loads(json.dumps(to_json("20")))
    assert one["quantities"][0] == {"name": "paths", "printed": ["7"], "recomputed": [6], "verdict": "differs"}


def test_show_prints_a_table_or_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    show()
    assert "vanishing-gradient" in capsys.readouterr().out
    show("ctc")
    out = capsys.readouterr().out
    assert "A-A  0.060" in out and "see also: ctc-double-letter, ctc-paths" in out


def test_the_lecture_needs_no_heavy_library() -> None:
    """`inorder lecture` is there at once: neither torch nor scipy, polars or matplotlib is imported."""
    code = "import sys; from inorder.lecture import show; show(); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8").stderr.split()
    assert "inorder.lecture.neural" in loaded
    assert {"torch", "scipy", "polars", "pandas", "matplotlib"}.isdisjoint(loaded)
