"""Convolution over time.

    y[s, o] = bias[o] + Σₖ Σᵢ kernel[o, i, k] · x[s·stride + k·dilation − left, i]        outside the sequence, x = 0

What deep learning calls convolution is correlation: the kernel is not flipped. Its weights are shared by all times, and each output
sees (width − 1)·dilation + 1 inputs. A temporal convolutional network stacks residual blocks of two convolutions, `tcn`.

Sources: Waibel et al. 1989 (time-delay networks); van den Oord et al. 2016 (causal, dilated); output lengths: Dumoulin & Visin 2016;
Bai, Kolter & Koltun 2018, §3 (TCN).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inorder.textbook.normalization import layer_norm, weight_norm

Array: TypeAlias = NDArray[np.float64]


class ConvolutionGradients(NamedTuple):
    """The gradient of a loss with respect to the three arguments of `conv1d`."""

    input: Array
    kernel: Array
    bias: Array


class TCNConvolution(NamedTuple):
    """kernel: (hidden, input, width).   bias: (hidden,).   scale: (hidden,), for weight norm.   gain, shift: (hidden,), for layer norm.   None = without."""

    kernel: Array
    bias: Array
    scale: Array | None = None
    gain: Array | None = None
    shift: Array | None = None


class TCNBlock(NamedTuple):
    """One level of a TCN.   shortcut: (hidden, input) and its bias (hidden,), where the widths differ."""

    first: TCNConvolution
    second: TCNConvolution
    dilation: int
    shortcut: Array | None = None
    shortcut_bias: Array | None = None


def paddings(width: int, dilation: int = 1, padding: str = "valid") -> tuple[int, int]:
    """Zeros before and after the sequence.   span = (width − 1)·dilation

        valid    0, 0                       only where the whole kernel fits: the output is `span` shorter
        same     ⌊span/2⌋, ⌈span/2⌉         as long as the input (stride 1); an odd zero goes to the end, as in PyTorch
        causal   span, 0                    as long as the input; an output sees nothing later than itself

    Raises ValueError for another padding.

    >>> paddings(4), paddings(4, padding="same"), paddings(3, dilation=2, padding="causal")
    ((0, 0), (1, 2), (4, 0))
    """
    span = (width - 1) * dilation
    known = {"valid": (0, 0), "same": (span // 2, span - span // 2), "causal": (span, 0)}
    if padding not in known:
        raise ValueError(f'`padding` is "valid", "same" or "causal", not {padding!r}.')
    return known[padding]


def conv1d(x: Array, kernel: Array, bias: Array | None = None, *, padding: str = "valid", stride: int = 1, dilation: int = 1) -> Array:
    """Convolve along time.

    x: (..., time, input).   kernel: (output, input, width), as PyTorch stores it.   bias: (output,).
    Returns (..., steps, output) with steps = ⌊(time + zeros − (width − 1)·dilation − 1) / stride⌋ + 1.
    stride: time steps between outputs; with "same" it takes every stride-th output of stride 1.   dilation: time steps between the kernel's taps.
    Raises ValueError where the axes do not fit or the sequence is shorter than the kernel.

    >>> x = np.array([[1.0], [2.0], [4.0], [8.0]])                      # (time=4, input=1)
    >>> change = np.array([[[-1.0, 1.0]]])                              # (output=1, input=1, width=2)
    >>> conv1d(x, change).ravel().tolist(), conv1d(x, change, padding="causal").ravel().tolist()
    ([1.0, 2.0, 4.0], [1.0, 1.0, 2.0, 4.0])
    """
    padded, _, starts = _place(x, kernel, padding, stride, dilation)
    outputs, _, width = kernel.shape
    y = np.zeros((*x.shape[:-2], len(starts), outputs))
    for s, start in enumerate(starts):
        for k in range(width):
            y[..., s, :] += padded[..., start + k * dilation, :] @ kernel[:, :, k].T
    return y if bias is None else y + bias


def conv1d_backward(x: Array, kernel: Array, output_gradient: Array, *, padding: str = "valid", stride: int = 1, dilation: int = 1) -> ConvolutionGradients:
    """The gradient of `conv1d`: every product of the forward pass sends its gradient to both of its factors.

    output_gradient: ∂L/∂y, (..., steps, output).   Weight gradients are summed over batch axes.

    >>> x, kernel = np.ones((4, 1)), np.array([[[-1.0, 1.0]]])
    >>> conv1d_backward(x, kernel, np.ones((3, 1))).input.ravel().tolist()        # a sum of differences: only the ends remain
    [-1.0, 0.0, 0.0, 1.0]
    """
    padded, left, starts = _place(x, kernel, padding, stride, dilation)
    d_padded, d_kernel = np.zeros(padded.shape), np.zeros(kernel.shape)
    for s, start in enumerate(starts):
        for k in range(kernel.shape[2]):
            d_padded[..., start + k * dilation, :] += output_gradient[..., s, :] @ kernel[:, :, k]
            seen = padded[..., start + k * dilation, :]
            d_kernel[:, :, k] += output_gradient[..., s, :].reshape(-1, kernel.shape[0]).T @ seen.reshape(-1, kernel.shape[1])
    d_bias = output_gradient.reshape(-1, kernel.shape[0]).sum(axis=0)
    return ConvolutionGradients(d_padded[..., left : left + x.shape[-2], :], d_kernel, np.asarray(d_bias))


def _place(x: Array, kernel: Array, padding: str, stride: int, dilation: int) -> tuple[Array, int, range]:
    """The padded sequence, the zeros on its left, and where each output's first tap lies."""
    if x.shape[-1] != kernel.shape[1]:
        raise ValueError(f"`x` has {x.shape[-1]} features on its last axis, but the kernel takes {kernel.shape[1]}.")
    width, time = kernel.shape[2], x.shape[-2]
    left, right = paddings(width, dilation, padding)
    span = (width - 1) * dilation
    if time + left + right <= span:
        raise ValueError(f"The kernel spans {span + 1} time steps, but `x` has {time}. Use padding='causal' or a shorter kernel.")
    padded = np.pad(x.astype(np.float64), [(0, 0)] * (x.ndim - 2) + [(left, right), (0, 0)])
    return padded, left, range(0, time + left + right - span, stride)


