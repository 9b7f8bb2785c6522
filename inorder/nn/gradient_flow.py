"""How far back gradients reach in a layer or model, measured.

    norm[lag] = ‖∂output[T] / ∂x[T − lag]‖₂        the most by which a small change, `lag` steps ago, is scaled on its way to the output

Below one per step it vanishes, above it explodes; what an LSTM is said to solve is decided by its forget gate, hence by its bias.
The norm is the largest singular value of the Jacobian. The same on paper, in NumPy: `inorder.textbook.gradient`.

Sources: Hochreiter 1991; Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013, §2.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inorder.data.batch import check_lengths
from inorder.errors import ConfigError, ShapeError
from inorder.plots import BLUE, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
ROWS = 256  # copies of a sequence that are run at once, one for each unit of the output
SHOWN = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """Norms of ∂output[T]/∂x[T − lag], or by the state after step T − lag, for each sequence.

    of: "input" or "state".   lags: (lags,) steps back; from 0 by the input, from 1 by the state.
    norms: (sequences, lags), NaN where a sequence is shorter or the gradient is not finite, as in a model whose weights have become NaN.
    """

    of: str
    lags: NDArray[np.int64]
    norms: Array

    @property
    def median(self) -> Array:
        """(lags,) over the sequences that are long enough."""
        return np.asarray(_over_known(np.nanmedian, self.norms))

    def plot(self) -> Figure:
        """The median by lag on a logarithmic scale, with all sequences between their smallest and largest norm."""
        return _drawn(self)

    def __str__(self) -> str:
        low, high, last = _over_known(np.nanmin, self.norms), _over_known(np.nanmax, self.norms), int(self.lags[-1])
        chosen = [k for k, lag in enumerate(self.lags.tolist()) if lag in SHOWN or lag == last]
        many = len(self.norms) > 1
        heading = f"‖∂output/∂{self.of}‖" + (f", median and range of {len(self.norms)} sequences" if many else "")
        rows = [f"{self.lags[k]:>5}   {self.median[k]:.1e}" + (f"   {low[k]:.1e} … {high[k]:.1e}" if many else "") for k in chosen]
        return "\n".join([f"  lag   {heading}", *rows])


def gradient_flow(model: nn.Module, x: Tensor, lengths: Tensor | None = None, *, of: str = "input") -> GradientFlow:
    """Norms of the gradient of the last output, by time lag.

    model: a layer or model `(x, lengths) -> (output, state)`, one that returns an output alone, (batch, time, units) or (batch, units), or a
    `torch.nn.RNN`, `LSTM`, `GRU` as it is.   x: (batch, time, inputs), real numbers, whatever the `batch_first` of a layer of torch.
    lengths: (batch,) from 1; None = all.
    of: "input", or "state" for ∂output[T]/∂(all parts of the state after step T − lag, side by side), where the model has steps.
    The model is run in evaluation mode and left as it was: modes, parameters, gradients.
    Raises ShapeError for an `x` or `lengths` that do not fit, ConfigError where a model without steps, or one whose state grows as a cache does,
    is asked for states.

    >>> layer = torch.nn.RNN(1, 1, batch_first=True)
    >>> _ = [torch.nn.init.constant_(parameter, value) for parameter, value in zip(layer.parameters(), (3.0, 0.5, 0.0, 0.0))]
    >>> gradient_flow(layer, torch.zeros(1, 4, 1)).median.tolist()        # around h = 0 the slope of tanh is 1: each step back halves
    [3.0, 1.5, 0.75, 0.375]
    """
    if not isinstance(x, Tensor):
        raise ShapeError(f"`x` is a {type(x).__name__}; a tensor (batch, time, inputs) was expected, such as torch.as_tensor(x).")
    if x.ndim != 3 or not x.dtype.is_floating_point:
        raise ShapeError(f"`x` is {x.dtype} of shape {tuple(x.shape)}; real numbers (batch, time, inputs) were expected. Tokens go in as their embeddings.")
    if of not in ("input", "state"):
        raise ConfigError(f'`of` is "input" or "state", not {of!r}.')
    batch, time, _ = x.shape
    if batch == 0 or time == 0:
        raise ShapeError(f"`x` has the shape {tuple(x.shape)}: there is no step to look back from.")
    if lengths is not None:
        check_lengths(lengths, batch, time)
        if bool((lengths < 1).any()):
            raise ShapeError(f"`lengths[{int((lengths < 1).nonzero()[0])}]` is 0: without a step there is no output to look back from.")
    ends = [time] * batch if lengths is None else lengths.tolist()
    first = 1 if of == "state" else 0
    norms = np.full((batch, max(ends)), np.nan)
    with _left_as_it_was(model):
        for b, end in enumerate(ends):
            sequence = x[b : b + 1, :end].detach().clone()
            jacobians = _by_state(model, sequence) if of == "state" else _by_input(model, sequence, None if lengths is None else end)
            norms[b, :end] = _norms(jacobians.double().cpu().numpy())[::-1]
    return GradientFlow(of, np.arange(first, first + norms.shape[1]), norms)


def _norms(jacobians: Array) -> Array:
    """(time,) largest singular values of (time, units, inputs); NaN where a Jacobian is not finite."""
    found = np.full(len(jacobians), np.nan)
    finite = np.isfinite(jacobians).all(axis=(1, 2))
    found[finite] = np.linalg.norm(jacobians[finite], ord=2, axis=(1, 2))
    return found


def _over_known(statistic: Callable[..., Any], norms: Array) -> Array:
    """(lags,) of the sequences whose norms are known; NaN, without a warning, where none is."""
    known = ~np.isnan(norms).all(axis=0)
    values = np.full(norms.shape[1], np.nan)
    values[known] = statistic(norms[:, known], axis=0)
    return values


@contextlib.contextmanager
def _left_as_it_was(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and gradients, without cuDNN, whose recurrent layers have no backward in that mode."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.inference_mode(False), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _by_input(model: nn.Module, x: Tensor, length: int | None) -> Tensor:
    """(time, units, inputs) Jacobians of one sequence (1, time, inputs): row j of the batch looks at unit j."""
    units = _last(model, x, length).shape[1]
    parts = []
    for begin in range(0, units, ROWS):
        count = min(ROWS, units - begin)
        rows = x.repeat(count, 1, 1).requires_grad_()
        own = _last(model, rows, length)[torch.arange(count), begin + torch.arange(count)]
        parts.append(torch.autograd.grad(own.sum(), rows)[0])
    return torch.cat(parts).transpose(0, 1)


def _by_state(model: nn.Module, x: Tensor) -> Tensor:
    """(time, units, numbers of the state) Jacobians by the state before each step: the first one, and those after steps 0 … time − 2."""
    state, step = _steps(model, x)
    state = _each(state, lambda part: part.detach().clone().requires_grad_())
    states = []
    output = x
    for row in x.unbind(1):
        states.append([part for part in _tensors(state) if part.requires_grad])
        if [part.shape for part in states[-1]] != [part.shape for part in states[0]]:
            raise ConfigError(f'The state of {type(model).__name__} grows from step to step, so that those of two steps cannot be compared; use of="input".')
        output, state = step(row, state)
    sources = [part for parts in states for part in parts]
    jacobians = []
    for unit in output.reshape(-1).unbind(0):
        gradients = iter(torch.autograd.grad(unit, sources, retain_graph=True, allow_unused=True, materialize_grads=True))
        jacobians.append(torch.stack([torch.cat([next(gradients).reshape(-1) for _ in parts]) for parts in states]))
    return torch.stack(jacobians, dim=1)


def _last(model: nn.Module, x: Tensor, length: int | None) -> Tensor:
    """(batch, units) the output at the last step of sequences that are all equally long."""
    if isinstance(model, nn.RNNBase):
        output = model(x)[0] if model.batch_first else model(x.transpose(0, 1))[0].transpose(0, 1)
    else:
        output = model(x) if length is None else model(x, torch.full((len(x),), length, device=x.device))
        output = output[0] if isinstance(output, tuple) else output
    if not isinstance(output, Tensor) or output.ndim not in (2, 3):
        raise ShapeError(f"The model returns {type(output).__name__}; an output (batch, time, units) or (batch, units), or (output, state), was expected.")
    return output.select(1, -1) if output.ndim == 3 else output


def _steps(model: nn.Module, x: Tensor) -> tuple[Any, Callable[[Tensor, Any], tuple[Tensor, Any]]]:
    """The first state of one sequence, and the step of a model."""
    if isinstance(model, nn.RNNBase):
        if model.bidirectional:
            raise ConfigError("A bidirectional layer has no state that its last output follows from step by step; ask for the gradient of the input.")
        layer, axis = model, 1 if model.batch_first else 0
        hidden = x.new_zeros(layer.num_layers, 1, layer.proj_size or layer.hidden_size)
        state = (hidden, x.new_zeros(layer.num_layers, 1, layer.hidden_size)) if isinstance(layer, nn.LSTM) else hidden

        def step(row: Tensor, state: Any) -> tuple[Tensor, Any]:
            output, state = layer(row.unsqueeze(axis), state)
            return output.squeeze(axis), state

        return state, step
    init, following = getattr(model, "init", None), getattr(model, "step", None)
    if init is None or following is None:
        raise ConfigError(f"{type(model).__name__} has no `init` and `step`, so there are no states to look at; ask for the gradient of the input.")
    return init(1), following


def _tensors(state: Any) -> list[Tensor]:
    """All tensors of a state, however it is built."""
    found: list[Tensor] = []

    def note(part: Tensor) -> Tensor:
        found.append(part)
        return part

    _each(state, note)
    return found


def _each(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same state with every tensor of real numbers changed."""
    if isinstance(state, Tensor):
        return change(state) if state.dtype.is_floating_point else state
    if isinstance(state, dict):
        return {key: _each(part, change) for key, part in state.items()}
    if isinstance(state, tuple | list):
        parts = [_each(part, change) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    return state


@styled
def _drawn(flow: GradientFlow) -> Figure:
    from matplotlib.ticker import MaxNLocator

    fig, (ax,) = figure(left=0.9)
    ax.set_yscale("log")
    low, high = _over_known(np.nanmin, flow.norms), _over_known(np.nanmax, flow.norms)
    if len(flow.norms) > 1:
        ax.fill_between(flow.lags, low, high, color=BLUE, alpha=0.2, label=f"range of {len(flow.norms)} sequences")
    ax.plot(flow.lags, flow.median, color=BLUE, label="median" if len(flow.norms) > 1 else "one sequence")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("lag, steps back from the last output")
    ax.set_title(f"‖∂output/∂{flow.of}‖")
    ax.legend()
    return fig
