"""Laws of layers: what holds for every layer whatever it computes.

layer(x, lengths, state) -> (output, state)        layer.step(x, state) -> (output, state)
"""

from __future__ import annotations

import pytest
import torch
from layers import LAYERS, Member
from torch import Tensor, nn
from torch.export import Dim

from inorder.errors import ConfigError, ShapeError

EXACT = {"rtol": 0.0, "atol": 1e-12}
CAUSAL = [name for name, member in LAYERS.items() if member.causal]
SEES_BOTH_SIDES = [name for name, member in LAYERS.items() if not member.causal]


def drawn(member: Member, seed: int = 0) -> nn.Module:
    """The layer in evaluation mode, with every number random, so that no zero or one of the start hides a mistake."""
    torch.manual_seed(seed)
    layer = member.make().double().eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.6)
    return layer


def numbers(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def stepped(layer: nn.Module, x: Tensor, state: object) -> tuple[Tensor, object]:
    outputs = []
    for row in x.unbind(1):
        output, state = layer.step(row, state)
        outputs.append(output)
    return torch.stack(outputs, 1), state


@pytest.mark.parametrize("name", CAUSAL)
def test_step_by_step_is_the_whole_sequence(name):
    member = LAYERS[name]
    layer, x = drawn(member), numbers(2, 11, member.inputs)
    whole, last = layer(x)
    outputs, state = stepped(layer, x, layer.init(2))
    torch.testing.assert_close(outputs, whole, **EXACT)
    more = numbers(2, 4, member.inputs, seed=2)
    torch.testing.assert_close(stepped(layer, more, state)[0], layer(more, state=last)[0], **EXACT)


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("cut", [0, 1, 5, 11])
def test_a_sequence_in_two_parts_is_the_whole_sequence(name, cut):
    member = LAYERS[name]
    layer, x = drawn(member), numbers(2, 11, member.inputs)
    first, state = layer(x[:, :cut])
    second, _ = layer(x[:, cut:], state=state)
    torch.testing.assert_close(torch.cat([first, second], 1), layer(x)[0], **EXACT)


@pytest.mark.parametrize("name", LAYERS)
def test_padding_is_never_read_and_changes_nothing(name):
    member = LAYERS[name]
    layer, x, lengths = drawn(member), numbers(4, 6, member.inputs), [6, 0, 3, 1]
    poisoned = x.clone()
    for i, n in enumerate(lengths):
        poisoned[i, n:] = float("nan")
    poisoned.requires_grad_()
    output, state = layer(poisoned, torch.tensor(lengths))
    for i, n in enumerate(lengths):
        torch.testing.assert_close(output[i, :n], layer(x[i : i + 1, :n])[0][0], **EXACT)
        assert not output[i, n:].any(), "outputs beyond the length are zero"
    output.sum().backward()
    assert all(not poisoned.grad[i, n:].any() for i, n in enumerate(lengths))
    assert not poisoned.grad.isnan().any()
    assert all(parameter.grad is not None and not parameter.grad.isnan().any() for parameter in layer.parameters())
    wider = torch.cat([x, numbers(4, 3, member.inputs, seed=3)], dim=1)
    torch.testing.assert_close(layer(wider, torch.tensor(lengths))[0][:, :6], output, **EXACT)


@pytest.mark.parametrize("name", CAUSAL)
def test_the_state_of_a_padded_batch_is_that_of_each_sequence(name):
    member = LAYERS[name]
    layer, x, lengths = drawn(member), numbers(4, 6, member.inputs), [6, 0, 3, 1]
    more, fewer = numbers(4, 5, member.inputs, seed=2), [2, 5, 0, 4]
    before = layer(numbers(4, 2, member.inputs, seed=4))[1]  # where a sequence has no step, this state stays
    _, state = layer(x, torch.tensor(lengths), before)
    output, state = layer(more, torch.tensor(fewer), state)
    after = stepped(layer, numbers(4, 3, member.inputs, seed=5), state)[0]
    for i, (n, m) in enumerate(zip(lengths, fewer, strict=True)):
        parts = [numbers(4, 2, member.inputs, seed=4)[i], x[i, :n], more[i, :m], numbers(4, 3, member.inputs, seed=5)[i]]
        alone = layer(torch.cat(parts)[None])[0][0]
        torch.testing.assert_close(output[i, :m], alone[2 + n : 2 + n + m], **EXACT)
        torch.testing.assert_close(after[i], alone[2 + n + m :], **EXACT)


@pytest.mark.parametrize("name", LAYERS)
def test_the_order_of_the_batch_changes_nothing(name):
    member = LAYERS[name]
    layer, x, lengths = drawn(member), numbers(5, 8, member.inputs), torch.tensor([8, 2, 5, 0, 3])
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(layer(x[order], lengths[order])[0], layer(x, lengths)[0][order], **EXACT)


@pytest.mark.parametrize("name", LAYERS)
def test_a_causal_output_sees_nothing_later_and_others_do(name):
    member = LAYERS[name]
    layer, x = drawn(member), numbers(2, 9, member.inputs)
    changed = x.clone()
    changed[:, 5] += 1
    before, after = layer(x)[0], layer(changed)[0]
    assert not torch.equal(after[:, 5:], before[:, 5:])
    assert torch.equal(after[:, :5], before[:, :5]) is member.causal


@pytest.mark.parametrize("name", SEES_BOTH_SIDES)
def test_what_sees_later_inputs_does_not_go_step_by_step(name):
    member = LAYERS[name]
    layer, x = drawn(member), numbers(2, 4, member.inputs)
    _, state = layer(x)
    with pytest.raises(ConfigError, match=r"later inputs|both directions"):
        layer.step(x[:, 0], state)
    if not member.begins:
        with pytest.raises(ConfigError, match=r"later inputs|both directions"):
            layer(x, state=state)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_agree_with_differences(name):
    member = LAYERS[name]
    layer, x, lengths = drawn(member), numbers(2, 4, member.inputs).requires_grad_(), torch.tensor([4, 2])
    names = [name for name, _ in layer.named_parameters()]

    def run(x: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x, lengths))[0]

    weights = [parameter.detach().clone().requires_grad_() for parameter in layer.parameters()]
    assert torch.autograd.gradcheck(run, (x, *weights), fast_mode=True)


