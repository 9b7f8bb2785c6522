"""Examples 10 to 16, 23 and 24: layers and gradients, computed by `inorder.textbook`."""

from __future__ import annotations

from typing import Any

import numpy as np

from inorder.lecture.example import Example, Quantity, plain, row
from inorder.textbook.backpropagation import StepBackward, gru_step_backward, lstm_step_backward, rnn_step_backward
from inorder.textbook.convolution import conv1d
from inorder.textbook.encoder_decoder import fixed_context_decoder
from inorder.textbook.gradient import jacobians_by_lag
from inorder.textbook.recurrent import (
    GATES,
    LSTMGates,
    LSTMState,
    LSTMWeights,
    RNNWeights,
    Step,
    default_weights,
    gru_step,
    lstm_cell,
    lstm_gates,
    lstm_step,
    parameter_count,
    rnn_step,
    unroll,
)
from inorder.textbook.similarity import cosine_similarity
from inorder.typing import Floats


def convolution() -> Example:
    """Example 10: y[s] = relu(Σₖ filter[k] · x[s + k])."""
    y, taps = [100, 102, 105, 103, 107], [0.5, 0.3, 0.2]
    sums = conv1d(np.array(y, dtype=np.float64)[:, None], np.array(taps)[None, None])[:, 0]
    outputs = np.maximum(sums, 0.0)
    printed = ("101.1", "103.1", "104.3")
    return Example(
        number=10,
        topic="convolution",
        title="1-D convolution with 3 taps, then ReLU",
        data={"y": y, "filter": taps},
        quantities=(Quantity("outputs", printed, plain(outputs)), Quantity("confidence", ("85 %",), None)),
        explanation=f"The first sum is {outputs[0] - float(printed[0]):.1f} above the printed one, the last {outputs[2] - float(printed[2]):.1f}. "
        "ReLU changes nothing, as all sums are positive. No step of the example yields a probability, so no confidence follows.",
        steps=(
            "y[s] = relu(Σ filter[k] · x[s + k])        the filter is not flipped",
            *(f"{' + '.join(f'{w:g} · {v}' for w, v in zip(taps, y[s:], strict=False))} = {value:.1f}" for s, value in enumerate(outputs)),
        ),
    )


def rnn() -> Example:
    """Example 11: h ← tanh(x·W + U·h), twice."""
    w, u = np.array([[0.5, 0.3], [0.2, 0.4], [0.1, 0.6]]), np.array([[0.7, 0.2], [0.3, 0.8]])
    x = np.array([[1.0, 0.5, 0.8], [1.2, 0.6, 0.9]])
    products = x @ w
    h, _ = unroll(rnn_step, x, RNNWeights(w.T, u, np.zeros(2)))
    other, _ = unroll(rnn_step, x, RNNWeights(w.T, u.T, np.zeros(2)))
    return Example(
        number=11,
        topic="rnn",
        title="Recurrent network, two steps",
        data={"W_xh": w.tolist(), "W_hh": u.tolist(), "x0": x[0].tolist(), "x1": x[1].tolist(), "h0": [0, 0], "bias": 0},
        quantities=(
            Quantity("x₀·W_xh", None, plain(products[0]), ".2f"),
            Quantity("h₁", ("0.59", "0.71"), plain(h[0])),
            Quantity("x₁·W_xh", None, plain(products[1]), ".2f"),
            Quantity("h₂", ("0.87", "0.95"), plain(h[1])),
            Quantity("h₂ by h₁·W_hh", None, plain(other[1])),
        ),
        explanation=f"The second unit of h₁ is tanh({products[0, 1]:.2f}) = {h[0, 1]:.3f}, not 0.71. W_xh has 3 rows, so x stands on its left; "
        f"W_hh is square and could stand on either side. On the left of h₁, h₂ is {row(h[1])}, which is printed cut off; "
        f"with h₁·W_hh it would be {row(other[1])}.",
        steps=(
            "h[t+1] = tanh(x[t]·W_xh + W_hh·h[t])",
            f"x₀·W_xh = {row(products[0], '.2f')},   W_hh·h₀ = {row(np.zeros(2), 'g')}",
            f"h₁ = tanh {row(products[0], '.2f')} = {row(h[0])}",
            f"x₁·W_xh = {row(products[1], '.2f')},   W_hh·h₁ = {row(u @ h[0])}",
            f"h₂ = tanh {row(products[1] + u @ h[0])} = {row(h[1])}",
            f"the other reading: h₁·W_hh = {row(h[0] @ u)}, h₂ = {row(other[1])}",
        ),
    )


