"""Layers beside the recurrent ones: what a step costs with a state and without, and the Transformer beside torch's own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.case import Case, Target, require, timed
from inorder.nn import TCN, TransformerEncoder
from inorder.nn.multi_head import MultiHeadAttention


def tcn(quick: bool) -> list[Case]:
    """One step of a TCN by its buffers, beside running it over its receptive field again."""
    return [stepping(f"TCN, {levels} levels", TCN(8, 64, levels).eval(), TCN(8, 64, levels).receptive_field, 8, 3.0) for levels in (6, 8)]


def attention(quick: bool) -> list[Case]:
    """One step of a causal Transformer by its cache, beside running it over everything so far again; and whole batches beside torch.nn."""
    steps = [
        stepping(f"causal Transformer, step {length}", TransformerEncoder(128, 4, 4, causal=True, rotary=True).eval(), length, 128, 3.0)
        for length in (64, 256, 1024)
    ]
    return [*steps, beside_torch(batch=16, time=128, features=128, heads=4, layers=2)]


def stepping(name: str, layer: nn.Module, length: int, features: int, target: float) -> Case:
    """The step after `length` − 1 others."""
    x = torch.randn(1, length, features, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        _, state = layer(x[:, :-1])

    def step() -> Tensor:
        with torch.inference_mode():
            output: Tensor = layer.step(x[:, -1], state)[0]
        return output

    def again() -> Tensor:
        with torch.inference_mode():
            output: Tensor = layer(x)[0][:, -1]
        return output

    def check() -> dict[str, Any]:
        worst = float((step() - again()).abs().max() / again().abs().max())
        require(worst < 1e-4, f"the step differs from the whole sequence by up to {worst:g} of its size.")
        return {"largest difference": worst}

    programs = {"step": timed(step), "the whole sequence again": timed(again)}
    return Case(name, {"length": length, "batch": 1}, programs, check, [Target("time", target, "the whole sequence again", at_least=True)])


def beside_torch(batch: int, time: int, features: int, heads: int, layers: int) -> Case:
    """Forward and backward of a padded batch, with equal weights."""
    one = nn.TransformerEncoderLayer(features, heads, 4 * features, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(one, layers, norm=nn.LayerNorm(features), enable_nested_tensor=False)
    ours = TransformerEncoder(features, heads, layers)
    for mine, other in zip(ours.blocks, theirs.layers, strict=True):
        take_attention(mine.attention, other.self_attn)
        pairs = [(mine.attention_norm, other.norm1), (mine.feed_forward_norm, other.norm2)]
        for part, source in [*pairs, (mine.feed_forward.up, other.linear1), (mine.feed_forward.down, other.linear2)]:
            part.load_state_dict(source.state_dict())
    x = torch.randn(batch, time, features, generator=torch.Generator().manual_seed(0))
    lengths = torch.randint(time // 4, time + 1, (batch,), generator=torch.Generator().manual_seed(1))
    real = torch.arange(time) < lengths[:, None]

    def learn(run: Any, model: nn.Module) -> Tensor:
        model.zero_grad()
        output: Tensor = run()
        output.square().mean().backward()
        return output

    def our_step() -> Tensor:
        return learn(lambda: ours(x, lengths)[0], ours)

    def their_step() -> Tensor:
        return learn(lambda: theirs(x, src_key_padding_mask=~real).masked_fill(~real[:, :, None], 0.0), theirs)

    def check() -> dict[str, Any]:
        worst = float((our_step() - their_step()).detach().abs().max())
        require(worst < 1e-4, f"the outputs differ by up to {worst:g}.")
        up = [model.get_parameter(name).grad for model, name in ((ours, "blocks.0.feed_forward.up.weight"), (theirs, "layers.0.linear1.weight"))]
        assert up[0] is not None and up[1] is not None
        gradient = float((up[0] - up[1]).abs().max() / up[1].abs().max())
        require(gradient < 1e-4, f"a gradient differs by up to {gradient:g} of its size.")
        return {"largest difference": worst, "of a gradient": gradient}

    sizes = {"batch": batch, "time": time, "features": features, "heads": heads, "layers": layers}
    programs = {"inorder": timed(our_step), "torch.nn.TransformerEncoder": timed(their_step)}
    return Case("padded batch, forward and backward", sizes, programs, check, [Target("time", 1.1, "torch.nn.TransformerEncoder")])


def take_attention(mine: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """torch stacks the three products in one matrix."""
    with torch.no_grad():
        for k, part in enumerate((mine.query, mine.key, mine.value)):
            part.weight.copy_(theirs.in_proj_weight[k * mine.features : (k + 1) * mine.features])
            part.bias.copy_(theirs.in_proj_bias[k * mine.features : (k + 1) * mine.features])
    mine.output.load_state_dict(theirs.out_proj.state_dict())