def receptive_field(layers: Sequence[tuple[int, int, int]]) -> int:
    """How many inputs one output of a stack of convolutions sees.

        r = 1 + Σₗ (widthₗ − 1) · dilationₗ · ∏ strides of the layers below

    layers: (width, dilation, stride) from the lowest up.

    >>> receptive_field([(3, 1, 1)]), receptive_field([(2, 1, 1), (2, 2, 1), (2, 4, 1), (2, 8, 1)])      # doubling the dilation
    (3, 16)
    """
    field, apart = 1, 1
    for width, dilation, stride in layers:
        field += (width - 1) * dilation * apart
        apart *= stride
    return field


def tcn(x: Array, blocks: Sequence[TCNBlock], padding: str = "causal") -> Array:
    """A temporal convolutional network, level by level (dropout, which acts in training only, left out).

        h = relu(norm(conv₁(x)))
        h = relu(norm(conv₂(h)))
        x ← relu(shortcut(x) + h)

    x: (..., time, input).   Returns (..., time, hidden).

    >>> step_back = TCNConvolution(np.array([[[1.0, 0.0]]]), np.zeros(1))                       # y[t] = x[t − dilation]
    >>> block = TCNBlock(step_back, step_back, dilation=2)
    >>> tcn(np.array([[1.0], [0.0], [0.0], [0.0], [0.0]]), [block]).ravel().tolist()            # x, and x four steps ago
    [1.0, 0.0, 0.0, 0.0, 1.0]
    """
    for block in blocks:
        h = np.maximum(_normed(x, block.first, block.dilation, padding), 0.0)
        h = np.maximum(_normed(h, block.second, block.dilation, padding), 0.0)
        if block.shortcut is not None and block.shortcut_bias is not None:
            x = x @ block.shortcut.T + block.shortcut_bias
        x = np.maximum(x + h, 0.0)
    return x


def _normed(x: Array, convolution: TCNConvolution, dilation: int, padding: str) -> Array:
    kernel, bias, scale, gain, shift = convolution
    if scale is not None:
        kernel = weight_norm(kernel, scale)
    y = conv1d(x, kernel, bias, padding=padding, dilation=dilation)
    return y if gain is None or shift is None else layer_norm(y, gain, shift)
