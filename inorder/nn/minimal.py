"""minGRU and minLSTM: recurrent layers whose gates do not look at the state.

    h[t] = keep[t] ⊙ h[t−1] + fresh[t]          keep and fresh from x[t] alone

All gates of a sequence come from one product; what is left is a multiplication and an addition a step (`inorder.kernels.linear_scan`).
The price is paid in depth: what one layer cannot say, since its gates do not know the state, a stack can.

Source: Feng, Tung, Hassani, Ahmed & Bengio 2024, Were RNNs all we needed?, §3; g and the form in logarithms, appendix B.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError
from inorder.kernels.linear_scan import gated_scan
from inorder.nn.checking import check_axes, check_dropout, check_flags, check_kind, check_number, check_state, check_whole, valid_steps, zero_padding
from inorder.nn.directions import how_joined, joined

if TYPE_CHECKING:
    from inorder.nn.streaming import Stream
    from inorder.nn.traces import Trace


class Minimal(nn.Module):
    """What minGRU and minLSTM share: all but their gates."""

    cell: ClassVar[str]
    gates: ClassVar[int]

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        *,
        dropout: float = 0.0,
        residual: bool = False,
        bidirectional: bool | str = False,
        positive: bool = True,
        forget_bias: float = 1.0,
        learn_initial_state: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_whole(f"a {type(self).__name__}", inputs=inputs, hidden=hidden, layers=layers)
        check_dropout(dropout, layers)
        check_flags(residual=residual, positive=positive, learn_initial_state=learn_initial_state)
        check_number(forget_bias=forget_bias)
        self.inputs, self.hidden, self.layers, self.dropout, self.residual = inputs, hidden, layers, dropout, residual
        self.joined = how_joined(bidirectional)
        self.positive, self.forget_bias = positive, forget_bias
        self.output = 2 * hidden if self.joined == "concatenate" else hidden
        self.suffixes = ("",) if self.joined is None else ("", "_reverse")
        like: dict[str, Any] = {"device": device, "dtype": dtype}
        for k in range(layers):
            for suffix in self.suffixes:
                width = inputs if k == 0 else self.output
                self.register_parameter(f"weight_ih_l{k}{suffix}", nn.Parameter(torch.empty(self.gates * hidden, width, **like)))
                self.register_parameter(f"bias_ih_l{k}{suffix}", nn.Parameter(torch.empty(self.gates * hidden, **like)))
        self.learn_initial_state = learn_initial_state
        if learn_initial_state:
            self.initial_hidden = nn.Parameter(torch.empty(layers * len(self.suffixes), hidden, **like))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights: Xavier, gate by gate; biases and first states 0, but for the gate that forgets."""
        with torch.no_grad():
            if self.learn_initial_state:
                self.initial_hidden.zero_()
            for k in range(self.layers):
                for suffix in self.suffixes:
                    weight, bias = self._weights(k, suffix)
                    for rows in weight.chunk(self.gates):
                        nn.init.xavier_uniform_(rows)
                    bias.zero_()
                    bias[: self.hidden] = self.forget_bias if self.cell == "lstm" else -self.forget_bias

    def init(self, batch: int) -> Tensor:
        """The state before the first step, zeros or what was learnt: (layers · directions, batch, hidden)."""
        if self.learn_initial_state:
            return self.initial_hidden[:, None].expand(-1, batch, -1)
        return self._weights(0, "")[0].new_zeros(self.layers * len(self.suffixes), batch, self.hidden)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over a whole batch.

        x: (batch, time, inputs).   lengths: (batch,) real steps of each sequence, 0 allowed, on any device; None = all.
        state: where to begin; None = zeros, or what was learnt.
        Returns output (batch, time, hidden), or 2·hidden where directions are concatenated, zero beyond the lengths, and the state
        (layers · directions, batch, hidden) after the last real step of each sequence; of a backward direction, after its first.
        """
        return self._run(x, lengths, state, lambda pre, output: None)

    def _run(self, x: Tensor, lengths: Tensor | None, state: Tensor | None, see: Callable[[Tensor, Tensor], None]) -> tuple[Tensor, Tensor]:
        """`forward`, where `see` is shown what the gates of each layer and direction come from, and what comes out."""
        check_axes(x, "batch time inputs", self.inputs)
        check_kind(x, self._weights(0, "")[0])
        valid = valid_steps(lengths, x.shape[0], x.shape[1])
        (state,) = self._split(state, x.shape[0])
        x = zero_padding(x, valid)
        lasts = []
        for k in range(self.layers):
            below = x
            x = functional.dropout(x, self.dropout, self.training) if k else x
            outputs = []
            for direction, suffix in enumerate(self.suffixes):
                pre = self._product(x, k, suffix)
                first = state[k * len(self.suffixes) + direction]
                output, last = gated_scan(pre, first, lengths, cell=self.cell, positive=self.positive, reverse=direction == 1)
                see(pre, output)
                outputs.append(output)
                lasts.append(last)
            x = joined(outputs, self.joined)
            x = x + below if self.residual and below.shape[-1] == x.shape[-1] else x
        return x, torch.stack(lasts)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step.   x: (batch, inputs).   Returns output (batch, hidden) and the next state.   Raises ConfigError where the layer is bidirectional."""
        self.check_causal("take one step")
        check_axes(x, "batch inputs", self.inputs)
        check_kind(x, self._weights(0, "")[0])
        (state,) = self._split(state, x.shape[0])
        after = []
        for k in range(self.layers):
            below = x
            x = functional.dropout(x, self.dropout, self.training) if k else x
            _, x = gated_scan(self._product(x, k, "")[:, None], state[k], cell=self.cell, positive=self.positive)
            after.append(x)
            x = x + below if self.residual and below.shape[-1] == x.shape[-1] else x
        return x, torch.stack(after)

    def check_causal(self, what: str) -> None:
        """Raises ConfigError where the layer runs in both directions."""
        if self.joined is not None:
            raise ConfigError(f"A bidirectional {type(self).__name__} cannot {what}: its output at each step depends on all later inputs. Use one direction.")

    def trace(self, x: Tensor, lengths: Tensor | None = None, state: Tensor | None = None) -> Trace:
        """Every gate and state along the sequences; see `inorder.nn.traces.trace`."""
        from inorder.nn.traces import trace

        return trace(self, x, lengths, state)

    def stream(self) -> Stream:
        """One observation after the other, for one sequence, with the weights as they are now; see `inorder.nn.streaming.Stream`."""
        from inorder.nn.streaming import Stream

        return Stream(self)

    def extra_repr(self) -> str:
        parts = [f"{self.inputs}, {self.hidden}, layers={self.layers}, dropout={self.dropout:g}"]
        parts += ["residual=True"] * self.residual + [f"bidirectional={self.joined!r}"] * (self.joined is not None)
        return ", ".join(parts + ["positive=False"] * (not self.positive) + ["learn_initial_state=True"] * self.learn_initial_state)

    def _product(self, x: Tensor, k: int, suffix: str) -> Tensor:
        """All gates of layer k, in the layer's own kind of numbers also in mixed precision, as is the state that they act on."""
        weight, bias = self._weights(k, suffix)
        return functional.linear(x, weight, bias).to(weight.dtype)

    def _weights(self, k: int, suffix: str) -> tuple[Tensor, Tensor]:
        weight, bias = (getattr(self, f"{name}_ih_l{k}{suffix}") for name in ("weight", "bias"))
        return weight, bias

    def _split(self, state: Tensor | None, batch: int) -> tuple[Tensor]:
        if state is None:
            return (self.init(batch),)
        check_state(state, (self.layers * len(self.suffixes), batch, self.hidden), "layers batch hidden")
        return (state,)