@pytest.mark.parametrize("name", LAYERS)
def test_no_steps_and_no_sequences(name):
    member = LAYERS[name]
    layer = drawn(member)
    features = layer(numbers(2, 3, member.inputs))[0].shape[2]
    assert layer(numbers(2, 0, member.inputs))[0].shape == (2, 0, features)
    assert layer(numbers(2, 0, member.inputs), torch.tensor([0, 0]))[0].shape == (2, 0, features)
    assert layer(numbers(0, 3, member.inputs), torch.zeros(0, dtype=torch.int64))[0].shape == (0, 3, features)


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_follows_the_seed_and_acts_in_training_only(name):
    member = LAYERS[name]
    layer, x = drawn(member), numbers(2, 9, member.inputs)
    calm = layer(x)[0]
    assert torch.equal(layer(x)[0], calm)
    layer.train()
    outputs = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        outputs.append(layer(x)[0])
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2]) is not member.dropout
    assert torch.equal(outputs[0], calm) is not member.dropout


@pytest.mark.parametrize("name", LAYERS)
def test_wrong_lengths_and_axes_are_named(name):
    member = LAYERS[name]
    layer = drawn(member)
    with pytest.raises(ShapeError, match=r"lengths\[1\]` is 5, longer than the batch \(time = 4\)"):
        layer(numbers(2, 4, member.inputs), torch.tensor([1, 5]))
    for lengths, said in (([1, 4], "not a list"), (torch.tensor([1, 4]).numpy(), "not a ndarray"), (torch.tensor([True, False]), "not torch.bool")):
        with pytest.raises(ShapeError, match=f"`lengths` .*whole numbers.*{said}"):
            layer(numbers(2, 4, member.inputs), lengths)
    with pytest.raises(ShapeError, match=rf"{member.inputs + 1} features on axis 2.*takes {member.inputs}"):
        layer(numbers(2, 4, member.inputs + 1))
    with pytest.raises(ShapeError, match=rf"\(4, {member.inputs}\)"):
        layer(numbers(4, member.inputs))