def lstm() -> Example:
    """Example 12: an LSTM with 2 units over 5 inputs."""
    w_f, u_f, b_f = [[0.3, 0.2, 0.1], [0.1, 0.4, 0.2]], [[0.2, 0.1], [0.1, 0.3]], [0.5, 0.5]
    w_i, u_i = [[0.4, 0.1, 0.3], [0.2, 0.3, 0.1]], [[0.3, 0.2], [0.2, 0.2]]
    w_g, u_g = [[0.2, 0.3, 0.2], [0.3, 0.1, 0.4]], [[0.1, 0.2], [0.2, 0.1]]
    w_o, u_o = [[0.1, 0.2, 0.4], [0.3, 0.2, 0.1]], [[0.2, 0.3], [0.1, 0.2]]
    x = [[0.5, 0.1, -0.2], [0.3, -0.4, 0.6], [-0.1, 0.8, 0.2], [0.7, 0.0, -0.5], [0.2, 0.3, 0.4]]
    weights = LSTMWeights(np.concatenate([w_i, w_f, w_g, w_o]), np.concatenate([u_i, u_f, u_g, u_o]), np.concatenate([[0, 0], b_f, np.zeros(4)]))
    states, gates = [weights.init()], []
    for x_t in np.array(x):
        gates.append(lstm_gates(x_t, states[-1], weights))
        states.append(lstm_step(x_t, states[-1], weights)[1])
    printed = {
        1: (("0.024", "0.023"), None),
        2: (("0.038", "0.088"), None),
        3: (("0.052", "0.076"), ("0.095", "0.141")),
        4: (("0.040", "0.051"), ("0.085", "0.095")),
        5: (("0.081", "0.083"), ("0.149", "0.157")),
    }
    quantities = []
    for t, (hidden, cell) in printed.items():
        quantities.append(Quantity(f"t = {t}  h", hidden, plain(states[t].hidden)))
        if cell is not None:
            quantities.append(Quantity(f"t = {t}  c", cell, plain(states[t].cell)))
    third = gates[2]
    needed = (np.array([0.095, 0.141]) - third.forget_gate * states[2].cell) / third.input_gate  # the candidate that would give the printed c₃
    carried = LSTMState(np.array([0.052, 0.076]), np.array([0.095, 0.141]))
    follows = lstm_step(np.array(x[3]), carried, weights)[1]
    return Example(
        number=12,
        topic="lstm",
        title="LSTM, five steps",
        data={"W_f": w_f, "U_f": u_f, "b_f": b_f, "W_i": w_i, "U_i": u_i, "W_g": w_g, "U_g": u_g, "W_o": w_o, "U_o": u_o, "other biases": 0, "x": x},
        quantities=tuple(quantities),
        explanation=f"Steps 1 and 2 agree. At t = 3 the printed cell would need the candidate {row(needed)}, but tanh gives {row(third.candidate)}. "
        "The later steps differ for that reason and for more: "
        f"from the printed state at t = 3, step 4 would give h {row(follows.hidden)}, not the printed one.",
        steps=(
            "i, f, o = σ(W·x + U·h + b),   g = tanh(W_g·x + U_g·h)",
            "c = f ⊙ c + i ⊙ g,   h = o ⊙ tanh(c)",
            *(
                line
                for t, at in enumerate(gates, start=1)
                for line in (
                    f"t = {t}   x {row(x[t - 1], 'g')}",
                    f"        i {row(at.input_gate)}  f {row(at.forget_gate)}",
                    f"        g {row(at.candidate)}  o {row(at.output_gate)}",
                    f"        c {row(states[t].cell)}  h {row(states[t].hidden)}",
                )
            ),
        ),
    )