class MinGRU(Minimal):
    """Minimal gated recurrent unit, one layer or a stack.

        z = σ(Wz·x + bz)                     how much of the past is replaced
        h ← (1 − z) ⊙ h + z ⊙ g(Wh·x + bh)   g(v) = v + ½ where v ≥ 0, σ(v) elsewhere

    inputs, hidden: features per step and units per layer.   dropout: share of the values between layers set to zero in training; between
    layers, never between time steps.   residual: the input of a layer is added to its output where both have the same width.
    bidirectional: True or "concatenate", "sum", "average": a second recurrence from the end, and how both are joined.
    positive: False for g(v) = v.   forget_bias: −bz at the start, so that a state decays by 1 − σ(−1) = 0.73 a step; larger remembers longer.
    learn_initial_state: where to begin is learnt instead of zeros.
    device, dtype: of the parameters; None = the usual ones.
    Weights are stacked in the order z, candidate.

    >>> layer = MinGRU(3, 5, layers=2)
    >>> output, state = layer(torch.ones(4, 7, 3), lengths=torch.tensor([7, 5, 1, 0]))
    >>> tuple(output.shape), tuple(state.shape), bool(output[1, 5:].any())
    ((4, 7, 5), (2, 4, 5), False)
    """

    cell = "gru"
    gates = 2


class MinLSTM(Minimal):
    """Minimal long short-term memory, one layer or a stack.

        f = σ(Wf·x + bf)                                     what to keep
        i = σ(Wi·x + bi)                                     what to admit
        h ← f/(f + i) ⊙ h + i/(f + i) ⊙ g(Wh·x + bh)         shares of the two, so that h stays in scale

    Settings as for `MinGRU`; forget_bias: bf at the start. Weights are stacked in the order f, i, candidate.

    >>> layer = MinLSTM(3, 5, bidirectional="average")
    >>> output, state = layer(torch.ones(4, 7, 3))
    >>> tuple(output.shape), tuple(state.shape)
    ((4, 7, 5), (2, 4, 5))
    """

    cell = "lstm"
    gates = 3