@pytest.mark.parametrize("name", CAUSAL)
def test_a_state_of_another_batch_is_refused(name):
    member = LAYERS[name]
    layer, x = drawn(member), numbers(3, 4, member.inputs)
    for batch in (1, 2):  # one sequence would be stretched to three
        for state in (layer.init(batch), layer(x[:batch])[1]):
            with pytest.raises(ShapeError, match=r"\(batch|batch[,)]"):
                layer(x, state=state)
            with pytest.raises(ShapeError, match=r"\(batch|batch[,)]"):
                layer.step(x[:, 0], state)


@pytest.mark.parametrize("name", LAYERS)
def test_everything_is_made_on_the_device_of_the_layer(name, monkeypatch):
    """The device "meta" has shapes but no numbers, and refuses a tensor of another device."""
    member = LAYERS[name]
    layer, x = drawn(member).to("meta"), numbers(2, 4, member.inputs).to("meta")
    monkeypatch.setattr(torch.compiler, "_is_compiling_flag", True)  # so that nobody looks at the lengths, which have no numbers either
    for lengths in (torch.tensor([4, 2]), torch.tensor([4, 2]).to("meta")):  # lengths may lie on any device
        output, state = layer(x, lengths)
        assert output.device.type == "meta"
    if member.causal:
        for before in (layer.init(2), state):
            assert layer.step(x[:, 0], before)[0].device.type == "meta"
            assert layer(x, state=before)[0].device.type == "meta"


@pytest.mark.parametrize("name", LAYERS)
def test_mixed_precision_keeps_its_digits(name):
    """bfloat16 has eight bits, an error of 0.4 % in each product; a mask or a state of the wrong type would show as an error or as NaN."""
    member = LAYERS[name]
    layer, x, lengths = drawn(member).float(), numbers(3, 7, member.inputs).float().requires_grad_(), torch.tensor([7, 4, 0])
    exact, _ = layer(x, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, state = layer(x, lengths)
        output.float().square().sum().backward()
        if member.causal:
            assert not stepped(layer, x, layer.init(3))[0].isnan().any()
            assert not layer.step(x[:, 0], state)[0].isnan().any()
    assert (output - exact).abs().max() < 0.05 * exact.abs().max()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_is_exported_with_any_batch_and_time(name):
    member = LAYERS[name]
    layer = drawn(member)
    batch, time = Dim("batch", min=2, max=64), Dim("time", min=2, max=512)
    shapes = {"x": {0: batch, 1: time}, "lengths": {0: batch}}
    program = torch.export.export(layer, (numbers(3, 7, member.inputs), torch.tensor([7, 4, 0])), dynamic_shapes=shapes).module()
    x, lengths = numbers(5, 12, member.inputs), torch.tensor([3, 12, 0, 1, 9])
    torch.testing.assert_close(program(x, lengths)[0], layer(x, lengths)[0], **EXACT)


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_compiles_as_one_graph(name):
    member = LAYERS[name]
    layer = drawn(member)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="eager")  # the graph, without minutes of code generation
    for lengths in ([7, 4, 0], [3, 7]):
        results = []
        for run in (compiled, layer):
            x = numbers(len(lengths), 7, member.inputs).requires_grad_()
            output, _ = run(x, torch.tensor(lengths))
            output.square().sum().backward()
            results.append((output.detach(), x.grad))
        torch.testing.assert_close(*results, **EXACT)