def cell_update() -> Example:
    """Example 13: c ← f ⊙ c + i ⊙ g."""
    f, i, g, c = [0.65, 0.42, 0.78], [0.53, 0.71, 0.48], [0.32, -0.54, 0.67], [0.6, -0.2, 0.3]
    new = lstm_cell(LSTMGates(np.array(i), np.array(f), np.array(g), np.ones(3)), np.array(c))
    return Example(
        number=13,
        topic="lstm-cell",
        title="LSTM cell update",
        data={"f": f, "i": i, "candidate": g, "c": c},
        quantities=(Quantity("c", ("0.56", "-0.47", "0.55"), plain(new)),),
        explanation=f"Each unit is kept by f and fed by i, on its own. The last number, {new[2]:.4f}, is cut off in print; rounded it is {new[2]:.2f}.",
        steps=(
            "c ← f ⊙ c + i ⊙ candidate",
            *(f"{a:g} · {b:g} + {p:g} · {q:g} = {value:.4f}" for a, b, p, q, value in zip(f, c, i, g, new, strict=True)),
        ),
    )


def gru_size() -> Example:
    """Example 14: parameters of a GRU and an LSTM of equal sizes."""
    sizes = [(1, 1), (10, 20), (64, 128), (300, 512)]
    counts = {
        (inputs, hidden, biases): tuple(parameter_count(cell, inputs, hidden, biases=biases) for cell in ("gru", "lstm"))
        for inputs, hidden in sizes
        for biases in (0, 1, 2)
    }
    savings = [100 * (1 - gru / lstm) for gru, lstm in counts.values()]
    return Example(
        number=14,
        topic="gru",
        title="How much smaller a GRU is than an LSTM",
        data={"sizes": [list(size) for size in sizes], "biases": [0, 1, 2], "claim": "about 25-30 % fewer parameters"},
        quantities=(Quantity("% fewer, range", ("25", "30"), (min(savings), max(savings))),),
        explanation=f"{GATES['gru']} gates against {GATES['lstm']}, each with as many weights: at equal sizes {min(savings):g} % fewer, "
        "whatever the sizes and with or without biases. With embeddings and an output layer counted in, it is less, never more.",
        steps=(
            "parameters = gates · hidden · (inputs + hidden + biases)",
            *(
                f"inputs {inputs}, hidden {hidden}: GRU {gru:,}, LSTM {lstm:,}, {100 * (1 - gru / lstm):.1f} % fewer"
                for (inputs, hidden, biases), (gru, lstm) in counts.items()
                if biases == 2
            ),
        ),
    )


ENCODER_W, ENCODER_U = [[0.5, 0.2, 0.3], [0.1, 0.6, 0.4], [0.3, 0.2, 0.7]], [[0.4, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.6]]
ENCODER_X = [[0.5, 0.3, 0.8], [0.2, 0.7, 0.4]]


def _encode() -> Floats:
    """(time, hidden) of the encoder of examples 15 and 16; the last is the context."""
    return unroll(rnn_step, np.array(ENCODER_X), RNNWeights(np.array(ENCODER_W), np.array(ENCODER_U), np.zeros(3)))[0]


