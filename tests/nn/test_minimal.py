"""minGRU and minLSTM obey the laws of layers and follow the textbook."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inorder.errors import ConfigError, ShapeError
from inorder.nn.minimal import MinGRU, MinLSTM
from inorder.textbook import minimal as textbook

LAYERS = [MinGRU, MinLSTM]
OPTIONS = [{}, {"layers": 3, "residual": True}, {"layers": 2, "bidirectional": True}, {"bidirectional": "sum"}, {"layers": 2, "bidirectional": "average"}]
OPTIONS += [{"positive": False}]


def made(kind, *sizes, **options):
    torch.manual_seed(0)
    layer = kind(*sizes, **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return layer


@pytest.mark.parametrize("kind, gates", [(MinGRU, textbook.min_gru_gates), (MinLSTM, textbook.min_lstm_gates)])
@pytest.mark.parametrize("time, inputs, hidden", [(1, 1, 1), (7, 3, 5), (63, 4, 8)])
@pytest.mark.parametrize("positive", [True, False])
def test_the_layer_follows_the_textbook(kind, gates, time, inputs, hidden, positive):
    layer = made(kind, inputs, hidden, positive=positive)
    x = torch.randn(1, time, inputs, dtype=torch.float64)
    output, state = layer(x)
    weights = textbook.MinimalWeights(layer.weight_ih_l0.detach().numpy(), layer.bias_ih_l0.detach().numpy())
    truth = textbook.linear_scan(gates(x.numpy()[0], weights, positive), np.zeros(hidden))
    np.testing.assert_allclose(output.detach().numpy()[0], truth, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(state.detach().numpy()[0, 0], truth[-1], rtol=1e-11, atol=1e-12)


def test_directions_layers_and_residuals_are_joined_as_said():
    single, x = [made(MinGRU, 4, 4) for _ in range(2)], torch.randn(2, 6, 4, dtype=torch.float64)
    both = made(MinGRU, 4, 4, bidirectional="sum")
    forwards, backwards = (single[0], single[1])
    with torch.no_grad():
        for name in ("weight_ih_l0", "bias_ih_l0"):
            getattr(forwards, name).copy_(getattr(both, name))
            getattr(backwards, name).copy_(getattr(both, f"{name}_reverse"))
    there, back = forwards(x)[0], backwards(x.flip(1))[0].flip(1)
    torch.testing.assert_close(both(x)[0], there + back)
    for joined, truth in (("average", (there + back) / 2), ("concatenate", torch.cat([there, back], 2)), (True, torch.cat([there, back], 2))):
        layer = MinGRU(4, 4, bidirectional=joined).double()
        layer.load_state_dict(both.state_dict())
        torch.testing.assert_close(layer(x)[0], truth)
    stack = made(MinGRU, 4, 4, layers=2, residual=True)
    with torch.no_grad():
        for name in ("weight_ih", "bias_ih"):
            getattr(forwards, f"{name}_l0").copy_(getattr(stack, f"{name}_l0"))
            getattr(backwards, f"{name}_l0").copy_(getattr(stack, f"{name}_l1"))
    below = x + forwards(x)[0]
    torch.testing.assert_close(stack(x)[0], below + backwards(below)[0])


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_padding_and_the_order_of_the_batch_change_nothing(kind, options):
    layer = made(kind, 3, 3, **options)
    lengths = torch.tensor([7, 4, 1, 0])
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    x = x.masked_fill(~(torch.arange(7) < lengths[:, None])[:, :, None], torch.nan).requires_grad_()
    output, state = layer(x, lengths)
    for i, n in enumerate(lengths.tolist()):
        alone, alone_state = layer(x[i : i + 1, :n].detach())
        assert torch.allclose(output[i, :n], alone[0], atol=1e-12)
        assert not output[i, n:].any(), "outputs beyond the length are zero"
        assert torch.allclose(state[:, i], alone_state[:, 0], atol=1e-12)
    order = torch.tensor([2, 0, 3, 1])
    assert torch.equal(layer(x[order], lengths[order])[0], output[order])
    output.sum().backward()
    assert not x.grad.isnan().any()
    assert all(not parameter.grad.isnan().any() for parameter in layer.parameters())
    given = torch.randn_like(state)
    assert torch.equal(layer(x, lengths, given)[1][:, 3], given[:, 3]), "a zero length keeps the state"


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("options", [one for one in OPTIONS if "bidirectional" not in one], ids=str)
def test_step_by_step_is_the_whole_sequence_and_looks_at_no_later_input(kind, options):
    layer = made(kind, 3, 4, **options)
    x = torch.randn(2, 11, 3, dtype=torch.float64)
    whole, last = layer(x)
    state, outputs = layer.init(2), []
    for row in x.unbind(1):
        output, state = layer.step(row, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), whole)
    torch.testing.assert_close(state, last)
    first, state = layer(x[:, :5])
    torch.testing.assert_close(torch.cat([first, layer(x[:, 5:], state=state)[0]], 1), whole)
    changed = x.clone()
    changed[:, 5] += 1
    assert torch.equal(layer(changed)[0][:, :5], whole[:, :5])
    assert not torch.allclose(layer(changed)[0][:, 5:], whole[:, 5:])


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_agree_with_differences(kind):
    layer = made(kind, 2, 3, layers=2, bidirectional=True)
    names, values = zip(*layer.named_parameters(), strict=True)
    x = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)

    def run(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x, torch.tensor([4, 2])))

    assert torch.autograd.gradcheck(run, (x, *values), fast_mode=True)


def test_dropout_is_between_layers_in_training_only_and_follows_the_seed():
    layer, x = MinGRU(3, 16, layers=2, dropout=0.5), torch.randn(1, 5, 3)

    def drawn(seed):
        torch.manual_seed(seed)
        return layer(x)[0]

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))
    layer.eval()
    assert torch.equal(drawn(1), drawn(2))
    with pytest.warns(UserWarning, match="`dropout` acts between layers, and there is one"):
        single = MinGRU(3, 16, dropout=0.5)
    assert torch.equal(single(x)[0], single(x)[0]), "nothing lies between the layers of one"


def test_initial_weights():
    for kind, sign in ((MinGRU, -1), (MinLSTM, 1)):
        layer = kind(7, 6, layers=2, forget_bias=2.0)
        for k in range(2):
            assert getattr(layer, f"bias_ih_l{k}").tolist() == [2.0 * sign] * 6 + [0.0] * 6 * (kind.gates - 1)
            weight = getattr(layer, f"weight_ih_l{k}").detach()
            bound = (6 / (weight.shape[1] + 6)) ** 0.5
            assert 0.8 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("kind", LAYERS)
def test_torch_compiles_and_exports_it_with_any_batch_and_time(kind):
    layer = kind(3, 4, layers=2, bidirectional=True).eval()
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    batch, time = torch.export.Dim("batch", min=2), torch.export.Dim("time", min=2)
    example = (torch.randn(3, 6, 3), torch.tensor([6, 3, 0]))
    exported = torch.export.export(layer, example, dynamic_shapes=({0: batch, 1: time}, {0: batch}, None)[:2]).module()
    for shape in ((3, 6, 3), (5, 9, 3)):
        x, lengths = torch.randn(shape), torch.tensor([shape[1], 3, 0, 2, 1][: shape[0]])
        x.requires_grad_()
        truth, state = layer(x, lengths)
        for program in (compiled, exported):
            output, last = program(x, lengths)
            torch.testing.assert_close(output, truth)
            torch.testing.assert_close(last, state)
        (by_compiled,), (by_layer,) = (torch.autograd.grad(run(x, lengths)[0].square().sum(), x) for run in (compiled, layer))
        torch.testing.assert_close(by_compiled, by_layer)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="bidirectional MinGRU cannot take one step"):
        MinGRU(2, 3, bidirectional=True).step(torch.zeros(1, 2), torch.zeros(2, 1, 3))
    with pytest.raises(ConfigError, match="concatenate, sum, average; not 'both'"):
        MinLSTM(2, 3, bidirectional="both")
    with pytest.raises(ConfigError, match="`hidden` of a MinLSTM is a whole number, 1 or more, not 0"):
        MinLSTM(2, 0)
    with pytest.raises(ConfigError, match="dropout"):
        MinGRU(2, 3, dropout=1.0)
    with pytest.raises(ShapeError, match="has 12 features on axis 2, but the layer takes 9"):
        MinGRU(9, 4)(torch.zeros(2, 4, 12))
    with pytest.raises(ShapeError, match=r"\(1, 2, 4\); this one has the shape \(2, 4\)"):
        MinGRU(9, 4)(torch.zeros(2, 4, 9), state=torch.zeros(2, 4))
    with pytest.raises(ShapeError, match=r"lengths\[0\]` is 9"):
        MinGRU(9, 4)(torch.zeros(2, 4, 9), torch.tensor([9, 1]))


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_a_trace_shows_gates_that_make_the_states(kind, positive):
    layer, x, lengths = kind(3, 4, 2, bidirectional="sum", positive=positive), torch.randn(3, 6, 3), torch.tensor([6, 0, 2])
    found = layer.trace(x, lengths)
    np.testing.assert_allclose(found["output"], layer(x, lengths)[0].detach(), atol=1e-7)
    assert found.axes["hidden"] == ("layer", "direction", "batch", "time", "hidden") and found["hidden"].shape == (2, 2, 3, 6, 4)
    if kind is MinGRU:
        keep, enter = 1 - found["update_gate"], found["update_gate"]
    else:
        both = found["forget_gate"] + found["input_gate"] + 1e-30
        keep, enter = found["forget_gate"] / both, found["input_gate"] / both
    before = np.concatenate([np.zeros((2, 3, 1, 4)), found["hidden"][:, 0, :, :-1]], 2)  # forwards
    for b, n in enumerate([6, 0, 2]):
        expected = keep[:, 0, b, :n] * before[:, b, :n] + enter[:, 0, b, :n] * found["candidate"][:, 0, b, :n]
        np.testing.assert_allclose(found["hidden"][:, 0, b, :n], expected, atol=1e-6)
        assert not any(found[name][:, :, b, n:].any() for name in found if name != "output")


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_a_stream_is_the_whole_sequence_with_the_weights_of_its_beginning(kind):
    layer, x = kind(3, 4, 2, learn_initial_state=True), torch.randn(7, 3)
    with torch.no_grad():
        layer.initial_hidden.normal_()
    truth, last = layer(x[None])
    stream = layer.stream()
    with torch.no_grad():
        layer.weight_ih_l0.zero_()
    np.testing.assert_allclose(np.stack([stream.step(row.numpy()) for row in x]), truth[0].detach(), atol=1e-6)
    torch.testing.assert_close(stream.state, last.detach())
    with pytest.raises(ConfigError, match="cannot be streamed"):
        kind(2, 3, bidirectional=True).stream()


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_the_first_state_is_learnt(kind):
    layer = kind(3, 4, 2, learn_initial_state=True)
    output, _ = layer(torch.randn(5, 2, 3))
    (gradient,) = torch.autograd.grad(output.sum(), layer.initial_hidden)
    assert gradient.shape == (2, 4) and gradient.all()


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_device_and_kind_of_numbers_of_the_parameters(kind):
    assert all(parameter.device.type == "meta" for parameter in kind(2, 3, 2, device="meta").parameters())
    layer = kind(2, 3, bidirectional=True, dtype=torch.float64)
    assert all(parameter.dtype == torch.float64 for parameter in layer.parameters())
    assert layer(torch.zeros(1, 4, 2, dtype=torch.float64))[0].dtype == torch.float64
