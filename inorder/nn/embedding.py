"""Embeddings: a learnt vector for each symbol, and the same vectors as weights of the output.

    output = weight[symbol]             score = hidden · weightᵀ + bias          where tied

Sources: Bengio et al. 2003; tied weights: Press & Wolf 2017, Inan, Khosravi & Socher 2017; dropout of whole symbols: Gal & Ghahramani 2016,
Merity, Keskar & Socher 2018, §4.3; scale: Vaswani et al. 2017, §3.4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.errors import ConfigError, ShapeError
from inorder.nn.checking import check_share, check_whole


class Embedding(nn.Module):
    """Vectors of symbols.

    symbols: how many there are.   features: numbers in each vector.
    padding: the id whose vector is zero and stays so; None = there is none.
    dropout: share of symbols whose vector is zero in training: the same ones everywhere in a batch, so that a word is missing wherever it stands.
    scale: multiply by √features, as Transformers do before positions are added.
    tied: `scores` uses the same vectors, and a bias for each symbol, as the output layer.
    Vectors start as normal with deviation 1/√features, the bias as zero.

    >>> layer = Embedding(5, 3, padding=0, tied=True)
    >>> vectors = layer(torch.tensor([[4, 2, 0]]))
    >>> tuple(vectors.shape), bool(vectors[0, 2].any()), tuple(layer.scores(vectors).shape)
    ((1, 3, 3), False, (1, 3, 5))
    """

    bias: nn.Parameter | None

    def __init__(self, symbols: int, features: int, *, padding: int | None = None, dropout: float = 0.0, scale: bool = False, tied: bool = False) -> None:
        super().__init__()
        check_whole("an embedding", symbols=symbols, features=features)
        check_share(dropout=dropout)
        if padding is not None and not 0 <= padding < symbols:
            raise ConfigError(f"`padding` is the id of one of the {symbols} symbols, from 0 to {symbols - 1}, not {padding!r}.")
        self.symbols, self.features, self.padding, self.dropout, self.scale = symbols, features, padding, dropout, scale
        self.weight = nn.Parameter(torch.empty(symbols, features))
        self.register_parameter("bias", nn.Parameter(torch.empty(symbols)) if tied else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new vectors."""
        nn.init.normal_(self.weight, std=self.features**-0.5)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, symbols: Tensor) -> Tensor:
        """symbols: (...,) whole numbers.   Returns (..., features).   Raises ShapeError for an id that is no symbol (on a GPU torch does, later)."""
        self._check(symbols)
        output = functional.embedding(symbols, self.weight)
        if self.training and self.dropout:
            kept = functional.dropout(self.weight.new_ones(self.symbols, 1), self.dropout)
            output = output * functional.embedding(symbols, kept)
        if self.padding is not None:  # masked here, since a tied output may well learn this row
            output = output.masked_fill((symbols == self.padding)[..., None], 0.0)
        return output * self.features**0.5 if self.scale else output

    def scores(self, hidden: Tensor) -> Tensor:
        """Logits of every symbol.   hidden: (..., features).   Returns (..., symbols).   Raises ConfigError unless `tied`."""
        if self.bias is None:
            raise ConfigError("This embedding is not tied to an output layer; make it with tied=True.")
        if hidden.shape[-1] != self.features:
            raise ShapeError(f"`hidden` has {hidden.shape[-1]} features on its last axis, but the vectors have {self.features}.")
        return functional.linear(hidden, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.symbols}, {self.features}, padding={self.padding}, dropout={self.dropout:g}, tied={self.bias is not None}"

    def _check(self, symbols: Tensor) -> None:
        if symbols.dtype.is_floating_point or symbols.dtype in (torch.bool, torch.complex64, torch.complex128):
            raise ShapeError(f"`symbols` holds whole numbers, not {symbols.dtype}.")
        if torch.compiler.is_compiling() or symbols.device.type != "cpu":
            return  # there a look would have to wait for the device
        wrong = ((symbols < 0) | (symbols >= self.symbols)).nonzero()
        if len(wrong):
            at = wrong[0].tolist()
            raise ShapeError(f"`symbols{at}` is {int(symbols[tuple(at)])}; the embedding knows the ids 0 to {self.symbols - 1}.")
