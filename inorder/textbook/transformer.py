"""The Transformer: multi-head attention, and pre-norm blocks made of it.

    x ← x + attention(norm(x))                    to itself, and in a causal block never to a later step
    x ← x + attention(norm(x), memory)            in a decoder
    x ← x + feed_forward(norm(x))

Normalising inside each branch leaves a straight path from the last block to the first, so that deep stacks learn without a warm-up.
One sequence at a time; dropout, which acts in training only, is left out.

Sources: Vaswani et al. 2017, §3.1-3.3; pre-norm: Xiong et al. 2020; GELU: Hendrycks & Gimpel 2016; SwiGLU: Shazeer 2020, eq. 6;
rotary positions: Su et al. 2021; shared heads of keys and values: Ainslie et al. 2023.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inorder.textbook.attention import softmax
from inorder.textbook.normalization import layer_norm
from inorder.textbook.position import rotate

Array: TypeAlias = NDArray[np.float64]
Allowed: TypeAlias = NDArray[np.bool_]  # (target, source) True where a query may see a position


class Linear(NamedTuple):
    """weight: (output, input).   bias: (output,)."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        return np.asarray(x @ self.weight.T + self.bias)


class Norm(NamedTuple):
    """gain, shift: (features,)."""

    gain: Array
    shift: Array

    def __call__(self, x: Array) -> Array:
        return layer_norm(x, self.gain, self.shift)


class AttentionWeights(NamedTuple):
    """The four products of multi-head attention; heads lie side by side in the outputs of the first three."""

    query: Linear
    key: Linear
    value: Linear
    output: Linear


class Block(NamedTuple):
    """One pre-norm block; a decoder's has the two parts that read the memory.   up, down: the feed-forward network."""

    attention_norm: Norm
    attention: AttentionWeights
    feed_forward_norm: Norm
    up: Linear
    down: Linear
    memory_norm: Norm | None = None
    memory_attention: AttentionWeights | None = None


def multi_head_attention(
    x: Array, memory: Array, weights: AttentionWeights, heads: int, *, allowed: Allowed | None = None, key_value_heads: int | None = None, rotary: bool = False
) -> tuple[Array, Array]:
    """Several small attentions side by side, each on its own share of the features.

        headₕ[t] = Σₛ softmaxₛ(Qₕ[t] · Kₕ[s] / √width) · Vₕ[s]          output[t] = W·[head₁[t], …] + b

    x: (target, features).   memory: (source, memory).   heads: of queries; width = features / heads.
    key_value_heads: heads of keys and values, each shared by heads / key_value_heads neighbours; None = heads.
    allowed: (target, source); None = all. Where a query may see nothing, its heads are zero.   rotary: queries and keys are turned by their positions from 0.
    Returns (output (target, features), attention (heads, target, source)).

    >>> one = Linear(np.eye(2), np.zeros(2))
    >>> x = np.array([[9.0, 0.0], [0.0, 9.0]])
    >>> multi_head_attention(x, x, AttentionWeights(one, one, one, one), heads=1)[1].round(3).tolist()
    [[[1.0, 0.0], [0.0, 1.0]]]
    """
    shared = heads // (heads if key_value_heads is None else key_value_heads)
    queries, keys, values = weights.query(x), weights.key(memory), weights.value(memory)
    width = queries.shape[1] // heads
    attention, outputs = np.zeros((heads, len(x), len(memory))), np.zeros((len(x), heads * width))
    for head in range(heads):
        mine, theirs = slice(head * width, (head + 1) * width), slice(head // shared * width, (head // shared + 1) * width)
        q, k = queries[:, mine], keys[:, theirs]
        if rotary:
            q, k = rotate(q, np.arange(float(len(x)))), rotate(k, np.arange(float(len(memory))))
        for t in range(len(x)):
            seen = np.ones(len(memory), dtype=np.bool_) if allowed is None else allowed[t]
            if seen.any():
                attention[head, t] = softmax(k @ q[t] / np.sqrt(width), seen)
                outputs[t, mine] = attention[head, t] @ values[:, theirs]
    return weights.output(outputs), attention


def gelu(x: Array) -> Array:
    """x·Φ(x), with the distribution function Φ of the normal: a ReLU that is round at zero.

    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
    [-0.1587, 0.0, 0.8413]
    """
    return np.asarray(x * 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))))