def encoder() -> Example:
    """Example 15: two steps of a tanh encoder; its last state is the context."""
    w, u, x = np.array(ENCODER_W), np.array(ENCODER_U), np.array(ENCODER_X)
    h, products = _encode(), x @ w.T
    return Example(
        number=15,
        topic="encoder",
        title="Encoder, two steps to the context",
        data={"W": ENCODER_W, "U": ENCODER_U, "x1": ENCODER_X[0], "x2": ENCODER_X[1], "h0": [0, 0, 0]},
        quantities=(
            Quantity("W·x₁", ("0.55", "0.47", "0.77"), plain(products[0])),
            Quantity("h₁", ("0.50", "0.44", "0.65"), plain(h[0])),
            Quantity("W·x₂", ("0.38", "0.58", "0.48"), plain(products[1])),
            Quantity("context", ("0.69", "0.76", "0.80"), plain(h[1])),
        ),
        explanation=f"Row 2 of W·x₁ is {' + '.join(f'{a:g} · {b:g}' for a, b in zip(w[1], x[0], strict=True))} = {products[0, 1]:.2f}; "
        f"W·x₂ is off by {abs(products[1, 0] - 0.38):.2f} in rows 1 and 2. The context carries the errors on.",
        steps=(
            "h[t] = tanh(W·x[t] + U·h[t-1])",
            f"W·x₁ = {row(products[0], '.2f')}",
            f"h₁ = {row(h[0])}",
            f"W·x₂ = {row(products[1], '.2f')},   U·h₁ = {row(u @ h[0])}",
            f"h₂ = context = {row(h[1])}",
        ),
    )


def decoder() -> Example:
    """Example 16: the first step of a decoder that begins with that context."""
    w, u, y = [[0.6, 0.3, 0.2], [0.2, 0.5, 0.4], [0.4, 0.3, 0.5]], [[0.5, 0.2, 0.3], [0.3, 0.6, 0.2], [0.2, 0.3, 0.7]], [1, 0, 0]
    context = _encode()[-1]
    model = fixed_context_decoder(rnn_step, RNNWeights(np.array(w), np.array(u), np.zeros(3)), context)
    s1, _ = model.step(np.array(y, dtype=np.float64), model.init(()))
    from_input, from_state = np.array(w) @ y, np.array(u) @ context
    printed_product = ("0.82", "0.84", "0.91")
    from_printed_context = np.array(u) @ [0.69, 0.76, 0.80]
    from_printed_sums = np.tanh(from_input + [float(number) for number in printed_product])
    return Example(
        number=16,
        topic="decoder",
        title="Decoder, first step from the context of example 15",
        data={"W'": w, "U'": u, "y1": y, "s0": "the context of example 15"},
        quantities=(Quantity("U'·s₀", printed_product, plain(from_state)), Quantity("s₁", ("0.77", "0.72", "0.80"), plain(s1))),
        explanation=f"From the right context, U'·s₀ is {row(from_state)}; from the printed one it would be {row(from_printed_context)}. "
        f"The printed s₁ does not follow from the printed sums either: tanh gives {row(from_printed_sums, '.2f')}.",
        steps=(
            "s₁ = tanh(W'·y₁ + U'·s₀),   s₀ = context",
            f"s₀ = {row(context)}",
            f"W'·y₁ = {row(from_input, '.1f')}        column 1 of W', as y₁ is the first token",
            f"U'·s₀ = {row(from_state)}",
            f"s₁ = tanh {row(from_input + from_state)} = {row(s1)}",
            "with the printed U'·s₀ instead:",
            f"tanh({row(from_input, '.1f')} + {row([float(n) for n in printed_product], '.2f')}) = {row(from_printed_sums, '.2f')}",
        ),
    )


