"""RNN, LSTM and GRU beside torch's own layers, as they are made, traced and streamed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from inorder.errors import ConfigError, ShapeError
from inorder.nn import GRU, LSTM, RNN, delegated
from inorder.nn.rows import Rows
from inorder.nn.traces import trace
from inorder.textbook.recurrent import parameter_count

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")  # torch's own layer says so


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


PAIRS = {
    "RNN": (RNN, nn.RNN, {}, {}),
    "RNN with relu": (RNN, nn.RNN, {"activation": "relu"}, {"nonlinearity": "relu"}),
    "GRU": (GRU, nn.GRU, {}, {}),
    "LSTM": (LSTM, nn.LSTM, {}, {}),
    "LSTM with projection": (LSTM, nn.LSTM, {"projection": 2}, {"proj_size": 2}),
    "LSTM without biases": (LSTM, nn.LSTM, {"bias": False}, {"bias": False}),
}


def pair(name: str, layers: int = 2, bidirectional: bool = False) -> tuple:
    """The same numbers in a layer of ours and in one of torch's."""
    ours, theirs, options, others = PAIRS[name]
    torch.manual_seed(0)
    fast, other = ours(3, 4, layers, bidirectional=bidirectional, **options), theirs(3, 4, layers, batch_first=True, bidirectional=bidirectional, **others)
    fast.load_state_dict(other.state_dict())
    other.load_state_dict(fast.state_dict())
    return fast, other


def parts(state: Tensor | tuple) -> tuple:
    return (state,) if isinstance(state, Tensor) else tuple(state)


@pytest.fixture
def many_cores(monkeypatch):
    """As with so many threads that torch's own LSTM does larger batches."""
    monkeypatch.setattr(delegated, "EACH", 1000)