def feed_forward(x: Array, up: Linear, down: Linear, activation: str = "gelu") -> Array:
    """The same small network at every step.

        relu, gelu    down(activation(up(x)))
        swiglu        down(a·σ(a) ⊙ b),  where up(x) = [a, b]

    Raises ValueError for another activation.

    >>> double = Linear(np.array([[2.0]]), np.zeros(1))
    >>> feed_forward(np.array([[3.0], [-3.0]]), double, double, "relu").tolist()
    [[12.0], [0.0]]
    """
    hidden = up(x)
    if activation == "swiglu":
        a, b = np.split(hidden, 2, axis=-1)
        return down(a / (1 + np.exp(-a)) * b)
    if activation == "relu":
        return down(np.maximum(hidden, 0.0))
    if activation == "gelu":
        return down(gelu(hidden))
    raise ValueError(f'`activation` is "relu", "gelu" or "swiglu", not {activation!r}.')


def transformer(
    x: Array,
    blocks: Sequence[Block],
    norm: Norm,
    heads: int,
    *,
    causal: bool = False,
    memory: Array | None = None,
    activation: str = "gelu",
    key_value_heads: int | None = None,
    rotary: bool = False,
) -> Array:
    """Blocks, and one more norm at the end.   x: (time, features).   memory: (source, memory), for the blocks of a decoder.   Returns (time, features).

    >>> nothing, plain = Linear(np.zeros((2, 2)), np.zeros(2)), Norm(np.ones(2), np.zeros(2))
    >>> still = Block(plain, AttentionWeights(nothing, nothing, nothing, nothing), plain, nothing, nothing)
    >>> transformer(np.array([[1.0, 3.0]]), [still], plain, heads=1).round(3).tolist()           # branches of zero leave x as it is
    [[-1.0, 1.0]]
    """
    earlier = np.tri(len(x), dtype=np.bool_) if causal else None
    for block in blocks:
        normed = block.attention_norm(x)
        x = x + multi_head_attention(normed, normed, block.attention, heads, allowed=earlier, key_value_heads=key_value_heads, rotary=rotary)[0]
        if memory is not None and block.memory_norm is not None and block.memory_attention is not None:
            x = x + multi_head_attention(block.memory_norm(x), memory, block.memory_attention, heads, key_value_heads=key_value_heads)[0]
        x = x + feed_forward(block.feed_forward_norm(x), block.up, block.down, activation)
    return norm(x)


def parameter_count(features: int, layers: int, hidden: int, *, activation: str = "gelu", memory: int | None = None, shared: int = 1) -> int:
    """How many numbers a pre-norm Transformer of this kind learns, without embeddings and positions.

        attention      2·f·(f + 1) + 2·(f/shared)·(m + 1)      queries and output; keys and values from m features (m = f: to itself)
        feed-forward   h·(f + 1) + f·(h + 1)                   SwiGLU: 2·h·(f + 1) + f·(h + 1)
        norms          2·f each, one before every branch and one at the end

    features f; hidden h of the feed-forward network; memory: features of a decoder's memory, None for an encoder;
    shared: heads of queries for each head of keys and values.

    >>> parameter_count(512, 6, 2048)
    18915328
    """

    def attention(source: int) -> int:
        return 2 * features * (features + 1) + 2 * (features // shared) * (source + 1)

    ups = 2 if activation == "swiglu" else 1
    block = attention(features) + ups * hidden * (features + 1) + features * (hidden + 1) + 2 * 2 * features
    if memory is not None:
        block += attention(memory) + 2 * features
    return layers * block + 2 * features