def vanishing_gradient() -> Example:
    """Example 23: ‖∂h_T/∂x₀‖ of RNN, GRU and LSTM, and of LSTMs with a larger forget bias."""
    time, hidden, inputs, seeds, enough = 60, 32, 8, 7, 0.01
    kinds: tuple[tuple[str, str, Step, StepBackward[Any], float | None], ...] = (
        ("RNN", "rnn", rnn_step, rnn_step_backward, None),
        ("GRU", "gru", gru_step, gru_step_backward, None),
        ("LSTM", "lstm", lstm_step, lstm_step_backward, None),
        ("b_f = 1", "lstm", lstm_step, lstm_step_backward, 1.0),
        ("b_f = 3", "lstm", lstm_step, lstm_step_backward, 3.0),
    )
    reach: dict[str, list[Floats]] = {}
    for name, cell, step, step_backward, forget_bias in kinds:
        for seed in range(seeds):
            generator = np.random.default_rng(seed)
            weights = default_weights(cell, inputs, hidden, generator, forget_bias=forget_bias)
            reach.setdefault(name, []).append(jacobians_by_lag(step, step_backward, generator.normal(size=(time, inputs)), weights).input)
    norms = {name: np.linalg.norm(runs, ord=2, axis=(-2, -1)) for name, runs in reach.items()}  # (seeds, lags)
    median = {name: np.median(by_lag, axis=0) for name, by_lag in norms.items()}
    last = {name: float(by_lag[-1]) for name, by_lag in median.items()}
    kept = {name: float(np.median(by_lag[:, -1] / by_lag[:, 0])) for name, by_lag in norms.items()}
    verdict = {name: "solved" if share >= enough else "not solved" for name, share in kept.items()}
    shown = [0, 10, 20, 40, time - 1]
    return Example(
        number=23,
        topic="vanishing-gradient",
        title='"Gates solve the vanishing gradient"',
        data={
            "time": time,
            "hidden": hidden,
            "inputs": inputs,
            "seeds": seeds,
            "weights": "uniform, ± 1/√hidden",
            "x": "standard normal",
            "claim": "gates solve it",
        },
        quantities=(
            Quantity("LSTM", ("solved",), (verdict["LSTM"],)),
            Quantity("GRU", ("solved",), (verdict["GRU"],)),
            *(Quantity(f"{name} ‖∂h/∂x₀‖", None, (norm,), ".1g") for name, norm in last.items()),
        ),
        explanation=f"With the default initialisation a change of x₀ reaches h_T, {time - 1} steps later, {last['LSTM']:.1g}-fold in an LSTM and "
        f"{last['GRU']:.1g}-fold in a GRU: more than the plain RNN's {last['RNN']:.1g}, and still too little to learn from. A forget bias of 1 gives "
        f"{last['b_f = 1']:.1g}, one of 3 {last['b_f = 3']:.1g}: it is the forget gate's bias that decides, as the gradient along the cell is multiplied "
        "by f at every step.",
        steps=(
            f"‖∂h_T/∂x_t‖ by lag T - t: its largest singular value, median of {seeds} seeds",
            "b_f = 1, b_f = 3: LSTM with that forget bias",
            f'"solved": at lag {time - 1} at least {enough:g} of what it is at lag 0',
            "lag        " + "".join(f"{lag:>10}" for lag in shown),
            *(f"{name:<11}" + "".join(f"{by_lag[lag]:>10.1e}" for lag in shown) for name, by_lag in median.items()),
            *(f"{name}: from {by_lag[:, -1].min():.1g} to {by_lag[:, -1].max():.1g} over the seeds, {verdict[name]}" for name, by_lag in norms.items()),
        ),
    )


def embedding() -> Example:
    """Example 24: cosines between embeddings."""
    pages = {"Homepage": [0.2, 0.8, 0.1], "Search": [0.3, 0.6, 0.4], "Product": [0.7, 0.2, 0.5]}
    home, search, product = pages.values()
    near, far = float(cosine_similarity(home, search)), float(cosine_similarity(home, product))
    return Example(
        number=24,
        topic="embedding",
        title="Embeddings of three pages of a shop",
        data=pages,
        quantities=(Quantity("cos with Search", None, (near,)), Quantity("cos with Product", None, (far,))),
        explanation=f"No number is printed. The vectors say that Search is nearer to Homepage ({near:.2f}) than Product is ({far:.2f}).",
        steps=(
            "cos(a, b) = a·b / (‖a‖ ‖b‖)",
            *(
                f"cos(Homepage, {name}) = {np.dot(home, other):.2f} / ({np.linalg.norm(home):.4f} · {np.linalg.norm(other):.4f}) = {value:.4f}"
                for name, other, value in (("Search", search, near), ("Product", product, far))
            ),
        ),
    )