@pytest.mark.parametrize("batch", [1, 5, delegated.BATCH + 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_state_dicts_and_numbers_are_those_of_torch(name, bidirectional, batch, many_cores):
    ours, theirs = pair(name, bidirectional=bidirectional)
    x = torch.randn(batch, 9, 3, requires_grad=True)
    output, state = ours(x)
    truth, last = theirs(x)
    torch.testing.assert_close(output, truth, rtol=0, atol=1e-6)
    for a, b in zip(parts(state), parts(last), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)
    for a, b in zip(*(torch.autograd.grad(y.square().sum(), [x, *layer.parameters()]) for y, layer in ((output, ours), (truth, theirs))), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_lengths_do_what_packing_does(name, bidirectional):
    ours, theirs = pair(name, bidirectional=bidirectional)
    x, lengths = torch.randn(6, 9, 3), torch.tensor([3, 9, 1, 9, 6, 2])
    output, state = ours(x, lengths)
    packed, last = theirs(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    torch.testing.assert_close(output, pad_packed_sequence(packed, batch_first=True)[0], rtol=0, atol=1e-6)
    for a, b in zip(parts(state), parts(last), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_lengths_may_be_any_whole_numbers_in_any_layout():
    layer, x = GRU(3, 4), torch.randn(3, 6, 3)
    truth = layer(x, torch.tensor([6, 2, 5]))[0]
    for lengths in (torch.tensor([6, 0, 2, 0, 5, 0])[::2], torch.tensor([6, 2, 5], dtype=torch.int32), torch.tensor([6, 2, 5], dtype=torch.uint8)):
        assert torch.equal(layer(x, lengths)[0], truth)


@pytest.mark.parametrize("lengths", [None, [5, 0, 3]])
@pytest.mark.parametrize("d", [0, 1])
@pytest.mark.parametrize("name", PAIRS)
def test_torchs_own_kernels_give_the_same_where_they_are_used(name, d, lengths):
    layer = pair(name, layers=1, bidirectional=True)[0]
    x = torch.randn(3, 5, 3)
    rows = Rows.of(x, None if lengths is None else torch.tensor(lengths))
    state = tuple(torch.randn(3, size) for size in ((layer.units, 4) if layer.cells else (4,)))
    output, last = layer._direction(0, d, rows.take(x), rows, state)
    other, end = delegated.run(layer._cell(0, d, rows), *layer._inputs(0, d), rows.take(x), rows, state, reverse=d == 1)
    for a, b in zip((output, *last), (other, *end), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_a_layer_without_options_is_the_only_one_that_torch_runs(many_cores, monkeypatch):
    x = torch.randn(delegated.BATCH, 4, 3)
    rows = Rows.of(x, None)
    assert delegated.can(LSTM(3, 4), x, rows)
    others = [LSTM(3, 4, layer_norm=True), LSTM(3, 4, peepholes=True), LSTM(3, 4, zoneout=0.1), LSTM(3, 4, cell_zoneout=0.1), LSTM(3, 4, coupled_gates=True)]
    assert not any(delegated.can(layer, x, rows) for layer in [*others, LSTM(3, 4, recurrent_dropout=0.1), GRU(3, 4), RNN(3, 4)])
    assert not delegated.can(LSTM(3, 4), x[:1], Rows.of(x[:1], None))
    assert not delegated.can(LSTM(3, 4), x, Rows.of(x, torch.tensor([3] * delegated.BATCH)))
    monkeypatch.setattr(delegated, "EACH", delegated.BATCH // torch.get_num_threads())
    assert not delegated.can(LSTM(3, 4), x, rows)
    assert delegated.can(LSTM(3, delegated.WIDE), x, rows) and not delegated.can(LSTM(3, delegated.WIDE - 1), x, rows)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_row_14_a_gru_has_three_quarters_of_the_numbers_of_an_lstm(layers, bidirectional):
    counts = {}
    for name, kind in (("rnn", RNN), ("gru", GRU), ("lstm", LSTM)):
        counts[name] = sum(parameter.numel() for parameter in kind(10, 20, layers, bidirectional=bidirectional).parameters())
        assert counts[name] == parameter_count(name, 10, 20, layers=layers, bidirectional=bidirectional)
    assert counts["gru"] * 4 == counts["lstm"] * 3 and counts["rnn"] * 4 == counts["lstm"]
    assert sum(p.numel() for p in LSTM(10, 20, coupled_gates=True).parameters()) * 4 == sum(p.numel() for p in LSTM(10, 20).parameters()) * 3


@pytest.mark.parametrize("merge", ["concatenate", "sum", "average"])
def test_two_directions_are_two_layers_joined(merge):
    torch.manual_seed(1)
    both = GRU(3, 4, bidirectional=merge)
    ahead, back = GRU(3, 4), GRU(3, 4)
    ahead.load_state_dict({name: value for name, value in both.state_dict().items() if not name.endswith("_reverse")})
    back.load_state_dict({name.removesuffix("_reverse"): value for name, value in both.state_dict().items() if name.endswith("_reverse")})
    x, lengths = torch.randn(2, 6, 3), torch.tensor([6, 4])
    output = both(x, lengths)[0]
    for i, n in enumerate(lengths.tolist()):
        one, other = ahead(x[i : i + 1, :n])[0], back(x[i : i + 1, :n].flip(1))[0].flip(1)
        joined = {"concatenate": torch.cat([one, other], 2), "sum": one + other, "average": (one + other) / 2}[merge]
        torch.testing.assert_close(output[i : i + 1, :n], joined, rtol=0, atol=1e-6)


def test_a_residual_stack_adds_inputs_where_they_fit():
    torch.manual_seed(2)
    stack = LSTM(3, 4, 2, residual=True)
    first = LSTM(3, 4)
    first.load_state_dict({name: value for name, value in stack.state_dict().items() if name.endswith("_l0")})
    second = LSTM(4, 4)
    second.load_state_dict({name.replace("_l1", "_l0"): value for name, value in stack.state_dict().items() if name.endswith("_l1")})
    x = torch.randn(2, 5, 3)
    below = first(x)[0]
    torch.testing.assert_close(stack(x)[0], below + second(below)[0], rtol=0, atol=1e-6)


def test_learnt_first_states_are_learnt():
    layer = LSTM(3, 4, 2, learn_initial_state=True)
    with torch.no_grad():
        layer.initial_hidden.normal_()
        layer.initial_cell.normal_()
    output, _ = layer(torch.randn(5, 3, 3))
    output.sum().backward()
    assert layer.initial_hidden.grad.abs().min() > 0 and layer.initial_cell.grad.abs().min() > 0
    start = layer.init(5)
    assert torch.equal(start.hidden[:, 3], layer.initial_hidden) and torch.equal(start.cell[:, 0], layer.initial_cell)


def test_the_forget_gate_begins_open_whatever_the_options():
    for options in ({}, {"layer_norm": True}, {"coupled_gates": True}, {"peepholes": True, "projection": 2}):
        layer = LSTM(3, 4, 2, forget_bias=2.5, bidirectional=True, **options)
        begin = 0 if options.get("coupled_gates") else 4
        for suffix in ("_l0", "_l1_reverse"):
            bias = layer.state_dict()[f"norm_shift{suffix}"] if options.get("layer_norm") else layer.state_dict()[f"bias_ih{suffix}"]
            assert bias[begin : begin + 4].tolist() == [2.5] * 4 and bias.sum() == 10


def test_recurrent_dropout_is_one_mask_for_all_steps_and_zoneout_is_not():
    torch.manual_seed(3)
    layer = RNN(1, 200, recurrent_dropout=0.5)
    with torch.no_grad():
        layer.weight_ih_l0.zero_()
        layer.weight_hh_l0.copy_(torch.eye(200))
    dropped = layer(torch.zeros(1, 4, 1), state=torch.full((1, 1, 200), 0.01))[0][0]
    assert ((dropped != 0).all(0) | (dropped == 0).all(0)).all() and 60 < (dropped[-1] == 0).sum() < 140
    held = RNN(1, 200, zoneout=0.5)
    with torch.no_grad():
        held.weight_hh_l0.zero_()
    kept = held(torch.ones(1, 5, 1), state=torch.full((1, 1, 200), 9.0))[0][0]
    still = (kept == 9.0).sum(1)
    assert all(a > b for a, b in zip(still, still[1:], strict=False)), "the first state goes, step by step"


def test_zoneout_in_use_is_its_mean():
    torch.manual_seed(4)
    layer = GRU(2, 3, zoneout=0.4)
    x, state = torch.randn(1, 1, 2), torch.randn(1, 1, 3)
    with torch.no_grad():
        drawn = torch.stack([layer(x, state=state)[0] for _ in range(4000)]).mean(0)
        torch.testing.assert_close(layer.eval()(x, state=state)[0], drawn, rtol=0, atol=0.05)


@pytest.mark.parametrize(("kind", "option"), [(LSTM, "recurrent_dropout"), (GRU, "zoneout"), (LSTM, "cell_zoneout")])
def test_masks_of_whole_sequences_do_not_go_step_by_step_in_training(kind, option):
    layer = kind(3, 4, **{option: 0.1})
    with pytest.raises(ConfigError, match=r"evaluation mode"):
        layer.step(torch.zeros(1, 3), layer.init(1))
    layer.eval().step(torch.zeros(1, 3), layer.init(1))


def test_a_state_has_the_kind_of_the_layer_or_becomes_it():
    layer, x = LSTM(3, 4), torch.randn(2, 5, 3)
    h, c = torch.randn(1, 2, 4), torch.randn(1, 2, 4)
    truth = layer(x, state=(h, c))[0]
    torch.testing.assert_close(layer(x, state=(h.double(), c.double()))[0], truth, rtol=0, atol=1e-6)
    torch.testing.assert_close(layer(x, state=(h.half(), c.bfloat16()))[0], truth, rtol=0, atol=0.02)
    for state, match in (
        ((h,), "hidden and cell"),
        (h, "hidden and cell"),
        ((h, c, c), "hidden and cell"),
        ((h.long(), c), "int64"),
        ((h, c.to("meta")), "on meta"),
    ):
        with pytest.raises(ShapeError, match=match):
            layer(x, state=state)
    with pytest.raises(ShapeError, match="hidden, a tensor each; this is a tuple"):
        GRU(3, 4)(x, state=(h, h))


@pytest.mark.parametrize("make", [LSTM, GRU, RNN, lambda *sizes: LSTM(*sizes, layer_norm=True)])
@pytest.mark.parametrize("lengths", [None, [5] * 19 + [2]])
def test_under_mixed_precision_the_recurrence_stays_exact(make, lengths):
    layer = make(3, 4)
    x = torch.randn(20, 5, 3)
    lengths = None if lengths is None else torch.tensor(lengths)
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = layer(x, lengths)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, layer(x, lengths)[0], rtol=0, atol=0.05)


def test_settings_out_of_range_are_named():
    for make, match in (
        (lambda: GRU(3, 0), "`hidden`.*0"),
        (lambda: LSTM(3, 4, projection=0), "`projection`.*0"),
        (lambda: LSTM(3, 4, zoneout=1.0), "`zoneout`.*1.0"),
        (lambda: LSTM(3, 4, cell_zoneout=-1), "`cell_zoneout`.*-1"),
        (lambda: GRU(3, 4, recurrent_dropout=2), "`recurrent_dropout`.*2"),
        (lambda: RNN(3, 4, activation="gelu"), "gelu"),
        (lambda: RNN(3, 4, bidirectional="add"), "concatenate, sum, average; not 'add'"),
        (lambda: GRU(3, 4, bidirectional=3), "not 3"),
        (lambda: GRU(3, 4, dropout="a"), "`dropout`.*'a'"),
    ):
        with pytest.raises(ConfigError, match=match):
            make()
    with pytest.raises(ShapeError, match=r"\(1, 3, 4\).*\(layers · directions, batch, units\) = \(1, 2, 4\)"):
        GRU(3, 4)(torch.zeros(2, 5, 3), state=torch.zeros(1, 3, 4))


# --- traces ---


def by_cells(layer: nn.Module, x: Tensor) -> dict[str, np.ndarray]:
    """The gates of a one-layer torch.nn.LSTM or GRU, computed step by step from its weights, in float64."""
    numbers = {name: value.detach().double().numpy() for name, value in layer.named_parameters()}
    a = x.double().numpy() @ numbers["weight_ih_l0"].T + numbers["bias_ih_l0"]
    sigmoid = lambda value: 1 / (1 + np.exp(-value))  # noqa: E731
    size, h, c, seen = layer.hidden_size, 0.0, 0.0, {}
    h = np.zeros((len(x), size))
    for t in range(x.shape[1]):
        u = h @ numbers["weight_hh_l0"].T + numbers["bias_hh_l0"]
        if isinstance(layer, nn.LSTM):
            i, f, g, o = np.split(a[:, t] + u, 4, 1)
            step = {"input_gate": sigmoid(i), "forget_gate": sigmoid(f), "candidate": np.tanh(g), "output_gate": sigmoid(o)}
            c = step["forget_gate"] * c + step["input_gate"] * step["candidate"]
            h = step["output_gate"] * np.tanh(c)
            step |= {"cell": c, "hidden": h}
        else:
            (xr, xz, xn), (ur, uz, un) = np.split(a[:, t], 3, 1), np.split(u, 3, 1)
            r, z = sigmoid(xr + ur), sigmoid(xz + uz)
            n = np.tanh(xn + r * un)
            h = (1 - z) * n + z * h
            step = {"reset_gate": r, "update_gate": z, "candidate": n, "hidden": h}
        for name, values in step.items():
            seen.setdefault(name, []).append(values)
    return {name: np.stack(values, 1) for name, values in seen.items()}


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("batch", [1, 20])
def test_the_gates_of_an_untouched_torch_layer(kind, batch):
    torch.manual_seed(5)
    layer = kind(6, 33, batch_first=True)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    x = torch.randn(batch, 41, 6)
    found = trace(layer, x)
    for name, truth in by_cells(layer, x).items():
        assert np.abs(found[name][0, 0] - truth).max() < 1e-6, name
    assert np.abs(found["output"] - layer(x)[0].detach().numpy()).max() < 1e-6
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


@pytest.mark.parametrize("options", [{}, {"layer_norm": True, "zoneout": 0.2}, {"bidirectional": "sum", "dropout": 0.5}, {"residual": True}])
def test_a_trace_shows_what_the_layer_does_in_use(options):
    layer = LSTM(3, 4, 2, **options)
    x, lengths = torch.randn(3, 6, 3), torch.tensor([6, 0, 2])
    found = layer.trace(x, lengths)
    assert layer.training
    output, state = layer.eval()(x, lengths)
    np.testing.assert_allclose(found["output"], output.detach(), atol=1e-6)
    directions = 2 if "bidirectional" in options else 1
    assert found["cell"].shape == (2, directions, 3, 6, 4) and found.axes["cell"] == ("layer", "direction", "batch", "time", "hidden")
    np.testing.assert_allclose(found["cell"][-1, 0, 0, -1], state.cell[-directions, 0].detach(), atol=1e-6)
    assert not found["forget_gate"][:, :, 1].any() and not found["forget_gate"][:, :, 2, 2:].any() and found["forget_gate"][:, :, 2, :2].all()


def test_a_trace_is_read_like_a_dictionary():
    found = LSTM(2, 3).trace(torch.randn(1, 4, 2))
    assert set(found) == set(dict(found)) and "cell" in found and "output_gates" not in found and len(found) == 7
    with pytest.raises(ConfigError, match='Did you mean "forget_gate"'):
        found["forget"]
    assert "cell          1 layer × 1 direction × 1 batch × 4 time × 3 hidden" in str(found) and len(repr(found)) < 1000


def test_a_trace_of_numbers_that_numpy_has_not():
    layer = nn.LSTM(4, 5, dtype=torch.bfloat16, batch_first=True)
    assert trace(layer, torch.randn(1, 3, 4, dtype=torch.bfloat16))["cell"].dtype == np.float32


def test_a_trace_is_saved(tmp_path):
    found = GRU(2, 3).trace(torch.randn(1, 4, 2))
    with np.load(found.save(tmp_path / "trace.npz")) as stored:
        assert np.array_equal(stored["update_gate"], found["update_gate"])
    told = json.loads(found.save(tmp_path / "trace.json").read_text())
    np.testing.assert_allclose(told["arrays"]["candidate"]["values"], found["candidate"])
    assert told["arrays"]["candidate"]["axes"][3] == "time" and told["lengths"] == [4]
    with pytest.raises(ConfigError, match=r"trace\.txt"):
        found.save(tmp_path / "trace.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trace.json", "trace.npz"]


def test_a_trace_of_something_else_is_refused():
    with pytest.raises(ConfigError, match="this is a Linear"):
        trace(nn.Linear(2, 3), torch.zeros(1, 2, 2))


# --- streams ---

STREAMED = {
    "LSTM": lambda: LSTM(3, 5, 2),
    "GRU": lambda: GRU(3, 5, 2),
    "RNN": lambda: RNN(3, 5, 2),
    "RNN with relu": lambda: RNN(3, 5, activation="relu"),
    "LSTM with layer norm": lambda: LSTM(3, 5, 2, layer_norm=True),
    "LSTM with projection and peepholes": lambda: LSTM(3, 5, projection=2, peepholes=True),
    "LSTM without biases": lambda: LSTM(3, 5, bias=False),
    "GRU, reset before the product": lambda: GRU(3, 5, reset_after=False),
    "residual GRU": lambda: GRU(3, 3, 2, residual=True),
    "GRU in double precision": lambda: GRU(3, 5, dtype=torch.float64),
}


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_is_the_whole_sequence(name):
    layer = STREAMED[name]()
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).to(layer.weight_hh_l0.dtype)
    truth, last = layer(x[None])
    stream = layer.stream()
    outputs = np.stack([stream.step(row.numpy()) for row in x])
    np.testing.assert_allclose(outputs, truth[0].detach(), rtol=1e-5, atol=2e-6)
    for ours, theirs in zip(parts(stream.state), parts(last), strict=True):
        np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-5, atol=2e-6)
    again = layer.stream()
    again.state = layer(x[None, :4])[1]
    np.testing.assert_allclose(np.stack([again.step(row) for row in x[4:].double().numpy()]), outputs[4:], rtol=1e-5, atol=2e-6)


def test_a_stream_refuses_the_future_and_other_shapes():
    with pytest.raises(ConfigError, match="bidirectional GRU cannot be streamed"):
        GRU(3, 4, bidirectional=True).stream()
    for layer in (LSTM(3, 4), LSTM(3, 4, layer_norm=True)):
        with pytest.raises(ShapeError, match=r"takes 3 numbers.*\(4,\)"):
            layer.stream().step(np.zeros(4, dtype=np.float32))
