"""Convolution over time: one layer, and a stack whose dilation doubles from level to level (TCN).

    y[t, o] = bias[o] + Σₖ Σᵢ weight[o, i, k] · x[t + k·dilation − left, i]        outside the sequence, x = 0

A causal layer pads on the left alone, left = (width − 1)·dilation, and its state is what it still has to see: the last `left` inputs.
`layer(x, lengths, state)` runs a whole padded batch, `layer.step(x, state)` one step; both give the same numbers.

Sources: Waibel et al. 1989 (time-delay networks); van den Oord et al. 2016 (causal, dilated); Bai, Kolter & Koltun 2018 (the residual
stack); Salimans & Kingma 2016 (weight norm); Tompson et al. 2015 (dropout of whole channels); He et al. 2015 and Glorot & Bengio 2010 (initial weights).
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError, ShapeError, unknown
from inorder.nn.checking import check_axes, check_kind, check_share, check_state, check_whole, valid_steps, zero_padding

TCNState: TypeAlias = tuple[Tensor, ...]  # of each convolution, from the lowest up, the inputs that it still has to see


class Conv1d(nn.Module):
    """One convolution over time, as long as its input.

    inputs, outputs: features per step.   width: taps of the kernel.   dilation: steps between taps.
    padding: "causal", where no output sees a later input, or "same", where the kernel is centred (with an even span's odd zero at the end, as in PyTorch).
    weight_norm: learn the kernel's length apart from its direction, one `scale` an output:  kernel = scale · weight / ‖weight‖.
    The kernel starts as Xavier uniform, the bias as zero. Parameters are named as in `torch.nn.Conv1d`, so that its state dicts load.

    >>> layer = Conv1d(3, 5, width=2, dilation=4)
    >>> output, state = layer(torch.ones(4, 7, 3), lengths=torch.tensor([7, 5, 1, 0]))
    >>> tuple(output.shape), tuple(state.shape), bool(output[1, 5:].any()), layer.receptive_field
    ((4, 7, 5), (4, 4, 3), False, 5)
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    scale: nn.Parameter | None

    def __init__(
        self, inputs: int, outputs: int, width: int, *, dilation: int = 1, padding: str = "causal", bias: bool = True, weight_norm: bool = False
    ) -> None:
        super().__init__()
        check_whole("a convolution", inputs=inputs, outputs=outputs, width=width, dilation=dilation)
        if padding not in ("causal", "same"):
            raise unknown("padding", padding, ("causal", "same"))
        self.inputs, self.outputs, self.width, self.dilation, self.padding = inputs, outputs, width, dilation, padding
        self.weight = nn.Parameter(torch.empty(outputs, inputs, width))
        self.register_parameter("bias", nn.Parameter(torch.empty(outputs)) if bias else None)
        self.register_parameter("scale", nn.Parameter(torch.empty(outputs)) if weight_norm else None)
        self.reset_parameters()

    def reset_parameters(self, for_relu: bool = False) -> None:
        """Draw a new kernel: Xavier uniform, or He uniform where a ReLU follows; bias 0; the scale, if any, is the kernel's own length."""
        with torch.no_grad():
            if for_relu:
                nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(self.weight)
            if self.bias is not None:
                self.bias.zero_()
            if self.scale is not None:
                self.scale.copy_(self.weight.flatten(1).norm(dim=1))

    @property
    def span(self) -> int:
        """How many inputs an output sees beside one: (width − 1)·dilation."""
        return (self.width - 1) * self.dilation

    @property
    def receptive_field(self) -> int:
        """How many inputs an output sees."""
        return self.span + 1

    def init(self, batch: int) -> Tensor:
        """The state before the first step: zeros, (batch, span, inputs); of a centred layer nothing, (batch, 0, inputs)."""
        return self.weight.new_zeros(batch, self.span if self.padding == "causal" else 0, self.inputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over a whole batch.

        x: (batch, time, inputs).   lengths: (batch,) real steps of each sequence, 0 allowed, on any device; None = all.
        state: what came before; None = zeros.
        Returns output (batch, time, outputs), zero beyond the lengths, and the state after the last real step of each sequence.
        """
        check_axes(x, "batch time inputs", self.inputs)
        check_kind(x, self.weight)
        valid = valid_steps(lengths, x.shape[0], x.shape[1])
        output, state = self.run(zero_padding(x, valid), lengths, state)
        return zero_padding(output, valid), state

    def run(self, x: Tensor, lengths: Tensor | None, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """As `forward`, for lengths that were looked at and an `x` whose padding is zero; outputs beyond the lengths are left as they come."""
        batch, time = x.shape[:2]
        by_channel = x.transpose(1, 2)  # torch convolves (batch, channels, time)
        if self.padding == "same":
            if state is not None:
                raise ConfigError('A convolution with padding "same" sees later inputs, so it carries no state; use padding="causal".')
            return self._convolve(functional.pad(by_channel, (self.span // 2, self.span - self.span // 2)), time), self.init(batch)
        state = self.init(batch) if state is None else state
        check_state(state, (batch, self.span, self.inputs), "batch span inputs")
        seen = torch.cat([state.transpose(1, 2), by_channel], dim=2)
        if lengths is None:
            latest = seen[:, :, time:].clone()  # a view would keep all of `seen` in memory
        else:
            places = lengths.to(x.device)[:, None] + torch.arange(self.span, device=x.device)  # column n of `seen` stands span steps before step n
            latest = seen.gather(2, places[:, None].expand(-1, self.inputs, -1))
        return self._convolve(seen, time), latest.transpose(1, 2)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step.   x: (batch, inputs).   Returns output (batch, outputs) and the next state.   Raises ConfigError for padding "same"."""
        if self.padding == "same":
            raise ConfigError('A convolution with padding "same" sees later inputs, so it cannot go step by step; use padding="causal".')
        check_axes(x, "batch inputs", self.inputs)
        check_kind(x, self.weight)
        check_state(state, (x.shape[0], self.span, self.inputs), "batch span inputs")
        seen = torch.cat([state, x[:, None]], dim=1)
        taps = seen[:, :: self.dilation].transpose(1, 2).flatten(1)  # (batch, inputs·width), in the order of the kernel
        return functional.linear(taps, self.kernel().flatten(1), self.bias), seen[:, 1:]

    def kernel(self) -> Tensor:
        """(outputs, inputs, width) the kernel that is applied."""
        if self.scale is None:
            return self.weight
        length: Tensor = self.weight.flatten(1).norm(dim=1)
        return self.weight * (self.scale / length)[:, None, None]

    def extra_repr(self) -> str:
        return f"{self.inputs}, {self.outputs}, width={self.width}, dilation={self.dilation}, padding={self.padding}"

    def _convolve(self, padded: Tensor, time: int) -> Tensor:
        """padded: (batch, inputs, span + time) -> (batch, time, outputs)."""
        if time == 0:
            return padded.new_zeros(padded.shape[0], 0, self.outputs)
        return functional.conv1d(padded.contiguous(), self.kernel(), self.bias, dilation=self.dilation).transpose(1, 2)


class TCN(nn.Module):
    """Temporal convolutional network: residual blocks of two dilated convolutions each.

        h = drop(relu(norm(conv₁(x))))        dilation = growthˡ at level l = 0, 1, …
        h = drop(relu(norm(conv₂(h))))
        x ← relu(shortcut(x) + h)             shortcut: x itself, or a matrix where the widths differ

    inputs: features per step.   hidden: channels of every level, and features of the output.   levels: blocks.   width: taps of each kernel.
    growth: the dilation is multiplied by it from level to level.   padding: "causal", or "same" to see both sides.
    dropout: share of channels set to zero in training, each for the whole sequence.   weight_norm: as in `Conv1d`.   layer_norm: `norm` is layer
    normalisation over the channels of one step, so that it stays causal; otherwise nothing.
    The blocks start as He uniform, the shortcut as Xavier uniform, biases as zero.

    >>> layer = TCN(3, 8, levels=4, width=2)
    >>> output, state = layer(torch.ones(2, 9, 3))
    >>> tuple(output.shape), [tuple(seen.shape) for seen in state[:3]], layer.receptive_field
    ((2, 9, 8), [(2, 1, 3), (2, 1, 8), (2, 2, 8)], 31)
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        levels: int,
        width: int = 3,
        *,
        growth: int = 2,
        padding: str = "causal",
        dropout: float = 0.0,
        weight_norm: bool = False,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        check_whole("a TCN", inputs=inputs, hidden=hidden, levels=levels, width=width, growth=growth)
        check_share(dropout=dropout)
        self.inputs, self.hidden, self.padding = inputs, hidden, padding
        self.blocks = nn.ModuleList(
            _Block(inputs if level == 0 else hidden, hidden, width, growth**level, padding, dropout, weight_norm, layer_norm) for level in range(levels)
        )

    @property
    def receptive_field(self) -> int:
        """How many inputs an output sees:  1 + Σ 2·(width − 1)·dilation over the levels."""
        return 1 + sum(convolution.span for convolution in self._convolutions())

    def init(self, batch: int) -> TCNState:
        """The state before the first step: zeros; (batch, span, channels) of each convolution."""
        return tuple(convolution.init(batch) for convolution in self._convolutions())

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: TCNState | None = None) -> tuple[Tensor, TCNState]:
        """Run over a whole batch.

        x: (batch, time, inputs).   lengths: (batch,) real steps of each sequence, 0 allowed, on any device; None = all.
        state: what came before; None = zeros.
        Returns output (batch, time, hidden), zero beyond the lengths, and the state after the last real step of each sequence.
        """
        check_axes(x, "batch time inputs", self.inputs)
        before = self._pairs(state)
        valid = valid_steps(lengths, x.shape[0], x.shape[1])
        x = zero_padding(x, valid)
        after: list[Tensor] = []
        for block, (first, second) in zip(self._levels(), before, strict=True):
            x, *pair = block(x, lengths, valid, first, second)
            after += pair
        return zero_padding(x, valid), tuple(after)

    def step(self, x: Tensor, state: TCNState) -> tuple[Tensor, TCNState]:
        """One step.   x: (batch, inputs).   Returns output (batch, hidden) and the next state.   Raises ConfigError for padding "same"."""
        after: list[Tensor] = []
        for block, (first, second) in zip(self._levels(), self._pairs(state), strict=True):
            assert first is not None and second is not None
            x, *pair = block.step(x, first, second)
            after += pair
        return x, tuple(after)

    def _pairs(self, state: TCNState | None) -> list[tuple[Tensor | None, Tensor | None]]:
        """The state, block by block."""
        if state is None:
            return [(None, None)] * len(self.blocks)
        if len(state) != 2 * len(self.blocks):
            raise ShapeError(f"The state of this TCN has {2 * len(self.blocks)} parts, two a level; this one has {len(state)}.")
        return list(zip(state[::2], state[1::2], strict=True))

    def _levels(self) -> list[_Block]:
        return [block for block in self.blocks if isinstance(block, _Block)]

    def _convolutions(self) -> list[Conv1d]:
        return [convolution for block in self._levels() for convolution in (block.first, block.second)]


class _Block(nn.Module):
    """One residual block of a `TCN`."""

    def __init__(self, inputs: int, hidden: int, width: int, dilation: int, padding: str, dropout: float, weight_norm: bool, layer_norm: bool) -> None:
        super().__init__()
        self.dropout = dropout
        self.first = Conv1d(inputs, hidden, width, dilation=dilation, padding=padding, weight_norm=weight_norm)
        self.second = Conv1d(hidden, hidden, width, dilation=dilation, padding=padding, weight_norm=weight_norm)
        self.first_norm, self.second_norm = (nn.LayerNorm(hidden) if layer_norm else nn.Identity() for _ in range(2))
        self.shortcut = nn.Identity() if inputs == hidden else nn.Linear(inputs, hidden)
        for convolution in (self.first, self.second):
            convolution.reset_parameters(for_relu=True)
        if isinstance(self.shortcut, nn.Linear):
            nn.init.xavier_uniform_(self.shortcut.weight)
            nn.init.zeros_(self.shortcut.bias)

    def forward(self, x: Tensor, lengths: Tensor | None, valid: Tensor | None, first: Tensor | None, second: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        h, first = self.first.run(x, lengths, first)
        h = self._drop(functional.relu(self.first_norm(h)))
        h, second = self.second.run(self._hide(h, valid), lengths, second)
        h = self._drop(functional.relu(self.second_norm(h)))
        return self._hide(functional.relu(self.shortcut(x) + h), valid), first, second

    def step(self, x: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h, first = self.first.step(x, first)
        h = self._drop(functional.relu(self.first_norm(h)))
        h, second = self.second.step(h, second)
        h = self._drop(functional.relu(self.second_norm(h)))
        return functional.relu(self.shortcut(x) + h), first, second

    def _drop(self, h: Tensor) -> Tensor:
        """Whole channels to zero.   h: (batch, time, hidden), or (batch, hidden) of one step."""
        if not self.training or self.dropout == 0:
            return h
        return h * functional.dropout(torch.ones_like(h if h.ndim == 2 else h[:, :1]), self.dropout)

    def _hide(self, h: Tensor, valid: Tensor | None) -> Tensor:
        """A centred convolution sees what lies behind the end, so that has to be zero; a causal one does not."""
        return h if self.first.padding == "causal" else zero_padding(h, valid)
